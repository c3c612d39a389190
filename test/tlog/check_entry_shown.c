/* Leaves that a partner shows: the ones that entry_print() writes, and nothing beside. */
#include <check.h>

#include "lib/json/tape.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/entry_shown.h"
#include "test/tlog/fixture.h"

TCase *make_entry_shown_case(void);

#define D "abababababababababababababababababababababababababababababababab"
#define U "019b76da-a800-7000-8000-000000000001"

static const char *fault_of(struct view text)
{
	struct tape_parser *p = tape_parser_new(NULL);
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	ck_assert_msg(tape_parse(p, text, &t, &e), "%s", e.text);
	const char *fault = entry_shown_fault(&t, 1);
	tape_parser_free(p);
	return fault;
}

static struct entry record_entry(enum operation o)
{
	struct entry e = { .operation = o,
		           .time_ms = 1767323045678,
		           .exchange = { .b = { 1 } },
		           .origin = { .b = { 2 } },
		           .corrects = { .b = { 3 } },
		           .peer = VIEW("south-gw"),
		           .recipient = VIEW("south"),
		           .agreement = VIEW("pnr"),
		           .purpose = VIEW("serious-crime"),
		           .legal_basis = VIEW("pnr-law"),
		           .tier = VIEW("T1"),
		           .exception = VIEW("imminent-threat"),
		           .checked = VIEW("case,necessity"),
		           .outcome = VIEW("released"),
		           .form = 1,
		           .build = VIEW("v1-2-gabcdef0"),
		           .random = { 7 } };

	e.agreement_digest.b[0] = e.consent.b[0] = e.envelope.b[0] = e.input.b[0] = e.output.b[0] = e.caveats.b[0] = 1;
	return e;
}

static const char *fault_of_entry(const struct entry *e, unsigned n_disclosures)
{
	struct disclosures sd = { .packed = BUF_INIT(65536),
		                  .digests = BUF_INIT(65536),
		                  .nested = BUF_INIT(65536),
		                  .text = BUF_INIT(65536) };
	struct buf leaf = BUF_INIT(ENTRY_MAX);

	for (unsigned i = 0; i < n_disclosures; i++)
		disclosures_add(&sd, (const uint8_t[16]){ (uint8_t)i }, VIEW("decision"), VIEW("{}"));
	entry_print(e, &sd, &leaf);
	ck_assert(!leaf.failed);
	const char *fault = fault_of(buf_view(&leaf));
	disclosures_free(&sd);
	buf_free(&leaf);
	return fault;
}

START_TEST(what_gateways_write_is_taken)
{
	static const enum operation of_records[] = { OPERATION_DISCLOSURE, OPERATION_COLLECTION, OPERATION_HOLD,
		                                     OPERATION_REFUSAL };
	static const enum operation of_notices[] = { OPERATION_DUTY, OPERATION_DECISION, OPERATION_REFUSAL };

	for (size_t i = 0; i < sizeof of_records / sizeof *of_records; i++) {
		struct entry e = record_entry(of_records[i]);
		e.final = of_records[i] == OPERATION_REFUSAL;
		e.reason = e.final ? VIEW("policy") : VIEW("");
		ck_assert_pstr_eq(fault_of_entry(&e, 1), NULL);
	}
	for (size_t i = 0; i < sizeof of_notices / sizeof *of_notices; i++) {
		struct entry e = { .operation = of_notices[i],
			           .time_ms = 0,
			           .exchange = { .b = { 1 } },
			           .recipient = VIEW("south"),
			           .note = VIEW("hold: taken") };
		ck_assert_pstr_eq(fault_of_entry(&e, 1), NULL);
	}
}
END_TEST

#define BESIDE   "the entry has a member that an entry of its operation has not"
#define SHAPE    "a member of the entry has not the shape that this build writes"
#define SPELLING "the entry is not in the one spelling of entries"
#define OTHER    "the entry is of no operation that a partner shows"
#define LATER    "the entry names a form that this build does not know: a newer one wrote it"
#define S43      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define T43      "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct {
	const char *text, *fault;
} leaves[] = {
	{ "[1]", "the entry is not a JSON object" },
	/* members that nobody reads */
	{ "{\"operation\":\"disclosure\",\"remark\":\"for your eyes\"}", BESIDE },
	{ "{\"note\":\"for your eyes\",\"operation\":\"disclosure\"}", BESIDE },
	{ "{\"after\":\"" D "\",\"operation\":\"disclosure\"}", BESIDE },
	{ "{\"final\":true,\"operation\":\"collection\"}", BESIDE },
	{ "{\"operation\":\"duty\",\"purpose\":\"p\"}", BESIDE },
	{ "{\"consent\":\"" D "\",\"operation\":\"decision\"}", BESIDE },
	/* of what no partner shows */
	{ "{\"operation\":\"genesis\"}", OTHER },
	{ "{\"operation\":\"backup\"}", OTHER },
	{ "{\"operation\":\"made-up\"}", OTHER },
	{ "{\"operation\":1}", OTHER },
	{ "{\"purpose\":\"p\"}", OTHER },
	/* shapes */
	{ "{\"build\":\"\",\"operation\":\"duty\"}", SHAPE },
	{ "{\"build\":\"\xc3\xa4\",\"operation\":\"duty\"}", SHAPE },
	{ "{\"build\":\"\\n\",\"operation\":\"duty\"}", SHAPE },
	{ "{\"build\":1,\"operation\":\"duty\"}", SHAPE },
	{ "{\"build\":\"" D "\",\"operation\":\"duty\"}", NULL },
	{ "{\"build\":\"" D "1\",\"operation\":\"duty\"}", SHAPE },
	{ "{\"build\":\"for your eyes\",\"operation\":\"duty\"}", SHAPE },
	{ "{\"operation\":\"duty\",\"peer\":\"a-Z_0.9\"}", NULL },
	{ "{\"operation\":\"duty\",\"peer\":\"a:b\"}", SHAPE },
	{ "{\"operation\":\"duty\",\"outcome\":\"for-you\"}", NULL },
	{ "{\"operation\":\"duty\",\"outcome\":\"for you\"}", SHAPE },
	{ "{\"operation\":\"duty\",\"outcome\":\"For\"}", SHAPE },
	{ "{\"note\":\"hold: taken, once\",\"operation\":\"duty\"}", NULL },
	{ "{\"note\":\"hold. 7\",\"operation\":\"duty\"}", SHAPE },
	{ "{\"operation\":\"disclosure\",\"reason\":\"policy\"}", BESIDE },
	{ "{\"operation\":\"hold\",\"reason\":\"policy\"}", NULL },
	{ "{\"input\":\"ab\",\"operation\":\"duty\"}", SHAPE },
	{ "{\"input\":[\"" D "\"],\"operation\":\"duty\"}", SHAPE },
	{ "{\"exchange\":\"" U "\",\"operation\":\"duty\"}", NULL },
	{ "{\"exchange\":\"019B76DA-A800-7000-8000-000000000001\",\"operation\":\"duty\"}", SHAPE },
	{ "{\"operation\":\"duty\",\"time\":1.5}", SHAPE },
	{ "{\"operation\":\"duty\",\"time\":-1}", SHAPE },
	{ "{\"operation\":\"duty\",\"time\":\"1\"}", SHAPE },
	{ "{\"final\":false,\"operation\":\"refusal\"}", SHAPE },
	{ "{\"operation\":\"duty\",\"random\":\"AAAAAAAAAAAAAAAAAAAAAA\"}", NULL },
	{ "{\"operation\":\"duty\",\"random\":\"AAAAAAAAAAAAAAAAAAAAAB\"}", SHAPE },
	{ "{\"operation\":\"duty\",\"random\":\"AAAAAAAAAAAAAAAAAAAAA\"}", SHAPE },
	{ "{\"operation\":\"duty\",\"random\":\"AAAAAAAAAAAAAAAAAAAA+A\"}", SHAPE },
	/* digests of what is withheld */
	{ "{\"_sd\":[\"" S43 "\"],\"operation\":\"duty\"}", NULL },
	{ "{\"_sd\":[],\"operation\":\"duty\"}", SHAPE },
	{ "{\"_sd\":\"" S43 "\",\"operation\":\"duty\"}", SHAPE },
	{ "{\"_sd\":[1],\"operation\":\"duty\"}", SHAPE },
	{ "{\"_sd\":[\"A\"],\"operation\":\"duty\"}", SHAPE },
	{ "{\"_sd\":[\"" S43 "\",\"" T43 "\"],\"operation\":\"duty\"}", SHAPE },
	{ "{\"_sd\":[\"" S43 "\",\"" T43 "\"],\"operation\":\"refusal\"}", NULL },
	{ "{\"_sd\":[\"" T43 "\",\"" S43 "\"],\"operation\":\"refusal\"}", SHAPE },
	{ "{\"_sd\":[\"" S43 "\",\"" S43 "\"],\"operation\":\"refusal\"}", SHAPE },
	/* spellings */
	{ "{\"operation\":\"duty\",\"build\":\"b\"}", SPELLING },
	{ "{\"build\":\"b\", \"operation\":\"duty\"}", SPELLING },
	{ "{\"build\":\"\\u0062\",\"operation\":\"duty\"}", SPELLING },
	{ " {\"operation\":\"duty\"}", SPELLING },
	{ "{\"operation\":\"duty\"}\n", SPELLING },
	{ "{\"operation\":\"duty\",\"time\":1e3}", SHAPE },
	/* A newer build says so by its form, whatever members it has. */
	{ "{\"form\":2,\"operation\":\"duty\",\"remark\":\"r\"}", LATER },
	{ "{\"form\":18446744073709551616,\"operation\":\"duty\"}", LATER },
	{ "{\"form\":1,\"operation\":\"duty\"}", NULL },
	{ "{\"form\":\"2\",\"operation\":\"duty\"}", SHAPE },
};

START_TEST(what_they_do_not_write_is_not)
{
	ck_assert_pstr_eq(fault_of(view_of(leaves[_i].text)), leaves[_i].fault);
}
END_TEST

TCase *make_entry_shown_case(void)
{
	TCase *c = tcase_create("entry_shown");

	tcase_add_test(c, what_gateways_write_is_taken);
	tcase_add_loop_test(c, what_they_do_not_write_is_not, 0, sizeof leaves / sizeof *leaves);
	return c;
}
