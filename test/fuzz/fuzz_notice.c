/* libFuzzer target: any bytes as the body of a notice between gateways; and as the body within one whose entry and proof are right.
 * What is read is what the entry has the digest of; nothing else is. The store and the key of the sender's log are stood in for. */
#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/witness/sight.h"
#include "lib/base/encode.h"
#include "lib/schema/document.h"
#include "lib/tlog/receipt.h"
#include "test/fuzz/target.h"

#define EXCHANGE "01890a5d-ac96-774b-bcce-b302099a8057"

static struct conf conf = { .node = { .agency = "north" } };
static struct partner peer = { .agency = "south" };
static struct core core;
static struct worker worker;

bool store_find_exchange(struct store *s, const struct uuid *id, struct store_exchange *out, struct error *e)
{
	(void)s, (void)e;
	*out = (struct store_exchange){ .seq = 1,
		                        .id = *id,
		                        .origin = *id,
		                        .agreement = VIEW("pnr"),
		                        .provider = VIEW("north"),
		                        .recipient = VIEW("south"),
		                        .state = STATE_DELIVERED };
	return true;
}

bool store_find_origin(struct store *s, struct view provider, const struct uuid *origin, struct store_exchange *out,
                       struct error *e)
{
	(void)s, (void)provider, (void)origin, (void)out;
	return error_set(e, REASON_NOT_FOUND, "no such row");
}

/* The signature is the business of the targets of notes and receipts. */
bool conf_receipt(const struct partner *p, struct verified *known, const struct receipt *r, struct view entry,
                  struct checkpoint *shown, struct error *e)
{
	(void)p, (void)known, (void)r, (void)entry, (void)e;
	*shown = (struct checkpoint){ .size = 1 };
	return true;
}

bool sight_take(struct core *c, const struct partner *p, const struct checkpoint *shown, struct view note,
                uint64_t *unproved, struct error *e)
{
	(void)c, (void)p, (void)shown, (void)note, (void)unproved, (void)e;
	return true;
}

/* Returns whether it is taken, and what for. */
static bool read_notice(struct view text, struct view body, enum notice_kind kind)
{
	struct request r = { .worker = &worker, .conf = &conf, .peer = &peer };
	struct notice_in in = { .request = &r, .entry = BUF_INIT(1u << 17), .proof = BUF_INIT(1u << 17) };
	struct view copy = exact(text);

	r.path = VIEW("/v1/exchanges/" EXCHANGE "/notices");
	r.body = (struct buf){ .p = (char *)(uintptr_t)copy.p, .n = copy.n, .cap = copy.n, .max = copy.n };
	bool good = notice_read(&in);
	must(good == (in.found.reason == REASON_NONE));
	if (good) {
		must(in.body && in.body_text.p >= copy.p && in.body_text.p + in.body_text.n <= copy.p + copy.n);
		must(!body.p || (in.kind == kind && view_eq(in.body_text, body)));
		const char *fault = notice_body_fault(in.kind, in.body);
		must(!fault || fault[0]);
	}
	json_decref(in.body);
	buf_free(&in.entry);
	buf_free(&in.proof);
	exact_free(copy);
	return good;
}

/* A notice with this body whose entry says so. */
static void check_honest(struct view body, enum notice_kind kind)
{
	struct notice n = { .kind = kind, .recipient = VIEW("north"), .body = body };
	struct entry entry = { .time_ms = 1767225600000, .agreement = VIEW("pnr") };
	struct buf leaf = BUF_INIT(ENTRY_MAX), text = BUF_INIT(1u << 18), other = BUF_INIT(1u << 18);
	struct tape t;

	if (!tape_parse(worker.scratch.entry, body, &t, NULL) || t.nodes[0].type != TAPE_OBJECT)
		return;
	/* The reader uses the same memory for its tapes. */
	body = n.body = exact(tape_token(&t, 0));
	must(uuid_parse(VIEW(EXCHANGE), &entry.origin));
	notice_entry(&n, &entry);
	memset(&entry.agreement_digest, 0, sizeof entry.agreement_digest);
	entry_print(&entry, NULL, &leaf);
	/* An entry of this store has a digest of its agreement: zeros, which the printer leaves out. */
	leaf.p[leaf.n - 1] = ',';
	buf_adds(&leaf, "\"agreement_digest\":\"");
	digest_print(&leaf, &entry.agreement_digest);
	buf_adds(&leaf, "\"}");
	buf_addf(&text, "{\"kind\":\"%s\",\"agency\":\"south\",\"node\":\"south-1\",\"body\":", notice_kind_name(kind));
	buf_add(&text, body);
	buf_adds(&text, ",\"entry\":\"");
	base64_encode(&text, buf_view(&leaf));
	buf_adds(&text, "\",\"proof\":\"c2sp.org/tlog-proof@v1\\nindex 0\\n\\nx\"}");
	must(!text.failed && !leaf.failed);
	bool good = read_notice(buf_view(&text), body, kind);
	if (good) {
		/* The same entry beside another body. */
		size_t at = (size_t)((const char *)memmem(text.p, text.n, "\"body\":", 7) - text.p) + 7;
		buf_add(&other, view_make(text.p, at));
		buf_adds(&other, "{ ");
		buf_add(&other, view_make(text.p + at + 1, text.n - at - 1));
		must(!read_notice(buf_view(&other), VIEW(""), kind));
	}
	exact_free(body);
	buf_free(&leaf);
	buf_free(&text);
	buf_free(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);

	if (!core.notice_schema) {
		core.notice_schema = document_schema(VIEW("notice"), NULL);
		worker.core = &core;
		must(core.notice_schema && scratch_open(&worker.scratch));
	}
	uint8_t kind = first_byte(&in);
	if (kind & 0x80)
		(void)read_notice(in, (struct view){ NULL, 0 }, NOTICE_KINDS);
	else
		check_honest(in, (enum notice_kind)(kind % NOTICE_KINDS));
	return 0;
}
