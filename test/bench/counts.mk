# make bench-check: instructions of fixed scenarios against those that are recorded, by callgrind; no time in it.
$(B)/counts: $(B)/test/bench/counts.o $(call archives_of,$(CORE))
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group -lcheck -lsubunit -lrt $(LDLIBS)
