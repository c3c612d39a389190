# make bench-gateway: one gateway beside nginx, the whole job of a record, one table. Loopback only, about two minutes.
bench-gateway: all $(B)/load
	@sh test/install.sh openssl python3
	BUILD=$(abspath $(B)) timeout 600 python3 test/bench/gateway.py
.PHONY: bench-gateway
