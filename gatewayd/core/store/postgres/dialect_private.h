/* How PostgreSQL is told what the store's SQL says. statements.c and migrations.c are written once, in what both
 * databases take; what they cannot say alike is a word each in the table here: types, how a table is stored, random
 * bytes, and the sign of a parameter. `make check-postgres` holds that nothing else differs. Pure; any thread. */
#ifndef GATEWAYD_CORE_STORE_POSTGRES_DIALECT_PRIVATE_H
#define GATEWAYD_CORE_STORE_POSTGRES_DIALECT_PRIVATE_H

#include "lib/base/buf.h"

/* Adds a statement's or a migration's text to `out` as PostgreSQL takes it; what stands between quotes stays. False
 * when memory ran out. */
bool postgres_say(const char *text, struct buf *out) MUST_USE;

#endif
