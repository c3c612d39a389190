/* Inclusion proofs of one tree, one after another: where the paths of two leaves meet, what lies above is the same, and is
 * neither read nor hashed again. Proofs and verdicts are those of tlog.h. One thread at a time. */
#ifndef GATEWAY_TLOG_PROOF_PATH_H
#define GATEWAY_TLOG_PROOF_PATH_H

#include "lib/tlog/tlog.h"

/* The path of one leaf, from it up; zeros: none is known. */
struct tlog_path {
	uint64_t size, index; /* of the tree, of the leaf */
	struct digest root;   /* checked alone */
	unsigned n;
	struct tlog_step {
		unsigned level; /* of the node and of what is beside it */
		uint64_t at;
		struct digest node, beside; /* node: checked alone */
	} steps[TLOG_PROOF_MAX];
};

/* tlog_prove_inclusion(); `known` is a path that was proved before in a tree that still is as it was, and is this one
 * afterwards, or unchanged where there is none. */
bool tlog_path_prove(struct tlog_path *known, uint64_t index, uint64_t size, tlog_read_fn *read, void *arg,
                     struct digest *proof, unsigned *n) MUST_USE;
/* tlog_check_inclusion(); `known` is a path that was checked before, of whatever tree, and is this one afterwards, or unchanged
 * where it is not included. */
bool tlog_path_check(struct tlog_path *known, uint64_t index, uint64_t size, const struct digest *leaf,
                     const struct digest *proof, unsigned n, const struct digest *root) MUST_USE;

#endif
