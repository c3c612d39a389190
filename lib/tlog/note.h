/* C2SP signed-note, tlog-checkpoint and tlog-cosignature. Any thread; keys are immutable. Errors of
 * parsing and verifying have REASON_TAMPERED. */
#ifndef GATEWAY_TLOG_NOTE_H
#define GATEWAY_TLOG_NOTE_H

#include "lib/crypto/crypto.h"
#include "lib/tlog/tlog.h"

#define NOTE_NAME_MAX 160
#define NOTE_MAX      (128 * 1024) /* bytes of a note; C2SP asks for room for 16 signatures of 5 kB */
/* The last is a cosigner's whose signatures need an OpenSSL that has ML-DSA-44; this program makes none. */
enum note_key_type { NOTE_ED25519 = 0x01, NOTE_COSIGNER = 0x04, NOTE_COSIGNER_MLDSA44 = 0x06 };
bool note_type_cosigns(enum note_key_type type) MUST_USE;

/* A verifier key: `name+hex8+base64(type || key)`. */
struct note_vkey {
	char name[NOTE_NAME_MAX];
	uint32_t id;
	enum note_key_type type;
	uint16_t n; /* bytes of the key; zeros follow */
	uint8_t key[MLDSA44_KEY];
};
/* REASON_TAMPERED; REASON_UNSUPPORTED: it has the form of a key, of an algorithm that is not known here or that this OpenSSL
 * does not have. */
bool note_vkey_parse(struct view text, struct note_vkey *out, struct error *e) MUST_USE;
void note_vkey_print(const struct note_vkey *k, struct buf *out);
/* Of Ed25519. */
bool note_vkey_make(struct view name, enum note_key_type type, const uint8_t public_key[32],
                    struct note_vkey *out) MUST_USE;

/* Name, type and key. */
bool note_vkey_same(const struct note_vkey *a, const struct note_vkey *b) MUST_USE;

/* A signer: a key of its own name. */
struct note_signer {
	struct note_vkey vkey;
	struct ed25519_key *key; /* owned by whoever made it */
};
/* Appends "— name base64(id || signature)\n" over `text` (which ends in a newline). */
bool note_sign(const struct note_signer *s, struct view text, struct buf *out) MUST_USE;
/* Cosignature v1 line over a checkpoint's text at `time` (Unix seconds). */
bool note_cosign(const struct note_signer *s, struct view text, uint64_t time, struct buf *out) MUST_USE;

/* What an ML-DSA-44 cosigner of this name signs over a checkpoint's text. */
bool note_cosigned_message(const struct note_vkey *k, struct view text, uint64_t time, struct buf *out) MUST_USE;

/* Splits a note into text (with its last newline) and signature lines. */
bool note_split(struct view note, struct view *text, struct view *signatures, struct error *e) MUST_USE;
/* True when `signatures` holds a valid line of `k` over `text`. Lines of unknown keys are ignored; a line
 * of this key that does not verify is an error. `time` (may be NULL) gets a cosignature's. */
bool note_verify(const struct note_vkey *k, struct view text, struct view signatures, uint64_t *time,
                 struct error *e) MUST_USE;
/* The same for callers to whom an absent signature is no error, unlike a wrong one. A line that repeats is verified
 * once, and more than eight different ones of one key are wrong: a note costs no more than a few signatures. */
enum note_found { NOTE_ABSENT, NOTE_VALID, NOTE_INVALID };
enum note_found note_find(const struct note_vkey *k, struct view text, struct view signatures, uint64_t *time);
/* True when a signature line (without its newline) is well-formed and names `k` by name and id. */
bool note_line_is_of(struct view line, const struct note_vkey *k) MUST_USE;

struct checkpoint {
	struct view origin;
	uint64_t size;
	struct digest root;
};
void checkpoint_text(const struct checkpoint *c, struct buf *out); /* the three lines */
/* Extension lines are let be; they are covered by the signature and mean nothing here. */
bool checkpoint_parse(struct view text, struct checkpoint *out, struct error *e) MUST_USE;
/* Splits, verifies by the log's key and parses a signed checkpoint whose origin is the key's name. `out`
 * looks into `note`. REASON_TAMPERED when it is not what that key signed. */
bool checkpoint_open(struct view note, const struct note_vkey *log, struct checkpoint *out, struct error *e) MUST_USE;

#endif
