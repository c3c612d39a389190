# make bench-gate: instructions of the gate for a connection that puts another out, beside few sources and beside many.
$(B)/bench-gate: $(B)/test/bench/bench_gate.o $(call archives_of,gatewayd/edge gatewayd lib/base)
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)
bench-gate: $(B)/bench-gate
	@sh test/install.sh valgrind
	@count() { valgrind --tool=callgrind --callgrind-out-file=/dev/null $(B)/bench-gate $$1 $$2 2>&1 | sed -n 's/.*Collected : //p'; }; \
	for n in 1 100 1000 8000 100000; do \
		echo "$$n sources: $$(( ($$(count $$n 60000) - $$(count $$n 30000)) / 30000 )) instructions a connection"; \
	done
.PHONY: bench-gate
