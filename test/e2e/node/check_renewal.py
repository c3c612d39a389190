"""The gateway's certificate is renewed while it serves: by a reload, and by the script for ACME clients. What does not fit is
not taken, and what expires is said in time."""

import os
import shutil
import subprocess
import unittest

import agreements
from set_up_rows import Maker
from world import GATEWAYCTL, ROOT, Client, World, read, run, wait_for

SCRIPT = f"{ROOT}/systemd/renew-certificate"


class Renewal(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
        self.south = self.world.south
        self.maker = Maker(self.world, f"{self.world.folder}/maker")
        self.pem, self.key = f"{self.south.folder}/tls/gateway.pem", f"{self.south.folder}/tls/gateway.key"
        shutil.copy(self.key, f"{self.maker.folder}/good.key")
        self.south.start()

    def shown(self):
        client = Client(self.world, self.south, *self.world.systems["south"])
        client.connect()
        der = client.connection.sock.getpeercert(binary_form=True)
        client.close()
        return der

    def renew(self, certificate, key):
        env = {**os.environ, "GATEWAYD_CERTIFICATE": self.pem, "GATEWAYD_KEY": self.key,
               "GATEWAYD_RELOAD": f"{GATEWAYCTL} -c {self.south.config} reload"}
        done = subprocess.run([SCRIPT, certificate, key], capture_output=True, text=True, env=env, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_the_script_of_acme_clients(self):
        before, files = self.shown(), (read(self.pem), read(self.key))
        standing = Client(self.world, self.south, *self.world.systems["south"])
        self.assertEqual(standing.request("GET", "/v1/agreements")[0], 200)
        # A new key as well.
        pair = self.maker.gateway("new", kind="P-384")
        status, out = self.renew(*pair)
        self.assertEqual(status, 0, out)
        self.assertIn("reloaded", out)
        wait_for(lambda: self.shown() != before)
        self.assertEqual(read(self.pem), read(pair[0]))
        self.assertEqual(oct(os.stat(self.key).st_mode & 0o777), "0o600")
        self.assertEqual([f for f in os.listdir(f"{self.south.folder}/tls") if f.endswith((".old", ".new"))], [])
        self.assertEqual(standing.request("GET", "/v1/agreements")[0], 200, "what stands goes on")
        standing.close()
        # What is not taken is put back.
        now, files = self.shown(), (read(self.pem), read(self.key))
        for pair, words in ((self.maker.gateway("foreign", by=self.maker.other), "does not verify as partners would"),
                            (self.maker.gateway("expired", past=True), "expired at"),
                            (self.maker.gateway("host", names=f"URI:spiffe://{self.south.host}/gateway/gw1,DNS:gw.elsewhere.example"),
                             "is not for gw.south.example")):
            status, out = self.renew(*pair)
            self.assertEqual(status, 1, out)
            self.assertIn(words, out)
            self.assertIn("the old one is in place again", out)
            self.assertEqual((read(self.pem), read(self.key)), files)
            self.assertEqual(self.shown(), now)
        status, out = self.renew(f"{self.maker.folder}/foreign.pem", f"{self.maker.folder}/new.key")
        self.assertEqual(status, 1)
        self.assertIn("is not the private key of", out)
        self.assertEqual((read(self.pem), read(self.key)), files)
        self.assertEqual(self.south.check()[0], 0)

    def test_the_unit_copies_the_key_at_start_and_reload(self):
        """The commands of the unit, with the paths of this node: what they leave is what a reload takes."""
        unit = read(f"{ROOT}/systemd/gatewayd.service")
        copies = [line.split("=+", 1)[1] for line in unit.splitlines() if line.startswith(("ExecStartPre=+", "ExecReload=+"))]
        self.assertEqual(len(copies), 2)
        self.assertEqual(copies[0], copies[1])
        reload = next(line.split("=", 1)[1] for line in unit.splitlines() if line.startswith("ExecReload=/"))
        copy = f"{self.south.folder}/run/tls.key"

        def here(command):
            for word, to in (("-o gatewayd -g gatewayd", ""), ("/etc/gatewayd/tls/gateway.key", self.key), ("/run/gatewayd/tls.key", copy),
                             ("/usr/bin/gatewayctl", GATEWAYCTL), ("/etc/gatewayd/gatewayd.json", self.south.config)):
                command = command.replace(word, to)
            return run(*command.split(), ok=False)
        self.assertEqual(here(copies[0])[0], 0)
        self.south.change(tls={"certificate": "tls/gateway.pem", "key": "run/tls.key", "authorities": "tls/authorities.pem"})
        self.assertEqual(here(reload)[:2], (0, "reloaded\n"))
        before = self.shown()
        self.maker.node = self.south
        self.maker.install(self.maker.gateway("new", kind="P-384"))
        self.assertEqual(here(reload)[0], 1, "the copy is the old key, and the certificate the new one")
        self.assertEqual(here(copies[1])[0], 0)
        self.assertEqual(here(reload)[0], 0)
        wait_for(lambda: self.shown() != before)

    def test_what_expires_is_said(self):
        """The world's certificates live for 20 days."""
        self.assertIn("warning: the gateway's certificate expires in 19 days\n", self.south.get_monitor("/readyz")[1])
        certificate = self.south.ask("status")["certificate"]
        self.assertEqual((certificate["days"], certificate["uri"]), (19, f"spiffe://{self.south.host}/gateway/gw1"))
        self.assertRegex(self.south.ctl("status")[1], r"certificate spiffe://gw\.south\.example/gateway/gw1 expires .*, in 19 days")
        self.assertRegex(self.south.get_monitor("/metrics")[1], r"\ngatewayd_certificate_expires_seconds \d{10}\n")
        wait_for(lambda: "the gateway's certificate expires in 19 days" in read(self.south.log))
        self.assertEqual(read(self.south.log).count("the gateway's certificate expires in"), 1, "once a day")

    def test_a_start_goes_on_with_one_that_expired(self):
        """What is due must be erased; and everything else can still be changed."""
        self.south.stop()
        self.maker.node = self.south
        self.maker.install(self.maker.gateway("expired", past=True))
        self.south.start()
        self.assertRegex(read(self.south.log), "gateway.pem:1:1: expired at .*have it renewed")
        self.assertIn("warning: the gateway's certificate expired at", self.south.get_monitor("/readyz")[1])
        _, _, err = self.south.ctl("reload")
        self.assertRegex(err, "warning: .*gateway.pem:1:1: expired at")
        shutil.copy(f"{self.maker.folder}/good.key", self.key)
        os.chmod(self.key, 0o600)
        shutil.copy(self.maker.gateway("other", past=True)[0], self.pem)
        self.assertEqual(self.south.ctl("reload", ok=False)[0], 1, "another one that expired is not taken")


if __name__ == "__main__":
    unittest.main()
