/* A part of the witness room that asks others, over the worker fixture: the test lets it tick, sees what it sends, and
 * answers in its partner's stead. What is logged of it, and a monotonic clock that a test may move. */
#ifndef TEST_CORE_WITNESS_ASKING_FIXTURE_H
#define TEST_CORE_WITNESS_ASKING_FIXTURE_H

#include "test/core/worker_fixture.h"

/* check_sight_check.c has them: so far ahead is the monotonic clock, and so much further with each look at it. */
extern _Atomic int64_t clock_ahead_ms, clock_step_ms;

/* Turns the worker until it is so. */
#define UNTIL(condition) \
	do { \
		for (int turns_ = 0; turns_ < 300 && !(condition); turns_++) \
			worker_turn(); \
		ck_assert_msg(condition, "not so: %s", #condition); \
	} while (0)

/* Whether it sends a request when it ticks. */
static inline bool asks(void (*tick)(void *part), void *part)
{
	post_seen.done = false;
	tick(part);
	worker_flush(worker);
	ck_assert_int_ne(channel_receive(edge, on_edge_frame, NULL), CHANNEL_DEAD);
	return post_seen.done;
}

/* The request that waits is to this target. */
static inline void is_asked(const char *target)
{
	ck_assert_msg(post_seen.done, "nothing is asked, not %s", target);
	ck_assert_str_eq(post_seen.head.p, target);
}

#define PIECE 16384 /* of an answer, in a frame */

/* Answers it; status 0: no answer comes. Whether another request follows at once. */
static inline bool answer_it(int status, struct view body)
{
	struct buf b = BUF_INIT(1 << 20);
	uint64_t id = post_seen.id;
	struct post *p;

	ck_assert_msg(post_seen.done, "nothing is asked");
	put_u16(&b, (uint16_t)status);
	put_u64(&b, body.n);
	if (status == 0) {
		put_view16(&b, VIEW("error"));
		put_view16(&b, VIEW("the partner cannot be reached"));
	}
	put_u16(&b, 0);
	size_t piece = body.n < PIECE ? body.n : PIECE;
	buf_add(&b, view_make(body.p, piece));
	post_seen.done = false;
	channel_send(edge, FRAME_REPLY, piece == body.n ? FRAME_LAST : 0, id, buf_view(&b), VIEW(""));
	buf_free(&b);
	while (piece < body.n) {
		body = view_from(body, piece);
		piece = body.n < PIECE ? body.n : PIECE;
		worker_turn();
		channel_send(edge, FRAME_BODY, piece == body.n ? FRAME_LAST : 0, id, view_make(body.p, piece),
		             VIEW(""));
	}
	do {
		worker_turn();
		HASH_FIND(hh, worker->posts, &id, sizeof id, p);
	} while (p);
	return post_seen.done;
}

static inline uint64_t log_size(void)
{
	struct writer_stats stats;

	writer_stats(f.log.writer, &stats);
	return stats.tree_size;
}

/* A made-up log in branches, which are one up to entry `fork`. */
struct branch {
	unsigned number;
	uint64_t fork;
};

/* tlog_read_hash (lib/tlog/tree.h) of it, each time from its leaves; `arg` is a struct branch. */
static inline bool branch_hash(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	const struct branch *b = arg;
	struct digest left, right;
	char leaf[48];

	if (level == 0) {
		snprintf(leaf, sizeof leaf, "entry %u of branch %u", (unsigned)index, index < b->fork ? 0 : b->number);
		tlog_leaf_hash(view_of(leaf), out);
		return true;
	}
	if (!branch_hash(arg, level - 1, 2 * index, &left) || !branch_hash(arg, level - 1, 2 * index + 1, &right))
		return false;
	tlog_node_hash(&left, &right, out);
	return true;
}

/* Asks on, and is answered with `status`, until something is logged; how often. */
static inline unsigned until_logged(void (*ask_again)(void), int status)
{
	uint64_t before = log_size();
	unsigned asked = 0;

	for (; log_size() == before && asked < 40; asked++) {
		ask_again();
		ck_assert(!answer_it(status, VIEW("")));
		let_write();
	}
	ck_assert_uint_lt(asked, 40);
	return asked;
}

/* The newest entry is an incident at the partner, and says this. */
static inline void is_incident(const char *what)
{
	json_t *entry = core_last_entry(&f);

	ck_assert_str_eq(core_member(entry, "operation"), "incident");
	ck_assert_str_eq(core_member(entry, "peer"), "south-gateway");
	ck_assert_msg(strstr(core_member(entry, "note"), what) != NULL, "%s, not %s", core_member(entry, "note"), what);
	json_decref(entry);
}

/* A checkpoint that `key` signed in the name of `vkey`. */
static inline void sign_checkpoint(const struct note_vkey *vkey, struct ed25519_key *key, uint64_t size,
                                   const struct digest *root, struct buf *out)
{
	struct checkpoint c = { .origin = view_of(vkey->name), .size = size, .root = *root };
	struct note_signer signer = { .vkey = *vkey, .key = key };
	struct buf text = BUF_INIT(4096);

	checkpoint_text(&c, &text);
	buf_reset(out);
	buf_add(out, buf_view(&text));
	buf_addc(out, '\n');
	ck_assert(note_sign(&signer, buf_view(&text), out) && !out->failed);
	buf_free(&text);
}

#endif
