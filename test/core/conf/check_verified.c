/* Checkpoints that were verified: each once, and nothing that was not. */
#include "gatewayd/core/conf/verified.h"
#include "test/core/scratch.h"

TCase *make_verified_case(void);

#define ORIGIN "south.example/audit/gw/1"

static struct verified *known;
static struct note_signer signer, other;
static struct buf note;

static void signer_make(struct note_signer *s, uint8_t first, const char *name)
{
	uint8_t seed[32] = { first }, public_key[32];

	s->key = ed25519_from_seed(seed);
	ck_assert_ptr_nonnull(s->key);
	ed25519_public(s->key, public_key);
	ck_assert(note_vkey_make(view_of(name), NOTE_ED25519, public_key, &s->vkey));
}

static void set_up(void)
{
	known = verified_new();
	ck_assert_ptr_nonnull(known);
	signer_make(&signer, 1, ORIGIN);
	signer_make(&other, 2, ORIGIN);
	note = BUF_INIT(4096);
}

static void tear_down(void)
{
	verified_free(known);
	ed25519_free(signer.key);
	ed25519_free(other.key);
	buf_free(&note);
}

static void make_note(const struct note_signer *by, const char *origin, uint64_t size)
{
	struct checkpoint c = { .origin = view_of(origin), .size = size };
	struct buf text = BUF_INIT(4096);

	checkpoint_text(&c, &text);
	buf_reset(&note);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	ck_assert(note_sign(by, buf_view(&text), &note));
	buf_free(&text);
}

static bool opens(const struct note_vkey *log, uint64_t size)
{
	struct error e = { .reason = REASON_NONE };
	struct checkpoint c;
	bool ok = verified_open(known, buf_view(&note), log, &c, &e);

	ck_assert(ok ? c.size == size && view_is(c.origin, ORIGIN) : e.reason == REASON_TAMPERED);
	return ok;
}

static void counted(uint64_t verified, uint64_t found)
{
	struct verified_figures f;

	verified_figures(known, &f);
	ck_assert_uint_eq(f.verified, verified);
	ck_assert_uint_eq(f.known, found);
}

START_TEST(a_note_is_verified_once)
{
	make_note(&signer, ORIGIN, 7);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(opens(&signer.vkey, 7));
	counted(1, 2);
	make_note(&signer, ORIGIN, 8);
	ck_assert(opens(&signer.vkey, 8));
	counted(2, 2);
}
END_TEST

/* The same text and size beside a signature that is none, before and after the true one was verified. */
START_TEST(a_forged_signature_is_found_each_time)
{
	make_note(&signer, ORIGIN, 7);
	for (unsigned i = 0; i < 4; i++) {
		if (i == 2)
			ck_assert(opens(&signer.vkey, 7));
		note.p[note.n - 20] ^= 1;
		ck_assert(!opens(&signer.vkey, 7));
		note.p[note.n - 20] ^= 1;
	}
	ck_assert(opens(&signer.vkey, 7));
	counted(5, 1);
}
END_TEST

START_TEST(a_text_that_was_altered)
{
	make_note(&signer, ORIGIN, 7);
	ck_assert(opens(&signer.vkey, 7));
	note.p[strlen(ORIGIN "\n")] = '9';
	ck_assert(!opens(&signer.vkey, 9));
}
END_TEST

/* The partner has another key now, under the same name: what the old one signed is no longer taken. */
START_TEST(another_key_of_the_same_name)
{
	make_note(&signer, ORIGIN, 7);
	ck_assert(opens(&signer.vkey, 7));
	ck_assert(!opens(&other.vkey, 7));
	counted(2, 0);
}
END_TEST

/* Known bytes, but of another log than the key's name says. */
START_TEST(another_name_of_the_same_key)
{
	struct note_vkey renamed;

	make_note(&signer, ORIGIN, 7);
	ck_assert(opens(&signer.vkey, 7));
	ck_assert(note_vkey_make(VIEW("north.example/audit/gw/1"), NOTE_ED25519, signer.vkey.key, &renamed));
	ck_assert(!opens(&renamed, 7));
	make_note(&signer, "north.example/audit/gw/1", 7);
	for (unsigned i = 0; i < 2; i++)
		ck_assert(!opens(&signer.vkey, 7));
	counted(4, 0);
}
END_TEST

/* More than there are places for: what was forgotten is verified again. */
START_TEST(the_newest_make_room)
{
	struct verified_figures f;

	make_note(&signer, ORIGIN, 1);
	ck_assert(opens(&signer.vkey, 1));
	for (uint64_t n = 2; n < 6000; n++) {
		make_note(&signer, ORIGIN, n);
		ck_assert(opens(&signer.vkey, n));
		ck_assert(opens(&signer.vkey, n));
	}
	counted(5999, 5998);
	make_note(&signer, ORIGIN, 1);
	ck_assert(opens(&signer.vkey, 1));
	verified_figures(known, &f);
	ck_assert_uint_eq(f.verified, 6000);
}
END_TEST

START_TEST(without_a_memory_each_is_verified)
{
	struct checkpoint c;
	struct verified_figures f = { 1, 1 };

	make_note(&signer, ORIGIN, 7);
	OK(verified_open(NULL, buf_view(&note), &signer.vkey, &c, e));
	note.p[note.n - 20] ^= 1;
	ck_assert(!verified_open(NULL, buf_view(&note), &signer.vkey, &c, NULL));
	verified_figures(NULL, &f);
	ck_assert_uint_eq(f.verified + f.known, 0);
}
END_TEST

TCase *make_verified_case(void)
{
	TCase *tc = tcase_create("verified");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_note_is_verified_once);
	tcase_add_test(tc, a_forged_signature_is_found_each_time);
	tcase_add_test(tc, a_text_that_was_altered);
	tcase_add_test(tc, another_key_of_the_same_name);
	tcase_add_test(tc, another_name_of_the_same_key);
	tcase_add_test(tc, the_newest_make_room);
	tcase_add_test(tc, without_a_memory_each_is_verified);
	return tc;
}
