/* Who outside is named by the configuration: authorities with their lists, a timestamp authority, witnesses. */
#include "gatewayd/core/conf/public_keys.h"
#include "test/core/conf/conf_cases.h"

TCase *make_conf_outside_case(void);

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
	/* This gateway's own comes from another one, which its partners have. */
	put(node, "/tls/own_authorities", "\"ca.pem\"");
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

TCase *make_conf_outside_case(void)
{
	TCase *c = tcase_create("conf_outside");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_revocation_list_that_cannot_be_used_refuses_everybody);
	tcase_add_test(c, each_authority_has_its_own_list);
	tcase_add_test(c, a_timestamp_authority);
	tcase_add_test(c, witnesses_and_their_quorum);
	tcase_add_test(c, witnesses_that_are_none);
	return c;
}
