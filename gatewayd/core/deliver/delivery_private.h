/* One delivery to a partner's gateway: what is sent, what its answer means, and what is written of it. Used
 * by outbox.c. The worker's thread; delivery_write() is the writer's. */
#ifndef GATEWAYD_CORE_DELIVER_DELIVERY_PRIVATE_H
#define GATEWAYD_CORE_DELIVER_DELIVERY_PRIVATE_H

#include "gatewayd/core/serve/post.h"

struct outbox;

/* What the outbox' row says. */
struct delivery_due {
	uint32_t attempts;
	int64_t deadline_ms;
};

enum delivery_end {
	DELIVERY_RETRY,   /* not arrived: again later */
	DELIVERY_DONE,    /* arrived; the partner's receipt verifies */
	DELIVERY_REFUSED, /* the partner refused for good, or the consent was withdrawn meanwhile */
	DELIVERY_EXPIRED  /* past its deadline */
};

struct delivery {
	struct job job; /* first */
	struct outbox *outbox;
	struct worker *worker;
	struct conf *conf;
	uint64_t seq;
	struct delivery_due due;
	struct uuid exchange;
	char agreement[72];
	struct digest agreement_digest;
	char recipient[72];
	char output[65];               /* digest of what left, as our entry has it */
	const struct partner *partner; /* of conf */
	struct buf body;
	struct post post;
	char problem[200]; /* why not; place and rule only */
	char slug[64];
	enum delivery_end end;
	bool withdrawn;     /* the consent was, while it waited */
	struct buf receipt; /* the partner's, verified */
	int64_t now_ms;
	UT_hash_handle hh;
};

struct delivery *delivery_new(struct worker *w, uint64_t seq, const struct delivery_due *due,
                              size_t answer_max) MUST_USE;
void delivery_free(struct delivery *d);
/* Opens the payload and writes the envelope with its origin. False: cannot be sent now (slug says why). */
bool delivery_prepare(struct delivery *d);
/* Reads the answer and sets how this attempt ended. */
void delivery_judge(struct delivery *d);
/* job.run */
bool delivery_write(struct job *j, struct writer *w, struct store *s, struct error *e);

#endif
