/* What a gateway says when it does not do what it was asked (RFC 9457), as an error of this program. Any thread. */
#ifndef GATEWAYD_CTL_PROBLEM_H
#define GATEWAYD_CTL_PROBLEM_H

#include "lib/base/error.h"

/* Sets the error that the document's type names, with the sentence that this program has for it: an answer is not printed as it
 * comes. What is no such document, or names none that is known here, is judged by its status. Always false. */
bool problem_taken(int status, struct view body, struct error *e);

#endif
