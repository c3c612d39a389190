/* gatewayctl audit verify and export, of withheld fields that are gone: erased, deleted, or as a build of before left them. */
#include <time.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/ctl/audit.h"
#include "test/ctl/capture.h"
#include "test/tlog/stored.h"

TCase *make_audit_erased_case(void);

#define EXCHANGES 700 /* and the genesis entry */

static struct stored north;
static char store[200], vkey[300];

static void setup(void)
{
	dir = scratch_new();
	snprintf(store, sizeof store, "%s/north.db", dir.path);
	stored_open(&north, store, "north.example/audit/gw/1", 1);
	stored_fill(&north, 0, EXCHANGES, false);
	stored_vkey(&north, vkey, sizeof vkey);
	ctl = (struct ctl){ .config = "none" };
	output = NULL;
}

static void teardown(void)
{
	stored_close(&north);
	scratch_remove(&dir);
	free(output);
}

START_TEST(test_erased)
{
	struct error e = { 0 };

	must(store_begin(north.store, &e), &e);
	stored_erase(&north, 1, 10, "");
	stored_commit(&north);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db", NULL), CTL_OK);
	expect("disclosures  690 entries disclosed, 10 erased (digest present, disclosure erased)\nverified");
	ctl.json = true;
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db", NULL), CTL_OK);
	expect("\"size\":702,");
	expect("\"disclosed\":690,\"erased\":10,\"unaccounted\":0,\"missing\":0}");
}
END_TEST

/* In a store and in a copy: rows that were deleted are not taken for erased ones. */
START_TEST(test_hidden)
{
	static const char *const where[] = { "$D/north.db", "$D/copy" };
	struct error e = { 0 };

	must(store_begin(north.store, &e), &e);
	stored_erase(&north, 1, 10, "");
	stored_commit(&north);
	must(store_begin(north.store, &e), &e);
	for (uint64_t i = 20; i < 60; i++)
		must(store_erase_disclosures(north.store, i, &e), &e);
	must(store_commit(north.store, &e), &e);
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "--disclosures", "$D/copy", NULL), CTL_OK);
	for (unsigned i = 0; i < 2; i++) {
		ctl.json = false;
		ck_assert_int_eq(run(audit_verify, "--key", vkey, where[i], NULL), CTL_TAMPERED);
		expect_error(
		        "the withheld fields of 40 entries, entry 20 the first, are gone, and no entry says that they were erased");
		ctl.json = true;
		ck_assert_int_eq(run(audit_verify, "--key", vkey, where[i], NULL), CTL_TAMPERED);
		expect("\"place\":\"missing-disclosures\",\"index\":20,\"disclosed\":650,\"erased\":10,\"unaccounted\":0,\"missing\":40,");
	}
	/* What has no disclosures cannot lack them. */
	ctl.json = false;
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "$D/public", NULL), CTL_OK);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/public", NULL), CTL_OK);
	expect("disclosures  not part of this copy\n");
}
END_TEST

/* What is erased while a copy is made, or the log is read, is covered behind the checkpoint that was there at first. */
START_TEST(test_erased_meanwhile)
{
	struct audit_keys keys = { .key = north.signer.vkey };
	struct verify_report r;
	struct audit_judged j;
	struct error e = { 0 };

	for (unsigned growing = 0; growing < 2; growing++) {
		struct audit_source *s = audit_source_open(scratch_file(&dir, "north.db"), NULL, &e);
		ck_assert_msg(s != NULL, "%s", e.text);
		ck_assert(audit_judge(&keys, s, &j, &e));
		must(store_begin(north.store, &e), &e);
		stored_erase(&north, 1 + 10 * growing, 10 + 10 * growing, "");
		stored_commit(&north);
		if (growing == 0) {
			ck_assert_msg(audit_export_files(s, scratch_file(&dir, "copy"), true, &e), "%s", e.text);
		} else {
			ck_assert_msg(audit_verify_log(s, &keys, &j, NULL, NULL, &r, &e), "%s", e.text);
			ck_assert_uint_eq(r.erased, 20);
			ck_assert_uint_eq(r.entries, j.newest.size + 1);
		}
		audit_source_close(s);
	}
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/copy", NULL), CTL_OK);
	expect("entries      702\n");
	expect("690 entries disclosed, 10 erased");
}
END_TEST

/* A witness that cosigned the newest checkpoint 100 seconds ago, and a policy whose quorum it is, or `other`. */
static void cosign(const char *other)
{
	uint8_t seed[32] = { 9 }, public[32];
	struct note_signer w = { .key = ed25519_from_seed(seed) };
	struct buf line = BUF_INIT(1000), policy = BUF_INIT(2000);
	struct view note, text, signatures;
	struct error e = { 0 };
	uint64_t size;

	ed25519_public(w.key, public);
	ck_assert(note_vkey_make(VIEW("witness.example/w"), NOTE_COSIGNER, public, &w.vkey));
	must(store_last_checkpoint(north.store, &size, &note, &e), &e);
	must(note_split(note, &text, &signatures, &e), &e);
	ck_assert(note_cosign(&w, text, (uint64_t)time(NULL) - 100, &line));
	must(store_begin(north.store, &e), &e);
	must(store_put_cosignature(north.store, VIEW("w"), size, buf_view(&line), &e), &e);
	must(store_commit(north.store, &e), &e);
	buf_addf(&policy, "log %s\nwitness w ", vkey);
	note_vkey_print(&w.vkey, &policy);
	buf_addf(&policy, "\nwitness other %s\nquorum ", other);
	buf_reset(&line);
	buf_add(&line, buf_view(&policy));
	buf_adds(&policy, "w\n");
	buf_adds(&line, "other\n");
	scratch_write(scratch_file(&dir, "policy"), buf_view(&policy));
	scratch_write(scratch_file(&dir, "policy-of-other"), buf_view(&line));
	buf_free(&line);
	buf_free(&policy);
	ed25519_free(w.key);
}

/* The same, and what erased them is not cosigned yet: in the copy the cosigned checkpoint has the newest beside it. */
START_TEST(test_erased_since_it_was_cosigned)
{
	static const char other[] = "other.example/w+cdb38dce+BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
	struct audit_keys keys;
	struct verify_report r;
	struct audit_judged j;
	struct error e = { 0 };

	cosign(other);
	must(audit_keys_load(&ctl, NULL, scratch_file(&dir, "policy"), &keys, &e), &e);
	for (unsigned growing = 0; growing < 2; growing++) {
		struct audit_source *s = audit_source_open(scratch_file(&dir, "north.db"), NULL, &e);
		ck_assert_msg(s != NULL, "%s", e.text);
		ck_assert(audit_judge(&keys, s, &j, &e));
		ck_assert_uint_eq(j.accepted.size, 701);
		must(store_begin(north.store, &e), &e);
		stored_erase(&north, 1 + 10 * growing, 10 + 10 * growing, "");
		stored_commit(&north);
		if (growing == 0) {
			ck_assert_msg(audit_export_files(s, scratch_file(&dir, "copy"), true, &e), "%s", e.text);
		} else {
			ck_assert_msg(audit_verify_log(s, &keys, &j, NULL, NULL, &r, &e), "%s", e.text);
			ck_assert_uint_eq(r.erased, 20);
			ck_assert_uint_eq(r.entries, 703);
		}
		audit_source_close(s);
	}
	audit_keys_free(&keys);
	ck_assert_int_eq(access(scratch_file(&dir, "copy/newest"), F_OK), 0);
	ck_assert_int_eq(access(scratch_file(&dir, "copy/tile/entries/002.p/189"), F_OK), 0);
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "--max-age", "600", "$D/copy", NULL), CTL_OK);
	expect("cosigned     701 of 702 entries, ");
	expect("690 entries disclosed, 10 erased");
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "--max-age", "50", "$D/copy", NULL), CTL_STALE);
	expect_error("; 1 entries came since");
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy-of-other", "$D/copy", NULL), CTL_NOT_COSIGNED);
	must(store_begin(north.store, &e), &e);
	must(store_erase_disclosures(north.store, 300, &e), &e);
	must(store_commit(north.store, &e), &e);
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "--max-age", "600", "$D/north.db", NULL),
	                 CTL_TAMPERED);
	expect_error("the withheld fields of 1 entries, entry 300 the first, are gone");
}
END_TEST

/* What a build of before erased, and of its own entries. */
START_TEST(test_unaccounted)
{
	struct disclosures d = { 0 };
	struct buf leaf = BUF_INIT(65535);
	struct entry old = { .operation = OPERATION_DISCLOSURE, .time_ms = 5 };
	struct entry said = { .operation = OPERATION_ERASURE,
		              .note = VIEW("withheld fields of 2 entries, up to entry 702") };
	struct error e = { 0 };

	must(store_begin(north.store, &e), &e);
	disclosures_add(&d, (uint8_t[16]){ 1 }, VIEW("x"), VIEW("1"));
	entry_print(&old, &d, &leaf);
	for (unsigned i = 0; i < 2; i++)
		stored_append(&north, buf_view(&leaf), VIEW(""));
	stored_entry(&north, &said, 1);
	stored_commit(&north);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db", NULL), CTL_OK);
	expect("700 entries disclosed, 0 erased (digest present, disclosure erased)\n             2 not accounted for (");
	buf_free(&leaf);
	disclosures_free(&d);
}
END_TEST

TCase *make_audit_erased_case(void)
{
	TCase *tc = tcase_create("audit_erased");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_erased);
	tcase_add_test(tc, test_hidden);
	tcase_add_test(tc, test_erased_meanwhile);
	tcase_add_test(tc, test_erased_since_it_was_cosigned);
	tcase_add_test(tc, test_unaccounted);
	return tc;
}
