/* An audit entry gets its act's time and this software's build, and is appended whole or not at all. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "gatewayd/core/audit/entry.h"

#include <openssl/rand.h>

#include "test/core/log_fixture.h"
#include "gatewayd/core/store/log.h"

#define NOW_MS INT64_C(1772452800000)

TCase *make_entry_case(void);

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

struct entry_job {
	struct job job; /* first */
	struct entry facts;
	struct disclosures *sd;
	bool index_wanted;
	uint64_t index;
	bool home;
};

static bool entry_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct entry_job *t = JOB_OF(struct entry_job, j);
	struct core core = { .build = "made-up-build" };
	struct act a = { .core = &core, .writer = w, .job = j, .store = s, .now_ms = NOW_MS };

	return audit_append(&a, &t->facts, t->sd, t->index_wanted ? &t->index : NULL, e);
}

static void entry_done(struct job *j)
{
	JOB_OF(struct entry_job, j)->home = true;
	writer_release(j);
}

static void append(struct entry_job *t)
{
	struct pollfd p = { .fd = home_fd(f.home), .events = POLLIN };

	t->job = (struct job){ .home = f.home, .run = entry_run, .done = entry_done };
	writer_submit(f.writer, &t->job);
	while (!t->home) {
		ck_assert_int_eq(poll(&p, 1, 30000), 1);
		home_collect(f.home);
	}
}

#define RANDOM 22 /* characters of 128 bits in base64url */

/* The leaf is `before`, digests, `between`, random bits and `after`. */
static void appended(const char *before, unsigned digests, const char *between, const char *after)
{
	struct view l, p;
	unsigned n;

	OK(store_get_entry(f.store, 1, &l, &p, e));
	OK(disclosures_verify(l, p, e));
	ck_assert(disclosures_count(l, &n));
	ck_assert_uint_eq(n, digests);
	ck_assert_uint_eq(p.n, digests ? strlen("[\"\"]") + RANDOM : 0);
	size_t at = strlen(before) + (digests ? digests * 46 - 1 : 0);
	ck_assert(view_starts(l, view_of(before)));
	ck_assert_msg(view_starts(view_from(l, at), view_of(between)), "%.*s", VIEW_ARG(l));
	ck_assert_msg(view_is(view_from(l, at + strlen(between) + RANDOM), after), "%.*s", VIEW_ARG(l));
}

static uint64_t entries(void)
{
	struct writer_stats stats;

	writer_stats(f.writer, &stats);
	return stats.tree_size;
}

START_TEST(time_and_build_are_the_acts)
{
	struct entry_job t = { .facts = { .operation = OPERATION_DECISION,
		                          .time_ms = 1,
		                          .build = VIEW("another"),
		                          .note = VIEW("made up") },
		               .index_wanted = true };

	append(&t);
	ck_assert(t.job.committed);
	ck_assert_uint_eq(t.index, 1);
	appended("{\"_sd\":[", 1,
	         "],\"build\":\"made-up-build\",\"note\":\"made up\",\"operation\":\"decision\",\"random\":\"",
	         "\",\"time\":1772452800000}");
}
END_TEST

START_TEST(the_index_may_be_unwanted)
{
	struct entry_job t = { .facts = { .operation = OPERATION_STOP } };

	append(&t);
	ck_assert(t.job.committed);
	appended("", 0, "{\"build\":\"made-up-build\",\"operation\":\"stop\",\"random\":\"",
	         "\",\"time\":1772452800000}");
}
END_TEST

START_TEST(what_is_withheld_is_stored_beside)
{
	struct disclosures sd = { .n = 0 };
	uint8_t salt[16] = { 1 };
	struct entry_job t = { .facts = { .operation = OPERATION_DUTY }, .sd = &sd };
	struct view leaf, packed;
	struct error e = { .reason = REASON_NONE };

	disclosures_add(&sd, salt, VIEW("reason"), VIEW("\"made up\""));
	append(&t);
	ck_assert(t.job.committed);
	ck_assert(store_get_entry(f.store, 1, &leaf, &packed, &e));
	ck_assert(view_eq(packed, buf_view(&sd.packed)));
	ck_assert(disclosures_verify(leaf, packed, &e));
	disclosures_free(&sd);
}
END_TEST

START_TEST(what_does_not_fit_is_not_appended)
{
	static char note[ENTRY_MAX + 1];
	struct entry_job t = { .facts = { .operation = OPERATION_DECISION } };

	memset(note, 'n', sizeof note);
	t.facts.note = view_make(note, sizeof note);
	append(&t);
	ck_assert(!t.job.committed);
	ck_assert_int_eq(t.job.error.reason, REASON_NO_MEMORY);
	ck_assert_uint_eq(entries(), 1);
}
END_TEST

START_TEST(a_disclosure_that_failed_takes_the_entry_with_it)
{
	struct disclosures sd = { .packed = BUF_INIT(4096), .digests = BUF_INIT(4096), .text = BUF_INIT(8) };
	uint8_t salt[16] = { 1 };
	struct entry_job t = { .facts = { .operation = OPERATION_DUTY }, .sd = &sd };

	disclosures_add(&sd, salt, VIEW("reason"), VIEW("\"longer than there is room for\""));
	append(&t);
	ck_assert(!t.job.committed);
	ck_assert_int_eq(t.job.error.reason, REASON_NO_MEMORY);
	ck_assert_uint_eq(entries(), 1);
	disclosures_free(&sd);
}
END_TEST

START_TEST(one_disclosure_too_many_takes_the_entry_with_it)
{
	struct disclosures sd = { .n = 0 };
	uint8_t salt[16] = { 1 };
	struct entry_job t = { .facts = { .operation = OPERATION_DUTY }, .sd = &sd };

	disclosures_add(&sd, salt, VIEW("reason"), VIEW("1"));
	disclosures_add(&sd, salt, VIEW("another"), VIEW("1"));
	append(&t);
	ck_assert(!t.job.committed);
	ck_assert_int_eq(t.job.error.reason, REASON_NO_MEMORY);
	ck_assert_uint_eq(entries(), 1);
	disclosures_free(&sd);
}
END_TEST

START_TEST(a_leaf_is_printed_with_its_own_time)
{
	struct core core = { .build = "b" };
	struct entry facts = { .operation = OPERATION_STOP, .time_ms = 7 };
	struct buf leaf = BUF_INIT(ENTRY_MAX), none = BUF_INIT(4);
	struct error e = { .reason = REASON_NONE };

	struct disclosures sd = { .n = 0 };

	ck_assert(audit_print(&core, &facts, &sd, &leaf, &e));
	ck_assert(view_starts(buf_view(&leaf), VIEW("{\"build\":\"b\",\"operation\":\"stop\",\"random\":\"")));
	ck_assert(memmem(leaf.p, leaf.n, "\",\"time\":7}", 11) != NULL);
	ck_assert_uint_eq(sd.packed.n, 0);
	ck_assert(!audit_print(&core, &facts, &sd, &none, &e));
	disclosures_free(&sd);
	ck_assert_int_eq(e.reason, REASON_NO_MEMORY);
	buf_free(&leaf);
	buf_free(&none);
}
END_TEST

static int no_bytes(unsigned char *out, int n)
{
	(void)out;
	(void)n;
	return 0;
}

/* What was drawn ahead is used up first. */
START_TEST(without_random_bytes_none_is_printed)
{
	static const RAND_METHOD none = { .bytes = no_bytes };
	const struct entry facts = { .operation = OPERATION_STOP };
	struct core core = { .build = "b" };
	struct disclosures sd = { .n = 0 };
	struct buf leaf = BUF_INIT(ENTRY_MAX);
	struct error e = { .reason = REASON_NONE };

	ck_assert_int_eq(RAND_set_rand_method(&none), 1);
	for (unsigned i = 0; i < 1000 && audit_print(&core, &facts, &sd, &leaf, &e); i++)
		buf_reset(&leaf);
	ck_assert_int_eq(e.reason, REASON_CRYPTO);
	ck_assert_uint_eq(leaf.n, 0);
	disclosures_free(&sd);
	buf_free(&leaf);
}
END_TEST

TCase *make_entry_case(void)
{
	TCase *c = tcase_create("entry");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, time_and_build_are_the_acts);
	tcase_add_test(c, the_index_may_be_unwanted);
	tcase_add_test(c, what_is_withheld_is_stored_beside);
	tcase_add_test(c, what_does_not_fit_is_not_appended);
	tcase_add_test(c, a_disclosure_that_failed_takes_the_entry_with_it);
	tcase_add_test(c, one_disclosure_too_many_takes_the_entry_with_it);
	tcase_add_test(c, without_random_bytes_none_is_printed);
	tcase_add_test(c, a_leaf_is_printed_with_its_own_time);
	return c;
}
