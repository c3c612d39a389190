/* A store in a folder of its own, and made-up exchanges. */
#ifndef TEST_CORE_STORE_FIXTURE_H
#define TEST_CORE_STORE_FIXTURE_H

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/store.h"
#include "test/core/scratch.h"

#define T0 INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

static struct scratch_dir dir;
static struct store *s;

static inline struct store *open_store(void)
{
	struct store *opened = NULL;

	OK((opened = store_open(scratch_file(&dir, "store.db"), e)) != NULL);
	return opened;
}

static inline struct store *open_reader(void)
{
	struct store *opened = NULL;

	OK((opened = store_open_reader(scratch_file(&dir, "store.db"), e)) != NULL);
	return opened;
}

static inline void setup(void)
{
	dir = scratch_new();
	s = open_store();
}

static inline void teardown(void)
{
	store_close(s);
	scratch_remove(&dir);
}

static inline void reopen(void)
{
	store_close(s);
	s = open_store();
}

static inline struct uuid make_id(unsigned n)
{
	struct uuid u = { .b = { 0x01, 0x93, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, 0, 0x70 } };

	return u;
}

static inline struct store_exchange make_exchange(unsigned n, const char *partner, const char *key, uint8_t body)
{
	struct store_exchange x = { .id = make_id(n),
		                    .origin = make_id(n),
		                    .partner = view_of(partner),
		                    .key = view_of(key),
		                    .body = { .b = { body } },
		                    .received_ms = T0,
		                    .agreement = VIEW("pnr-2026"),
		                    .provider = VIEW("north"),
		                    .recipient = VIEW("south"),
		                    .state = STATE_QUEUED,
		                    .status = 201,
		                    .answer = VIEW("{\"outcome\":\"released\"}") };

	return x;
}

static inline enum store_accepted accept(struct store_exchange *x, struct store_exchange *prior)
{
	enum store_accepted result = STORE_NEW;

	OK(store_accept(s, x, &result, prior, e));
	return result;
}

static inline void begin(void)
{
	OK(store_begin(s, e));
}

static inline void commit(void)
{
	OK(store_commit(s, e));
}

#endif
