"""Keys that change: the master key of the payload keys, made anew while the gateway serves, and public ones."""

import contextlib
import glob
import json
import os
import shutil
import sqlite3
import unittest

import agreements
from world import ROOT, World, read, wait_for, write


class Keys(unittest.TestCase):
    def test_a_new_master_key(self):
        """What is sealed still opens; the key that older copies of the slots need is nowhere any more."""
        with World() as w:
            w.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
            w.start()
            keys = f"{w.south.folder}/keys"
            self.assertEqual(w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))[0], 201)
            wait_for(lambda: w.client("south").inbox()["items"])
            before = w.south.ask("keys", "show")
            self.assertEqual((before["generation"], before["payload_keys"]), (1, 1))
            old = {os.path.basename(p): open(p, "rb").read() for p in glob.glob(f"{keys}/*") if os.path.isfile(p)}
            self.assertEqual(w.south.ask("keys", "rotate"), {"generation": 2, "payload_keys": 1})
            (item,) = w.client("south").inbox()["items"]
            self.assertIn("locator", item["record"])
            self.assertFalse(os.path.exists(f"{keys}/master.1.key"))
            master = old["master.1.key"].strip()
            for p in glob.glob(f"{w.south.folder}/**", recursive=True):
                if os.path.isfile(p):
                    with open(p, "rb") as f:
                        self.assertFalse(master in f.read(), p)
            self.assertIn(("key-change", "master key of payloads made anew: generation 2"),
                          [(e["operation"], e.get("note")) for e in w.south.entries()])
            # The old slots beside the new master key: nothing opens, and the gateway says so instead of serving junk.
            w.south.stop()
            slots = glob.glob(f"{keys}/slots*")
            self.assertEqual([os.path.basename(p) for p in slots], ["slots"])
            shutil.copy(slots[0], f"{w.folder}/slots.new")
            with open(slots[0], "wb") as f:
                f.write(old["slots"])
            with self.assertRaisesRegex(AssertionError, "key"):
                w.south.start()
            w.south.process = None
            shutil.copy(f"{w.folder}/slots.new", slots[0])
            w.south.start()
            self.assertIn("locator", w.client("south").inbox()["items"][0]["record"])

    def test_words_that_are_too_many(self):
        with World() as w:
            self.assertEqual(w.north.ctl("keys", "show", "more", ok=False)[0], 2)
            self.assertEqual(w.north.ctl("keys", "rotate", "more", ok=False)[0], 2)
            self.assertEqual(w.north.ctl("retention", "overdue", "more", ok=False)[0], 2)
            self.assertEqual(w.north.ctl("keys", "rotate", ok=False)[0], 5)


if __name__ == "__main__":
    unittest.main()


class Public(unittest.TestCase):
    def test_changes_of_public_keys_are_logged(self):
        with World() as w:
            north = w.north

            def changes():
                return [e for e in north.entries() if e["operation"] == "key-change" and e.get("name") == "public"]
            north.start()
            wait_for(lambda: len(changes()) == 1)
            self.assertEqual((changes()[0]["kind"], changes()[0]["name"], changes()[0]["change"]), ("keys", "public", "new"))
            with contextlib.closing(sqlite3.connect(f"file:{north.folder}/store/gatewayd.db?mode=ro", uri=True)) as db:
                kept, = db.execute("SELECT text FROM document WHERE digest = ?", (bytes.fromhex(changes()[0]["after"]),)).fetchone()
            self.assertIn(f"south-gateway log {read(w.south.folder + '/audit.vkey')}".encode(), kept)
            north.ctl("reload")
            path = f"{north.folder}/partners/south-gateway.json"
            before = read(path)
            doc = json.loads(before)
            doc["identity"]["pins"].append("0" * 64)
            write(path, json.dumps(doc))
            north.ctl("reload")
            wait_for(lambda: len(changes()) == 2)
            # Back to keys that were in force before: a change like any other.
            write(path, before)
            north.ctl("reload")
            wait_for(lambda: len(changes()) == 3)
            self.assertEqual((changes()[2]["change"], changes()[2]["before"], changes()[2]["after"]),
                             ("back", changes()[1]["after"], changes()[0]["after"]))
            north.stop()
            north.start()
            wait_for(lambda: [e["operation"] for e in north.entries()].count("start") == 2)
            self.assertEqual(len(changes()), 3)
