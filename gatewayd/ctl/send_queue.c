/* See send_queue.h. */
#include "gatewayd/ctl/send_queue.h"

#include <stdlib.h>

#define KEPT 65536u /* bytes of a place's memory that stay for the next line */

struct send_queue {
	size_t first, n, bytes;
	struct send_queued lines[SEND_QUEUE_LINES];
};

struct send_queue *send_queue_new(void)
{
	return calloc(1, sizeof(struct send_queue));
}

void send_queue_free(struct send_queue *q)
{
	if (!q)
		return;
	for (size_t i = 0; i < SEND_QUEUE_LINES; i++)
		buf_wipe(&q->lines[i].text);
	free(q);
}

size_t send_queue_n(const struct send_queue *q)
{
	return q->n;
}

bool send_queue_is_full(const struct send_queue *q)
{
	return q->n == SEND_QUEUE_LINES || q->bytes >= SEND_QUEUE_BYTES;
}

struct send_queued *send_queue_at(struct send_queue *q, size_t k)
{
	return k < q->n ? &q->lines[(q->first + k) % SEND_QUEUE_LINES] : NULL;
}

bool send_queue_add(struct send_queue *q, const struct send_line *line)
{
	struct send_queued *to = &q->lines[(q->first + q->n) % SEND_QUEUE_LINES];

	to->number = line->number;
	to->digest = line->digest;
	to->why_not = line->why_not;
	snprintf(to->key, sizeof to->key, "%.*s", VIEW_ARG(line->key));
	to->text.max = SEND_LINE_MAX + KEPT + 1;
	buf_reset(&to->text);
	if (!line->why_not) {
		buf_add(&to->text, line->text);
		buf_addc(&to->text, '\n');
	}
	if (to->text.failed)
		return false;
	q->n++;
	q->bytes += to->text.n;
	return true;
}

void send_queue_drop(struct send_queue *q)
{
	struct send_queued *first = &q->lines[q->first];

	q->bytes -= first->text.n;
	if (first->text.cap > KEPT)
		buf_wipe(&first->text);
	else if (first->text.n > 0)
		wipe(first->text.p, first->text.n);
	buf_reset(&first->text);
	q->first = (q->first + 1) % SEND_QUEUE_LINES;
	q->n--;
}
