/* See arrived.h. */
#include "gatewayd/core/deliver/arrived.h"

#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/conf/conf.h"
#include "gatewayd/core/copy/keep.h"
#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/witness/sight.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/receipt.h"

/* What the entry of the partner must say. */
struct taken {
	char origin[UUID_TEXT + 1], output[65], recipient[72];
	struct buf agreement;
};

static bool none_waits(struct error *e)
{
	return error_set(e, REASON_NOT_FOUND, "no delivery of this exchange waits here");
}

static bool parse_leaf(struct tape_parser *parser, struct view leaf, struct tape *out, struct error *e)
{
	return (parser || error_set(e, REASON_NO_MEMORY, "memory ran out")) && tape_parse(parser, leaf, out, e);
}

static bool wanted(struct store *reader, const struct uuid *exchange, struct tape_parser *parser, uint64_t *seq,
                   struct taken *out, struct error *e)
{
	struct buf leaf = BUF_INIT(65536), proof = BUF_INIT(65536);
	struct store_exchange x;
	struct store_delivery d;
	struct tape t;

	if (!store_find_exchange(reader, exchange, &x, e))
		return false;
	uint64_t entry = x.entry;
	*seq = x.seq;
	uuid_print(&x.id, out->origin);
	digest_print(&out->agreement, &x.agreement_digest);
	buf_addc(&out->agreement, 0);
	snprintf(out->recipient, sizeof out->recipient, "%.*s", VIEW_ARG(x.recipient));
	if (x.state != STATE_QUEUED || !store_get_delivery(reader, *seq, &d, e))
		return none_waits(e);
	bool ok = proof_of_entry(reader, entry, false, &leaf, &proof, e) && parse_leaf(parser, buf_view(&leaf), &t, e);
	if (ok)
		proof_leaf_member(&t, "output", out->output, sizeof out->output);
	buf_free(&leaf);
	buf_free(&proof);
	return ok && (!out->agreement.failed || error_set(e, REASON_NO_MEMORY, "memory ran out"));
}

static bool says_taken(const struct taken *t, const struct tape *leaf)
{
	return (proof_leaf_says(leaf, "operation", "collection") || proof_leaf_says(leaf, "operation", "hold")) &&
	       proof_leaf_says(leaf, "origin", t->origin) && proof_leaf_says(leaf, "input", t->output) &&
	       proof_leaf_says(leaf, "agreement_digest", t->agreement.p);
}

static bool holds(struct core *c, const struct conf *conf, const struct taken *t, struct tape_parser *parser,
                  struct view text, struct error *e)
{
	const struct partner *p = conf_agency(conf, view_of(t->recipient), ROLE(GATEWAY));
	struct buf scratch = BUF_INIT(ENTRY_MAX + 3);
	struct checkpoint shown;
	struct receipt r;
	struct view leaf;
	struct tape said;
	bool ok = false;

	if (!p || !p->has_log)
		error_set(e, REASON_RECEIPT_INVALID, "no verifier key of the recipient's log is known here");
	else if (receipt_parse(text, &scratch, &r, &leaf, e) && conf_receipt(p, c->verified, &r, leaf, &shown, e) &&
	         parse_leaf(parser, leaf, &said, e))
		ok = (says_taken(t, &said) ||
		      error_set(e, REASON_RECEIPT_INVALID, "the receipt is for something else")) &&
		     sight_take(c, p, &shown, r.checkpoint, NULL, e);
	buf_free(&scratch);
	return ok;
}

bool arrived_check(struct core *c, struct store *reader, const struct uuid *exchange, struct view receipt,
                   uint64_t *seq, struct error *e)
{
	struct taken t = { .agreement = BUF_INIT(65) };
	struct tape_parser *parser = tape_parser_new(NULL);
	struct conf *conf = core_conf(c);
	bool ok = wanted(reader, exchange, parser, seq, &t, e) && holds(c, conf, &t, parser, receipt, e);

	conf_unref(conf);
	tape_parser_free(parser);
	buf_free(&t.agreement);
	return ok;
}

bool arrived_write(const struct act *a, uint64_t seq, struct view receipt, const char *who, bool *done, struct error *e)
{
	struct copy c;

	if (!copy_load(a, seq, &c, e))
		return false;
	*done = c.state == STATE_QUEUED;
	return !*done || (copy_log(a, &c, OPERATION_DELIVERY, "delivered", who, e) && keep_arrived(a, &c, e) &&
	                  exchange_become(a, &c, STATE_DELIVERED, e) && store_put_receipt(a->store, seq, receipt, e));
}
