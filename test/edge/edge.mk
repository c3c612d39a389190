# Core's side of the rig, which all cases use, is no case itself.
$(B)/check-edge: $(B)/test/edge/core_side.o

# The fuzz target of the strict reader needs one object beside the rooms that all targets link.
$(B)/replay-http $(B)/fuzz-http: LDFLAGS += $(B)/gatewayd/edge/http.o $(B)/gatewayd/edge/http_body.o
$(B)/replay-http $(B)/fuzz-http: | $(B)/gatewayd/edge/http.o $(B)/gatewayd/edge/http_body.o
