/* Audit entries for people (aligned, coloured) and for other systems: JSON lines, OCSF 1.3 API Activity, Elastic
 * Common Schema 8, ArcSight CEF, syslog after RFC 5424. */
#include <jansson.h>

#include "gatewayd/ctl/audit.h"
#include "lib/base/datetime.h"

/* The members of a leaf that formats name. */
struct shown {
	json_t *json;
	const char *operation, *outcome, *peer, *recipient, *agreement, *purpose, *legal_basis, *tier, *reason,
	        *exchange, *build, *note;
	int64_t time_ms;
	char time[TIME_TEXT + 1];
};

static const char *member(json_t *leaf, const char *name)
{
	const char *s = json_string_value(json_object_get(leaf, name));

	return s ? s : "";
}

static bool shown_parse(struct view leaf, struct shown *s)
{
	s->json = json_loadb(leaf.p ? leaf.p : "", leaf.n, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(s->json)) {
		json_decref(s->json);
		return false;
	}
	json_t *j = s->json;
	s->operation = member(j, "operation");
	s->outcome = member(j, "outcome");
	s->peer = member(j, "peer");
	s->recipient = member(j, "recipient");
	s->agreement = member(j, "agreement");
	s->purpose = member(j, "purpose");
	s->legal_basis = member(j, "legal_basis");
	s->tier = member(j, "tier");
	s->reason = member(j, "reason");
	s->exchange = member(j, "exchange");
	s->build = member(j, "build");
	s->note = member(j, "note");
	s->time_ms = json_integer_value(json_object_get(j, "time"));
	time_print(s->time_ms, s->time);
	return true;
}

/* --- people --- */

/* A terminal must not obey what a log says: only printable ASCII goes there. What is too long for its column
 * is cut; width 0 is the last column. */
static void put_cell(struct buf *out, const char *text, unsigned width)
{
	unsigned n = 0;

	for (; *text && (width == 0 || n + 2 < width); text++, n++)
		buf_addc(out, (unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f ? *text : '?');
	if (*text && width > 0 && !out->failed)
		out->p[out->n - 1] = '~';
	for (; n < width; n++)
		buf_addc(out, ' ');
}

static const char *colour_of(const struct shown *s)
{
	static const char *const rare[] = { "incident",      "key-change", "policy-change",
		                            "config-change", "clock-step", "restore" };

	if (strcmp(s->outcome, "refused") == 0 || strcmp(s->outcome, "failed") == 0)
		return "\033[31m";
	if (strcmp(s->outcome, "held") == 0)
		return "\033[33m";
	for (size_t i = 0; i < sizeof rare / sizeof rare[0]; i++)
		if (strcmp(s->operation, rare[i]) == 0)
			return "\033[35m";
	return s->outcome[0] ? "\033[32m" : "";
}

/* The widest line in full, and what a narrow one begins with: index, day and time, operation. */
#define FULL_COLUMNS 180
#define NARROW_HEAD  38

static bool is_full(size_t width)
{
	return width == 0 || width >= FULL_COLUMNS;
}

void audit_heading(size_t width, struct buf *out)
{
	if (is_full(width))
		buf_addf(out, "%8s  %-24s  %-13s  %-20s  %-16s  %-24s  %-24s  %s\n", "INDEX", "TIME", "OPERATION",
		         "OUTCOME", "PEER", "AGREEMENT", "REASON OR PURPOSE", "EXCHANGE");
	else
		buf_addf(out, "%7s %-14s %-14s %s\n", "INDEX", "TIME", "OPERATION", "OUTCOME, PEER, AGREEMENT, WHY");
}

static void put_full(const struct shown *s, const char *start, struct buf *out)
{
	put_cell(out, s->time, 26);
	buf_adds(out, start);
	put_cell(out, s->operation, 15);
	put_cell(out, s->outcome, 22);
	if (start[0])
		buf_adds(out, "\033[0m");
	put_cell(out, s->peer, 18);
	put_cell(out, s->agreement, 26);
	put_cell(out, s->reason[0] ? s->reason : s->note[0] ? s->note : s->purpose, 26);
	put_cell(out, s->exchange[0] ? s->exchange : "-", 0);
}

/* A text behind what the line has, as long as there is room; `*room` is what is left. */
static void put_next(const char *text, size_t *room, struct buf *out)
{
	char cut[200];
	size_t n = strlen(text);

	if (!text[0] || *room < 4)
		return;
	if (n > *room)
		n = *room - 1;
	snprintf(cut, sizeof cut, "%.*s", (int)n, text);
	put_cell(out, cut, 0);
	if (text[n])
		buf_addc(out, '~');
	*room -= n + (text[n] != 0);
	if (*room > 0) {
		buf_addc(out, ' ');
		--*room;
	}
}

/* What does not fit is in the full line (a wide terminal, a pipe) and in `-o json`. */
static void put_narrow(const struct shown *s, const char *start, size_t width, struct buf *out)
{
	size_t room = width > NARROW_HEAD ? width - NARROW_HEAD : 0;

	buf_addf(out, "%.5s %.8s ", s->time + 5, s->time + 11);
	buf_adds(out, start);
	put_cell(out, s->operation, 15);
	put_next(s->outcome, &room, out);
	if (start[0])
		buf_adds(out, "\033[0m");
	put_next(s->peer, &room, out);
	put_next(s->agreement, &room, out);
	put_next(s->reason[0] ? s->reason : s->note[0] ? s->note : s->purpose, &room, out);
	while (out->n > 0 && out->p[out->n - 1] == ' ')
		out->n--;
}

void audit_line(uint64_t index, struct view leaf, bool colour, size_t width, struct buf *out)
{
	struct shown s;

	buf_addf(out, is_full(width) ? "%8llu  " : "%7llu ", (unsigned long long)index);
	if (!shown_parse(leaf, &s)) {
		buf_adds(out, "(not an entry of this format)\n");
		return;
	}
	const char *start = colour ? colour_of(&s) : "";
	if (is_full(width))
		put_full(&s, start, out);
	else
		put_narrow(&s, start, width, out);
	buf_addc(out, '\n');
	json_decref(s.json);
}

/* --- other systems --- */

bool audit_format_parse(const char *name, enum audit_format *out)
{
	static const char *const names[] = { "jsonl", "ocsf", "ecs", "cef", "rfc5424" };

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(name, names[i]) == 0) {
			*out = (enum audit_format)i;
			return true;
		}
	}
	return false;
}

static bool failed(const struct shown *s)
{
	return strcmp(s->outcome, "refused") == 0 || strcmp(s->outcome, "failed") == 0;
}

static bool is_incident(const struct shown *s)
{
	return strcmp(s->operation, "incident") == 0;
}

static bool put_json(json_t *event, struct buf *out, struct error *e)
{
	char *text = event ? json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	json_decref(event);
	if (!text)
		return error_set(e, REASON_NO_MEMORY, "no memory for an event");
	buf_adds(out, text);
	buf_addc(out, '\n');
	free(text);
	return true;
}

static int ocsf_activity(const struct shown *s)
{
	static const struct {
		const char *operation;
		int activity;
	} map[] = { { "collection", 1 }, { "consultation", 2 },  { "disclosure", 2 },
		    { "validation", 2 }, { "alteration", 3 },    { "policy-change", 3 },
		    { "key-change", 3 }, { "config-change", 3 }, { "erasure", 4 } };

	for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
		if (strcmp(s->operation, map[i].operation) == 0)
			return map[i].activity;
	return 99;
}

static bool put_ocsf(const struct shown *s, const char *origin, uint64_t index, struct buf *out, struct error *e)
{
	char uid[400];
	int activity = ocsf_activity(s);

	snprintf(uid, sizeof uid, "%s#%llu", origin, (unsigned long long)index);
	return put_json(
	        json_pack(
	                "{s:i, s:i, s:i, s:i, s:s, s:I, s:i, s:i, s:s*, s:{s:s, s:s, s:s, s:{s:s, s:s, s:s}}, s:{s:s},"
	                " s:{s:{s:s}}, s:{s:s}, s:{s:s}, s:O}",
	                "category_uid", 6, "class_uid", 6003, "activity_id", activity, "type_uid", 600300 + activity,
	                "activity_name", s->operation, "time", (json_int_t)s->time_ms, "severity_id",
	                is_incident(s) ? 4
	                : failed(s)    ? 3
	                               : 1,
	                "status_id", failed(s) ? 2 : 1, "status_detail", s->reason[0] ? s->reason : NULL, "metadata",
	                "version", "1.3.0", "uid", uid, "log_name", origin, "product", "name", "gatewayd",
	                "vendor_name", "gatewayd", "version", s->build, "api", "operation", s->operation, "actor",
	                "user", "uid", s->peer, "src_endpoint", "name", s->peer, "dst_endpoint", "name", s->recipient,
	                "unmapped", s->json),
	        out, e);
}

static bool put_ecs(const struct shown *s, const char *origin, uint64_t index, struct buf *out, struct error *e)
{
	const char *type = failed(s)                              ? "denied"
	                   : strcmp(s->operation, "erasure") == 0 ? "deletion"
	                   : strstr(s->operation, "-change")      ? "change"
	                                                          : "access";

	return put_json(
	        json_pack(
	                "{s:s, s:{s:s}, s:{s:s, s:[s], s:[s], s:s, s:s, s:s*, s:s*, s:I, s:s}, s:{s:s, s:s, s:s}, s:{s:s*}, s:O}",
	                "@timestamp", s->time, "ecs", "version", "8.11.0", "event", "kind",
	                is_incident(s) ? "alert" : "event", "category",
	                strstr(s->operation, "-change") ? "configuration" : "api", "type", type, "action", s->operation,
	                "outcome",
	                failed(s)       ? "failure"
	                : s->outcome[0] ? "success"
	                                : "unknown",
	                "reason", s->reason[0] ? s->reason : NULL, "id", s->exchange[0] ? s->exchange : NULL,
	                "sequence", (json_int_t)index, "provider", origin, "observer", "vendor", "gatewayd", "product",
	                "gatewayd", "version", s->build, "organization", "id", s->recipient[0] ? s->recipient : NULL,
	                "gatewayd", s->json),
	        out, e);
}

/* Escapes with a backslash what `special` lists; control characters become blanks. */
static void put_escaped(struct buf *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			buf_addc(out, '\\');
		buf_addc(out, (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
	}
}

static void put_cef_member(struct buf *out, const char *key, const char *label, const char *text)
{
	if (!text[0])
		return;
	buf_addf(out, " %s=", key);
	put_escaped(out, text, "\\=");
	if (label)
		buf_addf(out, " %sLabel=%s", key, label);
}

static void put_cef(const struct shown *s, const char *origin, uint64_t index, struct buf *out)
{
	buf_adds(out, "CEF:0|gatewayd|gatewayd|");
	put_escaped(out, s->build[0] ? s->build : "-", "\\|");
	buf_addc(out, '|');
	put_escaped(out, s->operation, "\\|");
	buf_addc(out, '|');
	put_escaped(out, s->operation, "\\|");
	if (s->outcome[0])
		buf_addc(out, ' ');
	put_escaped(out, s->outcome, "\\|");
	buf_addf(out, "|%d|rt=%lld cn1=%llu cn1Label=index",
	         is_incident(s) ? 8
	         : failed(s)    ? 5
	                        : 2,
	         (long long)s->time_ms, (unsigned long long)index);
	put_cef_member(out, "externalId", NULL, s->exchange);
	put_cef_member(out, "suser", NULL, s->peer);
	put_cef_member(out, "duser", NULL, s->recipient);
	put_cef_member(out, "outcome", NULL, s->outcome);
	put_cef_member(out, "reason", NULL, s->reason);
	put_cef_member(out, "cs1", "agreement", s->agreement);
	put_cef_member(out, "cs2", "purpose", s->purpose);
	put_cef_member(out, "cs3", "legalBasis", s->legal_basis);
	put_cef_member(out, "cs4", "tier", s->tier);
	put_cef_member(out, "cs5", "log", origin);
	buf_addc(out, '\n');
}

static void put_param(struct buf *out, const char *name, const char *text)
{
	if (!text[0])
		return;
	buf_addf(out, " %s=\"", name);
	put_escaped(out, text, "\"\\]");
	buf_addc(out, '"');
}

/* Facility 13, log audit. The number in the element's name is the enterprise number that RFC 5612 sets aside
 * for documentation. */
static void put_rfc5424(const struct shown *s, const char *origin, uint64_t index, struct view leaf, struct buf *out)
{
	int severity = is_incident(s) ? 3 : failed(s) ? 4 : 6;
	size_t host = strcspn(origin, "/");

	buf_addf(out, "<%d>1 %s %.*s gatewayd - ", 13 * 8 + severity, s->time, (int)host, origin);
	put_cell(out, s->operation[0] ? s->operation : "-", 0);
	buf_addf(out, " [audit@32473 index=\"%llu\"", (unsigned long long)index);
	put_param(out, "log", origin);
	put_param(out, "outcome", s->outcome);
	put_param(out, "reason", s->reason);
	put_param(out, "exchange", s->exchange);
	put_param(out, "peer", s->peer);
	put_param(out, "recipient", s->recipient);
	put_param(out, "agreement", s->agreement);
	put_param(out, "purpose", s->purpose);
	buf_adds(out, "] ");
	buf_add(out, leaf);
	buf_addc(out, '\n');
}

bool audit_format_entry(enum audit_format f, struct view origin, uint64_t index, struct view leaf, struct buf *out,
                        struct error *e)
{
	char name[NOTE_NAME_MAX];
	struct shown s;
	bool ok = true;

	if (!shown_parse(leaf, &s))
		return error_set(e, REASON_TAMPERED, "entry %llu is not a JSON object", (unsigned long long)index);
	snprintf(name, sizeof name, "%.*s", VIEW_ARG(origin));
	switch (f) {
	case FORMAT_JSONL:
		buf_addf(out, "{\"index\":%llu%s", (unsigned long long)index, leaf.n > 2 ? "," : "");
		buf_add(out, view_from(leaf, 1));
		buf_addc(out, '\n');
		break;
	case FORMAT_OCSF: ok = put_ocsf(&s, name, index, out, e); break;
	case FORMAT_ECS: ok = put_ecs(&s, name, index, out, e); break;
	case FORMAT_CEF: put_cef(&s, name, index, out); break;
	case FORMAT_RFC5424: put_rfc5424(&s, name, index, leaf, out); break;
	}
	json_decref(s.json);
	return ok;
}
