/* An edge in a process of its own, confined as in service, and a core of the tests' own that speaks the
 * channel and answers by the request's target:
 *
 *   /echo           200, the request's body and Content-Type
 *   /describe       200, text: method, target, length and fields, a line each
 *   /status/N       N, no body
 *   /big/N          200, N bytes of 'x', as credit allows
 *   /hold           nothing
 *   /early          403 as soon as the head came
 *   /stingy         nothing, and no credit for the body
 *   /give-up        ABORT
 *   /mirror         200 of unknown length at once, then each piece of the body as it comes
 *   /mirror-ends    the same, and the end with the first piece
 *   /mirror-wrong   200 of unknown length, with bytes of the body
 *
 * Ports are on 127.0.0.1, chosen by the kernel. Failures end the test by check's assertions. */
#ifndef TEST_EDGE_RIG_H
#define TEST_EDGE_RIG_H

#include "gatewayd/channel.h"
#include "gatewayd/edge_config.h"
#include "gatewayd/edge_counts.h"

struct rig_options {
	int threads;               /* 0: one */
	struct edge_limits limits; /* those that are 0 get defaults */
	const char *hosts, *nameservers;
	unsigned files;       /* descriptors that the edge may have; 0: as many as this process */
	const char *reserved; /* addresses, a line each */
	const char *known;    /* the same, each with a space and milliseconds */
	const char *partners; /* names of certificates, spaces between, keys of one partner by +; NULL: all */
	const char *own;      /* name of its certificate and key; NULL: "gateway" */
	bool bad_partners;    /* sends keys that are none */
	bool bad_config;      /* sends a key that is none */
	int *listening;       /* gets a copy of the listener, which outlives the edge; NULL: none is made */
	bool torn;            /* sends the first bytes of the configuration alone */
};

struct rig_counts {
	unsigned opens, monitor_opens, closes, knowns, heads, bodies, lasts, aborts, credits;
	unsigned with_open; /* heads that came together with an OPEN */
	unsigned joined;    /* heads with bytes of the body in their frame, which `bodies` counts, too */
	uint64_t body_bytes;
};

/* An outbound request and what came of it. */
struct rig_request {
	const char *host, *server_name, *method, *target, *fields; /* fields: "name\nvalue\n…" */
	uint16_t port;
	struct view body;
	const void *pin; /* 32 bytes or NULL */
	uint32_t deadline_ms;
	bool again; /* FRAME_AGAIN */
};

struct rig_answer {
	int status; /* 0: none; then `error` says why */
	char error[300], type[100];
	bool aborted;
	struct buf body;
};

struct rig;

struct rig *rig_start(const struct rig_options *o);
/* Closes the channels and returns the edge's exit status. */
int rig_stop(struct rig *r);
/* Waits up to ten seconds for the edge to end while its channels stand, as one does that refuses what it was told to be;
 * then the same. -1: it would go on. */
int rig_ends(struct rig *r);
uint16_t rig_port(const struct rig *r);
uint16_t rig_monitor_port(const struct rig *r);
int rig_edge_pid(const struct rig *r);
struct rig_counts rig_counts(struct rig *r);
/* Waits up to two seconds for a count to reach `n`; returns what it is then. */
#define rig_await(r, field, n) \
	__extension__({ \
		unsigned now_ = 0; \
		for (int i_ = 0; i_ < 200 && (now_ = (unsigned)rig_counts(r).field) < (n); i_++) \
			usleep(10000); \
		now_; \
	})
/* What the edge counted of a kind, in all threads; waits up to three seconds for it to reach `n`. */
uint64_t rig_edge_count(struct rig *r, enum edge_count what, uint64_t n);
/* The certificate that came with the last OPEN. */
size_t rig_last_certificate(struct rig *r, void *out, size_t size);
/* The source that came with the last KNOWN. */
void rig_last_known(struct rig *r, uint8_t out[16]);
/* Sends one and waits. */
void rig_send(struct rig *r, const struct rig_request *request, struct rig_answer *out);
/* Sends a new configuration with these limits; returns at once. */
void rig_configure(struct rig *r, const struct rig_options *o);

/* For tcase_add_unchecked_fixture(): makes the certificates once for all tests of the process. */
void rig_setup(void);
/* Where certificates.sh made NAME.pem and NAME.key; made on first use, removed at exit. */
const char *rig_certificates(void);
/* Reads a file whole; the caller frees. */
struct buf rig_read_file(const char *folder, const char *name, const char *suffix);

#endif
