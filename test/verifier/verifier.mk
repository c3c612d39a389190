# make check-verifier: our logs and receipts judged by Go's golang.org/x/mod/sumdb packages and by openssl.
# Debian packages: golang-go, golang-golang-x-mod-dev, openssl.
$(B)/make-log: $(B)/test/verifier/make_log.o $(call archives_of,$(CORE))
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)
$(B)/verifier: test/verifier/verifier.go
	@mkdir -p $(@D)
	$(Q)GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$(abspath $(B))/go-cache GOFLAGS=-buildvcs=false \
		go build -o $@ $<
check-verifier: $(B)/make-log $(B)/bin/gatewayctl test/verifier/run.sh
	@if command -v go >/dev/null && [ -d /usr/share/gocode/src/golang.org/x/mod ]; then \
		$(MAKE) --no-print-directory B=$(B) $(B)/verifier && \
		test/verifier/run.sh $(abspath $(B)/make-log) $(abspath $(B)/bin/gatewayctl) $(abspath $(B)/verifier); \
	else echo "SKIP check-verifier: golang-go and golang-golang-x-mod-dev are not installed"; fi
.PHONY: check-verifier
