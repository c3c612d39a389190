/* Authorities and their revocation lists. See conf_private.h and conf.h. */
#include "gatewayd/core/conf/conf_private.h"

#include "gatewayd/os/files.h"

#define LIST_MAX (64u * 1024 * 1024)

/* Where an authority stands first: it may be there with two validities, while one replaces the other, and has one list. */
static size_t first_of(const struct conf *c, size_t i)
{
	size_t first = 0;

	while (!digest_eq(authority_id(c->authorities, first), authority_id(c->authorities, i)))
		first++;
	return first;
}

/* One list: whose it is says its signature. One that is nobody's, or cannot be read, is told by its path. */
static void read_list(struct conf *c, const char *path)
{
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(LIST_MAX);
	size_t which = 0;
	struct crl *list =
	        file_read(path, text.max, &text, &e) ? crl_load(buf_view(&text), c->authorities, &which, &e) : NULL;

	if (list) {
		struct revocation *r = &c->revocations[first_of(c, which)];
		if (!r->list || crl_next_update_ms(r->list) < crl_next_update_ms(list)) {
			crl_free(r->list);
			r->list = list;
			r->path = path;
			sha256(buf_view(&text), &r->digest);
		} else {
			crl_free(list);
		}
	} else if (c->revocation.reason == REASON_NONE) {
		error_at(&c->revocation, e.reason, path, 0, 0, "%s", e.text);
	}
	buf_free(&text);
}

/* Why the certificates of an authority are refused, into `e`; leaves it where they are not. */
static void judge(const struct conf *c, size_t i, int64_t now_ms, struct error *e)
{
	const struct revocation *r = &c->revocations[first_of(c, i)];
	char when[TIME_TEXT + 1];

	if (!r->list) {
		error_set(e, REASON_REVOCATION_UNKNOWN,
		          "revocation list: there is none of the authority %s; its certificates are refused",
		          authority_name(c->authorities, i));
	} else if (crl_next_update_ms(r->list) <= now_ms) {
		time_print(crl_next_update_ms(r->list), when);
		error_at(e, REASON_REVOCATION_UNKNOWN, r->path, 0, 0,
		         "revocation list: is past its next update, %s; certificates of %s are refused", when,
		         authority_name(c->authorities, i));
	}
}

void conf_read_revocations(struct conf *c, const json_t *doc, int64_t now_ms, struct error_list *errors)
{
	const json_t *tls = json_object_get(doc, "tls"), *lists = json_object_get(tls, "revocations"), *item;
	const char *path = conf_path_of(c, tls, "authorities");
	struct error e = { .reason = REASON_NONE };
	struct buf pem = BUF_INIT(DOCUMENT_MAX);
	size_t i;

	c->revocation_checked = lists != NULL;
	/* That the file cannot be read was listed with what the edge is sent. */
	if (path && file_read(path, pem.max, &pem, &e)) {
		c->authorities = authorities_load(buf_view(&pem), &e);
		if (!c->authorities)
			error_list_addf(errors, e.reason, path, 0, 0, "%s", e.text);
	}
	buf_free(&pem);
	if (!c->authorities || !lists)
		return;
	if (json_is_string(lists))
		read_list(c, conf_path_of(c, tls, "revocations"));
	json_array_foreach(lists, i, item) read_list(c, conf_path_at(c, item));
	for (i = 0; i < authorities_count(c->authorities); i++)
		judge(c, i, now_ms, &c->revocation);
}

void conf_revocations_free(struct conf *c)
{
	for (size_t i = 0; i < AUTHORITIES_MAX; i++)
		crl_free(c->revocations[i].list);
	authorities_free(c->authorities);
}

void conf_revocation_notes(const struct conf *c, int64_t now_ms,
                           void (*each)(void *arg, bool refused, const char *text), void *arg)
{
	char text[700], when[TIME_TEXT + 1];

	if (c->revocation.reason != REASON_NONE)
		each(arg, true, error_print(&c->revocation, text, sizeof text));
	for (size_t i = 0; c->revocation_checked && c->authorities && i < authorities_count(c->authorities); i++) {
		const struct revocation *r = &c->revocations[i];
		struct error e = { .reason = REASON_NONE };
		struct buf line = BUF_INIT(sizeof text);

		if (first_of(c, i) != i)
			continue;
		judge(c, i, now_ms, &e);
		if (e.reason != REASON_NONE) {
			if (strcmp(e.text, c->revocation.text) != 0)
				each(arg, true, error_print(&e, text, sizeof text));
			continue;
		}
		time_print(crl_next_update_ms(r->list), when);
		buf_addf(&line, "%s: revocation list of %s, next update %s", r->path, authority_name(c->authorities, i),
		         when);
		buf_addc(&line, 0);
		if (!line.failed)
			each(arg, false, line.p);
		buf_free(&line);
	}
}

int64_t conf_revocation_due_ms(const struct conf *c)
{
	int64_t first = TIME_NONE;

	for (size_t i = 0; i < AUTHORITIES_MAX; i++) {
		const struct crl *list = c->revocations[i].list;
		if (list && (first == TIME_NONE || crl_next_update_ms(list) < first))
			first = crl_next_update_ms(list);
	}
	return first;
}

enum reason conf_revoked(const struct conf *c, const struct digest *authority, const char *serial, int64_t now_ms)
{
	if (!c->revocation_checked)
		return REASON_NONE;
	for (size_t i = 0; authority && c->authorities && i < authorities_count(c->authorities); i++) {
		const struct crl *list = c->revocations[i].list;
		if (!digest_eq(authority_id(c->authorities, i), authority))
			continue;
		if (!list || crl_next_update_ms(list) <= now_ms)
			return REASON_REVOCATION_UNKNOWN;
		return crl_has(list, serial) ? REASON_CERTIFICATE_REVOKED : REASON_NONE;
	}
	return REASON_REVOCATION_UNKNOWN;
}
