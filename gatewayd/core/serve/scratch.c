/* See scratch.h. */
#include "gatewayd/core/serve/scratch.h"

#define RULINGS 1024 /* whose shapes a worker knows */

#define KEPT_MAX 65536 /* bytes that a buffer may hold on to between turns */

bool scratch_open(struct scratch *s)
{
	struct tape_limits limits = { .bytes = REQUEST_BODY_MAX };

	s->envelope = tape_parser_new(&limits);
	s->output = tape_parser_new(&limits);
	s->entry = tape_parser_new(NULL);
	s->schema_run = schema_run_new();
	s->transform_run = transform_run_new();
	s->gcm = gcm_new();
	s->shapes = shapes_new(RULINGS);
	s->record = BUF_INIT(REQUEST_BODY_MAX);
	s->beside = BUF_INIT(1u << 20);
	s->text = BUF_INIT(8u * 1024 * 1024);
	s->proof = BUF_INIT(2 * REQUEST_BODY_MAX);
	return s->envelope && s->output && s->entry && s->schema_run && s->transform_run && s->gcm && s->shapes;
}

void scratch_clear(struct scratch *s)
{
	struct tape_parser *parsers[] = { s->envelope, s->output, s->entry };

	for (size_t i = 0; i < sizeof parsers / sizeof *parsers; i++)
		tape_parser_wipe(parsers[i]);
	member_order_wipe(&s->order);
	scratch_clear_buf(&s->record);
	scratch_clear_buf(&s->beside);
	scratch_clear_buf(&s->text);
	scratch_clear_buf(&s->proof);
}

void scratch_rest(struct scratch *s)
{
	struct scratch fresh = { .envelope = NULL };

	if (scratch_open(&fresh)) {
		scratch_close(s);
		*s = fresh;
	} else {
		scratch_close(&fresh);
	}
}

void scratch_close(struct scratch *s)
{
	tape_parser_free(s->envelope);
	tape_parser_free(s->output);
	tape_parser_free(s->entry);
	schema_run_free(s->schema_run);
	transform_run_free(s->transform_run);
	gcm_free(s->gcm);
	shapes_free(s->shapes);
	member_order_free(&s->order);
	buf_wipe(&s->record);
	buf_wipe(&s->beside);
	buf_wipe(&s->text);
	buf_wipe(&s->proof);
}

void scratch_clear_buf(struct buf *b)
{
	if (b->cap > KEPT_MAX) {
		buf_wipe(b);
		return;
	}
	buf_clear(b);
}
