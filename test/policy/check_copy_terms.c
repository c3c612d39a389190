/* What an agreement's text says about the recipient's copy, read long after the release. */
#include "lib/policy/copy_terms.h"
#include "test/policy/support.h"

TCase *make_copy_terms_case(void);

static const char base[] =
        "{\"purposes\":[{\"id\":\"a\"},{\"id\":\"b\",\"retention\":{\"review\":\"P1Y\",\"overdue\":\"block\","
        "\"receipt_within\":\"P2D\",\"mask_pointers\":[\"/x\"]}}],"
        "\"retention\":{\"review\":\"P3Y\"},\"notification\":{\"longest_delay\":\"P5Y\",\"rejustify_every\":\"P6M\"},"
        "\"rules\":[{\"pointer\":\"/id\",\"category\":\"direct-identifier\",\"action\":\"pseudonym\"},"
        "{\"pointer\":\"/faith\",\"category\":\"special\",\"action\":\"keep\",\"when\":{\"purposes\":[\"b\"]}},"
        "{\"pointer\":\"/note\",\"category\":\"free-text\",\"action\":\"redact-text\",\"when\":{\"purposes\":[\"a\"]}},"
        "{\"pointer\":\"/gone\",\"category\":\"direct-identifier\",\"action\":\"drop\"},"
        "{\"pointer\":\"/seat\",\"category\":\"operational\",\"action\":\"keep\"}]}";

static struct copy_terms read_terms(const char *purpose, const char *overlay, const char *pointers)
{
	struct buf have = BUF_INIT(1000);
	struct error e = { .reason = REASON_NONE };
	struct copy_terms t;

	ck_assert(copy_terms_read(view_of(base), view_of(purpose), view_of(overlay), &t, &have, &e));
	ck_assert_msg(view_is(buf_view(&have), pointers), "%.*s", VIEW_ARG(buf_view(&have)));
	buf_free(&have);
	return t;
}

START_TEST(of_the_agreement)
{
	struct copy_terms t = read_terms("a", "", "[\"/id\",\"/note\"]");

	ck_assert_uint_eq(t.review.years, 3);
	ck_assert_uint_eq(t.receipt.days, 7);
	ck_assert(!t.block_overdue);
	ck_assert_uint_eq(t.notify_longest.years, 5);
	ck_assert_uint_eq(t.notify_again.months, 6);
}
END_TEST

START_TEST(of_the_purpose)
{
	struct copy_terms t = read_terms("b", "", "[\"/x\"]");

	ck_assert_uint_eq(t.review.years, 1);
	ck_assert_uint_eq(t.receipt.days, 2);
	ck_assert(t.block_overdue);
}
END_TEST

START_TEST(an_overlay_shortens_reviews)
{
	ck_assert_uint_eq(read_terms("a", "{\"limits\":{\"copy_review\":\"P2Y\"}}", "[\"/id\",\"/note\"]").review.years,
	                  2);
	ck_assert_uint_eq(read_terms("b", "{\"limits\":{\"copy_review\":\"P2Y\"}}", "[\"/x\"]").review.years, 1);
	ck_assert_uint_eq(read_terms("b", "{\"limits\":{\"copy\":\"P2Y\"}}", "[\"/x\"]").review.years, 1);
}
END_TEST

/* Without the clause nothing is kept; an overlay shortens what is, and gives nothing. */
START_TEST(what_is_kept)
{
	static const struct {
		const char *clause, *overlay;
		unsigned days, seconds;
	} kept[] = {
		{ "{}", "", 0, 0 },
		{ "{\"order\":\"case\"}", "{\"limits\":{\"keep\":\"P2D\"}}", 0, 0 },
		{ "{\"keep\":\"P3D\"}", "", 3, 0 },
		{ "{\"keep\":\"P3D\"}", "{\"limits\":{\"copy\":\"P1D\"}}", 3, 0 },
		{ "{\"keep\":\"P3D\"}", "{\"limits\":{\"keep\":\"P5D\"}}", 3, 0 },
		{ "{\"keep\":\"P3D\"}", "{\"limits\":{\"keep\":\"PT6H\"}}", 0, 21600 },
		{ "{\"keep\":\"P3D\"}", "{\"limits\":{\"keep\":\"P0D\"}}", 0, 0 },
	};

	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
		struct buf text = BUF_INIT(1000), have = BUF_INIT(1000);
		struct error e = { .reason = REASON_NONE };
		struct copy_terms t;

		buf_addf(&text, "{\"purposes\":[{\"id\":\"a\"}],\"rules\":[],\"delivery\":%s}", kept[i].clause);
		ck_assert(copy_terms_read(buf_view(&text), VIEW("a"), view_of(kept[i].overlay), &t, &have, &e));
		ck_assert_uint_eq(t.keep.days, kept[i].days);
		ck_assert_uint_eq(t.keep.seconds, kept[i].seconds);
		buf_free(&text);
		buf_free(&have);
	}
}
END_TEST

/* An overlay sets a first review where the agreement has none. */
START_TEST(an_overlay_sets_reviews)
{
	struct view text = VIEW("{\"purposes\":[{\"id\":\"a\"}],\"retention\":{\"copy\":\"P5Y\"},\"rules\":[]}");
	struct buf have = BUF_INIT(1000);
	struct error e = { .reason = REASON_NONE };
	struct copy_terms t;

	ck_assert(copy_terms_read(text, VIEW("a"), VIEW(""), &t, &have, &e));
	ck_assert(t.review.years == 0 && t.review.months == 0);
	ck_assert(copy_terms_read(text, VIEW("a"), VIEW("{\"limits\":{\"copy_review\":\"P2Y\"}}"), &t, &have, &e));
	ck_assert_uint_eq(t.review.years, 2);
	ck_assert(copy_terms_read(text, VIEW("a"), VIEW("{\"limits\":{\"copy\":\"P2Y\"}}"), &t, &have, &e));
	ck_assert(t.review.years == 0 && t.review.months == 0);
	buf_free(&have);
}
END_TEST

START_TEST(no_such_purpose)
{
	struct buf have = BUF_INIT(1000);
	struct error e = { .reason = REASON_NONE };
	struct copy_terms t;

	ck_assert(!copy_terms_read(view_of(base), VIEW("c"), VIEW(""), &t, &have, &e));
	ck_assert_int_eq(e.reason, REASON_NOT_FOUND);
	ck_assert(!copy_terms_read(VIEW("{"), VIEW("a"), VIEW(""), &t, &have, &e));
	ck_assert_uint_eq(have.n, 0);
}
END_TEST

START_TEST(onward)
{
	ck_assert_int_eq(copy_onward(VIEW("{}"), VIEW("west")), ONWARD_NEVER);
	ck_assert_int_eq(copy_onward(VIEW("{\"onward\":{\"allowed\":\"never\",\"to\":[\"west\"]}}"), VIEW("west")),
	                 ONWARD_NEVER);
	ck_assert_int_eq(copy_onward(VIEW("{\"onward\":{\"allowed\":\"with-permission\"}}"), VIEW("west")),
	                 ONWARD_WITH_PERMISSION);
	ck_assert_int_eq(
	        copy_onward(VIEW("{\"onward\":{\"allowed\":\"listed\",\"to\":[\"east\",\"west\"]}}"), VIEW("west")),
	        ONWARD_LISTED);
	ck_assert_int_eq(copy_onward(VIEW("{\"onward\":{\"allowed\":\"listed\",\"to\":[\"east\"]}}"), VIEW("west")),
	                 ONWARD_NEVER);
}
END_TEST

/* The presets' own: what PNR masks after six months is what a rule on a person lets pass. */
START_TEST(of_a_preset)
{
	struct view text = read_whole("conf/agreements/pnr.json");
	struct buf have = BUF_INIT(10000);
	struct error e = { .reason = REASON_NONE };
	struct copy_terms t;

	ck_assert(copy_terms_read(text, VIEW("serious-crime"), VIEW(""), &t, &have, &e));
	ck_assert(memmem(have.p, have.n, "\"/travellers/*/family\"", 22));
	ck_assert(!memmem(have.p, have.n, "\"/carrier\"", 10));
	buf_free(&have);
	free((void *)(uintptr_t)text.p);
}
END_TEST

TCase *make_copy_terms_case(void)
{
	TCase *c = tcase_create("copy_terms");

	tcase_add_test(c, of_the_agreement);
	tcase_add_test(c, of_the_purpose);
	tcase_add_test(c, an_overlay_shortens_reviews);
	tcase_add_test(c, what_is_kept);
	tcase_add_test(c, an_overlay_sets_reviews);
	tcase_add_test(c, no_such_purpose);
	tcase_add_test(c, onward);
	tcase_add_test(c, of_a_preset);
	return c;
}
