/* libFuzzer target: any bytes as a sealed message, the first of which says whose key opens it. What opens, opens for nobody else, and
 * what does not leaves nothing behind. */
#include "lib/crypto/envelope.h"
#include "test/fuzz/certificates.h"
#include "test/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct envelope_opener *who[2];
	struct view in = view_make(data, size);
	struct buf out = BUF_INIT(1u << 20);
	struct error e = { .reason = REASON_NONE };

	if (!who[0]) {
		who[0] = envelope_opener_new(VIEW(ANNA_PEM), VIEW(ANNA_KEY), NULL);
		who[1] = envelope_opener_new(VIEW(BERT_PEM), VIEW(BERT_KEY), NULL);
		must(who[0] && who[1]);
	}
	unsigned k = first_byte(&in) & 1;
	struct view message = exact(in);
	bool good = envelope_open(who[k], message, &out, &e);
	must(good == (e.reason == REASON_NONE) && (good || out.n == 0));
	must(!good || !envelope_open(who[1 - k], message, &out, NULL));
	exact_free(message);
	buf_free(&out);
	return 0;
}
