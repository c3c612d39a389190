"""A lying sender: a partner's gateway with a valid certificate and a valid log of its own, whose records are not what
the agreement lets through, or whose proofs do not cover them. Each lie is refused by name."""

import base64
import hashlib
import http.server
import json
import os
import ssl
import subprocess
import threading
import time
import unittest

import agreements
import canonical
from merkle import receipt_of, root_of
from world import ROOT, Client, World, run, wait_for

PRIVATE_DER = bytes.fromhex("302e020100300506032b657004220420")         # RFC 8410: an Ed25519 seed follows


def uuid7(when=None):
    raw = bytearray(int((when or time.time()) * 1000).to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


class Liar:
    """North's gateway as whoever holds its keys could drive it: makes its own log, an entry for each lie."""

    def __init__(self, world, digest, node=None):
        self.world, self.digest, self.leaves = world, digest, []
        node = node or world.north
        seed = bytes.fromhex(open(f"{node.folder}/keys/audit.key", encoding="ascii").read().strip())
        self.key = f"{world.folder}/liar.pem"
        with open(f"{world.folder}/liar.der", "wb") as f:
            f.write(PRIVATE_DER + seed)
        run("openssl", "pkey", "-inform", "DER", "-in", f"{world.folder}/liar.der", "-out", self.key)
        vkey = open(f"{node.folder}/audit.vkey", encoding="ascii").read().strip()
        self.origin, identity, _ = vkey.split("+", 2)
        self.key_id = bytes.fromhex(identity)
        self.client = Client(world, world.south, f"{node.folder}/tls/gateway.pem", f"{node.folder}/tls/gateway.key")

    def sign(self, text):
        path = f"{self.world.folder}/note"
        with open(path, "wb") as f:
            f.write(text)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", path], capture_output=True, check=True).stdout

    def checkpoint(self, leaves, root=None):
        text = f"{self.origin}\n{len(leaves)}\n{base64.b64encode(root or root_of(leaves)).decode()}\n".encode()
        signature = base64.b64encode(self.key_id + self.sign(text)).decode()
        return text.decode() + f"\n\u2014 {self.origin} {signature}\n"

    def envelope(self, record, entry=None, root=None, when=None, beside=None, added=None, **origin):
        """An envelope whose proof is right for `record`, or its spelling, but for what the lie changes. `beside` is more of what
        the proof covers beside the record, `added` what came in afterwards."""
        salt = os.urandom(16)
        head = {"purpose": "border", "legal_basis": "basis-1", "tier": "T1", "subject_category": "other", "retention": "P1Y", **(beside or {})}
        text = record if isinstance(record, str) else canonical.canonical(json.dumps(record))
        exchange = uuid7(when)
        leaf = {"agreement": "pax", "agreement_digest": self.digest, "build": "lie", "checked": "case,necessity",
                "envelope": hashlib.sha256(salt + canonical.canonical(json.dumps(head)).encode()).hexdigest(),
                "exchange": exchange, "form": 1, "legal_basis": "basis-1",
                "operation": "disclosure", "outcome": "released-transformed",
                "output": hashlib.sha256(salt + text.encode()).hexdigest(), "peer": "north-system", "purpose": "border",
                "recipient": "south", "tier": "T1", "time": int((when or time.time()) * 1000)}
        caveats = origin.get("caveats", [])
        if caveats is not None:
            leaf["caveats"] = hashlib.sha256(salt + canonical.canonical(json.dumps(caveats)).encode()).hexdigest()
        leaf.update(entry or {})
        raw = json.dumps({k: v for k, v in leaf.items() if v is not None}, separators=(",", ":"), sort_keys=True).encode()
        self.leaves.append(raw)
        proof = receipt_of(self.leaves, len(self.leaves) - 1, self.checkpoint(self.leaves, root))
        members = {"exchange": exchange, "agency": "north", "node": "gw1", "agreement_digest": self.digest,
                   "entry": base64.b64encode(raw).decode(), "proof": proof, "salt": salt.hex()}
        members.update({k: v for k, v in origin.items() if k != "caveats"})
        came = "" if caveats is None else f',"caveats":{canonical.canonical(json.dumps(caveats))}'
        return json.dumps({**head, **(added or {})})[:-1] + f',"record":{text},"origin":{json.dumps(members)[:-1]}{came}}}}}'

    def send(self, envelope):
        return self.client.post("pax", envelope)


class Receiver(Liar):
    """South's gateway as whoever holds its keys could drive it: takes a delivery and answers with a receipt of its own
    log, for the record that came or for something else."""

    def __init__(self, world, digest):
        super().__init__(world, digest, world.south)
        self.change, self.seen = {}, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status, answer = outer.answer(self.path, body)
                answer = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self):
                self.send_error(404)

            def log_message(self, *_):
                pass
        node = world.south
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=world.authority.cert)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(f"{node.folder}/tls/gateway.pem", f"{node.folder}/tls/gateway.key")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", node.port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None      # a daemon that stops leaves in the middle of a request
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path, body):
        """(status, JSON) of a POST."""
        if not path.startswith("/v1/agreements/"):
            return 404, {}
        self.seen += 1
        return 201, {"status": 201, "receipt": self.receipt(json.loads(body))}

    def receipt(self, body):
        entry = json.loads(base64.b64decode(body["origin"]["entry"]))
        leaf = {"agreement": "pax", "agreement_digest": self.digest, "build": "lie", "exchange": uuid7(), "input": entry["output"],
                "operation": "collection", "outcome": "released", "time": int(time.time() * 1000)}
        if "caveats" in entry:
            leaf["caveats"] = entry["caveats"]
        leaf.update(self.change)
        return self.prove(leaf)

    def prove(self, leaf):
        raw = json.dumps(leaf, separators=(",", ":"), sort_keys=True).encode()
        self.leaves.append(raw)
        extra = f"extra {base64.b64encode(raw).decode()}\n"
        return receipt_of(self.leaves, len(self.leaves) - 1, self.checkpoint(self.leaves), extra)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class LyingReceiver(unittest.TestCase):
    def test_a_receipt_for_something_else_delivers_nothing(self):
        with World() as w:
            schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
            digest = agreements.digest_of(w.agreement(agreements.passenger(digest=schema)))
            receiver = Receiver(w, digest)
            self.addCleanup(receiver.close)
            w.north.start()
            receiver.change = {"input": "0" * 64}
            _, answer = w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
            # Without the caveats it is what an older build writes, which does not keep them.
            for change in ({"input": "0" * 64}, {"operation": "refusal"}, {"agreement_digest": "0" * 64}, {"caveats": "0" * 64},
                           {"caveats": None}):
                receiver.change, before = change, receiver.seen
                wait_for(lambda: receiver.seen > before + 1)
                waiting = w.north.ask("outbox")
                self.assertEqual(waiting[0]["last_error"], "receipt-invalid", change)
            receiver.change = {}
            wait_for(lambda: w.north.ask("outbox") == [])
            self.assertEqual(w.north.ask("exchange", "show", answer["exchange"])["exchange"]["state"], "delivered")


class Versions(unittest.TestCase):
    def answers(self, supersedes_first=True, grace=3):
        """What south answers to exchanges of yesterday and of now that were decided by the first version of two."""
        with World() as w:
            schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
            old = w.agreement(agreements.passenger(digest=schema, effective_from=agreements.instant(-9)), "pax-1")
            first = agreements.digest_of(old)
            w.agreement(agreements.passenger(digest=schema, version="2", effective_from=agreements.instant(-0.5),
                                             supersedes={"digest": first if supersedes_first else "0" * 64,
                                                         "grace_until": agreements.instant(grace)}), "pax-2")
            w.south.start()
            liar = Liar(w, first)
            return [liar.send(liar.envelope(Sender.record(self), when=time.time() - ago))[0] for ago in (86400, 0)]

    def test_the_predecessor_counts_for_what_was_decided_before_its_successor(self):
        self.assertEqual(self.answers(), [201, 409])

    def test_after_its_grace_it_counts_for_nothing(self):
        self.assertEqual(self.answers(grace=-0.1), [409, 409])

    def test_only_the_version_that_was_superseded_counts(self):
        self.assertEqual(self.answers(supersedes_first=False), [409, 409])


class Sender(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        path = cls.world.agreement(agreements.passenger(digest=schema, handling={"scales": ["europol-handling", "tlp-2.0"]}))
        cls.digest = agreements.digest_of(path)
        cls.world.south.start()
        cls.liar = Liar(cls.world, cls.digest)

    def record(self, **changes):
        record = {"locator": "p1.1." + "a" * 26, "reserved_on": "2026-01-02", "travel_dates": ["2026-02-03"],
                  "travellers": [{"family": "p1.1." + "b" * 25 + "a", "given": "p1.1." + "c" * 25 + "a", "api": {"nationality": "XAA", "born": "1980"}}],
                  "itinerary": [{"flight": "XX123", "from": "AAA", "to": "BBB", "departs": "2026-02-03T10:00:00Z"}],
                  "payment": {"amount": 19.99, "currency": "XTS"}}
        record.update(changes)
        return record

    def refused(self, envelope, slug, status):
        before = self.world.south.ask("status")
        got, answer = self.liar.send(envelope)
        self.assertEqual((got, answer["type"]), (status, f"/problems/{slug}"), answer)
        self.assertIn("receipt", answer, "a refusal is audited like a release")
        after = self.world.south.ask("status")
        self.assertEqual(after["store"]["inbox"], before["store"]["inbox"])
        self.assertEqual(after["store"]["payloads"], before["store"]["payloads"])

    def test_the_truth_is_accepted_once(self):
        envelope = self.liar.envelope(self.record())
        status, answer = self.liar.send(envelope)
        self.assertEqual((status, answer["outcome"]), (201, "released"), answer)
        status, again = self.liar.send(envelope)
        self.assertEqual((status, again["exchange"]), (201, answer["exchange"]))

    def test_an_unlisted_leaf(self):
        self.refused(self.liar.envelope(self.record(remarks=["window seat"])), "output-violation", 403)

    def test_what_the_digest_does_not_cover_beside_the_record(self):
        for lie in ({"added": {"case": "case-1"}}, {"added": {"retention": "P2Y"}}, {"added": {"necessity": {}}},
                    {"added": {"handling": [{"scale": "tlp-2.0", "value": "RED"}]}}, {"entry": {"envelope": None}},
                    {"entry": {"envelope": "00" * 32}}, {"beside": {"subject_category": "victim"}, "added": {"subject_category": "other"}}):
            self.refused(self.liar.envelope(self.record(), **lie), "receipt-invalid", 403)

    def test_what_no_agreement_lets_arrive_beside_the_record(self):
        for member, value in (("case", "case-1"), ("reference", "r"), ("justifications", []), ("officer", {"certificate": "ab" * 32}),
                              ("necessity", {"explanation": "made up"})):
            self.refused(self.liar.envelope(self.record(), beside={member: value}), "output-violation", 403)

    def test_what_the_sender_has_not_checked(self):
        for checked, slug in (("necessity", "case-missing"), ("case", "necessity-incomplete"), (None, "case-missing"), ("Case,necessity", "receipt-invalid")):
            self.refused(self.liar.envelope(self.record(), entry={"checked": checked}), slug, 403)

    def test_a_clear_identifier_where_a_pseudonym_belongs(self):
        self.refused(self.liar.envelope(self.record(locator="ABC123")), "output-violation", 403)
        self.refused(self.liar.envelope(self.record(locator="p1.1." + "a" * 25)), "output-violation", 403)
        # 26 letters whose last has bits that no tag of 128 bits leaves: the schema's pattern takes it, the form does not.
        self.refused(self.liar.envelope(self.record(locator="p1.1." + "b" * 26)), "output-violation", 403)

    def test_a_date_that_is_not_cut(self):
        record = self.record()
        record["travellers"][0]["api"]["born"] = "1980-05-06"
        self.refused(self.liar.envelope(record), "output-violation", 403)

    def test_a_receipt_of_another_exchange(self):
        self.refused(self.liar.envelope(self.record(), exchange=uuid7()), "receipt-invalid", 403)
        other = json.loads(self.liar.envelope(self.record(reserved_on="2026-01-03")))["origin"]
        mine = json.loads(self.liar.envelope(self.record()))["origin"]
        mixed = self.liar.envelope(self.record(), entry=None, proof=other["proof"])
        self.refused(mixed, "receipt-invalid", 403)
        self.assertNotEqual(other["entry"], mine["entry"])

    def test_an_old_agreement(self):
        envelope = self.liar.envelope(self.record(), agreement_digest="0" * 64, entry={"agreement_digest": "0" * 64})
        self.refused(envelope, "agreement-mismatch", 409)

    def test_forged_checkpoints(self):
        self.refused(self.liar.envelope(self.record(), root=os.urandom(32)), "receipt-invalid", 403)
        origin = json.loads(self.liar.envelope(self.record()))["origin"]
        for at in (-10, -40):
            forged = origin["proof"][:at] + ("A" if origin["proof"][at] != "A" else "B") + origin["proof"][at + 1:]
            self.refused(self.liar.envelope(self.record(), proof=forged), "receipt-invalid", 403)

    def test_entries_that_say_something_else(self):
        for change in ({"recipient": "east"}, {"agreement": "other"}, {"operation": "refusal"}, {"purpose": "marketing"}, {"tier": "T0"},
                       {"legal_basis": "none"}, {"output": "0" * 64}, {"agreement_digest": "1" * 64}):
            self.refused(self.liar.envelope(self.record(), entry=change), "receipt-invalid", 403)

    def test_entries_that_say_more(self):
        """What no gateway writes into an entry would be read by whoever looks for it, and by nobody else."""
        digests = [base64.urlsafe_b64encode(hashlib.sha256(bytes([n])).digest()).decode().rstrip("=") for n in range(4)]
        for change in ({"remark": "for your eyes"}, {"note": "for your eyes"}, {"build": "for your eyes"}, {"build": "x" * 65}, {"reason": "policy"},
                       {"checked": "necessity,case"}, {"outcome": "refused"}, {"peer": "a b"}, {"_sd": sorted(digests)}, {"_sd": ["for your eyes"]},
                       {"random": "for your eyes"}):
            self.refused(self.liar.envelope(self.record(), entry=change), "receipt-invalid", 403)
        self.refused(self.liar.envelope(self.record(), beside={"retention": "P12M"}), "retention-missing", 403)
        self.assertEqual(self.liar.send(self.liar.envelope(self.record(), entry={"_sd": sorted(digests[:3])}))[0], 201)

    def test_a_record_that_the_digest_does_not_cover(self):
        envelope = self.liar.envelope(self.record()).replace("19.99", "20.00")
        self.refused(envelope, "receipt-invalid", 403)

    def test_another_spelling_of_the_record(self):
        """The choice among spellings is a message that no rule sees: what is not in the one form is refused, by its place."""
        right = canonical.canonical(json.dumps(self.record()))
        for old, new, what in (("19.99", "19.990", "a number has another spelling"), ("19.99", "1999e-2", "a number has another spelling"),
                               ('"XTS"', '"\\u0058TS"', "a character has another escape"),
                               ('"currency"', '"\\u0063urrency"', "a character has another escape"),
                               (',"currency"', ', "currency"', "there is white space between tokens"),
                               ('"amount":19.99,"currency":"XTS"', '"currency":"XTS","amount":19.99',
                                "the members of an object are not in order")):
            self.assertIn(old, right)
            envelope = self.liar.envelope(right.replace(old, new))
            self.refused(envelope, "record-form", 422)
            _, answer = self.liar.send(envelope)
            (error,) = answer["errors"]
            self.assertEqual((error["pointer"], error["code"]), ("/record", "record-form"))
            self.assertRegex(error["keyword"], rf"^byte [0-9]+: {what}$")

    def test_an_entry_that_names_no_form(self):
        """What an older build released is refused by name, and so is the form of one that is to come."""
        for form in (None, 0, 2, "1"):
            envelope = self.liar.envelope(self.record(), entry={"form": form})
            self.refused(envelope, "record-form", 422)
            self.assertEqual(self.liar.send(envelope)[1]["errors"][0]["pointer"], "/origin/entry")

    def test_caveats_that_are_not_those_of_the_entry(self):
        """Shed, changed, kept back, or of a build that has none: not taken, and not for good, for that can be mended."""
        red = {"scale": "tlp-2.0", "value": "RED"}
        digest = hashlib.sha256(b"made up").hexdigest()
        for envelope, why in ((self.liar.envelope(self.record(), entry={"caveats": digest}), "is not that of those that came"),
                              (self.liar.envelope(self.record(), caveats=[red]).replace('"RED"', '"CLEAR"'), "is not that of those that came"),
                              (self.liar.envelope(self.record(), caveats=[red], entry={"caveats": None}), "no digest of caveats"),
                              (self.liar.envelope(self.record(), caveats=None), "no digest of caveats"),
                              (self.liar.envelope(self.record(), caveats=None, entry={"caveats": digest}), "did not come with the record")):
            self.refused(envelope, "receipt-invalid", 403)
            _, answer = self.liar.send(envelope)
            self.assertIs(answer["final"], False)
            self.assertIn(why, answer["errors"][0]["keyword"])

    def test_caveats_in_another_form(self):
        """Twice, in another order, or a milder one beside the stricter: a message that no rule sees, though the entry has its
        digest. One that the agreement does not know ends the delivery."""
        red, green, h2 = ({"scale": s, "value": v} for s, v in (("tlp-2.0", "RED"), ("tlp-2.0", "GREEN"), ("europol-handling", "H2")))
        for caveats in ([red, red], [green, red], [red, h2]):
            envelope = self.liar.envelope(self.record(), caveats=caveats)
            self.refused(envelope, "receipt-invalid", 403)
            (error,) = self.liar.send(envelope)[1]["errors"]
            self.assertEqual((error["pointer"], error["keyword"]), ("/origin/caveats", "the caveats are not in their one form"))
        self.refused(self.liar.envelope(self.record(), caveats=[{"scale": "tlp-2.0", "value": "WHITE"}]), "handling-unknown", 403)
        self.assertEqual(self.liar.send(self.liar.envelope(self.record(), caveats=[h2, red]))[0], 201)

    def test_an_agency_that_is_not_the_senders(self):
        self.refused(self.liar.envelope(self.record(), agency="east"), "receipt-invalid", 403)

    def test_no_origin_from_a_gateway_and_one_from_a_system(self):
        head = agreements.envelope(self.record())
        self.refused(head, "envelope-invalid", 422)
        status, answer = self.world.client("south").post("pax", self.liar.envelope(self.record()))
        self.assertEqual((status, answer["type"]), (422, "/problems/envelope-invalid"))
