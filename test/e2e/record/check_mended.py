"""What a recipient can mend ends no delivery: partner file, pin, agreement and limit come after the record, and it
arrives. Only a refusal that the recipient's own log proves, for this very record, and that says it is final, does."""

import hashlib
import json
import os
import unittest

import agreements
from check_sender import Receiver, uuid7
from check_witness import Log
from world import ROOT, World, read, wait_for, write


def prepared(case):
    """Two agencies with one agreement, not started; (world, its digest)."""
    w = World()
    case.addCleanup(w.close)
    schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
    return w, agreements.digest_of(w.agreement(agreements.passenger(digest=schema)))


def reload_of(node):
    node.ctl("reload")


class Mended(unittest.TestCase):
    def setUp(self):
        self.world, self.digest = prepared(self)
        self.north, self.south = self.world.north, self.world.south
        self.partner = f"{self.south.folder}/partners/{self.north.describe()['id']}.json"

    def post(self, **changes):
        record = agreements.passenger_record()
        record.update(changes)
        status, answer = self.world.client("north").post("pax", agreements.envelope(record))
        self.assertEqual(status, 201, answer)
        return answer["exchange"]

    def waits(self, *slugs):
        """The delivery was tried more than once, and waits for one of these reasons with its payload."""
        wait_for(lambda: (d := self.north.ask("outbox")) and d[0]["attempts"] >= 3 and d[0]["last_error"] in slugs)
        self.assertEqual(self.north.ask("status")["store"]["payloads"], 1)

    def arrives(self, exchange):
        items = wait_for(lambda: self.world.client("south").inbox()["items"])
        self.assertEqual(len(items), 1)
        wait_for(lambda: self.north.ask("outbox") == [])
        self.assertEqual(self.north.ask("exchange", "show", exchange)["exchange"]["state"], "delivered")

    def refusals(self):
        return [e for e in self.south.entries() if e["operation"] == "refusal"]

    def test_the_pin_comes_later_and_both_sides_were_started_anew(self):
        right = read(self.partner)
        doc = json.loads(right)
        pin = doc["identity"]["pins"][0]
        doc["identity"]["pins"] = ["0" * 64]
        write(self.partner, json.dumps(doc))
        self.world.start()
        exchange = self.post()
        self.waits("partner-unknown")
        self.assertEqual(read(self.south.log).count(f"with the pin {pin}"), 1, "told once, with what is missing")
        self.assertEqual(read(self.north.log).count(f"delivery of {exchange} under agreement pax to south: partner-unknown"), 1)
        for node in (self.north, self.south):
            node.stop()
            node.start()
        self.waits("partner-unknown", "unreachable")
        write(self.partner, right)
        reload_of(self.south)
        self.arrives(exchange)

    def test_the_agreement_comes_later(self):
        kept = {s: read(f"{self.south.folder}/agreements/pax.json{s}") for s in ("", ".p7s")}
        for suffix in kept:
            os.unlink(f"{self.south.folder}/agreements/pax.json{suffix}")
        self.world.start()
        exchange = self.post()
        self.waits("agreement-unknown")
        (refusal,) = self.refusals()
        self.assertNotIn("final", refusal)
        self.assertEqual(read(self.south.log).count("is not taken: agreement-unknown"), 1)
        self.assertEqual(self.south.ask("exchange", "list"), [], "no answer is kept")
        for suffix, text in kept.items():
            write(f"{self.south.folder}/agreements/pax.json{suffix}", text)
        reload_of(self.south)
        self.arrives(exchange)

    def test_the_key_of_the_log_comes_later(self):
        right = read(self.partner)
        doc = json.loads(right)
        doc["audit"] = {"vkey": Log(self.world, "gw.north.example/audit/gw1/1").vkey}   # the name, with another key
        write(self.partner, json.dumps(doc))
        self.world.start()
        exchange = self.post()
        self.waits("receipt-invalid")
        write(self.partner, right)
        reload_of(self.south)
        self.arrives(exchange)


class Failed(unittest.TestCase):
    """South is not there until the deadline has passed."""

    def setUp(self):
        self.world, _ = prepared(self)
        self.north = self.world.north
        self.north.change(delivery={"first_retry_ms": 100, "longest_retry_ms": 200, "deadline": "PT1S"})
        self.north.start()
        self.client = self.world.client("north")
        status, answer = self.client.post("pax", agreements.envelope(agreements.passenger_record()))
        self.assertEqual(status, 201, answer)
        self.exchange = answer["exchange"]
        wait_for(lambda: [d["state"] for d in self.north.ask("outbox", "list")] == ["failed"])

    def shown(self):
        return json.loads(self.client.request("GET", f"/v1/exchanges/{self.exchange}")[2])

    def items(self):
        return [i for i in self.client.inbox()["items"] if i["kind"] == "delivery-failed"]

    def entries(self, outcome):
        return [e for e in self.north.entries() if e["operation"] == "delivery" and e["outcome"] == outcome]

    def test_it_is_told_kept_and_tried_again(self):
        (row,) = self.north.ask("outbox")
        self.assertEqual((row["exchange"], row["agreement"], row["recipient"], row["last_error"], row["next"]),
                         (self.exchange, "pax", "south", "unreachable", None))
        self.assertEqual(self.north.ask("status")["store"]["payloads"], 1)
        shown = self.shown()["delivery"]
        self.assertEqual((shown["state"], shown["reason"], shown["attempts"]), ("failed", "unreachable", row["attempts"]))
        (item,) = self.items()
        self.assertEqual((item["exchange"], item["agreement"], item["recipient"], item["reason"], item["attempts"]),
                         (self.exchange, "pax", "south", "unreachable", row["attempts"]))
        self.assertIn("retry_until", item)
        status, _, _ = self.client.request("POST", f"/v1/inbox/{item['id']}/ack", {"result": "erased"})
        self.assertEqual(status, 422, "it is no duty")
        self.assertEqual(self.client.ack(item["id"])[0], 200)
        self.assertEqual(self.items(), [])
        (entry,) = self.entries("failed")
        self.assertEqual((entry["exchange"], entry["recipient"], entry["agreement"], entry["note"]),
                         (self.exchange, "south", "pax", "unreachable"))
        self.client.close()
        self.north.stop()
        self.north.start()
        self.assertEqual(self.north.ask("outbox")[0]["state"], "failed", "a start tries nothing again by itself")
        self.world.south.start()
        self.assertEqual(self.north.ask("outbox", "retry", "--partner", "east")["changed"], 0)
        self.assertEqual(self.north.ask("outbox", "retry", self.exchange)["changed"], 1)
        self.assertEqual(len(wait_for(lambda: self.world.client("south").inbox()["items"])), 1)
        wait_for(lambda: self.north.ask("outbox") == [])
        self.assertEqual(self.shown()["state"], "delivered")
        self.assertNotIn("delivery", self.shown())
        self.assertRegex(self.entries("queued")[0]["note"], "^tried again by operator with uid [0-9]+$")
        self.assertEqual(self.north.ctl("outbox", "retry", self.exchange, ok=False)[0], 3)

    def test_it_is_ended_by_a_person(self):
        self.assertEqual(self.north.ctl("outbox", "expire", ok=False)[0], 2, "all of them at once is a slip")
        self.assertEqual(self.north.ctl("outbox", "expire", "no-id", ok=False)[0], 1)
        self.assertEqual(self.north.ask("outbox", "expire", "--partner", "south")["changed"], 1)
        self.assertEqual((self.north.ask("outbox"), self.shown()["state"]), ([], "failed"))
        self.assertEqual(self.north.ask("status")["store"]["payloads"], 0)
        self.assertEqual(["retry_until" in i for i in self.items()], [True, False])
        self.assertEqual(len(self.entries("failed")), 2)
        self.assertEqual(self.north.ctl("outbox", "retry", self.exchange, ok=False)[0], 3)


class Forger(Receiver):
    """South's gateway as whoever holds its TLS key, but maybe not that of its log, could drive it: refuses for good."""

    def __init__(self, world, digest):
        super().__init__(world, digest)
        self.spoil = None

    def answer(self, path, body):
        if not path.startswith("/v1/agreements/"):
            return 404, {}
        self.seen += 1
        origin = json.loads(body)["origin"]
        leaf = {"agreement": "pax", "agreement_digest": self.digest, "build": "lie", "exchange": uuid7(),
                "final": True, "input": hashlib.sha256(bytes.fromhex(origin["salt"]) + self.record(body)).hexdigest(),
                "operation": "refusal", "origin": origin["exchange"], "outcome": "refused"}
        leaf.update(self.change)
        receipt = self.prove({k: v for k, v in leaf.items() if v is not None})
        problem = {"type": "/problems/not-permitted", "title": "made up", "status": 403, "final": True, "receipt": receipt}
        return 403, self.spoil(problem) if self.spoil else problem

    @staticmethod
    def record(body):
        start = body.index(b',"record":') + len(b',"record":')
        return body[start:body.rindex(b',"origin":')]


class Refused(unittest.TestCase):
    def test_only_a_proved_final_refusal_ends_it(self):
        w, digest = prepared(self)
        forger = Forger(w, digest)
        self.addCleanup(forger.close)
        lies = ({"final": None}, {"final": 1}, {"final": "true"}, {"input": "0" * 64}, {"origin": None},
                {"origin": "01890a5d-ac96-774b-bcce-b302099a8057"}, {"operation": "collection"})
        forger.change = lies[0]
        w.north.start()
        _, answer = w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
        show = lambda: w.north.ask("exchange", "show", answer["exchange"])["exchange"]["state"]

        def goes_on(what):
            before = forger.seen
            wait_for(lambda: forger.seen > before + 1)
            self.assertEqual(show(), "queued", what)
            self.assertEqual(w.north.ask("status")["store"]["payloads"], 1, what)
        for lie in lies:
            forger.change = lie
            goes_on(lie)
        forger.change = {}
        # Without the key of the log: no receipt, one whose signature or leaf was changed.
        for spoil in (lambda p: {k: v for k, v in p.items() if k != "receipt"}, lambda p: p | {"receipt": ""},
                      lambda p: p | {"receipt": p["receipt"][:-10] + ("A" if p["receipt"][-10] != "A" else "B") + p["receipt"][-9:]}):
            forger.spoil = spoil
            goes_on("forged")
        forger.spoil = None
        wait_for(lambda: show() == "failed")
        self.assertEqual(w.north.ask("outbox"), [])
        self.assertEqual(w.north.ask("status")["store"]["payloads"], 0)
