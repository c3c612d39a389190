/* Lines of the summary, and which details leave in what form. See summary_private.h. */
#include "lib/policy/plain.h"
#include "lib/policy/summary_private.h"

/* --- lines --- */

void page_flush(struct page *p, const char *before, const char *after)
{
	if (p->html) {
		buf_adds(p->out, before);
		html_text(p->out, buf_view(&p->line));
		buf_adds(p->out, after);
	} else {
		buf_add(p->out, buf_view(&p->line));
	}
	buf_addc(p->out, '\n');
	p->out->failed = p->out->failed || p->line.failed;
	buf_reset(&p->line);
}

void page_heading(struct page *p, const char *text)
{
	buf_addf(&p->line, "%s", text);
	if (!p->html)
		buf_addc(p->out, '\n');
	page_flush(p, "<h2>", "</h2>");
}

void page_paragraph(struct page *p)
{
	page_flush(p, "<p>", "</p>");
}

void page_item(struct page *p)
{
	if (!p->html)
		buf_adds(p->out, "- ");
	page_flush(p, "<li>", "</li>");
}

void page_list(struct page *p, bool open)
{
	if (p->html)
		buf_adds(p->out, open ? "<ul>\n" : "</ul>\n");
}

void page_add(struct page *p, const json_t *o, const char *name)
{
	buf_add(&p->line, json_view(o, name));
}

void page_add_period(struct page *p, const json_t *o, const char *name)
{
	struct duration d = json_duration(o, name);

	plain_duration(&p->line, &d);
}

/* --- which details --- */

static void guard(struct page *p, const struct rule *r)
{
	const json_t *fields = json_object_get(r->field.params, "fields");
	bool refuse = view_is(json_view(r->field.params, "otherwise"), "refuse");

	buf_addf(&p->line,
	         "Records leave only together with others. Where fewer than %u of them have the same values, %s: ",
	         (unsigned)json_integer_value(json_object_get(r->field.params, "k")),
	         refuse ? "a record is not passed on at all; it is about" : "these are left out");
	for (size_t i = 0; i < json_array_size(fields); i++) {
		buf_adds(&p->line, i ? "; " : "");
		plain_place(&p->line, json_string_value(json_array_get(fields, i)));
	}
	page_item(p);
}

/* --- which details: by the rules that win somewhere in the compiled programs --- */

#define WORDS_MAX 200

struct telling {
	const struct agreement *a;
	char (*words)[WORDS_MAX]; /* of each rule: what it does */
	bool *told;               /* it wins somewhere, or takes away what no other rule lets pass */
};

/* Of the agreement alone, without an overlay. */
static const struct compiled *next_shared(const struct compiled *c)
{
	while (c && !c->output)
		c = c->next;
	return c;
}

/* Nobody gets what stands there, whatever the record is for. */
static bool never_leaves(const struct agreement *a, const char *pointer)
{
	for (const struct compiled *c = next_shared(a->compiled); c; c = next_shared(c->next))
		if (!program_place_at(c->program, pointer).dropped)
			return false;
	return true;
}

static void tell_winners(const struct telling *t)
{
	const struct agreement *a = t->a;

	for (const struct compiled *c = next_shared(a->compiled); c; c = next_shared(c->next))
		for (size_t k = 0; k < program_places(c->program); k++) {
			struct program_place at = program_place(c->program, k);
			if (at.rule != RULE_NONE)
				t->told[c->by_rule[at.rule]->index] = true;
		}
	for (size_t i = 0; i < a->n_rules; i++)
		if (a->rules[i].field.action == ACTION_DROP && !never_leaves(a, a->rules[i].field.pointer))
			t->told[i] = false;
}

static void put_words(const struct telling *t)
{
	for (size_t i = 0; i < t->a->n_rules; i++) {
		const struct rule *r = &t->a->rules[i];
		bool readable = r->field.category == FIELD_DIRECT && r->clear && r->field.action != ACTION_KEEP &&
		                r->field.action != ACTION_REDACT_TEXT;
		struct buf out = { .p = t->words[i], .cap = WORDS_MAX, .max = WORDS_MAX };

		plain_rule(&out, &r->field);
		buf_adds(&out, readable ? ", so that most of it can still be read" : "");
		buf_addc(&out, '\0');
	}
}

static bool same_words(const struct telling *t, size_t i, size_t k)
{
	return t->told[i] && t->told[k] && strcmp(t->words[i], t->words[k]) == 0;
}

/* Has an earlier rule done the same to the same field, to one of the same member, or to anything? */
static bool seen_before(const struct telling *t, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_words(t, i, k) && strcmp(t->a->rules[k].field.pointer, t->a->rules[i].field.pointer) == 0)
			return true;
	return false;
}

static bool grouped_before(const struct telling *t, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_words(t, i, k) &&
		    view_eq(plain_member(t->a->rules[k].field.pointer), plain_member(t->a->rules[i].field.pointer)))
			return true;
	return false;
}

static bool listed_before(const struct telling *t, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_words(t, i, k))
			return true;
	return false;
}

static void add_conditions(struct page *p, const struct rule *r)
{
	if (r->field.subtree && r->field.action != ACTION_DROP)
		buf_adds(&p->line, " with all that is in it, now or later, but for what is named otherwise here");
	if (r->waiver != INDEX_NONE)
		buf_adds(&p->line, " under an exception only");
}

/* The rules of one kind that begin at the same member, as one: "travellers (seat, baggage pieces)". */
static void group(struct page *p, const struct telling *t, size_t first)
{
	struct view member = plain_member(t->a->rules[first].field.pointer);
	size_t within = 0;

	plain_words(&p->line, member.n ? member : VIEW("the whole record"));
	for (size_t i = first; i < t->a->n_rules; i++) {
		const struct rule *s = &t->a->rules[i];
		if (!same_words(t, i, first) || !view_eq(plain_member(s->field.pointer), member) || seen_before(t, i))
			continue;
		struct view rest = view_from(view_of(s->field.pointer), member.n ? member.n + 1 : 0);
		if (plain_rest(&p->line, rest, within ? ", " : " ("))
			within++;
		add_conditions(p, s);
	}
	if (within)
		buf_addc(&p->line, ')');
}

static void list_kind(struct page *p, const struct telling *t, size_t first)
{
	bool any = false;

	buf_addf(&p->line, "What %s: ", t->words[first]);
	for (size_t i = first; i < t->a->n_rules; i++) {
		if (!same_words(t, i, first) || grouped_before(t, i))
			continue;
		buf_adds(&p->line, any ? "; " : "");
		group(p, t, i);
		any = true;
	}
	page_item(p);
}

/* Fields grouped by what happens to them; each is named once for each thing that happens to it. */
void page_which(struct page *p, const struct agreement *a)
{
	struct telling t = { .a = a,
		             .words = calloc(a->n_rules + 1, sizeof *t.words),
		             .told = calloc(a->n_rules + 1, sizeof *t.told) };

	page_heading(p, "Which details, and in what form");
	page_list(p, true);
	if (t.words && t.told) {
		put_words(&t);
		tell_winners(&t);
		for (unsigned action = 0; action <= ACTION_DROP; action++)
			for (size_t i = 0; i < a->n_rules; i++)
				if (a->rules[i].field.action == (enum action)action && t.told[i] &&
				    !listed_before(&t, i))
					list_kind(p, &t, i);
	} else {
		p->out->failed = true;
	}
	for (size_t i = 0; i < a->n_rules; i++)
		if (a->rules[i].field.action == ACTION_K_GUARD)
			guard(p, &a->rules[i]);
	page_list(p, false);
	buf_adds(&p->line, "Everything else in a record is left out.");
	page_paragraph(p);
	free(t.words);
	free(t.told);
}
