# make bench-schema: reading and checking records beside jansson's reading alone.
# make bench-ajv: the same records beside Node's JSON.parse and Ajv (npm packages by lock file).
$(B)/bench-schema: $(B)/test/bench/bench_schema.o $(foreach r,lib/schema lib/json lib/base,$(call archive_of,$(r)))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -ljansson -lpcre2-8 -lutf8proc -lidn2 -lm
bench-schema: $(B)/bench-schema
	$(B)/bench-schema
bench-ajv: $(B)/bench-schema
	@rm -rf $(B)/ajv && mkdir -p $(B)/ajv && cp test/bench/ajv/package*.json $(B)/ajv/
	@if command -v npm >/dev/null && (cd $(B)/ajv && npm ci --silent >/dev/null 2>&1); then \
		$(B)/bench-schema 0.3 $(B)/ajv && cd $(B)/ajv && node $(abspath test/bench/ajv/bench_ajv.mjs) . $(abspath schema); \
	else echo "SKIP schema beside Ajv: npm or its packages are not there"; fi
.PHONY: bench-schema bench-ajv
