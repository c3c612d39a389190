"""What an operator changes of what is in force leaves a trace, at a reload and while the daemon was stopped; what changes
nothing leaves none. And what is no file, or is not as it must be, is named with its place, whether one starts, checks or
reloads."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
import unittest

import agreements
from world import GATEWAYD, ROOT, World, read, run, wait_for, write

EXIT_CONFIG = 78
OVERLAY = {"version": "1", "denied_subject_categories": ["victim"]}
NARROWER = {"version": "1", "denied_subject_categories": ["victim", "convicted"]}


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


class Case(unittest.TestCase):
    """North with an agreement, a floor, an overlay and a training document."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.north = self.world.north
        self.folder = self.north.folder
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        self.pax = agreements.passenger(digest=schema)
        self.world.agreement(self.pax)
        os.makedirs(f"{self.folder}/documents", exist_ok=True)
        self.put("floor.json", {"version": "1"})
        self.put("overlay.json", OVERLAY)
        self.training(1)
        self.north.change(floor="floor.json", overlay="overlay.json", documents="documents")

    def put(self, name, doc):
        path = f"{self.folder}/{name}"
        write(path, doc if isinstance(doc, str) else json.dumps(doc))
        return sha256(path)

    def training(self, number):
        self.put("documents/training.json", {"document": "training", "issuer": "north", "number": number, "issued": agreements.instant(-1),
                                             "officers": [{"officer": "0" * 64, "valid_until": agreements.instant(30)}]})
        self.world.sign(f"{self.folder}/documents/training.json", ("north",))

    def serve(self):
        """Until the start is in the log, which it is behind the first answers."""
        mirror = f"{self.folder}/log/audit.jsonl"
        starts = read(mirror).count('"operation":"start"') if os.path.exists(mirror) else 0
        self.north.start()
        wait_for(lambda: read(mirror).count('"operation":"start"') > starts)

    def since(self, act, last):
        """What changed by the log, from `act` on up to the next entry that says `last`: (kind, name, change, before, after)."""
        before = len(self.north.entries())
        told = lambda: [e.get("note") for e in self.north.entries()[before:]].count(last)
        act()
        wait_for(lambda: told() == 1)
        return [tuple(e.get(m) for m in ("kind", "name", "change", "before", "after")) for e in self.north.entries()[before:] if "change" in e]

    def reload(self, change=lambda: None):
        def act():
            change()
            self.north.ctl("reload")
        return self.since(act, "reload")

    def restart(self, change=lambda: None):
        def act():
            self.north.stop()
            change()
            self.north.start()
        return self.since(act, "start")

    def partner(self, file, **members):
        path = f"{self.folder}/partners/{file}.json"
        write(path, json.dumps({**json.loads(read(path)), **members}))

    def lists(self):
        """(before, after) of each start and reload: the chain that shows what an altered store would hide."""
        return [(e.get("before"), e["after"]) for e in self.north.entries() if e.get("note") in ("start", "reload")]


class Traces(Case):
    def setUp(self):
        super().setUp()
        self.serve()

    def test_the_first_start_says_all_that_is_in_force(self):
        log = [e for e in self.north.entries() if "change" in e]
        self.assertEqual({e["change"] for e in log}, {"new"})
        self.assertEqual({e["kind"] for e in log}, {"agreement", "schema", "floor", "overlay", "training", "partner", "limits", "keys"})
        of = {(e["kind"], e["name"]): e for e in log}
        self.assertEqual(len(of), len(log))
        self.assertEqual(of["overlay", "overlay"]["after"], sha256(f"{self.folder}/overlay.json"))
        pax = of["agreement", "pax/1"]
        self.assertEqual((pax["after"], pax["operation"], pax["agreement"]), (sha256(f"{self.folder}/agreements/pax.json"), "policy-change", "pax"))
        self.assertEqual(of["keys", "public"]["operation"], "key-change")
        self.assertEqual(of["partner", "north-system"]["operation"], "config-change")
        self.assertEqual(of["training", "north"]["note"], "training north number 1: new")
        text = json.dumps(log)
        self.assertNotIn("before", text)
        # Every text is kept, but for what is secret.
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/store/gatewayd.db?mode=ro", uri=True)) as db:
            for e in (e for e in log if e["name"] != "pseudonym"):
                kept, = db.execute("SELECT text FROM document WHERE digest = ?", (bytes.fromhex(e["after"]),)).fetchone()
                self.assertEqual(hashlib.sha256(kept).hexdigest(), e["after"])
            listed, = db.execute("SELECT value FROM value WHERE name = 'in-force'").fetchone()
        self.assertEqual(listed.decode(), "".join(f"{k} {n} {e['after']}\n" for (k, n), e in sorted(of.items())))
        self.assertEqual(self.lists(), [(None, hashlib.sha256(listed).hexdigest())])

    def test_what_changes_nothing_leaves_no_trace(self):
        folder = f"{self.folder}/agreements"
        for n in range(10):
            self.assertEqual(self.restart(), [])
        for change in (lambda: os.utime(f"{folder}/pax.json", (1, 1)),
                       lambda: [os.rename(f"{folder}/pax.json{s}", f"{folder}/zzz.json{s}") for s in ("", ".p7s")],
                       lambda: self.partner("north-system", contact="somebody else", name="another name"),
                       lambda: write(self.north.config, json.dumps(json.loads(read(self.north.config)), indent=7)),
                       # Gone and back before anybody looked: it was never without.
                       lambda: (os.rename(f"{self.folder}/floor.json", f"{self.folder}/x"), os.rename(f"{self.folder}/x", f"{self.folder}/floor.json"))):
            self.assertEqual(self.reload(change), [])
        self.assertEqual(len(set(self.lists()[1:])), 1)
        # Nor does a check, or a start or reload that is refused.
        before = len(self.north.entries())
        self.put("overlay.json", {"version": "1", "denied_purposes": ["nothing"]})
        self.assertNotEqual(self.north.check()[0], 0)
        self.assertNotEqual(self.north.ctl("reload", ok=False)[0], 0)
        self.north.stop()
        self.assertEqual(run(GATEWAYD, "-c", self.north.config, ok=False)[0], EXIT_CONFIG)
        self.put("overlay.json", OVERLAY)
        self.serve()
        self.assertEqual([e["operation"] for e in self.north.entries()[before:]], ["stop", "start"])

    def both_ways(self, kind, name, change, undo, before, after, how="changed"):
        """At a reload, and back while it was stopped; and the same the other way round."""
        self.assertEqual(self.reload(change), [(kind, name, how, before, after)])
        self.assertEqual(self.restart(undo), [(kind, name, "back", after, before)])
        self.assertEqual(self.restart(change), [(kind, name, "back" if after else "gone", before, after)])
        self.assertEqual(self.reload(undo), [(kind, name, "back", after, before)])
        lists = self.lists()
        self.assertEqual([b for b, _ in lists[1:]], [a for _, a in lists[:-1]])

    def test_another_overlay(self):
        was, path = sha256(f"{self.folder}/overlay.json"), f"{self.folder}/narrower.json"
        now = self.put("narrower.json", NARROWER)
        self.both_ways("overlay", "overlay", lambda: self.north.change(overlay="narrower.json"),
                       lambda: self.north.change(overlay="overlay.json"), was, now)
        # By a link, too: what lies behind it is what counts.
        os.rename(f"{self.folder}/overlay.json", f"{self.folder}/first.json")
        self.assertEqual(self.reload(lambda: os.symlink("first.json", f"{self.folder}/overlay.json")), [])

        def turn():
            os.unlink(f"{self.folder}/overlay.json")
            os.symlink(path, f"{self.folder}/overlay.json")
        self.assertEqual(self.restart(turn), [("overlay", "overlay", "back", was, now)])

    def test_no_floor(self):
        def without():
            doc = json.loads(read(self.north.config))
            del doc["floor"]
            write(self.north.config, json.dumps(doc))
        self.both_ways("floor", "floor", without, lambda: self.north.change(floor="floor.json"), sha256(f"{self.folder}/floor.json"), None,
                       how="gone")

    def test_limits(self):
        def set_to(**limits):
            return lambda: self.north.change(limits=limits)
        (kind, name, how, before, after), = self.reload(set_to(reads_per_minute=100000, body_bytes=2000000))
        self.assertEqual((kind, name, how), ("limits", "node", "changed"))
        self.assertEqual(self.north.entries()[-1]["note"], "limits node: changed -limits.reads_per_minute 6000 -limits.body_bytes 1048576"
                                                         " +limits.reads_per_minute 100000 +limits.body_bytes 2000000")
        self.assertEqual(self.restart(set_to()), [(kind, name, "back", after, before)])
        # How many threads there are is no limit of what may leave.
        self.assertEqual(self.reload(set_to(threads=1)), [])

    def test_a_partners_role(self):
        (kind, name, how, before, after), = self.reload(lambda: self.partner("north-system", roles=["system", "auditor"]))
        self.assertEqual((kind, name, how), ("partner", "north-system", "changed"))
        self.assertEqual(self.north.entries()[-1]["note"], "partner north-system: changed +role auditor")
        self.assertEqual(self.restart(lambda: self.partner("north-system", roles=["system"])), [(kind, name, "back", after, before)])
        # A pin is the partner's, and a key.
        path = f"{self.folder}/partners/north-system.json"
        identity = json.loads(read(path))["identity"]
        pins = {"uri": identity["uri"], "pins": [*identity["pins"], "0" * 64]}
        self.assertEqual([c[:3] for c in self.reload(lambda: self.partner("north-system", identity=pins))],
                         [("keys", "public", "changed"), ("partner", "north-system", "changed")])
        self.assertEqual([c[:3] for c in self.restart(lambda: os.rename(path, f"{path}.away"))],
                         [("keys", "public", "changed"), ("partner", "north-system", "gone")])
        self.assertEqual([c[:3] for c in self.reload(lambda: os.rename(f"{path}.away", path))],
                         [("keys", "public", "back"), ("partner", "north-system", "back")])

    def test_an_older_version_of_an_agreement(self):
        old, path = f"{self.world.folder}/pax.json", f"{self.folder}/agreements/pax.json"
        was = sha256(path)
        new = {**self.pax, "version": "2", "title": "A stricter one"}
        newer = f"{self.world.folder}/pax2.json"
        write(newer, json.dumps(new))
        self.world.sign(newer)

        def put(source):
            for suffix in ("", ".p7s"):
                shutil.copy(source + suffix, path + suffix)
        now = sha256(newer)
        self.assertEqual(self.reload(lambda: put(newer)), [("agreement", "pax/1", "gone", was, None), ("agreement", "pax/2", "new", None, now)])
        self.assertEqual(self.restart(lambda: put(old)), [("agreement", "pax/1", "back", None, was), ("agreement", "pax/2", "gone", now, None)])

    def test_the_secret_of_pseudonyms(self):
        """Another one, which somebody else may know, shows; what it is does not."""
        path = f"{self.folder}/keys/pseudonym.key"
        secret = read(path)
        (kind, name, how, before, after), = self.restart(lambda: write(path, "0" * 64 + "\n"))
        self.assertEqual((kind, name, how), ("keys", "pseudonym", "changed"))
        self.assertEqual(self.restart(lambda: write(path, secret)), [(kind, name, "changed", after, before)])
        self.assertNotIn(secret.strip(), read(f"{self.folder}/log/audit.jsonl"))

    def test_documents_go_forward_and_say_so(self):
        was = sha256(f"{self.folder}/documents/training.json")
        (kind, name, how, before, after), = self.restart(lambda: self.training(2))
        self.assertEqual((kind, name, how, before), ("training", "north", "changed", was))
        self.assertEqual(after, sha256(f"{self.folder}/documents/training.json"))
        self.assertEqual(self.north.entries()[-1]["note"], "training north number 2: changed")

    def test_a_store_that_was_altered_shows_in_the_chain(self):
        """Whoever can write the store can make the next start believe anything, and the log has it that something is amiss."""
        def swap():
            now = self.put("overlay.json", NARROWER)
            with contextlib.closing(sqlite3.connect(f"{self.folder}/store/gatewayd.db")) as db, db:
                listed, = db.execute("SELECT value FROM value WHERE name = 'in-force'").fetchone()
                lines = [f"overlay overlay {now}" if l.startswith("overlay ") else l for l in listed.decode().split("\n")]
                db.execute("UPDATE value SET value = ? WHERE name = 'in-force'", ("\n".join(lines).encode(),))
        self.assertEqual(self.restart(swap), [])
        first, second = self.lists()
        self.assertNotEqual(second[0], first[1], "what the start found is not what was written")

    def test_a_drain(self):
        def changes():
            return [(e["change"], e["note"]) for e in self.north.entries() if e.get("kind") == "drain"]
        uid = os.getuid()
        begun, ended = (("begun", f"drain begun by operator with uid {uid}"), ("ended", f"drain ended by operator with uid {uid}"))
        self.north.ctl("drain", "off")
        self.north.ctl("drain")
        self.north.ctl("drain")
        wait_for(lambda: changes() == [begun])
        self.north.ctl("drain", "off")
        wait_for(lambda: changes() == [begun, ended])
        self.assertEqual({e["operation"] for e in self.north.entries() if e.get("kind") == "drain"}, {"config-change"})


class Refused(Case):
    """Each fault in the operator's files is named, with its place, by -t, a start and a reload; none of them hangs."""

    def make(self, path, what):
        if what == "pipe":
            os.mkfifo(path)
        elif what == "socket":
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(path)
        elif what == "device":
            os.symlink("/dev/zero", path)
        elif what == "folder":
            os.makedirs(path)
        else:
            write(path, what)

    def refused(self, path, says):
        """`path` below the node's folder is named. The start and the check end by themselves."""
        for words in (("-t",), ()):
            done = subprocess.run([GATEWAYD, "-c", self.north.config, *words], capture_output=True, text=True, timeout=20, check=False)
            said = done.stdout + done.stderr
            self.assertEqual(done.returncode, EXIT_CONFIG, said)
            self.assertRegex(said, f"{self.folder}/{path}:.*{says}")

    def test_what_is_no_file(self):
        for what in ("pipe", "socket", "device", "folder"):
            for path in ("agreements/x.json", "partners/x.json", "documents/x.json"):
                with self.subTest(what=what, path=path):
                    self.make(f"{self.folder}/{path}", what)
                    self.refused(path, "is not a regular file")
                    shutil.rmtree(f"{self.folder}/{path}") if what == "folder" else os.unlink(f"{self.folder}/{path}")
            for path in ("agreements/pax.json", "agreements/pax.json.p7s", "documents/training.json.p7s", "partners/north.json", "floor.json",
                         "overlay.json", "hosts", "tls/gateway.pem", "partners/signer-north.pem"):
                with self.subTest(what=what, path=path):
                    path = f"{self.folder}/{path}"
                    os.rename(path, f"{self.world.folder}/away")
                    self.make(path, what)
                    self.refused(os.path.relpath(path, self.folder), "is not a regular file")
                    shutil.rmtree(path) if what == "folder" else os.unlink(path)
                    os.rename(f"{self.world.folder}/away", path)
        for what in ("pipe", "socket", "folder"):
            with self.subTest(what=what, path="gatewayd.json"):
                path = self.north.config
                os.rename(path, f"{self.world.folder}/away")
                self.make(path, what)
                self.refused("gatewayd.json", "is not a regular file")
                shutil.rmtree(path) if what == "folder" else os.unlink(path)
                os.rename(f"{self.world.folder}/away", path)
        # Other names are nobody's.
        for name, what in (("old", "folder"), ("pipe", "pipe"), ("pax.json~", "{"), (".hidden.json", "pipe"), ("note.txt", "pipe")):
            self.make(f"{self.folder}/agreements/{name}", what)
        self.assertEqual(self.north.check()[0], 0)
        # A reload goes on with what was in force.
        self.north.start()
        for path in ("agreements/x.json", "partners/x.json", "documents/x.json"):
            os.mkfifo(f"{self.folder}/{path}")
            began = time.monotonic()
            status, out, err = self.north.ctl("reload", ok=False)
            self.assertLess(time.monotonic() - began, 20)
            self.assertNotEqual(status, 0)
            self.assertRegex(out + err, f"{path}: is not a regular file")
            os.unlink(f"{self.folder}/{path}")
        self.north.ctl("reload")

    def test_faults_in_the_operators_files(self):
        def member(path, **members):
            return lambda: write(f"{self.folder}/{path}", json.dumps({**json.loads(read(f"{self.folder}/{path}")), **members}))

        def signed_by(agencies):
            def change():
                self.world.sign(f"{self.world.folder}/pax.json", agencies)
                shutil.copy(f"{self.world.folder}/pax.json.p7s", f"{self.folder}/agreements/pax.json.p7s")
            return change

        def stranger():
            self.world.signers["eve"] = self.world.authority.leaf("signer-eve", "spiffe://eve.example/signer", "emailProtection")
            signed_by(("north", "south", "eve"))()

        def other_text():
            write(f"{self.folder}/agreements/pax.json", read(f"{self.folder}/agreements/pax.json") + "\n")

        def no_rule():
            doc = {**self.pax, "rules": [r for r in self.pax["rules"] if r["action"] != "keep"]}
            for rule in doc["rules"]:
                rule.update(action="drop")
                rule.pop("params", None)
            path = f"{self.world.folder}/pax.json"
            write(path, json.dumps(doc))
            self.world.sign(path)
            self.north.add_agreement(path)

        for change, path, says in (
                (member("gatewayd.json", colour="blue"), "gatewayd.json", "/colour: "),
                (member("gatewayd.json", limits={"speed": 1}), "gatewayd.json", "/limits/speed: "),
                (member("partners/north-system.json", colour="blue"), "partners/north-system.json", "/colour: "),
                (member("floor.json", limits={"speed": "P1D"}), "floor.json", "/limits/speed: "),
                (member("overlay.json", colour="blue"), "overlay.json", "/colour: "),
                (member("agreements/pax.json", colour="blue"), "agreements/pax.json", "/colour: "),
                (signed_by(("north",)), "agreements/pax.json", "/parties/1: south has not signed"),
                (stranger, "agreements/pax.json", r"a signer of the file \(by its own words CN=signer-eve\) is not one of those who may sign it"),
                (other_text, "agreements/pax.json", "signature of (north|south): it does not match the document: another text was signed"),
                (lambda: os.unlink(f"{self.folder}/agreements/pax.json.p7s"), "agreements/pax.json", "has no signature: pax.json.p7s is not there"),
                (lambda: self.put("floor.json", ""), "floor.json", "is empty"),
                (lambda: self.put("overlay.json", ""), "overlay.json", "is empty"),
                (no_rule, "agreements/pax.json", "/purposes/0: no rule lets anything pass for it"),
        ):
            with self.subTest(says=says):
                shutil.copytree(self.folder, f"{self.world.folder}/kept")
                kept = read(f"{self.world.folder}/pax.json")
                change()
                self.refused(path, says)
                shutil.rmtree(self.folder)
                os.rename(f"{self.world.folder}/kept", self.folder)
                write(f"{self.world.folder}/pax.json", kept)
        self.assertEqual(self.north.check()[0], 0)

    def test_no_floor_is_said(self):
        status, out, _ = self.north.check()
        self.assertEqual((status, "note: no floor" in out), (0, False))
        doc = json.loads(read(self.north.config))
        del doc["floor"]
        write(self.north.config, json.dumps(doc))
        status, out, _ = self.north.check()
        self.assertEqual(status, 0)
        self.assertIn("note: no floor is configured: no common minimum is asked of the agreements\n", out)


if __name__ == "__main__":
    unittest.main()
