/* A record through a program, in one walk over its tape. Leaves go where their state says; a container that
 * loses everything goes too, unless a keep rule names it or it is the record itself. Members are taken in the order
 * of their names, so that neither what leaves nor what a k-guard counts depends on the order in which they came. */
#include "lib/transform/states.h"

#include <assert.h>

#define LEAF_MAX    (1u << 20)  /* bytes that one transformed leaf may have */
#define GUARDED_MAX (16u << 20) /* bytes that the guarded leaves of a record may have */

struct walk {
	const struct program *program;
	struct transform_run *run;
	const struct tape *tape;
	struct splice out;
	struct error *e;
	uint32_t depth;     /* containers that the walk is in */
	uint8_t suppressed; /* guards */
	bool failed;
};

struct transform_run *transform_run_new(void)
{
	struct transform_run *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->text = r->bytes = r->encoded = r->number = r->subject_text = BUF_INIT(LEAF_MAX);
	for (size_t g = 0; g < GUARDS_MAX; g++)
		r->guarded[g].bytes = BUF_INIT(GUARDED_MAX);
	r->normaliser = normaliser_new();
	r->gcm = gcm_new();
	if (!r->normaliser || !r->gcm) {
		transform_run_free(r);
		return NULL;
	}
	return r;
}

void transform_run_free(struct transform_run *r)
{
	if (!r)
		return;
	normaliser_free(r->normaliser);
	gcm_free(r->gcm);
	buf_wipe(&r->text);
	buf_wipe(&r->bytes);
	buf_wipe(&r->encoded);
	buf_wipe(&r->number);
	buf_wipe(&r->subject_text);
	member_order_free(&r->order);
	for (size_t g = 0; g < GUARDS_MAX; g++)
		buf_wipe(&r->guarded[g].bytes);
	free(r->trace);
	free(r->spare);
	free(r->places);
	free(r);
}

/* Overwrites what is left of the record; the memory stays. */
static void wipe_scratch(struct transform_run *r)
{
	struct buf *const all[] = { &r->text, &r->bytes, &r->encoded, &r->number, &r->subject_text };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (all[i]->p)
			wipe(all[i]->p, all[i]->n);
		buf_reset(all[i]);
	}
	for (size_t g = 0; g < GUARDS_MAX; g++) {
		if (r->guarded[g].bytes.n)
			wipe(r->guarded[g].bytes.p, r->guarded[g].bytes.n);
		buf_reset(&r->guarded[g].bytes);
	}
	normaliser_wipe(r->normaliser);
	member_order_wipe(&r->order);
	r->tape = NULL;
	r->surrogates = NULL;
	r->subject = view_make(NULL, 0);
	r->random = NULL;
}

static bool fail(struct walk *w)
{
	w->failed = true;
	return false;
}

/* A new line of the trace; NULL when memory ran out. */
static struct trace_step *new_step(struct walk *w)
{
	struct transform_run *r = w->run;

	if (r->n_trace == r->cap_trace) {
		size_t cap = r->cap_trace ? r->cap_trace * 2 : 64;
		struct trace_step *trace = realloc(r->trace, cap * sizeof *trace);

		if (!trace) {
			error_set(w->e, REASON_NO_MEMORY, "no memory for the trace of a record");
			fail(w);
			return NULL;
		}
		r->trace = trace;
		r->cap_trace = cap;
	}
	return &r->trace[r->n_trace++];
}

/* What its state does to a node. */
static bool step(struct walk *w, uint32_t node, const struct state *s)
{
	const struct rule *of = s->rule == RULE_NONE || s->neither ? NULL : &w->program->rules[s->rule];
	struct trace_step *line = new_step(w);

	if (!line)
		return false;
	line->node = node;
	line->rule = s->rule;
	line->under = s->under;
	line->action = of ? of->action : ACTION_DROP;
	line->epoch = of ? of->epoch : 0;
	line->categories = s->categories;
	return true;
}

/* Left out, whatever its state says of a leaf. */
static bool leave_out(struct walk *w, uint32_t node, uint32_t rule)
{
	struct trace_step *line = new_step(w);

	if (!line)
		return false;
	*line = (struct trace_step){ .node = node, .rule = rule, .under = RULE_NONE, .action = ACTION_DROP };
	return true;
}

/* Dropped by the first of the guards that withhold it. */
static bool withhold(struct walk *w, uint32_t node, unsigned guards)
{
	size_t g = 0;

	while (!(guards >> g & 1))
		g++;
	leave_out(w, node, w->program->guards[g]);
	return false;
}

static void note(struct walk *w, const struct state *s, size_t from)
{
	struct view all = buf_view(w->out.out);

	if (s->guards)
		guards_note(w->run, s->guards, (uint32_t)(s - w->program->states), view_from(all, from));
}

/* True when something was written. */
static bool walk_value(struct walk *w, uint32_t node, uint32_t at);

static bool walk_leaf(struct walk *w, uint32_t node, const struct state *s)
{
	size_t from = w->out.out->n;

	if (!step(w, node, s) || s->rule == RULE_NONE || s->neither)
		return false;
	if (!action_apply(&w->program->rules[s->rule], w->run, w->tape, node, &w->out, w->e))
		return fail(w);
	note(w, s, from);
	return true;
}

/* Has the rule something to say of a container that is empty already? The others change values, and it has none. */
static bool takes_empty(const struct rule *r)
{
	return r->action == ACTION_KEEP || r->action == ACTION_CONST || r->action == ACTION_NULL;
}

/* An empty object or array is a leaf that goes like a container that lost everything, unless a rule keeps or replaces it. */
static bool walk_empty(struct walk *w, uint32_t node, const struct state *s)
{
	if (s->rule != RULE_NONE && !s->neither && takes_empty(&w->program->rules[s->rule]))
		return walk_leaf(w, node, s);
	if (!s->keep_container) {
		leave_out(w, node, s->rule);
		return false;
	}
	splice_copy(&w->out, w->tape, node);
	return true;
}

static bool walk_members(struct walk *w, uint32_t node, const struct state *s)
{
	const struct tape_node *nodes = w->tape->nodes;
	struct member_walk members;
	bool any = false;

	if (!member_walk_start(&members, &w->run->order, w->tape, node)) {
		error_set(w->e, REASON_NO_MEMORY, "no memory for the members of a record");
		return fail(w);
	}
	for (uint32_t k; !w->failed && (k = member_walk_next(&members));) {
		uint32_t to = state_next(s, tape_string(w->tape, k), nodes[k].hash);

		if (to == STATE_NOTHING) {
			leave_out(w, k + 1, RULE_NONE);
			continue;
		}
		/* Of what surely goes not even the name need be written first. */
		if (w->program->states[to].drop_all) {
			step(w, k + 1, &w->program->states[to]);
			continue;
		}
		struct splice_mark mark = splice_mark(&w->out);
		splice_key(&w->out, w->tape, k);
		if (walk_value(w, k + 1, to))
			any = true;
		else
			splice_rewind(&w->out, mark);
	}
	member_walk_end(&members);
	return any;
}

static bool walk_items(struct walk *w, uint32_t node, const struct state *s)
{
	const struct tape_node *nodes = w->tape->nodes;
	struct guard_marks marks;
	bool any = false;

	for (uint32_t v = node + 1; !w->failed && v < nodes[node].next; v = nodes[v].next) {
		if (s->star == STATE_NOTHING) {
			leave_out(w, v, RULE_NONE);
			continue;
		}
		guards_mark(w->program, w->run, &marks);
		any = walk_value(w, v, s->star) || any;
		guards_end_item(w->program, w->run, &marks);
	}
	return any;
}

static bool walk_value(struct walk *w, uint32_t node, uint32_t at)
{
	const struct state *s = &w->program->states[at];
	const struct tape_node *n = &w->tape->nodes[node];
	bool object = n->type == TAPE_OBJECT, any;

	if (s->drop_all) {
		step(w, node, s);
		return false;
	}
	if (s->guards & w->suppressed)
		return withhold(w, node, s->guards & w->suppressed);
	if (!object && n->type != TAPE_ARRAY)
		return walk_leaf(w, node, s);
	if (s->leaf_only) {
		rule_fail(&w->program->rules[s->rule], w->e, "the value is an object or array");
		return fail(w);
	}
	if (n->count == 0)
		return walk_empty(w, node, s);
	if (s->keep_all) {
		size_t from = w->out.out->n;
		/* Its leaves leave: of them speak the rules that hold beneath it, not those that name it alone. */
		step(w, node, &w->program->states[s->star]);
		splice_copy(&w->out, w->tape, node);
		note(w, s, from);
		return true;
	}
	struct splice_mark mark = splice_mark(&w->out);
	splice_open(&w->out, object ? '{' : '[');
	if (w->depth < PATH_MAX_DEPTH)
		w->run->path[w->depth] = node;
	w->depth++;
	any = object ? walk_members(w, node, s) : walk_items(w, node, s);
	w->depth--;
	if (w->failed || (!any && !s->keep_container && at != STATE_ROOT)) {
		splice_rewind(&w->out, mark);
		return false;
	}
	splice_close(&w->out, object ? '}' : ']');
	return true;
}

/* Whoever reads the trace goes along the record's text. Where its members stood in order, so does the trace; else each step
 * goes to the place of its node, of which no two have the same. */
static bool sort_trace(struct transform_run *r, uint32_t first, uint32_t nodes)
{
	size_t sorted = 1, n = 0;

	while (sorted < r->n_trace && r->trace[sorted - 1].node < r->trace[sorted].node)
		sorted++;
	if (sorted >= r->n_trace)
		return true;
	if (r->cap_places < nodes) {
		free(r->places);
		r->places = malloc(nodes * sizeof *r->places);
		r->cap_places = r->places ? nodes : 0;
	}
	if (r->cap_spare < r->cap_trace) {
		free(r->spare);
		r->spare = malloc(r->cap_trace * sizeof *r->spare);
		r->cap_spare = r->spare ? r->cap_trace : 0;
	}
	if (!r->places || !r->spare)
		return false;
	memset(r->places, 0, nodes * sizeof *r->places);
	for (size_t i = 0; i < r->n_trace; i++)
		r->places[r->trace[i].node - first] = (uint32_t)i + 1;
	for (uint32_t k = 0; k < nodes; k++)
		if (r->places[k])
			r->spare[n++] = r->trace[r->places[k] - 1];
	assert(n == r->n_trace);
	struct trace_step *was = r->trace;
	size_t cap = r->cap_trace;
	r->trace = r->spare;
	r->cap_trace = r->cap_spare;
	r->spare = was;
	r->cap_spare = cap;
	return true;
}

bool program_run(const struct program *p, struct transform_run *r, const struct transform_input *in, struct buf *out,
                 struct error *e)
{
	struct walk w = { .program = p, .run = r, .tape = in->tape, .e = e, .suppressed = in->suppressed };
	uint8_t type = in->tape->nodes[in->record].type;

	r->n_trace = 0;
	r->sealed = 0;
	r->tape = in->tape;
	r->surrogates = in->surrogates;
	r->subject = in->subject;
	r->random = in->random;
	memset(r->redactions, 0, sizeof r->redactions);
	guards_start(r);
	if (p->n_guards > 0 && !in->batch)
		return error_set(e, REASON_BATCH_REQUIRED, "rule %s, k-guard: the record can leave in a batch only",
		                 p->rules[p->guards[0]].id);
	if (type != TAPE_OBJECT && type != TAPE_ARRAY)
		return error_set(e, REASON_TRANSFORM_FAILED, "the record is neither an object nor an array");
	splice_start(&w.out, out, &r->order);
	if (in->tape->nodes[in->record].count == 0) {
		/* An empty record tells nothing that its arrival does not. */
		splice_copy(&w.out, in->tape, in->record);
	} else if (!walk_value(&w, in->record, STATE_ROOT) && !w.failed) {
		/* A rule drops the whole: what is left is an empty record. */
		splice_open(&w.out, type == TAPE_OBJECT ? '{' : '[');
		splice_close(&w.out, type == TAPE_OBJECT ? '}' : ']');
	}
	if (!w.failed && !out->failed && !guards_finish(p, r, e))
		w.failed = true;
	wipe_scratch(r);
	if (!sort_trace(r, in->record, in->tape->nodes[in->record].next - in->record) && !w.failed) {
		error_set(e, REASON_NO_MEMORY, "no memory for the trace of a record");
		w.failed = true;
	}
	if (!w.failed && out->failed)
		error_set(e, REASON_LIMIT, "the record that would leave is too long");
	return !w.failed && !out->failed;
}

const struct trace_step *transform_trace(const struct transform_run *r, size_t *n)
{
	*n = r->n_trace;
	return r->trace;
}

size_t transform_redactions(const struct transform_run *r, const char **names, uint32_t *counts, size_t max)
{
	size_t n = 0;

	for (int i = 0; i < RECOGNISER_COUNT; i++) {
		if (r->redactions[i] == 0 || n == max)
			continue;
		names[n] = recogniser_name((enum recogniser)i);
		counts[n++] = r->redactions[i];
	}
	return n;
}

bool program_reverse(const struct program *p, struct transform_run *r, uint32_t rule, struct view subject,
                     struct view value, struct buf *out, struct error *e)
{
	if (rule >= p->n_rules)
		return error_set(e, REASON_TRANSFORM_FAILED, "there is no such rule");
	bool ok = rule_reverse(&p->rules[rule], r, subject, value, out, e);

	wipe_scratch(r);
	return ok;
}
