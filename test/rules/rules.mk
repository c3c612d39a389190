# Rules that need the objects: walls between rooms, and code that no program reaches.
WHOLE = -Wl,--whole-archive $(1) -Wl,--no-whole-archive
$(B)/rules/daemon.txt: $(B)/bin/gatewayd
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -Wl,--print-gc-sections -o $(B)/rules/whole $(B)/gatewayd/main.o $(B)/gatewayd/listeners.o \
		$(call WHOLE,$(call archives_of,gatewayd/edge $(CORE))) $(LDLIBS) 2>$@
	@rm $(B)/rules/whole*
$(B)/rules/ctl.txt: $(B)/bin/gatewayctl
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -Wl,--print-gc-sections -o $(B)/rules/whole-ctl $(call WHOLE,$(call archives_of,gatewayd/ctl $(CORE))) $(LDLIBS) -lcurl 2>$@
	@rm $(B)/rules/whole*
check-sections: $(B)/rules/daemon.txt $(B)/rules/ctl.txt
	@python3 test/rules/sections.py $^
check-rooms: all
	@python3 test/rules/rooms.py . $(B)
# That the tests which the threat model names are there.
check-threats:
	@python3 test/rules/threats.py .
# Two analysers that follow paths, over all the source; what they find is mended or stands in analyze.txt. Half an hour.
analyze:
	@test/install.sh $(DEBIAN_BUILD) clang
	@test/rules/analyze.sh
.PHONY: check-sections check-rooms check-threats analyze
