# Rules that need the objects: walls between rooms, and code that no program reaches.
WHOLE = -Wl,--whole-archive $(1) -Wl,--no-whole-archive
$(B)/rules/daemon.txt: $(B)/bin/gatewayd
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -Wl,--print-gc-sections -o $(B)/rules/whole $(B)/gatewayd/main.o $(B)/gatewayd/listeners.o $(B)/gatewayd/sandbox.o $(B)/gatewayd/passed.o \
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
# Two analysers that follow paths, over all the source; what they find is mended or stands in analyze.txt. An hour of one
# processor the first time: each file has its stamp of each analyser, so that a run goes on where it was stopped, takes what
# changed alone, and may have -j. FILES="a.c b.c": these only. builtin.c includes what the build makes.
ANALYZED = $(or $(FILES),$(filter-out lib/schema/builtin.c,gatewayd/main.c gatewayd/listeners.c gatewayd/sandbox.c \
	$(foreach r,$(ROOMS),$(call sources_of,$(r)))))
$(B)/analyze/%.gcc: %.c test/rules/analyze_one.sh
	@mkdir -p $(@D)
	@test/rules/analyze_one.sh gcc $< $@
$(B)/analyze/%.clang: %.c test/rules/analyze_one.sh
	@mkdir -p $(@D)
	@test/rules/analyze_one.sh clang $< $@
analyze-packages:
	@test/install.sh $(DEBIAN_BUILD) clang
analyze: $(ANALYZED:%.c=$(B)/analyze/%.gcc) $(ANALYZED:%.c=$(B)/analyze/%.clang)
	@FILES="$(FILES)" python3 test/rules/analyze.py $(B)/analyze $(ANALYZED)
$(ANALYZED:%.c=$(B)/analyze/%.gcc) $(ANALYZED:%.c=$(B)/analyze/%.clang): | analyze-packages
.PHONY: check-sections check-rooms check-threats analyze analyze-packages
