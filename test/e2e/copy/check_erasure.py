"""That what is erased is gone: from files and copies of them, for whoever holds the key store as it is now."""

import json
import os
import shutil
import unittest

import agreements
from simulation import Simulation
from world import ROOT, World, read, run, wait_for, GATEWAYCTL


def schema():
    return agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")


class Proving(unittest.TestCase):
    def copy(self, node, name):
        """The store as a backup program takes it, write-ahead log included, and the key store as none may."""
        to = f"{self.world.folder}/{name}"
        shutil.copytree(f"{node.folder}/store", f"{to}/store")
        shutil.copytree(f"{node.folder}/keys", f"{to}/keys")
        return f"{to}/store/gatewayd.db", f"{to}/keys"

    def prove(self, exchange, *words, status=0):
        node = self.world.south
        got, out, err = run(GATEWAYCTL, "-c", node.config, "-o", "json", "retention", "prove", *words, exchange, ok=False)
        self.assertEqual(got, status, (out, err))
        return json.loads(out) if out else err


class Copies(Proving):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        w.agreement(agreements.passenger(digest=schema()))
        w.start()
        cls.north, cls.south, cls.number, cls.last = w.client("north"), w.client("south"), 0, 0

    def deliver(self):
        """Sends a record and waits until it is in south's inbox; returns its item."""
        type(self).number += 1
        status, answer = self.north.post("pax", agreements.envelope(agreements.passenger_record(self.number)))
        self.assertEqual(status, 201)
        self.posted = answer["exchange"]
        wait_for(lambda: not self.world.north.ask("outbox"))
        item = self.south.inbox(self.last)["items"][0]
        type(self).last = item["id"]
        return item

    def test_a_copy_from_before_opens_with_no_key(self):
        item = self.deliver()
        exchange = item["exchange"]
        backup, keys = self.copy(self.world.south, "before")
        told = self.prove(exchange, "--backup", backup, status=3)
        self.assertEqual((told["erased"], told["entries"], told["payload"], told["state"]), (False, [], True, "ready"))
        self.assertEqual((told["backup"]["opens"], told["backup"]["slot_state"]), (True, "holds its key"))

        self.assertEqual(self.south.ack(item["id"])[0], 200)
        told = self.prove(exchange, "--backup", backup)
        self.assertEqual((told["erased"], told["payload"], len(told["entries"])), (True, False, 1))
        self.assertEqual(told["entries"][0]["entry"]["operation"], "erasure")
        self.assertEqual((told["backup"]["payload"], told["backup"]["opens"], told["backup"]["slot_state"]), (True, False, "holds no key"))
        self.assertGreater(told["backup"]["bytes"], 100)
        self.assertEqual(self.prove(exchange)["erased"], True)
        # what this finds, it finds: with the keys of that day the same copy opens
        self.assertTrue(self.prove(exchange, "--backup", backup, "--keys", keys, status=3)["backup"]["opens"])

        # the slot is used again; the key that lies there now opens nothing of it
        for _ in range(3):
            self.deliver()
        told = self.prove(exchange, "--backup", backup)
        self.assertGreater(told["backup"]["keys_tried"], 0)
        self.assertFalse(told["backup"]["opens"])
        after, _ = self.copy(self.world.south, "after")
        self.assertEqual(self.prove(exchange, "--backup", after)["backup"]["payload"], False)
        text = self.world.south.ctl("retention", "prove", "--backup", backup, exchange)[1]
        self.assertIn("1 entries of its erasure", text)
        self.assertIn("none of the", text)

        # an old copy of the slots, from before a rotation which destroyed their master key
        self.world.south.ctl("keys", "rotate")
        lone = f"{self.world.folder}/lone"
        os.makedirs(lone)
        shutil.copy(f"{keys}/slots", lone)
        self.assertIn("the master key of the file `slots` is missing", self.prove(exchange, "--backup", backup, "--keys", lone, status=1))
        shutil.copy(f"{self.world.south.folder}/keys/master.2.key", f"{lone}/master.1.key")
        self.assertIn("not the one of the key slots", self.prove(exchange, "--backup", backup, "--keys", lone, status=1))
        self.assertFalse(self.prove(exchange, "--backup", backup)["backup"]["opens"])

    def test_after_a_recall(self):
        item = self.deliver()
        backup, keys = self.copy(self.world.south, "recalled")
        status, _, body = self.north.request("POST", f"/v1/exchanges/{self.posted}/recall", {"why": "sent-in-error"})
        self.assertEqual(status, 200, body)
        wait_for(lambda: self.world.south.ask("exchange", "show", item["exchange"])["exchange"]["state"] != "ready")
        self.assertFalse(self.prove(item["exchange"], "--backup", backup)["backup"]["opens"])
        self.assertTrue(self.prove(item["exchange"], "--backup", backup, "--keys", keys, status=3)["backup"]["opens"])
        duty = next(i for i in self.south.inbox()["items"] if i["kind"] == "recall" and i["exchange"] == item["exchange"])
        status, _, body = self.south.request("POST", f"/v1/inbox/{duty['id']}/ack", {"result": "not-found"})
        self.assertEqual(status, 200, body)
        type(self).last = duty["id"]

    def test_what_proves_nothing(self):
        unknown = "0192f000-0000-7000-8000-000000000001"
        told = self.prove(unknown, status=3)
        self.assertEqual((told["erased"], told["entries"], told["state"]), (False, [], None))
        item = self.deliver()
        self.south.ack(item["id"])
        other = read(f"{self.world.north.folder}/audit.vkey").strip()
        self.assertIn("no signature", self.prove(item["exchange"], "--key", other, status=4))
        for words in ((), ("--keys", "x", unknown), ("nothing",), (unknown, unknown), ("--what", unknown)):
            self.assertEqual(self.world.south.ctl("retention", "prove", *words, ok=False)[0], 2, words)
        for words in (("--backup", f"{self.world.folder}/none.db"), ("--from", f"{self.world.folder}/none.db"),
                      ("--backup", f"{self.world.south.folder}/store/gatewayd.db", "--keys", f"{self.world.folder}/none")):
            self.prove(item["exchange"], *words, status=1)
        exported = f"{self.world.folder}/exported"
        self.world.south.ctl("audit", "export", exported)
        self.assertIn("is no store", self.prove(item["exchange"], "--from", exported, status=1))


class Expiry(Proving):
    def test_the_day_after(self):
        """Nobody fetched it: its term ends it."""
        with Simulation({"payload": "P28D", "copy": "P1Y", "at_end": "erase"}, (), 100) as s:
            self.world = s
            s.post("north", 1)
            wait_for(lambda: s.clients["south"].inbox()["items"])
            exchange = s.clients["south"].inbox()["items"][0]["exchange"]
            backup, keys = self.copy(s.south, "before")
            s.advance(27)
            self.assertTrue(self.prove(exchange, "--backup", backup, status=3)["backup"]["opens"])
            s.advance(2)
            told = self.prove(exchange, "--backup", backup)
            self.assertEqual((told["erased"], told["payload"], told["backup"]["opens"]), (True, False, False))
            self.assertTrue(self.prove(exchange, "--backup", backup, "--keys", keys, status=3)["backup"]["opens"])
