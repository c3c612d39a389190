/* gatewayctl store reconcile: what a partner's log says of exchanges with this node against the exchanges of this node's
 * store, after a restore: by exchange id, whatever epoch of either log it is of. */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/ctl/backup.h"
#include "gatewayd/ctl/print.h"
#include "lib/base/datetime.h"

#define BATCH 1000

/* One of this node's, by the first gateway's id. */
struct known {
	struct uuid origin;
	enum exchange_state state;
};

/* One of the partner's log. */
struct told {
	struct uuid origin;
	uint64_t index;
	int64_t time_ms;
	bool disclosed; /* it sent it to us; else it took it from a gateway */
	bool delivered; /* and had our receipt for it */
	bool again;     /* and delivers it once more */
};

struct reconciling {
	const struct ctl *ctl;
	const char *policy, *key, *peer;
	struct connection access;
	char agency[72];
	struct known *known;
	size_t n_known, cap_known;
	struct told *told;
	size_t n_told, cap_told;
	struct audit_source *log;
	bool settle; /* what arrived is told to the daemon, with the receipt */
	uint64_t agree, lost_sent, lost_received, coming, arrived, settled, after_seq;
};

static bool grow(void **list, size_t n, size_t *cap, size_t size, struct error *e)
{
	if (n < *cap)
		return true;
	size_t more = *cap ? 2 * *cap : 1024;
	void *grown = reallocarray(*list, more, size);
	if (!grown)
		return error_set(e, REASON_NO_MEMORY, "no memory for exchanges");
	*list = grown;
	*cap = more;
	return true;
}

/* Both lists begin with the id. */
static int by_origin(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uuid));
}

/* --- here --- */

static bool take_known(void *arg, const struct store_exchange *x)
{
	struct reconciling *r = arg;

	r->after_seq = x->seq;
	if (!grow((void **)&r->known, r->n_known, &r->cap_known, sizeof *r->known, NULL))
		return false;
	r->known[r->n_known++] = (struct known){ .origin = x->origin, .state = x->state };
	return true;
}

static bool read_store(struct reconciling *r, const char *path, struct error *e)
{
	struct store *s = store_open_reader(path, e);
	bool ok = s != NULL;

	for (size_t before = 1; ok && before != r->n_known;) {
		before = r->n_known;
		ok = store_list_exchanges(s, r->after_seq, BATCH, take_known, r, e);
	}
	store_close(s);
	if (r->n_known)
		qsort(r->known, r->n_known, sizeof *r->known, by_origin);
	return ok;
}

/* --- there --- */

static const char *text_of(json_t *leaf, const char *name)
{
	const char *s = json_string_value(json_object_get(leaf, name));

	return s ? s : "";
}

static bool note_told(struct reconciling *r, json_t *leaf, const char *id, uint64_t index, bool disclosed,
                      struct error *e)
{
	struct told t = { .index = index,
		          .time_ms = json_integer_value(json_object_get(leaf, "time")),
		          .disclosed = disclosed };

	if (!uuid_parse(view_of(id), &t.origin))
		return true;
	if (!grow((void **)&r->told, r->n_told, &r->cap_told, sizeof *r->told, e))
		return false;
	r->told[r->n_told++] = t;
	return true;
}

static void note_delivery(struct reconciling *r, const char *id, const char *outcome)
{
	struct uuid u;

	if (!uuid_parse(view_of(id), &u))
		return;
	for (size_t i = r->n_told; i-- > 0;)
		if (r->told[i].disclosed && memcmp(&r->told[i].origin, &u, sizeof u) == 0) {
			r->told[i].again = r->told[i].delivered && strcmp(outcome, "queued") == 0;
			r->told[i].delivered = r->told[i].delivered || strcmp(outcome, "delivered") == 0;
			return;
		}
}

static bool take_entry(struct reconciling *r, uint64_t index, struct view text, struct error *e)
{
	json_t *leaf = json_loadb(text.p, text.n, 0, NULL);
	const char *operation = text_of(leaf, "operation"), *origin = text_of(leaf, "origin");
	const char *exchange = text_of(leaf, "exchange");
	bool here = strcmp(text_of(leaf, "recipient"), r->agency) == 0, ok = true;

	if (strcmp(operation, "disclosure") == 0 && here)
		ok = note_told(r, leaf, exchange, index, true, e);
	else if (strcmp(operation, "collection") == 0 && origin[0] && !here &&
	         (!r->peer || strcmp(text_of(leaf, "peer"), r->peer) == 0))
		ok = note_told(r, leaf, origin, index, false, e);
	else if (strcmp(operation, "delivery") == 0)
		note_delivery(r, exchange, text_of(leaf, "outcome"));
	json_decref(leaf);
	return ok;
}

static bool verify(struct reconciling *r, struct audit_source *s, struct error *e)
{
	struct audit_keys keys;
	struct verify_report report;

	if (!r->policy && !r->key) {
		fprintf(stderr, "note: without --policy or --key the partner's log is compared unverified\n");
		return true;
	}
	if (!audit_keys_load(r->ctl, r->key, r->policy, &keys, e))
		return false;
	bool ok = audit_verify_source(&keys, s, &report, e);
	audit_keys_free(&keys);
	return ok;
}

static bool read_log(struct reconciling *r, const char *path, struct error *e)
{
	struct audit_source *s = r->log = audit_source_open(path, &r->access, e);
	struct verify_source callbacks;
	bool ok = s && verify(r, s, e);

	if (ok)
		audit_source_callbacks(s, &callbacks);
	for (uint64_t i = 0; ok && i < audit_source_size(s); i++) {
		struct view leaf, packed;

		ok = callbacks.entry(callbacks.arg, i, &leaf, &packed, e) && take_entry(r, i, leaf, e);
	}
	return ok;
}

/* --- comparing --- */

static void tell(const struct reconciling *r, const char *what, const struct told *t, const char *more)
{
	char id[UUID_TEXT + 1], time[TIME_TEXT + 1];

	uuid_print(&t->origin, id);
	time_print(t->time_ms, time);
	printf(r->ctl->json ? "{\"finding\":\"%s\",\"exchange\":\"%s\",\"time\":\"%s\",\"index\":%" PRIu64
	                      ",\"detail\":\"%s\"}\n"
	                    : "%-13s %s  %s  its entry %" PRIu64 "  %s\n",
	       what, id, time, t->index, more);
}

/* The daemon verifies the receipt by itself. */
static bool settle(struct reconciling *r, const struct told *t)
{
	struct buf receipt = BUF_INIT(1 << 20);
	struct error e = { .reason = REASON_NONE };
	char id[UUID_TEXT + 1];
	json_t *answer = NULL;
	bool done = false;

	uuid_print(&t->origin, id);
	if (!audit_receipt_at(r->log, t->index, &receipt, &e))
		ctl_fail(CTL_FAILED, &e);
	else if (ctl_ask_ok(r->ctl,
	                    json_pack("{s:s, s:s, s:s%}", "do", "outbox-arrived", "exchange", id, "receipt", receipt.p,
	                              receipt.n),
	                    &answer) == CTL_OK)
		done = json_is_true(json_object_get(answer, "changed"));
	json_decref(answer);
	buf_free(&receipt);
	return done;
}

static void judge(struct reconciling *r, const struct told *t)
{
	const struct known *k =
	        r->n_known ? bsearch(&t->origin, r->known, r->n_known, sizeof *r->known, by_origin) : NULL;

	if (!k && !t->disclosed) {
		r->lost_sent++;
		tell(r, "lost-sent", t, "the partner has it, and this node does not know that it was sent");
	} else if (!k && t->delivered && !t->again) {
		r->lost_received++;
		tell(r, "lost-received", t, "this node acknowledged it, and does not have it any more");
	} else if (!k) {
		r->coming++;
		tell(r, "coming", t,
		     t->again ? "the partner delivers it once more"
		              : "the partner disclosed it and has no receipt: it sends it again by itself");
	} else if (!t->disclosed && r->settle && k->state == STATE_QUEUED && settle(r, t)) {
		r->settled++;
		tell(r, "settled", t, "it waited here, and counts as delivered by the partner's log");
	} else if (!t->disclosed && (k->state == STATE_QUEUED || k->state == STATE_FAILED)) {
		r->arrived++;
		tell(r, "arrived", t, "the partner has it, and here it waits or failed");
	} else {
		r->agree++;
	}
}

static int report(const struct reconciling *r)
{
	fprintf(r->ctl->json ? stderr : stdout,
	        "%" PRIu64 " exchanges are known here, %" PRIu64 " sent ones are lost, %" PRIu64
	        " received ones are lost, %" PRIu64 " are coming, %" PRIu64 " arrived though they wait here, %" PRIu64
	        " of those were settled\n",
	        r->agree, r->lost_sent, r->lost_received, r->coming, r->arrived, r->settled);
	return r->lost_sent + r->lost_received + r->arrived ? CTL_CHECK_FAILED : CTL_OK;
}

static bool read_agency(struct reconciling *r, struct error *e)
{
	json_t *node = json_load_file(r->ctl->config, 0, NULL);
	const char *agency = json_string_value(json_object_get(node, "agency"));

	snprintf(r->agency, sizeof r->agency, "%s", agency ? agency : "");
	json_decref(node);
	return r->agency[0] ||
	       error_at(e, REASON_CONFIG, r->ctl->config, 0, 0, "the configuration has no agency, or cannot be read");
}

static bool run_all(struct reconciling *r, const char *log, struct error *e)
{
	char *store = audit_conf_path(r->ctl, "/store", e);
	bool ok = store && read_agency(r, e) && audit_become_owner(store, e);

	if (ok) {
		ok = read_store(r, store, e);
		ok = audit_become_self(e) && ok;
	}
	free(store);
	return ok && read_log(r, log, e);
}

int ctl_store_reconcile(const struct ctl *c, int argc, char **argv)
{
	static const struct option list[] = { { "policy", required_argument, NULL, 'p' },
		                              { "key", required_argument, NULL, 'k' },
		                              { "peer", required_argument, NULL, 'e' },
		                              { "settle", no_argument, NULL, 's' },
		                              AUDIT_ACCESS_OPTIONS,
		                              { 0 } };
	struct reconciling r = { .ctl = c };
	struct error e = { .reason = REASON_NONE };
	int option, status;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1)
		switch (option) {
		case 'p': r.policy = optarg; break;
		case 'k': r.key = optarg; break;
		case 'e': r.peer = optarg; break;
		case 's': r.settle = true; break;
		default:
			if (!connection_option(&r.access, option, optarg))
				return ctl_usage();
		}
	if (argc - optind != 1)
		return ctl_usage();
	if (run_all(&r, argv[optind], &e)) {
		for (size_t i = 0; i < r.n_told; i++)
			judge(&r, &r.told[i]);
		status = report(&r);
	} else {
		status = ctl_fail(audit_status(&e), &e);
	}
	audit_source_close(r.log);
	free(r.known);
	free(r.told);
	connection_free(&r.access);
	return status;
}
