/* See beside.h. */
#include "lib/policy/beside.h"

#include "lib/json/splice.h"
#include "lib/policy/internal.h"

/* --- what the sender's gateway has checked --- */

static const struct {
	unsigned bit;
	const char *word;
} checks[] = {
	{ CHECKED_CASE, "case" },
	{ CHECKED_CONSENT, "consent" },
	{ CHECKED_JUSTIFICATIONS, "justifications" },
	{ CHECKED_NECESSITY, "necessity" },
};

void checked_print(unsigned checked, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
		if (!(checked & checks[i].bit))
			continue;
		buf_adds(out, any ? "," : "");
		buf_adds(out, checks[i].word);
		any = true;
	}
}

unsigned checked_parse(struct view words)
{
	unsigned found = 0;

	while (words.n) {
		struct view word = view_cut(&words, ',');
		for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
			found |= view_is(word, checks[i].word) ? checks[i].bit : 0;
	}
	return found;
}

unsigned checked_of_entry(const struct tape *entry)
{
	uint32_t node = entry->nodes[0].type == TAPE_OBJECT ? tape_member(entry, 0, VIEW("checked")) : 0;

	return node && entry->nodes[node].type == TAPE_STRING ? checked_parse(tape_string(entry, node)) : 0;
}

/* --- one value --- */

struct taking {
	struct decision *d;
	const struct agreement *a;
	const struct envelope *env;
	const struct tape *t;
	const struct beside_tools *w;
	bool ok;
};

static bool refuse(struct taking *k, enum reason reason, const struct beside_rule *r, const char *what,
                   const char *pointer)
{
	char clause[60] = "/envelope";

	if (r->listed)
		snprintf(clause, sizeof clause, "/envelope/%zu/%s", r->index, what);
	decision_fail(k->d, reason, clause, pointer);
	return k->ok = false;
}

static bool fits_pattern(struct taking *k, const struct beside_rule *r, uint32_t node, const char *pointer)
{
	switch (schema_check(r->form, k->w->run, k->t, node)) {
	case SCHEMA_VALID: return true;
	case SCHEMA_INVALID: break;
	case SCHEMA_LIMIT: return refuse(k, REASON_LIMIT, r, "pattern", pointer);
	}
	return refuse(k, k->d->ingress ? REASON_OUTPUT_VIOLATION : REASON_ENVELOPE_MEMBER, r, "pattern", pointer);
}

/* A shorter reference stands in many numbers by chance. */
#define TELLING 4

/* Whose dates are shifted and whose tokens are told apart must not stand beside them, under whatever name. */
static bool names_subject(const struct taking *k, const struct beside_rule *r, uint32_t node)
{
	struct view text = tape_string(k->t, node), who = k->env->reference;

	if (!k->a->subject_is_reference || k->d->ingress || r->action != ACTION_KEEP || who.n == 0)
		return false;
	return view_eq(text, who) || (who.n >= TELLING && memmem(text.p, text.n, who.p, who.n) != NULL);
}

/* {"<name>":<value>}, on a tape of its own: rules name places in it. */
static bool parse_alone(struct taking *k, const char *name, uint32_t node, struct buf *text, struct tape *t)
{
	struct error e = { .reason = REASON_NONE };
	struct splice s;

	splice_start(&s, text, k->w->order);
	splice_open(&s, '{');
	splice_name(&s, view_of(name));
	splice_copy(&s, k->t, node);
	splice_close(&s, '}');
	return !text->failed && tape_parse(k->w->parser, buf_view(text), t, &e);
}

static bool run_rule(struct taking *k, const struct beside_rule *r, uint32_t node, const char *pointer,
                     struct buf *text)
{
	const struct program *p = beside_program(k->a, k->d->purpose, k->d->now_ms, k->d->ingress);
	struct buf alone = BUF_INIT(1 << 16);
	struct transform_input in = { .subject = k->env->reference };
	struct error e = { .reason = REASON_NONE };
	struct tape t;
	bool ok = p && parse_alone(k, r->field.pointer + 1, node, &alone, &t);

	in.tape = &t;
	if (!ok)
		refuse(k, REASON_NO_MEMORY, r, "action", pointer);
	else if (k->d->ingress && !program_check_output(p, &t, 0, &e))
		ok = refuse(k, REASON_OUTPUT_VIOLATION, r, "action", pointer);
	else if (k->d->ingress)
		buf_add(text, buf_view(&alone));
	else if (!program_run(p, k->w->transform, &in, text, &e))
		ok = refuse(k, e.reason ? e.reason : REASON_NO_MEMORY, r, "action", pointer);
	buf_wipe(&alone);
	return ok;
}

/* A member that is one text. What leaves is {"<name>":<value>} at the end of w->text; *at and *n say where the value
 * stands, for the buffer may still move. */
static void take_text(struct taking *k, enum beside_member m, uint32_t node, size_t *at, size_t *n)
{
	const struct beside_rule *r = &k->a->beside[m];
	struct buf *text = k->w->text;
	size_t start = text->n, name = strlen(r->field.pointer); /* with its slash */

	*n = 0;
	if (!node)
		return;
	if (!beside_leaves(r)) {
		if (k->d->ingress)
			refuse(k, REASON_OUTPUT_VIOLATION, r, "action", r->field.pointer);
		return;
	}
	if (r->denied && !k->d->ingress)
		return;
	/* What has been transformed is no longer what the pattern says. */
	if ((!k->d->ingress || r->action == ACTION_KEEP) && !fits_pattern(k, r, node, r->field.pointer))
		return;
	if (names_subject(k, r, node)) {
		refuse(k, REASON_ENVELOPE_MEMBER, r, "action", r->field.pointer);
		return;
	}
	if (!run_rule(k, r, node, r->field.pointer, text) || r->denied)
		return;
	*at = start + name + 3; /* {"name": */
	*n = text->n - 1 - *at;
	k->d->beside |= 1u << m;
}

/* --- handling --- */

static void put_code(struct taking *k, struct splice *s, enum scale scale, const char *value, uint32_t words)
{
	splice_open(s, '{');
	splice_name(s, VIEW("scale"));
	splice_string(s, view_of(scale_name(scale)));
	if (words) {
		splice_name(s, VIEW("text"));
		splice_copy(s, k->t, words);
	}
	splice_name(s, VIEW("value"));
	splice_string(s, view_of(value));
	splice_close(s, '}');
}

/* The words of H3, which no other code has; 0: they do not leave. A restriction without its words would be none: then
 * nothing leaves. Only the recipient's own overlay takes them away. */
static uint32_t words_of(struct taking *k, uint32_t item, unsigned place)
{
	const struct beside_rule *r = &k->a->beside[BESIDE_HANDLING];
	uint32_t words = tape_member(k->t, item, VIEW("text"));
	bool ingress = k->d->ingress;
	char pointer[60];

	snprintf(pointer, sizeof pointer, "/handling/%u/text", place);
	if (!words || !beside_leaves(r) || (r->denied && !ingress)) {
		refuse(k, ingress ? REASON_OUTPUT_VIOLATION : REASON_HANDLING_UNKNOWN, r, "action", pointer);
		return 0;
	}
	if (!fits_pattern(k, r, words, pointer))
		return 0;
	if (names_subject(k, r, words)) {
		refuse(k, REASON_ENVELOPE_MEMBER, r, "action", pointer);
		return 0;
	}
	if (r->denied)
		return 0;
	k->d->beside |= 1u << BESIDE_HANDLING;
	return words;
}

/* The first item with the code; 0: none. */
static uint32_t find_code(const struct taking *k, enum scale scale, const char *value, unsigned *place)
{
	uint32_t list = k->env->handling;

	*place = 0;
	for (uint32_t v = list + 1; v < k->t->nodes[list].next; v = k->t->nodes[v].next, ++*place)
		if (view_is(tape_string(k->t, tape_member(k->t, v, VIEW("scale"))), scale_name(scale)) &&
		    view_is(tape_string(k->t, tape_member(k->t, v, VIEW("value"))), value))
			return v;
	return 0;
}

/* Order and repetition of codes say nothing that the codes do not. */
static void take_handling(struct taking *k)
{
	struct splice s;
	unsigned place;

	splice_start(&s, k->w->text, k->w->order);
	splice_open(&s, '[');
	for (unsigned scale = 0; scale < SCALE_COUNT; scale++)
		for (int i = 0; scale_value((enum scale)scale, i); i++) {
			const char *value = scale_value((enum scale)scale, i);
			uint32_t item = find_code(k, (enum scale)scale, value, &place);
			bool h3 = scale == SCALE_EUROPOL_HANDLING && strcmp(value, "H3") == 0;
			if (item)
				put_code(k, &s, (enum scale)scale, value, h3 ? words_of(k, item, place) : 0);
		}
	splice_close(&s, ']');
}

/* --- all of it --- */

/* What no agreement lets leave has no place in a delivery. */
static void check_stays(struct taking *k)
{
	const struct {
		uint32_t node;
		const char *pointer;
	} own[] = {
		{ k->env->necessity, "/necessity" },
		{ k->env->justifications, "/justifications" },
		{ k->env->approvals, "/approvals" },
		{ k->env->officer, "/officer" },
	};

	for (size_t i = 0; k->d->ingress && i < sizeof own / sizeof own[0]; i++)
		if (own[i].node) {
			decision_fail(k->d, REASON_OUTPUT_VIOLATION, "/envelope", own[i].pointer);
			k->ok = false;
		}
}

static struct view part(const struct buf *text, size_t at, size_t n)
{
	return n ? view_make(text->p + at, n) : VIEW("");
}

bool beside_take(struct decision *d, const struct envelope *env, const struct tape *t, const struct beside_tools *w,
                 struct beside *out)
{
	struct taking k = { .d = d, .a = d->agreement, .env = env, .t = t, .w = w, .ok = true };
	size_t at[3] = { 0 }, n[3] = { 0 };

	d->beside = 0;
	buf_reset(w->text);
	check_stays(&k);
	take_text(&k, BESIDE_CASE, tape_member(t, 0, VIEW("case")), &at[0], &n[0]);
	take_text(&k, BESIDE_REFERENCE, tape_member(t, 0, VIEW("reference")), &at[1], &n[1]);
	if (env->handling && t->nodes[env->handling].count) {
		at[2] = w->text->n;
		take_handling(&k);
		n[2] = w->text->n - at[2];
	}
	if (k.ok && w->text->failed) {
		decision_fail(d, REASON_NO_MEMORY, "/envelope", "");
		k.ok = false;
	}
	*out = (struct beside){ .case_ref = { NULL, 0 } };
	if (!k.ok)
		return false;
	out->case_ref = part(w->text, at[0], n[0]);
	out->reference = part(w->text, at[1], n[1]);
	out->handling = part(w->text, at[2], n[2]);
	return true;
}

/* --- written --- */

static void put_token(struct splice *s, const char *name, struct view token)
{
	if (token.n == 0)
		return;
	splice_name(s, view_of(name));
	splice_literal(s, token);
}

static void put_string(struct splice *s, const char *name, struct view value)
{
	if (value.n == 0)
		return;
	splice_name(s, view_of(name));
	splice_string(s, value);
}

void beside_delivery(const struct decision *d, const struct envelope *env, const struct beside *b,
                     struct member_order *order, struct buf *out)
{
	char room[64]; /* four numbers of ten digits at most, and their letters */
	struct buf retention = { .p = room, .cap = sizeof room, .max = sizeof room };
	struct splice s;

	duration_print(&retention, &d->copy);
	splice_start(&s, out, order);
	splice_open(&s, '{');
	put_token(&s, "case", b->case_ref);
	put_string(&s, "corrects", env->corrects);
	put_string(&s, "exception", env->exception);
	put_token(&s, "handling", b->handling);
	put_string(&s, "legal_basis", env->legal_basis);
	put_string(&s, "purpose", env->purpose);
	put_token(&s, "reference", b->reference);
	put_string(&s, "retention", buf_view(&retention));
	put_string(&s, "schema", env->schema);
	put_string(&s, "subject_category", env->subject_category);
	put_string(&s, "tier", env->tier);
	splice_close(&s, '}');
}

static bool is_proof(struct view name)
{
	return view_is(name, "record") || view_is(name, "origin") || view_is(name, "key");
}

void beside_arrived(const struct tape *t, struct member_order *order, struct buf *out)
{
	struct member_walk w;
	struct splice s;
	uint32_t key;

	if (!member_walk_start(&w, order, t, 0)) {
		out->failed = true;
		return;
	}
	splice_start(&s, out, order);
	splice_open(&s, '{');
	while ((key = member_walk_next(&w)) != 0)
		if (!is_proof(tape_string(t, key))) {
			splice_key(&s, t, key);
			splice_copy(&s, t, key + 1);
		}
	splice_close(&s, '}');
	member_walk_end(&w);
}
