/* What may be read, by whom: exchanges by their parties, agreements by those whom they bind, the log by oversight. */
#include "test/core/worker_fixture.h"
#include "test/policy/officers.h"

TCase *make_read_case(void);

static struct exchange *queued_one;
static struct uuid *id;

static void set_up(void)
{
	struct submission s;

	worker_open();
	s = submission_by(NORTH_SYSTEM, "pnr");
	queued_one = sent(&s, released_text());
	id = &queued_one->decided.id;
	ck_assert_int_eq(row_of(queued_one).state, STATE_QUEUED);
}

static void tear_down(void)
{
	exchange_recycle(queued_one);
	worker_close();
}

/* --- exchanges --- */

START_TEST(both_parties_see_an_exchange)
{
	static const enum core_partner parties[] = { NORTH_SYSTEM, SOUTH_GATEWAY };

	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(got(parties[i], exchange_path(id, "")), 200);
		ck_assert_str_eq(answer_member("state"), "queued");
		ck_assert_ptr_nonnull(strstr(answer_member("receipt"), "c2sp.org/tlog-proof@v1"));
		ck_assert_uint_eq(json_array_size(json_object_get(answer_doc(), "holds")), 0);
		ck_assert_int_eq(got(parties[i], exchange_path(id, "/notices")), 200);
		ck_assert_uint_eq(json_array_size(json_object_get(answer_doc(), "sent")), 0);
	}
}
END_TEST

START_TEST(others_do_not_know_that_it_is_there)
{
	const struct uuid other = { .b = { 9 } };

	f.core.conf->partners[SOUTH_SYSTEM].agency = "east";
	got(SOUTH_SYSTEM, exchange_path(id, ""));
	is_problem(404, "not-found");
	got(SOUTH_SYSTEM, exchange_path(id, "/receipt"));
	is_problem(404, "not-found");
	f.core.conf->partners[SOUTH_SYSTEM].roles = ROLE(SUPERVISOR);
	got(SOUTH_SYSTEM, exchange_path(id, ""));
	is_problem(404, "not-found");
	f.core.conf->partners[SOUTH_SYSTEM].agency = "south";
	ck_assert_int_eq(got(SOUTH_SYSTEM, exchange_path(id, "")), 200);
	got(NORTH_SYSTEM, exchange_path(&other, ""));
	is_problem(404, "not-found");
	got(NORTH_SYSTEM, "/v1/exchanges/no-id");
	is_problem(404, "not-found");
}
END_TEST

START_TEST(the_receipt_verifies)
{
	struct buf scratch_text = BUF_INIT(65536);
	struct receipt r;
	struct view leaf;

	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(id, "/receipt")), 200);
	OK(receipt_parse(buf_view(&answer_seen.body), &scratch_text, &r, &leaf, e));
	OK(receipt_verify(&r, leaf, &f.log.vkey, e));
	ck_assert(memmem(leaf.p, leaf.n, "\"disclosure\"", 12) != NULL);
	buf_free(&scratch_text);
}
END_TEST

/* It went to the other agency: its sender does not read it back. */
START_TEST(a_record_that_is_sent_is_not_read)
{
	got(NORTH_SYSTEM, exchange_path(id, "/record"));
	is_problem(404, "not-found");
	got(SOUTH_SYSTEM, exchange_path(id, "/record"));
	is_problem(404, "not-found");
}
END_TEST

/* --- agreements --- */

START_TEST(agreements_are_listed_for_those_whom_they_bind)
{
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/v1/agreements"), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(answer_doc(), "agreements")), 3);
	f.core.conf->partners[SOUTH_GATEWAY].agency = "east";
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/v1/agreements"), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(answer_doc(), "agreements")), 0);
	got(SOUTH_GATEWAY, "/v1/agreements/pnr");
	is_problem(404, "agreement-unknown");
	got(NORTH_SYSTEM, "/v1/agreements/no-such");
	is_problem(404, "agreement-unknown");
}
END_TEST

START_TEST(an_agreement_its_schemas_and_its_summary)
{
	struct ask html = { .conn = NORTH_SYSTEM,
		            .method = "GET",
		            .target = "/v1/agreements/pnr/summary",
		            .fields = { "accept", "text/html" } };
	char hex[65];

	hex_of(agreement_digest(conf_agreement(f.core.conf, VIEW("pnr"), NULL, f.now_ms)), hex);
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/agreements/pnr"), 200);
	ck_assert(buf_holds(&answer_seen.body, hex));
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/agreements/pnr/summary"), 200);
	ck_assert(!buf_holds(&answer_seen.body, "<html"));
	ck_assert_int_eq(asked(&html), 200);
	ck_assert(buf_holds(&answer_seen.body, "<html"));
	/* The fixture's configuration has no schemas of its own to show. */
	got(NORTH_SYSTEM, "/v1/agreements/pnr/schema");
	is_problem(500, "internal");
}
END_TEST

/* --- the log --- */

START_TEST(tiles_for_gateways_entries_for_own_oversight)
{
	struct writer_stats stats;
	char path[80];

	writer_stats(f.log.writer, &stats);
	snprintf(path, sizeof path, "/tile/0/000.p/%llu", (unsigned long long)stats.tree_size);
	ck_assert_int_eq(got(SOUTH_GATEWAY, path), 200);
	ck_assert_uint_eq(answer_seen.body.n, stats.tree_size * 32);
	got(SOUTH_GATEWAY, "/tile/0/000");
	is_problem(404, "not-found");
	got(SOUTH_GATEWAY, "/tile/0/no-tile");
	is_problem(404, "not-found");
	f.core.conf->partners[NORTH_OFFICER].roles |= ROLE(AUDITOR);
	snprintf(path, sizeof path, "/tile/entries/000.p/%llu", (unsigned long long)stats.tree_size);
	ck_assert_int_eq(got(NORTH_OFFICER, path), 200);
	ck_assert(buf_holds(&answer_seen.body, "\"disclosure\""));
	json_t *entry = core_last_entry(&f);
	ck_assert_str_eq(core_member(entry, "operation"), "consultation");
	ck_assert_str_eq(core_member(entry, "note"), "log entries read");
	ck_assert_str_eq(core_member(entry, "peer"), "north-officer");
	json_decref(entry);
	got(NORTH_OFFICER, "/tile/entries/001");
	is_problem(404, "not-found");
	got(NORTH_OFFICER, "/tile/entries/x");
	is_problem(404, "not-found");
	f.core.conf->partners[NORTH_OFFICER].agency = "south";
	got(NORTH_OFFICER, path);
	is_problem(403, "role-denied");
}
END_TEST

START_TEST(problems_are_explained)
{
	ck_assert_int_eq(got(NORTH_SYSTEM, "/problems/quota"), 200);
	ck_assert_int_eq(json_integer_value(json_object_get(answer_doc(), "status")), 403);
	got(NORTH_SYSTEM, "/problems/none");
	is_problem(404, "not-found");
	got(NORTH_SYSTEM, "/problems/made-up");
	is_problem(404, "not-found");
}
END_TEST

START_TEST(metrics_count)
{
	ck_assert_int_eq(got(MONITOR, "/metrics"), 200);
	ck_assert(buf_holds(&answer_seen.body, "gatewayd_exchanges_released_total 1\n"));
	ck_assert(buf_holds(&answer_seen.body, "# TYPE gatewayd_outbox gauge"));
	ck_assert(buf_holds(&answer_seen.body,
	                    "gatewayd_waiting{what=\"deliveries\",recipient=\"south\",reason=\"\"} 1\n"));
	ck_assert(buf_holds(&answer_seen.body,
	                    "gatewayd_outcomes_total{agreement=\"pnr\",outcome=\"released-transformed\"} 1\n"));
	ck_assert(!buf_holds(&answer_seen.body, "# EOF"));
}
END_TEST

START_TEST(metrics_as_openmetrics)
{
	struct ask a = { .conn = MONITOR,
		         .method = "GET",
		         .target = "/metrics",
		         .fields = { "accept", "application/openmetrics-text; version=1.0.0" } };

	ck_assert_int_eq(asked(&a), 200);
	ck_assert(buf_holds(&answer_seen.body, "# TYPE gatewayd_outcomes counter\n"));
	ck_assert(buf_holds(&answer_seen.body, "# UNIT gatewayd_stage_duration_seconds seconds\n"));
	ck_assert(answer_seen.body.n > 6 && memcmp(answer_seen.body.p + answer_seen.body.n - 6, "# EOF\n", 6) == 0);
}
END_TEST

TCase *make_read_case(void)
{
	TCase *c = tcase_create("read");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, both_parties_see_an_exchange);
	tcase_add_test(c, others_do_not_know_that_it_is_there);
	tcase_add_test(c, the_receipt_verifies);
	tcase_add_test(c, a_record_that_is_sent_is_not_read);
	tcase_add_test(c, agreements_are_listed_for_those_whom_they_bind);
	tcase_add_test(c, an_agreement_its_schemas_and_its_summary);
	tcase_add_test(c, tiles_for_gateways_entries_for_own_oversight);
	tcase_add_test(c, problems_are_explained);
	tcase_add_test(c, metrics_count);
	tcase_add_test(c, metrics_as_openmetrics);
	return c;
}
