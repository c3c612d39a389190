/* The leaf that a partner's gateway shows: of a record that it let leave, of one that it took or refused, of notices, and of acts of persons.
 * It is taken only as entry_print() writes it, so that it says what its members say and nothing beside: one spelling, and
 * no member that a leaf of its operation has not.
 *
 * A build that adds a member writes a higher `form` into every leaf that has it. To a partner whose build does not know
 * that form it is refused by that name, and to one that does the member is in its table. Any thread. */
#ifndef GATEWAY_TLOG_ENTRY_SHOWN_H
#define GATEWAY_TLOG_ENTRY_SHOWN_H

#include "lib/json/tape.h"

/* Why the whole text of the tape is no such leaf, in words; NULL: it is one. `form`: the highest that is known. */
const char *entry_shown_fault(const struct tape *t, unsigned form);

#endif
