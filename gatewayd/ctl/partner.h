/* What gateways must know of each other, and the file in which one tells the other. One thread. */
#ifndef GATEWAYD_CTL_PARTNER_H
#define GATEWAYD_CTL_PARTNER_H

#include <jansson.h>

#include "gatewayd/ctl/ctl.h"
#include "lib/crypto/x509.h"

/* Names of agencies, nodes and files: the pattern of the schemas. */
bool partner_is_name(const char *text) MUST_USE;

/* A partner file for who shows, or signs with, a certificate. Owned by the caller; NULL: no memory. */
json_t *partner_of_certificate(const char *id, const char *agency, const char *jurisdiction, const char *role,
                               const struct cert_id *cert);
/* Its member `identity`. */
json_t *partner_identity(const struct cert_id *cert);
/* The partner file that other gateways need of the configured node, from its files. NULL with the reason. */
json_t *partner_of_node(const struct ctl *c, struct error *e);

/* The fingerprint that people compare by telephone: eight groups of five digits, which have one name in every language. The i-th
 * group is the i-th four bytes (big-endian) of the SHA-256 of the file's bytes, modulo 100,000. 133 bits. */
#define FINGERPRINT_TEXT 47 /* with spaces between the groups */
void partner_fingerprint(struct view file, char out[FINGERPRINT_TEXT + 1]);
/* Whether `said` has the same digits, whatever stands between them. */
bool partner_fingerprint_is(const char *fingerprint, const char *said) MUST_USE;

/* The first certificate of a PEM text, anew as PEM: of a file that holds a private key beside it nothing else is passed on. Errors
 * name `path`. */
bool partner_certificate(const char *path, struct view pem, struct buf *out, struct error *e) MUST_USE;

/* What a partner's file says, checked for what it says of itself; freed also after false. */
struct partner_file {
	json_t *doc;           /* the file; the next three look into it */
	json_t *partner;       /* by schema/partner.schema.json */
	const char *authority; /* PEM, from the one that issued up */
	json_t *signers;       /* PEM each, in the order of partner.signers */
	struct cert_id gateway;
};
bool partner_file_read(const char *name, struct view text, int64_t now_ms, struct partner_file *out,
                       struct error *e) MUST_USE;
void partner_file_free(struct partner_file *f);

/* Takes a partner's file into the configuration, or says that it is there; partner_add.c. `said`: its fingerprint as it was told,
 * NULL: asked on the terminal. `address`: of its gateway, NULL: as DNS has it. Prints; an exit status. */
struct partner_choice {
	const char *file, *said, *address;
	bool replace;
};
int partner_take(const struct ctl *c, const struct partner_choice *choice);

/* Writes a partner file, or another JSON document of the configuration, in the place of what is there. */
bool partner_write(const char *path, const json_t *doc, struct error *e) MUST_USE;
/* Writes a signer's certificate (the first of `pem`, which came in the file `from`) into the folder of partner files, under a name
 * that no other certificate has there, or finds it; its name is added to `names`. Nothing is overwritten: another partner file may
 * name it, and the one that is there does until it is replaced. */
bool partner_put_signer(const char *partners, const char *id, const char *from, struct view pem, json_t *names,
                        struct error *e) MUST_USE;

/* Pins a certificate in a role: in the partner file of the agency that its owner signs for, or in one of its own; partner_pin.c.
 * What is NULL is the node's own. Prints; an exit status. */
struct partner_pinning {
	const char *file, *role, *id, *agency, *jurisdiction;
};
int partner_pin(const struct ctl *c, struct partner_pinning *p);

int ctl_run_describe(const struct ctl *c, int argc, char **argv);
int ctl_run_pin(const struct ctl *c, int argc, char **argv);
int partner_export(const struct ctl *c, int argc, char **argv);
int partner_add(const struct ctl *c, int argc, char **argv);
/* A gateway's TLS keys, the one that it shows and the next, as a statement that its agency signs (schema/pins.schema.json), made by the
 * one and taken by the other; partner_pins.c, partner_pins_apply.c. */
int partner_pins(const struct ctl *c, int argc, char **argv);
int partner_pins_apply(const struct ctl *c, int argc, char **argv);
int partner_list(const struct ctl *c, int argc, char **argv);

#endif
