/* Takes away from a process what it does not need, for good: no new privileges, no core dump, not dumpable,
 * Landlock over files and TCP, and a seccomp filter that allows a list of system calls and answers EPERM to
 * all others (exec and ptrace end the process, except in builds with GATEWAY_PROBE, which must survive their
 * own attempts). Landlock binds the calling thread and those that it creates, so each function here must be
 * called before the process makes threads. What the kernel cannot do is left out and said in the summary;
 * sanitizer builds do without seccomp and stay dumpable, since their runtime needs what is refused here.
 *
 *   edge   opens no file at all, binds no port; sockets: IPv4 and IPv6 only
 *   core   opens files beneath the given directories only, makes no socket; accepts on those it has; signals no process
 *          but those of which it holds a descriptor (pidfd_open(2)), which is its edge */
#ifndef GATEWAYD_CONFINE_H
#define GATEWAYD_CONFINE_H

#include <stdio.h>

#include "lib/base/error.h"

/* Directories (or files) of core; what does not exist is an error. */
struct confine_paths {
	const char *const *readable; /* configuration, agreements, schemas */
	size_t n_readable;
	const char *const *writable; /* store, keys, audit mirror */
	size_t n_writable;
};

bool confine_edge(struct error *err) MUST_USE;
bool confine_core(const struct confine_paths *paths, struct error *err) MUST_USE;
/* One line about the calling process: what holds, and what this kernel or build cannot do. Valid for good once
 * one of the above has returned; any thread. */
const char *confine_summary(void);

enum confine_role { CONFINE_EDGE, CONFINE_CORE };
/* Tries, from the calling thread, what the role must not be able to do: open and create files, sockets, exec,
 * ptrace. Prints a line for each that was not refused, then `probe ROLE: refused N/M`. True: all were.
 * For test builds; exec and ptrace are tried only with GATEWAY_PROBE. */
bool confine_probe(enum confine_role role, FILE *out) MUST_USE;

/* Stands at the start of every thread: in builds with GATEWAY_PROBE it probes and writes to stderr, else nothing. */
#ifdef GATEWAY_PROBE
#define CONFINE_PROBE(role) \
	do { \
		if (!confine_probe(role, stderr)) \
			fputs("probe: this thread is not confined\n", stderr); \
	} while (0)
#else
#define CONFINE_PROBE(role) ((void)0)
#endif

#endif
