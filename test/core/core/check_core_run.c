/* Core from its start to its end: what it serves, how it is told to stop or to read its configuration anew, and what
 * becomes of it when its edge, or its log, is not what it was. */
#include "gatewayd/confine.h"
#include "gatewayd/core/store/rest.h"
#include "lib/tlog/note.h"
#include "test/core/core/daemon_fixture.h"

TCase *make_core_run_case(void);

bool cannot_confine;

bool confine_core(const struct confine_paths *paths, struct error *e)
{
	if (cannot_confine)
		return error_set(e, REASON_INTERNAL, "this kernel confines nothing");
	for (size_t i = 0; i < paths->n_writable; i++)
		fprintf(stderr, "may write in %s\n", paths->writable[i]);
	return true;
}

const char *confine_summary(void)
{
	return "not confined, for a test";
}

static const struct start as_it_is = { .cannot_confine = false };

static void starts(void)
{
	daemon_start(&as_it_is);
	manager_hears("READY=1");
}

START_TEST(serves_until_it_is_told_to_stop)
{
	static const int signals[] = { SIGTERM, SIGINT };
	char text[PATH_MAX + 40];
	unsigned entries;

	starts();
	ck_assert_int_eq(monitored("/readyz"), 200);
	ck_assert_str_eq(daemon_.head, "ready\n");
	ck_assert_int_eq(daemon_stopped(signals[_i]), 0);
	ck_assert_uint_eq(logged("\"operation\":\"start\"", &entries), 1);
	ck_assert_uint_eq(logged("\"operation\":\"stop\"", NULL), 1);
	SAID("north serves as gw.north.example/audit/n1/1 with 0 agreements");
	SAID("stopping");
	snprintf(text, sizeof text, "may write in %s\n", scratch_file(&dir, "keys"));
	SAID(text);
	ck_assert(scratch_holds(scratch_file(&dir, "anchor"), "gw.north.example/audit/n1/1\n", 28));
	struct view mirror = scratch_read(scratch_file(&dir, "audit.jsonl"));
	unsigned lines = 0;
	for (size_t i = 0; i < mirror.n; i++)
		lines += mirror.p[i] == '\n';
	scratch_free(mirror);
	ck_assert_uint_eq(lines, entries);
}
END_TEST

START_TEST(goes_on_where_it_was)
{
	unsigned before, after;

	runs_once();
	logged("", &before);
	runs_once();
	ck_assert_uint_eq(logged("\"operation\":\"start\"", &after), 2);
	ck_assert_uint_gt(after, before);
}
END_TEST

/* --- a new configuration --- */

/* It is told to read the files as they are now, goes on serving, and stops. */
static void rereads(void)
{
	conf_files_write();
	told(SIGHUP);
	manager_hears("RELOADING=1");
	manager_hears("READY=1");
	ck_assert_int_eq(monitored("/readyz"), 200);
	ck_assert_int_eq(daemon_stopped(SIGTERM), 0);
}

START_TEST(reads_its_configuration_anew)
{
	starts();
	json_object_set_new(node, "limits", json_pack("{s:i}", "lines", 7));
	rereads();
	SAID("configuration reloaded");
	ck_assert_uint_eq(logged("\"note\":\"reload\"", NULL), 1);
}
END_TEST

START_TEST(a_wrong_configuration_changes_nothing)
{
	starts();
	json_object_set_new(node, "agencies", json_true());
	rereads();
	SAID("the schema knows no such member here");
	SAID("reload: the running configuration stays");
	ck_assert_uint_eq(logged("\"note\":\"reload\"", NULL), 0);
}
END_TEST

/* --- the edge --- */

START_TEST(without_its_edge_it_ends)
{
	starts();
	edge_leaves();
	ck_assert_int_eq(daemon_ended(), 1);
	SAID("the edge has ended (status 0)");
	ck_assert_uint_eq(logged("\"operation\":\"stop\"", NULL), 1);
}
END_TEST

START_TEST(without_its_channel_it_ends)
{
	starts();
	ck_assert_int_eq(shutdown(channel_fd(daemon_.edge), SHUT_RDWR), 0);
	ck_assert_int_eq(daemon_ended(), 1);
	SAID("going down: the edge has ended");
}
END_TEST

START_TEST(a_channel_that_is_gone_at_the_start)
{
	daemon_start(&as_it_is);
	ck_assert_int_eq(shutdown(channel_fd(daemon_.edge), SHUT_RDWR), 0);
	ck_assert_int_eq(daemon_ended(), 1);
	ck_assert_uint_eq(logged("\"operation\":\"stop\"", NULL), logged("\"operation\":\"start\"", NULL));
}
END_TEST

/* An edge that does not leave is told to after a second. */
START_TEST(an_edge_that_stays_is_ended)
{
	starts();
	told(SIGTERM);
	ck_assert(!edge_sees(FRAME_TYPES));
	ck_assert_int_eq(daemon_ended(), 0);
}
END_TEST

/* --- the log --- */

/* What a partner witnessed of this node's log, signed with its own key. */
static void partner_witnessed(uint64_t size, struct buf *note)
{
	struct checkpoint c = { .origin = VIEW("gw.north.example/audit/n1/1"), .size = size, .root = { .b = { 1 } } };
	uint8_t seed[32], public_key[32];
	struct note_signer log;
	struct buf text = BUF_INIT(4096);

	memcpy(seed, AUDIT_SEED, sizeof seed);
	ck_assert_ptr_nonnull(log.key = ed25519_from_seed(seed));
	ed25519_public(log.key, public_key);
	ck_assert(note_vkey_make(c.origin, NOTE_ED25519, public_key, &log.vkey));
	checkpoint_text(&c, &text);
	buf_add(note, buf_view(&text));
	buf_addc(note, '\n');
	ck_assert(note_sign(&log, buf_view(&text), note));
	ed25519_free(log.key);
	buf_free(&text);
}

static void has_a_witness(void)
{
	const uint8_t key[32] = { 5 };
	struct buf text = BUF_INIT(400);
	struct note_vkey vkey;

	ck_assert(note_vkey_make(VIEW("gw.south.example/witness/gw1"), NOTE_COSIGNER, key, &vkey));
	note_vkey_print(&vkey, &text);
	buf_addc(&text, 0);
	json_object_set_new(json_object_get(south, "audit"), "witness_vkey", json_string(text.p));
	conf_files_write();
	buf_free(&text);
}

START_TEST(a_log_that_was_put_back_is_not_served)
{
	struct buf note = BUF_INIT(4096);
	unsigned before, after;

	runs_once();
	logged("", &before);
	has_a_witness();
	partner_witnessed(1000, &note);
	daemon_start(&as_it_is);
	ck_assert(edge_sees(FRAME_OUTBOUND));
	ck_assert_str_eq(daemon_.head, "/witnessed/gw.north.example/audit/n1/1");
	ck_assert_int_eq(monitored("/readyz"), 503);
	daemon_.seen.id = CHANNEL_OUTBOUND | 1;
	partner_says(200, buf_view(&note));
	ck_assert_int_eq(daemon_ended(), 78);
	SAID("the audit log was put back to an older state");
	SAID("cannot start: log");
	logged("", &after);
	ck_assert_uint_eq(after, before);
	buf_free(&note);
}
END_TEST

START_TEST(a_witness_that_does_not_cosign_stops_nobody)
{
	has_a_witness();
	daemon_start(&as_it_is);
	ck_assert(edge_sees(FRAME_OUTBOUND));
	partner_says(404, VIEW(""));
	ck_assert(edge_sees(FRAME_OUTBOUND));
	ck_assert_str_eq(daemon_.head, "/add-checkpoint");
	partner_says(503, VIEW(""));
	manager_hears("READY=1");
	ck_assert_int_eq(daemon_stopped(SIGTERM), 0);
	SAID("witness south-gateway: did not cosign (status 503)");
}
END_TEST

/* --- what else a start does --- */

static bool holds_key(struct keystore *k, uint32_t slot, uint8_t key[32])
{
	struct error none = { .reason = REASON_NONE };

	return keystore_get(k, slot, key, &none);
}

START_TEST(keys_that_no_row_names_are_erased)
{
	static uint8_t keys[65536][32];
	static bool before[65536];
	const uint8_t key[32] = { 1 };
	struct keystore *k;
	uint32_t slot;

	runs_once();
	OK((k = keystore_open(scratch_file(&dir, "keys"), false, e)) != NULL);
	OK(keystore_put(k, key, &slot, e));
	OK(keystore_sync(k, e));
	keystore_settle(k, true);
	/* Beside it those that the last daemon had ready. */
	ck_assert_uint_eq(keystore_count(k), KEYSTORE_POOL + 1);
	for (uint32_t i = 0; i < keystore_size(k); i++)
		before[i] = holds_key(k, i, keys[i]);
	keystore_close(k);
	runs_once();
	SAID("4097 payload keys that nothing names erased");
	OK((k = keystore_open(scratch_file(&dir, "keys"), false, e)) != NULL);
	ck_assert_uint_eq(keystore_count(k), KEYSTORE_POOL);
	for (uint32_t i = 0; i < keystore_size(k); i++) {
		uint8_t now[32];
		ck_assert(!before[i] || !holds_key(k, i, now) || memcmp(now, keys[i], sizeof now) != 0);
	}
	keystore_close(k);
}
END_TEST

START_TEST(a_store_that_says_no_time)
{
	struct store *s;

	runs_once();
	OK((s = store_open(scratch_file(&dir, "store.db"), e)) != NULL);
	OK(store_begin(s, e));
	OK(store_put_value(s, VIEW("clock/known"), VIEW("yesterday"), e));
	OK(store_commit(s, e));
	store_close(s);
	daemon_start(&as_it_is);
	ck_assert_int_eq(daemon_ended(), 1);
	SAID("cannot start: clock");
	ck_assert_uint_eq(logged("\"operation\":\"start\"", NULL), 1);
}
END_TEST

START_TEST(a_kernel_that_confines_nothing)
{
	daemon_start(&(struct start){ .cannot_confine = true });
	ck_assert_int_eq(daemon_ended(), 1);
	SAID("this kernel confines nothing");
	ck_assert_int_ne(access(scratch_file(&dir, "store.db"), F_OK), 0);
}
END_TEST

TCase *make_core_run_case(void)
{
	TCase *c = tcase_create("core_run");

	tcase_add_checked_fixture(c, node_make, node_drop);
	tcase_add_loop_test(c, serves_until_it_is_told_to_stop, 0, 2);
	tcase_add_test(c, goes_on_where_it_was);
	tcase_add_test(c, reads_its_configuration_anew);
	tcase_add_test(c, a_wrong_configuration_changes_nothing);
	tcase_add_test(c, without_its_edge_it_ends);
	tcase_add_test(c, without_its_channel_it_ends);
	tcase_add_test(c, a_channel_that_is_gone_at_the_start);
	tcase_add_test(c, an_edge_that_stays_is_ended);
	tcase_add_test(c, a_log_that_was_put_back_is_not_served);
	tcase_add_test(c, a_witness_that_does_not_cosign_stops_nobody);
	tcase_add_test(c, keys_that_no_row_names_are_erased);
	tcase_add_test(c, a_store_that_says_no_time);
	tcase_add_test(c, a_kernel_that_confines_nothing);
	return c;
}
