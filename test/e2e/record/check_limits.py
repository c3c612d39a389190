"""Large bodies and answers, clients that go away at any moment, many connections, and one key from many of them: the
daemon answers each by name, goes on, and nothing leaks."""

import json
import os
import socket
import ssl
import struct
import threading
import time
import unittest

import agreements
from world import ROOT, World, read, wait_for

BODY = 1 << 20


def sockets(pid):
    """How many files a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def padded(n, size):
    """An envelope of exactly `size` bytes: JSON may end in white space."""
    return json.dumps(agreements.envelope(agreements.passenger_record(n))).ljust(size)


PAGES = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": False,
         "properties": {"pages": {"type": "array", "items": {"type": "string"}}}}


def pages(n, size):
    """An envelope whose record is about `size` bytes, all of them released."""
    return agreements.envelope({"pages": [f"{n:08d}" + "x" * 992] * (size // 1003)}, "copying")


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World(moved_clock=True)
        cls.addClassCleanup(w.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(agreements.passenger(digest=schema))
        for n in w.nodes:
            with open(f"{n.folder}/schemas/pages.json", "w", encoding="ascii") as f:
                json.dump(PAGES, f)
        whole = agreements.digest_of(f"{w.north.folder}/schemas/pages.json")
        w.agreement(agreements.make("whole", [{"name": "pages", "input": whole}], {"copying": "pages"},
                                    [("/pages/*", "operational", "keep", None)]))
        for n in w.nodes:
            n.change(limits={"threads": 2, "body_bytes": BODY})
        w.start()
        cls.north, cls.south = w.client("north"), w.client("south")
        cls.north.post("pax", agreements.envelope(agreements.passenger_record()))
        wait_for(lambda: w.north.ask("outbox") == [])

        cls.level = cls.files()

    @classmethod
    def files(cls):
        return [sockets(pid) for n in cls.world.nodes for pid in (n.process.pid, n.edge_pid())]

    def tearDown(self):
        """Each process is the one that it was, and serves."""
        for n in self.world.nodes:
            self.assertIsNone(n.process.poll())
        self.assertEqual(self.north.post("pax", agreements.envelope(agreements.passenger_record()))[0], 201)

    @classmethod
    def tearDownClass(cls):
        """After all of it, and after the time for which idle connections are kept, no process has more files open than
        before."""
        for client in (cls.north, cls.south):
            client.close()
        cls.world.clock.move(60)
        slack = 5       # connections between the gateways come and go, and the first checkpoint opens the store once more
        wait_for(lambda: all(now <= before + slack for now, before in zip(cls.files(), cls.level)), 60)

    def test_bodies_around_the_channels_credit(self):
        for i, size in enumerate((262143, 262144, 262145, 300 << 10, 512 << 10, 900 << 10, BODY)):
            status, answer = self.north.post("pax", padded(i, size))
            self.assertEqual(status, 201, answer)
        wait_for(lambda: self.world.north.ask("outbox") == [])

    def test_too_large(self):
        for size in (BODY + 1, 2 * BODY):
            status, _, body = self.north.request("POST", "/v1/agreements/pax/records", "x" * size)
            self.assertEqual((status, json.loads(body)["type"]), (413, "/problems/too-large"))
            self.north.close()

    def test_large_records_are_delivered_and_fetched_in_pages(self):
        """More than one page can hold: what is released is 900 KiB each."""
        count = 40 if not os.environ.get("QUICK") else 8
        for i in range(count):
            self.assertEqual(self.north.post("whole", pages(i, 900 << 10))[0], 201)
        wait_for(lambda: self.world.north.ask("outbox") == [], 60)
        seen, after = [], 0
        while items := (page := self.south.inbox(after))["items"]:
            self.assertLessEqual(sum(len(json.dumps(i)) for i in items), 6 << 20)
            seen += [i for i in items if "pages" in i["record"]]
            after = page["next"]
        self.assertEqual(self.south.inbox(after)["next"], after)
        self.assertEqual(len(seen), count)
        for item in seen:
            self.assertGreater(sum(map(len, item["record"]["pages"])), 800 << 10)
            self.assertEqual(self.south.ack(item["id"])[0], 200)

    def test_a_thousand_lines(self):
        # Every third is refused with many reasons, so that answers are large.
        def line(i):
            record = agreements.passenger_record(i)
            if i % 3 == 0:
                record = {"locator": 1, "reserved_on": 2, "travellers": 3, "itinerary": 4, "payment": 5, "travel_dates": 6}
            return json.dumps(agreements.envelope(record, key=f"thousand-{i}"))

        lines = [line(i) for i in range(1000)]
        status, _, body = self.north.request("POST", "/v1/agreements/pax/records", "\n".join(lines) + "\n\n\n", content_type="application/x-ndjson")
        answers = [json.loads(l) for l in body.decode().strip().split("\n")]
        self.assertEqual((status, len(answers)), (200, 1000))
        self.assertEqual([a["status"] for a in answers], [422 if i % 3 == 0 else 201 for i in range(1000)])
        self.assertGreater(len(body), 1 << 20)
        again = self.north.request("POST", "/v1/agreements/pax/records", "\n".join(lines), content_type="application/x-ndjson")[2]
        self.assertEqual([json.loads(l)["exchange"] for l in again.decode().strip().split("\n")], [a["exchange"] for a in answers])
        wait_for(lambda: self.world.north.ask("outbox") == [], 60)

    def test_a_record_of_very_many_leaves(self):
        """What was done at a place is said once, however many leaves stand there: neither entry nor receipt grows with them."""
        text = json.dumps(agreements.envelope({"pages": [""] * 250000}, "copying"), separators=(",", ":"))
        self.assertLess(len(text), BODY)
        status, answer = self.north.post("whole", text, key="many-leaves")
        self.assertEqual(status, 201, answer)
        self.assertLess(len(answer["receipt"]), 8000)
        self.assertEqual(self.north.post("whole", text, key="many-leaves")[1]["exchange"], answer["exchange"])
        shown = self.world.north.ask("exchange", "show", answer["exchange"])
        self.assertLess(len(json.dumps(shown)), 32768)
        wait_for(lambda: self.world.north.ask("outbox") == [], 60)
        after = 0
        while items := (page := self.south.inbox(after))["items"]:
            for item in items:
                if len(item["record"].get("pages", [])) == 250000:
                    self.assertEqual(self.south.ack(item["id"])[0], 200)
                    return
            after = page["next"]
        self.fail("it is not there")

    def test_a_large_acknowledgement_is_refused(self):
        def answered():
            """What waits for the proof of its sender's checkpoint cannot be acknowledged yet."""
            status, _, body = self.south.request("POST", "/v1/inbox/1/ack", "x" * 70000)
            return status != 503 and (status, body)
        status, body = wait_for(answered)
        self.assertEqual((status, json.loads(body)["type"]), (413, "/problems/too-large"))

    def tls(self):
        client = self.world.client("north")
        raw = socket.create_connection(("127.0.0.1", client.node.port), timeout=20)
        return client.context.wrap_socket(raw, server_hostname=client.node.host)

    def head(self, length, kind="application/json"):
        return (f"POST /v1/agreements/pax/records HTTP/1.1\r\nhost: {self.world.north.host}\r\n"
                f"content-type: {kind}\r\ncontent-length: {length}\r\n\r\n").encode()

    def test_clients_that_go_away(self):
        lines = "\n".join(json.dumps(agreements.envelope(agreements.passenger_record(i))) for i in range(300)).encode()
        large = padded(7, 600 << 10).encode()
        before = self.world.north.ask("status")["since_start"]["released"]
        reset = struct.pack("ii", 1, 0)
        for how in range(2):                    # an orderly end, and a reset
            for part in (0, 1, 1000, 300 << 10, len(large) - 1):
                s = self.tls()
                s.sendall(self.head(len(large)) + large[:part])
                if how:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                s.close()
            for kind, body in (("application/json", large), ("application/x-ndjson", lines)):
                for read in (0, 1, 500):        # after the request, and within the answer
                    s = self.tls()
                    s.sendall(self.head(len(body), kind) + body)
                    try:
                        got = 0
                        while got < read:
                            piece = s.recv(read - got)
                            got += len(piece)
                            if not piece:
                                break
                    except (OSError, ssl.SSLError):
                        pass
                    if how:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                    s.close()
        # What had come whole is written, whether or not its sender waited.
        wait_for(lambda: self.world.north.ask("status")["since_start"]["released"] >= before + 4 * 301, 60)
        wait_for(lambda: self.world.north.ask("outbox") == [], 60)

    def test_an_answer_that_nobody_reads(self):
        """A client that sends and never reads keeps nobody else from being served."""
        lines = "\n".join(json.dumps(agreements.envelope({"locator": 1, "payment": 2}, key=f"unread-{i}")) for i in range(1000)).encode()
        slow = [self.tls() for _ in range(3)]
        for s in slow:
            s.sendall(self.head(len(lines), "application/x-ndjson") + lines)
        for i in range(20):
            self.assertEqual(self.north.post("pax", agreements.envelope(agreements.passenger_record(i)))[0], 201)
        for s in slow:
            s.close()

    def test_many_connections_at_once(self):
        answers, lock = [], threading.Lock()

        def work(k):
            client = self.world.client("north")
            for i in range(10):
                status, answer = client.post("pax", agreements.envelope(agreements.passenger_record(k * 10 + i)))
                with lock:
                    answers.append((status, answer["exchange"]))
            client.close()

        threads = [threading.Thread(target=work, args=(k,)) for k in range(32)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(answers), 320)
        self.assertEqual({s for s, _ in answers}, {201})
        self.assertEqual(len({x for _, x in answers}), 320)
        wait_for(lambda: self.world.north.ask("outbox") == [], 60)

    def test_one_key_from_many_connections(self):
        for n in range(3):
            body = json.dumps(agreements.envelope(agreements.passenger_record(n)))
            before = self.world.north.ask("status")["store"]["exchanges"]
            got, gate = [], threading.Barrier(16)

            def work():
                client = self.world.client("north")
                client.connect()
                gate.wait()
                status, answer = client.post("pax", body, key=f"shared-{n}")
                got.append((status, answer.get("exchange"), client.fields.get("idempotency-replayed")))
                client.close()

            threads = [threading.Thread(target=work) for _ in range(16)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(len(got), 16)
            self.assertLessEqual({s for s, _, _ in got}, {201, 409})
            self.assertEqual(len({x for s, x, _ in got if s == 201}), 1)
            self.assertEqual(len([1 for s, _, replayed in got if s == 201 and not replayed]), 1)
            self.assertEqual(self.world.north.ask("status")["store"]["exchanges"], before + 1)

    def test_the_control_socket(self):
        """Lines that are too long, requests in one write, and clients that leave while the daemon works."""
        path = json.loads(read(self.world.north.config))["control"]
        path = os.path.join(self.world.north.folder, path)

        def connect():
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(20)
            s.connect(path)
            return s

        with connect() as s:
            s.sendall(b'{"do":"status"}\nnothing\n{"do":"none"}\n')
            lines = s.makefile("rb")
            self.assertEqual([json.loads(lines.readline())["ok"] for _ in range(3)], [True, False, False])
        exchange = self.world.north.ask("exchange", "list")[0]["exchange"]
        show = json.dumps({"do": "exchange-show", "exchange": exchange}).encode() + b"\n"
        with connect() as s:
            s.sendall(show * 5)
            lines = s.makefile("rb")
            self.assertEqual([json.loads(lines.readline())["ok"] for _ in range(5)], [True] * 5)
        for _ in range(5):
            with connect() as s:
                s.sendall(show)
            with connect() as s:
                try:
                    s.sendall(show + b"x" * 200000)
                except OSError:
                    pass
            with connect() as s:
                with self.assertRaises(OSError):
                    s.sendall(b"x" * 1000000)
                    s.sendall(b"x" * 1000000)
                    if not s.recv(1):
                        raise OSError("closed")
        self.assertEqual(self.world.north.ask("status")["ok"], True)


class End(unittest.TestCase):
    def test_connected_clients_do_not_keep_it(self):
        """It stops at once and cleanly with clients on both sockets and requests half sent."""
        with World() as w:
            schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
            w.agreement(agreements.passenger(digest=schema))
            w.north.start()
            control = socket.socket(socket.AF_UNIX)
            control.connect(os.path.join(w.north.folder, json.loads(read(w.north.config))["control"]))
            control.sendall(b'{"do":"sta')
            client = w.client("north")
            client.connect()
            client.connection.sock.sendall(b"POST /v1/agreements/pax/records HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
            begin = time.monotonic()
            w.north.process.terminate()
            self.assertEqual(w.north.process.wait(20), 0, read(w.north.log)[-2000:])
            self.assertLess(time.monotonic() - begin, 15)
            control.close()
            client.close()
            log = read(w.north.log)
            self.assertNotIn("Sanitizer", log, log[-4000:])
