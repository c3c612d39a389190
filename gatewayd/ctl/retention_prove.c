/* gatewayctl retention prove: that an exchange's payload is erased, from the node's files alone. Three things show it:
 * the log's entry, which verifies; the store, which holds no sealed bytes any more; and, given a copy of the store
 * from before, the key store, none of whose keys opens what that copy still holds. Slots are used again, so every key
 * is tried, not only that of the slot which the copy names. */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>

#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/print.h"

#define RECORD_MAX (64u * 1024 * 1024)
#define LINES_MAX  (1u << 20)

struct options {
	const char *backup, *keys, *from, *key, *policy, *exchange;
};

struct finding {
	struct uuid id;
	/* The log. */
	uint64_t entries;  /* that tell of an erasure */
	struct buf lines;  /* of them, for people */
	json_t *leaves;    /* the same as documents */
	const char *state; /* of the exchange; NULL: the store has no row of it */
	bool sealed;       /* the store still holds its payload */
	/* The copy. */
	bool looked, in_backup;
	uint32_t slot, tried;
	size_t bytes;
	enum { SLOT_EMPTY, SLOT_OTHER_KEY, SLOT_ITS_KEY } holds;
	bool opens;
};

/* --- the log --- */

static bool tells_of(struct view leaf, const char *exchange)
{
	static const char operation[] = "\"operation\":\"erasure\"";

	return memmem(leaf.p, leaf.n, operation, sizeof operation - 1) &&
	       memmem(leaf.p, leaf.n, exchange, strlen(exchange));
}

/* The entry's own proof under the log's signed checkpoint. */
static bool verify_entry(struct store *store, uint64_t index, struct view leaf, const struct audit_keys *keys,
                         struct error *e)
{
	struct buf note = BUF_INIT(NOTE_MAX);
	const struct note_vkey *signer;
	struct checkpoint cp;
	struct receipt r;
	bool ok = proof_read(store, store_log(store) << STORE_LOG_SHIFT | index, &r, &note, e) &&
	          audit_keys_open(keys, r.checkpoint, &cp, &signer, NULL, e) && receipt_verify(&r, leaf, signer, e);

	buf_free(&note);
	return ok;
}

static bool search_log(struct audit_source *s, const struct audit_keys *keys, struct finding *f, struct error *e)
{
	struct verify_source v;
	struct view leaf, packed;
	char needle[UUID_TEXT + 16], id[UUID_TEXT + 1];

	audit_source_callbacks(s, &v);
	uuid_print(&f->id, id);
	snprintf(needle, sizeof needle, "\"exchange\":\"%s\"", id);
	for (uint64_t i = 0; i < audit_source_size(s); i++) {
		if (!v.entry(v.arg, i, &leaf, &packed, e))
			return false;
		if (!tells_of(leaf, needle))
			continue;
		if (!verify_entry(audit_source_store(s), i, leaf, keys, e))
			return false;
		audit_line(i, leaf, false, 0, &f->lines);
		json_array_append_new(f->leaves, json_pack("{s:I, s:o*}", "index", (json_int_t)i, "entry",
		                                           json_loadb(leaf.p, leaf.n, 0, NULL)));
		f->entries++;
	}
	return true;
}

/* --- store and copy --- */

/* Whether there is an exchange of this id and a payload of it. */
static bool find_payload(struct store *s, struct finding *f, struct store_exchange *x, struct store_payload *p,
                         bool *sealed, struct error *e)
{
	struct error missing = { .reason = REASON_NONE };

	*sealed = false;
	*x = (struct store_exchange){ .seq = 0 };
	if (!store_find_exchange(s, &f->id, x, &missing) || !store_get_payload(s, x->seq, p, &missing)) {
		if (missing.reason != REASON_NOT_FOUND)
			*e = missing;
		return missing.reason == REASON_NOT_FOUND;
	}
	*sealed = true;
	return true;
}

static bool opens(struct keystore *keys, struct gcm *gcm, uint32_t slot, const struct store_payload *p,
                  const struct uuid *id, bool *live, struct error *e)
{
	struct payload plain = { .plain = BUF_INIT(RECORD_MAX) };
	struct error none = { .reason = REASON_NONE };
	uint8_t key[32];
	bool opened = false;

	*live = keystore_get(keys, slot, key, &none);
	if (*live)
		opened = payload_unseal(gcm, key, p->sealed, id, &plain);
	else if (none.reason != REASON_NOT_FOUND && none.reason != REASON_CRYPTO)
		*e = none;
	wipe(key, sizeof key);
	payload_close(&plain);
	return opened;
}

static bool try_keys(struct keystore *keys, const struct store_payload *p, struct finding *f, struct error *e)
{
	struct gcm *gcm = gcm_new();
	bool live;

	if (!gcm)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	f->slot = p->slot;
	f->bytes = p->sealed.n;
	for (uint32_t slot = 0; slot < keystore_size(keys) && e->reason == REASON_NONE; slot++) {
		bool opened = opens(keys, gcm, slot, p, &f->id, &live, e);
		f->tried += live;
		f->opens = f->opens || opened;
		if (slot == p->slot)
			f->holds = opened ? SLOT_ITS_KEY : live ? SLOT_OTHER_KEY : SLOT_EMPTY;
	}
	gcm_free(gcm);
	return e->reason == REASON_NONE;
}

static bool look_at_backup(const char *backup, const char *dir, struct finding *f, struct error *e)
{
	struct store_exchange x;
	struct store_payload p;
	struct store *store = store_open_reader(backup, e);
	struct keystore *keys = store ? keystore_open_reader(dir, e) : NULL;
	bool ok =
	        keys && find_payload(store, f, &x, &p, &f->in_backup, e) && (!f->in_backup || try_keys(keys, &p, f, e));

	f->looked = ok;
	keystore_close(keys);
	store_close(store);
	return ok;
}

static bool look_at_store(struct store *s, struct finding *f, struct error *e)
{
	struct store_exchange x;
	struct store_payload p;

	if (!find_payload(s, f, &x, &p, &f->sealed, e))
		return false;
	f->state = x.seq ? exchange_state_name(x.state) : NULL;
	return true;
}

/* --- the command --- */

static const char *const holds_text[] = { "holds no key", "holds the key of another payload", "holds its key" };

static void show_backup(const struct finding *f)
{
	if (!f->in_backup) {
		puts("copy     holds no payload of it: there is nothing to open");
		return;
	}
	printf("copy     holds %zu sealed bytes, whose key lay in slot %" PRIu32 "\n"
	       "slot     %s\n"
	       "keys     %s of the %" PRIu32 " in the key store opens them\n",
	       f->bytes, f->slot, holds_text[f->holds], f->opens ? "ONE" : "none", f->tried);
}

static void show(const struct finding *f)
{
	struct buf head = BUF_INIT(4096);

	if (f->entries) {
		audit_heading(0, &head);
		printf("%.*s%.*s", VIEW_ARG(buf_view(&head)), VIEW_ARG(buf_view(&f->lines)));
	}
	printf("log      %" PRIu64 " entries of its erasure, each proved under a signed checkpoint\n"
	       "store    exchange %s, %s\n",
	       f->entries, f->state ? f->state : "not known", f->sealed ? "payload STILL THERE" : "no payload");
	if (f->looked)
		show_backup(f);
	buf_free(&head);
}

static void show_json(const struct finding *f, bool erased)
{
	char id[UUID_TEXT + 1];

	uuid_print(&f->id, id);
	json_t *doc = json_pack("{s:s, s:b, s:O, s:s?, s:b}", "exchange", id, "erased", erased, "entries", f->leaves,
	                        "state", f->state, "payload", f->sealed);
	if (f->looked)
		json_object_set_new(doc, "backup",
		                    json_pack("{s:b, s:I, s:I, s:s, s:I, s:b}", "payload", f->in_backup, "bytes",
		                              (json_int_t)f->bytes, "slot", (json_int_t)f->slot, "slot_state",
		                              holds_text[f->holds], "keys_tried", (json_int_t)f->tried, "opens",
		                              f->opens));
	ctl_print_json(doc);
	json_decref(doc);
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option list[] = {
		{ "backup", required_argument, NULL, 'b' }, { "keys", required_argument, NULL, 'd' },
		{ "from", required_argument, NULL, 'f' },   { "key", required_argument, NULL, 'k' },
		{ "policy", required_argument, NULL, 'p' }, { NULL, 0, NULL, 0 },
	};
	int option;

	*o = (struct options){ .backup = NULL };
	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1)
		switch (option) {
		case 'b': o->backup = optarg; break;
		case 'd': o->keys = optarg; break;
		case 'f': o->from = optarg; break;
		case 'k': o->key = optarg; break;
		case 'p': o->policy = optarg; break;
		default: return false;
		}
	o->exchange = argc - optind == 1 ? argv[optind] : NULL;
	return o->exchange && (o->backup || !o->keys);
}

static bool find_out(const struct ctl *c, const struct options *o, const struct audit_keys *keys, struct finding *f,
                     struct error *e)
{
	char *path = audit_log_path(c, o->from, e), *dir = NULL;
	struct audit_source *s = path ? audit_source_open(path, NULL, e) : NULL;
	bool ok = s != NULL;

	if (ok && !audit_source_store(s))
		ok = error_at(e, REASON_CONFIG, path, 0, 0, "is no store");
	ok = ok && search_log(s, keys, f, e) && look_at_store(audit_source_store(s), f, e);
	if (ok && o->backup) {
		dir = o->keys ? strdup(o->keys) : audit_conf_path(c, "/keys", e);
		ok = dir && look_at_backup(o->backup, dir, f, e);
	}
	audit_source_close(s);
	free(path);
	free(dir);
	return ok;
}

static int run_prove(const struct ctl *c, int argc, char **argv)
{
	struct options o;
	struct audit_keys keys;
	struct error e = { .reason = REASON_NONE };
	struct finding f = { .lines = BUF_INIT(LINES_MAX), .leaves = json_array() };
	int status = CTL_OK;

	if (!parse(argc, argv, &o) || !uuid_parse(view_of(o.exchange), &f.id) ||
	    !audit_keys_load(c, o.key, o.policy, &keys, &e)) {
		json_decref(f.leaves);
		return e.reason == REASON_NONE ? ctl_usage() : ctl_fail(CTL_USAGE, &e);
	}
	if (find_out(c, &o, &keys, &f, &e)) {
		bool erased = f.entries > 0 && !f.sealed && !f.opens;
		if (c->json)
			show_json(&f, erased);
		else
			show(&f);
		status = erased ? CTL_OK : CTL_CHECK_FAILED;
	} else {
		status = ctl_fail(audit_status(&e), &e);
	}
	audit_keys_free(&keys);
	json_decref(f.leaves);
	buf_free(&f.lines);
	return status;
}

const struct ctl_command ctl_prove_commands[] = {
	{ "retention", "prove", "[--backup FILE] [--keys DIR] [--from STORE] [--key VKEY | --policy FILE] EXCHANGE",
	  "that a payload is erased: its entry in the log, and that a copy from before opens with no key", run_prove },
	{ NULL, NULL, NULL, NULL, NULL },
};
