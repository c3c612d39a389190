/* The engine over SQLite, and the layer under it. */
#ifndef GATEWAYD_CORE_STORE_SQLITE_SQLITE_PRIVATE_H
#define GATEWAYD_CORE_STORE_SQLITE_SQLITE_PRIVATE_H

#include "gatewayd/core/store/engine_private.h"

extern const struct engine sqlite_engine;

/* Registers the layer under SQLite that the writing connection opens its files with (wal.c); once, before the first
 * connection. Where there is none to stand on, opening fails. */
#define SQLITE_WAL_VFS "gateway"
void sqlite_wal_register(void);

#endif
