"""The sweep of what is due: more than one job takes, at the start and while the gateway serves, with one timer among
them that cannot be fired."""

import re
import sqlite3
import time
import unittest

import agreements
from world import ROOT, World, read, wait_for

CLONES = 1300       # more than the sweep reads at once
BROKEN = 700        # its exchange is missing

CLONE = """WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
           INSERT INTO %%s SELECT %%s FROM %%s, n WHERE seq = 1""" % CLONES


class Sweep(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(agreements.passenger(digest=schema))
        feed = w.authority.leaf("feed", "spiffe://north.example/feed")
        w.add_system(w.south, "north", "north-feed", feed[0])
        w.south.start()
        cls.feed = w.client("south")
        cls.feed.context.load_cert_chain(*feed)

    def database(self, how="ro"):
        return sqlite3.connect(f"file:{self.world.south.folder}/store/gatewayd.db?mode={how}", uri=True)

    def clone(self, table, **changed):
        with self.database("rw") as db:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            values = {"seq": "seq + i", **changed}
            db.execute(CLONE % (table, ", ".join(values.get(c, c) for c in columns), table))
        db.close()

    def post(self):
        status, answer = self.feed.post("pax", agreements.envelope(agreements.passenger_record()))
        self.assertEqual(status, 201, answer)

    def left(self):
        db = self.database()
        try:
            return [seq for seq, in db.execute("SELECT seq FROM timer WHERE seq > 1 AND seq <= ?", (CLONES + 1,))]
        finally:
            db.close()

    def test_all_but_the_broken_one(self):
        south = self.world.south
        self.post()
        self.feed.close()
        south.stop()
        self.clone("exchange", id="randomblob(16)", key="NULL")
        self.clone("state", hash="NULL")
        self.clone("timer")
        soon = int(time.time() * 1000) + 4000
        with self.database("rw") as db:
            db.execute("UPDATE timer SET due_ms = seq, payload_ms = seq WHERE seq > 1 AND seq <= 1000")
            db.execute("UPDATE timer SET due_ms = ?, payload_ms = ? WHERE seq > 1000", (soon, soon))
            db.execute("DELETE FROM exchange WHERE seq = ?", (BROKEN,))
        db.close()
        south.start()
        self.assertEqual([seq for seq in self.left() if seq <= 1000], [BROKEN])
        wait_for(lambda: self.left() == [BROKEN])
        self.assertEqual(south.ask("status")["since_start"]["timers_fired"], CLONES - 1)
        db = self.database()
        states = db.execute("SELECT state, count(*) FROM state WHERE seq > 1 GROUP BY 1 ORDER BY 2").fetchall()
        db.close()
        self.assertEqual([n for _, n in states], [1, CLONES - 1])
        # It was tried alone, once, and nothing else was given up for it.
        errors = re.findall(r"retention: .*no such exchange", read(south.log))
        self.assertGreaterEqual(len(errors), 2)
        time.sleep(1.2)
        self.assertEqual(len(re.findall(r"retention: .*no such exchange", read(south.log))), len(errors))
        self.post()
        self.assertEqual(south.ctl("audit", "verify")[0], 0)
