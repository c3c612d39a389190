/* See backlog.h. */
#include "gatewayd/core/serve/backlog.h"

#include "gatewayd/os/log.h"

#define MIB (1024u * 1024)

static enum backlog judge(const struct store_unmoved *u, uint64_t max)
{
	if (!u->held || u->bytes < max / 4)
		return BACKLOG_LITTLE;
	return u->bytes < max ? BACKLOG_MUCH : BACKLOG_FULL;
}

static void tell(const struct store_unmoved *u, enum backlog held, uint64_t max)
{
	char who[64] = "a process that cannot be named";

	if (held == BACKLOG_LITTLE) {
		log_line("notice", "the store's write-ahead log can be emptied again");
		return;
	}
	if (u->holder)
		snprintf(who, sizeof who, "process %d", u->holder);
	log_line(
	        held == BACKLOG_FULL ? "error" : "warning",
	        "the store's write-ahead log has %llu MiB and cannot be emptied, for %s reads an older state of it: end "
	        "that reader; %s %llu MiB, `space.write_ahead_mib` of the configuration",
	        (unsigned long long)(u->bytes / MIB), who,
	        held == BACKLOG_FULL ? "no new record is taken, which is so from" : "no new record is taken from",
	        (unsigned long long)(max / MIB));
}

void backlog_watch(struct core *c)
{
	enum backlog was = (enum backlog)atomic_load(&c->backlog), held;
	struct conf *conf = core_conf(c);
	uint64_t max = conf->node.write_ahead_max;
	struct writer_stats stats;

	conf_unref(conf);
	writer_stats(c->writer, &stats);
	held = judge(&stats.unmoved, max);
	if (held == was)
		return;
	tell(&stats.unmoved, held, max);
	atomic_store(&c->backlog, held);
}
