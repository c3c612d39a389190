/* gatewayctl send: a partner system's records, a file of envelopes, to its gateway. Lines go as a stream (gatewayd(8), STREAMS), or as
 * batches where an agreement counts them together; a result is kept when it comes, and what has none is sent again under
 * the same key until it has one: send_lines.h, send_queue.h, send_result.h, send_journal.h are its parts. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/connection.h"
#include "gatewayd/ctl/ctl.h"
#include "gatewayd/ctl/problem.h"
#include "gatewayd/ctl/send_journal.h"
#include "gatewayd/ctl/send_progress.h"
#include "gatewayd/ctl/send_result.h"
#include "gatewayd/os/instant.h"
#include "lib/crypto/crypto.h"

#define PATIENCE_S    900
#define FIRST_TRIES   3     /* before the gateway has ever answered: it may be the wrong one */
#define LINE_TRIES    4     /* of a line that is not taken while others are */
#define LONGEST_MS    30000 /* between tries that the gateway names no time for */
#define SHORTEST_MS   250
#define REQUEST_LINES 100000u              /* then a new request begins, on the same connection */
#define BATCH_BYTES   (256u * 1024 * 1024) /* of the answers to one batch */
#define PROBLEM_MAX   65536u

struct options {
	struct connection connection;
	const char *agreement, *state, *results, *vkey, *file;
	unsigned long long batch, patience_s;
};

struct sending {
	const struct options *o;
	struct https *https;
	struct send_lines *lines;
	struct send_queue *queue;
	struct send_journal *journal;
	struct send_reader *reader;
	struct send_progress progress;
	struct send_counts counts;
	char path[200];
	struct buf piece, out; /* of a result that has not come whole; a line of the results */
	bool input_ended;
	/* Of the request under way. */
	size_t sent, at;     /* lines of the queue that have gone, and bytes of the next */
	unsigned lines_sent; /* since it began */
	bool untaken;        /* the first line of the queue was not taken: `why`, `again` */
	bool others_go_on;   /* and a later line has a result */
	bool again;
	struct error why;
	/* Since something was taken last. */
	int64_t moved_ms;
	unsigned tries, line_tries;
	bool answered;       /* the gateway has answered in this run */
	int status;          /* of this program, once it is failed */
	struct error failed; /* REASON_NONE: it goes on */
};

static bool fail(struct sending *s, int status, const struct error *e)
{
	if (s->failed.reason == REASON_NONE) {
		s->status = status;
		s->failed = *e;
	}
	return false;
}

static bool has_failed(const struct sending *s)
{
	return s->failed.reason != REASON_NONE;
}

/* --- results --- */

/* The first line is done: its result is kept, and it is not needed any more. */
static bool settle(struct sending *s)
{
	struct error e = { .reason = REASON_NONE };
	const struct send_queued *first = send_queue_at(s->queue, 0);

	if (s->out.failed)
		error_set(&e, REASON_NO_MEMORY, "memory ran out");
	if (s->out.failed ||
	    !send_journal_add(s->journal, first->number, &first->digest, buf_view(&s->out), &s->counts, &e))
		return fail(s, CTL_FAILED, &e);
	send_queue_drop(s->queue);
	if (s->sent > 0)
		s->sent--;
	s->line_tries = s->tries = 0;
	s->moved_ms = instant_monotonic_ms();
	send_progress_show(&s->progress, send_journal_done(s->journal), s->counts.refused + s->counts.not_sent, NULL);
	return true;
}

/* Lines that are not sent, when it is their turn. */
static bool settle_unsent(struct sending *s)
{
	const struct send_queued *first;

	while ((first = send_queue_at(s->queue, 0)) && first->why_not) {
		send_print_untaken(first, first->why_not, &s->out);
		s->counts.not_sent++;
		if (!settle(s))
			return false;
	}
	return true;
}

static bool take_result(struct sending *s, struct view answer)
{
	struct error e = { .reason = REASON_NONE };
	const struct send_queued *first = send_queue_at(s->queue, 0);

	if (s->untaken) {
		s->others_go_on = true;
		return true;
	}
	if (!first || s->sent == 0) {
		error_set(&e, REASON_BAD_REQUEST, "the gateway answered more than was sent");
		return fail(s, CTL_FAILED, &e);
	}
	enum send_outcome outcome = send_judge(s->reader, answer, first, &s->out, &e);
	switch (outcome) {
	case SEND_RELEASED: s->counts.released++; break;
	case SEND_HELD: s->counts.held++; break;
	case SEND_REFUSED: s->counts.refused++; break;
	case SEND_AGAIN:
	case SEND_NO_MORE:
		s->untaken = true;
		s->again = outcome == SEND_AGAIN;
		s->why = e;
		return true;
	case SEND_NO_RESULT: return fail(s, CTL_FAILED, &e);
	case SEND_ALTERED: return fail(s, CTL_TAMPERED, &e);
	}
	return settle(s) && settle_unsent(s);
}

/* libcurl's pieces, cut into lines. */
static bool take_answer(void *arg, struct view bytes)
{
	struct sending *s = arg;
	struct view rest = bytes;

	s->answered = true;
	while (rest.n > 0) {
		struct view line = view_cut(&rest, '\n');
		buf_add(&s->piece, line);
		if (!rest.p)
			break;
		bool ok = take_result(s, buf_view(&s->piece));
		buf_reset(&s->piece);
		if (!ok)
			return false;
	}
	return !s->piece.failed;
}

/* --- lines --- */

/* The next line of the input into the queue, past those that were done before. */
static enum send_got pull(struct sending *s, bool wait)
{
	struct error e = { .reason = REASON_NONE };
	struct send_line line;

	for (;;) {
		enum send_got got = s->input_ended ? SEND_AT_END : send_lines_next(s->lines, wait, &line, &e);
		if (got == SEND_AT_END && !send_journal_is_passed(s->journal))
			error_set(
			        &e, REASON_CONFIG,
			        "the records end before what was sent of them; name another state file for other records");
		s->input_ended = got == SEND_AT_END;
		bool passes = got == SEND_GOT && !send_journal_is_passed(s->journal);
		if (passes && send_journal_pass(s->journal, line.number, &line.digest, &e))
			continue;
		if (got == SEND_GOT && e.reason == REASON_NONE && !send_queue_add(s->queue, &line))
			error_set(&e, REASON_NO_MEMORY, "memory ran out");
		if (e.reason == REASON_NONE)
			return got;
		fail(s, CTL_FAILED, &e);
		return SEND_UNREADABLE;
	}
}

/* libcurl asks for more of the body: lines that wait, then lines of the input as long as it has them at once. A pipe that is
 * slower than the gateway makes short requests. */
static enum https_body give_lines(void *arg, char *to, size_t size, size_t *n)
{
	struct sending *s = arg;

	for (;;) {
		const struct send_queued *line = send_queue_at(s->queue, s->sent);
		if (has_failed(s) || s->untaken || (s->at == 0 && s->lines_sent >= REQUEST_LINES))
			return HTTPS_END;
		if (!line) {
			if (send_queue_is_full(s->queue))
				return HTTPS_WAIT;
			if (pull(s, false) != SEND_GOT)
				return HTTPS_END;
			continue;
		}
		struct view rest = view_from(buf_view(&line->text), s->at);
		*n = rest.n < size ? rest.n : size;
		memcpy(to, view_bytes(rest), *n);
		s->at += *n;
		if (*n == rest.n) {
			s->sent++;
			s->at = 0;
			s->lines_sent += !line->why_not;
		}
		if (*n > 0)
			return HTTPS_BYTES;
	}
}

/* --- requests --- */

static void begin_request(struct sending *s)
{
	s->sent = s->at = 0;
	s->lines_sent = 0;
	s->untaken = s->others_go_on = false;
	s->why = (struct error){ .reason = REASON_NONE };
	buf_reset(&s->piece);
}

static bool request_stream(struct sending *s, struct buf *problem, int *status, unsigned *retry_after_s)
{
	struct https_stream stream = { .path = s->path,
		                       .content_type = "application/x-ndjson",
		                       .body = give_lines,
		                       .answer = take_answer,
		                       .arg = s };

	return https_stream(s->https, &stream, problem, status, retry_after_s, &s->why);
}

/* What an agreement counts together goes together, and its results are kept together. */
static bool request_batch(struct sending *s, struct buf *problem, int *status)
{
	struct buf body = BUF_INIT(2 * SEND_LINE_MAX), answer = BUF_INIT(BATCH_BYTES);
	const struct send_queued *line;
	bool ok = true;

	while (send_queue_n(s->queue) < s->o->batch && !send_queue_is_full(s->queue) && pull(s, true) == SEND_GOT)
		continue;
	for (; !has_failed(s) && (line = send_queue_at(s->queue, s->sent)) && s->sent < s->o->batch; s->sent++)
		buf_add(&body, buf_view(&line->text));
	*status = 200;
	if (body.n > 0 && !has_failed(s))
		ok = https_request(s->https, "POST", s->path, buf_view(&body), "application/x-ndjson", &answer, status,
		                   &s->why);
	send_journal_hold(s->journal, true);
	if (ok && *status == 200 && !has_failed(s))
		take_answer(s, buf_view(&answer));
	else if (ok)
		buf_add(problem, buf_view(&answer));
	send_journal_hold(s->journal, false);
	buf_wipe(&body);
	buf_free(&answer);
	return ok;
}

/* --- what did not go --- */

static void wait_ms(struct sending *s, int64_t ms)
{
	int64_t until = instant_monotonic_ms() + ms, left;

	while ((left = until - instant_monotonic_ms()) > 0) {
		left = left < 1000 ? left : 1000;
		struct timespec t = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
		send_progress_show(&s->progress, send_journal_done(s->journal), s->counts.refused + s->counts.not_sent,
		                   s->why.text);
		nanosleep(&t, NULL);
	}
}

/* Nothing was taken for the reason in `why`: waits, or gives up. */
static bool come_again(struct sending *s, unsigned retry_after_s)
{
	int64_t left_ms = (int64_t)s->o->patience_s * 1000 - (instant_monotonic_ms() - s->moved_ms);
	int64_t pause_ms = (int64_t)SHORTEST_MS << (s->tries < 8 ? s->tries : 8);
	int status = s->why.reason == REASON_UNAVAILABLE ? CTL_UNREACHABLE : CTL_FAILED;
	uint8_t random = 0;

	s->tries++;
	if (retry_after_s > 0)
		pause_ms = (int64_t)retry_after_s * 1000;
	else if (random_bytes(&random, sizeof random))
		pause_ms = (pause_ms < LONGEST_MS ? pause_ms : LONGEST_MS) * (128 + random) / 256;
	if ((!s->answered && s->tries >= FIRST_TRIES) || left_ms <= 0)
		return fail(s, status, &s->why);
	if (pause_ms > left_ms) {
		struct error e = { .reason = REASON_NONE };
		error_set(&e, s->why.reason, "%s It wants to be left alone for %lld s: run this again then",
		          s->why.text, (long long)(pause_ms / 1000));
		return fail(s, status, &e);
	}
	wait_ms(s, pause_ms);
	return true;
}

/* The first line was not taken though a later one has a result: it is the line's own fault, or soon will be. */
static bool leave_line(struct sending *s)
{
	if (s->again && ++s->line_tries < LINE_TRIES)
		return come_again(s, 0);
	send_print_untaken(send_queue_at(s->queue, 0), s->why.text, &s->out);
	s->counts.not_sent++;
	return settle(s) && settle_unsent(s);
}

static bool may_pass(int status)
{
	return status == 408 || status == 429 || status >= 500;
}

/* One request, and what follows from it. False: it is over, or failed. */
static bool go_on(struct sending *s)
{
	struct buf problem = BUF_INIT(PROBLEM_MAX);
	unsigned retry_after_s = 0;
	int status = 0;
	bool ok;

	begin_request(s);
	ok = s->o->batch ? request_batch(s, &problem, &status) : request_stream(s, &problem, &status, &retry_after_s);
	if (!has_failed(s) && ok && status == 200 && !s->untaken && s->sent > 0)
		error_set(&s->why, REASON_UNAVAILABLE, "the answer ended before all had their results");
	if (!has_failed(s) && ok && status != 200)
		problem_taken(status, buf_view(&problem), &s->why);
	s->answered = s->answered || ok;
	buf_free(&problem);
	if (has_failed(s))
		return false;
	if (s->why.reason == REASON_NONE)
		return true;
	if (s->untaken && s->others_go_on)
		return leave_line(s);
	if (s->why.reason == REASON_BATCH_BOUNDED) {
		struct error e = { .reason = REASON_NONE };
		error_set(&e, s->why.reason, "%s Send with --batch LINES", s->why.text);
		return fail(s, CTL_FAILED, &e);
	}
	if (s->untaken ? s->again : !ok || status == 200 || may_pass(status))
		return come_again(s, retry_after_s);
	return fail(s, CTL_FAILED, &s->why);
}

static void send_all(struct sending *s)
{
	struct error e = { .reason = REASON_NONE };

	s->moved_ms = instant_monotonic_ms();
	while (!has_failed(s)) {
		/* A request begins when there is something to send. */
		if (send_queue_n(s->queue) == 0 && pull(s, true) != SEND_GOT)
			break;
		s->moved_ms = s->tries ? s->moved_ms : instant_monotonic_ms();
		if (!settle_unsent(s) || (send_queue_n(s->queue) > 0 && !go_on(s)))
			break;
		if (send_queue_n(s->queue) == 0 && !send_journal_sync(s->journal, &e))
			fail(s, CTL_FAILED, &e);
	}
	if (!send_journal_sync(s->journal, &e))
		fail(s, CTL_FAILED, &e);
}

/* --- the command --- */

static bool read_options(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		CONNECTION_OPTIONS,
		{ "agreement", required_argument, NULL, 'a' },
		{ "state", required_argument, NULL, 's' },
		{ "results", required_argument, NULL, 'r' },
		{ "vkey", required_argument, NULL, 'v' },
		{ "batch", required_argument, NULL, 'b' },
		{ "patience", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	int option;
	bool ok = true;

	while (ok && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'a': o->agreement = optarg; break;
		case 's': o->state = optarg; break;
		case 'r': o->results = optarg; break;
		case 'v': o->vkey = optarg; break;
		case 'b': ok = view_to_u64(view_of(optarg), SEND_QUEUE_LINES, &o->batch) && o->batch > 0; break;
		case 'p': ok = view_to_u64(view_of(optarg), 31536000, &o->patience_s); break;
		default: ok = connection_option(&o->connection, option, optarg);
		}
	if (!ok || argc - optind != 1 || !o->agreement)
		return false;
	o->file = argv[optind];
	size_t plain = strspn(o->agreement, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
	return o->agreement[0] && !o->agreement[plain] && strlen(o->agreement) < 100;
}

/* Lines of a file, for the bar alone. */
static uint64_t count_lines(int fd)
{
	static char piece[1 << 16];
	struct stat is;
	uint64_t n = 0;
	off_t at = 0;
	ssize_t got;
	char last = '\n';

	if (!isatty(STDERR_FILENO) || fstat(fd, &is) != 0 || !S_ISREG(is.st_mode))
		return 0;
	while ((got = pread(fd, piece, sizeof piece, at)) > 0) {
		for (const char *p = piece, *end = piece + got; (p = memchr(p, '\n', (size_t)(end - p))); p++)
			n++;
		at += got;
		last = piece[got - 1];
	}
	return n + (last != '\n');
}

static void report(const struct ctl *c, const struct sending *s)
{
	const struct send_counts *n = send_journal_counts(s->journal);
	unsigned long long taken = n->released + n->held, all = taken + n->refused + n->not_sent;

	if (c->json)
		printf("{\"records\":%llu,\"released\":%llu,\"held\":%llu,\"refused\":%llu,\"not_sent\":%llu,\"complete\":%s}\n",
		       all, (unsigned long long)n->released, (unsigned long long)n->held,
		       (unsigned long long)n->refused, (unsigned long long)n->not_sent,
		       has_failed(s) ? "false" : "true");
	else
		printf("%llu records: %llu taken (%llu held), %llu refused, %llu not sent; results in %s\n", all, taken,
		       (unsigned long long)n->held, (unsigned long long)n->refused, (unsigned long long)n->not_sent,
		       s->o->results);
}

static bool open_parts(struct sending *s, struct options *o, int fd, const struct note_vkey *log, struct error *e)
{
	s->https = connection_open(&o->connection, e);
	s->journal = s->https ? send_journal_open(o->state, o->results, o->agreement, e) : NULL;
	if (!s->journal)
		return false;
	s->counts = *send_journal_counts(s->journal);
	s->lines = send_lines_new(fd, send_journal_run(s->journal));
	s->queue = send_queue_new();
	s->reader = send_reader_new(log);
	snprintf(s->path, sizeof s->path, "/v1/agreements/%s/records", o->agreement);
	return (s->lines && s->queue && s->reader) || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static int run(const struct ctl *c, struct options *o, int fd, const struct note_vkey *log)
{
	struct error e = { .reason = REASON_NONE };
	struct sending s = { .o = o, .piece = BUF_INIT(SEND_RESULT_MAX), .out = BUF_INIT(SEND_RESULT_MAX) };
	int status;

	if (open_parts(&s, o, fd, log, &e)) {
		send_progress_start(&s.progress, send_journal_done(s.journal), count_lines(fd));
		send_all(&s);
		send_progress_end(&s.progress);
		report(c, &s);
		status = has_failed(&s)                             ? ctl_fail(s.status, &s.failed)
		         : s.counts.refused + s.counts.not_sent > 0 ? CTL_CHECK_FAILED
		                                                    : CTL_OK;
	} else {
		status = ctl_fail(CTL_FAILED, &e);
	}
	send_reader_free(s.reader);
	send_queue_free(s.queue);
	send_lines_free(s.lines);
	send_journal_close(s.journal);
	https_close(s.https);
	buf_free(&s.piece);
	buf_free(&s.out);
	return status;
}

/* FILE.state and FILE.results, unless named. */
static const char *beside(const char *given, const char *file, const char *suffix, struct buf *name)
{
	if (given)
		return given;
	buf_addf(name, "%s%s", file, suffix);
	buf_addc(name, 0);
	return name->failed ? NULL : name->p;
}

static int run_send(const struct ctl *c, int argc, char **argv)
{
	struct options o = { .patience_s = PATIENCE_S };
	struct error e = { .reason = REASON_NONE };
	struct audit_keys keys = { .trust = NULL };
	struct buf state = BUF_INIT(8192), results = BUF_INIT(8192);
	int fd = STDIN_FILENO, status = CTL_FAILED;

	if (!read_options(&o, argc, argv) || (strcmp(o.file, "-") == 0 && (!o.state || !o.results)))
		return ctl_usage();
	o.state = beside(o.state, o.file, ".state", &state);
	o.results = beside(o.results, o.file, ".results", &results);
	if (strcmp(o.file, "-") != 0)
		fd = open(o.file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		error_at(&e, REASON_IO, o.file, 0, 0, "cannot open: %s", strerror(errno));
	else if (!o.state || !o.results)
		error_set(&e, REASON_CONFIG, "the name of the file is too long");
	else if (!o.vkey || audit_keys_load(c, o.vkey, NULL, &keys, &e))
		status = run(c, &o, fd, o.vkey ? &keys.key : NULL);
	if (e.reason != REASON_NONE)
		ctl_fail(status, &e);
	if (fd > STDIN_FILENO)
		close(fd);
	buf_free(&state);
	buf_free(&results);
	connection_free(&o.connection);
	return status;
}

const struct ctl_command ctl_send_commands[] = {
	{ "send", NULL,
	  "[CONNECTION] --agreement ID [--state FILE] [--results FILE] [--vkey VKEY] [--batch LINES] [--patience SECONDS] FILE|-",
	  "sends the envelopes of a file, one a line, each once, and keeps the receipts; run again it goes on",
	  run_send },
	{ NULL, NULL, NULL, NULL, NULL },
};
