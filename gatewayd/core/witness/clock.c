/* See clock.h. */
#include "gatewayd/core/witness/clock_private.h"

#include <inttypes.h>
#include <jansson.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/witness/timestamp.h"
#include "gatewayd/core/witness/witness.h"
#include "lib/schema/document.h"
#include "gatewayd/os/log.h"
#include "gatewayd/core/audit/entry.h"

/* --- the rule --- */

static bool confirms(int64_t at_ms, int64_t now_ms)
{
	return at_ms != TIME_NONE && at_ms < now_ms + CLOCK_FRESH_MS && at_ms > now_ms - CLOCK_FRESH_MS;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b; /* TIME_NONE is less than any */
}

static bool is_ahead(const struct clock_facts *f)
{
	int64_t known = later(f->entry_ms, f->known_ms);

	return known != TIME_NONE && f->now_ms - known > CLOCK_AHEAD_MS;
}

enum clock_verdict clock_judge(const struct clock_facts *f)
{
	if (f->entry_ms != TIME_NONE && f->now_ms < f->entry_ms)
		return CLOCK_BEHIND;
	if (is_ahead(f) && !confirms(f->cosigned_ms, f->now_ms) && !confirms(f->stamped_ms, f->now_ms))
		return CLOCK_AHEAD;
	return CLOCK_TRUSTED;
}

const char *clock_why(enum clock_verdict v)
{
	switch (v) {
	case CLOCK_TRUSTED: return "the clock is trusted";
	case CLOCK_AHEAD: return "the clock is more than 72 hours past what is known and nothing confirms it";
	case CLOCK_BEHIND: return "the clock lies before the last entry of the audit log";
	}
	return "unknown";
}

/* --- what the store knows --- */

static int64_t time_of(struct view leaf)
{
	json_t *doc = json_loadb(leaf.p, leaf.n, 0, NULL);
	const json_t *time = json_object_get(doc, "time");
	int64_t ms = json_is_integer(time) ? json_integer_value(time) : TIME_NONE;

	json_decref(doc);
	return ms;
}

/* The time of the last entry, when there are new ones. An entry of a time that is still to come was written while
 * the clock was wrong: it is not what the clock is measured by. */
static bool read_entry(struct clock *c, struct error *e)
{
	struct view leaf;
	uint64_t n;

	if (!store_entry_count(c->reader, &n, e))
		return false;
	if (n == 0 || n == c->entries)
		return true;
	if (!store_get_entry(c->reader, n - 1, &leaf, NULL, e))
		return false;
	int64_t ms = time_of(leaf);
	if (ms <= c->facts.now_ms)
		c->facts.entry_ms = later(c->facts.entry_ms, ms);
	c->entries = n;
	return true;
}

static bool read_store(struct clock *c, struct error *e)
{
	struct view text, leaf;
	int64_t ms;

	enum sought known = sought(store_get_value(c->reader, CLOCK_VALUE, &text, e), e);
	if (known == SOUGHT_FAILED)
		return false;
	if (known == SOUGHT_FOUND) {
		if (!time_parse(text, &ms))
			return error_set(e, REASON_STORE, "the store's value of the trusted clock is not a time");
		c->stored = true;
		c->facts.entry_ms = c->facts.known_ms = ms;
	}
	if (!store_entry_count(c->reader, &c->entries, e))
		return false;
	if (c->stored || c->entries == 0)
		return true;
	if (!store_get_entry(c->reader, c->entries - 1, &leaf, NULL, e))
		return false;
	c->facts.entry_ms = time_of(leaf);
	return true;
}

static void read_witnesses(struct clock *c)
{
	c->facts.cosigned_ms = witness_near_ms(c->core);
	c->facts.stamped_ms = timestamp_latest_ms(c->core);
}

struct clock *clock_open(struct core *core, struct store *reader, int64_t now_ms, int64_t monotonic_ms, struct error *e)
{
	struct clock *c = calloc(1, sizeof *c);

	if (!c) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	c->core = core;
	c->reader = reader;
	c->monotonic_ms = monotonic_ms;
	c->facts = (struct clock_facts){ .now_ms = now_ms,
		                         .entry_ms = TIME_NONE,
		                         .known_ms = TIME_NONE,
		                         .cosigned_ms = TIME_NONE,
		                         .stamped_ms = TIME_NONE };
	c->schema = document_schema(VIEW("clock"), e);
	if (!c->schema || !read_store(c, e)) {
		clock_free(c);
		return NULL;
	}
	read_witnesses(c);
	atomic_init(&c->verdict, clock_judge(&c->facts));
	if (c->stored && atomic_load(&c->verdict) != CLOCK_TRUSTED)
		log_line("warning", "%s: nothing is erased", clock_why(clock_judge(&c->facts)));
	return c;
}

void clock_free(struct clock *c)
{
	if (!c)
		return;
	schema_unref(c->schema);
	free(c);
}

/* --- what the log is told --- */

struct step {
	struct job job; /* first */
	struct core *core;
	int64_t now_ms;
	char note[120];
	bool keep, drop; /* the value in the store */
	int64_t known_ms;
};

static bool write_step(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct step *step = JOB_OF(struct step, j);
	struct act a = { .core = step->core, .writer = w, .job = j, .store = s, .now_ms = step->now_ms };
	struct entry entry = { .operation = OPERATION_CLOCK_STEP, .note = view_of(step->note) };
	char text[TIME_TEXT + 1] = "";

	if (step->keep)
		time_print(step->known_ms, text);
	return ((!step->keep && !step->drop) || store_put_value(s, CLOCK_VALUE, view_of(text), e)) &&
	       audit_append(&a, &entry, NULL, NULL, e);
}

/* On the writer's thread: nobody waits for it. */
static void stepped(struct job *j)
{
	struct step *step = JOB_OF(struct step, j);

	if (!j->committed)
		log_line("error", "clock: %s", j->error.text);
	writer_release(j);
	free(step);
}

static void submit(struct clock *c, const struct step *what)
{
	struct step *step = calloc(1, sizeof *step);

	if (!step) {
		log_line("error", "clock: memory ran out");
		return;
	}
	*step = *what;
	step->core = c->core;
	step->now_ms = c->facts.now_ms;
	step->job = (struct job){ .run = write_step, .done = stepped };
	writer_submit(c->core->writer, &step->job);
}

static void note_jump(struct clock *c, int64_t jump_ms)
{
	struct step step = { .keep = false };

	snprintf(step.note, sizeof step.note, "the clock stepped %s by %" PRId64 " s", jump_ms > 0 ? "forward" : "back",
	         (jump_ms > 0 ? jump_ms : -jump_ms) / SECOND_MS);
	log_line("warning", "%s", step.note);
	submit(c, &step);
}

/* Not trusted: from when on stands in the store, so that no restart brings the trust back. */
static void note_verdict(struct clock *c, enum clock_verdict v)
{
	struct step step = { .keep = v != CLOCK_TRUSTED, .drop = v == CLOCK_TRUSTED };

	step.known_ms = v == CLOCK_BEHIND ? c->facts.entry_ms : later(c->facts.entry_ms, c->facts.known_ms);
	if (v == CLOCK_TRUSTED)
		snprintf(step.note, sizeof step.note, "the clock is trusted again: what is due is erased");
	else
		snprintf(step.note, sizeof step.note, "%s: nothing is erased", clock_why(v));
	log_line(v == CLOCK_TRUSTED ? "notice" : "warning", "%s", step.note);
	c->stored = v != CLOCK_TRUSTED;
	submit(c, &step);
}

/* --- looking --- */

void clock_accept(struct clock *c, int64_t now_ms)
{
	c->facts.known_ms = now_ms;
	if (c->facts.entry_ms > now_ms)
		c->facts.entry_ms = now_ms;
}

bool clock_tick(struct clock *c, int64_t now_ms, int64_t monotonic_ms, struct error *e)
{
	int64_t passed = monotonic_ms - c->monotonic_ms, jump = now_ms - c->facts.now_ms - passed;
	bool step = jump > CLOCK_STEP_MS || jump < -CLOCK_STEP_MS;
	enum clock_verdict before = (enum clock_verdict)atomic_load(&c->verdict), v;

	c->facts.now_ms = now_ms;
	c->monotonic_ms = monotonic_ms;
	/* Small corrections are the clock's own; a step has to be measured by what was known before. */
	if (c->facts.known_ms != TIME_NONE)
		c->facts.known_ms += passed + (step ? 0 : jump);
	read_witnesses(c);
	v = clock_judge(&c->facts);
	/* Confirmed, seen for the first time, or put back no further than it may be: later steps count from here. */
	if (v == CLOCK_TRUSTED && (is_ahead(&c->facts) || c->facts.known_ms == TIME_NONE || (step && jump < 0)))
		clock_accept(c, now_ms);
	atomic_store(&c->verdict, (int)v);
	if (step)
		note_jump(c, jump);
	if (v != before || (v == CLOCK_TRUSTED) == c->stored)
		note_verdict(c, v);
	return v != CLOCK_TRUSTED || read_entry(c, e);
}

void clock_read(const struct clock *c, struct clock_facts *out)
{
	*out = c->facts;
}

enum clock_verdict clock_verdict(const struct core *core)
{
	return core->clock ? (enum clock_verdict)atomic_load(&core->clock->verdict) : CLOCK_TRUSTED;
}

bool clock_trusted(const struct core *core)
{
	return clock_verdict(core) == CLOCK_TRUSTED;
}
