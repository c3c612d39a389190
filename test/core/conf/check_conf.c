/* The configuration from its files: what is read of them, and that everything wrong is told with its place at once. */
#include "gatewayd/core/conf/conf.h"
#include "gatewayd/core/conf/effective.h"
#include "gatewayd/core/conf/public_keys.h"
#include "test/core/conf_files.h"
#include "test/core/core_fixture.h"

TCase *make_conf_case(void);

static struct core_fixture dates; /* for core_preset() */
static struct error_list errors;
static struct conf *conf;

/* agreements/<name>.json with the signatures of these. */
static void write_agreement(const char *name, const json_t *doc, bool by_north, bool by_south)
{
	static const char *const who[] = { "north", "south" };
	char *text = json_dumps(doc, JSON_INDENT(1)), file[80];
	struct buf one = BUF_INIT(65536), all = BUF_INIT(65536);

	snprintf(file, sizeof file, "agreements/%s.json", name);
	scratch_write(scratch_file(&dir, file), view_of(text));
	for (size_t i = 0; i < 2; i++) {
		char cert[20], key[20];
		if (!(i ? by_south : by_north))
			continue;
		snprintf(cert, sizeof cert, "%s.pem", who[i]);
		snprintf(key, sizeof key, "%s.key", who[i]);
		struct view c = scratch_read(scratch_file(&dir, cert)), k = scratch_read(scratch_file(&dir, key));
		buf_reset(&one);
		buf_add(&one, buf_view(&all));
		buf_reset(&all);
		OK(cms_sign(buf_view(&one), view_of(text), c, k, &all, e));
		scratch_free(c);
		scratch_free(k);
	}
	snprintf(file, sizeof file, "agreements/%s.json.p7s", name);
	if (all.n)
		scratch_write(scratch_file(&dir, file), buf_view(&all));
	buf_free(&one);
	buf_free(&all);
	free(text);
}

static void set_up(void)
{
	conf_files_make();
	dates.now_ms = instant_now_ms();
	errors = (struct error_list){ .max = 50 };
	conf = NULL;
}

static void tear_down(void)
{
	conf_unref(conf);
	error_list_free(&errors);
	conf_files_drop();
}

static struct conf *load(void)
{
	static const struct secret secret = { .b = "a secret for tests, 32 bytes long", .n = 32 };

	conf_files_write();
	error_list_free(&errors);
	errors = (struct error_list){ .max = 50 };
	conf_unref(conf);
	return conf = conf_load(scratch_file(&dir, "node.json"), &secret, instant_now_ms(), &errors);
}

static void loads(void)
{
	if (!load())
		print_errors(&errors);
	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(errors.n, 0);
}

/* It does not, and one of the errors names this file and says this. */
static void lacks(const char *file, const char *what)
{
	char line[800];
	bool told = false;

	ck_assert_ptr_null(load());
	for (size_t i = 0; i < errors.n; i++) {
		error_print(&errors.items[i], line, sizeof line);
		told = told || (strstr(line, file) && strstr(line, what));
	}
	if (!told)
		print_errors(&errors);
	ck_assert_msg(told, "%s: %s", file, what);
}

static void add_pnr(void)
{
	json_t *doc = core_preset(&dates, "pnr");

	write_agreement("pnr", doc, true, true);
	json_decref(doc);
}

/* --- what is read --- */

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

/* --- what is wrong --- */

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

START_TEST(two_partners_with_one_identity)
{
	put(south, "/identity/uri", "\"spiffe://north.example/system\"");
	lacks("partners", "have the same certificate identity");
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

static unsigned said, said_refused;

static void count_note(void *arg, bool refused, const char *text)
{
	(void)arg, (void)text;
	said++;
	said_refused += refused;
}

/* A list that cannot be used is no error, or the one before it would go on standing for it. */
START_TEST(a_revocation_list_that_cannot_be_used_refuses_everybody)
{
	json_object_set_new(json_object_get(node, "tls"), "revocations", json_string("none.crl"));
	loads();
	ck_assert(conf->revocation_checked);
	ck_assert_ptr_null(conf->revocations[0].list);
	ck_assert_int_eq(conf_revoked(conf, authority_id(conf->authorities, 0), "01", 0), REASON_REVOCATION_UNKNOWN);
	ck_assert_ptr_nonnull(strstr(conf->revocation.where, "none.crl"));
}
END_TEST

/* Two names of one key, and one of them a second time, which is about to replace the first. */
START_TEST(each_authority_has_its_own_list)
{
	char command[2000];
	int64_t now_ms;

	snprintf(
	        command, sizeof command,
	        "cd %s && {"
	        " k='-addext keyUsage=critical,keyCertSign,cRLSign' &&"
	        " openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout a.key -out a.pem -subj /CN=a -days 30 $k &&"
	        " openssl req -x509 -key a.key -out b.pem -subj /CN=b -days 30 $k &&"
	        " openssl req -x509 -key a.key -out b2.pem -subj /CN=b -days 60 $k &&"
	        " cat a.pem b.pem b2.pem >all.pem && : >index.txt &&"
	        " printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=7\n' >ca.cnf &&"
	        " openssl ca -config ca.cnf -gencrl -cert b2.pem -keyfile a.key -out b.crl; } 2>/dev/null",
	        dir.path);
	ck_assert_int_eq(system(command), 0);
	put(node, "/tls/authorities", "\"all.pem\"");
	put(node, "/tls/revocations", "[\"b.crl\"]");
	loads();
	now_ms = instant_now_ms();
	ck_assert_int_eq(conf_revoked(conf, authority_id(conf->authorities, 0), "01", now_ms),
	                 REASON_REVOCATION_UNKNOWN);
	ck_assert_int_eq(conf_revoked(conf, authority_id(conf->authorities, 1), "01", now_ms), REASON_NONE);
	ck_assert_int_eq(conf_revoked(conf, authority_id(conf->authorities, 2), "01", now_ms), REASON_NONE);
	said_refused = said = 0;
	conf_revocation_notes(conf, now_ms, count_note, NULL);
	ck_assert_uint_eq(said_refused, 1);
	ck_assert_uint_eq(said, 2);
}
END_TEST

START_TEST(a_timestamp_authority)
{
	put(node, "/audit/timestamp",
	    "{\"host\":\"tsa.example\",\"port\":318,\"path\":\"/\",\"authorities\":\"north.pem\"}");
	loads();
	ck_assert_str_eq(conf->timestamp.to.host, "tsa.example");
	ck_assert_uint_eq(conf->timestamp.every_s, 3600);
	put(node, "/audit/timestamp/authorities", "\"none.pem\"");
	lacks("none.pem", "");
	put(node, "/audit/timestamp/authorities", "\"north.key\"");
	lacks("north.key", "");
}
END_TEST

#define WITNESS "{\"name\":\"office\",\"vkey\":\"%s\",\"url\":\"%s\"}"

/* A witness's verifier key of that name; lives until the next. */
static const char *vkey_of(const char *name, enum note_key_type type, uint8_t first)
{
	static char text[300];
	uint8_t seed[32] = { first }, public_key[32];
	struct ed25519_key *key = ed25519_from_seed(seed);
	struct buf b = BUF_INIT(sizeof text - 1);
	struct note_vkey vkey;

	ed25519_public(key, public_key);
	ed25519_free(key);
	ck_assert(note_vkey_make(view_of(name), type, public_key, &vkey));
	note_vkey_print(&vkey, &b);
	snprintf(text, sizeof text, "%.*s", VIEW_ARG(buf_view(&b)));
	buf_free(&b);
	return text;
}

static void put_witness(const char *vkey, const char *url)
{
	char text[800];

	snprintf(text, sizeof text, "[" WITNESS "]", vkey, url);
	put(node, "/audit/witnesses", text);
}

START_TEST(witnesses_and_their_quorum)
{
	put_witness(vkey_of("office.example/w1", NOTE_COSIGNER, 40), "https://office.example:8443/w/");
	put(node, "/audit/quorum", "[\"group some any office\",\"quorum some\"]");
	loads();
	ck_assert_uint_eq(conf->n_witnesses, 1);
	const struct outside_witness *w = &conf->witnesses[0];
	ck_assert_str_eq(w->to.host, "office.example");
	ck_assert_str_eq(w->prefix, "/w");
	ck_assert(w->to.port == 8443 && !w->plain && conf->quorum);
	struct buf keys = BUF_INIT(65536);
	public_keys_print(conf, &w->to.witness, NULL, &keys);
	ck_assert(memmem(keys.p, keys.n, "office witness office.example/w1+",
	                 strlen("office witness office.example/w1+")) != NULL);
	buf_free(&keys);
	put_witness(vkey_of("office.example/w1", NOTE_COSIGNER, 40), "http://office.example");
	loads();
	ck_assert(conf->witnesses[0].plain && conf->witnesses[0].to.port == 80);
}
END_TEST

START_TEST(witnesses_that_are_none)
{
	put_witness("nonsense", "https://office.example");
	lacks("node.json", "/audit/witnesses/0/vkey: ");
	put_witness(vkey_of("office.example/log", NOTE_ED25519, 40), "https://office.example");
	lacks("node.json", "/audit/witnesses/0/vkey: is not a witness's key");
	put_witness(vkey_of("office.example/w1", NOTE_COSIGNER, 40), "https://office.example:0");
	lacks("node.json", "/audit/witnesses/0/url: has no host, or no port after its colon");
	put_witness(vkey_of("office.example/w1", NOTE_COSIGNER, 40), "https://office.example");
	put(node, "/audit/quorum", "[\"quorum nobody\"]");
	lacks("node.json", "/audit/quorum/0: ");
	put(node, "/audit/quorum", "[\"group some any office\"]");
	lacks("node.json", "/audit/quorum: the policy has no quorum line");
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
	tcase_add_test(c, a_node_document);
	tcase_add_test(c, witnesses_and_their_quorum);
	tcase_add_test(c, witnesses_that_are_none);
	tcase_add_test(c, a_key_that_others_may_read);
	tcase_add_test(c, partner_files);
	tcase_add_test(c, who_oversees_whom);
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
	tcase_add_test(c, a_revocation_list_that_cannot_be_used_refuses_everybody);
	tcase_add_test(c, each_authority_has_its_own_list);
	tcase_add_test(c, a_timestamp_authority);
	return c;
}
