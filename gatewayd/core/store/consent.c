/* See consent.h. */
#include "gatewayd/core/store/consent.h"
#include "gatewayd/core/store/sql_private.h"

bool store_put_consent(struct store *s, const struct store_consent *c, struct error *e)
{
	return sql_run(s, SQL_CONSENT_PUT,
	               BOUND(as_number(c->seq), as_text(c->agreement), as_text(c->purpose), as_digest(&c->consent),
	                     as_digest(&c->told)),
	               e);
}

bool store_drop_consent(struct store *s, uint64_t seq, struct error *e)
{
	return sql_run(s, SQL_CONSENT_DROP, BOUND(as_number(seq)), e);
}

bool store_get_consent(struct store *s, uint64_t seq, struct store_consent *out, struct error *e)
{
	struct statement *q = sql_row_of(s, SQL_CONSENT_GET, seq, "consent", e);
	struct store_consent c = { .seq = seq };

	if (!q)
		return false;
	col_bytes(q, 3, c.consent.b, sizeof c.consent.b);
	col_bytes(q, 4, c.told.b, sizeof c.told.b);
	bool ok = col_keep(s, q, 1, &c.agreement, e) && col_keep(s, q, 2, &c.purpose, e);
	sql_end(q);
	if (ok)
		*out = c;
	return ok;
}

bool store_list_consents(struct store *s, struct view agreement, const struct digest *consent,
                         bool (*each)(void *arg, const struct store_consent *c), void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_CONSENT_LIST, BOUND(as_text(agreement), as_digest(consent)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_consent c = { .seq = (uint64_t)col_int(q, 0),
			                   .agreement = col_view(q, 1),
			                   .purpose = col_view(q, 2),
			                   .consent = *consent };
		col_bytes(q, 4, c.told.b, sizeof c.told.b);
		if (!each(arg, &c)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}
