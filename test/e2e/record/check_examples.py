"""The clients of doc/examples, each as a developer would start from it: one record, a batch, an inbox, a gateway that is away or
has had enough for now."""

import json
import os
import shutil
import subprocess
import unittest

import agreements
from world import GATEWAYCTL, ROOT, Client, World, read, run, wait_for, write

CLIENTS = {"sh": (), "py": ("python3",), "mjs": ("node",)}


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        w.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
        cls.node = w.south
        cls.feeds = {}
        # One that may ask a lot, and one that may ask twice a second.
        for name, rates in (("feed", None), ("slow", {"records_per_second": 2})):
            cls.feeds[name] = w.authority.leaf(name, f"spiffe://north.example/{name}")
            w.add_system(cls.node, "north", f"north-{name}", cls.feeds[name][0])
            if rates:
                doc = json.loads(read(f"{cls.node.folder}/partners/north-{name}.json"))
                cls.node.add_partner({**doc, "rates": rates})
        cls.node.start()

    def clients(self):
        for kind, interpreter in CLIENTS.items():
            if interpreter and not shutil.which(interpreter[0]):
                print(f"SKIP doc/examples/gateway.{kind}: {interpreter[0]} is not installed")
                continue
            yield kind, [*interpreter, f"{ROOT}/doc/examples/gateway.{kind}"]

    def environment(self, identity):
        return {**os.environ, "GATEWAY_URL": f"https://{self.node.host}:{self.node.port}", "GATEWAY_CERTIFICATE": identity[0],
                "GATEWAY_KEY": identity[1], "GATEWAY_AUTHORITY": self.world.authority.cert,
                "GATEWAY_RESOLVE": f"{self.node.host}:{self.node.port}:127.0.0.1"}

    def ask(self, client, *words, expected=0, feed="feed"):
        identity = self.world.systems["south"] if words[0] == "inbox" else self.feeds[feed]
        status, out, err = run(*client, *words, ok=False, env=self.environment(identity))
        self.assertEqual(status, expected, out + err)
        return out, err

    def file(self, name, *envelopes):
        path = f"{self.world.folder}/{name}"
        write(path, "".join(json.dumps(e) + "\n" for e in envelopes))
        return path

    def test_one_record(self):
        for kind, client in self.clients():
            with self.subTest(client=kind):
                path = self.file(f"one-{kind}", agreements.envelope(agreements.passenger_record(1)))
                out, _ = self.ask(client, "send", "pax", path)
                answer = json.loads(read(f"{path}.answer"))
                self.assertEqual(out, f"released-transformed {answer['exchange']}\n")
                run(GATEWAYCTL, "audit", "verify-receipt", "--key", read(f"{self.node.folder}/audit.vkey").strip(), f"{path}.receipt")
                self.assertEqual(os.stat(f"{path}.answer").st_mode & 0o777, 0o600)
                # Run again, it is the same record, and is decided once.
                self.assertEqual(self.ask(client, "send", "pax", path)[0], out)
                bad = self.file(f"bad-{kind}", agreements.envelope(agreements.passenger_record(1), purpose="marketing"))
                _, err = self.ask(client, "send", "pax", bad, expected=3)
                self.assertIn("/purpose: purpose-not-permitted", err)
                self.assertEqual(json.loads(read(f"{bad}.answer"))["status"], 403)
                self.assertEqual(run(*client, "send", ok=False, env=self.environment(self.feeds["feed"]))[0], 2)

    def test_a_batch(self):
        for kind, client in self.clients():
            with self.subTest(client=kind):
                lines = [agreements.envelope(agreements.passenger_record(n)) for n in range(230)]
                lines[150]["tier"] = "T9"
                path = self.file(f"many-{kind}", *lines)
                out, err = self.ask(client, "batch", "pax", path, expected=3)
                self.assertEqual(out, "229 released or held, 1 refused\n")
                self.assertIn("/tier: tier-unknown", err)
                results = [json.loads(line) for line in read(f"{path}.results").splitlines()]
                self.assertEqual([n for n, r in enumerate(results) if r["status"] != 201], [150])
                self.assertEqual(len({r["exchange"] for r in results}), 230)
                self.ask(client, "batch", "pax", path, expected=3)
                again = [json.loads(line) for line in read(f"{path}.results").splitlines()]
                self.assertEqual([r["exchange"] for r in again], [r["exchange"] for r in results])
                # The bytes of a record are nobody's to change on the way.
                number = self.file(f"number-{kind}", lines[0])
                write(number, read(number).replace("19.99", "19.990000000000000001"))
                self.assertEqual(self.ask(client, "batch", "pax", number)[0], "1 released or held, 0 refused\n")
                self.assertIn("19.990000000000000001", read(f"{number}.keyed"))

    def empty(self):
        """The inbox: what other tests sent is not fetched."""
        system = self.world.client("south")
        while items := system.inbox()["items"]:
            for i in items:
                self.assertEqual(system.ack(i["id"])[0], 200)
        system.close()

    def test_an_inbox(self):
        self.empty()
        for kind, client in self.clients():
            with self.subTest(client=kind):
                path = self.file(f"sent-{kind}", *(agreements.envelope(agreements.passenger_record(n)) for n in range(3)))
                self.ask(client, "batch", "pax", path)
                folder = f"{self.world.folder}/inbox-{kind}"
                out, _ = self.ask(client, "inbox", folder)
                self.assertEqual(out, "3 fetched\n")
                for r in map(json.loads, read(f"{path}.results").splitlines()):
                    self.assertIn("locator", json.loads(read(f"{folder}/{r['exchange']}.json")))
                    item = json.loads(read(f"{folder}/{r['exchange']}.item"))
                    self.assertEqual((item["exchange"], len(item["salt"]), "record" in item), (r["exchange"], 32, False))
                self.assertEqual(len(os.listdir(folder)), 6)
                self.assertEqual(self.ask(client, "inbox", folder)[0], "0 fetched\n")

    def begin(self, word, feed, name, *envelopes):
        """All clients, side by side: (client, file, process) of each, with its output in FILE.log."""
        running = []
        for kind, client in self.clients():
            path = self.file(f"{name}-{kind}", *envelopes)
            with open(f"{path}.log", "wb") as f:
                running.append((kind, path, subprocess.Popen([*client, word, "pax", path], stdout=f, stderr=f,
                                                             env=self.environment(self.feeds[feed]))))
        return running

    def all_end(self, running, said):
        for kind, path, process in running:
            with self.subTest(client=kind):
                self.assertEqual(process.wait(60), 0, read(f"{path}.log"))
                self.assertIn(said, read(f"{path}.log"))

    def test_it_waits_for_a_gateway_that_has_had_enough(self):
        slow = Client(self.world, self.node, *self.feeds["slow"])
        # What is refused counts more than once: for a while nothing is taken.
        while slow.post("pax", agreements.envelope({"locator": 1}))[0] != 429:
            pass
        running = self.begin("send", "slow", "slow", agreements.envelope(agreements.passenger_record(1)))
        self.all_end(running, "released-transformed")
        self.assertTrue(all("not now, again in" in read(f"{path}.log") for _, path, _ in running))
        lines = [agreements.envelope(agreements.passenger_record(n)) for n in range(2)]
        self.all_end(self.begin("batch", "slow", "slow-many", *lines), "2 released or held, 0 refused")

    def test_it_waits_for_a_gateway_that_is_away(self):
        self.node.stop()
        running = self.begin("send", "feed", "away", agreements.envelope(agreements.passenger_record(7)))
        for _, path, _ in running:
            wait_for(lambda path=path: "not now, again in" in read(f"{path}.log"))
        self.assertTrue(all(process.poll() is None for _, _, process in running))
        self.node.start()
        self.all_end(running, "released-transformed")
