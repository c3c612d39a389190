"""The whole chain of the recipient's copy: provider's system, both gateways, and doc/recipient.py as a program of its own
that is started for one pass at a time."""

import json
import os
import sqlite3
import sys
import unittest

import agreements
from simulation import Simulation
from world import GATEWAYCTL, ROOT, run, wait_for


class Chain(unittest.TestCase):
    def begin(self, **retention):
        self.s = Simulation({"payload": "P28D", "at_end": "erase", "receipt_within": "P7D", **retention}, (), 400)
        self.addCleanup(self.s.close)
        self.north = self.s.clients["north"]
        return self.s

    def system(self, agency, *more):
        """One pass of the agency's system."""
        s, node = self.s, {n.agency: n for n in self.s.nodes}[agency]
        wait_for(s.quiet)
        cert, key = s.systems[agency]
        run(sys.executable, f"{ROOT}/doc/recipient.py", "--url", f"https://{node.host}:{node.port}", "--certificate", cert, "--key", key,
            "--authority", s.authority.cert, "--address", "127.0.0.1", "--once", *more, f"{s.folder}/{agency}.db")
        wait_for(s.quiet)

    def rows(self, agency, columns):
        db = sqlite3.connect(f"{self.s.folder}/{agency}.db")
        try:
            return db.execute(f"SELECT {columns} FROM record ORDER BY number").fetchall()
        finally:
            db.close()

    def duties(self, exchange):
        """What the provider is told: the receipts that came back."""
        status, _, body = self.north.request("GET", f"/v1/exchanges/{exchange}")
        self.assertEqual(status, 200, body)
        story = json.loads(body)
        return story["state"], [(d["duty"], d["state"], d["result"]) for d in story.get("duties", [])]

    def test_masked_kept_and_erased(self):
        """Of what was masked nobody could show that it is what came: it does not go back."""
        s = self.begin(mask="P10D", review="P20D", copy="P40D", at_end="return")
        exchange = s.post("north", 1)
        self.system("south")
        ((reference, before),) = self.rows("south", "reference, record")
        s.advance(11)
        self.system("south")
        ((state, masked),) = self.rows("south", "state, record")
        self.assertEqual(state, "masked")
        self.assertIsNone(json.loads(masked)["travellers"][0]["family"])
        self.assertEqual(json.loads(masked)["payment"], json.loads(before)["payment"])
        s.advance(10)
        self.system("south", "--keep-reviewed", "the made-up case is still open")
        self.assertEqual(self.rows("south", "state"), [("masked",)])
        s.advance(20)
        self.system("south")
        self.assertEqual(self.rows("south", "state, record"), [("erased", None)])
        self.assertEqual(self.duties(exchange)[1], [("mask", "done", "masked"), ("review", "done", "kept"), ("return", "done", "erased")])
        self.system("north")
        self.assertEqual(self.rows("north", "exchange"), [])
        self.assertEqual(self.duties(exchange)[0], "ended")
        for n in s.nodes:
            self.assertEqual(n.ask("status")["store"]["payloads"], 0)
            self.assertEqual(n.ask("retention", "overdue"), [])
            self.assertEqual(n.ctl("audit", "verify")[0], 0)

    def test_returned_as_it_came(self):
        s = self.begin(copy="P20D", at_end="return")
        exchange = s.post("north", 2)
        self.system("south")
        ((record,),) = self.rows("south", "record")
        s.advance(21)
        self.system("south")
        self.system("north")
        self.assertEqual(self.rows("north", "exchange, record"), [(exchange, record)])

    def test_corrected_and_recalled(self):
        s = self.begin(copy="P1Y")
        first = s.post("north", 3)
        self.system("south")
        other = s.post("north", 4)
        self.system("south")
        status, answer = self.north.post("pax", agreements.envelope(agreements.passenger_record(5), corrects=first))
        self.assertEqual(status, 201, answer)
        self.system("south")
        self.assertEqual(self.rows("south", "reference, version, state"),
                         [("R-000001", 1, "corrected"), ("R-000002", 1, "kept"), ("R-000001", 2, "kept")])
        self.assertEqual(self.duties(first)[0], "corrected")
        for exchange in (other, answer["exchange"]):
            self.assertEqual(self.north.request("POST", f"/v1/exchanges/{exchange}/recall", {"why": "sent-in-error"})[0], 200)
        self.system("south")
        self.assertEqual(self.rows("south", "state, record")[1:], [("erased", None), ("erased", None)])
        self.assertEqual(self.duties(other), ("ended", [("recall", "done", "erased")]))

    def test_reviewed_and_let_go(self):
        s = self.begin(review="P20D", copy="P1Y")
        exchange = s.post("north", 6)
        self.system("south")
        s.advance(21)
        self.system("south")
        self.assertEqual(self.rows("south", "state, record"), [("erased", None)])
        self.assertEqual(self.duties(exchange), ("ended", [("review", "done", "erased")]))

    def test_by_hand(self):
        """The same chain through gatewayctl inbox, as a person does it."""
        s = self.begin(mask="P10D", copy="P20D", at_end="return")
        exchange, to = s.post("north", 7), f"{s.folder}/items"
        cert, key = s.systems["south"]
        os.makedirs(to)
        wait_for(s.quiet)

        def ctl(command, *words, ok=True):
            return run(GATEWAYCTL, "-o", "json", "inbox", command, "--url", f"https://{s.south.host}:{s.south.port}", "--certificate", cert,
                       "--key", key, "--authority", s.authority.cert, "--resolve", f"{s.south.host}:{s.south.port}:127.0.0.1", *words, ok=ok)

        def waits(kind):
            (item,) = [json.loads(l) for l in ctl("list")[1].splitlines()]
            self.assertEqual(item["kind"], kind)
            return str(item["id"])
        record = waits("record")
        self.assertEqual(json.loads(ctl("fetch", to)[1]), {"fetched": 1, "acknowledged": 0, "duties": 0})
        ctl("ack", "--reference", "file 7", record)
        s.advance(11)
        mask = waits("mask")
        self.assertIn("duty-answer-invalid", ctl("ack", "--result", "erased", mask, ok=False)[2])
        ctl("ack", "--result", "masked", mask)
        s.advance(10)
        back = waits("return")
        self.assertIn("duty-answer-invalid", ctl("ack", "--result", "returned", "--returned", f"{to}/{record}.json", back, ok=False)[2])
        ctl("ack", "--result", "erased", back)
        self.assertEqual(ctl("list")[1], "")
        wait_for(s.quiet)
        self.assertEqual(self.duties(exchange)[1], [("mask", "done", "masked"), ("return", "done", "erased")])
