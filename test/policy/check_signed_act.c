/* The text of an act: what is refused and at which place, what it may be about, and what it says in plain words. */
#include "lib/policy/council.h"
#include "lib/schema/document.h"
#include "test/policy/decision_fixture.h"

TCase *make_signed_act_case(void);

#define ACT_OF_PNR(digest) \
	"{\"act\":\"veto\",\"id\":\"01990000-0000-7000-8000-000000000001\",\"status\":\"Actual\"," \
	"\"agreement\":{\"id\":\"pnr\",\"digest\":\"" digest "\"},\"about\":{}," \
	"\"issued\":\"2026-06-01T00:00:00Z\",\"collect_until\":\"2026-06-08T00:00:00Z\",\"ground\":\"as a test\"}"

static struct schema *schema;

static void open_schema(void)
{
	struct error e = { .reason = REASON_NONE };

	set_up();
	schema = document_schema(VIEW("act"), &e);
	ck_assert_msg(schema != NULL, "%s", e.text);
}

static void close_schema(void)
{
	schema_unref(schema);
	tear_down();
}

/* A veto of now over all of pnr, with members changed: "pointer value pointer value …". */
static struct signed_act *read_with(const char *const *changes, struct error *e)
{
	json_t *doc = json_loads(ACT_OF_PNR(ZERO32), 0, NULL);

	for (; changes && changes[0]; changes += 2)
		put(doc, changes[0], changes[1]);
	char *text = json_dumps(doc, JSON_COMPACT);
	*e = (struct error){ .reason = REASON_NONE };
	struct signed_act *a = signed_act_read(schema, view_of(text), e);
	free(text);
	json_decref(doc);
	return a;
}

#define CHANGES(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define D32          "\"abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd\""
#define UUID         "\"01990000-0000-7000-8000-00000000000a\""

static const struct {
	const char *const changes[9];
	const char *where, *says;
} refused[] = {
	{ { "/act", "\"other\"" }, "/act", "" },
	{ { "/id", NULL }, "", "id" },
	{ { "/id", "\"1\"" }, "/id", "" },
	{ { "/status", "\"actual\"" }, "/status", "" },
	{ { "/agreement/id", "\"a b\"" }, "/agreement/id", "" },
	{ { "/agreement/digest", "\"ab\"" }, "/agreement/digest", "" },
	{ { "/ground", "\"\"" }, "/ground", "" },
	{ { "/about/tier", "\"T3\"" }, "/about/tier", "" },
	{ { "/about/exchange", "\"x\"" }, "/about/exchange", "" },
	{ { "/about/weather", "\"x\"" }, "/about", "" },
	{ { "/issued", "\"yesterday\"" }, "/issued", "" },
	{ { "/until", "\"2026-06-02T00:00:00Z\"" }, "/until", "says nothing" },
	{ { "/max", "\"T1\"" }, "/max", "says nothing" },
	{ { "/lifts", D32 }, "/lifts", "says nothing" },
	{ { "/act", "\"suspend\"" }, "/until", "is missing" },
	{ { "/act", "\"authorise\"" }, "/until", "is missing" },
	{ { "/act", "\"lift\"" }, "/lifts", "is missing" },
	{ { "/act", "\"restrict-tier\"", "/until", "\"2026-06-02T00:00:00Z\"" }, "/max", "is missing" },
	{ { "/act", "\"terminate\"", "/about/purpose", "\"serious-crime\"" }, "/about", "must be empty" },
	{ { "/act", "\"amend-no-change\"", "/about/tier", "\"T1\"" }, "/about", "must be empty" },
	{ { "/act", "\"lift\"", "/lifts", D32, "/about/exchange", UUID }, "/about", "must be empty" },
	{ { "/act", "\"suspend\"", "/until", "\"2026-06-02T00:00:00Z\"", "/about/exchange", UUID },
	  "/about/exchange",
	  "can be vetoed" },
	{ { "/act", "\"restrict-tier\"", "/until", "\"2026-06-02T00:00:00Z\"", "/max", "\"T0\"", "/about/tier",
	    "\"T1\"" },
	  "/about/tier",
	  "by max" },
	{ { "/collect_until", "\"2026-06-01T00:00:00Z\"" }, "/collect_until", "not after issued" },
	{ { "/collect_until", "\"2026-07-01T00:00:00.001Z\"" }, "/collect_until", "more than 30 days" },
	{ { "/act", "\"suspend\"", "/until", "\"2026-06-01T00:00:00Z\"" }, "/until", "not after issued" },
	{ { "/act", "\"suspend\"", "/until", "\"2026-07-01T00:00:00.001Z\"" }, "/until", "more than 30 days" },
	{ { "/act", "\"restrict-tier\"", "/max", "\"T0\"", "/until", "\"2026-07-01T00:00:00.001Z\"" },
	  "/until",
	  "more than 30 days" },
};

START_TEST(refused_with_its_place)
{
	struct error e;

	ck_assert_ptr_null(read_with(refused[_i].changes, &e));
	ck_assert_int_eq(e.reason, REASON_ACT_INVALID);
	ck_assert_msg(strncmp(e.where, refused[_i].where, strlen(refused[_i].where)) == 0, "%s: %s", e.where, e.text);
	ck_assert_msg(strstr(e.text, refused[_i].says) != NULL, "%s: %s", e.where, e.text);
}
END_TEST

static const struct {
	const char *const changes[9];
	enum act_kind kind;
} taken[] = {
	{ { NULL }, ACT_VETO },
	{ { "/about/exchange", UUID }, ACT_VETO },
	{ { "/collect_until", "\"2026-07-01T00:00:00Z\"" }, ACT_VETO },
	{ { "/act", "\"suspend\"", "/until", "\"2026-07-01T00:00:00Z\"", "/about/tier", "\"T2\"" }, ACT_SUSPEND },
	{ { "/act", "\"restrict-tier\"", "/max", "\"T0\"", "/until", "\"2026-06-02T00:00:00Z\"" }, ACT_RESTRICT_TIER },
	{ { "/act", "\"authorise\"", "/until", "\"2028-06-02T00:00:00Z\"", "/about/purpose", "\"serious-crime\"" },
	  ACT_AUTHORISE },
	{ { "/act", "\"lift\"", "/lifts", D32 }, ACT_LIFT },
	{ { "/act", "\"terminate\"" }, ACT_TERMINATE },
	{ { "/act", "\"amend-no-change\"", "/status", "\"Exercise\"" }, ACT_AMEND_NO_CHANGE },
};

START_TEST(taken_as_written)
{
	struct error e;
	struct signed_act *a = read_with(taken[_i].changes, &e);
	struct digest digest;

	ck_assert_msg(a != NULL, "%s: %s", e.where, e.text);
	sha256(a->text, &digest);
	ck_assert(digest_eq(&digest, &a->digest));
	ck_assert_int_eq(a->kind, taken[_i].kind);
	ck_assert_int_eq(act_kind_find(view_of(act_kind_name(a->kind))), a->kind);
	ck_assert_int_eq(a->issued_ms, NOW);
	ck_assert_str_eq(act_status_name(a->status), a->kind == ACT_AMEND_NO_CHANGE ? "Exercise" : "Actual");
	ck_assert((a->until_ms == TIME_NONE) ==
	          !(a->kind == ACT_SUSPEND || a->kind == ACT_RESTRICT_TIER || a->kind == ACT_AUTHORISE));
	ck_assert(view_is(a->agreement, "pnr") && view_is(a->ground, "as a test"));
	ck_assert_int_eq(a->max, a->kind == ACT_RESTRICT_TIER ? TIER_T0 : TIER_COUNT);
	ck_assert_int_eq(a->about.tier, a->kind == ACT_SUSPEND ? TIER_T2 : TIER_COUNT);
	signed_act_free(a);
}
END_TEST

/* What is no JSON has line and column; what is too long is not looked at. */
START_TEST(no_act_at_all)
{
	static char longest[ACT_TEXT_MAX + 1];
	struct error e = { .reason = REASON_NONE };

	ck_assert_ptr_null(signed_act_read(schema, VIEW(""), &e));
	ck_assert_int_eq(e.reason, REASON_ACT_INVALID);
	e = (struct error){ .reason = REASON_NONE };
	ck_assert_ptr_null(signed_act_read(schema, VIEW("{\n\"act\": veto}"), &e));
	ck_assert_int_eq(e.reason, REASON_ACT_INVALID);
	ck_assert_uint_eq(e.line, 2);
	e = (struct error){ .reason = REASON_NONE };
	memset(longest, ' ', sizeof longest);
	ck_assert_ptr_null(signed_act_read(schema, view_make(longest, sizeof longest), &e));
	ck_assert_int_eq(e.reason, REASON_ACT_INVALID);
	ck_assert_ptr_nonnull(strstr(e.text, "longer than"));
	/* At the limit it is read: the blanks may stand behind what is no act. */
	memcpy(longest, ACT_OF_PNR(ZERO32), strlen(ACT_OF_PNR(ZERO32)));
	e = (struct error){ .reason = REASON_NONE };
	struct signed_act *a = signed_act_read(schema, view_make(longest, ACT_TEXT_MAX), &e);
	ck_assert_msg(a != NULL, "%s", e.text);
	signed_act_free(a);
	signed_act_free(NULL);
	ck_assert_int_eq(act_kind_find(VIEW("annul")), ACT_KINDS);
}
END_TEST

/* --- against its agreement --- */

static const char *digest_of(const struct agreement *a)
{
	static char text[70];
	struct buf b = BUF_INIT(70);

	digest_print(&b, agreement_digest(a));
	snprintf(text, sizeof text, "\"%.*s\"", (int)b.n, b.p);
	buf_free(&b);
	return text;
}

static const struct {
	const char *const changes[5];
	int64_t now_ms;
	enum reason reason; /* REASON_NONE: it fits */
	const char *where;
} fits[] = {
	{ { NULL }, NOW, REASON_NONE, "" },
	{ { NULL }, NOW - 5 * 60 * SECOND_MS, REASON_NONE, "" },
	{ { NULL }, NOW - 5 * 60 * SECOND_MS - 1, REASON_ACT_INVALID, "/issued" },
	{ { NULL }, NOW + 7 * DAY_MS - 1, REASON_NONE, "" },
	{ { NULL }, NOW + 7 * DAY_MS, REASON_ACT_EXPIRED, "/collect_until" },
	{ { "/agreement/id", "\"fin-intel\"" }, NOW, REASON_ACT_FOREIGN, "/agreement" },
	{ { "/agreement/digest", D32 }, NOW, REASON_ACT_FOREIGN, "/agreement" },
	{ { "/about/purpose", "\"serious-crime\"" }, NOW, REASON_NONE, "" },
	{ { "/about/purpose", "\"other\"" }, NOW, REASON_ACT_FOREIGN, "/about/purpose" },
	{ { "/about/legal_basis", "\"pnr-law\"" }, NOW, REASON_NONE, "" },
	{ { "/about/legal_basis", "\"other\"" }, NOW, REASON_ACT_FOREIGN, "/about/legal_basis" },
	{ { "/about/exception", "\"other\"" }, NOW, REASON_ACT_FOREIGN, "/about/exception" },
	{ { "/about/partner", "\"south\"" }, NOW, REASON_NONE, "" },
	{ { "/about/partner", "\"west\"" }, NOW, REASON_ACT_FOREIGN, "/about/partner" },
	{ { "/about/tier", "\"T1\"" }, NOW, REASON_NONE, "" },
	{ { "/act", "\"suspend\"", "/until", "\"2026-06-02T00:00:00Z\"" }, NOW + DAY_MS - 1, REASON_NONE, "" },
	{ { "/act", "\"suspend\"", "/until", "\"2026-06-02T00:00:00Z\"" }, NOW + DAY_MS, REASON_ACT_EXPIRED, "/until" },
};

START_TEST(fits_its_agreement)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	struct error e;
	const char *changes[10] = { "/agreement/digest", digest_of(a) };

	for (size_t i = 0; i < 5; i++)
		changes[2 + i] = fits[_i].changes[i];
	struct signed_act *act = read_with(changes, &e);
	ck_assert_msg(act != NULL, "%s: %s", e.where, e.text);
	ck_assert(signed_act_fits(act, a, fits[_i].now_ms, &e) == (fits[_i].reason == REASON_NONE));
	ck_assert_int_eq(e.reason, fits[_i].reason);
	ck_assert_str_eq(e.where, fits[_i].where);
	signed_act_free(act);
	agreement_unref(a);
}
END_TEST

/* An agreement without a council, and one without the tier. */
START_TEST(nobody_to_decide)
{
	json_t *doc = preset("pnr");
	struct error_list errors = { .max = 20 };
	struct error e;

	json_object_del(doc, "council");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a && !agreement_council(a));
	struct signed_act *act = read_with(CHANGES("/agreement/digest", digest_of(a)), &e);
	ck_assert(!signed_act_fits(act, a, NOW, &e));
	ck_assert_int_eq(e.reason, REASON_ACT_FOREIGN);
	ck_assert_ptr_nonnull(strstr(e.text, "no council"));
	signed_act_free(act);
	agreement_unref(a);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* --- scopes --- */

static const struct {
	struct act_scope scope;
	bool covers;
} scopes[] = {
	{ { .tier = TIER_COUNT }, true },
	{ { .tier = TIER_T1 }, true },
	{ { .tier = TIER_T2 }, false },
	{ { .purpose = VIEW("p"), .tier = TIER_COUNT }, true },
	{ { .purpose = VIEW("q"), .tier = TIER_COUNT }, false },
	{ { .legal_basis = VIEW("b"), .tier = TIER_COUNT }, true },
	{ { .legal_basis = VIEW("c"), .tier = TIER_COUNT }, false },
	{ { .exception = VIEW("x"), .tier = TIER_COUNT }, false },
	{ { .partner = VIEW("north"), .tier = TIER_COUNT }, true },
	{ { .partner = VIEW("south"), .tier = TIER_COUNT }, true },
	{ { .partner = VIEW("west"), .tier = TIER_COUNT }, false },
	{ { .exchange = { .b = { 1 } }, .tier = TIER_COUNT }, true },
	{ { .exchange = { .b = { 2 } }, .tier = TIER_COUNT }, false },
	{ { .purpose = VIEW("p"), .partner = VIEW("south"), .tier = TIER_T1 }, true },
	{ { .purpose = VIEW("p"), .partner = VIEW("south"), .tier = TIER_T0 }, false },
};

START_TEST(covers_what_all_members_match)
{
	static const struct act_subject subject = { .purpose = VIEW("p"),
		                                    .legal_basis = VIEW("b"),
		                                    .provider = VIEW("north"),
		                                    .recipient = VIEW("south"),
		                                    .tier = TIER_T1,
		                                    .exchange = { .b = { 1 } } };

	for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
		ck_assert_msg(act_scope_covers(&scopes[i].scope, &subject) == scopes[i].covers, "row %zu", i);
	/* Whatever two scopes both cover, they meet; and meeting does not depend on the order. */
	for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
		for (size_t k = 0; k < sizeof scopes / sizeof *scopes; k++) {
			bool meet = act_scopes_meet(&scopes[i].scope, &scopes[k].scope);
			ck_assert(meet == act_scopes_meet(&scopes[k].scope, &scopes[i].scope));
			ck_assert(meet || !(scopes[i].covers && scopes[k].covers));
		}
	ck_assert(!act_scopes_meet(&scopes[1].scope, &scopes[2].scope));
	ck_assert(!act_scopes_meet(&scopes[3].scope, &scopes[4].scope));
	ck_assert(!act_scopes_meet(&scopes[5].scope, &scopes[6].scope));
	ck_assert(!act_scopes_meet(&scopes[11].scope, &scopes[12].scope));
	/* What north gives to west. */
	ck_assert(act_scopes_meet(&scopes[8].scope, &scopes[10].scope));
	struct act_effect lifted = { .kind = ACT_LIFT, .about = { .tier = TIER_COUNT } };
	ck_assert_int_eq(act_effect_stops(&lifted, &subject), REASON_NONE);
}
END_TEST

/* --- in plain words --- */

static const char *plain_of(const char *const *changes, const struct agreement *a, struct buf *out)
{
	struct error e;
	struct signed_act *act = read_with(changes, &e);

	ck_assert_msg(act != NULL, "%s: %s", e.where, e.text);
	buf_reset(out);
	ck_assert(signed_act_plain(act, a, out));
	buf_addc(out, '\0');
	signed_act_free(act);
	return out->p;
}

static void must_say(const char *text, const char *what)
{
	ck_assert_msg(strstr(text, what) != NULL, "does not say \"%s\":\n%s", what, text);
}

START_TEST(said_in_plain_words)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	struct buf out = BUF_INIT(1 << 20);
	const char *said =
	        plain_of(CHANGES("/about/purpose", "\"serious-crime\"", "/about/partner", "\"south\""), a, &out);

	must_say(said, "# Veto\n");
	must_say(said, "records for the purpose serious-crime, that are given or received by south.");
	must_say(said, "Who has to sign: 1 seat; to confirm it, 3 seats, among them 1 of privacy.");
	must_say(said, "seat-ombudsperson (ombudsperson)");
	must_say(said, "A lift takes 3 seats, among them 1 of privacy.");
	must_say(said, "before 2026-06-08T00:00:00");
	must_say(said, "\n    as a test\n");
	said = plain_of(CHANGES("/about/exchange", UUID), NULL, &out);
	must_say(said, "records with the id 01990000-0000-7000-8000-00000000000a.");
	must_say(said, "Who has to sign: as the agreement says.");
	said = plain_of(CHANGES("/act", "\"suspend\"", "/until", "\"2026-06-02T00:00:00Z\"", "/status", "\"Exercise\""),
	                a, &out);
	must_say(said, "records of the whole agreement.");
	must_say(said, "- Ends: 2026-06-02T00:00:00");
	must_say(said, "to extend it, 3 seats");
	must_say(said, "Exercise: it is counted and logged, and has no effect.");
	said = plain_of(CHANGES("/act", "\"restrict-tier\"", "/max", "\"T0\"", "/until", "\"2026-06-02T00:00:00Z\""), a,
	                &out);
	must_say(said, "Highest tier that passes: T0");
	said = plain_of(CHANGES("/act", "\"lift\"", "/lifts", D32), a, &out);
	must_say(said, "- Ends the act abcdefabcdef");
	said = plain_of(CHANGES("/act", "\"terminate\""), a, &out);
	must_say(said, "Nothing undoes it.");
	ck_assert_ptr_null(strstr(said, "A lift takes"));
	agreement_unref(a);
	buf_free(&out);
}
END_TEST

/* What a ground has of Markdown or of a terminal's controls stays text: each of its lines is indented, and plain. */
START_TEST(a_hostile_ground_is_text)
{
	struct buf out = BUF_INIT(1 << 20);
	const char *said =
	        plain_of(CHANGES("/ground", "\"a\\n# Veto\\n\\u001b[2Jb\\u202ec\\r- Status: Actual\""), NULL, &out);

	must_say(said, "\n    a\n    # Veto\n    ?[2Jb???c?- Status: Actual\n");
	ck_assert_ptr_null(strchr(said, '\x1b'));
	buf_free(&out);
}
END_TEST

/* Every kind and status has its sentences. */
START_TEST(the_catalogue_is_whole)
{
	struct buf out = BUF_INIT(1 << 20);
	struct buf small = BUF_INIT(100);

	ck_assert(act_kinds_plain(&out));
	buf_addc(&out, '\0');
	for (unsigned k = 0; k < ACT_KINDS; k++) {
		char name[60];
		snprintf(name, sizeof name, "(`%s`)\n", act_kind_name((enum act_kind)k));
		must_say(out.p, name);
	}
	for (unsigned s = 0; s < ACT_STATUSES; s++)
		must_say(out.p, act_status_name((enum act_status)s));
	ck_assert_ptr_null(strstr(out.p, "(null)"));
	ck_assert(!act_kinds_plain(&small));
	buf_free(&out);
	buf_free(&small);
}
END_TEST

TCase *make_signed_act_case(void)
{
	TCase *c = tcase_create("signed-act");

	tcase_add_checked_fixture(c, open_schema, close_schema);
	tcase_add_loop_test(c, refused_with_its_place, 0, sizeof refused / sizeof *refused);
	tcase_add_loop_test(c, taken_as_written, 0, sizeof taken / sizeof *taken);
	tcase_add_test(c, no_act_at_all);
	tcase_add_loop_test(c, fits_its_agreement, 0, sizeof fits / sizeof *fits);
	tcase_add_test(c, nobody_to_decide);
	tcase_add_test(c, covers_what_all_members_match);
	tcase_add_test(c, said_in_plain_words);
	tcase_add_test(c, a_hostile_ground_is_text);
	tcase_add_test(c, the_catalogue_is_whole);
	return c;
}
