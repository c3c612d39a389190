/* See settings.h. */
#include "gatewayd/edge/settings.h"

#include <stdlib.h>

#include "gatewayd/edge/gate.h"
#include "lib/base/wire.h"

static bool read_limits(struct view text, struct edge_limits *out, struct error *err)
{
	unsigned long long n;

#define L(name) \
	if (!view_to_u64(view_cut(&text, '\n'), UINT32_MAX, &n)) \
		return error_at(err, REASON_CONFIG, "limits", 0, 0, #name " is not a number"); \
	out->name = (uint32_t)n;
	EDGE_LIMITS(L)
#undef L
	return text.n == 0 || error_at(err, REASON_CONFIG, "limits", 0, 0, "there are more lines than limits");
}

static int by_key(const void *a, const void *b)
{
	const struct partner_key *x = a, *y = b;

	return memcmp(x->key.b, y->key.b, sizeof x->key.b);
}

static size_t count_of(struct view text, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == c;
	return n;
}

static bool read_partners(struct settings *s, struct view text, struct error *err)
{
	s->partners = calloc(count_of(text, ' ') + count_of(text, '\n') + 1, sizeof *s->partners);
	if (!s->partners)
		return error_set(err, REASON_NO_MEMORY, "no memory");
	while (text.n > 0) {
		struct view line = view_cut(&text, '\n');
		const struct partner_key *first = &s->partners[s->n_partners];

		while (line.n > 0) {
			struct partner_key *k = &s->partners[s->n_partners++];
			if (!digest_parse(view_cut(&line, ' '), &k->key))
				return error_at(err, REASON_CONFIG, "partners", 0, 0, "a key is no digest");
			k->partner = first->key;
		}
	}
	qsort(s->partners, s->n_partners, sizeof *s->partners, by_key);
	return true;
}

static bool read_reserved(struct settings *s, struct view text, struct error *err)
{
	s->reserved = calloc(count_of(text, '\n') + 1, sizeof *s->reserved);
	if (!s->reserved)
		return error_set(err, REASON_NO_MEMORY, "no memory");
	while (text.n > 0)
		if (!prefix_parse(view_cut(&text, '\n'), &s->reserved[s->n_reserved++]))
			return error_at(err, REASON_CONFIG, "reserved", 0, 0, "is no address or prefix");
	return true;
}

static bool read_known(struct settings *s, struct view text, struct error *err)
{
	s->known = calloc(count_of(text, '\n') + 1, sizeof *s->known);
	if (!s->known)
		return error_set(err, REASON_NO_MEMORY, "no memory");
	while (text.n > 0) {
		struct view line = view_cut(&text, '\n'), source = view_cut(&line, ' '), left = view_cut(&line, ' ');
		struct known_source *to = &s->known[s->n_known++];
		struct prefix p;
		unsigned long long left_ms;

		if (!prefix_parse(source, &p) || !view_to_u64(left, GATE_KNOWN_MS, &left_ms) ||
		    !digest_parse(line, &to->partner))
			return error_at(err, REASON_CONFIG, "known", 0, 0,
			                "is no address with a time of a day at most and a partner's key");
		to->address = p.address;
		to->left_ms = left_ms;
	}
	return true;
}

/* Two words; nothing where it is as at a start. */
static bool read_log(struct settings *s, struct view text, struct error *err)
{
	struct view level = view_cut(&text, ' ');

	s->log_level = JOURNAL_INFO;
	s->log_form = JOURNAL_AUTO;
	return (level.n == 0 && text.n == 0) ||
	       (journal_level_find(level, &s->log_level) && journal_form_find(text, &s->log_form)) ||
	       error_at(err, REASON_CONFIG, "log", 0, 0, "is no level and form");
}

static bool read_all(struct settings *s, struct error *err)
{
	struct tls_material m = { .names = VIEW("") };
	struct view limits = VIEW(""), partners = VIEW(""), reserved = VIEW(""), known = VIEW(""), log = VIEW("");
	struct {
		const char *name;
		struct view *to;
	} blobs[] = {
		{ "tls.cert", &m.cert }, { "tls.key", &m.key },     { "tls.ca", &m.ca },
		{ "names", &m.names },   { "hosts", &s->hosts },    { "nameservers", &s->nameservers },
		{ "limits", &limits },   { "partners", &partners }, { "reserved", &reserved },
		{ "known", &known },     { "log", &log },
	};
	struct reader r = { .rest = buf_view(&s->bytes) };
	bool named = true;

	while (r.rest.n > 0 && !r.failed && named) {
		struct view name = read_view16(&r), bytes = read_view32(&r);
		size_t i = 0;

		while (i < sizeof blobs / sizeof *blobs && !view_is(name, blobs[i].name))
			i++;
		named = i < sizeof blobs / sizeof *blobs;
		if (named && !r.failed)
			*blobs[i].to = bytes;
	}
	if (r.failed || !named)
		return error_set(err, REASON_CONFIG, "the edge's configuration is malformed or names an unknown part");
	if (!read_limits(limits, &s->limits, err) || !read_partners(s, partners, err) ||
	    !read_reserved(s, reserved, err) || !read_known(s, known, err) || !read_log(s, log, err))
		return false;
	s->names = m.names;
	s->tls = tls_contexts_new(&m, err);
	return s->tls != NULL;
}

struct settings *settings_new(struct buf *config, struct error *err)
{
	struct settings *s = calloc(1, sizeof *s);

	if (!s) {
		error_set(err, REASON_NO_MEMORY, "no memory");
		return NULL;
	}
	atomic_init(&s->refs, 1);
	s->bytes = *config;
	*config = BUF_INIT(SETTINGS_MAX);
	if (!read_all(s, err)) {
		settings_unref(s);
		return NULL;
	}
	return s;
}

struct settings *settings_ref(struct settings *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void settings_unref(struct settings *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	tls_contexts_unref(s->tls);
	free(s->partners);
	free(s->reserved);
	free(s->known);
	buf_wipe(&s->bytes); /* holds the private key */
	free(s);
}

bool settings_partner(const struct settings *s, const struct digest *key, struct digest *partner)
{
	struct partner_key want = { .key = *key };
	const struct partner_key *k =
	        s->n_partners ? bsearch(&want, s->partners, s->n_partners, sizeof want, by_key) : NULL;

	if (k)
		*partner = k->partner;
	return k != NULL;
}

bool settings_lists(const struct settings *s, const struct address *a)
{
	for (size_t i = 0; i < s->n_reserved; i++)
		if (prefix_has(&s->reserved[i], a))
			return true;
	return false;
}

bool settings_answers_to(const struct settings *s, struct view name)
{
	struct view rest = s->names;

	while (rest.n > 0)
		if (view_eq_nocase(view_cut(&rest, '\n'), name))
			return true;
	return false;
}
