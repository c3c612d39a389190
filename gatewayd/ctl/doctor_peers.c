/* Asks the partners' gateways whom they take this one for. See doctor.h and GET /v1/peer. */
#include "gatewayd/ctl/doctor.h"

#include <arpa/inet.h>

#include "gatewayd/ctl/https.h"
#include "gatewayd/os/files.h"

#define ANSWER_MAX 65536
#define TIMEOUT_MS 5000

/* The address of a name in the node's own hosts file, as the gateway looks it up first; false: it is not there. */
static bool find_host(struct view hosts, const char *host, char *out, size_t size)
{
	while (hosts.n > 0) {
		struct view line = view_cut(&hosts, '\n'), rest = view_cut(&line, '#');
		struct view address = view_word(&rest), name;
		while ((name = view_word(&rest)).n > 0) {
			if (!view_eq_nocase(name, view_of(host)))
				continue;
			snprintf(out, size, "%.*s", VIEW_ARG(address));
			return true;
		}
	}
	return false;
}

static json_t *own_log(const struct conf *c)
{
	struct buf text = BUF_INIT(4096);
	struct view rest = VIEW(""), line;

	if (c->node.vkey && file_read(c->node.vkey, 4095, &text, NULL))
		rest = buf_view(&text);
	line = view_cut(&rest, '\n');
	json_t *key = line.n ? json_stringn(line.p, line.n) : NULL;
	buf_free(&text);
	return key;
}

static void ask(struct doctor *d, const struct conf *c, const struct partner *p, struct view hosts, const char *log)
{
	char url[400], resolve[400], address[100];
	struct https_options o = { .url = url,
		                   .certificate = c->own_file,
		                   .key = c->own_key_file,
		                   .authority = c->authorities_file,
		                   .timeout_ms = TIMEOUT_MS,
		                   .tries = 1 };
	struct error e = { .reason = REASON_NONE };
	struct buf answer = BUF_INIT(ANSWER_MAX);
	int status = 0;

	snprintf(url, sizeof url, "https://%s:%u", p->host, (unsigned)p->port);
	if (find_host(hosts, p->host, address, sizeof address)) {
		snprintf(resolve, sizeof resolve, "%s:%u:%s", p->host, (unsigned)p->port, address);
		o.resolve = resolve;
	}
	struct https *h = https_open(&o, &e);
	if (h && https_request(h, "GET", "/v1/peer", VIEW(""), NULL, &answer, &status, &e)) {
		json_t *doc = json_loadb(answer.p, answer.n, 0, NULL);
		doctor_judge_peer(d, p, c->node.agency, log, status, doc);
		json_decref(doc);
	} else {
		doctor_say(
		        d, "partners", DOCTOR_FAULT,
		        "%s is not reached at %s:%u: %s; look at its endpoint, names, firewalls, and ask its operator",
		        p->id, p->host, (unsigned)p->port, e.text);
	}
	https_close(h);
	buf_free(&answer);
}

void doctor_peers(struct doctor *d, const struct conf *c)
{
	struct buf hosts = BUF_INIT(1 << 20);
	json_t *log = own_log(c);
	size_t asked = 0;

	if (c->hosts_file && !file_read(c->hosts_file, hosts.max, &hosts, NULL))
		buf_reset(&hosts);
	for (size_t i = 0; i < c->n_partners && c->own_file; i++) {
		const struct partner *p = &c->partners[i];
		if (!(p->roles & ROLE(GATEWAY)) || !p->host)
			continue;
		ask(d, c, p, buf_view(&hosts), log ? json_string_value(log) : "");
		asked++;
	}
	if (asked == 0)
		doctor_say(d, "partners", DOCTOR_WARNING,
		           "no partner's gateway could be asked: no partner file names one with an endpoint");
	json_decref(log);
	buf_free(&hosts);
}
