/* The files of a configuration, in a folder of their own: node.json, two partners, keys and certificates, and the folders
 * that they name. A test changes the documents and writes them anew. */
#ifndef TEST_CORE_CONF_FILES_H
#define TEST_CORE_CONF_FILES_H

#include <jansson.h>

#include "test/core/scratch.h"

static struct scratch_dir dir;
static json_t *node, *north, *south;

static inline void write_doc(const char *name, const json_t *doc)
{
	char *text = json_dumps(doc, JSON_INDENT(1));

	scratch_write(scratch_file(&dir, name), view_of(text));
	free(text);
}

/* An authority, and certificates of both parties; north's serves for TLS as well. */
static inline void make_keys(void)
{
	static const char *const who[] = { "north", "south" };
	char command[1500];

	snprintf(
	        command, sizeof command,
	        "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem "
	        "-days 3660 -subj '/CN=Made-up authority' -addext keyUsage=critical,keyCertSign,cRLSign 2>&1",
	        dir.path);
	ck_assert_int_eq(system(command), 0);
	for (size_t i = 0; i < 2; i++) {
		snprintf(command, sizeof command,
		         "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key "
		         "-out %s.pem -days 3650 -subj /CN=%s -CA ca.pem -CAkey ca.key "
		         "-addext subjectAltName=URI:urn:example:%s,DNS:gw.%s.example "
		         "-addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature "
		         "-addext extendedKeyUsage=serverAuth,clientAuth 2>&1 && chmod 600 %s.key",
		         dir.path, who[i], who[i], who[i], who[i], who[i], who[i]);
		ck_assert_int_eq(system(command), 0);
	}
}

static inline void conf_files_make(void)
{
	static const char *const folders[] = { "partners", "agreements", "documents", "schemas" };

	dir = scratch_new();
	make_keys();
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		ck_assert_int_eq(mkdir(scratch_file(&dir, folders[i]), 0700), 0);
	node = json_pack(
	        "{s:s, s:s, s:s, s:[s], s:{s:s,s:s,s:s}, s:s, s:s, s:{s:i,s:s,s:s,s:s}, s:s, s:s, s:s, s:s, s:s}",
	        "agency", "north", "node", "n1", "host", "gw.north.example", "listen", "127.0.0.1:8443", "tls",
	        "certificate", "north.pem", "key", "north.key", "authorities", "ca.pem", "store", "store.db", "keys",
	        "keys", "audit", "epoch", 1, "mirror", "audit.jsonl", "vkey", "audit.vkey", "anchor", "anchor",
	        "partners", "partners", "agreements", "agreements", "documents", "documents", "schemas", "schemas",
	        "control", "control.sock");
	ck_assert_ptr_nonnull(node);
	north = json_load_file("conf/partners/north-system.json", 0, NULL);
	south = json_load_file("conf/partners/south-gateway.json", 0, NULL);
	ck_assert(north && south);
	json_object_set_new(north, "signers", json_pack("[s]", "../north.pem"));
	json_object_set_new(south, "signers", json_pack("[s]", "../south.pem"));
}

static inline void conf_files_write(void)
{
	write_doc("node.json", node);
	write_doc("partners/north-system.json", north);
	write_doc("partners/south-gateway.json", south);
}

static inline void conf_files_drop(void)
{
	json_decref(node);
	json_decref(north);
	json_decref(south);
	scratch_remove(&dir);
}

#endif
