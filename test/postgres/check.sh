#!/bin/bash
# Runs every migration of the store and prepares every statement in a PostgreSQL that is made for it and thrown away. It
# listens on a UNIX socket in its own folder and nowhere else. Usage: check.sh PRINT_SQL
set -euo pipefail
print=$1
bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -1)
folder=$(mktemp -d "${TMPDIR:-/tmp}/gateway-postgres-XXXXXX")

# The server refuses to run as root.
as_other() { if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

stop() {
	local pid
	if pid=$(head -n 1 "$folder/data/postmaster.pid" 2>/dev/null); then
		kill -INT "$pid"
		for _ in $(seq 100); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
	fi
	rm -rf "$folder"
}
trap stop EXIT

[ "$(id -u)" -ne 0 ] || chown postgres "$folder"
cd "$folder"
as_other "$bin/initdb" -D "$folder/data" -A trust -N -E UTF8 --locale=C >"$folder/initdb.log"
as_other "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -t 60 -w \
	-o "-k '$folder' -c listen_addresses= -c fsync=off" start >"$folder/start.log"
cd - >/dev/null

# What is refused goes to the error stream, with its place in the text.
tell() { as_other psql -X -h "$folder" -d postgres -v VERBOSITY=terse; }
count() { grep -c "$1" || true; }

migrations=$("$print" migrations | count '^.echo')
statements=$("$print" statements | count '^PREPARE')
migrated=$("$print" migrations | as_other psql -X -h "$folder" -d postgres -v ON_ERROR_STOP=1 | count '^migrated to')
prepared=$("$print" statements | tell | count '^PREPARE$')
# The check must be able to fail: SQLite's own SQL is refused.
foreign=$(echo "PREPARE foreign_one AS INSERT OR REPLACE INTO value (name, value) VALUES (\$1, \$2);" | tell 2>/dev/null | count '^PREPARE$')

refused=$((migrations - migrated + statements - prepared + foreign))
echo "$statements statements, $migrations migrations prepared in PostgreSQL, $refused refused"
[ "$refused" -eq 0 ] && [ "$statements" -gt 0 ] && [ "$migrations" -gt 0 ]
