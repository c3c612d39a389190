/* audit new-epoch --rotate-key: the new log has a new key, which the old one announces. The next key lies beside the audit key as
 * audit.key.next until the store names the new log; then it takes that one's place, which is set aside. */
#include <limits.h>
#include <unistd.h>

#include "gatewayd/ctl/epoch.h"
#include "gatewayd/os/secret_file.h"
#include "lib/tlog/announcement.h"

#define SEED 32

static bool path_of(const struct epoch *x, const char *suffix, char out[PATH_MAX], struct error *e)
{
	return snprintf(out, PATH_MAX, "%s/audit.key%s", x->keys, suffix) < PATH_MAX ||
	       error_set(e, REASON_IO, "a path is too long");
}

static bool read_signer(const char *path, const char *origin, struct note_signer *out, struct error *e)
{
	uint8_t public_key[32];
	struct secret seed;

	if (!secret_read(path, SEED, &seed, e))
		return false;
	out->key = ed25519_from_seed(seed.b);
	secret_wipe(&seed);
	if (!out->key)
		return error_set(e, REASON_CRYPTO, "an audit key cannot be used");
	ed25519_public(out->key, public_key);
	return note_vkey_make(view_of(origin), NOTE_ED25519, public_key, &out->vkey) ||
	       error_set(e, REASON_CONFIG, "the log's origin is not a key name");
}

static bool make_key(const char *path, struct error *e)
{
	struct secret seed = { .n = SEED };
	bool ok = access(path, F_OK) == 0 ||
	          ((random_bytes(seed.b, SEED) || error_set(e, REASON_CRYPTO, "no random bytes")) &&
	           secret_write_new(path, &seed, e));

	secret_wipe(&seed);
	return ok;
}

bool epoch_announce(struct epoch *x, struct error *e)
{
	struct note_signer old = { .key = NULL }, next = { .key = NULL };
	char path[PATH_MAX], to[PATH_MAX];
	bool ok = path_of(x, "", path, e) && path_of(x, ".next", to, e) && make_key(to, e) &&
	          read_signer(path, x->old_origin, &old, e) && read_signer(to, x->new_origin, &next, e);

	if (ok && !note_vkey_same(&old.vkey, &x->old_key))
		ok = error_set(e, REASON_CONFIG,
		               "the audit key is not the one that signed %s: nothing can announce another",
		               x->old_origin);
	ok = ok && (announcement_make(&old, &next, &x->announcement) ||
	            error_set(e, REASON_CRYPTO, "the next key cannot be announced"));
	if (ok)
		x->new_key = next.vkey;
	ed25519_free(old.key);
	ed25519_free(next.key);
	return ok;
}

bool epoch_take_key(struct epoch *x, struct error *e)
{
	char path[PATH_MAX], aside[PATH_MAX], next[PATH_MAX], suffix[40];
	struct note_signer signer = { .key = NULL };

	snprintf(suffix, sizeof suffix, ".epoch-%lld", (long long)x->before);
	if (!path_of(x, "", path, e) || !path_of(x, suffix, aside, e) || !path_of(x, ".next", next, e))
		return false;
	if (access(next, F_OK) != 0)
		return true;
	bool ok = (access(aside, F_OK) == 0 || link(path, aside) == 0) && rename(next, path) == 0;
	if (!ok)
		return error_at(e, REASON_IO, next, 0, 0, "the next key cannot be put in place");
	ok = read_signer(path, x->new_origin, &signer, e);
	x->new_key = signer.vkey;
	ed25519_free(signer.key);
	return ok;
}
