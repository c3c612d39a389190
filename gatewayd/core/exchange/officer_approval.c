/* See officer_approval_private.h. */
#include "gatewayd/core/exchange/officer_approval_private.h"

#include "gatewayd/core/exchange/approvals.h"

static bool find_officer(void *arg, const struct digest *spki, struct officer_found *out)
{
	return conf_officer(((struct exchange *)arg)->decided.asked.conf, VIEW(""), spki, out);
}

/* It is this very agency that takes the record in. */
static bool may_take_in(void *arg, const struct digest *spki, struct view agency)
{
	(void)spki;
	return view_is(agency, ((struct exchange *)arg)->decided.asked.conf->node.agency);
}

static bool was_used(void *arg, const struct digest *statement)
{
	return approvals_used(((struct exchange *)arg)->decider->reader, statement);
}

static const char *intake_fault(struct exchange *x, const struct schema *schema, const struct held_shown *shown)
{
	struct decided *d = &x->decided;
	struct approval_asked asked;
	struct approval_verdict v;

	if (d->decision.n_approvals == APPROVALS_MAX)
		return "these are more approvals than an exchange can have";
	approval_asked_of(&asked, d->agreement, &d->envelope, &d->tape, &d->input);
	asked.schema = schema;
	asked.now_ms = d->asked.now_ms;
	asked.epoch_ms = x->decider->core->approvals_from_ms;
	asked.officer = find_officer;
	asked.may = may_take_in;
	asked.used = was_used;
	asked.arg = x;
	approval_judge(&asked, shown->statement, shown->signature, &v);
	if (v.reason != REASON_NONE)
		return v.text;
	d->decision.approvals[d->decision.n_approvals++] =
	        (struct approval_counted){ v.officer, v.statement, v.until_ms };
	return NULL;
}

/* Those that were judged with the envelope and count are in the decision. */
static const char *disclosure_fault(const struct exchange *x, const struct held_shown *shown)
{
	const struct decision *d = &x->decided.decision;
	struct digest statement;

	sha256_parts(&shown->statement, 1, &statement);
	for (size_t i = 0; i < d->n_approvals; i++)
		if (digest_eq(&d->approvals[i].statement, &statement))
			return NULL;
	return d->approval_fault ? d->approval_fault : reason_text(exchange_reason(x));
}

const char *held_approvals_fault(struct exchange *x, const struct schema *schema, const struct held_request *shown)
{
	const struct decided *d = &x->decided;
	const char *fault = NULL;

	if (!d->agreement || !d->envelope.record)
		return "the agreement that it was held under is no longer held here";
	for (size_t i = 0; i < shown->n_approvals && !fault; i++)
		fault = d->kind == EXCHANGE_INGRESS ? intake_fault(x, schema, &shown->approvals[i])
		                                    : disclosure_fault(x, &shown->approvals[i]);
	return fault ? fault : d->decision.approval_fault;
}
