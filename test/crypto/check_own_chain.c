/* What a node shows of itself: what peers would refuse is told, each with the file and what to do. */
#include "lib/crypto/own_chain.h"

#include "lib/base/datetime.h"
#include "test/crypto/pki.h"

#define P256 "ec -pkeyopt ec_paramgen_curve:P-256"
#define LEAF \
	"basicConstraints=critical,CA:FALSE\\nsubjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n" \
	"keyUsage=critical,digitalSignature\\nextendedKeyUsage=serverAuth,clientAuth\\n" \
	"subjectAltName=URI:urn:example:gw,DNS:gw.example,IP:192.0.2.7\\n"

TCase *make_own_chain_case(void);

static void issue(const char *name, const char *by, const char *extensions)
{
	pki_sh("printf '%s' >%s.ext && openssl req -newkey " P256 " -nodes -keyout %s.key -out %s.csr -subj /CN=%s && "
	       "openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial -extfile %s.ext -out %s.pem -days 10",
	       extensions, name, name, name, name, name, by, by, name, name);
}

static void open_all(void)
{
	pki_open();
	pki_self("ca", P256, "-addext keyUsage=critical,keyCertSign,cRLSign");
	pki_self("other", P256, "-addext keyUsage=critical,keyCertSign,cRLSign");
	issue("good", "ca", LEAF);
	issue("middle", "ca",
	      "basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,keyCertSign\\nsubjectKeyIdentifier=hash\\n"
	      "authorityKeyIdentifier=keyid\\n");
	issue("low", "middle", LEAF);
	pki_sh("cat low.pem middle.pem >whole.pem && cat ca.pem middle.pem >both.pem && cat good.pem other.pem >mixed.pem && "
	       "openssl pkey -in good.key -aes256 -passout pass:made-up -out locked.key && head -c 300 good.pem >cut.pem && "
	       "cat good.pem good.key >beside.pem && for i in 1 2 3 4 5 6 7 8 9; do cat good.pem; done >many.pem");
}

static int64_t now(void)
{
	return (int64_t)time(NULL) * 1000;
}

static bool check(const char *cert, const char *key, const char *authorities, int64_t at_ms, struct own_chain *out,
                  struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct chain *c = chain_load(pki_read(authorities), &e);
	struct own_files f = { .certificate_file = "cert",
		               .key_file = "key",
		               .authorities_file = "authorities",
		               .certificate = pki_read(cert),
		               .key = pki_read(key),
		               .peers = c,
		               .host = VIEW("gw.example") };
	bool ok = own_chain_check(&f, at_ms, out, errors);

	chain_free(c);
	return ok;
}

START_TEST(a_pair_that_is_good)
{
	struct error_list errors = { .n = 0 };
	struct own_chain own = { .until_ms = 0 };

	ck_assert(check("good.pem", "good.key", "ca.pem", now(), &own, &errors));
	ck_assert_str_eq(own.id.uri, "urn:example:gw");
	ck_assert_int_eq(own.until_ms, own.id.not_after_ms);
	ck_assert_int_eq(own.late.reason, REASON_NONE);
	ck_assert(check("whole.pem", "low.key", "both.pem", now(), &own, &errors));
	ck_assert_uint_eq(errors.n, 0);
}
END_TEST

/* Time passes by itself: it is told, and the pair is what it was. */
START_TEST(a_time_is_no_fault_of_the_files)
{
	struct error_list errors = { .n = 0 };
	struct own_chain own = { .until_ms = 0 };

	ck_assert(check("good.pem", "good.key", "ca.pem", now() + 11 * DAY_MS, &own, &errors));
	ck_assert_ptr_nonnull(strstr(own.late.text, "expired at "));
	own = (struct own_chain){ .until_ms = 0 };
	ck_assert(check("good.pem", "good.key", "ca.pem", now() - DAY_MS, &own, &errors));
	ck_assert_ptr_nonnull(strstr(own.late.text, "is valid from "));
	ck_assert_uint_eq(errors.n, 0);
}
END_TEST

START_TEST(a_pair_that_is_not)
{
	static const struct {
		const char *cert, *key, *authorities, *where, *want;
		uint32_t line;
	} cases[] = {
		{ "good.pem", "other.key", "ca.pem", "key", "is not the private key of cert", 1 },
		{ "good.pem", "locked.key", "ca.pem", "key", "has a passphrase", 1 },
		{ "good.pem", "ca.pem", "ca.pem", "key", "is a certificate", 1 },
		{ "good.pem", "good.ext", "ca.pem", "key", "holds no private key", 0 },
		{ "good.key", "good.key", "ca.pem", "cert", "is a private key", 1 },
		{ "good.csr", "good.key", "ca.pem", "cert", "is a certificate request", 1 },
		{ "good.ext", "good.key", "ca.pem", "cert", "holds no certificate", 0 },
		{ "cut.pem", "good.key", "ca.pem", "cert", "cannot be read: it was cut", 1 },
		{ "beside.pem", "good.key", "ca.pem", "cert", "holds a private key beside", 1 },
		{ "many.pem", "good.key", "ca.pem", "cert", "holds more than 8 certificates", 97 },
		{ "mixed.pem", "good.key", "ca.pem", "cert", "did not sign the certificate before it (line 1)", 13 },
		{ "ca.pem", "ca.key", "ca.pem", "cert", "is an authority's certificate", 1 },
		{ "good.pem", "good.key", "other.pem", "cert", "does not verify as partners would, with authorities",
		  1 },
		{ "low.pem", "low.key", "both.pem", "cert", "is not complete: CN=middle, which signed it", 1 },
		{ "whole.pem", "low.key", "ca.pem", "cert", "does not verify as partners would", 1 },
	};
	struct error_list errors = { .n = 0 };
	struct own_chain own = { .until_ms = 0 };
	bool told = false;

	ck_assert(!check(cases[_i].cert, cases[_i].key, cases[_i].authorities, now(), &own, &errors));
	for (size_t i = 0; i < errors.n; i++)
		told = told ||
		       (strcmp(errors.items[i].where, cases[_i].where) == 0 &&
		        strstr(errors.items[i].text, cases[_i].want) &&
		        (cases[_i].line < 2 || errors.items[i].line > 1 || cases[_i].line == errors.items[i].line));
	ck_assert_msg(told, "%s: %s: %s, not %s", cases[_i].cert, errors.items[0].where, errors.items[0].text,
	              cases[_i].want);
	ck_assert_int_eq(own.until_ms, 0);
	error_list_free(&errors);
}
END_TEST

START_TEST(the_names_that_it_holds_for)
{
	struct view pem = pki_read("good.pem");

	ck_assert(own_chain_names(pem, VIEW("gw.example")) && own_chain_names(pem, VIEW("192.0.2.7")));
	ck_assert(!own_chain_names(pem, VIEW("other.example")) && !own_chain_names(pem, VIEW("192.0.2.8")));
	ck_assert(!own_chain_names(pem, VIEW("")) && !own_chain_names(VIEW("made up"), VIEW("gw.example")));
}
END_TEST

static void count(void *arg, size_t number, uint32_t line, const char *subject, bool authority, int64_t until_ms)
{
	size_t *authorities = arg;

	ck_assert(number > 0 && line > 0 && subject[0] && until_ms > now());
	*authorities += authority;
}

START_TEST(each_of_a_file)
{
	size_t authorities = 0;

	ck_assert(pem_each(pki_read("both.pem"), count, &authorities));
	ck_assert_uint_eq(authorities, 2);
	ck_assert(pem_each(pki_read("good.pem"), count, &authorities));
	ck_assert_uint_eq(authorities, 2);
	ck_assert(!pem_each(pki_read("cut.pem"), count, &authorities));
	ck_assert(pem_each(pki_read("good.ext"), count, &authorities));
}
END_TEST

TCase *make_own_chain_case(void)
{
	TCase *c = tcase_create("own_chain");

	tcase_add_unchecked_fixture(c, open_all, pki_close);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_pair_that_is_good);
	tcase_add_test(c, a_time_is_no_fault_of_the_files);
	tcase_add_loop_test(c, a_pair_that_is_not, 0, 15);
	tcase_add_test(c, the_names_that_it_holds_for);
	tcase_add_test(c, each_of_a_file);
	return c;
}
