/* What a machine lacks for a configuration, what stands twice in it, and where in a file each error is. What newcomers do
 * wrong is in test/e2e/node/broken_set_ups.py; here is what takes a hand inside. */
#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/os/secret_file.h"
#include "test/core/conf/conf_cases.h"

TCase *make_conf_set_up_case(void);

/* Each its own: that of the log, that of the witness, and two that sign nothing. */
static struct secret secret_of(uint8_t which)
{
	struct secret s = { .b = "a secret for tests, 32 bytes long", .n = 32 };

	s.b[0] = which;
	return s;
}

static void write_vkey(const char *file, const char *name, enum note_key_type type)
{
	const struct secret seed = secret_of(type == NOTE_ED25519 ? 2 : 3);
	struct ed25519_key *key = ed25519_from_seed(seed.b);
	struct buf text = BUF_INIT(1024);
	struct note_vkey vkey;
	uint8_t public_key[32];

	ed25519_public(key, public_key);
	ck_assert(note_vkey_make(view_of(name), type, public_key, &vkey));
	note_vkey_print(&vkey, &text);
	buf_addc(&text, '\n');
	scratch_write(scratch_file(&dir, file), buf_view(&text));
	buf_free(&text);
	ed25519_free(key);
}

/* All that conf_set_up() asks for. */
static void machine(void)
{
	static const char *const secrets[] = { "keys/pseudonym.key", "keys/idempotency.key", "keys/audit.key",
		                               "keys/witness.key" };

	set_up();
	ck_assert_int_eq(mkdir(scratch_file(&dir, "keys"), 0700), 0);
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		const struct secret secret = secret_of((uint8_t)i);
		OK(secret_write_new(scratch_file(&dir, secrets[i]), &secret, e));
	}
	put(node, "/audit/witness_vkey", "\"witness.vkey\"");
	write_vkey("audit.vkey", "gw.north.example/audit/n1/1", NOTE_ED25519);
	write_vkey("witness.vkey", "gw.north.example/witness/n1", NOTE_COSIGNER);
}

/* As load(), with what the machine lacks. */
static struct conf *load_here(const struct conf *running, int64_t now_ms)
{
	const struct secret none = { .n = 0 };

	conf_files_write();
	error_list_free(&errors);
	errors = (struct error_list){ .max = 50 };
	return conf_load_here(scratch_file(&dir, "node.json"), &none, running, now_ms, &errors);
}

static void lacks_here(const char *what)
{
	char line[800];
	bool told = false;

	ck_assert_ptr_null(load_here(NULL, instant_now_ms()));
	for (size_t i = 0; i < errors.n; i++)
		told = told || strstr(error_print(&errors.items[i], line, sizeof line), what);
	if (!told)
		print_errors(&errors);
	ck_assert_msg(told, "%s", what);
}

START_TEST(a_machine_that_has_all)
{
	conf = load_here(NULL, instant_now_ms());
	if (!conf)
		print_errors(&errors);
	ck_assert_ptr_nonnull(conf);
	ck_assert_str_eq(conf->own.id.uri, "urn:example:north");
}
END_TEST

START_TEST(a_certificate_past_its_time_is_shown_on_and_not_taken_anew)
{
	int64_t later = instant_now_ms() + 3655 * DAY_MS;

	ck_assert_ptr_null(load_here(NULL, later));
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "expired at "));
	loads();
	struct conf *again = load_here(conf, later);
	ck_assert_ptr_nonnull(again);
	ck_assert_int_eq(again->own.late.reason, REASON_CONFIG);
	conf_unref(again);
	make_keys(); /* another one */
	ck_assert_ptr_null(load_here(conf, later));
}
END_TEST

START_TEST(secrets_and_what_is_given_away)
{
	write_vkey("audit.vkey", "gw.north.example/audit/n1/2", NOTE_ED25519);
	lacks_here("/audit/vkey: ");
	lacks_here("is of another name (host, node or epoch)");
	write_vkey("audit.vkey", "gw.north.example/audit/n1/1", NOTE_ED25519);
	scratch_write(scratch_file(&dir, "witness.vkey"), VIEW("made up\n"));
	lacks_here("/audit/witness_vkey: ");
	write_vkey("witness.vkey", "gw.north.example/witness/n1", NOTE_COSIGNER);
	ck_assert_int_eq(chmod(scratch_file(&dir, "keys/pseudonym.key"), 0644), 0);
	ck_assert_int_eq(unlink(scratch_file(&dir, "keys/idempotency.key")), 0);
	lacks_here("keys/pseudonym.key: others may read or write the secret");
	lacks_here("keys/idempotency.key: cannot open the secret");
}
END_TEST

START_TEST(each_error_has_its_line)
{
	json_object_set_new(node, "listen", json_pack("[s,s]", "127.0.0.1:8443", "127.0.0.1:8443"));
	ck_assert_ptr_null(load());
	ck_assert_uint_eq(errors.n, 1);
	ck_assert_uint_gt(errors.items[0].line, 1);
	ck_assert_uint_eq(errors.items[0].column, 3);
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "/listen/1: 127.0.0.1:8443 is taken by /listen/0 already"));
	/* Where what is meant is not there: the nearest above it. */
	json_object_set_new(node, "listen", json_pack("[s]", "127.0.0.1:8443"));
	json_object_set_new(node, "limits", json_pack("{s:i}", "memory_mib", 8));
	ck_assert_ptr_null(load());
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "/limits/memory_mib_per_partner"));
	ck_assert_uint_gt(errors.items[0].line, 1);
}
END_TEST

static unsigned notes;
static char last_note[700];

static void note(void *arg, const char *text)
{
	(void)arg;
	notes++;
	snprintf(last_note, sizeof last_note, "%s", text);
}

START_TEST(what_expires_is_said_in_time)
{
	loads();
	notes = 0;
	conf_certificate_notes(conf, instant_now_ms(), note, NULL);
	ck_assert_uint_eq(notes, 0);
	conf_certificate_notes(conf, conf->own.until_ms - 29 * DAY_MS, note, NULL);
	/* The gateway's, and those that sign for both. */
	ck_assert_uint_eq(notes, 3);
	ck_assert_ptr_nonnull(strstr(last_note, "expires in 2"));
	notes = 0;
	conf_certificate_notes(conf, conf->own.until_ms + 11 * DAY_MS, note, NULL);
	ck_assert_uint_eq(notes, 4);
	ck_assert_ptr_nonnull(strstr(last_note, "expired at "));
	json_object_set_new(node, "names", json_pack("[s]", "gw.elsewhere.example"));
	loads();
	notes = 0;
	conf_certificate_notes(conf, instant_now_ms(), note, NULL);
	ck_assert_uint_eq(notes, 1);
	ck_assert_ptr_nonnull(strstr(last_note, "is not for gw.elsewhere.example"));
}
END_TEST

START_TEST(a_look_before_anything_is_judged)
{
	char user[40], keys[PATH_MAX];

	conf_files_write();
	conf_peek(scratch_file(&dir, "node.json"), user, sizeof user, keys, sizeof keys);
	ck_assert_str_eq(user, "");
	ck_assert_str_eq(keys, scratch_file(&dir, "keys"));
	json_object_set_new(node, "user", json_string("made-up"));
	conf_files_write();
	conf_peek(scratch_file(&dir, "node.json"), user, sizeof user, keys, sizeof keys);
	ck_assert_str_eq(user, "made-up");
	conf_peek(scratch_file(&dir, "none.json"), user, sizeof user, keys, sizeof keys);
	ck_assert(user[0] == 0 && keys[0] == 0);
}
END_TEST

TCase *make_conf_set_up_case(void)
{
	TCase *c = tcase_create("conf_set_up");

	tcase_add_checked_fixture(c, machine, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_machine_that_has_all);
	tcase_add_test(c, a_certificate_past_its_time_is_shown_on_and_not_taken_anew);
	tcase_add_test(c, secrets_and_what_is_given_away);
	tcase_add_test(c, each_error_has_its_line);
	tcase_add_test(c, what_expires_is_said_in_time);
	tcase_add_test(c, a_look_before_anything_is_judged);
	return c;
}
