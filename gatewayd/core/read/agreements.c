/* Agreements, for those whom they bind, and who oversees those. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/read/oversight.h"
#include "gatewayd/core/read/reading.h"
#include "gatewayd/core/serve/answer.h"

static bool binds(const struct request *r, const struct agreement *a)
{
	return agreement_has_party(a, view_of(r->peer->agency)) || oversight_under(r, a);
}

void handle_agreements(struct request *r)
{
	struct buf body = BUF_INIT(8u * 1024 * 1024);
	bool first = true;

	buf_adds(&body, "{\"agreements\":[");
	for (size_t i = 0; i < r->conf->n_agreements; i++) {
		if (!binds(r, r->conf->agreements[i]))
			continue;
		if (!first)
			buf_addc(&body, ',');
		first = false;
		if (!agreement_describe(r->conf->agreements[i], r->now_ms, &body))
			body.failed = true;
	}
	buf_adds(&body, "]}");
	reading_answer(r, &(struct reading){ .what = "agreements read" }, VIEW("application/json"), &body);
	buf_free(&body);
}

/* The record schemas that the agreement pins, as an array of the documents. */
static bool write_schemas(const struct request *r, const struct agreement *a, struct buf *body)
{
	struct digest d;

	buf_adds(body, "{\"schemas\":[");
	for (size_t k = 0; agreement_schema(a, k, &d); k++) {
		struct view text = conf_schema(r->conf, &d);
		if (!text.p)
			return false;
		buf_adds(body, k ? ",{\"digest\":\"" : "{\"digest\":\"");
		digest_print(body, &d);
		buf_adds(body, "\",\"schema\":");
		buf_add(body, text);
		buf_addc(body, '}');
	}
	buf_adds(body, "]}");
	return true;
}

void handle_agreement(struct request *r)
{
	struct agreement *a = conf_agreement(r->conf, request_path_part(r, 2), NULL, r->now_ms);
	struct view what = request_path_part(r, 3), type = VIEW("application/json");
	struct buf body = BUF_INIT(16u * 1024 * 1024);
	bool html = memmem(r->accept.p ? r->accept.p : "", r->accept.n, "text/html", 9) != NULL;
	bool ok;

	if (!a || !binds(r, a)) {
		answer_problem(r, REASON_AGREEMENT_UNKNOWN);
		return;
	}
	if (view_is(what, "schema")) {
		ok = write_schemas(r, a, &body);
	} else if (view_is(what, "summary")) {
		ok = agreement_summary(a, html, &body);
		type = html ? VIEW("text/html; charset=utf-8") : VIEW("text/plain; charset=utf-8");
	} else {
		ok = agreement_describe(a, r->now_ms, &body);
	}
	if (ok)
		reading_answer(r, &(struct reading){ .what = "agreement read", .agreement = agreement_id(a) }, type,
		               &body);
	else
		answer_problem(r, REASON_INTERNAL);
	buf_free(&body);
}
