/* Addresses and names of hosts and mailboxes. */
#include "lib/schema/format_parts.h"

/* RFC 2673 3.2 dotted-quad; without leading zeros, which some readers take as octal. */
bool format_ipv4(struct view v)
{
	size_t i = 0;

	for (int part = 0; part < 4; part++) {
		unsigned value = 0;
		size_t from;
		if (part && (i == v.n || v.p[i++] != '.'))
			return false;
		from = i;
		for (; i < v.n && is_digit(v.p[i]) && i - from < 3; i++)
			value = 10 * value + (unsigned)(v.p[i] - '0');
		if (i == from || value > 255 || (v.p[from] == '0' && i - from > 1))
			return false;
	}
	return i == v.n;
}

/* RFC 4291 2.2, all three forms. */
bool format_ipv6(struct view v)
{
	unsigned groups = 0;
	bool gap = false;
	size_t i = 0;

	if (v.n >= 2 && v.p[0] == ':' && v.p[1] == ':') {
		gap = true;
		i = 2;
	}
	while (i < v.n) {
		size_t from = i;
		while (i < v.n && i - from < 5 && is_hex(v.p[i]))
			i++;
		if (i < v.n && v.p[i] == '.')
			return (gap ? groups < 6 : groups == 6) && format_ipv4(view_from(v, from));
		if (i == from || i - from > 4 || ++groups > 8)
			return false;
		if (i == v.n)
			break;
		if (v.p[i++] != ':' || i == v.n)
			return false;
		if (v.p[i] == ':') {
			if (gap)
				return false;
			gap = true;
			i++;
		}
	}
	return gap ? groups < 8 : groups == 8;
}

/* Labels of 1 to 63 letters, digits and inner hyphens (RFC 1034 3.5, RFC 1123 2.1). */
static bool is_name(struct view v, bool idn)
{
	size_t from = 0;

	if (!v.n || v.n > 253)
		return false;
	for (size_t i = 0; i <= v.n; i++) {
		if (i == v.n || v.p[i] == '.') {
			if (i == from || i - from > 63 || v.p[from] == '-' || v.p[i - 1] == '-')
				return false;
			from = i + 1;
		} else if (!is_letter(v.p[i]) && !is_digit(v.p[i]) && v.p[i] != '-' &&
		           !(idn && (unsigned char)v.p[i] >= 0x80)) {
			return false;
		}
	}
	return true;
}

bool format_ldh_name(struct view v)
{
	return is_name(v, false);
}

static bool is_atext(char c, bool idn)
{
	return is_letter(c) || is_digit(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c)) ||
	       (idn && (unsigned char)c >= 0x80);
}

/* RFC 5321 4.1.2 Local-part; at most 64 octets (4.5.3.1.1). Returns its length, 0 when there is none. */
static size_t local_part(struct view v, bool idn)
{
	size_t i = 0;

	if (v.n && v.p[0] == '"') {
		for (i = 1; i < v.n && v.p[i] != '"'; i++) {
			unsigned char c = (unsigned char)v.p[i];
			if (c == '\\' && ++i < v.n)
				c = (unsigned char)v.p[i];
			if (c < 0x20 || c == 0x7f || (c >= 0x80 && !idn))
				return 0;
		}
		return i < v.n && i + 1 <= 64 ? i + 1 : 0;
	}
	for (; i < v.n && v.p[i] != '@'; i++) {
		bool dot = v.p[i] == '.' && i && v.p[i - 1] != '.' && i + 1 < v.n && v.p[i + 1] != '@';
		if (!dot && !is_atext(v.p[i], idn))
			return 0;
	}
	return i <= 64 ? i : 0;
}

/* RFC 5321 4.1.3, without its brackets. */
static bool address_literal(struct view v)
{
	struct view content = v;
	struct view tag = view_cut(&content, ':');

	if (!content.p)
		return format_ipv4(v);
	if (view_eq_nocase(tag, VIEW("IPv6")))
		return format_ipv6(content);
	if (!is_name(tag, false) || memchr(tag.p, '.', tag.n) || !content.n)
		return false;
	for (size_t i = 0; i < content.n; i++)
		if (content.p[i] < 33 || content.p[i] > 126 || (content.p[i] >= '[' && content.p[i] <= ']'))
			return false;
	return true;
}

bool format_mailbox(struct view v, bool idn)
{
	size_t n = local_part(v, idn);

	if (!n || n >= v.n || v.p[n] != '@')
		return false;
	struct view domain = view_from(v, n + 1);
	if (domain.n > 2 && domain.p[0] == '[')
		return domain.p[domain.n - 1] == ']' && address_literal(view_make(domain.p + 1, domain.n - 2));
	return is_name(domain, idn);
}
