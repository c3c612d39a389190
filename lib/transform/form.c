/* The form that a rule leaves behind, said twice: as a check of a leaf, exact, and as members of a JSON Schema,
 * which says as much of it as a schema can. Coarser values than the rule's own are of its form, so that a
 * partner's overlay may tighten, and so is null. */
#include "lib/transform/actions.h"

#include <inttypes.h>

#include "lib/base/encode.h"
#include "lib/json/decimal.h"

#define HIDDEN_MIN        (1 + 1) /* type byte and end of value, before padding */
#define BASE32_TEXT(bits) (((bits) + 4) / 5)

/* `<kind>1.<epoch>.`: what follows it, or an empty view. The key holder may have gone on to a later epoch than the
 * agreement's, but an earlier one was given up. */
static struct view behind_prefix(const struct rule *r, struct view text, char kind)
{
	struct view rest = text;
	struct view head = view_cut(&rest, '.'), epoch = view_cut(&rest, '.');
	unsigned long long n;
	bool ok = head.n == 2 && head.p[0] == kind && head.p[1] == '1' && view_to_u64(epoch, UINT32_MAX, &n) && n > 0 &&
	          n >= r->epoch;

	return ok ? rest : view_make(NULL, 0);
}

static bool is_pseudonym(const struct rule *r, struct view text)
{
	struct view tag = behind_prefix(r, text, r->action == ACTION_SURROGATE ? 'r' : 'p');
	uint8_t b[32];
	size_t n = 0;

	return base32_decode(tag, b, sizeof b, &n) && n == r->p.pseudonym.bits / 8;
}

/* Bytes that a base64url text stands for, or 0 when it is not in canonical form (RFC 4648 3.5). */
static size_t base64url_bytes(struct view text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *last = NULL;

	for (size_t i = 0; i < text.n; i++) {
		last = memchr(alphabet, text.p[i], 64);
		if (!last)
			return 0;
	}
	if (!last || text.n % 4 == 1)
		return 0;
	/* Bits of the last character that belong to no byte. */
	unsigned stray = text.n % 4 == 2 ? 15 : text.n % 4 == 3 ? 3 : 0;
	return (unsigned)(last - alphabet) & stray ? 0 : text.n / 4 * 3 + (text.n % 4 ? text.n % 4 - 1 : 0);
}

static bool is_hidden(const struct rule *r, struct view text)
{
	bool token = r->action == ACTION_TOKEN;
	size_t overhead = token ? 16 : 12 + 16, n = base64url_bytes(behind_prefix(r, text, token ? 't' : 's'));

	return n >= overhead + HIDDEN_MIN && (n - overhead) % r->p.hidden.pad == 0;
}

static bool is_masked(const struct rule *r, struct view text)
{
	const struct mask_params *m = &r->p.mask;
	size_t points = 0, masked = 0, from = m->first, to;

	for (size_t i = 0; i < text.n; i++) {
		points += ((unsigned char)text.p[i] & 0xc0) != 0x80;
		masked += text.p[i] == m->character;
	}
	if (m->length)
		return points == m->length && masked == points;
	if (masked == points)
		return true;
	if (points < 2 * (m->first + m->last))
		return false;
	/* The middle is masked; what is kept at the ends may be anything. */
	to = points - m->last;
	points = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (((unsigned char)text.p[i] & 0xc0) == 0x80)
			continue;
		if (points >= from && points < to && text.p[i] != m->character)
			return false;
		points++;
	}
	return true;
}

static bool is_band(const struct rule *r, struct view text)
{
	const struct band_params *b = r->p.band;
	struct view rest = text, low;
	unsigned long long from, to;

	if (b->n > 0) {
		char want[2 * EDGE_TEXT + 4];

		snprintf(want, sizeof want, "<%s", b->text[0]);
		if (view_is(text, want))
			return true;
		for (uint32_t i = 0; i < b->n; i++) {
			if (i + 1 < b->n)
				snprintf(want, sizeof want, "%s-%" PRId64, b->text[i], b->edges[i + 1] - 1);
			else
				snprintf(want, sizeof want, ">=%s", b->text[i]);
			if (view_is(text, want))
				return true;
		}
		return false;
	}
	low = view_cut(&rest, '-');
	return view_to_u64(low, INT64_MAX, &from) && view_to_u64(rest, INT64_MAX, &to) &&
	       from % (unsigned long long)b->width == 0 && to == from + (unsigned long long)b->width - 1;
}

static bool round_form(struct view token, int32_t digits)
{
	char unit[24];

	if (digits > 0)
		snprintf(unit, sizeof unit, "1e-%d", (int)digits);
	else
		snprintf(unit, sizeof unit, "1e%d", (int)-digits);
	return decimal_multiple_of(token, view_of(unit));
}

/* Applying the transform to its own result must change nothing. */
static bool is_fixed_point(const struct rule *r, struct view text)
{
	char room[128]; /* enough for both: they refuse longer texts */
	struct buf out = { .p = room, .cap = sizeof room, .max = sizeof room };
	bool ok = r->action == ACTION_GEO ? apply_geohash(r, text, &out, NULL) : apply_ip_prefix(r, text, &out, NULL);

	return ok && view_eq(buf_view(&out), text);
}

static bool is_postcode(const struct rule *r, struct view text)
{
	const struct postcode_params *c = r->p.postcode;

	if (text.n == 0 || text.n > (c->first ? c->first : 12 - c->last))
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (!((text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'A' && text.p[i] <= 'Z')))
			return false;
	for (uint32_t i = 0; i < c->n_suppress; i++)
		if (view_is(text, c->suppress[i]))
			return false;
	return true;
}

static bool check_string(const struct rule *r, struct view text)
{
	uint8_t digits[FPE_MAX];
	size_t n;

	switch (r->action) {
	case ACTION_KEEP: return true;
	case ACTION_BAND: return is_band(r, text);
	case ACTION_DATE_SHIFT: return date_or_time(text);
	case ACTION_DATE_TRUNC: return date_trunc_form(text, &r->p.trunc);
	case ACTION_GEO: return r->p.geo.is_hash && is_fixed_point(r, text);
	case ACTION_IP_PREFIX: return is_fixed_point(r, text);
	case ACTION_POSTCODE: return is_postcode(r, text);
	case ACTION_REDACT_TEXT: return redact(r->p.redact.recognisers, r->p.redact.words, text, NULL, NULL) == 0;
	case ACTION_FPE: return fpe_split(r, text, digits, &n);
	case ACTION_TOKEN:
	case ACTION_SEAL: return is_hidden(r, text);
	case ACTION_PSEUDONYM:
	case ACTION_SURROGATE: return is_pseudonym(r, text);
	case ACTION_MASK: return is_masked(r, text);
	case ACTION_CONST: return r->p.constant.type == TAPE_STRING && view_eq(text, r->p.constant.text);
	case ACTION_ROUND:
	case ACTION_TOPCODE:
	case ACTION_NULL:
	case ACTION_DROP:
	case ACTION_K_GUARD:
	case ACTION_COUNT: break;
	}
	return false;
}

static bool check_number(const struct rule *r, struct view token)
{
	if (r->action == ACTION_KEEP)
		return true;
	if (r->action == ACTION_ROUND)
		return round_form(token, r->p.round.digits);
	if (r->action == ACTION_GEO)
		return !r->p.geo.is_hash && round_form(token, (int32_t)r->p.geo.digits);
	if (r->action == ACTION_TOPCODE)
		return !(r->p.topcode->has_max && decimal_cmp(token, view_of(r->p.topcode->max_text)) > 0) &&
		       !(r->p.topcode->has_min && decimal_cmp(token, view_of(r->p.topcode->min_text)) < 0);
	return r->action == ACTION_CONST && r->p.constant.type == TAPE_NUMBER &&
	       decimal_equal(token, view_of(r->p.constant.token));
}

bool form_check(const struct rule *r, const struct tape *t, uint32_t node)
{
	enum tape_type type = (enum tape_type)t->nodes[node].type;

	switch (type) {
	case TAPE_NULL: return r->action != ACTION_DROP && r->action != ACTION_CONST;
	case TAPE_FALSE:
	case TAPE_TRUE: return r->action == ACTION_KEEP || (r->action == ACTION_CONST && r->p.constant.type == type);
	case TAPE_NUMBER: return check_number(r, tape_token(t, node));
	case TAPE_STRING: return check_string(r, tape_string(t, node));
	case TAPE_ARRAY:
	case TAPE_OBJECT: /* empty ones */ return r->action == ACTION_KEEP;
	case TAPE_KEY: break;
	}
	return false;
}

/* What a stricter rule leaves where a text that was searched is expected. */
static bool is_redacted(const struct rule *a, const struct redact_params *by)
{
	if (a->action != ACTION_CONST)
		return a->action == ACTION_MASK || a->action == ACTION_REDACT_TEXT;
	return a->p.constant.type == TAPE_STRING &&
	       redact(by->recognisers, by->words, a->p.constant.text, NULL, NULL) == 0;
}

bool form_remains(const struct rule *a, const struct rule *b)
{
	if (b->action == ACTION_KEEP)
		return true;
	if (a->action == ACTION_NULL)
		return b->action != ACTION_CONST;
	if (b->action == ACTION_REDACT_TEXT)
		return is_redacted(a, &b->p.redact);
	if (a->action != b->action)
		return false;
	if (a->action == ACTION_MASK)
		return a->p.mask.character == b->p.mask.character;
	return a->action == ACTION_DATE_TRUNC && a->p.trunc.as_date == b->p.trunc.as_date;
}

static void add_types(struct buf *out, const char *scalar, bool null, unsigned types)
{
	unsigned n = (scalar != NULL) + null + ((types & FORM_OBJECT) != 0) + ((types & FORM_ARRAY) != 0);
	const char *names[] = { scalar, null ? "null" : NULL, types & FORM_OBJECT ? "object" : NULL,
		                types & FORM_ARRAY ? "array" : NULL };
	bool comma = false;

	buf_adds(out, n > 1 ? "\"type\":[" : "\"type\":");
	for (size_t i = 0; i < 4; i++) {
		if (!names[i])
			continue;
		buf_addf(out, "%s\"%s\"", comma ? "," : "", names[i]);
		comma = true;
	}
	buf_adds(out, n > 1 ? "]" : "");
}

static void add_pattern(struct buf *out, const char *pattern)
{
	buf_adds(out, ",\"pattern\":");
	buf_add_json_string(out, view_of(pattern));
}

static void band_schema(const struct band_params *b, struct buf *out)
{
	struct buf p = BUF_INIT(1u << 16);

	buf_addf(&p, b->n ? "^(<%s" : "^[0-9]{1,19}-[0-9]{1,19}$", b->text[0]);
	for (uint32_t i = 0; i < b->n; i++) {
		if (i + 1 < b->n)
			buf_addf(&p, "|%s-%" PRId64, b->text[i], b->edges[i + 1] - 1);
		else
			buf_addf(&p, "|>=%s)$", b->text[i]);
	}
	buf_addc(&p, 0);
	if (p.failed)
		out->failed = true;
	else
		add_pattern(out, p.p);
	buf_free(&p);
}

static void mask_schema(const struct mask_params *m, struct buf *out)
{
	char pattern[96];
	uint32_t kept = m->first + m->last;

	if (m->length)
		snprintf(pattern, sizeof pattern, "^[%c]{%u}$", m->character, (unsigned)m->length);
	else if (kept)
		snprintf(pattern, sizeof pattern, "^([%c]*|[\\s\\S]{%u}[%c]{%u,}[\\s\\S]{%u})$", m->character,
		         (unsigned)m->first, m->character, (unsigned)kept, (unsigned)m->last);
	else
		snprintf(pattern, sizeof pattern, "^[%c]*$", m->character);
	add_pattern(out, pattern);
}

static void trunc_schema(const struct trunc_params *p, struct buf *out)
{
	static const char *const shorts[] = {
		[PERIOD_DAY] = "^([0-9]{3}0s|[0-9]{4}(-Q[1-4]|-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?)$",
		[PERIOD_MONTH] = "^([0-9]{3}0s|[0-9]{4}(-Q[1-4]|-(0[1-9]|1[0-2]))?)$",
		[PERIOD_QUARTER] = "^([0-9]{3}0s|[0-9]{4}(-Q[1-4])?)$",
		[PERIOD_YEAR] = "^([0-9]{3}0s|[0-9]{4})$",
		[PERIOD_DECADE] = "^[0-9]{3}0s$",
	};
	static const char *const dates[] = {
		[PERIOD_DAY] = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
		[PERIOD_MONTH] = "^[0-9]{4}-(0[1-9]|1[0-2])-01$",
		[PERIOD_QUARTER] = "^[0-9]{4}-(01|04|07|10)-01$",
		[PERIOD_YEAR] = "^[0-9]{4}-01-01$",
		[PERIOD_DECADE] = "^[0-9]{3}0-01-01$",
	};

	add_pattern(out, (p->as_date ? dates : shorts)[p->to]);
}

static void fpe_schema(const struct fpe_params *p, struct buf *out)
{
	char pattern[64], separators[16];
	size_t n = 0;

	/* A hyphen stands last in the class, where it means itself; a slash and a point do so anywhere. */
	for (const char *s = p->separators; *s; s++)
		if (*s != '-')
			separators[n++] = *s;
	if (strchr(p->separators, '-'))
		separators[n++] = '-';
	separators[n] = 0;
	snprintf(pattern, sizeof pattern, "^[%s%s]+$",
	         p->radix == 10   ? "0-9"
	         : p->radix == 26 ? "A-Z"
	                          : "0-9A-Z",
	         separators);
	add_pattern(out, pattern);
}

static void number_schema(const struct rule *r, struct buf *out)
{
	int32_t digits = r->action == ACTION_GEO ? (int32_t)r->p.geo.digits : r->p.round.digits;

	if (r->action == ACTION_TOPCODE) {
		if (r->p.topcode->has_max)
			buf_addf(out, ",\"maximum\":%s", r->p.topcode->max_text);
		if (r->p.topcode->has_min)
			buf_addf(out, ",\"minimum\":%s", r->p.topcode->min_text);
		return;
	}
	if (digits > 0)
		buf_addf(out, ",\"multipleOf\":1e-%d", (int)digits);
	else
		buf_addf(out, ",\"multipleOf\":1e%d", (int)-digits);
	if (r->action == ACTION_GEO)
		buf_adds(out, ",\"minimum\":-180,\"maximum\":180");
}

static void const_schema(const struct const_params *c, unsigned types, struct buf *out)
{
	if (types == 0) {
		buf_addf(out, "\"const\":%s", c->token);
		return;
	}
	add_types(out,
	          c->type == TAPE_STRING   ? "string"
	          : c->type == TAPE_NUMBER ? "integer"
	                                   : "boolean",
	          false, types);
	if (c->type == TAPE_NUMBER)
		buf_addf(out, ",\"minimum\":%s,\"maximum\":%s", c->token, c->token);
}

void form_schema(const struct rule *r, unsigned types, struct buf *out)
{
	char pattern[96];

	switch (r->action) {
	case ACTION_KEEP:
	case ACTION_DROP:
	case ACTION_K_GUARD:
	case ACTION_COUNT: return; /* the container's own shape says it */
	case ACTION_CONST: const_schema(&r->p.constant, types, out); return;
	case ACTION_NULL: add_types(out, NULL, true, types); return;
	case ACTION_ROUND:
	case ACTION_TOPCODE:
		add_types(out, "number", true, types);
		number_schema(r, out);
		return;
	case ACTION_GEO:
		add_types(out, r->p.geo.is_hash ? "string" : "number", true, types);
		if (!r->p.geo.is_hash) {
			number_schema(r, out);
			return;
		}
		snprintf(pattern, sizeof pattern, "^[0-9b-hjkmnp-z]{1,%u}$", (unsigned)r->p.geo.digits);
		add_pattern(out, pattern);
		return;
	case ACTION_BAND:
		add_types(out, "string", true, types);
		band_schema(r->p.band, out);
		return;
	case ACTION_DATE_SHIFT:
		add_types(out, "string", true, types);
		add_pattern(out, "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].*)?$");
		return;
	case ACTION_DATE_TRUNC:
		add_types(out, "string", true, types);
		trunc_schema(&r->p.trunc, out);
		return;
	case ACTION_IP_PREFIX:
		add_types(out, "string", true, types);
		add_pattern(out, "^[0-9a-f.:]{2,45}/[0-9]{1,3}$");
		return;
	case ACTION_POSTCODE:
		add_types(out, "string", true, types);
		snprintf(pattern, sizeof pattern, "^[A-Z0-9]{1,%u}$",
		         (unsigned)(r->p.postcode->first ? r->p.postcode->first : 12 - r->p.postcode->last));
		add_pattern(out, pattern);
		return;
	case ACTION_REDACT_TEXT: add_types(out, "string", true, types); return;
	case ACTION_FPE:
		add_types(out, "string", true, types);
		fpe_schema(&r->p.fpe, out);
		return;
	case ACTION_TOKEN:
	case ACTION_SEAL:
	case ACTION_PSEUDONYM:
	case ACTION_SURROGATE:
		add_types(out, "string", true, types);
		if (r->action == ACTION_PSEUDONYM || r->action == ACTION_SURROGATE)
			snprintf(pattern, sizeof pattern, "^%c1\\.[1-9][0-9]{0,9}\\.[a-z2-7]{%u}$",
			         r->action == ACTION_SURROGATE ? 'r' : 'p', (unsigned)BASE32_TEXT(r->p.pseudonym.bits));
		else
			snprintf(pattern, sizeof pattern, "^%c1\\.[1-9][0-9]{0,9}\\.[A-Za-z0-9_-]{%u,}$",
			         r->action == ACTION_TOKEN ? 't' : 's', r->action == ACTION_TOKEN ? 24u : 40u);
		add_pattern(out, pattern);
		return;
	case ACTION_MASK:
		add_types(out, "string", true, types);
		mask_schema(&r->p.mask, out);
		return;
	}
}
