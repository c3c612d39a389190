# Core's side of the rig, which all cases use, is no case itself.
$(B)/check-edge: $(B)/test/edge/core_side.o

# The attacks on a whole gateway's door, in their short form; `make check` has them among its end-to-end tests.
ATTACKS ?= check_edge_attacks
check-edge: $(if $(ATTACKS),check-edge-attacks)
check-edge-attacks: all
	BUILD="$(abspath $(B))" python3 test/e2e/run.py $(ATTACKS)
.PHONY: check-edge-attacks

# The fuzz target of the strict reader needs one object beside the rooms that all targets link.
$(B)/replay-http $(B)/fuzz-http: LDFLAGS += $(B)/gatewayd/edge/http.o $(B)/gatewayd/edge/http_body.o
$(B)/replay-http $(B)/fuzz-http: | $(B)/gatewayd/edge/http.o $(B)/gatewayd/edge/http_body.o
