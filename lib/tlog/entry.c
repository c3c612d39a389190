/* The line of an audit entry: members in the order of their names, so that one entry has one form. */
#include "lib/tlog/entry.h"
#include "lib/base/encode.h"

const char *operation_name(enum operation o)
{
	switch (o) {
#define O(name, text) \
	case OPERATION_##name: return text;
		OPERATION_LIST(O)
#undef O
	case OPERATION_COUNT: break;
	}
	return "unknown";
}

/* Of a record that leaves, comes, waits or is tried: the decision, what the envelope states, and the caveats; of a refusal
 * the first two; of what people decide, what they state; of a duty its reason. Each is 61 bytes of every receipt. */
unsigned operation_digests(enum operation o)
{
	switch (o) {
	case OPERATION_DISCLOSURE:
	case OPERATION_COLLECTION:
	case OPERATION_HOLD:
	case OPERATION_VALIDATION: return 3;
	case OPERATION_REFUSAL: return 2;
	case OPERATION_DECISION:
	case OPERATION_ACT:
	case OPERATION_DUTY: return 1;
	case OPERATION_ALTERATION:
	case OPERATION_CONSULTATION:
	case OPERATION_COMBINATION:
	case OPERATION_ERASURE:
	case OPERATION_GENESIS:
	case OPERATION_DELIVERY:
	case OPERATION_POLICY_CHANGE:
	case OPERATION_KEY_CHANGE:
	case OPERATION_CONFIG_CHANGE:
	case OPERATION_START:
	case OPERATION_STOP:
	case OPERATION_CLOCK_STEP:
	case OPERATION_RESTORE:
	case OPERATION_INCIDENT:
	case OPERATION_BACKUP:
	case OPERATION_COUNT: break;
	}
	return 0;
}

/* The next code point of valid UTF-8. */
static uint32_t code_point(const unsigned char **p)
{
	const unsigned char *s = *p;
	unsigned more = s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
	uint32_t c = s[0] & (0x3fU >> more);

	for (unsigned i = 1; i <= more; i++)
		c = c << 6 | (s[i] & 0x3f);
	*p = s + more + 1;
	return c;
}

/* A JSON string in ASCII: everything else is escaped. `v` is valid UTF-8. */
static void put_string(struct view v, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)v.p, *end = p + v.n;

	buf_addc(out, '"');
	while (p < end) {
		const unsigned char *plain = p;

		while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
			p++;
		buf_add(out, view_make(plain, (size_t)(p - plain)));
		if (p == end)
			break;
		if (*p == '"' || *p == '\\') {
			buf_addc(out, '\\');
			buf_addc(out, (char)*p++);
		} else if (*p < 0x80) {
			buf_addf(out, "\\u%04x", *p++);
		} else {
			uint32_t c = code_point(&p);

			if (c >= 0x10000)
				buf_addf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
				         0xdc00 + ((c - 0x10000) & 0x3ff));
			else
				buf_addf(out, "\\u%04x", c);
		}
	}
	buf_addc(out, '"');
}

static void put_name(struct buf *out, size_t start, const char *name)
{
	if (out->n > start + 1)
		buf_addc(out, ',');
	buf_addc(out, '"');
	buf_adds(out, name);
	buf_adds(out, "\":");
}

static void put_text(struct buf *out, size_t start, const char *name, struct view v)
{
	if (v.n == 0)
		return;
	put_name(out, start, name);
	put_string(v, out);
}

static void put_digest(struct buf *out, size_t start, const char *name, const struct digest *d)
{
	static const struct digest zero;

	if (digest_eq(d, &zero))
		return;
	put_name(out, start, name);
	buf_addc(out, '"');
	digest_print(out, d);
	buf_addc(out, '"');
}

static void put_uuid(struct buf *out, size_t start, const char *name, const struct uuid *u)
{
	static const struct uuid zero;
	char text[UUID_TEXT + 1];

	if (memcmp(u, &zero, sizeof zero) == 0)
		return;
	uuid_print(u, text);
	put_name(out, start, name);
	buf_addc(out, '"');
	buf_adds(out, text);
	buf_addc(out, '"');
}

static void put_random(struct buf *out, size_t start, const uint8_t random[ENTRY_RANDOM])
{
	static const uint8_t zero[ENTRY_RANDOM];

	if (memcmp(random, zero, sizeof zero) == 0)
		return;
	put_name(out, start, "random");
	buf_addc(out, '"');
	base64url_encode(out, view_make(random, ENTRY_RANDOM));
	buf_addc(out, '"');
}

static void put_erased(const struct entry *e, struct buf *out, size_t start)
{
	if (e->n_erased > 0) {
		put_name(out, start, "erased");
		for (size_t i = 0; i < e->n_erased; i++) {
			buf_adds(out, i ? ",[" : "[[");
			buf_addu(out, e->erased[i].first);
			buf_addc(out, ',');
			buf_addu(out, e->erased[i].last);
			buf_addc(out, ']');
		}
		buf_addc(out, ']');
	}
	put_text(out, start, "erased_log", e->erased_log);
}

void entry_print(const struct entry *e, struct disclosures *d, struct buf *out)
{
	size_t start = out->n;

	buf_addc(out, '{');
	if (d)
		disclosures_pad(d, e->seed, operation_digests(e->operation));
	if (d && (d->n > 0 || d->packed.failed)) {
		put_name(out, start, "_sd");
		disclosures_digests(d, out);
	}
	put_digest(out, start, "after", &e->after);
	put_text(out, start, "agreement", e->agreement);
	put_digest(out, start, "agreement_digest", &e->agreement_digest);
	put_digest(out, start, "before", &e->before);
	put_text(out, start, "build", e->build);
	put_digest(out, start, "caveats", &e->caveats);
	put_text(out, start, "change", e->change);
	put_text(out, start, "checked", e->checked);
	put_digest(out, start, "consent", &e->consent);
	put_uuid(out, start, "corrects", &e->corrects);
	put_digest(out, start, "envelope", &e->envelope);
	put_erased(e, out, start);
	put_text(out, start, "exception", e->exception);
	put_uuid(out, start, "exchange", &e->exchange);
	if (e->final) {
		put_name(out, start, "final");
		buf_adds(out, "true");
	}
	if (e->form > 0) {
		put_name(out, start, "form");
		buf_addu(out, e->form);
	}
	put_digest(out, start, "input", &e->input);
	put_text(out, start, "kind", e->kind);
	put_text(out, start, "legal_basis", e->legal_basis);
	put_text(out, start, "name", e->name);
	put_text(out, start, "note", e->note);
	put_text(out, start, "operation", view_of(operation_name(e->operation)));
	put_uuid(out, start, "origin", &e->origin);
	put_text(out, start, "outcome", e->outcome);
	put_digest(out, start, "output", &e->output);
	put_text(out, start, "peer", e->peer);
	put_text(out, start, "purpose", e->purpose);
	put_random(out, start, e->random);
	put_text(out, start, "reason", e->reason);
	put_text(out, start, "recipient", e->recipient);
	put_text(out, start, "tier", e->tier);
	if (e->time_ms >= 0) {
		put_name(out, start, "time");
		buf_addu(out, (uint64_t)e->time_ms);
	}
	buf_addc(out, '}');
	if (out->n - start > ENTRY_MAX)
		out->failed = true;
}
