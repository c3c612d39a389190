"""A pair of gateways of which one still runs a build of before: it names no form, keeps no caveats, has no digest of what
stands beside the record, calls no refusal final, and its officers sign less. Each is refused by a name that says what to do; nothing is
lost, and what waits goes through once both have the same build."""

import base64
import hashlib
import json
import unittest
import uuid

import agreements
from check_notice import Teller, passing_record
from check_sender import Receiver
from world import ROOT, World, read, wait_for

MISSING = {
    # What an entry of an older build lacks, the refusal's slug and place, and whether it is for good: a record that was decided
    # is never spelled anew, the rest waits for its deadline.
    "form": ("record-form", 422, "/origin/entry", True, "the entry names no form: an older build decided this record"),
    "envelope": ("receipt-invalid", 403, "/origin", False, "the entry has no digest of the envelope: an older build decided this record"),
    "caveats": ("receipt-invalid", 403, "/origin", False, "the entry has no digest of caveats: a build of before them decided this record"),
}


def prepared(case, **more):
    w = World()
    case.addCleanup(w.close)
    schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
    return w, agreements.digest_of(w.agreement(agreements.passenger(digest=schema, **more)))


class Sends(unittest.TestCase):
    """North's build is the older one, and sends to a south of this one."""

    def setUp(self):
        self.world, self.digest = prepared(self)
        self.south = self.world.south
        self.south.start()
        self.older = Teller(self.world, self.digest)

    def envelope(self, *lacking):
        origin = {"caveats": None} if "caveats" in lacking else {}
        return self.older.envelope(passing_record(), entry={name: None for name in lacking if name != "caveats"}, **origin)

    def store(self):
        s = self.south.ask("status")["store"]
        return s["inbox"], s["payloads"], s["exchanges"]

    def test_each_is_refused_by_name(self):
        for lacking, (slug, status, pointer, final, why) in MISSING.items():
            before = self.store()
            got, answer = self.older.send(self.envelope(lacking))
            self.assertEqual((got, answer["type"]), (status, f"/problems/{slug}"), answer)
            (error,) = answer["errors"]
            self.assertEqual((error["pointer"], answer["final"]), (pointer, final), answer)
            self.assertIn(why, error["keyword"])
            line = next(l for l in answer["receipt"].split("\n") if l.startswith("extra "))
            leaf = json.loads(base64.b64decode(line[6:]))
            self.assertEqual((leaf["operation"], leaf["outcome"], leaf.get("final", False)), ("refusal", "refused", final))
            self.assertEqual(self.store()[:2], before[:2], "nothing of it is kept")
            if not final:
                self.assertIn(why, read(self.south.log))

    def test_all_of_them_at_once(self):
        got, answer = self.older.send(self.envelope("form", "envelope", "caveats"))
        self.assertEqual((got, answer["type"], answer["final"]), (403, "/problems/receipt-invalid", False), answer)
        self.assertIn("a build of before them decided this record", answer["errors"][0]["keyword"])

    def test_after_the_mend_the_same_partner_is_served(self):
        self.older.send(self.envelope("caveats"))
        status, answer = self.older.send(self.older.envelope(passing_record()))
        self.assertEqual(status, 201, answer)
        self.assertEqual(len(self.world.client("south").inbox()["items"]), 1)

    def test_a_recall_in_words(self):
        """Its people are told at once, for it cannot go through as it is."""
        envelope = self.older.envelope(passing_record())
        exchange = json.loads(envelope)["origin"]["exchange"]
        self.assertEqual(self.older.send(envelope)[0], 201)
        status, answer = self.older.tell(exchange, self.older.notice("recall", exchange, {"why": "sent by mistake"}))
        self.assertEqual((status, answer["type"], answer["final"]), (422, "/problems/recall-code", True), answer)
        self.assertEqual([i["kind"] for i in self.world.client("south").inbox()["items"]], ["record"], "it is as it was")
        status, _ = self.older.tell(exchange, self.older.notice("recall", exchange, {"why": "sent-in-error"}))
        self.assertEqual(status, 200)
        self.assertEqual([(i["kind"], i["why"]) for i in self.world.client("south").inbox()["items"]], [("recall", "sent-in-error")])


class OlderReceiver(Receiver):
    """South's gateway of an older build: its receipts name no caveats, its refusals have no `final`."""

    def __init__(self, world, digest):
        super().__init__(world, digest)
        self.refuses, self.slug, self.upgraded, self.final = None, None, False, False

    def receipt(self, body):
        if self.upgraded:
            return super().receipt(body)
        entry = json.loads(base64.b64decode(body["origin"]["entry"]))
        leaf = {"agreement": "pax", "agreement_digest": self.digest, "build": "older", "exchange": str(uuid.uuid4()),
                "input": entry["output"], "operation": "collection", "outcome": "released", "time": 0}
        return self.prove(leaf)

    def answer(self, path, body):
        if self.upgraded or self.refuses is None or not path.startswith("/v1/agreements/"):
            return super().answer(path, body)
        self.seen += 1
        origin = json.loads(body)["origin"]
        text = body[body.index(b',"record":') + len(b',"record":'):body.rindex(b',"origin":')]
        leaf = {"agreement": "pax", "agreement_digest": self.digest, "build": "older", "exchange": str(uuid.uuid4()),
                "input": hashlib.sha256(bytes.fromhex(origin["salt"]) + text).hexdigest(), "operation": "refusal",
                "origin": origin["exchange"], "outcome": "refused"}
        leaf |= {"final": True} if self.final else {}
        return self.refuses, {"type": f"/problems/{self.slug}", "status": self.refuses, "receipt": self.prove(leaf), "final": self.final}


class Receives(unittest.TestCase):
    """South's build is the older one; north of this one sends to it."""

    def setUp(self):
        self.world, self.digest = prepared(self)
        self.north = self.world.north
        self.older = OlderReceiver(self.world, self.digest)
        self.addCleanup(self.older.close)

    def post(self):
        status, answer = self.world.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
        self.assertEqual(status, 201, answer)
        return answer["exchange"]

    def waits(self, exchange, slug):
        """It was tried more than once, and everybody who looks sees for what it waits; its payload is there."""
        seen = self.older.seen
        wait_for(lambda: self.older.seen > seen + 2)
        (row,) = wait_for(lambda: [d for d in self.north.ask("outbox", "list") if d["last_error"] == slug])
        self.assertEqual((row["exchange"], row["recipient"], row["state"]), (exchange, "south", "waiting"))
        status = self.north.ask("status")
        self.assertEqual(status["store"]["payloads"], 1)
        self.assertIn(("south", slug), [(w["recipient"], w["reason"]) for w in status["waiting"]])
        self.assertIn(slug, self.north.ctl("outbox", "list")[1])
        _, _, body = self.world.client("north").request("GET", f"/v1/exchanges/{exchange}")
        told = json.loads(body)
        self.assertEqual((told["state"], told["delivery"]["state"], told["delivery"]["reason"]), ("queued", "waiting", slug))
        self.assertIn(slug, read(self.north.log))

    def mended(self, exchange):
        """South's people install this build, and nobody does anything at north."""
        self.older.upgraded = True
        wait_for(lambda: self.north.ask("outbox") == [])
        self.assertEqual(self.north.ask("exchange", "show", exchange)["exchange"]["state"], "delivered")
        self.assertEqual(self.north.ask("status")["waiting"], [])

    def test_a_receipt_without_caveats(self):
        self.north.start()
        exchange = self.post()
        self.waits(exchange, "receipt-invalid")
        self.assertIn("the receipt does not say that the caveats were taken: the partner's build may not keep them", read(self.north.log))
        self.mended(exchange)

    def test_a_refusal_that_is_not_called_final(self):
        """Whatever its status says: an older build's refusal may be of what is mended since."""
        self.north.start()
        exchange = None
        for status, slug in ((422, "envelope-invalid"), (403, "output-violation"), (409, "agreement-mismatch"), (422, "schema-violation")):
            self.older.refuses, self.older.slug = status, slug
            exchange = exchange or self.post()
            self.waits(exchange, slug)
        self.mended(exchange)


    def test_a_refusal_for_want_of_what_stays_at_home(self):
        """A build of before the clause `envelope` asks for the case itself, and calls that final: nothing ends by it."""
        self.north.start()
        self.older.final, exchange = True, None
        for status, slug in ((403, "case-missing"), (403, "necessity-incomplete"), (403, "field-unjustified"), (403, "consent-missing")):
            self.older.refuses, self.older.slug = status, slug
            exchange = exchange or self.post()
            self.waits(exchange, slug)
        self.assertEqual(self.world.client("north").inbox()["items"], [])
        self.mended(exchange)

    def test_another_refusal_that_is_called_final_ends_it(self):
        self.older.refuses, self.older.slug, self.older.final = 403, "default-deny", True
        self.north.start()
        exchange = self.post()
        (item,) = wait_for(lambda: self.world.client("north").inbox()["items"])
        self.assertEqual((item["kind"], item["exchange"], item["reason"]), ("delivery-failed", exchange, "default-deny"))
        self.assertEqual(self.north.ask("outbox", "list"), [])


class Documents(unittest.TestCase):
    """What people made with the older build: its agreement does not load, and is named with what there is to change."""

    def test_an_agreement_without_its_format(self):
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w = World()
        self.addCleanup(w.close)
        doc = agreements.passenger(digest=schema)
        w.agreement(doc)
        self.assertEqual(w.north.check()[0], 0)
        del doc["format"]
        w.agreement(doc)
        status, _, errors = w.north.check()
        self.assertEqual(status, 78)
        self.assertIn("pax.json", errors)
        self.assertIn('"format": 2', errors)


if __name__ == "__main__":
    unittest.main()
