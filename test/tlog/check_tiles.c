/* Tiles: the testdata log of transparency-dev/tessera byte for byte; growth, rollback and proofs of the tiles
 * in memory; names of tiles after C2SP tlog-tiles. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/base/encode.h"
#include "lib/base/wire.h"
#include "lib/crypto/crypto.h"
#include "lib/tlog/note.h"
#include "lib/tlog/tiles.h"

TCase *make_tiles_case(void);

/* --- a store of tiles --- */

#define STORE_LEVELS 3
#define STORE_TILES  300

struct store {
	char *tile[STORE_LEVELS][STORE_TILES];
	size_t n[STORE_LEVELS][STORE_TILES];
	unsigned reads, writes;
};

static bool store_read(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	struct store *s = arg;

	s->reads++;
	if (level >= STORE_LEVELS || index >= STORE_TILES || !s->tile[level][index])
		return error_set(e, REASON_NOT_FOUND, "no such tile");
	*hashes = view_make(s->tile[level][index], s->n[level][index]);
	return true;
}

static bool store_write(void *arg, const struct tlog_tile *tile, struct view hashes, struct error *e)
{
	struct store *s = arg;

	(void)e;
	s->writes++;
	ck_assert_uint_lt(tile->level, STORE_LEVELS);
	ck_assert_uint_lt(tile->index, STORE_TILES);
	ck_assert_uint_eq(hashes.n, tile->width * 32);
	free(s->tile[tile->level][tile->index]);
	s->tile[tile->level][tile->index] = malloc(hashes.n);
	memcpy(s->tile[tile->level][tile->index], hashes.p, hashes.n);
	s->n[tile->level][tile->index] = hashes.n;
	return true;
}

static void store_free(struct store *s)
{
	for (unsigned l = 0; l < STORE_LEVELS; l++)
		for (unsigned i = 0; i < STORE_TILES; i++)
			free(s->tile[l][i]);
}

static void leaf_of(uint64_t i, struct digest *out)
{
	char text[32];
	int n = snprintf(text, sizeof text, "entry %llu", (unsigned long long)i);

	tlog_leaf_hash(view_make(text, (size_t)n), out);
}

static void grow(struct tiles *t, uint64_t to)
{
	while (tiles_size(t) < to) {
		struct digest leaf;

		leaf_of(tiles_size(t), &leaf);
		ck_assert(tiles_append(t, &leaf));
	}
}

static bool refuse_read(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	(void)arg;
	(void)hashes;
	return error_set(e, REASON_STORE, "tile %u/%llu was read", level, (unsigned long long)index);
}

/* Batches of changing size up to 70,000 entries (three levels), stored and reopened on the way; the root is
 * that of the plain stack, every leaf of a batch is proved without a read, old ones through the store. */
START_TEST(test_growth)
{
	static struct store s;
	struct error e = { 0 };
	struct tlog_edge edge = { 0 };
	struct tiles *t = tiles_new(0, NULL, NULL, &e);
	struct digest proof[TLOG_PROOF_MAX], root, want, leaf;
	unsigned n, batch = 1, rounds = 0;

	ck_assert(t != NULL);
	while (tiles_size(t) < 70000) {
		uint64_t before = tiles_size(t);

		/* What a failed batch appended leaves no trace. */
		grow(t, before + (batch * 31) % 700);
		tiles_rollback(t, before);
		grow(t, before + batch);
		for (uint64_t i = before; i < before + batch; i++) {
			leaf_of(i, &leaf);
			tlog_edge_append(&edge, &leaf);
		}
		tiles_root(t, &root);
		tlog_edge_root(&edge, &want);
		ck_assert(digest_eq(&root, &want));
		ck_assert(tiles_changed(t, store_write, &s, &e));
		ck_assert_uint_eq(tiles_committed(t), before);
		tiles_commit(t);
		ck_assert_uint_eq(tiles_committed(t), before + batch);
		unsigned reads = s.reads;
		for (uint64_t i = before; i < before + batch; i += 1 + batch / 9) {
			leaf_of(i, &leaf);
			ck_assert(tiles_prove(t, i, tiles_size(t), proof, &n));
			ck_assert(tlog_check_inclusion(i, tiles_size(t), &leaf, proof, n, &root));
		}
		ck_assert_uint_eq(s.reads, reads);
		if (rounds % 5 == 0) {
			tiles_free(t);
			t = tiles_new(before + batch, store_read, &s, &e);
			ck_assert(t != NULL);
			tiles_root(t, &root);
			ck_assert(digest_eq(&root, &want));
			for (uint64_t i = 0; i < before + batch; i += 1 + before / 5) {
				leaf_of(i, &leaf);
				ck_assert(tiles_prove(t, i, tiles_size(t), proof, &n));
				ck_assert(tlog_check_inclusion(i, tiles_size(t), &leaf, proof, n, &root));
			}
		}
		batch = 1 + (batch * 7 + rounds) % 900;
		rounds++;
	}
	/* C2SP tlog-tiles' own example: 273 full tiles and one of 112, one full and one of 17, one of 1. */
	tiles_rollback(t, tiles_committed(t));
	tiles_free(t);
	t = tiles_new(0, NULL, NULL, &e);
	grow(t, 70000);
	static struct store example;
	ck_assert(tiles_changed(t, store_write, &example, &e));
	ck_assert_uint_eq(example.writes, 274 + 2 + 1);
	ck_assert_uint_eq(example.n[0][272], 256 * 32);
	ck_assert_uint_eq(example.n[0][273], 112 * 32);
	ck_assert_uint_eq(example.n[1][0], 256 * 32);
	ck_assert_uint_eq(example.n[1][1], 17 * 32);
	ck_assert_uint_eq(example.n[2][0], 32);
	tiles_free(t);
	store_free(&s);
	store_free(&example);
}
END_TEST

/* The tiles after a rollback are those of a log that never had the leaves. */
START_TEST(test_rollback)
{
	struct error e = { 0 };

	for (uint64_t base = 0; base < 1100; base += 37) {
		for (uint64_t more = 0; more < 700; more += 61) {
			struct tiles *t = tiles_new(0, NULL, NULL, &e);
			struct store a = { 0 }, b = { 0 };
			struct digest root, want;

			grow(t, base);
			tiles_commit(t);
			grow(t, base + more);
			tiles_rollback(t, base + more / 2);
			grow(t, base + more);
			tiles_root(t, &root);
			ck_assert(tiles_changed(t, store_write, &a, &e));
			tiles_free(t);
			t = tiles_new(0, NULL, NULL, &e);
			grow(t, base);
			tiles_commit(t);
			grow(t, base + more);
			tiles_root(t, &want);
			ck_assert(digest_eq(&root, &want));
			ck_assert(tiles_changed(t, store_write, &b, &e));
			ck_assert_uint_eq(a.writes, b.writes);
			for (unsigned l = 0; l < STORE_LEVELS; l++)
				for (unsigned i = 0; i < STORE_TILES; i++) {
					ck_assert_uint_eq(a.n[l][i], b.n[l][i]);
					ck_assert(a.n[l][i] == 0 || memcmp(a.tile[l][i], b.tile[l][i], a.n[l][i]) == 0);
				}
			tiles_free(t);
			store_free(&a);
			store_free(&b);
		}
	}
}
END_TEST

START_TEST(test_missing)
{
	struct error e = { 0 };
	struct store s = { 0 };
	struct tiles *t = tiles_new(0, NULL, NULL, &e);
	struct digest proof[TLOG_PROOF_MAX], h;
	unsigned n;

	grow(t, 600);
	ck_assert(tiles_changed(t, store_write, &s, &e));
	tiles_free(t);
	/* 600 = 2 full tiles and 88. */
	s.n[0][2] = 87 * 32;
	ck_assert(tiles_new(600, store_read, &s, &e) == NULL);
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
	e = (struct error){ 0 };
	ck_assert(tiles_new(600, refuse_read, NULL, &e) == NULL);
	ck_assert_int_eq(e.reason, REASON_STORE);
	s.n[0][2] = 88 * 32;
	t = tiles_new(600, store_read, &s, &e);
	ck_assert(t != NULL);
	ck_assert(tiles_prove(t, 3, 600, proof, &n));
	ck_assert(!tiles_prove(t, 3, 601, proof, &n));
	ck_assert(!tiles_prove(t, 600, 600, proof, &n));
	/* What was read is kept; what was not is too short. */
	s.n[0][0] = s.n[0][1] = 255 * 32;
	ck_assert(tiles_prove(t, 200, 600, proof, &n));
	ck_assert(!tiles_prove(t, 300, 600, proof, &n));
	ck_assert(!tiles_read(t, 0, 600, &h));
	ck_assert(!tiles_read(t, 9, 1, &h));
	ck_assert(!tiles_read(t, 64, 0, &h));
	tiles_free(t);
	store_free(&s);
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* An append that finds no memory changes nothing, and goes on when there is some again. */
START_TEST(test_no_memory)
{
	struct rlimit old, tight;
	struct error e = { 0 };
	struct tlog_edge edge = { 0 };
	struct tiles *t = tiles_new(0, NULL, NULL, &e);
	struct digest leaf, root, want;
	unsigned refused = 0;

	ck_assert_int_eq(getrlimit(RLIMIT_AS, &old), 0);
	tight = old;
	tight.rlim_cur = 1;
	for (uint64_t i = 0; i < 70000; i++) {
		leaf_of(i, &leaf);
		tlog_edge_append(&edge, &leaf);
		ck_assert_int_eq(setrlimit(RLIMIT_AS, &tight), 0);
		bool ok = tiles_append(t, &leaf);
		ck_assert_int_eq(setrlimit(RLIMIT_AS, &old), 0);
		if (ok)
			continue;
		refused++;
		ck_assert_uint_eq(tiles_size(t), i);
		ck_assert(tiles_append(t, &leaf));
	}
	ck_assert_uint_gt(refused, 0);
	tiles_root(t, &root);
	tlog_edge_root(&edge, &want);
	ck_assert(digest_eq(&root, &want));
	tiles_free(t);
}
END_TEST
#endif

START_TEST(test_paths)
{
	static const struct {
		const char *path;
		struct tlog_tile tile;
	} good[] = {
		{ "tile/0/000", { 0, 0, 256, false } },
		{ "tile/0/x001/x234/067", { 0, 1234067, 256, false } }, /* C2SP tlog-tiles, Merkle Tree */
		{ "tile/3/x001/234.p/5", { 3, 1234, 5, false } },
		{ "tile/63/999.p/255", { 63, 999, 255, false } },
		{ "tile/entries/x010/000.p/1", { 0, 10000, 1, true } },
		{ "tile/entries/000", { 0, 0, 256, true } },
	};
	static const char *const bad[] = {
		"",
		"tile/",
		"tile/0",
		"tile/0/",
		"tile/0/0",
		"tile/0/00",
		"tile/0/0000",
		"tile/00/000",
		"tile/64/000",
		"tile/-1/000",
		"/tile/0/000",
		"tile/0/x000/001",
		"tile/0/x001",
		"tile/0/x001/",
		"tile/0/x001/x002",
		"tile/0/001/002",
		"tile/0/000.p",
		"tile/0/000.p/",
		"tile/0/000.p/0",
		"tile/0/000.p/256",
		"tile/0/000.p/05",
		"tile/0/000.p/1/",
		"tile/0/000.p/1x",
		"tile/0/000/",
		"tile/0/00a",
		"tile/entry/000",
		"tile/0/x1/000",
		"tile/0/x999/x999/x999/x999/x999/x999/999",
		"tile/0/000\n",
		"tile/+1/000",
		"tile/0/ 00",
	};
	struct tlog_tile t;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct buf b = BUF_INIT(200);

		tlog_tile_path(&good[i].tile, &b);
		ck_assert(view_is(buf_view(&b), good[i].path));
		ck_assert(tlog_tile_parse(buf_view(&b), &t));
		ck_assert_uint_eq(t.level, good[i].tile.level);
		ck_assert_uint_eq(t.index, good[i].tile.index);
		ck_assert_uint_eq(t.width, good[i].tile.width);
		ck_assert_int_eq(t.entries, good[i].tile.entries);
		buf_free(&b);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!tlog_tile_parse(view_of(bad[i]), &t), "%s", bad[i]);
	ck_assert_uint_eq(tlog_tile_width(0, 272, 70000), 256);
	ck_assert_uint_eq(tlog_tile_width(0, 273, 70000), 112);
	ck_assert_uint_eq(tlog_tile_width(0, 274, 70000), 0);
	ck_assert_uint_eq(tlog_tile_width(1, 1, 70000), 17);
	ck_assert_uint_eq(tlog_tile_width(2, 0, 70000), 1);
	ck_assert_uint_eq(tlog_tile_width(3, 0, 70000), 0);
	ck_assert_uint_eq(tlog_tile_width(9, 0, 70000), 0);
}
END_TEST

/* --- the tessera log --- */

static bool slurp(const char *name, struct buf *out)
{
	const char *data = getenv("GATEWAY_TEST_DATA");
	char path[4096];

	buf_reset(out);
	snprintf(path, sizeof path, "%s/tlog/tessera/testdata/log/%s", data ? data : "", name);
	FILE *f = fopen(path, "rb");
	if (!f)
		return false;
	char *room = buf_room(out, 65536);
	out->n = fread(room, 1, 65536, f);
	fclose(f);
	return true;
}

static void same_file(const char *folder, unsigned width, struct view want)
{
	struct buf file = BUF_INIT(65536);
	char name[100];

	snprintf(name, sizeof name, "%s/000.p/%u", folder, width);
	ck_assert_msg(slurp(name, &file), "%s", name);
	ck_assert_msg(view_eq(buf_view(&file), want), "%s", name);
	buf_free(&file);
}

START_TEST(test_tessera)
{
	static const char *const words[] = { "one",  "two", "three",  "four",  "five",     "six",     "seven", "eit",
		                             "nain", "ten", "ileven", "twelf", "threeten", "fourten", "fivten" };
	/* testdata/build_log.sh */
	static const char vkey_text[] =
	        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
	static const char secret_text[] = "AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";
	struct buf file = BUF_INIT(65536), bundle = BUF_INIT(65536), made = BUF_INIT(65536);
	struct error e = { 0 };
	struct note_signer signer;
	struct checkpoint c;
	struct store s = { 0 };
	uint8_t secret[33];
	size_t n;

	if (!slurp("checkpoint", &file)) {
		printf("SKIP tessera log: GATEWAY_TEST_DATA not found\n");
		buf_free(&file);
		return;
	}
	ck_assert(note_vkey_parse(view_of(vkey_text), &signer.vkey, &e));
	ck_assert(base64_decode(view_of(secret_text), secret, sizeof secret, &n) && n == 33 && secret[0] == 1);
	signer.key = ed25519_from_seed(secret + 1);
	ck_assert(signer.key != NULL);
	struct tiles *t = tiles_new(0, NULL, NULL, &e);
	for (unsigned size = 0; size <= 15; size++) {
		char name[40];

		if (size > 0) {
			struct digest leaf;

			tlog_leaf_hash(view_of(words[size - 1]), &leaf);
			ck_assert(tiles_append(t, &leaf));
			put_view16(&bundle, view_of(words[size - 1]));
			ck_assert(tiles_changed(t, store_write, &s, &e));
			tiles_commit(t);
			same_file("tile/0", size, view_make(s.tile[0][0], s.n[0][0]));
			same_file("tile/entries", size, buf_view(&bundle));
		}
		snprintf(name, sizeof name, "checkpoint.%u", size);
		ck_assert(slurp(name, &file));
		ck_assert(checkpoint_open(buf_view(&file), &signer.vkey, &c, &e));
		ck_assert_uint_eq(c.size, size);
		/* Ed25519 is deterministic: our checkpoint is theirs byte for byte, signature included. */
		struct checkpoint own = { .origin = view_of(signer.vkey.name), .size = tiles_size(t) };
		tiles_root(t, &own.root);
		buf_reset(&made);
		checkpoint_text(&own, &made);
		struct buf text = BUF_INIT(4096);
		buf_add(&text, buf_view(&made));
		buf_addc(&made, '\n');
		ck_assert(note_sign(&signer, buf_view(&text), &made));
		ck_assert(view_eq(buf_view(&made), buf_view(&file)));
		buf_free(&text);
	}
	printf("tessera log: checkpoints 0 to 15, their tiles and entry bundles equal byte for byte\n");
	tiles_free(t);
	store_free(&s);
	ed25519_free(signer.key);
	buf_free(&file);
	buf_free(&bundle);
	buf_free(&made);
}
END_TEST

TCase *make_tiles_case(void)
{
	TCase *tc = tcase_create("tiles");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_growth);
	tcase_add_test(tc, test_rollback);
	tcase_add_test(tc, test_missing);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	tcase_add_test(tc, test_no_memory);
#endif
	tcase_add_test(tc, test_paths);
	tcase_add_test(tc, test_tessera);
	return tc;
}
