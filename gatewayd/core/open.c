/* See core_open.h. */
#include "gatewayd/core/open.h"

#include <unistd.h>

#include "gatewayd/core/copy/copy.h"
#include "gatewayd/core/commit/mirror.h"
#include "gatewayd/core/copy/overdue.h"
#include "gatewayd/core/exchange/quota.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/exchange/surrogates.h"
#include "gatewayd/core/witness/timestamp.h"
#include "gatewayd/core/witness/witness.h"
#include "gatewayd/core/serve/worker.h"
#include "lib/schema/document.h"
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

/* The anchor, or cutting the store's log: serving goes on. */
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

static bool slot_live(void *arg, uint32_t slot)
{
	return store_slot_live(arg, slot);
}

static bool open_log(struct core *c, struct opened *o, struct error *e)
{
	const struct node *n = &c->conf->node;
	struct writer_options w = { .store = o->store,
		                    .keys = c->keys,
		                    .anchor_path = n->anchor,
		                    .died = writer_died,
		                    .report = writer_reported,
		                    .arg = c };
	uint8_t public_key[32];

	ed25519_public(o->audit, public_key);
	w.signer.key = o->audit;
	if (!note_vkey_make(view_of(n->origin), NOTE_ED25519, public_key, &w.signer.vkey))
		return error_set(e, REASON_CONFIG, "the log's origin is not a key name");
	c->witness = witness_open(c, o->audit, e);
	if (!c->witness)
		return false;
	c->log_vkey = &c->witness->log;
	c->witness_vkey = c->witness->signer.key ? &c->witness->signer.vkey : NULL;
	c->mirror = mirror_open(n->mirror, n->store, mirror_warned, c, e);
	if (!c->mirror)
		return false;
	w.mirror = c->mirror;
	c->writer = writer_start(&w, e);
	return c->writer != NULL;
}

bool core_open(struct core *c, struct opened *o, struct error *e)
{
	const struct node *n = &c->conf->node;
	uint32_t swept;

	c->envelope_schema = document_schema(VIEW("envelope"), e);
	c->notice_schema = document_schema(VIEW("notice"), e);
	c->quotas = quotas_new();
	c->surrogates = surrogates_new();
	c->sights = sights_new();
	c->overdue = overdue_new();
	c->terms = terms_cache_new();
	if (!c->quotas || !c->surrogates || !c->sights || !c->overdue || !c->terms)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	if (!c->envelope_schema || !c->notice_schema || !open_secrets(c, n, &o->audit, e))
		return false;
	c->keys = keystore_open(n->keys, false, e);
	o->store = c->keys ? store_open(n->store, e) : NULL;
	if (!o->store || !keystore_sweep(c->keys, slot_live, o->store, &swept, e))
		return false;
	store_slots_forget(o->store);
	if (swept)
		log_line("notice", "%u orphaned payload keys erased", swept);
	o->reader = c->reader = store_open_reader(n->store, e);
	if (!o->reader)
		return false;
	overdue_refresh(c, o->reader);
	return open_log(c, o, e) && witness_recall(c->witness, c->conf, o->reader, e) &&
	       sights_load(c->sights, c->conf, o->reader, e) && timestamp_recall(c, o->reader, e);
}

/* --- the end --- */

void core_close(struct core *c, struct opened *o)
{
	for (unsigned i = 0; c->workers && i < c->n_workers; i++)
		worker_free(c->workers[i]);
	free(c->workers);
	witness_free(c->witness);
	sights_free(c->sights);
	mirror_close(c->mirror);
	store_close(o->reader);
	store_close(o->store);
	keystore_close(c->keys);
	ed25519_free(o->audit);
	hmac_key_free(c->body_key);
	quotas_free(c->quotas);
	surrogates_free(c->surrogates);
	overdue_free(c->overdue);
	terms_cache_free(c->terms);
	schema_unref(c->envelope_schema);
	schema_unref(c->notice_schema);
	secret_wipe(&c->pseudonym);
	conf_unref(c->conf);
	close(c->die_fd);
	pthread_mutex_destroy(&c->lock);
}
