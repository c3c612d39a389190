/* What the load generator is asked to do; read once, before its threads start, and only read from then on. */
#ifndef TEST_BENCH_LOAD_OPTIONS_H
#define TEST_BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <openssl/types.h>

#include "lib/base/view.h"

#define THREADS_MAX 16
#define PIDS_MAX    16

struct options {
	struct sockaddr_storage address;
	socklen_t address_n;
	const char *target, *server_name, *ca, *cert, *private_key, *method, *body, *bodies, *type, *key_prefix;
	char host[64];
	bool key, fresh; /* sends an Idempotency-Key; opens a connection for each request */
	uint64_t first;
	unsigned connections, threads, seconds, warmup, requests;
	unsigned batch;   /* bodies a request, a line each */
	unsigned size;    /* bytes of each body, about; 0: as it is given */
	unsigned targets; /* the number in the target goes round so many */
	unsigned rate;    /* requests a second, open loop; 0: each connection sends when it was answered */
	int pids[PIDS_MAX], n_pids;
	SSL_CTX *ctx; /* NULL: plain HTTP */
	struct view *lines;
	size_t n_lines;
};

extern struct options options;

/* Fills `options`; what is wrong with them ends the process with 2. */
void options_parse(int argc, char **argv);
_Noreturn void die(const char *what);

#endif
