# make bench-ajv: parse + validate beside Ajv (Node.js), which npm installs by the lock file.
$(B)/bench-validate: $(B)/test/bench/bench_validate.o $(foreach r,lib/schema lib/crypto lib/json lib/base,$(call archive_of,$(r)))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/ajv/node_modules: test/bench/package.json test/bench/package-lock.json
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --no-audit --no-fund
	@touch $@
# Modules are looked for beside the script, so that is copied too; it finds the tree by TREE.
ifneq ($(shell command -v npm 2>/dev/null),)
bench-ajv: $(B)/bench-validate $(B)/ajv/node_modules
	cp test/bench/ajv.mjs $(B)/ajv/
	TREE=$(CURDIR) node $(B)/ajv/ajv.mjs $(B)/bench-validate $(B)/ajv/records
else
bench-ajv:
	@echo 'SKIP bench-ajv: npm not found'
endif
.PHONY: bench-ajv
