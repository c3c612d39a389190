/* See space.h. */
#include "gatewayd/core/serve/space.h"

#include "gatewayd/os/log.h"
#include "gatewayd/os/space.h"

#define MIB (1024u * 1024)

/* Whether it is too little; a file system that does not say is not held against anybody. */
static bool is_low(const char *path, const struct space_reserve *reserve, bool was_low, uint64_t *left)
{
	struct error e = { .reason = REASON_NONE };
	uint64_t kept;

	if (!path || !space_look(path, reserve, left, &kept, &e))
		return false;
	return *left < kept + (was_low ? kept / 16 : 0);
}

void space_watch(struct core *c)
{
	struct conf *conf = core_conf(c);
	const struct node *n = &conf->node;
	const char *places[] = { n->store, n->keys, n->mirror, n->anchor };
	bool was_low = atomic_load(&c->space_low), low = false;

	for (size_t i = 0; i < sizeof places / sizeof *places && !low; i++) {
		uint64_t left;
		low = is_low(places[i], &n->reserve, was_low, &left);
		if (low && !was_low)
			log_line(
			        "error",
			        "%s: only %llu MiB are free there: no new record is taken until there is more; the reserve "
			        "is `space` of the configuration",
			        places[i], (unsigned long long)(left / MIB));
	}
	if (was_low && !low)
		log_line("notice", "there is room again: new records are taken");
	if (was_low != low)
		atomic_store(&c->space_low, low);
	conf_unref(conf);
}
