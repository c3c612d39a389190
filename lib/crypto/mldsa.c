/* ML-DSA-44 (FIPS 204) over EVP, where the OpenSSL that runs has it: from 3.5 on. Asked by name, so that one build serves both. */
#include "lib/crypto/crypto.h"

#include <openssl/evp.h>

bool mldsa44_available(void)
{
	EVP_SIGNATURE *s = EVP_SIGNATURE_fetch(NULL, "ML-DSA-44", NULL);

	EVP_SIGNATURE_free(s);
	return s != NULL;
}

bool mldsa44_verify(const uint8_t public_key[MLDSA44_KEY], struct view message,
                    const uint8_t signature[MLDSA44_SIGNATURE])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ML-DSA-44", NULL, public_key, MLDSA44_KEY);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = pkey && c && EVP_DigestVerifyInit_ex(c, NULL, NULL, NULL, NULL, pkey, NULL) == 1 &&
	          EVP_DigestVerify(c, signature, MLDSA44_SIGNATURE, (const unsigned char *)message.p, message.n) == 1;

	EVP_MD_CTX_free(c);
	EVP_PKEY_free(pkey);
	return ok;
}
