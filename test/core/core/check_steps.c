/* Steps are started in order, and exactly those that were started are stopped, in reverse. */
#include "gatewayd/core/steps.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

TCase *make_steps_case(void);

struct diary {
	char text[100];
	char fails; /* the letter of the step that cannot start; 0: none */
};

static bool start(struct diary *d, char letter, struct error *e)
{
	size_t n = strlen(d->text);

	if (d->fails == letter)
		return error_set(e, REASON_CONFIG, "%c cannot start", letter);
	snprintf(d->text + n, sizeof d->text - n, "+%c", letter);
	return true;
}

static void stop(struct diary *d, char letter)
{
	size_t n = strlen(d->text);

	snprintf(d->text + n, sizeof d->text - n, "-%c", letter);
}

#define STEP(letter) \
	static bool start_##letter(void *arg, struct error *e) \
	{ \
		return start(arg, #letter[0], e); \
	} \
	static void stop_##letter(void *arg) \
	{ \
		stop(arg, #letter[0]); \
	}
STEP(a)
STEP(c)
STEP(d)

static void stop_b(void *arg)
{
	stop(arg, 'b');
}

static bool start_e(void *arg, struct error *e)
{
	return start(arg, 'e', e);
}

static const struct step steps[] = {
	{ "a", start_a, stop_a }, { "b", NULL, stop_b },  { "c", start_c, stop_c },
	{ "d", start_d, stop_d }, { "e", start_e, NULL }, { .name = NULL },
};

START_TEST(all_start_and_stop_in_reverse)
{
	struct diary d = { .fails = 0 };
	struct error e = { .reason = REASON_NONE };
	size_t started = 0;

	ck_assert(steps_start(steps, &d, &started, &e));
	ck_assert_uint_eq(started, 5);
	steps_stop(steps, &d, started);
	ck_assert_str_eq(d.text, "+a+c+d+e-d-c-b-a");
}
END_TEST

START_TEST(only_what_started_is_stopped)
{
	static const struct {
		char fails;
		size_t started;
		const char *text;
	} cases[] = {
		{ 'a', 0, "" },
		{ 'c', 2, "+a-b-a" },
		{ 'd', 3, "+a+c-c-b-a" },
		{ 'e', 4, "+a+c+d-d-c-b-a" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct diary d = { .fails = cases[i].fails };
		struct error e = { .reason = REASON_NONE };
		size_t started = 0;

		ck_assert(!steps_start(steps, &d, &started, &e));
		ck_assert_int_eq(e.reason, REASON_CONFIG);
		ck_assert_uint_eq(started, cases[i].started);
		steps_stop(steps, &d, started);
		ck_assert_str_eq(d.text, cases[i].text);
	}
}
END_TEST

START_TEST(starting_goes_on_where_it_was)
{
	struct diary d = { .fails = 'd' };
	struct error e = { .reason = REASON_NONE };
	size_t started = 0;

	ck_assert(!steps_start(steps, &d, &started, &e));
	d.fails = 0;
	ck_assert(steps_start(steps, &d, &started, &e));
	ck_assert_uint_eq(started, 5);
	ck_assert_str_eq(d.text, "+a+c+d+e");
}
END_TEST

TCase *make_steps_case(void)
{
	TCase *c = tcase_create("steps");

	tcase_add_test(c, all_start_and_stop_in_reverse);
	tcase_add_test(c, only_what_started_is_stopped);
	tcase_add_test(c, starting_goes_on_where_it_was);
	return c;
}
