/* What the commands about backups of store and keys share. One thread; store and keys are touched as their owner (audit.h),
 * backups and certificates as who runs the command. */
#ifndef GATEWAYD_CTL_BACKUP_H
#define GATEWAYD_CTL_BACKUP_H

#include "gatewayd/core/backup/folder.h"
#include "gatewayd/core/backup/inspect.h"
#include "gatewayd/ctl/audit.h"

/* --- options: --certificate FILE, --private-key FILE, --key VKEY, --keep DURATION, --replace, and the folder --- */
struct backup_options {
	const char *certificate, *private_key, *key, *keep, *dir;
	bool replace;
};
/* False: usage. At most one word beside the options. */
bool backup_options_take(struct backup_options *o, int argc, char **argv) MUST_USE;

/* --- the node that makes a backup --- */
struct backup_node {
	char *store, *keys; /* paths */
	char origin[NOTE_NAME_MAX];
	struct note_signer signer; /* of the log */
	struct hmac_key *tags;
};
/* Reads the configuration, as who runs this. */
bool backup_node_open(struct backup_node *n, const struct ctl *c, struct error *e) MUST_USE;
/* Reads the keys that sign and tag, as their owner. */
bool backup_node_keys(struct backup_node *n, struct error *e) MUST_USE;
void backup_node_free(struct backup_node *n);

/* From --certificate; and, with the private key, of --private-key. NULL on error. */
struct envelope_recipient *backup_recipient(const struct backup_options *o, struct error *e) MUST_USE;
struct envelope_opener *backup_opener(const struct backup_options *o, struct error *e) MUST_USE;
/* `made_ms` and, after it, what --keep says (28 days without). REASON_CONFIG. */
bool backup_times(const struct backup_options *o, struct manifest *m, struct error *e) MUST_USE;
/* The manifest of o->dir, signed by --key or the key that the configuration names, of this node (by the origins' host and
 * node), of that kind, and within its time. */
bool backup_take_manifest(const struct ctl *c, const struct backup_options *o, enum backup_kind kind, bool in_time,
                          struct note_vkey *key, struct manifest *out, struct error *e) MUST_USE;

/* On a terminal, a line that is overwritten; `arg` is its first word. */
void backup_progress(void *arg, uint64_t done, uint64_t total);

/* Writes the findings and figures of an inspection: the exit status. `keys`: they were looked at. */
struct backup_report {
	const struct ctl *ctl;
	struct inspection inspection; /* tell and arg are set by backup_report_begin() */
	void *findings;               /* JSON; a list */
};
void backup_report_begin(struct backup_report *r, const struct ctl *c);
int backup_report_end(struct backup_report *r, bool keys);

int ctl_store_backup(const struct ctl *c, int argc, char **argv);
int ctl_store_check(const struct ctl *c, int argc, char **argv);
int ctl_store_restore(const struct ctl *c, int argc, char **argv);
int ctl_store_reconcile(const struct ctl *c, int argc, char **argv);
int ctl_keys_backup(const struct ctl *c, int argc, char **argv);
int ctl_keys_restore(const struct ctl *c, int argc, char **argv);
int ctl_keys_new_slots(const struct ctl *c, int argc, char **argv);

#endif
