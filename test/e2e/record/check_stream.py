"""NDJSON of any length: decided as it comes and answered line by line, in bounded memory, whatever the client does. MIB in the
environment is how much the long test sends."""

import json
import os
import select
import socket
import ssl
import struct
import threading
import time
import unittest

import agreements
from check_flood import resident
from world import ROOT, Client, World, sanitized, wait_for

MIB = int(os.environ.get("MIB", "64"))
PATH = "/v1/agreements/pax/records"


class Stream:
    """A request whose body is sent piece by piece, and whose answer is read meanwhile or not."""

    def __init__(self, client, length=None, path=PATH, more=""):
        raw = socket.create_connection(("127.0.0.1", client.node.port), timeout=60)
        self.socket = client.context.wrap_socket(raw, server_hostname=client.node.host)
        self.length = length
        framing = f"content-length: {length}" if length is not None else "transfer-encoding: chunked"
        self.socket.sendall(f"POST {path} HTTP/1.1\r\nhost: {client.node.host}\r\ncontent-type: application/x-ndjson\r\n"
                            f"{more}{framing}\r\n\r\n".encode())
        self.rest, self.status, self.fields = bytearray(), None, {}

    def framed(self, data):
        return data if self.length is not None else b"%x\r\n%s\r\n" % (len(data), data)

    def send(self, data):
        self.socket.sendall(self.framed(data))

    def pump(self, pieces):
        """Sends them all and reads at once, in one thread, for a TLS connection takes no two."""
        self.socket.setblocking(False)
        for piece in pieces:
            data = memoryview(self.framed(piece))
            while data:
                moved = False
                try:
                    data = data[self.socket.send(data):]
                    moved = True
                except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    pass
                try:
                    got = self.socket.recv(65536)
                    if not got:
                        raise EOFError
                    self.rest += got
                    moved = True
                except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    pass
                if not moved:
                    select.select([self.socket], [self.socket], [], 1)
        self.socket.settimeout(60)
        self.end()

    def end(self):
        if self.length is None:
            self.socket.sendall(b"0\r\n\r\n")

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.rest += data

    def until(self, mark):
        while mark not in self.rest:
            self.more()
        at = self.rest.index(mark)
        found = bytes(self.rest[:at])
        del self.rest[:at + len(mark)]
        return found

    def head(self):
        lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.fields = {k.lower(): v for k, v in (l.split(": ", 1) for l in lines[1:])}

    def results(self):
        """The lines of the answer, as they come."""
        if self.status is None:
            self.head()
        if "content-length" in self.fields:
            while len(self.rest) < int(self.fields["content-length"]):
                self.more()
            yield json.loads(self.rest)
            return
        text = b""
        while size := int(self.until(b"\r\n"), 16):
            while len(self.rest) < size + 2:
                self.more()
            text += bytes(self.rest[:size])
            del self.rest[:size + 2]
            *lines, text = text.split(b"\n")
            yield from map(json.loads, lines)
        self.until(b"\r\n")
        assert text == b""

    def close(self):
        self.socket.close()


class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(agreements.passenger(digest=schema))
        cls.node = w.south
        cls.feed = w.authority.leaf("feed", "spiffe://north.example/feed")
        w.add_system(cls.node, "north", "north-feed", cls.feed[0])
        cls.node.change(limits={"threads": 2, "body_bytes": 1 << 20, "lines": 1000})
        cls.node.start()
        cls.client = Client(w, cls.node, *cls.feed)

    def setUp(self):
        self.assertEqual(self.client.post("pax", agreements.envelope(agreements.passenger_record()))[0], 201)

    @staticmethod
    def line(n, good=True, pad=0):
        number = int(n) if str(n).isdigit() else sum(map(ord, str(n)))
        record = agreements.passenger_record(number) if good else {"locator": 1}
        return json.dumps(agreements.envelope(record, key=f"stream-{n}")).encode() + b" " * pad + b"\n"

    def test_results_come_while_the_body_does(self):
        s = Stream(self.client)
        results = s.results()
        for n in range(5):
            s.send(self.line(n))
            self.assertEqual(next(results)["status"], 201)
        self.assertEqual((s.status, s.fields["content-type"]), (200, "application/x-ndjson"))
        s.send(self.line(5)[:40])
        s.send(self.line(5)[40:-1])     # the last one without its line feed
        s.end()
        self.assertEqual([r["status"] for r in results], [201])
        # The connection goes on.
        s.status = None
        s.socket.sendall(f"GET /v1/agreements HTTP/1.1\r\nhost: {self.node.host}\r\n\r\n".encode())
        s.head()
        self.assertEqual(s.status, 200)
        s.close()

    def test_a_long_one_in_bounded_memory(self):
        total, line = MIB << 20, 16 << 10
        pids = [self.node.process.pid, self.node.edge_pid()]
        before, most, over = [resident(p) for p in pids], [0, 0], threading.Event()
        count = total // line
        s = Stream(self.client, count * line)

        def look():
            while not over.wait(0.05):
                most[:] = [max(m, resident(p)) for m, p in zip(most, pids)]

        watch = threading.Thread(target=look)
        watch.start()
        began = time.monotonic()
        s.pump(self.line(f"long-{n}", good=False)[:-1].ljust(line - 1) + b"\n" for n in range(count))
        took = time.monotonic() - began
        seen = 0
        for result in s.results():
            self.assertEqual(result["status"], 422)
            seen += 1
        over.set()
        watch.join()
        s.close()
        self.assertEqual(seen, count)
        grown = [m - b for m, b in zip(most, before)]
        print(f"{MIB} MiB in {took:.1f} s, {count} lines: core grew by {grown[0]:.1f} MiB, edge by {grown[1]:.1f}")
        if not sanitized():
            # Beside the stream, the writer's part of the store in memory grows (64 MiB at most).
            self.assertLess(grown[0], 32 + 64)
            self.assertLess(grown[1], 32)

    def test_who_writes_all_and_reads_then(self):
        s = Stream(self.client)
        for n in range(300):
            s.send(self.line(f"first-{n}", good=False, pad=8000))
        s.end()
        time.sleep(0.5)
        self.assertEqual([r["status"] for r in s.results()], [422] * 300)
        s.close()

    def test_a_line_that_is_too_long_is_a_result(self):
        s = Stream(self.client)

        s.pump([self.line("long-a"), *[b"x" * 65536] * 40, b"y\n", self.line("long-b")])
        results = list(s.results())
        s.close()
        self.assertEqual([r["status"] for r in results], [201, 413, 201])
        self.assertEqual(results[1]["type"], "/problems/too-large")

    def test_a_line_just_as_long_as_it_may_be(self):
        s = Stream(self.client)
        s.pump([self.line("most")[:-1].ljust(1 << 20) + b"\n", self.line("more")[:-1].ljust((1 << 20) + 1) + b"\n"])
        self.assertEqual([r["status"] for r in s.results()], [201, 413])
        s.close()

    def test_line_ends_of_another_system(self):
        s = Stream(self.client)
        s.pump([b"\r\n" + self.line("end-a")[:-1] + b"\r\n \t\r\n\n" + self.line("end-b")[:-1]])
        self.assertEqual([r["status"] for r in s.results()], [201, 201])
        s.close()

    def test_a_key_more_than_once(self):
        line = self.line("twice")
        s = Stream(self.client)
        s.pump([line, line, self.line("twice", good=False), line])
        results = list(s.results())
        s.close()
        # While the first is under way the others are told so, or get its answer.
        self.assertEqual(results[0]["status"], 201)
        self.assertEqual({r["exchange"] for r in results if r["status"] == 201}, {results[0]["exchange"]})
        self.assertEqual(results[2]["type"], "/problems/key-reused")

    def test_streams_that_end_anywhere_leave_nothing(self):
        body = b"".join(self.line(f"cut-{n}") for n in range(40))
        for k in range(30):
            s = Stream(self.client)
            s.send(body[:len(body) * (k + 1) // 31])
            if k % 2:
                s.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))      # with a reset
            s.close()
        wait_for(lambda: [self.node.ask("status")["budget"][m] for m in ("bytes", "jobs", "waiting")] == [0, 0, 0])

    def test_a_break_and_a_resume_without_double(self):
        lines = [self.line(f"break-{n}") for n in range(200)]
        s = Stream(self.client)
        for l in lines[:120]:
            s.send(l)
        results, first = s.results(), []
        for _ in range(50):
            first.append(next(results))
        s.close()
        s = Stream(self.client)
        for l in lines:
            s.send(l)
        s.end()
        again = list(s.results())
        s.close()
        self.assertEqual([r["status"] for r in again], [201] * 200)
        self.assertEqual([r["exchange"] for r in again[:50]], [r["exchange"] for r in first])
        self.assertEqual(len({r["exchange"] for r in again}), 200)

    def test_more_lines_than_a_batch_has_are_a_stream(self):
        body = b"".join(self.line(f"many-{n}", good=False) for n in range(1200))
        status, fields, answer = self.client.request("POST", PATH, body, content_type="application/x-ndjson")
        self.assertEqual((status, len(answer.decode().strip().split("\n"))), (200, 1200))

    def refused(self, expected, slug, more="", path=PATH, length=2 << 20):
        s = Stream(self.client, length, path, more)
        s.head()
        self.assertEqual(s.status, expected)
        self.assertEqual(next(s.results())["type"], f"/problems/{slug}")
        s.close()

    def test_what_is_refused_before_it_is_read(self):
        self.refused(400, "bad-header", "content-digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\r\n")
        self.refused(400, "bad-header", "idempotency-key: one\r\n")
        self.refused(413, "too-large", path="/v1/agreements/pax/validate")

    def test_an_empty_one(self):
        s = Stream(self.client)
        s.send(b"\n\n")
        s.end()
        self.assertEqual(next(s.results())["type"], "/problems/bad-json")
        self.assertEqual(s.status, 400)
        s.close()


if __name__ == "__main__":
    unittest.main()
