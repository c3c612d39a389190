/* The parts of the configuration that lie in folders: partners, schemas, agreements. Used by conf.c. */
#ifndef GATEWAYD_CORE_CONF_CONF_PRIVATE_H
#define GATEWAYD_CORE_CONF_CONF_PRIVATE_H

#include <jansson.h>

#include "gatewayd/core/conf/conf.h"

/* `audit` is that member of the node document, `authorities` a path that it names (NULL: no authority). */
void conf_read_timestamp(struct conf *c, const json_t *audit, const char *authorities, struct error_list *errors);
void conf_read_partners(struct conf *c, const char *folder, struct error_list *errors);
/* `folder` may be NULL: built-in record schemas only. */
void conf_read_schemas(struct conf *c, const char *folder, struct error_list *errors);
void conf_read_agreements(struct conf *c, const char *folder, const char *floor, const char *overlay,
                          const struct secret *secret, int64_t now_ms, struct error_list *errors);
void conf_parts_free(struct conf *c);

#endif
