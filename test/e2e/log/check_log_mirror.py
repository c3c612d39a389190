"""A supervisor's mirror of two gateways' logs: what it keeps is read where a web server serves it, cosigned, and goes on being
there when a gateway is gone; what is not as it should be it says by itself, and after how long."""

import hashlib
import json
import os
import shutil
import subprocess
import time
import unittest

import agreements
from check_published import served
from check_witness import started
from world import GATEWAYCTL, World, read, run, wait_for, write


class Mirror(unittest.TestCase):
    def setUp(self):
        self.world = w = started(World())
        self.addCleanup(w.close)
        self.dir, self.policy = f"{w.folder}/mirror", f"{w.folder}/policy"
        lines = []
        cert, key = w.authority.leaf("dpa", "spiffe://dpa.example/mirror")
        for n in w.nodes:
            w.add_system(n, n.agency, "dpa", cert, roles=("supervisor",))
            lines.append(f"log {read(f'{n.folder}/audit.vkey').strip()} https://{n.host}:{n.port}\n")
        write(self.policy, "".join(lines) + "quorum none\n")
        self.vkey = run(GATEWAYCTL, "audit", "mirror-key", "dpa.example/mirror", f"{w.folder}/dpa.key")[1]
        self.words = [GATEWAYCTL, "audit", "mirror", "--cosign", f"{w.folder}/dpa.key", "--certificate", cert, "--private-key", key,
                      "--authority", w.authority.cert]
        self.running = []
        self.addCleanup(lambda: [p.kill() or p.wait() for p in self.running])

    def mirror(self, node, *more):
        """Follows one node's log until the test ends."""
        policy = f"{self.policy}-{node.agency}"
        write(policy, next(line for line in read(self.policy).splitlines(True) if f"{node.host}:" in line) + "quorum none\n")
        with open(f"{self.world.folder}/mirror-{node.agency}.log", "w", encoding="utf-8") as log:
            self.running.append(subprocess.Popen([*self.words, "--policy", policy, "--every", "1", "--resolve",
                                                  f"{node.host}:{node.port}:127.0.0.1", *more, f"{self.dir}-{node.agency}"], stdout=log, stderr=log))

    def kept(self, node):
        origin = read(f"{node.folder}/audit.vkey").split("+")[0]
        return f"{self.dir}-{node.agency}/{hashlib.sha256(origin.encode()).hexdigest()}"

    def size(self, node):
        names = [n for n in ("newest", "checkpoint") if os.path.exists(f"{self.kept(node)}/{n}")]
        return int(read(f"{self.kept(node)}/{names[0]}").split("\n")[1]) if names else 0

    def said(self, node):
        return read(f"{self.world.folder}/mirror-{node.agency}.log")

    def post(self, n):
        for i in range(n):
            self.world.client("north").post("pax", agreements.envelope(agreements.passenger_record(i)))

    def test_it_outlives_the_gateway(self):
        w = self.world.start()
        self.post(150)
        for n in w.nodes:
            self.mirror(n, "--silence", "3")
        for n in w.nodes:
            wait_for(lambda n=n: self.size(n) > 150, 30)
        self.post(50)
        wait_for(lambda: self.size(w.north) > 350, 30)
        w.north.stop(how=9)
        size, began = self.size(w.north), time.monotonic()
        wait_for(lambda: "ALARM: gw.north.example/audit/gw1/1: silent" in self.said(w.north), 30)
        after = time.monotonic() - began
        shutil.rmtree(w.north.folder + "/store")
        # Auditors read at the mirror, by a policy that asks for its cosignature.
        write(f"{w.folder}/auditors", f"log {read(f'{w.north.folder}/audit.vkey')}witness dpa {self.vkey}quorum dpa\n")
        with served(self.kept(w.north)) as (url, _):
            out = run(GATEWAYCTL, "audit", "verify", "--policy", f"{w.folder}/auditors", url)[1]
        self.assertIn("witnessed by 1 of 1 independent", out)
        self.assertIn("every entry and tile is the one that was signed", out)
        self.assertNotIn("ALARM", self.said(w.south))
        print(f"mirror: {size} entries outlive their gateway; silence after {after:.1f} s with --silence 3")

    def test_a_store_that_was_put_back(self):
        w = self.world
        w.start()
        self.post(10)
        w.south.stop()
        w.north.stop()
        for path in ("store", "anchor"):
            shutil.copytree(f"{w.north.folder}/{path}", f"{w.folder}/old-{path}")
        w.north.start()
        self.post(20)
        self.mirror(w.north)
        wait_for(lambda: self.size(w.north) > 40, 30)
        kept = self.size(w.north)
        w.north.stop()
        for path in ("store", "anchor"):
            shutil.rmtree(f"{w.north.folder}/{path}")
            shutil.copytree(f"{w.folder}/old-{path}", f"{w.north.folder}/{path}")
        began = time.monotonic()
        w.north.start()
        wait_for(lambda: "ALARM: gw.north.example/audit/gw1/1: altered: the log went back" in self.said(w.north), 30)
        after = time.monotonic() - began
        self.post(40)       # now it is longer than what is kept, and another
        wait_for(lambda: len(os.listdir(f"{self.kept(w.north)}/evidence")) > 1, 30)
        self.assertEqual(self.size(w.north), kept)
        status = json.loads(read(f"{self.dir}-north/status.json"))["logs"][0]
        self.assertEqual(status["state"], "altered")
        self.assertIn("are not those that were verified before", status["error"])
        print(f"mirror: a store that was put back is an alarm {after:.1f} s after its gateway serves again")
