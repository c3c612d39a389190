/* The audit log's tiles and entry bundles (C2SP tlog-tiles). */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/serve/consult.h"
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
		answer_written(r, VIEW("application/octet-stream"), &body);
	}
	buf_free(&body);
}

/* An entry bundle: u16-prefixed leaves. Reading it is logged. */
void handle_entries(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct tlog_tile tile;
	struct consult *c;
	struct view leaf, packed;

	if (!view_is(view_of(r->peer->agency), r->conf->node.agency)) {
		answer_problem(r, REASON_ROLE_DENIED);
		return;
	}
	if (!tlog_tile_parse(view_from(r->path, 1), &tile) || !tile.entries) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	c = consult_new(r, VIEW("application/octet-stream"), BUNDLE_MAX);
	if (!c)
		return;
	bool ok = consult_note(c, NULL, VIEW(""), "log entries read");
	for (unsigned i = 0; ok && i < tile.width; i++) {
		ok = store_get_entry(r->worker->reader, tile.index * TLOG_TILE_WIDTH + i, &leaf, &packed, &e);
		if (ok)
			put_view16(consult_body(c), leaf);
	}
	if (ok) {
		if (tile.width == TLOG_TILE_WIDTH)
			r->keeps = KEEPS_ITS_READER;
		consult_submit(c);
		return;
	}
	consult_drop(c);
	answer_unread(r, &e);
}
