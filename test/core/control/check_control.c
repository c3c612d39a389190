/* The operator's socket itself: lines, order, clients; and the commands that tell or change the daemon as a whole. */
#include "test/core/control/control_fixture.h"

TCase *make_control_case(void);

START_TEST(what_is_no_command)
{
	static const char *const lines[] = { "not JSON\n",
		                             "{}\n",
		                             "[]\n",
		                             "{\"do\":1}\n",
		                             "{\"do\":\"erase\"}\n",
		                             "{\"do\":\"drain\",\"do\":\"status\"}\n" };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		tell(lines[i]);
		json_t *a = answer_next();
		ck_assert(json_is_false(json_object_get(a, "ok")));
		ck_assert_str_eq(core_member(a, "error"), "do: is not a command");
		json_decref(a);
	}
	ck_assert(!atomic_load(&f.core.draining));
}
END_TEST

START_TEST(status_names_the_node_and_what_governs)
{
	char hex[65];
	json_t *a = granted(to("status")), *list = json_object_get(a, "agreements");

	ck_assert_str_eq(core_member(a, "agency"), "north");
	ck_assert_str_eq(core_member(a, "origin"), LOG_ORIGIN);
	ck_assert_str_eq(core_member(a, "build"), "test-build");
	ck_assert(json_is_false(json_object_get(a, "draining")));
	ck_assert(json_is_true(json_object_get(json_object_get(a, "clock"), "trusted")));
	ck_assert_uint_eq(json_array_size(list), 3);
	hex_of(agreement_digest(conf_agreement(f.core.conf, VIEW("pnr"), NULL, f.now_ms)), hex);
	ck_assert_str_eq(core_member(json_array_get(list, 1), "id"), "pnr");
	ck_assert_str_eq(core_member(json_array_get(list, 1), "digest"), hex);
	json_decref(a);
}
END_TEST

static uint64_t log_size(void)
{
	struct writer_stats stats;

	writer_stats(f.log.writer, &stats);
	return stats.tree_size;
}

/* Waits until the log has so many entries; it must not have more. */
static void logged_so_far(uint64_t want)
{
	struct timespec rest = { .tv_nsec = 2000000 };

	for (int i = 0; i < 2000 && log_size() < want; i++)
		nanosleep(&rest, NULL);
	ck_assert_uint_eq(log_size(), want);
}

START_TEST(drain_and_back)
{
	uint64_t before = log_size();

	json_decref(granted(to("drain")));
	ck_assert(atomic_load(&f.core.draining));
	logged_so_far(before + 1);
	last_entry_says("change", "begun");
	json_t *a = granted(to("status"));
	ck_assert(json_is_true(json_object_get(a, "draining")));
	json_decref(a);
	json_decref(granted(json_pack("{s:s, s:b}", "do", "drain", "on", 0)));
	ck_assert(!atomic_load(&f.core.draining));
	logged_so_far(before + 2);
	last_entry_says("change", "ended");
	/* What is so already is no change. */
	json_decref(granted(json_pack("{s:s, s:b}", "do", "drain", "on", 0)));
	json_decref(granted(to("drain")));
	logged_so_far(before + 3);
}
END_TEST

START_TEST(reload_lists_what_is_wrong)
{
	json_t *a = granted(to("reload"));

	ck_assert_uint_eq(json_array_size(json_object_get(a, "errors")), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(a, "warnings")), 0);
	ck_assert(json_is_false(json_object_get(a, "refuses")));
	json_decref(a);
	error_list_addf(&reload_warnings, REASON_CONFIG, "node.json", 4, 1, "/crl: is made up, too");
	reload_refuses = true;
	a = granted(to("reload"));
	ck_assert(json_is_true(json_object_get(a, "refuses")));
	const char *warning = json_string_value(json_array_get(json_object_get(a, "warnings"), 0));
	ck_assert(warning && strstr(warning, "/crl: is made up, too"));
	json_decref(a);
	error_list_addf(&reload_faults, REASON_CONFIG, "node.json", 3, 9, "/host: is made up");
	a = ask(to("reload"));
	ck_assert(json_is_false(json_object_get(a, "ok")));
	const char *text = json_string_value(json_array_get(json_object_get(a, "errors"), 0));
	ck_assert_ptr_nonnull(text);
	ck_assert(strstr(text, "node.json:3:9") && strstr(text, "/host: is made up"));
	json_decref(a);
}
END_TEST

START_TEST(a_new_master_key_is_in_the_log)
{
	json_t *a = granted(to("keys-show"));
	json_int_t before = json_integer_value(json_object_get(a, "generation"));

	json_decref(a);
	a = granted(to("keys-rotate"));
	ck_assert_int_eq(json_integer_value(json_object_get(a, "generation")), before + 1);
	json_decref(a);
	last_entry_says("operation", "key-change");
	a = granted(to("keys-show"));
	ck_assert_int_eq(json_integer_value(json_object_get(a, "generation")), before + 1);
	json_decref(a);
}
END_TEST

/* keys-show waits for the writer: what follows it is answered after it. */
START_TEST(answers_keep_the_order_of_the_lines)
{
	tell("{\"do\":\"keys-show\"}\n{\"do\":\"drain\"}\n{\"do\":\"keys-show\"}\n{\"do\":\"erase\"}\n");
	json_t *a[4];
	for (size_t i = 0; i < 4; i++)
		a[i] = answer_next();
	ck_assert(json_object_get(a[0], "generation") && json_object_get(a[1], "draining") &&
	          json_object_get(a[2], "generation") && json_object_get(a[3], "error"));
	for (size_t i = 0; i < 4; i++)
		json_decref(a[i]);
}
END_TEST

static bool hung_up(int fd)
{
	char byte;

	for (int i = 0; i < 100; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return true;
	}
	return false;
}

START_TEST(a_line_without_an_end)
{
	struct buf text = BUF_INIT(1 << 17);

	while (text.n < 65536)
		buf_adds(&text, "0123456789abcdef");
	ck_assert_int_eq(send(client, text.p, text.n, MSG_NOSIGNAL), (ssize_t)text.n);
	ck_assert(hung_up(client));
	buf_free(&text);
}
END_TEST

START_TEST(clients_are_few)
{
	int fds[32];

	json_decref(granted(to("drain")));
	for (int i = 0; i < 31; i++)
		fds[i] = client_new();
	fds[31] = client_new(); /* the thirty-third */
	ck_assert(hung_up(fds[31]));
	ck_assert(!hung_up(fds[30]));
	for (int i = 0; i < 32; i++)
		close(fds[i]);
	json_decref(granted(to("drain")));
}
END_TEST

/* Its job comes home to nobody; the next client is served. */
START_TEST(a_client_that_leaves_while_it_waits)
{
	struct writer_stats stats;
	unsigned turns = 0;

	tell("{\"do\":\"keys-rotate\"}\n");
	close(client);
	do {
		event_base_loop(base, EVLOOP_NONBLOCK);
		writer_stats(f.log.writer, &stats);
	} while (stats.tree_size == 0 && ++turns < 1000000);
	client = client_new();
	json_decref(granted(to("keys-show")));
	last_entry_says("operation", "key-change");
}
END_TEST

/* The clock as it stands after it was put forward by 100 hours, and a person's word that it is right. */
static int64_t ahead(void)
{
	int64_t now_ms = instant_now_ms() + 100 * 3600 * SECOND_MS;

	OK(clock_tick(f.core.clock, now_ms, 2000, e));
	ck_assert(!clock_trusted(&f.core));
	return now_ms;
}

static json_t *confirmation(int64_t watch_ms, int64_t issued_ms, int64_t expires_ms)
{
	char now[TIME_TEXT + 1], issued[TIME_TEXT + 1], expires[TIME_TEXT + 1], hex[65];

	time_print(watch_ms, now);
	time_print(issued_ms, issued);
	time_print(expires_ms, expires);
	hex_of(&f.officer_spki, hex);
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "origin", LOG_ORIGIN, "now", now, "issued", issued, "expires",
	                 expires, "by", hex);
}

#define MINUTES(n) ((n)*60 * SECOND_MS)

START_TEST(a_clock_that_a_person_confirms)
{
	/* The first tick is what later steps are measured by. */
	OK(clock_tick(f.core.clock, instant_now_ms(), 1000, e));
	json_decref(granted(to("keys-rotate")));
	OK(clock_tick(f.core.clock, instant_now_ms(), 1000, e));
	int64_t now_ms = ahead();
	json_t *word = confirmation(now_ms, now_ms, now_ms + MINUTES(30));

	json_decref(granted(with_signed(to("clock-confirm"), json_incref(word))));
	ck_assert(clock_trusted(&f.core));
	last_entry_says("note", "the clock was confirmed by a person");
	refused(with_signed(to("clock-confirm"), word), "the clock is trusted: there is nothing to confirm");
	last_entry_says("note", "the clock was to be confirmed, in vain");
}
END_TEST

static const struct {
	int watch, issued, expires; /* minutes from the clock's time */
	const char *member, *value; /* NULL: as it is */
	const char *why;
} words[] = {
	{ 0, 0, 30, "origin", "another/log", "about another node's clock" },
	{ 11, 0, 30, NULL, NULL, "differ by more than 10 minutes" },
	{ -11, 0, 30, NULL, NULL, "differ by more than 10 minutes" },
	{ 0, 11, 30, NULL, NULL, "does not hold at this time" },
	{ 0, -30, 0, NULL, NULL, "does not hold at this time" },
	{ 0, 0, 61, NULL, NULL, "more than an hour" },
	{ 0, 0, 30, "by", "abababababababababababababababababababababababababababababababab", "names no operator" },
	{ 0, 0, 30, "now", "noon", "not one about a clock" },
};

START_TEST(a_word_that_confirms_nothing)
{
	OK(clock_tick(f.core.clock, instant_now_ms(), 1000, e));
	json_decref(granted(to("keys-rotate")));
	OK(clock_tick(f.core.clock, instant_now_ms(), 1000, e));
	int64_t now_ms = ahead();
	json_t *word = confirmation(now_ms + MINUTES(words[_i].watch), now_ms + MINUTES(words[_i].issued),
	                            now_ms + MINUTES(words[_i].expires));

	if (words[_i].member)
		json_object_set_new(word, words[_i].member, json_string(words[_i].value));
	refused(with_signed(to("clock-confirm"), word), words[_i].why);
	ck_assert(!clock_trusted(&f.core));
	last_entry_says("note", "the clock was to be confirmed, in vain");
}
END_TEST

START_TEST(the_clock)
{
	json_t *a = granted(to("clock-show"));

	ck_assert(json_is_true(json_object_get(a, "trusted")));
	ck_assert_str_eq(core_member(a, "origin"), LOG_ORIGIN);
	ck_assert(json_is_null(json_object_get(a, "cosigned")));
	json_decref(a);
	refused(json_pack("{s:s, s:s, s:s}", "do", "clock-confirm", "statement", "{}", "signature", "none"),
	        "statement");
}
END_TEST

TCase *make_control_case(void)
{
	TCase *c = tcase_create("control");

	tcase_add_checked_fixture(c, control_open, control_close);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, what_is_no_command);
	tcase_add_test(c, status_names_the_node_and_what_governs);
	tcase_add_test(c, drain_and_back);
	tcase_add_test(c, reload_lists_what_is_wrong);
	tcase_add_test(c, a_new_master_key_is_in_the_log);
	tcase_add_test(c, answers_keep_the_order_of_the_lines);
	tcase_add_test(c, a_line_without_an_end);
	tcase_add_test(c, clients_are_few);
	tcase_add_test(c, a_client_that_leaves_while_it_waits);
	tcase_add_test(c, the_clock);
	tcase_add_test(c, a_clock_that_a_person_confirms);
	tcase_add_loop_test(c, a_word_that_confirms_nothing, 0, (int)(sizeof words / sizeof *words));
	return c;
}
