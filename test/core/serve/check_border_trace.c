/* The trace by which both gateways name an exchange. */
#include <check.h>

#include "gatewayd/core/serve/border_trace.h"

TCase *make_border_trace_case(void);

/* printf 'gatewayd border trace 1\n' and the id's 16 bytes through sha256sum: 045f0709… */
START_TEST(made_of_the_id)
{
	struct traceparent sent, came, again;
	struct uuid id;

	ck_assert(uuid_parse(VIEW("01a22ddc-9c3c-7ce5-9c1a-38f7f96276ac"), &id));
	border_trace(&id, BORDER_SENDER, &sent);
	border_trace(&id, BORDER_RECIPIENT, &came);
	ck_assert_str_eq(sent.trace, "045f07096b99098fc9a6e50cc4c4eca3");
	ck_assert_str_eq(sent.span, "d0b54ca880fbc42d");
	ck_assert_str_eq(came.trace, sent.trace);
	ck_assert_str_eq(came.span, "609c0d469f3cdcd2");
	ck_assert(sent.sampled && came.sampled);
	id.b[15] ^= 1;
	border_trace(&id, BORDER_SENDER, &again);
	ck_assert_str_ne(again.trace, sent.trace);
}
END_TEST

TCase *make_border_trace_case(void)
{
	TCase *c = tcase_create("border_trace");

	tcase_add_test(c, made_of_the_id);
	return c;
}
