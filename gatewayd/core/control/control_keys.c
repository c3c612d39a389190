/* The control socket's commands about the node's payload keys. A new master key makes every older copy of the slot file
 * useless (keystore.h). See control_private.h. */
#include "gatewayd/core/control/control_private.h"

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/os/instant.h"

struct keys_job {
	struct job job; /* first */
	struct control_client *client;
	bool rotate;
	int64_t now_ms;
	uint32_t generation, count; /* as the writer, whose they are, found or made them */
};

static bool log_rotation(const struct act *a, uint32_t generation, struct error *e)
{
	char note[80];

	snprintf(note, sizeof note, "master key of payloads made anew: generation %u", (unsigned)generation);
	struct entry entry = { .operation = OPERATION_KEY_CHANGE, .note = view_of(note) };
	return audit_append(a, &entry, NULL, NULL, e);
}

static bool run_keys(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct keys_job *k = JOB_OF(struct keys_job, j);
	struct core *core = k->client->control->o.core;
	struct act a = { .core = core, .writer = w, .job = j, .store = s, .now_ms = k->now_ms };

	if (k->rotate && !writer_rotate_keys(w, e))
		return false;
	k->generation = keystore_generation(core->keys);
	k->count = keystore_count(core->keys);
	return !k->rotate || log_rotation(&a, k->generation, e);
}

static void keys_done(struct job *j)
{
	struct keys_job *k = JOB_OF(struct keys_job, j);

	if (j->committed)
		control_finish(k->client, json_pack("{s:b, s:I, s:I}", "ok", 1, "generation", (json_int_t)k->generation,
		                                    "payload_keys", (json_int_t)k->count));
	else
		control_finish(k->client, json_pack("{s:b, s:s}", "ok", 0, "error", j->error.text));
	writer_release(j);
	free(k);
}

static void ask(struct control_client *c, bool rotate)
{
	struct keys_job *k = calloc(1, sizeof *k);

	if (!k) {
		control_reply_error(c, "memory ran out");
		return;
	}
	k->client = c;
	k->rotate = rotate;
	k->now_ms = instant_now_ms();
	k->job = (struct job){ .home = c->control->home, .run = run_keys, .done = keys_done };
	c->waiting = true;
	writer_submit(c->control->o.core->writer, &k->job);
}

void control_keys_show(struct control_client *c, const json_t *request)
{
	(void)request;
	ask(c, false);
}

void control_keys_rotate(struct control_client *c, const json_t *request)
{
	(void)request;
	ask(c, true);
}
