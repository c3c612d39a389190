/* Plain words for what the documents say in terms of their own: used by summary, diff and flow map. One
 * thread; all text goes to the caller's buffer. */
#ifndef GATEWAY_POLICY_PLAIN_H
#define GATEWAY_POLICY_PLAIN_H

#include "lib/policy/rates.h"
#include "lib/base/datetime.h"
#include "lib/transform/program.h"

/* "5 years", "6 months and 2 days", "72 hours"; "no time at all" for zero. */
void plain_duration(struct buf *out, const struct duration *d);
void plain_rates(struct buf *out, const struct rates *r); /* those that are bounded */
/* "17 March 2026". */
void plain_date(struct buf *out, int64_t ms);
/* What an action does to a field, as the end of a sentence: "is replaced by a code that ..." */
const char *plain_action(enum action a);
/* The same with what its parameters leave: "is blacked out but for its last 4 characters". */
void plain_rule(struct buf *out, const struct field_rule *rule);
const char *plain_subject(const char *category);
const char *plain_tier(const char *tier);
/* The place that a pointer names, in words: "/person/birth_place" becomes "person (birth place)". */
void plain_place(struct buf *out, const char *pointer);
/* Its parts: the member that it begins with, empty for the whole; a name with blanks for low lines; and the names
 * beneath in one, after `before`, items left out. False when there are none. */
struct view plain_member(const char *pointer);
void plain_words(struct buf *out, struct view token);
bool plain_rest(struct buf *out, struct view pointer, const char *before);
/* Text for HTML: `&`, `<`, `>` and quotes escaped. */
void html_text(struct buf *out, struct view v);

#endif
