/* libFuzzer target: any bytes as what a person signed: an approval, a hold or its lifting. What a signature is not there for approves
 * nothing, and every refusal says which member and why. */
#include "gatewayd/core/hold/hold_statement_private.h"
#include "lib/policy/approval.h"
#include "lib/schema/document.h"
#include "test/fuzz/certificates.h"
#include "test/fuzz/target.h"

static struct buf anna;

static bool officer(void *arg, const struct digest *spki, struct officer_found *out)
{
	(void)arg, (void)spki;
	*out = (struct officer_found){ .cert_der = buf_view(&anna),
		                       .agency = VIEW("north"),
		                       .training_until_ms = CERTIFICATES_NOW_MS + DAY_MS };
	return true;
}

static bool may(void *arg, const struct digest *spki, struct view agency)
{
	(void)arg, (void)spki;
	return view_is(agency, "north");
}

static void check_approval(const struct schema *schema, struct view text, struct view signature)
{
	struct approval_asked asked = { .schema = schema,
		                        .record = VIEW("{\"a\":1}"),
		                        .purpose = VIEW("p"),
		                        .subject_category = VIEW("suspect"),
		                        .tier = VIEW("T1"),
		                        .now_ms = CERTIFICATES_NOW_MS,
		                        .epoch_ms = 0,
		                        .officer = officer,
		                        .may = may };
	struct approval_verdict v;
	struct digest d;

	approval_judge(&asked, text, signature, &v);
	/* The only signature of the pinned officer that there is covers another text. */
	must(v.reason != REASON_NONE && v.member && v.text && v.text[0]);
	sha256(text, &d);
	must(digest_eq(&d, &v.statement));
}

static void check_hold(const struct schema *schema, struct view text)
{
	struct hold_statement h = { .lift = false }, again = { .lift = false };
	struct digest d;

	if (!hold_statement_read(schema, text, &h)) {
		sha256(text, &d);
		must(digest_eq(&d, &h.digest));
		must(!hold_statement_read(schema, text, &again) && memcmp(&h, &again, sizeof h) == 0);
		must(h.lift ? h.until_ms == 0 : h.until_ms != TIME_NONE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct schema *approval, *hold;
	struct view in = view_make(data, size), rest = in, first = view_cut(&rest, '\0');

	if (!approval) {
		approval = document_schema(VIEW("approval"), NULL);
		hold = document_schema(VIEW("hold"), NULL);
		anna = BUF_INIT(4096);
		must(approval && hold && cert_pem_to_der(VIEW(ANNA_PEM), &anna, NULL));
	}
	struct view text = exact(first), signature = exact(rest);
	check_approval(approval, text, signature);
	check_hold(hold, text);
	exact_free(text);
	exact_free(signature);
	return 0;
}
