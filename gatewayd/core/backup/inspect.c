/* See inspect.h. */
#include "gatewayd/core/backup/inspect.h"

#include <stdio.h>
#include <stdlib.h>

#include "gatewayd/core/keys/damage.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/store/copying.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/shape.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/rest.h"
#include "lib/tlog/verify.h"

#define BATCH       256
#define PAYLOAD_MAX (64u << 20)

const char *finding_name(enum finding f)
{
	switch (f) {
	case FINDING_DAMAGED: return "damaged";
	case FINDING_LOG: return "log";
	case FINDING_STRANGE: return "strange";
	case FINDING_ERASED: return "erased";
	case FINDING_CUT: return "cut";
	case FINDING_UNOPENED: return "unopened";
	case FINDING_ALTERED: return "altered";
	case FINDING_COUNT: break;
	}
	return "";
}

static void find(struct inspection *i, enum finding f, const struct uuid *exchange, const char *what)
{
	i->found[f]++;
	if (i->tell)
		i->tell(i->arg, f, exchange, what);
}

/* --- pages --- */

static bool take_damage(void *arg, struct view what)
{
	char text[300];

	snprintf(text, sizeof text, "%.*s", VIEW_ARG(what));
	find(arg, FINDING_DAMAGED, NULL, text);
	return true;
}

/* One that is counted too high stays behind its last disclosure. */
static bool inspect_shapes(struct store *s, struct inspection *i, struct error *e)
{
	char text[100];
	uint64_t all, n;

	if (!store_check_shapes(s, &all, &n, e))
		return false;
	snprintf(text, sizeof text, "%llu shapes are not named by as many disclosures as their rows say",
	         (unsigned long long)n);
	if (n > 0)
		find(i, FINDING_DAMAGED, NULL, text);
	return true;
}

bool inspect_engine(struct store *s, struct inspection *i, struct error *e)
{
	return store_integrity(s, take_damage, i, e) && inspect_shapes(s, i, e);
}

/* --- logs --- */

struct reading {
	struct store *store;
	const struct note_vkey *key; /* NULL: is not known */
	struct buf newer;            /* checkpoint of a log that grew meanwhile */
};

static bool read_entry(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	return store_get_entry(((struct reading *)arg)->store, index, leaf, packed, e);
}

static bool read_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(((struct reading *)arg)->store, level, index, hashes, e);
}

/* The last checkpoint of the log that the verbs are about, into `note`. */
static bool open_last(struct store *s, const struct note_vkey *key, struct buf *note, struct checkpoint *out,
                      struct error *e)
{
	struct view found, text, signatures;
	uint64_t size;

	if (!store_last_checkpoint(s, &size, &found, e))
		return false;
	buf_add(note, found);
	if (note->failed)
		return error_set(e, REASON_NO_MEMORY, "no memory for a checkpoint");
	if (size == 0)
		return error_set(e, REASON_TAMPERED, "there is no checkpoint");
	if (key)
		return checkpoint_open(buf_view(note), key, out, e);
	return note_split(buf_view(note), &text, &signatures, e) && checkpoint_parse(text, out, e);
}

static bool read_named(void *arg, uint64_t index, struct view packed, struct error *e)
{
	return shape_is_whole(((struct reading *)arg)->store, index, packed, e);
}

static bool read_newer(void *arg, struct checkpoint *out, struct error *e)
{
	struct reading *r = arg;

	buf_reset(&r->newer);
	return open_last(r->store, r->key, &r->newer, out, e);
}

/* One that was begun and has no entry yet is whole. `later` has what the logs after it erased of it. */
static bool verify_one(struct store *s, const struct note_vkey *key, struct inspection *i, bool newest,
                       struct later_erasures *later, struct error *e)
{
	struct reading reading = { .store = s, .key = key, .newer = BUF_INIT(NOTE_MAX) };
	struct error missing = { .reason = REASON_NONE };
	struct buf note = BUF_INIT(NOTE_MAX);
	struct store_archive archive;
	struct checkpoint c;
	struct verify_report report;
	uint64_t entries;

	if (!store_entry_count(s, &entries, e))
		return false;
	enum sought archived = sought(store_get_archive(s, store_log(s), &archive, &missing), &missing);
	struct verify_source source = { .entry = archived == SOUGHT_FOUND ? NULL : read_entry,
		                        .tile = read_tile,
		                        .arg = &reading,
		                        .disclosures = true,
		                        .named = read_named,
		                        .newer = read_newer,
		                        .later = later };
	bool ok = archived != SOUGHT_FAILED || error_set(e, missing.reason, "%s", missing.text);
	bool empty = ok && newest && entries == 0 && store_log(s) > 0;
	if (ok && !empty) {
		ok = open_last(s, key, &note, &c, e) && verify_log(&c, NULL, &source, &report, e);
		if (ok && newest) {
			sha256(buf_view(&note), &i->checkpoint);
			i->size = c.size;
		}
		if (ok && archived == SOUGHT_NONE && entries != c.size)
			ok = error_set(e, REASON_TAMPERED, "it has %llu entries, its last checkpoint covers %llu",
			               (unsigned long long)entries, (unsigned long long)c.size);
	}
	if (newest)
		i->entries = entries;
	buf_free(&note);
	buf_free(&reading.newer);
	return ok;
}

/* The newest first: its entries say what was erased of earlier ones. */
bool inspect_logs(struct store *s, const struct note_vkey *key, struct inspection *i, struct error *e)
{
	struct later_erasures later = { .n = 0 };
	uint64_t newest = store_log(s);
	bool ok = true;

	for (uint64_t log = newest + 1; ok && log-- > 0;) {
		struct error why = { .reason = REASON_NONE };
		char what[500];

		ok = store_use_log(s, log, e);
		if (!ok)
			break;
		i->logs++;
		if (verify_one(s, log == newest ? key : NULL, i, log == newest, &later, &why))
			continue;
		if (why.reason != REASON_TAMPERED && why.reason != REASON_NOT_FOUND && why.reason != REASON_STORE)
			ok = error_set(e, why.reason, "%s", why.text);
		snprintf(what, sizeof what, "log %llu: %.400s", (unsigned long long)log, why.text);
		find(i, FINDING_LOG, NULL, what);
	}
	later_erasures_free(&later);
	return store_use_log(s, newest, e) && ok;
}

/* --- payloads --- */

struct rows {
	uint64_t seqs[BATCH];
	unsigned n;
};

static bool take_row(void *arg, uint64_t seq)
{
	struct rows *r = arg;

	r->seqs[r->n++] = seq;
	return r->n < BATCH;
}

struct looking {
	struct store *store;
	struct keystore *keys; /* NULL: none */
	struct gcm *gcm;
	struct inspection *i;
	uint8_t *named; /* a bit a slot */
	uint32_t n_named;
};

static bool mark(struct looking *x, uint32_t slot, bool *before, struct error *e)
{
	if (slot / 8 >= x->n_named) {
		uint32_t n = slot / 8 + 65536;
		uint8_t *more = realloc(x->named, n);

		if (!more)
			return error_set(e, REASON_NO_MEMORY, "no memory for key slots");
		memset(more + x->n_named, 0, n - x->n_named);
		x->named = more;
		x->n_named = n;
	}
	*before = x->named[slot / 8] >> slot % 8 & 1;
	x->named[slot / 8] |= (uint8_t)(1u << slot % 8);
	return true;
}

/* One that was erased while this ran is no finding. */
static bool still_named(struct looking *x, uint64_t seq)
{
	struct rows next = { .n = BATCH - 1 };

	return !store_list_payloads(x->store, seq - 1, 1, take_row, &next, NULL) ||
	       (next.n == BATCH && next.seqs[BATCH - 1] == seq);
}

static bool unsealed(struct looking *x, uint64_t seq, const struct uuid *id, struct error *e)
{
	struct payload payload = { .plain = BUF_INIT(PAYLOAD_MAX) };
	struct error why = { .reason = REASON_NONE };
	const char *what = NULL;
	bool ok = true;

	if (payload_open(x->keys, x->gcm, x->store, seq, id, &payload, &why)) {
		x->i->opened++;
		ok = damage_beside(x->store, seq, &payload, &what, e);
		if (ok && what)
			find(x->i, FINDING_ALTERED, id, what);
	} else if (why.reason == REASON_DAMAGED || why.reason == REASON_CRYPTO) {
		find(x->i, FINDING_UNOPENED, id, "the payload does not open with the key in its slot");
	} else if (why.reason != REASON_NOT_FOUND) {
		ok = error_set(e, why.reason, "%s", why.text);
	}
	payload_close(&payload);
	return ok;
}

static bool look_with_key(struct looking *x, uint64_t seq, uint32_t slot, const struct uuid *id, struct error *e)
{
	struct error why = { .reason = REASON_NONE };
	uint8_t key[32];
	bool there = keystore_get(x->keys, slot, key, &why);

	wipe(key, sizeof key);
	if (there || why.reason == REASON_CRYPTO)
		return unsealed(x, seq, id, e);
	if (why.reason != REASON_NOT_FOUND)
		return error_set(e, why.reason, "%s", why.text);
	if (!still_named(x, seq))
		return true;
	if (slot >= keystore_size(x->keys))
		find(x->i, FINDING_CUT, id, "its key's slot lies behind the end of the file of key slots");
	else
		find(x->i, FINDING_ERASED, id, "its key was erased: the payload opens no more");
	return true;
}

static bool look_at(struct looking *x, uint64_t seq, struct error *e)
{
	struct store_exchange exchange;
	struct store_payload row;
	bool before = false;

	x->i->payloads++;
	switch (sought(store_get_exchange(x->store, seq, &exchange, e), e)) {
	case SOUGHT_FOUND: break;
	case SOUGHT_NONE: find(x->i, FINDING_STRANGE, NULL, "a payload is of no exchange"); return true;
	case SOUGHT_FAILED: return false;
	}
	struct uuid id = exchange.id;
	switch (sought(store_get_payload(x->store, seq, &row, e), e)) {
	case SOUGHT_FOUND: break;
	case SOUGHT_NONE:
		if (still_named(x, seq))
			find(x->i, FINDING_STRANGE, &id, "a slot is named, but there is no payload");
		return true;
	case SOUGHT_FAILED: return false;
	}
	uint32_t slot = row.slot;
	if (!mark(x, slot, &before, e))
		return false;
	if (before)
		find(x->i, FINDING_STRANGE, &id, "its key's slot is that of another payload, too");
	return !x->keys || look_with_key(x, seq, slot, &id, e);
}

bool inspect_payloads(struct store *s, struct keystore *k, struct inspection *i, struct error *e)
{
	struct looking x = { .store = s, .keys = k, .gcm = gcm_new(), .i = i };
	struct store_counts counts;
	struct rows rows = { .n = 0 };
	uint64_t after = 0;
	bool ok = x.gcm || error_set(e, REASON_NO_MEMORY, "no memory for a cipher");

	do {
		rows.n = 0;
		ok = ok && store_list_payloads(s, after, BATCH, take_row, &rows, e);
		for (unsigned n = 0; ok && n < rows.n; n++)
			ok = look_at(&x, rows.seqs[n], e);
		after = rows.n ? rows.seqs[rows.n - 1] : after;
	} while (ok && rows.n == BATCH);
	ok = ok && store_count(s, &counts, e);
	if (ok)
		i->exchanges = counts.exchanges;
	gcm_free(x.gcm);
	free(x.named);
	return ok;
}
