/* A key store in a folder of its own, and keys by number. */
#ifndef TEST_CORE_KEYS_KEYSTORE_FIXTURE_H
#define TEST_CORE_KEYS_KEYSTORE_FIXTURE_H

#include "gatewayd/core/keys/keystore.h"
#include "test/core/scratch.h"

static struct scratch_dir dir;
static struct keystore *k;

static inline struct keystore *open_keys(bool create)
{
	struct keystore *opened = NULL;

	OK((opened = keystore_open(scratch_file(&dir, "keys"), create, e)) != NULL);
	return opened;
}

static inline bool none_live(void *arg, uint32_t slot)
{
	(void)arg;
	(void)slot;
	return false;
}

/* `arg` is the one slot that lives. */
static inline bool one_live(void *arg, uint32_t slot)
{
	return *(uint32_t *)arg == slot;
}

static inline void setup(void)
{
	dir = scratch_new();
	k = open_keys(true);
}

static inline void teardown(void)
{
	keystore_close(k);
	scratch_remove(&dir);
}

static inline void reopen(void)
{
	keystore_close(k);
	k = open_keys(false);
}

static inline void make_key(unsigned n, uint8_t key[32])
{
	for (unsigned i = 0; i < 32; i++)
		key[i] = (uint8_t)(n * 31 + i * 7 + (n >> 8));
}

static inline uint32_t put(unsigned n)
{
	uint8_t key[32];
	uint32_t slot = UINT32_MAX;

	make_key(n, key);
	OK(keystore_put(k, key, &slot, e));
	return slot;
}

static inline void commit(void)
{
	OK(keystore_sync(k, e));
	keystore_settle(k, true);
	OK(keystore_destroy(k, e));
}

static inline void check_key(uint32_t slot, unsigned n)
{
	uint8_t key[32], got[32];

	make_key(n, key);
	OK(keystore_get(k, slot, got, e));
	ck_assert_mem_eq(got, key, sizeof key);
}

static inline void check_gone(uint32_t slot)
{
	uint8_t got[32];

	REFUSED(REASON_NOT_FOUND, keystore_get(k, slot, got, e));
}

#endif
