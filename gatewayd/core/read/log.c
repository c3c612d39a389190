/* The audit log's tiles and entry bundles (C2SP tlog-tiles). */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/read/oversight.h"
#include "gatewayd/core/read/reading.h"
#include "gatewayd/core/serve/answer.h"
#include "lib/tlog/tlog.h"
#include "gatewayd/core/store/log.h"

#define BUNDLE_MAX (32u * 1024 * 1024)

void handle_tile(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct buf body = BUF_INIT(65536);
	struct tlog_tile tile;
	struct view hashes;

	if (!tlog_tile_parse(view_from(r->path, 1), &tile) || tile.entries) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	if (!store_get_tile(r->worker->reader, tile.level, tile.index, &hashes, &e) || hashes.n < tile.width * 32u) {
		error_set(&e, REASON_NOT_FOUND, "no such tile");
		answer_unread(r, &e);
	} else {
		if (tile.width == TLOG_TILE_WIDTH)
			r->keeps = KEEPS_FOR_GOOD;
		buf_add(&body, view_make(hashes.p, tile.width * 32u));
		reading_answer(r, &(struct reading){ .what = "log tiles read" }, VIEW("application/octet-stream"),
		               &body);
	}
	buf_free(&body);
}

/* An entry bundle: u16-prefixed leaves. */
void handle_entries(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct buf body = BUF_INIT(BUNDLE_MAX);
	struct tlog_tile tile;
	struct view leaf;
	bool ok = true;

	if (!oversight_own(r)) {
		answer_problem(r, REASON_ROLE_DENIED);
		return;
	}
	if (!tlog_tile_parse(view_from(r->path, 1), &tile) || !tile.entries) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	for (unsigned i = 0; ok && i < tile.width; i++) {
		ok = store_get_entry(r->worker->reader, tile.index * TLOG_TILE_WIDTH + i, &leaf, NULL, &e);
		if (ok)
			put_view16(&body, leaf);
	}
	if (ok && tile.width == TLOG_TILE_WIDTH)
		r->keeps = KEEPS_ITS_READER;
	if (ok)
		reading_answer(r, &(struct reading){ .what = "log entries read" }, VIEW("application/octet-stream"),
		               &body);
	else
		answer_unread(r, &e);
	buf_free(&body);
}
