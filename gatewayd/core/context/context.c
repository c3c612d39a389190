/* See context.h. */
#include "gatewayd/core/context/context.h"

#include <unistd.h>

#include "gatewayd/os/log.h"

void core_die(struct core *c, const struct error *e)
{
	uint64_t one = 1;

	if (e->reason == REASON_TAMPERED)
		atomic_store(&c->tampered, true);
	if (!atomic_exchange(&c->dying, true))
		log_line("error", "going down: %s", e->text);
	(void)!write(c->die_fd, &one, sizeof one);
}

struct conf *core_conf(struct core *c)
{
	pthread_mutex_lock(&c->lock);
	struct conf *conf = conf_ref(c->conf);
	pthread_mutex_unlock(&c->lock);
	return conf;
}
