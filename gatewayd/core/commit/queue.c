/* See queue_private.h. */
#include "gatewayd/core/commit/queue_private.h"

#define OWN_MAX   64 /* of the node's own jobs while others wait */
#define LANE_TURN 8  /* jobs of a lane of weight 1 in its turn */
#define JUST_NOW  64 /* transactions */

bool queue_add(struct queue *q, struct job *j)
{
	struct lane *lane = j->lane ? j->lane : &q->own;
	bool first = !lane->first;

	if (lane->first)
		lane->last->next = j;
	else
		lane->first = j;
	if (lane != &q->own && first)
		TAILQ_INSERT_TAIL(&q->lanes, lane, link);
	lane->last = j;
	q->n++;
	return lane != &q->own && first && lane->taken != q->taken;
}

static void put_first(struct queue *q, struct job *j)
{
	struct lane *lane = j->lane ? j->lane : &q->own;

	j->next = lane->first;
	if (!lane->first) {
		lane->last = j;
		if (lane != &q->own)
			TAILQ_INSERT_TAIL(&q->lanes, lane, link);
	}
	lane->first = j;
	q->n++;
}

void queue_put_back(struct queue *q, struct job *first)
{
	struct job *last = NULL;

	while (first) {
		struct job *j = first;

		first = j->next;
		j->next = last;
		last = j;
	}
	while (last) {
		struct job *j = last;

		last = j->next;
		put_first(q, j);
	}
}

/* Moves up to `most` of a lane's jobs behind *end; how many. */
static uint32_t lane_take(struct queue *q, struct lane *lane, uint32_t most, struct job ***end)
{
	uint32_t n = 0;

	lane->taken = q->taken;
	while (lane->first && n < most) {
		struct job *j = lane->first;

		lane->first = j->next;
		j->next = NULL;
		**end = j;
		*end = &j->next;
		n++;
	}
	q->n -= n;
	return n;
}

static uint32_t lane_share(struct lane *lane)
{
	uint32_t weight = atomic_load_explicit(&lane->weight, memory_order_relaxed);

	return (weight ? weight : 1) * LANE_TURN;
}

/* How many jobs of lanes there may be, of `most`. */
static uint32_t lanes_most(const struct queue *q, uint32_t most, uint32_t shared)
{
	const struct lane *lane;
	bool alone = !TAILQ_FIRST(&q->lanes) || !TAILQ_NEXT(TAILQ_FIRST(&q->lanes), link);
	uint64_t bound = alone && q->mixed > 0 && q->taken - q->mixed < JUST_NOW ? shared : 0;

	TAILQ_FOREACH(lane, &q->lanes, link)
	{
		bound += shared;
		if (bound >= most)
			break;
	}
	return bound > shared && bound < most ? (uint32_t)bound : most;
}

struct job *queue_take(struct queue *q, uint32_t most, uint32_t shared, uint32_t *n)
{
	struct job *first = NULL, **end = &first;
	struct lane *lane;

	q->taken++;
	*n = lane_take(q, &q->own, most < OWN_MAX ? most : OWN_MAX, &end);
	most = *n + lanes_most(q, most - *n, shared);
	while (*n < most && (lane = TAILQ_FIRST(&q->lanes))) {
		uint32_t share = lane_share(lane);

		if (q->last && q->last != lane)
			q->mixed = q->taken;
		q->last = lane;

		*n += lane_take(q, lane, share < most - *n ? share : most - *n, &end);
		TAILQ_REMOVE(&q->lanes, lane, link);
		if (lane->first)
			TAILQ_INSERT_TAIL(&q->lanes, lane, link);
	}
	*n += lane_take(q, &q->own, most - *n, &end);
	return first;
}
