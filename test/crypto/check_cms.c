/* Detached CMS signatures: both ways against the openssl command, and every refusal. */
#include "test/crypto/pki.h"

#include "lib/base/datetime.h"

#define P256 "ec -pkeyopt ec_paramgen_curve:P-256"
#define P384 "ec -pkeyopt ec_paramgen_curve:P-384"
#define DOC  "{\"id\":\"north-south-1\"}\r\n line with CRLF \n"

static struct view der_of(const char *name)
{
	char pem[64];

	snprintf(pem, sizeof pem, "%s.pem", name);
	return pki_der(pem);
}

static void open_case(void)
{
	pki_open();
	pki_self("anna", P256, "");
	pki_self("bert", "rsa:2048", "");
	pki_self("carl", P384, "");
	pki_self("eve", P256, "");
	pki_write("doc", VIEW(DOC));
}

static int64_t now_ms(void)
{
	return ((int64_t)time(NULL) + 1) * 1000;
}

/* The pinned signers of most tests. */
static void pin(struct cms_signer signers[3])
{
	static const char *const names[] = { "anna", "bert", "carl" };

	for (size_t i = 0; i < 3; i++)
		signers[i] = (struct cms_signer){ .name = view_of(names[i]), .cert_der = der_of(names[i]) };
}

static void refused_of(struct cms_signer signers[3], struct view signature, struct view content, int64_t now,
                       const char *want)
{
	struct error e = { .reason = REASON_NONE };

	ck_assert_msg(!cms_verify(signature, content, signers, 3, now, &e), "accepted, and not: %s", want);
	ck_assert_int_eq(e.reason, REASON_SIGNATURE);
	ck_assert_msg(strstr(e.text, want) != NULL, "%s has no %s", e.text, want);
	for (size_t i = 0; i < 3; i++)
		ck_assert(!signers[i].signed_it);
}

static void refused_at(const char *file, struct view content, int64_t now, const char *want)
{
	struct cms_signer signers[3];

	pin(signers);
	refused_of(signers, pki_read(file), content, now, want);
}

static void refused(const char *file, const char *want)
{
	refused_at(file, VIEW(DOC), now_ms(), want);
}

START_TEST(signatures_of_the_command_are_accepted)
{
	struct error e = { .reason = REASON_NONE };
	struct cms_signer signers[3];

	pki_sh("openssl cms -sign -binary -in doc -signer anna.pem -inkey anna.key -outform PEM -out 1.p7s");
	pki_sh("openssl cms -resign -binary -in 1.p7s -inform PEM -signer bert.pem -inkey bert.key -outform PEM -out 2.p7s");
	pin(signers);
	ck_assert_msg(cms_verify(pki_read("1.p7s"), VIEW(DOC), signers, 3, now_ms(), &e), "%s", e.text);
	ck_assert(signers[0].signed_it && !signers[1].signed_it && !signers[2].signed_it);
	ck_assert_int_gt(signers[0].signed_at_ms, now_ms() - 60 * SECOND_MS);
	ck_assert_int_le(signers[0].signed_at_ms, now_ms());
	ck_assert_msg(cms_verify(pki_read("2.p7s"), VIEW(DOC), signers, 3, now_ms(), &e), "%s", e.text);
	ck_assert(signers[0].signed_it && signers[1].signed_it && !signers[2].signed_it);
	/* DER, without certificates inside, SHA-512, RSA-PSS, by key identifier. */
	pki_sh("openssl cms -sign -binary -nocerts -keyid -md sha512 -in doc -signer bert.pem -inkey bert.key "
	       "-keyopt rsa_padding_mode:pss -outform DER -out 3.p7s");
	ck_assert_msg(cms_verify(pki_read("3.p7s"), VIEW(DOC), signers, 3, now_ms(), &e), "%s", e.text);
	ck_assert(!signers[0].signed_it && signers[1].signed_it);
}
END_TEST

START_TEST(our_signatures_are_accepted)
{
	static const char *const names[] = { "anna", "bert", "carl" };
	struct error e = { .reason = REASON_NONE };
	struct buf signature = BUF_INIT(65536);
	struct cms_signer signers[3];

	for (size_t i = 0; i < 3; i++) {
		char pem[16], key[16];
		struct buf next = BUF_INIT(65536);

		snprintf(pem, sizeof pem, "%s.pem", names[i]);
		snprintf(key, sizeof key, "%s.key", names[i]);
		ck_assert_msg(cms_sign(buf_view(&signature), VIEW(DOC), pki_read(pem), pki_read(key), &next, &e), "%s",
		              e.text);
		buf_free(&signature);
		signature = next;
		pki_write("our.p7s", buf_view(&signature));
		pki_sh("openssl cms -verify -binary -inform PEM -in our.p7s -content doc -noverify -out out && cmp out doc");
		pin(signers);
		ck_assert_msg(cms_verify(buf_view(&signature), VIEW(DOC), signers, 3, now_ms(), &e), "%s", e.text);
		for (size_t k = 0; k < 3; k++)
			ck_assert_int_eq(signers[k].signed_it, k <= i);
	}
	/* The command goes on where we stopped, and we where it stopped. */
	pki_sh("openssl cms -resign -binary -in our.p7s -inform PEM -signer eve.pem -inkey eve.key -outform PEM -out 4.p7s");
	pki_sh("openssl cms -verify -binary -inform PEM -in 4.p7s -content doc -noverify -out out");
	pki_sh("openssl cms -sign -binary -in doc -signer anna.pem -inkey anna.key -outform PEM -out a.p7s");
	struct buf next = BUF_INIT(65536);
	ck_assert(cms_sign(pki_read("a.p7s"), VIEW(DOC), pki_read("bert.pem"), pki_read("bert.key"), &next, &e));
	pki_write("ab.p7s", buf_view(&next));
	pki_sh("openssl cms -verify -binary -inform PEM -in ab.p7s -content doc -noverify -out out");
	buf_free(&next);
	buf_free(&signature);
}
END_TEST

static void sign_refused(const char *signature, struct view content, const char *cert, const char *key,
                         const char *want)
{
	struct error e = { .reason = REASON_NONE };
	struct buf out = BUF_INIT(65536);

	ck_assert(!cms_sign(signature ? pki_read(signature) : VIEW(""), content, pki_read(cert), pki_read(key), &out,
	                    &e));
	ck_assert_int_eq(e.reason, REASON_SIGNATURE);
	ck_assert_msg(strstr(e.text, want) != NULL, "%s has no %s", e.text, want);
	ck_assert_uint_eq(out.n, 0);
}

START_TEST(signing_is_refused)
{
	pki_sh("openssl cms -sign -binary -in doc -signer anna.pem -inkey anna.key -outform PEM -out a.p7s");
	pki_sh("openssl cms -sign -binary -md sha384 -in doc -signer anna.pem -inkey anna.key -outform PEM -out 384.p7s");
	pki_sh("openssl cms -sign -binary -nodetach -in doc -signer anna.pem -inkey anna.key -outform PEM -out whole.p7s");
	pki_self("edward", "ed25519", "");
	pki_self("short", "rsa:1024", "");
	pki_sh("openssl pkey -in anna.key -aes256 -passout pass:secret -out locked.key");
	sign_refused(NULL, VIEW(DOC), "anna.pem", "bert.key", "the key is not that of the certificate");
	sign_refused(NULL, VIEW(DOC), "doc", "anna.key", "cannot be read in PEM form");
	sign_refused(NULL, VIEW(DOC), "anna.pem", "locked.key", "cannot be read in PEM form");
	sign_refused(NULL, VIEW(DOC), "edward.pem", "edward.key", "P-256, P-384 or RSA");
	sign_refused(NULL, VIEW(DOC), "short.pem", "short.key", "P-256, P-384 or RSA");
	sign_refused("a.p7s", VIEW("another document"), "bert.pem", "bert.key", "over another document");
	sign_refused("a.p7s", VIEW(DOC), "anna.pem", "anna.key", "has signed the document already");
	sign_refused("384.p7s", VIEW(DOC), "bert.pem", "bert.key", "another digest");
	sign_refused("whole.p7s", VIEW(DOC), "bert.pem", "bert.key", "not a detached CMS signature");
	sign_refused("doc", VIEW(DOC), "bert.pem", "bert.key", "not a detached CMS signature");
}
END_TEST

START_TEST(weak_and_foreign_forms_are_refused)
{
	const char *sign = "openssl cms -sign -binary -in doc -signer anna.pem -inkey anna.key -outform PEM";

	pki_sh("%s -md sha1 -out x.p7s", sign);
	refused("x.p7s", "its digest is weaker than SHA-256");
	pki_sh("%s -noattr -out x.p7s", sign);
	refused("x.p7s", "it has no signed attributes");
	pki_sh("%s -nodetach -out x.p7s", sign);
	refused("x.p7s", "must be detached");
	pki_sh("%s -econtent_type 1.2.3.4 -out x.p7s", sign);
	refused("x.p7s", "another type of content");
	pki_sh("openssl cms -encrypt -binary -in doc -outform PEM -out x.p7s bert.pem");
	refused("x.p7s", "holds no signed data");
	refused("doc", "cannot be read as CMS");
	pki_write("empty", VIEW(""));
	refused("empty", "cannot be read as CMS");
	pki_sh("openssl crl2pkcs7 -nocrl -certfile anna.pem -out x.p7s");
	refused("x.p7s", "has no signer");
	pki_sh("openssl cms -sign -binary -in doc -signer anna.pem -inkey anna.key -outform DER -out x.p7s; echo >> x.p7s");
	refused("x.p7s", "cannot be read as CMS");
}
END_TEST

START_TEST(strangers_and_repeaters_are_refused)
{
	struct error e = { .reason = REASON_NONE };
	struct cms_signer twice[2];

	pki_sh("openssl cms -sign -binary -in doc -signer anna.pem -inkey anna.key -outform PEM -out a.p7s");
	pki_sh("openssl cms -resign -binary -in a.p7s -inform PEM -signer eve.pem -inkey eve.key -outform PEM -out x.p7s");
	refused("x.p7s", "(by its own words CN=eve) is not one of those who may sign it");
	pki_sh("openssl cms -sign -nocerts -binary -in doc -signer eve.pem -inkey eve.key -outform PEM -out x.p7s");
	refused("x.p7s", " of CN=eve) is not one of those who may sign it");
	pki_sh("openssl cms -sign -nocerts -keyid -binary -in doc -signer eve.pem -inkey eve.key -outform PEM -out x.p7s");
	refused("x.p7s", "(by its own words key ");
	/* A name cannot write into a log what is no name. */
	pki_sh("openssl req -x509 -newkey " P256 " -nodes -keyout liar.key -out liar.pem -days 30 -utf8 "
	       "-subj \"/CN=$(printf 'anna\\nall is well \\303\\251')\"");
	pki_sh("openssl cms -sign -binary -in doc -signer liar.pem -inkey liar.key -outform PEM -out x.p7s");
	refused("x.p7s", "CN=anna\\0Aall is well \\C3\\A9)");
	pki_sh("openssl cms -resign -nocerts -binary -in a.p7s -inform PEM -signer anna.pem -inkey anna.key -outform PEM -out x.p7s");
	refused("x.p7s", "the same signer signed twice");
	ck_assert(!cms_verify(pki_read("a.p7s"), VIEW(DOC), NULL, 0, now_ms(), &e));
	/* One certificate for two seats can speak for neither. */
	twice[0] = twice[1] = (struct cms_signer){ .name = VIEW("anna"), .cert_der = der_of("anna") };
	e = (struct error){ .reason = REASON_NONE };
	ck_assert(!cms_verify(pki_read("a.p7s"), VIEW(DOC), twice, 2, now_ms(), &e));
	ck_assert_ptr_nonnull(strstr(e.text, "pinned for two signers"));
	twice[0].cert_der = VIEW("no certificate");
	e = (struct error){ .reason = REASON_NONE };
	ck_assert(!cms_verify(pki_read("a.p7s"), VIEW(DOC), twice, 1, now_ms(), &e));
	ck_assert_ptr_nonnull(strstr(e.text, "pinned certificate cannot be read"));
	/* Another key under the name and serial number of a pinned certificate. */
	pki_sh("openssl req -x509 -newkey " P256 " -nodes -keyout twin.key -out twin.pem -subj /CN=anna -days 30 "
	       "-set_serial 0x$(openssl x509 -in anna.pem -noout -serial | cut -d= -f2)");
	pki_sh("openssl cms -sign -binary -in doc -signer twin.pem -inkey twin.key -outform PEM -out x.p7s");
	refused("x.p7s", "signature of anna: it does not match the document: it is altered, or not of the pinned key");
	/* Of several, the one that is wrong. */
	pki_sh("openssl req -x509 -newkey " P256 " -nodes -keyout twin.key -out twin.pem -subj /CN=bert -days 30 "
	       "-set_serial 0x$(openssl x509 -in bert.pem -noout -serial | cut -d= -f2)");
	pki_sh("openssl cms -resign -binary -in a.p7s -inform PEM -signer twin.pem -inkey twin.key -outform PEM -out x.p7s");
	refused("x.p7s", "signature of bert: it does not match the document: it is altered, or not of the pinned key");
}
END_TEST

START_TEST(altered_documents_are_refused)
{
	static const char doc[] = DOC;
	char altered[sizeof doc];
	struct cms_signer signers[3];

	pki_sh("openssl cms -sign -binary -in doc -signer anna.pem -inkey anna.key -outform PEM -out a.p7s");
	pin(signers);
	struct view signature = pki_read("a.p7s");
	for (size_t i = 0; i + 1 < sizeof doc; i++) {
		memcpy(altered, doc, sizeof doc);
		altered[i] ^= 1;
		refused_of(signers, signature, view_make(altered, sizeof doc - 1), now_ms(),
		           "signature of anna: it does not match the document: another text");
	}
	refused_at("a.p7s", view_make(doc, sizeof doc - 2), now_ms(), "does not match the document");
	refused_at("a.p7s", VIEW(""), now_ms(), "does not match the document");
}
END_TEST

/* Puts another last arc into the OID 1.2.840.113549.1.9.x of an attribute. It is the attribute checks that must
 * see it: they run before the signature is verified. */
static void without_attribute(uint8_t arc, const char *want)
{
	const uint8_t oid[] = { 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, arc };
	static char der[65536];
	struct view whole = pki_read("a.der");

	memcpy(der, whole.p, whole.n);
	char *at = memmem(der, whole.n, oid, sizeof oid);
	ck_assert_ptr_nonnull(at);
	at[10] = 0x7f;
	pki_write("x.p7s", view_make(der, whole.n));
	refused("x.p7s", want);
}

START_TEST(missing_attributes_are_refused)
{
	pki_sh("openssl cms -sign -binary -in doc -signer anna.pem -inkey anna.key -outform DER -out a.der");
	without_attribute(3, "content type is missing");
	without_attribute(4, "no message digest");
	without_attribute(5, "no signing time");
}
END_TEST

START_TEST(times_are_checked)
{
	static const char config[] =
	        "[ca]\ndefault_ca=d\n[d]\ndir=.\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
	        "policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n";
	struct cms_signer signer = { .name = VIEW("otto") };
	struct error e = { .reason = REASON_NONE };

	pki_sh("openssl cms -sign -binary -in doc -signer anna.pem -inkey anna.key -outform PEM -out a.p7s");
	refused_at("a.p7s", VIEW(DOC), now_ms() - 60 * SECOND_MS, "signing time lies in the future");

	static const char *const lives[] = { "-startdate 20200101000000Z -enddate 20200201000000Z",
		                             "-startdate 20990101000000Z -enddate 20990201000000Z" };
	pki_write("ca.cnf", view_of(config));
	for (size_t i = 0; i < 2; i++) {
		pki_sh(": > index.txt; echo 10 > serial; openssl req -new -newkey " P256
		       " -nodes -keyout otto.key -out otto.csr "
		       "-subj /CN=otto && openssl ca -batch -config ca.cnf -selfsign -keyfile otto.key -in otto.csr -out otto.pem %s",
		       lives[i]);
		pki_sh("openssl cms -sign -binary -in doc -signer otto.pem -inkey otto.key -outform PEM -out x.p7s");
		signer.cert_der = der_of("otto");
		e = (struct error){ .reason = REASON_NONE };
		ck_assert(!cms_verify(pki_read("x.p7s"), VIEW(DOC), &signer, 1, now_ms(), &e));
		ck_assert_msg(strstr(e.text, "outside the life of its certificate") != NULL, "%s", e.text);
	}
}
END_TEST

START_TEST(unfit_certificates_are_refused)
{
	static const struct {
		const char *key, *extra, *want;
	} cases[] = {
		{ "rsa:1024", "", "its key is too short" },
		{ P256, "-addext keyUsage=keyAgreement", "may not be used to sign" },
	};

	for (size_t i = 0; i < 2; i++) {
		struct cms_signer signer = { .name = VIEW("ulla") };
		struct error e = { .reason = REASON_NONE };

		pki_self("ulla", cases[i].key, cases[i].extra);
		pki_sh("openssl cms -sign -binary -in doc -signer ulla.pem -inkey ulla.key -outform PEM -out x.p7s");
		signer.cert_der = der_of("ulla");
		ck_assert(!cms_verify(pki_read("x.p7s"), VIEW(DOC), &signer, 1, now_ms(), &e));
		ck_assert_msg(strstr(e.text, cases[i].want) != NULL, "%s", e.text);
	}
}
END_TEST

TCase *make_cms_case(void);
TCase *make_cms_case(void)
{
	TCase *c = tcase_create("cms");

	tcase_set_timeout(c, 120);
	tcase_add_unchecked_fixture(c, open_case, pki_close);
	tcase_add_test(c, signatures_of_the_command_are_accepted);
	tcase_add_test(c, our_signatures_are_accepted);
	tcase_add_test(c, signing_is_refused);
	tcase_add_test(c, weak_and_foreign_forms_are_refused);
	tcase_add_test(c, strangers_and_repeaters_are_refused);
	tcase_add_test(c, altered_documents_are_refused);
	tcase_add_test(c, missing_attributes_are_refused);
	tcase_add_test(c, times_are_checked);
	tcase_add_test(c, unfit_certificates_are_refused);
	return c;
}
