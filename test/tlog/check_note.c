/* Signed notes, checkpoints and cosignatures: vectors of C2SP signed-note and of golang.org/x/mod/sumdb/note,
 * and every way to spoil one. */
#include <check.h>
#include <stdlib.h>

#include "lib/base/encode.h"
#include "lib/crypto/crypto.h"
#include "lib/tlog/note.h"

TCase *make_note_case(void);

/* golang.org/x/mod/sumdb/note, note_test.go and example_test.go. */
static const char go_vkey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_secret[] = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
static const char go_text[] = "If you think cryptography is the answer to your problem,\n"
                              "then you don't know what your problem is.\n";
static const char go_signature[] =
        "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static struct ed25519_key *go_key(void)
{
	uint8_t secret[33];
	size_t n;

	ck_assert(base64_decode(view_of(go_secret), secret, sizeof secret, &n) && n == 33);
	struct ed25519_key *k = ed25519_from_seed(secret + 1);
	ck_assert(k != NULL);
	return k;
}

START_TEST(test_go_vectors)
{
	struct note_signer s = { .key = go_key() };
	struct buf out = BUF_INIT(10000), vkey = BUF_INIT(1000);
	struct view text, signatures;
	struct error e = { 0 };
	uint8_t public[32];

	ck_assert(note_vkey_parse(view_of(go_vkey), &s.vkey, &e));
	ck_assert_uint_eq(s.vkey.id, 0xc74f20a3);
	note_vkey_print(&s.vkey, &vkey);
	ck_assert(view_is(buf_view(&vkey), go_vkey));
	ed25519_public(s.key, public);
	ck_assert(memcmp(public, s.vkey.key, 32) == 0);
	ck_assert(note_sign(&s, view_of(go_text), &out));
	ck_assert(view_is(buf_view(&out), go_signature));
	buf_reset(&out);
	buf_addf(&out, "%s\n%s", go_text, go_signature);
	ck_assert(note_split(buf_view(&out), &text, &signatures, &e));
	ck_assert(view_is(text, go_text));
	ck_assert(view_is(signatures, go_signature));
	ck_assert(note_verify(&s.vkey, text, signatures, NULL, &e));
	ed25519_free(s.key);
	buf_free(&out);
	buf_free(&vkey);
}
END_TEST

/* Like TestNewVerifier there: every substring and every changed byte of a verifier key is refused. */
START_TEST(test_vkey_mangled)
{
	size_t n = strlen(go_vkey);
	struct note_vkey k;
	char copy[200];

	for (size_t i = 0; i <= n; i++)
		for (size_t j = i; j <= n; j++)
			if (i != 0 || j != n)
				ck_assert(!note_vkey_parse(view_make(go_vkey + i, j - i), &k, NULL));
	for (size_t i = 0; i < n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(copy, go_vkey, n);
			copy[i] = (char)(copy[i] ^ (1 << bit));
			ck_assert_msg(!note_vkey_parse(view_make(copy, n), &k, NULL), "byte %zu bit %u", i, bit);
		}
	}
	/* Wrong length and unknown algorithm, with the hash adjusted. */
	ck_assert(!note_vkey_parse(VIEW("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="),
	                           &k, NULL));
	ck_assert(
	        !note_vkey_parse(VIEW("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), &k, NULL));
}
END_TEST

START_TEST(test_names)
{
	static const char *const bad[] = {
		"",           "a b",           "a+b",          "a\tb",          "a\nb",
		"a\xc2\xa0.", "a\xe2\x80\x83", "\xe3\x80\x80", "a\xe1\x9a\x80", "a\xe2\x81\x9f",
		"a\xff",      "a\x7f"
	};
	static const uint8_t key[32] = { 1 };
	struct note_vkey k;
	char name[NOTE_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert(!note_vkey_make(view_of(bad[i]), NOTE_ED25519, key, &k));
	memset(name, 'x', sizeof name);
	ck_assert(note_vkey_make(view_make(name, NOTE_NAME_MAX - 1), NOTE_ED25519, key, &k));
	ck_assert(!note_vkey_make(view_make(name, NOTE_NAME_MAX), NOTE_ED25519, key, &k));
	ck_assert(note_vkey_make(VIEW("gw.example/audit/n\xc3\xb6rd/1"), NOTE_COSIGNER, key, &k));
}
END_TEST

/* Every flipped bit of a note is found: in the text, in the signature, in what lies between. */
START_TEST(test_flips)
{
	struct buf b = BUF_INIT(10000);
	struct note_vkey k;
	struct error e = { 0 };
	unsigned flips = 0;

	ck_assert(note_vkey_parse(view_of(go_vkey), &k, &e));
	buf_addf(&b, "%s\n%s", go_text, go_signature);
	for (size_t i = 0; i < b.n; i++) {
		for (unsigned bit = 0; bit < 8; bit++, flips++) {
			struct view text, signatures;

			b.p[i] = (char)(b.p[i] ^ (1 << bit));
			ck_assert_msg(!note_split(buf_view(&b), &text, &signatures, NULL) ||
			                      !note_verify(&k, text, signatures, NULL, NULL),
			              "byte %zu bit %u", i, bit);
			b.p[i] = (char)(b.p[i] ^ (1 << bit));
		}
	}
	for (size_t n = 0; n < b.n; n++) {
		struct view text, signatures;

		ck_assert(!note_split(view_make(b.p, n), &text, &signatures, NULL) ||
		          !note_verify(&k, text, signatures, NULL, NULL));
	}
	printf("signed note: %u bit flips found\n", flips);
	buf_free(&b);
}
END_TEST

START_TEST(test_malformed)
{
	/* After TestOpen of note_test.go. */
	static const char *const bad[] = {
		"",
		"\n",
		"\n\n",
		"text\n",
		"text\n\n",
		"text\n\n\xe2\x80\x94 ",
		"text\n\n\xe2\x80\x94 a AAAAAAAA",
		"text\n\xe2\x80\x94 a AAAAAAAA\n",
		"text\n\n- a AAAAAAAA\n",
		"text\n\n\xe2\x80\x94 a\n",
		"text\n\n\xe2\x80\x94 a b AAAAAAAA\n",
		"text\n\n\xe2\x80\x94 a AAAA\n" /* no signature behind the id */,
		"text\n\n\xe2\x80\x94 a AAAAAAA\n",
		"text\n\n\xe2\x80\x94 a AAAAAAB=\n" /* stray bits */,
		"text\n\n\xe2\x80\x94 a AAAAAAA= \n",
		"text\n\n\xe2\x80\x94  AAAAAAA=\n",
		"text\n\n\xe2\x80\x94 a+b AAAAAAA=\n",
		"te\x01xt\n\n\xe2\x80\x94 a AAAAAAA=\n",
		"te\rxt\n\n\xe2\x80\x94 a AAAAAAA=\n",
		"te\xffxt\n\n\xe2\x80\x94 a AAAAAAA=\n",
		"text\n\n\xe2\x80\x94 a AAAAAAA=\n\n",
		"text\n\n\xe2\x80\x94 a AAAAAAA=\nmore\n",
	};
	struct view text, signatures;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!note_split(view_of(bad[i]), &text, &signatures, NULL), "case %zu", i);
	ck_assert(note_split(VIEW("text\n\n\xe2\x80\x94 a AAAAAAA=\n"), &text, &signatures, NULL));
	/* Empty lines belong to the text up to the last one. */
	ck_assert(note_split(VIEW("a\n\nb\n\n\xe2\x80\x94 a AAAAAAA=\n"), &text, &signatures, NULL));
	ck_assert(view_is(text, "a\n\nb\n"));
}
END_TEST

/* Unknown keys are ignored, even with the name or the id of a known one; a known key's wrong line is not,
 * also when a right one stands beside it. */
START_TEST(test_unknown_and_wrong)
{
	struct note_signer s = { .key = go_key() };
	struct buf b = BUF_INIT(10000);
	struct view text, signatures;
	struct note_vkey other;
	static const uint8_t key[32] = { 7 };

	ck_assert(note_vkey_parse(view_of(go_vkey), &s.vkey, NULL));
	ck_assert(note_vkey_make(VIEW("PeterNeumann"), NOTE_ED25519, key, &other));
	buf_addf(&b, "%s\n", go_text);
	buf_adds(&b, "\xe2\x80\x94 PeterNeumann AAAAAAAA\n\xe2\x80\x94 someone x08go/ZJ\n");
	buf_adds(&b, go_signature);
	for (unsigned i = 0; i < 16; i++)
		buf_addf(&b, "\xe2\x80\x94 witness%u.example AAAAAAAA\n", i);
	ck_assert(note_split(buf_view(&b), &text, &signatures, NULL));
	ck_assert(note_verify(&s.vkey, text, signatures, NULL, NULL));
	ck_assert(!note_verify(&other, text, signatures, NULL, NULL));
	ck_assert_int_eq(note_find(&other, text, signatures, NULL), NOTE_ABSENT);
	buf_adds(&b, "\xe2\x80\x94 PeterNeumann x08go/ZJ\n");
	ck_assert(note_split(buf_view(&b), &text, &signatures, NULL));
	ck_assert_int_eq(note_find(&s.vkey, text, signatures, NULL), NOTE_INVALID);
	ck_assert(!note_verify(&s.vkey, text, signatures, NULL, NULL));
	ed25519_free(s.key);
	buf_free(&b);
}
END_TEST

START_TEST(test_cosignature)
{
	struct note_signer s = { .key = go_key() }, log = { .key = s.key };
	struct buf note = BUF_INIT(10000), message = BUF_INIT(10000);
	struct view text, signatures;
	uint8_t public[32], line[76];
	uint64_t time = 0;
	size_t n;

	ed25519_public(s.key, public);
	ck_assert(note_vkey_make(VIEW("witness.example/w1"), NOTE_COSIGNER, public, &s.vkey));
	ck_assert(note_vkey_make(VIEW("example.com/behind-the-sofa"), NOTE_ED25519, public, &log.vkey));
	/* The checkpoint and the time of C2SP tlog-cosignature's example. */
	buf_adds(&note, "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
	size_t body = note.n;
	buf_addc(&note, '\n');
	ck_assert(note_sign(&log, view_make(note.p, body), &note));
	ck_assert(note_cosign(&s, view_make(note.p, body), 1679315147, &note));
	ck_assert(note_split(buf_view(&note), &text, &signatures, NULL));
	ck_assert(note_verify(&log.vkey, text, signatures, NULL, NULL));
	ck_assert(note_verify(&s.vkey, text, signatures, &time, NULL));
	ck_assert_uint_eq(time, 1679315147);
	/* The signed message word for word, and the 76 bytes of the line. */
	buf_adds(&message, "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
	                   "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
	struct view rest = signatures;
	(void)view_cut(&rest, '\n');
	struct view second = view_cut(&rest, '\n');
	ck_assert(view_starts(second, VIEW("\xe2\x80\x94 witness.example/w1 ")));
	ck_assert(base64_decode(view_from(second, strlen("\xe2\x80\x94 witness.example/w1 ")), line, sizeof line, &n));
	ck_assert_uint_eq(n, 76);
	ck_assert(ed25519_verify(public, buf_view(&message), line + 12));
	/* Every flipped bit: the note has two keys' lines, and one of the two fails. */
	for (size_t i = 0; i < note.n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			note.p[i] = (char)(note.p[i] ^ (1 << bit));
			ck_assert(!note_split(buf_view(&note), &text, &signatures, NULL) ||
			          !note_verify(&log.vkey, text, signatures, NULL, NULL) ||
			          !note_verify(&s.vkey, text, signatures, NULL, NULL));
			note.p[i] = (char)(note.p[i] ^ (1 << bit));
		}
	}
	/* A log's key cannot cosign, nor a cosigner's sign. */
	ck_assert(!note_sign(&s, VIEW("a\n"), &note));
	ck_assert(!note_cosign(&log, VIEW("a\n"), 1, &note));
	ck_assert(!note_cosign(&s, VIEW("a\n"), UINT64_C(1) << 63, &note));
	ed25519_free(s.key);
	buf_free(&note);
	buf_free(&message);
}
END_TEST

/* A line that repeats costs one verification, however often; and a key signs a note so often and no more: each of
 * those lines verifies, and a reader would pay for all of them. */
START_TEST(test_lines_of_one_key)
{
	struct note_signer s = { .key = go_key() };
	struct buf b = BUF_INIT(100000);
	struct view text = VIEW("example.com/log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
	uint8_t public[32];
	uint64_t time = 0;

	ed25519_public(s.key, public);
	ck_assert(note_vkey_make(VIEW("witness.example/w1"), NOTE_COSIGNER, public, &s.vkey));
	for (unsigned i = 0; i < 500; i++)
		ck_assert(note_cosign(&s, text, 1000 + i % 8, &b));
	ck_assert_int_eq(note_find(&s.vkey, text, buf_view(&b), &time), NOTE_VALID);
	ck_assert_uint_eq(time, 1007);
	ck_assert(note_cosign(&s, text, 1008, &b));
	ck_assert_int_eq(note_find(&s.vkey, text, buf_view(&b), &time), NOTE_INVALID);
	ed25519_free(s.key);
	buf_free(&b);
}
END_TEST

/* `name+hash+base64(type || key)` of a key of `n` bytes. */
static void print_key(const char *name, uint8_t type, size_t n, struct buf *out)
{
	uint8_t key[2000] = { type, 1, 2, 3 };
	struct view parts[3] = { view_of(name), VIEW("\n"), view_make(key, 1 + n) };
	struct digest d;

	sha256_parts(parts, 3, &d);
	buf_reset(out);
	buf_addf(out, "%s+%02x%02x%02x%02x+", name, d.b[0], d.b[1], d.b[2], d.b[3]);
	base64_encode(out, view_make(key, 1 + n));
}

/* An algorithm that is not known, and one that OpenSSL may not have, are told from what is no key. */
START_TEST(test_algorithms)
{
	struct buf text = BUF_INIT(4000), again = BUF_INIT(4000);
	struct error e = { 0 };
	struct note_vkey k;

	print_key("witness.example", 0x7f, 57, &text);
	ck_assert(!note_vkey_parse(buf_view(&text), &k, &e));
	ck_assert_int_eq(e.reason, REASON_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(e.text, "0x7f"));
	print_key("witness.example", NOTE_COSIGNER, 33, &text);
	e = (struct error){ 0 };
	ck_assert(!note_vkey_parse(buf_view(&text), &k, &e));
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
	print_key("witness.example", NOTE_COSIGNER_MLDSA44, MLDSA44_KEY - 1, &text);
	e = (struct error){ 0 };
	ck_assert(!note_vkey_parse(buf_view(&text), &k, &e));
	ck_assert_int_eq(e.reason, REASON_TAMPERED);
	print_key("witness.example", NOTE_COSIGNER_MLDSA44, MLDSA44_KEY, &text);
	e = (struct error){ 0 };
	if (mldsa44_available()) {
		ck_assert(note_vkey_parse(buf_view(&text), &k, &e));
		ck_assert(note_type_cosigns(k.type));
		note_vkey_print(&k, &again);
		ck_assert(view_eq(buf_view(&text), buf_view(&again)));
	} else {
		ck_assert(!note_vkey_parse(buf_view(&text), &k, &e));
		ck_assert_int_eq(e.reason, REASON_UNSUPPORTED);
		ck_assert_ptr_nonnull(strstr(e.text, "OpenSSL has from version 3.5 on"));
		printf("SKIP: this OpenSSL has no ML-DSA-44\n");
	}
	buf_free(&text);
	buf_free(&again);
}
END_TEST

/* cosigned_message of C2SP tlog-cosignature, byte for byte. */
START_TEST(test_what_an_mldsa_cosigner_signs)
{
	static const uint8_t want[] = "subtree/v1\n\0"
	                              "\x10witness.example1"
	                              "\0\0\0\0\x64\x18\x50\xcb"
	                              "\x0flog.example/abc"
	                              "\0\0\0\0\0\0\0\0"
	                              "\0\0\0\0\x01\x3e\x2c\x03"
	                              "\x0a\xc5\x18\x6a\x91\x8f\x1a\x8e\x1d\x90\xc8\x08\x52\xaa\x26\xfd"
	                              "\x76\xa3\xee\x1d\xe1\xd9\xc1\xd8\xc3\xd0\x37\x8d\xa8\xf1\xab\x62";
	struct note_vkey k = { .name = "witness.example1", .type = NOTE_COSIGNER_MLDSA44 };
	struct buf out = BUF_INIT(1000);

	ck_assert(!note_cosigned_message(&k, VIEW("no checkpoint\n"), 1, &out));
	struct checkpoint c = { .origin = VIEW("log.example/abc"), .size = 20851715 };
	struct buf text = BUF_INIT(1000);
	memcpy(c.root.b, want + sizeof want - 33, 32);
	checkpoint_text(&c, &text);
	buf_adds(&text, "an extension is not covered\n");
	ck_assert(note_cosigned_message(&k, buf_view(&text), 1679315147, &out));
	ck_assert_uint_eq(out.n, sizeof want - 1);
	ck_assert(memcmp(out.p, want, out.n) == 0);
	buf_free(&out);
	buf_free(&text);
}
END_TEST

START_TEST(test_checkpoint)
{
	static const char root[] = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
	static const char *const bad[] = {
		"",
		"a",
		"a\n",
		"a\n1\n",
		"a\n1\n\n",
		"\n1\n%s\n",
		"a\n01\n%s\n",
		"a\n+1\n%s\n",
		"a\n-1\n%s\n",
		"a\n 1\n%s\n",
		"a\n\n%s\n",
		"a\n1\n%s",
		"a\n1\n%s\n\n",
		"a\n1\n%s\n\nx\n",
		"a\n1\n%s \n",
		"a\n9223372036854775808\n%s\n",
		"a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
		"a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
		"a\n0x1\n%s\n",
	};
	struct buf b = BUF_INIT(1000), again = BUF_INIT(1000);
	struct checkpoint c;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const char *at = strstr(bad[i], "%s");

		buf_reset(&b);
		buf_add(&b, view_make(bad[i], at ? (size_t)(at - bad[i]) : strlen(bad[i])));
		if (at) {
			buf_adds(&b, root);
			buf_adds(&b, at + 2);
		}
		ck_assert_msg(!checkpoint_parse(buf_view(&b), &c, NULL), "case %zu", i);
	}
	buf_reset(&b);
	buf_addf(&b, "example.com/behind-the-sofa\n20852163\n%s\n", root);
	ck_assert(checkpoint_parse(buf_view(&b), &c, NULL));
	ck_assert_uint_eq(c.size, 20852163);
	checkpoint_text(&c, &again);
	ck_assert(view_eq(buf_view(&b), buf_view(&again)));
	buf_adds(&b, "extension\n");
	ck_assert(checkpoint_parse(buf_view(&b), &c, NULL));
	buf_free(&b);
	buf_free(&again);
}
END_TEST

/* A checkpoint of another log that holds the same key is not this log's. */
START_TEST(test_origin)
{
	struct note_signer s = { .key = go_key() };
	struct buf b = BUF_INIT(1000);
	struct checkpoint c = { .origin = VIEW("south.example/audit/gw/1"), .size = 3 }, out;
	struct error e = { 0 };
	uint8_t public[32];

	ed25519_public(s.key, public);
	ck_assert(note_vkey_make(VIEW("north.example/audit/gw/1"), NOTE_ED25519, public, &s.vkey));
	for (unsigned i = 0; i < 2; i++) {
		buf_reset(&b);
		checkpoint_text(&c, &b);
		size_t n = b.n;
		buf_addc(&b, '\n');
		ck_assert(note_sign(&s, view_make(b.p, n), &b));
		ck_assert_int_eq(checkpoint_open(buf_view(&b), &s.vkey, &out, &e), i == 1);
		c.origin = view_of(s.vkey.name);
	}
	ed25519_free(s.key);
	buf_free(&b);
}
END_TEST

TCase *make_note_case(void)
{
	TCase *tc = tcase_create("note");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_go_vectors);
	tcase_add_test(tc, test_vkey_mangled);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_flips);
	tcase_add_test(tc, test_malformed);
	tcase_add_test(tc, test_unknown_and_wrong);
	tcase_add_test(tc, test_cosignature);
	tcase_add_test(tc, test_lines_of_one_key);
	tcase_add_test(tc, test_algorithms);
	tcase_add_test(tc, test_what_an_mldsa_cosigner_signs);
	tcase_add_test(tc, test_checkpoint);
	tcase_add_test(tc, test_origin);
	return tc;
}
