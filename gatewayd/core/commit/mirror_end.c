/* See mirror_private.h. What a loss of power leaves is a tail whose blocks came to the disk in any order: zeros, halves of
 * lines, lines that are there although one before them is not. */
#include "gatewayd/core/commit/mirror_private.h"

#include <stdlib.h>
#include <unistd.h>

#define WINDOW (4 * MIRROR_LINE_MAX)

static bool parse_index(struct view line, uint64_t *index)
{
	static const char start[] = "{\"index\":";
	unsigned long long n;

	if (!view_starts(line, VIEW("{\"index\":")))
		return false;
	struct view number = view_from(line, sizeof start - 1);
	size_t digits = 0;
	while (digits < number.n && number.p[digits] >= '0' && number.p[digits] <= '9')
		digits++;
	number.n = digits;
	if (!view_to_u64(number, INT64_MAX, &n))
		return false;
	*index = n;
	return true;
}

static bool is_whole(struct view line, uint64_t *index)
{
	return parse_index(line, index) && line.p[line.n - 1] == '}' && !memchr(line.p, 0, line.n);
}

/* Of `text`, which begins with a line: the bytes of whole lines that follow each other. A new log begins at 0 again. */
static size_t whole_lines(struct view text, struct mirror_end *end)
{
	size_t whole = 0;

	for (;;) {
		struct view rest = view_from(text, whole);
		const char *newline = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
		uint64_t index;

		if (!newline || !is_whole(view_make(rest.p, (size_t)(newline - rest.p)), &index) ||
		    (end->found && index != end->next && index != 0))
			return whole;
		end->found = true;
		end->next = index + 1;
		whole += (size_t)(newline - rest.p) + 1;
	}
}

/* The last `window` bytes; *again: the damage may begin before them. */
static bool look(int fd, off_t size, off_t window, struct mirror_end *end, bool *again)
{
	off_t from = size > window ? size - window : 0;
	char *text = malloc((size_t)(size - from) + 1);
	ssize_t n = text ? pread(fd, text, (size_t)(size - from), from) : -1;

	*end = (struct mirror_end){ .found = false };
	if (n >= 0) {
		const char *first = from > 0 && n > 0 ? memchr(text, '\n', (size_t)n) : NULL;
		size_t skipped = first ? (size_t)(first - text) + 1 : 0;

		end->whole =
		        from + (off_t)skipped + (off_t)whole_lines(view_make(text + skipped, (size_t)n - skipped), end);
		*again = from > 0 && !end->found;
	}
	free(text);
	return n >= 0;
}

bool mirror_read_end(int fd, struct mirror_end *end)
{
	off_t size = lseek(fd, 0, SEEK_END), window = WINDOW;
	bool again = size >= 0;

	while (again) {
		if (!look(fd, size, window, end, &again))
			return false;
		window *= 4;
	}
	return size >= 0;
}
