# make bench-schema: reading and checking records beside jansson's reading alone.
$(B)/bench-schema: $(B)/test/bench/bench_schema.o $(foreach r,lib/schema lib/json lib/base,$(call archive_of,$(r)))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -ljansson -lpcre2-8 -lutf8proc -lidn2 -lm
bench-schema: $(B)/bench-schema
	$(B)/bench-schema
.PHONY: bench-schema
