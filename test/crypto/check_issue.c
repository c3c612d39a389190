/* lib/crypto/issue: an authority for trials, whose certificates OpenSSL's own verifier takes. */
#include "test/crypto/pki.h"

#include "lib/base/datetime.h"
#include "lib/crypto/issue.h"

#define NOW_MS INT64_C(1800000000000) /* 2027-01-15 */

static struct buf ca_key, ca_cert;

static void open_all(void)
{
	struct error e = { .reason = REASON_NONE };

	pki_open();
	ca_key = BUF_INIT(65536);
	ca_cert = BUF_INIT(65536);
	ck_assert_msg(authority_make(VIEW("Authority for trials"), NOW_MS, 90, &ca_key, &ca_cert, &e), "%s", e.text);
	pki_write("trial.pem", buf_view(&ca_cert));
}

static void close_all(void)
{
	buf_free(&ca_key);
	buf_free(&ca_cert);
	pki_close();
}

static struct buf request(enum cert_use use)
{
	struct view dns = VIEW("gw.north.example");
	struct buf key = BUF_INIT(65536), csr = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE };

	ck_assert(csr_make(use, VIEW("north"), VIEW("spiffe://gw.north.example/gateway/gw1"), &dns, 1, &key, &csr, &e));
	buf_free(&key);
	return csr;
}

START_TEST(what_it_issues_verifies)
{
	static const struct {
		enum cert_use use;
		const char *purpose, *not ;
	} all[] = { { CERT_GATEWAY, "sslserver", "smimesign" },
		    { CERT_CLIENT, "sslclient", "sslserver" },
		    { CERT_SIGNER, "smimesign", "sslclient" } };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct buf csr = request(all[i].use), cert = BUF_INIT(65536), der = BUF_INIT(65536);
		struct error e = { .reason = REASON_NONE };
		struct cert_id id;
		char command[300];

		ck_assert_msg(authority_issue(buf_view(&ca_cert), buf_view(&ca_key), buf_view(&csr), all[i].use, NOW_MS,
		                              30, &cert, &e),
		              "%s", e.text);
		pki_write("issued.pem", buf_view(&cert));
		snprintf(command, sizeof command,
		         "openssl verify -x509_strict -attime %lld -purpose %s -CAfile trial.pem issued.pem",
		         (long long)(NOW_MS / 1000), all[i].purpose);
		pki_sh("%s", command);
		snprintf(command, sizeof command,
		         "! openssl verify -attime %lld -purpose %s -CAfile trial.pem issued.pem 2>/dev/null",
		         (long long)(NOW_MS / 1000), all[i].not );
		pki_sh("%s", command);
		ck_assert(cert_pem_to_der(buf_view(&cert), &der, &e) && cert_read(buf_view(&der), &id, &e));
		ck_assert_str_eq(id.uri, "spiffe://gw.north.example/gateway/gw1");
		ck_assert_int_eq(id.not_before_ms, NOW_MS - 3600 * SECOND_MS);
		ck_assert_int_eq(id.not_after_ms, NOW_MS - 3600 * SECOND_MS + 30 * DAY_MS);
		buf_free(&csr);
		buf_free(&cert);
		buf_free(&der);
	}
}
END_TEST

START_TEST(none_outlives_the_authority)
{
	struct buf csr = request(CERT_CLIENT), cert = BUF_INIT(65536), der = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE };
	struct cert_id id;

	ck_assert(authority_issue(buf_view(&ca_cert), buf_view(&ca_key), buf_view(&csr), CERT_CLIENT, NOW_MS, 400,
	                          &cert, &e));
	ck_assert(cert_pem_to_der(buf_view(&cert), &der, &e) && cert_read(buf_view(&der), &id, &e));
	ck_assert_int_eq(id.not_after_ms, NOW_MS - 3600 * SECOND_MS + 90 * DAY_MS);
	buf_free(&csr);
	buf_free(&cert);
	buf_free(&der);
}
END_TEST

static void refuses(struct view cert, struct view key, struct view csr, const char *why)
{
	struct buf out = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE };

	ck_assert(!authority_issue(cert, key, csr, CERT_CLIENT, NOW_MS, 30, &out, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_msg(strstr(e.text, why) != NULL, "%s", e.text);
	ck_assert_uint_eq(out.n, 0);
	buf_free(&out);
}

START_TEST(what_does_not_fit_is_refused)
{
	struct buf csr = request(CERT_CLIENT), key = BUF_INIT(65536), cert = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE };
	char *bent;

	ck_assert(authority_make(VIEW("another"), NOW_MS, 9, &key, &cert, &e));
	refuses(buf_view(&ca_cert), buf_view(&key), buf_view(&csr), "not the authority's");
	refuses(VIEW("no PEM"), buf_view(&ca_key), buf_view(&csr), "cannot be read");
	refuses(buf_view(&ca_cert), VIEW(""), buf_view(&csr), "cannot be read");
	refuses(buf_view(&ca_cert), buf_view(&ca_key), buf_view(&ca_cert), "no certificate request");
	/* One byte inside of the signature, which stands last. */
	bent = strstr(csr.p, "-----END") - 8;
	*bent = *bent == 'A' ? 'B' : 'A';
	refuses(buf_view(&ca_cert), buf_view(&ca_key), buf_view(&csr), "");
	pki_sh("openssl req -quiet -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout bare.key -subj /CN=bare "
	       "-out bare.csr 2>/dev/null || openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
	       "bare.key -subj /CN=bare -out bare.csr 2>/dev/null");
	refuses(buf_view(&ca_cert), buf_view(&ca_key), pki_read("bare.csr"), "no subject alternative name");
	ck_assert(!authority_make(VIEW(""), NOW_MS, 9, &key, &cert, &e));
	buf_free(&csr);
	buf_free(&key);
	buf_free(&cert);
}
END_TEST

TCase *make_issue_case(void);
TCase *make_issue_case(void)
{
	TCase *c = tcase_create("issue");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, open_all, close_all);
	tcase_add_test(c, what_it_issues_verifies);
	tcase_add_test(c, none_outlives_the_authority);
	tcase_add_test(c, what_does_not_fit_is_refused);
	return c;
}
