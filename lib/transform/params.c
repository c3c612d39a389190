/* Parameters of the actions: read from the agreement, checked one by one, every error listed with its rule.
 * schema/transforms.schema.json says the same to authors. */
#include "lib/transform/actions.h"

#include <inttypes.h>

#include "lib/json/pointer.h"

#define NUMBER_EDGE INT64_C(1000000000000000)

/* What is being read. The first look at a member marks it as known; what is never looked at is unknown. */
struct params {
	const struct rule *rule;
	const json_t *object;
	struct error_list *errors;
	const char *known[8];
	size_t n_known;
	bool ok, no_memory;
};

static void bad(struct params *p, const char *name, const char *what)
{
	error_list_addf(p->errors, REASON_CONFIG, p->rule->place, 0, 0, "rule %s: %s: \"%s\" %s", p->rule->id,
	                action_name(p->rule->action), name, what);
	p->ok = false;
}

static const json_t *member(struct params *p, const char *name)
{
	p->known[p->n_known++] = name;
	return json_object_get(p->object, name);
}

static bool get_int(struct params *p, const char *name, int64_t min, int64_t max, int64_t *out)
{
	const json_t *v = member(p, name);
	char what[96];

	if (!v)
		return false;
	if (json_is_integer(v) && json_integer_value(v) >= min && json_integer_value(v) <= max) {
		*out = json_integer_value(v);
		return true;
	}
	snprintf(what, sizeof what, "must be a whole number from %" PRId64 " to %" PRId64, min, max);
	bad(p, name, what);
	return false;
}

static uint32_t get_u32(struct params *p, const char *name, int64_t min, int64_t max, uint32_t otherwise)
{
	int64_t v = otherwise;

	get_int(p, name, min, max, &v);
	return (uint32_t)v;
}

/* The place of a string in a list that ends with NULL; `otherwise` when it is absent, below 0: required. */
static int get_choice(struct params *p, const char *name, const char *const *choices, int otherwise)
{
	const json_t *v = member(p, name);

	if (!v && otherwise >= 0)
		return otherwise;
	if (!v) {
		bad(p, name, "is missing");
		return 0;
	}
	for (int i = 0; choices[i]; i++)
		if (json_is_string(v) && strcmp(json_string_value(v), choices[i]) == 0)
			return i;
	bad(p, name, "is not one of the values it may have");
	return 0;
}

static bool get_flag(struct params *p, const char *name)
{
	const json_t *v = member(p, name);

	if (v && !json_is_boolean(v))
		bad(p, name, "must be true or false");
	return json_is_true(v);
}

static void get_domain(struct params *p, struct rule *r)
{
	const json_t *v = member(p, "domain");
	const char *s = json_string_value(v);
	size_t n = s ? json_string_length(v) : 0;
	bool ok = n >= 1 && n <= DOMAIN_MAX && s[0] >= 'a' && s[0] <= 'z';

	for (size_t i = 0; ok && i < n; i++)
		ok = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-';
	if (!v)
		bad(p, "domain", "is missing");
	else if (!ok)
		bad(p, "domain", "must be a-z, 0-9 and -, starting with a letter, at most 63 characters");
	else
		memcpy(r->key.domain, s, n);
}

static bool get_subject(struct params *p, struct rule *r)
{
	const json_t *v = member(p, "subject");
	const char *wrong = v ? subject_read(&r->subject, r->pointer, json_string_value(v)) : NULL;

	if (wrong)
		bad(p, "subject", wrong);
	return v != NULL;
}

static void need_one(struct params *p, bool a, bool b, const char *names)
{
	if (p->ok && a == b)
		bad(p, names, a ? "exclude each other" : "are missing: one of them is needed");
}

static void read_const(struct params *p, struct rule *r)
{
	const json_t *v = member(p, "value");

	if (!v || !(json_is_string(v) || json_is_integer(v) || json_is_boolean(v))) {
		bad(p, "value", "must be a text, a whole number, true or false");
		return;
	}
	struct buf b = BUF_INIT(1u << 20);
	if (json_is_string(v)) {
		r->p.constant.type = TAPE_STRING;
		buf_add_json_string(&b, view_make(json_string_value(v), json_string_length(v)));
	} else if (json_is_integer(v)) {
		r->p.constant.type = TAPE_NUMBER;
		buf_addf(&b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	} else {
		r->p.constant.type = json_is_true(v) ? TAPE_TRUE : TAPE_FALSE;
		buf_adds(&b, json_is_true(v) ? "true" : "false");
	}
	buf_addc(&b, 0);
	if (json_is_string(v))
		buf_add(&b, view_make(json_string_value(v), json_string_length(v)));
	if (b.failed) {
		bad(p, "value", "is too long");
		buf_free(&b);
		return;
	}
	r->p.constant.token = b.p;
	size_t n = strlen(b.p) + 1;
	r->p.constant.text = view_make(b.p + n, b.n - n);
}

static void read_mask(struct params *p, struct rule *r)
{
	static const char *const characters[] = { "*", "#", "X", "x", "0", "-", "_", NULL };
	struct mask_params *m = &r->p.mask;

	m->character = characters[get_choice(p, "character", characters, 0)][0];
	m->length = get_u32(p, "length", 1, 64, 0);
	m->first = get_u32(p, "keep_first", 0, 8, 0);
	m->last = get_u32(p, "keep_last", 0, 8, 0);
	if (m->length && (m->first || m->last))
		bad(p, "length", "excludes keep_first and keep_last");
}

static void read_pseudonym(struct params *p, struct rule *r)
{
	const char *profiles[PROFILE_COUNT + 1] = { NULL };
	int64_t n = 128;

	get_domain(p, r);
	r->p.pseudonym.bits = 8 * SURROGATE_BYTES;
	for (int i = 0; i < PROFILE_COUNT; i++)
		profiles[i] = profile_name((enum profile)i);
	r->p.pseudonym.profile = (enum profile)get_choice(p, "normalise", profiles, -1);
	if (r->action == ACTION_SURROGATE)
		return;
	if (get_int(p, "bits", 128, 256, &n) && n != 128 && n != 160 && n != 192 && n != 256)
		bad(p, "bits", "must be 128, 160, 192 or 256");
	r->p.pseudonym.bits = (uint32_t)n;
}

static void read_hidden(struct params *p, struct rule *r)
{
	get_domain(p, r);
	r->p.hidden.pad = get_u32(p, "pad", 1, 256, 16);
	if (r->action == ACTION_TOKEN)
		r->p.hidden.per_subject = get_flag(p, "per_subject");
	if (r->action == ACTION_TOKEN && get_subject(p, r) && !r->p.hidden.per_subject)
		bad(p, "subject", "is for tokens per_subject only");
}

static void read_fpe(struct params *p, struct rule *r)
{
	static const char *const alphabets[] = { "digits", "letters", "alphanumeric", NULL };
	static const char *const checks[] = { "none", "luhn", "mrz", NULL };
	static const unsigned radix[] = { 10, 26, 36 };
	const json_t *separators;

	get_domain(p, r);
	r->p.fpe.radix = radix[get_choice(p, "alphabet", alphabets, -1)];
	r->p.fpe.check = (enum check_digit)get_choice(p, "check", checks, 0);
	if (r->p.fpe.check == CHECK_LUHN && r->p.fpe.radix != 10)
		bad(p, "check", "luhn is for digits only");
	if (r->p.fpe.check == CHECK_MRZ && r->p.fpe.radix == 26)
		bad(p, "check", "mrz makes digits, which this alphabet has not");
	separators = member(p, "separators");
	if (!separators)
		return;
	const char *s = json_string_value(separators);
	if (!s || strlen(s) != json_string_length(separators) || strlen(s) < 1 || strlen(s) > 4 ||
	    strspn(s, " ./-") != strlen(s))
		bad(p, "separators", "must be one to four of space, point, slash and hyphen");
	else
		memcpy(r->p.fpe.separators, s, strlen(s));
}

static void read_date_shift(struct params *p, struct rule *r)
{
	int64_t days = 0;

	get_domain(p, r);
	if (!get_int(p, "days", 1, 3650, &days) && p->ok)
		bad(p, "days", "is missing");
	r->p.shift.days = (uint32_t)days;
	get_subject(p, r);
}

static void read_date_trunc(struct params *p, struct rule *r)
{
	static const char *const periods[] = { "day", "month", "quarter", "year", "decade", NULL };
	static const char *const forms[] = { "short", "date", NULL };

	r->p.trunc.to = (enum period)get_choice(p, "to", periods, -1);
	r->p.trunc.as_date = get_choice(p, "as", forms, 0) == 1;
}

static void read_band(struct params *p, struct rule *r)
{
	const json_t *edges = member(p, "edges");
	struct band_params *b = r->p.band = calloc(1, sizeof *b);
	bool width = b && get_int(p, "width", 2, INT64_C(1000000000000), &b->width);

	if (!b) {
		p->no_memory = true;
		return;
	}
	need_one(p, edges != NULL, width, "edges, width");
	if (!edges)
		return;
	bool ok = json_is_array(edges) && json_array_size(edges) >= 1 && json_array_size(edges) <= BAND_EDGES_MAX;
	for (size_t i = 0; ok && i < json_array_size(edges); i++) {
		const json_t *v = json_array_get(edges, i);

		b->edges[i] = json_integer_value(v);
		ok = json_is_integer(v) && b->edges[i] >= 0 && b->edges[i] <= NUMBER_EDGE &&
		     (i == 0 || b->edges[i] > b->edges[i - 1]);
		snprintf(b->text[i], EDGE_TEXT, "%" PRId64, b->edges[i]);
		b->n++;
	}
	if (!ok)
		bad(p, "edges", "must be one to 64 whole numbers from 0 on, rising");
}

static void read_round(struct params *p, struct rule *r)
{
	int64_t digits = 0;

	if (!get_int(p, "digits", -15, 15, &digits) && p->ok)
		bad(p, "digits", "is missing");
	r->p.round.digits = (int32_t)digits;
}

static void read_topcode(struct params *p, struct rule *r)
{
	struct topcode_params *t = r->p.topcode = calloc(1, sizeof *t);

	if (!t) {
		p->no_memory = true;
		return;
	}
	t->has_max = get_int(p, "max", -NUMBER_EDGE, NUMBER_EDGE, &t->max);
	t->has_min = get_int(p, "min", -NUMBER_EDGE, NUMBER_EDGE, &t->min);
	if (p->ok && !t->has_max && !t->has_min)
		bad(p, "max, min", "are missing: one of them is needed");
	if (t->has_max && t->has_min && t->min >= t->max)
		bad(p, "min", "must be below max");
	snprintf(t->max_text, EDGE_TEXT, "%" PRId64, t->max);
	snprintf(t->min_text, EDGE_TEXT, "%" PRId64, t->min);
}

static void read_geo(struct params *p, struct rule *r)
{
	int64_t decimals = 0, hash = 0;
	bool is_decimal = get_int(p, "decimals", 0, 3, &decimals);

	r->p.geo.is_hash = get_int(p, "geohash", 1, 6, &hash);
	need_one(p, is_decimal, r->p.geo.is_hash, "decimals, geohash");
	r->p.geo.digits = (uint32_t)(r->p.geo.is_hash ? hash : decimals);
}

static void read_ip_prefix(struct params *p, struct rule *r)
{
	r->p.ip.v4 = get_u32(p, "ipv4", 0, 31, 24);
	r->p.ip.v6 = get_u32(p, "ipv6", 0, 127, 48);
}

static void read_postcode(struct params *p, struct rule *r)
{
	struct postcode_params *c = r->p.postcode = calloc(1, sizeof *c);
	const json_t *list;

	if (!c) {
		p->no_memory = true;
		return;
	}
	c->first = get_u32(p, "keep_first", 1, 6, 0);
	c->last = get_u32(p, "drop_last", 1, 6, 0);
	need_one(p, c->first != 0, c->last != 0, "keep_first, drop_last");
	list = member(p, "suppress");
	if (!list)
		return;
	bool ok = json_is_array(list) && json_array_size(list) <= 256;
	c->suppress = ok ? calloc(json_array_size(list) + 1, sizeof *c->suppress) : NULL;
	ok = ok && c->suppress;
	for (size_t i = 0; ok && i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		const char *s = json_string_value(v);
		size_t n = s ? json_string_length(v) : 0;

		ok = n >= 1 && n <= 8 && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == n;
		if (ok)
			memcpy(c->suppress[c->n_suppress++], s, n);
	}
	if (!ok)
		bad(p, "suppress", "must be at most 256 texts of one to eight characters A-Z and 0-9");
}

static int hash_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The words as they are written: 64 bits of SHA-256 tell one from another. */
static uint64_t word_hash(struct view word)
{
	struct digest d;
	uint64_t h;

	sha256(word, &d);
	memcpy(&h, d.b, sizeof h);
	return h;
}

static void read_dictionary(struct params *p, const json_t *words, struct redact_params *d)
{
	bool ok = json_is_array(words) && json_array_size(words) >= 1 && json_array_size(words) <= 10000;

	d->recognisers |= 1u << RECOGNISER_WORD;
	d->words = ok ? dictionary_new(json_array_size(words)) : NULL;
	d->hashes = ok ? calloc(json_array_size(words), sizeof *d->hashes) : NULL;
	ok = ok && d->words && d->hashes;
	for (size_t i = 0; ok && i < json_array_size(words); i++) {
		const json_t *v = json_array_get(words, i);
		struct view word = view_make(json_string_value(v), json_is_string(v) ? json_string_length(v) : 0);

		ok = word.n >= 2 && word.n <= 256 && dictionary_add(d->words, word);
		if (ok)
			d->hashes[d->n_hashes++] = word_hash(word);
	}
	if (!ok)
		bad(p, "dictionary", "must be one to 10,000 words of at least two letters");
	else
		qsort(d->hashes, d->n_hashes, sizeof *d->hashes, hash_cmp);
}

static void read_redact_text(struct params *p, struct rule *r)
{
	const json_t *list = member(p, "recognisers"), *words = member(p, "dictionary");
	struct redact_params *d = &r->p.redact;

	if (!list && !words)
		bad(p, "recognisers, dictionary", "are missing: one of them is needed");
	bool ok = !list || (json_is_array(list) && json_array_size(list) >= 1);
	for (size_t i = 0; ok && i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		enum recogniser which = recogniser_find(view_of(json_string_value(v)));

		ok = which < RECOGNISER_WORD && !(d->recognisers & 1u << which);
		if (ok)
			d->recognisers |= 1u << which;
	}
	if (!ok)
		bad(p, "recognisers", "must be a list of iban, card, mrz, email and phone, each at most once");
	if (words)
		read_dictionary(p, words, d);
}

static void read_guard_fields(struct params *p, struct guard_params *g)
{
	const json_t *list = member(p, "fields");
	bool ok = json_is_array(list) && json_array_size(list) >= 1 && json_array_size(list) <= GUARD_FIELDS_MAX;

	for (size_t i = 0; ok && i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));
		size_t tokens = 0;

		for (const char *c = s; c && *c; c++)
			tokens += *c == '/';
		ok = s && *s && pointer_valid(view_of(s)) && tokens < PATH_MAX_DEPTH;
		g->fields[g->n] = ok ? strdup(s) : NULL;
		ok = ok && g->fields[g->n++];
	}
	if (!ok)
		bad(p, "fields", "must be one to 32 JSON Pointers to fields of the record");
}

static void read_k_guard(struct params *p, struct rule *r)
{
	static const char *const otherwise[] = { "drop", "refuse", NULL };
	struct guard_params *g = r->p.guard = calloc(1, sizeof *g);
	int64_t k = 0;

	if (!g) {
		p->no_memory = true;
		return;
	}
	if (*r->pointer)
		bad(p, "pointer", "must be empty: whole records are counted");
	if (!get_int(p, "k", 2, 1000, &k) && p->ok)
		bad(p, "k", "is missing");
	g->k = (uint32_t)k;
	g->refuse = get_choice(p, "otherwise", otherwise, 0) == 1;
	read_guard_fields(p, g);
	get_subject(p, r);
}

static void read_action(struct params *p, struct rule *r)
{
	switch (r->action) {
	case ACTION_KEEP:
	case ACTION_NULL:
	case ACTION_DROP: break;
	case ACTION_CONST: read_const(p, r); break;
	case ACTION_MASK: read_mask(p, r); break;
	case ACTION_PSEUDONYM:
	case ACTION_SURROGATE: read_pseudonym(p, r); break;
	case ACTION_TOKEN:
	case ACTION_SEAL: read_hidden(p, r); break;
	case ACTION_FPE: read_fpe(p, r); break;
	case ACTION_DATE_SHIFT: read_date_shift(p, r); break;
	case ACTION_DATE_TRUNC: read_date_trunc(p, r); break;
	case ACTION_BAND: read_band(p, r); break;
	case ACTION_ROUND: read_round(p, r); break;
	case ACTION_TOPCODE: read_topcode(p, r); break;
	case ACTION_GEO: read_geo(p, r); break;
	case ACTION_IP_PREFIX: read_ip_prefix(p, r); break;
	case ACTION_POSTCODE: read_postcode(p, r); break;
	case ACTION_REDACT_TEXT: read_redact_text(p, r); break;
	case ACTION_K_GUARD: read_k_guard(p, r); break;
	case ACTION_COUNT: bad(p, "action", "is not in the catalogue"); break;
	}
}

bool rule_params(struct rule *r, const json_t *params, struct error_list *errors)
{
	struct params p = { .rule = r, .object = params, .errors = errors, .ok = true };

	if (params && !json_is_object(params))
		bad(&p, "params", "must be an object");
	else
		read_action(&p, r);
	if (p.no_memory)
		bad(&p, "params", "found no memory");
	/* json_object_foreach() takes no const; it changes nothing here. */
	void *iter = p.no_memory ? NULL : json_object_iter((json_t *)(uintptr_t)params);
	for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)params, iter)) {
		const char *name = json_object_iter_key(iter);
		bool known = false;

		for (size_t i = 0; i < p.n_known; i++)
			known = known || strcmp(name, p.known[i]) == 0;
		if (!known)
			bad(&p, name, "is not a parameter of this action");
	}
	return p.ok;
}

static void params_free(struct rule *r)
{
	switch (r->action) {
	case ACTION_CONST: free(r->p.constant.token); break;
	case ACTION_BAND: free(r->p.band); break;
	case ACTION_TOPCODE: free(r->p.topcode); break;
	case ACTION_POSTCODE:
		if (r->p.postcode)
			free(r->p.postcode->suppress);
		free(r->p.postcode);
		break;
	case ACTION_REDACT_TEXT:
		dictionary_free(r->p.redact.words);
		free(r->p.redact.hashes);
		break;
	case ACTION_K_GUARD:
		for (uint32_t i = 0; r->p.guard && i < r->p.guard->n; i++)
			free(r->p.guard->fields[i]);
		free(r->p.guard);
		break;
	case ACTION_KEEP:
	case ACTION_NULL:
	case ACTION_DROP:
	case ACTION_MASK:
	case ACTION_PSEUDONYM:
	case ACTION_SURROGATE:
	case ACTION_TOKEN:
	case ACTION_SEAL:
	case ACTION_FPE:
	case ACTION_DATE_SHIFT:
	case ACTION_DATE_TRUNC:
	case ACTION_ROUND:
	case ACTION_GEO:
	case ACTION_IP_PREFIX:
	case ACTION_COUNT: break;
	}
}

void rule_arrive(struct rule *r)
{
	params_free(r);
	r->action = ACTION_KEEP;
	r->epoch = 0;
}

void rule_free(struct rule *r)
{
	params_free(r);
	hmac_key_free(r->key.hmac);
	siv_key_free(r->key.siv);
	ff1_key_free(r->key.ff1);
	secret_wipe(&r->key.gcm);
	buf_free(&r->key.aad);
	free(r->subject.names);
	free(r->id);
	free(r->pointer);
	free(r->waiver);
	free(r->place);
}
