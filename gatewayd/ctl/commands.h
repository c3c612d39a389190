/* The one table of all commands: what is run, what help, completion and hints say, and what the manual page's synopses are held
 * against come from here. One thread. */
#ifndef GATEWAYD_CTL_COMMANDS_H
#define GATEWAYD_CTL_COMMANDS_H

#include "gatewayd/ctl/ctl.h"
#include "lib/base/buf.h"

/* Commands of one purpose, in the order in which people meet them. */
struct ctl_section {
	const char *title;
	const struct ctl_command *const *tables; /* NULL-terminated, as each of them is */
};
extern const struct ctl_section ctl_sections[]; /* ends with a title of NULL */

/* Options that several commands share, and that their `arguments` name by one word in brackets. */
struct ctl_shared {
	const char *word; /* "[CONNECTION]" */
	const char *arguments;
};
extern const struct ctl_shared ctl_shared[]; /* ends with a word of NULL */

/* Calls `each` for every command, in order, until it says false. */
void ctl_each_command(bool (*each)(void *arg, const struct ctl_section *s, const struct ctl_command *c), void *arg);
/* The command that the words name, and how many of them do. NULL: none. */
const struct ctl_command *ctl_find(int argc, char **argv, int *words);
/* Whether it is a command of one word whose group has others ("outbox", "outbox list"). */
bool ctl_takes_name(const struct ctl_command *c);
/* "audit tail"; returns `out`. */
const char *ctl_words(const struct ctl_command *c, char out[80]);

/* An option of a command: "--key" (or "-f"), and what stands for its value ("VKEY", "day|week"; empty: it takes none). */
struct ctl_option {
	struct view name, value;
};
/* Calls `each` for every option of the command, shared ones included. */
void ctl_each_option(const struct ctl_command *c, void (*each)(void *arg, const struct ctl_option *o), void *arg);

/* Prints to stderr that the words name no command, and the nearest that do. Returns CTL_USAGE. */
int ctl_unknown(int argc, char **argv);
/* After a command said CTL_USAGE: the nearest of its options to each word that is none of them. */
void ctl_hint_options(const struct ctl_command *c, int argc, char **argv);

/* help.c. The screen by purpose; what a command, or all of a group, takes and does (false: no such words); a line each. */
void help_screen(FILE *out);
bool help_words(FILE *out, int argc, char **argv);
void help_all(FILE *out);
/* All commands as an array of {command, arguments, help, purpose, options}. */
void help_json(FILE *out);
void help_usage(FILE *out, const struct ctl_command *c);
/* completion.c: `gatewayctl completion bash|zsh`. */
int ctl_completion(const struct ctl *c, int argc, char **argv);
/* manual.c: appends what doc/gatewayctl.1.scd says of a command ("audit tail"), as plain paragraphs with an empty line between
 * them. False: nothing. */
bool manual_describe(const char *words, struct buf *out) MUST_USE;

#endif
