/* The configuration of core: node, partners, agreements, documents of run time, floor and overlay, revocations. conf_load() builds
 * everything new and checks everything, listing every error; the caller then swaps one pointer. A conf is
 * immutable and reference-counted (atomic): whoever decides by one holds it until the decision is done.
 * Secrets and stores are opened once at start and are not part of it. */
#ifndef GATEWAYD_CORE_CONF_CONF_H
#define GATEWAYD_CORE_CONF_CONF_H

#include "gatewayd/edge_config.h"
#include "gatewayd/core/conf/verified.h"
#include "gatewayd/os/space.h"
#include "lib/base/arena.h"
#include "lib/crypto/x509.h"
#include "lib/policy/agreement.h"
#include "lib/policy/approval.h"
#include "lib/tlog/note.h"
#include "lib/tlog/receipt.h"

/* clang-format off */
#define ROLE_LIST(R) \
	R(SYSTEM, "system") R(GATEWAY, "gateway") R(OFFICER, "officer") R(OPERATOR, "operator") \
	R(AUDITOR, "auditor") R(SUPERVISOR, "supervisor") R(OMBUDSPERSON, "ombudsperson") R(COUNCIL, "council")
/* clang-format on */

enum role_bit {
#define R(name, text) ROLE_##name##_BIT,
	ROLE_LIST(R)
#undef R
	        ROLE_COUNT
};
#define ROLE(name) (1u << ROLE_##name##_BIT)

struct partner {
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
};

struct node {
	const char *agency, *name, *host;
	const char *origin;             /* <host>/audit/<node>/<epoch> */
	const char **listen, **monitor; /* "address:port" */
	size_t n_listen, n_monitor;
	const char *store, *keys, *mirror, *vkey, *anchor, *control, *user;
	const char *folder; /* of gatewayd.json */
	unsigned threads;
	uint32_t lines, reads_per_minute;
	struct edge_limits edge;
	struct duration delivery_deadline;
	uint32_t first_retry_ms, longest_retry_ms;
	struct space_reserve reserve; /* what is to stay free on disks */
	uint64_t write_ahead_max;     /* bytes; with more that a reader keeps no record is taken */
	uint32_t witness_every_s, rebuild_every_s;
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

struct conf {
	_Atomic unsigned refs;
	struct arena mem;
	uint64_t generation; /* grows with each load in this process */
	struct node node;
	const char *paths[24]; /* every path that the node document names; NULL-terminated */
	size_t n_paths;
	struct timestamp_authority timestamp;
	struct partner *partners;
	size_t n_partners;
	struct agreement **agreements;
	size_t n_agreements;
	struct signed_document **documents; /* documents.h */
	size_t n_documents;
	struct digest *assessments; /* of the files of impact assessments */
	size_t n_assessments;
	struct schema_source *schemas; /* texts by digest */
	size_t n_schemas;
	struct view floor, overlay; /* texts; empty: none */
	struct crl *crl;            /* NULL: none configured, or none that can be used */
	bool revocation_checked;    /* a list is configured */
	struct digest crl_digest;   /* of the list's text; zeros where `crl` is NULL */
	struct error revocation;    /* why everybody is refused: the list is missing, foreign or out of date */
	struct buf edge_blob;       /* what the edge is sent, see edge_config.h */
};

/* `secret` is the pseudonym secret (n == 0 where the caller only checks). */
struct conf *conf_load(const char *path, const struct secret *secret, int64_t now_ms,
                       struct error_list *errors) MUST_USE;
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf *c);

/* The partner whose certificate this is, or NULL. */
const struct partner *conf_partner(const struct conf *c, const struct cert_id *cert);
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
