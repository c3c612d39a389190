/* See conf_private.h. */
#include "gatewayd/core/conf/conf_private.h"

#include <errno.h>
#include <unistd.h>

#include "gatewayd/os/files.h"

void *folder_one_more(struct folder *f, void **array, size_t n, size_t size)
{
	if (n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		void *p = realloc(*array, cap * size);
		if (!p) {
			error_list_addf(f->errors, REASON_NO_MEMORY, f->path, 0, 0, "memory ran out");
			return NULL;
		}
		*array = p;
		f->cap = cap;
	}
	void *item = (char *)*array + n * size;
	memset(item, 0, size);
	return item;
}

bool folder_read(struct folder *f, const char *path, struct buf *out)
{
	struct error e = { .reason = REASON_NONE };

	return file_read(path, DOCUMENT_MAX, out, &e) || error_list_add(f->errors, &e);
}

const char *folder_read_signed(struct folder *f, const char *name, struct buf *text, struct buf *signature)
{
	const char *path = file_beside(&f->c->mem, f->path, name);
	struct error e = { .reason = REASON_NONE };
	char signature_path[4200];

	if (!path) {
		error_list_addf(f->errors, REASON_NO_MEMORY, f->path, 0, 0, "memory ran out");
		return NULL;
	}
	snprintf(signature_path, sizeof signature_path, "%s.p7s", path);
	if (!folder_read(f, path, text))
		return NULL;
	if (access(signature_path, F_OK) != 0 && errno == ENOENT) {
		error_list_addf(f->errors, REASON_SIGNATURE, path, 0, 0, "has no signature: %s.p7s is not there", name);
		return NULL;
	}
	if (!file_read(signature_path, DOCUMENT_MAX, signature, &e)) {
		error_list_add(f->errors, &e);
		return NULL;
	}
	return path;
}

bool folder_signer(void *arg, struct view name, size_t k, struct view *cert_der)
{
	return conf_signer_of(((struct folder *)arg)->c, name, k, cert_der);
}
