"""Listening sockets that the service manager passes (sd_listen_fds(3)), and what the units come to."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import unittest

from world import GATEWAYD, ROOT, World, preset, read, run, wait_for, write

# Gives what it has as descriptors to a program as the service manager would: from 3 on, with its own pid unless another is said.
PASS = """
import os, sys
given = [int(fd) for fd in sys.argv[1].split(",")]
fds = [os.dup2(fd, 200 + k) for k, fd in enumerate(given)]
for fd in set(given):
    os.close(fd)
for k, fd in enumerate(fds):
    os.dup2(fd, 3 + k)
for fd in fds:
    os.close(fd)
os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=sys.argv[2] if sys.argv[2] != "0" else str(os.getpid()), LISTEN_FDNAMES="gatewayd.socket")
os.execv(sys.argv[3], sys.argv[3:])
"""


class Activation(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.agreement(preset("pnr"))
        self.north = self.world.north
        doc = json.loads(read(self.north.config))
        self.north.change(limits={**doc.get("limits", {}), "threads": 2})

    def pass_on(self, sockets, pid=0):
        """Starts the daemon with these; it is ended with the world."""
        with open(self.north.log, "ab") as log:
            self.north.process = subprocess.Popen(
                [sys.executable, "-c", PASS, ",".join(str(s.fileno()) for s in sockets), str(pid), GATEWAYD, "-c", self.north.config],
                pass_fds=[s.fileno() for s in sockets], stdout=log, stderr=log)

    def ready(self):
        def is_ready():
            self.assertIsNone(self.north.process.poll(), read(self.north.log))
            try:
                return self.north.get_monitor("/readyz")[0] == 200
            except OSError:
                return False
        wait_for(is_ready)

    def listening(self, address=None):
        s = socket.create_server(address or ("127.0.0.1", self.north.port))
        self.addCleanup(s.close)
        return s

    def refused(self, sockets):
        self.pass_on(sockets)
        self.assertEqual(self.north.process.wait(30), 78)
        return read(self.north.log)

    def envelope(self):
        return json.loads(read(f"{ROOT}/conf/records/pnr/released.json"))

    def test_what_is_passed_is_served_by_every_thread(self):
        held, monitor = self.listening(), self.listening(("127.0.0.1", self.north.monitor))
        self.pass_on([held, monitor])
        self.ready()
        clients = [self.world.client("north") for _ in range(12)]
        for c in clients:
            self.assertEqual(c.post("pnr", self.envelope())[0], 201)
        inode = os.readlink(f"/proc/self/fd/{held.fileno()}")
        edge = self.north.edge_pid()
        self.assertEqual([os.readlink(f"/proc/{edge}/fd/{fd}") for fd in os.listdir(f"/proc/{edge}/fd")].count(inode), 2, "one a thread")
        with open(f"/proc/{edge}/environ", "rb") as f:
            self.assertNotIn(b"LISTEN_", f.read())
        self.assertNotIn(inode, [os.readlink(f"/proc/{self.north.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{self.north.process.pid}/fd")])
        for c in clients:
            c.close()

    def test_who_comes_during_a_restart_waits(self):
        held = self.listening()
        self.pass_on([held])
        self.ready()
        self.north.stop()
        early = socket.create_connection(("127.0.0.1", self.north.port), timeout=30)
        self.pass_on([held])
        self.ready()
        client = self.world.client("north")
        with early, client.context.wrap_socket(early, server_hostname=self.north.host) as tls:
            tls.sendall(f"GET /v1/agreements HTTP/1.1\r\nHost: {self.north.host}\r\n\r\n".encode())
            self.assertTrue(tls.recv(100).startswith(b"HTTP/1.1 200 "))

    def test_what_is_another_process_s_is_not_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            self.pass_on([other], pid=1)
            self.ready()
            self.assertEqual(self.world.client("north").post("pnr", self.envelope())[0], 201)

    def test_an_address_that_nobody_names(self):
        other = self.listening(("127.0.0.1", 0))
        self.assertIn(f"the service manager listens on 127.0.0.1:{other.getsockname()[1]}, which neither /listen nor /monitor names", self.refused([other]))

    def test_an_address_of_ipv6_that_nobody_names(self):
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
            self.assertIn(f"listens on [::1]:{other.getsockname()[1]}, which neither", self.refused([other]))

    def test_what_is_no_listener(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as idle:
            for s in (datagrams, idle):
                self.assertIn("passes as descriptor 3 is no listening TCP socket", self.refused([s]))

    def test_too_many(self):
        with socket.create_server(("127.0.0.1", 0)) as one:
            self.assertIn("passes 33 sockets, and 32 are taken at most", self.refused([one] * 33))


class Units(unittest.TestCase):
    def setUp(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")

    def test_what_the_unit_leaves_open(self):
        """At most 1.0 of 10, which is 10 of 100; printed as systemd-analyze says it."""
        out = run("systemd-analyze", "security", "--offline=true", "--threshold=10", "--no-pager", f"{ROOT}/systemd/gatewayd.service")[1]
        line = next(line for line in out.splitlines() if "Overall exposure" in line)
        print(line)
        self.assertLessEqual(float(re.search(r": ([0-9.]+) ", line)[1]), 1.0)

    def test_systemd_reads_the_units(self):
        """With programs of this build in the place of those that are installed."""
        world = World()
        self.addCleanup(world.close)
        for name in ("gatewayd.service", "gatewayd.socket"):
            text = read(f"{ROOT}/systemd/{name}")
            write(f"{world.folder}/{name}", re.sub(r"/usr/s?bin/(gateway\w+)", lambda m: f"{os.path.dirname(GATEWAYD)}/{m[1]}", text))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"{world.folder}/gatewayd.socket", f"{world.folder}/gatewayd.service"],
                              capture_output=True, text=True, timeout=60, check=False)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "gatewayd." in line]
        self.assertEqual(said, [])

    def test_the_socket_is_what_the_example_listens_on(self):
        listed = re.findall(r"^ListenStream=(.+)$", read(f"{ROOT}/systemd/gatewayd.socket"), re.M)
        self.assertEqual(listed, json.loads(read(f"{ROOT}/conf/gatewayd.json"))["listen"])


if __name__ == "__main__":
    unittest.main()
