/* See redact.h. The text is looked at once from left to right; at each place where a word can begin the
 * recognisers try in the order of their enum, and the first that finds something takes it. */
#include "lib/transform/redact.h"

#include <utf8proc.h>

#define IBAN_MIN  15
#define IBAN_MAX  34
#define CARD_MIN  12
#define CARD_MAX  19
#define PHONE_MIN 7
#define PHONE_MAX 15
/* RFC 5321 4.5.3.1; they also keep a hostile text from being read again and again. */
#define LOCAL_MAX  64
#define DOMAIN_MAX 255

const char *recogniser_name(enum recogniser r)
{
	static const char *const names[] = {
		[RECOGNISER_MRZ] = "mrz",     [RECOGNISER_IBAN] = "iban",   [RECOGNISER_CARD] = "card",
		[RECOGNISER_EMAIL] = "email", [RECOGNISER_PHONE] = "phone", [RECOGNISER_WORD] = "word",
	};

	return (unsigned)r < RECOGNISER_COUNT ? names[r] : "";
}

enum recogniser recogniser_find(struct view name)
{
	for (int r = 0; r < RECOGNISER_COUNT; r++)
		if (view_is(name, recogniser_name((enum recogniser)r)))
			return (enum recogniser)r;
	return RECOGNISER_COUNT;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_alnum(char c)
{
	return is_digit(c) || is_letter(c);
}

static int value36(char c)
{
	return is_digit(c) ? c - '0' : c >= 'a' ? c - 'a' + 10 : c - 'A' + 10;
}

unsigned luhn_digit(const uint8_t *digits, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned d = digits[n - 1 - i] * (i % 2 == 0 ? 2u : 1u);

		sum += d > 9 ? d - 9 : d;
	}
	return (10 - sum % 10) % 10;
}

unsigned mrz_digit(const char *text, size_t n)
{
	static const unsigned weights[] = { 7, 3, 1 };
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (text[i] == '<' ? 0 : (unsigned)value36(text[i])) * weights[i % 3];
	return sum % 10;
}

/* Bytes of one separator inside a number: space, hyphen, point, no-break spaces; 0 for none. */
static size_t separator(struct view v)
{
	if (v.n >= 1 && (v.p[0] == ' ' || v.p[0] == '-' || v.p[0] == '.'))
		return 1;
	if (view_starts(v, VIEW("\xc2\xa0")))
		return 2;
	return view_starts(v, VIEW("\xe2\x80\xaf")) || view_starts(v, VIEW("\xe2\x80\x91")) ? 3 : 0;
}

/* Collects characters that `take` accepts, at most `max`, across single separators. ends[i] is the length in
 * `v` after i + 1 characters. */
static size_t collect(struct view v, bool (*take)(char), size_t max, char *out, size_t *ends)
{
	size_t n = 0, i = 0;

	while (n < max && i < v.n) {
		size_t gap = n > 0 ? separator(view_from(v, i)) : 0;

		if (i + gap >= v.n || !take(v.p[i + gap]))
			break;
		i += gap;
		out[n] = v.p[i++];
		ends[n++] = i;
	}
	return n;
}

/* Nothing of the same kind follows, so that the find is not the front of something longer. */
static bool ends_word(struct view v, size_t at)
{
	return at >= v.n || !is_alnum(v.p[at]);
}

static bool mod97_is_1(const char *iban, size_t n)
{
	unsigned rest = 0;

	/* The first four characters count behind the others. */
	for (size_t i = 0; i < n; i++) {
		unsigned d = (unsigned)value36(iban[(i + 4) % n]);

		rest = (rest * (d > 9 ? 100 : 10) + d) % 97;
	}
	return rest == 1;
}

static size_t find_iban(struct view v)
{
	char c[IBAN_MAX];
	size_t ends[IBAN_MAX], n;

	if (v.n < IBAN_MIN || !is_letter(v.p[0]) || !is_letter(v.p[1]) || !is_digit(v.p[2]) || !is_digit(v.p[3]))
		return 0;
	for (n = collect(v, is_alnum, IBAN_MAX, c, ends); n >= IBAN_MIN; n--)
		if (ends_word(v, ends[n - 1]) && mod97_is_1(c, n))
			return ends[n - 1];
	return 0;
}

static size_t find_card(struct view v)
{
	char c[CARD_MAX];
	uint8_t digits[CARD_MAX];
	size_t ends[CARD_MAX], n;

	if (v.n == 0 || !is_digit(v.p[0]))
		return 0;
	n = collect(v, is_digit, CARD_MAX, c, ends);
	for (size_t i = 0; i < n; i++)
		digits[i] = (uint8_t)(c[i] - '0');
	for (; n >= CARD_MIN; n--)
		if (ends_word(v, ends[n - 1]) && luhn_digit(digits, n - 1) == digits[n - 1])
			return ends[n - 1];
	return 0;
}

static size_t find_phone(struct view v)
{
	size_t digits = 0, end = 0, i = 1;

	if (v.n < 2 || v.p[0] != '+')
		return 0;
	while (i < v.n && digits <= PHONE_MAX) {
		if (is_digit(v.p[i])) {
			if (digits == 0 && v.p[i] == '0')
				return 0;
			digits++;
			end = ++i;
			continue;
		}
		size_t gap = separator(view_from(v, i));
		if (!gap && (v.p[i] == '(' || v.p[i] == ')' || v.p[i] == '/'))
			gap = 1;
		/* At most two in a row, as in "+44 (20)". */
		if (!gap || i - end + gap > 4)
			break;
		i += gap;
	}
	return digits >= PHONE_MIN && digits <= PHONE_MAX ? end : 0;
}

static bool is_local(char c)
{
	return is_alnum(c) || (unsigned char)c >= 0x80 || (c && strchr(".!#$%&'*+/=?^_`{|}~-", c) != NULL);
}

static size_t find_email(struct view v)
{
	size_t i = 0, label = 0, dots = 0;

	while (i < v.n && i <= LOCAL_MAX && is_local(v.p[i]))
		i++;
	if (i == 0 || i >= v.n || v.p[i] != '@')
		return 0;
	size_t end = i + 1 + DOMAIN_MAX < v.n ? i + 1 + DOMAIN_MAX : v.n;
	for (i++, label = i; i < end; i++) {
		if (v.p[i] == '.' && i > label && i + 1 < v.n &&
		    (is_alnum(v.p[i + 1]) || (unsigned char)v.p[i + 1] >= 0x80)) {
			dots++;
			label = i + 1;
		} else if (!is_alnum(v.p[i]) && v.p[i] != '-' && (unsigned char)v.p[i] < 0x80) {
			break;
		}
	}
	return dots > 0 && i - label >= 2 ? i : 0;
}

static bool mrz_check(const char *line, size_t from, size_t n)
{
	char check = line[from + n];

	/* An optional element that is empty may have `<` instead of its digit. */
	return check == '<' ? line[from] == '<'
	                    : is_digit(check) && mrz_digit(line + from, n) == (unsigned)(check - '0');
}

/* A whole line of 30, 36 or 44 characters. Lines with numbers have check digits; those with names only a form. */
static size_t find_mrz(struct view v)
{
	size_t n = 0;
	bool names = true;

	while (n < v.n && n <= 44 && (is_digit(v.p[n]) || (v.p[n] >= 'A' && v.p[n] <= 'Z') || v.p[n] == '<'))
		names = !is_digit(v.p[n++]) && names;
	if ((n != 30 && n != 36 && n != 44) || (n < v.n && (is_alnum(v.p[n]) || (unsigned char)v.p[n] >= 0x80)))
		return 0;
	const char *line = v.p;
	if (names)
		return memmem(line, n, "<<", 2) ? n : 0;
	if (n == 30) {
		bool first = memchr("ACI", line[0], 3) && mrz_check(line, 5, 9);
		bool second = is_digit(line[0]) && mrz_check(line, 0, 6) && mrz_check(line, 8, 6);

		return first || second ? n : 0;
	}
	return mrz_check(line, 0, 9) && mrz_check(line, 13, 6) && mrz_check(line, 21, 6) ? n : 0;
}

/* One word or phrase, folded, in an open-addressed table by the hash of its first word. */
struct entry {
	uint32_t hash, n;
	char *text;
};

struct dictionary {
	size_t slots, n;
	struct entry entries[];
};

struct dictionary *dictionary_new(size_t capacity)
{
	size_t slots = 8;

	while (slots < capacity * 2)
		slots *= 2;
	struct dictionary *d = calloc(1, sizeof *d + slots * sizeof d->entries[0]);
	if (d)
		d->slots = slots;
	return d;
}

void dictionary_free(struct dictionary *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->slots; i++)
		free(d->entries[i].text);
	free(d);
}

/* The code point at the front in lower case; *bytes 0 at the end. */
static utf8proc_int32_t lower_point(struct view v, size_t *bytes)
{
	utf8proc_int32_t c = 0;
	utf8proc_ssize_t n = v.n ? utf8proc_iterate((const utf8proc_uint8_t *)v.p, (utf8proc_ssize_t)v.n, &c) : 0;

	*bytes = n > 0 ? (size_t)n : v.n ? 1 : 0;
	return n > 0 ? utf8proc_tolower(c) : 0xfffd;
}

static bool is_word_point(utf8proc_int32_t c)
{
	if (c < 0x80)
		return is_alnum((char)c);
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ND: return true;
	default: return false;
	}
}

/* FNV-1a over the lower-case code points of the first word; *n its bytes. */
static uint32_t word_hash(struct view v, size_t *n)
{
	uint32_t h = 2166136261u;
	size_t bytes;

	for (*n = 0; *n < v.n; *n += bytes) {
		utf8proc_int32_t c = lower_point(view_from(v, *n), &bytes);

		if (!is_word_point(c))
			break;
		h = (h ^ (uint32_t)c) * 16777619u;
	}
	return h;
}

bool dictionary_add(struct dictionary *d, struct view word)
{
	size_t first;
	uint32_t h = word_hash(word, &first);

	/* One slot stays free, or a search would not end. */
	if (first == 0 || d->n + 1 >= d->slots)
		return false;
	size_t i = h & (d->slots - 1);
	while (d->entries[i].text)
		i = (i + 1) & (d->slots - 1);
	d->entries[i].text = malloc(word.n);
	if (!d->entries[i].text)
		return false;
	memcpy(d->entries[i].text, word.p, word.n);
	d->entries[i].n = (uint32_t)word.n;
	d->entries[i].hash = h;
	d->n++;
	return true;
}

/* Bytes of `v` that equal the entry but for case, ending with a whole word; 0: none. */
static size_t match_entry(struct view v, const struct entry *e)
{
	struct view want = view_make(e->text, e->n);
	size_t i = 0, a, b;

	while (want.n > 0) {
		if (lower_point(view_from(v, i), &a) != lower_point(want, &b) || a == 0)
			return 0;
		i += a;
		want = view_from(want, b);
	}
	return i < v.n && is_word_point(lower_point(view_from(v, i), &a)) ? 0 : i;
}

static size_t find_word(const struct dictionary *d, struct view v)
{
	size_t first, longest = 0;
	uint32_t h = word_hash(v, &first);

	if (first == 0)
		return 0;
	for (size_t i = h & (d->slots - 1); d->entries[i].text; i = (i + 1) & (d->slots - 1)) {
		size_t n = d->entries[i].hash == h ? match_entry(v, &d->entries[i]) : 0;

		longest = n > longest ? n : longest;
	}
	return longest;
}

static size_t find(enum recogniser r, const struct dictionary *words, struct view v)
{
	switch (r) {
	case RECOGNISER_MRZ: return find_mrz(v);
	case RECOGNISER_IBAN: return find_iban(v);
	case RECOGNISER_CARD: return find_card(v);
	case RECOGNISER_EMAIL: return find_email(v);
	case RECOGNISER_PHONE: return find_phone(v);
	case RECOGNISER_WORD: return words ? find_word(words, v) : 0;
	case RECOGNISER_COUNT: break;
	}
	return 0;
}

/* Something can begin at `at`: no character of a word stands before it. */
static bool begins_word(struct view text, size_t at)
{
	size_t i = at, bytes;

	if (at == 0)
		return true;
	do
		i--;
	while (i > 0 && ((unsigned char)text.p[i] & 0xc0) == 0x80);
	return !is_word_point(lower_point(view_from(text, i), &bytes));
}

size_t redact(unsigned set, const struct dictionary *words, struct view text, struct buf *out,
              uint32_t counts[RECOGNISER_COUNT])
{
	size_t at = 0, copied = 0, finds = 0;

	while (at < text.n) {
		size_t n = 0;
		int r = 0;

		if (begins_word(text, at))
			for (r = 0; r < RECOGNISER_COUNT && n == 0; r++)
				if (set & 1u << r)
					n = find((enum recogniser)r, words, view_from(text, at));
		if (n == 0) {
			do
				at++;
			while (at < text.n && ((unsigned char)text.p[at] & 0xc0) == 0x80);
			continue;
		}
		r--;
		finds++;
		if (counts)
			counts[r]++;
		if (out) {
			buf_add(out, view_make(text.p + copied, at - copied));
			buf_addf(out, "[%s]", recogniser_name((enum recogniser)r));
		}
		at += n;
		copied = at;
	}
	if (out)
		buf_add(out, view_from(text, copied));
	return finds;
}
