/* GET /v1/peer: for whom this gateway takes who asks, and by which keys. What two gateways have wrong of each other shows before
 * a record depends on it. The worker's thread. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/witness.h"
#include "lib/base/datetime.h"
#include "lib/base/encode.h"

#define COSIGNATURE_MAX 4096

static void put_string(struct buf *out, const char *name, struct view value)
{
	buf_addf(out, ",\"%s\":", name);
	buf_add_json_string(out, value);
}

static void put_key(struct buf *out, const char *name, bool known, const struct note_vkey *key)
{
	struct buf text = BUF_INIT(COSIGNATURE_MAX);

	if (!known)
		return;
	note_vkey_print(key, &text);
	put_string(out, name, buf_view(&text));
	buf_free(&text);
}

static void put_time(struct buf *out, const char *name, int64_t ms)
{
	char text[TIME_TEXT + 1];

	time_print(ms, text);
	put_string(out, name, view_of(text));
}

static void put_roles(struct buf *out, unsigned roles)
{
	bool first = true;

	buf_adds(out, ",\"roles\":[");
#define R(name, text) \
	if (roles & ROLE(name)) { \
		buf_adds(out, first ? "\"" text "\"" : ",\"" text "\""); \
		first = false; \
	}
	ROLE_LIST(R)
#undef R
	buf_addc(out, ']');
}

/* --- when it reached who asks --- */

struct newest {
	const struct note_vkey *of;
	int64_t at_ms;
};

/* The line was verified before it was stored; its signature begins with the key's id and the time (C2SP tlog-cosignature). */
static bool look_at(void *arg, struct view line)
{
	struct newest *x = arg;
	uint8_t bytes[COSIGNATURE_MAX];
	uint64_t time_s = 0;
	size_t n;

	while (line.n && line.p[line.n - 1] == '\n')
		line.n--;
	const char *space = line.n ? memrchr(line.p, ' ', line.n) : NULL;
	if (!space || !note_line_is_of(line, x->of) ||
	    !base64_decode(view_from(line, (size_t)(space + 1 - line.p)), bytes, sizeof bytes, &n) || n < 12)
		return true;
	for (size_t i = 4; i < 12; i++)
		time_s = time_s << 8 | bytes[i];
	if ((int64_t)(time_s * 1000) > x->at_ms)
		x->at_ms = (int64_t)(time_s * 1000);
	return true;
}

/* By its cosignatures of this node's log, which it is asked for every few minutes: by its own clock. */
static void put_reached(struct request *r, struct buf *out)
{
	struct newest x = { .of = &r->peer->witness, .at_ms = 0 };
	struct error e = { .reason = REASON_NONE };
	struct writer_stats now;
	uint64_t least;

	if (!r->peer->has_witness)
		return;
	writer_stats(r->worker->core->writer, &now);
	if (store_cosigned(r->worker->reader, &least, &e) &&
	    store_list_cosignatures(r->worker->reader, least, look_at, &x, &e) &&
	    store_list_cosignatures(r->worker->reader, now.tree_size, look_at, &x, &e) && x.at_ms > 0)
		put_time(out, "reached", x.at_ms);
}

void handle_peer(struct request *r)
{
	const struct partner *p = r->peer;
	struct buf body = BUF_INIT(16384);

	buf_adds(&body, "{\"partner\":");
	buf_add_json_string(&body, view_of(p->id));
	put_string(&body, "agency", view_of(p->agency));
	put_roles(&body, p->roles);
	put_string(&body, "uri", view_of(r->conn->cert.uri));
	put_time(&body, "certificate_expires", r->conn->cert.not_after_ms);
	if (p->host)
		buf_addf(&body, ",\"endpoint\":\"%s:%u\"", p->host, (unsigned)p->port);
	put_key(&body, "log", p->has_log, &p->log);
	put_key(&body, "witness", p->has_witness, &p->witness);
	put_reached(r, &body);
	buf_adds(&body, ",\"by\":{\"agency\":");
	buf_add_json_string(&body, view_of(r->conf->node.agency));
	put_key(&body, "log", true, r->worker->core->log_vkey);
	put_time(&body, "now", r->now_ms);
	buf_adds(&body, "}}");
	answer_written(r, VIEW("application/json"), &body);
	buf_free(&body);
}
