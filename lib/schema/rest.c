/* See rest.h. */
#include "lib/schema/rest.h"

#include <stdio.h>
#include <string.h>

#include "lib/json/pointer.h"
#include "lib/schema/document.h"

#define POINTER_BYTES 4096
#define TOKENS_MAX    66 /* the depth of a document, and the root */
#define ROUNDS_MAX    TOKENS_MAX

/* A place in the document that is being emptied: each value from the root down to it. */
struct path {
	json_t *at[TOKENS_MAX];
	char *name[TOKENS_MAX]; /* of at[i] in at[i - 1], where that is an object */
	size_t index[TOKENS_MAX];
	size_t n; /* of values, the root among them */
};

/* One round: what the schema says, and what goes by it. */
struct round {
	struct rest *rest;
	struct tape tape;
	const char *const *whole;
	json_t *gone; /* places in the document as it is, with the flag whether they are unknown members */
	bool failed;
};

static bool is_unknown(const struct schema_fault *f)
{
	return view_is(f->keyword, "additionalProperties") || view_is(f->keyword, "unevaluatedProperties");
}

/* Kept as the text has it, so that no place means another when items have gone. */
static bool note(void *arg, const struct schema_fault *f)
{
	struct round *r = arg;
	struct buf at = BUF_INIT(POINTER_BYTES), written = BUF_INIT(POINTER_BYTES);

	if (f->node != 0) {
		pointer_of(&r->tape, f->node, NULL, NULL, &at);
		rest_as_written(r->rest, buf_view(&at), &written);
		r->failed = r->failed || at.failed || written.failed ||
		            json_array_append_new(r->gone, json_pack("{s:s%, s:b}", "at", written.p, written.n,
		                                                     "unknown", is_unknown(f))) != 0;
	}
	buf_free(&at);
	buf_free(&written);
	return !r->failed;
}

/* Where an item stands now; SIZE_MAX: it is gone. */
static size_t place_now(const struct rest *r, const char *list, size_t written)
{
	const json_t *indexes = json_object_get(r->lists, list);
	size_t i = 0;

	if (!indexes)
		return written;
	while (i < json_array_size(indexes) && (size_t)json_integer_value(json_array_get(indexes, i)) != written)
		i++;
	return i < json_array_size(indexes) ? i : SIZE_MAX;
}

/* A place as the text has it. False: it is gone already. `room` holds the names. */
static bool walk(const struct rest *r, struct view pointer, char *room, struct path *p)
{
	struct view token;
	char *end;

	*p = (struct path){ .at = { r->doc }, .n = 1 };
	while (p->n < TOKENS_MAX && pointer_next(&pointer, room, &token)) {
		json_t *above = p->at[p->n - 1], *here;
		room[token.n] = '\0';
		p->name[p->n] = room;
		if (json_is_array(above)) {
			size_t i = strtoul(room, &end, 10);
			p->index[p->n] = p->n == 2 ? place_now(r, p->name[1], i) : i;
			here = *end == '\0' ? json_array_get(above, p->index[p->n]) : NULL;
		} else {
			here = json_object_getn(above, token.p, token.n);
		}
		if (!here)
			return false;
		p->at[p->n++] = here;
		room += token.n + 1;
	}
	return pointer.n == 0 && p->n > 1;
}

/* The first `n` values of the path, as the text has it. */
static json_t *as_text(const struct path *p)
{
	struct buf at = BUF_INIT(POINTER_BYTES);
	json_t *out = NULL;

	for (size_t i = 1; i < p->n; i++)
		pointer_add(&at, view_of(p->name[i]));
	if (!at.failed)
		out = json_stringn(at.p, at.n);
	buf_free(&at);
	return out;
}

static bool take_item(struct rest *r, const struct path *p)
{
	const char *list = p->name[1];
	json_t *items = p->at[1], *indexes = json_object_get(r->lists, list);

	if (!indexes) {
		indexes = json_array();
		for (size_t i = 0; i < json_array_size(items); i++)
			if (json_array_append_new(indexes, json_integer((json_int_t)i)) != 0)
				break;
		if (json_object_set_new(r->lists, list, indexes) != 0)
			return false;
	}
	return json_array_remove(indexes, p->index[2]) == 0 && json_array_remove(items, p->index[2]) == 0;
}

static bool in_list(const char *const *whole, const char *name)
{
	for (; *whole; whole++)
		if (strcmp(*whole, name) == 0)
			return true;
	return false;
}

/* Up from what is wrong to what can go: a member of an object, or an item of a list of the root. */
static void climb(struct path *p, const char *const *whole, bool unknown)
{
	if (!unknown && p->n > 3 && json_is_array(p->at[1]) && in_list(whole, p->name[1]))
		p->n = 3;
	while (p->n > 3 && json_is_array(p->at[p->n - 2]))
		p->n--;
}

static bool take(struct round *r, struct view pointer, bool unknown)
{
	char room[POINTER_BYTES + 1];
	struct path p;

	if (pointer.n >= POINTER_BYTES || !walk(r->rest, pointer, room, &p))
		return true;
	climb(&p, r->whole, unknown);
	json_t *at = as_text(&p);
	if (json_array_append_new(unknown ? r->rest->unknown : r->rest->out, at) != 0)
		return false;
	if (p.n == 3 && json_is_array(p.at[1]))
		return take_item(r->rest, &p);
	return json_object_del(p.at[p.n - 2], p.name[p.n - 1]) == 0;
}

static bool take_all(struct round *r)
{
	for (size_t i = 0; i < json_array_size(r->gone); i++) {
		const json_t *o = json_array_get(r->gone, i), *at = json_object_get(o, "at");
		if (!take(r, view_make(json_string_value(at), json_string_length(at)),
		          json_is_true(json_object_get(o, "unknown"))))
			return false;
	}
	return true;
}

/* True: again, for what went may leave other things wrong. */
static bool go_round(const struct schema *s, struct tape_parser *parser, struct schema_run *run, struct round *r)
{
	char *text = json_dumps(r->rest->doc, JSON_COMPACT);
	struct error e = { .reason = REASON_NONE };
	bool again = false;

	r->gone = json_array();
	r->failed = !text || !r->gone || !tape_parse(parser, view_of(text), &r->tape, &e);
	if (!r->failed) {
		enum schema_verdict v = schema_check(s, run, &r->tape, 0);
		if (v != SCHEMA_VALID)
			r->failed =
			        v != SCHEMA_INVALID || schema_explain(s, run, &r->tape, 0, note, r) == 0 || r->failed;
		again = !r->failed && json_array_size(r->gone) > 0;
		r->failed = r->failed || !take_all(r);
	}
	json_decref(r->gone);
	free(text);
	return again && !r->failed;
}

/* What the root requires and has not, or no more. */
static bool note_missing(struct rest *r, struct view name)
{
	struct view text = document_builtin_schema(name);
	json_t *schema = json_loadb(text.p, text.n, 0, NULL), *word;
	bool ok = schema != NULL;
	size_t i;

	json_array_foreach(json_object_get(schema, "required"), i, word)
	{
		const char *member = json_string_value(word);
		if (!json_object_get(r->doc, member))
			ok = ok && json_array_append_new(r->out, json_sprintf("/%s", member)) == 0;
	}
	json_decref(schema);
	return ok;
}

bool rest_read(const struct schema *s, struct view name, struct view text, const char *const *whole, struct rest *out)
{
	struct tape_parser *parser = tape_parser_new(&tape_document_limits);
	struct schema_run *run = schema_run_new();
	struct round r = { .rest = out, .whole = whole };
	unsigned rounds = 0;

	*out = (struct rest){ .doc = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL),
		              .out = json_array(),
		              .unknown = json_array(),
		              .lists = json_object() };
	bool ok = parser && run && json_is_object(out->doc) && out->out && out->unknown && out->lists;
	while (ok && go_round(s, parser, run, &r))
		ok = ++rounds < ROUNDS_MAX;
	ok = ok && !r.failed && note_missing(out, name);
	schema_run_free(run);
	tape_parser_free(parser);
	if (!ok)
		rest_free(out);
	return ok;
}

void rest_free(struct rest *r)
{
	json_decref(r->doc);
	json_decref(r->out);
	json_decref(r->unknown);
	json_decref(r->lists);
	*r = (struct rest){ .doc = NULL };
}

/* --- what is asked of it --- */

static struct view item(const json_t *list, size_t i)
{
	const json_t *s = json_array_get(list, i);

	return view_make(json_string_value(s), json_string_length(s));
}

static bool beneath(struct view pointer, struct view above)
{
	return view_starts(pointer, above) && (pointer.n == above.n || pointer.p[above.n] == '/');
}

static struct view parent(struct view pointer)
{
	while (pointer.n > 0 && pointer.p[--pointer.n] != '/')
		;
	return pointer;
}

bool rest_lacks(const struct rest *r, struct view pointer)
{
	for (size_t i = 0; i < json_array_size(r->out); i++)
		if (beneath(pointer, item(r->out, i)))
			return true;
	for (size_t i = 0; i < json_array_size(r->unknown); i++)
		if (beneath(pointer, item(r->unknown, i)))
			return true;
	return false;
}

bool rest_beside_unknown(const struct rest *r, struct view pointer)
{
	for (size_t i = 0; i < json_array_size(r->unknown); i++)
		if (pointer.n > 0 && view_eq(parent(pointer), parent(item(r->unknown, i))))
			return true;
	return false;
}

/* Is there a list's name and an index at `text`? Their length, or 0. */
static size_t list_at(const struct rest *r, struct view text, struct view *list, size_t *index)
{
	struct view rest = view_from(text, 1);
	size_t n = 0, k;

	while (n < rest.n && rest.p[n] != '/')
		n++;
	k = n + 1;
	*list = view_make(rest.p, n);
	*index = 0;
	while (k < rest.n && rest.p[k] >= '0' && rest.p[k] <= '9' && k < n + 10)
		*index = *index * 10 + (size_t)(rest.p[k++] - '0');
	return k > n + 1 && json_object_getn(r->lists, list->p, list->n) ? k + 1 : 0;
}

/* Does another document's name stand before? */
static bool of_another(struct view before)
{
	static const struct view end = VIEW(".json: ");

	return before.n >= end.n && memcmp(before.p + before.n - end.n, end.p, end.n) == 0;
}

void rest_as_written(const struct rest *r, struct view text, struct buf *out)
{
	size_t done = 0, index, n;
	struct view list;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '/' || (i > 0 && !strchr(" :([", text.p[i - 1])) || of_another(view_make(text.p, i)) ||
		    (n = list_at(r, view_from(text, i), &list, &index)) == 0)
			continue;
		const json_t *indexes = json_object_getn(r->lists, list.p, list.n);
		buf_add(out, view_make(text.p + done, i - done));
		buf_addf(out, "/%.*s/%lld", VIEW_ARG(list),
		         (long long)json_integer_value(json_array_get(indexes, index)));
		i += n - 1;
		done = i + 1;
	}
	buf_add(out, view_from(text, done));
}
