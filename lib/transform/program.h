/* Field rules, compiled: what of a record may leave, and in what form.
 *
 * program_compile() turns rules (already chosen for one agreement, purpose, tier, subject category and
 * direction) into an immutable trie with one action a leaf; threads share it. program_run() walks a
 * record's tape once and writes what may leave. A transform_run is one thread's scratch; once warm, a run
 * allocates nothing (but token and fpe, whose cipher contexts OpenSSL has to copy).
 *
 * A leaf is a scalar or an empty container. One that no rule reaches is dropped. `*` in a pattern stands for
 * each member and each item; items are reached by `*` only, because places in an array move when items
 * before them go. A rule reaches the places that its pointer names; drop, and every rule with `subtree`, reaches all
 * that is beneath as well. A rule that is neither keep nor drop and has no `subtree` takes no container: a record
 * with one at its place is refused. A container emptied by drops goes too, in arrays likewise ([{}] goes whole),
 * unless a keep rule names the container itself: that is how a container that a schema requires keeps its place.
 * The record itself always stays, if need be empty.
 *
 * Where several rules reach a leaf the strictest wins: the one whose result can be computed from the result of each
 * other (order.c). Where there is none the rules contradict each other and do not compile. Rules that narrow (an
 * overlay's) count where others let something pass; where one and the winner of the others cannot be compared, or what
 * the one leaves has not the form that the other leaves and whoever receives it expects, the leaf is dropped. The order of the rules never matters: it gives the same program, byte for byte. */
#ifndef GATEWAY_TRANSFORM_PROGRAM_H
#define GATEWAY_TRANSFORM_PROGRAM_H

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/crypto/crypto.h"
#include "lib/json/tape.h"
#include "lib/schema/schema.h"

/* The catalogue, names after ISO/IEC 20889; their order means nothing. A k-guard stands outside: it lets nothing
 * through and changes no leaf, but withholds fields of a record that too few others of its batch have alike. */
/* clang-format off */
#define ACTION_LIST(A) \
	A(KEEP, "keep") A(ROUND, "round") A(BAND, "band") A(TOPCODE, "topcode") \
	A(DATE_SHIFT, "date-shift") A(DATE_TRUNC, "date-trunc") A(GEO, "geo") A(IP_PREFIX, "ip-prefix") \
	A(POSTCODE, "postcode") A(REDACT_TEXT, "redact-text") A(FPE, "fpe") A(TOKEN, "token") \
	A(SEAL, "seal") A(PSEUDONYM, "pseudonym") A(SURROGATE, "surrogate") A(MASK, "mask") A(CONST, "const") A(NULL, "null") \
	A(DROP, "drop") A(K_GUARD, "k-guard")
/* clang-format on */

enum action {
#define A(name, text) ACTION_##name,
	ACTION_LIST(A)
#undef A
	        ACTION_COUNT
};
const char *action_name(enum action a);
enum action action_find(struct view name); /* ACTION_COUNT: no such action */

/* What a field is, from the most sensitive on; decides what may leave it in clear. */
enum field_category {
	FIELD_DIRECT,
	FIELD_SPECIAL,
	FIELD_FREE_TEXT,
	FIELD_QUASI,
	FIELD_OPERATIONAL,
	FIELD_CATEGORY_COUNT
};
const char *field_category_name(enum field_category c); /* "direct-identifier", … */
enum field_category field_category_find(struct view name);

/* One rule as the agreement states it. The pointer is a pattern. `params` are the action's members
 * ("domain", "normalise", "to", "digits", …), borrowed until compile returns. */
struct field_rule {
	const char *id; /* unique in the agreement */
	const char *pointer;
	enum field_category category;
	enum action action;
	bool subtree;         /* holds for everything beneath as well; DROP always does */
	bool narrows;         /* an overlay's: counts only where rules that do not narrow let something pass */
	bool arrived;         /* the ingress': the value was made by this rule already, and stays as it is */
	const char *waiver;   /* exception under which it may leave in clear, or NULL */
	const char *place;    /* in its document, for errors; NULL: the pointer */
	const json_t *params; /* object or NULL */
};

/* What keys are derived from. Without a secret (`secret.n == 0`) rules that need keys still compile (for
 * checking and ingress) and program_run() refuses with REASON_CRYPTO. */
struct key_context {
	struct secret secret;
	struct view agreement; /* id */
	struct view purpose;
	uint32_t epoch; /* of pseudonyms and tokens */
};

struct program;

/* Parameters are checked here; every error is listed with the rule's id, and stands at its place. */
struct program *program_compile(const struct field_rule *rules, size_t n, const struct key_context *keys,
                                struct error_list *errors) MUST_USE;
/* Derives the keys of a program that was compiled without a secret: from now on it runs like one that was compiled with it.
 * Before any other thread has it. False with the rule's place and what is wrong with it. */
bool program_arm(struct program *p, const struct secret *secret, struct error *e) MUST_USE;
void program_free(struct program *p);
size_t program_rule_count(const struct program *p);
const char *program_rule_id(const struct program *p, uint32_t rule);
enum action program_rule_action(const struct program *p, uint32_t rule);
enum field_category program_rule_category(const struct program *p, uint32_t rule);

/* What a program does at one of its places; which of them a record can have, its schema says. */
#define RULE_NONE UINT32_MAX /* no rule reaches it: dropped */
struct program_place {
	uint32_t rule;      /* that wins */
	uint32_t under;     /* the strictest of those that do not narrow: `rule` but where an overlay wins */
	uint8_t categories; /* of all that reach it, 1 << enum field_category */
	bool dropped;
	bool neither;         /* dropped, because neither `rule` nor `under` can govern: they cannot be compared, or */
	bool formless;        /* `rule` is stricter, and what it leaves has not the form that `under` leaves */
	bool keeps_container; /* an emptied container stays */
};
/* Places from 0 to program_places() - 1, in no order that means anything; or by a pattern of at most 4,096 bytes. */
size_t program_places(const struct program *p);
struct program_place program_place(const struct program *p, size_t k);
struct program_place program_place_at(const struct program *p, const char *pattern);

/* Which of two rules is stricter: -1 the first, 1 the second, 0 they are alike; RULES_CONTRADICT when neither is. The
 * rules may be of two programs. */
#define RULES_CONTRADICT 2
int program_compare(const struct program *a, uint32_t rule_a, const struct program *b, uint32_t rule_b);

/* The derived output schema: the rules as a closed shape plus each leaf's form (2020-12, no combinators; names
 * sorted, so that the same rules give the same bytes). Both sides can compute it from the agreement alone. */
bool program_output_schema(const struct program *p, struct buf *out, struct error *e) MUST_USE;

/* The k-guards of a program: combinations of values in the guarded fields that fewer than k records of a batch have
 * may not leave. A run tells the combination of its record; whoever has the whole batch counts, and runs a record
 * again with `suppressed` set, or refuses it. */
#define GUARDS_MAX 8
struct program_guard {
	uint32_t rule, k;
	bool refuse; /* the record, instead of the fields */
};
size_t program_guards(const struct program *p, struct program_guard out[GUARDS_MAX]);

/* What happened to one leaf. A container that is dropped or kept whole is one step, of its own node; of one that is
 * kept, rule and categories are those of the leaves beneath it, which are alike in them. */
struct trace_step {
	uint32_t node;      /* on the input tape */
	uint32_t rule;      /* or RULE_NONE */
	uint32_t under;     /* as in struct program_place */
	enum action action; /* what was done; DROP also for unlisted leaves */
	uint32_t epoch;     /* of the key that was used, 0 for none */
	uint8_t categories; /* as in struct program_place */
};

struct transform_run;
struct transform_run *transform_run_new(void) MUST_USE;
void transform_run_free(struct transform_run *r);

/* The table of surrogates, which the caller owns. A key stands for one value under one agreement, purpose, domain and
 * epoch, for nobody but the holder of the secret can make it. find() writes the bytes that were drawn at random when
 * the key was new, and always the same for one key as long as the table lives; false, with `e`: it cannot. */
#define SURROGATE_BYTES 16
struct surrogate_key {
	struct digest digest;
	uint32_t epoch;
};
struct surrogate_table {
	void *arg;
	bool (*find)(void *arg, const struct surrogate_key *key, uint8_t out[SURROGATE_BYTES], struct error *e);
};

/* What a run needs from outside besides the record. */
struct transform_input {
	const struct tape *tape;
	uint32_t record;     /* root of the record on the tape */
	struct view subject; /* of rules that do not find it in the record; may be empty: then they refuse */
	uint8_t random[32];  /* seed for the nonces of `seal`, fresh for each record; all zero: seal refuses */
	const struct surrogate_table *surrogates; /* NULL: surrogate refuses */
	bool batch;         /* the caller counts; false: a program with k-guards refuses, BATCH_REQUIRED */
	uint8_t suppressed; /* guards (1 << place) whose fields are dropped */
};
/* Appends the record that leaves to `out`, in the one form of lib/json/canonical.h: the same values give the same
 * bytes, however they came. On false nothing of `out` may be used; `e` has the pointer of the leaf and the rule's
 * id. The trace goes along the text of the record and lives until the next run. */
bool program_run(const struct program *p, struct transform_run *r, const struct transform_input *in, struct buf *out,
                 struct error *e) MUST_USE;
const struct trace_step *transform_trace(const struct transform_run *r, size_t *n);
/* What the last run's record tells in the fields of a guard, and whom it counts for (all zero: each record for itself).
 * False: nothing, for none of the fields left. */
bool transform_combination(const struct transform_run *r, size_t guard, struct digest *combination,
                           struct digest *subject);
/* Counts of redact-text recognisers in the last run, by recogniser name; for the decision. */
size_t transform_redactions(const struct transform_run *r, const char **names, uint32_t *counts, size_t max);

/* For the key holder: turns a value that `rule` (token, seal, fpe) made back and appends it as a JSON token of
 * its first type. `subject` as in the run that made it. REASON_TRANSFORM_FAILED when the value was not made
 * under this program's key, epoch and context, or the rule cannot be reversed. */
bool program_reverse(const struct program *p, struct transform_run *r, uint32_t rule, struct view subject,
                     struct view value, struct buf *out, struct error *e) MUST_USE;

/* The ingress' check: each leaf of what arrived has the form its rule leaves behind (a pseudonym looks
 * like one, a truncated date is truncated, …) and no leaf lies outside the rules. Allocates nothing. */
bool program_check_output(const struct program *p, const struct tape *t, uint32_t record, struct error *e) MUST_USE;

#endif
