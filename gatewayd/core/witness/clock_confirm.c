/* The clock's confirmation by a person. See clock.h. */
#include "gatewayd/core/witness/clock_private.h"

#include <jansson.h>

#include "gatewayd/core/audit/testimony.h"
#include "gatewayd/core/store/rest.h"
#include "lib/schema/document.h"
#include "gatewayd/os/log.h"
#include "lib/tlog/entry.h"

#define WATCH_MS      (10 * 60 * SECOND_MS) /* by which a person's watch may differ */
#define LIFE_MS       (3600 * SECOND_MS)
#define STATEMENT_MAX 4096
#define SIGNATURE_MAX 32768

struct confirming {
	struct job job; /* first */
	struct clock *clock;
	clock_done *done;
	void *arg;
	struct buf text, signature;
	struct digest digest; /* of the text */
	int64_t now_ms, monotonic_ms;
	const char *fault; /* NULL: it holds */
	char signer[128];
	struct testimony testimony;
};

static void confirming_free(struct confirming *a)
{
	testimony_free(&a->testimony);
	buf_free(&a->text);
	buf_free(&a->signature);
	free(a);
}

static struct view member(const json_t *o, const char *name)
{
	return view_of(json_string_value(json_object_get(o, name)));
}

static bool own_person(const void *arg, const struct partner *p)
{
	const struct conf *conf = arg;

	return p->roles & (ROLE(OPERATOR) | ROLE(OFFICER)) && view_is(view_of(conf->node.agency), p->agency);
}

static const char *statement_fault(const json_t *doc, const struct conf *conf, int64_t now_ms)
{
	int64_t watch, issued, expires;

	if (!time_parse(member(doc, "now"), &watch) || !time_parse(member(doc, "issued"), &issued) ||
	    !time_parse(member(doc, "expires"), &expires))
		return "the statement's times cannot be read";
	if (!view_is(member(doc, "origin"), conf->node.origin))
		return "the statement is about another node's clock";
	if (watch > now_ms + WATCH_MS || watch < now_ms - WATCH_MS)
		return "the signer's watch and this clock differ by more than 10 minutes";
	if (issued > now_ms + WATCH_MS || expires <= now_ms)
		return "the statement does not hold at this time";
	return expires > issued + LIFE_MS ? "the statement holds for more than an hour" : NULL;
}

static const char *signature_fault(struct confirming *a, const json_t *doc, const struct conf *conf)
{
	struct cms_signer by = { .name = VIEW("signer") };
	struct error e = { .reason = REASON_NONE };
	const struct partner *p;
	struct digest spki;

	if (!digest_parse(member(doc, "by"), &spki) || !(p = conf_signer(conf, own_person, conf, &spki, &by.cert_der)))
		return "the statement names no operator or officer of this agency";
	/* The signer's watch may be ahead. */
	if (!cms_verify(buf_view(&a->signature), buf_view(&a->text), &by, 1, a->now_ms + WATCH_MS, &e) || !by.signed_it)
		return "the statement is not signed by the one whom it names";
	snprintf(a->signer, sizeof a->signer, "%s", p->id);
	return NULL;
}

static const char *find_fault(struct confirming *a)
{
	struct error_list errors = { .max = 1 };
	json_t *doc = document_read(a->clock->schema, "clock", buf_view(&a->text), &errors);
	struct conf *conf = core_conf(a->clock->core);
	const char *fault = doc ? statement_fault(doc, conf, a->now_ms) : "the statement is not one about a clock";

	if (!fault)
		fault = signature_fault(a, doc, conf);
	if (!fault && clock_trusted(a->clock->core))
		fault = "the clock is trusted: there is nothing to confirm";
	conf_unref(conf);
	json_decref(doc);
	error_list_free(&errors);
	return fault;
}

/* One that was shown before proves nothing about the time: it would confirm a clock that was put back to then. */
static bool write_once(struct confirming *a, struct store *s, struct error *e)
{
	struct digest signature;
	struct view known;

	switch (sought(store_get_document(s, &a->digest, &known, e), e)) {
	case SOUGHT_FOUND: a->fault = "the statement was shown before"; return true;
	case SOUGHT_NONE: break;
	case SOUGHT_FAILED: return false;
	}
	sha256(buf_view(&a->signature), &signature);
	return store_put_document(s, &a->digest, VIEW("clock"), buf_view(&a->text), a->now_ms, e) &&
	       store_put_document(s, &signature, VIEW("signature"), buf_view(&a->signature), a->now_ms, e) &&
	       store_put_value(s, CLOCK_VALUE, VIEW(""), e);
}

static bool write_confirmation(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct confirming *a = JOB_OF(struct confirming, j);
	struct entry entry = { .operation = OPERATION_DECISION, .time_ms = a->now_ms };
	uint64_t index;

	if (!a->fault && !write_once(a, s, e))
		return false;
	entry.note =
	        a->fault ? VIEW("the clock was to be confirmed, in vain") : VIEW("the clock was confirmed by a person");
	return testimony_append(&a->testimony, a->clock->core, w, j, &entry, &index, e);
}

static void confirmed(struct job *j)
{
	struct confirming *a = JOB_OF(struct confirming, j);
	struct clock *c = a->clock;
	struct clock_result r = { .text = j->committed ? a->fault : j->error.text };

	if (!r.text) {
		/* As the clock stood when it was confirmed: a step since then is the next look's to judge. */
		clock_accept(c, a->now_ms + c->monotonic_ms - a->monotonic_ms);
		c->stored = false;
		atomic_store(&c->verdict, (int)clock_judge(&c->facts));
		log_line("notice", "the clock was confirmed: what is due is erased");
	}
	a->done(a->arg, &r);
	writer_release(j);
	confirming_free(a);
}

void clock_confirm(struct clock *c, const struct clock_request *r)
{
	struct clock_result no = { .text = "memory ran out" };
	struct confirming *a = NULL;

	if (r->statement.n > STATEMENT_MAX || r->signature.n > SIGNATURE_MAX)
		no.text = "statement or signature is too long";
	else
		a = calloc(1, sizeof *a);
	if (!a) {
		r->done(r->arg, &no);
		return;
	}
	/* By the last look, which judged this clock. */
	*a = (struct confirming){ .clock = c,
		                  .done = r->done,
		                  .arg = r->arg,
		                  .now_ms = c->facts.now_ms,
		                  .monotonic_ms = c->monotonic_ms,
		                  .text = BUF_INIT(STATEMENT_MAX),
		                  .signature = BUF_INIT(SIGNATURE_MAX) };
	buf_add(&a->text, r->statement);
	buf_add(&a->signature, r->signature);
	if (a->text.failed || a->signature.failed) {
		r->done(r->arg, &no);
		confirming_free(a);
		return;
	}
	sha256(r->statement, &a->digest);
	a->fault = find_fault(a);
	testimony_statement(&a->testimony, r->uid, r->statement, a->signer, a->fault);
	a->job = (struct job){ .home = r->home, .run = write_confirmation, .done = confirmed };
	writer_submit(c->core->writer, &a->job);
}
