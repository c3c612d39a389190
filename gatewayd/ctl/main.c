/* gatewayctl: finds the command in the tables and runs it; help comes from the same tables. */
#include <getopt.h>
#include <jansson.h>
#include <unistd.h>

#include "gatewayd/build.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/ctl.h"

#define DEFAULT_CONFIG "/etc/gatewayd/gatewayd.json"

static const struct ctl_command *const tables[] = {
	ctl_node_commands,      ctl_exchange_commands, ctl_retention_commands, ctl_prove_commands,
	ctl_agreement_commands, ctl_document_commands, ctl_schema_commands,    ctl_audit_commands,
	ctl_inbox_commands,     ctl_send_commands,     ctl_clock_commands,     ctl_keys_commands,
	ctl_store_commands,     ctl_doctor_commands,
};

static void help(FILE *out)
{
	fputs("usage: gatewayctl [-c FILE] [-o json] COMMAND …   gatewayctl --help | --version\n"
	      "  -c FILE   the node's configuration (" DEFAULT_CONFIG ")\n"
	      "  -o json   answers as JSON\n\n",
	      out);
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct ctl_command *c = tables[t]; c->group; c++) {
			char line[800];
			snprintf(line, sizeof line, "%s%s%s %s", c->group, c->name ? " " : "", c->name ? c->name : "",
			         c->arguments);
			fprintf(out, "  %s\n        %s\n", line, c->help);
		}
	fputs("\nExit: 0 ok, 1 failure, 2 usage, 3 check failed, 4 tampering found, 5 daemon unreachable,\n"
	      "      6 not cosigned yet, 7 cosigned too long ago.\n",
	      out);
}

static const struct ctl_command *find(int argc, char **argv, int *words)
{
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct ctl_command *c = tables[t]; c->group; c++) {
			if (strcmp(c->group, argv[0]) != 0)
				continue;
			if (!c->name) {
				*words = 1;
				return c;
			}
			if (argc > 1 && strcmp(c->name, argv[1]) == 0) {
				*words = 2;
				return c;
			}
		}
	return NULL;
}

int main(int argc, char **argv)
{
	const char *no_colour = getenv("NO_COLOR"), *config = getenv("GATEWAYD_CONFIG");
	struct ctl c = { .config = config ? config : DEFAULT_CONFIG,
		         .colour = isatty(STDOUT_FILENO) && !(no_colour && no_colour[0]) };
	static const struct option options[] = { { "help", no_argument, NULL, 'h' },
		                                 { "version", no_argument, NULL, 'v' },
		                                 { NULL, 0, NULL, 0 } };
	const struct ctl_command *command;
	int option, words = 0;

	json_object_seed(0);
	while ((option = getopt_long(argc, argv, "+c:o:h", options, NULL)) != -1) {
		if (option == 'c') {
			c.config = optarg;
		} else if (option == 'o' && strcmp(optarg, "json") == 0) {
			c.json = true;
		} else if (option == 'v') {
			printf("gatewayctl %s, store schema %d\n", build_name(), store_schema());
			return CTL_OK;
		} else {
			help(option == 'h' ? stdout : stderr);
			return option == 'h' ? CTL_OK : CTL_USAGE;
		}
	}
	argc -= optind;
	argv += optind;
	command = argc > 0 && strcmp(argv[0], "help") != 0 ? find(argc, argv, &words) : NULL;
	if (!command) {
		bool asked = argc > 0 && strcmp(argv[0], "help") == 0;
		help(asked ? stdout : stderr);
		return asked ? CTL_OK : CTL_USAGE;
	}
	optind = 0; /* getopt starts anew, GNU extensions included */
	return command->run(&c, argc - words + 1, argv + words - 1);
}
