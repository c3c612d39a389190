/* Trust policies, C2SP tlog-policy. */
#include <check.h>

#include "lib/tlog/trust.h"
#include "test/tlog/fixture.h"

TCase *make_trust_case(void);

#define WITNESSES 6

static struct log *l;
static struct note_signer witness[WITNESSES];
static char vkey[WITNESSES][300], log_vkey[300];

static void print_vkey(const struct note_vkey *k, char out[300])
{
	struct buf b = BUF_INIT(299);

	note_vkey_print(k, &b);
	memcpy(out, b.p, b.n);
	out[b.n] = '\0';
	buf_free(&b);
}

static void setup(void)
{
	l = log_new("north.example/audit/gw/1", 1, 10);
	print_vkey(&l->signer.vkey, log_vkey);
	for (unsigned i = 0; i < WITNESSES; i++) {
		uint8_t seed[32] = { (uint8_t)(20 + i) }, public[32];
		char name[40];

		snprintf(name, sizeof name, "witness%u.example", i);
		witness[i].key = ed25519_from_seed(seed);
		ed25519_public(witness[i].key, public);
		ck_assert(note_vkey_make(view_of(name), NOTE_COSIGNER, public, &witness[i].vkey));
		print_vkey(&witness[i].vkey, vkey[i]);
	}
}

static void teardown(void)
{
	log_free(l);
	for (unsigned i = 0; i < WITNESSES; i++)
		ed25519_free(witness[i].key);
}

/* C2SP tlog-policy's example: two of X1..X3 and any of Y1..Y3. */
static void example(struct buf *b)
{
	buf_reset(b);
	buf_addf(b, "# example\n\n  \t\nlog %s\n", log_vkey);
	for (unsigned i = 0; i < 3; i++)
		buf_addf(b, "witness X%u\t%s https://witness.example/\n", i + 1, vkey[i]);
	buf_adds(b, "group X-witnesses 2 X1 X2 X3\n");
	for (unsigned i = 0; i < 3; i++)
		buf_addf(b, " witness  Y%u %s \n", i + 1, vkey[3 + i]);
	buf_adds(b, "group Y-witnesses any Y1 Y2 Y3\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n");
}

START_TEST(test_quorum)
{
	struct buf policy = BUF_INIT(10000), note = BUF_INIT(NOTE_MAX);
	struct error e = { 0 };
	struct view text, signatures;
	struct trust_witnessed w = { 0 };

	example(&policy);
	struct trust *t = trust_parse(buf_view(&policy), &e);
	ck_assert_msg(t != NULL, "%s", e.text);
	ck_assert(note_split(buf_view(&l->note), &text, &signatures, NULL));
	for (unsigned set = 0; set < 1 << WITNESSES; set++) {
		unsigned x = (unsigned)__builtin_popcount(set & 7), y = (unsigned)__builtin_popcount(set >> 3);
		struct error missing = { .reason = REASON_NONE };
		const struct note_vkey *log = NULL;
		struct checkpoint c;

		buf_reset(&note);
		buf_add(&note, buf_view(&l->note));
		for (unsigned i = 0; i < WITNESSES; i++)
			if (set >> i & 1)
				ck_assert(note_cosign(&witness[i], text, 1767323045, &note));
		bool enough = x >= 2 && y >= 1;
		ck_assert_int_eq(trust_check(t, buf_view(&note), &c, &log, &w, &missing), enough);
		/* The log's own signature holds either way, and that is told apart from tampering. */
		ck_assert_int_eq(missing.reason, enough ? REASON_NONE : REASON_NOT_COSIGNED);
		ck_assert(w.quorum == enough && w.cosigned == x + y && w.independent == x + y && w.of_independent == 6);
		ck_assert_uint_eq(w.time_s, enough ? 1767323045 : 0);
		ck_assert_str_eq(log->name, l->signer.vkey.name);
		ck_assert_uint_eq(c.size, 10);
	}
	/* All have cosigned; one bit of one cosignature of a known witness spoils the note. */
	note.p[note.n - 10] ^= 1;
	struct checkpoint c;
	struct error spoilt = { .reason = REASON_NONE };
	ck_assert(!trust_check(t, buf_view(&note), &c, NULL, NULL, &spoilt));
	ck_assert_int_eq(spoilt.reason, REASON_TAMPERED);
	ck_assert(trust_log(t, 0) != NULL);
	ck_assert(trust_log(t, 1) == NULL);
	trust_free(t);
	buf_free(&policy);
	buf_free(&note);
}
END_TEST

/* Two of X and one of Y: the quorum is as old as the older of the newest two X, or the newest Y. */
START_TEST(test_time_of_the_quorum)
{
	static const struct {
		uint64_t x[3], y[3], at; /* 0: has not cosigned */
	} cases[] = {
		{ { 100, 200, 300 }, { 250, 0, 0 }, 200 },
		{ { 100, 200, 300 }, { 150, 0, 0 }, 150 },
		{ { 100, 0, 300 }, { 250, 400, 0 }, 100 },
		{ { 0, 0, 300 }, { 250, 400, 0 }, 0 },
	};
	struct buf policy = BUF_INIT(10000), note = BUF_INIT(NOTE_MAX);
	struct view text, signatures;

	example(&policy);
	struct trust *t = trust_parse(buf_view(&policy), NULL);
	ck_assert_ptr_nonnull(t);
	ck_assert(note_split(buf_view(&l->note), &text, &signatures, NULL));
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct trust_witnessed w;
		struct view body, lines;

		buf_reset(&note);
		buf_add(&note, buf_view(&l->note));
		for (unsigned i = 0; i < WITNESSES; i++) {
			uint64_t at = i < 3 ? cases[k].x[i] : cases[k].y[i - 3];
			ck_assert(at == 0 || note_cosign(&witness[i], text, at, &note));
		}
		ck_assert(note_split(buf_view(&note), &body, &lines, NULL));
		ck_assert(trust_weigh(t, body, lines, &w, NULL));
		ck_assert_uint_eq(w.time_s, cases[k].at);
		ck_assert_int_eq(w.quorum, cases[k].at != 0);
	}
	trust_free(t);
	buf_free(&policy);
	buf_free(&note);
}
END_TEST

/* A gateway that exchanges with the log's is an interested party, and so is whoever has a log at the same host. */
START_TEST(test_who_is_independent)
{
	static const char *const names[] = { "south.example/witness/gw", "north.example/office", "office.example",
		                             "court.example/w1" };
	struct buf policy = BUF_INIT(10000), note = BUF_INIT(NOTE_MAX);
	struct view text, signatures, lines;
	struct trust_witnessed w;

	ck_assert(note_split(buf_view(&l->note), &text, &signatures, NULL));
	buf_add(&note, buf_view(&l->note));
	buf_addf(&policy, "log %s\n", log_vkey);
	for (unsigned i = 0; i < 4; i++) {
		struct note_signer s = witness[i];
		uint8_t public[32];
		char text_of[300];

		ed25519_public(s.key, public);
		ck_assert(note_vkey_make(view_of(names[i]), NOTE_COSIGNER, public, &s.vkey));
		print_vkey(&s.vkey, text_of);
		buf_addf(&policy, "witness w%u %s\n", i, text_of);
		ck_assert(i == 3 || note_cosign(&s, text, 1, &note));
	}
	buf_adds(&policy, "quorum w0\n");
	struct trust *t = trust_parse(buf_view(&policy), NULL);
	ck_assert_ptr_nonnull(t);
	ck_assert(note_split(buf_view(&note), &text, &lines, NULL));
	ck_assert(trust_weigh(t, text, lines, &w, NULL));
	ck_assert(w.cosigned == 3 && w.independent == 1 && w.of_independent == 2 && w.quorum);
	trust_free(t);
	buf_free(&policy);
	buf_free(&note);
}
END_TEST

/* A witness of an algorithm that is not known here does not make the policy unusable: it counts as not met. */
START_TEST(test_unknown_algorithm)
{
	struct buf policy = BUF_INIT(10000), note = BUF_INIT(NOTE_MAX);
	struct trust_witnessed w;
	struct checkpoint c;
	struct view text, signatures;
	struct error e = { 0 };
	static const char *const quorums[] = { "any", "all", "2" };

	ck_assert(note_split(buf_view(&l->note), &text, &signatures, NULL));
	buf_add(&note, buf_view(&l->note));
	ck_assert(note_cosign(&witness[0], text, 1000, &note));
	ck_assert(note_cosign(&witness[1], text, 1000, &note));
	for (unsigned i = 0; i < 3; i++) {
		buf_reset(&policy);
		buf_addf(
		        &policy,
		        "log %s\nwitness new new.example+01020304+fwECAwQF\nwitness newer newer.example+01020304+/wECAwQF\n"
		        "witness a %s\nwitness b %s\ngroup g %s new a newer b\nquorum g\n",
		        log_vkey, vkey[0], vkey[1], quorums[i]);
		struct trust *t = trust_parse(buf_view(&policy), &e);
		ck_assert_msg(t != NULL, "%s", e.text);
		ck_assert_int_eq(trust_check(t, buf_view(&note), &c, NULL, &w, NULL), i != 1);
		ck_assert_uint_eq(w.unknown, 2);
		ck_assert_uint_eq(w.cosigned, 2);
		ck_assert_uint_eq(w.of_independent, 2);
		trust_free(t);
	}
	/* What is no key is no witness, and a log's has to be known. */
	ck_assert_ptr_null(trust_parse(VIEW("witness new new.example+01020304+/\nquorum none\n"), NULL));
	ck_assert_ptr_null(trust_parse(VIEW("log new.example+01020304+fwECAwQF\nquorum none\n"), NULL));
	buf_free(&policy);
	buf_free(&note);
}
END_TEST

START_TEST(test_none_and_unknown_log)
{
	struct buf policy = BUF_INIT(10000);
	struct checkpoint c;

	buf_addf(&policy, "log %s\nquorum none\n", log_vkey);
	struct trust *t = trust_parse(buf_view(&policy), NULL);
	ck_assert(t != NULL);
	ck_assert(trust_check(t, buf_view(&l->note), &c, NULL, NULL, NULL));
	trust_free(t);
	t = trust_parse(VIEW("quorum none\n"), NULL);
	ck_assert(t != NULL);
	ck_assert(!trust_check(t, buf_view(&l->note), &c, NULL, NULL, NULL));
	trust_free(t);
	buf_free(&policy);
}
END_TEST

START_TEST(test_malformed)
{
	/* %L a log's key, %W and %V two witnesses'. */
	static const char *const bad[] = {
		"",
		"quorum none",
		"\n",
		"log %L\n",
		"quorum x\n",
		"quorum none\nquorum none\n",
		"quorum none x\n",
		"quorum\n",
		"log %W\nquorum none\n",
		"log\nquorum none\n",
		"log %L\nlog %L\nquorum none\n",
		"log %L a b\nquorum none\n",
		"witness a %L\nquorum none\n",
		"witness %W\nquorum none\n",
		"witness none %W\nquorum none\n",
		"witness a %W\nwitness a %V\nquorum a\n",
		"witness a %W\nwitness b %W\nquorum a\n",
		"witness a %W u v\nquorum a\n",
		"quorum a\nwitness a %W\n",
		"group g any a\nwitness a %W\nquorum g\n",
		"witness a %W\ngroup g any\nquorum g\n",
		"witness a %W\ngroup g 0 a\nquorum g\n",
		"witness a %W\ngroup g 2 a\nquorum g\n",
		"witness a %W\ngroup g 01 a\nquorum g\n",
		"witness a %W\ngroup g some a\nquorum g\n",
		"witness a %W\ngroup g any a a\nquorum g\n",
		"witness a %W\ngroup g any a\ngroup h any a\nquorum g\n",
		"witness a %W\ngroup g any g\nquorum g\n",
		"witness a %W\ngroup g any none\nquorum g\n",
		"witness a %W\ngroup a any a\nquorum a\n",
		"quorum none\r\n",
		"quorum none\nnonsense\n",
		"# \x01\nquorum none\n",
		"# \x7f\nquorum none\n",
	};
	struct buf b = BUF_INIT(10000);

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct error e = { 0 };

		buf_reset(&b);
		for (const char *p = bad[i]; *p; p++) {
			if (*p != '%')
				buf_addc(&b, *p);
			else
				buf_adds(&b, *++p == 'L' ? log_vkey : *p == 'W' ? vkey[0] : vkey[1]);
		}
		ck_assert_msg(trust_parse(buf_view(&b), &e) == NULL, "case %zu", i);
		ck_assert_int_eq(e.reason, REASON_CONFIG);
	}
	buf_free(&b);
}
END_TEST

TCase *make_trust_case(void)
{
	TCase *tc = tcase_create("trust");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_quorum);
	tcase_add_test(tc, test_time_of_the_quorum);
	tcase_add_test(tc, test_who_is_independent);
	tcase_add_test(tc, test_unknown_algorithm);
	tcase_add_test(tc, test_none_and_unknown_log);
	tcase_add_test(tc, test_malformed);
	return tc;
}
