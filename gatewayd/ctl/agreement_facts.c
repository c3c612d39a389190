/* See agreement_facts.h. */
#include "gatewayd/ctl/agreement_facts.h"

#include <getopt.h>

#include "lib/crypto/x509.h"
#include "lib/policy/training.h"
#include "lib/policy/consents.h"
#include "lib/schema/document.h"

bool facts_take(int option)
{
	return option >= FACT_OFFICER && option <= FACT_APPROVED;
}

/* CERTIFICATE.pem, or CERTIFICATE.pem=2027-01-01T00:00:00Z */
static int read_officer(struct given_facts *g, const char *value)
{
	const char *equals = strrchr(value, '=');
	struct error e = { .reason = REASON_NONE };
	struct text_file pem = { NULL, 0 };
	struct cert_id id;
	char path[4200];

	if (g->n_officers == FACTS_OFFICERS_MAX)
		return ctl_option_wrong("--officer CERTIFICATE.pem[=TRAINED-UNTIL], at most 32 of them");
	snprintf(path, sizeof path, "%.*s", equals ? (int)(equals - value) : (int)strlen(value), value);
	g->officers[g->n_officers].der = BUF_INIT(1 << 20);
	g->officers[g->n_officers].until_ms = INT64_MAX;
	if (equals && !time_parse(view_of(equals + 1), &g->officers[g->n_officers].until_ms))
		return ctl_option_wrong("--officer CERTIFICATE.pem=2027-01-01T00:00:00Z");
	struct buf *der = &g->officers[g->n_officers++].der;
	bool ok = ctl_read_file(path, 1 << 20, &pem.p, &pem.n, &e) &&
	          cert_pem_to_der(view_make(pem.p, pem.n), der, &e) && cert_read(buf_view(der), &id, &e);
	if (ok)
		g->officers[g->n_officers - 1].spki = id.spki;
	free(pem.p);
	return ok ? CTL_OK : ctl_fail(CTL_FAILED, &e);
}

static int read_act(struct given_facts *g, const char *value)
{
	struct error e = { .reason = REASON_NONE };
	struct text_file text = { NULL, 0 };
	struct schema *schema;

	if (g->n_acts == FACTS_ACTS_MAX)
		return ctl_option_wrong("--act FILE, at most 16 of them");
	schema = document_schema(VIEW("act"), &e);
	if (schema && ctl_read_file(value, ACT_TEXT_MAX, &text.p, &text.n, &e))
		g->acts[g->n_acts] = signed_act_read(schema, view_make(text.p, text.n), &e);
	bool ok = g->acts[g->n_acts] != NULL;
	g->n_acts += ok;
	free(text.p);
	schema_unref(schema);
	return ok ? CTL_OK : ctl_fail(CTL_FAILED, &e);
}

static int read_number(const char *value, uint32_t *out, const char *usage)
{
	unsigned long long n;

	if (!view_to_u64(view_of(value), UINT32_MAX, &n))
		return ctl_option_wrong(usage);
	*out = (uint32_t)n;
	return CTL_OK;
}

int facts_option(struct given_facts *g, int option, const char *value)
{
	switch ((enum facts_option)option) {
	case FACT_OFFICER: return read_officer(g, value);
	case FACT_INPUT:
		return digest_parse(view_of(value), &g->input)
		               ? CTL_OK
		               : ctl_option_wrong("--input DIGEST, as the audit entry has it");
	case FACT_PEER: g->peer = value; return CTL_OK;
	case FACT_TIER_USES: return read_number(value, &g->tier_uses, "--tier-uses N");
	case FACT_EXCEPTION_USES: return read_number(value, &g->exception_uses, "--exception-uses N");
	case FACT_SUSPENDED: g->suspended = true; return CTL_OK;
	case FACT_ACT: return read_act(g, value);
	case FACT_RECEIPT_OVERDUE: g->receipt_overdue = true; return CTL_OK;
	case FACT_NO_WITHDRAWALS: g->no_withdrawals = true; return CTL_OK;
	case FACT_APPROVED: g->approved = true; return CTL_OK;
	}
	return CTL_USAGE;
}

void facts_free(struct given_facts *g)
{
	for (size_t i = 0; i < g->n_officers; i++)
		buf_free(&g->officers[i].der);
	for (size_t i = 0; i < g->n_acts; i++)
		signed_act_free(g->acts[i]);
}

/* Who is named to the command is taken for an officer of the agency that discloses. */
static bool find_officer(void *arg, const struct digest *spki, struct officer_found *out)
{
	const struct given_facts *g = arg;
	const struct signed_document *training = agreement_setup_document(g->setup, DOCUMENT_TRAINING);

	for (size_t i = 0; i < g->n_officers; i++)
		if (digest_eq(&g->officers[i].spki, spki)) {
			*out = (struct officer_found){ .cert_der = buf_view(&g->officers[i].der),
				                       .agency = g->agency,
				                       .training_until_ms = g->officers[i].until_ms };
			if (training)
				out->training_until_ms = training_until(training, spki, out->training_until_ms);
			return true;
		}
	return false;
}

/* A list that is given counts until its next update. */
static bool out_of_date(const struct signed_document *list, int64_t now_ms)
{
	return list && !consents_current(list, now_ms);
}

/* Those about this agreement; only what is Actual has an effect. */
static size_t effects_of(struct given_facts *g, const struct agreement *a)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n_acts; i++) {
		const struct signed_act *act = g->acts[i];
		if (act->status == ACT_STATUS_ACTUAL && view_eq(act->agreement, agreement_id(a)))
			g->effects[n++] = (struct act_effect){
				.kind = act->kind, .act = act->digest, .about = act->about, .max = act->max
			};
	}
	return n;
}

struct facts facts_of(struct given_facts *g, const struct agreement_setup *setup, const struct agreement *a,
                      const struct envelope *env)
{
	static const struct digest none;
	const struct signed_document *withdrawals = agreement_setup_document(setup, DOCUMENT_WITHDRAWALS);
	const struct signed_document *given = agreement_setup_document(setup, DOCUMENT_CONSENTS);
	const struct signed_document *training = agreement_setup_document(setup, DOCUMENT_TRAINING);
	bool ingress = env->from_gateway;
	struct view peer = ingress ? env->origin.agency : g->peer ? view_of(g->peer) : view_of(setup->self);
	struct view self = ingress ? agreement_recipient(a, peer) : view_of(setup->self);

	g->setup = setup;
	g->agency = peer;
	return (struct facts){ .now_ms = setup->now_ms,
		               .self = self,
		               .agency = peer,
		               .gateway = ingress,
		               .arg = g,
		               .officer = find_officer,
		               .input = g->input,
		               .tier_uses = g->tier_uses,
		               .exception_uses = g->exception_uses,
		               .acts = g->effects,
		               .n_acts = effects_of(g, a),
		               .exchange = ingress ? env->origin.exchange : (struct uuid){ .b = { 0 } },
		               .suspended = g->suspended,
		               .receipt_overdue = g->receipt_overdue,
		               .withdrawals = withdrawals,
		               .given = given,
		               .consent_unknown = g->no_withdrawals || out_of_date(withdrawals, setup->now_ms) ||
		                                  out_of_date(given, setup->now_ms),
		               .consent =
		                       ingress && !digest_eq(&env->origin.consent, &none) ? &env->origin.consent : NULL,
		               .training = training && !ingress ? &training->digest : NULL };
}
