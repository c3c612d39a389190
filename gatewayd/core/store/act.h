/* Acts, the signatures under them, and which partners still have to be told. See store.h. */
#ifndef GATEWAYD_CORE_STORE_ACT_H
#define GATEWAYD_CORE_STORE_ACT_H

#include "gatewayd/core/store/outbox.h"
#include "lib/base/ids.h"

/* open ─▶ provisional ─▶ in force ─▶ lifted or ended;  open ─▶ lapsed. One function moves it (core/acts/act_state.h). */
enum act_state { ACT_OPEN, ACT_STANDS_PROVISIONALLY, ACT_IN_FORCE, ACT_LIFTED, ACT_ENDED, ACT_LAPSED };
#define ACT_STATES 6
const char *act_state_name(enum act_state s); /* "open", "provisional", "in-force", "lifted", "ended", "lapsed" */

struct store_act {
	uint64_t number; /* set by store_put_act; grows */
	struct digest digest;
	struct view text; /* its exact bytes */
	struct view agreement;
	int kind;   /* enum act_kind */
	int status; /* enum act_status */
	enum act_state state;
	int64_t received_ms;
	int64_t from_ms;  /* when its effect began; TIME_NONE: it has none yet */
	int64_t due_ms;   /* when its state ends by time: collection, provisional veto, `until`; TIME_NONE: never */
	int64_t ended_ms; /* TIME_NONE: it has not ended */
	uint64_t entry;   /* of the entry that says its state, by its number among all logs */
};
bool store_put_act(struct store *s, struct store_act *a, struct error *e) MUST_USE;
/* Of these members: state, from_ms, due_ms, ended_ms, entry. */
bool store_set_act(struct store *s, const struct store_act *a, struct error *e) MUST_USE;
/* REASON_NOT_FOUND. Views live until the next call. */
bool store_find_act(struct store *s, const struct digest *digest, struct store_act *out, struct error *e) MUST_USE;
bool store_get_act(struct store *s, uint64_t number, struct store_act *out, struct error *e) MUST_USE;
/* By number behind `after`; agreement empty: of all; `effective`: only provisional ones and those in force. */
bool store_list_acts(struct store *s, uint64_t after, unsigned max, struct view agreement, bool effective,
                     bool (*each)(void *arg, const struct store_act *a), void *arg, struct error *e) MUST_USE;
/* Whose state ends by `now_ms`, earliest first. */
bool store_due_acts(struct store *s, int64_t now_ms, unsigned max, bool (*each)(void *arg, const struct store_act *a),
                    void *arg, struct error *e) MUST_USE;

struct store_act_signature {
	uint64_t act; /* its number */
	struct digest spki;
	struct view seat, agency;
	struct view cms; /* as it came */
	int64_t received_ms;
};
/* *fresh false: this seat or this certificate has signed it before, and nothing changes. */
bool store_put_act_signature(struct store *s, const struct store_act_signature *g, bool *fresh,
                             struct error *e) MUST_USE;
/* In the order in which they came. */
bool store_list_act_signatures(struct store *s, uint64_t act,
                               bool (*each)(void *arg, const struct store_act_signature *g), void *arg,
                               struct error *e) MUST_USE;

/* A partner's gateway that has to be told an act with the signatures that are here. One row a pair. */
struct store_act_telling {
	uint64_t id; /* set by store_put_act_telling */
	uint64_t act;
	struct view recipient; /* agency */
	int64_t made_ms, next_ms, until_ms;
	uint32_t attempts;
	struct view last_error; /* slug */
};
/* Puts the pair, or has one that is there due at once. */
bool store_put_act_telling(struct store *s, struct store_act_telling *t, struct error *e) MUST_USE;
bool store_retry_act_telling(struct store *s, uint64_t id, int64_t next_ms, struct view last_error,
                             struct error *e) MUST_USE;
bool store_drop_act_telling(struct store *s, uint64_t id, struct error *e) MUST_USE; /* nothing there: true */
bool store_get_act_telling(struct store *s, uint64_t id, struct store_act_telling *out, struct error *e) MUST_USE;
bool store_due_act_tellings(struct store *s, const struct store_ask *ask,
                            bool (*each)(void *arg, const struct store_act_telling *t), void *arg,
                            struct error *e) MUST_USE;
bool store_next_act_recipient(struct store *s, struct view after, struct view *out, struct error *e) MUST_USE;
bool store_list_act_tellings(struct store *s, uint64_t after_id, unsigned max,
                             bool (*each)(void *arg, const struct store_act_telling *t), void *arg,
                             struct error *e) MUST_USE;

#endif
