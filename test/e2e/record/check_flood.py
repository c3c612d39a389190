"""One partner sends far more than its share: core's memory stays within what is configured and comes back, another partner is
answered meanwhile, and nobody is told anything but an answer or when to come again."""

import json
import threading
import time
import unittest

import agreements
from world import ROOT, Client, World, sanitized, wait_for

BATCHES, LINES = 24, 500
MEMORY = 16     # MiB, of all partners


def resident(pid):
    """MiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) / 1024


class Flood(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        w.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
        cls.node = w.south
        cls.feed = w.authority.leaf("feed", "spiffe://north.example/feed")
        w.add_system(cls.node, "north", "north-feed", cls.feed[0])
        cls.node.change(limits={"threads": 2, "memory_mib": MEMORY, "memory_mib_per_partner": MEMORY // 2, "jobs": 256,
                                "jobs_per_partner": 128})
        cls.node.start()
        cls.quiet = w.client("south")
        cls.quiet.request("GET", "/v1/agreements")
        w.client("north", cls.node)

    def feeder(self):
        return Client(self.world, self.node, *self.feed, timeout=60)

    def test_a_flood_stays_within_the_budget(self):
        line = json.dumps(agreements.envelope({"locator": 1}, key="%d"))
        pids = (self.node.process.pid, self.node.edge_pid())
        before, most, answers, over = [resident(pid) for pid in pids], [0], [], threading.Event()

        def look():
            while not over.wait(0.02):
                most[0] = max(most[0], resident(self.node.process.pid))

        def send(k):
            client = self.feeder()
            body = "\n".join(line.replace("%d", f"flood-{k}-{i}") for i in range(LINES))
            for _ in range(60):
                status, fields, answer = client.request("POST", "/v1/agreements/pax/records", body, content_type="application/x-ndjson")
                answers.append((status, {n.lower(): v for n, v in fields.items()}, answer))
                if status == 200:
                    break
                time.sleep(1)
            client.close()
        watch = threading.Thread(target=look)
        watch.start()
        senders = [threading.Thread(target=send, args=(k,)) for k in range(BATCHES)]
        for t in senders:
            t.start()
        asked = 0
        while any(t.is_alive() for t in senders):
            self.assertEqual(self.quiet.request("GET", "/v1/agreements")[0], 200)
            asked += 1
            time.sleep(0.05)
        for t in senders:
            t.join()
        over.set()
        watch.join()
        for status, fields, answer in answers:
            if status != 200:
                self.assertEqual((status, json.loads(answer)["type"], fields["retry-after"]), (503, "/problems/busy", "2"))
        done = [a for a in answers if a[0] == 200]
        self.assertEqual(len(done), BATCHES)
        seen = set()
        for _, _, answer in done:
            lines = [json.loads(l) for l in answer.decode().strip().split("\n")]
            self.assertEqual([l["status"] for l in lines], [422] * LINES)
            seen |= {l["exchange"] for l in lines}
        self.assertEqual(len(seen), BATCHES * LINES)
        self.assertGreater(asked, 0)
        print(f"core: {before[0]:.1f} MiB before, {most[0]:.1f} at the most; {len(answers) - BATCHES} of {len(answers)} told to come again")
        status = self.node.ask("status")
        self.assertEqual((status["budget"]["bytes"], status["budget"]["jobs"], status["budget"]["bytes_max"]), (0, 0, MEMORY << 20))
        mine = next(b for b in status["budgets"] if b["partner"] == "north-feed")
        self.assertEqual((mine["bytes"], mine["jobs"], mine["waiting"], mine["jobs_max"]), (0, 0, 0, 128))
        self.assertEqual(mine["turned_away"], len(answers) - BATCHES)
        self.assertIn("gatewayd_budget_limit_bytes", self.node.get_monitor("/metrics")[1])
        if not sanitized():
            # One and a half times the budget, answers under way, and what the store keeps while it is busy.
            self.assertLess(most[0] - before[0], 1.5 * MEMORY + 64)
            try:
                wait_for(lambda: all(resident(pid) <= 1.2 * b for pid, b in zip(pids, before)), 10)
            finally:
                print(", ".join(f"{name}: {resident(pid):.1f} MiB after, {resident(pid) / b:.2f} x"
                                for name, pid, b in zip(("core", "edge"), pids, before)))


if __name__ == "__main__":
    unittest.main()
