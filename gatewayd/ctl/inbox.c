/* gatewayctl inbox: what a recipient's system, or a person in its stead, does with the agency's inbox. A gateway writes
 * each look into its log, and erases a record's payload once it is acknowledged. */
#include <getopt.h>
#include <inttypes.h>
#include <unistd.h>

#include "gatewayd/os/files.h"
#include "gatewayd/ctl/connection.h"
#include "gatewayd/ctl/ctl.h"
#include "gatewayd/ctl/inbox.h"
#include "gatewayd/ctl/screen.h"
#include "gatewayd/ctl/inbox_fetch.h"
#include "lib/base/datetime.h"
#include "lib/base/encode.h"
#include "lib/base/ids.h"

#define EVERY_S  10
#define ITEM_MAX (64u * 1024 * 1024)
#define TEXT_MAX 4096

static int failed(const struct error *e)
{
	return ctl_fail(e->reason == REASON_UNAVAILABLE ? CTL_UNREACHABLE : CTL_FAILED, e);
}

/* --- list and follow --- */

/* What another system wrote, for a terminal: no control characters, which could say something else there. */
static void print_text(struct view v, int width)
{
	char out[65];
	size_t n = 0;

	for (size_t i = 0; i < v.n && n + 1 < sizeof out; i++)
		out[n++] = v.p[i] >= 0x20 && v.p[i] < 0x7f ? v.p[i] : '?';
	out[n] = 0;
	printf("%-*s  ", width, out);
}

/* Columns of the whole row. Where a terminal has fewer, what is due stands for when it was made, and the rest is left out. */
#define FULL_COLUMNS 132

static bool is_narrow(void)
{
	return isatty(STDOUT_FILENO) && screen_width(stdout) < FULL_COLUMNS;
}

static void print_row(const struct inbox_item *i)
{
	uint32_t escalated = tape_member(i->tape, i->node, VIEW("escalated"));
	struct view due = inbox_text(i, VIEW("due")), when = due.n ? due : inbox_text(i, VIEW("made"));

	if (is_narrow()) {
		printf("%6" PRIu64 "  ", i->id);
		print_text(inbox_text(i, VIEW("kind")), 10);
		print_text(inbox_text(i, VIEW("exchange")), UUID_TEXT);
		print_text(view_make(when.p, when.n < 16 ? when.n : 16), 0);
		putchar('\n');
		return;
	}

	printf("%8" PRIu64 "  ", i->id);
	print_text(inbox_text(i, VIEW("kind")), 10);
	print_text(inbox_text(i, VIEW("exchange")), UUID_TEXT);
	print_text(inbox_text(i, VIEW("made")), TIME_TEXT);
	print_text(inbox_text(i, VIEW("due")), TIME_TEXT);
	print_text(escalated ? tape_token(i->tape, escalated) : VIEW(""), 9);
	print_text(inbox_text(i, VIEW("own_reference")), 0);
	putchar('\n');
}

/* The item without the record and its salt: the list tells what waits, not what is in it. */
static void print_object(const struct inbox_item *i)
{
	const struct tape *t = i->tape;
	const char *before = "{";

	for (uint32_t k = i->node + 1; k < t->nodes[i->node].next; k = t->nodes[k + 1].next) {
		if (view_is(tape_string(t, k), "record") || view_is(tape_string(t, k), "salt"))
			continue;
		printf("%s%.*s:%.*s", before, VIEW_ARG(tape_token(t, k)), VIEW_ARG(tape_token(t, k + 1)));
		before = ",";
	}
	puts("}");
}

static void print_head(void)
{
	if (is_narrow())
		puts("    ID  KIND        EXCHANGE                              DUE, OR MADE");
	else
		puts("      id  kind        exchange                              made                      due                       escalated  own reference");
}

static void print_item(const struct ctl *c, const struct inbox_item *i)
{
	if (c->json)
		print_object(i);
	else
		print_row(i);
}

struct looking {
	struct connection connection;
	struct inbox inbox;
	unsigned long long every_s;
	bool ack;
};

static void looking_free(struct looking *l)
{
	inbox_free(&l->inbox);
	https_close(l->inbox.https);
	connection_free(&l->connection);
}

static bool looking_options(struct looking *l, int argc, char **argv, int arguments)
{
	static const struct option options[] = {
		CONNECTION_OPTIONS,
		{ "after", required_argument, NULL, 'a' },
		{ "every", required_argument, NULL, 'e' },
		{ "ack", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	bool follow = strcmp(argv[0], "follow") == 0, fetch = strcmp(argv[0], "fetch") == 0;
	unsigned long long after = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		bool ok = option == 'a'   ? view_to_u64(view_of(optarg), INT64_MAX, &after)
		          : option == 'e' ? follow && view_to_u64(view_of(optarg), 86400, &l->every_s) && l->every_s > 0
		          : option == 'k' ? fetch
		                          : connection_option(&l->connection, option, optarg);
		if (!ok)
			return false;
		l->ack = l->ack || option == 'k';
	}
	l->inbox.after = after;
	return argc - optind == arguments;
}

static int run_list(const struct ctl *c, int argc, char **argv)
{
	struct looking l = { .every_s = EVERY_S };
	struct error e = { .reason = REASON_NONE };
	struct inbox_item item;

	if (!looking_options(&l, argc, argv, 0))
		return ctl_usage();
	l.inbox.https = connection_open(&l.connection, &e);
	if (l.inbox.https && !c->json)
		print_head();
	while (l.inbox.https && inbox_next(&l.inbox, &item, &e))
		print_item(c, &item);
	looking_free(&l);
	return e.reason == REASON_NONE ? CTL_OK : failed(&e);
}

/* A gateway that is away comes back: only other errors end it. */
static int run_follow(const struct ctl *c, int argc, char **argv)
{
	struct looking l = { .every_s = EVERY_S };
	struct error e = { .reason = REASON_NONE };
	struct inbox_item item;

	if (!looking_options(&l, argc, argv, 0))
		return ctl_usage();
	l.inbox.https = connection_open(&l.connection, &e);
	if (!l.inbox.https) {
		looking_free(&l);
		return failed(&e);
	}
	if (!c->json)
		print_head();
	for (;;) {
		while (inbox_next(&l.inbox, &item, &e))
			print_item(c, &item);
		fflush(stdout);
		if (e.reason == REASON_UNAVAILABLE || e.reason == REASON_RATE_LIMITED)
			ctl_fail(CTL_UNREACHABLE, &e);
		else if (e.reason != REASON_NONE)
			break;
		e = (struct error){ .reason = REASON_NONE };
		sleep((unsigned)l.every_s);
	}
	looking_free(&l);
	return failed(&e);
}

static int run_fetch(const struct ctl *c, int argc, char **argv)
{
	struct looking l = { .every_s = EVERY_S };
	struct error e = { .reason = REASON_NONE };
	struct inbox_fetched done = { .n = 0 };

	if (!looking_options(&l, argc, argv, 1))
		return ctl_usage();
	l.inbox.https = connection_open(&l.connection, &e);
	if (l.inbox.https && inbox_fetch(&l.inbox, argv[optind], l.ack, &done, &e) && done.duties && l.ack)
		fprintf(stderr,
		        "gatewayctl: %zu duties were not acknowledged: carry them out, then gatewayctl inbox ack\n",
		        done.duties);
	looking_free(&l);
	if (c->json)
		printf("{\"fetched\":%zu,\"acknowledged\":%zu,\"duties\":%zu}\n", done.n, done.acknowledged,
		       done.duties);
	else
		printf("%zu fetched, %zu acknowledged, %zu duties\n", done.n, done.acknowledged, done.duties);
	return e.reason == REASON_NONE ? CTL_OK : failed(&e);
}

/* --- acknowledge --- */

struct telling {
	struct connection connection;
	const char *reference, *result, *reason, *ground, *until, *returned;
};

static bool telling_options(struct telling *t, int argc, char **argv)
{
	static const struct option options[] = {
		CONNECTION_OPTIONS,
		{ "reference", required_argument, NULL, 'f' },
		{ "result", required_argument, NULL, 'r' },
		{ "reason", required_argument, NULL, 'w' },
		{ "ground", required_argument, NULL, 'g' },
		{ "until", required_argument, NULL, 'u' },
		{ "returned", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	int64_t until;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'f': t->reference = optarg; break;
		case 'r': t->result = optarg; break;
		case 'w': t->reason = optarg; break;
		case 'g': t->ground = optarg; break;
		case 'u':
			if (!time_parse(view_of(optarg), &until))
				return false;
			t->until = optarg;
			break;
		case 'b': t->returned = optarg; break;
		default:
			if (!connection_option(&t->connection, option, optarg))
				return false;
		}
	return argc - optind == 1;
}

/* The record and salt of an item that was fetched, byte for byte. */
static bool add_returned(struct buf *body, const char *path, struct error *e)
{
	struct buf text = BUF_INIT(ITEM_MAX + 1);
	struct tape_parser *parser = tape_parser_new(&tape_document_limits);
	struct tape t;
	bool ok = (parser != NULL || error_set(e, REASON_NO_MEMORY, "memory ran out")) &&
	          file_read(path, ITEM_MAX, &text, e) && tape_parse(parser, buf_view(&text), &t, e);

	if (ok) {
		uint32_t record = tape_member(&t, 0, VIEW("record")), salt = tape_member(&t, 0, VIEW("salt"));
		ok = (record && salt) || error_at(e, REASON_CONFIG, path, 0, 0, "is no fetched record");
		if (ok) {
			buf_adds(body, ",\"salt\":");
			buf_add(body, tape_token(&t, salt));
			buf_adds(body, ",\"record\":");
			buf_add(body, tape_token(&t, record));
		}
	}
	if (parser)
		tape_parser_wipe(parser);
	tape_parser_free(parser);
	buf_wipe(&text);
	return ok;
}

static bool add_member(struct buf *body, const char *name, const char *text, struct error *e)
{
	struct view v = view_of(text);

	if (!text)
		return true;
	if (v.n > TEXT_MAX || utf8_valid(v) != v.n)
		return error_set(e, REASON_CONFIG, "the %s is too long or not UTF-8", name);
	buf_addf(body, ",\"%s\":", name);
	buf_add_json_string(body, v);
	return true;
}

/* Empty where nothing is told. */
static bool make_body(struct buf *body, const struct telling *t, struct error *e)
{
	bool ok = add_member(body, "reference", t->reference, e) && add_member(body, "result", t->result, e) &&
	          add_member(body, "reason", t->reason, e) && add_member(body, "ground", t->ground, e) &&
	          add_member(body, "until", t->until, e) && (!t->returned || add_returned(body, t->returned, e));

	if (ok && body->n) {
		buf_addc(body, '}');
		if (!body->failed)
			body->p[0] = '{'; /* in place of the first comma */
	}
	return ok && (!body->failed || error_set(e, REASON_NO_MEMORY, "memory ran out"));
}

static int run_ack(const struct ctl *c, int argc, char **argv)
{
	struct telling t = { .reference = NULL };
	struct error e = { .reason = REASON_NONE };
	struct buf body = BUF_INIT(ITEM_MAX), answer = BUF_INIT(1);
	struct https *h = NULL;
	unsigned long long id = 0;
	bool first;

	if (!telling_options(&t, argc, argv) || !view_to_u64(view_of(argv[optind]), INT64_MAX, &id) || id == 0)
		return ctl_usage();
	if (make_body(&body, &t, &e))
		h = connection_open(&t.connection, &e);
	if (h && inbox_ack(h, id, buf_view(&body), &answer, &first, &e)) {
		if (c->json)
			printf("%.*s\n", VIEW_ARG(buf_view(&answer)));
		else
			puts(first ? "acknowledged" : "was acknowledged before; nothing changed");
	}
	https_close(h);
	connection_free(&t.connection);
	buf_wipe(&body);
	buf_free(&answer);
	return e.reason == REASON_NONE ? CTL_OK : failed(&e);
}

const struct ctl_command ctl_inbox_commands[] = {
	{ "inbox", "list", "[CONNECTION] [--after ID]", "what waits for the agency's system, without the records",
	  run_list },
	{ "inbox", "fetch", "[CONNECTION] [--after ID] [--ack] DIR",
	  "writes each item to DIR/ID.json; --ack acknowledges a record once its file is on disk", run_fetch },
	{ "inbox", "ack",
	  "[CONNECTION] [--reference REFERENCE] [--result RESULT] [--reason TEXT] [--ground TEXT --until DATE-TIME] [--returned FILE] ID",
	  "acknowledges a record, or says what came of a duty", run_ack },
	{ "inbox", "follow", "[CONNECTION] [--after ID] [--every SECONDS]", "lists what comes, until it is stopped",
	  run_follow },
	{ NULL, NULL, NULL, NULL, NULL },
};
