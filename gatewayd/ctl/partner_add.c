/* gatewayctl partner add: takes what a partner's file says into the configuration, after somebody compared its fingerprint.
 * What contradicts the configuration is refused, and nothing is written then. See partner.h. */
#include "gatewayd/ctl/partner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <time.h>
#include <unistd.h>

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/ctl/trial.h"
#include "gatewayd/os/files.h"
#include "lib/base/datetime.h"

#define FILE_MAX (4u << 20)
#define PEM_MAX  (1u << 20)

/* What is to be written, found before anything is. */
struct taking {
	const struct ctl *ctl;
	const struct partner_choice *choice;
	struct partner_file file;
	char *partners, *authorities, *hosts, *agency; /* of the configuration; hosts only with an address */
	const char *id, *of;                           /* the partner file's id and agency */
	bool known;                                    /* the very same is there already */
	struct buf trusted;                            /* tls.authorities as it will be */
	bool trusts;                                   /* and is not yet */
};

static bool contradicts(struct error *e, const char *path, const char *why)
{
	return error_at(e, REASON_CONFIG, path, 0, 0, "%s; nothing was written", why);
}

/* --- against the partner files that are there --- */

static bool shares_pin(const json_t *a, const json_t *b)
{
	const json_t *pa = json_object_get(json_object_get(a, "identity"), "pins");
	const json_t *pb = json_object_get(json_object_get(b, "identity"), "pins"), *x, *y;
	size_t i, k;

	json_array_foreach(pa, i, x) json_array_foreach(pb, k, y) if (json_equal(x, y)) return true;
	return false;
}

static bool same(const json_t *a, const json_t *b, const char *object, const char *member)
{
	const json_t *x = json_object_get(json_object_get(a, object), member);

	return x && json_equal(x, json_object_get(json_object_get(b, object), member));
}

struct scan {
	struct taking *t;
	struct error *e;
};

/* The members in which two partner files differ, for people. */
static void differences(const json_t *a, const json_t *b, char *out, size_t size)
{
	const char *name;
	const json_t *value;
	size_t at = 0;

	out[0] = 0;
	json_object_foreach((json_t *)(uintptr_t)a, name,
	                    value) if (!json_equal(value, json_object_get(b, name)) && at < size) at +=
	        (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", name);
	json_object_foreach((json_t *)(uintptr_t)b, name, value) if (!json_object_get(a, name) && at < size) at +=
	        (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", name);
}

static bool compare(void *arg, const char *name)
{
	struct scan *s = arg;
	struct taking *t = s->t;
	const json_t *mine = t->file.partner;
	char path[4096], which[300], why[400];
	bool ok = true;

	snprintf(path, sizeof path, "%s/%s", t->partners, name);
	json_t *there = json_load_file(path, 0, NULL);
	bool of_same = there && strcmp(ctl_text(there, "agency"), t->of) == 0;
	if (!there)
		ok = contradicts(s->e, path, "is not JSON: mend it first");
	else if (of_same && strcmp(ctl_text(there, "jurisdiction"), ctl_text(mine, "jurisdiction")) != 0)
		ok = contradicts(s->e, path, "says another jurisdiction of this agency");
	else if (!of_same && (shares_pin(mine, there) || same(mine, there, "identity", "uri") ||
	                      same(mine, there, "audit", "vkey")))
		ok = contradicts(s->e, path, "has this key, URI or log as another agency's");
	else if (strcmp(ctl_text(there, "id"), t->id) == 0) {
		differences(mine, there, which, sizeof which);
		t->known = !which[0];
		snprintf(
		        why, sizeof why,
		        "says something else already (%.200s): ask the partner why, and give --replace if that is right",
		        which);
		ok = t->known || t->choice->replace || contradicts(s->e, path, why);
	}
	json_decref(there);
	return ok;
}

/* --- authorities --- */

/* Whether every authority of the file is trusted already; else what the file of them will be. */
static bool plan_authorities(struct taking *t, struct error *e)
{
	struct authorities *mine = authorities_load(view_of(t->file.authority), e), *there = NULL;
	bool ok = mine != NULL;

	t->trusted = BUF_INIT(PEM_MAX);
	if (ok && access(t->authorities, F_OK) == 0)
		ok = file_read(t->authorities, PEM_MAX, &t->trusted, e) &&
		     (there = authorities_load(buf_view(&t->trusted), e));
	size_t n = ok && there ? authorities_count(there) : 0;
	for (size_t i = 0; ok && i < authorities_count(mine); i++) {
		bool found = false;
		for (size_t k = 0; there && k < authorities_count(there); k++)
			found = found || digest_eq(authority_id(mine, i), authority_id(there, k));
		if (found)
			continue;
		t->trusts = true;
		ok = ++n <= AUTHORITIES_MAX
		             ? authority_print(mine, i, &t->trusted)
		             : contradicts(e, t->authorities, "has as many authorities as can be: take one out first");
	}
	authorities_free(mine);
	authorities_free(there);
	return ok;
}

/* --- asking --- */

static void show(const struct taking *t, const char *fingerprint)
{
	const json_t *p = t->file.partner, *endpoint = json_object_get(p, "endpoint");
	struct authorities *by = authorities_load(view_of(t->file.authority), NULL);
	char until[TIME_TEXT + 1];

	time_print(t->file.gateway.not_after_ms, until);
	printf("%s: the gateway of %s, %s\n", t->choice->file, t->of, ctl_text(p, "jurisdiction"));
	printf("  name         %s\n  contact      %s\n", ctl_text(p, "name"), ctl_text(p, "contact"));
	printf("  address      %s:%d\n", ctl_text(endpoint, "host"),
	       (int)json_integer_value(json_object_get(endpoint, "port")));
	printf("  certificate  %s, until %.10s\n", t->file.gateway.uri, until);
	for (size_t i = 0; by && i < authorities_count(by); i++)
		printf("  authority    %s%s\n", authority_name(by, i), i == 0 && t->trusts ? " (new here)" : "");
	printf("  signers      %zu\n  fingerprint  %s\n", json_array_size(t->file.signers), fingerprint);
	authorities_free(by);
}

/* Whether somebody heard the same digits from the partner. */
static int compared(const struct taking *t, const char *fingerprint)
{
	char line[20];

	if (t->choice->said) {
		if (partner_fingerprint_is(fingerprint, t->choice->said))
			return CTL_OK;
		fprintf(stderr,
		        "gatewayctl: %s: its fingerprint is %s, not what was given: nothing was written. Somebody changed the "
		        "file, or the partner read the digits of another one; ask again.\n",
		        t->choice->file, fingerprint);
		return CTL_CHECK_FAILED;
	}
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr,
		        "gatewayctl: have the fingerprint read to you by telephone, and give it as --fingerprint "
		        "'DIGITS'; nothing was written\n");
		return CTL_CHECK_FAILED;
	}
	printf("Did the partner read the same digits to you, by a number that you had before? [yes/no] ");
	fflush(stdout);
	if (fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0)
		return CTL_OK;
	fprintf(stderr, "gatewayctl: nothing was written\n");
	return CTL_CHECK_FAILED;
}

/* --- writing --- */

static bool write_hosts(const struct taking *t, struct error *e)
{
	const char *host = ctl_text(json_object_get(t->file.partner, "endpoint"), "host");
	struct buf text = BUF_INIT(PEM_MAX);
	char line[400];
	bool ok = access(t->hosts, F_OK) != 0 || file_read(t->hosts, PEM_MAX / 2, &text, e);

	snprintf(line, sizeof line, "%s %s\n", t->choice->address, host);
	if (ok && (!text.p || !memmem(text.p, text.n, line, strlen(line)))) {
		if (text.n > 0 && text.p[text.n - 1] != '\n')
			buf_addc(&text, '\n');
		buf_adds(&text, line);
		ok = audit_write_file(t->hosts, buf_view(&text), e);
	}
	buf_free(&text);
	return ok;
}

static bool write_json(const char *path, const json_t *doc, struct error *e)
{
	struct buf text = BUF_INIT(PEM_MAX);
	char *dump = json_dumps(doc, JSON_INDENT(2));
	bool ok;

	buf_adds(&text, dump ? dump : "");
	buf_addc(&text, '\n');
	ok = dump ? audit_write_file(path, buf_view(&text), e) : error_set(e, REASON_NO_MEMORY, "memory ran out");
	free(dump);
	buf_free(&text);
	return ok;
}

/* The partner file last: until it is there nothing of the rest counts. */
static bool write_files(const struct taking *t, struct error *e)
{
	json_t *pem, *names = json_array(), *doc = json_deep_copy(t->file.partner);
	char path[4096];
	bool ok = true;
	size_t i;

	json_array_foreach(t->file.signers, i, pem)
	{
		snprintf(path, sizeof path, "%s/%s-signer-%zu.pem", t->partners, t->of, i + 1);
		ok = ok && audit_write_file(path, view_of(json_string_value(pem)), e);
		json_array_append_new(names, json_sprintf("%s-signer-%zu.pem", t->of, i + 1));
	}
	if (json_array_size(names) > 0)
		json_object_set(doc, "signers", names);
	snprintf(path, sizeof path, "%s/%s.json", t->partners, t->id);
	ok = ok && (!t->trusts || audit_write_file(t->authorities, buf_view(&t->trusted), e)) &&
	     (!t->choice->address || write_hosts(t, e)) && (t->known || write_json(path, doc, e));
	json_decref(names);
	json_decref(doc);
	return ok;
}

static bool plan(struct taking *t, struct view text, struct error *e)
{
	struct scan s = { t, e };
	struct in6_addr any;

	if (!partner_file_read(t->choice->file, text, (int64_t)time(NULL) * SECOND_MS, &t->file, e) ||
	    !(t->partners = audit_conf_path(t->ctl, "/partners", e)) ||
	    !(t->authorities = audit_conf_path(t->ctl, "/tls/authorities", e)) ||
	    !(t->agency = audit_conf_text(t->ctl, "/agency", e)) ||
	    (t->choice->address && !(t->hosts = audit_conf_path(t->ctl, "/resolver/hosts", e))))
		return false;
	t->id = ctl_text(t->file.partner, "id");
	t->of = ctl_text(t->file.partner, "agency");
	if (strcmp(t->of, t->agency) == 0)
		return contradicts(e, t->choice->file, "is this agency's own: give it to partners, and take theirs");
	if (t->choice->address && inet_pton(AF_INET, t->choice->address, &any) != 1 &&
	    inet_pton(AF_INET6, t->choice->address, &any) != 1)
		return contradicts(e, "--address", "is no IPv4 or IPv6 address");
	return file_each(t->partners, ".json", compare, &s, e) && plan_authorities(t, e);
}

static void say(const struct taking *t, const char *fingerprint)
{
	if (t->ctl->json) {
		json_t *doc = json_pack("{s:s, s:s, s:s, s:b}", "partner", t->id, "agency", t->of, "fingerprint",
		                        fingerprint, "changed", !t->known || t->trusts);
		ctl_print_json(doc);
		json_decref(doc);
		return;
	}
	printf("%s/%s.json: %s\n", t->partners, t->id, t->known ? "is there already" : "written");
	printf("Next: gatewayctl -c %s agreement new --with %s OUT\n"
	       "      or, where there is one, gatewayctl -c %s agreement add FILE\n",
	       t->ctl->config, t->of, t->ctl->config);
}

int partner_take(const struct ctl *c, const struct partner_choice *choice)
{
	struct taking t = { .ctl = c, .choice = choice };
	struct error e = { .reason = REASON_NONE };
	char *text = NULL, fingerprint[FINGERPRINT_TEXT + 1];
	size_t n = 0;
	int status = CTL_OK;

	if (!ctl_read_file(choice->file, FILE_MAX, &text, &n, &e))
		return ctl_fail(CTL_FAILED, &e);
	if (!plan(&t, view_make(text, n), &e)) {
		status = ctl_fail(CTL_CHECK_FAILED, &e);
	} else {
		partner_fingerprint(view_make(text, n), fingerprint);
		if (!c->json)
			show(&t, fingerprint);
		status = compared(&t, fingerprint);
	}
	if (status == CTL_OK && !write_files(&t, &e))
		status = ctl_fail(CTL_FAILED, &e);
	if (status == CTL_OK)
		say(&t, fingerprint);
	partner_file_free(&t.file);
	buf_free(&t.trusted);
	free(t.partners);
	free(t.authorities);
	free(t.hosts);
	free(t.agency);
	free(text);
	return status;
}

/* --- a certificate in a role --- */

struct pinning {
	const char *file, *role, *id, *agency, *jurisdiction;
};

/* Who signs beside those that the partner file names already. */
static bool add_signer(json_t *doc, const char *partners, const char *id, const char *pem_file, struct error *e)
{
	json_t *list = json_object_get(doc, "signers");
	struct buf pem = BUF_INIT(PEM_MAX);
	char name[200], path[4096];
	bool ok = file_read(pem_file, PEM_MAX, &pem, e);

	if (!list)
		json_object_set_new(doc, "signers", list = json_array());
	snprintf(name, sizeof name, "%s-signer-%zu.pem", id, json_array_size(list) + 1);
	snprintf(path, sizeof path, "%s/%s", partners, name);
	ok = ok && file_write_new(path, buf_view(&pem), 0644, e) && json_array_append_new(list, json_string(name)) == 0;
	buf_free(&pem);
	return ok;
}

static bool knows_role(const char *role)
{
	static const char *const roles[] = { "system",     "officer",      "operator", "auditor",
		                             "supervisor", "ombudsperson", "council",  "court" };

	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (strcmp(roles[i], role) == 0)
			return true;
	return false;
}

/* The partner file that a certificate comes into: of the agency for those who sign for it, else one of its own. */
static json_t *pinned(const struct pinning *p, const char *path, const struct cert_id *cert, struct error *e)
{
	bool signs_only = strcmp(p->role, "signer") == 0,
	     reads_only = strcmp(p->role, "system") == 0 || strcmp(p->role, "auditor") == 0;
	json_t *doc;

	if (!signs_only && !knows_role(p->role)) {
		error_set(e, REASON_CONFIG,
		          "--role is signer, system, officer, operator, auditor, supervisor, ombudsperson, council or "
		          "court; a partner's gateway comes by its own file (gatewayctl partner export)");
		return NULL;
	}
	if (reads_only && !cert->client_auth) {
		error_at(
		        e, REASON_CONFIG, p->file, 0, 0,
		        "is not for clients (extendedKeyUsage clientAuth): gatewayctl csr --for %s makes a request that is",
		        p->role);
		return NULL;
	}
	if (access(path, F_OK) == 0 && !signs_only) {
		error_at(e, REASON_CONFIG, path, 0, 0, "is there already: choose another --id");
		return NULL;
	}
	if (signs_only && access(path, F_OK) == 0) {
		doc = json_load_file(path, 0, NULL);
		if (!doc)
			error_at(e, REASON_CONFIG, path, 0, 0, "is not JSON: mend it first");
		return doc;
	}
	doc = json_pack("{s:s, s:s, s:s}", "id", p->id, "agency", p->agency, "jurisdiction", p->jurisdiction);
	json_object_set_new(doc, "roles", signs_only ? json_array() : json_pack("[s]", p->role));
	if (cert->client_auth && !signs_only)
		json_object_set_new(doc, "identity", partner_identity(cert));
	return doc;
}

static int pin(const struct ctl *c, struct pinning *p)
{
	struct error e = { .reason = REASON_NONE };
	char *partners = audit_conf_path(c, "/partners", &e), *agency = audit_conf_text(c, "/agency", &e);
	char path[4096], id[200], own[4096];
	json_t *doc = NULL, *mine = NULL;
	struct cert_id cert;
	int status = CTL_OK;

	p->agency = p->agency ? p->agency : agency;
	snprintf(id, sizeof id, strcmp(p->role, "signer") == 0 ? "%s" : "%s-%s", p->agency ? p->agency : "", p->role);
	p->id = p->id ? p->id : id;
	snprintf(path, sizeof path, "%s/%s.json", partners ? partners : "", p->id);
	snprintf(own, sizeof own, "%s/%s.json", partners ? partners : "", p->agency ? p->agency : "");
	mine = json_load_file(own, 0, NULL);
	if (!p->jurisdiction)
		p->jurisdiction = mine ? ctl_text(mine, "jurisdiction") : "XX";
	if (!partners || !agency || !cert_of_file(p->file, &cert, &e) || !(doc = pinned(p, path, &cert, &e)) ||
	    !partner_is_name(p->id) ||
	    (strcmp(p->role, "system") != 0 && strcmp(p->role, "auditor") != 0 &&
	     !add_signer(doc, partners, p->id, p->file, &e)) ||
	    !write_json(path, doc, &e)) {
		error_set(&e, REASON_CONFIG, "--id is 1 to 63 of a-z, 0-9, . and -");
		status = ctl_fail(CTL_FAILED, &e);
	} else if (c->json) {
		ctl_print_json(doc);
	} else {
		printf("%s: %s of %s\nNext: gatewayctl -c %s reload, where the daemon runs\n", path, p->role, p->agency,
		       c->config);
	}
	json_decref(mine);
	json_decref(doc);
	free(partners);
	free(agency);
	return status;
}

int partner_add(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "fingerprint", required_argument, NULL, 'f' },
		                                 { "address", required_argument, NULL, 'a' },
		                                 { "replace", no_argument, NULL, 'r' },
		                                 { "role", required_argument, NULL, 'R' },
		                                 { "id", required_argument, NULL, 'i' },
		                                 { "agency", required_argument, NULL, 'g' },
		                                 { "jurisdiction", required_argument, NULL, 'j' },
		                                 { NULL, 0, NULL, 0 } };
	struct partner_choice choice = { .file = NULL };
	struct pinning p = { .file = NULL };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'f': choice.said = optarg; break;
		case 'a': choice.address = optarg; break;
		case 'r': choice.replace = true; break;
		case 'R': p.role = optarg; break;
		case 'i': p.id = optarg; break;
		case 'g': p.agency = optarg; break;
		case 'j': p.jurisdiction = optarg; break;
		default: return ctl_usage();
		}
	if (optind != argc - 1 ||
	    (p.role ? choice.said || choice.address || choice.replace : p.id || p.agency || p.jurisdiction))
		return ctl_usage();
	choice.file = p.file = argv[optind];
	return p.role ? pin(c, &p) : partner_take(c, &choice);
}
