/* The decision as JSON: sorted keys, ASCII, integers only, no value of the record. The same documents and
 * record give the same bytes. */
#include "lib/policy/decision.h"

#include "lib/policy/internal.h"
#include "lib/policy/shape.h"

#define PATH_MAX_BYTES 1024 /* a longer place is cut behind its last whole token */

/* `,"name":` and a string, where there is one. */
static void add_member(struct buf *out, const char *name, struct view v)
{
	if (v.n == 0)
		return;
	buf_addf(out, ",\"%s\":", name);
	shape_add_ascii(out, v);
}

static void add_digest(struct buf *out, const char *name, const struct digest *d, const char *separator)
{
	static const struct digest none;

	if (digest_eq(d, &none))
		return;
	buf_addf(out, "%s\"%s\":\"", separator, name);
	digest_print(out, d);
	buf_addc(out, '"');
}

/* One walk over the record that prints the places of the leaves that were dropped, or of those that left. */
struct walk {
	const struct tape *t;
	const struct schema *schema;
	const struct program *program;
	const struct trace_step *steps;
	size_t n, at;
	bool dropped, first;
	struct buf *out;
	char path[PATH_MAX_BYTES];
	size_t len;
	bool cut; /* what follows is left out, too */
};

static void path_token(struct walk *w, struct view token)
{
	w->cut = w->cut || w->len + 2 * token.n + 2 > sizeof w->path;
	if (w->cut)
		return;
	w->path[w->len++] = '/';
	for (size_t i = 0; i < token.n; i++) {
		char c = token.p[i];
		if (c == '~' || c == '/')
			w->path[w->len++] = '~';
		w->path[w->len++] = c == '~' ? '0' : c == '/' ? '1' : c;
	}
}

static void path_index(struct walk *w, unsigned index)
{
	char digits[12];
	size_t n = sizeof digits;

	do
		digits[--n] = (char)('0' + index % 10);
	while ((index /= 10) != 0);
	path_token(w, view_make(digits + n, sizeof digits - n));
}

static void print_leaf(struct walk *w, const struct trace_step *s)
{
	buf_adds(w->out, w->first ? "{\"action\":\"" : ",{\"action\":\"");
	buf_adds(w->out, action_name(s->action));
	buf_addc(w->out, '"');
	if (s->epoch) {
		buf_adds(w->out, ",\"epoch\":");
		buf_addu(w->out, s->epoch);
	}
	buf_adds(w->out, ",\"pointer\":");
	shape_add_ascii(w->out, view_make(w->path, w->len));
	if (s->rule != RULE_NONE) {
		buf_adds(w->out, ",\"rule\":");
		shape_add_ascii(w->out, view_of(program_rule_id(w->program, s->rule)));
	}
	buf_addc(w->out, '}');
	w->first = false;
}

/* The trace is in the order of the tape, and no step stands before `node`. Depth is bounded by the reader. */
static void walk_node(struct walk *w, uint32_t node)
{
	const struct tape_node *n = &w->t->nodes[node];
	size_t len = w->len;
	bool cut = w->cut;
	unsigned index = 0;

	for (; w->at < w->n && w->steps[w->at].node == node; w->at++)
		if ((w->steps[w->at].action == ACTION_DROP) == w->dropped)
			print_leaf(w, &w->steps[w->at]);
	if (w->at == w->n || w->steps[w->at].node >= n->next)
		return;
	if (n->type == TAPE_OBJECT)
		for (uint32_t k = node + 1; k < n->next; k = w->t->nodes[k + 1].next, w->len = len, w->cut = cut) {
			struct view name = tape_string(w->t, k);
			path_token(w, schema_knows(w->schema, name) ? name : VIEW("*"));
			walk_node(w, k + 1);
		}
	else /* a step lies within: an array */
		for (uint32_t v = node + 1; v < n->next; v = w->t->nodes[v].next, w->len = len, w->cut = cut) {
			path_index(w, index++);
			walk_node(w, v);
		}
}

/* How it tells what became of the leaves: each by its place in the record, or all by the shape and how many there were. */
struct leaves {
	const struct tape *t;
	uint32_t record;
	const struct shape_use *use; /* NULL: each */
};

static void add_leaves(const struct decision *d, const struct leaves *l, const struct transform_run *r, bool dropped,
                       struct buf *out)
{
	struct walk w;

	buf_adds(out, dropped ? ",\"dropped\":[" : ",\"released\":[");
	if (r && d->ruling) {
		w.t = l->t;
		w.schema = d->ruling->input;
		w.program = d->ruling->program;
		w.steps = transform_trace(r, &w.n);
		w.at = w.len = 0;
		w.cut = false;
		w.dropped = dropped;
		w.first = true;
		w.out = out;
		walk_node(&w, l->record);
	}
	buf_addc(out, ']');
}

static void add_failed(const struct decision *d, struct buf *out)
{
	buf_adds(out, ",\"failed\":[");
	for (size_t i = 0; i < d->n_failed; i++) {
		const struct failed *f = &d->failed[i];
		buf_adds(out, i ? ",{" : "{");
		if (f->clause[0]) {
			buf_adds(out, "\"clause\":");
			shape_add_ascii(out, view_of(f->clause));
			buf_addc(out, ',');
		}
		if (f->pointer[0]) {
			buf_adds(out, "\"pointer\":");
			shape_add_ascii(out, view_of(f->pointer));
			buf_addc(out, ',');
		}
		buf_addf(out, "\"reason\":\"%s\"}", reason_slug(f->reason));
	}
	buf_addc(out, ']');
}

#define RECOGNISERS_MAX 32

static void add_redactions(const struct transform_run *r, struct buf *out)
{
	const char *names[RECOGNISERS_MAX];
	uint32_t counts[RECOGNISERS_MAX];
	size_t n = r ? transform_redactions(r, names, counts, RECOGNISERS_MAX) : 0;
	const char *last = "";
	bool first = true;

	buf_adds(out, ",\"redactions\":{");
	for (;;) { /* sorted by name; the list is short, and has those alone that found something */
		size_t next = n;
		for (size_t i = 0; i < n; i++)
			if (strcmp(names[i], last) > 0 && (next == n || strcmp(names[i], names[next]) < 0))
				next = i;
		if (next == n)
			break;
		last = names[next];
		buf_addf(out, "%s\"%s\":%u", first ? "" : ",", names[next], counts[next]);
		first = false;
	}
	buf_addc(out, '}');
}

/* What leaves beside the record. */
static void add_beside(const struct decision *d, struct buf *out)
{
	bool first = true;

	if (!d->beside || d->outcome == OUTCOME_REFUSED)
		return;
	buf_adds(out, ",\"envelope\":[");
	for (unsigned m = 0; m < BESIDE_COUNT; m++) {
		if (!(d->beside >> m & 1))
			continue;
		buf_addf(out, "%s{\"action\":\"%s\",\"member\":\"%s\"}", first ? "" : ",",
		         action_name(d->agreement->beside[m].action), beside_member_name((enum beside_member)m));
		first = false;
	}
	buf_addc(out, ']');
}

static void add_counts(const struct shape_use *use, struct buf *out)
{
	buf_adds(out, ",\"leaves\":[");
	for (size_t i = 0; i < use->shape->n; i++) {
		if (i)
			buf_addc(out, ',');
		buf_addu(out, use->counts[i]);
	}
	buf_addc(out, ']');
}

/* The k-guards that withheld fields: of whoever lists each leaf, the lines say so. */
static void add_suppressed(const struct program *p, const struct transform_run *r, struct buf *out)
{
	struct program_guard guards[GUARDS_MAX];
	size_t n = program_guards(p, guards), steps, at;
	const struct trace_step *trace = transform_trace(r, &steps);
	bool first = true;

	for (size_t g = 0; g < n; g++) {
		for (at = 0; at < steps && trace[at].rule != guards[g].rule; at++)
			;
		if (at == steps)
			continue;
		buf_adds(out, first ? ",\"suppressed\":[" : ",");
		shape_add_ascii(out, view_of(program_rule_id(p, guards[g].rule)));
		first = false;
	}
	if (!first)
		buf_addc(out, ']');
}

/* `"acts":[…],`, where there are any. */
static void add_acts(const struct decision *d, struct buf *out)
{
	for (size_t i = 0; i < d->n_acts; i++) {
		buf_adds(out, i ? ",\"" : "\"acts\":[\"");
		digest_print(out, &d->acts[i]);
		buf_addc(out, '"');
	}
	if (d->n_acts)
		buf_adds(out, "],");
}

static void print(const struct decision *d, const struct transform_run *r, const struct leaves *l, struct buf *out)
{
	const struct agreement *a = d->agreement;
	char time[TIME_TEXT + 1];

	buf_adds(out, "{\"agreement\":{\"id\":");
	shape_add_ascii(out, a ? a->id : VIEW(""));
	buf_adds(out, ",\"version\":");
	shape_add_ascii(out, a ? a->version : VIEW(""));
	buf_addc(out, '}');
	add_member(out, "build", d->build);
	buf_addf(out, ",\"counts\":{\"dropped\":%u,\"released\":%u,\"transformed\":%u},\"digests\":{", d->dropped,
	         d->released, d->transformed);
	if (a) {
		add_acts(d, out);
		add_digest(out, "agreement", &a->digest, "");
		add_digest(out, "code_lists", &a->codes, ",");
		add_digest(out, "consents", &d->given, ",");
		if (!d->ingress)
			add_digest(out, "epochs", &a->epochs_digest, ",");
		add_digest(out, "floor", &a->floor_digest, ",");
		add_digest(out, "overlay", &a->overlay_digest, ",");
		if (d->ruling)
			add_digest(out, "schema", &d->ruling->input_digest, ",");
		add_digest(out, "training", &d->training, ",");
		add_digest(out, "withdrawals", &d->withdrawals, ",");
	}
	buf_addc(out, '}');
	if (!l->use)
		add_leaves(d, l, r, true, out);
	add_beside(d, out);
	if (d->exception_used)
		add_member(out, "exception", d->exception);
	add_failed(d, out);
	if (l->use)
		add_counts(l->use, out);
	add_member(out, "outcome", view_of(outcome_name(d->outcome)));
	add_member(out, "purpose", d->purpose);
	add_member(out, "recipient", d->recipient);
	add_redactions(r, out);
	if (!l->use)
		add_leaves(d, l, r, false, out);
	if (d->ruling) {
		buf_adds(out, ",\"retention\":\"");
		duration_print(out, &d->copy);
		buf_addc(out, '"');
	}
	if (l->use)
		add_digest(out, "shape", &l->use->shape->digest, ",");
	if (a && d->category < SUBJECT_COUNT && d->purpose.n)
		add_member(out, "subject_category", view_of(subject_category_name(d->category)));
	if (l->use)
		add_suppressed(d->ruling->program, r, out);
	if (a && d->tier < TIER_COUNT && d->purpose.n)
		add_member(out, "tier", view_of(tier_name(d->tier)));
	time_print(d->now_ms, time);
	add_member(out, "time", view_of(time));
	buf_addc(out, '}');
}

void decision_json(const struct decision *d, const struct tape *t, uint32_t record, const struct transform_run *r,
                   struct buf *out)
{
	print(d, r, &(struct leaves){ .t = t, .record = record }, out);
}

void decision_json_shaped(const struct decision *d, const struct transform_run *r, const struct shape_use *use,
                          struct buf *out)
{
	print(d, r, &(struct leaves){ .use = use }, out);
}
