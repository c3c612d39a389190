"""Three gateways in a row: north's record goes to south, and south passes it on to east. The codes under which north gave
it go with it, or keep it where it is."""

import json
import sqlite3
import unittest

import agreements
from row import Row
from world import Client, wait_for


def tlp(value):
    return {"scale": "tlp-2.0", "value": value}


def europol(value, **more):
    return {"scale": "europol-handling", **more, "value": value}


class Onward(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.w = w = Row()
        cls.addClassCleanup(w.close)
        w.between("first", w.north, w.south, {"allowed": "listed", "to": ["east"], "caveats": [europol("H1")]})
        w.between("second", w.south, w.east, {"allowed": "listed", "to": ["south"]})
        w.between("asked", w.north, w.south, {"allowed": "with-permission", "caveats": [europol("H2")]})
        w.between("back", w.east, w.south, {"allowed": "never"})
        for name, one, other in (("whole", w.north, w.south), ("whole-on", w.south, w.east)):
            w.between(name, one, other, {"allowed": "listed", "to": ["east"]}, lambda doc: doc.update(rules=[
                {"id": "all", "pointer": "", "category": "operational", "action": "keep", "subtree": True}]))
        w.start()
        cls.clients = {n.agency: Client(w, n, *w.systems[n.agency]) for n in w.nodes}

    def post(self, agency, agreement, n, status=201, **more):
        got, answer = self.clients[agency].post(agreement, agreements.envelope(agreements.passenger_record(n), **more))
        self.assertEqual(got, status, answer)
        return answer

    def arrives(self, agency):
        """The one item in the inbox of an agency, acknowledged."""
        def look():
            return self.clients[agency].inbox()["items"]
        (item,) = wait_for(look)
        answer = {"result": "erased"} if item["kind"] == "recall" else ""
        self.assertEqual(self.clients[agency].request("POST", f"/v1/inbox/{item['id']}/ack", answer)[0], 200)
        return item

    def given(self, n, agreement="first", **more):
        """South's id of a record that north gave it."""
        self.post("north", agreement, n, **more)
        return self.arrives("south")

    def refused(self, agency, agreement, slug, **more):
        answer = self.post(agency, agreement, 9, status=403, **more)
        self.assertEqual(answer["type"], f"/problems/{slug}")
        self.assertIn("receipt", answer)
        return answer["errors"][0]

    def test_red_and_h2_go_no_further(self):
        came = self.given(1, handling=[europol("H2"), tlp("RED")])
        self.assertEqual(came["caveats"], [europol("H1"), europol("H2"), tlp("RED")])
        for handling in (None, [tlp("CLEAR")], [tlp("RED"), europol("H2")], [europol("H0")]):
            more = {"handling": handling} if handling else {}
            error = self.refused("south", "second", "onward-denied", onward_of=came["exchange"], **more)
            self.assertEqual((error["pointer"], error["keyword"]), ("/onward_of", "it came under tlp-2.0 RED: it goes no further"))
        self.assertEqual(self.clients["east"].inbox()["items"], [])

    def test_h2_alone_goes_no_further(self):
        came = self.given(2, handling=[europol("H2")])
        error = self.refused("south", "second", "onward-denied", onward_of=came["exchange"])
        self.assertEqual(error["keyword"], "it came under europol-handling H2: not without its originator")
        # Where the agreement asks for permission, a person decides, and is told why.
        came = self.given(3, "asked")
        self.assertEqual(came["caveats"], [europol("H2")])
        answer = self.post("south", "second", 9, status=202, onward_of=came["exchange"])
        self.assertEqual(answer["errors"][0]["pointer"], "/onward_of")

    def test_what_may_go_on_keeps_its_codes(self):
        grade = {"scale": "europol-source", "value": "B"}
        came = self.given(4, handling=[tlp("AMBER"), grade, {"scale": "tlp-2.0", "value": "GREEN", "text": "for the made-up case"}])
        # Words of a code that is not H3 stay with whoever wrote them, and GREEN is milder than AMBER.
        codes = [grade, europol("H1"), tlp("AMBER")]
        self.assertEqual(came["caveats"], codes)
        for handling in (None, [tlp("CLEAR"), tlp("CLEAR"), {"scale": "europol-source", "value": "A"}]):
            more = {"handling": handling} if handling else {}
            self.post("south", "second", 4, onward_of=came["exchange"], **more)
            third = self.arrives("east")
            self.assertEqual((third["provider"], third["caveats"]), ("south", codes))
        # And the third keeps them, too: its own agreement knows no way on.
        self.assertEqual(self.refused("east", "back", "onward-denied", onward_of=came["exchange"])["pointer"], "/onward_of")
        self.post("east", "back", 4, onward_of=third["exchange"], handling=[europol("H2")])
        self.assertEqual(self.arrives("south")["caveats"], [grade, europol("H1"), europol("H2"), tlp("AMBER")])

    def test_a_copy_that_names_nothing(self):
        """What south was given and posts as its own is known, in any order, spelling and under whatever other name."""
        came, other = self.given(12, handling=[tlp("RED")]), self.given(13, handling=[tlp("CLEAR")])
        record = came["record"]
        spelled = json.dumps(dict(reversed(record.items())), indent=1).replace("XX123", "\\u0058X123")
        for more in ({}, {"onward_of": other["exchange"]}, {"record": json.loads(spelled)}):
            got, answer = self.clients["south"].post("second", {**agreements.envelope(record), **more})
            self.assertEqual((got, answer["type"], answer["errors"][0]["pointer"]), (422, "/problems/onward-unnamed", "/onward_of"), more)
        text = json.dumps(agreements.envelope("HERE")).replace('"HERE"', spelled)
        status, _, body = self.clients["south"].request("POST", "/v1/agreements/second/records", text, idempotency_key="a-copy")
        self.assertEqual((status, json.loads(body)["type"]), (422, "/problems/onward-unnamed"))
        # Named it goes by the codes under which it came.
        got, answer = self.clients["south"].post("second", agreements.envelope(record, onward_of=came["exchange"]))
        self.assertEqual((got, answer["type"]), (403, "/problems/onward-denied"))

    def test_what_was_ones_own_stays_so(self):
        """Whoever sends it back under RED does not keep its owner from it; who never had it is another matter."""
        self.given(16)
        self.post("south", "whole-on", 14)
        self.arrives("east")
        for n, status in ((14, 201), (15, 422)):
            self.assertEqual(self.given(n, "whole", handling=[tlp("RED")])["record"], agreements.passenger_record(n))
            self.assertEqual(self.post("south", "whole-on", n, status).get("type"), None if status == 201 else "/problems/onward-unnamed")
        self.arrives("east")

    def test_a_correction_keeps_them(self):
        came = self.given(5, handling=[tlp("AMBER")])
        onward = self.post("south", "second", 5, onward_of=came["exchange"])["exchange"]
        self.arrives("east")
        wait_for(lambda: self.w.south.ask("outbox") == [])
        self.post("south", "second", 6, corrects=onward, handling=[tlp("CLEAR")])
        item = self.arrives("east")
        self.assertEqual((item["kind"], item["caveats"]), ("correction", [europol("H1"), tlp("AMBER")]))

    def test_the_lines_of_a_batch(self):
        """Each has its own."""
        red, green = (self.given(n, handling=[tlp(v)]) for n, v in ((7, "RED"), (8, "GREEN")))
        lines = [agreements.envelope(agreements.passenger_record(n), onward_of=c["exchange"]) for n, c in ((7, red), (8, green))]
        status, _, body = self.clients["south"].request("POST", "/v1/agreements/second/records", "\n".join(map(json.dumps, lines)),
                                                        content_type="application/x-ndjson")
        self.assertEqual((status, [json.loads(l)["status"] for l in body.splitlines()]), (200, [403, 201]))
        self.assertEqual(self.arrives("east")["caveats"], [europol("H1"), tlp("GREEN")])

    def test_codes_that_were_altered_in_the_store(self):
        """Milder ones written into the row are inherited by nobody, and that is an incident."""
        came, south = self.given(11, handling=[tlp("RED")]), self.w.south
        south.stop()
        db = sqlite3.connect(f"{south.folder}/store/gatewayd.db")
        with db:
            changed = db.execute("UPDATE caveats SET text = replace(text, 'RED', 'CLEAR') WHERE text LIKE '%RED%'").rowcount
        db.close()
        self.assertGreaterEqual(changed, 1)
        south.start()
        for client in self.clients.values():
            client.close()
        answer = self.post("south", "second", 11, status=409, onward_of=came["exchange"])
        self.assertEqual(answer["type"], "/problems/damaged")
        self.assertEqual(self.clients["east"].inbox()["items"], [])
        note = "damaged: the codes that it came under are not those of its entry"
        (entry,) = wait_for(lambda: [e for e in south.entries() if e.get("note") == note])
        self.assertEqual((entry["operation"], entry["exchange"]), ("incident", came["exchange"]))

    def test_what_is_not_there_to_be_passed_on(self):
        """Another agency's id of it, one that nobody has, and one whose copy has ended."""
        exchange = self.post("north", "first", 10, handling=[tlp("GREEN")])["exchange"]
        came = self.arrives("south")
        for cited in (exchange, "01890000-0000-7000-8000-000000000000"):
            self.refused("south", "second", "onward-denied", onward_of=cited)
        self.assertEqual(self.clients["north"].request("POST", f"/v1/exchanges/{exchange}/recall", {"why": "sent-in-error"})[0], 200)
        self.assertEqual(self.arrives("south")["kind"], "recall")
        self.refused("south", "second", "onward-denied", onward_of=came["exchange"])
