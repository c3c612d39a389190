/* Each flow is a row: provider, gateways, recipient, store; under it the fields by what happens to them. */
#include "lib/policy/flowmap.h"

#include "lib/policy/internal.h"
#include "lib/policy/plain.h"

#define LINE_CHARS  104
#define LINE_HEIGHT 18

static const json_t *flow_doc(const struct agreement *a, size_t i)
{
	return json_array_get(json_object_get(a->doc, "flows"), i);
}

/* The ends of a flow are parties. */
static size_t party_of(const struct agreement *a, struct view id)
{
	size_t i = 0;

	while (!view_eq(a->parties[i], id))
		i++;
	return i;
}

static struct view party_name(const struct agreement *a, size_t i)
{
	return json_view(json_array_get(json_object_get(a->doc, "parties"), i), "name");
}

/* The fields of a flow under one action, as pointers, each once; returns how many. */
static size_t fields(const struct agreement *a, const struct flow *f, enum action action, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_rules; i++) {
		const struct rule *r = &a->rules[i];
		bool again = false;
		if (r->field.action != action || !(r->purposes & f->purposes))
			continue;
		for (size_t k = 0; k < i && !again; k++)
			again = a->rules[k].field.action == action &&
			        strcmp(a->rules[k].field.pointer, r->field.pointer) == 0;
		if (again)
			continue;
		buf_addf(out, "%s%s", n++ ? ", " : "", r->field.pointer[0] ? r->field.pointer : "the whole record");
		if (r->waiver != INDEX_NONE)
			buf_adds(out, " (exception)");
	}
	return n;
}

static void copies(const struct agreement *a, const struct flow *f, struct buf *out)
{
	bool first = true;

	for (size_t p = 0; p < a->n_purposes; p++) {
		const struct retention *r = &a->purposes[p].retention;
		if (!(f->purposes & BIT(p)))
			continue;
		buf_addf(out, "%s%.*s: copy ", first ? "" : "; ", VIEW_ARG(a->purposes[p].id));
		plain_duration(out, &r->copy);
		if (!duration_is_zero(&r->mask)) {
			buf_adds(out, ", masked after ");
			plain_duration(out, &r->mask);
		}
		buf_adds(out, r->return_at_end ? ", then returned" : ", then erased");
		first = false;
	}
	if (!duration_is_zero(&a->keep)) {
		buf_adds(out, "; the sender's gateway keeps what was delivered for ");
		plain_duration(out, &a->keep);
	}
}

/* A DOT string: quotes and backslashes escaped. */
static void dot_text(struct buf *out, struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, v.p[i]);
	}
}

bool agreement_flowmap_dot(const struct agreement *a, struct buf *out)
{
	struct buf line = BUF_INIT(1 << 20);

	buf_adds(out, "digraph flow {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"sans-serif\"];\n\tlabel=\"");
	dot_text(out, a->title);
	buf_adds(out, "\";\n");
	for (size_t i = 0; i < a->n_parties; i++) {
		buf_addf(out, "\tp%zu [label=\"", i);
		dot_text(out, party_name(a, i));
		buf_addf(out, "\\n%.*s\"];\n", VIEW_ARG(a->parties[i]));
	}
	for (size_t i = 0; i < a->n_flows; i++) {
		const json_t *risks = json_object_get(flow_doc(a, i), "risks");
		size_t from = party_of(a, a->flows[i].from), to = party_of(a, a->flows[i].to);
		buf_addf(out, "\ts%zu [shape=cylinder, label=\"", i);
		dot_text(out, json_view(flow_doc(a, i), "stored"));
		buf_adds(out, "\\n");
		buf_reset(&line);
		copies(a, &a->flows[i], &line);
		dot_text(out, buf_view(&line));
		for (size_t k = 0; k < json_array_size(risks); k++) {
			buf_adds(out, "\\ncould leak: ");
			dot_text(out, view_of(json_string_value(json_array_get(risks, k))));
		}
		buf_addf(out, "\"];\n\tp%zu -> p%zu [label=\"", from, to);
		for (unsigned action = 0; action < ACTION_DROP; action++) {
			buf_reset(&line);
			size_t n = fields(a, &a->flows[i], (enum action)action, &line);
			if (n)
				buf_addf(out, "%s: %zu fields\\n", action_name((enum action)action), n);
		}
		buf_addf(out, "\"];\n\tp%zu -> s%zu [style=dashed];\n", to, i);
	}
	buf_adds(out, "}\n");
	bool ok = !out->failed && !line.failed;
	buf_free(&line);
	return ok;
}

/* --- SVG --- */

struct drawing {
	struct buf body;
	unsigned y;
};

/* At most `max` bytes, never half a character. */
static struct view cut(struct view text, size_t max)
{
	size_t n = text.n > max ? max : text.n;

	while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	return view_make(text.p, n);
}

/* How many bytes of `text` stand on a line of `max`: all, or up to a space, or what fits. */
static size_t line_bytes(struct view text, size_t max)
{
	size_t n = max;

	if (text.n <= max)
		return text.n;
	while (n > max / 2 && text.p[n] != ' ')
		n--;
	return n > max / 2 ? n : cut(text, max).n;
}

static void box(struct drawing *d, unsigned x, unsigned width, const char *fill, struct view text, struct view below)
{
	buf_addf(&d->body,
	         "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"70\" rx=\"6\" fill=\"%s\" stroke=\"#333\"/>\n", x, d->y,
	         width, fill);
	buf_addf(&d->body, "<text x=\"%u\" y=\"%u\" font-weight=\"bold\">", x + 10, d->y + 22);
	size_t first = line_bytes(text, width / 9);
	html_text(&d->body, view_make(text.p, first));
	buf_addf(&d->body, "</text>\n<text x=\"%u\" y=\"%u\" font-weight=\"bold\">", x + 10, d->y + 40);
	struct view rest = view_from(text, first);
	html_text(&d->body, view_make(rest.p, line_bytes(rest, width / 9)));
	buf_addf(&d->body, "</text>\n<text x=\"%u\" y=\"%u\">", x + 10, d->y + 59);
	html_text(&d->body, below);
	buf_adds(&d->body, "</text>\n");
}

/* A line of text, broken at spaces. */
static void lines(struct drawing *d, struct view text)
{
	while (text.n) {
		size_t n = line_bytes(text, LINE_CHARS);
		buf_addf(&d->body, "<text x=\"30\" y=\"%u\">", d->y);
		html_text(&d->body, view_make(text.p, n));
		buf_adds(&d->body, "</text>\n");
		d->y += LINE_HEIGHT;
		text = view_from(text, n);
		while (text.n && text.p[0] == ' ')
			text = view_from(text, 1);
	}
}

static void draw_flow(const struct agreement *a, size_t i, struct drawing *d, struct buf *line)
{
	const struct flow *f = &a->flows[i];
	const json_t *risks = json_object_get(flow_doc(a, i), "risks");

	box(d, 20, 300, "#e8f0fa", party_name(a, party_of(a, f->from)), f->from);
	buf_addf(&d->body, "<path d=\"M320 %u h160\" stroke=\"#333\" stroke-width=\"2\" marker-end=\"url(#arrow)\"/>\n",
	         d->y + 35);
	buf_addf(&d->body, "<text x=\"332\" y=\"%u\">encrypted, signed log</text>\n", d->y + 22);
	box(d, 490, 300, "#eaf6ea", party_name(a, party_of(a, f->to)), f->to);
	d->y += 94;
	buf_reset(line);
	buf_adds(line, "Stored in: ");
	buf_add(line, json_view(flow_doc(a, i), "stored"));
	lines(d, buf_view(line));
	buf_reset(line);
	copies(a, f, line);
	lines(d, buf_view(line));
	for (size_t k = 0; k < json_array_size(risks); k++) {
		buf_reset(line);
		buf_addf(line, "Could leak: %s", json_string_value(json_array_get(risks, k)));
		lines(d, buf_view(line));
	}
	for (unsigned action = 0; action < ACTION_COUNT; action++) {
		struct buf names = BUF_INIT(1 << 20);
		if (fields(a, f, (enum action)action, &names)) {
			buf_reset(line);
			buf_addf(line, "What %s: ", plain_action((enum action)action));
			buf_add(line, buf_view(&names));
			lines(d, buf_view(line));
		}
		buf_free(&names);
	}
	d->y += 24;
}

bool agreement_flowmap_svg(const struct agreement *a, struct buf *out)
{
	struct drawing d = { .body = BUF_INIT(4 << 20), .y = 60 };
	struct buf line = BUF_INIT(1 << 20);

	for (size_t i = 0; i < a->n_flows; i++)
		draw_flow(a, i, &d, &line);
	buf_reset(&line);
	buf_addf(&line, "%.*s version %.*s, SHA-256 ", VIEW_ARG(a->id), VIEW_ARG(a->version));
	digest_print(&line, &a->digest);
	lines(&d, buf_view(&line));
	buf_addf(out,
	         "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"%u\" viewBox=\"0 0 820 %u\" "
	         "font-family=\"sans-serif\" font-size=\"13\">\n<title>",
	         d.y, d.y);
	html_text(out, a->title);
	buf_addf(
	        out,
	        "</title>\n<defs><marker id=\"arrow\" markerWidth=\"10\" markerHeight=\"8\" refX=\"8\" refY=\"4\" orient=\"auto\">"
	        "<path d=\"M0 0 L10 4 L0 8 z\" fill=\"#333\"/></marker></defs>\n"
	        "<rect width=\"820\" height=\"%u\" fill=\"#fff\"/>\n<text x=\"20\" y=\"34\" font-size=\"18\">",
	        d.y);
	html_text(out, a->title);
	buf_adds(out, "</text>\n");
	buf_add(out, buf_view(&d.body));
	buf_adds(out, "</svg>\n");
	bool ok = !out->failed && !line.failed && !d.body.failed;
	buf_free(&line);
	buf_free(&d.body);
	return ok;
}
