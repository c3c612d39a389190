# make bench-disk: the gateway beside the service in Node.js on a disk whose sync takes 1 and 5 ms more; one table. Loopback only, about
# two minutes.
$(B)/slow_sync.so: test/bench/slow_sync.c
	@mkdir -p $(@D)
	$(Q)$(CC) -shared -fPIC -O2 -Wall -Wextra -Werror -o $@ $<
ifneq ($(shell command -v npm 2>/dev/null),)
bench-disk: $(B)/peer/node_modules
endif
bench-disk: all $(B)/load $(B)/slow_sync.so
	@sh test/install.sh openssl python3
	@mkdir -p $(B)/peer && cp test/bench/peer/server.mjs $(B)/peer
	BUILD=$(abspath $(B)) timeout 1200 python3 test/bench/slow_disk.py
.PHONY: bench-disk
