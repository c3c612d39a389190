/* See journal.h. */
#include "gatewayd/journal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/encode.h"

#define TEXT_MAX  1100
#define VALUE_MAX 200
#define LINE_ROOM 8192

static const char *process = "core";
static bool to_journal; /* standard error is the service manager's */
static _Atomic int level_most = JOURNAL_INFO, form_set = JOURNAL_AUTO;

/* "device:inode" of what the service manager gave as standard output or error. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct view rest = view_of(stream ? stream : ""), device = view_cut(&rest, ':');
	unsigned long long dev, ino;
	struct stat st;

	return view_to_u64(device, UINT64_MAX, &dev) && view_to_u64(rest, UINT64_MAX, &ino) &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void journal_open(const char *name)
{
	process = name;
	to_journal = is_journal();
}

void journal_set(enum journal_level most, enum journal_form form)
{
	atomic_store(&level_most, (int)most);
	atomic_store(&form_set, (int)form);
}

const char *journal_level_name(enum journal_level level)
{
	switch (level) {
#define L(name, text, number) \
	case JOURNAL_##name: return text;
		JOURNAL_LEVELS(L)
#undef L
	}
	return "error";
}

const char *journal_form_name(enum journal_form form)
{
	static const char *const names[] = {
#define F(name, text) text,
		JOURNAL_FORMS(F)
#undef F
	};

	return names[form];
}

bool journal_level_find(struct view name, enum journal_level *out)
{
#define L(level, text, number) \
	if (view_is(name, text)) { \
		*out = JOURNAL_##level; \
		return true; \
	}
	JOURNAL_LEVELS(L)
#undef L
	return false;
}

bool journal_form_find(struct view name, enum journal_form *out)
{
#define F(form, text) \
	if (view_is(name, text)) { \
		*out = JOURNAL_##form; \
		return true; \
	}
	JOURNAL_FORMS(F)
#undef F
	return false;
}

bool journal_takes(enum journal_level level)
{
	return (int)level <= atomic_load_explicit(&level_most, memory_order_relaxed);
}

bool journal_has_fields(void)
{
	int form = atomic_load_explicit(&form_set, memory_order_relaxed);

	return form == JOURNAL_FIELDS || (form == JOURNAL_AUTO && to_journal);
}

static bool needs_quotes(const char *value)
{
	for (; *value; value++)
		if (*value <= ' ' || *value == '"' || *value == '=' || *value == '\\' || *value == 0x7f)
			return true;
	return false;
}

/* Bytes of the control character that `v` begins with; 0: it is none. Those above 7f take two in UTF-8, and terminals obey them. */
static size_t control_bytes(struct view v)
{
	uint8_t c = (uint8_t)v.p[0];

	if (c < ' ' || c == 0x7f)
		return 1;
	return c == 0xc2 && v.n > 1 && (uint8_t)v.p[1] < 0xa0 ? 2 : 0;
}

/* `v` is UTF-8. */
static void add_valid(struct buf *b, struct view v, bool quoted)
{
	while (v.n) {
		size_t n = control_bytes(v);
		char c = n ? ' ' : v.p[0];
		if (quoted && (c == '"' || c == '\\'))
			buf_addc(b, '\\');
		buf_addc(b, c);
		v = view_from(v, n ? n : 1);
	}
}

/* An event is a line: what would end it, and other control characters, become spaces. And it is text: of a line with one byte
 * that is no UTF-8, or the half of a character where it was cut, the journal shows nothing but "[blob data]". */
static void add_text(struct buf *b, const char *text, size_t most, bool quoted)
{
	struct view rest = view_make(text, strnlen(text, most));

	while (rest.n) {
		size_t good = utf8_valid(rest);
		add_valid(b, view_make(rest.p, good), quoted);
		if (good < rest.n)
			buf_addc(b, '?');
		rest = view_from(rest, good < rest.n ? good + 1 : good);
	}
}

static void add_field(struct buf *b, const char *name, const char *value, size_t most, bool quoted)
{
	buf_addf(b, " %s=%s", name, quoted ? "\"" : "");
	add_text(b, value, most, quoted);
	buf_adds(b, quoted ? "\"" : "");
}

void journal_write(enum journal_level level, const char *before, const char *text, const struct journal_field *fields)
{
	char room[LINE_ROOM];
	struct buf b = { .p = room, .cap = sizeof room, .max = sizeof room };

	if (!journal_takes(level))
		return;
	if (journal_has_fields()) {
		buf_addf(&b, "<%d>level=%s process=%s", (int)level, journal_level_name(level), process);
		add_field(&b, "msg", text, TEXT_MAX, true);
		for (; fields && fields->name; fields++)
			if (fields->value && fields->value[0])
				add_field(&b, fields->name, fields->value, VALUE_MAX, needs_quotes(fields->value));
	} else {
		buf_adds(&b, before);
		add_text(&b, text, TEXT_MAX, false);
	}
	buf_addc(&b, '\n');
	(void)!write(STDERR_FILENO, b.p, b.n);
}
