/* Asking a partner to witness this node's log. The partner is a witness as the standard has it, over lib/tlog: what it
 * cosigns is stored; what it does otherwise is refused; and a log that is not the one which it saw ends the daemon. */
#include "gatewayd/core/store/witness.h"
#include "lib/tlog/witness.h"
#include "test/core/witness/asking_fixture.h"

TCase *make_witness_ask_case(void);

#define SEEN     "/witnessed/" LOG_ORIGIN
#define COSIGNED 1767225600 /* 2026-01-01T00:00:00Z */
#define COSIGNER "gw.south.example/witness/gw1"
#define ANOTHER  "gw.west.example/witness/gw1"
#define MORE     5

static void *part;
static struct note_signer south, west; /* witnesses; the second is nobody's here */
static struct witness_state state;     /* what the partner remembers of this log */
static struct buf note;
static struct outside_witness office; /* of the node file's list */
static struct note_signer office_key;
static const char *adding = "/add-checkpoint"; /* where it is asked to cosign */

static void make_cosigner(const char *name, uint8_t seed_byte, struct note_signer *out)
{
	uint8_t seed[32] = { seed_byte }, public_key[32];

	ck_assert_ptr_nonnull(out->key = ed25519_from_seed(seed));
	ed25519_public(out->key, public_key);
	ck_assert(note_vkey_make(view_of(name), NOTE_COSIGNER, public_key, &out->vkey));
}

static void append(unsigned n, unsigned from)
{
	static struct append_job jobs[MORE];

	ck_assert_uint_le(n, MORE);
	log_append_some(&f.log, jobs, n, from);
	append_free(jobs, n);
}

static void set_up(void)
{
	struct partner *p;

	worker_open();
	p = &f.core.conf->partners[SOUTH_GATEWAY];
	make_cosigner(COSIGNER, 21, &south);
	make_cosigner(ANOTHER, 22, &west);
	p->has_witness = true;
	p->witness = south.vkey;
	f.core.conf->node.witness_every_s = 3600;
	f.core.conf->node.witness_silence_s = 60;
	f.core.die_fd = -1;
	witness.log = f.log.vkey;
	state = (struct witness_state){ .size = 0 };
	note = BUF_INIT(NOTE_MAX);
	append(MORE, 0);
	ck_assert_ptr_nonnull(part = witness_ask_new(worker));
}

static void tear_down(void)
{
	writer_stop(f.log.writer);
	f.log.writer = NULL;
	home_collect(worker->home);
	witness_ask_free(part);
	worker_close();
	ed25519_free(south.key);
	ed25519_free(west.key);
	buf_free(&note);
}

/* --- the partner --- */

/* Its verdict over the request that waits. The checkpoint's text looks into the request. */
static enum witness_verdict judged(struct witness_request *r, struct checkpoint *c, struct view *text)
{
	struct error unfit = { .reason = REASON_NONE };

	is_asked(adding);
	OK(witness_request_parse(buf_view(&post_seen.body), r, e));
	return witness_judge(r, &f.log.vkey, 1, &state, c, text, &unfit);
}

/* It judges the request, must find it right, and cosigns it as this signer; whether another request follows. */
static bool cosigns(const struct note_signer *s)
{
	struct witness_request r;
	struct checkpoint c;
	struct view text;
	struct buf line = BUF_INIT(4096);

	ck_assert_int_eq(judged(&r, &c, &text), WITNESS_COSIGN);
	ck_assert_uint_eq(c.size, log_size());
	state = (struct witness_state){ .size = c.size, .root = c.root };
	ck_assert(note_cosign(s, text, COSIGNED, &line));
	bool more = answer_it(200, buf_view(&line));
	buf_free(&line);
	return more;
}

/* What this node's key signed of its log once, with this root in the place of the true one. */
static void signed_once(uint64_t size, const struct digest *root, struct ed25519_key *key)
{
	struct checkpoint c;
	struct view found;
	uint64_t at;

	if (root) {
		sign_checkpoint(&f.log.vkey, key, size, root, &note);
		return;
	}
	OK(store_get_checkpoint(f.reader, size - 1, &at, &found, e));
	buf_reset(&note);
	buf_add(&note, found);
	OK(checkpoint_open(buf_view(&note), &f.log.vkey, &c, e));
	state = (struct witness_state){ .size = c.size, .root = c.root };
}

/* --- how a round ends --- */

static void tick(void)
{
	ck_assert(asks(witness_ask_tick, part));
	is_asked(SEEN);
}

static bool add_line(void *arg, struct view line)
{
	buf_add(arg, line);
	return true;
}

/* A cosignature of the partner over the newest checkpoint is in the store. */
static void is_stored(void)
{
	struct buf lines = BUF_INIT(65536);
	uint64_t size;

	UNTIL(atomic_load(&witness.cosignatures) == 1);
	OK(store_cosigned(f.reader, &size, e));
	ck_assert_uint_eq(size, log_size());
	OK(store_list_cosignatures(f.reader, size, add_line, &lines, e));
	ck_assert(buf_holds(&lines, COSIGNER));
	ck_assert_int_eq(witness_latest_ms(&f.core), INT64_C(1000) * COSIGNED);
	ck_assert_uint_eq(atomic_load(&witness.failures), 0);
	ck_assert(witness_settled(&f.core));
	buf_free(&lines);
}

/* The round is over without one. The log may be served all the same. */
static void is_missed(void)
{
	uint64_t size;

	ck_assert_uint_eq(atomic_load(&witness.failures), 1);
	ck_assert_uint_eq(atomic_load(&witness.cosignatures), 0);
	OK(store_cosigned(f.reader, &size, e));
	ck_assert_uint_eq(size, 0);
	ck_assert(witness_latest_ms(&f.core) == TIME_NONE);
	ck_assert(witness_settled(&f.core));
	ck_assert(!atomic_load(&f.core.dying));
}

static void is_the_end(void)
{
	ck_assert(!post_seen.done);
	ck_assert(atomic_load(&f.core.dying) && atomic_load(&f.core.tampered));
	ck_assert(!witness_settled(&f.core));
	ck_assert(!asks(witness_ask_tick, part));
}

/* The partner, which knows nothing of this log yet, cosigns all of it. */
static void is_cosigned(void)
{
	tick();
	ck_assert(answer_it(404, VIEW("")));
	ck_assert(!cosigns(&south));
	is_stored();
}

START_TEST(a_witness_that_knows_nothing_cosigns_all)
{
	is_cosigned();
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/checkpoint?witnessed"), 200);
	ck_assert(buf_holds(&answer_seen.body, COSIGNER));
}
END_TEST

/* From each size, the newest included: the proof is the one that the partner asks for. */
START_TEST(it_is_shown_that_the_log_only_grew)
{
	signed_once((uint64_t)_i, NULL, NULL);
	append(1, 99);
	tick();
	ck_assert(answer_it(200, buf_view(&note)));
	ck_assert(!cosigns(&south));
	is_stored();
}
END_TEST

START_TEST(what_it_saw_is_the_newest)
{
	signed_once(log_size(), NULL, NULL);
	tick();
	ck_assert(answer_it(200, buf_view(&note)));
	ck_assert(!cosigns(&south));
	is_stored();
}
END_TEST

/* Its word alone counts for nothing: a checkpoint that another key signed, or none at all. */
START_TEST(what_this_log_did_not_sign_counts_for_nothing)
{
	struct digest root = { .b = { 1 } };

	if (_i == 0)
		signed_once(1000, &root, south.key);
	else
		buf_adds(&note, "what it saw");
	tick();
	ck_assert(answer_it(200, buf_view(&note)));
	ck_assert(!cosigns(&south));
	is_stored();
}
END_TEST

/* It was put back, or has another history of the same size or from an older one on. */
START_TEST(a_log_that_is_not_the_one_seen)
{
	const uint64_t sizes[] = { log_size() + 1, log_size(), 2 };
	struct digest root = { .b = { 1 } };

	signed_once(sizes[_i], &root, f.log.key);
	tick();
	ck_assert(!answer_it(200, buf_view(&note)));
	is_the_end();
}
END_TEST

/* It was asked from another size meanwhile: once more, from the one that it names. */
START_TEST(a_conflict_is_answered_once)
{
	struct buf size = BUF_INIT(32);

	tick();
	ck_assert(answer_it(404, VIEW("")));
	signed_once(3, NULL, NULL);
	witness_conflict_print(&state, &size);
	ck_assert(answer_it(409, buf_view(&size)));
	if (_i == 0) {
		ck_assert(!cosigns(&south));
		is_stored();
	} else {
		ck_assert(!answer_it(409, buf_view(&size)));
		is_missed();
	}
	buf_free(&size);
}
END_TEST

START_TEST(a_conflict_that_cannot_be)
{
	static const char *const sizes[] = { "1000\n", "x\n", "" };

	tick();
	ck_assert(answer_it(404, VIEW("")));
	ck_assert(!answer_it(409, view_of(sizes[_i])));
	is_missed();
}
END_TEST

START_TEST(it_does_not_cosign)
{
	static const int statuses[] = { 0, 400, 403, 404, 422, 429, 500, 503, 201 };

	tick();
	ck_assert(answer_it(404, VIEW("")));
	ck_assert(!answer_it(statuses[_i], VIEW("no")));
	is_missed();
}
END_TEST

START_TEST(it_is_silent)
{
	tick();
	ck_assert(!answer_it(0, VIEW("")));
	is_missed();
}
END_TEST

START_TEST(a_cosignature_of_another)
{
	tick();
	ck_assert(answer_it(404, VIEW("")));
	ck_assert(!cosigns(&west));
	is_missed();
}
END_TEST

/* The partner's own line, over another text or another time than it states; and nothing at all. */
START_TEST(a_cosignature_that_does_not_verify)
{
	struct digest root = { .b = { 1 } };
	struct checkpoint c = { .origin = VIEW(LOG_ORIGIN), .size = 1, .root = root };
	struct buf text = BUF_INIT(4096), line = BUF_INIT(4096);

	checkpoint_text(&c, &text);
	tick();
	ck_assert(answer_it(404, VIEW("")));
	ck_assert(note_cosign(&south, buf_view(&text), COSIGNED, &line));
	ck_assert(!answer_it(200, _i == 0 ? buf_view(&line) : VIEW("")));
	is_missed();
	buf_free(&text);
	buf_free(&line);
}
END_TEST

/* --- when --- */

START_TEST(what_is_not_new_waits_for_its_time)
{
	tick();
	ck_assert(!asks(witness_ask_tick, part)); /* one at a time */
	post_seen.done = true;
	ck_assert(answer_it(404, VIEW("")));
	ck_assert(!cosigns(&south));
	is_stored();
	ck_assert(!asks(witness_ask_tick, part));
	clock_ahead_ms += 3590 * SECOND_MS;
	ck_assert(!asks(witness_ask_tick, part));
	clock_ahead_ms += 11 * SECOND_MS;
	tick();
	/* After one that was missed it is sooner. */
	ck_assert(!answer_it(0, VIEW("")));
	ck_assert(!asks(witness_ask_tick, part));
	clock_ahead_ms += 11 * SECOND_MS;
	tick();
}
END_TEST

/* Once a second at most, and from what it cosigned last; after a failure it is asked what that was. */
START_TEST(what_is_new_is_asked_about_at_once)
{
	is_cosigned();
	append(1, 7);
	ck_assert(!asks(witness_ask_tick, part));
	clock_ahead_ms += 1001;
	ck_assert(asks(witness_ask_tick, part));
	ck_assert(!cosigns(&south));
	UNTIL(atomic_load(&witness.cosignatures) == 2);
	append(1, 8);
	clock_ahead_ms += 1001;
	ck_assert(asks(witness_ask_tick, part));
	is_asked("/add-checkpoint");
	ck_assert(!answer_it(422, VIEW("")));
	clock_ahead_ms += 1001;
	tick();
}
END_TEST

START_TEST(one_that_owes_for_long_is_an_alarm)
{
	is_cosigned();
	/* Nothing is new: it owes nothing. */
	clock_ahead_ms += 600 * SECOND_MS;
	ck_assert(!asks(witness_ask_tick, part));
	ck_assert_uint_eq(atomic_load(&witness.silent), 0);
	append(1, 7);
	ck_assert(asks(witness_ask_tick, part));
	ck_assert(!answer_it(0, VIEW("")));
	clock_ahead_ms += 59 * SECOND_MS;
	tick();
	ck_assert(!answer_it(0, VIEW("")));
	ck_assert_uint_eq(atomic_load(&witness.silent), 0);
	clock_ahead_ms += 10 * SECOND_MS;
	tick();
	ck_assert_uint_eq(atomic_load(&witness.silent), 1);
	ck_assert(answer_it(404, VIEW("")));
	state.size = 0;
	ck_assert(!cosigns(&south));
	UNTIL(atomic_load(&witness.cosignatures) == 2);
	ck_assert(!asks(witness_ask_tick, part));
	ck_assert_uint_eq(atomic_load(&witness.silent), 0);
}
END_TEST

/* --- witnesses without a partner file, and the quorum --- */

static void ask_the_office(const char *name)
{
	make_cosigner(name, 23, &office_key);
	office = (struct outside_witness){ .to = { .id = "office",
		                                   .agency = "office",
		                                   .host = "office.example",
		                                   .port = 443,
		                                   .has_witness = true,
		                                   .witness = office_key.vkey },
		                           .prefix = "/w" };
	f.core.conf->witnesses = &office;
	f.core.conf->n_witnesses = 1;
	f.core.conf->partners[SOUTH_GATEWAY].host = NULL;
	adding = "/w/add-checkpoint";
}

static void office_is_asked(void)
{
	struct buf path = BUF_INIT(200);
	struct digest digest;

	sha256(VIEW(LOG_ORIGIN), &digest);
	buf_adds(&path, "/w/");
	digest_print(&path, &digest);
	buf_adds(&path, "/checkpoint");
	buf_addc(&path, 0);
	ck_assert(asks(witness_ask_tick, part));
	is_asked(path.p);
	buf_free(&path);
}

static void dismiss_the_office(void)
{
	trust_free(f.core.conf->quorum);
	f.core.conf->quorum = NULL;
	f.core.conf->witnesses = NULL;
	f.core.conf->n_witnesses = 0;
	ed25519_free(office_key.key);
}

static void office_cosigns(void)
{
	ck_assert(answer_it(404, VIEW("")));
	ck_assert(!cosigns(&office_key));
	UNTIL(atomic_load(&witness.cosignatures) == 1);
}

START_TEST(a_witness_of_the_node_file)
{
	static const char *const names[] = { "office.example/w1", "office.example/witness/gw" };

	ask_the_office(names[_i]);
	office_is_asked();
	ck_assert_uint_eq(atomic_load(&witness.independent), 0);
	ck_assert_uint_eq(atomic_load(&witness.of_independent), _i == 0);
	office_cosigns();
	ck_assert(!asks(witness_ask_tick, part));
	ck_assert_uint_eq(atomic_load(&witness.independent), _i == 0);
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/checkpoint"), 200);
	ck_assert(buf_holds(&answer_seen.body, names[_i]));
	dismiss_the_office();
}
END_TEST

static bool put_line(void *arg, const struct act *a, struct error *e)
{
	return store_put_cosignature(a->store, VIEW(COSIGNER), log_size(), buf_view(arg), e);
}

static void all_of_them(void)
{
	struct buf policy = BUF_INIT(4096);

	buf_adds(&policy, "witness south ");
	note_vkey_print(&south.vkey, &policy);
	buf_adds(&policy, "\nwitness office ");
	note_vkey_print(&office_key.vkey, &policy);
	buf_adds(&policy, "\ngroup both all south office\nquorum both\n");
	OK((f.core.conf->quorum = trust_parse(buf_view(&policy), e)) != NULL);
	buf_free(&policy);
}

/* South's line over the newest checkpoint, whose size it returns, is in the store. */
static uint64_t cosigned_by_south(void)
{
	struct buf line = BUF_INIT(4096);
	struct view text, signatures, newest;
	uint64_t size;

	OK(store_last_checkpoint(f.reader, &size, &newest, e));
	OK(note_split(newest, &text, &signatures, e));
	ck_assert(note_cosign(&south, text, COSIGNED, &line));
	ck_assert(core_act(&f, put_line, &line).committed);
	buf_free(&line);
	return size;
}

START_TEST(a_quorum_of_two)
{
	uint64_t size;

	ask_the_office("office.example/w1");
	all_of_them();
	got(SOUTH_GATEWAY, "/checkpoint");
	is_problem(404, "not-found");
	office_is_asked();
	office_cosigns();
	/* One of two: that is shown to who asks for it, and is not the quorum. */
	got(SOUTH_GATEWAY, "/checkpoint");
	is_problem(404, "not-found");
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/checkpoint?newest"), 200);
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/checkpoint?witnessed"), 200);
	ck_assert(buf_holds(&answer_seen.body, "office.example/w1"));
	size = cosigned_by_south();
	uint64_t met = size;
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/checkpoint"), 200);
	ck_assert(buf_holds(&answer_seen.body, "office.example/w1") && buf_holds(&answer_seen.body, COSIGNER));
	/* The next one that has it all takes its place, and what has not does not. */
	append(1, 7);
	clock_ahead_ms += 1001;
	ck_assert(asks(witness_ask_tick, part));
	ck_assert(!cosigns(&office_key));
	UNTIL(atomic_load(&witness.cosignatures) == 2);
	OK(store_cosigned(f.reader, &size, e));
	ck_assert_uint_eq(size, met);
	dismiss_the_office();
}
END_TEST

/* The quorum is what the last one of it makes: what lies below is let go. */
START_TEST(the_last_of_a_quorum)
{

	ask_the_office("office.example/w1");
	all_of_them();
	office_is_asked();
	office_cosigns();
	append(1, 7);
	cosigned_by_south();
	clock_ahead_ms += 1001;
	ck_assert(asks(witness_ask_tick, part));
	ck_assert(!cosigns(&office_key));
	UNTIL(atomic_load(&witness.cosignatures) == 2);
	uint64_t least;
	OK(store_cosigned(f.reader, &least, e));
	ck_assert_uint_eq(least, log_size());
	dismiss_the_office();
}
END_TEST

START_TEST(nobody_to_ask)
{
	struct partner *p = &f.core.conf->partners[SOUTH_GATEWAY];

	p->has_witness = _i != 0;
	p->host = _i != 1 ? p->host : NULL;
	p->roles = _i != 2 ? p->roles : ROLE(AUDITOR);
	ck_assert(!asks(witness_ask_tick, part));
	ck_assert(witness_settled(&f.core));
	ck_assert_uint_eq(atomic_load(&witness.failures), 0);
}
END_TEST

/* --- what a start knows --- */

START_TEST(the_time_of_a_cosignature_is_recalled)
{
	struct witness again = { .latest_ms = TIME_NONE };

	OK(witness_recall(&again, f.core.conf, f.reader, e));
	ck_assert(again.latest_ms == TIME_NONE);
	is_cosigned();
	/* Verified anew: by another key it is none. */
	f.core.conf->partners[SOUTH_GATEWAY].witness = west.vkey;
	OK(witness_recall(&again, f.core.conf, f.reader, e));
	ck_assert(again.latest_ms == TIME_NONE);
	f.core.conf->partners[SOUTH_GATEWAY].witness = south.vkey;
	OK(witness_recall(&again, f.core.conf, f.reader, e));
	ck_assert_int_eq(again.latest_ms, INT64_C(1000) * COSIGNED);
}
END_TEST

TCase *make_witness_ask_case(void)
{
	TCase *c = tcase_create("witness_ask");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, a_witness_that_knows_nothing_cosigns_all);
	tcase_add_loop_test(c, it_is_shown_that_the_log_only_grew, 1, MORE + 1);
	tcase_add_test(c, what_it_saw_is_the_newest);
	tcase_add_loop_test(c, what_this_log_did_not_sign_counts_for_nothing, 0, 2);
	tcase_add_loop_test(c, a_log_that_is_not_the_one_seen, 0, 3);
	tcase_add_loop_test(c, a_conflict_is_answered_once, 0, 2);
	tcase_add_loop_test(c, a_conflict_that_cannot_be, 0, 3);
	tcase_add_loop_test(c, it_does_not_cosign, 0, 9);
	tcase_add_test(c, it_is_silent);
	tcase_add_test(c, a_cosignature_of_another);
	tcase_add_loop_test(c, a_cosignature_that_does_not_verify, 0, 2);
	tcase_add_test(c, what_is_not_new_waits_for_its_time);
	tcase_add_test(c, what_is_new_is_asked_about_at_once);
	tcase_add_test(c, one_that_owes_for_long_is_an_alarm);
	tcase_add_loop_test(c, a_witness_of_the_node_file, 0, 2);
	tcase_add_test(c, a_quorum_of_two);
	tcase_add_test(c, the_last_of_a_quorum);
	tcase_add_loop_test(c, nobody_to_ask, 0, 3);
	tcase_add_test(c, the_time_of_a_cosignature_is_recalled);
	return c;
}
