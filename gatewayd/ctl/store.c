/* gatewayctl store: the table of its commands, and the end of a restore. */
#include <jansson.h>

#include "gatewayd/ctl/backup.h"
#include "gatewayd/ctl/print.h"

static int run_reconciled(const struct ctl *c, int argc, char **argv)
{
	json_t *answer;

	(void)argv;
	if (argc != 1)
		return ctl_usage();
	int status = ctl_ask_ok(c, json_pack("{s:s}", "do", "store-reconciled"), &answer);
	if (status != CTL_OK)
		return status;
	if (c->json)
		ctl_print_json(answer);
	else
		puts(json_is_true(json_object_get(answer, "restored"))
		             ? "logged; the next start erases the keys of payloads that no row names"
		             : "this store was not restored: nothing to end");
	json_decref(answer);
	return CTL_OK;
}

static int run_rehearsed(const struct ctl *c, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return ctl_usage();
	return ctl_do(c, json_pack("{s:s}", "do", "store-rehearsed"), "logged: a restore was rehearsed");
}

const struct ctl_command ctl_store_commands[] = {
	{ "store", "backup", "--certificate FILE [--keep DURATION] DIR",
	  "seal a verified copy of the store into a folder, beside the daemon or without it", ctl_store_backup },
	{ "store", "check", "[--key VKEY] [--certificate FILE --private-key FILE] [STORE|DIR]",
	  "say whether a store or a backup is whole, and which payloads open; changes no byte", ctl_store_check },
	{ "store", "restore", "[--key VKEY] [--replace] --certificate FILE --private-key FILE DIR",
	  "put the store of a backup in place and begin a new log (the daemon is stopped)", ctl_store_restore },
	{ "store", "reconcile", "[--policy FILE | --key VKEY] [--peer ID] [--settle] [ACCESS] DIR|STORE|URL",
	  "list by exchange what a partner's log has and this store does not; end what arrived", ctl_store_reconcile },
	{ "store", "reconciled", "", "end a restore: keys that no row names may be erased", run_reconciled },
	{ "store", "rehearsed", "", "log that a restore was rehearsed, for doctor and auditors", run_rehearsed },
	{ NULL, NULL, NULL, NULL, NULL },
};
