/* Chains that verified: what is known, for how long, and that a partner's is verified once. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gatewayd/edge/chains.h"
#include "test/edge/peer.h"
#include "test/edge/rig.h"

#define BRIEF_S 5

static struct digest chain_of(uint8_t first, uint8_t last)
{
	struct digest d = { .b = { first } };

	d.b[sizeof d.b - 1] = last;
	return d;
}

START_TEST(one_is_known_in_its_time_alone)
{
	struct chains *c = chains_new();
	struct digest none = chain_of(0, 0), a = chain_of(1, 1), b = chain_of(2, 1);

	ck_assert_ptr_nonnull(c);
	ck_assert(!chains_hold(c, &a, 1000));
	/* The place is empty, and its digest is that of nothing. */
	ck_assert(!chains_hold(c, &none, 0));
	chains_keep(c, &a, 1000, 2000);
	ck_assert(!chains_hold(c, &a, 999));
	ck_assert(chains_hold(c, &a, 1000));
	ck_assert(chains_hold(c, &a, 1999));
	ck_assert(!chains_hold(c, &a, 2000));
	ck_assert(!chains_hold(c, &b, 1500));
	chains_free(c);
}
END_TEST

START_TEST(one_bit_apart_is_another)
{
	struct chains *c = chains_new();
	struct digest a = chain_of(1, 1), twin = chain_of(1, 2);

	chains_keep(c, &a, 0, 10);
	ck_assert(!chains_hold(c, &twin, 5));
	/* which takes over the place that both have */
	chains_keep(c, &twin, 0, 10);
	ck_assert(chains_hold(c, &twin, 5));
	ck_assert(!chains_hold(c, &a, 5));
	chains_free(c);
}
END_TEST

static void come_as(struct rig *r, const char *certificate)
{
	ck_assert_msg(!peer_refused(rig_port(r), &(struct peer_options){ .certificate = certificate }),
	              "%s was refused", certificate);
}

START_TEST(a_chain_is_verified_once_a_configuration)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 2 });

	for (int i = 0; i < 4; i++) {
		come_as(r, "client");
		come_as(r, "rsa3072");
	}
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_handshakes, 8), 8);
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_verified, 2), 2);
	/* the next begins with none */
	rig_configure(r, &(struct rig_options){ .limits = { .body_bytes = 5 } });
	usleep(100000);
	for (int i = 0; i < 4; i++)
		come_as(r, "client");
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_handshakes, 12), 12);
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_verified, 3), 3);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(what_is_refused_is_refused_again)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });

	come_as(r, "client");
	for (int i = 0; i < 3; i++)
		ck_assert(peer_refused(rig_port(r), &(struct peer_options){ .certificate = "server-only" }));
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_wrong_usage, 3), 3);
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_verified, 1), 1);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

/* The client's key again, in a certificate that ends in some seconds. */
static void make_brief(void)
{
	char command[900];

	snprintf(
	        command, sizeof command,
	        "cd %s && cp client.key brief.key && openssl req -new -key brief.key -subj /O=Example/CN=brief -out brief.csr && "
	        "faketime -f -%ds openssl x509 -req -in brief.csr -CA ca.pem -CAkey ca.key -days 1 -sha256 -extfile client.ext "
	        "-out brief.pem 2>> openssl.log",
	        rig_certificates(), 86400 - BRIEF_S);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(one_that_is_known_ends_with_its_time)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });

	make_brief();
	time_t made = time(NULL);
	come_as(r, "brief");
	come_as(r, "brief");
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_verified, 1), 1);
	while (time(NULL) <= made + BRIEF_S)
		usleep(100000);
	ck_assert(peer_refused(rig_port(r), &(struct peer_options){ .certificate = "brief" }));
	ck_assert_uint_eq(rig_edge_count(r, EDGE_COUNT_expired, 1), 1);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

TCase *make_chains_case(void);
TCase *make_chains_case(void)
{
	TCase *c = tcase_create("chains");

	tcase_set_timeout(c, 60);
	tcase_add_unchecked_fixture(c, rig_setup, NULL);
	tcase_add_test(c, one_is_known_in_its_time_alone);
	tcase_add_test(c, one_bit_apart_is_another);
	tcase_add_test(c, a_chain_is_verified_once_a_configuration);
	tcase_add_test(c, what_is_refused_is_refused_again);
	tcase_add_test(c, one_that_is_known_ends_with_its_time);
	return c;
}
