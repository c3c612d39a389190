/* libFuzzer target: any bytes as the frames that the edge sends a worker of core: of connections, requests and their bodies, of what
 * partners answer, and of what it counted. Nothing is answered twice or after its end, no more of a body is sent than there is
 * credit for, each post ends once, and what requests hold of the budget is given back. Core goes down at exactly those frames
 * that break the rules of the channel; the rest of the input is for the next worker. What requests are for, and the store, are
 * stood in for. */
#include "gatewayd/core/serve/sources.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/serve/shown.h"
#include "gatewayd/core/serve/turns.h"
#include "gatewayd/core/store/mark.h"
#include "gatewayd/core/store/store.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include "test/fuzz/target.h"

#define POSTS     2
#define IDS       8
#define CONNS_MAX 4 /* that may be open: the sum of the limits below */
#define LONG_BODY (CHANNEL_CREDIT + 5000u)
#define FILL      256u /* a stretched frame is so many times as long */

static struct conf conf = {
	.node = { .memory_bytes = 8u << 20,
	          .partner_memory_bytes = 4u << 20,
	          .jobs = 2,
	          .partner_jobs = 2,
	          .wait_ms = 60000,
	          .edge = { .connections = 1, .strangers = 1, .monitors = 1, .body_bytes = 300000 } }
};
static struct part no_parts[1];
static struct core core = { .parts = no_parts, .conf = &conf };
static char long_body[LONG_BODY];
static struct channel *edge;

static struct {
	struct post post;
	unsigned ended;
	uint64_t sent, credit; /* bytes of its body that the edge was sent, and that it may be */
} posts[POSTS];

/* What the edge knows of its connections and requests. */
static bool opened[IDS];
static struct asked {
	bool live;     /* neither answered whole nor given up */
	bool complete; /* its body is sent */
	bool replied, chunked;
	uint64_t conn;
	uint64_t credit;                   /* bytes of its body that may be sent */
	uint64_t answer_credit, got, told; /* bytes of the answer: that may come, that came, that its head named */
	bool head_only;
} asked[IDS];
static uint64_t refused; /* the id of a frame that core answers with ABORT, whatever is under way by that id */
static uint64_t counted[EDGE_COUNTS_N];

static struct request *waits; /* is answered at the end of the turn */
static uint64_t waits_held;   /* for a line of it */

struct conf *core_conf(struct core *c)
{
	(void)c;
	return &conf;
}

void conf_unref(struct conf *c)
{
	(void)c;
}

/* Whether a certificate verifies is the business of the target of certificates. */
struct shown *shown_take(struct shown_table *t, const struct conf *c, struct view der, int64_t now_ms,
                         struct cert_id *out, struct error *e)
{
	(void)t, (void)c, (void)now_ms;
	return cert_read(der, out, e) ? (struct shown *)&conf : NULL;
}

bool shown_holds(struct shown *s, const struct conf *c, int64_t now_ms)
{
	(void)c, (void)now_ms;
	return s != NULL;
}

void shown_drop(struct shown *s)
{
	(void)s;
}

void router_unverified(struct worker *w, const struct error *why, int64_t now_ms)
{
	(void)w, (void)now_ms;
	must(why->reason != REASON_NONE);
}

void core_die(struct core *c, const struct error *e)
{
	must(e->reason == REASON_IO && strstr(e->text, "the edge broke the rules"));
	must(!atomic_exchange(&c->dying, true));
}

struct store *store_open_reader(const char *path, struct error *e)
{
	(void)path, (void)e;
	return (struct store *)&conf;
}

void store_share_marks(struct store *reader, const struct store *from)
{
	(void)reader, (void)from;
}

void store_close(struct store *s)
{
	(void)s;
}

void store_shed(struct store *s)
{
	(void)s;
}

/* --- requests, in place of the router's --- */

/* A line of it is begun when there is room, and answered at the end of the turn. */
static enum turn step(struct request *r, uint64_t *cost)
{
	if (waits || !turns_take(r, 1, r->body.n, &waits_held))
		return TURN_BLOCKED;
	r->begun = true;
	*cost = r->body.n + 1;
	turns_leave(r);
	waits = r;
	return TURN_OVER;
}

/* A stream: its body is its answer, many times over; it ends with the body, or before where it says so. */
static void go_on(struct request *r)
{
	bool full = answer_waiting(r) >= TURNS_RESULTS;

	for (unsigned i = 0; !full && r->body.n && i < (uint8_t)r->body.p[0] % 8; i++)
		answer_add(r, buf_view(&r->body));
	if (r->aborted || (!full && (r->complete || (r->body.n && r->body.p[0] == '!')))) {
		r->go_on = NULL;
		answer_add(r, buf_view(&r->body));
		answer_end(r);
		return;
	}
	if (full)
		return;
	answer_add(r, buf_view(&r->body));
	buf_reset(&r->body);
	turns_credit(r);
}

/* Answers short, long, later, in its turn or with a problem, as the target's first letter says. */
void route_request(struct request *r)
{
	must(!r->answered && !r->waits && !r->aborted);
	if (r->stream) {
		answer_begin(r, VIEW("application/x-ndjson"));
		r->go_on = go_on;
		go_on(r);
		return;
	}
	must(r->complete && (r->length == CHANNEL_CHUNKED || r->body.n == r->length));
	r->head_only = view_is(r->method, "HEAD");
	switch (r->target.n > 1 ? r->target.p[1] % 8 : 0) {
	case 1: answer_text(r, 200, VIEW(""), view_make(long_body, sizeof long_body)); break;
	case 2: answer_problem(r, REASON_NOT_FOUND); break;
	case 3:
		if (waits) {
			answer_problem(r, REASON_UNAVAILABLE);
		} else {
			waits = r;
			waits_held = 0;
		}
		break;
	case 5: must(turns_enter(r, step)); break;
	case 6: {
		struct buf own = BUF_INIT(LONG_BODY);
		struct answer a = { .status = 200, .own = &own };
		buf_add(&own, view_make(long_body, sizeof long_body));
		a.body = buf_view(&own);
		turns_keep(r, own.n);
		answer_send(r, &a);
		buf_free(&own);
		break;
	}
	default: answer_text(r, 200, VIEW("text/plain"), VIEW("ok")); break;
	}
}

static void answer_waits(void)
{
	struct request *r = waits;

	if (!r)
		return;
	waits = NULL;
	if (waits_held)
		turns_give(r, 1, waits_held);
	answer_text(r, 202, VIEW(""), VIEW("{}"));
}

static void on_ended(void *arg)
{
	size_t k = (size_t)(uintptr_t)arg;
	struct post *p = &posts[k].post;

	posts[k].ended++;
	must(posts[k].ended == 1 && !p->worker && (p->status != 0 || p->problem[0]));
	must(p->answer.n <= p->answer.max);
}

/* --- what the edge is sent --- */

static void take_answer(struct asked *a, uint64_t n, bool last)
{
	must(n <= a->answer_credit);
	a->answer_credit -= n;
	a->got += n;
	must(a->chunked || a->got <= a->told);
	/* What is refused before it is routed has a body to HEAD, too, which the edge does not send. */
	must(!last || a->chunked || a->got == a->told || (a->head_only && a->got == 0));
	a->live = !last;
}

static void take_reply(struct asked *a, const struct frame *f)
{
	struct reader r = { .rest = f->payload };
	int status = read_u16(&r);

	a->told = read_u64(&r);
	a->chunked = a->told == CHANNEL_CHUNKED;
	must(a->live && !a->replied && status >= 200 && status <= 599);
	a->replied = true;
	while (!r.failed && read_view16(&r).n > 0)
		must(read_view16(&r).n > 0);
	must(!r.failed && (!a->chunked || (r.rest.n == 0 && !(f->flags & FRAME_LAST))));
	take_answer(a, r.rest.n, f->flags & FRAME_LAST);
}

static void take_post(const struct frame *f)
{
	for (unsigned k = 0; k < POSTS; k++)
		if (f->type == FRAME_BODY && posts[k].post.id == f->id) {
			posts[k].sent += f->payload.n;
			must(posts[k].sent <= posts[k].credit && posts[k].sent <= posts[k].post.body.n);
			must(!(f->flags & FRAME_LAST) == (posts[k].sent < posts[k].post.body.n));
		}
	must(f->type == FRAME_OUTBOUND || f->type == FRAME_BODY || f->type == FRAME_ABORT);
}

static void on_frame(void *arg, const struct frame *f)
{
	struct reader r = { .rest = f->payload };
	struct asked *a = &asked[f->id % IDS];

	(void)arg;
	if (f->id & CHANNEL_OUTBOUND) {
		take_post(f);
		return;
	}
	must(f->id < IDS);
	switch (f->type) {
	case FRAME_REPLY: take_reply(a, f); break;
	case FRAME_BODY:
		must(a->live && a->replied && (f->payload.n > 0 || f->flags & FRAME_LAST));
		take_answer(a, f->payload.n, f->flags & FRAME_LAST);
		break;
	case FRAME_CREDIT:
		must(a->live && !a->complete && f->payload.n == 4);
		a->credit += read_u32(&r);
		must(a->credit <= CHANNEL_CREDIT);
		break;
	case FRAME_ABORT:
		must(f->payload.n == 0 && (a->live || f->id == refused));
		if (f->id != refused)
			a->live = false;
		refused = UINT64_MAX;
		break;
	case FRAME_CLOSE: must(f->payload.n == 0); break;
	case FRAME_CONFIG:
	case FRAME_OPEN:
	case FRAME_HEAD:
	case FRAME_OUTBOUND:
	case FRAME_COUNTS:
	case FRAME_KNOWN:
	case FRAME_TYPES: must(false);
	}
}

/* --- what it sends --- */

static unsigned n_opened(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < IDS; i++)
		n += opened[i];
	return n;
}

static bool sends_head(struct worker *w, uint64_t id, uint8_t flags, struct view payload)
{
	struct reader r = { .rest = payload };
	uint64_t conn = read_u64(&r);

	read_u64(&r);
	if (!conn_find(w, conn)) {
		refused = id;
		return false;
	}
	for (unsigned i = 0; i < IDS; i++)
		if (asked[i].live && asked[i].conn == conn)
			return true;
	if (asked[id].live) {
		refused = id;
		return false;
	}
	asked[id] = (struct asked){ .live = true,
		                    .complete = flags & FRAME_LAST,
		                    .conn = conn,
		                    .credit = CHANNEL_CREDIT,
		                    .answer_credit = CHANNEL_CREDIT,
		                    .head_only = view_is(read_view16(&r), "HEAD") };
	/* Behind an empty name stand the first bytes of the body. */
	read_view16(&r);
	while (r.rest.n > 0 && !r.failed && read_view16(&r).n > 0)
		read_view16(&r);
	asked[id].credit -= r.failed ? 0 : (uint32_t)r.rest.n;
	return false;
}

static bool sends_body(struct worker *w, uint64_t id, uint8_t flags, uint64_t n)
{
	struct asked *a = &asked[id];
	const struct request *r = request_find(w, id);

	/* Where the answer has ended before it, the rest of a stream is not looked at. */
	if ((r && r->ends_answer) || !a->live || a->complete || (a->replied && !a->chunked))
		return false;
	if (n > a->credit)
		return true;
	a->credit -= n;
	a->complete = flags & FRAME_LAST;
	return false;
}

/* Notes a frame about this side; whether it breaks the rules. */
static bool sends(struct worker *w, enum frame_type type, uint8_t flags, uint64_t id, struct view payload)
{
	struct reader r = { .rest = payload };

	switch (type) {
	case FRAME_OPEN:
		if (conn_find(w, id))
			return false;
		if (n_opened() == CONNS_MAX)
			return true;
		opened[id] = true;
		return false;
	case FRAME_CLOSE: opened[id] = false; return false;
	case FRAME_HEAD: return sends_head(w, id, flags, payload);
	case FRAME_BODY: return sends_body(w, id, flags, payload.n);
	case FRAME_CREDIT:
		/* As much as makes the sum too large is none. */
		asked[id].answer_credit += payload.n >= 4 ? read_u32(&r) : 0;
		return false;
	case FRAME_ABORT: asked[id].live = false; return false;
	case FRAME_KNOWN: return false;
	case FRAME_COUNTS:
		for (size_t i = 0; payload.n == sizeof counted && i < EDGE_COUNTS_N; i++)
			counted[i] = read_u64(&r);
		return false;
	case FRAME_CONFIG:
	case FRAME_REPLY:
	case FRAME_OUTBOUND: refused = id; return false;
	case FRAME_TYPES: break;
	}
	return false;
}

static void turn(struct worker *w)
{
	int unread = 0;

	must(channel_flush(edge) != CHANNEL_DEAD);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	answer_waits();
	do {
		worker_flush(w);
		must(channel_receive(edge, on_frame, NULL) != CHANNEL_DEAD);
		must(ioctl(channel_fd(edge), FIONREAD, &unread) == 0);
	} while (unread > 0 || channel_queued(w->channel) > 0);
	refused = UINT64_MAX;
}

/* Returns whether core goes on. */
static bool send_frame(struct worker *w, struct view *in)
{
	static char filled[CHANNEL_PAYLOAD_MAX];
	uint8_t type = first_byte(in) % (FRAME_TYPES - 1) + 1, flags = first_byte(in), whose = first_byte(in);
	uint64_t id = whose & 1 ? CHANNEL_OUTBOUND | (1 + (whose >> 6)) : whose >> 5;
	size_t n = first_byte(in);

	if (whose & 2)
		n = n << 8 | first_byte(in);
	n = n < in->n ? n : in->n;
	struct view payload = view_make(in->p, n);
	*in = view_from(*in, n);
	if (flags & 4 && n * FILL <= sizeof filled) {
		memset(filled, 'x', n * FILL);
		memcpy(filled, payload.p, n);
		payload = view_make(filled, n * FILL);
	}
	struct reader r = { .rest = payload };
	/* As much credit as makes the sum too large is none. */
	if (type == FRAME_CREDIT && payload.n >= 4)
		for (unsigned k = 0; k < POSTS; k++)
			if (posts[k].post.id == id)
				posts[k].credit += read_u32(&r);
	flags &= 3;
	bool breaks = !(id & CHANNEL_OUTBOUND) && sends(w, (enum frame_type)type, flags, id, payload);
	must(channel_send(edge, (enum frame_type)type, flags, id, payload, VIEW("")));
	turn(w);
	must(atomic_load(&core.dying) == breaks && w->broken == breaks);
	must(breaks || w->n_open == n_opened());
	for (size_t i = 0; i < EDGE_COUNTS_N; i++)
		must(atomic_load(&w->edge_counts[i]) == counted[i]);
	return !breaks;
}

static void holds_nothing(void *arg, const char *id, const struct budget_state *s)
{
	(void)arg, (void)id;
	must(s->bytes == 0 && s->jobs == 0 && s->waiting == 0 && s->waiting_bytes == 0);
}

static void check_budget(void)
{
	struct budget_state all;

	budget_state(core.budget, &all);
	holds_nothing(NULL, "", &all);
	budget_each(core.budget, holds_nothing, NULL);
}

/* The edge gives all up that it asked for: then nothing is under way. */
static void give_up(struct worker *w)
{
	for (uint64_t id = 0; id < IDS; id++) {
		asked[id].live = false;
		must(channel_send(edge, FRAME_ABORT, 0, id, VIEW(""), VIEW("")));
	}
	turn(w);
	turn(w);
	must(!w->requests && !atomic_load(&core.dying));
	check_budget();
}

/* One worker, until the input ends or the edge broke the rules. */
static void play(struct view *rest)
{
	static struct partner to = { .host = "south.example", .port = 443 };
	const struct post_head head = { .to = &to, .method = "POST", .target = "/v1/exchanges", .content_type = "a/b" };
	struct error e = { .reason = REASON_NONE };
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && (core.budget = budget_new()));
	if (!core.sources)
		must((core.sources = sources_new("/dev/null", 0)));
	budget_set(core.budget, &conf.node);
	must(budget_connections(core.budget) == CONNS_MAX);
	atomic_store(&core.dying, false);
	edge = channel_new(pair[1], 64u << 20);
	struct worker *w = worker_new(&core, 0, pair[0], &e);
	must(edge && w);
	memset(opened, 0, sizeof opened);
	memset(asked, 0, sizeof asked);
	memset(counted, 0, sizeof counted);
	for (size_t k = 0; k < POSTS; k++) {
		memset(&posts[k], 0, sizeof posts[k]);
		posts[k].post.body = view_make(long_body, k ? sizeof long_body : 100);
		posts[k].post.answer = BUF_INIT(300);
		posts[k].post.ended = on_ended;
		posts[k].post.arg = (void *)(uintptr_t)k;
		posts[k].credit = CHANNEL_CREDIT;
		must(post_send(w, &posts[k].post, &head));
	}
	turn(w);
	while (rest->n > 0 && send_frame(w, rest))
		continue;
	if (!atomic_load(&core.dying))
		give_up(w);
	for (size_t k = 0; k < POSTS; k++) {
		must(!posts[k].post.worker == (posts[k].ended == 1));
		post_drop(&posts[k].post);
	}
	worker_free(w);
	check_budget();
	budget_free(core.budget);
	channel_free(edge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = exact(view_make(data, size)), rest = in;

	do
		play(&rest);
	while (rest.n > 0);
	exact_free(in);
	return 0;
}
