/* A worker with small budgets, bodies that are sent piece by piece, and streams. */
#ifndef TEST_CORE_TURNS_FIXTURE_H
#define TEST_CORE_TURNS_FIXTURE_H

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/turns.h"
#include "test/core/worker_fixture.h"

#define MIB     (UINT64_C(1) << 20)
#define RECORDS "/v1/agreements/pnr/records"

static struct account *account;

static inline void set_up(void)
{
	worker_open();
	f.core.die_fd = -1;
	f.core.conf->node.memory_bytes = 8 * MIB;
	f.core.conf->node.partner_memory_bytes = 4 * MIB;
	f.core.conf->node.jobs = 64;
	f.core.conf->node.partner_jobs = 4;
	f.core.conf->node.edge.connections = 100;
	f.core.conf->node.edge.body_bytes = 1u << 20;
	f.core.conf->node.lines = 1000;
	budget_set(f.core.budget, &f.core.conf->node);
	account = budget_account(f.core.budget, core_partner(&f, NORTH_SYSTEM));
}

static inline void tear_down(void)
{
	struct budget_state all;

	if (!worker->broken) {
		worker_settle();
		budget_state(f.core.budget, &all);
		ck_assert_uint_eq(all.bytes, 0);
		ck_assert_uint_eq(all.jobs, 0);
		ck_assert_uint_eq(all.waiting, 0);
	}
	worker_close();
}

static inline struct view padded(size_t size)
{
	char *p = arena_alloc(&texts, size);
	struct view text = released_text();

	memset(p, ' ', size);
	memcpy(p, text.p, text.n);
	return view_make(p, size);
}

/* The head of the next request; its answer is looked at from here on. */
static inline void send_head(const char *type, uint64_t length, const char *field, const char *value)
{
	const struct ask a = { .conn = NORTH_SYSTEM,
		               .method = "POST",
		               .target = RECORDS,
		               .fields = { "content-type", type, field, value } };
	struct buf b = BUF_INIT(65536);

	put_ask(&a, length, &b);
	buf_reset(&answer_seen.body);
	answer_seen.id = ++last_request;
	answer_seen.done = answer_seen.aborted = false;
	answer_seen.status = 0;
	answer_seen.credit = CHANNEL_CREDIT;
	channel_send(edge, FRAME_HEAD, 0, last_request, buf_view(&b), VIEW(""));
	buf_free(&b);
}

static inline void head(struct view body, const char *type)
{
	send_head(type, body.n, NULL, NULL);
}

static inline void turns(int n)
{
	while (n-- > 0)
		worker_turn();
}

static inline unsigned waiting(void)
{
	struct budget_state all;

	budget_state(f.core.budget, &all);
	return all.waiting;
}

static inline struct view lines_of(unsigned n)
{
	struct buf b = BUF_INIT(16u << 20);

	for (unsigned i = 0; i < n; i++)
		buf_adds(&b, i % 50 == 49 ? "[]\n" : "{}\n");
	struct view v = arena_copy(&texts, buf_view(&b));
	buf_free(&b);
	return v;
}

/* --- streams --- */

static inline void stream_head(const char *field, const char *value)
{
	send_head("application/x-ndjson", CHANNEL_CHUNKED, field, value);
}

static inline void stream_body(struct view bytes, bool last)
{
	channel_send(edge, FRAME_BODY, last ? FRAME_LAST : 0, last_request, bytes, VIEW(""));
}

/* Results so far. */
static inline unsigned results(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < answer_seen.body.n; i++)
		n += answer_seen.body.p[i] == '\n';
	return n;
}

static inline void await_results(unsigned n)
{
	for (int i = 0; results() < n && i < 300; i++)
		worker_turn();
	ck_assert_uint_eq(results(), n);
}

/* The last result is this problem, and the stream has ended. */
static inline void ends_with(const char *slug)
{
	struct view rest = buf_view(&answer_seen.body), line = rest;

	worker_until(&answer_seen.done);
	rest = buf_view(&answer_seen.body);
	while (rest.n)
		line = view_cut(&rest, '\n');
	ck_assert_msg(memmem(line.p, line.n, slug, strlen(slug)) != NULL, "%.*s", (int)line.n, line.p);
}

#endif
