/* Known answers and refusals of AES-GCM, AES-SIV and FF1. */
#include <pthread.h>

#include "test/crypto/crypto_test.h"

/* McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13, 14 and 16 (AES-256),
 * which NIST's GCM validation uses. */
#define GCM_KEY16 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
static const struct {
	const char *key, *nonce, *aad, *plain, *sealed;
} gcm_cases[] = {
	{ "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "",
	  "530f8afbc74536b9a963b4f1c4cb738b" },
	{ "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
	  "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919" },
	{ GCM_KEY16, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
	  "b16aedf5aa0de657ba637b39",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
	  "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b" },
};

static const uint8_t *u8(struct view v)
{
	return (const uint8_t *)v.p;
}

START_TEST(gcm_known_answers)
{
	struct gcm *g = gcm_new();

	ck_assert_ptr_nonnull(g);
	for (size_t turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < sizeof gcm_cases / sizeof *gcm_cases; i++) {
			uint8_t out[128], back[128];
			struct view key = from_hex(gcm_cases[i].key), nonce = from_hex(gcm_cases[i].nonce),
			            aad = from_hex(gcm_cases[i].aad), plain = from_hex(gcm_cases[i].plain);

			ck_assert(gcm_seal(g, u8(key), u8(nonce), aad, plain, out));
			assert_hex(out, plain.n + 16, gcm_cases[i].sealed);
			ck_assert(gcm_open(g, u8(key), u8(nonce), aad, view_make(out, plain.n + 16), back));
			ck_assert(view_eq(view_make(back, plain.n), plain));
		}
	gcm_free(g);
	gcm_free(NULL);
}
END_TEST

START_TEST(gcm_refuses_what_was_altered)
{
	struct gcm *g = gcm_new();
	uint8_t key[32] = { 1 }, nonce[12] = { 2 }, out[5 + 16], back[5];
	const uint8_t zero[5] = { 0 };

	ck_assert(gcm_seal(g, key, nonce, VIEW("aad"), VIEW("plain"), out));
	for (size_t i = 0; i < sizeof out; i++) {
		out[i] ^= 1;
		memset(back, 7, sizeof back);
		ck_assert(!gcm_open(g, key, nonce, VIEW("aad"), view_make(out, sizeof out), back));
		ck_assert_msg(memcmp(back, zero, sizeof back) == 0, "unauthenticated bytes were left");
		out[i] ^= 1;
	}
	ck_assert(!gcm_open(g, key, nonce, VIEW("aae"), view_make(out, sizeof out), back));
	ck_assert(!gcm_open(g, key, nonce, VIEW(""), view_make(out, sizeof out), back));
	ck_assert(!gcm_open(g, key, nonce, VIEW("aad"), view_make(out, 15), back));
	nonce[0] ^= 1;
	ck_assert(!gcm_open(g, key, nonce, VIEW("aad"), view_make(out, sizeof out), back));
	nonce[0] ^= 1;
	ck_assert(gcm_open(g, key, nonce, VIEW("aad"), view_make(out, sizeof out), back));
	gcm_free(g);
}
END_TEST

/* RFC 5297 appendix A.1 and A.2; then the 512-bit key of D. Harkins' "siv-test-vectors.txt" (NIST proposed
 * modes, test case 1). */
static const struct {
	const char *key, *context[3], *plain, *sealed;
} siv_cases[] = {
	{ "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  { "101112131415161718191a1b1c1d1e1f2021222324252627" },
	  "112233445566778899aabbccddee",
	  "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c" },
	{ "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
	  { "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100", "102030405060708090a0",
	    "09f911029d74e35bd84156c5635688c0" },
	  "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
	  "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829"
	  "ea64ad544a272e9c485b62a3fd5c0d" },
	{ "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f06f6e6d6c6b6a69686766656463626160"
	  "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f",
	  { "101112131415161718191a1b1c1d1e1f2021222324252627" },
	  "112233445566778899aabbccddee",
	  "f125274c598065cfc26b0e71575029088b035217e380cac8919ee800c126" },
};

START_TEST(siv_known_answers)
{
	for (size_t i = 0; i < sizeof siv_cases / sizeof *siv_cases; i++) {
		struct siv_key *k = siv_key_of(from_hex(siv_cases[i].key));
		struct view context[3], plain = from_hex(siv_cases[i].plain);
		uint8_t out[128], back[128];
		size_t n = 0;

		ck_assert_ptr_nonnull(k);
		while (n < 3 && siv_cases[i].context[n]) {
			context[n] = from_hex(siv_cases[i].context[n]);
			n++;
		}
		/* Three times: a context used again would return success and another text. */
		for (int turn = 0; turn < 3; turn++) {
			ck_assert(siv_seal(k, context, n, plain, out));
			assert_hex(out, plain.n + 16, siv_cases[i].sealed);
			ck_assert(siv_open(k, context, n, view_make(out, plain.n + 16), back));
			ck_assert(view_eq(view_make(back, plain.n), plain));
		}
		siv_key_free(k);
	}
	siv_key_free(NULL);
	ck_assert_ptr_null(siv_key_of(VIEW("short")));
}
END_TEST

START_TEST(siv_refuses)
{
	const uint8_t key[64] = { 9 };
	struct siv_key *k = siv_key_new(key);
	struct view two[] = { VIEW("a"), VIEW("b") }, joined[] = { VIEW("ab") }, empty[] = { VIEW("a"), VIEW("") };
	struct view many[127];
	uint8_t out[5 + 16], back[5];

	ck_assert(siv_seal(k, two, 2, VIEW("plain"), out));
	ck_assert(siv_open(k, two, 2, view_make(out, sizeof out), back));
	ck_assert_int_eq(memcmp(back, "plain", 5), 0);
	/* Components are separate: "a","b" is not "ab". */
	ck_assert(!siv_open(k, joined, 1, view_make(out, sizeof out), back));
	for (size_t i = 0; i < sizeof out; i++) {
		out[i] ^= 0x80;
		ck_assert(!siv_open(k, two, 2, view_make(out, sizeof out), back));
		out[i] ^= 0x80;
	}
	ck_assert(!siv_open(k, two, 2, view_make(out, 16), back));
	ck_assert(!siv_seal(k, two, 2, VIEW(""), out));
	ck_assert(!siv_seal(k, empty, 2, VIEW("plain"), out));
	for (size_t i = 0; i < 127; i++)
		many[i] = VIEW("x");
	ck_assert(siv_seal(k, many, 126, VIEW("plain"), out));
	ck_assert(!siv_seal(k, many, 127, VIEW("plain"), out));
	siv_key_free(k);
}
END_TEST

#define FF1_128 "2b7e151628aed2a6abf7158809cf4f3c"
#define FF1_192 FF1_128 "ef4359d8d580aa4f"
#define FF1_256 FF1_192 "7f036d6f04fc6a94"
/* NIST, "Examples with Intermediate Values": FF1 samples 1 to 9; then 88 bits under AES-256 from the Zcash test
 * vectors for FF1 (zcash-test-vectors, ff1.py), where b is a whole number of bytes. */
static const struct {
	const char *key, *tweak;
	unsigned radix;
	const char *plain, *cipher;
} ff1_cases[] = {
	{ FF1_128, "", 10, "0123456789", "2433477484" },
	{ FF1_128, "39383736353433323130", 10, "0123456789", "6124200773" },
	{ FF1_128, "3737373770717273373737", 36, "0123456789abcdefghi", "a9tv40mll9kdu509eum" },
	{ FF1_192, "", 10, "0123456789", "2830668132" },
	{ FF1_192, "39383736353433323130", 10, "0123456789", "2496655549" },
	{ FF1_192, "3737373770717273373737", 36, "0123456789abcdefghi", "xbj3kv35jrawxv32ysr" },
	{ FF1_256, "", 10, "0123456789", "6657667009" },
	{ FF1_256, "39383736353433323130", 10, "0123456789", "1001623463" },
	{ FF1_256, "3737373770717273373737", 36, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd" },
	{ FF1_256, "", 2, "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
	  "0000100100110101011101111111110011000001101100111110011101110101011010100100010011001111" },
};

static size_t to_digits(const char *text, uint8_t *out)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
	return n;
}

START_TEST(ff1_known_answers)
{
	for (size_t i = 0; i < sizeof ff1_cases / sizeof *ff1_cases; i++) {
		struct ff1_key *k = ff1_key_new(from_hex(ff1_cases[i].key), ff1_cases[i].radix);
		struct view tweak = from_hex(ff1_cases[i].tweak);
		uint8_t in[128], want[128], out[128];
		size_t n = to_digits(ff1_cases[i].plain, in);

		ck_assert_ptr_nonnull(k);
		to_digits(ff1_cases[i].cipher, want);
		ck_assert(ff1_crypt(k, false, tweak, in, n, out));
		ck_assert_msg(memcmp(out, want, n) == 0, "sample %zu", i + 1);
		ck_assert(ff1_crypt(k, true, tweak, out, n, out));
		ck_assert_msg(memcmp(out, in, n) == 0, "sample %zu back", i + 1);
		ff1_key_free(k);
	}
	ff1_key_free(NULL);
}
END_TEST

START_TEST(ff1_reverses_every_length)
{
	for (unsigned radix = 2; radix <= 36; radix++) {
		struct ff1_key *k = ff1_key_new(from_hex(FF1_256), radix);
		double size = 1;

		for (size_t n = 1; n <= 128; n++) {
			uint8_t in[128], out[128], back[128];

			size *= radix;
			for (size_t i = 0; i < n; i++)
				in[i] = (uint8_t)((i * 7 + n) % radix);
			ck_assert_int_eq(ff1_crypt(k, false, VIEW("tweak"), in, n, out), size >= 1e6);
			if (size < 1e6)
				continue;
			for (size_t i = 0; i < n; i++)
				ck_assert_uint_lt(out[i], radix);
			ck_assert(ff1_crypt(k, true, VIEW("tweak"), out, n, back));
			ck_assert_int_eq(memcmp(in, back, n), 0);
		}
		ff1_key_free(k);
	}
}
END_TEST

START_TEST(ff1_refuses)
{
	struct ff1_key *k = ff1_key_new(from_hex(FF1_128), 10);
	uint8_t in[129] = { 0 }, out[129];
	char tweak[257] = { 0 };

	ck_assert(!ff1_crypt(k, false, VIEW(""), in, 5, out)); /* 100,000 values */
	ck_assert(ff1_crypt(k, false, VIEW(""), in, 6, out));
	ck_assert(ff1_crypt(k, false, VIEW(""), in, 128, out));
	ck_assert(!ff1_crypt(k, false, VIEW(""), in, 129, out));
	ck_assert(ff1_crypt(k, false, view_make(tweak, 256), in, 128, out));
	ck_assert(!ff1_crypt(k, false, view_make(tweak, 257), in, 128, out));
	in[3] = 10;
	ck_assert(!ff1_crypt(k, false, VIEW(""), in, 8, out));
	ff1_key_free(k);
	ck_assert_ptr_null(ff1_key_new(from_hex(FF1_128), 1));
	ck_assert_ptr_null(ff1_key_new(from_hex(FF1_128), 37));
	ck_assert_ptr_null(ff1_key_new(VIEW("short"), 10));
}
END_TEST

struct shared {
	const struct siv_key *siv;
	const struct ff1_key *ff1;
	uint8_t siv_want[21], ff1_want[10];
	unsigned wrong;
};

static void *use_keys(void *arg)
{
	struct shared *s = arg;
	const uint8_t digits[10] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

	for (int i = 0; i < 2000; i++) {
		struct view context = VIEW("domain");
		uint8_t out[21], number[10];

		s->wrong += !siv_seal(s->siv, &context, 1, VIEW("plain"), out) || memcmp(out, s->siv_want, 21) != 0;
		s->wrong +=
		        !ff1_crypt(s->ff1, false, VIEW(""), digits, 10, number) || memcmp(number, s->ff1_want, 10) != 0;
	}
	return NULL;
}

START_TEST(keys_are_shared_by_threads)
{
	const uint8_t key[64] = { 3 }, digits[10] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct siv_key *siv = siv_key_new(key);
	struct ff1_key *ff1 = ff1_key_new(view_make(key, 32), 10);
	struct view context = VIEW("domain");
	struct shared shared[4];
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++) {
		shared[i] = (struct shared){ .siv = siv, .ff1 = ff1 };
		ck_assert(siv_seal(siv, &context, 1, VIEW("plain"), shared[i].siv_want));
		ck_assert(ff1_crypt(ff1, false, VIEW(""), digits, 10, shared[i].ff1_want));
	}
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use_keys, &shared[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(shared[i].wrong, 0);
	}
	siv_key_free(siv);
	ff1_key_free(ff1);
}
END_TEST

TCase *make_cipher_case(void);
TCase *make_cipher_case(void)
{
	TCase *c = tcase_create("cipher");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, gcm_known_answers);
	tcase_add_test(c, gcm_refuses_what_was_altered);
	tcase_add_test(c, siv_known_answers);
	tcase_add_test(c, siv_refuses);
	tcase_add_test(c, ff1_known_answers);
	tcase_add_test(c, ff1_reverses_every_length);
	tcase_add_test(c, ff1_refuses);
	tcase_add_test(c, keys_are_shared_by_threads);
	return c;
}
