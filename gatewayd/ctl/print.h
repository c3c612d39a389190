/* Helpers that commands which ask the daemon share. */
#ifndef GATEWAYD_CTL_PRINT_H
#define GATEWAYD_CTL_PRINT_H

#include <jansson.h>

#include "gatewayd/ctl/ctl.h"
#include "gatewayd/ctl/screen.h"

/* Asks (taking `request` over); CTL_OK and the caller's `*answer` when the daemon said ok, else an exit status
 * with the reason printed. */
int ctl_ask_ok(const struct ctl *c, json_t *request, json_t **answer);
/* Asks (taking `request` over) and prints `said`, with -o json what the daemon answered. Returns the exit status. */
int ctl_do(const struct ctl *c, json_t *request, const char *said);
/* Asks for a list (taking `request` over) and prints it: as JSON, or as a table (screen.h). Returns the exit status. */
int ctl_show_list(const struct ctl *c, json_t *request, const char *member, const struct screen_column *columns,
                  size_t n);
/* For a table that is written down as an array. */
#define CTL_SHOW_LIST(c, request, member, columns) \
	ctl_show_list(c, request, member, columns, sizeof(columns) / sizeof *(columns))
void ctl_print_json(const json_t *doc);
/* The same, taking the document over. */
void ctl_print_new(json_t *doc);
/* A string member, "-" when it is not there. */
const char *ctl_text(const json_t *o, const char *name);

#endif
