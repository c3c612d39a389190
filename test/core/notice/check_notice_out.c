/* Notices that are sent: with the proof of the entry that they are about, until the partner's log proves that they were taken
 * or refused for good, or they are given up. */
#include "gatewayd/core/notice/notice.h"
#include "test/core/worker_fixture.h"

TCase *make_notice_out_case(void);

static struct exchange *queued;
static struct store_exchange row;
static char id[UUID_TEXT + 1], entry_digest[65], governing[65];

static void print_hex(const struct digest *d, char out[65])
{
	struct buf b = BUF_INIT(65);

	digest_print(&b, d);
	snprintf(out, 65, "%.*s", VIEW_ARG(buf_view(&b)));
	buf_free(&b);
}

static void set_up(void)
{
	struct submission s;

	south_size = 0;
	worker_open();
	s = submission_by(NORTH_SYSTEM, "pnr");
	queued = sent(&s, released_text());
	row = row_of(queued);
	uuid_print(&queued->decided.id, id);
	print_hex(agreement_digest(queued->decided.agreement), governing);
}

static void tear_down(void)
{
	exchange_recycle(queued);
	worker_close();
}

/* --- what waits --- */

static bool send_run(void *arg, const struct act *a, struct error *e)
{
	const enum notice_kind *kind = arg;
	struct notice n = {
		.kind = *kind, .seq = row.seq, .recipient = VIEW("south"), .body = VIEW("{\"why\":\"made up\"}")
	};
	struct entry entry = { .peer = VIEW("south-gateway") };

	return notice_send(a, &n, &entry, NULL, e);
}

/* A notice of this kind waits since so many days. */
static void waits(enum notice_kind kind, int days)
{
	int64_t now_ms = f.now_ms;

	f.now_ms -= days * DAY_MS;
	struct core_job j = core_act(&f, send_run, &kind);
	f.now_ms = now_ms;
	ck_assert_msg(j.committed, "%s", j.error.text);
}

static bool take_notice(void *arg, const struct store_notice *n)
{
	static char slug[64];
	struct store_notice *out = arg;

	snprintf(slug, sizeof slug, "%.*s", VIEW_ARG(n->last_error));
	*out = *n;
	out->last_error = view_of(slug);
	return false;
}

static bool take_end(void *arg, const struct store_notice_end *n)
{
	static char slug[64];
	struct store_notice_end *out = arg;

	snprintf(slug, sizeof slug, "%.*s", VIEW_ARG(n->error));
	*out = *n;
	out->error = view_of(slug);
	return true;
}

/* It is tried again later, for this reason. */
static void is_later(const char *slug)
{
	struct store_notice n = { .id = 0 };

	OK(store_list_notices(f.reader, 0, 1, take_notice, &n, e));
	ck_assert_uint_eq(n.attempts, 1);
	ck_assert_msg(view_is(n.last_error, slug), "%.*s", VIEW_ARG(n.last_error));
	ck_assert_int_gt(n.next_ms, f.now_ms);
}

/* It has ended, for this reason; empty: it arrived. The newest entry says so. */
static void is_over(const char *slug)
{
	struct store_notice waiting = { .id = 0 };
	struct store_notice_end n = { .id = 0 };
	char note[100];

	OK(store_list_notices(f.reader, 0, 1, take_notice, &waiting, e));
	ck_assert_uint_eq(waiting.id, 0);
	OK(store_list_notice_ends(f.reader, row.seq, take_end, &n, e));
	ck_assert_uint_ne(n.id, 0);
	ck_assert_msg(view_is(n.error, slug), "%.*s", VIEW_ARG(n.error));
	ck_assert_int_eq(n.receipt.n > 0, !slug[0]);
	json_t *entry = core_last_entry(&f);
	snprintf(note, sizeof note, "notice: hold%s%s", slug[0] ? ": " : "", slug);
	ck_assert_pstr_eq(core_member(entry, "note"), note);
	ck_assert_pstr_eq(core_member(entry, "operation"), slug[0] ? "incident" : "delivery");
	ck_assert_pstr_eq(core_member(entry, "outcome"), slug[0] ? "failed" : "delivered");
	json_decref(entry);
}

/* --- what is sent --- */

/* The proof that travels verifies by the key of this node's log; its entry's digest is noted. */
static void is_sent(const char *kind)
{
	struct buf bytes = BUF_INIT(65536);
	char want[120], leaf[65536];
	struct digest digest;
	struct receipt r;
	struct view extra;
	size_t n;

	courier_sends(NOTICES);
	snprintf(want, sizeof want, "/v1/exchanges/%s/notices", id);
	ck_assert_str_eq(post_seen.head.p, want);
	json_t *doc = parsed(&post_seen.body);
	ck_assert_pstr_eq(core_member(doc, "kind"), kind);
	ck_assert_pstr_eq(core_member(doc, "agency"), "north");
	ck_assert_pstr_eq(core_member(doc, "node"), "n1");
	ck_assert_pstr_eq(core_member(json_object_get(doc, "body"), "why"), "made up");
	ck_assert(base64_decode(view_of(core_member(doc, "entry")), leaf, sizeof leaf, &n));
	OK(receipt_parse(view_of(core_member(doc, "proof")), &bytes, &r, &extra, e));
	OK(receipt_verify(&r, view_make(leaf, n), &f.log.vkey, e));
	sha256(view_make(leaf, n), &digest);
	print_hex(&digest, entry_digest);
	ck_assert_int_eq(json_object_get(doc, "record") != NULL, strcmp(kind, "return") == 0);
	ck_assert_int_eq(core_member(doc, "salt") != NULL, strcmp(kind, "return") == 0);
	json_decref(doc);
	buf_free(&bytes);
}

/* What the partner's log says when it was taken; and when it was refused for good. */
static json_t *taken(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "operation", "decision", "input", entry_digest,
	                 "agreement_digest", governing, "note", "hold: taken", "exchange", id);
}

static json_t *refusal(void)
{
	return json_pack("{s:s, s:s, s:s, s:b}", "operation", "refusal", "input", entry_digest, "origin", id, "final",
	                 1);
}

/* An answer with a receipt of this entry, which is taken over. */
static struct view with_receipt(json_t *entry, const char *type)
{
	struct buf proof = BUF_INIT(65536);

	south_logs(leaf_text(entry), f.south_key, &proof);
	struct view text = text_of(json_pack("{s:s, s:s%}", "type", type, "receipt", proof.p, proof.n));
	buf_free(&proof);
	return text;
}

START_TEST(what_was_taken_ends_it)
{
	waits(NOTICE_HOLD, 0);
	is_sent("hold");
	partner_answers(200, with_receipt(taken(), ""));
	is_over("");
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&queued->decided.id, "/notices")), 200);
	const json_t *list = json_object_get(answer_doc(), "sent"), *one = json_array_get(list, 0);
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_pstr_eq(core_member(one, "kind"), "hold");
	ck_assert_pstr_eq(core_member(one, "state"), "arrived");
	ck_assert_ptr_nonnull(core_member(one, "receipt"));
}
END_TEST

/* An entry that says another thing, of another notice, agreement or exchange, proves nothing. */
START_TEST(what_was_taken_is_this_notice)
{
	static const char *const members[] = { "input", "agreement_digest", "note", "exchange" };
	json_t *entry;

	waits(NOTICE_HOLD, 0);
	is_sent("hold");
	entry = taken();
	if (_i < 4)
		json_object_set_new(entry, members[_i], json_string("another"));
	else
		json_object_del(entry, members[_i - 4]);
	partner_answers(200, with_receipt(entry, ""));
	is_later("receipt-invalid");
}
END_TEST

START_TEST(a_receipt_with_more_in_it_is_none)
{
	json_t *entry;

	waits(NOTICE_HOLD, 0);
	is_sent("hold");
	entry = taken();
	json_object_set_new(entry, "remark", json_string("for your eyes"));
	partner_answers(200, with_receipt(entry, ""));
	is_later("receipt-invalid");
}
END_TEST

START_TEST(its_word_alone_is_nothing)
{
	waits(NOTICE_HOLD, 0);
	is_sent("hold");
	partner_answers(200, VIEW("{\"taken\":true}"));
	is_later("receipt-invalid");
}
END_TEST

START_TEST(a_partner_that_cannot_be_reached)
{
	waits(NOTICE_HOLD, 0);
	is_sent("hold");
	partner_answers(0, VIEW(""));
	is_later("unreachable");
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&queued->decided.id, "/notices")), 200);
	const json_t *list = json_object_get(answer_doc(), "sent"), *one = json_array_get(list, 0);
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_pstr_eq(core_member(one, "state"), "waiting");
	ck_assert_pstr_eq(core_member(one, "error"), "unreachable");
}
END_TEST

#define TYPE "https://south.example/problems/not-found"

START_TEST(a_refusal_that_is_proved_final)
{
	waits(NOTICE_HOLD, 0);
	is_sent("hold");
	partner_answers(404, with_receipt(refusal(), TYPE));
	is_over("not-found");
}
END_TEST

START_TEST(a_refusal_that_is_not)
{
	static const char *const members[] = { "operation", "input", "origin", "final" };
	json_t *entry;

	waits(NOTICE_HOLD, 0);
	is_sent("hold");
	entry = refusal();
	json_object_del(entry, members[_i]);
	partner_answers(404, with_receipt(entry, TYPE));
	is_later("not-found");
}
END_TEST

START_TEST(after_four_weeks_it_is_given_up)
{
	waits(NOTICE_HOLD, 29);
	is_sent("hold");
	partner_answers(503, VIEW(""));
	is_over("refused");
}
END_TEST

START_TEST(a_recipient_that_has_no_gateway)
{
	f.core.conf->partners[SOUTH_GATEWAY].host = NULL;
	waits(NOTICE_HOLD, 0);
	courier_tick(worker->parts[NOTICES]);
	worker_settle();
	is_later("flow-unmapped");
	ck_assert(!post_seen.done);
}
END_TEST

/* What is returned travels with the record and its salt. */
START_TEST(a_return_has_the_record)
{
	waits(NOTICE_RETURN, 0);
	is_sent("return");
	json_t *doc = parsed(&post_seen.body);
	struct view record = sealed_record(row.seq, &queued->decided.id);
	json_t *want = json_loadb(record.p, record.n, 0, NULL);
	ck_assert(json_equal(json_object_get(doc, "record"), want));
	json_decref(doc);
	json_decref(want);
	partner_answers(0, VIEW(""));
	is_later("unreachable");
}
END_TEST

TCase *make_notice_out_case(void)
{
	TCase *c = tcase_create("notice_out");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, what_was_taken_ends_it);
	tcase_add_loop_test(c, what_was_taken_is_this_notice, 0, 8);
	tcase_add_test(c, a_receipt_with_more_in_it_is_none);
	tcase_add_test(c, its_word_alone_is_nothing);
	tcase_add_test(c, a_partner_that_cannot_be_reached);
	tcase_add_test(c, a_refusal_that_is_proved_final);
	tcase_add_loop_test(c, a_refusal_that_is_not, 0, 4);
	tcase_add_test(c, after_four_weeks_it_is_given_up);
	tcase_add_test(c, a_recipient_that_has_no_gateway);
	tcase_add_test(c, a_return_has_the_record);
	return c;
}
