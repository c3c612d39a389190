/* The inner loops: the portable ones and those of this machine find the same bytes. */
#include "lib/json/scan.h"
#include "test/json/json_test.h"

START_TEST(first_odd_byte)
{
	char text[64 + SCAN_PAD];

	for (unsigned at = 0; at < 40; at++)
		for (unsigned c = 0; c < 256; c++)
			for (unsigned after = 0; after < 3; after++) {
				/* The byte in question, and one after it that a borrow could mark. */
				memset(text, 'a', 64);
				memset(text + 64, 0, SCAN_PAD);
				text[at] = (char)c;
				text[at + 1] = after == 0 ? 'a' : after == 1 ? ' ' : '#';
				unsigned want = c < 0x20 || c >= 0x80 || c == '"' || c == '\\' ? at : 64;
				if (scan_plain(text) != text + want || scan_plain_portable(text) != text + want)
					ck_abort_msg("byte %u at %u", c, at);
			}
}
END_TEST

START_TEST(white_space)
{
	static const char blanks[] = " \n\t\r";
	char text[64 + SCAN_PAD] = { 0 };

	for (unsigned n = 0; n < 40; n++)
		for (unsigned c = 1; c < 256; c++) {
			for (unsigned i = 0; i < 64; i++)
				text[i] = blanks[(i + n) % 4];
			text[n] = (char)c;
			text[n + 1] = 'x';
			unsigned want = memchr(blanks, (int)c, 4) ? n + 1 : n;
			if (scan_space(text) != text + want || scan_space_portable(text) != text + want ||
			    skip_space(text) != text + want)
				ck_abort_msg("byte %u at %u", c, n);
		}
}
END_TEST

TCase *make_scan_case(void);
TCase *make_scan_case(void)
{
	TCase *tc = tcase_create("scan");

	tcase_add_test(tc, first_odd_byte);
	tcase_add_test(tc, white_space);
	return tc;
}
