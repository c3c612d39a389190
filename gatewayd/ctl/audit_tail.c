/* gatewayctl audit tail: the mirror file, for people and for jq. Follows the file through log rotation: when
 * another file lies at its path, what is left of the old one is read first. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/screen.h"
#include "lib/base/datetime.h"
#include "lib/tlog/receipt.h"

#define LINE_MAX_BYTES (256 * 1024)
#define POLL_NS        200000000L

/* Which entries are shown: a member of the leaf that must be this; of exchanges also the end of the id. */
static const struct filter {
	const char *option, *member;
} filters[] = { { "agreement", "agreement" }, { "operation", "operation" }, { "outcome", "outcome" },
	        { "peer", "peer" },           { "reason", "reason" },       { "exchange", "exchange" } };
#define FILTERS      (sizeof filters / sizeof *filters)
#define FILTER_FIRST 0x100 /* what getopt_long() says of them */
#define EXCHANGE_END 8     /* characters of an id that say which one */

struct tail {
	const struct ctl *ctl;
	const char *path, *wanted[FILTERS];
	bool filtered;
	int64_t since_ms;
	size_t width; /* of the terminal; 0: none */
	bool follow, verify;
	uint64_t lines; /* of the end, when there is no `after` */
	bool has_after;
	uint64_t after;
	int fd;
	off_t at;
	struct buf pending; /* bytes behind the last whole line */
	struct buf out;
	/* --verify */
	struct store *store;
	struct audit_keys keys;
	uint64_t shown;
	int status;
};

static bool fail(struct error *e, const char *path)
{
	return error_set(e, REASON_IO, "%s: %s", path, strerror(errno));
}

/* --- a line --- */

/* The index of a mirror line, and the leaf that it shows: `{"index":N,` stands for the leaf's brace. */
static bool split_line(struct view line, uint64_t *index, struct buf *leaf)
{
	static const char start[] = "{\"index\":";
	unsigned long long n;
	size_t digits = strlen(start);

	if (!view_starts(line, view_of(start)))
		return false;
	while (digits < line.n && line.p[digits] >= '0' && line.p[digits] <= '9')
		digits++;
	if (digits == line.n || !view_to_u64(view_make(line.p + strlen(start), digits - strlen(start)), INT64_MAX, &n))
		return false;
	*index = n;
	buf_reset(leaf);
	buf_addc(leaf, '{');
	buf_add(leaf, view_from(line, digits + (line.p[digits] == ',')));
	return !leaf->failed;
}

/* Whether the log holds this very entry, by a receipt from the store. */
static bool proved(struct tail *t, uint64_t index, struct view leaf, struct error *e)
{
	struct buf text = BUF_INIT(1 << 20), scratch = BUF_INIT(1 << 20);
	const struct note_vkey *signer;
	struct checkpoint c;
	struct receipt r;
	struct view none;

	bool ok = proof_of_entry(t->store, store_log(t->store) << STORE_LOG_SHIFT | index, false, NULL, &text, e) &&
	          receipt_parse(buf_view(&text), &scratch, &r, &none, e) &&
	          audit_keys_open(&t->keys, r.checkpoint, &c, &signer, NULL, e) && receipt_verify(&r, leaf, signer, e);
	buf_free(&text);
	buf_free(&scratch);
	return ok;
}

static bool is_wanted(const struct filter *f, const char *wanted, const char *is)
{
	size_t n = strlen(wanted), m = is ? strlen(is) : 0;

	return is && (strcmp(is, wanted) == 0 || (strcmp(f->member, "exchange") == 0 && n >= EXCHANGE_END && m > n &&
	                                          strcmp(is + m - n, wanted) == 0));
}

static bool wanted(const struct tail *t, uint64_t index, struct view leaf)
{
	if (t->has_after && index <= t->after)
		return false;
	if (!t->filtered)
		return true;
	json_t *j = json_loadb(leaf.p, leaf.n, 0, NULL);
	bool yes = json_integer_value(json_object_get(j, "time")) >= t->since_ms;
	for (size_t i = 0; i < FILTERS; i++)
		yes = yes && (!t->wanted[i] || is_wanted(&filters[i], t->wanted[i],
		                                         json_string_value(json_object_get(j, filters[i].member))));
	json_decref(j);
	return yes;
}

static void show_line(struct tail *t, struct view line)
{
	struct buf leaf = BUF_INIT(LINE_MAX_BYTES);
	struct error e = { 0 };
	uint64_t index = 0;

	if (!split_line(line, &index, &leaf)) {
		fprintf(stderr, "gatewayctl: a line of the mirror is not one of this format\n");
		t->status = t->verify ? CTL_TAMPERED : t->status;
	} else if (wanted(t, index, buf_view(&leaf))) {
		buf_reset(&t->out);
		if (t->ctl->json) {
			buf_add(&t->out, line);
			buf_addc(&t->out, '\n');
		} else {
			audit_line(index, buf_view(&leaf), t->ctl->colour, t->width, &t->out);
		}
		fwrite(t->out.p, 1, t->out.n, stdout);
		if (t->verify && !proved(t, index, buf_view(&leaf), &e)) {
			fflush(stdout);
			fprintf(stderr, "gatewayctl: entry %llu: the mirror does not show what the log holds: %s\n",
			        (unsigned long long)index, e.text);
			t->status = CTL_TAMPERED;
		}
		t->shown++;
	}
	buf_free(&leaf);
}

/* --- the file --- */

/* Shows the whole lines of `pending`. */
static void show_pending(struct tail *t)
{
	struct view rest = buf_view(&t->pending);
	size_t used = 0;

	for (;;) {
		const char *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;

		if (!end)
			break;
		struct view line = view_make(rest.p, (size_t)(end - rest.p));
		show_line(t, line);
		used += line.n + 1;
		rest = view_from(rest, line.n + 1);
	}
	buf_drop(&t->pending, used);
	fflush(stdout);
}

/* Reads on to the end of the file. */
static bool read_on(struct tail *t, struct error *e)
{
	for (;;) {
		char *room = buf_room(&t->pending, 65536);

		if (!room)
			return error_set(e, REASON_LIMIT, "a line of the mirror is longer than %d bytes",
			                 LINE_MAX_BYTES);
		ssize_t n = pread(t->fd, room, 65536, t->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(e, t->path);
		if (n == 0)
			return true;
		t->pending.n += (size_t)n;
		t->at += n;
		show_pending(t);
	}
}

/* Where the last `lines` lines begin. */
static bool seek_back(struct tail *t, struct error *e)
{
	char block[65536];
	struct stat st;
	uint64_t newlines = 0;

	if (fstat(t->fd, &st) != 0)
		return fail(e, t->path);
	off_t end = st.st_size;
	if (t->lines == 0) {
		t->at = end;
		return true;
	}
	while (end > 0) {
		size_t want = end > (off_t)sizeof block ? sizeof block : (size_t)end;
		ssize_t n = pread(t->fd, block, want, end - (off_t)want);

		if (n < 0)
			return fail(e, t->path);
		for (ssize_t i = n; i-- > 0;) {
			/* The newline that ends the last line is not the start of one. */
			if (block[i] != '\n' || end - (off_t)want + i == st.st_size - 1)
				continue;
			if (++newlines == t->lines) {
				t->at = end - (off_t)want + i + 1;
				return true;
			}
		}
		end -= (off_t)want;
	}
	t->at = 0;
	return true;
}

static bool open_file(struct tail *t, bool first, struct error *e)
{
	t->fd = open(t->path, O_RDONLY | O_CLOEXEC);
	if (t->fd < 0)
		return fail(e, t->path);
	t->at = 0;
	buf_reset(&t->pending);
	return !first || t->has_after || t->filtered || seek_back(t, e);
}

/* The file was rotated away (another one, or none yet, at its path) or truncated in place. */
static bool check_rotation(struct tail *t, struct error *e)
{
	struct stat here, there;

	if (t->fd >= 0) {
		if (fstat(t->fd, &here) != 0)
			return fail(e, t->path);
		if (stat(t->path, &there) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev) {
			if (there.st_size < t->at) {
				t->at = 0;
				buf_reset(&t->pending);
			}
			return true;
		}
		if (access(t->path, F_OK) != 0)
			return true;
		if (!read_on(t, e))
			return false;
		close(t->fd);
		t->fd = -1;
	}
	return access(t->path, F_OK) != 0 || open_file(t, false, e);
}

static bool run(struct tail *t, struct error *e)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };

	if (!open_file(t, true, e)) {
		if (!t->follow || access(t->path, F_OK) == 0)
			return false;
		*e = (struct error){ 0 };
	}
	for (;;) {
		if (t->fd >= 0 && !read_on(t, e))
			return false;
		if (!t->follow)
			return true;
		nanosleep(&pause, NULL);
		if (!check_rotation(t, e))
			return false;
		/* Whoever read our output is gone. */
		if (ferror(stdout))
			return true;
	}
}

/* --- the command --- */

static bool number(const char *text, uint64_t *out)
{
	unsigned long long n;

	if (!view_to_u64(view_of(text), INT64_MAX, &n))
		return false;
	*out = n;
	return true;
}

static bool parse_options(struct tail *t, const char **key, int argc, char **argv)
{
	static const struct option list[] = { { "follow", no_argument, NULL, 'f' },
		                              { "lines", required_argument, NULL, 'n' },
		                              { "after", required_argument, NULL, 'a' },
		                              { "agreement", required_argument, NULL, FILTER_FIRST },
		                              { "operation", required_argument, NULL, FILTER_FIRST + 1 },
		                              { "outcome", required_argument, NULL, FILTER_FIRST + 2 },
		                              { "peer", required_argument, NULL, FILTER_FIRST + 3 },
		                              { "reason", required_argument, NULL, FILTER_FIRST + 4 },
		                              { "exchange", required_argument, NULL, FILTER_FIRST + 5 },
		                              { "since", required_argument, NULL, 's' },
		                              { "verify", no_argument, NULL, 'v' },
		                              { "key", required_argument, NULL, 'k' },
		                              { 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "fn:k:", list, NULL)) != -1) {
		switch (opt) {
		case 'f': t->follow = true; break;
		case 'n':
			if (!number(optarg, &t->lines))
				return false;
			break;
		case 'a':
			if (!number(optarg, &t->after))
				return false;
			t->has_after = true;
			break;
		case 's':
			if (!time_parse(view_of(optarg), &t->since_ms))
				return false;
			t->filtered = true;
			break;
		case 'v': t->verify = true; break;
		case 'k': *key = optarg; break;
		default:
			if (opt < FILTER_FIRST)
				return false;
			t->wanted[opt - FILTER_FIRST] = optarg;
			t->filtered = true;
		}
	}
	return argc - optind <= 1;
}

static bool prepare_verify(struct tail *t, const char *key, struct error *e)
{
	char *store = audit_conf_path(t->ctl, "/store", e);
	bool ok = store && audit_keys_load(t->ctl, key, NULL, &t->keys, e) && (t->store = store_open_reader(store, e));

	free(store);
	return ok;
}

int audit_tail(const struct ctl *c, int argc, char **argv)
{
	struct tail t = { .ctl = c,
		          .lines = 10,
		          .since_ms = INT64_MIN,
		          .width = isatty(STDOUT_FILENO) ? screen_width(stdout) : 0,
		          .fd = -1,
		          .pending = BUF_INIT(LINE_MAX_BYTES + 65536),
		          .out = BUF_INIT(1 << 20) };
	const char *key = NULL;
	struct error e = { 0 };
	char *path = NULL;

	if (!parse_options(&t, &key, argc, argv))
		return ctl_usage();
	path = argv[optind] ? strdup(argv[optind]) : audit_conf_path(c, "/audit/mirror", &e);
	t.path = path;
	if (path && (!t.verify || prepare_verify(&t, key, &e))) {
		if (!c->json) {
			audit_heading(t.width, &t.out);
			fwrite(t.out.p, 1, t.out.n, stdout);
		}
		if (!run(&t, &e))
			t.status = CTL_FAILED;
		if (t.verify && t.status == CTL_OK)
			fprintf(stderr, "verified: the log holds these %llu entries\n", (unsigned long long)t.shown);
	} else {
		t.status = CTL_FAILED;
	}
	if (t.fd >= 0)
		close(t.fd);
	store_close(t.store);
	audit_keys_free(&t.keys);
	buf_free(&t.pending);
	buf_free(&t.out);
	free(path);
	return t.status == CTL_FAILED ? ctl_fail(CTL_FAILED, &e) : t.status;
}
