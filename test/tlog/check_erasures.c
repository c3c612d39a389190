/* Withheld fields that are gone: each is covered by an entry that says so, or is told as missing. */
#include <check.h>

#include "lib/tlog/erasures.h"
#include "test/tlog/fixture.h"

TCase *make_erasures_case(void);

#define ENTRIES 600
#define ORIGIN  "north.example/audit/gw/1"

static struct log *whole;
static struct later_erasures later, *known;

static void setup(void)
{
	whole = log_new(ORIGIN, 1, ENTRIES);
	later = (struct later_erasures){ .n = 0 };
	known = NULL;
}

static void teardown(void)
{
	later_erasures_free(&later);
	log_free(whole);
}

/* The log as it is now; `newest` of it is shown when it is asked for (NULL: it is not). */
struct growing {
	struct log *log;
	struct buf first;
	unsigned asked;
	bool fails;
};

static bool grown_entry(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	return log_entry(((struct growing *)arg)->log, index, leaf, packed, e);
}

static bool grown_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return log_tile(((struct growing *)arg)->log, level, index, hashes, e);
}

static bool newer(void *arg, struct checkpoint *out, struct error *e)
{
	struct growing *g = arg;

	g->asked++;
	if (g->fails)
		return error_set(e, REASON_IO, "cannot be read");
	return checkpoint_open(buf_view(&g->log->note), &g->log->signer.vkey, out, e);
}

static bool verify(struct log *l, struct verify_report *r, struct error *e)
{
	struct verify_source s = {
		.entry = log_entry, .tile = log_tile, .arg = l, .disclosures = true, .later = known
	};
	struct checkpoint c;

	*e = (struct error){ 0 };
	ck_assert(checkpoint_open(buf_view(&l->note), &l->signer.vkey, &c, e));
	return verify_log(&c, NULL, &s, r, e);
}

static void verifies(uint64_t erased, uint64_t unaccounted)
{
	struct verify_report r;
	struct error e;

	ck_assert_msg(verify(whole, &r, &e), "%s", e.text);
	ck_assert_uint_eq(r.erased, erased);
	ck_assert_uint_eq(r.unaccounted, unaccounted);
	ck_assert_uint_eq(r.missing, 0);
}

static void misses(uint64_t missing, uint64_t first)
{
	struct verify_report r;
	struct error e;

	ck_assert(!verify(whole, &r, &e));
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
	ck_assert_msg(r.place == VERIFY_MISSING && r.index == first && r.missing == missing,
	              "place %d, %llu missing from %llu: %s", r.place, (unsigned long long)r.missing,
	              (unsigned long long)r.index, e.text);
	ck_assert_ptr_nonnull(strstr(e.text, "no entry says that they were erased"));
}

static void take_row(uint64_t index)
{
	bytes_set(&whole->packed[index], view_make(NULL, 0));
}

/* Entries of 3n are deliveries. Returns how many rows there were. */
static uint64_t take_rows(uint64_t first, uint64_t last)
{
	uint64_t n = 0;

	for (uint64_t i = first; i <= last; i++) {
		n += whole->packed[i].n > 0;
		take_row(i);
	}
	return n;
}

static void append(struct log *l, const char *leaf)
{
	log_append(l, view_of(leaf), VIEW(""));
	log_commit(l);
}

static void say(struct log *l, const struct entry_range *r, size_t n, const char *of)
{
	struct entry e = {
		.operation = OPERATION_ERASURE, .random = { 1 }, .erased = r, .n_erased = n, .erased_log = view_of(of)
	};
	struct buf leaf = BUF_INIT(65535);

	entry_print(&e, NULL, &leaf);
	log_append(l, buf_view(&leaf), VIEW(""));
	log_commit(l);
	buf_free(&leaf);
}

/* Each of them, alone, is missed. */
START_TEST(test_any_that_is_hidden)
{
	for (uint64_t i = 0; i < ENTRIES; i += 7) {
		struct bytes row = whole->packed[i];

		if (row.n == 0)
			continue;
		whole->packed[i].n = 0;
		misses(1, i);
		whole->packed[i] = row;
	}
	take_rows(100, 159);
	misses(40, 100);
}
END_TEST

START_TEST(test_covered)
{
	static const struct entry_range r[] = { { 1, 10 }, { 12, 130 } };
	uint64_t n = take_rows(1, 10) + take_rows(12, 130);

	misses(n, 1);
	say(whole, r, 2, "");
	verifies(n, 0);
	/* One beside them, and one within that an entry names later. */
	take_row(131);
	misses(1, 131);
	take_row(11);
	misses(2, 11);
	say(whole, (struct entry_range[]){ { 11, 11 } }, 1, "");
	misses(1, 131);
	say(whole, (struct entry_range[]){ { 131, 599 } }, 1, ORIGIN);
	verifies(n + 2, 0);
	/* What came after covers nothing that came after it. */
	log_grow(whole, 620);
	take_row(617);
	misses(1, 617);
}
END_TEST

/* Over words and pages of the map. */
START_TEST(test_wide_ranges)
{
	static const uint64_t at[] = { 0, 1, 62, 63, 64, 65, 127, 128, 65535, 65536, 65537, 131071, 131072, 200000 };
	struct error e = { 0 };

	for (unsigned from = 0; from < sizeof at / sizeof *at; from++)
		for (unsigned to = from; to < sizeof at / sizeof *at; to++) {
			struct erasures *x = erasures_new(VIEW(ORIGIN), NULL);
			struct erasures_found found;
			char leaf[200];

			for (unsigned i = 0; i < sizeof at / sizeof *at; i++)
				ck_assert(erasures_take(x, at[i], VIEW("{\"random\":\"x\"}"), true, &e));
			snprintf(leaf, sizeof leaf, "{\"erased\":[[%llu,%llu]],\"operation\":\"erasure\"}",
			         (unsigned long long)at[from], (unsigned long long)at[to]);
			ck_assert(erasures_take(x, 200001, view_of(leaf), false, &e));
			erasures_settle(x, &found);
			ck_assert_uint_eq(found.erased, to - from + 1);
			ck_assert_uint_eq(found.missing, sizeof at / sizeof *at - found.erased);
			if (found.missing > 0)
				ck_assert_uint_eq(found.first_missing, from > 0 ? at[0] : at[to + 1]);
			/* Taken again, as a copy that goes on does. */
			ck_assert(erasures_take(x, at[from], VIEW("{}"), true, &e));
			ck_assert(erasures_take(x, at[from], VIEW("{}"), true, &e));
			erasures_settle(x, &found);
			ck_assert_uint_eq(found.missing, sizeof at / sizeof *at - (to - from));
			erasures_free(x);
		}
}
END_TEST

/* Entries of before say how many, up to where: they account for as many rows of builds of before, and no more. */
START_TEST(test_of_builds_before)
{
	struct log *old = log_new(ORIGIN, 1, 0);
	struct disclosures d = { 0 };
	struct buf leaf = BUF_INIT(65535);

	for (unsigned i = 0; i < 40; i++) {
		struct entry e = { .operation = OPERATION_DISCLOSURE, .time_ms = i };

		disclosures_reset(&d);
		buf_reset(&leaf);
		disclosures_add(&d, (uint8_t[16]){ (uint8_t)i }, VIEW("x"), VIEW("1"));
		entry_print(&e, &d, &leaf);
		log_append(old, buf_view(&leaf), buf_view(&d.packed));
	}
	log_commit(old);
	log_free(whole);
	whole = old;
	take_rows(0, 9);
	misses(10, 0);
	append(whole, "{\"note\":\"withheld fields of 8 entries, up to entry 9\",\"operation\":\"erasure\"}");
	misses(2, 8);
	append(whole, "{\"note\":\"withheld fields of 20 entries, up to entry 8\",\"operation\":\"erasure\"}");
	misses(1, 9);
	append(whole, "{\"note\":\"withheld fields of 1 entries, up to entry 9\",\"operation\":\"erasure\"}");
	verifies(0, 10);
	take_row(20);
	/* Not what a build of now says without ranges, what another operation says, or what is no number. */
	append(whole,
	       "{\"note\":\"withheld fields of 5 entries, up to entry 30\",\"operation\":\"erasure\",\"random\":\"a\"}");
	append(whole, "{\"note\":\"withheld fields of 5 entries, up to entry 30\",\"operation\":\"incident\"}");
	append(whole, "{\"note\":\"withheld fields of x entries, up to entry 30\",\"operation\":\"erasure\"}");
	append(whole, "{\"note\":\"withheld fields of 5 entries, up to entry x\",\"operation\":\"erasure\"}");
	append(whole, "{\"note\":\"withheld fields of 5 entries\",\"operation\":\"erasure\"}");
	append(whole, "{\"note\":\"delivered\",\"operation\":\"erasure\"}");
	misses(1, 20);
	say(whole, (struct entry_range[]){ { 20, 20 } }, 1, "");
	verifies(1, 10);
	/* Of a build of now they cover none. */
	log_grow(whole, 60);
	take_row(59);
	append(whole, "{\"note\":\"withheld fields of 5 entries, up to entry 59\",\"operation\":\"erasure\"}");
	misses(1, 59);
	buf_free(&leaf);
	disclosures_free(&d);
}
END_TEST

static const char *const malformed[] = {
	"[",
	"[]",
	"[[]]",
	"[[1]]",
	"[[1,]]",
	"[[1,2]",
	"[[1,2],]",
	"[[2,1]]",
	"[[1,2],[2,3]]",
	"[[5,6],[1,2]]",
	"[[-1,2]]",
	"[[1,99999999999999999999]]",
	"[[1,2],[4,5]",
	"[[a,b]]",
	"[[1,2 ]]",
};

START_TEST(test_malformed)
{
	char leaf[200];
	struct verify_report r;
	struct error e;

	snprintf(leaf, sizeof leaf, "{\"erased\":%s,\"operation\":\"erasure\"}", malformed[_i]);
	append(whole, leaf);
	ck_assert(!verify(whole, &r, &e));
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
	ck_assert_msg(r.index == ENTRIES && strstr(e.text, "malformed"), "%s", e.text);
}
END_TEST

/* Or every row that is to come could be taken away. */
START_TEST(test_of_what_is_to_come)
{
	struct verify_report r;
	struct error e;

	say(whole, (struct entry_range[]){ { 5, ENTRIES } }, 1, "");
	ck_assert(!verify(whole, &r, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "not written yet"));
}
END_TEST

/* What later logs erased of it; what they erased of others is none of its. */
START_TEST(test_later_logs)
{
	struct log *next = log_new("north.example/audit/gw/2", 2, 10),
	           *last = log_new("north.example/audit/gw/3", 3, 10);
	struct verify_report r;
	struct error e;
	uint64_t n = take_rows(4, 89);

	misses(n, 4);
	known = &later;
	for (unsigned i = 0; i < 70; i++)
		say(next, (struct entry_range[]){ { i, i } }, 1, "north.example/audit/gw/0");
	say(next, (struct entry_range[]){ { 3, 50 } }, 1, ORIGIN);
	say(last, (struct entry_range[]){ { 51, 89 } }, 1, ORIGIN);
	ck_assert_msg(verify(last, &r, &e), "%s", e.text);
	ck_assert_msg(verify(next, &r, &e), "%s", e.text);
	ck_assert_uint_eq(later.n, 2);
	verifies(n, 0);
	verifies(n, 0);
	take_row(91);
	misses(1, 91);
	log_free(next);
	log_free(last);
}
END_TEST

/* A build of before that went on in a new epoch erased of the earlier one, too, and did not say which. */
START_TEST(test_later_builds_before)
{
	struct log *next = log_new("north.example/audit/gw/2", 2, 10);
	struct verify_report r;
	struct error e;

	known = &later;
	append(next, "{\"note\":\"withheld fields of 3 entries, up to entry 9\",\"operation\":\"erasure\"}");
	ck_assert_msg(verify(next, &r, &e), "%s", e.text);
	ck_assert_uint_eq(later.unranged, 3);
	take_row(4);
	misses(1, 4);
	log_free(next);
}
END_TEST

/* Rows that go while the log is read: what says so stands behind. */
START_TEST(test_of_a_log_that_grows)
{
	struct growing g = { .log = whole, .first = BUF_INIT(NOTE_MAX) };
	struct verify_source s = {
		.entry = grown_entry, .tile = grown_tile, .arg = &g, .disclosures = true, .newer = newer
	};
	struct verify_report r;
	struct error e = { 0 };
	struct checkpoint c;

	buf_add(&g.first, buf_view(&whole->note));
	ck_assert(checkpoint_open(buf_view(&g.first), &whole->signer.vkey, &c, &e));
	ck_assert(verify_log(&c, NULL, &s, &r, &e));
	ck_assert_uint_eq(g.asked, 0);
	uint64_t n = take_rows(30, 70);
	/* It did not grow. */
	ck_assert(!verify_log(&c, NULL, &s, &r, &e));
	ck_assert_int_eq(r.place, VERIFY_MISSING);
	ck_assert_uint_eq(g.asked, 1);
	log_grow(whole, 800);
	say(whole, (struct entry_range[]){ { 30, 70 } }, 1, "");
	e = (struct error){ 0 };
	ck_assert_msg(verify_log(&c, NULL, &s, &r, &e), "%s", e.text);
	ck_assert_uint_eq(r.erased, n);
	ck_assert_uint_eq(r.entries, 801);
	/* It grew, and does not say so; it was altered behind; it cannot be read. */
	take_row(100);
	ck_assert(!verify_log(&c, NULL, &s, &r, &e));
	ck_assert(r.place == VERIFY_MISSING && r.index == 100);
	whole->leaf[700].p[40] ^= 1;
	ck_assert(!verify_log(&c, NULL, &s, &r, &e));
	ck_assert(r.place == VERIFY_ENTRY && r.index == 700);
	g.fails = true;
	e = (struct error){ 0 };
	ck_assert(!verify_log(&c, NULL, &s, &r, &e));
	ck_assert_int_eq(e.reason, REASON_IO);
	buf_free(&g.first);
}
END_TEST

TCase *make_erasures_case(void)
{
	TCase *tc = tcase_create("erasures");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_any_that_is_hidden);
	tcase_add_test(tc, test_covered);
	tcase_add_test(tc, test_wide_ranges);
	tcase_add_test(tc, test_of_builds_before);
	tcase_add_loop_test(tc, test_malformed, 0, (int)(sizeof malformed / sizeof *malformed));
	tcase_add_test(tc, test_of_what_is_to_come);
	tcase_add_test(tc, test_later_logs);
	tcase_add_test(tc, test_later_builds_before);
	tcase_add_test(tc, test_of_a_log_that_grows);
	return tc;
}
