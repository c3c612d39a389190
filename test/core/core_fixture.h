/* A node without its process: what the rooms of gatewayd/core share (struct core), over a real store, real key slots
 * and a real writer in a folder of their own, and a configuration made from documents of conf/agreements. No TLS, no
 * channel, no worker: the test is the thread that makes jobs, and core_wait() brings them home to it.
 *
 *   static struct core_fixture f;
 *   core_setup(&f); core_add_agreement(&f, core_preset(&f, "pnr")); core_start(&f); … core_teardown(&f);
 *
 * The node is agency `north`. Its partners are made up and have no endpoint: NORTH_SYSTEM posts raw records of its own,
 * SOUTH_SYSTEM raw records of a partner, SOUTH_GATEWAY delivers what its log says left (its log's key is f.south_key),
 * and NORTH_OFFICER signs approvals (with a certificate once core_make_officer() was called). Everything is judged by the
 * wall clock, as the daemon judges: core_preset() moves an agreement's dates around f.now_ms, so that no test ages. */
#ifndef TEST_CORE_CORE_FIXTURE_H
#define TEST_CORE_CORE_FIXTURE_H

#include <stdatomic.h>

#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/copy/copy.h"
#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/copy/overdue.h"
#include "gatewayd/core/exchange/quota.h"
#include "gatewayd/core/exchange/surrogates.h"
#include "gatewayd/core/read/reading.h"
#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/departures.h"
#include "gatewayd/core/serve/reads.h"
#include "gatewayd/core/serve/sources.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/tales.h"
#include "gatewayd/os/instant.h"
#include "test/core/log_fixture.h"
#include "test/policy/support.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/mark.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/store.h"

enum core_partner { NORTH_SYSTEM, SOUTH_SYSTEM, SOUTH_GATEWAY, NORTH_OFFICER, CORE_PARTNERS };

#define SOUTH_ORIGIN "gw.south.example/audit/gw1/1"

struct core_fixture {
	struct log_fixture log; /* store, key slots, writer, home */
	struct core core;
	struct store *reader;
	struct schema_files schemas;
	int64_t now_ms;
	struct ed25519_key *south_key; /* of the log of SOUTH_GATEWAY */
	struct buf officer_der;
	struct digest officer_spki;
	struct view officer_signer;
	struct buf peer_der;
};

/* --- the configuration --- */

static inline void core_make_conf(struct core_fixture *f)
{
	struct conf *c = calloc(1, sizeof *c);
	uint8_t seed[32] = { 7 }, public_key[32];

	ck_assert_ptr_nonnull(c);
	atomic_init(&c->refs, 1);
	c->generation = 1;
	c->node = (struct node){ .agency = "north",
		                 .name = "n1",
		                 .host = "north.example",
		                 .origin = LOG_ORIGIN,
		                 .lines = 1000,
		                 .reads_per_minute = 6000,
		                 .delivery_deadline = { .days = 7 },
		                 .first_retry_ms = 1000,
		                 .longest_retry_ms = 600000,
		                 .disclosures = { .years = 5 } };
	c->n_partners = CORE_PARTNERS;
	c->partners = calloc(CORE_PARTNERS, sizeof *c->partners);
	ck_assert_ptr_nonnull(c->partners);
	c->partners[NORTH_SYSTEM] = (struct partner){ .id = "north-system", .agency = "north", .roles = ROLE(SYSTEM) };
	c->partners[SOUTH_SYSTEM] = (struct partner){ .id = "south-system", .agency = "south", .roles = ROLE(SYSTEM) };
	c->partners[SOUTH_GATEWAY] =
	        (struct partner){ .id = "south-gateway", .agency = "south", .roles = ROLE(GATEWAY), .has_log = true };
	c->partners[NORTH_OFFICER] =
	        (struct partner){ .id = "north-officer", .agency = "north", .roles = ROLE(OFFICER) };
	f->south_key = ed25519_from_seed(seed);
	ck_assert_ptr_nonnull(f->south_key);
	ed25519_public(f->south_key, public_key);
	ck_assert(note_vkey_make(VIEW(SOUTH_ORIGIN), NOTE_ED25519, public_key, &c->partners[SOUTH_GATEWAY].log));
	for (size_t i = 0; i < CORE_PARTNERS; i++)
		c->partners[i].training_until_ms = f->now_ms + 365 * DAY_MS;
	f->core.conf = c;
}

static inline const struct partner *core_partner(const struct core_fixture *f, enum core_partner p)
{
	return &f->core.conf->partners[p];
}

/* Sets the member at `pointer` of a document to the instant that many days from now. */
static inline void core_put_instant(const struct core_fixture *f, json_t *doc, const char *pointer, int days)
{
	char text[64], quoted[80];

	time_print(f->now_ms + days * DAY_MS, text);
	snprintf(quoted, sizeof quoted, "\"%s\"", text);
	put(doc, pointer, quoted);
}

/* conf/agreements/<id>.json as a document, in force now; the caller changes it (put() of support.h) and hands it on. */
static inline json_t *core_preset(const struct core_fixture *f, const char *id)
{
	static const char *const lists[] = { "algorithms", "exceptions" };
	json_t *doc = preset(id);
	char pointer[64];

	core_put_instant(f, doc, "/effective_from", -100);
	core_put_instant(f, doc, "/sunset", 900);
	core_put_instant(f, doc, "/review/next", 700);
	core_put_instant(f, doc, "/assessment/approved_at", -200);
	core_put_instant(f, doc, "/assessment/next_review", 700);
	json_object_del(json_object_get(doc, "assessment"), "held");
	for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
		for (size_t i = 0; i < json_array_size(json_object_get(doc, lists[k])); i++) {
			snprintf(pointer, sizeof pointer, "/%s/%zu/expires", lists[k], i);
			core_put_instant(f, doc, pointer, 800);
		}
	return doc;
}

/* Loads `doc` without signatures and adds it to the configuration; takes `doc` over. */
static inline struct agreement *core_add_agreement(struct core_fixture *f, json_t *doc)
{
	struct agreement_sources from = draft_sources(&f->schemas);
	struct error_list errors = { .max = 20 };
	struct conf *c = f->core.conf;
	struct agreement *a;

	from.now_ms = f->now_ms;
	a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert_ptr_nonnull(a);
	error_list_free(&errors);
	json_decref(doc);
	c->agreements = realloc(c->agreements, (c->n_agreements + 1) * sizeof *c->agreements);
	ck_assert_ptr_nonnull(c->agreements);
	size_t at = c->n_agreements++;
	for (; at > 0 && view_cmp(agreement_id(c->agreements[at - 1]), agreement_id(a)) > 0; at--)
		c->agreements[at] = c->agreements[at - 1];
	c->agreements[at] = a;
	return a;
}

/* --- files of a test, by the openssl command --- */

/* A key and certificate of NORTH_OFFICER: officer.key and officer.pem in the fixture's folder. */
static inline void core_make_officer(struct core_fixture *f)
{
	struct partner *p = &f->core.conf->partners[NORTH_OFFICER];
	struct error e = { .reason = REASON_NONE };
	struct cert_id id;
	char command[900];

	snprintf(command, sizeof command,
	         "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout officer.key "
	         "-out officer.pem -days 3650 -subj /CN=officer -addext subjectAltName=URI:urn:example:officer 2>&1",
	         f->log.dir.path);
	ck_assert_int_eq(system(command), 0);
	struct view pem = scratch_read(scratch_file(&f->log.dir, "officer.pem"));
	ck_assert_msg(cert_pem_to_der(pem, &f->officer_der, &e) && cert_read(buf_view(&f->officer_der), &id, &e), "%s",
	              e.text);
	scratch_free(pem);
	f->officer_spki = id.spki;
	f->officer_signer = buf_view(&f->officer_der);
	p->signers = &f->officer_signer;
	p->n_signers = 1;
}

/* A certificate authority in the configuration, and a client's certificate of it that names this URI, both from yesterday;
 * all in the fixture's folder: peers.pem and peers.key, <name>.pem and <name>.key. */
static inline void core_make_peer(struct core_fixture *f, const char *name, const char *uri, struct buf *der)
{
	struct error e = { .reason = REASON_NONE };
	char command[2000], path[80];

	snprintf(
	        command, sizeof command,
	        "cd %s && exec >/dev/null 2>&1 && key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' && "
	        /* It fails where a killed one of the same process number has left its shared memory. */
	        "past() { faketime -f -1d \"$@\" || faketime -f -1d \"$@\" || faketime -f -1d \"$@\"; } && "
	        "{ [ -f peers.pem ] || past openssl req -x509 $key -keyout peers.key -out peers.pem -days 3650 -subj /CN=peers "
	        "-addext keyUsage=critical,keyCertSign,cRLSign; } && "
	        "printf 'basicConstraints=critical,CA:FALSE\\nkeyUsage=critical,digitalSignature\\nextendedKeyUsage=clientAuth\\n"
	        "subjectAltName=URI:%s\\nsubjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n' >%s.ext && "
	        "openssl req $key -keyout %s.key -out %s.csr -subj /CN=%s && past openssl x509 -req -in %s.csr -CA peers.pem "
	        "-CAkey peers.key -CAcreateserial -days 3000 -sha256 -extfile %s.ext -out %s.pem",
	        f->log.dir.path, uri, name, name, name, name, name, name, name);
	ck_assert_int_eq(system(command), 0);
	struct view pem = scratch_read(scratch_file(&f->log.dir, "peers.pem"));
	chain_free(f->core.conf->chain);
	f->core.conf->chain = chain_load(pem, &e);
	ck_assert_msg(f->core.conf->chain, "%s", e.text);
	scratch_free(pem);
	snprintf(path, sizeof path, "%s.pem", name);
	pem = scratch_read(scratch_file(&f->log.dir, path));
	ck_assert_msg(cert_pem_to_der(pem, der, &e), "%s", e.text);
	scratch_free(pem);
}

/* The officer's detached signature over `content`, PEM, added to `out`. */
static inline void core_officer_signs(struct core_fixture *f, struct view content, struct buf *out)
{
	struct view cert = scratch_read(scratch_file(&f->log.dir, "officer.pem"));
	struct view key = scratch_read(scratch_file(&f->log.dir, "officer.key"));

	OK(cms_sign(VIEW(""), content, cert, key, out, e));
	scratch_free(cert);
	scratch_free(key);
}

/* --- life --- */

/* Everything but the writer: agreements are added between this and core_start(). */
static inline void core_setup(struct core_fixture *f)
{
	*f = (struct core_fixture){ .now_ms = instant_now_ms(),
		                    .officer_der = BUF_INIT(1 << 16),
		                    .peer_der = BUF_INIT(1 << 16) };
	log_setup(&f->log);
	schema_files_read(&f->schemas);
	core_make_conf(f);
	f->core.build = "test-build";
	f->core.started_ms = f->now_ms;
	f->core.body_key = hmac_key_new(VIEW("a key of bodies for tests, 32 byt"));
	f->core.quotas = quotas_new();
	f->core.surrogates = surrogates_new();
	f->core.overdue = overdue_new();
	f->core.stops = stops_new();
	f->core.terms = terms_cache_new();
	f->core.sights = sights_new();
	f->core.tales = tales_new();
	f->core.attempts = attempts_new();
	f->core.budget = budget_new();
	pthread_mutex_init(&f->core.lock, NULL);
	OK((f->core.envelope_schema = document_schema(VIEW("envelope"), e)) != NULL);
	OK((f->core.notice_schema = document_schema(VIEW("notice"), e)) != NULL);
	ck_assert(f->core.body_key && f->core.quotas && f->core.surrogates && f->core.overdue && f->core.stops &&
	          f->core.terms && f->core.sights && f->core.tales && f->core.attempts && f->core.budget);
}

/* Starts the writer on a new store, which has the documents that govern. */
static inline void core_start(struct core_fixture *f)
{
	struct conf *c = f->core.conf;

	OK((f->log.store = store_open(scratch_file(&f->log.dir, "store.db"), e)) != NULL);
	OK(store_begin(f->log.store, e));
	for (size_t i = 0; i < c->n_agreements; i++)
		OK(store_put_document(f->log.store, agreement_digest(c->agreements[i]), VIEW("agreement"),
		                      agreement_text(c->agreements[i]), f->now_ms, e));
	OK(store_commit(f->log.store, e));
	OK(log_start(&f->log, e));
	OK((f->reader = store_open_reader(scratch_file(&f->log.dir, "store.db"), e)) != NULL);
	f->core.keys = f->log.keys;
	f->core.writer = f->log.writer;
	store_share_marks(f->reader, f->log.store);
	f->core.reader = f->reader;
	OK((f->core.departures = departures_new(f->reader, e)) != NULL);
	f->core.reads = reads_new();
	f->core.readings = readings_new();
	ck_assert(f->core.reads && f->core.readings);
	f->core.sources = sources_new(scratch_file(&f->log.dir, "store.db-sources"), f->now_ms);
	ck_assert_ptr_nonnull(f->core.sources);
	f->core.log_vkey = &f->log.vkey;
}

static inline void core_teardown(struct core_fixture *f)
{
	ck_assert_uint_eq(f->log.deaths, 0);
	writer_stop(f->log.writer);
	f->log.writer = NULL;
	store_close(f->reader);
	quotas_free(f->core.quotas);
	surrogates_free(f->core.surrogates);
	overdue_free(f->core.overdue);
	stops_free(f->core.stops);
	terms_cache_free(f->core.terms);
	sights_free(f->core.sights);
	tales_free(f->core.tales);
	attempts_free(f->core.attempts);
	budget_free(f->core.budget);
	departures_free(f->core.departures);
	reads_free(f->core.reads);
	readings_free(f->core.readings);
	sources_free(f->core.sources);
	schema_unref(f->core.envelope_schema);
	schema_unref(f->core.notice_schema);
	hmac_key_free(f->core.body_key);
	outcomes_free(&f->core.outcomes);
	conf_unref(f->core.conf);
	pthread_mutex_destroy(&f->core.lock);
	ed25519_free(f->south_key);
	buf_free(&f->officer_der);
	buf_free(&f->peer_der);
	schema_files_free(&f->schemas);
	log_teardown(&f->log);
}

/* --- jobs --- */

/* Brings jobs home until `*count` has reached `want`. */
static inline void core_wait(struct core_fixture *f, const unsigned *count, unsigned want)
{
	struct pollfd p = { .fd = home_fd(f->log.home), .events = POLLIN };

	while (*count < want) {
		ck_assert_int_eq(poll(&p, 1, 30000), 1);
		home_collect(f->log.home);
	}
}

/* One transaction of a test: `run` is called on the writer's thread with an act, and may be called again. */
struct core_job {
	struct job job; /* first */
	struct core_fixture *fixture;
	bool (*run)(void *arg, const struct act *a, struct error *e);
	void *arg;
	unsigned home;
	bool committed;
	struct error error;
};

static inline bool core_job_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct core_job *c = (struct core_job *)j;
	struct act a = { .core = &c->fixture->core, .writer = w, .job = j, .store = s, .now_ms = c->fixture->now_ms };

	return c->run(c->arg, &a, e);
}

static inline void core_job_done(struct job *j)
{
	struct core_job *c = (struct core_job *)j;

	c->home++;
	c->committed = j->committed;
	c->error = j->error;
	writer_release(j);
}

/* Runs it, waits, and says how it ended. */
static inline struct core_job core_act(struct core_fixture *f, bool (*run)(void *, const struct act *, struct error *),
                                       void *arg)
{
	struct core_job c = { .job = { .home = f->log.home, .run = core_job_run, .done = core_job_done },
		              .fixture = f,
		              .run = run,
		              .arg = arg };

	writer_submit(f->log.writer, &c.job);
	core_wait(f, &c.home, 1);
	return c;
}

static inline bool core_put_document(void *arg, const struct act *a, struct error *e)
{
	const struct agreement *agreement = arg;

	return store_put_document(a->store, agreement_digest(agreement), VIEW("agreement"), agreement_text(agreement),
	                          a->now_ms, e);
}

/* Puts an agreement that was added after core_start() among the documents that govern. */
static inline void core_document(struct core_fixture *f, struct agreement *a)
{
	struct core_job j = core_act(f, core_put_document, a);

	ck_assert_msg(j.committed, "%s", j.error.text);
}

/* --- the log --- */

/* The newest entry of the log as a document; the caller drops it. */
static inline json_t *core_last_entry(struct core_fixture *f)
{
	struct writer_stats stats;
	struct view leaf, packed;

	writer_stats(f->log.writer, &stats);
	ck_assert_uint_gt(stats.tree_size, 0);
	OK(store_find_entry(f->reader, stats.tree_size - 1, &leaf, &packed, e));
	json_t *doc = json_loadb(leaf.p, leaf.n, 0, NULL);
	ck_assert_ptr_nonnull(doc);
	return doc;
}

static inline const char *core_member(const json_t *doc, const char *name)
{
	return json_string_value(json_object_get(doc, name));
}

#endif
