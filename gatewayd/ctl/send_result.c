/* See send_result.h. */
#include "gatewayd/ctl/send_result.h"

#include <stdlib.h>

#include "gatewayd/ctl/problem.h"
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

/* Signature, inclusion, and that the entry is of this exchange: names of a leaf are sorted and its text is unambiguous. */
static bool receipt_holds(struct send_reader *r, struct view receipt, struct view exchange, struct error *e)
{
	struct receipt proof;
	struct view entry;
	char needle[UUID_TEXT + 32];

	buf_reset(&r->scratch);
	snprintf(needle, sizeof needle, "\"exchange\":\"%.*s\"", VIEW_ARG(exchange));
	return receipt_parse(receipt, &r->scratch, &proof, &entry, e) && receipt_verify(&proof, entry, r->log, e) &&
	       ((exchange.n == UUID_TEXT && memmem(entry.p, entry.n, needle, strlen(needle))) ||
	        error_set(e, REASON_TAMPERED, "the receipt is of another exchange"));
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
	struct view receipt = text_of(&t, "receipt");
	if (r->log && tape_member(&t, 0, VIEW("audit_index")) && !tape_member(&t, 0, VIEW("archived")) &&
	    !receipt_holds(r, receipt, text_of(&t, "exchange"), e))
		return SEND_ALTERED;
	print_result(line, &t, out);
	if (out->failed) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return SEND_NO_RESULT;
	}
	return outcome;
}
