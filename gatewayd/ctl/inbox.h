/* An agency's inbox at its gateway, as its own system reads it: pages of items, and acknowledgements. An item's bytes
 * are handed on exactly as they came, for the digest that the log holds covers a record's bytes. One thread.
 *
 * Items are personal data: pages are overwritten when the next one comes and at the end. */
#ifndef GATEWAYD_CTL_INBOX_H
#define GATEWAYD_CTL_INBOX_H

#include "gatewayd/ctl/https.h"
#include "lib/json/tape.h"

/* An inbox that is read through; `https` is borrowed. Zeroed but for it and `after`, it is ready. */
struct inbox {
	struct https *https;
	uint64_t after; /* items up to this number are left out */
	struct buf page;
	struct tape_parser *parser;
	struct tape tape;
	uint32_t item, end; /* the next item's node, and where the page ends */
	bool open;          /* a page is there */
	bool unproved;      /* the page ended before a record that is not to be handed out yet */
	unsigned looks;     /* so often was that waited for */
};

struct inbox_item {
	uint64_t id;
	bool record;      /* "record", "correction", "returned": acknowledged once it is kept; others are duties */
	struct view text; /* the whole object, valid until the next call */
	const struct tape *tape;
	uint32_t node; /* in the tape, for further members */
};

/* The next item; false with no error when none is left. `e` says more: a problem of the gateway, or an answer that
 * is none of an inbox. */
bool inbox_next(struct inbox *in, struct inbox_item *out, struct error *e) MUST_USE;
/* Sends an acknowledgement; `body` may be empty. `answer` is the gateway's, checked to be of this item. */
bool inbox_ack(struct https *h, uint64_t id, struct view body, struct buf *answer, bool *first,
               struct error *e) MUST_USE;
/* A text member of an item, decoded; empty when it has none. */
struct view inbox_text(const struct inbox_item *i, struct view name);
void inbox_free(struct inbox *in);

#endif
