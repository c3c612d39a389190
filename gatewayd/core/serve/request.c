/* See request.h. */
#include "gatewayd/core/serve/request.h"

#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/shown.h"
#include "gatewayd/core/serve/turns.h"
#include "gatewayd/core/serve/worker.h"
#include "lib/base/wire.h"

#define HEAD_MAX (32u * 1024)
#define OUT_MAX  (256u * 1024 * 1024)
#define KEPT     32 /* requests whose memory is kept for the next */

struct request *request_new(struct worker *w, uint64_t id, struct conn *conn)
{
	struct request *r = w->free_requests;

	if (r) {
		w->free_requests = r->next_free;
		w->n_free_requests--;
	} else {
		r = calloc(1, sizeof *r);
		if (!r)
			return NULL;
		r->head = BUF_INIT(HEAD_MAX);
		r->body = BUF_INIT(REQUEST_BODY_MAX);
		r->out = BUF_INIT(OUT_MAX);
	}
	r->id = id;
	r->worker = w;
	r->conn = conn;
	conn->refs++;
	conn->live++;
	r->out_credit = CHANNEL_CREDIT;
	r->credit_given = CHANNEL_CREDIT;
	HASH_ADD(hh, w->requests, id, sizeof r->id, r);
	return r;
}

void conn_judge(struct conn *c, const struct conf *conf, int64_t now_ms)
{
	if (!c->monitor && !shown_holds(c->shown, conf, now_ms))
		c->known = false;
}

void conn_drop(struct worker *w, struct conn *c)
{
	if (!c->closed || c->refs > 0)
		return;
	HASH_DEL(w->conns, c);
	shown_drop(c->shown);
	free(c);
}

void request_release(struct request *r)
{
	struct worker *w = r->worker;
	struct conn *conn = r->conn;
	struct buf head = r->head, body = r->body, out = r->out;

	turns_release(r);
	HASH_DEL(w->requests, r);
	conf_unref(r->conf);
	conn->refs--;
	if (!r->aborted)
		conn->live--;
	conn_drop(w, conn);
	buf_reset(&head);
	scratch_clear_buf(&body);
	scratch_clear_buf(&out);
	*r = (struct request){ .head = head, .body = body, .out = out, .next_free = w->free_requests };
	w->free_requests = r;
	if (++w->n_free_requests > KEPT)
		requests_forget(w, KEPT);
}

void requests_forget(struct worker *w, unsigned kept)
{
	while (w->n_free_requests > kept) {
		struct request *r = w->free_requests;

		w->free_requests = r->next_free;
		w->n_free_requests--;
		buf_free(&r->head);
		buf_wipe(&r->body);
		buf_wipe(&r->out);
		free(r);
	}
}

void request_abort(struct request *r)
{
	if (!r->aborted)
		r->conn->live--;
	r->aborted = true;
}

struct request *request_find(struct worker *w, uint64_t id)
{
	struct request *r;

	HASH_FIND(hh, w->requests, &id, sizeof id, r);
	return r;
}

struct conn *conn_find(struct worker *w, uint64_t id)
{
	struct conn *c;

	HASH_FIND(hh, w->conns, &id, sizeof id, c);
	return c;
}

/* Up to the empty name that the first bytes of a body follow, or all of it; 0: it is no head. */
static size_t head_length(struct view frame, struct view *body)
{
	struct reader in = { .rest = frame };

	read_bytes(&in, 2 * sizeof(uint64_t));
	read_view16(&in);
	read_view16(&in);
	*body = VIEW("");
	while (in.rest.n && !in.failed) {
		size_t n = frame.n - in.rest.n;
		if (read_view16(&in).n == 0) {
			*body = in.rest;
			return in.failed ? 0 : n;
		}
		read_view16(&in);
	}
	return in.failed ? 0 : frame.n;
}

bool request_read_head(struct request *r, struct view frame, struct view *body)
{
	buf_add(&r->head, view_make(frame.p, head_length(frame, body)));
	if (r->head.n == 0 || r->head.failed)
		return false;
	struct reader in = { .rest = buf_view(&r->head) };

	read_u64(&in);
	r->length = read_u64(&in);
	r->method = read_view16(&in);
	r->target = read_view16(&in);
	while (in.rest.n) {
		struct view name = read_view16(&in), value = read_view16(&in);
		if (view_is(name, "content-type"))
			r->content_type = value;
		else if (view_is(name, "content-digest"))
			r->content_digest = value;
		else if (view_is(name, "idempotency-key"))
			r->key = value;
		else if (view_is(name, "accept"))
			r->accept = value;
		else if (view_is(name, "traceparent"))
			r->traceparent = value;
	}
	return true;
}

struct lane *request_lane(const struct request *r)
{
	return r->account ? &r->account->lane : NULL;
}

bool request_media_is(const struct request *r, const char *want)
{
	struct view rest = r->content_type, type = view_cut(&rest, ';');

	while (type.n && type.p[type.n - 1] == ' ')
		type.n--;
	return view_eq_nocase(type, view_of(want));
}

struct view request_path_part(const struct request *r, unsigned k)
{
	struct view rest = view_from(r->path, 1), part = view_cut(&rest, '/');

	while (k-- > 0)
		part = rest.p ? view_cut(&rest, '/') : (struct view){ NULL, 0 };
	return part;
}

struct view request_query(const struct request *r, const char *name)
{
	struct view rest = r->query;

	while (rest.n) {
		struct view pair = view_cut(&rest, '&'), key = view_cut(&pair, '=');
		if (view_is(key, name))
			return pair;
	}
	return VIEW("");
}

void requests_free(struct worker *w)
{
	struct request *r, *next_request;
	struct conn *c, *next_conn;

	HASH_ITER(hh, w->requests, r, next_request)
	{
		if (r->work)
			r->drop_work(r->work);
		r->work = NULL;
		request_release(r);
	}
	HASH_ITER(hh, w->conns, c, next_conn)
	{
		HASH_DEL(w->conns, c);
		free(c);
	}
	requests_forget(w, 0);
}
