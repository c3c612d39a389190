# make bench-backup: an hourly backup of a store of about a gigabyte, beside ingest and alone; one table. Loopback only, about
# five minutes.
bench-backup: all $(B)/load $(B)/fill
	@sh test/install.sh openssl python3
	BUILD=$(abspath $(B)) timeout 900 python3 test/bench/backup.py
.PHONY: bench-backup
