/* libFuzzer target: any bytes as the envelope around a record. What the compiled schema takes, the interpreter of the same schema
 * takes, too, and the other way round; what is read of it lies in its text, and reads the same from a copy in the one form. */
#include "lib/json/splice.h"
#include "lib/policy/envelope.h"
#include "lib/schema/document.h"
#include "lib/schema/interpret.h"
#include "test/fuzz/target.h"

static struct schema *schema;
static struct schema_run *run;
static struct tape_parser *parser, *again;

static bool same_origin(const struct origin *a, const struct origin *b)
{
	return memcmp(&a->exchange, &b->exchange, sizeof a->exchange) == 0 && view_eq(a->agency, b->agency) &&
	       view_eq(a->node, b->node) && digest_eq(&a->agreement_digest, &b->agreement_digest) &&
	       view_eq(a->entry, b->entry) && view_eq(a->proof, b->proof) &&
	       memcmp(&a->salt, &b->salt, sizeof a->salt) == 0 && digest_eq(&a->consent, &b->consent);
}

static void check_copy(const struct tape *t, const struct envelope *e)
{
	struct buf text = BUF_INIT(1u << 20), scratch = BUF_INIT(1u << 20);
	static struct member_order order;
	struct envelope copy;
	struct splice s;
	struct tape u;

	splice_start(&s, &text, &order);
	splice_copy(&s, t, 0);
	must(!text.failed);
	must(tape_parse(again, buf_view(&text), &u, NULL));
	must(envelope_read(schema, run, &u, &scratch, &copy, NULL));
	must(view_eq(e->purpose, copy.purpose) && view_eq(e->legal_basis, copy.legal_basis));
	must(view_eq(e->tier, copy.tier) && view_eq(e->case_ref, copy.case_ref) && view_eq(e->key, copy.key));
	must(view_eq(e->reference, copy.reference) && view_eq(e->retention, copy.retention));
	must(view_eq(e->corrects, copy.corrects) && view_eq(e->onward_of, copy.onward_of));
	must(e->from_gateway == copy.from_gateway && (!e->from_gateway || same_origin(&e->origin, &copy.origin)));
	must(!e->approvals == !copy.approvals && !e->handling == !copy.handling && !e->officer == !copy.officer);
	buf_free(&text);
	buf_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf scratch = BUF_INIT(1u << 20);
	struct error e = { .reason = REASON_NONE };
	struct interpretation in;
	struct envelope env;
	struct tape t;

	if (!schema) {
		schema = document_schema(VIEW("envelope"), NULL);
		run = schema_run_new();
		parser = tape_parser_new(NULL);
		again = tape_parser_new(&tape_document_limits);
		must(schema && run && parser && again);
	}
	struct view text = exact(view_make(data, size));
	if (tape_parse(parser, text, &t, NULL)) {
		bool good = envelope_read(schema, run, &t, &scratch, &env, &e);
		must(good == (e.reason == REASON_NONE) && (good || e.reason == REASON_ENVELOPE_INVALID));
		interpret(&in, schema, run, &t, 0, true, true);
		/* Behind the schema an origin's bytes can still be none. */
		if (!in.limit)
			must(good ? in.valid : !in.valid || view_starts(view_of(e.where), VIEW("/origin/")));
		interpretation_free(&in);
		if (good) {
			must(env.record != 0 && env.purpose.n > 0 && env.tier.n > 0);
			check_copy(&t, &env);
		}
	}
	exact_free(text);
	buf_free(&scratch);
	return 0;
}
