/* A throw-away folder with keys and certificates, made at run time by the openssl command. */
#ifndef GATEWAY_TEST_PKI_H
#define GATEWAY_TEST_PKI_H

#include "test/crypto/crypto_test.h"

void pki_open(void); /* unchecked fixtures: once for all tests of a case */
void pki_close(void);
/* Runs a shell command in the folder; it must succeed (or fail, for pki_sh_fails). */
void pki_sh(const char *fmt, ...) PRINTF_LIKE(1, 2);
int pki_try(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* A file of the folder; the bytes stay until the end of the test. */
struct view pki_read(const char *name);
void pki_write(const char *name, struct view bytes);
struct view pki_der(const char *pem_name); /* a certificate as DER */
/* A self-signed certificate NAME.pem with key NAME.key; `key` as in `-newkey`, `extra` further options. */
void pki_self(const char *name, const char *key, const char *extra);

#endif
