# The agreement commands of gatewayctl, run as a person would.
check-policy-commands: $(B)/bin/gatewayctl
	test/policy/commands.sh $(B)/bin/gatewayctl
.PHONY: check-policy-commands

# What one record costs in the pure part.
$(B)/bench-policy: $(B)/test/bench/bench_policy.o $(foreach r,$(below_policy),$(call archive_of,$(r)))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcheck -lsubunit -lrt $(LDLIBS)
bench-policy: $(B)/bench-policy
	$(B)/bench-policy
.PHONY: bench-policy

# The tables that decisions are held against: compiled without a way to any header of the project.
$(B)/test/policy/oracle.o: CPPFLAGS :=
$(B)/check-policy: $(B)/test/policy/oracle.o

# Pieces of arenas fail in test/policy/check_memory.c.
$(B)/check-policy: LDLIBS += -Wl,--wrap=arena_alloc -Wl,--wrap=arena_str -Wl,--wrap=arena_copy
