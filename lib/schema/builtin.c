/* The schemas under schema/, as bytes in the program. BUILTIN_LIST is a header that make writes: a line
 * BUILTIN(number, "name", "path") for each file. See document.h. */
#include "lib/schema/document.h"

/* .incbin is understood by gcc and clang alike; the labels are hidden, so nothing leaves the archive's
 * user. The NUL after each text is not part of it. */
#define BUILTIN(number, name, path) \
	__asm__(".pushsection .rodata\n" \
	        ".hidden builtin_" #number ", builtin_end_" #number "\n" \
	        ".global builtin_" #number ", builtin_end_" #number "\n" \
	        "builtin_" #number ":\n.incbin \"" SCHEMA_DIR "/" path "\"\n" \
	        "builtin_end_" #number ":\n.byte 0\n.popsection\n"); \
	extern const char builtin_##number[] __attribute__((visibility("hidden"))); \
	extern const char builtin_end_##number[] __attribute__((visibility("hidden")));
#include BUILTIN_LIST
#undef BUILTIN

static const struct {
	const char *name, *text, *end;
} builtins[] = {
#define BUILTIN(number, name, path) { name, builtin_##number, builtin_end_##number },
#include BUILTIN_LIST
#undef BUILTIN
	{ NULL, NULL, NULL },
};

struct view document_builtin_schema(struct view name)
{
	for (size_t i = 0; builtins[i].name; i++)
		if (view_is(name, builtins[i].name))
			return view_make(builtins[i].text, (size_t)(builtins[i].end - builtins[i].text));
	return view_make(NULL, 0);
}

void document_each_builtin(void (*each)(void *arg, struct view name, struct view text), void *arg)
{
	for (size_t i = 0; builtins[i].name; i++)
		each(arg, view_of(builtins[i].name),
		     view_make(builtins[i].text, (size_t)(builtins[i].end - builtins[i].text)));
}
