/* What core tells the edge at start and at each reload, sent as CONFIG frames: a list of named blobs,
 * each u16-prefixed name and u32-prefixed bytes. The edge opens no file of its own.
 *
 *   tls.cert      PEM chain of this gateway            tls.key       its PEM private key
 *   tls.ca        PEM of the authorities that sign partners (clients and their servers)
 *   hosts         text of a hosts file, looked at before DNS (may be empty)
 *   nameservers   addresses, a line each (may be empty: outbound names must then be in `hosts`)
 *   names         names and addresses that this gateway answers to (SNI, Host), a line each
 *   partners      the keys that partners have: a line a partner, with the SHA-256 of each, spaces between
 *   reserved      addresses, or prefixes of them, that count as known, a line each
 *   known         sources that partners came from of late, a line each: the address, for how many milliseconds it stays
 *                 known, and the first key of that partner's line (may be empty)
 *   log           the level and the form of its lines (journal.h), a space between (may be empty: as at a start)
 *   limits        the decimal numbers below, one a line, in this order
 */
#ifndef GATEWAYD_EDGE_CONFIG_H
#define GATEWAYD_EDGE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define EDGE_LIMITS(L) \
	L(body_bytes)              /* largest request body; more is 413 */ \
	L(connections)             /* of partners, overall */ \
	L(connections_per_peer)    /* of a partner */ \
	L(connections_per_source)  /* of an address (IPv6: a /64), of every kind */ \
	L(handshakes)              /* unfinished, from addresses that are not known */ \
	L(handshakes_reserved)     /* and from those that are */ \
	L(handshakes_per_second)   /* begun from all addresses that are not known */ \
	L(handshakes_per_source)   /* begun in a second from one */ \
	L(strangers)               /* with a certificate that no partner has */ \
	L(monitors)                /* on monitor listeners */ \
	L(answer_bytes_per_second) /* a reader of answers that is slower is cut */ \
	L(handshake_ms) L(header_ms) L(body_ms) L(idle_ms) L(answer_ms)

struct edge_limits {
#define L(name) uint32_t name;
	EDGE_LIMITS(L)
#undef L
};

/* File descriptors of an edge: given on its command line as `--edge CHANNELS LISTENERS MONITORS LOG`,
 * comma-separated numbers and what `log` above says at first. Thread k serves channel k and, of the listeners, every k-th of the threads'
 * copies: core binds one SO_REUSEPORT socket a thread a listener, so LISTENERS has threads × listeners
 * numbers, thread by thread. Monitors (plain HTTP on loopback for /livez, /readyz and /metrics) belong
 * to thread 0. */
struct edge_fds {
	int n_threads;
	int channels[16];
	int n_listeners; /* a thread */
	int listeners[16][8];
	int n_monitors;
	int monitors[4];
};

/* Before the process confines itself, and before edge_run(): loads what later needs files (OpenSSL, random
 * state) and ignores SIGPIPE. False: no TLS here. */
bool edge_prepare(void) __attribute__((warn_unused_result));
/* Runs until a channel dies; returns the process' exit status. */
int edge_run(const struct edge_fds *fds);

#endif
