"""Sixteen partners send lines without a pause, released and refused ones, while an honest one posts a record at a time: each of
its records is released, nobody is answered anything but results or when to come again, and core's memory comes back. Printed:
what the honest one waits, alone and beside the flood, in turns within one run. Who floods runs in a process of its own that takes
no processor of the others, as attackers of the world outside do not; where the machine allows it, the gateway and the honest one
run ahead of all else (SCHED_RR). No time is asserted: other programs of the machine take theirs.

TURNS: of quiet and flood each (3); POSTS: records a turn (60)."""

import json
import multiprocessing
import os
import threading
import time
import unittest

import agreements
from check_flood import resident
from world import ROOT, Client, World, sanitized, wait_for

TURNS, POSTS = (int(os.environ.get(name, default)) for name, default in (("TURNS", "3"), ("POSTS", "60")))
NEIGHBOURS, LINES, RATE = 16, 200, 50


def flood(world, node, pairs, on, end, counts):
    """The other process: a thread a partner, each with a body of lines under way while `on` is set."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

    def lines(k, n):
        good = agreements.passenger_record(n)
        return "\n".join(json.dumps(agreements.envelope({"locator": 1} if (i + k) % 2 else good, key=f"{k}-{n}-{i}"))
                         for i in range(LINES))

    def one(k):
        client, n = Client(world, node, *pairs[k], timeout=60), 0
        while not end.is_set():
            if not on.wait(0.1):
                continue
            n += 1
            status, fields, body = client.request("POST", "/v1/agreements/pax/records", lines(k, n), content_type="application/x-ndjson")
            statuses = [json.loads(l)["status"] for l in body.decode().strip().split("\n")] if status == 200 else []
            told = status in (429, 503) and "Retry-After" in {f.title() for f in fields}
            with counts.get_lock():
                counts[0] += statuses.count(201)
                counts[1] += statuses.count(422)
                counts[2] += 1 if told else 0
                counts[3] += (len(statuses) - statuses.count(201) - statuses.count(422)) if status == 200 else int(not told)
            if told:
                time.sleep(0.2)
        client.close()
    threads = [threading.Thread(target=one, args=(k,)) for k in range(len(pairs))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Neighbours(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            cls.addClassCleanup(os.sched_setscheduler, 0, os.SCHED_OTHER, os.sched_param(0))
        except OSError:
            pass
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        w.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
        cls.node, cls.pairs = w.south, []
        for k in range(NEIGHBOURS):
            cls.pairs.append(w.authority.leaf(f"n{k}", f"spiffe://north.example/n{k}"))
            w.add_system(cls.node, "north", f"north-n{k}", cls.pairs[k][0])
        cls.mine = w.authority.leaf("honest", "spiffe://north.example/honest")
        w.add_system(cls.node, "north", "north-honest", cls.mine[0])
        cls.node.change(limits={"threads": 2, "memory_mib": 48, "memory_mib_per_partner": 8, "jobs": 512, "jobs_per_partner": 64})
        cls.node.start()

    def turn(self, n):
        waits = []
        for i in range(POSTS):
            began = time.monotonic()
            status, answer = self.honest.post("pax", agreements.envelope(agreements.passenger_record(i)), key=f"honest-{n}-{i}")
            waits.append((time.monotonic() - began) * 1000)
            self.assertEqual(status, 201, answer)
            time.sleep(max(0, 1 / RATE - (time.monotonic() - began)))
        return waits

    def beside(self, on, counts, do):
        """What `do` returns while the others flood; all that they had under way is over then."""
        at = sum(counts[:3])
        on.set()
        wait_for(lambda: sum(counts[:3]) > at, 60)
        done = do()
        on.clear()
        wait_for(lambda: all(b["jobs"] == 0 for b in self.node.ask("status")["budgets"]), 60)
        return done

    def test_an_honest_one_among_sixteen(self):
        self.honest = Client(self.world, self.node, *self.mine)
        context = multiprocessing.get_context("fork")
        on, end, counts = context.Event(), context.Event(), context.Array("Q", 4)
        flooder = context.Process(target=flood, args=(self.world, self.node, self.pairs, on, end, counts))
        flooder.start()
        try:
            # All that is kept for the next request of each kind is there before the memory is looked at.
            self.beside(on, counts, lambda: self.turn("warm"))
            pids = (self.node.process.pid, self.node.edge_pid())
            time.sleep(8)       # until what was warm is at rest
            before, most, quiet, loud = [resident(pid) for pid in pids], 0, [], []
            for n in range(TURNS):
                quiet += self.turn(f"quiet-{n}")
                waits, at = self.beside(on, counts, lambda n=n: (self.turn(f"loud-{n}"), resident(pids[0])))
                loud += waits
                most = max(most, at)
        finally:
            end.set()
            flooder.join(60)
            flooder.kill()
        print(f"{counts[0]} released and {counts[1]} refused lines of {NEIGHBOURS} partners, {counts[2]} bodies told to come again; the honest one "
              f"waits p50 {percentile(quiet, 0.5):.1f} ms and p99 {percentile(quiet, 0.99):.1f} ms alone, p50 {percentile(loud, 0.5):.1f} ms and p99 "
              f"{percentile(loud, 0.99):.1f} ms beside them: {percentile(loud, 0.5) / percentile(quiet, 0.5):.1f} x and "
              f"{percentile(loud, 0.99) / percentile(quiet, 0.99):.1f} x")
        self.assertEqual(counts[3], 0)
        self.assertGreater(min(counts[0], counts[1]), 0)
        if not sanitized():
            try:
                wait_for(lambda: all(resident(pid) <= 1.2 * b for pid, b in zip(pids, before)), 15)
            finally:
                print(f"core {most:.1f} MiB at the most; " + ", ".join(
                    f"{name} {b:.1f} MiB before and {resident(pid):.1f} after, {resident(pid) / b:.2f} x"
                    for name, pid, b in zip(("core", "edge"), pids, before)))


if __name__ == "__main__":
    unittest.main()
