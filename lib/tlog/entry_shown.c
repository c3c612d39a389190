/* See entry_shown.h. */
#include "lib/tlog/entry_shown.h"

#include "lib/base/encode.h"
#include "lib/base/ids.h"
#include "lib/json/canonical.h"
#include "lib/tlog/entry.h"

#define NAME_MAX_BYTES 64 /* of an id, a code or a note */

/* Leaves about a record, those of notices, which may be refused as well, and of acts of persons. */
#define BIT(operation) (1u << OPERATION_##operation)
#define OF_RECORDS     (BIT(DISCLOSURE) | BIT(COLLECTION) | BIT(HOLD) | BIT(REFUSAL))
#define OF_NOTICES     (BIT(DUTY) | BIT(DECISION) | BIT(REFUSAL))
#define OF_ALL         (OF_RECORDS | OF_NOTICES)
#define OF_ACTS        BIT(ACT)

enum shape {
	SHAPE_NAME,
	SHAPE_CODE,
	SHAPE_WORDS,
	SHAPE_DIGEST,
	SHAPE_UUID,
	SHAPE_NUMBER,
	SHAPE_TRUE,
	SHAPE_RANDOM,
	SHAPE_DIGESTS
};

static const struct member {
	const char *name;
	unsigned operations;
	enum shape shape;
} members[] = {
	{ "_sd", OF_ALL | OF_ACTS, SHAPE_DIGESTS },
	{ "agreement", OF_ALL | OF_ACTS, SHAPE_NAME },
	{ "agreement_digest", OF_ALL | OF_ACTS, SHAPE_DIGEST },
	{ "build", OF_ALL | OF_ACTS, SHAPE_NAME },
	{ "caveats", OF_RECORDS, SHAPE_DIGEST },
	{ "checked", OF_RECORDS, SHAPE_WORDS },
	{ "consent", OF_RECORDS, SHAPE_DIGEST },
	{ "corrects", OF_RECORDS, SHAPE_UUID },
	{ "envelope", OF_RECORDS, SHAPE_DIGEST },
	{ "exception", OF_RECORDS, SHAPE_NAME },
	{ "exchange", OF_ALL, SHAPE_UUID },
	{ "final", BIT(REFUSAL), SHAPE_TRUE },
	{ "form", OF_ALL, SHAPE_NUMBER },
	{ "input", OF_ALL | OF_ACTS, SHAPE_DIGEST },
	{ "kind", OF_ACTS, SHAPE_NAME },
	{ "legal_basis", OF_RECORDS, SHAPE_NAME },
	{ "note", OF_NOTICES | OF_ACTS, SHAPE_WORDS },
	{ "operation", OF_ALL | OF_ACTS, SHAPE_CODE },
	{ "origin", OF_ALL, SHAPE_UUID },
	{ "outcome", OF_ALL | OF_ACTS, SHAPE_CODE },
	{ "output", OF_ALL, SHAPE_DIGEST },
	{ "peer", OF_ALL | OF_ACTS, SHAPE_NAME },
	{ "purpose", OF_RECORDS, SHAPE_NAME },
	{ "random", OF_ALL | OF_ACTS, SHAPE_RANDOM },
	{ "reason", BIT(HOLD) | BIT(REFUSAL) | OF_ACTS, SHAPE_CODE },
	{ "recipient", OF_ALL, SHAPE_NAME },
	{ "tier", OF_RECORDS, SHAPE_NAME },
	{ "time", OF_ALL | OF_ACTS, SHAPE_NUMBER },
};

#define MEMBERS (sizeof members / sizeof members[0])

/* Both stand in order: it is looked for from *next on, which is behind the one that was found. */
static const struct member *find_member(struct view name, size_t *next)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		const struct member *m = &members[(*next + i) % MEMBERS];
		if (!view_is(name, m->name))
			continue;
		*next = (size_t)(m - members) + 1;
		return m;
	}
	return NULL;
}

/* Of ids and builds: letters, digits, and what stands between them. Of codes: small letters with hyphens. */
static bool is_made_of(struct view v, enum shape shape)
{
	static const char between[] = { [SHAPE_NAME] = '.', [SHAPE_CODE] = '-', [SHAPE_WORDS] = ' ' };

	for (size_t i = 0; i < v.n; i++) {
		char c = v.p[i];
		bool small = c >= 'a' && c <= 'z', other = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
		bool punctuation = shape == SHAPE_WORDS && (c == ',' || c == ':');
		if (!small && c != '-' && c != between[shape] && !punctuation && !(other && shape == SHAPE_NAME))
			return false;
	}
	return v.n > 0 && v.n <= NAME_MAX_BYTES;
}

/* So many bytes in base64url. */
static bool is_base64url(struct view v, size_t bytes)
{
	struct digest d;
	size_t n;

	return base64url_decode(v, d.b, sizeof d.b, &n) && n == bytes;
}

/* No more than the operation has, in order, none twice. */
static bool are_digests(const struct tape *t, uint32_t list, enum operation o)
{
	const struct tape_node *nodes = t->nodes;
	struct view before = VIEW("");

	if (nodes[list].type != TAPE_ARRAY || nodes[list].count == 0 || nodes[list].count > operation_digests(o))
		return false;
	for (uint32_t v = list + 1; v < nodes[list].next; v = nodes[v].next) {
		if (nodes[v].type != TAPE_STRING || !is_base64url(tape_string(t, v), sizeof(struct digest)) ||
		    view_cmp(before, tape_string(t, v)) >= 0)
			return false;
		before = tape_string(t, v);
	}
	return true;
}

static bool fits(const struct tape *t, uint32_t value, enum shape shape, enum operation o)
{
	const struct tape_node *n = &t->nodes[value];
	struct view text = n->type == TAPE_STRING ? tape_string(t, value) : VIEW("");
	unsigned long long number;
	struct digest d;
	struct uuid u;

	switch (shape) {
	case SHAPE_NAME:
	case SHAPE_CODE:
	case SHAPE_WORDS: return is_made_of(text, shape);
	case SHAPE_DIGEST: return digest_parse(text, &d);
	case SHAPE_UUID: return uuid_parse(text, &u);
	case SHAPE_NUMBER: return n->type == TAPE_NUMBER && view_to_u64(tape_token(t, value), INT64_MAX, &number);
	case SHAPE_TRUE: return n->type == TAPE_TRUE;
	case SHAPE_RANDOM: return is_base64url(text, ENTRY_RANDOM);
	case SHAPE_DIGESTS: return are_digests(t, value, o);
	}
	return false;
}

static enum operation operation_find(const struct tape *t)
{
	uint32_t value = tape_member(t, 0, VIEW("operation"));
	int o = 0;

	while (o < OPERATION_COUNT && !(value && t->nodes[value].type == TAPE_STRING &&
	                                view_is(tape_string(t, value), operation_name((enum operation)o))))
		o++;
	return (enum operation)o;
}

static bool is_later(const struct tape *t, unsigned form)
{
	uint32_t value = tape_member(t, 0, VIEW("form"));
	unsigned long long n;

	return value && t->nodes[value].type == TAPE_NUMBER &&
	       (!view_to_u64(tape_token(t, value), UINT64_MAX, &n) || n > form);
}

const char *entry_shown_fault(const struct tape *t, unsigned form)
{
	const struct tape_node *nodes = t->nodes;
	size_t next = 0;
	uint32_t off;

	if (nodes[0].type != TAPE_OBJECT)
		return "the entry is not a JSON object";
	if (is_later(t, form))
		return "the entry names a form that this build does not know: a newer one wrote it";
	enum operation o = operation_find(t);
	if (o == OPERATION_COUNT || !((OF_ALL | OF_ACTS) >> o & 1))
		return "the entry is of no operation that a partner shows";
	for (uint32_t k = 1; k < nodes[0].next; k = nodes[k + 1].next) {
		const struct member *m = find_member(tape_string(t, k), &next);
		if (!m || !(m->operations >> o & 1))
			return "the entry has a member that an entry of its operation has not";
		if (!fits(t, k + 1, m->shape, o))
			return "a member of the entry has not the shape that this build writes";
	}
	if (nodes[0].off != 0 || nodes[0].len != t->text_len || canonical_fault(t, 0, &off))
		return "the entry is not in the one spelling of entries";
	return NULL;
}
