/* See dialect_private.h. */
#include "gatewayd/core/store/postgres/dialect_private.h"

/* The longer of two that begin alike comes first. */
static const struct word {
	const char *text, *said;
} words[] = {
	{ "INTEGER", "BIGINT" }, /* SQLite's has 64 bits */
	{ "BLOB", "BYTEA" },
	{ " STRICT, WITHOUT ROWID", "" },
	{ " STRICT", "" },
	/* 244 random bits, for want of a function that gives bytes. */
	{ "randomblob(16)", "substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 16)" },
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The word of the table that stands at `p`, whole. */
static const struct word *word_at(const char *text, const char *p)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i].text);
		bool begins = p == text || !is_letter(p[-1]) || !is_letter(p[0]);
		bool ends = !is_letter(words[i].text[n - 1]) || strncmp(p, words[i].text, n) != 0 || !is_letter(p[n]);

		if (begins && ends && strncmp(p, words[i].text, n) == 0)
			return &words[i];
	}
	return NULL;
}

bool postgres_say(const char *text, struct buf *out)
{
	bool quoted = false;

	for (const char *p = text; *p;) {
		const struct word *w = quoted ? NULL : word_at(text, p);

		if (w) {
			buf_add(out, view_of(w->said));
			p += strlen(w->text);
			continue;
		}
		if (*p == '\'')
			quoted = !quoted;
		buf_add(out, !quoted && *p == '?' ? VIEW("$") : view_make(p, 1));
		p++;
	}
	return !out->failed;
}
