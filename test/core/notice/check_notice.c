/* What the entry of a notice says, and that entry and notice are written together or not at all. */
#include "gatewayd/core/notice/notice.h"

#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/store.h"
#include "test/core/log_fixture.h"

#define T0 INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

static struct log_fixture f;

static void setup(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
}

static void teardown(void)
{
	log_teardown(&f);
}

/* --- the entry --- */

START_TEST(each_kind_has_its_operation_and_note)
{
	static const struct {
		enum notice_kind kind;
		enum operation operation;
	} kinds[] = { { NOTICE_RECEIPT, OPERATION_DUTY },
		      { NOTICE_RECALL, OPERATION_DUTY },
		      { NOTICE_RETURN, OPERATION_DUTY },
		      { NOTICE_HOLD, OPERATION_DECISION },
		      { NOTICE_LIFT, OPERATION_DECISION } };
	struct digest body;

	sha256(VIEW("{\"n\":1}"), &body);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct notice n = { .kind = kinds[i].kind, .recipient = VIEW("south"), .body = VIEW("{\"n\":1}") };
		struct entry e = { .time_ms = T0, .output = { .b = { 1 } } };

		notice_entry(&n, &e);
		ck_assert_int_eq(e.operation, kinds[i].operation);
		ck_assert(view_is(e.note, notice_kind_name(n.kind)) && view_is(e.recipient, "south"));
		ck_assert(digest_eq(&e.output, &body));
		e.note = VIEW("receipt: mask");
		notice_entry(&n, &e);
		ck_assert(view_is(e.note, "receipt: mask"));
	}
}
END_TEST

START_TEST(a_note_is_of_its_kind)
{
	ck_assert(notice_note_fits(NOTICE_HOLD, VIEW("hold")));
	ck_assert(notice_note_fits(NOTICE_HOLD, VIEW("hold: a reason")));
	ck_assert(!notice_note_fits(NOTICE_HOLD, VIEW("hold: about Erika Muster")));
	ck_assert(!notice_note_fits(NOTICE_HOLD, VIEW("hold: a tale that is longer than any note")));
	ck_assert(!notice_note_fits(NOTICE_HOLD, VIEW("")));
	ck_assert(!notice_note_fits(NOTICE_HOLD, VIEW("hol")));
	ck_assert(!notice_note_fits(NOTICE_HOLD, VIEW("holding")));
	ck_assert(!notice_note_fits(NOTICE_HOLD, VIEW("hold:")));
	ck_assert(!notice_note_fits(NOTICE_HOLD, VIEW("lift")));
}
END_TEST

START_TEST(a_body_has_the_members_of_its_kind)
{
	static const struct {
		enum notice_kind kind;
		const char *body;
		bool fits;
	} bodies[] = {
		{ NOTICE_RECALL, "{'why':'inaccurate','consent':'ab'}", true },
		{ NOTICE_RECALL, "{'why':'words are named by who looks the code up'}", true },
		{ NOTICE_RECALL, "{'why':'inaccurate','words':'a tale'}", false },
		{ NOTICE_RECEIPT, "{'duty':'mask','result':'masked','made':'x','done':'x','until':'x'}", true },
		{ NOTICE_RECEIPT, "{'duty':'mask','reason':'a'}", false },
		{ NOTICE_RECEIPT, "{'duty':'mask','result':'masked as asked'}", false },
		{ NOTICE_RECEIPT, "{'duty':'mask','result':['masked']}", false },
		{ NOTICE_RECEIPT, "{'duty':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}",
		  false },
		{ NOTICE_RETURN, "{'duty':'return','result':'returned','made':'x','done':'x'}", true },
		{ NOTICE_RETURN, "{'consent':'ab'}", false },
		{ NOTICE_HOLD, "{'hold':'ab','kind':'hold','until':'x'}", true },
		{ NOTICE_HOLD, "{'hold':'ab','why':'x'}", false },
		{ NOTICE_LIFT, "{'hold':'ab'}", true },
		{ NOTICE_LIFT, "{'hold':'ab','kind':'hold'}", false },
	};

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		char text[200];
		size_t n = strlen(bodies[i].body);

		for (size_t k = 0; k <= n; k++)
			text[k] = bodies[i].body[k];
		for (char *q = text; (q = strchr(q, '\'')) != NULL;)
			*q = '"';
		json_t *doc = json_loads(text, 0, NULL);
		ck_assert_ptr_nonnull(doc);
		ck_assert_msg((notice_body_fault(bodies[i].kind, doc) == NULL) == bodies[i].fits, "%s", text);
		json_decref(doc);
	}
}
END_TEST

/* --- what is written --- */

struct send_job {
	struct job job; /* first */
	struct store_exchange exchange;
	struct view body;
	struct notice notice;
	bool fails; /* after the notice was put */
	bool home;
};

static bool send_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct send_job *t = JOB_OF(struct send_job, j);
	struct entry entry = { .peer = VIEW("south-gateway"), .note = VIEW("hold: made up") };
	struct core core = { .build = "b" };
	struct act a = { .core = &core, .writer = w, .job = j, .store = s, .now_ms = T0 + 5 };
	struct store_exchange prior;
	enum store_accepted accepted;

	if (!store_accept(s, &t->exchange, &accepted, &prior, e))
		return false;
	t->notice = (struct notice){
		.kind = NOTICE_HOLD, .seq = t->exchange.seq, .recipient = VIEW("south"), .body = t->body
	};
	return notice_send(&a, &t->notice, &entry, NULL, e) &&
	       (!t->fails || error_set(e, REASON_QUOTA, "this one fails"));
}

static void send_done(struct job *j)
{
	JOB_OF(struct send_job, j)->home = true;
	writer_release(j);
}

static void send_one(struct send_job *t, bool first_gateway)
{
	struct pollfd p = { .fd = home_fd(f.home), .events = POLLIN };

	t->job = (struct job){ .home = f.home, .run = send_run, .done = send_done };
	t->exchange = (struct store_exchange){ .id = { .b = { 1, 2, 3 } },
		                               .origin = { .b = { 1, 2, 3 } },
		                               .partner = VIEW("p"),
		                               .agreement = VIEW("pnr-2026"),
		                               .agreement_digest = { .b = { 7 } },
		                               .provider = VIEW("north"),
		                               .recipient = VIEW("south"),
		                               .state = STATE_DELIVERED,
		                               .status = 201,
		                               .answer = VIEW("{}"),
		                               .received_ms = T0 };
	if (!first_gateway)
		t->exchange.origin.b[0] = 9;
	writer_submit(f.writer, &t->job);
	while (!t->home) {
		ck_assert_int_eq(poll(&p, 1, 30000), 1);
		home_collect(f.home);
	}
}

static bool count(void *arg, const struct store_notice *n)
{
	(void)n;
	++*(unsigned *)arg;
	return true;
}

static unsigned waiting(struct store *reader)
{
	unsigned n = 0;

	OK(store_list_notices(reader, 0, 10, count, &n, e));
	return n;
}

static void member(struct view leaf, const char *name, const char *want)
{
	struct tape_parser *parser = tape_parser_new(NULL);
	struct tape t;
	char text[100];

	OK(tape_parse(parser, leaf, &t, e));
	proof_leaf_member(&t, name, text, sizeof text);
	ck_assert_str_eq(text, want);
	tape_parser_free(parser);
}

START_TEST(entry_and_notice_are_one)
{
	struct send_job t = { .body = VIEW("{\"why\":\"made up\"}") };
	struct store *reader = NULL;
	struct store_notice n;
	struct buf digest = BUF_INIT(65);
	struct digest body;
	struct view leaf, packed;

	send_one(&t, _i == 0);
	ck_assert_msg(t.job.committed, "%s", t.job.error.text);
	OK((reader = store_open_reader(scratch_file(&f.dir, "store.db"), e)) != NULL);
	OK(store_get_notice(reader, 1, &n, e));
	ck_assert(n.seq == t.exchange.seq && n.kind == NOTICE_HOLD && n.made_ms == T0 + 5 && n.next_ms == T0 + 5);
	ck_assert(view_is(n.recipient, "south") && view_eq(n.body, t.body));
	ck_assert_uint_eq(n.entry, t.notice.entry);
	OK(store_find_entry(reader, n.entry, &leaf, &packed, e));
	member(leaf, "operation", "decision");
	member(leaf, "note", "hold: made up");
	member(leaf, "recipient", "south");
	member(leaf, "agreement", "pnr-2026");
	member(leaf, "agreement_digest", "0700000000000000000000000000000000000000000000000000000000000000");
	member(leaf, "exchange", "01020300-0000-0000-0000-000000000000");
	member(leaf, "origin", _i == 0 ? "" : "09020300-0000-0000-0000-000000000000");
	member(leaf, "peer", "south-gateway");
	sha256(t.body, &body);
	digest_print(&digest, &body);
	buf_addc(&digest, 0);
	member(leaf, "output", digest.failed ? "" : digest.p);
	buf_free(&digest);
	store_close(reader);
}
END_TEST

START_TEST(a_job_that_fails_leaves_neither)
{
	struct send_job t = { .body = VIEW("{}"), .fails = true };
	struct store *reader = NULL;
	uint64_t entries;

	send_one(&t, true);
	ck_assert(!t.job.committed && t.job.error.reason == REASON_QUOTA);
	OK((reader = store_open_reader(scratch_file(&f.dir, "store.db"), e)) != NULL);
	OK(store_entry_count(reader, &entries, e));
	ck_assert(entries == 1 && waiting(reader) == 0); /* the genesis entry */
	store_close(reader);
}
END_TEST

START_TEST(a_body_has_its_ceiling)
{
	struct buf body = BUF_INIT(NOTICE_BODY_MAX + 1);
	struct send_job t = { .body = VIEW("") };
	struct store *reader = NULL;

	buf_addc(&body, '{');
	while (body.n < NOTICE_BODY_MAX - (size_t)_i)
		buf_addc(&body, ' ');
	buf_addc(&body, '}');
	t.body = buf_view(&body);
	send_one(&t, true);
	OK((reader = store_open_reader(scratch_file(&f.dir, "store.db"), e)) != NULL);
	if (_i == 0)
		ck_assert(!t.job.committed && t.job.error.reason == REASON_TOO_LARGE && waiting(reader) == 0);
	else
		ck_assert(t.job.committed && waiting(reader) == 1);
	store_close(reader);
	buf_free(&body);
}
END_TEST

TCase *make_notice_case(void);
TCase *make_notice_case(void)
{
	TCase *c = tcase_create("notice");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, each_kind_has_its_operation_and_note);
	tcase_add_test(c, a_note_is_of_its_kind);
	tcase_add_test(c, a_body_has_the_members_of_its_kind);
	tcase_add_loop_test(c, entry_and_notice_are_one, 0, 2);
	tcase_add_test(c, a_job_that_fails_leaves_neither);
	tcase_add_loop_test(c, a_body_has_its_ceiling, 0, 2);
	return c;
}
