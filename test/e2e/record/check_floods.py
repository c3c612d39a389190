"""One partner after another does one thing only, as fast as it goes, over several connections, from the address that the honest one
has too: lines of two bytes, lines of none, records that are held, keys that were used, pages of the log and of an inbox, and
results that nobody reads. An honest one posts a record at a time meanwhile. Asserted: each of its records is released, whoever floods
is told results or when to come again, what requests hold stays within the budget, and all of it comes back. Printed: what the
honest one waits beside each, against quiet just before; and how many answers the others had while it waited for one. No time is
asserted (see check_neighbours).

POSTS: records of the honest one a turn (30); KINDS: names of those that are run, with commas between (all)."""

import contextlib
import json
import multiprocessing
import os
import socket
import ssl
import threading
import time
import unittest

import agreements
from check_flood import resident
from check_neighbours import percentile
from world import GATEWAYCTL, ROOT, Client, World, run, sanitized, wait_for

POSTS = int(os.environ.get("POSTS", "30"))
FLOODERS, HISTORY, MEMORY, RATE = 6, 300, 16, 50
NDJSON = {"content_type": "application/x-ndjson"}
PAX = "/v1/agreements/pax/records"


def envelope(n, **more):
    return agreements.envelope(agreements.passenger_record(n), **more)


def tiny_lines(client, k, n):
    return client.request("POST", PAX, "{}\n" * 900, **NDJSON)


def empty_lines(client, k, n):
    return client.request("POST", PAX, "\n" * 1000000, **NDJSON)


def held_records(client, k, n):
    """Whose subjects nobody has put in a category: a person decides."""
    docs = [envelope(i, key=f"held-{k}-{n}-{i}") for i in range(50)]
    for doc in docs:
        del doc["subject_category"]
    return client.request("POST", PAX, "\n".join(map(json.dumps, docs)), **NDJSON)


def used_keys(client, k, n):
    """The same again, and another body under the same key."""
    return client.request("POST", PAX, envelope(n % 2), idempotency_key=f"used-{k}")


def log_pages(client, k, n):
    return client.request("GET", "/v1/log/entries?agreement=pax")


def inbox_pages(client, k, n):
    return client.request("GET", "/v1/inbox?after=0")


def unread_results(client, k, n):
    """A stream of lines that are refused, of whose results a little is read now and then."""
    with socket.create_connection(("127.0.0.1", client.node.port)) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(0.2)
        with client.context.wrap_socket(raw, server_hostname=client.node.host) as s:
            s.sendall((f"POST {PAX} HTTP/1.1\r\nHost: {client.node.host}\r\nContent-Type: application/x-ndjson\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n").encode())
            piece = b"{}\n" * 1000
            with contextlib.suppress(OSError):
                for _ in range(200):
                    s.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            with contextlib.suppress(OSError):
                s.recv(1000)
    return 200, {}, b""


# Who does it, and what it may be answered.
KINDS = {"tiny lines": ("bad", tiny_lines, (200,)), "empty lines": ("bad", empty_lines, (400,)),
         "held records": ("bad", held_records, (200,)), "used keys": ("bad", used_keys, (201, 422, 409)),
         "pages of the log": ("body", log_pages, (200, 429)), "pages of an inbox": ("south", inbox_pages, (200, 429)),
         "results that nobody reads": ("bad", unread_results, (200,))}
CHOSEN = [name for name in KINDS if name in os.environ.get("KINDS", ",".join(KINDS)).split(",")]


def flood(world, node, pair, name, end, counts):
    """The other process."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    _, act, may = KINDS[name]

    def one(k):
        client, n = Client(world, node, *pair, timeout=60), 0
        while not end.is_set():
            n += 1
            try:
                status, fields, _ = act(client, k, n)
            except (OSError, ssl.SSLError):
                status, fields = 0, {}
            told = status in (429, 503) and "retry-after" in {f.lower() for f in fields}
            with counts.get_lock():
                counts[0] += 1
                counts[1] += status not in may and not told
            if status in (0, 429, 503):
                time.sleep(0.2)
        client.close()
    threads = [threading.Thread(target=one, args=(k,)) for k in range(FLOODERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


class Floods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            cls.addClassCleanup(os.sched_setscheduler, 0, os.SCHED_OTHER, os.sched_param(0))
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        doc = agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json"))
        doc["purposes"][0]["subject_categories"].append("uncategorised")
        w.agreement(doc)
        cls.node = w.south
        cls.pairs = {"south": w.systems["south"]}
        for name in ("bad", "honest"):
            cls.pairs[name] = w.authority.leaf(name, f"spiffe://north.example/{name}")
            w.add_system(cls.node, "north", f"north-{name}", cls.pairs[name][0])
        cls.pairs["body"] = cert, _ = w.authority.leaf("body", "spiffe://body.example/body")
        cls.node.add_partner({"id": "body", "agency": "body", "jurisdiction": "XX", "roles": ["supervisor"], "oversees": ["south"],
                              "identity": json.loads(run(GATEWAYCTL, "pin", cert)[1])})
        cls.node.change(limits={"threads": 2, "memory_mib": MEMORY, "memory_mib_per_partner": MEMORY // 2, "jobs": 512,
                                "jobs_per_partner": 64, "reads_per_minute": 1000000})
        cls.node.start()
        cls.honest = Client(w, cls.node, *cls.pairs["honest"])
        # Pages have something to show.
        lines = "\n".join(json.dumps(envelope(i)) for i in range(HISTORY))
        status, _, body = cls.honest.request("POST", PAX, lines, **NDJSON)
        assert (status, body.count(b'"status":201')) == (200, HISTORY), body[:300]

    def turn(self, name, counts):
        waits, beside = [], []
        for i in range(POSTS):
            at, began = counts[0], time.monotonic()
            status, answer = self.honest.post("pax", envelope(i), key=f"{name}-{i}".replace(" ", "-"))
            waits.append((time.monotonic() - began) * 1000)
            beside.append(counts[0] - at)
            self.assertEqual(status, 201, answer)
            time.sleep(max(0, 1 / RATE - (time.monotonic() - began)))
        return waits, beside

    def nothing_held(self):
        status = self.node.ask("status")
        return status["budget"]["bytes"] == 0 and status["budget"]["jobs"] == 0

    def beside(self, name):
        context = multiprocessing.get_context("fork")
        end, counts = context.Event(), context.Array("Q", 2)
        quiet, _ = self.turn(f"{name}-quiet", counts)
        flooder = context.Process(target=flood, args=(self.world, self.node, self.pairs[KINDS[name][0]], name, end, counts))
        flooder.start()
        try:
            wait_for(lambda: counts[0] > 0, 60)
            loud, answers = self.turn(f"{name}-loud", counts)
            budget = self.node.ask("status")["budget"]
            most = resident(self.node.process.pid)
        finally:
            end.set()
            flooder.join(90)
            flooder.kill()
        print(f"{name}: {counts[0]} answers, {counts[1]} of them wrong; the honest one waits p50 {percentile(loud, 0.5):.1f} ms and p99 "
              f"{percentile(loud, 0.99):.1f} ms: {percentile(loud, 0.5) / percentile(quiet, 0.5):.1f} x and "
              f"{percentile(loud, 0.99) / percentile(quiet, 0.99):.1f} x quiet, while the others have {percentile(answers, 0.5)} answers, "
              f"{max(answers)} at the most; core {most:.1f} MiB", flush=True)
        self.assertEqual(counts[1], 0)
        self.assertGreater(counts[0], 0)
        # Bodies that wait unread may be half as much again.
        self.assertLessEqual(budget["bytes"], 1.5 * budget["bytes_max"])
        wait_for(self.nothing_held, 60)

    def test_each_kind(self):
        pids = (self.node.process.pid, self.node.edge_pid())
        self.turn("warm", [0])
        before = [resident(pid) for pid in pids]
        for name in CHOSEN:
            with self.subTest(name):
                self.beside(name)
        if not sanitized():
            most = 1.5 * MEMORY + 64
            try:
                wait_for(lambda: all(resident(pid) <= b + most / 4 for pid, b in zip(pids, before)), 15)
            finally:
                print(", ".join(f"{who} {b:.1f} MiB before and {resident(pid):.1f} after" for who, pid, b in
                                zip(("core", "edge"), pids, before)))


if __name__ == "__main__":
    unittest.main()
