/* E-mail addresses, also as people write them to keep them from machines: "anna at host dot example", "(at)", spaces
 * around the @, names in any script. See recognise.h.
 *
 * The more an address is disguised, the more the rest must look like one: only the plain form takes every domain. */
#include "lib/transform/points.h"
#include "lib/transform/recognise.h"

/* RFC 5321 4.5.3.1 allows 64 and 255; what is longer in front of an @ is still somebody's. */
#define LOCAL_MAX  256
#define DOMAIN_MAX 255
#define QUOTED_MAX 66
#define LABEL_MAX  63

enum at_kind {
	AT_NONE,
	AT_PLAIN,  /* @ */
	AT_SPACED, /* white space beside the @ */
	AT_MARKED, /* (at), [at], _at_, and the @ in brackets */
	AT_A_WORD, /* at, between spaces */
};

struct domain {
	size_t end;          /* signs; 0: none */
	size_t last, last_n; /* the last label */
	bool foreign;        /* words between spaces that are not "dot" */
	bool worded, spaced; /* dots that were words, or had spaces beside them */
	bool address;        /* an IP address */
};

static bool is_local(int32_t c)
{
	return c < 0x80 ? sign_is(c, SIGN_LOCAL) : point_is_word(c);
}

static bool is_label(int32_t c)
{
	return c == '-' || point_is_word(c);
}

/* Signs of the word at `i`, when no letter follows it. */
static size_t word_at(const struct place *p, size_t i, const char *word)
{
	size_t n = 0;

	for (; word[n]; n++)
		if (sign_at(p, i + n) != (unsigned char)word[n])
			return 0;
	return point_is_word(sign_at(p, i + n)) ? 0 : n;
}

#define LETTER(c) (1u << ((c) - 'a'))

/* One of the words, whose first letters are those of `first`. */
static size_t any_word(const struct place *p, size_t i, unsigned first, const char *const *words)
{
	int32_t c = sign_at(p, i);
	size_t n = 0;

	/* Most words of a text begin otherwise. */
	if (!sign_is_letter(c) || !(first >> (c - 'a') & 1))
		return 0;
	for (; n == 0 && *words; words++)
		n = (unsigned char)**words == c ? word_at(p, i, *words) : 0;
	return n;
}

#define AT_FIRST  (LETTER('a') | LETTER('c') | LETTER('k') | LETTER('m') | LETTER('z'))
#define DOT_FIRST (LETTER('d') | LETTER('p') | LETTER('k') | LETTER('t'))

/* "at" and "dot" in the languages of Europe that write them so. Marks are left out: `at` is also German `ät`. */
static size_t at_word(const struct place *p, size_t i)
{
	static const char *const words[] = { "at",          "arroba", "arobase", "chiocciola",
		                             "klammeraffe", "malpa",  "zavinac", NULL };

	return any_word(p, i, AT_FIRST, words);
}

static size_t dot_word(const struct place *p, size_t i)
{
	static const char *const words[] = {
		"dot", "punkt", "point", "punto", "ponto", "kropka", "tecka", "punt", NULL
	};

	return any_word(p, i, DOT_FIRST, words);
}

static bool is_blank(int32_t c)
{
	return c == ' ' || c == '\n';
}

/* The closing sign for an opening one. */
static int32_t closing(int32_t c)
{
	static const char pairs[] = "()[]{}<>--__**//||~~==";

	if (!sign_is(c, SIGN_OPENS))
		return 0;
	for (size_t i = 0; i + 1 < sizeof pairs; i += 2)
		if (pairs[i] == c)
			return pairs[i + 1];
	return 0;
}

/* A word or sign between brackets or the like, with spaces anywhere: " ( at ) ", "-dot-". Signs, or 0. */
static size_t marked(const struct place *p, size_t i, size_t (*word)(const struct place *, size_t), int32_t sign)
{
	size_t from = i;

	i += is_blank(sign_at(p, i));
	int32_t close = closing(sign_at(p, i));
	if (!close)
		return 0;
	i++;
	i += is_blank(sign_at(p, i));
	size_t n = word(p, i);
	/* `_` is no letter, so that a word in underscores ends there. */
	if (n == 0 && sign_at(p, i) == sign)
		n = 1;
	if (n == 0)
		return 0;
	i += n;
	i += is_blank(sign_at(p, i));
	if (sign_at(p, i) != close)
		return 0;
	i++;
	return i + is_blank(sign_at(p, i)) - from;
}

/* What parts local part and domain at `i`; its signs. */
static size_t at_anchor(const struct place *p, size_t i, enum at_kind *kind)
{
	int32_t c = sign_at(p, i);

	if (c == '@') {
		bool blank = is_blank(sign_at(p, i + 1));
		*kind = blank ? AT_SPACED : AT_PLAIN;
		return 1 + blank;
	}
	size_t n = is_blank(c) || closing(c) ? marked(p, i, at_word, '@') : 0;
	if (n) {
		*kind = AT_MARKED;
		return n;
	}
	if (!is_blank(c))
		return 0;
	if (sign_at(p, i + 1) == '@') {
		*kind = AT_SPACED;
		return 2 + is_blank(sign_at(p, i + 2));
	}
	n = at_word(p, i + 1);
	*kind = AT_A_WORD;
	return n && is_blank(sign_at(p, i + 1 + n)) ? n + 2 : 0;
}

/* Domains that end so are domains, whatever stands around: countries' two letters and the common others. */
static bool known_end(const struct place *p, size_t at, size_t n)
{
	static const char *const names[] = { "com",  "org",    "net",     "edu",     "gov",   "mil",    "int",   "info",
		                             "biz",  "name",   "eu",      "example", "test",  "online", "site",  "shop",
		                             "app",  "dev",    "email",   "cloud",   "mobi",  "pro",    "asia",  "coop",
		                             "aero", "local",  "invalid", "museum",  "jobs",  "travel", "xyz",   "tel",
		                             "cat",  "berlin", "wien",    "london",  "paris", "swiss",  "bayern" };

	if (n >= 2 && sign_at(p, at) >= 0x80)
		return true;
	/* Dashes in a row are one sign: xn-- */
	if (n > 3 && sign_at(p, at) == 'x' && sign_at(p, at + 1) == 'n' && sign_at(p, at + 2) == '-')
		return true;
	if (n == 2)
		return sign_is_letter(sign_at(p, at)) && sign_is_letter(sign_at(p, at + 1));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i]) == n && word_at(p, at, names[i]) == n)
			return true;
	return false;
}

static bool one_of(const struct place *p, size_t at, size_t n, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == n && word_at(p, at, *words) == n)
			return true;
	return false;
}

/* Words of two letters that are also a country's. */
static bool is_short_word(const struct place *p, size_t at, size_t n)
{
	static const char *const words[] = { "it", "is", "in", "at", "be", "to", "me", "my", "no", "so", "us", "am",
		                             "do", "he", "we", "if", "of", "on", "or", "by", "an", "as", NULL };

	return one_of(p, at, n, words);
}

static size_t label_length(const struct place *p, size_t i)
{
	size_t n = 0;

	while (n < LABEL_MAX && is_label(sign_at(p, i + n))) {
		/* "-dot-" is a dot. */
		if (n > 0 && sign_at(p, i + n) == '-' && marked(p, i + n, dot_word, '.'))
			break;
		n++;
	}
	return n > 0 && sign_at(p, i) != '-' ? n : 0;
}

/* A dot within a domain at `i`, in any disguise; its signs. */
static size_t domain_dot(const struct place *p, size_t i, struct domain *d)
{
	int32_t c = sign_at(p, i);
	size_t n = is_blank(c) || closing(c) ? marked(p, i, dot_word, '.') : 0;

	if (n) {
		d->worded = true;
		return n;
	}
	if (c == '.' && !is_blank(sign_at(p, i + 1)))
		return 1;
	if (is_blank(c) && (n = dot_word(p, i + 1)) && is_blank(sign_at(p, i + 1 + n))) {
		d->worded = true;
		d->foreign = d->foreign || n != 3;
		return n + 2;
	}
	if (c == '.' || (is_blank(c) && sign_at(p, i + 1) == '.')) {
		d->spaced = true;
		n = c == '.' ? 1 : 2;
		return n + is_blank(sign_at(p, i + n));
	}
	return 0;
}

static bool has_letter(const struct place *p, size_t at, size_t n)
{
	for (size_t i = at; i < at + n; i++)
		if (sign_at(p, i) != '-' && !sign_is_digit(sign_at(p, i)))
			return true;
	return false;
}

/* [192.0.2.1] or an address of four numbers. */
static size_t address_literal(const struct place *p, size_t i)
{
	size_t n = i, numbers = 0, digits = 0;
	bool bracket = sign_at(p, i) == '[';

	for (n += bracket; n - i < 48; n++) {
		int32_t c = sign_at(p, n);
		if (sign_is_digit(c)) {
			numbers += digits++ == 0;
			continue;
		}
		if (c != '.' && !(bracket && (c == ':' || (c >= 'a' && c <= 'f') || c == 'i' || c == 'p' || c == 'v')))
			break;
		digits = 0;
	}
	if (bracket)
		return sign_at(p, n) == ']' && numbers > 0 ? n + 1 : 0;
	return numbers == 4 && digits > 0 && digits <= 3 && !point_is_word(sign_at(p, n)) ? n : 0;
}

static struct domain read_domain(const struct place *p, size_t i)
{
	struct domain d = { .end = address_literal(p, i) };
	size_t from = i, n = label_length(p, i);

	if (d.end || n == 0) {
		d.address = d.end > 0;
		return d;
	}
	for (i += n; i - from < DOMAIN_MAX;) {
		struct domain next = d;
		next.spaced = false;
		size_t dot = domain_dot(p, i, &next);

		n = dot ? label_length(p, i + dot) : 0;
		/* A full stop with a space behind it ends a sentence, unless a domain's end follows. */
		if (n == 0 || (next.spaced && (!known_end(p, i + dot, n) || sign_at(p, i + dot + n) == '_')) ||
		    (next.spaced && sign_at(p, i) == '.' && is_short_word(p, i + dot, n)))
			break;
		next.spaced = next.spaced || d.spaced;
		next.last = i + dot;
		next.last_n = n;
		i += dot + n;
		next.end = i;
		d = next;
	}
	if (d.end && (d.last_n < 2 || !has_letter(p, d.last, d.last_n)))
		d.end = 0;
	return d;
}

/* "anna.maria at example.org": with a real dot and no bracket it must not be a sentence. */
static bool is_no_sentence(const struct place *p, size_t local, size_t at, const struct domain *d)
{
	static const char *const before[] = {
		"available", "look",      "found",         "see",         "us",        "me",
		"it",        "visit",     "page",          "pages",       "site",      "website",
		"online",    "is",        "are",           "was",         "list",      "lists",
		"archive",   "hosted",    "live",          "here",        "more",      "and",
		"or",        "be",        "details",       "files",       "code",      "source",
		"download",  "read",      "documentation", "information", "them",      "project",
		"homepage",  "home",      "version",       "copy",        "server",    "license",
		"released",  "published", "repository",    "begin",       "project's", NULL
	};
	static const char *const hosts[] = { "www", "ftp", "http", "https", NULL };

	for (size_t i = 0; i < local; i++)
		if (sign_is_digit(p->s[i].point) || p->s[i].point == '_' ||
		    (p->s[i].point == '.' && i > 0 && i + 1 < local))
			return true;
	size_t host = label_length(p, at);
	/* "listed at", "hosted at" */
	if (local > 3 && sign_at(p, local - 2) == 'e' && sign_at(p, local - 1) == 'd')
		return false;
	return !d->spaced && !one_of(p, 0, local, before) && !is_short_word(p, d->last, d->last_n) &&
	       !one_of(p, at, host, hosts);
}

/* The whole address, whose local part has `local` signs; 0: it is none. */
static size_t address_from(const struct place *p, size_t local)
{
	enum at_kind kind = AT_NONE;
	size_t at = at_anchor(p, local, &kind);

	if (at == 0)
		return 0;
	struct domain d = read_domain(p, local + at);
	if (!d.end || (d.address && kind != AT_PLAIN && kind != AT_MARKED))
		return 0;
	if (d.address || (kind == AT_PLAIN && !d.spaced))
		return d.end;
	if (!known_end(p, d.last, d.last_n) && !(d.worded && kind == AT_MARKED))
		return 0;
	/* "at any point in time" */
	if (kind == AT_A_WORD && d.foreign && word_at(p, local + 1, "at"))
		return 0;
	return kind != AT_A_WORD || d.worded || is_no_sentence(p, local, local + at, &d) ? d.end : 0;
}

static size_t quoted(const struct place *p)
{
	for (size_t i = 1; i < QUOTED_MAX && sign_at(p, i) && sign_at(p, i) != '\n'; i++)
		if (sign_at(p, i) == '"')
			return sign_at(p, i + 1) == '@' && i > 1 ? address_from(p, i + 1) : 0;
	return 0;
}

/* "dot" within a local part at `i`, which goes on behind it. */
static size_t local_dot(const struct place *p, size_t i)
{
	int32_t c = sign_at(p, i);
	size_t n = is_blank(c) || closing(c) ? marked(p, i, dot_word, '.') : 0;

	if (n == 0 && is_blank(c) && (n = dot_word(p, i + 1)))
		n = is_blank(sign_at(p, i + 1 + n)) ? n + 2 : 0;
	return n && is_local(sign_at(p, i + n)) ? n : 0;
}

#define AT_LETTERS 11 /* of the longest word for an @ */

size_t find_at(const struct place *p, bool ended)
{
	for (size_t i = 0; i < p->n; i++) {
		int32_t c = p->s[i].point;

		if (c == '@')
			return i;
		if (!sign_is_letter(c))
			continue;
		/* A word stands behind a space or a sign that opens. */
		bool begins = i > 0 || !sign_is_letter(p->before);
		if (begins && ((!ended && i + AT_LETTERS >= p->n) || ((AT_FIRST >> (c - 'a') & 1) && at_word(p, i))))
			return i;
		while (i + 1 < p->n && sign_is_letter(p->s[i + 1].point))
			i++;
	}
	return p->n;
}

/* Whether an @ or a dot in any disguise may be at `i`, where the local part's first word ends. Most words have others behind
 * them. */
static bool may_part(const struct place *p, size_t i)
{
	int32_t c = sign_at(p, i), next = sign_at(p, i + 1);

	if (!is_blank(c) && !sign_is(c, SIGN_OPENS))
		return c == '@';
	if (sign_is_letter(next))
		return (AT_FIRST | DOT_FIRST) >> (next - 'a') & 1;
	return next == '@' || next == '.' || is_blank(next) || sign_is(next, SIGN_OPENS);
}

size_t find_email(const struct place *p)
{
	size_t i = 0, n, dots = 0;

	if (sign_at(p, 0) == '"')
		return quoted(p);
	/* The whole of a local part is looked at from its front; only one that is too long for that from within. */
	if (!is_local(sign_at(p, 0)) || (is_local(p->before) && p->before != '.'))
		return 0;
	for (i = 1; i <= LOCAL_MAX; i++) {
		int32_t c = sign_at(p, i);

		if (is_local(c) && !closing(c))
			continue;
		bool parts = may_part(p, i);
		n = parts ? address_from(p, i) : 0;
		if (n)
			return n;
		if ((n = parts && dots < 8 ? local_dot(p, i) : 0)) {
			dots++;
			i += n;
		} else if (!is_local(c)) {
			break;
		}
	}
	return 0;
}
