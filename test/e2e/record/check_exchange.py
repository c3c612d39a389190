"""One record from system to system over two gateways, and everything that is refused on the way."""

import base64
import hashlib
import json
import random
import shutil
import unittest

import agreements
import canonical
from world import ROOT, Client, World, read, run, wait_for


def leaf_of(receipt):
    """The audit leaf in a receipt's extra line."""
    line = next(l for l in receipt.split("\n") if l.startswith("extra "))
    return json.loads(base64.b64decode(line[6:]))


class Exchange(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        cls.world.agreement(agreements.passenger(digest=schema))
        cls.world.agreement(agreements.passenger("ended", schema, effective_from=agreements.instant(-9), sunset=agreements.instant(-1)))
        cls.world.agreement(agreements.passenger("later", schema, effective_from=agreements.instant(5)))
        # A stricter output schema than the rules make: nothing of it can leave.
        strict = f"{cls.world.folder}/strict.json"
        with open(strict, "w", encoding="utf-8") as f:
            json.dump({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["remarks"]}, f)
        for node in cls.world.nodes:
            shutil.copy(strict, f"{node.folder}/schemas/strict.json")
        cls.world.agreement(agreements.make("strict", [{"name": "passenger", "input": schema, "output": agreements.digest_of(strict)}],
                                            {"border": "passenger"}, agreements.PASSENGER_RULES))
        # Systems of agencies that are no party here.
        cls.east = cls.world.authority.leaf("system-east", "spiffe://east.example/system")
        cls.world.add_system(cls.world.north, "east", "east-system", cls.east[0])
        cls.feed = cls.world.authority.leaf("feed", "spiffe://north.example/feed")
        cls.world.add_system(cls.world.north, "north", "north-feed", cls.feed[0])
        cls.world.add_system(cls.world.south, "north", "north-guest", cls.world.systems["north"][0])
        cls.world.start()
        cls.north, cls.south = cls.world.client("north"), cls.world.client("south")
        cls.number = 0

    def record(self):
        type(self).number += 1
        return agreements.passenger_record(self.number)

    def post(self, envelope, agreement="pax", **more):
        return self.north.post(agreement, envelope, **more)

    def refused(self, envelope, slug, status=None, agreement="pax", audited=True, **more):
        got, answer = self.post(envelope, agreement, **more)
        self.assertEqual(answer["type"], f"/problems/{slug}", answer)
        self.assertEqual(got, answer["status"])
        if status:
            self.assertEqual(got, status)
        self.assertEqual(self.north.fields["content-type"], "application/problem+json")
        self.assertEqual(audited, "receipt" in answer)
        if audited:
            leaf = leaf_of(answer["receipt"])
            self.assertEqual(leaf["operation"], "refusal")
            self.assertEqual(leaf["exchange"], answer["exchange"])
            self.assertNotIn(slug, json.dumps(leaf), "the leaf holds the coarse reason only")
        return answer

    def fetched(self, output):
        """The inbox item whose record has this salted digest."""
        def look():
            for item in self.south.inbox()["items"]:
                if item["kind"] == "record" and self.origin_of(item) == output:
                    return item
            return None
        return wait_for(look)

    def origin_of(self, item):
        """The output digest of the collection entry that south made for an item."""
        shown = self.world.south.ask("exchange", "show", item["exchange"])
        return shown["entry"]["input"]

    def test_released_transformed_delivered_fetched(self):
        record = self.record()
        status, answer = self.post(agreements.envelope(record))
        self.assertEqual((status, answer["outcome"]), (201, "released-transformed"), answer)
        self.assertEqual(self.north.fields["location"], f"/v1/exchanges/{answer['exchange']}")
        leaf = leaf_of(answer["receipt"])
        item = self.fetched(leaf["output"])
        out = item["record"]
        self.assertEqual(out["payment"], {"amount": 19.99, "currency": "XTS"})
        self.assertEqual(out["travellers"][0]["api"], {"nationality": "XAA", "born": "1980"})
        for name in ("family", "given"):
            self.assertRegex(out["travellers"][0][name], r"^p1\.1\.[a-z2-7]{26}$")
        for dropped in ("contact", "remarks"):
            self.assertNotIn(dropped, out)
        self.assertNotIn("card", out["payment"])
        self.assertNotIn(record["travellers"][0]["family"], json.dumps(item))
        # South's own output digest covers what its system was given.
        shown = self.world.south.ask("exchange", "show", item["exchange"])
        text = json.dumps(out, separators=(",", ":"), ensure_ascii=False).encode()
        self.assertEqual(hashlib.sha256(bytes.fromhex(item["salt"]) + text).hexdigest(), shown["entry"]["output"])
        self.assertNotIn("case", shown["disclosures"], "the case stays where no clause lets it leave")
        self.assertEqual(self.world.north.ask("exchange", "show", answer["exchange"])["disclosures"]["case"], "case-1")
        # Both receipts, and the end of the payload on both sides.
        status, _, body = self.north.request("GET", f"/v1/exchanges/{answer['exchange']}")
        state = json.loads(body)
        self.assertEqual((status, state["state"]), (200, "delivered"))
        self.assertEqual(leaf_of(state["partner_receipt"])["input"], leaf["output"])
        status, ack = self.south.ack(item["id"])
        self.assertEqual((status, ack["first"]), (200, True))
        status, again = self.south.ack(item["id"])
        self.assertEqual((status, again["first"]), (200, False))
        self.assertNotIn(item["exchange"], [i["exchange"] for i in self.south.inbox()["items"]])
        self.assertEqual(self.south.request("GET", f"/v1/exchanges/{item['exchange']}/record")[0], 404)

    def test_same_person_same_pseudonym(self):
        record = self.record()
        seen = []
        for _ in range(2):
            _, answer = self.post(agreements.envelope(record))
            seen.append(self.fetched(leaf_of(answer["receipt"])["output"])["record"])
        self.assertEqual(seen[0], seen[1])

    def test_numbers_leave_exactly(self):
        record = json.dumps(agreements.envelope(self.record())).replace("19.99", "123456789012345678.250")
        status, answer = self.post(record)
        self.assertEqual(status, 201, answer)
        output = leaf_of(answer["receipt"])["output"]
        self.fetched(output)
        _, _, body = self.south.request("GET", "/v1/inbox")
        self.assertIn(b'"amount":123456789012345678.25,', body)

    def arrived(self, output):
        """The text of the record that south's system is given for this salted digest."""
        item = self.fetched(output)
        status, _, body = self.south.request("GET", f"/v1/exchanges/{item['exchange']}/record")
        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(body), item["record"])
        return body.decode()

    def test_no_message_in_the_spelling(self):
        """Escapes, spellings of numbers, order of members and white space are chosen at random for one record each time;
        the same bytes arrive, in the one form."""
        random_bits, record, seen = random.Random(20261128), self.record(), set()
        record["travellers"][0]["api"]["nationality"] = "XBB"
        head = agreements.envelope(None)
        del head["record"]
        sent = set()
        for _ in range(5):
            text = canonical.whisper(canonical.parse(json.dumps(record)), random_bits)
            sent.add(text)
            status, answer = self.post(json.dumps(head)[:-1] + f',"record":{text}}}')
            self.assertEqual(status, 201, answer)
            leaf = leaf_of(answer["receipt"])
            self.assertEqual(leaf["form"], 1)
            out = self.arrived(leaf["output"])
            self.assertEqual(out, canonical.canonical(out))
            seen.add(out)
        self.assertEqual((len(sent), len(seen)), (5, 1), seen)
        self.assertIn("XBB", seen.pop())

    def test_errors_say_where_and_what_may_stand_there(self):
        """To the systems of the agreement's parties; between gateways it is nobody's to choose."""
        answer = self.refused(agreements.envelope(self.record(), purpose="marketing", tier="T2"), "purpose-not-permitted", 403)
        self.assertTrue(answer["detail"].startswith("/purpose: "), answer["detail"])
        self.assertTrue(answer["detail"].endswith(" The agreement lists: border."), answer["detail"])
        allowed = {e["pointer"]: e.get("allowed") for e in answer["errors"]}
        self.assertEqual((allowed["/purpose"], allowed["/tier"]), (["border"], ["T1"]))
        self.assertNotIn("marketing", json.dumps(answer))
        answer = self.refused(agreements.envelope(self.record()) | {"case": "x" * 300}, "envelope-invalid", 422)
        self.assertTrue(answer["detail"].startswith("/case: "), answer["detail"])
        self.assertNotIn("xxx", answer["detail"])
        status, _, body = self.north.request("GET", "/problems/purpose-not-permitted")
        page = json.loads(body)
        self.assertEqual((status, page["documentation"]), (200, "doc/errors.md#purpose-not-permitted"))
        self.assertIn(page["detail"], read(f"{ROOT}/doc/errors.md"))
        status, _, body = self.north.request("GET", "/v1/exchanges?since=never")
        self.assertEqual((status, json.loads(body)["detail"]), (400, "since: give an instant after RFC 3339, as 2026-01-31T00:00:00Z."))

    def test_replay_conflict(self):
        envelope = agreements.envelope(self.record())
        first = self.post(envelope, key="one-key")[1]
        status, again = self.post(envelope, key="one-key")
        self.assertEqual((status, again), (201, first))
        self.assertEqual(self.north.fields["idempotency-replayed"], "true")
        self.refused(agreements.envelope(self.record()), "key-reused", 422, audited=False, key="one-key")
        refused = self.post(agreements.envelope(self.record(), purpose="marketing"), key="two-key")[1]
        again = self.post(agreements.envelope(self.record(), purpose="marketing"), key="three-key")[1]
        self.assertNotEqual(refused["exchange"], again["exchange"])

    def test_refusals_by_name(self):
        e, r = agreements.envelope, self.record
        self.refused(e(r(), purpose="marketing"), "purpose-not-permitted", 403)
        self.refused(e(r(), legal_basis="none"), "no-legal-basis", 403)
        self.refused(e(r(), tier="T2"), "tier-unknown", 403)
        self.refused(e(r(), case=None) | {"case": "x"} | {"necessity": {}}, "necessity-incomplete", 403)
        self.refused({k: v for k, v in e(r()).items() if k != "case"}, "case-missing", 403)
        self.refused(e(r(), subject_category="convicted"), "category-unknown", 403)
        self.refused(e(r(), retention="P9Y"), "retention-over-max", 403)
        self.refused(e(r(), exception="anything"), "exception-unknown", 403)
        self.refused(e(r()), "agreement-sunset", 403, agreement="ended")
        self.refused(e(r()), "agreement-not-effective", 403, agreement="later")
        self.refused(e(r()), "agreement-unknown", 404, agreement="no-such")
        self.refused(e(r(), surprise=1), "envelope-invalid", 422)
        self.refused('{"purpose":', "bad-json", 400)
        self.refused('{"a":1,"a":2}', "bad-json", 400)

    def test_all_failed_rules_are_told(self):
        answer = self.refused(agreements.envelope(self.record(), purpose="marketing", tier="T2", exception="x"), "purpose-not-permitted")
        codes = {e["code"] for e in answer["errors"]}
        self.assertGreaterEqual(len(codes), 2, answer["errors"])

    def test_schema_violations_repeat_no_value(self):
        record = self.record()
        record["locator"] = "lower-case-secret"
        record["payment"]["amount"] = "a-secret-amount"
        record["secret-member"] = "secret-value"
        answer = self.refused(agreements.envelope(record), "schema-violation", 422)
        self.assertNotIn("secret", json.dumps(answer))
        pointers = {e["pointer"] for e in answer["errors"]}
        self.assertIn("/locator", pointers)
        self.assertIn("/payment/amount", pointers)

    def test_http_refusals(self):
        c = self.north
        envelope = json.dumps(agreements.envelope(self.record()))
        digest = base64.b64encode(hashlib.sha256(envelope.encode()).digest()).decode()
        self.assertEqual(c.post("pax", envelope, content_digest=f"sha-256=:{digest}:")[0], 201)
        self.refused(envelope + " ", "digest-mismatch", 400, audited=False, content_digest=f"sha-256=:{digest}:")
        self.refused(envelope, "media-type", 415, audited=False, content_type="text/plain")
        for method, path, status in (("GET", "/v1/agreements/pax/records", 405), ("GET", "/nothing", 404), ("DELETE", "/v1/inbox", 405),
                                     ("GET", "/v1/exchanges/0", 404), ("GET", "/tile/entries/000.p/1", 403), ("POST", "/v1/inbox/1/nack", 404)):
            self.assertEqual(c.request(method, path)[0], status, path)

    def test_lines(self):
        good, bad = agreements.envelope(self.record()), agreements.envelope(self.record(), purpose="marketing")
        lines = [json.dumps({**good, "key": "line-1"}), json.dumps(bad), "{", json.dumps({**good, "key": "line-1"})]
        status, _, body = self.north.request("POST", "/v1/agreements/pax/records", "\n".join(lines) + "\n", content_type="application/x-ndjson")
        answers = [json.loads(l) for l in body.decode().strip().split("\n")]
        self.assertEqual(status, 200)
        self.assertEqual([a["status"] for a in answers], [201, 403, 400, 201])
        self.assertEqual(answers[3]["exchange"], answers[0]["exchange"])
        status, _, _ = self.north.request("POST", "/v1/agreements/pax/records", "{}\n", content_type="application/x-ndjson", idempotency_key="x")
        self.assertEqual(status, 400)

    def test_validate_stores_no_record(self):
        before = self.world.north.ask("status")["store"]["exchanges"]
        status, answer = self.north.post("pax", agreements.envelope(self.record()), what="validate")
        self.assertEqual((status, answer["outcome"]), (200, "released-transformed"))
        self.assertEqual(leaf_of(answer["receipt"])["operation"], "validation")
        self.assertEqual(self.world.north.ask("status")["store"]["exchanges"], before)

    def test_what_binds_you(self):
        _, _, body = self.north.request("GET", "/v1/agreements")
        self.assertIn("pax", [a["agreement"]["id"] for a in json.loads(body)["agreements"]])
        status, fields, body = self.north.request("GET", "/v1/agreements/pax/summary")
        self.assertEqual((status, fields["content-type"]), (200, "text/plain; charset=utf-8"))
        self.assertIn(b"Made-up agreement pax", body)
        self.assertEqual(self.north.request("GET", "/v1/agreements/pax/schema")[0], 200)
        self.assertEqual(self.north.request("GET", "/problems/schema-violation")[0], 200)

    def test_the_output_schema_is_checked_on_what_leaves(self):
        self.refused(agreements.envelope(self.record()), "output-violation", 403, agreement="strict")

    def test_exchanges_are_shown_to_their_parties_only(self):
        _, answer = self.post(agreements.envelope(self.record()))
        path = f"/v1/exchanges/{answer['exchange']}"
        east = Client(self.world, self.world.north, *self.east)
        for what in ("", "/receipt", "/notices", "/record"):
            self.assertEqual(east.request("GET", path + what)[0], 404, what)
        self.assertEqual(self.north.request("GET", path)[0], 200)
        self.assertEqual(self.north.request("GET", path + "/record")[0], 404, "the provider reads no record here")
        self.assertEqual(json.loads(east.request("GET", "/v1/agreements")[2])["agreements"], [])
        self.assertEqual(east.request("GET", "/v1/agreements/pax")[0], 404)
        self.assertEqual(east.post("pax", agreements.envelope(self.record()))[1]["type"], "/problems/agreement-unknown")

    def test_a_system_lists_what_it_has_sent(self):
        """What another system of the same agency, the partner's gateway and the partner's system sent is not listed to it."""
        def listed(client, query=""):
            status, _, body = client.request("GET", f"/v1/exchanges{query}")
            self.assertEqual(status, 200, body)
            return json.loads(body)
        other = Client(self.world, self.world.north, *self.feed)
        mine = [self.post(agreements.envelope(self.record()), key=f"listed-{n}")[1]["exchange"] for n in range(3)]
        theirs = other.post("pax", agreements.envelope(self.record()))[1]["exchange"]
        bad = self.refused(agreements.envelope(self.record(), purpose="marketing"), "purpose-not-permitted")["exchange"]
        page = listed(self.north)
        self.assertEqual([x["exchange"] for x in page["exchanges"][:4]], [bad, *reversed(mine)])
        self.assertEqual(page["exchanges"][1]["key"], "listed-2")
        self.assertNotIn(theirs, [x["exchange"] for x in page["exchanges"]])
        self.assertEqual([x["exchange"] for x in listed(other)["exchanges"]], [theirs])
        self.assertEqual([x["exchange"] for x in listed(self.south)["exchanges"]], [], "it received, and sent nothing")
        self.assertEqual(listed(self.north, "?outcome=refused&limit=1")["exchanges"][0]["exchange"], bad)
        self.assertEqual(listed(self.north, f"?since={agreements.instant(1)}"), {"exchanges": [], "more": False})
        # Page by page it is the same.
        seen, query = [], "?limit=2"
        while True:
            part = listed(self.north, query)
            seen += [x["exchange"] for x in part["exchanges"]]
            if not part["more"]:
                break
            query = f"?limit=2&before={part['next']}"
        self.assertEqual(seen[:4], [bad, *reversed(mine)])
        self.assertEqual(len(seen), len(set(seen)))
        for query in ("?agrement=pax", "?state=lost", "?before=0", "?before=x", "?limit=1000", "?since=yesterday"):
            status, _, body = self.north.request("GET", f"/v1/exchanges{query}")
            self.assertEqual((status, json.loads(body)["type"]), (400, "/problems/bad-query"), query)
        gateway = Client(self.world, self.world.north, *(f"{self.world.south.folder}/tls/gateway.{x}" for x in ("pem", "key")))
        status, _, body = gateway.request("GET", "/v1/exchanges")
        self.assertEqual((status, json.loads(body)["type"]), (403, "/problems/role-denied"))

    def test_an_inbox_is_its_own_agencys(self):
        guest = Client(self.world, self.world.south, *self.world.systems["north"])
        self.assertEqual(guest.request("GET", "/v1/inbox")[0], 403)
        self.assertEqual(guest.request("POST", "/v1/inbox/1/ack", "")[0], 403)

    def test_audit_verifies_and_mirror_follows(self):
        self.post(agreements.envelope(self.record()))
        for node in self.world.nodes:
            vkey = open(f"{node.folder}/audit.vkey", encoding="ascii").read().strip()
            node.ctl("audit", "verify", "--key", vkey, f"{node.folder}/store/gatewayd.db")
            indices = [e["index"] for e in node.entries()]
            self.assertEqual(indices, list(range(len(indices))))

    def test_receipt_verifies_offline(self):
        _, answer = self.post(agreements.envelope(self.record()))
        path = f"{self.world.folder}/receipt"
        with open(path, "w", encoding="utf-8") as f:
            f.write(answer["receipt"])
        vkey = open(f"{self.world.north.folder}/audit.vkey", encoding="ascii").read().strip()
        other = open(f"{self.world.south.folder}/audit.vkey", encoding="ascii").read().strip()
        self.world.north.ctl("audit", "verify-receipt", "--key", vkey, path)
        self.assertNotEqual(self.world.north.ctl("audit", "verify-receipt", "--key", other, path, ok=False)[0], 0)

    def test_reload_keeps_the_running_configuration_on_error(self):
        bad = f"{self.world.north.folder}/agreements/broken.json"
        with open(bad, "w", encoding="utf-8") as f:
            f.write('{"id":1}')
        status, _, err = self.world.north.ctl("reload", ok=False)
        self.assertEqual(status, 1)
        self.assertIn("broken.json", err)
        run("rm", bad)
        self.assertEqual(self.post(agreements.envelope(self.record()))[0], 201)
        self.world.north.ctl("reload")
        self.assertEqual(self.post(agreements.envelope(self.record()))[0], 201)

    def test_drain(self):
        self.world.north.ctl("drain")
        try:
            self.refused(agreements.envelope(self.record()), "unavailable", 503, audited=False)
            self.assertEqual(self.world.north.get_monitor("/readyz")[0], 503)
        finally:
            self.world.north.ctl("drain", "off")
        self.assertEqual(self.post(agreements.envelope(self.record()))[0], 201)
        self.assertIn("gatewayd_exchanges_released_total", self.world.north.get_monitor("/metrics")[1])

    def test_strangers_are_counted_not_logged(self):
        before = self.world.north.ask("status")
        stranger = self.world.authority.leaf("stranger", "spiffe://nobody.example/system")
        c = Client(self.world, self.world.north, *stranger)
        status, answer = c.post("pax", agreements.envelope(self.record()))
        self.assertEqual((status, answer["type"]), (403, "/problems/partner-unknown"))
        after = self.world.north.ask("status")
        self.assertEqual(after["since_start"]["strangers"], before["since_start"]["strangers"] + 1)
        self.assertEqual(after["store"]["entries"], before["store"]["entries"])


class Retention(unittest.TestCase):
    def test_timers_fire_and_the_erasure_is_logged(self):
        with World(moved_clock=True) as w:
            schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
            w.agreement(agreements.passenger(digest=schema, retention={"payload": "PT3M", "copy": "P1Y", "at_end": "erase"}))
            w.start()
            _, answer = w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
            due = wait_for(lambda: w.south.ask("retention", "due"))
            self.assertEqual(due[0]["kind"], "erase")
            exchange = due[0]["exchange"]
            w.clock.move(180)
            wait_for(lambda: w.south.ask("status")["since_start"]["timers_fired"] == 1)
            self.assertEqual(w.south.ask("retention", "due"), [])
            self.assertEqual(w.south.ask("exchange", "show", exchange)["exchange"]["state"], "erased")
            self.assertEqual(w.client("south").inbox()["items"], [])
            erasures = [e for e in w.south.entries() if e["operation"] == "erasure" and e.get("exchange") == exchange]
            self.assertEqual(len(erasures), 1)

    def test_what_fell_due_while_it_was_down_runs_first(self):
        with World(moved_clock=True) as w:
            schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
            w.agreement(agreements.passenger(digest=schema, retention={"payload": "PT2M", "copy": "P1Y", "at_end": "erase"}))
            w.north.start()
            w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
            w.north.stop()
            w.clock.move(120)
            w.north.start()
            self.assertEqual(w.north.ask("status")["store"]["payloads"], 0)
            self.assertEqual(w.north.ask("exchange", "list")[0]["state"], "failed")


class Delivery(unittest.TestCase):
    def test_retried_until_it_arrives_once_in_effect(self):
        with World() as w:
            schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
            w.agreement(agreements.passenger(digest=schema))
            w.north.start()
            _, answer = w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
            wait_for(lambda: w.north.ask("outbox")[0]["attempts"] >= 2)
            w.north.stop()
            w.north.start()
            w.south.start()
            wait_for(lambda: w.north.ask("outbox") == [])
            self.assertEqual(len(w.client("south").inbox()["items"]), 1)
            self.assertEqual(w.north.ask("exchange", "show", answer["exchange"])["exchange"]["state"], "delivered")

    def test_a_version_that_only_one_side_holds_waits(self):
        with World() as w:
            schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
            old = w.agreement(agreements.passenger(digest=schema))
            new = agreements.passenger(digest=schema, version="2", effective_from=agreements.instant(-0.5),
                                       supersedes={"digest": agreements.digest_of(old), "grace_until": agreements.instant(3)})
            path = f"{w.folder}/pax-2.json"
            with open(path, "w", encoding="utf-8") as f:
                json.dump(new, f)
            w.sign(path)
            w.north.add_agreement(path)
            w.start()
            _, answer = w.client("north").post("pax", agreements.envelope(agreements.passenger_record()))
            self.assertEqual(answer["agreement_digest"], agreements.digest_of(path))
            wait_for(lambda: w.north.ask("outbox")[0]["last_error"] == "agreement-mismatch")
            w.south.add_agreement(path)
            w.south.ctl("reload")
            wait_for(lambda: w.north.ask("outbox") == [])
            self.assertEqual(len(w.client("south").inbox()["items"]), 1)
