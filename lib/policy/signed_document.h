/* Signed documents that change at run time what a signed agreement leaves open: lists of consents,
 * withdrawn and given (consents.h), training of officers (training.h), key epochs (epochs.h). Each kind has a schema,
 * schema/<kind>.schema.json; what all have in common stands here: who issued it for which agreement, its number, and
 * one signature (detached CMS, RFC 5652, over the exact bytes). The caller owns what it loaded; immutable afterwards,
 * any thread. */
#ifndef GATEWAY_POLICY_SIGNED_DOCUMENT_H
#define GATEWAY_POLICY_SIGNED_DOCUMENT_H

#include "lib/base/arena.h"
#include "lib/base/datetime.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"

enum document_kind { DOCUMENT_WITHDRAWALS, DOCUMENT_CONSENTS, DOCUMENT_TRAINING, DOCUMENT_EPOCHS, DOCUMENT_KIND_COUNT };
const char *document_kind_name(enum document_kind k); /* "withdrawals", "consents", "training", "epochs" */

struct agreement;

/* Read by everyone, written by signed_document_load() only; views live as long as the document. */
struct signed_document {
	struct arena mem;
	enum document_kind kind;
	const char *file;      /* its name in errors */
	struct view text;      /* the exact signed bytes */
	struct digest digest;  /* SHA-256 of those */
	struct view agreement; /* id; empty for training */
	struct view issuer;    /* agency */
	uint64_t number;
	int64_t issued_ms;
	int64_t next_update_ms; /* TIME_NONE: it has none */
	/* What it says, by kind; the others are NULL. */
	struct consents *consents; /* of both lists */
	struct training *training;
	struct epochs *epochs;
};

/* What surrounds a document when it is loaded. */
struct document_sources {
	void *arg;
	/* Pinned signing certificates (DER) of an agency: the k-th one, false past the last. */
	bool (*signer)(void *arg, struct view name, size_t k, struct view *cert_der);
	bool unsigned_ok; /* the signature was checked before, or nobody relies on it */
	int64_t now_ms;
};

/* Reads and checks `text` with its signature. NULL with every error listed as `file:line:column: /pointer: rule`. */
struct signed_document *signed_document_load(const char *file, struct view text, struct view signature,
                                             const struct document_sources *from, struct error_list *errors) MUST_USE;
void signed_document_free(struct signed_document *d);

/* Whether it fits what it is about: `versions` are those of its agreement that are held (none for training), `self`
 * the agency of the node. Lists every error. */
bool signed_document_fits(const struct signed_document *d, struct agreement *const *versions, size_t n,
                          struct view self, struct error_list *errors);
/* Whether `after` may take the place of `before`, which is or was in force: the same document, or one with a larger
 * number that goes back on nothing. `after` NULL: it is gone, which is never allowed. */
bool signed_document_follows(const struct signed_document *before, const struct signed_document *after, int64_t now_ms,
                             struct error_list *errors);

/* Adds `file:line:column: /pointer: text`. Always false. For the modules of the kinds. */
bool signed_document_fault(const struct signed_document *d, struct error_list *errors, enum reason reason,
                           const char *pointer, const char *fmt, ...) PRINTF_LIKE(5, 6);

#endif
