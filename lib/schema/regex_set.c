/* Sets of code points for regex_parse.c: see regex_ast.h. */
#include "lib/schema/regex_ast.h"

bool code_set_add(struct arena *a, struct code_set *s, uint32_t lo, uint32_t hi)
{
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? 2 * s->cap : 4;
		struct code_range *ranges = arena_alloc(a, cap * sizeof *ranges);
		if (!ranges)
			return false;
		if (s->n)
			memcpy(ranges, s->ranges, s->n * sizeof *ranges);
		s->ranges = ranges;
		s->cap = cap;
	}
	s->ranges[s->n++] = (struct code_range){ lo, hi };
	return true;
}

static const struct code_range digits[] = { { '0', '9' } };
static const struct code_range words[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
/* WhiteSpace and LineTerminator of ECMA-262 12.2 and 12.3; Zs as of Unicode 6.3 and later. */
static const struct code_range spaces[] = {
	{ 0x09, 0x0d },     { 0x20, 0x20 },     { 0xa0, 0xa0 },     { 0x1680, 0x1680 }, { 0x2000, 0x200a },
	{ 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 }, { 0xfeff, 0xfeff },
};

/* Adds the gaps between sorted ranges. */
static bool add_complement(struct arena *a, struct code_set *s, const struct code_range *r, uint32_t n)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (r[i].lo > from && !code_set_add(a, s, from, r[i].lo - 1))
			return false;
		from = r[i].hi + 1;
	}
	return from > CODE_POINT_MAX || code_set_add(a, s, from, CODE_POINT_MAX);
}

bool code_set_add_class(struct arena *a, struct code_set *s, char letter)
{
	const struct code_range *r = spaces;
	uint32_t n = sizeof spaces / sizeof *spaces;

	if (letter == 'd' || letter == 'D') {
		r = digits;
		n = sizeof digits / sizeof *digits;
	} else if (letter == 'w' || letter == 'W') {
		r = words;
		n = sizeof words / sizeof *words;
	}
	if (letter == 'D' || letter == 'S' || letter == 'W')
		return add_complement(a, s, r, n);
	for (uint32_t i = 0; i < n; i++)
		if (!code_set_add(a, s, r[i].lo, r[i].hi))
			return false;
	return true;
}

static int compare_ranges(const void *x, const void *y)
{
	const struct code_range *a = x, *b = y;

	return a->lo != b->lo ? (a->lo < b->lo ? -1 : 1) : (a->hi > b->hi) - (a->hi < b->hi);
}

bool code_set_finish(struct arena *a, struct code_set *s)
{
	uint32_t n = 0;

	if (s->n)
		qsort(s->ranges, s->n, sizeof *s->ranges, compare_ranges);
	for (uint32_t i = 0; i < s->n; i++) {
		struct code_range r = s->ranges[i];
		if (n && r.lo <= s->ranges[n - 1].hi + 1) {
			if (r.hi > s->ranges[n - 1].hi)
				s->ranges[n - 1].hi = r.hi;
		} else {
			s->ranges[n++] = r;
		}
	}
	s->n = n;
	if (!s->negated || s->properties)
		return true;
	struct code_set complement = { 0 };
	if (!add_complement(a, &complement, s->ranges, s->n))
		return false;
	*s = complement;
	return true;
}

/* General categories with their long names (PropertyValueAliases.txt of the Unicode database); the
 * short name is what PCRE2 takes. */
static const char *const categories[][4] = {
	{ "C", "Other" },
	{ "Cc", "Control", "cntrl" },
	{ "Cf", "Format" },
	{ "Cn", "Unassigned" },
	{ "Co", "Private_Use" },
	{ "Cs", "Surrogate" },
	{ "L", "Letter" },
	{ "L&", "Cased_Letter", "LC" },
	{ "Ll", "Lowercase_Letter" },
	{ "Lm", "Modifier_Letter" },
	{ "Lo", "Other_Letter" },
	{ "Lt", "Titlecase_Letter" },
	{ "Lu", "Uppercase_Letter" },
	{ "M", "Mark", "Combining_Mark" },
	{ "Mc", "Spacing_Mark" },
	{ "Me", "Enclosing_Mark" },
	{ "Mn", "Nonspacing_Mark" },
	{ "N", "Number" },
	{ "Nd", "Decimal_Number", "digit" },
	{ "Nl", "Letter_Number" },
	{ "No", "Other_Number" },
	{ "P", "Punctuation", "punct" },
	{ "Pc", "Connector_Punctuation" },
	{ "Pd", "Dash_Punctuation" },
	{ "Pe", "Close_Punctuation" },
	{ "Pf", "Final_Punctuation" },
	{ "Pi", "Initial_Punctuation" },
	{ "Po", "Other_Punctuation" },
	{ "Ps", "Open_Punctuation" },
	{ "S", "Symbol" },
	{ "Sc", "Currency_Symbol" },
	{ "Sk", "Modifier_Symbol" },
	{ "Sm", "Math_Symbol" },
	{ "So", "Other_Symbol" },
	{ "Z", "Separator" },
	{ "Zl", "Line_Separator" },
	{ "Zp", "Paragraph_Separator" },
	{ "Zs", "Space_Separator" },
};

/* Binary properties of ECMA-262 table 66, with their short names. */
static const char *const binary_properties[] = {
	"ASCII",
	"ASCII_Hex_Digit",
	"AHex",
	"Alphabetic",
	"Alpha",
	"Bidi_Control",
	"Bidi_C",
	"Bidi_Mirrored",
	"Bidi_M",
	"Case_Ignorable",
	"CI",
	"Cased",
	"Changes_When_Casefolded",
	"CWCF",
	"Changes_When_Casemapped",
	"CWCM",
	"Changes_When_Lowercased",
	"CWL",
	"Changes_When_Titlecased",
	"CWT",
	"Changes_When_Uppercased",
	"CWU",
	"Dash",
	"Default_Ignorable_Code_Point",
	"DI",
	"Deprecated",
	"Dep",
	"Diacritic",
	"Dia",
	"Emoji",
	"Emoji_Component",
	"EComp",
	"Emoji_Modifier",
	"EMod",
	"Emoji_Modifier_Base",
	"EBase",
	"Emoji_Presentation",
	"EPres",
	"Extended_Pictographic",
	"ExtPict",
	"Extender",
	"Ext",
	"Grapheme_Base",
	"Gr_Base",
	"Grapheme_Extend",
	"Gr_Ext",
	"Hex_Digit",
	"Hex",
	"IDS_Binary_Operator",
	"IDSB",
	"IDS_Trinary_Operator",
	"IDST",
	"ID_Continue",
	"IDC",
	"ID_Start",
	"IDS",
	"Ideographic",
	"Ideo",
	"Join_Control",
	"Join_C",
	"Logical_Order_Exception",
	"LOE",
	"Lowercase",
	"Lower",
	"Math",
	"Noncharacter_Code_Point",
	"NChar",
	"Pattern_Syntax",
	"Pat_Syn",
	"Pattern_White_Space",
	"Pat_WS",
	"Quotation_Mark",
	"QMark",
	"Radical",
	"Regional_Indicator",
	"RI",
	"Sentence_Terminal",
	"STerm",
	"Soft_Dotted",
	"SD",
	"Terminal_Punctuation",
	"Term",
	"Unified_Ideograph",
	"UIdeo",
	"Uppercase",
	"Upper",
	"Variation_Selector",
	"VS",
	"White_Space",
	"space",
	"XID_Continue",
	"XIDC",
	"XID_Start",
	"XIDS",
};

static bool add_property(struct arena *a, struct code_set *s, const char *prefix, struct view name, bool negated)
{
	struct buf text = BUF_INIT(128);
	struct code_property *p = arena_alloc(a, sizeof *p);

	buf_adds(&text, prefix);
	buf_add(&text, name);
	bool ok = p && !text.failed;
	if (ok) {
		p->name = arena_copy(a, buf_view(&text));
		p->negated = negated;
		p->next = s->properties;
		s->properties = p;
		ok = p->name.p != NULL;
	}
	buf_free(&text);
	return ok;
}

static bool add_category(struct arena *a, struct code_set *s, struct view name, bool negated)
{
	for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
		for (size_t j = 0; j < 4 && categories[i][j]; j++)
			if (view_is(name, categories[i][j]) && !view_is(name, "L&"))
				return add_property(a, s, "", view_of(categories[i][0]), negated);
	return false;
}

/* Script names are PCRE2's to know; here only their form, for PCRE2 takes any case and ECMA-262 not. */
static bool script_form(struct view name)
{
	if (name.n < 2 || name.n > 40 || name.p[0] < 'A' || name.p[0] > 'Z')
		return false;
	for (size_t i = 1; i < name.n; i++) {
		char c = name.p[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'))
			return false;
	}
	return true;
}

bool code_set_add_property(struct arena *a, struct code_set *s, struct view text, bool negated)
{
	struct view name = text;
	struct view key = view_cut(&name, '=');

	if (name.p) {
		if (view_is(key, "General_Category") || view_is(key, "gc"))
			return add_category(a, s, name, negated);
		if (view_is(key, "Script") || view_is(key, "sc"))
			return script_form(name) && add_property(a, s, "sc:", name, negated);
		if (view_is(key, "Script_Extensions") || view_is(key, "scx"))
			return script_form(name) && add_property(a, s, "scx:", name, negated);
		return false;
	}
	if (view_is(text, "Any"))
		return add_property(a, s, "", text, negated);
	if (view_is(text, "Assigned"))
		return add_property(a, s, "", VIEW("Cn"), !negated);
	for (size_t i = 0; i < sizeof binary_properties / sizeof *binary_properties; i++)
		if (view_is(text, binary_properties[i]))
			return add_property(a, s, "", text, negated);
	return add_category(a, s, text, negated);
}
