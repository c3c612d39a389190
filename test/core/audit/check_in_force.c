/* What is in force as a list, and what differs between two. */
#include "gatewayd/core/audit/in_force.h"

#include <check.h>
#include <jansson.h>

#include "gatewayd/core/conf/effective.h"

TCase *make_in_force_case(void);

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static struct buf told;

static bool tell(void *arg, const struct in_force_change *c)
{
	size_t *most = arg;

	buf_addf(&told, "%.*s %.*s", VIEW_ARG(c->kind), VIEW_ARG(c->name));
	buf_adds(&told, c->before ? " -" : "");
	if (c->before)
		digest_print(&told, c->before);
	told.n -= c->before ? 63 : 0; /* one digit of each is enough */
	buf_adds(&told, c->after ? " +" : "");
	if (c->after)
		digest_print(&told, &c->after->digest);
	told.n -= c->after ? 63 : 0;
	buf_addc(&told, '\n');
	return !most || (*most)-- > 1;
}

static struct thing thing(const char *kind, const char *name, const char *digest)
{
	struct thing t = { .kind = view_of(kind), .name = view_of(name) };

	ck_assert(digest_parse(view_of(digest), &t.digest));
	return t;
}

START_TEST(what_differs)
{
	static const struct {
		const char *before, *says;
	} cases[] = {
		{ "", "agreement a/1 +a\nfloor floor +b\npartner p +c\n" },
		{ "agreement a/1 " A "\nfloor floor " B "\npartner p " C "\n", "" },
		{ "agreement a/1 " B "\nfloor floor " B "\npartner p " C "\n", "agreement a/1 -b +a\n" },
		{ "agreement a/1 " A "\npartner p " C "\n", "floor floor +b\n" },
		{ "agreement a/1 " A "\nagreement a/2 " A "\nfloor floor " B "\npartner p " C "\npartner q " A "\n",
		  "agreement a/2 -a\npartner q -a\n" },
		{ "agreement a/0 " A "\nagreement a/1 " A "\nfloor floor " B "\noverlay overlay " C "\npartner p " C
		  "\n",
		  "agreement a/0 -a\noverlay overlay -c\n" },
		/* Behind what cannot be read nothing counts. */
		{ "agreement a/1 " A "\nfloor\npartner p " C "\n", "floor floor +b\npartner p +c\n" },
		{ "agreement a/1 " A "\nfloor floor nothing\n", "floor floor +b\npartner p +c\n" },
		{ "nonsense", "agreement a/1 +a\nfloor floor +b\npartner p +c\n" },
	};
	struct thing things[] = { thing("agreement", "a/1", A), thing("floor", "floor", B), thing("partner", "p", C) };
	const struct in_force now = { .things = things, .n = 3 }, none = { .n = 0 };
	size_t one = 1;

	told = BUF_INIT(4096);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&told);
		ck_assert(in_force_changes(view_of(cases[i].before), &now, tell, NULL));
		ck_assert_msg(view_is(buf_view(&told), cases[i].says), "%zu: %.*s", i, VIEW_ARG(buf_view(&told)));
	}
	buf_reset(&told);
	in_force_print(&now, &told);
	ck_assert(view_is(buf_view(&told), cases[1].before));
	buf_reset(&told);
	ck_assert(in_force_changes(view_of(cases[1].before), &none, tell, NULL));
	ck_assert(view_is(buf_view(&told), "agreement a/1 -a\nfloor floor -b\npartner p -c\n"));
	buf_reset(&told);
	ck_assert(!in_force_changes(VIEW(""), &now, tell, &one)); /* the first that fails is the last */
	ck_assert(view_is(buf_view(&told), "agreement a/1 +a\n"));
	buf_free(&told);
}
END_TEST

START_TEST(which_lines)
{
	struct buf out = BUF_INIT(40);

	in_force_lines(VIEW("a 1\nb 2\nc 3\n"), VIEW("a 1\nb 3\nc 3\nd 4\n"), &out);
	ck_assert(view_is(buf_view(&out), " -b 2 +b 3 +d 4"));
	buf_reset(&out);
	in_force_lines(VIEW("a 1\n"), VIEW("a 1\n"), &out);
	ck_assert_uint_eq(out.n, 0);
	/* What has no room is left out, and no more. */
	in_force_lines(VIEW("a line of more than forty characters that has no room\n"), VIEW("b 2\n"), &out);
	ck_assert(view_is(buf_view(&out), " +b 2 ...") && !out.failed);
	buf_free(&out);
}
END_TEST

/* A configuration of two partners in either order, with and without what may be there. */
START_TEST(what_takes_effect)
{
	static const uint8_t key[32] = { 1 };
	struct partner partners[2] = {
		{ .id = "south",
		  .agency = "south",
		  .jurisdiction = "XS",
		  .roles = ROLE(GATEWAY) | ROLE(AUDITOR),
		  .uri = "urn:example:south",
		  .pins = { { { 1 } } },
		  .n_pins = 1,
		  .host = "gw.south.example",
		  .port = 8443,
		  .training_until_ms = TIME_NONE },
		{ .id = "anna", .agency = "north", .roles = ROLE(OFFICER), .training_until_ms = 0 },
	};
	struct conf conf = { .node = { .agency = "north", .origin = "north.example/audit/n1/1", .lines = 7 },
		             .partners = partners,
		             .n_partners = 2,
		             .floor = VIEW("{}"),
		             .overlay = VIEW("{ }") };
	struct note_vkey log;
	struct core core = { .log_vkey = &log };
	struct in_force one, other;
	struct buf text = BUF_INIT(65536), again = BUF_INIT(65536);

	ck_assert(note_vkey_make(VIEW("north.example/audit/n1/1"), NOTE_ED25519, key, &log));
	effective_partner(&partners[0], &text);
	buf_addc(&text, 0);
	ck_assert_str_eq(
	        text.p,
	        "partner south\nagency south\njurisdiction XS\nrole gateway\nrole auditor\nuri urn:example:south\n"
	        "endpoint gw.south.example:8443\nsouth pin "
	        "0100000000000000000000000000000000000000000000000000000000000000\n");
	buf_reset(&text);
	effective_partner(&partners[1], &text);
	buf_addc(&text, 0);
	ck_assert_str_eq(text.p, "partner anna\nagency north\nrole officer\ntraining_until 1970-01-01T00:00:00.000Z\n");
	buf_reset(&text);
	effective_node(&conf, &text);
	buf_addc(&text, 0);
	ck_assert(strstr(text.p, "limits.lines 7\n") && !strstr(text.p, "anchor") && !strstr(text.p, "timestamp") &&
	          !strstr(text.p, "revocations"));
	conf.node.anchor = "anchor";
	conf.timestamp = (struct timestamp_authority){
		.to = { .host = "tsa.example", .port = 80, .n_pins = 1 }, .path = "/", .plain = true, .every_s = 60
	};
	conf.revocation_checked = true;
	buf_reset(&text);
	effective_node(&conf, &text);
	buf_addc(&text, 0);
	ck_assert(strstr(text.p, "audit.anchor anchor\naudit.timestamp tsa.example:80/ every_s 60 plain\n"
	                         "audit.timestamp.pin 0000") &&
	          strstr(text.p, "\ntls.revocations checked\n"));
	ck_assert(in_force_collect(&core, &conf, &one));
	struct partner kept = partners[0];
	partners[0] = partners[1];
	partners[1] = kept;
	ck_assert(in_force_collect(&core, &conf, &other));
	buf_reset(&text);
	in_force_print(&one, &text);
	in_force_print(&other, &again);
	ck_assert(view_eq(buf_view(&text), buf_view(&again)));
	ck_assert_uint_eq(one.n, 6);
	in_force_free(&other);
	/* The secret of pseudonyms counts, and does not show. */
	core.pseudonym = (struct secret){ .b = "a secret for tests, 32 bytes long", .n = 32 };
	ck_assert(in_force_collect(&core, &conf, &other));
	ck_assert_uint_eq(other.n, 7);
	const struct thing *secret = &other.things[0];
	while (!view_is(secret->name, "pseudonym"))
		secret++;
	struct digest first = secret->digest;
	ck_assert(view_is(secret->kind, "keys") && !secret->text.p && !memmem(first.b, 32, core.pseudonym.b, 8));
	in_force_free(&one);
	core.pseudonym.b[31] ^= 1;
	ck_assert(in_force_collect(&core, &conf, &one));
	ck_assert(!digest_eq(&one.things[secret - other.things].digest, &first));
	in_force_free(&one);
	in_force_free(&other);
	buf_free(&text);
	buf_free(&again);
}
END_TEST

/* A member of the node document that decides how much is taken, kept or checked is in its text; what is not has its reason
 * here. */
START_TEST(no_limit_is_forgotten)
{
	static const char *const others[] = {
		"limits.threads",                                     /* of the machine */
		"audit.epoch",                                        /* part of the origin */
		"audit.mirror",   "audit.vkey", "audit.witness_vkey", /* views for others */
		"log.level",      "log.form",                         /* what the journal says */
	};
	const char *reserved[] = { "192.0.2.7" };
	struct outside_witness office = { .to = { .id = "office", .host = "office.example" }, .prefix = "" };
	const struct conf conf = { .node = { .agency = "north",
		                             .origin = "north.example/audit/n1/1",
		                             .anchor = "a",
		                             .reserved = reserved,
		                             .n_reserved = 1 },
		                   .witnesses = &office,
		                   .n_witnesses = 1,
		                   .quorum_text = VIEW("witness office key\nquorum office\n"),
		                   .timestamp = { .to = { .host = "tsa.example" }, .path = "/" } };
	struct buf text = BUF_INIT(65536);
	json_t *schema = json_load_file("schema/node.schema.json", 0, NULL), *of, *member;
	const char *group, *name;
	size_t members = 0;

	ck_assert_ptr_nonnull(schema);
	effective_node(&conf, &text);
	buf_addc(&text, 0);
	json_object_foreach(json_object_get(schema, "properties"), group, of)
	{
		json_object_foreach(json_object_get(of, "properties"), name, member)
		{
			char line[100], place[100];
			bool known = strcmp(group, "tls") == 0 || strcmp(group, "resolver") == 0; /* keys, and ways */
			snprintf(place, sizeof place, "%s.%s", group, name);
			snprintf(line, sizeof line, "\n%s ", place);
			for (size_t i = 0; i < sizeof others / sizeof *others; i++)
				known = known || strcmp(others[i], place) == 0;
			ck_assert_msg(known || strstr(text.p, line), "%s", place);
			members++;
		}
	}
	ck_assert_uint_gt(members, 15);
	json_decref(schema);
	buf_free(&text);
}
END_TEST

TCase *make_in_force_case(void)
{
	TCase *c = tcase_create("in_force");

	tcase_add_test(c, what_differs);
	tcase_add_test(c, which_lines);
	tcase_add_test(c, what_takes_effect);
	tcase_add_test(c, no_limit_is_forgotten);
	return c;
}
