/* One notice that is sent: what it is, what its answer means, and what is written of it. Used by notices.c. The
 * worker's thread; notice_out_write() is the writer's. */
#ifndef GATEWAYD_CORE_NOTICE_NOTICE_OUT_PRIVATE_H
#define GATEWAYD_CORE_NOTICE_NOTICE_OUT_PRIVATE_H

#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/store/notice.h"
#include "lib/base/ids.h"

struct notices;

enum notice_out_end {
	NOTICE_RETRY,   /* did not arrive: again later */
	NOTICE_ARRIVED, /* taken; the partner's receipt verifies */
	NOTICE_REFUSED, /* refused for good, or it can never be sent */
	NOTICE_EXPIRED  /* given up */
};

struct notice_out {
	struct job job; /* first */
	struct notices *notices;
	struct worker *worker;
	struct conf *conf;
	uint64_t id, seq;
	enum notice_kind kind;
	uint32_t attempts;
	int64_t made_ms, now_ms;   /* made_ms 0: the row could not be read */
	struct uuid exchange, own; /* the first gateway's id; this node's */
	char recipient[72];
	struct digest agreement_digest;
	struct digest digest;          /* of the entry whose proof travels */
	const struct partner *partner; /* of conf */
	struct buf body;               /* of the request */
	struct post post;
	char problem[200]; /* why not; place and rule only */
	char slug[64];
	bool hopeless; /* it can never be sent */
	enum notice_out_end end;
	struct buf receipt;          /* the partner's, verified */
	struct digest receipt_entry; /* of the entry that it is for */
	UT_hash_handle hh;
};

struct notice_out *notice_out_new(struct worker *w, uint64_t id) MUST_USE;
void notice_out_free(struct notice_out *o);
/* Reads the row and writes the request's body. False: cannot be sent now (slug says why). */
bool notice_out_prepare(struct notice_out *o);
/* Reads the answer and sets how this attempt ended. */
void notice_out_judge(struct notice_out *o);
/* job.run */
bool notice_out_write(struct job *j, struct writer *w, struct store *s, struct error *e);

#endif
