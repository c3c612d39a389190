/* Helpers that commands which ask the daemon share. */
#ifndef GATEWAYD_CTL_PRINT_H
#define GATEWAYD_CTL_PRINT_H

#include <jansson.h>

#include "gatewayd/ctl/ctl.h"

/* Asks (taking `request` over); CTL_OK and the caller's `*answer` when the daemon said ok, else an exit status
 * with the reason printed. */
int ctl_ask_ok(const struct ctl *c, json_t *request, json_t **answer);
void ctl_print_json(const json_t *doc);
/* A string member, "-" when it is not there. */
const char *ctl_text(const json_t *o, const char *name);

#endif
