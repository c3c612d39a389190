/* What the tests of decisions start from: a preset, the envelope that it releases, and facts; made anew for each test by
 * set_up(). */
#ifndef TEST_POLICY_DECISION_FIXTURE_H
#define TEST_POLICY_DECISION_FIXTURE_H

#include "lib/policy/consents.h"
#include "test/policy/document_fixture.h"
#include "test/policy/support.h"

#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"

static struct schema_files files;
static struct agreement_sources from;
static struct bench bench;
static struct facts facts;
/* Lists of withdrawals: of consent-0001, and of nobody. */
static struct signed_document *withdrawn, *nobody;

static inline void set_up(void)
{
	schema_files_read(&files);
	from = draft_sources(&files);
	bench_open(&bench);
	facts = plain_facts();
	withdrawn = list_of_consents(DOCUMENT_WITHDRAWALS, "[{\"reference\":\"" CONSENT_0001 "\"}]");
	nobody = list_of_consents(DOCUMENT_WITHDRAWALS, "[]");
}

static inline void tear_down(void)
{
	signed_document_free(withdrawn);
	signed_document_free(nobody);
	bench_close(&bench);
	schema_files_free(&files);
}

/* The preset, with the member at `pointer` (a clause, or one of a clause) as `value`. */
static inline struct agreement *load_with(const char *id, const char *pointer, const char *value)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset(id);

	if (pointer) {
		char clause[64], member[64] = "";
		sscanf(pointer, "/%63[^/]/%63s", clause, member);
		json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
		ck_assert(v != NULL);
		json_t *at = json_object_get(doc, clause);
		if (!member[0])
			json_object_set_new(doc, clause, v);
		else if (json_is_array(at))
			json_object_update(json_array_get(at, strtoul(member, NULL, 10)), v), json_decref(v);
		else
			json_object_set_new(at, member, v);
	}
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	json_decref(doc);
	error_list_free(&errors);
	return a;
}

/* An envelope that the preset releases; the caller drops it. */
static inline json_t *envelope(const char *id)
{
	char path[200];

	snprintf(path, sizeof path, "conf/records/%s/released.json", id);
	json_t *e = json_load_file(path, 0, NULL);
	ck_assert(e != NULL);
	return e;
}

/* What has just been released, as the recipient's gateway gets it, in place of the envelope that was posted; and that
 * gateway's facts. */
static inline void deliver(json_t **e)
{
	json_decref(*e);
	*e = bench_delivery(&bench);
	facts.self = VIEW("south");
	facts.agency = VIEW("north");
	facts.gateway = true;
	facts.checked = bench.decision.checked;
}

static inline enum outcome run(const struct agreement *a, const json_t *e)
{
	char *text = json_dumps(e, JSON_COMPACT);
	enum outcome o = bench_run(&bench, a, &facts, view_of(text));

	free(text);
	return o;
}

#endif
