/* What the agreement commands share: options, schemas by digest, signers, loading. One thread. */
#ifndef GATEWAYD_CTL_AGREEMENT_H
#define GATEWAYD_CTL_AGREEMENT_H

#include <getopt.h>

#include "gatewayd/ctl/ctl.h"
#include "lib/policy/agreement.h"
#include "lib/policy/signed_document.h"

#define AGREEMENT_FILE_MAX      (16u << 20)
#define AGREEMENT_SCHEMAS_MAX   512u
#define AGREEMENT_SIGNERS_MAX   64u
#define AGREEMENT_DOCUMENTS_MAX 8u

/* Options that every command on an agreement takes. */
#define AGREEMENT_OPTIONS \
	{ "schema-dir", required_argument, NULL, 'S' }, { "self", required_argument, NULL, 'A' }, \
	        { "floor", required_argument, NULL, 'F' }, { "overlay", required_argument, NULL, 'O' }, \
	        { "now", required_argument, NULL, 'N' }, { "secret", required_argument, NULL, 'K' }, \
	        { "signer", required_argument, NULL, 'C' }, \
	{ \
		"document", required_argument, NULL, 'D' \
	}
#define AGREEMENT_USAGE \
	"[--schema-dir DIR] [--self AGENCY] [--floor FILE] [--overlay FILE] [--document FILE]… [--now TIME]"

struct text_file {
	char *p;
	size_t n;
};

struct agreement_setup {
	struct text_file schemas[AGREEMENT_SCHEMAS_MAX];
	size_t n_schemas;
	struct {
		char *name;
		struct buf der;
	} signers[AGREEMENT_SIGNERS_MAX];
	size_t n_signers;
	struct signed_document
	        *documents[AGREEMENT_DOCUMENTS_MAX]; /* of run time; their signatures are not looked at */
	size_t n_documents;
	struct text_file floor, overlay;
	const char *floor_path, *overlay_path; /* as given */
	const char *self;                      /* NULL: the first party */
	struct secret secret;
	int64_t now_ms;
};

void agreement_setup_init(struct agreement_setup *s);
void agreement_setup_free(struct agreement_setup *s);
/* Takes one of AGREEMENT_OPTIONS; CTL_OK, or an exit status after the reason was printed. */
int agreement_setup_option(struct agreement_setup *s, int option, const char *value);
/* Loads a file; `signature` is NULL for drafts. Prints every error and returns NULL. */
struct agreement *agreement_setup_load(const struct agreement_setup *s, const char *path,
                                       const struct text_file *signature);
/* The document of that kind among those that were named, or NULL. */
const struct signed_document *agreement_setup_document(const struct agreement_setup *s, enum document_kind kind);
/* For document_sources: the certificates of --signer; `arg` is the setup. */
bool agreement_setup_signer(void *arg, struct view name, size_t k, struct view *cert_der);

int agreement_list(const struct ctl *c, int argc, char **argv); /* agreement_list.c */
/* agreement_simulate.c */
int agreement_simulate(const struct ctl *c, int argc, char **argv);
int agreement_explain(const struct ctl *c, int argc, char **argv);
/* Repeats a decision at the instant that it names, from the documents that governed it and, by options
 * (agreement_facts.h), from what stands in none; an envelope with an origin is what a partner's gateway delivered. */
int decision_replay(const struct ctl *c, int argc, char **argv);

#endif
