/* libFuzzer target: any bytes as what a peer sends, first as requests, then as answers. The whole at once and
 * random pieces of it must come to the same, and what is taken must keep the rules that others rely on. */
#include <stdint.h>
#include <stdlib.h>

#include "gatewayd/edge/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

/* What core and the other side are told of a message is free of what ends a line or a string. */
static void check_head(const struct http_reader *r)
{
	struct view v;

	for (enum http_field f = 0; f < HTTP_FIELD_COUNT; f++)
		if (http_value(r, f, &v))
			must(http_value_ok(v) && v.n < HTTP_HEAD_MAX);
	if (r->side == HTTP_REQUESTS) {
		must(http_name_ok(http_method(r)) && http_target_ok(http_target(r)));
		must(http_value(r, HTTP_HOST, &v) && v.n > 0);
		must(http_value(r, HTTP_TRANSFER_ENCODING, &v) == r->chunked);
		must(!r->chunked || !http_value(r, HTTP_CONTENT_LENGTH, &v));
		must(r->length <= r->max_body);
	} else {
		must(r->status >= 200 && r->status <= 599);
	}
}

/* A digest of all that came of the input, read in pieces whose lengths follow from `state`; 0: all at once. */
static uint64_t read_all(enum http_side side, struct view in, uint32_t state)
{
	struct http_reader r;
	uint64_t sum = 1469598103934665603u;
	struct view piece = VIEW(""), body;

	http_init(&r, side, 1000);
	while (piece.n > 0 || in.n > 0) {
		if (piece.n == 0) {
			size_t n = in.n;
			if (state) {
				state = state * 1664525u + 1013904223u;
				n = (state >> 24) % 40 + 1;
			}
			piece = view_make(in.p, n < in.n ? n : in.n);
			in = view_from(in, piece.n);
		}
		enum http_step step = http_read(&r, &piece, &body);
		if (step == HTTP_FAILED) {
			sum = (sum ^ (unsigned)r.reason) * 1099511628211u;
			break;
		}
		if (step == HTTP_HEAD) {
			check_head(&r);
			sum = (sum ^ r.length ^ (unsigned)r.status << 16) * 1099511628211u;
		}
		for (size_t i = 0; step == HTTP_BODY && i < body.n; i++)
			sum = (sum ^ (uint8_t)body.p[i]) * 1099511628211u;
		if (step == HTTP_END) {
			sum = (sum ^ 0x100) * 1099511628211u;
			http_next(&r);
		}
		must(step != HTTP_MORE || piece.n == 0);
	}
	http_free(&r);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);
	uint32_t state = (uint32_t)size * 2654435761u | 1;

	for (int side = HTTP_REQUESTS; side <= HTTP_ANSWERS; side++)
		must(read_all((enum http_side)side, in, 0) == read_all((enum http_side)side, in, state));
	return 0;
}
