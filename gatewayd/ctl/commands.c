/* See commands.h. */
#include "gatewayd/ctl/commands.h"

#include <ctype.h>
#include <string.h>

#include "gatewayd/ctl/agreement_facts.h"
#include "gatewayd/ctl/connection.h"
#include "lib/base/slip.h"

#define TABLES(...) ((const struct ctl_command *const[]){ __VA_ARGS__, NULL })

const struct ctl_section ctl_sections[] = {
	{ "Set up", TABLES(ctl_setup_commands, ctl_partner_commands) },
	{ "Run", TABLES(ctl_node_commands, ctl_doctor_commands, ctl_clock_commands) },
	{ "Agreements", TABLES(ctl_agreement_commands, ctl_document_commands, ctl_schema_commands, ctl_council_commands,
	                       ctl_council_node_commands) },
	{ "Exchanges", TABLES(ctl_exchange_commands) },
	{ "Retention", TABLES(ctl_retention_commands, ctl_prove_commands) },
	{ "Send, fetch", TABLES(ctl_send_commands, ctl_inbox_commands) },
	{ "Audit log", TABLES(ctl_audit_commands) },
	{ "Keys, store", TABLES(ctl_keys_commands, ctl_store_commands) },
	{ "This program", TABLES(ctl_own_commands) },
	{ NULL, NULL },
};

const struct ctl_shared ctl_shared[] = {
	{ "[OPTIONS]", AGREEMENT_USAGE },
	{ "[FACTS]", FACTS_USAGE },
	{ "[CONNECTION]", CONNECTION_USE },
	{ "[ACCESS]",
	  "[--certificate FILE] [--private-key FILE] [--authority FILE] [--resolve HOST:PORT:ADDRESS] [--connection FILE]" },
	{ NULL, NULL },
};

void ctl_each_command(bool (*each)(void *arg, const struct ctl_section *s, const struct ctl_command *c), void *arg)
{
	for (const struct ctl_section *s = ctl_sections; s->title; s++)
		for (const struct ctl_command *const *t = s->tables; *t; t++)
			for (const struct ctl_command *c = *t; c->group; c++)
				if (!each(arg, s, c))
					return;
}

struct search {
	int argc;
	char **argv;
	const struct ctl_command *found;
	int words;
};

/* Of a group that is a command, too ("outbox", "outbox list"), the longer name wins. */
static bool matches(void *arg, const struct ctl_section *section, const struct ctl_command *c)
{
	struct search *s = arg;

	(void)section;
	if (strcmp(c->group, s->argv[0]) != 0)
		return true;
	if (!c->name && !s->found) {
		s->found = c;
		s->words = 1;
	} else if (c->name && s->argc > 1 && strcmp(c->name, s->argv[1]) == 0) {
		s->found = c;
		s->words = 2;
	}
	return s->words < 2;
}

const struct ctl_command *ctl_find(int argc, char **argv, int *words)
{
	struct search s = { argc, argv, NULL, 0 };

	if (argc > 0)
		ctl_each_command(matches, &s);
	*words = s.words;
	return s.found;
}

const char *ctl_words(const struct ctl_command *c, char out[80])
{
	snprintf(out, 80, "%s%s%s", c->group, c->name ? " " : "", c->name ? c->name : "");
	return out;
}

/* --- options --- */

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || c == '-';
}

/* Finds the next option in a synopsis: a dash that begins a word. */
static bool next_option(struct view *rest, struct ctl_option *out)
{
	for (size_t i = 0; i + 1 < rest->n; i++) {
		bool begins = i == 0 || strchr(" [|(", rest->p[i - 1]);
		size_t n = i;

		if (!begins || rest->p[i] != '-' || !is_name(rest->p[i + 1]))
			continue;
		while (n < rest->n && is_name(rest->p[n]))
			n++;
		out->name = view_make(rest->p + i, n - i);
		size_t from = n + 1, to = from;
		if (n < rest->n && rest->p[n] == ' ' && from < rest->n && (isalnum((unsigned char)rest->p[from])))
			while (to < rest->n && !strchr(" ])", rest->p[to]))
				to++;
		out->value = view_make(rest->p + (to > from ? from : 0), to - from);
		*rest = view_from(*rest, to > from ? to : n);
		return true;
	}
	return false;
}

static void each_in(const char *text, void (*each)(void *arg, const struct ctl_option *o), void *arg)
{
	struct view rest = view_of(text);
	struct ctl_option o;

	while (next_option(&rest, &o))
		each(arg, &o);
}

void ctl_each_option(const struct ctl_command *c, void (*each)(void *arg, const struct ctl_option *o), void *arg)
{
	each_in(c->arguments, each, arg);
	for (const struct ctl_shared *s = ctl_shared; s->word; s++)
		if (strstr(c->arguments, s->word))
			each_in(s->arguments, each, arg);
}

/* --- the nearest --- */

struct nearest {
	struct view word;
	unsigned edits;
	char found[3][80];
	size_t n;
};

static void offer(struct nearest *to, struct view candidate, const char *shown)
{
	unsigned edits;

	if (!slip_of(to->word, candidate, &edits) || edits > to->edits)
		return;
	if (edits < to->edits)
		to->n = 0;
	to->edits = edits;
	for (size_t i = 0; i < to->n; i++)
		if (strcmp(to->found[i], shown) == 0)
			return;
	if (to->n < sizeof to->found / sizeof *to->found)
		snprintf(to->found[to->n++], sizeof to->found[0], "%s", shown);
}

/* Both words, the first alone, and the second where somebody left out the first. */
static bool offer_command(void *arg, const struct ctl_section *s, const struct ctl_command *c)
{
	struct nearest *to = arg;
	char words[80];

	(void)s;
	ctl_words(c, words);
	offer(to, view_of(words), words);
	if (c->name && !memchr(to->word.p, ' ', to->word.n)) {
		offer(to, view_of(c->group), c->group);
		offer(to, view_of(c->name), words);
	}
	return true;
}

static void print_nearest(const struct nearest *near)
{
	for (size_t i = 0; i < near->n; i++)
		fprintf(stderr, "%s%s", i == 0 ? "Did you mean " : i + 1 < near->n ? ", " : " or ", near->found[i]);
	if (near->n > 0)
		fputs("? ", stderr);
}

static bool print_name(void *arg, const struct ctl_section *s, const struct ctl_command *c)
{
	const char *group = arg;

	(void)s;
	if (strcmp(c->group, group) == 0 && c->name)
		fprintf(stderr, " %s", c->name);
	return true;
}

static bool is_group(void *arg, const struct ctl_section *s, const struct ctl_command *c)
{
	const char **group = arg;

	(void)s;
	if (strcmp(c->group, *group) != 0)
		return true;
	*group = NULL;
	return false;
}

static bool is_named(void *arg, const struct ctl_section *s, const struct ctl_command *c)
{
	const char **group = arg;

	(void)s;
	if (strcmp(c->group, *group) != 0 || !c->name)
		return true;
	*group = NULL;
	return false;
}

bool ctl_takes_name(const struct ctl_command *c)
{
	const char *group = c->group;

	ctl_each_command(is_named, &group);
	return !c->name && !group;
}

int ctl_unknown(int argc, char **argv)
{
	const char *group = argv[0];
	struct nearest near = { .edits = SLIP_WORD_MAX };
	char both[SLIP_WORD_MAX + 1];

	ctl_each_command(is_group, &group);
	if (!group && argc == 1) {
		fprintf(stderr, "gatewayctl: %s takes one of these words:", argv[0]);
		ctl_each_command(print_name, argv[0]);
		fprintf(stderr, "\n`gatewayctl help %s` says what they do.\n", argv[0]);
		return CTL_USAGE;
	}
	snprintf(both, sizeof both, "%s%s%s", argv[0], argc > 1 && argv[1][0] != '-' ? " " : "",
	         argc > 1 && argv[1][0] != '-' ? argv[1] : "");
	fprintf(stderr, "gatewayctl: there is no command %s\n", both);
	near.word = view_of(both);
	ctl_each_command(offer_command, &near);
	if (near.n == 0 && group) {
		near.word = view_of(argv[0]);
		ctl_each_command(offer_command, &near);
	}
	print_nearest(&near);
	fputs("`gatewayctl help` lists them.\n", stderr);
	return CTL_USAGE;
}

struct known {
	struct view word;
	bool is;
	struct nearest near;
};

static void offer_option(void *arg, const struct ctl_option *o)
{
	struct known *k = arg;
	char shown[80];

	/* getopt_long() takes any beginning of a long one. */
	if (view_starts(o->name, k->word))
		k->is = true;
	snprintf(shown, sizeof shown, "%.*s", VIEW_ARG(o->name));
	offer(&k->near, o->name, shown);
}

void ctl_hint_options(const struct ctl_command *c, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		struct known k = { .word = view_make(argv[i], strcspn(argv[i], "=")),
			           .near = { .edits = SLIP_WORD_MAX } };

		if (strncmp(argv[i], "--", 2) != 0)
			continue;
		k.near.word = k.word;
		ctl_each_option(c, offer_option, &k);
		if (k.is || k.near.n == 0)
			continue;
		print_nearest(&k.near);
		fputs("\n", stderr);
	}
}
