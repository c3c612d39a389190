"""The life of acts at two gateways: what time ends, what neither a reload nor a missing pin ends, how signatures come together from
both, and what an operator does with them at the control socket."""

import datetime
import json
import os
import unittest

from acting import world_with_council
from world import read, run, wait_for, write

PLACES = ("north", "south")


class Life(unittest.TestCase):
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.world, cls.council = world_with_council(**cls.options)
        cls.addClassCleanup(cls.world.close)
        cls.world.start()

    def shown(self, status, *args, **options):
        got, answer = self.council.show(*args, **options)
        self.assertEqual(got, status, answer)
        return answer

    def reaches(self, digest, state, *places, seconds=10):
        """Each of the places has it in that state."""
        return wait_for(lambda: all(self.council.state(digest, p) == state for p in places or PLACES), seconds)

    def notes(self, node, digest):
        return [e["note"] for e in node.entries() if e["operation"] == "act" and e.get("input") == digest]


class Time(Life):
    options = {"moved_clock": True}

    def at(self, days):
        moment = datetime.datetime.fromtimestamp(self.world.clock.time() + days * 86400, datetime.timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def pass_days(self, days):
        self.world.clock.move(int(days * 86400))
        for client in self.council.clients.values():
            client.close()

    def test_each_ends_at_its_time(self):
        c = self.council
        acts = [self.shown(200, c.act("veto", {"partner": "south"}), "seat-privacy"),
                self.shown(200, c.act("suspend", until=self.at(3)), "seat-ombud"),
                self.shown(202, c.act("terminate", collect_until=self.at(2)), "seat-privacy")]
        self.assertEqual([a["state"] for a in acts], ["provisional", "in-force", "open"])
        for days, states in ((0, ("provisional", "in-force", "open")), (1.9, ("provisional", "in-force", "open")),
                             (0.2, ("provisional", "in-force", "lapsed")), (1, ("provisional", "ended", "lapsed")),
                             (4, ("ended", "ended", "lapsed"))):
            self.pass_days(days)
            for act, state in zip(acts, states):
                self.reaches(act["act"], state)
        for node in self.world.nodes:
            for act, last in zip(acts, ("veto: ended", "suspend: ended", "terminate: lapsed")):
                notes = self.notes(node, act["act"])
                self.assertEqual((notes[-1], notes.count(last)), (last, 1), notes)
        # What is over is over, though its signatures are as good as before.
        text = json.loads(c.clients["north"].request("GET", f"/v1/acts/{acts[1]['act']}")[2])["text"]
        self.assertEqual(self.shown(409, text, "seat-ombud")["type"], "/problems/act-expired")


class Together(Life):
    def test_one_signature_here_and_one_there(self):
        c = self.council
        text = c.act("terminate", status="Exercise")
        first = self.shown(202, text, "seat-north")
        self.assertEqual((first["state"], first["lacks"]), ("open", "1 of privacy"))
        self.reaches(first["act"], "open")
        status, _, body = c.clients["south"].request("POST", f"/v1/acts/{first['act']}/signatures",
                                                     {"signatures": [c.sign(text, "seat-privacy")]})
        self.assertEqual((status, json.loads(body)["state"]), (200, "in-force"), body)
        self.reaches(first["act"], "in-force")
        self.assertEqual(self.notes(self.world.north, first["act"]), ["terminate: open", "terminate: in-force"])
        for place in PLACES:
            act = json.loads(c.clients[place].request("GET", f"/v1/acts/{first['act']}")[2])
            self.assertEqual(act["text"], text)
            self.assertEqual({(s["seat"], s["agency"]) for s in act["signatures"]}, {("seat-north", "north"), ("seat-privacy", "dpa")})

    def test_the_list_is_of_those_whom_it_concerns(self):
        c = self.council
        made = [self.shown(200, c.act("suspend", status="Test"), "seat-south")["act"] for _ in range(3)]

        def page(query):
            status, _, body = c.clients["north"].request("GET", "/v1/acts" + query)
            self.assertEqual(status, 200, body)
            return json.loads(body)
        whole = page(f"?agreement={c.agreement}")
        self.assertEqual([a["act"] for a in whole["acts"]][-3:], made)
        self.assertNotIn("text", whole["acts"][0])
        self.assertEqual(page(f"?after={whole['after']}")["acts"], [])
        self.assertEqual(page("?agreement=other")["acts"], [])
        # Who has a certificate, and nothing to do with the agreement.
        cert, key = self.world.authority.leaf("east", "spiffe://east.example/auditor")
        self.world.add_system(self.world.north, "east", "east-auditor", cert, ("auditor",))
        self.world.north.ctl("reload")
        east = type(c.clients["north"])(self.world, self.world.north, cert, key)
        self.assertEqual(json.loads(east.request("GET", "/v1/acts")[2])["acts"], [])
        self.assertEqual(east.request("GET", f"/v1/acts/{made[0]}")[0], 404)
        east.close()


class Kept(Life):
    def test_what_a_partner_cannot_verify_yet_is_shown_again(self):
        c, south = self.council, self.world.south
        pin = f"{south.folder}/partners/seat-north.json"
        kept = read(pin)
        os.remove(pin)
        south.ctl("reload")
        text = c.act("terminate", status="Exercise")
        answer = self.shown(200, text, "seat-north", "seat-privacy")
        # The one signature that it can verify is there, and counts for what it is.
        self.reaches(answer["act"], "open", "south")
        there = json.loads(c.clients["south"].request("GET", f"/v1/acts/{answer['act']}")[2])
        self.assertEqual([s["seat"] for s in there["signatures"]], ["seat-privacy"])
        untold = wait_for(lambda: [t for t in self.world.north.ask("council", "show", answer["act"])["untold"] if t["attempts"]])
        self.assertEqual((untold[0]["recipient"], untold[0]["last_error"]), ("south", "act-incomplete"))
        write(pin, kept)
        south.ctl("reload")
        self.reaches(answer["act"], "in-force", seconds=15)
        wait_for(lambda: not self.world.north.ask("council", "show", answer["act"])["untold"])

    def test_a_lift_is_shown_until_it_lifted_there_too(self):
        c, south = self.council, self.world.south
        digest = self.shown(200, c.act("suspend"), "seat-south")["act"]
        self.reaches(digest, "in-force")
        pin = f"{south.folder}/partners/seat-ombud.json"
        kept = read(pin)
        os.remove(pin)
        south.ctl("reload")
        lift = self.shown(200, c.act("lift", lifts=digest), "seat-ombud", "seat-privacy")
        self.assertEqual((lift["state"], c.state(digest)), ("ended", "lifted"))
        wait_for(lambda: [t for t in self.world.north.ask("council", "show", lift["act"])["untold"] if t["attempts"]])
        self.assertEqual((c.state(lift["act"], "south"), c.state(digest, "south")), ("open", "in-force"))
        write(pin, kept)
        south.ctl("reload")
        self.reaches(digest, "lifted", seconds=15)
        self.reaches(lift["act"], "ended")

    def test_a_seat_with_two_certificates_has_one_vote(self):
        c, w = self.council, self.world
        renewed = w.authority.leaf("seat-renewed", "spiffe://ombud.example/seat-ombud", "emailProtection")
        for node in w.nodes:
            run("cp", renewed[0], f"{node.folder}/partners/seat-renewed.pem")
            doc = json.loads(read(f"{node.folder}/partners/seat-ombud.json"))
            doc["signers"].append("seat-renewed.pem")
            node.add_partner(doc)
            node.ctl("reload")
        text = c.act("terminate", status="Exercise")
        first = self.shown(202, text, "seat-ombud")
        self.reaches(first["act"], "open")
        # Refused whole: the other signature, which is good, is not kept either.
        for signatures in ([c.sign(text, renewed)], [c.sign(text, "seat-privacy"), c.sign(text, renewed)]):
            answer = self.shown(409, text, signatures=signatures)
            self.assertEqual(answer["type"], "/problems/seat-twice")
        act = json.loads(c.clients["north"].request("GET", f"/v1/acts/{first['act']}")[2])
        self.assertEqual(([s["seat"] for s in act["signatures"]], act["state"]), (["seat-ombud"], "open"))
        # Two gateways that learn of the two certificates at once keep one each, and both count the vote once.
        text = c.act("terminate", status="Exercise")
        w.south.stop()
        self.shown(202, text, "seat-ombud")
        w.south.start()
        c.clients["south"].close()
        c.show(text, signatures=[c.sign(text, renewed)], node="south")
        answer = self.shown(200, text, "seat-privacy")
        self.assertEqual(answer["state"], "in-force")
        self.reaches(answer["act"], "in-force", seconds=15)

    def test_a_reload_without_the_agreement_keeps_what_is_in_effect(self):
        c, north = self.council, self.world.north
        digest = self.shown(200, c.act("suspend"), "seat-privacy")["act"]
        path = f"{north.folder}/agreements/{c.agreement}.json"
        kept = {name: read(name) for name in (path, path + ".p7s")}

        def state():
            return {a["act"]: a["state"] for a in north.ask("council", "list")}.get(digest)
        for name in kept:
            os.remove(name)
        north.ctl("reload")
        self.assertEqual(state(), "in-force")
        north.stop()
        north.start()
        for client in c.clients.values():
            client.close()
        self.assertEqual(state(), "in-force")
        self.assertEqual(self.shown(403, c.act("lift", lifts=digest), "seat-privacy", "seat-ombud")["type"], "/problems/act-foreign")
        for name, text in kept.items():
            write(name, text)
        north.ctl("reload")
        self.assertEqual(state(), "in-force")
        self.assertEqual(self.shown(200, c.act("lift", lifts=digest), "seat-privacy", "seat-ombud")["state"], "ended")
        self.reaches(digest, "lifted")


class Operator(Life):
    """gatewayctl council submit, list, show."""

    def files(self, text, *seats):
        c = self.council
        path = f"{self.world.folder}/shown-{c.number}"
        write(f"{path}.json", text)
        names = []
        for seat in seats:
            names.append(f"{path}-{seat}.p7s")
            write(names[-1], c.sign(text, seat))
        return [f"{path}.json", *names]

    def test_an_operator_shows_what_was_signed_and_the_signature_decides(self):
        c, north = self.council, self.world.north
        before = north.ask("status")["acts"]["in_effect"]
        made = north.ask("council", "submit", *self.files(c.act("suspend", {"partner": "south"}), "seat-privacy"))
        self.assertEqual((made["kind"], made["state"], made["first"]), ("suspend", "in-force", True))
        self.reaches(made["act"], "in-force")
        self.assertEqual(north.ask("status")["acts"]["in_effect"], before + 1)
        self.assertIn("acts\n", north.ctl("status")[1])
        listed = north.ask("council", "list", "--agreement", c.agreement)
        self.assertIn(made["act"], [a["act"] for a in listed])
        self.assertEqual(north.ask("council", "list", "--agreement", "other"), [])
        self.assertIn(made["act"], north.ctl("council", "list")[1])
        shown = north.ctl("council", "show", made["act"])[1]
        for words in (made["act"], f"suspend under {c.agreement}, Actual: in-force", 'ground "a made-up ground"', "signed by seat-privacy of dpa"):
            self.assertIn(words, shown)
        entry = [e for e in north.entries() if e["operation"] == "act" and e["input"] == made["act"]][0]
        self.assertNotIn("peer", entry)
        # A lift collects in two steps.
        lift = c.act("lift", lifts=made["act"])
        out = north.ctl("council", "submit", *self.files(lift, "seat-privacy"))[1]
        self.assertIn("lift: open\nlacks 1 more\n", out)
        out = north.ctl("council", "submit", *self.files(lift, "seat-ombud"))[1]
        self.assertIn("lift: ended\n", out)
        self.assertIn("was known already", north.ctl("council", "submit", *self.files(lift, "seat-ombud"))[1])
        self.assertNotIn(made["act"], [a["act"] for a in north.ask("council", "list")])
        self.assertIn(made["act"], [a["act"] for a in north.ask("council", "list", "--all")])

    def test_what_is_wrong_is_said_with_its_place(self):
        c, north = self.council, self.world.north
        text = c.act("suspend")
        good = self.files(text, "seat-privacy")
        stranger = self.world.authority.leaf("stranger", "spiffe://west.example/stranger", "emailProtection")
        foreign = f"{self.world.folder}/foreign.p7s"
        write(foreign, c.sign(text, stranger))
        long = f"{self.world.folder}/long"
        write(long, "x" * 16385)
        binary = f"{self.world.folder}/binary"
        with open(binary, "wb") as f:
            f.write(b"\xff\xfe")
        many = f"{self.world.folder}/many"
        write(many, "x" * 16000)
        before = len([e for e in north.entries() if e["operation"] == "act"])
        for words, status, why in (
                ((good[0], foreign), 1, "act-invalid: /signatures: "), ((foreign, good[1]), 1, "act-invalid: "),
                ((long, good[1]), 1, "long"), ((good[0], long), 1, "long"), ((binary, good[1]), 1, "is not UTF-8 text"),
                ((good[0], *[many] * 5), 1, "too long for one request"), ((f"{long}-none", good[1]), 1, "No such file"),
                ((good[0],), 2, "council submit")):
            got, _, err = north.ctl("council", "submit", *words, ok=False)
            self.assertEqual(got, status, (words, err))
            self.assertIn(why, err)
        refused = [e for e in north.entries() if e["operation"] == "act"][before:]
        self.assertEqual([e["outcome"] for e in refused], ["refused", "refused"])
        for words, status, why in ((("show", "seven"), 1, "cannot open"), (("show", "0" * 64), 1, "no act of this digest"),
                                   (("show",), 2, "council show"), (("list", "more"), 2, "council list")):
            got, _, err = north.ctl("council", *words, ok=False)
            self.assertEqual(got, status, (words, err))
            self.assertIn(why, err)

    def test_what_a_person_wrote_moves_no_terminal(self):
        c, north = self.council, self.world.north
        made = north.ask("council", "submit", *self.files(c.act("suspend", status="Test", ground="a\u001b[2Jb\u202ec"), "seat-privacy"))
        shown = north.ctl("council", "show", made["act"])[1]
        self.assertIn('ground "a\\u001B[2Jb\\u202Ec"', shown)


if __name__ == "__main__":
    unittest.main()
