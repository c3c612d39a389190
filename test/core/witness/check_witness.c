/* A partner's log is cosigned while it only grows; what forks or goes back is refused, and logged once. */
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/os/secret_file.h"
#include "test/core/witness/asking_fixture.h"

TCase *make_witness_case(void);

#define WITNESSED "/witnessed/" SOUTH_ORIGIN

static const uint8_t seed[32] = { 9 };
static struct digest leaves[3]; /* the third is another second entry */

static void set_up(void)
{
	uint8_t public_key[32];

	worker_open();
	atomic_store(&witness.settled, true);
	ck_assert_ptr_nonnull(witness.signer.key = ed25519_from_seed(seed));
	ed25519_public(witness.signer.key, public_key);
	ck_assert(note_vkey_make(VIEW("north.example/witness/n1"), NOTE_COSIGNER, public_key, &witness.signer.vkey));
	tlog_leaf_hash(VIEW("one"), &leaves[0]);
	tlog_leaf_hash(VIEW("two"), &leaves[1]);
	tlog_leaf_hash(VIEW("other"), &leaves[2]);
}

static void tear_down(void)
{
	worker_close();
	ed25519_free(witness.signer.key);
}

/* What is asked: the old size, a proof of at most one hash, and the log's checkpoint of one entry (`a`) or two. */
static int add_as(uint64_t conn, unsigned old, const struct digest *proof, const struct digest *a,
                  const struct digest *b, struct ed25519_key *key)
{
	struct checkpoint c = { .origin = VIEW(SOUTH_ORIGIN), .size = b ? 2 : 1, .root = *a };
	struct note_signer signer = { .vkey = core_partner(&f, SOUTH_GATEWAY)->log, .key = key };
	struct buf text = BUF_INIT(4096), body = BUF_INIT(8192);

	if (b)
		tlog_node_hash(a, b, &c.root);
	checkpoint_text(&c, &text);
	buf_addf(&body, "old %u\n", old);
	if (proof) {
		base64_encode(&body, view_make(proof->b, sizeof proof->b));
		buf_addc(&body, '\n');
	}
	buf_addc(&body, '\n');
	buf_add(&body, buf_view(&text));
	buf_addc(&body, '\n');
	ck_assert(note_sign(&signer, buf_view(&text), &body));
	int status = posted(conn, "/add-checkpoint", buf_view(&body));
	buf_free(&text);
	buf_free(&body);
	return status;
}

static int add(unsigned old, const struct digest *proof, const struct digest *a, const struct digest *b,
               struct ed25519_key *key)
{
	return add_as(SOUTH_GATEWAY, old, proof, a, b, key);
}

/* GET /<hash of the origin>/checkpoint */
static int monitored(uint64_t conn, const char *origin)
{
	struct buf path = BUF_INIT(200);
	struct digest digest;

	sha256(view_of(origin), &digest);
	buf_addc(&path, '/');
	digest_print(&path, &digest);
	buf_adds(&path, "/checkpoint");
	buf_addc(&path, 0);
	int status = got(conn, path.p);
	buf_free(&path);
	return status;
}

START_TEST(a_log_that_grows_is_cosigned)
{
	ck_assert_int_eq(add(0, NULL, &leaves[0], NULL, f.south_key), 200);
	ck_assert(buf_holds(&answer_seen.body, "north.example/witness/n1"));
	ck_assert_int_eq(add(1, &leaves[1], &leaves[0], &leaves[1], f.south_key), 200);
	ck_assert_uint_eq(atomic_load(&witness.cosigned), 2);
	ck_assert_int_eq(got(SOUTH_GATEWAY, WITNESSED), 200);
	ck_assert(buf_holds(&answer_seen.body, SOUTH_ORIGIN "\n2\n"));
	ck_assert_uint_eq(atomic_load(&witness.incidents), 0);
}
END_TEST

START_TEST(what_was_cosigned_is_for_the_log_and_oversight)
{
	got(SOUTH_GATEWAY, WITNESSED);
	is_problem(404, "not-found");
	ck_assert_int_eq(add(0, NULL, &leaves[0], NULL, f.south_key), 200);
	f.core.conf->partners[NORTH_OFFICER].roles |= ROLE(AUDITOR);
	ck_assert_int_eq(got(NORTH_OFFICER, WITNESSED), 200);
	f.core.conf->partners[SOUTH_SYSTEM].roles = ROLE(GATEWAY);
	got(SOUTH_SYSTEM, WITNESSED);
	is_problem(404, "not-found");
	got(NORTH_OFFICER, "/witnessed/another/log");
	is_problem(404, "not-found");
}
END_TEST

START_TEST(an_old_size_that_is_not_the_one_known)
{
	ck_assert_int_eq(add(0, NULL, &leaves[0], NULL, f.south_key), 200);
	ck_assert_int_eq(add(0, NULL, &leaves[0], &leaves[1], f.south_key), 409);
	ck_assert(buf_holds(&answer_seen.body, "1\n"));
}
END_TEST

START_TEST(a_fork_is_an_incident_once)
{
	ck_assert_int_eq(add(0, NULL, &leaves[0], NULL, f.south_key), 200);
	ck_assert_int_eq(add(1, NULL, &leaves[2], NULL, f.south_key), 422);
	is_incident("forked");
	uint64_t size = log_size();
	ck_assert_int_eq(add(1, NULL, &leaves[2], NULL, f.south_key), 422);
	ck_assert_uint_eq(log_size(), size);
	ck_assert_uint_eq(atomic_load(&witness.incidents), 1);
}
END_TEST

/* The signature of the log counts, not who brings it. */
START_TEST(whoever_brings_it)
{
	ck_assert_int_eq(monitored(STRANGER, SOUTH_ORIGIN), 404);
	ck_assert_int_eq(add_as(STRANGER, 0, NULL, &leaves[0], NULL, f.south_key), 200);
	ck_assert_int_eq(monitored(STRANGER, SOUTH_ORIGIN), 200);
	ck_assert(buf_holds(&answer_seen.body, SOUTH_ORIGIN) &&
	          buf_holds(&answer_seen.body, "north.example/witness/n1"));
	ck_assert_int_eq(monitored(SOUTH_SYSTEM, SOUTH_ORIGIN), 200);
	ck_assert_int_eq(monitored(STRANGER, "another/log"), 404);
	ck_assert_int_eq(got(STRANGER, "/0123/checkpoint"), 404);
	ck_assert_int_eq(add_as(STRANGER, 1, NULL, &leaves[0], NULL, f.log.key), 403);
	/* An older one may be in anybody's hands, and so may one without its proof; two trees of one size are the log's doing. */
	uint64_t size = log_size();
	ck_assert_int_eq(add(1, &leaves[1], &leaves[0], &leaves[1], f.south_key), 200);
	ck_assert_int_eq(add_as(STRANGER, 1, NULL, &leaves[0], NULL, f.south_key), 409);
	ck_assert_int_eq(add_as(SOUTH_SYSTEM, 2, &leaves[1], &leaves[0], &leaves[1], f.south_key), 422);
	ck_assert_uint_eq(log_size(), size);
	ck_assert_int_eq(add_as(STRANGER, 2, NULL, &leaves[0], &leaves[2], f.south_key), 422);
	is_incident("forked");
}
END_TEST

/* Two checkpoints of south's log, the second of `size` entries with this root, and of this origin; as a stranger brings
 * them. */
static int accuse(const char *origin, uint64_t size, const struct digest *root, struct ed25519_key *first,
                  struct ed25519_key *second)
{
	struct note_vkey vkey = core_partner(&f, SOUTH_GATEWAY)->log;
	struct buf body = BUF_INIT(65536), note = BUF_INIT(NOTE_MAX);
	uint8_t public_key[32];

	ed25519_public(first, public_key);
	ck_assert(note_vkey_make(view_of(origin), NOTE_ED25519, public_key, &vkey));
	sign_checkpoint(&vkey, first, 2, &leaves[0], &note);
	buf_add(&body, buf_view(&note));
	buf_addc(&body, '\n');
	ed25519_public(second, public_key);
	ck_assert(note_vkey_make(view_of(origin), NOTE_ED25519, public_key, &vkey));
	sign_checkpoint(&vkey, second, size, root, &note);
	buf_add(&body, buf_view(&note));
	int status = posted(STRANGER, "/evidence", buf_view(&body));
	buf_free(&body);
	buf_free(&note);
	return status;
}

/* Of south's log, with a line beside origin, size and root that opens as signature lines do. */
static void add_extended(struct buf *body, const struct digest *root)
{
	struct note_signer south = { .vkey = core_partner(&f, SOUTH_GATEWAY)->log, .key = f.south_key };
	struct checkpoint c = { .origin = VIEW(SOUTH_ORIGIN), .size = 2, .root = *root };
	struct buf text = BUF_INIT(4096);

	checkpoint_text(&c, &text);
	buf_adds(&text, "\xe2\x80\x94 a line of the log's own\n");
	buf_add(body, buf_view(&text));
	buf_addc(body, '\n');
	ck_assert(note_sign(&south, buf_view(&text), body));
	buf_free(&text);
}

/* What a log signs beside origin, size and root may be long; what has no room for a cosignature is no request. */
START_TEST(a_long_checkpoint)
{
	struct note_signer south = { .vkey = core_partner(&f, SOUTH_GATEWAY)->log, .key = f.south_key };
	struct checkpoint c = { .origin = VIEW(SOUTH_ORIGIN), .size = 1, .root = leaves[0] };
	static const size_t lengths[] = { 100000, NOTE_MAX - 200 };
	static const int statuses[] = { 200, 400 };
	struct buf text = BUF_INIT(NOTE_MAX), body = BUF_INIT(2 * NOTE_MAX);

	checkpoint_text(&c, &text);
	while (text.n < lengths[_i])
		buf_addc(&text, text.n % 80 ? 'x' : '\n');
	buf_addc(&text, '\n');
	buf_adds(&body, "old 0\n\n");
	buf_add(&body, buf_view(&text));
	buf_addc(&body, '\n');
	ck_assert(note_sign(&south, buf_view(&text), &body));
	ck_assert_int_eq(posted(STRANGER, "/add-checkpoint", buf_view(&body)), statuses[_i]);
	buf_free(&text);
	buf_free(&body);
}
END_TEST

START_TEST(evidence_that_looks_like_signatures)
{
	struct buf body = BUF_INIT(65536);

	add_extended(&body, &leaves[0]);
	buf_addc(&body, '\n');
	add_extended(&body, &leaves[1]);
	ck_assert_int_eq(posted(STRANGER, "/evidence", buf_view(&body)), 200);
	let_write();
	is_incident("forked: two roots of 2 entries");
	buf_free(&body);
}
END_TEST

START_TEST(evidence_of_a_fork)
{
	uint64_t size = log_size();

	ck_assert_int_eq(accuse("another/log", 2, &leaves[1], f.south_key, f.south_key), 404);
	ck_assert_int_eq(accuse(SOUTH_ORIGIN, 2, &leaves[1], f.log.key, f.log.key), 403);
	ck_assert_int_eq(accuse(SOUTH_ORIGIN, 2, &leaves[1], f.south_key, f.log.key), 403);
	/* What does not contradict itself is compared with what that log shows. */
	ck_assert_int_eq(accuse(SOUTH_ORIGIN, 3, &leaves[1], f.south_key, f.south_key), 202);
	ck_assert_int_eq(accuse(SOUTH_ORIGIN, 2, &leaves[0], f.south_key, f.south_key), 202);
	ck_assert_uint_eq(sights_unproved(f.core.sights), 2);
	posted(STRANGER, "/evidence", VIEW("one\n\ntwo\n"));
	is_problem(400, "bad-request");
	posted(STRANGER, "/evidence", VIEW("\xe2\x80\x94 a\n\ntwo\n"));
	is_problem(400, "bad-request");
	posted(STRANGER, "/evidence", VIEW("c2sp.org/tlog-proof@v1\nindex 0\n\nno checkpoint\n"));
	is_problem(400, "bad-request");
	let_write();
	ck_assert_uint_eq(log_size(), size);
	ck_assert_int_eq(accuse(SOUTH_ORIGIN, 2, &leaves[1], f.south_key, f.south_key), 200);
	let_write();
	is_incident("evidence: the log " SOUTH_ORIGIN " forked: two roots of 2 entries");
	/* Again, on the same day. */
	ck_assert_int_eq(accuse(SOUTH_ORIGIN, 2, &leaves[2], f.south_key, f.south_key), 200);
	let_write();
	ck_assert_uint_eq(log_size(), size + 1);
	ck_assert_uint_eq(sights_contradictions(f.core.sights), 2);
	/* Of this node's own log. */
	f.core.log_vkey = &f.log.vkey;
	ck_assert_int_eq(accuse(LOG_ORIGIN, 2, &leaves[1], f.log.key, f.log.key), 200);
	let_write();
	json_t *entry = core_last_entry(&f);
	ck_assert_ptr_nonnull(
	        strstr(core_member(entry, "note"), "evidence: this node's own log " LOG_ORIGIN " forked"));
	json_decref(entry);
	f.core.conf->node.reads_per_minute = 0;
	ck_assert_int_eq(accuse(LOG_ORIGIN, 2, &leaves[1], f.log.key, f.log.key), 429);
}
END_TEST

/* What else is there is for partners; and a certificate that is revoked or out of its time is nobody's. */
START_TEST(what_is_open_to_any_certificate)
{
	got(STRANGER, "/checkpoint");
	is_problem(403, "partner-unknown");
	got(STRANGER, WITNESSED);
	is_problem(403, "partner-unknown");
	got(STRANGER, "/add-checkpoint");
	is_problem(403, "partner-unknown");
	conn_find(worker, STRANGER)->cert.not_after_ms = 1;
	add_as(STRANGER, 0, NULL, &leaves[0], NULL, f.south_key);
	is_problem(403, "partner-unknown");
	conn_find(worker, STRANGER)->cert.not_after_ms = INT64_MAX;
	f.core.conf->revocation_checked = true;
	add_as(STRANGER, 0, NULL, &leaves[0], NULL, f.south_key);
	is_problem(503, "revocation-unknown");
	f.core.conf->revocation_checked = false;
	/* All of them together have the share of one partner. */
	f.core.conf->node.reads_per_minute = 1;
	ck_assert_int_eq(add_as(STRANGER, 0, NULL, &leaves[0], NULL, f.south_key), 200);
	add_as(STRANGER, 1, NULL, &leaves[0], NULL, f.south_key);
	is_problem(429, "rate-limited");
	ck_assert_int_eq(add(1, NULL, &leaves[0], NULL, f.south_key), 200);
}
END_TEST

START_TEST(a_growth_without_its_proof)
{
	ck_assert_int_eq(add(0, NULL, &leaves[0], NULL, f.south_key), 200);
	ck_assert_int_eq(add(1, &leaves[2], &leaves[0], &leaves[1], f.south_key), 422);
	is_incident("did not prove that it only grew");
}
END_TEST

START_TEST(a_log_that_went_back)
{
	ck_assert_int_eq(add(0, NULL, &leaves[0], &leaves[1], f.south_key), 200);
	ck_assert_int_eq(add(1, NULL, &leaves[0], NULL, f.south_key), 409);
	is_incident("went back");
}
END_TEST

/* Before this node's own log is known to be whole nothing is added to it. */
START_TEST(an_incident_waits_for_the_own_log)
{
	uint64_t size = log_size();

	atomic_store(&witness.settled, false);
	ck_assert_int_eq(add(0, NULL, &leaves[0], NULL, f.south_key), 200);
	ck_assert_int_eq(add(1, NULL, &leaves[2], NULL, f.south_key), 422);
	ck_assert_uint_eq(log_size(), size);
}
END_TEST

START_TEST(what_is_not_cosigned)
{
	ck_assert_int_eq(add(0, NULL, &leaves[0], NULL, f.log.key), 403);
	posted(SOUTH_GATEWAY, "/add-checkpoint", VIEW("old x\n\n"));
	is_problem(400, "bad-request");
	f.core.conf->partners[SOUTH_GATEWAY].has_log = false;
	add(0, NULL, &leaves[0], NULL, f.south_key);
	is_problem(404, "not-found");
	f.core.conf->partners[SOUTH_GATEWAY].has_log = true;
	f.core.conf->node.reads_per_minute = 0;
	add(0, NULL, &leaves[0], NULL, f.south_key);
	is_problem(429, "rate-limited");
	ck_assert_uint_eq(atomic_load(&witness.cosigned), 0);
}
END_TEST

START_TEST(the_own_checkpoint)
{
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/checkpoint"), 200);
	ck_assert(buf_holds(&answer_seen.body, LOG_ORIGIN "\n"));
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/checkpoint?newest"), 200);
	got(SOUTH_GATEWAY, "/checkpoint?witnessed");
	is_problem(404, "not-found");
	got(SOUTH_GATEWAY, "/checkpoint?timestamped");
	is_problem(404, "not-found");
}
END_TEST

/* Times only go forward, and one that no clock shows is none. */
START_TEST(the_newest_cosignature)
{
	ck_assert(witness_latest_ms(&f.core) == TIME_NONE);
	witness_seen(&witness, 7);
	witness_seen(&witness, 5);
	witness_seen(&witness, UINT64_MAX);
	ck_assert_int_eq(witness_latest_ms(&f.core), 7000);
	/* One that says whatever confirms no clock, and keeps no other from it. */
	witness_seen(&witness, INT64_C(1) << 40);
	ck_assert_int_eq(witness_latest_ms(&f.core), (INT64_C(1) << 40) * 1000);
	ck_assert_int_eq(witness_near_ms(&f.core), 7000);
	witness_seen(&witness, 8);
	ck_assert_int_eq(witness_near_ms(&f.core), 8000);
}
END_TEST

START_TEST(the_key_of_a_witness)
{
	struct conf conf = { .node = {
		                     .agency = "north", .name = "n1", .host = "north.example", .origin = LOG_ORIGIN } };
	struct core c = { .conf = &conf };
	struct secret secret = { .b = "a secret for tests, 32 bytes long", .n = 32 };
	char folder[PATH_MAX], file[PATH_MAX];
	struct witness *w;

	snprintf(folder, sizeof folder, "%s", f.log.dir.path);
	snprintf(file, sizeof file, "%s", scratch_file(&f.log.dir, "witness.key"));
	conf.node.keys = folder;
	OK((w = witness_open(&c, f.log.key, e)) != NULL);
	ck_assert_ptr_null(w->signer.key);
	ck_assert_str_eq(w->log.name, LOG_ORIGIN);
	witness_free(w);
	OK(secret_write_new(file, &secret, e));
	OK((w = witness_open(&c, f.log.key, e)) != NULL);
	ck_assert_ptr_nonnull(w->signer.key);
	ck_assert_str_eq(w->signer.vkey.name, "north.example/witness/n1");
	witness_free(w);
	scratch_write(file, VIEW("00\n"));
	REFUSED(REASON_CONFIG, witness_open(&c, f.log.key, e) != NULL);
	ck_assert_int_eq(unlink(file), 0);
	conf.node.origin = "no key name";
	REFUSED(REASON_CONFIG, witness_open(&c, f.log.key, e) != NULL);
	witness_free(NULL);
}
END_TEST

START_TEST(waiting_for_the_first_round)
{
	atomic_store(&witness.settled, false);
	clock_step_ms = 100;
	ck_assert(witness_wait(&f.core)); /* six seconds of that clock later */
	ck_assert(witness_settled(&f.core));
	ck_assert(witness_wait(&f.core));
	atomic_store(&f.core.dying, true);
	ck_assert(!witness_wait(&f.core));
}
END_TEST

TCase *make_witness_case(void)
{
	TCase *c = tcase_create("witness");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_log_that_grows_is_cosigned);
	tcase_add_test(c, what_was_cosigned_is_for_the_log_and_oversight);
	tcase_add_test(c, an_old_size_that_is_not_the_one_known);
	tcase_add_test(c, a_fork_is_an_incident_once);
	tcase_add_test(c, whoever_brings_it);
	tcase_add_test(c, evidence_of_a_fork);
	tcase_add_loop_test(c, a_long_checkpoint, 0, 2);
	tcase_add_test(c, evidence_that_looks_like_signatures);
	tcase_add_test(c, what_is_open_to_any_certificate);
	tcase_add_test(c, a_growth_without_its_proof);
	tcase_add_test(c, a_log_that_went_back);
	tcase_add_test(c, an_incident_waits_for_the_own_log);
	tcase_add_test(c, what_is_not_cosigned);
	tcase_add_test(c, the_own_checkpoint);
	tcase_add_test(c, the_newest_cosignature);
	tcase_add_test(c, the_key_of_a_witness);
	tcase_add_test(c, waiting_for_the_first_round);
	return c;
}
