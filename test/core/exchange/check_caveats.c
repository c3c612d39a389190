/* What is passed on keeps the codes under which it came, whatever its sender leaves out. */
#include "test/core/exchange/caveats_cases.h"

TCase *make_caveats_case(void);

/* --- what is kept and shown --- */

/* The disclosures of its entry, decoded. */
static void disclosed_text(const struct exchange *x, struct buf *out)
{
	json_t *list = parsed(&x->written.sd.packed), *one;
	size_t i, n;

	json_array_foreach(list, i, one)
	{
		char *room = buf_room(out, json_string_length(one));
		ck_assert(room && base64url_decode(view_of(json_string_value(one)), room, json_string_length(one), &n));
		out->n += n;
	}
	json_decref(list);
}

START_TEST(a_single_gateway_keeps_what_came)
{
	struct submission s = submission_by(SOUTH_SYSTEM, "pnr");
	struct exchange *x = sent(&s, text_of(under("[" TLP("RED") "]")));
	struct digest want;
	char hex[65];

	ck_assert_int_eq(x->found.status, 201);
	ck_assert(buf_holds(&x->written.members, ",\"caveats\":[" H("2") "," TLP("RED") "]"));
	kept(&x->decided.id, "[" H("2") "," TLP("RED") "]");
	exchange_salted(&x->decided.random.salt, buf_view(&x->written.caveats), &want);
	hex_of(&want, hex);
	LEAF_SAYS(x, "caveats", hex);
	/* In the log's disclosures, too: the digest's salt goes with the record. */
	struct buf disclosed = BUF_INIT(65536);
	disclosed_text(x, &disclosed);
	ck_assert(buf_holds(&disclosed, "\"caveats\",[" H("2") "," TLP("RED") "]"));
	buf_free(&disclosed);
	exchange_recycle(x);
}
END_TEST

START_TEST(they_go_with_the_copy)
{
	struct uuid id = came("[" TLP("GREEN") "]");

	ck_assert(has_caveats(&id));
	become(&id, STATE_FETCHED);
	ck_assert(has_caveats(&id));
	become(&id, STATE_ENDED);
	ck_assert(!has_caveats(&id));
	denied("pnr", naming(under(NULL), "onward_of", &id), REASON_ONWARD_DENIED, "/onward_of", "still held");
}
END_TEST

/* --- what they forbid --- */

static const struct {
	const char *came, *why;
} closed[] = {
	{ "[" H("2") "," TLP("RED") "]", "tlp-2.0 RED" },
	{ "[" TLP("RED") "]", "tlp-2.0 RED: it goes no further" },
	{ "[" TLP("AMBER+STRICT") "]", "tlp-2.0 AMBER+STRICT" },
	{ "[" H("2") "]", "europol-handling H2: not without its originator" },
	{ "[" TLP("CLEAR") "," H("0") "," H("2") "]", "europol-handling H2" },
};

START_TEST(what_came_under_such_a_code_goes_no_further)
{
	struct uuid id = came(closed[_i].came);

	denied("pnr", naming(under(NULL), "onward_of", &id), REASON_ONWARD_DENIED, "/onward_of", closed[_i].why);
	/* Nor under a weaker code of the same scales. */
	denied("pnr", naming(under("[" TLP("CLEAR") "," H("0") "]"), "onward_of", &id), REASON_ONWARD_DENIED,
	       "/onward_of", closed[_i].why);
}
END_TEST

/* Under with-permission a person decides on H2, and nobody on RED. */
START_TEST(permission_covers_h2_and_no_more)
{
	struct uuid id, on;

	add_listed("asked", "{\"allowed\":\"with-permission\"}");
	id = posted(SOUTH_SYSTEM, "asked", under("[" H("2") "]"), 201);
	on = posted(NORTH_SYSTEM, "pnr", naming(under(NULL), "onward_of", &id), 202);
	ck_assert(!has_caveats(&on));
	id = posted(SOUTH_SYSTEM, "asked", under("[" H("2") "," TLP("RED") "]"), 201);
	denied("pnr", naming(under(NULL), "onward_of", &id), REASON_ONWARD_DENIED, "/onward_of", "tlp-2.0 RED");
}
END_TEST

/* Words and conditions are read by a person first, who is told where to look. */
START_TEST(words_are_read_first)
{
	struct uuid id = came("[" CODE("uk-3x5x2-handling", "C") "]");
	struct submission s = submission_by(NORTH_SYSTEM, "listed");
	struct exchange *x = decide(&s, text_of(naming(under(NULL), "onward_of", &id)));

	ck_assert_int_eq(x->decided.decision.outcome, OUTCOME_HELD);
	ck_assert_str_eq(x->decided.decision.failed[0].pointer, "/onward_of");
	exchange_recycle(x);
}
END_TEST

/* --- what they add --- */

START_TEST(passing_on_without_codes_inherits_them)
{
	struct uuid first = came("[" H("1") "," TLP("AMBER") "," CODE("europol-source", "C") "]"), on;

	on = posted(NORTH_SYSTEM, "listed", naming(under(NULL), "onward_of", &first), 201);
	kept(&on, "[" CODE("europol-source", "C") "," H("1") "," TLP("AMBER") "]");
	/* Weaker ones, twice, and in another order add nothing; stricter ones do, and the agreement's own. */
	on = posted(NORTH_SYSTEM, "listed",
	            naming(under("[" TLP("GREEN") "," TLP("GREEN") "," H("0") "," CODE("europol-source", "A") "]"),
	                   "onward_of", &first),
	            201);
	kept(&on, "[" CODE("europol-source", "C") "," H("1") "," TLP("AMBER") "]");
	on = posted(NORTH_SYSTEM, "pnr", naming(under("[" TLP("RED") "]"), "onward_of", &first), 201);
	kept(&on, "[" CODE("europol-source", "C") "," H("1") "," H("2") "," TLP("RED") "]");
}
END_TEST

static bool forget_caveats(void *arg, const struct act *a, struct error *e)
{
	return store_drop_caveats(a->store, *(uint64_t *)arg, e);
}

/* What an older build took in is known to nobody. */
START_TEST(what_is_not_known_is_not_passed_on)
{
	struct uuid id = came(NULL);
	uint64_t seq = seq_of(&id);
	struct core_job j = core_act(&f, forget_caveats, &seq);

	ck_assert(j.committed);
	denied("pnr", naming(under(NULL), "onward_of", &id), REASON_ONWARD_DENIED, "/onward_of", "is not known");
}
END_TEST

/* --- rows that were altered --- */

struct alteration {
	uint64_t seq;
	const char *text;
	uint8_t salt; /* XORed with the row's first */
	bool bare;    /* without a salt, as an older build left it */
};

static bool alter_row(void *arg, const struct act *a, struct error *e)
{
	const struct alteration *to = arg;
	struct store_caveats c;

	if (!store_get_caveats(a->store, to->seq, &c, e))
		return false;
	c.text = view_of(to->text);
	c.salt.b[0] ^= to->salt;
	if (to->bare)
		c.salt = (struct salt){ .b = { 0 } };
	return store_put_caveats(a->store, to->seq, &c, e);
}

static void alter(const struct uuid *id, const char *text, uint8_t salt, bool bare)
{
	struct alteration to = { .seq = seq_of(id), .text = text, .salt = salt, .bare = bare };
	struct core_job j = core_act(&f, alter_row, &to);

	ck_assert_msg(j.committed, "%s", j.error.text);
}

static const struct {
	const char *text;
	uint8_t salt;
	bool bare;
	enum reason reason;
} rows[] = {
	{ "[" TLP("GREEN") "]", 0, false, REASON_NONE },    /* as it is */
	{ "[" TLP("CLEAR") "]", 0, false, REASON_DAMAGED }, /* milder */
	{ "[" TLP("RED") "]", 0, false, REASON_DAMAGED },   /* and stricter: nobody knows who wrote it */
	{ "[]", 0, false, REASON_DAMAGED },
	{ "no JSON", 0, false, REASON_DAMAGED },
	{ "[" TLP("GREEN") "]", 1, false, REASON_DAMAGED },
	{ "[" TLP("GREEN") "]", 0, true, REASON_ONWARD_DENIED },
};

START_TEST(an_altered_row_is_not_inherited)
{
	struct uuid id = came("[" TLP("GREEN") "]");
	struct submission s = submission_by(NORTH_SYSTEM, "listed");
	struct exchange *x;

	alter(&id, rows[_i].text, rows[_i].salt, rows[_i].bare);
	for (int again = 0; again < 2; again++) {
		x = decide(&s, text_of(naming(under(NULL), "onward_of", &id)));
		ck_assert_msg(exchange_reason(x) == rows[_i].reason, "%s", reason_slug(exchange_reason(x)));
		exchange_recycle(x);
	}
	if (rows[_i].reason != REASON_DAMAGED)
		return;
	/* What the writer does next comes behind it. */
	alter(&id, rows[_i].text, 0, false);
	json_t *last = core_last_entry(&f);
	ck_assert_str_eq(core_member(last, "operation"), "incident");
	ck_assert_str_eq(core_member(last, "note"), "damaged: the codes that it came under are not those of its entry");
	json_decref(last);
}
END_TEST

/* Neither is the first one's alone, when that of its correction was altered or taken away. */
START_TEST(nor_is_that_of_a_correction)
{
	struct uuid first = came("[" TLP("GREEN") "]"), second;

	second = posted(SOUTH_SYSTEM, "listed", naming(under("[" TLP("AMBER") "]"), "corrects", &first), 201);
	alter(&second, "[" TLP("CLEAR") "]", 0, false);
	denied("listed", naming(under(NULL), "onward_of", &first), REASON_DAMAGED, "/onward_of",
	       "altered in the store");
	struct core_job j = core_act(&f, forget_caveats, &(uint64_t){ seq_of(&second) });
	ck_assert(j.committed);
	denied("listed", naming(under(NULL), "onward_of", &first), REASON_ONWARD_DENIED, "/onward_of", "is not known");
}
END_TEST

/* --- by way of a correction --- */

/* The correction of what was passed on is passed on as well, though it names nothing. */
START_TEST(a_correction_sheds_nothing)
{
	struct uuid first = came("[" H("1") "," TLP("AMBER") "]"), mild = came("[" TLP("CLEAR") "]"), own, on,
	            corrected;
	struct store_link link;

	on = posted(NORTH_SYSTEM, "listed", naming(under(NULL), "onward_of", &first), 201);
	denied("listed", naming(naming(under(NULL), "corrects", &on), "onward_of", &mild), REASON_ONWARD_DENIED,
	       "/onward_of", "not passed on from it");
	/* Nor does a record of this agency's own become one of another's by its correction. */
	own = posted(NORTH_SYSTEM, "listed", under(NULL), 201);
	denied("listed", naming(naming(under(NULL), "corrects", &own), "onward_of", &mild), REASON_ONWARD_DENIED,
	       "/onward_of", "not passed on from it");
	corrected = posted(NORTH_SYSTEM, "listed", naming(under("[" TLP("CLEAR") "]"), "corrects", &on), 201);
	kept(&corrected, "[" H("1") "," TLP("AMBER") "]");
	/* A recall of what came walks on to it, too. */
	OK(store_get_link(f.reader, seq_of(&corrected), LINK_ONWARD, &link, e));
	ck_assert_uint_eq(link.parent, seq_of(&first));
	/* When what came has been recalled, no correction goes out either. */
	become(&first, STATE_RECALLED);
	denied("listed", naming(under(NULL), "corrects", &corrected), REASON_ONWARD_DENIED, "/corrects", "still held");
}
END_TEST

/* The originator itself may correct its record under other codes: what is passed on of that has them. */
START_TEST(the_originators_correction_counts)
{
	struct uuid first = came("[" TLP("GREEN") "]"), second, on, corrected;

	on = posted(NORTH_SYSTEM, "listed", naming(under(NULL), "onward_of", &first), 201);
	second = posted(SOUTH_SYSTEM, "listed", naming(under("[" TLP("AMBER") "]"), "corrects", &first), 201);
	corrected =
	        posted(NORTH_SYSTEM, "listed", naming(naming(under(NULL), "corrects", &on), "onward_of", &second), 201);
	kept(&corrected, "[" TLP("AMBER") "]");
}
END_TEST

/* Stricter codes that came with a correction hold at once, whether or not it has been acknowledged. */
START_TEST(a_correction_that_is_not_acknowledged_counts)
{
	struct uuid first = came("[" TLP("GREEN") "]"), second, third;

	become(&first, STATE_FETCHED);
	second = posted(SOUTH_SYSTEM, "listed", naming(under("[" TLP("AMBER") "]"), "corrects", &first), 201);
	third = posted(NORTH_SYSTEM, "listed", naming(under(NULL), "onward_of", &first), 201);
	kept(&third, "[" TLP("AMBER") "]");
	posted(SOUTH_SYSTEM, "listed", naming(under("[" TLP("RED") "]"), "corrects", &second), 201);
	denied("listed", naming(under(NULL), "onward_of", &first), REASON_ONWARD_DENIED, "/onward_of", "tlp-2.0 RED");
}
END_TEST

/* --- and later --- */

/* What is held is decided by the version that is in force at its release, and travels under that one's codes. */
START_TEST(held_records_take_the_codes_of_their_release)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct view text = text_of(pnr("held-waiting-decision"));
	struct exchange *x = decide(&s, text);
	struct approved approved = { .id = x->decided.id, .input_salt = x->decided.random.input_salt };

	ck_assert_int_eq(x->decided.decision.outcome, OUTCOME_HELD);
	exchange_recycle(x);
	json_t *doc = core_preset(&f, "pnr");
	char hex[65], supersedes[100];
	hex_of(agreement_digest(f.core.conf->agreements[0]), hex);
	put(doc, "/version", "\"2\"");
	core_put_instant(&f, doc, "/effective_from", -2);
	snprintf(supersedes, sizeof supersedes, "{\"digest\":\"%s\"}", hex);
	put(doc, "/supersedes", supersedes);
	core_put_instant(&f, doc, "/supersedes/grace_until", 1);
	put(doc, "/onward/caveats", "[" TLP("RED") "]");
	core_add_agreement(&f, doc);
	s.approved = &approved;
	x = decide(&s, text);
	ck_assert(exchange_is_release(x));
	ck_assert(buf_holds(&x->written.caveats, TLP("RED")));
	ck_assert(!buf_holds(&x->written.caveats, "H2"));
	exchange_recycle(x);
}
END_TEST

/* Each line of a batch stands alone; a line that is decided a second time has the codes of one decision. */
START_TEST(a_second_decision_starts_anew)
{
	struct uuid first = came("[" WORDS "]");
	struct submission s = submission_by(NORTH_SYSTEM, "listed");
	struct exchange *x = decide(&s, text_of(naming(under(NULL), "onward_of", &first)));

	ck_assert(buf_holds(&x->written.caveats, "uk-3x5x2-handling"));
	exchange_decide(&decider, &s, released_text(), x);
	ck_assert(view_is(buf_view(&x->written.caveats), "[]"));
	exchange_recycle(x);
}
END_TEST

TCase *make_caveats_case(void);
TCase *make_caveats_case(void)
{
	TCase *c = tcase_create("caveats");

	tcase_add_checked_fixture(c, open_listed, exchange_close);
	tcase_add_test(c, a_single_gateway_keeps_what_came);
	tcase_add_test(c, they_go_with_the_copy);
	tcase_add_loop_test(c, what_came_under_such_a_code_goes_no_further, 0, sizeof closed / sizeof *closed);
	tcase_add_test(c, permission_covers_h2_and_no_more);
	tcase_add_test(c, words_are_read_first);
	tcase_add_test(c, passing_on_without_codes_inherits_them);
	tcase_add_test(c, what_is_not_known_is_not_passed_on);
	tcase_add_loop_test(c, an_altered_row_is_not_inherited, 0, (int)(sizeof rows / sizeof *rows));
	tcase_add_test(c, nor_is_that_of_a_correction);
	tcase_add_test(c, a_correction_sheds_nothing);
	tcase_add_test(c, the_originators_correction_counts);
	tcase_add_test(c, a_correction_that_is_not_acknowledged_counts);
	tcase_add_test(c, held_records_take_the_codes_of_their_release);
	tcase_add_test(c, a_second_decision_starts_anew);
	return c;
}
