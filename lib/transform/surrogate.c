/* Surrogates: random stand-ins from a table of the caller's. Nothing leads from one back to the value, not even for
 * who holds the key, once the row of the table is gone. */
#include "lib/transform/actions.h"

#include "lib/base/encode.h"

bool apply_surrogate(const struct rule *r, struct transform_run *run, struct view text, struct error *e)
{
	struct surrogate_key key = { .epoch = r->epoch };
	uint8_t value[SURROGATE_BYTES];

	if (!run->surrogates)
		return rule_fail(r, e, "the transform needs a table of surrogates");
	buf_reset(&run->bytes);
	const char *wrong = normalise(run->normaliser, r->p.pseudonym.profile, text, &run->bytes);
	if (wrong)
		return rule_fail(r, e, wrong);
	/* The table holds no values, and no digests that others could try values on. */
	struct view normal = buf_view(&run->bytes);
	hmac_parts(r->key.hmac, &normal, 1, &key.digest);
	if (!run->surrogates->find(run->surrogates->arg, &key, value, e))
		return rule_fail(r, e, "the table has no surrogate for the value");
	buf_adds(&run->text, r->key.prefix);
	base32_encode(&run->text, view_make(value, sizeof value));
	return true;
}
