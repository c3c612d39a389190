/* Keys of made-up logs and witnesses, from a seed of one byte: what they sign verifies. */
#ifndef TEST_FUZZ_LOG_KEY_H
#define TEST_FUZZ_LOG_KEY_H

#include "lib/tlog/note.h"
#include "test/fuzz/target.h"

static inline void log_key(struct note_signer *s, struct view name, enum note_key_type type, uint8_t seed_byte)
{
	uint8_t seed[32], public[32];

	memset(seed, seed_byte, sizeof seed);
	s->key = ed25519_from_seed(seed);
	must(s->key != NULL);
	ed25519_public(s->key, public);
	must(note_vkey_make(name, type, public, &s->vkey));
}

/* A checkpoint's text with the signature of its log. */
static inline void log_checkpoint(const struct note_signer *s, uint64_t size, const struct digest *root,
                                  struct buf *out)
{
	struct checkpoint c = { .origin = view_of(s->vkey.name), .size = size, .root = *root };

	checkpoint_text(&c, out);
	struct view text = exact(buf_view(out));
	buf_addc(out, '\n');
	must(note_sign(s, text, out));
	exact_free(text);
}

#endif
