/* A record that is queued for a partner's gateway and has left, and what its gateway may answer. */
#ifndef TEST_CORE_DELIVERY_FIXTURE_H
#define TEST_CORE_DELIVERY_FIXTURE_H

#include "gatewayd/core/store/outbox.h"
#include "test/core/worker_fixture.h"

static struct exchange *queued;
static struct store_exchange row;

static inline void set_up(void)
{
	struct submission s;

	south_size = 0;
	worker_open();
	s = submission_by(NORTH_SYSTEM, "pnr");
	queued = sent(&s, released_text());
	row = row_of(queued);
	ck_assert_int_eq(row.state, STATE_QUEUED);
	courier_sends(DELIVERIES);
}

static inline void tear_down(void)
{
	exchange_recycle(queued);
	worker_close();
}

static inline void await_state(enum exchange_state want)
{
	for (int turns = 0; row_of(queued).state != want && turns < 100; turns++)
		worker_turn();
	ck_assert_str_eq(exchange_state_name(row_of(queued).state), exchange_state_name(want));
}

/* It waits to be sent again, for this reason. */
static inline void await_retry_of(const struct exchange *x, const char *slug)
{
	struct store_delivery d;
	bool there = false;

	for (int turns = 0; !there && turns < 100; turns++) {
		OK(store_get_delivery(f.reader, row.seq, &d, e));
		there = d.attempts > 0;
		if (!there)
			worker_turn();
	}
	ck_assert_msg(there, "nothing was written");
	ck_assert_msg(view_is(d.last_error, slug), "%.*s", VIEW_ARG(d.last_error));
	ck_assert_int_gt(d.next_ms, f.now_ms);
	ck_assert_int_eq(row_of(x).state, STATE_QUEUED);
	ck_assert(is_sealed(row.seq));
}

static inline void await_retry(const char *slug)
{
	await_retry_of(queued, slug);
}

/* The answer of a gateway that took it, with a receipt of an entry that says this; taken over. */
static inline struct view taking(json_t *entry, struct ed25519_key *key)
{
	struct buf proof = BUF_INIT(65536);

	south_logs(leaf_text(entry), key, &proof);
	struct view text = text_of(json_pack("{s:s%}", "receipt", proof.p, proof.n));
	buf_free(&proof);
	return text;
}

static inline json_t *collection_of(const struct exchange *x)
{
	struct buf agreement = BUF_INIT(65);
	json_t *leaf = parsed(&x->written.leaf);

	digest_print(&agreement, agreement_digest(x->decided.agreement));
	json_t *entry =
	        json_pack("{s:s, s:s%, s:s, s:s}", "operation", "collection", "agreement_digest", agreement.p,
	                  agreement.n, "input", core_member(leaf, "output"), "caveats", core_member(leaf, "caveats"));
	json_decref(leaf);
	buf_free(&agreement);
	return entry;
}

static inline json_t *collection(void)
{
	return collection_of(queued);
}

#endif
