/* What writing and reading a backup's folder share. */
#ifndef GATEWAYD_CORE_BACKUP_FOLDER_PRIVATE_H
#define GATEWAYD_CORE_BACKUP_FOLDER_PRIVATE_H

#include <limits.h>

#include "gatewayd/core/backup/folder.h"

#define LIST_MAX     (64u << 20)           /* some 400,000 pieces */
#define MESSAGE_MAX  (PIECE_BYTES + 65536) /* a piece in its envelope */
#define PIECE_FOLDER "pieces"
#define PIECE_NAME   (sizeof PIECE_FOLDER + 32 + sizeof ".cms") /* with its zero */

/* A line of the list. */
struct piece {
	struct digest file, tag;
	char name[PIECE_NAME];
};
void piece_name(const struct digest *file, char out[PIECE_NAME]);
/* The next line; REASON_TAMPERED when it is none. */
bool piece_take(struct view *list, struct piece *out, struct error *e) MUST_USE;
/* Joins; REASON_IO when it is too long. */
bool backup_path(const char *dir, const char *name, char out[PATH_MAX], struct error *e) MUST_USE;
/* The list that the manifest names, added to `out`. */
bool backup_list(const char *dir, const struct manifest *m, struct buf *out, struct error *e) MUST_USE;
void backup_list_name(const struct digest *list, char out[48]);

#endif
