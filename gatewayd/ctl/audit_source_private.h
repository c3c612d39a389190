/* What the files of a log's source share. */
#ifndef GATEWAYD_CTL_AUDIT_SOURCE_PRIVATE_H
#define GATEWAYD_CTL_AUDIT_SOURCE_PRIVATE_H

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/audit_files.h"
#include "gatewayd/ctl/audit_shapes.h"
#include "gatewayd/ctl/progress.h"

/* The entries of one bundle, in memory while they are asked for in order. */
struct bundle {
	uint64_t index;
	bool loaded;
	char *entries, *rows;
	struct view leaf[TLOG_TILE_WIDTH], packed[TLOG_TILE_WIDTH];
};

struct audit_source {
	/* Either. */
	struct store *store;
	char *path;   /* of the store */
	uint64_t log; /* of it */
	struct audit_files *files;
	bool disclosures, archived;
	struct buf note, cosigned; /* the second empty: none */
	uint64_t size;
	const struct audit_keys *keys; /* NULL: it is read as it was when it was opened */
	struct buf newer;              /* checkpoint of the store */
	struct audit_shapes *shapes;   /* of a directory, once one was asked for */
	char *tile;
	struct bundle bundle;
	struct buf copy; /* of a bundle of the store */
	const struct checkpoint *verified;
	struct progress progress;
};

/* Appends one of its files; REASON_NOT_FOUND when it is not there. Not of a store. */
bool source_take_file(struct audit_source *s, const char *name, size_t max, struct buf *out, struct error *e) MUST_USE;
/* verify_source.named */
bool source_named(void *arg, uint64_t index, struct view packed, struct error *e) MUST_USE;

#endif
