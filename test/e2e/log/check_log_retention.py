"""The log's withheld fields at the end of their time: erased, but for what a hold keeps, and the log still verifies; what was
deleted beside that is missed."""

import base64
import json
import sqlite3
import unittest

import agreements
import compact
from world import ROOT, World, read, run, wait_for


class Disclosures(unittest.TestCase):
    def test_erased_when_their_time_is_over(self):
        with World(moved_clock=True) as w:
            w.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
            cert, key = w.authority.leaf("hanna", "spiffe://north.example/officer/hanna", "emailProtection")
            run("cp", cert, f"{w.north.folder}/partners/hanna.pem")
            w.north.add_partner({"id": "hanna", "agency": "north", "jurisdiction": "XX", "roles": ["supervisor"],
                                 "signers": ["hanna.pem"], "training_until": agreements.instant(9)})
            w.start()
            client = w.client("north")
            kept = client.post("pax", agreements.envelope(agreements.passenger_record(1), case="case-kept"))[1]["exchange"]
            # Reasons are free text, and may name people.
            gone = client.post("pax", agreements.envelope(
                agreements.passenger_record(2), case="case-gone", consent={"reference": "reference-gone", "scope": ["border"]},
                justifications=[{"pointer": "/reserved_on", "reason": "Jane Made-Up, who lives at number 7, booked it"}]))[1]["exchange"]
            w.north.ctl("retention", "hold-statement", kept, "--kind", "hold", "--until", agreements.instant(5), "--ground",
                        "a made-up court order", "--certificate", cert, "--key", key, "--out", f"{w.folder}/hold")
            w.north.ctl("retention", "hold", kept, "--statement", f"{w.folder}/hold.json", "--signature", f"{w.folder}/hold.p7s")
            shown = w.north.ask("exchange", "show", gone)["disclosures"]
            self.assertEqual((shown["case"], shown["consent"]), ("case-gone", "reference-gone"))
            self.assertIn("Jane Made-Up", shown["justifications"][0]["reason"])
            self.assertIn("made-up case", shown["necessity"]["explanation"])
            wait_for(lambda: w.north.ask("outbox") == [])       # what waits for its delivery still names its case
            self.assertEqual(len(w.client("south").inbox()["items"]), 2)
            w.north.stop()
            self.check_shapes(w.north, f"{w.folder}/whole")
            audit = json.loads(open(w.north.config, encoding="utf-8").read())["audit"]
            w.north.change(audit={**audit, "disclosures": "PT1M"})
            w.clock.move(60)
            w.north.start()
            wait_for(lambda: w.north.ask("exchange", "show", gone)["disclosures"] in ([], {}))
            self.assertEqual(w.north.ask("exchange", "show", kept)["disclosures"]["case"], "case-kept")
            self.assertIn("_sd", w.north.ask("exchange", "show", gone)["entry"])
            status, out, err = w.north.ctl("audit", "verify")
            self.assertEqual(status, 0, err)
            self.assertRegex(out, r"[1-9][0-9]* erased \(digest present, disclosure erased\)")
            self.assertNotIn("not accounted for", out)
            said = [entry for entry in w.north.entries() if "withheld fields of" in entry.get("note", "")]
            self.assertTrue(all(first <= last < entry["index"] for entry in said for first, last in entry["erased"]))
            w.north.stop()
            self.check_leaves(w.north, {"genesis": 0, "disclosure": 3, "decision": 1, "erasure": 0, "consultation": 0})
            self.check_leaves(w.south, {"genesis": 0, "collection": 3, "consultation": 0})
            for suffix in ("", "-wal"):
                try:
                    with open(f"{w.north.folder}/store/gatewayd.db{suffix}", "rb") as f:
                        text = f.read()
                    for word in (b"case-gone", b"Jane Made-Up", b"reference-gone", b"number 7", base64.b64encode(b"Jane Made-Up")[:12]):
                        self.assertFalse(word in text, f"{word} is still in the store{suffix}")
                except FileNotFoundError:
                    pass
            with sqlite3.connect(f"{w.north.folder}/store/gatewayd.db") as db:
                self.assertEqual(db.execute("SELECT named FROM shape").fetchall(), [(1,)])     # the one that is kept
                held = db.execute("SELECT count(*) FROM disclosure").fetchone()[0]
                self.assertGreater(held, 0)
                db.execute("DELETE FROM disclosure")
            db.close()
            status, out, err = w.north.ctl("audit", "verify", ok=False)
            self.assertEqual(status, 4, out)
            self.assertIn(f"the withheld fields of {held} entries, entry ", err)
            self.assertIn("no entry says that they were erased", err)
            copy = f"{w.folder}/copy"
            self.assertEqual(w.north.ctl("audit", "export", "--disclosures", copy)[0], 0)
            self.assertEqual(w.north.ctl("audit", "verify", copy, ok=False)[0], 4)
            self.assertEqual(w.north.ctl("audit", "export", f"{w.folder}/public")[0], 0)
            self.assertEqual(w.north.ctl("audit", "verify", f"{w.folder}/public")[0], 0)

    def test_of_an_earlier_epoch(self):
        with World(moved_clock=True) as w:
            w.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
            w.start()
            north, store = w.north, f"{w.north.folder}/store/gatewayd.db"
            id_ = w.client("north").post("pax", agreements.envelope(agreements.passenger_record(1)))[1]["exchange"]
            wait_for(lambda: north.ask("outbox") == [])
            north.stop()
            key = read(f"{north.folder}/audit.vkey").strip()
            north.ctl("audit", "new-epoch", "--force", "south is down")
            north.change(audit={**json.loads(read(north.config))["audit"], "disclosures": "PT1M"})
            w.clock.move(60)
            north.start()
            wait_for(lambda: north.ask("exchange", "show", id_)["disclosures"] in ([], {}))
            said = wait_for(lambda: [entry for entry in north.entries() if entry.get("erased_log")])
            self.assertTrue(key.startswith(said[0]["erased_log"] + "+"), said)
            _, out, err = north.ctl("audit", "verify", "--key", key, store + "@1")
            self.assertRegex(out, r"0 entries disclosed, [1-9][0-9]* erased")
            self.assertIn("taken from it as it is here", err)
            north.stop()
            north.ctl("store", "check")
            with sqlite3.connect(store) as db:       # as if another had been hidden beside them
                db.executemany("DELETE FROM entry WHERE idx = ?", [(idx,) for idx, leaf in compact.leaves(db).items() if "erased_log" in leaf])
            db.close()
            self.assertEqual(north.ctl("audit", "verify", "--key", key, store + "@1", ok=False)[0], 4)

    def check_shapes(self, node, copy):
        """What decisions name by digest goes with the copy, and is missed where it is missing or altered."""
        self.assertEqual(node.ctl("audit", "export", "--disclosures", copy)[0], 0)
        lines = read(f"{copy}/disclosures/shapes").splitlines()
        self.assertEqual(len(lines), 1, "one kind of record, one shape")
        self.assertIn('"pointer":"/travellers/*/family"', lines[0])
        self.assertNotIn("Jane", lines[0])
        self.assertEqual(node.ctl("audit", "verify", copy)[0], 0)
        for text, fault in (("", "missing"), (lines[0].replace("family", "familx") + "\n", "missing")):
            with open(f"{copy}/disclosures/shapes", "w", encoding="ascii") as f:
                f.write(text)
            status, _, err = node.ctl("audit", "verify", copy, ok=False)
            self.assertEqual(status, 4, err)
            self.assertIn(f"the shape that its decision names is {fault}", err)
        self.assertEqual(node.ctl("audit", "export", "--disclosures", "--from", f"{node.folder}/store/gatewayd.db", copy)[0], 0)
        self.assertEqual(node.ctl("audit", "verify", copy)[0], 0)
        self.assertEqual(node.ctl("audit", "export", "--disclosures", "--from", copy, copy + "-again")[0], 0)
        self.assertEqual(node.ctl("audit", "verify", copy + "-again")[0], 0)

    def check_leaves(self, node, want):
        """Every leaf of the daemon's has bits of its own, and its operation's number of digests."""
        digests = {}
        with sqlite3.connect(f"{node.folder}/store/gatewayd.db") as db:
            leaves = [json.loads(leaf) for leaf in compact.leaves(db).values()]
        db.close()
        for leaf in leaves:
            self.assertRegex(leaf["random"], "^[A-Za-z0-9_-]{22}$", leaf)
            digests.setdefault(leaf["operation"], set()).add(len(leaf.get("_sd", [])))
        self.assertEqual(len({leaf["random"] for leaf in leaves}), len(leaves))
        self.assertTrue(all(len(n) == 1 for n in digests.values()), digests)
        self.assertEqual({operation: digests.get(operation) for operation in want}, {o: {n} for o, n in want.items()})
