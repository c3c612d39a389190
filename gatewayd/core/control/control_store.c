/* The control socket's commands about the store as a whole: a copy of it for a backup, and the end of what a restore left
 * open. See control_private.h. */
#include "gatewayd/core/control/control_private.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/backup/restored.h"
#include "gatewayd/core/deliver/lost.h"
#include "gatewayd/core/store/copying.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/space.h"

struct store_job {
	struct job job; /* first */
	struct control_client *client;
	bool copy;      /* a copy is made */
	bool rehearsed; /* a restore was rehearsed; neither: the restore is reconciled */
	bool restored;  /* it was one */
	int64_t now_ms;
};

static bool end_restored(struct store_job *k, struct store *s, const struct act *a, struct error *e)
{
	struct entry entry = { .operation = OPERATION_RESTORE,
		               .note = VIEW("what partners hold was compared with the restored store") };
	struct restored r;
	enum sought found = sought(restored_get(s, &r, e), e);

	k->restored = found == SOUGHT_FOUND;
	if (!k->restored)
		return found == SOUGHT_NONE;
	return restored_end(s, e) && lost_tell(a, e) && audit_append(a, &entry, NULL, NULL, e);
}

static bool run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct store_job *k = JOB_OF(struct store_job, j);
	struct act a = { .core = k->client->control->o.core, .writer = w, .job = j, .store = s, .now_ms = k->now_ms };
	struct entry entry = { .operation = OPERATION_BACKUP,
		               .note = k->copy ? VIEW("the store is copied for a backup")
		                               : VIEW("a restore of a backup was rehearsed") };
	char when[TIME_TEXT + 1];

	if (!k->copy && !k->rehearsed)
		return end_restored(k, s, &a, e);
	time_print(k->now_ms, when);
	return store_put_value(s, k->copy ? VIEW(STORE_BACKUP) : VIEW(STORE_REHEARSED), view_of(when), e) &&
	       audit_append(&a, &entry, NULL, NULL, e);
}

/* A copy that fills the disk would keep records out. */
static bool has_room(const struct node *n, struct error *e)
{
	uint64_t left, kept;
	struct stat st;

	if (stat(n->store, &st) != 0)
		return error_at(e, REASON_STORE, n->store, 0, 0, "%s", strerror(errno));
	if (!space_look(n->store, &n->reserve, &left, &kept, e))
		return false;
	return left >= kept + (uint64_t)st.st_size ||
	       error_at(e, REASON_UNAVAILABLE, n->store, 0, 0,
	                "there is no room for a copy beside it: that takes %llu bytes, %llu are free, and %llu of them "
	                "are to stay so",
	                (unsigned long long)st.st_size, (unsigned long long)left, (unsigned long long)kept);
}

static bool begin_copy(struct core *core, struct error *e)
{
	struct conf *conf = core_conf(core);
	char path[PATH_MAX];
	bool ok = has_room(&conf->node, e) && store_copy_path(conf->node.store, path, sizeof path, e) &&
	          writer_copy(core->writer, path, e);

	conf_unref(conf);
	return ok;
}

static void done(struct job *j)
{
	struct store_job *k = JOB_OF(struct store_job, j);
	struct error e = j->error;
	bool ok = j->committed && (!k->copy || begin_copy(k->client->control->o.core, &e));

	if (!ok)
		control_finish(k->client, json_pack("{s:b, s:s}", "ok", 0, "error", e.text));
	else if (k->copy || k->rehearsed)
		control_finish(k->client, json_pack("{s:b}", "ok", 1));
	else
		control_finish(k->client, json_pack("{s:b, s:b}", "ok", 1, "restored", (int)k->restored));
	writer_release(j);
	free(k);
}

static void submit(struct control_client *c, bool copy, bool rehearsed)
{
	struct store_job *k = calloc(1, sizeof *k);

	if (!k) {
		control_reply_error(c, "memory ran out");
		return;
	}
	k->client = c;
	k->copy = copy;
	k->rehearsed = rehearsed;
	k->now_ms = instant_now_ms();
	k->job = (struct job){ .home = c->control->home, .run = run, .done = done };
	c->waiting = true;
	writer_submit(c->control->o.core->writer, &k->job);
}

void control_store_copy(struct control_client *c, const json_t *request)
{
	struct writer_copy now;

	(void)request;
	writer_copy_state(c->control->o.core->writer, &now);
	if (now.state == COPY_UNDER_WAY)
		control_reply_error(c, "a copy of the store is being made");
	else
		submit(c, true, false);
}

void control_store_copy_show(struct control_client *c, const json_t *request)
{
	static const char *const states[] = {
		[COPY_NONE] = "none", [COPY_UNDER_WAY] = "under-way", [COPY_MADE] = "made", [COPY_FAILED] = "failed"
	};
	struct writer_copy now;

	(void)request;
	writer_copy_state(c->control->o.core->writer, &now);
	control_reply(c, json_pack("{s:b, s:s, s:I, s:I, s:s}", "ok", 1, "state", states[now.state], "done",
	                           (json_int_t)now.done, "total", (json_int_t)now.total, "why",
	                           now.state == COPY_FAILED ? now.error.text : ""));
}

void control_store_reconciled(struct control_client *c, const json_t *request)
{
	(void)request;
	submit(c, false, false);
}

void control_store_rehearsed(struct control_client *c, const json_t *request)
{
	(void)request;
	submit(c, false, true);
}
