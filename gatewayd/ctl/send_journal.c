/* See send_journal.h. */
#include "gatewayd/ctl/send_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/os/files.h"
#include "gatewayd/os/instant.h"
#include "lib/crypto/crypto.h"

#define FORMAT    1
#define STATE_MAX 65536u
#define KEEP_MAX  (64u * 1024 * 1024)
#define KEEP      (1u << 20)
#define SYNC_MS   1000

struct send_journal {
	const char *state, *results, *agreement;
	char run[UUID_TEXT + 1];
	int fd;          /* of the results */
	struct buf lock; /* name of the file that stands for the state, which is a new one each time; empty: not held */
	int lock_fd;
	uint64_t done, size;
	/* The last result that counts, by which the results are known again. */
	struct digest last;
	uint64_t last_size; /* with its line feed */
	struct send_counts counts;
	/* Of the digests of all lines that are done, one after the other: what the state says, and of what was seen now. */
	struct digest chain, seen;
	uint64_t passed; /* the last line that was seen of those */
	struct buf kept; /* results that are not written */
	int64_t synced_ms;
	bool hold, dirty;
	bool broken; /* nobody knows what of the results is on the disk: the state must not count any more of them */
};

static bool io_failed(const char *path, const char *what, struct error *e)
{
	return error_at(e, REASON_IO, path, 0, 0, "%s: %s", what, strerror(errno));
}

static void chain_on(struct digest *chain, const struct digest *line)
{
	const struct view parts[] = { view_make(chain->b, sizeof chain->b), view_make(line->b, sizeof line->b) };

	sha256_parts(parts, 2, chain);
}

/* --- the state file --- */

static bool write_state(struct send_journal *j, struct error *e)
{
	struct buf text = BUF_INIT(STATE_MAX), name = BUF_INIT(8192);
	struct arena mem = { .max = 0 };
	bool ok;

	buf_addf(&text, "{\"format\":%d,\"agreement\":", FORMAT);
	buf_add_json_string(&text, view_of(j->agreement));
	buf_addf(&text,
	         ",\"run\":\"%s\",\"lines\":%llu,\"results\":%llu,\"released\":%llu,\"held\":%llu,\"refused\":%llu,"
	         "\"not_sent\":%llu,\"input\":\"",
	         j->run, (unsigned long long)j->done, (unsigned long long)j->size,
	         (unsigned long long)j->counts.released, (unsigned long long)j->counts.held,
	         (unsigned long long)j->counts.refused, (unsigned long long)j->counts.not_sent);
	digest_print(&text, &j->chain);
	buf_addf(&text, "\",\"last_size\":%llu,\"last\":\"", (unsigned long long)j->last_size);
	digest_print(&text, &j->last);
	buf_adds(&text, "\"}\n");
	buf_addf(&name, "%s.new", j->state);
	buf_addc(&name, 0);
	ok = (!text.failed && !name.failed) || error_set(e, REASON_NO_MEMORY, "memory ran out");
	/* What a run that was killed left behind. */
	ok = ok && (unlink(name.p) == 0 || errno == ENOENT || io_failed(name.p, "cannot remove", e)) &&
	     file_write_new(name.p, buf_view(&text), 0600, e) &&
	     (rename(name.p, j->state) == 0 || io_failed(j->state, "cannot rename", e));
	if (ok) {
		const char *folder = file_folder(&mem, j->state);
		int dir = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		ok = (dir >= 0 && fsync(dir) == 0) || io_failed(j->state, "cannot sync its folder", e);
		if (dir >= 0)
			close(dir);
	}
	arena_free(&mem);
	buf_free(&name);
	buf_free(&text);
	return ok;
}

static bool number_of(const json_t *doc, const char *name, uint64_t *out)
{
	const json_t *v = json_object_get(doc, name);

	*out = json_is_integer(v) && json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v) : 0;
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

static bool take_state(struct send_journal *j, const json_t *doc, struct error *e)
{
	const char *run = json_string_value(json_object_get(doc, "run")),
	           *agreement = json_string_value(json_object_get(doc, "agreement")),
	           *input = json_string_value(json_object_get(doc, "input")),
	           *last = json_string_value(json_object_get(doc, "last"));
	uint64_t format;
	struct uuid id;
	bool ok = number_of(doc, "format", &format) && format == FORMAT && run && agreement && input && last &&
	          uuid_parse(view_of(run), &id) && digest_parse(view_of(input), &j->chain) &&
	          digest_parse(view_of(last), &j->last) && number_of(doc, "last_size", &j->last_size) &&
	          number_of(doc, "lines", &j->done) && number_of(doc, "results", &j->size) &&
	          number_of(doc, "released", &j->counts.released) && number_of(doc, "held", &j->counts.held) &&
	          number_of(doc, "refused", &j->counts.refused) && number_of(doc, "not_sent", &j->counts.not_sent);

	if (!ok)
		return error_at(e, REASON_CONFIG, j->state, 0, 0, "is not a state file of this command");
	if (strcmp(agreement, j->agreement) != 0)
		return error_at(e, REASON_CONFIG, j->state, 0, 0,
		                "is of a run under another agreement; name another state file and other results");
	uuid_print(&id, j->run);
	return true;
}

static bool read_state(struct send_journal *j, struct error *e)
{
	struct buf text = BUF_INIT(STATE_MAX + 1);
	bool ok = file_read(j->state, STATE_MAX, &text, e);

	if (ok) {
		json_t *doc = json_loadb(view_bytes(buf_view(&text)), text.n, JSON_REJECT_DUPLICATES, NULL);
		ok = take_state(j, doc, e);
		json_decref(doc);
	}
	buf_free(&text);
	return ok;
}

static bool begin(struct send_journal *j, struct error *e)
{
	uint8_t random[10];

	if (lseek(j->fd, 0, SEEK_END) != 0)
		return error_at(e, REASON_CONFIG, j->results, 0, 0,
		                "is there without the state file %s; name other results, or remove it", j->state);
	if (!random_bytes(random, sizeof random))
		return error_set(e, REASON_IO, "no random bytes");
	struct uuid id = uuid_v7(instant_now_ms(), random);
	uuid_print(&id, j->run);
	return write_state(j, e);
}

/* Bytes of the results; false: there are fewer, or they cannot be read. */
static bool read_results(const struct send_journal *j, uint64_t from, uint64_t n, struct buf *out)
{
	while (out->n < n) {
		char *room = buf_room(out, n - out->n);
		ssize_t got = room ? pread(j->fd, room, n - out->n, (off_t)(from + out->n)) : -1;
		if (got < 0 && room && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		out->n += (size_t)got;
	}
	return true;
}

/* Are these the results that the state counts, and not some file of the user's that would be cut? Their last line is known;
 * where none counts, what a killed run wrote begins as results do. */
static bool is_of_this_run(const struct send_journal *j, uint64_t size)
{
	static const char start[] = "{\"line\":";
	uint64_t n = j->size ? j->last_size : size < sizeof start - 1 ? size : sizeof start - 1;
	struct buf bytes = BUF_INIT(KEEP_MAX);
	struct digest is;
	bool ok = n <= KEEP_MAX && (j->size == 0 || (n > 0 && n <= j->size)) &&
	          read_results(j, j->size ? j->size - n : 0, n, &bytes);

	if (ok && j->size) {
		sha256(buf_view(&bytes), &is);
		ok = digest_eq(&is, &j->last);
	} else if (ok) {
		ok = view_starts(VIEW("{\"line\":"), buf_view(&bytes));
	}
	buf_wipe(&bytes);
	return ok;
}

/* What the state does not count is cut off. */
static bool go_on(struct send_journal *j, struct error *e)
{
	off_t size = lseek(j->fd, 0, SEEK_END);

	if (size < 0 || (uint64_t)size < j->size)
		return error_at(e, REASON_CONFIG, j->results, 0, 0,
		                "is shorter than its state file says; put it back, or remove both to send all again");
	if (!is_of_this_run(j, (uint64_t)size))
		return error_at(e, REASON_CONFIG, j->results, 0, 0,
		                "is not what the state file %s counts; name the results that belong to it", j->state);
	return ftruncate(j->fd, (off_t)j->size) == 0 || io_failed(j->results, "cannot be cut", e);
}

/* --- opening --- */

/* The state is a new file each time it is written: another one, beside it, is locked in its stead, for two runs with results
 * of their own would each send all. */
static bool lock_state(struct send_journal *j, struct error *e)
{
	struct stat here, there;

	buf_addf(&j->lock, "%s.lock", j->state);
	buf_addc(&j->lock, 0);
	if (j->lock.failed)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	j->lock_fd = open(j->lock.p, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (j->lock_fd < 0)
		return io_failed(j->lock.p, "cannot open", e);
	/* One that another run removed while it ended locks nothing. */
	if (flock(j->lock_fd, LOCK_EX | LOCK_NB) == 0 && fstat(j->lock_fd, &here) == 0 &&
	    stat(j->lock.p, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino)
		return true;
	close(j->lock_fd);
	j->lock_fd = -1;
	return error_at(e, REASON_IO, j->state, 0, 0, "is being written by another run");
}

static bool open_results(struct send_journal *j, struct error *e)
{
	struct stat is;

	j->fd = open(j->results, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (j->fd < 0)
		return io_failed(j->results, "cannot open", e);
	if (fstat(j->fd, &is) != 0 || !S_ISREG(is.st_mode))
		return error_at(e, REASON_CONFIG, j->results, 0, 0, "is not a regular file");
	return flock(j->fd, LOCK_EX | LOCK_NB) == 0 ||
	       error_at(e, REASON_IO, j->results, 0, 0, "is being written by another run");
}

struct send_journal *send_journal_open(const char *state, const char *results, const char *agreement, struct error *e)
{
	struct send_journal *j = calloc(1, sizeof *j);

	if (!j) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	*j = (struct send_journal){ .state = state, .results = results, .agreement = agreement };
	j->fd = j->lock_fd = -1;
	j->kept = BUF_INIT(KEEP_MAX);
	j->lock = BUF_INIT(8192);
	j->synced_ms = instant_monotonic_ms();
	bool ok = lock_state(j, e) && open_results(j, e);
	if (ok && access(state, F_OK) != 0 && errno == ENOENT)
		ok = begin(j, e);
	else
		ok = ok && read_state(j, e) && go_on(j, e);
	if (ok)
		return j;
	send_journal_close(j);
	return NULL;
}

void send_journal_close(struct send_journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	if (j->lock_fd >= 0) {
		unlink(j->lock.p);
		close(j->lock_fd);
	}
	buf_free(&j->lock);
	buf_wipe(&j->kept);
	free(j);
}

const char *send_journal_run(const struct send_journal *j)
{
	return j->run;
}

uint64_t send_journal_done(const struct send_journal *j)
{
	return j->done;
}

const struct send_counts *send_journal_counts(const struct send_journal *j)
{
	return &j->counts;
}

/* --- what was done before --- */

bool send_journal_is_passed(const struct send_journal *j)
{
	return j->passed >= j->done;
}

bool send_journal_pass(struct send_journal *j, uint64_t number, const struct digest *line, struct error *e)
{
	chain_on(&j->seen, line);
	j->passed = number;
	if (number < j->done || (number == j->done && digest_eq(&j->seen, &j->chain)))
		return true;
	return error_at(
	        e, REASON_CONFIG, j->state, 0, 0,
	        "the first %llu lines are not those that were sent before; name another state file for other records",
	        (unsigned long long)j->done);
}

/* --- what is done now --- */

static bool write_kept(struct send_journal *j, struct error *e)
{
	size_t at = 0;

	while (at < j->kept.n) {
		ssize_t n = pwrite(j->fd, j->kept.p + at, j->kept.n - at, (off_t)(j->size + at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return io_failed(j->results, "cannot write", e);
		at += (size_t)n;
	}
	if (fdatasync(j->fd) != 0)
		return io_failed(j->results, "cannot sync", e);
	j->size += at;
	buf_reset(&j->kept);
	return true;
}

bool send_journal_sync(struct send_journal *j, struct error *e)
{
	if (!j->dirty)
		return true;
	if (j->broken)
		return error_at(e, REASON_IO, j->results, 0, 0, "could not be written before");
	j->synced_ms = instant_monotonic_ms();
	/* A sync that failed once may succeed the next time with the bytes lost: only a new run looks at what is there. */
	j->broken = !write_kept(j, e) || !write_state(j, e);
	j->dirty = j->broken;
	return !j->broken;
}

void send_journal_hold(struct send_journal *j, bool hold)
{
	j->hold = hold;
}

bool send_journal_add(struct send_journal *j, uint64_t number, const struct digest *line, struct view result,
                      const struct send_counts *counts, struct error *e)
{
	size_t at = j->kept.n;

	buf_add(&j->kept, result);
	buf_addc(&j->kept, '\n');
	if (j->kept.failed) {
		j->broken = true;
		return error_set(e, REASON_NO_MEMORY,
		                 "the results do not fit into memory: send fewer lines in a batch");
	}
	j->last_size = j->kept.n - at;
	sha256(view_from(buf_view(&j->kept), at), &j->last);
	chain_on(&j->chain, line);
	j->done = j->passed = number;
	j->counts = *counts;
	j->dirty = true;
	if (!j->hold && (j->kept.n >= KEEP || instant_monotonic_ms() - j->synced_ms >= SYNC_MS))
		return send_journal_sync(j, e);
	return true;
}
