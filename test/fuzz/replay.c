/* Runs the inputs named on the command line through a fuzz target, without a fuzzer: for make check. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		/* Exactly as large as the input, so that a sanitizer sees a read past its end. */
		uint8_t *room = malloc(INPUT_MAX), *data;
		size_t n = f && room ? fread(room, 1, INPUT_MAX, f) : 0;
		if (!f || !room || !(data = malloc(n ? n : 1))) {
			perror(argv[i]);
			return EXIT_FAILURE;
		}
		memcpy(data, room, n);
		LLVMFuzzerTestOneInput(data, n);
		free(room);
		free(data);
		fclose(f);
	}
	printf("fuzz corpus: %d inputs through %s\n", argc - 1, argv[0]);
	return EXIT_SUCCESS;
}
