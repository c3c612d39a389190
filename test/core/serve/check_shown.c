/* What a worker remembers of certificates that were shown: verified once a certificate and configuration. */
#include "gatewayd/core/serve/shown.h"

#include "test/core/core_fixture.h"

TCase *make_shown_case(void);

#define KEPT 3

static struct core_fixture f;
static struct shown_table *table;
static struct cert_id id;

static void open_table(void)
{
	core_setup(&f);
	core_make_peer(&f, "peer", "urn:example:peer", &f.peer_der);
	ck_assert_ptr_nonnull(table = shown_table_new(KEPT));
}

static void close_table(void)
{
	shown_table_free(table);
	/* core_teardown() is for one that was started. */
	core_start(&f);
	core_teardown(&f);
}

static struct shown *take(struct view der, int64_t now_ms)
{
	struct error e = { .reason = REASON_NONE };
	struct shown *s = shown_take(table, f.core.conf, der, now_ms, &id, &e);

	ck_assert_int_eq(e.reason, s ? REASON_NONE : REASON_PARTNER_UNKNOWN);
	return s;
}

START_TEST(one_is_verified_once)
{
	struct shown *first = take(buf_view(&f.peer_der), f.now_ms);

	ck_assert_ptr_nonnull(first);
	ck_assert_str_eq(id.uri, "urn:example:peer");
	ck_assert_ptr_eq(take(buf_view(&f.peer_der), f.now_ms), first);
	shown_drop(first);
	shown_drop(first);
	for (int i = 0; i < 1000; i++) {
		id = (struct cert_id){ .serial = "" };
		ck_assert_ptr_eq(take(buf_view(&f.peer_der), f.now_ms), first);
		ck_assert_str_eq(id.uri, "urn:example:peer");
		shown_drop(first);
	}
	ck_assert_uint_eq(shown_verified(table), 1);
	shown_drop(NULL);
}
END_TEST

START_TEST(a_reload_verifies_anew)
{
	struct shown *s = take(buf_view(&f.peer_der), f.now_ms);

	f.core.conf->generation++;
	ck_assert(shown_holds(s, f.core.conf, f.now_ms) && shown_holds(s, f.core.conf, f.now_ms));
	ck_assert_uint_eq(shown_verified(table), 2);
	/* Another authority: what is open no longer holds, and cannot be opened again. */
	struct chain *old = f.core.conf->chain;
	f.core.conf->chain = NULL;
	f.core.conf->generation++;
	ck_assert(!shown_holds(s, f.core.conf, f.now_ms) && !shown_holds(s, f.core.conf, f.now_ms));
	ck_assert_uint_eq(shown_verified(table), 3);
	ck_assert_ptr_null(take(buf_view(&f.peer_der), f.now_ms));
	/* What is open holds again with the authority. */
	f.core.conf->chain = old;
	f.core.conf->generation++;
	ck_assert(shown_holds(s, f.core.conf, f.now_ms));
	shown_drop(s);
	/* One that was idle while the authority was away. */
	f.core.conf->chain = NULL;
	f.core.conf->generation++;
	ck_assert_ptr_null(take(buf_view(&f.peer_der), f.now_ms));
	f.core.conf->chain = old;
	f.core.conf->generation++;
	s = take(buf_view(&f.peer_der), f.now_ms);
	ck_assert_ptr_nonnull(s);
	shown_drop(s);
	ck_assert(!shown_holds(NULL, f.core.conf, f.now_ms));
}
END_TEST

START_TEST(it_ends_with_its_time)
{
	struct shown *s = take(buf_view(&f.peer_der), f.now_ms);
	int64_t later = f.now_ms + 4000 * DAY_MS;

	ck_assert(!shown_holds(s, f.core.conf, later));
	ck_assert(!shown_holds(s, f.core.conf, f.now_ms - 2 * DAY_MS));
	ck_assert_ptr_null(take(buf_view(&f.peer_der), later));
	/* The clock was wrong. */
	ck_assert_ptr_eq(take(buf_view(&f.peer_der), f.now_ms), s);
	shown_drop(s);
	shown_drop(s);
}
END_TEST

START_TEST(what_does_not_verify_is_not_kept)
{
	struct buf forged = BUF_INIT(1 << 16);

	buf_add(&forged, buf_view(&f.peer_der));
	forged.p[forged.n - 1] ^= 1;
	for (uint64_t i = 1; i <= 3; i++) {
		ck_assert_ptr_null(take(buf_view(&forged), f.now_ms));
		ck_assert_uint_eq(shown_verified(table), i);
	}
	ck_assert_ptr_null(take(VIEW(""), f.now_ms));
	buf_free(&forged);
}
END_TEST

/* One more than is kept, each once, then the first again. */
START_TEST(the_oldest_without_a_connection_is_forgotten)
{
	struct view first = VIEW(""), text;
	char name[32], command[1200];

	snprintf(
	        command, sizeof command,
	        "cd %s && for i in $(seq %d); do faketime -f -1d openssl x509 -req -in peer.csr -CA peers.pem -CAkey peers.key -set_serial $i "
	        "-days 3650 -sha256 -extfile peer.ext -outform DER -out many-$i.der 2>/dev/null || exit 1; done",
	        f.log.dir.path, KEPT + 1);
	ck_assert_int_eq(system(command), 0);
	for (int i = 1; i <= KEPT + 1; i++) {
		snprintf(name, sizeof name, "many-%d.der", i);
		text = scratch_read(scratch_file(&f.log.dir, name));
		struct shown *s = take(text, f.now_ms);
		ck_assert_ptr_nonnull(s);
		shown_drop(s);
		if (i == 1)
			first = text;
		else
			scratch_free(text);
	}
	ck_assert_uint_eq(shown_verified(table), KEPT + 1);
	shown_drop(take(first, f.now_ms));
	ck_assert_uint_eq(shown_verified(table), KEPT + 2);
	scratch_free(first);
}
END_TEST

TCase *make_shown_case(void)
{
	TCase *c = tcase_create("shown");

	tcase_add_checked_fixture(c, open_table, close_table);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, one_is_verified_once);
	tcase_add_test(c, a_reload_verifies_anew);
	tcase_add_test(c, it_ends_with_its_time);
	tcase_add_test(c, what_does_not_verify_is_not_kept);
	tcase_add_test(c, the_oldest_without_a_connection_is_forgotten);
	return c;
}
