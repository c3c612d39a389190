# make coverage: which branches of lib/transform and lib/policy their unit tests take; a line a file, then the sum.
# BRANCHES=lib/transform/keys.c shows the lines with a branch that no test takes. No part of `make check`.
# -Wno-cpp: the C library warns that _FORTIFY_SOURCE does nothing without optimisation, which counting branches needs.
COVERED        := transform policy
COVERAGE_BUILD := CFLAGS="-O0 -g --coverage -Wno-cpp" LDFLAGS=--coverage $(MAKE) --no-print-directory -j2 CC=gcc B=build/coverage SANITIZE=
coverage:
	@test/install.sh $(DEBIAN_BUILD) $(DEBIAN_COVER)
	@$(COVERAGE_BUILD) $(patsubst %,build/coverage/check-%,$(COVERED))
	@find build/coverage -name '*.gcda' -delete
	@$(foreach a,$(COVERED),build/coverage/check-$(a) &&) true
	@BRANCHES="$(BRANCHES)" test/coverage/report.sh $(patsubst %,lib/%,$(COVERED))
.PHONY: coverage
