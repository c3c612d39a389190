/* See router.h. */
#include "gatewayd/core/serve/router.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/exchange/batch.h"
#include "gatewayd/core/exchange/exchange.h"
#include "gatewayd/core/witness/timestamp.h"
#include "gatewayd/core/witness/witness.h"
#include "lib/base/encode.h"

#define ANY_ROLE  (~0u)
#define OVERSIGHT (ROLE(AUDITOR) | ROLE(SUPERVISOR))

struct route {
	const char *method;
	const char *path; /* "*" stands for one part, "**" at the end for all that follows */
	unsigned roles;   /* who may; 0: also the monitor listener, without a certificate */
	void (*handle)(struct request *r);
};

static const struct route routes[] = {
	{ "POST", "/v1/agreements/*/records", ROLE(SYSTEM) | ROLE(GATEWAY), handle_records },
	{ "POST", "/v1/agreements/*/validate", ROLE(SYSTEM), handle_validate },
	{ "POST", "/v1/exchanges/*/recall", ROLE(SYSTEM), handle_recall },
	{ "GET", "/v1/exchanges/*", ROLE(SYSTEM) | ROLE(GATEWAY) | OVERSIGHT, handle_exchange },
	{ "GET", "/v1/exchanges/*/notices", ROLE(SYSTEM) | ROLE(GATEWAY) | OVERSIGHT, handle_exchange },
	{ "POST", "/v1/exchanges/*/notices", ROLE(GATEWAY), handle_notice },
	{ "GET", "/v1/exchanges/*/receipt", ROLE(SYSTEM) | ROLE(GATEWAY) | OVERSIGHT, handle_exchange },
	{ "GET", "/v1/exchanges/*/record", ROLE(SYSTEM), handle_exchange },
	{ "GET", "/v1/inbox", ROLE(SYSTEM), handle_inbox },
	{ "POST", "/v1/inbox/*/ack", ROLE(SYSTEM), handle_ack },
	{ "GET", "/v1/agreements", ANY_ROLE, handle_agreements },
	{ "GET", "/v1/agreements/*", ANY_ROLE, handle_agreement },
	{ "GET", "/v1/agreements/*/schema", ANY_ROLE, handle_agreement },
	{ "GET", "/v1/agreements/*/summary", ANY_ROLE, handle_agreement },
	{ "GET", "/checkpoint", ROLE(GATEWAY) | OVERSIGHT, handle_checkpoint },
	{ "POST", "/add-checkpoint", ROLE(GATEWAY), handle_add_checkpoint },
	{ "GET", "/witnessed/**", ROLE(GATEWAY) | OVERSIGHT, handle_witnessed },
	{ "GET", "/timestamp/*", ROLE(GATEWAY) | OVERSIGHT, handle_timestamp },
	{ "GET", "/tile/entries/**", OVERSIGHT, handle_entries },
	{ "GET", "/tile/**", ROLE(GATEWAY) | OVERSIGHT, handle_tile },
	{ "GET", "/problems/*", 0, handle_problem },
	{ "GET", "/openapi.json", 0, handle_openapi },
	{ "GET", "/livez", 0, handle_livez },
	{ "GET", "/readyz", 0, handle_readyz },
	{ "GET", "/metrics", 0, handle_metrics },
};

struct view path_part(const struct request *r, unsigned k)
{
	struct view rest = view_from(r->path, 1), part = view_cut(&rest, '/');

	while (k-- > 0)
		part = rest.p ? view_cut(&rest, '/') : (struct view){ NULL, 0 };
	return part;
}

struct view query_value(const struct request *r, const char *name)
{
	struct view rest = r->query;

	while (rest.n) {
		struct view pair = view_cut(&rest, '&'), key = view_cut(&pair, '=');
		if (view_is(key, name))
			return pair;
	}
	return VIEW("");
}

static bool path_fits(struct view path, const char *pattern)
{
	struct view want = view_of(pattern);

	while (path.p && want.p) {
		struct view w = view_cut(&want, '/'), p = view_cut(&path, '/');
		if (view_is(w, "**"))
			return p.n > 0;
		if (view_is(w, "*") ? p.n == 0 : !view_eq(w, p))
			return false;
	}
	return !path.p && !want.p;
}

/* Bytes of the path that routes know: no escapes, so that one resource has one name. */
static bool path_plain(struct view path)
{
	for (size_t i = 0; i < path.n; i++) {
		char c = path.p[i];
		bool plain =
		        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("/._-", c);
		if (!plain || c == 0)
			return false;
	}
	return path.n > 0 && path.p[0] == '/';
}

/* Who asks? Revocation is judged on every request. */
static enum reason find_peer(struct request *r)
{
	const struct conf *c = r->conf;
	const struct conn *conn = r->conn;

	if (conn->monitor)
		return REASON_NONE;
	if (c->revocation_checked) {
		if (!c->crl || crl_next_update_ms(c->crl) <= r->now_ms)
			return REASON_REVOCATION_UNKNOWN;
		if (crl_has(c->crl, conn->cert.serial))
			return REASON_CERTIFICATE_REVOKED;
	}
	if (!conn->known || conn->cert.not_after_ms < r->now_ms || conn->cert.not_before_ms > r->now_ms)
		return REASON_PARTNER_UNKNOWN;
	r->peer = conf_partner(c, &conn->cert);
	return r->peer ? REASON_NONE : REASON_PARTNER_UNKNOWN;
}

/* Content-Digest (RFC 9530): sha-256 is checked when it is there; another algorithm alone is refused. */
static bool digest_fits(const struct request *r)
{
	struct view rest = r->content_digest, item;
	struct digest want, have;
	size_t n;

	if (rest.n == 0)
		return true;
	while (rest.n) {
		item = view_cut(&rest, ',');
		while (item.n && item.p[0] == ' ')
			item = view_from(item, 1);
		if (!view_starts(item, VIEW("sha-256=:")) || item.p[item.n - 1] != ':')
			continue;
		struct view text = view_make(item.p + 9, item.n > 10 ? item.n - 10 : 0);
		if (!base64_decode(text, want.b, sizeof want.b, &n) || n != sizeof want.b)
			return false;
		sha256(buf_view(&r->body), &have);
		return digest_eq(&want, &have);
	}
	return false;
}

static bool stranger(struct request *r, enum reason reason)
{
	atomic_fetch_add_explicit(&r->worker->core->strangers, 1, memory_order_relaxed);
	answer_problem(r, reason);
	return false;
}

/* Role, rate and digest; answers what is refused. */
static bool admitted(struct request *r, const struct route *route)
{
	bool serving = atomic_load_explicit(&r->worker->core->serving, memory_order_acquire);

	if (r->conn->monitor)
		return route->roles == 0 || (answer_problem(r, REASON_NOT_FOUND), false);
	if (route->roles != 0 && route->roles != ANY_ROLE && !(r->peer->roles & route->roles)) {
		answer_problem(r, REASON_ROLE_DENIED);
		return false;
	}
	/* Two gateways that start together still witness each other. */
	if (!serving && route->roles != 0 && route->handle != handle_add_checkpoint &&
	    route->handle != handle_witnessed) {
		answer_problem(r, REASON_UNAVAILABLE);
		return false;
	}
	if (view_is(r->method, "GET") && !worker_may_read(r->worker, r->conf, r->peer, r->now_ms)) {
		answer_problem(r, REASON_RATE_LIMITED);
		return false;
	}
	if (!digest_fits(r)) {
		answer_problem(r, REASON_DIGEST_MISMATCH);
		return false;
	}
	return true;
}

void route_request(struct request *r)
{
	enum reason unknown;
	bool other_method = false;
	struct view rest = r->target;

	r->conf = core_conf(r->worker->core);
	r->now_ms = core_now_ms();
	r->path = view_cut(&rest, '?');
	r->query = rest;
	unknown = find_peer(r);
	if (unknown != REASON_NONE) {
		stranger(r, unknown);
		return;
	}
	if (!path_plain(r->path)) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (!path_fits(r->path, routes[i].path))
			continue;
		if (!view_is(r->method, routes[i].method)) {
			other_method = true;
			continue;
		}
		if (admitted(r, &routes[i]))
			routes[i].handle(r);
		return;
	}
	answer_problem(r, other_method ? REASON_METHOD_NOT_ALLOWED : REASON_NOT_FOUND);
}

/* --- records: one envelope, or one a line --- */

bool media_type_is(const struct request *r, const char *want)
{
	struct view rest = r->content_type, type = view_cut(&rest, ';');

	while (type.n && type.p[type.n - 1] == ' ')
		type.n--;
	return view_eq_nocase(type, view_of(want));
}

/* Visible ASCII, at most 255 bytes. */
static bool key_valid(struct view key)
{
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] < 0x21 || key.p[i] > 0x7e)
			return false;
	return key.n <= 255;
}

static unsigned count_lines(struct view body)
{
	unsigned n = 0;

	while (body.n) {
		struct view line = view_cut(&body, '\n');
		n += line.n > 0;
	}
	return n;
}

static void start_lines(struct request *r)
{
	struct view body = buf_view(&r->body);
	unsigned n = count_lines(body), line = 0;

	if (n == 0 || r->key.n > 0) {
		answer_problem(r, n == 0 ? REASON_BAD_JSON : REASON_BAD_HEADER);
		return;
	}
	if (n > r->conf->node.lines) {
		answer_problem(r, REASON_TOO_LARGE);
		return;
	}
	r->lines = calloc(n, sizeof(struct exchange *));
	if (!r->lines) {
		answer_problem(r, REASON_NO_MEMORY);
		return;
	}
	r->n_lines = r->pending = n;
	if (batch_is_counted(r)) {
		batch_start(r);
		return;
	}
	/* The last line may answer and let the request go: nothing of it is looked at afterwards. */
	while (line < n) {
		struct view text = view_cut(&body, '\n');
		if (text.n)
			exchange_start(r, line++, text, false);
	}
}

void handle_records(struct request *r)
{
	if (atomic_load_explicit(&r->worker->core->draining, memory_order_relaxed)) {
		answer_problem(r, REASON_UNAVAILABLE);
		return;
	}
	if (!key_valid(r->key)) {
		answer_problem(r, REASON_BAD_HEADER);
		return;
	}
	if (media_type_is(r, "application/x-ndjson")) {
		start_lines(r);
	} else if (media_type_is(r, "application/json")) {
		r->pending = 1;
		exchange_start(r, 0, buf_view(&r->body), false);
	} else {
		answer_problem(r, REASON_MEDIA_TYPE);
	}
}

void handle_validate(struct request *r)
{
	if (!media_type_is(r, "application/json")) {
		answer_problem(r, REASON_MEDIA_TYPE);
		return;
	}
	r->pending = 1;
	exchange_start(r, 0, buf_view(&r->body), true);
}
