/* Completion for shells, from the table of commands. See commands.h. */
#include "gatewayd/ctl/commands.h"

#include <string.h>

/* What a shell offers for an option's value: words that it names, or files. */
struct script {
	const struct ctl_command *command;
	bool names; /* else the values */
};

static bool is_choice(struct view value)
{
	return value.n > 0 && memchr(value.p, '|', value.n) && value.p[0] >= 'a' && value.p[0] <= 'z';
}

static void print_option(void *arg, const struct ctl_option *o)
{
	const struct script *s = arg;

	if (s->names) {
		printf(" %.*s", VIEW_ARG(o->name));
	} else if (is_choice(o->value)) {
		printf("\t\t'%s%s%s %.*s') offers='", s->command->group, s->command->name ? " " : "",
		       s->command->name ? s->command->name : "", VIEW_ARG(o->name));
		for (size_t i = 0; i < o->value.n; i++)
			putchar(o->value.p[i] == '|' ? ' ' : o->value.p[i]);
		puts("' ;;");
	} else if (o->value.n > 0) {
		printf("\t\t'%s%s%s %.*s') files=1 ;;\n", s->command->group, s->command->name ? " " : "",
		       s->command->name ? s->command->name : "", VIEW_ARG(o->name));
	}
}

static bool print_options(void *arg, const struct ctl_section *section, const struct ctl_command *c)
{
	struct script s = { c, true };
	char words[80];

	(void)arg;
	(void)section;
	printf("\t\t'%s') offers='--help", ctl_words(c, words));
	ctl_each_option(c, print_option, &s);
	puts("' ;;");
	return true;
}

static bool print_values(void *arg, const struct ctl_section *section, const struct ctl_command *c)
{
	struct script s = { c, false };

	(void)arg;
	(void)section;
	ctl_each_option(c, print_option, &s);
	return true;
}

/* The words behind a group. */
static void print_names(void)
{
	for (const struct ctl_section *s = ctl_sections; s->title; s++)
		for (const struct ctl_command *const *t = s->tables; *t; t++)
			for (const struct ctl_command *c = *t; c->group; c++) {
				if (c > *t && strcmp(c[-1].group, c->group) == 0)
					continue;
				if (!c->name && (!c[1].group || strcmp(c[1].group, c->group) != 0))
					continue;
				printf("\t\t'%s') offers='", c->group);
				for (const struct ctl_command *n = c; n->group && strcmp(n->group, c->group) == 0; n++)
					if (n->name)
						printf("%s%s", n > c ? " " : "", n->name);
				puts("' ;;");
			}
}

static void print_groups(void)
{
	const char *last = "";

	fputs("help", stdout);
	for (const struct ctl_section *s = ctl_sections; s->title; s++)
		for (const struct ctl_command *const *t = s->tables; *t; t++)
			for (const struct ctl_command *c = *t; c->group; c++) {
				if (strcmp(c->group, last) != 0)
					printf(" %s", c->group);
				last = c->group;
			}
}

/* Sets words and files for what is typed: `typed` are the whole words of the command, `cur` the one under way. Both shells
 * take this. */
static void print_decide(void)
{
	puts("_gatewayctl_decide() {\n"
	     "\tlocal at=\"${typed[*]}\" head last=\n"
	     "\toffers= files=\n"
	     "\tcase $at in 'help '*) at=${at#help } ;; esac\n"
	     "\tcase $at in");
	print_names();
	fputs("\t\t'' | help) offers='", stdout);
	print_groups();
	puts("' ;;\n"
	     "\tesac\n"
	     "\t[ -z \"$offers\" ] || return 0\n"
	     "\t[ ${#typed[@]} -eq 0 ] || last=$prev\n"
	     "\tfor head in \"$two\" \"$one\"; do\n"
	     "\tcase \"$head $last\" in");
	ctl_each_command(print_values, NULL);
	puts("\tesac\n"
	     "\t[ -z \"$offers$files\" ] || return 0\n"
	     "\tdone\n"
	     "\tcase $cur in -*) ;; *) files=1; return 0 ;; esac\n"
	     "\tfor head in \"$two\" \"$one\"; do\n"
	     "\tcase $head in");
	ctl_each_command(print_options, NULL);
	puts("\tesac\n"
	     "\t[ -z \"$offers\" ] || return 0\n"
	     "\tdone\n"
	     "}");
}

/* From the words of the line (`all`, the command's own name first) to what _gatewayctl_decide() takes. */
static const char take[] = "\ttyped=()\n"
                           "\tlocal skip= w\n"
                           "\tfor w in \"${all[@]}\"; do\n"
                           "\t\tif [ -n \"$skip\" ]; then skip=; continue; fi\n"
                           "\t\tcase $w in\n"
                           "\t\t-c | -o) [ ${#typed[@]} -gt 0 ] || { skip=1; continue; } ;;\n"
                           "\t\tesac\n"
                           "\t\ttyped+=(\"$w\")\n"
                           "\tdone\n"
                           "\tprev=$w\n"
                           "\tone= two=\n"
                           "\tfor w in \"${typed[@]}\"; do\n"
                           "\t\tif [ -z \"$one\" ]; then one=$w; two=$w\n"
                           "\t\telif [ \"$one\" = \"$two\" ]; then two=\"$one $w\"; fi\n"
                           "\tdone";

int ctl_completion(const struct ctl *c, int argc, char **argv)
{
	bool zsh = argc == 2 && strcmp(argv[1], "zsh") == 0;

	(void)c;
	if (argc != 2 || (!zsh && strcmp(argv[1], "bash") != 0))
		return ctl_usage();
	if (zsh)
		puts("#compdef gatewayctl");
	puts("# Completion of gatewayctl, as `gatewayctl completion bash|zsh` prints it.");
	print_decide();
	puts("_gatewayctl() {\n"
	     "\tlocal cur prev one two offers files");
	if (zsh)
		puts("\tlocal -a typed all\n"
		     "\tcur=${words[CURRENT]}\n"
		     "\tall=(\"${(@)words[2,CURRENT-1]}\")");
	else
		puts("\tlocal -a typed all\n"
		     "\tcur=${COMP_WORDS[COMP_CWORD]}\n"
		     "\tall=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")");
	puts(take);
	puts("\t_gatewayctl_decide");
	if (zsh)
		puts("\tif [ -n \"$offers\" ]; then compadd -- ${=offers}; else _files; fi\n"
		     "}");
	else
		puts("\tif [ -n \"$offers\" ]; then mapfile -t COMPREPLY < <(compgen -W \"$offers\" -- \"$cur\")\n"
		     "\telse mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); fi\n"
		     "}\n"
		     "complete -o filenames -F _gatewayctl gatewayctl");
	return CTL_OK;
}

const struct ctl_command ctl_own_commands[] = {
	{ "completion", NULL, "bash|zsh", "prints the completion of a shell", ctl_completion },
	{ NULL, NULL, NULL, NULL, NULL },
};
