/* gatewayctl doctor: each finding in good and bad state. */
#include <check.h>

#include "gatewayd/ctl/doctor.h"
#include "lib/base/datetime.h"

TCase *make_doctor_case(void);

#define NOW 1800000000000 /* 2027-01-15T08:00:00Z */
#define LOG "gw.north.example/audit/n1/1+00000000+AA"

static struct doctor d;

static void open_doctor(void)
{
	d = (struct doctor){ .findings = json_array(), .now_ms = NOW };
}

static void close_doctor(void)
{
	json_decref(d.findings);
}

/* The findings of a check; each must have the verdict, and one of them the words. */
static void found(const char *check, enum verdict v, const char *words)
{
	bool told = false;
	json_t *f;
	size_t i;

	json_array_foreach(d.findings, i, f)
	{
		if (strcmp(json_string_value(json_object_get(f, "check")), check) != 0)
			continue;
		if (strstr(json_string_value(json_object_get(f, "text")), words)) {
			ck_assert_str_eq(json_string_value(json_object_get(f, "verdict")), verdict_name(v));
			told = true;
		}
	}
	ck_assert_msg(told, "%s: nothing says %s", check, words);
	ck_assert_int_ge(d.worst, v);
	close_doctor();
	open_doctor();
}

static const char *const good =
        "{\"build\":\"b1\",\"origin\":\"gw.north.example/audit/n1/1\",\"started\":\"2027-01-01T00:00:00Z\",\"draining\":false,"
        "\"store\":{\"damaged\":0,\"payloads\":7,\"write_ahead_held\":0},\"witnesses\":{\"silent\":0,\"contradictions\":0,"
        "\"independent\":1,\"of_independent\":1},\"waiting\":[],\"documents\":[{\"document\":\"withdrawals\",\"issuer\":\"north\","
        "\"next_update\":\"2027-01-20T00:00:00Z\"}],\"backup\":\"2027-01-14T00:00:00Z\",\"rehearsed\":\"2026-12-01T00:00:00Z\"}";

/* The good answer with one member replaced. */
static void judge_status(const char *group, const char *member, const char *value)
{
	json_t *status = json_loads(good, 0, NULL), *v = json_loads(value, JSON_DECODE_ANY, NULL);

	ck_assert(status && v);
	json_object_set_new(group ? json_object_get(status, group) : status, member, v);
	doctor_judge_status(&d, status, "b1");
	json_decref(status);
}

START_TEST(a_daemon_that_is_well)
{
	judge_status(NULL, "build", "\"b1\"");
	ck_assert_int_eq(d.worst, DOCTOR_OK);
	ck_assert_uint_eq(json_array_size(d.findings), 7);
}
END_TEST

START_TEST(a_daemon_that_is_not)
{
	static const struct {
		const char *group, *member, *value, *check, *words;
		enum verdict v;
	} cases[] = {
		{ NULL, "build", "\"b0\"", "daemon", "serves build b0", DOCTOR_WARNING },
		{ NULL, "draining", "true", "daemon", "is draining", DOCTOR_WARNING },
		{ "store", "damaged", "3", "store", "3 payloads are damaged", DOCTOR_FAULT },
		{ "store", "write_ahead_held", "1", "store", "end that program", DOCTOR_WARNING },
		{ "witnesses", "silent", "2", "witnesses", "2 owe a cosignature", DOCTOR_WARNING },
		{ "witnesses", "contradictions", "1", "witnesses", "contradicts what was seen", DOCTOR_FAULT },
		{ NULL, "waiting",
		  "[{\"what\":\"notices\",\"recipient\":\"south\",\"reason\":\"unreachable\",\"waiting\":2,\"failed\":0}]",
		  "waiting", "2 notices wait for south: unreachable", DOCTOR_WARNING },
		{ NULL, "waiting",
		  "[{\"what\":\"deliveries\",\"recipient\":\"south\",\"reason\":\"\",\"waiting\":1,\"failed\":0}]",
		  "waiting", "1 deliveries wait for south", DOCTOR_OK },
		{ NULL, "waiting",
		  "[{\"what\":\"deliveries\",\"recipient\":\"south\",\"reason\":\"\",\"waiting\":0,\"failed\":4}]",
		  "waiting", "4 deliveries to south are past their deadline", DOCTOR_FAULT },
		{ NULL, "documents",
		  "[{\"document\":\"withdrawals\",\"issuer\":\"north\",\"next_update\":\"2027-01-15T20:00:00Z\"}]",
		  "documents", "in 0 days; have it issued", DOCTOR_WARNING },
		{ NULL, "documents",
		  "[{\"document\":\"withdrawals\",\"issuer\":\"north\",\"next_update\":\"2027-01-12T00:00:00Z\"}]",
		  "documents", "was due 3 days ago", DOCTOR_FAULT },
		{ NULL, "backup", "\"2027-01-01T00:00:00Z\"", "backup", "14 days ago, and 7 are the most",
		  DOCTOR_WARNING },
		{ NULL, "backup", "null", "backup", "never yet; gatewayctl store backup", DOCTOR_WARNING },
		{ NULL, "rehearsed", "\"2025-12-01T00:00:00Z\"", "rehearsal", "and 365 are the most", DOCTOR_WARNING },
		{ NULL, "rehearsed", "null", "rehearsal", "never yet; restore a backup", DOCTOR_WARNING },
	};

	judge_status(cases[_i].group, cases[_i].member, cases[_i].value);
	found(cases[_i].check, cases[_i].v, cases[_i].words);
}
END_TEST

static void judge(void (*how)(struct doctor *d, const json_t *o), const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	ck_assert_ptr_nonnull(o);
	how(&d, o);
	json_decref(o);
}

START_TEST(clock_and_duties)
{
	judge(doctor_judge_clock,
	      "{\"trusted\":true,\"why\":\"\",\"cosigned\":\"2027-01-15T07:59:00Z\",\"timestamped\":null}");
	found("clock", DOCTOR_OK, "is trusted; cosigned 2027-01-15T07:59:00Z");
	judge(doctor_judge_clock, "{\"trusted\":true,\"cosigned\":null,\"timestamped\":null}");
	found("clock", DOCTOR_WARNING, "nobody confirms it");
	judge(doctor_judge_clock, "{\"trusted\":false,\"why\":\"the clock is ahead\"}");
	found("clock", DOCTOR_FAULT, "the clock is ahead: nothing is erased");
	judge(doctor_judge_duties, "{\"overdue\":[]}");
	found("duties", DOCTOR_OK, "none is overdue");
	judge(doctor_judge_duties, "{\"overdue\":[{},{}]}");
	found("duties", DOCTOR_FAULT, "2 duties are overdue");
}
END_TEST

START_TEST(disk_and_space)
{
	doctor_judge_sync(&d, "/store", 900, false);
	found("sync", DOCTOR_OK, "a sync takes 900 us");
	doctor_judge_sync(&d, "/store", 3, false);
	found("sync", DOCTOR_FAULT, "a sync returns in 3 us, which no disk can");
	doctor_judge_sync(&d, "/store", 250000, false);
	found("sync", DOCTOR_WARNING, "a sync takes 250 ms");
	doctor_judge_sync(&d, "/store", 900, true);
	found("sync", DOCTOR_FAULT, "lies in memory");
	doctor_judge_space(&d, "/store", 3ull << 30, 1ull << 30);
	found("space", DOCTOR_OK, "3072 MiB are free");
	doctor_judge_space(&d, "/store", 3ull << 29, 1ull << 30);
	found("space", DOCTOR_WARNING, "from 1024 on no new record is taken");
	doctor_judge_space(&d, "/store", 1ull << 29, 1ull << 30);
	found("space", DOCTOR_FAULT, "no new record is taken; make room");
}
END_TEST

START_TEST(what_an_agreement_has_ahead)
{
	static const struct {
		const char *sunset, *review, *assessment, *words;
		enum verdict v;
	} cases[] = {
		{ "2028-01-01T00:00:00Z", "2027-06-01T00:00:00Z", "2027-06-01T00:00:00Z",
		  "agreement pax: sunset in 350 days", DOCTOR_OK },
		{ "2027-01-25T08:00:00Z", "2027-06-01T00:00:00Z", "2027-06-01T00:00:00Z",
		  "sunset in 10 days; have a new version signed", DOCTOR_WARNING },
		{ "2028-01-01T00:00:00Z", "2027-01-10T00:00:00Z", "2027-06-01T00:00:00Z",
		  "review was due 5 days ago; hold the review", DOCTOR_FAULT },
		{ "2028-01-01T00:00:00Z", "2027-06-01T00:00:00Z", "2027-02-01T00:00:00Z",
		  "review of its impact assessment in 16 days", DOCTOR_WARNING },
	};
	char doc[500];

	snprintf(
	        doc, sizeof doc,
	        "{\"id\":\"pax\",\"sunset\":\"%s\",\"review\":{\"next\":\"%s\"},\"assessment\":{\"next_review\":\"%s\"}}",
	        cases[_i].sunset, cases[_i].review, cases[_i].assessment);
	doctor_judge_agreement(&d, view_of(doc));
	found("agreements", cases[_i].v, cases[_i].words);
}
END_TEST

/* --- a partner's answer --- */

static void judge_peer(int status, const char *member, const char *value)
{
	struct partner p = { .id = "south-gateway", .agency = "south", .has_log = true, .has_witness = true };
	struct error e = { .reason = REASON_NONE };
	json_t *a =
	        json_loads("{\"partner\":\"north-gateway\",\"agency\":\"north\",\"log\":\"" LOG
	                   "\",\"endpoint\":\"gw.north.example:8443\",\"reached\":\"2027-01-15T07:58:00Z\","
	                   "\"by\":{\"agency\":\"south\",\"now\":\"2027-01-15T08:00:01Z\",\"log\":"
	                   "\"gw.south.example/audit/gw1/1+c8c025b9+AbiezWUyTRalrmrHCM2Wq9vgd0EpfktjN+Exveg7O+EJ\"}}",
	                   0, NULL);

	ck_assert(note_vkey_parse(
	        VIEW("gw.south.example/audit/gw1/1+c8c025b9+AbiezWUyTRalrmrHCM2Wq9vgd0EpfktjN+Exveg7O+EJ"), &p.log,
	        &e));
	if (member) {
		bool by = strncmp(member, "by.", 3) == 0;
		json_object_set_new(by ? json_object_get(a, "by") : a, member + 3 * by, json_string(value));
	}
	doctor_judge_peer(&d, &p, "north", LOG, status, a);
	json_decref(a);
}

START_TEST(whom_a_partner_takes_us_for)
{
	judge_peer(200, NULL, NULL);
	found("partners", DOCTOR_OK, "knows this gateway as north-gateway, and reached it at 2027-01-15T07:58:00Z");
	judge_peer(200, "reached", "2027-01-15T05:00:00Z");
	found("partners", DOCTOR_WARNING, "has not reached this gateway itself since 2027-01-15T05:00:00Z");
	judge_peer(200, "reached", "never");
	found("partners", DOCTOR_WARNING, "has not reached this gateway itself yet");
	judge_peer(200, "agency", "west");
	found("partners", DOCTOR_FAULT, "takes this gateway for one of west");
	judge_peer(200, "log", "another");
	found("partners", DOCTOR_FAULT, "knows another log of this gateway (another)");
	judge_peer(200, "by.agency", "west");
	found("partners", DOCTOR_FAULT, "says that it is of west, and its file says south");
	judge_peer(200, "by.log", "another");
	found("partners", DOCTOR_FAULT, "has the log another, and its file another one");
	judge_peer(200, "by.now", "2027-01-15T08:03:00Z");
	found("partners", DOCTOR_WARNING, "its clock and this one are 180 s apart");
	judge_peer(404, NULL, NULL);
	found("partners", DOCTOR_WARNING, "is of a build that cannot be asked");
	judge_peer(403, "type", "/problems/partner-unknown");
	found("partners", DOCTOR_FAULT, "refuses this gateway with 403 (/problems/partner-unknown)");
}
END_TEST

TCase *make_doctor_case(void)
{
	TCase *c = tcase_create("doctor");

	tcase_add_checked_fixture(c, open_doctor, close_doctor);
	tcase_add_test(c, a_daemon_that_is_well);
	tcase_add_loop_test(c, a_daemon_that_is_not, 0, 15);
	tcase_add_test(c, clock_and_duties);
	tcase_add_test(c, disk_and_space);
	tcase_add_loop_test(c, what_an_agreement_has_ahead, 0, 4);
	tcase_add_test(c, whom_a_partner_takes_us_for);
	return c;
}
