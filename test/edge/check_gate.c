/* Who may have a connection: caps of each kind, the fullest source, the reserve, budgets; addresses and prefixes. No
 * socket, and a clock of the test's own. */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gatewayd/edge/gate.h"

#define SEATS 600

static struct gate *gate;
static struct gate_exit way_out, another;
static struct seat seats[SEATS];
static struct edge_limits limits;
static uint64_t now;

static void set_up(void)
{
	gate = gate_new();
	ck_assert_ptr_nonnull(gate);
	gate_exit_init(&way_out, eventfd(0, EFD_NONBLOCK));
	gate_exit_init(&another, -1);
	memset(seats, 0, sizeof seats);
	limits = (struct edge_limits){ .connections = 6,
		                       .connections_per_source = 100,
		                       .handshakes = 4,
		                       .handshakes_reserved = 2,
		                       .handshakes_per_second = 5,
		                       .handshakes_per_source = 3,
		                       .strangers = 2,
		                       .monitors = 2 };
	now = 1000000;
}

static void tear_down(void)
{
	for (size_t i = 0; i < SEATS; i++)
		gate_leave(gate, &seats[i], now);
	gate_free(gate);
	close(way_out.wake_fd);
}

static struct address address(const char *text)
{
	struct prefix p;

	ck_assert_msg(prefix_parse(view_of(text), &p), "%s", text);
	return p.address;
}

static enum gate_answer enter_as(size_t i, const char *from, bool monitor, bool listed)
{
	struct address a = address(from);

	seats[i] = (struct seat){ .exit = &way_out, .conn = &seats[i] };
	return gate_enter(gate, &seats[i], &a, monitor, listed, &limits, now);
}

static void enter(size_t i, const char *from)
{
	ck_assert_int_eq(enter_as(i, from, false, false), GATE_OPEN);
}

static const struct digest south = { .b = { 1 } }, west = { .b = { 2 } };

static void finish(size_t i, bool partner)
{
	ck_assert_int_eq(gate_finish(gate, &seats[i], partner ? &south : NULL, true, &limits, now), GATE_OPEN);
}

static void leave(size_t i)
{
	gate_leave(gate, &seats[i], now);
}

/* The next seat that was evicted is this one, and its connection ends. */
static void evicted(size_t i)
{
	struct seat *s = gate_evicted(gate, &way_out);

	ck_assert_msg(s == &seats[i], "seat %td and not %zu", s ? s - seats : -1, i);
	gate_leave(gate, s, now);
}

static void nobody_evicted(void)
{
	ck_assert_ptr_null(gate_evicted(gate, &way_out));
}

START_TEST(the_oldest_of_the_fullest_goes)
{
	uint64_t rung;

	enter(0, "192.0.2.1");
	enter(1, "192.0.2.2");
	enter(2, "192.0.2.2");
	enter(3, "192.0.2.3");
	nobody_evicted();
	enter(4, "192.0.2.4");
	/* nobody has to tell the thread that it came for */
	ck_assert_int_eq(read(way_out.wake_fd, &rung, sizeof rung), -1);
	evicted(1);
	/* all have one: the one that has it for longest */
	enter(5, "192.0.2.5");
	evicted(0);
	ck_assert_uint_eq(gate_taken(gate, SEAT_NEW), 4);
	/* One that ends before its owner has looked is on no way out any more. */
	enter(6, "192.0.2.5");
	ck_assert(seats[3].evicted);
	leave(3);
	nobody_evicted();
	ck_assert_uint_eq(gate_taken(gate, SEAT_NEW), 4);
}
END_TEST

/* A thread is rung for those that another gave away once they are many. */
START_TEST(the_owner_is_told)
{
	char from[20];
	uint64_t rung;

	limits.handshakes = 17;
	for (size_t i = 0; i < 17; i++)
		enter(i, "192.0.2.1");
	for (size_t i = 17; i < 33; i++) {
		snprintf(from, sizeof from, "198.51.100.%zu", i);
		struct address a = address(from);
		ck_assert_int_eq(read(way_out.wake_fd, &rung, sizeof rung), -1);
		seats[i] = (struct seat){ .exit = &another };
		ck_assert_int_eq(gate_enter(gate, &seats[i], &a, false, false, &limits, now), GATE_OPEN);
	}
	ck_assert_int_eq(read(way_out.wake_fd, &rung, sizeof rung), sizeof rung);
	/* one ends by itself meanwhile */
	leave(3);
	for (size_t i = 0; i < 16; i++)
		if (i != 3)
			evicted(i);
	nobody_evicted();
	ck_assert_uint_eq(way_out.n, 0);
}
END_TEST

START_TEST(a_slash_64_is_one_source)
{
	enter(0, "2001:db8::1");
	enter(1, "2001:db8::2");
	enter(2, "2001:db8:0:1::1");
	enter(3, "2001:db8:0:2::1");
	enter(4, "2001:db8:0:3::1");
	evicted(0);
}
END_TEST

START_TEST(many_of_one_source_are_found)
{
	limits.handshakes = limits.connections_per_source = SEATS;
	for (size_t i = 0; i < 300; i++)
		enter(i, "192.0.2.1");
	for (size_t i = 300; i < 500; i++)
		enter(i, i % 2 ? "192.0.2.2" : "192.0.2.3");
	limits.handshakes = 400;
	enter(500, "192.0.2.4");
	evicted(0);
	for (size_t i = 0; i < 500; i++)
		leave(i);
	ck_assert_uint_eq(gate_taken(gate, SEAT_NEW), 1);
}
END_TEST

START_TEST(who_is_known_has_seats_of_its_own)
{
	/* listed */
	for (size_t i = 0; i < 4; i++)
		enter(i, "192.0.2.1");
	ck_assert_int_eq(enter_as(4, "198.51.100.1", false, true), GATE_OPEN);
	nobody_evicted();
	/* by a partner's handshake, for a day */
	finish(4, true);
	leave(4);
	now += 86399999;
	enter(5, "198.51.100.1");
	ck_assert_int_eq(seats[5].kind, SEAT_RESERVED);
	leave(5);
	now += 2;
	enter(6, "198.51.100.1");
	ck_assert_int_eq(seats[6].kind, SEAT_NEW);
	evicted(0);
	/* strangers make nobody known */
	finish(6, false);
	enter(7, "198.51.100.1");
	ck_assert_int_eq(seats[7].kind, SEAT_NEW);
	/* the reserve has a cap as well */
	ck_assert_int_eq(enter_as(8, "198.51.100.2", false, true), GATE_OPEN);
	ck_assert_int_eq(enter_as(9, "198.51.100.2", false, true), GATE_OPEN);
	ck_assert_int_eq(enter_as(10, "198.51.100.3", false, true), GATE_OPEN);
	evicted(8);
}
END_TEST

START_TEST(strangers_and_monitors_have_theirs)
{
	for (size_t i = 0; i < 3; i++) {
		enter(i, "192.0.2.1");
		finish(i, false);
	}
	evicted(0);
	ck_assert_uint_eq(gate_taken(gate, SEAT_STRANGER), 2);
	for (size_t i = 10; i < 13; i++)
		ck_assert_int_eq(enter_as(i, "127.0.0.1", true, false), GATE_OPEN);
	evicted(10);
	ck_assert_uint_eq(gate_taken(gate, SEAT_MONITOR), 2);
	/* silence puts out none that asks */
	gate_ask(gate, &seats[11], &limits);
	gate_ask(gate, &seats[11], &limits);
	for (size_t i = 20; i < 23; i++)
		ck_assert_int_eq(enter_as(i, "127.0.0.1", true, false), GATE_OPEN);
	evicted(12);
	evicted(20);
	nobody_evicted();
	/* others that ask do, the oldest first */
	gate_ask(gate, &seats[21], &limits);
	gate_ask(gate, &seats[22], &limits);
	evicted(11);
	ck_assert_uint_eq(gate_taken(gate, SEAT_ASKING), 2);
}
END_TEST

START_TEST(a_partner_takes_no_room_of_one_with_less)
{
	for (size_t i = 0; i < 4; i++) {
		enter(i, "192.0.2.1");
		finish(i, true);
	}
	for (size_t i = 4; i < 6; i++) {
		enter(i, "192.0.2.2");
		finish(i, true);
	}
	/* the fullest has no more for itself, and gets one for the answer: not of those that shake hands, nor without a cap */
	enter(6, "192.0.2.1");
	ck_assert_int_eq(gate_finish(gate, &seats[6], &south, true, &limits, now), GATE_FULL);
	nobody_evicted();
	ck_assert_int_eq(seats[6].kind, SEAT_STRANGER);
	/* another gets room from it */
	enter(7, "192.0.2.3");
	finish(7, true);
	evicted(0);
	enter(8, "192.0.2.2");
	ck_assert_int_eq(gate_finish(gate, &seats[8], &south, true, &limits, now), GATE_FULL);
	ck_assert_uint_eq(gate_taken(gate, SEAT_PARTNER), 6);
	/* likewise one whose partner has as many as it may have: it puts out none that stays */
	enter(9, "192.0.2.9");
	ck_assert_int_eq(gate_finish(gate, &seats[9], &south, false, &limits, now), GATE_OPEN);
	ck_assert_int_eq(seats[9].kind, SEAT_STRANGER);
	evicted(6);
	ck_assert_uint_eq(gate_taken(gate, SEAT_STRANGER), 2);
	leave(9);
	enter(9, "192.0.2.9");
	ck_assert_int_eq(seats[9].kind, SEAT_RESERVED);
}
END_TEST

START_TEST(a_source_has_a_cap_over_all)
{
	limits.connections_per_source = 3;
	enter(0, "192.0.2.1");
	finish(0, true);
	enter(1, "192.0.2.1");
	finish(1, true);
	enter(2, "192.0.2.1");
	/* its own oldest unfinished one goes */
	enter(3, "192.0.2.1");
	evicted(2);
	finish(3, false);
	enter(4, "192.0.2.1");
	evicted(3);
	finish(4, true);
	/* and where there is none, the new one */
	ck_assert_int_eq(enter_as(5, "192.0.2.1", false, false), GATE_SOURCE_FULL);
	nobody_evicted();
	leave(0);
	enter(5, "192.0.2.1");
}
END_TEST

static enum gate_budget begin(size_t i)
{
	return gate_begin(gate, &seats[i], &limits, now);
}

START_TEST(handshakes_have_budgets)
{
	/* a source: three a second, twice as many at once */
	limits.handshakes_per_second = 100;
	enter(0, "192.0.2.1");
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(begin(0), GATE_IN_BUDGET);
	ck_assert_int_eq(begin(0), GATE_SOURCE_SPENT);
	now += 400;
	ck_assert_int_eq(begin(0), GATE_IN_BUDGET);
	ck_assert_int_eq(begin(0), GATE_SOURCE_SPENT);
	/* it is remembered when its connections have ended */
	leave(0);
	enter(0, "192.0.2.1");
	ck_assert_int_eq(begin(0), GATE_SOURCE_SPENT);
	now += 3600000;
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(begin(0), GATE_IN_BUDGET);
	ck_assert_int_eq(begin(0), GATE_SOURCE_SPENT);
}
END_TEST

START_TEST(all_that_are_not_known_share_one)
{
	char from[20];

	limits.handshakes = 100;
	for (size_t i = 0; i < 6; i++) {
		snprintf(from, sizeof from, "192.0.2.%zu", i + 1);
		enter(i, from);
		ck_assert_int_eq(begin(i), i < 5 ? GATE_IN_BUDGET : GATE_ALL_SPENT);
	}
	/* who is known has its own alone */
	ck_assert_int_eq(enter_as(6, "198.51.100.1", false, true), GATE_OPEN);
	ck_assert_int_eq(begin(6), GATE_IN_BUDGET);
	now += 200;
	ck_assert_int_eq(begin(0), GATE_IN_BUDGET);
	ck_assert_int_eq(begin(1), GATE_ALL_SPENT);
}
END_TEST

/* Threads read the clock before they wait for the gate: a time may be older than the one before it. */
START_TEST(an_older_time_fills_no_budget)
{
	limits.handshakes = limits.handshakes_per_second = 100;
	enter(0, "192.0.2.1");
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(begin(0), GATE_IN_BUDGET);
	now -= 1;
	ck_assert_int_eq(begin(0), GATE_SOURCE_SPENT);
	/* nor does the way back to what it was */
	now += 1;
	ck_assert_int_eq(begin(0), GATE_SOURCE_SPENT);
	now += 400;
	ck_assert_int_eq(begin(0), GATE_IN_BUDGET);
	/* the one of all */
	limits.handshakes_per_second = 1;
	limits.handshakes_per_source = 100;
	now += 10000;
	enter(1, "192.0.2.2");
	ck_assert_int_eq(begin(1), GATE_IN_BUDGET);
	ck_assert_int_eq(begin(1), GATE_ALL_SPENT);
	now -= 500;
	ck_assert_int_eq(begin(1), GATE_ALL_SPENT);
	/* who is known stays so as long as the latest handshake says */
	finish(0, true);
	now -= 1000;
	enter(2, "192.0.2.1");
	finish(2, true);
	leave(2);
	leave(0);
	now += 1000 + 86400000 - 1;
	enter(3, "192.0.2.1");
	ck_assert_int_eq(seats[3].kind, SEAT_RESERVED);
}
END_TEST

/* More sources than are remembered: those without a seat are forgotten, those with one are not. */
START_TEST(sources_are_bounded)
{
	char from[20];

	enter(0, "192.0.2.1");
	finish(0, true);
	limits.handshakes_per_source = 1;
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(from, sizeof from, "10.0.%u.%u", i >> 8, i & 255);
		enter(1, from);
		ck_assert_int_ne(begin(1), GATE_SOURCE_SPENT);
		leave(1);
		now++;
	}
	enter(2, "192.0.2.1");
	ck_assert_int_eq(seats[2].kind, SEAT_RESERVED);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(from, sizeof from, "10.1.%u.%u", i >> 8, i & 255);
		enter(1, from);
		finish(1, true);
		leave(1);
	}
	enter(3, "10.1.0.0"); /* known once, and forgotten */
	ck_assert_int_eq(seats[3].kind, SEAT_NEW);
	enter(4, "10.1.19.135");
	ck_assert_int_eq(seats[4].kind, SEAT_RESERVED);
}
END_TEST

/* One with ever so many addresses makes no other partner a stranger. */
START_TEST(a_partner_makes_room_at_its_own_cost)
{
	struct address a = address("10.2.0.1"), b = address("10.2.0.2");
	char from[20];

	gate_know(gate, &a, &west, now + GATE_KNOWN_MS);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(from, sizeof from, "10.1.%u.%u", i >> 8, i & 255);
		struct address other = address(from);
		gate_know(gate, &other, &south, now + GATE_KNOWN_MS);
	}
	gate_know(gate, &b, &west, now + GATE_KNOWN_MS);
	enter(0, "10.2.0.1");
	enter(1, "10.2.0.2");
	ck_assert(seats[0].kind == SEAT_RESERVED && seats[1].kind == SEAT_RESERVED);
	leave(0);
	leave(1);
	enter(2, "10.1.19.135");
	ck_assert_int_eq(seats[2].kind, SEAT_RESERVED);
}
END_TEST

/* What core remembers of earlier runs. */
START_TEST(who_was_known_is)
{
	struct address a = address("198.51.100.1"), b = address("2001:db8::1");

	gate_know(gate, &a, &south, now + 1000);
	gate_know(gate, &a, &south, now + 500);
	gate_know(gate, &b, &south, now + 1000);
	now += 999;
	enter(0, "198.51.100.1");
	ck_assert_int_eq(seats[0].kind, SEAT_RESERVED);
	enter(1, "2001:db8::2");
	ck_assert_int_eq(seats[1].kind, SEAT_RESERVED);
	leave(0);
	now++;
	enter(0, "198.51.100.1");
	ck_assert_int_eq(seats[0].kind, SEAT_NEW);
}
END_TEST

/* What there is nothing to remember of goes: not who has a seat, or has begun handshakes a moment ago. */
START_TEST(the_blank_are_forgotten)
{
	char from[20];

	enter(0, "192.0.2.1");
	finish(0, true);
	leave(0);
	enter(1, "192.0.2.2");
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(from, sizeof from, "10.0.%u.%u", i >> 8, i & 255);
		enter(2, from);
		leave(2);
	}
	gate_rest(gate, now + 1999);
	ck_assert_uint_eq(gate_sources(gate), 1002);
	gate_rest(gate, now + 2000);
	ck_assert_uint_eq(gate_sources(gate), 490);
	gate_rest(gate, now + 2000);
	ck_assert_uint_eq(gate_sources(gate), 1);
	now += 3000;
	enter(3, "192.0.2.3");
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(begin(3), i < 5 ? GATE_IN_BUDGET : GATE_ALL_SPENT);
	leave(3);
	gate_rest(gate, now + 1000);
	ck_assert_uint_eq(gate_sources(gate), 2);
	gate_rest(gate, now + 2000);
	ck_assert_uint_eq(gate_sources(gate), 1);
	/* who is known is so without it */
	enter(4, "192.0.2.1");
	ck_assert_int_eq(seats[4].kind, SEAT_RESERVED);
}
END_TEST

/* Whatever bits of an address they differ in, sources spread over the table: a look-up costs the same for all. */
START_TEST(sources_spread)
{
	static const char *const forms[] = { "127.%u.%u.1",       "127.0.%u.%u",          "10.%u.0.%u", "%u.%u.0.1",
		                             "2001:db8:%x:%x::1", "2001:db8:0:%x%02x::1", "%x:%x::1" };
	char from[40];

	limits.handshakes = SEATS;
	for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
		tear_down();
		set_up();
		limits.handshakes = SEATS;
		for (unsigned i = 0; i < 8192; i++) {
/* The formats are those of the table above, each with two unsigned numbers. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(from, sizeof from, forms[k], 1 + i / 128, i % 128);
#pragma GCC diagnostic pop
			enter(0, from);
			leave(0);
		}
		/* two a bucket if they were dealt out, and 17 by chance once in 10^7 tables */
		ck_assert_msg(gate_longest(gate) <= 17, "%s: %u", forms[k], gate_longest(gate));
	}
}
END_TEST

START_TEST(prefixes)
{
	static const struct {
		const char *prefix, *address;
		bool has;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.8", false },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.129", true },
		{ "192.0.2.128/25", "192.0.2.1", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "2001:db8::/32", "2001:db8:9::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "::/0", "192.0.2.1", true },
		{ "2001:db8::1", "2001:db8::1", true },
	};
	static const char *const none[] = { "",
		                            "192.0.2",
		                            "192.0.2.1/33",
		                            "192.0.2.1/",
		                            "192.0.2.1/a",
		                            "2001:db8::/129",
		                            "gw.example",
		                            "1.2.3.4.5",
		                            "/24",
		                            "2001:db8::1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:0:1:2:3" };
	struct prefix p;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address a = address(cases[i].address);
		ck_assert(prefix_parse(view_of(cases[i].prefix), &p));
		ck_assert_msg(prefix_has(&p, &a) == cases[i].has, "%s in %s", cases[i].address, cases[i].prefix);
	}
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		ck_assert_msg(!prefix_parse(view_of(none[i]), &p), "%s", none[i]);
}
END_TEST

START_TEST(addresses)
{
	struct sockaddr_storage from = { .ss_family = AF_INET6 };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000207) };
	char text[ADDRESS_TEXT];

	memcpy(&from, &v4, sizeof v4);
	struct address a = address_of(&from);
	ck_assert_str_eq(address_print(&a, text), "192.0.2.7");
	/* what an IPv6 socket says of an IPv4 peer is the same source */
	inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr);
	memcpy(&from, &v6, sizeof v6);
	struct address b = address_of(&from);
	ck_assert_mem_eq(&a, &b, sizeof a);
	inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
	memcpy(&from, &v6, sizeof v6);
	a = address_of(&from);
	ck_assert_str_eq(address_print(&a, text), "2001:db8::7");
	a = address_source(&a);
	ck_assert_str_eq(address_print(&a, text), "2001:db8::");
	from.ss_family = AF_UNIX;
	a = address_of(&from);
	ck_assert_str_eq(address_print(&a, text), "::");
}
END_TEST

TCase *make_gate_case(void);
TCase *make_gate_case(void)
{
	TCase *c = tcase_create("gate");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, the_oldest_of_the_fullest_goes);
	tcase_add_test(c, the_owner_is_told);
	tcase_add_test(c, a_slash_64_is_one_source);
	tcase_add_test(c, many_of_one_source_are_found);
	tcase_add_test(c, who_is_known_has_seats_of_its_own);
	tcase_add_test(c, strangers_and_monitors_have_theirs);
	tcase_add_test(c, a_partner_takes_no_room_of_one_with_less);
	tcase_add_test(c, a_source_has_a_cap_over_all);
	tcase_add_test(c, handshakes_have_budgets);
	tcase_add_test(c, all_that_are_not_known_share_one);
	tcase_add_test(c, an_older_time_fills_no_budget);
	tcase_add_test(c, sources_are_bounded);
	tcase_add_test(c, a_partner_makes_room_at_its_own_cost);
	tcase_add_test(c, who_was_known_is);
	tcase_add_test(c, the_blank_are_forgotten);
	tcase_add_test(c, sources_spread);
	tcase_add_test(c, prefixes);
	tcase_add_test(c, addresses);
	return c;
}
