/* Fills the store of a gateway that is stopped with exchanges whose timers live, and moves timers to an instant. Their
 * rows are what the gateway itself writes, by the store's own verbs, but that they have no audit entries: the log stays
 * what the gateway made of it, and verifies.
 *
 *   fill rows STORE KEYS AGREEMENT DIGEST COPIES PAYLOADS [BEFORE]
 *   fill due STORE FIRST COUNT AT
 *
 * `rows` writes so many copies that the recipient's system fetched, which end in a year, and then so many records that
 * wait for it, with sealed payload, key slot and inbox item, all received within the last day, with keys; BEFORE says how
 * many were written so before. `due` moves
 * what falls due next of the exchanges from row FIRST on to the instant AT (milliseconds since 1970). */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/timer.h"
#include "lib/base/datetime.h"

#define BATCH 1000
#define MOST  10000000

static struct {
	struct store *store;
	struct keystore *keys;
	struct view agreement;
	struct digest digest;
	int64_t now_ms;
	uint64_t n, all; /* made; to be made */
	char sealed[1200];
} f;

static _Noreturn void die(const char *what, const struct error *e)
{
	fprintf(stderr, "fill: %s%s%s\n", what, e ? ": " : "", e ? e->text : "");
	exit(1);
}

static uint64_t number(const char *text, unsigned long long most)
{
	unsigned long long n;

	if (!view_to_u64(view_of(text), most, &n))
		die("a number is malformed or too large", NULL);
	return n;
}

/* The last day's, oldest first. */
static bool put_exchange(enum exchange_state state, struct store_exchange *x, struct error *e)
{
	uint8_t random[10] = { (uint8_t)(f.n >> 24), (uint8_t)(f.n >> 16), (uint8_t)(f.n >> 8), (uint8_t)f.n };
	enum store_accepted accepted;
	struct store_exchange prior;
	char key[40];

	*x = (struct store_exchange){
		.partner = VIEW("north-feed"),
		.agreement = f.agreement,
		.agreement_digest = f.digest,
		.received_ms = f.now_ms - DAY_MS + (int64_t)(f.n++ * (uint64_t)DAY_MS / f.all),
		.provider = VIEW("north"),
		.recipient = VIEW("south"),
		.state = state,
		.status = 201,
		.answer = VIEW("{\"outcome\":\"released-transformed\",\"transformed\":4,\"removed\":11}")
	};
	x->id = x->origin = uuid_v7(x->received_ms, random);
	snprintf(key, sizeof key, "fill-%llu", (unsigned long long)f.n);
	x->key = view_of(key);
	bool ok = store_accept(f.store, x, &accepted, &prior, e);
	if (ok && accepted != STORE_NEW)
		die("the store was filled before", NULL);
	return ok;
}

static bool put_timer(struct store_timer *t, const struct store_exchange *x, struct error *e)
{
	t->seq = x->seq;
	t->purpose = VIEW("border");
	t->plan.base_ms = x->received_ms;
	t->plan.end_ms = x->received_ms + 365 * DAY_MS;
	schedule_next(&t->plan, &t->due_ms);
	return store_put_timer(f.store, t, e);
}

static bool put_copy(struct error *e)
{
	struct store_timer t = { .kind = TIMER_COPY_ERASE };
	struct store_exchange x;

	return put_exchange(STATE_FETCHED, &x, e) && put_timer(&t, &x, e);
}

static bool put_payload(struct error *e)
{
	struct store_timer t = { .kind = TIMER_ERASE };
	struct store_payload p = { .sealed = view_make(f.sealed, sizeof f.sealed) };
	struct store_inbox i = {
		.kind = VIEW("record"),
		.made_ms = f.now_ms,
		.body = VIEW("\"agreement\":\"bench\",\"purpose\":\"border\",\"tier\":\"T1\",\"retention\":\"P1Y\"")
	};
	struct store_exchange x;
	uint8_t key[32];

	if (!random_bytes(key, sizeof key) || !put_exchange(STATE_READY, &x, e) ||
	    !keystore_put(f.keys, key, &p.slot, e))
		return false;
	p.seq = i.seq = x.seq;
	i.exchange = x.id;
	if (!store_put_payload(f.store, &p, e) || !store_put_inbox(f.store, &i, e))
		return false;
	t.inbox = i.id;
	t.plan.payload_ms = x.received_ms + 28 * DAY_MS;
	return put_timer(&t, &x, e);
}

static void fill(uint64_t n, bool (*put)(struct error *e))
{
	struct error e = { .reason = REASON_NONE };

	for (uint64_t i = 0; i < n;) {
		bool ok = store_begin(f.store, &e);
		for (unsigned k = 0; ok && k < BATCH && i < n; k++, i++)
			ok = put(&e);
		if (!ok || !keystore_sync(f.keys, &e) || !store_commit(f.store, &e) ||
		    !store_checkpoint(f.store, false, &e))
			die("writing rows", &e);
		keystore_settle(f.keys, true);
	}
}

static bool slot_live(void *arg, uint32_t slot)
{
	return store_slot_live(arg, slot);
}

static void rows(char **argv)
{
	struct error e = { .reason = REASON_NONE };
	uint64_t copies = number(argv[6], MOST), payloads = number(argv[7], MOST);
	uint64_t before = argv[8] ? number(argv[8], MOST) : 0;
	uint32_t swept;

	f.agreement = view_of(argv[4]);
	if (!digest_parse(view_of(argv[5]), &f.digest))
		die("the digest is malformed", NULL);
	f.keys = keystore_open(argv[3], false, &e);
	if (!f.keys || !keystore_sweep(f.keys, slot_live, f.store, &swept, &e) ||
	    !random_bytes(f.sealed, sizeof f.sealed))
		die("opening the key store", &e);
	f.n = before;
	f.all = before + copies + payloads;
	fill(copies, put_copy);
	fill(payloads, put_payload);
	keystore_close(f.keys);
}

static bool move(uint64_t seq, int64_t at_ms, struct error *e)
{
	struct store_timer t;
	int64_t due_ms;

	if (!store_get_timer(f.store, seq, &t, e))
		return false;
	if (schedule_next(&t.plan, &due_ms) == DUE_PAYLOAD)
		t.plan.payload_ms = at_ms;
	else
		t.plan.end_ms = at_ms;
	t.due_ms = at_ms;
	return store_put_timer(f.store, &t, e);
}

static void due(char **argv)
{
	struct error e = { .reason = REASON_NONE };
	uint64_t first = number(argv[3], INT64_MAX), n = number(argv[4], MOST), at_ms = number(argv[5], INT64_MAX);
	bool ok = store_begin(f.store, &e);

	for (uint64_t i = 0; ok && i < n; i++)
		ok = move(first + i, (int64_t)at_ms, &e);
	if (!ok || !store_commit(f.store, &e))
		die("moving timers", &e);
}

int main(int argc, char **argv)
{
	struct error e = { .reason = REASON_NONE };
	bool fills = (argc == 8 || argc == 9) && strcmp(argv[1], "rows") == 0;

	if (!fills && !(argc == 6 && strcmp(argv[1], "due") == 0))
		die("usage: fill rows STORE KEYS AGREEMENT DIGEST COPIES PAYLOADS [BEFORE] | fill due STORE FIRST COUNT AT",
		    NULL);
	f.now_ms = (int64_t)time(NULL) * 1000;
	f.store = store_open(argv[2], &e);
	if (!f.store)
		die("opening the store", &e);
	if (fills)
		rows(argv);
	else
		due(argv);
	if (!store_checkpoint(f.store, true, &e))
		die("ending", &e);
	store_close(f.store);
	return 0;
}
