"""A stranger reads a published log: one command over plain http, https and file:, without a certificate, from the last
time on; what a server says about keeping its answers."""

import contextlib
import functools
import gzip
import http.server
import os
import pty
import re
import shutil
import ssl
import subprocess
import threading
import unittest

import agreements
from check_witness import started
from world import GATEWAYCTL, Client, World, read, run, write


class Files(http.server.SimpleHTTPRequestHandler):
    """A web server of files that knows nothing of logs. With `packed` it compresses where that is asked for, as nginx
    does with gzip_static; `asked` gets the path of each request."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args, asked, packed, **more):
        self.asked, self.packed = asked, packed
        super().__init__(*args, **more)

    def do_GET(self):
        self.asked.append(self.path)
        path = self.translate_path(self.path)
        if not self.packed or not os.path.isfile(path) or "gzip" not in self.headers.get("accept-encoding", ""):
            super().do_GET()
            return
        with open(path, "rb") as f:
            body = gzip.compress(f.read())
        self.send_response(200)
        self.send_header("content-encoding", "gzip")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder, packed=False, tls=None):
    """The address of a server of this folder, and what it is asked for. `tls`: certificate and key."""
    asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=folder, asked=asked, packed=packed)) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


class Published(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = started(World())
        cls.addClassCleanup(w.close)
        w.start()
        for i in range(300):
            w.client("north").post("pax", agreements.envelope(agreements.passenger_record(i)))
        cls.public, cls.key = f"{w.folder}/public", f"{w.north.folder}/audit.vkey"
        w.north.ctl("audit", "export", cls.public)

    def verify(self, *words, ok=True):
        return run(GATEWAYCTL, "audit", "verify", "--key", self.key, *words, ok=ok)

    def test_plain_http(self):
        with served(self.public) as (url, asked):
            out = self.verify(url)[1]
            self.assertIn("every entry and tile is the one that was signed", out)
            self.assertEqual(asked[:2], ["/checkpoint", "/newest"])
            self.assertIn("/tile/entries/000", asked)
            self.assertFalse([path for path in asked if "?" in path])

    def test_compressed(self):
        with served(self.public, packed=True) as (url, _):
            self.assertIn("every entry and tile", self.verify(f"{url}/")[1])

    def test_file(self):
        self.assertIn("every entry and tile", self.verify(f"file://{self.public}")[1])

    def test_https(self):
        w = self.world
        tls = w.authority.pair("web", "web", "serverAuth", "DNS:localhost,IP:127.0.0.1")
        with served(self.public, tls=tls) as (url, _):
            self.assertIn("every entry and tile", self.verify("--authority", w.authority.cert, url)[1])
            # By the system's authorities ours is a stranger; and what a gateway wants is said.
            code, _, err = self.verify(url, ok=False)
            self.assertEqual(code, 1, err)
            self.assertIn("a gateway is asked with --certificate", err)

    def test_from_the_last_time_on(self):
        w, folder, state = self.world, f"{self.world.folder}/growing", f"{self.world.folder}/state"
        shutil.copytree(self.public, folder)
        with served(folder) as (url, asked):
            size = int(re.search(r"entries +(\d+)", self.verify("--state", state, url)[1]).group(1))
            asked.clear()
            self.assertIn(f"the first {size} were verified", self.verify("--state", state, url)[1])
            self.assertNotIn("/tile/entries/000", asked)
            for i in range(5):
                w.client("north").post("pax", agreements.envelope(agreements.passenger_record(i)))
            w.north.ctl("audit", "export", folder)
            out = self.verify("--state", state, url)[1]
            self.assertGreater(int(re.search(r"entries +(\d+)", out).group(1)), size)
            kept = read(state)
        with served(self.public) as (url, _):   # the shorter one of before
            code, _, err = self.verify("--state", state, url, ok=False)
            self.assertEqual(code, 4, err)
            self.assertIn("the log was rolled back", err)
        self.assertEqual(read(state), kept)

    def test_altered(self):
        folder = f"{self.world.folder}/altered"
        shutil.copytree(self.public, folder)
        with open(f"{folder}/tile/entries/000", "r+b") as f:
            f.seek(300)
            byte = f.read(1)[0]
            f.seek(300)
            f.write(bytes([byte ^ 1]))
        with served(folder) as (url, _):
            self.assertEqual(self.verify(url, ok=False)[0], 4)
        with served(f"{self.world.folder}/ca") as (url, _):     # no log at all
            code, _, err = self.verify(url, ok=False)
            self.assertEqual(code, 4)
            self.assertIn("checkpoint is missing", err)
        self.assertEqual(self.verify("http://127.0.0.1:9", ok=False)[0], 1)

    def test_not_cosigned_is_said_at_once(self):
        w = self.world
        witness = w.south.describe()["audit"]["witness_vkey"]
        write(f"{w.folder}/policy", f"log {read(self.key)}witness south {witness}\nquorum south\n")
        folder = f"{w.folder}/bare"
        shutil.copytree(self.public, folder)
        lines = read(f"{folder}/checkpoint").split("\n")
        write(f"{folder}/checkpoint", "\n".join(line for line in lines if not line.startswith("— gw.south")))
        if os.path.exists(f"{folder}/newest"):
            os.unlink(f"{folder}/newest")
        with served(folder) as (url, asked):
            code, _, err = run(GATEWAYCTL, "audit", "verify", "--policy", f"{w.folder}/policy", url, ok=False)
            self.assertEqual(code, 6, err)
            self.assertEqual(asked, ["/checkpoint", "/newest"])

    def test_export_of_it(self):
        with served(self.public) as (url, _):
            run(GATEWAYCTL, "audit", "export", "--from", url, f"{self.world.folder}/again")
        self.verify(f"{self.world.folder}/again")

    def test_nothing_is_drawn_but_on_a_terminal(self):
        self.assertEqual(self.verify(f"file://{self.public}")[2], "")
        master, slave = pty.openpty()
        done = subprocess.run([GATEWAYCTL, "audit", "verify", "--key", self.key, self.public], stdout=subprocess.PIPE, stderr=slave, check=True)
        os.close(slave)
        with contextlib.suppress(OSError):
            self.assertNotIn(b"\n", os.read(master, 4096))
        os.close(master)
        self.assertIn(b"every entry and tile", done.stdout)


class Cached(unittest.TestCase):
    def test_what_may_be_kept(self):
        with started(World()) as w:
            cert, key = w.authority.leaf("auditor", "spiffe://north.example/auditor")
            w.add_system(w.north, "north", "auditor", cert, roles=("auditor",))
            w.north.start()
            for i in range(260):
                w.client("north").post("pax", agreements.envelope(agreements.passenger_record(i)))
            auditor = Client(w, w.north, cert, key)

            def said(path):
                status, fields, _ = auditor.request("GET", path)
                self.assertEqual(status, 200, path)
                return fields["cache-control"]

            self.assertEqual(said("/tile/0/000"), "public, max-age=31536000, immutable")
            self.assertEqual(said("/tile/entries/000"), "private, max-age=31536000, immutable")
            for path in ("/tile/0/001.p/1", "/tile/0/000.p/9", "/tile/entries/000.p/9", "/checkpoint?newest", "/v1/agreements"):
                self.assertEqual(said(path), "no-store", path)
            status, fields, _ = auditor.request("GET", "/tile/5/000")
            self.assertEqual((status, fields["cache-control"]), (404, "no-store"))
