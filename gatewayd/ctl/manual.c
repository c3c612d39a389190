/* The manual page as part of the program, so that `gatewayctl help COMMAND` says what it says. See commands.h. */
#include "gatewayd/ctl/commands.h"

#include <ctype.h>
#include <string.h>

/* .incbin is understood by gcc and clang alike, and finds what stands below the folder that make runs in. */
__asm__(".pushsection .rodata\n"
        ".hidden ctl_manual_text\n"
        ".global ctl_manual_text\n"
        "ctl_manual_text:\n.incbin \"doc/gatewayctl.1.scd\"\n.byte 0\n.popsection\n");
extern const char ctl_manual_text[] __attribute__((visibility("hidden")));

/* "*audit tail*" at the beginning of a line, and nothing or arguments behind it. */
static bool begins(struct view line, const char *words)
{
	size_t n = strlen(words);

	return line.n >= n + 2 && line.p[0] == '*' && memcmp(line.p + 1, words, n) == 0 && line.p[n + 1] == '*' &&
	       (line.n == n + 2 || line.p[n + 2] == ' ' || line.p[n + 2] == '+');
}

/* Without the marks of scdoc(5): * for bold, _ for underlined at the ends of words, \ before what stands for itself. */
static void add_plain(struct buf *out, struct view line)
{
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i], before = i ? line.p[i - 1] : ' ', after = i + 1 < line.n ? line.p[i + 1] : ' ';
		bool inside = isalnum((unsigned char)before) && isalnum((unsigned char)after);

		if (c == '\\' && i + 1 < line.n)
			buf_addc(out, line.p[++i]);
		else if (c != '*' && (c != '_' || inside))
			buf_addc(out, c);
	}
}

bool manual_describe(const char *words, struct buf *out)
{
	struct view rest = view_of(ctl_manual_text);
	size_t before = out->n;
	bool found = false, text = false, gap = false;

	while (rest.n > 0) {
		struct view line = view_cut(&rest, '\n');

		if (!found) {
			found = begins(line, words);
		} else if (line.n > 0 && line.p[0] == '\t') {
			if (text)
				buf_adds(out, gap ? "\n\n" : " ");
			while (line.n > 0 && line.p[0] == '\t')
				line = view_from(line, 1);
			add_plain(out, line);
			text = true;
			gap = false;
		} else if (line.n == 0) {
			gap = true;
		} else if (text || line.p[0] != '*') {
			break;
		}
	}
	return out->n > before && !out->failed;
}
