/* Words that may be a slip of another one: what a message offers in "did you mean". Pure; any thread. */
#ifndef GATEWAY_BASE_SLIP_H
#define GATEWAY_BASE_SLIP_H

#include <stdbool.h>

#include "lib/base/view.h"

#define SLIP_WORD_MAX 60 /* bytes; longer words are nobody's slip */

/* Edits between two words (optimal string alignment): a letter more, less, other, or two neighbours swapped. */
unsigned slip_edits(struct view a, struct view b);
/* Whether `word` may be meant for `candidate`: the longer the word, the more edits it may be away. `*edits` gets how many. */
bool slip_of(struct view word, struct view candidate, unsigned *edits);

#endif
