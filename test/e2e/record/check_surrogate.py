"""Surrogates: random stand-ins from the provider's table, the same for one value, until the epoch or agreement ends."""

import json
import sqlite3
import unittest

import agreements
from check_exchange import leaf_of
from world import ROOT, World, wait_for

RULE = ("/contact/email", "direct-identifier", "surrogate", {"domain": "person", "normalise": "email"})


class Surrogate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World(moved_clock=True)
        cls.addClassCleanup(w.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        schemas, purposes = [{"name": "passenger", "input": schema}], {"border": "passenger"}
        w.agreement(agreements.make("pax", schemas, purposes, [RULE, ("/reserved_on", "operational", "keep", None)]))
        w.agreement(agreements.make("brief", schemas, purposes, [RULE], sunset=agreements.instant(1 / 24)))
        w.start()
        cls.north, cls.south = w.client("north"), w.client("south")
        cls.number = 0

    def record(self, email):
        type(self).number += 1
        r = agreements.passenger_record(self.number)
        r["contact"]["email"] = email
        return r

    def arrived(self, answer):
        output = leaf_of(answer["receipt"])["output"]

        def look():
            for item in self.south.inbox()["items"]:
                if item["kind"] == "record" and self.world.south.ask("exchange", "show", item["exchange"])["entry"]["input"] == output:
                    return item
            return None
        return wait_for(look)["record"]["contact"]["email"]

    def send(self, email, agreement="pax"):
        status, answer = self.north.post(agreement, agreements.envelope(self.record(email)))
        self.assertEqual(status, 201, answer)
        return self.arrived(answer)

    def rows(self, agreement, node="north"):
        folder = getattr(self.world, node).folder
        with sqlite3.connect(f"file:{folder}/store/gatewayd.db?mode=ro", uri=True) as db:
            (n,) = db.execute("SELECT count(*) FROM surrogate WHERE agreement = ?", (agreement,)).fetchone()
        db.close()
        return n

    def test_one_value_one_surrogate(self):
        first = self.send("Anna@mail.example")
        self.assertRegex(first, r"^r1\.1\.[a-z2-7]{26}$")
        self.assertEqual(self.send("anna@MAIL.example"), first)
        self.assertNotEqual(self.send("berta@mail.example"), first)
        # Beyond a restart, too.
        self.world.north.stop()
        self.world.north.start()
        type(self).north = self.world.client("north")
        self.assertEqual(self.send("anna@mail.example"), first)
        self.assertEqual(self.rows("pax", "south"), 0)

    def test_lines_that_meet_a_new_value_agree(self):
        lines = [json.dumps(agreements.envelope(self.record(f"new{n % 3}@mail.example"))) for n in range(9)]
        status, _, body = self.north.request("POST", "/v1/agreements/pax/records", "\n".join(lines), content_type="application/x-ndjson")
        self.assertEqual(status, 200)
        seen = [self.arrived(json.loads(l)) for l in body.decode().strip().split("\n")]
        self.assertEqual(seen[:3] * 3, seen)
        self.assertEqual(len(set(seen)), 3)

    def test_what_does_not_leave_leaves_no_row(self):
        before = self.rows("pax")
        for what, envelope in (("validate", agreements.envelope(self.record("carl@mail.example"))),
                               ("records", agreements.envelope(self.record("dora@mail.example"), purpose="marketing"))):
            self.north.post("pax", envelope, what=what)
        bad = self.record("emil@mail.example")
        bad["contact"]["email"] = "no address"
        self.assertNotEqual(self.north.post("pax", agreements.envelope(bad))[0], 201)
        self.assertEqual(self.rows("pax"), before)

    def test_the_table_ends_with_the_agreement(self):
        self.send("anna@mail.example", "brief")
        self.assertEqual(self.rows("brief"), 1)
        others = self.rows("pax")
        self.world.clock.move(3600)
        self.north.close()
        self.south.close()
        wait_for(lambda: self.rows("brief") == 0, 30)
        self.assertEqual(self.rows("pax"), others)

        def said():
            return [e for e in self.world.north.entries() if e["operation"] == "key-change" and e.get("agreement") == "brief"]
        self.assertEqual([e["note"] for e in wait_for(said)], ["surrogates of epoch 1 erased"])
