/* Runs the inputs named on the command line through a fuzz target, without a fuzzer: for make check. */
#include <stdio.h>

#include "test/fuzz/target.h"

#define INPUT_MAX (1u << 20)

bool fuzz_thorough = true;

int main(int argc, char **argv)
{
	char *room = malloc(INPUT_MAX);

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		size_t n = f && room ? fread(room, 1, INPUT_MAX, f) : 0;
		if (!f || !room || ferror(f)) {
			perror(argv[i]);
			return EXIT_FAILURE;
		}
		fclose(f);
		struct view data = exact(view_make(room, n));
		LLVMFuzzerTestOneInput((const uint8_t *)data.p, n);
		exact_free(data);
	}
	free(room);
	printf("fuzz corpus: %d inputs through %s\n", argc - 1, argv[0]);
	return EXIT_SUCCESS;
}
