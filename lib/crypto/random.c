/* Random bytes. See crypto.h.
 *
 * A call of OpenSSL's generator locks, counts and hashes as much for 16 bytes as for some thousand. So each thread draws
 * some thousand and hands them out, from the end to the front, each overwritten as it is handed out: what a later reader of this
 * memory finds has been nobody's yet. A child of fork() forgets what its parent had drawn, and a thread that ends wipes its own. */
#include "lib/crypto/crypto.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>

#define POOL_BYTES 4096
#define POOLED_MAX 1024 /* asked for at once; more is drawn for itself */

struct random_pool {
	uint8_t b[POOL_BYTES];
	size_t left;
	unsigned forks; /* when it was drawn */
	bool watched;   /* somebody wipes it when the thread ends */
};

static _Thread_local struct random_pool pool;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_end;
static bool usable; /* forks and ends are told */
static atomic_uint forks;

static void forked(void)
{
	atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void wipe_pool(void *p)
{
	wipe(p, sizeof(struct random_pool));
}

static void prepare(void)
{
	usable = pthread_key_create(&at_end, wipe_pool) == 0 && pthread_atfork(NULL, NULL, forked) == 0;
}

static bool draw(void *out, size_t n)
{
	return n <= INT32_MAX && RAND_bytes_ex(NULL, out, n, 0) == 1;
}

static bool watch(struct random_pool *p)
{
	pthread_once(&once, prepare);
	if (!p->watched)
		p->watched = usable && pthread_setspecific(at_end, p) == 0;
	return p->watched;
}

/* Of `n` bytes at least. */
static bool refill(struct random_pool *p, size_t n)
{
	unsigned now = atomic_load_explicit(&forks, memory_order_relaxed);

	if (p->forks == now && p->left >= n)
		return true;
	p->left = 0;
	if (!draw(p->b, sizeof p->b))
		return false;
	p->left = sizeof p->b;
	p->forks = now;
	return true;
}

bool random_bytes(void *out, size_t n)
{
	struct random_pool *p = &pool;
	bool ok;

	if (n > POOLED_MAX || !watch(p)) {
		ok = draw(out, n);
	} else if ((ok = refill(p, n))) {
		p->left -= n;
		memcpy(out, p->b + p->left, n);
		wipe(p->b + p->left, n);
	}
	if (!ok)
		wipe(out, n);
	return ok;
}

bool random_secret(void *out, size_t n)
{
	if (n > INT32_MAX || RAND_priv_bytes_ex(NULL, out, n, 0) != 1) {
		wipe(out, n);
		return false;
	}
	return true;
}
