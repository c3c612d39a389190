"""Two agencies' gateways on loopback, as their operators would set them up: a throw-away authority, `gatewayctl
init` twice, partner files, a signed agreement, and clients that speak mutual TLS. Keys and certificates are made once a
run and copied (once.py). Everything lies in one temporary folder; the daemons are stopped by pid. Standard library, the
openssl command line and the project's own programs."""

import hashlib
import http.client
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

from agreements import digest_of
from moved_clock import MovedClock
from once import copy_once, once
from ports import free_port

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build", "cc"))
DATA = os.environ.get("GATEWAY_TEST_DATA", os.path.join(ROOT, "..", "shared", "data"))
# Tests that preload a library into the daemon do so into sanitized ones, too.
os.environ.setdefault("ASAN_OPTIONS", "verify_asan_link_order=0")
# For what is synced ten thousand times and is not about the loss of power; None, and so on disk, where there is none.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
GATEWAYD = os.path.join(BUILD, "bin", "gatewayd")
GATEWAYCTL = os.path.join(BUILD, "bin", "gatewayctl")


def run(*words, ok=True, **options):
    """Runs a command; returns (status, stdout, stderr). With `ok`, a failure is an error that shows its output."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, **options)
    if ok and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.returncode, done.stdout, done.stderr


def sanitized():
    """Whether the programs are built with a sanitizer, whose own memory no dump can hold."""
    return any(name in run("ldd", GATEWAYD)[1] for name in ("libasan", "libtsan"))


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def ended(pid, seconds):
    """Waits for the end of a child, without looking again and again; whether it ended in that time."""
    fd = os.pidfd_open(pid)
    try:
        return bool(select.select([fd], [], [], seconds)[0])
    finally:
        os.close(fd)


class Authority:
    """A throw-away certificate authority."""

    def __init__(self, folder, days=30, number=1):
        """Certificates live ten days less than their authority. All are named alike; those of another number have another
        key, and those of the same number and days are one and the same."""
        self.folder, self.days, self.label = folder, days, f"{number}-{days}"
        os.makedirs(folder)
        self.key, self.cert = f"{folder}/ca.key", f"{folder}/ca.pem"
        copy_once(f"authority-{self.label}", self.make, folder)

    def make(self, folder):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(self.days),
            "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem", "-subj", "/CN=Made-up authority for tests",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def sign(self, csr, out, usage, names):
        ext = f"{out}.ext"
        write(ext, f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                   f"extendedKeyUsage={usage}\nsubjectAltName={names}\n"
                   "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        run("openssl", "x509", "-req", "-in", csr, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", str(self.days - 10),
            "-extfile", ext, "-out", out)

    def leaf(self, name, uri, usage="clientAuth"):
        """A key and certificate; returns (certificate, key)."""
        return self.pair(name, name, usage, f"URI:{uri}")

    def server(self, host):
        """The same for a server with that name."""
        return self.pair("server", "server", "serverAuth", f"DNS:{host}")

    def pair(self, file, name, usage, names):
        def make(folder):
            key, csr, cert = (f"{folder}/{file}.{e}" for e in ("key", "csr", "pem"))
            run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr,
                "-subj", f"/CN={name}")
            self.sign(csr, cert, usage, names)
        what = hashlib.sha256("\n".join((file, usage, names)).encode()).hexdigest()
        copy_once(f"leaf-{self.label}-{what}", make, self.folder)
        return f"{self.folder}/{file}.pem", f"{self.folder}/{file}.key"


class Ended(AssertionError):
    """A daemon ended instead of starting; node.process has its status."""


class Node:
    """One agency's gateway."""

    def __init__(self, world, agency, jurisdiction):
        self.world, self.agency, self.jurisdiction = world, agency, jurisdiction
        self.host, self.port = f"gw.{agency}.example", free_port()
        self.monitor = free_port()
        self.folder = f"{world.folder}/{agency}"
        self.config = f"{self.folder}/gatewayd.json"
        self.log = f"{world.folder}/{agency}.log"
        self.process = None
        copy_once(f"node-{world.authority.label}-{agency}", self.make, self.folder)
        self.change(listen=[f"127.0.0.1:{self.port}"], monitor=[f"127.0.0.1:{self.monitor}"], resolver={"hosts": "hosts"},
                    delivery={"first_retry_ms": 100, "longest_retry_ms": 1000},
                    **({"user": "root"} if os.geteuid() == 0 else {}))
        write(f"{self.folder}/hosts", "")

    def make(self, folder):
        """All but the ports, which are a world's own."""
        run(GATEWAYCTL, "init", "--agency", self.agency, "--node", "gw1", "--host", self.host, "--listen", "127.0.0.1:8443", folder)
        authority = self.world.authority
        authority.sign(f"{folder}/tls/gateway.csr", f"{folder}/tls/gateway.pem", "serverAuth,clientAuth",
                       f"URI:spiffe://{self.host}/gateway/gw1,DNS:{self.host}")
        shutil.copy(authority.cert, f"{folder}/tls/authorities.pem")

    def change(self, **members):
        doc = json.loads(read(self.config))
        doc.update(members)
        write(self.config, json.dumps(doc, indent=2))

    def describe(self):
        doc = json.loads(run(GATEWAYCTL, "-c", self.config, "describe")[1])
        doc["jurisdiction"] = self.jurisdiction
        return doc

    def add_partner(self, doc):
        write(f"{self.folder}/partners/{doc['id']}.json", json.dumps(doc, indent=2))

    def add_agreement(self, path):
        for suffix in ("", ".p7s"):
            shutil.copy(path + suffix, f"{self.folder}/agreements/{os.path.basename(path)}{suffix}")

    def check(self):
        return run(GATEWAYD, "-c", self.config, "-t", ok=False)

    def start(self, wrap=()):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.world.wrap, *wrap, GATEWAYD, "-c", self.config], stderr=log, stdout=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Ended(f"{self.agency}: gatewayd ended with {self.process.returncode}\n{read(self.log)[-4000:]}")
            try:
                if self.get_monitor("/readyz")[0] == 200:
                    return self
            except OSError:
                time.sleep(0.005)
        raise AssertionError(f"{self.agency}: not ready in 30 s\n{read(self.log)[-4000:]}")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            if not ended(self.process.pid, 30):
                self.process.kill()
            self.process.wait()
        self.process = None

    def entries(self):
        """Every entry of the log, once the mirror has all that are committed; of a node that does not run, what it left."""
        running = self.process and self.process.poll() is None
        committed = self.ask("status")["store"]["entries"] if running else 0

        def mirrored():
            path = f"{self.folder}/log/audit.jsonl"
            lines = [json.loads(line) for line in read(path).splitlines(True) if line.endswith("\n")] if os.path.exists(path) else []
            return lines if lines and lines[-1]["index"] + 1 >= committed else None
        return wait_for(mirrored, 60)

    def edge_pid(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
            return int(f.read().split()[0])

    def get_monitor(self, path):
        c = http.client.HTTPConnection("127.0.0.1", self.monitor, timeout=5)
        try:
            c.request("GET", path)
            r = c.getresponse()
            return r.status, r.read().decode()
        finally:
            c.close()

    def ctl(self, *words, ok=True):
        return run(GATEWAYCTL, "-c", self.config, *words, ok=ok)

    def ask(self, *words, ok=True):
        return json.loads(run(GATEWAYCTL, "-c", self.config, "-o", "json", *words, ok=ok)[1])


class Client:
    """A system with a certificate, over one kept connection."""

    def __init__(self, world, node, cert, key, timeout=30):
        self.node, self.timeout = node, timeout
        self.context = ssl.create_default_context(cafile=world.authority.cert)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(cert, key)
        self.connection = None

    def connect(self):
        raw = socket.create_connection(("127.0.0.1", self.node.port), timeout=self.timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        c = http.client.HTTPSConnection(self.node.host, self.node.port, context=self.context, timeout=self.timeout)
        c.sock = self.context.wrap_socket(raw, server_hostname=self.node.host)
        self.connection = c

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def request(self, method, path, body=None, **headers):
        """Returns (status, headers, body bytes)."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            fields.setdefault("content-type", "application/json")
        if self.connection is None:
            self.connect()
        try:
            self.connection.request(method, path, body=body, headers=fields)
            r = self.connection.getresponse()
            answer = r.read()
        except BaseException:
            self.close()
            raise
        if r.will_close:
            self.close()
        return r.status, dict(r.getheaders()), answer

    def post(self, agreement, envelope, key=None, what="records", **headers):
        """Returns (status, answer as JSON)."""
        if key:
            headers["idempotency_key"] = key
        status, fields, body = self.request("POST", f"/v1/agreements/{agreement}/{what}", envelope, **headers)
        self.fields = fields
        return status, json.loads(body)

    def inbox(self, after=0, unproved=False):
        """The page; without `unproved` once every record on it is proved to be of its sender's one history, which takes
        about a second."""
        for _ in range(100):
            status, _, body = self.request("GET", f"/v1/inbox?after={after}")
            assert status == 200, (status, body)
            page = json.loads(body)
            if unproved or not page.pop("unproved", False):
                return page
            time.sleep(0.1)
        raise AssertionError("the inbox waits for a proof")

    def ack(self, item):
        status, _, body = self.request("POST", f"/v1/inbox/{item}/ack", "")
        return status, json.loads(body)


class World:
    """North and south, who know each other, with a system each. With `moved_clock` the daemons' clock is `clock`, which
    the test moves on instead of waiting."""

    def __init__(self, days=30, moved_clock=False, folder=None):
        """`folder`: one that is there and belongs to the world from now on, such as one in memory."""
        self.folder = folder or tempfile.mkdtemp(prefix="gw")
        self.clock = MovedClock(f"{self.folder}/clock") if moved_clock else None
        self.wrap = self.clock.wrap if moved_clock else ()
        self.authority = Authority(f"{self.folder}/ca", days)
        self.north, self.south = Node(self, "north", "XN"), Node(self, "south", "XS")
        self.nodes = [self.north, self.south]
        self.signers, self.systems = {}, {}
        hosts = "".join(f"127.0.0.1 {n.host}\n" for n in self.nodes)
        for n in self.nodes:
            write(f"{n.folder}/hosts", hosts)
            self.signers[n.agency] = self.authority.leaf(f"signer-{n.agency}", f"spiffe://{n.agency}.example/signer", "emailProtection")
            self.systems[n.agency] = self.authority.leaf(f"system-{n.agency}", f"spiffe://{n.agency}.example/system")
        for n in self.nodes:
            for other in self.nodes:
                shutil.copy(self.signers[other.agency][0], f"{n.folder}/partners/signer-{other.agency}.pem")
                doc = {"id": other.agency, "agency": other.agency, "jurisdiction": other.jurisdiction, "roles": [],
                       "signers": [f"signer-{other.agency}.pem"]}
                if other is not n:
                    doc = {**other.describe(), "signers": doc["signers"]}
                n.add_partner(doc)
            self.add_system(n, n.agency, f"{n.agency}-system", self.systems[n.agency][0])

    def add_system(self, node, agency, name, cert, roles=("system",)):
        identity = json.loads(read(f"{once(f'pin-{digest_of(cert)}', lambda folder: self.pin(cert, folder))}/identity.json"))
        node.add_partner({"id": name, "agency": agency, "jurisdiction": "XX", "roles": list(roles), "identity": identity})

    @staticmethod
    def pin(cert, folder):
        write(f"{folder}/identity.json", run(GATEWAYCTL, "pin", cert)[1])

    def sign(self, path, agencies=("north", "south")):
        """Detached CMS by every party, as openssl makes it."""
        command = "-sign"
        for agency in agencies:
            cert, key = self.signers[agency]
            source = ["-in", path] if command == "-sign" else ["-in", path + ".p7s", "-inform", "PEM"]
            run("openssl", "cms", command, "-binary", *source, "-signer", cert, "-inkey", key, "-md", "sha256",
                "-outform", "PEM", "-out", path + ".new")
            os.replace(path + ".new", path + ".p7s")
            command = "-resign"
        return path

    def agreement(self, doc, name=None, agencies=("north", "south")):
        """Writes and signs an agreement and gives it to both nodes."""
        path = f"{self.folder}/{name or doc['id']}.json"
        write(path, json.dumps(doc, indent=2, ensure_ascii=False))
        self.sign(path, agencies)
        for n in self.nodes:
            n.add_agreement(path)
            if doc["assessment"].get("held"):
                shutil.copytree(f"{ROOT}/conf/assessments", f"{n.folder}/documents/assessments", dirs_exist_ok=True)
        return path

    def client(self, agency, node=None, **options):
        node = node or {"north": self.north, "south": self.south}[agency]
        return Client(self, node, *self.systems[agency], **options)

    def start(self):
        for n in self.nodes:
            n.start()
        return self

    def close(self):
        for n in self.nodes:
            n.stop()
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def preset(name):
    with open(f"{ROOT}/conf/agreements/{name}.json", encoding="utf-8") as f:
        return json.load(f)


def wait_for(what, seconds=20, every=0.05):
    """Calls `what` until it gives something true, at first in quick succession; returns that."""
    deadline = time.monotonic() + seconds
    pause = min(0.005, every)
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {getattr(what, '__doc__', None) or what}")
        time.sleep(pause)
        pause = min(2 * pause, every)
