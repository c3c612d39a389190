/* Certificates, certificate requests and revocation lists, against the openssl command. */
#include "test/crypto/pki.h"

#include <stdarg.h>
#include <unistd.h>

#include "lib/base/datetime.h"

static char folder[64];

void pki_open(void)
{
	snprintf(folder, sizeof folder, "/tmp/gateway-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

PRINTF_LIKE(1, 0)
static int run(const char *fmt, va_list ap)
{
	char command[2048], whole[2304];

	vsnprintf(command, sizeof command, fmt, ap);
	snprintf(whole, sizeof whole, "cd %s && ( %s ) >>log 2>&1", folder, command);
	return system(whole);
}

void pki_close(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

int pki_try(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int status = run(fmt, ap);
	va_end(ap);
	return status;
}

void pki_sh(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int status = run(fmt, ap);
	va_end(ap);
	ck_assert_msg(status == 0, "failed: %s", fmt);
}

struct view pki_read(const char *name)
{
	static struct {
		char path[128];
		char bytes[65536];
	} files[16];
	static size_t next;
	char *p = files[next % 16].bytes, path[128];

	next++;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "there is no %s", name);
	size_t n = fread(p, 1, sizeof files[0].bytes, f);
	fclose(f);
	return view_make(p, n);
}

void pki_write(const char *name, struct view bytes)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
	ck_assert_int_eq(fclose(f), 0);
}

struct view pki_der(const char *pem_name)
{
	pki_sh("openssl x509 -in %s -outform DER -out %s.der", pem_name, pem_name);
	char name[128];
	snprintf(name, sizeof name, "%s.der", pem_name);
	return pki_read(name);
}

void pki_self(const char *name, const char *key, const char *extra)
{
	pki_sh("openssl req -x509 -newkey %s -nodes -keyout %s.key -out %s.pem -subj /CN=%s -days 30 %s", key, name,
	       name, name, extra);
}

#define P256 "ec -pkeyopt ec_paramgen_curve:P-256"

START_TEST(certificate_is_read)
{
	struct error e = { .reason = REASON_NONE };
	struct cert_id id;
	char hex[65];

	pki_self("node", P256,
	         "-set_serial 0x00f1e2d3c4 -addext subjectAltName=URI:https://north.example/gateway,DNS:north.example "
	         "-addext extendedKeyUsage=clientAuth");
	struct view der = pki_der("node.pem");
	ck_assert_msg(cert_read(der, &id, &e), "%s", e.text);
	ck_assert_str_eq(id.uri, "https://north.example/gateway");
	ck_assert_str_eq(id.serial, "f1e2d3c4");
	ck_assert(id.client_auth && !id.server_auth);
	ck_assert_int_eq(id.not_after_ms - id.not_before_ms, 30 * DAY_MS);
	pki_sh("openssl x509 -in node.pem -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64 | tr -d '\\n' > spki");
	struct view want = pki_read("spki");
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", id.spki.b[i]);
	ck_assert(view_is(want, hex));
	pki_sh("openssl x509 -in node.pem -outform DER | sha256sum | cut -c1-64 | tr -d '\\n' > whole");
	want = pki_read("whole");
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", id.whole.b[i]);
	ck_assert(view_is(want, hex));

	struct buf out = BUF_INIT(65536);
	ck_assert(cert_pem_to_der(pki_read("node.pem"), &out, &e));
	ck_assert(view_eq(buf_view(&out), der));
	buf_free(&out);
}
END_TEST

START_TEST(certificates_are_refused)
{
	static const struct {
		const char *extra, *want;
	} cases[] = {
		{ "", "exactly one URI as subject alternative name, it has 0" },
		{ "-addext subjectAltName=DNS:north.example", "it has 0" },
		{ "-addext subjectAltName=URI:https://a.example,URI:https://b.example", "it has 2" },
	};
	struct error e;
	struct cert_id id;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		pki_self("bad", P256, cases[i].extra);
		e = (struct error){ .reason = REASON_NONE };
		ck_assert(!cert_read(pki_der("bad.pem"), &id, &e));
		ck_assert_int_eq(e.reason, REASON_PARTNER_UNKNOWN);
		ck_assert_msg(strstr(e.text, cases[i].want) != NULL, "%s", e.text);
	}
	pki_self("long", P256, "-addext subjectAltName=URI:https://$(head -c 300 /dev/zero | tr '\\0' a).example");
	e = (struct error){ .reason = REASON_NONE };
	ck_assert(!cert_read(pki_der("long.pem"), &id, &e));
	ck_assert_msg(strstr(e.text, "too long") != NULL, "%s", e.text);

	pki_self("good", P256, "-addext subjectAltName=URI:https://a.example");
	pki_sh("(openssl x509 -in good.pem -outform DER; echo) > trailing.der");
	e = (struct error){ .reason = REASON_NONE };
	ck_assert(!cert_read(pki_read("trailing.der"), &id, &e));
	ck_assert_int_eq(e.reason, REASON_PARTNER_UNKNOWN);
	e = (struct error){ .reason = REASON_NONE };
	ck_assert(!cert_read(VIEW("not a certificate"), &id, &e));
	ck_assert(!cert_read(VIEW(""), &id, &e));
	struct buf out = BUF_INIT(65536);
	e = (struct error){ .reason = REASON_NONE };
	ck_assert(!cert_pem_to_der(VIEW("no PEM"), &out, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

START_TEST(request_is_made)
{
	struct view dns[] = { VIEW("north.example"), VIEW("gateway.north.example") };
	struct buf key = BUF_INIT(65536), csr = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE };

	ck_assert_msg(
	        csr_make(CERT_GATEWAY, VIEW("north"), VIEW("https://north.example/gateway"), dns, 2, &key, &csr, &e),
	        "%s", e.text);
	pki_write("made.key", buf_view(&key));
	pki_write("made.csr", buf_view(&csr));
	pki_sh("openssl req -in made.csr -verify -noout -text > made.txt");
	pki_sh("grep -q 'URI:https://north.example/gateway, DNS:north.example, DNS:gateway.north.example' made.txt");
	pki_sh("grep -q 'Subject: CN = north' made.txt && grep -q 'NIST CURVE: P-256' made.txt");
	pki_sh("grep -q 'TLS Web Server Authentication, TLS Web Client Authentication' made.txt");
	pki_sh("grep -A1 'Key Usage: critical' made.txt | grep -q 'Digital Signature'");
	pki_sh("openssl pkey -in made.key -pubout > a && openssl req -in made.csr -pubkey -noout > b && cmp a b");
	/* No two keys alike. */
	struct buf key2 = BUF_INIT(65536), csr2 = BUF_INIT(65536);
	ck_assert(csr_make(CERT_GATEWAY, VIEW("north"), VIEW("https://north.example"), NULL, 0, &key2, &csr2, &e));
	ck_assert(!view_eq(buf_view(&key), buf_view(&key2)));

	struct view bad = VIEW("a b");
	ck_assert(!csr_make(CERT_GATEWAY, VIEW("north"), VIEW("https://north example"), NULL, 0, &key2, &csr2, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert(!csr_make(CERT_GATEWAY, VIEW("north"), VIEW("https://north.example"), &bad, 1, &key2, &csr2, &e));
	ck_assert(!csr_make(CERT_GATEWAY, VIEW(""), VIEW("https://north.example"), NULL, 0, &key2, &csr2, &e));
	ck_assert(!csr_make(CERT_GATEWAY, VIEW("north"), VIEW(""), NULL, 0, &key2, &csr2, &e));
	buf_free(&key);
	buf_free(&csr);
	buf_free(&key2);
	buf_free(&csr2);
}
END_TEST

static const char ca_config[] =
        "[ca]\ndefault_ca=d\n[d]\ndir=.\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
        "policy=p\ndefault_days=30\ndefault_crl_days=7\nunique_subject=no\n[p]\ncommonName=supplied\n"
        "[narrow]\nissuingDistributionPoint=critical,@idp\n[idp]\nonlyuser=TRUE\n";

static struct crl *load(const char *crl, const char *ca, const char *want)
{
	struct error e = { .reason = REASON_NONE };
	struct authorities *a = authorities_load(pki_read(ca), &e);
	size_t which = 9;
	struct crl *c = a ? crl_load(pki_read(crl), a, &which, &e) : NULL;

	authorities_free(a);
	if (c)
		ck_assert_uint_eq(which, 0);

	if (!want) {
		ck_assert_msg(c != NULL, "%s", e.text);
		return c;
	}
	ck_assert_ptr_null(c);
	ck_assert_int_eq(e.reason, REASON_REVOCATION_UNKNOWN);
	ck_assert_msg(strstr(e.text, want) != NULL, "%s has no %s", e.text, want);
	return NULL;
}

START_TEST(revocation_list_is_read)
{
	char serial[64];

	pki_write("ca.cnf", view_of(ca_config));
	pki_self("ca", P256, "-addext keyUsage=critical,keyCertSign,cRLSign");
	pki_self("other", P256, "-addext keyUsage=critical,keyCertSign,cRLSign");
	pki_self("weak", P256, "-addext keyUsage=critical,keyCertSign");
	pki_sh(": > index.txt; echo 1000 > serial");
	for (int i = 0; i < 3; i++) {
		pki_sh("openssl req -new -newkey " P256 " -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf%d && "
		       "openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in leaf.csr -out leaf%d.pem",
		       i, i);
		if (i < 2)
			pki_sh("openssl ca -config ca.cnf -cert ca.pem -keyfile ca.key -revoke leaf%d.pem", i);
	}
	pki_sh("openssl ca -config ca.cnf -gencrl -cert ca.pem -keyfile ca.key -out list.crl");
	struct crl *c = load("list.crl", "ca.pem", NULL);
	ck_assert(crl_has(c, "1000"));
	ck_assert(crl_has(c, "1001"));
	ck_assert(!crl_has(c, "1002"));
	ck_assert(!crl_has(c, "10"));
	/* What is no serial is not cleared. */
	ck_assert(crl_has(c, ""));
	ck_assert(crl_has(c, "xyz"));
	memset(serial, 'a', 42);
	serial[42] = 0;
	ck_assert(crl_has(c, serial));
	int64_t now = (int64_t)time(NULL) * 1000;
	ck_assert_int_gt(crl_next_update_ms(c), now + 6 * DAY_MS);
	ck_assert_int_lt(crl_next_update_ms(c), now + 8 * DAY_MS);
	crl_free(c);
	crl_free(NULL);

	load("list.crl", "other.pem", "its issuer is not an authority");
	load("ca.pem", "ca.pem", "cannot be read");
	struct error e = { .reason = REASON_NONE };
	ck_assert_ptr_null(authorities_load(pki_read("list.crl"), &e));
	ck_assert_str_eq(e.text, "the authority's certificate cannot be read");
	pki_sh("openssl ca -config ca.cnf -gencrl -md sha1 -cert ca.pem -keyfile ca.key -out sha1.crl");
	load("sha1.crl", "ca.pem", "weaker than SHA-256");
	pki_sh("openssl ca -config ca.cnf -gencrl -crlexts narrow -cert ca.pem -keyfile ca.key -out narrow.crl");
	load("narrow.crl", "ca.pem", "critical extension");
	pki_sh("openssl ca -config ca.cnf -gencrl -cert weak.pem -keyfile weak.key -out weak.crl");
	load("weak.crl", "weak.pem", "may not sign revocation lists");
	/* Another authority of the same name. */
	pki_sh("openssl req -x509 -newkey " P256 " -nodes -keyout twin.key -out twin.pem -subj /CN=ca -days 30 "
	       "-addext keyUsage=critical,keyCertSign,cRLSign");
	load("list.crl", "twin.pem", "does not verify");
}
END_TEST

/* Several authorities, two of them named alike: whose a list is, and whose a certificate. */
START_TEST(authorities_are_told_apart)
{
	struct error e = { .reason = REASON_NONE };
	struct buf der = BUF_INIT(8192);
	size_t which = 9;

	pki_write("ca.cnf", view_of(ca_config));
	pki_self("ca", P256, "-addext keyUsage=critical,keyCertSign,cRLSign");
	pki_self("other", P256, "-addext keyUsage=critical,keyCertSign,cRLSign");
	pki_sh("openssl req -x509 -newkey " P256 " -nodes -keyout twin.key -out twin.pem -subj /CN=ca -days 30 "
	       "-addext keyUsage=critical,keyCertSign,cRLSign");
	pki_sh("cat other.pem twin.pem ca.pem > all.pem; : > index.txt; echo 1000 > serial");
	pki_sh("openssl req -new -newkey " P256 " -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf && "
	       "openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in leaf.csr -out leaf.pem && "
	       "openssl ca -config ca.cnf -gencrl -cert ca.pem -keyfile ca.key -out list.crl && "
	       "openssl ca -config ca.cnf -gencrl -cert twin.pem -keyfile twin.key -out twin.crl");
	struct authorities *a = authorities_load(pki_read("all.pem"), &e);
	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(authorities_count(a), 3);
	ck_assert_str_eq(authority_name(a, 0), "CN=other");
	ck_assert(!digest_eq(authority_id(a, 1), authority_id(a, 2)));
	/* one key under another name, and the same authority with another validity */
	pki_sh("openssl req -x509 -key ca.key -out alias.pem -subj /CN=alias -days 30 && "
	       "openssl req -x509 -key ca.key -out longer.pem -subj /CN=ca -days 60 && cat alias.pem longer.pem > more.pem");
	struct authorities *more = authorities_load(pki_read("more.pem"), &e);
	ck_assert(!digest_eq(authority_id(more, 0), authority_id(a, 2)));
	ck_assert(digest_eq(authority_id(more, 1), authority_id(a, 2)));
	authorities_free(more);
	struct crl *list = crl_load(pki_read("list.crl"), a, &which, &e);
	ck_assert_msg(list && which == 2, "%s", e.text);
	crl_free(list);
	list = crl_load(pki_read("twin.crl"), a, &which, &e);
	ck_assert_msg(list && which == 1, "%s", e.text);
	crl_free(list);
	ck_assert(cert_pem_to_der(pki_read("leaf.pem"), &der, &e));
	ck_assert(authorities_signed(a, buf_view(&der), &which));
	ck_assert_uint_eq(which, 2);
	/* one bit of its public key, or of what is signed */
	der.p[der.n / 2] ^= 1;
	ck_assert(!authorities_signed(a, buf_view(&der), &which));
	ck_assert(!authorities_signed(a, VIEW("no certificate"), &which));
	authorities_free(a);
	authorities_free(NULL);
	a = authorities_load(pki_read("other.pem"), &e);
	der.p[der.n / 2] ^= 1;
	ck_assert(a && !authorities_signed(a, buf_view(&der), &which));
	authorities_free(a);
	buf_free(&der);
}
END_TEST

TCase *make_certificate_case(void);
TCase *make_certificate_case(void)
{
	TCase *c = tcase_create("certificate");

	tcase_set_timeout(c, 60);
	tcase_add_unchecked_fixture(c, pki_open, pki_close);
	tcase_add_test(c, certificate_is_read);
	tcase_add_test(c, certificates_are_refused);
	tcase_add_test(c, request_is_made);
	tcase_add_test(c, revocation_list_is_read);
	tcase_add_test(c, authorities_are_told_apart);
	return c;
}
