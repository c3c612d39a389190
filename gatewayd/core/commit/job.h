/* Inside of the writer: how finished jobs go home. See writer.h for what makers of jobs see. */
#ifndef GATEWAYD_CORE_COMMIT_JOB_H
#define GATEWAYD_CORE_COMMIT_JOB_H

#include <stddef.h>

#include "gatewayd/core/commit/writer.h"

/* A signed checkpoint that jobs of one commit share. */
struct checkpoint_text *checkpoint_text_new(struct view note) MUST_USE; /* one reference; NULL: no memory */
struct checkpoint_text *checkpoint_text_ref(struct checkpoint_text *t);
void checkpoint_text_unref(struct checkpoint_text *t); /* NULL is fine */
struct view checkpoint_text_view(const struct checkpoint_text *t);

/* Sends a chain of jobs (by `next`) home in their order, waking each home once. Jobs without a home have
 * their done() called here. */
void homes_send(struct job *first);

static inline void *job_whole(struct job *j, size_t checked)
{
	(void)checked;
	return j;
}

/* The `type` whose first member `j` is: `struct delivery *d = JOB_OF(struct delivery, j);`. Does not compile where the
 * member `job` of that type is not its first or no job. */
#define JOB_OF(type, j) \
	((type *)job_whole((j), sizeof(struct { \
		                   _Static_assert(offsetof(type, job) == 0 && \
		                                          _Generic(((type *)0)->job, struct job : 1, default : 0), \
		                                  "`job` is no job, or not the first member"); \
		                   char none; \
	                   })))

#endif
