/* See receipt_bundle.h. A bundle is
 *
 *   u8 1, n texts { n bytes }, n hashes { 32 bytes }, n receipts { n bytes }
 *
 * where every n is a number of 7 bits a byte, the lowest first. A receipt is 0 and its text, or
 *
 *   1 + text of its checkpoint, 0 or 1 + text of its leaf's words, index, n { hash }, values
 *
 * The words of a leaf are its bytes with a mark in the place of each value: MARK_HEX and so on. Leaves have no control
 * characters; one that has any makes its receipt one that is kept as text. */
#include "lib/tlog/receipt_bundle.h"

#include <stdlib.h>

#include "lib/base/encode.h"
#include "lib/base/wire.h"
#include "lib/tlog/receipt.h"

#define FORM      1
#define PROBES    64 /* then a hash is kept twice */
#define FIRST_MAP 256
#define HASH      sizeof(struct digest)

enum mark {
	MARK_HEX = 1, /* a digest in hex: a hash of the bundle */
	MARK_DIGEST,  /* in base64url: 32 bytes */
	MARK_UUID,    /* 16 bytes */
	MARK_SALT,    /* 16 bytes in base64url */
	MARK_NUMBER,
	MARK_END
};

void receipt_bundle_free(struct receipt_bundle *b)
{
	struct buf *all[] = { &b->texts, &b->hashes, &b->items, &b->leaf, &b->words, &b->values, &b->item };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		buf_free(all[i]);
	free(b->places);
	*b = RECEIPT_BUNDLE_INIT;
}

/* --- numbers --- */

static void put_number(struct buf *b, uint64_t n)
{
	for (; n > 0x7f; n >>= 7)
		buf_addc(b, (char)(0x80 | (n & 0x7f)));
	buf_addc(b, (char)n);
}

static uint64_t read_number(struct reader *r)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = read_u8(r);
		n |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return n;
	}
	r->failed = true;
	return 0;
}

static struct view read_text(struct reader *r)
{
	uint64_t n = read_number(r);

	if (n > r->rest.n)
		r->failed = true;
	return read_bytes(r, r->failed ? 0 : (size_t)n);
}

/* --- what is shared --- */

static unsigned share_text(struct receipt_bundle *b, struct view text)
{
	struct reader r = { .rest = buf_view(&b->texts) };

	for (unsigned i = 0; i < b->n_texts; i++)
		if (view_eq(read_view32(&r), text))
			return i;
	put_view32(&b->texts, text);
	return b->n_texts++;
}

/* Where the search for a hash begins: it is one already. */
static unsigned first_place(const struct receipt_bundle *b, const char *hash)
{
	uint32_t at;

	memcpy(&at, hash, sizeof at);
	return at & (b->n_places - 1);
}

static bool grow_map(struct receipt_bundle *b)
{
	unsigned n = b->n_places ? 2 * b->n_places : FIRST_MAP;
	uint32_t *places = calloc(n, sizeof *places);

	if (!places)
		return false;
	free(b->places);
	b->places = places;
	b->n_places = n;
	for (unsigned i = 0; i < b->n_hashes; i++) {
		unsigned at = first_place(b, b->hashes.p + i * HASH), k = 0;
		while (k < PROBES && b->places[(at + k) & (n - 1)])
			k++;
		if (k < PROBES)
			b->places[(at + k) & (n - 1)] = i + 1;
	}
	return true;
}

static unsigned share_hash(struct receipt_bundle *b, const struct digest *d)
{
	const char *bytes = (const char *)d->b;

	if (2 * b->n_hashes >= b->n_places && !grow_map(b)) {
		b->hashes.failed = true;
		return 0;
	}
	unsigned at = first_place(b, bytes), free_place = b->n_places;
	for (unsigned k = 0; k < PROBES && free_place == b->n_places; k++) {
		unsigned place = (at + k) & (b->n_places - 1);
		if (!b->places[place])
			free_place = place;
		else if (memcmp(b->hashes.p + (b->places[place] - 1) * HASH, bytes, HASH) == 0)
			return b->places[place] - 1;
	}
	buf_add(&b->hashes, view_make(bytes, HASH));
	if (free_place < b->n_places)
		b->places[free_place] = b->n_hashes + 1;
	return b->n_hashes++;
}

/* --- a leaf's words and values --- */

static bool take_bytes(struct receipt_bundle *b, struct view text, size_t n)
{
	uint8_t bytes[HASH];
	size_t got;

	if (!base64url_decode(text, bytes, n, &got) || got != n)
		return false;
	buf_add(&b->values, view_make(bytes, n));
	return true;
}

/* What stands between two quotes; MARK_END: it is a word. */
static enum mark take_string(struct receipt_bundle *b, struct view text)
{
	struct digest d;
	struct uuid id;

	switch (text.n) {
	case 64:
		if (!digest_parse(text, &d))
			break;
		put_number(&b->values, share_hash(b, &d));
		return MARK_HEX;
	case 43: return take_bytes(b, text, HASH) ? MARK_DIGEST : MARK_END;
	case 22: return take_bytes(b, text, sizeof id) ? MARK_SALT : MARK_END;
	case UUID_TEXT:
		if (!uuid_parse(text, &id))
			break;
		buf_add(&b->values, view_make(id.b, sizeof id.b));
		return MARK_UUID;
	default: break;
	}
	return MARK_END;
}

static size_t digits(struct view v)
{
	size_t n = 0;

	while (n < v.n && v.p[n] >= '0' && v.p[n] <= '9')
		n++;
	return n;
}

/* Up to the next quote or digit. */
static size_t plain(struct view v)
{
	size_t n = 0;

	while (n < v.n && v.p[n] != '"' && (v.p[n] < '0' || v.p[n] > '9'))
		n++;
	return n;
}

static void add_number(struct receipt_bundle *b, struct view text)
{
	unsigned long long n;

	if (!view_to_u64(text, INT64_MAX, &n)) {
		buf_add(&b->words, text);
		return;
	}
	put_number(&b->values, n);
	buf_addc(&b->words, MARK_NUMBER);
}

/* The string that begins behind the quote, and its end; how many bytes. */
static size_t add_string(struct receipt_bundle *b, struct view rest)
{
	const char *end = memchr(rest.p, '"', rest.n);
	struct view text = view_make(rest.p, end ? (size_t)(end - rest.p) : rest.n);
	enum mark mark = take_string(b, text);

	if (mark == MARK_END)
		buf_add(&b->words, text);
	else
		buf_addc(&b->words, (char)mark);
	if (end)
		buf_addc(&b->words, '"');
	return text.n + (end ? 1 : 0);
}

/* False: it has control characters. */
static bool split_leaf(struct receipt_bundle *b, struct view leaf)
{
	for (size_t i = 0; i < leaf.n; i++)
		if ((unsigned char)leaf.p[i] < 0x20)
			return false;
	while (leaf.n) {
		size_t n = plain(leaf), number = digits(view_from(leaf, n));

		buf_add(&b->words, view_make(leaf.p, n));
		leaf = view_from(leaf, n);
		if (number) {
			add_number(b, view_make(leaf.p, number));
			leaf = view_from(leaf, number);
		} else if (leaf.n) {
			buf_addc(&b->words, '"');
			leaf = view_from(leaf, 1 + add_string(b, view_from(leaf, 1)));
		}
	}
	return true;
}

/* --- adding --- */

/* False: it is not as receipt_print() has it. */
static bool pack(struct receipt_bundle *b, struct view text)
{
	struct receipt r;
	struct view leaf;
	struct error e = { .reason = REASON_NONE };

	if (!receipt_parse(text, &b->leaf, &r, &leaf, &e))
		return false;
	receipt_print(&r, leaf, &b->item);
	bool same = !b->item.failed && view_eq(buf_view(&b->item), text);
	buf_reset(&b->item);
	if (!same || !split_leaf(b, leaf))
		return false;
	put_number(&b->item, 1 + share_text(b, r.checkpoint));
	put_number(&b->item, leaf.n ? 1 + share_text(b, buf_view(&b->words)) : 0);
	put_number(&b->item, r.index);
	put_number(&b->item, r.n);
	for (unsigned i = 0; i < r.n; i++)
		put_number(&b->item, share_hash(b, &r.proof[i]));
	buf_add(&b->item, buf_view(&b->values));
	return true;
}

bool receipt_bundle_add(struct receipt_bundle *b, struct view text)
{
	buf_reset(&b->words);
	buf_reset(&b->values);
	buf_reset(&b->item);
	if (!pack(b, text)) {
		buf_reset(&b->item);
		put_number(&b->item, 0);
		buf_add(&b->item, text);
	}
	put_number(&b->items, b->item.n);
	buf_add(&b->items, buf_view(&b->item));
	b->n++;
	return !b->texts.failed && !b->hashes.failed && !b->items.failed && !b->words.failed && !b->values.failed &&
	       !b->item.failed;
}

void receipt_bundle_print(const struct receipt_bundle *b, struct buf *out)
{
	struct reader r = { .rest = buf_view(&b->texts) };

	put_u8(out, FORM);
	put_number(out, b->n_texts);
	for (unsigned i = 0; i < b->n_texts; i++) {
		struct view text = read_view32(&r);
		put_number(out, text.n);
		buf_add(out, text);
	}
	put_number(out, b->n_hashes);
	buf_add(out, buf_view(&b->hashes));
	put_number(out, b->n);
	buf_add(out, buf_view(&b->items));
}

/* --- reading --- */

struct bundle {
	struct reader texts, hashes, items; /* each from its number on */
	uint64_t n_texts, n_hashes, n;
};

static bool open_bundle(struct view bytes, struct bundle *b)
{
	struct reader r = { .rest = bytes };

	if (read_u8(&r) != FORM)
		return false;
	b->n_texts = read_number(&r);
	b->texts = r;
	for (uint64_t i = 0; i < b->n_texts && !r.failed; i++)
		read_text(&r);
	b->n_hashes = read_number(&r);
	b->hashes = r;
	if (b->n_hashes > r.rest.n / HASH)
		return false;
	read_bytes(&r, (size_t)b->n_hashes * HASH);
	b->n = read_number(&r);
	b->items = r;
	return !r.failed;
}

static struct view text_at(const struct bundle *b, uint64_t at, bool *ok)
{
	struct reader r = b->texts;
	struct view text = VIEW("");

	*ok = *ok && at < b->n_texts;
	for (uint64_t i = 0; *ok && i <= at && !r.failed; i++)
		text = read_text(&r);
	return text;
}

static const char *hash_at(const struct bundle *b, uint64_t at, bool *ok)
{
	*ok = *ok && at < b->n_hashes;
	return *ok ? b->hashes.rest.p + at * HASH : NULL;
}

/* The bytes of a value, as they stand in the leaf. */
static void add_value(const struct bundle *b, enum mark mark, struct reader *values, struct buf *leaf, bool *ok)
{
	char text[UUID_TEXT + 1];
	struct uuid id;

	if (mark == MARK_NUMBER) {
		buf_addu(leaf, read_number(values));
	} else if (mark == MARK_HEX) {
		const char *hash = hash_at(b, read_number(values), ok);
		if (hash)
			hex_encode(leaf, view_make(hash, HASH));
	} else {
		struct view bytes = read_bytes(values, mark == MARK_DIGEST ? HASH : sizeof id);
		*ok = *ok && !values->failed;
		if (*ok && mark == MARK_UUID) {
			memcpy(id.b, bytes.p, sizeof id.b);
			uuid_print(&id, text);
			buf_adds(leaf, text);
		} else if (*ok) {
			base64url_encode(leaf, bytes);
		}
	}
	*ok = *ok && !values->failed;
}

static bool join_leaf(const struct bundle *b, struct view words, struct reader *values, struct buf *leaf)
{
	bool ok = true;
	size_t from = 0;

	for (size_t i = 0; ok && i < words.n; i++) {
		if ((unsigned char)words.p[i] >= 0x20)
			continue;
		ok = words.p[i] < MARK_END && words.p[i] > 0;
		buf_add(leaf, view_make(words.p + from, i - from));
		if (ok)
			add_value(b, (enum mark)words.p[i], values, leaf, &ok);
		from = i + 1;
	}
	buf_add(leaf, view_from(words, from));
	return ok;
}

static bool read_item(const struct bundle *b, struct view bytes, struct buf *text)
{
	struct reader r = { .rest = bytes };
	struct receipt receipt = { .n = 0 };
	struct buf leaf = BUF_INIT(RECEIPT_BUNDLE_MAX);
	uint64_t note = read_number(&r);
	bool ok = true;

	if (note == 0) {
		buf_add(text, r.rest);
		return !r.failed;
	}
	receipt.checkpoint = text_at(b, note - 1, &ok);
	uint64_t words = read_number(&r);
	receipt.index = read_number(&r);
	uint64_t n = read_number(&r);
	ok = ok && n <= TLOG_PROOF_MAX;
	for (uint64_t i = 0; ok && i < n; i++) {
		const char *hash = hash_at(b, read_number(&r), &ok);
		if (hash)
			memcpy(receipt.proof[receipt.n++].b, hash, HASH);
	}
	if (ok && words)
		ok = join_leaf(b, text_at(b, words - 1, &ok), &r, &leaf) && ok;
	text->failed = text->failed || leaf.failed;
	if (ok && !r.failed)
		receipt_print(&receipt, buf_view(&leaf), text);
	buf_free(&leaf);
	return ok && !r.failed;
}

bool receipt_bundle_read(struct view bundle, unsigned place, struct buf *text, struct error *e)
{
	struct bundle b;
	struct view item = VIEW("");

	if (!open_bundle(bundle, &b))
		return error_set(e, REASON_STORE, "receipts that came together are damaged");
	if (place >= b.n)
		return error_set(e, REASON_NOT_FOUND, "so many receipts did not come together");
	for (unsigned i = 0; i <= place; i++)
		item = read_text(&b.items);
	if (b.items.failed || !read_item(&b, item, text))
		return error_set(e, REASON_STORE, "receipts that came together are damaged");
	return !text->failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}
