/* The command: asks the daemon, has all looked at and judged, and prints. See doctor.h. */
#include "gatewayd/ctl/doctor.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/build.h"
#include "gatewayd/ctl/ctl.h"
#include "gatewayd/ctl/print.h"
#include "gatewayd/os/instant.h"

const char *verdict_name(enum verdict v)
{
	switch (v) {
	case DOCTOR_OK: return "ok";
	case DOCTOR_WARNING: return "warning";
	case DOCTOR_FAULT: return "fault";
	}
	return "";
}

void doctor_say(struct doctor *d, const char *check, enum verdict v, const char *fmt, ...)
{
	char text[900];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_array_append_new(d->findings,
	                      json_pack("{s:s, s:s, s:s}", "check", check, "verdict", verdict_name(v), "text", text));
	if (v > d->worst)
		d->worst = v;
}

/* Root may read all: what the account that serves may not is found by that account (gatewayd -t does the same). */
static void become_server(struct doctor *d, const char *path)
{
	char user[64], keys[PATH_MAX];
	const struct passwd *pw;
	struct stat st;

	if (geteuid() != 0)
		return;
	conf_peek(path, user, sizeof user, keys, sizeof keys);
	if (strcmp(user, "root") == 0 || (!user[0] && (!keys[0] || stat(keys, &st) != 0 || st.st_uid == 0)))
		return;
	pw = user[0] ? getpwnam(user) : getpwuid(st.st_uid);
	if (!pw || initgroups(pw->pw_name, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0)
		doctor_say(d, "set-up", DOCTOR_FAULT,
		           "cannot look as the account that serves (%s): make it, or mend /user",
		           user[0] ? user : "the owner of the keys");
}

static json_t *ask(const struct ctl *c, const char *what, struct error *e)
{
	json_t *answer = ctl_ask(c, json_pack("{s:s}", "do", what), e);

	if (answer && !json_is_true(json_object_get(answer, "ok"))) {
		error_set(e, REASON_UNAVAILABLE, "%s: %s", what, ctl_text(answer, "error"));
		json_decref(answer);
		return NULL;
	}
	return answer;
}

static void look_at_daemon(struct doctor *d, const struct ctl *c)
{
	static const struct {
		const char *what;
		void (*judge)(struct doctor *d, const json_t *answer);
	} asked[] = { { "clock-show", doctor_judge_clock }, { "retention-overdue", doctor_judge_duties } };
	struct error e = { .reason = REASON_NONE };
	json_t *status = ask(c, "status", &e);
	char text[700];

	if (status)
		doctor_judge_status(d, status, build_name());
	json_decref(status);
	for (size_t i = 0; i < sizeof asked / sizeof *asked && e.reason == REASON_NONE; i++) {
		json_t *answer = ask(c, asked[i].what, &e);
		if (answer)
			asked[i].judge(d, answer);
		json_decref(answer);
	}
	if (e.reason != REASON_NONE)
		doctor_say(d, "daemon", DOCTOR_FAULT, "%s; start it, and look at its log",
		           error_print(&e, text, sizeof text));
}

static void print(const struct ctl *c, const struct doctor *d)
{
	json_t *finding;
	size_t i;

	if (c->json) {
		json_t *doc = json_pack("{s:s, s:O}", "verdict", verdict_name(d->worst), "findings", d->findings);
		ctl_print_json(doc);
		json_decref(doc);
		return;
	}
	json_array_foreach(d->findings, i, finding)
	{
		printf("%-8s %-12s ", ctl_text(finding, "verdict"), ctl_text(finding, "check"));
		(void)!screen_plain(stdout, view_of(ctl_text(finding, "text")));
		putchar('\n');
	}
}

static int run_doctor(const struct ctl *c, int argc, char **argv)
{
	struct doctor d = { .findings = json_array(), .worst = DOCTOR_OK, .now_ms = instant_now_ms() };

	(void)argv;
	if (argc != 1)
		return ctl_usage();
	look_at_daemon(&d, c);
	become_server(&d, c->config);
	struct conf *conf = doctor_configuration(&d, c->config);
	if (conf) {
		doctor_machine(&d, conf);
		doctor_peers(&d, conf);
	}
	conf_unref(conf);
	print(c, &d);
	json_decref(d.findings);
	return (int)d.worst;
}

const struct ctl_command ctl_doctor_commands[] = {
	{ "doctor", NULL, "", "what a colleague would look at, each with what to do; exit 0 ok, 1 warnings, 2 faults",
	  run_doctor },
	{ NULL, NULL, NULL, NULL, NULL },
};
