/* What the audit log costs: whole exchanges through the writer (rows, key slots, tree, signed checkpoint,
 * receipts, COMMIT) beside the same rows and slots alone, in turns in one run, at batches of 64. The goal is
 * 80 % of the rate. Wall clock, and CPU of the thread that writes, which other load disturbs less.
 *
 *   bench-store [exchanges a round] [folder] */
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <unistd.h>

#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/core/commit/writer.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/timer.h"
#include "lib/base/datetime.h"

#define BATCH  64
#define GROUPS 2 /* one batch is written while the next is queued as a whole */
#define ROUNDS 5

struct bench {
	char dir[256];
	struct store *store;
	struct keystore *keys;
	struct writer *writer;
	struct home *home;
	struct note_signer signer;
	char record[1024], leaf[600], packed[700], answer[420], envelope[260];
	uint64_t made;       /* exchanges so far: their ids */
	uint64_t next_entry; /* of the store without tree */
};

struct exchange_job {
	struct job job;
	struct bench *bench;
	uint64_t n;
};

struct figures {
	double wall, cpu; /* seconds */
};

/* CPU of the writing thread, taken inside its jobs. */
static double cpu_first, cpu_last;
static unsigned at_home;

static void stop(const char *what, const struct error *e)
{
	fprintf(stderr, "bench-store: %s: %s %s\n", what, e->where, e->text);
	exit(1);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *file(struct bench *b, const char *name)
{
	static char path[300];

	snprintf(path, sizeof path, "%s/%s", b->dir, name);
	return path;
}

static void fill(char *out, size_t n, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < n; i++)
		out[i] = text[i % length];
}

/* Everything that one exchange writes but its audit entry. */
static bool write_rows(struct bench *b, uint64_t n, uint32_t slot, uint64_t *seq, struct error *e)
{
	struct store_exchange x = { .partner = VIEW("port-authority"),
		                    .received_ms = INT64_C(1767225600000) + (int64_t)n / 20,
		                    .agreement = VIEW("north-south-pnr"),
		                    .provider = VIEW("north"),
		                    .recipient = VIEW("south"),
		                    .state = STATE_QUEUED,
		                    .status = 201,
		                    .answer = view_make(b->answer, sizeof b->answer) },
	                      prior;
	uint8_t random[10] = { (uint8_t)(n * 167), (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)n };
	enum store_accepted accepted;
	char key[40];

	x.id = x.origin = uuid_v7(x.received_ms, random);
	snprintf(key, sizeof key, "%016llx-key", (unsigned long long)(n * UINT64_C(0x9e3779b97f4a7c15)));
	x.key = view_of(key);
	if (!store_accept(b->store, &x, &accepted, &prior, e))
		return false;
	if (accepted != STORE_NEW)
		return error_set(e, REASON_INTERNAL, "an exchange was not new");
	struct store_payload p = { .seq = x.seq, .slot = slot, .sealed = view_make(b->record, sizeof b->record) };
	struct store_timer t = { .seq = x.seq, .kind = TIMER_ERASE, .due_ms = x.received_ms + 28 * DAY_MS };
	struct store_delivery d = { .seq = x.seq,
		                    .recipient = VIEW("south"),
		                    .next_ms = x.received_ms,
		                    .deadline_ms = x.received_ms + DAY_MS,
		                    .envelope = view_make(b->envelope, sizeof b->envelope) };
	*seq = x.seq;
	return store_put_payload(b->store, &p, e) && store_put_timer(b->store, &t, e) &&
	       store_put_delivery(b->store, &d, e);
}

static void payload_key(uint64_t n, uint8_t key[32])
{
	memset(key, (int)(n & 255), 32);
}

static bool job_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct exchange_job *x = JOB_OF(struct exchange_job, j);
	struct bench *b = x->bench;
	uint8_t key[32];
	uint32_t slot;
	uint64_t seq, index;

	if (cpu_first == 0)
		cpu_first = seconds(CLOCK_THREAD_CPUTIME_ID);
	cpu_last = seconds(CLOCK_THREAD_CPUTIME_ID);
	payload_key(x->n, key);
	return writer_put_key(w, key, &slot, e) && write_rows(b, x->n, slot, &seq, e) &&
	       writer_append(w, j, view_make(b->leaf, sizeof b->leaf), view_make(b->packed, sizeof b->packed), &index,
	                     e) &&
	       store_set_entry(s, seq, index, e);
}

static void job_done(struct job *j)
{
	if (!j->committed)
		stop("a job failed", &j->error);
	writer_release(j);
	at_home++;
}

/* Sends a batch once the writer has taken the one before it, so that they do not become one. */
static void send_group(struct bench *b, struct exchange_job *jobs)
{
	struct writer_stats stats;

	for (writer_stats(b->writer, &stats); stats.queued > 0; writer_stats(b->writer, &stats))
		usleep(10);
	for (unsigned i = 0; i < BATCH; i++) {
		jobs[i].job = (struct job){ .home = b->home, .run = job_run, .done = job_done, .want_receipt = true };
		jobs[i].bench = b;
		jobs[i].n = b->made++;
	}
	for (unsigned i = 0; i < BATCH; i++)
		writer_submit(b->writer, &jobs[i].job);
}

static struct figures with_log(struct bench *b, unsigned n)
{
	static struct exchange_job jobs[GROUPS][BATCH];
	struct pollfd p = { .fd = home_fd(b->home), .events = POLLIN };
	struct figures f;
	unsigned sent = 0;

	cpu_first = cpu_last = 0;
	at_home = 0;
	f.wall = seconds(CLOCK_MONOTONIC);
	while (at_home < n) {
		/* Jobs come home in their order, so that the oldest group is free again. */
		while (sent < n && sent + BATCH <= at_home + GROUPS * BATCH) {
			send_group(b, jobs[sent / BATCH % GROUPS]);
			sent += BATCH;
		}
		if (poll(&p, 1, 10000) != 1 && errno != EINTR)
			stop("the writer does not answer", &(struct error){ .reason = REASON_NONE });
		home_collect(b->home);
	}
	f.wall = seconds(CLOCK_MONOTONIC) - f.wall;
	f.cpu = cpu_last - cpu_first;
	return f;
}

static bool rows_batch(struct bench *b, struct error *e)
{
	uint8_t key[32];
	uint32_t slot;
	uint64_t seq;

	if (!store_begin(b->store, e))
		return false;
	for (unsigned i = 0; i < BATCH; i++) {
		payload_key(b->made, key);
		if (!keystore_put(b->keys, key, &slot, e) || !write_rows(b, b->made++, slot, &seq, e) ||
		    !store_put_entry(b->store, b->next_entry, view_make(b->leaf, sizeof b->leaf),
		                     view_make(b->packed, sizeof b->packed), e) ||
		    !store_set_entry(b->store, seq, b->next_entry++, e))
			return false;
	}
	if (!keystore_sync(b->keys, e) || !store_commit(b->store, e))
		return false;
	keystore_settle(b->keys, true);
	return store_checkpoint(b->store, false, e);
}

static struct figures rows_only(struct bench *b, unsigned n)
{
	struct error e = { .reason = REASON_NONE };
	struct figures f = { .wall = seconds(CLOCK_MONOTONIC), .cpu = seconds(CLOCK_THREAD_CPUTIME_ID) };

	for (unsigned done = 0; done < n; done += BATCH)
		if (!rows_batch(b, &e))
			stop("writing rows", &e);
	f.wall = seconds(CLOCK_MONOTONIC) - f.wall;
	f.cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - f.cpu;
	return f;
}

static void open_bench(struct bench *b, const char *base, const char *name, bool log)
{
	struct error e = { .reason = REASON_NONE };
	uint8_t seed[32] = { 1 }, public_key[32];

	snprintf(b->dir, sizeof b->dir, "%s/bench-store-%s-XXXXXX", base, name);
	if (!mkdtemp(b->dir))
		stop("cannot make a folder", &e);
	fill(b->record, sizeof b->record, "sealed bytes of a record ");
	fill(b->leaf, sizeof b->leaf, "{\"agreement\":\"north-south-pnr\",\"operation\":\"disclosure\"} ");
	fill(b->packed, sizeof b->packed, "WyJzYWx0IiwiZGVjaXNpb24iLHt9XQ");
	fill(b->answer, sizeof b->answer, "{\"outcome\":\"released-transformed\"} ");
	fill(b->envelope, sizeof b->envelope, "{\"purpose\":\"border-security\"} ");
	b->store = store_open(file(b, "store.db"), &e);
	b->keys = keystore_open(file(b, "keys"), true, &e);
	if (!b->store || !b->keys)
		stop("opening", &e);
	if (!log)
		return;
	b->home = home_new();
	b->signer.key = ed25519_from_seed(seed);
	if (!b->home || !b->signer.key)
		stop("opening", &e);
	ed25519_public(b->signer.key, public_key);
	if (!note_vkey_make(VIEW("north.example/audit/n1/1"), NOTE_ED25519, public_key, &b->signer.vkey))
		stop("opening", &e);
	char anchor[300];
	snprintf(anchor, sizeof anchor, "%s", file(b, "anchor"));
	b->writer = writer_start(
	        &(struct writer_options){
	                .store = b->store, .keys = b->keys, .signer = b->signer, .anchor_path = anchor },
	        &e);
	if (!b->writer)
		stop("starting the writer", &e);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void close_bench(struct bench *b)
{
	writer_stop(b->writer);
	store_close(b->store);
	keystore_close(b->keys);
	home_free(b->home);
	ed25519_free(b->signer.key);
	nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof *values, by_value);
	return values[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	unsigned long long n = 32768;
	static struct bench log, rows;
	double log_wall[ROUNDS], log_cpu[ROUNDS], rows_wall[ROUNDS], rows_cpu[ROUNDS];
	struct writer_stats stats;

	if (argc > 1 && !view_to_u64(view_of(argv[1]), 10000000, &n))
		return 2;
	n = (n + BATCH - 1) / BATCH * BATCH;
	const char *base = argc > 2 ? argv[2] : getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	open_bench(&log, base, "log", true);
	open_bench(&rows, base, "rows", false);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct figures r = rows_only(&rows, (unsigned)n), l = with_log(&log, (unsigned)n);

		rows_wall[i] = (double)n / r.wall;
		rows_cpu[i] = r.cpu / (double)n * 1e6;
		log_wall[i] = (double)n / l.wall;
		log_cpu[i] = l.cpu / (double)n * 1e6;
		printf("round %u: rows %.0f/s %.2f us, with log %.0f/s %.2f us\n", i + 1, rows_wall[i], rows_cpu[i],
		       log_wall[i], log_cpu[i]);
	}
	writer_stats(log.writer, &stats);
	double a = median(rows_wall), b = median(log_wall), c = median(rows_cpu), d = median(log_cpu);
	printf("%-34s %12s %16s\n", "medians", "exchanges/s", "us CPU, writer");
	printf("%-34s %12.0f %16.2f\n", "rows and key slots alone", a, c);
	printf("%-34s %12.0f %16.2f\n", "with tree, signature, receipts", b, d);
	printf("rate %.0f %% (goal 80), by CPU %.0f %%; median batch %u\n", 100 * b / a, 100 * c / d,
	       stats.median_batch);
	close_bench(&log);
	close_bench(&rows);
	return 0;
}
