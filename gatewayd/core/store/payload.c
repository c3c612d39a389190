/* See payload.h. */
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/sql_private.h"

#include <stdlib.h>

bool store_put_payload(struct store *s, const struct store_payload *p, struct error *e)
{
	return sql_run(s, SQL_PAYLOAD_PUT, BOUND(as_number(p->seq), as_blob(p->sealed)), e) &&
	       sql_run(s, SQL_PAYLOAD_SLOT_PUT, BOUND(as_number(p->seq), as_int(p->slot)), e);
}

bool store_get_payload(struct store *s, uint64_t seq, struct store_payload *out, struct error *e)
{
	struct statement *q = sql_row_of(s, SQL_PAYLOAD_GET, seq, "payload", e);

	if (!q)
		return false;
	struct store_payload p = { .seq = seq, .slot = (uint32_t)col_int(q, 0) };
	bool ok = col_keep(s, q, 1, &p.sealed, e);
	sql_end(q);
	if (ok)
		*out = p;
	return ok;
}

bool store_get_slot(struct store *s, uint64_t seq, uint32_t *slot, struct error *e)
{
	struct statement *q = sql_row(s, SQL_PAYLOAD_SLOT, BOUND(as_number(seq)), "payload", e);

	if (!q)
		return false;
	*slot = (uint32_t)col_int(q, 0);
	sql_end(q);
	return true;
}

bool store_erase_payload(struct store *s, uint64_t seq, struct error *e)
{
	if (!sql_run(s, SQL_PAYLOAD_ERASE, BOUND(as_number(seq)), e) ||
	    !sql_run(s, SQL_UNPROVED_ERASE, BOUND(as_number(seq)), e) ||
	    !sql_change(s, SQL_PAYLOAD_SLOT_ERASE, BOUND(as_number(seq)), "payload", e))
		return false;
	s->erased = true;
	return true;
}

static bool mark_slot(struct store *s, uint32_t slot)
{
	if (slot / 32 >= s->live_slots_n) {
		uint32_t n = slot / 32 + 1024;
		uint32_t *more = realloc(s->live_slots, n * sizeof *more);

		if (!more)
			return false;
		memset(more + s->live_slots_n, 0, (n - s->live_slots_n) * sizeof *more);
		s->live_slots = more;
		s->live_slots_n = n;
	}
	s->live_slots[slot / 32] |= UINT32_C(1) << slot % 32;
	return true;
}

static bool load_slots(struct store *s)
{
	struct statement *q = sql_start(s, SQL_PAYLOAD_SLOTS, NULL, 0, NULL);
	bool ok = mark_slot(s, 0);

	if (ok)
		s->live_slots[0] = 0;
	while (ok && sql_next(s, q, &ok, NULL)) {
		if (mark_slot(s, (uint32_t)col_int(q, 0)))
			continue;
		sql_end(q);
		ok = false;
	}
	if (!ok)
		store_slots_forget(s);
	return ok;
}

bool store_slot_live(struct store *s, uint32_t slot)
{
	if (!s->live_slots && !load_slots(s))
		return true;
	return slot / 32 < s->live_slots_n && (s->live_slots[slot / 32] >> slot % 32 & 1);
}

uint32_t store_slots_end(struct store *s)
{
	return s->live_slots || load_slots(s) ? s->live_slots_n * 32 : 0;
}

void store_slots_forget(struct store *s)
{
	free(s->live_slots);
	s->live_slots = NULL;
	s->live_slots_n = 0;
}

bool store_list_payloads(struct store *s, uint64_t after_seq, unsigned max, bool (*each)(void *arg, uint64_t seq),
                         void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_PAYLOAD_LIST, BOUND(as_number(after_seq), as_int(max)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		if (!each(arg, (uint64_t)col_int(q, 0))) {
			sql_end(q);
			break;
		}
	}
	return ok;
}
