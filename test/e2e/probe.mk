# make probe: gatewayd in which each thread tries what it must not be able to do (check_confine.py). Only the files that
# start threads, and the one that confines them, are compiled anew; their objects stand before the archives.
probe_sources := $(shell grep -lE 'CONFINE_PROBE|GATEWAY_PROBE' -r gatewayd --include='*.c')
probe_objects := $(patsubst %.c,$(B)/probe/%.o,$(probe_sources))
$(B)/probe/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DGATEWAY_PROBE $(CFLAGS) -MMD -MP -c -o $@ $<
$(filter $(patsubst $(B)/%,$(B)/probe/%,$(NAMES_BUILD)),$(probe_objects)): CPPFLAGS += -DGATEWAY_BUILD='"$(BUILD_ID)"'
$(B)/bin/gatewayd-probe: $(probe_objects) $(filter-out $(patsubst $(B)/probe/%,$(B)/%,$(probe_objects)),$(B)/gatewayd/main.o $(B)/gatewayd/listeners.o) \
		$(foreach r,gatewayd/core gatewayd/edge gatewayd/common $(LOWER),$(call archive_of,$(r)))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
probe: $(B)/bin/gatewayd-probe
.PHONY: probe
