/* See client.h: the client of a thread, the destinations of its requests, and core's frames for it. On that
 * thread alone. */
#include <stdlib.h>

#include "gatewayd/edge/client_private.h"

#define LINKS_A_TARGET 32 /* of a thread; more requests wait for one of them */

void target_dispatch(struct client *c, struct target *g)
{
	struct outbound *o;

	if (g->dispatching)
		return;
	g->dispatching = true;
	while ((o = TAILQ_FIRST(&g->waiting))) {
		struct link *l = TAILQ_FIRST(&g->idle);

		if (!l && g->n_links >= LINKS_A_TARGET)
			break;
		TAILQ_REMOVE(&g->waiting, o, waits);
		if (!l) {
			link_open(c, o);
			continue;
		}
		link_carry(l, o);
	}
	g->dispatching = false;
}

static char *copy_text(struct view v)
{
	return memchr(v.p, 0, v.n) ? NULL : strndup(v.p, v.n);
}

static void target_free(struct target *g)
{
	free(g->host);
	free(g->server_name);
	free(g->pins);
	free(g);
}

/* Closes the connections that carry nothing. */
static void target_rest(struct target *g)
{
	while (!TAILQ_EMPTY(&g->idle))
		link_close(TAILQ_FIRST(&g->idle));
}

struct target *target_get(struct client *c, struct view host, uint16_t port, struct view server_name, struct view pins,
                          bool plain)
{
	struct target *g = c->targets;

	while (g && (g->port != port || g->plain != plain || !view_is(host, g->host) ||
	             !view_is(server_name, g->server_name) || g->n_pins != pins.n / 32 ||
	             (pins.n && memcmp(g->pins, pins.p, pins.n) != 0)))
		g = g->next;
	if (g)
		return g;
	g = calloc(1, sizeof *g);
	if (!g)
		return NULL;
	g->host = copy_text(host);
	g->server_name = copy_text(server_name);
	g->pins = malloc(pins.n + 1);
	if (!g->host || !g->server_name || !g->pins) {
		target_free(g);
		return NULL;
	}
	g->port = port;
	g->plain = plain;
	g->n_pins = (uint8_t)(pins.n / 32);
	memcpy(g->pins, pins.p, pins.n);
	TAILQ_INIT(&g->waiting);
	TAILQ_INIT(&g->idle);
	g->next = c->targets;
	c->targets = g;
	return g;
}

void client_frame(struct edge_thread *t, const struct frame *f)
{
	struct client *c = t->client;
	struct outbound *o = *outbound_find(c, f->id);

	if (f->type == FRAME_OUTBOUND) {
		outbound_take(c, f);
	} else if (o && f->type == FRAME_BODY) {
		outbound_take_body(o, f);
	} else if (o && f->type == FRAME_CREDIT) {
		outbound_take_credit(o, f);
	} else if (o && f->type == FRAME_ABORT) {
		outbound_end(o, NULL);
	}
}

struct client *client_new(struct edge_thread *t)
{
	struct client *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->thread = t;
	TAILQ_INIT(&c->closed);
	c->settings = settings_ref(t->settings);
	c->resolver = resolver_new(t->base, c->settings->hosts, c->settings->nameservers);
	if (!c->resolver) {
		settings_unref(c->settings);
		free(c);
		return NULL;
	}
	return c;
}

void client_settings(struct edge_thread *t)
{
	struct client *c = t->client;
	struct resolver *resolver = resolver_new(t->base, t->settings->hosts, t->settings->nameservers);

	if (!resolver)
		return;
	for (struct target *g = c->targets; g; g = g->next)
		target_rest(g);
	resolver_free(c->resolver);
	settings_unref(c->settings);
	c->resolver = resolver;
	c->settings = settings_ref(t->settings);
}

void client_turn(struct edge_thread *t)
{
	struct link *l;

	while ((l = TAILQ_FIRST(&t->client->closed))) {
		TAILQ_REMOVE(&t->client->closed, l, entry);
		free(l);
	}
}

void client_free(struct client *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (c->bucket[i]) {
			struct link *l = c->bucket[i]->link;
			outbound_free(c->bucket[i]);
			if (l)
				link_close(l);
		}
	}
	while (c->targets) {
		struct target *g = c->targets;
		target_rest(g);
		c->targets = g->next;
		target_free(g);
	}
	client_turn(c->thread);
	resolver_free(c->resolver);
	settings_unref(c->settings);
	free(c);
}
