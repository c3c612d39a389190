/* What a node takes in from outside besides partners: agreements, with what they need; and both in one. One thread. */
#ifndef GATEWAYD_CTL_JOIN_H
#define GATEWAYD_CTL_JOIN_H

#include "gatewayd/ctl/ctl.h"

/* Takes the agreement, its signatures (FILE.p7s) and the impact assessment that it names (a file beside it with that digest) into
 * the node's folders, and checks the whole configuration. What does not load is taken out again. Prints; an exit status. */
int agreement_take(const struct ctl *c, const char *file);
int agreement_add(const struct ctl *c, int argc, char **argv);
int ctl_run_join(const struct ctl *c, int argc, char **argv);
/* agreement_new.c */
int agreement_new(const struct ctl *c, int argc, char **argv);

/* preset.c: the examples under conf/, which are parts of the program. False: there is none of that name. */
struct preset {
	struct view agreement, assessment, envelope; /* JSON, Markdown, an envelope that it lets through */
};
#define PRESETS "cyber-threat|fin-intel|humanitarian|pnr|police-request"
bool preset_find(const char *name, struct preset *out) MUST_USE;

#endif
