/* What others vouch for, and what this node cosigned of theirs. See store.h. */
#ifndef GATEWAYD_CORE_STORE_WITNESS_H
#define GATEWAYD_CORE_STORE_WITNESS_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

/* What this node cosigned last of another's log. */
struct store_witnessed {
	uint64_t size;
	struct digest root;
	struct view note;       /* that checkpoint, with its log's signature and this node's */
	struct digest incident; /* of the checkpoint that the last incident was about; zero: none */
};
bool store_put_witnessed(struct store *s, struct view origin, const struct store_witnessed *w,
                         struct error *e) MUST_USE;
bool store_get_witnessed(struct store *s, struct view origin, struct store_witnessed *out, struct error *e) MUST_USE;
/* Another's cosignature line over this node's checkpoint of `size`; replaces that witness's older one of that size. */
bool store_put_cosignature(struct store *s, struct view witness, uint64_t size, struct view line,
                           struct error *e) MUST_USE;
/* Drops the cosignatures of checkpoints below `size`: that one has all that is asked for. So the least that is kept is
 * what receipts and auditors stand on, and those above it still gather theirs. */
bool store_drop_cosignatures(struct store *s, uint64_t size, struct error *e) MUST_USE;
/* Of those above the least, keeps the `most` largest. */
bool store_trim_cosignatures(struct store *s, unsigned most, struct error *e) MUST_USE;
/* The least size of which cosignatures are kept; 0: none. */
bool store_cosigned(struct store *s, uint64_t *size, struct error *e) MUST_USE;
bool store_list_cosignatures(struct store *s, uint64_t size, bool (*each)(void *arg, struct view line), void *arg,
                             struct error *e) MUST_USE;

/* Checkpoints of others' logs that came along and are not proved yet, and the newest one that is (sight.h). One a
 * size: the first stays. */
bool store_put_sighted(struct store *s, struct view origin, uint64_t size, struct view note, struct error *e) MUST_USE;
/* Those of `from` to `to` entries. */
bool store_drop_sighted(struct store *s, struct view origin, uint64_t from, uint64_t to, struct error *e) MUST_USE;
/* Keeps the `most` largest of those whose text has more than `longer` characters. */
bool store_trim_sighted(struct store *s, struct view origin, unsigned longer, unsigned most, struct error *e) MUST_USE;
/* The text of one. REASON_NOT_FOUND. */
bool store_get_sighted(struct store *s, struct view origin, uint64_t size, struct view *note, struct error *e) MUST_USE;
bool store_list_sighted(struct store *s, bool (*each)(void *arg, struct view origin, uint64_t size, struct view note),
                        void *arg, struct error *e) MUST_USE;

/* An exchange that came under a checkpoint of its sender's log which is not proved yet. */
struct store_unproved {
	uint64_t seq;
	struct view origin;
	uint64_t size;
	bool forked; /* it was found to be of another history; not read by store_put_unproved() */
};
bool store_put_unproved(struct store *s, const struct store_unproved *u, struct error *e) MUST_USE;
/* REASON_NOT_FOUND: its checkpoint is proved, or it came with none. */
bool store_get_unproved(struct store *s, uint64_t seq, struct store_unproved *out, struct error *e) MUST_USE;
/* What came under this checkpoint is of another history. */
bool store_set_forked(struct store *s, struct view origin, uint64_t size, struct error *e) MUST_USE;
/* What came under this checkpoint is proved. That of which nothing is known any more stays until its payload is erased
 * (store_erase_payload()). */
bool store_drop_unproved(struct store *s, struct view origin, uint64_t size, struct error *e) MUST_USE;

/* Evidence that partners are to be told of, by the digest of its document, until they were. */
bool store_put_tale(struct store *s, const struct digest *evidence, struct error *e) MUST_USE;
bool store_drop_tale(struct store *s, const struct digest *evidence, struct error *e) MUST_USE;
bool store_list_tales(struct store *s, bool (*each)(void *arg, const struct digest *evidence), void *arg,
                      struct error *e) MUST_USE;

/* A timestamp (RFC 3161, a TimeStampResp) of this log's checkpoint of `size`; the first one of a size stays. */
bool store_put_timestamp(struct store *s, uint64_t size, int64_t time_ms, struct view response,
                         struct error *e) MUST_USE;
bool store_get_timestamp(struct store *s, uint64_t size, struct view *response, struct error *e) MUST_USE;
/* The largest size that has one; 0: none. */
bool store_timestamped(struct store *s, uint64_t *size, struct error *e) MUST_USE;

#endif
