# Writes, syncs and engine calls fail in turn, crashes and losses of power strike at each, and kills at random
# moments. make check-faults: every fifth call (a minute); make check-faults-long: every call.
$(B)/faults: $(B)/test/faults/faults.o $(B)/test/faults/inject.o $(call archives_of,$(CORE))
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=sqlite3_step -Wl,--wrap=sqlite3_exec -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)
check-faults: $(B)/faults
	$(B)/faults 5 5
check-faults-long: $(B)/faults
	$(B)/faults 1 60
.PHONY: check-faults check-faults-long
