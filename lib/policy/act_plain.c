/* An act in plain words; see signed_act.h. All that is said of kinds comes from one table, which doc/council.md prints as well. */
#include "lib/policy/council.h"
#include "lib/policy/internal.h"
#include "lib/policy/plain.h"

#include "lib/base/plain.h"

static const struct {
	const char *title, *does, *ends, *undone;
} catalogue[ACT_KINDS] = {
	[ACT_AUTHORISE] = { "Authorisation",
	                    "What the agreement makes wait for its council may pass. Whatever else stops a record stops it "
	                    "still.",
	                    "It ends by itself on the day that it names, and with it what rests on it.",
	                    "A lift ends it earlier." },
	[ACT_VETO] = { "Veto",
	               "Nothing that it covers passes: new records are refused, what waits at either gateway stays there, and "
	               "what has arrived and was not fetched cannot be fetched.",
	               "While too few have signed to confirm it, it ends seven days after it was written, and erases nothing. "
	               "Confirmed, it has no end: what waits is refused and erased, and what was fetched is called back.",
	               "A lift ends it, but not one that was confirmed against a single record. What was erased does not come back." },
	[ACT_SUSPEND] = { "Suspension",
	                  "Nothing that it covers passes: new records are refused, and what waits stays there. Periods run on, "
	                  "so that what waits too long is erased as ever.",
	                  "It ends by itself on the day that it names, 30 days after it was written at the latest. The same "
	                  "seat extends it only with those who confirm.",
	                  "A lift ends it earlier." },
	[ACT_RESTRICT_TIER] = { "Restriction of tiers",
	                        "Nothing that it covers passes above the tier that it names. Records of that tier, and of those "
	                        "below, pass as before.",
	                        "It ends by itself on the day that it names, 30 days after it was written at the latest. The "
	                        "same seat extends it only with those who confirm.",
	                        "A lift ends it earlier." },
	[ACT_LIFT] = { "Lift", "One earlier act has no effect any more, from the moment at which this one has.",
	               "It is done once and for all.",
	               "Nothing undoes it. What the earlier act stopped is stopped again by a new act." },
	[ACT_TERMINATE] = { "Termination",
	                    "The agreement is over: nothing passes under it, nor under later versions, and what waits is "
	                    "refused and erased.",
	                    "It has no end.", "Nothing undoes it. Who wants to share again makes another agreement." },
	[ACT_AMEND_NO_CHANGE] = { "Review without change",
	                          "The council has reviewed the agreement and changes nothing. It "
	                          "stops and starts nothing.",
	                          "It is a statement, and stays in the log.", "Nothing undoes it." },
};

static const char *const status_words[ACT_STATUSES] = {
	[ACT_STATUS_ACTUAL] = "Actual: it counts",
	[ACT_STATUS_EXERCISE] = "Exercise: it is counted and logged, and has no effect",
	[ACT_STATUS_SYSTEM] = "System: for the machines alone; it is counted and logged, and has no effect",
	[ACT_STATUS_TEST] = "Test: it is counted and logged, and has no effect",
};

static void seats(struct buf *out, unsigned n)
{
	buf_addf(out, "%u seat%s", n, n == 1 ? "" : "s");
}

/* "3 seats, among them 1 of privacy and 1 of judiciary" */
static void needs(struct buf *out, const struct act_needs *n)
{
	bool first = true;

	seats(out, n->seats);
	for (unsigned k = 0; k < CONSTITUENCIES; k++)
		if (n->constituency[k]) {
			buf_addf(out, "%s%u of %s", first ? ", among them " : " and ", n->constituency[k],
			         constituency_name((enum constituency)k));
			first = false;
		}
}

static bool one_stops(enum act_kind k)
{
	return k == ACT_VETO || k == ACT_SUSPEND || k == ACT_RESTRICT_TIER;
}

static bool same_needs(const struct act_needs *a, const struct act_needs *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static void who_signs(struct buf *out, const struct council *c, enum act_kind k)
{
	needs(out, &c->needs[k]);
	if (one_stops(k) && !same_needs(&c->needs[k], &c->full)) {
		buf_addf(out, "; to %s it, ", k == ACT_VETO ? "confirm" : "extend");
		needs(out, &c->full);
	}
	buf_adds(out, ". The seats are");
	for (size_t i = 0; i < c->n_seats; i++)
		buf_addf(out, "%s %.*s (%s)", i ? "," : "", VIEW_ARG(c->seats[i].id),
		         constituency_name(c->seats[i].constituency));
	buf_addc(out, '.');
}

static void condition(struct buf *out, bool *any, const char *words, struct view what)
{
	if (what.n == 0)
		return;
	buf_addf(out, "%s%s %.*s", *any ? ", " : " ", words, VIEW_ARG(what));
	*any = true;
}

static void covers(struct buf *out, const struct act_scope *s)
{
	static const struct uuid none;
	char exchange[UUID_TEXT + 1] = "";
	bool any = false;

	if (memcmp(&s->exchange, &none, sizeof none) != 0)
		uuid_print(&s->exchange, exchange);
	buf_adds(out, "records");
	condition(out, &any, "with the id", view_of(exchange));
	condition(out, &any, "for the purpose", s->purpose);
	condition(out, &any, "on the legal basis", s->legal_basis);
	condition(out, &any, "that cite the exception", s->exception);
	condition(out, &any, "that are given or received by", s->partner);
	condition(out, &any, "of tier", s->tier == TIER_COUNT ? VIEW("") : view_of(tier_name(s->tier)));
	buf_adds(out, any ? "." : " of the whole agreement.");
}

/* Indented, so that Markdown takes none of it for its own; each line without what steers a terminal. */
static bool quoted(struct buf *out, struct view text)
{
	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		buf_adds(out, "    ");
		char *to = buf_room(out, n);
		if (n && !to)
			return false;
		if (n) {
			memcpy(to, text.p, n);
			plain_text(to, n);
			out->n += n;
		}
		buf_addc(out, '\n');
		text = view_from(text, end ? n + 1 : n);
	}
	return !out->failed;
}

static void instant(struct buf *out, int64_t ms)
{
	char text[TIME_TEXT + 1];

	time_print(ms, text);
	buf_adds(out, text);
}

bool signed_act_plain(const struct signed_act *a, const struct agreement *agreement, struct buf *out)
{
	const struct council *c = agreement ? agreement_council(agreement) : NULL;

	buf_addf(out, "# %s\n%s\n\n", catalogue[a->kind].title, catalogue[a->kind].does);
	if (a->kind == ACT_LIFT) {
		buf_adds(out, "- Ends the act ");
		digest_print(out, &a->lifts);
	} else {
		buf_adds(out, "- Covers ");
		covers(out, &a->about);
	}
	if (a->kind == ACT_RESTRICT_TIER)
		buf_addf(out, "\n- Highest tier that passes: %s", tier_name(a->max));
	buf_addf(out, "\n- Agreement: %.*s, by its version with SHA-256 ", VIEW_ARG(a->agreement));
	digest_print(out, &a->agreement_digest);
	if (agreement)
		buf_addf(out, ", which is %.*s. Later versions are bound, too.", VIEW_ARG(agreement->version));
	else
		buf_adds(out, ". Later versions are bound, too.");
	buf_addf(out, "\n- Status: %s.", status_words[a->status]);
	buf_adds(out, "\n- Written: ");
	instant(out, a->issued_ms);
	buf_adds(out, "; signatures count that come before ");
	instant(out, a->collect_until_ms);
	if (a->until_ms != TIME_NONE) {
		buf_adds(out, ".\n- Ends: ");
		instant(out, a->until_ms);
	}
	buf_addf(out, ".\n- How long: %s\n- Who has to sign: ", catalogue[a->kind].ends);
	if (c)
		who_signs(out, c, a->kind);
	else if (agreement)
		buf_adds(out, "nobody can: the agreement has no council.");
	else
		buf_adds(out, "as the agreement says.");
	buf_addf(out, "\n- Who can undo it: %s", catalogue[a->kind].undone);
	if (c && (one_stops(a->kind) || a->kind == ACT_AUTHORISE)) {
		buf_adds(out, " A lift takes ");
		needs(out, &c->needs[ACT_LIFT]);
		buf_addc(out, '.');
	}
	buf_adds(out, "\n- Its name: ");
	digest_print(out, &a->digest);
	buf_adds(out, "\n\nThe ground, as its writer gave it:\n\n");
	return quoted(out, a->ground) && !out->failed;
}

bool act_kinds_plain(struct buf *out)
{
	for (unsigned k = 0; k < ACT_KINDS; k++)
		buf_addf(out, "## %s (`%s`)\n%s\n\n%s\n\n%s\n\n", catalogue[k].title, act_kind_name((enum act_kind)k),
		         catalogue[k].does, catalogue[k].ends, catalogue[k].undone);
	buf_adds(out, "## Status\n");
	for (unsigned s = 0; s < ACT_STATUSES; s++)
		buf_addf(out, "- %s.\n", status_words[s]);
	return !out->failed;
}
