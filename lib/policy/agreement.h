/* The agreement: the instrument itself as a program. Loaded once, checked as a whole, then immutable and
 * reference-counted (atomic); any thread. */
#ifndef GATEWAY_POLICY_AGREEMENT_H
#define GATEWAY_POLICY_AGREEMENT_H

#include "lib/base/datetime.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/crypto/crypto.h"
#include "lib/policy/rates.h"
#include "lib/schema/schema.h"
#include "lib/transform/program.h"

struct agreement;
struct signed_document;

enum tier { TIER_T0, TIER_T1, TIER_T2, TIER_COUNT };
/* LED Art. 6, and what could not be categorised. */
enum subject_category {
	SUBJECT_SUSPECT,
	SUBJECT_CONVICTED,
	SUBJECT_VICTIM,
	SUBJECT_OTHER,
	SUBJECT_UNCATEGORISED,
	SUBJECT_COUNT
};
const char *tier_name(enum tier t);
const char *subject_category_name(enum subject_category c);
enum tier tier_find(struct view name);                         /* TIER_COUNT: none */
enum subject_category subject_category_find(struct view name); /* SUBJECT_COUNT: none */

/* What surrounds the document when it is loaded. Callbacks are used during agreement_load() only. */
struct agreement_sources {
	void *arg;
	/* Text of a record schema by its SHA-256; false when it is not known. */
	bool (*schema)(void *arg, const struct digest *digest, struct view *text);
	/* Pinned signing certificates (DER) of a party or council seat: the k-th one, false past the last. */
	bool (*signer)(void *arg, struct view name, size_t k, struct view *cert_der);
	/* The key epochs that are set at run time (epochs.h); NULL callback or document: the agreement's own holds. */
	const struct signed_document *(*epochs)(void *arg, struct view agreement);
	/* Is there a file of an impact assessment with this SHA-256? NULL: nobody is asked (drafts). */
	bool (*assessment)(void *arg, const struct digest *digest);
	struct view self;                      /* own agency id; must be a party */
	struct view floor;                     /* text of floor.json, empty for none */
	struct view overlay;                   /* text of overlay.json, empty for none */
	const char *floor_file, *overlay_file; /* their names in errors; NULL: floor.json, overlay.json */
	struct secret pseudonym_secret;        /* n == 0: rules that need keys check but do not run */
	bool unsigned_ok;                      /* lint and simulate on drafts: signatures are not demanded */
	int64_t now_ms;
	/* document_schema() of "agreement" and of "approval", compiled once by who loads many; NULL: compiled for each. */
	struct schema *agreement_schema, *approval_schema;
};

/* Loads and compiles `text` with its detached signature. NULL with every error listed; `file` is its name
 * in errors. All combinations of purpose, tier, subject category and direction are compiled here. */
struct agreement *agreement_load(const char *file, struct view text, struct view signature,
                                 const struct agreement_sources *from, struct error_list *errors) MUST_USE;
/* Derives the keys of one that was loaded without a pseudonym secret, as if it had been loaded with it. Before any other thread
 * has it. */
bool agreement_arm(struct agreement *a, const struct secret *secret, struct error *e) MUST_USE;
struct agreement *agreement_ref(struct agreement *a);
void agreement_unref(struct agreement *a);

struct view agreement_id(const struct agreement *a);
struct view agreement_version(const struct agreement *a);
struct view agreement_text(const struct agreement *a);            /* the exact signed bytes */
const struct digest *agreement_digest(const struct agreement *a); /* SHA-256 of those */
/* The predecessor's digest, zeros when there is none, and the end of its grace. */
const struct digest *agreement_supersedes(const struct agreement *a);
int64_t agreement_effective_ms(const struct agreement *a);
int64_t agreement_grace_end_ms(const struct agreement *a);
int64_t agreement_sunset_ms(const struct agreement *a);
bool agreement_has_party(const struct agreement *a, struct view agency);
/* Whether the party's oversight bodies, as all parties recognise them, are led by this agency. */
bool agreement_oversight(const struct agreement *a, struct view party, struct view agency);
/* How much each partner may ask to be decided under it: its clause `limits`, and what is stricter of this nation's overlay. */
const struct rates *agreement_rates(const struct agreement *a);
/* Whether a seat of its joint council has this name. */
bool agreement_has_seat(const struct agreement *a, struct view name);
/* Whether records for this purpose (empty: for any) wait for an act of the council that authorises them. */
bool agreement_asks_council(const struct agreement *a, struct view purpose);
/* The k-th party, NUL-terminated as the one below; empty past the last. */
struct view agreement_party(const struct agreement *a, size_t k);
/* The party that stands first; NUL-terminated, lives as long as the agreement. */
const char *agreement_first_party(const struct agreement *a);
/* The party whose list of withdrawn consents counts; empty when nothing rests on consent. */
struct view agreement_withdrawals(const struct agreement *a);
/* The party whose list of given consents counts; empty: no such list is asked for. */
struct view agreement_given(const struct agreement *a);
/* Whether a legal basis of the agreement is consent. */
bool agreement_needs_consent(const struct agreement *a, struct view legal_basis);
/* The agency that receives what `from` provides under this agreement; empty when there is no such flow. */
struct view agreement_recipient(const struct agreement *a, struct view from);
/* When keys of this epoch are no longer used to send: the next epoch has begun, or the agreement has ended. */
int64_t agreement_epoch_end_ms(const struct agreement *a, uint32_t epoch);
/* Whether records leave under k-guards, hence in batches that are counted. */
bool agreement_has_guards(const struct agreement *a);
/* Whether records of one case are delivered in the order of their release. */
bool agreement_orders_cases(const struct agreement *a);
/* What the overlay takes away that its author may not have meant: fields that are dropped, because its rule and the
 * agreement's cannot be compared. A sentence each, which names both rules. */
void agreement_notes(const struct agreement *a, void (*each)(void *arg, const char *text), void *arg);
/* Does everything in an overlay reach one of the node's agreements? A rule, or the name of an agreement, purpose or
 * exception, that reaches none is a slip that would narrow nothing, and so is a rule for one agreement by which no less of
 * it leaves: false, with every error listed. True without agreements. */
bool overlay_reaches(const char *file, struct view overlay, struct agreement *const *agreements, size_t n,
                     struct error_list *errors);
/* Rules of the overlay by which no less leaves under any of them, a sentence each: for all agreements such a rule is no fault, for
 * it stands for those that are still to come. */
void overlay_idle(struct agreement *const *agreements, size_t n, void (*each)(void *arg, const char *text), void *arg);
/* k-th schema digest that the agreement pins; false past the last. */
bool agreement_schema(const struct agreement *a, size_t k, struct digest *out);

/* One compiled combination. Everything lives as long as the agreement. */
struct ruling {
	const struct program *program; /* what may leave; with this nation's overlay on egress */
	const struct program *shared;  /* the same from the agreement alone: the shared output check */
	struct schema *input;          /* the record as it comes in */
	struct schema *output;         /* the record as it leaves, from the agreement alone */
	struct digest input_digest;    /* of the input schema's text */
	struct duration payload;       /* the gateway's own payload, at most 28 days */
	struct duration copy;          /* the recipient system's copy */
	struct duration mask;          /* after which the recipient masks; all zero: never */
	struct duration review;        /* review interval of the copy; all zero: none */
	bool return_at_end;            /* the copy is returned and then erased, not only erased */
	struct duration receipt;       /* within which a duty is acknowledged */
	bool block_overdue;            /* an overdue receipt stops new records */
	struct duration notify, notify_longest, notify_again; /* of the data subject; all zero: elsewhere */
	enum tier tier;
	uint32_t epoch; /* key epoch */
};
/* NULL when the agreement does not cover the combination. `egress` false: ingress at the recipient. With the key
 * epoch that was in force when the agreement was loaded; ruling_at() has the one of an instant. */
const struct ruling *agreement_ruling(const struct agreement *a, struct view purpose, enum tier tier,
                                      enum subject_category category, bool egress);
const struct ruling *ruling_at(const struct ruling *r, int64_t now_ms);

/* `GET /v1/agreements/{id}` for a party: the document's facts as JSON, with digest and state at `now`. */
bool agreement_describe(const struct agreement *a, int64_t now_ms, struct buf *out) MUST_USE;
/* One page in plain language, the agreement's digest in its last line. */
bool agreement_summary(const struct agreement *a, bool html, struct buf *out) MUST_USE;

#endif
