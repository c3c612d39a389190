"""Another program that reads an older state of the store keeps its write-ahead log from being emptied: that is told, with the
process, and before the disk is full no new record is taken, until that program has ended."""

import json
import subprocess
import sys
import unittest

import agreements
from check_witness import metric
from world import GATEWAYCTL, ROOT, World, read, run, wait_for

MIB = 1 << 20
# It ends with its standard input.
READER = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
db.execute("BEGIN")
print(db.execute("SELECT count(*) FROM exchange").fetchone()[0], flush=True)
sys.stdin.read()
"""


class ForeignReader(unittest.TestCase):
    def setUp(self):
        self.world = w = World()
        self.addCleanup(w.close)
        w.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
        self.north, self.south = w.north, w.south
        self.north.change(space={"write_ahead_mib": 64})
        w.start()
        self.client = w.client("north")
        self.n = 0

    def post(self):
        """Large records, so that few of them fill the log."""
        self.n += 1
        record = agreements.passenger_record(self.n)
        record["travellers"] *= 90
        return self.client.request("POST", "/v1/agreements/pax/records", agreements.envelope(record))

    def fill(self, until, most=2000):
        for _ in range(most):
            status, headers, body = self.post()
            if until() or status != 201:
                return status, headers, body
        raise AssertionError("it was not reached")

    def reader(self):
        p = subprocess.Popen([sys.executable, "-c", READER, f"{self.north.folder}/store/gatewayd.db"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, p)
        p.stdout.readline()
        return p

    @staticmethod
    def end(p):
        if p.poll() is None:
            p.stdin.close()
            p.stdout.close()
            p.wait(10)

    def store(self):
        return self.north.ask("status")["store"]

    def test_it_is_told_and_bounded(self):
        self.assertEqual(self.post()[0], 201)
        p = self.reader()
        # From a quarter of the bound on, it is told and records are taken.
        self.fill(lambda: "warning: another program reads the store" in self.north.get_monitor("/readyz")[1])
        self.assertEqual(self.north.get_monitor("/readyz")[0], 200)
        self.assertIn(f"cannot be emptied, for process {p.pid} reads an older state of it: end that reader; no new record is taken from "
                      "64 MiB", read(self.north.log))
        status = wait_for(lambda: (s := self.store())["write_ahead_held"] and s)
        self.assertEqual(status["write_ahead_held_by"], p.pid)
        self.assertGreaterEqual(status["write_ahead_bytes"], 16 * MIB)
        self.assertGreaterEqual(metric(self.north, "store_write_ahead_bytes"), 16 * MIB)
        self.assertEqual(metric(self.north, "store_held"), 1)
        # At the bound no record is taken.
        status, headers, body = self.fill(lambda: False)
        self.assertEqual((status, json.loads(body)["type"].rsplit("/", 1)[1]), (503, "store-held"))
        self.assertTrue(int({k.lower(): v for k, v in headers.items()}["retry-after"]) > 0)
        code, why = self.north.get_monitor("/readyz")
        self.assertEqual((code, why.splitlines()[0]),
                         (503, "not ready: another program reads the store and keeps its write-ahead log from being emptied"))
        self.assertIn("no new record is taken, which is so from 64 MiB", read(self.north.log))
        bytes_then = self.store()["write_ahead_bytes"]
        exchanges = self.store()["exchanges"]
        for _ in range(20):
            self.assertEqual(self.post()[0], 503)
        self.assertEqual(self.store()["exchanges"], exchanges, "nothing is half done")
        self.assertLess(self.store()["write_ahead_bytes"], bytes_then + 16 * MIB)
        # Reading and delivering go on meanwhile; what is erased leaves its rows, and the file when the reader has ended.
        self.assertEqual(self.client.request("GET", "/v1/inbox?after=0")[0], 200)
        wait_for(lambda: self.north.ask("outbox") == [], 60)
        self.end(p)
        # By itself, without a commit.
        wait_for(lambda: "another program" not in self.north.get_monitor("/readyz")[1] and self.north.get_monitor("/readyz")[0] == 200)
        self.assertIn("can be emptied again", read(self.north.log))
        self.assertEqual(self.post()[0], 201)
        wait_for(lambda: self.store()["write_ahead_bytes"] < 16 * MIB)
        self.assertFalse(self.store()["write_ahead_held"])
        self.assertNotIn("write_ahead_held_by", self.store())

    def test_the_daemons_own_readers_hold_nothing(self):
        """Under load, with verifications of the whole log one after the other and a copy for a backup."""
        doc = json.loads(read(self.north.config))
        doc["audit"]["rebuild_every_s"] = 1
        self.north.change(audit=doc["audit"])
        self.north.ctl("reload")
        keeper = f"{self.world.folder}/keeper"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            "/CN=keeper", "-keyout", f"{keeper}.key", "-out", f"{keeper}.pem")
        backup = subprocess.Popen([GATEWAYCTL, "-c", self.north.config, "store", "backup", "--certificate", f"{keeper}.pem",
                                   f"{self.world.folder}/safe"], stdout=subprocess.DEVNULL)
        self.addCleanup(backup.wait, 60)
        grown = 0
        for _ in range(700):
            self.assertEqual(self.post()[0], 201)
            if self.n % 50 == 0:
                grown = max(grown, self.store()["write_ahead_bytes"])
        self.assertEqual(backup.wait(60), 0)
        self.assertLess(grown, 40 * MIB)
        self.assertNotIn("cannot be emptied", read(self.north.log))


if __name__ == "__main__":
    unittest.main()
