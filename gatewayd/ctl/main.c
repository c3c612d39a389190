/* gatewayctl: finds the command in the tables and runs it. See commands.h. */
#include <getopt.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "gatewayd/build.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/commands.h"

/* `help`, `help all`, `help COMMAND`; as JSON the whole table, whatever is asked. */
static int help(const struct ctl *c, int argc, char **argv)
{
	if (c->json)
		help_json(stdout);
	else if (argc == 0)
		help_screen(stdout);
	else if (argc == 1 && strcmp(argv[0], "all") == 0)
		help_all(stdout);
	else if (!help_words(stdout, argc, argv))
		return ctl_unknown(argc, argv);
	return CTL_OK;
}

/* `audit tail --help`, and `audit --help`. */
static bool asks_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

static int run(const struct ctl *c, int argc, char **argv)
{
	int words = 0, status;
	const struct ctl_command *command = ctl_find(argc, argv, &words);

	if (asks_help(argc, argv))
		return help(c, words ? words : 1, argv);
	if (!command || (argc > 1 && argv[1][0] != '-' && ctl_takes_name(command)))
		return ctl_unknown(argc, argv);
	ctl_running(command);
	optind = 0; /* getopt starts anew, GNU extensions included */
	argc -= words - 1;
	argv += words - 1;
	status = command->run(c, argc, argv);
	if (status == CTL_USAGE)
		ctl_hint_options(command, argc, argv);
	return status;
}

int main(int argc, char **argv)
{
	const char *no_colour = getenv("NO_COLOR"), *config = getenv("GATEWAYD_CONFIG");
	struct ctl c = { .config = config ? config : CTL_CONFIG,
		         .colour = isatty(STDOUT_FILENO) && !(no_colour && no_colour[0]) };
	static const struct option options[] = { { "help", no_argument, NULL, 'h' },
		                                 { "version", no_argument, NULL, 'v' },
		                                 { NULL, 0, NULL, 0 } };
	int option;

	json_object_seed(0);
	while ((option = getopt_long(argc, argv, "+c:o:h", options, NULL)) != -1) {
		if (option == 'c') {
			c.config = optarg;
		} else if (option == 'o' && strcmp(optarg, "json") == 0) {
			c.json = true;
		} else if (option == 'v') {
			printf("gatewayctl %s, store schema %d\n", build_name(), store_schema());
			return CTL_OK;
		} else if (option == 'h') {
			return help(&c, 0, NULL);
		} else {
			fputs(option == 'o' ? "gatewayctl: -o json is the only form of answers besides text\n"
			                    : "`gatewayctl --help` lists options and commands.\n",
			      stderr);
			return CTL_USAGE;
		}
	}
	argc -= optind;
	argv += optind;
	if (argc == 0) {
		help_screen(stderr);
		return CTL_USAGE;
	}
	if (strcmp(argv[0], "help") == 0)
		return help(&c, argc - 1, argv + 1);
	return run(&c, argc, argv);
}
