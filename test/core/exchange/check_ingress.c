/* What a partner's gateway delivers: taken when its log proves that it left, refused by name otherwise. */
#include "gatewayd/core/store/exchange.h"
#include "lib/json/member_order.h"
#include "lib/json/splice.h"
#include "test/core/exchange/parcel_fixture.h"

START_TEST(a_proved_delivery_is_taken)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();
	struct view text = parcel_text(&p);
	struct exchange *x = sent(&s, text);

	ck_assert_msg(x->found.status == 201, "%.*s", (int)x->written.result.n, x->written.result.p);
	ck_assert_int_eq(x->decided.kind, EXCHANGE_INGRESS);
	ck_assert_int_eq(x->decided.origin_ms, p.entry.time_ms);
	ck_assert(memcmp(&x->decided.origin, &p.entry.exchange, sizeof p.entry.exchange) == 0);
	ck_assert(memcmp(&x->decided.origin, &x->decided.id, sizeof p.entry.exchange) != 0);
	LEAF_SAYS(x, "operation", "collection");
	ck_assert(leaf_has(x, "origin"));
	ck_assert_int_eq(row_of(x).state, STATE_READY);
	exchange_recycle(x);
	/* Delivered once more: the answer to the first, whatever the key says. */
	s.key = VIEW("another-key");
	x = sent(&s, text);
	ck_assert_int_eq(x->found.accepted, STORE_REPLAY);
	exchange_recycle(x);
}
END_TEST

static void other_operation(struct parcel *p)
{
	p->entry.operation = OPERATION_COLLECTION;
}

static void other_agreement(struct parcel *p)
{
	p->entry.agreement = VIEW("other");
}

static void other_recipient(struct parcel *p)
{
	p->entry.recipient = VIEW("east");
}

static void other_purpose(struct parcel *p)
{
	p->entry.purpose = VIEW("terrorism-prevention");
}

static void other_exception(struct parcel *p)
{
	p->entry.exception = VIEW("imminent-threat");
}

static void other_tier(struct parcel *p)
{
	p->entry.tier = VIEW("T0");
}

static void other_output(struct parcel *p)
{
	p->entry.output.b[0] ^= 1;
}

static void other_sender(struct parcel *p)
{
	p->agency = "north";
}

static void other_salt(struct parcel *p)
{
	p->salt.b[0] ^= 1;
}

static void other_key(struct parcel *p)
{
	p->key = f.log.key;
}

static void no_object(struct parcel *p)
{
	p->no_object = true;
}

static void corrects(struct parcel *p)
{
	p->corrects = "01890a5d-ac96-774b-bcce-b302099a8057";
}

static void older_build(struct parcel *p)
{
	p->entry.caveats = (struct digest){ { 0 } };
}

static void caveats_kept_back(struct parcel *p)
{
	p->caveats = VIEW("");
}

static void caveats_shed(struct parcel *p)
{
	p->caveats = VIEW("[]");
}

static void caveats_added(struct parcel *p)
{
	p->caveats =
	        VIEW("[{\"scale\":\"europol-handling\",\"value\":\"H2\"},{\"scale\":\"tlp-2.0\",\"value\":\"GREEN\"}]");
}

static void no_members(struct parcel *p)
{
	p->no_members = true;
}

/* Members that entries of records have not. */
static void noted(struct parcel *p)
{
	p->entry.note = VIEW("for your eyes");
}

static void named(struct parcel *p)
{
	p->entry.name = VIEW("for your eyes");
}

static void not_released(struct parcel *p)
{
	p->entry.outcome = VIEW("refused");
}

static void checked_twice(struct parcel *p)
{
	p->entry.checked = VIEW("necessity,case");
}

static void checked_more(struct parcel *p)
{
	p->entry.checked = VIEW("case,necessity,seen");
}

static void added(struct parcel *p)
{
	p->added = "XN-2026-0816";
}

static const struct {
	void (*spoil)(struct parcel *p);
	const char *why;
} spoilt[] = {
	{ other_operation, "not a disclosure" },
	{ other_agreement, "another agreement" },
	{ other_recipient, "another recipient" },
	{ other_purpose, "another purpose" },
	{ other_tier, "another purpose, legal basis or tier" },
	{ other_exception, "another exception" },
	{ other_output, "not that of the record" },
	{ other_salt, "not that of the record" },
	{ other_sender, "not the agency that it names" },
	{ other_key, "" },
	{ no_object, "not a JSON object" },
	{ corrects, "corrects another exchange" },
	{ older_build, "no digest of caveats" },
	{ caveats_kept_back, "did not come with the record" },
	{ caveats_shed, "not that of those that came" },
	{ caveats_added, "not that of those that came" },
	{ no_members, "no digest of the envelope" },
	{ added, "is not that of its members" },
	{ not_released, "does not say that it was released" },
	{ checked_twice, "what was checked" },
	{ checked_more, "what was checked" },
	{ noted, "has a member that" },
	{ named, "has a member that" },
};

START_TEST(what_its_log_does_not_prove)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();

	spoilt[_i].spoil(&p);
	struct exchange *x = decide(&s, parcel_text(&p));
	ck_assert_int_eq(exchange_reason(x), REASON_RECEIPT_INVALID);
	ck_assert_msg(strstr(x->decided.error.text, spoilt[_i].why) != NULL, "%s", x->decided.error.text);
	ck_assert(exchange_prepare(x));
	ck_assert(!x->decided.keeps_payload && !leaf_has(x, "output"));
	exchange_recycle(x);
}
END_TEST

/* What the sender has not checked is not made up for by a text. */
START_TEST(what_its_log_does_not_say_was_checked)
{
	static const struct {
		const char *checked;
		enum reason reason;
	} said[] = { { "necessity", REASON_CASE_MISSING },
		     { "case", REASON_NECESSITY_INCOMPLETE },
		     { "", REASON_CASE_MISSING } };
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();

	p.entry.checked = view_of(said[_i].checked);
	struct exchange *x = decide(&s, parcel_text(&p));
	ck_assert_int_eq(exchange_reason(x), said[_i].reason);
	ck_assert_str_eq(x->decided.decision.failed[0].pointer, "/origin/entry");
	exchange_recycle(x);
}
END_TEST

START_TEST(a_partner_whose_log_is_not_known)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();

	f.core.conf->partners[SOUTH_GATEWAY].has_log = false;
	struct exchange *x = decide(&s, parcel_text(&p));
	ck_assert_int_eq(exchange_reason(x), REASON_RECEIPT_INVALID);
	exchange_recycle(x);
}
END_TEST

/* One size has one root: the second history is no proof. */
START_TEST(two_histories_of_one_log)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();
	struct exchange *x = decide(&s, parcel_text(&p));

	ck_assert(exchange_is_release(x));
	exchange_recycle(x);
	p.entry.peer = VIEW("another-system");
	x = decide(&s, parcel_text(&p));
	ck_assert_int_eq(exchange_reason(x), REASON_RECEIPT_INVALID);
	ck_assert_str_eq(x->decided.error.where, "/origin/proof");
	exchange_recycle(x);
}
END_TEST

/* Decided by versions that are not in force here. */
START_TEST(versions_of_the_agreement)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();

	p.agreement.b[0] ^= 1;
	struct exchange *x = decide(&s, parcel_text(&p));
	ck_assert_int_eq(exchange_reason(x), REASON_AGREEMENT_MISMATCH);
	/* The two sides may agree yet: the answer is not kept for the sender's next try. */
	commit(x);
	ck_assert(!x->decided.final);
	ck_assert_int_eq(x->found.status, reason_status(REASON_AGREEMENT_MISMATCH));
	struct error e = { .reason = REASON_NONE };
	struct store_exchange row;
	ck_assert(!store_find_exchange(f.reader, &x->decided.id, &row, &e));
	exchange_recycle(x);
	s = submission_by(SOUTH_GATEWAY, "unheard-of");
	x = decide(&s, parcel_text(&p));
	ck_assert_int_eq(exchange_reason(x), REASON_AGREEMENT_UNKNOWN);
	exchange_recycle(x);
}
END_TEST

/* What is asked of the recipient's copy comes in the spelling in which gateways write durations. */
START_TEST(a_retention_in_another_spelling)
{
	static const char *const spelled[] = { "P1W", "P7D" };
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();
	json_t *members = json_loadb(p.members.p, p.members.n, 0, NULL);

	json_object_set_new(members, "retention", json_string(spelled[_i]));
	p.members = leaf_text(members);
	struct exchange *x = decide(&s, parcel_text(&p));
	ck_assert_int_eq(exchange_reason(x), _i == 0 ? REASON_RETENTION_MISSING : REASON_NONE);
	exchange_recycle(x);
}
END_TEST

static struct agreement *add_successor(int grace_days)
{
	json_t *doc = core_preset(&f, "pnr");
	char hex[65], text[100];

	hex_of(agreement_digest(conf_agreement(f.core.conf, VIEW("pnr"), NULL, f.now_ms)), hex);
	put(doc, "/version", "\"2\"");
	core_put_instant(&f, doc, "/effective_from", -2);
	snprintf(text, sizeof text, "{\"digest\":\"%s\"}", hex);
	put(doc, "/supersedes", text);
	core_put_instant(&f, doc, "/supersedes/grace_until", grace_days);
	return core_add_agreement(&f, doc);
}

/* Decided by the version before: taken within its grace when it was decided before this one came into force. */
START_TEST(the_version_before)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();
	int64_t before = f.now_ms - 3 * DAY_MS;
	uint8_t random[10] = { 1 };
	struct exchange *x;

	const struct agreement *first = conf_agreement(f.core.conf, VIEW("pnr"), NULL, f.now_ms),
	                       *successor = add_successor(1);
	x = decide(&s, parcel_text(&p));
	ck_assert_int_eq(exchange_reason(x), REASON_AGREEMENT_MISMATCH);
	ck_assert_ptr_eq(x->decided.agreement, successor);
	exchange_recycle(x);
	p.entry.exchange = uuid_v7(before, random);
	p.entry.time_ms = before;
	x = decide(&s, parcel_text(&p));
	ck_assert_msg(exchange_is_release(x), "%s", x->decided.error.text);
	ck_assert_ptr_eq(x->decided.agreement, first);
	ck_assert_int_eq(x->decided.origin_ms, before);
	exchange_recycle(x);
}
END_TEST

START_TEST(the_version_before_after_its_grace)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();
	uint8_t random[10] = { 1 };

	(void)add_successor(-1);
	p.entry.exchange = uuid_v7(f.now_ms - 3 * DAY_MS, random);
	struct exchange *x = decide(&s, parcel_text(&p));
	ck_assert_int_eq(exchange_reason(x), REASON_AGREEMENT_MISMATCH);
	exchange_recycle(x);
}
END_TEST

/* In the one form, as a gateway would send it. */
static struct view spelled(struct view text)
{
	struct tape_parser *parser = tape_parser_new(NULL);
	struct member_order order = { .keys = NULL };
	struct buf out = BUF_INIT(65536);
	struct tape t;
	struct splice s;

	OK(tape_parse(parser, text, &t, e));
	splice_start(&s, &out, &order);
	splice_copy(&s, &t, 0);
	struct view kept = arena_copy(&texts, buf_view(&out));
	buf_free(&out);
	member_order_free(&order);
	tape_parser_free(parser);
	return kept;
}

/* What a gateway delivers is narrowed by this side, too. */
START_TEST(more_than_the_agreement_lets_through)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();
	json_t *envelope = pnr("released");

	p.record = spelled(text_of(json_incref(json_object_get(envelope, "record"))));
	json_decref(envelope);
	struct view parts[] = { view_make(p.salt.b, sizeof p.salt.b), p.record };
	sha256_parts(parts, 2, &p.entry.output);
	struct exchange *x = decide(&s, parcel_text(&p));
	ck_assert_int_eq(exchange_reason(x), REASON_OUTPUT_VIOLATION);
	exchange_recycle(x);
}
END_TEST

static uint64_t log_size(void)
{
	struct view note;
	uint64_t size;

	OK(store_last_checkpoint(f.reader, &size, &note, e));
	return size;
}

/* What a partner file, an agreement or a release mends is no answer for ever: once in the log, then only answered. */
START_TEST(what_can_be_mended_is_decided_anew)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();
	struct view text = parcel_text(&p);
	struct error e = { .reason = REASON_NONE };
	struct store_exchange row;

	f.core.conf->partners[SOUTH_GATEWAY].has_log = false;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t size = log_size();
		struct exchange *x = sent(&s, text);

		ck_assert_int_eq(x->found.status, 403);
		ck_assert(buf_holds(&x->written.result, "\"final\":false"));
		/* The first has its entry and receipt, those of the same hour have none. */
		ck_assert(buf_holds(&x->written.result, "\"receipt\"") == (i == 0));
		ck_assert(!leaf_has(x, "final"));
		ck_assert(!store_find_exchange(f.reader, &x->decided.id, &row, &e));
		ck_assert(!store_find_origin(f.reader, VIEW("south"), &p.entry.exchange, &row, &e));
		exchange_recycle(x);
		ck_assert_uint_eq(log_size(), size + (i == 0));
	}
	s.now_ms += ATTEMPTS_QUIET;
	struct exchange *x = sent(&s, text);
	ck_assert(buf_holds(&x->written.result, "\"receipt\""));
	exchange_recycle(x);
	f.core.conf->partners[SOUTH_GATEWAY].has_log = true;
	x = sent(&s, text);
	ck_assert_int_eq(x->found.status, 201);
	exchange_recycle(x);
}
END_TEST

/* What nobody can mend ends the delivery: the leaf names the sender's exchange and what left there, and says so. */
START_TEST(a_final_refusal_says_what_it_ends)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct parcel p = parcel_new();
	char id[UUID_TEXT + 1], output[65];

	p.entry.form = CANONICAL_FORM + 1;
	uuid_print(&p.entry.exchange, id);
	hex_of(&p.entry.output, output);
	struct view text = parcel_text(&p);
	struct exchange *x = sent(&s, text);
	ck_assert_int_eq(x->found.status, 422);
	ck_assert(buf_holds(&x->written.result, "\"final\":true"));
	ck_assert(buf_holds(&x->written.leaf, "\"final\":true"));
	LEAF_SAYS(x, "operation", "refusal");
	LEAF_SAYS(x, "origin", id);
	LEAF_SAYS(x, "input", output);
	exchange_recycle(x);
	/* It stands: replayed, not decided anew. */
	x = sent(&s, text);
	ck_assert_int_eq(x->found.accepted, STORE_REPLAY);
	ck_assert(buf_holds(&x->written.result, "\"final\":true"));
	exchange_recycle(x);
}
END_TEST

/* What proves nothing cannot end what it names. */
START_TEST(an_envelope_that_is_none)
{
	struct submission s = submission_by(SOUTH_GATEWAY, "pnr");
	struct exchange *x = sent(&s, VIEW("{"));

	ck_assert_int_eq(x->found.status, 400);
	ck_assert(buf_holds(&x->written.result, "\"final\":false"));
	ck_assert(!leaf_has(x, "final"));
	exchange_recycle(x);
}
END_TEST

TCase *make_ingress_case(void);
TCase *make_ingress_case(void)
{
	TCase *c = tcase_create("ingress");

	tcase_add_checked_fixture(c, exchange_open, exchange_close);
	tcase_add_test(c, a_proved_delivery_is_taken);
	tcase_add_loop_test(c, a_retention_in_another_spelling, 0, 2);
	tcase_add_loop_test(c, what_its_log_does_not_prove, 0, sizeof spoilt / sizeof *spoilt);
	tcase_add_loop_test(c, what_its_log_does_not_say_was_checked, 0, 3);
	tcase_add_test(c, a_partner_whose_log_is_not_known);
	tcase_add_test(c, two_histories_of_one_log);
	tcase_add_test(c, versions_of_the_agreement);
	tcase_add_test(c, the_version_before);
	tcase_add_test(c, the_version_before_after_its_grace);
	tcase_add_test(c, more_than_the_agreement_lets_through);
	tcase_add_test(c, what_can_be_mended_is_decided_anew);
	tcase_add_test(c, a_final_refusal_says_what_it_ends);
	tcase_add_test(c, an_envelope_that_is_none);
	return c;
}
