/* What leaves, as a shape: the check that ingress makes of what arrived, and the same as a JSON Schema. Both
 * walk the states that a run walks, so that all three agree. */
#include "lib/transform/states.h"

struct output_check {
	const struct program *program;
	const struct tape *tape;
	struct error *e;
};

static bool unlisted(struct output_check *c, const char *what)
{
	return error_set(c->e, REASON_OUTPUT_VIOLATION, "%s", what);
}

static bool check_value(struct output_check *c, uint32_t node, uint32_t at)
{
	const struct state *s = &c->program->states[at];
	const struct tape_node *nodes = c->tape->nodes;
	uint8_t type = nodes[node].type;

	if (at == STATE_NOTHING || s->drop_all)
		return unlisted(c, "a field has arrived that no rule of the agreement lets through");
	if (s->keep_all)
		return true;
	if (s->leaf_only && (type == TAPE_OBJECT || type == TAPE_ARRAY))
		return unlisted(c, "an object or array has arrived where the rules take a value");
	if ((type != TAPE_OBJECT && type != TAPE_ARRAY) || nodes[node].count == 0) {
		/* The record itself, and what a keep rule names, may have lost everything. */
		if (nodes[node].count == 0 && (type == TAPE_OBJECT || type == TAPE_ARRAY) &&
		    (at == STATE_ROOT || s->keep_container))
			return true;
		if (s->rule == RULE_NONE)
			return unlisted(c, "a field has arrived that no rule of the agreement lets through");
		const struct rule *r = &c->program->rules[s->rule];
		return form_check(r, c->tape, node) ||
		       error_at(c->e, REASON_OUTPUT_VIOLATION, r->pointer, 0, 0,
		                "rule %s, %s: the value has not the form that the transform leaves", r->id,
		                action_name(r->action));
	}
	if (type == TAPE_OBJECT) {
		for (uint32_t k = node + 1; k < nodes[node].next; k = nodes[k + 1].next)
			if (!check_value(c, k + 1, state_next(s, tape_string(c->tape, k), nodes[k].hash)))
				return false;
		return true;
	}
	for (uint32_t v = node + 1; v < nodes[node].next; v = nodes[v].next)
		if (!check_value(c, v, s->star))
			return false;
	return true;
}

bool program_check_output(const struct program *p, const struct tape *t, uint32_t record, struct error *e)
{
	struct output_check c = { .program = p, .tape = t, .e = e };

	if (t->nodes[record].type != TAPE_OBJECT && t->nodes[record].type != TAPE_ARRAY)
		return unlisted(&c, "the record is neither an object nor an array");
	/* A rule that drops the whole leaves an empty record. */
	return t->nodes[record].count == 0 || check_value(&c, record, STATE_ROOT);
}

/* States that are reached over more than one edge get a definition of their own. */
struct shape {
	const struct program *program;
	struct buf *out;
	uint32_t *references; /* edges to each state */
};

static void count_edges(struct shape *h)
{
	const struct program *p = h->program;

	for (size_t i = STATE_ROOT; i < p->n_states; i++) {
		const struct state *s = &p->states[i];

		if (s->drop_all || s->keep_all)
			continue;
		/* A star is said twice, for members and for items. */
		h->references[s->star] += 2;
		for (uint32_t n = 0; n < s->slots; n++)
			if (s->names[n].name.p)
				h->references[s->names[n].to]++;
	}
}

static void write_state(struct shape *h, uint32_t at, bool root);

static void write_edge(struct shape *h, uint32_t to)
{
	const struct state *s = &h->program->states[to];

	/* A k-guard may have made a state where no rule lets anything through. */
	if (to == STATE_NOTHING || s->drop_all || (s->rule == RULE_NONE && s->slots == 0 && s->star == STATE_NOTHING))
		buf_adds(h->out, "false");
	else if (s->keep_all)
		buf_adds(h->out, "true");
	else if (h->references[to] > 1)
		buf_addf(h->out, "{\"$ref\":\"#/$defs/s%u\"}", (unsigned)to);
	else
		write_state(h, to, false);
}

static int name_cmp(const void *a, const void *b)
{
	const struct state_name *const *x = a, *const *y = b;

	return view_cmp((*x)->name, (*y)->name);
}

/* `properties` in the order of names, so that the same agreement gives the same bytes. */
static void write_properties(struct shape *h, const struct state *s)
{
	const struct state_name **sorted = calloc(s->n_names + 1, sizeof *sorted);
	uint32_t n = 0;

	if (!sorted) {
		h->out->failed = true;
		return;
	}
	for (uint32_t i = 0; i < s->slots; i++)
		if (s->names[i].name.p)
			sorted[n++] = &s->names[i];
	qsort(sorted, n, sizeof *sorted, name_cmp);
	buf_adds(h->out, "\"properties\":{");
	for (uint32_t i = 0; i < n; i++) {
		buf_adds(h->out, i ? "," : "");
		buf_add_json_string(h->out, sorted[i]->name);
		buf_addc(h->out, ':');
		write_edge(h, sorted[i]->to);
	}
	buf_adds(h->out, "},");
	free(sorted);
}

static void write_container(struct shape *h, const struct state *s, bool may_be_empty)
{
	if (s->slots)
		write_properties(h, s);
	buf_adds(h->out, "\"additionalProperties\":");
	write_edge(h, s->star);
	buf_adds(h->out, ",\"items\":");
	write_edge(h, s->star);
	if (!may_be_empty)
		buf_adds(h->out, ",\"minProperties\":1,\"minItems\":1");
}

static void write_state(struct shape *h, uint32_t at, bool root)
{
	const struct program *p = h->program;
	const struct state *s = &p->states[at];
	const struct rule *r = s->rule == RULE_NONE ? NULL : &p->rules[s->rule];
	bool inner = !s->leaf_only && (s->slots > 0 || s->star != STATE_NOTHING), keeps = r && r->action == ACTION_KEEP;
	bool container = !s->leaf_only && s->keep_container;
	/* A stricter rule may rule the leaf where a keep rule names the container. */
	unsigned types = container || (inner && s->star != STATE_NOTHING) ? FORM_OBJECT | FORM_ARRAY
	                 : inner                                          ? FORM_OBJECT
	                                                                  : 0;
	size_t before;

	if (!root)
		buf_addc(h->out, '{');
	before = h->out->n;
	if (keeps && !inner)
		buf_adds(h->out, "\"maxProperties\":0,\"maxItems\":0");
	else if (root)
		buf_adds(h->out, "\"type\":[\"object\",\"array\"]");
	else if (r && !keeps)
		form_schema(r, types, h->out);
	else if (!keeps)
		buf_adds(h->out, s->star == STATE_NOTHING ? "\"type\":\"object\"" : "\"type\":[\"object\",\"array\"]");
	if (inner || root || (container && !keeps)) {
		buf_adds(h->out, h->out->n > before ? "," : "");
		write_container(h, s, root || container || keeps);
	}
	if (!root)
		buf_addc(h->out, '}');
}

static void write_definitions(struct shape *h)
{
	bool any = false;

	for (uint32_t s = STATE_ROOT + 1; s < h->program->n_states; s++) {
		if (h->references[s] < 2 || h->program->states[s].drop_all || h->program->states[s].keep_all)
			continue;
		buf_addf(h->out, "%s\"s%u\":", any ? "," : ",\"$defs\":{", (unsigned)s);
		write_state(h, s, false);
		any = true;
	}
	buf_adds(h->out, any ? "}" : "");
}

bool program_output_schema(const struct program *p, struct buf *out, struct error *e)
{
	struct shape h = { .program = p, .out = out };

	h.references = calloc(p->n_states, sizeof *h.references);
	if (!h.references)
		return error_set(e, REASON_NO_MEMORY, "no memory for the output schema");
	count_edges(&h);
	buf_adds(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",");
	if (p->states[STATE_ROOT].drop_all) {
		buf_adds(out, "\"type\":[\"object\",\"array\"],\"maxProperties\":0,\"maxItems\":0");
	} else if (p->states[STATE_ROOT].keep_all) {
		buf_adds(out, "\"type\":[\"object\",\"array\"]");
	} else {
		write_state(&h, STATE_ROOT, true);
		write_definitions(&h);
	}
	buf_addc(out, '}');
	free(h.references);
	return !out->failed || error_set(e, REASON_LIMIT, "the output schema is too long");
}
