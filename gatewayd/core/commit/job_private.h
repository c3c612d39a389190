/* Inside of the writer: how finished jobs go home, and the checkpoint that they share. See job.h for what makers of jobs
 * see. */
#ifndef GATEWAYD_CORE_COMMIT_JOB_PRIVATE_H
#define GATEWAYD_CORE_COMMIT_JOB_PRIVATE_H

#include "gatewayd/core/commit/job.h"

/* A signed checkpoint that jobs of one commit share. */
struct checkpoint_text *checkpoint_text_new(struct view note) MUST_USE; /* one reference; NULL: no memory */
struct checkpoint_text *checkpoint_text_ref(struct checkpoint_text *t);
void checkpoint_text_unref(struct checkpoint_text *t); /* NULL is fine */
struct view checkpoint_text_view(const struct checkpoint_text *t);

/* Sends a chain of jobs (by `next`) home in their order, waking each home once. Jobs without a home have
 * their done() called here. */
void job_send_home(struct job *first);

#endif
