# make check-pages: the pages that the programs make for people (an agreement's summary, the flow map, the page that verifies receipts in
# each of its states), judged by axe-core in Debian's chromium: narrow and wide, light and dark. npm package by the lock file.
# GATEWAY_SCREENSHOTS=DIR keeps what is to be seen.
PAGES := $(B)/pages
$(PAGES)/node_modules: test/pages/package.json test/pages/package-lock.json
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --no-audit --no-fund
	@touch $@
ifeq ($(and $(shell command -v npm 2>/dev/null),$(shell command -v chromium 2>/dev/null)),)
check-pages:
	@echo 'SKIP check-pages: npm or chromium not found'
else
check-pages: all $(PAGES)/node_modules
	@BUILD="$(abspath $(B))" python3 test/pages/pages.py $(abspath $(PAGES))/node_modules/axe-core/axe.min.js
endif
.PHONY: check-pages
