/* What is found of what was looked at: pure. See doctor.h. */
#include "gatewayd/ctl/doctor.h"

#include <inttypes.h>

#include "gatewayd/ctl/print.h"
#include "lib/base/datetime.h"

#define SOON_DAYS      30
#define BACKUP_DAYS    7
#define REHEARSED_DAYS 365
#define REACHED_MS     (3600 * SECOND_MS) /* a partner is asked for a cosignature every few minutes */
#define CLOCKS_MS      (60 * SECOND_MS)
/* Less than this no write to a medium takes, the cache of a disk that keeps it without power included; and from where on
 * commits are what is waited for. */
#define SYNC_LEAST_US 15
#define SYNC_SLOW_US  100000

static int64_t integer(const json_t *o, const char *group, const char *name)
{
	return json_integer_value(json_object_get(group ? json_object_get(o, group) : o, name));
}

static int64_t time_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));
	int64_t ms;

	return text && time_parse(view_of(text), &ms) ? ms : TIME_NONE;
}

/* Whole days from now until then, and less than none when it has passed. */
static int days_to(const struct doctor *d, int64_t ms)
{
	return ms < d->now_ms ? -(int)((d->now_ms - ms) / DAY_MS) - 1 : (int)((ms - d->now_ms) / DAY_MS);
}

/* Something that is due once: `what` of whom, and what to do. */
static void due(struct doctor *d, const char *check, const char *what, int64_t at_ms, int soon_days, const char *to_do)
{
	int days = days_to(d, at_ms);

	if (days < 0)
		doctor_say(d, check, DOCTOR_FAULT, "%s was due %d days ago; %s", what, -days - 1, to_do);
	else
		doctor_say(d, check, days < soon_days ? DOCTOR_WARNING : DOCTOR_OK, "%s in %d days%s%s", what, days,
		           days < soon_days ? "; " : "", days < soon_days ? to_do : "");
}

/* Something that is done again and again. */
static void age(struct doctor *d, const char *check, const char *what, int64_t at_ms, int most_days, const char *to_do)
{
	if (at_ms == TIME_NONE)
		doctor_say(d, check, DOCTOR_WARNING, "%s: never yet; %s", what, to_do);
	else if (d->now_ms - at_ms > most_days * DAY_MS)
		doctor_say(d, check, DOCTOR_WARNING, "%s: %d days ago, and %d are the most; %s", what,
		           (int)((d->now_ms - at_ms) / DAY_MS), most_days, to_do);
	else
		doctor_say(d, check, DOCTOR_OK, "%s: %d days ago", what, (int)((d->now_ms - at_ms) / DAY_MS));
}

/* --- the daemon --- */

static void judge_daemon(struct doctor *d, const json_t *status, const char *build)
{
	const char *runs = ctl_text(status, "build");

	if (strcmp(runs, build) != 0)
		doctor_say(d, "daemon", DOCTOR_WARNING,
		           "serves build %s, and gatewayctl is %s; restart the daemon if it was changed", runs, build);
	else if (json_is_true(json_object_get(status, "draining")))
		doctor_say(d, "daemon", DOCTOR_WARNING,
		           "is draining: no new record is taken; gatewayctl drain off ends that");
	else
		doctor_say(d, "daemon", DOCTOR_OK, "serves as %s since %s", ctl_text(status, "origin"),
		           ctl_text(status, "started"));
}

static void judge_store(struct doctor *d, const json_t *status)
{
	int64_t damaged = integer(status, "store", "damaged"), holder = integer(status, "store", "write_ahead_held_by");

	if (damaged > 0)
		doctor_say(d, "store", DOCTOR_FAULT,
		           "%" PRId64 " payloads are damaged; gatewayctl store check names them", damaged);
	else if (integer(status, "store", "write_ahead_held") > 0)
		doctor_say(d, "store", DOCTOR_WARNING,
		           "another program (process %" PRId64
		           ") keeps its write-ahead log from being emptied; end that program",
		           holder);
	else
		doctor_say(d, "store", DOCTOR_OK, "%" PRId64 " payloads, none found damaged",
		           integer(status, "store", "payloads"));
}

static void judge_witnesses(struct doctor *d, const json_t *status)
{
	int64_t silent = integer(status, "witnesses", "silent");

	if (integer(status, "witnesses", "contradictions") > 0)
		doctor_say(
		        d, "witnesses", DOCTOR_FAULT,
		        "a partner's log contradicts what was seen of it; gatewayctl audit evidence shows it: call that partner");
	else if (silent > 0)
		doctor_say(d, "witnesses", DOCTOR_WARNING,
		           "%" PRId64 " owe a cosignature for too long; the log names them, and why", silent);
	else
		doctor_say(d, "witnesses", DOCTOR_OK,
		           "none is silent; %" PRId64 " of %" PRId64 " independent ones cosign",
		           integer(status, "witnesses", "independent"), integer(status, "witnesses", "of_independent"));
}

static void judge_waiting(struct doctor *d, const json_t *status)
{
	const json_t *list = json_object_get(status, "waiting"), *w;
	bool any = false;
	size_t i;

	json_array_foreach(list, i, w)
	{
		int64_t failed = integer(w, NULL, "failed"), waiting = integer(w, NULL, "waiting");
		any = true;
		if (failed > 0)
			doctor_say(
			        d, "waiting", DOCTOR_FAULT,
			        "%" PRId64
			        " %s to %s are past their deadline (%s); gatewayctl outbox shows them: retry or expire",
			        failed, ctl_text(w, "what"), ctl_text(w, "recipient"), ctl_text(w, "reason"));
		else
			doctor_say(d, "waiting", ctl_text(w, "reason")[0] ? DOCTOR_WARNING : DOCTOR_OK,
			           "%" PRId64 " %s wait for %s%s%s", waiting, ctl_text(w, "what"),
			           ctl_text(w, "recipient"), ctl_text(w, "reason")[0] ? ": " : "",
			           ctl_text(w, "reason"));
	}
	if (!any)
		doctor_say(d, "waiting", DOCTOR_OK, "nothing waits for a partner");
}

static void judge_documents(struct doctor *d, const json_t *status)
{
	const json_t *doc;
	size_t i;

	json_array_foreach(json_object_get(status, "documents"), i, doc)
	{
		int64_t next = time_of(doc, "next_update");
		char what[300];

		if (next == TIME_NONE)
			continue;
		snprintf(what, sizeof what, "the next %s of %s", ctl_text(doc, "document"), ctl_text(doc, "issuer"));
		due(d, "documents", what, next, 1, "have it issued, put it into documents/ and reload");
	}
}

void doctor_judge_status(struct doctor *d, const json_t *status, const char *build)
{
	judge_daemon(d, status, build);
	judge_store(d, status);
	judge_witnesses(d, status);
	judge_waiting(d, status);
	judge_documents(d, status);
	age(d, "backup", "the last backup of the store", time_of(status, "backup"), BACKUP_DAYS,
	    "gatewayctl store backup, and gatewayctl keys backup apart from it");
	age(d, "rehearsal", "the last rehearsal of a restore", time_of(status, "rehearsed"), REHEARSED_DAYS,
	    "restore a backup on another machine (doc/backup.md), then gatewayctl store rehearsed");
}

void doctor_judge_clock(struct doctor *d, const json_t *clock)
{
	if (!json_is_true(json_object_get(clock, "trusted")))
		doctor_say(
		        d, "clock", DOCTOR_FAULT,
		        "%s: nothing is erased; set the clock right, or have it confirmed (gatewayctl clock confirm)",
		        ctl_text(clock, "why"));
	else if (time_of(clock, "cosigned") == TIME_NONE && time_of(clock, "timestamped") == TIME_NONE)
		doctor_say(
		        d, "clock", DOCTOR_WARNING,
		        "nobody confirms it: no witness has cosigned and no timestamp was had; name a witness or audit.timestamp");
	else
		doctor_say(d, "clock", DOCTOR_OK, "is trusted; cosigned %s, timestamped %s",
		           ctl_text(clock, "cosigned"), ctl_text(clock, "timestamped"));
}

void doctor_judge_duties(struct doctor *d, const json_t *overdue)
{
	size_t n = json_array_size(json_object_get(overdue, "overdue"));

	if (n > 0)
		doctor_say(
		        d, "duties", DOCTOR_FAULT,
		        "%zu duties are overdue; gatewayctl retention overdue lists them: have the systems send their receipts",
		        n);
	else
		doctor_say(d, "duties", DOCTOR_OK, "none is overdue");
}

/* --- the machine --- */

void doctor_judge_sync(struct doctor *d, const char *folder, uint64_t median_us, bool in_memory)
{
	if (in_memory)
		doctor_say(d, "sync", DOCTOR_FAULT, "%s lies in memory: all is lost with the power; put it on a disk",
		           folder);
	else if (median_us < SYNC_LEAST_US)
		doctor_say(d, "sync", DOCTOR_FAULT,
		           "%s: a sync returns in %" PRIu64
		           " us, which no disk can: what was acknowledged is lost with the power; "
		           "have the disk, or the hypervisor's cache, write through",
		           folder, median_us);
	else if (median_us > SYNC_SLOW_US)
		doctor_say(d, "sync", DOCTOR_WARNING,
		           "%s: a sync takes %" PRIu64 " ms, and every commit waits for one; use another disk", folder,
		           median_us / 1000);
	else
		doctor_say(d, "sync", DOCTOR_OK, "%s: a sync takes %" PRIu64 " us", folder, median_us);
}

void doctor_judge_space(struct doctor *d, const char *path, uint64_t free_bytes, uint64_t kept)
{
	unsigned long long mib = free_bytes >> 20, reserve = kept >> 20;

	if (free_bytes < kept)
		doctor_say(d, "space", DOCTOR_FAULT,
		           "%s: %llu MiB are free, and %llu are to stay so: no new record is taken; make room", path,
		           mib, reserve);
	else if (free_bytes / 2 < kept)
		doctor_say(d, "space", DOCTOR_WARNING,
		           "%s: %llu MiB are free, and from %llu on no new record is taken; make room", path, mib,
		           reserve);
	else
		doctor_say(d, "space", DOCTOR_OK, "%s: %llu MiB are free", path, mib);
}

/* --- agreements --- */

void doctor_judge_agreement(struct doctor *d, struct view text)
{
	json_t *doc = json_loadb(text.p, text.n, 0, NULL);
	const char *id = ctl_text(doc, "id");
	const struct {
		const char *what, *to_do;
		int64_t at_ms;
	} dates[] = { { "sunset", "have a new version signed, or let it end", time_of(doc, "sunset") },
		      { "review", "hold the review, and have a new version signed",
		        time_of(json_object_get(doc, "review"), "next") },
		      { "review of its impact assessment", "hold it, and have a new version signed",
		        time_of(json_object_get(doc, "assessment"), "next_review") } };

	for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
		char what[300];
		snprintf(what, sizeof what, "agreement %s: %s", id, dates[i].what);
		if (dates[i].at_ms != TIME_NONE)
			due(d, "agreements", what, dates[i].at_ms, SOON_DAYS, dates[i].to_do);
	}
	json_decref(doc);
}

/* --- partners --- */

/* By which keys they know this gateway. */
static bool knows_us(struct doctor *d, const char *id, const char *agency, const char *log, const json_t *a)
{
	const char *told = json_string_value(json_object_get(a, "log"));

	if (strcmp(ctl_text(a, "agency"), agency) != 0)
		doctor_say(d, "partners", DOCTOR_FAULT,
		           "%s takes this gateway for one of %s (its file %s); send it gatewayctl describe", id,
		           ctl_text(a, "agency"), ctl_text(a, "partner"));
	else if (!told || strcmp(told, log) != 0)
		doctor_say(d, "partners", DOCTOR_FAULT,
		           "%s knows another log of this gateway (%s): it refuses every record; send it audit.vkey", id,
		           told ? told : "none");
	else
		return true;
	return false;
}

static bool we_know(struct doctor *d, const struct partner *p, const json_t *by)
{
	struct buf ours = BUF_INIT(4096);
	bool ok = false;

	if (p->has_log)
		note_vkey_print(&p->log, &ours);
	buf_addc(&ours, 0);
	if (strcmp(ctl_text(by, "agency"), p->agency) != 0)
		doctor_say(d, "partners", DOCTOR_FAULT, "%s says that it is of %s, and its file says %s; mend the file",
		           p->id, ctl_text(by, "agency"), p->agency);
	else if (strcmp(ctl_text(by, "log"), ours.p) != 0)
		doctor_say(
		        d, "partners", DOCTOR_FAULT,
		        "%s has the log %s, and its file another one: every receipt is refused; ask it, by another way, which it is",
		        p->id, ctl_text(by, "log"));
	else
		ok = true;
	buf_free(&ours);
	return ok;
}

void doctor_judge_peer(struct doctor *d, const struct partner *p, const char *agency, const char *log, int status,
                       const json_t *a)
{
	const json_t *by = json_object_get(a, "by");
	int64_t reached = time_of(a, "reached"), now = time_of(by, "now");
	int64_t apart = now > d->now_ms ? now - d->now_ms : d->now_ms - now;

	if (status == 404) {
		doctor_say(d, "partners", DOCTOR_WARNING,
		           "%s answers, and is of a build that cannot be asked whom it takes this gateway for", p->id);
	} else if (status != 200) {
		doctor_say(d, "partners", DOCTOR_FAULT,
		           "%s refuses this gateway with %d (%s); ask its operator to look at its log", p->id, status,
		           ctl_text(a, "type"));
	} else if (knows_us(d, p->id, agency, log, a) && we_know(d, p, by)) {
		if (now != TIME_NONE && apart > CLOCKS_MS)
			doctor_say(d, "partners", DOCTOR_WARNING,
			           "%s: its clock and this one are %d s apart; set the wrong one right", p->id,
			           (int)(apart / SECOND_MS));
		else if (p->has_witness && (reached == TIME_NONE || d->now_ms - reached > REACHED_MS))
			doctor_say(
			        d, "partners", DOCTOR_WARNING,
			        "%s answers, and has not reached this gateway itself %s%s; look at the way back (its endpoint of this "
			        "gateway is %s, names and firewalls)",
			        p->id, reached == TIME_NONE ? "yet" : "since ",
			        reached == TIME_NONE ? "" : ctl_text(a, "reached"), ctl_text(a, "endpoint"));
		else
			doctor_say(d, "partners", DOCTOR_OK, "%s answers, knows this gateway as %s%s%s", p->id,
			           ctl_text(a, "partner"), reached == TIME_NONE ? "" : ", and reached it at ",
			           reached == TIME_NONE ? "" : ctl_text(a, "reached"));
	}
}
