/* See standing.h. */
#include "gatewayd/core/serve/standing.h"

#include "gatewayd/core/serve/shown.h"
#include "gatewayd/core/serve/worker.h"

enum reason standing_of(const struct conf *c, const struct conn *conn, int64_t now_ms, const struct partner **out)
{
	/* What does not verify has no serial number that a list could name. */
	if (!conn->known)
		return REASON_PARTNER_UNKNOWN;
	enum reason revoked = conf_revoked(c, shown_authority(conn->shown), conn->cert.serial, now_ms);

	if (revoked != REASON_NONE)
		return revoked;
	if (conn->cert.not_after_ms < now_ms || conn->cert.not_before_ms > now_ms)
		return REASON_PARTNER_UNKNOWN;
	const struct partner *p = conf_partner(c, &conn->cert);
	if (!p)
		return REASON_PARTNER_UNKNOWN;
	*out = p;
	return REASON_NONE;
}

/* A list that is out of date refuses requests and ends nothing: it may be there again in a moment. A stranger is never
 * known, and the edge ends its connection after the answer. */
static bool must_end(struct conn *conn, const struct conf *c, int64_t now_ms)
{
	const struct partner *p = NULL;

	conn_judge(conn, c, now_ms);
	enum reason reason = standing_of(c, conn, now_ms, &p);
	bool was_known = conn->was_partner, was_bound = conn->was_bound;

	if (reason == REASON_NONE) {
		conn->was_partner = true;
		conn->was_bound = conf_is_bound(c, p->agency, now_ms);
		return was_bound && !conn->was_bound && strcmp(p->agency, c->node.agency) != 0;
	}
	return reason == REASON_CERTIFICATE_REVOKED || (reason == REASON_PARTNER_UNKNOWN && was_known);
}

void standing_judge(struct worker *w, const struct conf *c, int64_t now_ms)
{
	for (struct conn *conn = w->conns; conn; conn = conn->hh.next)
		if (!conn->monitor && !conn->closed && !conn->ending && must_end(conn, c, now_ms)) {
			conn->ending = true;
			channel_send(w->channel, FRAME_CLOSE, 0, conn->id, VIEW(""), VIEW(""));
		}
}
