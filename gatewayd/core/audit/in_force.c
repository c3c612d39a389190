/* See in_force.h. */
#include "gatewayd/core/audit/in_force.h"

#include <stdlib.h>

#include "gatewayd/core/conf/effective.h"
#include "gatewayd/core/conf/public_keys.h"
#include "lib/policy/signed_document.h"

#define TEXT_MAX (4u * 1024 * 1024)

/* --- what is in force --- */

struct collecting {
	struct arena *mem;
	struct thing *things;
	size_t n, cap;
	bool failed;
};

static void add_digest(struct collecting *c, const char *kind, struct view name, const struct digest *digest,
                       struct view text)
{
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct thing *more = realloc(c->things, cap * sizeof *more);
		if (!more) {
			c->failed = true;
			return;
		}
		c->things = more;
		c->cap = cap;
	}
	struct thing t = { .kind = view_of(kind), .name = arena_copy(c->mem, name), .digest = *digest, .text = text };
	c->failed = c->failed || !t.name.p;
	c->things[c->n++] = t;
}

static void add(struct collecting *c, const char *kind, struct view name, struct view text)
{
	struct digest digest;

	sha256(text, &digest);
	add_digest(c, kind, name, &digest, text);
}

/* A text that was printed for this list alone. */
static void add_printed(struct collecting *c, const char *kind, struct view name, const struct buf *printed)
{
	struct view text = arena_copy(c->mem, buf_view(printed));

	c->failed = c->failed || printed->failed || !text.p;
	if (!c->failed)
		add(c, kind, name, text);
}

/* The only one is named "tls"; of several each by the start of its authority's digest. */
static void add_revocations(struct collecting *c, const struct conf *conf)
{
	size_t n = conf->authorities ? authorities_count(conf->authorities) : 0;

	for (size_t i = 0; i < n; i++) {
		struct buf name = BUF_INIT(32);

		buf_adds(&name, "tls");
		for (size_t k = 0; n > 1 && k < 8; k++)
			buf_addf(&name, k ? "%02x" : "-%02x", authority_id(conf->authorities, i)->b[k]);
		if (conf->revocations[i].list)
			add_digest(c, "revocations", buf_view(&name), &conf->revocations[i].digest,
			           (struct view){ NULL, 0 });
		c->failed = c->failed || name.failed;
		buf_free(&name);
	}
}

static void add_agreements(struct collecting *c, const struct conf *conf)
{
	char name[300];

	for (size_t i = 0; i < conf->n_agreements; i++) {
		const struct agreement *a = conf->agreements[i];
		snprintf(name, sizeof name, "%.*s/%.*s", VIEW_ARG(agreement_id(a)), VIEW_ARG(agreement_version(a)));
		add_digest(c, "agreement", view_of(name), agreement_digest(a), agreement_text(a));
	}
	for (size_t i = 0; i < conf->n_documents; i++) {
		const struct signed_document *d = conf->documents[i];
		snprintf(name, sizeof name, "%.*s%s%.*s", VIEW_ARG(d->agreement), d->agreement.n ? "/" : "",
		         VIEW_ARG(d->issuer));
		add_digest(c, document_kind_name(d->kind), view_of(name), &d->digest, d->text);
	}
}

/* Schemas have no name but their digest. */
static void add_text(void *arg, const char *kind, struct view text)
{
	struct collecting *c = arg;
	struct buf name = BUF_INIT(65);
	struct digest digest;

	if (strcmp(kind, "agreement") == 0)
		return;
	sha256(text, &digest);
	if (strcmp(kind, "schema") == 0)
		digest_print(&name, &digest);
	else
		buf_adds(&name, kind);
	c->failed = c->failed || name.failed;
	add_digest(c, kind, buf_view(&name), &digest, text);
	buf_free(&name);
}

static int compare(const void *a, const void *b)
{
	const struct thing *s = a, *t = b;
	int order = view_cmp(s->kind, t->kind);

	return order ? order : view_cmp(s->name, t->name);
}

/* No text: another secret shows, and nothing of either. RFC 5869. */
static void add_secret(struct collecting *c, const struct secret *pseudonym)
{
	struct digest d;

	if (pseudonym->n == 0)
		return;
	c->failed = c->failed || !hkdf_sha256(view_make(pseudonym->b, pseudonym->n), VIEW("gatewayd in force 1"),
	                                      VIEW("pseudonym key"), d.b, sizeof d.b);
	if (!c->failed)
		add_digest(c, "keys", VIEW("pseudonym"), &d, (struct view){ NULL, 0 });
}

bool in_force_collect(const struct core *core, const struct conf *conf, struct in_force *out)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	size_t n = 0;

	*out = (struct in_force){ .n = 0 };
	struct collecting c = { .mem = &out->mem };
	add_agreements(&c, conf);
	conf_each_document(conf, add_text, &c);
	for (size_t i = 0; i < conf->n_partners; i++) {
		buf_reset(&text);
		effective_partner(&conf->partners[i], &text);
		add_printed(&c, "partner", view_of(conf->partners[i].id), &text);
	}
	buf_reset(&text);
	effective_node(conf, &text);
	add_printed(&c, "limits", VIEW("node"), &text);
	buf_reset(&text);
	public_keys_print(conf, core->log_vkey, core->witness_vkey, &text);
	add_printed(&c, "keys", VIEW("public"), &text);
	add_secret(&c, &core->pseudonym);
	add_revocations(&c, conf);
	buf_free(&text);
	if (c.n)
		qsort(c.things, c.n, sizeof *c.things, compare);
	for (size_t i = 0; i < c.n; i++) /* a schema may be there twice */
		if (n == 0 || compare(&c.things[i], &c.things[n - 1]) != 0)
			c.things[n++] = c.things[i];
	out->things = c.things;
	out->n = n;
	return !c.failed;
}

void in_force_free(struct in_force *f)
{
	free(f->things);
	arena_free(&f->mem);
}

void in_force_print(const struct in_force *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct thing *t = &f->things[i];
		buf_addf(out, "%.*s %.*s ", VIEW_ARG(t->kind), VIEW_ARG(t->name));
		digest_print(out, &t->digest);
		buf_addc(out, '\n');
	}
}

/* --- what changed --- */

static bool next_line(struct view *rest, struct thing *out)
{
	struct view line = view_cut(rest, '\n');

	out->kind = view_cut(&line, ' ');
	out->name = view_cut(&line, ' ');
	return out->name.n && line.n && digest_parse(line, &out->digest);
}

bool in_force_changes(struct view before, const struct in_force *now,
                      bool (*each)(void *arg, const struct in_force_change *change), void *arg)
{
	struct view rest = before;
	struct thing was;
	size_t i = 0;
	bool more = next_line(&rest, &was), ok = true;

	while (ok && (more || i < now->n)) {
		const struct thing *is = i < now->n ? &now->things[i] : NULL;
		int order = !is ? -1 : !more ? 1 : compare(&was, is);
		struct in_force_change change = { .kind = order < 0 ? was.kind : is->kind,
			                          .name = order < 0 ? was.name : is->name,
			                          .before = order > 0 ? NULL : &was.digest,
			                          .after = order < 0 ? NULL : is };

		if (order != 0 || !digest_eq(&was.digest, &is->digest))
			ok = each(arg, &change);
		i += order >= 0;
		if (order <= 0)
			more = next_line(&rest, &was);
	}
	return ok;
}

static bool has_line(struct view text, struct view line)
{
	while (text.n)
		if (view_eq(view_cut(&text, '\n'), line))
			return true;
	return false;
}

#define MORE VIEW(" ...")

/* False when a line had no room. */
static bool put_missing(struct view text, struct view other, char sign, struct buf *out)
{
	bool all = true;

	while (text.n) {
		struct view line = view_cut(&text, '\n');
		if (line.n == 0 || has_line(other, line))
			continue;
		if (out->n + 2 + line.n + MORE.n > out->max) {
			all = false;
			continue;
		}
		buf_addc(out, ' ');
		buf_addc(out, sign);
		buf_add(out, line);
	}
	return all;
}

void in_force_lines(struct view before, struct view after, struct buf *out)
{
	bool all = put_missing(before, after, '-', out);

	if (!put_missing(after, before, '+', out) || !all)
		buf_add(out, MORE);
}
