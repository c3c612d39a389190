/* Faults at the boundary to the kernel and the engine: the program that links inject.c has its own write,
 * pwrite, fsync, fdatasync, ftruncate, rename and unlink, which count calls on regular files and do at one of
 * them what was asked for; so do malloc, calloc and realloc; the engine's calls to step and exec go through wrappers (linker option --wrap).
 * Any thread; a process injects one fault at most. */
#ifndef TEST_FAULTS_INJECT_H
#define TEST_FAULTS_INJECT_H

#include <stdbool.h>

enum inject_kind {
	INJECT_NONE,
	INJECT_WRITE,  /* write, pwrite, ftruncate, rename, unlink */
	INJECT_SYNC,   /* fsync, fdatasync */
	INJECT_ENGINE, /* step and exec of the engine */
	INJECT_MEMORY, /* malloc, calloc, realloc, of the libraries too */
	INJECT_SYSTEM  /* writes and syncs together: for crashes */
};

enum inject_effect {
	INJECT_FAIL,         /* this call fails */
	INJECT_FAIL_ON,      /* this and every later one */
	INJECT_KILL,         /* the process is killed before the call */
	INJECT_POWER_OFF,    /* the same, and every write that was not synced is lost */
	INJECT_POWER_FLICKER /* the same, and half of them, taken by lot, are lost */
};

/* Arms the fault at the `at`-th call of `kind` from now on, counted from 1. `seed` is for the lot. */
void inject_arm(enum inject_kind kind, enum inject_effect effect, unsigned at, unsigned seed);
/* Whether the fault has happened. */
bool inject_happened(void);
/* Ends a process that fork(2) made, with no more ado but that `make coverage` learns what it reached. */
_Noreturn void inject_end(int code);

#endif
