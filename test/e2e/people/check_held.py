"""What is held until a person decides, and quotas: approvals by officers, refusals, silence, and uses that last
over a restart."""

import json
import sqlite3
import time
import unittest

import agreements
from world import ROOT, World, run, wait_for

DAY_MS = 86400000


def schema():
    return agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")


def waiting(record, **more):
    """An envelope that nobody can categorise: a person decides."""
    doc = agreements.envelope(record, **more)
    del doc["subject_category"]
    return doc


def open_to_all(doc):
    for purpose in doc["purposes"]:
        purpose["subject_categories"].append("uncategorised")
    return doc


def entries(node, exchange):
    return [e for e in node.entries() if e.get("exchange") == exchange]


class Held(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        w.agreement(open_to_all(agreements.passenger(digest=schema())))
        cls.officers = {}
        for name, node, agency, days in (("anna", w.north, "north", 90), ("otto", w.north, "north", -1),
                                         ("ines", w.north, "south", 90), ("sven", w.south, "south", 90)):
            cls.officers[name] = cert, _ = w.authority.leaf(name, f"spiffe://{agency}.example/officer/{name}", "emailProtection")
            run("cp", cert, f"{node.folder}/partners/{name}.pem")
            node.add_partner({"id": name, "agency": agency, "jurisdiction": "XX", "roles": ["officer"], "signers": [f"{name}.pem"],
                              "training_until": agreements.instant(days)})
        w.start()
        cls.north, cls.south = w.client("north"), w.client("south")
        cls.number = 0

    def hold(self, **more):
        """Posts what has to wait; returns its exchange id."""
        type(self).number += 1
        self.envelope = waiting(agreements.passenger_record(self.number), **more)
        self.key = f"held-{self.number}"
        status, answer = self.north.post("pax", self.envelope, key=self.key)
        self.assertEqual((status, answer["outcome"]), (202, "held"), answer)
        return answer["exchange"]

    def approve(self, exchange, who="anna", node=None, **options):
        """The words that name an approval's two files."""
        type(self).number += 1
        out = f"{self.world.folder}/approval-{self.number}"
        cert, key = self.officers[who]
        more = [w for name, value in options.items() for w in (f"--{name}", value)]
        (node or self.world.north).ctl("exchange", "approve", exchange, "--certificate", cert, "--key", key, "--out", out, *more)
        return f"{out}.json", f"{out}.p7s"

    def altered(self, exchange, **changes):
        """An approval that says something else, and that the officer signed so."""
        statement, signature = self.approve(exchange)
        with open(statement, encoding="ascii") as f:
            doc = json.load(f) | changes
        if changes.get("older"):
            doc = {k: doc[k] for k in ("agreement", "input", "tier", "expires", "officer")}
        with open(statement, "w", encoding="ascii") as f:
            json.dump(doc, f)
        cert, key = self.officers["anna"]
        run("openssl", "cms", "-sign", "-binary", "-in", statement, "-signer", cert, "-inkey", key, "-md", "sha256",
            "-outform", "PEM", "-out", signature)
        return statement, signature

    def release(self, exchange, approval, node=None):
        return (node or self.world.north).ctl("exchange", "release", exchange, "--approval", *approval, ok=False)

    def state(self, exchange, node=None):
        return (node or self.world.north).ask("exchange", "show", exchange)["exchange"]["state"]

    def operations(self, exchange):
        """What happened to it, readings left out."""
        return [e["operation"] for e in entries(self.world.north, exchange) if e["operation"] != "consultation"]

    def kept(self, exchange, approval, why):
        status, _, err = self.release(exchange, approval)
        self.assertEqual(status, 1, err)
        self.assertIn(why, err)
        self.assertEqual(self.state(exchange), "held")

    def test_released_by_an_approval(self):
        exchange = self.hold()
        payloads = self.world.north.ask("status")["store"]["payloads"]
        self.assertGreaterEqual(payloads, 1)
        approval = self.approve(exchange)
        status, out, err = self.release(exchange, approval)
        self.assertEqual((status, out.strip()), (0, "queued"), err)
        wait_for(lambda: self.state(exchange) == "delivered")
        log = [(e["operation"], e.get("outcome")) for e in entries(self.world.north, exchange)]
        self.assertEqual([o for o in log if o[0] != "consultation"],
                         [("hold", "held"), ("decision", "released-transformed"), ("erasure", None),
                          ("disclosure", "released-transformed"), ("delivery", "delivered"), ("erasure", None)])
        # The sender sees the release, also when it asks again with the same key.
        again, answer = self.north.post("pax", self.envelope, key=self.key)
        self.assertEqual((again, answer["outcome"], answer["exchange"]), (201, "released-transformed", exchange), answer)
        status, _, err = self.world.north.ctl("exchange", "approve", exchange, "--certificate", self.officers["anna"][0], "--key",
                                              self.officers["anna"][1], "--out", f"{self.world.folder}/late", ok=False)
        self.assertEqual(status, 1, err)
        self.assertIn("is not held, but", err)
        status, _, err = self.world.north.ctl("exchange", "approve", "envelope.json", "--certificate", self.officers["anna"][0], "--key",
                                              self.officers["anna"][1], "--out", f"{self.world.folder}/unsent", ok=False)
        self.assertEqual(status, 1, err)
        self.assertIn("envelope.json is no exchange: what has not been sent cannot be approved here", err)
        self.assertEqual(self.release(exchange, approval)[0], 1)

    def test_the_other_side_holds_too_and_decides_by_its_own_officer(self):
        exchange = self.hold()
        self.assertEqual(self.release(exchange, self.approve(exchange))[0], 0)
        there = wait_for(lambda: [x["exchange"] for x in self.world.south.ask("exchange", "list") if x["state"] == "held"])
        for one in there:
            before = len(self.south.inbox()["items"])
            self.assertEqual(self.release(one, self.approve(one, "sven", self.world.south), self.world.south)[0], 0)
            self.assertEqual(self.state(one, self.world.south), "ready")
            items = self.south.inbox()["items"]
            self.assertEqual(len(items), before + 1)
            self.assertRegex(items[-1]["record"]["travellers"][0]["family"], r"^p1\.1\.[a-z2-7]{26}$")
            self.assertNotIn("statement", json.dumps(items[-1]))

    def test_refused_by_a_person(self):
        exchange = self.hold()
        approval = self.approve(exchange)
        status, out, err = self.world.north.ctl("exchange", "refuse", exchange, "--reason", "not needed in this case", ok=False)
        self.assertEqual((status, out.strip()), (0, "refused"), err)
        shown = self.world.north.ask("exchange", "show", exchange)
        self.assertEqual(shown["exchange"]["state"], "refused")
        self.assertEqual(shown["disclosures"]["reason"], "not needed in this case")
        self.assertNotIn("not needed", json.dumps(entries(self.world.north, exchange)))
        self.assertEqual(self.operations(exchange), ["hold", "decision", "erasure"])
        again, answer = self.north.post("pax", self.envelope, key=self.key)
        self.assertEqual((again, answer["type"]), (403, "/problems/not-permitted"))
        self.assertEqual(self.world.north.ctl("exchange", "refuse", exchange, "--reason", "again", ok=False)[0], 1)
        self.assertEqual(self.release(exchange, approval)[0], 1)

    def test_what_is_no_approval(self):
        exchange, other = self.hold(), self.hold()
        self.kept(exchange, self.approve(other), "another record")
        self.kept(exchange, self.approve(exchange, "otto"), "training")
        self.kept(exchange, self.approve(exchange, "ines"), "may not approve this")
        self.kept(exchange, self.approve(exchange, "sven"), "no officer who is pinned here")
        self.kept(exchange, self.approve(exchange, expires=agreements.instant(-1)), "expired")
        self.kept(exchange, self.approve(exchange, exception="urgent"), "another exception")
        self.kept(exchange, self.altered(exchange, tier="T2"), "another tier")
        self.kept(exchange, self.altered(exchange, agreement="0" * 64), "another agreement")
        self.kept(exchange, self.altered(exchange, purpose="border-check"), "another purpose")
        self.kept(exchange, self.altered(exchange, subject_category="victim"), "another category")
        self.kept(exchange, self.altered(exchange, case="X-0"), "another case")
        self.kept(exchange, self.altered(exchange, named="0" * 63 + "1"), "another named officer")
        self.kept(exchange, self.altered(exchange, older=True), "an older form binds too little")
        self.kept(exchange, self.approve(exchange, expires=agreements.instant(4)), "72 hours")
        statement, _ = self.approve(exchange)
        self.kept(exchange, (statement, self.approve(exchange, "ines")[1]), "not signed")
        with open(statement, "a", encoding="ascii") as f:
            f.write(" surplus")
        self.kept(exchange, (statement, statement), "not an approval")
        attempts = [e for e in entries(self.world.north, exchange) if e["operation"] == "decision"]
        self.assertEqual({e["outcome"] for e in attempts}, {"held"})
        self.assertEqual(len(attempts), 16)
        self.assertEqual(self.release(exchange, self.approve(exchange))[0], 0)

    def test_two_releases_at_once_release_once(self):
        import threading
        exchange = self.hold()
        approval, got = self.approve(exchange), []
        threads = [threading.Thread(target=lambda: got.append(self.release(exchange, approval)[0])) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sorted(got), [0, 1, 1, 1])
        self.assertEqual(len([e for e in entries(self.world.north, exchange) if e["operation"] == "disclosure"]), 1)

    def test_unknown_and_not_held(self):
        nobody = "01890000-0000-7000-8000-000000000000"
        self.assertIn("no such exchange", self.world.north.ctl("exchange", "refuse", nobody, "--reason", "x", ok=False)[2])
        self.assertEqual(self.world.north.ctl("exchange", "refuse", nobody, ok=False)[0], 2)
        self.assertEqual(self.world.north.ctl("exchange", "release", nobody, ok=False)[0], 2)
        self.assertEqual(self.world.north.ctl("exchange", "approve", nobody, ok=False)[0], 2)


class SecondPersons(unittest.TestCase):
    """Two signatures that a tier asks for, and officers of three agencies."""

    def test_waits_for_two(self):
        with World() as w:
            doc = agreements.passenger(digest=schema())
            doc["tiers"][0] |= {"approvals": 2, "quota": {"uses": 1, "per": "P1D"}}
            w.agreement(doc)
            officers = {}
            for name, agency in (("anna", "north"), ("otto", "north"), ("ines", "south")):
                officers[name] = cert, _ = w.authority.leaf(name, f"spiffe://{agency}.example/officer/{name}", "emailProtection")
                run("cp", cert, f"{w.north.folder}/partners/{name}.pem")
                w.north.add_partner({"id": name, "agency": agency, "jurisdiction": "XX", "roles": ["officer"], "signers": [f"{name}.pem"],
                                     "training_until": agreements.instant(9)})
            w.start()
            client = w.client("north")
            status, answer = client.post("pax", agreements.envelope(agreements.passenger_record()))
            self.assertEqual((status, answer["outcome"], answer["approvals_lacking"]), (202, "held", 2), answer)
            self.assertEqual([e["code"] for e in answer["errors"]], ["approval-missing"])
            exchange = answer["exchange"]
            shown = {}
            for name, (cert, key) in officers.items():
                out = f"{w.folder}/{name}-says"
                w.north.ctl("exchange", "approve", exchange, "--certificate", cert, "--key", key, "--out", out)
                shown[name] = ["--approval", f"{out}.json", f"{out}.p7s"]

            def release(*names):
                words = [word for n in names for word in shown[n]]
                return w.north.ctl("exchange", "release", exchange, *words, ok=False)
            self.assertIn("more approvals: 1", release("anna")[2])
            self.assertIn("it takes another", release("anna", "anna")[2])
            self.assertIn("may not approve", release("anna", "ines")[2])
            self.assertEqual(w.north.ask("exchange", "show", exchange)["exchange"]["state"], "held")
            status, out, err = release("anna", "otto")
            self.assertEqual((status, out.strip()), (0, "queued"), err)
            after = w.north.ask("exchange", "show", exchange)
            self.assertEqual(len(after["disclosures"]["approvals"]), 2)
            self.assertEqual(sorted(after["disclosures"]["approvals"][0]), ["signature", "statement"])
            self.assertIn("criterion", after["disclosures"].get("necessity", {"criterion": None}))
            wait_for(lambda: w.north.ask("outbox") == [])
            self.assertEqual(len(w.client("south").inbox()["items"]), 1)
            self.assertNotIn("approvals", json.dumps(w.client("south").inbox()["items"]))
            # It counts in the quota: what comes now is refused, and nothing else waits.
            status, answer = client.post("pax", agreements.envelope(agreements.passenger_record(2)))
            self.assertEqual(status, 403, answer)


class Silence(unittest.TestCase):
    def test_never_approves(self):
        with World() as w:
            w.agreement(open_to_all(agreements.passenger(digest=schema())))
            w.north.start()
            _, answer = w.client("north").post("pax", waiting(agreements.passenger_record()))
            exchange = answer["exchange"]
            due = w.north.ask("retention", "due")
            self.assertEqual(len(due), 1)
            w.north.stop()
            with sqlite3.connect(f"{w.north.folder}/store/gatewayd.db") as db:
                (ms,) = db.execute("SELECT due_ms FROM timer").fetchone()
                self.assertAlmostEqual(ms / 1000, time.time() + 72 * 3600, delta=60)
                db.execute("UPDATE timer SET due_ms = ?1, payload_ms = ?1", (int(time.time() * 1000) - 1,))
            db.close()
            w.north.start()
            shown = w.north.ask("exchange", "show", exchange)
            self.assertEqual((shown["exchange"]["state"], shown["exchange"]["status"]), ("refused", 403))
            self.assertEqual([(e["operation"], e.get("note")) for e in entries(w.north, exchange)][1:3],
                             [("decision", "not decided in time"), ("erasure", "not decided in time")])
            self.assertEqual(w.north.ask("status")["store"]["payloads"], 0)


class TheLawOfTheDay(unittest.TestCase):
    def test_a_release_is_judged_when_it_is_made(self):
        """An agreement that ends while something is held lets nothing out any more."""
        with World(moved_clock=True) as w:
            doc = open_to_all(agreements.passenger(digest=schema(), sunset=agreements.instant(4 / 1440)))
            w.agreement(doc)
            cert, key = w.authority.leaf("anna", "spiffe://north.example/officer/anna", "emailProtection")
            run("cp", cert, f"{w.north.folder}/partners/anna.pem")
            w.north.add_partner({"id": "anna", "agency": "north", "jurisdiction": "XX", "roles": ["officer"], "signers": ["anna.pem"],
                                 "training_until": agreements.instant(9)})
            w.north.start()
            status, answer = w.client("north").post("pax", waiting(agreements.passenger_record()))
            self.assertEqual(status, 202, answer)
            exchange = answer["exchange"]
            w.north.ctl("exchange", "approve", exchange, "--certificate", cert, "--key", key, "--out", f"{w.folder}/a")
            w.clock.move(240)
            status, out, err = w.north.ctl("exchange", "release", exchange, "--approval", f"{w.folder}/a.json", f"{w.folder}/a.p7s", ok=False)
            self.assertEqual((status, out.strip()), (3, "refused"), err)
            self.assertIn("has ended", err)
            self.assertEqual(w.north.ask("status")["store"]["payloads"], 0)
            operations = [e["operation"] for e in entries(w.north, exchange) if e["operation"] != "consultation"]
            self.assertEqual(operations, ["hold", "decision", "erasure", "refusal"])


class Quotas(unittest.TestCase):
    def quota(self, uses=2, **more):
        doc = agreements.passenger(digest=schema(), **more)
        doc["tiers"][0]["quota"] = {"uses": uses, "per": "P1D"}
        return doc

    def refused(self, w, client, n):
        status, answer = client.post("pax", agreements.envelope(agreements.passenger_record(n)))
        self.assertEqual((status, answer["type"]), (403, "/problems/not-permitted"), answer)
        self.assertNotIn("quota", json.dumps(answer))
        shown = w.north.ask("exchange", "show", answer["exchange"])
        self.assertEqual(shown["disclosures"]["decision"]["failed"][0]["reason"], "quota")
        self.assertNotIn("quota", json.dumps(shown["entry"]))

    def test_used_up_also_after_a_restart(self):
        with World() as w:
            w.agreement(self.quota())
            w.start()
            client = w.client("north")
            # What is refused for another reason, checked only, or replayed, uses nothing.
            for _ in range(3):
                self.assertEqual(client.post("pax", agreements.envelope({"locator": "x"}))[0], 422)
                self.assertEqual(client.post("pax", agreements.envelope(agreements.passenger_record()), what="validate")[0], 200)
            for n in range(2):
                for _ in range(2):
                    self.assertEqual(client.post("pax", agreements.envelope(agreements.passenger_record(n)), key=f"k{n}")[0], 201)
            self.refused(w, client, 3)
            wait_for(lambda: w.north.ask("outbox") == [])
            self.assertEqual(len(w.client("south").inbox()["items"]), 2)
            self.assertEqual({x["state"] for x in w.north.ask("exchange", "list") if x["status"] == 201}, {"delivered"})
            w.north.stop()
            w.north.start()
            client.close()
            self.refused(w, client, 4)

    def test_two_take_the_last_use_once(self):
        import threading
        with World() as w:
            w.north.change(limits={"threads": 2})
            w.agreement(self.quota(5))
            w.north.start()
            got = []

            def post(n):
                got.append(w.client("north").post("pax", agreements.envelope(agreements.passenger_record(n)))[0])

            for _ in range(2):
                threads = [threading.Thread(target=post, args=(n,)) for n in range(12)]
                for t in threads:
                    t.start()
                for t in threads:
                    t.join()
            self.assertEqual((got.count(201), got.count(403)), (5, 19))
