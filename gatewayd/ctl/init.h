/* A new node: `init`, `describe`, `pin`. */
#ifndef GATEWAYD_CTL_INIT_H
#define GATEWAYD_CTL_INIT_H

#include "gatewayd/ctl/ctl.h"

int ctl_run_init(const struct ctl *c, int argc, char **argv);
int ctl_run_describe(const struct ctl *c, int argc, char **argv);
int ctl_run_pin(const struct ctl *c, int argc, char **argv);

#endif
