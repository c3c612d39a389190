/* See open.h. */
#include "gatewayd/core/open.h"

#include <limits.h>
#include <unistd.h>

#include "gatewayd/core/backup/restored.h"
#include "gatewayd/core/copy/copy.h"
#include "gatewayd/core/commit/mirror.h"
#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/copy/overdue.h"
#include "gatewayd/core/read/reading.h"
#include "gatewayd/core/exchange/approvals.h"
#include "gatewayd/core/exchange/quota.h"
#include "gatewayd/core/store/copying.h"
#include "gatewayd/core/store/mark.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/tales.h"
#include "gatewayd/core/exchange/surrogates.h"
#include "gatewayd/core/witness/timestamp.h"
#include "gatewayd/core/witness/witness.h"
#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/departures.h"
#include "gatewayd/core/serve/reads.h"
#include "gatewayd/core/serve/sources.h"
#include "gatewayd/core/serve/worker.h"
#include "gatewayd/core/steps.h"
#include "gatewayd/core/verify.h"
#include "lib/schema/document.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "gatewayd/os/secret_file.h"

#define SECRETS 32

static void writer_died(void *arg, const struct error *e)
{
	core_die(arg, e);
}

static void mirror_warned(void *arg, const struct error *e)
{
	char text[700];

	(void)arg;
	if (e)
		log_line("warning", "mirror: %s", error_print(e, text, sizeof text));
	else
		log_line("notice", "the mirror is written again");
}

/* Without its anchor the log could be put back unseen: the node says that it is not ready. */
static void anchor_reported(void *arg, const struct error *e)
{
	char text[700];

	atomic_store(&((struct core *)arg)->anchor_failing, e != NULL);
	if (e)
		log_line("error", "%s", error_print(e, text, sizeof text));
	else
		log_line("notice", "the anchor is written again");
}

/* Cutting the store's log: serving goes on. */
static void writer_reported(void *arg, const struct error *e)
{
	char text[700];

	(void)arg;
	if (e)
		log_line("warning", "%s", error_print(e, text, sizeof text));
}

static bool key_path(char *out, size_t size, const struct node *n, const char *name)
{
	return snprintf(out, size, "%s/%s", n->keys, name) < (int)size;
}

static bool open_secrets(struct core *c, const struct node *n, struct ed25519_key **audit, struct error *e)
{
	struct secret idempotency, seed;
	char path[4096];
	bool ok = key_path(path, sizeof path, n, "pseudonym.key") && secret_read(path, SECRETS, &c->pseudonym, e) &&
	          key_path(path, sizeof path, n, "idempotency.key") && secret_read(path, SECRETS, &idempotency, e) &&
	          key_path(path, sizeof path, n, "audit.key") && secret_read(path, SECRETS, &seed, e);

	if (!ok)
		return error_set(e, REASON_CONFIG, "the keys cannot be read");
	c->body_key = hmac_key_new(view_make(idempotency.b, idempotency.n));
	*audit = ed25519_from_seed(seed.b);
	secret_wipe(&idempotency);
	secret_wipe(&seed);
	return (c->body_key && *audit) || error_set(e, REASON_CRYPTO, "the keys cannot be used");
}

struct sweeping {
	struct store *reader;
	bool keep; /* all */
};

static bool slot_live(void *arg, uint32_t slot)
{
	const struct sweeping *x = arg;

	return x->keep || store_slot_live(x->reader, slot);
}

/* --- opening and closing, a pair each; the table is below them --- */

static void memory_close(void *arg)
{
	struct core *c = ((struct opened *)arg)->core;

	quotas_free(c->quotas);
	surrogates_free(c->surrogates);
	sights_free(c->sights);
	tales_free(c->tales);
	overdue_free(c->overdue);
	stops_free(c->stops);
	terms_cache_free(c->terms);
	attempts_free(c->attempts);
	budget_free(c->budget);
	verified_free(c->verified);
}

static bool memory_open(void *arg, struct error *e)
{
	struct core *c = ((struct opened *)arg)->core;

	c->quotas = quotas_new();
	c->surrogates = surrogates_new();
	c->sights = sights_new();
	c->tales = tales_new();
	c->overdue = overdue_new();
	c->stops = stops_new();
	c->terms = terms_cache_new();
	c->attempts = attempts_new();
	c->budget = budget_new();
	c->verified = verified_new();
	if (c->quotas && c->surrogates && c->sights && c->tales && c->overdue && c->stops && c->terms && c->attempts &&
	    c->budget && c->verified) {
		budget_set(c->budget, &c->conf->node);
		return true;
	}
	memory_close(arg);
	return error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static void schemas_close(void *arg)
{
	struct core *c = ((struct opened *)arg)->core;

	schema_unref(c->envelope_schema);
	schema_unref(c->notice_schema);
}

static bool schemas_open(void *arg, struct error *e)
{
	struct core *c = ((struct opened *)arg)->core;

	c->envelope_schema = document_schema(VIEW("envelope"), e);
	c->notice_schema = document_schema(VIEW("notice"), e);
	if (c->envelope_schema && c->notice_schema)
		return true;
	schemas_close(arg);
	return false;
}

static void secrets_close(void *arg)
{
	struct opened *o = arg;

	ed25519_free(o->audit);
	hmac_key_free(o->core->body_key);
	secret_wipe(&o->core->pseudonym);
}

static bool secrets_open(void *arg, struct error *e)
{
	struct opened *o = arg;

	if (open_secrets(o->core, &o->core->conf->node, &o->audit, e))
		return true;
	secrets_close(o);
	return false;
}

static bool keys_open(void *arg, struct error *e)
{
	struct core *c = ((struct opened *)arg)->core;

	c->keys = keystore_open(c->conf->node.keys, false, e);
	return c->keys != NULL;
}

static void keys_close(void *arg)
{
	keystore_close(((struct opened *)arg)->core->keys);
}

static void stores_close(void *arg)
{
	struct opened *o = arg;

	store_close(o->reader);
	store_close(o->store);
}

static bool stores_open(void *arg, struct error *e)
{
	struct opened *o = arg;
	struct core *c = o->core;

	char copy[PATH_MAX];

	o->store = store_open(c->conf->node.store, e);
	/* Of a backup that the end of a process interrupted. */
	if (!o->store || !store_copy_path(c->conf->node.store, copy, sizeof copy, e) || !store_copy_clear(copy, e) ||
	    !binding_make(o->store, c->keys, &o->binding, e))
		goto fail;
	o->reader = c->reader = store_open_reader(c->conf->node.store, e);
	if (!o->reader)
		goto fail;
	store_share_marks(o->reader, o->store);
	overdue_refresh(c, o->reader);
	stops_refresh(c, o->reader);
	return true;
fail:
	stores_close(o);
	return false;
}

static bool own_witness_open(void *arg, struct error *e)
{
	struct opened *o = arg;
	struct core *c = o->core;

	c->witness = witness_open(c, o->audit, e);
	if (!c->witness)
		return false;
	c->log_vkey = &c->witness->log;
	c->witness_vkey = c->witness->signer.key ? &c->witness->signer.vkey : NULL;
	return true;
}

static void own_witness_close(void *arg)
{
	witness_free(((struct opened *)arg)->core->witness);
}

static bool own_mirror_open(void *arg, struct error *e)
{
	struct core *c = ((struct opened *)arg)->core;

	c->mirror = mirror_open(c->conf->node.mirror, c->conf->node.store, mirror_warned, c, e);
	return c->mirror != NULL;
}

static bool departures_open(void *arg, struct error *e)
{
	struct opened *o = arg;

	o->core->departures = departures_new(o->reader, e);
	return o->core->departures != NULL;
}

static void departures_close(void *arg)
{
	departures_free(((struct opened *)arg)->core->departures);
}

static bool reads_open(void *arg, struct error *e)
{
	struct core *c = ((struct opened *)arg)->core;

	c->reads = reads_new();
	return c->reads || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static void reads_close(void *arg)
{
	reads_free(((struct opened *)arg)->core->reads);
}

static bool readings_open(void *arg, struct error *e)
{
	struct core *c = ((struct opened *)arg)->core;

	c->readings = readings_new();
	return c->readings || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static void readings_close(void *arg)
{
	readings_free(((struct opened *)arg)->core->readings);
}

static bool sources_open(void *arg, struct error *e)
{
	struct core *c = ((struct opened *)arg)->core;
	struct buf path = BUF_INIT(PATH_MAX);

	buf_addf(&path, "%s-sources", c->conf->node.store);
	buf_addc(&path, '\0');
	c->sources = path.failed ? NULL : sources_new(path.p, instant_now_ms());
	buf_free(&path);
	return c->sources || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static void sources_close(void *arg)
{
	sources_free(((struct opened *)arg)->core->sources);
}

static void own_mirror_close(void *arg)
{
	mirror_close(((struct opened *)arg)->core->mirror);
}

static bool writer_plan(const struct opened *o, struct writer_options *out, struct error *e)
{
	struct core *c = o->core;
	uint8_t public_key[32];

	*out = (struct writer_options){ .store = o->store,
		                        .keys = c->keys,
		                        .key_pool = KEYSTORE_POOL,
		                        .mirror = c->mirror,
		                        .signer = { .key = o->audit },
		                        .anchor_path = c->conf->node.anchor,
		                        .died = writer_died,
		                        .anchored = anchor_reported,
		                        .report = writer_reported,
		                        .arg = c };
	ed25519_public(o->audit, public_key);
	return note_vkey_make(view_of(c->conf->node.origin), NOTE_ED25519, public_key, &out->signer.vkey) ||
	       error_set(e, REASON_CONFIG, "the log's origin is not a key name");
}

static bool verified(void *arg, struct error *e)
{
	struct opened *o = arg;
	struct writer_options w;

	return writer_plan(o, &w, e) && verify_start(o, &w, &o->binding, e);
}

static bool log_open(void *arg, struct error *e)
{
	struct opened *o = arg;
	struct writer_options w;

	if (!writer_plan(o, &w, e))
		return false;
	o->core->writer = writer_start(&w, e);
	return o->core->writer != NULL;
}

/* Serving has stopped it already, where it came to that. */
static void log_close(void *arg)
{
	writer_stop(((struct opened *)arg)->core->writer);
}

static bool memory_fill(void *arg, struct error *e)
{
	struct opened *o = arg;
	struct core *c = o->core;

	return approvals_epoch(o->reader, &c->approvals_from_ms, e) &&
	       witness_recall(c->witness, c->conf, o->reader, e) && sights_load(c->sights, c->conf, o->reader, e) &&
	       timestamp_recall(c, o->reader, e);
}

/* Payload keys that no row of the store names are erased, and fresh ones made ready: they were ready when the last daemon ended, or
 * a crash left them. In a store that was restored they may be those of what it lost: they stay until people have said that nothing
 * of it will be found. */
static bool keys_sweep(void *arg, struct error *e)
{
	struct opened *o = arg;
	struct sweeping x = { .reader = o->reader };
	struct restored restored;
	uint32_t swept;

	enum sought found = sought(restored_get(o->reader, &restored, e), e);
	if (found == SOUGHT_FAILED)
		return false;
	x.keep = found == SOUGHT_FOUND;
	if (x.keep)
		log_line("warning", "this store was restored from a backup: no payload key is swept until "
		                    "`gatewayctl store reconciled`");
	if (!keystore_sweep(o->core->keys, slot_live, &x, &swept, e))
		return false;
	store_slots_forget(o->reader);
	if (swept)
		log_line("info",
		         "%u payload keys that nothing names erased: those that lay ready, and what was not committed",
		         swept);
	return keystore_fill(o->core->keys, KEYSTORE_POOL, e);
}

/* These change nothing on disk. */
static const struct step verify_steps[] = {
	{ "schemas", schemas_open, schemas_close },
	{ "memory", memory_open, memory_close },
	{ "secrets", secrets_open, secrets_close },
	{ "payload keys", keys_open, keys_close },
	{ "witness", own_witness_open, own_witness_close },
	{ "verified", verified, NULL },
	{ .name = NULL },
};

static const struct step open_steps[] = {
	{ "store", stores_open, stores_close },
	{ "departures", departures_open, departures_close },
	{ "reads", reads_open, reads_close },
	{ "readings", readings_open, readings_close },
	{ "known sources", sources_open, sources_close },
	{ "mirror", own_mirror_open, own_mirror_close },
	{ "log", log_open, log_close },
	{ "what is remembered", memory_fill, NULL },
	{ "orphaned payload keys", keys_sweep, NULL },
	{ .name = NULL },
};

bool core_open(struct opened *o, struct error *e)
{
	if (!steps_start(verify_steps, o, &o->n_verified, e))
		log_line("error", "cannot open: %s", verify_steps[o->n_verified].name);
	else if (!steps_start(open_steps, o, &o->n, e))
		log_line("error", "cannot open: %s", open_steps[o->n].name);
	else
		return true;
	return false;
}

bool core_try(struct opened *o, struct error *e)
{
	enum running running;

	if (!verify_running(o->core->conf, &running, e))
		return false;
	return running == RUNNING || steps_start(verify_steps, o, &o->n_verified, e);
}

void core_close(struct opened *o)
{
	struct core *c = o->core;

	for (unsigned i = 0; c->workers && i < c->n_workers; i++)
		worker_free(c->workers[i]);
	free(c->workers);
	steps_stop(open_steps, o, o->n);
	steps_stop(verify_steps, o, o->n_verified);
	outcomes_free(&c->outcomes);
	conf_unref(c->conf);
	close(c->die_fd);
	pthread_mutex_destroy(&c->lock);
}
