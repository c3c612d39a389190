"""A new epoch: the old log is ended and named, exchanges go on, and nothing else begins a log. A store of the version
before is brought up."""

import contextlib
import glob
import hashlib
import itertools
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
from check_witness import audit_option, auditor, edit, metric, started
from world import GATEWAYCTL, ROOT, World, read, run, wait_for, write


FIRST = "first_schema[] ="
LITERAL_OR_END = r'/\*.*?\*/|"([^"\\]*)"|;'       # comments are passed over


def value(store, name):
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        (found,) = db.execute("SELECT value FROM value WHERE name = ?", (name,)).fetchone()
        return found.decode()


def set_value(store, name, text):
    with contextlib.closing(sqlite3.connect(store, timeout=10)) as db, db:
        db.execute("INSERT INTO value VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, text.encode()))


class Migration(unittest.TestCase):
    def make_first_version(self, path):
        """The store at `path` anew, as the first version of the program would have made it: its schema, its columns."""
        (source,) = (text for text in map(read, glob.glob(f"{ROOT}/gatewayd/core/**/*.c", recursive=True)) if FIRST in text)
        literals = itertools.takewhile(lambda m: m[0] != ";", re.finditer(LITERAL_OR_END, source.split(FIRST, 1)[1], re.S))
        schema = "".join(m[1] or "" for m in literals)
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
            application = db.execute("PRAGMA application_id").fetchone()[0]
        os.rename(path, f"{path}.new")
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA application_id = {application}; {schema} DELETE FROM value")
            db.execute("ATTACH ? AS later", (f"{path}.new",))
            for table, in db.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall():
                columns = ", ".join(c[1] for c in db.execute(f"PRAGMA main.table_info({table})"))
                db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM later.{table}")
            later = [(compact.text_of(*row), idx) for idx, *row in db.execute("SELECT idx, leaf, compact FROM later.entry")]
            db.executemany("UPDATE main.entry SET leaf = ? WHERE idx = ?", later)
            later = [(compact.text_of(*row), idx) for idx, *row in db.execute("SELECT idx, packed, compact FROM later.disclosure")]
            db.executemany("UPDATE main.disclosure SET packed = ? WHERE idx = ?", later)
            db.execute("PRAGMA main.user_version = 1")

    def test_a_store_of_the_first_version(self):
        with started(World()) as w:
            w.north.start()
            _, answer = w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
            w.north.stop()
            self.make_first_version(f"{w.north.folder}/store/gatewayd.db")
            w.north.start()
            status, _, receipt = w.client("north").request("GET", f"/v1/exchanges/{answer['exchange']}/receipt")
            self.assertEqual((status, receipt.decode()), (200, answer["receipt"]))


class NewEpoch(unittest.TestCase):
    def setUp(self):
        self.world = started(World())
        self.addCleanup(self.world.close)

    def new_epoch(self, node, *options):
        options = options or ("--force", "the partner is down")
        code, out, err = run(GATEWAYCTL, "-c", node.config, "-o", "json", "audit", "new-epoch", *options, ok=False)
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def tell_partner(self, old, new):
        edit(self.world.south, "north-gateway", vkey=new, earlier=[old])

    def last_checkpoint(self, node, log):
        with sqlite3.connect(f"file:{node.folder}/store/gatewayd.db?mode=ro", uri=True) as db:
            return db.execute("SELECT note FROM checkpoint WHERE size >> 40 = ? ORDER BY size DESC", (log,)).fetchone()[0]

    def genesis(self, node):
        """The first entry of the newest log; the mirror follows the commit."""
        return node.entries()[0]

    def verify_receipt(self, text, key, ok=True):
        path = f"{self.world.folder}/receipt"
        write(path, text)
        self.assertEqual(run(GATEWAYCTL, "audit", "verify-receipt", "--key", key, path, ok=False)[0], 0 if ok else 4)

    def test_exchanges_and_receipts_go_on(self):
        w, north = self.world, self.world.north
        w.start()
        client, envelope = w.client("north"), agreements.envelope(agreements.passenger_record())
        _, first = client.post("pax", envelope, key="one")
        wait_for(lambda: north.ask("outbox") == [])
        w.south.stop()
        _, waiting = client.post("pax", agreements.envelope(agreements.passenger_record(2)))
        old = read(f"{north.folder}/audit.vkey").strip()
        self.assertEqual(north.ctl("audit", "new-epoch", ok=False)[0], 1, "while the daemon runs")
        north.stop()
        client.close()
        ended = self.last_checkpoint(north, 0)
        said = self.new_epoch(north)
        new = read(f"{north.folder}/audit.vkey").strip()
        self.assertEqual((said["origin"], said["vkey"], said["altered"], said["resumed"]),
                         ("gw.north.example/audit/gw1/2", new, False, False))
        self.assertEqual(json.loads(read(north.config))["audit"]["epoch"], 2)
        self.tell_partner(old, new)
        w.south.start()
        north.start()
        genesis = self.genesis(north)
        self.assertEqual((genesis["index"], genesis["operation"]), (0, "genesis"))
        self.assertEqual(genesis["input"], hashlib.sha256(ended.encode()).hexdigest())
        self.assertRegex(genesis["note"], r"^gw.north.example/audit/gw1/2 continues gw.north.example/audit/gw1/1 of \d+ entries, verified in full; "
                                          r"south-gateway could not be asked: the partner is down$")
        restore = wait_for(lambda: north.entries()[1:])[0]
        self.assertEqual((restore["operation"], restore["input"]), ("restore", genesis["input"]))
        # What waited in the outbox arrives with its proof from the old log.
        wait_for(lambda: north.ask("outbox") == [])
        self.assertEqual(north.ask("exchange", "show", waiting["exchange"])["exchange"]["state"], "delivered")
        self.assertEqual(len(w.client("south").inbox()["items"]), 2)
        # Receipts of the old log stay what they were: read, replayed, and from the store.
        status, _, receipt = client.request("GET", f"/v1/exchanges/{first['exchange']}/receipt")
        self.assertEqual(status, 200)
        self.verify_receipt(receipt.decode(), old)
        status, again = client.post("pax", envelope, key="one")
        self.assertEqual((status, again), (201, first))
        self.verify_receipt(first["receipt"], old)
        self.verify_receipt(first["receipt"], new, ok=False)
        # New ones are of the new log, and both logs verify whole.
        _, later = client.post("pax", agreements.envelope(agreements.passenger_record(3)))
        self.verify_receipt(later["receipt"], new)
        store = f"{north.folder}/store/gatewayd.db"
        self.assertIn("gw1/1\n", north.ctl("audit", "verify", "--key", old, store + "@1")[1])
        self.assertIn("gw1/2\n", north.ctl("audit", "verify", "--key", new, store)[1])
        north.ctl("audit", "export", "--from", store + "@1", f"{w.folder}/archive")
        north.ctl("audit", "verify", "--key", old, f"{w.folder}/archive")
        newest = f"{w.folder}/archive/newest"
        self.assertEqual(read(newest if os.path.exists(newest) else f"{w.folder}/archive/checkpoint"), ended)
        self.assertEqual(north.ctl("audit", "verify", "--key", old, store + "@3", ok=False)[0], 1)
        wait_for(lambda: metric(north, "witness_had_total") > 0)

    def archive(self, node, key, ok=True):
        """Moves the first epoch's entries out of the store."""
        return node.ctl("audit", "archive", "--key", key, "--disclosures", f"{node.folder}/store/gatewayd.db@1",
                        f"{self.world.folder}/archive", ok=ok)

    def count_entries(self, node, log):
        with contextlib.closing(sqlite3.connect(f"file:{node.folder}/store/gatewayd.db?mode=ro", uri=True)) as db:
            return [db.execute(f"SELECT count(*) FROM {t} WHERE idx >> 40 = ?", (log,)).fetchone()[0]
                    for t in ("entry", "disclosure")]

    def lies_in(self, store, row):
        def read_bytes(path):
            with open(path, "rb") as f:
                return f.read()
        return any(row in read_bytes(path) for path in (store, f"{store}-wal") if os.path.exists(path))

    def test_an_old_log_is_archived(self):
        w, north = self.world, self.world.north
        w.start()
        client, envelope = w.client("north"), agreements.envelope(agreements.passenger_record())
        _, first = client.post("pax", envelope, key="one")
        wait_for(lambda: north.ask("outbox") == [])
        w.south.stop()
        _, waiting = client.post("pax", agreements.envelope(agreements.passenger_record(2)))
        north.stop()
        client.close()
        old, store = read(f"{north.folder}/audit.vkey").strip(), f"{north.folder}/store/gatewayd.db"
        ended = self.last_checkpoint(north, 0)
        self.assertIn("this is the log that the node writes", self.archive(north, old, ok=False)[2])
        new = self.new_epoch(north)["vkey"]
        self.assertIn("wait to be sent", self.archive(north, old, ok=False)[2])
        self.tell_partner(old, new)
        w.south.start()
        north.start()
        wait_for(lambda: north.ask("outbox") == [])
        self.assertIn("another process writes it", self.archive(north, old, ok=False)[2])
        north.stop()
        # Altered, it stays where it is.
        with contextlib.closing(sqlite3.connect(store)) as db, db:
            whole = db.execute("SELECT leaf, compact, idx FROM entry WHERE idx < 1 << 40").fetchall()
            self.assertTrue(compact.alter(db, '"pax', '"PAX', "idx < 1 << 40"))
            self.assertTrue(compact.alter(db, '"start"', '"START"', "idx < 1 << 40"))
        before = self.count_entries(north, 0)
        self.assertEqual(self.archive(north, old, ok=False)[0], 4)
        self.assertEqual(self.count_entries(north, 0), before)
        with contextlib.closing(sqlite3.connect(store)) as db, db:
            db.executemany("UPDATE entry SET leaf = ?, compact = ? WHERE idx = ?", whole)
        row = bytes([compact.FIRST_WORD + compact.NAMES.index("exchange"), 3]) + uuid.UUID(first["exchange"]).bytes
        self.assertTrue(self.lies_in(store, row))
        self.archive(north, old)
        self.assertEqual(self.count_entries(north, 0), [0, 0])
        self.assertFalse(self.lies_in(store, row))
        # Both hold what they should, and the folder proves the exchange.
        self.assertIn(f"{before[0]} entries archived; tiles present", north.ctl("audit", "verify", "--key", old, store + "@1")[1])
        north.ctl("audit", "verify", "--key", old, f"{w.folder}/archive")
        north.ctl("audit", "prove", "--from", f"{w.folder}/archive", "--out", f"{w.folder}/proof", first["exchange"])
        self.verify_receipt(read(f"{w.folder}/proof"), old)
        # The next start logs it, once.
        for _ in range(2):
            north.start()
            north.stop()
        told = [x for x in north.entries() if x["operation"] == "erasure" and "archived" in x.get("note", "")]
        self.assertEqual([x["note"] for x in told], [f"entries of log gw.north.example/audit/gw1/1 archived: {before[0]}"])
        self.assertEqual(told[0]["input"], hashlib.sha256(ended.encode()).hexdigest())
        north.start()
        # What became of the exchange is still told; its receipt is in the folder.
        client = w.client("north")
        status, _, body = client.request("GET", f"/v1/exchanges/{first['exchange']}")
        shown = json.loads(body)
        self.assertEqual((status, shown["state"], shown["archived"]), (200, "delivered", True))
        self.assertNotIn("receipt", shown)
        self.assertIn("partner_receipt", shown)
        self.assertEqual(client.request("GET", f"/v1/exchanges/{first['exchange']}/receipt")[0], 404)
        said = north.ask("exchange", "show", first["exchange"])
        self.assertEqual((said["archived"], said["exchange"]["state"]), (True, "delivered"))
        status, again = client.post("pax", envelope, key="one")
        self.assertEqual((status, again["exchange"], again["archived"]), (201, first["exchange"], True))
        self.assertNotIn("receipt", again)
        _, later = client.post("pax", agreements.envelope(agreements.passenger_record(3)))
        self.verify_receipt(later["receipt"], new)
        north.ctl("audit", "verify", "--key", new, store)

    def test_after_an_altered_entry(self):
        north = self.world.north
        north.start()
        north.stop()
        with sqlite3.connect(f"{north.folder}/store/gatewayd.db") as db:
            self.assertTrue(compact.alter(db, '"stop"', '"STOP"'))
        with self.assertRaises(AssertionError):
            north.start()
        self.assertEqual(north.process.returncode, 78)
        said = self.new_epoch(north)
        self.assertTrue(said["altered"])
        north.start()
        self.assertRegex(self.genesis(north)["note"], "altered: entry [0-9]+ ")

    def test_interrupted_it_runs_again(self):
        north = self.world.north
        north.start()
        north.stop()
        config = read(north.config)
        self.new_epoch(north)
        write(north.config, config)
        with self.assertRaises(AssertionError):
            north.start()
        self.assertEqual(north.process.returncode, 78)
        self.assertIn("It may run again", read(north.log))
        self.assertTrue(self.new_epoch(north)["resumed"])
        north.start()
        self.assertIn("/2 continues gw.north.example/audit/gw1/1 ", self.genesis(north)["note"])
        north.stop()
        self.assertEqual(self.new_epoch(north)["origin"], "gw.north.example/audit/gw1/3")
        north.start()
        store = f"{north.folder}/store/gatewayd.db"
        for epoch in 1, 2, 3:
            key = f"{north.folder}/audit.vkey" + (f".epoch-{epoch}" if epoch < 3 else "")
            north.ctl("audit", "verify", "--key", key, f"{store}@{epoch}")

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_root_touches_the_daemons_files_as_its_account(self):
        north, account = self.world.north, 65534
        north.start()
        north.stop()
        os.chmod(self.world.folder, 0o755)
        for name in ("store", "keys", "anchor", "log"):
            for folder, _, files in os.walk(f"{north.folder}/{name}"):
                for path in [folder, *(f"{folder}/{f}" for f in files)]:
                    os.chown(path, account, account)
        self.new_epoch(north)
        self.archive(north, f"{north.folder}/audit.vkey.epoch-1")
        for name in ("store", "anchor", "log"):
            for f in os.listdir(f"{north.folder}/{name}"):
                self.assertEqual(os.stat(f"{north.folder}/{name}/{f}").st_uid, account, f)
        self.assertEqual(os.stat(north.config).st_uid, 0)

    def test_raising_the_epoch_by_hand_is_refused(self):
        north = self.world.north
        north.start()
        north.stop()
        audit_option(north, epoch=2)
        with self.assertRaises(AssertionError):
            north.start()
        self.assertEqual(north.process.returncode, 78)


class RolledBack(unittest.TestCase):
    """A log that was put back, everything on its disk with it, and ended: both sides log it, and say which exchanges are gone."""

    def setUp(self):
        self.world = w = started(World())
        self.addCleanup(w.close)
        w.start()
        self.posted = []
        self.post(2)
        w.south.stop()
        self.kept = f"{w.folder}/kept"
        for name in ("store", "anchor", "log"):
            shutil.copytree(f"{w.south.folder}/{name}", f"{self.kept}/{name}")
        w.south.start()
        self.post(3)
        wait_for(lambda: metric(w.south, "witness_had_total") > 0)
        self.settle()
        w.south.stop()
        self.seen = self.size()
        for name in ("store", "anchor", "log"):
            shutil.rmtree(f"{w.south.folder}/{name}")
            shutil.copytree(f"{self.kept}/{name}", f"{w.south.folder}/{name}")
        self.lost = self.posted[2:]

    def post(self, n):
        """Records from north to south: north holds south's receipts."""
        client = self.world.client("north")
        for i in range(n):
            status, answer = client.post("pax", agreements.envelope(agreements.passenger_record(len(self.posted) + i)))
            self.assertEqual(status, 201, answer)
            self.posted.append(answer["exchange"])
        wait_for(lambda: self.world.north.ask("outbox") == [])

    def settle(self):
        wait_for(lambda: self.size() and metric(self.world.north, "sights_unproved") == 0)

    def size(self):
        with sqlite3.connect(f"file:{self.world.north.folder}/store/gatewayd.db?mode=ro", uri=True) as db:
            return db.execute("SELECT max(size) FROM (SELECT size, origin FROM witnessed UNION SELECT size, origin FROM sighted) "
                              "WHERE origin LIKE '%south%'").fetchone()[0]

    def new_epoch(self, *options):
        south = self.world.south
        old = read(f"{south.folder}/audit.vkey").strip()
        code, out, err = run(GATEWAYCTL, "-c", south.config, "-o", "json", "audit", "new-epoch", *options, ok=False)
        self.assertEqual(code, 0, err)
        said = json.loads(out)
        edit(self.world.north, "south-gateway", vkey=said["vkey"], earlier=[old])
        return said

    def incident(self, node, text):
        return wait_for(lambda: [e for e in node.entries() if e["operation"] == "incident" and text in e["note"]])[0]

    def test_put_back(self):
        w = self.world
        at = time.monotonic()
        said = self.new_epoch()
        self.assertRegex(said["partners"], r"^north-gateway: saw \d+ entries: \d+ more than the log has\n$")
        self.assertTrue(said["altered"])
        self.assertRegex(said["before"], r"verified in full; north-gateway saw \d+ entries$")
        w.north.stop()
        w.north.start()
        w.south.start()
        theirs = self.incident(w.north, "what came after left it")
        self.assertEqual(theirs["peer"], "south-gateway")
        self.assertIn(f"; {len(self.lost)} exchanges with receipts beyond it: ", theirs["note"])
        for exchange in self.lost:
            self.assertIn(exchange, theirs["note"])
        ours = self.incident(w.south, "evidence: this node's own log gw.south.example/audit/gw1/1 went back: it has ")
        print(f"put back and ended: in both logs {time.monotonic() - at:.1f} s after new-epoch began")
        listed = w.north.ctl("audit", "missing", "gw.south.example/audit/gw1/1", str(self.end()))[1]
        self.assertEqual(sorted(line.split()[0] for line in listed.splitlines()), sorted(self.lost))
        # The evidence of both is shown, and so are the words.
        for node, entry in ((w.north, theirs), (w.south, ours)):
            self.assertIn(entry["input"], node.ctl("audit", "evidence")[1])
            text = node.ctl("audit", "evidence", entry["input"])[1]
            self.assertIn("gw.south.example/audit/gw1/1\n", text)
            self.assertEqual(hashlib.sha256(text.encode()).hexdigest(), entry["input"])
            client = auditor(w, node)
            node.stop()
            node.start()
            status, _, body = client.request("GET", "/evidence")
            self.assertEqual(status, 200)
            self.assertIn(entry["input"], [e["digest"] for e in json.loads(body)["evidence"]])
            self.assertEqual(client.request("GET", f"/evidence/{entry['input']}")[2].decode(), text)
            self.assertEqual(client.request("GET", f"/evidence/{'0' * 64}")[0], 404)

    def end(self):
        with sqlite3.connect(f"file:{self.world.south.folder}/store/gatewayd.db?mode=ro", uri=True) as db:
            return db.execute("SELECT max(size) FROM checkpoint WHERE size >> 40 = 0").fetchone()[0]

    def test_put_back_and_written_on(self):
        w = self.world
        w.north.stop()
        w.south.start()
        for i in range(40):
            w.client("south").post("pax", "{}")
        w.south.stop()
        code, _, err = run(GATEWAYCTL, "-c", w.south.config, "audit", "new-epoch", ok=False)
        self.assertEqual(code, 1)
        self.assertIn("north-gateway: cannot be asked: ", err)
        self.assertIn("--force REASON", err)
        self.assertGreater(self.end(), self.seen)
        said = self.new_epoch("--force", "north is away")
        self.assertIn("; north-gateway could not be asked: north is away", said["before"])
        w.north.start()
        w.south.start()
        self.incident(w.north, f"which do not continue the {self.seen} that were seen of it")
        self.incident(w.south, "evidence: this node's own log gw.south.example/audit/gw1/1 forked: it has ")


class Rotated(unittest.TestCase):
    """A new epoch with a new key, which the old one announces."""

    def setUp(self):
        self.world = started(World())
        self.addCleanup(self.world.close)

    def rotate(self, *options):
        north = self.world.north
        code, out, err = run(GATEWAYCTL, "-c", north.config, "-o", "json", "audit", "new-epoch", "--rotate-key", *options, ok=False)
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def verify(self, key, place, ok=0):
        code, out, err = run(GATEWAYCTL, "-c", self.world.north.config, "audit", "verify", "--key", key, place, ok=False)
        self.assertEqual(code, ok, out + err)
        return out + err

    def test_the_old_key_announces_the_new_one(self):
        w, north, south = self.world, self.world.north, self.world.south
        w.start()
        w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
        wait_for(lambda: north.ask("outbox") == [])
        north.stop()
        old, secret = read(f"{north.folder}/audit.vkey").strip(), read(f"{north.folder}/keys/audit.key")
        said = self.rotate()
        new, store = said["vkey"], f"{north.folder}/store/gatewayd.db"
        self.assertNotEqual(old.split("+")[2], new.split("+")[2])
        self.assertEqual(read(f"{north.folder}/audit.vkey").strip(), new)
        self.assertNotEqual(read(f"{north.folder}/keys/audit.key"), secret)
        self.assertEqual(read(f"{north.folder}/keys/audit.key.epoch-1"), secret)
        self.assertFalse(os.path.exists(f"{north.folder}/keys/audit.key.next"))
        north.start()
        entry = wait_for(lambda: [e for e in north.entries() if e["operation"] == "key-change" and e.get("note", "").startswith("gatewayd/log-key/v1\n")])[0]
        self.assertEqual(entry["index"], 2)
        self.assertEqual(entry["note"].count("\n— gw.north.example/audit/gw1/"), 2)
        # Who knows the old key follows; who knows another does not.
        self.assertIn("entry 2: gw.north.example/audit/gw1/1 announced the key of this log", self.verify(old, store))
        self.verify(new, store)
        self.verify(old, f"{store}@1")
        self.verify(read(f"{south.folder}/audit.vkey").strip(), store, 4)
        north.ctl("audit", "export", f"{w.folder}/published")
        self.assertIn("announced the key", self.verify(old, f"{w.folder}/published"))
        # The partner was told, logs it, and takes it over by the old key alone.
        told = wait_for(lambda: [e for e in south.entries() if e.get("note", "").startswith("announced: the log gw.north.example/audit/gw1/1 goes on as ")])[0]
        self.assertEqual((told["operation"], told["peer"]), ("key-change", "north-gateway"))
        _, waiting = w.client("north").post("pax", agreements.envelope(agreements.passenger_record(2)))
        partner = f"{south.folder}/partners/north-gateway.json"
        forged = f"{w.folder}/forged"
        write(forged, entry["note"].replace(new, new[:-4] + "AAAA"))
        self.assertNotEqual(south.ctl("audit", "follow", "north-gateway", forged, ok=False)[0], 0)
        self.assertEqual(json.loads(read(partner))["audit"]["vkey"], old)
        # Where the key announced several, people are asked: the file that they were given is taken.
        store, name = f"{south.folder}/store/gatewayd.db", "announces/" + "+".join(old.split("+")[:2])
        self.assertEqual(value(store, name), new)
        set_value(store, name, "two")
        code, _, err = run(GATEWAYCTL, "-c", south.config, "audit", "follow", "north-gateway", ok=False)
        self.assertEqual(code, 4)
        self.assertIn("announced two keys", err)
        set_value(store, name, new)
        # An announcement by another key for the epoch between says nothing.
        set_value(store, "announced/gw.north.example/audit/gw1/2", "nothing")
        set_value(store, "announced/gw.north.example/audit/gw1/3", entry["note"])
        self.assertIn("reload gatewayd", south.ctl("audit", "follow", "north-gateway")[1])
        audit = json.loads(read(partner))["audit"]
        self.assertEqual((audit["vkey"], audit["earlier"]), (new, [old]))
        self.assertNotEqual(south.ctl("audit", "follow", "north-gateway", ok=False)[0], 0, "once")
        south.stop()
        south.start()
        wait_for(lambda: north.ask("outbox") == [])
        self.assertEqual(north.ask("exchange", "show", waiting["exchange"])["exchange"]["state"], "delivered")
        wait_for(lambda: metric(north, "witness_had_total") > 0)
        self.assertEqual([e for n in w.nodes for e in n.entries() if e["operation"] == "incident"], [])
        # What the old key signed of its log beyond the end is held against it, by the key that it had.
        self.assertEqual(len([e for e in south.entries() if e.get("note", "").startswith("announced: ")]), 1)

    def test_interrupted_it_runs_again(self):
        north = self.world.north
        north.start()
        north.stop()
        config, vkey, key = (read(p) for p in (north.config, f"{north.folder}/audit.vkey", f"{north.folder}/keys/audit.key"))
        said = self.rotate("--force", "the partner is down")
        # As it is when it stops before the next key is in place.
        os.rename(f"{north.folder}/keys/audit.key", f"{north.folder}/keys/audit.key.next")
        os.rename(f"{north.folder}/keys/audit.key.epoch-1", f"{north.folder}/keys/audit.key")
        os.rename(f"{north.folder}/audit.vkey.epoch-1", f"{north.folder}/audit.vkey")
        write(north.config, config)
        self.assertEqual((read(f"{north.folder}/audit.vkey"), read(f"{north.folder}/keys/audit.key")), (vkey, key))
        again = self.rotate()
        self.assertEqual((again["resumed"], again["vkey"]), (True, said["vkey"]))
        north.start()
        self.verify(said["vkey"], f"{north.folder}/store/gatewayd.db")

    def test_a_key_that_did_not_sign_the_log_announces_nothing(self):
        north = self.world.north
        north.start()
        north.stop()
        write(f"{north.folder}/keys/other", read(f"{north.folder}/keys/audit.key").replace("a", "b"))
        os.chmod(f"{north.folder}/keys/other", 0o600)
        os.rename(f"{north.folder}/keys/other", f"{north.folder}/keys/audit.key")
        code, _, err = run(GATEWAYCTL, "-c", north.config, "audit", "new-epoch", "--rotate-key", "--force", "it is down", ok=False)
        self.assertEqual(code, 1)
        self.assertIn("nothing can announce another", err)
