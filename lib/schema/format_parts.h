/* The checks behind format_check, one a grammar. Private to lib/schema/format*.c. Each takes text that
 * is valid UTF-8; none allocates unless it says so. Any thread. */
#ifndef GATEWAY_SCHEMA_FORMAT_PARTS_H
#define GATEWAY_SCHEMA_FORMAT_PARTS_H

#include <stdint.h>

#include "lib/base/view.h"

bool format_date(struct view v);
bool format_time(struct view v);
bool format_date_time(struct view v);
bool format_duration(struct view v);

bool format_ipv4(struct view v);
bool format_ipv6(struct view v);
/* Letters, digits and hyphens only; what an `xn--` label decodes to is not looked at. */
bool format_ldh_name(struct view v);
/* idn: non-ASCII characters are letters too (RFC 6531 3.3). */
bool format_mailbox(struct view v, bool idn);

/* RFC 5890 names: labels with `xn--`, and, where `idn`, U-labels. Allocates. */
bool format_idn_name(struct view v, bool idn);
/* Is any label of an LDH name an A-label? */
bool format_has_a_label(struct view v);

enum uri_form { URI_ABSOLUTE, URI_REFERENCE };
bool format_uri(struct view v, enum uri_form form, bool iri);
bool format_uri_template(struct view v);

bool format_pointer(struct view v);
bool format_relative_pointer(struct view v);

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_letter(char c)
{
	return ((unsigned char)c | 0x20) >= 'a' && ((unsigned char)c | 0x20) <= 'z';
}

static inline bool is_hex(char c)
{
	return is_digit(c) || (((unsigned char)c | 0x20) >= 'a' && ((unsigned char)c | 0x20) <= 'f');
}

/* The code point at *at, which moves past it. */
static inline uint32_t next_code_point(struct view v, size_t *at)
{
	unsigned char c = (unsigned char)v.p[(*at)++];
	int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	uint32_t cp = c < 0x80 ? c : c & (0x3fu >> more);

	while (more-- > 0 && *at < v.n)
		cp = cp << 6 | ((unsigned char)v.p[(*at)++] & 0x3f);
	return cp;
}

#endif
