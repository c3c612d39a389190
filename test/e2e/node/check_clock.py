"""A clock that is not to be trusted erases nothing: a daemon whose clock is days ahead, or before its log's last entry,
serves and keeps what is due until a person confirms the clock, a witness does, or the clock is right again."""

import datetime
import glob
import json
import os
import sqlite3
import time
import unittest

import agreements
from check_held import schema
from world import World, read, run, wait_for

FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)
AHEAD, BEHIND = "more than 72 hours", "before the last entry"


def instant(hours, minutes=0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours, minutes=minutes)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def faked(offset=None, file=None):
    """Words before a command, for which it is another time."""
    how = [f"FAKETIME={offset}"] if offset else [f"FAKETIME_TIMESTAMP_FILE={file}", "FAKETIME_NO_CACHE=1"]
    return ("env", f"LD_PRELOAD={FAKETIME}", "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_RESET=1", *how)


@unittest.skipUnless(FAKETIME, "libfaketime is not installed")
class Clock(unittest.TestCase):
    number = 0

    def node(self, w, node=None):
        """A node that has run once, and people who may speak about its clock."""
        node = node or w.north
        other = "south" if node is w.north else "north"
        if not hasattr(self, "people"):
            self.people = {name: w.authority.leaf(name, f"spiffe://{name}.example/person", "emailProtection")
                           for name in ("olive", "anna", "aldo", "sven")}
        for name, agency, role in (("olive", node.agency, "operator"), ("anna", node.agency, "officer"),
                                   ("aldo", node.agency, "auditor"), ("sven", other, "operator")):
            run("cp", self.people[name][0], f"{node.folder}/partners/{name}.pem")
            node.add_partner({"id": name, "agency": agency, "jurisdiction": "XX", "roles": [role], "signers": [f"{name}.pem"]})
        node.start()
        return node

    def plant(self, node, hours):
        """A timer that is due so many hours from now, by the real clock; the daemon is down meanwhile."""
        node.stop()
        with sqlite3.connect(f"{node.folder}/store/gatewayd.db") as db:
            db.execute("UPDATE timer SET due_ms = ?1, payload_ms = ?1", (int((time.time() + hours * 3600) * 1000),))
        db.close()

    def statement(self, node, who, hours, origin=None, minutes=0, **changes):
        type(self).number += 1
        cert, key = self.people[who]
        out = f"{node.world.folder}/clock-{self.number}"
        node.ctl("clock", "statement", "--origin", origin or node.ask("status")["origin"], "--now", instant(hours, minutes),
                 "--certificate", cert, "--key", key, "--out", out)
        if changes:
            with open(f"{out}.json", encoding="ascii") as f:
                doc = json.load(f) | changes
            with open(f"{out}.json", "w", encoding="ascii") as f:
                json.dump(doc, f)
            run("openssl", "cms", "-sign", "-binary", "-in", f"{out}.json", "-signer", cert, "-inkey", key, "-md", "sha256",
                "-outform", "PEM", "-out", f"{out}.p7s")
        return "--statement", f"{out}.json", "--signature", f"{out}.p7s"

    def refused(self, node, files, why):
        status, _, err = node.ctl("clock", "confirm", *files, ok=False)
        self.assertEqual(status, 1, err)
        self.assertIn(why, err)

    def doubted(self, node, why):
        clock = node.ask("status")["clock"]
        self.assertEqual(clock["trusted"], False)
        self.assertIn(why, clock["why"])
        self.assertIn("nothing is erased", node.ctl("status")[1])
        self.assertEqual(node.ctl("clock", "show", ok=False)[0], 3)
        self.assertIn("gatewayd_clock_trusted 0\n", node.get_monitor("/metrics")[1])
        self.assertEqual(node.get_monitor("/readyz")[0], 200)

    def trusted(self, node):
        return node.ask("status")["clock"]["trusted"]

    def leaves(self, node, operation):
        return [e for e in node.entries() if e["operation"] == operation]

    def test_days_ahead_until_a_person_confirms(self):
        with World() as w:
            w.agreement(agreements.passenger(digest=schema()))
            south = self.node(w, w.south)
            w.north.start()
            client = w.client("south", w.south)
            status, answer = w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
            self.assertEqual(status, 201, answer)
            wait_for(lambda: client.inbox()["items"])
            client.close()
            # Nobody is there to cosign when it comes back four days ahead.
            w.north.stop()
            self.plant(south, 3)
            south.start(faked("+100h"))
            wait_for(lambda: "nothing is erased" in read(south.log))
            self.doubted(south, AHEAD)
            self.assertIn(AHEAD, south.ctl("retention", "run", ok=False)[2])
            time.sleep(1.2)
            self.assertEqual(south.ask("status")["store"]["payloads"], 1)
            self.assertEqual(len(w.client("south", south).inbox()["items"]), 1)
            # What confirms nothing.
            self.refused(south, self.statement(south, "sven", 100), "no operator or officer of this agency")
            self.refused(south, self.statement(south, "aldo", 100), "no operator or officer of this agency")
            self.refused(south, self.statement(south, "olive", 0), "more than 10 minutes")
            self.refused(south, self.statement(south, "olive", 100, minutes=11), "more than 10 minutes")
            self.refused(south, self.statement(south, "olive", 100, minutes=-11), "more than 10 minutes")
            self.refused(south, self.statement(south, "olive", 100, origin="north.example/audit/gw1/1"), "another node")
            self.refused(south, self.statement(south, "olive", 100, expires=instant(102)), "more than an hour")
            self.refused(south, self.statement(south, "olive", 100, issued=instant(98), expires=instant(99)), "does not hold")
            self.refused(south, self.statement(south, "olive", 100, issued=instant(101), expires=instant(101)), "does not hold")
            self.refused(south, self.statement(south, "olive", 100, surplus=1), "not one about a clock")
            good = self.statement(south, "olive", 100)
            self.refused(south, (*good[:3], self.statement(south, "anna", 100)[3]), "not signed by the one")
            # Nor does a restart.
            south.stop()
            south.start(faked("+100h"))
            self.doubted(south, AHEAD)
            self.assertEqual(south.ask("status")["store"]["payloads"], 1)
            self.assertIn("is trusted", south.ctl("clock", "confirm", *good)[1])
            self.assertTrue(self.trusted(south))
            self.assertEqual(south.ctl("clock", "show")[0], 0)
            wait_for(lambda: south.ask("status")["store"]["payloads"] == 0)
            self.refused(south, self.statement(south, "anna", 100), "nothing to confirm")
            self.assertEqual([e["note"] for e in self.leaves(south, "clock-step")],
                             ["the clock is more than 72 hours past what is known and nothing confirms it: nothing is erased"])
            notes = [e["note"] for e in self.leaves(south, "decision")]
            self.assertEqual(notes.count("the clock was confirmed by a person"), 1)
            self.assertEqual(notes.count("the clock was to be confirmed, in vain"), 12)
            # The same word is worth nothing a second time: a clock that was put back to it is not right again.
            south.stop()
            south.start(faked("+200h"))
            self.doubted(south, AHEAD)
            south.stop()
            south.start(faked("+99h"))
            self.doubted(south, BEHIND)

    def test_in_doubt_no_hold_ends_and_no_delivery_is_given_up(self):
        with World() as w:
            w.agreement(agreements.passenger(digest=schema()))
            node = self.node(w)
            status, answer = w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
            self.assertEqual(status, 201, answer)
            exchange = answer["exchange"]
            node.stop()
            now = int(time.time() * 1000)
            with sqlite3.connect(f"{node.folder}/store/gatewayd.db") as db:
                db.execute("INSERT INTO hold (seq, kind, from_ms, until_ms, statement, signer, role) "
                           "VALUES (1, 0, ?, ?, randomblob(32), 'anna', 'officer')", (now, now + 3600000))
            db.close()

            def state():
                x = node.ask("exchange", "show", exchange)["exchange"]
                return x["state"], len(x["holds"]), [d["state"] for d in node.ask("outbox")]
            node.start(faked("+200h"))
            self.doubted(node, AHEAD)
            attempts = node.ask("outbox")[0]["attempts"]
            wait_for(lambda: node.ask("outbox")[0]["attempts"] > attempts + 1)
            self.assertEqual(state(), ("queued", 1, ["waiting"]))
            self.assertEqual(node.ctl("clock", "confirm", *self.statement(node, "olive", 200))[0], 0)
            wait_for(lambda: state() == ("queued", 0, ["failed"]))

    def test_a_witness_confirms(self):
        with World() as w:
            node = self.node(w)
            node.stop()
            w.south.start(faked("+100h"))
            node.start(faked("+100h"))
            wait_for(lambda: self.trusted(node))

    def test_before_the_last_entry(self):
        with World() as w:
            node = self.node(w)
            node.stop()
            node.start(faked("-1h"))
            self.doubted(node, BEHIND)
            node.stop()
            node.start()
            self.assertTrue(self.trusted(node))
            self.assertEqual([e["note"] for e in self.leaves(node, "clock-step")],
                             ["the clock lies before the last entry of the audit log: nothing is erased",
                              "the clock is trusted again: what is due is erased"])

    def test_a_word_counts_once(self):
        with World() as w:
            node = self.node(w)
            node.stop()
            node.start(faked("+100h"))
            files = self.statement(node, "anna", 100)
            self.assertEqual(node.ctl("clock", "confirm", *files)[0], 0)
            node.stop()
            node.start(faked("+99h"))
            self.doubted(node, BEHIND)
            node.stop()
            # Of a clock that was put back further and then forward: as if it were that hour once more.
            node.start(faked("+300h"))
            self.doubted(node, AHEAD)
            self.assertEqual(node.ctl("clock", "confirm", *self.statement(node, "anna", 300))[0], 0)
            node.stop()
            node.start(faked("+100h"))
            self.doubted(node, BEHIND)
            self.refused(node, files, "shown before")

    def test_a_step_while_it_runs(self):
        with World() as w:
            node = self.node(w)
            node.stop()
            file = f"{node.folder}/faketime"
            with open(file, "w", encoding="ascii") as f:
                f.write("+0")
            node.start(faked(file=file))
            for offset, trusted in (("+50h", True), ("+125h", False), ("+0", True)):
                with open(f"{file}.new", "w", encoding="ascii") as f:
                    f.write(offset)
                os.replace(f"{file}.new", file)
                wait_for(lambda: self.trusted(node) == trusted and f"stepped {'back' if offset == '+0' else 'forward'}" in read(node.log))
            notes = [e["note"] for e in self.leaves(node, "clock-step")]
            self.assertRegex("|".join(notes), r"^the clock stepped forward by (180000|179999) s\|the clock stepped forward by "
                             r"(270000|269999) s\|the clock is more than 72 hours .*erased\|the clock stepped back by 4\d+ s\|"
                             r"the clock is trusted again: what is due is erased$")
