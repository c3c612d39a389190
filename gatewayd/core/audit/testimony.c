/* See testimony.h. */
#include "gatewayd/core/audit/testimony.h"
#include "gatewayd/core/audit/entry.h"

#define TEXT_MAX 262144 /* of one disclosure, and of all as they are stored */

void testimony_init(struct testimony *t)
{
	*t = (struct testimony){
		.sd = { .packed = BUF_INIT(TEXT_MAX), .digests = BUF_INIT(4096), .text = BUF_INIT(TEXT_MAX) },
	};
}

void testimony_free(struct testimony *t)
{
	disclosures_free(&t->sd);
}

void testimony_json(struct testimony *t, const char *name, const struct buf *value)
{
	uint8_t salt[16];

	if (value->failed || !random_bytes(salt, sizeof salt)) {
		t->failed = true;
		return;
	}
	disclosures_nest(&t->sd, salt, view_of(name), buf_view(value));
	t->failed = t->failed || t->sd.packed.failed || t->sd.digests.failed || t->sd.text.failed;
}

void testimony_text(struct testimony *t, const char *name, struct view text)
{
	struct buf value = BUF_INIT(TEXT_MAX);

	buf_add_json_string(&value, text);
	testimony_json(t, name, &value);
	buf_free(&value);
}

void testimony_uid(struct testimony *t, unsigned uid)
{
	struct buf value = BUF_INIT(16);

	buf_addf(&value, "%u", uid);
	testimony_json(t, "operator_uid", &value);
	buf_free(&value);
}

void testimony_statement(struct testimony *t, unsigned uid, struct view statement, const char *signer,
                         const char *fault)
{
	testimony_init(t);
	testimony_uid(t, uid);
	testimony_text(t, "statement", statement);
	testimony_text(t, fault ? "fault" : "signer", view_of(fault ? fault : signer));
}

bool testimony_append(struct testimony *t, struct core *c, struct writer *w, struct job *j, const struct entry *facts,
                      uint64_t *index, struct error *e)
{
	struct act a = { .core = c, .writer = w, .job = j, .now_ms = facts->time_ms };
	uint8_t salt[16];

	if (t && t->failed)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	if (t && !random_bytes(salt, sizeof salt))
		return error_set(e, REASON_CRYPTO, "no random bytes");
	if (t)
		disclosures_group(&t->sd, salt);
	return audit_append(&a, facts, t ? &t->sd : NULL, index, e);
}
