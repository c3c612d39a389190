/* What the store's SQL becomes for PostgreSQL. */
#include <check.h>

#include "gatewayd/core/store/postgres/dialect_private.h"

static void says(const char *text, const char *want)
{
	struct buf out = BUF_INIT(1024);

	ck_assert(postgres_say(text, &out));
	buf_addc(&out, '\0');
	ck_assert_str_eq(out.p, want);
	buf_free(&out);
}

START_TEST(words_and_parameters)
{
	says("SELECT a FROM t WHERE a = ?1 AND b > ?12", "SELECT a FROM t WHERE a = $1 AND b > $12");
	says("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB NOT NULL) STRICT;",
	     "CREATE TABLE t (a BIGINT PRIMARY KEY, b BYTEA NOT NULL);");
	says("CREATE TABLE t (a TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;CREATE",
	     "CREATE TABLE t (a TEXT PRIMARY KEY);CREATE");
	says("INSERT INTO v VALUES ('k', randomblob(16))",
	     "INSERT INTO v VALUES ('k', "
	     "substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 16))");
}
END_TEST

START_TEST(only_whole_words_outside_quotes)
{
	says("INTEGERS xBLOB BLOB_2 myrandomblob(16)", "INTEGERS xBLOB BLOB_2 myrandomblob(16)");
	says("'INTEGER ?1 '' BLOB' INTEGER ?1", "'INTEGER ?1 '' BLOB' BIGINT $1");
	says("", "");
}
END_TEST

START_TEST(a_full_buffer_fails)
{
	struct buf out = BUF_INIT(3);

	ck_assert(!postgres_say("SELECT 1", &out));
	buf_free(&out);
}
END_TEST

TCase *make_dialect_case(void);
TCase *make_dialect_case(void)
{
	TCase *t = tcase_create("dialect");

	tcase_add_test(t, words_and_parameters);
	tcase_add_test(t, only_whole_words_outside_quotes);
	tcase_add_test(t, a_full_buffer_fails);
	return t;
}
