/* The configuration of core: node, partners, agreements, documents of run time, floor and overlay, revocations. conf_load() builds
 * everything new and checks everything, listing every error; the caller then swaps one pointer. A conf is
 * immutable and reference-counted (atomic): whoever decides by one holds it until the decision is done.
 * Secrets and stores are opened once at start and are not part of it. */
#ifndef GATEWAYD_CORE_CONF_CONF_H
#define GATEWAYD_CORE_CONF_CONF_H

#include "gatewayd/channel.h"
#include "gatewayd/edge_config.h"
#include "gatewayd/journal.h"
#include "gatewayd/core/conf/verified.h"
#include "gatewayd/os/space.h"
#include "lib/base/arena.h"
#include "lib/base/datetime.h"
#include "lib/crypto/own_chain.h"
#include "lib/crypto/x509.h"
#include "lib/policy/agreement.h"
#include "lib/policy/approval.h"
#include "lib/tlog/note.h"
#include "lib/tlog/receipt.h"
#include "lib/tlog/trust.h"

/* clang-format off */
#define ROLE_LIST(R) \
	R(SYSTEM, "system") R(GATEWAY, "gateway") R(OFFICER, "officer") R(OPERATOR, "operator") \
	R(AUDITOR, "auditor") R(SUPERVISOR, "supervisor") R(OMBUDSPERSON, "ombudsperson") R(COUNCIL, "council") \
	R(COURT, "court")
/* clang-format on */

enum role_bit {
#define R(name, text) ROLE_##name##_BIT,
	ROLE_LIST(R)
#undef R
	        ROLE_COUNT
};
#define ROLE(name)      (1u << ROLE_##name##_BIT)
#define ROLES_OVERSIGHT (ROLE(AUDITOR) | ROLE(SUPERVISOR) | ROLE(COURT))

/* Of one agreement, beside those of the partner as a whole. */
struct agreement_rates {
	const char *agreement; /* its id */
	struct rates rates;
};

struct partner {
	uint32_t weight; /* of its turns among the partners' */
	struct rates rates;
	struct agreement_rates *by_agreement;
	size_t n_by_agreement;
	const char *id, *agency, *jurisdiction;
	unsigned roles;  /* ROLE(...) bits */
	const char *uri; /* of its certificate; NULL: has none (a signer only) */
	struct digest pins[4];
	size_t n_pins;
	const char *host; /* NULL: no endpoint */
	uint16_t port;
	bool has_log;
	struct note_vkey log;
	struct note_vkey *earlier; /* of its log in earlier epochs: for receipts only */
	size_t n_earlier;
	bool has_witness;
	struct note_vkey witness; /* cosigns this node's log */
	struct view *signers;     /* DER certificates */
	size_t n_signers;
	int64_t training_until_ms; /* TIME_NONE: not stated */
	const char **oversees;     /* agencies that it oversees; only with a role of ROLES_OVERSIGHT */
	size_t n_oversees;
};

/* What a stream of NDJSON holds beside the line under way: results that were not read, bytes that are no line yet, itself. */
#define NODE_RESULTS_BYTES (1024u * 1024)
#define NODE_STREAM_BYTES  (NODE_RESULTS_BYTES + 2 * CHANNEL_CREDIT + 4096u)

struct node {
	const char *agency, *name, *host;
	const char *origin;             /* <host>/audit/<node>/<epoch> */
	const char **names;             /* others, and addresses, under which partners reach it */
	const char **listen, **monitor; /* "address:port" */
	const char **reserved;          /* addresses or prefixes */
	size_t n_names, n_listen, n_monitor, n_reserved;
	const char *store, *keys, *mirror, *vkey, *witness_vkey, *anchor, *control, *user;
	const char *partners;      /* the folder */
	const char *file, *folder; /* gatewayd.json, and where it lies */
	unsigned threads;
	uint32_t lines, reads_per_minute;
	uint64_t memory_bytes, partner_memory_bytes; /* of requests, overall and of each partner */
	uint32_t jobs, partner_jobs;                 /* lines under way */
	uint32_t wait_ms;                            /* for room, or a turn */
	struct rates rates;                          /* of partners whose file says nothing else */
	struct edge_limits edge;
	struct duration delivery_deadline;
	uint32_t first_retry_ms, longest_retry_ms;
	struct space_reserve reserve; /* what is to stay free on disks */
	uint64_t write_ahead_max;     /* bytes; with more that a reader keeps no record is taken */
	uint32_t witness_every_s, witness_silence_s, rebuild_every_s;
	enum journal_level log_level;
	enum journal_form log_form;
	struct duration disclosures; /* how long the log's withheld fields are kept */
};

/* An RFC 3161 timestamp authority. */
struct timestamp_authority {
	struct partner to; /* host, port and pins; `host` NULL: none is configured */
	const char *path;
	bool plain;              /* HTTP without TLS */
	struct view authorities; /* PEM: what its certificate must come from */
	uint32_t every_s;
};

/* An authority's revocation list. */
struct revocation {
	struct crl *list; /* NULL: none that can be used */
	const char *path;
	struct digest digest; /* of its text */
};

/* A witness that no partner file is about (C2SP tlog-witness). */
struct outside_witness {
	struct partner to;  /* id: its name; host, port, key: `has_witness` */
	const char *prefix; /* the path of its URL, without a slash at its end */
	bool plain;         /* HTTP without TLS */
};

struct conf {
	_Atomic unsigned refs;
	struct arena mem;
	uint64_t generation; /* grows with each load in this process */
	struct node node;
	const char *paths[40]; /* every path that the node document names; NULL-terminated */
	size_t n_paths;
	struct timestamp_authority timestamp;
	struct chain *chain;  /* verifies what peers show */
	struct own_chain own; /* what this gateway shows */
	struct view own_pem;
	const char *own_file, *own_key_file;
	const char *authorities_file, *hosts_file; /* the second NULL: none */
	struct partner *partners;
	size_t n_partners;
	struct outside_witness *witnesses;
	size_t n_witnesses;
	struct trust *quorum;          /* over partners' witnesses and those; NULL: none is asked for */
	struct view quorum_text;       /* as a policy (C2SP tlog-policy) without logs */
	struct agreement **agreements; /* by id, then version */
	size_t n_agreements;
	struct signed_document **documents; /* documents.h */
	size_t n_documents;
	struct digest *assessments; /* of the files of impact assessments */
	size_t n_assessments;
	struct schema_source *schemas; /* texts by digest */
	size_t n_schemas;
	struct view floor, overlay; /* texts; empty: none */
	struct authorities *authorities;
	struct revocation revocations[AUTHORITIES_MAX]; /* by authority */
	bool revocation_checked;                        /* lists are configured */
	struct error revocation; /* the first list that is missing, foreign or out of date, as of the load */
	struct buf edge_blob;    /* what the edge is sent, see edge_config.h */
};

/* `secret` is the pseudonym secret (n == 0 where the caller only checks). A certificate of this gateway that is past its time is
 * no error: `own.late`. */
struct conf *conf_load(const char *path, const struct secret *secret, int64_t now_ms,
                       struct error_list *errors) MUST_USE;
/* The same, and lists what conf_set_up() finds, and that the gateway's certificate is past its time, unless it is the one
 * that `running` (NULL: none) shows already. */
struct conf *conf_load_here(const char *path, const struct secret *secret, const struct conf *running, int64_t now_ms,
                            struct error_list *errors) MUST_USE;
/* Gives the agreements of one that was loaded without it the pseudonym secret. Before any other thread has it. */
bool conf_arm(struct conf *c, const struct secret *secret, struct error *e) MUST_USE;
/* Lists what this machine lacks for it, as the account that the caller is: folders and who may read and write them, secrets,
 * and that audit.vkey and witness.vkey are theirs. Changes nothing. */
void conf_set_up(const struct conf *c, struct error_list *errors);
/* Gives those from `from` on that name a file of ours and a pointer, and no line, the line and column in it. */
void conf_place(struct error_list *errors, size_t from);
/* What the node document says of whom it belongs to, without judging the rest: /user and /keys, "" where there is none. */
void conf_peek(const char *path, char *user, size_t user_size, char *keys, size_t keys_size);
/* What of certificates is worth a look, a line each: the gateway's own expires within CERTIFICATE_SOON_MS or does not hold for one
 * of `names`; an authority, or a partner's signing certificate, has expired or will within that time. */
#define CERTIFICATE_SOON_MS (30 * DAY_MS)
void conf_certificate_notes(const struct conf *c, int64_t now_ms, void (*each)(void *arg, const char *text), void *arg);
/* What stands there and does nothing, a line each: limits for agreements that are not here, partners that nobody can be taken for,
 * lines of hosts that say nothing, and the like. */
void conf_idle_notes(const struct conf *c, void (*each)(void *arg, const char *text), void *arg);
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf *c);

/* The partner whose certificate this is, or NULL. */
const struct partner *conf_partner(const struct conf *c, const struct cert_id *cert);
/* What the list of the authority (authority_id()) says of a certificate; REASON_NONE: nothing. NULL: its authority is none of
 * ours. Without a list that holds now, REASON_REVOCATION_UNKNOWN. */
enum reason conf_revoked(const struct conf *c, const struct digest *authority, const char *serial, int64_t now_ms);
/* Each list's state at `now_ms` as a line; `refused`: it is missing or old, and its authority's certificates are refused. */
void conf_revocation_notes(const struct conf *c, int64_t now_ms,
                           void (*each)(void *arg, bool refused, const char *text), void *arg);
/* When the next list is due; TIME_NONE: there is none. */
int64_t conf_revocation_due_ms(const struct conf *c);
/* Whether an agreement of this agency has not ended: ones to come count. */
bool conf_is_bound(const struct conf *c, const char *agency, int64_t now_ms);
/* Verifies a receipt from the partner's log, of this epoch or an earlier one (lib/tlog/receipt.h). `known`: verified.h.
 * `shown` gets its checkpoint, which looks into the receipt or the partner. */
bool conf_receipt(const struct partner *p, struct verified *known, const struct receipt *r, struct view entry,
                  struct checkpoint *shown, struct error *e) MUST_USE;
/* The partner of an agency with this role and an endpoint or log, or NULL. */
const struct partner *conf_agency(const struct conf *c, struct view agency, unsigned role);
/* Who signs with the key of this SHA-256 among the partners that `may` lets through, and the pinned certificate;
 * NULL: nobody. */
const struct partner *conf_signer(const struct conf *c, bool (*may)(const void *arg, const struct partner *p),
                                  const void *arg, const struct digest *spki, struct view *cert_der) MUST_USE;
/* A pinned officer by the SHA-256 of the certificate's key, among those of `agency` (empty: of all). How long the
 * training is valid (TIME_NONE: not stated, which counts as none) a training document governs. */
bool conf_officer(const struct conf *c, struct view agency, const struct digest *spki,
                  struct officer_found *out) MUST_USE;
/* Pinned signing certificates of a partner id or of an agency: the k-th one, false past the last. */
bool conf_signer_of(const struct conf *c, struct view name, size_t k, struct view *cert_der) MUST_USE;
/* An agreement by id; of several versions the one in force at `now_ms` (or the predecessor with that
 * digest, within its grace, when `digest` is not NULL). */
struct agreement *conf_agreement(const struct conf *c, struct view id, const struct digest *digest, int64_t now_ms);

/* The folders of every path that the node document names, NULL-terminated, in `mem`; NULL: no memory. */
const char *const *conf_folders(const struct conf *c, struct arena *mem);
/* The text of a record schema by digest; p NULL when it is not known. */
struct view conf_schema(const struct conf *c, const struct digest *digest);
/* Calls `each` for every document that governs: kind ("agreement", "schema", "floor", "overlay") and text. */
void conf_each_document(const struct conf *c, void (*each)(void *arg, const char *kind, struct view text), void *arg);

#endif
