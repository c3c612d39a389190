/* libFuzzer target: any bytes as the answer of a timestamping authority. What counts as a timestamp of one imprint is none of
 * another. And any bytes as the authorities themselves. */
#include "lib/crypto/timestamp.h"
#include "test/fuzz/certificates.h"
#include "test/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = exact(view_make(data, size));
	struct error e = { .reason = REASON_NONE }, other = { .reason = REASON_NONE };
	struct digest imprint;
	int64_t time_ms = -77, again;

	sha256(VIEW("{\"a\":1}"), &imprint);
	bool good = timestamp_verify(in, &imprint, NULL, VIEW(TSA_PEM), &time_ms, &e);
	must(good == (e.reason == REASON_NONE) && (good || time_ms == -77));
	if (good) {
		static const uint8_t nonce[TIMESTAMP_NONCE] = { 1 };
		must(!timestamp_verify(in, &imprint, nonce, VIEW(TSA_PEM), &again, NULL));
		imprint.b[0] ^= 1;
		must(!timestamp_verify(in, &imprint, NULL, VIEW(TSA_PEM), &again, NULL));
	}
	must(timestamp_authorities(in, &other) == (other.reason == REASON_NONE));
	exact_free(in);
	return 0;
}
