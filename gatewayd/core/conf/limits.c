/* What the node document limits, and what follows from the descriptors that the process may have. See conf_private.h. */
#include "gatewayd/core/conf/conf_private.h"

#include <sys/resource.h>
#include <unistd.h>

/* Of the edge, beside connections that others open: channels, event bases and those whose seat another thread gave away
 * and that their own has not closed yet; and those that it opens. */
#define FILES_A_THREAD 32u
#define FILES_OUTBOUND 512u

static uint64_t files_allowed(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return 1024;
	return files.rlim_max > UINT32_MAX ? UINT32_MAX : files.rlim_max;
}

static uint32_t least(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

/* How many descriptors the edge can come to beside connections of partners. */
static uint64_t files_beside(const struct node *n, uint64_t allowed)
{
	const struct edge_limits *l = &n->edge;

	return (uint64_t)n->threads * (FILES_A_THREAD + (uint32_t)n->n_listen) + least(FILES_OUTBOUND, allowed / 8) +
	       l->handshakes + l->handshakes_reserved + l->strangers + 2 * l->monitors;
}

/* What is not configured takes what is there; what is must be there. A machine that is short of everything may have more at
 * the next start. */
static void share_files(struct node *n, const json_t *limits, uint64_t allowed, const char *path,
                        struct error_list *errors)
{
	static const char *const counted[] = { "connections", "handshakes", "handshakes_reserved", "strangers",
		                               "monitors" };
	uint64_t beside = files_beside(n, allowed);
	bool configured = false;

	for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
		configured = configured || json_object_get(limits, counted[i]);
	if (!json_object_get(limits, "connections") && beside < allowed)
		n->edge.connections = least(n->edge.connections, allowed - beside);
	uint64_t wanted = beside + n->edge.connections;
	if (wanted > allowed)
		error_list_addf(
		        errors, configured ? REASON_CONFIG : REASON_IO, path, 0, 0,
		        "/limits: connections of every kind need %llu file descriptors, and this process may have "
		        "%llu; raise LimitNOFILE in the unit (ulimit -Hn), or lower connections, handshakes, "
		        "handshakes_reserved, strangers or monitors",
		        (unsigned long long)wanted, (unsigned long long)allowed);
}

void conf_read_rates(const json_t *doc, struct rates *rates)
{
	for (size_t i = 0; i < RATE_MEMBERS; i++) {
		const json_t *v = json_object_get(doc, rate_members[i].name);
		if (v)
			*rates_at(rates, i) = (uint64_t)json_integer_value(v);
	}
}

/* What requests may hold of memory. */
static void read_budget(struct node *n, const json_t *limits, const char *path, struct error_list *errors)
{
	n->memory_bytes = (uint64_t)conf_number_of(limits, "memory_mib", 128) << 20;
	n->partner_memory_bytes = (uint64_t)conf_number_of(limits, "memory_mib_per_partner", 32) << 20;
	n->jobs = conf_number_of(limits, "jobs", 1024);
	n->partner_jobs = conf_number_of(limits, "jobs_per_partner", 256);
	n->wait_ms = conf_number_of(limits, "wait_ms", 5000);
	if (n->partner_memory_bytes > n->memory_bytes)
		error_list_addf(errors, REASON_CONFIG, path, 0, 0,
		                "/limits/memory_mib_per_partner: is more than memory_mib, all partners' together");
	uint64_t stream = n->edge.body_bytes + NODE_STREAM_BYTES;
	if (n->partner_memory_bytes / 4 * 3 < stream)
		error_list_addf(
		        errors, REASON_CONFIG, path, 0, 0,
		        "/limits/memory_mib_per_partner: three quarters of it do not hold a stream with a line of "
		        "body_bytes; raise it to %u",
		        (unsigned)(((stream + 2) / 3 * 4 >> 20) + 1));
	if (n->partner_jobs > n->jobs)
		error_list_addf(errors, REASON_CONFIG, path, 0, 0,
		                "/limits/jobs_per_partner: is more than jobs, all partners' together");
}

void conf_read_limits(struct conf *c, const json_t *doc, const char *path, struct error_list *errors)
{
	const json_t *limits = json_object_get(doc, "limits");
	struct node *n = &c->node;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t allowed = files_allowed();

	n->threads = conf_number_of(limits, "threads", cpus < 1 ? 1 : cpus > 16 ? 16 : (uint32_t)cpus);
	n->lines = conf_number_of(limits, "lines", 1000);
	n->reads_per_minute = conf_number_of(limits, "reads_per_minute", 6000);
	n->reserved = conf_strings_of(c, json_object_get(limits, "reserved_sources"), &n->n_reserved);
	n->edge = (struct edge_limits){
		.body_bytes = conf_number_of(limits, "body_bytes", 1048576),
		.connections = conf_number_of(limits, "connections", 4096),
		.connections_per_peer = conf_number_of(limits, "connections_per_peer", 256),
		.connections_per_source = conf_number_of(limits, "connections_per_source", 512),
		.handshakes = conf_number_of(limits, "handshakes", least(1024, allowed / 8)),
		.handshakes_reserved = conf_number_of(limits, "handshakes_reserved", least(256, allowed / 16)),
		.handshakes_per_second = conf_number_of(limits, "handshakes_per_second", 200),
		.handshakes_per_source = conf_number_of(limits, "handshakes_per_source", 100),
		.strangers = conf_number_of(limits, "strangers", least(64, allowed / 32)),
		.monitors = conf_number_of(limits, "monitors", least(128, allowed / 32)),
		.answer_bytes_per_second = conf_number_of(limits, "answer_bytes_per_second", 4096),
		.handshake_ms = conf_number_of(limits, "handshake_ms", 5000),
		.header_ms = conf_number_of(limits, "header_ms", 10000),
		.body_ms = conf_number_of(limits, "body_ms", 30000),
		.idle_ms = conf_number_of(limits, "idle_ms", 60000),
		.answer_ms = conf_number_of(limits, "answer_ms", 30000),
	};
	share_files(n, limits, allowed, path, errors);
	read_budget(n, limits, path, errors);
}
