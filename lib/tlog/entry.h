/* Audit entries: one line of JSON, ASCII, integers only, keys sorted; hashed and stored verbatim. The leaf
 * holds what the peer may read; everything else is an RFC 9901 disclosure whose salted digest the leaf
 * carries. Every leaf has 128 random bits, and the leaves of an operation all have the same number of digests, so
 * that whoever sees hashes cannot guess what was written, and whoever sees a leaf cannot count what it withholds.
 * Any thread. */
#ifndef GATEWAY_TLOG_ENTRY_H
#define GATEWAY_TLOG_ENTRY_H

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"

/* Operations of Directive (EU) 2016/680 Art. 25, then our own. */
/* clang-format off */
#define OPERATION_LIST(O) \
	O(COLLECTION, "collection") O(ALTERATION, "alteration") O(CONSULTATION, "consultation") \
	O(DISCLOSURE, "disclosure") O(COMBINATION, "combination") O(ERASURE, "erasure") \
	O(GENESIS, "genesis") O(REFUSAL, "refusal") O(HOLD, "hold") O(DECISION, "decision") \
	O(DELIVERY, "delivery") O(DUTY, "duty") O(VALIDATION, "validation") \
	O(POLICY_CHANGE, "policy-change") O(KEY_CHANGE, "key-change") O(CONFIG_CHANGE, "config-change") \
	O(START, "start") O(STOP, "stop") O(CLOCK_STEP, "clock-step") O(RESTORE, "restore") \
	O(INCIDENT, "incident") O(BACKUP, "backup") O(ACT, "act")
/* clang-format on */

enum operation {
#define O(name, text) OPERATION_##name,
	OPERATION_LIST(O)
#undef O
	        OPERATION_COUNT
};
const char *operation_name(enum operation o);
/* How many digests a leaf of this operation has, whatever it withholds; it withholds no more. */
unsigned operation_digests(enum operation o);

#define ENTRY_RANDOM 16
struct entry_range {
	uint64_t first, last;
};

/* What a leaf may say. Empty views, zero digests and negative numbers are left out. Texts are valid UTF-8;
 * what is not ASCII in them is escaped. A member of the leaf is named as here, `time_ms` as "time"; digests
 * are lower-case hex. */
struct entry {
	enum operation operation;
	int64_t time_ms;
	struct uuid exchange;  /* all zero: none */
	struct uuid origin;    /* the first gateway's id of what a gateway delivered; all zero: none */
	struct uuid corrects;  /* the exchange whose record this one replaces; all zero: none */
	struct view peer;      /* partner id */
	struct view recipient; /* agency */
	struct view agreement, purpose, legal_basis, tier;
	struct view exception; /* that was relied on, as the agreement names it */
	struct view checked;   /* what the provider's gateway found in the envelope: words with commas between */
	struct digest agreement_digest;
	struct digest consent;       /* that it rests on: consent_told() */
	struct digest envelope;      /* SHA-256(salt || members of the delivery beside the record) */
	struct view outcome;         /* outcome_name() */
	struct view reason;          /* coarse */
	struct digest input, output; /* SHA-256(salt || record) */
	struct digest caveats; /* SHA-256(salt || the JSON of lib/policy/caveats.h), with the salt of the record */
	bool final;            /* a refusal between gateways that sending again does not change; false: not said */
	unsigned form;         /* in which the record that left is spelled (CANONICAL_FORM); 0: none left */
	/* What changed of what is in force: kind, name, how, and the SHA-256 of its text before and after. */
	struct view kind, name, change;
	struct digest before, after;
	struct view build; /* software build */
	struct view note;  /* short ASCII text for our own operations */
	/* Of an erasure of withheld fields: all that entries `first` to `last` still had, both counted, in order; and the
	 * origin of their log when that is an earlier one. */
	const struct entry_range *erased;
	size_t n_erased;
	struct view erased_log;
	uint8_t random[ENTRY_RANDOM]; /* fresh, one entry's own; zeros: left out, as builds of before did */
	uint8_t seed[ENTRY_RANDOM];   /* of the decoys, fresh; never in the leaf */
};

/* Collects disclosures; each needs 16 random bytes as its salt. */
struct disclosures {
	struct buf packed;  /* JSON array of base64url strings, as it is stored; the last may be the decoys' seed */
	struct buf digests; /* the leaf's "_sd" array, sorted when the leaf is written */
	struct buf nested;  /* of those that no group has yet */
	struct buf text;    /* of the disclosure that is being added */
	unsigned n, n_nested;
};
/* RFC 9901 section 4.2.1: base64url(JSON [salt, name, value]). `value` is JSON text. */
void disclosures_add(struct disclosures *d, const uint8_t salt[16], struct view name, struct view value);
/* The same, for a group: the leaf has the digest of the group alone. */
void disclosures_nest(struct disclosures *d, const uint8_t salt[16], struct view name, struct view value);
/* RFC 9901 section 4.2.6, recursive disclosures: adds one named "stated" whose value is {"_sd": the digests that were
 * nested}, so that each field can be shown alone and the leaf tells neither which there are nor how many. Nothing without
 * any; no other disclosure has this name. */
void disclosures_group(struct disclosures *d, const uint8_t salt[16]);
/* Fills up to `n` digests: decoy i, from 0 on, is SHA-256(seed || i), i one byte. The seed, 22 characters of base64url,
 * becomes the row's last string, so that each of them opens. Packed is set to failed when there are more than `n`. */
void disclosures_pad(struct disclosures *d, const uint8_t seed[ENTRY_RANDOM], unsigned n);
/* The `_sd` array as the leaf has it. Sets out->failed when a disclosure did not fit. */
void disclosures_digests(struct disclosures *d, struct buf *out);
/* RFC 9901 section 4.2.3: base64url(SHA-256(the disclosure's text)), 43 characters. */
void disclosure_digest(struct view disclosure, struct buf *out);
void disclosures_reset(struct disclosures *d);
void disclosures_free(struct disclosures *d);

/* Entry bundles (C2SP tlog-tiles) have room for no more. */
#define ENTRY_MAX 65535
/* Appends the leaf's line without newline. `d` is padded to what the operation has; NULL: the leaf has no digests. A
 * line above ENTRY_MAX, a disclosure that did not fit, or one too many sets out->failed. */
void entry_print(const struct entry *e, struct disclosures *d, struct buf *out);
/* Checks a packed disclosure row against a leaf: every disclosure's digest is in the leaf's `_sd` or in that of a group, and
 * each of those has its disclosure, or is a decoy of the row's seed. An empty row is an erased one and passes. */
bool disclosures_verify(struct view leaf, struct view packed, struct error *e) MUST_USE;
/* How many digests the leaf's `_sd` has; false when it is malformed. */
bool disclosures_count(struct view leaf, unsigned *n) MUST_USE;

#endif
