/* Parsers of what strangers send, on texts that were altered at random (the same ones in every run): nothing may be
 * read beyond the text, which the sanitizers watch, and nothing altered may verify. Each text lies in memory of its
 * exact size. */
#include <check.h>

#include "lib/tlog/receipt.h"
#include "lib/tlog/trust.h"
#include "lib/tlog/witness.h"
#include "test/tlog/fixture.h"

TCase *make_mutation_case(void);

#define ROUNDS 20000

static uint64_t state;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Some bytes replaced, a piece removed, doubled or the end cut. Returns false when nothing changed. */
static bool mutate(struct view from, struct bytes *out)
{
	static const char interesting[] = "\n\n +=/.-09aZ\x80\xe2\"[]\0";
	struct buf b = BUF_INIT(1 << 20);
	size_t at = next_random() % from.n, n = next_random() % 40;

	if (at + n > from.n)
		n = from.n - at;
	switch (next_random() % 5) {
	case 0:
		buf_add(&b, from);
		b.p[at] = interesting[next_random() % (sizeof interesting - 1)];
		break;
	case 1:
		buf_add(&b, from);
		b.p[at] = (char)next_random();
		b.p[next_random() % from.n] = (char)next_random();
		break;
	case 2:
		buf_add(&b, view_make(from.p, at));
		buf_add(&b, view_from(from, at + n));
		break;
	case 3:
		buf_add(&b, view_make(from.p, at + n));
		buf_add(&b, view_from(from, at));
		break;
	default: buf_add(&b, view_make(from.p, at)); break;
	}
	bool changed = !view_eq(buf_view(&b), from);
	free(out->p);
	out->p = malloc(b.n ? b.n : 1);
	if (b.n > 0)
		memcpy(out->p, b.p, b.n);
	out->n = b.n;
	buf_free(&b);
	return changed;
}

START_TEST(test_receipts)
{
	struct log *l = log_new("north.example/audit/gw/1", 1, 300);
	struct receipt r = { .index = 123, .checkpoint = buf_view(&l->note) };
	struct buf text = BUF_INIT(NOTE_MAX), scratch = BUF_INIT(65535);
	struct bytes altered = { 0 };
	unsigned parsed = 0;

	state = 1;
	ck_assert(tiles_prove(l->tiles, 123, 300, r.proof, &r.n));
	receipt_print(&r, view_make(l->leaf[123].p, l->leaf[123].n), &text);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct view entry;

		if (!mutate(buf_view(&text), &altered))
			continue;
		if (!receipt_parse(view_make(altered.p, altered.n), &scratch, &r, &entry, NULL))
			continue;
		parsed++;
		ck_assert(!receipt_verify(&r, entry, &l->signer.vkey, NULL));
	}
	ck_assert_uint_gt(parsed, 0);
	free(altered.p);
	log_free(l);
	buf_free(&text);
	buf_free(&scratch);
}
END_TEST

START_TEST(test_witness)
{
	struct log *l = log_new("north.example/audit/gw/1", 1, 300);
	struct witness_request r = { .old = 77, .note = buf_view(&l->note) };
	struct witness_state seen = { .size = 77 };
	struct buf text = BUF_INIT(NOTE_MAX);
	struct bytes altered = { 0 };

	state = 2;
	ck_assert(tlog_range_hash(0, 77, tiles_read, l->tiles, &seen.root));
	ck_assert(tlog_prove_consistency(77, 300, tiles_read, l->tiles, r.proof, &r.n));
	witness_request_print(&r, &text);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct checkpoint c;
		struct view signed_text, origin;

		if (!mutate(buf_view(&text), &altered))
			continue;
		if (!witness_request_parse(view_make(altered.p, altered.n), &r, NULL))
			continue;
		(void)!witness_request_origin(&r, &origin, NULL);
		/* Another valid line of the same signature changes nothing; all else must be refused. */
		if (witness_judge(&r, &l->signer.vkey, 1, &seen, &c, &signed_text, NULL) == WITNESS_COSIGN)
			ck_assert(view_starts(buf_view(&l->note), signed_text));
	}
	free(altered.p);
	log_free(l);
	buf_free(&text);
}
END_TEST

/* A policy that was altered may still be one; it must not crash, and not trust a log whose key it has not. */
START_TEST(test_trust)
{
	struct log *l = log_new("north.example/audit/gw/1", 1, 3);
	struct buf text = BUF_INIT(10000), key = BUF_INIT(1000);
	struct bytes altered = { 0 };

	state = 3;
	note_vkey_print(&l->signer.vkey, &key);
	buf_adds(&text, "# policy\nlog ");
	buf_add(&text, buf_view(&key));
	buf_adds(&text, " https://north.example/\nwitness a w.example+");
	buf_adds(&text, "00000000+BA\ngroup g any a\nquorum none\n");
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct checkpoint c;

		if (!mutate(buf_view(&text), &altered))
			continue;
		struct trust *t = trust_parse(view_make(altered.p, altered.n), NULL);
		if (t && trust_check(t, buf_view(&l->note), &c, NULL, NULL, NULL))
			ck_assert_ptr_nonnull(memmem(altered.p, altered.n, key.p, key.n));
		trust_free(t);
	}
	free(altered.p);
	log_free(l);
	buf_free(&text);
	buf_free(&key);
}
END_TEST

START_TEST(test_disclosures)
{
	struct disclosures d = { .n = 0 };
	struct buf leaf = BUF_INIT(65535);
	struct bytes altered = { 0 };

	state = 4;
	log_print_entry(2, &d, &leaf);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (!mutate(buf_view(&d.packed), &altered) || altered.n == 0)
			continue;
		/* The order of disclosures within a row is nobody's secret; removing and doubling are found. */
		ck_assert(!disclosures_verify(buf_view(&leaf), view_make(altered.p, altered.n), NULL));
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned n;

		if (mutate(buf_view(&leaf), &altered))
			(void)!disclosures_count(view_make(altered.p, altered.n), &n);
	}
	free(altered.p);
	disclosures_free(&d);
	buf_free(&leaf);
}
END_TEST

START_TEST(test_paths)
{
	struct bytes altered = { 0 };
	struct tlog_tile t;

	state = 5;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct buf b = BUF_INIT(1000);

		mutate(VIEW("tile/12/x001/x234/067.p/123"), &altered);
		if (tlog_tile_parse(view_make(altered.p, altered.n), &t)) {
			/* One name for one tile. */
			tlog_tile_path(&t, &b);
			ck_assert(view_eq(buf_view(&b), view_make(altered.p, altered.n)));
		}
		buf_free(&b);
	}
	free(altered.p);
}
END_TEST

TCase *make_mutation_case(void)
{
	TCase *tc = tcase_create("mutation");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_receipts);
	tcase_add_test(tc, test_witness);
	tcase_add_test(tc, test_trust);
	tcase_add_test(tc, test_disclosures);
	tcase_add_test(tc, test_paths);
	return tc;
}
