/* libFuzzer target: any bytes as the text of a hosts file, up to a NUL, and behind it as what a name server answers, whose number and
 * question are put right. Addresses are few, of the two families that there are, and have the port that was asked for. */
#include "gatewayd/edge/resolve.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "test/fuzz/target.h"

#define PORT 443

static int server = -1;
static struct event_base *base;
static struct view nameservers;

struct waiting {
	bool done;
	unsigned calls;
};

static void check_found(const struct addresses *a)
{
	must(a->n >= 0 && a->n <= RESOLVE_MAX);
	for (int i = 0; i < a->n; i++) {
		const struct sockaddr_storage *s = &a->items[i];
		must(s->ss_family == AF_INET || s->ss_family == AF_INET6);
		if (s->ss_family == AF_INET)
			must(((const struct sockaddr_in *)s)->sin_port == htons(PORT));
		else
			must(((const struct sockaddr_in6 *)s)->sin6_port == htons(PORT));
	}
}

static void on_found(void *arg, const struct addresses *found)
{
	struct waiting *w = arg;

	w->done = true;
	w->calls++;
	check_found(found);
}

static void open_server(void)
{
	static char line[32];
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;

	server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(server >= 0 && bind(server, (struct sockaddr *)&a, sizeof a) == 0);
	must(getsockname(server, (struct sockaddr *)&a, &size) == 0 && (base = event_base_new()));
	snprintf(line, sizeof line, "127.0.0.1:%u\n", (unsigned)ntohs(a.sin_port));
	nameservers = view_of(line);
}

/* Answers each question that has come with the input behind the question's own number and name. */
static void answer(struct view in)
{
	char question[2048], reply[4096];
	struct sockaddr_storage from;
	socklen_t size = sizeof from;
	ssize_t n;

	while ((n = recvfrom(server, question, sizeof question, 0, (struct sockaddr *)&from, &size)) >= 12) {
		struct view rest = in;
		memcpy(reply, question, (size_t)n);
		/* The flags and the counts of records are the input's. */
		for (size_t i = 2; i < 12; i++)
			if (i != 4 && i != 5)
				reply[i] = (char)first_byte(&rest);
		size_t m = rest.n < sizeof reply - (size_t)n ? rest.n : sizeof reply - (size_t)n;
		if (m)
			memcpy(reply + n, rest.p, m);
		(void)!sendto(server, reply, (size_t)n + m, 0, (struct sockaddr *)&from, size);
		size = sizeof from;
	}
}

static void check_answer(struct view in)
{
	struct resolver *r = resolver_new(base, VIEW(""), nameservers);
	struct waiting w = { .done = false };
	struct lookup *lookup = NULL;
	struct addresses found;

	must(r != NULL);
	if (!resolve(r, "south.example", PORT, &found, on_found, &w, &lookup)) {
		for (int i = 0; i < 4 && !w.done; i++) {
			event_base_loop(base, EVLOOP_NONBLOCK);
			answer(in);
		}
		event_base_loop(base, EVLOOP_NONBLOCK);
		resolver_free(r);
		event_base_loop(base, EVLOOP_NONBLOCK);
		must(w.calls == 1);
		return;
	}
	resolver_free(r);
}

static void check_hosts(struct view hosts)
{
	struct resolver *r = resolver_new(base, hosts, VIEW(""));
	struct addresses found;
	struct lookup *lookup = NULL;

	must(r && resolve(r, "south.example", PORT, &found, on_found, NULL, &lookup) && !lookup);
	check_found(&found);
	must(found.n == 0 || hosts.n > strlen("south.example"));
	resolver_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view rest = view_make(data, size), first = view_cut(&rest, '\0');

	if (server < 0)
		open_server();
	struct view hosts = exact(first);
	check_hosts(hosts);
	exact_free(hosts);
	if (rest.p)
		check_answer(rest);
	return 0;
}
