/* Payloads: what is sealed with the record, what an older build sealed, and what does not open. */
#include <check.h>

#include "gatewayd/core/keys/payload.h"

TCase *make_payload_case(void);

static const uint8_t key[32] = { 7 }, nonce[12] = { 9 };
static const struct uuid exchange = { .b = { 1, 2, 3 } }, other = { .b = { 1, 2, 4 } };
static const struct salt salt = { .b = { 5 } }, input_salt = { .b = { 6 } };
static struct gcm *gcm;
static struct buf sealed;
static struct payload p;

static void setup(void)
{
	gcm = gcm_new();
	ck_assert_ptr_nonnull(gcm);
	sealed = BUF_INIT(4096);
	p = (struct payload){ .plain = BUF_INIT(4096) };
}

static void teardown(void)
{
	payload_close(&p);
	buf_free(&sealed);
	gcm_free(gcm);
}

static void seal(struct view beside)
{
	struct buf plain = BUF_INIT(4096);
	struct payload_parts parts = { .key = key,
		                       .nonce = nonce,
		                       .exchange = &exchange,
		                       .salt = &salt,
		                       .input_salt = &input_salt,
		                       .beside = beside,
		                       .record = VIEW("{\"made\":\"up\"}") };

	ck_assert(payload_seal(gcm, &parts, &plain, &sealed));
	buf_free(&plain);
}

START_TEST(what_was_sealed_opens_and_says_what_stood_beside_it)
{
	seal(VIEW("\"tier\":\"T1\""));
	ck_assert(payload_unseal(gcm, key, buf_view(&sealed), &exchange, &p));
	ck_assert(view_is(p.record, "{\"made\":\"up\"}"));
	ck_assert(memcmp(&p.salt, &salt, sizeof salt) == 0 && memcmp(&p.input_salt, &input_salt, sizeof salt) == 0);
	ck_assert(p.has_beside && payload_beside(&p, VIEW("\"tier\":\"T1\"")));
	ck_assert(!payload_beside(&p, VIEW("\"tier\":\"T0\"")) && !payload_beside(&p, VIEW("")));
}
END_TEST

START_TEST(nothing_else_opens)
{
	static const uint8_t wrong[32] = { 8 };

	seal(VIEW(""));
	ck_assert(!payload_unseal(gcm, wrong, buf_view(&sealed), &exchange, &p));
	ck_assert(!payload_unseal(gcm, key, buf_view(&sealed), &other, &p));
	for (size_t n = 0; n < sealed.n; n++)
		ck_assert(!payload_unseal(gcm, key, view_make(sealed.p, n), &exchange, &p));
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 1;
		ck_assert(!payload_unseal(gcm, key, buf_view(&sealed), &exchange, &p));
		sealed.p[i] ^= 1;
	}
	ck_assert(payload_unseal(gcm, key, buf_view(&sealed), &exchange, &p));
}
END_TEST

/* Both salts and the record, under the exchange's id alone. */
START_TEST(what_an_older_build_sealed_opens)
{
	struct buf plain = BUF_INIT(4096);

	buf_add(&plain, view_make(salt.b, sizeof salt.b));
	buf_add(&plain, view_make(input_salt.b, sizeof input_salt.b));
	buf_adds(&plain, "{}");
	buf_add(&sealed, view_make(nonce, sizeof nonce));
	uint8_t *room = (uint8_t *)buf_room(&sealed, plain.n + 16);
	ck_assert(room && gcm_seal(gcm, key, nonce, view_make(exchange.b, sizeof exchange.b), buf_view(&plain), room));
	sealed.n += plain.n + 16;
	ck_assert(payload_unseal(gcm, key, buf_view(&sealed), &exchange, &p));
	ck_assert(view_is(p.record, "{}") && !p.has_beside && payload_beside(&p, VIEW("anything")));
	buf_free(&plain);
}
END_TEST

TCase *make_payload_case(void)
{
	TCase *c = tcase_create("payload");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, what_was_sealed_opens_and_says_what_stood_beside_it);
	tcase_add_test(c, nothing_else_opens);
	tcase_add_test(c, what_an_older_build_sealed_opens);
	return c;
}
