/* See tell.h. */
#include "gatewayd/edge/tell.h"

static const struct {
	const char *name, *sentence;
} kinds[EDGE_COUNTS_N] = {
#define C(name, sentence) { #name, sentence },
	EDGE_COUNTS(C)
#undef C
};

const char *edge_count_name(enum edge_count what)
{
	return kinds[what].name;
}

/* Whether one more line of this kind may be written; sets *left_out to how many were not. */
static bool may_tell(struct told *told, uint64_t now, uint32_t *left_out)
{
	*left_out = 0;
	if (told->lines == 0 || now - told->since >= TELL_MS) {
		*left_out = told->left_out;
		*told = (struct told){ .since = now, .lines = 1 };
		return true;
	}
	if (told->lines >= TELL_LINES) {
		told->left_out++;
		return false;
	}
	told->lines++;
	return true;
}

static void say(struct edge_thread *t, enum edge_count what, const struct address *from, const char *who)
{
	char address[ADDRESS_TEXT], more[60] = "";
	uint32_t left_out;

	t->counts.n[what]++;
	if (!kinds[what].sentence || !journal_takes(JOURNAL_WARNING) ||
	    !may_tell(&t->told[what], edge_now(), &left_out))
		return;
	if (left_out > 0)
		snprintf(more, sizeof more, " (and %u others like it since)", left_out);
	if (from)
		edge_log(t, JOURNAL_WARNING, "%s: %s: %s%s%s", address_print(from, address), kinds[what].name,
		         kinds[what].sentence, who, more);
	else
		edge_log(t, JOURNAL_WARNING, "%s: %s%s", kinds[what].name, kinds[what].sentence, more);
}

void tell(struct edge_thread *t, enum edge_count what, const struct address *from)
{
	say(t, what, from, "");
}

void tell_stranger(struct edge_thread *t, const struct address *from, const struct digest *spki)
{
	struct buf pin = BUF_INIT(100);

	buf_adds(&pin, ": ");
	digest_print(&pin, spki);
	buf_addc(&pin, '\0');
	say(t, EDGE_COUNT_stranger, from, pin.failed ? "" : pin.p);
	buf_free(&pin);
}
