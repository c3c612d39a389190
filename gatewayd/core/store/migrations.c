/* Every migration of the store. Keys are ordered (rows are appended), indexes few: exchange ids are UUIDv7 and
 * therefore nearly append-like, and so are the ids of another gateway; the idempotency keys of partners are in no index
 * (key_window.h). What changes often (state, timer) lies in narrow tables of its own, the payload and its key slot as
 * well.
 *
 * A key of the tile table is level << 56 | log << 40 | index. */
#include "gatewayd/core/store/sql_private.h"

static const char first_schema[] =
        "CREATE TABLE exchange ("
        "  seq INTEGER PRIMARY KEY,"
        "  id BLOB NOT NULL,"
        "  origin BLOB," /* NULL: this gateway is the first */
        "  partner TEXT NOT NULL,"
        "  key TEXT,"
        "  body BLOB NOT NULL,"
        "  agreement TEXT NOT NULL,"
        "  agreement_digest BLOB NOT NULL,"
        "  provider TEXT NOT NULL,"
        "  recipient TEXT NOT NULL,"
        "  status INTEGER NOT NULL," /* 0: the answer is still to come */
        "  answer TEXT NOT NULL"
        ") STRICT;"
        "CREATE UNIQUE INDEX exchange_id ON exchange (id);"
        "CREATE UNIQUE INDEX exchange_origin ON exchange (origin, provider) WHERE origin IS NOT NULL;"
        "CREATE TABLE state ("
        "  seq INTEGER PRIMARY KEY,"
        "  state INTEGER NOT NULL,"
        "  entry INTEGER,"
        "  received_ms INTEGER NOT NULL,"
        "  hash INTEGER" /* of partner and key */
        ") STRICT;"
        "CREATE TABLE payload ("
        "  seq INTEGER PRIMARY KEY,"
        "  sealed BLOB NOT NULL"
        ") STRICT;"
        "CREATE TABLE payload_slot ("
        "  seq INTEGER PRIMARY KEY,"
        "  slot INTEGER NOT NULL"
        ") STRICT;"
        "CREATE TABLE timer ("
        "  seq INTEGER PRIMARY KEY,"
        "  due_ms INTEGER NOT NULL,"
        "  kind INTEGER NOT NULL,"
        "  held INTEGER NOT NULL"
        ") STRICT;"
        "CREATE INDEX timer_due ON timer (due_ms) WHERE held = 0;"
        "CREATE TABLE delivery ("
        "  seq INTEGER PRIMARY KEY,"
        "  recipient TEXT NOT NULL,"
        "  next_ms INTEGER NOT NULL,"
        "  deadline_ms INTEGER NOT NULL,"
        "  attempts INTEGER NOT NULL,"
        "  last_error TEXT NOT NULL,"
        "  envelope TEXT NOT NULL"
        ") STRICT;"
        "CREATE INDEX delivery_next ON delivery (next_ms);"
        "CREATE TABLE receipt ("
        "  seq INTEGER PRIMARY KEY,"
        "  receipt TEXT NOT NULL"
        ") STRICT;"
        "CREATE TABLE inbox ("
        "  id INTEGER PRIMARY KEY,"
        "  seq INTEGER NOT NULL,"
        "  exchange BLOB NOT NULL,"
        "  kind TEXT NOT NULL,"
        "  body TEXT NOT NULL,"
        "  made_ms INTEGER NOT NULL"
        ") STRICT;"
        "CREATE TABLE inbox_done (" /* acknowledged ones, without their bodies */
        "  id INTEGER PRIMARY KEY,"
        "  seq INTEGER NOT NULL,"
        "  exchange BLOB NOT NULL,"
        "  kind TEXT NOT NULL,"
        "  made_ms INTEGER NOT NULL,"
        "  acked_ms INTEGER NOT NULL,"
        "  receipt TEXT NOT NULL"
        ") STRICT;"
        "CREATE TABLE entry ("
        "  idx INTEGER PRIMARY KEY,"
        "  leaf TEXT NOT NULL"
        ") STRICT;"
        "CREATE TABLE disclosure ("
        "  idx INTEGER PRIMARY KEY,"
        "  packed TEXT NOT NULL"
        ") STRICT;"
        "CREATE TABLE tile ("
        "  key INTEGER PRIMARY KEY,"
        "  hashes BLOB NOT NULL"
        ") STRICT;"
        "CREATE TABLE checkpoint ("
        "  size INTEGER PRIMARY KEY,"
        "  note TEXT NOT NULL"
        ") STRICT;"
        "CREATE TABLE document ("
        "  digest BLOB PRIMARY KEY,"
        "  kind TEXT NOT NULL,"
        "  text BLOB NOT NULL,"
        "  first_ms INTEGER NOT NULL"
        ") STRICT, WITHOUT ROWID;"
        "CREATE TABLE value ("
        "  name TEXT PRIMARY KEY,"
        "  value BLOB NOT NULL"
        ") STRICT, WITHOUT ROWID;"
        /* The key of the hashes in state.hash. */
        "INSERT INTO value VALUES ('store/window-key', randomblob(16));";

/* Each audit log of this node has a number, from 0 on; a new epoch adds one. The keys of entry, disclosure
 * and checkpoint, and state.entry, are log << 40 | index; in the key of a tile the log lies above the index
 * as well. The first log needs no row. */
static const char witnesses_and_logs[] =
        "CREATE TABLE log ("
        "  number INTEGER PRIMARY KEY,"
        "  origin TEXT NOT NULL,"
        "  before BLOB NOT NULL," /* digest of the last checkpoint of the log before */
        "  note TEXT NOT NULL"    /* what its genesis entry says of that log */
        ") STRICT;"
        "CREATE TABLE witnessed (" /* logs of others, as this node cosigned them last */
        "  origin TEXT PRIMARY KEY,"
        "  size INTEGER NOT NULL,"
        "  root BLOB NOT NULL,"
        "  note TEXT NOT NULL,"
        "  incident BLOB NOT NULL" /* digest of the checkpoint that the last incident was about */
        ") STRICT, WITHOUT ROWID;"
        "CREATE TABLE cosignature (" /* of others, over this node's checkpoints: each witness's newest */
        "  witness TEXT PRIMARY KEY,"
        "  size INTEGER NOT NULL," /* log << 40 | size */
        "  line TEXT NOT NULL"
        ") STRICT, WITHOUT ROWID;";

static const char holds[] = "CREATE TABLE hold ("
                            "  id INTEGER PRIMARY KEY,"
                            "  seq INTEGER NOT NULL,"
                            "  kind INTEGER NOT NULL,"
                            "  from_ms INTEGER NOT NULL,"
                            "  until_ms INTEGER NOT NULL,"
                            "  statement BLOB NOT NULL," /* digest of the document */
                            "  signer TEXT NOT NULL,"
                            "  role TEXT NOT NULL,"
                            "  ended_ms INTEGER" /* NULL: in force */
                            ") STRICT;"
                            "CREATE UNIQUE INDEX hold_statement ON hold (statement);"
                            "CREATE INDEX hold_exchange ON hold (seq);"
                            "CREATE INDEX hold_until ON hold (until_ms) WHERE ended_ms IS NULL;";

static const char sightings[] = "CREATE TABLE sighted (" /* logs of others, as they were shown: see sight.h */
                                "  origin TEXT NOT NULL,"
                                "  size INTEGER NOT NULL,"
                                "  note TEXT NOT NULL,"
                                "  PRIMARY KEY (origin, size)"
                                ") STRICT, WITHOUT ROWID;";

/* What gateways tell each other about an exchange: what waits, how each ended, and what was taken. */
static const char notices[] = "CREATE TABLE notice ("
                              "  id INTEGER PRIMARY KEY,"
                              "  seq INTEGER NOT NULL,"
                              "  kind INTEGER NOT NULL,"
                              "  recipient TEXT NOT NULL,"
                              "  entry INTEGER NOT NULL,"
                              "  body TEXT NOT NULL,"
                              "  made_ms INTEGER NOT NULL,"
                              "  next_ms INTEGER NOT NULL,"
                              "  attempts INTEGER NOT NULL,"
                              "  last_error TEXT NOT NULL"
                              ") STRICT;"
                              "CREATE INDEX notice_next ON notice (next_ms);"
                              "CREATE INDEX notice_order ON notice (seq, recipient, id);"
                              "CREATE TABLE notice_end ("
                              "  id INTEGER PRIMARY KEY,"
                              "  seq INTEGER NOT NULL,"
                              "  kind INTEGER NOT NULL,"
                              "  recipient TEXT NOT NULL,"
                              "  entry INTEGER NOT NULL,"
                              "  made_ms INTEGER NOT NULL,"
                              "  ended_ms INTEGER NOT NULL,"
                              "  error TEXT NOT NULL," /* empty: it arrived */
                              "  receipt TEXT NOT NULL"
                              ") STRICT;"
                              "CREATE INDEX notice_end_seq ON notice_end (seq);"
                              "CREATE TABLE notice_taken ("
                              "  seq INTEGER NOT NULL,"
                              "  digest BLOB NOT NULL,"
                              "  kind INTEGER NOT NULL,"
                              "  entry INTEGER NOT NULL,"
                              "  taken_ms INTEGER NOT NULL,"
                              "  proof TEXT NOT NULL,"
                              "  PRIMARY KEY (seq, digest)"
                              ") STRICT, WITHOUT ROWID;";

/* The recipient's copy: what is due of it next and after that, its duties, and which exchange followed from which.
 * An instant of 0 is none. */
static const char copies[] = "ALTER TABLE timer ADD COLUMN base_ms INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE timer ADD COLUMN payload_ms INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE timer ADD COLUMN mask_ms INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE timer ADD COLUMN review_ms INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE timer ADD COLUMN notify_ms INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE timer ADD COLUMN end_ms INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE timer ADD COLUMN return_at_end INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE timer ADD COLUMN receipt_ms INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE timer ADD COLUMN inbox INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE timer ADD COLUMN purpose TEXT NOT NULL DEFAULT '';"
                             "ALTER TABLE timer ADD COLUMN reference TEXT NOT NULL DEFAULT '';"
                             /* Timers so far were the gateway's own payloads'. */
                             "UPDATE timer SET payload_ms = due_ms;"
                             "CREATE TABLE duty ("
                             "  id INTEGER PRIMARY KEY,"
                             "  seq INTEGER NOT NULL,"
                             "  kind INTEGER NOT NULL,"
                             "  state INTEGER NOT NULL,"
                             "  made_ms INTEGER NOT NULL,"
                             "  due_ms INTEGER NOT NULL,"
                             "  done_ms INTEGER NOT NULL,"
                             "  escalated INTEGER NOT NULL,"
                             "  blocks INTEGER NOT NULL,"
                             "  inbox INTEGER NOT NULL,"
                             "  result TEXT NOT NULL,"
                             "  why TEXT NOT NULL"
                             ") STRICT;"
                             "CREATE INDEX duty_seq ON duty (seq);"
                             "CREATE INDEX duty_overdue ON duty (id) WHERE state = 1;"
                             "CREATE TABLE link ("
                             "  child INTEGER NOT NULL,"
                             "  kind INTEGER NOT NULL,"
                             "  parent INTEGER NOT NULL,"
                             "  version INTEGER NOT NULL,"
                             "  PRIMARY KEY (child, kind)"
                             ") STRICT, WITHOUT ROWID;"
                             "CREATE INDEX link_parent ON link (parent, kind);";

static const char timestamps[] = "CREATE TABLE timestamp ("
                                 "  size INTEGER PRIMARY KEY," /* log << 40 | size of the checkpoint */
                                 "  time_ms INTEGER NOT NULL,"
                                 "  response BLOB NOT NULL"
                                 ") STRICT;";

/* What falls due is counted from this index alone: the rows are wide. */
static const char expiry[] = "DROP INDEX timer_due;"
                             "CREATE INDEX timer_due ON timer (due_ms, kind, held) WHERE held = 0;";

static const char surrogates[] = "CREATE TABLE surrogate ("
                                 "  agreement TEXT NOT NULL,"
                                 "  epoch INTEGER NOT NULL,"
                                 "  key BLOB NOT NULL,"   /* keyed digest of the value */
                                 "  value BLOB NOT NULL," /* random */
                                 "  PRIMARY KEY (agreement, epoch, key)"
                                 ") STRICT, WITHOUT ROWID;"
                                 "CREATE TABLE surrogate_end (" /* of the epochs that have any */
                                 "  agreement TEXT NOT NULL,"
                                 "  epoch INTEGER NOT NULL,"
                                 "  until_ms INTEGER NOT NULL,"
                                 "  PRIMARY KEY (agreement, epoch)"
                                 ") STRICT, WITHOUT ROWID;";

/* Used by releases; each until it expires. */
static const char approvals[] = "CREATE TABLE approval ("
                                "  statement BLOB PRIMARY KEY," /* SHA-256 of its text */
                                "  until_ms INTEGER NOT NULL"
                                ") STRICT, WITHOUT ROWID;"
                                "CREATE INDEX approval_until ON approval (until_ms);";

/* What waits is taken up partner by partner. */
static const char outbox_by_recipient[] =
        "DROP INDEX delivery_next;"
        "DROP INDEX notice_next;"
        "CREATE INDEX delivery_recipient ON delivery (recipient, next_ms, deadline_ms, last_error);"
        "CREATE INDEX notice_recipient ON notice (recipient, next_ms, made_ms, last_error);";

/* What is to arrive in its order. */
static const char series[] = "ALTER TABLE delivery ADD COLUMN series BLOB;"
                             "CREATE INDEX delivery_series ON delivery (series, seq) WHERE series IS NOT NULL;";

/* Of each exchange whose record, or a copy of it, is there. */
static const char caveats[] = "CREATE TABLE caveats ("
                              "  seq INTEGER PRIMARY KEY,"
                              "  text TEXT NOT NULL" /* JSON */
                              ") STRICT;";

/* Which exchanges rest on which consent, until the copy is gone. */
static const char consents[] = "CREATE TABLE consent ("
                               "  seq INTEGER PRIMARY KEY,"
                               "  agreement TEXT NOT NULL,"
                               "  purpose TEXT NOT NULL,"
                               "  consent BLOB NOT NULL," /* SHA-256(salt of the lists, reference) */
                               "  told BLOB NOT NULL"     /* in the leaf */
                               ") STRICT;"
                               "CREATE INDEX consent_of ON consent (agreement, consent);";

/* With which the exchange's entry discloses them. */
static const char caveats_salt[] = "ALTER TABLE caveats ADD COLUMN salt BLOB;";

/* What went with records that were acknowledged and are kept, for another delivery. */
static const char kept[] = "CREATE TABLE kept ("
                           "  seq INTEGER PRIMARY KEY,"
                           "  envelope TEXT NOT NULL" /* JSON members, as in the delivery */
                           ") STRICT;";

/* Several sizes of one witness: what meets a quorum is what all of it cosigned. */
static const char cosignatures_by_size[] = "CREATE TABLE cosigned ("
                                           "  size INTEGER NOT NULL," /* log << 40 | size */
                                           "  witness TEXT NOT NULL,"
                                           "  line TEXT NOT NULL,"
                                           "  PRIMARY KEY (size, witness)"
                                           ") STRICT, WITHOUT ROWID;"
                                           "INSERT INTO cosigned (size, witness, line) "
                                           "SELECT size, witness, line FROM cosignature;"
                                           "DROP TABLE cosignature;"
                                           "ALTER TABLE cosigned RENAME TO cosignature;";

/* Exchanges that came under a checkpoint which is not proved to be of its log's one history. */
static const char unproved[] = "CREATE TABLE unproved ("
                               "  seq INTEGER PRIMARY KEY,"
                               "  origin TEXT NOT NULL,"
                               "  size INTEGER NOT NULL,"
                               "  forked INTEGER NOT NULL" /* it was found to be of another */
                               ") STRICT;"
                               "CREATE INDEX unproved_checkpoint ON unproved (origin, size);";

/* By which a copy of a record that came here is known again, as long as the row is there. */
static const char caveats_mark[] = "ALTER TABLE caveats ADD COLUMN mark BLOB;"
                                   "CREATE INDEX caveats_marked ON caveats (mark) WHERE mark IS NOT NULL;";

/* What decisions name in the place of lists: as long as a disclosure does. */
static const char shapes[] = "CREATE TABLE shape ("
                             "  id INTEGER PRIMARY KEY,"
                             "  agreement TEXT NOT NULL,"
                             "  digest BLOB NOT NULL,"
                             "  text TEXT NOT NULL,"
                             "  named INTEGER NOT NULL" /* disclosures that do */
                             ") STRICT;"
                             "CREATE UNIQUE INDEX shape_digest ON shape (agreement, digest);"
                             "ALTER TABLE disclosure ADD COLUMN shape INTEGER;";

/* Evidence that partners are still to be told of: a document's digest. */
static const char tales[] = "CREATE TABLE tale (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;";

/* Marks in the order of their first bytes, up to the exchange of the one row of mark_end (mark.h). */
static const char marks[] = "CREATE TABLE mark ("
                            "  prefix BLOB NOT NULL," /* 4 bytes */
                            "  seq INTEGER NOT NULL,"
                            "  PRIMARY KEY (prefix, seq)"
                            ") STRICT, WITHOUT ROWID;"
                            "INSERT INTO mark (prefix, seq) SELECT substr(mark, 1, 4), seq FROM caveats "
                            "WHERE mark IS NOT NULL ORDER BY 1, 2;"
                            "CREATE TABLE mark_end (seq INTEGER PRIMARY KEY) STRICT;"
                            "INSERT INTO mark_end (seq) SELECT coalesce(max(seq), 0) FROM caveats;"
                            "DROP INDEX caveats_marked;";

/* Receipts that came together are one row (lib/tlog/receipt_bundle.h); those of before stay in `receipt`. */
static const char receipts_together[] = "CREATE TABLE receipt_bundle ("
                                        "  id INTEGER PRIMARY KEY,"
                                        "  packed BLOB NOT NULL"
                                        ") STRICT;"
                                        "CREATE TABLE receipt_of ("
                                        "  seq INTEGER PRIMARY KEY,"
                                        "  bundle INTEGER NOT NULL,"
                                        "  place INTEGER NOT NULL"
                                        ") STRICT;";

/* Texts of the log in fewer bytes (lib/tlog/compact.h), beside an empty one; those of before stay as they are. */
static const char compact[] = "ALTER TABLE entry ADD COLUMN compact BLOB;"
                              "ALTER TABLE disclosure ADD COLUMN compact BLOB;";

/* What persons decided (act.h), who signed it, and which partners are still to be told. */
static const char acts[] = "CREATE TABLE act ("
                           "  number INTEGER PRIMARY KEY,"
                           "  digest BLOB NOT NULL," /* SHA-256 of the text */
                           "  text TEXT NOT NULL,"
                           "  agreement TEXT NOT NULL,"
                           "  kind INTEGER NOT NULL,"
                           "  status INTEGER NOT NULL,"
                           "  state INTEGER NOT NULL,"
                           "  received_ms INTEGER NOT NULL,"
                           "  from_ms INTEGER," /* NULL, as the next two: none */
                           "  due_ms INTEGER,"
                           "  ended_ms INTEGER,"
                           "  entry INTEGER NOT NULL"
                           ") STRICT;"
                           "CREATE UNIQUE INDEX act_digest ON act (digest);"
                           "CREATE INDEX act_agreement ON act (agreement, number);"
                           "CREATE INDEX act_state ON act (state, number);"
                           "CREATE INDEX act_due ON act (due_ms) WHERE ended_ms IS NULL;"
                           "CREATE TABLE act_signature ("
                           "  act INTEGER NOT NULL,"
                           "  spki BLOB NOT NULL," /* one certificate, one vote */
                           "  seat TEXT NOT NULL,"
                           "  agency TEXT NOT NULL,"
                           "  cms BLOB NOT NULL,"
                           "  received_ms INTEGER NOT NULL,"
                           "  PRIMARY KEY (act, spki)"
                           ") STRICT, WITHOUT ROWID;"
                           "CREATE UNIQUE INDEX act_signature_seat ON act_signature (act, seat);"
                           "CREATE TABLE act_telling ("
                           "  id INTEGER PRIMARY KEY,"
                           "  act INTEGER NOT NULL,"
                           "  recipient TEXT NOT NULL,"
                           "  made_ms INTEGER NOT NULL,"
                           "  next_ms INTEGER NOT NULL,"
                           "  until_ms INTEGER NOT NULL,"
                           "  attempts INTEGER NOT NULL,"
                           "  last_error TEXT NOT NULL"
                           ") STRICT;"
                           "CREATE UNIQUE INDEX act_telling_pair ON act_telling (act, recipient);"
                           "CREATE INDEX act_telling_next ON act_telling (recipient, next_ms);";

const char *const sql_migrations[] = { first_schema,
	                               witnesses_and_logs,
	                               holds,
	                               sightings,
	                               notices,
	                               copies,
	                               timestamps,
	                               expiry,
	                               surrogates,
	                               approvals,
	                               outbox_by_recipient,
	                               series,
	                               caveats,
	                               consents,
	                               caveats_salt,
	                               kept,
	                               cosignatures_by_size,
	                               unproved,
	                               caveats_mark,
	                               shapes,
	                               tales,
	                               marks,
	                               receipts_together,
	                               compact,
	                               acts,
	                               NULL };
