/* gatewayctl agreement add, and join. See join.h. */
#include "gatewayd/ctl/join.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gatewayd/core/conf/conf.h"
#include "gatewayd/ctl/audit.h"
#include "gatewayd/ctl/partner.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/os/files.h"
#include "lib/base/datetime.h"

#define FILE_MAX     (16u << 20)
#define FILES        3 /* the agreement last: until it is there the others count for nothing */
#define ERRORS_SHOWN 20

/* What is put into a folder, and what was there. */
struct put {
	char path[4096];
	struct buf bytes, before;
	bool there, written;
};

struct adding {
	const struct ctl *ctl;
	const char *file;
	struct put puts[FILES];
	size_t n;
};

static struct put *add_put(struct adding *a, const char *folder, const char *name)
{
	struct put *p = &a->puts[a->n++];

	snprintf(p->path, sizeof p->path, "%s/%s", folder, name);
	p->bytes = BUF_INIT(FILE_MAX + 1);
	p->before = BUF_INIT(FILE_MAX + 1);
	return p;
}

struct search {
	const char *folder;
	struct digest digest;
	struct put *to;
	char name[300];
	bool found;
};

static bool look(void *arg, const char *name)
{
	struct search *s = arg;
	struct buf b = BUF_INIT(FILE_MAX + 1);
	struct digest d;
	char path[4400];

	snprintf(path, sizeof path, "%s/%s", s->folder, name);
	if (!s->found && file_read(path, FILE_MAX, &b, NULL)) {
		sha256(buf_view(&b), &d);
		s->found = digest_eq(&d, &s->digest);
		if (s->found) {
			buf_add(&s->to->bytes, buf_view(&b));
			snprintf(s->name, sizeof s->name, "%s", name);
		}
	}
	buf_free(&b);
	return true;
}

/* Beside an assessment of another agreement that is called the same, never in its place: they are found by what is in them. */
static void put_assessment(struct adding *a, const char *folder, const char *name, struct view text)
{
	char other[340], path[4400];
	bool free_name = false;

	snprintf(other, sizeof other, "%s", name);
	for (unsigned i = 2; !free_name; i++) {
		struct buf there = BUF_INIT(FILE_MAX + 1);
		snprintf(path, sizeof path, "%s/%s", folder, other);
		free_name = access(path, F_OK) != 0 ||
		            (file_read(path, FILE_MAX, &there, NULL) && view_eq(buf_view(&there), text));
		if (!free_name)
			snprintf(other, sizeof other, "%u-%s", i, name);
		buf_free(&there);
	}
	buf_add(&add_put(a, folder, other)->bytes, text);
}

/* The impact assessment that the agreement names, where it lies beside it; else it must be in its folder already. */
static bool find_assessment(struct adding *a, const json_t *doc, const char *beside, const char *documents,
                            struct error *e)
{
	const json_t *assessment = json_object_get(doc, "assessment");
	const char *text = json_string_value(json_object_get(assessment, "digest"));
	char folder[4096];
	struct search s = { .folder = beside };

	if (!json_is_true(json_object_get(assessment, "held")) || !text || !digest_parse(view_of(text), &s.digest))
		return true;
	snprintf(folder, sizeof folder, "%s/assessments", documents);
	struct put p = { .bytes = BUF_INIT(FILE_MAX + 1) };
	s.to = &p;
	bool ok = file_each(beside, ".md", look, &s, e) && (s.found || file_each(beside, "", look, &s, e));
	if (ok && s.found)
		put_assessment(a, folder, s.name, buf_view(&p.bytes));
	buf_free(&p.bytes);
	return ok;
}

/* The versions of an agreement lie side by side, for what was decided by the earlier one goes on by it: a file is never replaced by
 * another document, and signatures alone may come anew. */
static bool may_be_put(const struct adding *a, const char *name, const char *file, struct error *e)
{
	const struct put *agreement = &a->puts[a->n - 1];

	if (name[0] == '.' || name[0] == '-' || !name[0])
		return error_at(e, REASON_CONFIG, file, 0, 0,
		                "is called as no agreement is that a node reads: give it another name, as ID.json");
	return !agreement->there || view_eq(buf_view(&agreement->bytes), buf_view(&agreement->before)) ||
	       error_at(
	               e, REASON_CONFIG, agreement->path, 0, 0,
	               "is there already and another document: versions lie side by side, so give this one another name, as "
	               "ID-VERSION.json");
}

/* Reads all that is to be put. */
static bool read_all(struct adding *a, struct error *e)
{
	struct arena mem = { .max = 0 };
	char *agreements = audit_conf_path(a->ctl, "/agreements", e),
	     *documents = audit_conf_path(a->ctl, "/documents", NULL);
	const char *name = strrchr(a->file, '/') ? strrchr(a->file, '/') + 1 : a->file;
	struct buf text = BUF_INIT(FILE_MAX + 1);
	char signature[4200], signed_name[300], own[300];
	json_t *doc = NULL;
	bool ok = agreements && file_read(a->file, FILE_MAX, &text, e);

	snprintf(signature, sizeof signature, "%s.p7s", a->file);
	/* json_is_object() looks at what it is given more than once. */
	if (ok)
		doc = json_loadb(text.p, text.n, 0, NULL);
	if (ok && !json_is_object(doc))
		ok = error_at(e, REASON_BAD_JSON, a->file, 0, 0,
		              "is no agreement (gatewayctl agreement lint says where)");
	if (ok && access(signature, F_OK) != 0)
		ok = error_at(
		        e, REASON_CONFIG, signature, 0, 0,
		        "is not there: the agreement is signed first (gatewayctl agreement sign), by every party");
	snprintf(own, sizeof own, "%s%s", name,
	         strlen(name) > 5 && strcmp(name + strlen(name) - 5, ".json") == 0 ? "" : ".json");
	snprintf(signed_name, sizeof signed_name, "%s.p7s", own);
	ok = ok && (!documents || find_assessment(a, doc, file_folder(&mem, a->file), documents, e)) &&
	     file_read(signature, FILE_MAX, &add_put(a, agreements, signed_name)->bytes, e);
	if (ok)
		buf_add(&add_put(a, agreements, own)->bytes, buf_view(&text));
	for (size_t i = 0; ok && i < a->n; i++) {
		a->puts[i].there = access(a->puts[i].path, F_OK) == 0;
		ok = !a->puts[i].there || file_read(a->puts[i].path, FILE_MAX, &a->puts[i].before, e);
	}
	ok = ok && may_be_put(a, own, a->file, e);
	json_decref(doc);
	buf_free(&text);
	free(agreements);
	free(documents);
	arena_free(&mem);
	return ok;
}

/* The folder of assessments, where it is the first. */
static bool make_folder(const char *path, struct error *e)
{
	struct arena mem = { .max = 0 };
	const char *folder = file_folder(&mem, path);
	bool ok = folder && (mkdir(folder, 0755) == 0 ? chmod(folder, 0755) == 0 : errno == EEXIST);

	if (!ok)
		error_at(e, REASON_IO, folder ? folder : path, 0, 0, "cannot make the folder: %s", strerror(errno));
	arena_free(&mem);
	return ok;
}

static bool write_all(struct adding *a, struct error *e)
{
	for (size_t i = 0; i < a->n; i++) {
		struct put *p = &a->puts[i];
		if (p->there && view_eq(buf_view(&p->bytes), buf_view(&p->before)))
			continue;
		if (!make_folder(p->path, e) || !file_replace(p->path, buf_view(&p->bytes), e))
			return false;
		p->written = true;
	}
	return true;
}

/* Puts back what was there. */
static void undo(struct adding *a)
{
	struct error e = { .reason = REASON_NONE };

	for (size_t i = a->n; i-- > 0;) {
		struct put *p = &a->puts[i];
		if (!p->written)
			continue;
		if (p->there ? !file_replace(p->path, buf_view(&p->before), &e) : unlink(p->path) != 0)
			fprintf(stderr, "gatewayctl: %s could not be put back as it was\n", p->path);
	}
}

static void check(const struct ctl *c, struct error_list *errors)
{
	const struct secret none = { .n = 0 };

	*errors = (struct error_list){ .max = ERRORS_SHOWN };
	conf_unref(conf_load(c->config, &none, (int64_t)time(NULL) * SECOND_MS, errors));
}

/* Prints the errors that were not there before; returns how many. NULL: none was. */
static size_t print_new(const struct error_list *before, const struct error_list *now)
{
	char line[800], other[800];
	size_t n = 0;

	for (size_t i = 0; i < now->n; i++) {
		bool known = false;
		error_print(&now->items[i], line, sizeof line);
		for (size_t k = 0; before && k < before->n; k++)
			known = known || strcmp(error_print(&before->items[k], other, sizeof other), line) == 0;
		if (!known && ++n)
			fprintf(stderr, "%s\n", line);
	}
	return n + (before && now->dropped <= before->dropped ? 0 : now->dropped);
}

/* A daemon that runs takes it at once. */
static int tell_daemon(const struct ctl *c)
{
	struct error quiet = { .reason = REASON_NONE };
	json_t *answer = ctl_ask(c, json_pack("{s:s}", "do", "status"), &quiet), *doc = NULL;
	int status = CTL_OK;

	if (!answer) {
		if (!c->json)
			printf("Next: gatewayd -c %s\n", c->config);
		return CTL_OK;
	}
	json_decref(answer);
	status = ctl_ask_ok(c, json_pack("{s:s}", "do", "reload"), &doc);
	if (status == CTL_OK && !c->json)
		printf("The daemon reloaded: it is in force.\n");
	json_decref(doc);
	return status;
}

/* Only what the agreement itself brings stops it: a certificate that is still to come does not. */
static int put(struct adding *a)
{
	struct error_list before, now;
	struct error e = { .reason = REASON_NONE };
	sigset_t breaks, was;
	int status = CTL_OK;

	if (!read_all(a, &e))
		return ctl_fail(CTL_FAILED, &e);
	check(a->ctl, &before);
	/* Who presses Ctrl-C or goes away finds all of it there and checked, or nothing. */
	sigemptyset(&breaks);
	sigaddset(&breaks, SIGINT);
	sigaddset(&breaks, SIGTERM);
	sigaddset(&breaks, SIGHUP);
	sigaddset(&breaks, SIGPIPE);
	sigprocmask(SIG_BLOCK, &breaks, &was);
	if (!write_all(a, &e)) {
		undo(a);
		error_list_free(&before);
		sigprocmask(SIG_SETMASK, &was, NULL);
		return ctl_fail(CTL_FAILED, &e);
	}
	check(a->ctl, &now);
	if (print_new(&before, &now) > 0) {
		undo(a);
		fprintf(stderr, "gatewayctl: %s: the configuration does not load with it; it was taken out again\n",
		        a->file);
		status = CTL_CHECK_FAILED;
	} else if (now.n > 0) {
		fprintf(stderr, "gatewayctl: besides, the configuration has errors: gatewayd -c %s -t lists them\n",
		        a->ctl->config);
	}
	error_list_free(&before);
	error_list_free(&now);
	sigprocmask(SIG_SETMASK, &was, NULL);
	return status;
}

int agreement_take(const struct ctl *c, const char *file)
{
	struct adding a = { .ctl = c, .file = file };
	int status = put(&a);

	if (status == CTL_OK && c->json)
		ctl_print_new(json_pack("{s:s}", "agreement", a.puts[a.n - 1].path));
	else
		for (size_t i = 0; status == CTL_OK && i < a.n; i++)
			printf("%s\n", a.puts[i].path);
	for (size_t i = 0; i < a.n; i++) {
		buf_free(&a.puts[i].bytes);
		buf_free(&a.puts[i].before);
	}
	return status;
}

int agreement_add(const struct ctl *c, int argc, char **argv)
{
	if (argc != 2 || argv[1][0] == '-')
		return ctl_usage();
	int status = agreement_take(c, argv[1]);
	return status == CTL_OK ? tell_daemon(c) : status;
}

int ctl_run_join(const struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "fingerprint", required_argument, NULL, 'f' },
		                                 { "address", required_argument, NULL, 'a' },
		                                 { NULL, 0, NULL, 0 } };
	struct partner_choice choice = { .file = NULL };
	struct error_list errors;
	int option, status;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'f': choice.said = optarg; break;
		case 'a': choice.address = optarg; break;
		default: return ctl_usage();
		}
	if (optind >= argc)
		return ctl_usage();
	choice.file = argv[optind++];
	status = partner_take(c, &choice);
	while (status == CTL_OK && optind < argc)
		status = agreement_take(c, argv[optind++]);
	if (status != CTL_OK)
		return status;
	check(c, &errors);
	status = print_new(NULL, &errors) > 0 ? CTL_CHECK_FAILED : CTL_OK;
	error_list_free(&errors);
	return status == CTL_OK ? tell_daemon(c) : status;
}
