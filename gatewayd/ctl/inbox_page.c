/* Asking a gateway for its inbox and reading what it answers. See inbox.h. */
#include <jansson.h>
#include <unistd.h>

#include "gatewayd/ctl/inbox.h"
#include "gatewayd/ctl/problem.h"

#define PAGE_MAX   (64u * 1024 * 1024) /* a gateway's page is smaller */
#define ANSWER_MAX 65536u
#define LOOKS      10 /* a second apart, at what is about to be handed out */

static bool no_inbox(struct error *e)
{
	return error_set(e, REASON_BAD_REQUEST, "the answer is not an inbox");
}

static bool whole_number(const struct tape *t, uint32_t node, uint64_t *out)
{
	unsigned long long n;

	if (!node || t->nodes[node].type != TAPE_NUMBER || !view_to_u64(tape_token(t, node), INT64_MAX, &n))
		return false;
	*out = n;
	return true;
}

static bool read_page(struct inbox *in, struct error *e)
{
	struct tape *t = &in->tape;
	uint64_t next;

	if (!tape_parse(in->parser, buf_view(&in->page), t, e))
		return false;
	uint32_t items = tape_member(t, 0, VIEW("items"));
	if (!items || t->nodes[items].type != TAPE_ARRAY || !whole_number(t, tape_member(t, 0, VIEW("next")), &next))
		return no_inbox(e);
	/* Going on from the same place would never end. */
	if (t->nodes[items].count > 0 && next <= in->after)
		return no_inbox(e);
	in->after = next > in->after ? next : in->after;
	in->item = items + 1;
	in->end = t->nodes[items].next;
	uint32_t unproved = tape_member(t, 0, VIEW("unproved"));
	in->unproved = unproved && t->nodes[unproved].type == TAPE_TRUE;
	in->open = true;
	return true;
}

static bool fetch_page(struct inbox *in, struct error *e)
{
	char path[100];
	int status = 0;

	if (!in->parser) {
		in->page = BUF_INIT(PAGE_MAX);
		in->parser = tape_parser_new(&tape_document_limits);
		if (!in->parser)
			return error_set(e, REASON_NO_MEMORY, "memory ran out");
	}
	tape_parser_wipe(in->parser);
	snprintf(path, sizeof path, "/v1/inbox?after=%llu", (unsigned long long)in->after);
	if (!https_request(in->https, "GET", path, VIEW(""), NULL, &in->page, &status, e))
		return false;
	return status == 200 ? read_page(in, e) : problem_taken(status, buf_view(&in->page), e);
}

static bool read_item(struct inbox *in, struct inbox_item *out, struct error *e)
{
	const struct tape *t = &in->tape;

	*out = (struct inbox_item){ .tape = t, .node = in->item };
	if (t->nodes[in->item].type != TAPE_OBJECT ||
	    !whole_number(t, tape_member(t, in->item, VIEW("id")), &out->id) || out->id == 0)
		return no_inbox(e);
	struct view kind = inbox_text(out, VIEW("kind"));
	if (!kind.n)
		return no_inbox(e);
	out->record = view_is(kind, "record") || view_is(kind, "correction") || view_is(kind, "returned");
	out->text = tape_token(t, in->item);
	in->item = t->nodes[in->item].next;
	return true;
}

bool inbox_next(struct inbox *in, struct inbox_item *out, struct error *e)
{
	uint64_t before = in->after;

	while (!in->open || in->item >= in->end) {
		if (!fetch_page(in, e))
			return false;
		/* A page may be empty and still go on: what was on it was erased meanwhile. */
		if (in->item >= in->end && in->after == before) {
			in->open = false;
			if (!in->unproved || in->looks++ == LOOKS)
				return false;
			sleep(1);
		}
		before = in->after;
	}
	return read_item(in, out, e);
}

struct view inbox_text(const struct inbox_item *i, struct view name)
{
	uint32_t node = tape_member(i->tape, i->node, name);

	return node && i->tape->nodes[node].type == TAPE_STRING ? tape_string(i->tape, node) : VIEW("");
}

bool inbox_ack(struct https *h, uint64_t id, struct view body, struct buf *answer, bool *first, struct error *e)
{
	char path[100];
	int status = 0;

	*answer = BUF_INIT(ANSWER_MAX);
	snprintf(path, sizeof path, "/v1/inbox/%llu/ack", (unsigned long long)id);
	if (!https_request(h, "POST", path, body, body.n ? "application/json" : NULL, answer, &status, e))
		return false;
	if (status != 200)
		return problem_taken(status, buf_view(answer), e);
	json_t *doc = json_loadb(answer->p ? answer->p : "", answer->n, 0, NULL);
	bool ok = json_integer_value(json_object_get(doc, "id")) == (json_int_t)id &&
	          json_is_true(json_object_get(doc, "acknowledged"));
	*first = json_is_true(json_object_get(doc, "first"));
	json_decref(doc);
	return ok || error_set(e, REASON_BAD_REQUEST, "the answer is not an acknowledgement of this item");
}

void inbox_free(struct inbox *in)
{
	if (in->parser)
		tape_parser_wipe(in->parser);
	tape_parser_free(in->parser);
	buf_wipe(&in->page);
}
