/* gatewayctl agreement …: what people do with agreements before and after they sign them. All of it works on
 * files, without a daemon. */
#include "gatewayd/ctl/agreement_facts.h"

#include <errno.h>

#include "gatewayd/ctl/join.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/ctl/screen.h"

#include "lib/crypto/x509.h"
#include "lib/json/pointer.h"
#include "lib/policy/diff.h"
#include "lib/policy/flowmap.h"
#include "lib/policy/lint.h"
#include "lib/schema/document.h"

/* Reads options and loads as many drafts as there are arguments. CTL_OK with the agreements in `out`. */
static int load_drafts(struct agreement_setup *s, int argc, char **argv, const struct option *options, int *extra,
                       struct agreement **out, int n)
{
	int option, status;

	agreement_setup_init(s);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (extra && (option == 'h' || option == 'd')) {
			*extra = option;
			continue;
		}
		if ((status = agreement_setup_option(s, option, optarg)) != CTL_OK)
			return status;
	}
	if (argc - optind != n)
		return ctl_usage();
	for (int i = 0; i < n; i++) {
		out[i] = agreement_setup_load(s, argv[optind + i], NULL);
		if (!out[i])
			return CTL_CHECK_FAILED;
	}
	return CTL_OK;
}

static const struct option plain_options[] = { AGREEMENT_OPTIONS, { NULL, 0, NULL, 0 } };

static int print(const struct buf *b)
{
	struct error e = { .reason = REASON_NONE };

	if (!b->failed && screen_plain(stdout, buf_view(b)) && fflush(stdout) == 0)
		return CTL_OK;
	error_set(&e, REASON_IO, "cannot write the answer");
	return ctl_fail(CTL_FAILED, &e);
}

/* --- lint --- */

struct lint_print {
	const char *file;
	json_t *list; /* NULL: as lines */
	struct tape_parser *parser;
	struct tape tape; /* of the file, for the places in it */
};

static void print_finding(void *arg, const struct lint_finding *f)
{
	const struct lint_print *p = arg;
	uint32_t line, column;

	tape_place(&p->tape, p->tape.nodes[pointer_nearest(&p->tape, view_of(f->pointer))].off, &line, &column);
	if (p->list) {
		json_t *o =
		        json_pack("{s:s, s:s, s:s, s:i, s:i, s:s}", "level", lint_level_name(f->level), "rule", f->rule,
		                  "pointer", f->pointer, "line", (int)line, "column", (int)column, "text", f->text);
		if (f->example)
			json_object_set_new(o, "example", json_loads(f->example, JSON_DECODE_ANY, NULL));
		json_array_append_new(p->list, o);
		return;
	}
	struct buf text = BUF_INIT(1 << 16);
	buf_addf(&text, "%s:%u:%u: %s: %s: %s [%s]\n", p->file, line, column, f->pointer, lint_level_name(f->level),
	         f->text, f->rule);
	(void)!screen_plain(stdout, buf_view(&text));
	buf_free(&text);
	if (f->example)
		printf("    for example %s\n", f->example);
}

static int lint(const struct ctl *c, const struct agreement_setup *s, const struct agreement *a, const char *file)
{
	struct lint_print p = { .file = file, .parser = tape_parser_new(&tape_document_limits) };
	struct error e = { .reason = REASON_NO_MEMORY, .text = "memory ran out" };
	size_t n;

	if (!p.parser || !tape_parse(p.parser, agreement_text(a), &p.tape, &e)) {
		tape_parser_free(p.parser);
		return ctl_fail(CTL_FAILED, &e);
	}
	p.list = c->json ? json_array() : NULL;
	n = agreement_lint(a, s->now_ms, print_finding, &p);
	if (p.list) {
		json_dumpf(p.list, stdout, JSON_INDENT(1));
		printf("\n");
		json_decref(p.list);
	} else {
		printf("%s: %zu findings\n", file, n);
	}
	tape_parser_free(p.parser);
	return n ? CTL_CHECK_FAILED : CTL_OK;
}

static int run_lint(const struct ctl *c, int argc, char **argv)
{
	struct agreement_setup s;
	struct agreement *a = NULL;
	int status = load_drafts(&s, argc, argv, plain_options, NULL, &a, 1);

	if (status == CTL_OK)
		status = lint(c, &s, a, argv[optind]);
	agreement_unref(a);
	agreement_setup_free(&s);
	return status;
}

/* --- summary, flowmap, show --- */

static int run_summary(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { AGREEMENT_OPTIONS,
		                                 { "html", no_argument, NULL, 'h' },
		                                 { NULL, 0, NULL, 0 } };
	struct agreement_setup s;
	struct agreement *a = NULL;
	struct buf out = BUF_INIT(8u << 20);
	int html = 0;
	int status = load_drafts(&s, argc, argv, options, &html, &a, 1);

	(void)c;
	if (status == CTL_OK)
		status = agreement_summary(a, html != 0, &out) ? print(&out) : CTL_FAILED;
	buf_free(&out);
	agreement_unref(a);
	agreement_setup_free(&s);
	return status;
}

static int run_flowmap(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { AGREEMENT_OPTIONS,
		                                 { "dot", no_argument, NULL, 'd' },
		                                 { NULL, 0, NULL, 0 } };
	struct agreement_setup s;
	struct agreement *a = NULL;
	struct buf out = BUF_INIT(8u << 20);
	int dot = 0;
	int status = load_drafts(&s, argc, argv, options, &dot, &a, 1);

	(void)c;
	if (status == CTL_OK)
		status = (dot ? agreement_flowmap_dot(a, &out) : agreement_flowmap_svg(a, &out)) ? print(&out)
		                                                                                 : CTL_FAILED;
	buf_free(&out);
	agreement_unref(a);
	agreement_setup_free(&s);
	return status;
}

static int run_show(const struct ctl *c, int argc, char **argv)
{
	struct agreement_setup s;
	struct agreement *a = NULL;
	struct buf out = BUF_INIT(64u << 20);
	int status = load_drafts(&s, argc, argv, plain_options, NULL, &a, 1);

	if (status == CTL_OK && agreement_describe(a, s.now_ms, &out)) {
		json_t *doc = json_loadb(out.p, out.n, 0, NULL);
		if (c->json) {
			json_dumpf(doc, stdout, JSON_INDENT(1));
			printf("\n");
		} else {
			char effective[TIME_TEXT + 1], sunset[TIME_TEXT + 1];
			time_print(agreement_effective_ms(a), effective);
			time_print(agreement_sunset_ms(a), sunset);
			printf("agreement  %.*s version %.*s\ndigest     %s\nstate      %s\neffective  %s\nsunset     %s\n",
			       VIEW_ARG(agreement_id(a)), VIEW_ARG(agreement_version(a)),
			       json_string_value(json_object_get(doc, "digest")),
			       json_string_value(json_object_get(doc, "state")), effective, sunset);
		}
		json_decref(doc);
	}
	buf_free(&out);
	agreement_unref(a);
	agreement_setup_free(&s);
	return status;
}

/* --- diff --- */

static void print_change(void *arg, enum diff_kind kind, const char *pointer, const char *text)
{
	json_t *list = arg;
	struct buf line = BUF_INIT(1 << 16);

	if (list)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "kind", diff_kind_name(kind), "pointer",
		                                      pointer, "text", text));
	buf_addf(&line, "%-9s %s: %s\n", diff_kind_name(kind), pointer, text);
	if (!list)
		(void)!screen_plain(stdout, buf_view(&line));
	buf_free(&line);
}

static int run_diff(const struct ctl *c, int argc, char **argv)
{
	struct agreement_setup s;
	struct agreement *both[2] = { NULL, NULL };
	int status = load_drafts(&s, argc, argv, plain_options, NULL, both, 2);

	if (status == CTL_OK) {
		json_t *list = c->json ? json_array() : NULL;
		size_t looser = agreement_diff(both[0], both[1], print_change, list);
		if (list) {
			json_dumpf(list, stdout, JSON_INDENT(1));
			printf("\n");
			json_decref(list);
		} else {
			printf("%zu changes are looser\n", looser);
		}
	}
	agreement_unref(both[0]);
	agreement_unref(both[1]);
	agreement_setup_free(&s);
	return status;
}

/* --- sign, verify --- */

static bool write_file(const char *path, const struct buf *b, struct error *e)
{
	FILE *f = fopen(path, "wb");
	bool ok = f && fwrite(b->p, 1, b->n, f) == b->n;

	if (f && fclose(f) != 0)
		ok = false;
	return ok || error_at(e, REASON_IO, path, 0, 0, "%s", strerror(errno));
}

/* Signs what is in the file, whatever it is: whether it is sound is for lint and verify. */
static int run_sign(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "cert", required_argument, NULL, 'c' },
		                                 { "key", required_argument, NULL, 'k' },
		                                 { NULL, 0, NULL, 0 } };
	struct error e = { .reason = REASON_NONE };
	struct text_file text = { NULL, 0 }, old = { NULL, 0 }, cert = { NULL, 0 }, key = { NULL, 0 };
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
	snprintf(signature, sizeof signature, "%s.p7s", argv[optind]);
	FILE *there = fopen(signature, "rb");
	bool ok = (!there || ctl_read_file(signature, AGREEMENT_FILE_MAX, &old.p, &old.n, &e)) &&
	          ctl_read_file(argv[optind], AGREEMENT_FILE_MAX, &text.p, &text.n, &e) &&
	          ctl_read_file(cert_path, 1 << 20, &cert.p, &cert.n, &e) &&
	          ctl_read_file(key_path, 1 << 20, &key.p, &key.n, &e) &&
	          cms_sign(view_make(old.p, old.n), view_make(text.p, text.n), view_make(cert.p, cert.n),
	                   view_make(key.p, key.n), &out, &e) &&
	          write_file(signature, &out, &e);
	if (there)
		fclose(there);
	if (key.p)
		wipe(key.p, key.n);
	free(key.p);
	free(cert.p);
	free(old.p);
	free(text.p);
	buf_free(&out);
	if (!ok)
		return ctl_fail(CTL_FAILED, &e);
	printf("%s: %s\n", signature, there ? "signature added" : "signed");
	return CTL_OK;
}

static void print_verified(const struct ctl *c, const struct agreement *a, const char *file)
{
	struct buf digest = BUF_INIT(100);

	digest_print(&digest, agreement_digest(a));
	if (c->json) {
		json_t *doc = json_pack("{s:s, s:s%, s:s%, s:s%}", "file", file, "id", agreement_id(a).p,
		                        agreement_id(a).n, "version", agreement_version(a).p, agreement_version(a).n,
		                        "sha256", digest.p, digest.n);
		ctl_print_json(doc);
		json_decref(doc);
	} else {
		printf("%s: signed by all who must; SHA-256 %.*s\n", file, VIEW_ARG(buf_view(&digest)));
	}
	buf_free(&digest);
}

static int run_verify(const struct ctl *c, int argc, char **argv)
{
	struct agreement_setup s;
	struct error e = { .reason = REASON_NONE };
	struct text_file signature = { NULL, 0 };
	char path[4200];
	int option, status;

	agreement_setup_init(&s);
	while ((option = getopt_long(argc, argv, "", plain_options, NULL)) != -1)
		if ((status = agreement_setup_option(&s, option, optarg)) != CTL_OK)
			return status;
	if (argc - optind != 1)
		return ctl_usage();
	snprintf(path, sizeof path, "%s.p7s", argv[optind]);
	if (!ctl_read_file(path, AGREEMENT_FILE_MAX, &signature.p, &signature.n, &e)) {
		agreement_setup_free(&s);
		return ctl_fail(CTL_FAILED, &e);
	}
	struct agreement *a = agreement_setup_load(&s, argv[optind], &signature);
	if (a)
		print_verified(c, a, argv[optind]);
	status = a ? CTL_OK : CTL_CHECK_FAILED;
	agreement_unref(a);
	free(signature.p);
	agreement_setup_free(&s);
	return status;
}

/* --- digests of schemas --- */

/* As lines, or as items of `list`. */
static void print_digest(json_t *list, struct view text, struct view file, const char *remark)
{
	struct buf hex = BUF_INIT(100);
	struct digest d;

	sha256(text, &d);
	digest_print(&hex, &d);
	if (list)
		json_array_append_new(list, json_pack("{s:s%, s:s%}", "sha256", hex.p, hex.n, "file", file.p, file.n));
	else
		printf("%.*s  %.*s%s\n", VIEW_ARG(buf_view(&hex)), VIEW_ARG(file), remark);
	buf_free(&hex);
}

static void print_builtin(void *arg, struct view name, struct view text)
{
	if (view_starts(name, VIEW("records/")))
		print_digest(arg, text, name, " (part of this program)");
}

/* What an agreement pins: SHA-256 over the file's exact bytes. */
static int run_digest(const struct ctl *c, int argc, char **argv)
{
	json_t *list = c->json ? json_array() : NULL;
	struct error e = { .reason = REASON_NONE };

	if (argc < 2)
		document_each_builtin(print_builtin, list);
	for (int i = 1; i < argc; i++) {
		struct text_file text;

		if (!ctl_read_file(argv[i], AGREEMENT_FILE_MAX, &text.p, &text.n, &e)) {
			json_decref(list);
			return ctl_fail(CTL_FAILED, &e);
		}
		print_digest(list, view_make(text.p, text.n), view_of(argv[i]), "");
		free(text.p);
	}
	if (list)
		ctl_print_json(list);
	json_decref(list);
	return CTL_OK;
}

const struct ctl_command ctl_agreement_commands[] = {
	{ "agreement", "list", "[--now TIME]",
	  "the node's agreements: version, state now, next dates, digest; exit 3 when one does not load",
	  agreement_list },
	{ "agreement", "new", "[--with AGENCY] [--preset " PRESETS "] [--id ID] OUT",
	  "a draft from an example, with an impact assessment and a record; asks for what is not given",
	  agreement_new },
	{ "agreement", "add", "FILE",
	  "takes a signed agreement into the node's folders, with what it names, if the whole configuration loads",
	  agreement_add },
	{ "agreement", "lint", "[OPTIONS] FILE",
	  "what an agreement forgot or does unwisely; exit 3 when there are findings", run_lint },
	{ "agreement", "explain", "[OPTIONS] [FACTS] AGREEMENT ENVELOPE",
	  "which rule decides on each leaf of a record, and why", agreement_explain },
	{ "agreement", "summary", "[--html] [OPTIONS] FILE",
	  "one page in plain language, bound to the agreement's digest", run_summary },
	{ "agreement", "flowmap", "[--dot] [OPTIONS] FILE",
	  "who sends what to whom, in what form, for how long (SVG or DOT)", run_flowmap },
	{ "agreement", "show", "[OPTIONS] FILE", "its facts, digest and state", run_show },
	{ "agreement", "diff", "[OPTIONS] OLD NEW", "what became stricter or looser, in words", run_diff },
	{ "agreement", "sign", "--cert FILE --key FILE AGREEMENT", "adds a detached CMS signature to AGREEMENT.p7s",
	  run_sign },
	{ "agreement", "verify", "--signer NAME=CERTIFICATE … [OPTIONS] FILE", "checks everything, signatures included",
	  run_verify },
	{ "agreement", "digest-schemas", "[FILE…]", "SHA-256 of schema files, as agreements pin them", run_digest },
	{ "simulate", NULL, "[OPTIONS] [FACTS] [--secret FILE] AGREEMENT ENVELOPE",
	  "the decision on stderr, the record that would leave on stdout; nothing is stored", agreement_simulate },
	{ "decision", "replay", "[OPTIONS] [FACTS] AGREEMENT ENVELOPE DECISION",
	  "repeats a decision from the documents that governed it, and the facts that stand in none; exit 3 when another one comes out",
	  decision_replay },
	{ NULL, NULL, NULL, NULL, NULL },
};
