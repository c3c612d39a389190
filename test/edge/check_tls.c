/* Who gets through the handshake. Every certificate and client here is real; what must be refused is sent. */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "test/edge/peer.h"
#include "test/edge/rig.h"

static const struct {
	const char *what;
	struct peer_options peer;
} refused[] = {
	{ "TLS 1.2", { .max_version = TLS1_2_VERSION } },
	{ "no certificate", { .certificate = "" } },
	{ "an authority that is not ours", { .certificate = "foreign" } },
	{ "server authentication only", { .certificate = "server-only" } },
	{ "no extended key usage", { .certificate = "no-usage" } },
	{ "signed by a leaf", { .certificate = "from-leaf" } },
	{ "expired", { .certificate = "expired" } },
	{ "RSA of 2048 bits", { .certificate = "rsa2048" } },
	{ "no URI", { .certificate = "no-uri" } },
	{ "two URIs", { .certificate = "two-uris" } },
	{ "the authority itself", { .certificate = "ca" } },
	{ "unknown server name", { .server_name = "east.example" } },
	{ "a name of which ours is a part", { .server_name = "xnorth.example" } },
	{ "no server name", { .server_name = "" } },
	{ "ALPN h2", { .alpn = "\x02h2" } },
	{ "ALPN that looks alike", { .alpn = "\x08http/1.0" } },
};

START_TEST(refuses_each)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		ck_assert_msg(peer_refused(rig_port(r), &refused[i].peer), "%s got through", refused[i].what);
	ck_assert_uint_eq(rig_counts(r).opens, 0);
	/* and the edge goes on */
	ck_assert(!peer_refused(rig_port(r), NULL));
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

static const struct peer_options accepted[] = {
	{ .certificate = NULL },
	{ .certificate = "other" },
	{ .certificate = "gateway" },
	{ .certificate = "rsa3072" },
	{ .server_name = "NORTH.example" },
	{ .server_name = "north-2.example" },
	{ .alpn = "\x08http/1.1" },
	{ .alpn = "\x02h2\x08http/1.1" },
	{ .suite = "TLS_AES_256_GCM_SHA384" },
	{ .suite = "TLS_CHACHA20_POLY1305_SHA256" },
	{ .suite = "TLS_AES_128_GCM_SHA256" },
	{ .group = "X25519" },
	{ .group = "P-256" },
	{ .group = "P-384" },
};

START_TEST(accepts_each)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });

	for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
		ck_assert_msg(!peer_refused(rig_port(r), &accepted[i]), "case %zu was refused", i);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

/* At either end, a server's and a client's, and each with each. */
START_TEST(takes_each_kind_of_key)
{
	static const char *const kinds[] = { "gateway", "rsa3072", "rsa-pss", "p384", "ed25519", "ed448" };
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			if (k == 0) {
				rig_configure(r, &(struct rig_options){ .own = kinds[i] });
				usleep(100000);
			}
			ck_assert_msg(!peer_refused(rig_port(r), &(struct peer_options){ .certificate = kinds[k] }),
			              "%s of a client was refused by a gateway with %s", kinds[k], kinds[i]);
		}
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(hands_the_certificate_to_core)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	unsigned char got[4096], want[4096];
	char command[300];

	ck_assert(!peer_refused(rig_port(r), NULL));
	size_t n = rig_last_certificate(r, got, sizeof got);
	snprintf(command, sizeof command, "openssl x509 -in %s/client.pem -outform DER", rig_certificates());
	FILE *f = popen(command, "r");
	ck_assert_uint_eq(fread(want, 1, sizeof want, f), n);
	pclose(f);
	ck_assert_mem_eq(got, want, n);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(gives_no_tickets_and_no_early_data)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	char command[600], line[300];
	bool ticket = false, early = true, suite = false;
	const char *dir = rig_certificates();

	snprintf(command, sizeof command,
	         "(printf 'GET /status/204 HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'; sleep 0.3) | "
	         "openssl s_client -connect 127.0.0.1:%u -servername north.example -cert %s/client.pem "
	         "-key %s/client.key -CAfile %s/ca.pem -verify_return_error -ign_eof 2>&1",
	         (unsigned)rig_port(r), dir, dir, dir);
	FILE *f = popen(command, "r");
	while (fgets(line, sizeof line, f)) {
		ticket = ticket || strstr(line, "New Session Ticket");
		early = early && !strstr(line, "Early data was not sent");
		suite = suite || strstr(line, "Cipher is TLS_AES_256_GCM_SHA384");
	}
	pclose(f);
	ck_assert(!ticket);
	ck_assert(!early);
	ck_assert(suite);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(ends_a_slow_handshake)
{
	struct rig *r = rig_start(&(struct rig_options){ .limits = { .handshake_ms = 300 } });
	struct peer *p = peer_open_plain(rig_port(r));

	/* the header of a record, and then nothing */
	ck_assert(peer_write(p, view_make("\x16\x03\x01\x02\x00\x01", 6)));
	ck_assert(peer_at_end(p));
	peer_free(p);
	ck_assert(!peer_refused(rig_port(r), NULL));
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(refuses_what_is_no_tls)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open_plain(rig_port(r));

	ck_assert(peer_write(p, VIEW("GET / HTTP/1.1\r\nHost: north.example\r\n\r\n")));
	/* an alert, and the end: no answer of HTTP */
	struct peer_answer a;
	ck_assert_int_eq(peer_read(p, &a, false), 0);
	buf_free(&a.body);
	ck_assert_uint_eq(rig_counts(r).heads, 0);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(counts_key_updates)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p = peer_open(rig_port(r), NULL);
	int n = 0;

	ck_assert_int_eq(peer_ask(p, "GET /status/204 HTTP/1.1\r\nHost: north.example\r\n\r\n"), 204);
	for (int i = 0; i < 10; i++)
		ck_assert(peer_key_update(p));
	ck_assert_int_eq(peer_ask(p, "GET /status/204 HTTP/1.1\r\nHost: north.example\r\n\r\n"), 204);
	while (n < 1000 && peer_key_update(p))
		n++;
	ck_assert_int_eq(peer_ask(p, "GET /status/204 HTTP/1.1\r\nHost: north.example\r\n\r\n"), 0);
	ck_assert_uint_eq(rig_await(r, closes, 1), 1);
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(refuses_a_bad_configuration)
{
	struct rig *r = rig_start(&(struct rig_options){ .bad_config = true });

	ck_assert_int_eq(rig_ends(r), 78);
}
END_TEST

/* What is not there yet is not refused. */
START_TEST(waits_for_a_configuration_in_pieces)
{
	struct rig *r = rig_start(&(struct rig_options){ .torn = true });

	ck_assert(!peer_refused(rig_port(r), NULL));
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(keeps_the_old_configuration_when_the_new_is_bad)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 2 });
	struct peer *p = peer_open(rig_port(r), NULL);

	ck_assert_int_eq(peer_ask(p, "GET /status/204 HTTP/1.1\r\nHost: north.example\r\n\r\n"), 204);
	rig_configure(r, &(struct rig_options){ .bad_config = true });
	usleep(100000);
	ck_assert(!peer_refused(rig_port(r), NULL));
	/* a good one holds for new connections, the old go on */
	rig_configure(r, &(struct rig_options){ .limits = { .body_bytes = 5 } });
	usleep(100000);
	ck_assert_int_eq(peer_ask(p, "POST /echo HTTP/1.1\r\nHost: north.example\r\nContent-Length: 6\r\n\r\nabcdef"),
	                 200);
	for (int i = 0; i < 8; i++) {
		struct peer *q = peer_open(rig_port(r), NULL);
		ck_assert_int_eq(
		        peer_ask(q, "POST /echo HTTP/1.1\r\nHost: north.example\r\nContent-Length: 6\r\n\r\nabcdef"),
		        413);
		peer_free(q);
	}
	peer_free(p);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

TCase *make_tls_case(void);
TCase *make_tls_case(void)
{
	TCase *c = tcase_create("tls");

	tcase_set_timeout(c, 60);
	tcase_add_unchecked_fixture(c, rig_setup, NULL);
	tcase_add_test(c, refuses_each);
	tcase_add_test(c, accepts_each);
	tcase_add_test(c, takes_each_kind_of_key);
	tcase_add_test(c, hands_the_certificate_to_core);
	tcase_add_test(c, gives_no_tickets_and_no_early_data);
	tcase_add_test(c, ends_a_slow_handshake);
	tcase_add_test(c, refuses_what_is_no_tls);
	tcase_add_test(c, counts_key_updates);
	tcase_add_test(c, refuses_a_bad_configuration);
	tcase_add_test(c, waits_for_a_configuration_in_pieces);
	tcase_add_test(c, keeps_the_old_configuration_when_the_new_is_bad);
	return c;
}
