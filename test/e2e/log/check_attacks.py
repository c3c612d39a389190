"""Logs that are forged, truncated, rolled back, forked, starved and suppressed: who notices each, after how long, in which
words. Prints the table; `make check-e2e TESTS=check_attacks` makes it. Two classes share it: each prints its half."""

import base64
import json
import os
import re
import shutil
import sqlite3
import time
import unittest
import uuid

import agreements
import compact
import check_sender
import check_sight
from check_witness import Log, audit_option, auditor, started
from merkle import receipt_of
from world import GATEWAYCTL, Ended, World, read, run, wait_for, write


class Table:
    """The rows of one class, in the order of its tests."""

    def __init__(self):
        self.rows = []

    def add(self, kind, attack, who, seconds, words):
        words = " ".join(words.split())
        assert words, attack
        self.rows.append((kind, attack, who, f"{seconds:.1f} s", words[:150]))

    def show(self, title):
        print(f"{title}: {len(self.rows)} attacks, {len(self.rows)} noticed")
        for row in self.rows:
            print(" | ".join(row))


class Case(unittest.TestCase):
    kind = ""

    def noticed(self, attack, who, since, words, *texts):
        for text in texts:
            self.assertIn(text, words, attack)
        self.table.add(self.kind, attack, who, time.monotonic() - since, words)


def line_with(text, words):
    return next((l for l in reversed(text.splitlines()) if words in l), "")


class Copies(Case):
    """What is done to an export, a receipt or the store of a log that was honest; the auditor, or the node itself, notices."""

    @classmethod
    def setUpClass(cls):
        cls.table = Table()
        cls.world = w = started(World())
        cls.addClassCleanup(w.close)
        w.start()
        for i in range(5):
            status, answer = w.client("north").post("pax", agreements.envelope(agreements.passenger_record(i)))
            assert status == 201
        cls.exchange = answer["exchange"]
        wait_for(lambda: w.north.ask("outbox") == [])
        cls.key = read(f"{w.north.folder}/audit.vkey").strip()
        cls.store = f"{w.north.folder}/store/gatewayd.db"
        cls.policy = f"{w.folder}/policy"
        write(cls.policy, f"log {cls.key}\nwitness south {read(w.south.folder + '/witness.vkey')}quorum south\n")

        def cosigned():
            with sqlite3.connect(f"file:{cls.store}?mode=ro", uri=True) as db:
                newest = db.execute("SELECT max(size) FROM checkpoint").fetchone()[0]
                return db.execute("SELECT max(size) FROM cosignature").fetchone()[0] == newest
        wait_for(cosigned)
        w.north.stop()
        w.south.stop()
        w.north.ctl("audit", "export", "--disclosures", f"{w.folder}/good")
        w.north.ctl("audit", "prove", "--out", f"{w.folder}/receipt", cls.exchange)
        run(GATEWAYCTL, "audit", "verify", "--policy", cls.policy, f"{w.folder}/good")
        shutil.copytree(w.north.folder, f"{w.folder}/north.good", ignore=shutil.ignore_patterns("*.sock"))

    @classmethod
    def tearDownClass(cls):
        cls.table.show("copies, receipts and stores")

    def copy(self):
        folder = f"{self.world.folder}/copy-{uuid.uuid4()}"
        shutil.copytree(f"{self.world.folder}/good", folder)
        return folder

    def verify(self, folder, *more, status=4):
        code, out, err = run(GATEWAYCTL, "audit", "verify", "--policy", self.policy, *more, folder, ok=False)
        self.assertEqual(code, status, out + err)
        return err or out

    def change(self, path, old, new):
        with open(path, "rb") as f:
            data = f.read()
        self.assertIn(old, data)
        with open(path, "wb") as f:
            f.write(data.replace(old, new, 1))

    def bundle(self, folder, what="entries"):
        """The widest, which the newest checkpoint needs."""
        place = f"{folder}/tile/{what}"
        return max((f"{place}/{n}/{p}" for n in os.listdir(place) for p in os.listdir(f"{place}/{n}")), key=lambda p: int(p.split("/")[-1]))

    def test_forged_entry(self):
        self.kind, folder = "forged", self.copy()
        at = time.monotonic()
        self.change(self.bundle(folder), b'"outcome":"released', b'"outcome":"Released')
        self.noticed("an entry of a copy is altered", "auditor", at, self.verify(folder), "entry ")

    def test_forged_hash(self):
        self.kind, folder = "forged", self.copy()
        at, path = time.monotonic(), self.bundle(folder, "0")
        with open(path, "r+b") as f:
            f.seek(40)
            f.write(b"\0")
        self.noticed("a hash of a tile is altered", "auditor", at, self.verify(folder), "tile")

    def test_forged_root(self):
        self.kind, folder = "forged", self.copy()
        at, path = time.monotonic(), f"{folder}/checkpoint"
        lines = read(path).split("\n")
        lines[2] = base64.b64encode(bytes(32)).decode()
        write(path, "\n".join(lines))
        self.noticed("the checkpoint has another root", "auditor", at, self.verify(folder), "does not verify")

    def test_forged_key(self):
        self.kind, folder = "forged", self.copy()
        log, at = Log(self.world, "gw.north.example/audit/gw1/1").grow(3), time.monotonic()
        for name in ("checkpoint", "newest"):
            write(f"{folder}/{name}", log.note())
        self.noticed("another key signs a log of that name", "auditor", at, self.verify(folder), "signed by no log of the policy")

    def test_forged_cosignature(self):
        self.kind, folder = "forged", self.copy()
        at, path = time.monotonic(), f"{folder}/checkpoint"
        note = read(path).split("\n")
        line = next(i for i, l in enumerate(note) if "/witness/" in l)
        raw = bytearray(base64.b64decode(note[line].split(" ")[2]))
        raw[-1] ^= 1
        note[line] = " ".join(note[line].split(" ")[:2] + [base64.b64encode(raw).decode()])
        write(path, "\n".join(note))
        self.noticed("a cosignature is made up", "auditor", at, self.verify(folder), "does not verify")

    def test_forged_disclosure(self):
        self.kind, folder = "forged", self.copy()
        at, path = time.monotonic(), self.first_disclosure(folder)
        with open(path, "rb") as f:
            data = bytearray(f.read())
        data[len(data) // 2] = ord("A") if data[len(data) // 2] != ord("A") else ord("B")
        with open(path, "wb") as f:
            f.write(data)
        self.noticed("what an entry withholds is altered", "auditor", at, self.verify(folder), "disclosure")

    def first_disclosure(self, folder):
        paths = [os.path.join(d, n) for d, _, names in os.walk(f"{folder}/disclosures") for n in names if n.isdigit()]
        return max(paths, key=lambda p: int(p.split("/")[-1]))

    def test_forged_receipt(self):
        self.kind, path = "forged", f"{self.world.folder}/forged-receipt"
        text, at = read(f"{self.world.folder}/receipt"), time.monotonic()
        leaf = base64.b64decode(re.search(r"^extra (.*)$", text, re.M)[1])
        forged = base64.b64encode(leaf.replace(b'"tier":"T1"', b'"tier":"T2"')).decode()
        write(path, re.sub(r"^extra .*$", f"extra {forged}", text, count=1, flags=re.M))
        code, out, err = run(GATEWAYCTL, "audit", "verify-receipt", "--policy", self.policy, path, ok=False)
        self.assertEqual(code, 4)
        self.noticed("a receipt's entry is altered", "whoever has it", at, err + out, "is not the one at index")

    def test_receipt_of_another_log(self):
        self.kind, path = "forged", f"{self.world.folder}/other-receipt"
        log, at = Log(self.world, "gw.north.example/audit/gw1/1").grow(4), time.monotonic()
        write(path, receipt_of(log.leaves, 2, log.note(), f"extra {base64.b64encode(log.leaves[2]).decode()}\n"))
        code, out, err = run(GATEWAYCTL, "audit", "verify-receipt", "--policy", self.policy, path, ok=False)
        self.assertEqual(code, 4)
        self.noticed("a receipt of another log of that name", "whoever has it", at, err + out)

    def test_truncated_entries(self):
        self.kind, folder = "truncated", self.copy()
        at, path = time.monotonic(), self.bundle(folder)
        with open(path, "r+b") as f:
            f.truncate(os.path.getsize(path) - 300)
        self.noticed("the last entries of a copy are cut off", "auditor", at, self.verify(folder))

    def test_truncated_tile(self):
        self.kind, folder = "truncated", self.copy()
        at, path = time.monotonic(), self.bundle(folder, "0")
        with open(path, "r+b") as f:
            f.truncate(os.path.getsize(path) - 32)
        self.noticed("a tile is cut off", "auditor", at, self.verify(folder))

    def test_suppressed_bundle(self):
        self.kind, folder = "suppressed", self.copy()
        at = time.monotonic()
        os.remove(self.bundle(folder))
        self.noticed("a bundle of entries is not published", "auditor", at, self.verify(folder))

    def test_suppressed_checkpoint(self):
        self.kind, folder = "suppressed", self.copy()
        at = time.monotonic()
        for name in ("checkpoint", "newest"):
            if os.path.exists(f"{folder}/{name}"):
                os.remove(f"{folder}/{name}")
        self.noticed("no checkpoint is published", "auditor", at, self.verify(folder))

    def test_suppressed_disclosure(self):
        self.kind, folder = "suppressed", self.copy()
        at, path = time.monotonic(), self.first_disclosure(folder)
        with open(path, "rb") as f:
            lines = f.read().split(b"\n")
        keep = [l if i else b"" for i, l in enumerate(lines)] if len(lines) > 1 else []
        with open(path, "wb") as f:
            f.write(b"\n".join(keep))
        self.noticed("what entries withhold is taken away", "auditor", at, self.verify(folder))

    def test_starved_cosignatures(self):
        self.kind, folder = "starved", self.copy()
        at, path = time.monotonic(), f"{folder}/checkpoint"
        text, lines = read(path).split("\n\n", 1)
        write(path, text + "\n\n" + "".join(l for l in lines.splitlines(keepends=True) if "/witness/" not in l))
        self.noticed("the witnesses are kept from it", "auditor", at, self.verify(folder, status=6), "not cosigned yet")

    def test_starved_for_long(self):
        self.kind, folder = "starved", self.copy()
        time.sleep(2)
        at = time.monotonic()
        self.noticed("no witness is asked any more", "auditor", at, self.verify(folder, "--max-age", "1", status=7), "cosigned too long ago")

    def test_rolled_back_copy(self):
        self.kind, folder = "rolled back", f"{self.world.folder}/old"
        w, at = self.world, time.monotonic()
        store = self.alter(lambda db: (db.execute("DELETE FROM checkpoint WHERE size > 6"), db.execute("DELETE FROM entry WHERE idx > 5"),
                                       db.execute("DELETE FROM cosignature")))
        w.north.ctl("audit", "export", "--from", f"{store}/store/gatewayd.db", folder)
        code, out, err = run(GATEWAYCTL, "audit", "verify", "--key", self.key, "--earlier", f"{w.folder}/receipt", folder, ok=False)
        self.assertEqual(code, 4, out + err)
        self.noticed("an older copy, whole in itself, is published", "auditor with an earlier receipt", at, err or out)

    # --- the store, by sqlite3

    def alter(self, change):
        """A copy of the node's folder whose store was changed."""
        folder = f"{self.world.folder}/altered-{uuid.uuid4()}"
        shutil.copytree(f"{self.world.folder}/north.good", folder)
        with sqlite3.connect(f"{folder}/store/gatewayd.db") as db:
            change(db)
        return folder

    def starts(self, change):
        """What the node says that starts on it, and with which status it ends."""
        node, folder = self.world.north, self.alter(change)
        at = os.path.getsize(node.log)
        shutil.rmtree(node.folder)
        shutil.copytree(folder, node.folder)
        try:
            node.start()
            code = node.process.wait(30)
        except Ended:
            code = node.process.returncode
        self.assertEqual(code, 78)
        with open(node.log, encoding="utf-8") as f:
            f.seek(at)
            return [l for l in f.read().splitlines() if "error" in l][-1]

    def verify_store(self, folder):
        code, out, err = run(GATEWAYCTL, "audit", "verify", "--key", self.key, f"{folder}/store/gatewayd.db", ok=False)
        self.assertEqual(code, 4, out + err)
        return err or out

    def test_deleted_end(self):
        self.kind, at = "truncated", time.monotonic()
        self.noticed("the store's last entries and checkpoints are deleted", "the node, by its anchor", at,
                     self.starts(self.delete_end), "an older state was put back")

    def delete_end(self, db):
        keep = db.execute("SELECT max(size) FROM checkpoint WHERE size <= 16").fetchone()[0]
        db.execute("DELETE FROM checkpoint WHERE size > ?", (keep,))
        for table in ("entry", "disclosure"):
            db.execute(f"DELETE FROM {table} WHERE idx >= ?", (keep,))
        db.execute("DELETE FROM cosignature")

    def test_deleted_entry(self):
        self.kind, at = "truncated", time.monotonic()
        self.noticed("an entry is deleted in the store", "auditor", at,
                     self.verify_store(self.alter(lambda db: db.execute("DELETE FROM entry WHERE idx = 3"))))

    def test_deleted_end_only(self):
        self.kind, at = "truncated", time.monotonic()
        self.noticed("the store's last entry is deleted, its checkpoint left", "the node, at its start", at,
                     self.starts(lambda db: db.execute("DELETE FROM entry WHERE idx = (SELECT max(idx) FROM entry)")))

    def test_deleted_disclosures(self):
        self.kind, at = "suppressed", time.monotonic()
        self.noticed("disclosures are deleted in the store", "auditor", at,
                     self.verify_store(self.alter(lambda db: db.execute("DELETE FROM disclosure WHERE idx % 2 = 0"))))

    def test_swapped_entries(self):
        self.kind, at = "forged", time.monotonic()

        def swap(db):
            a, b = (db.execute("SELECT leaf, compact FROM entry WHERE idx = ?", (i,)).fetchone() for i in (2, 3))
            db.executemany("UPDATE entry SET leaf = ?, compact = ? WHERE idx = ?", ((*b, 2), (*a, 3)))
        self.noticed("two entries change places in the store", "auditor", at, self.verify_store(self.alter(swap)))

    def test_edited_note(self):
        self.kind, at = "forged", time.monotonic()
        self.noticed("the store's last checkpoint is edited", "the node, at its start", at,
                     self.starts(lambda db: db.execute("UPDATE checkpoint SET note = replace(note, 'audit', 'Audit') WHERE size = (SELECT max(size) FROM checkpoint)")))

    def test_swapped_key(self):
        self.kind, at = "forged", time.monotonic()
        node = self.world.north

        def change(_):
            pass
        folder = self.alter(change)
        path = f"{folder}/keys/audit.key"
        write(path, read(path).translate(str.maketrans("0123456789abcdef", "123456789abcdef0")))
        shutil.rmtree(node.folder)
        shutil.copytree(folder, node.folder)
        size = os.path.getsize(node.log)
        with self.assertRaises(Ended):
            node.start()
        self.assertEqual(node.process.returncode, 78)
        self.noticed("the audit key is exchanged", "the node, at its start", at, line_with(read(node.log)[size:], "not the public half"))

    def test_altered_tile(self):
        self.kind, at = "forged", time.monotonic()

        def change(db):
            hashes = db.execute("SELECT hashes FROM tile").fetchone()[0]
            db.execute("UPDATE tile SET hashes = ?", (bytes(32) + hashes[32:],))
        self.noticed("the store's tiles are altered", "the node, at its start", at, self.starts(change))


class Live(Case):
    """What a partner that holds a log's keys does to those who exchange with it: north's gateway is driven by it."""

    @classmethod
    def setUpClass(cls):
        cls.table = Table()

    @classmethod
    def tearDownClass(cls):
        cls.table.show("a partner's log, as it is shown")

    def setUp(self):
        self.s = s = check_sight.Case("setUp")
        s.setUp()
        self.addCleanup(s.doCleanups)

    def incident(self, attack, since, *texts, who="partner"):
        found = wait_for(self.s.incidents)
        self.noticed(attack, who, since, found[-1]["note"], *texts)

    def shows(self, leaves):
        self.s.endpoint.leaves = leaves

    def test_two_roots(self):
        self.kind = "forked"
        self.s.accepted(5)
        self.s.liar.leaves = []
        at = time.monotonic()
        self.s.refused(5, "b")
        self.incident("two roots of one size in deliveries", at, "showed two roots of 5 entries")

    def test_another_size(self):
        self.kind = "forked"
        self.s.accepted(5)
        at = time.monotonic()
        self.shows([f"b {i}".encode() for i in range(9)])
        self.incident("another branch at another size", at, "9 entries do not continue the 5 that were seen")

    def test_not_the_cosigned(self):
        self.kind = "forked"
        self.s.cosign([b"a 0", b"a 1", b"a 2"])
        at = time.monotonic()
        self.s.accepted(6, "b")
        self.shows(self.s.liar.leaves)
        self.incident("the witness sees one branch, the partner another", at, "do not continue the 3 that were cosigned")

    def test_not_the_proved(self):
        self.kind = "forked"
        self.s.accepted(4)
        self.shows(self.s.liar.leaves)
        wait_for(lambda: self.s.unproved() == 0)
        self.s.liar.leaves = self.s.endpoint.leaves = []
        at = time.monotonic()
        self.s.accepted(7, "b")
        self.incident("a branch after the honest one was proved", at, "do not continue the 4 that were proved")

    def add(self, old, leaves, proof=""):
        body = f"old {old}\n{proof}\n{self.s.liar.checkpoint(leaves)}"
        return self.s.liar.client.request("POST", "/add-checkpoint", body, content_type="text/plain")[0]

    def test_two_trees_to_the_witness(self):
        self.kind = "forked"
        self.s.cosign([b"a 0", b"a 1"])
        at = time.monotonic()
        self.assertEqual(self.add(2, [b"a 0", b"b 1"]), 422)
        self.incident("two trees of one size to be cosigned", at, "forked: cosigned 2 entries, now shows 2", who="witness")

    def test_back_to_the_witness(self):
        self.kind = "rolled back"
        self.s.cosign([b"a 0", b"a 1", b"a 2"])
        at = time.monotonic()
        self.assertEqual(self.add(2, [b"a 0", b"a 1"]), 409)
        self.incident("fewer entries to be cosigned", at, "went back: cosigned 3 entries, now shows 2", who="witness")

    def test_no_proof_to_the_witness(self):
        self.kind = "forked"
        self.s.cosign([b"a 0", b"a 1"])
        at = time.monotonic()
        wrong = base64.b64encode(bytes(32)).decode() + "\n"
        self.assertEqual(self.add(2, [b"a 0", b"b 1", b"b 2"], wrong), 422)
        self.incident("a wrong proof of growth", at, "did not prove that it only grew", who="witness")

    def test_went_back(self):
        self.kind = "rolled back"
        self.s.accepted(5)
        at = time.monotonic()
        self.shows(self.s.liar.leaves[:3])
        self.incident("the log shown is shorter than what was delivered under", at, "3 entries do not continue the 5 that were seen")

    def test_not_shown(self):
        self.kind = "suppressed"
        at = time.monotonic()
        self.s.accepted(5)
        self.incident("the log is not shown", at, "does not show its tree: its checkpoint was answered with status 404")

    def test_wrong_tiles(self):
        self.kind = "suppressed"
        self.s.accepted(5)
        self.s.liar.leaves.append(b"a 5")
        honest, at = self.s.endpoint.answer, time.monotonic()
        self.s.endpoint.answer = lambda path: bytes(32) if path.startswith("/tile/") else honest(path)
        self.shows(self.s.liar.leaves)
        self.incident("tiles are cut short", at, "a tile has not the hashes that its checkpoint covers")

    def test_entry_that_is_not_in_the_log(self):
        self.kind, at = "suppressed", time.monotonic()
        envelope = json.loads(self.s.liar.envelope(check_sender.Sender.record(self)))
        other = [b"another entry"]
        envelope["origin"]["proof"] = receipt_of(other, 0, self.s.liar.checkpoint(other))
        status, answer = self.s.liar.send(json.dumps(envelope))
        self.assertEqual(status, 403, answer)
        self.noticed("a record whose entry is not in the log", "partner", at, f"{answer['type']}: {json.dumps(answer['errors'])}", "receipt-invalid")

    def test_evidence(self):
        self.kind = "forked"
        client, at = auditor(self.s.world, self.s.world.south), time.monotonic()
        self.s.world.south.stop()
        self.s.world.south.start()
        two = "\n".join(self.s.liar.checkpoint([leaf, b"1"]) for leaf in (b"a", b"b"))
        self.assertEqual(client.request("POST", "/evidence", two, content_type="text/plain")[0], 200)
        self.incident("an auditor brings two roots of one size", at, "two roots of 2 entries, both signed by its key", who="auditor, partner")

    def test_receipt_as_evidence(self):
        self.kind = "forked"
        self.s.accepted(3)
        self.shows(self.s.liar.leaves)
        wait_for(lambda: self.s.unproved() == 0)
        client, at = self.s.liar.client, time.monotonic()
        other = [f"b {i}".encode() for i in range(5)]
        text = receipt_of(other, 4, self.s.liar.checkpoint(other), f"extra {base64.b64encode(other[4]).decode()}\n")
        self.s.liar.leaves += [f"a {i}".encode() for i in range(9)]
        self.assertEqual(client.request("POST", "/evidence", text, content_type="text/plain")[0], 202)
        self.incident("a receipt that the log does not bear out", at, "do not continue the 5 that were seen", who="whoever has it, partner")

    def test_nobody_can_be_asked(self):
        self.kind, at = "starved", time.monotonic()
        self.s.endpoint.close()
        self.s.accepted(5)
        client = self.s.world.client("south")
        wait_for(lambda: client.inbox(unproved=True)["items"])
        words = wait_for(lambda: [e["note"] for e in self.s.world.south.entries() if "is not proved" in e.get("note", "")])[0]
        self.noticed("two gateways are kept from talking but for deliveries", "partner, in the entry of the fetch", at, words)

    def test_silent_witness(self):
        self.kind = "starved"
        south = self.s.world.south
        south.stop()
        audit_option(south, witness_every_s=1, witness_silence_s=2)
        at = time.monotonic()
        south.start()
        words = wait_for(lambda: line_with(read(south.log), "has not cosigned this log for"))
        self.noticed("a witness is silent (audit.witness_silence_s 2)", "the node", at, words)


if __name__ == "__main__":
    unittest.main()
