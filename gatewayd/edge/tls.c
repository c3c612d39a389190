/* See tls.h. */
#include "gatewayd/edge/tls.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "gatewayd/edge/address.h"
#include "gatewayd/edge/chains.h"
#include "gatewayd/edge/tls_library.h"
#include "gatewayd/edge/tls_verify.h"

#define SUITES           "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
#define GROUPS           "X25519:P-256:P-384"
#define CERTIFICATES_MAX (32 * 1024) /* bytes of a peer's chain */

struct tls_contexts {
	atomic_int refs;
	SSL_CTX *server, *client;
	struct chains *chains; /* of clients */
	bool takes_nameless;   /* one of the names is an address */
	char *names;           /* as given */
	size_t names_n;
};

struct tls {
	SSL *ssl;
	struct tls_contexts *contexts;
	uint32_t key_updates;
	bool established, broken, notified;
	enum edge_count cause; /* of a failure, when a callback knows it */
	const char *why;
};

static const unsigned char alpn_http11[] = "\x08http/1.1";

bool tls_prepare(void)
{
	unsigned char byte;

	return OPENSSL_init_ssl(0, NULL) == 1 && RAND_bytes(&byte, 1) == 1 && tls_library_open();
}

/* OpenSSL's macros cast the constant strings that they only read. */
#pragma GCC diagnostic ignored "-Wcast-qual"

/* What OpenSSL alone would not tell apart. */
static void blame(SSL *ssl, enum edge_count cause)
{
	struct tls *t = SSL_get_app_data(ssl);

	if (t)
		t->cause = cause;
}

/* A server name that is not ours, or none, is refused (RFC 6066 section 3, RFC 8446 section 9.2). */
static int server_name_callback(SSL *ssl, int *alert, void *arg)
{
	const struct tls_contexts *c = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct view rest = view_make(c->names, c->names_n);

	if (rest.n == 0 || (!name && c->takes_nameless))
		return SSL_TLSEXT_ERR_OK;
	while (name && rest.p)
		if (view_eq_nocase(view_cut(&rest, '\n'), view_of(name)))
			return SSL_TLSEXT_ERR_OK;
	blame(ssl, EDGE_COUNT_server_name);
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Called only when the client offers protocols (RFC 7301 section 3.2). */
static int alpn_callback(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                         unsigned int in_n, void *arg)
{
	(void)arg;
	for (unsigned int at = 0; at < in_n; at += 1u + in[at]) {
		if (in[at] == 8 && in_n - at > 8 && memcmp(in + at, alpn_http11, 9) == 0) {
			*out = in + at + 1;
			*out_n = 8;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	blame(ssl, EDGE_COUNT_application_protocol);
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Each KeyUpdate costs a key schedule and may ask for one in return (RFC 8446 section 4.6.3). */
static void message_callback(int written, int version, int type, const void *p, size_t n, SSL *ssl, void *arg)
{
	(void)version, (void)arg;
	if (written || type != SSL3_RT_HANDSHAKE || n == 0 || *(const uint8_t *)p != SSL3_MT_KEY_UPDATE)
		return;
	struct tls *t = SSL_get_app_data(ssl);
	if (t)
		t->key_updates++;
}

static int no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out, (void)size, (void)writing, (void)arg;
	return 0;
}

/* Adds what OpenSSL says, which names no secret, to the sentence. */
static bool config_error(struct error *err, const char *what)
{
	const char *detail = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return error_set(err, REASON_CONFIG, "%s%s%s", what, detail ? ": " : "", detail ? detail : "");
}

static bool load_own(SSL_CTX *ctx, const struct tls_material *m, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(m->cert.p, (int)m->cert.n);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
	bool ok = cert && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	while (ok && (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
		/* A root is of no use to a peer, and its bytes cost each handshake. */
		ok = X509_get_extension_flags(cert) & EXFLAG_SS || SSL_CTX_add1_chain_cert(ctx, cert) == 1;
		X509_free(cert);
	}
	BIO_free(bio);
	if (!ok)
		return config_error(err, "tls.cert is no certificate that TLS here can use");
	ERR_clear_error(); /* the end of the PEM text is an error to OpenSSL */

	bio = BIO_new_mem_buf(m->key.p, (int)m->key.n);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	ok = key && SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ok || config_error(err, "tls.key is not the private key of tls.cert");
}

static bool load_authorities(SSL_CTX *ctx, const struct tls_material *m, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(m->ca.p, (int)m->ca.n);
	X509 *cert;
	int n = 0;

	while (bio && (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
		/* Reads its extensions now; else the first handshake would, in whichever thread that is. */
		(void)X509_check_purpose(cert, -1, 0);
		n += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) == 1;
		X509_free(cert);
	}
	BIO_free(bio);
	if (n == 0)
		return config_error(err, "tls.ca holds no certificate");
	ERR_clear_error();
	return true;
}

static SSL_CTX *context_new(const SSL_METHOD *method, int purpose, const struct tls_material *m, struct error *err)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(tls_library(), NULL, method);

	if (!ctx) {
		config_error(err, "no TLS context");
		return NULL;
	}
	SSL_CTX_set_security_level(ctx, 3);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_CLEANSE_PLAINTEXT |
	                                 SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx,
	                 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, CERTIFICATES_MAX);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, tls_verify_certificate);
	SSL_CTX_set_verify_depth(ctx, 1);
	SSL_CTX_set_msg_callback(ctx, message_callback);

	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
	bool ok = SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	          SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	          SSL_CTX_set_ciphersuites(ctx, SUITES) == 1 && SSL_CTX_set1_groups_list(ctx, GROUPS) == 1 &&
	          SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
	          X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT) == 1 &&
	          X509_VERIFY_PARAM_set_purpose(param, purpose) == 1;
	if (!ok)
		config_error(err, "a TLS setting is not supported");
	if (!ok || !load_own(ctx, m, err) || !load_authorities(ctx, m, err)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

struct tls_contexts *tls_contexts_new(const struct tls_material *m, struct error *err)
{
	struct tls_contexts *c = calloc(1, sizeof *c);

	if (!c) {
		error_set(err, REASON_NO_MEMORY, "no memory");
		return NULL;
	}
	atomic_init(&c->refs, 1);
	c->names = malloc(m->names.n + 1);
	c->server = context_new(TLS_server_method(), X509_PURPOSE_SSL_CLIENT, m, err);
	c->client = c->server ? context_new(TLS_client_method(), X509_PURPOSE_SSL_SERVER, m, err) : NULL;
	c->chains = chains_new();
	if (!c->names || !c->chains || !c->client ||
	    SSL_CTX_set_alpn_protos(c->client, alpn_http11, sizeof alpn_http11 - 1) != 0) {
		error_set(err, REASON_NO_MEMORY, "no memory");
		tls_contexts_unref(c);
		return NULL;
	}
	/* The last line may or may not end in a line feed; an empty line is no name. */
	struct view names = m->names;
	while (names.n && names.p[names.n - 1] == '\n')
		names.n--;
	if (names.n)
		memcpy(c->names, names.p, names.n);
	c->names_n = names.n;
	for (struct view rest = names; rest.n > 0;) {
		struct view name = view_cut(&rest, '\n');
		struct prefix address;
		c->takes_nameless = c->takes_nameless || prefix_parse(name, &address);
	}
	SSL_CTX_set_cert_verify_callback(c->server, tls_verify_chain, c->chains);
	/* Head and body of a record, and what comes with them, in one read of the socket instead of two. */
	SSL_CTX_set_read_ahead(c->server, 1);
	SSL_CTX_set_tlsext_servername_callback(c->server, server_name_callback);
	SSL_CTX_set_tlsext_servername_arg(c->server, c);
	SSL_CTX_set_alpn_select_cb(c->server, alpn_callback, NULL);
	return c;
}

static struct tls_contexts *tls_contexts_ref(struct tls_contexts *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void tls_contexts_unref(struct tls_contexts *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	SSL_CTX_free(c->server);
	SSL_CTX_free(c->client);
	chains_free(c->chains);
	free(c->names);
	free(c);
}

static struct tls *tls_new(struct tls_contexts *c, SSL_CTX *ctx, int fd)
{
	struct tls *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->contexts = tls_contexts_ref(c); /* the server name callback looks into it */
	t->why = "the connection ended without close_notify";
	t->ssl = SSL_new(ctx);
	if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1) {
		tls_free(t);
		return NULL;
	}
	SSL_set_app_data(t->ssl, t);
	return t;
}

struct tls *tls_accept(struct tls_contexts *c, int fd)
{
	struct tls *t = tls_new(c, c->server, fd);

	if (t)
		SSL_set_accept_state(t->ssl);
	return t;
}

struct tls *tls_connect(struct tls_contexts *c, int fd, const char *server_name)
{
	struct tls *t = tls_new(c, c->client, fd);

	if (!t)
		return NULL;
	unsigned char address[16];
	bool numeric = inet_pton(AF_INET, server_name, address) == 1 || inet_pton(AF_INET6, server_name, address) == 1;
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	SSL_set_connect_state(t->ssl);
	if (server_name[0] == '\0' ||
	    (numeric ? X509_VERIFY_PARAM_set1_ip_asc(param, server_name)
	             : SSL_set1_host(t->ssl, server_name) && SSL_set_tlsext_host_name(t->ssl, server_name)) != 1) {
		ERR_clear_error();
		tls_free(t);
		return NULL;
	}
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	tls_contexts_unref(t->contexts);
	free(t);
}

/* A certificate that was refused (X509_V_ERR_*). */
static enum edge_count cause_of_verify(long verify)
{
	switch (verify) {
	case X509_V_ERR_CERT_HAS_EXPIRED: return EDGE_COUNT_expired;
	case X509_V_ERR_CERT_NOT_YET_VALID: return EDGE_COUNT_not_yet_valid;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE: return EDGE_COUNT_unknown_authority;
	case X509_V_ERR_INVALID_PURPOSE: return EDGE_COUNT_wrong_usage;
	case X509_V_ERR_APPLICATION_VERIFICATION: return EDGE_COUNT_no_identity;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK: return EDGE_COUNT_weak;
	default: return EDGE_COUNT_bad_certificate;
	}
}

/* What OpenSSL says of a handshake, or of a connection, that failed. */
static enum edge_count cause_of_error(unsigned long error)
{
	int reason = ERR_GET_REASON(error);

	switch (reason) {
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return EDGE_COUNT_no_certificate;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_VERSION_TOO_HIGH:
	case SSL_R_BAD_LEGACY_VERSION:
	case SSL_R_NO_PROTOCOLS_AVAILABLE: return EDGE_COUNT_protocol_version;
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_BAD_RECORD_TYPE:
	case SSL_R_UNKNOWN_PROTOCOL:
	case SSL_R_PACKET_LENGTH_TOO_LONG: return EDGE_COUNT_not_tls;
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
	case SSL_R_MISSING_SIGALGS_EXTENSION:
	case SSL_R_WRONG_SIGNATURE_TYPE: return EDGE_COUNT_no_common_suite;
	case SSL_R_UNEXPECTED_EOF_WHILE_READING: return EDGE_COUNT_gone;
	default: return reason >= SSL_AD_REASON_OFFSET ? EDGE_COUNT_peer_alert : EDGE_COUNT_tls_failed;
	}
}

/* What a call that did not succeed means. OpenSSL's error queue is empty before every call, since this is
 * the only place that errors come from, and empty again after it. */
static enum tls_status unfinished(struct tls *t, int result)
{
	long verify;

	switch (SSL_get_error(t->ssl, result)) {
	case SSL_ERROR_WANT_READ: return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE: return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN: return TLS_CLOSED;
	case SSL_ERROR_SSL:
		verify = t->established ? X509_V_OK : SSL_get_verify_result(t->ssl);
		if (!t->cause)
			t->cause = verify != X509_V_OK ? cause_of_verify(verify) : cause_of_error(ERR_peek_error());
		t->why = verify != X509_V_OK ? X509_verify_cert_error_string(verify)
		                             : ERR_reason_error_string(ERR_peek_error());
		if (!t->why)
			t->why = "TLS failed";
		break;
	default: break;
	}
	ERR_clear_error();
	t->broken = true;
	return TLS_FAILED;
}

static enum tls_status fail(struct tls *t, const char *why)
{
	t->why = why;
	t->broken = true;
	return TLS_FAILED;
}

enum tls_status tls_handshake(struct tls *t)
{
	int result = t->broken ? 0 : SSL_do_handshake(t->ssl);

	if (t->broken)
		return TLS_FAILED;
	if (result != 1) {
		enum tls_status status = unfinished(t, result);
		return status == TLS_CLOSED ? fail(t, "the peer closed during the handshake") : status;
	}
	t->established = true;
	return TLS_OK;
}

enum tls_status tls_read(struct tls *t, char *p, size_t room, size_t *n)
{
	if (t->broken)
		return TLS_FAILED;
	int result = SSL_read_ex(t->ssl, p, room, n);
	if (t->key_updates > TLS_KEY_UPDATES_MAX) {
		ERR_clear_error();
		t->cause = EDGE_COUNT_key_updates;
		return fail(t, "too many key updates");
	}
	return result == 1 ? TLS_OK : unfinished(t, result);
}

bool tls_has_more(const struct tls *t)
{
	return !t->broken && SSL_has_pending(t->ssl);
}

enum tls_status tls_write(struct tls *t, struct view v, size_t *n)
{
	if (t->broken)
		return TLS_FAILED;
	int result = SSL_write_ex(t->ssl, v.p, v.n, n);
	return result == 1 ? TLS_OK : unfinished(t, result);
}

void tls_rest(struct tls *t)
{
	/* Not SSL_MODE_RELEASE_BUFFERS: it would wipe and free 16 KiB after each record. */
	if (t->established && !t->broken)
		(void)SSL_free_buffers(t->ssl);
}

void tls_close_notify(struct tls *t)
{
	if (t->broken || t->notified || !t->established)
		return;
	t->notified = true;
	if (SSL_shutdown(t->ssl) < 0)
		ERR_clear_error();
}

bool tls_peer(const struct tls *t, struct buf *der, struct digest *spki)
{
	X509 *cert = t->established ? SSL_get0_peer_certificate(t->ssl) : NULL;
	unsigned char *p = NULL;
	int n = cert ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &p) : -1;
	bool ok = n > 0 && EVP_Digest(p, (size_t)n, spki->b, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(p);
	p = NULL;
	if (ok && der) {
		n = i2d_X509(cert, &p);
		if (n > 0)
			buf_add(der, view_make(p, (size_t)n));
		ok = n > 0 && !der->failed;
		OPENSSL_free(p);
	}
	if (!ok)
		ERR_clear_error();
	return ok;
}

bool tls_was_verified(const struct tls *t)
{
	/* What the table of chains knows has no chain built. */
	return t->established && SSL_get0_verified_chain(t->ssl);
}

enum edge_count tls_cause(const struct tls *t)
{
	/* Once it stood, what ends it without a word of its own is the connection's end. */
	if (t->established && t->cause != EDGE_COUNT_key_updates)
		return EDGE_COUNT_broken;
	return t->cause ? t->cause : EDGE_COUNT_gone;
}

const char *tls_why(const struct tls *t)
{
	return t->why;
}
