/* Records and rules at random, compared with a plain reading of the definition. */
#include "test/transform/derived.h"

#include "lib/json/splice.h"

TCase *make_definition_case(void);

/* The definition read plainly, without a trie: every rule is matched against the path of every node. */
struct plain_rule {
	const char *tokens[6];
	size_t n;
	enum action action;
	bool subtree;
};
struct plain {
	const struct tape *t;
	const struct plain_rule *rules;
	size_t n;
	struct view path[16]; /* an item has name.p NULL */
	size_t depth;
	struct buf *out;
	bool refused; /* a container stands where a rule takes none */
};

static bool matches(const struct plain *p, const struct plain_rule *r, bool prefix)
{
	if (prefix ? r->n > p->depth : r->n != p->depth)
		return false;
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->tokens[i], "*") != 0 && (!p->path[i].p || !view_is(p->path[i], r->tokens[i])))
			return false;
	return true;
}

static bool plain_value(struct plain *p, uint32_t node)
{
	const struct tape_node *n = &p->t->nodes[node];
	bool empty = (n->type == TAPE_OBJECT || n->type == TAPE_ARRAY) && n->count == 0;
	bool container = (n->type == TAPE_OBJECT || n->type == TAPE_ARRAY) && n->count > 0, named = false, any = false;
	bool alone = false;
	int action = -1;
	size_t start = p->out->n;

	for (size_t i = 0; i < p->n; i++) {
		const struct plain_rule *r = &p->rules[i];

		named = named || (matches(p, r, false) && r->action == ACTION_KEEP);
		alone = alone || (matches(p, r, false) && !r->subtree &&
		                  (r->action == ACTION_CONST || r->action == ACTION_NULL || r->action == ACTION_MASK));
		if (matches(p, r, r->subtree || r->action == ACTION_DROP) && (int)r->action > action)
			action = (int)r->action;
	}
	/* The record itself always stays. */
	if (action == ACTION_DROP || (!container && (action < 0 || p->depth == 0)))
		return p->depth == 0 && (buf_adds(p->out, n->type == TAPE_OBJECT ? "{}" : "[]"), true);
	if (alone && (container || empty))
		p->refused = true;
	if (action == ACTION_MASK && !container) {
		if (empty && named)
			buf_adds(p->out, n->type == TAPE_OBJECT ? "{}" : "[]");
		else if (n->type == TAPE_NULL)
			buf_adds(p->out, "null");
		else if (!empty && n->type == TAPE_STRING)
			buf_adds(p->out, "\"***\"");
		else if (!empty)
			p->refused = true; /* a mask takes texts */
		return !empty || named;
	}
	if (!container) {
		buf_add(p->out, action == ACTION_KEEP   ? tape_token(p->t, node)
		                : action == ACTION_NULL ? VIEW("null")
		                                        : VIEW("\"const\""));
		return true;
	}
	buf_addc(p->out, n->type == TAPE_OBJECT ? '{' : '[');
	for (uint32_t k = node + 1; k < n->next; k = p->t->nodes[n->type == TAPE_OBJECT ? k + 1 : k].next) {
		size_t before = p->out->n;

		p->path[p->depth++] = n->type == TAPE_OBJECT ? tape_string(p->t, k) : view_make(NULL, 0);
		buf_adds(p->out, any ? "," : "");
		if (n->type == TAPE_OBJECT) {
			buf_add_json_string(p->out, tape_string(p->t, k));
			buf_addc(p->out, ':');
		}
		if (plain_value(p, n->type == TAPE_OBJECT ? k + 1 : k))
			any = true;
		else
			p->out->n = before;
		p->depth--;
	}
	if (!any && !named && p->depth > 0) {
		p->out->n = start;
		return false;
	}
	buf_addc(p->out, n->type == TAPE_OBJECT ? '}' : ']');
	return true;
}

static uint32_t pick(uint32_t *state, uint32_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % n;
}

static void random_value(uint32_t *s, struct buf *out, int depth)
{
	static const char *const leaves[] = { "1", "\"x\"", "null", "true", "{}", "[]", "19.990", "\"\\u00e9\"" };
	static const char *const names[] = { "a", "b", "c", "0" };
	bool object = pick(s, 2);

	if (depth == 4 || (depth > 0 && pick(s, 3) == 0)) {
		buf_adds(out, leaves[pick(s, 8)]);
		return;
	}
	uint32_t used = 0;
	bool comma = false;
	buf_addc(out, object ? '{' : '[');
	for (uint32_t i = pick(s, 4); i > 0; i--) {
		uint32_t name = pick(s, 4);

		if (object && used & 1u << name)
			continue;
		used |= 1u << name;
		buf_adds(out, comma ? "," : "");
		comma = true;
		if (object)
			buf_addf(out, "\"%s\":", names[name]);
		random_value(s, out, depth + 1);
	}
	buf_addc(out, object ? '}' : ']');
}

/* Rewrites a text in the form in which records leave, and ends it as a string. */
static void one_form(struct buf *text)
{
	struct tape_parser *parser = tape_parser_new(NULL);
	struct member_order order = { .keys = NULL };
	struct error e = { .reason = REASON_NONE };
	struct splice s;
	struct tape t;

	ck_assert_msg(tape_parse(parser, buf_view(text), &t, &e), "%s", e.text);
	buf_reset(text);
	splice_start(&s, text, &order);
	splice_copy(&s, &t, 0);
	buf_addc(text, 0);
	member_order_free(&order);
	tape_parser_free(parser);
}

START_TEST(runs_follow_the_definition)
{
	static const char *const tokens[] = { "a", "b", "c", "0", "*", "*" };
	static const enum action actions[] = { ACTION_KEEP, ACTION_KEEP, ACTION_KEEP, ACTION_CONST,
		                               ACTION_NULL, ACTION_DROP, ACTION_MASK };
	static const char *const params[ACTION_COUNT] = {
		[ACTION_CONST] = ",\"params\":{\"value\":\"const\"}", [ACTION_MASK] = ",\"params\":{\"length\":3}"
	};
	uint32_t s = 20261123, refused = 0;

	for (int round = 0; round < 400; round++) {
		struct plain_rule rules[8];
		struct buf text = BUF_INIT(4096), record = BUF_INIT(65536), want = BUF_INIT(65536);
		struct buf formed = BUF_INIT(65536);
		size_t n = pick(&s, 8);

		buf_addc(&text, '[');
		for (size_t i = 0; i < n; i++) {
			struct plain_rule *r = &rules[i];

			*r = (struct plain_rule){ .n = pick(&s, 5), .action = actions[pick(&s, 7)] };
			r->subtree = pick(&s, 3) == 0;
			buf_addf(&text, "%s{\"pointer\":\"", i ? "," : "");
			for (size_t k = 0; k < r->n; k++)
				buf_addf(&text, "/%s", r->tokens[k] = tokens[pick(&s, 6)]);
			buf_addf(&text, "\",\"action\":\"%s\",\"subtree\":%s%s}", action_name(r->action),
			         r->subtree ? "true" : "false", params[r->action] ? params[r->action] : "");
		}
		buf_addc(&text, ']');
		buf_addc(&text, 0);
		struct derived d = derive(text.p);
		for (int k = 0; k < 25; k++) {
			struct error e = { .reason = REASON_NONE };
			struct tape t;

			buf_reset(&record);
			buf_reset(&want);
			random_value(&s, &record, 0);
			buf_addc(&record, 0);
			ck_assert(tape_parse(d.parser, view_of(record.p), &t, &e));
			struct plain p = { .t = &t, .rules = rules, .n = n, .out = &want };
			ck_assert(plain_value(&p, 0) || p.refused);
			if (!p.refused)
				one_form(&want);
			const char *got = run_record(d.program, record.p, &e);
			/* An empty record tells nothing, whatever rule there is. */
			if (p.refused && t.nodes[0].count > 0) {
				ck_assert_msg(!got && e.reason == REASON_TRANSFORM_FAILED, "%s over %s gave %s", text.p,
				              record.p, got ? got : e.text);
				refused++;
				continue;
			}
			if (p.refused)
				one_form(&want);
			ck_assert_msg(got && strcmp(got, want.p) == 0, "%s over %s gave %s, not %s", text.p, record.p,
			              got ? got : e.text, want.p);
			assert_arrives(&d, got);
			/* And a record that the rules would change does not arrive, but for empty containers: they
			 * may be what is left of full ones. */
			buf_reset(&formed);
			buf_adds(&formed, record.p);
			one_form(&formed);
			if (!strstr(record.p, "{}") && !strstr(record.p, "[]") && strcmp(got, formed.p) != 0)
				ck_assert_msg(!check_arrival(d.program, record.p, NULL), "%s arrived under %s",
				              record.p, text.p);
		}
		derived_free(&d);
		buf_free(&text);
		buf_free(&record);
		buf_free(&want);
		buf_free(&formed);
	}
	ck_assert_uint_gt(refused, 100);
}
END_TEST

TCase *make_definition_case(void)
{
	TCase *c = tcase_create("definition");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, runs_follow_the_definition);
	return c;
}
