/* gatewayctl audit verify --state: a verification that goes on from the last one, and what it refuses; and the addresses
 * under which a folder is read. */
#include <check.h>
#include <sys/stat.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/audit_files.h"
#include "gatewayd/ctl/progress.h"
#include "test/ctl/capture.h"
#include "test/tlog/stored.h"

TCase *make_audit_state_case(void);

#define EXCHANGES 700 /* and the genesis entry */

static struct stored north;
static char vkey[300];

static void setup(void)
{
	char store[300];

	dir = scratch_new();
	snprintf(store, sizeof store, "%s/north.db", dir.path);
	stored_open(&north, store, "north.example/audit/gw/1", 1);
	stored_fill(&north, 0, EXCHANGES, false);
	stored_vkey(&north, vkey, sizeof vkey);
	ctl = (struct ctl){ .config = "" };
	output = NULL;
}

static void teardown(void)
{
	stored_close(&north);
	scratch_remove(&dir);
	free(output);
}

static void publish(const char *to)
{
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", to, NULL), CTL_OK);
}

static int verify(const char *log)
{
	return run(audit_verify, "--key", vkey, "--state", "$D/state", log, NULL);
}

START_TEST(test_goes_on)
{
	publish("$D/public");
	ck_assert_int_eq(verify("$D/public"), CTL_OK);
	ck_assert_ptr_null(strstr(output, "before  "));
	/* Nothing came since; then something did. */
	ck_assert_int_eq(verify("$D/public"), CTL_OK);
	expect("before       the first 701 were verified on 2");
	stored_fill(&north, EXCHANGES, EXCHANGES + 300, false);
	publish("$D/public");
	ctl.json = true;
	ck_assert_int_eq(verify("$D/public"), CTL_OK);
	expect("\"verified_before\":701}");
	ck_assert_int_eq(verify("$D/public"), CTL_OK);
	expect("\"verified_before\":1001}");
	ctl.json = false;
	/* What was read before is not read again, so that an altered old entry shows only without a state. */
	flip("public/tile/entries/000", 100);
	ck_assert_int_eq(verify("$D/public"), CTL_OK);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/public", NULL), CTL_TAMPERED);
	flip("public/tile/entries/000", 100);
	/* One of those that came since does show, and the state stays as it was. */
	stored_fill(&north, EXCHANGES + 300, EXCHANGES + 400, false);
	publish("$D/public");
	flip("public/tile/entries/004.p/77", 100);
	ck_assert_int_eq(verify("$D/public"), CTL_TAMPERED);
	flip("public/tile/entries/004.p/77", 100);
	ck_assert_int_eq(verify("$D/public"), CTL_OK);
	expect("before       the first 1001 were");
}
END_TEST

START_TEST(test_shorter_or_different)
{
	struct stored other;

	publish("$D/short");
	stored_fill(&north, EXCHANGES, EXCHANGES + 300, false);
	publish("$D/public");
	ck_assert_int_eq(verify("$D/public"), CTL_OK);
	ck_assert_int_eq(verify("$D/short"), CTL_TAMPERED);
	expect_error("the log was rolled back: it had 1001 entries and has 701");
	/* As many entries, and more, of another history by the same key. */
	stored_open(&other, scratch_file(&dir, "other.db"), "north.example/audit/gw/1", 1);
	stored_fill(&other, 1, EXCHANGES + 301, false);
	ck_assert_int_eq(run(audit_export, "--from", "$D/other.db", "$D/forked", NULL), CTL_OK);
	ck_assert_int_eq(verify("$D/forked"), CTL_TAMPERED);
	expect_error("are not those that were verified before");
	stored_fill(&other, EXCHANGES + 301, EXCHANGES + 400, false);
	ck_assert_int_eq(run(audit_export, "--from", "$D/other.db", "$D/forked", NULL), CTL_OK);
	ck_assert_int_eq(verify("$D/forked"), CTL_TAMPERED);
	stored_close(&other);
	/* The state is what it was. */
	ck_assert_int_eq(verify("$D/public"), CTL_OK);
	expect("before       the first 1001 were");
}
END_TEST

/* A state is never begun anew by itself: who empties it would have the auditor forget. */
START_TEST(test_not_a_state)
{
	static const char *const texts[] = { "", "{}", "[]", "{\"format\":2}",
		                             "{\"format\":1,\"verified\":\"then\",\"checkpoint\":\"\"}" };
	struct stored south;
	struct stat before, after;

	publish("$D/public");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		scratch_write(scratch_file(&dir, "state"), view_of(texts[i]));
		ck_assert_int_eq(verify("$D/public"), CTL_FAILED);
		expect_error("is not what audit verify --state writes");
	}
	/* Altered, or another log's. */
	ck_assert_int_eq(unlink(scratch_file(&dir, "state")), 0);
	ck_assert_int_eq(verify("$D/public"), CTL_OK);
	stored_open(&south, scratch_file(&dir, "south.db"), "south.example/audit/gw/1", 2);
	stored_fill(&south, 0, 10, false);
	char key[300];
	stored_vkey(&south, key, sizeof key);
	stored_close(&south);
	ck_assert_int_eq(stat(scratch_file(&dir, "state"), &before), 0);
	ck_assert_int_eq(run(audit_verify, "--key", key, "--state", "$D/state", "$D/south.db", NULL), CTL_FAILED);
	expect_error("is of another log, or was altered");
	ck_assert_int_eq(stat(scratch_file(&dir, "state"), &after), 0);
	ck_assert(before.st_ino == after.st_ino && before.st_mtime == after.st_mtime);
	/* Where it cannot be written, or read. */
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "--state", "$D/absent/state", "$D/public", NULL), CTL_FAILED);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "--state", "$D/state/x", "$D/public", NULL), CTL_FAILED);
}
END_TEST

START_TEST(test_with_disclosures)
{
	ck_assert_int_eq(verify("$D/north.db"), CTL_FAILED);
	expect_error("over the whole log only");
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "--disclosures", "$D/full", NULL), CTL_OK);
	ck_assert_int_eq(verify("$D/full"), CTL_FAILED);
	ck_assert_int_ne(access(scratch_file(&dir, "state"), F_OK), 0);
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "--state", "$D/state", "$D/x", NULL), CTL_USAGE);
}
END_TEST

START_TEST(test_file_addresses)
{
	static const char *const bad[] = { "file:relative", "file://north.example/srv",
		                           "file:///a%2",   "file:///a%zz",
		                           "file:///a%00b", "file:" };
	char address[600];
	struct error e = { .reason = REASON_NONE };

	publish("$D/public one");
	snprintf(address, sizeof address, "file://%s/public%%20one", dir.path);
	ck_assert_int_eq(verify(address), CTL_OK);
	snprintf(address, sizeof address, "file://localhost%s/public%%20one", dir.path);
	ck_assert_int_eq(verify(address), CTL_OK);
	snprintf(address, sizeof address, "file:%s/north.db", dir.path);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, address, NULL), CTL_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		e = (struct error){ .reason = REASON_NONE };
		ck_assert_ptr_null(audit_files_local(bad[i], &e));
		ck_assert_int_eq(e.reason, REASON_CONFIG);
	}
	ck_assert_int_eq(verify("file:///absent/log"), CTL_FAILED);
	/* Nothing is asked over plain HTTP with a certificate. */
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "--certificate", "$D/x", "http://127.0.0.1:9", NULL),
	                 CTL_FAILED);
	expect_error("no certificate is shown over http://");
}
END_TEST

START_TEST(test_progress)
{
	struct progress p = { .what = "entries", .from = 1000, .total = 1000003, .began_ms = 5000 };
	char line[160];

	progress_line(&p, 411000, 13000, line, sizeof line);
	ck_assert_str_eq(line, "411,000 of 1,000,003 entries, 41 %, 51,250 a second, 11 s left");
	progress_line(&p, 2000, 6000, line, sizeof line);
	ck_assert_str_eq(line, "2,000 of 1,000,003 entries, 0 %, 1,000 a second, 16 min left");
	progress_line(&p, 1000, 5000, line, sizeof line);
	ck_assert_str_eq(line, "1,000 of 1,000,003 entries, 0 %, 0 a second");
	progress_line(&p, 1000003, 5000, line, sizeof line);
	ck_assert_str_eq(line, "1,000,003 of 1,000,003 entries, 100 %, 999,003,000 a second, 0 s left");
	/* Here stderr is a file. */
	progress_begin(&p, "entries", 0, 10);
	progress_at(&p, 5);
	progress_end(&p);
	ck_assert(!p.shown);
}
END_TEST

TCase *make_audit_state_case(void)
{
	TCase *tc = tcase_create("audit_state");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_goes_on);
	tcase_add_test(tc, test_shorter_or_different);
	tcase_add_test(tc, test_not_a_state);
	tcase_add_test(tc, test_with_disclosures);
	tcase_add_test(tc, test_file_addresses);
	tcase_add_test(tc, test_progress);
	return tc;
}
