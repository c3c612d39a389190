/* The page that an export carries for whoever has a browser and no program. It is part of the program, so that what an
 * export writes is what was built. */
#include "gatewayd/ctl/audit.h"

/* .incbin is understood by gcc and clang alike, and finds what stands below the folder that make runs in. */
__asm__(".pushsection .rodata\n"
        ".hidden audit_page_text, audit_page_end\n"
        ".global audit_page_text, audit_page_end\n"
        "audit_page_text:\n.incbin \"gatewayd/ctl/page/verify.html\"\n"
        "audit_page_end:\n.byte 0\n.popsection\n");
extern const char audit_page_text[] __attribute__((visibility("hidden")));
extern const char audit_page_end[] __attribute__((visibility("hidden")));

static const struct {
	const char *text, *end;
} page = { audit_page_text, audit_page_end };

struct view audit_page(void)
{
	return view_make(page.text, (size_t)(page.end - page.text));
}
