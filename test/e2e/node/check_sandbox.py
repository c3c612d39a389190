"""gatewayd --sandbox: what it prints works as it is pasted, and nothing of it is left when it has ended."""

import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from ports import free_port
from world import GATEWAYCTL, GATEWAYD, ROOT, ended, read, run, wait_for


class Sandbox(unittest.TestCase):
    def begin(self, *words):
        """Sets `process` and, once it serves, what it printed as `said` and its folder as `folder`."""
        self.out = tempfile.NamedTemporaryFile("r", encoding="utf-8")
        with open(self.out.name, "wb") as f:
            self.process = subprocess.Popen([GATEWAYD, *words], stdout=f, stderr=subprocess.PIPE)
        self.addCleanup(self.end)
        wait_for(lambda: "audit tail" in read(self.out.name) or self.process.poll() is not None, 60)
        self.said = read(self.out.name)
        self.folder = re.search(r"Everything is in (\S+?),? ", self.said).group(1)

    def end(self, how=signal.SIGTERM):
        """The status, and what it said on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        err = self.process.communicate(timeout=60)[1]
        self.out.close()
        return self.process.returncode, err.decode()

    def daemon(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
            return int(f.read().split()[0])

    def test_what_it_prints_works_as_it_is_pasted(self):
        self.begin("--sandbox")
        self.assertTrue(self.said.startswith("SANDBOX, not for real records: "), self.said)
        self.assertEqual(os.stat(self.folder).st_mode & 0o777, 0o700)
        # All of it but the banner, as one would paste it; then the fetching again, which waits for nothing.
        script = self.said.split("\n\n", 1)[1]
        status, out, err = run("sh", "-e", "-c", script, ok=False)
        self.assertEqual((status, err), (0, ""))
        answers = [json.loads(line) for line in out.splitlines() if line.startswith('{"')]
        validated, first, again, refused, listed, inbox, ack, peer = answers[:8]
        self.assertEqual((validated["status"], first["status"], first["outcome"]), (200, 201, "released-transformed"))
        self.assertEqual(again, first)
        self.assertIn("idempotency-replayed: true", out)
        self.assertEqual((refused["type"], refused["errors"][0]["allowed"]),
                         ("/problems/purpose-not-permitted", ["terrorism-prevention", "serious-crime"]))
        self.assertEqual([x["outcome"] for x in listed["exchanges"]], ["refused", "released-transformed"])
        self.assertEqual([(i["id"], i["exchange"]) for i in inbox["items"]], [(1, first["exchange"])])
        self.assertEqual((ack["first"], peer["partner"]), (True, "east-system"))
        self.assertIn("Who shares", out)
        self.assertNotIn("FILL IN", out)
        self.assertIn('"openapi": "3.1.0"', out)
        self.assertIn("collection", out)
        # The clients of doc/examples and gatewayctl, with what it exports.
        exports = "".join(line + "\n" for line in script.splitlines() if line.startswith("export "))
        clients = f"""{exports}
            python3 {ROOT}/doc/examples/gateway.py send pnr {self.folder}/pnr.ndjson
            {GATEWAYCTL} send --agreement pnr {self.folder}/pnr.ndjson
            export GATEWAY_CERTIFICATE={self.folder}/north/trial/system.pem GATEWAY_KEY={self.folder}/north/trial/system.key
            {ROOT}/doc/examples/gateway.sh inbox {self.folder}/fetched"""
        out = run("sh", "-e", "-c", clients)[1]
        self.assertIn("released-transformed", out)
        self.assertIn("2 fetched", out)
        self.assertEqual(self.end(signal.SIGINT), (0, ""))
        self.assertFalse(os.path.exists(self.folder))

    def test_what_the_guide_for_senders_says_runs_as_it_stands(self):
        """Every indented line of doc/senders.md, in one shell, against one sandbox."""
        guide = read(f"{ROOT}/doc/senders.md")
        blocks = re.findall(r"(?:^    .*\n)+", guide, re.M)
        lines = [line[4:] for block in blocks for line in block.splitlines()]
        self.assertIn("gatewayd --sandbox", lines)
        self.begin("--sandbox")
        exports = [line for line in self.said.splitlines() if line.startswith("export ")]
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(f"{ROOT}/doc", f"{folder}/doc")
            script = "".join(line + "\n" for line in exports + [line for line in lines if line != "gatewayd --sandbox"])
            path = f"{os.path.dirname(GATEWAYCTL)}:{os.environ['PATH']}"
            status, out, err = run("sh", "-e", "-c", script, ok=False, cwd=folder, env={**os.environ, "PATH": path})
            self.assertEqual(status, 0, out + err)
            answer, refused, held = (json.loads(read(f"{folder}/{n}.json")) for n in ("answer", "refused", "answer-held"))
            self.assertEqual((answer["status"], refused["errors"][0]["allowed"], held["outcome"]),
                             (201, ["terrorism-prevention", "serious-crime"], "held"))
            self.assertEqual([json.loads(line)["status"] for line in read(f"{folder}/results.ndjson").splitlines()], [201] * 3)
            self.assertIn("waiting-decision", out)
            self.assertIn('"first": true', out, "the recall")
            self.assertIn(json.loads(read(f"{folder}/envelope.json.answer"))["exchange"], out)
            self.assertEqual(json.loads(read(f"{folder}/correction.json"))["status"], 201)
            self.assertIn("corrects", read(f"{folder}/corrected.json.answer"))
            self.assertTrue(glob.glob(f"{folder}/fetched/*.item"))
        print(f"{len(lines)} lines of doc/senders.md were run")

    def test_it_ends_with_its_gateway(self):
        port = free_port()
        self.begin(f"--sandbox={port}")
        self.assertIn(f"gw.north.example:{port}:127.0.0.1", self.said)
        os.kill(self.daemon(), signal.SIGKILL)
        status, err = self.process.wait(60), self.process.stderr.read().decode()
        self.assertEqual(status, 1)
        self.assertIn("gatewayd: sandbox: the gateway: ended by itself\n", err)
        self.assertFalse(os.path.exists(self.folder))

    def test_its_gateway_ends_with_it(self):
        self.begin("--sandbox")
        daemon = self.daemon()
        self.end(signal.SIGKILL)
        self.assertTrue(ended(daemon, 30))
        shutil.rmtree(self.folder)          # who is killed so removes nothing

    def test_nothing_is_left_however_it_ends(self):
        self.begin("--sandbox")
        self.assertEqual(self.end(signal.SIGQUIT), (0, ""))
        self.assertFalse(os.path.exists(self.folder))
        # Whoever read what it prints goes away before it does.
        with subprocess.Popen([GATEWAYD, "--sandbox"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            folders = []
            wait_for(lambda: folders.extend(self.folders_of(process.pid)) or folders or process.poll() is not None, 60)
            self.assertEqual((process.wait(60), process.stderr.read()), (0, b""))
        self.assertTrue(folders)
        self.assertFalse(os.path.exists(folders[0]))

    @staticmethod
    def folders_of(pid):
        """What the programs that it started work on."""
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = f.read().split()
        words = []
        for child in children:
            try:
                words.append(read(f"/proc/{child}/cmdline"))
            except OSError:
                pass                        # it has ended
        return re.findall(r"/[^\0 ]*/gatewayd-sandbox-\w{6}", " ".join(words))

    def test_what_it_cannot_do(self):
        for words in (["--sandbox=0"], ["--sandbox=70000"], ["--sandbox=x"], ["--sandbox", "-t"], ["-t", "--sandbox"]):
            status, _, err = run(GATEWAYD, *words, ok=False)
            self.assertEqual(status, 2, words)
            self.assertIn("usage: gatewayd", err)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            status, out, err = run(GATEWAYD, f"--sandbox={port}", ok=False)
            self.assertEqual((status, out, err), (1, "", f"gatewayd: sandbox: 127.0.0.1:{port}: Address already in use\n"))
        with tempfile.TemporaryDirectory() as alone:
            shutil.copy(GATEWAYD, alone)
            status, out, err = run(f"{alone}/gatewayd", "--sandbox", ok=False)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("gatewayctl: is neither beside gatewayd nor in ../bin", err)
            # One that fails: what it said is shown, and nothing is left.
            before = set(glob.glob("/dev/shm/gatewayd-sandbox-*"))
            with open(f"{alone}/gatewayctl", "w", encoding="ascii") as f:
                f.write("#!/bin/sh\necho made up\nexit 1\n")
            os.chmod(f"{alone}/gatewayctl", 0o755)
            status, out, err = run(f"{alone}/gatewayd", "--sandbox", ok=False)
            self.assertEqual((status, out), (1, ""))
            self.assertRegex(err, "^made up\ngatewayd: sandbox: init .*: failed\n$")
            self.assertLessEqual(set(glob.glob("/dev/shm/gatewayd-sandbox-*")), before | self.others())

    @staticmethod
    def others():
        """Sandboxes of tests that run side by side."""
        return {p for p in glob.glob("/dev/shm/gatewayd-sandbox-*") if os.path.exists(f"{p}/north")}

