/* Statements that people sign and show to a daemon: approvals, holds and lifts, confirmations of the clock. A
 * statement is a JSON text; its signature a detached CMS (RFC 5652) over the text's exact bytes, in PEM. */
#ifndef GATEWAYD_CTL_STATEMENT_H
#define GATEWAYD_CTL_STATEMENT_H

#include <jansson.h>

#include "gatewayd/ctl/ctl.h"

/* Who signs, and where to: OUT.json and OUT.p7s, which must not exist. */
struct ctl_signing {
	const char *certificate, *key, *out;
};
/* Adds the member `by` (SHA-256 of the certificate's public key) to `statement`, signs, and writes both files. */
bool ctl_sign_statement(const struct ctl_signing *s, json_t *statement, const char *by, struct error *e) MUST_USE;

/* A request that shows a statement and its signature to the daemon. `exchange` NULL: about none. NULL after it was
 * said why not. */
json_t *ctl_statement_request(const char *what, const char *exchange, const char *statement_path,
                              const char *signature_path);

#endif
