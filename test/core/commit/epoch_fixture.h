/* A log that was ended, and the next one that the writer's start begins. */
#ifndef TEST_CORE_COMMIT_EPOCH_FIXTURE_H
#define TEST_CORE_COMMIT_EPOCH_FIXTURE_H

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "test/core/log_fixture.h"

#define NEXT_ORIGIN  "north.example/audit/n1/2"
#define NEXT_ENTRIES 3 /* genesis, restore, and the change of the key */

/* Under another key. The writer is stopped; the old log's anchor goes. */
static inline void epoch_begin(struct log_fixture *f)
{
	const struct store_log_row row = { .before = { .b = { 7 } },
		                           .origin = VIEW(NEXT_ORIGIN),
		                           .note = VIEW(LOG_ORIGIN " of some entries") };
	uint8_t public_key[32];
	struct store *s = NULL;

	OK((s = store_open(scratch_file(&f->dir, "store.db"), e)) != NULL);
	OK(store_begin(s, e) && store_put_log(s, &row, e) &&
	   store_put_value(s, VIEW(ANNOUNCED_NAME NEXT_ORIGIN), VIEW("an announcement"), e) && store_commit(s, e));
	store_close(s);
	ck_assert_int_eq(unlink(scratch_file(&f->dir, "anchor")), 0);
	log_signer(f, 2);
	ed25519_public(f->key, public_key);
	ck_assert(note_vkey_make(VIEW(NEXT_ORIGIN), NOTE_ED25519, public_key, &f->vkey));
}

#endif
