/* Whether those who signed are enough: random councils, votes and pasts against a second count that is written down naively. */
#include "lib/policy/council.h"
#include "test/policy/support.h"

TCase *make_council_case(void);

#define ROUNDS 20000

static uint32_t state = 1;

static uint32_t below(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(state >> 8) * n) >> 24);
}

static const char *const agencies[] = { "north", "south", "west", "dpa", "court" };
static const char *const seats[] = { "s0", "s1", "s2", "s3", "s4", "s5" };

static struct council random_council(void)
{
	struct council c = { .n_seats = 1 + below(6) };

	for (size_t i = 0; i < c.n_seats; i++)
		c.seats[i] = (struct seat){ view_of(seats[i]), (enum constituency)below(3) };
	c.threshold = 1 + below((uint32_t)c.n_seats);
	c.full.seats = c.threshold;
	for (size_t i = 0; i < c.n_seats; i++)
		if (below(4) == 0) {
			c.must_include |= 1u << c.seats[i].constituency;
			c.full.constituency[c.seats[i].constituency] = 1;
		}
	for (unsigned k = 0; k < ACT_KINDS; k++) {
		bool stops = k == ACT_VETO || k == ACT_SUSPEND || k == ACT_RESTRICT_TIER;
		c.needs[k] = stops ? (struct act_needs){ .seats = 1 + below(2) } : c.full;
	}
	return c;
}

/* By seat: whether one of its votes has a certificate that nobody used before, and is of the constituency that its agency spoke for
 * first. Then as many as that. */
static bool enough(const struct council *c, const struct act_needs *n, const struct act_vote *votes, size_t n_votes,
                   bool counted[6])
{
	int speaks_for[5] = { -1, -1, -1, -1, -1 };
	bool used[256] = { false };
	unsigned all = 0, of[CONSTITUENCIES] = { 0 };

	memset(counted, 0, 6 * sizeof *counted);
	for (size_t i = 0; i < n_votes; i++) {
		int constituency = (int)c->seats[votes[i].seat].constituency, agency = 0;
		while (!view_is(votes[i].agency, agencies[agency]))
			agency++;
		if (speaks_for[agency] < 0)
			speaks_for[agency] = constituency;
		if (!used[votes[i].spki.b[0]] && speaks_for[agency] == constituency && !counted[votes[i].seat]) {
			counted[votes[i].seat] = true;
			all++;
			of[constituency]++;
		}
		used[votes[i].spki.b[0]] = true;
	}
	for (unsigned k = 0; k < CONSTITUENCIES; k++)
		if (of[k] < n->constituency[k])
			return false;
	return all > 0 && all >= n->seats;
}

static enum act_standing naive(const struct council *c, const struct signed_act *a, const struct signed_act *lifted,
                               const struct act_vote *votes, size_t n, const struct act_past *past, size_t n_past)
{
	bool counted[6] = { false }, full = enough(c, &c->full, votes, n, counted);
	bool stops = a->kind == ACT_VETO || a->kind == ACT_SUSPEND || a->kind == ACT_RESTRICT_TIER, other = false;

	if (!stops) {
		bool needs = enough(c, &c->needs[a->kind], votes, n, counted);
		for (size_t i = 0; i < n; i++)
			other = other || (counted[votes[i].seat] && !view_eq(votes[i].agency, VIEW("north")));
		return needs && (a->kind != ACT_LIFT || !lifted || !lifted->about.partner.n || other) ? ACT_CARRIED
		                                                                                      : ACT_NOT_ENOUGH;
	}
	if (full)
		return ACT_CARRIED;
	if (!enough(c, &c->needs[a->kind], votes, n, counted))
		return ACT_NOT_ENOUGH;
	for (size_t p = 0; p < n_past; p++)
		for (size_t i = 0; i < n; i++)
			if (counted[votes[i].seat] && past[p].seats >> votes[i].seat & 1 &&
			    a->issued_ms < past[p].until_ms + 90 * DAY_MS &&
			    (past[p].about.purpose.n == 0 || a->about.purpose.n == 0 ||
			     view_eq(past[p].about.purpose, a->about.purpose)))
				return ACT_NOT_ENOUGH;
	return a->kind == ACT_VETO ? ACT_PROVISIONAL : ACT_CARRIED;
}

START_TEST(counts_as_a_naive_count_does)
{
	unsigned of[3] = { 0 };

	for (unsigned round = 0; round < ROUNDS; round++) {
		static const char *const purposes[] = { "", "border", "crime" };
		struct council c = random_council();
		struct signed_act act = { .kind = (enum act_kind)below(ACT_KINDS),
			                  .issued_ms = 1000 * DAY_MS,
			                  .about = { .purpose = view_of(purposes[below(3)]), .tier = TIER_COUNT } };
		struct signed_act lifted = { .about = { .partner = VIEW("north") } };
		struct act_vote votes[6];
		struct act_past past[2];
		size_t n = below(7), n_past = below(3);
		for (size_t i = 0; i < n; i++) {
			votes[i] = (struct act_vote){ .seat = below((uint32_t)c.n_seats),
				                      .agency = view_of(agencies[below(5)]) };
			votes[i].spki.b[0] = (uint8_t)below(12);
		}
		for (size_t i = 0; i < n_past; i++) {
			past[i] = (struct act_past){ .kind = below(2) ? ACT_VETO : ACT_SUSPEND,
				                     .about = { .purpose = view_of(purposes[below(3)]),
				                                .tier = TIER_COUNT },
				                     .seats = 1u << below(6) };
			past[i].until_ms = act.issued_ms - (int64_t)below(180) * DAY_MS;
		}
		const struct signed_act *of_lift = act.kind == ACT_LIFT && below(2) ? &lifted : NULL;
		enum act_standing got = council_counts(&c, &act, of_lift, votes, n, past, n_past);
		ck_assert_msg(got == naive(&c, &act, of_lift, votes, n, past, n_past), "round %u: %d", round, (int)got);
		of[got]++;
	}
	printf("council: %d random votes counted twice: %u not enough, %u provisional, %u carried; 0 differ\n", ROUNDS,
	       of[0], of[1], of[2]);
	ck_assert(of[0] > 1000 && of[1] > 100 && of[2] > 1000);
}
END_TEST

/* What is lacking, in words, adds up to what carries it. */
START_TEST(says_what_is_lacking)
{
	struct council c = { .n_seats = 3,
		             .seats = { { VIEW("a"), CONSTITUENCY_AGENCY },
		                        { VIEW("b"), CONSTITUENCY_AGENCY },
		                        { VIEW("p"), CONSTITUENCY_PRIVACY } },
		             .threshold = 2,
		             .full = { .seats = 2, .constituency = { [CONSTITUENCY_PRIVACY] = 1 } } };
	struct signed_act act = { .kind = ACT_LIFT };
	struct act_vote votes[] = { { .seat = 0, .agency = VIEW("north"), .spki = { .b = { 1 } } },
		                    { .seat = 1, .agency = VIEW("south"), .spki = { .b = { 2 } } } };
	static const char *const want[] = { "1 of privacy, 1 more", "1 of privacy", "1 of privacy" };

	c.needs[ACT_LIFT] = c.full;
	for (size_t n = 0; n <= 2; n++) {
		struct buf out = BUF_INIT(200);
		council_lacks(&c, &act, votes, n, false, &out);
		buf_addc(&out, 0);
		ck_assert_str_eq(out.p, want[n]);
		buf_free(&out);
	}
	ck_assert_uint_eq(council_seat(&c, VIEW("p")), 2);
	ck_assert_uint_eq(council_seat(&c, VIEW("nobody")), COUNCIL_SEATS_MAX);
}
END_TEST

/* The clause `decisions`, and what does not load. */
static const struct {
	const char *clause, *place; /* place NULL: it loads */
} clauses[] = {
	{ "[{\"act\":\"veto\",\"needs\":[{\"seats\":2}]}]", NULL },
	{ "[{\"act\":\"lift\",\"needs\":[{\"seats\":4},{\"constituency\":\"privacy\",\"seats\":2}]}]", NULL },
	{ "[{\"act\":\"lift\",\"needs\":[{\"seats\":1}]}]", "/council/decisions/0/needs" },
	{ "[{\"act\":\"terminate\",\"needs\":[{\"seats\":5}]}]", "/council/decisions/0/needs" },
	{ "[{\"act\":\"veto\",\"needs\":[{\"seats\":6}]}]", "/council/decisions/0/needs/0/seats" },
	{ "[{\"act\":\"veto\",\"needs\":[{\"constituency\":\"judiciary\",\"seats\":1}]}]",
	  "/council/decisions/0/needs/0/seats" },
	{ "[{\"act\":\"veto\",\"needs\":[{\"seats\":1}]},{\"act\":\"veto\",\"needs\":[{\"seats\":2}]}]",
	  "/council/decisions/1/act" },
	{ "[{\"act\":\"veto\",\"needs\":[{\"seats\":1},{\"seats\":2}]}]", "/council/decisions/0/needs/1/seats" },
};

START_TEST(the_clause_decisions)
{
	struct schema_files files;
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");

	schema_files_read(&files);
	struct agreement_sources from = draft_sources(&files);
	json_object_set_new(json_object_get(doc, "council"), "decisions", json_loads(clauses[_i].clause, 0, NULL));
	struct agreement *a = load_doc(doc, &from, &errors);
	ck_assert_msg((a != NULL) == (clauses[_i].place == NULL), "%s", clauses[_i].clause);
	if (a)
		ck_assert_ptr_nonnull(agreement_council(a));
	else
		ck_assert_msg(strstr(errors.items[0].text, clauses[_i].place) == errors.items[0].text, "%s",
		              errors.items[0].text);
	agreement_unref(a);
	json_decref(doc);
	error_list_free(&errors);
	schema_files_free(&files);
}
END_TEST

START_TEST(who_asks_a_council_that_is_none)
{
	struct schema_files files;
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");

	schema_files_read(&files);
	struct agreement_sources from = draft_sources(&files);
	json_object_set_new(json_array_get(json_object_get(doc, "purposes"), 0), "authorisation",
	                    json_string("required"));
	struct agreement *a = load_doc(doc, &from, &errors);
	ck_assert_ptr_nonnull(a);
	ck_assert(agreement_asks_council(a, VIEW("terrorism-prevention")) &&
	          !agreement_asks_council(a, VIEW("serious-crime")) && agreement_asks_council(a, VIEW("")));
	agreement_unref(a);
	json_object_del(doc, "council");
	a = load_doc(doc, &from, &errors);
	ck_assert_ptr_null(a);
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "/purposes/0/authorisation: there is no council"));
	json_decref(doc);
	error_list_free(&errors);
	schema_files_free(&files);
}
END_TEST

TCase *make_council_case(void)
{
	TCase *c = tcase_create("council");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, counts_as_a_naive_count_does);
	tcase_add_test(c, says_what_is_lacking);
	tcase_add_loop_test(c, the_clause_decisions, 0, sizeof clauses / sizeof *clauses);
	tcase_add_test(c, who_asks_a_council_that_is_none);
	return c;
}
