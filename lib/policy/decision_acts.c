/* What have persons decided since the agreement was signed? The acts in effect, against one record. See decision.h. */
#include "lib/policy/decision.h"

#include "lib/policy/internal.h"

static void name_act(struct decision *d, const struct digest *act)
{
	if (d->n_acts < DECISION_ACTS)
		d->acts[d->n_acts++] = *act;
}

static void fail_by_act(struct decision *d, enum reason reason, const struct digest *act)
{
	struct buf clause = BUF_INIT(96);

	buf_adds(&clause, "act:");
	digest_print(&clause, act);
	buf_addc(&clause, '\0');
	decision_fail(d, reason, clause.failed ? "act" : clause.p, "");
	buf_free(&clause);
	name_act(d, act);
}

/* A purpose that waits for the council's word has it while an authorisation that covers the record is in effect. */
static void check_authorised(struct decision *d, const struct agreement *a, const struct facts *f, size_t purpose,
                             const struct act_subject *subject)
{
	char clause[80];

	if (purpose == INDEX_NONE || !a->purposes[purpose].authorise)
		return;
	for (size_t i = 0; i < f->n_acts; i++)
		if (f->acts[i].kind == ACT_AUTHORISE && act_scope_covers(&f->acts[i].about, subject)) {
			name_act(d, &f->acts[i].act);
			return;
		}
	snprintf(clause, sizeof clause, "/purposes/%zu/authorisation", purpose);
	decision_fail(d, REASON_NOT_AUTHORISED, clause, "/purpose");
}

void decision_acts(struct decision *d, const struct agreement *a, const struct facts *f, const struct envelope *env,
                   size_t purpose)
{
	const struct act_subject subject = { .purpose = env->purpose,
		                             .legal_basis = env->legal_basis,
		                             .exception = env->exception,
		                             .provider = f->agency,
		                             .recipient = d->recipient.n ? d->recipient : f->self,
		                             .tier = d->tier,
		                             .exchange = f->exchange };

	for (size_t i = 0; i < f->n_acts; i++) {
		enum reason reason = act_effect_stops(&f->acts[i], &subject);
		if (reason != REASON_NONE)
			fail_by_act(d, reason, &f->acts[i].act);
	}
	check_authorised(d, a, f, purpose, &subject);
}
