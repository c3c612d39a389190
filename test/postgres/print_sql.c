/* Prints the store's SQL as PostgreSQL takes it, for psql, a line each: `print-sql migrations` each in a transaction of
 * its own and followed by its number, `print-sql statements` each under PREPARE. */
#include "gatewayd/core/store/postgres/dialect_private.h"
#include "gatewayd/core/store/sql_private.h"

#include <stdio.h>

static bool print(const char *before, const char *text, const char *after)
{
	struct buf said = BUF_INIT(1 << 20);
	bool ok = postgres_say(text, &said) &&
	          printf("%s%.*s%s", before, (int)buf_view(&said).n, buf_view(&said).p, after) > 0;

	buf_free(&said);
	return ok;
}

static bool print_migrations(void)
{
	bool ok = true;

	for (unsigned k = 0; ok && sql_migrations[k]; k++) {
		char after[64];

		snprintf(after, sizeof after, " COMMIT;\n\\echo migrated to %u\n", k + 1);
		ok = print("BEGIN; ", sql_migrations[k], after);
	}
	return ok;
}

static bool print_statements(void)
{
	bool ok = true;

	for (unsigned i = 0; ok && i < SQL_COUNT; i++) {
		char before[64];

		snprintf(before, sizeof before, "PREPARE statement_%u AS ", i);
		ok = print(before, sql_texts[i], ";\n");
	}
	return ok;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "migrations") == 0)
		return print_migrations() ? 0 : 1;
	if (argc == 2 && strcmp(argv[1], "statements") == 0)
		return print_statements() ? 0 : 1;
	fprintf(stderr, "usage: print-sql migrations|statements\n");
	return 2;
}
