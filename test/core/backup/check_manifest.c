/* What a backup says of itself, signed. */
#include "gatewayd/core/backup/manifest.h"

#include <check.h>

#include "lib/base/datetime.h"
#include "test/core/scratch.h"

#define ORIGIN "gw.north.example/audit/gw1/1"

static struct note_signer signer;

static void setup(void)
{
	static const uint8_t seed[32] = { 9 };
	uint8_t public_key[32];

	signer.key = ed25519_from_seed(seed);
	ed25519_public(signer.key, public_key);
	ck_assert(note_vkey_make(VIEW(ORIGIN), NOTE_ED25519, public_key, &signer.vkey));
}

static void teardown(void)
{
	ed25519_free(signer.key);
}

static struct manifest example(void)
{
	return (struct manifest){ .kind = BACKUP_STORE,
		                  .origin = ORIGIN,
		                  .id = { { 1, 2, 3 } },
		                  .made_ms = 1767225600000,
		                  .until_ms = 1769644800000,
		                  .entries = 57,
		                  .checkpoint = { { 4 } },
		                  .bytes = 12345678,
		                  .certificate = { { 5 } },
		                  .pieces = { { 6 } } };
}

static void print(const struct manifest *m, struct buf *out)
{
	*out = BUF_INIT(NOTE_MAX);
	OK(manifest_print(m, &signer, out, e));
}

START_TEST(it_is_read_as_it_was_written)
{
	static const enum backup_kind kinds[] = { BACKUP_STORE, BACKUP_KEYS };

	for (size_t i = 0; i < 2; i++) {
		struct manifest m = example(), got = { .entries = 0 };
		struct buf note;

		m.kind = kinds[i];
		print(&m, &note);
		OK(manifest_parse(buf_view(&note), &signer.vkey, &got, e));
		ck_assert_int_eq(got.kind, m.kind);
		ck_assert_str_eq(got.origin, m.origin);
		ck_assert_mem_eq(&got.id, &m.id, sizeof m.id);
		ck_assert_int_eq(got.made_ms, m.made_ms);
		ck_assert_int_eq(got.until_ms, m.until_ms);
		ck_assert_uint_eq(got.entries, m.entries);
		ck_assert_uint_eq(got.bytes, m.bytes);
		ck_assert(digest_eq(&got.checkpoint, &m.checkpoint) && digest_eq(&got.certificate, &m.certificate) &&
		          digest_eq(&got.pieces, &m.pieces));
		buf_free(&note);
	}
}
END_TEST

/* No byte of it can be another one, and it ends nowhere else. */
START_TEST(nothing_else_is_read)
{
	struct manifest m = example(), got;
	struct buf note;

	print(&m, &note);
	for (size_t i = 0; i < note.n; i++) {
		note.p[i] ^= 1;
		struct error why = { .reason = REASON_NONE };
		ck_assert_msg(!manifest_parse(buf_view(&note), &signer.vkey, &got, &why), "byte %zu", i);
		ck_assert_int_eq(why.reason, REASON_TAMPERED);
		note.p[i] ^= 1;
	}
	for (size_t n = 0; n + 1 < note.n; n++)
		REFUSED(REASON_TAMPERED, manifest_parse(view_make(note.p, n), &signer.vkey, &got, e));
	buf_free(&note);
}
END_TEST

START_TEST(a_checkpoint_of_the_same_key_is_none)
{
	struct checkpoint c = { .origin = VIEW(ORIGIN), .size = 3 };
	struct buf text = BUF_INIT(NOTE_MAX), note = BUF_INIT(NOTE_MAX);
	struct manifest got;

	checkpoint_text(&c, &text);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	ck_assert(note_sign(&signer, buf_view(&text), &note));
	REFUSED(REASON_TAMPERED, manifest_parse(buf_view(&note), &signer.vkey, &got, e));
	/* Nor is a manifest a checkpoint. */
	struct manifest m = example();
	buf_free(&note);
	print(&m, &note);
	REFUSED(REASON_TAMPERED, checkpoint_open(buf_view(&note), &signer.vkey, &c, e));
	buf_free(&text);
	buf_free(&note);
}
END_TEST

START_TEST(its_origin_is_the_name_of_its_key)
{
	struct manifest m = example(), got;
	struct buf note;

	snprintf(m.origin, sizeof m.origin, "gw.south.example/audit/gw1/1");
	print(&m, &note);
	REFUSED(REASON_TAMPERED, manifest_parse(buf_view(&note), &signer.vkey, &got, e));
	OK(manifest_parse(buf_view(&note), NULL, &got, e));
	buf_free(&note);
}
END_TEST

START_TEST(it_ends)
{
	struct manifest m = example();

	OK(manifest_in_time(&m, m.until_ms - 1, e));
	REFUSED(REASON_CONFIG, manifest_in_time(&m, m.until_ms, e));
}
END_TEST

TCase *make_manifest_case(void);
TCase *make_manifest_case(void)
{
	TCase *tc = tcase_create("manifest");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, it_is_read_as_it_was_written);
	tcase_add_test(tc, nothing_else_is_read);
	tcase_add_test(tc, a_checkpoint_of_the_same_key_is_none);
	tcase_add_test(tc, its_origin_is_the_name_of_its_key);
	tcase_add_test(tc, it_ends);
	return tc;
}
