/* What the reader allocates: nothing once it is warm; and that each allocation may fail. malloc and
 * calloc are replaced for this program; a sanitizer that replaces them itself leaves this out. */
#include <stdio.h>

#include "lib/json/equal.h"
#include "lib/json/pointer.h"
#include "lib/json/splice.h"
#include "test/json/json_test.h"
#include "test/memory.h"

#if SANITIZER_ALLOCATES
START_TEST(left_out)
{
	printf("SKIP json allocations: the sanitizer replaces malloc itself\n");
}
END_TEST
#else

/* A record with escapes, and with more than SMALL_OBJECT members where `large`. */
static void make_record(struct buf *out, unsigned i, bool large)
{
	buf_reset(out);
	buf_addf(out, "{\"id\":\"p%u\",\"name\":\"Ex\\u0061mple\\n%u\",\"n\":[1,2.5,%u,null,true],\"o\":{", i, i, i);
	for (unsigned k = 0; k < (large ? 50 : 5); k++)
		buf_addf(out, "%s\"key %u\" : \"value %u\"", k ? ", " : "", k, i * k);
	buf_adds(out, "}}");
	ck_assert(!out->failed);
}

START_TEST(nothing_when_warm)
{
	struct tape_parser *p = new_parser(NULL);
	struct buf text = BUF_INIT(1u << 16), out = BUF_INIT(1u << 16);
	unsigned long during = 0;
	struct tape t;
	struct member_order order = { .keys = NULL };
	struct splice s;
	uint32_t node;

	/* check allocates for each assertion, so they wait until the count is taken. */
	for (unsigned i = 0; i < 2000; i++) {
		make_record(&text, i % 1000, i % 2);
		unsigned long before = allocations;
		bool good;
		if (i % 3 == 0) {
			tape_parser_wipe(p);
			good = tape_feed(p, view_make(text.p, text.n / 2), NULL) &&
			       tape_feed(p, view_from(buf_view(&text), text.n / 2), NULL) && tape_finish(p, &t, NULL);
		} else {
			good = tape_parse(p, buf_view(&text), &t, NULL);
		}
		if (good) {
			buf_reset(&out);
			splice_start(&s, &out, &order);
			splice_copy(&s, &t, 0);
			good = pointer_find(&t, 0, VIEW("/o/key 3"), &node) && tape_equal(&t, 0, &t, 0) &&
			       tape_value_hash(&t, node) != 0;
		}
		if (i >= 1000)
			during += allocations - before;
		ck_assert(good);
	}
	ck_assert_uint_eq(during, 0);
	printf("json allocations: %lu in 1000 records after warm-up\n", during);
	tape_parser_free(p);
	member_order_free(&order);
	buf_free(&text);
	buf_free(&out);
}
END_TEST

/* Members that stand in no order need memory once. */
START_TEST(order_may_fail)
{
	struct tape_parser *p = new_parser(NULL);
	struct buf out = BUF_INIT(1u << 16);
	struct member_order order = { .keys = NULL };
	struct splice s;
	struct tape t = parse(p, VIEW("[{\"b\":1,\"a\":2}]"));

	buf_room(&out, 1000);
	for (int fails = 1; fails >= 0; fails--) {
		buf_reset(&out);
		splice_start(&s, &out, &order);
		fail_at = fails ? 0 : -1;
		splice_copy(&s, &t, 0);
		fail_at = -1;
		ck_assert(out.failed == (fails == 1));
		ck_assert_uint_eq(order.n, 0);
	}
	assert_view(buf_view(&out), VIEW("[{\"a\":2,\"b\":1}]"));
	tape_parser_free(p);
	member_order_free(&order);
	buf_free(&out);
}
END_TEST

START_TEST(each_may_fail)
{
	struct buf text = BUF_INIT(1u << 16);
	bool good = false;
	unsigned failures = 0;

	make_record(&text, 1, true);
	buf_room(&text, 20000);
	buf_drop(&text, 1);
	struct buf long_text = BUF_INIT(1u << 20);
	buf_addc(&long_text, '[');
	for (unsigned i = 0; i < 400; i++)
		buf_addf(&long_text, "{%.*s,", VIEW_ARG(buf_view(&text)));
	buf_adds(&long_text, "0]");
	ck_assert(!long_text.failed);

	/* Twice each: whole and in pieces. */
	for (long n = 0; !good || n % 2; n++) {
		struct error e = { 0 };
		struct tape t;
		good = false;
		fail_at = n / 2;
		struct tape_parser *p = tape_parser_new(&tape_document_limits);
		if (p && n % 2) {
			good = tape_parse(p, buf_view(&long_text), &t, &e);
		} else if (p) {
			good = tape_feed(p, view_make(long_text.p, 1000), &e) &&
			       tape_feed(p, view_from(buf_view(&long_text), 1000), &e) && tape_finish(p, &t, &e);
		}
		fail_at = -1;
		if (p && !good) {
			ck_assert_int_eq(e.reason, REASON_NO_MEMORY);
			/* What failed is not finished. */
			struct error again = { 0 };
			ck_assert(!tape_finish(p, &t, &again) && again.reason == REASON_NO_MEMORY);
			/* The parser goes on once there is memory again. */
			ck_assert(tape_parse(p, buf_view(&long_text), &t, &e));
		}
		failures += !good;
		tape_parser_free(p);
	}
	ck_assert_uint_ge(failures, 6);
	fail_at = 0;
	struct tape_parser *none = tape_parser_new(NULL);
	fail_at = 2;
	struct tape_parser *p = tape_parser_new(NULL);
	struct error e = { 0 };
	struct tape t;
	bool finished = tape_finish(p, &t, &e);
	fail_at = -1;
	ck_assert_ptr_null(none);
	ck_assert(!finished);
	ck_assert_int_eq(e.reason, REASON_NO_MEMORY);
	tape_parser_free(p);
	buf_free(&text);
	buf_free(&long_text);
}
END_TEST
#endif

TCase *make_memory_case(void);
TCase *make_memory_case(void)
{
	TCase *tc = tcase_create("memory");

	tcase_set_timeout(tc, 60);
#if SANITIZER_ALLOCATES
	tcase_add_test(tc, left_out);
#else
	tcase_add_test(tc, nothing_when_warm);
	tcase_add_test(tc, order_may_fail);
	tcase_add_test(tc, each_may_fail);
#endif
	return tc;
}
