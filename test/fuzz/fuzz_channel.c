/* libFuzzer target: any bytes as what the other end of the channel between edge and core sends. In one piece and in pieces they are
 * the same frames; what they were is sent as the same bytes; and what stands in them as an answer is read within them. */
#include "gatewayd/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include "test/fuzz/target.h"

struct got {
	struct buf bytes; /* the frames, as they would be sent */
	struct channel *copy;
	unsigned frames;
};

static bool inside(struct view part, struct view whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void take(void *arg, const struct frame *f)
{
	struct got *g = arg;
	struct view payload = exact(f->payload);
	struct frame copy = *f;
	struct channel_reply reply;

	must(f->payload.n <= CHANNEL_PAYLOAD_MAX && f->type > 0 && f->type < FRAME_TYPES);
	put_u32(&g->bytes, (uint32_t)f->payload.n);
	put_u8(&g->bytes, (uint8_t)f->type);
	put_u8(&g->bytes, f->flags);
	put_u16(&g->bytes, 0);
	put_u64(&g->bytes, f->id);
	buf_add(&g->bytes, f->payload);
	g->frames++;
	copy.payload = payload;
	if (channel_read_reply(&copy, &reply))
		must(inside(reply.error, payload) && inside(reply.body, payload) && reply.status >= 0);
	if (g->copy)
		must(channel_send(g->copy, f->type, f->flags, f->id, payload, VIEW("")));
	exact_free(payload);
}

/* Sends the input in pieces whose lengths follow from `state`; 0: at once. Returns whether the channel is alive at the end. */
static bool receive(struct view in, uint32_t state, struct got *g)
{
	int pair[2];
	bool alive = true;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	struct channel *c = channel_new(pair[0], 1u << 20);
	must(c != NULL);
	while (in.n > 0 && alive) {
		size_t n = in.n;
		if (state) {
			state = state * 1664525u + 1013904223u;
			n = (state >> 24) % 48 + 1;
		}
		n = n < in.n ? n : in.n;
		must(write(pair[1], in.p, n) == (ssize_t)n);
		in = view_from(in, n);
		alive = channel_receive(c, take, g) != CHANNEL_DEAD;
	}
	channel_free(c);
	close(pair[1]);
	return alive;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);
	struct got whole = { .bytes = BUF_INIT(1u << 20) }, pieces = { .bytes = BUF_INIT(1u << 20) };
	int pair[2];
	char *back = malloc(size + 1);

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0 && back);
	whole.copy = channel_new(pair[0], 1u << 20);
	bool alive = receive(in, 0, &whole);
	must(view_starts(in, buf_view(&whole.bytes)));
	must(receive(in, (uint32_t)size * 2654435761u | 1, &pieces) == alive);
	must(view_eq(buf_view(&whole.bytes), buf_view(&pieces.bytes)) && whole.frames == pieces.frames);
	if (whole.frames > 0) {
		must(channel_flush(whole.copy) == CHANNEL_IDLE);
		must(read(pair[1], back, size + 1) == (ssize_t)whole.bytes.n);
		must(memcmp(back, whole.bytes.p, whole.bytes.n) == 0);
	}
	free(back);
	channel_free(whole.copy);
	close(pair[1]);
	buf_free(&whole.bytes);
	buf_free(&pieces.bytes);
	return 0;
}
