# make bench-gateway: one gateway beside nginx and a service in Node.js, the whole job of a record; and two gateways. Loopback only.
$(B)/peer/node_modules: test/bench/peer/package.json test/bench/peer/package-lock.json
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --no-audit --no-fund
	@touch $@
ifneq ($(shell command -v npm 2>/dev/null),)
bench-gateway: $(B)/peer/node_modules
endif
bench-gateway: all $(B)/load
	@sh test/install.sh openssl python3
	@mkdir -p $(B)/peer && cp test/bench/peer/server.mjs $(B)/peer
	BUILD=$(abspath $(B)) timeout 1200 python3 test/bench/gateway.py
.PHONY: bench-gateway
