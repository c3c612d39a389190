/* A store with a row of every kind, made by the verbs that write, for check_conformance.c. Three logs: the entries of
 * the first are archived, the second has entries and disclosures, the third is the newest. */
#ifndef TEST_CORE_STORE_CONFORMANCE_WORLD_H
#define TEST_CORE_STORE_CONFORMANCE_WORLD_H

#include "gatewayd/core/store/act.h"
#include "gatewayd/core/store/arrival.h"
#include "gatewayd/core/store/consent.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/link.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/mark.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/shape.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/surrogate.h"
#include "gatewayd/core/store/approval.h"
#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/timer.h"
#include "gatewayd/core/store/witness.h"
#include "lib/base/datetime.h"
#include "lib/tlog/receipt_bundle.h"

#define T0 INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

static inline struct uuid world_id(uint8_t n)
{
	return (struct uuid){ .b = { 1, 0x93, n, 0, 0, 0, 0x70 } };
}

static inline struct digest world_digest(uint8_t n)
{
	return (struct digest){ .b = { n, 0xff } };
}

static inline struct store_exchange world_exchange(uint8_t n, const char *key)
{
	struct store_exchange x = { .id = world_id(n),
		                    .origin = world_id(n),
		                    .partner = VIEW("port-authority"),
		                    .key = view_of(key),
		                    .body = world_digest(n),
		                    .received_ms = T0,
		                    .agreement = VIEW("pnr-2026"),
		                    .agreement_digest = world_digest(100),
		                    .provider = VIEW("north"),
		                    .recipient = VIEW("south"),
		                    .state = STATE_QUEUED,
		                    .status = 201,
		                    .answer = VIEW("{}") };

	return x;
}

static inline struct store_timer world_timer(uint64_t seq)
{
	return (struct store_timer){ .seq = seq,
		                     .due_ms = T0 + DAY_MS,
		                     .kind = TIMER_ERASE,
		                     .plan = { .base_ms = T0, .payload_ms = T0 + DAY_MS, .return_at_end = true },
		                     .purpose = VIEW("screening"),
		                     .reference = VIEW("c-1") };
}

static inline struct store_hold world_hold(uint8_t statement, enum hold_kind kind)
{
	return (struct store_hold){ .seq = 2,
		                    .kind = kind,
		                    .from_ms = T0,
		                    .until_ms = T0 + 5,
		                    .statement = world_digest(statement),
		                    .signer = VIEW("court"),
		                    .role = VIEW("authority") };
}

static inline struct store_duty world_duty(enum duty_kind kind)
{
	return (struct store_duty){ .seq = 1,
		                    .kind = kind,
		                    .state = DUTY_OVERDUE,
		                    .made_ms = T0,
		                    .due_ms = T0 + 1,
		                    .blocks = true,
		                    .result = VIEW("none"),
		                    .why = VIEW("late") };
}

static inline struct store_delivery world_delivery(uint64_t seq)
{
	return (struct store_delivery){ .seq = seq,
		                        .recipient = VIEW("south"),
		                        .next_ms = T0 + 1,
		                        .deadline_ms = T0 + 2,
		                        .attempts = 1,
		                        .last_error = VIEW("unavailable"),
		                        .envelope = VIEW("\"tier\":\"a\"") };
}

static inline struct store_notice world_notice(uint64_t entry)
{
	return (struct store_notice){ .seq = 1,
		                      .kind = NOTICE_RECALL,
		                      .recipient = VIEW("south"),
		                      .entry = entry,
		                      .body = VIEW("{\"n\":1}"),
		                      .made_ms = T0,
		                      .next_ms = T0 + 1,
		                      .last_error = VIEW("") };
}

static inline struct store_notice_taken world_taken(uint8_t digest)
{
	return (struct store_notice_taken){ .seq = 1,
		                            .digest = world_digest(digest),
		                            .kind = NOTICE_HOLD,
		                            .entry = 3,
		                            .taken_ms = T0,
		                            .proof = VIEW("proof") };
}

static inline struct store_inbox world_inbox(uint64_t seq)
{
	return (struct store_inbox){ .seq = seq,
		                     .exchange = world_id((uint8_t)seq),
		                     .kind = VIEW("record"),
		                     .body = VIEW("\"purpose\":\"screening\""),
		                     .made_ms = T0 };
}

static inline struct store_act world_act(uint8_t k)
{
	return (struct store_act){ .digest = world_digest(k),
		                   .text = VIEW("{\"act\":\"veto\"}"),
		                   .agreement = VIEW("pnr-2026"),
		                   .kind = 1,
		                   .status = 0,
		                   .state = ACT_STANDS_PROVISIONALLY,
		                   .received_ms = T0,
		                   .from_ms = T0 + 1,
		                   .due_ms = T0 + DAY_MS,
		                   .ended_ms = TIME_NONE,
		                   .entry = 3 };
}

static inline struct store_act_signature world_act_signature(uint8_t k)
{
	return (struct store_act_signature){ .act = 1,
		                             .spki = world_digest(k),
		                             .seat = k == 91 ? VIEW("seat-north") : VIEW("seat-south"),
		                             .agency = VIEW("north"),
		                             .cms = VIEW("signed"),
		                             .received_ms = T0 };
}

static inline struct store_act_telling world_act_telling(uint64_t act)
{
	return (struct store_act_telling){
		.act = act, .recipient = VIEW("south"), .made_ms = T0, .next_ms = T0 + 1, .until_ms = T0 + DAY_MS
	};
}

static inline bool world_acts(struct store *s, struct error *e)
{
	struct store_act a = world_act(90);
	struct store_act_signature g = world_act_signature(91);
	struct store_act_telling t = world_act_telling(1);
	bool fresh;

	return store_put_act(s, &a, e) && store_put_act_signature(s, &g, &fresh, e) && store_put_act_telling(s, &t, e);
}

static inline struct store_approval world_approval(uint8_t k)
{
	return (struct store_approval){ .statement = world_digest(k), .until_ms = T0 + k };
}

static inline struct store_consent world_consent(uint64_t seq)
{
	return (struct store_consent){ .seq = seq,
		                       .agreement = VIEW("pnr-2026"),
		                       .purpose = VIEW("screening"),
		                       .consent = world_digest(70),
		                       .told = world_digest((uint8_t)(71 + seq)) };
}

static inline struct store_surrogate world_surrogate(uint8_t key)
{
	return (struct store_surrogate){ .agreement = VIEW("pnr-2026"),
		                         .epoch = 1,
		                         .key = world_digest(key),
		                         .value = { key, 7 },
		                         .until_ms = T0 + DAY_MS };
}

static inline bool world_accept(struct store *s, uint8_t n, const char *key, struct error *e)
{
	struct store_exchange x = world_exchange(n, key), prior;
	enum store_accepted result;

	return store_accept(s, &x, &result, &prior, e) &&
	       (result == STORE_NEW || error_set(e, REASON_STORE, "the exchange is not new"));
}

static inline bool world_entries(struct store *s, const char *leaf, struct error *e)
{
	struct digest root = world_digest(9);

	return store_put_entry(s, 0, view_of(leaf), VIEW("withheld"), e) &&
	       store_put_entry(s, 1, VIEW("second"), VIEW(""), e) &&
	       store_put_tile(s, 0, 0, view_make(root.b, sizeof root.b), e) &&
	       store_put_checkpoint(s, 2, view_of(leaf), e) && store_put_timestamp(s, 2, T0, view_of(leaf), e) &&
	       store_put_cosignature(s, VIEW("w1"), 2, view_of(leaf), e);
}

static inline bool world_log(struct store *s, const char *origin, struct error *e)
{
	struct store_log_row l = { .origin = view_of(origin), .before = world_digest(8), .note = VIEW("lost") };

	return store_put_log(s, &l, e);
}

static inline bool world_first_log(struct store *s, struct error *e)
{
	return world_entries(s, "first", e) && world_log(s, "north/2", e);
}

static inline bool world_second_log(struct store *s, struct error *e)
{
	struct store_archive a = { .size = 2, .checkpoint = world_digest(7) };

	return world_entries(s, "one", e) && store_archive_entries(s, 0, &a, e) && world_log(s, "north/3", e);
}

/* One for each of these. */
static inline bool world_receipts(struct store *s, const uint64_t *seqs, size_t n, struct error *e)
{
	struct receipt_bundle b = RECEIPT_BUNDLE_INIT;
	struct buf packed = BUF_INIT(65536);
	bool ok = true;
	char text[40];

	for (size_t i = 0; ok && i < n; i++) {
		snprintf(text, sizeof text, "together %zu", i);
		ok = receipt_bundle_add(&b, view_of(text));
	}
	receipt_bundle_print(&b, &packed);
	ok = ok && !packed.failed && store_put_receipts(s, seqs, n, buf_view(&packed), e);
	receipt_bundle_free(&b);
	buf_free(&packed);
	return ok;
}

static inline bool world_exchanges(struct store *s, struct error *e)
{
	struct store_payload p = { .seq = 1, .slot = 4, .sealed = VIEW("sealed") };
	struct store_timer one = world_timer(1), two = world_timer(2);
	struct store_link l = { .child = 2, .parent = 1, .kind = LINK_CORRECTS, .version = 2 };
	struct store_duty d = world_duty(DUTY_ERASE);
	struct store_hold h = world_hold(1, HOLD_RESTRICTION);
	struct store_delivery to = world_delivery(1);
	struct store_caveats codes = { .text = VIEW("[1]"), .salt.b = { 7 }, .mark.b = { 9 } };
	bool fresh;

	return world_accept(s, 1, "k-1", e) && world_accept(s, 2, "", e) && store_set_entry(s, 1, 0, e) &&
	       store_put_payload(s, &p, e) && store_put_timer(s, &one, e) && store_put_timer(s, &two, e) &&
	       store_put_link(s, &l, e) && store_put_duty(s, &d, e) && store_put_hold(s, &h, &fresh, e) &&
	       store_put_caveats(s, 1, &codes, e) && store_put_delivery(s, &to, e) &&
	       store_put_receipt(s, 1, VIEW("receipt"), e) && store_put_kept(s, 1, VIEW("\"tier\":\"T1\""), e);
}

static inline struct store_shape world_shape(uint8_t n)
{
	static const char text[] = "{\"dropped\":[],\"released\":[]}";

	return (struct store_shape){ .digest = world_digest(n), .agreement = VIEW("pnr-2026"), .text = view_of(text) };
}

static inline bool world_third_log(struct store *s, struct error *e)
{
	struct store_unproved unproved = { .seq = 1, .origin = VIEW("south/1"), .size = 4 };
	struct store_notice n = world_notice(UINT64_C(2) << STORE_LOG_SHIFT), ended = n;
	struct store_notice_taken t = world_taken(1);
	struct store_inbox open = world_inbox(1), done = world_inbox(2);
	struct store_witnessed w = {
		.size = 4, .root = world_digest(1), .note = VIEW("n"), .incident = world_digest(2)
	};
	struct store_surrogate r = world_surrogate(1);
	struct store_approval approval = world_approval(60);
	struct store_consent consent = world_consent(1);
	struct digest document = world_digest(50);
	struct store_shape shape = world_shape(80);
	bool first;

	return world_entries(s, "newest", e) && store_put_shaped(s, 2, VIEW("third"), VIEW("shaped"), &shape, e) &&
	       world_exchanges(s, e) && store_put_notice(s, &n, e) && store_put_notice(s, &ended, e) &&
	       store_drop_notice(s, ended.id, T0 + 2, VIEW(""), VIEW("theirs"), e) &&
	       store_put_notice_taken(s, &t, e) && store_put_inbox(s, &open, e) && store_put_inbox(s, &done, e) &&
	       store_ack_inbox(s, done.id, T0 + 3, VIEW("acked"), &first, e) &&
	       store_put_witnessed(s, VIEW("south/1"), &w, e) &&
	       store_put_sighted(s, VIEW("south/1"), 4, VIEW("a"), e) && store_put_unproved(s, &unproved, e) &&
	       store_put_sighted(s, VIEW("south/1"), 6, VIEW("b"), e) && store_put_surrogate(s, &r, e) &&
	       store_put_approval(s, &approval, &first, e) && store_put_consent(s, &consent, e) &&
	       store_put_document(s, &document, VIEW("agreement"), VIEW("text"), T0, e) &&
	       store_put_tale(s, &document, e) && store_put_value(s, VIEW("clock"), VIEW("7"), e) && world_acts(s, e);
}

#endif
