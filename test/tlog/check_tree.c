/* The Merkle tree against a naive implementation of RFC 9162 section 2.1 and the proof cases of
 * transparency-dev/merkle (testdata/inclusion, testdata/consistency). */
#include <check.h>
#include <ftw.h>
#include <jansson.h>
#include <stdlib.h>

#include "lib/base/encode.h"
#include "lib/crypto/crypto.h"
#include "lib/tlog/proof_path.h"
#include "lib/tlog/tlog.h"

TCase *make_tree_case(void);

#define MOST 300

static struct digest leaves[MOST];

static void make_leaves(void)
{
	for (unsigned i = 0; i < MOST; i++) {
		char text[16];
		int n = snprintf(text, sizeof text, "leaf %u", i);

		tlog_leaf_hash(view_make(text, (size_t)n), &leaves[i]);
	}
}

/* MTH(D[start : start + n]) word for word after RFC 9162 section 2.1.1. */
static void naive_hash(uint64_t start, uint64_t n, struct digest *out)
{
	struct digest l, r;
	uint64_t k = 1;

	if (n == 0) {
		sha256(VIEW(""), out);
		return;
	}
	if (n == 1) {
		*out = leaves[start];
		return;
	}
	while (2 * k < n)
		k *= 2;
	naive_hash(start, k, &l);
	naive_hash(start + k, n - k, &r);
	tlog_node_hash(&l, &r, out);
}

/* PATH(m, D_n), section 2.1.3.1. */
static void naive_path(uint64_t m, uint64_t start, uint64_t n, struct digest *proof, unsigned *count)
{
	uint64_t k = 1;

	if (n == 1)
		return;
	while (2 * k < n)
		k *= 2;
	if (m < k) {
		naive_path(m, start, k, proof, count);
		naive_hash(start + k, n - k, &proof[(*count)++]);
	} else {
		naive_path(m - k, start + k, n - k, proof, count);
		naive_hash(start, k, &proof[(*count)++]);
	}
}

/* SUBPROOF(m, D_n, b), section 2.1.4.1. */
static void naive_subproof(uint64_t m, uint64_t start, uint64_t n, bool b, struct digest *proof, unsigned *count)
{
	uint64_t k = 1;

	if (m == n) {
		if (!b)
			naive_hash(start, n, &proof[(*count)++]);
		return;
	}
	while (2 * k < n)
		k *= 2;
	if (m <= k) {
		naive_subproof(m, start, k, b, proof, count);
		naive_hash(start + k, n - k, &proof[(*count)++]);
	} else {
		naive_subproof(m - k, start + k, n - k, false, proof, count);
		naive_hash(start, k, &proof[(*count)++]);
	}
}

static bool read_naive(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	uint64_t *size = arg;

	if ((index + 1) << level > *size)
		return false;
	naive_hash(index << level, UINT64_C(1) << level, out);
	return true;
}

static void equal(const struct digest *a, unsigned n, const struct digest *b, unsigned m)
{
	ck_assert_uint_eq(n, m);
	for (unsigned i = 0; i < n; i++)
		ck_assert(digest_eq(&a[i], &b[i]));
}

/* RFC 6962 section 2.1.3's example hashes are not given; these are the roots of the well-known test tree of
 * certificate-transparency (merkletree/merkle_tree_test.cc), leaves "", 00, 10, 2021, 3031, 40414243,
 * 5051…57, 6061…6f. */
START_TEST(test_known_roots)
{
	static const char *const hex[] = {
		"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
	};
	static const char *const roots[] = {
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	};
	struct tlog_edge edge = { 0 };

	for (unsigned i = 0; i <= 8; i++) {
		struct digest root, want, h;
		uint8_t leaf[16];
		size_t n;

		tlog_edge_root(&edge, &root);
		ck_assert(digest_parse(view_of(roots[i]), &want));
		ck_assert(digest_eq(&root, &want));
		if (i == 8)
			break;
		ck_assert(hex_decode(view_of(hex[i]), leaf, sizeof leaf, &n));
		tlog_leaf_hash(view_make(leaf, n), &h);
		tlog_edge_append(&edge, &h);
	}
}
END_TEST

START_TEST(test_edge_and_range)
{
	struct tlog_edge edge = { 0 };

	for (uint64_t size = 0; size <= MOST; size++) {
		struct digest root, range, want;

		naive_hash(0, size, &want);
		tlog_edge_root(&edge, &root);
		ck_assert(digest_eq(&root, &want));
		ck_assert(tlog_range_hash(0, size, read_naive, &size, &range));
		ck_assert(digest_eq(&range, &want));
		ck_assert_uint_eq(edge.n, (unsigned)__builtin_popcountll(size));
		if (size < MOST)
			tlog_edge_append(&edge, &leaves[size]);
	}
}
END_TEST

START_TEST(test_inclusion)
{
	struct digest proof[TLOG_PROOF_MAX], want[TLOG_PROOF_MAX], root, wrong;
	unsigned n, m;

	for (uint64_t size = 0; size <= MOST; size++) {
		naive_hash(0, size, &root);
		ck_assert(!tlog_prove_inclusion(size, size, read_naive, &size, proof, &n));
		for (uint64_t i = 0; i < size; i++) {
			/* All of a small tree, a sample of a large one: the naive proof is slow. */
			if (size > 70 && (i * 7 + size) % 11 != 0)
				continue;
			m = 0;
			naive_path(i, 0, size, want, &m);
			ck_assert(tlog_prove_inclusion(i, size, read_naive, &size, proof, &n));
			equal(proof, n, want, m);
			ck_assert(tlog_check_inclusion(i, size, &leaves[i], proof, n, &root));
			ck_assert(!tlog_check_inclusion(size, size, &leaves[i], proof, n, &root));
			wrong = leaves[i];
			wrong.b[31] ^= 1;
			ck_assert(!tlog_check_inclusion(i, size, &wrong, proof, n, &root));
			if (n > 0) {
				ck_assert(!tlog_check_inclusion(i, size, &leaves[i], proof, n - 1, &root));
				ck_assert(!tlog_check_inclusion(i ^ 1, size, &leaves[i], proof, n, &root));
			}
		}
	}
}
END_TEST

/* One path after another, in whatever order: the same proofs, and the same verdicts. */
START_TEST(test_paths)
{
	struct tlog_path proved = { .size = 0 }, checked = { .size = 0 };
	struct digest proof[TLOG_PROOF_MAX], want[TLOG_PROOF_MAX], root, wrong;
	unsigned n, m;

	for (uint64_t size = 1; size <= 140; size += size < 40 ? 1 : 9) {
		naive_hash(0, size, &root);
		for (uint64_t k = 0; k < 3 * size; k++) {
			/* Side by side, then far apart, then again the one before. */
			uint64_t i = k < size ? k : k < 2 * size ? k * 37 % size : (k & ~UINT64_C(1)) * 11 % size;
			m = 0;
			naive_path(i, 0, size, want, &m);
			ck_assert(tlog_path_prove(&proved, i, size, read_naive, &size, proof, &n));
			equal(proof, n, want, m);
			ck_assert(tlog_path_check(&checked, i, size, &leaves[i], proof, n, &root));
			/* None of these, while the path is known, and it is known afterwards. */
			wrong = leaves[i];
			wrong.b[31] ^= 1;
			ck_assert(!tlog_path_check(&checked, i, size, &wrong, proof, n, &root));
			ck_assert(!tlog_path_check(&checked, size, size, &leaves[i], proof, n, &root));
			wrong = root;
			wrong.b[0] ^= 1;
			ck_assert(!tlog_path_check(&checked, i, size, &leaves[i], proof, n, &wrong));
			for (unsigned j = 0; j < n; j++) {
				proof[j].b[5] ^= 1;
				ck_assert(!tlog_path_check(&checked, i, size, &leaves[i], proof, n, &root));
				proof[j].b[5] ^= 1;
			}
			if (n > 0) {
				ck_assert(!tlog_path_check(&checked, i, size, &leaves[i], proof, n - 1, &root));
				ck_assert(!tlog_path_check(&checked, i ^ 1, size, &leaves[i], proof, n, &root));
				proof[n] = proof[n - 1];
				ck_assert(!tlog_path_check(&checked, i, size, &leaves[i], proof, n + 1, &root));
			}
		}
	}
}
END_TEST

/* A neighbour whose proof differs above where they meet, or below, is not taken for what is known. */
START_TEST(test_a_path_beside_another)
{
	struct tlog_path known = { .size = 0 };
	uint64_t size = 100;
	struct digest proof[TLOG_PROOF_MAX], beside[TLOG_PROOF_MAX], root;
	unsigned n, m;

	naive_hash(0, size, &root);
	ck_assert(tlog_prove_inclusion(40, size, read_naive, &size, proof, &n));
	ck_assert(tlog_prove_inclusion(41, size, read_naive, &size, beside, &m));
	for (unsigned j = 0; j < m; j++) {
		ck_assert(tlog_path_check(&known, 40, size, &leaves[40], proof, n, &root));
		beside[j].b[0] ^= 1;
		ck_assert(!tlog_path_check(&known, 41, size, &leaves[41], beside, m, &root));
		beside[j].b[0] ^= 1;
		/* Nor under another root, though all that is shown is right. */
		root.b[31] ^= 1;
		ck_assert(!tlog_path_check(&known, 41, size, &leaves[41], beside, m, &root));
		root.b[31] ^= 1;
		ck_assert(!tlog_path_check(&known, 41, size, &leaves[42], beside, m, &root));
		ck_assert(!tlog_path_check(&known, 41, size, &leaves[41], beside, m - 1, &root));
		ck_assert(tlog_path_check(&known, 41, size, &leaves[41], beside, m, &root));
	}
}
END_TEST

START_TEST(test_consistency)
{
	struct digest proof[TLOG_PROOF_MAX], want[TLOG_PROOF_MAX], old, root, wrong;
	unsigned n, m;

	for (uint64_t to = 0; to <= MOST; to++) {
		naive_hash(0, to, &root);
		ck_assert(!tlog_prove_consistency(to + 1, to, read_naive, &to, proof, &n));
		for (uint64_t from = 0; from <= to; from++) {
			if (to > 70 && (from * 5 + to) % 13 != 0)
				continue;
			naive_hash(0, from, &old);
			ck_assert(tlog_prove_consistency(from, to, read_naive, &to, proof, &n));
			m = 0;
			if (from > 0)
				naive_subproof(from, 0, to, true, want, &m);
			equal(proof, n, want, m);
			ck_assert_int_eq(tlog_check_consistency(from, to, &old, &root, proof, n), from > 0);
			wrong = root;
			wrong.b[0] ^= 0x80;
			ck_assert(!tlog_check_consistency(from, to, &old, &wrong, proof, n));
			if (n > 0 && from > 0) {
				ck_assert(!tlog_check_consistency(from, to, &old, &root, proof, n - 1));
				proof[n - 1].b[5] ^= 4;
				ck_assert(!tlog_check_consistency(from, to, &old, &root, proof, n));
			}
		}
	}
}
END_TEST

static unsigned cases_passed, cases_failed;

static bool get_digest(json_t *value, struct digest *out)
{
	size_t n;

	return base64_decode(view_of(json_string_value(value)), out->b, sizeof out->b, &n) && n == sizeof out->b;
}

/* Some consistency cases have roots that are no digests, where only their being equal counts: filled up. */
static bool get_root(json_t *value, struct digest *out)
{
	size_t n;

	*out = (struct digest){ { 0 } };
	return base64_decode(view_of(json_string_value(value)), out->b, sizeof out->b, &n);
}

/* Read as real numbers, since jansson has no unsigned ones: all are small, or 2^64 - 1. */
static uint64_t get_number(json_t *c, const char *name)
{
	double d = json_real_value(json_object_get(c, name));

	return d >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)d;
}

static bool run_case(json_t *c)
{
	struct digest proof[TLOG_PROOF_MAX], leaf, root, root2;
	json_t *list = json_object_get(c, "proof");
	unsigned n = (unsigned)json_array_size(list);

	ck_assert_uint_le(n, TLOG_PROOF_MAX);
	for (unsigned i = 0; i < n; i++)
		if (!get_digest(json_array_get(list, i), &proof[i]))
			return false;
	if (json_object_get(c, "leafHash"))
		return get_digest(json_object_get(c, "leafHash"), &leaf) &&
		       get_digest(json_object_get(c, "root"), &root) &&
		       tlog_check_inclusion(get_number(c, "leafIdx"), get_number(c, "treeSize"), &leaf, proof, n,
		                            &root);
	return get_root(json_object_get(c, "root1"), &root) && get_root(json_object_get(c, "root2"), &root2) &&
	       tlog_check_consistency(get_number(c, "size1"), get_number(c, "size2"), &root, &root2, proof, n);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	json_error_t error;
	size_t n = strlen(path);

	(void)st;
	(void)ftw;
	if (type != FTW_F || n < 5 || strcmp(path + n - 5, ".json") != 0)
		return 0;
	json_t *c = json_load_file(path, JSON_DECODE_INT_AS_REAL, &error);
	ck_assert_msg(c != NULL, "%s: %s", path, error.text);
	if (run_case(c) == !json_is_true(json_object_get(c, "wantErr"))) {
		cases_passed++;
	} else {
		cases_failed++;
		fprintf(stderr, "%s: wrong verdict\n", path);
	}
	json_decref(c);
	return 0;
}

START_TEST(test_merkle_data)
{
	static const char *const folders[] = { "inclusion", "consistency" };
	const char *data = getenv("GATEWAY_TEST_DATA");
	char path[4096];

	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/tlog/merkle/testdata/%s", data ? data : "", folders[i]);
		if (!data || nftw(path, visit, 16, FTW_PHYS) != 0) {
			printf("SKIP merkle proof cases: GATEWAY_TEST_DATA not found\n");
			return;
		}
	}
	printf("merkle proof cases: %u passed, %u failed\n", cases_passed, cases_failed);
	ck_assert_uint_eq(cases_failed, 0);
	ck_assert_uint_eq(cases_passed, 196);
}
END_TEST

TCase *make_tree_case(void)
{
	TCase *tc = tcase_create("tree");

	tcase_add_unchecked_fixture(tc, make_leaves, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_known_roots);
	tcase_add_test(tc, test_edge_and_range);
	tcase_add_test(tc, test_inclusion);
	tcase_add_test(tc, test_paths);
	tcase_add_test(tc, test_a_path_beside_another);
	tcase_add_test(tc, test_consistency);
	tcase_add_test(tc, test_merkle_data);
	return tc;
}
