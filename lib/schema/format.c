/* See format.h: the names, and which check each stands for. */
#include "lib/schema/format.h"

#include "lib/schema/format_parts.h"
#include "lib/schema/regex.h"

static const char *const names[FORMAT_COUNT] = {
	[FORMAT_UNKNOWN] = "",
	[FORMAT_DATE] = "date",
	[FORMAT_TIME] = "time",
	[FORMAT_DATE_TIME] = "date-time",
	[FORMAT_DURATION] = "duration",
	[FORMAT_EMAIL] = "email",
	[FORMAT_IDN_EMAIL] = "idn-email",
	[FORMAT_HOSTNAME] = "hostname",
	[FORMAT_IDN_HOSTNAME] = "idn-hostname",
	[FORMAT_IPV4] = "ipv4",
	[FORMAT_IPV6] = "ipv6",
	[FORMAT_URI] = "uri",
	[FORMAT_URI_REFERENCE] = "uri-reference",
	[FORMAT_IRI] = "iri",
	[FORMAT_IRI_REFERENCE] = "iri-reference",
	[FORMAT_URI_TEMPLATE] = "uri-template",
	[FORMAT_UUID] = "uuid",
	[FORMAT_JSON_POINTER] = "json-pointer",
	[FORMAT_RELATIVE_JSON_POINTER] = "relative-json-pointer",
	[FORMAT_REGEX] = "regex",
};

enum format format_find(struct view name)
{
	for (int f = FORMAT_UNKNOWN + 1; f < FORMAT_COUNT; f++)
		if (view_is(name, names[f]))
			return (enum format)f;
	return FORMAT_UNKNOWN;
}

const char *format_name(enum format f)
{
	return f < FORMAT_COUNT ? names[f] : "";
}

/* RFC 4122 section 3: 8-4-4-4-12 hex digits of either case, any version. */
static bool format_uuid(struct view v)
{
	if (v.n != 36)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? v.p[i] != '-' : !is_hex(v.p[i]))
			return false;
	}
	return true;
}

/* RFC 6901 section 3. */
bool format_pointer(struct view v)
{
	if (v.n && v.p[0] != '/')
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == '~' && (i + 1 == v.n || (v.p[i + 1] != '0' && v.p[i + 1] != '1')))
			return false;
	return true;
}

/* draft-bhutton-relative-json-pointer-00 section 3, without the index manipulation of later drafts. */
bool format_relative_pointer(struct view v)
{
	size_t i = 0;

	while (i < v.n && is_digit(v.p[i]))
		i++;
	if (i == 0 || (v.p[0] == '0' && i > 1))
		return false;
	struct view rest = view_from(v, i);
	return view_is(rest, "#") || format_pointer(rest);
}

bool format_check(enum format f, struct view utf8_text)
{
	if (!utf8_text.p)
		utf8_text = VIEW("");
	switch (f) {
	case FORMAT_UNKNOWN:
	case FORMAT_COUNT: return true;
	case FORMAT_DATE: return format_date(utf8_text);
	case FORMAT_TIME: return format_time(utf8_text);
	case FORMAT_DATE_TIME: return format_date_time(utf8_text);
	case FORMAT_DURATION: return format_duration(utf8_text);
	case FORMAT_EMAIL: return format_mailbox(utf8_text, false);
	case FORMAT_IDN_EMAIL: return format_mailbox(utf8_text, true);
	case FORMAT_HOSTNAME:
		return format_ldh_name(utf8_text) &&
		       (!format_has_a_label(utf8_text) || format_idn_name(utf8_text, false));
	case FORMAT_IDN_HOSTNAME: return format_idn_name(utf8_text, true);
	case FORMAT_IPV4: return format_ipv4(utf8_text);
	case FORMAT_IPV6: return format_ipv6(utf8_text);
	case FORMAT_URI: return format_uri(utf8_text, URI_ABSOLUTE, false);
	case FORMAT_URI_REFERENCE: return format_uri(utf8_text, URI_REFERENCE, false);
	case FORMAT_IRI: return format_uri(utf8_text, URI_ABSOLUTE, true);
	case FORMAT_IRI_REFERENCE: return format_uri(utf8_text, URI_REFERENCE, true);
	case FORMAT_URI_TEMPLATE: return format_uri_template(utf8_text);
	case FORMAT_UUID: return format_uuid(utf8_text);
	case FORMAT_JSON_POINTER: return format_pointer(utf8_text);
	case FORMAT_RELATIVE_JSON_POINTER: return format_relative_pointer(utf8_text);
	case FORMAT_REGEX: return regex_is_valid(utf8_text);
	}
	return false;
}
