/* How fast the tape reader is, beside jansson in the same run: BODS statements and FHIR patients of
 * GATEWAY_TEST_DATA, one record a call, and made-up records of the project's own shape. Prints MB/s
 * (10^6 bytes) of both and their ratio, the median of several rounds. Takes seconds a round as its
 * argument (default 0.3). */
#include "test/bench/bench.h"

/* Envelopes of the project's shape, about 1 KB each, everything in them made up. */
static bool make_envelopes(struct records *r, const char *data)
{
	(void)data;
	for (unsigned i = 0; i < 500; i++)
		buf_addf(
		        &r->text,
		        "{\"purpose\":\"criminal-investigation\",\"legal_basis\":\"example-act-%u\",\"tier\":%u,"
		        "\"case\":\"EX-2026-%06u\",\"necessity\":{\"why\":\"Asked for by the examining magistrate of "
		        "the case named above.\",\"adequate\":true,\"less_intrusive\":false},\"record\":{\"persons\":["
		        "{\"id\":\"p%u\",\"name\":{\"family\":\"Example-%u\",\"given\":[\"Ada\",\"Zo\xc3\xab\"]},"
		        "\"born\":\"19%02u-0%u-1%u\",\"addresses\":[{\"street\":\"Sample Street %u\",\"town\":"
		        "\"Sampletown\",\"country\":\"XX\"},{\"street\":\"Rue de l'Exemple %u\",\"town\":\"Exempleville\","
		        "\"country\":\"XY\"}],\"documents\":[{\"type\":\"passport\",\"number\":\"X%08u\",\"until\":"
		        "\"2031-01-31\"}],\"phone\":\"+00 555 %07u\",\"remark\":\"He said \\\"no\\\".\\nThen left.\"}],"
		        "\"accounts\":[{\"iban\":\"XX00EXMP%010u\",\"balance\":%u.%02u,\"currency\":\"XTS\"},"
		        "{\"iban\":\"XX00EXMP%010u\",\"balance\":-%u.5,\"currency\":\"XTS\"}],"
		        "\"observed\":[[%u,%u.25,null,true],[%u,%u.75,null,false]]}}\n",
		        i % 9, i % 3, i, i, i, i % 100, i % 9 + 1, i % 10, i, i * 7, i * 31, i * 977, i * 13, i * 19,
		        i % 100, i * 17, i, i * 3, i % 90, i * 5, i % 45);
	records_take_lines(r);
	return true;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool (*load)(struct records *r, const char *data);
	} kinds[] = {
		{ "BODS statements", records_read_bods },
		{ "FHIR patients", records_read_fhir },
		{ "envelopes", make_envelopes },
	};
	const char *data = getenv("GATEWAY_TEST_DATA");
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.3;
	static struct records r;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		records_open(&r);
		if (kinds[i].load(&r, data ? data : "")) {
			double jansson = measure(&r, run_jansson, &r, seconds);
			double tape = measure(&r, run_tape, &r, seconds);
			printf("json parse, %s (%zu, %zu bytes on average): tape %.1f MB/s, jansson %.1f MB/s, ratio %.1f\n",
			       kinds[i].name, r.n, r.bytes / r.n, tape, jansson, tape / jansson);
		} else {
			printf("SKIP json parse, %s: GATEWAY_TEST_DATA not found\n", kinds[i].name);
		}
		records_close(&r);
	}
	return EXIT_SUCCESS;
}
