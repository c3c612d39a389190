/* Acts over HTTP: shown by anyone who has a certificate and a reason to, read by those whom they concern. See acts.h. */
#include "gatewayd/core/acts/acts.h"

#include <jansson.h>

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/store/log.h"
#include "lib/base/datetime.h"
#include "lib/base/encode.h"
#include "lib/tlog/entry.h"

#define ANSWER_MAX (1u << 20)
#define PAGE       100

/* --- what came of it --- */

static void print_time(struct buf *out, const char *name, int64_t ms)
{
	char text[TIME_TEXT + 1];

	if (ms == TIME_NONE)
		return;
	time_print(ms, text);
	buf_addf(out, ",\"%s\":\"%s\"", name, text);
}

void act_print_outcome(const struct act_submission *s, struct buf *out)
{
	buf_adds(out, "{\"act\":\"");
	digest_print(out, &s->digest);
	buf_addf(out, "\",\"kind\":\"%s\",\"state\":\"%s\"", act_kind_name(s->kind), act_state_name(s->state));
	if (s->lacks.n) {
		buf_adds(out, ",\"lacks\":");
		buf_add_json_string(out, buf_view(&s->lacks));
	}
	print_time(out, "until", s->due_ms);
	buf_addf(out, ",\"first\":%s", s->first ? "true" : "false");
}

static void add_receipt(const struct act_submission *s, struct buf *out)
{
	struct buf receipt = BUF_INIT(2 * 65536);

	receipt_print(&s->job.receipt, buf_view(&s->leaf), &receipt);
	buf_addf(out, ",\"audit_index\":%llu,\"receipt\":", (unsigned long long)store_entry_index(s->index));
	buf_add_json_string(out, buf_view(&receipt));
	out->failed = out->failed || receipt.failed;
	buf_free(&receipt);
}

static void add_errors(const struct act_submission *s, struct buf *out)
{
	buf_adds(out, ",\"errors\":[{\"pointer\":");
	buf_add_json_string(out, view_of(s->refused.where));
	buf_addf(out, ",\"keyword\":\"act\",\"code\":\"%s\",\"detail\":", reason_slug(s->refused.reason));
	buf_add_json_string(out, view_make(s->refused.text, utf8_valid(view_of(s->refused.text))));
	buf_adds(out, "}]");
}

static void answer(struct act_submission *s)
{
	struct request *r = s->owner;
	enum reason reason = s->refused.reason;
	struct buf body = BUF_INIT(ANSWER_MAX);
	struct answer a = { .status = s->state == ACT_OPEN ? 202 : 200 };

	if (reason != REASON_NONE) {
		a.status = reason_status(reason);
		a.content_type = VIEW("application/problem+json");
		problem_open(&body, reason);
		add_errors(s, &body);
	} else {
		act_print_outcome(s, &body);
	}
	if (s->logged)
		add_receipt(s, &body);
	buf_addc(&body, '}');
	a.body = buf_view(&body);
	if (body.failed)
		answer_problem(r, REASON_NO_MEMORY);
	else
		answer_send(r, &a);
	buf_free(&body);
	act_submission_free(s);
}

/* --- what came --- */

struct shown {
	json_t *doc;
	struct view text;
	struct view signatures[COUNCIL_SEATS_MAX];
	size_t n;
};

static struct view text_of(const json_t *o)
{
	return json_is_string(o) ? view_make(json_string_value(o), json_string_length(o)) : VIEW("");
}

/* {"act": text, "signatures": [text]}; of signatures alone the second. NULL: it is that; else what is wrong. */
static const char *read_body(const struct request *r, bool with_act, struct shown *out)
{
	const json_t *list, *one;
	size_t i;

	out->doc = json_loadb(r->body.p, r->body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	list = json_object_get(out->doc, "signatures");
	out->text = text_of(json_object_get(out->doc, "act"));
	if (!json_is_object(out->doc) || json_object_size(out->doc) != (with_act ? 2u : 1u))
		return with_act ? "is no object of act and signatures" : "is no object of signatures";
	if (with_act && out->text.n == 0)
		return "act is the text that was signed, as a string";
	if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > COUNCIL_SEATS_MAX)
		return "signatures is a list of one to 32 texts";
	json_array_foreach(list, i, one)
	{
		out->signatures[out->n] = text_of(one);
		if (out->signatures[out->n++].n == 0)
			return "a signature is a text, as PEM";
	}
	return NULL;
}

void handle_act(struct request *r)
{
	struct view digest = request_path_part(r, 2);
	struct shown shown = { .n = 0 };
	struct digest known;
	const char *wrong;

	if (!request_media_is(r, "application/json")) {
		answer_problem(r, REASON_MEDIA_TYPE);
		return;
	}
	if (digest.n && !digest_parse(digest, &known)) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	wrong = read_body(r, digest.n == 0, &shown);
	if (wrong) {
		answer_problem_at(r, REASON_ACT_INVALID, wrong);
		json_decref(shown.doc);
		return;
	}
	struct act_submission *s = act_submission_new(r->worker->core, r->worker->reader, r->worker->home);
	if (!s) {
		answer_problem(r, REASON_NO_MEMORY);
		json_decref(shown.doc);
		return;
	}
	s->conf = conf_ref(r->conf);
	s->lane = request_lane(r);
	s->peer = r->peer->id;
	s->from = r->peer->roles & ROLE(GATEWAY) ? r->peer->agency : NULL;
	s->now_ms = r->now_ms;
	s->done = answer;
	s->owner = r;
	if (digest.n)
		act_submit_signatures(s, &known, shown.signatures, shown.n);
	else
		act_submit(s, shown.text, shown.signatures, shown.n);
	json_decref(shown.doc);
}

/* --- reading --- */

bool act_concerns(const struct conf *conf, struct view agreement, const struct partner *p, int64_t now_ms)
{
	const struct agreement *a = conf_agreement(conf, agreement, NULL, now_ms);
	struct view agency = view_of(p->agency);

	if (view_is(agency, conf->node.agency))
		return true;
	if (!a)
		return false;
	if (agreement_has_party(a, agency) || agreement_has_seat(a, view_of(p->id)) || agreement_has_seat(a, agency))
		return true;
	for (size_t i = 0; i < p->n_oversees; i++)
		if (agreement_has_party(a, view_of(p->oversees[i])))
			return true;
	return false;
}

static bool add_signature(void *arg, const struct store_act_signature *g)
{
	struct buf *out = arg;

	if (out->n && out->p[out->n - 1] != '[')
		buf_addc(out, ',');
	buf_adds(out, "{\"seat\":");
	buf_add_json_string(out, g->seat);
	buf_adds(out, ",\"agency\":");
	buf_add_json_string(out, g->agency);
	buf_adds(out, ",\"key\":\"");
	digest_print(out, &g->spki);
	buf_addc(out, '"');
	print_time(out, "received", g->received_ms);
	buf_adds(out, ",\"cms\":");
	buf_add_json_string(out, g->cms);
	buf_addc(out, '}');
	return true;
}

bool act_print(struct store *reader, const struct store_act *row, bool all, struct buf *out, struct error *e)
{
	uint64_t number = row->number;
	bool ok = true;

	buf_adds(out, "{\"act\":\"");
	digest_print(out, &row->digest);
	buf_addf(out, "\",\"kind\":\"%s\",\"status\":\"%s\",\"state\":\"%s\",\"agreement\":",
	         act_kind_name((enum act_kind)row->kind), act_status_name((enum act_status)row->status),
	         act_state_name(row->state));
	buf_add_json_string(out, row->agreement);
	print_time(out, "received", row->received_ms);
	print_time(out, "from", row->from_ms);
	print_time(out, "until", row->due_ms);
	print_time(out, "ended", row->ended_ms);
	buf_addf(out, ",\"audit_index\":%llu", (unsigned long long)store_entry_index(row->entry));
	if (all) {
		buf_adds(out, ",\"text\":");
		buf_add_json_string(out, row->text);
		buf_adds(out, ",\"signatures\":[");
		ok = store_list_act_signatures(reader, number, add_signature, out, e);
		buf_addc(out, ']');
	}
	buf_addc(out, '}');
	return ok && (!out->failed || error_set(e, REASON_NO_MEMORY, "memory ran out"));
}

struct page {
	struct request *r;
	struct buf *out;
	unsigned n;
	uint64_t last;
	bool more, failed;
};

static bool list_act(void *arg, const struct store_act *row)
{
	struct page *p = arg;
	struct error e = { .reason = REASON_NONE };

	if (!act_concerns(p->r->conf, row->agreement, p->r->peer, p->r->now_ms))
		return true;
	if (p->n == PAGE) {
		p->more = true;
		return false;
	}
	buf_adds(p->out, p->n++ ? "," : "");
	p->last = row->number;
	p->failed = !act_print(NULL, row, false, p->out, &e);
	return !p->failed;
}

static void list_acts(struct request *r)
{
	struct buf out = BUF_INIT(ANSWER_MAX);
	struct page p = { .r = r, .out = &out };
	struct error e = { .reason = REASON_NONE };
	struct view after = request_query(r, "after");
	unsigned long long from = 0;

	if (after.n && !view_to_u64(after, INT64_MAX, &from)) {
		answer_problem_at(r, REASON_BAD_QUERY, "after is the number that the last page ended with");
		return;
	}
	buf_adds(&out, "{\"acts\":[");
	if (!store_list_acts(r->worker->reader, from, INT32_MAX, request_query(r, "agreement"), false, list_act, &p,
	                     &e) ||
	    p.failed) {
		answer_unread(r, &e);
	} else {
		buf_addf(&out, "],\"after\":%llu,\"more\":%s}", (unsigned long long)(p.n ? p.last : from),
		         p.more ? "true" : "false");
		answer_written(r, VIEW("application/json"), &out);
	}
	buf_free(&out);
}

void handle_acts(struct request *r)
{
	struct view name = request_path_part(r, 2);
	struct buf out = BUF_INIT(ANSWER_MAX);
	struct error e = { .reason = REASON_NONE };
	struct store_act row;
	struct digest digest;

	if (name.n == 0) {
		list_acts(r);
		return;
	}
	if (!digest_parse(name, &digest) || !store_find_act(r->worker->reader, &digest, &row, &e) ||
	    !act_concerns(r->conf, row.agreement, r->peer, r->now_ms)) {
		if (e.reason != REASON_NONE)
			answer_unread(r, &e);
		else
			answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	if (act_print(r->worker->reader, &row, true, &out, &e))
		answer_written(r, VIEW("application/json"), &out);
	else
		answer_unread(r, &e);
	buf_free(&out);
}
