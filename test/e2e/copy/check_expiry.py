"""What expires when, as an operator asks: timers counted by day and agreement, and drawn as bars."""

import datetime
import sqlite3
import unittest

import agreements
from check_held import schema
from world import World

DAY = datetime.timedelta(days=1)


class Expiry(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        for name in "pax", "wax":
            w.agreement(agreements.passenger(name, digest=schema()))
        cls.node = w.north
        cls.node.start()
        client = w.client("north")
        for n in range(10):
            status, answer = client.post("wax" if n == 9 else "pax", agreements.envelope(agreements.passenger_record(n)))
            assert status == 201, answer
        cls.node.stop()
        # Noon of the second Monday from now, and days after it: a week's end, and the month's.
        today = datetime.datetime.now(datetime.timezone.utc).replace(hour=12, minute=0, second=0, microsecond=0)
        cls.monday = today + (14 - today.weekday()) * DAY
        cls.days = [0, 0, 0, 0, 1, 6, 7, 7, 20, 40]
        with sqlite3.connect(f"{cls.node.folder}/store/gatewayd.db") as db:
            for seq, n in enumerate(cls.days, 1):
                db.execute("UPDATE timer SET due_ms = ? WHERE seq = ?", (int((cls.monday + n * DAY).timestamp() * 1000), seq))
        db.close()
        cls.node.start()

    def date(self, n):
        return (self.monday + n * DAY).strftime("%Y-%m-%d")

    def test_by_day(self):
        groups = self.node.ask("retention", "due", "--by", "day")
        self.assertEqual([(g["day"], g["kind"], g["held"], g["timers"]) for g in groups],
                         [(self.date(n), "erase", False, self.days.count(n)) for n in sorted(set(self.days))])
        self.assertTrue(groups[0]["first"].startswith(f"{self.date(0)}T12:00:00"))
        until = ("--until", f"{self.date(6)}T11:59:59Z")
        self.assertEqual(sum(g["timers"] for g in self.node.ask("retention", "due", "--by", "day", *until)), 5)
        self.assertEqual(len(self.node.ask("retention", "due", *until)), 5)
        self.assertIn(f"{self.date(7)} erase", self.node.ctl("retention", "due", "--by", "day")[1])

    def test_by_agreement(self):
        groups = self.node.ask("retention", "due", "--by", "agreement")
        self.assertEqual([(g["agreement"], g["timers"]) for g in groups], [("pax", 9), ("wax", 1)])
        self.assertTrue(groups[0]["last"].startswith(self.date(20)))
        self.assertTrue(groups[1]["first"].startswith(self.date(40)))

    def test_bars(self):
        for per, start in (("day", lambda n: self.date(n)), ("week", lambda n: self.date(n // 7 * 7)),
                           ("month", lambda n: self.date(n)[:8] + "01")):
            want = {}
            for n in self.days:
                want[start(n)] = want.get(start(n), 0) + 1
            bars = self.node.ask("retention", "histogram", "--per", per)
            self.assertEqual([(b["from"], b["timers"], b["kinds"], b["held"]) for b in bars],
                             [(day, n, {"erase": n}, 0) for day, n in sorted(want.items())])
        drawn = self.node.ctl("retention", "histogram")[1].splitlines()
        self.assertEqual([line.count("#") for line in drawn], [50, 13, 13, 25, 13, 13])

    def test_wrong_use(self):
        for words in (("due", "--by", "week"), ("due", "--until", "tomorrow"), ("due", "x"), ("histogram", "--per", "year"),
                      ("histogram", "x")):
            self.assertEqual(self.node.ctl("retention", *words, ok=False)[0], 2, words)
