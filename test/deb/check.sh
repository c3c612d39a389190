#!/bin/bash
# Installs the packages of build/packages into a fresh minimal Debian in a folder of its own, and uses them as their user would: the
# account and folders, the unit as it came, a node of `init --system`, listeners that are passed, the demo, and removal. Needs root
# (sudo) for the folder's /proc and accounts, and a Debian mirror: that of apt's own sources. Prints figures; ends with `N passed, 0 failed`.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "$(id -u)" -ne 0 ]; then exec sudo -E "$0" "$@"; fi
# Mounts of what follows are its own and gone with it.
if [ "${1:-}" != --inside ]; then exec unshare --mount "$0" --inside; fi

packages=$PWD/build/packages
root=$(mktemp -d /tmp/gatewayd-deb.XXXXXX)
passed=0
daemon=
finish() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	umount "$root/proc" 2>/dev/null || true
	rm -rf --one-file-system "$root"
}
trap finish EXIT
trap 'exit 130' INT TERM

within() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
fail() {
	printf 'FAILED: %s\n%d passed, 1 failed\n' "$1" "$passed"
	exit 1
}
# What it says, and whether the command after it succeeds.
holds() {
	local what=$1
	shift
	"$@" || fail "$what"
	passed=$((passed + 1))
	printf 'ok: %s\n' "$what"
}
equals() { [ "$1" = "$2" ] || { printf 'is:     %s\nshould: %s\n' "$1" "$2"; return 1; }; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

echo "== a fresh minimal Debian =="
sources=/etc/apt/sources.list.d/debian.sources
[ -f "$sources" ] || sources=/etc/apt/sources.list
mmdebstrap --quiet --variant=minbase --include=curl,jq,openssl,python3 bookworm "$root" "$sources"
chmod 755 "$root"
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
before=$(within dpkg-query -W -f '${Installed-Size}\n' | awk '{ n += $1 } END { print n }')

echo "== installed =="
for name in gatewayd gatewayctl gatewayd-doc; do cp "$packages/$name"_[0-9]*.deb "$root/root/"; done
within apt-get update -qq
within sh -c 'apt-get install -y -qq --no-install-recommends /root/gateway*.deb >/root/apt.log 2>&1' || { cat "$root/root/apt.log"; fail "apt installs the packages"; }
after=$(within dpkg-query -W -f '${Installed-Size}\n' | awk '{ n += $1 } END { print n }')
ours=$(within dpkg-query -W -f '${Installed-Size}\n' gatewayd gatewayctl gatewayd-doc | awk '{ n += $1 } END { print n }')
printf 'packages: %s KiB of their own, %s KiB with what they need; %s KiB before\n' "$ours" $((after - before)) "$before"
holds "each file is as it was packed" equals "$(within dpkg -V gatewayd gatewayctl gatewayd-doc)" ""
holds "the account is there, and may not log in" within sh -c 'getent passwd gatewayd | grep -q "/var/lib/gatewayd:/usr/sbin/nologin$"'
holds "folders are its own, and nobody else's" equals \
	"$(within stat -c '%a %U %n' /var/lib/gatewayd/keys /var/lib/gatewayd/store /var/lib/gatewayd/anchor /var/log/gatewayd | tr '\n' ' ')" \
	"700 gatewayd /var/lib/gatewayd/keys 700 gatewayd /var/lib/gatewayd/store 700 gatewayd /var/lib/gatewayd/anchor 750 gatewayd /var/log/gatewayd "
holds "nothing is enabled by the installation" equals "$(within find /etc/systemd/system -name 'gatewayd*')" ""
holds "the units read without a word" equals "$(within systemd-analyze verify --man=no gatewayd.service gatewayd.socket 2>&1)" ""
within systemd-analyze security --offline=true --no-pager gatewayd.service | grep Overall
holds "exposure is 1.0 at most" within sh -c 'systemd-analyze security --offline=true --threshold=10 --no-pager gatewayd.service >/dev/null'
for path in prometheus-rules.yaml runbook.md gatewayd.lnav.json decisions/9-border-trace.md recipient.py examples/gatewayd.json examples/records/pnr/released.json; do
	holds "documents: $path" test -f "$root/usr/share/doc/gatewayd/$path"
done
holds "manual pages" sh -c "zcat $root/usr/share/man/man8/gatewayd.8.gz | grep -q JOURNAL_STREAM && zcat $root/usr/share/man/man1/gatewayctl.1.gz | grep -q SYNOPSIS"

echo "== a node where the unit has it =="
listen=127.0.0.1:$(free_port) monitor=127.0.0.1:$(free_port) unit=$root/lib/systemd/system/gatewayd.service
within gatewayctl init --system --ca trial --agency north --host gw.north.example --listen "$listen" --jurisdiction XN >/dev/null
within sh -c "jq --arg m $monitor '.monitor = [\$m]' /etc/gatewayd/gatewayd.json >/root/new && cat /root/new >/etc/gatewayd/gatewayd.json"
# shellcheck disable=SC2046
within $(sed -n 's/^ExecStartPre=+//p' "$unit")
holds "gatewayd -t finds nothing wrong" within gatewayd -c /etc/gatewayd/gatewayd.json -t
# Its own ExecStart, as its own user, with the listener that the socket unit would pass: started by the first connection.
# shellcheck disable=SC2046
{ exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin systemd-socket-activate -l "$listen" \
	setpriv --reuid=gatewayd --regid=gatewayd --clear-groups $(sed -n 's/^ExecStart=//p' "$unit") >"$root/root/daemon.log" 2>&1; } &
daemon=$!
ready() {
	local tries
	for tries in $(seq 100); do
		[ "$tries" -gt 5 ] || python3 -c "import socket; socket.create_connection(('127.0.0.1', ${listen#*:}), 1)" 2>/dev/null || true
		[ "$(curl -s "http://$monitor/readyz" | head -n 1)" != ready ] || return 0
		sleep 0.1
	done
	cat "$root/root/daemon.log"
	return 1
}
holds "it serves what the service manager passes" ready
holds "metrics are there" sh -c "curl -s http://$monitor/metrics | grep -q '^gatewayd_build_info{version=\"$(dpkg-deb -f "$packages"/gatewayd_[0-9]*.deb Version)\"} 1$'"
holds "gatewayctl reaches it" within sh -c 'gatewayctl -c /etc/gatewayd/gatewayd.json status >/dev/null'
kill "$daemon"
wait "$daemon" || true
daemon=

echo "== the demo, from what is installed, as an account without rights =="
started=$SECONDS
if ! chroot --userspec=gatewayd:gatewayd "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp /usr/share/doc/gatewayd/examples/demo/demo.sh --once >"$root/root/demo.log" 2>&1; then
	tail -n 40 "$root/root/demo.log"
	fail "the demo"
fi
printf 'the demo took %d s, %d parts\n' $((SECONDS - started)) "$(grep -c '== .* ==' "$root/root/demo.log")"
holds "the demo ran to its end" grep -q "Everything went as it should" "$root/root/demo.log"

echo "== removed =="
within sh -c 'apt-get purge -y -qq gatewayd gatewayctl gatewayd-doc >/root/apt.log 2>&1' || { cat "$root/root/apt.log"; fail "apt removes the packages"; }
holds "keys, store and log stay: they are not the package's to destroy" test -d "$root/var/lib/gatewayd/keys"
holds "nothing else of it stays" equals "$(within find / -xdev -path /proc -prune -o -path /etc/gatewayd -prune -o -path /var/lib/gatewayd -prune -o -path /var/log/gatewayd -prune -o -path /run/gatewayd -prune -o -path /root -prune -o -name '*gateway*' -print)" ""
printf '%d passed, 0 failed\n' "$passed"
