# make bench-check: instructions of fixed scenarios against those that are recorded; bench-record records them.
# Compiled with -O2 by the compiler that they are recorded for, whatever the rest is built with.
$(B)/counts: $(B)/test/bench/counts.o $(call archives_of,gatewayd/edge $(CORE))
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group -lcheck -lsubunit -lrt $(LDLIBS)
bench-check: $(B)/counts
	@sh test/install.sh valgrind python3
	@python3 test/bench/counts.py $(B)/counts
bench-record: $(B)/counts
	@sh test/install.sh valgrind python3
	@python3 test/bench/counts.py $(B)/counts --record
.PHONY: bench-check bench-record
