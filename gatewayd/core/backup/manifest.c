/* See manifest.h. */
#include "gatewayd/core/backup/manifest.h"

#include <stdio.h>

#include "lib/base/datetime.h"

#define HEAD "gatewayd backup v1\n"

static const char *const kinds[] = { [BACKUP_STORE] = "store", [BACKUP_KEYS] = "keys" };

static void put_digest(struct buf *out, const char *name, const struct digest *d)
{
	buf_addf(out, "%s ", name);
	digest_print(out, d);
	buf_addc(out, '\n');
}

bool manifest_print(const struct manifest *m, const struct note_signer *signer, struct buf *out, struct error *e)
{
	struct buf text = BUF_INIT(NOTE_MAX);
	char id[UUID_TEXT + 1], made[TIME_TEXT + 1], until[TIME_TEXT + 1];

	uuid_print(&m->id, id);
	time_print(m->made_ms, made);
	time_print(m->until_ms, until);
	buf_addf(&text, HEAD "kind %s\norigin %s\nid %s\nmade %s\nuntil %s\nentries %llu\n", kinds[m->kind], m->origin,
	         id, made, until, (unsigned long long)m->entries);
	put_digest(&text, "checkpoint", &m->checkpoint);
	buf_addf(&text, "bytes %llu\n", (unsigned long long)m->bytes);
	put_digest(&text, "certificate", &m->certificate);
	put_digest(&text, "pieces", &m->pieces);
	buf_add(out, buf_view(&text));
	buf_addc(out, '\n');
	bool ok = !text.failed && note_sign(signer, buf_view(&text), out) && !out->failed;
	buf_free(&text);
	return ok || error_set(e, REASON_CRYPTO, "the backup's manifest cannot be signed");
}

/* The value of the next line, which must be of that name; sticky. */
static struct view take(struct view *text, const char *name, bool *ok)
{
	struct view line = view_cut(text, '\n'), value = view_from(line, strlen(name) + 1);

	*ok = *ok && view_starts(line, view_of(name)) && line.n > strlen(name) + 1 && line.p[strlen(name)] == ' ';
	return *ok ? value : VIEW("");
}

static uint64_t take_number(struct view *text, const char *name, bool *ok)
{
	unsigned long long n = 0;

	*ok = view_to_u64(take(text, name, ok), INT64_MAX, &n) && *ok;
	return n;
}

static bool read_lines(struct view text, struct manifest *m)
{
	bool ok = view_starts(text, VIEW(HEAD));
	struct view rest = view_from(text, strlen(HEAD)), kind = take(&rest, "kind", &ok);

	m->kind = view_is(kind, kinds[BACKUP_KEYS]) ? BACKUP_KEYS : BACKUP_STORE;
	ok = ok && view_is(kind, kinds[m->kind]);
	struct view origin = take(&rest, "origin", &ok);
	ok = ok && origin.n < sizeof m->origin;
	if (ok)
		snprintf(m->origin, sizeof m->origin, "%.*s", VIEW_ARG(origin));
	ok = uuid_parse(take(&rest, "id", &ok), &m->id) && ok;
	ok = time_parse(take(&rest, "made", &ok), &m->made_ms) && ok;
	ok = time_parse(take(&rest, "until", &ok), &m->until_ms) && ok;
	m->entries = take_number(&rest, "entries", &ok);
	ok = digest_parse(take(&rest, "checkpoint", &ok), &m->checkpoint) && ok;
	m->bytes = take_number(&rest, "bytes", &ok);
	ok = digest_parse(take(&rest, "certificate", &ok), &m->certificate) && ok;
	ok = digest_parse(take(&rest, "pieces", &ok), &m->pieces) && ok;
	return ok && rest.n == 0;
}

bool manifest_parse(struct view note, const struct note_vkey *key, struct manifest *out, struct error *e)
{
	struct manifest m = { .kind = BACKUP_STORE };
	struct view text, signatures;

	if (!note_split(note, &text, &signatures, e))
		return false;
	if (key && !note_verify(key, text, signatures, NULL, e))
		return false;
	if (!read_lines(text, &m))
		return error_set(e, REASON_TAMPERED, "the manifest is none of a backup that this program reads");
	if (key && strcmp(key->name, m.origin) != 0)
		return error_set(e, REASON_TAMPERED, "the manifest is of the log %s, its signature of %s", m.origin,
		                 key->name);
	*out = m;
	return true;
}

bool manifest_in_time(const struct manifest *m, int64_t now_ms, struct error *e)
{
	char until[TIME_TEXT + 1];

	if (now_ms < m->until_ms)
		return true;
	time_print(m->until_ms, until);
	return error_set(e, REASON_CONFIG,
	                 "the backup ended at %s: it is not used any more. Destroy it, and every copy of it", until);
}
