/* Makes or extends a log in a store, by the same code as the daemon's writer uses:
 * make-log STORE ORIGIN SEED FROM TO appends the made-up exchanges FROM to TO - 1 and prints the verifier key. */
#include "test/tlog/stored.h"

int main(int argc, char **argv)
{
	struct stored l;
	char vkey[300];

	if (argc != 6) {
		fprintf(stderr, "usage: make-log STORE ORIGIN SEED FROM TO\n");
		return 2;
	}
	stored_open(&l, argv[1], argv[2], (uint8_t)strtoul(argv[3], NULL, 10));
	stored_fill(&l, strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10), false);
	stored_vkey(&l, vkey, sizeof vkey);
	printf("%s\n", vkey);
	stored_close(&l);
	return 0;
}
