/* What the audit log costs: leaf hash and append for an entry, checkpoint for a batch, receipt for an entry of the
 * batch just committed, full verification. Entries are made anew when they are read, so that what is measured is
 * the log and not a disk; the tiles are kept. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "lib/crypto/crypto.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/receipt.h"
#include "lib/tlog/tiles.h"
#include "lib/tlog/verify.h"

#define BATCH    64
#define LEVELS   4
#define RECEIPTS 2000

struct bench {
	uint64_t entries;
	char *tiles[LEVELS]; /* full tiles, one behind the other */
	struct note_signer signer;
	struct buf leaf, note;
	size_t digits_at;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long peak_kib(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_maxrss;
}

/* A typical disclosure entry; its output digest's first digits are the number. */
static void make_template(struct bench *b)
{
	static const uint8_t salt[16] = { 1 };
	struct entry e = { .operation = OPERATION_DISCLOSURE,
		           .time_ms = 1767225600000,
		           .peer = VIEW("registry"),
		           .recipient = VIEW("agency-south"),
		           .agreement = VIEW("north-south-persons"),
		           .purpose = VIEW("prevention"),
		           .legal_basis = VIEW("art-8"),
		           .tier = VIEW("standard"),
		           .outcome = VIEW("released-transformed"),
		           .build = VIEW("0.1") };
	struct disclosures d = { .n = 0 };

	memset(e.exchange.b, 1, sizeof e.exchange.b);
	memset(e.agreement_digest.b, 2, 32);
	memset(e.input.b, 3, 32);
	memset(e.output.b, 4, 32);
	disclosures_add(&d, salt, VIEW("decision"), VIEW("{}"));
	entry_print(&e, &d, &b->leaf);
	const char *at = memmem(b->leaf.p, b->leaf.n, "\"output\":\"", 10);
	b->digits_at = (size_t)(at - b->leaf.p) + 10;
	disclosures_free(&d);
}

static struct view entry_of(struct bench *b, uint64_t i)
{
	for (unsigned k = 0; k < 16; k++)
		b->leaf.p[b->digits_at + k] = "0123456789abcdef"[i >> (4 * k) & 15];
	return buf_view(&b->leaf);
}

static bool put_tile(void *arg, const struct tlog_tile *t, struct view hashes, struct error *e)
{
	struct bench *b = arg;

	if (t->level >= LEVELS)
		return error_set(e, REASON_LIMIT, "too many levels");
	memcpy(b->tiles[t->level] + t->index * TLOG_TILE_WIDTH * 32, hashes.p, hashes.n);
	return true;
}

static bool get_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	struct bench *b = arg;
	unsigned width = tlog_tile_width(level, index, b->entries);

	if (level >= LEVELS || width == 0)
		return error_set(e, REASON_NOT_FOUND, "no such tile");
	*hashes = view_make(b->tiles[level] + index * TLOG_TILE_WIDTH * 32, width * 32);
	return true;
}

static bool get_entry(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	(void)e;
	*leaf = entry_of(arg, index);
	*packed = view_make(NULL, 0);
	return true;
}

static bool sign(struct bench *b, const struct tiles *t)
{
	struct checkpoint c = { .origin = view_of(b->signer.vkey.name), .size = tiles_size(t) };
	struct buf text = BUF_INIT(1000);

	tiles_root(t, &c.root);
	checkpoint_text(&c, &text);
	buf_reset(&b->note);
	buf_add(&b->note, buf_view(&text));
	buf_addc(&b->note, '\n');
	bool ok = note_sign(&b->signer, buf_view(&text), &b->note);
	buf_free(&text);
	return ok;
}

/* Appends up to `b->entries` in batches; *signing gets the seconds of root and signature. */
static bool append_all(struct bench *b, struct tiles *t, double *appending, double *signing, struct error *e)
{
	*appending = *signing = 0;
	for (uint64_t i = 0; i < b->entries;) {
		double start = now();

		for (unsigned k = 0; k < BATCH && i < b->entries; k++, i++) {
			struct digest h;

			tlog_leaf_hash(entry_of(b, i), &h);
			if (!tiles_append(t, &h))
				return error_set(e, REASON_NO_MEMORY, "no memory");
		}
		if (!tiles_changed(t, put_tile, b, e))
			return false;
		double appended = now();
		/* A signature takes as long at any size: one batch in 64 is enough to know. */
		if (i / BATCH % 64 == 0 && !sign(b, t))
			return error_set(e, REASON_CRYPTO, "signing failed");
		tiles_commit(t);
		*appending += appended - start;
		if (i / BATCH % 64 == 0)
			*signing += now() - appended;
	}
	return sign(b, t);
}

static bool receipts(struct bench *b, struct tiles *t, double *proof_us, double *text_us, struct error *e)
{
	struct buf text = BUF_INIT(1 << 20), scratch = BUF_INIT(1 << 20);
	double start = now();
	uint64_t first = b->entries - (b->entries < BATCH ? b->entries : BATCH), n = b->entries - first;
	struct receipt r = { .checkpoint = buf_view(&b->note) };
	struct view entry;
	bool ok = true;

	for (unsigned i = 0; ok && i < RECEIPTS; i++)
		ok = tiles_prove(t, first + i % n, b->entries, r.proof, &r.n);
	*proof_us = (now() - start) / RECEIPTS * 1e6;
	start = now();
	for (unsigned i = 0; ok && i < RECEIPTS; i++) {
		r.index = first + i % n;
		ok = tiles_prove(t, r.index, b->entries, r.proof, &r.n);
		buf_reset(&text);
		receipt_print(&r, entry_of(b, r.index), &text);
	}
	*text_us = (now() - start) / RECEIPTS * 1e6;
	ok = ok && receipt_parse(buf_view(&text), &scratch, &r, &entry, e) &&
	     receipt_verify(&r, entry, &b->signer.vkey, e);
	buf_free(&text);
	buf_free(&scratch);
	return ok;
}

static bool run(struct bench *b, struct error *e)
{
	struct verify_source s = { .entry = get_entry, .tile = get_tile, .arg = b };
	struct tiles *t = tiles_new(0, NULL, NULL, e);
	struct verify_report report;
	struct checkpoint c;
	double appending, signing, proof_us, text_us;

	bool ok = t && append_all(b, t, &appending, &signing, e) && receipts(b, t, &proof_us, &text_us, e);
	if (ok) {
		double batches = (double)b->entries / BATCH;

		printf("entries                     %llu of %zu bytes\n", (unsigned long long)b->entries, b->leaf.n);
		printf("leaf hash, append, tiles    %.3f us an entry (batches of %d)\n",
		       appending / (double)b->entries * 1e6, BATCH);
		printf("root and signature          %.1f us a batch\n",
		       batches >= 64 ? signing / (batches / 64) * 1e6 : 0);
		printf("receipt of the last batch   %.2f us proof, %.2f us with its text\n", proof_us, text_us);
		/* Memory of verification alone: what it adds to what lies here already. */
		long before = peak_kib();
		double start = now();
		ok = checkpoint_open(buf_view(&b->note), &b->signer.vkey, &c, e) &&
		     verify_log(&c, NULL, &s, &report, e);
		double took = now() - start;
		printf("full verification           %.1f s, %.0f entries/s, %ld KiB more memory\n", took,
		       (double)b->entries / took, peak_kib() - before);
	}
	tiles_free(t);
	return ok;
}

int main(int argc, char **argv)
{
	struct bench b = { .entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000,
		           .leaf = BUF_INIT(65535),
		           .note = BUF_INIT(65535) };
	uint8_t seed[32] = { 1 }, public[32];
	struct error e = { .reason = REASON_NONE };

	b.signer.key = ed25519_from_seed(seed);
	if (!b.signer.key)
		return 1;
	ed25519_public(b.signer.key, public);
	if (!note_vkey_make(VIEW("bench.example/audit/gw/1"), NOTE_ED25519, public, &b.signer.vkey))
		return 1;
	for (unsigned level = 0; level < LEVELS; level++)
		b.tiles[level] = calloc((b.entries >> (8 * level + 8)) + 1, TLOG_TILE_WIDTH * 32);
	make_template(&b);
	bool ok = run(&b, &e);
	if (!ok)
		fprintf(stderr, "bench-tlog: %s\n", e.text);
	for (unsigned level = 0; level < LEVELS; level++)
		free(b.tiles[level]);
	ed25519_free(b.signer.key);
	buf_free(&b.leaf);
	buf_free(&b.note);
	return !ok;
}
