/* What must hold before a start changes anything on disk: store, log, anchor and key folder belong together and are the ones
 * that were signed, and the configuration may follow the one that was in force. Core's main thread. */
#ifndef GATEWAYD_CORE_VERIFY_H
#define GATEWAYD_CORE_VERIFY_H

#include "gatewayd/core/open.h"
#include "gatewayd/core/commit/writer.h"
#include "gatewayd/core/keys/binding.h"

/* Reads the store in a trial (store.h), and lets `o->arm` read it. No byte of any file is changed. `w`: what the writer will
 * be started with, but for its store. REASON_CONFIG, REASON_TAMPERED; REASON_UNAVAILABLE: somebody else has the store. */
bool verify_start(struct opened *o, const struct writer_options *w, struct binding *out, struct error *e) MUST_USE;

/* For gatewayd -t: whether a daemon has keys and store of this configuration open. False: only one of the two is in use
 * (REASON_UNAVAILABLE), so by another configuration; or the two do not belong together (REASON_CONFIG). */
enum running { RUNNING, NOT_RUNNING };
bool verify_running(const struct conf *conf, enum running *out, struct error *e) MUST_USE;

#endif
