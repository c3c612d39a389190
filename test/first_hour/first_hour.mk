# The first hour, as README.md has it: two nodes by its own commands, counted.
.PHONY: check-first-hour
check-first-hour: all
	@BUILD="$(abspath $(B))" python3 test/first_hour/first_hour.py
