/* gatewayctl audit prove: the receipt of an exchange as a file. From a store it is the one that the answer
 * carried, or under the checkpoint that witnesses cosigned since; from a directory it is made from the tiles, against
 * the directory's checkpoint. */
#include <getopt.h>
#include <limits.h>

#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/ctl/audit.h"
#include "lib/tlog/receipt.h"

/* Whether a leaf is the decision on an exchange: names are sorted, so the text is unambiguous. */
static bool is_of(struct view leaf, const char *needle)
{
	return memmem(leaf.p, leaf.n, needle, strlen(needle)) != NULL;
}

static bool read_tile(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	struct verify_source *v = arg;

	return tiles_read_stored(v->tile, v->arg, level, index, out, NULL);
}

/* The cosigned checkpoint where it covers the entry, else the newest. */
static uint64_t choose(const struct audit_source *s, uint64_t index, struct view *note)
{
	struct view text, signatures;
	struct checkpoint c;

	*note = audit_source_cosigned(s);
	if (note_split(*note, &text, &signatures, NULL) && checkpoint_parse(text, &c, NULL) && c.size > index &&
	    c.size <= audit_source_size(s))
		return c.size;
	*note = audit_source_note(s);
	return audit_source_size(s);
}

bool audit_receipt_at(struct audit_source *s, uint64_t index, struct buf *out, struct error *e)
{
	struct receipt r = { .index = index };
	struct verify_source v;
	struct view leaf, packed;
	uint64_t size = choose(s, index, &r.checkpoint);

	audit_source_callbacks(s, &v);
	if (!v.entry(v.arg, index, &leaf, &packed, e))
		return false;
	if (!tlog_prove_inclusion(index, size, read_tile, &v, r.proof, &r.n))
		return error_set(e, REASON_TAMPERED, "entry %llu cannot be proved from the tiles",
		                 (unsigned long long)index);
	receipt_print(&r, leaf, out);
	return true;
}

static bool prove_from_directory(struct audit_source *s, const char *uuid, struct buf *out, struct error *e)
{
	struct verify_source v;
	struct view leaf, packed;
	char needle[UUID_TEXT + 16];

	audit_source_callbacks(s, &v);
	snprintf(needle, sizeof needle, "\"exchange\":\"%s\"", uuid);
	for (uint64_t i = 0; i < audit_source_size(s); i++) {
		if (!v.entry(v.arg, i, &leaf, &packed, e))
			return false;
		if (is_of(leaf, needle))
			return audit_receipt_at(s, i, out, e);
	}
	return error_set(e, REASON_NOT_FOUND, "no entry of this exchange");
}

static bool prove(struct audit_source *s, const char *text, struct buf *out, struct error *e)
{
	struct store *store = audit_source_store(s);
	struct store_archive archive;
	struct store_exchange x;
	struct uuid id;

	if (!uuid_parse(view_of(text), &id))
		return error_set(e, REASON_CONFIG, "not an exchange id");
	if (!store)
		return prove_from_directory(s, text, out, e);
	if (!store_find_exchange(store, &id, &x, e))
		return false;
	if (store_get_archive(store, store_entry_log(x.entry), &archive, NULL))
		return error_set(e, REASON_NOT_FOUND, "its entry was archived: --from the archive's folder");
	return proof_for_outsiders(store, x.entry, out, e);
}

int audit_prove(const struct ctl *c, int argc, char **argv)
{
	static const struct option list[] = { { "out", required_argument, NULL, 'O' },
		                              { "from", required_argument, NULL, 'F' },
		                              { 0 } };
	const char *out = NULL, *from = NULL;
	struct buf receipt = BUF_INIT(1 << 20);
	struct error e = { 0 };
	char name[64];
	int opt, status = CTL_OK;

	while ((opt = getopt_long(argc, argv, "", list, NULL)) != -1) {
		if (opt == 'O')
			out = optarg;
		else if (opt == 'F')
			from = optarg;
		else
			return ctl_usage();
	}
	if (argc - optind != 1)
		return ctl_usage();
	snprintf(name, sizeof name, "%.36s.tlog-proof", argv[optind]);
	char *path = audit_log_path(c, from, &e);
	struct audit_source *s = path ? audit_source_open(path, NULL, &e) : NULL;
	if (!s || !prove(s, argv[optind], &receipt, &e)) {
		status = ctl_fail(audit_status(&e), &e);
	} else if (out && strcmp(out, "-") == 0) {
		fwrite(receipt.p, 1, receipt.n, stdout);
	} else if (!audit_write_file(out ? out : name, buf_view(&receipt), &e)) {
		status = ctl_fail(CTL_FAILED, &e);
	} else {
		printf("%s\n", out ? out : name);
	}
	audit_source_close(s);
	buf_free(&receipt);
	free(path);
	return status;
}
