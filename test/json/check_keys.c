/* Duplicate names, in small and large objects and where all names have the same hash. */
#include "test/json/json_test.h"
#include "lib/json/scan.h"

#define ATTACK_KEYS 90000

/* An object of `n` names k0, k1, …; the name at `twice` (unless it is n) is that of `first`. */
static void make_object(struct buf *out, unsigned n, unsigned first, unsigned twice)
{
	buf_addc(out, '{');
	for (unsigned i = 0; i < n; i++)
		buf_addf(out, "%s\"k%u\":%u", i ? ",\n" : "", i == twice ? first : i, i);
	buf_addc(out, '}');
}

START_TEST(every_size)
{
	static const unsigned sizes[] = { 2, 3, 16, 31, 32, 33, 34, 64, 65, 500 };
	struct tape_parser *p = new_parser(NULL);
	struct buf text = BUF_INIT(1u << 20);
	unsigned n = sizes[_i];

	make_object(&text, n, 0, n);
	ck_assert_uint_eq(parse(p, buf_view(&text)).nodes[0].count, n);
	for (unsigned first = 0; first < n; first += 1 + n / 50)
		for (unsigned twice = first + 1; twice < n; twice += 1 + n / 50) {
			struct error e = { 0 };
			struct tape t;
			buf_reset(&text);
			make_object(&text, n, first, twice);
			ck_assert(!tape_parse(p, buf_view(&text), &t, &e));
			ck_assert_uint_eq(e.line, twice + 1);
			ck_assert_uint_eq(e.column, 1);
			ck_assert_ptr_nonnull(strstr(e.text, "occurs twice"));
		}
	buf_free(&text);
	tape_parser_free(p);
}
END_TEST

START_TEST(first_of_many)
{
	struct tape_parser *p = new_parser(NULL);
	struct buf text = BUF_INIT(1u << 20);
	struct error e = { 0 };
	struct tape t;

	buf_addc(&text, '[');
	make_object(&text, 100, 0, 100);
	buf_adds(&text, ",\n{");
	for (unsigned i = 0; i < 100; i++)
		buf_addf(&text, "%s\"k%u\":0", i ? ",\n" : "", i < 60 ? i : 119 - i);
	buf_adds(&text, "}]");
	ck_assert(!tape_parse(p, buf_view(&text), &t, &e));
	ck_assert_uint_eq(e.line, 100 + 61);
	buf_free(&text);
	tape_parser_free(p);
}
END_TEST

/* Names whose hash is 0: 32 bytes, of which the last eight are what the state of the hash has become
 * by then, so that the last product is one by zero. Sixteen free bytes are drawn until those eight
 * are ASCII; control characters are then written as escapes. */
static void add_colliding_name(struct buf *out, uint64_t *state)
{
	char name[32];
	uint64_t h;

	do {
		for (unsigned i = 0; i < 16; i++)
			name[i] = (char)('A' + next_number(state) % 26);
		h = hash_block(hash_start(sizeof name), name);
	} while (h & UINT64_C(0x8080808080808080));
	memset(name + 16, 'x', 8);
	for (unsigned i = 0; i < 8; i++)
		name[24 + i] = (char)(h >> 8 * i);
	ck_assert_uint_eq(tape_hash(view_make(name, sizeof name)), 0);
	buf_add_json_string(out, view_make(name, sizeof name));
}

START_TEST(equal_hashes)
{
	struct tape_parser *p = new_parser(&tape_document_limits);
	struct buf text = BUF_INIT(1u << 24);
	uint64_t state = 88172645463325252u;
	struct error e = { 0 };
	struct timespec from, to;
	struct tape t;

	buf_addc(&text, '{');
	for (unsigned i = 0; i < ATTACK_KEYS; i++) {
		if (i)
			buf_adds(&text, ",\n");
		add_colliding_name(&text, &state);
		buf_adds(&text, ":0");
	}
	size_t end = text.n;
	buf_addc(&text, '}');
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	t = parse(p, buf_view(&text));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ck_assert_uint_eq(t.nodes[0].count, ATTACK_KEYS);
	ck_assert_uint_eq(t.nodes[1].hash, t.nodes[2 * ATTACK_KEYS - 1].hash);
	/* Comparing each with each would take minutes. */
	double took = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	ck_assert_msg(took < 5, "%u names of equal hash took %.1f s", ATTACK_KEYS, took);

	/* The first name once more, at the end. */
	struct buf again = BUF_INIT(1u << 24);
	buf_add(&again, view_make(text.p, end));
	buf_adds(&again, ",\n");
	buf_add(&again, tape_token(&t, 1));
	buf_adds(&again, ":0}");
	ck_assert(!again.failed);
	ck_assert(!tape_parse(p, buf_view(&again), &t, &e));
	ck_assert_uint_eq(e.line, ATTACK_KEYS + 1);
	/* A record with so many is refused at the limit. */
	struct tape_parser *record = new_parser(&(struct tape_limits){ .bytes = 1u << 24 });
	e = (struct error){ 0 };
	ck_assert(!tape_parse(record, buf_view(&text), &t, &e));
	ck_assert_int_eq(e.reason, REASON_LIMIT);
	ck_assert_uint_eq(e.line, 10001);
	tape_parser_free(record);
	tape_parser_free(p);
	buf_free(&text);
	buf_free(&again);
}
END_TEST

/* A name and its hash. */
struct found {
	char name[16];
	uint32_t hash;
};

static void draw_name(struct found *f, unsigned n, uint64_t *state)
{
	for (unsigned i = 0; i < n; i++)
		f->name[i] = (char)('a' + next_number(state) % 26);
	f->name[n] = 0;
	f->hash = tape_hash(view_of(f->name));
}

/* Two names of one hash and different lengths are two names, whichever of them comes first; the empty name is one. */
START_TEST(equal_hashes_of_other_lengths)
{
	enum { TABLE = 1 << 18 };
	struct found *table = calloc(TABLE, sizeof *table), other;
	struct tape_parser *p = new_parser(NULL);
	struct buf text = BUF_INIT(1u << 20);
	uint64_t state = 88172645463325252u;
	const struct found *same = NULL;
	struct error e = { 0 };
	struct tape t;

	for (unsigned i = 0; i < TABLE; i++) {
		struct found f;
		draw_name(&f, 10, &state);
		table[f.hash % TABLE] = f;
	}
	for (unsigned tries = 0; !same && tries < 40000000; tries++) {
		draw_name(&other, 11, &state);
		same = &table[other.hash % TABLE];
		if (!same->name[0] || same->hash != other.hash)
			same = NULL;
	}
	ck_assert_ptr_nonnull(same);
	for (int swapped = 0; swapped < 2; swapped++) {
		buf_reset(&text);
		buf_addf(&text, "{\"%s\":0", swapped ? other.name : same->name);
		for (unsigned i = 0; i < 40; i++)
			buf_addf(&text, ",\"k%u\":0", i);
		buf_addf(&text, ",\"%s\":0,\"\":0", swapped ? same->name : other.name);
		size_t end = text.n;
		buf_addc(&text, '}');
		parse(p, buf_view(&text));
		text.n = end;
		buf_adds(&text, ",\n\"\":0}");
		ck_assert(!tape_parse(p, buf_view(&text), &t, &e));
		ck_assert_uint_eq(e.line, 2);
	}
	free(table);
	tape_parser_free(p);
	buf_free(&text);
}
END_TEST

TCase *make_keys_case(void);
TCase *make_keys_case(void)
{
	TCase *tc = tcase_create("keys");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, every_size, 0, 10);
	tcase_add_test(tc, first_of_many);
	tcase_add_test(tc, equal_hashes);
	tcase_add_test(tc, equal_hashes_of_other_lengths);
	return tc;
}
