/* The store's life: opening, migrating, transactions, checkpoints. See store.h; a store belongs to one thread at a time. */
#include "gatewayd/core/store/mark_private.h"
#include "gatewayd/core/store/sql_private.h"
#include "gatewayd/core/store/sqlite/sqlite_private.h"

#include <stdlib.h>

enum sought sought(bool got, struct error *e)
{
	if (got)
		return SOUGHT_FOUND;
	if (e->reason != REASON_NOT_FOUND)
		return SOUGHT_FAILED;
	*e = (struct error){ .reason = REASON_NONE };
	return SOUGHT_NONE;
}

static int64_t migrations_known(void)
{
	int64_t n = 0;

	while (sql_migrations[n])
		n++;
	return n;
}

int store_schema(void)
{
	return (int)migrations_known();
}

/* A database that a newer program made is not ours to read. */
static bool check_version(struct store *s, int64_t *version, struct error *e)
{
	if (!s->engine->version(s->connection, version, e))
		return false;
	if (*version > migrations_known())
		return error_set(
		        e, REASON_CONFIG,
		        "the store was made by a newer version of this program (its schema is %d, this program "
		        "knows %d): run that version; there is no way back to an older one",
		        (int)*version, (int)migrations_known());
	return true;
}

static bool migrate(struct store *s, struct error *e)
{
	int64_t version;

	if (!check_version(s, &version, e))
		return false;
	for (int64_t k = version; sql_migrations[k]; k++)
		if (!s->engine->migrate(s->connection, sql_migrations[k], k + 1, e))
			return false;
	return true;
}

static struct store *open_database(const char *path, enum access access, struct error *e)
{
	struct store *s = calloc(1, sizeof *s);

	if (!s) {
		error_set(e, REASON_NO_MEMORY, "no memory for the store");
		return NULL;
	}
	s->engine = &sqlite_engine;
	s->writes = access == ACCESS_WRITE;
	s->window.length_ms = STORE_KEY_WINDOW_MS;
	if ((s->connection = s->engine->open(path, access, e)))
		return s;
	store_close(s);
	return NULL;
}

static bool load(struct store *s, struct error *e)
{
	return sql_prepare(s, e) && logs_load(s, e) && exchanges_load(s, e) && (!s->writes || marks_load(s, e));
}

struct store *store_open(const char *path, struct error *e)
{
	struct store *s = open_database(path, ACCESS_WRITE, e);

	if (!s)
		return NULL;
	if (!migrate(s, e) || !load(s, e))
		goto fail;
	/* What was erased before a crash may still lie in the log and the main file. A reader in the way (the
	 * operator's command) is no reason not to start: then the writer does it. */
	struct error busy = { .reason = REASON_NONE };
	if (store_checkpoint(s, true, &busy))
		return s;
	s->erased = true;
	if (busy.reason == REASON_UNAVAILABLE)
		return s;
	error_set(e, busy.reason, "%s", busy.text);
fail:
	store_close(s);
	return NULL;
}

bool store_absent(const char *path)
{
	return sqlite_engine.absent(path);
}

struct store *store_open_trial(const char *path, struct error *e)
{
	struct store *s = open_database(path, ACCESS_TRIAL, e);

	if (!s || (migrate(s, e) && load(s, e)))
		return s;
	store_close(s);
	return NULL;
}

struct store *store_open_reader(const char *path, struct error *e)
{
	struct store *s = open_database(path, ACCESS_READ, e);
	int64_t version;

	if (!s)
		return NULL;
	if (!check_version(s, &version, e))
		goto fail;
	if (version != migrations_known()) {
		error_at(e, REASON_STORE, path, 0, 0, "the store has version %d, this program reads %d", (int)version,
		         (int)migrations_known());
		goto fail;
	}
	if (!sql_prepare(s, e) || !logs_load(s, e))
		goto fail;
	return s;
fail:
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sql_finish(s);
	s->engine->close(s->connection);
	arena_free(&s->scratch);
	buf_wipe(&s->row);
	buf_free(&s->leaf);
	buf_wipe(&s->packed);
	window_free(&s->window);
	if (s->writes)
		marks_free(s->marks);
	free(s->live_slots);
	wipe(s, sizeof *s);
	free(s);
}

bool store_look(struct store *s, struct error *e)
{
	if (s->writes || s->looking)
		return error_set(e, REASON_STORE, "a look is a reader's, and not begun in another");
	s->looking = s->engine->look(s->connection, e);
	return s->looking;
}

void store_look_end(struct store *s)
{
	if (s->looking)
		s->engine->look_end(s->connection);
	s->looking = false;
}

bool store_look_anew(struct store *s, struct error *e)
{
	if (!s->looking)
		return true;
	store_look_end(s);
	return store_look(s, e);
}

bool store_begin(struct store *s, struct error *e)
{
	if (!s->writes || s->in_transaction)
		return error_set(e, REASON_STORE,
		                 s->writes ? "a transaction is open already" : "this store is for reading");
	if (!s->engine->begin(s->connection, e))
		return false;
	s->in_transaction = true;
	s->puts_hold = false;
	s->committed_seq = s->next_seq;
	s->committed_inbox = s->next_inbox;
	marks_turn(s->marks, s->next_seq);
	return true;
}

bool store_commit(struct store *s, struct error *e)
{
	if (!s->in_transaction)
		return error_set(e, REASON_STORE, "no transaction is open");
	if (!pending_flush(s, e) || !shapes_flush(s, e) || !marks_move(s, e) || !s->engine->commit(s->connection, e))
		return false;
	marks_commit(s->marks);
	s->in_transaction = false;
	return true;
}

void store_rollback(struct store *s)
{
	if (!s->in_transaction)
		return;
	s->engine->rollback(s->connection);
	s->in_transaction = false;
	s->pending.set = false;
	shapes_drop(s);
	marks_rollback(s->marks);
	s->next_seq = s->committed_seq;
	s->next_inbox = s->committed_inbox;
}

bool store_erased(const struct store *s)
{
	return s->erased;
}

bool store_wants_checkpoint(const struct store *s)
{
	return s->engine->wants_checkpoint(s->connection);
}

void store_unmoved(const struct store *s, struct store_unmoved *out)
{
	struct unmoved now;

	s->engine->unmoved(s->connection, &now);
	*out = (struct store_unmoved){ .bytes = now.bytes, .held = now.held, .holder = now.holder };
}

void store_shed(struct store *s)
{
	s->engine->shed(s->connection);
}

bool store_move_ahead(struct store *s, bool *ready, struct error *e)
{
	if (!s->writes || s->in_transaction)
		return error_set(e, REASON_STORE, "a checkpoint is the writer's, between transactions");
	return s->engine->move_ahead(s->connection, ready, e);
}

bool store_moving(const struct store *s)
{
	return s->engine->moving(s->connection);
}

bool store_checkpoint(struct store *s, bool force, struct error *e)
{
	if (!s->writes || s->in_transaction)
		return error_set(e, REASON_STORE, "a checkpoint is the writer's, between transactions");
	if (!force && !store_wants_checkpoint(s))
		return true;
	if (!s->engine->checkpoint(s->connection, force, e))
		return false;
	if (force)
		s->erased = false;
	return true;
}
