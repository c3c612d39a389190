/* The example agreements under conf/, as bytes in the program, so that a first draft needs no other file. See join.h. */
#include "gatewayd/ctl/join.h"

#include <string.h>

/* .incbin is understood by gcc and clang alike, and finds what stands below the folder that make runs in. */
#define BYTES(label, path) \
	__asm__(".pushsection .rodata\n.hidden " #label ", " #label "_end\n.global " #label ", " #label \
	        "_end\n" #label ":\n.incbin \"" path "\"\n" #label "_end:\n.byte 0\n.popsection\n"); \
	extern const char label[] __attribute__((visibility("hidden"))); \
	extern const char label##_end[] __attribute__((visibility("hidden")))

#define PRESET(id, name) \
	BYTES(preset_agreement_##id, "conf/agreements/" name ".json"); \
	BYTES(preset_assessment_##id, "conf/assessments/" name ".md"); \
	BYTES(preset_envelope_##id, "conf/records/" name "/released.json")

PRESET(cyber_threat, "cyber-threat");
PRESET(fin_intel, "fin-intel");
PRESET(humanitarian, "humanitarian");
PRESET(pnr, "pnr");
PRESET(police_request, "police-request");

static const struct piece {
	const char *name, *agreement, *agreement_end, *assessment, *assessment_end, *envelope, *envelope_end;
} pieces[] = {
#define PIECE(id, name) \
	{ \
		name, preset_agreement_##id, preset_agreement_##id##_end, preset_assessment_##id, \
		        preset_assessment_##id##_end, preset_envelope_##id, preset_envelope_##id##_end \
	}
	PIECE(cyber_threat, "cyber-threat"),     PIECE(fin_intel, "fin-intel"),
	PIECE(humanitarian, "humanitarian"),     PIECE(pnr, "pnr"),
	PIECE(police_request, "police-request"),
};

static struct view between(const char *from, const char *to)
{
	return view_make(from, (size_t)(to - from));
}

bool preset_find(const char *name, struct preset *out)
{
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		const struct piece *p = &pieces[i];
		if (strcmp(p->name, name) != 0)
			continue;
		*out = (struct preset){ between(p->agreement, p->agreement_end),
			                between(p->assessment, p->assessment_end),
			                between(p->envelope, p->envelope_end) };
		return true;
	}
	return false;
}
