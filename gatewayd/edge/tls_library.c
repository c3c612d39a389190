/* See tls_library.h. A provider (provider(7)) that hands on what the default one offers, and leaves out some. */
#include "gatewayd/edge/tls_library.h"

#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#define OPERATIONS (OSSL_OP__HIGHEST + 1)
#define KEPT_MAX   8 /* of one operation */

/* Of public keys as certificates have them (RFC 5280 section 4.1.2.7). */
#define READER "input=der,structure=SubjectPublicKeyInfo"

static OSSL_LIB_CTX *library;
static OSSL_PROVIDER *whole;
/* By operation; after the last is an empty one. */
static OSSL_ALGORITHM kept[OPERATIONS][KEPT_MAX + 1];

/* What TLS 1.3 needs for the suites and groups of tls.c and the certificates of partners, by its first name. */
static bool is_used(const OSSL_ALGORITHM *a)
{
	static const char *const used[] = { "AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305",
		                            "SHA1",        "SHA2-256",    "SHA2-384",
		                            "SHA2-512",    "HMAC",        "HKDF",
		                            "TLS13-KDF",   "EC",          "ECDH",
		                            "ECDSA",       "X25519",      "ED25519",
		                            "ED448",       "RSA",         "RSA-PSS",
		                            "CTR-DRBG",    "SEED-SRC" };
	size_t n = strcspn(a->algorithm_names, ":");

	for (size_t i = 0; i < sizeof used / sizeof *used; i++)
		if (strlen(used[i]) == n && memcmp(a->algorithm_names, used[i], n) == 0)
			return true;
	return false;
}

/* False: an operation has more of them than there is room for. */
static bool keep(int operation)
{
	int no_cache = 0;
	size_t n = 0;

	for (const OSSL_ALGORITHM *a = OSSL_PROVIDER_query_operation(whole, operation, &no_cache);
	     a && a->algorithm_names; a++) {
		if (!is_used(a) || (operation == OSSL_OP_DECODER && !strstr(a->property_definition, READER)))
			continue;
		if (n == KEPT_MAX)
			return false;
		kept[operation][n++] = *a;
	}
	return true;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
	(void)context;
	*no_cache = 0;
	return operation > 0 && operation < OPERATIONS ? kept[operation] : NULL;
}

/* The groups of TLS (provider-base(7)). */
static int capabilities(void *context, const char *capability, OSSL_CALLBACK *each, void *arg)
{
	(void)context;
	return OSSL_PROVIDER_get_capabilities(whole, capability, each, arg);
}

/* The algorithms are the default provider's, and are called with its context. */
static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **context)
{
	static const OSSL_DISPATCH functions[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
		{ OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities },
		{ 0, NULL },
	};

	(void)handle, (void)in;
	*out = functions;
	*context = OSSL_PROVIDER_get0_provider_ctx(whole);
	return 1;
}

bool tls_library_open(void)
{
	unsigned char byte;

	whole = OSSL_PROVIDER_load(NULL, "default");
	library = OSSL_LIB_CTX_new();
	for (int operation = 1; whole && operation < OPERATIONS; operation++)
		if (operation != OSSL_OP_ENCODER && operation != OSSL_OP_STORE && !keep(operation))
			return false;
	return whole && library && OSSL_PROVIDER_add_builtin(library, "edge", init) == 1 &&
	       OSSL_PROVIDER_load(library, "edge") && RAND_bytes_ex(library, &byte, 1, 0) == 1;
}

OSSL_LIB_CTX *tls_library(void)
{
	return library;
}
