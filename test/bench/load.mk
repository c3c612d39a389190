# A load generator: $(B)/load prints its usage. Loopback only, bounded in count and time.
$(B)/load: $(patsubst %.c,$(B)/%.o,$(wildcard test/bench/load/*.c)) $(B)/test/bench/cpu.o $(call archive_of,lib/base)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lssl -lcrypto -pthread
load: $(B)/load
.PHONY: load
