/* gatewayctl store backup: a copy of the store, taken by the daemon while it serves or here while it does not run, verified
 * as a whole, then sealed into a folder piece by piece. Pieces that did not change since the run before are not written. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/core/keys/binding.h"
#include "gatewayd/core/store/copying.h"
#include "gatewayd/ctl/backup.h"
#include "lib/base/datetime.h"

#define LOOK_US    50000
#define STEP_PAGES 1024

struct backing {
	const struct ctl *ctl;
	struct backup_options options;
	struct backup_node node;
	struct envelope_recipient *to;
	char copy[PATH_MAX];
	int fd; /* of the copy */
	struct manifest manifest;
	struct inspection inspection;
	char found[300]; /* the first thing that is wrong with the copy */
	struct backup_written written;
	bool online; /* a daemon answered */
	bool mine;   /* the copy is that of this command */
};

/* --- the copy --- */

/* Asks; the answer's `ok` must be true. The caller's. */
static json_t *ask(const struct backing *x, const char *what, struct error *e)
{
	json_t *answer = ctl_ask(x->ctl, json_pack("{s:s}", "do", what), e);

	if (!answer || json_is_true(json_object_get(answer, "ok")))
		return answer;
	const char *why = json_string_value(json_object_get(answer, "error"));
	error_set(e, REASON_STORE, "the daemon does not copy its store: %s", why ? why : "no reason was given");
	json_decref(answer);
	return NULL;
}

static bool wait_for_copy(const struct backing *x, struct error *e)
{
	char word[] = "copied";

	for (;;) {
		json_t *now = ask(x, "store-copy-show", e);
		const char *state = json_string_value(json_object_get(now, "state"));
		bool made = state && strcmp(state, "made") == 0, goes_on = state && strcmp(state, "under-way") == 0;

		if (now)
			backup_progress(word, (uint64_t)json_integer_value(json_object_get(now, "done")),
			                (uint64_t)json_integer_value(json_object_get(now, "total")));
		if (now && !made && !goes_on)
			error_set(e, REASON_STORE, "the store cannot be copied: %s",
			          json_string_value(json_object_get(now, "why")));
		json_decref(now);
		if (!goes_on)
			return made;
		usleep(LOOK_US);
	}
}

static bool copy_online(struct backing *x, struct error *e)
{
	struct error why = { .reason = REASON_NONE };
	json_t *begun = ask(x, "store-copy", &why);

	x->online = begun || why.reason != REASON_UNAVAILABLE;
	json_decref(begun);
	if (!begun)
		return error_set(e, why.reason, "%s", why.text);
	x->mine = true;
	return wait_for_copy(x, e);
}

/* The store's lock keeps a daemon away meanwhile. */
static bool copy_here(struct backing *x, struct error *e)
{
	struct store *s = store_open(x->node.store, e);
	struct store_copy *c = s ? store_copy_begin(s, x->copy, e) : NULL;
	char word[] = "copied";
	bool done = false, ok = c != NULL;
	uint64_t at, total;

	x->mine = ok;
	while (ok && !done) {
		ok = store_copy_step(c, STEP_PAGES, &done, e);
		store_copy_progress(c, &at, &total);
		backup_progress(word, at, total);
	}
	struct error more = { .reason = REASON_NONE };
	bool ended = store_copy_end(c, ok, ok ? e : &more);
	store_close(s);
	return ok && ended;
}

/* --- that it is whole --- */

static void take_finding(void *arg, enum finding f, const struct uuid *exchange, const char *what)
{
	struct backing *x = arg;

	(void)exchange;
	if (!x->found[0])
		snprintf(x->found, sizeof x->found, "%s: %.250s", finding_name(f), what);
}

static bool verify(struct backing *x, struct error *e)
{
	struct store *s = store_open_trial(x->copy, e);
	struct inspection *i = &x->inspection;

	i->tell = take_finding;
	i->arg = x;
	bool ok = s && inspect_engine(s, i, e) && inspect_logs(s, &x->node.signer.vkey, i, e) &&
	          inspect_payloads(s, NULL, i, e) && binding_id(s, &x->manifest.id, e);
	store_close(s);
	if (!ok)
		return false;
	if (x->found[0])
		return error_set(e, REASON_TAMPERED, "the copy does not hold, and no backup was made of it: %s",
		                 x->found);
	x->manifest.entries = i->entries;
	x->manifest.checkpoint = i->checkpoint;
	return true;
}

static bool open_copy(struct backing *x, struct error *e)
{
	struct stat st;

	x->fd = open(x->copy, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (x->fd < 0 || fstat(x->fd, &st) != 0)
		return error_at(e, REASON_IO, x->copy, 0, 0, "%s", strerror(errno));
	x->manifest.bytes = (uint64_t)st.st_size;
	return true;
}

/* --- the command --- */

static bool write_folder(struct backing *x, struct error *e)
{
	char word[] = "sealed";
	struct backup_writing w = { .dir = x->options.dir,
		                    .source = x->fd,
		                    .to = x->to,
		                    .tags = x->node.tags,
		                    .signer = &x->node.signer,
		                    .manifest = x->manifest,
		                    .progress = backup_progress,
		                    .arg = word };

	return backup_write(&w, &x->written, e);
}

/* The copy is the store's, the folder belongs to who runs this. */
static bool take_copy(struct backing *x, struct error *e)
{
	struct error why = { .reason = REASON_NONE };

	if (!copy_online(x, &why) && x->online)
		return error_set(e, why.reason, "%s", why.text);
	if (!audit_become_owner(x->node.store, e))
		return false;
	return backup_node_keys(&x->node, e) && (x->online || copy_here(x, e)) && verify(x, e) && open_copy(x, e);
}

static bool run_all(struct backing *x, struct error *e)
{
	struct error more = { .reason = REASON_NONE };

	if (!backup_node_open(&x->node, x->ctl, e) || !(x->to = backup_recipient(&x->options, e)) ||
	    !backup_times(&x->options, &x->manifest, e) || !store_copy_path(x->node.store, x->copy, sizeof x->copy, e))
		return false;
	snprintf(x->manifest.origin, sizeof x->manifest.origin, "%s", x->node.origin);
	bool ok = take_copy(x, e);
	bool self = audit_become_self(ok ? e : &more);
	ok = ok && self && write_folder(x, e);
	/* Whatever became of it, the copy goes. */
	if (x->mine && audit_become_owner(x->node.store, &more))
		ok = store_copy_clear(x->copy, ok ? e : &more) && ok;
	self = audit_become_self(ok ? e : &more);
	return ok && self;
}

static void report(const struct backing *x)
{
	char until[TIME_TEXT + 1];

	time_print(x->manifest.until_ms, until);
	if (x->ctl->json)
		printf("{\"entries\":%" PRIu64 ",\"exchanges\":%" PRIu64 ",\"payloads\":%" PRIu64 ",\"bytes\":%" PRIu64
		       ",\"pieces\":%" PRIu64 ",\"written\":%" PRIu64 ",\"until\":\"%s\",\"online\":%s}\n",
		       x->inspection.entries, x->inspection.exchanges, x->inspection.payloads, x->manifest.bytes,
		       x->written.pieces, x->written.written, until, x->online ? "true" : "false");
	else
		printf("store      whole; log of %" PRIu64 " entries verified\nrows       %" PRIu64
		       " exchanges, %" PRIu64 " payloads\nbackup     %" PRIu64 " bytes in %" PRIu64 " pieces, %" PRIu64
		       " of them written\nuntil      %s: then it is refused, and is to be destroyed\n",
		       x->inspection.entries, x->inspection.exchanges, x->inspection.payloads, x->manifest.bytes,
		       x->written.pieces, x->written.written, until);
}

int ctl_store_backup(const struct ctl *c, int argc, char **argv)
{
	struct backing x = { .ctl = c, .fd = -1, .manifest = { .kind = BACKUP_STORE } };
	struct error e = { .reason = REASON_NONE };
	int status = CTL_OK;

	if (!backup_options_take(&x.options, argc, argv) || !x.options.dir || !x.options.certificate ||
	    x.options.private_key || x.options.key || x.options.replace)
		return ctl_usage();
	if (run_all(&x, &e))
		report(&x);
	else
		status = ctl_fail(e.reason == REASON_TAMPERED ? CTL_TAMPERED : CTL_FAILED, &e);
	if (x.fd >= 0)
		close(x.fd);
	envelope_recipient_free(x.to);
	backup_node_free(&x.node);
	return status;
}
