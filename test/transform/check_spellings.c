/* How well redact-text reads what people write: identifiers in the spellings that writers use or that somebody chose to
 * hide them, and a megabyte of ordinary text in which there is nothing to find. Numbers are the published specimens or
 * made up; both rates are printed. */
#include <check.h>
#include <stdio.h>

#include "lib/transform/redact.h"

#define ALL ((1u << RECOGNISER_WORD) - 1)

enum { ORDINARY, HIDDEN };

/* What stands before, the identifier, what stands behind: the middle alone must go, and all of it. */
static const struct {
	int kind;
	const char *name, *before, *text, *after;
} spellings[] = {
	/* IBANs of the registry's examples. */
	{ ORDINARY, "iban", "", "DE89370400440532013000", "" },
	{ ORDINARY, "iban", "to ", "DE89 3704 0044 0532 0130 00", "." },
	{ ORDINARY, "iban", "", "de89 3704 0044 0532 0130 00", "" },
	{ ORDINARY, "iban", "", "DE89-3704-0044-0532-0130-00", "" },
	{ ORDINARY, "iban", "", "DE89.3704.0044.0532.0130.00", "" },
	{ ORDINARY, "iban", "", "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", "" },
	{ ORDINARY, "iban", "", "DE89\u20093704\u20090044\u20090532\u20090130\u200900", "" },
	{ ORDINARY, "iban", "", "DE89\u202f3704\u202f0044\u202f0532\u202f0130\u202f00", "" },
	{ ORDINARY, "iban", "", "DE89 3704 0044\n0532 0130 00", "" },
	{ ORDINARY, "iban", "", "DE89  3704  0044  0532  0130  00", "" },
	{ ORDINARY, "iban", "", "DE 89 3704 0044 0532 0130 00", "" },
	{ ORDINARY, "iban", "IBAN", "DE89370400440532013000", "" },
	{ ORDINARY, "iban", "IBAN:", "DE89370400440532013000", "," },
	{ ORDINARY, "iban", "(", "GB82 WEST 1234 5698 7654 32", ")" },
	{ ORDINARY, "iban", "", "NO93 8601 1117 947", " now" },
	{ ORDINARY, "iban", "", "FR14 2004 1010 0505 0001 3M02 606", " is it" },
	{ ORDINARY, "iban", "", "CH93 0076 2011 6238 5295 7", "" },
	{ ORDINARY, "iban", "", "NL91 ABNA 0417 1643 00", " and so on" },
	{ ORDINARY, "iban", "", "MT84 MALT 0110 0001 2345 MTLC AST0 01S", "" },
	{ ORDINARY, "iban", "", "DE89 3704 0044 0532 0130 00", " 42" },
	{ HIDDEN, "iban", "", "DE89/3704/0044/0532/0130/00", "" },
	{ HIDDEN, "iban", "", "DE89_3704_0044_0532_0130_00", "" },
	{ HIDDEN, "iban", "", "DE89, 3704, 0044, 0532, 0130, 00", "" },
	{ HIDDEN, "iban", "", "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0", "" },
	{ HIDDEN, "iban", "", "DE89 - 3704 - 0044 - 0532 - 0130 - 00", "" },
	{ HIDDEN, "iban", "", "DE89\u20133704\u20130044\u20130532\u20130130\u201300", "" },
	{ HIDDEN, "iban", "", "DE89\u20143704\u20110044\u20100532\u22120130\u201500", "" },
	{ HIDDEN, "iban", "", "DE\u200b89370\u200b4004405320\u200b13000", "" },
	{ HIDDEN, "iban", "", "DE89\u00ad3704\u00ad0044\u00ad0532\u00ad0130\u00ad00", "" },
	{ HIDDEN, "iban", "", "D\ufeffE89370400440532013\u2060000", "" },
	{ HIDDEN, "iban", "",
	  "\uff24\uff25\uff18\uff19\uff13\uff17\uff10\uff14\uff10\uff10\uff14\uff14\uff10\uff15\uff13"
	  "\uff12\uff10\uff11\uff13\uff10\uff10\uff10",
	  "" },
	{ HIDDEN, "iban", "",
	  "DE\u0668\u0669\u0663\u0667\u0660\u0664\u0660\u0660\u0664\u0664\u0660\u0665\u0663\u0662\u0660"
	  "\u0661\u0663\u0660\u0660\u0660",
	  "" },
	{ HIDDEN, "iban", "", "DE89 3704\r\n\t0044 0532\r\n\t0130 00", "" },
	{ HIDDEN, "iban", "account", "DE89370400440532013000", "please" },
	{ HIDDEN, "iban", "X", "GB82WEST12345698765432", "" },
	{ HIDDEN, "iban", "", "DE89|3704|0044|0532|0130|00", "" },
	{ HIDDEN, "iban", "", "DE89*3704*0044*0532*0130*00", "" },
	{ HIDDEN, "iban", "", "DE893704 00440532013000", "" },
	{ HIDDEN, "iban", "", "DE89 37040044 0532013000", "" },
	{ HIDDEN, "iban", "", "DE89\u30003704\u30000044\u30000532\u30000130\u300000", "" },
	{ HIDDEN, "iban", "", "DE89 3704 0044 05-\n32 0130 00", "" },
	{ HIDDEN, "iban", "",
	  "\u0412\u0415"
	  "68 5390 0754 7034",
	  "" }, /* BE in Cyrillic letters */
	{ HIDDEN, "iban", "", "\u24b9\u24ba\u2467\u2468370400440532013000", "" },
	{ HIDDEN, "iban", "",
	  "D\u0336E\u0336"
	  "8\u0336"
	  "9370400440532013000",
	  "" },
	{ HIDDEN, "iban", "", "DE89&nbsp;3704&nbsp;0044&nbsp;0532&nbsp;0130&nbsp;00", "" },
	{ HIDDEN, "iban", "", "DE89%203704%200044%200532%200130%2000", "" },
	{ HIDDEN, "iban", "",
	  "\U0001d403\U0001d404\U0001d7d6\U0001d7d7"
	  "370400440532013000",
	  "" }, /* bold mathematics */
	{ HIDDEN, "iban", "\u200f", "DE89\u200e370400440532013000", "" },
	{ HIDDEN, "iban", "", "DE eighty-nine 370400440532013000", "" },
	/* Cards: test numbers of the schemes. */
	{ ORDINARY, "card", "", "4111111111111111", "" },
	{ ORDINARY, "card", "card ", "4111 1111 1111 1111", "!" },
	{ ORDINARY, "card", "", "4111-1111-1111-1111", "" },
	{ ORDINARY, "card", "", "5555 5555 5555 4444", " exp 12/28" },
	{ ORDINARY, "card", "", "3782 822463 10005", "" },
	{ ORDINARY, "card", "", "378282246310005", "" },
	{ ORDINARY, "card", "", "3056 930902 5904", "" },
	{ ORDINARY, "card", "", "6011 1111 1111 1117", "" },
	{ ORDINARY, "card", "", "2223 0031 2200 3222", "" },
	{ ORDINARY, "card", "", "4111\u00a01111\u00a01111\u00a01111", "" },
	{ ORDINARY, "card", "", "4111\u20091111\u20091111\u20091111", "" },
	{ ORDINARY, "card", "", "4111\u20131111\u20131111\u20131111", "" },
	{ ORDINARY, "card", "", "4111.1111.1111.1111", "" },
	{ ORDINARY, "card", "", "4111 1111\n1111 1111", "" },
	{ ORDINARY, "card", "Visa:", "4111111111111111", ";" },
	{ ORDINARY, "card", "", "4111  1111  1111  1111", "" },
	{ HIDDEN, "card", "card", "4111111111111111", "" },
	{ HIDDEN, "card", "", "4111111111111111", "x" },
	{ HIDDEN, "card", "", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "" },
	{ HIDDEN, "card", "", "4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1", "" },
	{ HIDDEN, "card", "", "41 11 11 11 11 11 11 11", "" },
	{ HIDDEN, "card", "", "4111/1111/1111/1111", "" },
	{ HIDDEN, "card", "", "4111_1111_1111_1111", "" },
	{ HIDDEN, "card", "", "4111, 1111, 1111, 1111", "" },
	{ HIDDEN, "card", "", "4111 - 1111 - 1111 - 1111", "" },
	{ HIDDEN, "card", "", "41111111 11111111", "" },
	{ HIDDEN, "card", "", "4111 11111111 1111", "" },
	{ HIDDEN, "card", "", "4111 1111 11\n11 1111", "" },
	{ HIDDEN, "card", "", "4111\u200b1111\u200b1111\u200b1111", "" },
	{ HIDDEN, "card", "", "4111\u00ad1111\u00ad1111\u00ad1111", "" },
	{ HIDDEN, "card", "",
	  "\uff14\uff11\uff11\uff11 \uff11\uff11\uff11\uff11 \uff11\uff11\uff11\uff11 \uff11\uff11\uff11"
	  "\uff11",
	  "" },
	{ HIDDEN, "card", "",
	  "\u0664\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661", "" },
	{ HIDDEN, "card", "",
	  "\u096a\u0967\u0967\u0967 \u0967\u0967\u0967\u0967 \u0967\u0967\u0967\u0967 \u0967\u0967\u0967"
	  "\u0967",
	  "" },
	{ HIDDEN, "card", "", "4111\u22121111\u22121111\u22121111", "" },
	{ HIDDEN, "card", "", "4111\u00b71111\u00b71111\u00b71111", "" },
	{ HIDDEN, "card", "", "4111 1111 (1111) 1111", "" },
	{ HIDDEN, "card", "", "4\u20e3111111111111111", "" },
	{ HIDDEN, "card", "", "4111:1111:1111:1111", "" },
	{ HIDDEN, "card", "", "4111~1111~1111~1111", "" },
	{ HIDDEN, "card", "", "4111'1111'1111'1111", "" },
	{ HIDDEN, "card", "", "\u00b2\u00b2\u00b2\u00b3 0031 2200 3222", "" },
	{ HIDDEN, "card", "", "4111111111111111", "\u0301" },
	{ HIDDEN, "card", "", "4111 dash 1111 dash 1111 dash 1111", "" },
	/* Telephones. */
	{ ORDINARY, "phone", "call ", "+49 30 1234567", " now" },
	{ ORDINARY, "phone", "", "+49301234567", "" },
	{ ORDINARY, "phone", "", "+49-30-1234567", "" },
	{ ORDINARY, "phone", "", "+49.30.1234567", "" },
	{ ORDINARY, "phone", "", "+49/30/1234567", "" },
	{ ORDINARY, "phone", "", "+49 (0)30 1234567", "" },
	{ ORDINARY, "phone", "", "+49(0)30/1234567", "." },
	{ ORDINARY, "phone", "", "+49 (30) 123 45 67", "" },
	{ ORDINARY, "phone", "", "+49 30 123 45-67", "" },
	{ ORDINARY, "phone", "", "+44 20 7946 0000", " (office)" },
	{ ORDINARY, "phone", "", "+1 (202) 555-0100", "" },
	{ ORDINARY, "phone", "", "+1.202.555.0100", "" },
	{ ORDINARY, "phone", "", "+33 1 99 00 12 34", "" },
	{ ORDINARY, "phone", "", "0049 30 1234567", "" },
	{ ORDINARY, "phone", "", "0049-30-1234567", "" },
	{ ORDINARY, "phone", "", "0049 (0) 30 1234567", "" },
	{ ORDINARY, "phone", "", "00 44 20 7946 0000", "" },
	{ ORDINARY, "phone", "", "0033199001234", "" },
	{ ORDINARY, "phone", "", "+49\u00a030\u00a01234567", "" },
	{ ORDINARY, "phone", "", "+49\u202f30\u202f1234567", "" },
	{ ORDINARY, "phone", "", "+49\u200930\u20091234567", "" },
	{ ORDINARY, "phone", "", "+49\u201330\u20131234567", "" },
	{ ORDINARY, "phone", "tel:", "+49301234567", "" },
	{ ORDINARY, "phone", "(", "+49 30 1234567", ")" },
	{ ORDINARY, "phone", "(", "+49) 30 1234567", "" },
	{ ORDINARY, "phone", "", "+49 - 30 - 1234567", "" },
	{ ORDINARY, "phone", "", "+ 49 30 1234567", "" },
	{ HIDDEN, "phone", "tel", "+49301234567", "" },
	{ HIDDEN, "phone", "tel", "0049301234567", "" },
	{ HIDDEN, "phone", "", "++49 30 1234567", "" },
	{ HIDDEN, "phone", "", "+4 9 3 0 1 2 3 4 5 6 7", "" },
	{ HIDDEN, "phone", "", "+49 30 12\n34567", "" },
	{ HIDDEN, "phone", "", "+49_30_1234567", "" },
	{ HIDDEN, "phone", "", "+49\u200b30\u200b1234567", "" },
	{ HIDDEN, "phone", "", "+49\u00ad30\u00ad1234567", "" },
	{ HIDDEN, "phone", "", "\uff0b\uff14\uff19\uff13\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17", "" },
	{ HIDDEN, "phone", "", "+\u0664\u0669 \u0663\u0660 \u0661\u0662\u0663\u0664\u0665\u0666\u0667", "" },
	{ HIDDEN, "phone", "", "\u207a49 30 1234567", "" },
	{ HIDDEN, "phone", "", "\u279549 30 1234567", "" },
	{ HIDDEN, "phone", "", "plus 49 30 1234567", "" },
	{ HIDDEN, "phone", "", "+(49)(30)(1234567", ")" },
	{ HIDDEN, "phone", "", "+49 / 30 / 123 45 67", "" },
	{ HIDDEN, "phone", "", "+49 30 1234567", " +" },
	{ HIDDEN, "phone", "", "%2B49301234567", "" },
	{ HIDDEN, "phone", "", "&#43;49 30 1234567", "" },
	{ HIDDEN, "phone", "", "011 49 30 1234567", "" },
	{ HIDDEN, "phone", "", "00.49.30.1234567", "" },
	{ HIDDEN, "phone", "(", "0049) 30 1234567", "" },
	{ HIDDEN, "phone", "", "+49|30|1234567", "" },
	{ HIDDEN, "phone", "", "+49\u00b730\u00b71234567", "" },
	{ HIDDEN, "phone", "", "+49 030 1234567", "" },
	{ HIDDEN, "phone", "", "+49 three zero 1234567", "" },
	/* E-mail. */
	{ ORDINARY, "email", "write ", "anna.maria+x@mail.example.org", ", please" },
	{ ORDINARY, "email", "<", "anna@example.org", ">" },
	{ ORDINARY, "email", "mailto:", "anna@example.org", "" },
	{ ORDINARY, "email", "", "ANNA@EXAMPLE.ORG", "." },
	{ ORDINARY, "email", "", "J\u00f6rg@ex\u00e4mple.org", "" },
	{ ORDINARY, "email", "", "anna@xn--exmple-cua.org", "" },
	{ ORDINARY, "email", "", "\u7528\u6237@\u4f8b\u5b50.\u6d4b\u8bd5", "" },
	{ ORDINARY, "email", "", "\u0430\u043d\u043d\u0430@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444", "" },
	{ ORDINARY, "email", "", "anna@example.co.uk", "" },
	{ ORDINARY, "email", "", "o'connor@example.ie", "" },
	{ ORDINARY, "email", "", "\"anna maria\"@example.org", "" },
	{ ORDINARY, "email", "", "anna@[192.0.2.1]", "" },
	{ ORDINARY, "email", "", "anna (at) example.org", "" },
	{ ORDINARY, "email", "", "anna(at)example.org", "" },
	{ ORDINARY, "email", "", "anna[at]example.org", "" },
	{ ORDINARY, "email", "", "anna [at] example [dot] org", "" },
	{ ORDINARY, "email", "", "anna at example dot org", "" },
	{ ORDINARY, "email", "", "anna AT example DOT org", "" },
	{ ORDINARY, "email", "", "anna dot maria at example dot org", "" },
	{ ORDINARY, "email", "", "anna.maria at example.org", "" },
	{ ORDINARY, "email", "", "anna @ example.org", "" },
	{ ORDINARY, "email", "", "anna @ example . org", "" },
	{ ORDINARY, "email", "", "anna@ example.org", "" },
	{ ORDINARY, "email", "", "anna\u00a0@\u00a0example.org", "" },
	{ ORDINARY, "email", "", "anna(at)example(dot)org", "" },
	{ ORDINARY, "email", "", "anna_at_example.org", "" },
	{ ORDINARY, "email", "", "anna {at} example.org", "" },
	{ HIDDEN, "email", "", "anna{at}example{dot}org", "" },
	{ HIDDEN, "email", "", "anna<at>example<dot>org", "" },
	{ HIDDEN, "email", "", "anna-at-example-dot-org", "" },
	{ HIDDEN, "email", "", "anna_at_example_dot_org", "" },
	{ HIDDEN, "email", "", "anna ( at ) example ( dot ) org", "" },
	{ HIDDEN, "email", "", "anna (@) example.org", "" },
	{ HIDDEN, "email", "", "anna[@]example[.]org", "" },
	{ HIDDEN, "email", "", "anna\uff20example.org", "" },
	{ HIDDEN, "email", "", "anna@example\u3002org", "" },
	{ HIDDEN, "email", "", "anna\u200b@example.org", "" },
	{ HIDDEN, "email", "", "an\u00adna@exa\u00admple.o\u00adrg", "" },
	{ HIDDEN, "email", "", "anna@example.\u200borg", "" },
	{ HIDDEN, "email", "",
	  "\uff41\uff4e\uff4e\uff41\uff20\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0e\uff4f\uff52\uff47", "" },
	{ HIDDEN, "email", "", "anna&#64;example&#46;org", "" },
	{ HIDDEN, "email", "", "anna&#x40;example.org", "" },
	{ HIDDEN, "email", "", "anna&commat;example&period;org", "" },
	{ HIDDEN, "email", "", "anna%40example.org", "" },
	{ HIDDEN, "email", "", "anna@\nexample.org", "" },
	{ HIDDEN, "email", "", "anna\n@example.org", "" },
	{ HIDDEN, "email", "", "anna arroba example punto org", "" },
	{ HIDDEN, "email", "", "anna arobase example point org", "" },
	{ HIDDEN, "email", "", "anna (\u00e4t) example (punkt) org", "" },
	{ HIDDEN, "email", "", "anna *at* example *dot* org", "" },
	{ HIDDEN, "email", "", "anna@example (dot) org", "" },
	{ HIDDEN, "email", "", "anna@example dot org", "" },
	{ HIDDEN, "email", "", "anna\ufe6bexample.org", "" },
	{ HIDDEN, "email", "", "an\u0336na@example.org", "" },
	{ HIDDEN, "email", "", "\U0001d41a\U0001d427\U0001d427\U0001d41a@example.org", "" },
	{ HIDDEN, "email", "", "anna@example .org", "" },
	{ HIDDEN, "email", "", "a n n a @ e x a m p l e . o r g", "" },
	{ HIDDEN, "email", "", "annaATexampleDOTorg", "" },
	/* ICAO Doc 9303-4 and 9303-5, the specimens of appendix A. */
	{ ORDINARY, "mrz", "", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "" },
	{ ORDINARY, "mrz", "\n", "L898902C36UTO7408122F1204159ZE184226B<<<<<10", "\n" },
	{ ORDINARY, "mrz", "", "I<UTOD231458907<<<<<<<<<<<<<<<", "" },
	{ ORDINARY, "mrz", "", "7408122F1204159UTO<<<<<<<<<<<6", "" },
	{ ORDINARY, "mrz", "", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<", "" },
	{ ORDINARY, "mrz", "", "D231458907UTO7408122F1204159<<<<<<<6", "" },
	{ ORDINARY, "mrz", "MRZ: ", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", " (scan)" },
	{ HIDDEN, "mrz", "", "p<utoeriksson<<anna<maria<<<<<<<<<<<<<<<<<<<", "" },
	{ HIDDEN, "mrz", "", "P<UTO ERIKSSON<<ANNA<MARIA <<<<<<<<<<<<<<<<<<<", "" },
	{ HIDDEN, "mrz", "", "L898902C36 UTO 740812 2 F 120415 9 ZE184226B<<<<< 1 0", "" },
	{ HIDDEN, "mrz", "",
	  "P&lt;UTOERIKSSON&lt;&lt;ANNA&lt;MARIA&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;"
	  "&lt;&lt;&lt;&lt;&lt;",
	  "" },
	{ HIDDEN, "mrz", "",
	  "P\u2039UTOERIKSSON\u00abANNA\u2039MARIA\u00ab\u00ab\u00ab\u00ab\u00ab\u00ab\u00ab\u00ab\u00ab"
	  "\u2039",
	  "" },
	{ HIDDEN, "mrz", "", "P\uff1cUTOERIKSSON\uff1c\uff1cANNA\uff1cMARIA<<<<<<<<<<<<<<<<<<<", "" },
	{ HIDDEN, "mrz", "", "L898902C3\u200b6UTO7408122F1204159ZE184226B<<<<<10", "" },
	{ HIDDEN, "mrz", "", "L\u0668\u0669\u0668\u0669\u0660\u0662C\u0663\u0666UTO7408122F1204159ZE184226B<<<<<10",
	  "" },
	{ HIDDEN, "mrz", "", "I < U T O D 2 3 1 4 5 8 9 0 7 < < < < < < < < < < < < < < <", "" },
	{ HIDDEN, "mrz", "", "7408122F1204159UTO <<<<<<<<<<< 6", "" },
};

/* The result of as many rounds as find something, as redact-text makes them. */
static struct view redacted(const char *text, struct buf both[2])
{
	struct view v = view_of(text);

	for (int round = 0; round < 4; round++) {
		struct buf *out = &both[round % 2];

		buf_reset(out);
		size_t finds = redact(ALL, NULL, v, out, NULL);
		ck_assert_uint_ne(finds, REDACT_REFUSED);
		v = buf_view(out);
		if (finds == 0)
			return v;
	}
	ck_abort_msg("never ends: %s", text);
}

START_TEST(spellings_are_found)
{
	struct buf both[2] = { BUF_INIT(4096), BUF_INIT(4096) };
	size_t n = sizeof spellings / sizeof *spellings, found = 0, ordinary_missed = 0;
	char text[1024], want[1024];

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof text, "%s%s%s", spellings[i].before, spellings[i].text, spellings[i].after);
		snprintf(want, sizeof want, "%s[%s]%s", spellings[i].before, spellings[i].name, spellings[i].after);
		struct view got = redacted(text, both);
		if (view_is(got, want)) {
			found++;
			continue;
		}
		ordinary_missed += spellings[i].kind == ORDINARY;
		printf("redact-text: not found, line %zu: %s gave %.*s\n", i + 1, text, VIEW_ARG(got));
	}
	printf("redact-text: %zu of %zu spellings found, %zu ordinary ones missed\n", found, n, ordinary_missed);
	fflush(stdout);
	ck_assert_uint_ge(n, 150);
	ck_assert_uint_eq(ordinary_missed, 0);
	ck_assert_uint_ge(found * 100, n * 95);
	buf_free(&both[0]);
	buf_free(&both[1]);
}
END_TEST

/* Ordinary text: sentences of offices, shops, laws and machines, filled from a fixed seed. */
#define TEXT_SIZE (1u << 20)

static uint64_t seed;

static unsigned draw(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static void add_digits(struct buf *b, unsigned n)
{
	while (n-- > 0)
		buf_addc(b, (char)('0' + draw(10)));
}

/* GTIN-13 and ISBN-13, with the check digit of both. */
static void add_article(struct buf *b, const char *prefix, bool hyphens)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < 12; i++) {
		unsigned d = i < strlen(prefix) ? (unsigned)(prefix[i] - '0') : draw(10);

		sum += d * (i % 2 ? 3 : 1);
		buf_addf(b, "%s%u", hyphens && (i == 3 || i == 4 || i == 8) ? "-" : "", d);
	}
	buf_addf(b, "%s%u", hyphens ? "-" : "", (10 - sum % 10) % 10);
}

static void add_hex(struct buf *b, unsigned n)
{
	while (n-- > 0)
		buf_addc(b, "0123456789abcdef"[draw(16)]);
}

static const char *pick(const char *const *list, unsigned n)
{
	return list[draw(n)];
}
#define PICK(list) pick(list, sizeof(list) / sizeof *(list))

static void add_sentence(struct buf *b)
{
	static const char *const who[] = { "The office",   "Our client",  "A passenger",
		                           "The court",    "The shop",    "Mrs Beispiel",
		                           "The carrier",  "Herr Muster", "La soci\u00e9t\u00e9",
		                           "The ministry", "A colleague", "Nobody" };
	static const char *const does[] = { "wrote about", "asked for", "has paid", "looked at", "found", "returned",
		                            "counted",     "refused",   "signed",   "kept",      "sent",  "needs" };
	static const char *const what[] = { "the report", "two chairs", "an old map",   "its budget",
		                            "the plan",   "a key",      "many letters", "the window",
		                            "some bread", "this rule",  "the visa",     "a ticket" };
	static const char *const place[] = { "at noon",    "at home",      "in the yard",  "at the station",
		                             "by train",   "online",       "at 5 o'clock", "at last",
		                             "on page 12", "in room 4.17", "at sea",       "for now" };

	buf_addf(b, "%s %s %s %s", PICK(who), PICK(does), PICK(what), PICK(place));
	switch (draw(40)) {
	case 0: buf_addf(b, " on %02u.%02u.%u", 1 + draw(28), 1 + draw(12), 1950 + draw(90)); break;
	case 1:
		buf_addf(b, " on 20%02u-%02u-%02u %02u:%02u:%02u", draw(40), 1 + draw(12), 1 + draw(28), draw(24),
		         draw(60), draw(60));
		break;
	case 2: buf_addf(b, ", EUR %u.%03u,%02u", 1 + draw(900), draw(1000), draw(100)); break;
	case 3: buf_addf(b, " for $%u,%03u,%03u.%02u", 1 + draw(90), draw(1000), draw(1000), draw(100)); break;
	case 4: buf_addf(b, ", file %u Js %u/%02u", 1 + draw(900), draw(99999), draw(40)); break;
	case 5: buf_addf(b, ", file no. %02u-%04u-%06u", draw(100), draw(10000), draw(1000000)); break;
	case 6:
		buf_adds(b, ", ISBN ");
		add_article(b, "978", true);
		break;
	case 7:
		buf_adds(b, ", ISBN ");
		add_article(b, "979", false);
		break;
	case 8:
		buf_adds(b, ", article ");
		add_article(b, "40", false);
		break;
	case 9:
		buf_adds(b, ", article ");
		add_article(b, "50", false);
		break;
	case 10:
		buf_adds(b, " (Art. ");
		buf_addf(b, "%u(%u) and %u to %u)", draw(100), 1 + draw(9), draw(100), 100 + draw(99));
		break;
	case 11:
		buf_adds(b, ", invoice ");
		add_digits(b, 8 + draw(8));
		break;
	case 12:
		buf_adds(b, ", parcel ");
		add_digits(b, 20);
		break;
	case 13: buf_addf(b, ", version %u.%u.%u-%u", draw(20), draw(30), draw(200), draw(9)); break;
	case 14: buf_addf(b, " from 192.0.2.%u to 198.51.100.%u", draw(256), draw(256)); break;
	case 15:
		buf_adds(b, ", digest ");
		add_hex(b, 64);
		break;
	case 16:
		buf_adds(b, ", id ");
		add_hex(b, 8);
		buf_addc(b, '-');
		add_hex(b, 4);
		buf_addc(b, '-');
		add_hex(b, 4);
		buf_addc(b, '-');
		add_hex(b, 4);
		buf_addc(b, '-');
		add_hex(b, 12);
		break;
	case 17: buf_addf(b, " near %u.%06u, %u.%06u", draw(90), draw(1000000), draw(180), draw(1000000)); break;
	case 18: buf_addf(b, ", tel. 030 %u %02u %02u", 100 + draw(900), draw(100), draw(100)); break;
	case 19: buf_addf(b, ", extension %u", 100 + draw(900)); break;
	case 20: buf_addf(b, ", %u + %u = %u", draw(90000), draw(90000), draw(900000)); break;
	case 21: buf_addf(b, ", up +%u %% since %u", draw(100), 1990 + draw(40)); break;
	case 22:
		for (unsigned i = 0; i < 12; i++)
			buf_addf(b, " %u", draw(10000));
		break;
	case 23:
		for (unsigned i = 0; i < 6; i++)
			buf_addf(b, "\t%u.%02u", draw(1000), draw(100));
		break;
	case 24: buf_addf(b, ". Read more at www.example.org/%u", draw(10000)); break;
	case 25: buf_addf(b, ". It is available at https://files.example.net/v%u/index.html", draw(10)); break;
	case 26: buf_adds(b, ", see @example on the network"); break;
	case 27: buf_addf(b, ", %u @ %u.%02u each", 1 + draw(20), draw(90), draw(100)); break;
	case 28: buf_addf(b, ", flight UT%u, seat %u%c", draw(9999), 1 + draw(40), 'A' + (int)draw(6)); break;
	case 29: buf_addf(b, ", Directive (EU) 20%02u/%u", draw(30), draw(3000)); break;
	case 30:
		buf_adds(b, ", ratio 0.");
		add_digits(b, 16);
		break;
	case 31:
		buf_adds(b, ", stamp 20");
		add_digits(b, 12);
		break;
	case 32: buf_addf(b, ", order DE%u-%u", draw(99), draw(99999)); break;
	case 33: buf_addf(b, ", part no. 00%u-%u", 10 + draw(90), draw(99999)); break;
	case 34: buf_addf(b, ", %u x %u x %u mm", draw(2000), draw(2000), draw(2000)); break;
	case 35: buf_addf(b, ", a total of %u %03u %03u %03u", 1 + draw(9), draw(1000), draw(1000), draw(1000)); break;
	default: break;
	}
	buf_adds(b, draw(12) ? ". " : ".\n");
}

START_TEST(ordinary_text_stays)
{
	struct buf text = BUF_INIT(TEXT_SIZE);
	uint32_t counts[RECOGNISER_COUNT] = { 0 };

	seed = 20260301;
	while (text.n < TEXT_SIZE - 600)
		add_sentence(&text);
	ck_assert(!text.failed);
	size_t finds = redact(ALL, NULL, buf_view(&text), NULL, counts);
	printf("redact-text: %zu false alarms in %zu bytes of ordinary text (mrz %u, iban %u, card %u, email %u, phone %u)\n",
	       finds, text.n, counts[RECOGNISER_MRZ], counts[RECOGNISER_IBAN], counts[RECOGNISER_CARD],
	       counts[RECOGNISER_EMAIL], counts[RECOGNISER_PHONE]);
	fflush(stdout);
	ck_assert_uint_le(finds, 20);
	buf_free(&text);
}
END_TEST

/* Spellings in any order, glued or apart: few rounds find all of them, and what is left is what ingress takes. */
START_TEST(rounds_end)
{
	static const char *const joints[] = { "",  " ", ", ", "\n",   "-",      "x",     "7",
		                              "@", "+", "<",  " at ", "\u200b", "\u0301" };
	struct buf both[2] = { BUF_INIT(1u << 16), BUF_INIT(1u << 16) }, text = BUF_INIT(1u << 16);

	seed = 7;
	for (int i = 0; i < 3000; i++) {
		buf_reset(&text);
		for (unsigned n = 2 + draw(6); n > 0; n--) {
			buf_adds(&text, spellings[draw(sizeof spellings / sizeof *spellings)].text);
			buf_adds(&text, PICK(joints));
		}
		buf_addc(&text, 0);
		(void)redacted(text.p, both);
	}
	buf_free(&text);
	buf_free(&both[0]);
	buf_free(&both[1]);
}
END_TEST

TCase *make_spellings_case(void);
TCase *make_spellings_case(void)
{
	TCase *c = tcase_create("spellings");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, spellings_are_found);
	tcase_add_test(c, ordinary_text_stays);
	tcase_add_test(c, rounds_end);
	return c;
}
