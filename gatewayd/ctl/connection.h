/* Where a gateway is and with what certificate it is asked, as commands that speak HTTPS take it: from options, else
 * from the environment (GATEWAY_URL, GATEWAY_CERTIFICATE, GATEWAY_KEY, GATEWAY_AUTHORITY, GATEWAY_RESOLVE), else from
 * the JSON file that --connection or GATEWAY_CONNECTION names, with the members "url", "certificate", "key",
 * "authority", "resolve". Paths in that file stand beside it. */
#ifndef GATEWAYD_CTL_CONNECTION_H
#define GATEWAYD_CTL_CONNECTION_H

#include "gatewayd/ctl/https.h"
#include "lib/base/arena.h"

/* Rows for a command's table of getopt_long; the command gives what it does not know to connection_option(). */
enum {
	CONNECTION_URL = 0x1000,
	CONNECTION_CERTIFICATE,
	CONNECTION_KEY,
	CONNECTION_AUTHORITY,
	CONNECTION_RESOLVE,
	CONNECTION_FILE
};
#define CONNECTION_OPTIONS \
	{ "url", required_argument, NULL, CONNECTION_URL }, \
	        { "certificate", required_argument, NULL, CONNECTION_CERTIFICATE }, \
	        { "key", required_argument, NULL, CONNECTION_KEY }, \
	        { "authority", required_argument, NULL, CONNECTION_AUTHORITY }, \
	        { "resolve", required_argument, NULL, CONNECTION_RESOLVE }, \
	{ \
		"connection", required_argument, NULL, CONNECTION_FILE \
	}
#define CONNECTION_USE \
	"[--connection FILE] [--url URL] [--certificate FILE] [--key FILE] [--authority FILE] [--resolve HOST:PORT:ADDRESS]"

struct connection {
	struct https_options https; /* views of arguments, of the environment and of `mem` */
	const char *file;
	struct arena mem;
};

/* Takes one option; false for one that is none of these. */
bool connection_option(struct connection *c, int option, const char *argument) MUST_USE;
/* Fills in what no option gave. */
bool connection_fill(struct connection *c, struct error *e) MUST_USE;
/* The same, and opens. NULL with the reason. */
struct https *connection_open(struct connection *c, struct error *e) MUST_USE;
void connection_free(struct connection *c);

#endif
