"""A start that is refused, and gatewayd -t, change no byte of the node's folder: neither store nor keys nor anything beside
them, for every way to refuse. After the mistake is mended, what was acknowledged still opens."""

import glob
import hashlib
import json
import os
import pwd
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import unittest

import agreements
from ports import free_port
from world import GATEWAYD, ROOT, Ended, World, read, run, wait_for, write

EXIT_PASSING, EXIT_CONFIG = 1, 78


def digests(folder):
    """Of every file, by its path."""
    found = {}
    for path in glob.glob(f"{folder}/**", recursive=True, include_hidden=True):
        if os.path.isfile(path):
            with open(path, "rb") as f:
                found[path] = hashlib.sha256(f.read()).hexdigest()
    return found


class Case(unittest.TestCase):
    """North's record waits at south, which was killed: its write-ahead log is where a crash leaves it. No node runs."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        self.world.agreement(agreements.passenger(digest=schema))
        self.south = self.world.south
        self.world.start()
        self.deliver(1)
        self.south.stop(signal.SIGKILL)
        self.store, self.keys = f"{self.south.folder}/store/gatewayd.db", f"{self.south.folder}/keys"
        self.anchor = f"{self.south.folder}/anchor/checkpoint"
        self.assertTrue(os.path.getsize(f"{self.store}-wal"))

    def deliver(self, n):
        status, answer = self.world.client("north").post("pax", agreements.envelope(agreements.passenger_record(n)))
        self.assertEqual(status, 201, answer)
        self.wait_for_items(n)

    def wait_for_items(self, n):
        client = self.world.client("south")
        wait_for(lambda: len(client.inbox()["items"]) == n)

    def start(self, config=None, **options):
        """A start that must end by itself; returns (status, what it said)."""
        done = subprocess.run([GATEWAYD, "-c", config or self.south.config], capture_output=True, text=True, timeout=60, check=False,
                              **options)
        return done.returncode, done.stdout + done.stderr

    def check(self, config=None):
        status, out, err = run(GATEWAYD, "-c", config or self.south.config, "-t", ok=False)
        return status, out + err

    def refused(self, says, status=EXIT_CONFIG, config=None, check=True, **options):
        """A start and, where `check` is set, -t are refused by name and change nothing."""
        before = digests(self.south.folder)
        for attempt in (self.start, self.check)[:1 + check]:
            got, said = attempt(config, **options) if attempt == self.start else attempt(config)
            self.assertRegex(said, says)
            self.assertEqual(got, status, said)
            self.assertEqual(digests(self.south.folder), before)

    def mended(self, items=1):
        """It starts, and every record is there and opens."""
        self.south.start()
        found = self.world.client("south").inbox()["items"]
        self.assertEqual(len(found), items)
        for item in found:
            self.assertIn("locator", item["record"])


class Paths(Case):
    def test_all_is_well_changes_nothing(self):
        before = digests(self.south.folder)
        status, said = self.check()
        self.assertEqual(status, 0, said)
        self.assertEqual(digests(self.south.folder), before)
        self.mended()
        self.south.stop()
        before = digests(self.south.folder)
        self.assertEqual(self.check()[0], 0)
        self.assertEqual(digests(self.south.folder), before)

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_root_checks_what_belongs_to_another_account(self):
        os.chmod(self.world.folder, 0o755)
        doc = json.loads(read(self.south.config))
        del doc["user"]                 # the service manager starts it as that account
        write(self.south.config, json.dumps(doc))
        for path in glob.glob(f"{self.south.folder}/**", recursive=True, include_hidden=True):
            os.chown(path, 65534, 65534)
        before = digests(self.south.folder)
        status, said = self.check()
        self.assertEqual(status, 0, said)
        self.assertEqual(digests(self.south.folder), before)

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_what_root_alone_can_read(self):
        """What a start reads before it becomes another account, a reload must be able to read after it."""
        os.chmod(self.world.folder, 0o755)
        self.south.change(user=pwd.getpwuid(65534).pw_name)
        for path in glob.glob(f"{self.south.folder}/**", recursive=True, include_hidden=True):
            os.chown(path, 65534, 65534)
        (agreement,) = glob.glob(f"{self.south.folder}/agreements/*.json")
        os.chown(agreement, 0, 0)
        os.chmod(agreement, 0o600)
        with self.assertRaises(Ended) as failed:
            self.south.start()
        self.assertRegex(str(failed.exception), f"ended with (1|78)\n(?s:.*){re.escape(agreement)}: .*Permission denied")
        os.chown(agreement, 65534, 65534)
        self.south.start()
        self.assertEqual(self.south.ctl("reload")[0], 0)

    def test_a_store_that_is_not_there(self):
        self.south.change(store="store/gatewayd.bd")
        self.refused("there is no store, but the anchor .*`store` names the wrong path")
        # Also where no anchor tells.
        os.rename(self.anchor, f"{self.world.folder}/anchor")
        self.refused("there is no store, but the key folder .*names the wrong path")
        os.rename(f"{self.world.folder}/anchor", self.anchor)
        self.south.change(store="stroe/gatewayd.db")
        self.refused("/store: .*stroe: No such file or directory; make the folder, or mend the path")
        self.south.change(store="store/gatewayd.db")
        self.mended()

    def test_the_store_of_another_node(self):
        self.world.north.stop()
        shutil.copytree(f"{self.world.north.folder}/store", f"{self.south.folder}/other")
        self.south.change(store="other/gatewayd.db")
        self.refused("belongs to another store than .*other/gatewayd.db")
        self.south.change(store="store/gatewayd.db")
        self.mended()

    def test_the_key_folder_of_another_node(self):
        shutil.copytree(f"{self.world.north.folder}/keys", f"{self.south.folder}/other")
        self.south.change(keys="other")
        self.refused("other: the key folder belongs to another store|is not the public half of the secret in .keys.")
        self.south.change(keys="keys")
        self.mended()

    def test_no_key_folder(self):
        self.south.change(keys="kyes")
        self.refused("/keys: .*kyes: No such file or directory; make the folder, or mend the path")
        self.south.change(keys="keys")
        self.mended()

    def test_a_file_that_is_no_store(self):
        write(f"{self.south.folder}/store/prose.db", "this is a page of prose " * 200)
        self.south.change(store="store/prose.db")
        self.refused("prose.db: the file is no store")
        self.south.change(store="store/gatewayd.db")
        self.mended()


class States(Case):
    def test_the_store_of_yesterday(self):
        shutil.copytree(f"{self.south.folder}/store", f"{self.world.folder}/yesterday")
        self.south.start()
        self.deliver(2)
        self.south.stop()
        shutil.move(f"{self.south.folder}/store", f"{self.world.folder}/today")
        shutil.copytree(f"{self.world.folder}/yesterday", f"{self.south.folder}/store")
        self.refused("an older state was put back")
        shutil.rmtree(f"{self.south.folder}/store")
        shutil.move(f"{self.world.folder}/today", f"{self.south.folder}/store")
        self.mended(2)

    def test_a_bit_of_the_log_is_flipped(self):
        with open(f"{self.store}-wal", "rb") as f:
            whole = f.read()
        flipped = bytearray(whole)
        # In the first frame: what is behind it does not count any more.
        flipped[32 + 24 + 100] ^= 1
        with open(f"{self.store}-wal", "wb") as f:
            f.write(flipped)
        self.refused("anchor|no such table|no store|audit log")
        with open(f"{self.store}-wal", "wb") as f:
            f.write(whole)
        self.mended()

    def test_an_anchor_that_is_missing_or_of_another_log(self):
        os.rename(self.anchor, f"{self.world.folder}/anchor")
        self.refused("its anchor is missing")
        shutil.copy(f"{self.world.north.folder}/anchor/checkpoint", self.anchor)
        self.refused("checkpoint|note|sign")
        os.replace(f"{self.world.folder}/anchor", self.anchor)
        self.mended()

    def test_a_store_of_a_newer_version(self):
        self.south.start()
        self.south.stop()
        with open(self.store, "r+b") as f:
            f.seek(60)
            version = f.read(4)
            f.seek(60)
            f.write((1000).to_bytes(4, "big"))
        self.refused(r"made by a newer version of this program \(its schema is 1000")
        with open(self.store, "r+b") as f:
            f.seek(60)
            f.write(version)
        self.mended()

    def test_a_secret_that_cannot_be_used(self):
        os.chmod(f"{self.keys}/audit.key", 0o644)
        self.refused("audit.key: others may read or write the secret")
        os.chmod(f"{self.keys}/audit.key", 0o600)
        self.mended()

    def test_a_document_that_does_not_follow(self):
        """Only the start knows what was in force: the store says so."""
        doc = {"document": "training", "issuer": "south", "number": 2, "issued": agreements.instant(-1),
               "officers": [{"officer": "0" * 64, "valid_until": agreements.instant(30)}]}
        path = f"{self.south.folder}/documents/training.json"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path, json.dumps(doc))
        self.world.sign(path, ("south",))
        self.mended()
        self.south.stop(signal.SIGKILL)
        os.rename(path, f"{self.world.folder}/training.json")
        self.refused("number 2 of south was in force and is gone", check=False)
        os.rename(f"{self.world.folder}/training.json", path)
        self.mended()


class InUse(Case):
    def other(self, **members):
        """A second configuration of the same node, with another socket and port."""
        doc = json.loads(read(self.south.config))
        doc.update(control="run/other.sock", listen=[f"127.0.0.1:{free_port()}"], monitor=[], **members)
        path = f"{self.south.folder}/other.json"
        write(path, json.dumps(doc))
        return path

    def test_a_second_daemon(self):
        self.mended()
        self.assertEqual(self.check()[0], 0, "its own daemon is not in the way of -t")
        config = self.other()
        status, said = self.start(config)
        self.assertEqual(status, EXIT_PASSING, said)
        self.assertRegex(said, "in use")
        self.assertEqual(len(self.world.client("south").inbox()["items"]), 1)
        self.south.stop()
        self.mended()

    def test_a_second_daemon_with_a_store_of_its_own(self):
        self.mended()
        os.makedirs(f"{self.south.folder}/second/store")
        config = self.other(store="second/store/gatewayd.db")
        for status, said in (self.start(config), self.check(config)):
            self.assertEqual(status, EXIT_PASSING, said)
            self.assertRegex(said, "the keys are in use: another gatewayd has this folder open")
        self.assertEqual(os.listdir(f"{self.south.folder}/second/store"), [])
        self.south.stop()
        self.mended()

    def test_a_second_daemon_with_keys_of_its_own(self):
        self.mended()
        shutil.copytree(f"{self.world.north.folder}/keys", f"{self.south.folder}/second")
        before = digests(f"{self.south.folder}/second")
        audit = json.loads(read(self.south.config))["audit"]
        config = self.other(keys="second", audit={name: of for name, of in audit.items() if not name.endswith("vkey")})
        for status, said in (self.start(config), self.check(config)):
            self.assertEqual(status, EXIT_PASSING, said)
            self.assertRegex(said, "the store is in use")
        self.assertEqual(digests(f"{self.south.folder}/second"), before)
        self.south.stop()
        self.mended()

    def test_keys_and_store_of_two_daemons(self):
        """Both are in use, but not by one configuration."""
        self.mended()
        status, said = self.check(self.other(keys="../north/keys"))
        self.assertEqual(status, EXIT_CONFIG, said)
        self.assertRegex(said, "north/keys: the key folder belongs to another store than .*south/store/gatewayd.db")

    def test_a_reader_is_no_obstacle(self):
        with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, isolation_level=None) as db:
            db.execute("BEGIN")
            self.assertEqual(db.execute("SELECT count(*) FROM payload").fetchone(), (1,))
            self.mended()
        db.close()


class Passing(Case):
    """What the machine is short of at start passes: exit 1, so that the service manager starts again."""

    def test_too_few_descriptors(self):
        for most in (4, 8, 10, 12, 14, 16, 20, 24, 28):
            status, said = self.start(preexec_fn=lambda n=most: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
            self.assertEqual(status, EXIT_PASSING, f"{most}: {said}")
        self.mended()

    def test_no_room_to_write(self):
        """Files cannot grow past what there is: as on a full disk every write behind that fails."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        status, said = self.start(preexec_fn=limit)
        self.assertEqual(status, EXIT_PASSING, said)
        status, said = self.start(preexec_fn=limit)
        self.assertEqual(status, EXIT_PASSING, "the second time as well: " + said)
        self.mended()

    def test_a_full_disk_is_not_for_ever(self):
        """The store lies on a disk of its own: each start ends with 1 while it is full, and the first one with room serves."""
        kept, disk = f"{self.world.folder}/kept", os.path.dirname(self.store)
        os.rename(disk, kept)
        os.makedirs(disk)
        if run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk, ok=False)[0] != 0:
            self.skipTest("mounting is not permitted")
        self.addCleanup(run, "umount", "-l", disk)
        shutil.copytree(kept, disk, dirs_exist_ok=True)
        with open(f"{disk}/ballast", "wb", buffering=0) as f, self.assertRaises(OSError):
            while f.write(bytes(4096)) == 4096:
                pass
        for _ in range(2):
            status, said = self.start()
            self.assertEqual(status, EXIT_PASSING, said)
            self.assertRegex(said, "the store")
        os.unlink(f"{disk}/ballast")
        self.mended()
        self.south.stop()


if __name__ == "__main__":
    unittest.main()
