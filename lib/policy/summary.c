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
	buf_add(out, a->text);          /* valid JSON, or it would not have loaded */
	buf_addc(out, '}');
	return !out->failed;
}

/* Lines of the page, as text or HTML. */
struct page {
	struct buf *out;
	bool html;
	struct buf line;                /* what is being written */
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
		buf_addf(&p->line, "%s gives to %s, where it is kept in: ", party_name(a, a->flows[i].from), party_name(a, a->flows[i].to));
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
			buf_addf(&p->line, "%s%s", k ? "; " : "", plain_subject(json_string_value(json_array_get(subjects, k))));
		buf_adds(&p->line, ". Only when the case is: ");
		for (size_t k = 0; k < json_array_size(tiers); k++)
			buf_addf(&p->line, "%s%s", k ? " or " : "", plain_tier(json_string_value(json_array_get(tiers, k))));
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

	buf_addf(&p->line, "Records leave only together with others. Where fewer than %u of them have the same values, %s: ",
	         (unsigned)json_integer_value(json_object_get(r->field.params, "k")),
	         refuse ? "a record is not passed on at all; it is about" : "these are left out");
	for (size_t i = 0; i < json_array_size(fields); i++) {
		buf_adds(&p->line, i ? "; " : "");
		plain_place(&p->line, json_string_value(json_array_get(fields, i)));
	}
	item(p);
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
			bool named = false;
			for (size_t k = 0; k < i && !named; k++)
				named = a->rules[k].field.action == r->field.action && strcmp(a->rules[k].field.pointer, r->field.pointer) == 0;
			if (r->field.action != (enum action)action || named)
				continue;
			if (n++ == 0)
				buf_addf(&p->line, "What %s: ", plain_action((enum action)action));
			else
				buf_adds(&p->line, "; ");
			plain_place(&p->line, r->field.pointer);
			if (r->waiver != INDEX_NONE)
				buf_adds(&p->line, " (only under an exception)");
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
		buf_adds(&p->line, r->return_at_end ? ", and then gives it back and deletes it." : ", and then deletes it.");
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
	const json_t *redress = json_object_get(a->doc, "redress"), *notification = json_object_get(a->doc, "notification");
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

bool agreement_summary(const struct agreement *a, bool html, struct buf *out)
{
	struct page p = { .out = out, .html = html, .line = BUF_INIT(1 << 20) };

	if (html)
		buf_adds(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Summary</title></head><body>\n");
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
