/* Full verification: every altered bit, every removal, swap and truncation of a log of 1,000 entries is found
 * and told at its place. */
#include <check.h>

#include "lib/tlog/verify.h"
#include "test/tlog/fixture.h"

TCase *make_verify_case(void);

#define ENTRIES 1000

static struct log *whole;

static void setup(void)
{
	whole = log_new("north.example/audit/gw/1", 1, ENTRIES);
}

static void teardown(void)
{
	log_free(whole);
}

static bool verify(struct log *l, const struct checkpoint *earlier, struct verify_report *r, struct error *e)
{
	struct verify_source s = { .entry = log_entry, .tile = log_tile, .arg = l, .disclosures = true };
	struct checkpoint c;

	*e = (struct error){ 0 };
	*r = (struct verify_report){ 0 };
	return checkpoint_open(buf_view(&l->note), &l->signer.vkey, &c, e) && verify_log(&c, earlier, &s, r, e);
}

static void found(struct log *l, enum verify_place place, uint64_t index)
{
	struct verify_report r;
	struct error e;

	ck_assert(!verify(l, NULL, &r, &e));
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
	ck_assert_msg(r.place == place && r.index == index, "place %d index %llu: %s", r.place,
	              (unsigned long long)r.index, e.text);
}

START_TEST(test_intact)
{
	static const uint64_t sizes[] = { 0, 1, 2, 255, 256, 257, 511, 512, 513, 1000, 1537 };
	struct verify_report r;
	struct error e;

	for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct log *l = log_new("north.example/audit/gw/1", 1, sizes[i]);
		struct digest root;

		ck_assert_msg(verify(l, NULL, &r, &e), "%s", e.text);
		ck_assert_uint_eq(r.entries, sizes[i]);
		ck_assert_int_eq(r.place, VERIFY_INTACT);
		tiles_root(l->tiles, &root);
		ck_assert(digest_eq(&r.root, &root));
		ck_assert_uint_eq(r.disclosed, sizes[i] - (sizes[i] + 2) / 3);
		ck_assert_uint_eq(r.erased, 0);
		log_free(l);
	}
}
END_TEST

/* A flipped bit in an entry, through the whole verification at a sample of entries. */
START_TEST(test_place_of_entry)
{
	for (uint64_t i = 0; i < ENTRIES; i += 111) {
		whole->leaf[i].p[40] ^= 1;
		found(whole, VERIFY_ENTRY, i);
		whole->leaf[i].p[40] ^= 1;
	}
	/* In the list of digests too: the entry is to blame, not its disclosures. */
	whole->leaf[2].p[12] ^= 1;
	found(whole, VERIFY_ENTRY, 2);
}
END_TEST

START_TEST(test_place_of_tile)
{
	static const struct {
		unsigned level, index, hash;
	} cases[] = { { 0, 0, 0 }, { 0, 0, 255 }, { 0, 2, 77 }, { 0, 3, 0 }, { 0, 3, 231 }, { 1, 0, 0 }, { 1, 0, 2 } };

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct bytes *t = &whole->tile[cases[i].level][cases[i].index];
		struct verify_report r;
		struct error e;

		t->p[cases[i].hash * 32 + 7] ^= 0x10;
		ck_assert(!verify(whole, NULL, &r, &e));
		ck_assert_int_eq(r.place, VERIFY_TILE);
		ck_assert_uint_eq(r.level, cases[i].level);
		ck_assert_uint_eq(r.index, cases[i].index);
		ck_assert_uint_eq(r.hash, cases[i].hash);
		t->p[cases[i].hash * 32 + 7] ^= 0x10;
	}
}
END_TEST

START_TEST(test_place_of_disclosures)
{
	for (uint64_t i = 1; i < ENTRIES; i += 100) {
		if (whole->packed[i].n == 0)
			continue;
		whole->packed[i].p[20] ^= 1;
		found(whole, VERIFY_DISCLOSURES, i);
		whole->packed[i].p[20] ^= 1;
	}
	struct bytes t = whole->packed[4];
	whole->packed[4] = whole->packed[7];
	whole->packed[7] = t;
	found(whole, VERIFY_DISCLOSURES, 4);
}
END_TEST

/* An entry altered together with its tile: the tile above tells in which 256 entries it lies. Altered up to
 * the partial tile that nothing is above of: only the root tells. */
START_TEST(test_consistent_rewrite)
{
	struct digest h;

	whole->leaf[300].p[40] ^= 1;
	tlog_leaf_hash(view_make(whole->leaf[300].p, whole->leaf[300].n), &h);
	memcpy(whole->tile[0][1].p + 44 * 32, h.b, 32);
	found(whole, VERIFY_ENTRY, 256);
	teardown();
	setup();
	whole->leaf[999].p[40] ^= 1;
	tlog_leaf_hash(view_make(whole->leaf[999].p, whole->leaf[999].n), &h);
	memcpy(whole->tile[0][3].p + 231 * 32, h.b, 32);
	found(whole, VERIFY_ROOT, 0);
}
END_TEST

START_TEST(test_removed_swapped_cut)
{
	struct bytes t;

	for (uint64_t i = 0; i < ENTRIES; i += 99) {
		/* The row is gone. */
		t = whole->leaf[i];
		whole->leaf[i].p = NULL;
		found(whole, VERIFY_ENTRY, i);
		whole->leaf[i] = t;
		/* Everything moved up by one. */
		char *p = whole->leaf[i].p;
		struct bytes first = whole->leaf[i], packed = whole->packed[i];
		(void)p;
		memmove(&whole->leaf[i], &whole->leaf[i + 1], (ENTRIES - 1 - i) * sizeof t);
		memmove(&whole->packed[i], &whole->packed[i + 1], (ENTRIES - 1 - i) * sizeof t);
		whole->size--;
		found(whole, VERIFY_ENTRY, i);
		whole->size++;
		memmove(&whole->leaf[i + 1], &whole->leaf[i], (ENTRIES - 1 - i) * sizeof t);
		memmove(&whole->packed[i + 1], &whole->packed[i], (ENTRIES - 1 - i) * sizeof t);
		whole->leaf[i] = first;
		whole->packed[i] = packed;
	}
	t = whole->leaf[10];
	whole->leaf[10] = whole->leaf[13];
	whole->leaf[13] = t;
	found(whole, VERIFY_ENTRY, 10);
	whole->leaf[13] = whole->leaf[10];
	whole->leaf[10] = t;
	/* Cut at the end, in entries and in tiles. */
	whole->size = 900;
	found(whole, VERIFY_ENTRY, 900);
	whole->size = ENTRIES;
	whole->tile[0][3].n -= 32;
	found(whole, VERIFY_TILE, 3);
	whole->tile[0][3].n += 32;
	t = whole->tile[0][2];
	whole->tile[0][2].p = NULL;
	found(whole, VERIFY_TILE, 2);
	whole->tile[0][2] = whole->tile[0][1];
	found(whole, VERIFY_TILE, 2);
	whole->tile[0][2] = t;
	struct verify_report r;
	struct error e;
	ck_assert(verify(whole, NULL, &r, &e));
}
END_TEST

/* A copy that was rolled back is whole in itself: what was seen earlier finds it. */
START_TEST(test_earlier)
{
	struct log *l = log_new("north.example/audit/gw/1", 1, 600);
	struct log *forked = log_new("north.example/audit/gw/1", 1, 600);
	struct verify_report r;
	struct error e;
	struct checkpoint seen = { .origin = view_of(l->signer.vkey.name), .size = 600 }, old = seen;

	tiles_root(l->tiles, &old.root);
	log_grow(l, 700);
	seen.size = 700;
	tiles_root(l->tiles, &seen.root);
	ck_assert(verify(l, &old, &r, &e));
	ck_assert(verify(l, &seen, &r, &e));
	ck_assert(verify(forked, &old, &r, &e));
	ck_assert(!verify(forked, &seen, &r, &e));
	ck_assert_int_eq(r.place, VERIFY_HISTORY);
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
	/* Another history of the same size and more, signed by the same key. */
	struct digest h;
	tlog_leaf_hash(VIEW("{\"operation\":\"start\"}"), &h);
	ck_assert(tiles_append(forked->tiles, &h));
	bytes_set(&forked->leaf[600], VIEW("{\"operation\":\"start\"}"));
	forked->size = 601;
	ck_assert(tiles_changed(forked->tiles, log_put_tile, forked, NULL));
	tiles_commit(forked->tiles);
	log_grow(forked, 700);
	ck_assert(verify(forked, NULL, &r, &e));
	ck_assert(verify(forked, &old, &r, &e));
	ck_assert(!verify(forked, &seen, &r, &e));
	ck_assert_int_eq(r.place, VERIFY_HISTORY);
	log_grow(forked, 800);
	ck_assert(!verify(forked, &seen, &r, &e));
	ck_assert_int_eq(r.place, VERIFY_HISTORY);
	seen.origin = VIEW("elsewhere.example");
	ck_assert(!verify(l, &seen, &r, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	log_free(l);
	log_free(forked);
}
END_TEST

static bool broken_entry(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	return index < 500 ? log_entry(arg, index, leaf, packed, e) : error_set(e, REASON_IO, "the disk failed");
}

/* What cannot be read is a failure, not tampering. */
START_TEST(test_unreadable)
{
	struct verify_source s = { .entry = broken_entry, .tile = log_tile, .arg = whole, .disclosures = true };
	struct verify_report r;
	struct checkpoint c;
	struct error e = { 0 };

	ck_assert(checkpoint_open(buf_view(&whole->note), &whole->signer.vkey, &c, &e));
	ck_assert(!verify_log(&c, NULL, &s, &r, &e));
	ck_assert_int_eq(e.reason, REASON_IO);
}
END_TEST

/* --- every bit --- */

/* Entries: the leaf hash must leave the tile. Each hash is compared whole by verify_log (test_place_of_…),
 * so here one process goes through all bits of all entries against their hash in the tile. */
START_TEST(test_every_bit_of_entries)
{
	unsigned long long flips = 0;

	for (uint64_t i = 0; i < ENTRIES; i++) {
		struct bytes *b = &whole->leaf[i];
		const char *stored = whole->tile[0][i / 256].p + i % 256 * 32;

		for (size_t at = 0; at < b->n; at++) {
			for (unsigned bit = 0; bit < 8; bit++, flips++) {
				struct digest h;

				b->p[at] = (char)(b->p[at] ^ (1 << bit));
				tlog_leaf_hash(view_make(b->p, b->n), &h);
				ck_assert(memcmp(h.b, stored, 32) != 0);
				b->p[at] = (char)(b->p[at] ^ (1 << bit));
			}
		}
	}
	printf("entries: %llu bit flips found\n", flips);
}
END_TEST

START_TEST(test_every_bit_of_disclosures)
{
	unsigned long long flips = 0;

	for (uint64_t i = 0; i < ENTRIES; i++) {
		struct bytes *b = &whole->packed[i];
		struct view leaf = view_make(whole->leaf[i].p, whole->leaf[i].n);

		for (size_t at = 0; at < b->n; at++) {
			for (unsigned bit = 0; bit < 8; bit++, flips++) {
				b->p[at] = (char)(b->p[at] ^ (1 << bit));
				ck_assert(!disclosures_verify(leaf, view_make(b->p, b->n), NULL));
				b->p[at] = (char)(b->p[at] ^ (1 << bit));
			}
		}
	}
	printf("disclosures: %llu bit flips found\n", flips);
}
END_TEST

static void every_bit_of_tile(unsigned level, unsigned index, unsigned step, unsigned long long *flips)
{
	struct bytes *t = &whole->tile[level][index];
	struct verify_report r;
	struct error e;

	for (size_t bit = 0; bit < t->n * 8; bit += step, ++*flips) {
		t->p[bit / 8] = (char)(t->p[bit / 8] ^ (1 << (bit % 8)));
		ck_assert(!verify(whole, NULL, &r, &e));
		ck_assert(r.place == VERIFY_TILE && r.level == level && r.index == index && r.hash == bit / 256);
		t->p[bit / 8] = (char)(t->p[bit / 8] ^ (1 << (bit % 8)));
	}
}

/* All bits of the upper tile, each through the whole verification; of the lower ones one in each byte, for
 * time; and all of them against the rebuilt hashes, as the verification compares. */
START_TEST(test_every_bit_of_tiles)
{
	unsigned long long full = 0, compared = 0;
	struct digest h;

	every_bit_of_tile(1, 0, 1, &full);
	for (unsigned i = 0; i < 4; i++)
		every_bit_of_tile(0, i, 257, &full);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		char *stored = whole->tile[0][i / 256].p + i % 256 * 32;

		tlog_leaf_hash(view_make(whole->leaf[i].p, whole->leaf[i].n), &h);
		for (unsigned bit = 0; bit < 256; bit++, compared++) {
			stored[bit / 8] = (char)(stored[bit / 8] ^ (1 << (bit % 8)));
			ck_assert(memcmp(h.b, stored, 32) != 0);
			stored[bit / 8] = (char)(stored[bit / 8] ^ (1 << (bit % 8)));
		}
	}
	printf("tiles: %llu bit flips found by full verification, %llu by comparison\n", full, compared);
}
END_TEST

START_TEST(test_every_bit_of_checkpoint)
{
	struct checkpoint c;

	for (size_t i = 0; i < whole->note.n * 8; i++) {
		whole->note.p[i / 8] = (char)(whole->note.p[i / 8] ^ (1 << (i % 8)));
		ck_assert(!checkpoint_open(buf_view(&whole->note), &whole->signer.vkey, &c, NULL));
		whole->note.p[i / 8] = (char)(whole->note.p[i / 8] ^ (1 << (i % 8)));
	}
	for (size_t n = 0; n < whole->note.n; n++)
		ck_assert(!checkpoint_open(view_make(whole->note.p, n), &whole->signer.vkey, &c, NULL));
	printf("checkpoint: %zu bit flips found\n", whole->note.n * 8);
}
END_TEST

/* Without entries the tiles are verified: every hash of every tile, and a missing or short one. */
START_TEST(test_without_entries)
{
	struct verify_source s = { .tile = log_tile, .arg = whole };
	struct verify_report r;
	struct error e = { 0 };
	struct checkpoint c, earlier;

	ck_assert(checkpoint_open(buf_view(&whole->note), &whole->signer.vkey, &c, &e));
	ck_assert_msg(verify_log(&c, NULL, &s, &r, &e), "%s", e.text);
	ck_assert_uint_eq(r.entries, ENTRIES);
	ck_assert(digest_eq(&r.root, &c.root));
	for (unsigned level = 0; level < 2; level++)
		for (unsigned i = 0; i < (level ? 1 : 4); i++)
			for (size_t at = 0; at < whole->tile[level][i].n; at += 32) {
				whole->tile[level][i].p[at] ^= 1;
				e = (struct error){ 0 };
				ck_assert(!verify_log(&c, NULL, &s, &r, &e));
				ck_assert_int_eq(e.reason, REASON_TAMPERED);
				whole->tile[level][i].p[at] ^= 1;
			}
	/* A hash whose tile above tells where; the last tile has none above. */
	whole->tile[0][1].p[32 * 7] ^= 1;
	e = (struct error){ 0 };
	ck_assert(!verify_log(&c, NULL, &s, &r, &e));
	ck_assert_msg(r.index == 256 && r.count == 256 && strstr(e.text, "tiles below, of entries 256 to 511"), "%s",
	              e.text);
	whole->tile[0][1].p[32 * 7] ^= 1;
	whole->tile[0][3].p[32] ^= 1;
	e = (struct error){ 0 };
	ck_assert(!verify_log(&c, NULL, &s, &r, &e));
	ck_assert(r.place == VERIFY_ROOT && strstr(e.text, "the tiles agree"));
	whole->tile[0][3].p[32] ^= 1;
	whole->tile[0][2].n -= 32;
	e = (struct error){ 0 };
	ck_assert(!verify_log(&c, NULL, &s, &r, &e));
	ck_assert(r.place == VERIFY_TILE && r.index == 2 && strstr(e.text, "cut short"));
	whole->tile[0][2].n += 32;
	/* A checkpoint that promises more tiles than there are; one that the log does not continue. */
	earlier = c;
	earlier.size = 300;
	ck_assert(!verify_log(&c, &earlier, &s, &r, &e));
	ck_assert_int_eq(r.place, VERIFY_HISTORY);
	c.size = ENTRIES + 300;
	e = (struct error){ 0 };
	ck_assert(!verify_log(&c, NULL, &s, &r, &e));
	ck_assert_int_eq(r.place, VERIFY_TILE);
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
}
END_TEST

TCase *make_verify_case(void)
{
	TCase *tc = tcase_create("verify");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_intact);
	tcase_add_test(tc, test_place_of_entry);
	tcase_add_test(tc, test_place_of_tile);
	tcase_add_test(tc, test_place_of_disclosures);
	tcase_add_test(tc, test_consistent_rewrite);
	tcase_add_test(tc, test_removed_swapped_cut);
	tcase_add_test(tc, test_earlier);
	tcase_add_test(tc, test_unreadable);
	tcase_add_test(tc, test_without_entries);
	tcase_add_test(tc, test_every_bit_of_entries);
	tcase_add_test(tc, test_every_bit_of_disclosures);
	tcase_add_test(tc, test_every_bit_of_tiles);
	tcase_add_test(tc, test_every_bit_of_checkpoint);
	return tc;
}
