/* libFuzzer target: any bytes as a revocation list, with its authority's certificate and as the authority's certificate. What the
 * authority did not sign is no list. */
#include "lib/crypto/x509.h"
#include "test/fuzz/certificates.h"
#include "test/fuzz/target.h"

static const char serials[][48] = { "01", "", "zz", "0", "00", "ffffffffffffffffffffffffffffffffffffffffff" };

static void check(struct view pem, struct view ca)
{
	struct error e = { .reason = REASON_NONE };
	struct crl *c = crl_load(pem, ca, &e);

	must((c != NULL) == (e.reason == REASON_NONE));
	if (!c)
		return;
	for (size_t i = 0; i < sizeof serials / sizeof *serials; i++) {
		bool revoked = crl_has(c, serials[i]);
		/* What cannot be a serial counts as revoked. */
		must(revoked || i == 0 || i == 4);
	}
	must(crl_next_update_ms(c) > INT64_C(-62167219200001));
	crl_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = exact(view_make(data, size));

	check(in, VIEW(CA_PEM));
	check(in, in);
	exact_free(in);
	return 0;
}
