/* See resolve.h. */
#include "gatewayd/edge/resolve.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <event2/dns.h>
#include <event2/util.h>

struct resolver {
	struct event_base *base;
	struct evdns_base *dns; /* made when it is first needed */
	struct view hosts, nameservers;
};

struct lookup {
	resolve_fn *done; /* NULL: cancelled */
	void *arg;
};

struct resolver *resolver_new(struct event_base *base, struct view hosts, struct view nameservers)
{
	struct resolver *r = calloc(1, sizeof *r);

	if (r)
		*r = (struct resolver){ .base = base, .hosts = hosts, .nameservers = nameservers };
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	if (r->dns)
		evdns_base_free(r->dns, 1);
	free(r);
}

/* Adds an address in text form; false when it is none. */
static bool add_text(struct addresses *found, const char *text, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (found->n == RESOLVE_MAX)
		return true;
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		memcpy(&found->items[found->n++], &v4, sizeof v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
		memcpy(&found->items[found->n++], &v6, sizeof v6);
		return true;
	}
	return false;
}

static void look_in_hosts(struct view hosts, const char *host, uint16_t port, struct addresses *found)
{
	while (hosts.n > 0) {
		struct view line = view_cut(&hosts, '\n');
		struct view address = view_word(&line), name;
		char text[INET6_ADDRSTRLEN];

		if (address.n == 0 || address.n >= sizeof text)
			continue;
		memcpy(text, address.p, address.n);
		text[address.n] = '\0';
		while ((name = view_word(&line)).n > 0)
			if (view_eq_nocase(name, view_of(host)))
				add_text(found, text, port);
	}
}

static void on_answer(int result, struct evutil_addrinfo *list, void *arg)
{
	struct lookup *l = arg;
	struct addresses found = { .n = 0 };

	for (struct evutil_addrinfo *i = result == 0 ? list : NULL; i && found.n < RESOLVE_MAX; i = i->ai_next)
		if (i->ai_addrlen <= sizeof found.items[0])
			memcpy(&found.items[found.n++], i->ai_addr, i->ai_addrlen);
	if (list)
		evutil_freeaddrinfo(list);
	if (l->done)
		l->done(l->arg, &found);
	free(l);
}

static struct evdns_base *dns_of(struct resolver *r)
{
	struct view rest = r->nameservers;

	if (r->dns || rest.n == 0)
		return r->dns;
	r->dns = evdns_base_new(r->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	while (r->dns && rest.n > 0) {
		struct view line = view_cut(&rest, '\n'), address = view_word(&line);
		char text[INET6_ADDRSTRLEN + 8];

		if (address.n == 0 || address.n >= sizeof text)
			continue;
		memcpy(text, address.p, address.n);
		text[address.n] = '\0';
		(void)evdns_base_nameserver_ip_add(r->dns, text);
	}
	if (r->dns && evdns_base_count_nameservers(r->dns) == 0) {
		evdns_base_free(r->dns, 0);
		r->dns = NULL;
	}
	if (r->dns) {
		evdns_base_set_option(r->dns, "timeout", "2");
		evdns_base_set_option(r->dns, "attempts", "3");
	}
	return r->dns;
}

bool resolve(struct resolver *r, const char *host, uint16_t port, struct addresses *found, resolve_fn *done, void *arg,
             struct lookup **lookup)
{
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC,
		                         .ai_socktype = SOCK_STREAM,
		                         .ai_protocol = IPPROTO_TCP };
	char service[8];

	found->n = 0;
	if (add_text(found, host, port))
		return true;
	look_in_hosts(r->hosts, host, port, found);
	if (found->n > 0 || !dns_of(r))
		return true;
	struct lookup *l = calloc(1, sizeof *l);
	if (!l)
		return true;
	l->done = done;
	l->arg = arg;
	*lookup = l;
	snprintf(service, sizeof service, "%u", (unsigned)port);
	/* May call back at once; callers are ready for that, since they set their state before. */
	evdns_getaddrinfo(r->dns, host, service, &hints, on_answer, l);
	return false;
}

void resolve_cancel(struct lookup *l)
{
	if (l)
		l->done = NULL;
}
