/* k-guards: what a record that leaves tells in the fields of each guard, as a digest that a batch can count. The
 * digest is over the bytes that leave, so that values that a rule made coarser are alike. */
#include "lib/transform/states.h"

#include "lib/base/wire.h"

#define ITEM_END UINT32_MAX /* no state has this number */

void guards_start(struct transform_run *r)
{
	for (size_t g = 0; g < GUARDS_MAX; g++) {
		buf_reset(&r->guarded[g].bytes);
		r->guarded[g].any = false;
	}
}

void guards_note(struct transform_run *r, unsigned guards, uint32_t state, struct view written)
{
	/* What separates it from the item before is not of the value. */
	if (written.n && written.p[0] == ',')
		written = view_from(written, 1);
	for (size_t g = 0; guards >> g; g++) {
		if (!(guards >> g & 1))
			continue;
		put_u32(&r->guarded[g].bytes, state);
		put_u32(&r->guarded[g].bytes, (uint32_t)written.n);
		buf_add(&r->guarded[g].bytes, written);
		r->guarded[g].any = true;
	}
}

void guards_mark(const struct program *p, const struct transform_run *r, struct guard_marks *marks)
{
	for (size_t g = 0; g < p->n_guards; g++)
		marks->n[g] = r->guarded[g].bytes.n;
}

void guards_end_item(const struct program *p, struct transform_run *r, const struct guard_marks *marks)
{
	for (size_t g = 0; g < p->n_guards; g++)
		if (r->guarded[g].bytes.n > marks->n[g])
			put_u32(&r->guarded[g].bytes, ITEM_END);
}

bool guards_finish(const struct program *p, struct transform_run *r, struct error *e)
{
	for (size_t g = 0; g < p->n_guards; g++) {
		const struct rule *rule = &p->rules[p->guards[g]];
		struct guarded *of = &r->guarded[g];
		struct view subject;

		if (!of->any)
			continue;
		if (of->bytes.failed)
			return error_set(e, REASON_NO_MEMORY, "no memory for the fields of a k-guard");
		sha256(buf_view(&of->bytes), &of->combination);
		of->subject = (struct digest){ .b = { 0 } };
		if (!rule->subject.n)
			continue;
		if (!rule_subject(rule, r, &subject, e))
			return false;
		/* A person who is written in two ways is one, or would make up a group alone. */
		buf_reset(&r->bytes);
		const char *wrong = normalise_subject(r->normaliser, subject, &r->bytes);
		if (wrong)
			return rule_fail(rule, e, wrong);
		sha256(buf_view(&r->bytes), &of->subject);
	}
	return true;
}

size_t program_guards(const struct program *p, struct program_guard out[GUARDS_MAX])
{
	for (size_t g = 0; g < p->n_guards; g++) {
		const struct guard_params *params = p->rules[p->guards[g]].p.guard;

		out[g] = (struct program_guard){ .rule = p->guards[g], .k = params->k, .refuse = params->refuse };
	}
	return p->n_guards;
}

bool transform_combination(const struct transform_run *r, size_t guard, struct digest *combination,
                           struct digest *subject)
{
	if (guard >= GUARDS_MAX || !r->guarded[guard].any)
		return false;
	*combination = r->guarded[guard].combination;
	*subject = r->guarded[guard].subject;
	return true;
}
