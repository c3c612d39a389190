"""An agreement may ask that records of one case arrive in the order of their release."""

import sqlite3
import unittest
import uuid

import agreements
from world import ROOT, World, wait_for


class CaseOrder(unittest.TestCase):
    def arrival(self, **clause):
        """Numbers of three records as they arrive, the first of which was tried once before its recipient was there."""
        w = World()
        self.addCleanup(w.close)
        digest = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(agreements.passenger(digest=digest, **clause))
        w.north.change(delivery={"first_retry_ms": 3600000, "longest_retry_ms": 3600000})
        w.north.start()
        client = w.client("north")
        sent = []

        def post(n, case):
            status, answer = client.post("pax", agreements.envelope(agreements.passenger_record(n), case=case))
            self.assertEqual(status, 201, answer)
            sent.append(answer["exchange"])
        post(1, "made-up-1")
        wait_for(lambda: w.north.ask("outbox")[0]["attempts"] == 1)
        w.south.start()
        post(2, "made-up-1")
        post(3, "made-up-2")
        south = w.client("south")
        wait_for(lambda: south.inbox()["items"])
        w.north.ctl("outbox", "retry", sent[0])
        items = wait_for(lambda: (i := south.inbox()["items"]) and len(i) == 3 and i)
        db = sqlite3.connect(f"{w.south.folder}/store/gatewayd.db")
        self.addCleanup(db.close)
        origins = {str(uuid.UUID(bytes=own)): str(uuid.UUID(bytes=origin)) for own, origin in db.execute("SELECT id, origin FROM exchange")}
        return [sent.index(origins[i["exchange"]]) + 1 for i in items]

    def test_of_one_case_in_order_of_others_as_they_come(self):
        self.assertEqual(self.arrival(delivery={"order": "case"}), [3, 1, 2])


if __name__ == "__main__":
    unittest.main()
