/* Words instead of terms. */
#include "lib/policy/plain.h"

void plain_duration(struct buf *out, const struct duration *d)
{
	uint32_t hours = d->seconds / 3600, minutes = d->seconds % 3600 / 60, seconds = d->seconds % 60;
	const struct {
		uint32_t n;
		const char *unit;
	} parts[] = {
		{ d->years, "year" }, { d->months, "month" }, { d->days, "day" },
		{ hours, "hour" },    { minutes, "minute" },  { seconds, "second" },
	};
	bool any = false;

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (parts[i].n) {
			buf_addf(out, "%s%u %s%s", any ? " and " : "", parts[i].n, parts[i].unit,
			         parts[i].n == 1 ? "" : "s");
			any = true;
		}
	if (!any)
		buf_adds(out, "no time at all");
}

void plain_date(struct buf *out, int64_t ms)
{
	static const char *const months[] = { "January", "February", "March",     "April",   "May",      "June",
		                              "July",    "August",   "September", "October", "November", "December" };
	int64_t days = ms / DAY_MS - (ms % DAY_MS < 0);
	struct date d = date_from_days(days);

	buf_addf(out, "%u %s %d", d.day, months[d.month - 1], d.year);
}

const char *plain_action(enum action a)
{
	switch (a) {
	case ACTION_KEEP: return "is passed on as it is";
	case ACTION_ROUND: return "is passed on rounded";
	case ACTION_BAND: return "is passed on as a range only";
	case ACTION_TOPCODE: return "is passed on with very high and very low values cut off";
	case ACTION_DATE_SHIFT: return "is passed on moved by a secret number of days";
	case ACTION_DATE_TRUNC: return "is passed on less exactly (for example only the year)";
	case ACTION_GEO: return "is passed on as a rough area";
	case ACTION_IP_PREFIX: return "is passed on without its last part";
	case ACTION_POSTCODE: return "is passed on as a larger postal area";
	case ACTION_REDACT_TEXT:
		return "is passed on after account numbers, e-mail addresses and the like were blacked out";
	case ACTION_FPE:
	case ACTION_TOKEN:
	case ACTION_SEAL: return "is replaced by a code that only the sender can turn back";
	case ACTION_PSEUDONYM:
		return "is replaced by a code (it cannot be turned back, but the sender, who holds the key, can test whether it "
		       "stands for a value that it guesses)";
	case ACTION_SURROGATE:
		return "is replaced by a random code (only a list of the sender tells what it stands for, and nothing once that "
		       "list is erased)";
	case ACTION_MASK: return "is blacked out";
	case ACTION_CONST: return "is replaced by a fixed text";
	case ACTION_NULL: return "is emptied";
	case ACTION_K_GUARD: return "is passed on only among enough others that are alike";
	case ACTION_DROP:
	case ACTION_COUNT: return "is never passed on";
	}
	return "is never passed on";
}

/* Characters of a text that stay. */
static void plain_mask(struct buf *out, const json_t *params)
{
	const json_int_t first = json_integer_value(json_object_get(params, "keep_first")),
	                 last = json_integer_value(json_object_get(params, "keep_last"));

	buf_adds(out, "is blacked out");
	if (first)
		buf_addf(out, " but for its first %d", (int)first);
	if (last)
		buf_addf(out, "%s last %d", first ? " and" : " but for its", (int)last);
	if (first || last)
		buf_adds(out, " characters");
}

static void plain_period(struct buf *out, struct view to)
{
	static const struct {
		const char *to, *words;
	} table[] = { { "day", "without the time of day" },
		      { "month", "as the month only" },
		      { "quarter", "as the quarter of a year only" },
		      { "year", "as the year only" },
		      { "decade", "as the ten years that it lies in only" } };

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (view_is(to, table[i].to))
			buf_addf(out, "is passed on %s", table[i].words);
}

void plain_rule(struct buf *out, const struct field_rule *rule)
{
	const json_t *to = json_object_get(rule->params, "to");

	if (rule->action == ACTION_MASK)
		plain_mask(out, rule->params);
	else if (rule->action == ACTION_DATE_TRUNC)
		plain_period(out, view_of(json_string_value(to)));
	else
		buf_adds(out, plain_action(rule->action));
}

const char *plain_subject(const char *category)
{
	static const struct {
		const char *category, *words;
	} table[] = {
		{ "suspect", "people suspected of a serious offence" },
		{ "convicted", "people convicted of an offence" },
		{ "victim", "victims, and people who may become victims" },
		{ "other", "others, such as witnesses, contacts and travellers" },
		{ "uncategorised", "people whose part is not clear yet (a person decides each time)" },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(table[i].category, category) == 0)
			return table[i].words;
	return category;
}

const char *plain_tier(const char *tier)
{
	return strcmp(tier, "T0") == 0 ? "routine" : strcmp(tier, "T1") == 0 ? "serious" : "imminent danger";
}

struct view plain_member(const char *pointer)
{
	struct view v = view_of(pointer);
	size_t n = 0;

	if (v.n)
		v = view_from(v, 1);
	while (n < v.n && v.p[n] != '/')
		n++;
	return view_make(v.p, n);
}

void plain_words(struct buf *out, struct view token)
{
	for (size_t i = 0; i < token.n; i++)
		buf_addc(out, token.p[i] == '_' ? ' ' : token.p[i]);
}

bool plain_rest(struct buf *out, struct view pointer, const char *before)
{
	bool any = false;

	while (pointer.n) {
		size_t n = 1;
		while (n < pointer.n && pointer.p[n] != '/')
			n++;
		struct view token = view_make(pointer.p + 1, n - 1);
		pointer = view_from(pointer, n);
		if (view_is(token, "*"))
			continue;
		buf_adds(out, any ? " " : before);
		plain_words(out, token);
		any = true;
	}
	return any;
}

void plain_place(struct buf *out, const char *pointer)
{
	struct view member = plain_member(pointer);

	plain_words(out, member.n ? member : VIEW("the whole record"));
	if (member.n && plain_rest(out, view_from(view_of(pointer), member.n + 1), " ("))
		buf_addc(out, ')');
}

void html_text(struct buf *out, struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		switch (v.p[i]) {
		case '&': buf_adds(out, "&amp;"); break;
		case '<': buf_adds(out, "&lt;"); break;
		case '>': buf_adds(out, "&gt;"); break;
		case '"': buf_adds(out, "&quot;"); break;
		case '\'': buf_adds(out, "&#39;"); break;
		default: buf_addc(out, v.p[i]);
		}
}
