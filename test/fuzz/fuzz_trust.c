/* libFuzzer target: any bytes as the policy of a verifier, and what stands behind a NUL as the note that it judges. Nothing is
 * trusted that none of its logs signed. */
#include "lib/tlog/trust.h"
#include "test/fuzz/log_key.h"

static struct note_signer log_signer;
static struct buf signed_note;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view rest = view_make(data, size), text = view_cut(&rest, '\0');
	struct error e = { .reason = REASON_NONE };
	struct checkpoint c;
	const struct note_vkey *log = NULL;
	struct trust_witnessed w = { 0 };
	size_t n = 0;

	if (!log_signer.key) {
		struct digest root = { .b = { 5 } };
		log_key(&log_signer, VIEW("north.example/audit/1/1"), NOTE_ED25519, 7);
		signed_note = BUF_INIT(NOTE_MAX);
		log_checkpoint(&log_signer, 5, &root, &signed_note);
	}
	struct view policy = exact(text), note = exact(rest.p ? rest : buf_view(&signed_note));
	struct trust *t = trust_parse(policy, &e);
	must((t != NULL) == (e.reason == REASON_NONE));
	exact_free(policy); /* what is read keeps nothing of it */
	if (t) {
		while (trust_log(t, n))
			n++;
		must(n <= TRUST_LOGS_MAX);
		if (trust_check(t, note, &c, &log, &w, NULL)) {
			must(n > 0 && log && view_is(c.origin, log->name) && w.quorum);
			must(w.cosigned <= TRUST_NAMES_MAX && w.independent <= w.cosigned);
			must(w.independent <= w.of_independent && w.of_independent <= TRUST_NAMES_MAX);
		}
	}
	exact_free(note);
	trust_free(t);
	return 0;
}
