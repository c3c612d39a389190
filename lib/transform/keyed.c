/* Transforms under a key of the node: pseudonym, token, seal, FPE; and their reversal for the key holder. */
#include "lib/transform/actions.h"

#include "lib/base/encode.h"
#include "lib/base/wire.h"

#define GCM_NONCE 12
#define GCM_TAG   16
#define SIV_TAG   16

bool apply_pseudonym(const struct rule *r, struct transform_run *run, struct view text, struct error *e)
{
	struct view normal = text;
	struct digest tag;

	if (r->p.pseudonym.profile != PROFILE_EXACT) {
		buf_reset(&run->bytes);
		const char *wrong = normalise(run->normaliser, r->p.pseudonym.profile, text, &run->bytes);
		if (wrong)
			return rule_fail(r, e, wrong);
		normal = buf_view(&run->bytes);
	}
	hmac_parts(r->key.hmac, &normal, 1, &tag);
	buf_adds(&run->text, r->key.prefix);
	base32_encode(&run->text, view_make(tag.b, r->p.pseudonym.bits / 8));
	return true;
}

/* The type, the value, then 0x80 and zeros up to a multiple of the padding (ISO/IEC 7816-4). The type byte keeps
 * the JSON type over the way back, and makes the text of an empty value not empty, which SIV cannot take. */
static void pad_value(struct buf *b, uint32_t pad, char type, struct view value)
{
	buf_reset(b);
	buf_addc(b, type);
	buf_add(b, value);
	buf_addc(b, (char)0x80);
	while (b->n % pad != 0 && !b->failed)
		buf_addc(b, 0);
}

static bool unpad_value(struct view padded, char *type, struct view *value)
{
	size_t n = padded.n;

	while (n > 0 && padded.p[n - 1] == 0)
		n--;
	if (n < 2 || (unsigned char)padded.p[n - 1] != 0x80)
		return false;
	*type = padded.p[0];
	*value = view_make(padded.p + 1, n - 2);
	return true;
}

/* The components that a token is bound to; a missing one is an error of the caller's. */
static size_t token_context(const struct rule *r, struct view subject, struct view context[4])
{
	size_t n = 0;

	context[n++] = r->key.agreement;
	context[n++] = r->key.purpose;
	context[n++] = view_of(r->key.domain);
	if (r->p.hidden.per_subject)
		context[n++] = subject;
	return n;
}

bool apply_token(const struct rule *r, struct transform_run *run, char type, struct view value, struct error *e)
{
	struct view context[4], subject = { NULL, 0 };

	bool named = !r->p.hidden.per_subject || rule_subject(r, run, &subject, e);
	pad_value(&run->bytes, r->p.hidden.pad, type, value);
	buf_reset(&run->encoded);
	char *room = buf_room(&run->encoded, run->bytes.n + SIV_TAG);
	if (!named || !room || run->bytes.failed ||
	    !siv_seal(r->key.siv, context, token_context(r, subject, context), buf_view(&run->bytes), (uint8_t *)room))
		return rule_fail(r, e, "the value could not be encrypted");
	run->encoded.n += run->bytes.n + SIV_TAG;
	buf_adds(&run->text, r->key.prefix);
	base64url_encode(&run->text, buf_view(&run->encoded));
	return true;
}

bool apply_seal(const struct rule *r, struct transform_run *run, char type, struct view value, struct error *e)
{
	/* One seed a record and a counter in it: fresh for each leaf, without the generator on this way. */
	const uint8_t counter[4] = { (uint8_t)(run->sealed >> 24), (uint8_t)(run->sealed >> 16),
		                     (uint8_t)(run->sealed >> 8), (uint8_t)run->sealed };
	struct view seed[] = { view_make(run->random, 32), view_make(counter, 4) };
	static const uint8_t none[32];
	struct digest nonce;

	/* A seed that nobody filled in would give each record the same nonces. */
	if (memcmp(run->random, none, sizeof none) == 0)
		return rule_fail(r, e, "the transform needs fresh random bytes");
	run->sealed++;
	sha256_parts(seed, 2, &nonce);
	pad_value(&run->bytes, r->p.hidden.pad, type, value);
	buf_reset(&run->encoded);
	buf_add(&run->encoded, view_make(nonce.b, GCM_NONCE));
	char *room = buf_room(&run->encoded, run->bytes.n + GCM_TAG);
	if (!room || run->bytes.failed ||
	    !gcm_seal(run->gcm, r->key.gcm.b, nonce.b, buf_view(&r->key.aad), buf_view(&run->bytes), (uint8_t *)room))
		return rule_fail(r, e, "the value could not be encrypted");
	run->encoded.n += run->bytes.n + GCM_TAG;
	buf_adds(&run->text, r->key.prefix);
	base64url_encode(&run->text, buf_view(&run->encoded));
	return true;
}

static bool digit_value(char c, unsigned radix, uint8_t *out)
{
	int v = -1;

	if (radix == 26)
		v = c >= 'A' && c <= 'Z' ? c - 'A' : -1;
	else if (c >= '0' && c <= '9')
		v = c - '0';
	else if (radix == 36 && c >= 'A' && c <= 'Z')
		v = c - 'A' + 10;
	*out = (uint8_t)v;
	return v >= 0;
}

static char digit_char(uint8_t v, unsigned radix)
{
	return (char)(radix == 26 ? 'A' + v : v < 10 ? '0' + v : 'A' + v - 10);
}

/* The check digit's value that belongs behind n digits. */
static uint8_t check_value(const struct rule *r, const uint8_t *digits, size_t n)
{
	char text[FPE_MAX];

	if (r->p.fpe.check == CHECK_LUHN)
		return (uint8_t)luhn_digit(digits, n);
	for (size_t i = 0; i < n; i++)
		text[i] = digit_char(digits[i], r->p.fpe.radix);
	return (uint8_t)mrz_digit(text, n);
}

bool fpe_split(const struct rule *r, struct view text, uint8_t *digits, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] && strchr(r->p.fpe.separators, text.p[i]))
			continue;
		if (*n >= FPE_MAX || !digit_value(text.p[i], r->p.fpe.radix, &digits[*n]))
			return false;
		++*n;
	}
	if (r->p.fpe.check == CHECK_NONE)
		return *n > 0;
	return *n > 1 && digits[*n - 1] == check_value(r, digits, *n - 1);
}

bool apply_fpe(const struct rule *r, bool decrypt, struct view text, struct buf *out, struct error *e)
{
	uint8_t digits[FPE_MAX];
	size_t n, body, at = 0;

	if (!fpe_split(r, text, digits, &n))
		return rule_fail(r, e, "the value does not fit the alphabet, or its check digit is wrong");
	body = r->p.fpe.check == CHECK_NONE ? n : n - 1;
	/* Agreement, purpose and domain are part of the key, so that the tweak may be empty. */
	if (!ff1_crypt(r->key.ff1, decrypt, VIEW(""), digits, body, digits))
		return rule_fail(r, e,
		                 "the value is too short to be encrypted: fewer than 1,000,000 others look like it");
	if (body < n)
		digits[body] = check_value(r, digits, body);
	for (size_t i = 0; i < text.n; i++)
		buf_addc(out,
		         strchr(r->p.fpe.separators, text.p[i]) ? text.p[i] : digit_char(digits[at++], r->p.fpe.radix));
	return !out->failed;
}

/* `<kind>1.<epoch>.` of this rule's epoch, then the base64url text into run->bytes. */
static bool read_hidden(const struct rule *r, struct transform_run *run, struct view value, struct error *e)
{
	struct view prefix = view_of(r->key.prefix);
	size_t n = 0;

	if (!view_starts(value, prefix))
		return rule_fail(r, e, "the value is not of this transform and epoch");
	buf_reset(&run->bytes);
	char *room = buf_room(&run->bytes, value.n);
	if (!room || !base64url_decode(view_from(value, prefix.n), room, value.n, &n))
		return rule_fail(r, e, "the value is not of this transform and epoch");
	run->bytes.n = n;
	return true;
}

static bool open_hidden(const struct rule *r, struct transform_run *run, struct view subject, struct view value,
                        struct error *e)
{
	struct view context[4], sealed;
	bool ok;

	if (r->action == ACTION_TOKEN && r->p.hidden.per_subject && subject.n == 0)
		return rule_fail(r, e, "the transform needs to know the data subject");
	ok = read_hidden(r, run, value, e);
	sealed = buf_view(&run->bytes);
	buf_reset(&run->encoded);
	uint8_t *room = (uint8_t *)buf_room(&run->encoded, sealed.n);
	if (r->action == ACTION_TOKEN) {
		ok = ok && room && sealed.n > SIV_TAG &&
		     siv_open(r->key.siv, context, token_context(r, subject, context), sealed, room);
		run->encoded.n = ok ? sealed.n - SIV_TAG : 0;
	} else {
		ok = ok && room && sealed.n > GCM_NONCE + GCM_TAG &&
		     gcm_open(run->gcm, r->key.gcm.b, (const uint8_t *)sealed.p, buf_view(&r->key.aad),
		              view_from(sealed, GCM_NONCE), room);
		run->encoded.n = ok ? sealed.n - GCM_NONCE - GCM_TAG : 0;
	}
	return ok || rule_fail(r, e, "the value was not made under this key and context");
}

bool rule_reverse(const struct rule *r, struct transform_run *run, struct view subject, struct view value,
                  struct buf *out, struct error *e)
{
	struct view text;
	char type;

	if (!r->key.ready)
		return error_at(e, REASON_CRYPTO, r->pointer, 0, 0, "rule %s: there is no key", r->id);
	if (r->action == ACTION_FPE) {
		buf_reset(&run->text);
		if (!apply_fpe(r, true, value, &run->text, e))
			return false;
		buf_add_json_string(out, buf_view(&run->text));
	} else if (r->action == ACTION_TOKEN || r->action == ACTION_SEAL) {
		if (!open_hidden(r, run, subject, value, e) || !unpad_value(buf_view(&run->encoded), &type, &text))
			return rule_fail(r, e, "the value was not made under this key and context");
		if (type == HIDDEN_STRING)
			buf_add_json_string(out, text);
		else
			buf_add(out, text);
	} else {
		return rule_fail(r, e, "the transform cannot be reversed");
	}
	return !out->failed || error_set(e, REASON_NO_MEMORY, "no memory for a value");
}
