/* See verify.h. */
#include "gatewayd/core/verify.h"

#include <errno.h>
#include <unistd.h>

#include "gatewayd/core/commit/anchor.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/os/files.h"

/* A store is made only where nothing speaks of an earlier one: a path with a typing error would be an empty node. */
static bool check_first(const struct core *c, struct error *e)
{
	const struct node *n = &c->conf->node;
	struct arena mem = { .max = 0 };
	const char *folder = file_folder(&mem, n->store);
	bool there = folder && access(folder, W_OK | X_OK) == 0;
	int error = errno;

	arena_free(&mem);
	if (!there)
		return error_at(e, REASON_CONFIG, n->store, 0, 0, "the store cannot be made: %s", strerror(error));
	if (n->anchor && access(n->anchor, F_OK) == 0)
		return error_at(
		        e, REASON_CONFIG, n->store, 0, 0,
		        "there is no store, but the anchor %.200s is of one: `store` names the wrong path, or the "
		        "store is lost",
		        n->anchor);
	if (keystore_size(c->keys) > 0 || keystore_generation(c->keys) > 1)
		return error_at(
		        e, REASON_CONFIG, n->store, 0, 0,
		        "there is no store, but the key folder %.200s was used with one: `store` or `keys` names "
		        "the wrong path, or the store is lost",
		        n->keys);
	return true;
}

bool verify_start(struct opened *o, const struct writer_options *w, struct binding *out, struct error *e)
{
	struct core *c = o->core;
	const struct node *n = &c->conf->node;
	struct writer_options options = *w;

	if (store_absent(n->store) && !check_first(c, e))
		return false;
	struct store *s = options.store = store_open_trial(n->store, e);
	if (!s)
		return false;
	bool ok = binding_check(s, c->keys, n->store, n->keys, out, e) && writer_verify(&options, e) &&
	          (!o->arm || o->arm(c, s, e));
	store_close(s);
	return ok;
}

/* Of two that are open elsewhere: they are only read, and their writer goes on. */
static bool compare_ids(const struct node *n, struct error *e)
{
	struct keystore *k = keystore_open_reader(n->keys, e);
	struct store *s = k ? store_open_reader(n->store, e) : NULL;
	struct binding b;
	bool ok = s && binding_check(s, k, n->store, n->keys, &b, e);

	store_close(s);
	keystore_close(k);
	return ok;
}

bool verify_running(const struct conf *conf, enum running *out, struct error *e)
{
	const struct node *n = &conf->node;
	struct error keys = { .reason = REASON_NONE }, store = { .reason = REASON_NONE };
	bool none = store_absent(n->store);

	keystore_close(keystore_open(n->keys, false, &keys));
	if (!none)
		store_close(store_open_trial(n->store, &store));
	*out = NOT_RUNNING;
	if (keys.reason == REASON_UNAVAILABLE && store.reason == REASON_UNAVAILABLE) {
		*out = RUNNING;
		return compare_ids(n, e);
	}
	if (keys.reason == REASON_UNAVAILABLE)
		return error_at(e, keys.reason, keys.where, 0, 0, "%s", keys.text);
	if (store.reason == REASON_UNAVAILABLE)
		return error_at(e, store.reason, store.where, 0, 0, "%s", store.text);
	return true;
}
