/* What a connection costs the gate, while every seat is taken and each new one puts another out: SOURCES addresses come by
 * turns, CONNECTIONS in all. Counted in instructions by gate.mk. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "gatewayd/edge/gate.h"

#define SEATS 1024u

static struct seat seats[SEATS + 1];

int main(int argc, char **argv)
{
	unsigned sources = argc > 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
	unsigned connections = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	struct edge_limits limits = { .connections_per_source = SEATS, .handshakes = SEATS };
	struct gate *gate = gate_new();
	struct gate_exit way_out;
	struct seat *next = seats;
	uint32_t a = 0;

	if (!gate)
		return EXIT_FAILURE;
	gate_exit_init(&way_out, eventfd(0, EFD_NONBLOCK));
	for (unsigned i = 0; i < connections; i++) {
		struct address from = { .b = { [10] = 0xff, [11] = 0xff, [12] = 127 } };
		a = (a + 1) % sources;
		from.b[13] = (uint8_t)(a >> 16);
		from.b[14] = (uint8_t)(a >> 8);
		from.b[15] = (uint8_t)a;
		*next = (struct seat){ .exit = &way_out };
		if (gate_enter(gate, next, &from, false, false, &limits, 1000 + i) != GATE_OPEN)
			return EXIT_FAILURE;
		struct seat *out = gate_evicted(gate, &way_out);
		if (out)
			gate_leave(gate, out, 1000 + i);
		next = out ? out : next + 1;
	}
	for (struct seat *s = seats; s <= seats + SEATS; s++)
		gate_leave(gate, s, 0);
	gate_free(gate);
	return EXIT_SUCCESS;
}
