/* Views, buffers, arenas, errors. */
#include <limits.h>

#include <check.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/wire.h"

START_TEST(views_cut_and_compare)
{
	struct view rest = VIEW("a,b,,c"), part;

	part = view_cut(&rest, ',');
	ck_assert(view_is(part, "a"));
	part = view_cut(&rest, ',');
	ck_assert(view_is(part, "b"));
	part = view_cut(&rest, ',');
	ck_assert_uint_eq(part.n, 0);
	part = view_cut(&rest, ',');
	ck_assert(view_is(part, "c"));
	ck_assert_ptr_null(rest.p);
	ck_assert_int_lt(view_cmp(VIEW("ab"), VIEW("abc")), 0);
	ck_assert_int_gt(view_cmp(VIEW("b"), VIEW("abc")), 0);
	ck_assert_int_eq(view_cmp(VIEW("x"), VIEW("x")), 0);
	ck_assert(view_eq_nocase(VIEW("Content-TYPE"), VIEW("content-type")));
	ck_assert(!view_eq_nocase(VIEW("a@"), VIEW("A`")));
	ck_assert_uint_eq(view_from(VIEW("abc"), 7).n, 0);
	ck_assert(view_is(view_from(VIEW("abc"), 2), "c"));
	ck_assert_ptr_null(view_from((struct view){ NULL, 0 }, 5).p);
}
END_TEST

/* As snprintf() does it, whatever the lengths, and with a NUL within. */
START_TEST(views_are_kept_as_strings)
{
	static const char text[] = "abc\0defgh";
	char got[12], want[12];

	for (size_t size = 1; size <= sizeof got; size++)
		for (size_t from = 0; from < sizeof text; from++)
			for (size_t n = 0; from + n < sizeof text; n++) {
				memset(got, 'x', sizeof got);
				memset(want, 'x', sizeof want);
				snprintf(want, size, "%.*s", (int)n, text + from);
				view_keep(got, size, view_make(text + from, n));
				ck_assert(memcmp(got, want, sizeof got) == 0);
			}
	view_keep(got, sizeof got, (struct view){ NULL, 0 });
	ck_assert_str_eq(got, "");
}
END_TEST

START_TEST(views_read_decimals_strictly)
{
	static const char *const bad[] = { "", "01", "+1", "-1", "1 ", "x", "18446744073709551616" };
	unsigned long long n;

	ck_assert(view_to_u64(VIEW("0"), 10, &n) && n == 0);
	ck_assert(view_to_u64(VIEW("18446744073709551615"), ~0ULL, &n) && n == ~0ULL);
	ck_assert(view_to_u64(VIEW("65535"), 65535, &n) && n == 65535);
	ck_assert(!view_to_u64(VIEW("65536"), 65535, &n));
	ck_assert(!view_to_u64(VIEW("9"), 8, &n));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!view_to_u64(view_of(bad[i]), ~0ULL, &n), "%s", bad[i]);
}
END_TEST

START_TEST(buffers_keep_their_ceiling)
{
	struct buf b = BUF_INIT(8);

	buf_adds(&b, "12345678");
	ck_assert(!b.failed);
	buf_addc(&b, '9');
	ck_assert(b.failed);
	ck_assert_uint_eq(b.n, 8);
	buf_reset(&b);
	ck_assert(!b.failed && b.n == 0);
	buf_addf(&b, "%d%s", 42, "abcdefgh");
	ck_assert(b.failed);
	buf_free(&b);
	ck_assert_ptr_null(b.p);
	b = BUF_INIT(1000);
	buf_addf(&b, "%0300d", 7);
	ck_assert_uint_eq(b.n, 300);
	buf_drop(&b, 299);
	ck_assert(view_is(buf_view(&b), "7"));
	buf_addu(&b, UINT64_MAX);
	ck_assert(view_is(buf_view(&b), "718446744073709551615"));
	buf_free(&b);
	/* Room for nothing is room, in a buffer that holds nothing, too. */
	ck_assert(buf_room(&b, 0) != NULL && !b.failed && b.n == 0);
	buf_free(&b);
}
END_TEST

/* Each byte at each place of a long string: what is escaped, and that its neighbours stay. */
/* As printf() has it, whether or not it is asked. */
START_TEST(buffers_format)
{
	struct buf b = BUF_INIT(4096);
	char want[400];

#define SAME(...) \
	do { \
		buf_reset(&b); \
		buf_addf(&b, __VA_ARGS__); \
		snprintf(want, sizeof want, __VA_ARGS__); \
		ck_assert_msg(view_is(buf_view(&b), want), "%.*s, not %s", VIEW_ARG(buf_view(&b)), want); \
	} while (0)
	SAME("plain");
	SAME("%s|%s", "", "two");
	SAME("%d %d %d %d", 0, 7, INT_MAX, INT_MIN);
	SAME("%u %u%c", 0u, UINT_MAX, 'x');
	SAME("%lu %ld %llu %lld %zu", 1ul, -2l, ULLONG_MAX, LLONG_MIN, (size_t)9);
	SAME("%.*s|%.*s|%.*s", 2, "abc", 0, "abc", 9, "abc");
	SAME("%04d %s %08x%% %-5s| %.3s", 7, "between", 0xbeefu, "ab", "abcd");
	SAME("%s %i", "the next is no simple one", -3);
#undef SAME
	buf_free(&b);
}
END_TEST

/* What there was room given in is overwritten, also what was there before it was reset. */
START_TEST(buffers_are_cleared)
{
	struct buf b = BUF_INIT(4096);

	buf_adds(&b, "a secret of some length");
	buf_reset(&b);
	buf_adds(&b, "short");
	char *room = buf_room(&b, 40);
	ck_assert_ptr_nonnull(room);
	memcpy(room + 30, "unsaid", 6);
	char *p = b.p;
	size_t cap = b.cap;
	buf_clear(&b);
	ck_assert(b.p == p && b.n == 0 && b.high == 0);
	for (size_t i = 0; i < cap && i < 45; i++)
		ck_assert_int_eq(p[i], 0);
	buf_free(&b);
}
END_TEST

/* What is added up to there moves nothing, and only what was added is overwritten at the end. */
START_TEST(buffers_are_reserved)
{
	struct buf b = BUF_INIT(4096);

	buf_adds(&b, "begun");
	buf_reserve(&b, 3000);
	const char *p = b.p;
	ck_assert(b.n == 5 && b.high == 5 && b.cap >= 3000 && !b.failed);
	while (b.n < 3000)
		buf_addc(&b, 'x');
	ck_assert_ptr_eq(b.p, p);
	ck_assert_int_eq(memcmp(b.p, "begunx", 6), 0);
	buf_reserve(&b, 10);
	ck_assert_ptr_eq(b.p, p);
	/* More than it may have is no error before it is added. */
	buf_reserve(&b, 5000);
	ck_assert(!b.failed && b.n == 3000);
	buf_free(&b);
}
END_TEST

START_TEST(buffers_escape_at_every_place)
{
	char text[27], expect[3 * sizeof text];

	for (unsigned c = 1; c < 128; c++)
		for (size_t at = 0; at < sizeof text; at++) {
			struct buf b = BUF_INIT(200);
			memset(text, 'a', sizeof text);
			memcpy(text + 5, "\xc3\xa9", 2);
			text[at] = (char)c;
			const char *named = c == '"'    ? "\\\""
			                    : c == '\\' ? "\\\\"
			                    : c == '\b' ? "\\b"
			                    : c == '\f' ? "\\f"
			                    : c == '\n' ? "\\n"
			                    : c == '\r' ? "\\r"
			                    : c == '\t' ? "\\t"
			                                : NULL;
			char code[8];
			snprintf(code, sizeof code, c < 0x20 ? "\\u%04x" : "%c", c);
			snprintf(expect, sizeof expect, "\"%.*s%s%.*s\"", (int)at, text, named ? named : code,
			         (int)(sizeof text - at - 1), text + at + 1);
			buf_add_json_string(&b, view_make(text, sizeof text));
			ck_assert_msg(view_is(buf_view(&b), expect), "byte %u at %zu: %.*s", c, at,
			              VIEW_ARG(buf_view(&b)));
			buf_free(&b);
		}
}
END_TEST

START_TEST(buffers_write_json_strings)
{
	struct buf b = BUF_INIT(100);

	buf_add_json_string(&b, VIEW("a\"b\\c\n\r\t\x01\x1f\xc3\xa9/"));
	ck_assert(view_is(buf_view(&b), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\xc3\xa9/\""));
	buf_free(&b);
}
END_TEST

START_TEST(arenas_zero_and_reuse)
{
	struct arena a = { .max = 1 << 20 };
	char *first = arena_alloc(&a, 100), *again;

	ck_assert_ptr_nonnull(first);
	memset(first, 'x', 100);
	ck_assert_ptr_nonnull(arena_alloc(&a, 200000));
	ck_assert(!a.failed);
	ck_assert_ptr_null(arena_alloc(&a, 2 << 20));
	ck_assert(a.failed);
	size_t total = a.total;
	arena_wipe(&a);
	again = arena_alloc(&a, 100);
	ck_assert_ptr_eq(first, again);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(again[i], 0);
	ck_assert_ptr_nonnull(arena_alloc(&a, 200000));
	ck_assert_uint_eq(a.total, total);
	ck_assert_str_eq(arena_str(&a, VIEW("name")), "name");
	arena_free(&a);
}
END_TEST

START_TEST(the_first_error_wins)
{
	struct error e = { .reason = REASON_NONE };
	char text[700];

	ck_assert(!error_at(&e, REASON_CONFIG, "file.json", 3, 7, "is %s", "wrong"));
	ck_assert(!error_set(&e, REASON_STORE, "later"));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_str_eq(error_print(&e, text, sizeof text), "file.json:3:7: is wrong");
	ck_assert(!error_set(NULL, REASON_STORE, "nobody asks"));
}
END_TEST

START_TEST(error_lists_count_what_they_drop)
{
	struct error_list l = { .max = 2 };

	for (int i = 0; i < 5; i++)
		error_list_addf(&l, REASON_CONFIG, "f", 1, 1, "number %d", i);
	ck_assert_uint_eq(l.n, 2);
	ck_assert_uint_eq(l.dropped, 3);
	ck_assert_str_eq(l.items[1].text, "number 1");
	error_list_free(&l);
}
END_TEST

START_TEST(reasons_have_one_slug_each)
{
	for (int i = 0; i < REASON_COUNT; i++) {
		enum reason r = (enum reason)i;
		ck_assert_int_eq(reason_find(view_of(reason_slug(r))), r);
		ck_assert_int_ge(reason_status(r), 200);
		ck_assert_uint_gt(strlen(reason_text(r)), 5);
		ck_assert_uint_gt(strlen(reason_coarse(r)), 2);
	}
	ck_assert_int_eq(reason_find(VIEW("no-such-reason")), REASON_COUNT);
	ck_assert_int_eq(reason_for_peer(REASON_CONSENT_WITHDRAWN), REASON_NOT_PERMITTED);
	ck_assert_int_eq(reason_for_peer(REASON_UNDER_CHALLENGE), REASON_NOT_PERMITTED);
	ck_assert_int_eq(reason_for_peer(REASON_SCHEMA_VIOLATION), REASON_SCHEMA_VIOLATION);
}
END_TEST

START_TEST(wire_reads_what_it_wrote)
{
	struct buf b = BUF_INIT(1000);

	put_u8(&b, 0xab);
	put_u16(&b, 0x1234);
	put_u32(&b, 0xdeadbeef);
	put_u64(&b, UINT64_C(0x0102030405060708));
	put_view16(&b, VIEW("six"));
	put_view32(&b, VIEW("seven"));
	struct reader r = { .rest = buf_view(&b) };
	ck_assert_uint_eq(read_u8(&r), 0xab);
	ck_assert_uint_eq(read_u16(&r), 0x1234);
	ck_assert_uint_eq(read_u32(&r), 0xdeadbeef);
	ck_assert(read_u64(&r) == UINT64_C(0x0102030405060708));
	ck_assert(view_is(read_view16(&r), "six"));
	ck_assert(view_is(read_view32(&r), "seven"));
	ck_assert(!r.failed && r.rest.n == 0);
	ck_assert_uint_eq(read_u8(&r), 0);
	ck_assert(r.failed);
	/* A length that says more than there is. */
	struct reader lie = { .rest = VIEW("\x00\x05"
		                           "abc") };
	ck_assert_uint_eq(read_view16(&lie).n, 0);
	ck_assert(lie.failed);
	buf_free(&b);
}
END_TEST

TCase *make_text_case(void);
TCase *make_text_case(void)
{
	TCase *c = tcase_create("text");

	tcase_add_test(c, views_cut_and_compare);
	tcase_add_test(c, views_are_kept_as_strings);
	tcase_add_test(c, views_read_decimals_strictly);
	tcase_add_test(c, buffers_keep_their_ceiling);
	tcase_add_test(c, buffers_write_json_strings);
	tcase_add_test(c, buffers_format);
	tcase_add_test(c, buffers_are_cleared);
	tcase_add_test(c, buffers_are_reserved);
	tcase_add_test(c, buffers_escape_at_every_place);
	tcase_add_test(c, arenas_zero_and_reuse);
	tcase_add_test(c, the_first_error_wins);
	tcase_add_test(c, error_lists_count_what_they_drop);
	tcase_add_test(c, reasons_have_one_slug_each);
	tcase_add_test(c, wire_reads_what_it_wrote);
	return c;
}
