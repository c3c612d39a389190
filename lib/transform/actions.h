/* The catalogue of transforms: parameters, checks at load, application, and the form that each leaves.
 * For the files of this folder; others use program.h. Rules are immutable once keyed, any thread reads
 * them; a transform_run belongs to one thread.
 *
 * Parameters stand in the rule's `params`; schema/transforms.schema.json has a definition for each action.
 * Those marked ! must be given.
 *
 *   keep, drop, null   none. `subtree` is a member of the rule, not a parameter. DROP always takes
 *                      everything beneath; KEEP on a container keeps the container itself.
 *   const              value! (text, whole number or boolean)
 *   mask               character ("*"), length | keep_first, keep_last (0 to 8)
 *   pseudonym          domain!, normalise! (exact, name, name-script, name-any, document, phone, date, email, text),
 *                      bits (128, 160, 192, 256)
 *   surrogate          domain!, normalise!
 *   token              domain!, pad (16), per_subject (false), subject
 *   seal               domain!, pad (16)
 *   fpe                domain!, alphabet! (digits, letters, alphanumeric), check (none, luhn, mrz), separators
 *   date-shift         domain!, days! (1 to 3650), subject
 *   date-trunc         to! (day, month, quarter, year, decade), as (short, date)
 *   band               edges | width
 *   round              digits! (-15 to 15)
 *   topcode            max, min: one or both
 *   geo                decimals (0 to 3) | geohash (1 to 6)
 *   ip-prefix          ipv4 (24), ipv6 (48)
 *   postcode           keep_first | drop_last, suppress
 *   redact-text        recognisers, dictionary: one or both
 *   k-guard            k! (2 to 1000), fields! (1 to 32 patterns), otherwise (drop, refuse), subject
 *
 * Forms that leave: pseudonym `p1.<epoch>.<base32>`, surrogate `r1.<epoch>.<base32>`, token `t1.<epoch>.<base64url>`, seal
 * `s1.<epoch>.<base64url>`. A JSON null stays null under every action but const and drop: it says that
 * there is no value, and so has none to hide. A value of another type than the action takes is refused. A number
 * is taken by its value: whatever its spelling, it has the same token, pseudonym or subject. */
#ifndef GATEWAY_TRANSFORM_ACTIONS_H
#define GATEWAY_TRANSFORM_ACTIONS_H

#include "lib/json/splice.h"
#include "lib/transform/normalise.h"
#include "lib/transform/program.h"
#include "lib/transform/redact.h"

#define DOMAIN_MAX       63
#define BAND_EDGES_MAX   64
#define GUARD_FIELDS_MAX 32
#define EDGE_TEXT        20 /* of an int64_t, with sign and NUL */
#define PATH_MAX_DEPTH   65 /* of all pointers: compile.c sees to it */
#define PREFIX_TEXT      16 /* "p1.4294967295." */

enum period { PERIOD_DAY, PERIOD_MONTH, PERIOD_QUARTER, PERIOD_YEAR, PERIOD_DECADE };
enum check_digit { CHECK_NONE, CHECK_LUHN, CHECK_MRZ };

/* Where in the record the data subject of a leaf is named: from the container that this many tokens of the rule's
 * pointer lead to, by member names, each ended by a NUL. n is 0 when the envelope names it. */
struct subject_path {
	uint32_t shared, n;
	char *names;
};

struct const_params {
	char *token;      /* JSON */
	struct view text; /* of a string, decoded */
	enum tape_type type;
};
struct mask_params {
	char character;
	uint32_t length, first, last;
};
struct pseudonym_params {
	enum profile profile;
	uint32_t bits;
};
struct hidden_params {
	uint32_t pad;
	bool per_subject;
};
struct fpe_params {
	unsigned radix;
	enum check_digit check;
	char separators[8];
};
struct shift_params {
	uint32_t days;
};
struct trunc_params {
	enum period to;
	bool as_date;
};
struct band_params {
	uint32_t n;
	int64_t width;
	int64_t edges[BAND_EDGES_MAX];
	char text[BAND_EDGES_MAX][EDGE_TEXT];
};
struct round_params {
	int32_t digits;
};
struct topcode_params {
	bool has_min, has_max;
	int64_t min, max;
	char min_text[EDGE_TEXT], max_text[EDGE_TEXT];
};
struct geo_params {
	bool is_hash;
	uint32_t digits;
};
struct ip_params {
	uint32_t v4, v6;
};
struct postcode_params {
	uint32_t first, last;
	uint32_t n_suppress;
	char (*suppress)[9];
};
struct guard_params {
	uint32_t k, n;
	bool refuse;
	char *fields[GUARD_FIELDS_MAX];
};
struct redact_params {
	unsigned recognisers;
	struct dictionary *words;
	uint64_t *hashes; /* of the words, rising: which dictionary has all words of another */
	size_t n_hashes;
};

/* The derived keys of a rule, and the context that they are bound to. Views into the program. */
struct rule_key {
	char domain[DOMAIN_MAX + 1];
	char prefix[PREFIX_TEXT];
	struct hmac_key *hmac;
	struct siv_key *siv;
	struct ff1_key *ff1;
	struct secret gcm;
	struct view agreement, purpose;
	struct buf aad;
	bool ready; /* keys were derived */
};

struct rule {
	char *id, *pointer;
	enum action action;
	enum field_category category;
	bool subtree, narrows, arrived;
	char *waiver;   /* or NULL */
	char *place;    /* for errors */
	uint32_t epoch; /* 0 for actions without a key */
	struct rule_key key;
	struct subject_path subject;
	union {
		struct const_params constant;
		struct mask_params mask;
		struct pseudonym_params pseudonym; /* and surrogate */
		struct hidden_params hidden;       /* token, seal */
		struct fpe_params fpe;
		struct shift_params shift;
		struct trunc_params trunc;
		struct band_params *band;
		struct round_params round;
		struct topcode_params *topcode;
		struct geo_params geo;
		struct ip_params ip;
		struct postcode_params *postcode;
		struct redact_params redact;
		struct guard_params *guard;
	} p;
};

/* What the fields of one k-guard hold in the record of a run: state and bytes of each leaf, then digests. */
struct guarded {
	struct buf bytes;
	bool any;
	struct digest combination, subject;
};

/* One thread's scratch. */
struct transform_run {
	struct trace_step *trace;
	size_t n_trace, cap_trace;
	/* For putting the trace in order: the same again, and by node which step is its own. */
	struct trace_step *spare;
	uint32_t *places;
	size_t cap_spare, cap_places;
	struct buf text, bytes, encoded; /* of one leaf at a time; wiped at the end of a run */
	struct buf number, subject_text; /* a number's one spelling: of the leaf, of its subject */
	struct member_order order;
	struct normaliser *normaliser;
	struct gcm *gcm;
	uint32_t redactions[RECOGNISER_COUNT];
	const struct surrogate_table *surrogates;
	const struct tape *tape;
	uint32_t path[PATH_MAX_DEPTH]; /* containers on the way to the leaf, from the record on */
	struct view subject;
	const uint8_t *random;
	struct guarded guarded[GUARDS_MAX];
	uint32_t sealed; /* leaves sealed in this run: no nonce twice */
};

/* params.c: reads and checks `params` into a zeroed rule with id, pointer and action set; false with errors
 * added. rule_free() takes half-built rules. */
bool rule_params(struct rule *r, const json_t *params, struct error_list *errors) MUST_USE;
void rule_free(struct rule *r);
bool action_has_key(enum action a);

/* subject.c: reads the pointer of a subject; NULL, or what is wrong with it. Then the subject of the leaf that the run
 * is at; false with TRANSFORM_FAILED when nobody names it: never a default. */
const char *subject_read(struct subject_path *s, const char *rule_pointer, const char *pointer) MUST_USE;
bool subject_same(const struct subject_path *a, const struct subject_path *b);
bool rule_subject(const struct rule *r, struct transform_run *run, struct view *out, struct error *e) MUST_USE;

/* A rule of the ingress becomes a keep: what it says of values was said when they were made. */
void rule_arrive(struct rule *r);

/* order.c: can the result of `a` be computed from that of `b`, without key and value? Reflexive and transitive; rules
 * of which each can be computed from the other are alike. Then which of two is stricter: -1 a, 1 b, 0 alike;
 * RULES_CONTRADICT when neither is. */
bool rule_follows(const struct rule *a, const struct rule *b) MUST_USE;
int rule_compare(const struct rule *a, const struct rule *b) MUST_USE;

/* keys.c: HKDF-SHA-256 with salt = agreement id and info = length-prefixed scheme version, purpose, domain and
 * transform, then the epoch. */
bool rule_derive(struct rule *r, const struct key_context *keys, struct error *e) MUST_USE;

/* apply.c: writes the transformed leaf. False with TRANSFORM_FAILED, or CRYPTO without keys. */
bool action_apply(const struct rule *r, struct transform_run *run, const struct tape *t, uint32_t node,
                  struct splice *out, struct error *e) MUST_USE;
/* Sets the error with the rule's pointer and id; returns false. */
bool rule_fail(const struct rule *r, struct error *e, const char *what);

/* The actions themselves. A text is the decoded string of the leaf; results go to run->text, or to `out`. */
bool apply_mask(const struct rule *r, struct view text, struct buf *out);
bool apply_postcode(const struct rule *r, struct view text, struct buf *out, struct error *e);
bool apply_geohash(const struct rule *r, struct view text, struct buf *out, struct error *e);
bool apply_ip_prefix(const struct rule *r, struct view text, struct buf *out, struct error *e);
bool apply_date_trunc(const struct rule *r, struct view text, struct buf *out, struct error *e);
bool apply_date_shift(const struct rule *r, struct transform_run *run, struct view text, struct buf *out,
                      struct error *e);
bool apply_number(const struct rule *r, struct view token, struct buf *out, bool *is_string, struct error *e);
bool apply_pseudonym(const struct rule *r, struct transform_run *run, struct view text, struct error *e);
bool apply_surrogate(const struct rule *r, struct transform_run *run, struct view text, struct error *e);
bool apply_token(const struct rule *r, struct transform_run *run, char type, struct view value, struct error *e);
bool apply_seal(const struct rule *r, struct transform_run *run, char type, struct view value, struct error *e);
/* What precedes a hidden value: the text of a string, or the token of a number or boolean. */
#define HIDDEN_STRING 'S'
#define HIDDEN_TOKEN  'V'
#define FPE_MAX       128
bool apply_fpe(const struct rule *r, bool decrypt, struct view text, struct buf *out, struct error *e);

/* The digits of a text without separators; false when one does not belong there or the check digit is wrong. */
bool fpe_split(const struct rule *r, struct view text, uint8_t *digits, size_t *n);
bool rule_reverse(const struct rule *r, struct transform_run *run, struct view subject, struct view value,
                  struct buf *out, struct error *e);

/* form.c: has the leaf the form that the rule leaves behind? And the same as members of a JSON Schema; `types` are
 * further types that may stand there ("object", "array"), as a bit set. */
#define FORM_OBJECT 1u
#define FORM_ARRAY  2u
bool form_check(const struct rule *r, const struct tape *t, uint32_t node);
void form_schema(const struct rule *r, unsigned types, struct buf *out);
/* Has all that `a` leaves, a rule that follows from `b`, the form that `b` leaves? */
bool form_remains(const struct rule *a, const struct rule *b);

/* dates.c */
bool date_trunc_form(struct view text, const struct trunc_params *p);
bool date_or_time(struct view text);

#endif
