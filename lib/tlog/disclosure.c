/* Disclosures after RFC 9901 (Selective Disclosure for JSON Web Tokens): section 4.2.1 the disclosure of an
 * object member, 4.2.3 its hash, 4.2.5 decoys, 4.2.6 disclosures in disclosures. The leaf carries the hashes, sorted; the disclosures lie packed beside
 * it and can be erased while the leaf still verifies. */
#include "lib/base/encode.h"
#include "lib/crypto/crypto.h"
#include "lib/tlog/entry.h"

#define DIGEST_TEXT     43 /* base64url of 32 bytes */
#define SEED_TEXT       22 /* base64url of 16 bytes; no disclosure is as short */
#define DISCLOSURES_MAX 64 /* of one entry */
#define PACKED_MAX      (256 * 1024)
#define GROUP_NAME      "stated"
#define GROUP           "{\"_sd\":"
#define GROUP_MAX       (DISCLOSURES_MAX * (DIGEST_TEXT + 3) + 200) /* bytes of a group's disclosure */

void disclosure_digest(struct view disclosure, struct buf *out)
{
	struct digest d;

	sha256(disclosure, &d);
	base64url_encode(out, view_make(d.b, sizeof d.b));
}

static void init(struct disclosures *d)
{
	if (d->packed.max == 0)
		d->packed.max = PACKED_MAX;
	if (d->text.max == 0)
		d->text.max = PACKED_MAX;
	if (d->digests.max == 0)
		d->digests.max = DISCLOSURES_MAX * DIGEST_TEXT;
	if (d->nested.max == 0)
		d->nested.max = DISCLOSURES_MAX * DIGEST_TEXT;
}

/* The row is a whole array at any time: the new item takes the place of the closing bracket. Where it starts. */
static size_t add_item(struct buf *packed, struct view bytes)
{
	if (packed->n > 0)
		packed->p[packed->n - 1] = ',';
	else
		buf_addc(packed, '[');
	buf_addc(packed, '"');
	size_t start = packed->n;
	base64url_encode(packed, bytes);
	buf_adds(packed, "\"]");
	return start;
}

/* Begins the text of a disclosure: what follows is its value. */
static struct buf *begin(struct disclosures *d, const uint8_t salt[16], struct view name)
{
	init(d);
	buf_reset(&d->text);
	buf_adds(&d->text, "[\"");
	base64url_encode(&d->text, view_make(salt, 16));
	buf_adds(&d->text, "\",");
	buf_add_json_string(&d->text, name);
	buf_addc(&d->text, ',');
	return &d->text;
}

static void end(struct disclosures *d, struct buf *digests)
{
	struct buf *packed = &d->packed;

	buf_addc(&d->text, ']');
	size_t start = add_item(packed, buf_view(&d->text));
	packed->failed |= d->text.failed;
	if (!packed->failed)
		disclosure_digest(view_make(packed->p + start, packed->n - start - 2), digests);
}

void disclosures_add(struct disclosures *d, const uint8_t salt[16], struct view name, struct view value)
{
	buf_add(begin(d, salt, name), value);
	end(d, &d->digests);
	d->n++;
}

void disclosures_nest(struct disclosures *d, const uint8_t salt[16], struct view name, struct view value)
{
	buf_add(begin(d, salt, name), value);
	end(d, &d->nested);
	d->n_nested++;
}

static int compare_digests(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_TEXT);
}

/* A JSON array of them, sorted. */
static void put_digests(struct buf *digests, unsigned n, struct buf *out)
{
	if (n > 1)
		qsort(digests->p, n, DIGEST_TEXT, compare_digests);
	buf_addc(out, '[');
	for (unsigned i = 0; i < n; i++) {
		buf_adds(out, i ? ",\"" : "\"");
		buf_add(out, view_make(digests->p + (size_t)i * DIGEST_TEXT, DIGEST_TEXT));
		buf_addc(out, '"');
	}
	buf_addc(out, ']');
}

void disclosures_group(struct disclosures *d, const uint8_t salt[16])
{
	if (d->n_nested == 0)
		return;
	struct buf *text = begin(d, salt, VIEW(GROUP_NAME));
	if (d->packed.failed || d->nested.failed) {
		d->packed.failed = true;
		return;
	}
	buf_adds(text, GROUP);
	put_digests(&d->nested, d->n_nested, text);
	buf_addc(text, '}');
	end(d, &d->digests);
	d->n++;
	buf_reset(&d->nested);
	d->n_nested = 0;
}

static void decoy_digest(const uint8_t seed[ENTRY_RANDOM], unsigned i, struct buf *out)
{
	uint8_t seeded[ENTRY_RANDOM + 1];

	memcpy(seeded, seed, ENTRY_RANDOM);
	seeded[ENTRY_RANDOM] = (uint8_t)i;
	disclosure_digest(view_make(seeded, sizeof seeded), out);
}

void disclosures_pad(struct disclosures *d, const uint8_t seed[ENTRY_RANDOM], unsigned n)
{
	init(d);
	if (d->n > n || d->n_nested > 0)
		d->packed.failed = true;
	if (d->n >= n)
		return;
	for (unsigned i = 0; d->n < n; i++, d->n++)
		decoy_digest(seed, i, &d->digests);
	add_item(&d->packed, view_make(seed, ENTRY_RANDOM));
}

void disclosures_reset(struct disclosures *d)
{
	buf_reset(&d->packed);
	buf_reset(&d->digests);
	buf_reset(&d->nested);
	buf_reset(&d->text);
	d->n = d->n_nested = 0;
}

void disclosures_free(struct disclosures *d)
{
	buf_wipe(&d->packed);
	buf_free(&d->digests);
	buf_free(&d->nested);
	buf_wipe(&d->text);
	d->n = d->n_nested = 0;
}

void disclosures_digests(struct disclosures *d, struct buf *out)
{
	if (d->packed.failed || d->digests.failed) {
		out->failed = true;
		return;
	}
	put_digests(&d->digests, d->n, out);
}

/* Whether it can be one: a digest over anything else would hold as well, and be no disclosure to others (RFC 9901). */
static bool is_base64url(struct view text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_')
			return false;
	}
	return text.n % 4 != 1;
}

/* Takes the next string of an array of base64url strings without white space. `*rest` starts behind the
 * opening bracket. False at the end or when malformed; then *rest is empty at a proper end only. */
static bool next_string(struct view *rest, struct view *out)
{
	if (rest->n == 0 || rest->p[0] != '"')
		return false;
	const char *end = memchr(rest->p + 1, '"', rest->n - 1);
	if (!end)
		return false;
	*out = view_make(rest->p + 1, (size_t)(end - rest->p) - 1);
	if (!is_base64url(*out))
		return false;
	*rest = view_from(*rest, out->n + 2);
	if (view_is(*rest, "]"))
		*rest = view_from(*rest, 1);
	else if (rest->n > 1 && rest->p[0] == ',')
		*rest = view_from(*rest, 1);
	else
		return false;
	return true;
}

/* Appends the digests of an object whose `_sd` comes first, because names are sorted. */
static bool take_digests(struct view object, struct view digests[DISCLOSURES_MAX], unsigned *n)
{
	static const char open[] = GROUP "[";

	if (!view_starts(object, view_of(open)))
		return true;
	object = view_from(object, strlen(open));
	const char *close = memchr(object.p, ']', object.n);
	if (!close)
		return false;
	struct view list = view_make(object.p, (size_t)(close - object.p) + 1);
	while (list.n > 0) {
		if (*n == DISCLOSURES_MAX || !next_string(&list, &digests[*n]) || digests[*n].n != DIGEST_TEXT)
			return false;
		(*n)++;
	}
	return true;
}

bool disclosures_count(struct view leaf, unsigned *n)
{
	struct view digests[DISCLOSURES_MAX];

	*n = 0;
	return take_digests(leaf, digests, n);
}

/* The digests of a leaf and of the groups beside it, and which of them were opened. */
struct opening {
	struct view digests[DISCLOSURES_MAX];
	bool used[DISCLOSURES_MAX];
	unsigned n;
	struct buf groups; /* the texts of groups, one behind the other, which their digests lie in */
};

static bool use(struct opening *o, const struct buf *digest)
{
	for (unsigned at = 0; at < o->n; at++)
		if (!o->used[at] && view_eq(o->digests[at], buf_view(digest))) {
			o->used[at] = true;
			return true;
		}
	return false;
}

/* As many decoys as the leaf has. */
static bool use_decoys(struct opening *o, struct view text)
{
	uint8_t seed[ENTRY_RANDOM];
	bool more = true;
	size_t n;

	if (!base64url_decode(text, seed, sizeof seed, &n) || n != sizeof seed)
		return false;
	for (unsigned i = 0; more && i < o->n; i++) {
		char digest[DIGEST_TEXT + 1];
		struct buf b = { .p = digest, .cap = sizeof digest, .max = sizeof digest };

		decoy_digest(seed, i, &b);
		more = use(o, &b);
	}
	return true;
}

/* The one that holds more digests: ["salt","stated",{"_sd":[…]}]. One that the leaf does not lead to opens nothing, for
 * its own digest is looked for, too. */
static bool take_group(struct opening *o, struct view item)
{
	static const size_t name_at = strlen("[\"\",\"") + SEED_TEXT;
	char text[GROUP_MAX];
	size_t n;

	if (item.n / 4 * 3 > sizeof text - 3 || !base64url_decode(item, text, sizeof text, &n) || n <= name_at)
		return true;
	struct view rest = view_from(view_make(text, n), name_at);
	if (!view_starts(rest, VIEW(GROUP_NAME "\"," GROUP)))
		return true;
	size_t start = o->groups.n;
	buf_add(&o->groups, view_from(rest, strlen(GROUP_NAME "\",")));
	return !o->groups.failed && take_digests(view_from(buf_view(&o->groups), start), o->digests, &o->n);
}

static bool take_groups(struct opening *o, struct view packed)
{
	struct view item;

	while (next_string(&packed, &item))
		if (!take_group(o, item))
			return false;
	return true;
}

bool disclosures_verify(struct view leaf, struct view packed, struct error *e)
{
	char groups[2 * GROUP_MAX];
	struct opening o = { .groups = { .p = groups, .cap = sizeof groups, .max = sizeof groups } };
	struct view item;

	if (!take_digests(leaf, o.digests, &o.n))
		return error_set(e, REASON_TAMPERED, "the entry's list of disclosure digests is malformed");
	if (packed.n == 0)
		return true;
	if (packed.p[0] != '[' || packed.n == 1)
		return error_set(e, REASON_TAMPERED, "the disclosures are not an array");
	packed = view_from(packed, 1);
	if (!take_groups(&o, packed))
		return error_set(e, REASON_TAMPERED, "the digests in a disclosure are malformed, or too many");
	for (unsigned i = 1; packed.n > 0; i++) {
		char text[DIGEST_TEXT + 1];
		struct buf digest = { .p = text, .cap = sizeof text, .max = sizeof text };

		if (!next_string(&packed, &item))
			return error_set(e, REASON_TAMPERED, "disclosure %u is malformed", i);
		if (item.n == SEED_TEXT && packed.n == 0) {
			if (!use_decoys(&o, item))
				return error_set(e, REASON_TAMPERED, "the seed of the decoys is malformed");
			break;
		}
		disclosure_digest(item, &digest);
		if (!use(&o, &digest))
			return error_set(e, REASON_TAMPERED, "disclosure %u is not one that the entry commits to", i);
	}
	for (unsigned at = 0; at < o.n; at++)
		if (!o.used[at])
			return error_set(e, REASON_TAMPERED, "a disclosure is missing beside others of its entry");
	return true;
}
