/* An edge that was taken over, before the real core: certificates that it bends, and frames that no edge sends. */
#include "test/core/worker_fixture.h"

#include "gatewayd/core/serve/shown.h"

TCase *make_hostile_edge_case(void);

#define OPENED 100 /* of connections that a test opens itself */

static void opens(uint64_t conn, struct view der)
{
	channel_send(edge, FRAME_OPEN, 0, conn, der, VIEW(""));
	while (!conn_find(worker, conn))
		worker_turn();
}

/* The partner that this certificate's key is pinned for. */
static void pinned(struct view der)
{
	struct error e = { .reason = REASON_NONE };
	struct partner *p = &f.core.conf->partners[SOUTH_SYSTEM];
	struct cert_id id;

	ck_assert_msg(cert_read(der, &id, &e), "%s", e.text);
	p->uri = arena_str(&texts, view_of(id.uri));
	p->pins[0] = id.spki;
}

/* Those by whose lists certificates are judged: the peers' authority. */
static void revocation_is_checked(void)
{
	struct error e = { .reason = REASON_NONE };
	struct view ca = scratch_read(scratch_file(&f.log.dir, "peers.pem"));

	f.core.conf->authorities = authorities_load(ca, &e);
	ck_assert_msg(f.core.conf->authorities, "%s", e.text);
	f.core.conf->revocation_checked = true;
	f.core.conf->generation++;
	scratch_free(ca);
}

/* A revocation list of the peers' authority that names the fixture's certificate. */
static void revoke_the_peer(void)
{
	struct error e = { .reason = REASON_NONE };
	char command[1200];
	size_t which;

	snprintf(
	        command, sizeof command,
	        "cd %s && : >index.txt && printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\ndefault_md=sha256\\n"
	        "default_crl_days=7\\n' >ca.cnf && (openssl ca -config ca.cnf -cert peers.pem -keyfile peers.key -revoke peer.pem && "
	        "openssl ca -config ca.cnf -gencrl -cert peers.pem -keyfile peers.key -out list.crl) 2>/dev/null",
	        f.log.dir.path);
	ck_assert_int_eq(system(command), 0);
	struct view list = scratch_read(scratch_file(&f.log.dir, "list.crl"));
	struct crl *loaded = crl_load(list, f.core.conf->authorities, &which, &e);
	ck_assert_msg(loaded, "%s", e.text);
	f.core.conf->revocations[which].list = loaded;
	scratch_free(list);
}

/* The certificate of a partner that was revoked is public. With any of its bits turned over it stays out, and is not even
 * taken for a partner. */
START_TEST(no_bit_revives_a_revoked_partner)
{
	struct buf bent = BUF_INIT(1 << 16);
	unsigned known = 0;

	pinned(buf_view(&f.peer_der));
	revocation_is_checked();
	opens(OPENED, buf_view(&f.peer_der));
	got(OPENED, "/v1/agreements");
	is_problem(503, "revocation-unknown");
	revoke_the_peer();
	got(OPENED, "/v1/agreements");
	is_problem(403, "certificate-revoked");
	buf_add(&bent, buf_view(&f.peer_der));
	for (size_t bit = 0; bit < bent.n * 8; bit++) {
		uint64_t conn = OPENED + 1 + bit;
		bent.p[bit / 8] = (char)(bent.p[bit / 8] ^ (1 << bit % 8));
		opens(conn, buf_view(&bent));
		known += conn_find(worker, conn)->known;
		if (bit % 97 == 0) {
			got(conn, "/v1/agreements");
			is_problem(403, "partner-unknown");
		}
		channel_send(edge, FRAME_CLOSE, 0, conn, VIEW(""), VIEW(""));
		bent.p[bit / 8] = (char)(bent.p[bit / 8] ^ (1 << bit % 8));
	}
	ck_assert_uint_eq(known, 0);
	ck_assert_uint_eq(atomic_load(&f.core.unverified), bent.n * 8);
	buf_free(&bent);
}
END_TEST

/* What the edge's own authorities let in is none of core's. */
START_TEST(a_certificate_of_another_authority)
{
	struct buf der = BUF_INIT(1 << 16);

	/* The officer's, which signed itself; its pin is a partner's. */
	pinned(buf_view(&f.officer_der));
	opens(OPENED, buf_view(&f.officer_der));
	got(OPENED, "/v1/agreements");
	is_problem(403, "partner-unknown");
	ck_assert_uint_eq(atomic_load(&f.core.unverified), 1);
	/* A second of the authority's own is let in. */
	core_make_peer(&f, "second", "urn:example:peer", &der);
	pinned(buf_view(&der));
	opens(OPENED + 1, buf_view(&der));
	ck_assert_int_eq(got(OPENED + 1, "/v1/agreements"), 200);
	ck_assert_uint_eq(atomic_load(&f.core.unverified), 1);
	buf_free(&der);
}
END_TEST

/* A reload that takes an authority away reaches connections that are open. */
START_TEST(an_authority_that_was_removed)
{
	struct chain *old = f.core.conf->chain;

	ck_assert_int_eq(got(SOUTH_SYSTEM, "/v1/agreements"), 200);
	f.core.conf->chain = NULL;
	f.core.conf->generation++;
	got(SOUTH_SYSTEM, "/v1/agreements");
	is_problem(403, "partner-unknown");
	/* With the authority again: what was found out stays out, and what comes anew comes in. */
	f.core.conf->chain = old;
	f.core.conf->generation++;
	got(SOUTH_SYSTEM, "/v1/agreements");
	is_problem(403, "partner-unknown");
	pinned(buf_view(&f.peer_der));
	opens(OPENED, buf_view(&f.peer_der));
	ck_assert_int_eq(got(OPENED, "/v1/agreements"), 200);
	/* One that asked nothing meanwhile. */
	ck_assert_int_eq(got(NORTH_SYSTEM, "/v1/agreements"), 200);
}
END_TEST

/* A reload that names who signed what is open already: its list holds for that as well. */
START_TEST(an_authority_that_was_added)
{
	pinned(buf_view(&f.peer_der));
	opens(OPENED, buf_view(&f.peer_der));
	ck_assert_int_eq(got(OPENED, "/v1/agreements"), 200);
	revocation_is_checked();
	revoke_the_peer();
	got(OPENED, "/v1/agreements");
	is_problem(403, "certificate-revoked");
}
END_TEST

START_TEST(coming_again_costs_no_chain)
{
	uint64_t before = shown_verified(worker->shown);

	for (uint64_t i = 0; i < 50; i++) {
		opens(OPENED + i, buf_view(&f.peer_der));
		channel_send(edge, FRAME_CLOSE, 0, OPENED + i, VIEW(""), VIEW(""));
	}
	ck_assert_uint_eq(before, 1);
	ck_assert_uint_eq(shown_verified(worker->shown), before);
}
END_TEST

static void comes_from(uint64_t conn, const char *address)
{
	channel_send(edge, FRAME_KNOWN, 0, conn, view_make(address, 16), VIEW(""));
}

/* Addresses are remembered of partners alone, whatever the edge says. */
START_TEST(addresses_are_those_of_partners)
{
	struct buf forged = BUF_INIT(1 << 16), out = BUF_INIT(1 << 16);
	char address[17] = "192.0.2.1-------";

	buf_add(&forged, buf_view(&f.peer_der));
	forged.p[forged.n - 1] ^= 1;
	opens(OPENED, buf_view(&forged));
	opens(OPENED + 1, buf_view(&f.peer_der));
	comes_from(OPENED, address);
	comes_from(OPENED + 1, address);
	comes_from(STRANGER, address);
	comes_from(OPENED + 2, address);
	channel_send(edge, FRAME_KNOWN, 0, SOUTH_SYSTEM, view_make(address, 15), VIEW(""));
	channel_send(edge, FRAME_KNOWN, 0, SOUTH_SYSTEM, VIEW(""), VIEW(""));
	ck_assert_int_eq(got(SOUTH_SYSTEM, "/v1/agreements"), 200);
	sources_print(f.core.sources, f.core.conf, instant_now_ms(), &out);
	ck_assert_uint_eq(out.n, 0);
	comes_from(SOUTH_SYSTEM, address);
	ck_assert_int_eq(got(SOUTH_SYSTEM, "/v1/agreements"), 200);
	sources_print(f.core.sources, f.core.conf, instant_now_ms(), &out);
	ck_assert(view_starts(buf_view(&out), VIEW("3139:322e:302e:322e:312d:2d2d:2d2d:2d2d ")));
	buf_free(&forged);
	buf_free(&out);
}
END_TEST

static uint32_t seed;

/* The same in every run. */
static uint32_t draw(size_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return seed / 65536u % (uint32_t)n;
}

/* Frames of any type, id and payload, and true ones among them: core answers, refuses or goes down, and decides nothing. */
START_TEST(frames_at_random)
{
	static const enum frame_type types[] = { FRAME_CONFIG, FRAME_OPEN,  FRAME_CLOSE, FRAME_HEAD,    FRAME_BODY,
		                                 FRAME_CREDIT, FRAME_ABORT, FRAME_REPLY, FRAME_OUTBOUND };
	struct buf payload = BUF_INIT(65536);
	bool alive = true;

	seed = 20260101u + (uint32_t)_i;
	for (int i = 0; i < 3000 && alive && !atomic_load(&f.core.dying); i++) {
		uint64_t id = draw(12);
		if (draw(8) == 0)
			id |= CHANNEL_OUTBOUND;
		buf_reset(&payload);
		if (draw(2) == 0) {
			struct ask a = { .conn = draw(12), .method = "GET", .target = "/v1/agreements" };
			put_ask(&a, draw(3) == 0 ? draw(200000) : 0, &payload);
		}
		for (uint32_t n = draw(4) == 0 ? draw(3000) : draw(20); n > 0; n--)
			buf_addc(&payload, (char)draw(256));
		enum frame_type type = types[draw(sizeof types / sizeof *types)];
		channel_send(edge, type, (uint8_t)draw(4), id, buf_view(&payload), VIEW(""));
		if (i % 16 == 0) {
			alive = channel_flush(edge) != CHANNEL_DEAD;
			event_base_loop(worker->base, EVLOOP_NONBLOCK);
			alive = alive && channel_receive(edge, on_edge_frame, NULL) != CHANNEL_DEAD;
		}
	}
	ck_assert_uint_eq(f.log.deaths, 0);
	/* An honest connection is served all the same, where core goes on. */
	if (alive && !atomic_load(&f.core.dying)) {
		opens(OPENED, buf_view(&f.peer_der));
		pinned(buf_view(&f.peer_der));
		last_request = 1000;
		ck_assert_int_eq(got(OPENED, "/v1/agreements"), 200);
	}
	ck_assert_uint_eq(atomic_load(&f.core.released) + atomic_load(&f.core.held), 0);
	buf_free(&payload);
}
END_TEST

static void open_worker(void)
{
	worker_open();
	f.core.die_fd = -1;
}

TCase *make_hostile_edge_case(void)
{
	TCase *c = tcase_create("hostile_edge");

	tcase_add_checked_fixture(c, open_worker, worker_close);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, no_bit_revives_a_revoked_partner);
	tcase_add_test(c, a_certificate_of_another_authority);
	tcase_add_test(c, an_authority_that_was_removed);
	tcase_add_test(c, an_authority_that_was_added);
	tcase_add_test(c, coming_again_costs_no_chain);
	tcase_add_test(c, addresses_are_those_of_partners);
	tcase_add_loop_test(c, frames_at_random, 0, 4);
	return c;
}
