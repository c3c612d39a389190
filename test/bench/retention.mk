# make bench-retention: start-up with a million timers, and sweeping 100,000 of them beside full ingest; one table.
# Loopback only, about five minutes.
$(B)/fill: $(B)/test/bench/fill.o $(call archives_of,$(CORE))
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)
bench-retention: all $(B)/load $(B)/fill
	@sh test/install.sh openssl python3
	BUILD=$(abspath $(B)) timeout 900 python3 test/bench/retention.py
.PHONY: bench-retention
