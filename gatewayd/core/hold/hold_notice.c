/* See hold_notice.h. */
#include "gatewayd/core/hold/hold_notice.h"

#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/hold/hold_spread_private.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/outbox.h"
#include "lib/tlog/entry.h"

#define YEARS_MAX        5 /* as of a statement */
#define SKEW_MS          (5 * 60 * SECOND_MS)
#define ROLE_OF_GATEWAYS VIEW("gateway")
#define STANDING_MAX     64 /* told with a delivery */

/* The agency whose gateway has the exchange too; false: none has, or it cannot be reached. */
static bool counterpart(struct core *c, struct store *s, uint64_t seq, char *agency, size_t size, struct error *e)
{
	struct conf *conf = core_conf(c);
	struct store_exchange x;
	struct view receipt, other;
	const struct partner *p;
	bool there = false;

	agency[0] = 0;
	if (!store_get_exchange(s, seq, &x, e))
		goto out;
	bool receives = view_is(x.recipient, conf->node.agency);
	other = receives ? x.provider : x.recipient;
	p = conf_agency(conf, other, ROLE(GATEWAY));
	bool came = receives && memcmp(&x.id, &x.origin, sizeof x.id) != 0;
	if (p && p->host)
		snprintf(agency, size, "%.*s", VIEW_ARG(other));
	/* What was delivered has the receipt of its taker. */
	there = came || (!receives && sought(store_get_receipt(s, seq, &receipt, e), e) == SOUGHT_FOUND);
out:
	conf_unref(conf);
	return there && agency[0];
}

bool hold_tell(const struct act *a, const struct store_hold *h, const struct digest *root, bool lift, struct error *e)
{
	struct buf body = BUF_INIT(512);
	struct notice n = { .kind = lift ? NOTICE_LIFT : NOTICE_HOLD, .seq = h->seq };
	struct entry entry = { .note = VIEW("") };
	struct error failed = { .reason = REASON_NONE };
	char agency[72], until[TIME_TEXT + 1];

	if (!counterpart(a->core, a->store, h->seq, agency, sizeof agency, &failed))
		return failed.reason == REASON_NONE || error_set(e, failed.reason, "%s", failed.text);
	n.recipient = view_of(agency);
	time_print(h->until_ms, until);
	buf_adds(&body, "{\"hold\":\"");
	digest_print(&body, &h->statement);
	if (root) {
		buf_adds(&body, "\",\"of\":\"");
		digest_print(&body, root);
	}
	if (!lift)
		buf_addf(&body, "\",\"kind\":\"%s\",\"until\":\"%s", hold_kind_name(h->kind), until);
	buf_adds(&body, "\"}");
	n.body = buf_view(&body);
	bool ok = body.failed ? error_set(e, REASON_NO_MEMORY, "memory ran out") : notice_send(a, &n, &entry, NULL, e);
	buf_free(&body);
	return ok;
}

struct standing {
	struct store_hold h[STANDING_MAX];
	size_t n;
};

static bool add_standing(void *arg, const struct store_hold *h)
{
	struct standing *all = arg;

	if (!view_eq(h->role, ROLE_OF_GATEWAYS))
		all->h[all->n++] = *h;
	return all->n < STANDING_MAX;
}

bool hold_tell_standing(const struct act *a, uint64_t seq, struct error *e)
{
	struct standing all = { .n = 0 };

	if (!store_list_holds(a->store, seq, false, add_standing, &all, e))
		return false;
	for (size_t i = 0; i < all.n; i++)
		if (!hold_tell(a, &all.h[i], NULL, false, e))
			return false;
	return true;
}

/* --- taking --- */

static struct act act_of(struct notice_in *in, struct writer *w, struct store *s)
{
	return (struct act){ .core = in->request->worker->core,
		             .writer = w,
		             .job = &in->job,
		             .store = s,
		             .now_ms = in->request->now_ms };
}

static struct view member(const struct notice_in *in, const char *name)
{
	return view_of(json_string_value(json_object_get(in->body, name)));
}

/* Under which a hold of another gateway stands here: no statement that is shown here can have it. */
static bool read_digest(const struct notice_in *in, const char *name, struct digest *out)
{
	struct digest stated;

	if (!digest_parse(member(in, name), &stated))
		return false;
	struct view parts[] = { VIEW("hold of "), view_of(in->request->peer->agency),
		                view_make(stated.b, sizeof stated.b) };
	sha256_parts(parts, sizeof parts / sizeof *parts, out);
	return true;
}

/* `hold`: under which it stands; `root`: what it follows, or itself. */
static bool read_digests(const struct notice_in *in, const struct store_exchange *x, struct digest *hold,
                         struct digest *root)
{
	bool follows = json_object_get(in->body, "of") != NULL;

	if (!read_digest(in, "hold", hold) || !read_digest(in, follows ? "of" : "hold", root))
		return false;
	if (follows)
		hold_spread_statement(root, &x->id, hold);
	return true;
}

bool hold_taken(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                struct error *e)
{
	const struct duration longest = { .years = YEARS_MAX };
	int64_t now_ms = in->request->now_ms;
	struct view kind = member(in, "kind");
	struct store_hold h = {
		.seq = x->seq, .from_ms = now_ms, .signer = view_of(in->request->peer->id), .role = ROLE_OF_GATEWAYS
	};
	struct act a = act_of(in, w, s);
	struct digest root;
	bool fresh;

	h.kind = view_is(kind, hold_kind_name(HOLD_RESTRICTION)) ? HOLD_RESTRICTION : HOLD_LEGAL;
	if (!view_is(kind, hold_kind_name(h.kind)) || !read_digests(in, x, &h.statement, &root) ||
	    !time_parse_printed(member(in, "until"), &h.until_ms))
		return notice_refuse(in, REASON_NOTICE_INVALID, "/body: is not what a hold needs");
	if (h.until_ms > duration_add(now_ms + SKEW_MS, &longest))
		return notice_refuse(in, REASON_NOTICE_INVALID, "/body/until: is more than five years away");
	if (h.until_ms <= now_ms)
		return true;
	/* What the recipient's side holds it holds there; who else has copies is this node's to say. */
	return store_put_hold(s, &h, &fresh, e) && (!fresh || in->from_recipient || hold_spread(&a, &h, &root, e));
}

/* One that has ended by itself, or never came, leaves nothing to do. */
bool hold_lift_taken(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                     struct error *e)
{
	uint64_t seq = x->seq;
	struct digest digest, root;
	struct act a = act_of(in, w, s);
	struct store_hold h;

	if (!read_digests(in, x, &digest, &root))
		return notice_refuse(in, REASON_NOTICE_INVALID, "/body/hold: is not a statement's digest");
	enum sought hold = sought(store_find_hold(s, &digest, &h, e), e);
	if (hold != SOUGHT_FOUND)
		return hold == SOUGHT_NONE;
	if (h.seq != seq)
		return notice_refuse(in, REASON_NOTICE_INVALID, "/body/hold: is of another exchange");
	return h.ended_ms != TIME_NONE ||
	       (hold_end(s, &h, in->request->now_ms, e) && hold_spread_lift(&a, &h, &root, e));
}
