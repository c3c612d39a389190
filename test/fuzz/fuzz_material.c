/* libFuzzer target: any bytes as the certificate, the key, the authorities or the names that an edge is to speak with, the others being
 * right. Either there are contexts, or an error that repeats nothing of a key. The texts of a configuration are the target of settings. */
#include "gatewayd/edge/tls.h"
#include "test/fuzz/certificates.h"
#include "test/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);
	struct error e = { .reason = REASON_NONE };
	struct tls_material m = {
		.cert = VIEW(ANNA_PEM), .key = VIEW(ANNA_KEY), .ca = VIEW(CA_PEM), .names = VIEW("north.example\n")
	};
	struct view *const parts[] = { &m.cert, &m.key, &m.ca, &m.names };
	uint8_t part = first_byte(&in) % 4;
	struct view text = exact(in);

	*parts[part] = text;
	struct tls_contexts *c = tls_contexts_new(&m, &e);
	must((c != NULL) == (e.reason == REASON_NONE));
	/* Which names there are is looked at as they are asked for. */
	must(c || part != 3);
	must(!memmem(e.text, sizeof e.text, "PRIVATE KEY", 11));
	tls_contexts_unref(c);
	exact_free(text);
	return 0;
}
