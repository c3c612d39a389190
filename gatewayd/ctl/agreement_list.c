/* gatewayctl agreement list: the agreements of a node, as they lie in its folder, where each stands now, and which of
 * them the daemon has loaded. What the daemon holds that is not in the folder any more is listed, too. */
#include <sys/stat.h>

#include "gatewayd/os/files.h"
#include "gatewayd/ctl/agreement.h"
#include "gatewayd/ctl/print.h"
#include "lib/policy/state.h"

#define LISTED_MAX 512u

struct listing {
	struct agreement_setup setup;
	const char *folder;
	struct arena mem;
	struct agreement *agreements[LISTED_MAX];
	size_t n;
	bool sound;   /* every file loads */
	json_t *held; /* what the daemon has loaded; NULL: it is not running */
	json_t *rows;
};

/* The paths that the node's document names; a folder or file that is not there is none. */
static const char *named(struct listing *l, const struct ctl *c, const json_t *node, const char *member)
{
	const char *path = json_string_value(json_object_get(node, member));
	struct stat s;

	if (!path)
		return NULL;
	path = file_beside(&l->mem, file_folder(&l->mem, c->config), path);
	return path && stat(path, &s) == 0 ? path : NULL;
}

static int read_node(struct listing *l, const struct ctl *c)
{
	static const struct {
		const char *member;
		int option;
	} surroundings[] = { { "schemas", 'S' }, { "floor", 'F' }, { "overlay", 'O' } };
	struct error e = { .reason = REASON_NONE };
	struct text_file text;
	json_error_t why;
	int status = CTL_OK;

	if (!ctl_read_file(c->config, AGREEMENT_FILE_MAX, &text.p, &text.n, &e))
		return ctl_fail(CTL_FAILED, &e);
	json_t *node = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
	const char *agency = json_string_value(json_object_get(node, "agency"));
	if (agency)
		l->setup.self = arena_str(&l->mem, view_of(agency));
	l->folder = named(l, c, node, "agreements");
	for (size_t i = 0; i < sizeof surroundings / sizeof surroundings[0] && status == CTL_OK; i++) {
		const char *path = named(l, c, node, surroundings[i].member);
		if (path)
			status = agreement_setup_option(&l->setup, surroundings[i].option, path);
	}
	if (status == CTL_OK && (!l->setup.self || !l->folder)) {
		error_at(&e, REASON_CONFIG, c->config, 0, 0,
		         "names no agency, or no folder of agreements that is there");
		status = ctl_fail(CTL_FAILED, &e);
	}
	json_decref(node);
	free(text.p);
	return status;
}

static bool load_one(void *arg, const char *name)
{
	struct listing *l = arg;
	const char *path = file_beside(&l->mem, l->folder, name);

	struct agreement *a = path && l->n < LISTED_MAX ? agreement_setup_load(&l->setup, path, NULL) : NULL;
	if (a)
		l->agreements[l->n++] = a;
	l->sound = l->sound && a;
	return true;
}

/* A later version of the same agreement that governs by now. */
static bool superseded(const struct listing *l, const struct agreement *a)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct agreement *other = l->agreements[i];
		if (view_eq(agreement_id(other), agreement_id(a)) &&
		    agreement_effective_ms(other) > agreement_effective_ms(a) &&
		    agreement_effective_ms(other) <= l->setup.now_ms)
			return true;
	}
	return false;
}

/* Takes the agreement out of what the daemon holds; true when it was there. */
static bool held(struct listing *l, const char *digest)
{
	for (size_t i = 0; i < json_array_size(l->held); i++)
		if (strcmp(ctl_text(json_array_get(l->held, i), "digest"), digest) == 0) {
			json_array_remove(l->held, i);
			return true;
		}
	return false;
}

static json_t *instant(int64_t ms)
{
	char text[TIME_TEXT + 1];

	time_print(ms, text);
	return json_string(text);
}

static void add_row(struct listing *l, const struct agreement *a)
{
	struct buf hex = BUF_INIT(100);
	struct view id = agreement_id(a), version = agreement_version(a);
	int64_t at_ms;
	const char *next = agreement_next_date(a, l->setup.now_ms, &at_ms);
	enum agreement_state state = agreement_state(a, l->setup.now_ms);

	digest_print(&hex, agreement_digest(a));
	buf_addc(&hex, '\0');
	json_t *row = json_pack(
	        "{s:s%, s:s%, s:s, s:s, s:o, s:o}", "id", id.p, id.n, "version", version.p, version.n, "digest", hex.p,
	        "state", superseded(l, a) && state != AGREEMENT_ENDED ? "superseded" : agreement_state_name(state),
	        "effective_from", instant(agreement_effective_ms(a)), "sunset", instant(agreement_sunset_ms(a)));
	if (next) {
		json_object_set_new(row, "next_clause", json_string(next));
		json_object_set_new(row, "next", instant(at_ms));
	}
	if (l->held)
		json_object_set_new(row, "loaded", json_boolean(held(l, hex.p)));
	json_array_append_new(l->rows, row);
	buf_free(&hex);
}

/* The daemon goes on with what it loaded, whatever became of the file. */
static void add_gone(struct listing *l, const json_t *o)
{
	json_t *row = json_copy((json_t *)(uintptr_t)o);

	json_object_set_new(row, "state", json_string("file-gone"));
	json_object_set_new(row, "loaded", json_true());
	json_array_append_new(l->rows, row);
}

static void print_rows(const struct listing *l)
{
	static const struct screen_column columns[] = {
		{ "AGREEMENT", "id", SCREEN_CUT },   { "VERSION", "version", SCREEN_KEEP },
		{ "STATE", "state", SCREEN_KEEP },   { "SUNSET", "sunset", SCREEN_KEEP },
		{ "NEXT", "next", SCREEN_CUT },      { "LOADED", "loaded", SCREEN_KEEP },
		{ "SHA-256", "digest", SCREEN_MAY },
	};
	json_t *rows = json_array(), *o;
	size_t i;

	json_array_foreach(l->rows, i, o)
	{
		json_t *row = json_copy(o);
		json_object_set_new(row, "sunset", json_sprintf("%.10s", ctl_text(o, "sunset")));
		json_object_set_new(row, "digest", json_sprintf("%.16s…", ctl_text(o, "digest")));
		if (json_object_get(o, "next"))
			json_object_set_new(row, "next",
			                    json_sprintf("%.10s %s", ctl_text(o, "next"), ctl_text(o, "next_clause")));
		json_array_append_new(rows, row);
	}
	screen_table(stdout, columns, sizeof columns / sizeof *columns, rows);
	json_decref(rows);
}

int agreement_list(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "now", required_argument, NULL, 'N' }, { NULL, 0, NULL, 0 } };
	struct listing l = { .sound = true, .rows = json_array() };
	struct error e = { .reason = REASON_NONE }, quiet = { .reason = REASON_NONE };
	int option, status = CTL_OK;

	agreement_setup_init(&l.setup);
	while (status == CTL_OK && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		status = agreement_setup_option(&l.setup, option, optarg);
	if (status == CTL_OK && argc != optind)
		status = ctl_usage();
	if (status == CTL_OK)
		status = read_node(&l, c);
	if (status == CTL_OK && !file_each(l.folder, ".json", load_one, &l, &e))
		status = ctl_fail(CTL_FAILED, &e);
	if (status == CTL_OK) {
		json_t *answer = ctl_ask(c, json_pack("{s:s}", "do", "status"), &quiet);
		const json_t *list = json_object_get(answer, "agreements");
		l.held = list ? json_deep_copy(list) : NULL;
		json_decref(answer);
		for (size_t i = 0; i < l.n; i++)
			add_row(&l, l.agreements[i]);
		for (size_t i = 0; i < json_array_size(l.held); i++)
			add_gone(&l, json_array_get(l.held, i));
		if (c->json)
			ctl_print_json(l.rows);
		else
			print_rows(&l);
		status = l.sound ? CTL_OK : CTL_CHECK_FAILED;
	}
	for (size_t i = 0; i < l.n; i++)
		agreement_unref(l.agreements[i]);
	json_decref(l.held);
	json_decref(l.rows);
	arena_free(&l.mem);
	agreement_setup_free(&l.setup);
	return status;
}
