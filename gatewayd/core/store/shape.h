/* The store's shapes: texts that decisions name by digest (lib/policy/shape.h). A shape is there as long as disclosures name
 * it: how many do is counted with each that comes and goes, and it goes with the last. See store.h. */
#ifndef GATEWAYD_CORE_STORE_SHAPE_H
#define GATEWAYD_CORE_STORE_SHAPE_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

/* Of one agreement, at most: who would need more lists each leaf in its decision. */
#define STORE_SHAPES_MAX 4096

struct store_shape {
	struct digest digest; /* SHA-256 of the text */
	struct view agreement, text;
};

/* An entry as store_put_entry() puts it, whose disclosures name a shape: that is put with the first. */
bool store_put_shaped(struct store *s, uint64_t index, struct view leaf, struct view packed,
                      const struct store_shape *shape, struct error *e) MUST_USE;
/* The text of a shape that a decision under this agreement names. REASON_NOT_FOUND: no disclosure names it. */
bool store_get_shape(struct store *s, struct view agreement, const struct digest *d, struct view *text,
                     struct error *e) MUST_USE;
/* The text of the one that an entry's disclosures name, by the entry's number among all logs. REASON_NOT_FOUND: they
 * name none. */
bool store_find_shape(struct store *s, uint64_t entry, struct view *text, struct error *e) MUST_USE;
/* Whether the shape that the disclosures of entry `index` name is there, and is the text of that digest: REASON_TAMPERED when
 * not. So is one whose disclosures were erased since they were read, and nothing is asked of those that name none. */
bool shape_is_whole(struct store *s, uint64_t index, struct view packed, struct error *e) MUST_USE;
/* The same of a text that lies elsewhere; NULL: it is not there. */
bool shape_is_named(const struct digest *named, const struct view *text, struct error *e) MUST_USE;
/* How many there are of an agreement. */
bool store_count_shapes(struct store *s, struct view agreement, uint64_t *n, struct error *e) MUST_USE;
/* How many there are of all agreements, and of how many of them the count is not that of the disclosures that name it. */
bool store_check_shapes(struct store *s, uint64_t *n, uint64_t *miscounted, struct error *e) MUST_USE;
/* Those that entries of the log name which the verbs are about, by digest. */
bool store_list_shapes(struct store *s, bool (*each)(void *arg, const struct store_shape *shape), void *arg,
                       struct error *e) MUST_USE;

#endif
