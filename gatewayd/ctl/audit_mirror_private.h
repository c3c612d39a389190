/* One log that a mirror keeps (C2SP tlog-mirror): a folder named by the hash of its origin, in the layout of C2SP tlog-tiles.
 * See audit_mirror.c. One thread. */
#ifndef GATEWAYD_CTL_AUDIT_MIRROR_PRIVATE_H
#define GATEWAYD_CTL_AUDIT_MIRROR_PRIVATE_H

#include <limits.h>

#include "gatewayd/ctl/audit.h"

enum mirrored {
	MIRRORED_SAME,         /* nothing came since */
	MIRRORED_GREW,         /* what came is kept, verified and, where it cosigns, cosigned */
	MIRRORED_NOT_COSIGNED, /* the policy's witnesses have not cosigned yet */
	MIRRORED_UNREACHABLE,
	MIRRORED_SILENT,  /* that, for longer than --silence */
	MIRRORED_ALTERED, /* it forked, went back, or is not what it signed; what is kept stays */
	MIRRORED_FAILED   /* here: disk, memory */
};

struct mirror_log {
	const struct note_vkey *key;
	const char *url;
	char dir[PATH_MAX - 300];
	/* What became of it last. */
	enum mirrored state;
	uint64_t size;
	int64_t seen_ms; /* when it was there and whole; TIME_NONE: never */
	struct error error;
};

struct mirror {
	const struct audit_keys *keys;
	const struct note_signer *signer; /* NULL: it does not cosign */
	struct connection *access;
	int64_t silence_ms;
};

/* Asks the log and keeps what is new. Sets what became of it, with words in `error` where it is not as it should be. What is
 * kept is replaced by nothing that was not verified to continue it. */
void mirror_update(const struct mirror *m, struct mirror_log *l, int64_t now_ms);

#endif
