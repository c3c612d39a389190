/* See channel.h. */
#include "gatewayd/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/ids.h"

#define RECEIVE_TURN (1024u * 1024)
#define KEPT_MAX     (16 * CHANNEL_FRAME_MAX) /* bytes that a buffer holds on to once it is empty, until channel_rest() */

struct channel {
	int fd;
	bool dead;
	struct buf in;  /* bytes read and not yet handled, from in_at on */
	struct buf out; /* bytes queued and not yet written, from out_at on */
	size_t in_at, out_at;
};

struct channel *channel_new(int fd, size_t queue_max)
{
	struct channel *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		free(c);
		return NULL;
	}
	c->fd = fd;
	c->in = BUF_INIT(4 * CHANNEL_FRAME_MAX);
	c->out = BUF_INIT(queue_max);
	return c;
}

void channel_free(struct channel *c)
{
	if (!c)
		return;
	close(c->fd);
	buf_wipe(&c->in);
	buf_wipe(&c->out);
	free(c);
}

int channel_fd(const struct channel *c)
{
	return c->fd;
}

size_t channel_queued(const struct channel *c)
{
	return c->out.n - c->out_at;
}

/* Drops the first bytes. What is done with is overwritten: the buffers live as long as the process. */
static void drop(struct buf *b, size_t *at)
{
	size_t n = b->n;

	buf_drop(b, *at);
	if (b->n < n)
		wipe(b->p + b->n, n - b->n);
	*at = 0;
	if (b->n == 0 && b->cap > KEPT_MAX)
		buf_free(b);
}

bool channel_send(struct channel *c, enum frame_type type, uint8_t flags, uint64_t id, struct view a, struct view b)
{
	if (c->dead || a.n + b.n > CHANNEL_PAYLOAD_MAX)
		return false;
	if (c->out_at > 0 && c->out_at >= c->out.n / 2)
		drop(&c->out, &c->out_at);
	put_u32(&c->out, (uint32_t)(a.n + b.n));
	put_u8(&c->out, (uint8_t)type);
	put_u8(&c->out, flags);
	put_u16(&c->out, 0);
	put_u64(&c->out, id);
	buf_add(&c->out, a);
	buf_add(&c->out, b);
	if (c->out.failed)
		c->dead = true;
	return !c->dead;
}

enum channel_state channel_flush(struct channel *c)
{
	while (!c->dead && c->out_at < c->out.n) {
		ssize_t n = send(c->fd, c->out.p + c->out_at, c->out.n - c->out_at, MSG_NOSIGNAL);
		if (n > 0) {
			c->out_at += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return CHANNEL_WANTS_WRITE;
		c->dead = true;
	}
	if (c->dead)
		return CHANNEL_DEAD;
	drop(&c->out, &c->out_at);
	return CHANNEL_IDLE;
}

/* Handles every whole frame of the input. */
static void handle_frames(struct channel *c, void (*handle)(void *arg, const struct frame *f), void *arg)
{
	while (!c->dead && c->in.n - c->in_at >= CHANNEL_HEADER) {
		struct reader r = { .rest = view_make(c->in.p + c->in_at, CHANNEL_HEADER) };
		uint32_t length = read_u32(&r);
		uint8_t type = read_u8(&r), flags = read_u8(&r);
		uint16_t zero = read_u16(&r);
		uint64_t id = read_u64(&r);

		if (length > CHANNEL_PAYLOAD_MAX || zero != 0 || type == 0 || type >= FRAME_TYPES) {
			c->dead = true;
			return;
		}
		if (c->in.n - c->in_at < CHANNEL_HEADER + length)
			break;
		struct frame f = { .type = (enum frame_type)type,
			           .flags = flags,
			           .id = id,
			           .payload = view_make(c->in.p + c->in_at + CHANNEL_HEADER, length) };
		c->in_at += CHANNEL_HEADER + length;
		handle(arg, &f);
	}
	drop(&c->in, &c->in_at);
}

enum channel_state channel_receive(struct channel *c, void (*handle)(void *arg, const struct frame *f), void *arg)
{
	size_t turn = 0;

	while (!c->dead && turn < RECEIVE_TURN) {
		char *room = buf_room(&c->in, CHANNEL_FRAME_MAX);
		if (!room) {
			c->dead = true;
			break;
		}
		ssize_t n = recv(c->fd, room, CHANNEL_FRAME_MAX, 0);
		if (n > 0) {
			c->in.n += (size_t)n;
			turn += (size_t)n;
			handle_frames(c, handle, arg);
			if ((size_t)n < CHANNEL_FRAME_MAX)
				break;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		c->dead = true;
	}
	if (c->dead)
		return CHANNEL_DEAD;
	return channel_queued(c) ? CHANNEL_WANTS_WRITE : CHANNEL_IDLE;
}

void channel_send_body(struct channel *c, uint64_t id, struct view body, size_t *sent, uint32_t *credit)
{
	while (*credit > 0 && body.n > *sent) {
		size_t n = body.n - *sent;
		if (n > *credit)
			n = *credit;
		if (n > CHANNEL_PAYLOAD_MAX)
			n = CHANNEL_PAYLOAD_MAX;
		bool last = *sent + n == body.n;
		channel_send(c, FRAME_BODY, last ? FRAME_LAST : 0, id, view_make(body.p + *sent, n), VIEW(""));
		*sent += n;
		*credit -= (uint32_t)n;
	}
}

bool channel_read_reply(const struct frame *f, struct channel_reply *out)
{
	struct reader in = { .rest = f->payload };

	*out = (struct channel_reply){ .status = read_u16(&in) };
	read_u64(&in);
	for (;;) {
		struct view name = read_view16(&in);
		if (name.n == 0)
			break;
		struct view value = read_view16(&in);
		if (out->status == 0 && view_is(name, "error"))
			out->error = value;
	}
	out->body = in.rest;
	return !in.failed;
}

void channel_rest(struct channel *c)
{
	if (c->in.n == 0)
		buf_free(&c->in);
	if (c->out.n == 0)
		buf_free(&c->out);
}
