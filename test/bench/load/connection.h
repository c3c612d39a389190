/* One connection of the load generator: mutual TLS 1.3 or plain, one request under way. It belongs to one thread. */
#ifndef TEST_BENCH_LOAD_CONNECTION_H
#define TEST_BENCH_LOAD_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "lib/base/buf.h"

struct connection {
	int fd;
	SSL *ssl;
	bool writes;     /* epoll waits for room */
	bool busy;       /* a request is under way */
	uint64_t due_ns; /* when that request was to be sent: its wait counts from there */
	struct buf body, out, in;
	size_t out_at;
	struct connection *next; /* of the idle ones */
};

void connection_init(struct connection *c);
bool connection_open(struct connection *c); /* waits for the handshake; close it whatever the answer */
void connection_close(struct connection *c);
void connection_free(struct connection *c);
/* Puts request `number`, due at `due_ns`, into `out`. */
void connection_request(struct connection *c, uint64_t number, uint64_t due_ns);
bool connection_write(struct connection *c); /* what there is room for; false when the connection is over */
/* Reads what came. The status of an answer that is whole (it is taken out), 0 while there is none, -1 when the connection is
 * over or what came is no answer. */
int connection_read(struct connection *c);

#endif
