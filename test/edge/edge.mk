# The fuzz target of the strict reader needs one object beside the rooms that all targets link.
$(B)/replay-http $(B)/fuzz-http: LDFLAGS += $(B)/gatewayd/edge/http.o
$(B)/replay-http $(B)/fuzz-http: | $(B)/gatewayd/edge/http.o
