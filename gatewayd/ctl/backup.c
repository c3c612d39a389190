/* See backup.h. */
#include "gatewayd/ctl/backup.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "gatewayd/ctl/epoch.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/secret_file.h"
#include "lib/base/datetime.h"

#define SECRETS  32
#define PEM_MAX  (64 * 1024)
#define KEEP     "P28D" /* as long as a payload may lie here */
#define KEEP_MAX "P1Y"

/* --- options --- */

bool backup_options_take(struct backup_options *o, int argc, char **argv)
{
	static const struct option list[] = {
		{ "certificate", required_argument, NULL, 'c' }, { "private-key", required_argument, NULL, 'p' },
		{ "key", required_argument, NULL, 'k' },         { "keep", required_argument, NULL, 'u' },
		{ "replace", no_argument, NULL, 'r' },           { 0 }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1)
		switch (option) {
		case 'c': o->certificate = optarg; break;
		case 'p': o->private_key = optarg; break;
		case 'k': o->key = optarg; break;
		case 'u': o->keep = optarg; break;
		case 'r': o->replace = true; break;
		default: return false;
		}
	if (argc - optind > 1)
		return false;
	o->dir = optind < argc ? argv[optind] : NULL;
	return true;
}

static bool read_pem(const char *path, char **out, size_t *n, struct error *e)
{
	return ctl_read_file(path, PEM_MAX, out, n, e);
}

struct envelope_recipient *backup_recipient(const struct backup_options *o, struct error *e)
{
	struct envelope_recipient *r = NULL;
	struct error why = { .reason = REASON_NONE };
	char *pem = NULL;
	size_t n;

	if (!read_pem(o->certificate, &pem, &n, e))
		return NULL;
	r = envelope_recipient_new(view_make(pem, n), &why);
	if (!r)
		error_at(e, why.reason, o->certificate, 0, 0, "%s", why.text);
	free(pem);
	return r;
}

struct envelope_opener *backup_opener(const struct backup_options *o, struct error *e)
{
	struct envelope_opener *opener = NULL;
	struct error why = { .reason = REASON_NONE };
	char *cert = NULL, *key = NULL;
	size_t n_cert, n_key = 0;

	if (read_pem(o->certificate, &cert, &n_cert, e) && read_pem(o->private_key, &key, &n_key, e)) {
		opener = envelope_opener_new(view_make(cert, n_cert), view_make(key, n_key), &why);
		if (!opener)
			error_at(e, why.reason, o->private_key, 0, 0, "%s", why.text);
	}
	if (key)
		wipe(key, n_key);
	free(cert);
	free(key);
	return opener;
}

bool backup_times(const struct backup_options *o, struct manifest *m, struct error *e)
{
	struct duration keep, most;

	if (!duration_parse(view_of(o->keep ? o->keep : KEEP), &keep) || !duration_parse(VIEW(KEEP_MAX), &most) ||
	    !duration_at_most(&keep, &most))
		return error_set(e, REASON_CONFIG, "--keep takes an ISO 8601 duration of a year at most, as in " KEEP);
	m->made_ms = instant_now_ms();
	m->until_ms = duration_add(m->made_ms, &keep);
	return m->until_ms > m->made_ms ||
	       error_set(e, REASON_CONFIG, "--keep: a backup that ends at once would be of no use");
}

/* --- the node --- */

bool backup_node_open(struct backup_node *n, const struct ctl *c, struct error *e)
{
	struct epoch x;
	bool ok = epoch_open(&x, c, e);

	*n = (struct backup_node){ .store = NULL };
	if (ok) {
		snprintf(n->origin, sizeof n->origin, "%s", x.old_origin);
		n->store = x.store;
		n->keys = x.keys;
		x.store = x.keys = NULL;
	}
	epoch_free(&x);
	return ok;
}

static bool read_key(const struct backup_node *n, const char *name, struct secret *out, struct error *e)
{
	char path[PATH_MAX];

	return (snprintf(path, sizeof path, "%s/%s", n->keys, name) < (int)sizeof path ||
	        error_set(e, REASON_IO, "a path is too long")) &&
	       secret_read(path, SECRETS, out, e);
}

/* Tags are of this node's key for keyed digests, apart from all others by their label. */
static bool make_tags(struct backup_node *n, const struct secret *s, struct error *e)
{
	uint8_t key[32];
	bool ok = hkdf_sha256(view_make(s->b, s->n), VIEW(""), VIEW("backup pieces"), key, sizeof key) &&
	          (n->tags = hmac_key_new(view_make(key, sizeof key)));

	wipe(key, sizeof key);
	return ok || error_set(e, REASON_CRYPTO, "the keys cannot be used");
}

bool backup_node_keys(struct backup_node *n, struct error *e)
{
	struct secret seed = { .n = 0 }, idempotency = { .n = 0 };
	uint8_t public_key[32];
	bool ok = read_key(n, "audit.key", &seed, e) && read_key(n, "idempotency.key", &idempotency, e) &&
	          make_tags(n, &idempotency, e);

	if (ok && !(n->signer.key = ed25519_from_seed(seed.b)))
		ok = error_set(e, REASON_CRYPTO, "the audit key cannot be used");
	if (ok)
		ed25519_public(n->signer.key, public_key);
	ok = ok && (note_vkey_make(view_of(n->origin), NOTE_ED25519, public_key, &n->signer.vkey) ||
	            error_set(e, REASON_CONFIG, "the log's origin is not a key name"));
	secret_wipe(&seed);
	secret_wipe(&idempotency);
	return ok;
}

void backup_node_free(struct backup_node *n)
{
	free(n->store);
	free(n->keys);
	ed25519_free(n->signer.key);
	hmac_key_free(n->tags);
}

/* --- a backup that is read --- */

/* <host>/audit/<node>, without the epoch. */
static struct view node_of(const char *origin)
{
	const char *slash = strrchr(origin, '/');

	return slash ? view_make(origin, (size_t)(slash - origin)) : view_of(origin);
}

bool backup_take_manifest(const struct ctl *c, const struct backup_options *o, enum backup_kind kind, bool in_time,
                          struct note_vkey *key, struct manifest *out, struct error *e)
{
	struct audit_keys keys;
	struct backup_node node;

	if (!audit_keys_load(c, o->key, NULL, &keys, e))
		return false;
	*key = keys.key;
	audit_keys_free(&keys);
	if (!backup_manifest(o->dir, key, out, e))
		return false;
	if (out->kind != kind)
		return error_at(e, REASON_CONFIG, o->dir, 0, 0, "is a backup of something else");
	bool ok = backup_node_open(&node, c, e);
	if (ok && !view_eq(node_of(node.origin), node_of(out->origin)))
		ok = error_at(e, REASON_CONFIG, o->dir, 0, 0, "is the backup of another node: of %s, and this is %s",
		              out->origin, node.origin);
	backup_node_free(&node);
	return ok && (!in_time || manifest_in_time(out, instant_now_ms(), e));
}

void backup_progress(void *arg, uint64_t done, uint64_t total)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%s %3u %%%s", (const char *)arg, total ? (unsigned)(done * 100 / total) : 100,
		        done >= total ? "\n" : "");
}

/* --- what was found --- */

static void tell(void *arg, enum finding f, const struct uuid *exchange, const char *what)
{
	struct backup_report *r = arg;
	char id[UUID_TEXT + 1] = "-";

	if (exchange)
		uuid_print(exchange, id);
	if (r->ctl->json)
		json_array_append_new(r->findings, json_pack("{s:s, s:s, s:s}", "finding", finding_name(f), "exchange",
		                                             id, "what", what));
	else
		printf("%-9s %-36s  %s\n", finding_name(f), id, what);
}

void backup_report_begin(struct backup_report *r, const struct ctl *c)
{
	*r = (struct backup_report){ .ctl = c, .findings = json_array() };
	r->inspection.tell = tell;
	r->inspection.arg = r;
}

static void print_figures(const struct inspection *i, bool keys)
{
	uint64_t lost = i->found[FINDING_ERASED] + i->found[FINDING_CUT] + i->found[FINDING_UNOPENED];

	if (i->found[FINDING_DAMAGED])
		printf("store      damaged in %" PRIu64 " places\n", i->found[FINDING_DAMAGED]);
	else
		puts("store      whole");
	printf("logs       %" PRIu64 ", the newest with %" PRIu64 " entries, %s\n", i->logs, i->entries,
	       i->found[FINDING_LOG] ? "NOT as it was signed" : "verified");
	printf("exchanges  %" PRIu64 "\n", i->exchanges);
	printf("payloads   %" PRIu64, i->payloads);
	if (keys)
		printf(", %" PRIu64 " open, %" PRIu64 " do not", i->opened, lost);
	if (i->found[FINDING_STRANGE])
		printf(", %" PRIu64 " rows do not fit", i->found[FINDING_STRANGE]);
	puts(keys ? "" : "; their keys were not looked at");
}

int backup_report_end(struct backup_report *r, bool keys)
{
	const struct inspection *i = &r->inspection;
	uint64_t all = 0;

	for (int f = 0; f < FINDING_COUNT; f++)
		all += i->found[f];
	if (r->ctl->json) {
		json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:O}", "logs", (json_int_t)i->logs, "entries",
		                      (json_int_t)i->entries, "exchanges", (json_int_t)i->exchanges, "payloads",
		                      (json_int_t)i->payloads, "opened", (json_int_t)i->opened, "keys", (int)keys,
		                      "findings", (json_t *)r->findings);
		char *text = json_dumps(j, JSON_COMPACT);

		puts(text ? text : "{}");
		free(text);
		json_decref(j);
	} else {
		print_figures(i, keys);
	}
	json_decref(r->findings);
	r->findings = NULL;
	return i->found[FINDING_LOG] ? CTL_TAMPERED : all ? CTL_CHECK_FAILED : CTL_OK;
}
