/* Acts at a running node: shown to it, listed, and one in full with who signed it and which gateways are still to be told. */
#ifndef GATEWAYD_CTL_COUNCIL_NODE_H
#define GATEWAYD_CTL_COUNCIL_NODE_H

#include "gatewayd/ctl/ctl.h"

/* What the node at the configuration's control socket has of the act with this digest; an exit status. */
int ctl_council_show_node(const struct ctl *c, const char *digest);

#endif
