"""Signed documents that change at run time: withdrawals of consents, training of officers, key epochs. Each is taken by a
reload, governs at once, is logged, and never goes back."""

import datetime
import hashlib
import json
import os
import shutil
import unittest

import agreements
from world import GATEWAYCTL, ROOT, World, read, run, wait_for, write

SALT = "5a" * 32


def digest_of(reference):
    return hashlib.sha256(bytes.fromhex(SALT) + reference.encode()).hexdigest()


def schema():
    return agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")


def on_consent(**more):
    """An agreement with two purposes, both on consent or on law; north's list counts."""
    doc = agreements.make("pax", [{"name": "passenger", "input": schema()}], {"border": "passenger", "aid": "passenger"},
                          agreements.PASSENGER_RULES, consent={"withdrawals": "north"}, **more)
    doc["legal_bases"].append({"id": "consent", "citation": "Consent of the person", "consent": True})
    for purpose in doc["purposes"]:
        purpose["legal_bases"].append("consent")
    return doc


def withdrawals(number, *references, days=7, since=-1, **more):
    return {"document": "withdrawals", "agreement": "pax", "issuer": "north", "number": number,
            "issued": agreements.instant(since), "next_update": agreements.instant(days), "salt": SALT,
            "withdrawn": [r if isinstance(r, dict) else {"reference": digest_of(r)} for r in references], **more}


def training(number, **officers):
    return {"document": "training", "issuer": "north", "number": number, "issued": agreements.instant(-1),
            "officers": [{"officer": o, "valid_until": until} for o, until in officers.items()]}


def epochs(number, *list_of, **more):
    return {"document": "epochs", "agreement": "pax", "issuer": "north", "number": number, "issued": agreements.instant(-1),
            "epochs": [{"epoch": e, "from": agreements.instant(days), "reason": "a test"} for e, days in list_of], **more}


def consented(n, reference, purpose="border", **more):
    return {**agreements.envelope(agreements.passenger_record(n), purpose=purpose), "legal_basis": "consent",
            "consent": {"reference": reference, "scope": [purpose]}, **more}


class Documents(unittest.TestCase):
    def begin(self, doc, start=True, moved_clock=False):
        self.world = w = World(moved_clock=moved_clock)
        self.addCleanup(w.close)
        w.agreement(doc)
        if start:
            w.start()
        self.number = 0
        return w

    def put(self, node, doc, name=None, signer="north", sign=True):
        """Lays a document, signed, into the node's folder."""
        path = f"{node.folder}/documents/{name or doc['document']}.json"
        write(path, json.dumps(doc, indent=1))
        if os.path.exists(path + ".p7s"):
            os.remove(path + ".p7s")
        if sign:
            self.world.sign(path, (signer,))
        return path

    def reload(self, node, says=None):
        """Taken, or (with `says`) refused with these words."""
        status, _, err = node.ctl("reload", ok=False)
        self.assertEqual(status == 0, says is None, err)
        if says:
            self.assertIn(says, err)

    def take(self, node, doc, **options):
        path = self.put(node, doc, **options)
        self.reload(node)
        return path

    def post(self, envelope, agency="north"):
        self.number += 1
        return self.world.client(agency).post("pax", envelope, key=f"k-{self.number}")

    def decision(self, exchange, node=None):
        return (node or self.world.north).ask("exchange", "show", exchange)["disclosures"]["decision"]

    def passes(self, envelope):
        status, answer = self.post(envelope)
        self.assertEqual(status, 201, answer)
        return answer["exchange"]

    def refused(self, envelope, reason, told=None, status=403):
        got, answer = self.post(envelope)
        self.assertEqual((got, answer["type"]), (status, f"/problems/{told or reason}"), answer)
        if told:
            self.assertNotIn(reason, json.dumps(answer))
        return answer


class Withdrawals(Documents):
    def test_withdrawn_by_a_reload(self):
        w = self.begin(on_consent())
        answer = self.refused(consented(1, "ref-1"), "consent-unknown", status=503)
        (entry,) = [e for e in w.north.entries() if e.get("exchange") == answer["exchange"]]
        self.assertEqual((entry["operation"], entry["reason"]), ("refusal", "policy"))
        # Nothing was decided about the consent: the same key may be used again.
        self.number -= 1
        self.assertIn("there is no list of withdrawals of north", read(w.north.log))
        self.passes(agreements.envelope(agreements.passenger_record(2)))          # rests on law: needs no list
        for n in w.nodes:
            self.take(n, withdrawals(1, "ref-0"))
        first = self.passes(consented(3, "ref-1"))
        wait_for(lambda: w.north.ask("outbox") == [])
        self.take(w.north, withdrawals(2, "ref-0", "ref-1", {"reference": digest_of("ref-2"), "purposes": ["aid"]}))
        answer = self.refused(consented(4, "ref-1"), "consent-withdrawn", told="not-permitted")
        failed = self.decision(answer["exchange"])
        self.assertEqual([f["reason"] for f in failed["failed"]], ["consent-withdrawn"])
        self.assertEqual(failed["digests"]["withdrawals"], agreements.digest_of(f"{w.north.folder}/documents/withdrawals.json"))
        self.assertNotEqual(failed["digests"]["withdrawals"], self.decision(first)["digests"]["withdrawals"])
        leaf = w.north.ask("exchange", "show", answer["exchange"])["entry"]
        self.assertNotIn("consent", json.dumps(leaf))
        # Others, and another purpose, are as they were.
        self.passes(consented(5, "ref-3"))
        self.passes(consented(6, "ref-2"))
        self.refused(consented(7, "ref-2", "aid"), "consent-withdrawn", told="not-permitted")
        # A consent that is named beside another basis counts too, and a dry run says the same.
        self.refused({**consented(8, "ref-1"), "legal_basis": "basis-1"}, "consent-withdrawn", told="not-permitted")
        status, answer = w.client("north").post("pax", consented(9, "ref-1"), what="validate")
        self.assertEqual((status, answer["type"]), (403, "/problems/not-permitted"), answer)
        notes = [(e["operation"], e.get("agreement"), e["note"]) for e in w.north.entries() if "withdrawals" in e.get("note", "")]
        self.assertEqual(notes, [("policy-change", "pax", f"withdrawals pax/north number {n}: {how}") for n, how in ((1, "new"), (2, "changed"))])
        # A restart takes what is there and logs it no second time.
        w.north.stop()
        w.north.start()
        self.refused(consented(10, "ref-1"), "consent-withdrawn", told="not-permitted")
        self.assertEqual(len([e for e in w.north.entries() if "withdrawals" in e.get("note", "")]), 2)
        # Nothing of a reference is in the log or on standard error.
        for text in (read(f"{w.north.folder}/log/audit.jsonl"), read(w.north.log)):
            for reference in ("ref-0", "ref-1", "ref-2"):
                self.assertNotIn(reference, text)

    def figures(self, node):
        """The daemon's figures about lists, and its status."""
        lines = dict(l.rsplit(" ", 1) for l in node.get_monitor("/metrics")[1].splitlines() if not l.startswith("#"))
        return int(lines["gatewayd_withdrawals_unknown"]), lines.get("gatewayd_withdrawals_due_seconds"), node.ask("status")["documents"]

    def test_an_old_list_fails_closed(self):
        w = self.begin(on_consent(), moved_clock=True)
        self.assertEqual(self.figures(w.north), (1, None, []))
        doc = withdrawals(1, days=8 / 1440, since=-40 / 1440)
        path = self.take(w.north, doc)
        unknown, due, listed = self.figures(w.north)
        self.assertEqual(unknown, 0)
        self.assertEqual(datetime.datetime.fromtimestamp(int(due), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), doc["next_update"])
        self.assertEqual(listed, [{"document": "withdrawals", "agreement": "pax", "issuer": "north", "number": 1,
                                   "digest": agreements.digest_of(path), "next_update": doc["next_update"].replace("Z", ".000Z")}])
        self.assertIn("withdrawals of north number 1, agreement pax", w.north.ctl("status")[1])
        self.assertIn("its next update is due", read(w.north.log))     # the last quarter of its time
        self.passes(consented(1, "ref-1"))
        w.clock.move(480)
        self.refused(consented(3, "ref-3"), "consent-unknown", status=503)
        self.assertEqual(self.figures(w.north)[0], 1)
        self.passes(agreements.envelope(agreements.passenger_record(4)))
        self.reload(w.north)
        self.assertIn("what rests on consent is refused", read(w.north.log))
        self.take(w.north, withdrawals(2))
        self.passes(consented(5, "ref-3"))

    def test_what_is_no_successor(self):
        w = self.begin(on_consent())
        self.take(w.north, withdrawals(5, "ref-1"))
        still = lambda: self.refused(consented(self.number, "ref-1"), "consent-withdrawn", told="not-permitted")
        still()
        self.put(w.north, withdrawals(4))
        self.reload(w.north, "documents/withdrawals.json:5:12: /number: a rollback: number 5 was in force already")
        still()
        self.put(w.north, withdrawals(5))
        self.reload(w.north, "/number: another document with this number was in force already")
        still()
        self.put(w.north, withdrawals(6), sign=False)
        self.reload(w.north, "has no signature: withdrawals.json.p7s is not there")
        still()
        self.put(w.north, withdrawals(6), signer="south")
        self.reload(w.north, "is not one of those who may sign it")
        still()
        self.put(w.north, withdrawals(6, issuer="south"), signer="south")
        self.reload(w.north, "/issuer: is not the party whose list the agreement names")
        still()
        self.put(w.north, withdrawals(6, agreement="other"))
        self.reload(w.north, "/agreement: no agreement of that name is held here")
        still()
        self.put(w.north, withdrawals(6, {"reference": digest_of("ref-1"), "purposes": ["marketing"]}))
        self.reload(w.north, "/withdrawn/0/purposes/0: the agreement has no such purpose")
        still()
        self.put(w.north, withdrawals(6, colour="blue"))
        self.reload(w.north, "documents/withdrawals.json:")
        still()
        path = self.put(w.north, withdrawals(6))
        with open(path, "a", encoding="ascii") as f:
            f.write("\n")
        self.reload(w.north, "signature of north: it does not match the document: another text was signed")
        still()
        other = self.put(w.north, withdrawals(6), name="twice")
        self.put(w.north, withdrawals(6))
        self.reload(w.north, "holds one of the same kind, agreement and issuer")
        os.remove(other)
        os.remove(path)
        self.reload(w.north, "withdrawals of pax: number 5 of north was in force and is gone")
        still()
        w.north.change(documents="elsewhere")
        self.reload(w.north, "cannot list")
        w.north.change(documents="documents")
        # The store remembers what was in force: neither does a start go back.
        w.north.stop()
        for doc, says in ((None, "number 5 of north was in force and is gone"), (withdrawals(4), "a rollback: number 5"),
                          (withdrawals(5), "another document with this number")):
            if doc:
                self.put(w.north, doc)
            self.assertEqual(w.north.check()[0], 0)         # without the store nobody knows
            with self.assertRaises(AssertionError) as failed:
                w.north.start()
            self.assertIn("ended with 78", str(failed.exception))
            self.assertIn(says, str(failed.exception))
        self.put(w.north, withdrawals(6, "ref-1"))
        w.north.start()
        still()
        self.take(w.north, withdrawals(7))
        self.passes(consented(99, "ref-1"))

    def test_the_recipient_asks_its_own_list(self):
        w = self.begin(on_consent())
        for n in w.nodes:
            self.take(n, withdrawals(1))
        self.take(w.south, withdrawals(2, "ref-1"))
        exchange = self.passes(consented(1, "ref-1"))
        wait_for(lambda: w.north.ask("exchange", "show", exchange)["exchange"]["state"] == "failed")
        self.assertEqual(w.client("south").inbox()["items"], [])
        there = w.south.ask("exchange", "list")[0]
        self.assertEqual(there["state"], "refused")
        self.assertEqual(self.decision(there["exchange"], w.south)["failed"][0]["reason"], "consent-withdrawn")
        self.assertNotIn("consent-withdrawn", read(f"{w.north.folder}/log/audit.jsonl"))
        # A list that is out of date there is no refusal: the sender tries again until a newer one has come.
        self.take(w.south, withdrawals(3, days=0.1 / 86400, since=-2))
        exchange = self.passes(consented(2, "ref-2"))
        wait_for(lambda: any(d["last_error"] == "consent-unknown" and d["attempts"] > 1 for d in w.north.ask("outbox")))
        self.assertEqual(w.client("south").inbox()["items"], [])
        self.take(w.south, withdrawals(4))
        wait_for(lambda: w.north.ask("exchange", "show", exchange)["exchange"]["state"] == "delivered")
        self.assertEqual(len(w.client("south").inbox()["items"]), 1)

    def test_what_is_held_is_judged_again(self):
        """An approval does not stand for a consent that was withdrawn since."""
        doc = on_consent()
        for purpose in doc["purposes"]:
            purpose["subject_categories"].append("uncategorised")
        w = self.begin(doc, start=False)
        cert, key = w.authority.leaf("anna", "spiffe://north.example/officer/anna", "emailProtection")
        shutil.copy(cert, f"{w.north.folder}/partners/anna.pem")
        w.north.add_partner({"id": "anna", "agency": "north", "jurisdiction": "XX", "roles": ["officer"], "signers": ["anna.pem"],
                             "training_until": agreements.instant(9)})
        self.put(w.north, withdrawals(1))
        w.north.start()
        envelope = consented(1, "ref-1")
        del envelope["subject_category"]
        status, answer = self.post(envelope)
        self.assertEqual(status, 202, answer)
        exchange = answer["exchange"]

        def release():
            self.number += 1
            out = f"{w.folder}/approval-{self.number}"
            w.north.ctl("exchange", "approve", exchange, "--certificate", cert, "--key", key, "--out", out)
            return w.north.ctl("exchange", "release", exchange, "--approval", f"{out}.json", f"{out}.p7s", ok=False)

        state = lambda: w.north.ask("exchange", "show", exchange)["exchange"]["state"]
        self.take(w.north, withdrawals(2, days=0.1 / 86400, since=-2))
        status, _, err = release()
        self.assertEqual((status, state()), (1, "held"), err)
        self.assertIn("list of withdrawn consents", err)
        self.take(w.north, withdrawals(3, "ref-1"))
        status, _, err = release()
        self.assertEqual((status, state()), (3, "refused"), err)
        self.assertIn("consent was withdrawn", err)
        self.assertEqual(w.north.ask("status")["store"]["payloads"], 0)

    def test_what_waits_does_not_leave(self):
        w = self.begin(on_consent(), start=False)
        for n in w.nodes:
            self.put(n, withdrawals(1))
        w.north.start()
        gone, stays = self.passes(consented(1, "ref-1")), self.passes(consented(2, "ref-2"))
        wait_for(lambda: all(d["attempts"] for d in w.north.ask("outbox")))
        self.take(w.north, withdrawals(2, "ref-1"))
        wait_for(lambda: w.north.ask("exchange", "show", gone)["exchange"]["state"] == "recalled")      # it may have arrived
        self.assertEqual(w.north.ask("status")["store"]["payloads"], 1)
        ends = [e for e in w.north.entries() if e.get("exchange") == gone and e["operation"] in ("delivery", "erasure")]
        self.assertEqual([(e["operation"], e.get("outcome"), e["note"]) for e in ends],
                         [("erasure", None, "recalled")])
        # While nobody knows who withdrew, the rest waits.
        self.take(w.north, withdrawals(3, "ref-1", days=0.1 / 86400, since=-2))
        w.south.start()
        wait_for(lambda: [d["last_error"] for d in w.north.ask("outbox")] == ["consent-unknown"])
        self.take(w.north, withdrawals(4, "ref-1"))
        wait_for(lambda: w.north.ask("exchange", "show", stays)["exchange"]["state"] == "delivered")
        self.assertEqual(len(w.client("south").inbox()["items"]), 1)
        wait_for(lambda: w.north.ask("exchange", "show", gone)["exchange"]["state"] == "ended")          # south never had it


class Training(Documents):
    def officer(self, w, name, days):
        cert, key = w.authority.leaf(name, f"spiffe://north.example/officer/{name}", "emailProtection")
        shutil.copy(cert, f"{w.north.folder}/partners/{name}.pem")
        doc = {"id": name, "agency": "north", "jurisdiction": "XX", "roles": ["officer"], "signers": [f"{name}.pem"]}
        w.north.add_partner(doc if days is None else {**doc, "training_until": agreements.instant(days)})
        return cert, key, json.loads(run(GATEWAYCTL, "pin", cert)[1])["pins"][0]

    def test_revoked_by_a_document(self):
        doc = agreements.passenger(digest=schema())
        doc["purposes"][0]["subject_categories"].append("uncategorised")
        w = self.begin(doc, start=False)
        anna, otto = self.officer(w, "anna", 90), self.officer(w, "otto", None)
        w.north.start()

        def hold():
            self.number += 1
            envelope = agreements.envelope(agreements.passenger_record(self.number))
            del envelope["subject_category"]
            status, answer = w.client("north").post("pax", envelope)
            self.assertEqual(status, 202, answer)
            return answer["exchange"]

        def release(exchange, officer):
            out = f"{w.folder}/approval-{exchange}-{self.number}"
            self.number += 1
            w.north.ctl("exchange", "approve", exchange, "--certificate", officer[0], "--key", officer[1], "--out", out)
            return w.north.ctl("exchange", "release", exchange, "--approval", f"{out}.json", f"{out}.p7s", ok=False)

        def stopped(exchange, officer):
            status, _, err = release(exchange, officer)
            self.assertEqual(status, 1, err)
            self.assertIn("training has expired", err)
            self.assertEqual(w.north.ask("exchange", "show", exchange)["exchange"]["state"], "held")

        # Without a document the partner files count; otto's says nothing.
        self.assertEqual(release(hold(), anna)[0], 0)
        exchange = hold()
        stopped(exchange, otto)
        path = self.take(w.north, training(1, **{anna[2]: agreements.instant(-1), otto[2]: agreements.instant(30)}))
        stopped(exchange, anna)
        self.assertEqual(release(exchange, otto)[0], 0)
        decision = self.decision(exchange)
        self.assertEqual(decision["digests"]["training"], agreements.digest_of(path))
        # One who is not listed has none; the earlier of document and file holds.
        exchange = hold()
        self.take(w.north, training(2, **{anna[2]: agreements.instant(30)}))
        stopped(exchange, otto)
        self.officer_until(w, "anna", -1)
        self.reload(w.north)
        stopped(exchange, anna)
        self.officer_until(w, "anna", 60)
        self.reload(w.north)
        self.assertEqual(release(exchange, anna)[0], 0)
        # It does not go away, and only the node's own agency states it.
        os.remove(path)
        self.reload(w.north, "training: number 2 of north was in force and is gone")
        self.put(w.north, {**training(3), "issuer": "south"}, signer="south")
        self.reload(w.north, "/issuer: training is stated by the agency of this node, which is north")
        self.put(w.north, training(3), signer="south")
        self.reload(w.north, "is not one of those who may sign it")
        self.take(w.north, training(3))
        stopped(hold(), anna)
        notes = [e["note"] for e in w.north.entries() if e["operation"] == "policy-change" and "training" in e["note"]]
        self.assertEqual(notes, [f"training north number {n}: {how}" for n, how in ((1, "new"), (2, "changed"), (3, "changed"))])

    @staticmethod
    def officer_until(w, name, days):
        path = f"{w.north.folder}/partners/{name}.json"
        doc = json.loads(read(path))
        doc["training_until"] = agreements.instant(days)
        write(path, json.dumps(doc))

    def test_in_the_envelope_too(self):
        """A tier that demands a named officer asks the document as well."""
        doc = agreements.passenger(digest=schema())
        doc["tiers"][0]["officer"] = True
        w = self.begin(doc, start=False)
        anna = self.officer(w, "anna", 90)
        w.north.start()
        envelope = {**agreements.envelope(agreements.passenger_record()), "officer": {"certificate": anna[2]}}
        self.passes(envelope)
        self.take(w.north, training(1, **{anna[2]: agreements.instant(-1)}))
        self.refused(envelope, "training-expired")


class Epochs(Documents):
    def family(self, item):
        return item["record"]["travellers"][0]["family"]

    def arrived(self, n):
        return wait_for(lambda: (lambda items: items if len(items) >= n else None)(self.world.client("south").inbox()["items"]))

    def test_keys_rotate_without_a_new_agreement(self):
        w = self.begin(agreements.passenger(digest=schema()), moved_clock=True)
        agreement = agreements.digest_of(f"{w.north.folder}/agreements/pax.json")
        same = lambda: agreements.envelope(agreements.passenger_record(7))
        self.passes(same())
        before = self.family(self.arrived(1)[0])
        path = self.take(w.north, epochs(1, (2, -0.5), (5, 8 / 1440)))
        exchange = self.passes(same())
        after = self.family(self.arrived(2)[1])
        self.assertRegex(before, r"^p1\.1\.")
        self.assertRegex(after, r"^p1\.2\.")
        self.assertNotEqual(before.rsplit(".", 1)[1], after.rsplit(".", 1)[1])
        decision = self.decision(exchange)
        self.assertEqual(decision["digests"]["agreement"], agreement)
        self.assertEqual(decision["digests"]["epochs"], agreements.digest_of(path))
        shape = w.north.ask("exchange", "show", exchange)["shape"]
        self.assertEqual({leaf["epoch"] for leaf in shape["released"] if "epoch" in leaf}, {2})
        # The next instant comes without a reload.
        w.clock.move(480)
        self.passes(same())
        self.assertRegex(self.family(self.arrived(3)[2]), r"^p1\.5\.")
        self.assertEqual({x["state"] for x in w.south.ask("exchange", "list")}, {"ready"})
        # Never back: neither by number, nor by epoch, nor by leaving; and only its own agency's.
        self.put(w.north, epochs(2, (4, -0.5)))
        self.reload(w.north, "/epochs: epoch 5 is in force already: none is ever followed by a lower one")
        self.put(w.north, epochs(1, (6, -0.5)))
        self.reload(w.north, "another document with this number")
        os.remove(path)
        self.reload(w.north, "epochs of pax: number 1 of north was in force and is gone")
        self.put(w.north, epochs(2, (6, -0.5), issuer="south"), signer="south")
        self.reload(w.north, "/issuer: epochs are set by the agency that holds the keys, here north")
        self.put(w.north, epochs(2, (6, -0.5)), signer="south")
        self.reload(w.north, "is not one of those who may sign it")
        w.north.stop()
        with self.assertRaises(AssertionError):
            w.north.start()
        self.put(w.north, epochs(2, (4, -0.5)))
        with self.assertRaises(AssertionError) as failed:
            w.north.start()
        self.assertIn("epoch 5 is in force already", str(failed.exception))
        self.put(w.north, epochs(2, (5, -0.5)))
        w.north.start()
        self.passes(same())
        log = [(e["operation"], e["agreement"], e["note"]) for e in w.north.entries() if "epochs" in e.get("note", "")]
        self.assertEqual(log, [("key-change", "pax", f"epochs pax/north number {n}: {how}") for n, how in ((1, "new"), (2, "changed"))])
        w.north.ctl("audit", "verify", f"{w.north.folder}/store/gatewayd.db")

    def test_not_below_the_agreement(self):
        doc = agreements.passenger(digest=schema())
        doc["pseudonyms"]["epoch"] = 3
        w = self.begin(doc, start=False)
        self.put(w.north, epochs(1, (2, -0.5)))
        status, _, err = w.north.check()
        self.assertEqual(status, 78)
        self.assertIn("/epochs/0/epoch: is lower than 3, the epoch of the agreement's version 1", err)
        self.put(w.north, epochs(1, (4, -0.5)))
        self.assertEqual(w.north.check()[0], 0)


class Replay(Documents):
    def test_the_same_bytes_from_the_documents_that_governed(self):
        w = self.begin(on_consent(), start=False)
        for n in w.nodes:
            self.put(n, withdrawals(1, "ref-0"))
        self.put(w.north, epochs(1, (2, -0.5)))
        self.put(w.north, training(1))
        w.north.start()
        kept = []
        cases = [consented(1, "ref-1"), consented(2, "ref-0"), agreements.envelope(agreements.passenger_record(3))]
        for i, envelope in enumerate(cases):
            write(f"{w.folder}/e{i}.json", json.dumps(envelope))
            _, answer = self.post(read(f"{w.folder}/e{i}.json"))
            write(f"{w.folder}/d{i}.json", json.dumps(self.decision(answer["exchange"]), sort_keys=True, separators=(",", ":")))
        for kind in ("withdrawals", "epochs", "training"):
            shutil.copy(f"{w.north.folder}/documents/{kind}.json", f"{w.folder}/{kind}-1.json")
            kept += ["--document", f"{w.folder}/{kind}-1.json"]
        # What governs now is something else.
        self.put(w.north, withdrawals(2, "ref-1"))
        self.put(w.north, epochs(2, (2, -0.5), (3, -0.1)))
        self.reload(w.north)
        agreement = f"{w.north.folder}/agreements/pax.json"
        for i in range(len(cases)):
            words = (agreement, f"{w.folder}/e{i}.json", f"{w.folder}/d{i}.json")
            out = run(GATEWAYCTL, "decision", "replay", *kept, *words)[1]
            self.assertIn("byte for byte", out)
            status, _, err = run(GATEWAYCTL, "decision", "replay", *words, ok=False)
            self.assertEqual(status, 3)
            self.assertIn("/digests", err)
            fresh = [x for kind in ("withdrawals", "epochs") for x in ("--document", f"{w.north.folder}/documents/{kind}.json")]
            self.assertEqual(run(GATEWAYCTL, "decision", "replay", *fresh, *kept[4:], *words, ok=False)[0], 3)
        self.assertEqual(json.loads(read(f"{w.folder}/d1.json"))["failed"][0]["reason"], "consent-withdrawn")


class Commands(Documents):
    def test_from_references_to_force(self):
        w = self.begin(on_consent())
        path, cert, key = f"{w.folder}/list.json", *w.signers["north"]
        write(f"{w.folder}/refs", "ref-1\n\nref-2\r\nref-1\n")
        add = ("withdrawals", "add", "--next-update", agreements.instant(7))
        w.north.ctl(*add, "--agreement", "pax", "--issuer", "north", "--references", f"{w.folder}/refs", path)
        first = json.loads(read(path))
        self.assertEqual((first["number"], len(first["withdrawn"]), len(first["salt"])), (1, 2, 64))
        self.assertNotIn("ref-", read(path))
        want = hashlib.sha256(bytes.fromhex(first["salt"]) + b"ref-1").hexdigest()
        self.assertEqual(first["withdrawn"][0], {"reference": want})
        sign = ("document", "sign", "--cert", cert, "--key", key, path)
        self.assertIn("signed", w.north.ctl(*sign)[1])
        verify = ("document", "verify", "--signer", f"north={cert}", "--agreement", f"{w.north.folder}/agreements/pax.json")
        self.assertIn("withdrawals number 1, signed by north", w.north.ctl(*verify, path)[1])
        for suffix in ("", ".p7s"):
            shutil.copy(path + suffix, f"{w.north.folder}/documents/list.json{suffix}")
            shutil.copy(path + suffix, f"{w.folder}/first.json{suffix}")
        self.reload(w.north)
        self.refused(consented(1, "ref-2"), "consent-withdrawn", told="not-permitted")
        self.passes(consented(2, "ref-3"))
        # The next one keeps the salt and what was there; purposes add up.
        write(f"{w.folder}/refs", "ref-3\nref-1\n")
        more = (*add, "--from", path, "--references", f"{w.folder}/refs")
        w.north.ctl(*more, "--purpose", "aid", path)
        second = json.loads(read(path))
        self.assertEqual((second["number"], second["salt"], len(second["withdrawn"])), (2, first["salt"], 3))
        self.assertNotIn("purposes", second["withdrawn"][0])            # was withdrawn for all
        self.assertEqual(second["withdrawn"][2]["purposes"], ["aid"])
        w.north.ctl(*more, "--purpose", "border", path)
        self.assertEqual(json.loads(read(path))["withdrawn"][2]["purposes"], ["aid", "border"])
        w.north.ctl(*more, path)
        self.assertNotIn("purposes", json.loads(read(path))["withdrawn"][2])
        self.assertEqual(w.north.ctl(*verify, path, ok=False)[0], 3)    # the old signature
        w.north.ctl(*sign)
        w.north.ctl(*verify, "--after", f"{w.folder}/first.json", path)
        status, _, err = w.north.ctl(*verify, "--after", path, f"{w.folder}/first.json", ok=False)
        self.assertEqual(status, 3)
        self.assertIn("a rollback: number 4", err)
        shown = json.loads(w.north.ctl("-o", "json", "document", "show", path)[1])
        self.assertEqual((shown["document"], shown["number"], shown["withdrawn"]), ("withdrawals", 4, 3))
        self.assertEqual(shown["digest"], agreements.digest_of(path))
        self.assertIn("next_update", w.north.ctl("document", "show", path)[1])
        self.assertIn("withdrawals number 4", w.north.ctl("document", "check", path)[1])
        for kind, doc in (("training", training(1)), ("epochs", epochs(1, (2, 0)))):
            write(f"{w.folder}/{kind}.json", json.dumps(doc))
            self.assertIn(kind, w.north.ctl("document", "show", f"{w.folder}/{kind}.json")[1])
            w.north.ctl("document", "sign", "--cert", cert, "--key", key, f"{w.folder}/{kind}.json")
            w.north.ctl(*verify[:4], f"{w.folder}/{kind}.json")

    def test_what_they_refuse(self):
        w = self.begin(on_consent(), start=False)
        cert, key = w.signers["north"]
        path = f"{w.folder}/d.json"
        write(path, json.dumps(withdrawals(1, colour="blue")))
        for words in (("check", path), ("show", path), ("sign", "--cert", cert, "--key", key, path)):
            self.assertEqual(w.north.ctl("document", *words, ok=False)[0], 3, words)
        self.assertFalse(os.path.exists(path + ".p7s"))
        write(path, json.dumps(withdrawals(1, agreement="other")))
        self.assertEqual(w.north.ctl("document", "verify", "--signer", f"north={cert}", path, ok=False)[0], 3)    # no signature
        w.north.ctl("document", "sign", "--cert", cert, "--key", key, path)
        w.north.ctl("document", "verify", "--signer", f"north={cert}", path)
        status, _, err = w.north.ctl("document", "verify", "--signer", f"north={cert}", "--agreement",
                                     f"{w.north.folder}/agreements/pax.json", path, ok=False)
        self.assertEqual(status, 3)
        self.assertIn("no agreement of that name", err)
        self.assertEqual(w.north.ctl("document", "verify", "--signer", f"north={w.signers['south'][0]}", path, ok=False)[0], 3)
        self.assertEqual(w.north.ctl("document", "check", "--now", agreements.instant(-9), path, ok=False)[0], 3)
        for words in (("document", "check"), ("document", "show"), ("document", "sign", path), ("document", "verify"),
                      ("withdrawals", "add", path), ("withdrawals", "add", "--next-update", "x", "--references", path, path),
                      ("withdrawals", "add", "--next-update", "x", "--references", path, "--from", path, "--issuer", "north", path)):
            self.assertEqual(w.north.ctl(*words, ok=False)[0], 2, words)
        add = ("withdrawals", "add", "--agreement", "pax", "--issuer", "north", "--references", path)
        self.assertEqual(w.north.ctl(*add, "--next-update", "tomorrow", f"{w.folder}/new.json", ok=False)[0], 1)
        self.assertFalse(os.path.exists(f"{w.folder}/new.json"))
        write(path, json.dumps(training(1)))
        self.assertEqual(w.north.ctl(*add[:2], "--from", path, "--references", path, "--next-update", agreements.instant(1),
                                     f"{w.folder}/new.json", ok=False)[0], 1)
