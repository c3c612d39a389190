"""The manual pages say what the programs do: every synopsis of gatewayctl(1) is that of the one table of commands,
both pages build, and the example configuration fits its schemas and the unit."""

import glob
import json
import re
import shutil
import subprocess
import unittest

from world import GATEWAYCTL, GATEWAYD, ROOT, read, run


class Manual(unittest.TestCase):
    def test_synopses_are_those_of_the_table(self):
        """Word for word, without the marks of scdoc(5)."""
        page = read(f"{ROOT}/doc/gatewayctl.1.scd")
        plain = re.sub(r"[*_\\]|(?<=\S)\+\+$", "", page, flags=re.M).replace("...", "…").replace(" …", "…")
        commands = json.loads(run(GATEWAYCTL, "-o", "json", "help")[1])
        self.assertGreater(len(commands), 60)
        lines = {line.strip() for line in plain.split("\n")}
        for c in commands:
            synopsis = f"{c['command']} {c['arguments']}".strip().replace(" …", "…")
            # Synopses with alternatives stand on a line each.
            for one in synopsis.split("\n"):
                self.assertTrue(one in lines, f"is not a synopsis of the manual page: {one}")
        described = set(re.findall(r"(?m)^\*([a-z][a-z -]*)\*", page))
        self.assertEqual(described - {c["command"] for c in commands}, {"gatewayctl", "gatewayd"}, "described, but no command")
        print(f"{len(commands)} commands, all in the manual page as the table has them")

    def test_options_are_those_of_the_table(self):
        """Every long option that a command takes stands in some synopsis: what none names, nobody finds."""
        known = {option for c in json.loads(run(GATEWAYCTL, "-o", "json", "help")[1]) for option in c["options"]}
        for path in glob.glob(f"{ROOT}/gatewayd/ctl/*.[ch]"):
            for name in re.findall(r'\{\s*"([a-z-]+)",\s*(?:required|no)_argument', read(path)):
                if name not in ("help", "version"):
                    self.assertIn(f"--{name}", known, path)

    def test_programs_say_what_they_are(self):
        pattern = r"%s [0-9a-z.-]+, store schema [0-9]+\n"
        self.assertRegex(run(GATEWAYCTL, "--version")[1], pattern % "gatewayctl")
        self.assertRegex(run(GATEWAYD, "--version")[1], pattern % "gatewayd")
        self.assertEqual(run(GATEWAYCTL, "--help")[1], run(GATEWAYCTL, "help")[1])
        self.assertEqual(run(GATEWAYD, "--no-such-thing", ok=False)[0], 2)

    @unittest.skipUnless(shutil.which("scdoc"), "scdoc is not installed")
    def test_pages_build(self):
        for name in ("gatewayd.8", "gatewayctl.1"):
            with open(f"{ROOT}/doc/{name}.scd", encoding="utf-8") as f:
                done = subprocess.run(["scdoc"], stdin=f, capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    def test_example_configuration_is_valid(self):
        run(GATEWAYCTL, "schema", "validate", "--format", f"{ROOT}/schema/node.schema.json", f"{ROOT}/conf/gatewayd.json")
        partners = glob.glob(f"{ROOT}/conf/partners/*.json")
        self.assertTrue(partners)
        run(GATEWAYCTL, "schema", "validate", "--format", f"{ROOT}/schema/partner.schema.json", *partners)

    def test_example_configuration_fits_the_unit(self):
        conf, unit = json.loads(read(f"{ROOT}/conf/gatewayd.json")), read(f"{ROOT}/systemd/gatewayd.service")
        self.assertIn("ExecStart=/usr/sbin/gatewayd -c /etc/gatewayd/gatewayd.json\n", unit)
        self.assertEqual(conf["tls"]["key"], "/run/gatewayd/tls.key")
        for when in ("ExecStartPre", "ExecReload"):
            self.assertRegex(unit, rf"(?m)^{when}=\+/usr/bin/install -o gatewayd .* /run/gatewayd/tls\.key$")
        state = re.search(r"(?m)^StateDirectory=(.*)$", unit).group(1).split()
        for path, is_folder in ((conf["store"], False), (conf["keys"], True), (conf["audit"]["anchor"], False)):
            folder = path if is_folder else path.rsplit("/", 1)[0]
            self.assertIn(folder.removeprefix("/var/lib/"), state, "systemd makes the folder")
        self.assertTrue(conf["audit"]["mirror"].startswith("/var/log/gatewayd/"))
        self.assertIn("LogsDirectory=gatewayd\n", unit)
        self.assertTrue(conf["control"].startswith("/run/gatewayd/"))
        self.assertIn("RuntimeDirectory=gatewayd\n", unit)
        self.assertIn(conf["audit"]["mirror"], read(f"{ROOT}/systemd/gatewayd.logrotate"))
