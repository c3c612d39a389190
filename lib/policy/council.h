/* The joint council of an agreement: its seats, how many of which constituency decide what, and whether those who signed an act
 * are enough. Easy to stop, hard to start again: one seat stops for a while, what starts again or ends for good takes the
 * threshold and each constituency that must be included, so that agencies alone never win. Pure; any thread. */
#ifndef GATEWAY_POLICY_COUNCIL_H
#define GATEWAY_POLICY_COUNCIL_H

#include "lib/policy/signed_act.h"

#define COUNCIL_SEATS_MAX 32

/* clang-format off */
#define CONSTITUENCY_LIST(C) \
	C(AGENCY, "agency") C(PRIVACY, "privacy") C(JUDICIARY, "judiciary") C(CIVIL_SOCIETY, "civil-society") \
	C(OMBUDSPERSON, "ombudsperson")
/* clang-format on */
enum constituency {
#define C(name, text) CONSTITUENCY_##name,
	CONSTITUENCY_LIST(C)
#undef C
	        CONSTITUENCIES
};
const char *constituency_name(enum constituency c);

struct seat {
	struct view id; /* under which its certificates are pinned */
	enum constituency constituency;
};
/* All of them must be met, by different seats each. */
struct act_needs {
	unsigned seats;                        /* of any constituency */
	unsigned constituency[CONSTITUENCIES]; /* of each, among them; 0: none */
};
struct council {
	struct seat seats[COUNCIL_SEATS_MAX];
	size_t n_seats;
	unsigned threshold;
	unsigned must_include;             /* 1 << enum constituency */
	struct act_needs needs[ACT_KINDS]; /* the clause `decisions`, else the default of the kind */
	struct act_needs full;             /* threshold and must_include: to confirm, extend, lift */
};
/* NULL: the agreement has none. Lives as long as the agreement. */
const struct council *agreement_council(const struct agreement *a);
/* Index of a seat; COUNCIL_SEATS_MAX: none has this name. */
size_t council_seat(const struct council *c, struct view id);

/* A signature that was verified, in the order in which they came. */
struct act_vote {
	size_t seat;
	struct view agency; /* legal person of the seat's partner file */
	struct digest spki; /* of the certificate */
};
/* An earlier veto or suspension of the same agreement, for what counts as an extension. */
struct act_past {
	enum act_kind kind;
	struct act_scope about;
	int64_t from_ms, until_ms; /* of its effect */
	uint32_t seats;            /* 1 << seat, that signed */
};
enum act_standing {
	ACT_NOT_ENOUGH,  /* it collects signatures */
	ACT_PROVISIONAL, /* VETO: in effect until issued + ACT_VETO_DAYS, and final when more sign before */
	ACT_CARRIED      /* in effect */
};
/* Whether these are enough. A certificate is one seat and a seat one vote; of a legal person the votes of one constituency count,
 * that of its first; a lift is never carried by the agency alone that the lifted act is about (`lifted`: NULL when it is not one).
 * `past` are those of other acts. */
enum act_standing council_counts(const struct council *c, const struct signed_act *act, const struct signed_act *lifted,
                                 const struct act_vote *votes, size_t n_votes, const struct act_past *past,
                                 size_t n_past);
/* What these lack for the act to be carried: as a sentence ("1 of privacy, 2 more seats"); empty: nothing. */
void council_lacks(const struct council *c, const struct signed_act *act, const struct act_vote *votes, size_t n_votes,
                   bool extension, struct buf *out);

#endif
