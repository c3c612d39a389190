/* See shown.h. */
#include "gatewayd/core/serve/shown.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

struct shown {
	struct shown_table *table;
	struct cert_id cert; /* valid while its chain is; its `whole` is the key */
	uint64_t generation; /* of the conf that it was verified by last */
	bool holds;          /* by that one */
	bool has_authority;  /* one of its authorities signed it, this one */
	struct digest authority;
	unsigned refs;
	TAILQ_ENTRY(shown) link; /* without a reference: the one that was dropped last, last */
	UT_hash_handle hh;
	size_t n;
	char der[];
};

struct shown_table {
	struct shown *all; /* by digest */
	TAILQ_HEAD(, shown) idle;
	unsigned n_idle, kept;
	uint64_t verified;
};

struct shown_table *shown_table_new(unsigned kept)
{
	struct shown_table *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->kept = kept;
	TAILQ_INIT(&t->idle);
	return t;
}

void shown_table_free(struct shown_table *t)
{
	struct shown *s, *next;

	if (!t)
		return;
	HASH_ITER(hh, t->all, s, next)
	{
		HASH_DEL(t->all, s);
		free(s);
	}
	free(t);
}

static bool verify(struct shown_table *t, const struct conf *c, struct view der, int64_t now_ms, struct cert_id *out,
                   struct error *e)
{
	t->verified++;
	return c->chain ? chain_verify(c->chain, der, now_ms, out, e)
	                : error_set(e, REASON_PARTNER_UNKNOWN, "no authority is known here");
}

/* By whose revocation list it is judged, as this configuration has it. */
static void find_authority(struct shown *s, const struct conf *c)
{
	size_t which;

	s->generation = c->generation;
	s->has_authority =
	        s->holds && c->authorities && authorities_signed(c->authorities, view_make(s->der, s->n), &which);
	if (s->has_authority)
		s->authority = *authority_id(c->authorities, which);
}

static struct shown *shown_add(struct shown_table *t, const struct conf *c, struct view der, const struct cert_id *cert)
{
	struct shown *s = calloc(1, sizeof *s + der.n);

	if (!s)
		return NULL;
	s->table = t;
	s->cert = *cert;
	s->holds = true;
	s->refs = 1;
	s->n = der.n;
	memcpy(s->der, der.p, der.n);
	find_authority(s, c);
	HASH_ADD(hh, t->all, cert.whole, sizeof s->cert.whole, s);
	return s;
}

struct shown *shown_take(struct shown_table *t, const struct conf *c, struct view der, int64_t now_ms,
                         struct cert_id *out, struct error *e)
{
	struct digest whole;
	struct cert_id cert;
	struct shown *s;

	sha256(der, &whole);
	HASH_FIND(hh, t->all, &whole, sizeof whole, s);
	if (s && s->refs++ == 0) {
		TAILQ_REMOVE(&t->idle, s, link);
		t->n_idle--;
	}
	if (!s) {
		if (!verify(t, c, der, now_ms, &cert, e))
			return NULL;
		s = shown_add(t, c, der, &cert);
		if (!s) {
			error_set(e, REASON_NO_MEMORY, "memory ran out");
			return NULL;
		}
	} else if (!shown_holds(s, c, now_ms)) {
		/* Once more, for what is wrong; the clock may have been put right as well. */
		s->holds = verify(t, c, der, now_ms, &s->cert, e);
		find_authority(s, c);
		if (!s->holds) {
			shown_drop(s);
			return NULL;
		}
	}
	*out = s->cert;
	return s;
}

bool shown_holds(struct shown *s, const struct conf *c, int64_t now_ms)
{
	struct error e = { .reason = REASON_NONE };

	if (s && s->generation != c->generation) {
		s->holds = verify(s->table, c, view_make(s->der, s->n), now_ms, &s->cert, &e);
		find_authority(s, c);
	}
	return s && s->holds && s->cert.not_before_ms <= now_ms && now_ms <= s->cert.not_after_ms;
}

const struct digest *shown_authority(const struct shown *s)
{
	return s && s->has_authority ? &s->authority : NULL;
}

static void forget(struct shown_table *t, struct shown *s)
{
	HASH_DEL(t->all, s);
	free(s);
}

void shown_drop(struct shown *s)
{
	struct shown_table *t = s ? s->table : NULL;

	if (!s || --s->refs > 0)
		return;
	if (!s->holds) {
		forget(t, s);
		return;
	}
	TAILQ_INSERT_TAIL(&t->idle, s, link);
	if (++t->n_idle > t->kept) {
		s = TAILQ_FIRST(&t->idle);
		TAILQ_REMOVE(&t->idle, s, link);
		t->n_idle--;
		forget(t, s);
	}
}

uint64_t shown_verified(const struct shown_table *t)
{
	return t->verified;
}
