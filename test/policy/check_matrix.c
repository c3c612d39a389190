/* Agency x agreement state x purpose x basis x tier x category x role: tens of thousands of cases against
 * an oracle of its own. The oracle is the table below, written from the words of the agreement; it knows
 * nothing of lib/policy, whose headers stand here only so that the function under test can be called. */
#include <check.h>
#include <stdio.h>

/* --- the oracle --- */

struct question {
	int agency;     /* 0 north, 1 south, 2 west; this gateway is north's */
	int gateway;    /* the peer is a partner's gateway */
	int state;      /* 0 before it starts, 1 in force, 2 review overdue, 3 ended, 4 suspended, 5 receipt overdue */
	int purpose;    /* 0 terrorism-prevention, 1 serious-crime, 2 marketing */
	int basis;      /* 0 pnr-law, 1 pnr-treaty, 2 hearsay */
	int tier;       /* 0, 1, 2, 3: no such tier */
	int category;   /* 0 suspect, 1 convicted, 2 victim, 3 other, 4 uncategorised, 5 not stated, 6 no such */
	int with_case;
	int necessity;  /* 0 none, 1 complete */
};

/* May the record go on to its schema? */
static int oracle(const struct question *q)
{
	/*                              suspect convicted victim other uncategorised not-stated unknown */
	static const char who[2][8] = { "yy-yyy-",      /* terrorism-prevention */
	                                "yyyy---" };    /* serious-crime */
	/*                               T0   T1   T2   none */
	static const char grave[2][5] = { "-yy-",       /* terrorism-prevention */
	                                  "yy--" };     /* serious-crime */
	static const char law[2][4] = { "yy-", "y--" };

	if (q->agency == 2)
		return 0;                       /* west has signed nothing */
	if (q->gateway && q->agency != 1)
		return 0;                       /* only south's gateway is a partner of north's */
	if (q->state != 1)
		return 0;
	if (q->purpose == 2 || law[q->purpose][q->basis] != 'y' || grave[q->purpose][q->tier] != 'y' ||
	    who[q->purpose][q->category] != 'y')
		return 0;
	if (q->tier == 0)
		return 1;                       /* routine: no case, no test of necessity */
	if (!q->with_case || !q->necessity)
		return 0;
	if (q->tier == 2 && !q->gateway)
		return 0;                       /* the envelopes of this test name no officer and carry no approval */
	return 1;
}

#include "test/policy/support.h"

TCase *make_matrix_case(void);

static const char *const agencies[] = { "north", "south", "west" };
static const char *const purposes[] = { "terrorism-prevention", "serious-crime", "marketing" };
static const char *const bases[] = { "pnr-law", "pnr-treaty", "hearsay" };
static const char *const tiers[] = { "T0", "T1", "T2", "T3" };
static const char *const categories[] = { "suspect", "convicted", "victim", "other", "uncategorised", NULL, "neighbour" };

static void write_envelope(const struct question *q, struct buf *out)
{
	static const char *const criteria[] = { "routine", "serious-crime", "imminent-danger", "routine" };

	buf_reset(out);
	buf_addf(out, "{\"purpose\":\"%s\",\"legal_basis\":\"%s\",\"tier\":\"%s\"", purposes[q->purpose], bases[q->basis], tiers[q->tier]);
	if (categories[q->category])
		buf_addf(out, ",\"subject_category\":\"%s\"", categories[q->category]);
	if (q->with_case)
		buf_adds(out, ",\"case\":\"XN-1\"");
	if (q->necessity)
		buf_addf(out, ",\"necessity\":{\"criterion\":\"%s\",\"likelihood\":\"likely\",\"alternative\":\"a\",\"explanation\":\"e\"}",
		         criteria[q->tier]);
	buf_adds(out, ",\"record\":{}}");
}

static struct facts facts_of(const struct question *q)
{
	struct facts f = { .now_ms = NOW, .self = VIEW("north"), .agency = view_of(agencies[q->agency]), .gateway = q->gateway };

	switch (q->state) {
	case 0:
		f.now_ms = INT64_C(1767225600000) - 1;  /* 2026-01-01 */
		break;
	case 2:
		f.now_ms = INT64_C(1830297600000);      /* 2028-01-01 */
		break;
	case 3:
		f.now_ms = INT64_C(1861920000000);      /* 2029-01-01 */
		break;
	case 4:
		f.suspended = true;
		break;
	case 5:
		f.receipt_overdue = true;
		break;
	}
	return f;
}

static void judge(struct bench *b, const struct agreement *a, const struct question *q, struct buf *text, unsigned *passed)
{
	struct error e = { .reason = REASON_NONE };
	struct facts f = facts_of(q);

	write_envelope(q, text);
	buf_reset(&b->scratch);
	ck_assert(tape_parse(b->in, buf_view(text), &b->tape, &e));
	ck_assert(envelope_read(b->envelope_schema, b->run, &b->tape, &b->scratch, &b->envelope, &e));
	bool may = decision_authorise(&b->decision, a, &f, &b->envelope, &b->tape);
	int want = oracle(q);
	ck_assert_msg(may == (want != 0), "agency %d gateway %d state %d purpose %d basis %d tier %d category %d case %d necessity %d: "
	              "%s, and the table says %s (%s %s)", q->agency, q->gateway, q->state, q->purpose, q->basis, q->tier, q->category,
	              q->with_case, q->necessity, may ? "let through" : "refused", want ? "yes" : "no",
	              reason_slug(b->decision.failed[0].reason), b->decision.failed[0].clause);
	ck_assert(may == (b->decision.n_failed == 0) && may == (b->decision.ruling != NULL));
	*passed += may;
}

START_TEST(agrees_with_the_table)
{
	struct schema_files files;
	struct error_list errors = { .max = 20 };
	struct buf text = BUF_INIT(1 << 16);
	struct bench b;
	struct question q;
	unsigned n = 0, passed = 0;

	schema_files_read(&files);
	struct agreement_sources from = draft_sources(&files);
	json_t *doc = preset("pnr");
	struct agreement *a = load_doc(doc, &from, &errors);
	ck_assert(a != NULL);
	bench_open(&b);
	for (q.agency = 0; q.agency < 3; q.agency++)
		for (q.gateway = 0; q.gateway < 2; q.gateway++)
			for (q.state = 0; q.state < 6; q.state++)
				for (q.purpose = 0; q.purpose < 3; q.purpose++)
					for (q.basis = 0; q.basis < 3; q.basis++)
						for (q.tier = 0; q.tier < 4; q.tier++)
							for (q.category = 0; q.category < 7; q.category++)
								for (q.with_case = 0; q.with_case < 2; q.with_case++)
									for (q.necessity = 0; q.necessity < 2; q.necessity++, n++)
										judge(&b, a, &q, &text, &passed);
	printf("matrix: %u cases, %u let through, 0 wrong\n", n, passed);
	ck_assert_uint_ge(n, 20000);
	ck_assert_uint_gt(passed, 0);
	bench_close(&b);
	agreement_unref(a);
	json_decref(doc);
	buf_free(&text);
	schema_files_free(&files);
	error_list_free(&errors);
}
END_TEST

TCase *make_matrix_case(void)
{
	TCase *c = tcase_create("matrix");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, agrees_with_the_table);
	return c;
}
