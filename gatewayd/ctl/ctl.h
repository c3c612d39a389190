/* gatewayctl: a const table of commands, a handler each. Handlers print to stdout what was asked for and
 * to stderr what went wrong; they return an exit status. */
#ifndef GATEWAYD_CTL_CTL_H
#define GATEWAYD_CTL_CTL_H

#include <stdio.h>

#include "lib/base/error.h"

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_CHECK_FAILED = 3,
	CTL_TAMPERED = 4,
	CTL_UNREACHABLE = 5,
	CTL_NOT_COSIGNED = 6, /* the log's own signature holds; the policy's witnesses have not cosigned yet */
	CTL_STALE = 7         /* they have, longer ago than --max-age */
};

struct ctl {
	const char *config; /* -c FILE, default /etc/gatewayd/gatewayd.json */
	bool json;          /* -o json */
	bool colour;        /* a terminal, and NO_COLOR is not set */
};

struct ctl_command {
	const char *group, *name; /* "audit", "verify"; name NULL: a command of one word */
	const char *arguments;    /* "[--key VKEY] DIR|URL|STORE", every option in it; or the words of ctl_shared */
	const char *help;         /* one line */
	/* argv[0] is the command's last word; options by getopt_long, which is reset before the call. */
	int (*run)(const struct ctl *c, int argc, char **argv);
};

#define CTL_CONFIG "/etc/gatewayd/gatewayd.json"

/* Tables of the commands, each ending with an empty row; commands.c lists them. */
extern const struct ctl_command ctl_setup_commands[];
extern const struct ctl_command ctl_partner_commands[];
extern const struct ctl_command ctl_own_commands[];
extern const struct ctl_command ctl_schema_commands[];
extern const struct ctl_command ctl_agreement_commands[];
extern const struct ctl_command ctl_document_commands[];
extern const struct ctl_command ctl_audit_commands[];
extern const struct ctl_command ctl_exchange_commands[];
extern const struct ctl_command ctl_retention_commands[];
extern const struct ctl_command ctl_clock_commands[];
extern const struct ctl_command ctl_keys_commands[];
extern const struct ctl_command ctl_store_commands[];
extern const struct ctl_command ctl_node_commands[];
extern const struct ctl_command ctl_doctor_commands[];
extern const struct ctl_command ctl_inbox_commands[];
extern const struct ctl_command ctl_send_commands[];
extern const struct ctl_command ctl_prove_commands[];
extern const struct ctl_command ctl_council_commands[];
extern const struct ctl_command ctl_council_node_commands[];

/* Commands in files of their own. */
int ctl_outbox_again(const struct ctl *c, int argc, char **argv);

/* Reads a whole file ("-": standard input) of at most `max` bytes into malloc'd memory. */
bool ctl_read_file(const char *path, size_t max, char **out, size_t *n, struct error *e) MUST_USE;
/* Prints `gatewayctl: …` to stderr and returns `status`. */
int ctl_fail(int status, const struct error *e);
/* main says which command runs. */
void ctl_running(const struct ctl_command *c);
/* How the command that runs is called, and where more of it stands; returns CTL_USAGE. Handlers return it for words that
 * are not of the command, after getopt_long() said which option is none. */
int ctl_usage(void);
/* What an option takes (`--now 2026-01-02T03:04:05Z`); returns CTL_USAGE. */
int ctl_option_wrong(const char *form);
/* One request to the daemon's control socket (a JSON object) and its answer, owned by the caller. NULL
 * when the daemon is unreachable (then exit CTL_UNREACHABLE). Declared with void to keep jansson out of
 * here: both are json_t *. */
void *ctl_ask(const struct ctl *c, void *request, struct error *e) MUST_USE;

#endif
