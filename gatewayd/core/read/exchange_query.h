/* The query of GET /v1/exchanges: filters, cursor and length of the page, percent-encoded (RFC 3986 section 2.1). Pure; any thread. */
#ifndef GATEWAYD_CORE_READ_EXCHANGE_QUERY_H
#define GATEWAYD_CORE_READ_EXCHANGE_QUERY_H

#include "gatewayd/core/store/exchange.h"

#define EXCHANGES_SHOWN 200 /* on one page, at most */
#define QUERY_VALUE_MAX 64  /* of a value, with its end */

struct exchange_query {
	char agreement[QUERY_VALUE_MAX], outcome[QUERY_VALUE_MAX]; /* empty: any */
	bool any_state;
	enum exchange_state state;
	int64_t since_ms, until_ms; /* INT64_MIN, INT64_MAX: not said */
	unsigned long long before;  /* 0: from the newest on */
	unsigned long long limit;   /* 1 to EXCHANGES_SHOWN */
};

/* NULL: it was read; else what is wrong with it, a sentence that repeats nothing of it. What is misspelled would list more than was
 * asked for: it is refused. */
const char *exchange_query_read(struct view query, struct exchange_query *out) MUST_USE;

#endif
