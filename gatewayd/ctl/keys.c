/* gatewayctl about the keys of payloads. */
#include <jansson.h>

#include "gatewayd/ctl/backup.h"
#include "gatewayd/ctl/print.h"

static int ask(const struct ctl *c, const char *what)
{
	json_t *doc;
	int status = ctl_ask_ok(c, json_pack("{s:s}", "do", what), &doc);

	if (status != CTL_OK)
		return status;
	json_object_del(doc, "ok");
	if (c->json)
		ctl_print_json(doc);
	else
		printf("master key of generation %lld, %lld payload keys\n",
		       (long long)json_integer_value(json_object_get(doc, "generation")),
		       (long long)json_integer_value(json_object_get(doc, "payload_keys")));
	json_decref(doc);
	return CTL_OK;
}

static int run_show(const struct ctl *c, int argc, char **argv)
{
	(void)argv;
	return argc == 1 ? ask(c, "keys-show") : ctl_usage();
}

static int run_rotate(const struct ctl *c, int argc, char **argv)
{
	(void)argv;
	return argc == 1 ? ask(c, "keys-rotate") : ctl_usage();
}

const struct ctl_command ctl_keys_commands[] = {
	{ "keys", "show", "", "generation of the master key, and how many payload keys there are", run_show },
	{ "keys", "rotate", "", "makes a new master key: every older copy of the key slots is useless from then on",
	  run_rotate },
	{ "keys", "backup", "--certificate FILE [--keep DURATION] DIR",
	  "seal the keys that a node cannot be the same without; never those of payloads or of the log",
	  ctl_keys_backup },
	{ "keys", "restore", "[--key VKEY] --certificate FILE --private-key FILE DIR",
	  "put these keys in place, and new ones for log and witness", ctl_keys_restore },
	{ "keys", "new-slots", "", "mend a file of key slots that is lost, cut or damaged (the daemon is stopped)",
	  ctl_keys_new_slots },
	{ NULL, NULL, NULL, NULL, NULL },
};
