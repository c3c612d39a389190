/* What the audit commands share: where a log is read from, whose keys judge it, and how an entry is shown. One
 * thread. */
#ifndef GATEWAYD_CTL_AUDIT_H
#define GATEWAYD_CTL_AUDIT_H

#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/connection.h"
#include "gatewayd/ctl/ctl.h"
#include "lib/tlog/trust.h"
#include "lib/tlog/verify.h"

/* --- a log to read: an export directory (C2SP tlog-tiles; also as file:///DIR), the same layout at a gateway or a web
 * server, a store, or STORE@EPOCH for one of its earlier logs --- */
struct audit_source;
struct audit_keys;

/* Rows for a command's table of getopt_long: how URLs are asked. Here --key is a log's key, so the certificate's has
 * another name. What the command does not know it gives to connection_option(). */
#define AUDIT_ACCESS_OPTIONS \
	{ "certificate", required_argument, NULL, CONNECTION_CERTIFICATE }, \
	        { "private-key", required_argument, NULL, CONNECTION_KEY }, \
	        { "authority", required_argument, NULL, CONNECTION_AUTHORITY }, \
	        { "resolve", required_argument, NULL, CONNECTION_RESOLVE }, \
	{ \
		"connection", required_argument, NULL, CONNECTION_FILE \
	}

/* Opens it and reads its newest checkpoint, which is not verified yet. `access` is for URLs, stays the caller's until the
 * source is closed, and may be NULL where none is taken. NULL on error. */
struct audit_source *audit_source_open(const char *path, struct connection *access, struct error *e) MUST_USE;
/* Of a store's log, the `n`th log after it in the same store. NULL when there is none, and on error. */
/* The files in a folder as the log of these checkpoints, which do not lie there yet; copied. NULL on error. */
struct audit_source *audit_source_over(const char *folder, struct view note, struct view cosigned,
                                       struct error *e) MUST_USE;
struct audit_source *audit_source_later(const struct audit_source *of, uint64_t n, struct error *e) MUST_USE;
void audit_source_close(struct audit_source *s);
/* Of a gateway, whose witnesses may be about to cosign what is newest. */
bool audit_source_live(const struct audit_source *s) MUST_USE;
struct view audit_source_note(const struct audit_source *s);
/* The checkpoint that it shows with cosignatures, which the newest may be ahead of; without any the newest. */
struct view audit_source_cosigned(const struct audit_source *s);
/* Size after the newest checkpoint: what names the partial tiles of a directory. */
uint64_t audit_source_size(const struct audit_source *s);
/* Of a store: lets a verification follow what its daemon writes meanwhile, opened by these keys; NULL: no more. */
void audit_source_follow(struct audit_source *s, const struct audit_keys *k);
/* Of a store: its newest checkpoint takes the place of the one that it was opened at. */
bool audit_source_refresh(struct audit_source *s, bool *grew, struct error *e) MUST_USE;
/* Goes on from what was verified before (lib/tlog/verify.h), which stays the caller's. Not of a source with disclosures. */
void audit_source_resume(struct audit_source *s, const struct checkpoint *verified);
/* Tells a terminal how far the reading of entries has come; until the source is closed, or `on` is false. */
void audit_source_progress(struct audit_source *s, bool on);
/* Callbacks over the source; entries are fast in order. */
void audit_source_callbacks(struct audit_source *s, struct verify_source *out);
/* Appends the tlog-proof of an entry with its leaf, made from the tiles against the source's checkpoint. */
bool audit_receipt_at(struct audit_source *s, uint64_t index, struct buf *out, struct error *e) MUST_USE;
/* The newest checkpoint that has a timestamp, and that (RFC 3161), neither verified. REASON_NOT_FOUND without one. */
bool audit_source_timestamp(struct audit_source *s, struct buf *note, struct buf *response, struct error *e) MUST_USE;
/* Adds the shapes that decisions in its disclosures name (audit_shapes.h). */
struct audit_shapes;
bool audit_source_shapes(struct audit_source *s, struct audit_shapes *to, struct error *e) MUST_USE;
/* Whether it is a store from which this log's entries were archived: asking for one is REASON_UNAVAILABLE. */
bool audit_source_archived(const struct audit_source *s);
/* The reading store behind it; NULL for the others. */
struct store *audit_source_store(struct audit_source *s);

/* --- whose keys --- */
struct audit_keys {
	struct note_vkey key; /* when `trust` is NULL */
	struct trust *trust;
	bool from_configuration;
};
/* From --key (a verifier key, or a file whose first line is one) or --policy (a file), else from the file that
 * the node's configuration names. Either may be NULL. */
bool audit_keys_load(const struct ctl *c, const char *key, const char *policy, struct audit_keys *out,
                     struct error *e) MUST_USE;
void audit_keys_free(struct audit_keys *k);
/* A log whose origin is not that of the key, and whose first entries say that the key announced it: then `k` has the log's own,
 * which is proved when the log is verified. Of policies nothing is followed. */
bool audit_follow(struct audit_source *s, struct audit_keys *k, uint64_t *entry) MUST_USE;
/* Opens a checkpoint by these keys. `*signer` gets the log's key, `*witnessed` (may be NULL) the witnesses (none
 * without a policy). REASON_TAMPERED; REASON_NOT_COSIGNED as trust_check() has it. */
bool audit_keys_open(const struct audit_keys *k, struct view note, struct checkpoint *out,
                     const struct note_vkey **signer, struct trust_witnessed *witnessed, struct error *e) MUST_USE;

/* A log's two checkpoints: the newest, which the log signed, and the one that the policy accepts, which is the same
 * where the witnesses are that far. */
struct audit_judged {
	struct checkpoint newest, accepted;
	const struct note_vkey *signer;
	struct trust_witnessed witnessed; /* of the accepted one */
};
/* Opens a source's checkpoints. That the newest continues the accepted one is for audit_verify_log() to find.
 * REASON_TAMPERED: not signed, or fewer entries than were cosigned; REASON_NOT_COSIGNED: no checkpoint that is shown
 * has the quorum. */
bool audit_judge(const struct audit_keys *k, const struct audit_source *s, struct audit_judged *out,
                 struct error *e) MUST_USE;
/* verify_log() of the newest checkpoint, which must continue the accepted one and `earlier` (NULL: there is none). */
bool audit_verify_judged(const struct audit_judged *j, const struct checkpoint *earlier, const struct verify_source *v,
                         struct verify_report *r, struct error *e) MUST_USE;
/* The exit status of what went wrong. */
int audit_status(const struct error *e);

/* --- the whole of it --- */
#define AUDIT_LATER_MAX 16
/* Copies of later logs of the same node, that say what was erased of earlier ones: paths as of audit_source_open(). */
struct audit_later {
	const char *path[AUDIT_LATER_MAX];
	size_t n;
};
/* audit_verify_judged() over a source; of what was archived, over its tiles. Where disclosures are missing that its own
 * entries do not cover, the later logs of the same store and those of `later` (may be NULL) are verified, too, for what they
 * erased of it. Those of `later` by the keys of a policy, as audit_judge() has it; those of the store also without, by their
 * tree alone, with a note on stderr that says so. A store's daemon may write meanwhile: then `r` goes further than `j`. */
bool audit_verify_log(struct audit_source *s, const struct audit_keys *k, const struct audit_judged *j,
                      const struct checkpoint *earlier, const struct audit_later *later, struct verify_report *r,
                      struct error *e) MUST_USE;
/* Judged and verified, for commands to which more than the verdict is nothing. `r` is zeros where no checkpoint counts. */
bool audit_verify_source(const struct audit_keys *k, struct audit_source *s, struct verify_report *r,
                         struct error *e) MUST_USE;

/* --- what was verified before --- */
struct audit_state {
	bool there; /* else there is no file yet: all is to be verified */
	int64_t verified_ms;
	struct checkpoint checkpoint; /* looks into `note` */
	struct buf note;
};
/* Reads the file that an earlier verification wrote, and opens its checkpoint by these keys. A file that is not there is no
 * error; one of another log, or that is none, REASON_CONFIG. Freed also after false. */
bool audit_state_load(const char *path, const struct audit_keys *k, struct audit_state *s, struct error *e) MUST_USE;
/* Puts `note`, verified to its last entry, in its place: whole and on the disk, or not at all. */
bool audit_state_save(const char *path, struct view note, int64_t now_ms, struct error *e) MUST_USE;
void audit_state_free(struct audit_state *s);

/* --- timestamps --- */
struct audit_timestamp {
	uint64_t size;   /* entries that existed */
	int64_t time_ms; /* at this time, as the authority says */
};
/* Checks the source's newest timestamp (RFC 3161) by the certificates in the PEM file `authorities`: of a checkpoint
 * that the log signed and that `now`, whose tiles were verified, continues. REASON_TAMPERED when it does not hold or
 * there is none. */
bool audit_timestamp_check(struct audit_source *s, const struct note_vkey *log, const struct checkpoint *now,
                           const char *authorities, struct audit_timestamp *out, struct error *e) MUST_USE;

/* --- configuration: the members that these commands need, by pointer ("/audit/mirror") --- */
/* A path of the node's configuration, relative ones taken from its folder; malloc'd. NULL on error. */
char *audit_conf_path(const struct ctl *c, const char *member, struct error *e) MUST_USE;
/* The same of a text that is no path. */
char *audit_conf_text(const struct ctl *c, const char *member, struct error *e) MUST_USE;
/* `given`, or the store of the configuration; malloc'd. */
char *audit_log_path(const struct ctl *c, const char *given, struct error *e) MUST_USE;

/* What the daemon's account owns, as the store at `path`, is touched as that account, so that nothing of root's is left in
 * its way and its keys, which are nobody else's, can be read. Nothing changes for who is not root. */
bool audit_become_owner(const char *path, struct error *e) MUST_USE;
bool audit_become_self(struct error *e) MUST_USE;

/* Writes the source's log into `dir` as static files; what an earlier run left there goes on. */
bool audit_export_files(struct audit_source *s, const char *dir, bool disclosures, struct error *e) MUST_USE;

/* What a mirror has of a log: whole, verified, and not to be written again. Sizes 0: nothing. */
struct audit_kept {
	uint64_t newest, cosigned;
};
/* Writes the entries and tiles that the source's checkpoints name and those of `kept` do not, and no checkpoint. `written`
 * gets the paths, each with a NUL behind it, also of what was written before it failed. */
bool audit_export_tree(struct audit_source *s, const char *dir, const struct audit_kept *kept, struct buf *written,
                       struct error *e) MUST_USE;

/* verify.html: verifies a receipt, checkpoint or cosignature in a browser. Lives as long as the program. */
struct view audit_page(void);

/* Puts a file in place by writing beside it and renaming; folders are made. */
bool audit_write_file(const char *path, struct view bytes, struct error *e) MUST_USE;

/* --- entries for people and for other systems --- */
/* One line about an entry, with a newline: aligned, coloured when asked for, in so many columns (0: in full, as on a pipe).
 * `leaf` may be anything. */
void audit_line(uint64_t index, struct view leaf, bool colour, size_t width, struct buf *out);
/* Aligned heading of these lines. */
void audit_heading(size_t width, struct buf *out);

enum audit_format { FORMAT_JSONL, FORMAT_OCSF, FORMAT_ECS, FORMAT_CEF, FORMAT_RFC5424 };
bool audit_format_parse(const char *name, enum audit_format *out) MUST_USE;
/* One event with a newline. `origin` names the log. */
bool audit_format_entry(enum audit_format f, struct view origin, uint64_t index, struct view leaf, struct buf *out,
                        struct error *e) MUST_USE;

/* --- commands in files of their own --- */
int audit_tail(const struct ctl *c, int argc, char **argv);
int audit_verify(const struct ctl *c, int argc, char **argv);
int audit_verify_receipt(const struct ctl *c, int argc, char **argv);
int audit_prove(const struct ctl *c, int argc, char **argv);
int audit_export(const struct ctl *c, int argc, char **argv);
int audit_new_epoch(const struct ctl *c, int argc, char **argv);
int audit_follow_partner(const struct ctl *c, int argc, char **argv);
int audit_evidence(const struct ctl *c, int argc, char **argv);
int audit_missing(const struct ctl *c, int argc, char **argv);
int audit_archive(const struct ctl *c, int argc, char **argv);
int audit_mirror(const struct ctl *c, int argc, char **argv);
int audit_mirror_key(const struct ctl *c, int argc, char **argv);
int audit_reconcile(const struct ctl *c, int argc, char **argv);

#endif
