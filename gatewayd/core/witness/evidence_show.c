/* What is kept of logs that forked or went back: signed checkpoints and receipts, which anyone may judge anew. See witness.h. */
#include "gatewayd/core/witness/witness.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/store/rest.h"
#include "lib/base/datetime.h"
#include "lib/base/encode.h"

#define LIST_MAX (4u * 1024 * 1024)

struct list {
	struct buf *out;
	bool any;
};

static bool add(void *arg, const struct digest *d, int64_t first_ms, struct view text)
{
	struct list *l = arg;
	char time[TIME_TEXT + 1];

	time_print(first_ms, time);
	buf_adds(l->out, l->any ? ",{\"digest\":\"" : "{\"digest\":\"");
	hex_encode(l->out, view_make(d->b, sizeof d->b));
	buf_addf(l->out, "\",\"kept\":\"%s\",\"bytes\":%zu}", time, text.n);
	l->any = true;
	return !l->out->failed;
}

void handle_evidence_list(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct buf body = BUF_INIT(LIST_MAX);
	struct list l = { .out = &body };

	buf_adds(&body, "{\"evidence\":[");
	bool ok = store_list_documents(r->worker->reader, VIEW("checkpoint"), add, &l, &e);
	buf_adds(&body, "]}");
	if (ok)
		answer_written(r, VIEW("application/json"), &body);
	else
		answer_unread(r, &e);
	buf_free(&body);
}

struct wanted {
	struct digest digest;
	bool found;
};

static bool is_it(void *arg, const struct digest *d, int64_t first_ms, struct view text)
{
	struct wanted *w = arg;

	(void)first_ms, (void)text;
	w->found = w->found || digest_eq(d, &w->digest);
	return !w->found;
}

/* Of this kind alone: other documents are not shown by their digest. */
void handle_evidence_text(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct view hash = request_path_part(r, 1), text;
	struct wanted w = { .found = false };

	if (hash.n != 64 || !digest_parse(hash, &w.digest)) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	if (!store_list_documents(r->worker->reader, VIEW("checkpoint"), is_it, &w, &e) ||
	    (w.found && !store_get_document(r->worker->reader, &w.digest, &text, &e)))
		answer_unread(r, &e);
	else if (!w.found)
		answer_problem(r, REASON_NOT_FOUND);
	else
		answer_text(r, 200, VIEW("text/plain; charset=utf-8"), text);
}
