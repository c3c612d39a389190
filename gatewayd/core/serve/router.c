/* See router.h. */
#include "gatewayd/core/serve/router.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/rate.h"
#include "gatewayd/core/serve/reads.h"
#include "gatewayd/core/serve/standing.h"
#include "gatewayd/core/serve/turns.h"
#include "lib/base/encode.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

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

/* What a partner file would have to say, for whoever mends it: once an hour a certificate. */
static void tell_stranger(const struct request *r)
{
	const struct cert_id *cert = &r->conn->cert;
	struct attempts *attempts = r->worker->core->attempts;
	struct attempt one =
	        attempt_of(view_of(cert->uri), view_make(cert->spki.b, sizeof cert->spki.b), REASON_PARTNER_UNKNOWN);
	struct buf pin = BUF_INIT(80);

	if (!r->conn->known || attempts_known(attempts, &one, r->now_ms))
		return;
	attempts_note(attempts, &one, r->now_ms);
	digest_print(&pin, &cert->spki);
	if (!pin.failed)
		log_line("warning",
		         "refused: no partner file has the identity %s with the pin %.*s in its validity; add it to "
		         "a partner file and reload",
		         cert->uri, VIEW_ARG(buf_view(&pin)));
	buf_free(&pin);
}

void router_unverified(struct worker *w, const struct error *why, int64_t now_ms)
{
	struct attempt one = attempt_of(VIEW("edge"), VIEW("certificate"), REASON_PARTNER_UNKNOWN);

	atomic_fetch_add_explicit(&w->core->unverified, 1, memory_order_relaxed);
	if (attempts_known(w->core->attempts, &one, now_ms))
		return;
	attempts_note(w->core->attempts, &one, now_ms);
	log_line("error",
	         "refused: the edge let in a peer whose certificate does not verify here (%s): the authorities were "
	         "changed, or it expired, a moment ago; or the edge process was taken over. Others of this hour are "
	         "counted only (certificates_unverified)",
	         why->text);
}

static bool stranger(struct request *r, enum reason reason)
{
	atomic_fetch_add_explicit(&r->worker->core->strangers, 1, memory_order_relaxed);
	if (reason == REASON_PARTNER_UNKNOWN)
		tell_stranger(r);
	answer_problem(r, reason);
	return false;
}

bool request_may_read(const struct request *r)
{
	return reads_admit(r->worker->core->reads, r->peer ? r->peer->id : "", r->conf->node.reads_per_minute,
	                   r->now_ms);
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
	if (!serving && route->roles != 0 && !route->early) {
		answer_problem(r, REASON_UNAVAILABLE);
		return false;
	}
	if (view_is(r->method, "GET") && !request_may_read(r)) {
		answer_problem(r, REASON_RATE_LIMITED);
		return false;
	}
	if (r->stream && !route->streams) {
		answer_problem(r, REASON_TOO_LARGE);
		return false;
	}
	/* Nobody could say what it came to before all of it was decided. */
	if (r->stream && r->content_digest.n) {
		answer_problem(r, REASON_BAD_HEADER);
		return false;
	}
	if (!r->stream && !digest_fits(r)) {
		answer_problem(r, REASON_DIGEST_MISMATCH);
		return false;
	}
	return true;
}

/* What is open to certificates that no partner file names. */
static bool is_open(const struct request *r)
{
	const struct cert_id *cert = &r->conn->cert;

	if (!r->conn->known || cert->not_after_ms < r->now_ms || cert->not_before_ms > r->now_ms ||
	    !path_plain(r->path))
		return false;
	for (const struct route *route = r->worker->core->routes; route->path; route++)
		if (route->open && view_is(r->method, route->method) && path_fits(r->path, route->path))
			return true;
	return false;
}

struct rated route_rated(const struct request *r)
{
	struct view id = request_path_part(r, 2);
	struct agreement *a = conf_agreement(r->conf, id, NULL, r->now_ms);

	return (struct rated){ .partner = r->peer, .agreement = id, .clause = a ? agreement_rates(a) : NULL };
}

void route_rates(struct request *r)
{
	const struct rated of = route_rated(r);

	r->rated = r->account && rate_is_bounded(&of);
}

bool route_permits(struct request *r)
{
	route_rates(r);
	if (!r->rated)
		return true;
	const struct rated of = route_rated(r);
	if (rate_permits(r->account->rates, &of, r->now_ms, instant_monotonic_ms(), &r->retry_after_s))
		return true;
	answer_problem(r, REASON_RATE_LIMITED);
	return false;
}

bool route_may(const struct request *r, unsigned *retry_after_s)
{
	if (!r->rated)
		return true;
	const struct rated of = route_rated(r);
	return rate_permits(r->account->rates, &of, instant_now_ms(), instant_monotonic_ms(), retry_after_s);
}

void route_count(const struct request *r, uint64_t records, uint64_t bytes)
{
	if (!r->rated)
		return;
	const struct rated of = route_rated(r);
	rate_count(r->account->rates, &of, records, bytes, instant_now_ms(), instant_monotonic_ms());
}

/* What a partner reads or tells takes turns with the lines of others, for a page of a log takes as long as many of them. */
static enum turn step_route(struct request *r, uint64_t *cost)
{
	const struct route *route = r->route;
	int64_t began_us = instant_monotonic_us();

	turns_leave(r);
	if (r->aborted)
		request_release(r);
	else
		route->handle(r);
	*cost = TURN_COST + (uint64_t)(instant_monotonic_us() - began_us) * TURN_COST_US;
	return TURN_OVER;
}

static void answer_by(struct request *r, const struct route *route)
{
	if (route->roles == 0 || route->decides) {
		route->handle(r);
		return;
	}
	r->route = route;
	if (!turns_enter(r, step_route))
		answer_problem(r, REASON_NO_MEMORY);
}

void route_request(struct request *r)
{
	enum reason unknown;
	bool other_method = false;
	struct view rest = r->target;

	r->conf = core_conf(r->worker->core);
	r->now_ms = instant_now_ms();
	r->path = view_cut(&rest, '?');
	r->query = rest;
	if (view_is(r->method, "HEAD")) {
		r->head_only = true;
		r->method = VIEW("GET");
	}
	conn_judge(r->conn, r->conf, r->now_ms);
	unknown = r->conn->monitor ? REASON_NONE : standing_of(r->conf, r->conn, r->now_ms, &r->peer);
	if (unknown != REASON_NONE && !(unknown == REASON_PARTNER_UNKNOWN && is_open(r))) {
		stranger(r, unknown);
		return;
	}
	if (!path_plain(r->path)) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	for (const struct route *route = r->worker->core->routes; route->path; route++) {
		if (!path_fits(r->path, route->path))
			continue;
		if (!view_is(r->method, route->method)) {
			other_method = true;
			continue;
		}
		if (admitted(r, route))
			answer_by(r, route);
		return;
	}
	answer_problem(r, other_method ? REASON_METHOD_NOT_ALLOWED : REASON_NOT_FOUND);
}
