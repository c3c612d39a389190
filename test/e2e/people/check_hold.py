"""Legal holds and restrictions: who may state them, what they stop, that they show in every listing, and that they
end by themselves."""

import datetime
import json
import socket
import sqlite3
import time
import unittest
import uuid

import agreements
from check_held import entries, open_to_all, schema, waiting
from world import World, run, wait_for


def decisions(log):
    """What people and dates decided, without what the gateways told each other of it."""
    return [e for e in log if e["operation"] == "decision" and e["note"].split(":")[0] not in ("hold", "lift")]


class Statements:
    """What the tests of one world share: signers of all roles, and statements made with their keys."""

    @classmethod
    def pin(cls, world, node, name, agency, role, days=90):
        cert, key = world.authority.leaf(name, f"spiffe://{agency}.example/{role}/{name}", "emailProtection")
        run("cp", cert, f"{node.folder}/partners/{name}.pem")
        node.add_partner({"id": name, "agency": agency, "jurisdiction": "XX", "roles": [role], "signers": [f"{name}.pem"],
                          "training_until": agreements.instant(days)})
        cls.people[name] = cert, key

    def soon(self, seconds):
        """By the daemons' clock."""
        at = datetime.datetime.fromtimestamp(self.world.clock.time() + seconds, datetime.timezone.utc)
        return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def state(self, exchange, who, kind="hold", until=None, hold=None, ground="a made-up ground"):
        """The words that name a statement's two files."""
        type(self).number += 1
        cert, key = self.people[who]
        out = f"{self.world.folder}/statement-{self.number}"
        more = ["--hold", hold] if kind == "lift" else ["--until", until or agreements.instant(2)]
        self.world.north.ctl("retention", "hold-statement", exchange, "--kind", kind, *more, "--ground", ground,
                             "--certificate", cert, "--key", key, "--out", out)
        return "--statement", f"{out}.json", "--signature", f"{out}.p7s"

    def show(self, node, exchange, files, what="hold"):
        return node.ctl("retention", what, exchange, *files, ok=False)

    def set(self, node, exchange, who, kind="hold", until=None):
        """Sets it; returns the statement's digest."""
        return node.ask("retention", "hold", exchange, *self.state(exchange, who, kind, until))["statement"]

    def lift(self, node, exchange, who, hold):
        return node.ask("retention", "lift", exchange, *self.state(exchange, who, "lift", hold=hold))

    def refused(self, node, exchange, files, why, what="hold"):
        status, _, err = self.show(node, exchange, files, what)
        self.assertEqual(status, 1, err)
        self.assertIn(why, err)


class Holds(Statements, unittest.TestCase):
    number = 0

    @classmethod
    def setUpClass(cls):
        cls.world = w = World(moved_clock=True)
        cls.addClassCleanup(w.close)
        doc = agreements.passenger(digest=schema())
        doc["council"] = {"seats": [{"id": "seat-privacy", "constituency": "privacy"}], "threshold": 1, "must_sign": False}
        w.agreement(open_to_all(doc))
        cls.people = {}
        s = w.south
        for name, agency, role, days in (("sue", "south", "supervisor", 0), ("nora", "north", "supervisor", 0),
                                         ("olga", "south", "ombudsperson", 0), ("seat-privacy", "panel", "council", 0),
                                         ("oscar", "south", "officer", 90), ("otto", "south", "officer", -1),
                                         ("eva", "east", "supervisor", 90), ("aldo", "south", "auditor", 90)):
            cls.pin(w, s, name, agency, role, days)
        cls.pin(w, w.north, "nils", "north", "officer")
        w.start()
        cls.north, cls.south = w.client("north"), w.client("south")

    def pass_seconds(self, seconds):
        """Time passes; connections that were idle so long are not kept."""
        self.world.clock.move(seconds)
        self.north.close()
        self.south.close()

    def deliver(self):
        """Sends a record; returns the exchange's id at the recipient."""
        known = {x["exchange"] for x in self.world.south.ask("exchange", "list", "1000")}
        type(self).number += 1
        status, answer = self.north.post("pax", agreements.envelope(agreements.passenger_record(self.number)))
        self.assertEqual(status, 201, answer)
        fresh = wait_for(lambda: {x["exchange"] for x in self.world.south.ask("exchange", "list", "1000")} - known)
        return fresh.pop()

    def there(self, exchange):
        """The same exchange at its provider."""
        with sqlite3.connect(f"file:{self.world.south.folder}/store/gatewayd.db?mode=ro", uri=True) as db:
            (origin,) = db.execute("SELECT hex(origin) FROM exchange WHERE hex(id) = ?", (exchange.replace("-", "").upper(),)).fetchone()
        db.close()
        return self.world.north.ask("exchange", "show", str(uuid.UUID(origin)))["exchange"]

    def item(self, exchange):
        return next(i for i in self.south.inbox()["items"] if i["exchange"] == exchange)

    def record(self, exchange):
        # Until its sender's checkpoint is proved: not yet.
        status, _, body = wait_for(lambda: (lambda r: r[0] != 503 and r)(self.south.request("GET", f"/v1/exchanges/{exchange}/record")))
        return status, json.loads(body)

    def due(self, exchange):
        return next(t for t in self.world.south.ask("retention", "due") if t["exchange"] == exchange)

    def notes(self, exchange, node=None):
        return [e.get("note") for e in decisions(entries(node or self.world.south, exchange))]

    def test_a_restriction_withholds_and_ends_by_a_lift(self):
        node, exchange = self.world.south, self.deliver()
        self.assertEqual(self.record(exchange)[0], 200)
        statement = self.set(node, exchange, "olga", "restriction")
        self.assertEqual((self.record(exchange)[0], self.record(exchange)[1]["type"]), (403, "/problems/under-challenge"))
        item = self.item(exchange)
        self.assertEqual({k: v for k, v in item.items() if k not in ("id", "made")},
                         {"kind": "record", "exchange": exchange, "restricted": True})
        status, problem = self.south.ack(item["id"])
        self.assertEqual((status, problem["type"]), (403, "/problems/under-challenge"))
        # Every listing shows it; nobody reads there who stated it, nor why.
        shown = node.ask("exchange", "show", exchange)["exchange"]["holds"]
        self.assertEqual([(h["kind"], h["role"], h["statement"]) for h in shown], [("restriction", "ombudsperson", statement)])
        listed = next(x for x in node.ask("exchange", "list", "1000") if x["exchange"] == exchange)
        self.assertEqual(listed["holds"], shown)
        self.assertEqual((self.due(exchange)["held"], self.due(exchange)["holds"]), (True, shown))
        self.assertIn(statement, [h["statement"] for h in node.ask("retention", "holds")])
        self.assertIn(exchange, node.ctl("retention", "holds")[1])
        status, _, body = self.south.request("GET", f"/v1/exchanges/{exchange}")
        self.assertEqual(status, 200)
        (seen,) = json.loads(body)["holds"]
        self.assertEqual({**seen, "from": 0}, {"kind": "restriction", "from": 0, "until": shown[0]["until"]})
        # Not the other family of roles, nor one that only reads.
        self.refused(node, exchange, self.state(exchange, "sue", "lift", hold=statement), "nobody who may", "lift")
        self.refused(node, exchange, self.state(exchange, "oscar", "lift", hold=statement), "nobody who may", "lift")
        self.assertTrue(self.lift(node, exchange, "olga", statement)["changed"])
        self.assertFalse(self.lift(node, exchange, "olga", statement)["changed"])
        self.assertEqual(self.record(exchange)[0], 200)
        self.assertIn("record", self.item(exchange))
        self.assertEqual(node.ask("exchange", "show", exchange)["exchange"]["holds"], [])
        self.assertFalse(self.due(exchange)["held"])
        self.assertNotIn(statement, [h["statement"] for h in node.ask("retention", "holds")])
        ended = next(h for h in node.ask("retention", "holds", "--all") if h["statement"] == statement)
        self.assertLess(ended["ended"], ended["until"])
        self.assertEqual(self.south.ack(self.item(exchange)["id"])[0], 200)
        self.assertEqual(self.notes(exchange), ["a restriction was set", "a hold or lift was asked for in vain",
                                                "a hold or lift was asked for in vain", "a restriction was lifted",
                                                "a hold or lift was shown again"])

    def test_a_legal_hold_stops_erasure_only(self):
        node, exchange = self.world.south, self.deliver()
        statement = self.set(node, exchange, "seat-privacy")
        self.assertEqual(self.record(exchange)[0], 200)
        item = self.item(exchange)
        self.assertIn("record", item)
        payloads = node.ask("status")["store"]["payloads"]
        self.assertEqual(self.south.ack(item["id"])[0], 200)
        self.assertEqual(node.ask("status")["store"]["payloads"], payloads)
        self.assertEqual((node.ask("exchange", "show", exchange)["exchange"]["state"], self.due(exchange)["held"]), ("fetched", True))
        node.ctl("retention", "run")
        time.sleep(1)
        self.assertEqual(node.ask("status")["store"]["payloads"], payloads)
        # When it is lifted, what it kept from being erased is erased at once.
        self.assertTrue(self.lift(node, exchange, "seat-privacy", statement)["changed"])
        wait_for(lambda: node.ask("status")["store"]["payloads"] == payloads - 1)
        wait_for(lambda: not self.there(exchange)["holds"])
        operations = [e["operation"] for e in entries(node, exchange)]
        self.assertEqual([o for o in operations if o in ("collection", "decision", "erasure")],
                         ["collection"] + 4 * ["decision"] + ["erasure"])

    def test_a_duty_waits_for_the_hold_to_end(self):
        node, exchange = self.world.south, self.deliver()
        node.stop()
        with sqlite3.connect(f"{node.folder}/store/gatewayd.db") as db:
            db.execute("INSERT INTO inbox (id, seq, exchange, kind, body, made_ms) SELECT id + 1000, seq, exchange, 'erase', "
                       "'\"duty\":\"made up\"', made_ms FROM inbox ORDER BY id DESC LIMIT 1")
        db.close()
        node.start()
        self.south.close()

        def duty():
            item = self.south.inbox()["items"][-1]
            self.assertEqual((item["kind"], item["exchange"]), ("erase", exchange))
            return item.get("duty"), item.get("held")
        self.assertEqual(duty(), ("made up", None))
        statement = self.set(node, exchange, "sue")
        self.assertEqual(duty(), (None, True))
        self.lift(node, exchange, "sue", statement)
        self.assertEqual(duty(), ("made up", None))

    def test_ends_by_itself(self):
        node, exchange = self.world.south, self.deliver()
        self.set(node, exchange, "sue", "restriction", self.soon(30))
        longer = self.set(node, exchange, "nora", "hold", self.soon(60))
        self.assertEqual(self.record(exchange)[0], 403)
        self.pass_seconds(30)
        wait_for(lambda: self.record(exchange)[0] == 200)
        self.assertEqual([h["statement"] for h in node.ask("exchange", "show", exchange)["exchange"]["holds"]], [longer])
        self.assertTrue(self.due(exchange)["held"])
        self.pass_seconds(30)
        wait_for(lambda: not self.due(exchange)["held"])
        self.assertEqual(self.notes(exchange), ["a restriction was set", "a legal hold was set", "a restriction has ended",
                                                "a legal hold has ended"])

    def test_who_may_and_what_is_no_statement(self):
        node, exchange, other = self.world.south, self.deliver(), self.deliver()
        before = len(node.ask("retention", "holds", "--all"))
        for who, kind in (("aldo", "hold"), ("eva", "hold"), ("nils", "hold"), ("olga", "hold"), ("seat-privacy", "restriction")):
            self.refused(node, exchange, self.state(exchange, who, kind), "nobody who may state it")
        self.refused(node, exchange, self.state(exchange, "otto"), "training")
        self.refused(node, exchange, self.state(exchange, "sue", until=agreements.instant(-1)), "end has passed")
        self.refused(node, exchange, self.state(exchange, "sue", until=agreements.instant(5 * 366)), "more than five years")
        self.refused(node, other, self.state(exchange, "sue"), "another exchange")
        good = self.state(exchange, "sue")
        self.refused(node, exchange, (*good[:3], self.state(exchange, "oscar")[3]), "not signed by the one whom it names")
        self.refused(node, exchange, (*good[:3], good[1]), "not signed by the one whom it names")
        self.refused(node, exchange, ("--statement", good[3], *good[2:]), "not a hold, a restriction or a lift")
        self.refused(node, exchange, good, "is not a lift", "lift")
        self.refused(node, exchange, self.state(exchange, "sue", "lift", hold="0" * 64), "is a lift")
        self.refused(node, exchange, self.state(exchange, "sue", "lift", hold="0" * 64), "no hold by that statement", "lift")
        elsewhere = self.set(node, other, "sue")
        self.refused(node, exchange, self.state(exchange, "sue", "lift", hold=elsewhere), "no hold by that statement", "lift")
        for change in ({"issued": agreements.instant(1)}, {"surplus": 1}, {"hold": "0" * 64}, {"ground": ""}, {"until": None}):
            files, doc = self.state(exchange, "sue"), None
            with open(files[1], encoding="ascii") as f:
                doc = {k: v for k, v in (json.load(f) | change).items() if v is not None}
            with open(files[1], "w", encoding="ascii") as f:
                json.dump(doc, f)
            cert, key = self.people["sue"]
            run("openssl", "cms", "-sign", "-binary", "-in", files[1], "-signer", cert, "-inkey", key, "-md", "sha256",
                "-outform", "PEM", "-out", files[3])
            self.refused(node, exchange, files, "dated in the future" if "issued" in change else "not a hold")
        self.assertEqual(len(node.ask("retention", "holds", "--all")), before + 1)
        self.assertEqual(self.record(exchange)[0], 200)
        # None of the attempts is lost; the log's leaf does not say what was stated.
        log = entries(node, exchange)
        self.assertEqual({e["note"] for e in log if e["operation"] == "decision"}, {"a hold or lift was asked for in vain"})
        self.assertGreater(len([e for e in log if e["operation"] == "decision"]), 10)
        self.assertNotIn("made-up ground", json.dumps(log))
        self.assertEqual(node.ctl("retention", "hold", exchange, ok=False)[0], 2)
        self.assertEqual(node.ctl("retention", "hold-statement", exchange, "--kind", "lift", ok=False)[0], 2)

    def test_without_a_signature(self):
        node, exchange = self.world.south, self.deliver()
        with open(self.state(exchange, "sue")[1], encoding="ascii") as f:
            request = {"do": "retention-hold", "exchange": exchange, "statement": f.read()}
        with open(node.config, encoding="utf-8") as f:
            path = f"{node.folder}/{json.load(f)['control']}"
        for more in ({}, {"signature": ""}, {"statement": ""}):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                s.sendall(json.dumps(request | more).encode() + b"\n")
                answer = json.loads(s.makefile().readline())
            self.assertEqual(answer["ok"], False)
        self.assertEqual(self.notes(exchange)[0], "a hold or lift was asked for in vain")
        self.assertEqual(node.ask("exchange", "show", exchange)["exchange"]["holds"], [])

    def test_a_statement_counts_once(self):
        node, exchange = self.world.south, self.deliver()
        files = self.state(exchange, "oscar")
        self.assertEqual([node.ask("retention", "hold", exchange, *files)["changed"] for _ in range(3)], [True, False, False])
        self.assertEqual(len(node.ask("exchange", "show", exchange)["exchange"]["holds"]), 1)
        self.assertIn("known already", node.ctl("retention", "hold", exchange, *files)[1])

    def test_the_other_gateway_learns_of_it(self):
        north, south, exchange = self.world.north, self.world.south, self.deliver()
        until = agreements.instant(1)
        statement = self.set(south, exchange, "olga", "restriction", until)
        wait_for(lambda: self.there(exchange)["holds"])
        (hold,) = self.there(exchange)["holds"]
        self.assertEqual((hold["kind"], hold["role"], hold["until"][:19]), ("restriction", "gateway", until[:19]))
        # Nobody lifts it there but the gateway that told of it.
        self.refused(north, self.there(exchange)["exchange"],
                     self.state(self.there(exchange)["exchange"], "nils", "lift", hold=hold["statement"]), "nobody who may", "lift")
        self.lift(south, exchange, "olga", statement)
        wait_for(lambda: not self.there(exchange)["holds"])
        # The other way: what the provider holds is held at the recipient.
        origin = self.there(exchange)["exchange"]
        self.set(north, origin, "nils", "hold", self.soon(40))
        shown = wait_for(lambda: south.ask("exchange", "show", exchange)["exchange"]["holds"])
        self.assertEqual((shown[0]["kind"], shown[0]["role"]), ("hold", "gateway"))
        self.assertTrue(self.due(exchange)["held"])
        self.pass_seconds(40)
        wait_for(lambda: not self.due(exchange)["held"])

    def test_nothing_is_left_to_hold(self):
        node, exchange = self.world.south, self.deliver()
        self.south.ack(self.item(exchange)["id"])
        node.stop()
        with sqlite3.connect(f"{node.folder}/store/gatewayd.db") as db:
            db.execute("DELETE FROM timer WHERE seq = (SELECT max(seq) FROM exchange)")
        db.close()
        node.start()
        self.south.close()
        self.refused(node, exchange, self.state(exchange, "sue"), "nothing is left to hold")
        nobody = "01890000-0000-7000-8000-000000000000"
        self.refused(node, nobody, self.state(nobody, "sue"), "no such exchange")

    def test_a_person_does_not_release_what_is_held_fast(self):
        node = self.world.north
        status, answer = self.north.post("pax", waiting(agreements.passenger_record(9000)))
        self.assertEqual(status, 202, answer)
        exchange, out = answer["exchange"], f"{self.world.folder}/release"
        statement = self.set(node, exchange, "nils", "restriction")
        cert, key = self.people["nils"]
        node.ctl("exchange", "approve", exchange, "--certificate", cert, "--key", key, "--out", out)
        status, _, err = node.ctl("exchange", "release", exchange, "--approval", f"{out}.json", f"{out}.p7s", ok=False)
        self.assertEqual(status, 1)
        self.assertIn("in force", err)
        self.assertEqual(node.ask("exchange", "show", exchange)["exchange"]["state"], "held")
        self.lift(node, exchange, "nils", statement)
        self.assertEqual(node.ctl("exchange", "release", exchange, "--approval", f"{out}.json", f"{out}.p7s", ok=False)[0], 0)
        # Other tests know a new exchange at the recipient by its coming.
        wait_for(lambda: node.ask("exchange", "show", exchange)["exchange"]["state"] == "delivered")


class Queued(Statements, unittest.TestCase):
    number = 0

    def test_what_waits_to_be_sent_waits_longer(self):
        """A restriction keeps a delivery back past its deadline; afterwards it has the time that it had left. Ends that
        fell due while the daemon was down come before it serves."""
        with World(moved_clock=True) as w:
            self.world, type(self).people = w, {}
            w.north.change(delivery={"first_retry_ms": 100, "longest_retry_ms": 200, "deadline": "PT4M"})
            w.agreement(agreements.passenger(digest=schema()))
            self.pin(w, w.north, "nora", "north", "supervisor")
            w.north.start()
            _, answer = w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
            exchange = answer["exchange"]
            statement = self.set(w.north, exchange, "nora", "restriction")
            before = w.north.ask("outbox")[0]
            self.assertEqual([h["statement"] for h in before["holds"]], [statement])
            w.south.start()
            w.clock.move(270)
            w.north.ctl("retention", "run")
            time.sleep(1)
            self.assertEqual(w.north.ask("outbox"), [before])
            self.assertEqual(w.south.ask("exchange", "list"), [])
            self.set(w.north, exchange, "nora", "restriction", self.soon(120))
            self.assertTrue(self.lift(w.north, exchange, "nora", statement)["changed"])
            w.north.stop()
            w.clock.move(120)
            w.north.start()
            self.assertEqual(w.north.ask("exchange", "show", exchange)["exchange"]["holds"], [])
            wait_for(lambda: w.north.ask("exchange", "show", exchange)["exchange"]["state"] == "delivered")
