/* Where partners came from: for a day, over a start, and no more of them than that. */
#include "gatewayd/core/serve/sources.h"

#include <sys/stat.h>

#include "test/core/scratch.h"

TCase *make_sources_case(void);

#define NOW INT64_C(1700000000000)

static struct scratch_dir dir;
static struct sources *sources;
static struct partner partners[] = { { .id = "south", .n_pins = 1, .pins = { { .b = { 0xaa } } } },
	                             { .id = "west", .n_pins = 1, .pins = { { .b = { 0xbb } } } } };
static struct conf conf = { .partners = partners, .n_partners = 2 };
static char path_kept[PATH_MAX];
static const char *path = path_kept;

static void setup(void)
{
	dir = scratch_new();
	snprintf(path_kept, sizeof path_kept, "%s", scratch_file(&dir, "store.db-sources"));
	ck_assert_ptr_nonnull(sources = sources_new(path, NOW));
	conf.n_partners = 2;
}

static void teardown(void)
{
	sources_free(sources);
	scratch_remove(&dir);
}

static void seen(uint32_t n, const char *partner, int64_t at_ms)
{
	uint8_t address[16] = {
		[10] = 0xff, [11] = 0xff, [12] = 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n
	};

	sources_seen(sources, view_make(address, sizeof address), partner, at_ms);
}

/* What the edge is sent. */
static const char *printed(int64_t now_ms)
{
	static char text[1000];
	struct buf out = BUF_INIT(1 << 20);

	sources_print(sources, &conf, now_ms, &out);
	/* of each key its first digits */
	size_t n = 0;
	for (struct view rest = buf_view(&out), line; rest.n > 0;) {
		line = view_cut(&rest, '\n');
		ck_assert_uint_gt(line.n, 64);
		n += (size_t)snprintf(text + n, sizeof text - n, "%.*s\n", (int)line.n - 62, line.p);
	}
	text[n] = '\0';
	buf_free(&out);
	return text;
}

static void keep(int64_t now_ms, bool now)
{
	struct error e = { .reason = REASON_NONE };

	ck_assert_msg(sources_keep(sources, &conf, now_ms, now, &e), "%s: %s", e.where, e.text);
}

static const char *in_file(void)
{
	static char text[1000];
	struct view v = scratch_read(path);

	snprintf(text, sizeof text, "%.*s", VIEW_ARG(v));
	scratch_free(v);
	return text;
}

static void start_again(int64_t now_ms)
{
	sources_free(sources);
	ck_assert_ptr_nonnull(sources = sources_new(path, now_ms));
}

START_TEST(they_outlive_a_start_for_a_day)
{
	struct stat st;

	ck_assert_str_eq(printed(NOW), "");
	seen(1, "south", NOW);
	seen(2, "west", NOW + 1000);
	seen(1, "south", NOW + 2000);
	keep(NOW + 2000, true);
	ck_assert_str_eq(in_file(), "1700000001000 ::ffff:10.0.0.2 west\n1700000002000 ::ffff:10.0.0.1 south\n");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	start_again(NOW + 5000);
	ck_assert_str_eq(printed(NOW + 5000), "::ffff:10.0.0.2 86396000 bb\n::ffff:10.0.0.1 86397000 aa\n");
	/* a day after its last handshake one is out of what is sent, and of the file, whoever comes or not */
	ck_assert_str_eq(printed(NOW + 1000 + SOURCES_MS), "::ffff:10.0.0.1 1000 aa\n");
	keep(NOW + 1000 + SOURCES_MS, false);
	ck_assert_str_eq(in_file(), "1700000002000 ::ffff:10.0.0.1 south\n");
	/* or with the start */
	start_again(NOW + 2000 + SOURCES_MS);
	ck_assert_str_eq(printed(NOW + 2000 + SOURCES_MS), "");
	keep(NOW + 2000 + SOURCES_MS, false);
	ck_assert_str_eq(in_file(), "");
}
END_TEST

START_TEST(those_of_a_partner_that_is_no_more)
{
	seen(1, "south", NOW);
	seen(2, "west", NOW);
	keep(NOW, true);
	conf.n_partners = 1;
	ck_assert_str_eq(printed(NOW), "::ffff:10.0.0.1 86400000 aa\n");
	keep(NOW + 60000, false);
	ck_assert_str_eq(in_file(), "1700000000000 ::ffff:10.0.0.1 south\n");
}
END_TEST

/* One with ever so many addresses makes no other partner a stranger. */
START_TEST(a_partner_makes_room_at_its_own_cost)
{
	struct buf out = BUF_INIT(1 << 20);

	seen(1, "west", NOW);
	for (uint32_t i = 0; i < 2 * SOURCES_KEPT; i++)
		seen(2 + i, "south", NOW + 1);
	seen(0, "west", NOW + 2);
	sources_print(sources, &conf, NOW + 3, &out);
	buf_addc(&out, '\0');
	ck_assert(strstr(out.p, "::ffff:10.0.0.1 ") && strstr(out.p, "::ffff:10.0.0.0 "));
	ck_assert(!strstr(out.p, "::ffff:10.0.0.3 ") && strstr(out.p, "::ffff:10.0.32.1 "));
	buf_free(&out);
}
END_TEST

START_TEST(no_more_than_that)
{
	struct buf out = BUF_INIT(1 << 20);
	size_t lines = 0;

	for (uint32_t i = 0; i <= SOURCES_KEPT; i++)
		seen(i, "south", NOW + i);
	seen(1, "south", NOW + 2 * SOURCES_KEPT);
	seen(SOURCES_KEPT + 1, "south", NOW + 2 * SOURCES_KEPT);
	sources_print(sources, &conf, NOW + 2 * SOURCES_KEPT, &out);
	for (size_t i = 0; i < out.n; i++)
		lines += out.p[i] == '\n';
	ck_assert_uint_eq(lines, SOURCES_KEPT);
	/* those that are longest ago went, and not one that came again */
	buf_addc(&out, '\0');
	ck_assert(!strstr(out.p, "::ffff:10.0.0.0 ") && !strstr(out.p, "::ffff:10.0.0.2 "));
	ck_assert(strstr(out.p, "::ffff:10.0.0.1 ") && strstr(out.p, "::ffff:10.0.0.3 "));
	buf_free(&out);
}
END_TEST

START_TEST(the_file_is_written_once_a_minute)
{
	seen(1, "south", NOW);
	keep(NOW, false);
	seen(2, "south", NOW + 1);
	keep(NOW + 59999, false);
	ck_assert_str_eq(in_file(), "1700000000000 ::ffff:10.0.0.1 south\n");
	keep(NOW + 60000, false);
	ck_assert_str_eq(in_file(), "1700000000000 ::ffff:10.0.0.1 south\n1700000000001 ::ffff:10.0.0.2 south\n");
	/* nothing new: it is left alone */
	ck_assert_int_eq(remove(path), 0);
	keep(NOW + 200000, true);
	ck_assert_int_ne(remove(path), 0);
}
END_TEST

START_TEST(lines_that_are_none)
{
	scratch_write(
	        path,
	        VIEW("\n1700000000000\n1700000000000 10.0.0.1 south\n1700000000000 ::ffff:10.0.0.1 \n"
	             "1700000000000  south\na ::1 south\n1700000000001 ::2 south\n"
	             "1699913600000 ::3 south\n99999999999999999999 ::4 south\n"
	             "1 1:2:3:4:5:6:7:8:9:0:1:2:3:4:5:6:7:8:9:0:1:2:3:4:5:6:7:8:9 south\n1699999999999 ::5 south"));
	start_again(NOW);
	ck_assert_str_eq(printed(NOW), "::5 86399999 aa\n");
}
END_TEST

START_TEST(a_file_that_cannot_be_written)
{
	struct error e = { .reason = REASON_NONE };
	char long_path[5000];

	seen(1, "south", NOW);
	ck_assert_int_eq(mkdir(scratch_file(&dir, "store.db-sources.new"), 0700), 0);
	ck_assert_int_eq(mkdir(scratch_file(&dir, "store.db-sources.new/full"), 0700), 0);
	ck_assert(!sources_keep(sources, &conf, NOW, false, &e));
	ck_assert_int_eq(e.reason, REASON_IO);
	/* and a minute later it can */
	ck_assert_int_eq(remove(scratch_file(&dir, "store.db-sources.new/full")), 0);
	keep(NOW + 59999, false);
	ck_assert_int_ne(access(path, F_OK), 0);
	keep(NOW + 60000, false);
	ck_assert_int_eq(access(path, F_OK), 0);
	/* where it is to be there is a folder */
	seen(1, "south", NOW);
	ck_assert_int_eq(remove(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert(!sources_keep(sources, &conf, NOW, true, &e));
	memset(long_path, 'a', sizeof long_path - 1);
	long_path[sizeof long_path - 1] = '\0';
	path = long_path;
	start_again(NOW);
	seen(1, "south", NOW);
	ck_assert(!sources_keep(sources, &conf, NOW, true, &e));
}
END_TEST

TCase *make_sources_case(void)
{
	TCase *c = tcase_create("sources");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, they_outlive_a_start_for_a_day);
	tcase_add_test(c, those_of_a_partner_that_is_no_more);
	tcase_add_test(c, a_partner_makes_room_at_its_own_cost);
	tcase_add_test(c, no_more_than_that);
	tcase_add_test(c, the_file_is_written_once_a_minute);
	tcase_add_test(c, lines_that_are_none);
	tcase_add_test(c, a_file_that_cannot_be_written);
	return c;
}
