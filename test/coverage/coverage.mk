# make coverage: what unit tests reach, and the runs in which each write, sync, allocation or call of the engine fails.
# make coverage-all: the end-to-end tests besides (TESTS="check_x …": these), which is an hour; without them the commands of
# gatewayctl count as hardly reached. Of lib/transform, lib/policy and gatewayd/edge the branches, a line a file and a
# sum; of gatewayd/core the lines, a line a room, where every runner of core counts for every room; and of all the source
# lines and branches. No part of `make check`.
# BRANCHES=lib/transform/keys.c shows the lines of one file with a branch that no test takes, LINES_OF=gatewayd/core/copy
# a line a file of one room with the lines that no test reaches; ROOMS_ONLY=1 leaves lib out.
# -Wno-cpp: the C library warns that _FORTIFY_SOURCE does nothing without optimisation, which counting branches needs.
COVERED        := $(if $(ROOMS_ONLY)$(LINES_OF),$(CORE_AREAS),$(if $(BRANCHES),transform policy edge,$(AREAS)))
COVERAGE_BUILD := CFLAGS="-O0 -g --coverage -Wno-cpp" LDFLAGS=--coverage $(MAKE) --no-print-directory -j2 CC=gcc B=build/coverage SANITIZE= EXTRA=-DGATEWAY_COVERAGE
COVERED_FAULTS := $(if $(ROOMS_ONLY)$(LINES_OF)$(BRANCHES),,build/coverage/faults build/coverage/upgrade)
# The daemon's processes write what they reached at their end, as the other programs do.
ifeq ($(B),build/coverage)
$(B)/bin/gatewayd: LDFLAGS += -Wl,--wrap=confine_edge -Wl,--wrap=confine_core
$(B)/bin/gatewayd: $(B)/test/coverage/unconfined.o
endif
coverage:
	@test/install.sh $(DEBIAN_BUILD) $(DEBIAN_COVER)
	@$(COVERAGE_BUILD) $(patsubst %,build/coverage/check-%,$(COVERED)) $(COVERED_FAULTS)
	@find build/coverage -name '*.gcda' -delete
	@export UNCONFINED=1; $(foreach a,$(COVERED),build/coverage/check-$(a) &&) true
	@$(if $(COVERED_FAULTS),build/coverage/faults 7 0 && build/coverage/upgrade 9)
	@BRANCHES="$(BRANCHES)" LINES_OF="$(LINES_OF)" test/coverage/report.sh \
		$(if $(ROOMS_ONLY),,lib/transform lib/policy gatewayd/edge) gatewayd/core
	@$(if $(ROOMS_ONLY)$(LINES_OF)$(BRANCHES),true,test/coverage/report.sh --all)
# Of the files on which most rests: which branches no test takes, and the reason of each. After coverage, or coverage-all; fails
# while one has none.
coverage-branches:
	@python3 test/coverage/branches.py '.*(HASH_[A-Z_]+|[^_]assert)\(.*' $(FILES)
coverage-all: coverage
	@$(COVERAGE_BUILD) all
	@BUILD=$(abspath build/coverage) python3 test/e2e/run.py $(TESTS)
	@test/coverage/report.sh --all
.PHONY: coverage coverage-all coverage-branches
