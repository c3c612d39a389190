/* Ending a node's log and beginning the next one, as `audit new-epoch` and `store restore` do: in the store first, then the
 * files beside it, the configuration last. One thread; what touches store and keys runs as their owner (audit.h). */
#ifndef GATEWAYD_CTL_EPOCH_H
#define GATEWAYD_CTL_EPOCH_H

#include <jansson.h>

#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/audit.h"

struct epoch {
	const struct ctl *ctl;
	json_t *node;      /* the configuration */
	json_int_t before; /* its epoch */
	char old_origin[NOTE_NAME_MAX], new_origin[NOTE_NAME_MAX];
	char *store, *keys, *anchor, *mirror, *vkey; /* paths; the last three may be NULL */
	struct note_vkey old_key, new_key;
	bool rotate;             /* the new log has a new key */
	struct buf announcement; /* of it; empty: it has the same */
	struct buf note;         /* the old log's last checkpoint */
	char finding[1200];      /* what the genesis entry will say */
	char said[4000];         /* what partners said, a line each */
	bool altered;
};

/* Reads the configuration. epoch_free() frees also what was read by half. */
bool epoch_open(struct epoch *x, const struct ctl *c, struct error *e) MUST_USE;
void epoch_free(struct epoch *x);
/* The keys: the new log's from the audit key, the old one's from the configuration's file of it where that is the old log's,
 * else from the audit key. */
bool epoch_keys(struct epoch *x, struct error *e) MUST_USE;
/* Makes the next key, unless an interrupted run did, and announces it by the old one; and puts it in place, which does nothing
 * where none was made. */
bool epoch_announce(struct epoch *x, struct error *e) MUST_USE;
bool epoch_take_key(struct epoch *x, struct error *e) MUST_USE;
/* What the store at `path` holds of the old log, into `finding` and `note`. */
void epoch_examine(struct epoch *x, const char *path);
/* Adds to the finding; and to what partners said. */
void epoch_find(struct epoch *x, const char *fmt, ...) PRINTF_LIKE(2, 3);
void epoch_says(struct epoch *x, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Asks all partner gateways what they hold of the log that was examined. REASON_UNAVAILABLE where one cannot be asked and
 * `force`, a reason, is NULL. */
bool epoch_ask(struct epoch *x, const char *force, struct error *e) MUST_USE;
/* The new log's row; inside a transaction of `s`. */
bool epoch_put(struct epoch *x, struct store *s, struct error *e) MUST_USE;
/* Anchor and mirror do not speak of the old log any more. */
bool epoch_set_files_aside(const struct epoch *x, struct error *e) MUST_USE;
/* The new log's public key, and the epoch in the configuration. As who runs the command. */
bool epoch_write(struct epoch *x, struct error *e) MUST_USE;

#endif
