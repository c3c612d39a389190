/* gatewayctl audit reconcile: what one gateway says it disclosed against what the other says it received, in both
 * directions. An exchange is known on both sides by the first gateway's id; what was sent and what arrived have
 * the same digest, since the salt travels with the record. */
#include <getopt.h>
#include <jansson.h>

#include "gatewayd/ctl/audit.h"
#include "lib/base/datetime.h"

enum delivery_end { END_NONE, END_DELIVERED, END_FAILED };

struct item {
	struct uuid id;       /* the first gateway's */
	struct digest digest; /* of the record between the two */
	uint64_t index;
	int64_t time_ms;
	bool refused;          /* received, and refused */
	enum delivery_end end; /* of what was sent, by its last entry */
	char recipient[64];
};

struct items {
	struct item *list;
	size_t n, cap;
};

/* One side's log. */
struct side {
	const char *name, *path;
	struct connection *access; /* for a URL */
	struct items sent, received;
	char agency[64]; /* its own, as its received entries name it */
};

struct totals {
	uint64_t matched, only_sent, pending, only_received, differ, refused, failed;
};

static struct item *items_add(struct items *l)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 1024;
		struct item *grown = realloc(l->list, cap * sizeof *grown);

		if (!grown)
			return NULL;
		l->list = grown;
		l->cap = cap;
	}
	l->list[l->n] = (struct item){ .index = 0 };
	return &l->list[l->n++];
}

static int by_id(const void *a, const void *b)
{
	return memcmp(&((const struct item *)a)->id, &((const struct item *)b)->id, sizeof(struct uuid));
}

/* What was refused may have been collected later: that counts. */
static struct item *items_find(const struct items *l, const struct uuid *id)
{
	struct item key = { .id = *id };
	struct item *found = l->n ? bsearch(&key, l->list, l->n, sizeof key, by_id) : NULL, *end = l->list + l->n;

	while (found && found > l->list && by_id(found - 1, &key) == 0)
		found--;
	for (struct item *i = found; i && i < end && by_id(i, &key) == 0; i++)
		if (!i->refused)
			return i;
	return found;
}

static const char *text_of(json_t *leaf, const char *name)
{
	const char *s = json_string_value(json_object_get(leaf, name));

	return s ? s : "";
}

static bool take_item(struct items *l, json_t *leaf, uint64_t index, const char *id, const char *digest,
                      struct error *e)
{
	struct item *i = items_add(l);

	if (!i)
		return error_set(e, REASON_NO_MEMORY, "no memory for exchanges");
	i->index = index;
	i->time_ms = json_integer_value(json_object_get(leaf, "time"));
	i->refused = strcmp(text_of(leaf, "outcome"), "refused") == 0;
	snprintf(i->recipient, sizeof i->recipient, "%s", text_of(leaf, "recipient"));
	/* Without an id or digest the zero ones stay, which match nothing. */
	if (!uuid_parse(view_of(id), &i->id) || !digest_parse(view_of(digest), &i->digest))
		i->digest = (struct digest){ { 0 } };
	return true;
}

/* Entries of a notice name the exchange that it is about; they say nothing of the record. */
static bool about_notice(json_t *leaf)
{
	return view_starts(view_of(text_of(leaf, "note")), VIEW("notice"));
}

/* `queued`: people had it tried again. */
static enum delivery_end end_of(const char *outcome)
{
	if (strcmp(outcome, "delivered") == 0)
		return END_DELIVERED;
	return strcmp(outcome, "failed") == 0 ? END_FAILED : END_NONE;
}

/* Entries about exchanges between two gateways: disclosures, what arrived from another gateway (it has an
 * origin), and the ends of deliveries. */
static bool take_entry(struct side *s, struct items *ends, uint64_t index, struct view text, struct error *e)
{
	json_t *leaf = json_loadb(text.p, text.n, 0, NULL);
	const char *operation = text_of(leaf, "operation"), *origin = text_of(leaf, "origin");
	const char *exchange = text_of(leaf, "exchange");
	bool ok = true;

	if (about_notice(leaf)) {
		json_decref(leaf);
		return true;
	}
	if (strcmp(operation, "disclosure") == 0) {
		ok = take_item(&s->sent, leaf, index, exchange, text_of(leaf, "output"), e);
	} else if (origin[0] && (strcmp(operation, "collection") == 0 || strcmp(operation, "refusal") == 0)) {
		ok = take_item(&s->received, leaf, index, origin, text_of(leaf, "input"), e);
		if (!s->agency[0])
			snprintf(s->agency, sizeof s->agency, "%s", text_of(leaf, "recipient"));
	} else if (strcmp(operation, "delivery") == 0) {
		ok = take_item(ends, leaf, index, exchange, "", e);
		if (ok)
			ends->list[ends->n - 1].end = end_of(text_of(leaf, "outcome"));
	}
	json_decref(leaf);
	return ok;
}

static bool take_log(struct side *s, struct audit_source *source, struct error *e)
{
	struct verify_source v;
	struct items ends = { 0 };
	bool ok = true;

	audit_source_callbacks(source, &v);
	for (uint64_t i = 0; ok && i < audit_source_size(source); i++) {
		struct view leaf, packed;

		ok = v.entry(v.arg, i, &leaf, &packed, e) && take_entry(s, &ends, i, leaf, e);
	}
	if (s->sent.n)
		qsort(s->sent.list, s->sent.n, sizeof(struct item), by_id);
	if (s->received.n)
		qsort(s->received.list, s->received.n, sizeof(struct item), by_id);
	/* In the log's order: what people had tried again has a later end. What was delivered stays so, also where it could
	 * not be delivered once more to a partner that had lost it. */
	for (size_t i = 0; i < ends.n; i++) {
		struct item *sent = items_find(&s->sent, &ends.list[i].id);

		if (sent && sent->end != END_DELIVERED)
			sent->end = ends.list[i].end;
	}
	free(ends.list);
	return ok;
}

static bool verify_side(const struct audit_keys *k, struct audit_source *source, struct error *e)
{
	struct verify_report r;

	return audit_verify_source(k, source, &r, e);
}

/* --- telling --- */

static void tell(const struct ctl *c, const char *what, const struct side *from, const struct item *i, const char *more)
{
	char id[UUID_TEXT + 1], time[TIME_TEXT + 1];

	uuid_print(&i->id, id);
	time_print(i->time_ms, time);
	if (c->json)
		printf("{\"finding\":\"%s\",\"log\":\"%s\",\"exchange\":\"%s\",\"index\":%llu,\"time\":\"%s\",\"detail\":\"%s\"}\n",
		       what, from->name, id, (unsigned long long)i->index, time, more);
	else
		printf("%-14s %s  %s  %s entry %llu  %s\n", what, id, time, from->name, (unsigned long long)i->index,
		       more);
}

static void compare_missing(const struct ctl *c, const struct side *a, const struct item *sent, struct totals *t)
{
	if (sent->end == END_DELIVERED) {
		tell(c, "only-sent", a, sent, "acknowledged, and the recipient's log does not have it");
		t->only_sent++;
		return;
	}
	tell(c, "undelivered", a, sent,
	     sent->end == END_FAILED ? "its delivery failed, and the recipient's log does not have it"
	                             : "disclosed, and no acknowledgement logged yet");
	t->pending++;
}

/* What `a` sent against what `b` received. */
static void compare(const struct ctl *c, const struct side *a, const struct side *b, struct totals *t)
{
	for (size_t i = 0; i < a->sent.n; i++) {
		const struct item *sent = &a->sent.list[i];
		const struct item *got = items_find(&b->received, &sent->id);

		/* To a third party. */
		if (!got && b->agency[0] && strcmp(sent->recipient, b->agency) != 0)
			continue;
		if (!got) {
			compare_missing(c, a, sent, t);
		} else if (!digest_eq(&sent->digest, &got->digest)) {
			tell(c, "digest-differs", a, sent, "what was sent is not what arrived");
			t->differ++;
		} else if (got->refused) {
			tell(c, "refused", b, got, "arrived, and was refused");
			t->refused++;
		} else if (sent->end == END_FAILED) {
			tell(c, "failed-here", a, sent, "its delivery failed here, and it was collected there");
			t->failed++;
		} else {
			t->matched++;
		}
	}
	for (size_t i = 0; i < b->received.n; i++) {
		/* From a third party, as far as its log is not here: told apart by the id alone. */
		if (!items_find(&a->sent, &b->received.list[i].id)) {
			tell(c, "only-received", b, &b->received.list[i], "the sender's log does not have it");
			t->only_received++;
		}
	}
}

static bool load_side(struct side *s, const struct audit_keys *k, struct error *e)
{
	struct audit_source *source = audit_source_open(s->path, s->access, e);
	bool ok = source && (!k || verify_side(k, source, e)) && take_log(s, source, e);

	audit_source_close(source);
	return ok;
}

static void side_free(struct side *s)
{
	free(s->sent.list);
	free(s->received.list);
}

int audit_reconcile(const struct ctl *c, int argc, char **argv)
{
	static const struct option list[] = { { "policy", required_argument, NULL, 'p' }, AUDIT_ACCESS_OPTIONS, { 0 } };
	struct connection access = { .file = NULL };
	struct side a = { .name = "A", .access = &access }, b = { .name = "B", .access = &access };
	struct audit_keys keys = { .trust = NULL };
	const char *policy = NULL;
	struct totals t = { 0 };
	struct error e = { 0 };
	int opt, status;

	while ((opt = getopt_long(argc, argv, "p:", list, NULL)) != -1) {
		if (opt == 'p')
			policy = optarg;
		else if (!connection_option(&access, opt, optarg))
			return ctl_usage();
	}
	if (argc - optind != 2)
		return ctl_usage();
	if (policy && !audit_keys_load(c, NULL, policy, &keys, &e))
		return ctl_fail(CTL_USAGE, &e);
	if (!policy)
		fprintf(stderr, "note: without --policy the two logs are compared unverified\n");
	a.path = argv[optind];
	b.path = argv[optind + 1];
	if (!load_side(&a, policy ? &keys : NULL, &e) || !load_side(&b, policy ? &keys : NULL, &e)) {
		status = ctl_fail(audit_status(&e), &e);
	} else {
		compare(c, &a, &b, &t);
		compare(c, &b, &a, &t);
		fprintf(c->json ? stderr : stdout,
		        "%llu exchanges agree, %llu undelivered, %llu refused, %llu only sent, "
		        "%llu only received, %llu digests differ, %llu failed here and collected there\n",
		        (unsigned long long)t.matched, (unsigned long long)t.pending, (unsigned long long)t.refused,
		        (unsigned long long)t.only_sent, (unsigned long long)t.only_received,
		        (unsigned long long)t.differ, (unsigned long long)t.failed);
		status = t.only_sent + t.only_received + t.differ + t.failed ? CTL_CHECK_FAILED : CTL_OK;
	}
	side_free(&a);
	side_free(&b);
	audit_keys_free(&keys);
	connection_free(&access);
	return status;
}
