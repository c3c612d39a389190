"""Two nodes that were made by commands alone and do not know each other yet, a copy for each test."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest

from world import GATEWAYCTL, run


def fingerprint(path):
    """As the manual page has it."""
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).digest()
    return " ".join(f"{int.from_bytes(digest[i:i + 4], 'big') % 100000:05d}" for i in range(0, 32, 4))


def files(folder):
    """Every file below, with a digest of what is in it."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            with open(f"{at}/{name}", "rb") as f:
                found[os.path.relpath(f"{at}/{name}", folder)] = hashlib.sha256(f.read()).hexdigest()
    return found


class TwoNodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.mkdtemp(prefix="join")
        for agency, jurisdiction in (("north", "XN"), ("south", "XS")):
            run(GATEWAYCTL, "init", "--ca", f"{cls.made}/trial", "--agency", agency, "--host", f"gw.{agency}.example", "--listen",
                "127.0.0.1:8443", "--jurisdiction", jurisdiction, "--name", f"Agency of the made-up {agency.title()}",
                f"{cls.made}/{agency}")
            run(GATEWAYCTL, "-c", f"{cls.made}/{agency}/gatewayd.json", "partner", "export", f"{cls.made}/{agency}.partner")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.made)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="join")
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copytree(self.made, self.folder, dirs_exist_ok=True)

    def ctl(self, *words, of="north", status=0):
        got, out, err = run(GATEWAYCTL, "-c", f"{self.folder}/{of}/gatewayd.json", *words, ok=False, stdin=subprocess.DEVNULL)
        self.assertEqual(got, status, out + err)
        return out + err

    def take(self, path=None, *more, of="north", status=0, said=None):
        path = path or f"{self.folder}/south.partner"
        return self.ctl("partner", "add", "--fingerprint", said or fingerprint(path), *more, path, of=of, status=status)

    def refused(self, why, *words, status=3):
        """Refused, and nothing was written."""
        before = files(f"{self.folder}/north")
        self.assertRegex(self.ctl(*words, status=status), why)
        self.assertEqual(files(f"{self.folder}/north"), before)

    def signed(self, path):
        for agency in ("north", "south"):
            trial = f"{self.folder}/{agency}/trial"
            self.ctl("agreement", "sign", "--cert", f"{trial}/signer.pem", "--key", f"{trial}/signer.key", path)
