"""What strangers and a bad partner can do to the door while an honest partner comes and goes: for each class of attack,
attackers in one process refill what they hold as fast as they can, from many addresses of 127.0.0.0/8, and honest clients in
another open a fresh connection, ask and close. Asserted: at least 99 of 100 honest connections succeed, and no attacker is
answered as a partner. Printed: a line a class with how many attacks were tried, how many were wrongly accepted, the honest
share and p99 against quiet, and the memory of both processes before, at and after. The gateway and the honest run ahead of all
else on the machine where that is allowed (SCHED_RR), for attackers of the world outside take no processor of the gateway's, nor
do other programs; what is measured is what they make the gateway do. Where it is not allowed attackers run when nobody else wants
the processor, and waits are the machine's as much as the gateway's. Quiet is measured anew beside each attack, and of several
rounds the median ratio is told.

HONEST: honest connections a round (30); ROUNDS: rounds a class (1); ATTACKERS: threads of the attacking process (4); CLASSES: names
of those that are run, with commas between (all). OTHER=1: each round has the same attack on another gateway of this machine,
too, before it; how much longer the honest wait than beside that is the gateway's part, and not the machine's."""

import contextlib
import json
import multiprocessing
import os
import random
import re
import socket
import ssl
import statistics
import subprocess
import threading
import time
import unittest

import agreements
from world import ROOT, Authority, World, read, run, sanitized, wait_for, write

HONEST, ROUNDS, ATTACKERS = (int(os.environ.get(name, default)) for name, default in (("HONEST", "30"), ("ROUNDS", "1"), ("ATTACKERS", "4")))
OTHER = os.environ.get("OTHER") == "1"
HELD = 1200             # sockets that the attackers hold at once, where the class is about holding them
HONEST_ADDRESS = "127.0.0.1"
# ip(7): the kernel looks for a port when both ends are known, instead of one that is free for all, which takes long with so many.
IP_BIND_ADDRESS_NO_PORT = 24
BUSY = (429, 503)       # a partner that has all that it may have
CLIENT_HELLO_HALF = bytes.fromhex("1603010200010001fc0303") + bytes(100)


def any_address():
    return f"127.{random.randrange(1, 250)}.{random.randrange(250)}.{random.randrange(1, 250)}"


def connect(port, address=None, timeout=5):
    s = socket.socket()
    s.settimeout(timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    s.bind((address or any_address(), 0))
    s.connect(("127.0.0.1", port))
    return s


class Target:
    """Where and as whom: what a process needs of the world."""

    def __init__(self, world, node, pair, others):
        self.host, self.port, self.monitor = node.host, node.port, node.monitor
        self.ca, self.pair, self.others = world.authority.cert, pair, others
        self.ahead = os.sched_getscheduler(0) == os.SCHED_RR

    def context(self, pair):
        c = ssl.create_default_context(cafile=self.ca)
        c.minimum_version = ssl.TLSVersion.TLSv1_3
        if pair:
            c.load_cert_chain(*pair)
        return c

    def tls(self, context, address=None, timeout=5):
        return context.wrap_socket(connect(self.port, address, timeout), server_hostname=self.host)

    def head(self, method="GET", path="/v1/agreements", more=""):
        return f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n{more}\r\n".encode()


# --- attacks: each is called again and again and returns (tried, wrongly accepted); what it holds, it puts into `held` ---

def silent(t, held):
    held.append(connect(t.port))
    return 1, 0


def half_hello(t, held):
    s = connect(t.port)
    s.sendall(CLIENT_HELLO_HALF)
    held.append(s)
    return 1, 0


def no_finish(t, held):
    """A whole ClientHello, for which the gateway signs, and silence."""
    came, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        t.contexts[t.others["bad"]].wrap_bio(came, to_send, server_hostname=t.host).do_handshake()
    s = connect(t.port)
    s.sendall(to_send.read())
    held.append(s)
    return 1, 0


def bad_certificate(t, held):
    """None, or one of an authority that is none here: whatever comes back, it is no answer."""
    answer = b""
    with contextlib.suppress(OSError):
        with t.tls(t.contexts[random.choice((None, t.others["foreign"]))]) as s:
            s.sendall(t.head())
            answer = s.recv(100)
    return 1, int(answer != b"")


def stranger(t, held):
    """A certificate of an authority of ours that no partner has: one answer, which refuses."""
    s = t.tls(t.contexts[t.others["stranger"]])
    s.sendall(t.head())
    answer = s.recv(4000)
    held.append(s)
    return 1, int(answer.startswith(b"HTTP/1.1 2"))


def thousands(t, held):
    """A valid partner: at most as many as one partner may have."""
    s = t.tls(t.contexts[t.others["bad"]])
    held.append(s)
    return 1, 0


def slow_head(t, held):
    s = t.tls(t.contexts[t.others["bad"]])
    s.sendall(t.head()[:30])
    held.append(s)
    return 1, 0


def slow_body(t, held):
    s = t.tls(t.contexts[t.others["bad"]])
    s.sendall(t.head("POST", "/v1/agreements/pax/records", "Content-Length: 100000\r\n") + b"{")
    held.append(s)
    return 1, 0


def slow_reader(t, held):
    s = t.tls(t.contexts[t.others["bad"]])
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(20):
        s.sendall(t.head(path="/openapi.json"))
    held.append(s)
    return 1, 0


def monitor(t, held):
    held.append(connect(t.monitor))
    return 1, 0


def flood(t, held):
    """Whole handshakes as fast as it goes, without a certificate."""
    with contextlib.suppress(OSError):
        t.tls(t.contexts[None]).close()
    return 1, 0


def key_updates(t, held):
    """openssl s_client renews keys for each line that is a K, which Python's TLS cannot; it is cut after 32 of them."""
    with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{t.port}", "-servername", t.host, "-tls1_3",
                           "-cert", t.others["bad"][0], "-key", t.others["bad"][1]],
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        sent = 0
        with contextlib.suppress(OSError):
            while p.poll() is None and sent < 300:
                p.stdin.write(b"K\n")
                p.stdin.flush()
                time.sleep(0.005)
                sent += 1
        wrong = p.poll() is None
        p.kill()
    return sent, int(wrong)


def answers(s):
    """All that comes until the gateway ends the connection."""
    got = b""
    with contextlib.suppress(OSError):
        while piece := s.recv(65536):
            got += piece
    return got


def accepted(s, *refusals):
    """Whether anything but at most one answer, with one of these statuses, came before the gateway ended the connection. None
    comes where the attackers spent what they may."""
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers(s))]
    return int(len(statuses) > 1 or not set(statuses) <= set(refusals))


def smuggled():
    """Requests whose length can be read in two ways, or in none, each with another request behind it."""
    post, chunk, more = "POST /v1/agreements/pax/records", "5\r\nhello\r\n0\r\n\r\n", "GET /v1/agreements HTTP/1.1\r\nHost: {host}\r\n\r\n"
    chunked = ("identity", "gzip", "chunked, identity", "identity, chunked", "chunked, chunked", "chunked,", ", chunked", "xchunked", "chunkedx",
               "chunked;q=1", "\"chunked\"", "chun ked", "chunked\x0b", "\x00chunked", "chunked\x00", "gzip, chunked", "chunked, gzip", "")
    lengths = ("+5", "-1", "-5", "0x5", "5 5", "5,5", "5, 6", "5a", "5\x00", "5;", "1e1", "99999999999999999999", "", "five")
    sizes = ("0x5", "+5", "-5", "5 ", "5\t", " 5", "", "g", "5g", "5;\x00", "5;a=\n", "5\x0b", "fffffffffffffffff", "00000000000000005")
    tails = ("0\r\nX: y\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n\n", "0\n\r\n", "0\n\n", "0;x\n\r\n", "0\r\rX\r\n\r\n")
    heads = [f"Transfer-Encoding: {c}\r\n" for c in chunked] + [f"Transfer-Encoding: {c}\r\nContent-Length: 5\r\n" for c in chunked]
    heads += [f"{name}: chunked\r\n" for name in ("Transfer-Encoding ", " Transfer-Encoding", "Transfer-Encoding\t", "Transfer-Encoding:")]
    heads += ["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
              "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding:\r\n chunked\r\n", "Transfer-Encoding: chunked\n"]
    heads += ["Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5\n",
              "Content-Length : 5\r\n", "Content-Length:\r\n 5\r\n"]
    forms = [(head, chunk) for head in heads] + [(f"Content-Length: {n}\r\n", chunk) for n in lengths]
    forms += [("Transfer-Encoding: chunked\r\n", f"{size}\r\nhello\r\n0\r\n\r\n") for size in sizes]
    forms += [("Transfer-Encoding: chunked\r\n", f"5\r\nhello\r\n{tail}") for tail in tails]
    forms += [("Transfer-Encoding: chunked\r\n", body) for body in ("5\r\nhell\r\n0\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n", "5\nhello\n0\n\n",
                                                                  "5\r\nhello0\r\n\r\n")]
    return [f"{post} HTTP/1.1\r\nHost: {{host}}\r\nContent-Type: application/json\r\n{head}\r\n{body}{more}" for head, body in forms]


SMUGGLED = smuggled()
assert len(SMUGGLED) > 60


def smuggling(t, held):
    """One answer, which refuses, and the end: the request behind it is none."""
    with t.tls(t.contexts[t.others["bad"]]) as s:
        s.sendall(random.choice(SMUGGLED).replace("{host}", t.host).encode("latin-1"))
        return 1, accepted(s, 400, 501, *BUSY)


WRONG_FIELDS = ("Idempotency-Key: \r\n", "Idempotency-Key:\r\n", "Content-Digest: \r\n", "Content-Digest: sha-256=:AAAA:\r\n",
                "Expect: 200-ok\r\n", "Host: {host}\r\n", "Content-Encoding: gzip\r\n", "X" * 9000 + ": 1\r\n")


def wrong_fields(t, held):
    """Another gateway's Host, an empty key or digest, and what else no client of ours says."""
    field = random.choice(WRONG_FIELDS).replace("{host}", t.host)
    host = t.host if random.randrange(4) else "elsewhere.example"
    with t.tls(t.contexts[t.others["bad"]]) as s:
        s.sendall(f"POST /v1/agreements/pax/records HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{field}"
                  "Content-Length: 2\r\nConnection: close\r\n\r\n{}".encode())
        return 1, accepted(s, 400, 415, 421, 431, 501, *BUSY)


def revoked(t, held):
    """A partner's certificate that its authority's list names."""
    with t.tls(t.contexts[t.others["revoked"]]) as s:
        s.sendall(t.head(more="Connection: close\r\n"))
        return 1, accepted(s, 403, *BUSY)


def refused_lines(t, held):
    """Batches of lines that are refused, one after another on each connection: what costs the gateway most for least."""
    body = b"\n".join([json.dumps(agreements.envelope({"locator": 1}), separators=(",", ":")).encode()] * 200)
    head = t.head("POST", "/v1/agreements/pax/records", f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n")
    with t.tls(t.contexts[t.others["bad"]], timeout=20) as s:
        s.sendall(head + body)
        got = b""
        while got.count(b"\n") < 200 and not got.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")) and (piece := s.recv(65536)):
            got += piece
    return 200, got.count(b'"status":201')


def endless_stream(t, held):
    """A stream of lines without an end, whose answers nobody reads."""
    line = json.dumps(agreements.envelope({"locator": 1}), separators=(",", ":")).encode() + b"\n"
    piece = line * 20
    s = t.tls(t.contexts[t.others["bad"]], timeout=0.5)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(t.head("POST", "/v1/agreements/pax/records", "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"))
    sent = 0
    with contextlib.suppress(OSError):
        while sent < 2000:
            s.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            sent += 20
    held.append(s)
    return sent, 0


ATTACKS = {"silent TCP": silent, "half ClientHello": half_hello, "silence after ClientHello": no_finish,
           "no or foreign certificate": bad_certificate, "certificate of nobody": stranger, "partner opens thousands": thousands,
           "slow head": slow_head, "slow body": slow_body,
           "slow reader": slow_reader, "monitor port": monitor, "handshake flood": flood, "renewals (KeyUpdate)": key_updates,
           "request smuggling": smuggling, "wrong fields": wrong_fields, "revoked certificate": revoked, "refused lines": refused_lines,
           "endless stream": endless_stream}

CLASSES = [name for name in ATTACKS if name in os.environ.get("CLASSES", ",".join(ATTACKS)).split(",")]


def attack(t, name, ready, stop, out):
    """The attacking process."""
    os.sched_setscheduler(0, os.SCHED_OTHER if t.ahead else os.SCHED_IDLE, os.sched_param(0))
    t.contexts = {pair: t.context(pair) for pair in (None, *t.others.values())}
    tried, wrong, lock = [0], [0], threading.Lock()

    def run():
        held = []
        while not stop.is_set():
            with contextlib.suppress(OSError):
                n, bad = ATTACKS[name](t, held)
                with lock:
                    tried[0] += n
                    wrong[0] += bad
            if len(held) > HELD // ATTACKERS:
                held.pop(0).close()
        for s in held:
            s.close()

    threads = [threading.Thread(target=run) for _ in range(ATTACKERS)]
    for one in threads:
        one.start()
    time.sleep(0.8)
    ready.set()
    for one in threads:
        one.join()
    out.put((tried[0], wrong[0]))


def be_honest(t, n, out):
    """The honest process: fresh connections, one after another."""
    context, took, well = t.context(t.pair), [], 0
    for _ in range(n):
        began = time.monotonic()
        with contextlib.suppress(OSError):
            with t.tls(context, HONEST_ADDRESS) as s:
                s.sendall(t.head())
                well += s.recv(4000).startswith(b"HTTP/1.1 200")
        took.append(time.monotonic() - began)
    took.sort()
    out.put((well, took[n // 2], took[min(n - 1, int(n * 0.99))]))


def resident(pid):
    """KiB."""
    return next(int(line.split()[1]) for line in read(f"/proc/{pid}/status").splitlines() if line.startswith("VmRSS:"))


def memory(node):
    """KiB that core and edge have of their own and hold."""
    total = 0
    for pid in (node.process.pid, node.edge_pid()):
        total += sum(int(line.split()[1]) for line in read(f"/proc/{pid}/smaps_rollup").splitlines() if line.startswith("Private_Dirty"))
    return total


class EdgeAttacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            cls.addClassCleanup(os.sched_setscheduler, 0, os.SCHED_OTHER, os.sched_param(0))
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        cls.world.agreement(agreements.passenger(digest=schema))
        authority = cls.world.authority
        others = {"bad": authority.leaf("bad-system", "spiffe://south.example/bad"),
                  "stranger": authority.leaf("stranger", "spiffe://nowhere.example/system"),
                  "revoked": authority.leaf("revoked-system", "spiffe://south.example/revoked")}
        cls.make_list(others["revoked"][0])
        others["foreign"] = Authority(f"{cls.world.folder}/foreign", number=2).leaf("foreign", "spiffe://north.example/system")
        limits = {"reads_per_minute": 1000000, "connections": 1000, "handshakes": 400, "handshakes_reserved": 100,
                  "strangers": 50, "connections_per_peer": 50, "handshake_ms": 3000, "header_ms": 3000, "body_ms": 5000,
                  "handshakes_per_second": 100, "handshakes_per_source": 1000}
        cls.target = cls.start(cls.world.north, others, limits)
        cls.other = cls.start(cls.world.south, others, limits) if OTHER else None
        cls.fresh = multiprocessing.get_context("fork")
        cls.honest(10)

    @classmethod
    def make_list(cls, cert):
        """The authority's revocation list, with this certificate."""
        folder = cls.world.folder
        write(f"{folder}/index.txt", "")
        write(f"{folder}/ca.cnf", f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index.txt\ndefault_md=sha256\ndefault_crl_days=7\n")
        ca = ("openssl", "ca", "-config", f"{folder}/ca.cnf", "-cert", cls.world.authority.cert, "-keyfile", cls.world.authority.key)
        run(*ca, "-revoke", cert)
        run(*ca, "-gencrl", "-out", f"{folder}/list.crl")

    @classmethod
    def start(cls, node, others, limits):
        for name in ("bad", "revoked"):
            cls.world.add_system(node, "south", f"{name}-system", others[name][0])
        tls = json.loads(read(node.config))["tls"]
        node.change(limits=limits, tls={**tls, "revocations": f"{cls.world.folder}/list.crl"})
        node.start()
        return Target(cls.world, node, cls.world.systems["north"], others)

    @classmethod
    def honest(cls, n=HONEST):
        out = cls.fresh.Queue()
        p = cls.fresh.Process(target=be_honest, args=(cls.target, n, out))
        p.start()
        answer = out.get(timeout=300)
        p.join()
        return answer

    def attacked(self, name, target):
        """One round: what the attackers did, how the honest fared, and the memory meanwhile."""
        ready, stop, out = self.fresh.Event(), self.fresh.Event(), self.fresh.Queue()
        p = self.fresh.Process(target=attack, args=(target, name, ready, stop, out))
        p.start()
        try:
            self.assertTrue(ready.wait(60))
            honest = self.honest()
            at = memory(self.world.north)
            if name == "monitor port" and target is self.target:
                self.assertEqual(sum(self.world.north.get_monitor("/readyz")[0] == 200 for _ in range(20)), 20)
        finally:
            stop.set()
        done = out.get(timeout=120)
        p.join()
        return done, honest, at

    def under(self, name):
        before, worst, tried, wrong, well, ratios, waits, beside = memory(self.world.north), 0, 0, 0, 0, [], [], []
        for _ in range(ROUNDS):
            # From where nothing is left of the round before.
            wait_for(lambda: self.open_connections() < 20, 20)
            quiet = self.honest()
            other = self.attacked(name, self.other)[1] if OTHER else None
            (n, bad), honest, at = self.attacked(name, self.target)
            tried, wrong, well, worst = tried + n, wrong + bad, well + honest[0], max(worst, at)
            ratios.append((honest[1] / quiet[1], honest[2] / quiet[2]))
            waits.append(honest[2])
            if other:
                beside.append(honest[2] / other[2])
        wait_for(lambda: self.open_connections() < 20, 20)
        p50, p99 = (statistics.median(r[k] for r in ratios) for k in (0, 1))
        print(f"{name}: {tried} tried, {wrong} wrongly accepted; honest {well}/{ROUNDS * HONEST}, p50 {p50:.1f} x quiet, "
              f"p99 {statistics.median(waits) * 1000:.1f} ms = {p99:.1f} x quiet"
              f"{f', {statistics.median(beside):.2f} x beside another gateway' if beside else ''}; memory {before // 1024}, {worst // 1024}, "
              f"{memory(self.world.north) // 1024} MiB", flush=True)
        self.assertGreater(tried, 0)
        self.assertEqual(wrong, 0)
        self.assertGreaterEqual(well, ROUNDS * HONEST * 0.99)

    def open_connections(self):
        return len(os.listdir(f"/proc/{self.world.north.edge_pid()}/fd")) - self.idle_files

    def test_each_class(self):
        type(self).idle_files = len(os.listdir(f"/proc/{self.world.north.edge_pid()}/fd"))
        well, p50, p99 = self.honest()
        shared = "" if self.target.ahead else "; not ahead of other programs, so waits are the machine's as well"
        print(f"quiet: honest {well}/{HONEST}, p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms{shared}")
        self.assertEqual(well, HONEST)
        pids = (self.world.north.process.pid, self.world.north.edge_pid())
        before = [resident(pid) for pid in pids]
        for name in CLASSES:
            with self.subTest(name):
                self.under(name)
        if not sanitized():
            try:
                wait_for(lambda: all(resident(pid) <= 1.2 * b for pid, b in zip(pids, before)), 10)
            finally:
                print("after all: " + ", ".join(f"{name} {resident(pid) / b:.2f} x its memory before" for name, pid, b in
                                                zip(("core", "edge"), pids, before)))
        if len(CLASSES) < len(ATTACKS):
            return
        # Who was refused and why is counted by kind, and told at a bounded rate.
        events = dict(line.split(" ") for line in self.world.north.get_monitor("/metrics")[1].splitlines() if line.startswith("gatewayd_edge_events_total"))
        for kind in ("evicted", "no_certificate", "unknown_authority", "stranger", "partner_full", "handshake_budget"):
            self.assertGreater(int(events[f'gatewayd_edge_events_total{{event="{kind}"}}']), 0, kind)
        said = read(self.world.north.log)
        self.assertIn("no_certificate: it showed no certificate; the partner has to configure its client certificate", said)
        self.assertLess(said.count("no_certificate: "), 40)


if __name__ == "__main__":
    unittest.main()
