/* See trial.h. */
#include "gatewayd/ctl/trial.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gatewayd/os/files.h"
#include "lib/base/datetime.h"
#include "lib/base/encode.h"
#include "lib/crypto/issue.h"

#define PEM_MAX 65536

static const char *path_of(const char *dir, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", dir, name);
	return out;
}

/* Named apart, so that two of them in one file of authorities are two. */
static bool make(const char *dir, int64_t now_ms, struct error *e)
{
	struct buf key = BUF_INIT(PEM_MAX), cert = BUF_INIT(PEM_MAX), name = BUF_INIT(100);
	uint8_t mark[4];
	char path[4096];
	bool ok = random_bytes(mark, sizeof mark) || error_set(e, REASON_CRYPTO, "no random bytes");

	buf_adds(&name, "TRIAL ONLY, not for real records, ");
	hex_encode(&name, view_make(mark, sizeof mark));
	ok = ok && authority_make(buf_view(&name), now_ms, TRIAL_DAYS, &key, &cert, e) &&
	     file_write_new(path_of(dir, "trial-ca.key", path, sizeof path), buf_view(&key), 0600, e) &&
	     file_write_new(path_of(dir, "trial-ca.pem", path, sizeof path), buf_view(&cert), 0644, e);
	buf_wipe(&key);
	buf_free(&cert);
	buf_free(&name);
	return ok;
}

static int64_t now_ms(void)
{
	return (int64_t)time(NULL) * SECOND_MS;
}

bool trial_open(const char *dir, bool *made, struct error *e)
{
	char path[4096];

	*made = false;
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return error_at(e, REASON_IO, dir, 0, 0, "cannot make the folder: %s", strerror(errno));
	if (access(path_of(dir, "trial-ca.pem", path, sizeof path), F_OK) == 0)
		return true;
	/* A key without its certificate is of a run that was interrupted, and nothing was issued by it. */
	if (unlink(path_of(dir, "trial-ca.key", path, sizeof path)) != 0 && errno != ENOENT)
		return error_at(e, REASON_IO, path, 0, 0, "cannot be taken away: %s", strerror(errno));
	*made = make(dir, now_ms(), e);
	return *made;
}

bool trial_certificate(const char *dir, struct buf *pem, struct error *e)
{
	char path[4096];

	return file_read(path_of(dir, "trial-ca.pem", path, sizeof path), PEM_MAX, pem, e);
}

bool trial_issue(const char *dir, struct view csr, enum cert_use use, struct buf *pem, struct error *e)
{
	struct buf cert = BUF_INIT(PEM_MAX), key = BUF_INIT(PEM_MAX);
	char path[4096];
	bool ok = trial_certificate(dir, &cert, e) &&
	          file_read(path_of(dir, "trial-ca.key", path, sizeof path), PEM_MAX, &key, e) &&
	          authority_issue(buf_view(&cert), buf_view(&key), csr, use, now_ms(), TRIAL_DAYS, pem, e);

	buf_free(&cert);
	buf_wipe(&key);
	return ok;
}

bool cert_use_find(const char *text, enum cert_use *out)
{
	static const struct {
		const char *text;
		enum cert_use use;
	} all[] = { { "gateway", CERT_GATEWAY }, { "system", CERT_CLIENT },   { "signer", CERT_SIGNER },
		    { "officer", CERT_SIGNER },  { "operator", CERT_SIGNER }, { "auditor", CERT_CLIENT } };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(all[i].text, text) == 0) {
			*out = all[i].use;
			return true;
		}
	return false;
}

bool cert_of_file(const char *path, struct cert_id *out, struct error *e)
{
	struct buf pem = BUF_INIT(1 << 20), der = BUF_INIT(1 << 20);
	struct error inner = { .reason = REASON_NONE };
	bool ok = file_read(path, 1 << 20, &pem, e);

	if (ok && (!cert_pem_to_der(buf_view(&pem), &der, &inner) || !cert_read(buf_view(&der), out, &inner)))
		ok = error_at(e, inner.reason, path, 0, 0, "%s", inner.text);
	buf_free(&pem);
	buf_free(&der);
	return ok;
}
