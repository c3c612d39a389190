"""An auditor reads the log where the gateway serves it: gatewayctl audit over mutual TLS, with the auditor's certificate
and the auditor's own key for the log."""

import filecmp
import re
import sqlite3
import unittest

import agreements
import compact
from check_witness import started
from world import GATEWAYCTL, Client, World, read, run, wait_for, write


class OverTls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = started(World())
        cls.addClassCleanup(w.close)
        cls.access = {}
        for n in w.nodes:
            cert, key = w.authority.leaf(f"auditor-{n.agency}", f"spiffe://{n.agency}.example/auditor")
            w.add_system(n, n.agency, "auditor", cert, roles=("auditor",))
            cls.access[n.agency] = (cert, key)
        w.start()
        for i in range(300):
            w.client("north").post("pax", agreements.envelope(agreements.passenger_record(i)))
        wait_for(lambda: w.north.ask("outbox") == [])

    def url(self, node):
        return f"https://{node.host}:{node.port}"

    def audit(self, *words, node=None, access=None, ok=True):
        """Without a configuration: the auditor is not the operator."""
        node = node or self.world.north
        cert, key = access or self.access[node.agency]
        return run(GATEWAYCTL, "audit", words[0], "--certificate", cert, "--private-key", key, "--authority", self.world.authority.cert,
                   "--resolve", f"{node.host}:{node.port}:127.0.0.1", *words[1:], ok=ok)

    def verify(self, *words, **more):
        return self.audit("verify", "--key", f"{self.world.north.folder}/audit.vkey", *words, self.url(self.world.north), **more)

    def test_verify(self):
        out = self.verify()[1]
        self.assertGreater(int(re.search(r"entries +(\d+)", out).group(1)), 300)
        self.assertIn("every entry and tile is the one that was signed", out)
        self.assertIn("not part of this copy", out)

    def test_verify_with_an_earlier_checkpoint(self):
        w = self.world
        w.north.ctl("audit", "export", f"{w.folder}/kept")
        w.client("north").post("pax", agreements.envelope(agreements.passenger_record(1)))
        self.assertIn("grew from the earlier checkpoint", self.verify("--earlier", f"{w.folder}/kept/checkpoint")[1])

    def test_another_key_is_tampering(self):
        w = self.world
        code, _, err = self.audit("verify", "--key", f"{w.south.folder}/audit.vkey", self.url(w.north), ok=False)
        self.assertEqual(code, 4, err)

    def test_who_may_not_read_learns_nothing(self):
        w = self.world
        cert, key = w.authority.leaf("stranger", "spiffe://stranger.example/auditor")
        code, out, err = self.verify(access=(cert, key), ok=False)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("status 403", err)
        # A partner gateway may have the tree, not the entries.
        code, out, err = self.verify(access=(f"{w.south.folder}/tls/gateway.pem", f"{w.south.folder}/tls/gateway.key"), ok=False)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("tile/entries/000: the server answers with status 403", err)

    def test_without_a_certificate(self):
        code, _, err = run(GATEWAYCTL, "audit", "verify", "--key", f"{self.world.north.folder}/audit.vkey", self.url(self.world.north), ok=False)
        self.assertEqual(code, 1, err)
        code, _, err = run(GATEWAYCTL, "audit", "prove", "--from", self.url(self.world.north), "019b76da-a811-7100-8000-000000000000", ok=False)
        self.assertEqual(code, 1)
        self.assertIn("a URL cannot be read here", err)

    def test_export_is_what_the_store_exports(self):
        w = self.world
        self.audit("export", "--from", self.url(w.north), f"{w.folder}/fetched")
        self.assertEqual(run(GATEWAYCTL, "audit", "verify", "--key", f"{w.north.folder}/audit.vkey", f"{w.folder}/fetched")[0], 0)
        w.north.ctl("audit", "export", f"{w.folder}/own")
        for name in ("tile/0/000", "tile/entries/000"):
            self.assertTrue(filecmp.cmp(f"{w.folder}/fetched/{name}", f"{w.folder}/own/{name}", shallow=False), name)
        out = self.audit("export", "--from", self.url(w.north), "--format", "jsonl")[1]
        self.assertGreater(out.count("\n"), 300)

    def test_reconcile(self):
        w = self.world
        w.south.ctl("audit", "export", f"{w.folder}/south")
        write(f"{w.folder}/policy", f"log {read(w.north.folder + '/audit.vkey')}log {read(w.south.folder + '/audit.vkey')}quorum none\n")
        out = self.audit("reconcile", "--policy", f"{w.folder}/policy", self.url(w.north), f"{w.folder}/south", node=w.north)[1]
        self.assertRegex(out, r"^30\d exchanges agree, 0 undelivered")


class Pace(unittest.TestCase):
    def test_a_limit_says_when_to_come_again(self):
        with started(World()) as w:
            cert, key = w.authority.leaf("auditor", "spiffe://north.example/auditor")
            w.add_system(w.north, "north", "auditor", cert, roles=("auditor",))
            w.north.change(limits={"reads_per_minute": 2, "threads": 1})
            w.north.start()
            client = Client(w, w.north, cert, key)
            answers = [client.request("GET", "/checkpoint") for _ in range(4)]
            self.assertEqual(answers[-1][0], 429)
            self.assertTrue(1 <= int(answers[-1][1]["retry-after"]) <= 60, answers[-1][1])


class Altered(unittest.TestCase):
    def test_an_altered_entry_is_found(self):
        with started(World()) as w:
            cert, key = w.authority.leaf("auditor", "spiffe://north.example/auditor")
            w.add_system(w.north, "north", "auditor", cert, roles=("auditor",))
            w.north.start()
            with sqlite3.connect(f"{w.north.folder}/store/gatewayd.db") as db:
                self.assertTrue(compact.alter(db, '"genesis"', '"GENESIS"', "idx = 0"))
            words = ("--certificate", cert, "--private-key", key, "--authority", w.authority.cert, "--resolve",
                     f"{w.north.host}:{w.north.port}:127.0.0.1", f"https://{w.north.host}:{w.north.port}")
            code, _, err = run(GATEWAYCTL, "audit", "verify", "--key", f"{w.north.folder}/audit.vkey", *words, ok=False)
            self.assertEqual(code, 4)
            self.assertIn("entry 0 ", err)
