# Core's side of the rig, which all cases use, is no case itself.
$(B)/check-edge: $(B)/test/edge/core_side.o

# The attacks on a whole gateway's door, in their short form; `make check` has them among its end-to-end tests.
ATTACKS ?= check_edge_attacks
check-edge: $(if $(ATTACKS),check-edge-attacks)
check-edge-attacks: all
	BUILD="$(abspath $(B))" python3 test/e2e/run.py $(ATTACKS)
.PHONY: check-edge-attacks
