/* libFuzzer target: any bytes as an act that persons sign. What is taken reads the same again, keeps to the limits that its header
 * names, and is said in plain words whatever its ground is; every refusal names the act as invalid. */
#include "lib/policy/signed_act.h"
#include "lib/schema/document.h"
#include "test/fuzz/target.h"

static void check_taken(const struct schema *schema, const struct signed_act *a, struct view text)
{
	struct error e = { .reason = REASON_NONE };
	struct signed_act *again = signed_act_read(schema, text, &e);
	struct buf words = BUF_INIT(1 << 18);
	const struct act_subject nobody = { .tier = TIER_COUNT };
	struct digest d;

	sha256(text, &d);
	must(digest_eq(&d, &a->digest) && view_eq(a->text, text));
	must(again && again->kind == a->kind && again->issued_ms == a->issued_ms && again->until_ms == a->until_ms);
	must(a->kind < ACT_KINDS && a->status < ACT_STATUSES && a->ground.n > 0);
	must(a->collect_until_ms > a->issued_ms && a->collect_until_ms <= a->issued_ms + ACT_COLLECT_DAYS * DAY_MS);
	if (a->kind == ACT_SUSPEND || a->kind == ACT_RESTRICT_TIER)
		must(a->until_ms > a->issued_ms && a->until_ms <= a->issued_ms + ACT_SUSPEND_DAYS * DAY_MS);
	/* A scope meets itself, and one that is not empty covers nothing of which nothing is known. */
	must(act_scopes_meet(&a->about, &again->about));
	if (a->about.purpose.n)
		must(!act_scope_covers(&a->about, &nobody));
	must(signed_act_plain(a, NULL, &words) && words.n > 0);
	buf_free(&words);
	signed_act_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct schema *schema;
	struct error e = { .reason = REASON_NONE };

	if (!schema)
		schema = document_schema(VIEW("act"), NULL);
	must(schema != NULL);
	struct view text = exact(view_make(data, size));
	struct signed_act *a = signed_act_read(schema, text, &e);
	if (a)
		check_taken(schema, a, text);
	else
		must(e.reason == REASON_ACT_INVALID && e.text[0]);
	signed_act_free(a);
	exact_free(text);
	return 0;
}
