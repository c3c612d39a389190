/* Acts: what persons decide at run time under a signed agreement (schema/act.schema.json): its council authorises, vetoes,
 * suspends, restricts, lifts and terminates. An act is a JSON text; each seat that stands behind it signs the text's exact
 * bytes, one detached CMS (RFC 5652) with one signer a seat. It takes effect when those who signed are enough (council.h), and
 * by nothing else: not by silence, a reload, a restart, a clock or an account of the machine. Pure; any thread. */
#ifndef GATEWAY_POLICY_SIGNED_ACT_H
#define GATEWAY_POLICY_SIGNED_ACT_H

#include "lib/base/arena.h"
#include "lib/policy/agreement.h"

#define ACT_TEXT_MAX      16384u /* bytes of an act */
#define ACT_SIGNATURE_MAX 16384u /* of one signature */
#define ACT_COLLECT_DAYS  30     /* signatures come within so long after `issued`, at most */
#define ACT_SUSPEND_DAYS  30     /* a suspension or restriction lasts so long, at most */
#define ACT_VETO_DAYS     7      /* a veto that was not confirmed, after `issued` */
#define ACT_AGAIN_DAYS    90     /* what the same seat stops anew within so long is an extension */

/* clang-format off */
#define ACT_KIND_LIST(A) \
	A(AUTHORISE, "authorise") A(VETO, "veto") A(SUSPEND, "suspend") A(RESTRICT_TIER, "restrict-tier") A(LIFT, "lift") \
	A(TERMINATE, "terminate") A(AMEND_NO_CHANGE, "amend-no-change")
/* The words of OASIS CAP 1.2; only what is Actual stops, lifts or ends anything. */
#define ACT_STATUS_LIST(A) A(ACTUAL, "Actual") A(EXERCISE, "Exercise") A(SYSTEM, "System") A(TEST, "Test")
/* clang-format on */
enum act_kind {
#define A(name, text) ACT_##name,
	ACT_KIND_LIST(A)
#undef A
	        ACT_KINDS
};
enum act_status {
#define A(name, text) ACT_STATUS_##name,
	ACT_STATUS_LIST(A)
#undef A
	        ACT_STATUSES
};
const char *act_kind_name(enum act_kind k);
enum act_kind act_kind_find(struct view name); /* ACT_KINDS: none */
const char *act_status_name(enum act_status s);

/* What an act is about, beneath its agreement: everything that all its members match. Ids only, no expressions. */
struct act_scope {
	struct view purpose, legal_basis, exception; /* as the agreement names them; empty: any */
	struct view partner;                         /* agency that gives or receives; empty: any */
	enum tier tier;                              /* TIER_COUNT: any */
	struct uuid exchange;                        /* as the first gateway names it; zeros: any */
};
/* One record, as far as scopes ask. */
struct act_subject {
	struct view purpose, legal_basis, exception; /* empty: none, which no scope that names one matches */
	struct view provider, recipient;             /* agencies */
	enum tier tier;
	struct uuid exchange; /* zeros: it has none yet */
};
bool act_scope_covers(const struct act_scope *scope, const struct act_subject *subject);
/* Whether some subject can be covered by both. */
bool act_scopes_meet(const struct act_scope *a, const struct act_scope *b);

/* Read by everyone, written by signed_act_read() only. */
struct signed_act {
	struct arena mem;
	struct view text;     /* the exact bytes that are signed */
	struct digest digest; /* SHA-256 of those: the act's name */
	enum act_kind kind;
	enum act_status status;
	struct uuid id;
	struct view agreement; /* id */
	struct digest agreement_digest;
	struct act_scope about;
	enum tier max;                       /* RESTRICT_TIER: the highest that still passes */
	int64_t issued_ms, collect_until_ms; /* signatures that come later do not count */
	int64_t until_ms;                    /* end of the effect; TIME_NONE: it has none */
	struct digest lifts;                 /* LIFT: the act that it ends; else zeros */
	struct view ground;                  /* why, in words; for oversight, never in a leaf */
};
/* Reads and checks the text alone: form, dates against each other, members that its kind needs or must not have. NULL, and `e`
 * with REASON_ACT_INVALID and the place, or REASON_NO_MEMORY. `schema`: document_schema("act"). */
struct signed_act *signed_act_read(const struct schema *schema, struct view text, struct error *e) MUST_USE;
void signed_act_free(struct signed_act *a);
/* Whether it fits the agreement of its digest at `now_ms`: purposes, bases, tiers, exceptions and parties that it names are
 * there, the agreement has a council, it is not dated ahead by more than five minutes and its time to collect has not passed.
 * Else `e`: REASON_ACT_FOREIGN, REASON_ACT_INVALID or REASON_ACT_EXPIRED, with the place. */
bool signed_act_fits(const struct signed_act *a, const struct agreement *agreement, int64_t now_ms,
                     struct error *e) MUST_USE;
/* In plain words, from one catalogue: what it is, what stops or passes from then on, until when, who has to sign, what undoes it.
 * `agreement` NULL: without what only that says. Markdown without markup in quoted text. */
bool signed_act_plain(const struct signed_act *a, const struct agreement *agreement, struct buf *out) MUST_USE;
/* What that catalogue says of each kind and status, as chapters of doc/council.md. */
bool act_kinds_plain(struct buf *out) MUST_USE;

/* An act that has effect, as decisions see it. Views live as long as the picture that it is in. */
struct act_effect {
	enum act_kind kind; /* AUTHORISE, VETO, SUSPEND, RESTRICT_TIER, TERMINATE */
	bool provisional;   /* a veto that was not confirmed: it erases nothing */
	struct digest act;
	struct act_scope about;
	enum tier max;
};
/* The reason that it gives against a subject; REASON_NONE: it does not stop it. An authorisation stops nothing. */
enum reason act_effect_stops(const struct act_effect *f, const struct act_subject *subject);

#endif
