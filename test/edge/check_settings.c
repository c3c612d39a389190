/* Settings as core sends them (gatewayd/edge_config.h): each part that is none refuses the whole, wherever the bytes end,
 * and whichever allocation fails; nothing of what was read stays behind then. */
#include <check.h>
#include <stdlib.h>

#include "gatewayd/edge/settings.h"
#include "lib/base/wire.h"
#include "test/edge/rig.h"

TCase *make_settings_case(void);

#define N_LIMITS (sizeof(struct edge_limits) / sizeof(uint32_t))
#define PIN      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PIN_2    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* What is NULL is a good one. */
struct parts {
	const char *cert, *key, *ca; /* names of files that certificates.sh made */
	const char *limits, *partners, *reserved, *known, *names, *log, *stranger;
	size_t cut; /* leaves so many bytes out at the end */
};

static void put_file(struct buf *b, const char *name, const char *file, const char *suffix)
{
	struct buf bytes = rig_read_file(rig_certificates(), file, suffix);

	put_view16(b, view_of(name));
	put_view32(b, buf_view(&bytes));
	buf_free(&bytes);
}

static void put_text(struct buf *b, const char *name, const char *text)
{
	put_view16(b, view_of(name));
	put_view32(b, view_of(text));
}

static void print_parts(const struct parts *p, struct buf *out)
{
	struct buf limits = BUF_INIT(4096);

	for (size_t i = 0; i < N_LIMITS; i++)
		buf_addf(&limits, "%zu\n", i + 1);
	buf_addc(&limits, '\0');
	put_file(out, "tls.cert", p->cert ? p->cert : "gateway", ".pem");
	put_file(out, "tls.key", p->key ? p->key : "gateway", ".key");
	put_file(out, "tls.ca", p->ca ? p->ca : "ca", p->ca ? ".key" : ".pem");
	put_text(out, "limits", p->limits ? p->limits : limits.p);
	put_text(out, "partners", p->partners ? p->partners : PIN " " PIN_2 "\n");
	put_text(out, "reserved", p->reserved ? p->reserved : "192.0.2.0/24\n2001:db8::/32\n");
	put_text(out, "known", p->known ? p->known : "198.51.100.7 1000 " PIN "\n");
	put_text(out, "names", p->names ? p->names : "north.example\n\n");
	if (p->log)
		put_text(out, "log", p->log);
	if (p->stranger)
		put_text(out, p->stranger, "");
	out->n -= p->cut;
	buf_free(&limits);
}

static struct settings *make(const struct parts *p, struct error *e)
{
	struct buf config = BUF_INIT(SETTINGS_MAX);

	*e = (struct error){ .reason = REASON_NONE };
	print_parts(p, &config);
	ck_assert(!config.failed);
	struct settings *s = settings_new(&config, e);
	ck_assert_uint_eq(config.n, 0);
	buf_free(&config);
	return s;
}

START_TEST(takes_what_is_whole)
{
	struct error e;
	struct settings *s = make(&(struct parts){ .cut = 0 }, &e);
	struct digest key, partner;
	struct prefix in, out;

	ck_assert_msg(s != NULL, "%s", e.text);
	ck_assert_uint_eq(s->limits.body_bytes, 1);
	ck_assert_uint_eq(s->limits.answer_ms, N_LIMITS);
	ck_assert(s->log_level == JOURNAL_INFO && s->log_form == JOURNAL_AUTO);
	/* both keys are the first one's */
	ck_assert(digest_parse(VIEW(PIN_2), &key) && settings_partner(s, &key, &partner));
	ck_assert(digest_parse(VIEW(PIN), &key) && digest_eq(&key, &partner));
	memset(&key, 0, sizeof key);
	ck_assert(!settings_partner(s, &key, &partner));
	ck_assert(prefix_parse(VIEW("192.0.2.9"), &in) && prefix_parse(VIEW("192.0.3.9"), &out));
	ck_assert(settings_lists(s, &in.address) && !settings_lists(s, &out.address));
	ck_assert(settings_answers_to(s, VIEW("NORTH.example")) && !settings_answers_to(s, VIEW("south.example")));
	ck_assert_ptr_eq(settings_ref(s), s);
	settings_unref(s);
	settings_unref(s);
	settings_unref(NULL);
	s = make(&(struct parts){ .log = "debug journal" }, &e);
	ck_assert_msg(s != NULL, "%s", e.text);
	ck_assert(s->log_level == JOURNAL_DEBUG && s->log_form == JOURNAL_FIELDS);
	settings_unref(s);
	/* Nobody, from nowhere, by no name. */
	s = make(&(struct parts){ .log = "", .partners = "", .reserved = "", .known = "", .names = "" }, &e);
	ck_assert_msg(s != NULL, "%s", e.text);
	ck_assert(!settings_partner(s, &key, &partner) && !settings_lists(s, &in.address));
	ck_assert(!settings_answers_to(s, VIEW("")));
	settings_unref(s);
}
END_TEST

static const struct {
	struct parts parts;
	const char *says;
} wrong[] = {
	{ { .cert = "ca" }, "tls.key" },
	{ { .key = "client" }, "tls.key" },
	{ { .ca = "ca" }, "tls.ca" },
	{ { .partners = "00ff\n" }, "a key is no digest" },
	{ { .partners = PIN " x\n" }, "a key is no digest" },
	{ { .reserved = "192.0.2.1\nnorth.example\n" }, "reserved" },
	{ { .reserved = "192.0.2.1/33\n" }, "reserved" },
	{ { .known = "192.0.2.1\n" }, "known" },
	{ { .known = "192.0.2.1 1000\n" }, "known" },
	{ { .known = "192.0.2.1 1000 00ff\n" }, "known" },
	{ { .known = "192.0.2.1 86400001 " PIN "\n" }, "known" },
	{ { .known = "north.example 1 " PIN "\n" }, "known" },
	{ { .log = "loud plain" }, "is no level and form" },
	{ { .log = "debug json" }, "is no level and form" },
	{ { .log = "debug" }, "is no level and form" },
	{ { .stranger = "tls" }, "unknown part" },
};

START_TEST(refuses_what_is_none)
{
	struct error e;

	ck_assert_ptr_null(make(&wrong[_i].parts, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_msg(strstr(e.text, wrong[_i].says) || strstr(e.where, wrong[_i].says), "%s: %s", e.where, e.text);
}
END_TEST

/* Each limit has its line, and no line is over. */
START_TEST(refuses_limits_that_are_none)
{
	struct buf lines = BUF_INIT(4096);
	struct error e;

	for (size_t n = 0; n < N_LIMITS; n++) {
		buf_reset(&lines);
		for (size_t i = 0; i < n; i++)
			buf_addf(&lines, "%zu\n", i);
		buf_adds(&lines, n % 2 ? "4294967296\n" : "");
		buf_addc(&lines, '\0');
		ck_assert_ptr_null(make(&(struct parts){ .limits = lines.p }, &e));
		ck_assert_int_eq(e.reason, REASON_CONFIG);
		ck_assert_msg(strstr(e.text, "is not a number"), "%s", e.text);
	}
	buf_reset(&lines);
	for (size_t i = 0; i <= N_LIMITS; i++)
		buf_adds(&lines, "7\n");
	buf_addc(&lines, '\0');
	ck_assert_ptr_null(make(&(struct parts){ .limits = lines.p }, &e));
	ck_assert_msg(strstr(e.text, "more lines than limits"), "%s", e.text);
	buf_free(&lines);
}
END_TEST

/* Wherever it ends: of a part that lost its end, and of all that lost a part that must be there. */
START_TEST(refuses_what_ends_early)
{
	struct buf whole = BUF_INIT(SETTINGS_MAX);
	struct error e;

	print_parts(&(struct parts){ .cut = 0 }, &whole);
	for (size_t cut = whole.n; cut > 0; cut = cut > 400 ? cut - 97 : cut - 1) {
		struct settings *s = make(&(struct parts){ .cut = cut }, &e);
		/* The last part alone may be missing: a gateway without names of its own. */
		if (s) {
			ck_assert_uint_eq(s->names.n, 0);
			settings_unref(s);
		} else {
			ck_assert_int_eq(e.reason, REASON_CONFIG);
		}
	}
	buf_free(&whole);
}
END_TEST

TCase *make_settings_case(void)
{
	TCase *c = tcase_create("settings");

	tcase_set_timeout(c, 60);
	tcase_add_unchecked_fixture(c, rig_setup, NULL);
	tcase_add_test(c, takes_what_is_whole);
	tcase_add_loop_test(c, refuses_what_is_none, 0, sizeof wrong / sizeof *wrong);
	tcase_add_test(c, refuses_limits_that_are_none);
	tcase_add_test(c, refuses_what_ends_early);
	return c;
}
