"""What waits for one partner under one agreement leaves together, and arrives each by itself: once, proved, with its own result."""

import base64
import json
import os
import sqlite3
import subprocess
import unittest
import uuid

import agreements
from world import GATEWAYCTL, ROOT, World, read, wait_for


class Together(unittest.TestCase):
    def world(self):
        w = World()
        self.addCleanup(w.close)
        digest = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        for name in ("pax", "pax-2"):
            w.agreement(agreements.passenger(name, digest=digest))
        w.agreement(agreements.passenger("kept", digest=digest, delivery={"keep": "P2D"}))
        return w

    def queued(self, world, n, agreement="pax"):
        client = world.client("north")
        sent = []
        for i in range(n):
            status, answer = client.post(agreement, agreements.envelope(agreements.passenger_record(i)))
            self.assertEqual(status, 201, answer)
            sent.append(answer["exchange"])
        return sent

    def arrived(self, world, sent):
        """Each is delivered, has the partner's receipt, and is in the partner's inbox once."""
        north, south = world.client("north"), world.client("south")
        wait_for(lambda: world.north.ask("status")["store"]["outbox"] == 0, 60)
        ids, after = [], 0
        while items := south.inbox(after)["items"]:
            after = items[-1]["id"]
            ids += [i["exchange"] for i in items]
        db = sqlite3.connect(f"{world.south.folder}/store/gatewayd.db")
        origins = {str(uuid.UUID(bytes=own)): str(uuid.UUID(bytes=origin)) for own, origin in db.execute("SELECT id, origin FROM exchange")}
        db.close()
        self.assertEqual(sorted(origins[i] for i in ids), sorted(sent))
        exchanges = [json.loads(north.request("GET", f"/v1/exchanges/{x}")[2]) for x in sent]
        self.assertEqual({x["state"] for x in exchanges}, {"delivered"})
        receipts = [x["partner_receipt"] for x in exchanges]
        self.assertEqual(len({text.split("\nindex ")[1].split("\n")[0] for text in receipts}), len(sent))
        for x, text in zip(sent, receipts):
            self.assertTrue(text.startswith("c2sp.org/tlog-proof@v1\nextra "))
            entry = json.loads(base64.b64decode(text.split("\n")[1].removeprefix("extra ")))
            self.assertEqual((entry["operation"], entry["origin"]), ("collection", x))

    def test_many_in_few_requests(self):
        w = self.world()
        w.north.start()
        sent = self.queued(w, 60) + self.queued(w, 5, "pax-2")
        before = w.north.ask("status")["since_start"]["sendings"]
        w.south.start()
        self.arrived(w, sent)
        self.assertLess(w.north.ask("status")["since_start"]["sendings"] - before, 40)
        for node in (w.north, w.south):
            node.ctl("audit", "verify")

    def test_a_partner_that_takes_few_lines(self):
        w = self.world()
        w.north.start()
        sent = self.queued(w, 20)
        w.south.change(limits={"lines": 3})
        w.south.start()
        self.arrived(w, sent)

    def sealed(self, world, sent):
        """Of each, whether the sender's gateway holds the sealed record, and what went with it."""
        db = sqlite3.connect(f"file:{world.north.folder}/store/gatewayd.db?mode=ro", uri=True)
        held = {db.execute("SELECT (SELECT count(*) FROM payload p WHERE p.seq = x.seq), (SELECT count(*) FROM kept k WHERE k.seq = x.seq) "
                           "FROM exchange x WHERE x.id = ?", (uuid.UUID(x).bytes,)).fetchone() for x in sent}
        db.close()
        return held

    def test_what_is_kept_of_many_is_kept(self):
        """An agreement that has them kept for a second delivery, beside one that has not; and then all of them once more."""
        w = self.world()
        w.north.start()
        kept, others = self.queued(w, 10, "kept"), self.queued(w, 10)
        w.south.start()
        self.arrived(w, kept + others)
        self.assertEqual((self.sealed(w, kept), self.sealed(w, others)), ({(1, 1)}, {(0, 0)}))
        again = subprocess.run([GATEWAYCTL, "-c", w.north.config, "outbox", "again", "-"], input="\n".join(kept), text=True,
                               capture_output=True, timeout=60, check=False)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.arrived(w, kept + others)
        self.assertEqual(self.sealed(w, kept), {(1, 1)})
        outcomes = {x: [e["outcome"] for e in w.north.entries() if e["operation"] == "delivery" and e["exchange"] == x] for x in kept}
        self.assertEqual(outcomes, {x: ["delivered", "queued", "delivered"] for x in kept})
        self.assertNotIn("cannot become", read(w.north.log))

    def test_what_one_side_does_not_hold_waits_and_the_others_go(self):
        """The partner lost one agreement of the two: its records wait, with the reason."""
        w = self.world()
        w.north.start()
        sent, waits = self.queued(w, 10), self.queued(w, 3, "pax-2")
        path = f"{w.south.folder}/agreements/pax-2.json"
        with open(path, "rb") as f, open(path + ".p7s", "rb") as g:
            kept = f.read(), g.read()
        os.remove(path)
        os.remove(path + ".p7s")
        w.south.start()
        wait_for(lambda: len(w.north.ask("outbox")) == 3 and all(x["attempts"] for x in w.north.ask("outbox")), 60)
        self.assertEqual({x["last_error"] for x in w.north.ask("outbox")}, {"agreement-unknown"})
        for suffix, text in zip(("", ".p7s"), kept):
            with open(path + suffix, "wb") as f:
                f.write(text)
        w.south.ctl("reload")
        self.arrived(w, sent + waits)


if __name__ == "__main__":
    unittest.main()
