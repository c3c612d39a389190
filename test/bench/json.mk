# make bench-json: the tape reader beside jansson.
$(B)/bench-json: $(B)/test/bench/bench_json.o $(call archive_of,lib/json) $(call archive_of,lib/base)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -ljansson
bench-json: $(B)/bench-json
	$(B)/bench-json
.PHONY: bench-json
