/* The agreement for those whom it concerns: its facts as JSON for a party's machines, and one page in
 * plain language whose last line binds it to the signed bytes. */
#include "lib/policy/internal.h"
#include "lib/policy/plain.h"
#include "lib/policy/state.h"
#include "lib/policy/summary_private.h"

bool agreement_describe(const struct agreement *a, int64_t now_ms, struct buf *out)
{
	buf_adds(out, "{\"digest\":\"");
	digest_print(out, &a->digest);
	buf_addf(out, "\",\"state\":\"%s\",\"agreement\":", agreement_state_name(agreement_state(a, now_ms)));
	buf_add(out, a->text); /* valid JSON, or it would not have loaded */
	buf_addc(out, '}');
	return !out->failed;
}

static const char *party_name(const struct agreement *a, struct view id)
{
	const json_t *parties = json_object_get(a->doc, "parties");

	for (size_t i = 0; i < json_array_size(parties); i++)
		if (view_eq(json_view(json_array_get(parties, i), "agency"), id))
			return json_string_value(json_object_get(json_array_get(parties, i), "name"));
	return "";
}

/* Who reads with a certificate of its own. */
static void add_oversight(struct page *p, const json_t *bodies)
{
	for (size_t i = 0; i < json_array_size(bodies); i++)
		buf_addf(&p->line, "%s%s",
		         i ? ", "
		           : "; at the gateways of all parties the log is open, as far as it is about this party, to ",
		         json_string_value(json_array_get(bodies, i)));
}

static void who(struct page *p, const struct agreement *a)
{
	const json_t *parties = json_object_get(a->doc, "parties");

	page_heading(p, "Who shares");
	page_list(p, true);
	for (size_t i = 0; i < a->n_flows; i++) {
		const json_t *f = json_array_get(json_object_get(a->doc, "flows"), i);
		buf_addf(&p->line, "%s gives to %s, where it is kept in: ", party_name(a, a->flows[i].from),
		         party_name(a, a->flows[i].to));
		page_add(p, f, "stored");
		page_item(p);
	}
	for (size_t i = 0; i < json_array_size(parties); i++) {
		const json_t *o = json_array_get(parties, i);
		page_add(p, o, "name");
		buf_adds(&p->line, " is watched over by ");
		page_add(p, o, "supervisor");
		add_oversight(p, json_object_get(o, "oversight"));
		page_item(p);
	}
	page_list(p, false);
}

static void what_for(struct page *p, const struct agreement *a)
{
	page_heading(p, "What for, and about whom");
	page_list(p, true);
	for (size_t i = 0; i < a->n_purposes; i++) {
		const json_t *o = json_array_get(json_object_get(a->doc, "purposes"), i);
		const json_t *subjects = json_object_get(o, "subject_categories"), *tiers = json_object_get(o, "tiers");
		page_add(p, o, "title");
		buf_adds(&p->line, ". About: ");
		for (size_t k = 0; k < json_array_size(subjects); k++)
			buf_addf(&p->line, "%s%s", k ? "; " : "",
			         plain_subject(json_string_value(json_array_get(subjects, k))));
		buf_adds(&p->line, ". Only when the case is: ");
		for (size_t k = 0; k < json_array_size(tiers); k++)
			buf_addf(&p->line, "%s%s", k ? " or " : "",
			         plain_tier(json_string_value(json_array_get(tiers, k))));
		page_item(p);
	}
	page_list(p, false);
	buf_adds(&p->line, "The law it rests on: ");
	for (size_t i = 0; i < a->n_bases; i++) {
		buf_adds(&p->line, i ? "; " : "");
		page_add(p, json_array_get(json_object_get(a->doc, "legal_bases"), i), "citation");
	}
	buf_addc(&p->line, '.');
	page_paragraph(p);
}

/* Of the agreement alone, without an overlay. */
static void must_agree(struct page *p, const json_t *o)
{
	unsigned approvals = (unsigned)json_integer_value(json_object_get(o, "approvals"));
	bool named = json_flag(o, "officer");
	struct duration most = json_duration(o, "approval_lifetime");
	struct tier_rule r = { .lifetime = most };

	if (!named && approvals == 0)
		return;
	buf_addf(&p->line, "When the case is %s: %s", plain_tier(json_string_value(json_object_get(o, "tier"))),
	         named ? "an officer answers for each record by name" : "");
	if (approvals) {
		most = approval_lifetime(&r);
		buf_addf(&p->line, "%s%u %sofficer%s must sign for each record, and a signature counts for ",
		         named ? "; " : "", approvals, named ? "other " : "", approvals == 1 ? "" : "s");
		plain_duration(&p->line, &most);
	}
	buf_addc(&p->line, '.');
	page_item(p);
}

/* An exception may ask for more than the tier. */
static bool anybody_must(const struct agreement *a)
{
	const json_t *tiers = json_object_get(a->doc, "tiers"), *o;
	bool any = false;
	size_t i;

	json_array_foreach(tiers, i, o) any =
	        any || json_flag(o, "officer") || json_integer_value(json_object_get(o, "approvals")) > 0;
	for (i = 0; i < a->n_exceptions; i++)
		any = any || a->exceptions[i].approvals > 0;
	return any;
}

static void who_agrees(struct page *p, const struct agreement *a)
{
	size_t others = json_array_size(json_object_get(a->doc, "officers")), i;
	const json_t *o;

	if (!anybody_must(a))
		return;
	page_heading(p, "Who must agree before it leaves");
	page_list(p, true);
	json_array_foreach(json_object_get(a->doc, "tiers"), i, o) must_agree(p, o);
	page_list(p, false);
	buf_adds(&p->line, "These are trained officers of the agency that gives");
	if (others)
		buf_addf(&p->line, ", and %zu of others whom the agreement names", others);
	buf_adds(&p->line, ", never of the one that receives. A signature is for one record and is used once.");
	page_paragraph(p);
}

/* What else than the record. */
static void beside(struct page *p, const struct agreement *a)
{
	static const char *const names[BESIDE_COUNT] = { "the number of the case",
		                                         "words on how the record may be used, which a person has read",
		                                         "the giver's own reference" };
	bool any = false;

	buf_adds(&p->line, "Beside the record the receiver learns what it is for, by which law, how grave the case is, "
	                   "what kind of person it is about, how long it may be kept, and codes for its handling");
	for (unsigned m = 0; m < BESIDE_COUNT; m++) {
		const struct beside_rule *r = &a->beside[m];
		if (!beside_leaves(r))
			continue;
		buf_adds(&p->line, any ? "; " : ". Also: ");
		buf_adds(&p->line, names[m]);
		if (r->action == ACTION_KEEP)
			buf_addf(&p->line, ", at most %u characters", (unsigned)r->longest);
		else
			buf_adds(&p->line, ", replaced by a code");
		any = true;
	}
	buf_adds(&p->line, any ? ". Nothing else that the giver writes." : "; nothing that the giver writes.");
	page_paragraph(p);
}

/* What the receiver may do with it. */
static void onward(struct page *p, const struct agreement *a)
{
	const json_t *clause = json_object_get(a->doc, "onward"), *to = json_object_get(clause, "to");
	struct view allowed = json_view(clause, "allowed");

	page_heading(p, "Who else may get it");
	if (view_is(allowed, "listed") && json_array_size(to)) {
		buf_adds(&p->line, "The receiver may pass it on to these and nobody else: ");
		for (size_t i = 0; i < json_array_size(to); i++)
			buf_addf(&p->line, "%s%s", i ? "; " : "", json_string_value(json_array_get(to, i)));
		buf_addc(&p->line, '.');
	} else if (view_is(allowed, "with-permission")) {
		buf_adds(&p->line,
		         "The receiver may pass it on only where the one who gave it permits it, case by case.");
	} else {
		buf_adds(&p->line, "The receiver may pass it on to nobody.");
	}
	page_paragraph(p);
	if (a->caveats.n == 0)
		return;
	buf_adds(&p->line, "Every record travels under these codes, and whoever passes it on keeps them: ");
	for (size_t i = 0; i < a->caveats.n; i++)
		buf_addf(&p->line, "%s%s %s", i ? "; " : "", scale_name(a->caveats.list[i].scale),
		         scale_value(a->caveats.list[i].scale, a->caveats.list[i].place));
	buf_addc(&p->line, '.');
	page_paragraph(p);
}

static void consulted(struct page *p, const struct agreement *a)
{
	const json_t *list = json_object_get(json_object_get(a->doc, "assessment"), "consulted"), *asked;
	size_t i;

	if (!list)
		return;
	buf_adds(&p->line, "Asked before it was agreed: ");
	json_array_foreach(list, i, asked)
	{
		buf_adds(&p->line, i ? "; " : "");
		page_add(p, asked, "body");
	}
	buf_addc(&p->line, '.');
	page_paragraph(p);
}

static void how_long(struct page *p, const struct agreement *a)
{
	page_heading(p, "How long");
	page_list(p, true);
	for (size_t i = 0; i < a->n_purposes; i++) {
		const struct retention *r = &a->purposes[i].retention;
		page_add(p, json_array_get(json_object_get(a->doc, "purposes"), i), "title");
		buf_adds(&p->line, ": the receiver keeps a copy for ");
		plain_duration(&p->line, &r->copy);
		if (!duration_is_zero(&r->mask)) {
			buf_adds(&p->line, ", hides names and other direct details after ");
			plain_duration(&p->line, &r->mask);
		}
		if (!duration_is_zero(&r->review)) {
			buf_adds(&p->line, ", asks every ");
			plain_duration(&p->line, &r->review);
			buf_adds(&p->line, " whether it is still needed");
		}
		buf_adds(&p->line,
		         r->return_at_end ? ", and then gives it back and deletes it." : ", and then deletes it.");
		page_item(p);
	}
	if (!duration_is_zero(&a->keep)) {
		buf_adds(&p->line, "For ");
		plain_duration(&p->line, &a->keep);
		buf_adds(
		        &p->line,
		        " after the receiver has a record, the sender's gateway keeps it locked away, to deliver it once more "
		        "should the receiver lose it. If it is called back, corrected or deleted before, that is deleted, too.");
		page_item(p);
	}
	if (rates_any(&a->rates)) {
		buf_adds(&p->line, "Each side takes from each partner no more than ");
		plain_rates(&p->line, &a->rates);
		buf_adds(&p->line, "; what is refused counts five times.");
		page_item(p);
	}
	if (agreement_orders_cases(a)) {
		buf_adds(&p->line, "Records of one case arrive in the order in which they were released.");
		page_item(p);
	}
	page_list(p, false);
	buf_adds(&p->line, "Sharing starts on ");
	plain_date(&p->line, a->effective_ms);
	buf_adds(&p->line, " and ends on ");
	plain_date(&p->line, a->sunset_ms);
	buf_adds(&p->line, " unless it is renewed. It is reviewed by ");
	plain_date(&p->line, a->review_next_ms);
	buf_adds(&p->line, "; if that is missed, sharing stops.");
	page_paragraph(p);
	consulted(p, a);
}

static void exceptions(struct page *p, const struct agreement *a)
{
	if (a->n_exceptions == 0)
		return;
	page_heading(p, "Exceptions");
	page_list(p, true);
	for (size_t i = 0; i < a->n_exceptions; i++) {
		const json_t *o = json_array_get(json_object_get(a->doc, "exceptions"), i);
		page_add(p, o, "text");
		buf_addf(&p->line, " At most %u times in ", a->exceptions[i].quota.uses);
		plain_duration(&p->line, &a->exceptions[i].quota.per);
		if (a->exceptions[i].approvals)
			buf_addf(&p->line, ", and only with the signature%s of %u officer%s",
			         a->exceptions[i].approvals == 1 ? "" : "s", a->exceptions[i].approvals,
			         a->exceptions[i].approvals == 1 ? "" : "s");
		buf_adds(&p->line, "; each use is looked at afterwards within ");
		page_add_period(p, o, "review_within");
		buf_addc(&p->line, '.');
		page_item(p);
	}
	page_list(p, false);
}

/* Whose consent it rests on can take it back. */
static void withdrawal(struct page *p, const struct agreement *a)
{
	const json_t *redress = json_object_get(a->doc, "redress");
	bool consent = false;

	for (size_t i = 0; i < a->n_bases; i++)
		consent = consent || a->bases[i].consent;
	if (!consent)
		return;
	buf_addf(&p->line,
	         "Where the sharing rests on your consent you can take it back at any time, without a reason: tell %s",
	         party_name(a, a->withdrawals));
	buf_adds(&p->line, ", or write to ");
	page_add(p, redress, "contact");
	buf_adds(&p->line,
	         ". It is put on a list that every gateway of this agreement obeys; from then on nothing more "
	         "leaves that rests on your consent, and what was sent is called back.");
	page_paragraph(p);
}

static void your_rights(struct page *p, const struct agreement *a)
{
	const json_t *redress = json_object_get(a->doc, "redress"),
	             *notification = json_object_get(a->doc, "notification");
	const json_t *breach = json_object_get(a->doc, "breach");

	page_heading(p, "What you can do");
	buf_adds(&p->line, "Write to ");
	page_add(p, redress, "contact");
	buf_adds(&p->line, ". You get an answer on what is held about you within ");
	page_add_period(p, redress, "access_within");
	buf_adds(&p->line, ", and a decision on a correction or deletion within ");
	page_add_period(p, redress, "correction_within");
	buf_adds(&p->line, ". You are told of the sharing within ");
	page_add_period(p, notification, "due");
	buf_adds(&p->line, "; this can be put off with a reason, but never longer than ");
	page_add_period(p, notification, "longest_delay");
	buf_adds(&p->line, ". If data are lost or stolen, the authority that watches over the agency knows within ");
	page_add_period(p, breach, "notify_supervisor");
	buf_addc(&p->line, '.');
	page_paragraph(p);
	withdrawal(p, a);
}

/* On a screen as wide as it is read well, by day and by night; a sheet of A4 or Letter, when it is printed. Its title stands between the
 * two. */
static const char before_title[] = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>";
static const char style[] =
        "</title>\n<style>\n"
        "@page { margin: 10mm 14mm }\n"
        ":root { --ink: #111; --soft: #444; --paper: #fff; --line: #888; color-scheme: light dark }\n"
        "@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #a5b0bb; --paper: #0d1117; --line: #6e7681 } }\n"
        "body { font: 1rem/1.5 sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; color: var(--ink); background: var(--paper); "
        "overflow-wrap: break-word }\n"
        "h1 { font-size: 1.5em; line-height: 1.25; margin: 0 0 .5em } "
        "h2 { font-size: 1.15em; margin: 1em 0 .3em; border-bottom: 1px solid var(--line) }\n"
        "ul { margin: 0; padding-left: 1.4em } p { margin: .4em 0 } "
        "p:last-child { font-size: .85em; overflow-wrap: anywhere; color: var(--soft) }\n"
        "@media print { body { font: 9.2pt/1.3 sans-serif; padding: 0; max-width: none } h1 { font-size: 15pt; margin: 0 0 2mm } "
        "h2 { font-size: 11pt; margin: 2.6mm 0 .8mm } ul { padding-left: 5mm } p { margin: .8mm 0 } p:last-child { font-size: 8pt } }\n"
        "</style></head><body><main>\n";

bool agreement_summary(const struct agreement *a, bool html, struct buf *out)
{
	struct page p = { .out = out, .html = html, .line = BUF_INIT(1 << 20) };

	if (html) {
		buf_adds(out, before_title);
		html_text(out, a->title);
		buf_adds(out, style);
	}
	buf_add(&p.line, a->title);
	page_flush(&p, "<h1>", "</h1>");
	who(&p, a);
	what_for(&p, a);
	who_agrees(&p, a);
	page_which(&p, a);
	beside(&p, a);
	onward(&p, a);
	how_long(&p, a);
	exceptions(&p, a);
	your_rights(&p, a);
	if (!html)
		buf_addc(out, '\n');
	buf_addf(&p.line, "This page was made from %.*s version %.*s, SHA-256 ", VIEW_ARG(a->id), VIEW_ARG(a->version));
	digest_print(&p.line, &a->digest);
	page_paragraph(&p);
	if (html)
		buf_adds(out, "</main></body></html>\n");
	buf_free(&p.line);
	return !out->failed;
}
