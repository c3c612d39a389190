/* Transforms under keys: values pinned by an independent computation, ways back, and what must differ.
 *
 * The pinned values come from Python's `cryptography` package and hmac, from the definition alone:
 *   l(b)    = two bytes length, big-endian, then b
 *   key     = HKDF-SHA-256(secret 00 01 … 1f, salt "north-south-1", 64 bytes, info = l("gatewayd transform key 1")
 *             l("border-check") l(domain) l(transform) u32(epoch)); shorter keys are its front
 *   pseudonym = base32(HMAC-SHA-256(key[:32], normal form)[:bits/8])
 *   token   = base64url(AES-SIV(key, type + value + 80 00…, components agreement, purpose, domain[, subject]))
 *   seal    = base64url(nonce + AES-GCM(key[:32], nonce, padded, aad = l(agreement) l(purpose) l(domain))), nonce =
 *             SHA-256(seed + u32(counter))[:12]; the tests' seed is 32 bytes 07
 *   fpe     = FF1(key[:32], no tweak); date-shift by HMAC(key[:32], round + subject), 32-bit words, rejection */
#include "test/transform/transform_test.h"

#include "lib/base/datetime.h"
#include "lib/base/encode.h"
#include "lib/base/wire.h"

#define PSEUDONYM(params) \
	"[{\"pointer\":\"/*\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"person\"," params "}}]"

static void assert_same(const char *rules, const char *record, const char *other)
{
	struct program *p = compile_ok(rules);
	char *first = strdup(run_record(p, record, NULL));

	assert_run(p, other, first);
	free(first);
	program_free(p);
}

START_TEST(pseudonyms_are_pinned)
{
	assert_once(PSEUDONYM("\"normalise\":\"exact\""), "{\"v\":\"abc\"}",
	            "{\"v\":\"p1.1.wewkdn5hukjtdk24dg2upbrqja\"}");
	assert_once(PSEUDONYM("\"normalise\":\"exact\",\"bits\":160"), "{\"v\":\"abc\"}",
	            "{\"v\":\"p1.1.wewkdn5hukjtdk24dg2upbrqjd4rowe5\"}");
	assert_once(PSEUDONYM("\"normalise\":\"exact\",\"bits\":192"), "{\"v\":\"abc\"}",
	            "{\"v\":\"p1.1.wewkdn5hukjtdk24dg2upbrqjd4rowe5jpuvyaa\"}");
	assert_once(PSEUDONYM("\"normalise\":\"exact\",\"bits\":256"), "{\"v\":\"abc\"}",
	            "{\"v\":\"p1.1.wewkdn5hukjtdk24dg2upbrqjd4rowe5jpuvyafmqv6ogl7v5hea\"}");
	assert_once(PSEUDONYM("\"normalise\":\"exact\""), "{\"v\":\"\"}",
	            "{\"v\":\"p1.1.3q66ylbqkjzfr6i6eefrzf4bui\"}");
	/* A whole number and its text are one value. */
	assert_once(PSEUDONYM("\"normalise\":\"exact\""), "{\"v\":12345,\"w\":\"12345\",\"x\":123.450e2}",
	            "{\"v\":\"p1.1.hi7x3tpudswjfvkzftimxgjxkm\",\"w\":\"p1.1.hi7x3tpudswjfvkzftimxgjxkm\","
	            "\"x\":\"p1.1.hi7x3tpudswjfvkzftimxgjxkm\"}");
	assert_same(PSEUDONYM("\"normalise\":\"exact\""), "{\"v\":-0}", "{\"v\":\"0\"}");
	assert_same(PSEUDONYM("\"normalise\":\"exact\""), "{\"v\":1234567890123456789012345}",
	            "{\"v\":\"1234567890123456789012345\"}");
	assert_once(PSEUDONYM("\"normalise\":\"name\""),
	            "{\"v\":\"Eriksson, Anna Maria\",\"w\":\"ERIKSSON<ANNA-MARIA\"}",
	            "{\"v\":\"p1.1.he7heoqettd7tr2ma6spzhuvqe\",\"w\":\"p1.1.he7heoqettd7tr2ma6spzhuvqe\"}");
	struct program *p = compile_ok(PSEUDONYM("\"normalise\":\"name\""));
	assert_fails(p, "{\"v\":\"\"}", REASON_TRANSFORM_FAILED, "the name has no letters");
	assert_fails(p, "{\"v\":1.5}", REASON_TRANSFORM_FAILED, "a number, which");
	assert_fails(p, "{\"v\":1e99}", REASON_TRANSFORM_FAILED, "a number, which");
	assert_fails(p, "{\"v\":true}", REASON_TRANSFORM_FAILED, "true or false");
	program_free(p);
}
END_TEST

/* The result of one rule on one value with changed keys; static. */
static const char *with_keys(const struct key_context *keys, const char *rules, const char *value, const char *subject)
{
	static char results[32][256];
	static size_t next;
	struct error_list errors = { .n = 0 };
	struct program *p = compile_rules(rules, keys, &errors);
	char record[128], *out = results[next++ % 32];

	ck_assert_msg(p != NULL, "%s", errors.n ? errors.items[0].text : "");
	snprintf(record, sizeof record, "{\"v\":%s}", value);
	const char *got = run_for(p, record, subject, NULL);
	ck_assert_ptr_nonnull(got);
	snprintf(out, 256, "%s", got);
	program_free(p);
	return out;
}

START_TEST(each_part_of_the_context_gives_another_key)
{
	static const char *const rules[] = {
		"[{\"pointer\":\"/v\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"exact\"}}]",
		"[{\"pointer\":\"/v\",\"action\":\"token\",\"params\":{\"domain\":\"d\"}}]",
		"[{\"pointer\":\"/v\",\"action\":\"fpe\",\"params\":{\"domain\":\"d\",\"alphabet\":\"digits\"}}]",
	};
	static const char *const other_domain[] = {
		"[{\"pointer\":\"/v\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"e\",\"normalise\":\"exact\"}}]",
		"[{\"pointer\":\"/v\",\"action\":\"token\",\"params\":{\"domain\":\"e\"}}]",
		"[{\"pointer\":\"/v\",\"action\":\"fpe\",\"params\":{\"domain\":\"e\",\"alphabet\":\"digits\"}}]",
	};

	for (size_t i = 0; i < 3; i++) {
		struct key_context keys = test_keys(1);
		const char *base = with_keys(&keys, rules[i], "\"1234567890\"", "s");

		ck_assert_str_eq(base, with_keys(&keys, rules[i], "\"1234567890\"", "s"));
		ck_assert_str_eq(base, with_keys(&keys, rules[i], "\"1234567890\"", "another subject"));
		ck_assert_str_ne(base, with_keys(&keys, rules[i], "\"1234567891\"", "s"));
		ck_assert_str_ne(base, with_keys(&keys, other_domain[i], "\"1234567890\"", "s"));
		keys.epoch = 2;
		ck_assert_str_ne(base, with_keys(&keys, rules[i], "\"1234567890\"", "s"));
		keys = test_keys(1);
		keys.purpose = VIEW("asylum");
		ck_assert_str_ne(base, with_keys(&keys, rules[i], "\"1234567890\"", "s"));
		keys = test_keys(1);
		keys.agreement = VIEW("north-south-2");
		ck_assert_str_ne(base, with_keys(&keys, rules[i], "\"1234567890\"", "s"));
		keys = test_keys(1);
		keys.secret.b[31] ^= 1;
		ck_assert_str_ne(base, with_keys(&keys, rules[i], "\"1234567890\"", "s"));
	}
	struct key_context keys = test_keys(2);
	ck_assert_str_eq(with_keys(&keys, PSEUDONYM("\"normalise\":\"exact\""), "\"abc\"", ""),
	                 "{\"v\":\"p1.2.p3sjy2kwollwkph2n2jh5kuyg4\"}");
	/* Lengths stand before the parts, so that they cannot run into each other. */
	keys = test_keys(1);
	keys.purpose = VIEW("ab");
	const char *a =
	        with_keys(&keys, "[{\"pointer\":\"/v\",\"action\":\"token\",\"params\":{\"domain\":\"c\"}}]", "1", "");
	keys.purpose = VIEW("a");
	ck_assert_str_ne(a,
	                 with_keys(&keys, "[{\"pointer\":\"/v\",\"action\":\"token\",\"params\":{\"domain\":\"bc\"}}]",
	                           "1", ""));
}
END_TEST

#define TOKEN(params) "[{\"pointer\":\"/*\",\"action\":\"token\",\"params\":{\"domain\":\"person\"" params "}}]"

START_TEST(tokens_are_pinned)
{
	assert_once(TOKEN(""), "{\"v\":\"abc\",\"w\":\"\\u0061bc\"}",
	            "{\"v\":\"t1.1.5WEhW43H1f316NJqMQyfbztucTLaB20Ar_NeAtdMtrs\","
	            "\"w\":\"t1.1.5WEhW43H1f316NJqMQyfbztucTLaB20Ar_NeAtdMtrs\"}");
	/* A number is hidden by its value. */
	assert_once(TOKEN(""), "{\"v\":19.990,\"w\":1999e-2}",
	            "{\"v\":\"t1.1.mTXwow8Bpf8UcstjIElrCbDeHwTRj2ZvTu6A6y_6tTc\","
	            "\"w\":\"t1.1.mTXwow8Bpf8UcstjIElrCbDeHwTRj2ZvTu6A6y_6tTc\"}");
	assert_once(TOKEN(",\"per_subject\":true"), "{\"v\":\"abc\"}",
	            "{\"v\":\"t1.1.Xst2jnnF7WAi9yq55ze97fxs7vKfjXqVBg9JkQ2eZ9I\"}");
	assert_once(TOKEN(",\"pad\":1"), "{\"v\":\"\"}", "{\"v\":\"t1.1.L4XB3ox7m755yVLBWquWr3nZ\"}");
	assert_once("[{\"pointer\":\"/v\",\"action\":\"seal\",\"params\":{\"domain\":\"person\"}}]", "{\"v\":\"abc\"}",
	            "{\"v\":\"s1.1.2eOLRzUCcA1XFHazIwstNpcvnEswNk-jd1cK-zK20OUDLQO2IR1huHONwzc\"}");
	assert_once(
	        "[{\"pointer\":\"/v\",\"action\":\"fpe\",\"params\":{\"domain\":\"person\",\"alphabet\":\"digits\"}}]",
	        "{\"v\":\"0123456789\"}", "{\"v\":\"8721532708\"}");
}
END_TEST

/* Runs {"v":value}, takes the string that leaves, and turns it back. */
static void assert_returns(const struct program *p, const char *value, const char *subject)
{
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };
	struct buf back = BUF_INIT(4096);
	char record[512];

	snprintf(record, sizeof record, "{\"v\":%s}", value);
	const char *out = run_for(p, record, subject, &e);
	ck_assert_msg(out != NULL, "%s: %s", value, e.text);
	ck_assert_ptr_null(strstr(out, value));
	struct view hidden = view_make(out + 6, strlen(out) - 8);
	ck_assert_msg(program_reverse(p, run, 0, view_of(subject), hidden, &back, &e), "%s: %s", value, e.text);
	ck_assert_msg(view_is(buf_view(&back), value), "%s came back as %.*s", value, VIEW_ARG(buf_view(&back)));
	buf_free(&back);
	transform_run_free(run);
}

START_TEST(reversible_transforms_reverse)
{
	static const char *const values[] = { "\"\"",
		                              "\"abc\"",
		                              "\"\xc3\xa9\\n\"",
		                              "19.99",
		                              "123456789012345678.25",
		                              "-1.5e-8",
		                              "1e+21",
		                              "true",
		                              "false",
		                              "\"123\"",
		                              "123",
		                              "\"fifteen charact\"",
		                              "\"sixteen characte\"",
		                              "\"\\u0000\"",
		                              "\"\xc2\x80\"" };
	static const char *const rules[] = {
		TOKEN(""), TOKEN(",\"pad\":1"), TOKEN(",\"pad\":64,\"per_subject\":true"),
		"[{\"pointer\":\"/*\",\"action\":\"seal\",\"params\":{\"domain\":\"person\"}}]",
		"[{\"pointer\":\"/*\",\"action\":\"seal\",\"params\":{\"domain\":\"person\",\"pad\":256}}]"
	};

	for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
		struct program *p = compile_ok(rules[r]);

		for (size_t i = 0; i < sizeof values / sizeof *values; i++)
			assert_returns(p, values[i], "subject-1");
		program_free(p);
	}
}
END_TEST

START_TEST(format_is_preserved)
{
	static const struct {
		const char *params, *value, *pattern, *error;
	} cases[] = {
		{ "\"alphabet\":\"digits\"", "\"123456\"", "000000", NULL },
		{ "\"alphabet\":\"digits\",\"check\":\"luhn\",\"separators\":\" -\"", "\"4111 1111-1111 1111\"",
		  "0000 0000-0000 0000", NULL },
		{ "\"alphabet\":\"letters\"", "\"ABCDE\"", "AAAAA", NULL },
		{ "\"alphabet\":\"alphanumeric\"", "\"L898\"", "****", NULL },
		/* ICAO Doc 9303-4 appendix A: the specimen's document number with its check digit. */
		{ "\"alphabet\":\"alphanumeric\",\"check\":\"mrz\"", "\"L898902C36\"", "*********0", NULL },
		{ "\"alphabet\":\"alphanumeric\",\"check\":\"mrz\"", "\"L898902C35\"", NULL, "check digit is wrong" },
		{ "\"alphabet\":\"digits\",\"check\":\"luhn\"", "\"4111111111111112\"", NULL, "check digit is wrong" },
		{ "\"alphabet\":\"digits\",\"check\":\"luhn\"", "\"0\"", NULL, "does not fit" },
		{ "\"alphabet\":\"digits\"", "\"12345\"", NULL, "too short" },
		{ "\"alphabet\":\"digits\",\"check\":\"luhn\"", "\"123455\"", NULL, "too short" },
		{ "\"alphabet\":\"digits\"", "\"\"", NULL, "does not fit" },
		{ "\"alphabet\":\"digits\"", "\"123-456\"", NULL, "does not fit" },
		{ "\"alphabet\":\"letters\"", "\"abcde\"", NULL, "does not fit" },
		{ "\"alphabet\":\"digits\"", "\"123456\\u0000\"", NULL, "does not fit" },
		{ "\"alphabet\":\"digits\"", "123456", NULL, "a number, which" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char rules[256], record[128];

		snprintf(rules, sizeof rules,
		         "[{\"pointer\":\"/v\",\"action\":\"fpe\",\"params\":{\"domain\":\"card\",%s}}]",
		         cases[i].params);
		struct program *p = compile_ok(rules);
		snprintf(record, sizeof record, "{\"v\":%s}", cases[i].value);
		if (cases[i].error) {
			assert_fails(p, record, REASON_TRANSFORM_FAILED, cases[i].error);
		} else {
			const char *out = run_record(p, record, NULL);

			for (size_t k = 0; cases[i].pattern[k]; k++) {
				char want = cases[i].pattern[k], c = out[6 + k];

				ck_assert_msg(want == '0'   ? c >= '0' && c <= '9'
				              : want == 'A' ? c >= 'A' && c <= 'Z'
				              : want == '*' ? (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
				                            : c == want,
				              "%s", out);
			}
			ck_assert(check_arrival(p, out, NULL));
			assert_returns(p, cases[i].value, "");
		}
		program_free(p);
	}
}
END_TEST

static void reverse_refused(const struct program *p, uint32_t rule, const char *subject, const char *value,
                            enum reason reason, const char *want)
{
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };
	struct buf back = BUF_INIT(4096);

	ck_assert(!program_reverse(p, run, rule, view_of(subject), view_of(value), &back, &e));
	ck_assert_int_eq(e.reason, reason);
	ck_assert_msg(strstr(e.text, want) != NULL, "%s", e.text);
	ck_assert_uint_eq(back.n, 0);
	transform_run_free(run);
}

START_TEST(reversal_is_refused)
{
	struct program *p = compile_ok(TOKEN(",\"per_subject\":true"));
	char token[128];

	snprintf(token, sizeof token, "%s", run_record(p, "{\"v\":\"abc\"}", NULL) + 6);
	token[strlen(token) - 2] = 0;
	reverse_refused(p, 0, "", token, REASON_TRANSFORM_FAILED, "needs to know the data subject");
	reverse_refused(p, 0, "subject-2", token, REASON_TRANSFORM_FAILED, "not made under this key and context");
	token[10] = token[10] == 'A' ? 'B' : 'A';
	reverse_refused(p, 0, "subject-1", token, REASON_TRANSFORM_FAILED, "not made under this key and context");
	reverse_refused(p, 0, "subject-1", "t1.2.AAAA", REASON_TRANSFORM_FAILED, "not of this transform and epoch");
	reverse_refused(p, 0, "subject-1", "t1.1.A", REASON_TRANSFORM_FAILED, "not of this transform and epoch");
	reverse_refused(p, 0, "subject-1", "t1.1.", REASON_TRANSFORM_FAILED, "not made under");
	reverse_refused(p, 0, "subject-1", "abc", REASON_TRANSFORM_FAILED, "not of this transform and epoch");
	reverse_refused(p, 1, "subject-1", token, REASON_TRANSFORM_FAILED, "no such rule");
	program_free(p);
	p = compile_ok("[{\"pointer\":\"/v\",\"action\":\"seal\",\"params\":{\"domain\":\"person\"}}]");
	reverse_refused(p, 0, "", "s1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", REASON_TRANSFORM_FAILED,
	                "not made under");
	reverse_refused(p, 0, "", "s1.1.AAAA", REASON_TRANSFORM_FAILED, "not made under");
	program_free(p);
	p = compile_ok(PSEUDONYM("\"normalise\":\"exact\""));
	reverse_refused(p, 0, "", "p1.1.wewkdn5hukjtdk24dg2upbrqja", REASON_TRANSFORM_FAILED, "cannot be reversed");
	program_free(p);
	p = compile_ok(
	        "[{\"pointer\":\"/v\",\"action\":\"fpe\",\"params\":{\"domain\":\"d\",\"alphabet\":\"digits\"}}]");
	reverse_refused(p, 0, "", "12", REASON_TRANSFORM_FAILED, "too short");
	program_free(p);
	/* More digits than FF1 takes here; and no room for the result. */
	p = compile_ok(
	        "[{\"pointer\":\"/v\",\"action\":\"fpe\",\"params\":{\"domain\":\"d\",\"alphabet\":\"digits\"}}]");
	char digits[130];
	memset(digits, '1', 129);
	digits[129] = 0;
	reverse_refused(p, 0, "", digits, REASON_TRANSFORM_FAILED, "does not fit");
	struct transform_run *run = transform_run_new();
	struct buf none = BUF_INIT(4);
	struct error full = { .reason = REASON_NONE };
	ck_assert(!program_reverse(p, run, 0, VIEW(""), VIEW("1234567"), &none, &full));
	ck_assert_int_eq(full.reason, REASON_NO_MEMORY);
	buf_free(&none);
	transform_run_free(run);
	program_free(p);
	struct key_context keys = test_keys(1);
	struct error_list errors = { .n = 0 };
	keys.secret.n = 0;
	p = compile_rules(TOKEN(""), &keys, &errors);
	reverse_refused(p, 0, "", token, REASON_CRYPTO, "there is no key");
	program_free(p);
	p = compile_ok(TOKEN(",\"per_subject\":true"));
	struct error e = { .reason = REASON_NONE };
	ck_assert_ptr_null(run_for(p, "{\"v\":1}", "", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "needs to know the data subject"));
	program_free(p);
}
END_TEST

START_TEST(sealed_values_are_never_alike)
{
	struct program *p = compile_ok("[{\"pointer\":\"/*\",\"action\":\"seal\",\"params\":{\"domain\":\"person\"}}]");
	const char *out = run_record(p, "[\"a\",\"a\",\"a\"]", NULL);
	const char *first = strstr(out, "s1."), *second = strstr(first + 1, "s1."), *third = strstr(second + 1, "s1.");

	ck_assert_int_ne(memcmp(first, second, 40), 0);
	ck_assert_int_ne(memcmp(first, third, 40), 0);
	ck_assert_int_ne(memcmp(second, third, 40), 0);
	program_free(p);
}
END_TEST

START_TEST(sealing_needs_random_bytes)
{
	struct program *p = compile_ok("[{\"pointer\":\"/*\",\"action\":\"seal\",\"params\":{\"domain\":\"person\"}}]");
	struct tape_parser *parser = tape_parser_new(NULL);
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };
	struct buf out = BUF_INIT(4096);
	struct tape t;

	ck_assert(tape_parse(parser, VIEW("[1]"), &t, &e));
	struct transform_input in = { .tape = &t };
	ck_assert(!program_run(p, run, &in, &out, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "needs fresh random bytes"));
	buf_free(&out);
	transform_run_free(run);
	tape_parser_free(parser);
	program_free(p);
}
END_TEST

/* A value under the right key that no token can have made: who holds the key may err, too. */
START_TEST(what_is_not_padded_is_not_opened)
{
	static const struct view plain[] = { { "Sabc", 4 }, { "\x80", 1 }, { "Sabc\x00\x00", 6 }, { "\0\0\0", 3 } };
	struct program *p = compile_ok("[{\"pointer\":\"/v\",\"action\":\"token\",\"params\":{\"domain\":\"d\"}}]");
	struct view context[] = { VIEW("north-south-1"), VIEW("border-check"), VIEW("d") };
	struct key_context keys = test_keys(1);
	struct buf info = BUF_INIT(500), text = BUF_INIT(500), out = BUF_INIT(500);
	struct transform_run *run = transform_run_new();
	uint8_t key[64], sealed[64];

	put_view16(&info, VIEW("gatewayd transform key 1"));
	put_view16(&info, context[1]);
	put_view16(&info, context[2]);
	put_view16(&info, VIEW("token"));
	put_u32(&info, 1);
	ck_assert(hkdf_sha256(view_make(keys.secret.b, keys.secret.n), context[0], buf_view(&info), key, sizeof key));
	struct siv_key *siv = siv_key_new(key);
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		struct error e = { .reason = REASON_NONE };
		buf_reset(&text);
		ck_assert(siv_seal(siv, context, 3, plain[i], sealed));
		buf_adds(&text, "t1.1.");
		base64url_encode(&text, view_make(sealed, plain[i].n + 16));
		ck_assert(!program_reverse(p, run, 0, VIEW(""), buf_view(&text), &out, &e));
		ck_assert_ptr_nonnull(strstr(e.text, "was not made under this key and context"));
		ck_assert_uint_eq(out.n, 0);
	}
	/* The same way, well padded. */
	buf_reset(&text);
	ck_assert(siv_seal(siv, context, 3, view_make("Sabc\x80", 5), sealed));
	buf_adds(&text, "t1.1.");
	base64url_encode(&text, view_make(sealed, 5 + 16));
	ck_assert(program_reverse(p, run, 0, VIEW(""), buf_view(&text), &out, NULL));
	ck_assert(view_is(buf_view(&out), "\"abc\""));
	siv_key_free(siv);
	buf_free(&info);
	buf_free(&text);
	buf_free(&out);
	transform_run_free(run);
	program_free(p);
}
END_TEST

START_TEST(dates_shift_by_subject)
{
	static const char rules[] =
	        "[{\"pointer\":\"/*\",\"action\":\"date-shift\",\"params\":{\"domain\":\"dates\",\"days\":30}}]";
	struct program *p = compile_ok(rules);
	struct error e = { .reason = REASON_NONE };

	ck_assert_str_eq(run_for(p, "{\"a\":\"1984-03-17\",\"b\":\"1984-03-18T23:00:00.5+02:00\",\"c\":null}",
	                         "subject-1", NULL),
	                 "{\"a\":\"1984-03-15\",\"b\":\"1984-03-16T23:00:00.5+02:00\",\"c\":null}");
	ck_assert_str_eq(run_for(p, "{\"a\":\"1984-03-17\"}", "subject-2", NULL), "{\"a\":\"1984-04-04\"}");
	ck_assert_ptr_null(run_for(p, "{\"a\":\"1984-03-17\"}", "", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "needs to know the data subject"));
	assert_fails(p, "{\"a\":\"1984-03\"}", REASON_TRANSFORM_FAILED, "not a full date");
	assert_fails(p, "{\"a\":\"1984-02-30\"}", REASON_TRANSFORM_FAILED, "not a full date");
	assert_fails(p, "{\"a\":\"0000-01-01\"}", REASON_TRANSFORM_FAILED, "outside the years");
	e = (struct error){ .reason = REASON_NONE };
	ck_assert_ptr_null(run_for(p, "{\"a\":\"9999-12-31\"}", "subject-2", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "outside the years"));
	program_free(p);
}
END_TEST

START_TEST(shifts_are_even_and_never_zero)
{
	struct program *p =
	        compile_ok("[{\"pointer\":\"/v\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":3}}]");
	const int64_t day = date_to_days((struct date){ 2000, 6, 15 });
	unsigned seen[7] = { 0 };

	for (unsigned i = 0; i < 6000; i++) {
		char subject[16];
		struct date d;

		snprintf(subject, sizeof subject, "s%u", i);
		const char *out = run_for(p, "{\"v\":\"2000-06-15\"}", subject, NULL);
		ck_assert(date_parse(view_make(out + 6, 10), &d));
		int64_t shift = date_to_days(d) - day;
		ck_assert_int_ge(shift, -3);
		ck_assert_int_le(shift, 3);
		seen[shift + 3]++;
	}
	ck_assert_uint_eq(seen[3], 0);
	/* 1,000 each; the bounds are over six standard deviations away, and the subjects are fixed. */
	for (int i = 0; i < 7; i++)
		if (i != 3)
			ck_assert_msg(seen[i] > 820 && seen[i] < 1180, "%d: %u", i - 3, seen[i]);
	program_free(p);
}
END_TEST

TCase *make_keyed_case(void);
TCase *make_keyed_case(void)
{
	TCase *c = tcase_create("keyed");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, pseudonyms_are_pinned);
	tcase_add_test(c, each_part_of_the_context_gives_another_key);
	tcase_add_test(c, tokens_are_pinned);
	tcase_add_test(c, reversible_transforms_reverse);
	tcase_add_test(c, format_is_preserved);
	tcase_add_test(c, reversal_is_refused);
	tcase_add_test(c, sealed_values_are_never_alike);
	tcase_add_test(c, sealing_needs_random_bytes);
	tcase_add_test(c, what_is_not_padded_is_not_opened);
	tcase_add_test(c, dates_shift_by_subject);
	tcase_add_test(c, shifts_are_even_and_never_zero);
	return c;
}
