# make bench-retention: start-up with a million timers, and sweeping 100,000 of them beside full ingest; one table.
# Loopback only, about five minutes.
bench_fill_rooms := gatewayd/core gatewayd/common $(LOWER)
$(B)/fill: $(B)/test/bench/fill.o $(foreach r,$(bench_fill_rooms),$(call archive_of,$(r)))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
bench-retention: all $(B)/load $(B)/fill
	@sh test/install.sh openssl python3
	BUILD=$(abspath $(B)) timeout 900 python3 test/bench/retention.py
.PHONY: bench-retention
