"""Gateways witness each other's audit logs: what a witness answers, what a log keeps, and that a log whose older state
was put back is found even where everything on its own disk was put back with it. The full verification that runs while
a gateway serves."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import threading
import time
import unittest

import agreements
import compact
from merkle import proof_of, root_of
from world import ROOT, Client, World, read, run, wait_for, write


class Log:
    """A log with a key of its own, kept here: what a partner's gateway could claim."""

    def __init__(self, world, origin):
        self.world, self.origin, self.leaves = world, origin, []
        self.key = f"{world.folder}/log-{hashlib.sha256(origin.encode()).hexdigest()[:8]}.key"
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key)
        der = f"{self.key}.der"
        run("openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER", "-out", der)
        with open(der, "rb") as f:
            public = b"\1" + f.read()[-32:]
        self.id = hashlib.sha256(origin.encode() + b"\n" + public).digest()[:4]
        self.vkey = f"{origin}+{self.id.hex()}+{base64.b64encode(public).decode()}"

    def grow(self, n, text="leaf"):
        self.leaves += [f"{text} {len(self.leaves) + i}".encode() for i in range(n)]
        return self

    def note(self, leaves=None, key=None):
        leaves = leaves or self.leaves
        text = f"{self.origin}\n{len(leaves)}\n{base64.b64encode(root_of(leaves)).decode()}\n"
        write(f"{self.key}.text", text)
        run("openssl", "pkeyutl", "-sign", "-inkey", key or self.key, "-rawin", "-in", f"{self.key}.text", "-out", f"{self.key}.sig")
        with open(f"{self.key}.sig", "rb") as f:
            signature = base64.b64encode(self.id + f.read()).decode()
        return f"{text}\n— {self.origin} {signature}\n"

    def request(self, old, leaves=None, **more):
        leaves = leaves or self.leaves
        proof = "".join(base64.b64encode(h).decode() + "\n" for h in (proof_of(leaves, old) if 0 < old < len(leaves) else []))
        return f"old {old}\n{proof}\n{self.note(leaves, **more)}"


def verify_cosignature(folder, vkey, body):
    """A cosignature v1 by OpenSSL: returns its time. `vkey` is of the witness, `body` its answer and the text."""
    text, line = body
    name, _, key = vkey.strip().split("+", 2)
    assert line.startswith(f"— {name} ") and line.endswith("\n"), line
    raw = base64.b64decode(line.split(" ")[2])
    public = base64.b64decode(key)[1:]
    stamp = int.from_bytes(raw[4:12], "big")
    with open(f"{folder}/cosigner.der", "wb") as f:
        f.write(bytes.fromhex("302a300506032b6570032100") + public)
    write(f"{folder}/cosigned", f"cosignature/v1\ntime {stamp}\n{text}")
    with open(f"{folder}/cosignature", "wb") as f:
        f.write(raw[12:])
    run("openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", f"{folder}/cosigner.der", "-rawin",
        "-in", f"{folder}/cosigned", "-sigfile", f"{folder}/cosignature")
    return stamp


def edit(node, partner, **audit):
    path = f"{node.folder}/partners/{partner}.json"
    doc = json.loads(read(path))
    doc["audit"].update(audit)
    write(path, json.dumps(doc))


def audit_option(node, **options):
    doc = json.loads(read(node.config))
    doc["audit"].update(options)
    node.change(audit=doc["audit"])


def metric(node, name):
    return next(int(l.split()[1]) for l in node.get_monitor("/metrics")[1].splitlines() if l.startswith(f"gatewayd_{name}"))


def started(world, **options):
    schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
    world.agreement(agreements.passenger(digest=schema))
    for n in world.nodes:
        audit_option(n, witness_every_s=1, **options)
    return world


def auditor(world, node):
    cert, key = world.authority.leaf(f"auditor-{node.agency}", f"spiffe://{node.agency}.example/auditor")
    world.add_system(node, node.agency, "auditor", cert, roles=("auditor",))
    return Client(world, node, cert, key)


class Witness(unittest.TestCase):
    """What a witness answers to a log that the test itself keeps; each test goes on where the last one ended."""

    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        cls.log, cls.other = Log(w, "made-up.example/audit/gw1/1"), Log(w, "unknown.example/audit/gw1/1")
        cert, key = w.authority.leaf("made-up", "spiffe://made-up.example/gateway/gw1")
        w.add_system(w.north, "made-up", "made-up-gateway", cert, roles=("gateway",))
        path = f"{w.north.folder}/partners/made-up-gateway.json"
        write(path, json.dumps({**json.loads(read(path)), "audit": {"vkey": cls.log.vkey}}))
        w.north.start()
        cls.client = Client(w, w.north, cert, key)
        cls.system = w.client("north")

    def add(self, body, client=None):
        return (client or self.client).request("POST", "/add-checkpoint", body, content_type="text/plain")

    def test_1_cosigns_what_grows(self):
        log = self.log.grow(5)
        status, _, body = self.add(log.request(0))
        self.assertEqual(status, 200, body)
        text = log.note().split("\n\n")[0] + "\n"
        vkey = read(f"{self.world.north.folder}/witness.vkey")
        stamp = verify_cosignature(self.world.folder, vkey, (text, body.decode()))
        self.assertLess(abs(stamp - time.time()), 60)
        log.grow(300)
        self.assertEqual(self.add(log.request(5))[0], 200)
        status, _, body = self.client.request("GET", f"/witnessed/{log.origin}")
        self.assertEqual(status, 200)
        self.assertTrue(body.decode().startswith(log.note()), body)
        self.assertEqual(body.decode().count("—"), 2)

    def test_2_the_same_again(self):
        self.assertEqual(self.add(self.log.request(305))[0], 200)

    def test_3_conflict_says_the_size(self):
        status, fields, body = self.add(self.log.request(5))
        self.assertEqual((status, fields["content-type"], body), (409, "text/x.tlog.size", b"305\n"))

    def test_4_refusals(self):
        log, before = self.log, len(self.world.north.entries())
        self.assertEqual(self.add(self.other.grow(3).request(0))[0], 404)
        self.assertEqual(self.add(log.request(305, key=self.other.key))[0], 403)
        self.assertEqual(self.add(log.request(400))[0], 400)
        self.assertEqual(self.add("old 305\n")[0], 400)
        self.assertEqual(self.add("not at all")[0], 400)
        self.assertEqual(self.add(log.request(305), self.system)[0], 200, "whoever brings it")
        self.assertEqual(self.client.request("GET", "/add-checkpoint")[0], 405)
        self.assertEqual(self.client.request("GET", f"/witnessed/{self.other.origin}")[0], 404)
        self.assertEqual(len(self.world.north.entries()), before, "a refusal is no incident")

    def incidents(self):
        return [e for e in self.world.north.entries() if e["operation"] == "incident"]

    def test_5_incidents_are_logged_once(self):
        log, north = self.log, self.world.north
        forked = [b"another"] + log.leaves[1:]
        self.assertEqual(self.add(log.request(305, forked))[0], 422)
        wait_for(lambda: len(self.incidents()) == 1)
        self.assertIn("forked", self.incidents()[0]["note"])
        self.assertEqual(self.incidents()[0]["peer"], "made-up-gateway")
        self.assertEqual(self.add(log.request(305, forked))[0], 422)
        self.assertEqual(self.add(log.request(100, log.leaves[:100]))[0], 409)
        wait_for(lambda: len(self.incidents()) == 2)
        self.assertIn("went back", self.incidents()[1]["note"])
        more = forked + [b"more"]
        self.assertEqual(self.add(log.request(305, more))[0], 422)
        wait_for(lambda: len(self.incidents()) == 3)
        self.assertIn("did not prove", self.incidents()[2]["note"])
        self.assertEqual(metric(north, "witness_incidents_total"), 3)
        log.grow(1)
        self.assertEqual(self.add(log.request(305))[0], 200, "the true one goes on")

    def test_6_remembered_over_a_crash(self):
        self.world.north.stop(signal.SIGKILL)
        self.client.close()
        self.world.north.start()
        self.assertEqual(self.add(self.log.request(0))[2], b"306\n")


class Unwilling(unittest.TestCase):
    """When a node is no witness, or not now."""

    def answers(self, prepare, n=1):
        with World() as w:
            log = Log(w, "made-up.example/audit/gw1/1").grow(3)
            cert, key = w.authority.leaf("made-up", "spiffe://made-up.example/gateway/gw1")
            w.add_system(w.north, "made-up", "made-up-gateway", cert, roles=("gateway",))
            path = f"{w.north.folder}/partners/made-up-gateway.json"
            write(path, json.dumps({**json.loads(read(path)), "audit": {"vkey": log.vkey}}))
            prepare(w.north)
            w.north.start()
            client = Client(w, w.north, cert, key)
            return [client.request("POST", "/add-checkpoint", log.request(0 if i == 0 else 3))[0] for i in range(n)]

    def test_without_a_witness_key(self):
        def without(node):
            os.remove(f"{node.folder}/keys/witness.key")
            audit = json.loads(read(node.config))["audit"]
            del audit["witness_vkey"]
            node.change(audit=audit)
        self.assertEqual(self.answers(without), [404])

    def test_too_often(self):
        self.assertEqual(self.answers(lambda n: n.change(limits={"reads_per_minute": 2, "threads": 1}), 3), [200, 200, 429])

    def test_a_wrong_key_in_the_partner_file(self):
        with World() as w:
            edit(w.north, "south-gateway", witness_vkey=read(f"{w.south.folder}/audit.vkey").strip(), earlier=["nonsense"])
            code, _, err = w.north.check()
            self.assertEqual(code, 78)
            self.assertIn("/audit/witness_vkey: is not a witness's key", err)
            self.assertIn("/audit/earlier/0: ", err)


class Together(unittest.TestCase):
    """Two gateways witness each other."""

    def setUp(self):
        self.world = started(World())
        self.addCleanup(self.world.close)

    def witnessed(self, node):
        """The size of a node's log that its partner cosigned."""
        with sqlite3.connect(f"file:{node.folder}/store/gatewayd.db?mode=ro", uri=True) as db:
            return (db.execute("SELECT max(size) FROM cosignature").fetchone()[0] or 0) & (1 << 40) - 1

    def size(self, node):
        return node.ask("status")["store"]["entries"]

    def test_each_others_checkpoints(self):
        w = self.world
        client = auditor(w, w.north)
        w.start()
        for _ in range(3):
            w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
        for n in w.nodes:
            wait_for(lambda n=n: self.witnessed(n) == self.size(n))
        status, _, body = client.request("GET", "/checkpoint")
        note = body.decode()
        text, lines = note.split("\n\n", 1)
        lines = lines.splitlines(keepends=True)
        self.assertEqual((status, len(lines)), (200, 2))
        self.assertTrue(lines[0].startswith("— gw.north.example/audit/gw1/1 "))
        verify_cosignature(w.folder, read(f"{w.south.folder}/witness.vkey"), (text + "\n", lines[1]))
        # An auditor's policy that asks for the partner's cosignature.
        write(f"{w.folder}/policy", f"log {read(w.north.folder + '/audit.vkey')}witness south {read(w.south.folder + '/witness.vkey')}quorum south\n")
        w.north.ctl("audit", "export", f"{w.folder}/published")
        verify = ("audit", "verify", "--policy", f"{w.folder}/policy", f"{w.folder}/published")
        # The partner may have cosigned the same size anew in between.
        self.assertIn(read(f"{w.folder}/published/checkpoint"), (note, client.request("GET", "/checkpoint")[2].decode()))
        self.assertEqual(read(f"{w.folder}/published/newest"), text + "\n\n" + lines[0])
        self.assertIn("cosigned by  1 witnesses", w.north.ctl(*verify)[1])
        write(f"{w.folder}/published/checkpoint", text + "\n\n" + lines[0])
        self.assertEqual(w.north.ctl(*verify, ok=False)[0], 6, "without the cosignature the quorum is not reached")

    def test_the_newest_witnessed_one(self):
        """What came after the partner left is newer than what it cosigned."""
        w = self.world
        client = auditor(w, w.north)
        w.start()
        wait_for(lambda: self.witnessed(w.north) == self.size(w.north))
        w.south.stop()
        w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
        newest = client.request("GET", "/checkpoint")[2].decode()
        self.assertEqual(newest, client.request("GET", "/checkpoint?newest")[2].decode())
        witnessed = client.request("GET", "/checkpoint?witnessed")[2].decode()
        self.assertEqual((newest.count("—"), witnessed.count("—")), (1, 2))
        self.assertLess(int(witnessed.split("\n")[1]), int(newest.split("\n")[1]))

    def test_when_it_was_cosigned_last_is_known_again_after_a_start(self):
        w, name = self.world, "witness_latest_seconds"
        w.north.start()
        with self.assertRaises(StopIteration):
            metric(w.north, name)
        w.south.start()
        latest = wait_for(lambda: self.witnessed(w.north) and metric(w.north, name))
        self.assertLess(abs(latest - time.time()), 60)
        w.south.stop()
        w.north.stop()
        w.north.start()
        self.assertGreaterEqual(metric(w.north, name), latest)
        w.north.stop()
        # A line that the witness's key did not sign counts for nothing.
        with sqlite3.connect(f"{w.north.folder}/store/gatewayd.db") as db:
            line, = db.execute("SELECT line FROM cosignature").fetchone()
            db.execute("UPDATE cosignature SET line = ?", (line[:-5] + ("A" if line[-5] != "A" else "B") + line[-4:],))
        w.north.start()
        with self.assertRaises(StopIteration):
            metric(w.north, name)

    def put_back(self, node, keep):
        """Everything on the node's disk as it was, anchor and all."""
        for name in ("store", "anchor", "log"):
            shutil.rmtree(f"{node.folder}/{name}")
            shutil.copytree(f"{keep}/{name}", f"{node.folder}/{name}")

    def refused(self, node, reason):
        at = os.path.getsize(node.log)
        with self.assertRaises(AssertionError):
            node.start()
        self.assertEqual(node.process.returncode, 78)
        with open(node.log, encoding="utf-8") as f:
            f.seek(at)
            said = f.read()
        self.assertIn(reason, said)
        self.assertNotIn("serves as", said)

    def keep(self, node):
        folder = f"{self.world.folder}/keep-{time.monotonic_ns()}"
        for name in ("store", "anchor", "log"):
            shutil.copytree(f"{node.folder}/{name}", f"{folder}/{name}")
        return folder

    def test_an_older_state_is_found_by_the_partner(self):
        w = self.world
        w.start()
        w.north.stop()
        kept = self.keep(w.north)
        w.north.start()
        w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
        wait_for(lambda: self.witnessed(w.north) == self.size(w.north))
        w.north.stop()
        later = self.keep(w.north)
        self.put_back(w.north, kept)
        # By itself it verifies, anchor and all: only the partner knows better.
        w.north.ctl("audit", "verify", "--key", f"{w.north.folder}/audit.vkey", f"{w.north.folder}/store/gatewayd.db")
        self.refused(w.north, "was put back to an older state")
        self.refused(w.north, "only `gatewayctl audit new-epoch` goes on")
        self.put_back(w.north, later)
        w.north.start()

    def test_a_fork_is_found_by_the_partner(self):
        w = self.world
        w.start()
        w.north.stop()
        kept = self.keep(w.north)
        w.north.start()
        wait_for(lambda: self.witnessed(w.north) == self.size(w.north))
        w.north.stop()
        self.put_back(w.north, kept)
        w.south.stop()
        # With the partner away it starts, and writes another history; as long as the witnessed one and longer.
        w.north.start()
        for _ in range(3):
            w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
        w.north.stop()
        w.south.start()
        self.refused(w.north, "is not the one that was witnessed")

    def test_found_while_serving(self):
        """A partner that was away at the start ends it later."""
        w = self.world
        w.start()
        w.north.stop()
        kept = self.keep(w.north)
        w.north.start()
        for _ in range(5):
            w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
        wait_for(lambda: self.witnessed(w.north) == self.size(w.north))
        w.north.stop()
        self.put_back(w.north, kept)
        w.south.stop()
        w.north.start()
        w.south.start()
        self.assertEqual(w.north.process.wait(30), 78)


class Liar:
    """A partner's endpoint with that partner's certificate, which answers what it likes; `answers` gives for a method
    (status, body), or None: nothing comes at all."""

    def __init__(self, node, answers):
        self.answers, self.asked, self.open = answers, [], []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{node.folder}/tls/gateway.pem", f"{node.folder}/tls/gateway.key")
        self.socket = socket.create_server(("127.0.0.1", node.port))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                raw, _ = self.socket.accept()
            except OSError:
                return
            if self.answers is None:
                self.open.append(raw)
                continue
            try:
                with self.context.wrap_socket(raw, server_side=True) as c:
                    self.talk(c)
            except OSError:
                pass

    def talk(self, c):
        data = b""
        while b"\r\n\r\n" not in data:
            data += c.recv(65536)
        head, rest = data.split(b"\r\n\r\n", 1)
        length = int((re.findall(rb"(?i)content-length: (\d+)", head) or [b"0"])[0])
        while len(rest) < length:
            rest += c.recv(65536)
        method = head.split(b" ")[0].decode()
        self.asked.append((method, rest.decode()))
        status, body = self.answers[method](rest.decode()) if callable(self.answers[method]) else self.answers[method]
        c.sendall(f"HTTP/1.1 {status} Made-up\r\ncontent-type: text/plain\r\ncontent-length: {len(body.encode())}\r\n"
                  f"connection: close\r\n\r\n{body}".encode())

    def close(self):
        self.socket.close()
        for c in self.open:
            c.close()


class LyingPartner(unittest.TestCase):
    """A partner's word alone neither stops a node nor counts as a witness."""

    def started(self, answers, **options):
        world = started(World(), **options)
        self.addCleanup(world.close)
        liar = Liar(world.south, answers)
        self.addCleanup(liar.close)
        world.north.start()
        return world, liar

    def serves_unwitnessed(self, world, liar):
        wait_for(lambda: metric(world.north, "witness_failures_total") > 1)
        status, _ = world.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
        self.assertEqual(status, 201)
        self.assertEqual(metric(world.north, "witness_had_total"), 0)
        self.assertIsNone(world.north.process.poll())

    def test_a_size_without_our_signature(self):
        forged = "gw.north.example/audit/gw1/1\n1000\n" + base64.b64encode(bytes(32)).decode() + "\n\n— gw.north.example/audit/gw1/1 AAAA\n"
        world, liar = self.started({"GET": (200, forged), "POST": (409, "1000\n")})
        self.serves_unwitnessed(world, liar)
        self.assertIn("is not signed by this log", read(world.north.log))

    def test_a_cosignature_of_another_key(self):
        other = "— gw.south.example/witness/gw1 " + base64.b64encode(bytes(76)).decode() + "\n"
        world, liar = self.started({"GET": (404, ""), "POST": (200, other)})
        self.serves_unwitnessed(world, liar)
        self.assertIn("has no cosignature of its key", read(world.north.log))

    def test_a_wrong_cosignature_of_its_key(self):
        def answer(_):
            key_id = bytes.fromhex(read(f"{self.folder}/south/witness.vkey").split("+")[1])
            return 200, "— gw.south.example/witness/gw1 " + base64.b64encode(key_id + bytes(72)).decode() + "\n"
        world = started(World())
        self.addCleanup(world.close)
        self.folder = world.folder
        liar = Liar(world.south, {"GET": (404, ""), "POST": answer})
        self.addCleanup(liar.close)
        world.north.start()
        self.serves_unwitnessed(world, liar)
        self.assertIn("does not verify", read(world.north.log))

    def test_a_witness_of_another_make(self):
        """One that only knows add-checkpoint: the conflict says where to prove from."""
        world, liar = self.started({"GET": (404, ""), "POST": lambda body: (409, "1\n") if body.startswith("old 0\n") else (422, "")})
        wait_for(lambda: len(liar.asked) >= 3)
        self.assertTrue(liar.asked[1][1].startswith("old 0\n\n"), liar.asked[1])
        self.assertTrue(liar.asked[2][1].startswith("old 1\n"), liar.asked[2])

    def test_nothing_is_served_or_logged_before_partners_were_asked(self):
        world = started(World())
        self.addCleanup(world.close)
        liar = Liar(world.south, None)
        self.addCleanup(liar.close)
        starter = threading.Thread(target=world.north.start)
        starter.start()
        self.addCleanup(starter.join)
        client = world.client("north")

        def ask():
            try:
                return client.request("GET", "/v1/agreements")[0]
            except OSError:
                return None
        first = wait_for(ask)
        mirror = f"{world.north.folder}/log/audit.jsonl"
        logged = wait_for(lambda: os.path.exists(mirror) and [json.loads(line)["operation"] for line in read(mirror).splitlines()])
        self.assertEqual((first, logged), (503, ["genesis"]))
        wait_for(lambda: ask() == 200)
        wait_for(lambda: "start" in [e["operation"] for e in world.north.entries()])

    def test_silence_delays_the_start_a_few_seconds(self):
        at = time.monotonic()
        world, _ = self.started(None)
        self.assertLess(time.monotonic() - at, 25)
        self.assertEqual(world.client("north").post("pax", agreements.envelope(agreements.passenger_record()))[0], 201)


class Rebuild(unittest.TestCase):
    def test_finds_an_altered_entry(self):
        with started(World(), rebuild_every_s=1) as w:
            w.north.start()
            for i in range(20):
                w.client("north").post("pax", agreements.envelope(agreements.passenger_record(i)))
            wait_for(lambda: metric(w.north, "rebuild_entries") == w.north.ask("status")["store"]["entries"])
            self.assertEqual(metric(w.north, "rebuild_failures_total"), 0)
            with sqlite3.connect(f"{w.north.folder}/store/gatewayd.db") as db:
                self.assertTrue(compact.alter(db, '"start"', '"START"', "idx = 1"))
            self.assertEqual(w.north.process.wait(30), 78)
            self.assertIn("the audit log was altered: entry 1 ", read(w.north.log))
