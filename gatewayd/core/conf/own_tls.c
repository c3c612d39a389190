/* What this gateway shows to its peers, judged as they will, and the file of the authorities that it judges them by. See
 * conf_private.h and lib/crypto/own_chain.h. */
#include "gatewayd/core/conf/conf_private.h"

#include "gatewayd/os/files.h"

/* That a file cannot be read is listed with what the edge is sent. */
static bool read_quietly(const char *path, struct buf *out)
{
	return path && file_read(path, out->max, out, NULL);
}

struct authorities_file {
	const char *path;
	size_t n;
	struct error_list *errors;
};

static void judge_authority(void *arg, size_t number, uint32_t line, const char *subject, bool authority,
                            int64_t until_ms)
{
	struct authorities_file *f = arg;

	(void)until_ms;
	f->n = number;
	if (!authority)
		error_list_addf(
		        f->errors, REASON_CONFIG, f->path, line, 1,
		        "%s is no authority (basicConstraints without CA): put the certificate here of who signed "
		        "it",
		        subject);
}

static void check_authorities(const char *path, struct view pem, struct error_list *errors)
{
	struct authorities_file f = { .path = path, .errors = errors };

	if (!pem_each(pem, judge_authority, &f))
		error_list_addf(
		        errors, REASON_CONFIG, path, 0, 0,
		        "the certificate after the first %zu cannot be read: it was cut or changed; copy it again",
		        f.n);
	else if (f.n > AUTHORITIES_MAX)
		error_list_addf(errors, REASON_CONFIG, path, 0, 0, "holds %zu authorities, and %d are the most", f.n,
		                AUTHORITIES_MAX);
}

/* The authorities that partners have: ours, and those that own_authorities names. */
static struct chain *peers_chain(const char *own, struct view ours, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct buf all = BUF_INIT(2 * DOCUMENT_MAX), text = BUF_INIT(DOCUMENT_MAX);
	struct chain *chain = NULL;

	buf_add(&all, ours);
	buf_addc(&all, '\n');
	if (own && !file_read(own, text.max, &text, &e)) {
		error_list_add(errors, &e);
	} else {
		if (own)
			check_authorities(own, buf_view(&text), errors);
		buf_add(&all, buf_view(&text));
		/* That there is none is told where ours are read. */
		chain = all.failed ? NULL : chain_load(buf_view(&all), NULL);
	}
	buf_free(&all);
	buf_free(&text);
	return chain;
}

void conf_read_own(struct conf *c, const json_t *doc, int64_t now_ms, struct error_list *errors)
{
	const json_t *tls = json_object_get(doc, "tls");
	const char *authorities = conf_path_of(c, tls, "authorities"),
	           *own_authorities = conf_path_of(c, tls, "own_authorities");
	struct buf cert = BUF_INIT(DOCUMENT_MAX), key = BUF_INIT(DOCUMENT_MAX), pem = BUF_INIT(DOCUMENT_MAX);
	struct own_files f = { .certificate_file = conf_path_of(c, tls, "certificate"),
		               .key_file = conf_path_of(c, tls, "key"),
		               .authorities_file = own_authorities ? own_authorities : authorities,
		               .host = view_of(c->node.host) };
	struct chain *chain = NULL;

	c->authorities_file = authorities;
	if (read_quietly(authorities, &pem)) {
		check_authorities(authorities, buf_view(&pem), errors);
		f.peers = chain = peers_chain(own_authorities, buf_view(&pem), errors);
	}
	if (read_quietly(f.certificate_file, &cert) && f.key_file &&
	    file_read_private(f.key_file, key.max, &key, NULL)) {
		f.certificate = buf_view(&cert);
		f.key = buf_view(&key);
		if (own_chain_check(&f, now_ms, &c->own, errors)) {
			c->own_pem = arena_copy(&c->mem, f.certificate);
			c->own_file = f.certificate_file;
			c->own_key_file = f.key_file;
		}
	}
	chain_free(chain);
	buf_free(&cert);
	buf_wipe(&key);
	buf_free(&pem);
}

/* --- what is worth a look --- */

struct looking {
	const char *path;
	int64_t now_ms;
	void (*each)(void *arg, const char *text);
	void *arg;
};

static void tell(const struct looking *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void tell(const struct looking *l, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	l->each(l->arg, text);
}

static void look_at(void *arg, size_t number, uint32_t line, const char *subject, bool authority, int64_t until_ms)
{
	const struct looking *l = arg;
	char when[TIME_TEXT + 1];

	(void)number;
	(void)line;
	(void)authority;
	if (until_ms - CERTIFICATE_SOON_MS > l->now_ms)
		return;
	time_print(until_ms, when);
	if (until_ms <= l->now_ms)
		tell(l, "%s: %s expired at %s; have it renewed", l->path, subject, when);
	else
		tell(l, "%s: %s expires in %d days, at %s; have it renewed", l->path, subject,
		     (int)((until_ms - l->now_ms) / DAY_MS), when);
}

static void look_at_signers(const struct conf *c, struct looking *l)
{
	for (size_t i = 0; i < c->n_partners; i++)
		for (size_t k = 0; k < c->partners[i].n_signers; k++) {
			struct error e = { .reason = REASON_NONE };
			struct cert_id id;
			char whose[120];

			if (!cert_read(c->partners[i].signers[k], &id, &e))
				continue;
			l->path = "partners";
			snprintf(whose, sizeof whose, "the signing certificate %zu of %s", k + 1, c->partners[i].id);
			look_at(l, 0, 0, whose, false, id.not_after_ms);
		}
}

void conf_certificate_notes(const struct conf *c, int64_t now_ms, void (*each)(void *arg, const char *text), void *arg)
{
	struct looking l = { .now_ms = now_ms, .each = each, .arg = arg };

	if (c->own_file) {
		l.path = c->own_file;
		look_at(&l, 1, 1, "the gateway's certificate", false, c->own.until_ms);
		for (size_t i = 0; i < c->node.n_names; i++)
			if (!own_chain_names(c->own_pem, view_of(c->node.names[i])))
				tell(&l,
				     "%s: is not for %s, one of `names`: partners that reach the gateway by it refuse it",
				     c->own_file, c->node.names[i]);
	}
	for (size_t i = 0; c->authorities && i < authorities_count(c->authorities); i++) {
		l.path = "tls.authorities";
		look_at(&l, i + 1, 0, authority_name(c->authorities, i), true, authority_until_ms(c->authorities, i));
	}
	look_at_signers(c, &l);
}
