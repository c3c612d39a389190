"""RFC 3161 timestamps of the log's checkpoint: `openssl ts` is the authority, behind a small server on loopback. What
it answers wrongly counts for nothing and delays nothing."""

import contextlib
import http.server
import json
import os
import sqlite3
import ssl
import threading
import time
import unittest

import agreements
import check_sender
from check_witness import audit_option, auditor, metric
from world import ROOT, World, read, run, wait_for, write


class Authority:
    """`change(reply)` may spoil an answer; `status` other than 200 answers without one. `node`: TLS with its keys."""

    def __init__(self, world, node=None):
        self.folder, self.asked, self.status, self.change = f"{world.folder}/tsa", [], 200, lambda reply: reply
        os.makedirs(self.folder)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-keyout", f"{self.folder}/key.pem", "-out", f"{self.folder}/tsa.pem", "-subj", "/CN=Made-up timestamp authority",
            "-addext", "extendedKeyUsage=critical,timeStamping")
        write(f"{self.folder}/tsa.cnf", f"[tsa]\ndefault_tsa = t\n[t]\nserial = {self.folder}/serial\ncrypto_device = builtin\n"
              f"signer_cert = {self.folder}/tsa.pem\nsigner_key = {self.folder}/key.pem\nsigner_digest = sha256\n"
              "default_policy = 1.2.3.4\ndigests = sha256\nordering = no\ness_cert_id_alg = sha256\n")
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                query = self.rfile.read(int(self.headers["content-length"]))
                outer.asked.append((self.path, self.headers["content-type"], self.headers["host"]))
                body = outer.change(outer.reply(query)) if outer.status == 200 else b""
                self.send_response(outer.status)
                self.send_header("content-type", "application/timestamp-reply")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if node:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=world.authority.cert)
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_cert_chain(f"{node.folder}/tls/gateway.pem", f"{node.folder}/tls/gateway.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reply(self, query):
        name = f"{self.folder}/{len(self.asked)}"
        with open(f"{name}.tsq", "wb") as f:
            f.write(query)
        run("openssl", "ts", "-reply", "-config", f"{self.folder}/tsa.cnf", "-queryfile", f"{name}.tsq", "-out", f"{name}.tsr")
        with open(f"{name}.tsr", "rb") as f:
            return f.read()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Timestamps(unittest.TestCase):
    def setUp(self):
        self.world = w = World()
        self.addCleanup(w.close)
        self.north = w.north
        self.authority = Authority(w)
        self.addCleanup(self.authority.close)
        self.configure(host="127.0.0.1", port=self.authority.port, plain=True)

    def configure(self, **options):
        audit_option(self.north, timestamp={"path": "/made/up", "authorities": f"{self.authority.folder}/tsa.pem", "every_s": 1, **options})

    def grow(self):
        """Every reload is an entry."""
        self.north.ctl("reload")

    def stamped(self):
        with sqlite3.connect(f"file:{self.north.folder}/store/gatewayd.db?mode=ro", uri=True) as db:
            return [size & (1 << 40) - 1 for size, in db.execute("SELECT size FROM timestamp ORDER BY size")]

    def size(self, client):
        return int(client.request("GET", "/checkpoint")[2].decode().split("\n")[1])

    def text(self, note):
        path = f"{self.world.folder}/text"
        write(path, note.split("\n\n")[0] + "\n")
        return path

    def test_the_checkpoint_is_stamped(self):
        w, north = self.world, self.north
        client = auditor(w, north)
        north.start()
        first = wait_for(lambda: self.stamped() and self.stamped()[-1] == self.size(client) and self.stamped())
        self.assertEqual(self.authority.asked[0], ("/made/up", "application/timestamp-query", f"127.0.0.1:{self.authority.port}"))
        self.assertEqual(metric(north, "timestamps_total"), len(first))
        self.assertLess(abs(metric(north, "timestamp_latest_seconds") - time.time()), 60)
        asked = len(self.authority.asked)
        time.sleep(1.5)
        self.assertEqual(len(self.authority.asked), asked, "what did not grow is not stamped again")
        self.grow()
        wait_for(lambda: len(self.stamped()) > len(first))
        # As an auditor would: with openssl.
        note = client.request("GET", "/checkpoint?timestamped")[2].decode()
        size = note.split("\n")[1]
        status, fields, response = client.request("GET", f"/timestamp/{size}")
        self.assertEqual((status, fields["content-type"]), (200, "application/timestamp-reply"))
        with open(f"{w.folder}/got.tsr", "wb") as f:
            f.write(response)
        run("openssl", "ts", "-verify", "-data", self.text(note), "-in", f"{w.folder}/got.tsr", "-CAfile", f"{self.authority.folder}/tsa.pem")
        self.assertEqual(client.request("GET", "/timestamp/999999")[0], 404)
        self.assertEqual(client.request("GET", "/timestamp/x")[0], 404)
        # Known again after a start, where nobody can be asked; not when its authority is another.
        latest = metric(north, "timestamp_latest_seconds")
        north.stop()
        self.authority.status = 500
        north.start()
        self.assertEqual(metric(north, "timestamp_latest_seconds"), latest)
        north.stop()
        self.configure(host="127.0.0.1", port=self.authority.port, plain=True, authorities=w.authority.cert)
        north.start()
        with self.assertRaises(StopIteration):
            metric(north, "timestamp_latest_seconds")
        self.assertIn("is not signed by a timestamp authority", read(north.log))

    def test_export_and_verify(self):
        w, north = self.world, self.north
        north.start()
        wait_for(self.stamped)
        self.authority.status = 500
        self.grow()
        north.ctl("audit", "export", f"{w.folder}/published")
        note = read(f"{w.folder}/published/timestamped")
        run("openssl", "ts", "-verify", "-data", self.text(note), "-in", f"{w.folder}/published/timestamped.tsr",
            "-CAfile", f"{self.authority.folder}/tsa.pem")
        tsa = ("--tsa-ca", f"{self.authority.folder}/tsa.pem")
        for source in f"{w.folder}/published", f"{north.folder}/store/gatewayd.db":
            verify = ("audit", "verify", "--key", f"{north.folder}/audit.vkey", source)
            self.assertNotIn("timestamp", north.ctl(*verify)[1])
            self.assertRegex(north.ctl(*verify[:-1], *tsa, source)[1], r"timestamp    \d+ entries existed on \d{4}-\d\d-\d\dT")
            code, _, err = north.ctl(*verify[:-1], "--tsa-ca", w.authority.cert, source, ok=False)
            self.assertEqual(code, 4)
            self.assertIn("is not signed by a timestamp authority", err)
        out = json.loads(north.ctl("-o", "json", "audit", "verify", "--key", f"{north.folder}/audit.vkey", *tsa, f"{w.folder}/published")[1])
        self.assertEqual(out["timestamp"]["size"], int(note.split("\n")[1]))
        # The key's holder had another history stamped, and one that is longer than the log.
        liar = check_sender.Liar(w, "", north)
        for leaves, said in ([b"another"], "that this log does not continue"), ([b"more"] * 99, "that is not this log's"):
            forged = liar.checkpoint(leaves)
            write(f"{w.folder}/published/timestamped", forged)
            run("openssl", "ts", "-query", "-data", self.text(forged), "-sha256", "-cert", "-out", f"{w.folder}/forged.tsq")
            with open(f"{w.folder}/published/timestamped.tsr", "wb") as f:
                f.write(self.authority.reply(read_bytes(f"{w.folder}/forged.tsq")))
            code, _, err = north.ctl(*verify[:-1], *tsa, f"{w.folder}/published", ok=False)
            self.assertEqual(code, 4)
            self.assertIn(said, err)
        # What the log's key did not sign, and none at all.
        write(f"{w.folder}/published/timestamped", note.replace(note.split("\n")[2], "A" * 43 + "="))
        self.assertEqual(north.ctl(*verify[:-1], *tsa, f"{w.folder}/published", ok=False)[0], 4)
        os.remove(f"{w.folder}/published/timestamped")
        code, _, err = north.ctl(*verify[:-1], *tsa, f"{w.folder}/published", ok=False)
        self.assertEqual(code, 4)
        self.assertIn("has no timestamp", err)

    def failing(self, said, n=1):
        wait_for(lambda: read(self.north.log).count(said) >= n)
        self.assertEqual(self.stamped(), [])
        self.assertGreaterEqual(metric(self.north, "timestamp_failures_total"), 1)
        with self.assertRaises(StopIteration):
            metric(self.north, "timestamp_latest_seconds")

    def test_wrong_answers_count_for_nothing(self):
        self.authority.change = lambda reply: reply[:-1]
        self.north.start()
        self.failing("response is not one")
        kept = self.authority.reply(read_bytes(f"{self.authority.folder}/1.tsq"))
        self.authority.change = lambda reply: kept
        self.grow()
        self.failing("127.0.0.1: the timestamp is for something else")
        self.authority.change = lambda reply: b"0\x03\x02\x01\x02" + reply[5:]
        self.failing("response is not one", 2)
        self.authority.status = 503
        self.failing("answered with status 503")
        self.authority.status, self.authority.change = 200, lambda reply: reply
        wait_for(self.stamped)

    def test_an_old_answer_for_the_same_checkpoint(self):
        self.authority.status = 503
        self.north.start()
        self.failing("answered with status 503")
        first = []

        def again(reply):
            first.append(reply)
            return first[0] if len(first) > 1 else reply[:-1]
        self.authority.change, self.authority.status = again, 200
        self.failing("answers another request")

    def test_an_authority_that_is_away_or_silent_delays_nothing(self):
        self.authority.close()
        w = self.world
        w.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
        self.north.start()
        self.failing("timestamp authority 127.0.0.1: the partner's address refused the connection")
        self.assertEqual(w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))[0], 201)

    def test_over_tls_with_a_pin(self):
        w = self.world
        tls = Authority.__new__(Authority)
        os.rename(self.authority.folder, f"{w.folder}/plain-tsa")
        Authority.__init__(tls, w, w.south)
        self.addCleanup(tls.close)
        self.authority = tls
        write(f"{self.north.folder}/hosts", f"127.0.0.1 {w.south.host}\n")
        pin = w.south.describe()["identity"]["pins"]
        self.configure(host=w.south.host, port=tls.port, pins=["0" * 64])
        self.north.start()
        self.failing("is not one that is pinned")
        self.configure(host=w.south.host, port=tls.port, pins=pin)
        self.grow()
        wait_for(self.stamped)

    def test_a_configuration_that_names_no_certificate(self):
        self.configure(host="127.0.0.1", port=1, authorities=f"{self.authority.folder}/key.pem")
        code, _, err = self.north.check()
        self.assertEqual(code, 78)
        self.assertIn("the timestamp authorities are not PEM certificates", err)


def read_bytes(path):
    with open(path, "rb") as f:
        return f.read()
