/* See sources.h. A line of the file: time of the last handshake (milliseconds), address, partner. */
#include "gatewayd/core/serve/sources.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>

#include "gatewayd/os/files.h"

#define EVERY_MS  60000
#define FILE_MAX_ (SOURCES_KEPT * 512u)

/* Whom a source is remembered for, and how many are. */
struct owner {
	uint32_t n;
	UT_hash_handle hh;
	char partner[];
};

struct one {
	uint8_t address[SOURCES_BYTES];
	int64_t at_ms;
	struct owner *owner;
	UT_hash_handle hh;
};

struct sources {
	pthread_mutex_t lock; /* guards the rest */
	char *path;
	struct one *all; /* by address; whoever shook hands last, last */
	struct owner *owners;
	int64_t next_ms; /* not before then is the file written */
	bool changed;
};

static void drop(struct sources *s, struct one *one)
{
	HASH_DEL(s->all, one);
	if (--one->owner->n == 0) {
		HASH_DEL(s->owners, one->owner);
		free(one->owner);
	}
	free(one);
	s->changed = true;
}

/* NULL: no memory. */
static struct owner *owner_of(struct sources *s, struct view partner)
{
	struct owner *o;

	HASH_FIND(hh, s->owners, partner.p, (unsigned)partner.n, o);
	if (!o && (o = calloc(1, sizeof *o + partner.n + 1))) {
		memcpy(o->partner, partner.p, partner.n);
		HASH_ADD_KEYPTR(hh, s->owners, o->partner, (unsigned)partner.n, o);
	}
	return o;
}

/* A partner that comes from ever new addresses makes room for them at its own cost. */
static void drop_oldest(struct sources *s)
{
	struct owner *most = s->owners;
	struct one *one = s->all;

	for (struct owner *o = s->owners; o; o = o->hh.next)
		most = o->n > most->n ? o : most;
	while (one->owner != most)
		one = one->hh.next;
	drop(s, one);
}

static void add(struct sources *s, const uint8_t address[SOURCES_BYTES], struct view partner, int64_t at_ms)
{
	struct one *one;

	HASH_FIND(hh, s->all, address, SOURCES_BYTES, one);
	if (one)
		drop(s, one);
	if (HASH_COUNT(s->all) >= SOURCES_KEPT)
		drop_oldest(s);
	struct owner *owner = owner_of(s, partner);
	one = owner ? calloc(1, sizeof *one) : NULL;
	if (!one) {
		if (owner && owner->n == 0) {
			HASH_DEL(s->owners, owner);
			free(owner);
		}
		return;
	}
	memcpy(one->address, address, SOURCES_BYTES);
	one->owner = owner;
	owner->n++;
	one->at_ms = at_ms;
	HASH_ADD(hh, s->all, address, SOURCES_BYTES, one);
	s->changed = true;
}

static bool is_over(const struct one *one, int64_t now_ms)
{
	return one->at_ms + SOURCES_MS <= now_ms || one->at_ms > now_ms;
}

/* A line that is none, or whose time is over or to come, is left out. */
static void read_line(struct sources *s, struct view line, int64_t now_ms)
{
	unsigned long long at_ms;
	struct view time = view_cut(&line, ' '), text = view_cut(&line, ' ');
	char name[INET6_ADDRSTRLEN];
	uint8_t address[SOURCES_BYTES];

	if (!view_to_u64(time, INT64_MAX, &at_ms) || text.n >= sizeof name || line.n == 0 || (int64_t)at_ms > now_ms ||
	    (int64_t)at_ms <= now_ms - SOURCES_MS)
		return;
	memcpy(name, text.p, text.n);
	name[text.n] = '\0';
	if (inet_pton(AF_INET6, name, address) == 1)
		add(s, address, line, (int64_t)at_ms);
}

struct sources *sources_new(const char *path, int64_t now_ms)
{
	struct sources *s = calloc(1, sizeof *s);
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(FILE_MAX_);

	if (s)
		s->path = strdup(path);
	if (!s || !s->path) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	if (file_read_private(path, FILE_MAX_, &text, &e))
		for (struct view rest = buf_view(&text); rest.n > 0;)
			read_line(s, view_cut(&rest, '\n'), now_ms);
	/* What was over is out of the file as soon as it may be written. */
	s->changed = text.n > 0;
	buf_wipe(&text);
	return s;
}

void sources_free(struct sources *s)
{
	if (!s)
		return;
	while (s->all)
		drop(s, s->all);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

void sources_seen(struct sources *s, struct view address, const char *partner, int64_t now_ms)
{
	if (address.n != SOURCES_BYTES)
		return;
	pthread_mutex_lock(&s->lock);
	add(s, (const uint8_t *)address.p, view_of(partner), now_ms);
	pthread_mutex_unlock(&s->lock);
}

static const struct partner *partner_of(const struct conf *c, const char *id)
{
	for (size_t i = 0; i < c->n_partners; i++)
		if (strcmp(c->partners[i].id, id) == 0)
			return &c->partners[i];
	return NULL;
}

static const char *print_address(const struct one *one, char out[INET6_ADDRSTRLEN])
{
	if (!inet_ntop(AF_INET6, one->address, out, INET6_ADDRSTRLEN))
		out[0] = '\0';
	return out;
}

void sources_print(struct sources *s, const struct conf *c, int64_t now_ms, struct buf *out)
{
	char name[INET6_ADDRSTRLEN];

	pthread_mutex_lock(&s->lock);
	for (const struct one *one = s->all; one; one = one->hh.next) {
		const struct partner *p = is_over(one, now_ms) ? NULL : partner_of(c, one->owner->partner);
		if (!p || p->n_pins == 0)
			continue;
		buf_addf(out, "%s %lld ", print_address(one, name), (long long)(one->at_ms + SOURCES_MS - now_ms));
		digest_print(out, &p->pins[0]);
		buf_addc(out, '\n');
	}
	pthread_mutex_unlock(&s->lock);
}

static bool put_file(const char *path, struct view text, struct error *e)
{
	char beside[PATH_MAX];

	if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside)
		return error_at(e, REASON_IO, path, 0, 0, "the path is too long");
	if (remove(beside) != 0 && errno != ENOENT)
		return error_at(e, REASON_IO, beside, 0, 0, "cannot be removed: %s", strerror(errno));
	if (!file_write_new(beside, text, 0600, e))
		return false;
	return rename(beside, path) == 0 ||
	       error_at(e, REASON_IO, path, 0, 0, "cannot be replaced: %s", strerror(errno));
}

bool sources_keep(struct sources *s, const struct conf *c, int64_t now_ms, bool now, struct error *e)
{
	struct buf text = BUF_INIT(FILE_MAX_);
	char name[INET6_ADDRSTRLEN];
	struct one *one, *next;

	pthread_mutex_lock(&s->lock);
	HASH_ITER(hh, s->all, one, next)
	{
		if (is_over(one, now_ms) || !partner_of(c, one->owner->partner))
			drop(s, one);
	}
	bool due = s->changed && (now || now_ms >= s->next_ms || now_ms < s->next_ms - EVERY_MS);
	if (due) {
		for (one = s->all; one; one = one->hh.next)
			buf_addf(&text, "%lld %s %s\n", (long long)one->at_ms, print_address(one, name),
			         one->owner->partner);
		s->changed = false;
		s->next_ms = now_ms + EVERY_MS;
	}
	pthread_mutex_unlock(&s->lock);
	bool ok = !due || (text.failed ? error_set(e, REASON_NO_MEMORY, "memory ran out")
	                               : put_file(s->path, buf_view(&text), e));
	if (!ok) {
		pthread_mutex_lock(&s->lock);
		s->changed = true;
		pthread_mutex_unlock(&s->lock);
	}
	buf_wipe(&text);
	return ok;
}
