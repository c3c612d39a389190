"""An auditor whose policy asks for witnesses verifies a log that goes on growing: no honest log is called altered, and what
is not cosigned yet, cosigned too long ago, or forked each has its own words and exit status. Receipts and exports verify
by the policy offline; witnesses without a partner file count, and who is independent is told.

AUDITOR_SECONDS: how long the auditor goes on, half a minute if not said."""

import base64
import collections
import hashlib
import http.server
import json
import os
import re
import shutil
import sqlite3
import ssl
import threading
import time
import unittest

import agreements
from check_witness import Log, audit_option, auditor, metric
from merkle import grows
from world import GATEWAYCTL, ROOT, Client, World, read, run, wait_for, write

SECONDS = int(os.environ.get("AUDITOR_SECONDS", "30"))
LOOK, RECORD = 2, 7 if SECONDS > 60 else 3  # so often the auditor looks, and a record comes


class Office:
    """A witness of another make, which no partner file is about: add-checkpoint of C2SP tlog-witness over TLS, with the
    cosigner's key that OpenSSL has. It remembers sizes and roots and holds every request to that text: the form of the body, the
    proof (422), the old size (409 with the one that it knows); it shows nothing of what it saw."""

    def __init__(self, world, name="office.example/w1", prefix=""):
        self.folder, self.name, self.prefix, self.size, self.asked = f"{world.folder}/office", name, prefix, {}, []
        self.roots = {}
        os.makedirs(self.folder)
        self.key = f"{self.folder}/cosigner.key"
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key)
        run("openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER", "-out", f"{self.key}.der")
        with open(f"{self.key}.der", "rb") as f:
            public = b"\4" + f.read()[-32:]
        self.id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(public).decode()}"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked.append(self.path)
                self.answer(404, "")

            def do_POST(self):
                outer.asked.append(self.path)
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                self.answer(*(outer.add(body) if self.path == f"{outer.prefix}/add-checkpoint" else (404, "")))

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("content-type", "text/x.tlog.size" if status == 409 else "text/plain")
                self.send_header("content-length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*world.authority.server("office.example"))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, body):
        head, note = body.split("\n\n", 1)
        first, *proof = head.split("\n")
        text = note.split("\n\n")[0] + "\n"
        origin, size, root = text.split("\n")[:3]
        if not re.fullmatch("old (0|[1-9][0-9]*)", first) or len(proof) > 63 or int(first[4:]) > int(size) or not note.endswith("\n"):
            return 400, ""
        old, known = int(first[4:]), self.size.get(origin, 0)
        if old != known:
            return 409, f"{known}\n"
        hashes = [base64.b64decode(line, validate=True) for line in proof]
        if not grows(old, int(size), self.roots.get(origin), base64.b64decode(root), hashes):
            return 422, ""
        self.size[origin], self.roots[origin] = int(size), base64.b64decode(root)
        stamp = int(time.time())
        write(f"{self.folder}/text", f"cosignature/v1\ntime {stamp}\n{text}")
        run("openssl", "pkeyutl", "-sign", "-inkey", self.key, "-rawin", "-in", f"{self.folder}/text", "-out", f"{self.folder}/sig")
        with open(f"{self.folder}/sig", "rb") as f:
            return 200, f"— {self.name} {base64.b64encode(self.id + stamp.to_bytes(8, 'big') + f.read()).decode()}\n"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Case(unittest.TestCase):
    """North and south with the settings that nodes have by themselves, and north's auditor."""

    def setUp(self):
        self.world = w = World()
        self.addCleanup(w.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(agreements.passenger(digest=schema))
        self.access = w.authority.leaf("auditor-north", "spiffe://north.example/auditor")
        w.add_system(w.north, "north", "auditor", self.access[0], roles=("auditor",))
        self.policy("quorum south")

    def policy(self, *lines):
        w = self.world
        write(f"{w.folder}/policy", f"log {read(w.north.folder + '/audit.vkey')}witness south {read(w.south.folder + '/witness.vkey')}"
              + "\n".join(lines) + "\n")

    def record(self, n=0):
        if not hasattr(self, "sender"):
            self.sender = self.world.client("north")
            self.addCleanup(self.sender.close)
        status, answer = self.sender.post("pax", agreements.envelope(agreements.passenger_record(n)))
        self.assertEqual(status, 201, answer)
        return answer

    def verify(self, *words, what=None):
        """As the manual says: by URL with the auditor's certificate, or an exported folder."""
        w, n = self.world, self.world.north
        access = () if what else ("--certificate", self.access[0], "--private-key", self.access[1], "--authority", w.authority.cert,
                                  "--resolve", f"{n.host}:{n.port}:127.0.0.1")
        return run(GATEWAYCTL, "audit", "verify", "--policy", f"{w.folder}/policy", *words, *access,
                   what or f"https://{n.host}:{n.port}", ok=False)

    def cosigned(self):
        with sqlite3.connect(f"file:{self.world.north.folder}/store/gatewayd.db?mode=ro", uri=True) as db:
            return (db.execute("SELECT min(size) FROM cosignature").fetchone()[0] or 0) & (1 << 40) - 1

    def all_cosigned(self):
        wait_for(lambda: self.cosigned() == self.world.north.ask("status")["store"]["entries"])


class HonestLog(Case):
    def test_no_false_alarm(self):
        w = self.world.start()
        stop = threading.Event()

        def feed():
            n = 0
            while not stop.wait(RECORD):
                self.record(n)
                n += 1
        feeder = threading.Thread(target=feed)
        feeder.start()
        codes, until = collections.Counter(), time.monotonic() + SECONDS
        try:
            while time.monotonic() < until:
                code, out, err = self.verify("--max-age", "330")
                codes[code] += 1
                self.assertEqual(code, 0, out + err)
                self.assertRegex(out, r"cosigned by  1 witnesses of the policy; witnessed by 0 of 0 independent")
                self.assertRegex(out, r"cosigned     \d+ of \d+ entries, \d+ s ago")
                self.assertRegex(out, r"last entry   \d+ s ago")
                time.sleep(LOOK)
        finally:
            stop.set()
            feeder.join()
        self.assertGreater(codes[0], SECONDS / (LOOK + 10))
        self.assertGreater(len(w.north.entries()), SECONDS / (RECORD + 5))
        print(f"auditor: {codes[0]} verifications in {SECONDS} s, {sum(codes.values()) - codes[0]} false alarms", flush=True)


class Offline(Case):
    def test_receipts_and_exports_carry_the_quorum(self):
        w = self.world.start()
        answer = self.record()
        self.all_cosigned()
        receipt, at_once = f"{w.folder}/receipt", f"{w.folder}/at-once"
        write(receipt, w.client("north").request("GET", f"/v1/exchanges/{answer['exchange']}/receipt")[2].decode())
        write(at_once, answer["receipt"])
        check = lambda path: run(GATEWAYCTL, "audit", "verify-receipt", "--policy", f"{w.folder}/policy", path, ok=False)
        code, out, err = check(receipt)
        self.assertEqual(code, 0, err)
        self.assertIn("cosigned by 1 witnesses, 0 of 0 independent, by 20", out)
        # The answer came before any witness could know: its log's signature holds, and that is not tampering.
        code, _, err = check(at_once)
        self.assertEqual(code, 6, err)
        self.assertIn("not cosigned yet: 0 witnesses of the policy", err)
        w.north.ctl("audit", "prove", "--out", f"{w.folder}/proved", answer["exchange"])
        self.assertEqual(check(f"{w.folder}/proved")[0], 0)
        w.south.stop()
        self.record(1)
        w.north.ctl("audit", "export", f"{w.folder}/published")
        self.assertLess(int(read(f"{w.folder}/published/checkpoint").split("\n")[1]), int(read(f"{w.folder}/published/newest").split("\n")[1]))
        code, out, err = self.verify(what=f"{w.folder}/published")
        self.assertEqual(code, 0, err)
        # For whom the standard's files are all there is: the cosigned checkpoint and the tiles that it names.
        os.remove(f"{w.folder}/published/newest")
        code, out, err = self.verify(what=f"{w.folder}/published")
        self.assertEqual(code, 0, err)
        run(GATEWAYCTL, "audit", "prove", "--from", f"{w.folder}/published", "--out", f"{w.folder}/from-files", answer["exchange"])
        self.assertEqual(check(f"{w.folder}/from-files")[0], 0)


class EachItsWords(Case):
    def test_not_cosigned_yet(self):
        w = self.world
        w.north.start()
        code, out, err = self.verify()
        self.assertEqual((code, out), (6, ""), err)
        self.assertIn("not cosigned yet: 0 witnesses of the policy cosigned the checkpoint of", err)
        self.assertNotIn("tamper", err)
        code, out, _ = run(GATEWAYCTL, "-o", "json", "audit", "verify", "--policy", f"{w.folder}/policy", f"{w.north.folder}/store/gatewayd.db", ok=False)
        self.assertEqual((code, json.loads(out)["reason"]), (6, "not-cosigned"))
        w.south.start()
        wait_for(self.cosigned)
        self.assertEqual(self.verify()[0], 0)

    def test_a_witness_that_is_silent(self):
        w = self.world
        audit_option(w.north, witness_silence_s=1)
        w.start()
        self.all_cosigned()
        wait_for(lambda: metric(w.north, "witness_silent") == 0)
        w.south.stop()
        self.record()
        wait_for(lambda: metric(w.north, "witness_silent") == 1)
        self.assertIn("witness south-gateway: has not cosigned this log for", read(w.north.log))
        self.assertEqual(w.north.ask("status")["witnesses"]["silent"], 1)
        time.sleep(1.5)
        code, _, err = self.verify("--max-age", "1")
        self.assertEqual(code, 7, err)
        self.assertRegex(err, r"cosigned too long ago: the policy's quorum cosigned \d+ entries \d+ s ago, more than 1; \d+ entries came since")
        self.assertEqual(self.verify()[0], 0, "without --max-age its age is told, no more")
        w.south.start()
        wait_for(lambda: metric(w.north, "witness_silent") == 0)
        self.assertEqual(self.verify("--max-age", "30")[0], 0)

    def test_max_age_needs_a_policy(self):
        for words in (("--max-age", "2"), ("--key", f"{self.world.north.folder}/audit.vkey", "--max-age", "2"),
                      ("--policy", f"{self.world.folder}/policy", "--max-age", "0"), ("--policy", f"{self.world.folder}/policy", "--max-age", "x")):
            self.assertEqual(run(GATEWAYCTL, "audit", "verify", *words, self.world.folder, ok=False)[0], 2, words)

    def test_a_fork(self):
        """An older state is put back while the witness is away, another history is written, and what the witness cosigned
        of the first one is put beside it."""
        w = self.world.start()
        w.north.stop()
        kept = f"{w.folder}/kept"
        for name in ("store", "anchor", "log"):
            shutil.copytree(f"{w.north.folder}/{name}", f"{kept}/{name}")
        w.north.start()
        self.record()
        self.all_cosigned()
        w.north.stop()
        w.south.stop()
        self.sender.close()
        store = f"{w.north.folder}/store/gatewayd.db"
        with sqlite3.connect(store) as db:
            size, witness, line = db.execute("SELECT size, witness, line FROM cosignature").fetchone()
            note, = db.execute("SELECT note FROM checkpoint WHERE size = ?", (size,)).fetchone()
        for name in ("store", "anchor", "log"):
            shutil.rmtree(f"{w.north.folder}/{name}")
            shutil.copytree(f"{kept}/{name}", f"{w.north.folder}/{name}")
        w.north.start()
        for n in range(4):
            self.record(n)
        w.north.stop()
        with sqlite3.connect(store) as db:
            db.execute("DELETE FROM cosignature")
            db.execute("INSERT INTO cosignature (size, witness, line) VALUES (?, ?, ?)", (size, witness, line))
            # The log's own root of that size: the cosignature is over another.
        code, _, err = self.verify(what=store)
        self.assertEqual(code, 4, err)
        self.assertIn("the cosignature of gw.south.example/witness/gw1 does not verify", err)
        with sqlite3.connect(store) as db:
            db.execute("DELETE FROM checkpoint WHERE size = ?", (size,))
            db.execute("INSERT INTO checkpoint (size, note) VALUES (?, ?)", (size, note))
        code, _, err = self.verify(what=store)
        self.assertEqual(code, 4, err)
        self.assertRegex(err, r"the log forked: its newest checkpoint of \d+ entries does not continue the one of \d+ that witnesses cosigned")
        # And what has fewer entries than were cosigned went back.
        with sqlite3.connect(store) as db:
            db.execute("DELETE FROM checkpoint WHERE size > ?", (size,))
            newest, = db.execute("SELECT max(size) FROM checkpoint WHERE size < ?", (size,)).fetchone()
            older, = db.execute("SELECT note FROM checkpoint WHERE size = ?", (newest,)).fetchone()
        os.makedirs(f"{w.folder}/back")
        write(f"{w.folder}/back/newest", older)
        write(f"{w.folder}/back/checkpoint", note + line)
        code, _, err = self.verify(what=f"{w.folder}/back")
        self.assertEqual(code, 4, err)
        self.assertIn("the log went back:", err)


class OutsideWitnesses(Case):
    def office(self, quorum):
        w = self.world
        office = Office(w, prefix="/tlog")
        self.addCleanup(office.close)
        write(f"{w.north.folder}/hosts", read(f"{w.north.folder}/hosts") + "127.0.0.1 office.example\n")
        audit_option(w.north, witnesses=[{"name": "office", "vkey": office.vkey, "url": f"https://office.example:{office.port}/tlog/"}], quorum=quorum)
        return office

    def test_a_quorum_with_an_independent_one(self):
        w = self.world
        office = self.office(["group both all south-gateway office", "quorum both"])
        self.policy(f"witness office {office.vkey}", "group both all south office", "quorum both")
        client = auditor(w, w.north)
        w.north.start()
        wait_for(lambda: metric(w.north, "witness_independent ") == 1)
        self.assertEqual(client.request("GET", "/checkpoint")[0], 404, "the partner is away: no checkpoint has its quorum")
        self.assertEqual(client.request("GET", "/checkpoint?newest")[0], 200)
        code, _, err = self.verify()
        self.assertEqual(code, 6, err)
        w.south.start()
        self.record()
        note = wait_for(lambda: (lambda r: r[0] == 200 and r[2].decode())(client.request("GET", "/checkpoint")))
        self.assertEqual(note.count("—"), 3)
        code, out, err = self.verify()
        self.assertEqual(code, 0, err)
        self.assertIn("cosigned by  2 witnesses of the policy; witnessed by 1 of 1 independent", out)
        self.assertEqual({k: v for k, v in w.north.ask("status")["witnesses"].items()}, {"silent": 0, "independent": 1, "of_independent": 1, "contradictions": 0})
        self.assertIn(f"/tlog/{hashlib.sha256(b'gw.north.example/audit/gw1/1').hexdigest()}/checkpoint", office.asked)
        # The partner leaves: what has the quorum stays what is shown, and the log goes on.
        w.south.stop()
        self.record(1)
        self.assertEqual(client.request("GET", "/checkpoint")[2].decode().count("—"), 3)
        self.assertEqual(self.verify()[0], 0)

    def test_a_certificate_of_another_authority(self):
        w = self.world
        office = self.office(["quorum office"])
        other = type(w.authority)(f"{w.folder}/other", number=2)
        write(f"{w.north.folder}/tls/own.pem", read(w.authority.cert))
        w.north.change(tls={**json.loads(read(w.north.config))["tls"], "own_authorities": "tls/own.pem"})
        write(f"{w.north.folder}/tls/authorities.pem", read(other.cert))
        audit_option(w.north, witness_silence_s=1)
        code, _, err = w.north.check()
        self.assertEqual(code, 0, err)
        w.north.start()
        wait_for(lambda: "witness office: " in read(w.north.log))
        self.assertEqual(office.asked, [])

    def test_anyone_brings_a_checkpoint(self):
        """A certificate of our authorities without a partner file; what else there is stays shut."""
        w = self.world
        log = Log(w, "made-up.example/audit/gw1/1").grow(5)
        cert, _ = w.authority.leaf("made-up", "spiffe://made-up.example/gateway/gw1")
        w.add_system(w.north, "made-up", "made-up-gateway", cert, roles=("gateway",))
        path = f"{w.north.folder}/partners/made-up-gateway.json"
        write(path, json.dumps({**json.loads(read(path)), "audit": {"vkey": log.vkey}}))
        w.north.start()
        stranger = Client(w, w.north, *w.authority.leaf("stranger", "spiffe://stranger.example/monitor"))
        of = f"/{hashlib.sha256(log.origin.encode()).hexdigest()}/checkpoint"
        self.assertEqual(stranger.request("GET", of)[0], 404)
        self.assertEqual(stranger.request("POST", "/add-checkpoint", log.request(0), content_type="text/plain")[0], 200)
        status, _, body = stranger.request("GET", of)
        self.assertEqual((status, body.decode().count("—")), (200, 2))
        self.assertTrue(body.decode().startswith(log.note()))
        self.assertEqual(stranger.request("GET", "/checkpoint")[0], 403)
        self.assertEqual(stranger.request("GET", f"/witnessed/{log.origin}")[0], 403)
        forked = [b"another"] + log.leaves[1:]
        self.assertEqual(stranger.request("POST", "/add-checkpoint", log.request(5, forked), content_type="text/plain")[0], 422)
        incident, = wait_for(lambda: [e for e in w.north.entries() if e["operation"] == "incident"])
        self.assertEqual(incident["peer"], "made-up-gateway")
        self.assertIn("forked", incident["note"])
