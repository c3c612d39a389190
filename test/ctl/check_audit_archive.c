/* gatewayctl audit archive: what it refuses, what it leaves, and that nothing is deleted before the folder is whole. */
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/timer.h"
#include "gatewayd/ctl/audit.h"
#include "test/ctl/capture.h"
#include "test/tlog/stored.h"

TCase *make_audit_archive_case(void);

#define EXCHANGES 600 /* and the genesis entry */

static struct stored north;
static char store[200], vkey[300], config[200];
static struct error error;

static void reopen(const char *origin)
{
	stored_open(&north, store, origin, 1);
}

/* A log of two epochs, its store closed. */
static void setup(void)
{
	struct store_log_row second = { .origin = VIEW("north.example/audit/gw/2"), .note = VIEW("made up") };

	dir = scratch_new();
	snprintf(store, sizeof store, "%s/north.db", dir.path);
	snprintf(config, sizeof config, "%s/gatewayd.json", dir.path);
	ctl = (struct ctl){ .config = config };
	output = NULL;
	reopen("north.example/audit/gw/1");
	stored_fill(&north, 0, EXCHANGES, false);
	stored_vkey(&north, vkey, sizeof vkey);
	must(store_begin(north.store, &error), &error);
	must(store_put_log(north.store, &second, &error), &error);
	must(store_commit(north.store, &error), &error);
	stored_close(&north);
	reopen("north.example/audit/gw/2");
	stored_fill(&north, EXCHANGES, EXCHANGES + 5, false);
	stored_close(&north);
}

static void teardown(void)
{
	scratch_remove(&dir);
	free(output);
}

static void begin(void)
{
	reopen("north.example/audit/gw/2");
	must(store_begin(north.store, &error), &error);
}

static void commit(void)
{
	must(store_commit(north.store, &error), &error);
	stored_close(&north);
}

/* Every entry is still there. */
static void refused(int status, const char *text)
{
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "--disclosures", "$D/north.db@1", "$D/archive", NULL),
	                 status);
	expect_error(text);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db@1", NULL), CTL_OK);
	expect("600 entries disclosed");
}

START_TEST(test_archive)
{
	char id[UUID_TEXT + 1];
	struct uuid u = stored_id(300);

	uuid_print(&u, id);
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "--disclosures", "$D/north.db@1", "$D/archive", NULL),
	                 CTL_OK);
	expect("archived   601 entries, now only in ");
	/* The folder holds and proves everything, the store the tree. */
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/archive", NULL), CTL_OK);
	expect("600 entries disclosed");
	ck_assert_int_eq(run(audit_prove, "--from", "$D/archive", "--out", "$D/proof", id, NULL), CTL_OK);
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "$D/proof", NULL), CTL_OK);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "--earlier", "$D/archive/checkpoint", "$D/north.db@1", NULL),
	                 CTL_OK);
	expect("archived     601 entries archived; tiles present\n");
	expect("every tile is the one that was signed");
	ctl.json = true;
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db@1", NULL), CTL_OK);
	expect("\"archived\":true");
	ctl.json = false;
	ck_assert_int_eq(run(audit_prove, "--from", "$D/north.db", "--out", "$D/proof", id, NULL), CTL_FAILED);
	expect_error("its entry was archived");
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db@1", "$D/again", NULL), CTL_FAILED);
	expect_error("the entries of this log were archived");
	/* Once; and the present log is as it was. */
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "$D/north.db@1", "$D/archive", NULL), CTL_OK);
	expect("its 601 entries were archived before\n");
	reopen("north.example/audit/gw/2");
	stored_vkey(&north, vkey, sizeof vkey);
	stored_close(&north);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db", NULL), CTL_OK);
	expect("entries      6\n");
}
END_TEST

/* Afterwards the store's tiles are what is judged. */
START_TEST(test_altered_afterwards)
{
	struct view hashes;
	char copy[8192];

	ck_assert_int_eq(run(audit_archive, "--key", vkey, "--disclosures", "$D/north.db@1", "$D/archive", NULL),
	                 CTL_OK);
	begin();
	must(store_use_log(north.store, 0, &error), &error);
	must(store_get_tile(north.store, 0, 1, &hashes, &error), &error);
	memcpy(copy, hashes.p, hashes.n);
	copy[5 * 32] ^= 1;
	must(store_put_tile(north.store, 0, 1, view_make(copy, sizeof copy), &error), &error);
	commit();
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db@1", NULL), CTL_TAMPERED);
}
END_TEST

START_TEST(test_refusals)
{
	char other[300];

	ck_assert_int_eq(run(audit_archive, "--key", vkey, "$D/north.db@1", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "$D/north.db", "$D/archive", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_archive, "--nonsense", "$D/north.db@1", "$D/archive", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_archive, "$D/north.db@1", "$D/archive", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "$D/absent.db@1", "$D/archive", NULL), CTL_FAILED);
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "$D/north.db@3", "$D/archive", NULL), CTL_FAILED);
	expect_error("no log of epoch 3");
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "--disclosures", "$D/north.db@2", "$D/archive", NULL),
	                 CTL_FAILED);
	expect_error("this is the log that the node writes");
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "$D/north.db@1", "$D/archive", NULL), CTL_FAILED);
	expect_error("600 entries have disclosures");
	/* A key that did not sign this log. */
	reopen("north.example/audit/gw/2");
	stored_vkey(&north, other, sizeof other);
	ck_assert_int_eq(run(audit_archive, "--key", other, "--disclosures", "$D/north.db@1", "$D/archive", NULL),
	                 CTL_FAILED);
	expect_error("another process writes it");
	stored_close(&north);
	ck_assert_int_eq(run(audit_archive, "--key", other, "--disclosures", "$D/north.db@1", "$D/archive", NULL),
	                 CTL_TAMPERED);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db@1", NULL), CTL_OK);
	expect("600 entries disclosed");
}
END_TEST

START_TEST(test_what_waits)
{
	struct store_delivery d = {
		.seq = 5, .recipient = VIEW("agency-south"), .deadline_ms = 1, .envelope = VIEW("{}")
	};
	struct store_notice n = { .seq = 6, .recipient = VIEW("agency-south"), .entry = 3, .body = VIEW("{}") };
	struct store_hold h = {
		.seq = 7, .kind = HOLD_LEGAL, .until_ms = 1, .signer = VIEW("north"), .role = VIEW("judge")
	};
	struct store_timer t = { .seq = 8, .plan.return_at_end = true };
	struct store_duty u = { .seq = 9, .kind = DUTY_RETURN, .state = DUTY_OVERDUE };

	begin();
	must(store_put_delivery(north.store, &d, &error), &error);
	commit();
	refused(CTL_FAILED, "1 deliveries or notices with proofs from this log wait");
	begin();
	must(store_drop_delivery(north.store, d.seq, &error) && store_put_notice(north.store, &n, &error), &error);
	commit();
	refused(CTL_FAILED, "1 deliveries or notices with proofs from this log wait");
	begin();
	must(store_drop_notice(north.store, n.id, 1, VIEW(""), VIEW(""), &error), &error);
	must(store_set_state(north.store, 10, STATE_HELD, &error), &error);
	commit();
	refused(CTL_FAILED, "1 exchanges of this log are held");
	bool fresh;
	begin();
	must(store_put_hold(north.store, &h, &fresh, &error) && store_put_timer(north.store, &t, &error) &&
	             store_put_duty(north.store, &u, &error),
	     &error);
	commit();
	refused(CTL_FAILED, "4 exchanges of this log are held");
	begin();
	u.state = DUTY_DONE;
	must(store_set_state(north.store, 10, STATE_REFUSED, &error) && store_drop_timer(north.store, 8, &error) &&
	             store_set_duty(north.store, &u, &error) && store_end_hold(north.store, h.id, 1, &error),
	     &error);
	/* What waits with an entry of the present log is none of this. */
	n.entry = UINT64_C(1) << STORE_LOG_SHIFT | 2;
	must(store_put_notice(north.store, &n, &error), &error);
	commit();
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "--disclosures", "$D/north.db@1", "$D/archive", NULL),
	                 CTL_OK);
}
END_TEST

/* An interrupted run goes on; what was altered on the way, or is another log's, does not. */
START_TEST(test_folder)
{
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db@2", "$D/other", NULL), CTL_OK);
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "--disclosures", "$D/north.db@1", "$D/other", NULL),
	                 CTL_FAILED);
	expect_error("holds another log");
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db@1", "--disclosures", "$D/archive", NULL), CTL_OK);
	ck_assert_int_eq(unlink(scratch_file(&dir, "archive/checkpoint")), 0);
	flip("archive/tile/0/000", 40);
	refused(CTL_TAMPERED, "hash 1 of tile 0/0 was altered");
	flip("archive/tile/0/000", 40);
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "--disclosures", "$D/north.db@1", "$D/archive", NULL),
	                 CTL_OK);
}
END_TEST

/* Disclosures that retention erased leave none to move. */
START_TEST(test_without_disclosures)
{
	begin();
	stored_erase(&north, 1, EXCHANGES, "north.example/audit/gw/1");
	stored_commit(&north);
	stored_close(&north);
	ctl.json = true;
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "$D/north.db@1", "$D/archive", NULL), CTL_OK);
	expect("{\"archived\":601,\"checkpoint\":\"");
	ctl.json = false;
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/archive", NULL), CTL_OK);
	expect("disclosures  not part of this copy");
}
END_TEST

/* A policy that names both logs' keys, or those that are given. */
static void write_policy(const char *first, const char *second)
{
	struct buf b = BUF_INIT(2000);

	buf_addf(&b, "log %s\nlog %s\nquorum none\n", first, second);
	scratch_write(scratch_file(&dir, "policy"), buf_view(&b));
	buf_free(&b);
}

/* Retention goes on over the logs of all epochs, and says so in the newest. */
START_TEST(test_erased_by_a_later_log)
{
	static const char other[] = "made.up.example/audit/gw/1+55e80a44+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
	char second[300];

	begin();
	stored_erase(&north, 1, 100, "north.example/audit/gw/1");
	stored_commit(&north);
	stored_vkey(&north, second, sizeof second);
	stored_close(&north);
	write_policy(vkey, second);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db@1", NULL), CTL_OK);
	expect("500 entries disclosed, 100 erased");
	expect_error("note: what the log north.example/audit/gw/2 erased of this one is taken from it as it is here");
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "$D/north.db@1", NULL), CTL_OK);
	expect("500 entries disclosed, 100 erased");
	/* In a copy it shows with the later log beside it. */
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "--disclosures", "$D/north.db@1", "$D/archive", NULL),
	                 CTL_OK);
	expect("archived   601 entries");
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "$D/archive", NULL), CTL_TAMPERED);
	expect_error("the withheld fields of 100 entries, entry 1 the first, are gone");
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "--later", "$D/north.db", "$D/archive", NULL),
	                 CTL_OK);
	expect("500 entries disclosed, 100 erased");
	/* A later log whose key is not named; one that is not there; more than there is room for. */
	write_policy(vkey, other);
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "--later", "$D/north.db", "$D/archive", NULL),
	                 CTL_TAMPERED);
	expect_error("north.db: ");
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "--later", "$D/absent", "$D/archive", NULL),
	                 CTL_FAILED);
	expect_error("absent");
	char word[] = "verify", option[] = "--later", path[] = "x";
	char *many[2 + 2 * (AUDIT_LATER_MAX + 1)] = { word };
	for (unsigned i = 0; i <= AUDIT_LATER_MAX; i++) {
		many[1 + 2 * i] = option;
		many[2 + 2 * i] = path;
	}
	optind = 0;
	ck_assert_int_eq(audit_verify(&ctl, 1 + 2 * (AUDIT_LATER_MAX + 1), many), CTL_USAGE);
}
END_TEST

/* What was deleted of it beside that is not. */
START_TEST(test_hidden_beside_a_later_log)
{
	begin();
	stored_erase(&north, 1, 100, "north.example/audit/gw/1");
	stored_commit(&north);
	must(store_begin(north.store, &error), &error);
	must(store_erase_disclosures(north.store, 300, &error), &error);
	commit();
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db@1", NULL), CTL_TAMPERED);
	expect_error("the withheld fields of 1 entries, entry 300 the first, are gone");
	ck_assert_int_eq(run(audit_archive, "--key", vkey, "--disclosures", "$D/north.db@1", "$D/archive", NULL),
	                 CTL_TAMPERED);
}
END_TEST

TCase *make_audit_archive_case(void)
{
	TCase *tc = tcase_create("audit_archive");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_archive);
	tcase_add_test(tc, test_altered_afterwards);
	tcase_add_test(tc, test_refusals);
	tcase_add_test(tc, test_what_waits);
	tcase_add_test(tc, test_folder);
	tcase_add_test(tc, test_without_disclosures);
	tcase_add_test(tc, test_erased_by_a_later_log);
	tcase_add_test(tc, test_hidden_beside_a_later_log);
	return tc;
}
