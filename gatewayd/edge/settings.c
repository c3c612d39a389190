/* See settings.h. */
#include "gatewayd/edge/settings.h"

#include <stdlib.h>

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

static bool read_all(struct settings *s, struct error *err)
{
	struct tls_material m = { .names = VIEW("") };
	struct view limits = VIEW("");
	struct {
		const char *name;
		struct view *to;
	} blobs[] = {
		{ "tls.cert", &m.cert }, { "tls.key", &m.key },  { "tls.ca", &m.ca },
		{ "names", &m.names },   { "hosts", &s->hosts }, { "nameservers", &s->nameservers },
		{ "limits", &limits },
	};
	struct reader r = { .rest = buf_view(&s->bytes) };

	while (r.rest.n > 0 && !r.failed) {
		struct view name = read_view16(&r), bytes = read_view32(&r);
		size_t i = 0;

		while (i < sizeof blobs / sizeof *blobs && !view_is(name, blobs[i].name))
			i++;
		if (r.failed || i == sizeof blobs / sizeof *blobs)
			break;
		*blobs[i].to = bytes;
	}
	if (r.failed || r.rest.n > 0)
		return error_set(err, REASON_CONFIG, "the edge's configuration is malformed or names an unknown part");
	if (!read_limits(limits, &s->limits, err))
		return false;
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
	buf_wipe(&s->bytes); /* holds the private key */
	free(s);
}
