/* The announcement of a log's next key: both sign it, of one node, for a later epoch; every flipped bit is found. */
#include <check.h>

#include "lib/tlog/announcement.h"

TCase *make_announcement_case(void);

static struct note_signer signer(const char *name, uint8_t seed)
{
	struct note_signer s = { .key = NULL };
	uint8_t bytes[32] = { seed }, public[32];

	s.key = ed25519_from_seed(bytes);
	ck_assert_ptr_nonnull(s.key);
	ed25519_public(s.key, public);
	ck_assert(note_vkey_make(view_of(name), NOTE_ED25519, public, &s.vkey));
	return s;
}

START_TEST(test_announced)
{
	struct note_signer old = signer("gw.example/audit/n/1", 1), next = signer("gw.example/audit/n/2", 2);
	struct buf note = BUF_INIT(NOTE_MAX);
	struct note_vkey a, b;
	struct error e = { 0 };

	ck_assert(announcement_make(&old, &next, &note));
	ck_assert_msg(announcement_open(buf_view(&note), &a, &b, &e), "%s", e.text);
	ck_assert(note_vkey_same(&a, &old.vkey) && note_vkey_same(&b, &next.vkey));
	ck_assert(announcement_follow(buf_view(&note), &old.vkey, &b, &e) && note_vkey_same(&b, &next.vkey));
	ck_assert(!announcement_follow(buf_view(&note), &next.vkey, &b, &e));
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
	for (size_t i = 0; i < note.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			note.p[i] = (char)(note.p[i] ^ (1 << bit));
			ck_assert_msg(!announcement_follow(buf_view(&note), &old.vkey, &b, NULL), "byte %zu bit %u", i,
			              bit);
			note.p[i] = (char)(note.p[i] ^ (1 << bit));
		}
	ed25519_free(old.key);
	ed25519_free(next.key);
	buf_free(&note);
}
END_TEST

/* Signed by both, and still none. */
START_TEST(test_refused)
{
	static const char *const names[][2] = {
		{ "gw.example/audit/n/2", "gw.example/audit/n/1" },
		{ "gw.example/audit/n/1", "gw.example/audit/n/1" },
		{ "gw.example/audit/n/1", "gw.example/audit/m/2" },
		{ "gw.example/audit/n/1", "gw.example/audit/n/x" },
		{ "gw.example", "gw.example/2" },
	};
	struct note_vkey a, b;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct note_signer old = signer(names[i][0], 1), next = signer(names[i][1], 2);
		struct buf note = BUF_INIT(NOTE_MAX);
		ck_assert(announcement_make(&old, &next, &note));
		ck_assert(!announcement_open(buf_view(&note), &a, &b, NULL));
		ed25519_free(old.key);
		ed25519_free(next.key);
		buf_free(&note);
	}
	/* What a log's key signs otherwise is no announcement, and this is no checkpoint. */
	struct note_signer old = signer("gw.example/audit/n/1", 1), next = signer("gw.example/audit/n/2", 2);
	struct checkpoint c = { .origin = VIEW("gw.example/audit/n/1"), .size = 1 };
	struct buf text = BUF_INIT(4096), note = BUF_INIT(NOTE_MAX);
	checkpoint_text(&c, &text);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	ck_assert(note_sign(&old, buf_view(&text), &note));
	ck_assert(!announcement_open(buf_view(&note), &a, &b, NULL));
	buf_reset(&note);
	ck_assert(announcement_make(&old, &next, &note));
	struct view body, signatures;
	ck_assert(note_split(buf_view(&note), &body, &signatures, NULL));
	ck_assert(!checkpoint_parse(body, &c, NULL));
	/* Without one of the signatures; with a line too many. */
	const char *last = memrchr(note.p, '\n', note.n - 1);
	ck_assert(!announcement_open(view_make(note.p, (size_t)(last + 1 - note.p)), &a, &b, NULL));
	buf_reset(&text);
	buf_add(&text, body);
	buf_adds(&text, "more\n");
	buf_reset(&note);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	ck_assert(note_sign(&old, buf_view(&text), &note) && note_sign(&next, buf_view(&text), &note));
	ck_assert(!announcement_open(buf_view(&note), &a, &b, NULL));
	ed25519_free(old.key);
	ed25519_free(next.key);
	buf_free(&text);
	buf_free(&note);
}
END_TEST

TCase *make_announcement_case(void)
{
	TCase *tc = tcase_create("announcement");

	tcase_add_test(tc, test_announced);
	tcase_add_test(tc, test_refused);
	return tc;
}
