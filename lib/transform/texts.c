/* Transforms of texts without a key: mask, postcode, geohash, IP network. */
#include "lib/transform/actions.h"

#include <arpa/inet.h>

/* Bytes of the first n code points; the text is valid UTF-8, as the tape saw to. */
static size_t points_bytes(struct view text, size_t n)
{
	size_t i = 0;

	while (i < text.n && n > 0) {
		i++;
		while (i < text.n && ((unsigned char)text.p[i] & 0xc0) == 0x80)
			i++;
		n--;
	}
	return i;
}

static size_t count_points(struct view text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

bool apply_mask(const struct rule *r, struct view text, struct buf *out)
{
	const struct mask_params *m = &r->p.mask;
	size_t n = count_points(text), first = m->first, last = m->last;

	if (m->length) {
		n = m->length;
		first = last = 0;
	} else if (n < 2 * (first + last)) {
		first = last = 0; /* too short: more would stay than goes */
	}
	buf_add(out, view_make(text.p, points_bytes(text, first)));
	for (size_t i = first + last; i < n; i++)
		buf_addc(out, m->character);
	if (last)
		buf_add(out, view_from(text, points_bytes(text, n - last)));
	return !out->failed;
}

bool apply_postcode(const struct rule *r, struct view text, struct buf *out, struct error *e)
{
	const struct postcode_params *c = r->p.postcode;
	char code[16];
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char ch = text.p[i];

		if (ch == ' ' || ch == '-')
			continue;
		if (ch >= 'a' && ch <= 'z')
			ch = (char)(ch - 'a' + 'A');
		if (!((ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9')) || n >= 12)
			return rule_fail(r, e, "the value is not a postal code");
		code[n++] = ch;
	}
	if (n == 0 || (c->last && n <= c->last))
		return rule_fail(r, e, "the postal code is too short");
	n = c->last ? n - c->last : n < c->first ? n : c->first;
	code[n] = 0;
	for (uint32_t i = 0; i < c->n_suppress; i++)
		if (strcmp(code, c->suppress[i]) == 0)
			memset(code, '0', n);
	buf_add(out, view_make(code, n));
	return true;
}

bool apply_geohash(const struct rule *r, struct view text, struct buf *out, struct error *e)
{
	if (text.n < 1 || text.n > 12)
		return rule_fail(r, e, "the value is not a geohash");
	for (size_t i = 0; i < text.n; i++)
		if (!memchr("0123456789bcdefghjkmnpqrstuvwxyz", text.p[i], 32))
			return rule_fail(r, e, "the value is not a geohash");
	buf_add(out, view_make(text.p, text.n < r->p.geo.digits ? text.n : r->p.geo.digits));
	return true;
}

bool apply_ip_prefix(const struct rule *r, struct view text, struct buf *out, struct error *e)
{
	char address[INET6_ADDRSTRLEN + 1] = "", printed[INET6_ADDRSTRLEN];
	struct view rest = text, head = view_cut(&rest, '/');
	bool has_prefix = rest.p != NULL;
	uint8_t b[16];

	if (head.n < sizeof address && !memchr(head.p ? head.p : "", 0, head.n))
		memcpy(address, head.p ? head.p : "", head.n);
	bool v6 = memchr(address, ':', sizeof address) != NULL;
	int family = v6 ? AF_INET6 : AF_INET;
	if (inet_pton(family, address, b) != 1)
		return rule_fail(r, e, "the value is not an IP address");
	unsigned long long prefix = v6 ? 128 : 32;
	if (has_prefix && !view_to_u64(rest, prefix, &prefix))
		return rule_fail(r, e, "the value is not an IP network");
	if (prefix > (v6 ? r->p.ip.v6 : r->p.ip.v4))
		prefix = v6 ? r->p.ip.v6 : r->p.ip.v4;
	for (unsigned bit = (unsigned)prefix; bit < (v6 ? 128u : 32u); bit++)
		b[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	inet_ntop(family, b, printed, sizeof printed); /* any bytes are an address, and there is room for it */
	buf_addf(out, "%s/%u", printed, (unsigned)prefix);
	return true;
}
