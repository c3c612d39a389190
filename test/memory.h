/* Counts the allocations of a test program and, on request, lets them fail: replaces malloc, calloc and realloc, so that
 * one file of a program may include it. A sanitizer replaces them itself; then SANITIZER_ALLOCATES is 1 and nothing
 * is counted. Each thread counts for itself. */
#ifndef TEST_MEMORY_H
#define TEST_MEMORY_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER_ALLOCATES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZER_ALLOCATES 1
#endif
#endif
#ifndef SANITIZER_ALLOCATES
#define SANITIZER_ALLOCATES 0
#endif

/* A program that a sanitizer serves may use neither. */
__attribute__((unused)) static _Thread_local unsigned long allocations;
__attribute__((unused)) static _Thread_local long fail_at = -1; /* this many more succeed; -1: all do */
__attribute__((unused)) static _Thread_local bool fail_once;    /* only the one behind them fails */
__attribute__((unused)) static _Thread_local bool fail_growth;  /* only realloc() counts and fails */
__attribute__((unused)) static _Thread_local unsigned long failed_allocations;

#if !SANITIZER_ALLOCATES

/* glibc's own, under the names it exports for this. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static bool may_allocate(void)
{
	allocations++;
	if (fail_at < 0)
		return true;
	if (fail_at > 0) {
		fail_at--;
		return true;
	}
	failed_allocations++;
	if (fail_once)
		fail_at = -1;
	errno = ENOMEM;
	return false;
}

void *malloc(size_t n)
{
	return fail_growth || may_allocate() ? __libc_malloc(n) : NULL;
}

void *calloc(size_t n, size_t size)
{
	return fail_growth || may_allocate() ? __libc_calloc(n, size) : NULL;
}

void *realloc(void *p, size_t n)
{
	return may_allocate() ? __libc_realloc(p, n) : NULL;
}

#endif

#endif
