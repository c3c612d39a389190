# The agreement's meaning, written a second time in Python, against the gateway's own: random agreements and records.
$(B)/meaning-judge: $(B)/test/meaning/judge.o $(foreach r,$(below_policy),$(call archive_of,$(r)))
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
# One seed, so that a change is judged by the same worlds as the one before it; the long run draws its own.
check-meaning: $(B)/meaning-judge
	python3 -B test/meaning/run.py --judge $(B)/meaning-judge --agreements 1000 --seed $(or $(SEED),1)
check-meaning-long: $(B)/meaning-judge
	python3 -B test/meaning/run.py --judge $(B)/meaning-judge --agreements 50000 $(if $(SEED),--seed $(SEED))
# What the comparison is worth: mutants of the code that decides. Slow, and no part of `make check`.
mutants:
	test/meaning/mutants.py
.PHONY: check-meaning check-meaning-long mutants
