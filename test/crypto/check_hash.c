/* Known answers for SHA-256, HMAC-SHA-256 and HKDF-SHA-256, and threads on one HMAC key. */
#include <pthread.h>

#include "test/crypto/crypto_test.h"

START_TEST(sha256_known_answers)
{
	struct digest d;
	char million[1000];

	/* FIPS 180-4, the examples that NIST publishes for SHA-256: one block, two blocks, long. */
	sha256(VIEW("abc"), &d);
	assert_hex(d.b, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(VIEW("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), &d);
	assert_hex(d.b, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	sha256(VIEW(""), &d);
	assert_hex(d.b, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	struct view parts[1000];
	memset(million, 'a', sizeof million);
	for (size_t i = 0; i < 1000; i++)
		parts[i] = view_make(million, sizeof million);
	sha256_parts(parts, 1000, &d);
	assert_hex(d.b, 32, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

START_TEST(sha256_parts_join)
{
	struct digest whole, parts;
	struct view cut[] = { VIEW("ab"), { NULL, 0 }, VIEW(""), VIEW("c") };

	sha256(VIEW("abc"), &whole);
	sha256_parts(cut, 4, &parts);
	ck_assert(digest_eq(&whole, &parts));
}
END_TEST

/* RFC 4231 section 4, test cases 1 to 4, 6 and 7. */
static const struct {
	const char *key, *data, *mac;
} hmac_cases[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
	  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ "0102030405060708090a0b0c0d0e0f10111213141516171819",
	  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	  "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
};

START_TEST(hmac_known_answers)
{
	uint8_t long_key[131];
	struct digest d;

	for (size_t i = 0; i < sizeof hmac_cases / sizeof *hmac_cases; i++) {
		struct hmac_key *k = hmac_key_new(from_hex(hmac_cases[i].key));
		struct view data = from_hex(hmac_cases[i].data);
		struct view parts[] = { view_make(data.p, 3), view_from(data, 3) };

		ck_assert_ptr_nonnull(k);
		/* Twice, for a keyed state must not change by use; and cut in parts. */
		for (int turn = 0; turn < 2; turn++) {
			hmac_parts(k, &data, 1, &d);
			assert_hex(d.b, 32, hmac_cases[i].mac);
		}
		hmac_parts(k, parts, 2, &d);
		assert_hex(d.b, 32, hmac_cases[i].mac);
		hmac_key_free(k);
	}
	memset(long_key, 0xaa, sizeof long_key);
	struct hmac_key *k = hmac_key_new(view_make(long_key, sizeof long_key));
	struct view data = VIEW("Test Using Larger Than Block-Size Key - Hash Key First");
	hmac_parts(k, &data, 1, &d);
	assert_hex(d.b, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	data = VIEW("This is a test using a larger than block-size key and a larger than block-size data. "
	            "The key needs to be hashed before being used by the HMAC algorithm.");
	hmac_parts(k, &data, 1, &d);
	assert_hex(d.b, 32, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
	hmac_key_free(k);
	hmac_key_free(NULL);
}
END_TEST

struct worker {
	const struct hmac_key *key;
	unsigned wrong;
};

static void *hash_many(void *arg)
{
	struct worker *w = arg;

	for (uint32_t i = 0; i < 20000; i++) {
		struct view data = VIEW("Hi There");
		struct digest d;

		hmac_parts(w->key, &data, 1, &d);
		if (d.b[0] != 0xb0 || d.b[31] != 0xf7)
			w->wrong++;
	}
	return NULL;
}

START_TEST(hmac_key_is_shared_by_threads)
{
	struct hmac_key *k = hmac_key_new(from_hex(hmac_cases[0].key));
	struct worker workers[4];
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++) {
		workers[i] = (struct worker){ .key = k };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_many, &workers[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(workers[i].wrong, 0);
	}
	hmac_key_free(k);
}
END_TEST

START_TEST(hkdf_known_answers)
{
	char out[255 * 32 + 1];

	/* RFC 5869 appendix A.1 to A.3. */
	ck_assert(hkdf_sha256(from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
	                      from_hex("000102030405060708090a0b0c"), from_hex("f0f1f2f3f4f5f6f7f8f9"), out, 42));
	assert_hex(out, 42, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	char in[240];
	for (size_t i = 0; i < 80; i++) {
		in[i] = (char)i;
		in[80 + i] = (char)(0x60 + i);
		in[160 + i] = (char)(0xb0 + i);
	}
	ck_assert(hkdf_sha256(view_make(in, 80), view_make(in + 80, 80), view_make(in + 160, 80), out, 82));
	assert_hex(out, 82,
	           "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
	           "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
	ck_assert(hkdf_sha256(from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), VIEW(""), VIEW(""), out, 42));
	assert_hex(out, 42, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
	/* The longest output (RFC 5869 2.3), and one byte more. */
	ck_assert(hkdf_sha256(VIEW("x"), VIEW(""), VIEW(""), out, 255 * 32));
	ck_assert(!hkdf_sha256(VIEW("x"), VIEW(""), VIEW(""), out, 255 * 32 + 1));
}
END_TEST

START_TEST(secrets_wipe_themselves)
{
	struct secret s = { .b = { 1, 2, 3 }, .n = 3 };
	const struct secret zero = { .n = 0 };

	secret_wipe(&s);
	ck_assert_int_eq(memcmp(&s, &zero, sizeof s), 0);
}
END_TEST

TCase *make_hash_case(void);
TCase *make_hash_case(void)
{
	TCase *c = tcase_create("hash");

	tcase_add_test(c, sha256_known_answers);
	tcase_add_test(c, sha256_parts_join);
	tcase_add_test(c, hmac_known_answers);
	tcase_add_test(c, hmac_key_is_shared_by_threads);
	tcase_add_test(c, hkdf_known_answers);
	tcase_add_test(c, secrets_wipe_themselves);
	return c;
}
