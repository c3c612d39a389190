/* libFuzzer target: any bytes as a certificate, in DER and in PEM. What is read of it is plain text and says the same twice, and what
 * a PEM has in it is a certificate in DER with nothing behind it. */
#include "lib/crypto/x509.h"
#include "test/fuzz/target.h"

static void check_der(struct view der)
{
	struct error e = { .reason = REASON_NONE };
	struct cert_id id, again;

	if (!cert_read(der, &id, &e)) {
		must(e.reason != REASON_NONE);
		return;
	}
	size_t n = strnlen(id.uri, sizeof id.uri), s = strnlen(id.serial, sizeof id.serial);
	must(n > 0 && n < sizeof id.uri && s > 0 && s < sizeof id.serial && s % 2 == 0);
	for (size_t i = 0; i < n; i++)
		must(id.uri[i] > 0x20 && id.uri[i] < 0x7f);
	must(strspn(id.serial, "0123456789abcdef") == s);
	must(cert_read(der, &again, NULL) && memcmp(&id, &again, sizeof id) == 0);
	/* One byte more is not a certificate. */
	char *longer = calloc(1, der.n + 1);
	must(longer != NULL);
	memcpy(longer, der.p, der.n);
	must(!cert_read(view_make(longer, der.n + 1), &again, NULL));
	free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = exact(view_make(data, size));
	struct buf der = BUF_INIT(1u << 16);
	struct error e = { .reason = REASON_NONE };

	check_der(in);
	if (cert_pem_to_der(in, &der, &e)) {
		must(der.n > 0);
		check_der(buf_view(&der));
	} else {
		must(e.reason != REASON_NONE);
	}
	buf_free(&der);
	exact_free(in);
	return 0;
}
