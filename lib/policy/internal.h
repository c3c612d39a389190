/* The agreement as the modules of lib/policy see it. Built by one thread in agreement_load(), immutable
 * afterwards; everything lies in `mem` or in the documents. Sets of purposes, bases, tiers and categories
 * are bit masks, for the schema limits each list to 64. */
#ifndef GATEWAY_POLICY_INTERNAL_H
#define GATEWAY_POLICY_INTERNAL_H

#include <jansson.h>
#include <stdatomic.h>

#include "lib/base/arena.h"
#include "lib/json/tape.h"
#include "lib/policy/agreement.h"
#include "lib/policy/caveats.h"
#include "lib/policy/codes.h"
#include "lib/policy/domain.h"
#include "lib/policy/epochs.h"
#include "lib/schema/rest.h"

#define MASK_ALL   UINT64_MAX
#define BIT(n)     (UINT64_C(1) << (n))
#define INDEX_NONE SIZE_MAX

/* Before a pointer in the overlay, as decisions and errors of compiled rules name its places. */
#define OVERLAY_PLACE "overlay.json"

/* Where a demand comes from: decisions and errors say which document won. */
enum origin_document { FROM_AGREEMENT, FROM_FLOOR, FROM_OVERLAY };
const char *origin_document_name(enum origin_document d); /* "", "floor.json", "overlay.json" */

struct council;
struct regex;

struct quota {
	uint32_t uses; /* 0: no quota */
	struct duration per;
};

struct retention {
	struct duration payload, copy, mask, review, receipt;
	bool return_at_end, must_state, block_overdue;
};

struct criterion {
	struct view id;
};

/* What a tier demands: the meet of floor, overlay and agreement. */
struct tier_rule {
	bool present;
	size_t index; /* in the document */
	bool case_ref, necessity, officer, justify;
	uint32_t approvals;
	struct duration lifetime; /* of an approval after its signature; zero: APPROVAL_MAX_MS */
	enum origin_document case_from, necessity_from, officer_from, justify_from, approvals_from;
	struct quota quota;
	struct criterion *criteria;
	size_t n_criteria;
};

struct purpose {
	struct view id;
	size_t schema; /* index */
	uint64_t bases;
	uint32_t tiers, subjects;   /* masks of enum tier, enum subject_category */
	bool authorise;             /* it waits for an act of the council */
	struct retention retention; /* effective: the agreement's, then its own, narrowed by the overlay */
	enum origin_document copy_from;
	size_t denied; /* index in the overlay's denied_purposes, or INDEX_NONE */
};

struct legal_basis {
	struct view id;
	bool consent;
};

struct flow {
	struct view from, to;
	uint64_t purposes;
};

struct record_schema {
	struct view name;
	struct digest input_digest;
	struct view text;    /* of the input schema */
	struct view uri;     /* its base, where it has no $id */
	struct view entry;   /* fragment at which the record's schema stands, or empty */
	json_t *root;        /* the same, parsed */
	json_t **references; /* parsed */
	struct view *reference_uris;
	size_t n_references;
	bool ref_alone, formats;       /* of its dialect, as in domain.h */
	struct schema *input, *output; /* output NULL: derived from the rules */
};

struct exception {
	struct view id;
	const char **pointers;
	size_t n_pointers;
	uint64_t purposes;
	uint32_t tiers;
	uint32_t approvals;
	struct quota quota;
	int64_t expires_ms;
	bool denied; /* by the overlay */
};

/* One field rule, or a rule of the overlay (then `overlay` is set, and it applies wherever the
 * agreement's rules do). */
struct rule {
	struct field_rule field;
	size_t index; /* in its document */
	uint64_t purposes;
	uint32_t tiers, subjects;
	size_t waiver; /* index of an exception, or INDEX_NONE */
	bool overlay;
	bool stated_tiers; /* `when.tiers` was given */
	bool clear;        /* what it lets pass can be read (clear.h) */
	bool narrowed;     /* of an overlay's: somewhere less leaves by it */
	bool faulty;       /* it was found fault with: nothing is loaded, and no later stage judges it */
};

/* Members of the envelope that are texts and may leave beside the record, where the agreement's clause `envelope` lists
 * them; in the order of their names. */
enum beside_member { BESIDE_CASE, BESIDE_HANDLING, BESIDE_REFERENCE, BESIDE_COUNT };
const char *beside_member_name(enum beside_member m);
enum beside_member beside_member_find(struct view name); /* BESIDE_COUNT: none */

struct beside_rule {
	bool listed;
	bool denied;  /* by the overlay */
	size_t index; /* in the clause */
	enum action action;
	struct schema *form;     /* of the value as it is posted; NULL: dropped */
	struct field_rule field; /* its place beside the record: /case, /handling, /reference */
	uint32_t longest;        /* code points that the pattern allows */
};
/* The agreement lets it leave, in some form. */
static inline bool beside_leaves(const struct beside_rule *r)
{
	return r->listed && r->action != ACTION_DROP;
}

/* How case and reference are transformed, with the keys of one purpose and epoch. */
struct beside_program {
	struct beside_program *next;
	size_t purpose; /* INDEX_NONE: without keys, for what has arrived */
	uint32_t epoch;
	struct program *program;
};

/* A compiled program with the rule behind each of its rule indexes. */
struct compiled {
	struct compiled *next;
	struct program *program;
	struct schema *output; /* derived; only of shared programs */
	const struct rule **by_rule;
	size_t n_by_rule;
	uint64_t hash;       /* of the key below */
	const uint64_t *set; /* rules as a bit set */
	uint32_t epoch;      /* of its keys */
	size_t purpose;      /* INDEX_NONE: no keys, hence the same for all purposes */
	int kind;            /* 0 shared, 1 egress, 2 ingress */
	bool built;          /* without a fault */
	size_t schema;       /* record schema */
};

struct ruling_full {
	struct ruling ruling; /* first, so that the one is found from the other */
	const struct compiled *compiled, *shared;
	size_t purpose;
	enum subject_category category;
	int64_t from_ms;           /* when its epoch begins */
	struct ruling_full *later; /* the same with the next epoch, NULL: none is set */
};

struct agreement {
	atomic_uint refs;
	struct arena mem;
	json_t *doc, *floor_doc, *overlay_doc;
	struct view id, version, title, text;
	struct view withdrawals;       /* the party whose list of withdrawn consents counts; empty: none */
	struct view given;             /* the same of given ones */
	struct regex *consent_pattern; /* of the normal form of references */
	struct digest digest, floor_digest, overlay_digest, supersedes, codes;
	int64_t effective_ms, sunset_ms, grace_end_ms;
	int64_t review_next_ms, assessment_next_ms, crypto_expires_ms;
	size_t crypto_first; /* index of the algorithm that expires first */
	bool assessed;
	struct view self;
	struct view *parties;
	size_t n_parties;
	struct flow *flows;
	size_t n_flows;
	struct legal_basis *bases;
	size_t n_bases;
	struct purpose *purposes;
	size_t n_purposes;
	struct tier_rule tiers[TIER_COUNT];
	struct record_schema *schemas;
	size_t n_schemas;
	struct rule *rules;
	size_t n_rules;
	struct rule *overlay_rules; /* those for this agreement */
	size_t n_overlay_rules;
	struct exception *exceptions;
	size_t n_exceptions;
	struct beside_rule beside[BESIDE_COUNT];
	struct beside_program *beside_programs;
	bool subject_is_reference; /* a rule shifts dates or tells tokens apart by the envelope's reference */
	struct duration keep;      /* of what was acknowledged, at the sender */
	struct rates rates;        /* of its clause limits */
	struct rates rates_here;   /* with what is stricter of the overlay */
	struct duration notify_due, notify_longest, notify_again;
	bool notify_here;                     /* by the recipient's system */
	uint32_t scales, scales_required;     /* masks of enum scale */
	struct caveats caveats;               /* that travel with every record; their words lie in `doc` */
	size_t denied_subject[SUBJECT_COUNT]; /* index in the overlay's list, or INDEX_NONE */
	uint32_t epoch;                       /* its own */
	struct epoch_from *epochs; /* in force from when it was loaded on; the first is not lower than its own */
	size_t n_epochs;
	struct digest epochs_digest; /* of the document that set them; zeros: none */
	struct schema *approval_schema;
	struct compiled *compiled;
	struct council *council;      /* NULL: there is none */
	struct ruling_full **rulings; /* [purpose][tier][category][egress], NULL: not covered */
};

static inline size_t ruling_slot(size_t purpose, enum tier t, enum subject_category c, bool egress)
{
	return ((purpose * TIER_COUNT + t) * SUBJECT_COUNT + c) * 2 + (egress ? 1 : 0);
}

/* Clauses on which later stages rest. */
enum part {
	PART_PARTIES = 1,
	PART_BASES = 2,
	PART_TIERS = 4,
	PART_PURPOSES = 8,
	PART_SCHEMAS = 16,
	PART_EXCEPTIONS = 32,
	PART_RULES = 64,
	PART_COUNCIL = 128,
	PART_ENVELOPE = 256
};

/* What is at hand while an agreement is loaded. */
struct load {
	struct agreement *a;
	const struct agreement_sources *from;
	const char *file;
	struct tape tape; /* of the text, for places */
	struct error_list *errors;
	struct rest rest;    /* where the schema refuses the document: what is left of it, which is what is read */
	unsigned incomplete; /* mask of enum part: what something is left out of */
	unsigned faulty;     /* mask of what could not be read, so that nothing can rest on it */
	size_t told;         /* errors of earlier stages: at their places nothing more is said */
};

/* What is said of this place was said by the schema already, or hangs of what the schema left out. */
bool left_out(const struct load *l, const char *pointer);
/* The same of the periods that hold for a purpose. */
bool periods_left_out(const struct load *l, size_t purpose);

/* Adds `file:line:column: /pointer: text`; `pointer` is a place in the agreement. Always false. */
bool load_fault(struct load *l, enum reason reason, const char *pointer, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The same for `word`, which none of the clause `list` has as its `member`; says which of them it may be meant for. */
bool load_unknown(struct load *l, enum reason reason, const char *pointer, const char *text, struct view word,
                  const char *list, const char *member);
/* The same in the overlay. */
bool overlay_fault(struct load *l, enum reason reason, const char *pointer, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Was the same said before, in the same file? */
bool fault_known(const struct error_list *errors, const char *file, const char *text);

/* Line and column of a pointer; of its nearest parent where it is missing. Unchanged without a tape. */
void place_of(const struct tape *t, const char *pointer, uint32_t *line, uint32_t *column);

/* Small readers; the document has passed its schema, so what is missing is optional. */
struct view json_view(const json_t *object, const char *name); /* empty when absent */
bool json_flag(const json_t *object, const char *name);
struct duration json_duration(const json_t *object, const char *name); /* zero when absent */
int64_t json_instant(const json_t *object, const char *name);          /* TIME_NONE when absent */
struct digest json_digest(const json_t *object, const char *name);     /* zeros, which no text has, when absent */
/* The same value, whatever the order of members; NULL counts as an empty object. */
bool json_same(const json_t *a, const json_t *b);
bool duration_is_zero(const struct duration *d);
uint32_t tier_mask(const json_t *names); /* array or NULL: all */
uint32_t subject_mask(const json_t *names);

/* Each fills its part of l->a, adding every fault it finds; false when it found one. */
bool read_clauses(struct load *l);                                       /* read_clauses.c: parties to algorithms */
bool read_schemas(struct load *l);                                       /* read_schemas.c */
bool read_rules(struct load *l);                                         /* read_rules.c: rules, exceptions */
bool check_masks(struct load *l);                                        /* copy_terms.c: what the recipient masks */
bool read_floor(struct load *l);                                         /* floor.c: floor and overlay, the meet */
bool read_overlay_rules(struct load *l, struct rule **rules, size_t *n); /* overlay.c: those for this agreement */
bool check_signatures(struct load *l, struct view signature);            /* signatures.c */
bool read_epochs(struct load *l);                                        /* epochs.c */
bool compile_rulings(struct load *l);                                    /* compile.c */
bool arm_rulings(struct agreement *a, const struct secret *secret,
                 struct error *e);   /* the same: keys, as agreement_arm() */
bool read_beside(struct load *l);    /* read_beside.c: the clause envelope */
bool compile_beside(struct load *l); /* the same: its programs */
bool arm_beside(struct agreement *a, const struct secret *secret, struct error *e); /* the same: their keys */
/* The program for what leaves at `now_ms`, or for what has arrived; NULL: no member of it leaves. read_beside.c */
const struct program *beside_program(const struct agreement *a, struct view purpose, int64_t now_ms, bool arrived);

/* The rules of a combination against the floor, where several meet: what the strictest lets pass is as sensitive as the
 * most sensitive of them says. floor.c */
bool council_read(struct load *l); /* council.c: the clause council, which read_clauses() has looked at */
bool read_limits(struct load *l);  /* limits.c */
bool check_rates_floor(struct load *l, const json_t *limits);
void narrow_rates(struct agreement *a);
bool check_floor_places(struct load *l, const struct compiled *shared, enum tier t);

/* Does the pointer match something in the schema of one of the purposes? And what values may stand there?
 * read_rules.c */
bool place_exists(const struct agreement *a, const char *pointer, uint64_t purposes);
struct domain place_values(const struct agreement *a, const char *pointer, uint64_t purposes);
/* A rule takes part in a combination. */
static inline bool rule_applies(const struct rule *r, size_t p, unsigned t, unsigned s)
{
	return (r->purposes & BIT(p)) && (r->tiers >> t & 1) && (r->subjects >> s & 1);
}
/* May the rule stand where such values are? What neither keeps nor drops, and does not say that it holds for everything
 * beneath, says nothing of an object or array. */
bool rule_fits_kinds(const struct field_rule *f, unsigned kinds);
#define RULE_ON_CONTAINER \
	"the schema allows an object or array here, so it is keep or drop, says \"subtree\": true, or names what is " \
	"beneath (%s/*)"

size_t find_purpose(const struct agreement *a, struct view id); /* INDEX_NONE: none */
size_t find_basis(const struct agreement *a, struct view id);
size_t find_exception(const struct agreement *a, struct view id);
size_t find_schema(const struct agreement *a, struct view name);
size_t find_flow(const struct agreement *a, struct view from);

/* Does the pattern (tokens, `*` for any) cover the pointer or pattern, or with `subtree` one of its
 * ancestors? `*` in `pointer` is covered by `*` alone. pattern.c */
bool pattern_covers(const char *pattern, bool subtree, const char *pointer);
/* The same with `*` for each number, so that it names items wherever they stand; false, with nothing promised of `out`:
 * it has no number, or is too long. */
#define POINTER_MAX 402
bool pattern_of_items(const char *pointer, char out[POINTER_MAX]);
/* Is there a pointer that both reach? And one beneath which the other reaches? */
bool patterns_meet(const char *a, const char *b);
bool pattern_meets_above(const char *above, const char *pointer);

/* The most approvals that a record of the tier may need, by the tier or by an exception that it can cite; and how long one
 * counts after its signature. approval.c */
uint32_t approvals_asked(const struct agreement *a, enum tier t);
struct duration approval_lifetime(const struct tier_rule *r);

struct decision;
struct facts;
struct envelope;
/* Acts of persons against the record, decision_acts.c. `purpose`: index, INDEX_NONE: none of the agreement's. */
void decision_acts(struct decision *d, const struct agreement *a, const struct facts *f, const struct envelope *env,
                   size_t purpose);
/* Approvals of an envelope, approval.c. */
void approvals_check(struct decision *d, const struct agreement *a, const struct facts *f, const struct envelope *env,
                     const struct tape *t);

#endif
