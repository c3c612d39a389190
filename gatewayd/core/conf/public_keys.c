/* See public_keys.h. */
#include "gatewayd/core/conf/public_keys.h"

#include <stdlib.h>

#include "lib/base/wire.h"

static void put_digest(struct buf *out, const char *who, const char *what, const struct digest *d)
{
	buf_addf(out, "%s %s ", who, what);
	digest_print(out, d);
	buf_addc(out, '\n');
}

static void put_hashed(struct buf *out, const char *who, const char *what, struct view bytes)
{
	struct digest d;

	sha256(bytes, &d);
	put_digest(out, who, what, &d);
}

static void put_vkey(struct buf *out, const char *who, const char *what, const struct note_vkey *k)
{
	buf_addf(out, "%s %s ", who, what);
	note_vkey_print(k, out);
	buf_addc(out, '\n');
}

void public_keys_of_partner(const struct partner *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_pins; i++)
		put_digest(out, p->id, "pin", &p->pins[i]);
	if (p->has_log)
		put_vkey(out, p->id, "log", &p->log);
	for (size_t i = 0; i < p->n_earlier; i++)
		put_vkey(out, p->id, "earlier", &p->earlier[i]);
	if (p->has_witness)
		put_vkey(out, p->id, "witness", &p->witness);
	for (size_t i = 0; i < p->n_signers; i++)
		put_hashed(out, p->id, "signer", p->signers[i]);
}

/* The certificate is among what the edge is sent. */
static void put_edge(struct buf *out, struct view blob)
{
	struct reader r = { .rest = blob };

	while (!r.failed && r.rest.n > 0) {
		struct view name = read_view16(&r), value = read_view32(&r);
		if (view_is(name, "tls.cert"))
			put_hashed(out, "node", "certificate", value);
		else if (view_is(name, "tls.ca"))
			put_hashed(out, "node", "authorities", value);
	}
}

static int by_id(const void *a, const void *b)
{
	return strcmp((*(const struct partner *const *)a)->id, (*(const struct partner *const *)b)->id);
}

void public_keys_print(const struct conf *c, const struct note_vkey *log, const struct note_vkey *witness,
                       struct buf *out)
{
	const struct partner **list = calloc(c->n_partners + 1, sizeof *list);

	if (!list) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < c->n_partners; i++)
		list[i] = &c->partners[i];
	qsort(list, c->n_partners, sizeof *list, by_id);
	put_vkey(out, "node", "log", log);
	if (witness)
		put_vkey(out, "node", "witness", witness);
	put_edge(out, buf_view(&c->edge_blob));
	if (c->timestamp.authorities.n)
		put_hashed(out, "node", "timestamp-authorities", c->timestamp.authorities);
	for (size_t i = 0; i < c->n_witnesses; i++)
		put_vkey(out, c->witnesses[i].to.id, "witness", &c->witnesses[i].to.witness);
	for (size_t i = 0; i < c->n_partners; i++)
		public_keys_of_partner(list[i], out);
	free(list);
}
