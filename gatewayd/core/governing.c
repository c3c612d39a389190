/* See governing.h. */
#include "gatewayd/core/governing.h"

#include "gatewayd/core/store.h"
#include "lib/tlog/entry.h"

struct governing {
	struct job job;                 /* first */
	struct core *core;
	struct conf *conf;
	enum operation operation;
	char note[64];
	int64_t now_ms;
	/* while run() walks the documents */
	struct writer *writer;
	struct store *store;
	struct error *error;
	bool failed;
};

static bool append(struct governing *g, const struct entry *entry)
{
	struct buf leaf = BUF_INIT(8192);
	uint64_t index;

	entry_print(entry, NULL, &leaf);
	bool ok = writer_append(g->writer, &g->job, buf_view(&leaf), VIEW(""), &index, g->error);
	buf_free(&leaf);
	return ok;
}

static void keep_document(void *arg, const char *kind, struct view text)
{
	struct governing *g = arg;
	struct error missing = { .reason = REASON_NONE };
	struct digest digest;
	struct view known;
	char note[96];

	if (g->failed)
		return;
	sha256(text, &digest);
	if (store_get_document(g->store, &digest, &known, &missing))
		return;
	if (missing.reason != REASON_NOT_FOUND) {
		*g->error = missing;
		g->failed = true;
		return;
	}
	snprintf(note, sizeof note, "%s in force for the first time", kind);
	struct entry entry = { .operation = OPERATION_POLICY_CHANGE, .time_ms = g->now_ms, .input = digest,
		.note = view_of(note), .build = view_of(g->core->build) };
	g->failed = !store_put_document(g->store, &digest, view_of(kind), text, g->now_ms, g->error) || !append(g, &entry);
}

static bool write_governing(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct governing *g = (struct governing *)j;
	struct entry entry = { .operation = g->operation, .time_ms = g->now_ms, .note = view_of(g->note),
		.build = view_of(g->core->build) };

	g->writer = w;
	g->store = s;
	g->error = e;
	g->failed = !append(g, &entry);
	if (g->conf)
		conf_each_document(g->conf, keep_document, g);
	return !g->failed;
}

/* On the writer's thread: nobody waits for it. */
static void finished(struct job *j)
{
	struct governing *g = (struct governing *)j;

	if (!j->committed)
		core_die(g->core, &j->error);
	writer_release(j);
	conf_unref(g->conf);
	free(g);
}

static bool submit(struct core *c, enum operation operation, const char *note, struct conf *conf)
{
	struct governing *g = calloc(1, sizeof *g);

	if (!g) {
		conf_unref(conf);
		return false;
	}
	g->core = c;
	g->conf = conf;
	g->operation = operation;
	g->now_ms = core_now_ms();
	snprintf(g->note, sizeof g->note, "%s", note);
	g->job = (struct job){ .run = write_governing, .done = finished };
	writer_submit(c->writer, &g->job);
	return true;
}

bool governing_submit(struct core *c, const char *why)
{
	bool start = strcmp(why, "start") == 0;

	return submit(c, start ? OPERATION_START : OPERATION_CONFIG_CHANGE, why, core_conf(c));
}

void governing_stop(struct core *c)
{
	if (!submit(c, OPERATION_STOP, "stop", NULL))
		core_log("warning", "the stop could not be logged: memory ran out");
}
