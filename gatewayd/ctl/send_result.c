/* See send_result.h. */
#include "gatewayd/ctl/send_result.h"

#include <stdlib.h>

#include "gatewayd/ctl/problem.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/receipt.h"

struct send_reader {
	const struct note_vkey *log;
	struct tape_parser *parser;
	struct buf receipt, scratch;
};

struct send_reader *send_reader_new(const struct note_vkey *log)
{
	struct send_reader *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->log = log;
	r->receipt = BUF_INIT(SEND_RESULT_MAX);
	r->scratch = BUF_INIT(SEND_RESULT_MAX);
	r->parser = tape_parser_new(&tape_document_limits);
	if (!r->parser) {
		free(r);
		return NULL;
	}
	return r;
}

void send_reader_free(struct send_reader *r)
{
	if (!r)
		return;
	tape_parser_free(r->parser);
	buf_free(&r->receipt);
	buf_free(&r->scratch);
	free(r);
}

static struct view text_of(const struct tape *t, const char *name)
{
	uint32_t node = tape_member(t, 0, view_of(name));

	return node && t->nodes[node].type == TAPE_STRING ? tape_string(t, node) : VIEW("");
}

static int status_of(const struct tape *t)
{
	uint32_t node = tape_member(t, 0, VIEW("status"));
	unsigned long long n = 0;

	return node && view_to_u64(tape_token(t, node), 599, &n) ? (int)n : 0;
}

/* Names of a leaf are sorted and its text is unambiguous. */
static bool leaf_has(struct view entry, const char *name, struct view value)
{
	char member[UUID_TEXT + 64];
	int n = snprintf(member, sizeof member, "\"%s\":\"%.*s\"", name, VIEW_ARG(value));

	return n < (int)sizeof member && memmem(entry.p, entry.n, member, (size_t)n);
}

/* Who gave the record to a gateway of the recipient's own has a collection. */
static bool leaf_is_of(struct view entry, enum send_outcome outcome)
{
	bool released = leaf_has(entry, "operation", view_of(operation_name(OPERATION_DISCLOSURE))) ||
	                leaf_has(entry, "operation", view_of(operation_name(OPERATION_COLLECTION)));

	return outcome == SEND_RELEASED
	               ? released
	               : leaf_has(entry, "operation",
	                          view_of(operation_name(outcome == SEND_HELD ? OPERATION_HOLD : OPERATION_REFUSAL)));
}

/* Signature, inclusion, and that the entry is the one of this answer: what was decided, of which exchange, and where. */
static bool receipt_holds(struct send_reader *r, const struct tape *t, enum send_outcome outcome, struct error *e)
{
	struct view exchange = text_of(t, "exchange"), entry;
	uint32_t at = tape_member(t, 0, VIEW("audit_index"));
	unsigned long long index;
	struct receipt proof;

	if (!tape_member(t, 0, VIEW("receipt")))
		return error_set(e, REASON_TAMPERED, "the gateway shows no receipt%s; without --vkey its word is taken",
		                 tape_member(t, 0, VIEW("archived")) ? ", and says that the entry is archived" : "");
	buf_reset(&r->scratch);
	if (!receipt_parse(text_of(t, "receipt"), &r->scratch, &proof, &entry, e) ||
	    !receipt_verify(&proof, entry, r->log, e))
		return false;
	if (exchange.n != UUID_TEXT || !leaf_has(entry, "exchange", exchange) ||
	    !view_to_u64(tape_token(t, at), UINT64_MAX, &index) || index != proof.index)
		return error_set(e, REASON_TAMPERED, "the receipt is of another exchange");
	return leaf_is_of(entry, outcome) ||
	       error_set(e, REASON_TAMPERED, "the receipt is of another outcome than the answer says");
}

static void print_start(const struct send_queued *line, struct buf *out)
{
	buf_reset(out);
	buf_addf(out, "{\"line\":%llu", (unsigned long long)line->number);
	if (!line->why_not) {
		buf_adds(out, ",\"key\":");
		buf_add_json_string(out, view_of(line->key));
	}
}

static void print_member(const struct tape *t, const char *name, struct buf *out)
{
	uint32_t node = tape_member(t, 0, view_of(name));

	if (!node)
		return;
	buf_addf(out, ",\"%s\":", name);
	buf_add(out, tape_token(t, node));
}

static void print_result(const struct send_queued *line, const struct tape *t, struct buf *out)
{
	static const char *const members[] = { "status", "exchange", "outcome", "audit_index", "archived", "receipt" };

	print_start(line, out);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		print_member(t, members[i], out);
	if (status_of(t) >= 400) {
		buf_adds(out, ",\"problem\":{\"status\":");
		buf_addf(out, "%d", status_of(t));
		print_member(t, "type", out);
		print_member(t, "title", out);
		print_member(t, "errors", out);
		buf_addc(out, '}');
	}
	buf_addc(out, '}');
}

void send_print_untaken(const struct send_queued *line, const char *why, struct buf *out)
{
	print_start(line, out);
	buf_adds(out, ",\"status\":null,\"problem\":{\"title\":");
	buf_add_json_string(out, view_of(why));
	buf_adds(out, "}}");
}

/* What was decided has an entry in the gateway's log. Of the rest some problems are the line's own. */
static enum send_outcome outcome_of(const struct tape *t, int status, struct view answer, struct error *e)
{
	if (tape_member(t, 0, VIEW("audit_index")) && status < 500)
		return status == 201 ? SEND_RELEASED : status == 202 ? SEND_HELD : SEND_REFUSED;
	if (status < 400 || problem_taken(status, answer, e))
		return SEND_NO_RESULT;
	switch (e->reason) {
	case REASON_BAD_JSON:
	case REASON_KEY_REUSED: return SEND_REFUSED;
	case REASON_TOO_LARGE: return SEND_REFUSED;
	case REASON_KEY_IN_USE:
	case REASON_RATE_LIMITED:
	case REASON_TIMEOUT:
	case REASON_UNREAD: return SEND_AGAIN;
	default: return status >= 500 ? SEND_AGAIN : SEND_NO_MORE;
	}
}

enum send_outcome send_judge(struct send_reader *r, struct view answer, const struct send_queued *line, struct buf *out,
                             struct error *e)
{
	struct error problem = { .reason = REASON_NONE };
	struct tape t;

	if (!tape_parse(r->parser, answer, &t, NULL) || t.nodes[0].type != TAPE_OBJECT || status_of(&t) == 0) {
		error_set(e, REASON_BAD_REQUEST, "what the gateway answered is no result of a line");
		return SEND_NO_RESULT;
	}
	enum send_outcome outcome = outcome_of(&t, status_of(&t), answer, &problem);
	if (outcome == SEND_NO_RESULT)
		error_set(e, REASON_BAD_REQUEST, "what the gateway answered is no result of a line");
	if (outcome == SEND_AGAIN || outcome == SEND_NO_MORE)
		error_set(e, problem.reason, "%s", problem.text);
	if (outcome > SEND_REFUSED)
		return outcome;
	if (r->log && tape_member(&t, 0, VIEW("audit_index")) && !receipt_holds(r, &t, outcome, e))
		return SEND_ALTERED;
	print_result(line, &t, out);
	if (out->failed) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return SEND_NO_RESULT;
	}
	return outcome;
}
