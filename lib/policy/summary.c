/* The agreement for those whom it concerns: its facts as JSON for a party's machines, and one page in
 * plain language whose last line binds it to the signed bytes. */
#include "lib/policy/internal.h"
#include "lib/policy/plain.h"
#include "lib/policy/state.h"

bool agreement_describe(const struct agreement *a, int64_t now_ms, struct buf *out)
{
	buf_adds(out, "{\"digest\":\"");
	digest_print(out, &a->digest);
	buf_addf(out, "\",\"state\":\"%s\",\"agreement\":", agreement_state_name(agreement_state(a, now_ms)));
	buf_add(out, a->text); /* valid JSON, or it would not have loaded */
	buf_addc(out, '}');
	return !out->failed;
}

/* Lines of the page, as text or HTML. */
struct page {
	struct buf *out;
	bool html;
	struct buf line; /* what is being written */
};

static void flush(struct page *p, const char *before, const char *after)
{
	if (p->html) {
		buf_adds(p->out, before);
		html_text(p->out, buf_view(&p->line));
		buf_adds(p->out, after);
	} else {
		buf_add(p->out, buf_view(&p->line));
	}
	buf_addc(p->out, '\n');
	p->out->failed = p->out->failed || p->line.failed;
	buf_reset(&p->line);
}

static void heading(struct page *p, const char *text)
{
	buf_addf(&p->line, "%s", text);
	if (!p->html)
		buf_addc(p->out, '\n');
	flush(p, "<h2>", "</h2>");
}

static void paragraph(struct page *p)
{
	flush(p, "<p>", "</p>");
}

static void item(struct page *p)
{
	if (!p->html)
		buf_adds(p->out, "- ");
	flush(p, "<li>", "</li>");
}

static void list(struct page *p, bool open)
{
	if (p->html)
		buf_adds(p->out, open ? "<ul>\n" : "</ul>\n");
}

static void add_json(struct page *p, const json_t *o, const char *name)
{
	buf_add(&p->line, json_view(o, name));
}

static void add_period(struct page *p, const json_t *o, const char *name)
{
	struct duration d = json_duration(o, name);

	plain_duration(&p->line, &d);
}

static const char *party_name(const struct agreement *a, struct view id)
{
	const json_t *parties = json_object_get(a->doc, "parties");

	for (size_t i = 0; i < json_array_size(parties); i++)
		if (view_eq(json_view(json_array_get(parties, i), "agency"), id))
			return json_string_value(json_object_get(json_array_get(parties, i), "name"));
	return "";
}

static void who(struct page *p, const struct agreement *a)
{
	const json_t *parties = json_object_get(a->doc, "parties");

	heading(p, "Who shares");
	list(p, true);
	for (size_t i = 0; i < a->n_flows; i++) {
		const json_t *f = json_array_get(json_object_get(a->doc, "flows"), i);
		buf_addf(&p->line, "%s gives to %s, where it is kept in: ", party_name(a, a->flows[i].from),
		         party_name(a, a->flows[i].to));
		add_json(p, f, "stored");
		item(p);
	}
	for (size_t i = 0; i < json_array_size(parties); i++) {
		const json_t *o = json_array_get(parties, i);
		add_json(p, o, "name");
		buf_adds(&p->line, " is watched over by ");
		add_json(p, o, "supervisor");
		item(p);
	}
	list(p, false);
}

static void what_for(struct page *p, const struct agreement *a)
{
	heading(p, "What for, and about whom");
	list(p, true);
	for (size_t i = 0; i < a->n_purposes; i++) {
		const json_t *o = json_array_get(json_object_get(a->doc, "purposes"), i);
		const json_t *subjects = json_object_get(o, "subject_categories"), *tiers = json_object_get(o, "tiers");
		add_json(p, o, "title");
		buf_adds(&p->line, ". About: ");
		for (size_t k = 0; k < json_array_size(subjects); k++)
			buf_addf(&p->line, "%s%s", k ? "; " : "",
			         plain_subject(json_string_value(json_array_get(subjects, k))));
		buf_adds(&p->line, ". Only when the case is: ");
		for (size_t k = 0; k < json_array_size(tiers); k++)
			buf_addf(&p->line, "%s%s", k ? " or " : "",
			         plain_tier(json_string_value(json_array_get(tiers, k))));
		item(p);
	}
	list(p, false);
	buf_adds(&p->line, "The law it rests on: ");
	for (size_t i = 0; i < a->n_bases; i++) {
		buf_adds(&p->line, i ? "; " : "");
		add_json(p, json_array_get(json_object_get(a->doc, "legal_bases"), i), "citation");
	}
	buf_addc(&p->line, '.');
	paragraph(p);
}

static void guard(struct page *p, const struct rule *r)
{
	const json_t *fields = json_object_get(r->field.params, "fields");
	bool refuse = view_is(json_view(r->field.params, "otherwise"), "refuse");

	buf_addf(&p->line,
	         "Records leave only together with others. Where fewer than %u of them have the same values, %s: ",
	         (unsigned)json_integer_value(json_object_get(r->field.params, "k")),
	         refuse ? "a record is not passed on at all; it is about" : "these are left out");
	for (size_t i = 0; i < json_array_size(fields); i++) {
		buf_adds(&p->line, i ? "; " : "");
		plain_place(&p->line, json_string_value(json_array_get(fields, i)));
	}
	item(p);
}

/* Has an earlier rule done the same to the same field, or to one of the same member? */
static bool seen_before(const struct agreement *a, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (a->rules[k].field.action == a->rules[i].field.action &&
		    strcmp(a->rules[k].field.pointer, a->rules[i].field.pointer) == 0)
			return true;
	return false;
}

static bool grouped_before(const struct agreement *a, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (a->rules[k].field.action == a->rules[i].field.action &&
		    view_eq(plain_member(a->rules[k].field.pointer), plain_member(a->rules[i].field.pointer)))
			return true;
	return false;
}

/* The rules of one action that begin at the same member, as one: "travellers (seat, baggage pieces)". */
static void group(struct page *p, const struct agreement *a, size_t first)
{
	const struct rule *r = &a->rules[first];
	struct view member = plain_member(r->field.pointer);
	size_t within = 0;

	plain_words(&p->line, member.n ? member : VIEW("the whole record"));
	for (size_t i = first; i < a->n_rules; i++) {
		const struct rule *s = &a->rules[i];
		if (s->field.action != r->field.action || !view_eq(plain_member(s->field.pointer), member) ||
		    seen_before(a, i))
			continue;
		struct view rest = view_from(view_of(s->field.pointer), member.n ? member.n + 1 : 0);
		if (plain_rest(&p->line, rest, within ? ", " : " ("))
			within++;
		if (s->waiver != INDEX_NONE)
			buf_adds(&p->line, " under an exception only");
	}
	if (within)
		buf_addc(&p->line, ')');
}

/* Fields grouped by what happens to them; each is named once for each thing that happens to it. */
static void which(struct page *p, const struct agreement *a)
{
	heading(p, "Which details, and in what form");
	list(p, true);
	for (unsigned action = 0; action <= ACTION_DROP; action++) {
		size_t n = 0;
		for (size_t i = 0; i < a->n_rules; i++) {
			const struct rule *r = &a->rules[i];
			if (r->field.action != (enum action)action || grouped_before(a, i))
				continue;
			if (n++ == 0)
				buf_addf(&p->line, "What %s: ", plain_action((enum action)action));
			else
				buf_adds(&p->line, "; ");
			group(p, a, i);
		}
		if (n)
			item(p);
	}
	for (size_t i = 0; i < a->n_rules; i++)
		if (a->rules[i].field.action == ACTION_K_GUARD)
			guard(p, &a->rules[i]);
	list(p, false);
	buf_adds(&p->line, "Everything else in a record is left out.");
	paragraph(p);
}

static void how_long(struct page *p, const struct agreement *a)
{
	heading(p, "How long");
	list(p, true);
	for (size_t i = 0; i < a->n_purposes; i++) {
		const struct retention *r = &a->purposes[i].retention;
		add_json(p, json_array_get(json_object_get(a->doc, "purposes"), i), "title");
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
		item(p);
	}
	list(p, false);
	buf_adds(&p->line, "Sharing starts on ");
	plain_date(&p->line, a->effective_ms);
	buf_adds(&p->line, " and ends on ");
	plain_date(&p->line, a->sunset_ms);
	buf_adds(&p->line, " unless it is renewed. It is reviewed by ");
	plain_date(&p->line, a->review_next_ms);
	buf_adds(&p->line, "; if that is missed, sharing stops.");
	paragraph(p);
}

static void exceptions(struct page *p, const struct agreement *a)
{
	if (a->n_exceptions == 0)
		return;
	heading(p, "Exceptions");
	list(p, true);
	for (size_t i = 0; i < a->n_exceptions; i++) {
		const json_t *o = json_array_get(json_object_get(a->doc, "exceptions"), i);
		add_json(p, o, "text");
		buf_addf(&p->line, " At most %u times in ", a->exceptions[i].quota.uses);
		plain_duration(&p->line, &a->exceptions[i].quota.per);
		buf_adds(&p->line, "; each use is looked at afterwards within ");
		add_period(p, o, "review_within");
		buf_addc(&p->line, '.');
		item(p);
	}
	list(p, false);
}

static void your_rights(struct page *p, const struct agreement *a)
{
	const json_t *redress = json_object_get(a->doc, "redress"),
	             *notification = json_object_get(a->doc, "notification");
	const json_t *breach = json_object_get(a->doc, "breach");

	heading(p, "What you can do");
	buf_adds(&p->line, "Write to ");
	add_json(p, redress, "contact");
	buf_adds(&p->line, ". You get an answer on what is held about you within ");
	add_period(p, redress, "access_within");
	buf_adds(&p->line, ", and a decision on a correction or deletion within ");
	add_period(p, redress, "correction_within");
	buf_adds(&p->line, ". You are told of the sharing within ");
	add_period(p, notification, "due");
	buf_adds(&p->line, "; this can be put off with a reason, but never longer than ");
	add_period(p, notification, "longest_delay");
	buf_adds(&p->line, ". If data are lost or stolen, the authority that watches over the agency knows within ");
	add_period(p, breach, "notify_supervisor");
	buf_addc(&p->line, '.');
	paragraph(p);
}

/* A sheet of A4 or Letter, when it is printed. */
static const char style[] =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Summary</title>\n<style>\n"
        "@page { margin: 10mm 14mm }\n"
        "body { font: 9.2pt/1.3 sans-serif; max-width: 182mm; margin: 0 auto; padding: 4mm; color: #111; background: #fff }\n"
        "h1 { font-size: 15pt; margin: 0 0 2mm } h2 { font-size: 11pt; margin: 2.6mm 0 .8mm; border-bottom: .3mm solid #888 }\n"
        "ul { margin: 0; padding-left: 5mm } p { margin: .8mm 0 } p:last-child { font-size: 8pt; overflow-wrap: anywhere; color: #444 }\n"
        "@media print { body { padding: 0; max-width: none } }\n"
        "</style></head><body>\n";

bool agreement_summary(const struct agreement *a, bool html, struct buf *out)
{
	struct page p = { .out = out, .html = html, .line = BUF_INIT(1 << 20) };

	if (html)
		buf_adds(out, style);
	buf_add(&p.line, a->title);
	flush(&p, "<h1>", "</h1>");
	who(&p, a);
	what_for(&p, a);
	which(&p, a);
	how_long(&p, a);
	exceptions(&p, a);
	your_rights(&p, a);
	if (!html)
		buf_addc(out, '\n');
	buf_addf(&p.line, "This page was made from %.*s version %.*s, SHA-256 ", VIEW_ARG(a->id), VIEW_ARG(a->version));
	digest_print(&p.line, &a->digest);
	paragraph(&p);
	if (html)
		buf_adds(out, "</body></html>\n");
	buf_free(&p.line);
	return !out->failed;
}
