/* The door, through the port: who gets which seat, what is evicted, what it costs, and what an operator is told. */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/edge/peer.h"
#include "test/edge/rig.h"

/* A partner's, as core sends it. */
#define KEY "0101010101010101010101010101010101010101010101010101010101010101"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: north.example\r\n\r\n"

static int ask(uint16_t port, const char *certificate)
{
	struct peer *p = peer_open(port, &(struct peer_options){ .certificate = certificate });
	int status = p ? peer_ask(p, GET("/status/204")) : 0;

	peer_free(p);
	return status;
}

/* Silence fills its own seats alone, and the oldest makes room. */
START_TEST(silence_shuts_nobody_out)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .handshakes = 20, .handshakes_reserved = 5 } });
	enum { SILENT = 60 };
	struct peer *p[SILENT];

	for (int i = 0; i < SILENT; i++)
		p[i] = peer_open_plain(rig_port(r));
	ck_assert_uint_ge(rig_edge_count(r, EDGE_COUNT_evicted, SILENT - 20), SILENT - 20);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(ask(rig_port(r), NULL), 204);
	for (int i = 0; i < SILENT; i++)
		peer_free(p[i]);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

/* Core is told where partners come from, and no other. */
START_TEST(core_is_told_where_partners_come_from)
{
	static const uint8_t loopback[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	struct rig *r = rig_start(&(struct rig_options){ .partners = "other" });
	uint8_t known[16];

	ck_assert_int_eq(ask(rig_port(r), NULL), 204);
	ck_assert_uint_eq(rig_counts(r).knowns, 0);
	ck_assert_int_eq(ask(rig_port(r), "other"), 204);
	ck_assert_uint_eq(rig_await(r, knowns, 1), 1);
	rig_last_known(r, known);
	ck_assert_mem_eq(known, loopback, sizeof known);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(a_stranger_has_one_answer)
{
	struct rig *r = rig_start(&(struct rig_options){ .partners = "other", .limits = { .strangers = 2 } });
	struct peer *p[4];
	struct peer_answer a;

	for (int i = 0; i < 4; i++)
		ck_assert_ptr_nonnull(p[i] = peer_open(rig_port(r), NULL));
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_stranger, 4), 4);
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_evicted, 2), 2);
	/* the youngest two: core answers, and the connection ends */
	ck_assert(peer_write(p[3], VIEW(GET("/status/403"))));
	ck_assert_int_eq(peer_read(p[3], &a, false), 403);
	ck_assert_ptr_nonnull(strstr(a.head, "Connection: close\r\n"));
	buf_free(&a.body);
	ck_assert(peer_at_end(p[3]));
	ck_assert_int_eq(ask(rig_port(r), "other"), 204);
	for (int i = 0; i < 4; i++)
		peer_free(p[i]);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

/* A partner counts by all its keys together. */
START_TEST(keys_of_a_partner_count_as_one)
{
	struct rig *r =
	        rig_start(&(struct rig_options){ .partners = "client+other", .limits = { .connections_per_peer = 2 } });
	struct peer *first = peer_open(rig_port(r), NULL);
	struct peer *second = peer_open(rig_port(r), &(struct peer_options){ .certificate = "other" });

	ck_assert_int_eq(peer_ask(first, GET("/status/204")), 204);
	ck_assert_int_eq(peer_ask(second, GET("/status/204")), 204);
	ck_assert_int_eq(ask(rig_port(r), "other"), 429);
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_partner_full, 1), 1);
	peer_free(first);
	peer_free(second);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(monitors_have_seats_of_their_own)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .monitors = 3, .handshakes = 3 } });
	struct peer *p[10], *m[10];

	for (int i = 0; i < 10; i++)
		p[i] = peer_open_plain(rig_port(r));
	for (int i = 0; i < 10; i++)
		m[i] = peer_open_plain(rig_monitor_port(r));
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_evicted, 14), 14);
	ck_assert_int_eq(peer_ask(m[9], GET("/status/200")), 200);
	for (int i = 0; i < 10; i++) {
		peer_free(p[i]);
		peer_free(m[i]);
	}
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(a_source_has_a_cap)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .connections_per_source = 3 } });
	struct peer *p[3];

	for (int i = 0; i < 3; i++) {
		p[i] = peer_open(rig_port(r), NULL);
		ck_assert_int_eq(peer_ask(p[i], GET("/status/204")), 204);
	}
	ck_assert_int_eq(ask(rig_port(r), NULL), 0);
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_source_full, 1), 1);
	for (int i = 0; i < 3; i++)
		peer_free(p[i]);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(handshakes_have_budgets)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .handshakes_per_source = 2 } });

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(ask(rig_port(r), NULL), 204);
	for (int i = 0; i < 10 && rig_edge_count(r, EDGE_COUNT_source_budget, 0) == 0; i++)
		(void)ask(rig_port(r), NULL);
	ck_assert_uint_ge(rig_edge_count(r, EDGE_COUNT_source_budget, 1), 1);
	ck_assert_int_eq(rig_stop(r), 0);

	/* of all that are not known; one that is listed, or that core remembers, has nothing to do with it */
	for (int listed = 0; listed < 3; listed++) {
		r = rig_start(&(struct rig_options){ .limits = { .handshakes_per_second = 1 },
		                                     .reserved = listed == 1 ? "127.0.0.0/8\n" : "192.0.2.1\n",
		                                     .known = listed == 2 ? "::ffff:127.0.0.1 60000 " KEY "\n"
		                                                          : "2001:db8:: 9 " KEY "\n" });
		int refused = 0;
		for (int i = 0; i < 5; i++) {
			/* with a certificate of nobody, that the address stays unknown */
			struct peer *p = peer_open(rig_port(r), &(struct peer_options){ .certificate = "foreign" });
			peer_free(p);
			refused += p == NULL;
		}
		if (listed)
			ck_assert_int_eq(refused, 0);
		else
			ck_assert_int_ge(refused, 1);
		if (!listed)
			ck_assert_uint_ge(rig_edge_count(r, EDGE_COUNT_handshake_budget, 1), 1);
		ck_assert_int_eq(rig_stop(r), 0);
	}
}
END_TEST

/* Who comes and goes without a word has begun no handshake. */
START_TEST(silence_that_ends_spends_no_budget)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .handshakes_per_second = 1 } });

	for (int i = 0; i < 20; i++) {
		struct peer *p = peer_open_plain(rig_port(r));
		ck_assert_ptr_nonnull(p);
		peer_free(p);
	}
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_gone, 20), 20);
	ck_assert_int_eq(ask(rig_port(r), NULL), 204);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

static const struct {
	enum edge_count cause;
	struct peer_options options;
} causes[] = {
	{ EDGE_COUNT_no_certificate, { .certificate = "" } },
	{ EDGE_COUNT_unknown_authority, { .certificate = "foreign" } },
	{ EDGE_COUNT_expired, { .certificate = "expired" } },
	{ EDGE_COUNT_not_yet_valid, { .certificate = "future" } },
	{ EDGE_COUNT_wrong_usage, { .certificate = "server-only" } },
	{ EDGE_COUNT_wrong_usage, { .certificate = "no-usage" } },
	{ EDGE_COUNT_wrong_usage, { .certificate = "agreement-only" } },
	{ EDGE_COUNT_wrong_usage, { .certificate = "no-key-usage" } },
	{ EDGE_COUNT_no_identity, { .certificate = "no-uri" } },
	{ EDGE_COUNT_no_identity, { .certificate = "two-uris" } },
	{ EDGE_COUNT_weak, { .certificate = "rsa2048" } },
	{ EDGE_COUNT_bad_certificate, { .certificate = "from-leaf" } },
	{ EDGE_COUNT_protocol_version, { .max_version = 0x0303 } },
	{ EDGE_COUNT_server_name, { .server_name = "south.example" } },
	{ EDGE_COUNT_server_name, { .server_name = "" } },
	{ EDGE_COUNT_application_protocol, { .alpn = "\x02h2" } },
};

START_TEST(tells_why_a_handshake_failed)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });

	ck_assert(peer_refused(rig_port(r), &causes[_i].options));
	ck_assert_uint_eq(rig_edge_count(r, causes[_i].cause, 1), 1);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(tells_what_is_no_tls)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .handshake_ms = 300 } });
	struct peer *p = peer_open_plain(rig_port(r)), *half = peer_open_plain(rig_port(r));

	ck_assert(peer_write(p, VIEW(GET("/"))));
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_not_tls, 1), 1);
	peer_free(p);
	/* half a ClientHello, and silence */
	ck_assert(peer_write(half, VIEW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")));
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_handshake_late, 1), 1);
	peer_free(half);
	/* one that goes away in the middle */
	p = peer_open_plain(rig_port(r));
	ck_assert(peer_write(p, VIEW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")));
	usleep(50000);
	peer_free(p);
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_gone, 1), 1);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(answers_to_its_names_alone)
{
	static const struct {
		int status;
		const char *host;
	} cases[] = {
		{ 204, "north.example" }, { 204, "NORTH.example:8443" }, { 204, "north-2.example" },
		{ 421, "south.example" }, { 421, "north.example." },     { 421, "north.example.evil" },
		{ 421, "127.0.0.1" },     { 421, "localhost" },
	};
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	char request[200];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct peer *p = peer_open(rig_port(r), NULL);
		snprintf(request, sizeof request, "GET /status/204 HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].host);
		ck_assert_msg(peer_ask(p, request) == cases[i].status, "%s", cases[i].host);
		peer_free(p);
	}
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_misdirected, 5), 5);
	/* a monitor is also reached by loopback, by no other name */
	static const char *const loopback[] = {
		"localhost",        "127.0.0.1:9443",         "[::1]:9443", "127.8.9.1", "evil.example",
		"127.evil.example", "127.0.0.1.evil.example", "127.1",      "[::2]:9443"
	};
	for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++) {
		struct peer *p = peer_open_plain(rig_monitor_port(r));
		snprintf(request, sizeof request, "GET /status/204 HTTP/1.1\r\nHost: %s\r\n\r\n", loopback[i]);
		ck_assert_msg(peer_ask(p, request) == (i < 4 ? 204 : 421), "%s", loopback[i]);
		peer_free(p);
	}
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

/* It takes 1 KB in two seconds, and so is cut; core is told. */
START_TEST(cuts_slow_readers)
{
	struct rig *r =
	        rig_start(&(struct rig_options){ .limits = { .answer_bytes_per_second = 4096, .body_ms = 60000 } });
	struct peer *p = peer_open(rig_port(r), NULL);

	ck_assert(peer_write(p, VIEW(GET("/big/100000000"))));
	for (int i = 0; i < 4 && rig_counts(r).aborts == 0; i++)
		sleep(2);
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_slow_reader, 1), 1);
	ck_assert_uint_eq(rig_await(r, aborts, 1), 1);
	peer_free(p);
	/* one that reads is not */
	p = peer_open(rig_port(r), NULL);
	ck_assert_int_eq(peer_ask(p, GET("/big/10000000")), 200);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(cuts_those_that_renew_keys_without_end)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);

	ck_assert_int_eq(peer_ask(p, GET("/status/204")), 204);
	for (int i = 0; i < 100 && peer_key_update(p); i++)
		(void)peer_ask(p, GET("/status/204"));
	peer_free(p);
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_key_updates, 1), 1);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(refuses_settings_that_are_none)
{
	static const struct rig_options wrong[] = {
		{ .reserved = "192.0.2.1\nnorth.example\n" },
		{ .reserved = "192.0.2.1/33\n" },
		{ .known = "192.0.2.1\n" },
		{ .known = "192.0.2.1 1\n" },
		{ .known = "192.0.2.1 a " KEY "\n" },
		{ .known = "192.0.2.1 86400001 " KEY "\n" },
		{ .known = "north.example 1 " KEY "\n" },
		{ .bad_partners = true },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_int_eq(rig_ends(rig_start(&wrong[i])), 78);
}
END_TEST

TCase *make_door_case(void);
TCase *make_door_case(void)
{
	TCase *c = tcase_create("door");

	tcase_set_timeout(c, 60);
	tcase_add_unchecked_fixture(c, rig_setup, NULL);
	tcase_add_test(c, silence_shuts_nobody_out);
	tcase_add_test(c, core_is_told_where_partners_come_from);
	tcase_add_test(c, a_stranger_has_one_answer);
	tcase_add_test(c, keys_of_a_partner_count_as_one);
	tcase_add_test(c, monitors_have_seats_of_their_own);
	tcase_add_test(c, a_source_has_a_cap);
	tcase_add_test(c, handshakes_have_budgets);
	tcase_add_test(c, silence_that_ends_spends_no_budget);
	tcase_add_loop_test(c, tells_why_a_handshake_failed, 0, sizeof causes / sizeof *causes);
	tcase_add_test(c, tells_what_is_no_tls);
	tcase_add_test(c, answers_to_its_names_alone);
	tcase_add_test(c, refuses_settings_that_are_none);
	tcase_add_test(c, cuts_slow_readers);
	tcase_add_test(c, cuts_those_that_renew_keys_without_end);
	return c;
}
