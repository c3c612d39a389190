# make probe: gatewayd in which each thread tries what it must not be able to do (check_confine.py). Only the files that
# start threads, and the one that confines them, are compiled anew; their objects stand before the archives.
probe_sources := $(shell grep -lE 'CONFINE_PROBE|GATEWAY_PROBE' -r gatewayd --include='*.c')
probe_objects := $(probe_sources:%.c=$(B)/probe/%.o)
$(B)/probe/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DGATEWAY_PROBE $(CFLAGS) -MMD -MP -c -o $@ $<
$(filter $(NAMES_BUILD:$(B)/%=$(B)/probe/%),$(probe_objects)): CPPFLAGS += -DGATEWAY_BUILD='"$(BUILD_ID)"'
$(B)/bin/gatewayd-probe: $(probe_objects) $(B)/gatewayd/main.o $(B)/gatewayd/listeners.o $(B)/gatewayd/sandbox.o $(B)/gatewayd/passed.o $(call archives_of,gatewayd/edge $(CORE))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)
probe: $(B)/bin/gatewayd-probe
.PHONY: probe
