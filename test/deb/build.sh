#!/bin/sh
# Builds the Debian packages of this tree, as it lies here, in build/packages, and has lintian look at them.
set -eu
cd "$(dirname "$0")/../.."
out=build/packages
rm -rf "$out"
mkdir -p "$out/gatewayd"
git ls-files -co --exclude-standard -z | tar --null -T - -c | tar -x -C "$out/gatewayd"
cd "$out/gatewayd"
DEB_BUILD_OPTIONS="parallel=2 ${DEB_BUILD_OPTIONS:-}" dpkg-buildpackage -us -uc -b
cd ..
root=""
[ "$(id -u)" -ne 0 ] || root=--allow-root
lintian $root --pedantic --display-info --fail-on error,warning ./*.changes
ls -l ./*.deb
