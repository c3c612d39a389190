"""Agreements of a running node: what is wrong with a new one is refused with place and reason while the running
configuration stays; of two that cover a record the one that is named governs; and the list that an operator sees."""

import json
import os
import re
import shutil
import unittest

import agreements
from world import ROOT, World, read, run, wait_for, write

PLACE = r"{}:[0-9]+:[0-9]+: {}: "


def without(doc, *way):
    for step in way[:-1]:
        doc = doc[step]
    del doc[way[-1]]


def set_to(value, *way):
    def change(doc):
        for step in way[:-1]:
            doc = doc[step]
        doc[way[-1]] = value
    return change


def add_rule(**rule):
    return lambda doc: doc["rules"].append(rule)


# What is changed, the place that the refusal names, and what it says.
WRONG = {
    "a member that nobody knows": (set_to("blue", "colour"), r"/colour", "no such member"),
    "a clause that is missing": (lambda doc: without(doc, "redress"), r"", "redress"),
    "a party that is missing": (lambda doc: without(doc, "parties", 1), r"/parties", ""),
    "this agency is no party": (set_to("west", "parties", 0, "agency"), r"/parties", "north"),
    "a pointer that matches nothing": (set_to("/locater", "rules", 0, "pointer"), r"/rules/0/pointer", "matches nothing"),
    "a rule on a list that says nothing of what is in it": (
        add_rule(id="slip", pointer="/remarks", category="free-text", action="redact-text", params={"recognisers": ["email"]}),
        r"/rules/13/pointer", "/remarks/*"),
    "rules of which neither is stricter": (
        add_rule(id="shift", pointer="/travellers/*/*/born", category="quasi-identifier", action="date-shift",
                 params={"domain": "person", "days": 90}), r"/rules/[0-9]+", "neither is stricter"),
    "an agreement of before": (lambda doc: without(doc, "format"), r"/format", "older rules"),
    "a purpose for which nothing passes": (
        lambda doc: doc["rules"].clear() or add_rule(id="r", pointer="/locator", category="operational", action="drop")(doc),
        r"/purposes/0", "no rule lets anything pass"),
    "two rules that contradict": (
        add_rule(id="again", pointer="/reserved_on", category="operational", action="drop"), r"/rules/13", "contradicts rule r1"),
    "two opinions of one field": (
        add_rule(id="again", pointer="/reserved_on", category="special", action="drop"), r"/rules/13", "what kind of field"),
    "a purpose that is not there": (set_to(["marketing"], "flows", 0, "purposes"), r"/flows/0/purposes/0", "no such purpose"),
    "a schema that nobody has": (set_to("00" * 32, "schemas", 0, "input"), r"/schemas/0/input", "no schema with this digest"),
    "a payload that stays too long": (set_to("P29D", "retention", "payload"), r"/retention/payload", "P28D"),
    "a sunset before the start": (set_to("2020-01-01T00:00:00Z", "sunset"), r"/sunset", "after effective_from"),
}


class Agreements(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        cls.world.agreement(agreements.passenger(digest=cls.schema))
        narrow = agreements.passenger("narrow", cls.schema)
        narrow["rules"] = [r for r in narrow["rules"] if "nationality" not in r["pointer"]]
        cls.world.agreement(narrow)
        cls.world.start()
        cls.north, cls.south = cls.world.client("north"), cls.world.client("south")
        cls.number = 0

    def send(self, agreement):
        """Posts a record; returns the answer."""
        type(self).number += 1
        status, answer = self.north.post(agreement, agreements.envelope(agreements.passenger_record(self.number)))
        self.assertEqual(status, 201, answer)
        return answer

    def listed(self):
        return {(a["id"], a["version"]): a for a in self.world.north.ask("agreement", "list")}

    def refuse(self, name, place, says, before):
        """Reloads with what lies in the folder: refused, and everything goes on as it was."""
        node = self.world.north
        status, _, err = node.ctl("reload", ok=False)
        self.assertEqual(status, 1)
        self.assertRegex(err, PLACE.format(re.escape(name), place) if place is not None else re.escape(name))
        self.assertIn(says, err)
        self.assertEqual(node.check()[0], 78)
        self.assertEqual(node.ask("status")["agreements"], before)
        self.send("pax")

    def test_wrong_ones_are_refused_with_place_and_reason(self):
        node, before = self.world.north, self.world.north.ask("status")["agreements"]
        for what, (change, place, says) in WRONG.items():
            with self.subTest(what):
                doc = agreements.passenger("wrong", self.schema)
                change(doc)
                path = f"{node.folder}/agreements/wrong.json"
                write(path, json.dumps(doc, indent=2))
                self.world.sign(path)
                try:
                    self.refuse("wrong.json", place, says, before)
                finally:
                    os.remove(path)
                    os.remove(path + ".p7s")
        node.ctl("reload")
        self.assertEqual(node.ask("status")["agreements"], before)

    def test_overlays_are_not_ignored(self):
        """A slip in an overlay is a fault with its place in its own file; where it cannot be compared it is told."""
        node = self.world.north
        path, config = f"{node.folder}/national.json", read(node.config)
        rule = {"id": "a", "pointer": "/locator", "action": "drop"}
        wrong = {
            r"/rules/0/agreement": {"rules": [{**rule, "agreement": "paxx"}]},
            r"/rules/0/pointer": {"rules": [{**rule, "pointer": "/locater"}]},
            r"/denied_purposes/0": {"denied_purposes": ["boarder"]},
            r"/denied_exceptions/0": {"denied_exceptions": ["danger"]},
            r"/limit": {"limit": {"copy": "P1Y"}},
            r"/rules/0": {"rules": [{**rule, "action": "mask", "params": {"keep": 1}}]},
        }
        node.change(overlay="national.json")
        try:
            for place, members in wrong.items():
                with self.subTest(place):
                    write(path, json.dumps({"version": "1", **members}, indent=1))
                    status, out, err = node.check()
                    self.assertEqual(status, 78, out + err)
                    self.assertRegex(err, PLACE.format("national.json", place))
            write(path, json.dumps({"version": "1", "rules": [{**rule, "action": "redact-text", "params": {"recognisers": ["email"]}}]}))
            status, out, err = node.check()
            self.assertEqual(status, 0, err)
            self.assertRegex(err, r"note: overlay.json/rules/0 and rule r0 \(/rules/0\): neither is stricter")
        finally:
            write(node.config, config)
            os.remove(path)

    def test_signatures(self):
        node, before = self.world.north, self.world.north.ask("status")["agreements"]
        path = f"{node.folder}/agreements/next.json"
        doc = agreements.passenger("next", self.schema)

        def put(agencies=("north", "south")):
            write(path, json.dumps(doc, indent=2))
            self.world.sign(path, agencies)

        def gone():
            for suffix in ("", ".p7s"):
                if os.path.exists(path + suffix):
                    os.remove(path + suffix)
        self.addCleanup(gone)
        put()
        text = read(path)
        write(path, text.replace('"P28D"', '"P27D"'))           # a byte that nobody signed
        self.refuse("next.json", "", "signature", before)
        put(("north",))
        self.refuse("next.json", "/parties/1", "south has not signed", before)
        os.remove(path + ".p7s")
        self.refuse("next.json", None, "has no signature", before)
        # A certificate that had ended when it signed, pinned as it is.
        ended, key = f"{self.world.folder}/ended.pem", f"{self.world.folder}/ended.key"
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-subj", "/CN=ended", "-out", f"{ended}.csr")
        run("openssl", "x509", "-req", "-in", f"{ended}.csr", "-signkey", key, "-days", "-1", "-out", ended)
        partner = f"{node.folder}/partners/{self.world.south.describe()['id']}.json"
        described = read(partner)
        also = json.loads(described)
        also["signers"].append("ended.pem")
        shutil.copy(ended, f"{node.folder}/partners/ended.pem")
        write(partner, json.dumps(also))
        right = self.world.signers["south"]
        self.world.signers["south"] = (ended, key)
        try:
            put()
            self.refuse("next.json", "", "signature", before)
        finally:
            self.world.signers["south"] = right
            write(partner, described)
        put()
        node.ctl("reload")
        try:
            self.assertIn(("next", "1"), self.listed())
            self.assertTrue(self.listed()[("next", "1")]["loaded"])
        finally:
            gone()
        # The daemon goes on with it until it is told.
        self.assertEqual(self.listed()[("next", "1")]["state"], "file-gone")
        node.ctl("reload")
        self.assertNotIn(("next", "1"), self.listed())

    def decision_of(self, node, exchange):
        """As the gateway wrote it: sorted, compact, ASCII."""
        shown = node.ask("exchange", "show", exchange)
        return shown["disclosures"]["decision"]

    def replay(self, node, agreement, envelope, decision, *options):
        paths = [f"{node.folder}/agreements/{agreement}.json"]
        for name, doc in (("envelope", envelope), ("decision", decision)):
            paths.append(f"{self.world.folder}/{name}.json")
            write(paths[-1], json.dumps(doc, sort_keys=name == "decision", separators=(",", ":")))
        return node.ctl("decision", "replay", *options, *paths, ok=False)

    def test_the_one_that_is_named_governs(self):
        for agreement, kept in (("pax", True), ("narrow", False)):
            envelope = agreements.envelope(agreements.passenger_record(7))
            status, answer = self.north.post(agreement, envelope)
            self.assertEqual(status, 201, answer)
            decision = self.decision_of(self.world.north, answer["exchange"])
            self.assertEqual(decision["agreement"]["id"], agreement)
            shape = self.world.north.ask("exchange", "show", answer["exchange"])["shape"]
            for list_of, there in (("released", kept), ("dropped", not kept)):
                pointers = {leaf["pointer"] for leaf in shape[list_of]}
                self.assertEqual("/travellers/*/api/nationality" in pointers, there)
            # What the daemon decided comes out again, byte for byte; under the other one it does not.
            status, out, err = self.replay(self.world.north, agreement, envelope, decision)
            self.assertEqual((status, out), (0, "the same decision, byte for byte\n"), err)
            other = "narrow" if kept else "pax"
            self.assertEqual(self.replay(self.world.north, other, envelope, decision)[0], 3)

    def test_refusals_are_replayed(self):
        envelope = agreements.envelope(agreements.passenger_record(8), purpose="marketing")
        status, answer = self.north.post("pax", envelope)
        self.assertEqual(status, 403)
        decision = self.decision_of(self.world.north, answer["exchange"])
        self.assertEqual([f["reason"] for f in decision["failed"]], ["purpose-not-permitted"])
        self.assertEqual(self.replay(self.world.north, "pax", envelope, decision)[0], 0)

    def test_what_arrives_is_replayed(self):
        """The recipient's own decision on what a gateway delivered, from the envelope as it came."""
        envelope = agreements.envelope(agreements.passenger_record(9))
        status, answer = self.north.post("pax", envelope)
        self.assertEqual(status, 201, answer)

        def arrived():
            """what left north is in south's inbox"""
            for i in self.south.inbox()["items"]:
                shown = self.world.south.ask("exchange", "show", i["exchange"])
                if i["kind"] == "record" and shown["entry"]["origin"].endswith(answer["exchange"]):
                    return i
            return None
        item = wait_for(arrived)
        decision = self.decision_of(self.world.south, item["exchange"])
        entry = next(line[6:] for line in answer["receipt"].split("\n") if line.startswith("extra "))
        came = {k: v for k, v in envelope.items() if k not in ("case", "necessity")}
        came.update({"record": item["record"], "origin": {
            "exchange": answer["exchange"], "agency": "north", "node": "gw1", "agreement_digest": answer["agreement_digest"],
            "entry": entry, "proof": "left out", "salt": "00" * 16}})
        status, out, err = self.replay(self.world.south, "pax", came, decision)
        self.assertEqual((status, out), (0, "the same decision, byte for byte\n"), err)
        # A text that stays with the provider, an entry that says of nothing that it was checked, a record that the agreement
        # does not let through, and one without an origin, decide otherwise.
        self.assertEqual(self.replay(self.world.south, "pax", {**came, "case": "case-1"}, decision)[0], 3)
        unsaid = {**came, "origin": {**came["origin"], "entry": "e30="}}
        self.assertEqual(self.replay(self.world.south, "pax", unsaid, decision)[0], 3)
        bad = json.loads(json.dumps(came))
        bad["record"]["travellers"][0]["family"] = "Muster9"
        self.assertEqual(self.replay(self.world.south, "pax", bad, decision)[0], 3)
        del came["origin"]
        self.assertEqual(self.replay(self.world.south, "pax", came, decision)[0], 3)

    def test_an_envelope_that_is_none(self):
        envelope = {"purpose": 7, "record": {}}
        status, answer = self.north.post("pax", envelope)
        self.assertEqual(status, 422, answer)
        decision = self.decision_of(self.world.north, answer["exchange"])
        status, _, err = self.replay(self.world.north, "pax", envelope, decision)
        self.assertEqual(status, 0, err)

    def test_list(self):
        pax = self.listed()[("pax", "1")]
        self.assertEqual((pax["state"], pax["loaded"]), ("in-force", True))
        self.assertEqual(pax["next_clause"], "/assessment/next_review")
        self.assertEqual(pax["digest"], agreements.digest_of(f"{self.world.north.folder}/agreements/pax.json"))
        # South is asked without its daemon.
        self.world.south.stop()
        try:
            rows = self.world.south.ask("agreement", "list")
            self.assertEqual({r["id"] for r in rows}, {"pax", "narrow"})
            self.assertNotIn("loaded", rows[0])
        finally:
            self.world.south.start()
