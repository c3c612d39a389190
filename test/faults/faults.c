/* Faults and crashes under a writer at work. A child process opens a store and key store of its own, runs
 * exchanges through the writer and notes in shared memory what was acknowledged; a fault strikes at its
 * first, second, third … call until it runs through without. After each the stores are opened again, and
 *   - the log verifies from the first entry to the last, against its checkpoint and its anchor,
 *   - every acknowledged exchange is there, with its entry and a payload whose key opens, which no other has or gets,
 *   - nothing is there by half, and no payload that was acknowledged as erased.
 *
 *   faults [stride [seconds]]    strikes at every stride-th call (1: all of them; syncs always all), then so many
 *                                seconds of kills at random moments */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gatewayd/core/keys/key_lease.h"
#include "gatewayd/core/commit/writer.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/timer.h"
#include "lib/tlog/verify.h"
#include "test/core/scratch.h"
#include "test/faults/inject.h"

#define JOBS          24
#define GROUP         4 /* jobs that are submitted together, and one that fails */
#define SPOILERS      (JOBS / GROUP)
#define READY         8  /* keys; some commits find the pool empty */
#define CHILD_SECONDS 30 /* a child that takes longer hangs */
#define ORIGIN        "north.example/audit/n1/1"

/* Written by the child, read after its death. */
struct notes {
	_Atomic unsigned acknowledged[JOBS];
	_Atomic unsigned erasing[JOBS];    /* its payload's erasure was asked for */
	_Atomic unsigned erased[JOBS];     /* and acknowledged */
	uint8_t keys[JOBS + SPOILERS][32]; /* that were given out, the spoilers' last */
	_Atomic unsigned given[JOBS + SPOILERS];
	_Atomic unsigned pooled; /* of those from the pool */
	_Atomic unsigned struck;
	_Atomic unsigned finished;
};

struct world {
	struct scratch_dir dir;
	struct store *store;
	struct keystore *keys;
	struct note_signer signer;
	struct writer *writer;
	struct home *home;
};

struct work {
	struct job job;
	unsigned n;
	unsigned victim; /* whose payload is erased along the way; JOBS: nobody's */
	bool rotates;
	bool spoils; /* its run fails, so that each of its group is run a second time */
	struct key_lease key;
	unsigned came_home;
};

static struct notes *notes;
static struct scratch_dir dir;

static void give_up(const char *what, const struct error *e)
{
	fprintf(stderr, "faults: %s: %s: %s\n", what, e->where, e->text);
	abort();
}

static void require(bool ok, const char *what, unsigned n)
{
	if (ok)
		return;
	fprintf(stderr, "faults: exchange %u: %s\n", n, what);
	abort();
}

static void make_signer(struct note_signer *s)
{
	uint8_t seed[32] = { 9 }, public_key[32];

	s->key = ed25519_from_seed(seed);
	ed25519_public(s->key, public_key);
	if (!note_vkey_make(VIEW(ORIGIN), NOTE_ED25519, public_key, &s->vkey))
		abort();
}

static void close_world(struct world *w)
{
	writer_stop(w->writer);
	store_close(w->store);
	keystore_close(w->keys);
	home_free(w->home);
	ed25519_free(w->signer.key);
}

static bool slot_live(void *arg, uint32_t slot)
{
	return store_slot_live(arg, slot);
}

/* What the daemon does at start. */
static bool open_world(struct world *w, struct error *e)
{
	uint32_t orphans;

	w->home = home_new();
	if (!w->home || !(w->store = store_open(scratch_file(&dir, "store.db"), e)) ||
	    !(w->keys = keystore_open(scratch_file(&dir, "keys"), true, e)) ||
	    !keystore_sweep(w->keys, slot_live, w->store, &orphans, e) || !keystore_fill(w->keys, READY, e))
		return false;
	store_slots_forget(w->store);
	struct writer_options o = { .store = w->store,
		                    .keys = w->keys,
		                    .key_pool = READY,
		                    .signer = w->signer,
		                    .anchor_path = scratch_file(&dir, "anchor") };
	return (w->writer = writer_start(&o, e)) != NULL;
}

/* --- the child --- */

static struct uuid id_of(unsigned n)
{
	return (struct uuid){ .b = { 1, 2, 3, 4, (uint8_t)n, 0, 0x70 } };
}

static void leaf_of(unsigned n, char out[64])
{
	snprintf(out, 64, "{\"n\":%u,\"operation\":\"disclosure\"}", n);
}

static bool erase_victim(unsigned n, struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct uuid id = id_of(n);
	struct store_exchange x;
	struct store_payload p;
	struct error missing = { .reason = REASON_NONE };

	if (!store_find_exchange(s, &id, &x, &missing))
		return missing.reason == REASON_NOT_FOUND || error_set(e, missing.reason, "%s", missing.text);
	atomic_store(&notes->erasing[n], 1);
	return store_get_payload(s, x.seq, &p, e) && writer_erase_key(w, j, p.slot, e) &&
	       store_erase_payload(s, x.seq, e);
}

static bool work_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct work *k = JOB_OF(struct work, j);
	struct store_exchange x = { .id = id_of(k->n),
		                    .origin = id_of(k->n),
		                    .partner = VIEW("p"),
		                    .status = 201,
		                    .received_ms = INT64_C(1767225600000),
		                    .agreement = VIEW("a"),
		                    .provider = VIEW("north"),
		                    .recipient = VIEW("south"),
		                    .answer = VIEW("{}") },
	                      prior;
	struct store_payload p = { .sealed = VIEW("sealed") };
	enum store_accepted accepted;
	char leaf[64];
	uint64_t index;

	leaf_of(k->n, leaf);
	if (!store_accept(s, &x, &accepted, &prior, e) || !writer_append(w, j, view_of(leaf), VIEW("[]"), &index, e) ||
	    !store_set_entry(s, x.seq, index, e) || !writer_place_key(w, &k->key, &p.slot, e))
		return false;
	if (k->spoils)
		return error_set(e, REASON_QUOTA, "this one fails");
	p.seq = x.seq;
	struct store_timer t = { .seq = x.seq, .due_ms = x.received_ms };
	if (!store_put_payload(s, &p, e) || !store_put_timer(s, &t, e))
		return false;
	if (k->victim < JOBS && !erase_victim(k->victim, &k->job, w, s, e))
		return false;
	return !k->rotates || writer_rotate_keys(w, e);
}

static void work_done(struct job *j)
{
	struct work *k = JOB_OF(struct work, j);

	if (j->committed) {
		atomic_store(&notes->acknowledged[k->n], 1);
		if (k->victim < JOBS && atomic_load(&notes->acknowledged[k->victim]))
			atomic_store(&notes->erased[k->victim], 1);
	}
	key_lease_settle(&k->key, j->committed);
	k->came_home = 1;
	writer_release(j);
}

/* What a worker does before it submits; false: no key. */
static bool take_key(struct world *w, struct work *k)
{
	if (!key_lease_take(&k->key, w->keys))
		return false;
	memcpy(notes->keys[k->n], k->key.grant.key, sizeof notes->keys[k->n]);
	atomic_fetch_add(&notes->pooled, k->key.placed);
	atomic_store(&notes->given[k->n], 1);
	return true;
}

static void submit(struct world *w, struct work *k)
{
	k->job = (struct job){ .home = w->home, .run = work_run, .done = work_done, .want_receipt = true };
	if (take_key(w, k))
		writer_submit(w->writer, &k->job);
	else
		k->came_home = 1;
}

static void run_jobs(struct world *w)
{
	static struct work work[JOBS], spoilers[SPOILERS];
	struct pollfd p = { .fd = home_fd(w->home), .events = POLLIN };

	for (unsigned n = 0; n < JOBS; n += GROUP) {
		for (unsigned i = n; i < n + GROUP; i++) {
			work[i] = (struct work){ .n = i,
				                 .victim = i % GROUP == 1 && i > GROUP ? i - GROUP : JOBS,
				                 .rotates = i == JOBS / 2 };
			submit(w, &work[i]);
		}
		struct work *spoiler = &spoilers[n / GROUP];
		*spoiler = (struct work){ .n = JOBS + n / GROUP, .victim = JOBS, .spoils = true };
		submit(w, spoiler);
		for (unsigned i = n; i < n + GROUP || !spoiler->came_home;) {
			poll(&p, 1, 100);
			home_collect(w->home);
			while (i < n + GROUP && work[i].came_home)
				i++;
		}
	}
}

static void child(enum inject_kind kind, enum inject_effect effect, unsigned at)
{
	struct error e = { .reason = REASON_NONE };
	struct world w = { .dir = dir };

	make_signer(&w.signer);
	alarm(CHILD_SECONDS);
	inject_arm(kind, effect, at, at);
	if (open_world(&w, &e))
		run_jobs(&w);
	close_world(&w);
	atomic_store(&notes->struck, inject_happened());
	atomic_store(&notes->finished, 1);
	inject_end(0);
}

/* --- afterwards --- */

static bool read_entry(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	return store_get_entry(arg, index, leaf, packed, e);
}

static bool read_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(arg, level, index, hashes, e);
}

static void verify_whole_log(struct world *w)
{
	struct verify_source source = { .entry = read_entry, .tile = read_tile, .arg = w->store };
	struct error e = { .reason = REASON_NONE };
	struct buf copy = BUF_INIT(65536);
	struct verify_report report;
	struct checkpoint c;
	struct view note;
	uint64_t size;

	if (!store_last_checkpoint(w->store, &size, &note, &e))
		give_up("reading the checkpoint", &e);
	buf_add(&copy, note);
	if (!checkpoint_open(buf_view(&copy), &w->signer.vkey, &c, &e) || !verify_log(&c, NULL, &source, &report, &e))
		give_up("verifying the log", &e);
	buf_free(&copy);
}

static unsigned live; /* payloads of the world that is being looked at */
static uint32_t live_slots[JOBS];

static void check_payload(struct world *w, unsigned n, uint64_t seq)
{
	struct error e = { .reason = REASON_NONE };
	struct store_payload p;
	uint8_t key[32];

	if (!store_get_payload(w->store, seq, &p, &e)) {
		require(e.reason == REASON_NOT_FOUND, "its payload cannot be read", n);
		require(atomic_load(&notes->erasing[n]), "its payload is gone", n);
		return;
	}
	require(!atomic_load(&notes->erased[n]), "its payload was acknowledged as erased and is there", n);
	/* Also when an erasure was cut off: it commits first, and destroys afterwards. */
	require(keystore_get(w->keys, p.slot, key, &e), "the key of its payload is gone", n);
	require(memcmp(key, notes->keys[n], sizeof key) == 0, "its payload has another one's key", n);
	for (unsigned i = 0; i < live; i++)
		require(live_slots[i] != p.slot, "its slot is another one's, too", n);
	live_slots[live++] = p.slot;
}

static void check_exchange(struct world *w, unsigned n)
{
	struct error e = { .reason = REASON_NONE };
	struct uuid id = id_of(n);
	struct store_exchange x;
	struct view leaf = VIEW(""), packed;
	char want[64];

	if (!store_find_exchange(w->store, &id, &x, &e)) {
		require(e.reason == REASON_NOT_FOUND, "cannot be looked up", n);
		require(!atomic_load(&notes->acknowledged[n]), "was acknowledged and is lost", n);
		return;
	}
	leaf_of(n, want);
	require(x.entry != STORE_NO_ENTRY && store_get_entry(w->store, x.entry, &leaf, &packed, &e), "has no entry", n);
	require(view_is(leaf, want), "has another one's entry", n);
	check_payload(w, n, x.seq);
}

/* What was given out before is nobody's again, whatever became of it; and it lies in no slot but a living payload's. */
static void check_keys(struct world *w)
{
	struct error e = { .reason = REASON_NONE };
	struct key_grant next;
	uint8_t key[32];

	for (unsigned n = 0; n < JOBS + SPOILERS; n++)
		for (unsigned i = 0; i < n && atomic_load(&notes->given[n]); i++)
			require(memcmp(notes->keys[n], notes->keys[i], sizeof key) != 0, "its key was given out before",
			        n);
	for (uint32_t slot = 0; slot < keystore_size(w->keys); slot++) {
		bool named = false;
		for (unsigned i = 0; i < live; i++)
			named = named || live_slots[i] == slot;
		e = (struct error){ .reason = REASON_NONE };
		if (named || !keystore_get(w->keys, slot, key, &e))
			continue;
		for (unsigned n = 0; n < JOBS + SPOILERS; n++)
			require(!atomic_load(&notes->given[n]) || memcmp(key, notes->keys[n], sizeof key) != 0,
			        "its key lies in a slot that nothing names", n);
	}
	require(keystore_ready(w->keys) == READY, "the pool is not filled", 0);
	while (keystore_take(w->keys, &next)) {
		for (unsigned i = 0; i < live; i++)
			require(live_slots[i] != next.slot, "a slot that is somebody's is given out", i);
		for (unsigned n = 0; n < JOBS + SPOILERS; n++)
			require(memcmp(next.key, notes->keys[n], sizeof key) != 0, "its key is given out again", n);
		require(keystore_get(w->keys, next.slot, key, &e) && memcmp(key, next.key, sizeof key) == 0,
		        "what is given out does not lie in its slot", 0);
	}
}

/* Opens what the child left and looks at all of it. */
static void check_world(void)
{
	struct error e = { .reason = REASON_NONE };
	struct world w = { .dir = dir };

	make_signer(&w.signer);
	if (!open_world(&w, &e))
		give_up("opening again", &e);
	writer_stop(w.writer);
	w.writer = NULL;
	verify_whole_log(&w);
	live = 0;
	for (unsigned n = 0; n < JOBS; n++)
		check_exchange(&w, n);
	require(keystore_count(w.keys) == live, "some key outlived its payload", 0);
	check_keys(&w);
	close_world(&w);
}

static void reset(void)
{
	memset(notes, 0, sizeof *notes);
	dir = scratch_new();
}

static unsigned acknowledged(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < JOBS; i++)
		n += atomic_load(&notes->acknowledged[i]);
	return n;
}

/* Strikes at one call after the other, from the first on. */
static void every_call(const char *what, enum inject_kind kind, enum inject_effect effect, unsigned stride)
{
	unsigned at, struck = 0, some = 0;

	for (at = 1;; at += stride, struck++) {
		int status;

		reset();
		pid_t pid = fork();
		if (pid == 0)
			child(kind, effect, at);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			abort();
		bool through = WIFEXITED(status) && WEXITSTATUS(status) == 0 && atomic_load(&notes->finished);
		bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && effect != INJECT_FAIL &&
		              effect != INJECT_FAIL_ON;
		if (!through && !killed) {
			fprintf(stderr, "faults: %s, call %u: the process ended with status %x\n", what, at,
			        (unsigned)status);
			abort();
		}
		check_world();
		some += acknowledged() > 0 && acknowledged() < JOBS;
		scratch_remove(&dir);
		if (through && !atomic_load(&notes->struck))
			break;
	}
	require(acknowledged() == JOBS, "did not come home without a fault", 0);
	require(atomic_load(&notes->pooled) > JOBS / 3, "few keys came from the pool", 0);
	printf("%-36s %4u calls struck, %4u in the midst of the work\n", what, struck, some);
	fflush(stdout);
}

/* How long a child takes from its start to its end, microseconds. */
static unsigned lifetime(void)
{
	struct timespec from, to;
	int status;

	reset();
	clock_gettime(CLOCK_MONOTONIC, &from);
	pid_t pid = fork();
	if (pid == 0)
		child(INJECT_NONE, INJECT_FAIL, 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	clock_gettime(CLOCK_MONOTONIC, &to);
	scratch_remove(&dir);
	return (unsigned)((to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
}

static void random_kills(unsigned seconds)
{
	unsigned life = lifetime();
	time_t end = time(NULL) + seconds;
	unsigned kills = 0, some = 0, all = 0;
	unsigned long long state = 88172645463325252ULL;

	while (time(NULL) < end) {
		int status;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		reset();
		pid_t pid = fork();
		if (pid == 0)
			child(INJECT_NONE, INJECT_FAIL, 0);
		usleep((unsigned)(state % life));
		kill(pid, SIGKILL);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			abort();
		kills += WIFSIGNALED(status);
		check_world();
		some += acknowledged() > 0 && acknowledged() < JOBS;
		all += acknowledged();
		scratch_remove(&dir);
	}
	printf("%-36s %4u kills, %4u in the midst of the work, %u exchanges acknowledged and found\n",
	       "killed at random moments", kills, some, all);
}

int main(int argc, char **argv)
{
	unsigned long long every = 1, seconds = 8;

	if ((argc > 1 && (!view_to_u64(view_of(argv[1]), 1000, &every) || every == 0)) ||
	    (argc > 2 && !view_to_u64(view_of(argv[2]), 3600, &seconds)))
		return 2;
	unsigned stride = (unsigned)every;
	notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (notes == MAP_FAILED)
		return 1;
	/* Thousands of syncs: in memory, where there is such a folder. What they mean is played by inject.c. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	every_call("a sync fails", INJECT_SYNC, INJECT_FAIL, 1);
	every_call("syncs fail from there on", INJECT_SYNC, INJECT_FAIL_ON, 1);
	every_call("a write fails", INJECT_WRITE, INJECT_FAIL, stride);
	every_call("writes fail from there on", INJECT_WRITE, INJECT_FAIL_ON, stride);
	every_call("a step of the engine fails", INJECT_ENGINE, INJECT_FAIL, stride);
	every_call("memory runs out for a moment", INJECT_MEMORY, INJECT_FAIL, 10 * stride);
	every_call("killed at a write or sync", INJECT_SYSTEM, INJECT_KILL, stride);
	every_call("power lost, nothing unsynced stays", INJECT_SYSTEM, INJECT_POWER_OFF, stride);
	every_call("power lost, half of it stays", INJECT_SYSTEM, INJECT_POWER_FLICKER, stride);
	random_kills((unsigned)seconds);
	return 0;
}
