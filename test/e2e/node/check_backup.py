"""Backup and restore as people rehearse them: copies taken while records flow, stores that are lost, what is known again after a
restore, what is listed as lost, and every backup that is refused."""

import glob
import hashlib
import json
import os
import re
import shutil
import sqlite3
import contextlib
import subprocess
import threading
import unittest

import agreements
import compact
from check_witness import edit, started
from once import copy_once
from world import World, read, run, wait_for, write

READY = 4096    # keys that a daemon makes ready (keystore.h); few records have no further ones made


def make_keeper(name, algorithm="ec_paramgen_curve:P-256", kind="ec"):
    def make(folder):
        run("openssl", "req", "-x509", "-newkey", kind, "-pkeyopt", algorithm, "-nodes", "-days", "3650", "-subj", f"/CN={name}",
            "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem")
    return make


class Rehearsal(unittest.TestCase):
    """North's gateway, whose store is lost; `safe` is where its backups lie, `keeper` who may open them."""

    def setUp(self):
        self.world = w = started(World(moved_clock=self.moved_clock))
        self.addCleanup(w.close)
        self.north, self.south = w.north, w.south
        self.safe = f"{w.folder}/safe"
        self.keeper = self.make_keeper("keeper")
        self.store = f"{self.north.folder}/store/gatewayd.db"
        self.key = read(f"{self.north.folder}/audit.vkey").strip()

    moved_clock = False

    def make_keeper(self, name, *kind):
        folder = f"{self.world.folder}/people"
        os.makedirs(folder, exist_ok=True)
        copy_once(f"keeper-{name}", make_keeper(name, *kind), folder)
        return f"{folder}/{name}.pem", f"{folder}/{name}.key"

    def post(self, n):
        status, answer = self.world.client("north").post("pax", agreements.envelope(agreements.passenger_record(n)))
        self.assertEqual(status, 201, answer)
        return answer["exchange"]

    def delivered(self):
        wait_for(lambda: self.north.ask("outbox") == [])

    def back_up(self, *more, node=None, ok=True):
        node = node or self.north
        words = ["store", "backup", "--certificate", self.keeper[0], *more, self.safe]
        return node.ask(*words) if ok else node.ctl(*words, ok=False)

    def restore(self, *more, node=None, keeper=None, ok=True):
        cert, key = keeper or self.keeper
        words = ["store", "restore", "--certificate", cert, "--private-key", key, *more, self.safe]
        node = node or self.north
        return node.ask(*words) if ok else node.ctl(*words, ok=False)

    def refused(self, why, status=1, **options):
        code, out, err = self.restore(ok=False, **options)
        self.assertEqual((code, out), (status, ""), err)
        self.assertRegex(err, why)

    def lose_store(self):
        self.north.stop()
        for f in glob.glob(f"{self.store}*"):
            os.remove(f)

    def tell_partner(self, said):
        edit(self.south, "north-gateway", vkey=said["vkey"], earlier=[self.key])
        if self.south.process:
            self.south.ctl("reload")

    def notes(self, operation, node=None):
        return [e.get("note", "") for e in (node or self.north).entries() if e["operation"] == operation]


class Restore(Rehearsal):
    def test_a_store_is_lost_while_records_flow(self):
        w, north, south = self.world, self.north, self.south
        w.start()
        before, stop = [self.post(n) for n in range(3)], threading.Event()
        flowing = []

        def flow():
            client, n = w.client("north"), 100
            while not stop.is_set():
                status, answer = client.post("pax", agreements.envelope(agreements.passenger_record(n)))
                if status != 201:
                    return
                flowing.append(answer["exchange"])
                n += 1
            client.close()
        thread = threading.Thread(target=flow)
        thread.start()
        wait_for(lambda: len(flowing) > 5)
        acknowledged = [*before, *flowing]
        said = self.back_up()
        self.assertTrue(said["online"])
        self.assertGreaterEqual(said["exchanges"], len(acknowledged))
        self.assertEqual(glob.glob(f"{self.store}.copy*"), [])
        copied = self.notes("backup")
        self.assertEqual(copied, ["the store is copied for a backup"])
        wait_for(lambda: len(flowing) > len(acknowledged))
        stop.set()
        thread.join()
        later = [self.post(n) for n in range(200, 203)]
        self.delivered()
        self.assertEqual(north.ctl("store", "check", self.safe)[0], 0)

        self.lose_store()
        with self.assertRaises(AssertionError):
            north.start()
        self.assertEqual(north.process.returncode, 78)
        self.assertIn("the store is lost", read(north.log))
        said = self.restore()
        self.assertEqual(said["origin"], "gw.north.example/audit/gw1/2")
        self.tell_partner(said)
        north.start()
        first, second = wait_for(lambda: north.entries()[1:]) and north.entries()[:2]
        self.assertEqual((first["index"], first["operation"], second["operation"]), (0, "genesis", "restore"))
        self.assertRegex(first["note"], r"continues gw.north.example/audit/gw1/1 of \d+ entries, verified in full; its anchor covers "
                                        r"\d+ entries; restored from a backup made at ")
        self.assertRegex(second["note"], r"^restored from a backup of \d+ entries made at \d{4}-")

        # What was acknowledged up to the backup is there, once; what came later the partner has, and it is listed.
        client = w.client("north")
        for exchange in acknowledged:
            self.assertEqual(client.request("GET", f"/v1/exchanges/{exchange}")[0], 200)
        for exchange in later:
            self.assertEqual(client.request("GET", f"/v1/exchanges/{exchange}")[0], 404)
        self.delivered_or_failed()
        export = f"{w.folder}/south-log"
        south.ctl("audit", "export", export)
        code, out, _ = north.ctl("-o", "json", "store", "reconcile", "--key", f"{south.folder}/audit.vkey", export, ok=False)
        self.assertEqual(code, 3)
        found = [json.loads(line) for line in out.splitlines()]
        lost = {f["exchange"] for f in found if f["finding"] == "lost-sent"}
        self.assertLessEqual(set(later), lost)
        self.assertFalse(lost & set(acknowledged))
        received = [e.get("origin") for e in south.entries() if e["operation"] == "collection"]
        self.assertEqual(len(received), len(set(received)), "no record came twice")
        # The partner saw more of the log than it was ended with.
        told = wait_for(lambda: [n for n in self.notes("incident", south) if n.startswith("ended: ")])
        self.assertEqual(len(told), 1)
        self.assertRegex(told[0], r"^ended: the log gw.north.example/audit/gw1/1 was ended at (\d+) entries, and (\d+) were seen of it: what "
                                  r"came after left it$")
        # Both logs of the restored store verify, and records flow.
        north.ctl("audit", "verify", "--key", self.key, f"{self.store}@1")
        north.ctl("audit", "verify", self.store)
        self.post(300)
        # The end of it is for people to say.
        self.assertEqual(north.ask("store", "reconciled")["restored"], True)
        self.assertEqual(north.ask("store", "reconciled")["restored"], False)
        wait_for(lambda: "what partners hold was compared with the restored store" in self.notes("restore"))
        north.stop()
        self.assertIn("no payload key is swept", read(north.log))

    def delivered_or_failed(self):
        """What was under way at the backup is sent again, and the partner knows it; what had arrived has lost its key."""
        wait_for(lambda: all(d["last_error"] == "payload-lost" for d in self.north.ask("outbox")))


    def test_an_epoch_that_lost_nothing_is_no_incident(self):
        self.world.start()
        self.post(1)
        self.delivered()
        self.north.stop()
        said = self.north.ask("audit", "new-epoch", "--force", "south is down")
        self.tell_partner(said)
        self.north.start()
        wait_for(lambda: self.value(self.south, f"ended/{said['origin']}"))
        self.assertEqual(self.notes("incident", self.south), [])

    @staticmethod
    def value(node, name):
        with contextlib.closing(sqlite3.connect(f"file:{node.folder}/store/gatewayd.db?mode=ro", uri=True)) as db:
            return db.execute("SELECT value FROM value WHERE name = ?", (name,)).fetchone()

    def test_a_store_that_is_there_is_not_replaced_unasked(self):
        self.north.start()
        self.back_up()
        code, _, err = self.restore("--replace", ok=False)
        self.assertEqual(code, 1)
        self.assertIn("in use", err)
        self.refused("there is a store: --replace")
        # Where the store is gone under a daemon that runs, the lock of the keys says so.
        for f in glob.glob(f"{self.store}*"):
            os.rename(f, f.replace("/store/", "/"))
        self.refused("in use")
        for f in glob.glob(f"{self.north.folder}/gatewayd.db*"):
            os.rename(f, f.replace("/gatewayd.db", "/store/gatewayd.db"))
        self.north.stop()
        with open(self.store, "rb") as f:
            before = f.read()
        self.restore("--replace")
        with open(f"{self.store}.replaced", "rb") as f:
            self.assertEqual(f.read(), before)
        self.north.start()
        self.assertEqual(self.north.process.poll(), None)
        self.north.stop()
        code, _, err = self.north.ctl("store", "restore", "--key", self.key, "--replace", "--certificate", self.keeper[0],
                                      "--private-key", self.keeper[1], self.safe, ok=False)
        self.assertEqual(code, 1)
        self.assertIn("was set aside here before", err)

    def test_one_older_than_the_last_epoch(self):
        self.north.start()
        self.back_up()
        self.north.stop()
        self.north.ctl("audit", "new-epoch", "--force", "south is down")
        self.lose_store()
        self.refused("no signature of gw.north.example/audit/gw1/2", status=4)
        said = self.restore("--key", self.key)
        self.assertEqual(said["origin"], "gw.north.example/audit/gw1/3")
        self.assertIn("which is older than gw.north.example/audit/gw1/2", said["ended"])
        self.north.start()

    def test_without_a_daemon_and_only_what_changed(self):
        self.world.start()
        for n in range(40):
            self.post(n)
        self.delivered()
        self.north.stop()
        first = self.back_up()
        self.assertFalse(first["online"])
        self.assertEqual(first["written"], first["pieces"])
        # Enough for several pieces, of which the next run writes those that changed.
        with contextlib.closing(sqlite3.connect(self.store)) as db, db:
            db.execute("INSERT INTO value (name, value) VALUES ('ballast', randomblob(20000000))")
        second = self.back_up()
        self.assertGreater(second["pieces"], 4)
        third = self.back_up()
        self.assertEqual((third["pieces"], third["written"]), (second["pieces"], 0))
        names = set(os.listdir(f"{self.safe}/pieces"))
        with contextlib.closing(sqlite3.connect(self.store)) as db, db:
            db.execute("INSERT INTO value (name, value) VALUES ('little', x'01')")
        fourth = self.back_up()
        self.assertGreater(fourth["written"], 0)
        self.assertLess(fourth["written"], 4)
        now = set(os.listdir(f"{self.safe}/pieces"))
        self.assertEqual(len(now), fourth["pieces"])
        self.assertGreater(len(now & names), 2)
        # A piece that was lost is made anew; without this program the openssl command opens all of them.
        os.remove(f"{self.safe}/pieces/{sorted(now)[0]}")
        self.assertEqual(self.north.ctl("store", "check", self.safe, ok=False)[0], 4)
        self.assertEqual(self.back_up()["written"], 1)
        self.assertEqual(self.north.ctl("store", "check", self.safe)[0], 0)
        listing, = glob.glob(f"{self.safe}/pieces-*")
        with open(f"{self.world.folder}/opened.db", "wb") as out:
            for line in read(listing).splitlines():
                out.write(subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-binary", "-in", f"{self.safe}/{line.split()[2]}",
                                          "-recip", self.keeper[0], "-inkey", self.keeper[1]], check=True, capture_output=True).stdout)
        with contextlib.closing(sqlite3.connect(f"{self.world.folder}/opened.db")) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            self.assertEqual(db.execute("SELECT count(*) FROM exchange").fetchone(), (40,))
        for folder, _, files in os.walk(self.safe):
            for name in files:
                with open(f"{folder}/{name}", "rb") as f:
                    self.assertNotIn(b"SQLite format", f.read(), name)

    def test_a_copy_that_does_not_hold_is_no_backup(self):
        self.north.start()
        self.north.stop()
        with contextlib.closing(sqlite3.connect(self.store)) as db, db:
            self.assertTrue(compact.alter(db, '"stop"', '"STOP"'))
        code, _, err = self.back_up(ok=False)
        self.assertEqual(code, 4)
        self.assertIn("the copy does not hold, and no backup was made of it: log: log 0: entry", err)
        self.assertFalse(os.path.exists(f"{self.safe}/manifest"))
        self.assertEqual(glob.glob(f"{self.store}.copy*"), [])

    def test_a_folder_that_is_anothers(self):
        self.north.start()
        os.makedirs(self.safe)
        write(f"{self.safe}/letter", "dear colleague")
        code, _, err = self.back_up(ok=False)
        self.assertEqual(code, 1)
        self.assertIn("holds other files and no backup", err)
        os.remove(f"{self.safe}/letter")
        self.back_up()
        self.south.start()
        code, _, err = self.back_up(node=self.south, ok=False)
        self.assertEqual(code, 1)
        self.assertIn("the backup of another node", err)
        code, _, err = self.north.ctl("store", "backup", "--certificate", f"{self.north.folder}/gatewayd.json", self.safe, ok=False)
        self.assertEqual(code, 1)
        self.assertIn("certificate", err)
        self.assertEqual(self.north.ctl("store", "backup", self.safe, ok=False)[0], 2)
        self.assertIn("--keep", self.back_up("--keep", "P2Y", ok=False)[2])


class Check(Rehearsal):
    def digest(self):
        found = {}
        for path in sorted(glob.glob(f"{self.north.folder}/store/*") + glob.glob(f"{self.north.folder}/keys/*")):
            with open(path, "rb") as f:
                found[path] = hashlib.sha256(f.read()).hexdigest()
        return found

    def test_it_changes_no_byte_and_says_what_is_damaged(self):
        north = self.north
        north.start()
        self.post(1)
        code, out, _ = north.ctl("store", "check")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"store +whole\nlogs +1, the newest with \d+ entries, verified\nexchanges +1\npayloads +1, 1 open, 0 do not\n")
        north.stop()
        before = self.digest()
        self.assertEqual(north.ctl("store", "check")[0], 0)
        self.assertEqual(self.digest(), before)
        with contextlib.closing(sqlite3.connect(self.store)) as db, db:
            db.execute("UPDATE payload SET sealed = zeroblob(length(sealed))")
        code, out, _ = north.ctl("store", "check", ok=False)
        self.assertEqual(code, 3)
        self.assertRegex(out, r"(?m)^unopened +[0-9a-f-]{36}  the payload does not open with the key in its slot$")
        with contextlib.closing(sqlite3.connect(self.store)) as db:
            root, = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'timer'").fetchone()
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with open(self.store, "r+b") as f:
            f.seek((root - 1) * 4096)
            f.write(b"\xa5" * 4096)
        code, out, _ = north.ctl("store", "check", ok=False)
        self.assertEqual(code, 3)
        self.assertRegex(out, r"(?m)^damaged +-")
        self.assertRegex(out, r"store +damaged in \d+ places")
        code, _, err = self.back_up(ok=False)
        self.assertEqual(code, 4)
        self.assertIn("no backup was made of it: damaged", err)

    def test_an_altered_log(self):
        self.north.start()
        self.north.stop()
        with contextlib.closing(sqlite3.connect(self.store)) as db, db:
            self.assertTrue(compact.alter(db, '"stop"', '"STOP"'))
        code, out, _ = self.north.ctl("store", "check", ok=False)
        self.assertEqual(code, 4)
        self.assertIn("NOT as it was signed", out)

    def test_a_backup_that_is_opened(self):
        self.north.start()
        self.post(1)
        self.back_up()
        words = ["store", "check", "--certificate", self.keeper[0], "--private-key"]
        code, out, _ = self.north.ctl(*words, self.keeper[1], self.safe)
        self.assertEqual(code, 0)
        self.assertIn("payloads   1; their keys were not looked at", out)
        self.assertFalse(os.path.exists(f"{self.safe}/opened"))
        stranger = self.make_keeper("stranger")
        self.assertEqual(self.north.ctl(*words, stranger[1], self.safe, ok=False)[0], 1)
        self.assertEqual(self.north.ctl("store", "check", f"{self.north.folder}/none", ok=False)[0], 1)
        self.assertEqual(self.north.ctl("store", "check", "--private-key", self.keeper[1], self.safe, ok=False)[0], 2)

    def test_a_copy_that_a_crash_left_goes(self):
        self.north.start()
        self.north.stop()
        write(f"{self.store}.copy", "what is left of a copy")
        self.north.start()
        self.assertFalse(os.path.exists(f"{self.store}.copy"))

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_root_touches_the_daemons_files_as_its_account(self):
        north, account = self.north, 65534
        north.start()
        north.stop()
        os.chmod(self.world.folder, 0o755)
        for name in ("store", "keys", "anchor", "log"):
            for folder, _, files in os.walk(f"{north.folder}/{name}"):
                for path in [folder, *(f"{folder}/{f}" for f in files)]:
                    os.chown(path, account, account)
        self.back_up()
        north.ctl("keys", "backup", "--certificate", self.keeper[0], f"{self.world.folder}/box")
        os.remove(f"{north.folder}/keys/slots")
        os.remove(f"{north.folder}/keys/pseudonym.key")
        north.ctl("keys", "restore", "--certificate", self.keeper[0], "--private-key", self.keeper[1], f"{self.world.folder}/box")
        self.restore("--replace")
        north.ctl("keys", "new-slots")
        north.ctl("store", "check")
        for name in ("store", "keys", "anchor", "log"):
            for f in os.listdir(f"{north.folder}/{name}"):
                self.assertEqual(os.stat(f"{north.folder}/{name}/{f}").st_uid, account, f)
        for folder, _, files in os.walk(self.safe):
            for f in files:
                self.assertEqual(os.stat(f"{folder}/{f}").st_uid, 0, f)


class Refused(Rehearsal):
    """Backups that are not used, and why."""

    def setUp(self):
        super().setUp()
        self.north.start()
        self.back_up()
        self.lose_store()
        self.whole = f"{self.world.folder}/whole"
        shutil.copytree(self.safe, self.whole)

    def again(self):
        """The backup as it was; nothing of what was refused lies there."""
        self.assertEqual(glob.glob(f"{self.store}*"), [])
        shutil.rmtree(self.safe)
        shutil.copytree(self.whole, self.safe)

    def test_altered_and_cut_ones(self):
        piece = sorted(glob.glob(f"{self.safe}/pieces/*.cms"))[0]
        listing, = glob.glob(f"{self.safe}/pieces-*")
        for path in piece, listing, f"{self.safe}/manifest":
            with self.subTest(cut=path):
                os.truncate(path, os.path.getsize(path) // 2)
                self.refused(re.escape(path), status=4)
                self.again()
            with self.subTest(altered=path):
                with open(path, "r+b") as f:
                    f.seek(os.path.getsize(path) // 2)
                    byte = f.read(1)
                    f.seek(-1, os.SEEK_CUR)
                    f.write(bytes([byte[0] ^ 1]))
                self.refused(re.escape(path), status=4)
                self.again()
        for path in piece, listing:
            with self.subTest(missing=path):
                os.remove(path)
                self.refused(re.escape(path) + ".*missing", status=4)
                self.again()
        # Another end date is another manifest.
        manifest = read(f"{self.safe}/manifest")
        write(f"{self.safe}/manifest", re.sub(r"until \d{4}", "until 2999", manifest))
        self.refused("manifest", status=4)
        self.again()
        self.restore()

    def test_another_certificate(self):
        other = self.make_keeper("stranger")
        self.refused("sealed to another certificate", keeper=other)
        self.refused("the key is not that of the certificate", keeper=(self.keeper[0], other[1]))
        rsa = self.make_keeper("rsa", "rsa_keygen_bits:2048", "rsa")
        self.refused("sealed to another certificate", keeper=rsa)
        self.assertEqual(glob.glob(f"{self.store}*"), [])

    def test_another_node(self):
        self.south.start()
        shutil.rmtree(self.safe)
        self.back_up(node=self.south)
        self.refused("no signature of gw.north.example", status=4)
        code, _, err = self.north.ctl("store", "restore", "--key", read(f"{self.south.folder}/audit.vkey").strip(), "--certificate",
                                      self.keeper[0], "--private-key", self.keeper[1], self.safe, ok=False)
        self.assertEqual(code, 1)
        self.assertIn("is the backup of another node: of gw.south.example/audit/gw1/1, and this is gw.north.example", err)

    def test_keys_of_another_store(self):
        """The same names, another folder of keys."""
        shutil.rmtree(f"{self.north.folder}/keys")
        shutil.copytree(f"{self.south.folder}/keys", f"{self.north.folder}/keys")
        self.refused("the key folder .* belongs to another one")

    def test_one_that_has_ended(self):
        shutil.rmtree(self.safe)
        self.north.process = None
        self.restore_whole()
        self.north.start()
        self.key = read(f"{self.north.folder}/audit.vkey").strip()
        self.back_up("--keep", "PT1S")
        self.lose_store()
        wait_for(lambda: "IT HAS ENDED" in self.north.ctl("store", "check", self.safe, ok=False)[1])
        self.assertEqual(self.north.ctl("store", "check", self.safe, ok=False)[0], 3)
        self.refused("the backup ended at .*Destroy it, and every copy of it")

    def restore_whole(self):
        shutil.copytree(self.whole, self.safe)
        self.restore()
        shutil.rmtree(self.safe)


class Overdue(Rehearsal):
    moved_clock = True

    def test_what_fell_due_meanwhile_is_erased_before_it_serves(self):
        w, north = self.world, self.north
        north.start()
        exchange = self.post(1)
        self.assertEqual(north.ask("keys", "show")["payload_keys"], 1)
        self.back_up("--keep", "P90D")
        self.lose_store()
        said = self.restore()
        self.tell_partner(said)
        w.clock.move(29 * 86400)
        north.start()
        log = wait_for(lambda: [e for e in north.entries() if e["operation"] == "erasure"] and north.entries())
        self.assertEqual([e["exchange"] for e in log if e["operation"] == "erasure"], [exchange])
        # Those that lay ready are kept.
        self.assertEqual(north.ask("keys", "show")["payload_keys"], READY - 1)
        self.assertEqual(north.ask("exchange", "show", exchange)["exchange"]["state"], "failed")


class Erased(Rehearsal):
    def test_no_slot_is_swept_before_people_have_compared(self):
        north = self.north
        north.start()
        self.post(1)
        self.back_up()
        self.post(2)
        self.lose_store()
        self.restore()
        north.start()
        # One is of the record that the store knows, one of what it lost; which of them is not known, nor of the others that
        # had lain ready with them.
        self.assertEqual(north.ask("keys", "show")["payload_keys"], READY)
        north.stop()
        north.start()
        self.assertEqual(north.ask("keys", "show")["payload_keys"], 2 * READY)
        north.ctl("store", "reconciled")
        north.stop()
        north.start()
        self.assertEqual(north.ask("keys", "show")["payload_keys"], 1)

    def test_interrupted_behind_the_rename_the_epoch_goes_on(self):
        north = self.north
        north.start()
        self.back_up()
        self.lose_store()
        config = read(north.config)
        self.restore()
        write(north.config, config)
        with self.assertRaises(AssertionError):
            north.start()
        self.assertEqual(north.process.returncode, 78)
        self.assertIn("It may run again", read(north.log))
        north.process = None
        self.assertTrue(north.ask("audit", "new-epoch")["resumed"])
        north.start()
        self.assertRegex(wait_for(lambda: self.notes("restore"))[0], "^restored from a backup of ")

    def test_what_was_erased_after_the_backup_opens_no_more(self):
        w, north = self.world, self.north
        north.start()
        waits, goes = self.post(1), self.post(2)
        code, out, _ = north.ctl("store", "check")
        self.assertEqual(code, 0, out)
        self.assertIn("payloads   2, 2 open, 0 do not", out)
        self.back_up()
        self.south.start()
        self.delivered()
        self.south.stop()
        self.lose_store()
        said = self.restore()
        code, out, _ = north.ctl("-o", "json", "store", "check", ok=False)
        self.assertEqual(code, 3)
        found = json.loads(out)
        self.assertEqual((found["payloads"], found["opened"]), (2, 0))
        self.assertEqual({(f["finding"], f["exchange"]) for f in found["findings"]}, {("erased", waits), ("erased", goes)})
        self.tell_partner(said)
        north.start()
        lost = wait_for(lambda: [e for e in north.entries() if e["operation"] == "incident"])
        self.assertEqual({(e["exchange"], e["outcome"]) for e in lost}, {(waits, "payload-lost"), (goes, "payload-lost")})
        self.assertEqual([(d["exchange"], d["last_error"]) for d in north.ask("outbox")],
                         [(waits, "payload-lost"), (goes, "payload-lost")])
        # They may have arrived: the system is told when the partner's log has been looked at.
        self.assertEqual(w.client("north").inbox()["items"], [])
        north.ctl("store", "reconciled")
        kinds = [i["kind"] for i in w.client("north").inbox()["items"]]
        self.assertEqual(kinds, ["delivery-failed", "delivery-failed"])
        # Once: the next start has nothing to say.
        north.stop()
        north.start()
        self.assertEqual(len([e for e in north.entries() if e["operation"] == "incident"]), 2)


if __name__ == "__main__":
    unittest.main()
