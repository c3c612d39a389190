"""What was altered in the store, or lost its key, is not served, is told, and stops nothing else."""

import json
import sqlite3
import unittest
import uuid

import agreements
from world import ROOT, World, read, wait_for


class Damaged(unittest.TestCase):
    def setUp(self):
        self.world = w = World()
        self.addCleanup(w.close)
        w.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
        self.north, self.south = w.north, w.south

    def post(self, n):
        status, answer = self.world.client("north").post("pax", agreements.envelope(agreements.passenger_record(n)))
        self.assertEqual(status, 201, answer)
        return answer["exchange"]

    def alter(self, node, *statements):
        db = sqlite3.connect(f"{node.folder}/store/gatewayd.db")
        try:
            for statement in statements:
                self.assertGreater(db.execute(*statement).rowcount, 0, statement)
            db.commit()
        finally:
            db.close()

    def incidents(self, node):
        return [(e["exchange"], e["note"]) for e in node.entries() if e["operation"] == "incident"]

    def test_one_item_stops_no_other(self):
        self.world.start()
        whole, tier, end, sealed, key = (self.post(n) for n in range(1, 6))
        wait_for(lambda: len(self.world.client("south").inbox()["items"]) == 5)
        self.south.stop()

        def of(exchange):
            return f"(SELECT seq FROM exchange WHERE origin = x'{exchange.replace('-', '')}')"
        self.alter(self.south,
                   (f"UPDATE inbox SET body = replace(body, '\"tier\":\"T1\"', '\"tier\":\"T0\"') WHERE seq = {of(tier)}",),
                   (f"UPDATE inbox SET body = replace(body, '\"erase_by\":\"20', '\"erase_by\":\"21') WHERE seq = {of(end)}",),
                   (f"UPDATE payload SET sealed = CAST(substr(sealed, 1, 60) || x'00' || substr(sealed, 62) AS BLOB) WHERE seq = {of(sealed)}",))
        self.lose_key(self.select(f"SELECT slot FROM payload_slot WHERE seq = {of(key)}")[0][0])
        ids = {str(uuid.UUID(bytes=own)): str(uuid.UUID(bytes=origin)) for own, origin in self.select("SELECT id, origin FROM exchange")}
        self.south.change(audit={**json.loads(read(self.south.config))["audit"], "rebuild_every_s": 1})
        self.south.start()
        items = self.world.client("south").inbox()["items"]
        shown = {i["exchange"]: i for i in items}
        self.assertEqual({ids[i["exchange"]]: i.get("damaged") for i in items},
                         {whole: None, tier: True, end: True, sealed: True, key: True})
        for i in shown.values():
            self.assertEqual("record" in i, "damaged" not in i)
            self.assertEqual("tier" in i, "damaged" not in i)
        self.world.client("south").inbox()
        for i in shown.values():
            status, body = self.world.client("south").ack(i["id"])
            self.assertEqual(status, 409 if "damaged" in i else 200, body)
        noted = [ids[x] for x, note in self.incidents(self.south) if note == "damaged in the store: record not shown"]
        self.assertEqual(sorted(noted), sorted((tier, end, sealed, key)), "each once, however often it is asked for")
        # The thread that verifies the log finds them too, and counts.
        wait_for(lambda: self.south.ask("status")["store"]["damaged"] == 4)
        found = wait_for(lambda: (f := [(ids[x], note) for x, note in self.incidents(self.south) if note.startswith("damaged: ")])
                         and len(f) >= 4 and f)
        self.assertEqual(len(found), 4, "each once an hour, however often it is looked for")
        self.assertEqual(dict(found), {tier: "damaged: what its inbox item says is not what was sealed with the record",
                                 end: "damaged: what its inbox item says is not what was sealed with the record",
                                 sealed: "damaged: its payload does not open", key: "damaged: its payload does not open"})
        self.assertIn("gatewayd_payloads_damaged 4\n", self.south.get_monitor("/metrics")[1])

    def select(self, text):
        db = sqlite3.connect(f"{self.south.folder}/store/gatewayd.db")
        try:
            return db.execute(text).fetchall()
        finally:
            db.close()

    def lose_key(self, slot):
        with open(f"{self.south.folder}/keys/slots", "r+b") as f:
            f.seek(64 * (slot + 1))
            f.write(bytes(64))

    def test_what_waits_for_the_partner_is_not_sent_altered(self):
        self.north.start()
        exchange = self.post(1)
        self.north.stop()
        self.alter(self.north, ("UPDATE delivery SET envelope = replace(envelope, '\"tier\":\"T1\"', '\"tier\":\"T0\"')",))
        self.north.start()
        self.world.south.start()
        wait_for(lambda: self.north.ask("outbox")[0]["last_error"] == "damaged")
        self.assertIn(f"delivery of {exchange} under agreement pax to south: damaged: what goes beside the record is not what was "
                      "sealed with it", read(self.north.log))
        self.assertEqual(self.world.client("south").inbox()["items"], [])


if __name__ == "__main__":
    unittest.main()
