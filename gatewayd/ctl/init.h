/* gatewayctl init, its parts in init.c and init_place.c. One thread. */
#ifndef GATEWAYD_CTL_INIT_H
#define GATEWAYD_CTL_INIT_H

#include <jansson.h>
#include <sys/types.h>

#include "gatewayd/ctl/ctl.h"

int ctl_run_init(const struct ctl *c, int argc, char **argv);

/* Where the files of a node lie: all in one folder, or where the systemd unit has them. */
struct place {
	const char *dir;  /* of a node in one folder; NULL: as the unit has it */
	const char *root; /* put before every path that the unit has, for packages and trials; "" */
	bool owned;       /* what the daemon writes belongs to uid and gid */
	uid_t uid;
	gid_t gid;
};

#define PLACE_ACCOUNT "gatewayd"

/* Looks the unit's account up, unless a root is given. REASON_CONFIG: there is none, or this is not root. */
bool place_system(struct place *p, const char *root, struct error *e) MUST_USE;
/* The name of a file or folder of the node ("keys/audit.key", "" the configuration's own) as its configuration has it, and as it
 * lies on this disk. Both return `out`. */
const char *place_named(const struct place *p, const char *name, char *out, size_t size);
const char *place_path(const struct place *p, const char *name, char *out, size_t size);
/* Makes all folders. None of those that hold secrets or a store may be there already. */
bool place_make(const struct place *p, struct error *e) MUST_USE;
/* Writes a new file. REASON_IO: it is there. */
bool place_write(const struct place *p, const char *name, struct view bytes, unsigned mode, struct error *e) MUST_USE;
/* The same of a JSON object, which stays the caller's. NULL is refused for want of memory. */
bool place_write_json(const struct place *p, const char *name, const json_t *doc, struct error *e) MUST_USE;
/* Makes a folder of its own. */
bool place_folder(const struct place *p, const char *name, unsigned mode, struct error *e) MUST_USE;
/* Gives a file or folder, and what is in it, to the unit's account where it is the daemon's. */
bool place_own(const struct place *p, const char *name, struct error *e) MUST_USE;

#endif
