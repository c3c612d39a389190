/* Open connections end when their certificate, partner or last agreement does; those that are refused for another reason,
 * and strangers, do not. */
#include "gatewayd/core/serve/standing.h"
#include "test/core/worker_fixture.h"

TCase *make_standing_case(void);

/* The certificate may be younger than the fixture's time. */
static void set_up(void)
{
	worker_open();
	for (uint64_t i = 0; i <= STRANGER; i++)
		conn_find(worker, i)->cert.not_before_ms = 0;
}

/* How many connections the worker ends when it looks at `now_ms`. */
static unsigned ended(int64_t now_ms)
{
	unsigned before = closed;

	standing_judge(worker, f.core.conf, now_ms);
	worker_flush(worker);
	ck_assert_int_ne(channel_receive(edge, on_edge_frame, NULL), CHANNEL_DEAD);
	return closed - before;
}

START_TEST(all_that_stands_stays)
{
	ck_assert_uint_eq(ended(f.now_ms), 0);
	ck_assert_uint_eq(ended(f.now_ms), 0);
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/agreements"), 200);
}
END_TEST

START_TEST(a_partner_that_was_removed)
{
	ck_assert_uint_eq(ended(f.now_ms), 0);
	f.core.conf->partners[SOUTH_SYSTEM].n_pins = 0;
	ck_assert_uint_eq(ended(f.now_ms), 1);
	/* once */
	ck_assert_uint_eq(ended(f.now_ms), 0);
	ck_assert(conn_find(worker, SOUTH_SYSTEM)->ending && !conn_find(worker, NORTH_SYSTEM)->ending);
}
END_TEST

START_TEST(a_certificate_that_expired)
{
	ck_assert_uint_eq(ended(f.now_ms), 0);
	conn_find(worker, NORTH_SYSTEM)->cert.not_after_ms = f.now_ms;
	ck_assert_uint_eq(ended(f.now_ms), 0);
	ck_assert_uint_eq(ended(f.now_ms + 1), 1);
}
END_TEST

/* A partner agency without an agreement in force; its own agency's systems stay, for what came is still there. */
START_TEST(the_last_agreement_that_ended)
{
	int64_t end = 0;
	unsigned of_south = 0;

	ck_assert_uint_eq(ended(f.now_ms), 0);
	for (size_t i = 0; i < f.core.conf->n_agreements; i++)
		if (agreement_sunset_ms(f.core.conf->agreements[i]) > end)
			end = agreement_sunset_ms(f.core.conf->agreements[i]);
	for (uint64_t i = 0; i < CORE_PARTNERS; i++) {
		struct conn *c = conn_find(worker, i);
		c->cert.not_after_ms = INT64_MAX;
		of_south += strcmp(f.core.conf->partners[i].agency, f.core.conf->node.agency) != 0 && c->was_bound;
	}
	ck_assert_uint_gt(of_south, 0);
	ck_assert_uint_eq(ended(end - 1), 0);
	ck_assert_uint_eq(ended(end), of_south);
	ck_assert(conn_find(worker, SOUTH_GATEWAY)->ending && !conn_find(worker, NORTH_SYSTEM)->ending);
	/* one that comes afterwards is judged by what it asks */
	conn_find(worker, SOUTH_GATEWAY)->ending = false;
	ck_assert_uint_eq(ended(end), 0);
}
END_TEST

/* Without its list nobody is admitted, and nobody's connection ends for it. */
START_TEST(a_list_that_is_missing_ends_nothing)
{
	ck_assert_uint_eq(ended(f.now_ms), 0);
	f.core.conf->revocation_checked = true;
	ck_assert_uint_eq(ended(f.now_ms), 0);
	got(NORTH_SYSTEM, "/v1/agreements");
	is_problem(503, "revocation-unknown");
}
END_TEST

TCase *make_standing_case(void)
{
	TCase *c = tcase_create("standing");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, worker_close);
	tcase_add_test(c, all_that_stands_stays);
	tcase_add_test(c, a_partner_that_was_removed);
	tcase_add_test(c, a_certificate_that_expired);
	tcase_add_test(c, the_last_agreement_that_ended);
	tcase_add_test(c, a_list_that_is_missing_ends_nothing);
	return c;
}
