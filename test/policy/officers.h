/* Officers for tests: keys and certificates made by the openssl command in a folder of their own, and what they sign. */
#ifndef TEST_POLICY_OFFICERS_H
#define TEST_POLICY_OFFICERS_H

#include <time.h>
#include <unistd.h>

#include "lib/base/encode.h"
#include "lib/crypto/x509.h"
#include "test/policy/support.h"

#define OFFICERS_MAX 3

struct officers {
	char folder[64];
	struct {
		struct digest spki;
		struct buf der;
		int64_t training_until;
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
static inline bool officers_find(void *arg, const struct digest *spki, struct view *der, int64_t *training_until_ms)
{
	const struct officers *o = arg;

	for (size_t i = 0; i < o->n; i++)
		if (digest_eq(spki, &o->of[i].spki)) {
			*der = buf_view(&o->of[i].der);
			*training_until_ms = o->of[i].training_until;
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

/* A statement as its officer signs it. */
struct approval_text {
	size_t officer;
	const char *record, *tier, *exception; /* exception NULL: none is named */
	int64_t expires_ms;
	struct digest agreement;
	const struct digest *input; /* NULL: of the record, with a salt of the officer's own */
};

/* {statement, signature}, as an envelope carries it. */
static inline json_t *officers_sign(const struct officers *o, const struct approval_text *t)
{
	static const struct salt salt = { .b = { 1, 2, 3 } };
	struct view parts[] = { view_make(salt.b, sizeof salt.b), view_of(t->record) };
	struct digest input;
	struct buf signature = BUF_INIT(1 << 20), statement = BUF_INIT(2000);
	struct error e = { .reason = REASON_NONE };
	char input_hex[65], agreement_hex[65], spki[65], until[TIME_TEXT + 1], path[200];

	sha256_parts(parts, 2, &input);
	hex_of(t->input ? t->input : &input, input_hex);
	hex_of(&t->agreement, agreement_hex);
	hex_of(&o->of[t->officer].spki, spki);
	time_print(t->expires_ms, until);
	buf_addf(&statement,
	         "{\"agreement\":\"%s\",\"input\":\"%s\",\"tier\":\"%s\",\"expires\":\"%s\",\"officer\":\"%s\"",
	         agreement_hex, input_hex, t->tier, until, spki);
	if (!t->input)
		buf_adds(&statement, ",\"salt\":\"01020300000000000000000000000000\"");
	if (t->exception)
		buf_addf(&statement, ",\"exception\":\"%s\"", t->exception);
	buf_addc(&statement, '}');
	snprintf(path, sizeof path, "%s/%zu.pem", o->folder, t->officer);
	struct view pem = read_whole(path);
	snprintf(path, sizeof path, "%s/%zu.key", o->folder, t->officer);
	struct view key = read_whole(path);
	ck_assert_msg(cms_sign(VIEW(""), buf_view(&statement), pem, key, &signature, &e), "%s", e.text);
	json_t *out =
	        json_pack("{s:s%,s:s%}", "statement", statement.p, statement.n, "signature", signature.p, signature.n);
	ck_assert(out != NULL);
	buf_free(&signature);
	buf_free(&statement);
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
		{ NULL, "effective_from", -30 },
		{ NULL, "sunset", 700 },
		{ "review", "next", 300 },
		{ "assessment", "approved_at", -60 },
		{ "assessment", "next_review", 300 },
		{ "renewal", "opens", 400 },
		{ "renewal", "closes", 600 },
	};
	size_t i;
	json_t *x;

	for (i = 0; i < sizeof dates / sizeof dates[0]; i++) {
		char text[TIME_TEXT + 1];
		time_print(now_ms + dates[i].days * DAY_MS, text);
		json_object_set_new(dates[i].clause ? json_object_get(doc, dates[i].clause) : doc, dates[i].member,
		                    json_string(text));
	}
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
