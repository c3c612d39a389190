/* libFuzzer target: any bytes as a revocation list, with its authority's certificate and as the authority's certificate. What the
 * authority did not sign is no list. */
#include "lib/crypto/x509.h"
#include "test/fuzz/certificates.h"
#include "test/fuzz/target.h"

static const char serials[][48] = { "01", "", "zz", "0", "00", "ffffffffffffffffffffffffffffffffffffffffff" };

static void check(struct view pem, const struct authorities *authorities)
{
	struct error e = { .reason = REASON_NONE };
	size_t which = SIZE_MAX;
	struct crl *c = crl_load(pem, authorities, &which, &e);

	must((c != NULL) == (e.reason == REASON_NONE));
	if (!c)
		return;
	must(which < authorities_count(authorities));
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
	static struct authorities *known;
	struct view in = exact(view_make(data, size));
	struct error e = { .reason = REASON_NONE };

	if (!known)
		must((known = authorities_load(VIEW(CA_PEM), NULL)) != NULL);
	check(in, known);
	struct authorities *own = authorities_load(in, &e);
	must((own != NULL) == (e.reason == REASON_NONE));
	if (own) {
		must(authorities_count(own) > 0 && authorities_count(own) <= AUTHORITIES_MAX);
		check(in, own);
	}
	authorities_free(own);
	exact_free(in);
	return 0;
}
