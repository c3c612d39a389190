"""The power goes while two gateways exchange records. What their disks would hold at moments of a recorded run (disk.py), of
one of them or of both, is started again as whole daemons; where one keeps its power it was killed at that moment. All that a
client had been answered by then took effect, once; what is owed opens, what was erased opens nowhere, both logs verify and
agree. IMAGES (100) images."""

import json
import os
import random
import signal
import tempfile
import time
import unittest

import disk
from load import AGREE, Pair, Roles
from world import GATEWAYCTL, IN_MEMORY, read, run, sanitized, write

IMAGES = int(os.environ.get("IMAGES", "100"))
A_RUN = 125             # images of one recording, at most
RECORDS, VICTIMS = 24, 4
KEPT = (disk.NOTHING, disk.OLDEST, disk.ANY, disk.ANY)


class Recording:
    """Both gateways at work, from their first start until the power goes."""

    def __init__(self, folder, lot):
        self.pair = w = Pair(folder=folder)
        self.modes = disk.modes(w.folder)
        self.record = disk.Record(f"{w.folder}/record")
        self.disk = disk.Disk(self.record, [n.folder for n in w.nodes])
        w.ledger.clock = self.record.now
        w.start_both(*[(disk.preload(w.folder, record=self.record.path),)] * 2)
        Roles(w, most=RECORDS).until_done()
        for n in w.nodes:
            n.stop(signal.SIGKILL)
        self.ledger = w.ledger
        self.moments = [at for at, *_ in self.record.items(disk.HEADER, self.record.now())]
        acked = self.ledger.acts["ack"]
        # Of these a copy of the store is kept in which they are still sealed.
        self.victims = {n: acked[n] for n in lot.sample(sorted(acked), min(VICTIMS, len(acked)))}
        self.to_copy = sorted((asked, n) for n, (asked, _, _) in self.victims.items())

    def forward(self, moment):
        """Like the disk's own, with the victims' copies made on the way."""
        while self.to_copy and self.to_copy[0][0] <= moment:
            asked, n = self.to_copy.pop(0)
            self.disk.forward(asked)
            os.makedirs(f"{self.pair.folder}/before-{n}")
            self.write(self.disk.image(f"{self.pair.south.folder}/store", disk.ALL, 0), f"{self.pair.folder}/before-{n}")
        self.disk.forward(moment)

    @staticmethod
    def write(files, folder):
        for path, content in files.items():
            with open(f"{folder}/{os.path.basename(path)}", "wb") as f:
                f.write(content)


@unittest.skipIf(sanitized(), "the sanitizer wants to be loaded first")
class Power:
    def test_images(self):
        began, count, shown, victims, lot = time.monotonic(), 0, 0, 0, random.Random(str(self.without))
        while count < IMAGES // 2:
            with tempfile.TemporaryDirectory(prefix="gw", dir=IN_MEMORY) as folder:
                recording = Recording(folder, lot)
                for moment in sorted(lot.choice(recording.moments) for _ in range(min(A_RUN, IMAGES // 2 - count))):
                    seed = f"{self.without} {count}"
                    recording.forward(moment)
                    figures = self.image(recording, moment, seed)
                    count, shown, victims = count + 1, shown + figures["shown"], victims + figures["victims"]
        print(f"{count} images without the power of {' or '.join(self.without)}, in {time.monotonic() - began:.0f} s: what was "
              f"acknowledged was there once, {shown} records opened, {victims} erased ones did not")

    def image(self, recording, moment, seed):
        w, lot = recording.pair, random.Random(seed)
        dark, kept = lot.choice(self.without), lot.choice(KEPT)
        for n in w.nodes:
            files = recording.disk.image(n.folder, kept if dark in (n.agency, "both") else disk.ALL, seed)
            disk.put(n.folder, files, recording.modes)
            write(n.log, "")
        w.ledger = recording.ledger.until(moment)
        try:
            victims = self.check_erased(recording, moment, lot)
            w.start_both()
            figures = w.settle(every=False)
            for n in w.nodes:
                n.stop()
            said = w.verify()
            self.assertRegex(said, AGREE)
        except BaseException:
            print(f"image {seed}: {dark} without power at {moment}, {kept} of what was not synced is there\n"
                  f"{read(w.north.log)}{read(w.south.log)}")
            raise
        return {**figures, "victims": victims}

    def check_erased(self, recording, moment, lot):
        """As the disk is found: none of its keys opens a copy from before of what is acknowledged as erased. Returns how many
        were looked at."""
        w = recording.pair
        erased = [n for n, (_, answered, _) in recording.victims.items() if answered <= moment]
        # While the master key is being replaced the command reads nothing.
        if not erased or os.path.exists(f"{w.south.folder}/keys/slots.new"):
            return 0
        n = lot.choice(erased)
        status, out, err = run(GATEWAYCTL, "-c", w.south.config, "-o", "json", "retention", "prove", "--backup",
                               f"{w.folder}/before-{n}/gatewayd.db", recording.ledger.answered("ack")[n], ok=False)
        self.assertIn(status, (0, 3), err)
        self.assertFalse(json.loads(out)["backup"]["opens"], f"record {n} was acknowledged as erased and opens")
        return 1


class PowerOfNorth(Power, unittest.TestCase):
    without = ("north", "both")


class PowerOfSouth(Power, unittest.TestCase):
    without = ("south", "both")


if __name__ == "__main__":
    unittest.main()
