/* See damaged.h. */
#include "gatewayd/core/audit/damaged.h"

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/keys/damage.h"
#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define PART 64 /* payloads between two pauses */

struct incident {
	struct job job; /* first */
	struct core *core;
	struct uuid exchange;
	char note[80];
	int64_t now_ms;
};

static bool write_incident(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct incident *i = JOB_OF(struct incident, j);
	struct act a = { .core = i->core, .writer = w, .job = j, .store = s, .now_ms = i->now_ms };
	struct entry entry = { .operation = OPERATION_INCIDENT, .exchange = i->exchange, .note = view_of(i->note) };

	return audit_append(&a, &entry, NULL, NULL, e);
}

static void written(struct job *j)
{
	if (!j->committed)
		log_line("error", "a damaged payload could not be logged: %s", j->error.text);
	writer_release(j);
	free(JOB_OF(struct incident, j));
}

void damaged_found(struct core *c, const struct uuid *exchange, const char *what)
{
	struct incident *i;
	struct attempt one = attempt_of(VIEW("damaged"), view_make(exchange->b, sizeof exchange->b), REASON_DAMAGED);
	char id[UUID_TEXT + 1];

	if (attempts_known(c->attempts, &one, instant_now_ms()))
		return;
	attempts_note(c->attempts, &one, instant_now_ms());
	uuid_print(exchange, id);
	log_line("error", "exchange %s is damaged in the store: %s", id, what);
	i = calloc(1, sizeof *i);
	if (!i)
		return;
	i->core = c;
	i->exchange = *exchange;
	i->now_ms = instant_now_ms();
	snprintf(i->note, sizeof i->note, "damaged: %s", what);
	i->job = (struct job){ .run = write_incident, .done = written };
	writer_submit(c->writer, &i->job);
}

static void found(void *arg, const struct uuid *exchange, const char *what)
{
	damaged_found(arg, exchange, what);
}

bool damaged_look(struct core *c, struct store *reader, bool (*pause)(void *arg, int64_t worked_us), void *arg,
                  struct error *e)
{
	struct damage_look l = { .keys = c->keys, .gcm = gcm_new(), .reader = reader, .found = found, .arg = c };
	bool more = true, ok = l.gcm || error_set(e, REASON_NO_MEMORY, "memory ran out");

	while (ok && more) {
		int64_t began = instant_monotonic_us();
		ok = damage_look(&l, PART, &more, e);
		if (ok && !pause(arg, instant_monotonic_us() - began))
			ok = error_set(e, REASON_UNAVAILABLE, "the look for damage was stopped");
	}
	gcm_free(l.gcm);
	if (ok)
		atomic_store(&c->damaged, l.damaged);
	return ok;
}
