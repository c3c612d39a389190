# make bench-store: what the audit log costs beside the rows of an exchange.
$(B)/bench-store: $(B)/test/bench/bench_store.o $(call archives_of,$(CORE))
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)
bench-store: $(B)/bench-store
	$(B)/bench-store
.PHONY: bench-store
