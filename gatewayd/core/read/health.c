/* Liveness, readiness, and the description of the interface. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/witness/timestamp.h"
#include "gatewayd/core/witness/witness.h"
#include "lib/schema/document.h"
#include "gatewayd/os/instant.h"

void handle_openapi(struct request *r)
{
	answer_text(r, 200, VIEW("application/json"), document_builtin_schema(VIEW("openapi")));
}

void handle_livez(struct request *r)
{
	answer_text(r, 200, VIEW("text/plain"), VIEW("ok\n"));
}

/* Partners refuse one that has expired: what is told in time is not found out by them. */
static void warn_of_certificate(struct request *r, struct buf *out)
{
	int64_t until = r->conf->own.until_ms, now = instant_now_ms();
	char when[TIME_TEXT + 1];

	if (until - CERTIFICATE_SOON_MS > now)
		return;
	time_print(until, when);
	if (until <= now)
		buf_addf(out, "warning: the gateway's certificate expired at %s\n", when);
	else
		buf_addf(out, "warning: the gateway's certificate expires in %d days\n", (int)((until - now) / DAY_MS));
}

void handle_readyz(struct request *r)
{
	struct core *c = r->worker->core;
	const struct {
		bool so;
		const char *why;
	} not_ready[] = {
		{ !atomic_load(&c->serving), "the log is being settled with partners" },
		{ atomic_load(&c->draining), "draining: no new exchanges are taken" },
		{ atomic_load(&c->dying), "the store or the log failed" },
		{ atomic_load(&c->space_low), "too little room is left for new records" },
		{ atomic_load(&c->backlog) == BACKLOG_FULL,
		  "another program reads the store and keeps its write-ahead log from being emptied" },
		{ atomic_load(&c->anchor_failing), "the anchor cannot be written" },
	};
	struct buf why = BUF_INIT(1024);

	for (size_t i = 0; i < sizeof not_ready / sizeof *not_ready; i++)
		if (not_ready[i].so)
			buf_addf(&why, "not ready: %s\n", not_ready[i].why);
	bool ready = why.n == 0;
	if (ready)
		buf_adds(&why, "ready\n");
	if (atomic_load(&c->backlog) == BACKLOG_MUCH)
		buf_adds(&why, "warning: another program reads the store, and its write-ahead log grows\n");
	warn_of_certificate(r, &why);
	answer_text(r, ready ? 200 : 503, VIEW("text/plain"), buf_view(&why));
	buf_free(&why);
}
