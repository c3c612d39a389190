"""Every line of doc/verify.md that Debian 12 has the program for, run from the page itself: on a genuine log and receipt,
where each must succeed, and on forged ones, which each way that judges them must refuse."""

import base64
import os
import re
import shutil
import subprocess
import unittest

import agreements
from check_published import served
from check_witness import started
from world import BUILD, ROOT, World, read, run, wait_for, write

PLACE = "http://www.north.example/audit"
GO = shutil.which("go") and os.path.isdir("/usr/share/gocode/src/golang.org/x/mod")


def sections():
    """The blocks to run by the heading that they stand under; `setup` stands before all."""
    found, heading = {}, "setup"
    for part in re.split(r"^(## .*)$", read(f"{ROOT}/doc/verify.md"), flags=re.M):
        if part.startswith("## "):
            heading = part[3:]
        for kind, block in re.findall(r"^```sh ?(\w*)\n(.*?)^```$", part, re.M | re.S):
            if kind in ("", "setup"):
                found[heading] = found.get(heading, "") + block
    return found


class Documented(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = started(World())
        cls.addClassCleanup(w.close)
        w.start()
        answers = [w.client("north").post("pax", agreements.envelope(agreements.passenger_record(i)))[1] for i in range(30)]
        cls.given = f"{w.folder}/given"
        os.mkdir(cls.given)
        shutil.copy(f"{w.north.folder}/audit.vkey", f"{cls.given}/north.vkey")
        write(f"{cls.given}/policy.txt", f"log {read(f'{cls.given}/north.vkey')}witness south {w.south.describe()['audit']['witness_vkey']}\nquorum south\n")

        def cosigned():
            w.north.ctl("audit", "prove", "--out", f"{cls.given}/receipt.tlog-proof", answers[5]["exchange"])
            return run(f"{BUILD}/bin/gatewayctl", "audit", "verify-receipt", "--policy", f"{cls.given}/policy.txt",
                       f"{cls.given}/receipt.tlog-proof", ok=False)[0] == 0
        wait_for(cosigned)
        w.north.ctl("audit", "export", f"{w.folder}/public")

    def follow(self, heading, change=lambda folder, public: None):
        """Runs a section in a folder of its own, with a copy of the log; returns its status and what it said."""
        w, folder, public = self.world, f"{self.world.folder}/reader", f"{self.world.folder}/published"
        for old in (folder, public):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(self.given, folder)
        shutil.copytree(f"{w.folder}/public", public)
        change(folder, public)
        shutil.copytree(public, f"{folder}/copy")
        os.symlink(f"{ROOT}/test", f"{folder}/test")
        blocks = sections()
        with served(public) as (url, _):
            script = (blocks["setup"] + blocks[heading]).replace(PLACE, url)
            done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=300, check=False,
                                  env={**os.environ, "PATH": f"{os.path.abspath(BUILD)}/bin:{os.environ['PATH']}", "GOCACHE": f"{w.folder}/go"})
        return done.returncode, done.stdout + done.stderr

    def genuine(self, heading):
        code, said = self.follow(heading)
        self.assertEqual(code, 0, said)
        return said

    def refused(self, heading, *changes):
        for change in changes:
            code, said = self.follow(heading, change)
            self.assertNotEqual(code, 0, (change.__name__, said))

    @staticmethod
    def altered(path, text, by):
        before = read(path)
        assert text in before, (path, text)
        write(path, before.replace(text, by, 1))

    def another_entry(self, folder, _):
        entry = re.search("^extra (.*)$", read(f"{folder}/receipt.tlog-proof"), re.M).group(1)
        other = base64.b64encode(base64.b64decode(entry).replace(b"disclosure", b"collection")).decode()
        self.altered(f"{folder}/receipt.tlog-proof", entry, other)

    def another_index(self, folder, _):
        self.altered(f"{folder}/receipt.tlog-proof", "index ", "index 1")

    def another_hash(self, folder, _):
        digest = re.search(r"^index .*\n(.*)\n", read(f"{folder}/receipt.tlog-proof"), re.M).group(1)
        self.altered(f"{folder}/receipt.tlog-proof", digest, base64.b64encode(bytes(32)).decode())

    def another_size(self, _, public):
        size = read(f"{public}/checkpoint").split("\n")[1]
        self.altered(f"{public}/checkpoint", f"\n{size}\n", "\n1\n")
        if os.path.exists(f"{public}/newest"):
            os.unlink(f"{public}/newest")

    def another_key(self, folder, _):
        shutil.copy(f"{self.world.south.folder}/audit.vkey", f"{folder}/north.vkey")

    def an_altered_entry(self, _, public):
        for name in os.listdir(f"{public}/tile/entries"):
            path = f"{public}/tile/entries/{name}"
            for path in [path] if os.path.isfile(path) else [f"{path}/{n}" for n in os.listdir(path)]:
                with open(path, "r+b") as f:
                    f.seek(40)
                    byte = f.read(1)[0]
                    f.seek(40)
                    f.write(bytes([byte ^ 1]))

    def test_gatewayctl(self):
        said = self.genuine("gatewayctl")
        self.assertIn("and not read again", said)
        self.refused("gatewayctl", self.another_entry, self.another_index, self.another_hash, self.another_size, self.another_key, self.an_altered_entry)

    def test_browser(self):
        self.assertRegex(self.genuine("A browser"), "^[0-9a-f]{64}  verify.html\n$")

    def test_openssl(self):
        said = self.genuine("openssl")
        self.assertEqual(said.count("Signature Verified Successfully"), 3)
        self.assertRegex(said, "cosigned on 20..-..-.. ")
        self.assertIn('"operation":"disclosure"', said)
        self.refused("openssl", self.another_entry, self.another_index, self.another_hash, self.another_size, self.another_key, self.an_altered_entry)

    @unittest.skipUnless(GO, "golang-go and golang-golang-x-mod-dev are not installed")
    def test_go(self):
        self.assertEqual(self.genuine("Go").count("verified: "), 2)
        self.refused("Go", self.another_entry, self.another_index, self.another_hash, self.another_size, self.another_key, self.an_altered_entry)

    def test_nothing_is_left_out(self):
        """Blocks are run, or are of programs that Debian does not have."""
        self.assertEqual(set(sections()), {"setup", "gatewayctl", "A browser", "openssl", "Go"})
        page = read(f"{ROOT}/doc/verify.md")
        self.assertFalse(re.search("^    [^ ]", page, re.M), "an indented block is run by nobody")
        self.assertEqual(set(re.findall(r"^```(.+)$", page, re.M)), {"sh", "sh setup", "sh elsewhere"})
