/* The full verification of the log while it serves, incidents, and what the log says of the documents that govern. */
#include "gatewayd/core/audit/rebuild.h"

#include <sqlite3.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/audit/governing.h"
#include "gatewayd/core/audit/incident.h"
#include "test/core/core_fixture.h"

TCase *make_rebuild_case(void);

static struct core_fixture f;
static char store_path[PATH_MAX];

static void set_up(void)
{
	core_setup(&f);
	core_add_agreement(&f, core_preset(&f, "pnr"));
	core_start(&f);
	snprintf(store_path, sizeof store_path, "%s", scratch_file(&f.log.dir, "store.db"));
	f.core.conf->node.store = store_path;
	f.core.conf->node.rebuild_every_s = 0;
	f.core.die_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void tear_down(void)
{
	close(f.core.die_fd);
	core_teardown(&f);
}

static bool append_one(void *arg, const struct act *a, struct error *e)
{
	const struct entry entry = { .operation = OPERATION_DECISION, .note = view_of(arg) };

	return audit_append(a, &entry, NULL, NULL, e);
}

static void append(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct core_job j = core_act(&f, append_one, (char[]){ "made up" });
		ck_assert_msg(j.committed, "%s", j.error.text);
	}
}

static uint64_t log_size(void)
{
	struct writer_stats stats;

	writer_stats(f.log.writer, &stats);
	return stats.tree_size;
}

/* One verification at least, whatever it finds. */
static void rebuild_once(void)
{
	struct rebuild *r;
	struct timespec rest = { .tv_nsec = 5000000 };

	OK((r = rebuild_start(&f.core, &f.log.vkey, e)) != NULL);
	for (int i = 0; i < 4000 && atomic_load(&f.core.rebuilds) + atomic_load(&f.core.rebuild_failures) == 0; i++)
		nanosleep(&rest, NULL);
	rebuild_stop(r);
}

static void alter(const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	ck_assert_int_eq(sqlite3_open(store_path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK, "%s", why);
	ck_assert_int_gt(sqlite3_changes(db), 0);
	sqlite3_close(db);
}

START_TEST(a_log_that_is_whole)
{
	append(5);
	rebuild_once();
	ck_assert_uint_ge(atomic_load(&f.core.rebuilds), 1);
	ck_assert_uint_eq(atomic_load(&f.core.rebuild_failures), 0);
	ck_assert_uint_eq(atomic_load(&f.core.rebuild_entries), log_size());
	ck_assert(!atomic_load(&f.core.dying));
}
END_TEST

/* The entries that append() makes are alike, byte for byte: what is missing shows all the same. */
static const char *const alterations[] = {
	"UPDATE entry SET leaf = '{\"n\":9}', compact = NULL WHERE idx = 2",
	"UPDATE entry SET compact = x'01ff' WHERE idx = 2",
	"DELETE FROM entry WHERE idx = 4",
	"UPDATE tile SET hashes = zeroblob(length(hashes))",
	"DELETE FROM disclosure WHERE idx = 3", /* as retention would, but no entry says so */
};

START_TEST(what_was_altered_takes_it_down)
{
	uint64_t told = 0;

	append(5);
	alter(alterations[_i]);
	rebuild_once();
	ck_assert_uint_eq(atomic_load(&f.core.rebuilds), 0);
	ck_assert_uint_eq(atomic_load(&f.core.rebuild_failures), 1);
	ck_assert(atomic_load(&f.core.dying) && atomic_load(&f.core.tampered));
	ck_assert_int_eq(read(f.core.die_fd, &told, sizeof told), sizeof told);
}
END_TEST

static bool erase_one(void *arg, const struct act *a, struct error *e)
{
	const struct entry_range *r = arg;
	const struct entry entry = { .operation = OPERATION_ERASURE, .erased = r, .n_erased = 1 };

	return store_erase_disclosures(a->store, r->first, e) && audit_append(a, &entry, NULL, NULL, e);
}

START_TEST(what_was_erased_does_not)
{
	append(5);
	struct core_job j = core_act(&f, erase_one, &(struct entry_range){ 3, 3 });
	ck_assert_msg(j.committed, "%s", j.error.text);
	rebuild_once();
	ck_assert_uint_ge(atomic_load(&f.core.rebuilds), 1);
	ck_assert_uint_eq(atomic_load(&f.core.rebuild_failures), 0);
}
END_TEST

START_TEST(it_ends_in_the_middle)
{
	struct rebuild *r;

	f.core.conf->node.rebuild_every_s = 3600;
	OK((r = rebuild_start(&f.core, &f.log.vkey, e)) != NULL);
	rebuild_stop(r);
	ck_assert_uint_eq(atomic_load(&f.core.rebuilds), 0);
	f.core.conf->node.store = "/nowhere/store.db";
	REFUSED(REASON_STORE, rebuild_start(&f.core, &f.log.vkey, e) != NULL);
}
END_TEST

/* Waits for the writer, until the log has so many. */
static void entries(uint64_t want)
{
	struct timespec rest = { .tv_nsec = 5000000 };

	for (int i = 0; i < 2000 && log_size() < want; i++)
		nanosleep(&rest, NULL);
	ck_assert_uint_eq(log_size(), want);
}

/* Among the entries from this number on, one has that operation and names this. */
static bool logged(uint64_t from, const char *operation, const char *what)
{
	struct view leaf, packed;
	bool found = false;

	for (uint64_t i = from; i < log_size(); i++) {
		OK(store_find_entry(f.reader, i, &leaf, &packed, e));
		found = found || (memmem(leaf.p, leaf.n, operation, strlen(operation)) &&
		                  memmem(leaf.p, leaf.n, what, strlen(what)));
	}
	return found;
}

static void last_entry_says(const char *name, const char *want)
{
	json_t *entry = core_last_entry(&f);

	ck_assert_pstr_eq(core_member(entry, name), want);
	json_decref(entry);
}

START_TEST(an_incident_keeps_its_evidence)
{
	struct digest d, said;

	uint64_t before = log_size();
	incident_submit(&f.core, "south-gateway", "made up", VIEW("a checkpoint"));
	entries(before + 1);
	last_entry_says("operation", "incident");
	last_entry_says("peer", "south-gateway");
	last_entry_says("note", "made up");
	sha256(VIEW("a checkpoint"), &d);
	json_t *entry = core_last_entry(&f);
	ck_assert(digest_parse(view_of(core_member(entry, "input")), &said) && digest_eq(&d, &said));
	json_decref(entry);
}
END_TEST

/* --- what governs --- */

/* Submits what is in force and waits until it and all that changed are in the log. Returns how many entries it made. */
static uint64_t govern(const char *why)
{
	uint64_t before = log_size();

	ck_assert(governing_submit(&f.core, f.core.conf, why));
	core_act(&f, append_one, (char[]){ "behind it" });
	return log_size() - before - 1;
}

START_TEST(a_start_and_a_stop_are_logged)
{
	uint64_t before = log_size();

	ck_assert_uint_gt(govern("start"), 1);
	ck_assert(logged(before, "\"operation\":\"start\"", "\"after\":"));
	ck_assert(logged(before, "\"operation\":\"key-change\"", "\"kind\":\"keys\""));
	ck_assert(logged(before, "\"operation\":\"config-change\"", "\"name\":\"south-gateway\""));
	before = log_size();
	governing_stop(&f.core);
	entries(before + 1);
	ck_assert(logged(before, "\"operation\":\"stop\"", ""));
}
END_TEST

START_TEST(a_drain_is_logged)
{
	uint64_t before = log_size();

	ck_assert(governing_drain(&f.core, true, 7));
	entries(before + 1);
	ck_assert(logged(before, "\"operation\":\"config-change\"", "\"change\":\"begun\""));
	ck_assert(logged(before, "\"kind\":\"drain\"", "drain begun by operator with uid 7"));
}
END_TEST

/* Once when it comes, once when it goes, and once when it is back. */
START_TEST(what_changes_is_logged_once)
{
	struct buf digest = BUF_INIT(100), after = BUF_INIT(100), was = BUF_INIT(100);
	json_t *doc = core_preset(&f, "pnr");
	uint64_t before;

	govern("start");
	ck_assert_uint_eq(govern("reload"), 1);
	put(doc, "/id", "\"travel\"");
	struct agreement *a = core_add_agreement(&f, doc);
	digest_print(&digest, agreement_digest(a));
	buf_addf(&after, "\"after\":\"%.*s\"", VIEW_ARG(buf_view(&digest)));
	buf_addf(&was, "\"before\":\"%.*s\"", VIEW_ARG(buf_view(&digest)));
	buf_addc(&after, 0);
	buf_addc(&was, 0);
	before = log_size();
	ck_assert_uint_eq(govern("reload"), 2);
	ck_assert(logged(before, "\"operation\":\"policy-change\"", after.p) &&
	          logged(before, after.p, "\"change\":\"new\""));
	ck_assert(!logged(before, "\"change\":\"new\"", "\"before\""));
	ck_assert_uint_eq(govern("start"), 1);
	before = log_size();
	f.core.conf->n_agreements--;
	ck_assert_uint_eq(govern("start"), 2);
	ck_assert(logged(before, "\"change\":\"gone\"", was.p) && logged(before, was.p, "\"agreement\":\"travel\""));
	before = log_size();
	f.core.conf->n_agreements++;
	ck_assert_uint_eq(govern("reload"), 2);
	ck_assert(logged(before, "\"change\":\"back\"", after.p));
	buf_free(&digest);
	buf_free(&after);
	buf_free(&was);
}
END_TEST

/* What another key of a partner is, is a change of keys and of the partner. */
START_TEST(a_partners_new_key_is_logged)
{
	uint64_t before;

	govern("start");
	f.core.conf->partners[SOUTH_GATEWAY].has_log = false;
	before = log_size();
	ck_assert_uint_eq(govern("reload"), 3);
	ck_assert(logged(before, "\"operation\":\"key-change\"", "keys public: changed"));
	ck_assert(logged(before, "\"operation\":\"config-change\"",
	                 "partner south-gateway: changed -south-gateway log "));
}
END_TEST

/* The one list follows the other, and the log says where it does not. */
START_TEST(a_list_that_cannot_be_read_is_none)
{
	struct view value;
	struct digest d;
	struct buf said = BUF_INIT(100);
	uint64_t before, first = govern("start");

	OK(store_get_value(f.reader, VIEW("in-force"), &value, e));
	sha256(value, &d);
	buf_adds(&said, "\"before\":\"");
	digest_print(&said, &d);
	buf_addc(&said, 0);
	before = log_size();
	govern("reload");
	ck_assert(logged(before, "\"note\":\"reload\"", said.p));
	alter("UPDATE value SET value = CAST('agreement' AS BLOB) WHERE name = 'in-force'");
	before = log_size();
	ck_assert_uint_eq(govern("reload"), first);
	ck_assert(!logged(before, "\"note\":\"reload\"", said.p));
	ck_assert(logged(before, "\"kind\":\"agreement\"", "\"change\":\"back\""));
	buf_free(&said);
}
END_TEST

START_TEST(nothing_in_force_may_be_followed_by_anything)
{
	struct error_list errors = { .max = 5 };

	ck_assert(governing_permits(f.reader, f.core.conf, f.core.conf, f.now_ms, &errors));
	ck_assert_uint_eq(errors.n, 0);
	error_list_free(&errors);
}
END_TEST

TCase *make_rebuild_case(void)
{
	TCase *c = tcase_create("rebuild");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_log_that_is_whole);
	tcase_add_loop_test(c, what_was_altered_takes_it_down, 0, (int)(sizeof alterations / sizeof *alterations));
	tcase_add_test(c, what_was_erased_does_not);
	tcase_add_test(c, it_ends_in_the_middle);
	tcase_add_test(c, an_incident_keeps_its_evidence);
	tcase_add_test(c, a_start_and_a_stop_are_logged);
	tcase_add_test(c, a_drain_is_logged);
	tcase_add_test(c, what_changes_is_logged_once);
	tcase_add_test(c, a_list_that_cannot_be_read_is_none);
	tcase_add_test(c, a_partners_new_key_is_logged);
	tcase_add_test(c, nothing_in_force_may_be_followed_by_anything);
	return c;
}
