/* What a made-up gateway of south's sends, with a log of one entry that proves it: for tests that spoil one thing of it. */
#ifndef TEST_CORE_EXCHANGE_PARCEL_FIXTURE_H
#define TEST_CORE_EXCHANGE_PARCEL_FIXTURE_H

#include "lib/base/encode.h"
#include "lib/json/canonical.h"
#include "lib/tlog/tlog.h"
#include "test/core/exchange/exchange_fixture.h"
#include "test/policy/officers.h"

/* What the made-up sender says; each test spoils one thing. */
struct parcel {
	struct entry entry; /* output, agreement and exchange are filled by parcel_new() */
	struct salt salt;
	const char *agency;
	struct digest agreement; /* of the origin */
	struct ed25519_key *key; /* that signs the checkpoint */
	struct view record, members;
	bool no_object;               /* the entry is an array */
	bool no_members;              /* the entry has no digest of what stands beside the record */
	const char *corrects, *added; /* members that came in between: an id, a text for the case */
	struct view caveats;          /* empty: none are sent */
	const char *handling;         /* that the sender took for it */
};

/* The entry speaks of what is sent. */
static inline void name_caveats(struct parcel *p)
{
	exchange_salted(&p->salt, p->caveats, &p->entry.caveats);
}

/* A record as this agreement lets it through, from the egress side of the same. */
static inline struct parcel parcel_new(void)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = decide(&s, released_text());
	struct parcel p = { .salt = { .b = { 5 } },
		            .agency = "south",
		            .agreement = *agreement_digest(x->decided.agreement),
		            .key = f.south_key };

	ck_assert(exchange_is_release(x));
	p.record = arena_copy(&texts, buf_view(&scratch.record));
	p.caveats = arena_copy(&texts, buf_view(&x->written.caveats));
	ck_assert(exchange_prepare(x));
	p.members = arena_copy(&texts, buf_view(&x->written.members));
	p.entry = (struct entry){ .operation = OPERATION_DISCLOSURE,
		                  .form = CANONICAL_FORM,
		                  .time_ms = f.now_ms - 1000,
		                  .exchange = uuid_v7(f.now_ms - 1000, x->decided.random.id),
		                  .peer = VIEW("a-system"),
		                  .recipient = VIEW("north"),
		                  .agreement = VIEW("pnr"),
		                  .agreement_digest = p.agreement,
		                  .purpose = VIEW("serious-crime"),
		                  .legal_basis = VIEW("pnr-law"),
		                  .tier = VIEW("T1"),
		                  .checked = VIEW("case,necessity"),
		                  .outcome = VIEW("released-transformed"),
		                  .build = VIEW("south-build") };
	struct view parts[] = { view_make(p.salt.b, sizeof p.salt.b), p.record };
	sha256_parts(parts, 2, &p.entry.output);
	name_caveats(&p);
	exchange_recycle(x);
	return p;
}

/* A log of one entry, and its receipt. */
static inline void prove(const struct parcel *p, struct view leaf, struct buf *proof)
{
	struct checkpoint c = { .origin = VIEW(SOUTH_ORIGIN), .size = 1 };
	struct note_signer signer = { .vkey = core_partner(&f, SOUTH_GATEWAY)->log, .key = p->key };
	struct buf text = BUF_INIT(4096), note = BUF_INIT(4096);
	struct receipt r = { .index = 0 };

	tlog_leaf_hash(leaf, &c.root);
	checkpoint_text(&c, &text);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	ck_assert(note_sign(&signer, buf_view(&text), &note));
	r.checkpoint = buf_view(&note);
	receipt_print(&r, VIEW(""), proof);
	buf_free(&text);
	buf_free(&note);
}

/* The members beside the record as the sender let them leave, in the one form. */
static inline struct view sent_members(const struct parcel *p)
{
	json_t *doc = json_loadb(p->members.p, p->members.n, 0, NULL);

	if (p->handling)
		put(doc, "/handling", p->handling);
	char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
	struct view members = arena_copy(&texts, view_of(text));
	free(text);
	json_decref(doc);
	return members;
}

static inline struct view parcel_text(const struct parcel *p)
{
	struct buf leaf = BUF_INIT(65536), proof = BUF_INIT(65536), b = BUF_INIT(1 << 20);
	struct view members = sent_members(p);
	struct entry entry = p->entry;
	char id[UUID_TEXT + 1];

	if (!p->no_members)
		exchange_salted(&p->salt, members, &entry.envelope);
	if (p->no_object)
		buf_adds(&leaf, "[1]");
	else
		entry_print(&entry, NULL, &leaf);
	prove(p, buf_view(&leaf), &proof);
	json_t *doc = json_loadb(members.p, members.n, 0, NULL);
	if (p->corrects)
		json_object_set_new(doc, "corrects", json_string(p->corrects));
	if (p->added)
		json_object_set_new(doc, "case", json_string(p->added));
	members = text_of(doc);
	buf_add(&b, view_make(members.p, members.n - 1));
	buf_adds(&b, ",\"record\":");
	buf_add(&b, p->record);
	uuid_print(&p->entry.exchange, id);
	buf_addf(&b, ",\"origin\":{\"exchange\":\"%s\",\"agency\":\"%s\",\"node\":\"gw1\",\"agreement_digest\":\"", id,
	         p->agency);
	digest_print(&b, &p->agreement);
	buf_adds(&b, "\",\"entry\":\"");
	base64_encode(&b, buf_view(&leaf));
	buf_adds(&b, "\",\"proof\":");
	buf_add_json_string(&b, buf_view(&proof));
	buf_adds(&b, ",\"salt\":\"");
	hex_encode(&b, view_make(p->salt.b, sizeof p->salt.b));
	buf_addc(&b, '"');
	if (p->caveats.n) {
		buf_adds(&b, ",\"caveats\":");
		buf_add(&b, p->caveats);
	}
	buf_adds(&b, "}}");
	ck_assert(!b.failed);
	struct view text = arena_copy(&texts, buf_view(&b));
	buf_free(&leaf);
	buf_free(&proof);
	buf_free(&b);
	return text;
}

#endif
