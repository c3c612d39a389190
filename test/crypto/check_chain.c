/* Certificates verified against authorities: what is refused, and each bit of one that is accepted turned over. */
#include "lib/crypto/chain.h"

#include "lib/base/datetime.h"
#include "test/crypto/pki.h"

#define P256 "ec -pkeyopt ec_paramgen_curve:P-256"
#define LEAF \
	"basicConstraints=critical,CA:FALSE\\nsubjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n" \
	"keyUsage=critical,digitalSignature\\nextendedKeyUsage=clientAuth\\nsubjectAltName=URI:urn:example:south\\n"

TCase *make_chain_case(void);

static void authority(const char *name, const char *extra)
{
	pki_self(name, P256, extra);
}

/* NAME.pem, of a new key, signed by `by`, with these extensions (printf's format, no conversions). */
static void issue(const char *name, const char *by, const char *extensions, const char *key, const char *options)
{
	pki_sh("printf '%s' >%s.ext && openssl req -newkey %s -nodes -keyout %s.key -out %s.csr -subj /CN=%s && "
	       "openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -set_serial 0x1234567890abcdef -extfile %s.ext -out %s.pem %s",
	       extensions, name, key, name, name, name, name, by, by, name, name, options);
}

static void open_all(void)
{
	pki_open();
	authority("ca", "-addext keyUsage=critical,keyCertSign,cRLSign");
	issue("good", "ca", LEAF, P256, "-days 10 -sha256");
}

static struct chain *of(const char *pem_name)
{
	struct error e = { .reason = REASON_NONE };
	struct chain *c = chain_load(pki_read(pem_name), &e);

	ck_assert_msg(c != NULL, "%s", e.text);
	return c;
}

static int64_t now(void)
{
	return (int64_t)time(NULL) * 1000;
}

static void accepted(const struct chain *c, struct view der, int64_t now_ms, struct cert_id *id)
{
	struct error e = { .reason = REASON_NONE };

	ck_assert_msg(chain_verify(c, der, now_ms, id, &e), "%s", e.text);
}

static void refused(const struct chain *c, struct view der, int64_t now_ms, const char *want)
{
	struct error e = { .reason = REASON_NONE };
	struct cert_id id;

	ck_assert_msg(!chain_verify(c, der, now_ms, &id, &e), "accepted, not: %s", want);
	ck_assert_int_eq(e.reason, REASON_PARTNER_UNKNOWN);
	ck_assert_msg(strstr(e.text, want) != NULL, "%s has no %s", e.text, want);
}

START_TEST(one_of_ours_is_who_it_says)
{
	struct chain *c = of("ca.pem");
	struct view der = pki_der("good.pem");
	struct error e = { .reason = REASON_NONE };
	struct cert_id id, read;

	accepted(c, der, now(), &id);
	ck_assert(cert_read(der, &read, &e));
	ck_assert_str_eq(id.uri, "urn:example:south");
	ck_assert_str_eq(id.serial, "1234567890abcdef");
	ck_assert(digest_eq(&id.spki, &read.spki) && digest_eq(&id.whole, &read.whole));
	ck_assert_int_eq(id.not_after_ms, read.not_after_ms);
	ck_assert(id.client_auth && !id.server_auth);
	refused(c, der, now() + 11 * DAY_MS, "expired");
	refused(c, der, now() - DAY_MS, "not yet valid");
	chain_free(c);
	chain_free(NULL);
}
END_TEST

START_TEST(what_comes_from_elsewhere_or_is_for_something_else)
{
	static const struct {
		const char *extensions, *key, *options, *want;
	} cases[] = {
		{ "basicConstraints=critical,CA:FALSE\\nkeyUsage=critical,digitalSignature\\nsubjectAltName=URI:urn:example:south\\n",
		  P256, "-days 10 -sha256", "no extendedKeyUsage with clientAuth" },
		{ "keyUsage=critical,digitalSignature\\nextendedKeyUsage=serverAuth\\nsubjectAltName=URI:urn:example:south\\n",
		  P256, "-days 10 -sha256", "unsuitable certificate purpose" },
		{ "extendedKeyUsage=clientAuth\\nsubjectAltName=URI:urn:example:south\\n", P256, "-days 10 -sha256",
		  "no keyUsage with digitalSignature" },
		{ "keyUsage=critical,keyAgreement\\nextendedKeyUsage=clientAuth\\nsubjectAltName=URI:urn:example:south\\n",
		  P256, "-days 10 -sha256", "no keyUsage with digitalSignature" },
		{ "basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,digitalSignature,keyCertSign\\nextendedKeyUsage=clientAuth\\n"
		  "subjectAltName=URI:urn:example:south\\n",
		  P256, "-days 10 -sha256", "is an authority" },
		{ "keyUsage=critical,digitalSignature\\nextendedKeyUsage=clientAuth\\n", P256, "-days 10 -sha256",
		  "exactly one URI" },
		{ "keyUsage=critical,digitalSignature\\nextendedKeyUsage=clientAuth\\nsubjectAltName=URI:urn:a,URI:urn:b\\n",
		  P256, "-days 10 -sha256", "exactly one URI" },
		{ LEAF, "rsa:2048", "-days 10 -sha256", "key too weak" },
		{ LEAF, P256, "-days 10 -sha1", "digest algorithm too weak" },
	};
	struct chain *c = of("ca.pem");

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		issue("bad", "ca", cases[i].extensions, cases[i].key, cases[i].options);
		refused(c, pki_der("bad.pem"), now(), cases[i].want);
	}
	/* Another authority, also one of the same name; a leaf that signs; one that signed itself. */
	authority("other", "-addext keyUsage=critical,keyCertSign,cRLSign");
	issue("foreign", "other", LEAF, P256, "-days 10 -sha256");
	refused(c, pki_der("foreign.pem"), now(), "unable to get local issuer");
	pki_sh("openssl req -x509 -newkey " P256 " -nodes -keyout twin.key -out twin.pem -subj /CN=ca -days 30 "
	       "-addext keyUsage=critical,keyCertSign,cRLSign");
	issue("of-twin", "twin", LEAF, P256, "-days 10 -sha256");
	refused(c, pki_der("of-twin.pem"), now(), "does not verify");
	issue("of-leaf", "good", LEAF, P256, "-days 10 -sha256");
	refused(c, pki_der("of-leaf.pem"), now(), "unable to get local issuer");
	authority("alone", "-addext subjectAltName=URI:urn:example:south -addext extendedKeyUsage=clientAuth");
	refused(c, pki_der("alone.pem"), now(), "self-signed");
	refused(c, VIEW("no certificate"), now(), "cannot be read");
	refused(c, VIEW(""), now(), "cannot be read");
	chain_free(c);
}
END_TEST

START_TEST(authorities_below_another)
{
	struct cert_id id;

	issue("middle", "ca",
	      "basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,keyCertSign,cRLSign\\nsubjectKeyIdentifier=hash\\n"
	      "authorityKeyIdentifier=keyid\\n",
	      P256, "-days 5 -sha256");
	issue("deep", "middle", LEAF, P256, "-days 10 -sha256");
	pki_sh("cat ca.pem middle.pem >both.pem");
	struct chain *c = of("both.pem"), *root = of("ca.pem"), *middle = of("middle.pem");
	struct view der = pki_der("deep.pem");
	accepted(c, der, now(), &id);
	/* It holds no longer than who signed it. */
	ck_assert_int_lt(id.not_after_ms, now() + 6 * DAY_MS);
	ck_assert_int_gt(id.not_after_ms, now() + 4 * DAY_MS);
	refused(c, der, now() + 6 * DAY_MS, "expired");
	/* Who signed it must be among ours, and whoever signed that one too. */
	refused(root, der, now(), "unable to get local issuer");
	refused(middle, der, now(), "unable to get issuer");
	chain_free(c);
	chain_free(root);
	chain_free(middle);
}
END_TEST

START_TEST(no_bit_can_be_turned_over)
{
	struct chain *c = of("ca.pem");
	struct view der = pki_der(_i == 0 ? "good.pem" : "rsa.pem");
	char copy[4096];
	struct cert_id id;
	size_t accepted_n = 0;

	ck_assert_uint_lt(der.n, sizeof copy);
	memcpy(copy, der.p, der.n);
	for (size_t bit = 0; bit < der.n * 8; bit++) {
		struct error e = { .reason = REASON_NONE };
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
		if (chain_verify(c, view_make(copy, der.n), now(), &id, &e))
			accepted_n++;
		else
			ck_assert_int_eq(e.reason, REASON_PARTNER_UNKNOWN);
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
	}
	ck_assert_uint_eq(accepted_n, 0);
	accepted(c, view_make(copy, der.n), now(), &id);
	for (size_t n = 0; n < der.n; n++)
		refused(c, view_make(copy, n), now(), "cannot be read");
	chain_free(c);
}
END_TEST

/* Behind the outermost SEQUENCE's two length bytes: the same certificate in an encoding that is BER and not DER. */
START_TEST(another_encoding_of_the_same_is_refused)
{
	struct chain *c = of("ca.pem");
	struct view der = pki_der("good.pem");
	struct buf longer = BUF_INIT(8192);
	struct error e = { .reason = REASON_NONE };
	struct cert_id id;

	ck_assert_int_eq((uint8_t)der.p[0], 0x30);
	ck_assert_int_eq((uint8_t)der.p[1], 0x82);
	buf_add(&longer, view_make("\x30\x83\x00", 3));
	buf_add(&longer, view_from(der, 2));
	/* It is read: that is why it must be compared. */
	ck_assert_msg(cert_read(buf_view(&longer), &id, &e), "%s", e.text);
	refused(c, buf_view(&longer), now(), "cannot be read as DER");
	buf_addc(&longer, 0);
	refused(c, buf_view(&longer), now(), "cannot be read");
	buf_free(&longer);
	chain_free(c);
}
END_TEST

/* An INTEGER of DER: 32 bytes without zeros in front, but one where the first bit is set. */
static void put_integer(struct buf *out, const uint8_t b[32])
{
	size_t skip = 0;

	while (skip < 31 && b[skip] == 0)
		skip++;
	bool pad = b[skip] & 0x80;
	buf_addc(out, 2);
	buf_addc(out, (char)(32 - skip + pad));
	if (pad)
		buf_addc(out, 0);
	buf_add(out, view_make(b + skip, 32 - skip));
}

static struct view take_integer(struct view *in, uint8_t out[32])
{
	size_t n = (uint8_t)in->p[1];
	struct view v = view_make(in->p + 2, n);

	ck_assert_int_eq(in->p[0], 2);
	*in = view_from(*in, 2 + n);
	if (v.p[0] == 0)
		v = view_from(v, 1);
	memset(out, 0, 32);
	memcpy(out + 32 - v.n, v.p, v.n);
	return v;
}

/* Anybody can make (r, n - s) of a signature (r, s): what it is over, and so serial and key, is the same. */
START_TEST(the_twin_of_a_signature_is_the_same_certificate)
{
	static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,    0xff, 0xff, 0xff,
		                           0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
		                           0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
	struct chain *c = of("ca.pem");
	struct view der = pki_der("good.pem"), signature;
	struct buf inner = BUF_INIT(200), whole = BUF_INIT(8192), rest = BUF_INIT(8192);
	uint8_t r[32], s[32], twin[32];
	struct cert_id id, other;
	size_t signed_n =
	        4u + (((uint8_t)der.p[6] << 8) | (uint8_t)der.p[7]) + 12; /* TBSCertificate and the algorithm */
	int borrow = 0;

	ck_assert_int_eq((uint8_t)der.p[5], 0x82);
	signature = view_from(der, 4 + signed_n);
	ck_assert_int_eq(signature.p[0], 3);
	signature = view_from(signature, 5);
	take_integer(&signature, r);
	take_integer(&signature, s);
	ck_assert_uint_eq(signature.n, 0);
	for (int i = 31; i >= 0; i--) {
		int d = order[i] - s[i] - borrow;
		borrow = d < 0;
		twin[i] = (uint8_t)d;
	}
	put_integer(&inner, r);
	put_integer(&inner, twin);
	buf_add(&rest, view_make(der.p + 4, signed_n));
	buf_addc(&rest, 3);
	buf_addc(&rest, (char)(inner.n + 3));
	buf_add(&rest, view_make("\0\x30", 2));
	buf_addc(&rest, (char)inner.n);
	buf_add(&rest, buf_view(&inner));
	buf_add(&whole, view_make("\x30\x82", 2));
	buf_addc(&whole, (char)(rest.n >> 8));
	buf_addc(&whole, (char)rest.n);
	buf_add(&whole, buf_view(&rest));
	accepted(c, der, now(), &id);
	accepted(c, buf_view(&whole), now(), &other);
	ck_assert(!digest_eq(&id.whole, &other.whole));
	ck_assert(digest_eq(&id.spki, &other.spki));
	ck_assert_str_eq(id.serial, other.serial);
	ck_assert_str_eq(id.uri, other.uri);
	buf_free(&inner);
	buf_free(&rest);
	buf_free(&whole);
	chain_free(c);
}
END_TEST

START_TEST(authorities_that_cannot_be_read)
{
	struct error e = { .reason = REASON_NONE };

	ck_assert_ptr_null(chain_load(VIEW("no PEM"), &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_msg(strstr(e.text, "no authority's certificate") != NULL, "%s", e.text);
}
END_TEST

static void open_with_rsa(void)
{
	open_all();
	/* The authority's key makes the signature: RSA has no twin. */
	pki_sh("cp ca.pem ca-ec.pem; openssl req -x509 -newkey rsa:3072 -nodes -keyout ca2.key -out ca2.pem -subj /CN=ca2 -days 30 "
	       "-addext keyUsage=critical,keyCertSign,cRLSign");
	issue("rsa", "ca2", LEAF, P256, "-days 10 -sha256");
	pki_sh("cat ca2.pem >>ca.pem");
}

TCase *make_chain_case(void)
{
	TCase *c = tcase_create("chain");

	tcase_set_timeout(c, 120);
	tcase_add_unchecked_fixture(c, open_with_rsa, pki_close);
	tcase_add_test(c, one_of_ours_is_who_it_says);
	tcase_add_test(c, what_comes_from_elsewhere_or_is_for_something_else);
	tcase_add_test(c, authorities_below_another);
	tcase_add_loop_test(c, no_bit_can_be_turned_over, 0, 2);
	tcase_add_test(c, another_encoding_of_the_same_is_refused);
	tcase_add_test(c, the_twin_of_a_signature_is_the_same_certificate);
	tcase_add_test(c, authorities_that_cannot_be_read);
	return c;
}
