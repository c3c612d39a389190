/* gatewayctl audit mirror: what is kept of a log, that nothing else takes its place, and what is an alarm. */
#include <check.h>
#include <jansson.h>
#include <sys/stat.h>
#include <time.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/audit.h"
#include "test/ctl/capture.h"
#include "test/tlog/stored.h"

TCase *make_audit_mirror_case(void);

#define EXCHANGES 700 /* and the genesis entry */

static struct stored north;
static char vkey[300], kept[120]; /* kept: the folder of the log at the mirror, below the test's */

static void write_policy(const char *more)
{
	char text[2000];

	snprintf(text, sizeof text, "log %s file://%s/public\n%squorum none\n", vkey, dir.path, more);
	scratch_write(scratch_file(&dir, "policy"), view_of(text));
}

static void publish(void)
{
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "$D/public", NULL), CTL_OK);
}

static void setup(void)
{
	struct buf hash = BUF_INIT(80);
	struct digest d;

	dir = scratch_new();
	ctl = (struct ctl){ .config = "" };
	output = NULL;
	stored_open(&north, scratch_file(&dir, "north.db"), "north.example/audit/gw/1", 1);
	stored_fill(&north, 0, EXCHANGES, false);
	stored_vkey(&north, vkey, sizeof vkey);
	sha256(VIEW("north.example/audit/gw/1"), &d);
	digest_print(&hash, &d);
	snprintf(kept, sizeof kept, "mirror/%.*s", VIEW_ARG(buf_view(&hash)));
	buf_free(&hash);
	write_policy("");
	publish();
}

static void teardown(void)
{
	stored_close(&north);
	scratch_remove(&dir);
	free(output);
}

static int mirror(void)
{
	return run(audit_mirror, "--policy", "$D/policy", "$D/mirror", NULL);
}

static const char *at(const char *name)
{
	static char path[300];

	snprintf(path, sizeof path, "%s/%s", kept, name);
	return path;
}

static bool there(const char *name)
{
	return access(scratch_file(&dir, at(name)), F_OK) == 0;
}

/* The copy as anybody verifies it; how many entries it has. */
static long long verified(void)
{
	char log[300];

	snprintf(log, sizeof log, "$D/%s", kept);
	ctl.json = true;
	ck_assert_int_eq(run(audit_verify, "--key", vkey, log, NULL), CTL_OK);
	ctl.json = false;
	json_t *j = json_loads(output, 0, NULL);
	long long size = json_integer_value(json_object_get(j, "size"));
	json_decref(j);
	return size;
}

static void move_public(const char *from, const char *to)
{
	char a[300], b[300];

	snprintf(a, sizeof a, "%s", scratch_file(&dir, from));
	snprintf(b, sizeof b, "%s", scratch_file(&dir, to));
	ck_assert_int_eq(rename(a, b), 0);
}

START_TEST(test_a_copy_that_grows_and_outlives)
{
	ck_assert_int_eq(mirror(), CTL_OK);
	expect("north.example/audit/gw/1: 701 entries\n");
	ck_assert_int_eq(verified(), 701);
	ck_assert(there("tile/entries/002.p/189"));
	ck_assert_int_eq(mirror(), CTL_OK);
	ck_assert_str_eq(output, "");
	stored_fill(&north, EXCHANGES, EXCHANGES + 400, false);
	publish();
	ck_assert_int_eq(mirror(), CTL_OK);
	expect("1101 entries");
	/* A tile that is full takes the place of its partial ones. */
	ck_assert(there("tile/entries/002") && !there("tile/entries/002.p") && !there("tile/0/002.p"));
	ck_assert(there("tile/entries/004.p/77"));
	move_public("public", "gone");
	ck_assert_int_eq(mirror(), CTL_FAILED);
	expect_error("unreachable");
	ck_assert_int_eq(verified(), 1101);
	struct view status = scratch_read(scratch_file(&dir, "mirror/status.json"));
	ck_assert(memmem(status.p, status.n, "\"state\": \"unreachable\"", 22) != NULL);
	scratch_free(status);
	move_public("gone", "public");
	ck_assert_int_eq(mirror(), CTL_OK);
}
END_TEST

/* What was kept stays to the byte, and both checkpoints are kept as evidence. */
static void refused(const char *words)
{
	struct view before = scratch_read(scratch_file(&dir, at("checkpoint"))), after;

	ck_assert_int_eq(mirror(), CTL_TAMPERED);
	expect_error("ALARM: north.example/audit/gw/1: altered");
	expect_error(words);
	after = scratch_read(scratch_file(&dir, at("checkpoint")));
	ck_assert(view_eq(before, after));
	scratch_free(before);
	scratch_free(after);
	ck_assert(there("evidence"));
}

START_TEST(test_a_log_that_went_back)
{
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "$D/old", NULL), CTL_OK);
	stored_fill(&north, EXCHANGES, EXCHANGES + 100, false);
	publish();
	ck_assert_int_eq(mirror(), CTL_OK);
	move_public("public", "new");
	move_public("old", "public");
	refused("the log went back: 801 entries are kept here, its newest checkpoint covers 701");
	ck_assert_int_eq(verified(), 801);
}
END_TEST

START_TEST(test_a_log_that_forked)
{
	struct stored other;

	ck_assert_int_eq(mirror(), CTL_OK);
	move_public("public", "honest");
	stored_open(&other, scratch_file(&dir, "other.db"), "north.example/audit/gw/1", 1);
	stored_fill(&other, 1, EXCHANGES + 1, false);
	ck_assert_int_eq(run(audit_export, "--from", "$D/other.db", "$D/public", NULL), CTL_OK);
	refused("has another root than the one that is kept here");
	stored_fill(&other, EXCHANGES + 1, EXCHANGES + 400, false);
	ck_assert_int_eq(run(audit_export, "--from", "$D/other.db", "$D/public", NULL), CTL_OK);
	refused("are not those that were verified before");
	stored_close(&other);
	/* Nothing of it is left, and the honest one goes on. */
	ck_assert(!there("tile/entries/003"));
	ck_assert_int_eq(verified(), 701);
	move_public("public", "forked");
	move_public("honest", "public");
	stored_fill(&north, EXCHANGES, EXCHANGES + 400, false);
	publish();
	ck_assert_int_eq(mirror(), CTL_OK);
	ck_assert_int_eq(verified(), 1101);
}
END_TEST

/* A server that lies about bytes: of entries that are new, and of those under names that are kept. */
START_TEST(test_bytes_that_are_not_the_signed_ones)
{
	ck_assert_int_eq(mirror(), CTL_OK);
	stored_fill(&north, EXCHANGES, EXCHANGES + 400, false);
	publish();
	flip("public/tile/entries/003", 100);
	refused("entry 768");
	flip("public/tile/entries/003", 100);
	flip("public/tile/entries/002", 100); /* partial so far */
	refused("entry 512");
	ck_assert_int_eq(verified(), 701);
	flip("public/tile/entries/002", 100);
	flip("public/tile/entries/000", 100); /* kept, and not asked for again */
	ck_assert_int_eq(mirror(), CTL_OK);
	ck_assert_int_eq(verified(), 1101);
}
END_TEST

START_TEST(test_it_cosigns_what_it_keeps)
{
	char log[300], policy[2000], line[400];

	ck_assert_int_eq(run(audit_mirror_key, "dpa.example/mirror", "$D/mirror.key", NULL), CTL_OK);
	snprintf(line, sizeof line, "%s", output);
	ck_assert(strncmp(line, "dpa.example/mirror+", 19) == 0);
	ck_assert_int_eq(run(audit_mirror_key, "dpa.example/mirror", "$D/mirror.key", NULL), CTL_FAILED); /* is there */
	ck_assert_int_eq(run(audit_mirror, "--policy", "$D/policy", "--cosign", "$D/mirror.key", "$D/mirror", NULL),
	                 CTL_OK);
	snprintf(policy, sizeof policy, "log %s\nwitness dpa %squorum dpa\n", vkey, line);
	scratch_write(scratch_file(&dir, "auditors"), view_of(policy));
	snprintf(log, sizeof log, "$D/%s", kept);
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/auditors", log, NULL), CTL_OK);
	expect("cosigned by  1 witnesses of the policy; witnessed by 1 of 1 independent");
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/auditors", "$D/public", NULL), CTL_NOT_COSIGNED);
	/* Another key's name beside it; none at all. */
	ck_assert_int_eq(run(audit_mirror_key, "dpa.example/other", "$D/other.key", NULL), CTL_OK);
	scratch_copy(scratch_file(&dir, "other.key.vkey"), scratch_file(&dir, "mirror.key.vkey"));
	ck_assert_int_eq(run(audit_mirror, "--policy", "$D/policy", "--cosign", "$D/mirror.key", "$D/mirror", NULL),
	                 CTL_USAGE);
	expect_error("is not the verifier key of that key");
	ck_assert_int_eq(run(audit_mirror, "--policy", "$D/policy", "--cosign", "$D/no.key", "$D/mirror", NULL),
	                 CTL_USAGE);
	ck_assert_int_eq(run(audit_mirror_key, "a name", "$D/x.key", NULL), CTL_FAILED);
}
END_TEST

START_TEST(test_silence)
{
	struct timespec old[2] = { { .tv_sec = time(NULL) - 600 }, { .tv_sec = time(NULL) - 600 } };

	ck_assert_int_eq(mirror(), CTL_OK);
	ck_assert_int_eq(utimensat(AT_FDCWD, scratch_file(&dir, at("checkpoint")), old, 0), 0);
	move_public("public", "gone");
	ck_assert_int_eq(mirror(), CTL_STALE);
	expect_error("ALARM: north.example/audit/gw/1: silent");
	ck_assert_int_eq(run(audit_mirror, "--policy", "$D/policy", "--silence", "3600", "$D/mirror", NULL),
	                 CTL_FAILED);
	/* It is there again: it was not silent, but nothing was new. */
	move_public("gone", "public");
	ck_assert_int_eq(mirror(), CTL_OK);
	move_public("public", "gone");
	ck_assert_int_eq(mirror(), CTL_FAILED);
}
END_TEST

START_TEST(test_other_logs_and_witnesses)
{
	struct stored south;
	char key[300], more[1000];

	/* Another log of the policy in its place. */
	stored_open(&south, scratch_file(&dir, "south.db"), "south.example/audit/gw/1", 2);
	stored_fill(&south, 0, 10, false);
	stored_vkey(&south, key, sizeof key);
	stored_close(&south);
	ck_assert_int_eq(run(audit_export, "--from", "$D/south.db", "$D/south", NULL), CTL_OK);
	snprintf(more, sizeof more, "log %s file://%s/south\n", key, dir.path);
	write_policy(more);
	ck_assert_int_eq(mirror(), CTL_OK);
	expect("south.example/audit/gw/1: 11 entries");
	expect("north.example/audit/gw/1: 701 entries");
	snprintf(more, sizeof more, "log %s file://%s/public\n", key, dir.path);
	write_policy(more);
	ck_assert_int_eq(mirror(), CTL_TAMPERED);
	expect_error("the log north.example/audit/gw/1 is served there");
	/* The policy's quorum is not there. */
	struct note_vkey w;
	struct buf b = BUF_INIT(1000);
	ck_assert(note_vkey_make(VIEW("w.example"), NOTE_COSIGNER, north.signer.vkey.key, &w));
	buf_addf(&b, "log %s file://%s/public\nwitness w ", vkey, dir.path);
	note_vkey_print(&w, &b);
	buf_adds(&b, "\nquorum w\n");
	scratch_write(scratch_file(&dir, "policy"), buf_view(&b));
	buf_free(&b);
	ck_assert_int_eq(mirror(), CTL_NOT_COSIGNED);
}
END_TEST

START_TEST(test_its_own_folder)
{
	ck_assert_int_eq(mirror(), CTL_OK);
	flip(at("checkpoint"), 30);
	ck_assert_int_eq(mirror(), CTL_FAILED);
	expect_error("failed");
	flip(at("checkpoint"), 30);
	ck_assert_int_eq(mirror(), CTL_OK);
	/* Usage; a policy that does not say where; one that is none. */
	ck_assert_int_eq(run(audit_mirror, "$D/mirror", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_mirror, "--policy", "$D/policy", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_mirror, "--policy", "$D/policy", "--every", "0", "$D/mirror", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_mirror, "--policy", "$D/policy", "--silence", "x", "$D/mirror", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_mirror_key, "one", NULL), CTL_USAGE);
	char text[500];
	snprintf(text, sizeof text, "log %s\nquorum none\n", vkey);
	scratch_write(scratch_file(&dir, "policy"), view_of(text));
	ck_assert_int_eq(mirror(), CTL_USAGE);
	expect_error("no log of the policy says where it is");
	scratch_write(scratch_file(&dir, "policy"), VIEW("quorum\n"));
	ck_assert_int_eq(mirror(), CTL_USAGE);
}
END_TEST

TCase *make_audit_mirror_case(void)
{
	TCase *tc = tcase_create("audit_mirror");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_a_copy_that_grows_and_outlives);
	tcase_add_test(tc, test_a_log_that_went_back);
	tcase_add_test(tc, test_a_log_that_forked);
	tcase_add_test(tc, test_bytes_that_are_not_the_signed_ones);
	tcase_add_test(tc, test_it_cosigns_what_it_keeps);
	tcase_add_test(tc, test_silence);
	tcase_add_test(tc, test_other_logs_and_witnesses);
	tcase_add_test(tc, test_its_own_folder);
	return tc;
}
