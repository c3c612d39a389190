/* What belongs together by links: both ways of walking, whatever links there are, and where a walk ends. */
#include "gatewayd/core/lineage/lineage.h"
#include "test/core/store_fixture.h"

static void put(uint64_t child, uint64_t parent, enum link_kind kind)
{
	struct store_link l = { .child = child, .parent = parent, .kind = kind, .version = 2 };

	OK(store_put_link(s, &l, e));
}

/* 1 ← 2 ← 3 correct each other, 4 corrects 1 as well; 11, 12 and 13 passed on 1, 3 and 4; 21 corrects 11. 31 and 32 are a record
 * of their own. */
static void family(void)
{
	setup();
	begin();
	put(2, 1, LINK_CORRECTS);
	put(3, 2, LINK_CORRECTS);
	put(4, 1, LINK_CORRECTS);
	put(11, 1, LINK_ONWARD);
	put(12, 3, LINK_ONWARD);
	put(13, 4, LINK_ONWARD);
	put(21, 11, LINK_CORRECTS);
	put(21, 1, LINK_ONWARD);
	put(32, 31, LINK_CORRECTS);
	commit();
}

static bool is_member(const struct lineage *l, uint64_t seq)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->seq[i] == seq)
			return true;
	return false;
}

static void holds(struct lineage *l, uint64_t first, const uint64_t *others)
{
	size_t n = 1;

	ck_assert_uint_eq(l->seq[0], first);
	for (; *others; others++, n++)
		ck_assert_msg(is_member(l, *others), "%llu is missing", (unsigned long long)*others);
	ck_assert_uint_eq(l->n, n);
	lineage_free(l);
	ck_assert(l->n == 0 && !l->seq);
}

static void descends(uint64_t from, const uint64_t *others)
{
	struct lineage all;

	OK(lineage_descend(s, from, NULL, NULL, &all, e));
	holds(&all, from, others);
}

static void ascends(uint64_t from, const uint64_t *others)
{
	struct lineage all;

	OK(lineage_ascend(s, from, &all, e));
	holds(&all, from, others);
}

START_TEST(all_versions_and_what_was_passed_on_of_them)
{
	descends(1, (uint64_t[]){ 2, 3, 4, 11, 12, 13, 21, 0 });
	descends(2, (uint64_t[]){ 1, 3, 4, 11, 12, 13, 21, 0 });
	descends(3, (uint64_t[]){ 1, 2, 4, 11, 12, 13, 21, 0 });
	descends(4, (uint64_t[]){ 1, 2, 3, 11, 12, 13, 21, 0 });
	descends(32, (uint64_t[]){ 31, 0 });
	descends(99, (uint64_t[]){ 0 });
}
END_TEST

START_TEST(what_was_passed_on_leads_back_to_what_it_came_from)
{
	descends(11, (uint64_t[]){ 21, 0 });
	descends(12, (uint64_t[]){ 0 });
	ascends(12, (uint64_t[]){ 3, 1, 2, 4, 0 });
	ascends(21, (uint64_t[]){ 11, 1, 2, 3, 4, 0 });
	ascends(31, (uint64_t[]){ 32, 0 });
}
END_TEST

static bool but_one(void *arg, uint64_t seq, bool *takes, struct error *e)
{
	(void)e;
	*takes = seq != *(uint64_t *)arg;
	return true;
}

static bool none(void *arg, uint64_t seq, bool *takes, struct error *e)
{
	(void)arg;
	(void)seq;
	(void)takes;
	return error_set(e, REASON_STORE, "made up");
}

START_TEST(nothing_behind_what_is_not_taken)
{
	struct error failed = { .reason = REASON_NONE };
	struct lineage all;
	uint64_t left_out = 2;

	OK(lineage_descend(s, 1, but_one, &left_out, &all, e));
	holds(&all, 1, (uint64_t[]){ 4, 11, 13, 21, 0 });
	ck_assert(!lineage_descend(s, 1, none, NULL, &all, &failed));
	ck_assert_int_eq(failed.reason, REASON_STORE);
	lineage_free(&all);
}
END_TEST

/* No gateway writes such links; a damaged store may have them. */
START_TEST(a_ring_ends)
{
	begin();
	put(41, 43, LINK_CORRECTS);
	put(42, 41, LINK_ONWARD);
	put(43, 42, LINK_ONWARD);
	put(42, 42, LINK_CORRECTS);
	commit();
	descends(41, (uint64_t[]){ 42, 43, 0 });
	ascends(42, (uint64_t[]){ 41, 43, 0 });
}
END_TEST

START_TEST(there_is_room_up_to_a_limit)
{
	struct error failed = { .reason = REASON_NONE };
	struct lineage all;
	bool room;

	begin();
	for (uint64_t child = 1001; child < 1000 + LINEAGE_MAX; child++) {
		put(child, 1000, LINK_ONWARD);
		if (child == 1000 + LINEAGE_MAX - 2) {
			OK(lineage_has_room(s, 1000, &room, e));
			ck_assert(room);
		}
	}
	OK(lineage_has_room(s, 1000, &room, e));
	ck_assert(!room);
	/* What came all the same is walked through, up to twice as many. */
	for (uint64_t child = 1000 + LINEAGE_MAX; child < 1000 + 2 * LINEAGE_MAX; child++)
		put(child, 1000, LINK_ONWARD);
	OK(lineage_descend(s, 1000, NULL, NULL, &all, e));
	ck_assert_uint_eq(all.n, 2 * LINEAGE_MAX);
	lineage_free(&all);
	put(1000 + 2 * LINEAGE_MAX, 1000, LINK_ONWARD);
	ck_assert(!lineage_descend(s, 1000, NULL, NULL, &all, &failed));
	ck_assert_int_eq(failed.reason, REASON_LIMIT);
	lineage_free(&all);
	commit();
}
END_TEST

TCase *make_lineage_case(void);
TCase *make_lineage_case(void)
{
	TCase *c = tcase_create("lineage");

	tcase_add_checked_fixture(c, family, teardown);
	tcase_add_test(c, all_versions_and_what_was_passed_on_of_them);
	tcase_add_test(c, what_was_passed_on_leads_back_to_what_it_came_from);
	tcase_add_test(c, nothing_behind_what_is_not_taken);
	tcase_add_test(c, a_ring_ends);
	tcase_add_test(c, there_is_room_up_to_a_limit);
	return c;
}
