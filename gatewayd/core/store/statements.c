/* Every statement of the store, written once for every engine: in the SQL that SQLite and PostgreSQL both take. Upserts
 * name their key, a truth is a CASE, a subquery in FROM has a name, and no number is given by the engine. See
 * migrations.c for the tables. */
#include "gatewayd/core/store/sql_private.h"

#define EXCHANGE_COLUMNS \
	"SELECT x.seq, x.id, x.origin, x.partner, x.key, x.body, t.received_ms, x.agreement, x.agreement_digest, " \
	"x.provider, x.recipient, t.state, x.status, x.answer, t.entry FROM exchange x JOIN state t ON t.seq = x.seq "
#define TIMER_COLUMNS \
	"SELECT seq, due_ms, kind, held, base_ms, payload_ms, mask_ms, review_ms, notify_ms, end_ms, " \
	"return_at_end, receipt_ms, inbox, purpose, reference FROM timer "
#define TIMER_PUT(held) \
	"INSERT INTO timer (seq, due_ms, kind, held, base_ms, payload_ms, mask_ms, review_ms, notify_ms, end_ms, " \
	"return_at_end, receipt_ms, inbox, purpose, reference) " \
	"VALUES (?1, ?2, ?3, " held ", ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) " \
	"ON CONFLICT (seq) DO UPDATE SET due_ms = excluded.due_ms, kind = excluded.kind, held = excluded.held, " \
	"base_ms = excluded.base_ms, payload_ms = excluded.payload_ms, mask_ms = excluded.mask_ms, " \
	"review_ms = excluded.review_ms, notify_ms = excluded.notify_ms, end_ms = excluded.end_ms, " \
	"return_at_end = excluded.return_at_end, receipt_ms = excluded.receipt_ms, inbox = excluded.inbox, " \
	"purpose = excluded.purpose, reference = excluded.reference"
#define DUTY_COLUMNS \
	"SELECT id, seq, kind, state, made_ms, due_ms, done_ms, escalated, blocks, inbox, result, why FROM duty "
#define HOLD_COLUMNS "SELECT id, seq, kind, from_ms, until_ms, statement, signer, role, ended_ms FROM hold "
#define IN_FORCE     "CASE WHEN EXISTS (SELECT 1 FROM hold h WHERE h.seq = ?1 AND h.ended_ms IS NULL) THEN 1 ELSE 0 END"
/* Held timers are few and in no index of their own: they are found by their holds. */
#define HELD_BY "seq IN (SELECT seq FROM hold WHERE ended_ms IS NULL) AND held <> 0"
/* Day and kind are one number, day << 8 | kind: a million rows are sorted by it twice as fast as by two. */
#define DUE_DAYS(held) \
	"SELECT due_ms / 86400000 << 8 | kind, " held ", count(*), min(due_ms), max(due_ms) FROM timer WHERE "
/* Rows are numbered past the largest: of one table, or of two of which the second has what left the first. */
#define NEXT_ID(table) "(SELECT coalesce(max(id), 0) + 1 FROM " table ")"
#define LAST_ID(table, ended) \
	"SELECT coalesce(max(id), 0) FROM (SELECT max(id) AS id FROM " table " UNION ALL SELECT max(id) FROM " ended \
	") ids"
/* SQL_THESE of them. What is NULL is among no rows. */
#define THESE            "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
#define DELIVERY_COLUMNS "SELECT seq, recipient, next_ms, deadline_ms, attempts, last_error, envelope FROM delivery "
#define ACT_COLUMNS \
	"SELECT number, digest, text, agreement, kind, status, state, received_ms, from_ms, due_ms, ended_ms, entry FROM act "
#define ACT_TELLING_COLUMNS \
	"SELECT id, act, recipient, made_ms, next_ms, until_ms, attempts, last_error FROM act_telling "
#define NOTICE_COLUMNS \
	"SELECT id, seq, kind, recipient, entry, body, made_ms, next_ms, attempts, last_error FROM notice "
#define NOTICE_TAKEN_COLUMNS "SELECT seq, digest, kind, entry, taken_ms, proof FROM notice_taken "
#define CONSENT_COLUMNS      "SELECT seq, agreement, purpose, consent, told FROM consent "
#define ENTRY_COLUMNS \
	"SELECT e.idx, e.leaf, e.compact, d.packed, d.compact FROM entry e LEFT JOIN disclosure d ON d.idx = e.idx "
#define INBOX_COLUMNS "SELECT id, seq, exchange, kind, body, made_ms FROM inbox "

/* clang-format off */
const char *const sql_texts[SQL_COUNT] = {
	[SQL_EXCHANGE_PUT] = "INSERT INTO exchange (seq, id, origin, partner, key, body, agreement, agreement_digest, "
		"provider, recipient, status, answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[SQL_EXCHANGE_ANSWER] = "UPDATE exchange SET status = ?2, answer = ?3 WHERE seq = ?1",
	[SQL_EXCHANGE_AGREEMENT] = "UPDATE exchange SET agreement_digest = ?2 WHERE seq = ?1",
	[SQL_STATE_PUT] = "INSERT INTO state (seq, state, entry, received_ms, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_STATE_STATE] = "UPDATE state SET state = ?2 WHERE seq = ?1",
	[SQL_STATE_ENTRY] = "UPDATE state SET entry = ?2 WHERE seq = ?1",
	[SQL_PAYLOAD_PUT] = "INSERT INTO payload (seq, sealed) VALUES (?1, ?2) "
		"ON CONFLICT (seq) DO UPDATE SET sealed = excluded.sealed",
	[SQL_PAYLOAD_SLOT_PUT] = "INSERT INTO payload_slot (seq, slot) VALUES (?1, ?2) "
		"ON CONFLICT (seq) DO UPDATE SET slot = excluded.slot",
	[SQL_PAYLOAD_ERASE] = "DELETE FROM payload WHERE seq = ?1",
	[SQL_PAYLOAD_SLOT_ERASE] = "DELETE FROM payload_slot WHERE seq = ?1",
	[SQL_TIMER_PUT] = TIMER_PUT(IN_FORCE),
	[SQL_TIMER_PUT_NEW] = TIMER_PUT("0"),
	[SQL_TIMER_DROP] = "DELETE FROM timer WHERE seq = ?1",
	[SQL_DUTY_PUT] = "INSERT INTO duty (id, seq, kind, state, made_ms, due_ms, done_ms, escalated, blocks, inbox, "
		"result, why) VALUES (" NEXT_ID("duty") ", ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id",
	[SQL_DUTY_SET] = "UPDATE duty SET state = ?2, due_ms = ?3, done_ms = ?4, escalated = ?5, blocks = ?6, inbox = ?7, "
		"result = ?8, why = ?9 WHERE id = ?1",
	[SQL_LINK_PUT] = "INSERT INTO link (child, kind, parent, version) VALUES (?1, ?2, ?3, ?4) "
		"ON CONFLICT (child, kind) DO UPDATE SET parent = excluded.parent, version = excluded.version",
	[SQL_CAVEATS_PUT] = "INSERT INTO caveats (seq, text, salt, mark) VALUES (?1, ?2, ?3, ?4) "
		"ON CONFLICT (seq) DO UPDATE SET text = excluded.text, salt = excluded.salt, mark = excluded.mark",
	[SQL_CAVEATS_DROP] = "DELETE FROM caveats WHERE seq = ?1",
	[SQL_MARK_PUT] = "INSERT INTO mark (prefix, seq) SELECT substr(mark, 1, 4), seq FROM caveats "
		"WHERE seq = ?1 AND mark IS NOT NULL ON CONFLICT DO NOTHING",
	[SQL_MARK_DROP] = "DELETE FROM mark WHERE seq = ?1 AND prefix = "
		"(SELECT substr(mark, 1, 4) FROM caveats c WHERE c.seq = ?1)",
	[SQL_MARK_END] = "UPDATE mark_end SET seq = ?1",
	[SQL_HOLD_PUT] = "INSERT INTO hold (id, seq, kind, from_ms, until_ms, statement, signer, role) "
		"VALUES (" NEXT_ID("hold") ", ?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING RETURNING id",
	[SQL_HOLD_END] = "UPDATE hold SET ended_ms = ?2 WHERE id = ?1 AND ended_ms IS NULL RETURNING seq",
	[SQL_HOLD_TIMER] = "UPDATE timer SET held = " IN_FORCE " WHERE seq = ?1",
	[SQL_ACT_PUT] = "INSERT INTO act (number, digest, text, agreement, kind, status, state, received_ms, from_ms, due_ms, "
		"ended_ms, entry) VALUES ((SELECT coalesce(max(number), 0) + 1 FROM act), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
		"RETURNING number",
	[SQL_ACT_SET] = "UPDATE act SET state = ?2, from_ms = ?3, due_ms = ?4, ended_ms = ?5, entry = ?6 WHERE number = ?1",
	[SQL_ACT_SIGNATURE_PUT] = "INSERT INTO act_signature (act, spki, seat, agency, cms, received_ms) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING RETURNING act",
	[SQL_ACT_TELLING_PUT] = "INSERT INTO act_telling (id, act, recipient, made_ms, next_ms, until_ms, attempts, last_error) "
		"VALUES (" NEXT_ID("act_telling") ", ?1, ?2, ?3, ?4, ?5, 0, '') ON CONFLICT (act, recipient) DO UPDATE SET "
		"next_ms = excluded.next_ms, until_ms = excluded.until_ms, attempts = 0 RETURNING id",
	[SQL_ACT_TELLING_RETRY] = "UPDATE act_telling SET attempts = attempts + 1, next_ms = ?2, last_error = ?3 WHERE id = ?1",
	[SQL_ACT_TELLING_DROP] = "DELETE FROM act_telling WHERE id = ?1",
	[SQL_DELIVERY_PUT] = "INSERT INTO delivery (seq, recipient, next_ms, deadline_ms, attempts, "
		"last_error, envelope, series) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
		"ON CONFLICT (seq) DO UPDATE SET recipient = excluded.recipient, next_ms = excluded.next_ms, "
		"deadline_ms = excluded.deadline_ms, attempts = excluded.attempts, last_error = "
		"excluded.last_error, envelope = excluded.envelope, series = excluded.series",
	[SQL_DELIVERY_RETRY] = "UPDATE delivery SET attempts = attempts + 1, next_ms = ?2, last_error = ?3 "
		"WHERE seq = ?1",
	[SQL_DELIVERY_STOP] = "UPDATE delivery SET next_ms = ?2, last_error = ?3 WHERE seq = ?1",
	[SQL_DELIVERY_EXTEND] = "UPDATE delivery SET next_ms = ?2, deadline_ms = deadline_ms + ?3 WHERE seq = ?1",
	[SQL_DELIVERY_DROP] = "DELETE FROM delivery WHERE seq = ?1",
	[SQL_KEPT_PUT] = "INSERT INTO kept (seq, envelope) VALUES (?1, ?2) "
		"ON CONFLICT (seq) DO UPDATE SET envelope = excluded.envelope",
	[SQL_KEPT_DROP] = "DELETE FROM kept WHERE seq = ?1",
	[SQL_NOTICE_PUT] = "INSERT INTO notice (id, seq, kind, recipient, entry, body, made_ms, next_ms, attempts, "
		"last_error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[SQL_NOTICE_HASTEN] = "UPDATE notice SET next_ms = ?2 WHERE id = ?1",
	[SQL_NOTICE_RETRY] = "UPDATE notice SET attempts = attempts + 1, next_ms = ?2, last_error = ?3 WHERE id = ?1",
	[SQL_NOTICE_END_PUT] = "INSERT INTO notice_end (id, seq, kind, recipient, entry, made_ms, ended_ms, error, receipt) "
		"SELECT id, seq, kind, recipient, entry, made_ms, ?2, ?3, ?4 FROM notice WHERE id = ?1",
	[SQL_NOTICE_DROP] = "DELETE FROM notice WHERE id = ?1",
	[SQL_NOTICE_TAKEN_PUT] = "INSERT INTO notice_taken (seq, digest, kind, entry, taken_ms, proof) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_INBOX_PUT] = "INSERT INTO inbox (id, seq, exchange, kind, body, made_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_INBOX_DONE] = "INSERT INTO inbox_done (id, seq, exchange, kind, made_ms, acked_ms, receipt) "
		"SELECT id, seq, exchange, kind, made_ms, ?2, ?3 FROM inbox WHERE id = ?1",
	[SQL_INBOX_DROP] = "DELETE FROM inbox WHERE id = ?1",
	[SQL_ENTRY_PUT] = "INSERT INTO entry (idx, leaf, compact) VALUES (?1, '', ?2)",
	[SQL_DISCLOSURE_PUT] = "INSERT INTO disclosure (idx, packed, compact, shape) VALUES (?1, '', ?2, ?3)",
	[SQL_DISCLOSURE_ERASE] = "DELETE FROM disclosure WHERE idx = ?1 RETURNING shape",
	[SQL_SHAPE_PUT] = "INSERT INTO shape (id, agreement, digest, text, named) VALUES (" NEXT_ID("shape") ", ?1, ?2, ?3, 0) "
		"RETURNING id",
	[SQL_SHAPE_COUNT] = "UPDATE shape SET named = named + ?2 WHERE id = ?1",
	[SQL_SHAPE_DROP] = "DELETE FROM shape WHERE id = ?1 AND named <= 0 AND NOT EXISTS "
		"(SELECT 1 FROM disclosure WHERE shape = ?1)",
	[SQL_SHAPE_ARCHIVE] = "UPDATE shape SET named = named - gone.n FROM (SELECT shape AS id, count(*) AS n FROM disclosure "
		"WHERE idx >= ?1 AND idx < ?2 AND shape IS NOT NULL GROUP BY shape) gone WHERE shape.id = gone.id",
	[SQL_SHAPE_TRIM] = "DELETE FROM shape WHERE named <= 0 AND NOT EXISTS "
		"(SELECT 1 FROM disclosure d WHERE d.shape = shape.id)",
	[SQL_ENTRY_ARCHIVE] = "DELETE FROM entry WHERE idx >= ?1 AND idx < ?2",
	[SQL_DISCLOSURE_ARCHIVE] = "DELETE FROM disclosure WHERE idx >= ?1 AND idx < ?2",
	[SQL_TILE_PUT] = "INSERT INTO tile (key, hashes) VALUES (?1, ?2) "
		"ON CONFLICT (key) DO UPDATE SET hashes = excluded.hashes",
	[SQL_CHECKPOINT_PUT] = "INSERT INTO checkpoint (size, note) VALUES (?1, ?2)",
	[SQL_DOCUMENT_PUT] = "INSERT INTO document (digest, kind, text, first_ms) VALUES (?1, ?2, ?3, ?4) "
		"ON CONFLICT DO NOTHING",
	[SQL_VALUE_PUT] = "INSERT INTO value (name, value) VALUES (?1, ?2) "
		"ON CONFLICT (name) DO UPDATE SET value = excluded.value",
	[SQL_VALUE_DROP] = "DELETE FROM value WHERE name = ?1",
	[SQL_LOG_PUT] = "INSERT INTO log (number, origin, before, note) VALUES (?1, ?2, ?3, ?4)",
	[SQL_WITNESSED_PUT] = "INSERT INTO witnessed (origin, size, root, note, incident) "
		"VALUES (?1, ?2, ?3, ?4, ?5) "
		"ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = "
		"excluded.note, incident = excluded.incident",
	[SQL_COSIGNATURE_PUT] = "INSERT INTO cosignature (witness, size, line) VALUES (?1, ?2, ?3) "
		"ON CONFLICT (size, witness) DO UPDATE SET line = excluded.line",
	[SQL_COSIGNATURE_DROP] = "DELETE FROM cosignature WHERE size >= ?1 AND size < ?2",
	[SQL_COSIGNATURE_TRIM] = "DELETE FROM cosignature WHERE size > "
		"(SELECT min(size) FROM cosignature WHERE size >= ?1 AND size < ?2) AND size <= "
		"(SELECT size FROM (SELECT DISTINCT size FROM cosignature WHERE size >= ?1 AND size < ?2) AS sizes "
		"ORDER BY size DESC LIMIT 1 OFFSET ?3)",
	[SQL_SIGHTED_PUT] = "INSERT INTO sighted (origin, size, note) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
	[SQL_SIGHTED_DROP] = "DELETE FROM sighted WHERE origin = ?1 AND size >= ?2 AND size <= ?3",
	[SQL_UNPROVED_PUT] = "INSERT INTO unproved (seq, origin, size, forked) VALUES (?1, ?2, ?3, 0)",
	[SQL_UNPROVED_FORKED] = "UPDATE unproved SET forked = 1 WHERE origin = ?1 AND size = ?2",
	[SQL_UNPROVED_DROP] = "DELETE FROM unproved WHERE origin = ?1 AND size = ?2",
	[SQL_UNPROVED_ERASE] = "DELETE FROM unproved WHERE seq = ?1",
	[SQL_SIGHTED_TRIM] = "DELETE FROM sighted WHERE origin = ?1 AND size <= "
		"(SELECT size FROM sighted WHERE origin = ?1 ORDER BY size DESC LIMIT 1 OFFSET ?2)",
	[SQL_SIGHTED_TRIM_LONG] = "DELETE FROM sighted WHERE origin = ?1 AND length(note) > ?3 AND size <= "
		"(SELECT size FROM sighted WHERE origin = ?1 AND length(note) > ?3 ORDER BY size DESC LIMIT 1 OFFSET ?2)",
	[SQL_TALE_PUT] = "INSERT INTO tale (digest) VALUES (?1) ON CONFLICT DO NOTHING",
	[SQL_TALE_DROP] = "DELETE FROM tale WHERE digest = ?1",
	[SQL_TIMESTAMP_PUT] = "INSERT INTO timestamp (size, time_ms, response) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",

	[SQL_SURROGATE_PUT] = "INSERT INTO surrogate (agreement, epoch, key, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
	[SQL_SURROGATE_END_PUT] = "INSERT INTO surrogate_end (agreement, epoch, until_ms) VALUES (?1, ?2, ?3) "
		"ON CONFLICT (agreement, epoch) DO UPDATE SET until_ms = excluded.until_ms",
	[SQL_SURROGATE_ERASE] = "DELETE FROM surrogate WHERE agreement = ?1 AND epoch = ?2",
	[SQL_APPROVAL_PUT] = "INSERT INTO approval (statement, until_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
	[SQL_APPROVAL_DROP] = "DELETE FROM approval WHERE until_ms <= ?1",
	[SQL_CONSENT_PUT] = "INSERT INTO consent (seq, agreement, purpose, consent, told) VALUES (?1, ?2, ?3, ?4, ?5) "
		"ON CONFLICT (seq) DO UPDATE SET purpose = excluded.purpose, consent = excluded.consent, told = excluded.told",
	[SQL_CONSENT_DROP] = "DELETE FROM consent WHERE seq = ?1",
	[SQL_STATES_STATE] = "UPDATE state SET state = ?17 WHERE seq IN " THESE,
	[SQL_TIMER_REARM] = "UPDATE timer SET due_ms = ?2, kind = ?3, payload_ms = ?4 WHERE seq = ?1",
	[SQL_RECEIPT_BUNDLE_PUT] = "INSERT INTO receipt_bundle (id, packed) VALUES (" NEXT_ID("receipt_bundle") ", ?1) "
		"RETURNING id",
	[SQL_RECEIPT_OF_PUT] = "INSERT INTO receipt_of (seq, bundle, place) VALUES (?1, ?2, ?3) "
		"ON CONFLICT (seq) DO UPDATE SET bundle = excluded.bundle, place = excluded.place",
	[SQL_DELIVERIES_DROP] = "DELETE FROM delivery WHERE seq IN " THESE,
	[SQL_PAYLOADS_ERASE] = "DELETE FROM payload WHERE seq IN " THESE,
	[SQL_PAYLOAD_SLOTS_ERASE] = "DELETE FROM payload_slot WHERE seq IN " THESE,
	[SQL_UNPROVED_ERASE_ALL] = "DELETE FROM unproved WHERE seq IN " THESE,
	[SQL_SURROGATE_END_DROP] = "DELETE FROM surrogate_end WHERE agreement = ?1 AND epoch = ?2",

	[SQL_EXCHANGE_SEQ] = EXCHANGE_COLUMNS "WHERE x.seq = ?1",
	[SQL_EXCHANGE_ID] = EXCHANGE_COLUMNS "WHERE x.id = ?1",
	[SQL_EXCHANGE_ORIGIN] = EXCHANGE_COLUMNS "WHERE x.origin = ?1 AND x.provider = ?2",
	[SQL_EXCHANGE_LIST] = EXCHANGE_COLUMNS "WHERE x.seq < ?1 ORDER BY x.seq DESC LIMIT ?2",
	[SQL_STATE_WINDOW] = "SELECT seq, received_ms, hash FROM state ORDER BY seq DESC",
	[SQL_EXCHANGE_LAST] = "SELECT coalesce(max(seq), 0) FROM exchange",
	[SQL_PAYLOAD_GET] = "SELECT p.slot, b.sealed FROM payload_slot p JOIN payload b ON b.seq = p.seq WHERE p.seq = ?1",
	[SQL_PAYLOAD_SLOT] = "SELECT slot FROM payload_slot WHERE seq = ?1",
	[SQL_PAYLOAD_LIST] = "SELECT seq FROM payload_slot WHERE seq > ?1 ORDER BY seq LIMIT ?2",
	[SQL_PAYLOAD_SLOTS] = "SELECT slot FROM payload_slot",
	[SQL_TIMER_GET] = TIMER_COLUMNS "WHERE seq = ?1",
	[SQL_TIMER_DUE] = TIMER_COLUMNS "WHERE held = 0 AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2",
	[SQL_TIMER_LIST] = TIMER_COLUMNS "WHERE seq > ?1 ORDER BY seq LIMIT ?2",
	[SQL_DUE_LIST] = "SELECT * FROM (" TIMER_COLUMNS "WHERE held = 0 AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2) free "
		"UNION ALL " TIMER_COLUMNS "WHERE " HELD_BY " AND due_ms <= ?1 ORDER BY 2 LIMIT ?2",
	[SQL_DUE_DAYS] = DUE_DAYS("0") "held = 0 AND due_ms <= ?1 GROUP BY 1 "
		"UNION ALL " DUE_DAYS("1") HELD_BY " AND due_ms <= ?1 GROUP BY 1 ORDER BY 1, 2",
	[SQL_DUE_AGREEMENTS] = "SELECT t.kind, t.held, count(*), min(t.due_ms), max(t.due_ms), x.agreement "
		"FROM timer t JOIN exchange x ON x.seq = t.seq WHERE t.due_ms <= ?1 GROUP BY 6, 1, 2 ORDER BY 6, 1, 2",
	[SQL_HOLD_FIND] = HOLD_COLUMNS "WHERE statement = ?1",
	[SQL_HOLD_LIST] = HOLD_COLUMNS "WHERE ended_ms IS NULL OR ?1 <> 0 ORDER BY id",
	[SQL_HOLD_LIST_OF] = HOLD_COLUMNS "WHERE seq = ?1 AND (ended_ms IS NULL OR ?2 <> 0) ORDER BY id",
	[SQL_HOLD_DUE] = HOLD_COLUMNS "WHERE ended_ms IS NULL AND until_ms <= ?1 ORDER BY until_ms LIMIT ?2",
	[SQL_HOLD_COUNT] = "SELECT count(*) FILTER (WHERE kind = ?2), count(*) FILTER (WHERE kind = ?3) FROM hold "
		"WHERE seq = ?1 AND ended_ms IS NULL",
	[SQL_ACT_FIND] = ACT_COLUMNS "WHERE digest = ?1",
	[SQL_ACT_GET] = ACT_COLUMNS "WHERE number = ?1",
	[SQL_ACT_LIST] = ACT_COLUMNS "WHERE number > ?1 ORDER BY number LIMIT ?2",
	[SQL_ACT_LIST_OF] = ACT_COLUMNS "WHERE agreement = ?3 AND number > ?1 ORDER BY number LIMIT ?2",
	[SQL_ACT_LIST_EFFECTIVE] = ACT_COLUMNS "WHERE state IN (1, 2) AND number > ?1 ORDER BY number LIMIT ?2",
	[SQL_ACT_DUE] = ACT_COLUMNS "WHERE due_ms IS NOT NULL AND ended_ms IS NULL AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2",
	[SQL_ACT_SIGNATURE_LIST] = "SELECT act, spki, seat, agency, cms, received_ms FROM act_signature WHERE act = ?1 "
		"ORDER BY received_ms, seat",
	[SQL_ACT_TELLING_GET] = ACT_TELLING_COLUMNS "WHERE id = ?1",
	[SQL_ACT_TELLING_DUE] = ACT_TELLING_COLUMNS "WHERE recipient = ?1 AND next_ms <= ?2 AND until_ms <= ?3 AND id % ?5 = ?4 "
		"ORDER BY next_ms LIMIT ?6",
	[SQL_ACT_TELLING_RECIPIENT] = "SELECT recipient FROM act_telling WHERE recipient > ?1 ORDER BY recipient LIMIT 1",
	[SQL_ACT_TELLING_LIST] = ACT_TELLING_COLUMNS "WHERE id > ?1 ORDER BY id LIMIT ?2",
	[SQL_DUTY_FIND] = DUTY_COLUMNS "WHERE seq = ?1 AND kind = ?2 ORDER BY id DESC LIMIT 1",
	[SQL_DUTY_LIST] = DUTY_COLUMNS "WHERE seq = ?1 ORDER BY id",
	[SQL_DUTY_OVERDUE] = DUTY_COLUMNS "WHERE state = 1 AND id > ?1 ORDER BY id LIMIT ?2",
	[SQL_DUTY_BLOCKING] = "SELECT DISTINCT x.agreement, x.recipient FROM duty d JOIN exchange x ON x.seq = d.seq "
		"WHERE d.state = 1 AND d.blocks = 1",
	[SQL_LINK_GET] = "SELECT child, parent, kind, version FROM link WHERE child = ?1 AND kind = ?2",
	[SQL_LINK_LIST] = "SELECT child, parent, kind, version FROM link WHERE parent = ?1 AND kind = ?2 ORDER BY child",
	[SQL_CAVEATS_GET] = "SELECT text, salt, mark FROM caveats WHERE seq = ?1",
	[SQL_MARK_ANY] = "SELECT (SELECT count(*) FROM (SELECT seq FROM mark LIMIT 1) AS one) + (SELECT count(*) FROM "
		"(SELECT c.seq FROM caveats c WHERE c.seq > (SELECT e.seq FROM mark_end e) AND c.mark IS NOT NULL LIMIT 1) AS other)",
	[SQL_MARK_IS] = "SELECT count(*) FROM caveats WHERE seq = ?1 AND mark = ?2",
	[SQL_MARK_LAST] = "SELECT seq FROM mark_end",
	[SQL_MARK_LIST] = "SELECT seq FROM mark WHERE prefix = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
	[SQL_MARK_UNMOVED] = "SELECT c.seq, c.mark FROM caveats c WHERE c.seq > ?1 AND c.mark IS NOT NULL AND NOT EXISTS "
		"(SELECT 1 FROM mark m WHERE m.prefix = substr(c.mark, 1, 4) AND m.seq = c.seq) ORDER BY c.seq",
	[SQL_DELIVERY_GET] = DELIVERY_COLUMNS "WHERE seq = ?1",
	[SQL_DELIVERY_DUE] = DELIVERY_COLUMNS "WHERE recipient = ?1 AND next_ms <= ?2 AND deadline_ms <= ?3 "
		"AND seq % ?5 = ?4 AND NOT EXISTS (SELECT 1 FROM hold h "
		"WHERE h.seq = delivery.seq AND h.ended_ms IS NULL AND h.kind = ?7) "
		"AND (series IS NULL OR NOT EXISTS (SELECT 1 FROM delivery o WHERE o.series = delivery.series AND o.seq < delivery.seq "
		"AND o.next_ms < ?8)) ORDER BY next_ms LIMIT ?6",
	[SQL_DELIVERY_RECIPIENT] = "SELECT recipient FROM delivery WHERE recipient > ?1 ORDER BY recipient LIMIT 1",
	[SQL_DELIVERY_COUNT] = "SELECT recipient, last_error, count(*), count(*) FILTER (WHERE next_ms = ?1), "
		"min(deadline_ms) FROM delivery GROUP BY recipient, last_error ORDER BY recipient, last_error",
	[SQL_DELIVERY_LIST] = DELIVERY_COLUMNS "WHERE seq > ?1 ORDER BY seq LIMIT ?2",
	[SQL_NOTICE_LAST] = LAST_ID("notice", "notice_end"),
	[SQL_NOTICE_GET] = NOTICE_COLUMNS "WHERE id = ?1",
	[SQL_NOTICE_DUE] = NOTICE_COLUMNS "WHERE recipient = ?1 AND next_ms <= ?2 AND made_ms <= ?3 AND id % ?5 = ?4 "
		"AND NOT EXISTS (SELECT 1 FROM notice o WHERE o.seq = notice.seq AND o.recipient = notice.recipient "
		"AND o.id < notice.id) ORDER BY next_ms LIMIT ?6",
	[SQL_NOTICE_RECIPIENT] = "SELECT recipient FROM notice WHERE recipient > ?1 ORDER BY recipient LIMIT 1",
	[SQL_NOTICE_COUNT] = "SELECT recipient, last_error, count(*), 0, min(made_ms) FROM notice "
		"GROUP BY recipient, last_error ORDER BY recipient, last_error",
	[SQL_NOTICE_LIST] = NOTICE_COLUMNS "WHERE id > ?1 ORDER BY id LIMIT ?2",
	[SQL_NOTICE_LIST_OF] = NOTICE_COLUMNS "WHERE seq = ?1 ORDER BY id",
	[SQL_NOTICE_END_LIST] = "SELECT id, kind, recipient, entry, made_ms, ended_ms, error, receipt FROM notice_end "
		"WHERE seq = ?1 ORDER BY id",
	[SQL_NOTICE_TAKEN_GET] = NOTICE_TAKEN_COLUMNS "WHERE seq = ?1 AND digest = ?2",
	[SQL_NOTICE_TAKEN_COUNT] = "SELECT count(*) FROM notice_taken WHERE seq = ?1",
	[SQL_NOTICE_TAKEN_LIST] = NOTICE_TAKEN_COLUMNS "WHERE seq = ?1 ORDER BY entry",
	[SQL_RECEIPT_LIST] = "SELECT s.seq, x.id, r.receipt, b.packed, o.place FROM (SELECT seq FROM receipt WHERE seq > ?1 "
		"UNION SELECT seq FROM receipt_of WHERE seq > ?1 ORDER BY 1 LIMIT ?2) s JOIN exchange x ON x.seq = s.seq "
		"LEFT JOIN receipt r ON r.seq = s.seq LEFT JOIN receipt_of o ON o.seq = s.seq "
		"LEFT JOIN receipt_bundle b ON b.id = o.bundle ORDER BY s.seq",
	[SQL_RECEIPT_GET] = "SELECT o.place, b.packed, NULL FROM receipt_of o JOIN receipt_bundle b ON b.id = o.bundle "
		"WHERE o.seq = ?1 UNION ALL SELECT NULL, NULL, receipt FROM receipt WHERE seq = ?1 AND NOT EXISTS "
		"(SELECT 1 FROM receipt_of o WHERE o.seq = ?1)",
	[SQL_ARRIVAL_LIST] = "SELECT t.seq, t.state, p.slot, m.base_ms, m.payload_ms, m.mask_ms, m.review_ms, m.notify_ms, "
		"m.end_ms, m.return_at_end, m.inbox, m.purpose, m.reference FROM state t JOIN payload_slot p ON p.seq = t.seq "
		"JOIN timer m ON m.seq = t.seq WHERE t.seq IN " THESE " AND m.held = 0 "
		"AND NOT EXISTS (SELECT 1 FROM duty d WHERE d.seq = t.seq) "
		"AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.seq = t.seq AND h.ended_ms IS NULL) ORDER BY t.seq",
	[SQL_KEPT_GET] = "SELECT envelope FROM kept WHERE seq = ?1",
	[SQL_INBOX_GET] = INBOX_COLUMNS "WHERE id = ?1",
	[SQL_INBOX_DONE_GET] = "SELECT id, seq, exchange, kind, receipt, made_ms, acked_ms FROM inbox_done WHERE id = ?1",
	[SQL_INBOX_LIST] = INBOX_COLUMNS "WHERE id > ?1 ORDER BY id LIMIT ?2",
	[SQL_INBOX_LAST] = LAST_ID("inbox", "inbox_done"),
	[SQL_ENTRY_GET] = ENTRY_COLUMNS "WHERE e.idx = ?1",
	[SQL_LEAF_GET] = "SELECT idx, leaf, compact FROM entry WHERE idx = ?1",
	[SQL_ENTRY_LIST] = ENTRY_COLUMNS "WHERE e.idx >= ?1 AND e.idx < ?3 ORDER BY e.idx LIMIT ?2",
	[SQL_DISCLOSURE_LIST] = "SELECT d.idx, e.leaf, e.compact FROM disclosure d JOIN entry e ON e.idx = d.idx ORDER BY d.idx LIMIT ?1",
	[SQL_SHAPE_ID] = "SELECT id FROM shape WHERE agreement = ?1 AND digest = ?2",
	[SQL_SHAPE_GET] = "SELECT text FROM shape WHERE agreement = ?1 AND digest = ?2",
	[SQL_SHAPE_OF] = "SELECT s.text FROM disclosure d JOIN shape s ON s.id = d.shape WHERE d.idx = ?1",
	[SQL_SHAPE_COUNT_OF] = "SELECT count(*) FROM shape WHERE agreement = ?1",
	[SQL_SHAPE_CHECK] = "SELECT count(*), coalesce(sum(CASE WHEN s.named <> coalesce(d.n, 0) THEN 1 ELSE 0 END), 0) "
		"FROM shape s LEFT JOIN (SELECT shape, count(*) AS n FROM disclosure WHERE shape IS NOT NULL GROUP BY shape) "
		"AS d ON d.shape = s.id",
	[SQL_SHAPE_LIST] = "SELECT digest, agreement, text FROM shape s WHERE s.id IN "
		"(SELECT shape FROM disclosure WHERE idx >= ?1 AND idx < ?2) ORDER BY digest, agreement",
	[SQL_ENTRY_LAST] = "SELECT coalesce(max(idx) + 1 - ?1, 0) FROM entry WHERE idx >= ?1 AND idx < ?2",
	[SQL_ENTRY_NEEDED] = "SELECT "
		"(SELECT count(*) FROM delivery d JOIN state t ON t.seq = d.seq WHERE t.entry >= ?1 AND t.entry < ?2) + "
		"(SELECT count(*) FROM notice WHERE entry >= ?1 AND entry < ?2), "
		"(SELECT count(*) FROM state t WHERE t.entry >= ?1 AND t.entry < ?2 AND (t.state = ?3 "
		"OR EXISTS (SELECT 1 FROM hold h WHERE h.seq = t.seq AND h.ended_ms IS NULL) "
		"OR EXISTS (SELECT 1 FROM timer m WHERE m.seq = t.seq AND m.return_at_end <> 0) "
		"OR EXISTS (SELECT 1 FROM duty u WHERE u.seq = t.seq AND u.kind = ?4 AND u.state IN (?5, ?6))))",
	[SQL_TILE_GET] = "SELECT hashes FROM tile WHERE key = ?1",
	[SQL_CHECKPOINT_AT] = "SELECT size, note FROM checkpoint WHERE size > ?1 AND size < ?2 ORDER BY size LIMIT 1",
	[SQL_CHECKPOINT_LAST] = "SELECT size, note FROM checkpoint WHERE size >= ?1 AND size < ?2 ORDER BY size DESC LIMIT 1",
	[SQL_DOCUMENT_LIST] = "SELECT digest, first_ms, text FROM document WHERE kind = ?1 ORDER BY first_ms, digest",
	[SQL_DOCUMENT_GET] = "SELECT text FROM document WHERE digest = ?1",
	[SQL_VALUE_GET] = "SELECT value FROM value WHERE name = ?1",
	[SQL_LOG_GET] = "SELECT origin, before, note FROM log WHERE number = ?1",
	[SQL_LOG_LAST] = "SELECT coalesce(max(number), 0) FROM log",
	[SQL_WITNESSED_GET] = "SELECT size, root, note, incident FROM witnessed WHERE origin = ?1",
	[SQL_COSIGNATURE_LIST] = "SELECT line FROM cosignature WHERE size = ?1 ORDER BY witness",
	[SQL_COSIGNATURE_LEAST] = "SELECT coalesce(min(size) - ?1, 0) FROM cosignature WHERE size >= ?1 AND size < ?2",
	[SQL_SURROGATE_GET] = "SELECT value FROM surrogate WHERE agreement = ?1 AND epoch = ?2 AND key = ?3",
	[SQL_APPROVAL_GET] = "SELECT until_ms FROM approval WHERE statement = ?1",
	[SQL_CONSENT_GET] = CONSENT_COLUMNS "WHERE seq = ?1",
	[SQL_CONSENT_LIST] = CONSENT_COLUMNS "WHERE agreement = ?1 AND consent = ?2 ORDER BY seq",
	[SQL_SURROGATE_END_LIST] = "SELECT agreement, epoch, until_ms FROM surrogate_end ORDER BY agreement, epoch",
	[SQL_UNPROVED_GET] = "SELECT origin, size, forked FROM unproved WHERE seq = ?1",
	[SQL_SIGHTED_LIST] = "SELECT origin, size, note FROM sighted ORDER BY origin, size",
	[SQL_SIGHTED_GET] = "SELECT note FROM sighted WHERE origin = ?1 AND size = ?2",
	[SQL_TALE_LIST] = "SELECT digest FROM tale ORDER BY digest",
	[SQL_TIMESTAMP_GET] = "SELECT response FROM timestamp WHERE size = ?1",
	[SQL_TIMESTAMP_LAST] = "SELECT coalesce(max(size) - ?1, 0) FROM timestamp WHERE size >= ?1 AND size < ?2",
	[SQL_COUNTS] = "SELECT (SELECT coalesce(max(seq), 0) FROM exchange), (SELECT count(*) FROM payload_slot), "
		/* By the index of those that are not held, which is a tenth of the table. */
		"(SELECT count(*) FROM timer WHERE held = 0) + (SELECT count(*) FROM timer WHERE held <> 0 AND seq IN "
		"(SELECT seq FROM hold WHERE ended_ms IS NULL)), (SELECT count(*) FROM delivery), (SELECT count(*) FROM inbox), "
		"(SELECT coalesce(max(idx) + 1 - ?1, 0) FROM entry WHERE idx >= ?1), (SELECT count(*) FROM notice), "
		"(SELECT count(*) FROM act WHERE state IN (1, 2) AND status = 0), (SELECT count(*) FROM act_telling)",
};
/* clang-format on */
