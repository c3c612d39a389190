/* add-checkpoint on both sides, C2SP tlog-witness. */
#include <check.h>

#include "lib/tlog/witness.h"
#include "test/tlog/fixture.h"

TCase *make_witness_case(void);

static struct log *l;
static struct note_signer witness;

static void setup(void)
{
	uint8_t seed[32] = { 9 }, public[32];

	l = log_new("north.example/audit/gw/1", 1, 100);
	witness.key = ed25519_from_seed(seed);
	ck_assert(witness.key != NULL);
	ed25519_public(witness.key, public);
	ck_assert(note_vkey_make(VIEW("south.example/witness"), NOTE_COSIGNER, public, &witness.vkey));
}

static void teardown(void)
{
	log_free(l);
	ed25519_free(witness.key);
}

/* The body that the log sends for what the witness saw at `old`. */
static void ask(uint64_t old, struct buf *body)
{
	struct witness_request r = { .old = old, .note = buf_view(&l->note) };

	ck_assert(tlog_prove_consistency(old, l->size, tiles_read, l->tiles, r.proof, &r.n));
	buf_reset(body);
	witness_request_print(&r, body);
}

static enum witness_verdict judge(struct view body, const struct witness_state *s, struct checkpoint *c,
                                  struct view *text)
{
	struct witness_request r;
	struct error e = { 0 };

	ck_assert(witness_request_parse(body, &r, &e));
	return witness_judge(&r, &l->signer.vkey, 1, s, c, text, &e);
}

START_TEST(test_grow_and_cosign)
{
	struct witness_state seen = { 0 };
	struct buf body = BUF_INIT(NOTE_MAX), answer = BUF_INIT(NOTE_MAX), lines = BUF_INIT(NOTE_MAX);
	struct checkpoint c;
	struct view text, signatures, note_text;
	unsigned taken;

	for (uint64_t size = 100; size < 900; size += 77) {
		struct error e = { 0 };

		log_grow(l, size);
		ask(seen.size, &body);
		ck_assert_int_eq(judge(buf_view(&body), &seen, &c, &text), WITNESS_COSIGN);
		ck_assert_uint_eq(c.size, size);
		buf_reset(&answer);
		buf_adds(&answer, "\xe2\x80\x94 stranger.example AAAAAAAAAAAA\n");
		ck_assert(note_cosign(&witness, text, 1767323045, &answer));
		seen.size = c.size;
		seen.root = c.root;
		/* The log takes it over into its checkpoint. */
		buf_reset(&lines);
		ck_assert(note_split(buf_view(&l->note), &note_text, &signatures, &e));
		ck_assert(witness_response_take(buf_view(&answer), note_text, &witness.vkey, 1, &lines, &taken, &e));
		ck_assert_uint_eq(taken, 1);
		ck_assert_int_eq(note_find(&witness.vkey, note_text, buf_view(&lines), NULL), NOTE_VALID);
		/* One line of it, however many it sends. */
		ck_assert(note_cosign(&witness, text, 1767323045, &answer));
		ck_assert(note_cosign(&witness, text, 1767323046, &answer));
		size_t one = lines.n;
		ck_assert(witness_response_take(buf_view(&answer), note_text, &witness.vkey, 1, &lines, &taken, &e));
		ck_assert_uint_eq(taken, 1);
		ck_assert_uint_eq(lines.n, 2 * one);
		/* The same checkpoint again is cosigned again. */
		ask(seen.size, &body);
		ck_assert_int_eq(judge(buf_view(&body), &seen, &c, &text), WITNESS_COSIGN);
	}
	/* A cosignature over another text is no cosignature. */
	ck_assert(!witness_response_take(buf_view(&answer), VIEW("x\n0\n\n"), &witness.vkey, 1, &lines, &taken, NULL));
	ck_assert(!witness_response_take(VIEW(""), note_text, &witness.vkey, 1, &lines, &taken, NULL));
	buf_free(&body);
	buf_free(&answer);
	buf_free(&lines);
}
END_TEST

START_TEST(test_refusals)
{
	struct witness_state seen = { 0 };
	struct buf body = BUF_INIT(NOTE_MAX), conflict = BUF_INIT(100);
	struct checkpoint c;
	struct view text;
	struct witness_request r;
	uint64_t size;

	seen.size = 60;
	ck_assert(tlog_range_hash(0, 60, tiles_read, l->tiles, &seen.root));
	/* 409: the log is behind what the witness saw; the answer says what it saw. */
	ask(50, &body);
	ck_assert_int_eq(judge(buf_view(&body), &seen, &c, &text), WITNESS_CONFLICT);
	witness_conflict_print(&seen, &conflict);
	ck_assert(view_is(buf_view(&conflict), "60\n"));
	ck_assert(witness_conflict_parse(buf_view(&conflict), &size, NULL));
	ck_assert_uint_eq(size, 60);
	ck_assert(!witness_conflict_parse(VIEW("60"), &size, NULL));
	ck_assert(!witness_conflict_parse(VIEW("060\n"), &size, NULL));
	/* 422: a wrong hash, a missing one, a proof from size 0. */
	ask(60, &body);
	ck_assert_int_eq(judge(buf_view(&body), &seen, &c, &text), WITNESS_COSIGN);
	ck_assert(witness_request_parse(buf_view(&body), &r, NULL));
	r.proof[0].b[0] ^= 1;
	ck_assert_int_eq(witness_judge(&r, &l->signer.vkey, 1, &seen, &c, &text, NULL), WITNESS_UNPROCESSABLE);
	r.proof[0].b[0] ^= 1;
	r.n--;
	ck_assert_int_eq(witness_judge(&r, &l->signer.vkey, 1, &seen, &c, &text, NULL), WITNESS_UNPROCESSABLE);
	struct witness_state none = { 0 };
	r.old = 0;
	ck_assert_int_eq(witness_judge(&r, &l->signer.vkey, 1, &none, &c, &text, NULL), WITNESS_UNPROCESSABLE);
	/* 422 for a fork: what the witness saw is not in this tree. */
	ask(60, &body);
	struct witness_state forked = seen;
	forked.root.b[31] ^= 1;
	ck_assert_int_eq(judge(buf_view(&body), &forked, &c, &text), WITNESS_UNPROCESSABLE);
	/* 422: same size, another root. */
	ask(100, &body);
	seen.size = 100;
	ck_assert_int_eq(judge(buf_view(&body), &seen, &c, &text), WITNESS_UNPROCESSABLE);
	/* 400: old above the checkpoint's size. */
	ck_assert(witness_request_parse(buf_view(&body), &r, NULL));
	r.old = 101;
	ck_assert_int_eq(witness_judge(&r, &l->signer.vkey, 1, &seen, &c, &text, NULL), WITNESS_BAD_REQUEST);
	/* 403: not the log's key; and its name with another key. */
	ck_assert_int_eq(witness_judge(&r, &witness.vkey, 1, &seen, &c, &text, NULL), WITNESS_FORBIDDEN);
	ck_assert_int_eq(witness_judge(&r, NULL, 0, &seen, &c, &text, NULL), WITNESS_FORBIDDEN);
	struct note_vkey other;
	ck_assert(note_vkey_make(view_of(l->signer.vkey.name), NOTE_ED25519, witness.vkey.key, &other));
	ck_assert_int_eq(witness_judge(&r, &other, 1, &seen, &c, &text, NULL), WITNESS_FORBIDDEN);
	r.note = VIEW("no note\n");
	ck_assert_int_eq(witness_judge(&r, &other, 1, &seen, &c, &text, NULL), WITNESS_BAD_REQUEST);
	buf_free(&body);
	buf_free(&conflict);
}
END_TEST

START_TEST(test_request_form)
{
	/* C2SP tlog-witness, the example body. */
	static const char example[] =
	        "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
	        "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
	        "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\nexample.com/behind-the-sofa\n20852163\n"
	        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\xe2\x80\x94 example.com/behind-the-sofa "
	        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
	static const char *const bad[] = { "",
		                           "old 1",
		                           "old 1\n",
		                           "old 1\n\n",
		                           "old 01\n\nx\n",
		                           "old -1\n\nx\n",
		                           "old\n\nx\n",
		                           "Old 1\n\nx\n",
		                           "old 1\nAAAA\n\nx\n",
		                           "old 1 \n\nx\n",
		                           "old 1\r\n\r\nx\n" };
	struct buf b = BUF_INIT(NOTE_MAX);
	struct witness_request r;
	struct view origin;

	ck_assert(witness_request_parse(view_of(example), &r, NULL));
	ck_assert_uint_eq(r.old, 20852014);
	ck_assert_uint_eq(r.n, 4);
	ck_assert(witness_request_origin(&r, &origin, NULL));
	ck_assert(view_is(origin, "example.com/behind-the-sofa"));
	witness_request_print(&r, &b);
	ck_assert(view_is(buf_view(&b), example));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!witness_request_parse(view_of(bad[i]), &r, NULL), "case %zu", i);
	for (unsigned hashes = 63; hashes <= 64; hashes++) {
		buf_reset(&b);
		buf_adds(&b, "old 1\n");
		for (unsigned i = 0; i < hashes; i++)
			buf_adds(&b, "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n");
		buf_adds(&b, "\nx\n");
		ck_assert_int_eq(witness_request_parse(buf_view(&b), &r, NULL), hashes == 63);
	}
	ck_assert(!witness_request_origin(&r, &origin, NULL));
	buf_free(&b);
}
END_TEST

TCase *make_witness_case(void)
{
	TCase *tc = tcase_create("witness");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_grow_and_cosign);
	tcase_add_test(tc, test_refusals);
	tcase_add_test(tc, test_request_form);
	return tc;
}
