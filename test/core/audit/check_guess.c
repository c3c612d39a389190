/* Who has the hashes of the log's tiles and knows partners, notes, build and the hour cannot find out what was written:
 * every operation, guessed as a partner gateway could. Without the random bits each of them is found. */
#include "gatewayd/core/audit/entry.h"

#include "gatewayd/build.h"
#include "gatewayd/core/store/log.h"
#include "test/core/log_fixture.h"

#define NOW_MS    INT64_C(1772452800000)
#define WINDOW_MS 200 /* before and behind: what a look at the size of the tree tells */
#define PEERS     5
#define NOTES     6

TCase *make_guess_case(void);

static const char *const peers[PEERS] = { "", "south-gateway", "north-system", "auditor", "south-system" };
static const char *const notes[NOTES] = { "",          "log entries read", "operator with uid 0 read the decision",
	                                  "delivered", LOG_ORIGIN,         "record fetched" };

static struct log_fixture f;

static void setup(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
}

static void teardown(void)
{
	log_teardown(&f);
}

struct appending {
	struct job job; /* first */
	bool home;
};

/* One of each operation, each with what nobody but its guesser knows. */
static struct entry facts_of(unsigned o)
{
	return (struct entry){ .operation = (enum operation)o,
		               .peer = view_of(peers[o % PEERS]),
		               .note = view_of(notes[o % NOTES]) };
}

static bool append_all(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct core core = { .build = build_name() };

	for (unsigned o = 0; o < OPERATION_COUNT; o++) {
		struct act a = {
			.core = &core, .writer = w, .job = j, .store = s, .now_ms = NOW_MS + o * 7 % WINDOW_MS
		};
		const struct entry facts = facts_of(o);

		if (!audit_append(&a, &facts, NULL, NULL, e))
			return false;
	}
	return true;
}

static void came_home(struct job *j)
{
	ck_assert_msg(j->committed, "%s", j->error.text);
	((struct appending *)j)->home = true;
	writer_release(j);
}

static void fill(void)
{
	struct appending a = { .job = { .home = f.home, .run = append_all, .done = came_home } };
	struct pollfd p = { .fd = home_fd(f.home), .events = POLLIN };

	writer_submit(f.writer, &a.job);
	while (!a.home) {
		ck_assert_int_eq(poll(&p, 1, 30000), 1);
		home_collect(f.home);
	}
}

/* --- the guesser --- */

struct guesser {
	struct digest hash[OPERATION_COUNT + 1]; /* as in the tile */
	bool found[OPERATION_COUNT + 1];
	size_t n;
	uint64_t tried;
	struct buf leaf;
};

static void try(struct guesser *g, const struct entry *e)
{
	struct digest h;

	buf_reset(&g->leaf);
	entry_print(e, NULL, &g->leaf);
	tlog_leaf_hash(buf_view(&g->leaf), &h);
	for (size_t i = 0; i < g->n; i++)
		g->found[i] = g->found[i] || digest_eq(&g->hash[i], &h);
	g->tried++;
}

static void try_all(struct guesser *g, int64_t around_ms)
{
	for (unsigned o = 0; o < OPERATION_COUNT; o++)
		for (int64_t ms = around_ms - WINDOW_MS; ms <= around_ms + WINDOW_MS; ms++)
			for (unsigned p = 0; p < PEERS; p++)
				for (unsigned n = 0; n < NOTES; n++) {
					const struct entry e = { .operation = (enum operation)o,
						                 .time_ms = ms,
						                 .peer = view_of(peers[p]),
						                 .note = view_of(notes[n]),
						                 .build = view_of(build_name()) };
					try(g, &e);
				}
}

static unsigned found(const struct guesser *g)
{
	unsigned n = 0;

	for (size_t i = 0; i < g->n; i++)
		n += g->found[i];
	return n;
}

/* The leaf as builds of before wrote it. */
static void strip(struct view leaf, struct buf *out)
{
	static const char sd[] = "\"_sd\":[", random[] = "\"random\":\"";
	const char *member = memmem(leaf.p, leaf.n, random, strlen(random));

	ck_assert_ptr_nonnull(member);
	buf_reset(out);
	buf_addc(out, '{');
	struct view head = view_make(leaf.p + 1, (size_t)(member - leaf.p) - 1);
	if (view_starts(head, view_of(sd)))
		head = view_from(head, (size_t)((const char *)memchr(head.p, ']', head.n) - head.p) + 2);
	buf_add(out, head);
	buf_add(out, view_from(leaf, (size_t)(member - leaf.p) + strlen(random) + 22 + strlen("\",")));
}

static int64_t time_of(struct view leaf)
{
	const char *at = memmem(leaf.p, leaf.n, "\"time\":", 7);

	return at ? strtoll(at + 7, NULL, 10) : 0;
}

START_TEST(nothing_is_found_from_hashes)
{
	struct guesser now = { .leaf = BUF_INIT(65536) }, before = { .leaf = BUF_INIT(65536) };
	struct view leaf, packed, hashes;
	struct buf old = BUF_INIT(65536);
	int64_t genesis_ms = 0;

	fill();
	OK(store_get_tile(f.store, 0, 0, &hashes, e));
	ck_assert_uint_eq(hashes.n, 32 * (OPERATION_COUNT + 1));
	now.n = before.n = OPERATION_COUNT + 1;
	memcpy(now.hash, hashes.p, hashes.n);
	for (uint64_t i = 0; i <= OPERATION_COUNT; i++) {
		OK(store_get_entry(f.store, i, &leaf, &packed, e));
		if (i == 0)
			genesis_ms = time_of(leaf);
		tlog_leaf_hash(leaf, &before.hash[i]);
		ck_assert(digest_eq(&before.hash[i], &now.hash[i]));
		strip(leaf, &old);
		tlog_leaf_hash(buf_view(&old), &before.hash[i]);
	}
	try_all(&before, NOW_MS);
	try_all(&before, genesis_ms);
	try_all(&now, NOW_MS);
	try_all(&now, genesis_ms);
	printf("%llu guesses at %u entries, one of each operation and the genesis: %u found without random bits, %u with\n",
	       (unsigned long long)now.tried, OPERATION_COUNT + 1, found(&before), found(&now));
	ck_assert_uint_eq(found(&before), OPERATION_COUNT + 1);
	ck_assert_uint_eq(found(&now), 0);
	buf_free(&old);
	buf_free(&now.leaf);
	buf_free(&before.leaf);
}
END_TEST

/* Each leaf has bits of its own, and as many digests as its operation. */
START_TEST(no_two_have_the_same_bits)
{
	struct view bits[OPERATION_COUNT], leaf, packed;
	char text[OPERATION_COUNT][23];
	unsigned digests;

	fill();
	for (unsigned o = 0; o < OPERATION_COUNT; o++) {
		OK(store_get_entry(f.store, o + 1, &leaf, &packed, e));
		const char *at = memmem(leaf.p, leaf.n, "\"random\":\"", 10);
		ck_assert_ptr_nonnull(at);
		snprintf(text[o], sizeof text[o], "%.22s", at + 10);
		bits[o] = view_of(text[o]);
		for (unsigned k = 0; k < o; k++)
			ck_assert(!view_eq(bits[o], bits[k]));
		ck_assert(disclosures_count(leaf, &digests));
		ck_assert_uint_eq(digests, operation_digests((enum operation)o));
		OK(disclosures_verify(leaf, packed, e));
	}
}
END_TEST

TCase *make_guess_case(void)
{
	TCase *c = tcase_create("guess");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, nothing_is_found_from_hashes);
	tcase_add_test(c, no_two_have_the_same_bits);
	return c;
}
