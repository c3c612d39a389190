"""At one system call after the other of an exchange, its delivery, an erasure, a recall and a new master key the daemon is killed,
or the call fails: input/output error, no room, no descriptor. A daemon that ends for it ends with 1 and is started again, who
asked asks again; in the end all that was answered holds, once, and nothing waits. EVERY (4): at each so-many-th call; 1: at all."""

import collections
import contextlib
import errno
import http.client
import os
import tempfile
import time
import unittest

import disk
from load import AGREE, Pair, Supervisor
from world import IN_MEMORY, sanitized, wait_for

EVERY = int(os.environ.get("EVERY", "4"))
EFFECTS = {"killed": disk.Faults.KILL, "EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EMFILE": errno.EMFILE}


@unittest.skipIf(sanitized(), "the sanitizer wants to be loaded first")
class Calls(unittest.TestCase):
    def test_every_call(self):
        with tempfile.TemporaryDirectory(prefix="gw", dir=IN_MEMORY) as folder, Pair(hold=0, folder=folder) as w:
            self.world, self.number, self.counts = w, 0, collections.Counter()
            faults = {n: disk.Faults(f"{folder}/{n.agency}.faults") for n in w.nodes}
            wraps = [(disk.preload(f"{n.folder}", faults=faults[n].path),) for n in w.nodes]
            w.start_both(*wraps)
            self.supervisor = Supervisor(w, [wrap for wrap, in wraps])
            self.north, self.south = w.client("north", timeout=5), w.client("south", timeout=5)
            try:
                for act, node in ((self.exchange, w.north), (self.exchange, w.south), (self.erasure, w.south), (self.recall, w.north),
                                  (self.recall, w.south), (self.rotation, w.north)):
                    for effect, error in EFFECTS.items():
                        self.strike(act, faults[node], effect, error)
            finally:
                self.supervisor.stop.set()
                self.supervisor.thread.join()
            self.supervisor.end()
            figures = w.settle()
            for n in w.nodes:
                n.stop()
            self.assertRegex(w.verify(), AGREE)
            starts = {code: n for code, n in sorted(self.supervisor.starts.items())}
            print(f"calls struck: {', '.join(f'{k} {n}' for k, n in self.counts.items())}; daemons ended and started again, by status: "
                  f"{starts}; {figures['posted']} records acknowledged, all there once; nothing stuck")

    def strike(self, act, faults, effect, error):
        """At call 1, 1 + EVERY and so on, until it comes through without one."""
        at = 1
        while True:
            faults.strike(at, error)
            act()
            self.persist(self.world.quiet)
            faults.put(0, 0)
            if not faults.struck():
                return
            self.counts[effect] += 1
            at += EVERY

    def persist(self, ask):
        """Until it is answered, by whichever process."""
        def answered():
            assert not self.supervisor.failed, self.supervisor.failed
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                return ask()
            self.north.close()
            self.south.close()
            time.sleep(0.005)
            return False
        wait_for(answered, 20)

    def post(self):
        self.number += 1
        self.persist(lambda: self.world.post(self.north, self.number))

    def exchange(self):
        self.post()

    def erasure(self):
        """Of what was delivered last."""
        items = []
        self.persist(lambda: items.extend(self.world.inbox(self.south)) or items)
        for item in items[-1:]:
            self.persist(lambda: self.world.acknowledge(self.south, item))

    def recall(self):
        self.post()
        number = self.number
        self.persist(lambda: self.world.recall(self.north, number))

    def rotation(self):
        self.persist(lambda: self.world.rotate(self.world.north))


if __name__ == "__main__":
    unittest.main()
