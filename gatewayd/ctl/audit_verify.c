/* gatewayctl audit verify, and verify-receipt. Whose keys judge comes from the auditor's own option or policy,
 * never from what is verified. */
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <unistd.h>

#include "gatewayd/ctl/audit.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/ctl/screen.h"
#include "lib/base/datetime.h"
#include "lib/base/encode.h"
#include "lib/tlog/receipt.h"

#define RECEIPT_MAX (512 * 1024)
#define LOOKS       5 /* at a served log whose newest entries its witnesses may be about to cosign, a second apart */

struct options {
	const char *key, *policy, *earlier, *tsa, *state;
	unsigned long long max_age_s; /* 0: any */
	struct audit_later later;
	struct connection access;
};

static bool parse_options(int argc, char **argv, struct options *o)
{
	static const struct option list[] = { { "key", required_argument, NULL, 'k' },
		                              { "policy", required_argument, NULL, 'p' },
		                              { "earlier", required_argument, NULL, 'e' },
		                              { "state", required_argument, NULL, 's' },
		                              { "later", required_argument, NULL, 'l' },
		                              { "tsa-ca", required_argument, NULL, 't' },
		                              { "max-age", required_argument, NULL, 'm' },
		                              AUDIT_ACCESS_OPTIONS,
		                              { 0 } };
	int opt;

	*o = (struct options){ .key = NULL };
	while ((opt = getopt_long(argc, argv, "k:p:", list, NULL)) != -1) {
		switch (opt) {
		case 'k': o->key = optarg; break;
		case 'p': o->policy = optarg; break;
		case 'e': o->earlier = optarg; break;
		case 's': o->state = optarg; break;
		case 't': o->tsa = optarg; break;
		case 'm':
			if (!view_to_u64(view_of(optarg), INT32_MAX, &o->max_age_s) || o->max_age_s == 0)
				return false;
			break;
		case 'l':
			if (o->later.n == AUDIT_LATER_MAX)
				return false;
			o->later.path[o->later.n++] = optarg;
			break;
		default:
			if (!connection_option(&o->access, opt, optarg))
				return false;
		}
	}
	return !o->max_age_s || o->policy;
}

static void warn_keys(const struct audit_keys *k)
{
	if (k->from_configuration)
		fprintf(stderr,
		        "note: the key is the one of this node's configuration; an auditor brings his own (--key, --policy)\n");
}

static void put_root(const struct digest *d, char out[64])
{
	struct buf b = BUF_INIT(63);

	base64_encode(&b, view_make(d->b, sizeof d->b));
	snprintf(out, 64, "%.*s", VIEW_ARG(buf_view(&b)));
	buf_free(&b);
}

static void print_json(json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII);

	puts(text ? text : "{}");
	free(text);
	json_decref(j);
}

/* --- audit verify --- */

/* A checkpoint that was kept, alone or in a receipt. `*text` keeps the bytes that `out` looks into. */
static bool load_earlier(const char *path, const struct audit_keys *k, char **text, struct checkpoint *out,
                         struct error *e)
{
	struct buf scratch = BUF_INIT(RECEIPT_MAX);
	const struct note_vkey *signer;
	struct error inner = { .reason = REASON_NONE };
	struct receipt r;
	struct view entry;
	size_t n;

	if (!ctl_read_file(path, RECEIPT_MAX, text, &n, e))
		return false;
	struct view note = view_make(*text, n);
	bool ok = true;
	if (view_starts(note, VIEW("c2sp.org/tlog-proof@v1\n"))) {
		ok = receipt_parse(note, &scratch, &r, &entry, e);
		note = r.checkpoint;
	}
	/* The log's own signature is enough for what it must continue. */
	if (ok && !audit_keys_open(k, note, out, &signer, NULL, &inner) && inner.reason != REASON_NOT_COSIGNED)
		ok = error_set(e, inner.reason, "%s", inner.text);
	buf_free(&scratch);
	return ok;
}

static const char *place_name(enum verify_place p)
{
	switch (p) {
	case VERIFY_INTACT: return "intact";
	case VERIFY_ENTRY: return "entry";
	case VERIFY_TILE: return "tile";
	case VERIFY_DISCLOSURES: return "disclosures";
	case VERIFY_MISSING: return "missing-disclosures";
	case VERIFY_ROOT: return "root";
	case VERIFY_HISTORY: return "history";
	}
	return "unknown";
}

/* What was found of a log that is whole. */
struct found {
	struct audit_judged judged;
	int64_t now_ms, last_ms; /* the last entry's time; TIME_NONE: not known */
	struct verify_report report;
	bool disclosures, earlier, archived;
	uint64_t before; /* entries that were verified before, then; 0 ms: none were */
	int64_t before_ms;
	struct audit_timestamp timestamp; /* size 0: was not asked about */
};

static void timestamp_json(json_t *j, const struct audit_timestamp *t)
{
	char time[TIME_TEXT + 1];

	time_print(t->time_ms, time);
	json_object_set_new(j, "timestamp", json_pack("{s:I, s:s}", "size", (json_int_t)t->size, "time", time));
}

/* Clocks differ: what is of the future is of now. */
static int64_t age_s(const struct found *f, uint64_t then_ms)
{
	return then_ms > (uint64_t)f->now_ms ? 0 : (f->now_ms - (int64_t)then_ms) / 1000;
}

static void disclosures_json(json_t *j, const struct verify_report *r)
{
	json_object_set_new(j, "disclosed", json_integer((json_int_t)r->disclosed));
	json_object_set_new(j, "erased", json_integer((json_int_t)r->erased));
	json_object_set_new(j, "unaccounted", json_integer((json_int_t)r->unaccounted));
	json_object_set_new(j, "missing", json_integer((json_int_t)r->missing));
}

static void report_json(const struct found *f, const struct error *e)
{
	const struct checkpoint *c = &f->judged.newest;
	const struct trust_witnessed *w = &f->judged.witnessed;
	const struct verify_report *r = &f->report;
	char root[64];
	json_t *j = json_pack("{s:b, s:s%, s:I, s:s, s:i, s:i, s:i}", "verified", e == NULL, "origin", c->origin.p,
	                      c->origin.n, "size", (json_int_t)c->size, "key", f->judged.signer->name, "cosignatures",
	                      (int)w->cosigned, "independent", (int)w->independent, "of_independent",
	                      (int)w->of_independent);

	if (w->cosigned)
		json_object_set_new(j, "cosigned_size", json_integer((json_int_t)f->judged.accepted.size));
	if (w->time_s)
		json_object_set_new(j, "cosigned_age_s", json_integer((json_int_t)age_s(f, w->time_s * 1000)));
	if (f->last_ms != TIME_NONE)
		json_object_set_new(j, "last_entry_age_s", json_integer((json_int_t)age_s(f, (uint64_t)f->last_ms)));
	if (!e) {
		put_root(&r->root, root);
		json_object_set_new(j, "root", json_string(root));
		if (f->archived)
			json_object_set_new(j, "archived", json_true());
		if (f->timestamp.size)
			timestamp_json(j, &f->timestamp);
		json_object_set_new(j, "size", json_integer((json_int_t)r->entries));
		if (f->before_ms != 0)
			json_object_set_new(j, "verified_before", json_integer((json_int_t)f->before));
		if (f->disclosures)
			disclosures_json(j, r);
	} else {
		json_object_set_new(j, "reason", json_string(reason_slug(e->reason)));
		json_object_set_new(j, "place", json_string(place_name(r->place)));
		json_object_set_new(j, "index", json_integer((json_int_t)r->index));
		if (r->place == VERIFY_TILE) {
			json_object_set_new(j, "level", json_integer((json_int_t)r->level));
			json_object_set_new(j, "hash", json_integer((json_int_t)r->hash));
		}
		if (r->place == VERIFY_MISSING)
			disclosures_json(j, r);
		json_object_set_new(j, "error", json_string(e->text));
	}
	print_json(j);
}

static void report_witnesses(const struct found *f)
{
	const struct trust_witnessed *w = &f->judged.witnessed;

	if (w->cosigned == 0)
		return;
	if (w->unknown)
		printf("not counted  %u witnesses of the policy, whose algorithm this program or its OpenSSL does not know\n",
		       w->unknown);
	printf("cosigned by  %u witnesses of the policy; witnessed by %u of %u independent\n", w->cosigned,
	       w->independent, w->of_independent);
	printf("cosigned     %llu of %llu entries", (unsigned long long)f->judged.accepted.size,
	       (unsigned long long)f->report.entries);
	if (w->time_s)
		printf(", %lld s ago", (long long)age_s(f, w->time_s * 1000));
	putchar('\n');
}

static void report_text(const struct ctl *ctl, const struct found *f)
{
	const struct verify_report *r = &f->report;
	char root[64], time[TIME_TEXT + 1];

	put_root(&r->root, root);
	printf("log          %.*s\n", VIEW_ARG(f->judged.newest.origin));
	printf("signed by    %s+%08x\n", f->judged.signer->name, f->judged.signer->id);
	report_witnesses(f);
	if (f->last_ms != TIME_NONE)
		printf("last entry   %lld s ago\n", (long long)age_s(f, (uint64_t)f->last_ms));
	printf("entries      %llu\n", (unsigned long long)r->entries);
	if (f->before_ms != 0) {
		time_print(f->before_ms, time);
		printf("before       the first %llu were verified on %s and not read again\n",
		       (unsigned long long)f->before, time);
	}
	printf("root         %s\n", root);
	if (f->archived)
		printf("archived     %llu entries archived; tiles present\n", (unsigned long long)r->entries);
	else if (!f->disclosures)
		printf("disclosures  not part of this copy\n");
	else
		printf("disclosures  %llu entries disclosed, %llu erased (digest present, disclosure erased)\n",
		       (unsigned long long)r->disclosed, (unsigned long long)r->erased);
	if (r->unaccounted > 0)
		printf("             %llu not accounted for (a build of before erased so many, and did not say which)\n",
		       (unsigned long long)r->unaccounted);
	if (f->timestamp.size) {
		time_print(f->timestamp.time_ms, time);
		printf("timestamp    %llu entries existed on %s\n", (unsigned long long)f->timestamp.size, time);
	}
	if (f->earlier)
		printf("history      grew from the earlier checkpoint\n");
	printf("%sverified%s     every %s the one that was signed\n", ctl->colour ? "\033[32m" : "",
	       ctl->colour ? "\033[0m" : "", f->archived ? "tile is" : "entry and tile is");
}

/* An unsigned or wrongly signed checkpoint has no place in the log to name. */
static int bad_checkpoint(const struct ctl *c, const struct error *e)
{
	if (c->json)
		print_json(json_pack("{s:b, s:s, s:s, s:s}", "verified", 0, "reason", reason_slug(e->reason), "place",
		                     "checkpoint", "error", e->text));
	return ctl_fail(audit_status(e), e);
}

/* When the last entry was made, by the log's own word; TIME_NONE where the copy has it no more. */
static int64_t last_entry_ms(const struct found *f, const struct verify_source *v)
{
	struct view leaf, packed;
	int64_t ms = TIME_NONE;

	if (f->archived || f->report.entries == 0 || !v->entry(v->arg, f->report.entries - 1, &leaf, &packed, NULL))
		return ms;
	json_t *entry = json_loadb(leaf.p, leaf.n, 0, NULL), *time = json_object_get(entry, "time");
	if (json_is_integer(time) && json_integer_value(time) >= 0)
		ms = json_integer_value(time);
	json_decref(entry);
	return ms;
}

static bool young_enough(const struct found *f, const struct options *o, struct error *e)
{
	const struct audit_judged *j = &f->judged;
	int64_t age = age_s(f, j->witnessed.time_s * 1000);

	if (!o->max_age_s || age <= (int64_t)o->max_age_s)
		return true;
	return error_set(
	        e, REASON_COSIGNATURE_OLD,
	        "cosigned too long ago: the policy's quorum cosigned %llu entries %lld s ago, more than %llu; %llu "
	        "entries came since",
	        (unsigned long long)j->accepted.size, (long long)age, o->max_age_s,
	        (unsigned long long)(f->report.entries - j->accepted.size));
}

/* Where there is a state, the verification goes on from it; it goes on to the newest checkpoint when all holds. */
static bool verify_from(struct audit_source *s, const struct audit_keys *k, const struct options *o,
                        const struct checkpoint *earlier, struct found *f, struct error *e)
{
	const struct audit_judged *j = &f->judged;
	struct audit_state state = { .there = false };
	bool ok = !o->state || audit_state_load(o->state, k, &state, e);

	if (ok && o->state && (f->disclosures || f->archived))
		ok = error_set(e, REASON_CONFIG,
		               "--state is for a published log or one that is served: what was erased of withheld "
		               "fields, or archived, is accounted for over the whole log only");
	if (ok && state.there) {
		audit_source_resume(s, &state.checkpoint);
		f->before = state.checkpoint.size;
		f->before_ms = state.verified_ms;
	}
	audit_source_progress(s, true);
	ok = ok && audit_verify_log(s, k, j, earlier, &o->later, &f->report, e) &&
	     (!o->tsa || audit_timestamp_check(s, j->signer, &j->newest, o->tsa, &f->timestamp, e));
	audit_source_progress(s, false);
	ok = ok && (!o->state || audit_state_save(o->state, audit_source_note(s), f->now_ms, e));
	audit_source_resume(s, NULL);
	audit_state_free(&state);
	return ok;
}

static int verify_source(const struct ctl *c, struct audit_source *s, const struct audit_keys *k,
                         const struct audit_judged *j, const struct options *o)
{
	struct found f = { .judged = *j, .now_ms = instant_now_ms(), .last_ms = TIME_NONE, .earlier = o->earlier };
	struct checkpoint earlier;
	struct verify_source callbacks;
	struct error e = { 0 };
	char *text = NULL;
	int status = CTL_OK;

	if (o->earlier && !load_earlier(o->earlier, k, &text, &earlier, &e)) {
		free(text);
		return ctl_fail(CTL_FAILED, &e);
	}
	audit_source_callbacks(s, &callbacks);
	f.archived = audit_source_archived(s);
	f.disclosures = callbacks.disclosures;
	bool ok = verify_from(s, k, o, o->earlier ? &earlier : NULL, &f, &e);
	if (ok) {
		f.last_ms = last_entry_ms(&f, &callbacks);
		ok = young_enough(&f, o, &e);
	}
	if (c->json)
		report_json(&f, ok ? NULL : &e);
	else if (ok)
		report_text(c, &f);
	if (!ok)
		status = ctl_fail(audit_status(&e), &e);
	free(text);
	return status;
}

/* `*again`: a gateway's log that is not cosigned yet may be so in a second. */
static int look(const struct ctl *c, const char *path, const struct audit_keys *k, struct options *o, bool last,
                bool *again)
{
	struct error e = { .reason = REASON_NONE };
	struct audit_source *s = audit_source_open(path, &o->access, &e);
	struct audit_keys followed = *k;
	struct audit_judged j;
	uint64_t entry;
	int status;

	if (s && audit_follow(s, &followed, &entry)) {
		fprintf(stderr, "entry %llu: %s announced the key of this log, %s+%08x\n", (unsigned long long)entry,
		        k->key.name, followed.key.name, followed.key.id);
		k = &followed;
	}

	/* A copy without its checkpoint was cut, a store without one is not a log. */
	if (!s)
		status = ctl_fail(e.reason == REASON_NOT_FOUND ? CTL_TAMPERED : CTL_FAILED, &e);
	else if (audit_judge(k, s, &j, &e))
		status = verify_source(c, s, k, &j, o);
	else if (e.reason == REASON_NOT_COSIGNED && !last && audit_source_live(s))
		status = CTL_NOT_COSIGNED;
	else
		status = bad_checkpoint(c, &e);
	*again = status == CTL_NOT_COSIGNED && !last && s && audit_source_live(s);
	audit_source_close(s);
	return status;
}

int audit_verify(const struct ctl *c, int argc, char **argv)
{
	struct options o;
	struct audit_keys k;
	struct error e = { 0 };
	bool again = true;

	if (!parse_options(argc, argv, &o) || argc - optind > 1)
		return ctl_usage();
	if (o.later.n > 0 && !o.policy)
		return ctl_option_wrong("--later DIR|STORE --policy FILE: the policy names the keys of these logs");
	if (!audit_keys_load(c, o.key, o.policy, &k, &e))
		return ctl_fail(CTL_USAGE, &e);
	char *path = audit_log_path(c, argv[optind], &e);
	int status = path ? CTL_OK : ctl_fail(CTL_FAILED, &e);
	if (path)
		warn_keys(&k);
	for (int looks = LOOKS; path && again; looks--) {
		if (looks < LOOKS)
			sleep(1);
		status = look(c, path, &k, &o, looks == 1, &again);
	}
	audit_keys_free(&k);
	connection_free(&o.access);
	free(path);
	return status;
}

/* --- audit verify-receipt --- */

static void show_receipt(const struct ctl *c, const struct receipt *r, const struct checkpoint *cp, struct view entry,
                         const struct note_vkey *signer, const struct trust_witnessed *w)
{
	char time[TIME_TEXT + 1];
	struct buf line = BUF_INIT(1 << 20);

	if (c->json) {
		json_t *leaf = json_loadb(entry.p, entry.n, 0, NULL);
		print_json(json_pack("{s:b, s:s%, s:I, s:I, s:s, s:i, s:i, s:i, s:o*}", "verified", 1, "origin",
		                     cp->origin.p, cp->origin.n, "index", (json_int_t)r->index, "size",
		                     (json_int_t)cp->size, "key", signer->name, "cosignatures", (int)w->cosigned,
		                     "independent", (int)w->independent, "of_independent", (int)w->of_independent,
		                     "entry", leaf));
		return;
	}
	size_t width = isatty(STDOUT_FILENO) ? screen_width(stdout) : 0;
	audit_heading(width, &line);
	audit_line(r->index, entry, c->colour, width, &line);
	printf("%.*s", VIEW_ARG(buf_view(&line)));
	printf("%sverified%s: entry %llu of %llu in the log %.*s, signed by %s+%08x", c->colour ? "\033[32m" : "",
	       c->colour ? "\033[0m" : "", (unsigned long long)r->index, (unsigned long long)cp->size,
	       VIEW_ARG(cp->origin), signer->name, signer->id);
	if (w->cosigned)
		printf(", cosigned by %u witnesses, %u of %u independent", w->cosigned, w->independent,
		       w->of_independent);
	if (w->time_s) {
		time_print((int64_t)w->time_s * 1000, time);
		printf(", by %s", time);
	}
	putchar('\n');
	buf_free(&line);
}

static int verify_receipt(const struct ctl *c, struct view text, const struct audit_keys *k)
{
	struct buf scratch = BUF_INIT(RECEIPT_MAX);
	const struct note_vkey *signer;
	struct checkpoint cp;
	struct error e = { 0 };
	struct receipt r;
	struct view entry;
	struct trust_witnessed witnessed;
	int status = CTL_OK;

	/* What is none was not tampered with. */
	if (!view_starts(text, VIEW(RECEIPT_HEADER "\n"))) {
		error_set(&e, REASON_CONFIG,
		          "this is no receipt, which begins with " RECEIPT_HEADER
		          "; in a gateway's answer it is the member "
		          "receipt: jq -j .receipt answer.json > FILE");
		if (c->json)
			print_json(
			        json_pack("{s:b, s:s, s:s}", "verified", 0, "reason", "no-receipt", "error", e.text));
		return ctl_fail(CTL_FAILED, &e);
	}
	bool ok = receipt_parse(text, &scratch, &r, &entry, &e);
	if (ok && entry.n == 0)
		ok = error_set(&e, REASON_TAMPERED, "the receipt does not carry its entry");
	ok = ok && audit_keys_open(k, r.checkpoint, &cp, &signer, &witnessed, &e) &&
	     receipt_verify(&r, entry, signer, &e);
	if (ok) {
		show_receipt(c, &r, &cp, entry, signer, &witnessed);
	} else {
		if (c->json)
			print_json(json_pack("{s:b, s:s, s:s}", "verified", 0, "reason", reason_slug(e.reason), "error",
			                     e.text));
		status = ctl_fail(audit_status(&e), &e);
	}
	buf_free(&scratch);
	return status;
}

int audit_verify_receipt(const struct ctl *c, int argc, char **argv)
{
	struct options o;
	struct audit_keys k;
	struct error e = { 0 };
	char *text;
	size_t n;

	if (!parse_options(argc, argv, &o) || argc - optind != 1 || o.earlier || o.tsa || o.max_age_s || o.state)
		return ctl_usage();
	if (!audit_keys_load(c, o.key, o.policy, &k, &e))
		return ctl_fail(CTL_USAGE, &e);
	int status;
	if (ctl_read_file(argv[optind], RECEIPT_MAX, &text, &n, &e)) {
		warn_keys(&k);
		/* Editors and shells add newlines at the end, or take the last one away: a receipt has one. */
		while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
			n--;
		text[n] = '\n';
		status = verify_receipt(c, view_make(text, n + 1), &k);
		free(text);
	} else {
		status = ctl_fail(CTL_FAILED, &e);
	}
	audit_keys_free(&k);
	return status;
}
