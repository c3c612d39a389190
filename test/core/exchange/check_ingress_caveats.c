/* The codes that come with a partner's delivery: compared with its log, the agreement and the envelope, and kept. */
#include "gatewayd/core/store/caveats.h"
#include "test/core/exchange/parcel_fixture.h"

#define H2  "{\"scale\":\"europol-handling\",\"value\":\"H2\"}"
#define RED "{\"scale\":\"tlp-2.0\",\"value\":\"RED\"}"

/* Its log proves them, and yet they are not what a gateway that keeps the agreement sends. */
static const struct {
	const char *caveats, *handling;
	enum reason reason;
	const char *clause, *pointer;
} lies[] = {
	/* the agreement's own is shed */
	{ "[]", NULL, REASON_RECEIPT_INVALID, "/onward/caveats", "/origin/caveats" },
	{ "[" RED "]", NULL, REASON_RECEIPT_INVALID, "/onward/caveats", "/origin/caveats" },
	/* a milder one beside it, twice, the other way round, white space, an escape: each would be a message */
	{ "[{\"scale\":\"europol-handling\",\"value\":\"H0\"}," H2 "]", NULL, REASON_RECEIPT_INVALID, "one form",
	  "/origin/caveats" },
	{ "[" H2 "," H2 "]", NULL, REASON_RECEIPT_INVALID, "one form", "/origin/caveats" },
	{ "[" RED "," H2 "]", NULL, REASON_RECEIPT_INVALID, "one form", "/origin/caveats" },
	{ "[ " H2 "]", NULL, REASON_RECEIPT_INVALID, "one form", "/origin/caveats" },
	{ "[{\"scale\":\"europol-handling\",\"value\":\"\\u00482\"}]", NULL, REASON_RECEIPT_INVALID, "one form",
	  "/origin/caveats" },
	/* the envelope says more than they do */
	{ "[" H2 "]", "[" RED "]", REASON_RECEIPT_INVALID, "leave out", "/origin/caveats" },
	/* on no list, and of a scale that the agreement does not know */
	{ "[" H2 ",{\"scale\":\"tlp-2.0\",\"value\":\"WHITE\"}]", NULL, REASON_HANDLING_UNKNOWN, "/handling/scales",
	  "/origin/caveats/1" },
	{ "[" H2 ",{\"scale\":\"uk-3x5x2-handling\",\"value\":\"C\"}]", NULL, REASON_HANDLING_UNKNOWN,
	  "/handling/scales", "/origin/caveats/1" },
};

START_TEST(caveats_that_its_log_proves_and_the_agreement_does_not)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();

	p.caveats = view_of(lies[_i].caveats);
	p.handling = lies[_i].handling;
	name_caveats(&p);
	struct exchange *x = decide(&s, parcel_text(&p));
	const struct failed *first = x->decided.decision.failed;
	ck_assert_int_eq(exchange_reason(x), lies[_i].reason);
	ck_assert_str_eq(first->pointer, lies[_i].pointer);
	ck_assert_msg(strstr(first->clause, lies[_i].clause) != NULL, "%s", first->clause);
	commit(x);
	ck_assert(buf_holds(&x->written.result,
	                    lies[_i].reason == REASON_RECEIPT_INVALID ? "\"final\":false" : "\"final\":true"));
	exchange_recycle(x);
}
END_TEST

/* They are kept, shown to the own system, and named in the entry, as the sender's has them. */
START_TEST(caveats_are_kept_and_shown)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();
	struct store_caveats kept;
	char hex[65];

	p.caveats = VIEW("[" H2 "," RED "]");
	p.handling = "[" RED "]";
	name_caveats(&p);
	struct exchange *x = sent(&s, parcel_text(&p));
	ck_assert_int_eq(x->found.status, 201);
	hex_of(&p.entry.caveats, hex);
	LEAF_SAYS(x, "caveats", hex);
	ck_assert(buf_holds(&x->written.members, ",\"caveats\":[" H2 "," RED "]"));
	OK(store_get_caveats(f.reader, row_of(x).seq, &kept, e));
	ck_assert(view_eq(kept.text, p.caveats));
	exchange_recycle(x);
}
END_TEST

/* Handling in words waits for a person, but for the agreement's own, which its signers have read. */
START_TEST(words_that_came_wait_for_a_person)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();

	p.caveats = VIEW("[" H2 ",{\"scale\":\"europol-handling\",\"text\":\"ask first\",\"value\":\"H3\"}]");
	name_caveats(&p);
	struct exchange *x = sent(&s, parcel_text(&p));
	ck_assert_int_eq(x->found.status, 202);
	ck_assert(leaf_has(x, "caveats"));
	exchange_recycle(x);
}
END_TEST

TCase *make_ingress_caveats_case(void);
TCase *make_ingress_caveats_case(void)
{
	TCase *c = tcase_create("ingress_caveats");

	tcase_add_checked_fixture(c, exchange_open, exchange_close);
	tcase_add_loop_test(c, caveats_that_its_log_proves_and_the_agreement_does_not, 0, sizeof lies / sizeof *lies);
	tcase_add_test(c, caveats_are_kept_and_shown);
	tcase_add_test(c, words_that_came_wait_for_a_person);
	return c;
}
