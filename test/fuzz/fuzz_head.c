/* libFuzzer target: any bytes as a request's head, as the edge hands it to core: the views that are read of it lie in it, its path has
 * no part that it does not have, and who reads a media type or a query reads within them; what came of the body with it is the
 * rest of the frame. */
#include "gatewayd/core/serve/request.h"
#include "test/fuzz/target.h"

static bool inside(struct view part, const struct buf *whole)
{
	return part.n == 0 || (part.p >= whole->p && part.p + part.n <= whole->p + whole->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);
	struct request r = { .head = BUF_INIT(1u << 16) };

	/* Exactly as large. */
	struct view text = exact(in), body;
	if (request_read_head(&r, text, &body)) {
		must(body.n == 0 || (body.p + body.n == text.p + text.n && r.head.n + 2 + body.n == text.n));
		must(inside(r.method, &r.head) && inside(r.target, &r.head) && inside(r.content_type, &r.head));
		must(inside(r.content_digest, &r.head) && inside(r.key, &r.head) && inside(r.accept, &r.head));
		struct view query = r.target;
		r.path = view_cut(&query, '?');
		r.query = query;
		size_t parts = 0;
		for (unsigned k = 0; k < 40; k++) {
			struct view part = request_path_part(&r, k);
			must(inside(part, &r.head) && (part.n == 0 || !memchr(part.p, '/', part.n)));
			parts += part.n;
		}
		must(parts <= r.path.n);
		must(inside(request_query(&r, "after"), &r.head) || request_query(&r, "after").n == 0);
		(void)request_media_is(&r, "application/json");
	}
	exact_free(text);
	buf_free(&r.head);
	return 0;
}
