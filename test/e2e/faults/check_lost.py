"""Answers between the gateways are lost, in both directions, while records, recalls and receipts travel: what was sent again
took effect once. LOST (60) answers."""

import os
import tempfile
import time
import unittest

from load import AGREE, Pair, Roles
from proxy import between
from world import IN_MEMORY, wait_for

LOST = int(os.environ.get("LOST", "60"))


class Lost(unittest.TestCase):
    def test_lost_answers(self):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="gw", dir=IN_MEMORY) as folder, Pair(folder=folder) as w:
            proxies = [between(w.north, w.south), between(w.south, w.north)]
            for p in proxies:
                self.addCleanup(p.close)
            for n in w.nodes:
                n.change(delivery={"first_retry_ms": 10, "longest_retry_ms": 100})
            w.start_both()
            for p in proxies:
                p.lose = "some"
            roles = Roles(w, pace=0.02)
            try:
                wait_for(lambda: roles.failed or sum(p.lost for p in proxies) >= LOST, 20 + LOST)
            finally:
                roles.stop.set()
                for p in proxies:
                    p.lose = None
            roles.end()
            figures = w.settle(seconds=60)
            for n in w.nodes:
                n.stop()
            self.assertRegex(w.verify(), AGREE)
            received = w.rows(w.south, "SELECT count(*), count(DISTINCT origin) FROM exchange WHERE origin IS NOT NULL")[0]
            self.assertEqual(*received, "an exchange was taken twice")
            print(f"{proxies[0].lost} answers to north and {proxies[1].lost} to south were lost in {time.monotonic() - began:.0f} s; "
                  f"{figures['posted']} records acknowledged, {received[0]} received, 0 of them twice; nothing stuck")


if __name__ == "__main__":
    unittest.main()
