/* See slip.h. */
#include "lib/base/slip.h"

#include <string.h>

unsigned slip_edits(struct view a, struct view b)
{
	unsigned before[SLIP_WORD_MAX + 1], last[SLIP_WORD_MAX + 1], now[SLIP_WORD_MAX + 1];

	if (a.n > SLIP_WORD_MAX || b.n > SLIP_WORD_MAX)
		return SLIP_WORD_MAX;
	for (size_t k = 0; k <= b.n; k++)
		last[k] = (unsigned)k;
	memcpy(before, last, sizeof before);
	for (size_t i = 1; i <= a.n; i++) {
		now[0] = (unsigned)i;
		for (size_t k = 1; k <= b.n; k++) {
			unsigned best = last[k - 1] + (a.p[i - 1] != b.p[k - 1]);
			best = last[k] + 1 < best ? last[k] + 1 : best;
			best = now[k - 1] + 1 < best ? now[k - 1] + 1 : best;
			if (i > 1 && k > 1 && a.p[i - 1] == b.p[k - 2] && a.p[i - 2] == b.p[k - 1] &&
			    before[k - 2] + 1 < best)
				best = before[k - 2] + 1;
			now[k] = best;
		}
		memcpy(before, last, sizeof before);
		memcpy(last, now, sizeof last);
	}
	return last[b.n];
}

bool slip_of(struct view word, struct view candidate, unsigned *edits)
{
	*edits = slip_edits(word, candidate);
	return *edits <= (word.n < 4 ? 1u : word.n < 9 ? 2u : 3u);
}
