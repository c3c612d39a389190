# make check-openapi: /openapi.json read with the tools of others: redocly lints it, openapi-typescript makes types of it, and a client
# that is typed by them posts records to a gateway. npm packages by the lock file.
OPENAPI := $(B)/openapi
$(OPENAPI)/node_modules: test/openapi/package.json test/openapi/package-lock.json
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --no-audit --no-fund
	@touch $@
ifneq ($(shell command -v npm 2>/dev/null),)
check-openapi: all $(OPENAPI)/node_modules
	cp test/openapi/client.ts test/openapi/tsconfig.json test/openapi/redocly.yaml $(OPENAPI)
	@BUILD="$(abspath $(B))" python3 test/openapi/run.py $(abspath $(OPENAPI))
else
check-openapi:
	@echo 'SKIP check-openapi: npm not found'
endif
.PHONY: check-openapi
