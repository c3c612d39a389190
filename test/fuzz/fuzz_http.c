/* libFuzzer target: any bytes as what a peer sends, first as requests, then as answers. Whole, byte by byte, in random pieces and
 * cut in two they must come to the same, and what is taken must keep the rules that others rely on. */
#include "gatewayd/edge/http.h"
#include "test/fuzz/target.h"

struct sum {
	uint64_t n;
};

static void mix(struct sum *s, uint64_t v)
{
	s->n = (s->n ^ v) * 1099511628211u;
}

static void mix_bytes(struct sum *s, struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		mix(s, (uint8_t)v.p[i]);
}

/* What core and the other side are told of a message is free of what ends a line or a string. */
static void check_head(const struct http_reader *r, struct sum *sum)
{
	struct view v;

	must(r->head.n <= HTTP_HEAD_MAX && r->n_fields <= HTTP_FIELDS_MAX);
	for (enum http_field f = 0; f < HTTP_FIELD_COUNT; f++) {
		if (!http_value(r, f, &v))
			continue;
		must(http_value_ok(v) && v.n < HTTP_HEAD_MAX);
		mix(sum, f);
		mix_bytes(sum, v);
	}
	if (r->side == HTTP_REQUESTS) {
		must(http_name_ok(http_method(r)) && http_target_ok(http_target(r)));
		must(http_value(r, HTTP_HOST, &v) && v.n > 0);
		must(http_value(r, HTTP_TRANSFER_ENCODING, &v) == r->chunked);
		must(!r->chunked || !http_value(r, HTTP_CONTENT_LENGTH, &v));
		must(http_is_stream(r) || r->length <= r->max_body);
		mix_bytes(sum, http_method(r));
		mix_bytes(sum, http_target(r));
	} else {
		must(r->status >= 200 && r->status <= 599);
	}
	mix(sum, r->length ^ (unsigned)r->status << 16);
	mix(sum, (unsigned)r->close << 1 | r->expect_continue);
}

/* How the input is cut. */
enum cuts { WHOLE, BYTES, RANDOM, TWO };
struct cutter {
	enum cuts how;
	size_t at;      /* TWO: the first piece's length */
	uint32_t state; /* RANDOM */
};

static size_t piece_of(struct cutter *c, size_t left)
{
	size_t n = left;

	switch (c->how) {
	case WHOLE: break;
	case BYTES: n = 1; break;
	case RANDOM:
		c->state = c->state * 1664525u + 1013904223u;
		n = (c->state >> 24) % 40 + 1;
		break;
	case TWO:
		n = c->at;
		c->how = WHOLE;
		break;
	}
	return n > 0 && n < left ? n : left;
}

/* A digest of all that came of the input. */
static uint64_t read_all(enum http_side side, struct view in, struct cutter cutter)
{
	struct http_reader r;
	struct sum sum = { 1469598103934665603u };
	struct view piece = VIEW(""), body;
	uint64_t got = 0; /* of the body under way */

	http_init(&r, side, 1000);
	while (piece.n > 0 || in.n > 0) {
		if (piece.n == 0) {
			piece = view_make(in.p, piece_of(&cutter, in.n));
			in = view_from(in, piece.n);
		}
		enum http_step step = http_read(&r, &piece, &body);
		if (step == HTTP_FAILED) {
			must(r.reason != REASON_NONE && r.why);
			mix(&sum, (unsigned)r.reason);
			break;
		}
		if (step == HTTP_HEAD)
			check_head(&r, &sum);
		if (step == HTTP_BODY) {
			got += body.n;
			must(body.n > 0 && (r.chunked || got <= r.length));
			must(side == HTTP_ANSWERS || http_is_stream(&r) || got <= r.max_body);
			mix_bytes(&sum, body);
		}
		if (step == HTTP_END) {
			must(http_is_whole(&r) && (side == HTTP_ANSWERS || got == (r.chunked ? r.taken : r.length)));
			got = 0;
			mix(&sum, 0x100);
			http_next(&r);
		}
		must(step != HTTP_MORE || piece.n == 0);
	}
	http_free(&r);
	return sum.n;
}

/* What a fuzzer counts is read twice: whole, and cut in one of the ways, which the input itself chooses. */
static void check(enum http_side side, struct view in, uint32_t state)
{
	uint64_t whole = read_all(side, in, (struct cutter){ WHOLE, 0, 0 });
	struct cutter cutters[] = { { BYTES, 0, 0 }, { RANDOM, 0, state }, { TWO, state % in.n, 0 }, { TWO, 1, 0 } };

	for (unsigned i = 0; i < 4; i++)
		if (is_thorough() || i == state >> 30)
			must(read_all(side, in, cutters[i]) == whole);
	for (size_t at = 1; is_thorough() && at < in.n; at++)
		must(read_all(side, in, (struct cutter){ TWO, at, 0 }) == whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t state = 2166136261u;

	for (size_t i = 0; i < size; i++)
		state = (state ^ data[i]) * 16777619u;
	if (size > 0) {
		check(HTTP_REQUESTS, view_make(data, size), state | 1);
		check(HTTP_ANSWERS, view_make(data, size), state | 1);
	}
	return 0;
}
