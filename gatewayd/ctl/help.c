/* Help, from the table of commands and the manual page. See commands.h. */
#include "gatewayd/ctl/commands.h"

#include <jansson.h>
#include <string.h>

#include "gatewayd/ctl/screen.h"

#define TITLE 14 /* columns of a section's title */

/* Adds "audit tail|verify|…" for a group whose first command this is. */
static void add_group(struct buf *line, const struct ctl_section *s, const struct ctl_command *first)
{
	size_t names = 0;

	buf_adds(line, line->n ? "  " : "");
	buf_adds(line, first->group);
	for (const struct ctl_command *const *t = s->tables; *t; t++)
		for (const struct ctl_command *c = *t; c->group; c++)
			if (strcmp(c->group, first->group) == 0 && c->name)
				buf_addf(line, "%s%s", names++ ? "|" : " ", c->name);
}

/* Whether a command before it in the section has its group. */
static bool seen(const struct ctl_section *s, const struct ctl_command *of)
{
	for (const struct ctl_command *const *t = s->tables; *t; t++)
		for (const struct ctl_command *c = *t; c->group; c++) {
			if (c == of)
				return false;
			if (strcmp(c->group, of->group) == 0)
				return true;
		}
	return false;
}

/* A group is kept together where a line has room for it; a longer one goes on behind a bar. */
static void print_groups(FILE *out, struct view text)
{
	size_t width = screen_width(out), at = TITLE;
	bool first = true;

	while (text.n > 0) {
		const char *end = memmem(text.p, text.n, "  ", 2);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		struct view group = view_make(text.p, n);
		if (!first && at + 2 + n > width && TITLE + n <= width) {
			fprintf(out, "\n%*s", TITLE, "");
			at = TITLE;
		} else if (!first) {
			fputs("  ", out);
			at += 2;
		}
		while (group.n > 0) {
			size_t piece = 0;
			while (piece < group.n && group.p[piece++] != '|')
				;
			if (at + piece > width) {
				fprintf(out, "\n%*s", TITLE + 2, "");
				at = TITLE + 2;
			}
			fwrite(group.p, 1, piece, out);
			at += piece;
			group = view_from(group, piece);
		}
		text = view_from(text, end ? n + 2 : n);
		first = false;
	}
	fputc('\n', out);
}

void help_screen(FILE *out)
{
	fputs("gatewayctl, the command line of the data-exchange gateway\n"
	      "usage: gatewayctl [-c FILE] [-o json] COMMAND …\n",
	      out);
	for (const struct ctl_section *s = ctl_sections; s->title; s++) {
		struct buf line = BUF_INIT(4096);
		for (const struct ctl_command *const *t = s->tables; *t; t++)
			for (const struct ctl_command *c = *t; c->group; c++)
				if (!seen(s, c))
					add_group(&line, s, c);
		fprintf(out, "%-*s", TITLE, s->title);
		print_groups(out, buf_view(&line));
		buf_free(&line);
	}
	fputs("gatewayctl help COMMAND   what one takes and does;  help all: a line each\n"
	      "-c FILE  the configuration (else $GATEWAYD_CONFIG, " CTL_CONFIG ")\n"
	      "Exit: 0 ok, 1 failure, 2 usage, 3 check failed, 4 tampering found, 5 daemon\n"
	      "      unreachable, 6 not cosigned yet, 7 cosigned too long ago\n",
	      out);
}

void help_usage(FILE *out, const struct ctl_command *c)
{
	char words[80], line[120];

	snprintf(line, sizeof line, "usage: gatewayctl %s ", ctl_words(c, words));
	fputs(line, out);
	screen_wrap(out, view_of(c->arguments), strlen(line), 7 + 4, true);
}

static bool print_line(void *arg, const struct ctl_section *s, const struct ctl_command *c)
{
	FILE *out = arg;
	char words[80];

	(void)s;
	fprintf(out, "  %-24s ", ctl_words(c, words));
	screen_wrap(out, view_of(c->help), 27, 27, false);
	return true;
}

void help_all(FILE *out)
{
	const struct ctl_section *last = NULL;

	for (const struct ctl_section *s = ctl_sections; s->title; s++)
		for (const struct ctl_command *const *t = s->tables; *t; t++)
			for (const struct ctl_command *c = *t; c->group; c++) {
				if (s != last)
					fprintf(out, "%s%s\n", last ? "\n" : "", s->title);
				last = s;
				print_line(out, s, c);
			}
}

static void print_paragraphs(FILE *out, struct view text)
{
	while (text.n > 0) {
		struct view line = view_cut(&text, '\n');
		if (line.n == 0) {
			fputc('\n', out);
			continue;
		}
		fputs("  ", out);
		screen_wrap(out, line, 2, 2, false);
	}
}

static void print_command(FILE *out, const struct ctl_command *c)
{
	struct buf text = BUF_INIT(1 << 16);
	char words[80];

	help_usage(out, c);
	fputc('\n', out);
	if (!manual_describe(ctl_words(c, words), &text)) {
		buf_reset(&text);
		buf_adds(&text, c->help);
	}
	print_paragraphs(out, buf_view(&text));
	for (const struct ctl_shared *s = ctl_shared; s->word; s++)
		if (strstr(c->arguments, s->word)) {
			fprintf(out, "\n%s\n  ", s->word);
			screen_wrap(out, view_of(s->arguments), 2, 2, true);
		}
	buf_free(&text);
}

struct group {
	FILE *out;
	const char *name;
	bool found;
};

static bool print_of_group(void *arg, const struct ctl_section *s, const struct ctl_command *c)
{
	struct group *g = arg;

	if (strcmp(c->group, g->name) != 0)
		return true;
	g->found = true;
	return print_line(g->out, s, c);
}

struct listing {
	json_t *rows;
};

static void add_option(void *arg, const struct ctl_option *o)
{
	json_array_append_new(arg, json_stringn(o->name.p, o->name.n));
}

static bool add_row(void *arg, const struct ctl_section *s, const struct ctl_command *c)
{
	struct listing *l = arg;
	json_t *options = json_array();
	char words[80];

	ctl_each_option(c, add_option, options);
	return json_array_append_new(l->rows, json_pack("{s:s, s:s, s:s, s:s, s:o}", "command", ctl_words(c, words),
	                                                "arguments", c->arguments, "help", c->help, "purpose", s->title,
	                                                "options", options)) == 0;
}

void help_json(FILE *out)
{
	struct listing l = { json_array() };

	ctl_each_command(add_row, &l);
	json_dumpf(l.rows, out, JSON_INDENT(1));
	fputc('\n', out);
	json_decref(l.rows);
}

bool help_words(FILE *out, int argc, char **argv)
{
	int words = 0;
	const struct ctl_command *c = ctl_find(argc, argv, &words);
	struct group g = { out, argv[0], false };

	if (c && (c->name || argc == 1)) {
		print_command(out, c);
		return true;
	}
	if (argc > 1)
		return false;
	ctl_each_command(print_of_group, &g);
	if (g.found)
		fprintf(out, "`gatewayctl help %s NAME` says more of one.\n", argv[0]);
	return g.found;
}
