/* gatewayctl document …, withdrawals add, consents add: signed documents that change at run time (lib/policy/signed_document.h), as
 * files. None of it asks the daemon; `reload` makes it take them. */
#include <jansson.h>

#include "gatewayd/ctl/agreement.h"
#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/print.h"
#include "lib/base/encode.h"
#include "lib/crypto/x509.h"
#include "lib/policy/consents.h"
#include "lib/policy/epochs.h"
#include "lib/policy/training.h"

#define DOCUMENT_FILE_MAX (16u << 20)
#define SALT_BYTES        32
#define PURPOSES_MAX      64 /* withdrawals.schema.json */

static void print_errors(const struct error_list *errors)
{
	char line[800];

	for (size_t i = 0; i < errors->n; i++)
		fprintf(stderr, "%s\n", error_print(&errors->items[i], line, sizeof line));
	if (errors->dropped)
		fprintf(stderr, "and %zu more\n", errors->dropped);
}

/* Loads FILE, and FILE.p7s where `from` demands a signature; prints what is wrong. */
static struct signed_document *load(const char *path, const struct document_sources *from)
{
	struct error e = { .reason = REASON_NONE };
	struct error_list errors = { .max = 200 };
	struct text_file text = { NULL, 0 }, signature = { NULL, 0 };
	struct signed_document *d = NULL;
	char signature_path[4200];

	snprintf(signature_path, sizeof signature_path, "%s.p7s", path);
	if (!ctl_read_file(path, DOCUMENT_FILE_MAX, &text.p, &text.n, &e) ||
	    (!from->unsigned_ok && !ctl_read_file(signature_path, DOCUMENT_FILE_MAX, &signature.p, &signature.n, &e)))
		ctl_fail(CTL_FAILED, &e);
	else
		d = signed_document_load(path, view_make(text.p, text.n), view_make(signature.p, signature.n), from,
		                         &errors);
	print_errors(&errors);
	error_list_free(&errors);
	free(text.p);
	free(signature.p);
	return d;
}

/* --- check, show --- */

static int run_check(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "now", required_argument, NULL, 'N' }, { NULL, 0, NULL, 0 } };
	struct agreement_setup s;
	int option, status = CTL_OK;

	(void)c;
	agreement_setup_init(&s);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if ((status = agreement_setup_option(&s, option, optarg)) != CTL_OK)
			return status;
	if (optind == argc)
		return ctl_usage();
	const struct document_sources any = { .unsigned_ok = true, .now_ms = s.now_ms };
	for (int i = optind; i < argc; i++) {
		struct signed_document *d = load(argv[i], &any);
		if (d)
			printf("%s: %s number %llu\n", argv[i], document_kind_name(d->kind),
			       (unsigned long long)d->number);
		else
			status = CTL_CHECK_FAILED;
		signed_document_free(d);
	}
	return status;
}

static json_t *time_json(int64_t ms)
{
	char text[TIME_TEXT + 1];

	if (ms == TIME_NONE)
		return json_null();
	time_print(ms, text);
	return json_string(text);
}

static const char *list_member(enum document_kind k)
{
	return k == DOCUMENT_WITHDRAWALS ? "withdrawn" : "given";
}

static json_t *describe(const struct signed_document *d)
{
	struct buf digest = BUF_INIT(65);
	struct epoch_from epoch;

	digest_print(&digest, &d->digest);
	json_t *doc = json_pack("{s:s, s:s%, s:I, s:o, s:s%}", "document", document_kind_name(d->kind), "issuer",
	                        d->issuer.p, d->issuer.n, "number", (json_int_t)d->number, "issued",
	                        time_json(d->issued_ms), "digest", digest.p, digest.n);
	if (d->agreement.n)
		json_object_set_new(doc, "agreement", json_stringn(d->agreement.p, d->agreement.n));
	if (d->next_update_ms != TIME_NONE)
		json_object_set_new(doc, "next_update", time_json(d->next_update_ms));
	if (d->consents)
		json_object_set_new(doc, list_member(d->kind), json_integer((json_int_t)consents_count(d)));
	if (d->training)
		json_object_set_new(doc, "officers", json_integer((json_int_t)training_count(d)));
	if (d->epochs) {
		json_t *list = json_array();
		for (size_t k = 0; epochs_get(d, k, &epoch); k++)
			json_array_append_new(list, json_pack("{s:I, s:o}", "epoch", (json_int_t)epoch.epoch, "from",
			                                      time_json(epoch.from_ms)));
		json_object_set_new(doc, "epochs", list);
	}
	buf_free(&digest);
	return doc;
}

static void print_described(const json_t *doc)
{
	static const char *const order[] = { "document",    "agreement", "issuer",    "number", "issued",
		                             "next_update", "digest",    "withdrawn", "given",  "officers" };
	size_t k;
	json_t *epoch;

	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		const json_t *v = json_object_get(doc, order[i]);
		if (json_is_integer(v))
			printf("%-12s %lld\n", order[i], (long long)json_integer_value(v));
		else if (v)
			printf("%-12s %s\n", order[i], json_string_value(v));
	}
	json_array_foreach(json_object_get(doc, "epochs"), k, epoch)
	        printf("%-12s %lld from %s on\n", "epoch",
	               (long long)json_integer_value(json_object_get(epoch, "epoch")), ctl_text(epoch, "from"));
}

static int run_show(const struct ctl *c, int argc, char **argv)
{
	const struct document_sources any = { .unsigned_ok = true, .now_ms = INT64_MAX };

	if (argc != 2)
		return ctl_usage();
	struct signed_document *d = load(argv[1], &any);
	if (!d)
		return CTL_CHECK_FAILED;
	json_t *doc = describe(d);
	if (c->json)
		ctl_print_json(doc);
	else
		print_described(doc);
	json_decref(doc);
	signed_document_free(d);
	return CTL_OK;
}

/* --- sign, verify --- */

/* A document has one signer: an older signature is replaced. Only what is sound is signed. */
static int run_sign(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "cert", required_argument, NULL, 'c' },
		                                 { "key", required_argument, NULL, 'k' },
		                                 { NULL, 0, NULL, 0 } };
	const struct document_sources any = { .unsigned_ok = true, .now_ms = INT64_MAX };
	struct error e = { .reason = REASON_NONE };
	struct text_file cert = { NULL, 0 }, key = { NULL, 0 };
	struct buf out = BUF_INIT(4u << 20);
	const char *cert_path = NULL, *key_path = NULL;
	char signature[4200];
	int option;

	(void)c;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			cert_path = optarg;
		else if (option == 'k')
			key_path = optarg;
		else
			return ctl_usage();
	}
	if (argc - optind != 1 || !cert_path || !key_path)
		return ctl_usage();
	struct signed_document *d = load(argv[optind], &any);
	if (!d)
		return CTL_CHECK_FAILED;
	snprintf(signature, sizeof signature, "%s.p7s", argv[optind]);
	bool ok = ctl_read_file(cert_path, 1 << 20, &cert.p, &cert.n, &e) &&
	          ctl_read_file(key_path, 1 << 20, &key.p, &key.n, &e) &&
	          cms_sign(VIEW(""), d->text, view_make(cert.p, cert.n), view_make(key.p, key.n), &out, &e) &&
	          audit_write_file(signature, buf_view(&out), &e);
	if (key.p)
		wipe(key.p, key.n);
	free(key.p);
	free(cert.p);
	buf_free(&out);
	signed_document_free(d);
	if (!ok)
		return ctl_fail(CTL_FAILED, &e);
	printf("%s: signed\n", signature);
	return CTL_OK;
}

struct verification {
	struct agreement_setup setup;
	const char *agreement, *before;
};

static bool verify(struct verification *v, const char *path)
{
	const struct document_sources from = { .arg = &v->setup,
		                               .signer = agreement_setup_signer,
		                               .now_ms = v->setup.now_ms };
	const struct document_sources judged = { .unsigned_ok = true, .now_ms = INT64_MAX };
	struct error_list errors = { .max = 200 };
	struct signed_document *d = load(path, &from), *before = NULL;
	struct agreement *a = NULL;
	bool ok = d != NULL;

	if (ok && v->agreement) {
		a = agreement_setup_load(&v->setup, v->agreement, NULL);
		ok = a != NULL;
	}
	if (a) {
		size_t n = view_eq(agreement_id(a), d->agreement) ? 1 : 0;
		ok = signed_document_fits(d, &a, n, view_of(v->setup.self ? v->setup.self : agreement_first_party(a)),
		                          &errors);
	}
	if (ok && v->before) {
		before = load(v->before, &judged);
		ok = before != NULL && signed_document_follows(before, d, v->setup.now_ms, &errors);
	}
	print_errors(&errors);
	if (ok)
		printf("%s: %s number %llu, signed by %.*s\n", path, document_kind_name(d->kind),
		       (unsigned long long)d->number, VIEW_ARG(d->issuer));
	error_list_free(&errors);
	signed_document_free(before);
	signed_document_free(d);
	agreement_unref(a);
	return ok;
}

#define VERIFY_USAGE \
	"--signer AGENCY=CERTIFICATE [--agreement FILE] [--self AGENCY] [--after FILE] [--schema-dir DIR] [--now TIME] FILE"

static int run_verify(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { AGREEMENT_OPTIONS,
		                                 { "agreement", required_argument, NULL, 'g' },
		                                 { "after", required_argument, NULL, 'b' },
		                                 { NULL, 0, NULL, 0 } };
	struct verification v = { .agreement = NULL };
	int option, status = CTL_OK;

	(void)c;
	agreement_setup_init(&v.setup);
	while (status == CTL_OK && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'g')
			v.agreement = optarg;
		else if (option == 'b')
			v.before = optarg;
		else
			status = agreement_setup_option(&v.setup, option, optarg);
	}
	if (status == CTL_OK && argc - optind != 1)
		status = ctl_usage();
	else if (status == CTL_OK && !verify(&v, argv[optind]))
		status = CTL_CHECK_FAILED;
	agreement_setup_free(&v.setup);
	return status;
}

/* --- withdrawals add, consents add --- */

struct addition {
	enum document_kind kind;
	const char *from, *agreement, *issuer, *next_update, *references, *salt_of;
	json_t *purposes; /* empty: for all */
	json_t *doc;
	json_t *known; /* what is in it, by reference */
	uint8_t salt[64];
	size_t n_salt;
	size_t added;
};

static void print_now(char out[TIME_TEXT + 1])
{
	struct agreement_setup s;

	agreement_setup_init(&s);
	time_print(s.now_ms, out);
}

static json_t *list_of(const struct addition *a)
{
	return json_object_get(a->doc, list_member(a->kind));
}

/* That of the agreement's other list: all have one. */
static bool take_salt(struct addition *a, struct error *e)
{
	const struct document_sources any = { .unsigned_ok = true, .now_ms = INT64_MAX };
	struct signed_document *d = load(a->salt_of, &any);
	bool ok = d && d->consents && view_is(d->agreement, a->agreement);

	if (ok) {
		a->n_salt = consents_salt(d).n;
		memcpy(a->salt, consents_salt(d).p, a->n_salt);
	}
	signed_document_free(d);
	return ok ||
	       error_at(e, REASON_CONFIG, a->salt_of, 0, 0, "is no list of consents of agreement %s", a->agreement);
}

static bool new_salt(struct addition *a, struct error *e)
{
	a->n_salt = SALT_BYTES;
	return random_bytes(a->salt, SALT_BYTES) || error_set(e, REASON_CRYPTO, "no random bytes");
}

/* The list to start from: the one before with the next number, or an empty one. */
static bool open_list(struct addition *a, struct error *e)
{
	const struct document_sources any = { .unsigned_ok = true, .now_ms = INT64_MAX };
	struct buf salt = BUF_INIT(129);
	char now[TIME_TEXT + 1];
	size_t i;
	json_t *o;

	print_now(now);
	if (a->from) {
		struct signed_document *d = load(a->from, &any);
		if (!d || d->kind != a->kind) {
			signed_document_free(d);
			return error_at(e, REASON_CONFIG, a->from, 0, 0, "is no list of %s",
			                document_kind_name(a->kind));
		}
		a->doc = json_loadb(d->text.p, d->text.n, 0, NULL);
		json_object_set_new(a->doc, "number", json_integer((json_int_t)d->number + 1));
		signed_document_free(d);
	} else {
		if (!(a->salt_of ? take_salt(a, e) : new_salt(a, e)))
			return false;
		hex_encode(&salt, view_make(a->salt, a->n_salt));
		a->doc = json_pack("{s:s, s:s, s:s, s:i, s:n, s:n, s:s%, s:[]}", "document",
		                   document_kind_name(a->kind), "agreement", a->agreement, "issuer", a->issuer,
		                   "number", 1, "issued", "next_update", "salt", salt.p, salt.n, list_member(a->kind));
		buf_free(&salt);
	}
	json_object_set_new(a->doc, "issued", json_string(now));
	json_object_set_new(a->doc, "next_update", json_string(a->next_update));
	json_array_foreach(list_of(a), i, o)
	        json_object_set(a->known, json_string_value(json_object_get(o, "reference")), o);
	return hex_decode(view_of(json_string_value(json_object_get(a->doc, "salt"))), a->salt, sizeof a->salt,
	                  &a->n_salt) ||
	       error_set(e, REASON_NO_MEMORY, "memory ran out");
}

/* One that is there already, for some purposes, is there for these as well. */
static void widen(json_t *o, const json_t *purposes)
{
	json_t *have = json_object_get(o, "purposes"), *p, *h;
	size_t i, k;

	if (json_array_size(purposes) == 0)
		json_object_del(o, "purposes");
	else if (have)
		json_array_foreach(purposes, i, p)
		{
			bool known = false;
			json_array_foreach(have, k, h) known = known || json_equal(p, h);
			if (!known)
				json_array_append(have, p);
		}
}

/* In the normal form in which a gateway reads it. */
static const char *add_reference(struct addition *a, struct view reference)
{
	json_t *list = list_of(a);
	struct digest digest;
	struct buf text = BUF_INIT(66), normal = BUF_INIT(64 * 1024);
	const char *wrong = consent_normalise(reference, &normal);

	if (!wrong)
		consent_digest(view_make(a->salt, a->n_salt), buf_view(&normal), &digest);
	buf_wipe(&normal);
	if (wrong)
		return wrong;
	digest_print(&text, &digest);
	buf_addc(&text, '\0');
	json_t *there = json_object_get(a->known, text.p), *o;
	if (there) {
		widen(there, a->purposes);
	} else {
		o = json_pack("{s:s}", "reference", text.p);
		if (json_array_size(a->purposes))
			json_object_set(o, "purposes", a->purposes);
		json_object_set(a->known, text.p, o);
		json_array_append_new(list, o);
		a->added++;
	}
	buf_free(&text);
	return NULL;
}

/* A reference a line: on the command line everybody on the machine could read them. */
static bool add_references(struct addition *a, struct error *e)
{
	struct text_file text = { NULL, 0 };
	const char *wrong = NULL;
	uint32_t line = 0;
	size_t from = 0;

	if (!ctl_read_file(a->references, DOCUMENT_FILE_MAX, &text.p, &text.n, e))
		return false;
	for (size_t i = 0; i <= text.n && !wrong; i++)
		if (i == text.n || text.p[i] == '\n') {
			size_t n = i - from;
			line++;
			while (n && (text.p[from + n - 1] == '\r' || text.p[from + n - 1] == '\n'))
				n--;
			if (n && utf8_valid(view_make(text.p + from, n)) != n)
				wrong = "the line is no UTF-8";
			else if (n)
				wrong = add_reference(a, view_make(text.p + from, n));
			from = i + 1;
		}
	if (text.p)
		wipe(text.p, text.n);
	free(text.p);
	return !wrong || error_at(e, REASON_CONFIG, a->references, line, 1, "%s", wrong);
}

static bool write_list(const struct addition *a, const char *path, struct error *e)
{
	const struct document_sources any = { .unsigned_ok = true, .now_ms = INT64_MAX };
	struct error_list errors = { .max = 200 };
	char *text = json_dumps(a->doc, JSON_INDENT(1));
	struct buf b = BUF_INIT(DOCUMENT_FILE_MAX);

	buf_adds(&b, text ? text : "");
	buf_addc(&b, '\n');
	struct signed_document *d = signed_document_load(path, buf_view(&b), VIEW(""), &any, &errors);
	bool ok = d ? audit_write_file(path, buf_view(&b), e)
	            : error_at(e, REASON_CONFIG, path, 0, 0, "the list would not be sound");
	print_errors(&errors);
	error_list_free(&errors);
	signed_document_free(d);
	buf_free(&b);
	free(text);
	return ok;
}

#define ADD_USAGE \
	"[--from FILE | --agreement ID --issuer AGENCY [--salt-of FILE]] --next-update TIME [--purpose ID]… --references FILE|- OUT"

/* CTL_OK when there is all that it takes. */
static int add_options(struct addition *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "from", required_argument, NULL, 'f' },    { "agreement", required_argument, NULL, 'a' },
		{ "issuer", required_argument, NULL, 'i' },  { "next-update", required_argument, NULL, 'n' },
		{ "purpose", required_argument, NULL, 'p' }, { "references", required_argument, NULL, 'r' },
		{ "salt-of", required_argument, NULL, 's' }, { NULL, 0, NULL, 0 }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'f': a->from = optarg; break;
		case 'a': a->agreement = optarg; break;
		case 'i': a->issuer = optarg; break;
		case 'n': a->next_update = optarg; break;
		case 'r': a->references = optarg; break;
		case 's': a->salt_of = optarg; break;
		case 'p': json_array_append_new(a->purposes, json_string(optarg)); break;
		default: return ctl_usage();
		}
	if (argc - optind != 1 || !a->next_update || !a->references ||
	    (a->from ? a->agreement || a->issuer || a->salt_of : !a->agreement || !a->issuer) ||
	    json_array_size(a->purposes) > PURPOSES_MAX)
		return ctl_usage();
	return CTL_OK;
}

static int add(enum document_kind kind, int argc, char **argv)
{
	struct addition a = { .kind = kind, .purposes = json_array(), .known = json_object() };
	struct error e = { .reason = REASON_NONE };
	int status = add_options(&a, argc, argv);

	if (status == CTL_OK && (!open_list(&a, &e) || !add_references(&a, &e) || !write_list(&a, argv[optind], &e)))
		status = ctl_fail(CTL_FAILED, &e);
	if (status == CTL_OK)
		printf("%s: number %lld, %zu references added; it has to be signed\n", argv[optind],
		       (long long)json_integer_value(json_object_get(a.doc, "number")), a.added);
	json_decref(a.doc);
	json_decref(a.known);
	json_decref(a.purposes);
	return status;
}

static int run_withdraw(const struct ctl *c, int argc, char **argv)
{
	(void)c;
	return add(DOCUMENT_WITHDRAWALS, argc, argv);
}

static int run_give(const struct ctl *c, int argc, char **argv)
{
	(void)c;
	return add(DOCUMENT_CONSENTS, argc, argv);
}

const struct ctl_command ctl_document_commands[] = {
	{ "document", "check", "[--now TIME] FILE…",
	  "whether lists of consents, training or key epochs are sound, without their signature", run_check },
	{ "document", "show", "FILE", "its kind, issuer, number, times and digest", run_show },
	{ "document", "sign", "--cert FILE --key FILE DOCUMENT", "writes a detached CMS signature to DOCUMENT.p7s",
	  run_sign },
	{ "document", "verify", VERIFY_USAGE,
	  "checks the signature, that it fits its agreement, and that it goes back on nothing", run_verify },
	{ "withdrawals", "add", ADD_USAGE, "a new list of withdrawn consents from references, a line each",
	  run_withdraw },
	{ "consents", "add", ADD_USAGE, "a new list of given consents from references, a line each", run_give },
	{ NULL, NULL, NULL, NULL, NULL },
};
