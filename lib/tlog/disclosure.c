/* Disclosures after RFC 9901 (Selective Disclosure for JSON Web Tokens): section 4.2.1 the disclosure of an
 * object member, 4.2.3 its hash. The leaf carries the hashes, sorted; the disclosures lie packed beside it and
 * can be erased while the leaf still verifies. */
#include "lib/base/encode.h"
#include "lib/crypto/crypto.h"
#include "lib/tlog/entry.h"

#define DIGEST_TEXT     43 /* base64url of 32 bytes */
#define DISCLOSURES_MAX 64 /* of one entry */
#define PACKED_MAX      (256 * 1024)

void disclosure_digest(struct view disclosure, struct buf *out)
{
	struct digest d;

	sha256(disclosure, &d);
	base64url_encode(out, view_make(d.b, sizeof d.b));
}

void disclosures_add(struct disclosures *d, const uint8_t salt[16], struct view name, struct view value)
{
	struct buf *text = &d->text, *packed = &d->packed;

	if (packed->max == 0) {
		packed->max = PACKED_MAX;
		text->max = PACKED_MAX;
		d->digests.max = DISCLOSURES_MAX * DIGEST_TEXT;
	}
	buf_reset(text);
	buf_adds(text, "[\"");
	base64url_encode(text, view_make(salt, 16));
	buf_adds(text, "\",");
	buf_add_json_string(text, name);
	buf_addc(text, ',');
	buf_add(text, value);
	buf_addc(text, ']');
	/* The row is a whole array at any time: the new item takes the place of the closing bracket. */
	if (packed->n > 0)
		packed->p[packed->n - 1] = ',';
	else
		buf_addc(packed, '[');
	buf_addc(packed, '"');
	size_t start = packed->n;
	base64url_encode(packed, buf_view(text));
	disclosure_digest(view_from(buf_view(packed), start), &d->digests);
	buf_adds(packed, "\"]");
	packed->failed |= text->failed;
	d->n++;
}

void disclosures_reset(struct disclosures *d)
{
	buf_reset(&d->packed);
	buf_reset(&d->digests);
	buf_reset(&d->text);
	d->n = 0;
}

void disclosures_free(struct disclosures *d)
{
	buf_wipe(&d->packed);
	buf_free(&d->digests);
	buf_wipe(&d->text);
	d->n = 0;
}

static int compare_digests(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_TEXT);
}

void disclosures_digests(struct disclosures *d, struct buf *out)
{
	if (d->packed.failed || d->digests.failed) {
		out->failed = true;
		return;
	}
	if (d->n > 1)
		qsort(d->digests.p, d->n, DIGEST_TEXT, compare_digests);
	buf_addc(out, '[');
	for (unsigned i = 0; i < d->n; i++) {
		buf_adds(out, i ? ",\"" : "\"");
		buf_add(out, view_make(d->digests.p + (size_t)i * DIGEST_TEXT, DIGEST_TEXT));
		buf_addc(out, '"');
	}
	buf_addc(out, ']');
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
	*rest = view_from(*rest, out->n + 2);
	if (view_is(*rest, "]"))
		*rest = view_from(*rest, 1);
	else if (rest->n > 1 && rest->p[0] == ',')
		*rest = view_from(*rest, 1);
	else
		return false;
	return true;
}

/* The digests of a leaf, whose `_sd` comes first, because names are sorted. */
static bool leaf_digests(struct view leaf, struct view digests[DISCLOSURES_MAX], unsigned *n)
{
	static const char open[] = "{\"_sd\":[";

	*n = 0;
	if (!view_starts(leaf, view_of(open)))
		return true;
	leaf = view_from(leaf, strlen(open));
	const char *end = memchr(leaf.p, ']', leaf.n);
	if (!end)
		return false;
	struct view list = view_make(leaf.p, (size_t)(end - leaf.p) + 1);
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

	return leaf_digests(leaf, digests, n);
}

bool disclosures_verify(struct view leaf, struct view packed, struct error *e)
{
	struct view digests[DISCLOSURES_MAX], disclosure;
	bool used[DISCLOSURES_MAX] = { false };
	unsigned n, at;

	if (!leaf_digests(leaf, digests, &n))
		return error_set(e, REASON_TAMPERED, "the entry's list of disclosure digests is malformed");
	if (packed.n == 0)
		return true;
	if (packed.p[0] != '[' || packed.n == 1)
		return error_set(e, REASON_TAMPERED, "the disclosures are not an array");
	packed = view_from(packed, 1);
	for (unsigned i = 1; packed.n > 0; i++) {
		char text[DIGEST_TEXT + 1];
		struct buf digest = { .p = text, .cap = sizeof text, .max = sizeof text };

		if (!next_string(&packed, &disclosure))
			return error_set(e, REASON_TAMPERED, "disclosure %u is malformed", i);
		disclosure_digest(disclosure, &digest);
		for (at = 0; at < n; at++)
			if (!used[at] && view_eq(digests[at], buf_view(&digest)))
				break;
		if (at == n)
			return error_set(e, REASON_TAMPERED, "disclosure %u is not one that the entry commits to", i);
		used[at] = true;
	}
	for (at = 0; at < n; at++)
		if (!used[at])
			return error_set(e, REASON_TAMPERED, "a disclosure is missing beside others of its entry");
	return true;
}
