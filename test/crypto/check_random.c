/* Random bytes: handed out once, to one thread of one process, and nothing of them stays where they came from. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/crypto/crypto.h"

TCase *make_random_case(void);

#define PATTERN   48
#define CHUNK     (1u << 20)
#define MOST_AREA (256u << 20) /* a sanitizer's shadow is larger, and has no bytes of ours */

/* How often the bytes lie in what this process may write to, but for `own` itself. */
static unsigned copies(const uint8_t own[PATTERN])
{
	char line[512];
	unsigned n = 0;
	uint8_t *chunk = malloc(CHUNK + PATTERN);
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);

	ck_assert(chunk && maps && mem >= 0);
	while (fgets(line, sizeof line, maps)) {
		unsigned long long from, to;
		char mode[5];

		if (sscanf(line, "%llx-%llx %4s", &from, &to, mode) != 3 || mode[1] != 'w' || to - from > MOST_AREA)
			continue;
		for (unsigned long long at = from; at < to; at += CHUNK) {
			ssize_t got = pread(mem, chunk, CHUNK + PATTERN, (off_t)at);
			/* By the last half: the allocator writes to the front of what is freed. */
			for (uint8_t *hit = chunk, *end = chunk + (got > 0 ? got : 0);
			     (hit = memmem(hit, (size_t)(end - hit), own + PATTERN / 2, PATTERN / 2)); hit++) {
				unsigned long long where = at + (unsigned long long)(hit - chunk);
				bool in_chunk = where >= (uintptr_t)chunk && where < (uintptr_t)chunk + CHUNK + PATTERN;
				n += where != (uintptr_t)own + PATTERN / 2 && !in_chunk && hit < chunk + CHUNK;
			}
		}
	}
	fclose(maps);
	close(mem);
	free(chunk);
	return n;
}

START_TEST(random_differs)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	ck_assert(random_bytes(a, sizeof a));
	ck_assert(random_bytes(b, sizeof b));
	ck_assert(memcmp(a, b, sizeof a) != 0);
	ck_assert(random_secret(a, sizeof a));
	ck_assert(random_secret(b, sizeof b));
	ck_assert(memcmp(a, b, sizeof a) != 0);
	ck_assert(random_bytes(a, 0));
}
END_TEST

/* Over many draws of the pool, of every size, beside the pool, too: no eight bytes come twice. */
static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

START_TEST(no_bytes_come_twice)
{
	static uint8_t all[1 << 19];
	size_t n = 0;

	for (size_t size = 8; n + size <= sizeof all; size = size < 1400 ? size + 8 : 8) {
		ck_assert(random_bytes(all + n, size));
		n += size;
	}
	qsort(all, n / 8, 8, compare);
	for (size_t i = 8; i < n; i += 8)
		ck_assert_mem_ne(all + i - 8, all + i, 8);
}
END_TEST

START_TEST(what_was_handed_out_is_overwritten)
{
	static uint8_t got[PATTERN], seen[PATTERN];

	ck_assert(random_bytes(got, sizeof got));
	ck_assert_uint_eq(copies(got), 0);
	/* It would be found. */
	memcpy(seen, got, sizeof seen);
	ck_assert_uint_eq(copies(got), 1);
	ck_assert_mem_eq(seen, got, sizeof seen);
}
END_TEST

/* What the next call of this thread would hand out, by the word of a child that was not told of its birth. */
static void foretell(uint8_t out[PATTERN])
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	pid_t pid = _Fork();
	if (pid == 0) {
		uint8_t next[PATTERN];
		bool ok = random_bytes(next, sizeof next) && write(ends[1], next, sizeof next) == sizeof next;
		_exit(!ok);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(read(ends[0], out, PATTERN), PATTERN);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close(ends[0]);
	close(ends[1]);
}

START_TEST(a_child_draws_its_own)
{
	uint8_t own[PATTERN], childs[PATTERN], first;
	int ends[2], status;

	ck_assert(random_bytes(&first, 1)); /* the pool is full */
	ck_assert_int_eq(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		bool ok = random_bytes(own, sizeof own) && write(ends[1], own, sizeof own) == sizeof own;
		_exit(!ok);
	}
	ck_assert(random_bytes(own, sizeof own));
	ck_assert_int_eq(read(ends[0], childs, PATTERN), PATTERN);
	ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
	ck_assert_mem_ne(own, childs, sizeof own);
	/* It would have been the same. */
	foretell(childs);
	ck_assert(random_bytes(own, sizeof own));
	ck_assert_mem_eq(own, childs, sizeof own);
}
END_TEST

static uint8_t threads_next[PATTERN];

static void *draw_and_end(void *arg)
{
	uint8_t byte;

	ck_assert(random_bytes(&byte, 1));
	foretell(threads_next);
	/* It lies in the pool until it is handed out. */
	*(unsigned *)arg = copies(threads_next);
	return NULL;
}

START_TEST(a_thread_that_ends_leaves_nothing)
{
	pthread_t thread;
	unsigned before = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, draw_and_end, &before), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_ge(before, 1);
	ck_assert_uint_eq(copies(threads_next), 0);
}
END_TEST

static void *draw_some(void *arg)
{
	ck_assert(random_bytes(arg, PATTERN));
	return NULL;
}

START_TEST(threads_share_nothing)
{
	pthread_t threads[2];
	static uint8_t got[2][PATTERN];

	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, draw_some, got[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_mem_ne(got[0], got[1], PATTERN);
}
END_TEST

TCase *make_random_case(void)
{
	TCase *c = tcase_create("random");

	tcase_add_test(c, random_differs);
	tcase_add_test(c, no_bytes_come_twice);
	tcase_add_test(c, what_was_handed_out_is_overwritten);
	tcase_add_test(c, a_child_draws_its_own);
	tcase_add_test(c, a_thread_that_ends_leaves_nothing);
	tcase_add_test(c, threads_share_nothing);
	return c;
}
