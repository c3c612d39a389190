/* From clauses to programs: one ruling for each (purpose, tier, subject category, direction). Most
 * combinations have the same rules, so programs are made once for each set of rules (and purpose and key epoch,
 * where keys are derived from them) and shared. */
#include "lib/policy/internal.h"

struct compiler {
	struct load *l;
	struct rule *overlay; /* its rules for this agreement */
	size_t n_overlay;
	struct field_rule *fields;  /* of the program that is being compiled */
	const struct rule **behind; /* the rule behind each of them */
	size_t n, cap;
	size_t words; /* of a rule set */
};

static bool has_rule(const uint64_t *set, size_t i)
{
	return set[i / 64] >> (i % 64) & 1;
}

static bool needs_key(enum action a)
{
	switch (a) {
	case ACTION_PSEUDONYM:
	case ACTION_SURROGATE:
	case ACTION_TOKEN:
	case ACTION_SEAL:
	case ACTION_FPE:
	case ACTION_DATE_SHIFT: return true;
	case ACTION_KEEP:
	case ACTION_ROUND:
	case ACTION_BAND:
	case ACTION_TOPCODE:
	case ACTION_DATE_TRUNC:
	case ACTION_GEO:
	case ACTION_IP_PREFIX:
	case ACTION_POSTCODE:
	case ACTION_REDACT_TEXT:
	case ACTION_MASK:
	case ACTION_CONST:
	case ACTION_NULL:
	case ACTION_DROP:
	case ACTION_K_GUARD:
	case ACTION_COUNT: return false;
	}
	return false;
}

static bool add_field(struct compiler *c, const struct rule *behind, struct field_rule f)
{
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		struct field_rule *fields = realloc(c->fields, cap * sizeof *fields);
		if (fields)
			c->fields = fields;
		const struct rule **b = realloc((void *)(uintptr_t)c->behind, cap * sizeof *b);
		if (b)
			c->behind = b;
		if (!fields || !b)
			return load_fault(c->l, REASON_NO_MEMORY, "/rules", "memory ran out");
		c->cap = cap;
	}
	c->fields[c->n] = f;
	c->behind[c->n++] = behind;
	return true;
}

enum kind { KIND_SHARED, KIND_EGRESS, KIND_INGRESS };

/* Ingress never transforms again: what the agreement lets through stays as it arrived. */
static struct field_rule as_arrived(struct field_rule f)
{
	f.arrived = true;
	return f;
}

/* Faults of rules that are each in order, each once though many programs hold them: parameters, and rules that
 * contradict each other where their patterns meet. They stand at the rule's place in its document. */
static void take_errors(struct load *l, struct error_list *from)
{
	static const size_t prefix = sizeof OVERLAY_PLACE - 1;

	for (size_t i = 0; i < from->n; i++) {
		const struct error *e = &from->items[i];
		bool overlay = strncmp(e->where, OVERLAY_PLACE, prefix) == 0;
		const char *at = overlay ? e->where + prefix : e->where[0] ? e->where : "/rules";
		char text[600];

		snprintf(text, sizeof text, "%s: %s", at, e->text);
		if (fault_known(l->errors, NULL, text))
			continue;
		if (overlay)
			overlay_fault(l, e->reason, at, "%s", e->text);
		else
			load_fault(l, e->reason, at, "%s", e->text);
	}
	error_list_free(from);
}

/* Which rule stands behind each of the program's, all of which came from c->fields; its order is not relied on. */
static bool map_rules(struct compiler *c, struct compiled *out)
{
	out->n_by_rule = program_rule_count(out->program);
	out->by_rule = arena_alloc(&c->l->a->mem, (out->n_by_rule + 1) * sizeof *out->by_rule);
	if (!out->by_rule)
		return false;
	for (size_t i = 0, k = 0; i < out->n_by_rule; i++) {
		const char *id = program_rule_id(out->program, (uint32_t)i);
		while (strcmp(c->fields[k].id, id) != 0)
			k = (k + 1) % c->n;
		out->by_rule[i] = c->behind[k];
	}
	return true;
}

static bool derive_output(struct load *l, struct compiled *out)
{
	static const struct schema_options options = { .draft = DRAFT_2020_12, .strict = true, .formats = true };
	struct schema_set *set = schema_set_new();
	struct buf text = BUF_INIT(16u << 20);
	struct error e = { .reason = REASON_NONE };
	bool ok = set && program_output_schema(out->program, &text, &e) &&
	          schema_set_add(set, VIEW("urn:gatewayd:derived"), buf_view(&text), &e);

	if (ok)
		out->output = schema_compile(set, VIEW("urn:gatewayd:derived"), &options, &e);
	if (!out->output)
		load_fault(l, e.reason ? e.reason : REASON_NO_MEMORY, "/rules", "the derived output schema: %s: %s",
		           e.where, e.text);
	buf_free(&text);
	schema_set_free(set);
	return out->output != NULL;
}

static bool build(struct compiler *c, struct compiled *out)
{
	struct load *l = c->l;
	struct agreement *a = l->a;
	struct key_context keys = { .agreement = a->id, .epoch = out->epoch };
	struct error_list errors = { .max = 50 };

	c->n = 0;
	for (size_t i = 0; i < a->n_rules; i++)
		/* Who receives a record sees one at a time: only the sender counts. */
		if (has_rule(out->set, i) && (out->kind == KIND_EGRESS || a->rules[i].field.action != ACTION_K_GUARD) &&
		    !add_field(c, &a->rules[i],
		               out->kind == KIND_INGRESS ? as_arrived(a->rules[i].field) : a->rules[i].field))
			return false;
	for (size_t k = 0; out->kind != KIND_SHARED && k < c->n_overlay; k++)
		if (!add_field(c, &c->overlay[k], c->overlay[k].field))
			return false;
	keys.purpose = out->purpose == INDEX_NONE ? a->purposes[0].id : a->purposes[out->purpose].id;
	if (out->kind == KIND_EGRESS)
		keys.secret = l->from->pseudonym_secret;
	out->program = program_compile(c->fields, c->n, &keys, &errors);
	secret_wipe(&keys.secret);
	if (!out->program) {
		if (errors.n == 0)
			load_fault(l, REASON_NO_MEMORY, "/rules", "the rules do not compile");
		take_errors(l, &errors);
		return false;
	}
	error_list_free(&errors);
	return map_rules(c, out) && (out->kind != KIND_SHARED || derive_output(l, out));
}

bool arm_rulings(struct agreement *a, const struct secret *secret, struct error *e)
{
	for (struct compiled *c = a->compiled; c; c = c->next)
		if (c->kind == KIND_EGRESS && !program_arm(c->program, secret, e))
			return false;
	return true;
}

static uint64_t hash_set(const uint64_t *set, size_t words)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < words; i++)
		h = (h ^ set[i]) * UINT64_C(1099511628211);
	return h;
}

static struct compiled *find_or_build(struct compiler *c, const uint64_t *set, size_t purpose, uint32_t epoch,
                                      enum kind kind)
{
	struct agreement *a = c->l->a;
	uint64_t hash = hash_set(set, c->words);
	struct compiled *out = a->compiled;

	for (; out; out = out->next)
		if (out->kind == (int)kind && out->purpose == purpose && out->epoch == epoch && out->hash == hash &&
		    memcmp(out->set, set, c->words * sizeof *set) == 0)
			return out->built ? out : NULL;
	out = arena_alloc(&a->mem, sizeof *out);
	uint64_t *own = arena_alloc(&a->mem, c->words * sizeof *own);
	if (!out || !own)
		return NULL;
	memcpy(own, set, c->words * sizeof *own);
	*out = (struct compiled){
		.next = a->compiled, .hash = hash, .set = own, .purpose = purpose, .epoch = epoch, .kind = kind
	};
	a->compiled = out;
	out->built = build(c, out);
	return out->built ? out : NULL;
}

/* The rules of a combination; returns how many of them let something pass. */
static size_t choose(const struct agreement *a, size_t p, unsigned t, unsigned s, uint64_t *set, bool *keys)
{
	size_t passing = 0;

	for (size_t i = 0; i < a->n_rules; i++) {
		const struct rule *r = &a->rules[i];
		if (!rule_applies(r, p, t, s))
			continue;
		set[i / 64] |= BIT(i % 64);
		passing += r->field.action != ACTION_DROP && r->field.action != ACTION_K_GUARD;
		*keys = *keys || needs_key(r->field.action);
	}
	return passing;
}

/* One combination and direction, a ruling for each epoch that is to come into force. */
static bool add_ruling(struct compiler *c, const struct ruling_full *like, const uint64_t *set, bool egress, bool keys)
{
	struct agreement *a = c->l->a;
	struct ruling_full **slot = &a->rulings[ruling_slot(like->purpose, like->ruling.tier, like->category, egress)];

	for (size_t i = 0; i < (egress && keys ? a->n_epochs : 1); i++) {
		uint32_t epoch = egress ? a->epochs[i].epoch : a->epoch;
		const struct compiled *own = find_or_build(c, set, egress && keys ? like->purpose : INDEX_NONE, epoch,
		                                           egress ? KIND_EGRESS : KIND_INGRESS);
		struct ruling_full *full = arena_alloc(&a->mem, sizeof *full);
		if (!own || !full)
			return false;
		*full = *like;
		full->compiled = own;
		full->from_ms = a->epochs[i].from_ms;
		full->ruling.program = own->program;
		full->ruling.epoch = epoch;
		*slot = full;
		slot = &full->later;
	}
	return true;
}

static bool compile_one(struct compiler *c, size_t p, unsigned t, unsigned s)
{
	struct agreement *a = c->l->a;
	const struct purpose *purpose = &a->purposes[p];
	uint64_t *set = arena_alloc(&a->mem, c->words * sizeof *set);
	bool keys = false;

	if (!set)
		return load_fault(c->l, REASON_NO_MEMORY, "/rules", "memory ran out");
	if (choose(a, p, t, s, set, &keys) == 0)
		return true;
	const struct compiled *shared = find_or_build(c, set, INDEX_NONE, a->epoch, KIND_SHARED);
	if (!shared || !check_floor_places(c->l, shared, (enum tier)t))
		return false;
	const struct record_schema *schema = &a->schemas[purpose->schema];
	const struct ruling_full like = { .shared = shared,
		                          .purpose = p,
		                          .category = (enum subject_category)s,
		                          .ruling = { .shared = shared->program,
		                                      .input = schema->input,
		                                      .output = schema->output ? schema->output : shared->output,
		                                      .input_digest = schema->input_digest,
		                                      .payload = purpose->retention.payload,
		                                      .copy = purpose->retention.copy,
		                                      .mask = purpose->retention.mask,
		                                      .review = purpose->retention.review,
		                                      .return_at_end = purpose->retention.return_at_end,
		                                      .receipt = purpose->retention.receipt,
		                                      .block_overdue = purpose->retention.block_overdue,
		                                      .notify = a->notify_due,
		                                      .notify_longest = a->notify_longest,
		                                      .notify_again = a->notify_again,
		                                      .tier = (enum tier)t } };
	return add_ruling(c, &like, set, false, keys) && add_ruling(c, &like, set, true, keys);
}

/* Does a rule of the agreement let something pass beneath? */
static bool passes_beneath(const struct agreement *a, const char *pointer)
{
	for (size_t i = 0; i < a->n_rules; i++) {
		const struct field_rule *f = &a->rules[i].field;
		if (f->action != ACTION_DROP && f->action != ACTION_K_GUARD && pattern_meets_above(pointer, f->pointer))
			return true;
	}
	return false;
}

/* Which of the overlay's rules win over what lets something pass. What is dropped as a whole has no places beneath. */
static void note_narrowed(struct compiler *c)
{
	for (size_t i = 0; i < c->n_overlay; i++)
		c->overlay[i].narrowed = c->overlay[i].field.action == ACTION_DROP &&
		                         passes_beneath(c->l->a, c->overlay[i].field.pointer);
	for (const struct compiled *p = c->l->a->compiled; p; p = p->next)
		for (size_t k = 0; p->built && k < program_places(p->program); k++) {
			struct program_place at = program_place(p->program, k);
			if (at.rule == RULE_NONE || at.under == RULE_NONE || !p->by_rule[at.rule]->overlay ||
			    p->by_rule[at.under]->field.action == ACTION_DROP)
				continue;
			for (size_t i = 0; i < c->n_overlay; i++)
				c->overlay[i].narrowed =
				        c->overlay[i].narrowed || &c->overlay[i] == p->by_rule[at.rule];
		}
}

bool compile_rulings(struct load *l)
{
	struct agreement *a = l->a;
	struct compiler c = { .l = l, .words = a->n_rules / 64 + 1 };
	bool ok = true;

	a->rulings =
	        arena_alloc(&a->mem, a->n_purposes * TIER_COUNT * SUBJECT_COUNT * 2 * sizeof(struct ruling_full *));
	if (!a->rulings)
		return load_fault(l, REASON_NO_MEMORY, "", "memory ran out");
	if (!read_overlay_rules(l, &c.overlay, &c.n_overlay))
		return false;
	for (size_t p = 0; p < a->n_purposes; p++)
		for (unsigned t = 0; t < TIER_COUNT; t++)
			for (unsigned s = 0; s < SUBJECT_COUNT; s++)
				if ((a->purposes[p].tiers >> t & 1) && (a->purposes[p].subjects >> s & 1))
					ok = compile_one(&c, p, t, s) && ok;
	if (ok)
		note_narrowed(&c);
	a->overlay_rules = c.overlay;
	a->n_overlay_rules = c.n_overlay;
	free(c.fields);
	free((void *)(uintptr_t)c.behind);
	return ok;
}

void agreement_notes(const struct agreement *a, void (*each)(void *arg, const char *text), void *arg)
{
	struct buf seen = BUF_INIT(1 << 20);
	char text[600];

	for (const struct compiled *c = a->compiled; c; c = c->next)
		for (size_t k = 0; k < program_places(c->program); k++) {
			struct program_place at = program_place(c->program, k);
			if (!at.neither)
				continue;
			const struct rule *won = c->by_rule[at.rule], *under = c->by_rule[at.under];
			snprintf(text, sizeof text,
			         "%s and rule %s (%s): %s, so that fields that both reach are dropped",
			         won->field.place, under->field.id, under->field.place,
			         at.formless ? "what it leaves has not the form that the rule leaves"
			                     : "neither is stricter");
			if (memmem(seen.p ? seen.p : "", seen.n, text, strlen(text)))
				continue;
			buf_adds(&seen, text);
			each(arg, text);
		}
	buf_free(&seen);
}

bool agreement_has_guards(const struct agreement *a)
{
	for (size_t i = 0; i < a->n_rules; i++)
		if (a->rules[i].field.action == ACTION_K_GUARD)
			return true;
	return false;
}
