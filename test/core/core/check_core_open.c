/* What must hold before a start changes anything: each thing that a start opens is wrong in turn. Then gatewayd -t says so,
 * the daemon does not start and says at which step, no byte of any file is another, and once it is mended it starts. */
#include "gatewayd/core/keys/binding.h"
#include "gatewayd/core/store/witness.h"
#include "test/core/core/daemon_fixture.h"

TCase *make_core_open_case(void);

static void moved(const char *from, const char *to)
{
	ck_assert_int_eq(rename(scratch_file(&dir, from), scratch_file(&dir, to)), 0);
}

static void lost(const char *name)
{
	struct view v = scratch_read(scratch_file(&dir, name));

	ck_assert_ptr_nonnull(v.p);
	scratch_write(scratch_file(&aside, "lost"), v);
	scratch_free(v);
	ck_assert_int_eq(unlink(scratch_file(&dir, name)), 0);
}

static void found(const char *name)
{
	scratch_copy(scratch_file(&aside, "lost"), scratch_file(&dir, name));
}

static void other_secret(const char *name)
{
	const struct secret secret = { .b = "another one for tests, 32 bytes l", .n = 32 };

	lost(name);
	OK(secret_write_new(scratch_file(&dir, name), &secret, e));
}

/* --- what is wrong, and how it is mended --- */

static void no_secret(void)
{
	lost("keys/pseudonym.key");
}

static void secret_back(void)
{
	found("keys/pseudonym.key");
}

static void no_slots(void)
{
	moved("keys/slots", "slots");
}

static void slots_back(void)
{
	moved("slots", "keys/slots");
}

static void short_witness_key(void)
{
	scratch_write(scratch_file(&dir, "keys/witness.key"), VIEW("00\n"));
}

static void no_witness_key(void)
{
	ck_assert_int_eq(unlink(scratch_file(&dir, "keys/witness.key")), 0);
}

static void no_store(void)
{
	moved("store.db", "away.db");
}

static void store_back(void)
{
	moved("away.db", "store.db");
}

static void no_anchor(void)
{
	lost("anchor");
}

static void anchor_back(void)
{
	found("anchor");
}

static void other_log_key(void)
{
	other_secret("keys/audit.key");
}

static void log_key_back(void)
{
	found("keys/audit.key");
}

static void other_epoch(void)
{
	json_object_set_new(json_object_get(node, "audit"), "epoch", json_integer(2));
	conf_files_write();
}

static void first_epoch(void)
{
	json_object_set_new(json_object_get(node, "audit"), "epoch", json_integer(1));
	conf_files_write();
}

static void store_nowhere(void)
{
	json_object_set_new(node, "store", json_string("none/store.db"));
	conf_files_write();
}

static void store_here(void)
{
	json_object_set_new(node, "store", json_string("store.db"));
	conf_files_write();
}

static const struct wrong {
	void (*break_it)(void), (*mend)(void);
	enum reason reason;
	int status;
	const char *step, *text;
} wrongs[] = {
	{ no_secret, secret_back, REASON_CONFIG, 78, "secrets", "pseudonym.key" },
	{ no_slots, slots_back, REASON_CONFIG, 78, "payload keys", "slots" },
	{ short_witness_key, no_witness_key, REASON_CONFIG, 78, "witness", "witness.key" },
	{ no_store, store_back, REASON_CONFIG, 78, "verified", "there is no store, but the anchor" },
	{ no_anchor, anchor_back, REASON_TAMPERED, 78, "verified", "its anchor is missing" },
	{ other_log_key, log_key_back, REASON_TAMPERED, 78, "verified", "" },
	{ other_epoch, first_epoch, REASON_TAMPERED, 78, "verified", "" },
	{ store_nowhere, store_here, REASON_CONFIG, 78, "verified", "the store cannot be made" },
};

START_TEST(each_thing_wrong)
{
	const struct wrong *w = &wrongs[_i];
	struct error why = { .reason = REASON_NONE };
	char before[65], after[65], text[700];

	runs_once();
	OK(core_check(node_conf(), e));
	w->break_it();
	node_digest(before);
	ck_assert(!core_check(node_conf(), &why));
	error_print(&why, text, sizeof text);
	ck_assert_msg(why.reason == w->reason, "%s: %s", reason_slug(why.reason), text);
	ck_assert_msg(strstr(text, w->text) != NULL, "%s", text);
	daemon_start(&(struct start){ .cannot_confine = false });
	ck_assert_int_eq(daemon_ended(), w->status);
	snprintf(text, sizeof text, "cannot open: %s\n", w->step);
	SAID(text);
	SAID(w->text);
	node_digest(after);
	ck_assert_str_eq(before, after);
	/* Everything that was opened was let go. */
	w->mend();
	OK(core_check(node_conf(), e));
	runs_once();
}
END_TEST

START_TEST(a_new_node_is_right)
{
	char before[65], after[65];

	node_digest(before);
	OK(core_check(node_conf(), e));
	node_digest(after);
	ck_assert_str_eq(before, after);
	runs_once();
	OK(core_check(node_conf(), e));
}
END_TEST

/* A key folder that has keys, or had another master key, was used with a store. */
START_TEST(a_key_folder_that_was_used)
{
	struct keystore *k;

	OK((k = keystore_open(scratch_file(&dir, "keys"), false, e)) != NULL);
	OK(keystore_rotate(k, e));
	keystore_close(k);
	REFUSED(REASON_CONFIG, core_check(node_conf(), e));
}
END_TEST

/* It was put back while the daemon was down: the anchor covers more. */
START_TEST(a_store_that_was_put_back)
{
	runs_once();
	scratch_copy(scratch_file(&dir, "store.db"), scratch_file(&aside, "old.db"));
	runs_once();
	scratch_copy(scratch_file(&aside, "old.db"), scratch_file(&dir, "store.db"));
	REFUSED(REASON_TAMPERED, core_check(node_conf(), e));
	daemon_start(&(struct start){ .cannot_confine = false });
	ck_assert_int_eq(daemon_ended(), 78);
	SAID("cannot open: verified");
}
END_TEST

/* What is opened after all was verified fails: what was opened before it is let go. The store says that a checkpoint was
 * cosigned which it does not have. */
START_TEST(a_store_that_forgot_what_it_remembers)
{
	struct store *s;

	runs_once();
	scratch_copy(scratch_file(&dir, "store.db"), scratch_file(&aside, "store.db"));
	OK((s = store_open(scratch_file(&dir, "store.db"), e)) != NULL);
	OK(store_begin(s, e));
	OK(store_put_cosignature(s, VIEW("gw.south.example/witness/gw1"), 1000, VIEW("a line\n"), e));
	OK(store_commit(s, e));
	store_close(s);
	OK(core_check(node_conf(), e));
	daemon_start(&(struct start){ .cannot_confine = false });
	ck_assert_int_eq(daemon_ended(), 78);
	SAID("cannot open: what is remembered");
	ck_assert_uint_eq(logged("\"operation\":\"start\"", NULL), 1);
	scratch_copy(scratch_file(&aside, "store.db"), scratch_file(&dir, "store.db"));
	runs_once();
}
END_TEST

START_TEST(a_mirror_that_cannot_be_written_stops_nobody)
{
	ck_assert_int_eq(mkdir(scratch_file(&dir, "audit.jsonl"), 0700), 0);
	runs_once();
	SAID("mirror: ");
}
END_TEST

/* --- beside what runs --- */

START_TEST(beside_a_daemon_nothing_is_said_against_it)
{
	const struct start as_it_is = { .cannot_confine = false };

	daemon_start(&as_it_is);
	manager_hears("READY=1");
	OK(core_check(node_conf(), e));
	ck_assert_int_eq(monitored("/readyz"), 200);
	ck_assert_int_eq(daemon_stopped(SIGTERM), 0);
}
END_TEST

START_TEST(keys_that_another_has)
{
	struct keystore *k;

	runs_once();
	OK((k = keystore_open(scratch_file(&dir, "keys"), false, e)) != NULL);
	REFUSED(REASON_UNAVAILABLE, core_check(node_conf(), e));
	daemon_start(&(struct start){ .cannot_confine = false });
	ck_assert_int_eq(daemon_ended(), 1);
	SAID("cannot open: payload keys");
	keystore_close(k);
	runs_once();
}
END_TEST

START_TEST(a_store_that_another_has)
{
	struct store *s;

	runs_once();
	OK((s = store_open(scratch_file(&dir, "store.db"), e)) != NULL);
	REFUSED(REASON_UNAVAILABLE, core_check(node_conf(), e));
	daemon_start(&(struct start){ .cannot_confine = false });
	ck_assert_int_eq(daemon_ended(), 1);
	SAID("cannot open: verified");
	store_close(s);
	runs_once();
}
END_TEST

/* Both are in use, and not by one daemon. */
START_TEST(keys_and_store_of_two_nodes)
{
	struct keystore *own, *other;
	struct binding b;
	struct store *s;

	runs_once();
	OK((other = keystore_open(scratch_file(&aside, "keys"), true, e)) != NULL);
	OK((s = store_open(scratch_file(&aside, "store.db"), e)) != NULL);
	OK(binding_check(s, other, "other store", "other keys", &b, e));
	OK(binding_make(s, other, &b, e));
	OK((own = keystore_open(scratch_file(&dir, "keys"), false, e)) != NULL);
	json_object_set_new(node, "store", json_string(scratch_file(&aside, "store.db")));
	conf_files_write();
	REFUSED(REASON_CONFIG, core_check(node_conf(), e));
	keystore_close(own);
	keystore_close(other);
	store_close(s);
}
END_TEST

TCase *make_core_open_case(void)
{
	TCase *c = tcase_create("core_open");

	tcase_add_checked_fixture(c, node_make, node_drop);
	tcase_add_loop_test(c, each_thing_wrong, 0, sizeof wrongs / sizeof *wrongs);
	tcase_add_test(c, a_new_node_is_right);
	tcase_add_test(c, a_key_folder_that_was_used);
	tcase_add_test(c, a_store_that_was_put_back);
	tcase_add_test(c, a_store_that_forgot_what_it_remembers);
	tcase_add_test(c, a_mirror_that_cannot_be_written_stops_nobody);
	tcase_add_test(c, beside_a_daemon_nothing_is_said_against_it);
	tcase_add_test(c, keys_that_another_has);
	tcase_add_test(c, a_store_that_another_has);
	tcase_add_test(c, keys_and_store_of_two_nodes);
	return c;
}
