/* See compact.h. A row is
 *
 *   u8 1, then what the text consists of, one after the other:
 *   20–7f        the byte itself
 *   80–ff        a word of the table below: of a name ,"…": and of a value "…"
 *   01 32 bytes  "…", a digest in hex         02 32 bytes  "…", a digest in base64url
 *   03 16 bytes  "…", a UUID                  04 16 bytes  "…", a salt in base64url
 *   05 n row     "…", n (3 bytes) bytes of a row without its first byte: a disclosure
 *   06 u8        any other byte               07 u8        "…": of a name without a comma
 *
 * A string is one of these only where it is spelled as it is written back; else its bytes stand for themselves. */
#include "lib/tlog/compact.h"

#include <pthread.h>

#include "lib/base/encode.h"
#include "lib/base/ids.h"
#include "lib/base/wire.h"

#define FORM       1
#define FIRST_WORD 0x80
#define HASH       sizeof(struct digest)
#define SALT       16
#define DISCLOSED  "Wy" /* how the base64url of [" begins, with which every disclosure does */
#define PLACES     256
#define NEAR       2 /* bytes */
#define NUMBER     3 /* bytes of how long a disclosure's is */

enum mark { MARK_HEX = 1, MARK_DIGEST, MARK_UUID, MARK_SALT, MARK_DISCLOSURE, MARK_BYTE, MARK_FIRST };

/* Rows name them by their place: names from 0 on, values from FIRST_VALUE on. Each list only grows at its end. */
#define FIRST_VALUE 80
#define W(word) \
	{ \
		"" word, sizeof(word) - 1 \
	}
static const struct view words[] = {
	/* names of a leaf */
	W("_sd"), W("agreement"), W("agreement_digest"), W("build"), W("caveats"), W("checked"), W("consent"),
	W("corrects"), W("envelope"), W("exception"), W("exchange"), W("final"), W("form"), W("input"),
	W("legal_basis"), W("note"), W("operation"), W("origin"), W("outcome"), W("output"), W("peer"), W("purpose"),
	W("random"), W("reason"), W("recipient"), W("tier"), W("time"),
	/* names in disclosures */
	W("id"), W("version"), W("counts"), W("dropped"), W("released"), W("transformed"), W("suppressed"),
	W("digests"), W("code_lists"), W("schema"), W("failed"), W("leaves"), W("redactions"), W("retention"),
	W("shape"), W("subject_category"), W("criterion"), W("likelihood"), W("alternative"), W("explanation"),
	W("action"), W("epoch"), W("member"), W("pointer"), W("rule"), W("clause"), W("authorisation"), W("beside"),
	W("handling"), W("reference"), W("case"), W("necessity"), W("status"), W("decision"),
	/* values */
	[FIRST_VALUE] = W("disclosure"), W("collection"), W("hold"), W("validation"), W("refusal"), W("delivery"),
	W("erasure"), W("duty"), W("delivered"), W("released"), W("released-transformed"), W("refused"), W("held"),
	W("other"), W("decision"), W("case"), W("necessity"), W("caveats"), W("stated")
};
#undef W

#define WORDS (sizeof words / sizeof *words)
_Static_assert(WORDS <= 0x100 - FIRST_WORD, "a word is one byte");

static uint8_t places[PLACES]; /* by hash: 1 + the number of a word; 0: none */
static pthread_once_t placed = PTHREAD_ONCE_INIT;

static unsigned hash(struct view v)
{
	const unsigned char *p = (const unsigned char *)v.p;

	return ((unsigned)v.n * 7 + p[0] * 31u + p[v.n / 2] * 17u + p[v.n - 1]) % PLACES;
}

static void place_words(void)
{
	for (unsigned i = 0; i < WORDS; i++) {
		if (words[i].n == 0)
			continue;
		unsigned at = hash(words[i]);
		while (places[at])
			at = (at + 1) % PLACES;
		places[at] = (uint8_t)(i + 1);
	}
}

/* Of the names, or of the values. WORDS: it is none. */
static unsigned find_word(struct view text, bool name)
{
	if (text.n == 0)
		return WORDS;
	for (unsigned at = hash(text); places[at]; at = (at + 1) % PLACES)
		if ((places[at] <= FIRST_VALUE) == name && view_eq(text, words[places[at] - 1]))
			return places[at] - 1u;
	return WORDS;
}

/* How many of the first bytes stand for themselves. */
static size_t plain_bytes(struct view v)
{
	size_t n = 0;

	/* Eight at a time, while none of them is below 20 or above 7f. */
	for (uint64_t w; v.n - n >= sizeof w; n += sizeof w) {
		memcpy(&w, v.p + n, sizeof w);
		if ((w | (w - UINT64_C(0x2020202020202020))) & UINT64_C(0x8080808080808080))
			break;
	}
	while (n < v.n && v.p[n] >= 0x20 && (unsigned char)v.p[n] < FIRST_WORD)
		n++;
	return n;
}

/* --- writing: each returns the end of what it wrote, which has room for twice what it was given --- */

static char *put(char *to, const void *bytes, size_t n)
{
	memcpy(to, bytes, n);
	return to + n;
}

static char *put_bytes(char *to, struct view v)
{
	while (v.n) {
		size_t n = plain_bytes(v);

		/* Mostly one: a comma, a colon. */
		if (n == 1)
			*to++ = v.p[0];
		else
			to = put(to, v.p, n);
		if (n < v.n) {
			*to++ = MARK_BYTE;
			*to++ = v.p[n++];
		}
		v = view_from(v, n);
	}
	return to;
}

static char *write_text(struct view text, char *to, struct buf *plain);

/* `plain`: where it is decoded. NULL: it is none. */
static char *put_disclosure(char *to, struct view text, struct buf *plain)
{
	buf_reset(plain);
	char *room = buf_room(plain, text.n);
	if (!room || !base64url_decode(text, room, text.n, &plain->n))
		return NULL;
	char *row = to + 1 + NUMBER, *end = write_text(buf_view(plain), row, NULL);
	size_t n = (size_t)(end - row);
	*to++ = MARK_DISCLOSURE;
	*to++ = (char)(n >> 16);
	*to++ = (char)(n >> 8);
	*to++ = (char)n;
	return end;
}

/* What stands between two quotes. NULL: its bytes stand for themselves. */
static char *put_string(char *to, struct view text, struct buf *plain)
{
	uint8_t *bytes = (uint8_t *)to + 1;
	enum mark mark = 0;
	struct uuid id;
	size_t n = 0;

	if (text.n == 2 * HASH && hex_decode(text, bytes, HASH, &n)) {
		mark = MARK_HEX;
	} else if (text.n == 43 && base64url_decode(text, bytes, HASH, &n)) {
		mark = MARK_DIGEST;
	} else if (text.n == 22 && base64url_decode(text, bytes, SALT, &n)) {
		mark = MARK_SALT;
	} else if (text.n == UUID_TEXT && uuid_parse(text, &id)) {
		mark = MARK_UUID;
		n = sizeof id.b;
		memcpy(bytes, id.b, n);
	}
	if (mark) {
		*to = (char)mark;
		return to + 1 + n;
	}
	return plain && view_starts(text, VIEW(DISCLOSED)) ? put_disclosure(to, text, plain) : NULL;
}

/* The next quote, most often close by; NULL: there is none. */
static const char *find_quote(struct view v)
{
	size_t n = 0;

	while (n < v.n && n < NEAR) {
		if (v.p[n] == '"')
			return v.p + n;
		n++;
	}
	return n < v.n ? memchr(v.p + n, '"', v.n - n) : NULL;
}

/* `quoted` begins with a quote: the text up to the next. False: there is none. */
static bool between_quotes(struct view quoted, struct view *text)
{
	const char *end = memchr(quoted.p + 1, '"', quoted.n - 1);

	*text = view_make(quoted.p + 1, end ? (size_t)(end - quoted.p) - 1 : 0);
	return end != NULL;
}

/* `before`, and what begins with the quote behind it; `*taken`: how many bytes of that. */
static char *put_quoted(char *to, struct view before, struct view quoted, struct buf *plain, size_t *taken)
{
	struct view text;
	bool whole = between_quotes(quoted, &text);
	bool name = text.n + 2 < quoted.n && quoted.p[text.n + 2] == ':';
	unsigned word = whole ? find_word(text, name) : WORDS;
	bool comma = name && word < WORDS && before.n && before.p[before.n - 1] == ',';

	*taken = text.n + 1 + whole;
	to = put_bytes(to, view_make(before.p, before.n - comma));
	if (word < WORDS) {
		if (name && !comma)
			*to++ = MARK_FIRST;
		*taken += name;
		*to++ = (char)(FIRST_WORD + word);
		return to;
	}
	char *end = whole ? put_string(to, text, plain) : NULL;
	return end ? end : put_bytes(to, view_make(quoted.p, *taken));
}

/* `plain` NULL: it is a disclosure's, and has none within. */
static char *write_text(struct view text, char *to, struct buf *plain)
{
	while (text.n) {
		const char *quote = find_quote(text);
		size_t n = quote ? (size_t)(quote - text.p) : text.n, taken = 0;
		struct view before = view_make(text.p, n);

		to = quote ? put_quoted(to, before, view_from(text, n), plain, &taken) : put_bytes(to, before);
		text = view_from(text, n + taken);
	}
	return to;
}

void compact_write(struct view text, struct buf *out)
{
	struct buf plain = BUF_INIT(COMPACT_TEXT);
	char *room = text.n <= COMPACT_TEXT ? buf_room(out, 1 + 2 * text.n) : NULL;

	pthread_once(&placed, place_words);
	if (room) {
		room[0] = FORM;
		out->n += (size_t)(write_text(text, room + 1, &plain) - room);
	}
	out->failed |= !room || plain.failed;
	buf_wipe(&plain);
}

/* --- reading --- */

static size_t read_number(struct reader *r)
{
	size_t n = 0;

	for (unsigned i = 0; i < NUMBER; i++)
		n = n << 8 | read_u8(r);
	return n;
}

/* Nobody wrote a row that stands for more: it is told from memory that ran out before any of it is taken. */
static bool fits(struct reader *r, const struct buf *out, size_t more)
{
	r->failed = r->failed || more > COMPACT_TEXT || out->n > COMPACT_TEXT - more;
	return !r->failed;
}

static bool read_text(struct reader r, bool nested, struct buf *out);

static void read_disclosure(struct reader *r, struct buf *out)
{
	struct reader row = { .rest = read_bytes(r, read_number(r)) };
	struct buf plain = BUF_INIT(COMPACT_MAX);

	if (r->failed || !read_text(row, true, &plain)) {
		r->failed = true;
		out->failed = out->failed || plain.failed;
	} else if (fits(r, out, (plain.n * 8 + 5) / 6)) {
		base64url_encode(out, buf_view(&plain));
	}
	buf_wipe(&plain);
}

static void read_mark(struct reader *r, enum mark mark, bool nested, struct buf *out)
{
	char text[UUID_TEXT + 1];
	struct view bytes = VIEW("");
	struct uuid id;

	switch (mark) {
	case MARK_HEX:
	case MARK_DIGEST: bytes = read_bytes(r, HASH); break;
	case MARK_SALT: bytes = read_bytes(r, SALT); break;
	case MARK_UUID: bytes = read_bytes(r, sizeof id.b); break;
	case MARK_DISCLOSURE:
		if (nested)
			r->failed = true;
		else
			read_disclosure(r, out);
		return;
	case MARK_BYTE:
	case MARK_FIRST:
	default: r->failed = true;
	}
	if (r->failed)
		return;
	if (mark == MARK_HEX) {
		hex_encode(out, bytes);
	} else if (mark == MARK_UUID) {
		memcpy(id.b, bytes.p, sizeof id.b);
		uuid_print(&id, text);
		buf_adds(out, text);
	} else {
		base64url_encode(out, bytes);
	}
}

static void read_word(struct reader *r, unsigned char c, bool comma, struct buf *out)
{
	unsigned word = (unsigned)c - FIRST_WORD;

	bool name = word < FIRST_VALUE;

	if (c < FIRST_WORD || word >= WORDS || words[word].n == 0 || (!name && !comma)) {
		r->failed = true;
		return;
	}
	buf_adds(out, name && comma ? ",\"" : "\"");
	buf_add(out, words[word]);
	buf_adds(out, name ? "\":" : "\"");
}

static bool read_text(struct reader r, bool nested, struct buf *out)
{
	while (fits(&r, out, 0) && r.rest.n) {
		size_t n = plain_bytes(r.rest);
		if (!fits(&r, out, n))
			break;
		buf_add(out, read_bytes(&r, n));
		if (r.rest.n == 0)
			break;
		uint8_t c = read_u8(&r);
		if (c >= FIRST_WORD) {
			read_word(&r, c, true, out);
		} else if (c == MARK_FIRST) {
			read_word(&r, read_u8(&r), false, out);
		} else if (c == MARK_BYTE) {
			buf_addc(out, (char)read_u8(&r));
		} else {
			buf_addc(out, '"');
			read_mark(&r, (enum mark)c, nested, out);
			buf_addc(out, '"');
		}
	}
	return !r.failed && !out->failed;
}

bool compact_read(struct view row, struct buf *out)
{
	struct reader r = { .rest = row };

	return read_u8(&r) == FORM && read_text(r, false, out);
}
