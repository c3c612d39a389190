# make bench-calls: system calls, context switches and CPU a request by thread, and how long syncs take. Loopback only, about a minute.
bench-calls: all $(B)/load
	@sh test/install.sh openssl python3 strace
	BUILD=$(abspath $(B)) timeout 600 python3 test/bench/calls.py
.PHONY: bench-calls
