"""Supervisory authorities and a court, each with its own certificate at both gateways: what each sees, what it is refused, that
each reading is in the log, and that verifying does not make the log grow that is verified."""

import json
import re
import unittest

import agreements
from check_witness import started
from world import GATEWAYCTL, Client, World, read, run, wait_for, write

# Who: role, whom it oversees by both operators' files, whether the agreement names it for that party.
BODIES = {
    "dpa-north": ("supervisor", "north", True),
    "dpa-south": ("supervisor", "south", True),
    "court-south": ("court", "south", True),
    "dpa-west": ("supervisor", "south", False),     # no party recognises it
}
RECORDS = 150


class Oversight(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        started(w)
        doc = json.loads(read(f"{w.north.folder}/agreements/pax.json"))
        doc["version"] = "2.0"
        for party in doc["parties"]:
            party["oversight"] = [name for name, (_, of, named) in BODIES.items() if of == party["agency"] and named]
        doc["id"] = "watched"
        w.agreement(doc)
        cls.clients = {}
        for name, (role, of, _) in BODIES.items():
            cert, key = w.authority.leaf(name, f"spiffe://{name}.example/body")
            for n in w.nodes:
                identity = json.loads(run(GATEWAYCTL, "pin", cert)[1])
                # At its own side by the operator's word; at the other by the agreement's, too.
                oversees = [of] if name != "dpa-west" or n.agency == "north" else []
                n.add_partner({"id": name, "agency": name, "jurisdiction": "XX", "roles": [role], "oversees": oversees or ["west"], "identity": identity})
                cls.clients[name, n.agency] = Client(w, n, cert, key)
        w.start()
        sent = [w.client("north").post("watched", agreements.envelope(agreements.passenger_record(i)))[1]["exchange"] for i in range(RECORDS)]
        cls.other = w.client("north").post("pax", agreements.envelope(agreements.passenger_record(1)))[1]["exchange"]
        wait_for(lambda: w.north.ask("outbox") == [])
        cls.sent = sent[0]
        # The same exchange by the other gateway's id.
        cls.came = next(x["exchange"] for x in w.south.ask("exchange", "list", "1000") if x["agreement"] == "watched")

    def exchange(self, side):
        return self.sent if side == "north" else self.came

    def ask(self, body, side, path, wanted=200):
        status, fields, answer = self.clients[body, side].request("GET", path)
        self.assertEqual(status, wanted, (body, side, path, answer[:300]))
        return json.loads(answer) if answer[:1] == b"{" else answer

    def entries(self, body, side, agreement="watched"):
        """All pages."""
        found, after = [], ""
        while True:
            page = self.ask(body, side, f"/v1/log/entries?agreement={agreement}{after}")
            found += page["entries"]
            if not page["more"]:
                return found
            after = f"&after={page['after']}"

    def test_what_each_sees(self):
        """Rows: who, where; columns: an exchange, its disclosures, the log's entries, those of the agreement, the agreement."""
        table = {
            ("dpa-north", "north"): (200, 200, 200, 200, 200),
            ("dpa-north", "south"): (200, 403, 403, 200, 200),
            ("dpa-south", "south"): (200, 200, 200, 200, 200),
            ("dpa-south", "north"): (200, 403, 403, 200, 200),
            ("court-south", "south"): (200, 200, 200, 200, 200),
            ("court-south", "north"): (200, 403, 403, 200, 200),
            ("dpa-west", "north"): (404, 404, 403, 404, 404),
            ("dpa-west", "south"): (404, 404, 403, 404, 404),
        }
        for (body, side), (one, disclosures, log, filtered, agreement) in table.items():
            path = f"/v1/exchanges/{self.exchange(side)}"
            for part in ("", "/receipt", "/notices"):
                self.ask(body, side, path + part, one)
            self.ask(body, side, f"{path}/disclosures", disclosures)
            self.ask(body, side, "/tile/entries/000.p/5", log)
            self.ask(body, side, "/v1/log/entries?agreement=watched", filtered)
            self.ask(body, side, "/v1/agreements/watched", agreement)
            self.ask(body, side, f"{path}/record", 403)
        print(f"oversight: {len(table)} rows, {sum(len(row) for row in table.values())} cells as they should be")

    def test_an_agreement_that_names_nobody(self):
        """Its own side sees it; the other side's authority does not."""
        self.ask("dpa-north", "north", f"/v1/exchanges/{self.other}")
        self.ask("dpa-south", "north", f"/v1/exchanges/{self.other}", 404)
        self.ask("dpa-south", "north", "/v1/log/entries?agreement=pax", 404)
        self.assertEqual([a["agreement"]["id"] for a in self.ask("dpa-south", "north", "/v1/agreements")["agreements"]], ["watched"])

    def test_leaves_of_the_agreement_each_with_its_proof(self):
        w = self.world
        keys = {n.agency: f"{n.folder}/audit.vkey" for n in w.nodes}
        for body, side in (("dpa-north", "north"), ("dpa-south", "north"), ("dpa-north", "south")):
            found = self.entries(body, side)
            self.assertGreaterEqual(len(found), RECORDS)
            self.assertEqual(sorted({e["index"] for e in found}), [e["index"] for e in found])
            for e in found[:3] + found[-3:]:
                write(f"{w.folder}/one.tlog-proof", e["receipt"])
                out = run(GATEWAYCTL, "-o", "json", "audit", "verify-receipt", "--key", keys[side], f"{w.folder}/one.tlog-proof")[1]
                entry = json.loads(out)
                self.assertEqual((entry["index"], entry["entry"]["agreement"]), (e["index"], "watched"))
        # Who consulted what at north is north's affair.
        self.assertNotIn("consultation", {self.operation(e) for e in self.entries("dpa-south", "north")})
        self.assertIn("consultation", {self.operation(e) for e in self.entries("dpa-north", "north")})

    @staticmethod
    def operation(entry):
        import base64
        return json.loads(base64.b64decode(re.search("^extra (.*)$", entry["receipt"], re.M).group(1)))["operation"]

    def test_disclosures_open(self):
        import base64
        import hashlib
        got = self.ask("dpa-north", "north", f"/v1/exchanges/{self.sent}/disclosures")
        leaf = json.loads(base64.b64decode(re.search("^extra (.*)$", got["receipt"], re.M).group(1)))
        digests = {base64.urlsafe_b64encode(hashlib.sha256(d.encode()).digest()).decode().rstrip("=") for d in got["disclosures"]}
        self.assertTrue(digests & set(leaf["_sd"]))
        self.assertFalse(got["erased"])
        opened = [json.loads(base64.urlsafe_b64decode(d + "==")) for d in got["disclosures"] if len(d) > 22]
        decision = next(value for _, name, value in opened if name == "decision")
        self.assertIn(hashlib.sha256(got["shape"].encode()).hexdigest(), json.dumps(decision))

    def log_size(self, node):
        return int(node.ctl("audit", "export", f"{self.world.folder}/size-{node.agency}")[2].split()[1])

    def test_verifying_does_not_make_the_log_grow(self):
        w, node = self.world, self.world.north
        cert, key = f"{w.authority.folder}/dpa-north.pem", f"{w.authority.folder}/dpa-north.key"
        before, runs = self.log_size(node), 20
        for _ in range(runs):
            run(GATEWAYCTL, "audit", "verify", "--key", f"{node.folder}/audit.vkey", "--certificate", cert, "--private-key", key,
                "--authority", w.authority.cert, "--resolve", f"{node.host}:{node.port}:127.0.0.1", f"https://{node.host}:{node.port}")
        grew = self.log_size(node) - before
        # An entry for tiles and one for entries a minute, and a count of each; a minute may have passed on the way.
        self.assertLessEqual(grew, 8)
        print(f"{runs} verifications of a log of {before} entries by an authority: {grew} entries more")

    def test_a_second_set_of_eyes_is_in_the_log(self):
        w = self.world
        self.ask("court-south", "south", f"/v1/exchanges/{self.came}/disclosures")
        read_by = [e for e in map(json.loads, run(GATEWAYCTL, "audit", "export", "--from", f"{w.south.folder}/store/gatewayd.db", "--format", "jsonl")[1].splitlines())
                   if e["operation"] == "consultation" and e.get("exchange") == self.came and e["peer"] == "court-south"]
        self.assertIn("disclosures read", {e["note"] for e in read_by})

    def test_the_summary_names_them(self):
        text = self.clients["dpa-south", "north"].request("GET", "/v1/agreements/watched/summary")[2].decode()
        self.assertIn("court-south", text)

    def test_counts_are_told_when_the_node_stops(self):
        with started(World()) as w:
            cert, key = w.authority.leaf("dpa", "spiffe://dpa.example/body")
            w.add_system(w.north, "north", "dpa", cert, roles=("supervisor",))
            w.north.start()
            client = Client(w, w.north, cert, key)
            for _ in range(5):
                self.assertEqual(client.request("GET", "/v1/agreements")[0], 200)
            client.close()
            w.north.stop()
            notes = [json.loads(line).get("note", "") for line in run(
                GATEWAYCTL, "audit", "export", "--from", f"{w.north.folder}/store/gatewayd.db", "--format", "jsonl")[1].splitlines()]
            told = sum(int(n.split(": ")[1].split()[0]) for n in notes if n.startswith("agreements read: "))
            self.assertEqual(told + notes.count("agreements read"), 5, notes)
            self.assertEqual(notes[-1], "stop")
