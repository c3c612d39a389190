/* See notice.h. */
#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/notice.h"
#include "lib/tlog/entry.h"

#include <assert.h>
#include <stdio.h>

#define BEHIND_MAX 32 /* behind the kind's name */

static enum operation operation_of(enum notice_kind k)
{
	switch (k) {
	case NOTICE_RECEIPT:
	case NOTICE_RECALL:
	case NOTICE_RETURN: break;
	case NOTICE_HOLD:
	case NOTICE_LIFT: return OPERATION_DECISION;
	}
	return OPERATION_DUTY;
}

void notice_entry(const struct notice *n, struct entry *e)
{
	e->operation = operation_of(n->kind);
	e->recipient = n->recipient;
	sha256(n->body, &e->output);
	if (e->note.n == 0)
		e->note = view_of(notice_kind_name(n->kind));
}

bool notice_note_fits(enum notice_kind k, struct view note)
{
	struct view name = view_of(notice_kind_name(k));

	if (!view_starts(note, name))
		return false;
	struct view rest = view_from(note, name.n);
	if (rest.n == 0)
		return true;
	if (!view_starts(rest, VIEW(": ")) || rest.n > 2 + BEHIND_MAX)
		return false;
	for (size_t i = 2; i < rest.n; i++)
		if ((rest.p[i] < 'a' || rest.p[i] > 'z') && rest.p[i] != ' ' && rest.p[i] != '-')
			return false;
	return true;
}

/* --- what a body has --- */

#define MEMBERS_MAX 5
#define TEXT_MAX    64 /* a digest */

static const char *const members[NOTICE_KINDS][MEMBERS_MAX + 1] = {
	[NOTICE_RECEIPT] = { "duty", "result", "made", "done", "until" },
	[NOTICE_RETURN] = { "duty", "result", "made", "done", "until" },
	[NOTICE_RECALL] = { "why", "consent" },
	[NOTICE_HOLD] = { "hold", "kind", "until", "of" },
	[NOTICE_LIFT] = { "hold", "of" },
};

static bool is_member(enum notice_kind k, const char *name)
{
	for (size_t i = 0; members[k][i]; i++)
		if (strcmp(members[k][i], name) == 0)
			return true;
	return false;
}

/* A code, an instant or a digest. */
static bool is_short(const char *text)
{
	size_t n = 0;

	while (text[n] > ' ' && text[n] < 0x7f)
		n++;
	return !text[n] && n <= TEXT_MAX;
}

const char *notice_body_fault(enum notice_kind k, json_t *body)
{
	const char *name;
	const json_t *value;

	json_object_foreach(body, name, value)
	{
		const char *text = json_string_value(value);

		if (!is_member(k, name))
			return "/body: has a member that this kind of notice has not";
		/* What a recall says in words has a name of its own. */
		if (k != NOTICE_RECALL && (!text || !is_short(text)))
			return "/body: a member is no code, date-time or digest";
	}
	return NULL;
}

bool notice_put(struct store *s, const struct notice *n, int64_t now_ms, struct error *e)
{
	struct store_notice row = { .seq = n->seq,
		                    .kind = n->kind,
		                    .recipient = n->recipient,
		                    .entry = n->entry,
		                    .body = n->body,
		                    .made_ms = now_ms,
		                    .next_ms = now_ms };

	assert(n->body.n >= 2 && n->body.p[0] == '{' && n->recipient.n);
	if (n->body.n > NOTICE_BODY_MAX)
		return error_set(e, REASON_TOO_LARGE, "the body of a notice is too large");
	return store_put_notice(s, &row, e);
}

bool notice_send(const struct act *a, struct notice *n, struct entry *entry, struct disclosures *d, struct error *e)
{
	struct store_exchange x;
	char agreement[72];
	uint64_t index;

	if (!store_get_exchange(a->store, n->seq, &x, e))
		return false;
	snprintf(agreement, sizeof agreement, "%.*s", VIEW_ARG(x.agreement));
	entry->exchange = x.id;
	if (memcmp(&x.id, &x.origin, sizeof x.id) != 0)
		entry->origin = x.origin;
	entry->agreement = view_of(agreement);
	entry->agreement_digest = x.agreement_digest;
	notice_entry(n, entry);
	assert(notice_note_fits(n->kind, entry->note));
	bool ok = audit_append(a, entry, d, &index, e);
	entry->agreement = VIEW(""); /* it was of this function */
	if (!ok)
		return false;
	n->entry = store_log(a->store) << STORE_LOG_SHIFT | index;
	return notice_put(a->store, n, a->now_ms, e);
}
