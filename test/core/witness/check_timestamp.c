/* Timestamps of this log's checkpoints. The authority is the openssl command, which answers what is asked, or something
 * else: only what verifies is kept, and counts as a time. */
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/witness/timestamp.h"
#include "lib/crypto/timestamp.h"
#include "test/core/witness/asking_fixture.h"

TCase *make_timestamp_case(void);

static struct scratch_dir tsa; /* made once */
static char named[PATH_MAX];
static void *part;
static struct timestamp_authority *authority;
static struct buf reply;

static void sh(const char *command)
{
	char line[1500];

	snprintf(line, sizeof line, "cd %s && { %s; } >/dev/null 2>&1", tsa.path, command);
	ck_assert_msg(system(line) == 0, "%s", command);
}

static void make_authorities(void)
{
	static const char config[] =
	        "[tsa]\ndefault_tsa = t\n[t]\nserial = serial\ncrypto_device = builtin\n"
	        "signer_cert = tsa.pem\nsigner_key = tsa.key\nsigner_digest = sha256\n"
	        "default_policy = 1.2.3.4\ndigests = sha256\nordering = no\ness_cert_id_alg = sha256\n";

	tsa = scratch_new();
	for (size_t i = 0; i < 2; i++) {
		char line[500];
		snprintf(
		        line, sizeof line,
		        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.pem "
		        "-days 30 -subj /CN=authority -addext extendedKeyUsage=critical,timeStamping",
		        i ? "other" : "tsa", i ? "other" : "tsa");
		sh(line);
	}
	scratch_write(scratch_file(&tsa, "tsa.cnf"), view_of(config));
	snprintf(named, sizeof named, "%s", scratch_file(&tsa, "tsa.pem"));
}

static void drop_authorities(void)
{
	scratch_remove(&tsa);
}

static void append(unsigned n)
{
	struct append_job job;

	log_append_some(&f.log, &job, 1, n);
	append_free(&job, 1);
}

static void set_up(void)
{
	worker_open();
	atomic_store(&witness.settled, true);
	witness.log = f.log.vkey;
	authority = &f.core.conf->timestamp;
	*authority = (struct timestamp_authority){ .to = { .host = "tsa.example", .port = 80 },
		                                   .path = "/stamp",
		                                   .plain = true,
		                                   .authorities = scratch_read(named) };
	reply = BUF_INIT(TIMESTAMP_MAX);
	append(1);
	ck_assert_ptr_nonnull(part = timestamp_new(worker));
}

static void tear_down(void)
{
	writer_stop(f.log.writer);
	f.log.writer = NULL;
	home_collect(worker->home);
	timestamp_free(part);
	scratch_free(authority->authorities);
	worker_close();
	buf_free(&reply);
}

/* --- the authority --- */

/* What it says to these bytes, into `reply`. */
static struct view stamped(struct view query)
{
	scratch_write(scratch_file(&tsa, "query"), query);
	sh("openssl ts -reply -config tsa.cnf -queryfile query -out reply");
	struct view bytes = scratch_read(scratch_file(&tsa, "reply"));
	buf_reset(&reply);
	buf_add(&reply, bytes);
	scratch_free(bytes);
	ck_assert(reply.n > 0 && !reply.failed);
	return buf_view(&reply);
}

/* To a request for this text, or for the newest checkpoint's, with a nonce of somebody's own. */
static struct view stamped_for_another(const char *text)
{
	const uint8_t nonce[TIMESTAMP_NONCE] = { 1, 2, 3 };
	struct buf query = BUF_INIT(4096);
	struct digest imprint;
	struct view note, head, signatures;
	uint64_t size;

	if (text) {
		sha256(view_of(text), &imprint);
	} else {
		OK(store_last_checkpoint(f.reader, &size, &note, e));
		OK(note_split(note, &head, &signatures, e));
		sha256(head, &imprint);
	}
	OK(timestamp_request(&imprint, nonce, &query, e));
	struct view v = stamped(buf_view(&query));
	buf_free(&query);
	return v;
}

static void tick(void)
{
	ck_assert(asks(timestamp_tick, part));
	is_asked("/stamp");
}

static uint64_t stored(void)
{
	uint64_t size;

	OK(store_timestamped(f.reader, &size, e));
	return size;
}

/* An answer that counts. */
static void is_stamped(void)
{
	uint64_t before = atomic_load(&f.core.timestamps);

	ck_assert(!answer_it(200, stamped(buf_view(&post_seen.body))));
	UNTIL(atomic_load(&f.core.timestamps) == before + 1);
	ck_assert_uint_eq(stored(), log_size());
	int64_t apart = instant_now_ms() - timestamp_latest_ms(&f.core);
	ck_assert(apart > -2 * SECOND_MS && apart < 60 * SECOND_MS);
}

/* One that does not: nothing is kept of it. */
static void is_refused(int status, struct view answer)
{
	tick();
	ck_assert(!answer_it(status, answer));
	let_write();
	ck_assert_uint_eq(atomic_load(&f.core.timestamp_failures), 1);
	ck_assert_uint_eq(atomic_load(&f.core.timestamps), 0);
	ck_assert_uint_eq(stored(), 0);
	ck_assert(timestamp_latest_ms(&f.core) == TIME_NONE);
}

START_TEST(a_checkpoint_is_stamped_once)
{
	char target[60];

	tick();
	ck_assert(!asks(timestamp_tick, part)); /* one at a time */
	post_seen.done = true;
	is_stamped();
	ck_assert_uint_eq(atomic_load(&f.core.timestamp_failures), 0);
	snprintf(target, sizeof target, "/timestamp/%u", (unsigned)log_size());
	ck_assert_int_eq(got(SOUTH_GATEWAY, target), 200);
	ck_assert(view_eq(buf_view(&answer_seen.body), buf_view(&reply)));
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/checkpoint?timestamped"), 200);
	/* Nothing new; then something. */
	ck_assert(!asks(timestamp_tick, part));
	append(2);
	tick();
	is_stamped();
}
END_TEST

START_TEST(it_is_asked_in_its_time)
{
	authority->every_s = 3600;
	tick();
	is_stamped();
	append(2);
	ck_assert(!asks(timestamp_tick, part));
	clock_ahead_ms += 3601 * SECOND_MS;
	tick();
	/* After a failure it is sooner. */
	ck_assert(!answer_it(503, VIEW("")));
	ck_assert(!asks(timestamp_tick, part));
	clock_ahead_ms += 61 * SECOND_MS;
	tick();
}
END_TEST

START_TEST(what_is_asked_for_is_the_newest_checkpoint)
{
	struct view note, text, signatures;
	struct digest imprint;
	uint64_t size;

	tick();
	OK(store_last_checkpoint(f.reader, &size, &note, e));
	OK(note_split(note, &text, &signatures, e));
	sha256(text, &imprint);
	ck_assert(memmem(post_seen.body.p, post_seen.body.n, imprint.b, sizeof imprint.b) != NULL);
}
END_TEST

/* --- answers that do not count --- */

START_TEST(no_answer_and_other_statuses)
{
	static const int statuses[] = { 0, 201, 400, 404, 500 };

	is_refused(statuses[_i], VIEW("no"));
}
END_TEST

START_TEST(what_is_no_response)
{
	is_refused(200, _i ? VIEW("0\003\002\001\001") : VIEW(""));
}
END_TEST

START_TEST(a_response_that_was_not_granted)
{
	is_refused(200, stamped(VIEW("0\003\002\001\001")));
}
END_TEST

/* One that answered somebody else, or us before: the imprint is right and the nonce is not. */
START_TEST(a_response_to_another_request)
{
	is_refused(200, stamped_for_another(NULL));
}
END_TEST

START_TEST(a_response_for_something_else)
{
	is_refused(200, stamped_for_another("something else"));
}
END_TEST

START_TEST(an_authority_that_is_not_named)
{
	scratch_free(authority->authorities);
	authority->authorities = scratch_read(scratch_file(&tsa, "other.pem"));
	tick();
	struct view answer = stamped(buf_view(&post_seen.body));
	ck_assert(!answer_it(200, answer));
	let_write();
	ck_assert_uint_eq(atomic_load(&f.core.timestamp_failures), 1);
	ck_assert_uint_eq(stored(), 0);
	ck_assert(timestamp_latest_ms(&f.core) == TIME_NONE);
}
END_TEST

/* --- when nothing is asked --- */

START_TEST(nothing_is_asked)
{
	atomic_store(&witness.settled, _i != 0);
	atomic_store(&f.core.dying, _i == 1);
	authority->to.host = _i == 2 ? NULL : authority->to.host;
	ck_assert(!asks(timestamp_tick, part));
	ck_assert_uint_eq(f.core.conf->refs, 1);
	ck_assert_uint_eq(atomic_load(&f.core.timestamp_failures), 0);
}
END_TEST

/* --- what a start knows --- */

START_TEST(a_stored_time_is_recalled)
{
	f.core.timestamp_ms = TIME_NONE;
	OK(timestamp_recall(&f.core, f.reader, e));
	ck_assert(timestamp_latest_ms(&f.core) == TIME_NONE);
	tick();
	is_stamped();
	int64_t ms = timestamp_latest_ms(&f.core);
	f.core.timestamp_ms = TIME_NONE;
	OK(timestamp_recall(&f.core, f.reader, e));
	ck_assert_int_eq(timestamp_latest_ms(&f.core), ms);
	/* Times only go forward. */
	f.core.timestamp_ms = ms + 1;
	OK(timestamp_recall(&f.core, f.reader, e));
	ck_assert_int_eq(timestamp_latest_ms(&f.core), ms + 1);
	/* Verified anew: by an authority that is named now; and of none that is not. */
	f.core.timestamp_ms = TIME_NONE;
	authority->to.host = NULL;
	OK(timestamp_recall(&f.core, f.reader, e));
	ck_assert(timestamp_latest_ms(&f.core) == TIME_NONE);
	authority->to.host = "tsa.example";
	scratch_free(authority->authorities);
	authority->authorities = scratch_read(scratch_file(&tsa, "other.pem"));
	OK(timestamp_recall(&f.core, f.reader, e));
	ck_assert(timestamp_latest_ms(&f.core) == TIME_NONE);
}
END_TEST

/* A worker that starts anew knows what is stamped already. */
START_TEST(a_stored_timestamp_is_not_asked_for_again)
{
	tick();
	is_stamped();
	timestamp_free(part);
	ck_assert_ptr_nonnull(part = timestamp_new(worker));
	ck_assert(!asks(timestamp_tick, part));
	timestamp_free(NULL);
}
END_TEST

START_TEST(timestamps_that_are_not_there)
{
	static const char *const targets[] = { "/timestamp/1", "/timestamp/x", "/timestamp/99999999999999999999" };

	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		got(SOUTH_GATEWAY, targets[i]);
		is_problem(404, "not-found");
	}
}
END_TEST

TCase *make_timestamp_case(void)
{
	TCase *c = tcase_create("timestamp");

	tcase_add_unchecked_fixture(c, make_authorities, drop_authorities);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, a_checkpoint_is_stamped_once);
	tcase_add_test(c, it_is_asked_in_its_time);
	tcase_add_test(c, what_is_asked_for_is_the_newest_checkpoint);
	tcase_add_loop_test(c, no_answer_and_other_statuses, 0, 5);
	tcase_add_loop_test(c, what_is_no_response, 0, 2);
	tcase_add_test(c, a_response_that_was_not_granted);
	tcase_add_test(c, a_response_to_another_request);
	tcase_add_test(c, a_response_for_something_else);
	tcase_add_test(c, an_authority_that_is_not_named);
	tcase_add_loop_test(c, nothing_is_asked, 0, 3);
	tcase_add_test(c, a_stored_time_is_recalled);
	tcase_add_test(c, a_stored_timestamp_is_not_asked_for_again);
	tcase_add_test(c, timestamps_that_are_not_there);
	return c;
}
