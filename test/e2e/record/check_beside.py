"""What leaves beside the record. A sender writes a text that occurs nowhere else into every place of the envelope; nothing
of it is found in what the recipient's system is given, and with two gateways nowhere on the recipient's side. What the
agreement lists arrives, by its pattern."""

import base64
import glob
import json
import os
import shutil
import unittest

import agreements
from check_exchange import leaf_of
from world import GATEWAYCTL, ROOT, Client, World, run, wait_for

# Of what is posted to the sender's own gateway, and straight to the recipient's.
MARK, GUEST = "CANARYofamadeupsender", "CANARYofamadeupguest"
CLAUSE = [
    {"member": "case", "action": "keep", "pattern": "^case-[0-9]{1,6}$"},
    {"member": "reference", "action": "pseudonym", "params": agreements.PSEUDONYM, "pattern": "^[A-Z0-9]{1,20}$"},
]
WORDS = [{"member": "handling", "action": "keep", "pattern": "^[a-z ]{1,40}$"}]
SCALES = {"scales": ["europol-handling", "tlp-2.0"]}


def forms(text):
    """How a text may lie in bytes: as it is, in hex, and within either base64 at each of three alignments."""
    yield from (text, text.hex().encode())
    for shift in range(3):
        for code in (base64.b64encode, base64.urlsafe_b64encode):
            yield code(b"\0" * shift + text)[4 if shift else 0:-4]


def found_in(data, mark=MARK):
    return [f for f in forms(mark.encode()) if f in data]


def said_everywhere(officer, record, n, mark=MARK):
    """The mark in each text that an envelope has, plain and as a sender would hide it."""
    return {**agreements.envelope(record), "case": f"{mark}\u202e{n}", "reference": f"{n} {mark} \u2028\ud83d\ude00",
            "necessity": {"criterion": "serious", "likelihood": "likely", "alternative": mark * 90, "explanation": mark},
            "justifications": [{"pointer": f"/{mark}", "reason": mark}],
            "officer": {"certificate": officer, "role": mark}, "key": f"{mark}-{n}",
            "handling": [{"scale": "tlp-2.0", "value": "RED", "text": mark}, {"text": f"\\u0000{mark}", "value": "H1", "scale": "europol-handling"},
                         {"scale": "tlp-2.0", "value": "RED"}]}


class Beside(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(agreements.passenger("none", schema, handling=SCALES))
        w.agreement(agreements.passenger("some", schema, handling=SCALES, envelope=CLAUSE))
        w.agreement(agreements.passenger("words", schema, handling=SCALES, envelope=WORDS))
        w.add_system(w.south, "north", "north-guest", w.systems["north"][0])
        cls.officer = cls.pin_officer(w)
        w.start()
        cls.north, cls.south = w.client("north"), w.client("south")
        cls.guest = Client(w, w.south, *w.systems["north"])
        cls.number = 0

    @staticmethod
    def pin_officer(w):
        """The pin of an officer of north's, whom both gateways know."""
        cert, _ = w.authority.leaf("officer-north", "spiffe://north.example/officer", "emailProtection")
        for n in w.nodes:
            shutil.copy(cert, f"{n.folder}/partners/officer.pem")
            n.add_partner({"id": "officer", "agency": "north", "jurisdiction": "XN", "roles": ["officer"], "signers": ["officer.pem"],
                           "training_until": agreements.instant(90)})
        return json.loads(run(GATEWAYCTL, "pin", cert)[1])["pins"][0]

    def record(self):
        type(self).number += 1
        return agreements.passenger_record(self.number)

    def post(self, agreement, envelope, client=None):
        """One line, for an envelope with a key of its own."""
        status, _, body = (client or self.north).request("POST", f"/v1/agreements/{agreement}/records", json.dumps(envelope) + "\n",
                                                         content_type="application/x-ndjson")
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def arrived(self, answer):
        """The item of south's inbox that the exchange became, and all that south's system is shown of it."""
        output = leaf_of(answer["receipt"])["output"]

        def look():
            for item in self.south.inbox()["items"]:
                if item["kind"] in ("record", "correction") and item["exchange"] not in seen:
                    seen.add(item["exchange"])
                    entry = self.world.south.ask("exchange", "show", item["exchange"])["entry"]
                    if output in (entry["input"], entry["output"]):
                        return item
            return None
        seen = set()
        item = wait_for(look)
        views = [json.dumps(item).encode()]
        for what in ("", "/receipt", "/record", "/notices"):
            views.append(self.south.request("GET", f"/v1/exchanges/{item['exchange']}{what}")[2])
        return item, b"".join(views)

    def test_nothing_that_the_sender_writes(self):
        answer = self.post("none", said_everywhere(self.officer, self.record(), 1))
        self.assertEqual(answer["status"], 201, answer)
        item, shown = self.arrived(answer)
        self.assertEqual(found_in(shown), [])
        for name in ("case", "reference", "necessity", "justifications", "officer"):
            self.assertNotIn(name, item)
        self.assertEqual(item["handling"], [{"scale": "europol-handling", "value": "H1"}, {"scale": "tlp-2.0", "value": "RED"}])
        # Nor did it reach the recipient's gateway: its store, its log with what is withheld there, its mirror.
        files = [p for p in glob.glob(f"{self.world.south.folder}/**", recursive=True) if os.path.isfile(p)]
        self.assertGreater(len(files), 10)
        for path in files:
            with open(path, "rb") as f:
                self.assertEqual(found_in(f.read()), [], path)
        leaf = leaf_of(answer["receipt"])
        self.assertEqual(leaf["checked"], "case,necessity")
        self.assertRegex(leaf["envelope"], "^[0-9a-f]{64}$")
        # Its own side keeps it, for reviews.
        kept = self.world.north.ask("exchange", "show", answer["exchange"])["disclosures"]
        self.assertIn(MARK, kept["case"])

    def test_nothing_at_a_single_gateway(self):
        answer = self.post("none", said_everywhere(self.officer, self.record(), 2, GUEST), self.guest)
        self.assertEqual(answer["status"], 201, answer)
        item, shown = self.arrived(answer)
        self.assertEqual(found_in(shown, GUEST), [])
        self.assertEqual(item["handling"], [{"scale": "europol-handling", "value": "H1"}, {"scale": "tlp-2.0", "value": "RED"}])

    def test_nothing_with_a_correction(self):
        for client, mark in ((self.north, MARK), (self.guest, GUEST)):
            first = self.post("none", said_everywhere(self.officer, self.record(), 3, mark), client)
            self.arrived(first)
            second = self.post("none", {**said_everywhere(self.officer, self.record(), 4, mark), "corrects": first["exchange"]}, client)
            self.assertEqual(second["status"], 201, second)
            item, shown = self.arrived(second)
            self.assertEqual(item["kind"], "correction")
            self.assertEqual(found_in(shown, mark), [])

    def test_what_the_clause_lists(self):
        for client in (self.north, self.guest):
            record = self.record()
            record["travellers"][0]["family"] = "FILE7"
            answer = self.post("some", {**agreements.envelope(record), "case": "case-17", "reference": "FILE7"}, client)
            self.assertEqual(answer["status"], 201, answer)
            item, shown = self.arrived(answer)
            self.assertEqual(item["case"], "case-17")
            self.assertRegex(item["reference"], r"^p1\.1\.[a-z2-7]{26}$")
            # One domain, one value, one code, wherever it stands; the value itself stays.
            self.assertEqual(item["reference"], item["record"]["travellers"][0]["family"])
            self.assertNotIn(b"FILE7", shown)

    def test_what_does_not_fit_is_refused_by_name(self):
        for member, value in (("case", f"case-17 {MARK}"), ("case", "case-17\n"), ("case", "case-\u0661"), ("reference", MARK * 6)):
            for client in (self.north, self.guest):
                answer = self.post("some", {**agreements.envelope(self.record()), member: value.replace(MARK, GUEST)}, client)
                self.assertEqual((answer["status"], answer["type"]), (403, "/problems/envelope-member"), answer)
                place = 0 if member == "case" else 1
                self.assertEqual(answer["errors"], [{"pointer": f"/{member}", "keyword": f"/envelope/{place}/pattern", "code": "envelope-member"}])
                self.assertEqual(found_in(json.dumps(answer).encode(), GUEST), [])

    def test_words_wait_for_a_person_or_do_not_leave(self):
        code = {"scale": "europol-handling", "value": "H3", "text": "ask before any use"}
        answer = self.post("none", {**agreements.envelope(self.record()), "handling": [code]})
        self.assertEqual(answer["type"], "/problems/handling-unknown", answer)
        self.assertEqual(answer["errors"][0]["pointer"], "/handling/0/text")
        answer = self.post("words", {**agreements.envelope(self.record()), "handling": [code]})
        self.assertEqual((answer["status"], answer["outcome"]), (202, "held"))
        answer = self.post("words", {**agreements.envelope(self.record()), "handling": [{**code, "text": MARK}]})
        self.assertEqual(answer["type"], "/problems/envelope-member", answer)


if __name__ == "__main__":
    unittest.main()
