# make check-tsan: both processes in a build of their own (build/tsan) under load, with ThreadSanitizer. Every report that
# test/tsan/explained.txt has no reason for fails. TESTS="check_x …": other end-to-end tests than those that are named here;
# SECONDS: of load.
TSAN_TESTS ?= check_exchange check_batch check_sender check_epoch
check-tsan:
	@test/install.sh $(DEBIAN_BUILD) openssl python3
	@$(MAKE) --no-print-directory -j2 SANITIZE=thread B=build/tsan all build/tsan/load build/tsan/race
	@BUILD=$(abspath build/tsan) test/tsan/check.sh $(or $(TESTS),$(TSAN_TESTS))
# That a race is found, and that its report is counted.
$(B)/race: $(B)/test/tsan/race.o
	$(Q)$(CC) $(LDFLAGS) -o $@ $^
.PHONY: check-tsan
