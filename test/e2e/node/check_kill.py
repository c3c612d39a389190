"""kill -9 of core or edge at any moment of a loaded run: nothing that was acknowledged is lost, nothing is doubled.
KILLS (100) kills, at least half of them between a request and its answer. When one process dies the other stops
within a second."""

import os
import random
import signal
import threading
import time
import unittest

import agreements
from world import ROOT, World, wait_for

KILLS = int(os.environ.get("KILLS", "100"))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Load:
    """A client that posts record after record, each with a key of its own, and notes what was answered. A record
    that got no answer is posted again with its key, as a careful sender does."""

    def __init__(self, world, number):
        self.world, self.number = world, number
        self.acknowledged, self.waiting, self.stop = {}, None, False
        self.client = world.client("north", timeout=5)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        n = 0
        while not self.stop or self.waiting:
            if not self.waiting:
                n += 1
                self.waiting = f"load-{self.number}-{n}"
            number = self.number * 1000000 + n
            try:
                status, answer = self.client.post("pax", agreements.envelope(agreements.passenger_record(number)), key=self.waiting)
            except (OSError, ValueError, AssertionError, Exception):
                self.client.close()
                time.sleep(0.01)
                continue
            if status == 201:
                self.acknowledged[self.waiting] = answer["exchange"]
                self.waiting = None


class Kill(unittest.TestCase):
    def test_kills(self):
        random.seed(7)
        with World() as w:
            schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
            w.agreement(agreements.passenger(digest=schema))
            w.north.start()
            loads = [Load(w, i) for i in range(6)]
            between = 0
            try:
                for kill in range(KILLS):
                    time.sleep(random.uniform(0.0, 0.08))
                    core, edge = w.north.process.pid, w.north.edge_pid()
                    between += any(l.waiting for l in loads)
                    victim, other = (core, edge) if kill % 2 == 0 else (edge, core)
                    os.kill(victim, signal.SIGKILL)
                    at = time.monotonic()
                    w.north.process.wait(10) if victim == core else None
                    wait_for(lambda: not alive(other) or w.north.process.poll() is not None and not alive(edge), 5, 0.005)
                    self.assertLess(time.monotonic() - at, 1.0, "the other process stops within a second")
                    w.north.process.wait(10)
                    wait_for(lambda: not alive(edge), 5, 0.005)
                    w.north.start()
            finally:
                for l in loads:
                    l.stop = True
                for l in loads:
                    l.thread.join()
            self.assertGreaterEqual(between, KILLS / 2)
            acknowledged = {k: v for l in loads for k, v in l.acknowledged.items()}
            self.assertGreater(len(acknowledged), KILLS)
            self.assertEqual(len(set(acknowledged.values())), len(acknowledged), "two keys, one exchange")
            self.check_store(w, acknowledged)
            print(f"{KILLS} kills, {between} of them between request and answer; {len(acknowledged)} records acknowledged, all there once")

    def check_store(self, w, acknowledged):
        """Every acknowledged exchange is stored once, with its key, and the log verifies with one disclosure each."""
        import json
        w.north.stop()
        vkey = open(f"{w.north.folder}/audit.vkey", encoding="ascii").read().strip()
        w.north.ctl("audit", "verify", "--key", vkey, f"{w.north.folder}/store/gatewayd.db")
        disclosed = []
        with open(f"{w.north.folder}/log/audit.jsonl", encoding="ascii") as f:
            for line in f:
                e = json.loads(line)
                if e["operation"] == "disclosure":
                    disclosed.append(e["exchange"])
        self.assertEqual(len(disclosed), len(set(disclosed)), "an exchange was logged twice")
        self.assertEqual(set(acknowledged.values()) - set(disclosed), set(), "an acknowledged exchange is not in the log")
        self.assertEqual(len(disclosed), len(acknowledged), "a key took effect twice")
