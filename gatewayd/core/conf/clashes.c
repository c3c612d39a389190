/* What stands twice in a configuration, or is this gateway's own where another's belongs: each looks right by itself. See
 * conf_private.h. */
#include "gatewayd/core/conf/conf_private.h"

#include "gatewayd/os/files.h"

struct clashes {
	const struct conf *c;
	struct error_list *errors;
};

#define NODE_FAULT(x, ...) error_list_addf((x)->errors, REASON_CONFIG, (x)->c->node.file, 0, 0, __VA_ARGS__)

/* A partner's file is named by its id. */
static void partner_fault(const struct clashes *x, const struct partner *p, const char *pointer, const char *fmt, ...)
        PRINTF_LIKE(4, 5);
static void partner_fault(const struct clashes *x, const struct partner *p, const char *pointer, const char *fmt, ...)
{
	char path[4200], text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	snprintf(path, sizeof path, "%s/%s.json", x->c->node.partners, p->id);
	error_list_addf(x->errors, REASON_CONFIG, path, 0, 0, "%s: %s", pointer, text);
}

/* --- addresses --- */

static struct view port_of(const char *address)
{
	return view_of(strrchr(address, ':') + 1);
}

static bool starts(const char *address, const char *with)
{
	return view_starts(view_of(address), view_of(with));
}

static bool is_every(const char *address)
{
	return starts(address, "0.0.0.0:") || starts(address, "[::]:");
}

/* 0.0.0.0:1 takes what 127.0.0.1:1 would. */
static bool same_address(const char *a, const char *b)
{
	return strcmp(a, b) == 0 ||
	       ((is_every(a) || is_every(b)) && (a[0] == '[') == (b[0] == '[') && view_eq(port_of(a), port_of(b)));
}

static void check_addresses(const struct clashes *x)
{
	const struct node *n = &x->c->node;

	for (size_t i = 0; i < n->n_listen + n->n_monitor; i++) {
		bool monitor = i >= n->n_listen;
		const char *a = monitor ? n->monitor[i - n->n_listen] : n->listen[i];
		size_t at = monitor ? i - n->n_listen : i;
		const char *list = monitor ? "monitor" : "listen";
		unsigned long long port;

		if (monitor && !starts(a, "127.") && !starts(a, "[::1]:"))
			NODE_FAULT(x, "/monitor/%zu: a monitor listens on loopback only: 127.0.0.1 or [::1]", at);
		if (!view_to_u64(port_of(a), 65535, &port) || port == 0)
			NODE_FAULT(x, "/%s/%zu: a port is a number from 1 to 65535", list, at);
		for (size_t k = 0; k < i; k++)
			if (same_address(a, k < n->n_listen ? n->listen[k] : n->monitor[k - n->n_listen]))
				NODE_FAULT(x, "/%s/%zu: %s is taken by /%s/%zu already: give each its own port", list,
				           at, a, k < n->n_listen ? "listen" : "monitor",
				           k < n->n_listen ? k : k - n->n_listen);
	}
}

static void check_names(const struct clashes *x)
{
	const struct node *n = &x->c->node;

	for (size_t i = 0; i < n->n_names; i++)
		if (strcasecmp(n->names[i], n->host) == 0)
			NODE_FAULT(x, "/names/%zu: is `host` again: leave it out", i);
}

/* --- partners --- */

static bool same_key(const struct note_vkey *a, const struct note_vkey *b)
{
	return a->type == b->type && a->n == b->n && memcmp(a->key, b->key, a->n) == 0;
}

static void check_pins(const struct clashes *x, const struct partner *p, const struct partner *before)
{
	for (size_t i = 0; i < p->n_pins; i++)
		for (size_t k = 0; k < before->n_pins; k++)
			if (p->uri && before->uri && digest_eq(&p->pins[i], &before->pins[k]))
				partner_fault(
				        x, p, "/identity/pins",
				        "pin %zu is also that of %s: each partner has a key of its own, so one of the two "
				        "is another's (gatewayctl pin CERTIFICATE)",
				        i, before->id);
}

/* Signers are found by a file's id as well as by its agency (conf_signer_of). */
static void check_name(const struct clashes *x, const struct partner *p, const struct partner *other)
{
	if (p->n_signers > 0 && strcmp(p->id, other->agency) == 0 && strcmp(p->agency, other->agency) != 0)
		partner_fault(
		        x, p, "/id",
		        "is the name of another agency (%s has it), and its signers would sign for that one: call this "
		        "file otherwise",
		        other->id);
}

static void check_pair(const struct clashes *x, const struct partner *p, const struct partner *before)
{
	check_name(x, p, before);
	check_name(x, before, p);
	if (p->uri && before->uri && strcmp(p->uri, before->uri) == 0)
		partner_fault(x, p, "/identity/uri",
		              "%s has the same certificate identity: one of the two is another's", before->id);
	check_pins(x, p, before);
	if (p->has_log && before->has_log && same_key(&p->log, &before->log))
		partner_fault(x, p, "/audit/vkey", "is also that of %s: one of the two is another's", before->id);
	if (p->has_witness && before->has_witness && same_key(&p->witness, &before->witness))
		partner_fault(x, p, "/audit/witness_vkey", "is also that of %s: one of the two is another's",
		              before->id);
	if (p->roles & before->roles & ROLE(GATEWAY) && p->host && before->host &&
	    strcmp(p->agency, before->agency) == 0)
		partner_fault(
		        x, p, "/agency",
		        "%s is the gateway of %s already: an agency has one that is delivered to; take one of the files "
		        "away, or its endpoint",
		        before->id, p->agency);
}

static void check_own(const struct clashes *x, const struct partner *p)
{
	for (size_t i = 0; i < p->n_pins; i++)
		if (x->c->own_file && digest_eq(&p->pins[i], &x->c->own.id.spki))
			partner_fault(
			        x, p, "/identity/pins",
			        "pin %zu is that of this gateway's own certificate: put the partner's there (gatewayctl pin "
			        "CERTIFICATE)",
			        i);
	if (p->roles & ROLE(GATEWAY) && strcmp(p->agency, x->c->node.agency) == 0 && p->host)
		partner_fault(
		        x, p, "/agency",
		        "is this gateway's own agency: the description of this gateway goes to the partners, theirs here");
}

void conf_check_clashes(const struct conf *c, struct error_list *errors)
{
	struct clashes x = { .c = c, .errors = errors };

	check_addresses(&x);
	check_names(&x);
	for (size_t i = 0; i < c->n_partners; i++) {
		check_own(&x, &c->partners[i]);
		for (size_t k = 0; k < i; k++)
			check_pair(&x, &c->partners[i], &c->partners[k]);
	}
}
