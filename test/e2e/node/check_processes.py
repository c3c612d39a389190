"""The two processes as their operator and the service manager see them: start, configuration errors, reload,
revocation, rotation, notifications, stop, and what must not start again."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import unittest

import agreements
import compact
from ports import free_port
from world import GATEWAYD, ROOT, World, read, run, wait_for, write

EXIT_IN_USE = 1         # it may be free at the next start
EXIT_CONFIG = 78
EXIT_TAMPERED = 4


def alive(pid):
    try:
        return read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Case(unittest.TestCase):
    """North alone, under the passenger agreement, started anew for each test."""
    MOVED_CLOCK = False

    def setUp(self):
        self.world = World(moved_clock=self.MOVED_CLOCK)
        self.addCleanup(self.world.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        self.world.agreement(agreements.passenger(digest=schema))
        self.north = self.world.north
        self.client = self.world.client("north")
        self.number = 0

    def post(self, client=None, key=None):
        self.number += 1
        return (client or self.client).post("pax", agreements.envelope(agreements.passenger_record(self.number)), key=key)

    def start_fails(self, **options):
        """A start that must end by itself; returns (status, what it said)."""
        done = subprocess.run([GATEWAYD, "-c", self.north.config], capture_output=True, text=True, timeout=30, check=False, **options)
        return done.returncode, done.stdout + done.stderr

    def mirror(self, name="audit.jsonl"):
        with open(f"{self.north.folder}/log/{name}", encoding="ascii") as f:
            return [json.loads(line) for line in f]

    def verify(self):
        vkey = read(f"{self.north.folder}/audit.vkey").strip()
        return self.north.ctl("audit", "verify", "--key", vkey, f"{self.north.folder}/store/gatewayd.db", ok=False)


class Life(Case):
    def test_when_one_is_killed_the_other_stops_within_a_second(self):
        longest = 0.0
        for victim in ("core", "edge", "core", "edge"):
            self.north.start()
            pids = {"core": self.north.process.pid, "edge": self.north.edge_pid()}
            os.kill(pids[victim], signal.SIGKILL)
            at = time.monotonic()
            self.north.process.wait(10)
            wait_for(lambda: not alive(pids["edge"]), 5, 0.005)
            longest = max(longest, time.monotonic() - at)
            self.assertLess(longest, 1.0, victim)
            if victim == "edge":
                self.assertEqual(self.north.process.returncode, 1)
        print(f"the other process stopped within {longest * 1000:.0f} ms")

    def test_a_second_daemon_is_refused_and_the_first_goes_on(self):
        self.north.start()
        self.assertEqual(self.post()[0], 201)
        status, said = self.start_fails()
        self.assertEqual(status, EXIT_IN_USE)
        self.assertIn("control.sock: another gatewayd serves it", said)
        self.assertEqual(self.post(self.world.client("north"))[0], 201)
        # Nor with another socket and port on the same store.
        other = f"{self.north.folder}/other.json"
        doc = json.loads(read(self.north.config))
        doc.update(control="run/other.sock", listen=[f"127.0.0.1:{free_port()}"], monitor=[])
        write(other, json.dumps(doc))
        done = subprocess.run([GATEWAYD, "-c", other], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, EXIT_IN_USE, done.stderr)
        self.assertRegex(done.stderr, "error: .*(in use|another|locked)")
        self.assertEqual(self.post(self.world.client("north"))[0], 201)

    def test_a_socket_left_behind_is_no_obstacle(self):
        self.north.start()
        self.north.stop(signal.SIGKILL)
        self.assertTrue(os.path.exists(f"{self.north.folder}/run/control.sock"))
        self.north.start()

    def test_stopping_under_load_answers_what_was_accepted(self):
        self.north.start()
        answered, threads, begun = {}, [], threading.Event()

        def load(n):
            client = self.world.client("north", timeout=10)
            for i in range(100000):
                try:
                    status, answer = client.post("pax", agreements.envelope(agreements.passenger_record(n * 100000 + i)), key=f"l-{n}-{i}")
                except (OSError, ValueError, self.world_errors()):
                    return
                if status != 201:
                    return
                answered[answer["exchange"]] = True
                if i == 20:
                    begun.set()

        for n in range(6):
            threads.append(threading.Thread(target=load, args=(n,)))
            threads[-1].start()
        begun.wait(30)
        self.north.process.send_signal(signal.SIGTERM)
        at = time.monotonic()
        self.assertEqual(self.north.process.wait(20), 0)
        took = time.monotonic() - at
        for t in threads:
            t.join()
        self.assertEqual(self.verify()[0], 0)
        logged = {e["exchange"] for e in self.mirror() if e["operation"] == "disclosure"}
        self.assertEqual(set(answered) - logged, set(), "answered but not in the log")
        self.assertEqual(logged - set(answered), set(), "accepted but not answered")
        print(f"{len(answered)} records answered, {len(logged)} in the log; stopped in {took * 1000:.0f} ms")

    @staticmethod
    def world_errors():
        import http.client
        return http.client.HTTPException

    def test_service_manager_is_told(self):
        path = f"{self.world.folder}/notify.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(10)
            os.environ["NOTIFY_SOCKET"] = path
            try:
                self.north.start()
            finally:
                del os.environ["NOTIFY_SOCKET"]
            self.assertEqual(s.recv(100), b"READY=1")
            self.north.process.send_signal(signal.SIGHUP)
            self.assertEqual(s.recv(100), b"RELOADING=1")
            self.assertEqual(s.recv(100), b"READY=1")
            # A reload that fails is over too.
            bad = f"{self.north.folder}/partners/bad.json"
            write(bad, "{")
            self.north.process.send_signal(signal.SIGHUP)
            self.assertEqual(s.recv(100), b"RELOADING=1")
            self.assertEqual(s.recv(100), b"READY=1")
            self.north.process.send_signal(signal.SIGTERM)
            self.assertEqual(s.recv(100), b"STOPPING=1")
            self.assertEqual(self.north.process.wait(10), 0)

    def test_a_rotated_mirror_is_opened_anew(self):
        self.north.start()
        self.post()
        wait_for(lambda: len([e for e in self.mirror() if e["operation"] == "disclosure"]) == 1)
        path = f"{self.north.folder}/log/audit.jsonl"
        os.rename(path, path + ".1")
        self.north.process.send_signal(signal.SIGHUP)
        self.post()
        wait_for(lambda: os.path.exists(path) and any(e["operation"] == "disclosure" for e in self.mirror()))
        both = [e["index"] for e in self.mirror("audit.jsonl.1") + self.mirror()]
        self.assertEqual(both, list(range(len(both))), "every entry is in one of the files, once")


class Configuration(Case):
    PLACE = re.compile(r"^(.+):(\d+):(\d+): (/\S*): \S", re.MULTILINE)

    def refused(self, places):
        """Both -t and a start end with 78 and list every one of {file: pointers}, with line and column."""
        for status, said in ((self.north.check()[0], self.north.check()[2]), self.start_fails()):
            self.assertEqual(status, EXIT_CONFIG, said)
            found = {(os.path.basename(f), pointer) for f, line, column, pointer in self.PLACE.findall(said) if int(line) and int(column)}
            for name, pointers in places.items():
                for pointer in pointers:
                    self.assertIn((name, pointer), found, said)

    def test_all_is_well(self):
        status, out, err = self.north.check()
        self.assertEqual(status, 0, err)
        self.assertTrue(all(line.startswith("note: ") for line in err.splitlines()), err)
        self.assertIn("all is well", out)

    def test_usage(self):
        self.assertEqual(run(GATEWAYD, ok=False)[0], 2)
        self.assertEqual(run(GATEWAYD, "-x", ok=False)[0], 2)
        self.assertEqual(run(GATEWAYD, "-c", self.north.config, "more", ok=False)[0], 2)

    def test_every_error_of_the_node_is_listed(self):
        # A member that the schema does not know is not named.
        self.north.change(limits={"threads": 0, "lines": 0}, agency="Not A Name", surprise=1)
        self.refused({"gatewayd.json": ["/limits/threads", "/limits/lines", "/agency", "/surprise"]})

    def test_errors_of_all_documents_are_listed(self):
        write(f"{self.north.folder}/partners/one.json", '{"id":"one","agency":"one","jurisdiction":"xx",\n"roles":["king"]}')
        write(f"{self.north.folder}/partners/two.json", '{"id":2,"agency":"two","jurisdiction":"XX","roles":[]}')
        doc = json.loads(read(f"{self.north.folder}/agreements/pax.json"))
        doc["tiers"] = "none"
        write(f"{self.north.folder}/agreements/pax.json", json.dumps(doc, indent=1))
        self.refused({"one.json": ["/jurisdiction", "/roles/0"], "two.json": ["/id"], "pax.json": ["/tiers"]})

    def test_no_json(self):
        write(self.north.config, '{"agency": ')
        status, said = self.start_fails()
        self.assertEqual(status, EXIT_CONFIG)
        self.assertRegex(said, r"gatewayd\.json:1:\d+: ")

    def test_a_key_that_others_may_read_is_refused(self):
        os.chmod(f"{self.north.folder}/tls/gateway.key", 0o644)
        status, said = self.start_fails()
        self.assertEqual(status, EXIT_CONFIG)
        self.assertIn("gateway.key", said)
        os.chmod(f"{self.north.folder}/tls/gateway.key", 0o600)
        os.chmod(f"{self.north.folder}/keys/audit.key", 0o644)
        status, said = self.start_fails()
        self.assertEqual(status, EXIT_CONFIG)
        self.assertIn("audit.key", said)

    def test_a_monitor_listens_on_loopback_only(self):
        self.north.change(monitor=["0.0.0.0:1"])
        status, said = self.start_fails()
        self.assertEqual(status, EXIT_CONFIG)
        self.assertIn("loopback", said)


class Revocation(Case):
    """tls.revocations: lists that openssl makes, and what takes their place."""
    MOVED_CLOCK = True

    def setUp(self):
        super().setUp()
        self.folder, self.list = f"{self.world.folder}/revoked", f"{self.north.folder}/tls/revocations.pem"
        self.others = self.authority(f"{self.world.folder}/foreign")
        os.makedirs(self.folder)
        self.prepare(self.folder)
        doc = json.loads(read(self.north.config))
        self.north.change(tls={**doc["tls"], "revocations": "tls/revocations.pem"})

    @staticmethod
    def authority(folder):
        from world import Authority
        return Authority(folder, number=2)

    @staticmethod
    def prepare(folder):
        write(f"{folder}/index.txt", "")
        write(f"{folder}/crlnumber", "01\n")
        write(f"{folder}/ca.cnf", f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index.txt\ncrlnumber={folder}/crlnumber\n"
              "default_md=sha256\ndefault_crl_days=7\n")

    def ca(self, *words, authority=None):
        a = authority or self.world.authority
        run("openssl", "ca", "-config", f"{self.folder}/ca.cnf", "-cert", a.cert, "-keyfile", a.key, *words)

    def make_list(self, *words, authority=None):
        self.ca("-gencrl", "-out", self.list, *words, authority=authority)

    def hang_up(self):
        """SIGHUP, until the reload is done."""
        before = read(self.north.log).count("configuration reloaded")
        self.north.process.send_signal(signal.SIGHUP)
        wait_for(lambda: read(self.north.log).count("configuration reloaded") > before)

    def refused(self, slug, client=None):
        status, answer = self.post(client)
        self.assertEqual(answer["type"], f"/problems/{slug}", answer)
        self.assertEqual(status, answer["status"])

    def test_a_revoked_certificate_is_refused_on_its_connection(self):
        self.make_list()
        self.north.start()
        self.assertEqual(self.post()[0], 201)
        self.ca("-revoke", self.world.systems["north"][0])
        self.make_list()
        self.assertEqual(self.post()[0], 201, "the new list is not read yet")
        self.hang_up()
        self.client.connection.sock.settimeout(60)
        self.assertEqual(self.client.connection.sock.recv(1), b"", "the connection that was open ends")
        self.client.close()
        self.refused("certificate-revoked")
        self.refused("certificate-revoked", self.world.client("north"))
        wait_for(lambda: re.search(r'event="cut_by_core"} [1-9]', self.north.get_monitor("/metrics")[1]))

    def test_without_a_list_everybody_is_refused(self):
        self.north.start()
        self.refused("revocation-unknown")
        self.assertIn("certificates are refused", read(self.north.log))
        self.assertIn("revocations.pem", read(self.north.log))
        status, _, err = self.north.check()
        self.assertEqual(status, EXIT_CONFIG)
        self.assertIn("revocations.pem", err)
        self.make_list()
        self.hang_up()
        self.assertEqual(self.post()[0], 201, "served again with a list")
        os.unlink(self.list)
        self.hang_up()
        self.refused("revocation-unknown")
        wait_for(lambda: [e["change"] for e in self.north.entries() if e.get("kind") == "revocations"] == ["new", "gone"])

    def test_a_list_of_another_authority_refuses_everybody(self):
        self.make_list(authority=self.others)
        self.north.start()
        self.refused("revocation-unknown")
        self.assertIn("revocation list: its ", read(self.north.log))

    def test_an_altered_list_refuses_everybody(self):
        self.make_list()
        text = read(self.list).split("\n")
        middle = len(text[2]) // 2
        text[2] = text[2][:middle] + ("A" if text[2][middle] != "A" else "B") + text[2][middle + 1:]
        write(self.list, "\n".join(text))
        self.north.start()
        self.refused("revocation-unknown")

    def test_an_expired_list_refuses_everybody(self):
        self.make_list("-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200102000000Z")
        self.north.start()
        self.refused("revocation-unknown")
        self.assertIn("past its next update", read(self.north.log))
        # And one that expires while it is in use.
        self.make_list("-crlhours", "1")
        self.hang_up()
        self.assertEqual(self.post()[0], 201)
        self.world.clock.move(3601)
        self.client.close()
        wait_for(lambda: self.post()[0] != 201)
        self.refused("revocation-unknown")


class Tampering(Case):
    def setUp(self):
        super().setUp()
        self.north.start()
        self.post()
        self.north.stop()
        self.store = f"{self.north.folder}/store"

    def test_a_store_that_was_put_back_does_not_start(self):
        shutil.copytree(self.store, f"{self.world.folder}/older")
        self.north.start()
        self.post(self.world.client("north"))
        self.north.stop()
        shutil.rmtree(self.store)
        shutil.copytree(f"{self.world.folder}/older", self.store)
        status, said = self.start_fails()
        self.assertEqual(status, EXIT_CONFIG, said)
        self.assertIn("an older state was put back", said)

    def test_a_store_without_its_anchor_does_not_start(self):
        os.unlink(f"{self.north.folder}/anchor/checkpoint")
        status, said = self.start_fails()
        self.assertEqual(status, EXIT_CONFIG, said)
        self.assertIn("its anchor is missing", said)

    def test_one_altered_byte_is_found(self):
        self.assertEqual(self.verify()[0], 0)
        path = f"{self.store}/gatewayd.db"
        with open(path, "rb") as f:
            whole = f.read()
        with sqlite3.connect(f"file:{path}?immutable=1", uri=True) as db:
            (idx,) = [i for i, leaf in compact.leaves(db).items() if '"operation":"disclosure"' in leaf][:1]
            (row,) = db.execute("SELECT compact FROM entry WHERE idx = ?", (idx,)).fetchone()
        at = whole.find(row) + len(row) // 2
        self.assertGreater(at, len(row))
        with open(path, "r+b") as f:
            f.seek(at)
            f.write(bytes([whole[at] ^ 1]))
        status, _, err = self.verify()
        self.assertEqual(status, EXIT_TAMPERED, err)
        with open(path, "wb") as f:
            f.write(whole)
        self.assertEqual(self.verify()[0], 0)
