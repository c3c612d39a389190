/* See effective.h. */
#include "gatewayd/core/conf/effective.h"

#include "gatewayd/core/conf/public_keys.h"

static void put_period(struct buf *out, const char *name, const struct duration *d)
{
	buf_addf(out, "%s ", name);
	duration_print(out, d);
	buf_addc(out, '\n');
}

static void put_digest(struct buf *out, const char *name, const struct digest *d)
{
	buf_addf(out, "%s ", name);
	digest_print(out, d);
	buf_addc(out, '\n');
}

/* Those that bound something; `all`: also the others. */
static void put_rates(struct buf *out, const char *of, const struct rates *r, bool all)
{
	const struct {
		const char *name;
		uint64_t value;
	} members[] = { { "records_per_second", r->second_records },
		        { "records_per_day", r->day_records },
		        { "bytes_per_second", r->second_bytes },
		        { "bytes_per_day", r->day_bytes } };

	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (all || members[i].value)
			buf_addf(out, "rates.%s%s%s %llu\n", of, *of ? "." : "", members[i].name,
			         (unsigned long long)members[i].value);
}

void effective_partner(const struct partner *p, struct buf *out)
{
	char until[TIME_TEXT + 1];

	buf_addf(out, "partner %s\nagency %s\n", p->id, p->agency);
	if (p->jurisdiction)
		buf_addf(out, "jurisdiction %s\n", p->jurisdiction);
#define R(name, text) \
	if (p->roles & ROLE(name)) \
		buf_adds(out, "role " text "\n");
	ROLE_LIST(R)
#undef R
	for (size_t i = 0; i < p->n_oversees; i++)
		buf_addf(out, "oversees %s\n", p->oversees[i]);
	if (p->uri)
		buf_addf(out, "uri %s\n", p->uri);
	if (p->host)
		buf_addf(out, "endpoint %s:%u\n", p->host, p->port);
	if (p->training_until_ms != TIME_NONE) {
		time_print(p->training_until_ms, until);
		buf_addf(out, "training_until %s\n", until);
	}
	if (p->weight > 1)
		buf_addf(out, "weight %u\n", p->weight);
	put_rates(out, "", &p->rates, false);
	for (size_t i = 0; i < p->n_by_agreement; i++)
		put_rates(out, p->by_agreement[i].agreement, &p->by_agreement[i].rates, false);
	public_keys_of_partner(p, out);
}

void effective_node(const struct conf *c, struct buf *out)
{
	const struct timestamp_authority *t = &c->timestamp;
	const struct node *n = &c->node;

	buf_addf(out, "agency %s\norigin %s\n", n->agency, n->origin);
	buf_addf(out, "limits.lines %u\nlimits.reads_per_minute %u\n", n->lines, n->reads_per_minute);
	buf_addf(out, "limits.memory_mib %llu\nlimits.memory_mib_per_partner %llu\n",
	         (unsigned long long)(n->memory_bytes >> 20), (unsigned long long)(n->partner_memory_bytes >> 20));
	buf_addf(out, "limits.jobs %u\nlimits.jobs_per_partner %u\nlimits.wait_ms %u\n", n->jobs, n->partner_jobs,
	         n->wait_ms);
#define L(name) buf_addf(out, "limits." #name " %u\n", n->edge.name);
	EDGE_LIMITS(L)
#undef L
	put_rates(out, "", &n->rates, true);
	for (size_t i = 0; i < n->n_reserved; i++)
		buf_addf(out, "limits.reserved_sources %s\n", n->reserved[i]);
	for (size_t i = 0; i < n->n_names; i++)
		buf_addf(out, "names %s\n", n->names[i]);
	put_period(out, "delivery.deadline", &n->delivery_deadline);
	buf_addf(out, "delivery.first_retry_ms %u\ndelivery.longest_retry_ms %u\n", n->first_retry_ms,
	         n->longest_retry_ms);
	buf_addf(out, "space.reserve_percent %u\nspace.reserve_mib %llu\nspace.write_ahead_mib %llu\n",
	         (unsigned)n->reserve.percent, (unsigned long long)(n->reserve.bytes >> 20),
	         (unsigned long long)(n->write_ahead_max >> 20));
	put_period(out, "audit.disclosures", &n->disclosures);
	buf_addf(out, "audit.witness_every_s %u\naudit.rebuild_every_s %u\n", n->witness_every_s, n->rebuild_every_s);
	buf_addf(out, "audit.witness_silence_s %u\n", n->witness_silence_s);
	for (size_t i = 0; i < c->n_witnesses; i++) {
		const struct outside_witness *w = &c->witnesses[i];
		buf_addf(out, "audit.witnesses %s %s://%s:%u%s ", w->to.id, w->plain ? "http" : "https", w->to.host,
		         w->to.port, w->prefix);
		note_vkey_print(&w->to.witness, out);
		buf_addc(out, '\n');
	}
	struct view lines = c->quorum_text;
	while (lines.n) {
		struct view line = view_cut(&lines, '\n');
		buf_addf(out, "audit.quorum %.*s\n", VIEW_ARG(line));
	}
	if (n->anchor)
		buf_addf(out, "audit.anchor %s\n", n->anchor);
	if (t->to.host)
		buf_addf(out, "audit.timestamp %s:%u%s every_s %u%s\n", t->to.host, t->to.port, t->path, t->every_s,
		         t->plain ? " plain" : "");
	for (size_t i = 0; i < t->to.n_pins; i++)
		put_digest(out, "audit.timestamp.pin", &t->to.pins[i]);
	if (c->revocation_checked)
		buf_adds(out, "tls.revocations checked\n");
}
