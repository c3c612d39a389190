# make bench-growth: the cost of a record as connections, its size, agreements, stored exchanges and the log grow, and the start; tables,
# and curves as SVG in build/bench. Loopback only, about ten minutes; N=10000000 AGREEMENTS=5000 is the whole.
bench-growth: all $(B)/load $(B)/fill
	@sh test/install.sh openssl python3
	BUILD=$(abspath $(B)) timeout 36000 python3 test/bench/growth.py
.PHONY: bench-growth
