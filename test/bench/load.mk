# A load generator: $(B)/load prints its usage. Loopback only, bounded in count and time.
$(B)/load: $(B)/test/bench/load.o $(B)/test/bench/cpu.o $(call archive_of,lib/base)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lssl -lcrypto -pthread
load: $(B)/load
.PHONY: load
