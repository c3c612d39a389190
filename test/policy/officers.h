/* Officers for tests: keys and certificates made by the openssl command in a folder of their own, and what they sign. */
#ifndef TEST_POLICY_OFFICERS_H
#define TEST_POLICY_OFFICERS_H

#include <time.h>
#include <unistd.h>

#include "lib/base/encode.h"
#include "lib/crypto/x509.h"
#include "lib/policy/approval.h"
#include "test/policy/support.h"

#define OFFICERS_MAX 3

struct officers {
	char folder[64];
	struct {
		struct digest spki;
		struct buf der;
		int64_t training_until;
		struct view agency;
	} of[OFFICERS_MAX];
	size_t n;
};

static inline void officers_make(struct officers *o, size_t n, int64_t training_until)
{
	snprintf(o->folder, sizeof o->folder, "/tmp/check-policy-XXXXXX");
	ck_assert(mkdtemp(o->folder) != NULL);
	for (o->n = 0; o->n < n; o->n++) {
		char command[800], path[200];
		struct error e = { .reason = REASON_NONE };
		struct cert_id id;
		snprintf(
		        command, sizeof command,
		        "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
		        "-keyout %zu.key -out %zu.pem -days 3650 -subj /CN=officer -addext subjectAltName=URI:urn:example:officer:%zu "
		        "2>/dev/null",
		        o->folder, o->n, o->n, o->n);
		ck_assert_int_eq(system(command), 0);
		snprintf(path, sizeof path, "%s/%zu.pem", o->folder, o->n);
		struct view pem = read_whole(path);
		o->of[o->n].der = BUF_INIT(1 << 16);
		o->of[o->n].training_until = training_until;
		o->of[o->n].agency = VIEW("north");
		ck_assert(cert_pem_to_der(pem, &o->of[o->n].der, &e));
		ck_assert_msg(cert_read(buf_view(&o->of[o->n].der), &id, &e), "%s", e.text);
		o->of[o->n].spki = id.spki;
		free((void *)(uintptr_t)pem.p);
	}
}

static inline void officers_free(struct officers *o)
{
	char command[200];

	snprintf(command, sizeof command, "rm -r %s", o->folder);
	ck_assert_int_eq(system(command), 0);
	for (size_t i = 0; i < o->n; i++)
		buf_free(&o->of[i].der);
}

/* For facts.officer. */
static inline bool officers_find(void *arg, const struct digest *spki, struct officer_found *out)
{
	const struct officers *o = arg;

	for (size_t i = 0; i < o->n; i++)
		if (digest_eq(spki, &o->of[i].spki)) {
			*out = (struct officer_found){ buf_view(&o->of[i].der), o->of[i].agency,
				                       o->of[i].training_until };
			return true;
		}
	return false;
}

static inline void hex_of(const struct digest *d, char out[65])
{
	struct buf b = BUF_INIT(100);

	digest_print(&b, d);
	memcpy(out, b.p, 64);
	out[64] = '\0';
	buf_free(&b);
}

/* A statement as its officer signs it: what approval.schema.json wants for an envelope, and what a test has it say
 * otherwise. */
struct approval_text {
	size_t officer;
	const json_t *envelope;
	int64_t expires_ms;
	struct digest agreement;
	const struct digest *input;   /* NULL: of the record, with a salt of the officer's own */
	const char *member, *instead; /* says this of that member; `instead` NULL: nothing */
};

static inline json_t *approval_statement(const struct officers *o, const struct approval_text *t)
{
	static const struct salt salt = { .b = { 1, 2, 3 } };
	static const char *const members[] = { "purpose", "tier", "subject_category", "case", "exception" };
	char *record = json_dumps(json_object_get(t->envelope, "record"), JSON_COMPACT);
	struct view parts[] = { view_make(salt.b, sizeof salt.b), view_of(record) };
	struct digest input;
	char hex[65], until[TIME_TEXT + 1];
	json_t *doc = json_pack("{s:s}", "subject_category", "uncategorised");

	sha256_parts(parts, 2, &input);
	free(record);
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		if (json_object_get(t->envelope, members[i]))
			json_object_set(doc, members[i], json_object_get(t->envelope, members[i]));
	json_t *named = json_object_get(json_object_get(t->envelope, "officer"), "certificate");
	if (named)
		json_object_set(doc, "named", named);
	hex_of(t->input ? t->input : &input, hex);
	json_object_set_new(doc, "input", json_string(hex));
	if (!t->input)
		json_object_set_new(doc, "salt", json_string("01020300000000000000000000000000"));
	hex_of(&t->agreement, hex);
	json_object_set_new(doc, "agreement", json_string(hex));
	hex_of(&o->of[t->officer].spki, hex);
	json_object_set_new(doc, "officer", json_string(hex));
	time_print(t->expires_ms, until);
	json_object_set_new(doc, "expires", json_string(until));
	if (t->member && t->instead)
		json_object_set_new(doc, t->member, json_string(t->instead));
	else if (t->member)
		json_object_del(doc, t->member);
	return doc;
}

/* {statement, signature}, as an envelope carries it. */
static inline json_t *officers_sign(const struct officers *o, const struct approval_text *t)
{
	struct buf signature = BUF_INIT(1 << 20);
	struct error e = { .reason = REASON_NONE };
	json_t *doc = approval_statement(o, t);
	char *statement = json_dumps(doc, JSON_COMPACT), path[200];

	snprintf(path, sizeof path, "%s/%zu.pem", o->folder, t->officer);
	struct view pem = read_whole(path);
	snprintf(path, sizeof path, "%s/%zu.key", o->folder, t->officer);
	struct view key = read_whole(path);
	ck_assert_msg(cms_sign(VIEW(""), view_of(statement), pem, key, &signature, &e), "%s", e.text);
	json_t *out = json_pack("{s:s,s:s%}", "statement", statement, "signature", signature.p, signature.n);
	ck_assert(out != NULL);
	buf_free(&signature);
	free(statement);
	json_decref(doc);
	free((void *)(uintptr_t)pem.p);
	free((void *)(uintptr_t)key.p);
	return out;
}

/* Signatures carry the time of the real clock, and are judged a little later. */
static inline int64_t after_signing_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + 60000;
}

/* Moves an agreement's dates so that it is in force at `now_ms`, whenever the test runs. */
static inline void put_in_force(json_t *doc, int64_t now_ms)
{
	const struct {
		const char *clause, *member;
		int64_t days;
	} dates[] = {
		{ NULL, "effective_from", -30 },      { NULL, "sunset", 700 },     { "review", "next", 300 },
		{ "assessment", "next_review", 300 }, { "renewal", "opens", 400 }, { "renewal", "closes", 600 },
	};
	size_t i;
	json_t *x;

	for (i = 0; i < sizeof dates / sizeof dates[0]; i++) {
		char text[TIME_TEXT + 1];
		time_print(now_ms + dates[i].days * DAY_MS, text);
		json_object_set_new(dates[i].clause ? json_object_get(doc, dates[i].clause) : doc, dates[i].member,
		                    json_string(text));
	}
	/* Whenever it is loaded: by the tests' instant, or by the clock's. */
	char approved[TIME_TEXT + 1];
	time_print((now_ms < NOW ? now_ms : NOW) - 60 * DAY_MS, approved);
	json_object_set_new(json_object_get(doc, "assessment"), "approved_at", json_string(approved));
	json_array_foreach(json_object_get(doc, "exceptions"), i, x)
	{
		char text[TIME_TEXT + 1];
		time_print(now_ms + 200 * DAY_MS, text);
		json_object_set_new(x, "expires", json_string(text));
	}
	json_array_foreach(json_object_get(doc, "algorithms"), i, x)
	{
		char text[TIME_TEXT + 1];
		time_print(now_ms + 900 * DAY_MS, text);
		json_object_set_new(x, "expires", json_string(text));
	}
}

#endif
