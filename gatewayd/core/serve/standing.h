/* Whether a connection's certificate and partner stand: judged at every request, and for open connections again and again,
 * so that a certificate that was revoked, a partner that was removed and an agreement that ended reach what is open. The
 * worker's thread. */
#ifndef GATEWAYD_CORE_SERVE_STANDING_H
#define GATEWAYD_CORE_SERVE_STANDING_H

#include "gatewayd/core/serve/request.h"

/* How often open connections are judged. */
#define STANDING_MS 5000

/* Who asks by this connection, into *out where that is known; else why it may not. Not for monitors. */
enum reason standing_of(const struct conf *c, const struct conn *conn, int64_t now_ms, const struct partner **out);
/* Ends the worker's connections that stand no longer, or whose partner's last agreement has ended since they were looked
 * at; one of such a partner that comes anew is judged by what it asks. */
void standing_judge(struct worker *w, const struct conf *c, int64_t now_ms);

#endif
