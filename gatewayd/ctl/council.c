/* gatewayctl council …: what a council decides (lib/policy/signed_act.h), written, read in plain words and signed. None of it asks the
 * daemon (council_node.c does), so that a seat signs where it keeps its key. */
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "gatewayd/ctl/agreement.h"
#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/council_node.h"
#include "gatewayd/ctl/print.h"
#include "lib/base/encode.h"
#include "lib/crypto/x509.h"
#include "lib/policy/council.h"
#include "lib/schema/document.h"

#define PEM_MAX      (1u << 20)
#define WORDS_MAX    (1u << 18)
#define COLLECT_DAYS 7 /* unless --collect-until says otherwise */

/* An act and, where its file is named, the agreement that it is under. */
struct paper {
	struct agreement_setup setup;
	const char *agreement_path;
	struct agreement *agreement;
	struct signed_act *act;
};

static void paper_free(struct paper *p)
{
	signed_act_free(p->act);
	agreement_unref(p->agreement);
	agreement_setup_free(&p->setup);
}

/* `gatewayctl: FILE: /place: what is wrong` */
static int act_wrong(const char *path, const struct error *e)
{
	char line[800];

	fprintf(stderr, "gatewayctl: %s: %s\n", path, error_print(e, line, sizeof line));
	return e->reason == REASON_NO_MEMORY ? CTL_FAILED : CTL_CHECK_FAILED;
}

/* Reads the text, as a gateway would that got it at setup.now_ms. */
static int take_text(struct paper *p, const char *path, struct view text)
{
	struct error e = { .reason = REASON_NONE };
	struct schema *schema = document_schema(VIEW("act"), &e);

	if (!schema)
		return ctl_fail(CTL_FAILED, &e);
	p->act = signed_act_read(schema, text, &e);
	schema_unref(schema);
	if (!p->act)
		return act_wrong(path, &e);
	if (!p->agreement_path)
		return CTL_OK;
	p->agreement = agreement_setup_load(&p->setup, p->agreement_path, NULL);
	return p->agreement ? CTL_OK : CTL_CHECK_FAILED;
}

static int take_file(struct paper *p, const char *path)
{
	struct error e = { .reason = REASON_NONE };
	struct text_file text = { NULL, 0 };

	if (!ctl_read_file(path, ACT_TEXT_MAX, &text.p, &text.n, &e))
		return ctl_fail(CTL_FAILED, &e);
	int status = take_text(p, path, view_make(text.p, text.n));
	free(text.p);
	return status;
}

/* Whether a signature of now would still count, as far as can be known here. */
static int still_counts(const struct paper *p, const char *path)
{
	struct error e = { .reason = REASON_NONE };

	if (p->agreement)
		return signed_act_fits(p->act, p->agreement, p->setup.now_ms, &e) ? CTL_OK : act_wrong(path, &e);
	if (p->setup.now_ms < p->act->collect_until_ms)
		return CTL_OK;
	error_at(&e, REASON_ACT_EXPIRED, "/collect_until", 0, 0, "the time to sign it has passed");
	return act_wrong(path, &e);
}

/* A signed text is never written over. */
static int must_be_new(const char *path)
{
	if (access(path, F_OK) != 0)
		return CTL_OK;
	fprintf(stderr, "gatewayctl: %s is there already, and is not written over: name another file\n", path);
	return CTL_FAILED;
}

static int print_words(const struct paper *p)
{
	struct buf words = BUF_INIT(WORDS_MAX);
	bool ok = signed_act_plain(p->act, p->agreement, &words) && screen_plain(stdout, buf_view(&words)) &&
	          fflush(stdout) == 0;

	buf_free(&words);
	if (!ok)
		fprintf(stderr, "gatewayctl: the act could not be printed whole\n");
	return ok ? CTL_OK : CTL_FAILED;
}

/* --- propose --- */

/* Options that are members of the act, in the order in which they are written. */
enum { WORD_FIRST = 2000 };
static const struct {
	const char *option, *member;
	bool about;
} words[] = {
	{ "agreement", "id", false },       { "digest", "digest", false },
	{ "purpose", "purpose", true },     { "legal-basis", "legal_basis", true },
	{ "exception", "exception", true }, { "partner", "partner", true },
	{ "tier", "tier", true },           { "exchange", "exchange", true },
	{ "status", "status", false },      { "collect-until", "collect_until", false },
	{ "until", "until", false },        { "max", "max", false },
	{ "lifts", "lifts", false },
};
#define WORDS (sizeof words / sizeof *words)
enum { WORD_AGREEMENT, WORD_DIGEST, WORD_STATUS = 8, WORD_COLLECT, WORD_UNTIL, WORD_MAX, WORD_LIFTS };

static json_t *instant(int64_t ms)
{
	char text[TIME_TEXT + 1];

	time_print(ms, text);
	return json_string(text);
}

static void put(json_t *to, const char *name, const char *value)
{
	if (value)
		json_object_set_new(to, name, json_string(value));
}

static json_t *compose(const char *kind, const char *const given[WORDS], struct view ground, int64_t now_ms)
{
	json_t *about = json_object(), *agreement = json_object(), *doc;
	char id[UUID_TEXT + 1];
	uint8_t random[10];

	if (!random_bytes(random, sizeof random)) {
		json_decref(about);
		json_decref(agreement);
		return NULL;
	}
	struct uuid u = uuid_v7(now_ms, random);
	uuid_print(&u, id);
	for (size_t i = 0; i < WORDS; i++)
		if (words[i].about)
			put(about, words[i].member, given[i]);
	put(agreement, "id", given[WORD_AGREEMENT]);
	put(agreement, "digest", given[WORD_DIGEST]);
	doc = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "act", kind, "id", id, "status",
	                given[WORD_STATUS] ? given[WORD_STATUS] : "Actual", "agreement", agreement, "about", about,
	                "issued", instant(now_ms));
	if (given[WORD_COLLECT])
		put(doc, "collect_until", given[WORD_COLLECT]);
	else
		json_object_set_new(doc, "collect_until", instant(now_ms + COLLECT_DAYS * DAY_MS));
	for (size_t i = WORD_UNTIL; i <= WORD_LIFTS; i++)
		put(doc, words[i].member, given[i]);
	json_object_set_new(doc, "ground", json_stringn(ground.p, ground.n));
	return doc;
}

/* From a file or standard input: on the command line everybody on the machine could read it. Its last line end is none of it. */
static bool read_ground(const char *path, struct text_file *out, struct error *e)
{
	if (!ctl_read_file(path, ACT_TEXT_MAX, &out->p, &out->n, e))
		return false;
	while (out->n && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '\r'))
		out->n--;
	return utf8_valid(view_make(out->p, out->n)) == out->n ||
	       error_at(e, REASON_ACT_INVALID, path, 0, 0, "the ground is no UTF-8");
}

/* Name and digest, where the agreement's file is given and they are not. */
static int know_agreement(struct paper *p, const char *given[WORDS], char id[80], struct buf *digest)
{
	if (!p->agreement_path)
		return given[WORD_AGREEMENT] && given[WORD_DIGEST] ? CTL_OK : ctl_usage();
	p->agreement = agreement_setup_load(&p->setup, p->agreement_path, NULL);
	if (!p->agreement)
		return CTL_CHECK_FAILED;
	snprintf(id, 80, "%.*s", VIEW_ARG(agreement_id(p->agreement)));
	digest_print(digest, agreement_digest(p->agreement));
	buf_addc(digest, '\0');
	if (!given[WORD_AGREEMENT])
		given[WORD_AGREEMENT] = id;
	if (!given[WORD_DIGEST])
		given[WORD_DIGEST] = digest->p;
	return digest->failed ? CTL_FAILED : CTL_OK;
}

static int write_act(struct paper *p, json_t *doc, const char *path)
{
	struct error e = { .reason = REASON_NONE };
	char *text = json_dumps(doc, JSON_INDENT(1));
	struct buf out = BUF_INIT(4 * ACT_TEXT_MAX);
	const char *agreement_path = p->agreement_path;
	int status;

	buf_adds(&out, text ? text : "");
	buf_addc(&out, '\n');
	free(text);
	if (!text || out.failed) {
		error_set(&e, REASON_NO_MEMORY, "memory ran out, or the act is too long");
		buf_free(&out);
		return ctl_fail(CTL_FAILED, &e);
	}
	p->agreement_path = NULL; /* it is loaded already */
	status = take_text(p, path, buf_view(&out));
	p->agreement_path = agreement_path;
	if (status == CTL_OK)
		status = still_counts(p, path);
	if (status == CTL_OK && !audit_write_file(path, buf_view(&out), &e))
		status = ctl_fail(CTL_FAILED, &e);
	buf_free(&out);
	return status;
}

#define PROPOSE_USAGE \
	"--ground FILE [--agreement ID] [--digest DIGEST] [--agreement-file FILE] [--purpose ID] [--legal-basis ID] " \
	"[--exception ID] [--partner AGENCY] [--tier TIER] [--exchange ID] [--until TIME] [--max TIER] [--lifts DIGEST] " \
	"[--status STATUS] [--collect-until TIME] [OPTIONS] KIND OUT"

static int propose(const struct ctl *c, struct paper *p, const char *given[WORDS], const char *ground_path, char **argv)
{
	struct error e = { .reason = REASON_NONE };
	struct text_file ground = { NULL, 0 };
	struct buf digest = BUF_INIT(66);
	char id[80];
	json_t *doc = NULL;
	int status = must_be_new(argv[1]);

	if (status == CTL_OK)
		status = know_agreement(p, given, id, &digest);
	if (status == CTL_OK && !read_ground(ground_path, &ground, &e))
		status = ctl_fail(CTL_FAILED, &e);
	if (status == CTL_OK) {
		doc = compose(argv[0], given, view_make(ground.p, ground.n), p->setup.now_ms);
		if (!doc)
			error_set(&e, REASON_CRYPTO, "no random bytes");
		status = doc ? write_act(p, doc, argv[1]) : ctl_fail(CTL_FAILED, &e);
	}
	if (status == CTL_OK) {
		buf_reset(&digest);
		digest_print(&digest, &p->act->digest);
		if (c->json)
			ctl_print_new(json_pack("{s:s, s:s%}", "file", argv[1], "digest", digest.p, digest.n));
		else
			printf("%s: %s %.*s, not signed yet\n", argv[1], act_kind_name(p->act->kind),
			       VIEW_ARG(buf_view(&digest)));
	}
	json_decref(doc);
	buf_free(&digest);
	free(ground.p);
	return status;
}

static int run_propose(const struct ctl *c, int argc, char **argv)
{
	struct option options[WORDS + 11] = { AGREEMENT_OPTIONS,
		                              { "agreement-file", required_argument, NULL, 'g' },
		                              { "ground", required_argument, NULL, 'r' } };
	const char *given[WORDS] = { NULL }, *ground = NULL;
	struct paper p = { .agreement_path = NULL };
	int option, status = CTL_OK;

	for (size_t i = 0; i < WORDS; i++)
		options[10 + i] = (struct option){ words[i].option, required_argument, NULL, WORD_FIRST + (int)i };
	agreement_setup_init(&p.setup);
	while (status == CTL_OK && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option >= WORD_FIRST)
			given[option - WORD_FIRST] = optarg;
		else if (option == 'g')
			p.agreement_path = optarg;
		else if (option == 'r')
			ground = optarg;
		else
			status = agreement_setup_option(&p.setup, option, optarg);
	}
	if (status == CTL_OK)
		status = argc - optind == 2 && ground ? propose(c, &p, given, ground, argv + optind) : ctl_usage();
	paper_free(&p);
	return status;
}

/* --- show --- */

static void print_described(const struct paper *p)
{
	struct buf digest = BUF_INIT(65), plain = BUF_INIT(WORDS_MAX);

	digest_print(&digest, &p->act->digest);
	if (signed_act_plain(p->act, p->agreement, &plain))
		ctl_print_new(json_pack("{s:s%, s:s, s:s, s:s%, s:s%}", "digest", digest.p, digest.n, "act",
		                        act_kind_name(p->act->kind), "status", act_status_name(p->act->status),
		                        "agreement", p->act->agreement.p, p->act->agreement.n, "words", plain.p,
		                        plain.n));
	buf_free(&plain);
	buf_free(&digest);
}

static int run_show(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { AGREEMENT_OPTIONS,
		                                 { "agreement-file", required_argument, NULL, 'g' },
		                                 { NULL, 0, NULL, 0 } };
	struct paper p = { .agreement_path = NULL };
	struct digest digest;
	int option, status = CTL_OK;

	agreement_setup_init(&p.setup);
	while (status == CTL_OK && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'g')
			p.agreement_path = optarg;
		else
			status = agreement_setup_option(&p.setup, option, optarg);
	}
	if (status == CTL_OK && argc - optind == 1 && digest_parse(view_of(argv[optind]), &digest)) {
		paper_free(&p);
		return ctl_council_show_node(c, argv[optind]);
	}
	if (status == CTL_OK)
		status = argc - optind == 1 ? take_file(&p, argv[optind]) : ctl_usage();
	if (status == CTL_OK && c->json)
		print_described(&p);
	else if (status == CTL_OK)
		status = print_words(&p);
	/* What it says is read in any case; whether it can be signed is another matter, and told. */
	if (status == CTL_OK)
		status = still_counts(&p, argv[optind]);
	paper_free(&p);
	return status;
}

/* --- sign --- */

struct signing {
	struct paper paper;
	const char *cert_path, *key_path;
	bool yes;
};

/* Who signs reads first; without a terminal somebody has to say that it was read. */
static int asked(const struct signing *s, const struct cert_id *id)
{
	char line[16];

	if (s->yes)
		return CTL_OK;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr,
		        "gatewayctl: nobody can be asked here: read the act, and say --yes; nothing was signed\n");
		return CTL_CHECK_FAILED;
	}
	printf("\nSign this with the key of %s? [yes/no] ", id->uri);
	fflush(stdout);
	if (fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0)
		return CTL_OK;
	fprintf(stderr, "gatewayctl: nothing was signed\n");
	return CTL_CHECK_FAILED;
}

static bool no_token(const char *key_path, struct error *e)
{
	if (strncmp(key_path, "pkcs11:", 7) != 0)
		return true;
	return error_at(e, REASON_CONFIG, "--key", 0, 0,
	                "keys in a token are not read here; sign with `openssl cms -sign -binary -md sha256 -engine "
	                "pkcs11 -keyform engine -inkey 'pkcs11:…' -signer CERTIFICATE -in ACT -outform PEM -out OUT`");
}

static bool write_signature(const struct signing *s, struct view cert, const char *out_path, struct error *e)
{
	struct text_file key = { NULL, 0 };
	struct buf out = BUF_INIT(4u << 20);
	bool ok = ctl_read_file(s->key_path, PEM_MAX, &key.p, &key.n, e) &&
	          cms_sign(VIEW(""), s->paper.act->text, cert, view_make(key.p, key.n), &out, e);

	if (ok && out.n > ACT_SIGNATURE_MAX)
		ok = error_at(e, REASON_CONFIG, "--cert", 0, 0,
		              "the signature is longer than gateways take: give the seat's certificate alone");
	ok = ok && audit_write_file(out_path, buf_view(&out), e);
	if (key.p)
		wipe(key.p, key.n);
	free(key.p);
	buf_free(&out);
	return ok;
}

static int sign(struct signing *s, const char *act_path, const char *out_path)
{
	struct error e = { .reason = REASON_NONE };
	struct text_file cert = { NULL, 0 };
	struct buf der = BUF_INIT(PEM_MAX);
	struct cert_id id;
	int status;

	if (!no_token(s->key_path, &e) || !ctl_read_file(s->cert_path, PEM_MAX, &cert.p, &cert.n, &e) ||
	    !cert_pem_to_der(view_make(cert.p, cert.n), &der, &e) || !cert_read(buf_view(&der), &id, &e))
		status = ctl_fail(CTL_FAILED, &e);
	else
		status = must_be_new(out_path);
	if (status == CTL_OK)
		status = take_file(&s->paper, act_path);
	if (status == CTL_OK)
		status = still_counts(&s->paper, act_path);
	if (status == CTL_OK)
		status = print_words(&s->paper);
	if (status == CTL_OK)
		status = asked(s, &id);
	if (status == CTL_OK && !write_signature(s, view_make(cert.p, cert.n), out_path, &e))
		status = ctl_fail(CTL_FAILED, &e);
	if (status == CTL_OK)
		printf("\n%s: signed\n", out_path);
	buf_free(&der);
	free(cert.p);
	return status;
}

static int run_sign(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { AGREEMENT_OPTIONS,
		                                 { "agreement-file", required_argument, NULL, 'g' },
		                                 { "cert", required_argument, NULL, 'c' },
		                                 { "key", required_argument, NULL, 'k' },
		                                 { "yes", no_argument, NULL, 'y' },
		                                 { NULL, 0, NULL, 0 } };
	struct signing s = { .yes = false };
	char out[4200];
	int option, status = CTL_OK;

	(void)c;
	agreement_setup_init(&s.paper.setup);
	while (status == CTL_OK && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'g': s.paper.agreement_path = optarg; break;
		case 'c': s.cert_path = optarg; break;
		case 'k': s.key_path = optarg; break;
		case 'y': s.yes = true; break;
		default: status = agreement_setup_option(&s.paper.setup, option, optarg);
		}
	}
	if (status == CTL_OK && (argc - optind < 1 || argc - optind > 2 || !s.cert_path || !s.key_path))
		status = ctl_usage();
	if (status == CTL_OK) {
		snprintf(out, sizeof out, "%s%s", argv[argc - 1], argc - optind == 2 ? "" : ".p7s");
		status = sign(&s, argv[optind], out);
	}
	paper_free(&s.paper);
	return status;
}

/* --- kinds --- */

static int run_kinds(const struct ctl *c, int argc, char **argv)
{
	struct buf out = BUF_INIT(WORDS_MAX);

	(void)c;
	(void)argv;
	if (argc != 1)
		return ctl_usage();
	bool ok = act_kinds_plain(&out) && screen_plain(stdout, buf_view(&out));
	buf_free(&out);
	return ok ? CTL_OK : CTL_FAILED;
}

const struct ctl_command ctl_council_commands[] = {
	{ "council", "propose", PROPOSE_USAGE, "write an act for the council to sign", run_propose },
	{ "council", "show", "[--agreement-file FILE] [OPTIONS] ACT | DIGEST",
	  "what an act does, who has to sign it, and who can undo it; by its digest, what the daemon has of it",
	  run_show },
	{ "council", "sign", "--cert FILE --key FILE [--yes] [--agreement-file FILE] [OPTIONS] ACT [OUT]",
	  "read an act and sign it for a seat", run_sign },
	{ "council", "kinds", "", "what each kind of act does, and what undoes it", run_kinds },
	{ NULL, NULL, NULL, NULL, NULL },
};
