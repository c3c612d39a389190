/* The gateway's own judgement, for test/meaning/run.py: reads one world a line on stdin (agreement, floor, overlay, record
 * schemas, envelopes, all as texts) and answers one line: why the agreement does not load, or what becomes of each
 * envelope, by the same steps in the same order as an exchange of the daemon; and what the recipient's gateway then says
 * of each record that left. One process for all worlds; one thread. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/policy/beside.h"
#include "lib/policy/consents.h"
#include "lib/policy/decision.h"
#include "lib/schema/document.h"

#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"

struct judge {
	struct schema *envelope_schema;
	struct schema_run *run;
	struct tape_parser *in, *out, *codes;
	struct caveats came; /* with what the envelope passes on */
	struct buf caveats;  /* under which it travels */
	struct transform_run *transform;
	struct buf scratch, record, beside, parcel, again;
	struct member_order order;
	struct beside leaves; /* beside the record */
	const json_t *world;
	struct surrogate_key drawn[64];
	size_t n_drawn;
	struct signed_document *withdrawals, *given; /* of the world; NULL: it has none */
};

static struct view text_of(const json_t *s)
{
	return view_make(json_string_value(s), json_string_length(s));
}

static struct view member(const json_t *o, const char *name)
{
	const json_t *s = json_object_get(o, name);
	return s ? text_of(s) : VIEW("");
}

static bool find_schema(void *arg, const struct digest *digest, struct view *text)
{
	const struct judge *j = arg;
	const json_t *list = json_object_get(j->world, "schemas");
	struct digest have;

	for (size_t i = 0; i < json_array_size(list); i++) {
		*text = text_of(json_array_get(list, i));
		sha256(*text, &have);
		if (digest_eq(&have, digest))
			return true;
	}
	return false;
}

/* The n-th key gets bytes that say n: equal keys come out alike, others differ. */
static bool find_surrogate(void *arg, const struct surrogate_key *key, uint8_t out[SURROGATE_BYTES], struct error *e)
{
	struct judge *j = arg;
	size_t i = 0;

	while (i < j->n_drawn && !digest_eq(&j->drawn[i].digest, &key->digest))
		i++;
	if (i == sizeof j->drawn / sizeof j->drawn[0])
		return error_set(e, REASON_LIMIT, "too many surrogates for this test");
	if (i == j->n_drawn)
		j->drawn[j->n_drawn++] = *key;
	memset(out, (int)(i + 1), SURROGATE_BYTES);
	return true;
}

/* The lists of consents that the agreement asks for, as a configuration that holds them gives them. */
static void add_lists(struct judge *j, const struct agreement *a, struct facts *f)
{
	bool withdrawals = agreement_withdrawals(a).n != 0, given = agreement_given(a).n != 0;

	f->withdrawals = withdrawals ? j->withdrawals : NULL;
	f->given = given ? j->given : NULL;
	f->consent_unknown = (withdrawals && !(f->withdrawals && consents_current(f->withdrawals, f->now_ms))) ||
	                     (given && !(f->given && consents_current(f->given, f->now_ms)));
}

static struct signed_document *read_list(struct judge *j, const char *kind)
{
	const struct document_sources from = { .unsigned_ok = true,
		                               .now_ms = json_integer_value(json_object_get(j->world, "now")) };
	struct error_list errors = { .max = 20 };
	struct view text = member(j->world, kind);
	struct signed_document *d = text.n ? signed_document_load(kind, text, VIEW(""), &from, &errors) : NULL;

	error_list_free(&errors);
	return d;
}

static bool take_beside(struct judge *j, struct decision *d, const struct envelope *env, const struct tape *t,
                        struct buf *text, struct beside *out)
{
	const struct beside_tools tools = {
		.parser = j->out, .run = j->run, .transform = j->transform, .order = &j->order, .text = text
	};

	return beside_take(d, env, t, &tools, out);
}

/* The envelope that goes from gateway to gateway, of what was decided last: `d`, on the tape of j->in. */
static bool write_parcel(struct judge *j, const struct decision *d, const struct envelope *env)
{
	buf_reset(&j->parcel);
	beside_delivery(d, env, &j->leaves, &j->order, &j->parcel);
	j->parcel.n--;
	buf_adds(&j->parcel, ",\"record\":");
	buf_add(&j->parcel, buf_view(&j->record));
	buf_adds(&j->parcel, ",\"origin\":{\"exchange\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"agency\":\"north\","
	                     "\"node\":\"gw1\",\"agreement_digest\":\"" ZERO32 "\",\"entry\":\"e30=\",\"proof\":\"p\","
	                     "\"salt\":\"00000000000000000000000000000000\",\"caveats\":");
	buf_add(&j->parcel, buf_view(&j->caveats));
	buf_adds(&j->parcel, "}}");
	return !j->parcel.failed;
}

static bool same_beside(const struct beside *a, const struct beside *b)
{
	return view_eq(a->case_ref, b->case_ref) && view_eq(a->handling, b->handling) &&
	       view_eq(a->reference, b->reference);
}

/* How the recipient's gateway takes j->parcel: NULL, or what it finds wrong. Its record is in j->again. */
static const char *arrive(struct judge *j, const struct agreement *a, unsigned checked, const struct digest *consent)
{
	static const struct digest none;
	struct error e = { .reason = REASON_NONE };
	struct facts facts = { .now_ms = json_integer_value(json_object_get(j->world, "now")),
		               .self = VIEW("south"),
		               .agency = VIEW("north"),
		               .gateway = true,
		               .checked = checked,
		               .consent = digest_eq(consent, &none) ? NULL : consent };
	struct buf text = BUF_INIT(1 << 20);
	struct envelope envelope;
	struct beside leaves;
	struct decision d;
	struct tape t;

	add_lists(j, a, &facts);
	buf_reset(&j->again);
	buf_reset(&j->scratch);
	if (!tape_parse(j->in, buf_view(&j->parcel), &t, &e) ||
	    !envelope_read(j->envelope_schema, j->run, &t, &j->scratch, &envelope, &e))
		return "envelope";
	if (!decision_authorise(&d, a, &facts, &envelope, &t))
		return "not authorised";
	if (schema_check(d.ruling->output, j->run, &t, envelope.record) != SCHEMA_VALID)
		return "output schema";
	if (!program_check_output(d.ruling->shared, &t, envelope.record, &e))
		return "form";
	bool alike = take_beside(j, &d, &envelope, &t, &text, &leaves) && same_beside(&leaves, &j->leaves);
	buf_free(&text);
	if (!alike)
		return "what arrived beside the record";
	struct transform_input in = { .tape = &t, .record = envelope.record };
	if (!program_run(d.ruling->program, j->transform, &in, &j->again, &e))
		return "own rules";
	return decision_conclude(&d, &envelope, &t, j->transform) ? NULL : reason_slug(d.failed[0].reason);
}

static bool decide(struct judge *j, const struct agreement *a, struct view text, struct decision *d)
{
	struct error e = { .reason = REASON_NONE };
	struct facts facts = { .now_ms = json_integer_value(json_object_get(j->world, "now")),
		               .self = VIEW("north"),
		               .agency = VIEW("north") };
	struct envelope envelope;
	struct tape t, out;

	add_lists(j, a, &facts);
	*d = (struct decision){
		.outcome = OUTCOME_REFUSED, .agreement = a, .tier = TIER_COUNT, .category = SUBJECT_COUNT
	};
	buf_reset(&j->scratch);
	buf_reset(&j->record);
	if (!tape_parse(j->in, text, &t, &e) ||
	    !envelope_read(j->envelope_schema, j->run, &t, &j->scratch, &envelope, &e)) {
		decision_fail(d, e.reason, e.text, e.where);
		return false;
	}
	if (envelope.onward_of.n) {
		char id[UUID_TEXT + 1];
		struct tape came;
		snprintf(id, sizeof id, "%.*s", VIEW_ARG(envelope.onward_of));
		struct view text_came = member(json_object_get(j->world, "came"), id);
		if (!tape_parse(j->codes, text_came, &came, &e) || !caveats_read(&came, 0, &j->came, &e))
			return false;
		facts.inherited = &j->came;
	}
	bool may = decision_authorise(d, a, &facts, &envelope, &t);
	/* While the envelope's words are there. */
	caveats_print(&d->caveats, &j->caveats);
	if (!may)
		return false;
	if (schema_check(d->ruling->input, j->run, &t, envelope.record) != SCHEMA_VALID) {
		decision_fail(d, REASON_SCHEMA_VIOLATION, "", "");
		return false;
	}
	if (!take_beside(j, d, &envelope, &t, &j->beside, &j->leaves))
		return false;
	const struct surrogate_table surrogates = { j, find_surrogate };
	struct transform_input in = { .tape = &t,
		                      .record = envelope.record,
		                      .subject = envelope.reference,
		                      .random = { 1 },
		                      .surrogates = &surrogates };
	if (!program_run(d->ruling->program, j->transform, &in, &j->record, &e)) {
		decision_fail(d, e.reason ? e.reason : REASON_CRYPTO, e.text, e.where);
		return false;
	}
	if (!decision_conclude(d, &envelope, &t, j->transform))
		return false;
	if (!tape_parse(j->out, buf_view(&j->record), &out, &e) ||
	    schema_check(d->ruling->output, j->run, &out, 0) != SCHEMA_VALID) {
		decision_fail(d, REASON_OUTPUT_VIOLATION, "", "");
		return false;
	}
	return write_parcel(j, d, &envelope);
}

static void put_member(struct buf *b, const char *name, struct view token)
{
	if (token.n == 0)
		return;
	buf_addf(b, "%s\"%s\":", b->n > 1 ? "," : "", name);
	buf_add(b, token);
}

/* What leaves beside the record, as one object. */
static json_t *beside_text(const struct judge *j)
{
	struct buf b = BUF_INIT(1 << 20);

	buf_addc(&b, '{');
	put_member(&b, "case", j->leaves.case_ref);
	put_member(&b, "handling", j->leaves.handling);
	put_member(&b, "reference", j->leaves.reference);
	buf_addc(&b, '}');
	json_t *text = json_stringn(b.p, b.n);
	buf_free(&b);
	return text;
}

static json_t *answer_one(struct judge *j, const struct agreement *a, struct view envelope)
{
	struct decision d;
	json_t *reasons = json_array(), *answer = json_pack("{s:o}", "reasons", reasons);

	const struct caveat *why;

	j->n_drawn = 0;
	j->came.n = 0;
	buf_reset(&j->caveats);
	if (!decide(j, a, envelope, &d) && d.outcome != OUTCOME_HELD)
		d.outcome = OUTCOME_REFUSED;
	json_object_set_new(answer, "outcome", json_string(outcome_name(d.outcome)));
	json_object_set_new(answer, "onward", json_integer(caveats_onward(&j->came, &why)));
	for (size_t i = 0; i < d.n_failed; i++)
		json_array_append_new(reasons, json_string(reason_slug(d.failed[i].reason)));
	if (d.outcome == OUTCOME_REFUSED)
		return answer;
	json_object_set_new(answer, "record", json_stringn(j->record.p, j->record.n));
	json_object_set_new(answer, "caveats", json_loadb(j->caveats.p, j->caveats.n, JSON_ALLOW_NUL, NULL));
	json_object_set_new(answer, "beside", beside_text(j));
	const char *wrong = arrive(j, a, d.checked, &d.consent);
	json_object_set_new(answer, "arrived",
	                    wrong ? json_pack("{s:s}", "wrong", wrong)
	                          : json_pack("{s:o}", "record", json_stringn(j->again.p, j->again.n)));
	return answer;
}

static json_t *answer_world(struct judge *j)
{
	struct agreement_sources from = { .arg = j,
		                          .schema = find_schema,
		                          .self = VIEW("north"),
		                          .floor = member(j->world, "floor"),
		                          .overlay = member(j->world, "overlay"),
		                          .unsigned_ok = true,
		                          .now_ms = json_integer_value(json_object_get(j->world, "now")) };
	struct view secret = member(j->world, "secret");
	struct error_list errors = { .max = 20 };
	const json_t *envelopes = json_object_get(j->world, "envelopes");
	json_t *faults = json_array(), *answers = json_array();

	memcpy(from.pseudonym_secret.b, secret.p, secret.n);
	from.pseudonym_secret.n = secret.n;
	j->withdrawals = read_list(j, "withdrawals");
	j->given = read_list(j, "consents");
	struct agreement *a = agreement_load("agreement.json", member(j->world, "agreement"), VIEW(""), &from, &errors);
	for (size_t i = 0; i < errors.n; i++) {
		char line[800];
		json_array_append_new(faults, json_string(error_print(&errors.items[i], line, sizeof line)));
	}
	for (size_t i = 0; a && i < json_array_size(envelopes); i++)
		json_array_append_new(answers, answer_one(j, a, text_of(json_array_get(envelopes, i))));
	json_t *out = json_pack("{s:b,s:o,s:o}", "loads", a != NULL, "faults", faults, "answers", answers);
	error_list_free(&errors);
	agreement_unref(a);
	signed_document_free(j->withdrawals);
	signed_document_free(j->given);
	return out;
}

int main(void)
{
	struct judge j = { .scratch = BUF_INIT(1 << 24),
		           .record = BUF_INIT(1 << 24),
		           .beside = BUF_INIT(1 << 20),
		           .parcel = BUF_INIT(1 << 24),
		           .again = BUF_INIT(1 << 24),
		           .caveats = BUF_INIT(CAVEATS_BYTES) };
	struct error e = { .reason = REASON_NONE };
	char *line = NULL;
	size_t room = 0;

	j.envelope_schema = document_schema(VIEW("envelope"), &e);
	j.run = schema_run_new();
	j.in = tape_parser_new(NULL);
	j.out = tape_parser_new(NULL);
	j.codes = tape_parser_new(NULL);
	j.transform = transform_run_new();
	if (!j.envelope_schema || !j.run || !j.in || !j.out || !j.codes || !j.transform)
		return 1;
	while (getline(&line, &room, stdin) > 0) {
		json_t *world = json_loads(line, 0, NULL);
		if (!world)
			return 1;
		j.world = world;
		json_t *answer = answer_world(&j);
		char *text = json_dumps(answer, JSON_COMPACT);
		if (!text)
			return 1;
		puts(text);
		fflush(stdout);
		free(text);
		json_decref(answer);
		json_decref(world);
	}
	free(line);
	schema_unref(j.envelope_schema);
	schema_run_free(j.run);
	tape_parser_free(j.in);
	tape_parser_free(j.out);
	tape_parser_free(j.codes);
	transform_run_free(j.transform);
	buf_free(&j.scratch);
	buf_wipe(&j.record);
	buf_wipe(&j.beside);
	member_order_free(&j.order);
	buf_wipe(&j.parcel);
	buf_wipe(&j.again);
	buf_free(&j.caveats);
	return 0;
}
