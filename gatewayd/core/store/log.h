/* The audit logs: entries, disclosures, tiles and checkpoints. See store.h.
 *
 * The logs of this node are numbered, from 0 on; a new epoch begins a new one. The verbs below are about the
 * newest one, or (of a store that only reads) the one that store_use_log() chose; an `index` counts within it.
 * An exchange's `entry` is the number of an entry among all logs, so that it stays true in later epochs. */
#ifndef GATEWAYD_CORE_STORE_LOG_H
#define GATEWAYD_CORE_STORE_LOG_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

#define STORE_LOG_SHIFT 40
static inline uint64_t store_entry_log(uint64_t entry)
{
	return entry >> STORE_LOG_SHIFT;
}
static inline uint64_t store_entry_index(uint64_t entry)
{
	return entry & ((UINT64_C(1) << STORE_LOG_SHIFT) - 1);
}
/* Names of values: what announced the key of the log with the origin that follows; and the verifier key of one that was
 * ended. */
/* Behind it a log's verifier key: the key that it announced, or ANNOUNCES_TWO when it announced several. */
#define ANNOUNCES_NAME "announces/"
#define ANNOUNCES_TWO  VIEW("two")
#define ANNOUNCED_NAME "announced/"
#define LOG_KEY_NAME   "vkey/"
uint64_t store_log(const struct store *s);
/* REASON_NOT_FOUND when there is no such log. */
bool store_use_log(struct store *s, uint64_t log, struct error *e) MUST_USE;
struct store_log_row {
	struct view origin;
	struct digest before; /* SHA-256 of the last signed checkpoint of the log before */
	struct view note;     /* what the genesis entry says of that log */
};
/* Begins a new log: from the commit on the verbs are about it. */
bool store_put_log(struct store *s, const struct store_log_row *l, struct error *e) MUST_USE;
/* The log that the verbs are about; REASON_NOT_FOUND for the first one, which has no row. */
bool store_get_log(struct store *s, struct store_log_row *out, struct error *e) MUST_USE;

bool store_put_entry(struct store *s, uint64_t index, struct view leaf, struct view packed, struct error *e) MUST_USE;
/* `packed` NULL: its disclosures are not read, and need not be whole. */
bool store_get_entry(struct store *s, uint64_t index, struct view *leaf, struct view *packed, struct error *e) MUST_USE;
/* By its number among all logs, whichever log the verbs are about. */
bool store_find_entry(struct store *s, uint64_t entry, struct view *leaf, struct view *packed,
                      struct error *e) MUST_USE;
/* How many entries there are: the index of the next. */
bool store_entry_count(struct store *s, uint64_t *n, struct error *e) MUST_USE;
/* In order, from index `from` on; `packed` is empty when erased or never there. */
bool store_list_entries(struct store *s, uint64_t from, unsigned max,
                        bool (*each)(void *arg, uint64_t index, struct view leaf, struct view packed), void *arg,
                        struct error *e) MUST_USE;
/* By its number among all logs. REASON_NOT_FOUND when it has none: who says what was erased says no more than that. */
bool store_erase_disclosures(struct store *s, uint64_t entry, struct error *e) MUST_USE;
/* Entries of all logs, by their number, that have disclosures; at most `max`. */
bool store_list_disclosures(struct store *s, unsigned max, bool (*each)(void *arg, uint64_t entry, struct view leaf),
                            void *arg, struct error *e) MUST_USE;
/* Of an earlier log whose entries were archived: tiles, checkpoints and timestamps stay. */
struct store_archive {
	uint64_t size;            /* entries that it had */
	struct digest checkpoint; /* SHA-256 of its last signed checkpoint */
	bool told;                /* the newest log has an entry about it */
};
/* What needs an entry of log number `log`, or will: deliveries and notices that wait to be sent; and exchanges that
 * are held for a decision, under a hold, or whose record may yet be returned. */
struct store_needed {
	uint64_t unsent, open;
};
bool store_needs_entries(struct store *s, uint64_t log, struct store_needed *out, struct error *e) MUST_USE;
/* Deletes the entries of that log and their disclosures, and remembers it. Never of the newest: REASON_STORE. */
bool store_archive_entries(struct store *s, uint64_t log, const struct store_archive *a, struct error *e) MUST_USE;
/* REASON_NOT_FOUND: its entries are here. */
bool store_get_archive(struct store *s, uint64_t log, struct store_archive *out, struct error *e) MUST_USE;
bool store_tell_archive(struct store *s, uint64_t log, struct error *e) MUST_USE;
bool store_put_tile(struct store *s, unsigned level, uint64_t index, struct view hashes,
                    struct error *e) MUST_USE; /* or replaces */
bool store_get_tile(struct store *s, unsigned level, uint64_t index, struct view *hashes, struct error *e) MUST_USE;
bool store_put_checkpoint(struct store *s, uint64_t size, struct view note, struct error *e) MUST_USE;
/* The checkpoint of the smallest tree that holds `index`. */
bool store_get_checkpoint(struct store *s, uint64_t index, uint64_t *size, struct view *note, struct error *e) MUST_USE;
bool store_last_checkpoint(struct store *s, uint64_t *size, struct view *note,
                           struct error *e) MUST_USE; /* size 0: none */

#endif
