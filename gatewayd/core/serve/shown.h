/* The certificates that peers have shown, as the edge says. The edge sees bytes of strangers before anybody else does, and
 * may be taken over: what it passes on is verified here by core's own authorities (lib/crypto/chain.h), once for each
 * certificate and configuration, so that a partner that comes again costs a look-up. Connections with one certificate share
 * what is known of it; of those with none the newest are remembered. One that does not verify is not kept.
 *
 *   shown_take() at OPEN ─▶ shown_holds() at each request, verifies anew after a reload ─▶ shown_drop() with the connection
 *
 * A worker's own; its thread. */
#ifndef GATEWAYD_CORE_SERVE_SHOWN_H
#define GATEWAYD_CORE_SERVE_SHOWN_H

#include "gatewayd/core/conf/conf.h"

#define SHOWN_KEPT 256 /* by a worker */

struct shown;
struct shown_table;

/* `kept`: certificates without a connection that are remembered. NULL: no memory. */
struct shown_table *shown_table_new(unsigned kept) MUST_USE;
void shown_table_free(struct shown_table *t); /* with all that is in it; NULL is fine */

/* The certificate with these bytes, and who it names into *out. NULL: it does not verify, with the error that says why
 * (REASON_PARTNER_UNKNOWN), or no memory. The caller drops it. */
struct shown *shown_take(struct shown_table *t, const struct conf *c, struct view der, int64_t now_ms,
                         struct cert_id *out, struct error *e) MUST_USE;
/* Whether it verifies by this configuration: looked at anew where it is another than the last time. NULL does not. */
bool shown_holds(struct shown *s, const struct conf *c, int64_t now_ms) MUST_USE;
/* Who signed it (authority_id()), of the authorities by which it was verified last; by its list it is judged. NULL: none of
 * them did, or there is no certificate. Borrowed from `s`, until it is looked at anew. */
const struct digest *shown_authority(const struct shown *s);
void shown_drop(struct shown *s); /* NULL is fine */
/* How often a chain was built since the table was made. */
uint64_t shown_verified(const struct shown_table *t);

#endif
