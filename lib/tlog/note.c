/* C2SP signed-note: verifier keys, signing, splitting and verifying; and the Ed25519 cosignatures of C2SP
 * tlog-cosignature, which are note signatures of another type over a time stamped text. */
#include "lib/base/encode.h"
#include "lib/base/wire.h"
#include "lib/tlog/note.h"

#define DASH          "\xe2\x80\x94 " /* U+2014 and a space open a signature line */
#define KEY_MAX       4096            /* bytes of a public key in a vkey, of whatever algorithm */
#define SIGNATURE_MAX 6144            /* bytes of one decoded signature; post-quantum ones reach 5 kB */
#define LINES_MAX     8               /* different signature lines of one key in a note */

static bool ascii_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A space of Unicode (White_Space) beyond ASCII that starts at `p`. */
static bool wide_space(const unsigned char *p, size_t n)
{
	if (n >= 2 && p[0] == 0xc2)
		return p[1] == 0x85 || p[1] == 0xa0;
	if (n < 3)
		return false;
	if (p[0] == 0xe1)
		return p[1] == 0x9a && p[2] == 0x80;
	if (p[0] == 0xe2 && p[1] == 0x80)
		return p[2] <= 0x8a || p[2] == 0xa8 || p[2] == 0xa9 || p[2] == 0xaf;
	if (p[0] == 0xe2 && p[1] == 0x81)
		return p[2] == 0x9f;
	return p[0] == 0xe3 && p[1] == 0x80 && p[2] == 0x80;
}

static bool name_valid(struct view name)
{
	const unsigned char *p = (const unsigned char *)name.p;

	if (name.n == 0 || utf8_valid(name) != name.n)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (p[i] < 0x20 || p[i] == 0x7f || p[i] == '+' || ascii_space(p[i]) || wide_space(p + i, name.n - i))
			return false;
	return true;
}

bool note_type_cosigns(enum note_key_type type)
{
	return type == NOTE_COSIGNER || type == NOTE_COSIGNER_MLDSA44;
}

static uint32_t key_id(struct view name, enum note_key_type type, struct view key)
{
	uint8_t t = (uint8_t)type;
	struct view parts[4] = { name, VIEW("\n"), view_make(&t, 1), key };
	struct digest d;

	sha256_parts(parts, 4, &d);
	struct reader r = { .rest = view_make(d.b, 4) };
	return read_u32(&r);
}

static bool vkey_make(struct view name, enum note_key_type type, struct view key, struct note_vkey *out)
{
	if (!name_valid(name) || name.n >= sizeof out->name)
		return false;
	*out = (struct note_vkey){ .id = key_id(name, type, key), .type = type, .n = (uint16_t)key.n };
	memcpy(out->name, name.p, name.n);
	memcpy(out->key, key.p, key.n);
	return true;
}

bool note_vkey_make(struct view name, enum note_key_type type, const uint8_t public_key[32], struct note_vkey *out)
{
	return vkey_make(name, type, view_make(public_key, 32), out);
}

/* What is behind the algorithm's byte. */
static bool check_algorithm(uint8_t type, size_t n, struct error *e)
{
	if (type == NOTE_ED25519 || type == NOTE_COSIGNER)
		return n == 32 ||
		       error_set(e, REASON_TAMPERED, "a verifier key's last part is not an Ed25519 key in base64");
	if (type != NOTE_COSIGNER_MLDSA44)
		return error_set(e, REASON_UNSUPPORTED,
		                 "a verifier key has the algorithm 0x%02x, which is not supported", type);
	if (n != MLDSA44_KEY)
		return error_set(e, REASON_TAMPERED, "a verifier key's last part is not an ML-DSA-44 key in base64");
	return mldsa44_available() ||
	       error_set(e, REASON_UNSUPPORTED,
	                 "a verifier key is of ML-DSA-44, which OpenSSL has from version 3.5 on");
}

bool note_vkey_parse(struct view text, struct note_vkey *out, struct error *e)
{
	struct view rest = text, name = view_cut(&rest, '+');
	uint8_t id[4], key[1 + KEY_MAX];
	size_t n;

	if (!rest.p)
		return error_set(e, REASON_TAMPERED, "a verifier key is name+hash+key");
	struct view hash = view_cut(&rest, '+');
	if (!rest.p || !hex_decode(hash, id, sizeof id, &n) || n != sizeof id)
		return error_set(e, REASON_TAMPERED, "a verifier key's hash is 8 hex digits");
	if (!base64_decode(rest, key, sizeof key, &n) || n < 2)
		return error_set(e, REASON_TAMPERED, "a verifier key's last part is not a key in base64");
	if (!check_algorithm(key[0], n - 1, e))
		return false;
	struct note_vkey k;
	if (!vkey_make(name, key[0], view_make(key + 1, n - 1), &k))
		return error_set(e, REASON_TAMPERED, "a verifier key's name is empty, too long, or has a space in it");
	struct reader r = { .rest = view_make(id, sizeof id) };
	if (read_u32(&r) != k.id)
		return error_set(e, REASON_TAMPERED, "a verifier key's hash is not that of its name and key");
	*out = k;
	return true;
}

void note_vkey_print(const struct note_vkey *k, struct buf *out)
{
	uint8_t key[1 + MLDSA44_KEY];

	key[0] = (uint8_t)k->type;
	memcpy(key + 1, k->key, k->n);
	buf_addf(out, "%s+%08x+", k->name, k->id);
	base64_encode(out, view_make(key, 1u + k->n));
}

bool note_vkey_same(const struct note_vkey *a, const struct note_vkey *b)
{
	return strcmp(a->name, b->name) == 0 && a->type == b->type && a->n == b->n && memcmp(a->key, b->key, a->n) == 0;
}

static void put_line(const struct note_vkey *k, struct view signature, struct buf *out)
{
	uint8_t bytes[4 + 8 + 64];

	for (unsigned i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(k->id >> (24 - 8 * i));
	memcpy(bytes + 4, signature.p, signature.n);
	buf_adds(out, DASH);
	buf_adds(out, k->name);
	buf_addc(out, ' ');
	base64_encode(out, view_make(bytes, 4 + signature.n));
	buf_addc(out, '\n');
}

bool note_sign(const struct note_signer *s, struct view text, struct buf *out)
{
	uint8_t signature[64];

	if (s->vkey.type != NOTE_ED25519 || !ed25519_sign(s->key, text, signature))
		return false;
	put_line(&s->vkey, view_make(signature, sizeof signature), out);
	return !out->failed;
}

/* What a cosigner signs. */
static void cosigned_text(struct view text, uint64_t time, struct buf *out)
{
	buf_adds(out, "cosignature/v1\ntime ");
	buf_addu(out, time);
	buf_addc(out, '\n');
	buf_add(out, text);
}

bool note_cosign(const struct note_signer *s, struct view text, uint64_t time, struct buf *out)
{
	struct buf message = BUF_INIT(NOTE_MAX);
	uint8_t stamped[8 + 64];
	bool ok = false;

	if (s->vkey.type != NOTE_COSIGNER || time > INT64_MAX)
		return false;
	cosigned_text(text, time, &message);
	for (unsigned i = 0; i < 8; i++)
		stamped[i] = (uint8_t)(time >> (56 - 8 * i));
	if (!message.failed && ed25519_sign(s->key, buf_view(&message), stamped + 8)) {
		put_line(&s->vkey, view_make(stamped, sizeof stamped), out);
		ok = !out->failed;
	}
	buf_free(&message);
	return ok;
}

/* One signature line, without its newline, taken apart. */
struct line {
	struct view name;
	uint32_t id;
	uint8_t bytes[SIGNATURE_MAX];
	size_t n; /* of the signature, after the key id */
};

static bool line_parse(struct view text, struct line *out)
{
	size_t n;

	if (!view_starts(text, VIEW(DASH)))
		return false;
	text = view_from(text, strlen(DASH));
	out->name = view_cut(&text, ' ');
	if (!text.p || !name_valid(out->name))
		return false;
	if (!base64_decode(text, out->bytes, sizeof out->bytes, &n) || n < 5)
		return false;
	struct reader r = { .rest = view_make(out->bytes, n) };
	out->id = read_u32(&r);
	out->n = n - 4;
	memmove(out->bytes, out->bytes + 4, out->n);
	return true;
}

bool note_split(struct view note, struct view *text, struct view *signatures, struct error *e)
{
	size_t at = 0;

	if (note.n > NOTE_MAX)
		return error_set(e, REASON_TAMPERED, "the note is longer than %u bytes", NOTE_MAX);
	if (utf8_valid(note) != note.n)
		return error_set(e, REASON_TAMPERED, "the note is not valid UTF-8");
	for (size_t i = 0; i < note.n; i++) {
		if ((unsigned char)note.p[i] < 0x20 && note.p[i] != '\n')
			return error_set(e, REASON_TAMPERED, "the note holds a control character");
		if (i > 0 && note.p[i] == '\n' && note.p[i - 1] == '\n')
			at = i;
	}
	/* Text, its newline, the empty line, and at least one signature line that ends the note. */
	if (at < 2 || at + 1 == note.n || note.p[note.n - 1] != '\n')
		return error_set(e, REASON_TAMPERED, "the note is not a text, an empty line and signature lines");
	struct view lines = view_make(note.p + at + 1, note.n - at - 2);
	while (lines.p) {
		struct line line;

		if (!line_parse(view_cut(&lines, '\n'), &line))
			return error_set(e, REASON_TAMPERED, "the note has a malformed signature line");
	}
	*text = view_make(note.p, at);
	*signatures = view_make(note.p + at + 1, note.n - at - 1);
	return true;
}

/* What an ML-DSA-44 cosigner signs of a checkpoint: `cosigned_message` of C2SP tlog-cosignature. */
static void cosigned_message(const struct note_vkey *k, const struct checkpoint *c, uint64_t time, struct buf *out)
{
	buf_add(out, view_make("subtree/v1\n", 12));
	buf_addc(out, (char)strlen(k->name));
	buf_adds(out, k->name);
	put_u64(out, time);
	buf_addc(out, (char)c->origin.n);
	buf_add(out, c->origin);
	put_u64(out, 0);
	put_u64(out, c->size);
	buf_add(out, view_make(c->root.b, sizeof c->root.b));
}

bool note_cosigned_message(const struct note_vkey *k, struct view text, uint64_t time, struct buf *out)
{
	struct checkpoint c;

	if (!checkpoint_parse(text, &c, NULL) || c.origin.n > 255)
		return false;
	cosigned_message(k, &c, time, out);
	return !out->failed;
}

static bool signature_valid(const struct note_vkey *k, struct view text, const struct line *line, uint64_t *time)
{
	bool lattice = k->type == NOTE_COSIGNER_MLDSA44;

	if (k->type == NOTE_ED25519)
		return line->n == 64 && ed25519_verify(k->key, text, line->bytes);
	if (line->n != 8 + (lattice ? MLDSA44_SIGNATURE : 64))
		return false;
	struct reader r = { .rest = view_make(line->bytes, 8) };
	uint64_t t = read_u64(&r);
	if (t > INT64_MAX)
		return false;
	struct buf message = BUF_INIT(NOTE_MAX + 64);
	bool ok = true;
	if (lattice)
		ok = note_cosigned_message(k, text, t, &message);
	else
		cosigned_text(text, t, &message);
	ok = ok && !message.failed &&
	     (lattice ? mldsa44_verify(k->key, buf_view(&message), line->bytes + 8)
	              : ed25519_verify(k->key, buf_view(&message), line->bytes + 8));
	buf_free(&message);
	if (ok && time)
		*time = t;
	return ok;
}

static bool was_seen(const struct view *seen, unsigned n, struct view line)
{
	for (unsigned i = 0; i < n; i++)
		if (view_eq(seen[i], line))
			return true;
	return false;
}

enum note_found note_find(const struct note_vkey *k, struct view text, struct view signatures, uint64_t *time)
{
	struct view lines = signatures, seen[LINES_MAX];
	unsigned n = 0;

	if (lines.n > 0 && lines.p[lines.n - 1] == '\n')
		lines.n--;
	while (lines.p) {
		struct view whole = view_cut(&lines, '\n');
		struct line line;

		/* A malformed line belongs to no key; note_split() refuses notes that have one. */
		if (was_seen(seen, n, whole) || !line_parse(whole, &line) || !view_is(line.name, k->name) ||
		    line.id != k->id)
			continue;
		if (n == LINES_MAX || !signature_valid(k, text, &line, time))
			return NOTE_INVALID;
		seen[n++] = whole;
	}
	return n ? NOTE_VALID : NOTE_ABSENT;
}

bool note_line_is_of(struct view text, const struct note_vkey *k)
{
	struct line line;

	return line_parse(text, &line) && view_is(line.name, k->name) && line.id == k->id;
}

bool note_verify(const struct note_vkey *k, struct view text, struct view signatures, uint64_t *time, struct error *e)
{
	switch (note_find(k, text, signatures, time)) {
	case NOTE_VALID: return true;
	case NOTE_INVALID:
		return error_set(e, REASON_TAMPERED, "the signature of %s+%08x does not verify", k->name, k->id);
	case NOTE_ABSENT: break;
	}
	return error_set(e, REASON_TAMPERED, "the note has no signature of %s+%08x", k->name, k->id);
}
