/* RFC 3161 timestamps: the openssl command is the authority and reads what we ask; every refusal. */
#include "test/crypto/pki.h"

#include "lib/base/datetime.h"
#include "lib/crypto/timestamp.h"

#define P256     "ec -pkeyopt ec_paramgen_curve:P-256"
#define EKU      "-addext extendedKeyUsage=critical,timeStamping"
#define TST_INFO "1.2.840.113549.1.9.16.1.4"

static const uint8_t nonce[TIMESTAMP_NONCE] = { 0, 2, 3, 4, 5, 6, 7, 0xff };
static struct digest imprint;

static void authority(const char *name, const char *digest)
{
	char config[1000];

	snprintf(config, sizeof config,
	         "[tsa]\ndefault_tsa = t\n[t]\nserial = %s.serial\ncrypto_device = builtin\nsigner_cert = %s.pem\n"
	         "signer_key = %s.key\nsigner_digest = %s\ndefault_policy = 1.2.3.4\ndigests = sha256\nordering = no\n"
	         "ess_cert_id_alg = sha256\n",
	         name, name, name, digest);
	char path[100];
	snprintf(path, sizeof path, "%s.cnf", name);
	pki_write(path, view_of(config));
}

static void reply(const char *name, const char *out)
{
	pki_sh("openssl ts -reply -config %s.cnf -queryfile query -out %s", name, out);
}

/* A response of `status` around a token: SEQUENCE { SEQUENCE { INTEGER }, token }. */
static void wrap(const char *token, char status, const char *out)
{
	struct view t = pki_read(token);
	size_t n = t.n + 5;
	struct buf b = BUF_INIT(TIMESTAMP_MAX);
	char head[] = { 0x30, (char)0x82, (char)(n >> 8), (char)n, 0x30, 3, 2, 1, status };

	buf_add(&b, view_make(head, sizeof head));
	buf_add(&b, t);
	pki_write(out, buf_view(&b));
	buf_free(&b);
}

/* The content of a true token, signed by whoever. */
static void forge(const char *name, const char *options, const char *out)
{
	pki_sh("openssl cms -sign -binary -nodetach -econtent_type " TST_INFO " -in info -signer %s.pem -inkey %s.key "
	       "-outform DER -out forged.token %s",
	       name, name, options);
	wrap("forged.token", 0, out);
}

static void open_case(void)
{
	struct error e = { .reason = REASON_NONE };
	struct buf query = BUF_INIT(4096);

	pki_open();
	sha256(VIEW("a checkpoint\n"), &imprint);
	pki_self("tsa", P256, EKU);
	pki_self("other", "rsa:2048", EKU);
	pki_self("mild", P256, "-addext extendedKeyUsage=timeStamping");
	pki_self("wide", P256, "-addext extendedKeyUsage=critical,timeStamping,codeSigning");
	pki_self("short", "rsa:1024", EKU);
	pki_self("root", P256, "");
	pki_write("eku", VIEW("extendedKeyUsage=critical,timeStamping\nbasicConstraints=critical,CA:FALSE\n"));
	pki_sh("openssl req -newkey " P256 " -nodes -keyout leaf.key -subj /CN=leaf -out leaf.csr");
	pki_sh("openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -set_serial 7 -days 30 -extfile eku -out leaf.pem");
	pki_sh("openssl req -newkey " P256 " -nodes -keyout past.key -subj /CN=past -out past.csr");
	pki_sh("openssl x509 -req -in past.csr -CA root.pem -CAkey root.key -set_serial 8 -days -1 -extfile eku -out past.pem");
	ck_assert(timestamp_request(&imprint, nonce, &query, &e));
	pki_write("query", buf_view(&query));
	buf_free(&query);
	authority("tsa", "sha256");
	reply("tsa", "good");
	pki_sh("openssl ts -reply -in good -token_out -out token");
	pki_sh("openssl cms -verify -noverify -inform DER -in token -out info");
}

static bool verify(const char *file, const char *authorities, const uint8_t *n, const struct digest *d, int64_t *ms,
                   struct error *e)
{
	*e = (struct error){ .reason = REASON_NONE };
	return timestamp_verify(pki_read(file), d, n, pki_read(authorities), ms, e);
}

static void accepted(const char *file, const char *authorities)
{
	struct error e;
	int64_t ms = 0;

	ck_assert_msg(verify(file, authorities, nonce, &imprint, &ms, &e), "%s: %s", file, e.text);
	ck_assert(ms % 1000 == 0 && ms / 1000 - time(NULL) < 2 && time(NULL) - ms / 1000 < 120);
	ck_assert(verify(file, authorities, NULL, &imprint, &ms, &e));
}

static void refused(const char *file, const char *authorities, const char *want)
{
	struct error e;
	int64_t ms = 5;

	ck_assert_msg(!verify(file, authorities, nonce, &imprint, &ms, &e), "%s was accepted", file);
	ck_assert_int_eq(e.reason, REASON_SIGNATURE);
	ck_assert_msg(strstr(e.text, want) != NULL, "%s: %s has no %s", file, e.text, want);
	ck_assert_int_eq(ms, 5);
}

START_TEST(requests_are_read_by_the_command)
{
	pki_sh("openssl ts -query -in query -text > text");
	pki_sh("grep -q 'Version: 1' text && grep -q 'Hash Algorithm: sha256' text && grep -q 'Certificate required: yes' text");
	pki_sh("grep -qi 'Nonce: 0x02030405060700\\?FF\\|Nonce: 0x020304050607FF' text");
}
END_TEST

START_TEST(replies_of_the_command_are_accepted)
{
	accepted("good", "tsa.pem");
	pki_sh("cat other.pem tsa.pem > both.pem");
	accepted("good", "both.pem");
	authority("other", "sha512");
	reply("other", "rsa");
	accepted("rsa", "other.pem");
	authority("leaf", "sha256");
	reply("leaf", "chained");
	accepted("chained", "root.pem");
}
END_TEST

START_TEST(granted_with_modifications_counts)
{
	wrap("token", 0, "wrapped");
	accepted("wrapped", "tsa.pem");
	wrap("token", 1, "modified");
	accepted("modified", "tsa.pem");
	for (char status = 2; status < 6; status++) {
		wrap("token", status, "no");
		refused("no", "tsa.pem", "response is not one");
	}
}
END_TEST

START_TEST(what_the_command_rejects_is_none)
{
	pki_write("junk", VIEW("0\003\002\001\001"));
	pki_sh("openssl ts -reply -config tsa.cnf -queryfile junk -out rejected");
	refused("rejected", "tsa.pem", "was not granted");
}
END_TEST

START_TEST(another_imprint_or_nonce_is_refused)
{
	struct digest another = imprint;
	uint8_t wrong[TIMESTAMP_NONCE] = { 0 };
	struct error e;
	int64_t ms;

	another.b[31] ^= 1;
	ck_assert(!verify("good", "tsa.pem", nonce, &another, &ms, &e));
	ck_assert_str_eq(e.text, "the timestamp is for something else");
	ck_assert(!verify("good", "tsa.pem", wrong, &imprint, &ms, &e));
	ck_assert_str_eq(e.text, "the timestamp answers another request");
	/* The same bytes by another digest. */
	pki_sh("printf 'a checkpoint\\n' | openssl ts -query -data /dev/stdin -sha512 -no_nonce -cert -out query512");
	pki_sh("sed s/sha256$/sha512/ tsa.cnf > tsa512.cnf; sed -i 's/^digests.*/digests = sha512/' tsa512.cnf");
	pki_sh("openssl ts -reply -config tsa512.cnf -queryfile query512 -out reply512");
	ck_assert(!verify("reply512", "tsa.pem", NULL, &imprint, &ms, &e));
	ck_assert_str_eq(e.text, "the timestamp is for something else");
	/* One without a nonce answers nobody. */
	pki_sh("printf 'a checkpoint\\n' | openssl ts -query -data /dev/stdin -sha256 -no_nonce -cert -out query0");
	pki_sh("openssl ts -reply -config tsa.cnf -queryfile query0 -out reply0");
	refused("reply0", "tsa.pem", "answers another request");
	ck_assert(verify("reply0", "tsa.pem", NULL, &imprint, &ms, &e));
}
END_TEST

START_TEST(signers_that_may_not_are_refused)
{
	static const char want[] = "is not signed by a timestamp authority that is named here";

	forge("tsa", "-cades", "forged");
	accepted("forged", "tsa.pem");
	refused("good", "other.pem", want);
	refused("good", "root.pem", want);
	forge("mild", "-cades", "forged");
	refused("forged", "mild.pem", want);
	forge("wide", "-cades", "forged");
	refused("forged", "wide.pem", want);
	forge("root", "-cades", "forged");
	refused("forged", "root.pem", want);
	/* Its certificate is not what the signed attributes name. */
	forge("tsa", "", "forged");
	refused("forged", "tsa.pem", want);
	authority("past", "sha256");
	reply("past", "late");
	refused("late", "root.pem", "was valid then");
}
END_TEST

START_TEST(weak_signatures_are_refused)
{
	static const char want[] = "by one strong key with SHA-256 or better";

	forge("tsa", "-cades -md sha1", "forged");
	refused("forged", "tsa.pem", want);
	forge("short", "-cades", "forged");
	refused("forged", "short.pem", want);
	forge("tsa", "-cades -signer other.pem -inkey other.key", "forged");
	refused("forged", "both.pem", want);
	/* The certificate was not asked for and does not come along. */
	pki_sh("printf 'a checkpoint\\n' | openssl ts -query -data /dev/stdin -sha256 -no_nonce -out bare");
	pki_sh("openssl ts -reply -config tsa.cnf -queryfile bare -out alone");
	struct error e;
	int64_t ms;
	ck_assert(!verify("alone", "tsa.pem", NULL, &imprint, &ms, &e));
	ck_assert(strstr(e.text, want) != NULL);
}
END_TEST

START_TEST(every_byte_of_the_token_counts)
{
	struct view good = pki_read("good");
	struct error e;
	int64_t ms;

	for (size_t i = 0; i < good.n; i++) {
		char bytes[8192];

		ck_assert_uint_le(good.n, sizeof bytes);
		memcpy(bytes, good.p, good.n);
		bytes[i] ^= 1;
		e = (struct error){ .reason = REASON_NONE };
		/* OpenSSL reads some lengths and unsigned fields leniently; what it states must not change by that. */
		int64_t true_ms;
		ck_assert(verify("good", "tsa.pem", nonce, &imprint, &true_ms, &e));
		if (timestamp_verify(view_make(bytes, good.n), &imprint, nonce, pki_read("tsa.pem"), &ms, &e))
			ck_assert_int_eq(ms, true_ms);
		ck_assert(!timestamp_verify(view_make(good.p, i), &imprint, nonce, pki_read("tsa.pem"), &ms, &e));
	}
	pki_sh("cat good query > long");
	refused("long", "tsa.pem", "response is not one");
}
END_TEST

START_TEST(authorities_are_certificates)
{
	struct error e = { .reason = REASON_NONE };
	int64_t ms;

	ck_assert(timestamp_authorities(pki_read("tsa.pem"), &e));
	ck_assert(!timestamp_authorities(VIEW(""), &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert(!timestamp_authorities(pki_read("tsa.key"), &e));
	pki_sh("cat tsa.pem > half.pem; head -n 3 other.pem >> half.pem");
	ck_assert(!timestamp_authorities(pki_read("half.pem"), &e));
	e.reason = REASON_NONE;
	ck_assert(!verify("good", "tsa.key", nonce, &imprint, &ms, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
}
END_TEST

TCase *make_timestamp_case(void);
TCase *make_timestamp_case(void)
{
	TCase *c = tcase_create("timestamp");

	tcase_set_timeout(c, 120);
	tcase_add_unchecked_fixture(c, open_case, pki_close);
	tcase_add_test(c, requests_are_read_by_the_command);
	tcase_add_test(c, replies_of_the_command_are_accepted);
	tcase_add_test(c, granted_with_modifications_counts);
	tcase_add_test(c, what_the_command_rejects_is_none);
	tcase_add_test(c, another_imprint_or_nonce_is_refused);
	tcase_add_test(c, signers_that_may_not_are_refused);
	tcase_add_test(c, weak_signatures_are_refused);
	tcase_add_test(c, every_byte_of_the_token_counts);
	tcase_add_test(c, authorities_are_certificates);
	return c;
}
