"""Who gets in at a gateway's door and who is put out: names, several authorities with a revocation list each, connections that
end with what they stand on, and what the operator is told of it at -t, in metrics and by the service manager."""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import time
import unittest

from check_processes import EXIT_CONFIG, Case
from world import GATEWAYD, Authority, read, run, wait_for, write


def events(node, kind):
    return int(re.search(rf'gatewayd_edge_events_total{{event="{kind}"}} (\d+)', node.get_monitor("/metrics")[1])[1])


def is_cut(client, seconds=30):
    """Whether the client's open connection ends."""
    client.connection.sock.settimeout(seconds)
    try:
        return client.connection.sock.recv(1) == b""
    except socket.timeout:
        return False


class Door(Case):
    def ask(self, host, **options):
        """The answer to a GET with that Host, over a fresh connection."""
        with self.client.context.wrap_socket(socket.create_connection(("127.0.0.1", self.north.port)), **options) as s:
            s.sendall(f"GET /v1/agreements HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := s.recv(65536):
                answer += piece
        return answer.decode()

    def test_names_and_addresses(self):
        self.north.start()
        name = self.north.host
        self.assertIn("HTTP/1.1 200 ", self.ask(f"{name}:{self.north.port}", server_hostname=name))
        told = self.ask("127.0.0.1", server_hostname=name)
        self.assertIn("HTTP/1.1 421 ", told)
        self.assertIn('"type":"/problems/misdirected"', told)
        self.client.context.check_hostname = False
        with self.assertRaises(ssl.SSLError):
            self.ask(name)
        self.north.change(names=["gateway.north.example", "127.0.0.1"])
        self.north.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "configuration reloaded" in read(self.north.log))
        wait_for(lambda: "HTTP/1.1 200 " in self.ask("127.0.0.1", server_hostname=name))
        self.assertIn("HTTP/1.1 200 ", self.ask("gateway.north.example", server_hostname="gateway.north.example"))
        self.assertIn("HTTP/1.1 200 ", self.ask("127.0.0.1"), "nobody can name an address in TLS")
        wait_for(lambda: events(self.north, "misdirected") >= 1)
        self.assertIn("misdirected: the Host of its request", read(self.north.log))

    def test_head_is_get_without_a_body(self):
        self.north.start()
        for path in ("/v1/agreements", "/nowhere"):
            status, fields, body = self.client.request("GET", path)
            self.assertEqual(self.client.request("HEAD", path)[::2], (status, b""))
            self.assertEqual(self.client.request("HEAD", path)[1]["Content-Length"], fields["Content-Length"])
            self.assertEqual(int(fields["Content-Length"]), len(body))

    def test_a_body_in_chunks(self):
        import agreements
        self.north.start()
        envelope = json.dumps(agreements.envelope(agreements.passenger_record(1))).encode()
        self.client.connect()
        self.client.connection.request("POST", "/v1/agreements/pax/records", iter([envelope[:100], envelope[100:]]),
                                       {"content-type": "application/json"}, encode_chunked=True)
        answer = self.client.connection.getresponse()
        self.assertEqual(answer.status, 201, answer.read())
        answer.read()
        # An empty field is none that may be left out in silence.
        for field in ("content_digest", "idempotency_key"):
            self.assertEqual(self.client.request("POST", "/v1/agreements/pax/records", envelope, **{field: ""})[0], 400)

    def test_the_root_is_not_sent(self):
        chain = f"{self.north.folder}/tls/gateway.pem"
        write(chain, read(chain) + read(self.world.authority.cert))
        self.north.start()
        cert, key = self.world.systems["north"]
        _, out, _ = run("openssl", "s_client", "-connect", f"127.0.0.1:{self.north.port}", "-servername", self.north.host, "-cert", cert,
                        "-key", key, "-showcerts", ok=False, stdin=subprocess.DEVNULL)
        self.assertEqual(out.count("BEGIN CERTIFICATE"), 1, out)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_is_said(self):
        doc = json.loads(read(self.north.config))
        del doc["user"]
        write(self.north.config, json.dumps(doc))
        status, said = self.start_fails()
        self.assertEqual(status, EXIT_CONFIG)
        self.assertIn("/user: is missing, and this was started as root", said)

    def test_descriptors_are_counted_before_they_are_needed(self):
        few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (3000, 3000))}
        self.north.change(limits={"connections": 3000})
        status, _, said = run(GATEWAYD, "-c", self.north.config, "-t", ok=False, **few)
        self.assertEqual(status, EXIT_CONFIG)
        self.assertRegex(said, r"/limits: connections of every kind need \d+ file descriptors, and this process may have 3000")
        self.assertEqual(self.start_fails(**few)[0], EXIT_CONFIG)
        # What is not configured takes what there is.
        self.north.change(limits={})
        self.assertEqual(run(GATEWAYD, "-c", self.north.config, "-t", ok=False, **few)[0], 0)
        self.north.change(limits={"reserved_sources": ["192.0.2.0/24", "2001:db8::/48", "198.51.100.7"]})
        self.assertEqual(self.north.check()[0], 0)
        self.north.change(limits={"reserved_sources": ["north.example"]})
        self.assertEqual(self.north.check()[0], EXIT_CONFIG)

    def test_a_partner_that_was_removed_is_put_out(self):
        cert, key = self.world.authority.leaf("auditor", "spiffe://north.example/auditor")
        self.world.add_system(self.north, "north", "auditor", cert, roles=("auditor",))
        self.north.start()
        from world import Client
        auditor = Client(self.world, self.north, cert, key)
        self.assertEqual(auditor.request("GET", "/checkpoint")[0], 200)
        self.assertEqual(self.client.request("GET", "/v1/agreements")[0], 200)
        os.unlink(f"{self.north.folder}/partners/auditor.json")
        self.north.process.send_signal(signal.SIGHUP)
        self.assertTrue(is_cut(auditor))
        self.assertEqual(self.client.request("GET", "/v1/agreements")[0], 200)
        wait_for(lambda: events(self.north, "cut_by_core") == 1)
        auditor.close()
        self.assertEqual(auditor.request("GET", "/checkpoint")[0], 403)
        wait_for(lambda: events(self.north, "stranger") == 1)
        self.assertIn("stranger: its certificate comes from an authority of tls.authorities, and no partner file has its pin",
                      read(self.north.log))

    def test_the_service_manager_hears_while_all_goes_on(self):
        path = f"{self.world.folder}/notify.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(10)
            os.environ.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="1000000")
            try:
                self.north.start()
            finally:
                del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
            self.assertEqual(s.recv(100), b"READY=1")
            for _ in range(3):
                self.assertEqual(s.recv(100), b"WATCHDOG=1")
            edge = self.north.edge_pid()
            os.kill(edge, signal.SIGSTOP)
            try:
                wait_for(lambda: "has not run for 10 s" in read(self.north.log), 30)
                s.setblocking(False)
                while True:
                    s.recv(100)
            except BlockingIOError:
                pass
            finally:
                time.sleep(1.5)
                with self.assertRaises(BlockingIOError):
                    s.recv(100)
                os.kill(edge, signal.SIGCONT)
            s.settimeout(10)
            self.assertEqual(s.recv(100), b"WATCHDOG=1")

    def test_a_service_manager_that_does_not_listen_holds_nothing_up(self):
        path = f"{self.world.folder}/notify.sock"

        def fill():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler, contextlib.suppress(BlockingIOError):
                filler.setblocking(False)
                filler.connect(path)
                while True:
                    filler.send(b"full")

        def heard():
            said = []
            with contextlib.suppress(socket.timeout):
                while len(said) < 1 or said[-1] == b"full":
                    said.append(s.recv(100))
            return said[-1:]

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(10)
            fill()
            os.environ.update(NOTIFY_SOCKET=path)
            try:
                self.north.start()
            finally:
                del os.environ["NOTIFY_SOCKET"]
            self.assertEqual(self.client.request("GET", "/v1/agreements")[0], 200)
            # A reload that nobody hears of, either, and which is not waited for.
            fill()
            self.north.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "configuration reloaded" in read(self.north.log))
            self.assertEqual(self.client.request("GET", "/v1/agreements")[0], 200)
            # It hears how things stand, once it listens.
            self.assertEqual(heard(), [b"READY=1"])
            fill()
            self.north.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.north.process.wait(10), 0)

    def test_a_start_under_attack_shuts_no_partner_out(self):
        """Where a partner came from within a day is remembered over the start, whatever strangers spend meanwhile."""
        self.north.change(limits={"handshakes_per_second": 1})
        kept = f"{self.north.folder}/{json.loads(read(self.north.config))['store']}-sources"
        self.north.start()
        self.assertEqual(self.client.request("GET", "/v1/agreements")[0], 200)
        self.client.close()
        self.north.stop()
        self.assertEqual(oct(os.stat(kept).st_mode & 0o777), "0o600")
        self.assertRegex(read(kept), r"\A\d{13} ::ffff:127\.0\.0\.1 \S+\n\Z")
        self.north.start()
        nobody = ssl.create_default_context(cafile=self.world.authority.cert)
        for i in range(20):
            # Strangers spend the budget that all share who are not known.
            with contextlib.suppress(OSError):
                s = socket.create_connection(("127.0.0.1", self.north.port), source_address=(f"127.0.0.{i + 2}", 0))
                with nobody.wrap_socket(s, server_hostname=self.north.host) as tls:
                    tls.recv(1)
            self.assertEqual(self.client.request("GET", "/v1/agreements")[0], 200, i)
            self.client.close()
        wait_for(lambda: events(self.north, "handshake_budget") > 0)
        # What is of a partner that is no more is not kept.
        self.north.stop()
        write(kept, read(kept) + f"{int(time.time() * 1000)} ::ffff:192.0.2.1 nobody\n")
        self.north.start()
        self.north.stop()
        self.assertNotIn("192.0.2.1", read(kept))

    def test_those_who_are_told_that_all_is_taken(self):
        """They have one answer each, and are no more than there is room for, neither for the edge nor for core, which counts."""
        self.north.change(limits={"threads": 1, "connections": 4, "strangers": 2, "monitors": 1})
        self.north.start()
        name, held = self.north.host, []
        for i in range(20):
            s = self.client.context.wrap_socket(socket.create_connection(("127.0.0.1", self.north.port)), server_hostname=name)
            s.settimeout(10)
            held.append(s)
            if i >= 4:
                self.assertIn(b"HTTP/1.1 503 ", s.recv(4000), i)
            else:
                s.sendall(f"GET /v1/agreements HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
                self.assertIn(b"HTTP/1.1 200 ", s.recv(4000), i)
        self.assertEqual(self.north.get_monitor("/readyz")[0], 200)
        for s in held:
            s.close()
        wait_for(lambda: events(self.north, "full") == 16)


class SeveralAuthorities(Case):
    """Two authorities of one name, and a revocation list of each."""
    MOVED_CLOCK = True

    def setUp(self):
        super().setUp()
        self.other = Authority(f"{self.world.folder}/other", number=2)
        cert, key = self.other.leaf("second", "spiffe://north.example/second")
        self.world.add_system(self.north, "north", "second", cert)
        from world import Client
        self.second = Client(self.world, self.north, cert, key)
        self.tls = f"{self.north.folder}/tls"
        write(f"{self.tls}/authorities.pem", read(self.world.authority.cert) + read(self.other.cert))
        doc = json.loads(read(self.north.config))
        self.north.change(tls={**doc["tls"], "revocations": ["tls/first.crl", "tls/second.crl"]})
        for name in ("first", "second"):
            folder = f"{self.world.folder}/{name}"
            os.makedirs(folder)
            write(f"{folder}/index.txt", "")
            write(f"{folder}/crlnumber", "01\n")
            write(f"{folder}/ca.cnf", f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index.txt\ncrlnumber={folder}/crlnumber\n"
                  "default_md=sha256\ndefault_crl_days=7\n")

    def ca(self, name, *words):
        a = {"first": self.world.authority, "second": self.other}[name]
        run("openssl", "ca", "-config", f"{self.world.folder}/{name}/ca.cnf", "-cert", a.cert, "-keyfile", a.key, *words)

    def make_list(self, name, *words):
        self.ca(name, "-gencrl", "-out", f"{self.tls}/{name}.crl", *words)

    def reload(self):
        before = read(self.north.log).count("configuration reloaded")
        self.north.process.send_signal(signal.SIGHUP)
        wait_for(lambda: read(self.north.log).count("configuration reloaded") > before)

    def states(self):
        """What each system is answered."""
        return [c.request("GET", "/v1/agreements")[0] for c in (self.client, self.second)]

    def test_a_list_that_is_missing_refuses_its_authority_alone(self):
        self.make_list("first")
        self.north.start()
        self.assertEqual(self.states(), [200, 503])
        status, out, err = self.north.check()
        self.assertEqual(status, EXIT_CONFIG)
        self.assertIn("tls/second.crl", err)
        self.assertRegex(err, r"there is none of the authority CN=Made-up authority for tests; its certificates are refused")
        self.assertRegex(err, r"note: .*tls/first.crl: revocation list of CN=Made-up authority for tests, next update 20\d\d-")
        self.make_list("second")
        self.reload()
        self.assertEqual(self.states(), [200, 200])
        status, out, err = self.north.check()
        self.assertEqual(status, 0, err)
        self.assertEqual(err.count("next update 20"), 2, err)

    def test_a_list_that_is_old_refuses_its_authority_alone(self):
        self.make_list("first")
        self.make_list("second", "-crldays", "1")
        self.north.start()
        self.assertEqual(self.states(), [200, 200])
        self.world.clock.move(2 * 86400)
        self.second.close(), self.client.close()
        self.assertEqual(self.states(), [200, 503])
        self.make_list("second", "-crldays", "30")
        self.reload()
        self.assertEqual(self.states(), [200, 200])

    def test_a_revoked_certificate_is_put_out_by_its_own_list(self):
        for name in ("first", "second"):
            self.make_list(name)
        self.north.start()
        self.assertEqual(self.states(), [200, 200])
        self.ca("second", "-revoke", self.second_certificate())
        self.make_list("second")
        self.reload()
        self.assertTrue(is_cut(self.second))
        self.second.close()
        self.assertEqual(self.states(), [200, 403])

    def second_certificate(self):
        return f"{self.world.folder}/other/second.pem"


if __name__ == "__main__":
    unittest.main()
