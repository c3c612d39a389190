/* gatewayctl agreement new: a draft from one of the examples, between this node's agency and a partner's, which loads and lints
 * down to what only people know: each of those texts begins with LINT_FILL_IN, and lint lists them. See join.h. */
#include "gatewayd/ctl/join.h"

#include <getopt.h>
#include <jansson.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/os/files.h"
#include "lib/base/datetime.h"
#include "lib/policy/lint.h"

#define FILE_MAX (1u << 20)

/* The agencies of the examples, what stands for them in texts, and the day on which they begin. */
#define FIRST  "north"
#define SECOND "south"
static const char *const made_up[] = { "(made up)", "(example)", "Northland", "Southmark", NULL };
static const char begins[] = "2026-01-01T00:00:00Z";

struct draft {
	const char *with, *preset, *id, *out;
	char *self, *partners;
	json_t *mine, *theirs; /* what the partner files say of both agencies */
	int64_t later_ms;      /* how much later than the example it begins */
};

/* --- what changes in the example --- */

/* "FILL IN: …", with the example's text, so that everybody sees what kind of answer is asked for. */
static json_t *fill_in(const char *example)
{
	return json_sprintf("%s for example: %s", LINT_FILL_IN, example);
}

static json_t *moved(const struct draft *d, const char *text)
{
	char printed[TIME_TEXT + 1];
	int64_t at;

	if (strlen(text) != sizeof begins - 1 || !time_parse(view_of(text), &at))
		return NULL;
	time_print(at + d->later_ms, printed);
	return json_sprintf("%.19sZ", printed);
}

/* "north", "seat-north-agency": the agency's name in an id. */
static json_t *renamed(const struct draft *d, const char *text)
{
	const char *const from[] = { FIRST, SECOND }, *const to[] = { d->self, d->with };

	for (size_t i = 0; i < 2; i++) {
		const char *at = strstr(text, from[i]);
		size_t n = strlen(from[i]);
		if (at && (at == text || at[-1] == '-') && (!at[n] || at[n] == '-') && !strchr(text, ' '))
			return json_sprintf("%.*s%s%s", (int)(at - text), text, to[i], at + n);
	}
	return NULL;
}

static json_t *changed_text(const struct draft *d, const char *text)
{
	json_t *to = moved(d, text);

	if (!to)
		to = renamed(d, text);
	for (size_t i = 0; !to && made_up[i]; i++)
		if (strstr(text, made_up[i]))
			to = fill_in(text);
	return to;
}

/* Walks the whole document. Until when an algorithm counts as sound does not depend on when an agreement begins. */
static void change(const struct draft *d, json_t *at)
{
	json_t *value, *to;
	const char *name;
	void *next;
	size_t i;

	json_object_foreach_safe(at, next, name, value)
	{
		if (strcmp(name, "algorithms") == 0)
			continue;
		if (json_is_string(value) && (to = changed_text(d, json_string_value(value))))
			json_object_set_new(at, name, to);
		else
			change(d, value);
	}
	json_array_foreach(at, i, value)
	{
		if (json_is_string(value) && (to = changed_text(d, json_string_value(value))))
			json_array_set_new(at, i, to);
		else
			change(d, value);
	}
}

/* What the partner files know of a party need nobody fill in. */
static void set_party(json_t *party, const json_t *known)
{
	static const char *const members[][2] = { { "jurisdiction", "jurisdiction" },
		                                  { "name", "name" },
		                                  { "supervisor", "supervisory_authority" },
		                                  { "contact", "contact" } };

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const char *name = members[i][0], *old = json_string_value(json_object_get(party, name));
		json_t *value = json_object_get(known, members[i][1]);
		if (value)
			json_object_set(party, name, value);
		else if (old && strncmp(old, LINT_FILL_IN, strlen(LINT_FILL_IN)) != 0)
			json_object_set_new(party, name, fill_in(old));
	}
}

static json_t *notes(const struct draft *d)
{
	return json_pack(
	        "[o, s, s]",
	        json_sprintf(
	                "A draft that gatewayctl made from its example %s. Not legal advice: an instrument sets its "
	                "own numbers.",
	                d->preset),
	        "Texts that begin with FILL IN are what only people know: gatewayctl agreement lint lists them.",
	        "Then: gatewayctl agreement summary, for those who decide, and agreement sign, by every party.");
}

/* What an editor completes and checks members by, where it is installed. Takes `doc` over. */
static json_t *with_schema(json_t *doc)
{
	static const char schema[] = GATEWAY_SHARE "/schema/agreement.schema.json";
	json_t *all = json_object();

	if (all && access(schema, R_OK) == 0)
		json_object_set_new(all, "$schema", json_sprintf("file://%s", schema));
	if (!all || json_object_update(all, doc) != 0) {
		json_decref(all);
		all = NULL;
	}
	json_decref(doc);
	return all;
}

static bool whole(struct draft *d, const struct preset *p, json_t **out, struct error *e)
{
	json_t *doc = json_loadb(view_bytes(p->agreement), p->agreement.n, 0, NULL);
	json_t *parties = json_object_get(doc, "parties"), *assessment = json_object_get(doc, "assessment");

	if (!doc)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	change(d, doc);
	set_party(json_array_get(parties, 0), d->mine);
	set_party(json_array_get(parties, 1), d->theirs);
	json_object_set_new(assessment, "approved_by", fill_in(ctl_text(assessment, "approved_by")));
	json_object_set_new(doc, "id", json_string(d->id));
	json_object_set_new(doc, "notes", notes(d));
	*out = with_schema(doc);
	return *out || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

/* --- the configuration, or the words, that say between whom --- */

/* The partner file that says most of an agency: of its own name, else any other. */
static json_t *known_of(const char *partners, const char *agency)
{
	static const char *const suffixes[] = { "", "-gateway" };
	json_t *all = NULL;
	char path[4096];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s%s.json", partners, agency, suffixes[i]);
		json_t *doc = json_load_file(path, 0, NULL);
		if (json_is_object(doc) && strcmp(ctl_text(doc, "agency"), agency) == 0) {
			if (!all)
				all = json_object();
			json_object_update(all, doc);
		}
		json_decref(doc);
	}
	return all;
}

/* As the schema of agreements has it. */
static bool is_id(const char *text)
{
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strlen(text);

	return n > 0 && n <= 64 && strspn(text, all) == n && !strchr("._-", text[0]);
}

static bool fill(struct draft *d, const struct ctl *c, struct error *e)
{
	int64_t from, today = (int64_t)time(NULL) / 86400 * DAY_MS;

	if (!(d->self = audit_conf_text(c, "/agency", e)) || !(d->partners = audit_conf_path(c, "/partners", e)))
		return false;
	d->mine = known_of(d->partners, d->self);
	d->theirs = known_of(d->partners, d->with);
	if (!d->theirs)
		return error_at(e, REASON_CONFIG, d->partners, 0, 0,
		                "knows no agency %s: take its file first (gatewayctl partner add)", d->with);
	if (!is_id(d->id))
		return error_set(e, REASON_CONFIG,
		                 "--id is 1 to 64 letters, digits, ., _ and -, beginning with a letter or digit");
	if (strcmp(d->with, d->self) == 0)
		return error_set(e, REASON_CONFIG, "--with names this node's own agency");
	d->later_ms = time_parse(view_of(begins), &from) ? today - from : 0;
	return true;
}

/* --- files --- */

/* OUT.json, and beside it OUT.md and OUT.ndjson. */
static void beside(const char *out, const char *suffix, char *path, size_t size)
{
	size_t n = strlen(out);
	bool json = n > 5 && strcmp(out + n - 5, ".json") == 0;

	snprintf(path, size, "%.*s%s", (int)(json ? n - 5 : n), out, suffix);
}

static bool write_new(const char *path, struct view bytes, struct error *e)
{
	return file_write_new(path, bytes, 0644, e);
}

/* Before any of the three is written. */
static bool all_new(const char *agreement, const char *assessment, const char *envelope, struct error *e)
{
	const char *const paths[] = { agreement, assessment, envelope };

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (access(paths[i], F_OK) == 0)
			return error_at(e, REASON_IO, paths[i], 0, 0, "is there already, and nothing is overwritten");
	return true;
}

static bool write_agreement(const struct draft *d, const json_t *doc, struct error *e)
{
	struct buf text = BUF_INIT(FILE_MAX);
	char *dump = json_dumps(doc, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	bool ok;

	buf_adds(&text, dump ? dump : "");
	buf_addc(&text, '\n');
	ok = dump ? write_new(d->out, buf_view(&text), e) : error_set(e, REASON_NO_MEMORY, "memory ran out");
	free(dump);
	buf_free(&text);
	return ok;
}

/* One made-up record on one line, for gatewayctl send. */
static bool write_envelope(const struct preset *p, const char *path, struct error *e)
{
	json_t *doc = json_loadb(view_bytes(p->envelope), p->envelope.n, 0, NULL);
	char *dump = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	struct buf line = BUF_INIT(FILE_MAX);
	bool ok;

	buf_adds(&line, dump ? dump : "");
	buf_addc(&line, '\n');
	ok = dump ? write_new(path, buf_view(&line), e) : error_set(e, REASON_NO_MEMORY, "memory ran out");
	free(dump);
	json_decref(doc);
	buf_free(&line);
	return ok;
}

/* --- the command --- */

/* Asks on a terminal for what was not given; NULL where there is none. */
static char *ask(const char *question)
{
	char line[200];

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return NULL;
	fprintf(stderr, "%s ", question);
	if (!fgets(line, sizeof line, stdin) || line[0] == '\n')
		return NULL;
	line[strcspn(line, "\n")] = 0;
	return strdup(line);
}

static void say(const struct ctl *c, const struct draft *d, const char *assessment, const char *envelope)
{
	if (c->json) {
		json_t *doc = json_pack("{s:s, s:s, s:s}", "agreement", d->out, "assessment", assessment, "envelope",
		                        envelope);
		ctl_print_json(doc);
		json_decref(doc);
		return;
	}
	printf("%s      a draft between %s and %s; texts that begin with FILL IN are for people\n"
	       "%s        an example of the impact assessment that it names\n"
	       "%s    a made-up record that it lets through\n"
	       "Next: gatewayctl agreement lint %s       what is still to be filled in\n"
	       "      gatewayctl agreement summary %s    one page, for those who decide\n"
	       "      gatewayctl agreement sign --cert FILE --key FILE %s    by each party\n"
	       "      gatewayctl -c %s agreement add %s\n",
	       d->out, d->self, d->with, assessment, envelope, d->out, d->out, d->out, c->config, d->out);
}

static int make(const struct ctl *c, struct draft *d)
{
	struct error e = { .reason = REASON_NONE };
	char assessment[4200], envelope[4200];
	struct preset p;
	json_t *doc = NULL;
	int status = CTL_OK;

	if (!preset_find(d->preset, &p))
		return ctl_option_wrong("--preset " PRESETS);
	beside(d->out, ".md", assessment, sizeof assessment);
	beside(d->out, ".ndjson", envelope, sizeof envelope);
	if (!fill(d, c, &e) || !whole(d, &p, &doc, &e) || !all_new(d->out, assessment, envelope, &e) ||
	    !write_new(assessment, p.assessment, &e) || !write_envelope(&p, envelope, &e) ||
	    !write_agreement(d, doc, &e))
		status = ctl_fail(CTL_FAILED, &e);
	else
		say(c, d, assessment, envelope);
	json_decref(doc);
	json_decref(d->mine);
	json_decref(d->theirs);
	free(d->self);
	free(d->partners);
	return status;
}

int agreement_new(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "with", required_argument, NULL, 'w' },
		                                 { "preset", required_argument, NULL, 'p' },
		                                 { "id", required_argument, NULL, 'i' },
		                                 { NULL, 0, NULL, 0 } };
	struct draft d = { .with = NULL };
	char *with = NULL, *preset = NULL;
	int option, status = CTL_USAGE;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'w': d.with = optarg; break;
		case 'p': d.preset = optarg; break;
		case 'i': d.id = optarg; break;
		default: return ctl_usage();
		}
	if (optind != argc - 1)
		return ctl_usage();
	d.out = argv[optind];
	if (!d.with)
		d.with = with = ask("With which agency?");
	if (!d.preset)
		d.preset = preset = ask("From which example (" PRESETS ")?");
	if (d.with && d.preset) {
		d.id = d.id ? d.id : d.preset;
		status = make(c, &d);
	}
	free(with);
	free(preset);
	return status == CTL_USAGE ? ctl_usage() : status;
}
