/* The parts of gatewayctl send: lines as they are sent, what is kept of answers, and the files that a run leaves. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/ctl/send_journal.h"
#include "gatewayd/ctl/send_result.h"
#include "lib/tlog/receipt.h"
#include "test/core/scratch.h"

TCase *make_send_case(void);

#define RUN "01890a5d-ac96-774b-bcce-b302099a8057"

static struct scratch_dir dir;
static struct error e;

static void setup(void)
{
	dir = scratch_new();
	e = (struct error){ .reason = REASON_NONE };
}

static void teardown(void)
{
	scratch_remove(&dir);
}

/* --- lines --- */

static int file_of(const struct buf *text)
{
	const char *path = scratch_file(&dir, "lines");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t at = 0; at < text->n;) {
		ssize_t n = write(fd, text->p + at, text->n - at);
		ck_assert_int_gt(n, 0);
		at += (size_t)n;
	}
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static struct send_lines *lines_of(const char *text, int *fd)
{
	struct buf b = BUF_INIT(4096);

	buf_adds(&b, text);
	*fd = file_of(&b);
	buf_free(&b);
	return send_lines_new(*fd, RUN);
}

static void expect(struct send_lines *l, uint64_t number, const char *text, const char *key)
{
	struct send_line line;

	ck_assert_int_eq(send_lines_next(l, true, &line, &e), SEND_GOT);
	ck_assert_uint_eq(line.number, number);
	if (key) {
		ck_assert_ptr_null(line.why_not);
		ck_assert_msg(view_is(line.text, text), "%.*s", VIEW_ARG(line.text));
		ck_assert_msg(view_is(line.key, key), "%.*s", VIEW_ARG(line.key));
	} else {
		ck_assert_str_eq(line.why_not, text);
		ck_assert_uint_eq(line.text.n + line.key.n, 0);
	}
}

static void expect_end(struct send_lines *l)
{
	struct send_line line;

	ck_assert_int_eq(send_lines_next(l, true, &line, &e), SEND_AT_END);
	ck_assert_int_eq(send_lines_next(l, false, &line, &e), SEND_AT_END);
}

START_TEST(lines_get_a_key_each)
{
	int fd;
	struct send_lines *l =
	        lines_of("{\"a\":1}\n\n \t\r\n{}\r\n  { \"key\" : \"k\\u0031\" }\n{\"b\":{\"key\":2}}", &fd);

	expect(l, 1, "{\"key\":\"" RUN "-1\",\"a\":1}", RUN "-1");
	expect(l, 4, "{\"key\":\"" RUN "-4\"}\r", RUN "-4");
	expect(l, 5, "  { \"key\" : \"k\\u0031\" }", "k1");
	expect(l, 6, "{\"key\":\"" RUN "-6\",\"b\":{\"key\":2}}", RUN "-6");
	expect_end(l);
	send_lines_free(l);
	close(fd);
}
END_TEST

START_TEST(lines_that_are_not_sent)
{
	static const char *const no_object = "is not a JSON object",
	                         *const no_key = "has a key that is not 1 to 255 characters of visible ASCII";
	int fd;
	struct send_lines *l = lines_of(
	        "7\n{\"a\":}\n{\"key\":7}\n{\"key\":\"\"}\n{\"key\":\"a b\"}\n{\"key\":\"\\u00e9\"}\n{\"a\":\"\xff\"}\n",
	        &fd);

	expect(l, 1, no_object, NULL);
	expect(l, 2, no_object, NULL);
	for (unsigned n = 3; n <= 6; n++)
		expect(l, n, no_key, NULL);
	expect(l, 7, no_object, NULL);
	expect_end(l);
	send_lines_free(l);
	close(fd);
}
END_TEST

START_TEST(a_line_of_any_length_is_passed_over_in_bounded_memory)
{
	static const char *const too_long = "is longer than any gateway takes";
	struct buf b = BUF_INIT(4 * SEND_LINE_MAX);

	for (int last = 0; last < 2; last++) {
		buf_reset(&b);
		buf_adds(&b, "{}\n");
		memset(buf_room(&b, 2 * SEND_LINE_MAX), ' ', 2 * SEND_LINE_MAX);
		b.n += 2 * SEND_LINE_MAX;
		if (!last)
			buf_adds(&b, "\n{}\n");
		int fd = file_of(&b);
		struct send_lines *l = send_lines_new(fd, RUN);
		expect(l, 1, "{\"key\":\"" RUN "-1\"}", RUN "-1");
		expect(l, 2, too_long, NULL);
		if (!last)
			expect(l, 3, "{\"key\":\"" RUN "-3\"}", RUN "-3");
		expect_end(l);
		send_lines_free(l);
		close(fd);
	}
	buf_free(&b);
}
END_TEST

START_TEST(a_pipe_may_have_nothing_now)
{
	struct send_line line;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	struct send_lines *l = send_lines_new(ends[0], RUN);
	ck_assert_int_eq(send_lines_next(l, false, &line, &e), SEND_NOT_YET);
	ck_assert_int_eq(write(ends[1], "{}", 2), 2);
	ck_assert_int_eq(send_lines_next(l, false, &line, &e), SEND_NOT_YET);
	ck_assert_int_eq(write(ends[1], "\n", 1), 1);
	ck_assert_int_eq(send_lines_next(l, false, &line, &e), SEND_GOT);
	close(ends[1]);
	expect_end(l);
	close(ends[0]);
	ck_assert_int_eq(send_lines_next(l, true, &line, &e), SEND_AT_END);
	send_lines_free(l);
	l = send_lines_new(ends[0], RUN);
	ck_assert_int_eq(send_lines_next(l, true, &line, &e), SEND_UNREADABLE);
	ck_assert_int_eq(e.reason, REASON_IO);
	send_lines_free(l);
}
END_TEST

/* --- results --- */

static const struct send_queued one = { .number = 3, .key = "k" };

static enum send_outcome judge(const char *answer, struct buf *out)
{
	struct send_reader *r = send_reader_new(NULL);

	e = (struct error){ .reason = REASON_NONE };
	*out = BUF_INIT(4096);
	enum send_outcome outcome = send_judge(r, view_of(answer), &one, out, &e);
	send_reader_free(r);
	return outcome;
}

START_TEST(what_is_decided_has_an_entry)
{
	static const struct {
		const char *answer;
		enum send_outcome outcome;
		enum reason reason;
	} cases[] = {
		{ "{\"status\":201,\"audit_index\":1}", SEND_RELEASED, REASON_NONE },
		{ "{\"status\":202,\"audit_index\":1}", SEND_HELD, REASON_NONE },
		{ "{\"status\":403,\"audit_index\":1}", SEND_REFUSED, REASON_NONE },
		{ "{\"type\":\"/problems/too-large\",\"status\":413}", SEND_REFUSED, REASON_NONE },
		{ "{\"type\":\"/problems/key-reused\",\"status\":422}", SEND_REFUSED, REASON_NONE },
		{ "{\"type\":\"/problems/bad-json\",\"status\":400}", SEND_REFUSED, REASON_NONE },
		{ "{\"type\":\"/problems/key-in-use\",\"status\":409}", SEND_AGAIN, REASON_KEY_IN_USE },
		{ "{\"type\":\"/problems/rate-limited\",\"status\":429}", SEND_AGAIN, REASON_RATE_LIMITED },
		{ "{\"type\":\"/problems/unread\",\"status\":408}", SEND_AGAIN, REASON_UNREAD },
		{ "{\"type\":\"/problems/unavailable\",\"status\":503}", SEND_AGAIN, REASON_UNAVAILABLE },
		/* By a list that is out of date: it has an entry, and is asked for again. */
		{ "{\"type\":\"/problems/consent-unknown\",\"status\":503,\"audit_index\":1}", SEND_AGAIN,
		  REASON_CONSENT_UNKNOWN },
		{ "{\"type\":\"/problems/new-in-a-later-build\",\"status\":500}", SEND_AGAIN, REASON_UNAVAILABLE },
		{ "{\"type\":\"/problems/partner-unknown\",\"status\":403}", SEND_NO_MORE, REASON_PARTNER_UNKNOWN },
		{ "{\"status\":201}", SEND_NO_RESULT, REASON_BAD_REQUEST },
		{ "{\"status\":\"201\"}", SEND_NO_RESULT, REASON_BAD_REQUEST },
		{ "{}", SEND_NO_RESULT, REASON_BAD_REQUEST },
		{ "[]", SEND_NO_RESULT, REASON_BAD_REQUEST },
		{ "", SEND_NO_RESULT, REASON_BAD_REQUEST },
	};
	struct buf out;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_msg(judge(cases[i].answer, &out) == cases[i].outcome, "%s", cases[i].answer);
		ck_assert_msg(e.reason == cases[i].reason, "%s: %s", cases[i].answer, e.text);
		buf_free(&out);
	}
	judge("{\"status\":403,\"type\":\"t\",\"exchange\":\"x\",\"audit_index\":1,\"receipt\":\"r\"}", &out);
	ck_assert(view_is(
	        buf_view(&out),
	        "{\"line\":3,\"key\":\"k\",\"status\":403,\"exchange\":\"x\",\"audit_index\":1,\"receipt\":\"r\","
	        "\"problem\":{\"status\":403,\"type\":\"t\"}}"));
	buf_free(&out);
}
END_TEST

START_TEST(a_receipt_must_be_one)
{
	struct note_vkey key;
	struct buf out = BUF_INIT(4096);
	uint8_t public_key[32] = { 1 };

	ck_assert(note_vkey_make(VIEW("log.example/audit/a/1"), NOTE_ED25519, public_key, &key));
	struct send_reader *r = send_reader_new(&key);
	ck_assert_int_eq(send_judge(r, VIEW("{\"status\":201,\"audit_index\":1}"), &one, &out, &e), SEND_ALTERED);
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
	e = (struct error){ .reason = REASON_NONE };
	/* The answer to what was archived has none: that it is archived is a word like any other. */
	ck_assert_int_eq(send_judge(r, VIEW("{\"status\":201,\"audit_index\":1,\"archived\":true}"), &one, &out, &e),
	                 SEND_ALTERED);
	ck_assert_ptr_nonnull(strstr(e.text, "says that the entry is archived"));
	/* A problem without an entry has none to show. */
	ck_assert_int_eq(send_judge(r, VIEW("{\"type\":\"/problems/too-large\",\"status\":413}"), &one, &out, &e),
	                 SEND_REFUSED);
	send_reader_free(r);
	buf_free(&out);
}
END_TEST

#define EXCHANGE "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER    "01890a5d-ac96-774b-bcce-b302099a8058"

/* The receipt of the only entry of a log that has this operation, as JSON text. */
static void add_receipt(const struct note_signer *log, const char *operation, struct buf *out)
{
	struct checkpoint c = { .origin = view_of(log->vkey.name), .size = 1 };
	struct buf leaf = BUF_INIT(500), text = BUF_INIT(500), note = BUF_INIT(1000), receipt = BUF_INIT(2000);
	struct receipt r = { .index = 0 };

	buf_addf(&leaf, "{\"exchange\":\"" EXCHANGE "\",\"operation\":\"%s\"}", operation);
	tlog_leaf_hash(buf_view(&leaf), &c.root);
	checkpoint_text(&c, &text);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	ck_assert(note_sign(log, buf_view(&text), &note));
	r.checkpoint = buf_view(&note);
	receipt_print(&r, buf_view(&leaf), &receipt);
	buf_add_json_string(out, buf_view(&receipt));
	buf_free(&leaf);
	buf_free(&text);
	buf_free(&note);
	buf_free(&receipt);
}

/* A receipt of the log, beside an answer that is not the entry's. */
START_TEST(a_receipt_is_that_of_the_answer)
{
	static const struct {
		int status;
		const char *operation, *exchange;
		unsigned index;
		enum send_outcome outcome;
	} cases[] = {
		{ 201, "disclosure", EXCHANGE, 0, SEND_RELEASED }, { 201, "collection", EXCHANGE, 0, SEND_RELEASED },
		{ 202, "hold", EXCHANGE, 0, SEND_HELD },           { 403, "refusal", EXCHANGE, 0, SEND_REFUSED },
		{ 201, "disclosure", EXCHANGE, 1, SEND_ALTERED },  { 201, "disclosure", OTHER, 0, SEND_ALTERED },
		{ 201, "refusal", EXCHANGE, 0, SEND_ALTERED },     { 201, "hold", EXCHANGE, 0, SEND_ALTERED },
		{ 202, "refusal", EXCHANGE, 0, SEND_ALTERED },     { 403, "disclosure", EXCHANGE, 0, SEND_ALTERED },
	};
	const uint8_t seed[32] = { 7 };
	uint8_t public_key[32];
	struct note_signer log = { .key = ed25519_from_seed(seed) };
	struct buf answer = BUF_INIT(8192), out = BUF_INIT(8192);

	ed25519_public(log.key, public_key);
	ck_assert(note_vkey_make(VIEW("log.example/audit/a/1"), NOTE_ED25519, public_key, &log.vkey));
	struct send_reader *r = send_reader_new(&log.vkey);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&answer);
		buf_addf(&answer, "{\"status\":%d,\"exchange\":\"%s\",\"audit_index\":%u,\"receipt\":", cases[i].status,
		         cases[i].exchange, cases[i].index);
		add_receipt(&log, cases[i].operation, &answer);
		buf_addc(&answer, '}');
		e = (struct error){ .reason = REASON_NONE };
		ck_assert_msg(send_judge(r, buf_view(&answer), &one, &out, &e) == cases[i].outcome, "%zu: %s", i,
		              e.text);
		ck_assert_int_eq(e.reason, cases[i].outcome == SEND_ALTERED ? REASON_TAMPERED : REASON_NONE);
	}
	send_reader_free(r);
	ed25519_free(log.key);
	buf_free(&answer);
	buf_free(&out);
}
END_TEST

/* --- the journal --- */

static struct send_journal *open_with(const char *results, const char *agreement)
{
	static char state[300], to[300];

	snprintf(state, sizeof state, "%s", scratch_file(&dir, "state"));
	snprintf(to, sizeof to, "%s", scratch_file(&dir, results));
	e = (struct error){ .reason = REASON_NONE };
	return send_journal_open(state, to, agreement, &e);
}

static struct send_journal *open_journal(const char *agreement)
{
	return open_with("results", agreement);
}

static off_t size_of(const char *name)
{
	struct stat is;

	ck_assert_int_eq(stat(scratch_file(&dir, name), &is), 0);
	return is.st_size;
}

static void add_bytes(const char *name, const char *text)
{
	int fd = open(scratch_file(&dir, name), O_WRONLY | O_CREAT | O_APPEND, 0600);

	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

START_TEST(what_is_not_counted_is_cut_off)
{
	const struct digest line = { { 1 } }, other = { { 2 } };
	const struct send_counts counts = { .released = 1 };
	struct send_journal *j = open_journal("a");
	char run[UUID_TEXT + 1];

	ck_assert_ptr_nonnull(j);
	snprintf(run, sizeof run, "%s", send_journal_run(j));
	ck_assert(send_journal_add(j, 1, &line, VIEW("{}"), &counts, &e) && send_journal_sync(j, &e));
	ck_assert_int_eq(size_of("results"), 3);
	/* Nobody else writes meanwhile. */
	ck_assert_ptr_null(open_journal("a"));
	ck_assert_int_eq(e.reason, REASON_IO);
	send_journal_close(j);
	add_bytes("results", "{\"half");
	j = open_journal("a");
	ck_assert_ptr_nonnull(j);
	ck_assert_int_eq(size_of("results"), 3);
	ck_assert_str_eq(send_journal_run(j), run);
	ck_assert_uint_eq(send_journal_counts(j)->released, 1);
	ck_assert(!send_journal_is_passed(j) && !send_journal_pass(j, 1, &other, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	send_journal_close(j);
	j = open_journal("a");
	ck_assert(send_journal_pass(j, 1, &line, &e) && send_journal_is_passed(j) && send_journal_done(j) == 1);
	send_journal_close(j);
	ck_assert_ptr_null(open_journal("b"));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
}
END_TEST

START_TEST(what_is_held_lasts_together)
{
	const struct digest line = { { 1 } };
	const struct send_counts counts = { .released = 1 };
	struct send_journal *j = open_journal("a");
	struct buf much = BUF_INIT(2u << 20);

	memset(buf_room(&much, 2u << 20), 'x', 2u << 20);
	much.n = 2u << 20;
	send_journal_hold(j, true);
	ck_assert(send_journal_add(j, 1, &line, buf_view(&much), &counts, &e));
	ck_assert_int_eq(size_of("results"), 0);
	send_journal_hold(j, false);
	ck_assert(send_journal_add(j, 2, &line, VIEW("{}"), &counts, &e));
	ck_assert_int_eq(size_of("results"), (2 << 20) + 1 + 3);
	send_journal_close(j);
	buf_free(&much);
}
END_TEST

START_TEST(a_state_that_is_none)
{
	static const char *const states[] = {
		"",
		"{}",
		"[]",
		"{\"format\":1}",
		"{\"format\":2,\"agreement\":\"a\",\"run\":\"" RUN
		"\",\"lines\":0,\"results\":0,\"released\":0,\"held\":0,\"refused\":0,\"not_sent\":0,"
		"\"input\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"last_size\":0,"
		"\"last\":\"0000000000000000000000000000000000000000000000000000000000000000\"}",
	};

	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		int fd = open(scratch_file(&dir, "state"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
		ck_assert_int_eq(write(fd, states[i], strlen(states[i])), (int)strlen(states[i]));
		close(fd);
		ck_assert_ptr_null(open_journal("a"));
		ck_assert_msg(e.reason == REASON_CONFIG && strstr(e.text, "is not a state file"), "%s: %s", states[i],
		              e.text);
	}
}
END_TEST

/* The disk is full in the middle of a line, and has room again a moment later: what is there is not known then. */
START_TEST(what_could_not_be_written_is_not_counted)
{
	const struct digest line = { { 1 } };
	const struct send_counts counts = { .released = 1 }, two = { .released = 2 };
	struct send_journal *j = open_journal("a");
	struct rlimit was, full;

	ck_assert(send_journal_add(j, 1, &line, VIEW("{}"), &counts, &e) && send_journal_sync(j, &e));
	ck_assert(send_journal_add(j, 2, &line, VIEW("{\"line\":2,\"status\":201}"), &two, &e));
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	full = (struct rlimit){ .rlim_cur = 10, .rlim_max = was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
	ck_assert(!send_journal_sync(j, &e));
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	ck_assert_int_eq(size_of("results"), 10);
	ck_assert(!send_journal_sync(j, &e) && e.reason == REASON_IO);
	send_journal_close(j);
	j = open_journal("a");
	ck_assert_ptr_nonnull(j);
	ck_assert(send_journal_done(j) == 1 && send_journal_counts(j)->released == 1);
	ck_assert_int_eq(size_of("results"), 3);
	send_journal_close(j);
}
END_TEST

/* A file that is named by mistake is not cut. */
START_TEST(results_of_something_else_stay_as_they_are)
{
	static const char mine[] = "a file of the user's that is longer than what was sent so far\n";
	const struct digest line = { { 1 } };
	const struct send_counts counts = { .released = 1 };
	struct send_journal *j = open_journal("a");

	send_journal_close(j);
	add_bytes("mine", mine);
	for (int done = 0; done < 2; done++) {
		ck_assert_ptr_null(open_with("mine", "a"));
		ck_assert(e.reason == REASON_CONFIG && strstr(e.text, "is not what the state file"));
		ck_assert_int_eq(size_of("mine"), sizeof mine - 1);
		/* What a run left that was killed before anything counted. */
		if (!done)
			add_bytes("results", "{\"line\":1,\"half");
		j = open_journal("a");
		ck_assert_msg(j != NULL, "%s", e.text);
		ck_assert(done || send_journal_add(j, 1, &line, VIEW("{\"line\":1}"), &counts, &e));
		ck_assert(send_journal_sync(j, &e));
		send_journal_close(j);
	}
	ck_assert_int_eq(mkfifo(scratch_file(&dir, "pipe"), 0600), 0);
	ck_assert_ptr_null(open_with("pipe", "a"));
	ck_assert(e.reason == REASON_CONFIG && strstr(e.text, "is not a regular file"));
}
END_TEST

/* Each would send all records under a run of its own. */
START_TEST(two_runs_do_not_share_a_state)
{
	struct send_journal *j = open_with("one", "a");

	ck_assert_ptr_nonnull(j);
	ck_assert_ptr_null(open_with("other", "a"));
	ck_assert(e.reason == REASON_IO && strstr(e.text, "is being written by another run"));
	send_journal_close(j);
	ck_assert_int_ne(access(scratch_file(&dir, "state.lock"), F_OK), 0);
	/* One that was left behind is nobody's. */
	add_bytes("state.lock", "");
	j = open_with("one", "a");
	ck_assert_ptr_nonnull(j);
	send_journal_close(j);
}
END_TEST

TCase *make_send_case(void)
{
	TCase *tc = tcase_create("send");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, lines_get_a_key_each);
	tcase_add_test(tc, lines_that_are_not_sent);
	tcase_add_test(tc, a_line_of_any_length_is_passed_over_in_bounded_memory);
	tcase_add_test(tc, a_pipe_may_have_nothing_now);
	tcase_add_test(tc, what_is_decided_has_an_entry);
	tcase_add_test(tc, a_receipt_must_be_one);
	tcase_add_test(tc, a_receipt_is_that_of_the_answer);
	tcase_add_test(tc, what_is_not_counted_is_cut_off);
	tcase_add_test(tc, what_is_held_lasts_together);
	tcase_add_test(tc, what_could_not_be_written_is_not_counted);
	tcase_add_test(tc, results_of_something_else_stay_as_they_are);
	tcase_add_test(tc, two_runs_do_not_share_a_state);
	tcase_add_test(tc, a_state_that_is_none);
	return tc;
}
