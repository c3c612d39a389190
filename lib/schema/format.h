/* The values of `format` that JSON Schema defines (2020-12 validation 7.3, and those of drafts 6, 7 and
 * 2019-09). Any thread, no state. All but the idn ones, `regex` and host names with an `xn--` label
 * check without allocating. */
#ifndef GATEWAY_SCHEMA_FORMAT_H
#define GATEWAY_SCHEMA_FORMAT_H

#include "lib/base/view.h"

enum format {
	FORMAT_UNKNOWN,
	FORMAT_DATE,         /* RFC 3339 full-date */
	FORMAT_TIME,         /* RFC 3339 full-time */
	FORMAT_DATE_TIME,    /* RFC 3339 date-time */
	FORMAT_DURATION,     /* RFC 3339 appendix A */
	FORMAT_EMAIL,        /* RFC 5321 4.1.2 Mailbox */
	FORMAT_IDN_EMAIL,    /* RFC 6531 */
	FORMAT_HOSTNAME,     /* RFC 1123 2.1, A-labels by RFC 5890 */
	FORMAT_IDN_HOSTNAME, /* RFC 5890 2.3.2.3, contextual rules of RFC 5892 */
	FORMAT_IPV4,         /* RFC 2673 3.2 */
	FORMAT_IPV6,         /* RFC 4291 2.2 */
	FORMAT_URI,          /* RFC 3986 */
	FORMAT_URI_REFERENCE,
	FORMAT_IRI, /* RFC 3987 */
	FORMAT_IRI_REFERENCE,
	FORMAT_URI_TEMPLATE, /* RFC 6570 */
	FORMAT_UUID,         /* RFC 4122 3 */
	FORMAT_JSON_POINTER, /* RFC 6901 5 */
	FORMAT_RELATIVE_JSON_POINTER,
	FORMAT_REGEX, /* ECMA-262; compiles, hence allocates */
	FORMAT_COUNT
};

/* FORMAT_UNKNOWN for a name that no draft defines. */
enum format format_find(struct view name);
const char *format_name(enum format f);

/* Does the text have that form? FORMAT_UNKNOWN accepts everything. `utf8_text` must be valid UTF-8. */
bool format_check(enum format f, struct view utf8_text) MUST_USE;

#endif
