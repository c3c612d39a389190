"""Batches under k-guards: what is rare among the lines of a batch does not leave, and nothing leaves uncounted."""

import json
import unittest

import agreements
from check_exchange import leaf_of
from world import ROOT, World, wait_for

NATIONALITY, BORN = "/travellers/*/api/nationality", "/travellers/*/api/born"


def guarded(name, schema, tiers=None, **params):
    doc = agreements.passenger(name, schema, **(tiers or {}))
    doc["rules"].append({"id": "rare", "pointer": "", "category": "quasi-identifier", "action": "k-guard", "params": params})
    return doc


class Batch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(guarded("drops", schema, k=3, fields=[NATIONALITY, BORN]))
        w.agreement(guarded("refuses", schema, k=3, fields=[NATIONALITY, BORN], otherwise="refuse"))
        w.agreement(guarded("subjects", schema, k=2, fields=[NATIONALITY], subject="/contact/email"))
        few = guarded("few", schema, k=2, fields=[NATIONALITY])
        few["tiers"][0]["quota"] = {"uses": 3, "per": "P1D"}
        w.agreement(few)
        held = guarded("held", schema, k=2, fields=[NATIONALITY])
        held["purposes"][0]["subject_categories"].append("uncategorised")
        w.agreement(held)
        w.start()
        cls.north, cls.south = w.client("north"), w.client("south")
        cls.number = 0

    def record(self, nationality, born="1980-05-06", email=None):
        type(self).number += 1
        r = agreements.passenger_record(self.number)
        r["travellers"][0]["api"].update(nationality=nationality, born=born)
        if email:
            r["contact"]["email"] = email
        return r

    def batch(self, agreement, envelopes):
        body = "\n".join(json.dumps(e) for e in envelopes)
        status, _, answer = self.north.request("POST", f"/v1/agreements/{agreement}/records", body, content_type="application/x-ndjson")
        self.assertEqual(status, 200)
        return [json.loads(l) for l in answer.decode().strip().split("\n")]

    def send(self, agreement, records):
        return self.batch(agreement, [agreements.envelope(r) for r in records])

    def arrived(self, answer):
        """`api` of the record that the answer's exchange brought to the other side; None: it was left out."""
        output = leaf_of(answer["receipt"])["output"]

        def look():
            for item in self.south.inbox()["items"]:
                if item["kind"] == "record" and self.world.south.ask("exchange", "show", item["exchange"])["entry"]["input"] == output:
                    return item
            return None
        return wait_for(look)["record"]["travellers"][0].get("api")

    def replay(self, agreement, envelope, answer):
        """The decision on one line alone, made again from what the gateway wrote of it; its exit status."""
        node = self.world.north
        paths = [f"{node.folder}/agreements/{agreement}.json"]
        for name, doc in (("envelope", envelope), ("decision", self.decision(answer))):
            paths.append(f"{self.world.folder}/{name}.json")
            with open(paths[-1], "w", encoding="ascii") as f:
                json.dump(doc, f, sort_keys=name == "decision", separators=(",", ":"))
        return node.ctl("decision", "replay", *paths, ok=False)

    def decision(self, answer):
        return self.world.north.ask("exchange", "show", answer["exchange"])["disclosures"]["decision"]

    def shape(self, answer):
        """The lines that the decision stands for, each with how many leaves."""
        return self.world.north.ask("exchange", "show", answer["exchange"])["shape"]

    def test_rare_combinations_are_dropped(self):
        # Other days of one year leave alike; one line is broken and one is refused for another reason.
        records = [self.record("XAA", f"1980-05-0{d}") for d in (1, 2, 3)] + [self.record("XAB"), self.record("XAA", "1990-01-01")]
        lines = [agreements.envelope(r) for r in records]
        lines.insert(1, agreements.envelope(self.record("XAB"), purpose="marketing"))
        answers = self.batch("drops", lines)
        self.assertEqual([a["status"] for a in answers], [201, 403, 201, 201, 201, 201])
        del answers[1]
        for a in answers[:3]:
            self.assertEqual(self.arrived(a), {"nationality": "XAA", "born": "1980"})
        for a in answers[3:]:
            self.assertIsNone(self.arrived(a))
            self.assertEqual(a["dropped"], answers[0]["dropped"] + 2)
            self.assertEqual(self.decision(a)["suppressed"], ["rare"])
            rare = [d for d in self.shape(a)["dropped"] if d.get("rule") == "rare"]
            self.assertEqual([(d["pointer"], d["count"]) for d in rare],
                             [("/travellers/*/api/born", 1), ("/travellers/*/api/nationality", 1)])
        # What the others of the batch did to a line stands in its decision.
        del lines[1]
        for line, a in zip(lines, answers):
            self.assertEqual(self.replay("drops", line, a)[:2], (0, "the same decision, byte for byte\n"))

    def test_rare_records_are_refused(self):
        lines = [agreements.envelope(self.record(n)) for n in ("XAA", "XAB", "XAA", "XAA", "XAB")]
        answers = self.batch("refuses", lines)
        self.assertEqual([a["status"] for a in answers], [201, 403, 201, 201, 403])
        for a in (answers[1], answers[4]):
            self.assertEqual(a["type"], "/problems/group-too-small")
            self.assertEqual(leaf_of(a["receipt"])["operation"], "refusal")
            # It had passed before the batch was counted: the log must not name a record that never left.
            self.assertNotIn("output", leaf_of(a["receipt"]))
            self.assertNotIn("XAB", json.dumps(a))
            self.assertEqual(self.decision(a)["failed"][0]["reason"], "group-too-small")
            self.assertIn("rule rare", self.decision(a)["failed"][0]["clause"])
        self.assertEqual(self.arrived(answers[0])["nationality"], "XAA")
        self.assertEqual(self.replay("refuses", lines[1], answers[1])[0], 0)
        self.assertEqual(self.replay("refuses", lines[0], answers[0])[0], 0)

    def test_alone_is_refused_by_name(self):
        for what in ("records", "validate"):
            envelope = agreements.envelope(self.record("XAA"))
            status, answer = self.north.post("drops", envelope, what=what)
            self.assertEqual((status, answer["type"]), (403, "/problems/batch-required"), answer)
            if what == "records":
                self.assertEqual(self.replay("drops", envelope, answer)[0], 0)
        answers = self.send("refuses", [self.record("XAA")])
        self.assertEqual(answers[0]["type"], "/problems/group-too-small")

    def test_what_a_person_must_decide_is_refused(self):
        lines = [agreements.envelope(self.record("XAA")) for _ in range(4)]
        del lines[0]["subject_category"], lines[1]["subject_category"]
        answers = self.batch("held", lines)
        self.assertEqual([a["status"] for a in answers], [403, 403, 201, 201])
        self.assertEqual(answers[0]["type"], "/problems/batch-required")
        self.assertEqual(self.replay("held", lines[0], answers[0])[0], 0)
        # Those two are not counted with the others.
        for l in lines:
            l.pop("subject_category", None)
        lines[3]["subject_category"] = "other"
        answers = self.batch("held", lines)
        self.assertEqual([a["status"] for a in answers], [403, 403, 403, 201])
        self.assertEqual(self.arrived(answers[3]), {"born": "1980"})

    def test_one_subject_counts_once(self):
        answers = self.send("subjects", [self.record("XAA", email="a@mail.example"), self.record("XAA", email="a@mail.example"),
                                         self.record("XAB", email="a@mail.example"), self.record("XAB", email="b@mail.example")])
        self.assertEqual([a["status"] for a in answers], [201] * 4)
        self.assertEqual([self.arrived(a).get("nationality") for a in answers], [None, None, "XAB", "XAB"])

    def test_a_repeated_key_counts_once(self):
        line = {**agreements.envelope(self.record("XAA")), "key": "again-1"}
        other = {**agreements.envelope(self.record("XAA")), "key": "again-2"}
        answers = self.batch("refuses", [line, line, other])
        self.assertEqual([a["status"] for a in answers], [403] * 3)
        self.assertEqual(answers[1]["exchange"], answers[0]["exchange"])

    def test_quotas_are_used_once(self):
        """Lines that are decided twice use up one each; what a quota refuses does not count as alike."""
        answers = self.send("few", [self.record("XAA"), self.record("XAB"), self.record("XAC"), self.record("XAA")])
        self.assertEqual([a["status"] for a in answers], [201, 201, 201, 403])
        self.assertEqual(self.decision(answers[3])["failed"][0]["reason"], "quota")
        self.assertEqual([self.arrived(a).get("nationality") for a in answers[:3]], [None] * 3)
