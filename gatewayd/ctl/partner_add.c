/* gatewayctl partner add: takes what a partner's file says into the configuration, after somebody compared its fingerprint.
 * What contradicts the configuration is refused, and nothing is written then. See partner.h. */
#include "gatewayd/ctl/partner.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <time.h>
#include <unistd.h>

#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/print.h"
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
	json_t *there;                                 /* its partner file as it is, NULL: there is none */
	struct buf trusted;                            /* tls.authorities as it will be */
	bool trusts;                                   /* and is not yet */
	unsigned fresh;                                /* by authority of the file: not trusted yet */
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

/* Whether the signers' certificates that are there are those of the file. */
static bool same_signers(const struct taking *t, const json_t *there)
{
	const json_t *names = json_object_get(there, "signers"), *name;
	bool ok = json_array_size(names) == json_array_size(t->file.signers);
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)names, i, name)
	{
		const char *file = json_string_value(name), *mine;
		struct buf pem = BUF_INIT(PEM_MAX), a = BUF_INIT(PEM_MAX), b = BUF_INIT(PEM_MAX);
		char path[4096];

		mine = json_string_value(json_array_get(t->file.signers, i));
		snprintf(path, sizeof path, "%s%s%s", file && file[0] == '/' ? "" : t->partners,
		         file && file[0] == '/' ? "" : "/", file ? file : "");
		ok = ok && mine && file_read(path, PEM_MAX, &pem, NULL) && cert_pem_to_der(buf_view(&pem), &a, NULL) &&
		     cert_pem_to_der(view_of(mine), &b, NULL) && view_eq(buf_view(&a), buf_view(&b));
		buf_free(&pem);
		buf_free(&a);
		buf_free(&b);
	}
	return ok;
}

/* What a partner says of itself. This node's own word of it (how much it may ask for, its log's earlier keys, the statement that brought its pins) is no difference, nor
 * what the files of its signers are called here. */
static json_t *said(const json_t *doc)
{
	json_t *of = json_deep_copy(doc);

	json_object_del(of, "weight");
	json_object_del(of, "rates");
	json_object_del(of, "signers");
	json_object_del(of, "pins_stated");
	json_object_del(json_object_get(of, "audit"), "earlier");
	return of;
}

/* The members in which two partner files differ, for people. */
static void differences(const struct taking *t, const json_t *there, char *out, size_t size)
{
	json_t *a = said(t->file.partner), *b = said(there), *value;
	const char *name;
	size_t at = 0;

	out[0] = 0;
	json_object_foreach(a, name, value) if (!json_equal(value, json_object_get(b, name)) && at < size) at +=
	        (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", name);
	json_object_foreach(b, name, value) if (!json_object_get(a, name) && at < size) at +=
	        (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", name);
	if (!same_signers(t, there) && at < size)
		snprintf(out + at, size - at, "%ssigners", at ? ", " : "");
	json_decref(a);
	json_decref(b);
}

/* Another agency's gateway at the same address: its log has the same names, and an address given for the one is the other's. */
static bool same_address(const json_t *a, const json_t *b)
{
	const json_t *x = json_object_get(a, "endpoint"), *y = json_object_get(b, "endpoint");

	return x && y && strcasecmp(ctl_text(x, "host"), ctl_text(y, "host")) == 0 &&
	       json_equal(json_object_get(x, "port"), json_object_get(y, "port"));
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
	else if (!of_same && same_address(mine, there))
		ok = contradicts(s->e, path, "has this address as another agency's");
	else if (!of_same && (strcmp(ctl_text(there, "id"), t->id) == 0 || strcmp(ctl_text(there, "id"), t->of) == 0))
		ok = contradicts(s->e, path, "has this name as another agency's");
	else if (strcmp(ctl_text(there, "id"), t->id) == 0) {
		differences(t, there, which, sizeof which);
		t->known = !which[0];
		t->there = json_incref(there);
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
		t->fresh |= 1u << i;
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
	(void)!screen_plain(stdout, view_of(t->choice->file));
	printf(": the gateway of %s, %s\n", t->of, ctl_text(p, "jurisdiction"));
	printf("  name         %s\n  contact      %s\n", ctl_text(p, "name"), ctl_text(p, "contact"));
	printf("  address      %s:%d\n", ctl_text(endpoint, "host"),
	       (int)json_integer_value(json_object_get(endpoint, "port")));
	printf("  certificate  %s, until %.10s\n", t->file.gateway.uri, until);
	for (size_t i = 0; by && i < authorities_count(by); i++)
		printf("  authority    %s%s\n", authority_name(by, i), t->fresh & 1u << i ? " (new here)" : "");
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

/* A line of hosts without `host`, where it gives it another address of the same kind: the first address would be tried first. */
static void add_hosts_line(struct buf *out, struct view line, const char *address, const char *host)
{
	struct view rest = line, at = view_word(&rest), name, names = rest;
	bool other = at.n > 0 && !view_is(at, address) && !memchr(at.p, ':', at.n) == !strchr(address, ':');
	bool has = false, more = false;

	while ((name = view_word(&rest)).n > 0) {
		has = has || view_eq_nocase(name, view_of(host));
		more = more || !view_eq_nocase(name, view_of(host));
	}
	if (!other || !has) {
		buf_add(out, line);
	} else if (more) {
		buf_add(out, at);
		while ((name = view_word(&names)).n > 0)
			if (!view_eq_nocase(name, view_of(host)))
				buf_addf(out, " %.*s", VIEW_ARG(name));
	} else {
		return;
	}
	buf_addc(out, '\n');
}

static bool write_hosts(const struct taking *t, struct error *e)
{
	const char *host = ctl_text(json_object_get(t->file.partner, "endpoint"), "host");
	struct buf text = BUF_INIT(PEM_MAX), out = BUF_INIT(2 * PEM_MAX);
	char line[400];
	bool ok = access(t->hosts, F_OK) != 0 || file_read(t->hosts, PEM_MAX / 2, &text, e);
	struct view rest = buf_view(&text);

	snprintf(line, sizeof line, "%s %s\n", t->choice->address, host);
	while (ok && rest.n > 0)
		add_hosts_line(&out, view_cut(&rest, '\n'), t->choice->address, host);
	if (ok && (!out.p || !memmem(out.p, out.n, line, strlen(line))))
		buf_adds(&out, line);
	if (ok && !view_eq(buf_view(&out), buf_view(&text)))
		ok = file_replace(t->hosts, buf_view(&out), e);
	buf_free(&text);
	buf_free(&out);
	return ok;
}

/* What this node says of the partner stays, and a key that its log had goes among the earlier ones: receipts bear it. */
static void keep_own(json_t *doc, const json_t *there)
{
	static const char *const members[] = { "weight", "rates", "pins_stated" };
	json_t *audit = json_object_get(doc, "audit"), *was = json_object_get(there, "audit"), *key;
	json_t *earlier = json_deep_copy(json_object_get(was, "earlier"));
	size_t i;

	for (i = 0; i < sizeof members / sizeof *members; i++)
		if (json_object_get(there, members[i]))
			json_object_set(doc, members[i], json_object_get(there, members[i]));
	if (!earlier)
		earlier = json_array();
	if (!same(doc, there, "audit", "vkey") && json_object_get(was, "vkey"))
		json_array_insert(earlier, 0, json_object_get(was, "vkey"));
	json_array_foreach(json_object_get(audit, "earlier"), i, key)
	{
		bool known = false;
		for (size_t k = 0; k < json_array_size(earlier); k++)
			known = known || json_equal(json_array_get(earlier, k), key);
		if (!known)
			json_array_append(earlier, key);
	}
	if (json_array_size(earlier) > 0)
		json_object_set(audit, "earlier", earlier);
	json_decref(earlier);
}

/* The partner file last: until it is there nothing of the rest counts. */
static bool write_files(const struct taking *t, struct error *e)
{
	json_t *pem, *names = json_array(), *doc = json_deep_copy(t->file.partner);
	char path[4096];
	bool ok = true;
	size_t i;

	json_array_foreach(t->file.signers, i, pem) ok =
	        ok && (t->known || partner_put_signer(t->partners, t->id, t->choice->file,
	                                              view_of(json_string_value(pem)), names, e));
	if (json_array_size(names) > 0)
		json_object_set(doc, "signers", names);
	if (t->there)
		keep_own(doc, t->there);
	snprintf(path, sizeof path, "%s/%s.json", t->partners, t->id);
	ok = ok && (!t->trusts || file_replace(t->authorities, buf_view(&t->trusted), e)) &&
	     (!t->choice->address || write_hosts(t, e)) && (t->known || partner_write(path, doc, e));
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
	json_decref(t.there);
	buf_free(&t.trusted);
	free(t.partners);
	free(t.authorities);
	free(t.hosts);
	free(t.agency);
	free(text);
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
	struct partner_pinning p = { .file = NULL };
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
	return p.role ? partner_pin(c, &p) : partner_take(c, &choice);
}
