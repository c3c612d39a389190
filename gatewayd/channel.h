/* The channel between edge and core: one UNIX stream socketpair for each pair of edge thread and core
 * worker, both ends non-blocking, framed messages of at most 64 KiB. Everything that is sent in one turn
 * of the event loop leaves in one write. A channel belongs to the thread that serves it.
 *
 * Frame: u32 payload length, u8 type, u8 flags, u16 zero, u64 id (big-endian), payload.
 *
 *   type      from   id        payload
 *   CONFIG    core   0         a piece of the edge's configuration (edge_config.h); LAST ends it
 *   OPEN      edge   conn      DER certificate of the peer; LAST: the handshake was on a monitor listener
 *                              (payload empty)
 *   CLOSE     edge   conn      the connection is gone; or core → edge: close it
 *   HEAD      edge   request   u64 conn, u64 content length (CHANNEL_CHUNKED: known at the end only),
 *                              u16-prefixed method, target, then pairs of u16-prefixed lower-case field name and value; then, where
 *                              bytes of the body came with it, u16 zero and those, which count as a BODY frame's do; LAST: no
 *                              more of a body follows
 *   BODY      both   request   bytes of the body (of a request, an answer, or an outbound request);
 *                              LAST: complete
 *   CREDIT    both   request   u32: so many more bytes of body may be sent. Each body starts with a credit
 *                              of CHANNEL_CREDIT bytes; a frame never exceeds what is left.
 *   ABORT     both   request   it is over: the peer went away, or core gave up; empty
 *   REPLY     core   request   u16 status, u64 content length (CHANNEL_CHUNKED: known at the end only; then
 *                              no byte of the body is here, and the request's body may still come), then pairs of field name and value, then
 *                              u16 zero, then the first bytes of the body; LAST: the body is complete
 *   OUTBOUND  core   request   u16-prefixed host, port, server name; u8 count and SHA-256 SPKI pins;
 *                              u64 deadline (milliseconds from now), u64 content length, u16-prefixed
 *                              method, target, then pairs of field name and value, u16 zero; LAST: no
 *                              body follows; PLAIN: HTTP without TLS, for answers that are signed
 *                              themselves, and no pins. Ids of outbound requests have bit 63 set.
 *   COUNTS    edge   0         what the edge's thread counted so far, a u64 each, in the order of edge_counts.h; once
 *                              a second, whether or not they changed
 *   KNOWN     edge   conn      after OPEN, of a certificate that a partner file pins: 16 bytes, the source that it came from (IPv6, or
 *                              IPv4 mapped into it; of an IPv6 address its /64)
 *   REPLY     edge   outbound  u16 status (0: no answer came, and the first field is "error" with a
 *                              sentence), u64 content length, pairs, u16 zero, body, as above
 */
#ifndef GATEWAYD_CHANNEL_H
#define GATEWAYD_CHANNEL_H

#include <stdint.h>

#include "lib/base/error.h"
#include "lib/base/wire.h"

#define CHANNEL_FRAME_MAX   65536u
#define CHANNEL_HEADER      16u
#define CHANNEL_PAYLOAD_MAX (CHANNEL_FRAME_MAX - CHANNEL_HEADER)
#define CHANNEL_CREDIT      (256u * 1024)
#define CHANNEL_OUTBOUND    (UINT64_C(1) << 63)
#define CHANNEL_CHUNKED     UINT64_MAX

enum frame_type {
	FRAME_CONFIG = 1,
	FRAME_OPEN,
	FRAME_CLOSE,
	FRAME_HEAD,
	FRAME_BODY,
	FRAME_CREDIT,
	FRAME_ABORT,
	FRAME_REPLY,
	FRAME_OUTBOUND,
	FRAME_COUNTS,
	FRAME_KNOWN,
	FRAME_TYPES
};

#define FRAME_LAST  1
#define FRAME_PLAIN 2
#define FRAME_AGAIN 4 /* of FRAME_OUTBOUND: sending it twice does what sending it once does */

struct frame {
	enum frame_type type;
	uint8_t flags;
	uint64_t id;
	struct view payload; /* valid until the handler returns */
};

struct channel;

/* Takes over `fd`, makes it non-blocking. `queue_max`: bytes that may wait to be written; more is a
 * programming error of flow control and kills the channel. NULL: no memory. */
struct channel *channel_new(int fd, size_t queue_max) MUST_USE;
void channel_free(struct channel *c);
int channel_fd(const struct channel *c);

/* Queues a frame made of two parts (the second may be empty). False when the channel is dead or the frame
 * too long. Nothing is written before channel_flush(). */
bool channel_send(struct channel *c, enum frame_type type, uint8_t flags, uint64_t id, struct view a, struct view b);

enum channel_state { CHANNEL_IDLE, CHANNEL_WANTS_WRITE, CHANNEL_DEAD };
/* Writes what is queued, as far as the socket takes it. */
enum channel_state channel_flush(struct channel *c) MUST_USE;
/* Reads what has come and calls `handle` for each frame, at most 1 MiB of bytes a call. Malformed frames
 * and the end of the other side make the channel dead. `handle` may send. */
enum channel_state channel_receive(struct channel *c, void (*handle)(void *arg, const struct frame *f),
                                   void *arg) MUST_USE;
size_t channel_queued(const struct channel *c);
/* Gives back what its buffers hold, where they are empty; it comes again with the next frame. */
void channel_rest(struct channel *c);

/* Sends of a body what credit and frame size allow, from *sent on; the last piece has LAST. *sent grows and
 * *credit shrinks by what was sent. */
void channel_send_body(struct channel *c, uint64_t id, struct view body, size_t *sent, uint32_t *credit);

/* The edge's REPLY to an outbound request. False when it is malformed. */
struct channel_reply {
	int status;        /* 0: no answer came */
	struct view error; /* the sentence that then says why */
	struct view body;  /* its first bytes */
};
bool channel_read_reply(const struct frame *f, struct channel_reply *out) MUST_USE;

#endif
