# make bench-door: how an honest partner fares under each attack on the door, in several rounds by turns: quiet, beside the same
# attack on another gateway of this machine, and under it. CLASSES="silent TCP": one of them. Loopback only, about five minutes.
bench-door: all
	@sh test/install.sh openssl python3
	OTHER=1 HONEST=100 ROUNDS=$(or $(ROUNDS),5) BUILD=$(abspath $(B)) python3 test/e2e/run.py check_edge_attacks
.PHONY: bench-door
