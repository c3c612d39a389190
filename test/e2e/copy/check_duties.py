"""The recipient's copy until its end: duties in the inbox, receipts in both logs, silence, return, recall, correction,
and what was passed on. Terms are minutes of a clock that is moved on."""

import base64
import json
import os
import signal
import sqlite3
import time
import unittest

import agreements
import compact
from proxy import Proxy
from world import ROOT, World, read, wait_for, write

ELSEWHERE = {"due": "P1M", "longest_delay": "P1Y", "rejustify_every": "P3M", "by": "elsewhere"}


def agreement(retention, name="pax", **more):
    digest = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
    kept = {"payload": "P1D", "copy": "P1Y", "at_end": "erase", **retention}
    return agreements.passenger(name, digest=digest, retention=kept, **{"notification": ELSEWHERE, **more})


def kept(node):
    """Every byte of the node's folder."""
    found = b""
    for root, _, files in os.walk(node.folder):
        for name in files:
            try:
                with open(f"{root}/{name}", "rb") as f:
                    found += f.read()
            except OSError:     # a socket
                continue
    return found


def told_at_home(node, name):
    """Values of the log's disclosures of that name."""
    db = sqlite3.connect(f"file:{node.folder}/store/gatewayd.db?mode=ro", uri=True)
    try:
        return [value for row in compact.disclosures(db) for _, n, value in row if n == name]
    finally:
        db.close()


def notes(node, operation):
    return [e.get("note") for e in node.entries() if e["operation"] == operation]


class Pair(unittest.TestCase):
    """North provides, south receives."""
    RETENTION, MORE = {}, {}

    @classmethod
    def setUpClass(cls):
        cls.world = w = World(moved_clock=True)
        cls.addClassCleanup(w.close)
        w.agreement(agreement(cls.RETENTION, **cls.MORE))
        w.start()
        cls.north, cls.south = w.client("north"), w.client("south")

    def pass_minutes(self, minutes):
        """Time passes, and each gateway has seen what is due; connections that were idle so long are not kept."""
        self.world.clock.move(60 * minutes)
        for n in self.world.nodes:
            n.ctl("retention", "run", ok=False)
        self.north.close()
        self.south.close()

    def post(self, n=1, **more):
        status, answer = self.north.post("pax", agreements.envelope(agreements.passenger_record(n), **more))
        self.assertEqual(status, 201, answer)
        return answer["exchange"]

    def item(self, kind, after=0, client=None):
        """The next inbox item of that kind behind `after`."""
        def look():
            return next((i for i in (client or self.south).inbox(after)["items"] if i["kind"] == kind), None)
        look.__doc__ = f"an item of kind {kind}"
        return wait_for(look)

    def answer(self, item, body="", client=None):
        status, _, text = (client or self.south).request("POST", f"/v1/inbox/{item['id']}/ack", body)
        return status, json.loads(text)

    def done(self, item, body="", client=None):
        status, answer = self.answer(item, body, client)
        self.assertEqual((status, answer.get("first")), (200, True), answer)
        return answer

    def told(self, exchange, client=None):
        status, _, body = (client or self.north).request("GET", f"/v1/exchanges/{exchange}")
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def deliver(self, n=1, reference="R-1", **more):
        """A record that south's system has stored: north's exchange id and the item."""
        exchange = self.post(n, **more)
        item = self.item("correction" if "corrects" in more else "record")
        self.done(item, {"reference": reference})
        wait_for(lambda: self.told(exchange)["state"] == "delivered")
        return exchange, item


class Chain(Pair):
    RETENTION = {"copy": "PT7M", "mask": "PT2M", "review": "PT4M", "receipt_within": "PT60M"}

    def receipt_came(self, exchange, duty):
        """Before the clock moves on: what is due then would take the duty's place."""
        wait_for(lambda: [d["state"] for d in self.told(exchange)["duties"] if d["duty"] == duty] == ["done"])

    def test_mask_review_erase(self):
        exchange, record = self.deliver()
        self.pass_minutes(2)
        mask = self.item("mask")
        self.assertEqual((mask["exchange"], mask["own_reference"], mask["escalated"]), (record["exchange"], "R-1", 0))
        self.assertIn("/travellers/*/family", mask["pointers"])
        self.assertNotIn("/payment/amount", mask["pointers"])
        for body in ({"result": "erased"}, {"result": "kept"}, {"reference": "R-2"}, {"result": "masked", "colour": 1},
                     {"result": "returned"}, ""):
            status, answer = self.answer(mask, body)
            self.assertEqual((status, answer["type"]), (422, "/problems/duty-answer-invalid"), body)
        self.assertEqual(self.answer(mask, "{")[0], 400)
        self.done(mask, {"result": "masked"})
        self.assertEqual(self.answer(mask, {"result": "masked"})[1]["first"], False)
        self.receipt_came(exchange, "mask")
        self.pass_minutes(2)
        review = self.item("review")
        self.assertEqual(self.answer(review, {"result": "kept"})[0], 422)       # for which reason?
        self.done(review, {"result": "kept", "reason": "the made-up case is still open"})
        self.receipt_came(exchange, "review")
        self.assertEqual(told_at_home(self.world.south, "reason"), ["the made-up case is still open"])
        self.assertNotIn(b"case is still open", kept(self.world.north))
        self.assertNotIn(base64.b64encode(b"the made-up case is still open")[:20], kept(self.world.north))
        self.pass_minutes(1)
        self.world.south.ctl("retention", "run")
        self.assertEqual([i for i in self.south.inbox()["items"] if i["kind"] == "erase"], [])
        self.pass_minutes(2)
        erase = self.item("erase")
        self.done(erase, {"result": "erased"})
        story = wait_for(lambda: (s := self.told(exchange))["state"] == "ended" and s)
        self.assertEqual([(d["duty"], d["state"], d["result"]) for d in story["duties"]],
                         [("mask", "done", "masked"), ("review", "done", "kept"), ("erase", "done", "erased")])
        self.assertEqual(self.told(record["exchange"], self.south)["state"], "ended")
        for n in self.world.nodes:
            entries = [(e.get("outcome"), e.get("note")) for e in n.entries() if e["operation"] == "duty"]
            for kind, result in (("mask", "masked"), ("review", "kept"), ("erase", "erased")):
                self.assertIn(("due", f"{kind} is due"), entries)
                self.assertTrue(any(o == result or "receipt" in (note or "") for o, note in entries), entries)
            self.assertEqual(n.ask("status")["store"]["timers"], 0)
            self.assertNotIn("made-up case", json.dumps(n.entries()))
            self.assertEqual(n.ctl("audit", "verify")[0], 0)

    def test_duties_of_what_was_never_fetched(self):
        """What nobody fetched by its end is erased, and its provider counts on no copy."""
        exchange = self.post(9)
        mine = self.item("record")["exchange"]
        wait_for(lambda: self.world.north.ask("outbox") == [])
        self.pass_minutes(7)
        wait_for(lambda: self.told(exchange)["state"] == "erased", 40)
        self.assertEqual(self.told(mine, self.south)["state"], "erased")
        self.assertEqual(self.told(exchange)["duties"] and [d["state"] for d in self.told(exchange)["duties"] if d["state"] == "open"], [])


class Return(Pair):
    RETENTION = {"copy": "PT2M", "at_end": "return"}

    def test_back_to_its_provider(self):
        exchange, record = self.deliver()
        self.pass_minutes(2)
        back = self.item("return")
        changed = {**record["record"], "reserved_on": "1999-01-01"}
        for body in ({"result": "returned", "record": changed, "salt": record["salt"]},
                     {"result": "returned", "record": record["record"], "salt": "00" * 16},
                     {"result": "returned", "record": record["record"], "salt": "zz"},
                     {"result": "returned", "record": record["record"]}, {"result": "erased"}):
            status, answer = self.answer(back, json.dumps(body, separators=(",", ":"), ensure_ascii=False))
            self.assertEqual((status, answer["type"]), (422, "/problems/duty-answer-invalid"), body)
        body = {"result": "returned", "record": record["record"], "salt": record["salt"]}
        self.done(back, json.dumps(body, separators=(",", ":"), ensure_ascii=False))
        item = self.item("returned", client=self.north)
        self.assertEqual((item["exchange"], item["record"]), (exchange, record["record"]))
        self.assertEqual(self.told(exchange)["state"], "returned")
        wait_for(lambda: self.world.south.ask("status")["store"]["payloads"] == 0)
        self.done(item, client=self.north)
        self.assertEqual(self.told(exchange)["state"], "ended")
        for n in self.world.nodes:
            self.assertEqual(n.ask("status")["store"]["payloads"], 0)
            self.assertEqual(n.ask("status")["store"]["timers"], 0)


class Silence(Pair):
    RETENTION = {"copy": "P1Y", "review": "PT2M", "receipt_within": "PT2M"}

    def test_on_a_review_means_erase(self):
        exchange, record = self.deliver()
        self.pass_minutes(2)
        review = self.item("review")
        self.pass_minutes(2)
        erase = self.item("erase", review["id"])
        self.assertEqual(self.answer(review, {"result": "kept", "reason": "too late"})[0], 404)
        self.pass_minutes(2)
        again = self.item("erase", erase["id"])         # called for again
        self.assertEqual((again["exchange"], again["escalated"]), (record["exchange"], 1))
        self.done(again, {"result": "erased"})
        wait_for(lambda: self.told(exchange)["state"] == "ended")
        self.assertEqual(notes(self.world.south, "incident"), ["review receipt is overdue", "erase receipt is overdue"])


class Notify(Pair):
    RETENTION = {}
    MORE = {"notification": {"due": "PT1M", "longest_delay": "PT30M", "rejustify_every": "PT3M", "grounds": ["secrecy"]}}

    def test_the_subject_is_told_at_last(self):
        exchange, record = self.deliver()
        self.pass_minutes(1)
        notify = self.item("notify")

        def until(minutes):
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.world.clock.time() + 60 * minutes))
        for body in ({"result": "delayed"}, {"result": "delayed", "ground": "secrecy"},
                     {"result": "delayed", "ground": "secrecy", "until": "soon"},
                     {"result": "delayed", "ground": "secrecy", "until": until(3600)},
                     {"result": "delayed", "ground": "secrecy", "until": until(-60)}):
            self.assertEqual(self.answer(notify, body)[0], 422, body)
        self.done(notify, {"result": "delayed", "ground": "secrecy", "until": until(20)})
        self.pass_minutes(3)
        again = self.item("notify", notify["id"])       # to be justified anew long before that
        self.done(again, {"result": "notified"})
        wait_for(lambda: [d["result"] for d in self.told(exchange)["duties"] if d["state"] == "done"][-1:] == ["notified"])


class Recall(Pair):
    def recall(self, exchange, client=None, why="sent-in-error"):
        status, _, body = (client or self.north).request("POST", f"/v1/exchanges/{exchange}/recall", {"why": why})
        return status, json.loads(body)

    def test_what_was_fetched(self):
        exchange, record = self.deliver(1, "R-7")
        self.assertEqual(self.recall(exchange)[1]["first"], True)
        duty = self.item("recall")
        self.assertEqual((duty["exchange"], duty["own_reference"], duty["why"]), (record["exchange"], "R-7", "sent-in-error"))
        again = self.recall(exchange)[1]
        self.assertEqual((again["first"], again["state"]), (False, "recalled"))
        self.done(duty, {"result": "erased"})
        story = wait_for(lambda: (s := self.told(exchange))["state"] == "ended" and s)
        self.assertEqual([(d["duty"], d["state"]) for d in story["duties"]], [("recall", "done")])

    def test_words_stay_at_home(self):
        """Of a recall the partner and its system get one code; why it was chosen stands in the log of who recalls."""
        words = "Erika Muster of Beispielgasse 7 was not the one who was meant"
        exchange, record = self.deliver(11)
        status, _, body = self.north.request("POST", f"/v1/exchanges/{exchange}/recall", {"why": words})
        answer = json.loads(body)
        self.assertEqual((status, answer["type"]), (422, "/problems/recall-code"), answer)
        self.assertIn("inaccurate, incomplete, unlawful", answer["errors"][0]["keyword"])
        status, _, body = self.north.request("POST", f"/v1/exchanges/{exchange}/recall", {"why": "inaccurate", "words": words})
        self.assertEqual((status, json.loads(body)["first"]), (200, True), body)
        duty = self.item("recall")
        self.assertEqual((duty["exchange"], duty["why"]), (record["exchange"], "inaccurate"))
        listed = json.dumps(self.south.inbox())
        self.done(duty, {"result": "erased"})
        wait_for(lambda: self.told(exchange)["state"] == "ended")
        self.assertEqual(told_at_home(self.world.north, "words"), [words])
        self.assertIn("recall asked for: inaccurate", notes(self.world.north, "decision"))
        self.world.south.entries()
        for text in (listed.encode(), kept(self.world.south)):
            for form in (words.encode(), base64.b64encode(json.dumps(words).encode()[3:])[:24], b"Erika", b"Beispielgasse"):
                self.assertNotIn(form, text)

    def test_what_waits_in_the_inbox(self):
        exchange = self.post(2)
        record = self.item("record")
        self.recall(exchange)
        duty = self.item("recall")
        self.assertEqual([i for i in self.south.inbox()["items"] if i["kind"] == "record"], [])
        self.assertEqual(self.answer(record)[0], 404)
        self.assertEqual(self.south.request("GET", f"/v1/exchanges/{record['exchange']}/record")[0], 404)
        self.done(duty, {"result": "not-found"})
        wait_for(lambda: self.told(exchange)["state"] == "ended")

    def test_what_has_not_left(self):
        """Behind others that a silent partner has not taken: no attempt was made. What was tried may have arrived."""
        self.world.south.stop()
        tried = [self.post(n) for n in range(30, 34)]
        wait_for(lambda: all(d["attempts"] for d in self.world.north.ask("outbox")))
        exchange = self.post(3)
        self.assertEqual(self.recall(exchange)[1]["state"], "ended")
        for one in tried:
            self.assertEqual(self.recall(one)[1]["state"], "recalled")
        self.assertEqual(self.world.north.ask("outbox"), [])
        self.assertEqual(self.world.north.ask("status")["store"]["payloads"], 0)
        self.world.south.start()
        self.south.close()
        for one in tried:
            wait_for(lambda x=one: self.told(x)["state"] == "ended")

    def test_of_another_party(self):
        exchange, record = self.deliver(4)
        self.assertEqual(self.recall(record["exchange"], self.south)[0], 404)
        self.assertEqual(self.recall("01890000-0000-7000-8000-000000000000")[0], 404)
        self.assertEqual(self.told(exchange)["state"], "delivered")
        refused = [e for e in self.world.south.entries() if e.get("note") == "recall asked for: sent-in-error"]
        self.assertEqual([(e["operation"], e["outcome"]) for e in refused], [("refusal", "refused")])
        for body in ("", "{}", '{"why":""}', '{"why":"unlawful","more":1}', '{"why":7}', '{"why":"unlawful","words":""}',
                     '{"why":"unlawful","words":7}'):
            self.assertEqual(self.north.request("POST", f"/v1/exchanges/{exchange}/recall", body)[0], 400, body)


class LostAnswers(Pair):
    """North reaches south through a proxy that can lose answers, or everything."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        cls.proxy = Proxy(w.south.port)
        cls.addClassCleanup(cls.proxy.close)
        path = f"{w.north.folder}/partners/{w.south.describe()['id']}.json"
        doc = json.loads(read(path))
        doc["endpoint"]["port"] = cls.proxy.port
        write(path, json.dumps(doc))
        w.north.ctl("reload")

    def recall(self, exchange):
        status, _, body = self.north.request("POST", f"/v1/exchanges/{exchange}/recall", {"why": "sent-in-error"})
        self.assertEqual(status, 200)
        return json.loads(body)

    def attempts(self, n):
        wait_for(lambda: [d["attempts"] for d in self.world.north.ask("outbox")] and
                 self.world.north.ask("outbox")[0]["attempts"] >= n)

    def test_what_arrived_unknown_to_its_sender(self):
        self.proxy.lose = "answers"
        exchange = self.post(1)
        record = self.item("record")
        self.attempts(1)
        self.assertEqual(self.told(exchange)["state"], "queued")
        self.assertEqual(self.recall(exchange)["state"], "recalled")
        self.proxy.lose = None
        duty = self.item("recall")
        self.assertEqual(duty["exchange"], record["exchange"])
        self.done(duty, {"result": "not-found"})
        wait_for(lambda: self.told(exchange)["state"] == "ended")

    def test_what_never_arrived(self):
        self.proxy.lose = "all"
        exchange = self.post(2)
        self.attempts(1)
        self.assertEqual(self.recall(exchange)["state"], "recalled")
        self.proxy.lose = None
        wait_for(lambda: self.told(exchange)["state"] == "ended")
        self.assertEqual([(d["duty"], d["state"], d["result"]) for d in self.told(exchange)["duties"]],
                         [("recall", "done", "not-found")])

    def test_recalled_while_it_is_under_way(self):
        self.proxy.lose = "hang"
        exchange = self.post(3)
        record = self.item("record")
        self.assertEqual(self.recall(exchange)["state"], "recalled")
        self.proxy.lose = None
        self.proxy.let_go()
        duty = self.item("recall")
        self.assertEqual(duty["exchange"], record["exchange"])
        self.done(duty, {"result": "erased"})
        wait_for(lambda: self.told(exchange)["state"] == "ended" and self.told(exchange)["duties"])

    def test_recalled_while_it_is_under_way_and_the_sender_dies(self):
        """Nobody is left who could see the answer; nor after a start that is quicker than its first attempt."""
        for number, die_first in ((4, False), (5, True)):
            with self.subTest(die_first=die_first):
                self.proxy.lose = "hang"
                exchange = self.post(number)
                record = self.item("record")
                if not die_first:
                    self.assertEqual(self.recall(exchange)["state"], "recalled")
                self.world.north.stop(signal.SIGKILL)
                self.world.north.start()
                self.north.close()
                if die_first:
                    self.assertEqual(self.recall(exchange)["state"], "recalled")
                self.proxy.lose = None
                self.proxy.held = []
                duty = self.item("recall")
                self.assertEqual(duty["exchange"], record["exchange"])
                self.assertEqual(self.answer(record)[0], 404)
                self.done(duty, {"result": "not-found"})
                wait_for(lambda: self.told(exchange)["state"] == "ended")


class Correction(Pair):
    MORE = {"onward": {"allowed": "listed", "to": ["north"]}}

    def test_replaces_and_says_which_version(self):
        first, record = self.deliver(1)
        second = self.post(2, corrects=first)
        item = self.item("correction")
        self.assertEqual((item["corrects"], item["version"]), (record["exchange"], 2))
        self.assertEqual(self.told(first)["state"], "delivered")
        self.done(item, {"reference": "R-1"})
        old = wait_for(lambda: (s := self.told(first))["state"] == "corrected" and s)
        self.assertEqual((old["version"], old["corrected_by"]), (1, second))
        new = wait_for(lambda: (s := self.told(second))["state"] == "delivered" and s)
        self.assertEqual((new["version"], new["corrects"]), (2, first))
        self.assertEqual([(d["duty"], d["state"], d["result"]) for d in new["duties"]], [("correction", "done", "corrected")])
        for n in self.world.nodes:
            self.assertIn("replaced by a correction", notes(n, "alteration"))
        # The end is that of the first version.
        def end(node, exchange):
            with sqlite3.connect(f"file:{node.folder}/store/gatewayd.db?mode=ro", uri=True) as db:
                return db.execute("SELECT t.base_ms FROM timer t JOIN exchange x ON x.seq = t.seq WHERE x.id = ?",
                                  (bytes.fromhex(exchange.replace("-", "")),)).fetchone()
        self.assertLess(end(self.world.north, second)[0], time.time() * 1000 - 1)
        # Only the newest can be corrected.
        status, answer = self.north.post("pax", agreements.envelope(agreements.passenger_record(3), corrects=first))
        self.assertEqual((status, answer["type"]), (422, "/problems/correction-invalid"))

    def test_of_another_party(self):
        exchange, record = self.deliver(5)
        status, answer = self.south.post("pax", agreements.envelope(agreements.passenger_record(6), corrects=record["exchange"]))
        self.assertEqual((status, answer["type"]), (422, "/problems/correction-invalid"))
        status, answer = self.north.post("pax", agreements.envelope(agreements.passenger_record(6),
                                                                    corrects="01890000-0000-7000-8000-000000000000"))
        self.assertEqual((status, answer["type"]), (422, "/problems/correction-invalid"))

    def test_walks_on_to_who_got_it_onward(self):
        exchange, record = self.deliver(7)
        status, answer = self.south.post("pax", agreements.envelope(agreements.passenger_record(8), onward_of=record["exchange"]))
        self.assertEqual(status, 201, answer)
        onward = answer["exchange"]
        passed = self.item("record", client=self.north)
        self.done(passed, client=self.north)
        status, _, _ = self.north.request("POST", f"/v1/exchanges/{exchange}/recall", {"why": "inaccurate"})
        self.assertEqual(status, 200)
        self.done(self.item("recall"), {"result": "erased"})
        further = self.item("recall", client=self.north)
        self.assertEqual(further["exchange"], passed["exchange"])
        time.sleep(0.5)
        self.assertEqual([d["state"] for d in self.told(exchange)["duties"]], ["open"])    # not done before all are
        self.done(further, {"result": "erased"}, self.north)
        wait_for(lambda: [d["state"] for d in self.told(exchange)["duties"]] == ["done"])
        self.assertEqual(self.told(onward, self.south)["state"], "ended")

    def test_onward_is_bounded(self):
        exchange, record = self.deliver(9)
        for cited in ("01890000-0000-7000-8000-000000000000", self.told(exchange)["exchange"]):
            status, answer = self.south.post("pax", agreements.envelope(agreements.passenger_record(8), onward_of=cited))
            self.assertEqual((status, answer["type"]), (403, "/problems/onward-denied"))


class NeverOnward(Pair):
    def test_without_a_clause(self):
        _, record = self.deliver(1)
        status, answer = self.south.post("pax", agreements.envelope(agreements.passenger_record(8), onward_of=record["exchange"]))
        self.assertEqual((status, answer["type"]), (403, "/problems/onward-denied"))


class Overdue(Pair):
    RETENTION = {"copy": "P1Y", "mask": "PT1M", "receipt_within": "PT5M", "overdue": "block"}

    def test_an_overdue_receipt_stops_new_records(self):
        exchange, _ = self.deliver(1)
        self.pass_minutes(1)
        mask = self.item("mask")
        wait_for(lambda: self.told(exchange)["duties"])
        north = self.world.north
        north.stop()
        with sqlite3.connect(f"{north.folder}/store/gatewayd.db") as db:
            past = int(time.time() * 1000) - 1
            db.execute("UPDATE duty SET due_ms = ?", (past,))
            db.execute("UPDATE timer SET due_ms = ?, receipt_ms = ?", (past, past))
        db.close()
        north.start()
        self.north.close()
        self.assertEqual([d["state"] for d in self.told(exchange)["duties"]], ["overdue"])
        status, answer = self.north.post("pax", agreements.envelope(agreements.passenger_record(2)))
        self.assertEqual((status, answer["type"]), (403, "/problems/receipt-overdue"))
        self.assertIn("mask receipt is overdue", notes(north, "incident"))
        (shown,) = north.ask("retention", "overdue")
        self.assertEqual((shown["exchange"], shown["duty"], shown["recipient"], shown["blocks"]), (exchange, "mask", "south", True))
        waiting = self.item("mask")     # perhaps called for again meanwhile
        self.assertGreaterEqual(waiting["id"], mask["id"])
        self.done(waiting, {"result": "masked"})
        wait_for(lambda: self.told(exchange)["duties"][0]["state"] == "done")
        # The answer to the receipt comes after the commit that all can see.
        wait_for(lambda: self.north.post("pax", agreements.envelope(agreements.passenger_record(3)))[0] == 201)
        self.assertEqual(north.ask("retention", "overdue"), [])
