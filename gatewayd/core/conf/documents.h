/* The signed documents of a configuration that change at run time: lists of consents, training, key epochs. They lie in
 * one folder, each beside its signature. Part of the conf: read, checked and swapped with it. */
#ifndef GATEWAYD_CORE_CONF_DOCUMENTS_H
#define GATEWAYD_CORE_CONF_DOCUMENTS_H

#include "gatewayd/core/conf/conf.h"
#include "lib/policy/signed_document.h"

/* The digests of every file in the folder assessments/ of `folder` (NULL, or no such folder: none). Before the
 * agreements, some of which name one that is held. */
void conf_read_assessments(struct conf *c, const char *folder, struct error_list *errors);
/* After the partners, whose signers count, and before the agreements, which need the epochs. `folder` NULL: none. */
void conf_read_documents(struct conf *c, const char *folder, int64_t now_ms, struct error_list *errors);
/* After the agreements: each document fits the one that it is about. */
void conf_check_documents(const struct conf *c, struct error_list *errors);
void conf_documents_free(struct conf *c);

/* By kind, agreement (empty for training) and issuer; NULL: none. */
const struct signed_document *conf_document(const struct conf *c, enum document_kind kind, struct view agreement,
                                            struct view issuer);
/* The list of the party that the agreement names; NULL: there is none. */
const struct signed_document *conf_withdrawals(const struct conf *c, const struct agreement *a);
const struct signed_document *conf_given(const struct conf *c, const struct agreement *a);
/* What this node's own agency states; NULL: nothing. */
const struct signed_document *conf_training(const struct conf *c);
const struct signed_document *conf_epochs(const struct conf *c, struct view agreement);

/* The agreement names a list of withdrawals or of given consents, and it is missing or past its next update. */
bool conf_consent_unknown(const struct conf *c, const struct agreement *a, int64_t now_ms);
/* How many versions of agreements name such a list; and when the next update of a list that is held is due, TIME_NONE
 * when there is none. */
size_t conf_lists_unknown(const struct conf *c, int64_t now_ms);
int64_t conf_next_update_ms(const struct conf *c);
/* Whether a list of withdrawals of that agreement that is held here, whoever issued it, has the consent. */
bool conf_consent_withdrawn(const struct conf *c, struct view agreement, const struct digest *consent,
                            struct view purpose);
/* Whether an agreement of that name is held, in any version. */
bool conf_holds(const struct conf *c, struct view agreement);

#endif
