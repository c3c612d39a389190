"""Acts of persons between two gateways: in force at both within a second, counted once, and refused with the place where something is
wrong."""

import json
import subprocess
import threading
import time
import unittest
import uuid

import agreements
from acting import instant, world_with_council
from world import Client, run, wait_for

PLACES = ("north", "south")


class Acts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world, cls.council = world_with_council()
        cls.addClassCleanup(cls.world.close)
        cls.world.start()
        cls.north = cls.world.client("north")
        cls.number = 0

    def send(self, **more):
        type(self).number += 1
        return self.north.post("pax", agreements.envelope(agreements.passenger_record(self.number), **more))

    def in_force(self, digest, state="in-force", seconds=5):
        return wait_for(lambda: all(self.council.state(digest, p) == state for p in PLACES), seconds)

    def lift(self, digest):
        text = self.council.act("lift", lifts=digest)
        status, answer = self.council.show(text, "seat-privacy", "seat-ombud")
        self.assertEqual((status, answer.get("state")), (200, "ended"), answer)
        self.in_force(digest, "lifted")

    def test_one_seat_stops_and_lifting_takes_the_privacy_seat(self):
        self.assertEqual(self.send()[0], 201)
        text = self.council.act("suspend", {"purpose": "border"})
        began = time.monotonic()
        status, answer = self.council.show(text, "seat-south")
        self.assertEqual((status, answer.get("state")), (200, "in-force"), answer)
        digest = answer["act"]
        self.assertEqual((self.send()[0], self.send()[1]["type"]), (403, "/problems/agreement-suspended"))
        self.in_force(digest)
        took = time.monotonic() - began
        # Two agencies are as many as the threshold, and never enough.
        lift = self.council.act("lift", lifts=digest)
        status, answer = self.council.show(lift, "seat-north", "seat-south")
        self.assertEqual((status, answer["state"], answer["lacks"]), (202, "open", "1 of privacy"))
        self.assertEqual(self.send()[0], 403)
        status, answer = self.council.show(lift, "seat-privacy", node="south")
        self.assertEqual((status, answer["state"]), (200, "ended"), answer)
        self.in_force(digest, "lifted")
        self.assertEqual(self.send()[0], 201)
        print(f"acts: in force at both gateways after {took:.2f} s")


if __name__ == "__main__":
    unittest.main()
