/* What a partner's new epoch says of the log before: its end continues what was seen, and the first entry names it; else it is
 * an incident, with the exchanges that are missing, and all partners are told. */
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/witness/ended.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/tales.h"
#include "lib/tlog/receipt.h"
#include "lib/tlog/witness.h"
#include "test/core/witness/asking_fixture.h"

TCase *make_ended_case(void);

#define OLD  "gw.south.example/audit/gw1/0"
#define FORK 5 /* the branches are one up to here */

static void *part;
static struct note_vkey old_key;
static struct conf *conf;

static void set_up(void)
{
	struct partner *south;

	worker_open();
	conf = f.core.conf;
	south = &conf->partners[SOUTH_GATEWAY];
	atomic_store(&witness.settled, true);
	ck_assert(note_vkey_make(VIEW(OLD), NOTE_ED25519, south->log.key, &old_key));
	south->earlier = &old_key;
	south->n_earlier = 1;
	ck_assert_ptr_nonnull(part = ended_new(worker));
}

static void tear_down(void)
{
	writer_stop(f.log.writer);
	f.log.writer = NULL;
	home_collect(worker->home);
	ended_free(part);
	worker_close();
}

/* The old log's checkpoint of that size. */
static struct buf note_at(uint64_t size, unsigned branch)
{
	struct branch b = { branch, FORK };
	struct buf note = BUF_INIT(NOTE_MAX);
	struct digest root;

	ck_assert(tlog_range_hash(0, size, branch_hash, &b, &root));
	sign_checkpoint(&old_key, f.south_key, size, &root, &note);
	return note;
}

static void sees(uint64_t size, unsigned branch)
{
	struct buf note = note_at(size, branch);
	struct checkpoint c;

	OK(checkpoint_open(buf_view(&note), &old_key, &c, e));
	OK(sight_take(&f.core, &conf->partners[SOUTH_GATEWAY], &c, buf_view(&note), NULL, e));
	let_write();
	buf_free(&note);
}

/* The answer to ?ended=<seen>. */
static bool prove(uint64_t seen, uint64_t end, unsigned branch)
{
	struct buf note = note_at(end, branch), body = BUF_INIT(NOTE_MAX);
	struct witness_request w = { .old = seen, .note = buf_view(&note) };
	struct branch b = { branch, FORK };

	ck_assert(tlog_prove_consistency(seen, end, branch_hash, &b, w.proof, &w.n));
	witness_request_print(&w, &body);
	bool more = answer_it(200, buf_view(&body));
	buf_free(&body);
	buf_free(&note);
	return more;
}

/* The answer to ?genesis: a first entry that names this checkpoint of the old log. */
static bool begins(const char *operation, uint64_t end, unsigned branch)
{
	struct buf note = note_at(end, branch), leaf = BUF_INIT(4096), signed_note = BUF_INIT(NOTE_MAX),
	           receipt = BUF_INIT(NOTE_MAX);
	struct digest digest, hash;
	struct receipt r = { .index = 0 };

	sha256(buf_view(&note), &digest);
	buf_adds(&leaf, "{\"input\":\"");
	hex_encode(&leaf, view_make(digest.b, sizeof digest.b));
	buf_addf(&leaf, "\",\"operation\":\"%s\"}", operation);
	tlog_leaf_hash(buf_view(&leaf), &hash);
	sign_checkpoint(&conf->partners[SOUTH_GATEWAY].log, f.south_key, 1, &hash, &signed_note);
	r.checkpoint = buf_view(&signed_note);
	receipt_print(&r, buf_view(&leaf), &receipt);
	bool more = answer_it(200, buf_view(&receipt));
	buf_free(&note);
	buf_free(&leaf);
	buf_free(&signed_note);
	buf_free(&receipt);
	return more;
}

static void is_asked_again(void)
{
	bool asked = false;

	for (unsigned i = 0; i < 3 && !asked; i++) {
		clock_ahead_ms += 3600 * SECOND_MS;
		asked = asks(ended_tick, part);
	}
	is_asked("/checkpoint?ended");
}

static bool ends_at(uint64_t end, unsigned branch)
{
	struct buf note = note_at(end, branch);

	is_asked_again();
	bool more = answer_it(200, buf_view(&note));
	buf_free(&note);
	return more;
}

/* It was judged, and is not asked again. */
static void is_over(uint64_t end)
{
	uint64_t known = 0;

	UNTIL(!asks(ended_tick, part) && ended_at(f.reader, VIEW(OLD), &known));
	ck_assert_uint_eq(known, end);
	for (unsigned i = 0; i < 5; i++) {
		clock_ahead_ms += 3600 * SECOND_MS;
		ck_assert(!asks(ended_tick, part));
	}
	let_write();
}

/* All partners are told: this is what is posted. */
static void is_told(bool told)
{
	void *telling = telling_new(worker);

	ck_assert_int_eq(asks(telling_tick, telling), told);
	if (told)
		is_asked("/evidence");
	telling_free(telling);
}

START_TEST(an_end_that_continues_what_was_seen)
{
	uint64_t entries = log_size();

	sees(7, 0);
	ck_assert(ends_at(9, 0));
	is_asked("/checkpoint?ended=7");
	ck_assert(prove(7, 9, 0));
	is_asked("/checkpoint?genesis");
	ck_assert(!begins("genesis", 9, 0));
	is_over(9);
	ck_assert_uint_eq(log_size(), entries);
	is_told(false);
}
END_TEST

START_TEST(an_end_that_was_seen)
{
	uint64_t entries = log_size();

	if (_i)
		sees(9, 0);
	ck_assert(ends_at(9, 0));
	is_asked("/checkpoint?genesis");
	ck_assert(!begins("genesis", 9, 0));
	is_over(9);
	ck_assert_uint_eq(log_size(), entries);
}
END_TEST

static bool put_receipts(void *arg, const struct act *a, struct error *e)
{
	struct buf note = note_at(9, 0), text = BUF_INIT(NOTE_MAX);
	bool ok = true;

	for (uint64_t seq = 1; ok && seq <= 3; seq++) {
		struct store_exchange x = { .seq = seq,
			                    .id = { .b = { [15] = (uint8_t)seq } },
			                    .partner = VIEW("north-system"),
			                    .agreement = VIEW("pnr"),
			                    .provider = VIEW("north"),
			                    .recipient = VIEW("south"),
			                    .answer = VIEW("{}") },
		                      prior;
		struct receipt r = { .index = 3 + 2 * seq, .checkpoint = buf_view(&note) };
		enum store_accepted accepted;
		x.origin = x.id;
		buf_reset(&text);
		receipt_print(&r, VIEW("{}"), &text);
		ok = store_accept(a->store, &x, &accepted, &prior, e) &&
		     store_put_receipt(a->store, x.seq, buf_view(&text), e);
	}
	buf_free(&note);
	buf_free(&text);
	(void)arg;
	return ok;
}

/* Receipts at 5, 7 and 9; the end is at six. */
START_TEST(an_end_before_what_was_seen)
{
	struct core_job j = core_act(&f, put_receipts, NULL);

	ck_assert_msg(j.committed, "%s", j.error.text);
	sees(9, 0);
	ck_assert(!ends_at(6, 0));
	is_over(6);
	is_incident("ended: the log " OLD " was ended at 6 entries, and 9 were seen of it: what came after left it; "
	            "2 exchanges with receipts beyond it: 00000000-0000-0000-0000-000000000002, "
	            "00000000-0000-0000-0000-000000000003");
	is_told(true);
}
END_TEST

START_TEST(an_end_of_another_tree)
{
	sees(9, 0);
	ck_assert(!ends_at(9, 1));
	is_over(9);
	is_incident("was ended at 9 entries, and 9 were seen of it: it is not the one that was seen");
	is_told(true);
}
END_TEST

/* What was put back and written on is longer, and still another. */
START_TEST(an_end_that_does_not_continue_what_was_seen)
{
	sees(7, 0);
	ck_assert(ends_at(12, 1));
	ck_assert(!prove(7, 12, 1));
	is_over(12);
	is_incident("was ended at 12 entries, which do not continue the 7 that were seen of it");
	is_told(true);
}
END_TEST

START_TEST(a_first_entry_that_names_another_end)
{
	sees(7, 0);
	ck_assert(ends_at(9, 0));
	ck_assert(prove(7, 9, 0));
	ck_assert(!begins("genesis", 7, 0));
	is_over(9);
	is_incident("says in its first entry that it continues another");
}
END_TEST

/* A log that came after the one that is said to be the last before: what was seen of it left with it. */
START_TEST(an_end_that_passes_a_log_over)
{
	struct partner *south = &conf->partners[SOUTH_GATEWAY];
	struct note_vkey earlier[2] = { old_key, old_key };
	struct checkpoint c = { .size = 3, .root = { .b = { 1 } } };
	struct buf note = BUF_INIT(NOTE_MAX);
	struct core_job j = core_act(&f, put_receipts, NULL);

	ck_assert(j.committed);
	sees(7, 0);
	/* Nothing was seen of the one between: it had nothing that is missed. */
	ck_assert(note_vkey_make(VIEW("gw.south.example/audit/gw1/0"), NOTE_ED25519, south->log.key, &earlier[1]));
	ck_assert(note_vkey_make(VIEW("gw.south.example/audit/gw1/2"), NOTE_ED25519, south->log.key, &earlier[0]));
	ck_assert(note_vkey_make(VIEW("gw.south.example/audit/gw1/3"), NOTE_ED25519, old_key.key, &south->log));
	south->earlier = earlier;
	south->n_earlier = 2;
	if (_i) {
		c.origin = view_of(earlier[0].name);
		sign_checkpoint(&earlier[0], f.south_key, 3, &c.root, &note);
		OK(sight_take(&f.core, south, &c, buf_view(&note), NULL, e));
		let_write();
	}
	bool more = ends_at(7, 0);
	ck_assert_int_eq(more, !_i);
	if (!_i)
		ck_assert(!begins("genesis", 7, 0));
	is_over(7);
	if (_i) {
		is_incident("ended: the log " OLD " is said to be the one before gw.south.example/audit/gw1/3, and 3 "
		            "entries were seen of gw.south.example/audit/gw1/2, which came after it");
		is_told(false);
	}
	buf_free(&note);
}
END_TEST

/* Of the size at which it ended, the tree with which it did. */
START_TEST(another_tree_of_the_end)
{
	struct error why = { .reason = REASON_NONE };
	struct buf note = note_at(9, 1);
	struct checkpoint c;

	ck_assert(ends_at(9, 0));
	ck_assert(!begins("genesis", 9, 0));
	is_over(9);
	OK(checkpoint_open(buf_view(&note), &old_key, &c, e));
	ck_assert(!sight_take(&f.core, &conf->partners[SOUTH_GATEWAY], &c, buf_view(&note), NULL, &why));
	ck_assert_int_eq(why.reason, REASON_RECEIPT_INVALID);
	let_write();
	is_incident("showed two roots of 9 entries");
	buf_free(&note);
}
END_TEST

static char long_text[512 * 1024];

static bool does_not_show(unsigned how)
{
	switch (how) {
	case 0: return answer_it(404, VIEW(""));
	case 1: return answer_it(200, VIEW("nothing"));
	case 2: return answer_it(200, VIEW("old 6\n\nnothing\n"));
	case 3: ck_assert(prove(7, 9, 0)); return answer_it(404, VIEW(""));
	case 4: ck_assert(prove(7, 9, 0)); return answer_it(200, VIEW("no receipt"));
	case 5: ck_assert(prove(7, 9, 0)); return begins("restore", 9, 0);
	case 6:
		ck_assert(prove(7, 9, 0));
		memset(long_text, 'x', sizeof long_text);
		return answer_it(200, view_make(long_text, sizeof long_text));
	default: ck_abort();
	}
	return false;
}

/* Three times; one that cannot be reached has as many as it needs. */
START_TEST(what_is_not_shown_is_an_incident_at_last)
{
	uint64_t entries = log_size(), end;

	sees(7, 0);
	for (unsigned i = 0; i < 3; i++) {
		is_asked_again();
		ck_assert(!answer_it(i % 2 ? 503 : 0, VIEW("")));
	}
	for (unsigned i = 0; i < 3; i++) {
		let_write();
		ck_assert_uint_eq(log_size(), entries);
		ck_assert(ends_at(9, 0));
		ck_assert(!does_not_show((unsigned)_i));
	}
	let_write();
	is_incident("ended: the log " SOUTH_ORIGIN " does not show where the one before it ended");
	ck_assert(!ended_at(f.reader, VIEW(OLD), &end));
	ck_assert(ends_at(9, 0));
}
END_TEST

/* Silence, or an answer that promises another, are no way out. */
START_TEST(who_says_not_now_for_a_day)
{
	sees(7, 0);
	uint64_t entries = log_size();
	ck_assert_uint_gt(until_logged(is_asked_again, _i ? 503 : 0), 8);
	is_incident("ended: the log " SOUTH_ORIGIN " does not show where the one before it ended, since a day: ");
	/* It is asked on; once is enough. */
	for (unsigned i = 0; i < 3; i++) {
		is_asked_again();
		ck_assert(!answer_it(503, VIEW("")));
		let_write();
	}
	ck_assert_uint_eq(log_size(), entries + 1);
}
END_TEST

TCase *make_ended_case(void)
{
	TCase *c = tcase_create("ended");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, an_end_that_continues_what_was_seen);
	tcase_add_loop_test(c, an_end_that_was_seen, 0, 2);
	tcase_add_test(c, an_end_before_what_was_seen);
	tcase_add_test(c, an_end_of_another_tree);
	tcase_add_test(c, an_end_that_does_not_continue_what_was_seen);
	tcase_add_test(c, a_first_entry_that_names_another_end);
	tcase_add_loop_test(c, an_end_that_passes_a_log_over, 0, 2);
	tcase_add_test(c, another_tree_of_the_end);
	tcase_add_loop_test(c, what_is_not_shown_is_an_incident_at_last, 0, 7);
	tcase_add_loop_test(c, who_says_not_now_for_a_day, 0, 2);
	return c;
}
