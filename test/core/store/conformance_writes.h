/* Every verb that writes, called so that it changes the world of conformance_world.h. */
#ifndef TEST_CORE_STORE_CONFORMANCE_WRITES_H
#define TEST_CORE_STORE_CONFORMANCE_WRITES_H

#include "test/core/store/conformance_world.h"

struct writing {
	const char *verb;
	bool (*call)(struct store *s, struct error *e);
};

#define CALL(verb, ...) \
	static bool call_##verb(struct store *s, struct error *e) \
	{ \
		__VA_ARGS__ \
	}

CALL(accept, return world_accept(s, 3, "k-3", e);)
CALL(set_entry, return store_set_entry(s, 2, 1, e);)
CALL(set_state, return store_set_state(s, 1, STATE_DELIVERED, e);)
CALL(set_states, const uint64_t seqs[] = { 1, 2 }; return store_set_states(s, seqs, 2, STATE_DELIVERED, e);)
CALL(set_agreement, struct digest d = world_digest(62); return store_set_agreement(s, 1, &d, e);)
CALL(set_answer, return store_set_answer(s, 1, 202, VIEW("{\"late\":true}"), e);)
CALL(put_payload, struct store_payload p = { .seq = 1, .slot = 5, .sealed = VIEW("anew") };
     return store_put_payload(s, &p, e);)
CALL(erase_payload, return store_erase_payload(s, 1, e);)
CALL(put_timer, struct store_timer t = world_timer(1); t.due_ms++; return store_put_timer(s, &t, e);)
CALL(rearm_timer, struct store_timer t = world_timer(1); t.due_ms++; return store_rearm_timer(s, &t, e);)
CALL(drop_timer, return store_drop_timer(s, 1, e);)
CALL(put_hold, struct store_hold h = world_hold(2, HOLD_LEGAL); bool fresh; return store_put_hold(s, &h, &fresh, e);)
CALL(end_hold, return store_end_hold(s, 1, T0 + 4, e);)
CALL(put_duty, struct store_duty d = world_duty(DUTY_RETURN); return store_put_duty(s, &d, e);)
CALL(set_duty, struct store_duty d = world_duty(DUTY_ERASE); d.id = 1; d.state = DUTY_DONE;
     return store_set_duty(s, &d, e);)
CALL(put_link, struct store_link l = { .child = 2, .parent = 1, .kind = LINK_ONWARD }; return store_put_link(s, &l, e);)
CALL(put_caveats, struct store_caveats c = { .text = VIEW("[2]"), .salt.b = { 2 }, .mark.b = { 3 } };
     return store_put_caveats(s, 1, &c, e);)
CALL(drop_caveats, return store_drop_caveats(s, 1, e);)
CALL(put_delivery, struct store_delivery d = world_delivery(2); return store_put_delivery(s, &d, e);)
CALL(retry_delivery, return store_retry_delivery(s, 1, T0 + 9, VIEW("timeout"), e);)
CALL(stop_delivery, return store_stop_delivery(s, 1, T0 + 9, VIEW("council-veto"), e);)
CALL(extend_delivery, return store_extend_delivery(s, 1, T0 + 9, 100, e);)
CALL(drop_delivery, return store_drop_delivery(s, 1, e);)
CALL(put_receipt, return store_put_receipt(s, 1, VIEW("another"), e);)
CALL(put_receipts, const uint64_t seqs[] = { 1, 2 }; return world_receipts(s, seqs, 2, e);)
CALL(end_arrivals, const uint64_t seqs[] = { 1 }; return store_end_arrivals(s, seqs, 1, e);)
CALL(put_kept, return store_put_kept(s, 1, VIEW("\"case\":\"c\""), e);)
CALL(drop_kept, return store_drop_kept(s, 1, e);)
CALL(put_notice, struct store_notice n = world_notice(1); return store_put_notice(s, &n, e);)
CALL(retry_notice, return store_retry_notice(s, 1, T0 + 9, VIEW("timeout"), e);)
CALL(hasten_notice, return store_hasten_notice(s, 1, T0 - 7, e);)
CALL(drop_notice, return store_drop_notice(s, 1, T0 + 9, VIEW("expired"), VIEW(""), e);)
CALL(put_notice_taken, struct store_notice_taken t = world_taken(2); return store_put_notice_taken(s, &t, e);)
CALL(put_inbox, struct store_inbox i = world_inbox(1); return store_put_inbox(s, &i, e);)
CALL(drop_inbox, return store_drop_inbox(s, 1, e);)
CALL(ack_inbox, bool first; return store_ack_inbox(s, 1, T0 + 9, VIEW("acked"), &first, e);)
CALL(put_log, return world_log(s, "north/4", e);)
CALL(put_entry, return store_put_entry(s, 3, VIEW("fourth"), VIEW("more"), e);)
CALL(put_shaped, struct store_shape one = world_shape(81);
     return store_put_shaped(s, 3, VIEW("fourth"), VIEW("more"), &one, e);)
CALL(erase_disclosures, return store_erase_disclosures(s, UINT64_C(2) << STORE_LOG_SHIFT, e);)
CALL(archive_entries, struct store_archive a = { .size = 2, .checkpoint = world_digest(7) };
     return store_archive_entries(s, 1, &a, e);)
CALL(tell_archive, return store_tell_archive(s, 0, e);)
CALL(put_tile, return store_put_tile(s, 0, 0, VIEW("other"), e);)
CALL(put_checkpoint, return store_put_checkpoint(s, 3, VIEW("newer"), e);)
CALL(put_witnessed, struct store_witnessed w = { .size = 5, .note = VIEW("n") };
     return store_put_witnessed(s, VIEW("south/1"), &w, e);)
CALL(put_cosignature, return store_put_cosignature(s, VIEW("w2"), 2, VIEW("line"), e);)
CALL(drop_cosignatures, return store_drop_cosignatures(s, 3, e);)
CALL(trim_cosignatures, return store_put_cosignature(s, VIEW("w1"), 3, VIEW("3"), e) &&
                               store_put_cosignature(s, VIEW("w1"), 4, VIEW("4"), e) &&
                               store_trim_cosignatures(s, 1, e);)
CALL(put_sighted, return store_put_sighted(s, VIEW("south/1"), 5, VIEW("c"), e);)
CALL(drop_sighted, return store_drop_sighted(s, VIEW("south/1"), 4, 4, e);)
CALL(trim_sighted, return store_trim_sighted(s, VIEW("south/1"), 0, 1, e);)
CALL(put_tale, struct digest d = world_digest(52); return store_put_tale(s, &d, e);)
CALL(drop_tale, struct digest d = world_digest(50); return store_drop_tale(s, &d, e);)
CALL(put_unproved, struct store_unproved u = { .seq = 7, .origin = VIEW("south/1"), .size = 4 };
     return store_put_unproved(s, &u, e);)
CALL(set_forked, return store_set_forked(s, VIEW("south/1"), 4, e);)
CALL(drop_unproved, return store_drop_unproved(s, VIEW("south/1"), 4, e);)
CALL(put_timestamp, return store_put_timestamp(s, 3, T0, VIEW("response"), e);)
CALL(put_surrogate, struct store_surrogate r = world_surrogate(2); r.until_ms++; return store_put_surrogate(s, &r, e);)
CALL(put_approval, struct store_approval a = world_approval(61); bool fresh;
     return store_put_approval(s, &a, &fresh, e);)
CALL(drop_approvals, return store_drop_approvals(s, T0 + 60, e);)
CALL(put_consent, struct store_consent c = world_consent(2); return store_put_consent(s, &c, e);)
CALL(drop_consent, return store_drop_consent(s, 1, e);)
CALL(erase_surrogates, return store_erase_surrogates(s, VIEW("pnr-2026"), 1, e);)
CALL(put_act, struct store_act a = world_act(92); return store_put_act(s, &a, e);)
CALL(set_act, struct store_act a = world_act(90); a.number = 1; a.state = ACT_ENDED; a.due_ms = TIME_NONE;
     a.ended_ms = T0 + 9; return store_set_act(s, &a, e);)
CALL(put_act_signature, struct store_act_signature g = world_act_signature(93); bool fresh;
     return store_put_act_signature(s, &g, &fresh, e);)
CALL(put_act_telling, struct store_act_telling t = world_act_telling(1); t.next_ms = T0 + 7;
     return store_put_act_telling(s, &t, e);)
CALL(retry_act_telling, return store_retry_act_telling(s, 1, T0 + 9, VIEW("timeout"), e);)
CALL(drop_act_telling, return store_drop_act_telling(s, 1, e);)
CALL(put_document, struct digest d = world_digest(51);
     return store_put_document(s, &d, VIEW("agreement"), VIEW("text"), T0, e);)
CALL(put_value, return store_put_value(s, VIEW("clock"), VIEW("8"), e);)

#define WRITING(verb) \
	{ \
		"store_" #verb, call_##verb \
	}
static const struct writing writings[] = {
	WRITING(accept),
	WRITING(set_entry),
	WRITING(set_state),
	WRITING(set_states),
	WRITING(set_answer),
	WRITING(put_payload),
	WRITING(erase_payload),
	WRITING(put_timer),
	WRITING(rearm_timer),
	WRITING(drop_timer),
	WRITING(put_hold),
	WRITING(end_hold),
	WRITING(put_duty),
	WRITING(set_duty),
	WRITING(put_link),
	WRITING(put_delivery),
	WRITING(retry_delivery),
	WRITING(stop_delivery),
	WRITING(extend_delivery),
	WRITING(drop_delivery),
	WRITING(put_receipt),
	WRITING(end_arrivals),
	WRITING(put_receipts),
	WRITING(put_notice),
	WRITING(retry_notice),
	WRITING(hasten_notice),
	WRITING(drop_notice),
	WRITING(put_notice_taken),
	WRITING(put_inbox),
	WRITING(drop_inbox),
	WRITING(ack_inbox),
	WRITING(put_log),
	WRITING(put_entry),
	WRITING(put_shaped),
	WRITING(erase_disclosures),
	WRITING(archive_entries),
	WRITING(tell_archive),
	WRITING(put_tile),
	WRITING(put_checkpoint),
	WRITING(put_witnessed),
	WRITING(put_cosignature),
	WRITING(drop_cosignatures),
	WRITING(trim_cosignatures),
	WRITING(put_sighted),
	WRITING(drop_sighted),
	WRITING(trim_sighted),
	WRITING(put_tale),
	WRITING(drop_tale),
	WRITING(put_timestamp),
	WRITING(put_surrogate),
	WRITING(erase_surrogates),
	WRITING(put_document),
	WRITING(put_value),
	WRITING(put_approval),
	WRITING(drop_approvals),
	WRITING(set_agreement),
	WRITING(put_caveats),
	WRITING(drop_caveats),
	WRITING(put_consent),
	WRITING(drop_consent),
	WRITING(put_unproved),
	WRITING(set_forked),
	WRITING(drop_unproved),
	WRITING(put_kept),
	WRITING(put_act),
	WRITING(set_act),
	WRITING(put_act_signature),
	WRITING(put_act_telling),
	WRITING(retry_act_telling),
	WRITING(drop_act_telling),
	WRITING(drop_kept),
};
#define WRITINGS (sizeof writings / sizeof *writings)

#endif
