/* The configuration from its files: what is read of them. */
#include "gatewayd/core/conf/public_keys.h"
#include "test/core/conf/conf_cases.h"

TCase *make_conf_case(void);

START_TEST(a_node_and_what_it_leaves_out)
{
	loads();
	ck_assert_ptr_nonnull(conf->chain);
	ck_assert_str_eq(conf->node.origin, "gw.north.example/audit/n1/1");
	ck_assert_str_eq(conf->node.store, scratch_file(&dir, "store.db"));
	ck_assert_uint_eq(conf->node.lines, 1000);
	ck_assert_int_eq(conf->node.delivery_deadline.days, 7);
	ck_assert_int_eq(conf->node.disclosures.years, 5);
	ck_assert_uint_eq(conf->node.edge.connections_per_peer, 256);
	ck_assert_uint_eq(conf->node.memory_bytes, 128u << 20);
	ck_assert_uint_eq(conf->node.partner_jobs, 256);
	ck_assert(!conf->revocation_checked);
	uint64_t generation = conf->generation;
	json_object_set_new(node, "limits", json_pack("{s:i, s:i}", "lines", 7, "connections", 99));
	json_object_set_new(node, "delivery", json_pack("{s:s, s:i}", "deadline", "P2D", "first_retry_ms", 5000));
	json_object_set_new(json_object_get(node, "audit"), "epoch", json_integer(3));
	loads();
	ck_assert_uint_gt(conf->generation, generation);
	ck_assert_uint_eq(conf->node.lines, 7);
	ck_assert_uint_eq(conf->node.edge.connections, 99);
	ck_assert_int_eq(conf->node.delivery_deadline.days, 2);
	ck_assert_str_eq(conf->node.origin, "gw.north.example/audit/n1/3");
}
END_TEST

START_TEST(limits_that_do_not_fit_together)
{
	json_object_set_new(node, "limits", json_pack("{s:i, s:i}", "memory_mib", 8, "memory_mib_per_partner", 9));
	lacks("node.json", "/limits/memory_mib_per_partner: is more than memory_mib");
	json_object_set_new(node, "limits",
	                    json_pack("{s:i, s:i}", "memory_mib_per_partner", 4, "body_bytes",
	                              (int)((4 << 20) / 4 * 3 - NODE_STREAM_BYTES) + 1));
	lacks("node.json", "do not hold a stream with a line of body_bytes; raise it to 5");
	json_object_set_new(node, "limits",
	                    json_pack("{s:i, s:i}", "memory_mib_per_partner", 4, "body_bytes",
	                              (int)((4 << 20) / 4 * 3 - NODE_STREAM_BYTES)));
	loads();
	json_object_set_new(node, "limits", json_pack("{s:i, s:i}", "jobs", 16, "jobs_per_partner", 17));
	lacks("node.json", "/limits/jobs_per_partner: is more than jobs");
	json_object_set_new(node, "limits",
	                    json_pack("{s:i, s:i, s:i, s:i, s:i}", "memory_mib", 8, "memory_mib_per_partner", 4, "jobs",
	                              17, "jobs_per_partner", 17, "wait_ms", 300));
	loads();
	ck_assert(conf->node.memory_bytes == 8u << 20 && conf->node.partner_memory_bytes == 4u << 20);
	ck_assert(conf->node.jobs == 17 && conf->node.partner_jobs == 17 && conf->node.wait_ms == 300);
}
END_TEST

START_TEST(rates_of_the_node_the_partner_and_an_agreement)
{
	const struct partner *p;

	loads();
	p = conf_agency(conf, VIEW("south"), ROLE(GATEWAY));
	ck_assert(p->weight == 1 && p->rates.second_records == 0 && p->n_by_agreement == 0);
	json_object_set_new(node, "rates", json_pack("{s:i, s:i}", "records_per_second", 50, "bytes_per_day", 1000));
	json_object_set_new(south, "weight", json_integer(4));
	json_object_set_new(south, "rates",
	                    json_pack("{s:i, s:i, s:{s:{s:i}}}", "records_per_second", 70, "records_per_day", 9,
	                              "agreements", "pnr", "bytes_per_second", 5));
	loads();
	p = conf_agency(conf, VIEW("south"), ROLE(GATEWAY));
	ck_assert(p->weight == 4 && p->rates.second_records == 70 && p->rates.day_records == 9);
	ck_assert(p->rates.day_bytes == 1000 && p->rates.second_bytes == 0);
	ck_assert_uint_eq(p->n_by_agreement, 1);
	ck_assert_str_eq(p->by_agreement[0].agreement, "pnr");
	ck_assert(p->by_agreement[0].rates.second_bytes == 5 && p->by_agreement[0].rates.second_records == 0);
	json_object_set_new(south, "weight", json_integer(0));
	lacks("south-gateway.json", "/weight");
}
END_TEST

START_TEST(partners_are_found_by_certificate_and_agency)
{
	struct cert_id id = { .uri = "spiffe://north.example/system" };

	loads();
	ck_assert_uint_eq(conf->n_partners, 2);
	ck_assert_ptr_null(conf_partner(conf, &id)); /* the pin is another's */
	ck_assert(digest_parse(view_of(json_string_value(
	                               json_array_get(json_object_get(json_object_get(north, "identity"), "pins"), 0))),
	                       &id.spki));
	ck_assert_str_eq(conf_partner(conf, &id)->id, "north-system");
	snprintf(id.uri, sizeof id.uri, "spiffe://south.example/system");
	ck_assert_ptr_null(conf_partner(conf, &id));
	const struct partner *p = conf_agency(conf, VIEW("south"), ROLE(GATEWAY));
	ck_assert_str_eq(p->host, "gw.south.example");
	ck_assert(p->has_log && p->port == 8443 && p->n_signers == 1);
	ck_assert_ptr_null(conf_agency(conf, VIEW("south"), ROLE(SYSTEM)));
}
END_TEST

START_TEST(an_agreement_that_all_parties_signed)
{
	struct digest other = { .b = { 9 } };

	add_pnr();
	loads();
	ck_assert_uint_eq(conf->n_agreements, 1);
	struct agreement *a = conf_agreement(conf, VIEW("pnr"), NULL, dates.now_ms);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_eq(conf_agreement(conf, VIEW("pnr"), agreement_digest(a), dates.now_ms), a);
	ck_assert_ptr_null(conf_agreement(conf, VIEW("pnr"), &other, dates.now_ms));
	ck_assert_ptr_null(conf_agreement(conf, VIEW("other"), NULL, dates.now_ms));
}
END_TEST

/* Of two versions the one in force, until the younger one comes into force. */
START_TEST(versions_take_turns)
{
	json_t *doc = core_preset(&dates, "pnr");

	write_agreement("pnr", doc, true, true);
	put(doc, "/version", "\"9.0\"");
	core_put_instant(&dates, doc, "/effective_from", 10);
	write_agreement("pnr-9", doc, true, true);
	json_decref(doc);
	loads();
	ck_assert_uint_eq(conf->n_agreements, 2);
	ck_assert(!view_is(agreement_version(conf_agreement(conf, VIEW("pnr"), NULL, dates.now_ms)), "9.0"));
	ck_assert(
	        view_is(agreement_version(conf_agreement(conf, VIEW("pnr"), NULL, dates.now_ms + 11 * DAY_MS)), "9.0"));
}
END_TEST

static void count(void *arg, const char *kind, struct view text)
{
	unsigned *n = arg;

	ck_assert_uint_gt(text.n, 0);
	n[0] += strcmp(kind, "agreement") == 0;
	n[1] += strcmp(kind, "schema") == 0;
}

START_TEST(documents_folders_and_public_keys)
{
	struct arena mem = { .max = 65536 };
	struct buf keys = BUF_INIT(65536);
	struct note_vkey log;
	unsigned n[2] = { 0 }, folders = 0;

	scratch_write(scratch_file(&dir, "schemas/own.json"), VIEW("{\"type\":\"object\"}"));
	add_pnr();
	loads();
	conf_each_document(conf, count, n);
	ck_assert_uint_eq(n[0], 1);
	ck_assert_uint_ge(n[1], 6); /* the built-in ones and this */
	for (const char *const *at = conf_folders(conf, &mem); *at; at++)
		folders += strcmp(*at, scratch_file(&dir, "partners")) == 0;
	ck_assert_uint_eq(folders, 1);
	OK(note_vkey_parse(VIEW("gw.south.example/audit/gw1/1+c8c025b9+AbiezWUyTRalrmrHCM2Wq9vgd0EpfktjN+Exveg7O+EJ"),
	                   &log, e));
	public_keys_print(conf, &log, NULL, &keys);
	buf_addc(&keys, 0);
	ck_assert(!keys.failed);
	ck_assert_ptr_nonnull(strstr(keys.p, "node log gw.south.example/audit/gw1/1+c8c025b9+"));
	ck_assert_ptr_nonnull(strstr(keys.p, "node certificate "));
	ck_assert_ptr_nonnull(strstr(keys.p, "north-system pin a1b2c3d4"));
	const char *signer = strstr(keys.p, "south-gateway signer ");
	ck_assert(signer && signer > strstr(keys.p, "north-system signer ")); /* by id */
	buf_free(&keys);
	arena_free(&mem);
}
END_TEST

TCase *make_conf_case(void)
{
	TCase *c = tcase_create("conf");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_node_and_what_it_leaves_out);
	tcase_add_test(c, limits_that_do_not_fit_together);
	tcase_add_test(c, rates_of_the_node_the_partner_and_an_agreement);
	tcase_add_test(c, partners_are_found_by_certificate_and_agency);
	tcase_add_test(c, an_agreement_that_all_parties_signed);
	tcase_add_test(c, versions_take_turns);
	tcase_add_test(c, documents_folders_and_public_keys);
	return c;
}
