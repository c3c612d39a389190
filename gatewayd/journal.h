/* What both processes say on standard error: an event a line, in one write(2), at a level that the configuration sets and a
 * reload changes. Two forms:
 *
 *   plain    gatewayd: warning: text
 *   journal  <4>level=warning process=core msg="text" partner=south …
 *
 * The second is for the service manager's journal: the level as sd-daemon(3) has it, so that `journalctl -p` knows it, and then
 * fields as logfmt has them. It is taken by itself where standard error is the journal ($JOURNAL_STREAM, systemd.exec(5)).
 * Never a value of a record: neither text nor fields. Any thread. */
#ifndef GATEWAYD_JOURNAL_H
#define GATEWAYD_JOURNAL_H

#include "lib/base/view.h"

/* The number is sd-daemon(3)'s. */
#define JOURNAL_LEVELS(L) \
	L(ERROR, "error", 3) L(WARNING, "warning", 4) L(NOTICE, "notice", 5) L(INFO, "info", 6) L(DEBUG, "debug", 7)
enum journal_level {
#define L(name, text, number) JOURNAL_##name = number,
	JOURNAL_LEVELS(L)
#undef L
};

#define JOURNAL_FORMS(F) F(AUTO, "auto") F(PLAIN, "plain") F(FIELDS, "journal")
enum journal_form {
#define F(name, text) JOURNAL_##name,
	JOURNAL_FORMS(F)
#undef F
};

/* The name is one of the gateway's own words. */
struct journal_field {
	const char *name, *value; /* name NULL: the last. Value NULL or empty: it is left out */
};

/* First, before there are threads: which process this is ("core", "edge"; a constant). */
void journal_open(const char *process);
/* From now on: what is above `most` is left out. Before the first call: info, and the form as standard error has it. */
void journal_set(enum journal_level most, enum journal_form form);
bool journal_level_find(struct view name, enum journal_level *out) MUST_USE;
bool journal_form_find(struct view name, enum journal_form *out) MUST_USE;
const char *journal_level_name(enum journal_level level);
const char *journal_form_name(enum journal_form form);
bool journal_takes(enum journal_level level);
/* Whether lines have the journal's form. */
bool journal_has_fields(void);

/* `before` stands before the text in the plain form ("gatewayd: error: "). `fields` may be NULL. A text of more than 1,100 bytes
 * and a value of more than 200 are cut. */
void journal_write(enum journal_level level, const char *before, const char *text, const struct journal_field *fields);

#endif
