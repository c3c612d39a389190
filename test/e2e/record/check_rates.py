"""How much an agreement lets a partner ask: what its clause says holds with the answer's fields, and over a restart."""

import contextlib
import json
import signal
import sqlite3
import unittest

import agreements
from world import ROOT, World, wait_for


class Rates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(agreements.passenger("few", schema, limits={"records_per_day": 8}))
        w.agreement(agreements.passenger("many", schema))
        cls.node = w.north
        cls.node.change(limits={"threads": 2})
        cls.node.start()

    def post(self, agreement, good=True):
        client = self.world.client("north")
        record = agreements.passenger_record() if good else {"locator": 1}
        status, doc = client.post(agreement, agreements.envelope(record))
        client.close()
        return status, doc, {k.lower(): v for k, v in client.fields.items()}

    def test_a_day_of_the_agreement_lasts(self):
        status, _, fields = self.post("few")
        self.assertEqual((status, fields["ratelimit-policy"]), (201, '"agreement-records-day";q=8;w=86400'))
        self.assertRegex(fields["ratelimit"], '"agreement-records-day";r=7;t=[0-9]+')
        self.assertEqual(self.post("few", good=False)[0], 422)      # counts as five
        self.node.stop()
        self.node.start()
        self.assertRegex(self.post("few")[2]["ratelimit"], '"agreement-records-day";r=1;')
        wait_for(lambda: "few 7 " in self.days())
        self.node.stop(signal.SIGKILL)
        self.node.start()
        self.assertEqual(self.post("few")[0], 201)
        status, doc, fields = self.post("few")
        self.assertEqual((status, doc["type"]), (429, "/problems/rate-limited"))
        self.assertGreater(int(fields["retry-after"]), 0)
        self.assertRegex(fields["ratelimit"], '"agreement-records-day";r=0;')
        # Another agreement is another matter, and has no bound.
        status, _, fields = self.post("many")
        self.assertEqual((status, "ratelimit" in fields), (201, False))

    def days(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.node.folder}/store/gatewayd.db?mode=ro", uri=True)) as db:
            return "".join(str(c) for row in db.execute("SELECT * FROM value WHERE name = 'rates'") for c in row)

    def test_the_summary_says_it(self):
        text = self.node.ctl("agreement", "summary", f"{self.world.folder}/few.json")[1]
        self.assertIn("no more than 8 records a day; what is refused counts five times", " ".join(text.split()))
        findings = json.loads(self.node.ctl("-o", "json", "agreement", "lint", f"{self.world.folder}/many.json", ok=False)[1])
        self.assertIn("no-limits", json.dumps(findings))


if __name__ == "__main__":
    unittest.main()
