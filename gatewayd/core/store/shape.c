/* See shape.h. Most disclosures of a commit name one of a few shapes: the numbers of those are remembered, and what comes to
 * them is counted in memory and written once a transaction. */
#include "gatewayd/core/store/shape.h"
#include "gatewayd/core/store/log_private.h"
#include "lib/crypto/crypto.h"
#include "lib/policy/shape.h"

static struct shape_named *slot_of(struct store *s, const struct digest *d)
{
	return &s->shapes[d->b[0] % (sizeof s->shapes / sizeof *s->shapes)];
}

static bool flush_one(struct store *s, struct shape_named *n, struct error *e)
{
	if (n->added == 0)
		return true;
	uint64_t added = n->added;
	n->added = 0;
	return sql_change(s, SQL_SHAPE_COUNT, BOUND(as_number(n->id), as_number(added)), "shape", e);
}

bool shapes_flush(struct store *s, struct error *e)
{
	for (size_t i = 0; i < sizeof s->shapes / sizeof *s->shapes; i++)
		if (!flush_one(s, &s->shapes[i], e))
			return false;
	return true;
}

void shapes_drop(struct store *s)
{
	memset(s->shapes, 0, sizeof s->shapes);
}

static bool put_shape(struct store *s, const struct store_shape *shape, uint64_t *id, struct error *e)
{
	struct bound agreement = as_text(shape->agreement), digest = as_digest(&shape->digest);

	switch (sought(sql_number(s, SQL_SHAPE_ID, BOUND(agreement, digest), id, e), e)) {
	case SOUGHT_FOUND: return true;
	case SOUGHT_NONE: break;
	case SOUGHT_FAILED: return false;
	}
	return sql_number(s, SQL_SHAPE_PUT, BOUND(agreement, digest, as_text(shape->text)), id, e);
}

/* Its number, with one disclosure more that names it. */
static bool name_shape(struct store *s, const struct store_shape *shape, uint64_t *id, struct error *e)
{
	struct shape_named *n = slot_of(s, &shape->digest);

	if (n->id == 0 || !digest_eq(&n->digest, &shape->digest) || !view_eq(view_of(n->agreement), shape->agreement)) {
		if (!flush_one(s, n, e) || !put_shape(s, shape, id, e))
			return false;
		n->id = 0;
		if (shape->agreement.n >= sizeof n->agreement)
			return sql_change(s, SQL_SHAPE_COUNT, BOUND(as_number(*id), as_int(1)), "shape", e);
		*n = (struct shape_named){ .id = *id, .digest = shape->digest };
		memcpy(n->agreement, shape->agreement.p, shape->agreement.n);
	}
	*id = n->id;
	n->added++;
	return true;
}

bool store_put_shaped(struct store *s, uint64_t index, struct view leaf, struct view packed,
                      const struct store_shape *shape, struct error *e)
{
	int64_t key = log_key(s, index);
	uint64_t id = 0;

	if (!log_index_fits(index, e) || !name_shape(s, shape, &id, e))
		return false;
	struct bound named = as_number(id);
	return log_put_rows(s, key, leaf, packed, &named, e);
}

/* A store in which somebody wrote keeps no erasure from being done: where the row is gone, nothing is left to be counted, and
 * where the count is too low, a text that others name stays. */
bool shape_unname(struct store *s, uint64_t id, struct error *e)
{
	if (!shapes_flush(s, e))
		return false;
	shapes_drop(s);
	return sql_run(s, SQL_SHAPE_COUNT, BOUND(as_number(id), as_int(-1)), e) &&
	       sql_run(s, SQL_SHAPE_DROP, BOUND(as_number(id)), e);
}

bool shapes_archive(struct store *s, uint64_t from, uint64_t to, struct error *e)
{
	if (!shapes_flush(s, e))
		return false;
	shapes_drop(s);
	return sql_run(s, SQL_SHAPE_ARCHIVE, BOUND(as_number(from), as_number(to)), e);
}

bool shapes_trim(struct store *s, struct error *e)
{
	return sql_run(s, SQL_SHAPE_TRIM, NULL, 0, e);
}

bool store_get_shape(struct store *s, struct view agreement, const struct digest *d, struct view *text, struct error *e)
{
	return sql_keep(s, SQL_SHAPE_GET, BOUND(as_text(agreement), as_digest(d)), "shape", text, e);
}

bool store_find_shape(struct store *s, uint64_t entry, struct view *text, struct error *e)
{
	return sql_keep(s, SQL_SHAPE_OF, BOUND(as_number(entry)), "shape", text, e);
}

bool shape_is_named(const struct digest *named, const struct view *text, struct error *e)
{
	struct digest is;

	if (!text)
		return error_set(e, REASON_TAMPERED, "the shape that its decision names is missing");
	sha256(*text, &is);
	return digest_eq(&is, named) || error_set(e, REASON_TAMPERED, "the shape that its decision names was altered");
}

bool shape_is_whole(struct store *s, uint64_t index, struct view packed, struct error *e)
{
	struct view text, leaf, now;
	struct digest named;

	if (!shape_named(packed, &named))
		return true;
	switch (sought(store_find_shape(s, (uint64_t)log_key(s, index), &text, e), e)) {
	case SOUGHT_FOUND: return shape_is_named(&named, &text, e);
	case SOUGHT_FAILED: return false;
	case SOUGHT_NONE: break;
	}
	return store_get_entry(s, index, &leaf, &now, e) && (now.n == 0 || shape_is_named(&named, NULL, e));
}

bool store_count_shapes(struct store *s, struct view agreement, uint64_t *n, struct error *e)
{
	return sql_number(s, SQL_SHAPE_COUNT_OF, BOUND(as_text(agreement)), n, e);
}

bool store_check_shapes(struct store *s, uint64_t *n, uint64_t *miscounted, struct error *e)
{
	struct statement *q = sql_row(s, SQL_SHAPE_CHECK, NULL, 0, "row", e);

	if (!q)
		return false;
	*n = (uint64_t)col_int(q, 0);
	*miscounted = (uint64_t)col_int(q, 1);
	sql_end(q);
	return true;
}

bool store_list_shapes(struct store *s, bool (*each)(void *arg, const struct store_shape *shape), void *arg,
                       struct error *e)
{
	struct statement *q = sql_start(s, SQL_SHAPE_LIST, BOUND(as_int(log_key(s, 0)), as_int(log_end(s))), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_shape shape = { .agreement = col_view(q, 1), .text = col_view(q, 2) };
		col_bytes(q, 0, shape.digest.b, sizeof shape.digest.b);
		if (!each(arg, &shape)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}
