# Writes, syncs and engine calls fail in turn, crashes and losses of power strike at each, and kills at random
# moments. make check-faults: every fifth call (a minute); make check-faults-long: every call.
faults_rooms := gatewayd/core gatewayd/common $(LOWER)
$(B)/faults: $(B)/test/faults/faults.o $(B)/test/faults/inject.o $(foreach r,$(faults_rooms),$(call archive_of,$(r)))
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=sqlite3_step -Wl,--wrap=sqlite3_exec -o $@ $^ $(LDLIBS)
check-faults: $(B)/faults
	$(B)/faults 5 5
check-faults-long: $(B)/faults
	$(B)/faults 1 60
.PHONY: check-faults check-faults-long
