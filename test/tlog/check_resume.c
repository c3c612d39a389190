/* A verification that goes on from what an earlier one found whole: it reads no entry again, and finds what does not
 * continue that. */
#include <check.h>

#include "lib/tlog/verify.h"
#include "test/tlog/fixture.h"

TCase *make_resume_case(void);

static struct log *before, *after;
static uint64_t first_read, n_read;

static bool counted(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	if (n_read++ == 0)
		first_read = index;
	return log_entry(arg, index, leaf, packed, e);
}

static struct checkpoint opened(struct log *l)
{
	struct checkpoint c;

	ck_assert(checkpoint_open(buf_view(&l->note), &l->signer.vkey, &c, NULL));
	return c;
}

/* `l` from what was verified of `from`. */
static bool resumed(struct log *l, const struct checkpoint *from, const struct checkpoint *earlier,
                    struct verify_report *r, struct error *e)
{
	struct verify_source s = { .entry = counted, .tile = log_tile, .arg = l, .verified = from };
	struct checkpoint c = opened(l);

	*e = (struct error){ .reason = REASON_NONE };
	n_read = 0;
	return verify_log(&c, earlier, &s, r, e);
}

static void logs(uint64_t from, uint64_t to)
{
	before = log_new("north.example/audit/gw/1", 1, from);
	after = log_new("north.example/audit/gw/1", 1, to);
}

static void logs_free(void)
{
	log_free(before);
	log_free(after);
}

static const uint64_t sizes[] = { 0, 1, 2, 255, 256, 257, 511, 512, 700, 1000, 1537 };
#define SIZES (sizeof sizes / sizeof sizes[0])

START_TEST(test_every_pair)
{
	struct verify_report r;
	struct error e;

	for (size_t i = 0; i < SIZES; i++)
		for (size_t k = i; k < SIZES; k++) {
			logs(sizes[i], sizes[k]);
			struct checkpoint from = opened(before), to = opened(after);
			ck_assert_msg(resumed(after, &from, NULL, &r, &e), "%s", e.text);
			ck_assert_uint_eq(r.entries, sizes[k]);
			/* And those of the bundle that was not full. */
			ck_assert_uint_eq(n_read, sizes[k] - sizes[i] / 256 * 256);
			ck_assert(n_read == 0 || first_read == sizes[i] / 256 * 256);
			ck_assert(digest_eq(&r.root, &to.root));
			/* The tree alone. */
			struct verify_source tiles = { .tile = log_tile, .arg = after, .verified = &from };
			ck_assert_msg(verify_log(&to, NULL, &tiles, &r, &e), "%s", e.text);
			/* Rolled back to before what was verified. */
			if (i < k) {
				ck_assert(!resumed(before, &to, NULL, &r, &e));
				ck_assert_int_eq(e.reason, REASON_TAMPERED);
				ck_assert_int_eq(r.place, VERIFY_HISTORY);
				ck_assert(strstr(e.text, "rolled back"));
			}
			logs_free();
		}
}
END_TEST

/* Of the holder of the key: the same size, or larger, with other entries. */
START_TEST(test_another_history)
{
	struct verify_report r;
	struct error e;

	for (uint64_t to = 700; to <= 900; to += 200) {
		logs(700, to);
		struct checkpoint from = opened(before);
		struct log *other = log_new("north.example/audit/gw/1", 1, 0);
		log_append(other, VIEW("{}"), VIEW(""));
		log_grow(other, to);
		ck_assert(!resumed(other, &from, NULL, &r, &e));
		ck_assert_int_eq(e.reason, REASON_TAMPERED);
		ck_assert_int_eq(r.place, VERIFY_HISTORY);
		ck_assert_uint_eq(r.index, 700);
		ck_assert_msg(strstr(e.text, "their tiles give another root"), "%s", e.text);
		log_free(other);
		logs_free();
	}
}
END_TEST

START_TEST(test_what_came_since)
{
	struct verify_report r;
	struct error e;

	logs(700, 1000);
	struct checkpoint from = opened(before);
	/* Every entry that came since, and those in the bundle that it goes on from; none of before is read. */
	for (uint64_t i = 0; i < 1000; i += 7) {
		after->leaf[i].p[5] ^= 1;
		ck_assert_int_eq(resumed(after, &from, NULL, &r, &e), i < 512);
		ck_assert(i < 512 || (e.reason == REASON_TAMPERED && r.place == VERIFY_ENTRY && r.index == i));
		after->leaf[i].p[5] ^= 1;
	}
	/* Every hash of the tile at the edge, and one that is cut short or missing. */
	for (unsigned at = 0; at < 232; at++) {
		after->tile[0][2].p[at * 32] ^= 1;
		ck_assert(!resumed(after, &from, NULL, &r, &e));
		ck_assert_int_eq(e.reason, REASON_TAMPERED);
		after->tile[0][2].p[at * 32] ^= 1;
	}
	size_t n = after->tile[0][2].n;
	after->tile[0][2].n = 100 * 32;
	ck_assert(!resumed(after, &from, NULL, &r, &e));
	ck_assert(r.place == VERIFY_TILE && r.index == 2 && strstr(e.text, "cut short"));
	after->tile[0][2].n = 0;
	ck_assert(!resumed(after, &from, NULL, &r, &e));
	ck_assert(e.reason == REASON_TAMPERED && r.place == VERIFY_TILE);
	after->tile[0][2].n = n;
	ck_assert(resumed(after, &from, NULL, &r, &e));
	logs_free();
}
END_TEST

/* A checkpoint that somebody kept, from before, within and behind what was verified. */
START_TEST(test_earlier)
{
	struct verify_report r;
	struct error e;

	logs(700, 1000);
	struct checkpoint from = opened(before);
	for (uint64_t size = 1; size <= 1000; size += 111) {
		struct log *kept = log_new("north.example/audit/gw/1", 1, size);
		struct checkpoint earlier = opened(kept);
		ck_assert_msg(resumed(after, &from, &earlier, &r, &e), "%s", e.text);
		earlier.root.b[0] ^= 1;
		ck_assert(!resumed(after, &from, &earlier, &r, &e));
		ck_assert_int_eq(e.reason, REASON_TAMPERED);
		ck_assert(r.place == VERIFY_HISTORY && r.index == size);
		log_free(kept);
	}
	logs_free();
}
END_TEST

START_TEST(test_refused)
{
	struct verify_source s = { .entry = log_entry, .tile = log_tile, .disclosures = true };
	struct verify_report r;
	struct error e = { .reason = REASON_NONE };

	logs(300, 400);
	struct checkpoint from = opened(before), to = opened(after);
	s.arg = after;
	s.verified = &from;
	ck_assert(!verify_log(&to, NULL, &s, &r, &e));
	ck_assert(e.reason == REASON_CONFIG && strstr(e.text, "from the first entry on"));
	s.disclosures = false;
	from.origin = VIEW("south.example/audit/gw/1");
	e = (struct error){ .reason = REASON_NONE };
	ck_assert(!verify_log(&to, NULL, &s, &r, &e));
	ck_assert(e.reason == REASON_CONFIG && strstr(e.text, "of another log"));
	logs_free();
}
END_TEST

START_TEST(test_continues)
{
	struct verify_source s = { .entry = log_entry, .tile = log_tile };

	logs(300, 1000);
	struct checkpoint from = opened(before), to = opened(after);
	s.arg = after;
	ck_assert(verify_continues(&from, &to, &s));
	ck_assert(verify_continues(&to, &to, &s));
	ck_assert(!verify_continues(&to, &from, &s));
	/* Tiles that were bent to fit another root prove nothing. */
	after->tile[1][0].p[0] ^= 1;
	ck_assert(!verify_continues(&from, &to, &s));
	after->tile[1][0].p[0] ^= 1;
	from.root.b[31] ^= 1;
	ck_assert(!verify_continues(&from, &to, &s));
	from = to;
	from.root.b[0] ^= 1;
	ck_assert(!verify_continues(&from, &to, &s));
	from.size = 0;
	ck_assert(verify_continues(&from, &to, &s));
	logs_free();
}
END_TEST

TCase *make_resume_case(void)
{
	TCase *tc = tcase_create("resume");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_every_pair);
	tcase_add_test(tc, test_another_history);
	tcase_add_test(tc, test_what_came_since);
	tcase_add_test(tc, test_earlier);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_continues);
	return tc;
}
