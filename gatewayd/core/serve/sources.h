/* Where partners came from within the last 24 hours, so that a start under attack does not shut them out: the edge keeps
 * room for these addresses (gatewayd/edge/gate.h) and remembers them while it runs; core remembers them over a start, in
 * a file of its own beside the store, which is in no backup. Personal data where an address is a person's: kept is the
 * source (an IPv4 address, or the /64 of an IPv6 one), the partner and the time of its last handshake, nothing else, for at
 * most SOURCES_KEPT sources; what is older than SOURCES_MS, or of a partner that is no more, is out of the file within a
 * minute while the gateway runs, and at its start.
 *
 * What the edge says of an address is taken only with a certificate that core verified as a partner's; one that was taken
 * over can give room to addresses, which gains them no more than the handshake. Any thread; its own lock. */
#ifndef GATEWAYD_CORE_SERVE_SOURCES_H
#define GATEWAYD_CORE_SERVE_SOURCES_H

#include "gatewayd/core/conf/conf.h"

#define SOURCES_KEPT  4096u
#define SOURCES_MS    DAY_MS
#define SOURCES_BYTES 16 /* of an address: IPv6, or IPv4 mapped into it */

struct sources;

/* Remembers what the file has of the last day. One that is not there, or has other lines, is none. NULL: no memory. */
struct sources *sources_new(const char *path, int64_t now_ms) MUST_USE;
void sources_free(struct sources *s); /* NULL is fine */
/* A handshake of the partner, from there. Without room the one that is longest ago goes, of the partner that came from most. */
void sources_seen(struct sources *s, struct view address, const char *partner, int64_t now_ms);
/* Adds what the edge is sent of them: a line each, the address, for how many milliseconds it stays known, and the first key
 * that the partner's file pins. */
void sources_print(struct sources *s, const struct conf *c, int64_t now_ms, struct buf *out);
/* Every second or so: drops what is over, and writes the file where that or a handshake changed it, once a minute at
 * most; `now`: at once. False: it cannot be written, and is tried again in a minute. */
bool sources_keep(struct sources *s, const struct conf *c, int64_t now_ms, bool now, struct error *e) MUST_USE;

#endif
