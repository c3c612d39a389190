/* What may happen to a record, by tables that were written from the words of three agreements (pnr, police-request,
 * humanitarian under conf/agreements) and of nothing else: the other opinion that check_matrix.c holds decisions
 * against. This file and oracle.c include nothing of the project, and are compiled without a way to its headers. */
#ifndef TEST_POLICY_ORACLE_H
#define TEST_POLICY_ORACLE_H

enum answer { ANSWER_REFUSED, ANSWER_RELEASED, ANSWER_HELD };

/* Of the agreement and its parties. This gateway is north's; west has signed nothing. */
enum { NORTH, SOUTH, WEST, AGENCIES };
enum { NOT_YET, IN_FORCE, REVIEW_OVERDUE, ENDED, SUSPENDED, RECEIPT_OVERDUE, STATES };
enum { ROUTINE, SERIOUS, IMMINENT, NO_TIER, TIERS };
enum { SUSPECT, CONVICTED, VICTIM, OTHER, UNCATEGORISED, NOT_STATED, NO_CATEGORY, CATEGORIES };

/* Passenger data: who, when, what for, by which law, how grave, about whom. */
struct passenger_question {
	int agency, gateway, state; /* gateway: the peer is a partner's gateway, not a system */
	int purpose;                /* 0 terrorism-prevention, 1 serious-crime, 2 marketing */
	int basis;                  /* 0 pnr-law, 1 pnr-treaty, 2 hearsay */
	int tier, category;
	int with_case;
	int necessity; /* 0 none, 1 complete, 2 a criterion of another tier, 3 no alternative considered */
	int retention; /* 0 not stated, 1 six years */
};
/* May the record go on to its schema? Held counts as going on. */
enum answer oracle_passenger(const struct passenger_question *q);

/* A police request: exceptions, officers, approvals, training, reasons for each field. Sent by north's own system. */
enum { NO_OFFICER, PINNED_OFFICER, STRANGE_OFFICER, OFFICERS };
enum { NO_APPROVAL, BY_SECOND, BY_NAMED, FOR_OTHER_EXCEPTION, EXPIRED_APPROVAL, BY_TWO, APPROVALS };
enum { ALL_TRAINED, NAMED_UNTRAINED, SECOND_UNTRAINED, TRAININGS };
struct police_question {
	int tier;      /* without NO_TIER */
	int purpose;   /* 0 wanted-person, 1 missing-person */
	int basis;     /* 0 police-treaty, 1 vital-interest */
	int category;  /* SUSPECT, VICTIM or UNCATEGORISED */
	int exception; /* 0 none, 1 imminent-threat, 2 one that nobody agreed on */
	int officer, approval, training;
	int used_up;   /* the exception has been used ten times in its window */
	int justified; /* a reason for every field of the record's schema that a rule names */
};
enum answer oracle_police(const struct police_question *q);

/* A tracing request: consent. */
enum { NO_CONSENT, CONSENT, CONSENT_FOR_OTHER, CONSENT_WITHDRAWN, CONSENTS };
struct tracing_question {
	int agency, state;
	int purpose; /* 0 family-tracing, 1 aid-planning */
	int basis;   /* 0 consent, 1 vital-interest */
	int tier;    /* ROUTINE or SERIOUS */
	int category;
	int consent;
	int with_case;
};
enum answer oracle_tracing(const struct tracing_question *q);

#endif
