/* gatewayctl audit, on logs in stores and in directories. */
#include <check.h>
#include <getopt.h>
#include <jansson.h>
#include <sys/wait.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/audit.h"
#include "test/ctl/capture.h"
#include "test/tlog/stored.h"

TCase *make_audit_case(void);

#define EXCHANGES 700 /* and the genesis entry */

static struct stored north;
static char store[200], vkey[300], config[200];

static void setup(void)
{
	dir = scratch_new();
	snprintf(store, sizeof store, "%s/north.db", dir.path);
	stored_open(&north, store, "north.example/audit/gw/1", 1);
	stored_fill(&north, 0, EXCHANGES, false);
	stored_vkey(&north, vkey, sizeof vkey);
	snprintf(config, sizeof config, "%s/gatewayd.json", dir.path);
	scratch_write(
	        config,
	        VIEW("{\"store\":\"north.db\",\"audit\":{\"mirror\":\"audit.jsonl\",\"vkey\":\"audit.vkey\"},\"more\":[1]}"));
	ctl = (struct ctl){ .config = config };
	output = NULL;
}

static void teardown(void)
{
	stored_close(&north);
	scratch_remove(&dir);
	free(output);
}

START_TEST(test_verify_store)
{
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db", NULL), CTL_OK);
	expect("log          north.example/audit/gw/1\n");
	expect("entries      701\n");
	expect("disclosures  700 entries disclosed, 0 erased (digest present, disclosure erased)\n");
	expect("verified");
	ctl.json = true;
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db", NULL), CTL_OK);
	json_t *j = json_loads(output, 0, NULL);
	ck_assert(json_is_true(json_object_get(j, "verified")));
	ck_assert_int_eq(json_integer_value(json_object_get(j, "size")), 701);
	json_decref(j);
	/* From the configuration: the store, and the key of this node's file. */
	char line[400];
	snprintf(line, sizeof line, "%s\n", vkey);
	scratch_write(scratch_file(&dir, "audit.vkey"), view_of(line));
	ck_assert_int_eq(run(audit_verify, NULL), CTL_OK);
	ck_assert_int_eq(run(audit_verify, "--key", "$D/audit.vkey", NULL), CTL_OK);
}
END_TEST

START_TEST(test_verify_usage)
{
	/* No key anywhere; not a key; a witness's; both; too many arguments; nothing there. */
	ck_assert_int_eq(run(audit_verify, "$D/north.db", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_verify, "--key", "a+b+c", "$D/north.db", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "--policy", "x", "$D/north.db", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "a", "b", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_verify, "--nonsense", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "--later", "$D/x", "$D/north.db", NULL), CTL_USAGE);
	expect_error("the policy names the keys");
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/absent", NULL), CTL_FAILED);
	struct note_vkey w;
	struct buf b = BUF_INIT(1000);
	ck_assert(note_vkey_make(VIEW("w.example"), NOTE_COSIGNER, north.signer.vkey.key, &w));
	note_vkey_print(&w, &b);
	buf_addc(&b, '\0');
	ck_assert_int_eq(run(audit_verify, "--key", b.p, "$D/north.db", NULL), CTL_USAGE);
	buf_free(&b);
	/* Another key than the one that signed: not this log's. */
	uint8_t other[32] = { 5 };
	ck_assert(note_vkey_make(VIEW("north.example/audit/gw/1"), NOTE_ED25519, other, &w));
	b = BUF_INIT(1000);
	note_vkey_print(&w, &b);
	buf_addc(&b, '\0');
	ck_assert_int_eq(run(audit_verify, "--key", b.p, "$D/north.db", NULL), CTL_TAMPERED);
	buf_free(&b);
}
END_TEST

START_TEST(test_policy)
{
	struct buf b = BUF_INIT(2000);

	buf_addf(&b, "# ours\nlog %s\nquorum none\n", vkey);
	scratch_write(scratch_file(&dir, "policy"), buf_view(&b));
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "$D/north.db", NULL), CTL_OK);
	scratch_write(scratch_file(&dir, "policy"), VIEW("quorum none\n"));
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "$D/north.db", NULL), CTL_TAMPERED);
	scratch_write(scratch_file(&dir, "policy"), VIEW("quorum\n"));
	ck_assert_int_eq(run(audit_verify, "--policy", "$D/policy", "$D/north.db", NULL), CTL_USAGE);
	buf_free(&b);
}
END_TEST

START_TEST(test_export)
{
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "$D/export", NULL), CTL_OK);
	ck_assert_int_eq(access(scratch_file(&dir, "export/tile/entries/002.p/189"), F_OK), 0);
	ck_assert_int_eq(access(scratch_file(&dir, "export/tile/0/001"), F_OK), 0);
	ck_assert_int_eq(access(scratch_file(&dir, "export/tile/1/000.p/2"), F_OK), 0);
	ck_assert_int_ne(access(scratch_file(&dir, "export/disclosures"), F_OK), 0);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/export", NULL), CTL_OK);
	expect("disclosures  not part of this copy\n");
	/* It goes on where it stopped. */
	stored_fill(&north, EXCHANGES, EXCHANGES + 100, false);
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "--disclosures", "$D/export", NULL), CTL_OK);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/export", NULL), CTL_OK);
	expect("entries      801\n");
	expect("disclosures  800 entries disclosed, 0 erased");
	/* A directory can be exported again. */
	ck_assert_int_eq(run(audit_export, "--from", "$D/export", "$D/again", NULL), CTL_OK);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/again", NULL), CTL_OK);
	ck_assert_int_eq(run(audit_export, "--from", "$D/again", "--disclosures", "$D/third", NULL), CTL_FAILED);
}
END_TEST

/* Exit 4, and the place in words and in JSON. */
static void tampered(const char *place, int index)
{
	ctl.json = true;
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/export", NULL), CTL_TAMPERED);
	json_t *j = json_loads(output, 0, NULL);
	ck_assert_msg(j != NULL && json_is_false(json_object_get(j, "verified")), "%s", output);
	ck_assert_str_eq(json_string_value(json_object_get(j, "place")), place);
	if (index >= 0)
		ck_assert_int_eq(json_integer_value(json_object_get(j, "index")), index);
	json_decref(j);
	ctl.json = false;
}

START_TEST(test_tampered_directory)
{
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "--disclosures", "$D/export", NULL), CTL_OK);
	flip("export/tile/entries/001", 100);
	tampered("entry", 256);
	flip("export/tile/entries/001", 100);
	flip("export/tile/0/001", 32 * 7);
	tampered("tile", 1);
	flip("export/tile/0/001", 32 * 7);
	flip("export/tile/1/000.p/2", 32);
	tampered("tile", 0);
	flip("export/tile/1/000.p/2", 32);
	flip("export/checkpoint", 30);
	tampered("checkpoint", -1);
	flip("export/checkpoint", 30);
	flip("export/disclosures/002.p/189", 20);
	tampered("disclosures", 512);
	flip("export/disclosures/002.p/189", 20);
	/* A length: the bundle as a whole has no entries any more. */
	flip("export/tile/entries/002.p/189", 1);
	tampered("entry", 512);
	flip("export/tile/entries/002.p/189", 1);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/export", NULL), CTL_OK);
	/* Surplus bytes, missing files, one in another's place. */
	ck_assert_int_eq(truncate(scratch_file(&dir, "export/tile/0/002.p/189"), 190 * 32), 0);
	tampered("tile", 2);
	ck_assert_int_eq(unlink(scratch_file(&dir, "export/tile/0/002.p/189")), 0);
	tampered("tile", 2);
	scratch_copy(scratch_file(&dir, "export/tile/entries/000"), scratch_file(&dir, "export/tile/entries/001"));
	tampered("entry", 256);
	ck_assert_int_eq(unlink(scratch_file(&dir, "export/tile/entries/000")), 0);
	tampered("entry", 0);
	ck_assert_int_eq(unlink(scratch_file(&dir, "export/checkpoint")), 0);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/export", NULL), CTL_TAMPERED);
}
END_TEST

/* A store that was altered by its own verbs: an entry replaced after the fact. */
START_TEST(test_tampered_store)
{
	struct error e = { 0 };
	struct view hashes;
	char copy[8192];

	must(store_get_tile(north.store, 0, 1, &hashes, &e), &e);
	memcpy(copy, hashes.p, hashes.n);
	copy[5 * 32] ^= 1;
	must(store_begin(north.store, &e), &e);
	must(store_put_tile(north.store, 0, 1, view_make(copy, sizeof copy), &e), &e);
	must(store_commit(north.store, &e), &e);
	ctl.json = true;
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/north.db", NULL), CTL_TAMPERED);
	expect("\"place\":\"tile\",\"index\":1,\"level\":0,\"hash\":5");
}
END_TEST

START_TEST(test_rolled_back)
{
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "$D/export", NULL), CTL_OK);
	stored_fill(&north, EXCHANGES, EXCHANGES + 10, false);
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "$D/newer", NULL), CTL_OK);
	char id[UUID_TEXT + 1];
	struct uuid u = stored_id(EXCHANGES + 5);
	uuid_print(&u, id);
	ck_assert_int_eq(run(audit_prove, "--from", "$D/north.db", "--out", "$D/kept", id, NULL), CTL_OK);
	/* Whole in itself; but a receipt or a checkpoint from later is known. */
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "$D/export", NULL), CTL_OK);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "--earlier", "$D/export/checkpoint", "$D/newer", NULL),
	                 CTL_OK);
	expect("history      grew from the earlier checkpoint\n");
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "--earlier", "$D/newer/checkpoint", "$D/export", NULL),
	                 CTL_TAMPERED);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "--earlier", "$D/kept", "$D/export", NULL), CTL_TAMPERED);
	ck_assert_int_eq(run(audit_verify, "--key", vkey, "--earlier", "$D/gatewayd.json", "$D/newer", NULL),
	                 CTL_FAILED);
}
END_TEST

START_TEST(test_receipts)
{
	char id[UUID_TEXT + 1];
	struct uuid u = stored_id(300);

	uuid_print(&u, id);
	ck_assert_int_eq(run(audit_prove, "--from", "$D/north.db", "--out", "$D/a.tlog-proof", id, NULL), CTL_OK);
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "$D/a.tlog-proof", NULL), CTL_OK);
	expect(id);
	/* The checkpoint of the commit that appended it: batches of 64. */
	expect("entry 301 of 321 in the log north.example/audit/gw/1");
	/* From a directory, against its checkpoint. */
	ck_assert_int_eq(run(audit_export, "--from", "$D/north.db", "$D/export", NULL), CTL_OK);
	ck_assert_int_eq(run(audit_prove, "--from", "$D/export", "--out", "$D/b.tlog-proof", id, NULL), CTL_OK);
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "$D/b.tlog-proof", NULL), CTL_OK);
	expect("entry 301 of 701");
	ck_assert_int_eq(run(audit_prove, "--from", "$D/export", "--out", "-", id, NULL), CTL_OK);
	expect("c2sp.org/tlog-proof@v1\nextra ");
	ctl.json = true;
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "$D/a.tlog-proof", NULL), CTL_OK);
	expect("\"verified\":true");
	ctl.json = false;
	/* Newlines at the end come and go where texts are copied. */
	struct view whole = scratch_read(scratch_file(&dir, "a.tlog-proof"));
	struct buf copy = BUF_INIT(1 << 20);
	buf_add(&copy, whole);
	buf_adds(&copy, "\n\r\n");
	scratch_write(scratch_file(&dir, "more"), buf_view(&copy));
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "$D/more", NULL), CTL_OK);
	scratch_write(scratch_file(&dir, "less"), view_make(whole.p, whole.n - 1));
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "$D/less", NULL), CTL_OK);
	buf_free(&copy);
	scratch_free(whole);
	/* What is no receipt was not tampered with. */
	scratch_write(scratch_file(&dir, "other"), VIEW("{\"receipt\": \"c2sp.org/tlog-proof@v1\"}\n"));
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "$D/other", NULL), CTL_FAILED);
	expect_error("jq -j .receipt");
	scratch_write(scratch_file(&dir, "empty"), VIEW(""));
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "$D/empty", NULL), CTL_FAILED);
	flip("a.tlog-proof", 60);
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "$D/a.tlog-proof", NULL), CTL_TAMPERED);
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, "$D/absent", NULL), CTL_FAILED);
	ck_assert_int_eq(run(audit_verify_receipt, "--key", vkey, NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_prove, "--from", "$D/north.db", "not-an-id", NULL), CTL_FAILED);
	ck_assert_int_eq(run(audit_prove, "--from", "$D/north.db", "019b76da-a800-7000-8000-00000000ffff", NULL),
	                 CTL_FAILED);
	ck_assert_int_eq(run(audit_prove, NULL), CTL_USAGE);
}
END_TEST

/* The mirror of the first `n` entries, as the daemon writes it. */
static void write_mirror(const char *name, uint64_t from, uint64_t to, bool append)
{
	FILE *f = fopen(scratch_file(&dir, name), append ? "a" : "w");
	struct error e = { 0 };

	for (uint64_t i = from; i < to; i++) {
		struct view leaf, packed;

		must(store_get_entry(north.store, i, &leaf, &packed, &e), &e);
		fprintf(f, "{\"index\":%llu,%.*s\n", (unsigned long long)i, VIEW_ARG(view_from(leaf, 1)));
	}
	fclose(f);
}

static unsigned count_lines(void)
{
	unsigned n = 0;

	for (const char *p = output; (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

START_TEST(test_tail)
{
	write_mirror("audit.jsonl", 0, 701, false);
	ck_assert_int_eq(run(audit_tail, NULL), CTL_OK);
	ck_assert_uint_eq(count_lines(), 11);
	expect("INDEX  TIME");
	expect("     700  2026-01-01T00:00:11.883Z  disclosure");
	ck_assert_int_eq(run(audit_tail, "-n", "0", NULL), CTL_OK);
	ck_assert_uint_eq(count_lines(), 1);
	ck_assert_int_eq(run(audit_tail, "--after", "698", "$D/audit.jsonl", NULL), CTL_OK);
	ck_assert_uint_eq(count_lines(), 3);
	ck_assert_int_eq(run(audit_tail, "--agreement", "north-south-persons", NULL), CTL_OK);
	ck_assert_uint_eq(count_lines(), 351);
	/* Of several filters all count; of an exchange its end will do, of eight characters at least. */
	ck_assert_int_eq(run(audit_tail, "--agreement", "north-south-persons", "--outcome", "refused", NULL), CTL_OK);
	size_t refused = count_lines();
	ck_assert_uint_gt(refused, 1);
	ck_assert_uint_lt(refused, 351);
	ck_assert(strstr(output, "released") == NULL);
	ck_assert_int_eq(run(audit_tail, "--operation", "disclosure", "--peer", "nobody", NULL), CTL_OK);
	ck_assert_uint_eq(count_lines(), 1);
	ck_assert_int_eq(run(audit_tail, "--since", "2026-01-01T00:00:11.883Z", NULL), CTL_OK);
	ck_assert_uint_eq(count_lines(), 2);
	ck_assert_int_eq(run(audit_tail, "--since", "yesterday", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_tail, "-n", "1", NULL), CTL_OK);
	char id[UUID_TEXT + 1];
	snprintf(id, sizeof id, "%s", strchr(output, '\n') + strcspn(strchr(output, '\n') + 1, "\n") + 1 - UUID_TEXT);
	ck_assert_int_eq(run(audit_tail, "--exchange", id, NULL), CTL_OK);
	ck_assert_uint_eq(count_lines(), 2);
	ck_assert_int_eq(run(audit_tail, "--exchange", id + UUID_TEXT - 8, NULL), CTL_OK);
	ck_assert_uint_ge(count_lines(), 2); /* made-up ids end alike */
	expect(id);
	ck_assert_int_eq(run(audit_tail, "--exchange", id + UUID_TEXT - 7, NULL), CTL_OK);
	ck_assert_uint_eq(count_lines(), 1);
	ctl.json = true;
	ck_assert_int_eq(run(audit_tail, "-n", "3", NULL), CTL_OK);
	ck_assert_uint_eq(count_lines(), 3);
	ck_assert_int_eq(strncmp(output, "{\"index\":698,", 13), 0);
	ctl.json = false;
	ctl.colour = true;
	ck_assert_int_eq(run(audit_tail, NULL), CTL_OK);
	expect("\033[31m");
	expect("\033[32m");
	ck_assert_int_eq(run(audit_tail, "-n", "x", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_tail, "$D/absent", NULL), CTL_FAILED);
}
END_TEST

/* What a log says never reaches the terminal as a command. */
START_TEST(test_tail_escapes)
{
	scratch_write(
	        scratch_file(&dir, "audit.jsonl"),
	        VIEW("{\"index\":0,\"operation\":\"start\",\"note\":\"a\\u001b[31mb\\n\\u009bc\",\"time\":1}\nnot json\n{\"index\":1}\n"));
	ck_assert_int_eq(run(audit_tail, NULL), CTL_OK);
	ck_assert(strchr(output, '\033') == NULL);
	expect("a?[31mb???c");
	/* Too long for its column: cut, and the next one stays in line. */
	scratch_write(
	        scratch_file(&dir, "audit.jsonl"),
	        VIEW("{\"index\":0,\"operation\":\"start\",\"note\":\"abcdefghijklmnopqrstuvwxyz\",\"time\":1}\nnot json\n{\"index\":1}\n"));
	ck_assert_int_eq(run(audit_tail, NULL), CTL_OK);
	expect("  abcdefghijklmnopqrstuvw~  -\n");
	expect("       1  ");
}
END_TEST

/* At the columns of a terminal nothing runs over, and the operation stands there whole. */
START_TEST(test_lines_fit_a_terminal)
{
	static const char leaf[] =
	        "{\"operation\":\"config-change\",\"outcome\":\"released-transformed\",\"peer\":"
	        "\"north-system\",\"agreement\":\"an-agreement\",\"reason\":\"a-reason-of-some-length\","
	        "\"time\":1767225600000}";

	for (size_t width = 40; width <= 200; width++) {
		struct buf b = BUF_INIT(10000);
		audit_heading(width, &b);
		audit_line(1234567, view_of(leaf), false, width, &b);
		buf_addc(&b, 0);
		for (struct view rest = view_make(b.p, b.n - 1), line; rest.n > 0;) {
			line = view_cut(&rest, '\n');
			ck_assert_msg(line.n <= (width < 68 ? 68 : width), "%zu: %.*s", width, VIEW_ARG(line));
		}
		ck_assert_ptr_nonnull(strstr(b.p, "config-change"));
		if (width == 80)
			ck_assert_ptr_nonnull(strstr(
			        b.p,
			        "1234567 01-01 00:00:00 config-change  released-transformed north-system an-agre~\n"));
		buf_free(&b);
	}
}
END_TEST

START_TEST(test_tail_verify)
{
	write_mirror("audit.jsonl", 0, 701, false);
	ck_assert_int_eq(run(audit_tail, "--verify", "--key", vkey, "-n", "50", NULL), CTL_OK);
	ck_assert_int_eq(run(audit_tail, "--verify", "-n", "50", NULL), CTL_FAILED);
	flip("audit.jsonl", 400);
	ck_assert_int_eq(run(audit_tail, "--verify", "--key", vkey, "-n", "1000", NULL), CTL_TAMPERED);
}
END_TEST

/* Follows through rotation and truncation in place; ended by its pid. */
START_TEST(test_tail_follow)
{
	write_mirror("audit.jsonl", 0, 5, false);
	ctl.json = true;
	pid_t pid = fork();
	if (pid == 0) {
		char f[] = "-f", command_name[] = "tail", *argv[] = { command_name, f, NULL };
		int out = open(scratch_file(&dir, "followed"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(out, 1);
		optind = 0;
		_exit(audit_tail(&ctl, 2, argv));
	}
	usleep(300000);
	write_mirror("audit.jsonl", 5, 8, true);
	usleep(400000);
	write_mirror("audit.jsonl", 8, 10, true);
	ck_assert_int_eq(rename(scratch_file(&dir, "audit.jsonl"), scratch_file(&dir, "audit.jsonl.1")), 0);
	write_mirror("audit.jsonl.1", 10, 12, true);
	write_mirror("audit.jsonl", 12, 14, false);
	usleep(500000);
	ck_assert_int_eq(truncate(scratch_file(&dir, "audit.jsonl"), 0), 0);
	usleep(400000);
	write_mirror("audit.jsonl", 14, 15, true);
	usleep(500000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	struct view v = scratch_read(scratch_file(&dir, "followed"));
	uint64_t next = 0;
	for (struct view rest = v; rest.n > 0; next++) {
		char start[40];

		snprintf(start, sizeof start, "{\"index\":%llu,", (unsigned long long)next);
		ck_assert_msg(view_starts(view_cut(&rest, '\n'), view_of(start)), "line %llu",
		              (unsigned long long)next);
	}
	ck_assert_uint_eq(next, 15);
	union {
		const char *in;
		char *out;
	} p = { v.p };
	free(p.out);
}
END_TEST

START_TEST(test_reconcile)
{
	struct stored south;
	struct error e = { 0 };

	stored_open(&south, scratch_file(&dir, "south.db"), "south.example/audit/gw/1", 2);
	stored_fill(&south, 0, EXCHANGES, true);
	/* Released are two of three: 467 of 700. Of these the north says 450 are delivered. */
	must(store_begin(north.store, &e), &e);
	unsigned delivered = 0;
	for (uint64_t i = 0; i < EXCHANGES && delivered < 450; i++)
		if (i % 3 != 2) {
			stored_note(&north, OPERATION_DELIVERY, i, "delivered");
			delivered++;
		}
	stored_commit(&north);
	ck_assert_int_eq(run(audit_reconcile, "$D/north.db", "$D/south.db", NULL), CTL_CHECK_FAILED);
	/* The south refused what the north never disclosed (made up): its refusals are only there. */
	expect("467 exchanges agree, 0 undelivered, 0 refused, 0 only sent, 233 only received, 0 digests differ, "
	       "0 failed here and collected there\n");
	/* The other way round it says the same. */
	ck_assert_int_eq(run(audit_reconcile, "$D/south.db", "$D/north.db", NULL), CTL_CHECK_FAILED);
	expect("467 exchanges agree, 0 undelivered");
	/* More at the north: one acknowledged and not in the south, one not acknowledged. */
	stored_fill(&north, EXCHANGES, EXCHANGES + 2, false);
	must(store_begin(north.store, &e), &e);
	stored_note(&north, OPERATION_DELIVERY, EXCHANGES, "delivered");
	stored_commit(&north);
	ck_assert_int_eq(run(audit_reconcile, "$D/north.db", "$D/south.db", NULL), CTL_CHECK_FAILED);
	expect("467 exchanges agree, 0 undelivered, 0 refused, 1 only sent,");
	expect("only-sent      ");
	ctl.json = true;
	ck_assert_int_eq(run(audit_reconcile, "$D/north.db", "$D/south.db", NULL), CTL_CHECK_FAILED);
	expect("{\"finding\":\"only-sent\",\"log\":\"A\",");
	ctl.json = false;
	/* Two were given up at the north although the south has them, a third was too and then tried again by hand; one was given
	 * up and never arrived. The end of a notice about an exchange is none of its delivery. */
	stored_fill(&north, EXCHANGES + 2, EXCHANGES + 3, false);
	must(store_begin(north.store, &e), &e);
	stored_note(&north, OPERATION_DELIVERY, 690, "failed");
	stored_note(&north, OPERATION_DELIVERY, 691, "failed");
	stored_note(&north, OPERATION_DELIVERY, 693, "failed");
	stored_note(&north, OPERATION_DELIVERY, 693, "queued");
	stored_note(&north, OPERATION_DELIVERY, 693, "delivered");
	stored_note(&north, OPERATION_DELIVERY, EXCHANGES + 2, "failed");
	stored_notice_end(&north, EXCHANGES + 2);
	stored_commit(&north);
	/* Neither is a notice that was refused, nor counts a refusal of what was collected in the end. */
	must(store_begin(south.store, &e), &e);
	stored_refusal(&south, 688, "");
	stored_refusal(&south, 687, "notice");
	stored_refusal(&south, EXCHANGES + 2, "notice");
	stored_commit(&south);
	ck_assert_int_eq(run(audit_reconcile, "$D/north.db", "$D/south.db", NULL), CTL_CHECK_FAILED);
	expect("465 exchanges agree, 1 undelivered, 0 refused, 1 only sent, 233 only received, 0 digests differ, "
	       "2 failed here and collected there\n");
	expect("failed-here    ");
	expect("its delivery failed here, and it was collected there\n");
	expect("its delivery failed, and the recipient's log does not have it\n");
	/* Both are verified first when there is a policy. */
	struct buf b = BUF_INIT(2000);
	char other[300];
	stored_vkey(&south, other, sizeof other);
	buf_addf(&b, "log %s\nlog %s\nquorum none\n", vkey, other);
	scratch_write(scratch_file(&dir, "policy"), buf_view(&b));
	ck_assert_int_eq(run(audit_reconcile, "--policy", "$D/policy", "$D/north.db", "$D/south.db", NULL),
	                 CTL_CHECK_FAILED);
	buf_reset(&b);
	buf_addf(&b, "log %s\nquorum none\n", vkey);
	scratch_write(scratch_file(&dir, "policy"), buf_view(&b));
	ck_assert_int_eq(run(audit_reconcile, "--policy", "$D/policy", "$D/north.db", "$D/south.db", NULL),
	                 CTL_TAMPERED);
	buf_free(&b);
	stored_close(&south);
	/* A log against itself: nothing was received. */
	ck_assert_int_eq(run(audit_reconcile, "$D/north.db", NULL), CTL_USAGE);
}
END_TEST

START_TEST(test_formats)
{
	static const char *const formats[] = { "jsonl", "ocsf", "ecs", "cef", "rfc5424" };

	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(run(audit_export, "--format", formats[i], "--from", "$D/north.db", NULL), CTL_OK);
		ck_assert_uint_eq(count_lines(), 701);
		ck_assert_int_eq(
		        run(audit_export, "--format", formats[i], "--after", "698", "--from", "$D/north.db", NULL),
		        CTL_OK);
		ck_assert_uint_eq(count_lines(), 2);
		if (i < 3) {
			json_t *j = json_loads(output, JSON_DISABLE_EOF_CHECK, NULL);
			ck_assert(json_is_object(j));
			json_decref(j);
		}
	}
	expect("<108>1 2026-01-01T00:00:11.866Z north.example gatewayd - refusal [audit@32473 index=\"699\" log=\"north.example/audit/gw/1\" outcome=");
	expect("<110>1 2026-01-01T00:00:11.883Z north.example gatewayd - disclosure [audit@32473 index=\"700\" ");
	ck_assert_int_eq(run(audit_export, "--format", "cef", "--after", "699", "--from", "$D/north.db", NULL), CTL_OK);
	expect("CEF:0|gatewayd|gatewayd|test|disclosure|disclosure released-transformed|2|rt=1767225611883 cn1=700 cn1Label=index externalId=");
	ck_assert_int_eq(run(audit_export, "--format", "ocsf", "--after", "699", "--from", "$D/north.db", NULL),
	                 CTL_OK);
	expect("\"class_uid\":6003");
	ck_assert_int_eq(run(audit_export, "--format", "ecs", "--after", "699", "--from", "$D/north.db", NULL), CTL_OK);
	expect("\"@timestamp\":\"2026-01-01T00:00:11.883Z\"");
	ck_assert_int_eq(run(audit_export, "--format", "xml", NULL), CTL_USAGE);
	ck_assert_int_eq(run(audit_export, NULL), CTL_USAGE);
}
END_TEST

/* Separators of a format inside a value stay inside it. */
START_TEST(test_format_escapes)
{
	struct view leaf =
	        VIEW("{\"build\":\"a|b\\\\\",\"operation\":\"start\",\"peer\":\"x=y\\\"]\\\\\\n\",\"time\":1}");
	struct buf b = BUF_INIT(10000);
	struct error e = { 0 };

	ck_assert(audit_format_entry(FORMAT_CEF, VIEW("h/a"), 3, leaf, &b, &e));
	buf_addc(&b, '\0');
	ck_assert_ptr_nonnull(strstr(b.p, "CEF:0|gatewayd|gatewayd|a\\|b\\\\|start|start|2|"));
	ck_assert_ptr_nonnull(strstr(b.p, " suser=x\\=y\"]\\\\ "));
	buf_reset(&b);
	ck_assert(audit_format_entry(FORMAT_RFC5424, VIEW("h/a"), 3, leaf, &b, &e));
	buf_addc(&b, '\0');
	ck_assert_ptr_nonnull(strstr(b.p, " peer=\"x=y\\\"\\]\\\\ \"] "));
	ck_assert(!audit_format_entry(FORMAT_ECS, VIEW("h/a"), 3, VIEW("[]"), &b, &e));
	ck_assert(!audit_format_entry(FORMAT_ECS, VIEW("h/a"), 3, VIEW("{"), &b, &e));
	buf_free(&b);
}
END_TEST

TCase *make_audit_case(void)
{
	TCase *tc = tcase_create("audit");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_verify_store);
	tcase_add_test(tc, test_verify_usage);
	tcase_add_test(tc, test_policy);
	tcase_add_test(tc, test_export);
	tcase_add_test(tc, test_tampered_directory);
	tcase_add_test(tc, test_tampered_store);
	tcase_add_test(tc, test_rolled_back);
	tcase_add_test(tc, test_receipts);
	tcase_add_test(tc, test_tail);
	tcase_add_test(tc, test_tail_escapes);
	tcase_add_test(tc, test_lines_fit_a_terminal);
	tcase_add_test(tc, test_tail_verify);
	tcase_add_test(tc, test_tail_follow);
	tcase_add_test(tc, test_reconcile);
	tcase_add_test(tc, test_formats);
	tcase_add_test(tc, test_format_escapes);
	return tc;
}
