/* See schema_load.h. */
#include "gatewayd/ctl/schema_load.h"

#include <dirent.h>
#include <getopt.h>
#include <sys/stat.h>

#define REMOTES_BASE  "http://localhost:1234"
#define REMOTES_DEPTH 16

char *schema_file_uri(const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	char *full = realpath(path, NULL);
	struct buf uri = BUF_INIT(64 * 1024);

	if (!full)
		return NULL;
	buf_adds(&uri, "file://");
	for (const char *p = full; *p; p++) {
		if (strchr(plain, *p))
			buf_addc(&uri, *p);
		else
			buf_addf(&uri, "%%%02X", (unsigned)(unsigned char)*p);
	}
	buf_addc(&uri, '\0');
	free(full);
	char *out = uri.failed ? NULL : strdup(uri.p);
	buf_free(&uri);
	return out;
}

/* Takes `uri` over. */
static bool add_file(struct schema_setup *s, char *uri, const char *path, struct error *e)
{
	struct schema_file f = { .uri = uri };

	if (!uri)
		return error_at(e, REASON_IO, path, 0, 0, "cannot be read");
	if (s->n_files == SCHEMA_FILES_MAX || !ctl_read_file(path, SCHEMA_FILE_MAX, &f.text, &f.n, e)) {
		free(uri);
		return error_at(e, REASON_LIMIT, path, 0, 0, "more than %u schema files", SCHEMA_FILES_MAX);
	}
	if (!s->files)
		s->files = calloc(SCHEMA_FILES_MAX, sizeof *s->files);
	if (!s->files) {
		free(uri);
		free(f.text);
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	}
	s->files[s->n_files++] = f;
	return true;
}

/* Every .json file below `path`, as `uri`/…. */
static bool add_folder(struct schema_setup *s, const char *path, const char *uri, int depth, struct error *e)
{
	DIR *dir = depth < REMOTES_DEPTH ? opendir(path) : NULL;
	bool ok = dir != NULL;

	if (!dir)
		return error_at(e, REASON_IO, path, 0, 0, "is no folder that can be read");
	for (struct dirent *entry; ok && (entry = readdir(dir));) {
		char *below = NULL, *name = NULL;
		size_t n = strlen(entry->d_name);
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&below, "%s/%s", path, entry->d_name) < 0)
			below = NULL;
		if (asprintf(&name, "%s/%s", uri, entry->d_name) < 0)
			name = NULL;
		if (!below || !name) {
			ok = error_set(e, REASON_NO_MEMORY, "memory ran out");
		} else if (stat(below, &st) == 0 && S_ISDIR(st.st_mode)) {
			ok = add_folder(s, below, name, depth + 1, e);
		} else if (n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0) {
			ok = add_file(s, name, below, e);
			name = NULL;
		}
		free(below);
		free(name);
	}
	closedir(dir);
	return ok;
}

static bool read_draft(const char *name, enum schema_draft *out)
{
	static const struct {
		const char *name;
		enum schema_draft draft;
	} drafts[] = {
		{ "2020-12", DRAFT_2020_12 },
		{ "2019-09", DRAFT_2019_09 },
		{ "7", DRAFT_7 },
		{ "6", DRAFT_6 },
	};

	if (strncmp(name, "draft", 5) == 0)
		name += 5;
	for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++)
		if (strcmp(name, drafts[i].name) == 0) {
			*out = drafts[i].draft;
			return true;
		}
	return false;
}

enum { OPTION_FORMAT = 256, OPTION_DRAFT, OPTION_REMOTES, OPTION_STRICT, OPTION_OUTPUT, OPTION_REF, OPTION_IGNORE };

static const struct option long_options[] = {
	{ "format", no_argument, NULL, OPTION_FORMAT },         { "draft", required_argument, NULL, OPTION_DRAFT },
	{ "remotes", required_argument, NULL, OPTION_REMOTES }, { "strict", no_argument, NULL, OPTION_STRICT },
	{ "output", required_argument, NULL, OPTION_OUTPUT },   { "ref", required_argument, NULL, OPTION_REF },
	{ "ignore", required_argument, NULL, OPTION_IGNORE },   { NULL, 0, NULL, 0 }
};

int schema_setup_read(struct schema_setup *s, int argc, char **argv, bool validate)
{
	struct error e = { .reason = REASON_NONE };
	bool ok = true;
	int option;

	*s = (struct schema_setup){ .options = { .draft = DRAFT_2020_12 } };
	while (ok && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option > OPTION_REMOTES && !validate)
			return ctl_usage();
		switch (option) {
		case OPTION_FORMAT: s->options.formats = true; break;
		case OPTION_STRICT: s->options.strict = true; break;
		case OPTION_DRAFT:
			if (!read_draft(optarg, &s->options.draft))
				return ctl_usage();
			break;
		case OPTION_OUTPUT:
			if (strcmp(optarg, "list") != 0 && strcmp(optarg, "basic") != 0)
				return ctl_usage();
			s->output = optarg;
			break;
		case OPTION_IGNORE:
			if (s->options.n_ignored == sizeof s->ignored / sizeof *s->ignored)
				return ctl_usage();
			s->ignored[s->options.n_ignored++] = view_of(optarg);
			break;
		case OPTION_REMOTES: ok = add_folder(s, optarg, REMOTES_BASE, 0, &e); break;
		case OPTION_REF: ok = add_file(s, schema_file_uri(optarg), optarg, &e); break;
		default: return ctl_usage();
		}
	}
	if (!ok)
		return ctl_fail(CTL_FAILED, &e);
	if (argc - optind < (validate ? 2 : 1))
		return ctl_usage();
	s->options.ignored = s->ignored;
	return CTL_OK;
}

void schema_setup_free(struct schema_setup *s)
{
	for (size_t i = 0; i < s->n_files; i++) {
		free(s->files[i].uri);
		free(s->files[i].text);
	}
	free(s->files);
}

struct schema *schema_setup_compile(const struct schema_setup *s, const char *uri, struct view text,
                                    const char *fragment, struct error *e)
{
	struct schema_set *set = schema_set_new();
	struct schema *schema = NULL;
	char *at = NULL;
	bool ok = set != NULL && asprintf(&at, "%s%s", uri, fragment) >= 0;

	if (!ok)
		error_set(e, REASON_NO_MEMORY, "memory ran out");
	for (size_t i = 0; ok && i < s->n_files; i++)
		ok = strcmp(s->files[i].uri, uri) == 0 || /* the schema itself may be among them */
		     schema_set_add(set, view_of(s->files[i].uri), view_make(s->files[i].text, s->files[i].n), e);
	if (ok && schema_set_add(set, view_of(uri), text, e))
		schema = schema_compile(set, view_of(at), &s->options, e);
	free(at);
	schema_set_free(set);
	return schema;
}
