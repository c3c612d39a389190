/* A write-ahead log that cannot be emptied, because another program (a database shell, a tool for backups) reads an older state
 * of the store: it grows with every commit, what was erased stays in the file, and no program can end another's reader. From a
 * quarter of `space.write_ahead_mib` on this is told, with the process where the operating system names it; with all of it no
 * new record is taken (core.backlog), as with too little room, before the disk is full. Readers of this program end with
 * each page that they read. Core's main thread. */
#ifndef GATEWAYD_CORE_SERVE_BACKLOG_H
#define GATEWAYD_CORE_SERVE_BACKLOG_H

#include "gatewayd/core/context/context.h"

/* Looks, and says in the log when it changed. Called often. */
void backlog_watch(struct core *c);

#endif
