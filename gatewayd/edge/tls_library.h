/* The library context of OpenSSL that the edge's TLS works in. It has what the default one has, by the same code, but for
 * readers and kinds of keys that no handshake here uses: reading the key in a peer's certificate, OpenSSL 3.0 collects all
 * the readers that its context has, which takes as long as two verifications of a signature.
 * Made once, before there are threads; then any thread. */
#ifndef GATEWAYD_EDGE_TLS_LIBRARY_H
#define GATEWAYD_EDGE_TLS_LIBRARY_H

#include <stdbool.h>

#include "lib/base/error.h"

struct ossl_lib_ctx_st;

/* Loads what needs files, random state among it, before the sandbox closes them. False: no TLS here. */
bool tls_library_open(void) MUST_USE;
/* Belongs to the process. */
struct ossl_lib_ctx_st *tls_library(void);

#endif
