/* What every engine under the store has to do, held at the verbs: each that writes is refused outside a transaction and
 * on a store for reading, leaves nothing when it is rolled back or its process dies, and stays when it is committed; each
 * that reads answers alike before and after, in and outside a transaction, and to a reader. What a store holds is what all
 * reading verbs say of it. A verb of the headers that is in no table here fails the suite. */
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "test/core/scratch.h"
#include "test/core/store/conformance_reads.h"
#include "test/core/store/conformance_writes.h"

/* What a test needs of an engine; another engine is another row of `engines`. */
struct harness {
	const char *name;
	struct store *(*open)(const struct scratch_dir *d, struct error *e);
	struct store *(*open_reader)(const struct scratch_dir *d, struct error *e);
	/* Ends the calling process in the midst of a transaction, without a chance to tidy up. */
	void (*cut)(void);
};

static struct store *sqlite_open(const struct scratch_dir *d, struct error *e)
{
	return store_open(scratch_file(d, "store.db"), e);
}

static struct store *sqlite_reader(const struct scratch_dir *d, struct error *e)
{
	return store_open_reader(scratch_file(d, "store.db"), e);
}

static void die(void)
{
	kill(getpid(), SIGKILL);
}

static const struct harness engines[] = { { "sqlite", sqlite_open, sqlite_reader, die } };
#define ENGINES (int)(sizeof engines / sizeof *engines)

static struct scratch_dir dir;
static const struct harness *engine;
static struct store *s;

static void setup(void)
{
	dir = scratch_new();
}

static void teardown(void)
{
	store_close(s);
	scratch_remove(&dir);
}

static void reopen(void)
{
	store_close(s);
	s = NULL;
	OK((s = engine->open(&dir, e)) != NULL);
}

static void transaction(bool (*work)(struct store *s, struct error *e))
{
	OK(store_begin(s, e));
	OK(work(s, e));
	OK(store_commit(s, e));
}

/* An exchange that came from another gateway, beside those of the world, and of which there is neither a hold nor a duty. */
static bool from_gateway(struct store *to, struct error *e)
{
	struct store_exchange x = world_exchange(5, ""), prior;
	enum store_accepted result;

	x.origin = world_id(4);
	if (!store_accept(to, &x, &result, &prior, e))
		return false;
	struct store_payload p = { .seq = x.seq, .slot = 6, .sealed = VIEW("sealed as well") };
	struct store_timer t = world_timer(x.seq);
	return store_put_payload(to, &p, e) && store_put_timer(to, &t, e);
}

/* A new log's number is known from the next opening on. */
static void make_world(void)
{
	reopen();
	transaction(world_first_log);
	reopen();
	transaction(world_second_log);
	reopen();
	transaction(world_third_log);
	transaction(from_gateway);
}

static void ask(const struct reading *r, struct store *of, struct buf *out)
{
	struct error e = { .reason = REASON_NONE };

	if (!r->ask(of, out, &e)) {
		ck_assert_msg(e.reason == REASON_NOT_FOUND, "%s: %s: %s", engine->name, r->verb, e.text);
		buf_adds(out, "nothing\n");
	}
}

/* What the store holds: a text, the caller frees. */
static char *contents(struct store *of)
{
	struct buf out = BUF_INIT(1 << 20);

	for (size_t i = 0; i < READINGS; i++)
		ask(&readings[i], of, &out);
	buf_addc(&out, '\0');
	ck_assert(!out.failed);
	return out.p;
}

static void must_hold(const char *want, const char *verb, const char *when)
{
	char *got = contents(s);

	ck_assert_msg(strcmp(got, want) == 0, "%s: %s left something behind when it was %s", engine->name, verb, when);
	free(got);
}

/* --- writing --- */

static void refused(const struct writing *w, const char *before)
{
	struct store *r = engine->open_reader(&dir, NULL);

	REFUSED(REASON_STORE, w->call(s, e));
	ck_assert_ptr_nonnull(r);
	REFUSED(REASON_STORE, store_begin(r, e));
	REFUSED(REASON_STORE, w->call(r, e));
	store_close(r);
	must_hold(before, w->verb, "refused");
}

static void rolled_back(const struct writing *w, const char *before)
{
	OK(store_begin(s, e));
	OK(w->call(s, e));
	store_rollback(s);
	must_hold(before, w->verb, "rolled back");
	reopen();
	must_hold(before, w->verb, "rolled back, and opened again");
}

static void cut(const struct writing *w, const char *before)
{
	int status = 0;

	store_close(s);
	s = NULL;
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct error e = { .reason = REASON_NONE };
		struct store *own = engine->open(&dir, &e);
		if (own && store_begin(own, &e) && w->call(own, &e))
			engine->cut();
		_exit(1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFSIGNALED(status), "%s: %s did not come to its end", engine->name, w->verb);
	reopen();
	must_hold(before, w->verb, "cut");
}

static void committed(const struct writing *w, const char *before)
{
	struct store *r = NULL;

	transaction(w->call);
	reopen();
	char *after = contents(s);
	ck_assert_msg(strcmp(after, before) != 0, "%s: %s changed nothing that a reading verb shows", engine->name,
	              w->verb);
	OK((r = engine->open_reader(&dir, e)) != NULL);
	char *read = contents(r);
	ck_assert_str_eq(read, after);
	store_close(r);
	free(read);
	free(after);
}

START_TEST(a_verb_that_writes)
{
	const struct writing *w = &writings[(size_t)_i % WRITINGS];

	engine = &engines[(size_t)_i / WRITINGS];
	make_world();
	char *before = contents(s);
	refused(w, before);
	rolled_back(w, before);
	cut(w, before);
	committed(w, before);
	free(before);
}
END_TEST

/* --- reading --- */

static char *answer(const struct reading *r, struct store *of)
{
	struct buf out = BUF_INIT(1 << 16);

	ask(r, of, &out);
	buf_addc(&out, '\0');
	ck_assert(!out.failed);
	return out.p;
}

static void must_answer(const char *want, const struct reading *r, struct store *of, const char *when)
{
	char *got = answer(r, of);

	ck_assert_msg(strcmp(got, want) == 0, "%s: %s %s: %s, else %s", engine->name, r->verb, when, got, want);
	free(got);
}

START_TEST(verbs_that_read)
{
	char *empty[READINGS];
	struct store *r = NULL;

	engine = &engines[_i];
	reopen();
	for (size_t i = 0; i < READINGS; i++)
		empty[i] = answer(&readings[i], s);
	make_world();
	OK((r = engine->open_reader(&dir, e)) != NULL);
	for (size_t i = 0; i < READINGS; i++) {
		char *full = answer(&readings[i], s);
		ck_assert_msg(strcmp(full, empty[i]) != 0, "%s: %s answers as of an empty store: %s", engine->name,
		              readings[i].verb, full);
		must_answer(full, &readings[i], r, "to a reader");
		OK(store_begin(s, e));
		must_answer(full, &readings[i], s, "in a transaction");
		store_rollback(s);
		free(full);
		free(empty[i]);
	}
	store_close(r);
}
END_TEST

/* --- life --- */

static bool erase(struct store *of, struct error *e)
{
	return store_erase_payload(of, 1, e);
}

START_TEST(transactions_and_checkpoints)
{
	engine = &engines[_i];
	make_world();
	REFUSED(REASON_STORE, store_commit(s, e));
	store_rollback(s); /* nothing is open: does nothing */
	OK(store_begin(s, e));
	REFUSED(REASON_STORE, store_begin(s, e));
	REFUSED(REASON_STORE, store_checkpoint(s, true, e));
	store_rollback(s);
	ck_assert(!store_erased(s));
	transaction(erase);
	ck_assert(store_erased(s));
	OK(store_checkpoint(s, false, e));
	ck_assert(store_erased(s));
	bool ready = false;
	for (int i = 0; !ready && i < 1000; i++, usleep(2000))
		OK(store_move_ahead(s, &ready, e));
	ck_assert(ready && !store_moving(s));
	OK(store_checkpoint(s, true, e));
	store_shed(s); /* what is asked next is read anew */
	ck_assert(!store_erased(s));
	ck_assert(!store_wants_checkpoint(s));
	store_close(NULL);
}
END_TEST

/* --- that nothing is missing --- */

/* Verbs that the tests above call by themselves, and what is no verb. */
static const char *const others[] = {
	"store_open",         "store_open_reader", "store_close",         "store_open_trial",
	"store_absent",       "store_slots_end",   "store_begin",         "store_commit",
	"store_rollback",     "store_erased",      "store_checkpoint",    "store_wants_checkpoint",
	"store_unmoved",      "store_entry_log",   "store_entry_index",   "store_shed",
	"store_slots_forget", "store_copy_path",   "store_copy_begin",    "store_copy_step",
	"store_copy_end",     "store_copy_clear",  "store_copy_progress", "store_integrity",
	"store_schema",       "store_move_ahead",  "store_moving",        "store_look",
	"store_look_end",     "store_look_anew",   "store_share_marks"
};

static bool known(struct view verb)
{
	for (size_t i = 0; i < WRITINGS; i++)
		if (view_is(verb, writings[i].verb))
			return true;
	for (size_t i = 0; i < READINGS; i++)
		if (view_is(verb, readings[i].verb))
			return true;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (view_is(verb, others[i]))
			return true;
	return false;
}

static bool of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Every `store_…(` outside comments; returns how many. */
static unsigned check_header(const char *path)
{
	struct view text = scratch_read(path);
	unsigned n = 0;
	bool comment = false;

	for (size_t i = 0; i + 1 < text.n; i++) {
		if (text.p[i] == (comment ? '*' : '/') && text.p[i + 1] == (comment ? '/' : '*'))
			comment = !comment;
		if (comment || (i > 0 && of_name(text.p[i - 1])) || text.n - i < 6 ||
		    memcmp(text.p + i, "store_", 6) != 0)
			continue;
		size_t end = i;
		while (end < text.n && of_name(text.p[end]))
			end++;
		if (end == text.n || text.p[end] != '(')
			continue;
		struct view verb = view_make(text.p + i, end - i);
		ck_assert_msg(known(verb), "%s: %.*s is in no table of the suite", path, (int)verb.n, verb.p);
		n++;
	}
	scratch_free(text);
	return n;
}

START_TEST(no_verb_is_missing)
{
	const char *folder = "gatewayd/core/store";
	DIR *d = opendir(folder);
	unsigned n = 0;

	ck_assert_msg(d != NULL, "the suite runs at the root of the source");
	for (struct dirent *f; (f = readdir(d));) {
		struct view name = view_of(f->d_name);
		char path[512];

		if (name.n < 2 || strcmp(name.p + name.n - 2, ".h") != 0 || strstr(name.p, "_private.h"))
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
		n += check_header(path);
	}
	closedir(d);
	/* Each name in the tables is a verb that the headers have. */
	ck_assert_uint_eq(n, WRITINGS + READINGS + sizeof others / sizeof *others);
}
END_TEST

TCase *make_conformance_case(void);
TCase *make_conformance_case(void)
{
	TCase *t = tcase_create("conformance");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_verb_that_writes, 0, ENGINES * (int)WRITINGS);
	tcase_add_loop_test(t, verbs_that_read, 0, ENGINES);
	tcase_add_loop_test(t, transactions_and_checkpoints, 0, ENGINES);
	tcase_add_test(t, no_verb_is_missing);
	return t;
}
