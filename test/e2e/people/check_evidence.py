"""The evidence of one exchange, as a court gets it: an archive whose script verifies all of it without any program of ours, and
that refuses every file in which one byte is another."""

import os
import re
import shutil
import subprocess
import unittest

import agreements
from acting import world_with_council
from check_held import open_to_all, schema, waiting
from world import ROOT, World, read, run, wait_for, write

# What the script may run: nothing of ours.
PROGRAMS = ("sh", "openssl", "sha256sum", "base64", "sed", "cut", "tail", "head", "cat", "grep", "tr", "wc", "cmp", "cp", "mv", "rm", "mktemp")


def leaves(value):
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from leaves(one)
    if not isinstance(value, (dict, list)):
        yield value


class Evidence(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        w.agreement(open_to_all(agreements.passenger(digest=schema())))
        cls.officer = cert, _ = w.authority.leaf("anna", "spiffe://north.example/officer/anna", "emailProtection")
        run("cp", cert, f"{w.north.folder}/partners/anna.pem")
        w.north.add_partner({"id": "anna", "agency": "north", "jurisdiction": "XX", "roles": ["officer"], "signers": ["anna.pem"],
                             "training_until": agreements.instant(90)})
        w.start()
        north = w.client("north")
        answer = north.post("pax", waiting(agreements.passenger_record(1)), key="evidence-1")[1]
        cls.exchange = answer["exchange"]
        out = f"{w.folder}/approval"
        w.north.ctl("exchange", "approve", cls.exchange, "--certificate", cert, "--key", cls.officer[1], "--out", out)
        w.north.ctl("exchange", "release", cls.exchange, "--approval", f"{out}.json", f"{out}.p7s")
        wait_for(lambda: w.north.ask("outbox") == [])
        status, _, body = north.request("POST", f"/v1/exchanges/{cls.exchange}/recall", {"why": "sent-in-error"})
        assert status == 200, body
        wait_for(lambda: w.north.ask("notices") == [])
        cls.tar = f"{w.folder}/evidence.tar"
        cls.said = w.north.ask("exchange", "evidence", cls.exchange, cls.tar)
        cls.bin = f"{w.folder}/bin"
        os.mkdir(cls.bin)
        for program in PROGRAMS:
            os.symlink(shutil.which(program), f"{cls.bin}/{program}")

    def unpacked(self):
        folder = f"{self.world.folder}/court"
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        run("tar", "-xf", self.tar, "-C", folder)
        return f"{folder}/evidence-{self.exchange}"

    def verify(self, folder, *keys):
        done = subprocess.run([f"{self.bin}/sh", "verify.sh", *keys], cwd=folder, capture_output=True, text=True, timeout=120, check=False,
                              env={"PATH": self.bin})
        return done.returncode, done.stdout + done.stderr

    def files(self, folder):
        return sorted(os.path.relpath(f"{at}/{name}", folder) for at, _, names in os.walk(folder) for name in names)

    def keys(self):
        return [f"{n.folder}/audit.vkey" for n in self.world.nodes]

    def test_it_holds_with_keys_from_elsewhere(self):
        folder = self.unpacked()
        status, said = self.verify(folder, *self.keys())
        self.assertEqual(status, 0, said)
        self.assertTrue(said.endswith("all of it holds\n"), said)
        self.assertNotIn("by the keys that came along", said)
        self.assertIn("statement-1.p7s is signed", said)
        self.assertRegex(said, r"documents/[0-9a-f]{64}: agreement as the decision names it")
        self.assertRegex(said, r"documents/[0-9a-f]{64}\.p7s: signed")
        self.assertRegex(said, r"partner/record.tlog-proof: in the log of gw.south.example")
        self.assertRegex(said, r"partner/sent-1.tlog-proof: in the log of gw.south.example")
        self.assertEqual(len(re.findall(r"^entries/", said, re.M)), self.said["entries"])
        print(f"evidence: {self.said['entries']} entries, {self.said['documents']} documents, {self.said['signatures']} signatures verified by sh and openssl")

    def test_without_keys_it_says_what_that_is_worth(self):
        status, said = self.verify(self.unpacked())
        self.assertEqual(status, 0, said)
        self.assertTrue(said.startswith("note: by the keys that came along, which prove nothing"), said)

    def test_of_every_file_one_other_byte(self):
        """But those that nothing is derived from: what explains, and what is said twice. One of a kind, unless EVERY is set."""
        folder, kept = self.unpacked(), f"{self.world.folder}/kept"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept)
        said_twice = re.compile(r"README.md|verify\.(sh|html)|.*/opened.json|governing|keys/.*|timestamp/.*|certificates/.*")
        names = [name for name in self.files(folder) if not said_twice.fullmatch(name)]
        self.assertGreater(len(names), 20, names)
        if not os.environ.get("EVERY"):
            kinds = {re.sub(r"[0-9a-f]{64}|0-[0-9]+", "", name): name for name in names}
            names = sorted(kinds.values())
        for name in names:
            with open(f"{folder}/{name}", "r+b") as f:
                text = f.read()
                # Of a signature, where it is the signature: what else comes along with it nobody relies on.
                at = text.rindex(b"\n-----END") - 8 if name.startswith("documents/") and name.endswith(".p7s") else len(text) // 2
                f.seek(at)
                f.write(b"B" if text[at:at + 1] != b"B" else b"C")
            status, said = self.verify(folder, *self.keys())
            self.assertNotEqual(status, 0, (name, said))
            shutil.copy(f"{kept}/{name}", f"{folder}/{name}")
        print(f"evidence: {len(names)} files altered, {len(names)} told")

    def test_what_is_left_out_or_put_beside(self):
        other = self.world.client("north").post("pax", agreements.envelope(agreements.passenger_record(9)), key="evidence-2")[1]["exchange"]
        folder = self.unpacked()
        stranger = f"{folder}/documents/{'0' * 64}"
        write(stranger, "{}")
        self.assertNotEqual(self.verify(folder, *self.keys())[0], 0)
        os.unlink(stranger)
        # A document that is whole and governed nothing here.
        text = read(f"{self.world.south.folder}/gatewayd.json")
        digest = subprocess.run(["sha256sum"], input=text, capture_output=True, text=True, check=True).stdout[:64]
        write(f"{folder}/documents/{digest}", text)
        status, said = self.verify(folder, *self.keys())
        self.assertIn("no decision names it", said)
        self.assertEqual(status, 1)
        os.unlink(f"{folder}/documents/{digest}")
        # Another exchange's entry in the place of one.
        tar = f"{self.world.folder}/other.tar"
        self.world.north.ctl("exchange", "evidence", other, tar)
        run("tar", "-xf", tar, "-C", os.path.dirname(folder))
        entry = sorted(os.listdir(f"{folder}/entries"))[0]
        beside = f"{os.path.dirname(folder)}/evidence-{other}/entries"
        shutil.copy(f"{beside}/{sorted(os.listdir(beside))[0]}/leaf.json", f"{folder}/entries/{entry}/leaf.json")
        status, said = self.verify(folder, *self.keys())
        self.assertEqual(status, 1, said)
        self.assertIn("is not what was logged", said)

    def test_the_reading_is_logged_and_no_value_is_in_it(self):
        folder = self.unpacked()
        reads = [e for e in self.world.north.entries() if e["operation"] == "consultation" and e.get("exchange") == self.exchange]
        self.assertTrue(any("read the decision" in e.get("note", "") for e in reads), reads)
        words = read(f"{ROOT}/schema/records/passenger.schema.json")
        values = [v.encode() for v in leaves(agreements.passenger_record(1)) if isinstance(v, str) and len(v) >= 6 and v not in words]
        self.assertGreater(len(values), 3, values)
        for name in self.files(folder):
            with open(f"{folder}/{name}", "rb") as f:
                text = f.read()
            self.assertEqual([v for v in values if v in text], [], name)
        self.assertEqual(os.stat(self.tar).st_mode & 0o777, 0o600)
        self.assertEqual([n for n in os.listdir("/tmp") if n.startswith("evidence-")], [])

    def test_what_cannot_be(self):
        w = self.world
        for words, why in (((self.exchange, self.tar), "exists"), (("no-exchange", "x.tar"), "is no exchange"),
                           (("019b76da-a811-7100-8000-000000000000", f"{w.folder}/x.tar"), "no such exchange"),
                           ((self.exchange, f"{w.folder}/no/folder/x.tar"), "x.tar")):
            status, _, err = w.north.ctl("exchange", "evidence", *words, ok=False)
            self.assertEqual(status, 1, err)
            self.assertIn(why, err)
        self.assertFalse(os.path.exists(f"{w.folder}/x.tar"))


class Acts(unittest.TestCase):
    def test_the_acts_by_which_it_passed_are_there_with_their_signatures(self):
        def asks(doc):
            for purpose in doc["purposes"]:
                purpose["authorisation"] = "required"
            return doc
        world, council = world_with_council(change=asks)
        self.addCleanup(world.close)
        world.start()
        digest = council.show(council.act("authorise"), "seat-privacy", "seat-north")[1]["act"]
        exchange = world.client("north").post("pax", agreements.envelope(agreements.passenger_record(1)))[1]["exchange"]
        world.north.ctl("exchange", "evidence", exchange, f"{world.folder}/e.tar")
        run("tar", "-xf", f"{world.folder}/e.tar", "-C", world.folder)
        folder = f"{world.folder}/evidence-{exchange}"
        said = run("sh", "verify.sh", cwd=folder)[1]
        self.assertIn(f"documents/{digest}: act as the decision names it", said)
        for n in (1, 2):
            self.assertIn(f"documents/{digest}-{n}.p7s: signed", said)
        # Signed by others, or over another act, it does not hold.
        shutil.copy(f"{folder}/documents/{digest}-1.p7s", f"{folder}/kept")
        other = council.sign(council.act("authorise"), "seat-privacy")
        write(f"{folder}/documents/{digest}-1.p7s", other)
        self.assertNotEqual(run("sh", "verify.sh", cwd=folder, ok=False)[0], 0)


if __name__ == "__main__":
    unittest.main()
