/* gatewayctl partner pins-apply: takes what a partner's gateway said of its TLS keys, if who signs for its agency signed it. The
 * partner file gets the pins and the statement's number in one write. It asks no daemon. See partner.h. */
#include "gatewayd/ctl/partner.h"

#include "gatewayd/core/conf/conf.h"
#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/os/files.h"
#include "gatewayd/os/instant.h"
#include "lib/schema/document.h"

#define FILE_MAX    (1u << 20)
#define SIGNERS_MAX 16

struct applying {
	const struct ctl *ctl;
	const char *file, *signature_file;
	int64_t now_ms;
	struct buf text, signature, before; /* before: the partner file as it is */
	struct digest digest;               /* of the statement */
	json_t *doc;                        /* the statement */
	struct conf *conf;
	const struct partner *partner; /* of conf */
	char path[4096];               /* of its file */
	json_t *file_doc;              /* its file, changed */
	json_t *was;                   /* its pins as they were */
	bool known;                    /* the very statement was taken before */
};

static bool refuse(const struct applying *a, struct error *e, const char *why)
{
	return error_at(e, REASON_CONFIG, a->file, 0, 0, "%s; nothing was changed", why);
}

static void print_errors(struct error_list *errors)
{
	char line[800];

	for (size_t i = 0; i < errors->n; i++)
		fprintf(stderr, "%s\n", error_print(&errors->items[i], line, sizeof line));
	if (errors->dropped)
		fprintf(stderr, "and %zu more\n", errors->dropped);
	error_list_free(errors);
}

/* The configuration as it stands, its errors printed; NULL: it does not load. */
static struct conf *load_conf(const struct applying *a)
{
	const struct secret none = { .n = 0 };
	struct error_list errors = { .max = 20 };
	struct conf *c = conf_load(a->ctl->config, &none, a->now_ms, &errors);

	print_errors(&errors);
	return c;
}

/* --- the statement --- */

static json_t *read_statement(const struct applying *a, struct error *e)
{
	struct schema *schema = document_schema(VIEW("pins"), e);
	struct error_list errors = { .max = 20 };
	json_t *doc = schema ? document_read(schema, a->file, buf_view(&a->text), &errors) : NULL;

	print_errors(&errors);
	schema_unref(schema);
	if (!doc)
		refuse(a, e, "is no statement of a gateway's pins: gatewayctl partner pins at the partner writes one");
	return doc;
}

static int64_t instant(const json_t *o, const char *name)
{
	int64_t ms = TIME_NONE;

	return time_parse(view_of(ctl_text(o, name)), &ms) ? ms : TIME_NONE;
}

/* What it says of itself. */
static bool check_times(const struct applying *a, struct error *e)
{
	const json_t *current = json_object_get(a->doc, "current"), *next = json_object_get(a->doc, "next");

	if (instant(a->doc, "issued") > a->now_ms)
		return refuse(a, e, "was issued in the future");
	if (instant(current, "not_after") < a->now_ms || (next && instant(next, "not_after") < a->now_ms))
		return refuse(a, e, "names a key whose certificate has expired: ask for a newer statement");
	return !next || strcmp(ctl_text(current, "pin"), ctl_text(next, "pin")) != 0 ||
	       refuse(a, e, "names the same key as current and next");
}

/* --- whose it is --- */

static bool find_partner(struct applying *a, struct error *e)
{
	const char *agency = ctl_text(a->doc, "agency"), *uri = ctl_text(a->doc, "uri");

	if (strcmp(agency, a->conf->node.agency) == 0)
		return refuse(a, e, "is this agency's own: give it to partners");
	for (size_t i = 0; i < a->conf->n_partners && !a->partner; i++) {
		const struct partner *p = &a->conf->partners[i];
		if (p->roles & ROLE(GATEWAY) && strcmp(p->agency, agency) == 0 && p->uri && strcmp(p->uri, uri) == 0)
			a->partner = p;
	}
	if (!a->partner)
		return refuse(a, e,
		              "is of a gateway that no partner file is about (agency and URI): gatewayctl partner list "
		              "names those that are known");
	snprintf(a->path, sizeof a->path, "%s/%s.json", a->conf->node.partners, a->partner->id);
	return true;
}

/* Of those who signed: the certificate holds now, and is the one that the statement names. */
static bool check_signers(const struct applying *a, const struct cms_signer *signers, size_t n, struct error *e)
{
	struct digest by;
	bool named = false;

	for (size_t i = 0; i < n; i++) {
		struct cert_id id;
		if (!signers[i].signed_it)
			continue;
		if (!cert_read(signers[i].cert_der, &id, e))
			return false;
		if (a->now_ms < id.not_before_ms || a->now_ms > id.not_after_ms)
			return refuse(
			        a, e,
			        "is signed with a certificate that does not hold now: ask for a statement that one "
			        "signed whose certificate does");
		named = named || (digest_parse(view_of(ctl_text(a->doc, "by")), &by) && digest_eq(&by, &id.spki));
	}
	return named || refuse(a, e, "names another signer than the one who signed it");
}

static bool check_signature(const struct applying *a, struct error *e)
{
	struct cms_signer signers[SIGNERS_MAX];
	struct error inner = { .reason = REASON_NONE };
	struct view agency = view_of(a->partner->agency), der;
	size_t n = 0;

	for (; n < SIGNERS_MAX && conf_signer_of(a->conf, agency, n, &der); n++)
		signers[n] = (struct cms_signer){ .name = agency, .cert_der = der };
	if (n == 0)
		return error_at(e, REASON_SIGNATURE, a->file, 0, 0,
		                "no signing certificate of %s is pinned here; nothing was changed", a->partner->agency);
	if (!cms_verify(buf_view(&a->signature), buf_view(&a->text), signers, n, a->now_ms, &inner))
		return error_at(e, inner.reason, a->signature_file, 0, 0,
		                "%s; it must be of who signs for %s; nothing was changed", inner.text,
		                a->partner->agency);
	return check_signers(a, signers, n, e);
}

/* --- what it changes --- */

/* Numbers grow, so that who kept an old statement cannot bring an old key back. */
static bool check_number(struct applying *a, struct error *e)
{
	const json_t *stated = json_object_get(a->file_doc, "pins_stated");
	json_int_t last = json_integer_value(json_object_get(stated, "number")),
	           now = json_integer_value(json_object_get(a->doc, "number"));
	struct digest there;

	if (now < last)
		return error_at(e, REASON_CONFIG, a->file, 0, 0,
		                "has number %lld, and %lld was taken already; nothing was changed", (long long)now,
		                (long long)last);
	a->known = now == last && digest_parse(view_of(ctl_text(stated, "statement")), &there) &&
	           digest_eq(&there, &a->digest);
	return now > last || a->known ||
	       refuse(a, e, "has the number of another statement that was taken already: ask for a newer one");
}

/* A key is one gateway's. */
static bool check_pin(const struct applying *a, const char *text, struct error *e)
{
	struct digest pin;

	if (!digest_parse(view_of(text), &pin))
		return refuse(a, e, "names a pin that cannot be read");
	if (digest_eq(&pin, &a->conf->own.id.spki))
		return refuse(a, e, "names this gateway's own key as the partner's");
	for (size_t i = 0; i < a->conf->n_partners; i++) {
		const struct partner *p = &a->conf->partners[i];
		for (size_t k = 0; p != a->partner && k < p->n_pins; k++)
			if (digest_eq(&pin, &p->pins[k]))
				return error_at(e, REASON_CONFIG, a->file, 0, 0,
				                "names a key that is pinned for %s; nothing was changed", p->id);
	}
	return true;
}

static bool change(struct applying *a, struct error *e)
{
	const json_t *current = json_object_get(a->doc, "current"), *next = json_object_get(a->doc, "next");
	json_t *identity = json_object_get(a->file_doc, "identity"), *pins = json_array();
	struct buf digest = BUF_INIT(65);

	if (!check_pin(a, ctl_text(current, "pin"), e) || (next && !check_pin(a, ctl_text(next, "pin"), e))) {
		json_decref(pins);
		return false;
	}
	digest_print(&digest, &a->digest);
	json_array_append(pins, json_object_get(current, "pin"));
	if (next)
		json_array_append(pins, json_object_get(next, "pin"));
	a->was = json_incref(json_object_get(identity, "pins"));
	json_object_set_new(identity, "pins", pins);
	json_object_set_new(a->file_doc, "pins_stated",
	                    json_pack("{s:O, s:O, s:s%}", "number", json_object_get(a->doc, "number"), "issued",
	                              json_object_get(a->doc, "issued"), "statement", digest.p, digest.n));
	buf_free(&digest);
	return true;
}

/* A statement that was taken is no reason to undo what was pinned since, by a partner's file or by hand. */
static bool still_so(const struct applying *a, struct error *e)
{
	const json_t *pins = json_object_get(json_object_get(a->file_doc, "identity"), "pins");
	const json_t *next = json_object_get(a->doc, "next");
	bool same = json_array_size(pins) == (next ? 2 : 1) &&
	            json_equal(json_array_get(pins, 0), json_object_get(json_object_get(a->doc, "current"), "pin")) &&
	            (!next || json_equal(json_array_get(pins, 1), json_object_get(next, "pin")));

	return same || refuse(a, e, "was taken, and other keys were pinned since: ask for a newer statement");
}

static bool apply(struct applying *a, struct error *e)
{
	sha256(buf_view(&a->text), &a->digest);
	if (!(a->doc = read_statement(a, e)))
		return false;
	if (!(a->conf = load_conf(a)))
		return error_at(e, REASON_CONFIG, a->ctl->config, 0, 0,
		                "does not load: mend it first (gatewayd -t); nothing was changed");
	if (!find_partner(a, e) || !check_signature(a, e) || !check_times(a, e) ||
	    !file_read(a->path, FILE_MAX, &a->before, e))
		return false;
	a->file_doc = json_loadb(a->before.p, a->before.n, 0, NULL);
	return check_number(a, e) &&
	       (a->known ? still_so(a, e) : change(a, e) && partner_write(a->path, a->file_doc, e));
}

/* --- what people read --- */

static bool has(const json_t *list, const json_t *pin)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_equal(json_array_get(list, i), pin))
			return true;
	return false;
}

static json_t *describe(const struct applying *a)
{
	static const char *const names[] = { "current", "next" };
	json_t *keys = json_array(), *gone = json_array(), *pin;
	size_t i;

	for (i = 0; i < 2; i++) {
		json_t *key = json_object_get(a->doc, names[i]);
		if (!key)
			continue;
		json_t *said = json_copy(key);
		json_object_set_new(said, "is", json_string(names[i]));
		json_object_set_new(said, "new", json_boolean(a->was && !has(a->was, json_object_get(key, "pin"))));
		json_array_append_new(keys, said);
	}
	json_array_foreach(a->was, i, pin) if (!has(json_object_get(json_object_get(a->file_doc, "identity"), "pins"),
	                                            pin)) json_array_append(gone, pin);
	return json_pack("{s:s, s:s, s:O, s:O, s:b, s:o, s:o}", "partner", a->partner->id, "agency", a->partner->agency,
	                 "number", json_object_get(a->doc, "number"), "issued", json_object_get(a->doc, "issued"),
	                 "changed", !a->known, "keys", keys, "gone", gone);
}

static void say(const struct applying *a)
{
	json_t *doc = describe(a), *o;
	size_t i;

	if (a->ctl->json) {
		ctl_print_new(doc);
		return;
	}
	printf("%s: %s, number %lld of %s, issued %s\n", a->path, a->known ? "says so already" : "written",
	       (long long)json_integer_value(json_object_get(doc, "number")), a->partner->agency,
	       ctl_text(doc, "issued"));
	json_array_foreach(json_object_get(doc, "keys"), i, o)
	        printf("  %-8s %s from %.10s until %.10s%s\n", ctl_text(o, "is"), ctl_text(o, "pin"),
	               ctl_text(o, "not_before"), ctl_text(o, "not_after"),
	               json_is_true(json_object_get(o, "new")) ? " (new here)" : "");
	json_array_foreach(json_object_get(doc, "gone"), i, o) printf("  %-8s %s\n", "gone", json_string_value(o));
	if (!a->known)
		printf("Next: gatewayctl -c %s reload, where the daemon runs\n", a->ctl->config);
	json_decref(doc);
}

int partner_pins_apply(const struct ctl *c, int argc, char **argv)
{
	struct applying a = { .ctl = c,
		              .now_ms = instant_now_ms(),
		              .text = BUF_INIT(FILE_MAX + 1),
		              .signature = BUF_INIT(FILE_MAX + 1),
		              .before = BUF_INIT(FILE_MAX + 1) };
	struct error e = { .reason = REASON_NONE };
	int status = CTL_OK;

	if (argc != 3 || argv[1][0] == '-' || argv[2][0] == '-')
		return ctl_usage();
	a.file = argv[1];
	a.signature_file = argv[2];
	if (!file_read(a.file, FILE_MAX, &a.text, &e) || !file_read(a.signature_file, FILE_MAX, &a.signature, &e))
		status = ctl_fail(CTL_FAILED, &e);
	else if (!apply(&a, &e))
		status = ctl_fail(CTL_CHECK_FAILED, &e);
	else
		say(&a);
	buf_free(&a.text);
	buf_free(&a.signature);
	buf_free(&a.before);
	json_decref(a.doc);
	json_decref(a.file_doc);
	json_decref(a.was);
	conf_unref(a.conf);
	return status;
}
