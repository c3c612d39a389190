/* libFuzzer target: any bytes as what the other end of the channel between edge and core sends. In one piece and in pieces they are
 * the same frames; what they were is sent as the same bytes; and what stands in them as an answer is read within them. */
#include "gatewayd/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/fuzz/target.h"

#define WIRE (1 << 20)

struct got {
	struct buf bytes; /* the frames, as they would be sent */
	struct channel *copy;
	unsigned frames;
};

/* In place of the kernel's: what was sent to a socket and is not yet received, of the one that is there at a time. */
static struct {
	char bytes[2u << 20];
	size_t at, n;
} wire;

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	(void)fd, (void)flags;
	must(wire.n + n <= sizeof wire.bytes);
	memcpy(wire.bytes + wire.n, p, n);
	wire.n += n;
	return (ssize_t)n;
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
	(void)fd, (void)flags;
	if (wire.at == wire.n) {
		errno = EAGAIN;
		return -1;
	}
	n = n < wire.n - wire.at ? n : wire.n - wire.at;
	memcpy(p, wire.bytes + wire.at, n);
	wire.at += n;
	return (ssize_t)n;
}

/* Of the wire's descriptor, which is none of the kernel's: calls to it take longer than all else. */
int fcntl(int fd, int command, ...)
{
	va_list rest;

	if (fd == WIRE)
		return 0;
	va_start(rest, command);
	long arg = va_arg(rest, long);
	va_end(rest);
	return (int)syscall(SYS_fcntl, fd, command, arg);
}

int close(int fd)
{
	return fd == WIRE ? 0 : (int)syscall(SYS_close, fd);
}

static struct channel *open_channel(void)
{
	struct channel *c = channel_new(WIRE, 1u << 20);

	must(c != NULL);
	wire.at = wire.n = 0;
	return c;
}

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
	struct channel *c = open_channel();
	bool alive = true;

	while (in.n > 0 && alive) {
		size_t n = in.n;
		if (state) {
			state = state * 1664525u + 1013904223u;
			n = (state >> 24) % 48 + 1;
		}
		n = n < in.n ? n : in.n;
		must(send(WIRE, in.p, n, 0) == (ssize_t)n);
		in = view_from(in, n);
		alive = channel_receive(c, take, g) != CHANNEL_DEAD;
	}
	channel_free(c);
	return alive;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);
	struct got whole = { .bytes = BUF_INIT(1u << 20) }, pieces = { .bytes = BUF_INIT(1u << 20) };

	whole.copy = open_channel();
	bool alive = receive(in, 0, &whole);
	must(view_starts(in, buf_view(&whole.bytes)));
	must(receive(in, (uint32_t)size * 2654435761u | 1, &pieces) == alive);
	must(view_eq(buf_view(&whole.bytes), buf_view(&pieces.bytes)) && whole.frames == pieces.frames);
	wire.at = wire.n = 0;
	must(channel_flush(whole.copy) == CHANNEL_IDLE);
	must(view_eq(view_make(wire.bytes, wire.n), buf_view(&whole.bytes)));
	channel_free(whole.copy);
	buf_free(&whole.bytes);
	buf_free(&pieces.bytes);
	return 0;
}
