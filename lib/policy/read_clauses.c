/* The clauses of the agreement but schemas and rules: read from the checked document, then looked at
 * together (dates in order, names that exist, ids unique). All faults are listed. */
#include "lib/policy/approval.h"
#include "lib/policy/internal.h"

#include "lib/json/pointer.h"
#include "lib/policy/consents.h"
#include "lib/schema/regex.h"

/* Room for the items of a list; without memory there are none, for others count them. */
static void *items(struct load *l, const json_t *array, size_t size, size_t *n)
{
	size_t wanted = json_array_size(array);
	void *room = arena_alloc(&l->a->mem, (wanted + 1) * size);

	*n = room ? wanted : 0;
	return room;
}

/* Ids in a list of objects are unique. */
static bool unique_ids(struct load *l, const char *clause, const char *member)
{
	const json_t *list = json_object_get(l->a->doc, clause);
	bool ok = true;

	for (size_t i = 0; i < json_array_size(list); i++)
		for (size_t k = 0; k < i; k++)
			if (view_eq(json_view(json_array_get(list, i), member),
			            json_view(json_array_get(list, k), member))) {
				char at[120];
				snprintf(at, sizeof at, "/%s/%zu/%s", clause, i, member);
				ok = load_fault(l, REASON_CONFIG, at, "the same as in /%s/%zu", clause, k);
				break;
			}
	return ok;
}

/* Who oversees a party is independent of all. */
static bool read_oversight(struct load *l, size_t party)
{
	const json_t *bodies =
	                     json_object_get(json_array_get(json_object_get(l->a->doc, "parties"), party), "oversight"),
	             *body;
	bool ok = true;
	size_t i;

	json_array_foreach(bodies, i, body) if (agreement_has_party(l->a, view_of(json_string_value(body))))
	{
		char at[80];
		snprintf(at, sizeof at, "/parties/%zu/oversight/%zu", party, i);
		ok = load_fault(l, REASON_CONFIG, at, "a party oversees no party");
	}
	return ok;
}

static bool read_parties(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *list = json_object_get(a->doc, "parties");
	bool ok = unique_ids(l, "parties", "agency");

	a->parties = items(l, list, sizeof *a->parties, &a->n_parties);
	if (!a->parties)
		return false;
	for (size_t i = 0; i < a->n_parties; i++)
		a->parties[i] = json_view(json_array_get(list, i), "agency");
	for (size_t i = 0; i < a->n_parties; i++)
		ok = read_oversight(l, i) && ok;
	if (!agreement_has_party(a, a->self))
		ok = load_fault(l, REASON_CONFIG, "/parties", "this agency (%.*s) is not a party", VIEW_ARG(a->self));
	return ok;
}

static bool read_bases(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *list = json_object_get(a->doc, "legal_bases");
	bool consent = json_object_get(a->doc, "consent") != NULL || left_out(l, "/consent");
	bool ok = unique_ids(l, "legal_bases", "id");

	a->bases = items(l, list, sizeof *a->bases, &a->n_bases);
	if (!a->bases)
		return false;
	for (size_t i = 0; i < a->n_bases; i++) {
		const json_t *b = json_array_get(list, i);
		char at[80];
		a->bases[i] = (struct legal_basis){ .id = json_view(b, "id"), .consent = json_flag(b, "consent") };
		snprintf(at, sizeof at, "/legal_bases/%zu/consent", i);
		if (a->bases[i].consent && !consent)
			ok = load_fault(
			        l, REASON_CONFIG, at,
			        "a basis on consent needs the clause /consent, which says who lists withdrawals");
	}
	return ok;
}

/* Indexes of `names` as a bit set; a name that `find` does not know is a fault at `at` (`what`). */
static bool name_mask(struct load *l, const json_t *names, size_t (*find)(const struct agreement *, struct view),
                      const char *at, const char *what, const char *list, uint64_t *mask)
{
	bool ok = true;

	*mask = names ? 0 : MASK_ALL;
	for (size_t i = 0; i < json_array_size(names); i++) {
		struct view name = view_of(json_string_value(json_array_get(names, i)));
		size_t k = find(l->a, name);
		char place[160];
		snprintf(place, sizeof place, "%s/%zu", at, i);
		if (k == INDEX_NONE)
			ok = load_unknown(l, REASON_CONFIG, place, what, name, list, "id");
		else
			*mask |= BIT(k);
	}
	return ok;
}

#define RECEIPT_DAYS 7 /* schema: receipt_within */

static void read_retention(const json_t *o, struct retention *r)
{
	static const struct {
		const char *name;
		size_t at;
	} parts[] = {
		{ "payload", offsetof(struct retention, payload) },
		{ "copy", offsetof(struct retention, copy) },
		{ "mask", offsetof(struct retention, mask) },
		{ "review", offsetof(struct retention, review) },
		{ "receipt_within", offsetof(struct retention, receipt) },
	};

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		struct duration d = json_duration(o, parts[i].name);
		if (json_object_get(o, parts[i].name))
			memcpy((char *)r + parts[i].at, &d, sizeof d);
	}
	if (json_object_get(o, "at_end"))
		r->return_at_end = view_is(json_view(o, "at_end"), "return");
	if (json_object_get(o, "must_state"))
		r->must_state = json_flag(o, "must_state");
	if (json_object_get(o, "overdue"))
		r->block_overdue = view_is(json_view(o, "overdue"), "block");
}

/* Regulation (EU) 2023/969 Art. 21: at most four weeks in the gateway. */
static bool check_retention(struct load *l, const struct retention *r, const char *at)
{
	static const struct duration four_weeks = { .days = 28 };
	char place[120];
	bool ok = true;

	snprintf(place, sizeof place, "%s/payload", at);
	if (!duration_at_most(&r->payload, &four_weeks))
		ok = load_fault(l, REASON_RETENTION_OVER_MAX, place, "the gateway keeps a payload for P28D at most");
	if (duration_is_zero(&r->payload))
		ok = load_fault(l, REASON_RETENTION_MISSING, place,
		                "a payload that lives for no time cannot be delivered");
	snprintf(place, sizeof place, "%s/mask", at);
	if (!duration_is_zero(&r->mask) && !duration_below(&r->mask, &r->copy))
		ok = load_fault(l, REASON_CONFIG, place, "masking must come before the copy's end");
	snprintf(place, sizeof place, "%s/review", at);
	if (!duration_is_zero(&r->review) && !duration_at_most(&r->review, &r->copy))
		ok = load_fault(l, REASON_CONFIG, place, "the first review must come before the copy's end");
	snprintf(place, sizeof place, "%s/receipt_within", at);
	if (duration_is_zero(&r->receipt))
		ok = load_fault(l, REASON_CONFIG, place, "is no time at all");
	return ok;
}

static bool read_purposes(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *list = json_object_get(a->doc, "purposes");
	bool ok = unique_ids(l, "purposes", "id");

	a->purposes = items(l, list, sizeof *a->purposes, &a->n_purposes);
	if (!a->purposes) {
		l->faulty |= PART_PURPOSES;
		return false;
	}
	for (size_t i = 0; i < a->n_purposes; i++) {
		const json_t *o = json_array_get(list, i), *tiers = json_object_get(o, "tiers");
		struct purpose *p = &a->purposes[i];
		char at[80];

		*p = (struct purpose){ .id = json_view(o, "id"),
			               .denied = INDEX_NONE,
			               .tiers = tier_mask(tiers),
			               .subjects = subject_mask(json_object_get(o, "subject_categories")),
			               .authorise = json_object_get(o, "authorisation") != NULL,
			               .schema = find_schema(a, json_view(o, "schema")),
			               .retention.receipt = { .days = RECEIPT_DAYS } };
		snprintf(at, sizeof at, "/purposes/%zu/authorisation", i);
		if (p->authorise && !json_object_get(a->doc, "council"))
			ok = load_fault(l, REASON_CONFIG, at, "there is no council that could authorise it");
		snprintf(at, sizeof at, "/purposes/%zu/schema", i);
		if (p->schema == INDEX_NONE) {
			l->faulty |= PART_PURPOSES;
			ok = load_unknown(l, REASON_SCHEMA_UNKNOWN, at, "there is no such name in /schemas",
			                  json_view(o, "schema"), "schemas", "name");
		}
		snprintf(at, sizeof at, "/purposes/%zu/legal_bases", i);
		ok = name_mask(l, json_object_get(o, "legal_bases"), find_basis, at,
		               "there is no such legal basis in this agreement", "legal_bases", &p->bases) &&
		     ok;
		for (unsigned t = 0; t < TIER_COUNT; t++)
			if ((p->tiers & (1u << t)) && !a->tiers[t].present && !(l->incomplete & PART_TIERS)) {
				snprintf(at, sizeof at, "/purposes/%zu/tiers", i);
				ok = load_fault(l, REASON_TIER_UNKNOWN, at, "%s has no clause in /tiers", tier_name(t));
			}
		read_retention(json_object_get(a->doc, "retention"), &p->retention);
		read_retention(json_object_get(o, "retention"), &p->retention);
		if (periods_left_out(l, i))
			continue;
		snprintf(at, sizeof at, json_object_get(o, "retention") ? "/purposes/%zu/retention" : "/retention", i);
		ok = check_retention(l, &p->retention, at) && ok;
	}
	return ok;
}

static bool read_flows(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *list = json_object_get(a->doc, "flows");
	bool ok = unique_ids(l, "flows", "from");

	a->flows = items(l, list, sizeof *a->flows, &a->n_flows);
	if (!a->flows)
		return false;
	for (size_t i = 0; i < a->n_flows; i++) {
		const json_t *o = json_array_get(list, i);
		struct flow *f = &a->flows[i];
		char at[80];

		*f = (struct flow){ .from = json_view(o, "from"), .to = json_view(o, "to") };
		snprintf(at, sizeof at, "/flows/%zu/from", i);
		if (!agreement_has_party(a, f->from))
			ok = load_unknown(l, REASON_FLOW_UNMAPPED, at, "is not a party", f->from, "parties", "agency");
		snprintf(at, sizeof at, "/flows/%zu/to", i);
		if (!agreement_has_party(a, f->to) || view_eq(f->from, f->to))
			ok = load_fault(l, REASON_FLOW_UNMAPPED, at, "is not another party");
		snprintf(at, sizeof at, "/flows/%zu/purposes", i);
		ok = name_mask(l, json_object_get(o, "purposes"), find_purpose, at,
		               "there is no such purpose in this agreement", "purposes", &f->purposes) &&
		     ok;
	}
	return ok;
}

static bool lifetime_fits(const struct duration *d)
{
	static const struct duration most = { .seconds = APPROVAL_HOURS * 3600 };

	return !duration_is_zero(d) && duration_at_most(d, &most);
}

static bool read_tiers(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *list = json_object_get(a->doc, "tiers");
	bool ok = unique_ids(l, "tiers", "tier");
	char at[80];

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i), *criteria = json_object_get(o, "criteria");
		const json_t *quota = json_object_get(o, "quota");
		enum tier t = tier_find(json_view(o, "tier"));
		struct tier_rule *r = &a->tiers[t];

		*r = (struct tier_rule){ .present = true,
			                 .index = i,
			                 .case_ref = json_flag(o, "case"),
			                 .necessity = json_flag(o, "necessity"),
			                 .officer = json_flag(o, "officer"),
			                 .justify = json_flag(o, "justify_fields") || t == TIER_T2,
			                 .approvals = (uint32_t)json_integer_value(json_object_get(o, "approvals")),
			                 .lifetime = json_duration(o, "approval_lifetime"),
			                 .quota = { (uint32_t)json_integer_value(json_object_get(quota, "uses")),
			                            json_duration(quota, "per") } };
		if (json_object_get(o, "approval_lifetime") && !lifetime_fits(&r->lifetime)) {
			snprintf(at, sizeof at, "/tiers/%zu/approval_lifetime", i);
			ok = load_fault(l, REASON_CONFIG, at, "is longer than %d hours, or nothing", APPROVAL_HOURS);
		}
		r->criteria = items(l, criteria, sizeof *r->criteria, &r->n_criteria);
		if (!r->criteria)
			return false;
		for (size_t k = 0; k < r->n_criteria; k++)
			r->criteria[k].id = json_view(json_array_get(criteria, k), "id");
	}
	return ok;
}

/* Each instant is before (or at) the other; the schema demands both, and says so where one is not there. */
static bool in_order(struct load *l, int64_t earlier, int64_t later, bool strictly, const char *at, const char *what)
{
	if (earlier < later || (!strictly && earlier == later) || earlier == TIME_NONE || later == TIME_NONE)
		return true;
	return load_fault(l, REASON_CONFIG, at, "%s", what);
}

/* What an empty file has, or nobody: such a digest names no assessment. */
static bool names_nothing(const struct digest *d)
{
	static const struct digest zeros;
	struct digest empty;

	sha256(VIEW(""), &empty);
	return digest_eq(d, &zeros) || digest_eq(d, &empty);
}

/* Who was asked before it was approved, and until when anybody could say something to the draft. */
static bool read_consulted(struct load *l, const json_t *assessment)
{
	const json_t *comments = json_object_get(assessment, "comments"), *item;
	int64_t approved = json_instant(assessment, "approved_at"), closes = json_instant(comments, "closes");
	char at[80];
	bool ok = true;
	size_t i;

	json_array_foreach(json_object_get(assessment, "consulted"), i, item)
	{
		snprintf(at, sizeof at, "/assessment/consulted/%zu/answered_at", i);
		ok = in_order(l, json_instant(item, "answered_at"), approved, false, at,
		              "must not come after approved_at") &&
		     ok;
	}
	if (!comments)
		return ok;
	return in_order(l, json_instant(comments, "opens"), closes, true, "/assessment/comments/closes",
	                "must come after opens") &&
	       in_order(l, closes, json_instant(l->a->doc, "effective_from"), false, "/assessment/comments/closes",
	                "must not come after effective_from") &&
	       ok;
}

/* The assessment that was made, by its bytes. An empty digest says that there is none yet: the agreement loads and nothing
 * leaves. */
static bool read_assessment(struct load *l)
{
	const json_t *assessment = json_object_get(l->a->doc, "assessment");
	struct digest digest = json_digest(assessment, "digest");
	bool held = json_flag(assessment, "held"), ok = true;

	l->a->assessment_next_ms = json_instant(assessment, "next_review");
	l->a->assessed = json_view(assessment, "digest").n != 0;
	if (json_instant(assessment, "approved_at") > l->from->now_ms)
		ok = load_fault(l, REASON_CONFIG, "/assessment/approved_at",
		                "lies in the future: name the instant at which it was approved");
	ok = read_consulted(l, assessment) && ok;
	if (l->a->assessed && names_nothing(&digest))
		return load_fault(l, REASON_CONFIG, "/assessment/digest",
		                  "is the digest of nothing: name the SHA-256 of the assessment's file");
	if (held && l->a->assessed && l->from->assessment && !l->from->assessment(l->from->arg, &digest))
		return load_fault(
		        l, REASON_CONFIG, "/assessment/digest",
		        "no file in the folder assessments/ of the node's documents has this SHA-256: put the "
		        "assessment there, byte for byte as it was approved (sha256sum shows its digest)");
	return ok;
}

static bool read_dates(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *supersedes = json_object_get(a->doc, "supersedes"), *renewal = json_object_get(a->doc, "renewal");
	const json_t *assessment = json_object_get(a->doc, "assessment"), *review = json_object_get(a->doc, "review");
	bool ok = read_assessment(l);

	a->effective_ms = json_instant(a->doc, "effective_from");
	a->sunset_ms = json_instant(a->doc, "sunset");
	a->review_next_ms = json_instant(review, "next");
	a->grace_end_ms = a->effective_ms;
	ok = in_order(l, a->effective_ms, a->sunset_ms, true, "/sunset", "must come after effective_from") && ok;
	ok = in_order(l, a->effective_ms, a->review_next_ms, true, "/review/next", "must come after effective_from") &&
	     ok;
	ok = in_order(l, json_instant(assessment, "approved_at"), a->assessment_next_ms, true,
	              "/assessment/next_review", "must come after approved_at") &&
	     ok;
	if (renewal) {
		int64_t opens = json_instant(renewal, "opens"), closes = json_instant(renewal, "closes");
		ok = in_order(l, opens, closes, true, "/renewal/closes", "must come after opens") && ok;
		ok = in_order(l, closes, a->sunset_ms, false, "/renewal/closes", "must not come after the sunset") &&
		     ok;
	}
	if (supersedes) {
		a->supersedes = json_digest(supersedes, "digest");
		a->grace_end_ms = json_instant(supersedes, "grace_until");
		ok = in_order(l, a->effective_ms, a->grace_end_ms, false, "/supersedes/grace_until",
		              "must not come before effective_from") &&
		     ok;
	}
	return ok;
}

/* Silence for ever is impossible: a delay is justified anew, and ends. */
static bool read_notification(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *o = json_object_get(a->doc, "notification");

	a->notify_here = !view_is(json_view(o, "by"), "elsewhere");
	a->notify_due = json_duration(o, "due");
	a->notify_longest = json_duration(o, "longest_delay");
	a->notify_again = json_duration(o, "rejustify_every");
	if (!a->notify_here)
		a->notify_due = (struct duration){ 0, 0, 0, 0 };
	else if (duration_is_zero(&a->notify_due))
		return load_fault(l, REASON_CONFIG, "/notification/due", "is no time at all");
	if (!duration_at_most(&a->notify_due, &a->notify_longest))
		return load_fault(l, REASON_CONFIG, "/notification/longest_delay",
		                  "is shorter than what notification takes without delay");
	if (duration_is_zero(&a->notify_again))
		return load_fault(l, REASON_CONFIG, "/notification/rejustify_every", "is no time at all");
	return true;
}

static void read_algorithms(struct load *l)
{
	const json_t *list = json_object_get(l->a->doc, "algorithms");

	l->a->crypto_expires_ms = INT64_MAX;
	for (size_t i = 0; i < json_array_size(list); i++) {
		int64_t expires = json_instant(json_array_get(list, i), "expires");
		if (expires < l->a->crypto_expires_ms) {
			l->a->crypto_expires_ms = expires;
			l->a->crypto_first = i;
		}
	}
}

/* One that travels with every record. */
static bool read_caveat(struct load *l, const json_t *code, const char *at)
{
	struct caveat c = { .scale = scale_find(json_view(code, "scale")), .text = json_view(code, "text") };
	struct view value = json_view(code, "value");

	if (!scale_has(c.scale, value))
		return load_fault(l, REASON_HANDLING_UNKNOWN, at, "is not on its list");
	if (c.scale == SCALE_EUROPOL_HANDLING && view_is(value, "H3") && c.text.n == 0)
		return load_fault(l, REASON_HANDLING_UNKNOWN, at, "is handling in words, and has no text");
	c.place = scale_strictness(c.scale, value);
	return caveats_add(&l->a->caveats, &c) ||
	       load_fault(l, REASON_LIMIT, at, "there are more than %d caveats", CAVEATS_MAX);
}

static bool read_handling(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *handling = json_object_get(a->doc, "handling");
	const json_t *scales = json_object_get(handling, "scales"), *required = json_object_get(handling, "required");
	const json_t *caveats = json_object_get(json_object_get(a->doc, "onward"), "caveats");
	bool ok = true;

	for (size_t i = 0; i < json_array_size(scales); i++)
		a->scales |= 1u << scale_find(view_of(json_string_value(json_array_get(scales, i))));
	for (size_t i = 0; i < json_array_size(required); i++) {
		enum scale s = scale_find(view_of(json_string_value(json_array_get(required, i))));
		char at[60];
		snprintf(at, sizeof at, "/handling/required/%zu", i);
		if (!(a->scales & (1u << s)))
			ok = load_fault(l, REASON_CONFIG, at, "is not among /handling/scales");
		a->scales_required |= 1u << s;
	}
	for (size_t i = 0; i < json_array_size(caveats); i++) {
		const json_t *c = json_array_get(caveats, i);
		char at[60];
		snprintf(at, sizeof at, "/onward/caveats/%zu/value", i);
		ok = read_caveat(l, c, at) && ok;
	}
	return ok;
}

static bool read_council(struct load *l)
{
	const json_t *council = json_object_get(l->a->doc, "council"), *seats = json_object_get(council, "seats");
	const json_t *must = json_object_get(council, "must_include");
	bool ok = true;

	if (!council)
		return true;
	if ((size_t)json_integer_value(json_object_get(council, "threshold")) > json_array_size(seats))
		ok = load_fault(l, REASON_CONFIG, "/council/threshold", "is more than there are seats");
	for (size_t i = 0; i < json_array_size(seats); i++) {
		struct view id = json_view(json_array_get(seats, i), "id");
		char at[60];
		snprintf(at, sizeof at, "/council/seats/%zu/id", i);
		if (agreement_has_party(l->a, id))
			ok = load_fault(l, REASON_CONFIG, at, "a seat must not have the name of a party");
		for (size_t k = 0; k < i; k++)
			if (view_eq(id, json_view(json_array_get(seats, k), "id")))
				ok = load_fault(l, REASON_CONFIG, at, "the same as in /council/seats/%zu", k);
	}
	for (size_t i = 0; i < json_array_size(must); i++) {
		struct view want = view_of(json_string_value(json_array_get(must, i)));
		bool found = false;
		char at[60];
		for (size_t k = 0; k < json_array_size(seats); k++)
			found = found || view_eq(want, json_view(json_array_get(seats, k), "constituency"));
		snprintf(at, sizeof at, "/council/must_include/%zu", i);
		if (!found)
			ok = load_fault(l, REASON_CONFIG, at, "no seat has this constituency");
	}
	return ok;
}

/* References are judged in their normal form, which has lower case: a capital letter of a pattern matches none. */
static bool has_capital(struct view pattern)
{
	for (size_t i = 0; i < pattern.n; i++)
		if (pattern.p[i] >= 'A' && pattern.p[i] <= 'Z' && (i == 0 || !strchr("\\{=", pattern.p[i - 1])))
			return true;
	return false;
}

static bool read_references(struct load *l, const json_t *references)
{
	struct view pattern = json_view(references, "pattern");
	struct error e = { .reason = REASON_NONE };
	uint32_t least, most;

	if (pattern.n == 0)
		pattern = VIEW(CONSENT_PATTERN);
	l->a->consent_pattern = regex_compile(pattern, &e);
	if (!l->a->consent_pattern)
		return load_fault(l, e.reason, "/consent/references/pattern", "%s", e.text);
	regex_lengths(pattern, &least, &most);
	if (most > CONSENT_REFERENCE_MAX)
		return load_fault(
		        l, REASON_CONFIG, "/consent/references/pattern",
		        "has no bound of %d characters that is known: write ^ and $, and {n,m} in place of * and +",
		        CONSENT_REFERENCE_MAX);
	if (has_capital(pattern))
		return load_fault(l, REASON_CONFIG, "/consent/references/pattern",
		                  "has capital letters: references are compared in lower case, and none would match");
	return true;
}

static bool read_consent(struct load *l)
{
	const json_t *consent = json_object_get(l->a->doc, "consent");
	uint64_t unused;
	bool ok = read_references(l, json_object_get(consent, "references"));

	if (!consent)
		return ok;
	l->a->withdrawals = json_view(consent, "withdrawals");
	l->a->given = json_view(consent, "given");
	if (!agreement_has_party(l->a, l->a->withdrawals))
		ok = load_unknown(l, REASON_CONFIG, "/consent/withdrawals", "is not a party", l->a->withdrawals,
		                  "parties", "agency");
	if (l->a->given.n && !agreement_has_party(l->a, l->a->given))
		ok = load_unknown(l, REASON_CONFIG, "/consent/given", "is not a party", l->a->given, "parties",
		                  "agency");
	return name_mask(l, json_object_get(consent, "scopes"), find_purpose, "/consent/scopes",
	                 "there is no such purpose in this agreement", "purposes", &unused) &&
	       ok;
}

/* What is kept to be delivered again to a partner that was put back from a backup. */
static bool read_delivery(struct load *l)
{
	static const struct duration week = { .days = 7 };

	l->a->keep = json_duration(json_object_get(l->a->doc, "delivery"), "keep");
	return duration_at_most(&l->a->keep, &week) ||
	       load_fault(l, REASON_RETENTION_OVER_MAX, "/delivery/keep",
	                  "the gateway keeps what was acknowledged for P7D at most");
}

/* A clause that rests on others is read where nothing of those is left out. */
static bool clause(struct load *l, bool (*read)(struct load *), unsigned complete)
{
	return !(l->incomplete & complete) && read(l);
}

bool read_clauses(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *epoch = json_object_get(json_object_get(a->doc, "pseudonyms"), "epoch");

	a->id = json_view(a->doc, "id");
	a->version = json_view(a->doc, "version");
	a->title = json_view(a->doc, "title");
	a->epoch = epoch ? (uint32_t)json_integer_value(epoch) : 1;
	bool ok = clause(l, read_parties, PART_PARTIES);
	ok = read_dates(l) && ok;
	ok = read_notification(l) && ok;
	read_algorithms(l);
	ok = read_bases(l) && ok;
	ok = read_tiers(l) && ok;
	ok = read_purposes(l) && ok;
	ok = clause(l, read_flows, PART_PARTIES) && ok;
	ok = read_handling(l) && ok;
	ok = read_council(l) && council_read(l) && ok;
	ok = read_delivery(l) && ok;
	ok = read_limits(l) && ok;
	return clause(l, read_consent, PART_PARTIES) && ok;
}
