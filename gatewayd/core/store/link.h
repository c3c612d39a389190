/* Links between exchanges: which followed from which. See store.h. */
#ifndef GATEWAYD_CORE_STORE_LINK_H
#define GATEWAYD_CORE_STORE_LINK_H

#include "gatewayd/core/store/store.h"

enum link_kind { LINK_ONWARD /* the child passed on what came by the parent */, LINK_CORRECTS /* it replaces it */ };
struct store_link {
	uint64_t child, parent;
	enum link_kind kind;
	uint32_t version; /* of a correction: 2 for the first */
};
bool store_put_link(struct store *s, const struct store_link *l, struct error *e) MUST_USE;
/* The parent of a child; REASON_NOT_FOUND. */
bool store_get_link(struct store *s, uint64_t child, enum link_kind kind, struct store_link *out,
                    struct error *e) MUST_USE;
/* The children of a parent, oldest first. */
bool store_list_links(struct store *s, uint64_t parent, enum link_kind kind,
                      bool (*each)(void *arg, const struct store_link *l), void *arg, struct error *e) MUST_USE;

#endif
