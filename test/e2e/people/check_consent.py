"""A consent that is withdrawn after its record was released: what is queued, waits, was collected or went on, over restarts,
at two gateways and at one; lists of given consents; and who spells, replays, or forges."""

import hashlib
import json
import os
import signal

import agreements
from check_documents import Documents, consented, digest_of, on_consent, withdrawals
from check_notice import Teller, passing_record
from check_sender import uuid7
from proxy import between
from world import Client, read, wait_for, write

WHY = "consent-withdrawn"
LISTED = {"onward": {"allowed": "listed", "to": ["north"]}}


def consents(number, *references, **more):
    doc = {**withdrawals(number, *references, **more), "document": "consents"}
    doc["given"] = doc.pop("withdrawn")
    return doc


def told(salt, reference):
    """What the leaf has of a consent; `salt`: the record's, hex."""
    return hashlib.sha256(b"consent" + bytes.fromhex(salt) + bytes.fromhex(digest_of(reference))).hexdigest()


class Withdrawn(Documents):
    def start(self, doc=None, lists=(1, "ref-0"), **options):
        w = self.begin(doc or on_consent(), start=False, **options)
        for n in w.nodes:
            self.put(n, withdrawals(*lists))
        w.start()
        self.north, self.south = w.client("north"), w.client("south")
        return w

    def withdraw(self, number, *references, nodes=None):
        for n in nodes or [self.world.north]:
            self.take(n, withdrawals(number, *references))

    def story(self, exchange, client=None):
        status, _, body = (client or self.north).request("GET", f"/v1/exchanges/{exchange}")
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def becomes(self, exchange, state, client=None):
        return wait_for(lambda: (s := self.story(exchange, client))["state"] == state and s)

    def item(self, kind, client=None):
        return wait_for(lambda: next((i for i in (client or self.south).inbox()["items"] if i["kind"] == kind), None))

    def answer(self, item, body, client=None):
        status, _, text = (client or self.south).request("POST", f"/v1/inbox/{item['id']}/ack", body)
        return status, json.loads(text)

    def collected(self, envelope):
        """A record that south's system has stored: north's id, the item."""
        exchange = self.passes(envelope)
        item = self.item("record")
        self.assertEqual(self.answer(item, {"reference": "R-1"})[0], 200)
        self.becomes(exchange, "delivered")
        return exchange, item

    def entries(self, node, exchange):
        return [(e["operation"], e.get("outcome"), e.get("note")) for e in node.entries() if exchange in (e.get("exchange"), e.get("origin"))]


class AtTwoGateways(Withdrawn):
    def test_what_waits_in_the_inbox(self):
        w = self.start()
        exchange = self.passes(consented(1, "ref-1"))
        waiting = self.item("record")
        self.becomes(exchange, "delivered")
        self.withdraw(2, "ref-0", "ref-1")
        duty = self.item("recall")
        self.assertEqual((duty["exchange"], duty["why"]), (waiting["exchange"], WHY))
        self.assertEqual([i["kind"] for i in self.south.inbox()["items"]], ["recall"])
        self.assertEqual(self.answer(waiting, {})[0], 404)
        self.assertEqual(self.south.request("GET", f"/v1/exchanges/{waiting['exchange']}/record")[0], 404)
        self.assertEqual(w.south.ask("status")["store"]["payloads"], 0)
        self.assertEqual([d["state"] for d in self.story(exchange)["duties"]], ["open"])
        self.answer(duty, {"result": "not-found"})
        self.assertEqual([(d["duty"], d["state"], d["result"]) for d in self.becomes(exchange, "ended")["duties"]],
                         [("recall", "done", "not-found")])
        self.assertIn(("decision", "recalled", "consent withdrawn"), self.entries(w.north, exchange))
        self.assertIn(("duty", "recalled", "recall: consent withdrawn"), self.entries(w.north, exchange))
        self.assertIn(("duty", "taken", "recall: taken"), self.entries(w.south, exchange))
        self.assertIn(("duty", "due", "recall is due"), self.entries(w.south, exchange))
        for n in w.nodes:
            n.ctl("audit", "verify", f"{n.folder}/store/gatewayd.db")

    def test_what_is_kept_after_the_delivery(self):
        w = self.start({**on_consent(), "delivery": {"keep": "P2D"}})
        exchange = self.passes(consented(1, "ref-1"))
        self.becomes(exchange, "delivered")
        self.assertEqual(w.north.ask("status")["store"]["payloads"], 1)
        self.withdraw(2, "ref-0", "ref-1")
        self.becomes(exchange, "recalled")
        self.assertEqual(w.north.ask("status")["store"]["payloads"], 0)
        self.assertIn("not-delivered", w.north.ctl("outbox", "again", exchange, ok=False)[1])

    def test_what_was_under_way_when_the_sender_died(self):
        """It arrived, and no process of the sender saw that; the withdrawal comes into force by the next start."""
        w = self.start()
        proxy = between(w.north, w.south)
        self.addCleanup(proxy.close)
        w.north.stop()
        w.north.start()
        proxy.lose = "hang"
        exchange = self.passes(consented(1, "ref-1"))
        self.item("record")
        w.north.stop(signal.SIGKILL)
        proxy.lose, proxy.held = None, []
        self.put(w.north, withdrawals(2, "ref-1"))
        w.north.start()
        self.north.close()
        self.item("recall")
        self.becomes(exchange, "recalled")

    def test_what_was_collected(self):
        w = self.start()
        exchange, record = self.collected(consented(1, "ref-1"))
        other, _ = self.collected(consented(2, "ref-2"))
        law, _ = self.collected(agreements.envelope(agreements.passenger_record(3)))
        self.withdraw(2, "ref-0", "ref-1", {"reference": digest_of("ref-2"), "purposes": ["aid"]})
        duty = self.item("recall")
        self.assertEqual((duty["exchange"], duty["own_reference"], duty["why"]), (record["exchange"], "R-1", WHY))
        self.assertEqual(self.story(exchange)["state"], "recalled")
        self.assertEqual(self.answer(duty, {"result": "erased"})[0], 200)
        self.assertEqual([(d["duty"], d["state"], d["result"]) for d in self.becomes(exchange, "ended")["duties"]],
                         [("recall", "done", "erased")])
        # What rests on another consent, on this one for another purpose, or on law is as it was.
        self.assertEqual([self.story(x)["state"] for x in (other, law)], ["delivered", "delivered"])
        self.assertEqual(self.south.inbox()["items"], [])

    def test_what_is_queued(self):
        w = self.start()
        w.south.stop()
        exchange = self.passes(consented(1, "ref-1"))
        self.passes(consented(2, "ref-2"))
        self.withdraw(2, "ref-1")
        wait_for(lambda: self.story(exchange)["state"] != "queued")
        w.south.start()
        self.south.close()
        record = self.item("record")
        wait_for(lambda: self.story(exchange)["state"] in ("failed", "ended"))
        wait_for(lambda: w.north.ask("outbox") == [])
        self.assertEqual([i["id"] for i in self.south.inbox()["items"]], [record["id"]])
        self.assertEqual(w.north.ask("status")["store"]["payloads"], 0)
        self.assertNotIn(exchange, json.dumps(w.south.ask("exchange", "list")))

    def test_a_restart_in_between(self):
        w = self.start()
        waits, (kept, _) = self.passes(consented(1, "ref-1")), self.collected(consented(2, "ref-2"))
        del waits
        w.north.stop()
        self.put(w.north, withdrawals(2, "ref-1", "ref-2"))
        w.north.start()
        self.north.close()
        self.assertEqual(self.story(kept)["state"], "recalled")         # before it serves
        # Killed right after the reload that takes a list.
        third, _ = self.collected(consented(3, "ref-3"))
        self.withdraw(3, "ref-1", "ref-2", "ref-3")
        w.north.stop(signal.SIGKILL)
        w.south.stop(signal.SIGKILL)
        for n in w.nodes:
            n.start()
        self.north.close(), self.south.close()
        self.becomes(third, "recalled")
        duties = wait_for(lambda: (i := [x for x in self.south.inbox()["items"] if x["kind"] == "recall"]) and len(i) == 3 and i)
        for duty in duties:
            self.answer(duty, {"result": "erased"})
        self.becomes(third, "ended")
        w.north.stop()
        w.north.start()
        self.north.close()
        notes = [e.get("note") for e in w.north.entries() if e.get("note") == "recall: consent withdrawn"]
        self.assertEqual(len(notes), 3)                                  # each told once
        self.assertEqual(self.story(kept)["state"], "ended")

    def test_what_went_on(self):
        w = self.start(on_consent(**LISTED))
        exchange, record = self.collected(consented(1, "ref-1"))
        status, answer = self.south.post("pax", agreements.envelope(agreements.passenger_record(2), onward_of=record["exchange"]), key="on")
        self.assertEqual(status, 201, answer)
        passed = self.item("record", self.north)
        self.answer(passed, {}, self.north)
        self.withdraw(2, "ref-1")
        self.answer(self.item("recall"), {"result": "erased"})
        further = self.item("recall", self.north)
        self.assertEqual((further["exchange"], further["why"]), (passed["exchange"], WHY))
        self.answer(further, {"result": "erased"}, self.north)
        self.becomes(exchange, "ended")
        status, answer = self.south.post("pax", agreements.envelope(agreements.passenger_record(2), onward_of=record["exchange"]), key="late")
        self.assertEqual((status, answer["type"]), (403, "/problems/onward-denied"))
        self.assertEqual(w.north.ask("retention", "overdue"), [])

    def test_the_recipients_own_list(self):
        """A provider that takes no list keeps nobody's copy: the recipient's gateway knows the consent by its digest."""
        w = self.start()
        exchange, record = self.collected(consented(1, "ref-1"))
        waits = self.passes(consented(2, "ref-1"))
        self.item("record")
        self.withdraw(2, "ref-1", nodes=[w.south])
        for i in self.south.inbox()["items"]:
            self.assertNotIn("record", i)
            self.assertEqual(i.get("withheld"), "consent-withdrawn" if i["kind"] == "record" else None)
        duties = wait_for(lambda: (i := self.south.inbox()["items"]) and [x["kind"] for x in i] == ["recall"] * 2 and i)
        self.assertIn(record["exchange"], [d["exchange"] for d in duties])
        for duty in duties:
            self.answer(duty, {"result": "erased"})
        self.becomes(exchange, "ended")
        # The provider's own comes later, and finds nothing left to do.
        self.becomes(waits, "ended")
        self.withdraw(2, "ref-1")
        self.assertEqual(self.south.inbox()["items"], [])
        self.assertNotIn(("decision", "recalled", "consent withdrawn"), self.entries(w.north, exchange))

    def test_no_text_of_it_leaves(self):
        w = self.start()
        exchange, record = self.collected(consented(1, "a-reference-of-a-person"))
        leaf = w.north.ask("exchange", "show", exchange)["entry"]
        leaf = leaf.get("leaf", leaf)
        received = w.south.ask("exchange", "show", record["exchange"])["entry"]
        received = received.get("leaf", received)
        self.assertEqual(leaf["consent"], received["consent"])
        self.assertNotEqual(leaf["consent"], digest_of("a-reference-of-a-person"))
        second = w.north.ask("exchange", "show", self.passes(consented(2, "a-reference-of-a-person")))["entry"]
        self.assertNotEqual(second.get("leaf", second)["consent"], leaf["consent"])
        w.south.stop()
        for folder, _, files in os.walk(w.south.folder):
            for name in (x for x in files if os.path.isfile(f"{folder}/{x}")):
                with open(f"{folder}/{name}", "rb") as f:
                    self.assertNotIn(b"a-reference-of-a-person", f.read(), f"{folder}/{name}")
        # Here it is withheld from the leaf, and kept as long as such fields are.
        self.assertNotIn("a-reference", read(f"{w.north.folder}/log/audit.jsonl"))
        self.assertIn("a-reference", json.dumps(w.north.ask("exchange", "show", exchange)["disclosures"]))


class AtOneGateway(Withdrawn):
    """South has no gateway of its own: its system posts raw records to north's, whose inbox is the recipient's."""

    def test_withheld_and_recalled(self):
        w = self.begin(on_consent(), start=False)
        self.put(w.north, withdrawals(1))
        w.add_system(w.north, "south", "south-system", w.systems["south"][0])
        w.north.start()
        mine, theirs = w.client("north"), Client(w, w.north, *w.systems["south"])
        exchanges = []
        for n in range(2):
            status, answer = theirs.post("pax", consented(n, "ref-1"), key=f"s-{n}")
            self.assertEqual(status, 201, answer)
            exchanges.append(answer["exchange"])
        first, second = mine.inbox()["items"]
        self.assertEqual(self.answer(first, {"reference": "R-1"}, mine)[0], 200)
        self.take(w.north, withdrawals(2, "ref-1"))
        for i in mine.inbox()["items"]:
            self.assertNotIn("record", i)
        duties = wait_for(lambda: (i := mine.inbox()["items"]) and [x["kind"] for x in i] == ["recall"] * 2 and i)
        self.assertEqual({d["exchange"] for d in duties}, {first["exchange"], second["exchange"]})
        self.assertEqual({d["why"] for d in duties}, {WHY})
        w.north.stop()
        w.north.start()
        mine.close(), theirs.close()
        self.assertEqual(len(mine.inbox()["items"]), 2)
        for d in duties:
            self.answer(d, {"result": "erased"}, mine)
        for x in exchanges:
            self.becomes(x, "ended", theirs)
        status, answer = theirs.post("pax", consented(3, "ref-1"), key="s-3")
        self.assertEqual((status, answer["type"]), (403, "/problems/not-permitted"))


class Given(Withdrawn):
    def test_only_what_is_listed_counts(self):
        doc = on_consent()
        doc["consent"]["given"] = "south"
        w = self.start(doc)
        self.refused(consented(1, "ref-1"), "consent-unknown", status=503)
        self.assertIn("there is no list of consents of south", read(w.north.log))
        for n in w.nodes:
            self.take(n, consents(1, "ref-1", {"reference": digest_of("ref-2"), "purposes": ["aid"]}, issuer="south"), signer="south")
        exchange = self.passes(consented(2, "ref-1"))
        self.item("record")
        answer = self.refused(consented(3, "ref-2"), "consent-not-given", told="not-permitted")
        decision = self.decision(answer["exchange"])
        self.assertEqual([f["reason"] for f in decision["failed"]], ["consent-not-given"])
        self.assertEqual(decision["digests"]["consents"], agreements.digest_of(f"{w.north.folder}/documents/consents.json"))
        self.refused(consented(4, "ref-3"), "consent-not-given", told="not-permitted")
        self.refused({**consented(5, "ref-3"), "legal_basis": "basis-1"}, "consent-not-given", told="not-permitted")
        self.passes(consented(6, "ref-2", "aid"))
        # Taken off while it waits: not sent. Taken off after it arrived: the list of withdrawals calls back, this one does not.
        w.south.stop()
        waits = self.passes(consented(7, "ref-1"))
        self.take(w.north, consents(2, issuer="south"), signer="south")
        self.becomes(waits, "failed")
        self.assertEqual(self.story(exchange)["state"], "delivered")
        # Forward only, in the log, by its own signer.
        self.put(w.north, consents(1, "ref-1", issuer="south"), signer="south")
        self.reload(w.north, "a rollback: number 2 was in force already")
        self.put(w.north, consents(3, "ref-1", issuer="south"), signer="north")
        self.reload(w.north, "is not one of those who may sign it")
        self.put(w.north, consents(3, "ref-1"), signer="north")
        self.reload(w.north, "/issuer: is not the party whose list the agreement names")
        os.remove(f"{w.north.folder}/documents/consents.json")
        self.reload(w.north, "number 2 of south was in force and is gone")
        notes = [e["note"] for e in w.north.entries() if e.get("kind") == "consents"]
        self.assertEqual(notes, ["consents pax/south number 1: new", "consents pax/south number 2: changed"])

    def test_from_references_to_force(self):
        doc = on_consent()
        doc["consent"]["given"] = "north"
        w = self.start(doc)
        path, (cert, key) = f"{w.north.folder}/documents/consents.json", w.signers["north"]
        write(f"{w.folder}/refs", " REF-1 \nref-2\n")
        words = ("consents", "add", "--agreement", "pax", "--issuer", "north", "--next-update", agreements.instant(7), "--references", f"{w.folder}/refs")
        w.north.ctl(*words, path)                                        # with a salt of its own
        w.north.ctl("document", "sign", "--cert", cert, "--key", key, path)
        self.reload(w.north, "/salt: is not that of")
        w.north.ctl(*words, "--salt-of", f"{w.north.folder}/documents/withdrawals.json", path)
        w.north.ctl("document", "sign", "--cert", cert, "--key", key, path)
        self.assertEqual([e["reference"] for e in json.loads(read(path))["given"]], [digest_of("ref-1"), digest_of("ref-2")])
        self.assertEqual(w.north.ask("document", "show", path)["given"], 2)
        self.reload(w.north)
        self.assertEqual({d["document"] for d in w.north.ask("status")["documents"]}, {"withdrawals", "consents"})
        self.passes(consented(1, "Ref-1"))
        self.refused(consented(2, "ref-3"), "consent-not-given", told="not-permitted")
        for bad in ("ok-1\n\u200b\n", "ok-1\n\u0378\n"):
            write(f"{w.folder}/refs", bad)
            status, _, err = w.north.ctl(*words, f"{w.folder}/new.json", ok=False)
            self.assertEqual(status, 1)
            self.assertIn("refs:2:1: ", err)
        for more in (("--from", path, "--salt-of", path), ("--salt-of", w.north.config)):
            write(f"{w.folder}/refs", "ok-1\n")
            base = words[:2] + words[6:] if "--from" in more else words
            self.assertNotEqual(w.north.ctl(*base, *more, f"{w.folder}/new.json", ok=False)[0], 0)


class Hostile(Withdrawn):
    def test_other_spellings(self):
        w = self.start(lists=(1, "abc-0001"))
        for spelled in ("abc-0001", "ABC-0001", " abc-0001 ", "\uff41\uff42\uff43-\uff10\uff10\uff10\uff11", "abc\u200b-0001", "\u00a0Abc-0001\n"):
            self.refused(consented(1, spelled), "consent-withdrawn", told="not-permitted")
        for spelled in ("\u0430bc-0001", "abc\u20130001", "abc 0001", "abc_0001" * 20, "c-1"):
            answer = self.post(consented(1, spelled))[1]
            self.assertIn(answer["type"], ("/problems/consent-reference", "/problems/envelope-invalid"), spelled)
            self.assertNotIn(spelled, json.dumps(answer, ensure_ascii=False))
            self.assertNotIn(spelled, json.dumps(self.decision(answer["exchange"]), ensure_ascii=False))
        # And a withdrawal is found however it was spelled when it left.
        exchange = self.passes(consented(2, " XyZ-9 "))
        self.becomes(exchange, "delivered")
        self.withdraw(2, "abc-0001", "xyz-9")
        wait_for(lambda: self.story(exchange)["state"] == "recalled")

    def test_a_pattern_of_the_agreement(self):
        doc = on_consent()
        doc["consent"]["references"] = {"pattern": "^xn-[0-9]{6}$"}
        self.start(doc)
        self.passes(consented(1, "XN-000001"))
        self.refused(consented(2, "xn-1"), "consent-reference", status=422)
        self.refused({**consented(3, "xn-1"), "legal_basis": "basis-1"}, "consent-reference", status=422)

    def test_another_agreements_list(self):
        w = self.begin(on_consent(), start=False)
        other = on_consent()
        other["id"] = "pax-2"
        w.agreement(other)
        for n in w.nodes:
            self.put(n, withdrawals(1))
        self.put(w.north, withdrawals(1, agreement="pax-2"), name="other")
        w.start()
        self.north, self.south = w.client("north"), w.client("south")
        exchange = self.passes(consented(1, "ref-1"))
        self.becomes(exchange, "delivered")
        self.take(w.north, withdrawals(2, "ref-1", agreement="pax-2"), name="other")
        wait_for(lambda: "withdrawals pax-2/north number 2: changed" in json.dumps(w.north.entries()))
        self.take(w.north, withdrawals(2))                              # walked as well, behind the other
        w.north.stop()
        w.north.start()                                                 # serves when all lists are walked
        self.north.close()
        self.assertEqual(self.story(exchange)["state"], "delivered")
        self.passes(consented(2, "ref-1"))
        # The list of one agreement under the name of the other: that is signed, too.
        path = self.put(w.north, withdrawals(3, "ref-1", agreement="pax-2"), name="other")
        write(path, read(path).replace('"pax-2"', '"pax"'))
        self.reload(w.north, "documents/other.json")

    def test_older_and_foreign_lists(self):
        w = self.start()
        exchange, _ = self.collected(consented(1, "ref-1"))
        old = {s: read(f"{w.north.folder}/documents/withdrawals.json{s}") for s in ("", ".p7s")}
        self.withdraw(2, "ref-1")
        self.becomes(exchange, "recalled")
        for suffix, text in old.items():
            write(f"{w.north.folder}/documents/withdrawals.json{suffix}", text)
        self.reload(w.north, "a rollback: number 2 was in force already")
        self.refused(consented(2, "ref-1"), "consent-withdrawn", told="not-permitted")
        # With another salt nobody who is delivered would be found.
        self.put(w.north, withdrawals(3, salt="00" * 32))
        self.reload(w.north, "/salt: is not that of withdrawals number 2")
        # Nor may another issuer begin anew: not at a restart either.
        doc = on_consent(version="2")
        doc["consent"]["withdrawals"] = "south"
        w.north.stop()
        os.remove(f"{w.north.folder}/documents/withdrawals.json")
        for suffix in ("", ".p7s"):
            os.remove(f"{w.north.folder}/agreements/pax.json{suffix}")
        w.agreement(doc, "pax")
        self.put(w.north, withdrawals(1, issuer="south", salt="00" * 32), signer="south")
        with self.assertRaises(AssertionError) as failed:
            w.north.start()
        self.assertIn("/salt: is not that of the lists that were in force for this agreement", str(failed.exception))
        self.put(w.north, withdrawals(1, "ref-1", issuer="south"), signer="south")
        w.north.start()

    def test_forged_orders_to_call_back(self):
        w = self.begin(on_consent(), start=False)
        for n in w.nodes:
            self.put(n, withdrawals(1))
        w.south.start()
        self.south = w.client("south")
        digest = agreements.digest_of(f"{w.folder}/pax.json")
        t = Teller(w, digest)
        consent, salt = digest_of("ref-1"), "5b" * 16
        basis = {"legal_basis": "consent"}

        def envelope(entry, **origin):
            text = t.envelope(passing_record(), entry={**basis, **entry}, beside=basis, **origin)
            return json.loads(text), text

        def right(**origin):
            """The leaf's consent follows from the salt, which the envelope draws."""
            import os as o
            real, o.urandom = o.urandom, lambda n: bytes.fromhex(salt) if n == 16 else real(n)
            try:
                return envelope({"consent": told(salt, "ref-1")}, consent=consent, **origin)
            finally:
                o.urandom = real
        # A sender whose log names no consent, another one, or one that it does not send.
        for entry, origin in (({}, {"consent": consent}), ({"consent": told("00" * 16, "ref-1")}, {"consent": consent}),
                              ({"consent": told(salt, "ref-1")}, {}), ({"consent": consent}, {"consent": consent})):
            status, answer = t.send(envelope(entry, **origin)[1])
            self.assertEqual((status, answer["type"]), (403, "/problems/receipt-invalid"), answer)
        status, answer = t.send(envelope({})[1])
        self.assertEqual((status, answer["type"]), (403, "/problems/consent-missing"), answer)
        doc, text = right()
        status, answer = t.send(text)
        self.assertEqual(status, 201, answer)
        exchange = doc["origin"]["exchange"]
        # An order that names another consent, or none that is a digest.
        for named in (told(salt, "ref-2"), consent, "zz", None, 7):
            status, answer = t.tell(exchange, t.notice("recall", exchange, {"why": WHY, "consent": named}))
            self.assertEqual((status, answer["type"]), (422, "/problems/notice-invalid"), (named, answer))
        # A partner that did not provide it: south's own gateway about north's record, and north about south's.
        self.assertEqual([i["kind"] for i in self.south.inbox()["items"]], ["record"])
        status, answer = t.tell(uuid7(), t.notice("recall", exchange, {"why": WHY, "consent": told(salt, "ref-1")}))
        self.assertEqual(status, 404, answer)
        status, answer = t.tell(exchange, t.notice("recall", exchange, {"why": WHY, "consent": told(salt, "ref-1")}, entry={"recipient": "east"}))
        self.assertEqual((status, answer["type"]), (403, "/problems/receipt-invalid"), answer)
        self.assertEqual([i["kind"] for i in self.south.inbox()["items"]], ["record"])
        # The right one.
        status, answer = t.tell(exchange, t.notice("recall", exchange, {"why": WHY, "consent": told(salt, "ref-1")}))
        self.assertEqual(status, 200, answer)
        self.assertEqual([(i["kind"], i["why"]) for i in self.south.inbox()["items"]], [("recall", WHY)])

    def test_the_recipient_calls_nothing_back(self):
        """Who receives a record withdraws nobody's consent at its provider."""
        w = self.begin(on_consent(), start=False)
        self.put(w.north, withdrawals(1))
        w.north.start()
        self.north = w.client("north")
        exchange = self.passes(consented(1, "ref-1"))

        class South(Teller):
            agency, recipient = "south", "north"
        t = South(w, agreements.digest_of(f"{w.folder}/pax.json"), w.south)
        t.client = Client(w, w.north, f"{w.south.folder}/tls/gateway.pem", f"{w.south.folder}/tls/gateway.key")
        notice = t.notice("recall", exchange, {"why": WHY, "consent": "ab" * 32}, entry={"origin": exchange, "exchange": uuid7()})
        status, answer = t.tell(exchange, notice)
        self.assertEqual((status, answer["type"]), (403, "/problems/role-denied"), answer)
        self.assertEqual(self.story(exchange)["state"], "queued")


class Assessment(Documents):
    def test_held_by_its_bytes(self):
        doc = on_consent()
        text = "A made-up assessment.\n"
        doc["assessment"] = {**doc["assessment"], "held": True, "digest": hashlib.sha256(text.encode()).hexdigest()}
        w = self.begin(doc, start=False)
        north = w.north
        folder = f"{north.folder}/documents/assessments"

        def says(what):
            status, _, err = north.check()
            self.assertEqual(status, 78, err)
            self.assertIn("/assessment/digest: no file in the folder assessments/", err)
            self.assertIn(what, err)
        for n in w.nodes:
            for name in os.listdir(f"{n.folder}/documents/assessments"):
                os.remove(f"{n.folder}/documents/assessments/{name}")
        says("put the assessment there, byte for byte")
        write(f"{folder}/dpia.txt", text + " ")
        says("agreements/pax.json:")
        write(f"{folder}/dpia.txt", text)
        self.assertEqual(north.check()[0], 0)
        self.put(north, withdrawals(1))
        north.start()
        self.passes(agreements.envelope(agreements.passenger_record(1)))
        # A reload that no longer finds it leaves what runs.
        os.remove(f"{folder}/dpia.txt")
        self.reload(north, "no file in the folder assessments/")
        self.passes(agreements.envelope(agreements.passenger_record(2)))
        write(f"{folder}/other-name.pdf", text)
        self.reload(north)
        os.rename(folder, folder + "-gone")
        self.reload(north, "no file in the folder assessments/")

    def test_what_is_no_assessment(self):
        doc = on_consent()
        w = self.begin(doc, start=False)
        for change, says in (({"digest": "0" * 64}, "/assessment/digest: is the digest of nothing"),
                             ({"digest": hashlib.sha256(b"").hexdigest()}, "/assessment/digest: is the digest of nothing"),
                             ({"approved_at": agreements.instant(1)}, "/assessment/approved_at: lies in the future")):
            w.agreement({**doc, "assessment": {**doc["assessment"], **change}})
            status, _, err = w.north.check()
            self.assertEqual(status, 78, err)
            self.assertIn(says, err)
