/* libFuzzer target: any bytes as what the store has of a payload, of an archived log and of a backup. A payload that was sealed opens,
 * and with one bit changed, or for another exchange, does not; a manifest reads as it was printed. */
#include "gatewayd/core/backup/manifest.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "test/fuzz/log_key.h"

static struct gcm *gcm;
static struct note_signer signer;
static const uint8_t key[32] = { 3 }, nonce[12] = { 4 };
static const struct uuid mine = { .b = { 1 } }, other = { .b = { 2 } };
static struct view value;

/* In place of the store's: the row is the input. */
bool store_get_value(struct store *s, struct view name, struct view *out, struct error *e)
{
	(void)s, (void)name, (void)e;
	*out = value;
	return true;
}

static void check_payload(struct view in)
{
	struct payload p = { .plain = BUF_INIT(1u << 20) };

	/* Nobody guesses what opens. */
	must(!payload_unseal(gcm, key, in, &mine, &p));
	payload_close(&p);
}

static void check_sealed(struct view in, uint8_t where)
{
	struct payload p = { .plain = BUF_INIT(1u << 20) };
	struct buf plain = BUF_INIT(1u << 20), out = BUF_INIT(1u << 20);
	struct salt salt = { .b = { 5 } }, input_salt = { .b = { 6 } };
	struct payload_parts parts = { .key = key,
		                       .nonce = nonce,
		                       .exchange = &mine,
		                       .salt = &salt,
		                       .input_salt = &input_salt,
		                       .beside = in,
		                       .record = in };

	must(payload_seal(gcm, &parts, &plain, &out));
	must(payload_unseal(gcm, key, buf_view(&out), &mine, &p));
	must(view_eq(p.record, in) && p.has_beside && payload_beside(&p, in) && !payload_beside(&p, VIEW("another")));
	must(memcmp(&p.salt, &salt, sizeof salt) == 0 && memcmp(&p.input_salt, &input_salt, sizeof salt) == 0);
	must(!payload_unseal(gcm, key, buf_view(&out), &other, &p));
	out.p[(size_t)where * out.n / 256] ^= (char)(1 << where % 8);
	must(!payload_unseal(gcm, key, buf_view(&out), &mine, &p));
	payload_close(&p);
	buf_free(&plain);
	buf_free(&out);
}

static void check_archive(struct view in)
{
	struct error e = { .reason = REASON_NONE };
	struct store_archive a;

	value = in;
	must(store_get_archive(NULL, 0, &a, &e) == (e.reason == REASON_NONE));
}

/* What is read of a manifest, whoever signed it, is signed and read again. */
static void check_manifest(struct view in)
{
	struct error e = { .reason = REASON_NONE };
	struct manifest m, again;
	struct buf out = BUF_INIT(1u << 16), twice = BUF_INIT(1u << 16);

	bool good = manifest_parse(in, NULL, &m, &e);
	must(good == (e.reason == REASON_NONE));
	if (good) {
		must(manifest_print(&m, &signer, &out, NULL));
		must(manifest_parse(buf_view(&out), NULL, &again, NULL));
		must(manifest_print(&again, &signer, &twice, NULL) && view_eq(buf_view(&out), buf_view(&twice)));
		(void)!manifest_in_time(&m, 0, NULL);
	}
	buf_free(&out);
	buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);

	if (!gcm) {
		must((gcm = gcm_new()) != NULL);
		log_key(&signer, VIEW("north.example/audit/1/1"), NOTE_ED25519, 7);
	}
	uint8_t where = first_byte(&in);
	struct view text = exact(in);
	check_payload(text);
	check_sealed(text, where);
	check_archive(text);
	check_manifest(text);
	exact_free(text);
	return 0;
}
