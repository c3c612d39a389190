/* What oversight bodies see with their own certificate: of their own side all, of another party's what that party may see, where
 * the agreement names them; that each reading is in the log, and that reading does not make it grow. */
#include "gatewayd/core/read/reading.h"
#include "test/core/worker_fixture.h"
#include "test/policy/officers.h"

TCase *make_oversight_case(void);

static struct exchange *queued_one;
static struct uuid *id;
static const char *north_only[] = { "north" }, *south_only[] = { "south" };

/* Their places are those of partners that these tests do not need. */
enum { DPA_NORTH = NORTH_OFFICER, DPA_SOUTH = SOUTH_SYSTEM };

static void make_body(unsigned place, const char *agency, const char **of)
{
	struct partner *p = &f.core.conf->partners[place];

	p->agency = p->id = agency;
	p->roles = ROLE(SUPERVISOR);
	p->oversees = of;
	p->n_oversees = 1;
}

/* The same agreement in a version that says who oversees the recipient. */
static void recognise(const char *bodies)
{
	json_t *doc = core_preset(&f, "pnr");

	put(doc, "/parties/1/oversight", bodies);
	core_add_agreement(&f, doc);
}

static void set_up(void)
{
	struct submission s;

	worker_open();
	s = submission_by(NORTH_SYSTEM, "pnr");
	queued_one = sent(&s, released_text());
	id = &queued_one->decided.id;
	make_body(DPA_NORTH, "dpa-north", north_only);
	make_body(DPA_SOUTH, "dpa-south", south_only);
}

static void tear_down(void)
{
	exchange_recycle(queued_one);
	worker_close();
}

static uint64_t log_size(void)
{
	struct writer_stats stats;

	writer_stats(f.log.writer, &stats);
	return stats.tree_size;
}

static const char *bundle_path(void)
{
	char path[80];

	snprintf(path, sizeof path, "/tile/entries/000.p/%llu", (unsigned long long)log_size());
	return arena_str(&texts, view_of(path));
}

static size_t n_agreements(void)
{
	return json_array_size(json_object_get(answer_doc(), "agreements"));
}

/* --- who sees what --- */

START_TEST(an_authority_sees_all_of_its_own_side)
{
	static const char *const parts[] = { "", "/receipt", "/notices", "/disclosures" };

	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(got(DPA_NORTH, exchange_path(id, parts[i])), 200);
	ck_assert_int_eq(got(DPA_NORTH, bundle_path()), 200);
	ck_assert_int_eq(got(DPA_NORTH, "/v1/agreements"), 200);
	ck_assert_uint_eq(n_agreements(), 3);
	ck_assert_int_eq(got(DPA_NORTH, "/v1/agreements/pnr/summary"), 200);
	/* Why a delivery waits is told to its own side. */
	ck_assert_int_eq(got(DPA_NORTH, exchange_path(id, "")), 200);
	ck_assert_ptr_nonnull(json_object_get(answer_doc(), "delivery"));
	/* A record is nobody's but the recipient's system's. */
	got(DPA_NORTH, exchange_path(id, "/record"));
	is_problem(403, "role-denied");
}
END_TEST

START_TEST(of_another_side_nothing_without_the_agreement)
{
	static const char *const parts[] = { "", "/receipt", "/notices", "/disclosures" };

	for (size_t i = 0; i < 4; i++) {
		got(DPA_SOUTH, exchange_path(id, parts[i]));
		is_problem(404, "not-found");
	}
	got(DPA_SOUTH, bundle_path());
	is_problem(403, "role-denied");
	ck_assert_int_eq(got(DPA_SOUTH, "/v1/agreements"), 200);
	ck_assert_uint_eq(n_agreements(), 0);
	got(DPA_SOUTH, "/v1/agreements/pnr");
	is_problem(404, "agreement-unknown");
	got(DPA_SOUTH, "/v1/log/entries?agreement=pnr");
	is_problem(404, "agreement-unknown");
}
END_TEST

START_TEST(of_another_side_what_the_party_may_see)
{
	recognise("[\"court-south\",\"dpa-south\"]");
	ck_assert_int_eq(got(DPA_SOUTH, exchange_path(id, "")), 200);
	ck_assert_ptr_null(json_object_get(answer_doc(), "delivery"));
	ck_assert_int_eq(got(DPA_SOUTH, exchange_path(id, "/receipt")), 200);
	ck_assert_int_eq(got(DPA_SOUTH, exchange_path(id, "/notices")), 200);
	got(DPA_SOUTH, exchange_path(id, "/disclosures"));
	is_problem(403, "role-denied");
	got(DPA_SOUTH, bundle_path());
	is_problem(403, "role-denied");
	ck_assert_int_eq(got(DPA_SOUTH, "/v1/agreements"), 200);
	ck_assert_uint_eq(n_agreements(), 2);
	ck_assert_int_eq(got(DPA_SOUTH, "/v1/agreements/pnr"), 200);
	ck_assert_int_eq(got(DPA_SOUTH, "/v1/log/entries?agreement=pnr"), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(answer_doc(), "entries")), 1);
	got(DPA_SOUTH, "/v1/log/entries?agreement=other");
	is_problem(404, "agreement-unknown");
}
END_TEST

/* Neither a body of that name for another party, nor a file's word alone, nor a role that does not oversee. */
START_TEST(all_three_must_say_so)
{
	struct partner *p = &f.core.conf->partners[DPA_SOUTH];

	recognise("[\"dpa-south\"]");
	p->oversees = north_only; /* of this node's own agency by its operator's word */
	ck_assert_int_eq(got(DPA_SOUTH, exchange_path(id, "/disclosures")), 200);
	static const char *west[] = { "west" };
	p->oversees = west;
	got(DPA_SOUTH, exchange_path(id, ""));
	is_problem(404, "not-found");
	p->oversees = south_only;
	p->agency = "dpa-other";
	got(DPA_SOUTH, exchange_path(id, ""));
	is_problem(404, "not-found");
	p->agency = "dpa-south";
	p->roles = ROLE(SYSTEM);
	got(DPA_SOUTH, exchange_path(id, ""));
	is_problem(404, "not-found");
	got(DPA_SOUTH, "/v1/log/entries?agreement=pnr");
	is_problem(403, "role-denied");
	p->roles = ROLE(COURT);
	ck_assert_int_eq(got(DPA_SOUTH, exchange_path(id, "")), 200);
}
END_TEST

/* --- entries of an agreement --- */

START_TEST(each_entry_with_its_own_proof)
{
	struct buf scratch_text = BUF_INIT(65536);
	struct receipt r;
	struct view leaf;

	ck_assert_int_eq(got(DPA_NORTH, "/v1/log/entries?agreement=pnr"), 200);
	json_t *doc = answer_doc(), *first = json_array_get(json_object_get(doc, "entries"), 0);
	const char *text = json_string_value(json_object_get(first, "receipt"));
	ck_assert_ptr_nonnull(text);
	OK(receipt_parse(view_of(text), &scratch_text, &r, &leaf, e));
	OK(receipt_verify(&r, leaf, &f.log.vkey, e));
	ck_assert_uint_eq(r.index, (uint64_t)json_integer_value(json_object_get(first, "index")));
	ck_assert(memmem(leaf.p, leaf.n, "\"agreement\":\"pnr\"", 17) != NULL);
	ck_assert(json_is_false(json_object_get(doc, "more")));
	/* Behind the last there is nothing; and another agreement has none. */
	char path[100];
	snprintf(path, sizeof path, "/v1/log/entries?agreement=pnr&after=%lld",
	         (long long)json_integer_value(json_object_get(doc, "after")));
	ck_assert_int_eq(got(DPA_NORTH, "/v1/log/entries?agreement=gone"), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(answer_doc(), "entries")), 0);
	ck_assert_int_eq(got(DPA_NORTH, path), 200);
	ck_assert(memmem(answer_seen.body.p, answer_seen.body.n, "\"disclosure\"", 12) == NULL);
	buf_free(&scratch_text);
}
END_TEST

START_TEST(malformed_questions)
{
	static const char *const bad[] = { "",
		                           "?agreement=",
		                           "?agreement=Pnr",
		                           "?agreement=a%22b",
		                           "?agreement=pnr&after=x",
		                           "?agreement=pnr&after=-1",
		                           "?after=1",
		                           "?agreement=pnr&after=9223372036854775807" };
	char path[200];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(path, sizeof path, "/v1/log/entries%s", bad[i]);
		got(DPA_NORTH, path);
		is_problem(400, "bad-query");
	}
}
END_TEST

/* --- what was withheld --- */

static bool erase(void *arg, const struct act *a, struct error *error)
{
	return store_erase_disclosures(a->store, *(uint64_t *)arg, error);
}

START_TEST(disclosures_open_the_digests)
{
	struct buf scratch_text = BUF_INIT(65536), row = BUF_INIT(65536);
	struct receipt r;
	struct view leaf;

	ck_assert_int_eq(got(DPA_NORTH, exchange_path(id, "/disclosures")), 200);
	json_t *doc = answer_doc();
	ck_assert(json_is_false(json_object_get(doc, "erased")));
	char *packed = json_dumps(json_object_get(doc, "disclosures"), JSON_COMPACT);
	buf_adds(&row, packed);
	free(packed);
	OK(receipt_parse(view_of(json_string_value(json_object_get(doc, "receipt"))), &scratch_text, &r, &leaf, e));
	OK(receipt_verify(&r, leaf, &f.log.vkey, e));
	OK(disclosures_verify(leaf, buf_view(&row), e));
	buf_free(&row);
	buf_free(&scratch_text);
	/* Once they are erased it says so. */
	uint64_t entry = row_of(queued_one).entry;
	struct core_job done = core_act(&f, erase, &entry);
	ck_assert(done.committed);
	ck_assert_int_eq(got(DPA_NORTH, exchange_path(id, "/disclosures")), 200);
	ck_assert(json_is_true(json_object_get(answer_doc(), "erased")));
}
END_TEST

/* --- readings --- */

static void last_note(const char *note, const char *reader)
{
	json_t *entry = core_last_entry(&f);

	ck_assert_str_eq(core_member(entry, "operation"), "consultation");
	ck_assert_str_eq(core_member(entry, "note"), note);
	ck_assert_str_eq(core_member(entry, "peer"), reader);
	json_decref(entry);
}

START_TEST(a_reading_is_one_entry_a_minute)
{
	static const struct {
		const char *path, *note;
	} all[] = { { "/v1/agreements", "agreements read" },
		    { "/v1/agreements/pnr", "agreement read" },
		    { "/tile/0/000.p/1", "log tiles read" },
		    { "/tile/entries/000.p/1", "log entries read" },
		    { "/v1/log/entries?agreement=pnr", "log entries of an agreement read" } };
	uint64_t size;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		size = log_size();
		ck_assert_int_eq(got(DPA_NORTH, all[i].path), 200);
		ck_assert_uint_eq(log_size(), size + 1);
		last_note(all[i].note, "dpa-north");
	}
	size = log_size();
	for (size_t i = 0; i < 100; i++)
		ck_assert_int_eq(got(DPA_NORTH, "/tile/entries/000.p/1"), 200);
	/* But for a minute that passed meanwhile. */
	ck_assert_uint_le(log_size(), size + 1);
	size = log_size();
	/* Each exchange, and each part of it, for itself; and who is none of oversight is not logged. */
	ck_assert_int_eq(got(DPA_NORTH, exchange_path(id, "")), 200);
	last_note("exchange read", "dpa-north");
	ck_assert_int_eq(got(DPA_NORTH, exchange_path(id, "/receipt")), 200);
	last_note("receipt read", "dpa-north");
	ck_assert_int_eq(got(DPA_NORTH, exchange_path(id, "/notices")), 200);
	last_note("notices read", "dpa-north");
	ck_assert_int_eq(got(DPA_NORTH, exchange_path(id, "/disclosures")), 200);
	last_note("disclosures read", "dpa-north");
	ck_assert_uint_eq(log_size(), size + 4);
	ck_assert_int_eq(got(NORTH_SYSTEM, exchange_path(id, "")), 200);
	ck_assert_int_eq(got(SOUTH_GATEWAY, "/tile/0/000.p/1"), 200);
	ck_assert_uint_eq(log_size(), size + 4);
}
END_TEST

START_TEST(the_others_of_a_minute_are_counted)
{
	int64_t now = instant_now_ms();
	uint64_t size;

	/* Not where the minute might end on the way. */
	if (now % 60000 > 50000)
		usleep((useconds_t)(60000 - now % 60000) * 1000);
	for (size_t i = 0; i < 8; i++)
		ck_assert_int_eq(got(DPA_NORTH, "/tile/0/000.p/1"), 200);
	now = instant_now_ms();
	size = log_size();
	readings_tell(&f.core, now, false); /* the minute is not over */
	readings_tell(&f.core, now + 60000, false);
	readings_tell(&f.core, now + 60000, false);
	/* Behind it in the writer's queue. */
	ck_assert_int_eq(got(DPA_NORTH, "/v1/agreements"), 200);
	ck_assert_uint_eq(log_size(), size + 2);
	struct view leaf, packed;
	OK(store_find_entry(f.reader, size, &leaf, &packed, e));
	ck_assert(memmem(leaf.p, leaf.n, "\"note\":\"log tiles read: 7 more in the minute\"", 45) != NULL);
	ck_assert(memmem(leaf.p, leaf.n, "\"peer\":\"dpa-north\"", 18) != NULL);
	/* All of them at the end, and none twice. */
	ck_assert_int_eq(got(DPA_NORTH, "/v1/agreements"), 200);
	readings_tell(&f.core, instant_now_ms(), true);
	readings_tell(&f.core, instant_now_ms(), true);
	ck_assert_int_eq(got(DPA_NORTH, exchange_path(id, "")), 200);
	OK(store_find_entry(f.reader, size + 2, &leaf, &packed, e));
	ck_assert(memmem(leaf.p, leaf.n, "agreements read: 1 more in the minute", 37) != NULL);
	ck_assert_uint_eq(log_size(), size + 4);
}
END_TEST

TCase *make_oversight_case(void)
{
	TCase *c = tcase_create("oversight");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, an_authority_sees_all_of_its_own_side);
	tcase_add_test(c, of_another_side_nothing_without_the_agreement);
	tcase_add_test(c, of_another_side_what_the_party_may_see);
	tcase_add_test(c, all_three_must_say_so);
	tcase_add_test(c, each_entry_with_its_own_proof);
	tcase_add_test(c, malformed_questions);
	tcase_add_test(c, disclosures_open_the_digests);
	tcase_add_test(c, a_reading_is_one_entry_a_minute);
	tcase_add_test(c, the_others_of_a_minute_are_counted);
	return c;
}
