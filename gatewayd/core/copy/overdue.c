/* See overdue.h. */
#include "gatewayd/core/copy/overdue.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/os/log.h"

#include <uthash.h>

struct debtor {
	char key[160]; /* agreement, a slash, recipient */
	UT_hash_handle hh;
};

struct overdue {
	pthread_rwlock_t lock;
	_Atomic bool any; /* so that nobody needs the lock while nothing is overdue */
	struct debtor *debtors;
	_Atomic uint64_t begun; /* pictures that were begun so far, */
	uint64_t newest;        /* and the number of the one that is here, under the lock */
};

struct picture {
	struct debtor *debtors;
	bool failed;
};

struct overdue *overdue_new(void)
{
	struct overdue *o = calloc(1, sizeof *o);

	if (o && pthread_rwlock_init(&o->lock, NULL) != 0) {
		free(o);
		return NULL;
	}
	return o;
}

static void let_go(struct debtor *debtors)
{
	struct debtor *d, *next;

	HASH_ITER(hh, debtors, d, next)
	{
		HASH_DEL(debtors, d);
		free(d);
	}
}

void overdue_free(struct overdue *o)
{
	if (!o)
		return;
	let_go(o->debtors);
	pthread_rwlock_destroy(&o->lock);
	free(o);
}

static void write_key(char key[160], struct view agreement, struct view recipient)
{
	snprintf(key, 160, "%.*s/%.*s", VIEW_ARG(agreement), VIEW_ARG(recipient));
}

static bool add(void *arg, struct view agreement, struct view recipient)
{
	struct picture *p = arg;
	struct debtor *d = calloc(1, sizeof *d);

	if (!d) {
		p->failed = true;
		return false;
	}
	write_key(d->key, agreement, recipient);
	HASH_ADD_STR(p->debtors, key, d);
	return true;
}

void overdue_refresh(struct core *c, struct store *reader)
{
	struct picture p = { .debtors = NULL };
	struct error e = { .reason = REASON_NONE };
	struct debtor *gone;
	uint64_t number = atomic_fetch_add(&c->overdue->begun, 1) + 1;

	if (!store_list_blocking(reader, add, &p, &e) || p.failed) {
		log_line("error", "overdue receipts: %s", p.failed ? "memory ran out" : e.text);
		let_go(p.debtors);
		return;
	}
	/* One that was begun later has seen every commit that this one had to see. */
	pthread_rwlock_wrlock(&c->overdue->lock);
	if (number > c->overdue->newest) {
		gone = c->overdue->debtors;
		c->overdue->debtors = p.debtors;
		c->overdue->newest = number;
		atomic_store(&c->overdue->any, p.debtors != NULL);
	} else {
		gone = p.debtors;
	}
	pthread_rwlock_unlock(&c->overdue->lock);
	let_go(gone);
}

bool overdue_blocks(const struct core *c, struct view agreement, struct view recipient)
{
	struct debtor *d;
	char key[160];

	if (!atomic_load_explicit(&c->overdue->any, memory_order_acquire))
		return false;
	write_key(key, agreement, recipient);
	pthread_rwlock_rdlock(&c->overdue->lock);
	HASH_FIND_STR(c->overdue->debtors, key, d);
	pthread_rwlock_unlock(&c->overdue->lock);
	return d != NULL;
}
