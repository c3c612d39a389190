"""After erasure no byte of a record is left: not in files, and not in the memory of either process. A thousand records
with values that occur nowhere else go through two gateways, are fetched and acknowledged; one second after the last
answer everything is searched. Memory is read with gcore, which works for root on processes that forbid core dumps."""

import base64
import glob
import json
import os
import secrets
import shutil
import subprocess
import time
import unittest

import agreements
from agreements import PSEUDONYM
from check_held import open_to_all
from world import World, sanitized, wait_for, write

RECORDS = 1000
FIELDS = ("kept", "hashed", "dropped")
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "canary.schema.json", "title": "Values that occur nowhere else",
    "type": "object", "required": ["kept", "hashed", "dropped"], "additionalProperties": False,
    "properties": {name: {"type": "string", "maxLength": 200} for name in FIELDS},
}
RULES = [("/kept", "operational", "keep", None), ("/hashed", "direct-identifier", "pseudonym", PSEUDONYM)]


def forms(text):
    """How a text may lie in bytes: as it is, and within base64 at each of three alignments."""
    yield text
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + text)
        yield coded[4 if shift else 0:-4]


@unittest.skipIf(sanitized(), "a sanitizer reserves more memory than a dump can hold")
class Canary(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("gcore"):
            raise unittest.SkipTest("gcore is not installed")
        cls.mark = f"CANARY{secrets.token_hex(6)}"
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        for n in w.nodes:
            write(f"{n.folder}/schemas/canary.schema.json", json.dumps(SCHEMA))
        digest = agreements.digest_of(f"{w.north.folder}/schemas/canary.schema.json")
        w.agreement(open_to_all(agreements.make("canary", [{"name": "canary", "input": digest}], {"border": "canary"}, RULES)))
        cls.officers = {}
        for n in w.nodes:
            cls.officers[n] = cert, _ = w.authority.leaf(f"officer-{n.agency}", f"spiffe://{n.agency}.example/officer", "emailProtection")
            shutil.copy(cert, f"{n.folder}/partners/officer.pem")
            n.add_partner({"id": "officer", "agency": n.agency, "jurisdiction": "XX", "roles": ["officer"], "signers": ["officer.pem"],
                           "training_until": agreements.instant(90)})
        w.start()
        cls.north, cls.south = w.client("north"), w.client("south")

    def envelope(self, n):
        return agreements.envelope({name: f"{self.mark}{name[0]}{n:05d}" for name in FIELDS})

    def hits(self, path):
        """(offset, bytes around) of each canary in a file."""
        with open(path, "rb") as f:
            data = f.read()
        found = []
        for form in forms(self.mark.encode()):
            at = data.find(form)
            while at >= 0:
                found.append((at, data[max(0, at - 60):at + 60]))
                at = data.find(form, at + 1)
        return found

    def dump(self):
        """Cores of all processes of both gateways, by name."""
        cores = {}
        for n in self.world.nodes:
            for name, pid in (("core", n.process.pid), ("edge", n.edge_pid())):
                prefix = f"{self.world.folder}/{n.agency}-{name}"
                done = subprocess.run(["gcore", "-o", prefix, str(pid)], capture_output=True, text=True, timeout=120)
                self.assertTrue(os.path.exists(f"{prefix}.{pid}"), done.stderr[-500:])
                cores[f"{n.agency} {name}"] = f"{prefix}.{pid}"
        return cores

    def files(self):
        return [p for n in self.world.nodes for p in glob.glob(f"{n.folder}/**", recursive=True) if os.path.isfile(p)]

    def report(self, places):
        found = {name: self.hits(path) for name, path in places.items()}
        return {name: (len(h), h[:3]) for name, h in found.items() if h}

    def post(self, numbers):
        lines = "\n".join(json.dumps(self.envelope(n)) for n in numbers)
        status, _, body = self.north.request("POST", "/v1/agreements/canary/records", lines, content_type="application/x-ndjson")
        self.assertEqual((status, [json.loads(l)["status"] for l in body.decode().splitlines()]), (200, [201] * len(numbers)))

    def hold_and_release(self, n):
        """What waits for a person, at either gateway, is kept as it came and decided again."""
        envelope = self.envelope(n)
        del envelope["subject_category"]
        status, answer = self.north.post("canary", envelope)
        self.assertEqual(status, 202, answer)
        for node, (cert, key) in self.officers.items():
            held = wait_for(lambda: [x["exchange"] for x in node.ask("exchange", "list", "1000") if x["state"] == "held"], 60)
            out = f"{self.world.folder}/approval-{node.agency}"
            node.ctl("exchange", "approve", held[0], "--certificate", cert, "--key", key, "--out", out)
            node.ctl("exchange", "release", held[0], "--approval", f"{out}.json", f"{out}.p7s")

    def fetch(self):
        fetched = 0
        while True:
            items = self.south.inbox()["items"]
            for i in items:
                self.assertEqual(self.south.ack(i["id"])[0], 200)
            fetched += len(items)
            if not items:
                return fetched

    def test_what_is_searched_for_is_found(self):
        text = f"before {self.mark}k00001 after".encode()
        for form in (text, *(base64.b64encode(b"x" * shift + text) for shift in range(3))):
            with open(f"{self.world.folder}/planted", "wb") as f:
                f.write(b"\0" * 100 + form + b"\0" * 100)
            self.assertEqual(len(self.hits(f.name)), 1, form)
            os.remove(f.name)

    def test_nothing_is_left_of_a_thousand_records(self):
        for first in range(0, RECORDS, 100):
            self.post(range(first, first + 100))
        refused = self.north.post("canary", {**self.envelope(RECORDS), "purpose": "marketing"})[0]
        self.assertEqual(refused, 403)
        self.assertEqual(self.north.post("canary", self.envelope(RECORDS + 1), what="validate")[0], 200)
        broken = json.dumps(self.envelope(RECORDS + 2))[:-3]
        self.assertEqual(self.north.post("canary", broken)[0], 400)
        self.hold_and_release(RECORDS + 3)
        wait_for(lambda: not self.world.north.ask("outbox"), 60)
        self.assertEqual(self.fetch(), RECORDS + 1)
        for n in self.world.nodes:
            self.assertEqual(n.ask("status")["store"]["payloads"], 0)
        time.sleep(1)
        places = self.dump()
        for name, path in places.items():
            # A dump that has the daemon's memory has what the daemon was told.
            with open(path, "rb") as f:
                self.assertIn(self.world.north.host.encode(), f.read(), name)
        places.update({p[len(self.world.folder):]: p for p in self.files()})
        self.assertEqual(self.report(places), {})
