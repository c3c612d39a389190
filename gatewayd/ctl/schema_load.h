/* Schemas from files for the schema commands: options, the set of documents that `$ref` may reach, and
 * verdicts as lines. One thread. */
#ifndef GATEWAYD_CTL_SCHEMA_LOAD_H
#define GATEWAYD_CTL_SCHEMA_LOAD_H

#include "gatewayd/ctl/ctl.h"
#include "lib/base/buf.h"
#include "lib/schema/schema.h"

#define SCHEMA_FILE_MAX  (64u << 20)
#define SCHEMA_FILES_MAX 1024u

/* A document and the URI it is known by; both are owned. */
struct schema_file {
	char *uri, *text;
	size_t n;
};

struct schema_setup {
	struct schema_options options;
	struct view ignored[32];
	const char *output;        /* --output: "list", "basic", or NULL */
	struct schema_file *files; /* of --ref and --remotes */
	size_t n_files;
};

/* Reads the options of both commands (the ones for validating only where `validate`) and the files they
 * name; optind is left at the first argument. CTL_OK, or an exit status after the reason was printed. */
int schema_setup_read(struct schema_setup *s, int argc, char **argv, bool validate);
void schema_setup_free(struct schema_setup *s);

/* Compiles `text` as `uri`, at `fragment` ("" or "#…"), among the files of the set-up. */
struct schema *schema_setup_compile(const struct schema_setup *s, const char *uri, struct view text,
                                    const char *fragment, struct error *e) MUST_USE;

/* file:///… of a path, percent-encoded. NULL: no such file, or no memory. */
char *schema_file_uri(const char *path);

int schema_test(const struct ctl *c, int argc, char **argv);

#endif
