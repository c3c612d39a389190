# Writes, syncs and engine calls fail in turn, crashes and losses of power strike at each, and kills at random
# moments. make check-faults: every fifth call (a minute); make check-faults-long: every call.
$(B)/faults: $(B)/test/faults/faults.o $(B)/test/faults/inject.o $(call archives_of,$(CORE))
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=sqlite3_step -Wl,--wrap=sqlite3_exec -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)
# The same while a store of an earlier schema is brought to this one.
$(B)/upgrade: $(B)/test/faults/upgrade.o $(B)/test/faults/inject.o $(call archives_of,$(CORE))
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=sqlite3_step -Wl,--wrap=sqlite3_exec -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)
check-faults: $(B)/faults $(B)/upgrade
	$(B)/faults 5 5
	$(B)/upgrade 9
check-faults-long: $(B)/faults $(B)/upgrade
	$(B)/faults 1 60
	$(B)/upgrade 1
.PHONY: check-faults check-faults-long
