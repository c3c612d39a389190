/* libFuzzer target: any bytes as the detached signature of a document, in PEM and in DER, by two who are pinned. Whatever verifies
 * over the document does not over another. */
#include "lib/crypto/x509.h"
#include "test/fuzz/certificates.h"
#include "test/fuzz/target.h"

static struct buf anna, bert;

static bool verify(struct view signature, struct view content, struct error *e)
{
	struct cms_signer signers[] = { { .name = VIEW("anna"), .cert_der = buf_view(&anna) },
		                        { .name = VIEW("bert"), .cert_der = buf_view(&bert) } };
	bool good = cms_verify(signature, content, signers, 2, CERTIFICATES_NOW_MS, e);

	must(!good || signers[0].signed_it || signers[1].signed_it);
	for (unsigned i = 0; good && i < 2; i++)
		must(!signers[i].signed_it || signers[i].signed_at_ms <= CERTIFICATES_NOW_MS);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = exact(view_make(data, size));
	struct error e = { .reason = REASON_NONE };

	if (anna.n == 0) {
		anna = BUF_INIT(4096);
		bert = BUF_INIT(4096);
		must(cert_pem_to_der(VIEW(ANNA_PEM), &anna, NULL) && cert_pem_to_der(VIEW(BERT_PEM), &bert, NULL));
	}
	bool good = verify(in, VIEW("{\"a\":1}"), &e);
	must(good == (e.reason == REASON_NONE));
	must(!good || !verify(in, VIEW("{\"a\":2}"), &e));
	exact_free(in);
	return 0;
}
