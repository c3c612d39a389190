/* Upgrades under faults. For every schema that an earlier program had, a store is made by the migrations up to it, with rows
 * in every table; a child process opens it as this program does, and is killed, or loses power, at its first, second,
 * third … write or sync until it runs through. After each the store is opened again, and
 *   - it has the newest schema,
 *   - every column that both schemas know has the values that were there.
 * A store of a later schema is refused, and no byte of it changes.
 *
 *   upgrade [stride]     strikes at every stride-th call */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gatewayd/core/store/sql_private.h"
#include "gatewayd/core/store/sqlite/sqlite_private.h"
#include "lib/base/buf.h"
#include "lib/crypto/crypto.h"
#include "test/core/scratch.h"
#include "test/faults/inject.h"

#define ROWS          3
#define CHILD_SECONDS 30

static struct scratch_dir dir;

static void give_up(const char *what, const char *why)
{
	fprintf(stderr, "upgrade: %s: %s\n", what, why);
	abort();
}

static const char *path(void)
{
	return scratch_file(&dir, "store.db");
}

static int newest(void)
{
	int n = 0;

	while (sql_migrations[n])
		n++;
	return n;
}

/* --- a store of an earlier program --- */

static sqlite3_stmt *query(sqlite3 *db, const char *text)
{
	sqlite3_stmt *q;

	if (sqlite3_prepare_v2(db, text, -1, &q, NULL) != SQLITE_OK)
		give_up(text, sqlite3_errmsg(db));
	return q;
}

/* "INSERT INTO table VALUES (…)", each value by its column's type, other ones for each row. */
static void fill_row(sqlite3 *db, const char *table, unsigned row)
{
	struct buf text = BUF_INIT(65536), columns = BUF_INIT(4096);
	unsigned n = 0;

	buf_addf(&columns, "PRAGMA table_info(%s)", table);
	buf_addc(&columns, 0);
	buf_addf(&text, "INSERT INTO %s VALUES (", table);
	sqlite3_stmt *q = query(db, columns.p);
	for (; sqlite3_step(q) == SQLITE_ROW; n++) {
		const char *type = (const char *)sqlite3_column_text(q, 2);
		unsigned value = row * 100 + n + 1;
		if (n > 0)
			buf_addc(&text, ',');
		if (strcmp(type, "INTEGER") == 0)
			buf_addf(&text, "%u", value);
		else
			buf_addf(&text, strcmp(type, "TEXT") == 0 ? "'made up %u'" : "x'%032u'", value);
	}
	sqlite3_finalize(q);
	buf_addc(&text, ')');
	buf_addc(&text, 0);
	if (sqlite3_exec(db, text.p, NULL, NULL, NULL) != SQLITE_OK)
		give_up(text.p, sqlite3_errmsg(db));
	buf_free(&text);
	buf_free(&columns);
}

static void fill(void)
{
	sqlite3 *db;

	if (sqlite3_open(path(), &db) != SQLITE_OK)
		give_up("fill", sqlite3_errmsg(db));
	sqlite3_stmt *tables = query(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
	while (sqlite3_step(tables) == SQLITE_ROW)
		for (unsigned row = 0; row < ROWS; row++)
			fill_row(db, (const char *)sqlite3_column_text(tables, 0), row);
	sqlite3_finalize(tables);
	sqlite3_close(db);
}

static void make_store(int version)
{
	struct error e = { .reason = REASON_NONE };
	struct connection *c = sqlite_engine.open(path(), ACCESS_WRITE, &e);

	for (int k = 0; c && k < version; k++)
		if (!sqlite_engine.migrate(c, sql_migrations[k], k + 1, &e))
			give_up("make_store", e.text);
	if (!c)
		give_up("make_store", e.text);
	sqlite_engine.close(c);
	fill();
}

/* --- what is in it --- */

/* Tables and columns of a store, "table.column\n" each. */
static void list_columns(sqlite3 *db, struct buf *out)
{
	sqlite3_stmt *q = query(db, "SELECT s.name, c.name FROM sqlite_schema s, pragma_table_info(s.name) c "
	                            "WHERE s.type = 'table' ORDER BY s.name, c.cid");

	while (sqlite3_step(q) == SQLITE_ROW)
		buf_addf(out, "%s.%s\n", (const char *)sqlite3_column_text(q, 0),
		         (const char *)sqlite3_column_text(q, 1));
	sqlite3_finalize(q);
}

/* The values of one column, sorted. */
static void add_values(sqlite3 *db, struct view table, struct view column, struct buf *out)
{
	struct buf text = BUF_INIT(4096);

	buf_addf(&text, "SELECT quote(%.*s) FROM %.*s ORDER BY 1", VIEW_ARG(column), VIEW_ARG(table));
	buf_addc(&text, 0);
	sqlite3_stmt *q = query(db, text.p);
	buf_addf(out, "%.*s.%.*s:", VIEW_ARG(table), VIEW_ARG(column));
	while (sqlite3_step(q) == SQLITE_ROW)
		buf_addf(out, " %s", (const char *)sqlite3_column_text(q, 0));
	buf_addc(out, '\n');
	sqlite3_finalize(q);
	buf_free(&text);
}

/* All values of the columns in `columns` that are there. */
static void read_store(struct view columns, struct buf *out)
{
	struct buf there = BUF_INIT(65536);
	sqlite3 *db;

	if (sqlite3_open_v2(path(), &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		give_up("read_store", sqlite3_errmsg(db));
	buf_addc(&there, '\n');
	list_columns(db, &there);
	while (columns.n) {
		char line[200];
		struct view name = view_cut(&columns, '\n'), column = name;
		snprintf(line, sizeof line, "\n%.*s\n", VIEW_ARG(name));
		struct view table = view_cut(&column, '.');
		if (memmem(there.p, there.n, line, strlen(line)))
			add_values(db, table, column, out);
	}
	sqlite3_close(db);
	buf_free(&there);
}

/* --- strikes --- */

static void child(enum inject_effect effect, unsigned at)
{
	struct error e = { .reason = REASON_NONE };

	alarm(CHILD_SECONDS);
	inject_arm(INJECT_SYSTEM, effect, at, at);
	struct store *s = store_open(path(), &e);
	if (!s)
		give_up("store_open", e.text);
	store_close(s);
	inject_end(inject_happened() ? 1 : 0);
}

/* Whether the fault happened. */
static bool strike(enum inject_effect effect, unsigned at)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		child(effect, at);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		give_up("strike", "the process ended in another way");
	return false;
}

static void check_upgraded(struct view columns, struct view before, unsigned at)
{
	struct error e = { .reason = REASON_NONE };
	struct buf after = BUF_INIT(1 << 20);
	struct store *s = store_open(path(), &e);

	if (!s)
		give_up("after the strike", e.text);
	store_close(s);
	read_store(columns, &after);
	/* What a later schema dropped is not read back; each line that is must be one of those before. */
	for (struct view rest = buf_view(&after); rest.n;) {
		struct view line = view_cut(&rest, '\n');
		line.n++; /* with its end, or the beginning of a line would do */
		if (!memmem(before.p, before.n, line.p, line.n)) {
			fprintf(stderr, "upgrade: call %u: %.*s", at, VIEW_ARG(line));
			give_up("check_upgraded", "a value is not what it was");
		}
	}
	buf_free(&after);
}

static unsigned upgrades_from(int version, enum inject_effect effect, unsigned stride)
{
	unsigned struck = 0;

	for (unsigned at = 1;; at += stride, struck++) {
		struct buf columns = BUF_INIT(65536), before = BUF_INIT(1 << 20);
		sqlite3 *db;
		dir = scratch_new();
		make_store(version);
		if (sqlite3_open(path(), &db) != SQLITE_OK)
			give_up("columns", sqlite3_errmsg(db));
		list_columns(db, &columns);
		sqlite3_close(db);
		read_store(buf_view(&columns), &before);
		bool hit = strike(effect, at);
		check_upgraded(buf_view(&columns), buf_view(&before), at);
		scratch_remove(&dir);
		buf_free(&columns);
		buf_free(&before);
		if (!hit)
			return struck;
	}
}

/* --- the way back --- */

static struct digest digest_of_file(void)
{
	struct view v = scratch_read(path());
	struct digest d;

	sha256(v, &d);
	scratch_free(v);
	return d;
}

static void later_is_refused(void)
{
	struct error e = { .reason = REASON_NONE };
	sqlite3 *db;
	char text[64], want[200];

	dir = scratch_new();
	make_store(newest());
	snprintf(text, sizeof text, "PRAGMA user_version = %d", newest() + 1);
	if (sqlite3_open(path(), &db) != SQLITE_OK || sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		give_up("later_is_refused", sqlite3_errmsg(db));
	sqlite3_close(db);
	struct digest before = digest_of_file();
	if (store_open(path(), &e) || e.reason != REASON_CONFIG)
		give_up("later_is_refused", "it was opened, or refused for another reason");
	snprintf(want, sizeof want, "its schema is %d, this program knows %d", newest() + 1, newest());
	if (!strstr(e.text, want))
		give_up("later_is_refused", e.text);
	struct digest after = digest_of_file();
	if (!digest_eq(&before, &after))
		give_up("later_is_refused", "the store was changed");
	scratch_remove(&dir);
}

int main(int argc, char **argv)
{
	unsigned long long stride = 1;
	unsigned struck = 0;

	if (argc > 1 && (!view_to_u64(view_of(argv[1]), 1000, &stride) || stride == 0))
		return 2;
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	for (int version = 1; version <= newest(); version++) {
		struck += upgrades_from(version, INJECT_KILL, (unsigned)stride);
		struck += upgrades_from(version, INJECT_POWER_OFF, (unsigned)stride);
		struck += upgrades_from(version, INJECT_POWER_FLICKER, (unsigned)stride);
	}
	later_is_refused();
	printf("upgrades from schemas 1 to %d, %u times killed or without power in the midst: every value is there; a later "
	       "one is refused\n",
	       newest(), struck);
	return 0;
}
