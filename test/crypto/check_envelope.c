/* Messages to the holder of a certificate: both ways against the openssl command, and every refusal. */
#include "test/crypto/pki.h"

#include "lib/crypto/envelope.h"

#define TEXT "a page of a store \0 and more of it"

static void open_case(void)
{
	pki_open();
	pki_self("anna", "ec -pkeyopt ec_paramgen_curve:P-256", "");
	pki_self("bert", "rsa:2048", "");
	pki_self("carl", "ec -pkeyopt ec_paramgen_curve:P-384", "");
	pki_self("dora", "ed25519", "");
	pki_self("emil", "ec -pkeyopt ec_paramgen_curve:P-256", "-addext keyUsage=digitalSignature");
}

static struct view file_of(const char *name, const char *suffix)
{
	char path[64];

	snprintf(path, sizeof path, "%s.%s", name, suffix);
	return pki_read(path);
}

static void seal(const char *to, struct view plain, struct buf *out)
{
	struct error e = { .reason = REASON_NONE };
	struct envelope_recipient *r = envelope_recipient_new(file_of(to, "pem"), &e);

	ck_assert_msg(r != NULL, "%s", e.text);
	ck_assert_msg(envelope_seal(r, plain, out, &e), "%s", e.text);
	envelope_recipient_free(r);
}

static bool open_with(const char *who, struct view message, struct buf *out, struct error *e)
{
	struct envelope_opener *o = envelope_opener_new(file_of(who, "pem"), file_of(who, "key"), e);

	ck_assert_msg(o != NULL, "%s", e->text);
	bool ok = envelope_open(o, message, out, e);
	envelope_opener_free(o);
	return ok;
}

START_TEST(what_is_sealed_opens_here_and_with_the_command)
{
	static const char *const names[] = { "anna", "bert", "carl" };

	for (size_t i = 0; i < 3; i++) {
		struct error e = { .reason = REASON_NONE };
		struct buf message = BUF_INIT(1 << 20), plain = BUF_INIT(1 << 20);

		seal(names[i], VIEW(TEXT), &message);
		ck_assert_msg(open_with(names[i], buf_view(&message), &plain, &e), "%s: %s", names[i], e.text);
		ck_assert(view_eq(buf_view(&plain), VIEW(TEXT)));
		pki_write("message", buf_view(&message));
		pki_sh("openssl cms -decrypt -inform DER -binary -in message -recip %s.pem -inkey %s.key -out plain",
		       names[i], names[i]);
		ck_assert(view_eq(pki_read("plain"), VIEW(TEXT)));
		buf_free(&message);
		buf_free(&plain);
	}
}
END_TEST

START_TEST(a_large_message_and_an_empty_one)
{
	static const size_t sizes[] = { 0, 1, 5u << 20 };

	for (size_t i = 0; i < 3; i++) {
		struct error e = { .reason = REASON_NONE };
		struct buf message = BUF_INIT(8u << 20), plain = BUF_INIT(8u << 20), in = BUF_INIT(8u << 20);

		for (size_t k = 0; k < sizes[i]; k++)
			buf_addc(&in, (char)(k * 7));
		seal("anna", buf_view(&in), &message);
		ck_assert_msg(open_with("anna", buf_view(&message), &plain, &e), "%s", e.text);
		ck_assert(view_eq(buf_view(&plain), buf_view(&in)));
		buf_free(&message);
		buf_free(&plain);
		buf_free(&in);
	}
}
END_TEST

START_TEST(nothing_opens_that_was_touched_or_is_anothers)
{
	struct buf message = BUF_INIT(1 << 20), plain = BUF_INIT(1 << 20);
	struct error e = { .reason = REASON_NONE };

	seal("anna", VIEW(TEXT), &message);
	ck_assert(!open_with("carl", buf_view(&message), &plain, &e));
	ck_assert_int_eq(e.reason, REASON_CRYPTO);
	for (size_t i = 0; i < message.n; i++) {
		struct buf copy = BUF_INIT(1 << 20);
		e.reason = REASON_NONE;
		buf_add(&copy, buf_view(&message));
		copy.p[i] ^= 1;
		/* A message may say the same in another way, but never something else. */
		if (open_with("anna", buf_view(&copy), &plain, &e))
			ck_assert(view_eq(buf_view(&plain), VIEW(TEXT)));
		else
			ck_assert_int_eq(e.reason, REASON_CRYPTO);
		buf_reset(&plain);
		buf_free(&copy);
	}
	for (size_t n = 0; n < message.n; n += 7) {
		e.reason = REASON_NONE;
		ck_assert(!open_with("anna", view_make(message.p, n), &plain, &e));
	}
	buf_addc(&message, 'x');
	e.reason = REASON_NONE;
	ck_assert(!open_with("anna", buf_view(&message), &plain, &e));
	buf_free(&message);
	buf_free(&plain);
}
END_TEST

static void unusable(struct view cert, const char *want)
{
	struct error e = { .reason = REASON_NONE };

	ck_assert(envelope_recipient_new(cert, &e) == NULL);
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_msg(strstr(e.text, want) != NULL, "%s has no %s", e.text, want);
}

START_TEST(certificates_and_keys_that_cannot_be_used)
{
	struct error e = { .reason = REASON_NONE };

	unusable(VIEW("no certificate"), "cannot be read");
	unusable(file_of("dora", "pem"), "none of P-256");
	unusable(file_of("emil", "pem"), "keyAgreement");
	ck_assert(envelope_opener_new(file_of("anna", "pem"), file_of("carl", "key"), &e) == NULL);
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	e.reason = REASON_NONE;
	ck_assert(envelope_opener_new(file_of("anna", "pem"), VIEW("no key"), &e) == NULL);
	ck_assert_int_eq(e.reason, REASON_CONFIG);
}
END_TEST

TCase *make_envelope_case(void);
TCase *make_envelope_case(void)
{
	TCase *tc = tcase_create("envelope");

	tcase_add_unchecked_fixture(tc, open_case, pki_close);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, what_is_sealed_opens_here_and_with_the_command);
	tcase_add_test(tc, a_large_message_and_an_empty_one);
	tcase_add_test(tc, nothing_opens_that_was_touched_or_is_anothers);
	tcase_add_test(tc, certificates_and_keys_that_cannot_be_used);
	return tc;
}
