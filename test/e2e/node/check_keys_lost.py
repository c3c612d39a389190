"""Keys that are lost: a file of key slots that is gone, cut or damaged, a whole folder of keys, a whole node."""

import glob
import json
import os
import shutil
import subprocess
import unittest

import agreements
from check_backup import Rehearsal
from check_held import open_to_all, schema, waiting
from check_witness import edit
from world import World, read, wait_for, write


class Slots(Rehearsal):
    """Two records wait at north for a south that is down when the file of slots is lost."""

    def setUp(self):
        super().setUp()
        self.north.start()
        self.waiting = [self.post(n) for n in (1, 2)]
        self.north.stop()
        self.slots = f"{self.north.folder}/keys/slots"

    def refuses_to_start(self, why):
        with self.assertRaises(AssertionError):
            self.north.start()
        self.assertEqual(self.north.process.returncode, 78)
        self.assertRegex(read(self.north.log), why)
        self.assertIn("gatewayctl keys new-slots", read(self.north.log))
        self.north.process = None

    def lost(self):
        return [(e["exchange"], e["outcome"]) for e in self.north.entries() if e["operation"] == "incident"]

    def go_on(self, kept, lost):
        self.assertEqual(self.north.ask("keys", "new-slots"), {"kept": kept})
        self.north.start()
        wait_for(lambda: len(self.lost()) == len(lost))
        self.assertEqual(self.lost(), [(x, "payload-lost") for x in lost])
        self.assertEqual({d["exchange"] for d in self.north.ask("outbox") if d["last_error"] == "payload-lost"}, set(lost))
        self.south.start()
        self.north.ctl("outbox", "retry")
        wait_for(lambda: len(self.north.ask("outbox")) == len(lost))
        self.assertEqual(len(self.world.client("south").inbox()["items"]), 2 - len(lost))
        self.post(3)
        wait_for(lambda: len(self.north.ask("outbox")) == len(lost))
        self.north.stop()
        code, out, _ = self.north.ctl("store", "check", ok=False)
        self.assertEqual(code, 0, out)

    def test_one_that_is_gone(self):
        os.remove(self.slots)
        self.refuses_to_start(r"keys/slots: the file of key slots is missing")
        self.go_on(False, self.waiting)

    def test_one_whose_master_key_is_gone(self):
        os.remove(f"{self.north.folder}/keys/master.1.key")
        self.refuses_to_start(r"master.1.key: the master key of the file `slots` is missing")
        self.go_on(False, self.waiting)
        self.assertEqual([os.path.basename(p) for p in glob.glob(f"{self.north.folder}/keys/master.*")], ["master.1.key"])

    def test_one_that_was_cut(self):
        os.truncate(self.slots, 64 * 2)
        self.refuses_to_start(r"the file `slots` was cut: it ends after 1 slots, and 1 payloads have their keys behind that")
        code, out, _ = self.north.ctl("store", "check", ok=False)
        self.assertEqual(code, 3)
        self.assertRegex(out, r"cut +" + self.waiting[1])
        self.go_on(True, self.waiting[1:])

    def test_a_head_that_was_damaged(self):
        with open(self.slots, "r+b") as f:
            f.write(b"nothing")
        self.refuses_to_start(r"the file `slots` is damaged")
        self.go_on(False, self.waiting)

    def test_nothing_is_made_anew_where_nothing_is_missing(self):
        code, _, err = self.north.ctl("keys", "new-slots", ok=False)
        self.assertEqual(code, 1)
        self.assertIn("nothing is missing", err)
        self.north.start()
        code, _, err = self.north.ctl("keys", "new-slots", ok=False)
        self.assertEqual(code, 1)
        self.assertIn("in use", err)
        self.assertEqual(self.north.ctl("keys", "new-slots", "more", ok=False)[0], 2)
        self.assertEqual(self.lost(), [])


class WhatWaits(unittest.TestCase):
    """What becomes of records that are held, and of those that wait for the own system, when their keys are lost."""

    def test_at_both_ends(self):
        with World() as w:
            w.agreement(open_to_all(agreements.passenger(digest=schema())))
            w.start()
            client = w.client("north")
            status, held = client.post("pax", waiting(agreements.passenger_record(1)))
            self.assertEqual((status, held["outcome"]), (202, "held"))
            status, sent = client.post("pax", agreements.envelope(agreements.passenger_record(2)))
            self.assertEqual(status, 201)
            item, = wait_for(lambda: w.client("south").inbox()["items"])
            for node in w.nodes:
                node.stop()
                os.remove(f"{node.folder}/keys/slots")
                node.ctl("keys", "new-slots")
            client.close()
            w.start()
            self.assertEqual(w.north.ask("exchange", "show", held["exchange"])["exchange"]["state"], "refused")
            self.assertEqual(w.north.ask("exchange", "show", sent["exchange"])["exchange"]["state"], "delivered")
            lost = wait_for(lambda: [e for e in w.north.entries() if e["operation"] == "incident"])
            self.assertEqual([(e["exchange"], e["outcome"]) for e in lost], [(held["exchange"], "payload-lost")])
            self.assertIn("the key of its payload is gone", [e.get("note") for e in w.north.entries() if e["operation"] == "decision"])
            # At south it is listed no more; its system may still say that it has it.
            self.assertEqual(w.client("south").inbox()["items"], [])
            lost, = [e for e in w.south.entries() if e["operation"] == "incident"]
            self.assertEqual((lost["origin"], lost["outcome"]), (sent["exchange"], "payload-lost"))
            self.assertEqual(w.south.ask("exchange", "show", item["exchange"])["exchange"]["state"], "ready")
            self.assertEqual(w.client("south").ack(item["id"])[0], 200)
            self.assertEqual(w.south.ask("exchange", "show", item["exchange"])["exchange"]["state"], "fetched")


class Keys(Rehearsal):
    def setUp(self):
        super().setUp()
        self.box = f"{self.world.folder}/box"

    def back_up_keys(self, *more, ok=True):
        return self.north.ctl("keys", "backup", "--certificate", self.keeper[0], *more, self.box, ok=ok)

    def restore_keys(self, keeper=None, ok=True):
        cert, key = keeper or self.keeper
        return self.north.ctl("-o", "json", "keys", "restore", "--certificate", cert, "--private-key", key, self.box, ok=ok)

    def test_what_it_holds_and_what_it_never_holds(self):
        self.north.start()
        self.back_up_keys()
        piece, = glob.glob(f"{self.box}/pieces/*.cms")
        archive = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-binary", "-in", piece, "-recip", self.keeper[0],
                                  "-inkey", self.keeper[1]], check=True, capture_output=True).stdout
        listed = subprocess.run(["tar", "-t"], input=archive, check=True, capture_output=True).stdout.decode().split()
        self.assertEqual(listed, ["keys/pseudonym.key", "keys/idempotency.key", "tls/key.pem", "tls/certificate.pem",
                                  "tls/authorities.pem"])
        out = subprocess.run(["tar", "-xO", "keys/pseudonym.key"], input=archive, check=True, capture_output=True).stdout.decode()
        self.assertEqual(out, read(f"{self.north.folder}/keys/pseudonym.key"))
        for never in "audit.key", "witness.key", "master.1.key":
            secret = read(f"{self.north.folder}/keys/{never}").strip().encode()
            self.assertNotIn(secret, archive, never)

    def test_a_whole_node_is_lost(self):
        w, north = self.world, self.north
        w.start()
        first = self.post(1)
        self.delivered()
        self.back_up()
        self.back_up_keys()
        pseudonym = read(f"{north.folder}/keys/pseudonym.key")
        arrived = w.client("south").inbox()["items"][0]["record"]
        self.lose_store()
        shutil.rmtree(f"{north.folder}/keys")
        for name in "gateway.key", "gateway.pem":
            os.remove(f"{north.folder}/tls/{name}")
        said = json.loads(self.restore_keys()[1])
        self.assertEqual(said, {"written": 4, "there": 1, "new_audit_key": True, "new_witness_key": True})
        self.assertEqual(read(f"{north.folder}/keys/pseudonym.key"), pseudonym)
        said = self.restore()
        self.assertTrue(said["new_slots"])
        self.assertNotEqual(said["vkey"].split("+")[2], self.key.split("+")[2])
        self.assertEqual(json.loads(north.ctl("-o", "json", "keys", "new-slots")[1]), {"kept": False})
        self.tell_partner(said)
        edit(self.south, "north-gateway", witness_vkey=read(f"{north.folder}/witness.vkey").strip())
        self.south.ctl("reload")
        north.start()
        self.assertEqual(w.client("north").request("GET", f"/v1/exchanges/{first}")[0], 200)
        self.post(1)
        self.delivered()
        # The same person has the same pseudonym as before.
        again = w.client("south").inbox()["items"][1]["record"]
        self.assertEqual(again, arrived)
        north.ctl("audit", "verify", "--key", self.key, f"{self.store}@1")
        north.ctl("audit", "verify", self.store)

    def test_what_is_refused(self):
        self.north.start()
        self.back_up_keys()
        self.north.stop()
        stranger = self.make_keeper("stranger")
        code, _, err = self.restore_keys(stranger, ok=False)
        self.assertEqual(code, 1)
        self.assertIn("sealed to another certificate", err)
        # What is there is not overwritten; what is the same is let be.
        self.assertEqual(json.loads(self.restore_keys()[1])["written"], 0)
        write(f"{self.north.folder}/keys/pseudonym.key", "00" * 32 + "\n")
        os.chmod(f"{self.north.folder}/keys/pseudonym.key", 0o600)
        code, _, err = self.restore_keys(ok=False)
        self.assertEqual(code, 1)
        self.assertRegex(err, "pseudonym.key: is there, and is another one")
        code, _, err = self.north.ctl("store", "restore", "--replace", "--certificate", self.keeper[0], "--private-key", self.keeper[1],
                                      self.box, ok=False)
        self.assertEqual(code, 1)
        self.assertIn("is a backup of something else", err)
        piece, = glob.glob(f"{self.box}/pieces/*.cms")
        os.truncate(piece, 100)
        code, _, err = self.restore_keys(ok=False)
        self.assertEqual(code, 4)
        self.assertIn(piece, err)


if __name__ == "__main__":
    unittest.main()
