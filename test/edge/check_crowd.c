/* Many connections at once: more than there are descriptors, and more bytes than the channel takes in a turn. */
#include <check.h>
#include <unistd.h>

#include "test/edge/peer.h"
#include "test/edge/rig.h"

#define POST(target, length) "POST " target " HTTP/1.1\r\nHost: north.example\r\nContent-Length: " length "\r\n\r\n"

START_TEST(survives_without_descriptors)
{
	struct rig *r = rig_start(&(struct rig_options){ .files = 40 });
	struct peer *p[60];
	int open = 0;

	for (int i = 0; i < 60; i++) {
		p[i] = peer_open_plain(rig_port(r));
		open += p[i] != NULL;
	}
	ck_assert_int_gt(open, 40);
	usleep(200000);
	for (int i = 0; i < 60; i++)
		peer_free(p[i]);
	usleep(200000);
	ck_assert(!peer_refused(rig_port(r), NULL));
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

START_TEST(takes_many_at_once)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 2 });
	enum { PEERS = 50 };
	struct peer *p[PEERS];

	for (int i = 0; i < PEERS; i++)
		ck_assert_ptr_nonnull(p[i] = peer_open(rig_port(r), NULL));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < PEERS; i++)
			ck_assert(peer_write(p[i], VIEW(POST("/echo", "3") "abc")));
		for (int i = 0; i < PEERS; i++) {
			struct peer_answer a;
			ck_assert_int_eq(peer_read(p[i], &a, false), 200);
			ck_assert(view_is(buf_view(&a.body), "abc"));
			buf_free(&a.body);
		}
	}
	for (int i = 0; i < PEERS; i++)
		peer_free(p[i]);
	ck_assert_uint_eq(rig_await(r, closes, PEERS), PEERS);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

/* More than the channel takes in a turn, and more of each than is read in one: the edge waits for core, with bytes inside TLS. */
START_TEST(takes_large_bodies_of_many_at_once)
{
	struct rig *r = rig_start(&(struct rig_options){ .threads = 1 });
	struct peer *p[32];
	struct buf body = BUF_INIT(1 << 20);
	struct peer_answer a;

	buf_adds(&body, POST("/echo", "200000"));
	size_t head = body.n;
	memset(buf_room(&body, 200000), 'x', 200000);
	body.n = head + 200000;
	for (int i = 0; i < 32; i++)
		p[i] = peer_open(rig_port(r), NULL);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 32; i++)
			ck_assert(peer_write(p[i], buf_view(&body)));
		for (int i = 0; i < 32; i++) {
			ck_assert_int_eq(peer_read(p[i], &a, false), 200);
			ck_assert_uint_eq(a.body.n, 200000);
			buf_free(&a.body);
		}
	}
	for (int i = 0; i < 32; i++)
		peer_free(p[i]);
	buf_free(&body);
	ck_assert_int_eq(rig_stop(r), 0);
}
END_TEST

TCase *make_crowd_case(void);
TCase *make_crowd_case(void)
{
	TCase *c = tcase_create("crowd");

	tcase_set_timeout(c, 30);
	tcase_add_unchecked_fixture(c, rig_setup, NULL);
	tcase_add_test(c, survives_without_descriptors);
	tcase_add_test(c, takes_many_at_once);
	tcase_add_test(c, takes_large_bodies_of_many_at_once);
	return c;
}
