# The agreement commands of gatewayctl, run as a person would.
check-policy-commands: $(B)/bin/gatewayctl
	test/policy/commands.sh $(B)/bin/gatewayctl
.PHONY: check-policy-commands
