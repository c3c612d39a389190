/* Everything wrong in a configuration is told with its place, at once. */
#include "gatewayd/core/conf/effective.h"
#include "test/core/conf/conf_cases.h"
#include "test/memory.h"

TCase *make_conf_faults_case(void);

START_TEST(a_node_document)
{
	json_object_set_new(node, "agencies", json_true());
	lacks("node.json", "the schema knows no such member here");
	json_object_del(node, "agencies");
	json_object_del(node, "store");
	lacks("node.json", "store");
	json_object_set_new(node, "store", json_string("store.db"));
	json_object_set_new(json_object_get(node, "tls"), "certificate", json_string("none.pem"));
	json_object_set_new(node, "schemas", json_string("nowhere"));
	lacks("none.pem", "");
	lacks("nowhere", ""); /* both at once */
}
END_TEST

START_TEST(a_key_that_others_may_read)
{
	ck_assert_int_eq(chmod(scratch_file(&dir, "north.key"), 0644), 0);
	lacks("north.key", "");
}
END_TEST

START_TEST(partner_files)
{
	put(south, "/audit/vkey",
	    "\"gw.south.example/audit/gw1/1+00000000+AbiezWUyTRalrmrHCM2Wq9vgd0EpfktjN+Exveg7O+EJ\"");
	put(south, "/signers/0", "\"none.pem\"");
	put(north, "/id", "\"another\"");
	lacks("south-gateway.json", "/audit/vkey");
	lacks("none.pem", "");
	lacks("north-system.json", "/id: is not the file's name");
}
END_TEST

START_TEST(who_oversees_whom)
{
	put(south, "/oversees", "[\"north\"]");
	lacks("south-gateway.json", "/oversees: only an auditor, a supervisor or a court oversees");
	put(south, "/roles", "[\"gateway\",\"court\"]");
	put(south, "/oversees", "[\"north\",\"west\"]");
	conf = load();
	ck_assert_ptr_nonnull(conf);
	const struct partner *p = conf_agency(conf, VIEW("south"), ROLE(COURT));
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p->n_oversees, 2);
	ck_assert_str_eq(p->oversees[1], "west");
	struct buf text = BUF_INIT(4096);
	effective_partner(p, &text);
	ck_assert(memmem(text.p, text.n, "oversees north\noversees west\n", 29) != NULL);
	buf_free(&text);
}
END_TEST

static void load_from(const char *path)
{
	static const struct secret secret = { .b = "a secret for tests, 32 bytes long", .n = 32 };

	error_list_free(&errors);
	errors = (struct error_list){ .max = 50 };
	conf_unref(conf);
	conf = conf_load(path, &secret, instant_now_ms(), &errors);
}

/* Where an allocation fails, it is told, or nothing is missing: no file is left out in silence. */
START_TEST(memory_that_runs_out)
{
	loads();
	const size_t partners = conf->n_partners, schemas = conf->n_schemas, agreements = conf->n_agreements;
	const size_t signers = conf->partners[0].n_signers + conf->partners[1].n_signers;
	const char *path = strdup(scratch_file(&dir, "node.json"));
	unsigned told = 0;

	for (long n = _i; n < 100000 && !SANITIZER_ALLOCATES; n += 23) {
		fail_at = n;
		fail_once = true;
		unsigned long before = failed_allocations;
		load_from(path);
		fail_at = -1;
		if (failed_allocations == before)
			break;
		ck_assert_msg((conf == NULL) == (errors.n > 0), "allocation %ld", n);
		told += !conf;
		if (!conf)
			continue;
		ck_assert_msg(conf->n_partners == partners && conf->n_schemas == schemas &&
		                      conf->n_agreements == agreements &&
		                      conf->partners[0].n_signers + conf->partners[1].n_signers == signers,
		              "allocation %ld", n);
	}
	ck_assert(SANITIZER_ALLOCATES || told > 0);
	free((void *)(uintptr_t)path);
}
END_TEST

START_TEST(two_partners_with_one_identity)
{
	put(south, "/identity/uri", "\"spiffe://north.example/system\"");
	lacks("partners/south-gateway.json", "/identity/uri: north-system has the same certificate identity");
}
END_TEST

START_TEST(a_witness_key_that_is_a_logs)
{
	put(south, "/audit/witness_vkey",
	    "\"gw.south.example/audit/gw1/1+c8c025b9+AbiezWUyTRalrmrHCM2Wq9vgd0EpfktjN+Exveg7O+EJ\"");
	lacks("south-gateway.json", "/audit/witness_vkey");
}
END_TEST

START_TEST(agreements_without_their_signatures)
{
	json_t *doc = core_preset(&dates, "pnr");

	write_agreement("pnr", doc, false, false);
	lacks("agreements/pnr.json", "pnr.json.p7s is not there");
	write_agreement("pnr", doc, true, false);
	lacks("agreements/pnr.json", "south");
	write_agreement("pnr", doc, true, true);
	write_agreement("copy", doc, true, true);
	lacks("agreements", "two files hold agreement pnr");
	json_decref(doc);
}
END_TEST

START_TEST(a_floor_that_is_not_there)
{
	json_object_set_new(node, "floor", json_string("floor.json"));
	lacks("floor.json", "");
}
END_TEST

/* It would stand for none. */
START_TEST(a_floor_or_overlay_that_is_empty)
{
	static const char *const names[] = { "floor", "overlay" };
	char file[20];

	snprintf(file, sizeof file, "%s.json", names[_i]);
	scratch_write(scratch_file(&dir, file), VIEW(""));
	json_object_set_new(node, names[_i], json_string(file));
	lacks(file, "is empty");
}
END_TEST

/* None is waited for, whatever is expected there. */
START_TEST(what_is_no_file)
{
	static const char *const files[] = { "agreements/pnr.json", "agreements/pnr.json.p7s",
		                             "partners/x.json",     "documents/x.json",
		                             "floor.json",          "schemas/x.json",
		                             "north.pem",           "south.pem" };
	char path[300];

	snprintf(path, sizeof path, "%s", scratch_file(&dir, files[_i]));
	if (_i < 2)
		add_pnr();
	json_object_set_new(node, "floor", json_string("floor.json"));
	scratch_write(scratch_file(&dir, "floor.json"), VIEW("{\"version\":\"1\"}"));
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	lacks(files[_i], "is not a regular file");
	ck_assert(unlink(path) == 0 && mkdir(path, 0700) == 0);
	lacks(files[_i], "is not a regular file");
}
END_TEST

/* What peers show is verified by it, here as at the edge. */
START_TEST(authorities_that_are_none)
{
	put(node, "/tls/authorities", "\"north.key\"");
	lacks("north.key", "no authority's certificate");
}
END_TEST

START_TEST(members_that_nobody_knows_are_named)
{
	put(node, "/colour", "\"blue\"");
	lacks("node.json", "/colour: ");
	json_object_del(node, "colour");
	put(south, "/audit/colour", "\"blue\"");
	lacks("partners/south-gateway.json", "/audit/colour: ");
	json_object_del(json_object_get(south, "audit"), "colour");
	json_t *doc = core_preset(&dates, "pnr");
	put(doc, "/retention/colour", "\"blue\"");
	write_agreement("pnr", doc, true, true);
	lacks("agreements/pnr.json", "/retention/colour: ");
	json_decref(doc);
}
END_TEST

START_TEST(documents_of_run_time)
{
	scratch_write(scratch_file(&dir, "documents/list.json"), VIEW("{\"document\":\"made up\"}"));
	lacks("documents/list.json", "list.json.p7s is not there");
	scratch_write(scratch_file(&dir, "documents/list.json.p7s"), VIEW("no signature"));
	lacks("documents/list.json", "/document");
}
END_TEST

START_TEST(an_assessment_is_held_by_its_bytes)
{
	json_t *doc = core_preset(&dates, "pnr");
	struct buf digest = BUF_INIT(80);
	struct digest d;

	sha256(VIEW("made up, and approved"), &d);
	buf_addc(&digest, '"');
	digest_print(&digest, &d);
	buf_adds(&digest, "\"");
	buf_addc(&digest, '\0');
	put(doc, "/assessment/digest", digest.p);
	put(doc, "/assessment/held", "true");
	write_agreement("pnr", doc, true, true);
	lacks("agreements/pnr.json", "no file in the folder assessments/");
	ck_assert_int_eq(mkdir(scratch_file(&dir, "documents/assessments"), 0700), 0);
	lacks("agreements/pnr.json", "no file in the folder assessments/");
	scratch_write(scratch_file(&dir, "documents/assessments/a.pdf"), VIEW("made up, and approved\n"));
	lacks("agreements/pnr.json", "byte for byte");
	scratch_write(scratch_file(&dir, "documents/assessments/b"), VIEW("made up, and approved"));
	loads();
	ck_assert_uint_eq(conf->n_assessments, 2);
	/* What is there and cannot be read is told. */
	ck_assert_int_eq(mkdir(scratch_file(&dir, "documents/assessments/c"), 0700), 0);
	lacks("documents/assessments/c", "");
	buf_free(&digest);
	json_decref(doc);
}
END_TEST

TCase *make_conf_faults_case(void)
{
	TCase *c = tcase_create("conf_faults");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_node_document);
	tcase_add_test(c, a_key_that_others_may_read);
	tcase_add_test(c, partner_files);
	tcase_add_test(c, who_oversees_whom);
	tcase_add_loop_test(c, memory_that_runs_out, 0, 4);
	tcase_add_test(c, two_partners_with_one_identity);
	tcase_add_test(c, a_witness_key_that_is_a_logs);
	tcase_add_test(c, agreements_without_their_signatures);
	tcase_add_test(c, a_floor_that_is_not_there);
	tcase_add_loop_test(c, a_floor_or_overlay_that_is_empty, 0, 2);
	tcase_add_loop_test(c, what_is_no_file, 0, 8);
	tcase_add_test(c, authorities_that_are_none);
	tcase_add_test(c, members_that_nobody_knows_are_named);
	tcase_add_test(c, documents_of_run_time);
	tcase_add_test(c, an_assessment_is_held_by_its_bytes);
	return c;
}
