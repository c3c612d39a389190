/* Known answers of Ed25519 from RFC 8032 section 7.1, tests 1 to 3. */
#include "test/crypto/crypto_test.h"

static const struct {
	const char *seed, *public_key, *message, *signature;
} cases[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
	  "d25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
	  "387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
	  "4a7c15e9716ed28dc027beceea1ec40a" },
};

START_TEST(ed25519_known_answers)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct view seed = from_hex(cases[i].seed), message = from_hex(cases[i].message);
		struct ed25519_key *k = ed25519_from_seed((const uint8_t *)seed.p);
		uint8_t public_key[32], signature[64];

		ck_assert_ptr_nonnull(k);
		ed25519_public(k, public_key);
		assert_hex(public_key, 32, cases[i].public_key);
		ck_assert(ed25519_sign(k, message, signature));
		assert_hex(signature, 64, cases[i].signature);
		ck_assert(ed25519_verify(public_key, message, signature));
		for (size_t bit = 0; bit < 64 * 8; bit += 37) {
			signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
			ck_assert(!ed25519_verify(public_key, message, signature));
			signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		ck_assert(!ed25519_verify(public_key, VIEW("another message"), signature));
		public_key[0] ^= 1;
		ck_assert(!ed25519_verify(public_key, message, signature));
		ed25519_free(k);
	}
	ed25519_free(NULL);
}
END_TEST

TCase *make_ed25519_case(void);
TCase *make_ed25519_case(void)
{
	TCase *c = tcase_create("ed25519");

	tcase_add_test(c, ed25519_known_answers);
	return c;
}
