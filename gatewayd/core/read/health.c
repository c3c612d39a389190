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

void handle_openapi(struct request *r)
{
	answer_text(r, 200, VIEW("application/json"), document_builtin_schema(VIEW("openapi")));
}

void handle_livez(struct request *r)
{
	answer_text(r, 200, VIEW("text/plain"), VIEW("ok\n"));
}

void handle_readyz(struct request *r)
{
	struct core *c = r->worker->core;
	bool ready = !atomic_load(&c->draining) && !atomic_load(&c->dying) && atomic_load(&c->serving);

	answer_text(r, ready ? 200 : 503, VIEW("text/plain"), ready ? VIEW("ready\n") : VIEW("not ready\n"));
}
