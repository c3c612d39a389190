/* Notices that arrive over the interface: read, matched with their exchange, proved by the sender's log, taken once. */
#include "gatewayd/core/hold/hold.h"
#include "test/core/worker_fixture.h"
#include "test/policy/officers.h"

TCase *make_notice_in_case(void);

static struct exchange *queued;
static struct store_exchange row;

/* What the partner's gateway says; each test spoils one thing. */
static struct letter {
	json_t *body;
	const char *kind, *agency, *salt;
	struct entry entry; /* origin, agreement and output are filled by letter_new() */
	char note[40];
	struct ed25519_key *key;
	bool no_object, no_base64;
} letter;

static void letter_new(const char *kind, enum operation operation, json_t *body)
{
	json_decref(letter.body);
	letter = (struct letter){ .body = body, .kind = kind, .agency = "south", .key = f.south_key };
	snprintf(letter.note, sizeof letter.note, "%s", kind);
	letter.entry = (struct entry){ .operation = operation,
		                       .time_ms = f.now_ms,
		                       .exchange = { .b = { 4 } },
		                       .origin = queued->decided.id,
		                       .peer = VIEW("a-system"),
		                       .recipient = VIEW("north"),
		                       .agreement = VIEW("pnr"),
		                       .agreement_digest = *agreement_digest(queued->decided.agreement),
		                       .note = view_of(letter.note),
		                       .build = VIEW("south-build") };
}

#define A_DIGEST "abababababababababababababababababababababababababababababababab"

static void hold_letter(int days)
{
	char until[TIME_TEXT + 1];

	time_print(f.now_ms + days * DAY_MS, until);
	letter_new("hold", OPERATION_DECISION,
	           json_pack("{s:s, s:s, s:s}", "hold", A_DIGEST, "kind", "restriction", "until", until));
}

static int post_letter(void)
{
	struct view body = text_of(json_incref(letter.body));
	struct buf leaf = BUF_INIT(65536), proof = BUF_INIT(65536), b = BUF_INIT(1 << 20);

	if (!letter.entry.output.b[0])
		sha256(body, &letter.entry.output);
	if (letter.no_object)
		buf_adds(&leaf, "[1]");
	else
		entry_print(&letter.entry, NULL, &leaf);
	south_logs(buf_view(&leaf), letter.key, &proof);
	buf_addf(&b, "{\"kind\":\"%s\",\"agency\":\"%s\",\"node\":\"gw1\",\"body\":", letter.kind, letter.agency);
	buf_add(&b, body);
	buf_adds(&b, ",\"entry\":\"");
	if (letter.no_base64)
		buf_adds(&b, "????");
	else
		base64_encode(&b, buf_view(&leaf));
	buf_adds(&b, "\",\"proof\":");
	buf_add_json_string(&b, buf_view(&proof));
	buf_adds(&b, "}");
	struct view text = arena_copy(&texts, buf_view(&b));
	buf_free(&leaf);
	buf_free(&proof);
	buf_free(&b);
	return posted(SOUTH_GATEWAY, exchange_path(&queued->decided.id, "/notices"), text);
}

static void set_up(void)
{
	struct submission s;

	south_size = 0;
	letter.body = NULL;
	worker_open();
	s = submission_by(NORTH_SYSTEM, "pnr");
	queued = sent(&s, released_text());
	row = row_of(queued);
}

static void tear_down(void)
{
	json_decref(letter.body);
	exchange_recycle(queued);
	worker_close();
}

static bool restricted(void)
{
	bool is;

	OK(hold_restricted(f.reader, row.seq, &is, e));
	return is;
}

static void last_entry(const char *operation, const char *outcome)
{
	json_t *entry = core_last_entry(&f);

	ck_assert_pstr_eq(core_member(entry, "operation"), operation);
	ck_assert_pstr_eq(core_member(entry, "outcome"), outcome);
	json_decref(entry);
}

START_TEST(a_hold_is_taken_once_and_lifted)
{
	struct buf scratch_text = BUF_INIT(65536);
	struct receipt r;
	struct view leaf;

	hold_letter(30);
	ck_assert_int_eq(post_letter(), 200);
	ck_assert(json_is_true(json_object_get(answer_doc(), "first")));
	OK(receipt_parse(view_of(answer_member("receipt")), &scratch_text, &r, &leaf, e));
	OK(receipt_verify(&r, leaf, &f.log.vkey, e));
	last_entry("decision", "taken");
	ck_assert(restricted());
	/* The same letter again, from a log that has not grown: the same answer. */
	south_size = 0;
	ck_assert_int_eq(post_letter(), 200);
	ck_assert(json_is_false(json_object_get(answer_doc(), "first")));
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(&queued->decided.id, "/notices")), 200);
	json_t *taken = json_object_get(answer_doc(), "taken");
	ck_assert_uint_eq(json_array_size(taken), 1);
	ck_assert_str_eq(core_member(json_array_get(taken, 0), "kind"), "hold");

	letter_new("lift", OPERATION_DECISION, json_pack("{s:s}", "hold", A_DIGEST));
	ck_assert_int_eq(post_letter(), 200);
	ck_assert(!restricted());
	buf_free(&scratch_text);
}
END_TEST

/* --- the sender's entry --- */

static void other_operation(void)
{
	letter.entry.operation = OPERATION_DUTY;
}

static void other_note(void)
{
	letter.entry.note = VIEW("lift");
}

static void other_recipient(void)
{
	letter.entry.recipient = VIEW("east");
}

static void other_agreement(void)
{
	letter.entry.agreement_digest.b[0] ^= 1;
}

static void other_output(void)
{
	letter.entry.output.b[0] = 1;
}

static void other_exchange(void)
{
	letter.entry.origin.b[0] ^= 1;
}

static void other_log(void)
{
	letter.key = f.log.key;
}

static void no_object(void)
{
	letter.no_object = true;
}

/* A member that entries of notices have not. */
static void more(void)
{
	letter.entry.purpose = VIEW("for-your-eyes");
}

static void (*const spoilt_entries[])(void) = { other_operation, other_note,   other_recipient,
	                                        other_agreement, other_output, other_exchange,
	                                        other_log,       no_object,    more };

START_TEST(an_entry_that_says_something_else_proves_nothing)
{
	hold_letter(30);
	spoilt_entries[_i]();
	post_letter();
	is_problem(reason_status(reason_for_peer(REASON_RECEIPT_INVALID)),
	           reason_slug(reason_for_peer(REASON_RECEIPT_INVALID)));
	last_entry("refusal", "refused");
	ck_assert(!restricted());
}
END_TEST

/* --- the letter --- */

static void other_agency(void)
{
	letter.agency = "north";
}

static void unknown_kind(void)
{
	letter.kind = "made-up";
}

static void no_base64(void)
{
	letter.no_base64 = true;
}

static void no_digest(void)
{
	json_object_set_new(letter.body, "hold", json_string("no digest"));
}

static void no_kind_of_hold(void)
{
	json_object_set_new(letter.body, "kind", json_string("made up"));
}

static void no_end(void)
{
	json_object_del(letter.body, "until");
}

static void far_end(void)
{
	hold_letter(6 * 366);
}

/* The same instant otherwise: what could be chosen there would say something. */
static void spell_end(const char *rest)
{
	char until[TIME_TEXT + 1], spelled[40];

	time_print(f.now_ms + 30 * DAY_MS, until);
	snprintf(spelled, sizeof spelled, "%.19s%s", until, rest);
	json_object_set_new(letter.body, "until", json_string(spelled));
}

static void end_with_an_offset(void)
{
	spell_end(".000+00:00");
}

static void end_without_milliseconds(void)
{
	spell_end("Z");
}

static void end_in_small_letters(void)
{
	spell_end(".000z");
}

static void (*const spoilt_letters[])(void) = { other_agency,
	                                        unknown_kind,
	                                        no_base64,
	                                        no_digest,
	                                        no_kind_of_hold,
	                                        no_end,
	                                        far_end,
	                                        end_with_an_offset,
	                                        end_without_milliseconds,
	                                        end_in_small_letters };

START_TEST(a_letter_that_is_none_is_refused_and_logged)
{
	hold_letter(30);
	spoilt_letters[_i]();
	post_letter();
	is_problem(reason_status(reason_for_peer(REASON_NOTICE_INVALID)),
	           reason_slug(reason_for_peer(REASON_NOTICE_INVALID)));
	last_entry("refusal", "refused");
	ck_assert(!restricted());
}
END_TEST

START_TEST(what_is_no_document)
{
	const char *path = exchange_path(&queued->decided.id, "/notices");

	posted(SOUTH_GATEWAY, path, VIEW("{"));
	ck_assert_int_eq(answer_seen.status, 400);
	asked(&(struct ask){ .conn = SOUTH_GATEWAY,
	                     .method = "POST",
	                     .target = path,
	                     .fields = { "content-type", "text/plain" },
	                     .body = VIEW("{}") });
	is_problem(415, "media-type");
}
END_TEST

START_TEST(the_exchange_is_the_senders_or_there_is_none)
{
	const struct uuid other = { .b = { 9 } };

	hold_letter(30);
	f.core.conf->partners[SOUTH_GATEWAY].agency = "east";
	letter.agency = "east";
	post_letter();
	is_problem(404, "not-found");
	f.core.conf->partners[SOUTH_GATEWAY].agency = "south";
	letter.agency = "south";
	struct uuid own = queued->decided.id;
	queued->decided.id = other;
	post_letter();
	is_problem(404, "not-found");
	queued->decided.id = own;
	ck_assert(!restricted());
}
END_TEST

START_TEST(a_hold_that_has_ended_is_taken_and_does_nothing)
{
	hold_letter(-1);
	ck_assert_int_eq(post_letter(), 200);
	ck_assert(!restricted());
	letter_new("lift", OPERATION_DECISION, json_pack("{s:s}", "hold", A_DIGEST));
	ck_assert_int_eq(post_letter(), 200);
}
END_TEST

START_TEST(a_lift_names_a_statement)
{
	letter_new("lift", OPERATION_DECISION, json_pack("{s:s}", "hold", "none"));
	post_letter();
	is_problem(reason_status(reason_for_peer(REASON_NOTICE_INVALID)),
	           reason_slug(reason_for_peer(REASON_NOTICE_INVALID)));
}
END_TEST

TCase *make_notice_in_case(void)
{
	TCase *c = tcase_create("notice_in");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_hold_is_taken_once_and_lifted);
	tcase_add_loop_test(c, an_entry_that_says_something_else_proves_nothing, 0,
	                    (int)(sizeof spoilt_entries / sizeof *spoilt_entries));
	tcase_add_loop_test(c, a_letter_that_is_none_is_refused_and_logged, 0,
	                    (int)(sizeof spoilt_letters / sizeof *spoilt_letters));
	tcase_add_test(c, what_is_no_document);
	tcase_add_test(c, the_exchange_is_the_senders_or_there_is_none);
	tcase_add_test(c, a_hold_that_has_ended_is_taken_and_does_nothing);
	tcase_add_test(c, a_lift_names_a_statement);
	return c;
}
