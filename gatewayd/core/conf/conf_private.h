/* Inside of the configuration: what conf_load() (conf.c) calls, a file for each kind of document. Each lists every error
 * that it finds. */
#ifndef GATEWAYD_CORE_CONF_CONF_PRIVATE_H
#define GATEWAYD_CORE_CONF_CONF_PRIVATE_H

#include <jansson.h>

#include "gatewayd/core/conf/conf.h"

#define DOCUMENT_MAX (16u * 1024 * 1024) /* of a document's file */

/* node.c */

/* A path member of the node document, made absolute by its folder; NULL: it is not there, or no memory. */
const char *conf_path_of(struct conf *c, const json_t *o, const char *name);
/* Members of `doc` that are there replace those of *rates. */
void conf_read_rates(const json_t *doc, struct rates *rates);
/* The same of a string itself. */
const char *conf_path_at(struct conf *c, const json_t *path);
uint32_t conf_number_of(const json_t *o, const char *name, uint32_t otherwise);
/* Copies of the list's strings. */
const char **conf_strings_of(struct conf *c, const json_t *list, size_t *n);
void conf_read_node(struct conf *c, const json_t *doc);
/* What the edge is sent (edge_config.h); after conf_read_node() and conf_read_partners(). */
void conf_read_edge(struct conf *c, const json_t *doc, struct error_list *errors);

/* limits.c */

/* What the node document limits; and that the descriptors of the process suffice for it (listed where they do not). */
void conf_read_limits(struct conf *c, const json_t *doc, const char *path, struct error_list *errors);

/* revocations.c */

/* Authorities and their lists. A list that cannot be used is no error of the configuration, or an old list would go on
 * standing for it: it refuses all certificates of its authority. */
void conf_read_revocations(struct conf *c, const json_t *doc, int64_t now_ms, struct error_list *errors);
void conf_revocations_free(struct conf *c);

/* partners.c */

void conf_read_partners(struct conf *c, const char *folder, struct error_list *errors);
/* `audit` is that member of the node document, `authorities` a path that it names (NULL: no authority). */
void conf_read_timestamp(struct conf *c, const json_t *audit, const char *authorities, struct error_list *errors);
void conf_partners_free(struct conf *c);

/* witnesses.c: after partners. `audit` is that member of the node document, which is the file at `path`. */

void conf_read_witnesses(struct conf *c, const char *path, const json_t *audit, struct error_list *errors);

/* chain.c */

/* What verifies peers' certificates, from the authorities' file, which the edge is sent as well. */
void conf_read_chain(struct conf *c, const char *authorities, struct error_list *errors);

/* own_tls.c: after the chain and the node. What this gateway shows, and the authorities' file. */

void conf_read_own(struct conf *c, const json_t *doc, int64_t now_ms, struct error_list *errors);

/* clashes.c: after partners and own certificate. What is there twice, or is this gateway's own. */

void conf_check_clashes(const struct conf *c, struct error_list *errors);

/* schemas.c */

/* `folder` may be NULL: built-in record schemas only. */
void conf_read_schemas(struct conf *c, const char *folder, struct error_list *errors);
/* Calls `each` with "schema" and the text of each. */
void conf_schemas_each(const struct conf *c, void (*each)(void *arg, const char *kind, struct view text), void *arg);
void conf_schemas_free(struct conf *c);

/* agreements.c: after partners, schemas and documents. */

void conf_read_agreements(struct conf *c, const char *folder, const char *floor, const char *overlay,
                          const struct secret *secret, int64_t now_ms, struct error_list *errors);
void conf_agreements_free(struct conf *c);

/* folder.c: what a walk over a folder carries. */

struct folder {
	struct conf *c;
	const char *path;
	struct error_list *errors;
	struct schema *schema; /* of the documents in it */
	size_t cap;
	const struct agreement_sources *sources;
	const struct document_sources *document_sources;
};
/* Grows an array in malloc'd memory by one zeroed item of `size` bytes; NULL when memory runs out (listed). */
void *folder_one_more(struct folder *f, void **array, size_t n, size_t size) MUST_USE;
/* Appends a file's text; false when it cannot be read (listed). */
bool folder_read(struct folder *f, const char *path, struct buf *out) MUST_USE;
/* The text of a file of the folder and its detached signature, `<name>.p7s`. The file's path; NULL when either cannot be
 * read (listed). */
const char *folder_read_signed(struct folder *f, const char *name, struct buf *text, struct buf *signature) MUST_USE;
/* conf_signer_of(), as `signer` of agreement_sources and document_sources. `arg` is a folder. */
bool folder_signer(void *arg, struct view name, size_t k, struct view *cert_der);

#endif
