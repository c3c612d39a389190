/* Core's main thread: what it opens, confines and makes before it serves, and its reload. See core.h. */
#include "gatewayd/core/core.h"

#include <event2/thread.h>
#include <malloc.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "gatewayd/build.h"
#include "gatewayd/confine.h"
#include "gatewayd/exit_status.h"
#include "gatewayd/core/audit/governing.h"
#include "gatewayd/core/notice_kinds.h"
#include "gatewayd/core/open.h"
#include "gatewayd/core/parts.h"
#include "gatewayd/core/routes.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/worker.h"
#include "gatewayd/core/serving_private.h"
#include "gatewayd/os/files.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "gatewayd/os/notify.h"

#define LARGE_BYTES (128 * 1024)

/* --- reload --- */

static void log_errors(const struct error_list *errors)
{
	char text[700];

	for (size_t i = 0; i < errors->n; i++)
		log_line("error", "%s", error_print(&errors->items[i], text, sizeof text));
	if (errors->dropped)
		log_line("error", "and %zu more errors", errors->dropped);
}

/* What is logged, and told who asked for the reload, where somebody did. */
struct warnings {
	struct reload_said *said; /* NULL: nobody */
};

static void warn_revocation(void *arg, bool refused, const char *text)
{
	const struct warnings *w = arg;

	if (!refused)
		return;
	log_line("error", "certificates are refused: %s", text);
	if (w->said) {
		error_list_addf(&w->said->warnings, REASON_REVOCATION_UNKNOWN, "", 0, 0, "certificates are refused: %s",
		                text);
		w->said->refuses = true;
	}
}

static void warn(void *arg, const char *text)
{
	const struct warnings *w = arg;

	log_line("warning", "%s", text);
	if (w->said)
		error_list_addf(&w->said->warnings, REASON_CONFIG, "", 0, 0, "%s", text);
}

/* --- what a reload cannot change --- */

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Files and log are open under these names. */
static bool goes_on(const struct node *running, const struct node *fresh, struct error_list *errors)
{
	const struct {
		const char *pointer, *was, *is;
	} fixed[] = { { "/agency", running->agency, fresh->agency },
		      { "/store", running->store, fresh->store },
		      { "/keys", running->keys, fresh->keys },
		      { "/audit/epoch", running->origin, fresh->origin } };
	size_t before = errors->n;

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (!same(fixed[i].was, fixed[i].is))
			error_list_addf(
			        errors, REASON_CONFIG, fresh->file, 0, 0,
			        "%s: %sis taken at a start only, and is another now: put it back, or restart the daemon",
			        fixed[i].pointer, i == 3 ? "the log's origin (host, node, epoch) " : "");
	return errors->n == before;
}

static bool same_list(const char **a, size_t n, const char **b, size_t m)
{
	for (size_t i = 0; n == m && i < n; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return n == m;
}

static void warn_of_start(const struct node *running, const struct node *fresh, struct warnings *w)
{
	const struct {
		const char *name;
		bool same;
	} taken[] = { { "listen", same_list(running->listen, running->n_listen, fresh->listen, fresh->n_listen) },
		      { "monitor", same_list(running->monitor, running->n_monitor, fresh->monitor, fresh->n_monitor) },
		      { "control", same(running->control, fresh->control) },
		      { "user", same(running->user, fresh->user) },
		      { "audit.mirror", same(running->mirror, fresh->mirror) },
		      { "audit.anchor", same(running->anchor, fresh->anchor) },
		      { "limits.threads", running->threads == fresh->threads } };
	char text[200];

	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		if (!taken[i].same) {
			snprintf(text, sizeof text, "%s: is taken at a start only; restart the daemon for it",
			         taken[i].name);
			warn(w, text);
		}
}

/* Whether one that loaded may be used: what it changes goes on from `running` (NULL at a start), and its documents from those that
 * `reader` knows. What it warns of is said. */
static bool may_be_used(struct store *reader, const struct conf *running, const struct conf *conf, int64_t now_ms,
                        struct warnings *w, struct error_list *errors)
{
	char text[700];

	if ((running && !goes_on(&running->node, &conf->node, errors)) ||
	    !governing_permits(reader, running, conf, now_ms, errors)) {
		conf_place(errors, 0);
		return false;
	}
	if (conf->own.late.reason != REASON_NONE)
		warn(w, error_print(&conf->own.late, text, sizeof text));
	conf_revocation_notes(conf, now_ms, warn_revocation, w);
	if (running)
		warn_of_start(&running->node, &conf->node, w);
	governing_warn(conf, now_ms);
	return true;
}

static struct conf *load_again(struct core *c, struct warnings *w, struct error_list *errors)
{
	int64_t now = instant_now_ms();
	struct conf *conf = conf_load_here(c->config_path, &c->pseudonym, c->conf, now, errors);

	if (conf && !may_be_used(c->reader, c->conf, conf, now, w, errors)) {
		conf_unref(conf);
		return NULL;
	}
	return conf;
}

bool core_reload(struct core *c, struct reload_said *said)
{
	struct warnings w = { .said = said };
	struct error_list *errors = &said->errors;
	struct conf *fresh, *old;

	notify("RELOADING=1");
	fresh = load_again(c, &w, errors);
	/* What it changes is in the log before anything is decided by it. */
	if (fresh && !governing_submit(c, fresh, "reload")) {
		error_list_addf(errors, REASON_NO_MEMORY, "", 0, 0, "memory ran out");
		conf_unref(fresh);
		fresh = NULL;
	}
	if (!fresh) {
		log_errors(errors);
		log_line("error", "reload: the running configuration stays");
		notify("READY=1");
		return false;
	}
	budget_set(c->budget, &fresh->node);
	journal_set(fresh->node.log_level, fresh->node.log_form);
	pthread_mutex_lock(&c->lock);
	old = c->conf;
	c->conf = fresh;
	pthread_mutex_unlock(&c->lock);
	conf_unref(old);
	log_line("notice", "configuration reloaded");
	notify("READY=1");
	return true;
}

/* The configuration that was loaded before anything was bound: whether the store allows it, and the secret that pseudonyms
 * need. */
static bool arm_conf(struct core *c, struct store *reader, struct error *e)
{
	struct error_list errors = { .n = 0 };
	struct warnings w = { .said = NULL };
	bool ok = may_be_used(reader, NULL, c->conf, instant_now_ms(), &w, &errors);

	if (!ok) {
		bool passing = exit_status_of(&errors) != EXIT_CONFIG;
		log_errors(&errors);
		error_set(e, passing ? REASON_IO : REASON_CONFIG, "the configuration cannot be used");
	}
	error_list_free(&errors);
	return ok && conf_arm(c->conf, &c->pseudonym, e);
}

static bool make_workers(struct core *c, const struct core_options *o, struct error *e)
{
	c->workers = calloc(o->n_channels, sizeof(struct worker *));
	if (!c->workers)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	c->n_workers = o->n_channels;
	for (unsigned i = 0; i < o->n_channels; i++) {
		c->workers[i] = worker_new(c, i, o->channels[i], e);
		if (!c->workers[i])
			return false;
	}
	return true;
}

/* What core may still open once it is confined: what the configuration names. */
static bool confine(const struct core *c, struct error *e)
{
	const struct node *n = &c->conf->node;
	struct arena mem = { .max = 0 };
	const char *kept[] = { n->store, n->mirror, n->anchor };
	const char *writable[8] = { NULL };
	const char *const *folders = conf_folders(c->conf, &mem);
	size_t k = 0, n_folders = 0;

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (kept[i])
			writable[k++] = file_folder(&mem, kept[i]);
	writable[k++] = n->keys;
	while (folders && folders[n_folders])
		n_folders++;
	struct confine_paths paths = {
		.readable = folders, .n_readable = n_folders, .writable = writable, .n_writable = k
	};
	bool ok = folders ? confine_core(&paths, e) : error_set(e, REASON_NO_MEMORY, "memory ran out");
	if (ok)
		log_line("notice", "core: %s", confine_summary());
	arena_free(&mem);
	return ok;
}

int core_run(const struct core_options *o)
{
	struct core c = { .config_path = o->config_path,
		          .conf = o->conf,
		          .build = build_name(),
		          .routes = core_routes,
		          .parts = core_parts,
		          .notice_work = core_notice_kinds,
		          .lock = PTHREAD_MUTEX_INITIALIZER,
		          .started_ms = instant_now_ms(),
		          .timestamp_ms = TIME_NONE };
	struct opened opened = { .core = &c, .arm = arm_conf };
	struct error e = { .reason = REASON_NONE };
	int status;

	/* Large buffers, of which a load makes many, are mapped one by one and go back when they are freed. Left to itself the
	 * allocator moves the bound up with each, until they lie among what stays. Before there are threads. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	signal(SIGPIPE, SIG_IGN);
	evthread_use_pthreads();
	c.die_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	notify_open();
	if (c.die_fd >= 0 && confine(&c, &e) && core_open(&opened, &e) && make_workers(&c, o, &e)) {
		status = core_serve(&c, o, opened.reader, &e);
	} else {
		status = exit_status(e.reason);
		edge_child_stop(&o->edge, false);
	}
	if (e.reason != REASON_NONE) {
		char text[700];
		log_line("error", "%s", error_print(&e, text, sizeof text));
	}
	core_close(&opened);
	return status;
}

bool core_check(struct conf *conf, struct error *e)
{
	struct core c = { .conf = conf, .build = build_name(), .lock = PTHREAD_MUTEX_INITIALIZER, .die_fd = -1 };
	struct opened opened = { .core = &c };
	bool ok = core_try(&opened, e);

	core_close(&opened);
	return ok;
}
