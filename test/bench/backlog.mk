# make bench-backlog: a backlog that drains to a partner that came back, beside full load; N=100000 is the whole. Loopback only, about a minute.
bench-backlog: all $(B)/load
	@sh test/install.sh openssl python3
	BUILD=$(abspath $(B)) timeout 3600 python3 test/bench/backlog.py
.PHONY: bench-backlog
