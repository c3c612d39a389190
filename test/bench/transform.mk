# make bench-transform: microseconds a record, nanoseconds a primitive.
$(B)/bench-transform: $(B)/test/bench/bench_transform.o $(foreach r,lib/transform lib/schema lib/crypto lib/json lib/base,$(call archive_of,$(r)))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
bench-transform: $(B)/bench-transform
	$(B)/bench-transform
.PHONY: bench-transform
