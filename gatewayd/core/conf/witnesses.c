/* The node file's own list of witnesses (C2SP tlog-witness), and the quorum over them and the partners' witnesses (C2SP
 * tlog-policy). See conf_private.h. */
#include "gatewayd/core/conf/conf_private.h"

#include "lib/tlog/trust.h"

#define POLICY_MAX 65536

/* https://HOST[:PORT][/PATH], or http:// for a witness behind nothing that ends TLS. */
static bool read_url(struct conf *c, struct outside_witness *w, const char *url, struct error *e)
{
	struct view rest = view_of(url);
	unsigned long long port;

	w->plain = view_starts(rest, VIEW("http://"));
	if (!w->plain && !view_starts(rest, VIEW("https://")))
		return error_set(e, REASON_CONFIG, "is not an https:// URL");
	rest = view_from(rest, w->plain ? strlen("http://") : strlen("https://"));
	const char *slash = memchr(rest.p, '/', rest.n);
	struct view place = view_make(rest.p, slash ? (size_t)(slash - rest.p) : rest.n),
	            path = view_from(rest, place.n);
	struct view host = view_cut(&place, ':');
	while (path.n && path.p[path.n - 1] == '/')
		path.n--;
	port = w->plain ? 80 : 443;
	if (host.n == 0 || (place.p && (!view_to_u64(place, 65535, &port) || port == 0)))
		return error_set(e, REASON_CONFIG, "has no host, or no port after its colon");
	w->to.host = arena_str(&c->mem, host);
	w->to.port = (uint16_t)port;
	w->prefix = arena_str(&c->mem, path);
	return (w->to.host && w->prefix) || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static bool read_witness(struct conf *c, struct outside_witness *w, const json_t *doc, const char **member,
                         struct error *e)
{
	w->to.id = w->to.agency = arena_str(&c->mem, view_of(json_string_value(json_object_get(doc, "name"))));
	*member = "vkey";
	w->to.has_witness =
	        note_vkey_parse(view_of(json_string_value(json_object_get(doc, "vkey"))), &w->to.witness, e);
	if (!w->to.has_witness)
		return false;
	if (!note_type_cosigns(w->to.witness.type))
		return error_set(e, REASON_CONFIG, "is not a witness's key");
	*member = "url";
	return read_url(c, w, json_string_value(json_object_get(doc, "url")), e);
}

static void add_line(struct buf *policy, const struct partner *p)
{
	buf_addf(policy, "witness %s ", p->id);
	note_vkey_print(&p->witness, policy);
	buf_addc(policy, '\n');
}

/* The witnesses as a policy, partners first. Returns its lines. */
static unsigned write_policy(const struct conf *c, struct buf *policy)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->n_partners; i++)
		if (c->partners[i].has_witness) {
			add_line(policy, &c->partners[i]);
			n++;
		}
	for (size_t i = 0; i < c->n_witnesses; i++, n++)
		add_line(policy, &c->witnesses[i].to);
	return n;
}

/* An error of the policy names its line: a line of the quorum, or else one of the list. */
static void quorum_error(struct error_list *errors, const char *path, const struct error *e, unsigned before)
{
	if (e->line > before)
		error_list_addf(errors, e->reason, path, 0, 0, "/audit/quorum/%u: %s", e->line - before - 1, e->text);
	else
		error_list_addf(errors, e->reason, path, 0, 0, "/audit/%s: %s", e->line ? "witnesses" : "quorum",
		                e->text);
}

static void read_quorum(struct conf *c, const char *path, const json_t *lines, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct buf policy = BUF_INIT(POLICY_MAX);
	unsigned before = write_policy(c, &policy);
	const json_t *line;
	size_t i;

	json_array_foreach(lines, i, line) buf_addf(&policy, "%s\n", json_string_value(line));
	if (!lines)
		buf_adds(&policy, "quorum none\n");
	struct trust *t = policy.failed ? NULL : trust_parse(buf_view(&policy), &e);
	if (policy.failed)
		error_list_addf(errors, REASON_CONFIG, path, 0, 0, "/audit/quorum: is too long");
	else if (!t)
		quorum_error(errors, path, &e, before);
	else if (lines)
		c->quorum_text = arena_copy(&c->mem, buf_view(&policy));
	buf_free(&policy);
	if (lines)
		c->quorum = t;
	else
		trust_free(t);
}

void conf_read_witnesses(struct conf *c, const char *path, const json_t *audit, struct error_list *errors)
{
	const json_t *list = json_object_get(audit, "witnesses"), *doc;
	size_t i, n = json_array_size(list), before = errors->n + errors->dropped;

	c->witnesses = arena_alloc(&c->mem, (n + 1) * sizeof *c->witnesses);
	if (!c->witnesses) {
		error_list_addf(errors, REASON_NO_MEMORY, "", 0, 0, "memory ran out");
		return;
	}
	json_array_foreach(list, i, doc)
	{
		struct error e = { .reason = REASON_NONE };
		struct outside_witness *w = &c->witnesses[c->n_witnesses++];
		const char *member = "name";

		*w = (struct outside_witness){ .plain = false };
		if (!read_witness(c, w, doc, &member, &e))
			error_list_addf(errors, e.reason, path, 0, 0, "/audit/witnesses/%zu/%s: %s", i, member, e.text);
	}
	if (errors->n + errors->dropped == before)
		read_quorum(c, path, json_object_get(audit, "quorum"), errors);
}
