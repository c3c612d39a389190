/* The public keys that this node answers by and believes: its own log's, witness's and certificate, and each
 * partner's. As a text for people, a key a line, whose digest stands in the log when it changes. No secret and
 * no name of a person is in it. */
#ifndef GATEWAYD_CORE_CONF_PUBLIC_KEYS_H
#define GATEWAYD_CORE_CONF_PUBLIC_KEYS_H

#include "gatewayd/core/conf/conf.h"
#include "lib/base/buf.h"

/* Appends the text. `witness` NULL: this node is none. Partners stand in the order of their ids. */
void public_keys_print(const struct conf *c, const struct note_vkey *log, const struct note_vkey *witness,
                       struct buf *out);
/* Appends one partner's part of it. */
void public_keys_of_partner(const struct partner *p, struct buf *out);

#endif
