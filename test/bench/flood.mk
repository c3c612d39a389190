# make bench-flood: memory under 60 batches of 1,000 refused lines, and how long one partner waits beside another's flood.
# Loopback only, about a minute and a half.
bench-flood: all
	@sh test/install.sh openssl python3
	BUILD=$(abspath $(B)) timeout 300 python3 test/bench/flood.py
.PHONY: bench-flood
