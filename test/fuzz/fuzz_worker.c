/* libFuzzer target: any bytes as the frames that the edge sends a worker of core: of connections, requests and their bodies, and of what
 * partners answer. Nothing is answered twice, no more of a body is sent than there is credit for, and each post ends once. What
 * requests are for, and the store, are stood in for. */
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/store/store.h"

#include <sys/socket.h>

#include "test/fuzz/target.h"

#define POSTS     2
#define LONG_BODY (CHANNEL_CREDIT + 5000u)

static struct conf conf;
static struct part no_parts[1];
static struct core core = { .parts = no_parts, .conf = &conf };
static char long_body[LONG_BODY];
static struct channel *edge;

static struct {
	struct post post;
	unsigned ended;
	uint64_t sent, credit; /* bytes of its body that the edge was sent, and that it may be */
} posts[POSTS];
static struct request *waits; /* is answered at the end of the turn */

struct conf *core_conf(struct core *c)
{
	(void)c;
	return &conf;
}

void conf_unref(struct conf *c)
{
	(void)c;
}

void core_die(struct core *c, const struct error *e)
{
	(void)c, (void)e;
	must(false);
}

struct store *store_open_reader(const char *path, struct error *e)
{
	(void)path, (void)e;
	return (struct store *)&conf;
}

void store_close(struct store *s)
{
	(void)s;
}

/* In place of the router: answers short, long, later or with a problem, as the target's first letter says. */
void route_request(struct request *r)
{
	must(r->complete && !r->answered && r->body.n == r->length);
	switch (r->target.n > 1 ? r->target.p[1] % 4 : 0) {
	case 0: answer_text(r, 200, VIEW("text/plain"), VIEW("ok")); break;
	case 1: answer_text(r, 200, VIEW(""), view_make(long_body, sizeof long_body)); break;
	case 2: answer_problem(r, REASON_NOT_FOUND); break;
	case 3:
		if (waits)
			answer_problem(r, REASON_UNAVAILABLE);
		else
			waits = r;
		break;
	}
}

static void on_ended(void *arg)
{
	size_t k = (size_t)(uintptr_t)arg;
	struct post *p = &posts[k].post;

	posts[k].ended++;
	must(posts[k].ended == 1 && !p->worker && (p->status != 0 || p->problem[0]));
	must(p->answer.n <= p->answer.max);
}

static void on_frame(void *arg, const struct frame *f)
{
	struct reader r = { .rest = f->payload };

	(void)arg;
	switch (f->type) {
	case FRAME_REPLY: {
		int status = read_u16(&r);
		must(status >= 200 && status <= 599 && !(f->id & CHANNEL_OUTBOUND));
		break;
	}
	case FRAME_BODY:
		for (unsigned k = 0; k < POSTS; k++)
			if (posts[k].post.id == f->id) {
				posts[k].sent += f->payload.n;
				must(posts[k].sent <= posts[k].credit && posts[k].sent <= posts[k].post.body.n);
				must(!(f->flags & FRAME_LAST) == (posts[k].sent < posts[k].post.body.n));
			}
		break;
	case FRAME_CREDIT: must(f->payload.n == 4 && read_u32(&r) > 0); break;
	case FRAME_OUTBOUND: break;
	case FRAME_ABORT:
	case FRAME_CLOSE: must(f->payload.n == 0); break;
	case FRAME_CONFIG:
	case FRAME_OPEN:
	case FRAME_HEAD:
	case FRAME_TYPES: must(false);
	}
}

static void turn(struct worker *w)
{
	must(channel_flush(edge) != CHANNEL_DEAD);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	if (waits) {
		struct request *r = waits;
		waits = NULL;
		answer_text(r, 202, VIEW(""), VIEW("{}"));
	}
	worker_flush(w);
	must(channel_receive(edge, on_frame, NULL) != CHANNEL_DEAD);
	must(channel_flush(edge) != CHANNEL_DEAD);
}

static void send_frame(struct view *in)
{
	uint8_t type = first_byte(in) % (FRAME_TYPES - 1) + 1, flags = first_byte(in), whose = first_byte(in);
	uint64_t id = whose & 1 ? CHANNEL_OUTBOUND | (1 + (whose >> 6)) : whose >> 5;
	size_t n = first_byte(in);

	n = n < in->n ? n : in->n;
	struct reader r = { .rest = view_make(in->p, n) };
	/* As much credit as makes the sum too large is none. */
	if (type == FRAME_CREDIT && n >= 4)
		for (unsigned k = 0; k < POSTS; k++)
			if (posts[k].post.id == id)
				posts[k].credit += read_u32(&r);
	must(channel_send(edge, (enum frame_type)type, flags & 3, id, view_make(in->p, n), VIEW("")));
	*in = view_from(*in, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct partner to = { .host = "south.example", .port = 443 };
	const struct post_head head = { .to = &to, .method = "POST", .target = "/v1/exchanges", .content_type = "a/b" };
	struct view in = exact(view_make(data, size)), rest = in;
	struct error e = { .reason = REASON_NONE };
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	edge = channel_new(pair[1], 64u << 20);
	struct worker *w = worker_new(&core, 0, pair[0], &e);
	must(edge && w);
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
	while (rest.n > 0) {
		send_frame(&rest);
		turn(w);
	}
	for (size_t k = 0; k < POSTS; k++) {
		must(!posts[k].post.worker == (posts[k].ended == 1));
		(void)post_slug(&posts[k].post);
		post_drop(&posts[k].post);
	}
	worker_free(w);
	channel_free(edge);
	exact_free(in);
	return 0;
}
