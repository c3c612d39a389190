/* What stands in a configuration and does nothing, or not what it seems to: no error, for what it names may be on its way. See
 * conf.h. */
#include "gatewayd/core/conf/conf_private.h"

#include <arpa/inet.h>

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/os/files.h"

struct idle {
	const struct conf *c;
	void (*each)(void *arg, const char *text);
	void *arg;
	const struct partner *of;
};

static void tell(const struct idle *x, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void tell(const struct idle *x, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	x->each(x->arg, text);
}

static void tell_partner(const struct idle *x, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void tell_partner(const struct idle *x, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	tell(x, "%.200s/%s.json: %s", x->c->node.partners, x->of->id, text);
}

static bool knows_agreement(const struct conf *c, const char *id)
{
	for (size_t i = 0; i < c->n_agreements; i++)
		if (view_is(agreement_id(c->agreements[i]), id))
			return true;
	return false;
}

static bool knows_agency(const struct conf *c, const char *agency)
{
	bool known = strcmp(agency, c->node.agency) == 0;

	for (size_t i = 0; i < c->n_partners; i++)
		known = known || strcmp(c->partners[i].agency, agency) == 0;
	for (size_t i = 0; i < c->n_agreements; i++)
		known = known || agreement_has_party(c->agreements[i], view_of(agency));
	return known;
}

static void look_at_partner(const struct idle *x)
{
	const struct partner *p = x->of;

	if (p->roles & (ROLE(SYSTEM) | ROLE(AUDITOR)) && !p->uri)
		tell_partner(x,
		             "/identity: is not there, so nobody is taken for it: gatewayctl partner add --role pins a "
		             "certificate");
	if (p->roles & ROLE(OFFICER) && p->n_signers == 0)
		tell_partner(x, "/signers: names no certificate, so this officer approves nothing");
	else if (p->roles & ROLE(OFFICER) && p->training_until_ms == TIME_NONE && !conf_training(x->c))
		tell_partner(x, "/training_until: is not there, so this officer approves nothing");
	if (p->roles & ROLE(GATEWAY) && !p->host && knows_agency(x->c, p->agency))
		tell_partner(x, "/endpoint: is not there, so nothing is delivered to it");
	if (p->roles & ROLE(GATEWAY) && p->host && strcasecmp(p->host, x->c->node.host) == 0)
		tell_partner(x, "/endpoint/host: is the `host` of this node: what is for %s would come back here",
		             p->agency);
	for (size_t i = 0; i < p->n_by_agreement; i++)
		if (!knows_agreement(x->c, p->by_agreement[i].agreement))
			tell_partner(x, "/rates/agreements/%s: is no agreement of this node, so nothing is held to it",
			             p->by_agreement[i].agreement);
	for (size_t i = 0; i < p->n_oversees; i++)
		if (!knows_agency(x->c, p->oversees[i]))
			tell_partner(x, "/oversees/%zu: is no agency that this node knows, so nothing is read by it",
			             i);
}

/* --- hosts --- */

static bool is_address(struct view word)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr any;

	if (word.n >= sizeof text)
		return false;
	memcpy(text, word.p, word.n);
	text[word.n] = 0;
	return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

/* A line that the edge passes over. */
static void look_at_hosts(const struct idle *x)
{
	struct buf text = BUF_INIT(DOCUMENT_MAX);

	if (x->c->hosts_file && file_read(x->c->hosts_file, DOCUMENT_MAX, &text, NULL)) {
		struct view rest = buf_view(&text);
		for (size_t n = 1; rest.n > 0; n++) {
			struct view line = view_cut(&rest, '\n'), address = view_word(&line);
			if (address.n > 0 && (!is_address(address) || view_word(&line).n == 0))
				tell(x,
				     "%.200s:%zu: says nothing: a line is ADDRESS NAME…, with an IPv4 or IPv6 address",
				     x->c->hosts_file, n);
		}
	}
	buf_free(&text);
}

void conf_idle_notes(const struct conf *c, void (*each)(void *arg, const char *text), void *arg)
{
	struct idle x = { .c = c, .each = each, .arg = arg };

	for (size_t i = 0; i < c->n_partners; i++) {
		x.of = &c->partners[i];
		look_at_partner(&x);
	}
	look_at_hosts(&x);
}
