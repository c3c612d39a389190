/* gatewayctl audit evidence: what the node keeps of logs that forked or went back. gatewayctl audit missing: the exchanges whose
 * receipts a partner's log signed and has no entry of any more. Both read the store. */
#include <getopt.h>

#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/witness/missing.h"
#include "gatewayd/ctl/audit.h"
#include "lib/base/datetime.h"
#include "lib/base/encode.h"

#define AT_ONCE 1000

/* --- evidence --- */

/* The text's first line, after a receipt's head: which log it is about. */
static struct view origin_of(struct view text)
{
	struct view line = view_cut(&text, '\n');

	while (view_starts(line, VIEW("c2sp.org/tlog-proof@")) && text.p)
		while (text.p && view_cut(&text, '\n').n > 0)
			line = view_make(NULL, 0);
	return line.n ? line : view_cut(&text, '\n');
}

static bool show_line(void *arg, const struct digest *d, int64_t first_ms, struct view text)
{
	struct buf hex = BUF_INIT(80);
	char time[TIME_TEXT + 1];

	(void)arg;
	hex_encode(&hex, view_make(d->b, sizeof d->b));
	time_print(first_ms, time);
	printf("%.*s  %s  %.*s\n", VIEW_ARG(buf_view(&hex)), time, VIEW_ARG(origin_of(text)));
	buf_free(&hex);
	return true;
}

static bool show(struct store *s, const char *digest, struct error *e)
{
	struct digest d;
	struct view text;

	if (!digest)
		return store_list_documents(s, VIEW("checkpoint"), show_line, NULL, e);
	if (!digest_parse(view_of(digest), &d))
		return error_set(e, REASON_CONFIG, "a digest is 64 hexadecimal digits");
	if (!store_get_document(s, &d, &text, e))
		return false;
	fwrite(text.p, 1, text.n, stdout);
	return true;
}

/* --- what is missing --- */

static bool show_missing(void *arg, const struct uuid *exchange, uint64_t index)
{
	char id[UUID_TEXT + 1];

	uuid_print(exchange, id);
	printf("%s  entry %llu\n", id, (unsigned long long)index);
	++*(uint64_t *)arg;
	return true;
}

static bool list_missing(struct store *s, const char *origin, const char *size, struct error *e)
{
	unsigned long long end;
	uint64_t after = 0, n = 0;
	bool more = true;

	if (!view_to_u64(view_of(size), INT64_MAX, &end))
		return error_set(e, REASON_CONFIG, "the size is a number of entries");
	while (more)
		if (!missing_list(s, view_of(origin), end, &after, AT_ONCE, &more, show_missing, &n, e))
			return false;
	fprintf(stderr, "%llu exchanges with receipts of %s at or beyond entry %llu\n", (unsigned long long)n, origin,
	        end);
	return true;
}

/* --- the commands --- */

static const char *from_option(int argc, char **argv, bool *wrong)
{
	static const struct option list[] = { { "from", required_argument, NULL, 'F' }, { 0 } };
	const char *from = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "", list, NULL)) == 'F')
		from = optarg;
	*wrong = opt != -1;
	return from;
}

static int run(const struct ctl *c, const char *from, bool (*work)(struct store *s, char **words, struct error *e),
               char **words)
{
	struct error e = { .reason = REASON_NONE };
	char *path = audit_log_path(c, from, &e);
	struct store *s = path ? store_open_reader(path, &e) : NULL;
	bool ok = s && work(s, words, &e);

	store_close(s);
	free(path);
	return ok ? CTL_OK : ctl_fail(CTL_FAILED, &e);
}

static bool evidence_work(struct store *s, char **words, struct error *e)
{
	return show(s, words[0], e);
}

static bool missing_work(struct store *s, char **words, struct error *e)
{
	return list_missing(s, words[0], words[1], e);
}

int audit_evidence(const struct ctl *c, int argc, char **argv)
{
	bool wrong;
	const char *from = from_option(argc, argv, &wrong);

	if (wrong || argc - optind > 1)
		return ctl_usage();
	return run(c, from, evidence_work, argv + optind);
}

int audit_missing(const struct ctl *c, int argc, char **argv)
{
	bool wrong;
	const char *from = from_option(argc, argv, &wrong);

	if (wrong || argc - optind != 2)
		return ctl_usage();
	return run(c, from, missing_work, argv + optind);
}
