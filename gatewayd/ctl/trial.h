/* The throw-away authority of gatewayctl init --ca: a folder with trial-ca.pem and trial-ca.key, whose key lies there in the
 * open. It is for trials, and its name says so. One thread. */
#ifndef GATEWAYD_CTL_TRIAL_H
#define GATEWAYD_CTL_TRIAL_H

#include "gatewayd/ctl/ctl.h"
#include "lib/crypto/x509.h"

#define TRIAL_DAYS 90

/* Makes the authority where `dir` has none; `*made` says whether it did. */
bool trial_open(const char *dir, bool *made, struct error *e) MUST_USE;
/* Appends its certificate. */
bool trial_certificate(const char *dir, struct buf *pem, struct error *e) MUST_USE;
/* Issues on a request (lib/crypto/issue.h), for TRIAL_DAYS. */
bool trial_issue(const char *dir, struct view csr, enum cert_use use, struct buf *pem, struct error *e) MUST_USE;

/* What people call a use ("gateway", "system", "signer", …), for --for. False: it is none. */
bool cert_use_find(const char *text, enum cert_use *out) MUST_USE;
#define CERT_USES "gateway|system|signer|officer|operator|auditor"
/* Reads the first certificate of a PEM file. Errors name the file. */
bool cert_of_file(const char *path, struct cert_id *out, struct error *e) MUST_USE;

int ctl_run_csr(const struct ctl *c, int argc, char **argv);
int ctl_run_ca_sign(const struct ctl *c, int argc, char **argv);

#endif
