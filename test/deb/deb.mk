# make deb: packages in build/packages, looked at by lintian. make check-deb: installs them into a fresh minimal Debian and runs the
# demo from what was installed; a part of check-long, which needs minutes and a Debian mirror.
DEBIAN_DEB := debhelper dpkg-dev fakeroot lintian check scdoc jq
deb:
	@test/install.sh $(DEBIAN_BUILD) $(DEBIAN_DEB)
	@test/deb/build.sh
check-deb: deb
	@test/install.sh mmdebstrap systemd
	@test/deb/check.sh
.PHONY: deb check-deb
