"""The file system is full under a loaded gateway, below any reserve: the daemon goes on, or ends with 1, and never with 78. Room
comes back while it runs, while it is down, or after it was killed; all that was answered is there then, once, and nothing waits.
FULL (6) times."""

import contextlib
import http.client
import os
import random
import tempfile
import time
import unittest

import disk
from load import AGREE, Pair, Roles, Supervisor
from world import IN_MEMORY, sanitized, wait_for

FULL = int(os.environ.get("FULL", "6"))


@unittest.skipIf(sanitized(), "the sanitizer wants to be loaded first")
class Full(unittest.TestCase):
    def test_full(self):
        lot, refused = random.Random(11), 0
        with tempfile.TemporaryDirectory(prefix="gw", dir=IN_MEMORY) as folder, Pair(folder=folder) as w:
            faults = {n: disk.Faults(f"{folder}/{n.agency}.faults") for n in w.nodes}
            wraps = [(disk.preload(n.folder, faults=faults[n].path),) for n in w.nodes]
            for n in w.nodes:
                n.change(space={"reserve_mib": 0})
            w.start_both(*wraps)
            supervisor, roles = Supervisor(w, [wrap for wrap, in wraps]), Roles(w, pace=0.005)
            try:
                for number in range(FULL):
                    node = w.nodes[number % 2]
                    time.sleep(lot.uniform(0.1, 0.4))
                    faults[node].full(True)
                    refused += self.until_it_shows(w, node, supervisor)
                    if number % 3 == 2:
                        with contextlib.suppress(ProcessLookupError):
                            node.process.kill()
                        time.sleep(0.3)
                    faults[node].full(False)
                    wait_for(lambda n=node, k=len(w.ledger.answered("post")): supervisor.failed or len(w.ledger.answered("post")) > k + 5)
            finally:
                roles.stop.set()
                supervisor.stop.set()
                supervisor.thread.join()
                for f in faults.values():
                    f.full(False)
            roles.end()
            supervisor.end()
            for n in w.nodes:
                if n.process.poll() is not None:
                    n.start()
            figures = w.settle(seconds=60)
            for n in w.nodes:
                n.stop()
            self.assertRegex(w.verify(), AGREE)
            print(f"{FULL} times without room, {refused} times the daemon ended or took nothing more; ended and started again, by status: "
                  f"{dict(sorted(supervisor.starts.items()))}; {figures['posted']} records acknowledged, all there once; nothing stuck")

    @staticmethod
    def until_it_shows(w, node, supervisor):
        """Waits up to two seconds until the daemon ended, or is not ready; whether it did."""
        before, end = sum(supervisor.starts.values()), time.monotonic() + 2
        while time.monotonic() < end:
            if sum(supervisor.starts.values()) > before:
                return True
            with contextlib.suppress(OSError, http.client.HTTPException):
                if node.get_monitor("/readyz")[0] != 200:
                    return True
            time.sleep(0.02)
        return False


if __name__ == "__main__":
    unittest.main()
