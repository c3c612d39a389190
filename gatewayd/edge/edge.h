/* What the parts of the edge share. Threads: each edge thread owns one event base, one channel, its listening
 * sockets, its connections and its outbound client, and touches nothing of another thread's. Shared between
 * threads are only the current settings (behind `lock`), the gate and the table of peers (behind their own). */
#ifndef GATEWAYD_EDGE_EDGE_H
#define GATEWAYD_EDGE_EDGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "gatewayd/channel.h"
#include "gatewayd/edge/gate.h"
#include "gatewayd/edge/settings.h"
#include "gatewayd/edge_counts.h"

#define EDGE_THREADS_MAX 16
#define EDGE_TICK_MS     100
/* Sockets are not read while more than HIGH bytes wait for core, until fewer than LOW do. */
#define EDGE_QUEUE_HIGH (4u * 1024 * 1024)
#define EDGE_QUEUE_LOW  (1u * 1024 * 1024)
#define EDGE_QUEUE_MAX  (64u * 1024 * 1024)

struct client;
struct conn_table;
struct listener;
struct peers;

/* What the log was told of one kind (tell.h). */
struct told {
	uint64_t since; /* edge_now() of the first line; 0: none yet */
	uint32_t lines, left_out;
};

struct edge;

struct edge_thread {
	struct edge *edge;
	int index;
	pthread_t thread;
	struct event_base *base;
	struct channel *channel;
	struct event channel_read, channel_write, wake, tick;
	int wake_fd;               /* eventfd: new settings, or stop */
	bool is_open;              /* all of what follows is there */
	bool channel_waits;        /* for its socket to take more */
	bool channel_due;          /* what is queued on it leaves at this turn's end */
	struct settings *settings; /* current, this thread's reference */
	struct conn_table *conns;
	struct client *client;
	struct listener *listeners;
	struct buf config; /* CONFIG pieces so far; thread 0 only */
	struct edge_counts counts, printed;
	struct told told[EDGE_COUNTS_N];
	uint64_t print_ms, counts_ms; /* when they are next printed, and sent to core */
	uint64_t rest_ms;             /* not before then is memory given back again */
	uint64_t rest_events;         /* as they were a second ago, as were connections and sources */
	uint32_t rest_open;
	bool warm;                    /* there were some since memory was given back */
	struct gate_exit exit;        /* connections that must go, for others got their seats */
	struct buf build;             /* a message being put together */
	char scratch[TLS_RECORD_MAX]; /* what was just read */
};

struct edge {
	int n_threads;
	struct edge_thread *threads;
	const struct edge_fds *fds;
	pthread_mutex_t lock;
	struct settings *settings; /* under lock */
	struct peers *peers;
	struct gate *gate;
	bool refused; /* settings that came; thread 0, which asks while there are none */
	atomic_bool stop;
};

/* Milliseconds of the monotonic clock, coarse (a few milliseconds). Any thread. */
uint64_t edge_now(void);
/* Queues a frame to core; it leaves at the end of this turn of the loop. What only tells of a connection that it came or went
 * wakes nobody: it leaves with what comes next, or with the tick. */
void edge_send(struct edge_thread *t, enum frame_type type, bool last, uint64_t id, struct view a, struct view b);
void edge_send_u32(struct edge_thread *t, enum frame_type type, uint64_t id, uint32_t n);
/* So much waits for core that nothing more may be read for it. */
bool edge_is_full(const struct edge_thread *t);
/* One line to standard error, with the thread's index. */
void edge_log(const struct edge_thread *t, enum journal_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
