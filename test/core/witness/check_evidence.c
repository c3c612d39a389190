/* Evidence that needs the history: one checkpoint or a receipt, of this node's own log and of a partner's. What is found is told
 * to all partners, once. */
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/tales.h"
#include "lib/tlog/announcement.h"
#include "lib/tlog/receipt.h"
#include "test/core/witness/asking_fixture.h"

TCase *make_evidence_case(void);

static struct note_vkey old_key;

static void set_up(void)
{
	worker_open();
	atomic_store(&witness.settled, true);
	f.core.log_vkey = &f.log.vkey;
}

static void tear_down(void)
{
	worker_close();
}

static int brings(struct view body)
{
	int status = posted(STRANGER, "/evidence", body);

	let_write();
	return status;
}

static int brings_checkpoint(const struct note_vkey *vkey, struct ed25519_key *key, uint64_t size, uint8_t root)
{
	struct digest r = { .b = { root } };
	struct buf note = BUF_INIT(NOTE_MAX);

	sign_checkpoint(vkey, key, size, &r, &note);
	int status = brings(buf_view(&note));
	buf_free(&note);
	return status;
}

static void last_says(const char *what)
{
	json_t *entry = core_last_entry(&f);

	ck_assert_str_eq(core_member(entry, "operation"), "incident");
	ck_assert_msg(strstr(core_member(entry, "note"), what) != NULL, "%s, not %s", core_member(entry, "note"), what);
	json_decref(entry);
}

START_TEST(a_receipt_of_this_nodes_own_log)
{
	struct buf receipt = BUF_INIT(NOTE_MAX), forged = BUF_INIT(NOTE_MAX);
	uint64_t size = log_size();

	OK(proof_of_entry(f.reader, 0, true, NULL, &receipt, e));
	ck_assert_int_eq(brings(buf_view(&receipt)), 422);
	/* One that does not hold by itself was made by anybody. */
	const char *line = memmem(receipt.p, receipt.n, "index 0", 7);
	buf_add(&forged, view_make(receipt.p, (size_t)(line - receipt.p)));
	buf_adds(&forged, "index 1");
	buf_add(&forged, view_make(line + 7, receipt.n - (size_t)(line + 7 - receipt.p)));
	ck_assert_int_eq(brings(buf_view(&forged)), 403);
	/* And one without its entry says nothing. */
	buf_reset(&forged);
	buf_adds(&forged, "c2sp.org/tlog-proof@v1\n");
	buf_add(&forged, view_make(line, receipt.n - (size_t)(line - receipt.p)));
	ck_assert_int_eq(brings(buf_view(&forged)), 400);
	ck_assert_uint_eq(log_size(), size);
	buf_free(&receipt);
	buf_free(&forged);
}
END_TEST

/* An entry that the log does not have: its key signed a tree of that one entry. */
START_TEST(a_receipt_that_this_nodes_own_log_does_not_bear_out)
{
	struct buf note = BUF_INIT(NOTE_MAX), text = BUF_INIT(NOTE_MAX);
	struct receipt r = { .index = 0 };
	struct digest leaf;
	void *telling = telling_new(worker);

	tlog_leaf_hash(VIEW("{\"made\":\"up\"}"), &leaf);
	sign_checkpoint(&f.log.vkey, f.log.key, 1, &leaf, &note);
	r.checkpoint = buf_view(&note);
	receipt_print(&r, VIEW("{\"made\":\"up\"}"), &text);
	ck_assert_int_eq(brings(buf_view(&text)), 200);
	last_says("evidence: this node's own log " LOG_ORIGIN " forked: it has ");
	/* Partners are told, whoever brought it; brought again it is not counted. */
	ck_assert(asks(telling_tick, telling));
	is_asked("/evidence");
	ck_assert(!answer_it(200, VIEW("")));
	ck_assert_int_eq(brings(buf_view(&text)), 200);
	ck_assert_uint_eq(sights_contradictions(f.core.sights), 1);
	ck_assert(!asks(telling_tick, telling));
	ck_assert(!asks(telling_tick, telling));
	telling_free(telling);
	buf_free(&note);
	buf_free(&text);
}
END_TEST

START_TEST(more_than_this_nodes_own_log_has)
{
	ck_assert_int_eq(brings_checkpoint(&f.log.vkey, f.log.key, 1000, 7), 200);
	last_says("evidence: this node's own log " LOG_ORIGIN " went back: it has ");
	ck_assert_int_eq(brings_checkpoint(&f.log.vkey, f.south_key, 1000, 7), 403);
	struct digest empty;
	struct buf note = BUF_INIT(NOTE_MAX);
	sha256(VIEW(""), &empty);
	sign_checkpoint(&f.log.vkey, f.log.key, 0, &empty, &note);
	ck_assert_int_eq(brings(buf_view(&note)), 422);
	buf_free(&note);
	/* Each kind once a day. */
	uint64_t size = log_size();
	ck_assert_int_eq(brings_checkpoint(&f.log.vkey, f.log.key, 1001, 7), 200);
	ck_assert_uint_eq(log_size(), size);
	ck_assert_int_eq(brings_checkpoint(&f.log.vkey, f.log.key, 1, 7), 200);
	ck_assert_uint_eq(log_size(), size + 1);
	ck_assert_uint_eq(sights_contradictions(f.core.sights), 3);
}
END_TEST

START_TEST(a_partners_checkpoint)
{
	const struct note_vkey *south = &core_partner(&f, SOUTH_GATEWAY)->log;

	ck_assert_int_eq(brings_checkpoint(south, f.south_key, 7, 1), 202);
	ck_assert_uint_eq(sights_unproved(f.core.sights), 1);
	uint64_t size = log_size();
	ck_assert_int_eq(brings_checkpoint(south, f.south_key, 7, 2), 200);
	ck_assert_uint_eq(log_size(), size + 1);
	is_incident("showed two roots of 7 entries");
	ck_assert_int_eq(brings_checkpoint(south, f.south_key, 7, 2), 200);
	ck_assert_uint_eq(log_size(), size + 1);
}
END_TEST

static bool put_end(void *arg, const struct act *a, struct error *e)
{
	(void)arg;
	return store_put_value(a->store, VIEW("end/gw.south.example/audit/gw1/0"), VIEW("6"), e);
}

/* An earlier log of a partner, which said at how many entries it was ended. */
START_TEST(a_checkpoint_beyond_the_end_of_a_partners_log)
{
	struct partner *south = &f.core.conf->partners[SOUTH_GATEWAY];
	struct core_job j = core_act(&f, put_end, NULL);

	ck_assert(j.committed);
	ck_assert(note_vkey_make(VIEW("gw.south.example/audit/gw1/0"), NOTE_ED25519, south->log.key, &old_key));
	south->earlier = &old_key;
	south->n_earlier = 1;
	ck_assert_int_eq(brings_checkpoint(&old_key, f.south_key, 6, 1), 422);
	ck_assert_int_eq(brings_checkpoint(&old_key, f.south_key, 7, 1), 200);
	is_incident(
	        "evidence: the log gw.south.example/audit/gw1/0 went back: it was ended at 6 entries, and its key signed 7");
	ck_assert_int_eq(brings_checkpoint(&old_key, f.south_key, 6, 2), 200);
	is_incident("showed two roots of 6 entries");
}
END_TEST

static bool drop_value(void *arg, const struct act *a, struct error *e)
{
	return store_put_value(a->store, view_of(arg), VIEW(""), e);
}

/* The key of a partner's log announces the next: kept, logged, once. */
START_TEST(an_announcement_of_a_partners_key)
{
	const struct note_vkey *south = &core_partner(&f, SOUTH_GATEWAY)->log;
	struct note_signer old = { .vkey = *south, .key = f.south_key }, next = { .key = f.log.key };
	struct buf note = BUF_INIT(NOTE_MAX);
	uint64_t size = log_size();
	struct view value;

	ck_assert(note_vkey_make(VIEW("gw.south.example/audit/gw1/2"), NOTE_ED25519, f.log.vkey.key, &next.vkey));
	ck_assert(announcement_make(&old, &next, &note));
	note.p[note.n - 10] ^= 1;
	ck_assert_int_eq(brings(buf_view(&note)), 403);
	note.p[note.n - 10] ^= 1;
	ck_assert_int_eq(brings(buf_view(&note)), 200);
	ck_assert_int_eq(brings(buf_view(&note)), 200);
	ck_assert_uint_eq(log_size(), size + 1);
	json_t *entry = core_last_entry(&f);
	ck_assert_str_eq(core_member(entry, "operation"), "key-change");
	ck_assert_str_eq(core_member(entry, "peer"), "south-gateway");
	json_decref(entry);
	OK(store_get_value(f.reader, VIEW("announced/gw.south.example/audit/gw1/2"), &value, e));
	ck_assert(view_eq(value, buf_view(&note)));
	/* By a key that is no partner's. */
	size = log_size();
	old = (struct note_signer){ .key = f.log.key };
	ck_assert(note_vkey_make(VIEW("gw.south.example/audit/gw1/1"), NOTE_ED25519, f.log.vkey.key, &old.vkey));
	buf_reset(&note);
	ck_assert(announcement_make(&old, &next, &note));
	ck_assert_int_eq(brings(buf_view(&note)), 404);
	ck_assert_uint_eq(log_size(), size);
	buf_free(&note);
}
END_TEST

/* A key announces one: whoever announces many grows this log by an entry a day, and people are asked. */
START_TEST(a_key_that_announces_many)
{
	const struct note_vkey *south = &core_partner(&f, SOUTH_GATEWAY)->log;
	struct note_signer old = { .vkey = *south, .key = f.south_key }, next = { .key = f.log.key };
	struct buf note = BUF_INIT(NOTE_MAX);
	char name[NOTE_NAME_MAX];
	uint64_t size = log_size();
	struct view value;

	for (unsigned epoch = 2; epoch < 20; epoch++) {
		snprintf(name, sizeof name, "gw.south.example/audit/gw1/%u", epoch);
		ck_assert(note_vkey_make(view_of(name), NOTE_ED25519, f.log.vkey.key, &next.vkey));
		buf_reset(&note);
		ck_assert(announcement_make(&old, &next, &note));
		ck_assert_int_eq(brings(buf_view(&note)), epoch == 2 ? 200 : 403);
		ck_assert_uint_eq(log_size(), size + (epoch == 2 ? 1 : 2));
	}
	is_incident("announced: the key of the log " SOUTH_ORIGIN " announced another before, and now "
	            "gw.south.example/audit/gw1/3 with the key ");
	snprintf(name, sizeof name, "announces/%s+%08x", south->name, south->id);
	OK(store_get_value(f.reader, view_of(name), &value, e));
	ck_assert(view_is(value, "two"));
	ck_assert(!store_get_value(f.reader, VIEW("announced/gw.south.example/audit/gw1/3"), &value, NULL));
	/* The same epoch with another key is another, too; so it is where a build before kept the first. */
	ck_assert(note_vkey_make(VIEW("gw.south.example/audit/gw1/2"), NOTE_ED25519, south->key, &next.vkey));
	next.key = f.south_key;
	buf_reset(&note);
	ck_assert(announcement_make(&old, &next, &note));
	ck_assert_int_eq(brings(buf_view(&note)), 403);
	ck_assert(core_act(&f, drop_value, name).committed);
	ck_assert_int_eq(brings(buf_view(&note)), 403);
	buf_free(&note);
}
END_TEST

/* A piece that partners are to be told of. */
static bool put_tale(void *arg, const struct act *a, struct error *e)
{
	struct digest d;

	sha256(view_of(arg), &d);
	return store_put_document(a->store, &d, VIEW("checkpoint"), view_of(arg), 1, e) &&
	       store_put_tale(a->store, &d, e);
}

static void is_to_be_told(const char *text)
{
	struct core_job j = core_act(&f, put_tale, (void *)(uintptr_t)text);

	ck_assert_msg(j.committed, "%s", j.error.text);
}

static bool count_row(void *arg, const struct digest *d)
{
	(void)d;
	++*(unsigned *)arg;
	return true;
}

static unsigned tales_kept(void)
{
	unsigned n = 0;

	let_write();
	OK(store_list_tales(f.reader, count_row, &n, e));
	return n;
}

/* Whether something is told, in the end. */
static bool tells(void *telling)
{
	for (unsigned i = 0; i < 3; i++) {
		if (asks(telling_tick, telling))
			return true;
		clock_ahead_ms += 1001;
	}
	return false;
}

/* Who cannot be reached is told later; who answers anything was told. */
START_TEST(partners_are_told_until_they_answer)
{
	void *telling = telling_new(worker);

	is_to_be_told("something");
	for (unsigned i = 0; i < 5; i++) {
		ck_assert(asks(telling_tick, telling));
		is_asked("/evidence");
		ck_assert(!answer_it(i % 2 ? 503 : 0, VIEW("")));
		ck_assert(!asks(telling_tick, telling)); /* the round ends */
		ck_assert(!asks(telling_tick, telling)); /* and rests */
		ck_assert_uint_eq(tales_kept(), 1);
		clock_ahead_ms += 3600 * SECOND_MS;
	}
	ck_assert(asks(telling_tick, telling));
	ck_assert(!answer_it(422, VIEW("")));
	for (unsigned i = 0; i < 3; i++) {
		clock_ahead_ms += 3600 * SECOND_MS;
		ck_assert(!asks(telling_tick, telling));
	}
	ck_assert_uint_eq(tales_kept(), 0);
	telling_free(telling);
	telling_free(NULL);
}
END_TEST

/* A stop, between or while it is told, loses nothing; what was told stays told. */
START_TEST(what_is_to_be_told_outlives_a_restart)
{
	void *telling = telling_new(worker);

	is_to_be_told("something");
	telling_free(telling);
	telling = telling_new(worker);
	ck_assert(asks(telling_tick, telling));
	telling_free(telling);
	telling = telling_new(worker);
	ck_assert(asks(telling_tick, telling));
	ck_assert(!answer_it(200, VIEW("")));
	ck_assert(!tells(telling));
	telling_free(telling);
	ck_assert_uint_eq(tales_kept(), 0);
	telling = telling_new(worker);
	ck_assert(!tells(telling));
	telling_free(telling);
}
END_TEST

/* However many there are, and whoever cannot be reached about one of them. */
START_TEST(a_partner_that_is_silent_delays_no_other_piece)
{
	void *telling = telling_new(worker);
	unsigned n = 0;
	char text[40];

	is_to_be_told("the first");
	ck_assert(asks(telling_tick, telling));
	ck_assert(!answer_it(0, VIEW("")));
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "piece %u", i);
		is_to_be_told(text);
	}
	for (unsigned i = 0; i < 600; i++) {
		if (i % 200 == 199)
			clock_ahead_ms += 1001;
		let_write();
		if (!asks(telling_tick, telling))
			continue;
		ck_assert(!answer_it(200, VIEW("")));
		n++;
	}
	ck_assert_uint_eq(n, 100);
	ck_assert_uint_eq(tales_kept(), 1);
	telling_free(telling);
}
END_TEST

/* A day of tries, about. */
START_TEST(nobody_is_told_for_ever)
{
	void *telling = telling_new(worker);
	unsigned n = 0;

	is_to_be_told("something");
	for (; n < 1000 && asks(telling_tick, telling); n++) {
		ck_assert(!answer_it(0, VIEW("")));
		ck_assert(!asks(telling_tick, telling));
		clock_ahead_ms += 601 * SECOND_MS;
	}
	ck_assert_uint_eq(n, 150);
	ck_assert_uint_eq(tales_kept(), 0);
	telling_free(telling);
}
END_TEST

/* A checkpoint of that many bytes, with lines of its own. */
static void sign_long(const struct note_vkey *vkey, struct ed25519_key *key, uint64_t size, uint8_t root, size_t bytes,
                      struct buf *out)
{
	struct checkpoint c = { .origin = view_of(vkey->name), .size = size, .root = { .b = { root } } };
	struct note_signer signer = { .vkey = *vkey, .key = key };
	struct buf text = BUF_INIT(2 * NOTE_MAX), probe = BUF_INIT(2 * NOTE_MAX);

	checkpoint_text(&c, &text);
	ck_assert(note_sign(&signer, buf_view(&text), &probe));
	size_t fill = bytes - text.n - 1 - probe.n - 1;
	for (size_t i = 0; i < fill; i++)
		buf_addc(&text, 'x');
	buf_addc(&text, '\n');
	buf_reset(out);
	buf_add(out, buf_view(&text));
	buf_addc(out, '\n');
	ck_assert(note_sign(&signer, buf_view(&text), out) && !out->failed);
	ck_assert_uint_eq(out->n, bytes);
	buf_free(&text);
	buf_free(&probe);
}

/* Two notes as long as notes may be: kept and told, like shorter ones. */
START_TEST(evidence_as_long_as_it_can_be)
{
	const struct note_vkey *south = &core_partner(&f, SOUTH_GATEWAY)->log;
	struct buf both = BUF_INIT(3 * NOTE_MAX), note = BUF_INIT(NOTE_MAX);
	void *telling = telling_new(worker);

	for (uint8_t i = 0; i < 2; i++) {
		sign_long(south, f.south_key, 7, i, NOTE_MAX, &note);
		buf_add(&both, buf_view(&note));
		if (i == 0)
			buf_addc(&both, '\n');
	}
	ck_assert_int_eq(brings(buf_view(&both)), 200);
	is_incident("two roots of 7 entries, both signed by its key");
	/* More than goes at once. */
	for (int turns = 0; !asks(telling_tick, telling) && turns < 100; turns++) {
		worker_turn();
		if (post_seen.done)
			break;
	}
	is_asked("/evidence");
	ck_assert(view_eq(buf_view(&post_seen.body), buf_view(&both)));
	ck_assert(!answer_it(200, VIEW("")));
	telling_free(telling);
	buf_free(&both);
	buf_free(&note);
}
END_TEST

struct kept {
	unsigned n;
	struct buf last;
};

static bool keep_evidence(void *arg, const struct digest *d, int64_t first_ms, struct view text)
{
	struct kept *k = arg;

	(void)d, (void)first_ms;
	k->n++;
	buf_reset(&k->last);
	buf_add(&k->last, text);
	return true;
}

/* What is kept of a fork that a sight showed proves it to anybody: both checkpoints. Brought back it is not counted again. */
START_TEST(both_sides_of_a_fork_are_kept)
{
	const struct note_vkey *south = &core_partner(&f, SOUTH_GATEWAY)->log;
	struct kept kept = { .last = BUF_INIT(2 * NOTE_MAX) };

	ck_assert_int_eq(brings_checkpoint(south, f.south_key, 7, 1), 202);
	ck_assert_int_eq(brings_checkpoint(south, f.south_key, 7, 2), 200);
	OK(store_list_documents(f.reader, VIEW("checkpoint"), keep_evidence, &kept, e));
	ck_assert_uint_eq(kept.n, 1);
	ck_assert_uint_eq(tales_kept(), 1);
	uint64_t size = log_size(), found = sights_contradictions(f.core.sights);
	ck_assert_int_eq(brings(buf_view(&kept.last)), 200);
	ck_assert_uint_eq(log_size(), size);
	ck_assert_uint_eq(sights_contradictions(f.core.sights), found);
	/* Nor where this process knows nothing of it. */
	sights_free(f.core.sights);
	f.core.sights = sights_new();
	tales_free(f.core.tales);
	f.core.tales = tales_new();
	ck_assert_int_eq(brings(buf_view(&kept.last)), 200);
	ck_assert_uint_eq(log_size(), size);
	buf_free(&kept.last);
}
END_TEST

static bool add_bytes(void *arg, struct view origin, uint64_t size, struct view note)
{
	(void)origin, (void)size;
	*(size_t *)arg += note.n;
	return true;
}

/* Whoever signs long checkpoints has fewer of them kept. */
START_TEST(long_checkpoints_do_not_fill_the_store)
{
	const struct note_vkey *south = &core_partner(&f, SOUTH_GATEWAY)->log;
	struct buf note = BUF_INIT(NOTE_MAX);
	size_t bytes = 0;

	ck_assert_int_eq(brings_checkpoint(south, f.south_key, 7, 1), 202);
	for (uint64_t i = 0; i < 40; i++) {
		sign_long(south, f.south_key, 100 + i, 1, NOTE_MAX, &note);
		ck_assert_int_eq(brings(buf_view(&note)), 202);
	}
	OK(store_list_sighted(f.reader, add_bytes, &bytes, e));
	ck_assert_uint_gt(bytes, 32u * NOTE_MAX);
	ck_assert_uint_lt(bytes, 33u * NOTE_MAX);
	buf_free(&note);
}
END_TEST

TCase *make_evidence_case(void)
{
	TCase *c = tcase_create("evidence");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, a_receipt_of_this_nodes_own_log);
	tcase_add_test(c, a_receipt_that_this_nodes_own_log_does_not_bear_out);
	tcase_add_test(c, more_than_this_nodes_own_log_has);
	tcase_add_test(c, a_partners_checkpoint);
	tcase_add_test(c, a_checkpoint_beyond_the_end_of_a_partners_log);
	tcase_add_test(c, an_announcement_of_a_partners_key);
	tcase_add_test(c, a_key_that_announces_many);
	tcase_add_test(c, partners_are_told_until_they_answer);
	tcase_add_test(c, what_is_to_be_told_outlives_a_restart);
	tcase_add_test(c, a_partner_that_is_silent_delays_no_other_piece);
	tcase_add_test(c, nobody_is_told_for_ever);
	tcase_add_test(c, evidence_as_long_as_it_can_be);
	tcase_add_test(c, both_sides_of_a_fork_are_kept);
	tcase_add_test(c, long_checkpoints_do_not_fill_the_store);
	return c;
}
