/* Following a log to its next key. gatewayctl audit follow: writes a partner's next key into its file, by an announcement that
 * its present key signed. audit_follow(): the same for a log that is read, by its own first entries. */
#include <jansson.h>
#include <limits.h>

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/ctl/audit.h"
#include "lib/tlog/announcement.h"

#define FIRST_ENTRIES 4  /* the announcement is among these */
#define EPOCHS        16 /* later ones that are looked for */

/* --- a log that is read --- */

static bool is_announced(struct view leaf, const struct note_vkey *known, struct note_vkey *next)
{
	json_t *doc = json_loadb(leaf.p, leaf.n, 0, NULL);
	const char *operation = json_string_value(json_object_get(doc, "operation"));
	const char *note = json_string_value(json_object_get(doc, "note"));
	bool found = operation && note && strcmp(operation, "key-change") == 0 &&
	             announcement_follow(view_of(note), known, next, NULL);

	json_decref(doc);
	return found;
}

bool audit_follow(struct audit_source *s, struct audit_keys *k, uint64_t *entry)
{
	struct verify_source v;
	struct view text, signatures, leaf, packed;
	struct note_vkey next;
	struct checkpoint c;

	if (k->trust || !note_split(audit_source_note(s), &text, &signatures, NULL) ||
	    !checkpoint_parse(text, &c, NULL) || view_is(c.origin, k->key.name))
		return false;
	audit_source_callbacks(s, &v);
	for (uint64_t i = 0; i < FIRST_ENTRIES && i < c.size; i++) {
		if (!v.entry(v.arg, i, &leaf, &packed, NULL))
			return false;
		if (!is_announced(leaf, &k->key, &next) || !view_is(c.origin, next.name))
			continue;
		k->key = next;
		*entry = i;
		return true;
	}
	return false;
}

/* --- a partner's file --- */

static bool announced_two(struct store *s, const struct note_vkey *known)
{
	char name[NOTE_NAME_MAX + 40];
	struct view value;

	snprintf(name, sizeof name, ANNOUNCES_NAME "%s+%08x", known->name, known->id);
	return store_get_value(s, view_of(name), &value, NULL) && view_eq(value, ANNOUNCES_TWO);
}

/* Of those of the next epochs the one that this key signed: what another key announced for one of them says nothing. */
static bool find_told(struct store *s, const struct note_vkey *known, struct buf *out)
{
	const char *slash = strrchr(known->name, '/');
	char name[NOTE_NAME_MAX + 40];
	unsigned long long epoch = 0;
	struct note_vkey next;
	struct view value;

	if (!slash || !view_to_u64(view_of(slash + 1), UINT32_MAX, &epoch))
		return false;
	for (unsigned i = 1; i <= EPOCHS; i++) {
		snprintf(name, sizeof name, ANNOUNCED_NAME "%.*s/%llu", (int)(slash - known->name), known->name,
		         epoch + i);
		if (!store_get_value(s, view_of(name), &value, NULL) || !announcement_follow(value, known, &next, NULL))
			continue;
		buf_add(out, value);
		return true;
	}
	return false;
}

/* What the daemon was told: under the origin of the new log. */
static bool read_told(const struct ctl *c, const struct note_vkey *known, struct buf *out, struct error *e)
{
	char *path = audit_conf_path(c, "/store", e);
	struct store *s = path ? store_open_reader(path, e) : NULL;
	bool ok = s != NULL;

	if (ok && announced_two(s, known))
		ok = error_set(
		        e, REASON_TAMPERED,
		        "%s+%08x announced two keys, of which somebody else may have one: ask the agency which is "
		        "its own, and give its announcement as a file",
		        known->name, known->id);
	else if (ok && !find_told(s, known, out))
		ok = error_set(e, REASON_NOT_FOUND, "no announcement of a key after %s+%08x came; give its file",
		               known->name, known->id);
	store_close(s);
	free(path);
	return ok;
}

static bool read_announcement(const struct ctl *c, const char *file, const struct note_vkey *known, struct buf *out,
                              struct error *e)
{
	char *text;
	size_t n;

	if (!file)
		return read_told(c, known, out, e);
	if (!ctl_read_file(file, NOTE_MAX, &text, &n, e))
		return false;
	buf_add(out, view_make(text, n));
	free(text);
	return !out->failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

/* The key that was is an earlier one now. */
static bool change(json_t *doc, const struct note_vkey *known, const struct note_vkey *next)
{
	json_t *audit = json_object_get(doc, "audit"), *earlier = json_object_get(audit, "earlier");
	struct buf now = BUF_INIT(4096), before = BUF_INIT(4096);

	note_vkey_print(next, &now);
	note_vkey_print(known, &before);
	if (!json_is_array(earlier)) {
		earlier = json_array();
		json_object_set_new(audit, "earlier", earlier);
	}
	bool ok = !now.failed && !before.failed &&
	          json_object_set_new(audit, "vkey", json_stringn(now.p, now.n)) == 0 &&
	          json_array_insert_new(earlier, 0, json_stringn(before.p, before.n)) == 0;
	buf_free(&now);
	buf_free(&before);
	return ok;
}

static bool write_doc(const char *path, json_t *doc, struct error *e)
{
	char *text = json_dumps(doc, JSON_INDENT(2));
	struct buf b = BUF_INIT(1u << 20);

	buf_adds(&b, text ? text : "");
	buf_addc(&b, '\n');
	bool ok = text && !b.failed ? audit_write_file(path, buf_view(&b), e)
	                            : error_set(e, REASON_NO_MEMORY, "memory ran out");
	free(text);
	buf_free(&b);
	return ok;
}

static bool follow(const struct ctl *c, const char *partner, const char *file, struct note_vkey *next, struct error *e)
{
	char *folder = audit_conf_path(c, "/partners", e), path[PATH_MAX];
	struct buf note = BUF_INIT(NOTE_MAX);
	struct note_vkey known;
	json_t *doc = NULL;
	bool ok = folder && snprintf(path, sizeof path, "%s/%s.json", folder, partner) < (int)sizeof path;

	ok = ok && ((doc = json_load_file(path, 0, NULL)) ||
	            error_at(e, REASON_CONFIG, path, 0, 0, "cannot be read as a partner's file"));
	const char *vkey = json_string_value(json_object_get(json_object_get(doc, "audit"), "vkey"));
	ok = ok && (vkey || error_at(e, REASON_CONFIG, path, 0, 0, "has no audit/vkey"));
	ok = ok && note_vkey_parse(view_of(vkey), &known, e) && read_announcement(c, file, &known, &note, e) &&
	     announcement_follow(buf_view(&note), &known, next, e);
	ok = ok && (change(doc, &known, next) || error_set(e, REASON_NO_MEMORY, "memory ran out")) &&
	     write_doc(path, doc, e);
	json_decref(doc);
	buf_free(&note);
	free(folder);
	return ok;
}

int audit_follow_partner(const struct ctl *c, int argc, char **argv)
{
	struct error e = { .reason = REASON_NONE };
	struct buf key = BUF_INIT(4096);
	struct note_vkey next;

	if (argc < 2 || argc > 3)
		return ctl_usage();
	if (!follow(c, argv[1], argc == 3 ? argv[2] : NULL, &next, &e))
		return ctl_fail(audit_status(&e), &e);
	note_vkey_print(&next, &key);
	printf("%s has the key %.*s now; reload gatewayd\n", argv[1], VIEW_ARG(buf_view(&key)));
	buf_free(&key);
	return CTL_OK;
}
