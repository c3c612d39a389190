/* Helpers that commands which ask the daemon share. */
#ifndef GATEWAYD_CTL_PRINT_H
#define GATEWAYD_CTL_PRINT_H

#include <jansson.h>

#include "gatewayd/ctl/ctl.h"

/* Asks (taking `request` over); CTL_OK and the caller's `*answer` when the daemon said ok, else an exit status
 * with the reason printed. */
int ctl_ask_ok(const struct ctl *c, json_t *request, json_t **answer);
/* Asks for a list (taking `request` over) and prints it: as JSON, or `head` and a row each. Returns the exit status. */
int ctl_show_list(const struct ctl *c, json_t *request, const char *member, void (*row)(const json_t *item),
                  const char *head);
void ctl_print_json(const json_t *doc);
/* A string member, "-" when it is not there. */
const char *ctl_text(const json_t *o, const char *name);

#endif
