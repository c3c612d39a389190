/* Every combination of agency, state of the agreement, purpose, basis, tier, category, role, exception, officer,
 * approval, training and consent that three agreements distinguish: more than a hundred thousand records, each
 * decided here and by the tables of oracle.c, which know nothing of lib/policy. */
#include "test/policy/document_fixture.h"
#include "test/policy/officers.h"
#include "test/policy/oracle.h"

TCase *make_matrix_case(void);

static struct schema_files files;
static struct agreement_sources from;
static struct bench bench;
static struct buf text;

static void set_up(void)
{
	schema_files_read(&files);
	from = draft_sources(&files);
	bench_open(&bench);
	text = BUF_INIT(1 << 18);
}

static void tear_down(void)
{
	buf_free(&text);
	bench_close(&bench);
	schema_files_free(&files);
}

struct tally {
	const char *name;
	unsigned cases, released, held, wrong, wrong_releases;
};

/* Notes the case; what went wrong is said for the first few. */
static void count(struct tally *t, enum answer have, enum answer want, const int *question, size_t n)
{
	t->cases++;
	t->released += have == ANSWER_RELEASED;
	t->held += have == ANSWER_HELD;
	if (have == want)
		return;
	t->wrong_releases += have == ANSWER_RELEASED || want == ANSWER_REFUSED;
	if (++t->wrong > 10)
		return;
	fprintf(stderr, "%s:", t->name);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, " %d", question[i]);
	fprintf(stderr, ": %d, and the table says %d (%s %s)\n", have, want,
	        bench.decision.n_failed ? reason_slug(bench.decision.failed[0].reason) : "-",
	        bench.decision.n_failed ? bench.decision.failed[0].clause : "");
}

static void finish(const struct tally *t)
{
	printf("matrix %s: %u cases, %u released, %u held, %u refused; %u wrong, %u wrong releases\n", t->name,
	       t->cases, t->released, t->held, t->cases - t->released - t->held, t->wrong, t->wrong_releases);
	ck_assert_uint_eq(t->wrong, 0);
	ck_assert_uint_gt(t->released, 0);
}

static enum answer answer_of(enum outcome o)
{
	return o == OUTCOME_REFUSED ? ANSWER_REFUSED : o == OUTCOME_HELD ? ANSWER_HELD : ANSWER_RELEASED;
}

static const char *const agencies[] = { "north", "south", "west" };
static const char *const tiers[] = { "T0", "T1", "T2", "T3" };
static const char *const categories[] = {
	"suspect", "convicted", "victim", "other", "uncategorised", NULL, "neighbour"
};
static const char *const criteria[] = { "routine", "serious-crime", "imminent-danger", "routine" };

static struct facts facts_at(const struct agreement *a, int agency, int gateway, int state)
{
	struct facts f = {
		.now_ms = NOW, .self = VIEW("north"), .agency = view_of(agencies[agency]), .gateway = gateway
	};

	switch (state) {
	case NOT_YET: f.now_ms = agreement_effective_ms(a) - 1; break;
	case REVIEW_OVERDUE:
		f.now_ms = INT64_C(1830297600000); /* 2028-01-01 */
		break;
	case ENDED: f.now_ms = agreement_sunset_ms(a); break;
	case SUSPENDED: f.suspended = true; break;
	case RECEIPT_OVERDUE: f.receipt_overdue = true; break;
	}
	return f;
}

static struct agreement *load(json_t *doc)
{
	struct error_list errors = { .max = 20 };
	struct agreement *a = load_doc(doc, &from, &errors);

	print_errors(&errors);
	ck_assert(a != NULL);
	json_decref(doc);
	error_list_free(&errors);
	return a;
}

/* --- passenger data --- */

static void write_passenger(const struct passenger_question *q)
{
	static const char *const purposes[] = { "terrorism-prevention", "serious-crime", "marketing" };
	static const char *const bases[] = { "pnr-law", "pnr-treaty", "hearsay" };

	buf_reset(&text);
	buf_addf(&text, "{\"purpose\":\"%s\",\"legal_basis\":\"%s\",\"tier\":\"%s\"", purposes[q->purpose],
	         bases[q->basis], tiers[q->tier]);
	if (categories[q->category])
		buf_addf(&text, ",\"subject_category\":\"%s\"", categories[q->category]);
	if (q->with_case)
		buf_adds(&text, ",\"case\":\"XN-2026-1\"");
	if (q->necessity)
		buf_addf(&text,
		         ",\"necessity\":{\"criterion\":\"%s\",\"likelihood\":\"likely\",\"explanation\":\"e\"%s}",
		         criteria[q->necessity == 2 ? (q->tier + 1) % 3 : q->tier],
		         q->necessity == 3 ? "" : ",\"alternative\":\"a\"");
	if (q->retention)
		buf_adds(&text, ",\"retention\":\"P6Y\"");
	buf_adds(&text, ",\"record\":{}}");
}

static void judge_passenger(const struct agreement *a, const struct passenger_question *q, struct tally *t)
{
	struct error e = { .reason = REASON_NONE };
	struct facts f = facts_at(a, q->agency, q->gateway, q->state);
	struct decision *d = &bench.decision;

	/* As the entry of south's gateway would say. */
	if (q->gateway)
		f.checked = (q->with_case ? CHECKED_CASE : 0) | (q->necessity == 1 ? CHECKED_NECESSITY : 0);

	write_passenger(q);
	buf_reset(&bench.scratch);
	ck_assert(tape_parse(bench.in, buf_view(&text), &bench.tape, &e));
	ck_assert(envelope_read(bench.envelope_schema, bench.run, &bench.tape, &bench.scratch, &bench.envelope, &e));
	bool may = decision_authorise(d, a, &f, &bench.envelope, &bench.tape);
	ck_assert(may == (d->n_failed == 0) && may == (d->ruling != NULL));
	count(t,
	      !may      ? ANSWER_REFUSED
	      : d->wait ? ANSWER_HELD
	                : ANSWER_RELEASED,
	      oracle_passenger(q), (const int *)q, sizeof *q / sizeof(int));
}

START_TEST(passenger_data)
{
	struct tally t = { .name = "pnr" };
	struct passenger_question q;
	struct agreement *a = load(preset("pnr"));

	for (q.agency = 0; q.agency < AGENCIES; q.agency++)
		for (q.gateway = 0; q.gateway < 2; q.gateway++)
			for (q.state = 0; q.state < STATES; q.state++)
				for (q.purpose = 0; q.purpose < 3; q.purpose++)
					for (q.basis = 0; q.basis < 3; q.basis++)
						for (q.tier = 0; q.tier < TIERS; q.tier++)
							for (q.category = 0; q.category < CATEGORIES; q.category++)
								for (q.with_case = 0; q.with_case < 2; q.with_case++)
									for (q.necessity = 0; q.necessity < 4;
									     q.necessity++)
										for (q.retention = 0; q.retention < 2;
										     q.retention++)
											judge_passenger(a, &q, &t);
	finish(&t);
	ck_assert_uint_ge(t.cases, 100000);
	agreement_unref(a);
}
END_TEST

/* --- police requests --- */

struct police {
	struct officers officers;
	struct agreement *agreement;
	struct buf record, reasons;      /* JSON of the record, and of a reason for each field */
	struct buf approvals[APPROVALS]; /* JSON arrays, as the envelope of the question that is asked carries them */
	int64_t now_ms;
};

static void add_json(struct buf *out, const json_t *v)
{
	char *s = json_dumps(v, JSON_COMPACT);

	buf_adds(out, s);
	free(s);
}

/* Signed for the envelope in `text`, which is whole but for its end. */
static void write_approvals(struct police *p, const struct police_question *q)
{
	struct view head = buf_view(&text);
	struct buf whole = BUF_INIT(1 << 20);
	json_t *list = json_array();

	buf_add(&whole, head);
	buf_addf(&whole, ",\"record\":%s}", p->record.p);
	json_t *envelope = json_loadb(whole.p, whole.n, 0, NULL);
	ck_assert(envelope != NULL);
	struct approval_text said = { .officer = q->approval == BY_NAMED ? 0 : 1,
		                      .envelope = envelope,
		                      .member = q->approval == FOR_OTHER_EXCEPTION ? "exception" : NULL,
		                      .instead = "other",
		                      .agreement = *agreement_digest(p->agreement),
		                      .expires_ms = q->approval == EXPIRED_APPROVAL ? p->now_ms : p->now_ms + DAY_MS };
	json_array_append_new(list, officers_sign(&p->officers, &said));
	said.officer = 2;
	if (q->approval == BY_TWO)
		json_array_append_new(list, officers_sign(&p->officers, &said));
	buf_reset(&p->approvals[q->approval]);
	add_json(&p->approvals[q->approval], list);
	json_decref(list);
	json_decref(envelope);
	buf_free(&whole);
}

static void open_police(struct police *p)
{
	json_t *doc = preset("police-request"),
	       *e = json_load_file("conf/records/police-request/released.json", 0, NULL), *rule;
	json_t *reasons = json_array();
	size_t i;

	ck_assert(e != NULL);
	p->now_ms = after_signing_ms();
	officers_make(&p->officers, 3, p->now_ms + DAY_MS);
	put_in_force(doc, p->now_ms);
	json_array_foreach(json_object_get(doc, "rules"), i, rule) json_array_append_new(
	        reasons, json_pack("{s:O,s:s}", "pointer", json_object_get(rule, "pointer"), "reason", "needed"));
	p->record = p->reasons = BUF_INIT(1 << 16);
	add_json(&p->record, json_object_get(e, "record"));
	buf_addc(&p->record, '\0');
	add_json(&p->reasons, reasons);
	p->agreement = load(doc);
	for (int kind = BY_SECOND; kind < APPROVALS; kind++)
		p->approvals[kind] = BUF_INIT(1 << 18);
	json_decref(reasons);
	json_decref(e);
}

static void close_police(struct police *p)
{
	for (int kind = BY_SECOND; kind < APPROVALS; kind++)
		buf_free(&p->approvals[kind]);
	agreement_unref(p->agreement);
	officers_free(&p->officers);
	buf_free(&p->record);
	buf_free(&p->reasons);
}

static void write_police(struct police *p, const struct police_question *q)
{
	static const char *const purposes[] = { "wanted-person", "missing-person" }, *const bases[] = {
		"police-treaty", "vital-interest"
	};
	static const char *const exceptions[] = { "", "imminent-threat", "convenience" };
	char spki[65];

	hex_of(&p->officers.of[0].spki, spki);
	if (q->officer == STRANGE_OFFICER)
		memset(spki, '0', 64);
	buf_reset(&text);
	buf_addf(
	        &text,
	        "{\"purpose\":\"%s\",\"legal_basis\":\"%s\",\"tier\":\"%s\",\"subject_category\":\"%s\",\"case\":\"XN-2026-1\","
	        "\"necessity\":{\"criterion\":\"%s\",\"likelihood\":\"likely\",\"explanation\":\"e\",\"alternative\":\"a\"},"
	        "\"handling\":[{\"scale\":\"europol-handling\",\"value\":\"H1\"}]",
	        purposes[q->purpose], bases[q->basis], tiers[q->tier], categories[q->category], criteria[q->tier]);
	if (q->exception)
		buf_addf(&text, ",\"exception\":\"%s\"", exceptions[q->exception]);
	if (q->officer)
		buf_addf(&text, ",\"officer\":{\"certificate\":\"%s\"}", spki);
	if (q->approval) {
		/* Who was trained, whether the exception is used up and whether fields are justified is not in it. */
		if (q->training == 0 && q->used_up == 0 && q->justified == 0)
			write_approvals(p, q);
		buf_adds(&text, ",\"approvals\":");
		buf_add(&text, buf_view(&p->approvals[q->approval]));
	}
	if (q->justified) {
		buf_adds(&text, ",\"justifications\":");
		buf_add(&text, buf_view(&p->reasons));
	}
	buf_addf(&text, ",\"record\":%s}", p->record.p);
}

static void judge_police(struct police *p, const struct police_question *q, struct tally *t)
{
	struct facts f = { .now_ms = p->now_ms,
		           .self = VIEW("north"),
		           .agency = VIEW("north"),
		           .arg = &p->officers,
		           .officer = officers_find,
		           .exception_uses = q->used_up ? 10 : 9 };

	p->officers.of[0].training_until = p->now_ms + (q->training == NAMED_UNTRAINED ? -1 : 0);
	p->officers.of[1].training_until = p->now_ms + (q->training == SECOND_UNTRAINED ? -1 : 0);
	write_police(p, q);
	enum outcome o = bench_run(&bench, p->agreement, &f, buf_view(&text));
	count(t, answer_of(o), oracle_police(q), (const int *)q, sizeof *q / sizeof(int));
}

START_TEST(police_requests)
{
	static const int about[] = { SUSPECT, VICTIM, UNCATEGORISED };
	static struct police p;
	struct tally t = { .name = "police-request" };
	struct police_question q;

	open_police(&p);
	for (q.tier = ROUTINE; q.tier < NO_TIER; q.tier++)
		for (q.purpose = 0; q.purpose < 2; q.purpose++)
			for (q.basis = 0; q.basis < 2; q.basis++)
				for (size_t i = 0; i < sizeof about / sizeof about[0]; i++)
					for (q.exception = 0, q.category = about[i]; q.exception < 3; q.exception++)
						for (q.officer = 0; q.officer < OFFICERS; q.officer++)
							for (q.approval = 0; q.approval < APPROVALS; q.approval++)
								for (q.training = 0; q.training < TRAININGS;
								     q.training++)
									for (q.used_up = 0; q.used_up < 2; q.used_up++)
										for (q.justified = 0; q.justified < 2;
										     q.justified++)
											judge_police(&p, &q, &t);
	finish(&t);
	ck_assert_uint_gt(t.held, 0);
	ck_assert_uint_ge(t.cases, 20000);
	close_police(&p);
}
END_TEST

/* --- tracing requests --- */

static struct signed_document *taken_back;

static void judge_tracing(const struct agreement *a, const char *record, const struct tracing_question *q,
                          struct tally *t)
{
	static const char *const purposes[] = { "family-tracing", "aid-planning" };
	struct facts f = facts_at(a, q->agency, 0, q->state);

	f.withdrawals = taken_back;
	buf_reset(&text);
	buf_addf(&text, "{\"purpose\":\"%s\",\"legal_basis\":\"%s\",\"tier\":\"%s\"", purposes[q->purpose],
	         q->basis ? "vital-interest" : "consent", tiers[q->tier]);
	if (categories[q->category])
		buf_addf(&text, ",\"subject_category\":\"%s\"", categories[q->category]);
	if (q->with_case)
		buf_adds(&text, ",\"case\":\"XN-2026-1\"");
	if (q->consent)
		buf_addf(&text, ",\"consent\":{\"reference\":\"consent-000%d\",\"scope\":[\"%s\"]}",
		         q->consent == CONSENT_WITHDRAWN ? 2 : 1,
		         purposes[q->consent == CONSENT_FOR_OTHER ? !q->purpose : q->purpose]);
	buf_addf(&text, ",\"record\":%s}", record);
	enum outcome o = bench_run(&bench, a, &f, buf_view(&text));
	count(t, answer_of(o), oracle_tracing(q), (const int *)q, sizeof *q / sizeof(int));
}

START_TEST(tracing_requests)
{
	struct tally t = { .name = "humanitarian" };
	struct tracing_question q;
	struct agreement *a = load(preset("humanitarian"));
	json_t *e = json_load_file("conf/records/humanitarian/released.json", 0, NULL);
	char *record = json_dumps(json_object_get(e, "record"), JSON_COMPACT);

	ck_assert(record != NULL);
	taken_back = list_of_consents(DOCUMENT_WITHDRAWALS, "[{\"reference\":\"" CONSENT_0002 "\"}]");
	for (q.agency = 0; q.agency < AGENCIES; q.agency++)
		for (q.state = 0; q.state < STATES; q.state++)
			for (q.purpose = 0; q.purpose < 2; q.purpose++)
				for (q.basis = 0; q.basis < 2; q.basis++)
					for (q.tier = ROUTINE; q.tier < IMMINENT; q.tier++)
						for (q.category = 0; q.category < CATEGORIES; q.category++)
							for (q.consent = 0; q.consent < CONSENTS; q.consent++)
								for (q.with_case = 0; q.with_case < 2; q.with_case++)
									judge_tracing(a, record, &q, &t);
	finish(&t);
	signed_document_free(taken_back);
	free(record);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

TCase *make_matrix_case(void)
{
	TCase *c = tcase_create("matrix");

	tcase_set_timeout(c, 300);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, passenger_data);
	tcase_add_test(c, police_requests);
	tcase_add_test(c, tracing_requests);
	return c;
}
