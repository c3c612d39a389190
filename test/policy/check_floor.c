/* The floor, which no agreement and no overlay may be looser than, clause by clause; and the overlay, which narrows. */
#include "test/policy/decision_fixture.h"

TCase *make_floor_case(void);

static bool duration_same(const struct duration *a, const struct duration *b)
{
	return duration_at_most(a, b) && duration_at_most(b, a);
}

/* The example's floor, and an agreement that it bears but for one member. */
static const struct {
	const char *pointer, *value, *place;
} below[] = {
	{ "/retention/copy", "\"P6Y\"", "/retention/copy" },
	{ "/delivery", "{\"keep\":\"P4D\"}", "/delivery/keep" },
	{ "/retention/review", NULL, "/retention/review" },
	{ "/retention/review", "\"P4Y\"", "/retention/review" },
	{ "/sunset", "\"2032-01-01T00:00:00Z\"", "/sunset" },
	{ "/review/interval", "\"P3Y\"", "/review/interval" },
	{ "/breach/notify_supervisor", "\"PT73H\"", "/breach/notify_supervisor" },
	{ "/breach/notify_partner", "\"PT49H\"", "/breach/notify_partner" },
	{ "/notification/longest_delay", "\"P6Y\"", "/notification/longest_delay" },
	{ "/redress/access_within", "\"P5M\"", "/redress/access_within" },
	{ "/redress/correction_within", "\"P10M\"", "/redress/correction_within" },
	{ "/council", NULL, "/council" },
	{ "/council/must_include", NULL, "/council/must_include" },
	{ "/assessment/digest", "\"\"", "/assessment/digest" },
	{ "/pseudonyms/rotation", NULL, "/pseudonyms/rotation" },
	{ "/tiers/0/case", "false", "/tiers/0/case" },
	{ "/tiers/1/approvals", "0", "/tiers/1/approvals" },
	{ "/rules/8/waiver", NULL, "/rules/8/action" },
	{ "/rules/8/action", "\"redact-text\"", "" },
	{ "/rules/27/action", "\"keep\"", "/rules/27/action" },
	{ "/exceptions/0/review_within", "\"P91D\"", "/exceptions/0/review_within" },
};

START_TEST(below_the_floor)
{
	struct error_list errors = { .max = 50 };
	struct view floor = read_whole("conf/floor.json");
	json_t *doc = preset("police-request");

	if (strcmp(below[_i].pointer, "/rules/8/action") == 0) {
		put(doc, "/rules/8/params", "{\"recognisers\":[\"email\"]}");
		put(doc, "/rules/8/waiver", NULL);
	}
	put(doc, below[_i].pointer, below[_i].value);
	from.floor = VIEW("");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert_msg(a != NULL, "without a floor it must load");
	agreement_unref(a);
	from.floor = floor;
	ck_assert_msg(load_doc(doc, &from, &errors) == NULL, "%s is below the floor", below[_i].pointer);
	ck_assert_int_eq(errors.items[0].reason, REASON_BELOW_FLOOR);
	ck_assert_msg(strstr(errors.items[0].text, below[_i].place) != NULL, "%s", errors.items[0].text);
	ck_assert(strstr(errors.items[0].text, "floor.json: /") != NULL);
	json_decref(doc);
	free((void *)(uintptr_t)floor.p);
	error_list_free(&errors);
}
END_TEST

START_TEST(overlay_above_the_floor)
{
	struct error_list errors = { .max = 50 };
	json_t *doc = preset("pnr");

	from.floor = VIEW("{\"version\":\"1\",\"limits\":{\"copy\":\"P5Y\"}}");
	from.overlay = VIEW("{\"version\":\"1\",\"limits\":{\"copy\":\"P6Y\"}}");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert_int_eq(errors.items[0].reason, REASON_BELOW_FLOOR);
	ck_assert_str_eq(errors.items[0].where, "overlay.json");
	from.overlay = VIEW("{\"version\":\"1\",\"colour\":1}");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

START_TEST(overlay_narrows)
{
	struct error_list errors = { .max = 50 };
	json_t *doc = preset("pnr");
	struct duration want;

	from.overlay = VIEW("{\"version\":\"1\",\"limits\":{\"copy\":\"P1Y\",\"payload\":\"P2D\",\"mask\":\"P1M\"}}");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	const struct ruling *r = agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_SUSPECT, true);
	ck_assert(r != NULL);
	ck_assert(duration_parse(VIEW("P1Y"), &want) && duration_same(&r->copy, &want));
	ck_assert(duration_parse(VIEW("P2D"), &want) && duration_same(&r->payload, &want));
	ck_assert(duration_parse(VIEW("P1M"), &want) && duration_same(&r->mask, &want));
	ck_assert_uint_eq(r->review.years, 0); /* three years of review outlive a copy of one year */
	agreement_unref(a);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* An overlay sets what the agreement lacks; what would come after the copy's end is not left to come. */
START_TEST(overlay_sets_what_is_missing)
{
	static const struct {
		const char *retention, *overlay, *mask, *review;
	} table[] = {
		{ "{\"payload\":\"P7D\",\"copy\":\"P5Y\",\"at_end\":\"erase\"}",
		  "{\"mask\":\"P3M\",\"copy_review\":\"P2Y\"}", "P3M", "P2Y" },
		{ "{\"payload\":\"P7D\",\"copy\":\"P5Y\",\"mask\":\"P6M\",\"review\":\"P3Y\",\"at_end\":\"erase\"}",
		  "{\"copy\":\"P3M\"}", "P0D", "P0D" },
		{ "{\"payload\":\"P7D\",\"copy\":\"P5Y\",\"mask\":\"P6M\",\"review\":\"P3Y\",\"at_end\":\"erase\"}",
		  "{\"mask\":\"P9M\",\"copy_review\":\"P4Y\"}", "P6M", "P3Y" },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct error_list errors = { .max = 50 };
		struct buf overlay = BUF_INIT(400);
		json_t *doc = preset("pnr");
		struct duration mask, review;

		put(doc, "/retention", table[i].retention);
		buf_addf(&overlay, "{\"version\":\"1\",\"limits\":%s}", table[i].overlay);
		from.overlay = buf_view(&overlay);
		struct agreement *a = load_doc(doc, &from, &errors);
		print_errors(&errors);
		ck_assert(a != NULL);
		const struct ruling *r = agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_SUSPECT, true);
		ck_assert(duration_parse(view_of(table[i].mask), &mask) &&
		          duration_parse(view_of(table[i].review), &review));
		ck_assert_msg(r && duration_same(&r->mask, &mask) && duration_same(&r->review, &review), "%s",
		              table[i].overlay);
		agreement_unref(a);
		json_decref(doc);
		buf_free(&overlay);
		error_list_free(&errors);
	}
}
END_TEST

/* All that is below the floor is told, not the first alone. */
START_TEST(all_below_the_floor)
{
	static const char *const places[] = { "/retention/payload", "/retention/copy", "/retention/mask",
		                              "/retention/review", "/council/must_include" };
	struct error_list errors = { .max = 50 };
	json_t *doc = preset("pnr");

	from.floor = VIEW(
	        "{\"version\":\"1\",\"limits\":{\"payload\":\"P1D\",\"copy\":\"P1Y\",\"mask\":\"P1M\",\"copy_review\":\"P1Y\"},"
	        "\"demands\":{\"council_privacy_seat\":true}}");
	put(doc, "/council/must_include", "[\"agency\"]");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		ck_assert_msg(says(&errors, places[i], "floor.json: /"), "%s", places[i]);
	error_list_free(&errors);
	errors = (struct error_list){ .max = 50 };
	put(doc, "/council/must_include", "[\"privacy\",\"agency\"]");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert(says(&errors, "/retention/mask", "floor.json: /") &&
	          !says(&errors, "/council/must_include", "floor.json"));
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* Floors of one demand, each against an agreement that reaches it but for one thing. */
static const struct demand {
	const char *floor, *preset, *right_at, *right, *wrong_at, *wrong, *place, *says;
} demands[] = {
	{ "\"limits\":{\"payload\":\"P6D\"}", "pnr", "/retention/payload", "\"P6D\"", "/retention/payload", "\"P7D\"",
	  "/retention/payload", "/limits/payload" },
	{ "\"limits\":{\"copy\":\"P1Y\"}", "pnr", "/retention",
	  "{\"payload\":\"P7D\",\"copy\":\"P1Y\",\"at_end\":\"erase\"}", "/purposes/1/retention", "{\"copy\":\"P2Y\"}",
	  "/purposes/1/retention/copy", "/limits/copy" },
	{ "\"limits\":{\"mask\":\"P6M\"}", "pnr", "/retention/mask", "\"P6M\"", "/retention/mask", NULL,
	  "/retention/mask", "is missing, and floor.json: /limits/mask" },
	{ "\"limits\":{\"mask\":\"P5M\"}", "pnr", "/retention/mask", "\"P5M\"", "/retention/mask", "\"P6M\"",
	  "/retention/mask", "longer" },
	{ "\"limits\":{\"mask\":\"P6Y\"}", "pnr", "/retention/mask", NULL, "/retention/copy", "\"P7Y\"",
	  "/retention/mask", "is missing" },
	{ "\"demands\":{\"council\":true}", "pnr", "/council/threshold", "2", "/council", NULL, "/council",
	  "/demands/council" },
	{ "\"onward\":\"never\"", "pnr", "/onward/allowed", "\"never\"", "/onward/allowed", "\"with-permission\"",
	  "/onward/allowed", "floor.json: /onward" },
	{ "\"onward\":\"with-permission\"", "cyber-threat", "/onward/allowed", "\"with-permission\"", "/onward/allowed",
	  "\"listed\"", "/onward/allowed", "floor.json: /onward" },
	{ "\"onward\":\"never\"", "pnr", "/onward", NULL, "/onward", "{\"allowed\":\"listed\"}", "/onward/allowed",
	  "floor.json: /onward" },
	{ "\"clear_identifiers\":\"never\"", "pnr", "/title", "\"t\"", "/rules/0",
	  "{\"id\":\"x\",\"pointer\":\"/locator\",\"category\":"
	  "\"direct-identifier\",\"action\":\"keep\"}",
	  "/rules/0/action", "permits never" },
	{ "\"clear_identifiers\":\"with-waiver\"", "police-request", "/title", "\"t\"", "/rules/8/waiver", NULL,
	  "/rules/8/action", "only with a waiver" },
	{ "\"special_actions\":[\"mask\",\"null\"]", "police-request", "/rules/27",
	  "{\"id\":\"x\",\"pointer\":\"/person/health\",\"category\":"
	  "\"special\",\"action\":\"mask\"}",
	  "/rules/27/action", "\"const\"", "/rules/27", "" },
	{ "\"special_actions\":[\"drop\"]", "police-request", "/rules/27",
	  "{\"id\":\"x\",\"pointer\":\"/person/health\",\"category\":"
	  "\"special\",\"action\":\"mask\",\"when\":{\"tiers\":[\"T2\"]}}",
	  "/rules/27/when/tiers", "[\"T1\",\"T2\"]", "/rules/27/action", "/special_actions" },
	{ "\"tiers\":[{\"tier\":\"T2\"},{\"tier\":\"T1\",\"case\":true}]", "pnr", "/tiers/1/case", "true",
	  "/tiers/1/case", "false", "/tiers/1/case", "floor.json: /tiers/1/case" },
	{ "\"tiers\":[{\"tier\":\"T1\",\"necessity\":true}]", "pnr", "/tiers/1/necessity", "true", "/tiers/1/necessity",
	  NULL, "/tiers/1/necessity", "floor.json: /tiers/0/necessity" },
	{ "\"tiers\":[{\"tier\":\"T1\",\"officer\":true}]", "pnr", "/tiers/1/officer", "true", "/tiers/1/officer",
	  "false", "/tiers/1/officer", "floor.json: /tiers/0/officer" },
	{ "\"tiers\":[{\"tier\":\"T1\",\"justify_fields\":true}]", "pnr", "/tiers/1/justify_fields", "true",
	  "/tiers/1/justify_fields", NULL, "/tiers/1/justify_fields", "floor.json: /tiers/0/justify_fields" },
	{ "\"tiers\":[{\"tier\":\"T1\",\"approvals\":2}]", "pnr", "/tiers/1/approvals", "2", "/tiers/1/approvals", "1",
	  "/tiers/1/approvals", "floor.json: /tiers/0/approvals" },
	/* What is not stated is as long as may be; where no approval can be asked for nothing is to be stated. */
	{ "\"limits\":{\"approval\":\"PT24H\"}", "pnr", "/tiers/2/approval_lifetime", "\"PT24H\"",
	  "/tiers/2/approval_lifetime", NULL, "/tiers/2/approval_lifetime", "floor.json: /limits/approval" },
	{ "\"limits\":{\"approval\":\"PT24H\"}", "pnr", "/tiers/2/approval_lifetime", "\"PT23H\"",
	  "/tiers/2/approval_lifetime", "\"P2D\"", "/tiers/2/approval_lifetime", "floor.json: /limits/approval" },
	{ "\"limits\":{\"approval\":\"PT24H\"}", "cyber-threat", "/title", "\"t\"", "/tiers/0/approval_lifetime",
	  "\"PT25H\"", "/tiers/0/approval_lifetime", "floor.json: /limits/approval" },
	/* An exception can ask for one, too. */
	{ "\"limits\":{\"approval\":\"PT24H\"}", "police-request", "/tiers/1",
	  "{\"tier\":\"T2\",\"approval_lifetime\":\"PT2H\",\"criteria\":[{\"id\":\"imminent-danger\",\"text\":\"t\"}]}",
	  "/tiers/1", "{\"tier\":\"T2\",\"criteria\":[{\"id\":\"imminent-danger\",\"text\":\"t\"}]}",
	  "/tiers/1/approval_lifetime", "floor.json: /limits/approval" },
	/* A tier that the agreement does not have, and a copy that lives for a shorter time, owe nothing. */
	{ "\"limits\":{\"copy_review\":\"P2Y\"},\"tiers\":[{\"tier\":\"T2\",\"approvals\":8}]", "cyber-threat",
	  "/title", "\"t\"", "/retention/copy", "\"P3Y\"", "/retention/review", "is missing" },
};

START_TEST(each_demand)
{
	const struct demand *d = &demands[_i];
	struct error_list errors = { .max = 50 };
	struct buf floor = BUF_INIT(4000);
	json_t *doc = preset(d->preset);

	buf_addf(&floor, "{\"version\":\"1\",%s}", d->floor);
	from.floor = buf_view(&floor);
	put(doc, d->right_at, d->right);
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert_msg(a != NULL, "%s: what reaches the floor was refused", d->floor);
	agreement_unref(a);
	put(doc, d->wrong_at, d->wrong);
	ck_assert_msg(load_doc(doc, &from, &errors) == NULL, "%s: what is below the floor was taken", d->floor);
	if (!says(&errors, d->place, d->says)) {
		print_errors(&errors);
		ck_abort_msg("%s: not said: %s %s", d->floor, d->place, d->says);
	}
	json_decref(doc);
	buf_free(&floor);
	error_list_free(&errors);
}
END_TEST

START_TEST(documents_that_do_not_fit)
{
	static const struct {
		const char *floor, *overlay, *file;
	} table[] = {
		{ "{\"version\":\"1\",\"colour\":1}", "", "floor.json" },
		{ "{", "", "floor.json" },
		{ "", "{\"version\":1}", "overlay.json" },
		{ "", "[]", "overlay.json" },
		{ "", "{\"version\":\"1\",\"rules\":[{\"id\":\"a\",\"pointer\":\"/x\",\"action\":\"keep\"}]}",
		  "overlay.json" },
	};
	json_t *doc = preset("pnr");

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct error_list errors = { .max = 50 };
		from.floor = view_of(table[i].floor);
		from.overlay = view_of(table[i].overlay);
		ck_assert(load_doc(doc, &from, &errors) == NULL);
		ck_assert_str_eq(errors.items[0].where, table[i].file);
		error_list_free(&errors);
	}
	json_decref(doc);
}
END_TEST

/* What is wrong with them is told once, however many agreements are read beside them. */
START_TEST(faults_of_both_are_told_once)
{
	struct error_list errors = { .max = 50 };
	json_t *doc = preset("pnr");

	from.floor = VIEW("{\"version\":\"1\",\"colour\":1}");
	from.overlay = VIEW("{\"version\":\"1\",\"shape\":1}");
	for (int i = 0; i < 2; i++)
		ck_assert_ptr_null(load_doc(doc, &from, &errors));
	ck_assert_uint_eq(errors.n, 2);
	ck_assert_str_eq(errors.items[0].where, "floor.json");
	ck_assert_str_eq(errors.items[1].where, "overlay.json");
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* Fewer approvals than the agreement asks for, or none said, change nothing. */
START_TEST(overlay_asks_for_fewer_approvals)
{
	static const struct {
		const char *tier, *clause;
		uint32_t lacking;
	} cases[] = {
		{ "\"approvals\":1", "/tiers/1/approvals", 2 },
		{ "\"case\":true", "/tiers/1/approvals", 2 },
		{ "\"approvals\":2", "/tiers/1/approvals", 2 },
		{ "\"approvals\":3", "overlay.json/tiers/1/approvals", 3 },
	};
	json_t *e = envelope("pnr");

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char overlay[100];
		snprintf(overlay, sizeof overlay, "{\"version\":\"1\",\"tiers\":[{\"tier\":\"T1\",%s}]}",
		         cases[i].tier);
		from.overlay = view_of(overlay);
		struct agreement *a = load_with("pnr", "/tiers/1", "{\"approvals\":2}");
		ck_assert_int_eq(run(a, e), OUTCOME_HELD);
		ck_assert_uint_eq(bench.decision.lacking, cases[i].lacking);
		ck_assert_str_eq(bench.decision.failed[0].clause, cases[i].clause);
		agreement_unref(a);
	}
	json_decref(e);
}
END_TEST

/* An overlay that allows a longer copy than the agreement shortens nothing, and is not named. */
START_TEST(who_shortened_the_copy)
{
	static const char *const limits[] = { "P9Y", "P1Y" };
	static const char *const clauses[] = { "/retention/copy", "overlay.json/limits/copy" };
	json_t *e = envelope("pnr");

	json_object_set_new(e, "retention", json_string("P10Y"));
	for (size_t i = 0; i < 2; i++) {
		char overlay[80];
		snprintf(overlay, sizeof overlay, "{\"version\":\"1\",\"limits\":{\"copy\":\"%s\"}}", limits[i]);
		from.overlay = view_of(overlay);
		struct agreement *a = load_with("pnr", NULL, NULL);
		ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
		ck_assert_int_eq(bench.decision.failed[0].reason, REASON_RETENTION_OVER_MAX);
		ck_assert_str_eq(bench.decision.failed[0].clause, clauses[i]);
		agreement_unref(a);
	}
	json_decref(e);
}
END_TEST

/* Each limit of an overlay against that of the floor. */
START_TEST(overlay_against_the_floor)
{
	static const char *const members[] = { "payload", "keep", "copy", "mask", "copy_review" };
	json_t *doc = preset("pnr");

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		for (int looser = 0; looser < 2; looser++) {
			struct error_list errors = { .max = 50 };
			struct buf floor = BUF_INIT(200), overlay = BUF_INIT(200);
			buf_addf(&floor, "{\"version\":\"1\",\"limits\":{\"%s\":\"P9Y\"}}", members[i]);
			buf_addf(&overlay, "{\"version\":\"1\",\"limits\":{\"%s\":\"P9Y%s\"}}", members[i],
			         looser ? "1M" : "");
			from.floor = buf_view(&floor);
			from.overlay = buf_view(&overlay);
			struct agreement *a = load_doc(doc, &from, &errors);
			ck_assert_msg((a == NULL) == looser, "%s", members[i]);
			ck_assert(!looser || (errors.items[0].reason == REASON_BELOW_FLOOR &&
			                      strstr(errors.items[0].text, members[i])));
			agreement_unref(a);
			error_list_free(&errors);
			buf_free(&floor);
			buf_free(&overlay);
		}
	json_decref(doc);
}
END_TEST

/* What an overlay demands more of a tier, and what it denies; and that it names itself in the decision. */
START_TEST(overlay_demands)
{
	static const struct {
		const char *overlay;
		enum reason reason;
		const char *clause;
	} table[] = {
		{ "\"tiers\":[{\"tier\":\"T1\",\"case\":true}]", REASON_CASE_MISSING, "overlay.json/tiers/1/case" },
		{ "\"tiers\":[{\"tier\":\"T1\",\"necessity\":true}]", REASON_NECESSITY_INCOMPLETE,
		  "/tiers/1/criteria" },
		{ "\"tiers\":[{\"tier\":\"T1\",\"justify_fields\":true}]", REASON_FIELD_UNJUSTIFIED, "/rules/0" },
		{ "\"denied_exceptions\":[\"none\",\"x\"]", REASON_EXCEPTION_UNKNOWN,
		  "overlay.json/denied_exceptions" },
		{ "\"denied_purposes\":[\"none\",\"serious-crime\"]", REASON_PURPOSE_NOT_PERMITTED,
		  "overlay.json/denied_purposes/1" },
	};
	json_t *e = envelope("pnr");

	json_object_del(e, "case");
	json_object_del(e, "necessity");
	json_object_set_new(e, "exception", json_string("x"));
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct error_list errors = { .max = 20 };
		struct buf overlay = BUF_INIT(400);
		json_t *doc = preset("pnr");
		put(doc, "/tiers/1", "{\"tier\":\"T1\",\"criteria\":[{\"id\":\"c\",\"text\":\"t\"}]}");
		put(doc, "/exceptions",
		    "[{\"id\":\"x\",\"ground\":\"vital-interest\",\"text\":\"t\",\"pointers\":[\"/locator\"],\"approvals\":0,\"quota\":"
		    "{\"uses\":1,\"per\":\"P1D\"},\"expires\":\"2028-01-01T00:00:00Z\",\"review_within\":\"P1D\"}]");
		from.overlay = VIEW("");
		struct agreement *plain = load_doc(doc, &from, &errors);
		ck_assert(plain != NULL && run(plain, e) == OUTCOME_TRANSFORMED);
		buf_addf(&overlay, "{\"version\":\"1\",%s}", table[i].overlay);
		from.overlay = buf_view(&overlay);
		struct agreement *narrow = load_doc(doc, &from, &errors);
		ck_assert(narrow != NULL);
		ck_assert_int_eq(run(narrow, e), OUTCOME_REFUSED);
		ck_assert_int_eq(bench.decision.failed[0].reason, table[i].reason);
		ck_assert_str_eq(bench.decision.failed[0].clause, table[i].clause);
		agreement_unref(plain);
		agreement_unref(narrow);
		json_decref(doc);
		buf_free(&overlay);
		error_list_free(&errors);
	}
	json_decref(e);
}
END_TEST

/* Where an overlay's rule lies around the agreement's, meets it in part, or reaches several. */
START_TEST(overlay_rules_that_reach_more)
{
	static const struct {
		const char *rule, *lacks, *has;
	} table[] = {
		{ "{\"id\":\"a\",\"pointer\":\"/itinerary/*/*\",\"action\":\"mask\"}", "\"cabin\":\"business\"",
		  "\"cabin\":\"********\"" },
		{ "{\"id\":\"a\",\"pointer\":\"/*/*/seat\",\"action\":\"null\"}", "\"seat\":\"", "\"seat\":null" },
		{ "{\"id\":\"a\",\"pointer\":\"/nowhere\",\"action\":\"mask\"}", "\"nowhere\"",
		  "\"cabin\":\"business\"" },
		/* The agreement does another thing, and neither follows from the other: dropped. */
		{ "{\"id\":\"a\",\"pointer\":\"/travellers/*/family\",\"action\":\"redact-text\",\"params\":{\"recognisers\":[\"email\"]}}",
		  "\"family\"", "\"given\":\"p1." },
	};
	json_t *e = envelope("pnr");

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct buf overlay = BUF_INIT(1000);
		buf_addf(&overlay, "{\"version\":\"1\",\"rules\":[%s]}", table[i].rule);
		from.overlay = buf_view(&overlay);
		struct agreement *a = load_with("pnr", NULL, NULL);
		ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
		buf_addc(&bench.record, '\0');
		ck_assert_msg(!strstr(bench.record.p, table[i].lacks) && strstr(bench.record.p, table[i].has), "%s: %s",
		              table[i].rule, bench.record.p);
		agreement_unref(a);
		buf_free(&overlay);
	}
	json_decref(e);
}
END_TEST

/* A rule that would narrow nothing, for it names an item by its number, is not taken for one that does. */
START_TEST(overlay_rules_that_reach_nothing)
{
	static const char *const pointers[] = { "/itinerary/0/cabin", "/itinerary/0", "/travellers/1/*" };
	json_t *doc = preset("pnr");

	for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
		struct error_list errors = { .max = 50 };
		struct buf overlay = BUF_INIT(1000);
		buf_addf(&overlay,
		         "{\"version\":\"1\",\"rules\":[{\"id\":\"b\",\"pointer\":\"/none/7\",\"action\":\"drop\"},\n"
		         "{\"id\":\"a\",\"pointer\":\"%s\",\"action\":\"drop\"}]}",
		         pointers[i]);
		from.overlay = buf_view(&overlay);
		ck_assert_msg(load_doc(doc, &from, &errors) == NULL, "%s was taken", pointers[i]);
		ck_assert_str_eq(errors.items[0].where, "overlay.json");
		ck_assert(strncmp(errors.items[0].text, "/rules/1/pointer: matches nothing", 33) == 0);
		ck_assert(errors.n == 1 && errors.items[0].line == 2 && errors.items[0].column > 1);
		error_list_free(&errors);
		buf_free(&overlay);
	}
	json_decref(doc);
}
END_TEST

TCase *make_floor_case(void)
{
	TCase *c = tcase_create("floor");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, below_the_floor, 0, sizeof below / sizeof below[0]);
	tcase_add_loop_test(c, each_demand, 0, sizeof demands / sizeof demands[0]);
	tcase_add_test(c, documents_that_do_not_fit);
	tcase_add_test(c, faults_of_both_are_told_once);
	tcase_add_test(c, overlay_asks_for_fewer_approvals);
	tcase_add_test(c, who_shortened_the_copy);
	tcase_add_test(c, overlay_above_the_floor);
	tcase_add_test(c, overlay_against_the_floor);
	tcase_add_test(c, overlay_narrows);
	tcase_add_test(c, overlay_sets_what_is_missing);
	tcase_add_test(c, all_below_the_floor);
	tcase_add_test(c, overlay_demands);
	tcase_add_test(c, overlay_rules_that_reach_more);
	tcase_add_test(c, overlay_rules_that_reach_nothing);
	return c;
}
