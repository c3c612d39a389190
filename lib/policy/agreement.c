/* Loading an agreement, its life, and what it answers about itself. */
#include "lib/policy/internal.h"

#include "lib/base/slip.h"
#include "lib/json/pointer.h"
#include "lib/schema/document.h"
#include "lib/schema/regex.h"

/* A clause that is missing is reported where its parent stands. */
void place_of(const struct tape *t, const char *pointer, uint32_t *line, uint32_t *column)
{
	if (t->n > 0)
		tape_place(t, t->nodes[pointer_nearest(t, view_of(pointer))].off, line, column);
}

static bool lacks(const struct load *l, struct view written)
{
	uint32_t node;

	return rest_lacks(&l->rest, written) ||
	       (rest_beside_unknown(&l->rest, written) && !pointer_find(&l->tape, 0, written, &node));
}

bool left_out(const struct load *l, const char *pointer)
{
	struct buf written = BUF_INIT(4096);
	bool is = false;

	if (l->rest.doc) {
		rest_as_written(&l->rest, view_of(pointer), &written);
		is = lacks(l, buf_view(&written));
	}
	buf_free(&written);
	return is;
}

bool periods_left_out(const struct load *l, size_t purpose)
{
	char at[60];

	snprintf(at, sizeof at, "/purposes/%zu/retention", purpose);
	return left_out(l, "/retention") || left_out(l, at);
}

/* An earlier stage found fault with this very place. */
static bool told_before(const struct load *l, const char *pointer)
{
	size_t n = strlen(pointer);

	for (size_t i = 0; i < l->told && i < l->errors->n; i++) {
		const struct error *e = &l->errors->items[i];
		if (strcmp(e->where, l->file) == 0 && strncmp(e->text, pointer, n) == 0 && e->text[n] == ':')
			return true;
	}
	return false;
}

static bool add_fault(struct load *l, enum reason reason, const char *pointer, const char *text)
{
	uint32_t line = 0, column = 0;
	struct error e = { .reason = REASON_NONE };

	snprintf(e.text, sizeof e.text, "%s: %s", pointer, text);
	if ((l->rest.doc && lacks(l, view_of(pointer))) || (pointer[0] && told_before(l, pointer)) ||
	    fault_known(l->errors, l->file, e.text))
		return false;
	place_of(&l->tape, pointer, &line, &column);
	return error_list_addf(l->errors, reason, l->file, line, column, "%s", e.text);
}

bool load_fault(struct load *l, enum reason reason, const char *pointer, const char *fmt, ...)
{
	struct buf at = BUF_INIT(4096), written = BUF_INIT(4096);
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (l->rest.doc) {
		rest_as_written(&l->rest, view_of(pointer), &at);
		rest_as_written(&l->rest, view_of(text), &written);
		buf_add(&at, view_make("", 1));
		buf_add(&written, view_make("", 1));
	}
	if (at.n > 0 && !at.failed && !written.failed)
		add_fault(l, reason, at.p, written.p);
	else
		add_fault(l, reason, pointer, text);
	buf_free(&at);
	buf_free(&written);
	return false;
}

static const struct {
	const char *clause;
	enum part part;
} parts[] = {
	{ "parties", PART_PARTIES },       { "legal_bases", PART_BASES }, { "tiers", PART_TIERS },
	{ "purposes", PART_PURPOSES },     { "schemas", PART_SCHEMAS },   { "rules", PART_RULES },
	{ "exceptions", PART_EXCEPTIONS }, { "council", PART_COUNCIL },   { "envelope", PART_ENVELOPE },
};

static unsigned part_of(const char *clause, size_t n)
{
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (strlen(parts[i].clause) == n && memcmp(parts[i].clause, clause, n) == 0)
			return parts[i].part;
	return 0;
}

bool load_unknown(struct load *l, enum reason reason, const char *pointer, const char *text, struct view word,
                  const char *list, const char *member)
{
	struct view meant = VIEW("");
	unsigned least = SLIP_WORD_MAX, edits;
	const json_t *item;
	size_t i;

	if (l->incomplete & part_of(list, strlen(list))) /* it may be the name of what is left out */
		return false;
	json_array_foreach(json_object_get(l->a->doc, list), i, item)
	{
		struct view name = json_view(item, member);
		if (slip_of(word, name, &edits) && edits < least) {
			least = edits;
			meant = name;
		}
	}
	if (meant.n == 0)
		return load_fault(l, reason, pointer, "%s", text);
	return load_fault(l, reason, pointer, "%s; did you mean \"%.*s\"?", text, VIEW_ARG(meant));
}

bool fault_known(const struct error_list *errors, const char *file, const char *text)
{
	for (size_t i = 0; i < errors->n; i++)
		if (strcmp(errors->items[i].text, text) == 0 && (!file || strcmp(errors->items[i].where, file) == 0))
			return true;
	return false;
}

/* An agreement of before has no format. It does not load, but is read as if it had one, so that what else there is to
 * change is told at once. */
static bool has_format(const struct load *l)
{
	uint32_t node;

	return l->tape.n == 0 || l->tape.nodes[0].type != TAPE_OBJECT ||
	       pointer_find(&l->tape, 0, VIEW("/format"), &node);
}

static bool with_format(const struct load *l, struct buf *whole)
{
	struct view text = l->a->text;
	size_t open = l->tape.nodes[0].off + 1;

	buf_add(whole, view_make(text.p, open));
	buf_addf(whole, "\"format\":2%s", l->tape.nodes[0].count ? "," : "");
	buf_add(whole, view_from(text, open));
	return !whole->failed;
}

/* The clause in which something is not there. Periods are nobody's names: of those of a purpose left_out() keeps quiet. */
static unsigned touched(const char *pointer)
{
	size_t n = strcspn(pointer + 1, "/");
	unsigned part = part_of(pointer + 1, n);
	const char *item = pointer + 1 + n, *member = item[0] ? strchr(item + 1, '/') : NULL;

	return part == PART_PURPOSES && member && strncmp(member, "/retention", 10) == 0 ? 0 : part;
}

/* What the schema leaves of a document that it refuses, so that whoever wrote it hears everything at once. */
static json_t *read_rest(struct load *l, const struct schema *schema, struct view text)
{
	static const char *const whole[] = { "rules", "exceptions", "envelope", NULL };
	const json_t *at;
	size_t i;

	if (!rest_read(schema, VIEW("agreement"), text, whole, &l->rest))
		return NULL;
	json_array_foreach(l->rest.out, i, at) l->incomplete |= touched(json_string_value(at));
	return json_incref(l->rest.doc);
}

static json_t *read_text(struct load *l, const struct schema *schema, bool format)
{
	struct buf whole = BUF_INIT(l->a->text.n + 20);
	struct view text = l->a->text;
	json_t *doc = NULL;

	if (!format)
		text = with_format(l, &whole) ? buf_view(&whole) : VIEW("");
	if (text.n == l->a->text.n || text.n > 0)
		doc = document_read_own(schema, l->file, text, l->errors);
	if (!format)
		load_fault(l, REASON_CONFIG, "/format",
		           "is missing: this agreement was written for older rules; amend what else is named here, "
		           "and say \"format\": 2");
	if (!doc)
		doc = read_rest(l, schema, text);
	buf_free(&whole);
	return doc;
}

static struct schema *own_schema(struct schema *compiled, struct view name, struct error *e)
{
	return compiled ? schema_ref(compiled) : document_schema(name, e);
}

/* A stage runs where what it rests on is sound, and says nothing of places that an earlier one named. Without memory for what earlier ones
 * read, none does. */
static bool stage(struct load *l, bool (*run)(struct load *), unsigned sound, unsigned complete, unsigned makes)
{
	if (!(l->faulty & sound) && !(l->incomplete & complete) && !l->a->mem.failed) {
		l->told = l->errors->n;
		if (run(l))
			return true;
	}
	l->faulty |= makes;
	return false;
}

/* Rules are looked for in the schemas of their purposes. Items of rules, exceptions and the clause envelope that are left out leave
 * others that can be judged. */
static bool load_stages(struct load *l, struct view signature)
{
	static const unsigned places = PART_SCHEMAS | PART_PURPOSES;
	bool ok = stage(l, read_schemas, 0, PART_SCHEMAS, PART_SCHEMAS);

	ok = stage(l, read_clauses, 0, 0, 0) && ok;
	ok = stage(l, read_rules, places, places, PART_RULES) && ok;
	ok = stage(l, check_masks, PART_RULES, PART_RULES, 0) && ok;
	ok = stage(l, read_beside, 0, 0, PART_ENVELOPE) && ok;
	ok = stage(l, read_floor, 0, 0, 0) && ok;
	if (!l->from->unsigned_ok && !(l->incomplete & (PART_PARTIES | PART_COUNCIL)) && !l->a->mem.failed) {
		l->told = l->errors->n;
		ok = check_signatures(l, signature) && ok;
	}
	if (l->a->mem.failed || !read_epochs(l))
		return false;
	ok = stage(l, compile_rulings, PART_RULES, PART_TIERS, 0) && ok;
	ok = stage(l, compile_beside, PART_ENVELOPE | PART_PURPOSES, PART_PURPOSES, 0) && ok;
	return ok && !l->rest.doc;
}

static bool load_all(struct load *l, struct view signature)
{
	struct agreement *a = l->a;
	struct error e = { .reason = REASON_NONE };
	struct schema *schema = own_schema(l->from->agreement_schema, VIEW("agreement"), &e);
	bool format = has_format(l);

	a->approval_schema = schema ? own_schema(l->from->approval_schema, VIEW("approval"), &e) : NULL;
	if (!a->approval_schema) {
		schema_unref(schema);
		return error_list_add(l->errors, &e);
	}
	a->doc = read_text(l, schema, format);
	schema_unref(schema);
	if (!a->doc)
		return false;
	codes_digest(&a->codes);
	return load_stages(l, signature) && format;
}

struct agreement *agreement_load(const char *file, struct view text, struct view signature,
                                 const struct agreement_sources *from, struct error_list *errors)
{
	struct agreement *a = calloc(1, sizeof *a);
	struct tape_parser *parser = tape_parser_new(&tape_document_limits);
	struct load l = { .a = a, .from = from, .file = file, .errors = errors };
	struct error e = { .reason = REASON_NONE };
	bool ok = false;

	if (!a || !parser) {
		error_list_addf(errors, REASON_NO_MEMORY, file, 0, 0, "memory ran out");
		goto out;
	}
	atomic_init(&a->refs, 1);
	sha256(text, &a->digest);
	a->text = arena_copy(&a->mem, text);
	a->self = arena_copy(&a->mem, from->self);
	if ((text.n && !a->text.p) || (from->self.n && !a->self.p)) {
		error_list_addf(errors, REASON_NO_MEMORY, file, 0, 0, "memory ran out");
		goto out;
	}
	/* A text that is no JSON has no places; document_read() says why. */
	if (!tape_parse(parser, a->text, &l.tape, &e))
		l.tape = (struct tape){ .n = 0 };
	ok = load_all(&l, signature);
	if (!ok && errors->n == 0)
		error_list_addf(errors, REASON_NO_MEMORY, file, 0, 0, "memory ran out");
out:
	rest_free(&l.rest);
	tape_parser_free(parser);
	if (ok)
		return a;
	agreement_unref(a);
	return NULL;
}

bool agreement_arm(struct agreement *a, const struct secret *secret, struct error *e)
{
	return arm_rulings(a, secret, e) && arm_beside(a, secret, e);
}

struct agreement *agreement_ref(struct agreement *a)
{
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	return a;
}

void agreement_unref(struct agreement *a)
{
	if (!a || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (struct compiled *c = a->compiled; c; c = c->next) {
		program_free(c->program);
		schema_unref(c->output);
	}
	for (struct beside_program *b = a->beside_programs; b; b = b->next)
		program_free(b->program);
	for (unsigned m = 0; m < BESIDE_COUNT; m++)
		schema_unref(a->beside[m].form);
	for (size_t i = 0; i < a->n_schemas && a->schemas; i++) {
		schema_unref(a->schemas[i].input);
		schema_unref(a->schemas[i].output);
		json_decref(a->schemas[i].root);
		for (size_t k = 0; k < a->schemas[i].n_references; k++)
			json_decref(a->schemas[i].references[k]);
	}
	schema_unref(a->approval_schema);
	regex_free(a->consent_pattern);
	json_decref(a->doc);
	json_decref(a->floor_doc);
	json_decref(a->overlay_doc);
	arena_free(&a->mem);
	free(a);
}

struct view agreement_id(const struct agreement *a)
{
	return a->id;
}

struct view agreement_version(const struct agreement *a)
{
	return a->version;
}

struct view agreement_text(const struct agreement *a)
{
	return a->text;
}

const struct digest *agreement_digest(const struct agreement *a)
{
	return &a->digest;
}

const struct digest *agreement_supersedes(const struct agreement *a)
{
	return &a->supersedes;
}

int64_t agreement_effective_ms(const struct agreement *a)
{
	return a->effective_ms;
}

int64_t agreement_grace_end_ms(const struct agreement *a)
{
	return a->grace_end_ms;
}

bool agreement_orders_cases(const struct agreement *a)
{
	return json_object_get(json_object_get(a->doc, "delivery"), "order") != NULL;
}

int64_t agreement_sunset_ms(const struct agreement *a)
{
	return a->sunset_ms;
}

bool agreement_has_party(const struct agreement *a, struct view agency)
{
	for (size_t i = 0; i < a->n_parties; i++)
		if (view_eq(a->parties[i], agency))
			return true;
	return false;
}

bool agreement_oversight(const struct agreement *a, struct view party, struct view agency)
{
	const json_t *list = json_object_get(a->doc, "parties");

	for (size_t i = 0; i < a->n_parties; i++) {
		const json_t *bodies = json_object_get(json_array_get(list, i), "oversight");

		for (size_t k = 0; view_eq(a->parties[i], party) && k < json_array_size(bodies); k++)
			if (view_is(agency, json_string_value(json_array_get(bodies, k))))
				return true;
	}
	return false;
}

bool agreement_has_seat(const struct agreement *a, struct view name)
{
	const json_t *seats = json_object_get(json_object_get(a->doc, "council"), "seats");

	for (size_t i = 0; i < json_array_size(seats); i++)
		if (view_eq(json_view(json_array_get(seats, i), "id"), name))
			return true;
	return false;
}

struct view agreement_party(const struct agreement *a, size_t k)
{
	return k < a->n_parties ? a->parties[k] : VIEW("");
}

const char *agreement_first_party(const struct agreement *a)
{
	return a->parties[0].p; /* jansson's strings end with a NUL */
}

struct view agreement_withdrawals(const struct agreement *a)
{
	return a->withdrawals;
}

struct view agreement_given(const struct agreement *a)
{
	return a->given;
}

bool agreement_needs_consent(const struct agreement *a, struct view legal_basis)
{
	size_t i = find_basis(a, legal_basis);

	return i != INDEX_NONE && a->bases[i].consent;
}

struct view agreement_recipient(const struct agreement *a, struct view from)
{
	size_t i = find_flow(a, from);

	return i == INDEX_NONE ? VIEW("") : a->flows[i].to;
}

bool agreement_schema(const struct agreement *a, size_t k, struct digest *out)
{
	const json_t *list = json_object_get(a->doc, "schemas");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i), *references = json_object_get(o, "references");
		if (k-- == 0)
			return digest_parse(json_view(o, "input"), out);
		if (json_object_get(o, "output") && k-- == 0)
			return digest_parse(json_view(o, "output"), out);
		if (k < json_array_size(references))
			return digest_parse(json_view(json_array_get(references, k), "digest"), out);
		k -= json_array_size(references);
	}
	return false;
}

const struct ruling *agreement_ruling(const struct agreement *a, struct view purpose, enum tier tier,
                                      enum subject_category category, bool egress)
{
	size_t p = find_purpose(a, purpose);

	if (p == INDEX_NONE || tier >= TIER_COUNT || category >= SUBJECT_COUNT)
		return NULL;
	const struct ruling_full *full = a->rulings[ruling_slot(p, tier, category, egress)];
	return full ? &full->ruling : NULL;
}

const struct ruling *ruling_at(const struct ruling *r, int64_t now_ms)
{
	const struct ruling_full *full = (const struct ruling_full *)r;

	while (full && full->later && full->later->from_ms <= now_ms)
		full = full->later;
	return full ? &full->ruling : NULL;
}
