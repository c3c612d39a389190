/* Who has signed an act, as the store has it, and whether they are enough. The writer's thread. */
#ifndef GATEWAYD_CORE_ACTS_ACT_COUNT_PRIVATE_H
#define GATEWAYD_CORE_ACTS_ACT_COUNT_PRIVATE_H

#include "gatewayd/core/conf/conf.h"
#include "gatewayd/core/store/act.h"
#include "lib/policy/council.h"

/* Whose certificate it is among those that are pinned for the seats, by its signature over the text. REASON_ACT_INVALID: nobody's, or
 * not of exactly one signer. `now_ms`: no signing time may be after it. */
bool act_verify(const struct conf *conf, const struct council *council, const struct signed_act *act, struct view cms,
                int64_t now_ms, struct act_vote *vote, struct view *seat, struct error *e) MUST_USE;

struct act_counted {
	enum act_standing standing;
	size_t n; /* signatures that are stored, whether they count or not */
	bool extension;
	struct act_vote votes[COUNCIL_SEATS_MAX];
	size_t n_votes;
	struct arena mem; /* of views in votes */
};
/* Counts what is stored under the act: signatures whose certificates are pinned for their seats now, and not revoked. `lifted` as
 * council_counts() has it. Inside a job's run(). Frees nothing of `out`: arena_free(&out->mem), also after false. */
bool act_count(const struct conf *conf, const struct council *council, struct store *s, const struct schema *schema,
               const struct store_act *row, const struct signed_act *act, const struct signed_act *lifted,
               int64_t now_ms, struct act_counted *out, struct error *e) MUST_USE;

#endif
