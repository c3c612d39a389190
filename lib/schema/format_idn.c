/* Internationalised host names (RFC 5890 to 5893). libidn2 tests a label for registration: NFC,
 * disallowed and unassigned code points, hyphens, leading marks and the contextual rules of RFC 5892
 * appendix A; here are the names around it, A-labels in both directions, and the Bidi rule, which
 * speaks of the whole name. Nothing is mapped: a name that needs mapping is no U-label. Allocates. */
#include "lib/schema/format_parts.h"

#include <idn2.h>
#include <utf8proc.h>

#define NAME_MAX_OCTETS 253u
#define LABEL_MAX       63u
#define POINTS_MAX      256u

struct label {
	uint32_t points[POINTS_MAX];
	size_t n;
};

/* RFC 3492 6.2, the part after `xn--`. */
static bool punycode_decode(struct view v, struct label *out)
{
	uint32_t n = 128, i = 0, bias = 72;
	size_t in = 0;

	out->n = 0;
	for (size_t k = v.n; k-- > 0;)
		if (v.p[k] == '-') {
			for (in = 0; in < k; in++)
				out->points[out->n++] = (uint32_t)(unsigned char)v.p[in];
			in = k + 1;
			break;
		}
	while (in < v.n) {
		uint32_t before = i, weight = 1;
		for (uint32_t k = 36;; k += 36) {
			if (in == v.n)
				return false;
			char c = v.p[in++];
			uint32_t digit = is_digit(c) ? (uint32_t)(c - '0' + 26) : ((uint32_t)c | 0x20) - 'a';
			if (!is_digit(c) && !is_letter(c))
				return false;
			if (digit > (UINT32_MAX - i) / weight)
				return false;
			i += digit * weight;
			uint32_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
			if (digit < t)
				break;
			if (weight > UINT32_MAX / (36 - t))
				return false;
			weight *= 36 - t;
		}
		uint32_t count = (uint32_t)out->n + 1;
		uint32_t delta = (i - before) / (before == 0 ? 700 : 2);
		delta += delta / count;
		for (bias = 0; delta > 455; bias += 36)
			delta /= 35;
		bias += 36 * delta / (delta + 38);
		if (i / count > 0x10ffff - n || out->n == POINTS_MAX)
			return false;
		n += i / count;
		i %= count;
		memmove(out->points + i + 1, out->points + i, (out->n - i) * sizeof *out->points);
		out->points[i++] = n;
		out->n++;
	}
	return true;
}

/* Length of the A-label of a U-label, 0 when it is none. `expected`: what the A-label must be, or p NULL. */
static size_t u_label(const struct label *l, struct view expected)
{
	uint8_t text[4 * POINTS_MAX + 1], *ace = NULL;
	size_t n = 0, length = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->points[i] == 0 || (l->points[i] >= 0xd800 && l->points[i] <= 0xdfff))
			return 0;
		n += (size_t)utf8proc_encode_char((utf8proc_int32_t)l->points[i], text + n);
	}
	text[n] = 0;
	if (idn2_register_u8(text, NULL, &ace, 0) == IDN2_OK && ace) {
		struct view made = view_of((const char *)ace);
		if (made.n <= LABEL_MAX && (!expected.p || view_eq_nocase(made, expected)))
			length = made.n;
	}
	idn2_free(ace);
	return length;
}

static utf8proc_bidi_class_t bidi_class(uint32_t cp)
{
	return (utf8proc_bidi_class_t)utf8proc_get_property((utf8proc_int32_t)cp)->bidi_class;
}

/* A label that makes its name a Bidi domain name (RFC 5893 1.4). */
static bool has_right_to_left(const struct label *l)
{
	for (size_t i = 0; i < l->n; i++) {
		utf8proc_bidi_class_t c = bidi_class(l->points[i]);
		if (c == UTF8PROC_BIDI_CLASS_R || c == UTF8PROC_BIDI_CLASS_AL || c == UTF8PROC_BIDI_CLASS_AN)
			return true;
	}
	return false;
}

#define BIT(c) (1u << UTF8PROC_BIDI_CLASS_##c)

/* RFC 5893 section 2, conditions 1 to 6. */
static bool satisfies_bidi_rule(const struct label *l)
{
	const unsigned weak = BIT(EN) | BIT(ES) | BIT(CS) | BIT(ET) | BIT(ON) | BIT(BN) | BIT(NSM);
	unsigned seen = 0, last = 0;

	for (size_t i = 0; i < l->n; i++) {
		unsigned c = 1u << bidi_class(l->points[i]);
		seen |= c;
		if (c != BIT(NSM))
			last = c;
	}
	unsigned first = l->n ? 1u << bidi_class(l->points[0]) : 0;
	if (first & (BIT(R) | BIT(AL)))
		return !(seen & ~(BIT(R) | BIT(AL) | BIT(AN) | weak)) &&
		       (last & (BIT(R) | BIT(AL) | BIT(EN) | BIT(AN))) && !((seen & BIT(EN)) && (seen & BIT(AN)));
	return first == BIT(L) && !(seen & ~(BIT(L) | weak)) && (last & (BIT(L) | BIT(EN)));
}

static bool is_a_label(struct view v)
{
	return v.n >= 4 && view_eq_nocase(view_make(v.p, 4), VIEW("xn--"));
}

/* The code points of a label, an A-label decoded. Sets its length as an A-label; 0: not a label. */
static size_t read_label(struct view v, bool idn, struct label *out)
{
	bool ascii = true;

	out->n = 0;
	if (is_a_label(v))
		return v.n <= LABEL_MAX && punycode_decode(view_from(v, 4), out) && u_label(out, v) ? v.n : 0;
	for (size_t i = 0; i < v.n;) {
		uint32_t cp = next_code_point(v, &i);
		ascii = ascii && cp < 0x80;
		if (out->n == POINTS_MAX)
			return 0;
		out->points[out->n++] = cp;
	}
	if (!ascii)
		return idn ? u_label(out, view_make(NULL, 0)) : 0;
	/* Reserved LDH labels other than A-labels are no U-labels (RFC 5891 4.2.3.1). */
	if (!format_ldh_name(v) || (idn && v.n >= 4 && v.p[2] == '-' && v.p[3] == '-'))
		return 0;
	return v.n;
}

/* Cuts the next label off. Full stops of other scripts part labels too (RFC 3490 3.1). */
static struct view next_label(struct view *rest, bool idn)
{
	struct view all = *rest;

	for (size_t i = 0; i < all.n;) {
		size_t from = i;
		uint32_t cp = next_code_point(all, &i);
		if (cp == '.' || (idn && (cp == 0x3002 || cp == 0xff0e || cp == 0xff61))) {
			*rest = view_from(all, i);
			return view_make(all.p, from);
		}
	}
	*rest = view_make(NULL, 0);
	return all;
}

bool format_has_a_label(struct view v)
{
	while (v.p)
		if (is_a_label(next_label(&v, false)))
			return true;
	return false;
}

bool format_idn_name(struct view v, bool idn)
{
	struct label l;
	size_t octets = 0;
	bool bidi = false;

	if (!v.n || v.n > 4 * NAME_MAX_OCTETS)
		return false;
	for (struct view rest = v; rest.p;) {
		size_t n = read_label(next_label(&rest, idn), idn, &l);
		octets += n + 1;
		if (!n || octets > NAME_MAX_OCTETS + 1)
			return false;
		bidi = bidi || has_right_to_left(&l);
	}
	if (!bidi)
		return true;
	for (struct view rest = v; rest.p;)
		if (!read_label(next_label(&rest, idn), idn, &l) || !satisfies_bidi_rule(&l))
			return false;
	return true;
}
