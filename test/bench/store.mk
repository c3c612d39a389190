# make bench-store: what the audit log costs beside the rows of an exchange.
bench_store_rooms := gatewayd/core gatewayd/common $(LOWER)
$(B)/bench-store: $(B)/test/bench/bench_store.o $(foreach r,$(bench_store_rooms),$(call archive_of,$(r)))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
bench-store: $(B)/bench-store
	$(B)/bench-store
.PHONY: bench-store
