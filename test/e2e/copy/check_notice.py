"""Notices between gateways: what a partner may tell about which exchange, with which proof, and how what is sent here is
tried until the partner's log proves that it was taken."""

import base64
import hashlib
import json
import os
import sqlite3
import time
import unittest

import agreements
from compact import disclosures
from check_sender import Liar, Receiver, uuid7
from merkle import receipt_of
from world import ROOT, Client, Node, World, read, wait_for, write

DAY = 86400000
ERASED = {"duty": "erase", "result": "erased", "made": "2026-01-01T00:00:00.000Z", "done": "2026-01-01T00:00:00.000Z"}


def told(days):
    """An instant as gateways tell it."""
    return agreements.instant(days)[:19] + ".000Z"


def compact(doc):
    return json.dumps(doc, separators=(",", ":"), sort_keys=True)


def passing_record():
    return {"locator": "p1.1." + "a" * 26, "reserved_on": "2026-01-02", "travel_dates": ["2026-02-03"],
            "travellers": [{"family": "p1.1." + "b" * 25 + "a", "given": "p1.1." + "c" * 25 + "a",
                            "api": {"nationality": "XAA", "born": "1980"}}],
            "itinerary": [{"flight": "XX123", "from": "AAA", "to": "BBB", "departs": "2026-02-03T10:00:00Z"}],
            "payment": {"amount": 19.99, "currency": "XTS"}}


class Teller(Liar):
    """A partner's gateway that sends notices: right but for what the lie changes."""

    agency, recipient = "north", "south"

    def notice(self, kind, exchange, body=None, entry=None, root=None, body_text=None, **members):
        text = body_text or compact(body or {})
        leaf = {"agreement": "pax", "agreement_digest": self.digest, "build": "lie", "exchange": exchange, "note": kind,
                "operation": "decision" if kind in ("hold", "lift") else "duty", "output": hashlib.sha256(text.encode()).hexdigest(),
                "peer": self.recipient, "recipient": self.recipient, "time": time.time_ns() // 1000000}
        leaf.update(entry or {})
        raw = compact(leaf).encode()
        self.leaves.append(raw)
        proof = receipt_of(self.leaves, len(self.leaves) - 1, self.checkpoint(self.leaves, root))
        doc = {"kind": kind, "agency": self.agency, "node": "gw1", "entry": base64.b64encode(raw).decode(), "proof": proof}
        doc.update(members)
        return json.dumps(doc)[:-1] + f',"body":{text}}}'

    def tell(self, exchange, notice, **headers):
        status, _, body = self.client.request("POST", f"/v1/exchanges/{exchange}/notices", notice, **headers)
        return status, json.loads(body)


def two_agencies(test, agreement="pax"):
    w = World()
    test.addClassCleanup(w.close) if isinstance(test, type) else test.addCleanup(w.close)
    schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
    return w, agreements.digest_of(w.agreement(agreements.passenger(agreement, schema)))


class Taking(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world, cls.digest = two_agencies(cls)
        cls.world.south.start()
        cls.teller = Teller(cls.world, cls.digest)
        envelope = cls.teller.envelope(passing_record())
        cls.exchange = json.loads(envelope)["origin"]["exchange"]
        status, cls.answer = cls.teller.send(envelope)
        assert status == 201, cls.answer

    def refused(self, notice, slug, status, exchange=None, audited=True):
        before = self.world.south.ask("status")["store"]["entries"]
        got, answer = self.teller.tell(exchange or self.exchange, notice)
        self.assertEqual((got, answer["type"]), (status, f"/problems/{slug}"), answer)
        after = self.world.south.ask("status")["store"]["entries"]
        self.assertEqual(after - before, 1 if audited else 0)
        if not audited:
            return
        line = next(l for l in answer["receipt"].split("\n") if l.startswith("extra "))
        leaf = json.loads(base64.b64decode(line[6:]))
        self.assertEqual((leaf["operation"], leaf["note"], leaf["peer"]), ("refusal", "notice", "north-gateway"))
        self.assertEqual(len(leaf["_sd"]), 2, "the full reason is a disclosure, the other digest a decoy")

    def test_a_proof_that_does_not_hold(self):
        t, x = self.teller, self.exchange
        self.refused(t.notice("hold", x, root=os.urandom(32)), "receipt-invalid", 403)
        self.refused(t.notice("hold", x, proof="nothing"), "receipt-invalid", 403)
        other = json.loads(t.notice("hold", x, {"n": 1}))
        self.refused(t.notice("hold", x, proof=other["proof"]), "receipt-invalid", 403)
        self.refused(t.notice("hold", x, entry={"x": 1}).replace('"entry": "', '"entry": "AAAA'), "receipt-invalid", 403)

    def test_an_entry_that_says_something_else(self):
        for change in ({"exchange": uuid7()}, {"exchange": uuid7(), "origin": self.exchange}, {"operation": "duty"},
                       {"operation": "disclosure"}, {"note": "lift"}, {"note": "holding"}, {"note": ""}, {"recipient": "east"},
                       {"agreement": "other"}, {"agreement_digest": "0" * 64}, {"output": "0" * 64}):
            self.refused(self.teller.notice("hold", self.exchange, entry=change), "receipt-invalid", 403)
        self.refused(self.teller.notice("recall", self.exchange, entry={"operation": "decision"}), "receipt-invalid", 403)

    def test_a_body_that_the_digest_does_not_cover(self):
        notice = self.teller.notice("hold", self.exchange, {"reason": "one"})
        self.refused(notice.replace('"one"', '"two"'), "receipt-invalid", 403)
        self.refused(notice.replace('{"reason"', '{ "reason"'), "receipt-invalid", 403)

    def test_exchanges_of_others(self):
        for x in (uuid7(), self.answer["exchange"]):
            # Neither what does not exist nor this node's own id for what it received: the path has the first gateway's.
            self.refused(self.teller.notice("hold", x), "not-found", 404, exchange=x)
        self.refused(self.teller.notice("hold", self.exchange), "not-found", 404, exchange="no-id")

    def test_what_fits_no_schema(self):
        t, x = self.teller, self.exchange
        self.refused(t.notice("praise", x), "notice-invalid", 422)
        self.refused(t.notice("hold", x, surprise=1), "notice-invalid", 422)
        self.refused(t.notice("hold", x, node=None), "notice-invalid", 422)
        self.refused(t.notice("hold", x, agency="east"), "notice-invalid", 422)
        self.refused(t.notice("hold", x, body_text="[]"), "notice-invalid", 422)
        self.refused(t.notice("hold", x, body_text='{"n":1e999}'), "notice-invalid", 422)
        self.refused(t.notice("hold", x, entry=None).replace('"entry": "', '"entry": "#'), "notice-invalid", 422)
        self.refused(t.notice("hold", x, record={"a": 1}, salt="0" * 32), "notice-invalid", 422)
        self.refused(t.notice("return", x), "notice-invalid", 422)
        self.refused(t.notice("return", x, record={"a": 1}, salt="0"), "notice-invalid", 422)
        self.refused("{", "bad-json", 400)
        self.refused('{"kind":1,"kind":1}', "bad-json", 400)

    def holds(self):
        answer = self.world.south.ask("exchange", "show", self.answer["exchange"])
        return [(h["kind"], h["until"], h["signer"], h["role"]) for h in answer["exchange"]["holds"]]

    def test_a_hold_and_its_lift(self):
        t, x, stated = self.teller, self.exchange, "ab" * 32
        good = {"hold": stated, "kind": "hold", "until": told(3)}
        for change in ({"hold": "ab"}, {"hold": None}, {"of": "ab"}, {"of": 1}, {"kind": "lift"}, {"kind": None}, {"until": "tomorrow"}, {"until": None},
                       {"until": told(5 * 366 + 1)}, {"until": agreements.instant(3)}):
            body = {k: v for k, v in (good | change).items() if v is not None}
            self.refused(t.notice("hold", x, body), "notice-invalid", 422)
        self.refused(t.notice("lift", x, {"hold": "ab"}), "notice-invalid", 422)
        self.assertEqual(self.holds(), [])
        # One that is over already, and a lift of none, are taken and change nothing.
        for kind, body in (("hold", good | {"until": told(-1)}), ("lift", {"hold": stated})):
            self.assertEqual(t.tell(x, t.notice(kind, x, body))[0], 200)
        self.assertEqual(self.holds(), [])
        for _ in range(2):
            self.assertEqual(t.tell(x, t.notice("hold", x, good))[0], 200)
        self.assertEqual(self.holds(), [("hold", good["until"], "north-gateway", "gateway")])
        envelope = t.envelope(passing_record())
        other = json.loads(envelope)["origin"]["exchange"]
        self.assertEqual(t.send(envelope)[0], 201)
        self.refused(t.notice("lift", other, {"hold": stated}), "notice-invalid", 422, exchange=other)
        for _ in range(2):
            self.assertEqual(t.tell(x, t.notice("lift", x, {"hold": stated}))[0], 200)
        self.assertEqual(self.holds(), [])

    def test_a_hold_that_comes_by_several_ways(self):
        """What is stated of one version is told of the other, too, and in whatever order the notices come nothing of it stays."""
        t, south = self.teller, self.world.south
        envelope = t.envelope(passing_record())
        first = json.loads(envelope)["origin"]["exchange"]
        own = [t.send(envelope)[1]["exchange"]]
        envelope = t.envelope(passing_record(), entry={"corrects": first}, beside={"corrects": first})
        second = json.loads(envelope)["origin"]["exchange"]
        status, answer = t.send(envelope)
        self.assertEqual(status, 201, answer)
        own.append(answer["exchange"])

        def held():
            return [len(south.ask("exchange", "show", x)["exchange"]["holds"]) for x in own]
        until = told(3)
        for n, order in enumerate(("ST LM", "TS ML", "TS LM", "ST ML", "SL TM")):
            stated, follows = f"{n:064x}", f"{n + 100:064x}"
            notices = {"S": (second, "hold", {"hold": stated, "kind": "restriction", "until": until}),
                       "T": (first, "hold", {"hold": follows, "of": stated, "kind": "restriction", "until": until}),
                       "L": (second, "lift", {"hold": stated}), "M": (first, "lift", {"hold": follows, "of": stated})}
            with self.subTest(order=order):
                for step in order:
                    if step == " ":
                        self.assertNotIn(0, held() if order[1] != "L" else [1])
                        continue
                    x, kind, body = notices[step]
                    status, answer = t.tell(x, t.notice(kind, x, body))
                    self.assertEqual(status, 200, answer)
                self.assertEqual(held(), [0, 0])

    def test_a_log_that_forked(self):
        teller = Teller(self.world, self.digest)        # it begins again where what was sent before began
        got, answer = teller.tell(self.exchange, teller.notice("hold", self.exchange))
        self.assertEqual((got, answer["type"]), (403, "/problems/receipt-invalid"))

    def test_what_is_too_large(self):
        self.refused(self.teller.notice("hold", self.exchange, {"reason": "x" * 65536}), "too-large", 413)

    def test_a_record_that_is_not_the_one_returned(self):
        salt, record = os.urandom(16), '{"a": 1.50}'
        right = hashlib.sha256(salt + record.encode()).hexdigest()
        notice = self.teller.notice("return", self.exchange, entry={"input": right}, salt=salt.hex())
        notice = notice[:-1] + f',"record":{record}}}'
        self.refused(notice.replace("1.50", "1.5"), "receipt-invalid", 403)
        self.refused(notice.replace(salt.hex(), "0" * 32), "receipt-invalid", 403)

    def test_only_gateways_and_only_json(self):
        system = Client(self.world, self.world.south, *self.world.systems["south"])
        status, _, body = system.request("POST", f"/v1/exchanges/{self.exchange}/notices", self.teller.notice("hold", self.exchange))
        self.assertEqual((status, json.loads(body)["type"]), (403, "/problems/role-denied"))
        status, answer = self.teller.tell(self.exchange, self.teller.notice("hold", self.exchange), content_type="text/plain")
        self.assertEqual((status, answer["type"]), (415, "/problems/media-type"))


class Taken(unittest.TestCase):
    """Recalls of what south received: what is taken, once, and what is answered."""

    def setUp(self):
        self.world, self.digest = two_agencies(self)
        self.world.south.start()
        self.teller = Teller(self.world, self.digest)
        envelope = self.teller.envelope(passing_record())
        self.exchange = json.loads(envelope)["origin"]["exchange"]
        status, self.answer = self.teller.send(envelope)
        self.assertEqual(status, 201)

    def again(self):
        self.world.south.stop()
        self.teller.client.close()
        self.world.south.start()

    def rows(self, text):
        db = sqlite3.connect(f"file:{self.world.south.folder}/store/gatewayd.db?mode=ro", uri=True)
        try:
            return db.execute(text).fetchall()
        finally:
            db.close()

    def reason(self):
        """The full one, of the newest refusal."""
        db = sqlite3.connect(f"file:{self.world.south.folder}/store/gatewayd.db?mode=ro", uri=True)
        try:
            _, name, why = disclosures(db)[-1][0]
        finally:
            db.close()
        self.assertEqual(name, "reason")
        return why

    def test_taken_once_and_answered_alike(self):
        south = self.world.south
        notice = self.teller.notice("recall", self.exchange, {"why": "inaccurate"})
        status, first = self.teller.tell(self.exchange, notice)
        self.assertEqual((status, first["exchange"], first["kind"], first["first"]), (200, self.answer["exchange"], "recall", True), first)
        leaf = json.loads(base64.b64decode(next(l for l in first["receipt"].split("\n") if l.startswith("extra "))[6:]))
        entry = base64.b64decode(json.loads(notice)["entry"])
        self.assertEqual({k: leaf.get(k) for k in ("operation", "note", "outcome", "exchange", "origin", "input", "peer", "agreement_digest")},
                         {"operation": "duty", "note": "recall: taken", "outcome": "taken", "exchange": self.answer["exchange"],
                          "origin": self.exchange, "input": hashlib.sha256(entry).hexdigest(), "peer": "north-gateway",
                          "agreement_digest": self.digest})
        state, entries = south.ask("exchange", "show", self.answer["exchange"])["exchange"]["state"], south.ask("status")["store"]["entries"]
        second = self.teller.tell(self.exchange, notice)
        self.assertEqual(second, (200, {**first, "first": False}))
        self.assertEqual(south.ask("status")["store"]["entries"], entries, "a second time changes nothing")
        self.again()
        self.assertEqual(self.teller.tell(self.exchange, notice), second)
        shown = south.ask("exchange", "show", self.answer["exchange"])
        self.assertEqual(shown["exchange"]["state"], state)
        (taken,) = shown["notices"]["taken"]
        self.assertEqual((taken["kind"], taken["audit_index"]), ("recall", first["audit_index"]))
        path = f"{self.world.folder}/proof"
        write(path, taken["proof"])
        vkey = read(f"{self.world.north.folder}/audit.vkey").strip()
        south.ctl("audit", "verify-receipt", "--key", vkey, path)

    def test_words_where_a_code_is_lawful(self):
        """As builds of before the codes sent them; and words beside the code, or in another notice."""
        words = "the wrong Erika Muster"
        notice = self.teller.notice("recall", self.exchange, {"why": words})
        status, answer = self.teller.tell(self.exchange, notice)
        self.assertEqual((status, answer["type"], answer["final"]), (422, "/problems/recall-code", True), answer)
        self.assertEqual(self.reason(), "recall-code: /body/why: is no code of a recall; builds of before the codes sent words")
        x, instant = self.exchange, "2026-01-01T00:00:00.000Z"
        for kind, body, slug, why in (
                ("recall", {"why": "inaccurate", "words": words}, "notice-invalid", "/body: has a member that this kind of notice has not"),
                ("recall", {"why": "inaccurate", "consent": "ab" * 32}, "notice-invalid", "/body/consent: only a withdrawn consent is named"),
                ("hold", {"hold": "ab" * 32, "kind": "hold", "until": instant, "ground": words}, "notice-invalid",
                 "/body: has a member that this kind of notice has not"),
                ("lift", {"hold": words}, "notice-invalid", "/body: a member is no code, date-time or digest")):
            status, answer = self.teller.tell(x, self.teller.notice(kind, x, body))
            self.assertEqual((status, answer["type"]), (422, f"/problems/{slug}"), answer)
            self.assertEqual(self.reason(), f"{slug}: {why}")
        status, answer = self.teller.tell(x, self.teller.notice("recall", x, {"why": "inaccurate"}, entry={"note": "recall: " + words}))
        self.assertEqual((status, answer["type"]), (403, "/problems/receipt-invalid"), answer)
        self.assertEqual(self.world.client("south").inbox()["items"][0]["kind"], "record")
        self.assertEqual(self.rows("SELECT count(*) FROM notice_taken"), [(0,)])
        for name in ("gatewayd.db", "gatewayd.db-wal"):
            with open(f"{self.world.south.folder}/store/{name}", "rb") as f:
                self.assertNotIn(b"Erika", f.read())

    def test_receipts_say_codes_and_instants(self):
        status, own = self.world.client("south").post("pax", agreements.envelope(agreements.passenger_record()))
        exchange = own["exchange"]
        entry = {"exchange": uuid7(), "origin": exchange}
        for change, slug in (({"reason": "the made-up case"}, "notice-invalid"), ({"result": "as asked"}, "notice-invalid"),
                             ({"result": "as-asked"}, "duty-answer-invalid"), ({"duty": "erasing"}, "duty-answer-invalid"),
                             ({"made": "long-ago"}, "duty-answer-invalid"), ({"made": "2026-01-01T00:00:00Z"}, "duty-answer-invalid"),
                             ({"done": "2026-01-01T00:00:00.0000001Z"}, "duty-answer-invalid")):
            status, answer = self.teller.tell(exchange, self.teller.notice("receipt", exchange, ERASED | change, entry=entry))
            self.assertEqual((status, answer["type"]), (422, f"/problems/{slug}"), (change, answer))
        self.assertEqual([i["kind"] for i in self.world.client("south").inbox()["items"]], ["record"])

    def test_refused_by_its_kind(self):
        before = self.world.south.ask("status")["store"]["entries"]
        status, answer = self.teller.tell(self.exchange, self.teller.notice("receipt", self.exchange, ERASED))
        self.assertEqual((status, answer["type"]), (403, "/problems/role-denied"), answer)
        self.assertEqual(self.world.south.ask("status")["store"]["entries"], before + 1)
        self.assertIn("receipt", answer)
        self.assertEqual(self.rows("SELECT count(*) FROM notice_taken"), [(0,)])
        self.assertEqual(self.reason(), "role-denied: only the recipient sends receipts")

    def test_the_full_reason_stays_inside(self):
        status, answer = self.teller.tell(uuid7(), self.teller.notice("recall", self.exchange))
        self.assertEqual((status, answer["type"]), (404, "/problems/not-found"))
        self.assertNotIn("sender has", json.dumps(answer))
        self.assertEqual(self.reason(), "not-found: the sender has no such exchange with this node")

    def test_another_party_knows_no_exchange_of_theirs(self):
        """East is a partner with a gateway and a log as good as north's."""
        w = self.world
        east = Node(w, "east", "XE")
        w.south.add_partner(east.describe())
        w.south.ctl("reload")
        third = Teller(w, self.digest, east)
        third.agency = "east"
        status, own = w.client("south").post("pax", agreements.envelope(agreements.passenger_record()))
        self.assertEqual(status, 201, own)
        for exchange, why in ((self.exchange, "the sender has no such exchange with this node"),
                              (own["exchange"], "the exchange is another party's")):
            for entry in ({}, {"exchange": uuid7(), "origin": exchange}):
                status, answer = third.tell(exchange, third.notice("recall", exchange, {"why": "inaccurate"}, entry=entry))
                self.assertEqual((status, answer["type"]), (404, "/problems/not-found"), answer)
                self.assertEqual(self.reason(), f"not-found: {why}")
        self.assertEqual(self.rows("SELECT count(*) FROM notice_taken"), [(0,)])

    def test_a_recipient_proves_by_the_origin(self):
        status, own = self.world.client("south").post("pax", agreements.envelope(agreements.passenger_record()))
        exchange, theirs = own["exchange"], uuid7()
        for entry in ({"exchange": exchange}, {"exchange": theirs, "origin": uuid7()}, {"exchange": exchange, "origin": theirs}):
            status, answer = self.teller.tell(exchange, self.teller.notice("receipt", exchange, ERASED, entry=entry))
            self.assertEqual((status, answer["type"]), (403, "/problems/receipt-invalid"), answer)
        right = self.teller.notice("receipt", exchange, ERASED, entry={"exchange": theirs, "origin": exchange})
        status, answer = self.teller.tell(exchange, right)
        self.assertEqual((status, answer.get("exchange"), answer.get("first")), (200, exchange, True), answer)

    def test_a_refused_exchange_is_none(self):
        envelope = self.teller.envelope(passing_record(), entry={"form": None})
        exchange = json.loads(envelope)["origin"]["exchange"]
        self.assertEqual(self.teller.send(envelope)[0], 422)
        status, answer = self.teller.tell(exchange, self.teller.notice("recall", exchange, {"why": "inaccurate"}))
        self.assertEqual((status, answer["type"]), (404, "/problems/not-found"))
        self.assertEqual(self.reason(), "not-found: nothing was released in this exchange")

    def test_each_agency_speaks_for_itself(self):
        notice = self.teller.notice("recall", self.exchange, {"why": "inaccurate"}, agency="east")
        status, answer = self.teller.tell(self.exchange, notice)
        self.assertEqual((status, answer["type"]), (422, "/problems/notice-invalid"))
        self.assertEqual(self.reason(), "notice-invalid: /agency: the sender is not the agency that it names")

    def test_no_more_than_256(self):
        self.world.south.stop()
        db = sqlite3.connect(f"{self.world.south.folder}/store/gatewayd.db")
        with db:
            for i in range(255):
                db.execute("INSERT INTO notice_taken (seq, digest, kind, entry, taken_ms, proof) "
                           "SELECT seq, ?, 2, 0, 0, '' FROM exchange WHERE origin IS NOT NULL", (i.to_bytes(32, "big"),))
        db.close()
        self.again()
        notice = self.teller.notice("recall", self.exchange, {"why": "inaccurate"})
        self.assertEqual(self.teller.tell(self.exchange, notice)[0], 200)
        status, answer = self.teller.tell(self.exchange, self.teller.notice("recall", self.exchange, {"why": "inaccurate"}))
        self.assertEqual((status, answer["type"]), (422, "/problems/limit"))
        self.assertEqual(self.teller.tell(self.exchange, notice)[1]["first"], False)


class Takes(Receiver):
    """South's gateway as a partner that takes notices: answers with a receipt that is right but for `change`."""

    def __init__(self, world, digest):
        super().__init__(world, digest)
        self.notices, self.status, self.problem, self.exchange, self.spoil = [], 200, None, uuid7(), None
        self.final = False

    def answer(self, path, body):
        if not path.endswith("/notices"):
            return super().answer(path, body)
        text, doc = body.decode(), json.loads(body)
        self.notices.append((path, text, doc))
        if self.status != 200:
            problem = {"type": f"/problems/{self.problem}"} if self.problem else {}
            return self.status, problem | ({"receipt": self.receipt_of(path, doc)} if self.final else {})
        return 200, {"exchange": self.exchange, "kind": doc["kind"], "first": True, "audit_index": 0, "receipt": self.receipt_of(path, doc)}

    def receipt_of(self, path, doc):
        leaf = {"agreement": "pax", "agreement_digest": self.digest, "build": "lie", "exchange": self.exchange,
                "input": hashlib.sha256(base64.b64decode(doc["entry"])).hexdigest(), "note": f"{doc['kind']}: taken",
                "operation": "duty", "origin": path.split("/")[3], "outcome": "taken", "time": int(time.time() * 1000)}
        leaf.update(self.change)
        receipt = self.prove(leaf)
        return self.spoil(receipt) if self.spoil else receipt


class Sending(unittest.TestCase):
    """Rows are put into north's store as a duty or a person's decision would put them."""

    def setUp(self):
        self.world, self.digest = two_agencies(self)
        self.partner = Takes(self.world, self.digest)
        self.addCleanup(self.partner.close)
        self.north = self.world.north
        self.north.change(delivery={"first_retry_ms": 50, "longest_retry_ms": 100})
        self.north.start()
        _, answer = self.world.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
        self.exchange = answer["exchange"]
        wait_for(lambda: self.north.ask("outbox") == [])
        self.north.stop()

    def store(self):
        return sqlite3.connect(f"{self.north.folder}/store/gatewayd.db")

    def put(self, *kinds, made=0, body='{"reason":"made up"}'):
        with self.store() as db:
            seq, entry = db.execute("SELECT x.seq, t.entry FROM exchange x JOIN state t ON t.seq = x.seq WHERE x.origin IS NULL").fetchone()
            now = int(time.time() * 1000)
            for kind in kinds:
                db.execute("INSERT INTO notice (seq, kind, recipient, entry, body, made_ms, next_ms, attempts, last_error) "
                           "VALUES (?, ?, 'south', ?, ?, ?, ?, 0, '')", (seq, kind, entry, body, now - made, now))
        db.close()

    def rows(self, text):
        db = sqlite3.connect(f"file:{self.north.folder}/store/gatewayd.db?mode=ro", uri=True)
        try:
            return db.execute(text).fetchall()
        finally:
            db.close()

    def ended(self):
        return self.rows("SELECT kind, error, receipt FROM notice_end ORDER BY id")

    def audit(self, **members):
        return [e for e in self.north.entries() if all(e.get(k) == v for k, v in members.items())]

    def test_it_arrives_in_order_and_the_receipt_is_kept(self):
        self.put(2, 3, 2, 1)
        self.north.start()
        wait_for(lambda: len(self.ended()) == 4)
        self.assertEqual([d["kind"] for _, _, d in self.partner.notices], ["hold", "lift", "hold", "recall"])
        path, text, doc = self.partner.notices[0]
        self.assertEqual(path, f"/v1/exchanges/{self.exchange}/notices")
        self.assertIn('"body":{"reason":"made up"}', text)
        self.assertEqual((doc["agency"], doc["node"]), ("north", "gw1"))
        self.assertEqual(json.loads(base64.b64decode(doc["entry"]))["exchange"], self.exchange)
        self.assertTrue(doc["proof"].startswith("c2sp.org/tlog-proof@v1\nindex "))
        for _, error, receipt in self.ended():
            self.assertEqual(error, "")
            path = f"{self.world.folder}/receipt"
            write(path, receipt)
            vkey = read(f"{self.world.south.folder}/audit.vkey").strip()
            self.north.ctl("audit", "verify-receipt", "--key", vkey, path)
        status, _, body = self.world.client("north").request("GET", f"/v1/exchanges/{self.exchange}/notices")
        listed = json.loads(body)
        self.assertEqual((status, listed["taken"], [n["state"] for n in listed["sent"]]), (200, [], ["arrived"] * 4))
        self.assertEqual([n["receipt"] for n in listed["sent"]], [e[2] for e in self.ended()])
        self.assertEqual(self.north.ask("exchange", "show", self.exchange)["notices"], listed)
        arrived = wait_for(lambda: (a := self.audit(operation="delivery", note="notice: recall")) and a)
        theirs = next(l for l in self.ended()[3][2].split("\n") if l.startswith("extra "))[6:]
        self.assertEqual(arrived[0]["input"], hashlib.sha256(base64.b64decode(theirs)).hexdigest())
        self.assertEqual((arrived[0]["exchange"], arrived[0]["outcome"], arrived[0]["recipient"]), (self.exchange, "delivered", "south"))

    def test_a_receipt_for_something_else_counts_for_nothing(self):
        lies = ({"input": "0" * 64}, {"note": "lift: taken"}, {"note": "hold"}, {"agreement_digest": "0" * 64},
                {"origin": uuid7()})
        self.partner.change = lies[0]
        self.put(2)
        self.north.start()
        for lie in lies:
            self.partner.change, before = lie, len(self.partner.notices)
            wait_for(lambda: len(self.partner.notices) > before + 1)
            self.assertEqual(self.rows("SELECT last_error FROM notice"), [("receipt-invalid",)], lie)
        self.partner.change = {}
        for spoil in (lambda r: r[:-10] + ("A" if r[-10] != "A" else "B") + r[-9:], lambda r: "", lambda r: None):
            self.partner.spoil, before = spoil, len(self.partner.notices)
            wait_for(lambda: len(self.partner.notices) > before + 1)
            self.assertEqual(self.rows("SELECT last_error FROM notice"), [("receipt-invalid",)])
        self.partner.spoil = None
        wait_for(lambda: [e[1] for e in self.ended()] == [""])

    def test_refused_for_good_is_an_incident(self):
        self.partner.status, self.partner.problem, self.partner.final = 422, "notice-invalid", True
        self.partner.change = {"operation": "refusal", "final": True, "outcome": "refused", "note": "notice"}
        self.put(1)
        self.north.start()
        wait_for(self.ended)
        self.assertEqual(self.ended(), [(1, "notice-invalid", "")])
        sent = self.north.ask("exchange", "show", self.exchange)["notices"]["sent"][0]
        self.assertEqual((sent["state"], sent["error"], sent["kind"], sent["recipient"]), ("given up", "notice-invalid", "recall", "south"))
        self.assertNotIn("receipt", sent)
        self.assertEqual(len(self.partner.notices), 1)
        found = wait_for(lambda: (a := self.audit(operation="incident")) and a)
        self.assertEqual((found[0]["note"], found[0]["exchange"]), ("notice: recall: notice-invalid", self.exchange))

    def test_what_may_change_is_tried_again(self):
        self.put(1)
        self.north.start()
        for status in (400, 403, 404, 408, 409, 413, 422, 425, 429, 500, 501, 503):
            self.partner.status, before = status, len(self.partner.notices)
            wait_for(lambda: len(self.partner.notices) > before + 1)
            self.assertEqual(self.ended(), [], status)
        self.partner.status = 200
        wait_for(lambda: [e[1] for e in self.ended()] == [""])

    def test_the_partner_is_down_then_up(self):
        self.partner.close()
        self.put(1)
        self.north.start()
        waiting = wait_for(lambda: (n := self.north.ask("notices")) and n[0]["attempts"] >= 2 and n)
        self.assertEqual([(n["exchange"], n["kind"], n["recipient"], n["last_error"]) for n in waiting],
                         [(self.exchange, "recall", "south", "unreachable")])
        sent = self.north.ask("exchange", "show", self.exchange)["notices"]["sent"][0]
        self.assertEqual((sent["state"], sent["error"]), ("waiting", "unreachable"))
        self.assertEqual(self.north.ask("status")["store"]["notices"], 1)
        self.assertIn("gatewayd_notices 1\n", self.north.get_monitor("/metrics")[1])
        self.assertIn("unreachable", self.north.ctl("notices")[1])
        self.assertEqual(self.north.ask("outbox", "retry", self.exchange)["changed"], 1)
        self.assertEqual(self.north.ask("outbox", "expire", self.exchange, ok=False)["changed"], 0)
        self.north.stop()
        self.north.start()
        before = self.partner
        self.partner = Takes(self.world, self.digest)
        self.partner.leaves = before.leaves
        self.addCleanup(self.partner.close)
        wait_for(lambda: [e[1] for e in self.ended()] == [""])

    def test_a_forked_log_proves_nothing(self):
        self.put(1)
        self.partner.leaves[:] = [b"another history"] * (len(self.partner.leaves) - 1)
        self.north.start()
        wait_for(lambda: self.rows("SELECT last_error FROM notice") == [("receipt-invalid",)])
        self.assertEqual(self.ended(), [])
        self.assertIn("forked", wait_for(lambda: self.audit(operation="incident"))[0]["note"])

    def test_it_is_given_up_after_28_days(self):
        self.partner.status = 503
        self.put(1, made=28 * DAY - 30000)
        self.put(3, made=28 * DAY)
        self.north.start()
        wait_for(lambda: len(self.partner.notices) > 2)
        self.assertEqual(self.ended(), [])
        self.north.stop()
        with self.store() as db:
            db.execute("UPDATE notice SET made_ms = made_ms - 30000")
        db.close()
        self.north.start()
        wait_for(lambda: len(self.ended()) == 2)
        self.assertEqual([e[1] for e in self.ended()], ["refused", "refused"])
        self.assertEqual(len(wait_for(lambda: (a := self.audit(operation="incident")) and len(a) == 2 and a)), 2)
        items = [i for i in self.world.client("north").inbox()["items"] if i["kind"] == "notice-failed"]
        self.assertEqual(sorted(i["notice"] for i in items), ["lift", "recall"])
        self.assertEqual({(i["exchange"], i["recipient"], i["agreement"], i["reason"]) for i in items},
                         {(self.exchange, "south", "pax", "refused")})

    def test_a_payload_that_is_gone_is_not_returned(self):
        self.put(4)
        self.north.start()
        wait_for(self.ended)
        self.assertEqual(self.ended(), [(4, "not-found", "")])
        self.assertEqual(self.partner.notices, [])
