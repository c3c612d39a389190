/* See output.h. */
#include "lib/schema/output.h"

#include "lib/json/splice.h"
#include "lib/schema/interpret.h"

static void add_string(struct buf *out, const char *name, struct view value)
{
	buf_addf(out, "\"%s\":", name);
	buf_add_json_string(out, value);
}

static void add_instance(const struct interpretation *in, const struct unit *u, struct buf *out)
{
	struct buf text = BUF_INIT(out->max);

	unit_instance(in, u, &text);
	add_string(out, "instanceLocation", buf_view(&text));
	out->failed |= text.failed;
	buf_free(&text);
}

static void add_message(const struct interpretation *in, const struct unit *u, struct buf *text)
{
	if (u->itself && u->keyword == KEYWORD_UNKNOWN)
		buf_adds(text, "nothing is allowed here");
	else
		unit_message(in, u, text);
}

static void add_annotation(const struct interpretation *in, const struct unit *u, struct buf *out)
{
	struct member_order order = { .keys = NULL };
	struct splice copy;

	splice_start(&copy, out, &order);
	splice_copy(&copy, &in->s->g.docs[u->doc].doc->tape, u->key + 1);
	member_order_free(&order);
}

/* --- basic ------------------------------------------------------------------------------------- */

static void add_basic(const struct interpretation *in, const struct unit *u, struct buf *out)
{
	struct buf text = BUF_INIT(out->max);

	buf_addc(out, '{');
	add_string(out, "keywordLocation", u->path);
	unit_location(in, u, &text);
	buf_addc(out, ',');
	add_string(out, "absoluteKeywordLocation", buf_view(&text));
	buf_addc(out, ',');
	add_instance(in, u, out);
	if (u->fault) {
		buf_reset(&text);
		add_message(in, u, &text);
		buf_addc(out, ',');
		add_string(out, "error", buf_view(&text));
	} else {
		buf_adds(out, ",\"annotation\":");
		add_annotation(in, u, out);
	}
	buf_addc(out, '}');
	out->failed |= text.failed;
	buf_free(&text);
}

static void write_basic(const struct interpretation *in, struct buf *out)
{
	const char *between = "";

	buf_addf(out, "{\"valid\":%s,\"%s\":[", in->valid ? "true" : "false", in->valid ? "annotations" : "errors");
	for (size_t i = 0; i < in->n; i++) {
		if (in->units[i].fault == in->valid)
			continue;
		buf_adds(out, between);
		add_basic(in, &in->units[i], out);
		between = ",";
	}
	buf_adds(out, "]}");
}

/* --- list -------------------------------------------------------------------------------------- */

/* Units of one schema at one place: first and then `next` of each. */
struct chain {
	size_t *first, *last, *next;
	size_t n;
};

/* The evaluation path of the schema that holds the keyword. */
static struct view schema_path(const struct unit *u)
{
	size_t n = u->path.n;

	while (!u->itself && n > 0 && u->path.p[n - 1] != '/')
		n--;
	return view_make(u->path.p, !u->itself && n > 0 ? n - 1 : n);
}

static bool group(const struct interpretation *in, struct chain *c, struct name_table *seen)
{
	c->first = calloc(in->n + 1, sizeof *c->first);
	c->last = calloc(in->n + 1, sizeof *c->last);
	c->next = calloc(in->n + 1, sizeof *c->next);
	if (!c->first || !c->last || !c->next)
		return false;
	for (size_t i = 0; i < in->n; i++) {
		if (in->units[i].fault == in->valid)
			continue;
		struct name_slot *slot = name_table_put(seen, schema_path(&in->units[i]), in->units[i].node);
		if (!slot)
			return false;
		if (slot->value)
			c->next[c->last[slot->value - 1]] = i;
		else
			c->first[(slot->value = (uint32_t)++c->n) - 1] = i;
		c->last[slot->value - 1] = i;
	}
	return true;
}

/* "keyword":"sentence"; sentences of one keyword are joined. */
static void add_errors(const struct interpretation *in, const struct chain *c, size_t first, struct buf *out)
{
	struct buf text = BUF_INIT(out->max);
	size_t i = first;

	buf_adds(out, "\"errors\":{");
	do {
		const struct unit *u = &in->units[i];
		size_t k = i;

		buf_reset(&text);
		add_message(in, u, &text);
		while ((k = c->next[k]) && in->units[k].key == u->key) {
			buf_adds(&text, "; ");
			add_message(in, &in->units[k], &text);
		}
		buf_adds(out, i == first ? "" : ",");
		buf_add_json_string(out, u->itself ? VIEW("") : unit_keyword(in, u));
		buf_addc(out, ':');
		buf_add_json_string(out, buf_view(&text));
		i = k;
	} while (i);
	buf_addc(out, '}');
	out->failed |= text.failed;
	buf_free(&text);
}

static void add_annotations(const struct interpretation *in, const struct chain *c, size_t first, struct buf *out)
{
	size_t i = first;

	buf_adds(out, "\"annotations\":{");
	do {
		buf_adds(out, i == first ? "" : ",");
		buf_add_json_string(out, unit_keyword(in, &in->units[i]));
		buf_addc(out, ':');
		add_annotation(in, &in->units[i], out);
		i = c->next[i];
	} while (i);
	buf_addc(out, '}');
}

static void add_detail(const struct interpretation *in, const struct chain *c, size_t first, struct buf *out)
{
	const struct unit *u = &in->units[first];
	struct buf text = BUF_INIT(out->max);

	buf_addf(out, "{\"valid\":%s,", u->fault ? "false" : "true");
	add_string(out, "evaluationPath", schema_path(u));
	graph_location(&in->s->g, u->doc, u->resource, u->schema, &text);
	buf_addc(out, ',');
	add_string(out, "schemaLocation", buf_view(&text));
	buf_addc(out, ',');
	add_instance(in, u, out);
	buf_addc(out, ',');
	if (u->fault)
		add_errors(in, c, first, out);
	else
		add_annotations(in, c, first, out);
	buf_addc(out, '}');
	out->failed |= text.failed;
	buf_free(&text);
}

static bool write_list(const struct interpretation *in, struct buf *out)
{
	struct name_table seen = { .n = 0 };
	struct chain c = { .n = 0 };
	bool ok = group(in, &c, &seen);

	buf_addf(out, "{\"valid\":%s,\"details\":[", in->valid ? "true" : "false");
	for (size_t i = 0; ok && i < c.n; i++) {
		buf_adds(out, i ? "," : "");
		add_detail(in, &c, c.first[i], out);
	}
	buf_adds(out, "]}");
	free(c.first);
	free(c.last);
	free(c.next);
	free(seen.slots);
	return ok;
}

enum schema_verdict schema_output(const struct schema *s, struct schema_run *r, const struct tape *t, uint32_t node,
                                  enum output_shape shape, struct buf *out)
{
	struct interpretation in;
	enum schema_verdict verdict;

	interpret(&in, s, r, t, node, true, true);
	verdict = in.limit ? SCHEMA_LIMIT : in.valid ? SCHEMA_VALID : SCHEMA_INVALID;
	if (!in.limit && shape == OUTPUT_BASIC)
		write_basic(&in, out);
	else if (!in.limit && !write_list(&in, out))
		out->failed = true;
	interpretation_free(&in);
	return verdict;
}
