/* Fixed scenarios whose instructions counts.py counts with callgrind. Each is done some times to warm up, and then once while it
 * is counted; nothing depends on time, and the writer is held until all of a batch is queued. Prints a line for each:
 * its name, and how many of what it is named after it did.
 *
 *   counts     (CK_RUN_CASE=NAME: one alone) */
#include <check.h>
#include <semaphore.h>
#include <valgrind/callgrind.h>

#define LOG_KEYS 256 /* more than a batch takes */
#include "gatewayd/core/conf/verified.h"
#include "gatewayd/edge/http.h"
#include "lib/json/canonical.h"
#include "lib/tlog/tiles.h"
#include "test/core/worker_fixture.h"

#define BATCH 64
#define WARM  3 /* batches before it is counted */

/* Lines of a batch's answer, in the log of the partner. */
static struct tiles *south;

/* --- the writer, held in a transaction of its own until all is queued --- */

struct gate {
	struct job job; /* first */
	sem_t held, go;
	unsigned home;
};

static bool hold_writer(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct gate *g = (struct gate *)j;

	(void)w, (void)s, (void)e;
	sem_post(&g->held);
	sem_wait(&g->go);
	return true;
}

static void let_go(struct job *j)
{
	((struct gate *)j)->home++;
	writer_release(j);
}

static void close_gate(struct gate *g)
{
	*g = (struct gate){ .job = { .home = f.log.home, .run = hold_writer, .done = let_go } };
	sem_init(&g->held, 0, 0);
	sem_init(&g->go, 0, 0);
	writer_submit(f.log.writer, &g->job);
	sem_wait(&g->held);
}

static void open_gate(struct gate *g)
{
	sem_post(&g->go);
	core_wait(&f, &g->home, 1);
	sem_destroy(&g->held);
	sem_destroy(&g->go);
}

static void begin_counting(bool counted)
{
	if (!counted)
		return;
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_ZERO_STATS;
}

static void stop_counting(bool counted)
{
	if (counted)
		CALLGRIND_STOP_INSTRUMENTATION;
}

#define DONE(name) \
	do { \
		CALLGRIND_DUMP_STATS_AT(name); \
		printf("%s %d\n", name, BATCH); \
	} while (0)

/* --- a record through core: an agency's system posts, 64 to a commit --- */

/* Of `n_texts` texts, in turn. */
static void post_batch(const struct submission *s, const struct view *from, size_t n_texts, struct exchange *all[BATCH],
                       size_t n, bool counted)
{
	struct gate gate;
	unsigned before = commits;

	close_gate(&gate);
	begin_counting(counted);
	for (size_t i = 0; i < n; i++) {
		all[i] = decide(s, from[i % n_texts]);
		exchange_commit(all[i], exchange_prepare(all[i]), note_commit, &commits);
		scratch_clear(&scratch);
	}
	open_gate(&gate);
	core_wait(&f, &commits, before + (unsigned)n);
	stop_counting(counted);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(all[i]->found.status, 201);
}

static void recycle_batch(struct exchange *all[BATCH], size_t n)
{
	for (size_t i = 0; i < n; i++)
		exchange_recycle(all[i]);
}

START_TEST(record)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *all[BATCH];
	struct view text = released_text();

	for (int i = 0; i <= WARM; i++) {
		post_batch(&s, &text, 1, all, BATCH, i == WARM);
		recycle_batch(all, BATCH);
	}
	DONE("record");
}
END_TEST

/* --- the same into the agency's own inbox: no record is like another, or like one that came --- */

START_TEST(inbox)
{
	struct submission s = submission_by(SOUTH_SYSTEM, "pnr");
	struct exchange *all[BATCH];
	struct view each[BATCH];
	char locator[16];

	for (int i = 0; i <= WARM; i++) {
		for (int k = 0; k < BATCH; k++) {
			json_t *doc = pnr("released");
			snprintf(locator, sizeof locator, "\"AB%04d\"", i * BATCH + k);
			put(doc, "/record/locator", locator);
			each[k] = text_of(doc);
		}
		post_batch(&s, each, BATCH, all, BATCH, i == WARM);
		recycle_batch(all, BATCH);
	}
	DONE("inbox");
}
END_TEST

/* --- a delivery: 64 leave in one request, and the partner's receipts come back --- */

static bool no_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	(void)arg, (void)level, (void)index, (void)hashes;
	return error_set(e, REASON_NOT_FOUND, "all of it is in memory");
}

/* That the partner took it, as its log says. */
static struct view taken_leaf(const struct exchange *x)
{
	struct buf agreement = BUF_INIT(65);
	json_t *leaf = parsed(&x->written.leaf);

	digest_print(&agreement, agreement_digest(x->decided.agreement));
	json_t *entry =
	        json_pack("{s:s, s:s%, s:s, s:s}", "operation", "collection", "agreement_digest", agreement.p,
	                  agreement.n, "input", core_member(leaf, "output"), "caveats", core_member(leaf, "caveats"));
	struct view text = leaf_text(entry);
	json_decref(leaf);
	buf_free(&agreement);
	return text;
}

/* One line for each, all proved at one checkpoint. */
static void print_receipts(struct exchange *all[BATCH], size_t n, struct buf *out)
{
	struct checkpoint c = { .origin = VIEW(SOUTH_ORIGIN) };
	struct note_signer signer = { .vkey = core_partner(&f, SOUTH_GATEWAY)->log, .key = f.south_key };
	struct buf text = BUF_INIT(4096), note = BUF_INIT(4096), proof = BUF_INIT(65536);
	struct view leaves[BATCH];
	struct digest hash;
	uint64_t first = tiles_size(south);

	for (size_t i = 0; i < n; i++) {
		leaves[i] = taken_leaf(all[i]);
		tlog_leaf_hash(leaves[i], &hash);
		ck_assert(tiles_append(south, &hash));
	}
	c.size = tiles_size(south);
	tiles_root(south, &c.root);
	checkpoint_text(&c, &text);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	ck_assert(note_sign(&signer, buf_view(&text), &note));
	for (size_t i = 0; i < n; i++) {
		struct receipt r = { .index = first + i, .checkpoint = buf_view(&note) };
		ck_assert(tiles_prove(south, r.index, c.size, r.proof, &r.n));
		buf_reset(&proof);
		receipt_print(&r, leaves[i], &proof);
		buf_adds(out, "{\"status\":201,\"receipt\":");
		buf_add_json_string(out, buf_view(&proof));
		buf_adds(out, n > 1 ? "}\n" : "}");
	}
	buf_free(&text);
	buf_free(&note);
	buf_free(&proof);
}

/* As partner_answers(), with the writer held until all lines are judged. */
static void answer_batch(int status, struct view body)
{
	struct buf b = BUF_INIT(1 << 20);
	struct gate gate;
	struct post *post;
	uint64_t id = post_seen.id;

	close_gate(&gate);
	for (size_t at = 0; at < body.n;) {
		size_t n = body.n - at < 60000 ? body.n - at : 60000;
		uint8_t last = at + n == body.n ? FRAME_LAST : 0;
		buf_reset(&b);
		if (at == 0) {
			put_u16(&b, (uint16_t)status);
			put_u64(&b, body.n);
			put_u16(&b, 0);
		}
		buf_add(&b, view_make(body.p + at, n));
		channel_send(edge, at == 0 ? FRAME_REPLY : FRAME_BODY, last, id, buf_view(&b), VIEW(""));
		at += n;
	}
	do {
		worker_turn();
		HASH_FIND(hh, worker->posts, &id, sizeof id, post);
	} while (post);
	open_gate(&gate);
	worker_settle();
	buf_free(&b);
}

/* Posts so many, lets them leave and answers. */
static void deliver(size_t n, bool counted)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *all[BATCH];
	struct buf answer = BUF_INIT(4u << 20);

	struct view text = released_text();
	post_batch(&s, &text, 1, all, n, false);
	begin_counting(counted);
	courier_sends(DELIVERIES);
	stop_counting(counted);
	print_receipts(all, n, &answer);
	if (counted)
		CALLGRIND_START_INSTRUMENTATION;
	answer_batch(n > 1 ? 200 : 201, buf_view(&answer));
	stop_counting(counted);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(row_of(all[i]).state, STATE_DELIVERED);
	recycle_batch(all, n);
	buf_free(&answer);
}

/* A request has twice as many lines as the last that was taken. */
START_TEST(delivery)
{
	OK((south = tiles_new(0, no_tile, NULL, e)) != NULL);
	ck_assert_ptr_nonnull(f.core.verified = verified_new());
	for (size_t n = 1; n < BATCH; n *= 2)
		deliver(n, false);
	for (int i = 0; i <= WARM; i++)
		deliver(BATCH, i == WARM);
	DONE("delivery");
	tiles_free(south);
	verified_free(f.core.verified);
	f.core.verified = NULL;
}
END_TEST

/* --- an arrival: 64 come from a partner's gateway in one request, proved at one checkpoint, into the inbox --- */

/* The sender's entry of what arrives. */
static void print_disclosure(const struct exchange *x, const struct uuid *id, const struct salt *salt, struct buf *out)
{
	struct view output = buf_view(&scratch.record), members = buf_view(&x->written.members);
	struct entry entry = { .operation = OPERATION_DISCLOSURE,
		               .form = CANONICAL_FORM,
		               .time_ms = f.now_ms - 1000,
		               .exchange = *id,
		               .peer = VIEW("a-system"),
		               .recipient = VIEW("north"),
		               .agreement = VIEW("pnr"),
		               .agreement_digest = *agreement_digest(x->decided.agreement),
		               .purpose = VIEW("serious-crime"),
		               .legal_basis = VIEW("pnr-law"),
		               .tier = VIEW("T1"),
		               .checked = VIEW("case,necessity"),
		               .outcome = VIEW("released-transformed"),
		               .build = VIEW("south-build") };

	exchange_salted(salt, output, &entry.output);
	exchange_salted(salt, buf_view(&x->written.caveats), &entry.caveats);
	exchange_salted(salt, members, &entry.envelope);
	entry_print(&entry, NULL, out);
}

/* One of them, as a line without its proof's end. */
struct parcel_line {
	struct uuid id;
	struct salt salt;
	struct buf leaf;
};

static void print_line(const struct exchange *x, const struct parcel_line *l, struct view proof, struct buf *out)
{
	struct view members = buf_view(&x->written.members);
	char id[UUID_TEXT + 1];

	uuid_print(&l->id, id);
	buf_addf(out, "{\"key\":\"%s\",", id);
	buf_add(out, view_make(members.p + 1, members.n - 2));
	buf_adds(out, ",\"record\":");
	buf_add(out, buf_view(&scratch.record));
	buf_addf(out, ",\"origin\":{\"exchange\":\"%s\",\"agency\":\"south\",\"node\":\"gw1\",\"agreement_digest\":\"",
	         id);
	digest_print(out, agreement_digest(x->decided.agreement));
	buf_adds(out, "\",\"entry\":\"");
	base64_encode(out, buf_view(&l->leaf));
	buf_adds(out, "\",\"proof\":");
	buf_add_json_string(out, proof);
	buf_adds(out, ",\"salt\":\"");
	hex_encode(out, view_make(l->salt.b, sizeof l->salt.b));
	buf_adds(out, "\",\"caveats\":");
	buf_add(out, buf_view(&x->written.caveats));
	buf_adds(out, "}}\n");
}

/* 64 lines, of new exchanges. */
static void print_parcels(struct buf *out)
{
	static uint8_t round;
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = decide(&s, released_text());
	struct checkpoint c = { .origin = VIEW(SOUTH_ORIGIN) };
	struct note_signer signer = { .vkey = core_partner(&f, SOUTH_GATEWAY)->log, .key = f.south_key };
	struct buf text = BUF_INIT(4096), note = BUF_INIT(4096), proof = BUF_INIT(65536);
	struct parcel_line lines[BATCH];
	uint64_t first = tiles_size(south);

	ck_assert(exchange_is_release(x) && exchange_prepare(x));
	round++;
	for (uint8_t i = 0; i < BATCH; i++) {
		const uint8_t random[10] = { round, i };
		struct digest hash;
		lines[i] = (struct parcel_line){ .id = uuid_v7(f.now_ms - 1000, random),
			                         .salt = { .b = { round, i } },
			                         .leaf = BUF_INIT(65536) };
		print_disclosure(x, &lines[i].id, &lines[i].salt, &lines[i].leaf);
		tlog_leaf_hash(buf_view(&lines[i].leaf), &hash);
		ck_assert(tiles_append(south, &hash));
	}
	c.size = tiles_size(south);
	tiles_root(south, &c.root);
	checkpoint_text(&c, &text);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	ck_assert(note_sign(&signer, buf_view(&text), &note));
	for (unsigned i = 0; i < BATCH; i++) {
		struct receipt r = { .index = first + i, .checkpoint = buf_view(&note) };
		ck_assert(tiles_prove(south, r.index, c.size, r.proof, &r.n));
		buf_reset(&proof);
		receipt_print(&r, VIEW(""), &proof);
		print_line(x, &lines[i], buf_view(&proof), out);
		buf_free(&lines[i].leaf);
	}
	exchange_recycle(x);
	buf_free(&text);
	buf_free(&note);
	buf_free(&proof);
}

/* The writer is held until all of them wait for it. */
static void arrive(struct view lines, bool counted)
{
	const struct ask a = { .conn = SOUTH_GATEWAY,
		               .method = "POST",
		               .target = "/v1/agreements/pnr/records",
		               .fields = { "content-type", "application/x-ndjson" },
		               .body = lines };
	struct buf head = BUF_INIT(65536);
	struct writer_stats stats;
	struct gate gate;

	close_gate(&gate);
	put_ask(&a, lines.n, &head);
	buf_reset(&answer_seen.body);
	answer_seen.id = ++last_request;
	answer_seen.done = answer_seen.aborted = false;
	answer_seen.credit = CHANNEL_CREDIT;
	channel_send(edge, FRAME_HEAD, 0, last_request, buf_view(&head), VIEW(""));
	begin_counting(counted);
	send_body(lines);
	do {
		worker_turn();
		writer_stats(f.log.writer, &stats);
	} while (stats.queued < BATCH);
	open_gate(&gate);
	worker_until(&answer_seen.done);
	stop_counting(counted);
	ck_assert_int_eq(answer_seen.status, 200);
	buf_free(&head);
}

static unsigned taken(void)
{
	unsigned n = 0;

	for (struct view text = buf_view(&answer_seen.body); text.n;)
		n += view_starts(view_cut(&text, '\n'), VIEW("{\"status\":201,"));
	return n;
}

START_TEST(arrival)
{
	struct buf lines = BUF_INIT(4u << 20);

	OK((south = tiles_new(0, no_tile, NULL, e)) != NULL);
	ck_assert_ptr_nonnull(f.core.verified = verified_new());
	for (int i = 0; i <= WARM; i++) {
		buf_reset(&lines);
		print_parcels(&lines);
		arrive(buf_view(&lines), i == WARM);
		ck_assert_uint_eq(taken(), BATCH);
	}
	DONE("arrival");
	tiles_free(south);
	verified_free(f.core.verified);
	f.core.verified = NULL;
	buf_free(&lines);
}
END_TEST

/* --- a request through the edge: its reader, and the channel both ways; TLS is another's --- */

static const char request_head[] = "POST /v1/agreements/pnr/records HTTP/1.1\r\nHost: gw.north.example\r\n"
                                   "Content-Type: application/json\r\nIdempotency-Key: 0123456789abcdef\r\n"
                                   "Accept: application/json\r\nContent-Length: ";

static uint64_t frames;

static void count_frame(void *arg, const struct frame *fr)
{
	(void)arg;
	frames += fr->id > 0;
}

/* What one connection's requests cost: head and body, one frame to core, a frame back. */
static void request_batch(struct channel *to_core, struct channel *core, struct http_reader *r, struct view message)
{
	struct buf head = BUF_INIT(4096);
	struct view body, value;

	frames = 0;
	for (uint64_t id = 1; id <= BATCH; id++) {
		struct view in = message;
		enum http_step step;

		while ((step = http_read(r, &in, &body)) != HTTP_END) {
			if (step == HTTP_BODY)
				channel_send(to_core, FRAME_HEAD, FRAME_LAST, id, buf_view(&head), body);
			if (step == HTTP_BODY)
				continue;
			ck_assert_int_eq(step, HTTP_HEAD);
			buf_reset(&head);
			put_u64(&head, 1);
			put_u64(&head, r->length);
			put_view16(&head, http_method(r));
			put_view16(&head, http_target(r));
			for (enum http_field k = 0; k < HTTP_FIELD_COUNT; k++)
				if (http_field_flags(k) & HTTP_IN && http_value(r, k, &value)) {
					put_view16(&head, view_of(http_field_name(k)));
					put_view16(&head, value);
				}
			put_u16(&head, 0);
		}
		http_next(r);
		ck_assert_int_ne(channel_flush(to_core), CHANNEL_DEAD);
		ck_assert_int_ne(channel_receive(core, count_frame, NULL), CHANNEL_DEAD);
		channel_send(core, FRAME_REPLY, FRAME_LAST, id, message, VIEW(""));
		ck_assert_int_ne(channel_flush(core), CHANNEL_DEAD);
		ck_assert_int_ne(channel_receive(to_core, count_frame, NULL), CHANNEL_DEAD);
	}
	ck_assert_uint_eq(frames, 2 * BATCH);
	buf_free(&head);
}

START_TEST(request)
{
	struct buf message = BUF_INIT(1 << 16);
	struct http_reader r;
	struct view body = released_text();
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	struct channel *to_core = channel_new(fds[0], 1u << 20), *core = channel_new(fds[1], 1u << 20);
	ck_assert(to_core && core);
	buf_addf(&message, "%s%zu\r\n\r\n", request_head, body.n);
	buf_add(&message, body);
	http_init(&r, HTTP_REQUESTS, 1u << 20);
	for (int i = 0; i <= WARM; i++) {
		begin_counting(i == WARM);
		request_batch(to_core, core, &r, buf_view(&message));
		stop_counting(i == WARM);
	}
	DONE("request");
	http_free(&r);
	channel_free(to_core);
	channel_free(core);
	buf_free(&message);
}
END_TEST

static TCase *make_case(const char *name, const TTest *test, SFun open, SFun close)
{
	TCase *c = tcase_create(name);

	tcase_set_timeout(c, 0);
	tcase_add_checked_fixture(c, open, close);
	tcase_add_test(c, test);
	return c;
}

int main(void)
{
	Suite *suite = suite_create("counts");

	suite_add_tcase(suite, make_case("record", record, exchange_open, exchange_close));
	suite_add_tcase(suite, make_case("inbox", inbox, exchange_open, exchange_close));
	suite_add_tcase(suite, make_case("delivery", delivery, worker_open, worker_close));
	suite_add_tcase(suite, make_case("arrival", arrival, worker_open, worker_close));
	suite_add_tcase(suite, make_case("request", request, exchange_open, exchange_close));
	SRunner *runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
