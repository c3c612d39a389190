/* See neighbour.h. */
#include "gatewayd/core/serve/neighbour.h"

#include <stdio.h>
#include <stdlib.h>

#include "gatewayd/core/serve/post.h"

struct neighbour *neighbour_of(struct neighbour **all, struct view agency)
{
	struct neighbour *n;
	char name[sizeof n->agency];

	snprintf(name, sizeof name, "%.*s", VIEW_ARG(agency));
	HASH_FIND_STR(*all, name, n);
	if (n)
		return n;
	n = calloc(1, sizeof *n);
	if (!n)
		return NULL;
	n->places = NEIGHBOUR_FIRST;
	n->lines = NEIGHBOUR_LINES;
	memcpy(n->agency, name, sizeof name);
	HASH_ADD_STR(*all, agency, n);
	return n;
}

void neighbours_free(struct neighbour **all)
{
	struct neighbour *n, *next;

	HASH_ITER(hh, *all, n, next)
	{
		HASH_DELETE(hh, *all, n);
		free(n);
	}
}

void neighbours_open(struct neighbour *all)
{
	for (struct neighbour *n = all; n; n = n->hh.next)
		n->asked_ms = n->one_until_ms = 0;
}

bool neighbour_shut(const struct neighbour *n)
{
	return n->silent >= NEIGHBOUR_PATIENCE;
}

unsigned neighbour_room(const struct neighbour *n, int64_t now_ms)
{
	if (neighbour_shut(n))
		return now_ms >= n->asked_ms && n->under_way == 0 ? 1 : 0;
	return n->under_way < n->places ? n->places - n->under_way : 0;
}

bool neighbour_ended(struct neighbour *n, int status, unsigned most, const struct node *node, int64_t now_ms)
{
	bool was_shut = neighbour_shut(n);

	if (status > 0 && status < 500 && status != 429) {
		n->silent = 0;
		n->places = was_shut ? NEIGHBOUR_FIRST : n->places;
		n->places += n->places < most;
		return was_shut;
	}
	n->silent++;
	n->places = n->places > 1 ? n->places / 2 : 1;
	n->lines = n->lines > 1 ? n->lines / 2 : 1;
	if (neighbour_shut(n))
		n->asked_ms = now_ms + post_wait_ms(node, n->silent - NEIGHBOUR_PATIENCE);
	return neighbour_shut(n) != was_shut;
}

unsigned neighbour_lines(const struct neighbour *n, unsigned most, int64_t now_ms)
{
	/* The clock may have gone back. */
	if (now_ms < n->one_until_ms && n->one_until_ms <= now_ms + NEIGHBOUR_ONE_MS)
		return 1;
	return n->lines < most ? n->lines : most;
}

void neighbour_took(struct neighbour *n, unsigned lines, unsigned most)
{
	if (2 * lines > n->lines)
		n->lines = 2 * n->lines < most ? 2 * n->lines : most;
}

void neighbour_in_vain(struct neighbour *n, unsigned lines, bool form, int64_t now_ms)
{
	n->lines = lines;
	if (form)
		n->one_until_ms = now_ms + NEIGHBOUR_ONE_MS;
}
