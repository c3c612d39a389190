/* gatewayctl audit mirror: copies of logs that outlive their gateways, kept by whoever oversees them. It pulls, so that nothing
 * is opened for it at a gateway, and holds no key but the one that it cosigns with; any web server serves what it writes.
 * Which logs, where and by which keys is one policy (C2SP tlog-policy). */
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/ctl/audit_mirror_private.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/secret_file.h"
#include "lib/base/datetime.h"

#define SECRETS   32
#define SILENCE_S 300

static const char *state_name(enum mirrored s)
{
	switch (s) {
	case MIRRORED_SAME: return "same";
	case MIRRORED_GREW: return "grew";
	case MIRRORED_NOT_COSIGNED: return "not-cosigned";
	case MIRRORED_UNREACHABLE: return "unreachable";
	case MIRRORED_SILENT: return "silent";
	case MIRRORED_ALTERED: return "altered";
	case MIRRORED_FAILED: return "failed";
	}
	return "unknown";
}

static int state_status(enum mirrored s)
{
	switch (s) {
	case MIRRORED_SAME:
	case MIRRORED_GREW: return CTL_OK;
	case MIRRORED_NOT_COSIGNED: return CTL_NOT_COSIGNED;
	case MIRRORED_SILENT: return CTL_STALE;
	case MIRRORED_ALTERED: return CTL_TAMPERED;
	case MIRRORED_UNREACHABLE:
	case MIRRORED_FAILED: break;
	}
	return CTL_FAILED;
}

/* --- its key --- */

static bool signer_of(const char *name, const struct secret *seed, struct note_signer *out, struct error *e)
{
	uint8_t public_key[32];

	out->key = ed25519_from_seed(seed->b);
	if (!out->key)
		return error_set(e, REASON_CRYPTO, "the key cannot be used");
	ed25519_public(out->key, public_key);
	return note_vkey_make(view_of(name), NOTE_COSIGNER, public_key, &out->vkey) ||
	       error_set(e, REASON_CONFIG, "the name of a key has no spaces and no plus sign");
}

static bool vkey_path(const char *path, char *out, size_t size, struct error *e)
{
	return snprintf(out, size, "%s.vkey", path) < (int)size || error_set(e, REASON_IO, "a path is too long");
}

/* The file beside it says the name. */
static bool signer_read(const char *path, struct note_signer *out, struct error *e)
{
	struct note_vkey said;
	struct secret seed;
	char beside[PATH_MAX], *text;
	size_t n;

	if (!vkey_path(path, beside, sizeof beside, e) || !ctl_read_file(beside, 4096, &text, &n, e))
		return false;
	struct view rest = view_make(text, n);
	bool ok = note_vkey_parse(view_cut(&rest, '\n'), &said, e);
	free(text);
	if (!ok || !secret_read(path, SECRETS, &seed, e))
		return false;
	ok = signer_of(said.name, &seed, out, e) &&
	     (note_vkey_same(&said, &out->vkey) ||
	      error_at(e, REASON_CONFIG, beside, 0, 0, "is not the verifier key of that key"));
	secret_wipe(&seed);
	return ok;
}

int audit_mirror_key(const struct ctl *c, int argc, char **argv)
{
	struct note_signer signer = { .key = NULL };
	struct error e = { .reason = REASON_NONE };
	struct buf line = BUF_INIT(1000);
	struct secret seed = { .n = SECRETS };
	char beside[PATH_MAX];

	(void)c;
	if (argc != 3)
		return ctl_usage();
	bool ok = random_bytes(seed.b, SECRETS) || error_set(&e, REASON_CRYPTO, "no random bytes");
	ok = ok && signer_of(argv[1], &seed, &signer, &e) && vkey_path(argv[2], beside, sizeof beside, &e) &&
	     secret_write_new(argv[2], &seed, &e);
	secret_wipe(&seed);
	if (ok) {
		note_vkey_print(&signer.vkey, &line);
		buf_addc(&line, '\n');
		ok = audit_write_file(beside, buf_view(&line), &e);
		printf("%.*s", VIEW_ARG(buf_view(&line)));
	}
	ed25519_free(signer.key);
	buf_free(&line);
	return ok ? CTL_OK : ctl_fail(CTL_FAILED, &e);
}

/* --- rounds --- */

struct options {
	const char *policy, *cosign, *dir;
	unsigned long long every_s, silence_s;
	struct connection access;
};

static bool parse_options(int argc, char **argv, struct options *o)
{
	static const struct option list[] = { { "policy", required_argument, NULL, 'p' },
		                              { "cosign", required_argument, NULL, 'c' },
		                              { "every", required_argument, NULL, 'e' },
		                              { "silence", required_argument, NULL, 's' },
		                              AUDIT_ACCESS_OPTIONS,
		                              { 0 } };
	int opt;

	*o = (struct options){ .silence_s = SILENCE_S };
	while ((opt = getopt_long(argc, argv, "p:", list, NULL)) != -1) {
		switch (opt) {
		case 'p': o->policy = optarg; break;
		case 'c': o->cosign = optarg; break;
		case 'e':
			if (!view_to_u64(view_of(optarg), 86400, &o->every_s) || o->every_s == 0)
				return false;
			break;
		case 's':
			if (!view_to_u64(view_of(optarg), INT32_MAX, &o->silence_s) || o->silence_s == 0)
				return false;
			break;
		default:
			if (!connection_option(&o->access, opt, optarg))
				return false;
		}
	}
	o->dir = argv[optind];
	return o->policy && argc - optind == 1;
}

static json_t *log_json(const struct mirror_log *l)
{
	char time[TIME_TEXT + 1];
	json_t *j = json_pack("{s:s, s:s, s:s, s:I}", "log", l->key->name, "from", l->url, "state",
	                      state_name(l->state), "size", (json_int_t)l->size);

	if (l->seen_ms != TIME_NONE) {
		time_print(l->seen_ms, time);
		json_object_set_new(j, "seen", json_string(time));
	}
	if (l->error.reason != REASON_NONE)
		json_object_set_new(j, "error", json_string(l->error.text));
	return j;
}

/* One line where something changed, to the terminal or the journal; what is not as it should be to stderr. */
static void tell(const struct ctl *c, const struct mirror_log *l, enum mirrored before)
{
	bool bad = state_status(l->state) != CTL_OK;

	if (c->json) {
		json_t *j = log_json(l);
		ctl_print_json(j);
		json_decref(j);
	} else if (bad && l->state != before) {
		fprintf(stderr, "gatewayctl: %s%s: %s: %s\n",
		        l->state == MIRRORED_ALTERED || l->state == MIRRORED_SILENT ? "ALARM: " : "", l->key->name,
		        state_name(l->state), l->error.text);
	} else if (!bad && (l->state == MIRRORED_GREW || state_status(before) != CTL_OK)) {
		printf("%s: %llu entries\n", l->key->name, (unsigned long long)l->size);
	}
	fflush(stdout);
}

/* For whoever watches: beside the folders of the logs. */
static bool put_status(const char *dir, const struct mirror_log *logs, size_t n, struct error *e)
{
	json_t *all = json_array();
	char path[PATH_MAX];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, log_json(&logs[i]));
	json_t *doc = json_pack("{s:o}", "logs", all);
	char *text = doc ? json_dumps(doc, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
	bool ok = text && snprintf(path, sizeof path, "%s/status.json", dir) < (int)sizeof path;
	ok = ok ? audit_write_file(path, view_of(text), e) : error_set(e, REASON_NO_MEMORY, "no memory for the status");
	free(text);
	json_decref(doc);
	return ok;
}

static int worse(int a, int b)
{
	static const int order[] = { CTL_TAMPERED, CTL_STALE, CTL_FAILED, CTL_NOT_COSIGNED };

	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return CTL_OK;
}

/* The logs of the policy that say where they are. */
static struct mirror_log *logs_of(const struct options *o, const struct trust *t, size_t *n, struct error *e)
{
	struct mirror_log *logs = calloc(TRUST_LOGS_MAX, sizeof *logs);
	const struct note_vkey *key;

	*n = 0;
	for (size_t i = 0; logs && (key = trust_log(t, i)) != NULL; i++) {
		struct view url = trust_log_url(t, i);
		struct mirror_log *l = &logs[*n];
		struct buf hash = BUF_INIT(80);
		struct digest d;
		if (url.n == 0)
			continue;
		sha256(view_of(key->name), &d);
		digest_print(&hash, &d);
		*l = (struct mirror_log){ .key = key, .url = strndup(url.p, url.n), .seen_ms = TIME_NONE };
		bool fits = snprintf(l->dir, sizeof l->dir, "%s/%.*s", o->dir, VIEW_ARG(buf_view(&hash))) <
		            (int)sizeof l->dir;
		buf_free(&hash);
		++*n;
		if (!l->url || !fits) {
			error_set(e, REASON_CONFIG, "a path is too long");
			return logs;
		}
	}
	if (!logs)
		error_set(e, REASON_NO_MEMORY, "no memory for the logs");
	else if (*n == 0)
		error_set(e, REASON_CONFIG, "no log of the policy says where it is: log VKEY URL");
	return logs;
}

static void logs_free(struct mirror_log *logs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		union {
			const char *in;
			char *out;
		} p = { logs[i].url };
		free(p.out);
	}
	free(logs);
}

static int rounds(const struct ctl *c, const struct options *o, const struct mirror *m, struct mirror_log *logs,
                  size_t n)
{
	for (;;) {
		struct error e = { .reason = REASON_NONE };
		int status = CTL_OK;

		for (size_t i = 0; i < n; i++) {
			enum mirrored before = logs[i].state;
			mirror_update(m, &logs[i], instant_now_ms());
			tell(c, &logs[i], before);
			status = worse(status, state_status(logs[i].state));
		}
		if (!put_status(o->dir, logs, n, &e))
			status = worse(status, ctl_fail(CTL_FAILED, &e));
		if (o->every_s == 0)
			return status;
		sleep((unsigned)o->every_s);
	}
}

int audit_mirror(const struct ctl *c, int argc, char **argv)
{
	struct note_signer signer = { .key = NULL };
	struct error e = { .reason = REASON_NONE };
	struct mirror_log *logs = NULL;
	struct audit_keys keys = { .trust = NULL };
	struct options o;
	size_t n = 0;
	int status = CTL_USAGE;

	if (!parse_options(argc, argv, &o))
		return ctl_usage();
	if (audit_keys_load(c, NULL, o.policy, &keys, &e) && (!o.cosign || signer_read(o.cosign, &signer, &e)))
		logs = logs_of(&o, keys.trust, &n, &e);
	if (e.reason != REASON_NONE) {
		status = ctl_fail(CTL_USAGE, &e);
	} else {
		struct mirror m = { .keys = &keys,
			            .signer = o.cosign ? &signer : NULL,
			            .access = &o.access,
			            .silence_ms = (int64_t)o.silence_s * 1000 };
		status = rounds(c, &o, &m, logs, n);
	}
	logs_free(logs, n);
	ed25519_free(signer.key);
	audit_keys_free(&keys);
	connection_free(&o.access);
	return status;
}
