"""kill -9 of core or edge of either gateway at any moment of a loaded run, with held records, releases, erasures, recalls,
notices and new master keys under way: nothing that was acknowledged is lost, nothing is doubled, nothing is stuck, and the logs
of both sides agree. KILLS (100) kills. When one process dies the other stops within a second."""

import os
import random
import signal
import time
import unittest

from load import AGREE, Pair, Roles
from world import wait_for

KILLS = int(os.environ.get("KILLS", "100"))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Kill(unittest.TestCase):
    def test_kills(self):
        lot = random.Random(7)
        with Pair() as w:
            w.start_both()
            roles, between, under_way = Roles(w, pace=0.01, post_every=0.03, keep=7), 0, {}
            try:
                for number in range(KILLS):
                    time.sleep(lot.uniform(0.0, 0.08))
                    if number % 4 != 3:
                        wait_for(lambda: w.ledger.under_way() or roles.failed, 5, 0.001)
                    open_acts = w.ledger.under_way()
                    between += bool(open_acts)
                    for kind in open_acts:
                        under_way[kind] = under_way.get(kind, 0) + 1
                    self.kill(lot.choice(w.nodes), number % 2 == 0)
            finally:
                roles.stop.set()
            roles.end()
            self.assertGreaterEqual(between, KILLS / 2)
            figures = w.settle(seconds=60)
            self.assertGreater(figures["posted"], KILLS / 2)
            for n in w.nodes:
                n.stop()
            self.assertRegex(w.verify(), AGREE)
            counts = {kind: len(w.ledger.answered(kind)) for kind in ("release", "ack", "recall", "duty", "rotate")}
            print(f"{KILLS} kills, {between} of them between a request and its answer ({self.words(under_way)}); {figures['posted']} records "
                  f"acknowledged, all there once; {self.words(counts)} answered, 0 undone; nothing stuck")

    @staticmethod
    def words(counts):
        return ", ".join(f"{kind} {n}" for kind, n in sorted(counts.items()))

    def kill(self, node, core_first):
        core, edge = node.process.pid, node.edge_pid()
        victim, other = (core, edge) if core_first else (edge, core)
        os.kill(victim, signal.SIGKILL)
        at = time.monotonic()
        if victim == core:
            node.process.wait(10)
        wait_for(lambda: not alive(other) or node.process.poll() is not None and not alive(edge), 5, 0.005)
        self.assertLess(time.monotonic() - at, 1.0, "the other process stops within a second")
        node.process.wait(10)
        wait_for(lambda: not alive(edge), 5, 0.005)
        node.start()


if __name__ == "__main__":
    unittest.main()
