"""Acts of persons between two gateways: in force at both within a second, counted once, and refused, and logged, with the place where
something is wrong."""

import hashlib
import http.client
import json
import os
import signal
import threading
import time
import unittest
import uuid

import agreements
from acting import instant, world_with_council
from world import Client, read, run, wait_for, write

PLACES = ("north", "south")
ACTS = int(os.environ.get("ACTS", "100"))   # of four clients at once
KILLS = int(os.environ.get("KILLS", "5"))


class Acting(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world, cls.council = world_with_council()
        cls.addClassCleanup(cls.world.close)
        cls.world.start()
        cls.north = cls.world.client("north")
        cls.number = 0

    def send(self, **more):
        type(self).number += 1
        return self.north.post("pax", agreements.envelope(agreements.passenger_record(self.number), **more))

    def everywhere(self, digest, state="in-force", seconds=10):
        return wait_for(lambda: all(self.council.state(digest, p) == state for p in PLACES), seconds)

    def lift(self, digest):
        text = self.council.act("lift", lifts=digest)
        status, answer = self.council.show(text, "seat-privacy", "seat-ombud")
        self.assertEqual((status, answer.get("state")), (200, "ended"), answer)
        self.everywhere(digest, "lifted")

    def entries(self, node, digest):
        return [e for e in node.entries() if e["operation"] == "act" and e.get("input") == digest]


class Acts(Acting):
    def test_one_seat_stops_and_starting_again_takes_the_privacy_seat(self):
        self.assertEqual(self.send()[0], 201)
        text = self.council.act("suspend", {"purpose": "border"})
        began = time.monotonic()
        status, answer = self.council.show(text, "seat-south")
        self.assertEqual((status, answer.get("state")), (200, "in-force"), answer)
        digest = answer["act"]
        self.assertEqual((self.send()[0], self.send()[1]["type"]), (403, "/problems/agreement-suspended"))
        self.everywhere(digest)
        took = time.monotonic() - began
        # Two agencies are as many as the threshold, and never enough.
        lift = self.council.act("lift", lifts=digest)
        status, answer = self.council.show(lift, "seat-north", "seat-south")
        self.assertEqual((status, answer["state"], answer["lacks"]), (202, "open", "1 of privacy"))
        self.assertEqual(self.send()[0], 403)
        # One signature more, at the other gateway: counted there with those that came from here.
        self.assertIn(self.council.show(lift, "seat-privacy", node="south")[0], (200, 202))
        self.everywhere(digest, "lifted")
        self.assertEqual(self.send()[0], 201)
        for node in self.world.nodes:
            notes = [e["note"] for e in self.entries(node, digest)]
            self.assertEqual((notes[0], notes[-1]), ("suspend: in-force", "suspend: lifted"), notes)
        print(f"acts: in force at both gateways after {took:.2f} s")


class Vetoes(Acting):
    def test_a_veto_of_one_seat_is_provisional_and_confirmed_it_is_final(self):
        text = self.council.act("veto", {"purpose": "border"})
        status, answer = self.council.show(text, "seat-ombud")
        self.assertEqual((status, answer["state"]), (200, "provisional"), answer)
        self.assertEqual(self.send()[1]["type"], "/problems/not-permitted")
        status, answer = self.council.show(text, "seat-privacy", node="south")
        self.everywhere(answer["act"])
        self.lift(answer["act"])
        # The same seat again within ninety days is an extension, which takes as many as a lift.
        again = self.council.act("veto", {"purpose": "border"})
        status, answer = self.council.show(again, "seat-ombud")
        self.assertEqual((status, answer["state"]), (202, "open"), answer)
        self.assertEqual(self.send()[0], 201)


class Again(Acting):
    def test_what_is_shown_again_counts_once(self):
        text = self.council.act("suspend", {"partner": "south"})
        signature = self.council.sign(text, "seat-privacy")
        first = self.council.show(text, signatures=[signature])[1]
        size = len(self.world.north.entries())
        for node in PLACES:
            for _ in range(3):
                status, again = self.council.show(text, signatures=[signature], node=node)
                self.assertEqual((status, again["state"]), (200, "in-force"))
        self.assertEqual(again["first"], False)
        self.everywhere(first["act"])
        self.assertEqual(len(self.entries(self.world.north, first["act"])), 1)
        self.assertLessEqual(len(self.world.north.entries()) - size, 8)     # starts of witnesses, and none of the act's
        self.lift(first["act"])
        # Lifted is lifted: the signed bytes are there for ever, and stop nothing any more.
        status, answer = self.council.show(text, signatures=[signature])
        self.assertEqual((status, answer["type"]), (409, "/problems/act-expired"), answer)
        self.assertEqual(self.send()[0], 201)


class Others(Acting):
    def test_only_what_is_actual_has_an_effect(self):
        for word in ("Exercise", "System", "Test"):
            status, answer = self.council.show(self.council.act("suspend", status=word), "seat-privacy")
            self.assertEqual((status, answer["state"]), (200, "in-force"), answer)
        self.assertEqual(self.send()[0], 201)

    def bad(self):
        """(what is wrong, text, signatures, status, slug)."""
        c, w = self.council, self.world
        good = c.act("suspend")
        stranger = w.authority.leaf("stranger", "spiffe://west.example/stranger", "emailProtection")
        def own(**m): return c.act("suspend", **m)
        def signed(text, *seats): return [c.sign(text, seat) for seat in seats or ("seat-privacy",)]
        def row(what, text, status=422, slug="act-invalid", seats=()): return (what, text, signed(text, *seats), status, slug)
        def raw(**m):
            doc = json.loads(good); doc.update(m); return json.dumps({k: v for k, v in doc.items() if v is not None})
        yield row("no JSON", "{")
        yield row("a list", "[]")
        yield row("no kind", raw(act=None))
        yield row("an unknown kind", raw(act="abolish"))
        yield row("an unknown member", raw(extra=1))
        yield row("a member twice", good[:-1] + ', "act": "suspend"}')
        yield row("no ground", raw(ground=None))
        yield row("an empty ground", raw(ground=""))
        yield row("a ground of 64 KiB", raw(ground="x" * 65536))
        yield row("a ground of 5,000 characters", raw(ground="x" * 5000))
        yield row("a status that is none", raw(status="Draft"))
        yield row("an id that is none", raw(id="1"))
        yield row("issued tomorrow", own(issued=instant(1), until=instant(4)))
        yield row("collected before it was issued", own(collect_until=instant(-1)))
        yield row("collected for 31 days", own(collect_until=instant(31)))
        yield row("no end", raw(until=None))
        yield row("an end before its issue", own(until=instant(-1)))
        yield row("an end in 31 days", own(until=instant(31)))
        yield row("a veto with an end", c.act("veto", until=instant(2)))
        yield row("a restriction without a tier", c.act("restrict-tier"))
        yield row("a restriction to what is no tier", c.act("restrict-tier", max="T9"))
        yield row("a restriction of one tier", c.act("restrict-tier", {"tier": "T1"}, max="T0"))
        yield row("a suspension of one exchange", c.act("suspend", {"exchange": str(uuid.uuid4())}))
        yield row("a lift of nothing", c.act("lift"))
        yield row("a lift of an act that is not here", c.act("lift", lifts="0" * 64), seats=("seat-privacy", "seat-ombud"))
        yield row("a lift with a scope", c.act("lift", {"purpose": "border"}, lifts="0" * 64))
        yield row("a termination with an end", c.act("terminate", until=instant(2)))
        yield row("a scope with a script", raw(about={"purpose": "<script>alert(1)</script>"}))
        yield row("an unknown scope", raw(about={"person": "x"}))
        yield row("another agreement", raw(agreement={"id": "nobodys", "digest": c.digest}), 403, "act-foreign")
        yield row("another version", raw(agreement={"id": "pax", "digest": "0" * 64}), 409, "act-stale-agreement")
        yield row("a purpose that is none", c.act("suspend", {"purpose": "marketing"}), 403, "act-foreign")
        yield row("a basis that is none", c.act("suspend", {"legal_basis": "hearsay"}), 403, "act-foreign")
        yield row("a partner that is none", c.act("suspend", {"partner": "west"}), 403, "act-foreign")
        yield row("an exception that is none", c.act("suspend", {"exception": "any"}), 403, "act-foreign")
        yield row("collection that is over", own(issued=instant(-10), collect_until=instant(-9), until=instant(3)), 409, "act-expired")
        yield row("an effect that is over", own(issued=instant(-10), collect_until=instant(2), until=instant(-1)), 409, "act-expired")
        yield ("signed over other bytes", good, [c.sign(good + " ", "seat-privacy")], 422, "act-invalid")
        yield ("signed by a stranger", good, [c.sign(good, stranger)], 422, "act-invalid")
        yield ("signed by a party that is no seat", good, [c.sign(good, w.signers["north"])], 422, "act-invalid")
        yield ("one good signature and a stranger's", good, [c.sign(good, "seat-privacy"), c.sign(good, stranger)], 422, "act-invalid")
        yield ("the same seat twice", good, [c.sign(good, "seat-north"), c.sign(good, "seat-north")], 409, "seat-twice")
        two = f"{w.folder}/two"
        write(two, good)
        for command, source, seat in (("-sign", ["-in", two], "seat-north"), ("-resign", ["-in", f"{two}.p7s", "-inform", "PEM"], "seat-south")):
            cert, key = c.people[seat]
            run("openssl", "cms", command, "-binary", *source, "-signer", cert, "-inkey", key, "-md", "sha256", "-outform", "PEM", "-out", f"{two}.new")
            os.replace(f"{two}.new", f"{two}.p7s")
        yield ("two signers in one signature", good, [read(f"{two}.p7s")], 422, "act-invalid")
        yield ("the text within the signature", good, [c.sign(good, "seat-north", "-nodetach")], 422, "act-invalid")
        yield ("SHA-1", good, [c.sign(good, "seat-north", "-md", "sha1")], 422, "act-invalid")
        yield ("no signature", good, ["-----BEGIN CMS-----\nAAAA\n-----END CMS-----\n"], 422, "act-invalid")
        yield ("signed as an exercise, shown as actual", good, [c.sign(own(status="Exercise"), "seat-north")], 422, "act-invalid")

    def test_bad_acts_are_refused_and_logged(self):
        before = len([e for e in self.world.north.entries() if e["operation"] == "act" and e["outcome"] == "refused"])
        rows = list(self.bad())
        for what, text, signatures, status, slug in rows:
            got, answer = self.council.show(text, signatures=signatures)
            self.assertEqual((what, got, answer.get("type")), (what, status, f"/problems/{slug}"), answer)
            self.assertIn("receipt", answer, what)
            self.assertTrue(answer["errors"][0]["detail"], what)
            self.assertNotIn("<script>", json.dumps(answer), what)
        logged = len([e for e in self.world.north.entries() if e["operation"] == "act" and e["outcome"] == "refused"]) - before
        self.assertEqual(logged, len(rows))
        self.assertEqual(self.send()[0], 201)
        # The same once more makes no entry.
        what, text, signatures, status, slug = rows[0]
        self.assertEqual(self.council.show(text, signatures=signatures)[0], status)
        again = len([e for e in self.world.north.entries() if e["operation"] == "act" and e["outcome"] == "refused"]) - before
        self.assertEqual(again, len(rows))
        print(f"acts: {len(rows)} bad acts, {len(rows)} refused, {logged} logged")

    def test_forms_of_requests(self):
        post = self.council.clients["north"].request
        for body in ("", "[]", "{}", '{"act": 1, "signatures": ["x"]}', '{"act": "x"}', '{"act": "x", "signatures": []}',
                     '{"act": "x", "signatures": [1]}', '{"act": "x", "signatures": ["y"], "more": 1}', '{"act": "x", "act": "y", "signatures": ["z"]}'):
            status, _, answer = post("POST", "/v1/acts", body)
            self.assertEqual((body, status), (body, 422), answer)
        self.assertEqual(post("POST", "/v1/acts", "x", content_type="text/plain")[0], 415)
        self.assertEqual(post("POST", f"/v1/acts/{'0' * 64}/signatures", {"signatures": ["x"]})[0], 404)
        self.assertEqual(post("POST", "/v1/acts/x/signatures", {"signatures": ["x"]})[0], 404)
        self.assertEqual(post("GET", f"/v1/acts/{'0' * 64}")[0], 404)
        self.assertEqual(post("GET", "/v1/acts?after=x")[0], 400)
        # A system acts for nobody.
        self.assertEqual(self.north.request("POST", "/v1/acts", {"act": "x", "signatures": ["y"]})[0], 403)
        self.assertEqual(self.north.request("GET", "/v1/acts")[0], 403)

    def test_many_at_once_each_in_force_once(self):
        """Four clients, two at each gateway, all showing all of them."""
        acts = [self.council.act("suspend", status="Exercise") for _ in range(ACTS)]
        shown = [(text, [self.council.sign(text, "seat-privacy")]) for text in acts]
        states, wrong, messenger = {}, [], self.world.authority.leaf("messenger", "spiffe://council.example/messenger")
        def show(node, at):
            client = Client(self.world, self.world.north if node == "north" else self.world.south, *messenger)
            for i in range(len(shown)):
                text, signatures = shown[(at + i) % len(shown)]
                status, _, body = client.request("POST", "/v1/acts", {"act": text, "signatures": signatures})
                answer = json.loads(body)
                if status != 200 or answer["state"] != "in-force":
                    wrong.append(answer)
                else:
                    states[answer["act"]] = True
            client.close()
        threads = [threading.Thread(target=show, args=(PLACES[i % 2], i * len(shown) // 4)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(300)
        self.assertEqual(wrong, [])
        self.assertEqual(len(states), ACTS)
        for node in self.world.nodes:
            wait_for(lambda n=node: n.entries())
            in_force = [e["input"] for e in node.entries() if e["operation"] == "act" and e["note"] == "suspend: in-force" and e["input"] in states]
            self.assertEqual((len(in_force), len(set(in_force))), (ACTS, ACTS))
        print(f"acts: {ACTS} from 4 clients at 2 gateways, each in force once")


class Down(Acting):
    def test_a_partner_that_is_down_is_told_when_it_is_back(self):
        self.world.south.stop()
        digest = self.council.show(self.council.act("suspend"), "seat-north")[1]["act"]
        self.assertEqual(self.send()[0], 403)
        self.council.clients["south"].close()
        self.world.south.start()
        self.everywhere(digest)
        # Neither a restart nor a reload lifts it.
        for node in self.world.nodes:
            node.ctl("reload")
            node.stop()
            node.start()
        for client in (*self.council.clients.values(), self.north):
            client.close()
        self.assertEqual(self.send()[0], 403)
        self.everywhere(digest)
        self.lift(digest)
        self.assertEqual(self.send()[0], 201)

    def test_killed_in_the_midst_it_is_in_force_or_not_there(self):
        """The answer is what counts: what was answered stands after the kill, at both gateways."""
        kept = {True: 0, False: 0}
        for i in range(KILLS):
            text = self.council.act("suspend", status="Exercise")
            signature = self.council.sign(text, "seat-privacy")
            killer = threading.Timer(0.002 * i, lambda: os.kill(self.world.north.process.pid, signal.SIGKILL))
            killer.start()
            try:
                answered = self.council.show(text, signatures=[signature])[0] == 200
            except (OSError, http.client.HTTPException, AssertionError):
                answered = False
            killer.join()
            self.world.north.process.wait()
            self.world.north.start()
            self.council.clients["north"].close()
            digest = hashlib.sha256(text.encode()).hexdigest()
            there = self.council.state(digest)
            self.assertIn(there, ("in-force",) if answered else ("in-force", None))
            kept[there is not None] += 1
            if there:
                self.everywhere(digest)
        print(f"acts: {KILLS} kills, {kept[True]} in force, {kept[False]} not there, 0 half")


if __name__ == "__main__":
    unittest.main()
