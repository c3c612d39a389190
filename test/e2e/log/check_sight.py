"""Checkpoints travel with deliveries and receipts: a partner's log that shows its partner and its witness, or one exchange
and the next, different histories is found. North's gateway is driven by whoever holds its keys; south is the project's."""

import base64
import datetime
import hashlib
import http.server
import json
import os
import sqlite3
import ssl
import threading
import time
import unittest
import uuid

import agreements
import check_sender
from check_witness import metric
from merkle import proof_of, receipt_of, tile_of
from world import ROOT, World, read, wait_for


class Endpoint:
    """Where the partner can be asked for its log; `leaves` is the tree that it shows, None: it shows nothing."""

    def __init__(self, liar, node):
        self.liar, self.leaves, self.asked = liar, None, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked.append(self.path)
                body = outer.answer(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("content-length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(404)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=liar.world.authority.cert)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(f"{node.folder}/tls/gateway.pem", f"{node.folder}/tls/gateway.key")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", node.port), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path):
        if self.leaves is None:
            return None
        if path == "/checkpoint?newest":
            return self.liar.checkpoint(self.leaves).encode()
        return tile_of(self.leaves, path[1:]) if path.startswith("/tile/") else None

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Case(unittest.TestCase):
    def setUp(self):
        self.world = w = World()
        self.addCleanup(w.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        digest = agreements.digest_of(w.agreement(agreements.passenger(digest=schema)))
        self.liar = check_sender.Liar(w, digest)
        self.endpoint = Endpoint(self.liar, w.north)
        self.addCleanup(self.endpoint.close)
        w.south.start()

    def deliver(self, at=None, branch="a"):
        """A record whose entry is the last of a log of `at` entries; the others name their branch."""
        for i in range(len(self.liar.leaves), (at or len(self.liar.leaves) + 1) - 1):
            self.liar.leaves.append(f"{branch} {i}".encode())
        return self.liar.send(self.liar.envelope(check_sender.Sender.record(self)))

    def accepted(self, *args):
        status, answer = self.deliver(*args)
        self.assertEqual(status, 201, answer)

    def refused(self, *args):
        status, answer = self.deliver(*args)
        self.assertEqual((status, answer["type"]), (403, "/problems/receipt-invalid"), answer)

    def incidents(self, node=None):
        return [e for e in (node or self.world.south).entries() if e["operation"] == "incident"]

    def incident(self, text, n=1):
        found = wait_for(lambda: len(self.incidents()) >= n and self.incidents())
        self.assertEqual(len(found), n, found)
        self.assertIn(text, found[-1]["note"])
        self.assertEqual(found[-1]["peer"], "north-gateway")
        self.assertIn(text, read(self.world.south.log))

    def proof(self, index):
        return receipt_of(self.liar.leaves, index, self.liar.checkpoint(self.liar.leaves))

    def unproved(self):
        return metric(self.world.south, "sights_unproved")

    def cosign(self, leaves, old=0):
        proof = "".join(base64.b64encode(h).decode() + "\n" for h in (proof_of(leaves, old) if old else []))
        body = f"old {old}\n{proof}\n{self.liar.checkpoint(leaves)}"
        self.assertEqual(self.liar.client.request("POST", "/add-checkpoint", body, content_type="text/plain")[0], 200)


class Sight(Case):
    def test_one_history_is_proved(self):
        for at in (1, 3, 257, 700):
            self.accepted(at)
        self.endpoint.leaves = self.liar.leaves
        wait_for(lambda: self.unproved() == 0)
        self.accepted(701)
        self.liar.leaves.append(b"and one that south did not see")
        self.endpoint.leaves = self.liar.leaves
        wait_for(lambda: self.unproved() == 0)
        self.assertEqual(self.incidents(), [])
        # What was proved is not asked for again.
        asked = len(self.endpoint.asked)
        self.assertTrue(any(p.startswith("/tile/1/") for p in self.endpoint.asked), self.endpoint.asked)
        self.world.south.stop()
        self.world.south.start()
        wait_for(lambda: self.unproved() == 0)
        self.assertGreater(len(self.endpoint.asked), asked, "the newest one that was proved is looked at after a start")

    def test_two_roots_of_one_size(self):
        self.accepted(5)
        first, self.liar.leaves = self.liar.leaves, []
        self.refused(5, "b")
        self.incident("forked: showed two roots of 5 entries")
        # What is kept is both, which prove it to anybody.
        proof = self.liar.checkpoint(first) + "\n" + self.liar.checkpoint(self.liar.leaves)
        self.assertEqual(self.incidents()[0]["input"], hashlib.sha256(proof.encode()).hexdigest())
        forked, self.liar.leaves = self.liar.leaves, first
        self.accepted(6)
        self.liar.leaves = forked[:4]
        self.refused(5, "b")
        # That is one incident a day, however often it happens; the others are counted.
        self.assertEqual(metric(self.world.south, "sights_contradictions_total"), 2)
        self.incident("forked: showed two roots of 5 entries")

    def test_a_root_that_is_not_the_cosigned_one(self):
        self.cosign([b"a 0", b"a 1", b"a 2"])
        self.refused(3, "b")
        self.incident("forked: showed two roots of 3 entries")

    def test_a_fork_at_another_size(self):
        self.liar.leaves = [b"a 0", b"a 1", b"a 2"]
        other = self.liar.envelope(check_sender.Sender.record(self))
        self.accepted(5)
        self.endpoint.leaves = [f"b {i}".encode() for i in range(9)]
        self.incident("forked: 9 entries do not continue the 5 that were seen")
        self.assertEqual(self.unproved(), 1)
        # That checkpoint counts for nothing from now on; one that continues what is shown is taken.
        old = json.loads(other)["origin"]["proof"]
        status, answer = self.liar.send(other.replace(json.dumps(old), json.dumps(self.proof(3))))
        self.assertEqual((status, answer["type"], answer["errors"][0]["pointer"]), (403, "/problems/receipt-invalid", "/origin/proof"))
        self.liar.leaves = self.endpoint.leaves = list(self.endpoint.leaves)
        self.accepted(10, "b")
        wait_for(lambda: self.unproved() == 1)
        self.assertEqual(len(self.incidents()), 1)

    def test_a_fork_from_what_was_cosigned(self):
        self.cosign([b"a 0", b"a 1", b"a 2"])
        self.accepted(6, "b")
        self.endpoint.leaves = self.liar.leaves
        self.incident("forked: 6 entries do not continue the 3 that were cosigned")
        self.assertEqual(self.unproved(), 1, "what the other branch proves is not proved")

    def test_a_fork_from_what_was_proved(self):
        self.accepted(4)
        self.endpoint.leaves = self.liar.leaves
        wait_for(lambda: self.unproved() == 0)
        self.liar.leaves = self.endpoint.leaves = []
        self.accepted(7, "b")
        self.incident("forked: 7 entries do not continue the 4 that were proved")

    def test_a_log_that_went_back(self):
        self.accepted(5)
        self.endpoint.leaves = self.liar.leaves[:3]
        self.incident("forked: 3 entries do not continue the 5 that were seen")

    def test_a_log_that_is_not_shown(self):
        self.accepted(5)
        self.incident("does not show its tree: its checkpoint was answered with status 404")
        self.endpoint.leaves = self.liar.leaves
        wait_for(lambda: self.unproved() == 0)

    def test_tiles_that_are_not_the_trees(self):
        self.accepted(5)
        self.liar.leaves.append(b"a 5")
        honest = self.endpoint.answer
        self.endpoint.answer = lambda path: bytes(32 * 6) if path.startswith("/tile/") else honest(path)
        self.endpoint.leaves = self.liar.leaves
        self.incident("forked: 6 entries do not continue the 5 that were seen")

    def test_a_tile_that_is_too_short(self):
        self.accepted(5)
        self.liar.leaves.append(b"a 5")
        honest = self.endpoint.answer
        self.endpoint.answer = lambda path: bytes(32) if path.startswith("/tile/") else honest(path)
        self.endpoint.leaves = self.liar.leaves
        self.incident("does not show its tree: a tile has not the hashes that its checkpoint covers")

    def test_a_checkpoint_that_the_log_did_not_sign(self):
        self.accepted(5)
        self.endpoint.answer = lambda path: self.liar.checkpoint(self.liar.leaves).replace("\n5\n", "\n6\n").encode()
        self.incident("does not show its tree: its newest checkpoint is not signed by the log")

    def test_what_is_unproved_is_not_forgotten(self):
        self.accepted(5)
        self.assertEqual(self.unproved(), 1)
        self.world.south.stop()
        self.endpoint.leaves = [f"b {i}".encode() for i in range(9)]
        self.world.south.start()
        self.incident("forked: 9 entries do not continue the 5 that were seen")


class Handed(Case):
    """What came under a checkpoint is handed out when that is proved."""

    def page(self):
        return self.world.client("south").inbox(unproved=True)

    def exchange(self):
        with sqlite3.connect(f"file:{self.world.south.folder}/store/gatewayd.db?mode=ro", uri=True) as db:
            return str(uuid.UUID(bytes=db.execute("SELECT exchange FROM inbox").fetchone()[0]))

    def record(self):
        status, _, body = self.world.client("south").request("GET", f"/v1/exchanges/{self.exchange()}/record")
        return status, json.loads(body)

    def test_it_waits_for_the_proof(self):
        shown, honest = threading.Event(), self.endpoint.answer
        self.endpoint.answer = lambda path: shown.wait(5) and honest(path)
        self.accepted(5)
        page = self.page()
        self.assertEqual((page["items"], page["unproved"]), ([], True))
        status, problem = self.record()
        self.assertEqual((status, problem["type"]), (503, "/problems/unavailable"))
        # Nor is it taken: its payload would be erased with that.
        self.assertEqual(self.world.client("south").ack(1)[0], 503)
        self.endpoint.leaves = self.liar.leaves
        shown.set()
        item, = wait_for(lambda: self.page()["items"])
        self.assertIn("record", item)
        self.assertNotIn("unproved", self.page())
        self.assertEqual(self.record()[0], 200)
        self.assertEqual(metric(self.world.south, "unproved_fetched_total"), 0)

    def test_who_cannot_be_asked_holds_no_record_for_ever(self):
        self.endpoint.close()
        at = time.monotonic()
        self.accepted(5)
        self.assertEqual(self.page()["items"], [])
        item, = wait_for(lambda: self.page()["items"])
        self.assertIn("record", item)
        self.assertTrue(1 <= time.monotonic() - at < 6, time.monotonic() - at)
        self.assertGreater(metric(self.world.south, "unproved_fetched_total"), 0)
        wait_for(lambda: any(e.get("note") == "record fetched; its sender's checkpoint is not proved" for e in self.world.south.entries()))

    def test_what_came_under_a_fork_is_not_handed_out(self):
        self.accepted(5)
        self.endpoint.leaves = [f"b {i}".encode() for i in range(9)]
        self.incident("forked: 9 entries do not continue the 5 that were seen")
        for _ in range(2):
            item, = wait_for(lambda: self.page()["items"])
            self.assertEqual(item["withheld"], "receipt-invalid")
            self.assertNotIn("record", item)
            status, problem = self.record()
            self.assertEqual((status, problem["type"]), (403, "/problems/receipt-invalid"))
            self.assertEqual(self.world.client("south").ack(item["id"])[0], 403)
            # Nor after a start that knows no fork yet, however long ago it came.
            self.endpoint.leaves = None
            self.world.south.stop()
            time.sleep(3)
            self.world.south.start()

    def test_what_came_under_the_other_branch_is_not_handed_out(self):
        self.cosign([b"a 0", b"a 1", b"a 2"])
        self.accepted(6, "b")
        self.endpoint.leaves = self.liar.leaves
        self.incident("forked: 6 entries do not continue the 3 that were cosigned")
        self.assertEqual([i["withheld"] for i in self.page()["items"]], ["receipt-invalid"])


class Honest(unittest.TestCase):
    """Two gateways with default settings: how long a record waits for its proof."""

    def test_how_long_records_wait(self):
        count = int(os.environ.get("RECORDS", "100"))
        with World() as w:
            schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
            w.agreement(agreements.passenger(digest=schema))
            w.start()
            client, seen, after, waits = w.client("south"), {}, 0, []
            sender = threading.Thread(target=self.send, args=(w, count))
            sender.start()
            while len(seen) < count:
                page = client.inbox(after, unproved=True)
                now = time.time()
                for item in page["items"]:
                    seen[item["id"]] = now - datetime.datetime.fromisoformat(item["made"].replace("Z", "+00:00")).timestamp()
                after = page["next"]
                waits.append(page.get("unproved", False))
                time.sleep(0.02)
            sender.join()
            late = sorted(seen.values())
            unproved = metric(w.south, "unproved_fetched_total")
            print(f"{count} records of an honest partner: handed out after {late[len(late) // 2]:.2f} s (median), "
                  f"{late[-1]:.2f} s (longest); {unproved} before their proof")
            self.assertTrue(any(waits), "none waited")
            self.assertEqual([e for e in w.south.entries() if e["operation"] == "incident"], [])

    def send(self, w, count):
        client = w.client("north")
        for i in range(count):
            client.post("pax", agreements.envelope(agreements.passenger_record(i)))
            time.sleep(0.05)


class Receipts(unittest.TestCase):
    def test_a_receipt_of_a_second_history_delivers_nothing(self):
        with World() as w:
            schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
            digest = agreements.digest_of(w.agreement(agreements.passenger(digest=schema)))
            receiver = check_sender.Receiver(w, digest)
            self.addCleanup(receiver.close)
            w.north.start()
            w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
            wait_for(lambda: w.north.ask("outbox") == [])
            receiver.leaves = []
            w.client("north").post("pax", agreements.envelope(agreements.passenger_record(1)))
            wait_for(lambda: [d["last_error"] for d in w.north.ask("outbox")] == ["receipt-invalid"])
            incident = wait_for(lambda: [e for e in w.north.entries() if e["operation"] == "incident"])[0]
            self.assertIn("gw.south.example/audit/gw1/1 forked: showed two roots of 1 entries", incident["note"])
            self.assertEqual(incident["peer"], "south-gateway")
