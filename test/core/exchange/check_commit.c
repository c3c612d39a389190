/* The transaction of an exchange and the answer after it: what each outcome leaves in the store, replays, and answers
 * when nothing was written. */
#include "gatewayd/core/exchange/officer.h"
#include "test/core/exchange/exchange_fixture.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/timer.h"

static json_t *with_key(const char *name, const char *key)
{
	json_t *doc = pnr(name);

	json_object_set_new(doc, "key", json_string(key));
	return doc;
}

static void expect_receipt(const struct exchange *x)
{
	json_t *answer = parsed(&x->written.result);
	struct receipt receipt;
	struct view extra;
	struct buf room = BUF_INIT(65536);
	const char *text = core_member(answer, "receipt");

	ck_assert_ptr_nonnull(text);
	OK(receipt_parse(view_of(text), &room, &receipt, &extra, e) && receipt_verify(&receipt, extra, &f.log.vkey, e));
	ck_assert_uint_eq(receipt.index, (uint64_t)json_integer_value(json_object_get(answer, "audit_index")));
	json_decref(answer);
	buf_free(&room);
}

START_TEST(a_release_is_whole)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = sent(&s, released_text());
	struct error e = { .reason = REASON_NONE };
	struct store_exchange row = row_of(x);
	struct store_delivery d;
	struct store_timer t;

	ck_assert_int_eq(x->found.status, 201);
	ck_assert_int_eq(x->found.accepted, STORE_NEW);
	expect_receipt(x);
	ck_assert_int_eq(row.state, STATE_QUEUED);
	ck_assert(view_is(row.partner, "north-system") && view_is(row.recipient, "south"));
	uint64_t seq = row.seq;
	ck_assert_msg(store_get_delivery(f.reader, seq, &d, &e), "%s", e.text);
	ck_assert_int_eq(d.deadline_ms, f.now_ms + 7 * DAY_MS);
	ck_assert_msg(store_get_timer(f.reader, seq, &t, &e), "%s", e.text);
	ck_assert_int_eq(t.plan.payload_ms, f.now_ms + 7 * DAY_MS);
	/* Sealed is what leaves, not what came. */
	struct view record = sealed_record(seq, &x->decided.id);
	ck_assert_ptr_nonnull(memmem(record.p, record.n, "XZ160", 5));
	ck_assert_ptr_null(memmem(record.p, record.n, "Sampleson", 9));
	ck_assert_uint_eq(atomic_load(&f.core.released), 1);
	ck_assert_ptr_null(x->reserved.quota.quotas);
	exchange_recycle(x);
	/* The use of the tier is counted from now on. */
	x = decide(&s, released_text());
	ck_assert_uint_eq(x->reserved.quota.uses[0], 1);
	exchange_recycle(x);
}
END_TEST

START_TEST(a_partners_record_waits_in_the_inbox)
{
	struct submission s = submission_by(SOUTH_SYSTEM, "pnr");
	struct exchange *x = sent(&s, released_text());
	struct store_exchange row = row_of(x);
	struct store_inbox item;
	struct store_timer t;

	ck_assert_int_eq(x->found.status, 201);
	ck_assert_int_eq(row.state, STATE_READY);
	uint64_t seq = row.seq;
	OK(store_get_timer(f.reader, seq, &t, e));
	ck_assert_uint_ne(t.inbox, 0);
	uint64_t id = t.inbox;
	OK(store_get_inbox(f.reader, id, &item, e));
	ck_assert(view_is(item.kind, "record") && item.seq == seq);
	exchange_recycle(x);
}
END_TEST

START_TEST(a_refusal_keeps_its_row_and_no_payload)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = sent(&s, text_of(pnr("refused-case-missing")));
	struct store_exchange row = row_of(x);

	ck_assert_int_eq(x->found.status, 403);
	expect_receipt(x);
	ck_assert_int_eq(row.state, STATE_REFUSED);
	ck_assert(!is_sealed(row.seq));
	ck_assert_uint_eq(atomic_load(&f.core.refused), 1);
	exchange_recycle(x);
}
END_TEST

START_TEST(what_is_held_is_sealed_as_it_came)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct view text = text_of(pnr("held-waiting-decision"));
	struct exchange *x = sent(&s, text);
	struct store_exchange row = row_of(x);
	struct store_timer t;

	ck_assert_int_eq(x->found.status, 202);
	ck_assert_int_eq(row.state, STATE_HELD);
	uint64_t seq = row.seq;
	ck_assert(view_eq(sealed_record(seq, &x->decided.id), text));
	OK(store_get_timer(f.reader, seq, &t, e));
	ck_assert_int_eq(t.due_ms, f.now_ms + HELD_MS);
	ck_assert_uint_eq(atomic_load(&f.core.held), 1);
	exchange_recycle(x);
}
END_TEST

START_TEST(a_dry_run_leaves_an_entry_alone)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct error e = { .reason = REASON_NONE };
	struct store_exchange row;

	s.dry_run = true;
	struct exchange *x = sent(&s, released_text());
	ck_assert_int_eq(x->found.status, 200);
	expect_receipt(x);
	ck_assert(!store_find_exchange(f.reader, &x->decided.id, &row, &e));
	ck_assert_int_eq(e.reason, REASON_NOT_FOUND);
	json_t *entry = core_last_entry(&f);
	ck_assert_str_eq(core_member(entry, "operation"), "validation");
	json_decref(entry);
	ck_assert_uint_eq(atomic_load(&f.core.released), 0);
	exchange_recycle(x);
}
END_TEST

START_TEST(a_key_is_answered_once)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = sent(&s, text_of(with_key("released", "k-1")));
	struct uuid first = x->decided.id;

	exchange_recycle(x);
	/* The same again. */
	x = sent(&s, text_of(with_key("released", "k-1")));
	ck_assert_int_eq(x->found.accepted, STORE_REPLAY);
	ck_assert_int_eq(x->found.status, 201);
	ck_assert(memcmp(&x->found.answer_id, &first, sizeof first) == 0);
	expect_receipt(x);
	ck_assert_uint_eq(atomic_load(&f.core.replayed), 1);
	exchange_recycle(x);
	/* Another body under the key. */
	x = sent(&s, text_of(with_key("held-waiting-decision", "k-1")));
	ck_assert_int_eq(x->found.accepted, STORE_CONFLICT);
	ck_assert_int_eq(x->found.status, reason_status(REASON_KEY_REUSED));
	ck_assert(buf_holds(&x->written.result, reason_slug(REASON_KEY_REUSED)));
	exchange_recycle(x);
	/* The key of the request's field, where the envelope has none. */
	s.key = VIEW("k-2");
	x = sent(&s, released_text());
	ck_assert(view_is(row_of(x).key, "k-2"));
	exchange_recycle(x);
	/* Replays and conflicts used up nothing. */
	x = decide(&s, released_text());
	ck_assert_uint_eq(x->reserved.quota.uses[0], 2);
	exchange_recycle(x);
}
END_TEST

/* Without a key nothing is compared, and no digest kept. */
START_TEST(no_key_no_digest)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");

	for (int i = 0; i < 2; i++) {
		struct exchange *x = sent(&s, released_text());
		struct store_exchange row = row_of(x);
		ck_assert_int_eq(x->found.accepted, STORE_NEW);
		ck_assert(row.key.n == 0 && digest_eq(&row.body, &(struct digest){ .b = { 0 } }));
		exchange_recycle(x);
	}
}
END_TEST

/* Accepted in one transaction and answered in a later one: whoever asks meanwhile is told to wait. */
static bool put_unanswered(void *arg, const struct act *a, struct error *e)
{
	struct store_exchange x = *(struct store_exchange *)arg, prior;
	enum store_accepted accepted;

	x.status = 0;
	x.answer = VIEW("");
	return store_accept(a->store, &x, &accepted, &prior, e);
}

START_TEST(a_key_that_is_in_use)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct view text = text_of(with_key("released", "k-3"));
	struct exchange *x = decide(&s, text);

	ck_assert(exchange_prepare(x));
	struct core_job put_it = core_act(&f, put_unanswered, &x->decided.row);
	ck_assert_msg(put_it.committed, "%s", put_it.error.text);
	exchange_recycle(x);
	x = sent(&s, text);
	ck_assert_int_eq(x->found.accepted, STORE_IN_USE);
	ck_assert_int_eq(x->found.status, reason_status(REASON_KEY_IN_USE));
	exchange_recycle(x);
}
END_TEST

START_TEST(what_was_not_prepared_is_answered_at_once)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = decide(&s, released_text());

	x->written.leaf.max = 10;
	bool prepared = exchange_prepare(x);
	ck_assert(!prepared);
	exchange_commit(x, prepared, note_commit, &commits);
	ck_assert_uint_eq(commits, 1);
	ck_assert_int_eq(x->found.status, 503);
	ck_assert(buf_holds(&x->written.result, reason_slug(REASON_UNAVAILABLE)));
	ck_assert_ptr_null(x->reserved.quota.quotas);
	exchange_free(x);
}
END_TEST

/* Without fresh random bytes there is no key and no salt: nothing of it may be written. */
START_TEST(what_has_no_random_bytes_is_not_prepared)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = decide(&s, released_text());

	x->decided.drawn = false;
	ck_assert(!exchange_prepare(x));
	ck_assert_uint_eq(x->written.leaf.n, 0);
	exchange_recycle(x);
}
END_TEST

/* Where both are of one transaction, it is rolled back and the exchange written again by itself. */
static bool fails(void *arg, const struct act *a, struct error *e)
{
	(void)arg;
	(void)a;
	return error_set(e, REASON_QUOTA, "this one fails");
}

START_TEST(written_once_beside_a_job_that_fails)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct core_job bad = { .job = { .home = f.log.home, .run = core_job_run, .done = core_job_done },
		                .fixture = &f,
		                .run = fails };
	struct exchange *x = decide(&s, released_text());
	uint64_t entries;

	exchange_commit(x, exchange_prepare(x), note_commit, &commits);
	writer_submit(f.log.writer, &bad.job);
	core_wait(&f, &commits, 1);
	core_wait(&f, &bad.home, 1);
	ck_assert(!bad.committed);
	ck_assert_int_eq(x->found.status, 201);
	expect_receipt(x);
	OK(store_entry_count(f.reader, &entries, e));
	ck_assert_uint_eq(entries, 2); /* genesis, and this one */
	exchange_recycle(x);
}
END_TEST

/* --- payload keys --- */

/* The writer makes keys after it has sent a job home. */
static void wait_for_keys(void)
{
	for (unsigned i = 0; i < 10000 && keystore_ready(f.log.keys) < LOG_KEYS; i++)
		usleep(1000);
	ck_assert_uint_eq(keystore_ready(f.log.keys), LOG_KEYS);
}

static bool opens(const struct key_grant *g)
{
	struct error none = { .reason = REASON_NONE };
	uint8_t key[32];

	return keystore_get(f.log.keys, g->slot, key, &none) && memcmp(key, g->key, sizeof key) == 0;
}

/* Sent as often as it takes until the writer has come by what was given back. */
static void overwritten(const struct key_grant *g)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");

	for (unsigned i = 0; i < 100 && opens(g); i++) {
		exchange_recycle(sent(&s, released_text()));
		wait_for_keys();
	}
	ck_assert(!opens(g));
}

static uint32_t slot_of(uint64_t seq)
{
	struct store_payload p;

	OK(store_get_payload(f.reader, seq, &p, e));
	return p.slot;
}

START_TEST(a_key_comes_with_its_slot)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");

	/* There are none yet: the commit puts the first one's. */
	struct exchange *x = decide(&s, released_text());
	ck_assert(exchange_prepare(x));
	ck_assert(x->reserved.key.of == f.log.keys && !x->reserved.key.placed);
	exchange_commit(x, true, note_commit, &commits);
	core_wait(&f, &commits, 1);
	ck_assert_ptr_null(x->reserved.key.of);
	ck_assert_uint_eq(keystore_count(f.log.keys), 1);
	exchange_recycle(x);
	wait_for_keys();
	x = decide(&s, released_text());
	ck_assert(exchange_prepare(x));
	ck_assert(x->reserved.key.of == f.log.keys && x->reserved.key.placed);
	struct key_grant g = x->reserved.key.grant;
	ck_assert(opens(&g));
	exchange_commit(x, true, note_commit, &commits);
	core_wait(&f, &commits, 2);
	ck_assert_ptr_null(x->reserved.key.of);
	ck_assert_uint_eq(x->reserved.key.grant.key[0], 0);
	ck_assert_uint_eq(slot_of(row_of(x).seq), g.slot);
	ck_assert_uint_eq(keystore_count(f.log.keys), 2);
	exchange_recycle(x);
	/* It is the row's, however much comes after it. */
	for (unsigned i = 0; i < 10; i++) {
		exchange_recycle(sent(&s, released_text()));
		wait_for_keys();
	}
	ck_assert(opens(&g));
}
END_TEST

START_TEST(what_keeps_no_payload_gives_its_key_back)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");

	exchange_recycle(sent(&s, text_of(with_key("released", "k-4"))));
	wait_for_keys();
	/* A replay. */
	struct exchange *x = decide(&s, text_of(with_key("released", "k-4")));
	ck_assert(exchange_prepare(x));
	struct key_grant replay = x->reserved.key.grant;
	exchange_commit(x, true, note_commit, &commits);
	core_wait(&f, &commits, 2);
	ck_assert_int_eq(x->found.accepted, STORE_REPLAY);
	ck_assert_ptr_null(x->reserved.key.of);
	exchange_recycle(x);
	/* One that is never committed. */
	x = decide(&s, released_text());
	ck_assert(exchange_prepare(x));
	struct key_grant dropped = x->reserved.key.grant;
	exchange_recycle(x);
	/* One that is decided anew. */
	x = decide(&s, released_text());
	ck_assert(exchange_prepare(x));
	struct key_grant first = x->reserved.key.grant;
	exchange_decide(&decider, &s, released_text(), x);
	ck_assert(exchange_prepare(x));
	struct key_grant second = x->reserved.key.grant;
	ck_assert_uint_ne(first.slot, second.slot);
	exchange_commit(x, true, note_commit, &commits);
	core_wait(&f, &commits, 3);
	ck_assert_uint_eq(slot_of(row_of(x).seq), second.slot);
	exchange_recycle(x);
	wait_for_keys();
	overwritten(&replay);
	overwritten(&dropped);
	overwritten(&first);
	ck_assert(opens(&second));
	/* A refusal takes none. */
	x = decide(&s, text_of(pnr("refused-case-missing")));
	ck_assert(exchange_prepare(x));
	ck_assert_ptr_null(x->reserved.key.of);
	exchange_recycle(x);
}
END_TEST

TCase *make_commit_case(void);
TCase *make_commit_case(void)
{
	TCase *c = tcase_create("commit");

	tcase_add_checked_fixture(c, exchange_open, exchange_close);
	tcase_add_test(c, a_release_is_whole);
	tcase_add_test(c, a_partners_record_waits_in_the_inbox);
	tcase_add_test(c, a_refusal_keeps_its_row_and_no_payload);
	tcase_add_test(c, what_is_held_is_sealed_as_it_came);
	tcase_add_test(c, a_dry_run_leaves_an_entry_alone);
	tcase_add_test(c, a_key_is_answered_once);
	tcase_add_test(c, no_key_no_digest);
	tcase_add_test(c, a_key_that_is_in_use);
	tcase_add_test(c, what_was_not_prepared_is_answered_at_once);
	tcase_add_test(c, written_once_beside_a_job_that_fails);
	tcase_add_test(c, what_has_no_random_bytes_is_not_prepared);
	tcase_add_test(c, a_key_comes_with_its_slot);
	tcase_add_test(c, what_keeps_no_payload_gives_its_key_back);
	return c;
}
