"""Four gateways: north gives to south, south to east and west, east to west. What is done to a record at its origin reaches
every copy of every version of it, in whatever order corrections and onward transfers were made; and nobody is told that it is
over before it is."""

import json
import signal
import unittest

import agreements
from check_documents import Documents, consented, withdrawals
from check_hold import Statements
from row import Row
from world import Client, read, wait_for

BEHIND = (("east", "XE"), ("west", "XW"))
ANY = {"allowed": "listed", "to": ["east", "west"]}


class Four(unittest.TestCase):
    @classmethod
    def begin(cls, retention=None, **options):
        cls.w = w = Row(BEHIND, **options)
        cls.addClassCleanup(w.close)
        for n in w.nodes:
            n.change(delivery={"first_retry_ms": 100, "longest_retry_ms": 300})
        more = {"retention": {"payload": "P28D", "copy": "P1Y", "at_end": "erase", "receipt_within": "P7D", **(retention or {})}}
        w.between("ns", w.north, w.south, ANY, **more)
        w.between("se", w.south, w.east, ANY, **more)
        w.between("sw", w.south, w.west, ANY, **more)
        w.between("ew", w.east, w.west, ANY, **more)

    @classmethod
    def run_all(cls):
        cls.w.start()
        cls.clients = {n.agency: Client(cls.w, n, *cls.w.systems[n.agency]) for n in cls.w.nodes}

    number = 0

    def post(self, agreement, **more):
        """The sender's id of the exchange."""
        type(self).number += 1
        agency = {n.agency[0]: n.agency for n in self.w.nodes}[agreement[0]]
        status, answer = self.clients[agency].post(agreement, agreements.envelope(agreements.passenger_record(self.number), **more))
        self.assertEqual(status, 201, answer)
        return answer["exchange"]

    def items(self, agency, *kinds):
        """The items in the inbox of an agency, once there are these."""
        found = []

        def look():
            found[:] = self.clients[agency].inbox()["items"]
            return sorted(i["kind"] for i in found) == sorted(kinds)
        try:
            wait_for(look)
        except AssertionError:
            self.fail(f"{agency} has {[i['kind'] for i in found]} for {kinds}")
        return found

    def take(self, agency, *kinds):
        """Acknowledges them; returns the agency's ids of the exchanges."""
        found = self.items(agency, *kinds)
        for i in found:
            answer = {"result": "erased"} if i["kind"] == "recall" else ""
            status, _, body = self.clients[agency].request("POST", f"/v1/inbox/{i['id']}/ack", answer)
            self.assertEqual(status, 200, body)
        return [i["exchange"] for i in found]

    def give(self, agreement, kind="record", **more):
        """Sends it on; returns the id at either end."""
        sent = self.post(agreement, **more)
        (came,) = self.take({n.agency[0]: n.agency for n in self.w.nodes}[agreement[1]], kind)
        return sent, came

    def recall(self, exchange, agency="north"):
        status, _, body = self.clients[agency].request("POST", f"/v1/exchanges/{exchange}/recall", {"why": "sent-in-error"})
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def story(self, exchange, agency="north"):
        status, _, body = self.clients[agency].request("GET", f"/v1/exchanges/{exchange}")
        self.assertEqual(status, 200, body)
        story = json.loads(body)
        return story["state"], [(d["duty"], d["state"]) for d in story.get("duties", [])]

    def states(self, *exchanges, agency="north"):
        return [self.story(x, agency)[0] for x in exchanges]

    def become(self, state, *exchanges, agency="north"):
        try:
            wait_for(lambda: set(self.states(*exchanges, agency=agency)) == {state})
        except AssertionError:
            self.fail(f"{[self.story(x, agency) for x in exchanges]} at {agency}, not {state}")

    def quiet(self):
        wait_for(self.w.quiet)

    def no_copies(self):
        """No inbox has anything more, no gateway keeps a payload, and each log is whole."""
        self.quiet()
        for n in self.w.nodes:
            self.assertEqual(self.clients[n.agency].inbox()["items"], [], n.agency)
            self.assertEqual(n.ask("status")["store"]["payloads"], 0, n.agency)
            self.assertNotIn("receipt-invalid", read(n.log))


class Recalls(Four):
    @classmethod
    def setUpClass(cls):
        cls.begin()
        cls.w.add_system(cls.w.south, "north", "north-system", cls.w.systems["north"][0])
        cls.run_all()

    def corrected(self, passes_on):
        """A record that south has passed on, and its correction: north's ids of both, and how many live at east."""
        first, b1 = self.give("ns")
        y1, _ = self.give("se", onward_of=b1)
        second = self.post("ns", corrects=first)
        (item,) = self.items("south", "correction")
        if passes_on == "before it is acknowledged":
            self.give("se", "correction", corrects=y1)
        self.take("south", "correction")
        if passes_on == "as a correction":
            self.give("se", "correction", corrects=y1, onward_of=item["exchange"])
        if passes_on == "as a record":
            self.give("se", onward_of=item["exchange"])
        if passes_on in ("no", "as a record"):
            self.quiet()
            self.assertEqual(self.story(second), ("delivered", [("correction", "open")]), passes_on)
        else:
            self.become("corrected", first)
            wait_for(lambda: self.story(second)[1] == [("correction", "done")])
        return first, second, 2 if passes_on == "as a record" else 1

    def test_either_version_takes_back_all(self):
        for passes_on in ("no", "as a correction", "before it is acknowledged", "as a record"):
            for which in (0, 1):
                with self.subTest(passes_on=passes_on, which=which):
                    *versions, at_east = self.corrected(passes_on)
                    # Of a version that its recipient has replaced it is asked, too, what became of what was passed on.
                    answer = self.recall(versions[which])
                    self.assertEqual((answer["state"], answer["first"]), ("recalled", True))
                    self.items("east", *at_east * ["recall"])
                    self.take("south", "recall")
                    self.quiet()
                    self.assertEqual(self.states(*versions), ["recalled", "recalled"])
                    self.assertFalse(self.recall(versions[1 - which])["first"])
                    self.take("east", *at_east * ["recall"])
                    self.become("ended", *versions)
                    self.assertEqual({d for x in versions for d in self.story(x)[1] if d[0] == "recall"}, {("recall", "done")})
                    self.assertFalse(self.recall(versions[which])["first"])
                    self.no_copies()

    def generations(self):
        """Three versions, passed on along both ways to west, of which some were corrected there and some were not."""
        first, b1 = self.give("ns")
        se1, c1 = self.give("se", onward_of=b1)
        sw1, _ = self.give("sw", onward_of=b1)
        ew1, _ = self.give("ew", onward_of=c1)
        second, b2 = self.give("ns", "correction", corrects=first)
        _, c2 = self.give("se", "correction", corrects=se1, onward_of=b2)
        self.give("ew", "correction", corrects=ew1, onward_of=c2)
        third, b3 = self.give("ns", "correction", corrects=second)
        # What south corrects by itself; and what it passes on once more, as a record of its own.
        self.give("sw", "correction", corrects=sw1, onward_of=b3)
        self.give("se", onward_of=b3)
        return first, second, third

    def test_generations_and_a_diamond(self):
        w = self.w
        for which, down in ((0, None), (2, "north"), (1, "east")):
            with self.subTest(which=which, down=down):
                versions = self.generations()
                self.quiet()
                if down == "east":
                    w.east.stop()
                    self.clients["east"].close()
                self.recall(versions[which])
                if down == "north":
                    # Before its notices are out, it may be; the next process sends them.
                    w.north.stop(signal.SIGKILL)
                    self.clients["north"].close()
                    w.north.start()
                self.take("south", "recall")
                if down == "east":
                    self.take("west", "recall")
                    w.south.stop(signal.SIGKILL)
                    self.clients["south"].close()
                    w.south.start()
                    w.east.start()
                self.take("east", "recall", "recall")
                self.items("west", *(["recall"] if down == "east" else ["recall", "recall"]))
                self.quiet()
                self.assertEqual(self.states(*versions), ["recalled"] * 3)
                self.take("west", *(["recall"] if down == "east" else ["recall", "recall"]))
                self.become("ended", *versions)
                self.no_copies()

    def test_what_is_still_on_its_way(self):
        """Unfetched at east; queued for west, which is down, and tried; and a correction that south never got."""
        w = self.w
        first, b1 = self.give("ns")
        unfetched = self.post("se", onward_of=b1)
        self.items("east", "record")
        w.west.stop()
        self.clients["west"].close()
        queued = self.post("sw", onward_of=b1)
        wait_for(lambda: any(d["attempts"] for d in w.south.ask("outbox")))
        w.south.stop()
        self.clients["south"].close()
        second = self.post("ns", corrects=first)
        wait_for(lambda: any(d["attempts"] for d in w.north.ask("outbox")))
        self.assertTrue(self.recall(first)["first"])
        self.assertEqual(self.states(first, second), ["recalled", "recalled"])
        w.south.start()
        self.take("south", "recall")
        self.take("east", "recall")
        wait_for(lambda: self.states(unfetched, queued, agency="south") == ["ended", "recalled"])
        wait_for(lambda: self.states(second) == ["recalled"])
        self.assertEqual(self.states(first), ["recalled"])
        w.west.start()
        self.become("ended", first, second)
        self.become("ended", unfetched, queued, agency="south")
        # People hear of a recall that found nothing.
        self.take("north", "notice-failed")
        self.take("south", "notice-failed")
        self.no_copies()

    def test_only_what_was_passed_on(self):
        """South wants back what it gave to east; what it came by stays, and so does another record."""
        first, b1 = self.give("ns")
        one, c1 = self.give("se", onward_of=b1)
        _, d1 = self.give("ew", onward_of=c1)
        other, _ = self.give("se", onward_of=b1)
        self.recall(one, "south")
        self.assertEqual(self.take("east", "recall"), [c1])
        self.assertEqual(self.states(one, agency="south"), ["recalled"])
        self.assertEqual(self.take("west", "recall"), [d1])
        self.become("ended", one, agency="south")
        self.quiet()
        self.assertEqual((self.states(first), self.states(other, agency="south"), self.states(b1, agency="south")),
                         (["delivered"], ["delivered"], ["fetched"]))
        self.recall(first)
        self.take("south", "recall")
        self.take("east", "recall")
        self.become("ended", first)
        self.no_copies()

    def test_at_a_single_gateway(self):
        """North's system gives to south's gateway itself: what it reads there is `ended` when what south passed on is."""
        client = Client(self.w, self.w.south, *self.w.systems["north"])
        self.addCleanup(client.close)

        def post(**more):
            type(self).number += 1
            status, answer = client.post("ns", agreements.envelope(agreements.passenger_record(self.number), **more))
            self.assertEqual(status, 201, answer)
            return answer["exchange"]

        def story(exchange):
            read_back = json.loads(client.request("GET", f"/v1/exchanges/{exchange}")[2])
            return read_back["state"], [(d["duty"], d["state"]) for d in read_back["duties"]]
        first = post()
        self.take("south", "record")
        self.give("se", onward_of=first)
        second = post(corrects=first)
        self.take("south", "correction")
        # Corrected here, and not yet by whom it was passed to.
        self.assertEqual((story(first)[0], story(second)), ("corrected", ("fetched", [("correction", "waiting")])))
        status, _, body = client.request("POST", f"/v1/exchanges/{second}/recall", {"why": "sent-in-error"})
        self.assertEqual((status, json.loads(body)["state"]), (200, "recalled"))
        self.take("south", "recall")
        self.assertEqual(story(second), ("recalled", [("correction", "withdrawn"), ("recall", "waiting")]))
        self.take("east", "recall")
        wait_for(lambda: story(second)[0] == "ended")
        self.assertEqual(story(second)[1], [("correction", "withdrawn"), ("recall", "done")])
        self.no_copies()

    def test_versions_that_overtake_each_other(self):
        """South's system sees the third version before it took the second: that replaces both, at either end."""
        first, b1 = self.give("ns")
        second = self.post("ns", corrects=first)
        self.items("south", "correction")
        third = self.post("ns", corrects=second)
        wait_for(lambda: [i.get("version") for i in self.clients["south"].inbox()["items"]] == [3])
        (b3,) = self.take("south", "correction")
        self.become("corrected", first, second)
        self.assertEqual(self.states(b1, b3, agency="south"), ["corrected", "fetched"])
        self.recall(second)
        self.assertEqual(self.take("south", "recall"), [b3])
        self.become("ended", first, second, third)
        self.no_copies()


class Silent(Four):
    @classmethod
    def setUpClass(cls):
        cls.begin(moved_clock=True, days=90)
        cls.run_all()

    def advance(self, days):
        self.quiet()
        self.w.clock.move(days * 86400)
        for c in self.clients.values():
            c.close()
        for n in self.w.nodes:
            if n.process:
                n.ctl("retention", "run")

    def overdue(self, node):
        return [d["exchange"] for d in node.ask("retention", "overdue")]

    def test_who_does_not_answer_is_seen_at_the_origin(self):
        w = self.w
        first, b1 = self.give("ns")
        one, c1 = self.give("se", onward_of=b1)
        two, _ = self.give("ew", onward_of=c1)
        second, _ = self.give("ns", "correction", corrects=first)
        self.recall(second)
        self.take("south", "recall")
        self.take("east", "recall")
        self.items("west", "recall")
        self.advance(9)
        for node, exchanges in ((w.north, {first, second}), (w.south, {one}), (w.east, {two})):
            wait_for(lambda node=node, exchanges=exchanges: set(self.overdue(node)) == exchanges)
        self.assertEqual(self.states(first, second), ["recalled", "recalled"])
        self.take("west", "recall")
        self.become("ended", first, second)
        for n in w.nodes:
            wait_for(lambda n=n: self.overdue(n) == [])
        self.no_copies()


class Held(Statements, Four):
    @classmethod
    def setUpClass(cls):
        cls.begin()
        cls.world, cls.people = cls.w, {}
        cls.pin(cls.w, cls.w.north, "nils", "north", "officer")
        cls.pin(cls.w, cls.w.south, "olga", "south", "ombudsperson")
        cls.run_all()

    def held(self, agency, *exchanges):
        """The kinds of what is in force."""
        node = getattr(self.w, agency)
        return [[h["kind"] for h in node.ask("exchange", "show", x)["exchange"]["holds"]] for x in exchanges]

    def becomes_held(self, kinds, **exchanges):
        for agency, x in exchanges.items():
            wait_for(lambda agency=agency, x=x: self.held(agency, x) == [kinds])

    def test_a_restriction_goes_wherever_the_record_went(self):
        first, b1 = self.give("ns")
        one, c1 = self.give("se", onward_of=b1)
        _, d1 = self.give("sw", onward_of=b1)
        _, d2 = self.give("ew", onward_of=c1)
        second = self.post("ns", corrects=first)
        ((b2),) = [i["exchange"] for i in self.items("south", "correction")]
        unfetched = self.post("se", onward_of=b2)
        self.items("east", "record")
        self.quiet()
        statement = self.set(self.w.north, first, "nils", "restriction")
        again = self.set(self.w.north, second, "nils", "restriction")
        self.quiet()
        for agency, exchanges in (("north", (first, second)), ("south", (b1, b2, one, unfetched)), ("east", (c1,)), ("west", (d1, d2))):
            self.assertEqual({k for held in self.held(agency, *exchanges) for k in held}, {"restriction"})
            self.assertNotIn([], self.held(agency, *exchanges))
        # What is restricted is neither fetched nor passed on.
        (item,) = self.items("east", "record")
        self.assertEqual((item["restricted"], self.clients["east"].ack(item["id"])[0]), (True, 403))
        status, answer = self.clients["east"].post("ew", agreements.envelope(agreements.passenger_record(1), onward_of=c1))
        self.assertEqual((status, answer["type"]), (403, "/problems/not-permitted"))
        # One statement is lifted, the other is in force; then nothing is left.
        self.lift(self.w.north, first, "nils", statement)
        self.quiet()
        self.assertEqual(self.held("east", c1), [["restriction"]])
        self.lift(self.w.north, second, "nils", again)
        self.quiet()
        for agency, exchanges in (("north", (first, second)), ("south", (b1, b2, one, unfetched)), ("east", (c1,)), ("west", (d1, d2))):
            self.assertEqual(self.held(agency, *exchanges), [[]] * len(exchanges), agency)
        self.take("south", "correction")
        self.take("east", "record")
        self.give("ew", onward_of=c1)
        self.recall(first)
        self.take("south", "recall")
        self.take("east", "recall", "recall")
        self.take("west", *3 * ["recall"])
        self.become("ended", first, second)

    def test_the_recipients_own_stays_behind_it(self):
        """What south disputes is told to its provider, and to whom south gave it, but to no other recipient of its provider's."""
        first, b1 = self.give("ns")
        one, c1 = self.give("se", onward_of=b1)
        second = self.post("ns", corrects=first)
        self.items("south", "correction")
        self.quiet()
        statement = self.set(self.w.south, b1, "olga", "restriction")
        self.quiet()
        self.assertEqual((self.held("north", first, second), self.held("south", b1, one), self.held("east", c1)),
                         ([["restriction"], []], [["restriction"], ["restriction"]], [["restriction"]]))
        # Nobody lifts by itself what follows another.
        (follows,) = self.w.south.ask("exchange", "show", one)["exchange"]["holds"]
        self.assertEqual(follows["role"], "lineage")
        self.refused(self.w.south, one, self.state(one, "olga", "lift", hold=follows["statement"]), "nobody who may", "lift")
        self.lift(self.w.south, b1, "olga", statement)
        self.quiet()
        self.assertEqual((self.held("north", first), self.held("south", one), self.held("east", c1)), ([[]], [[]], [[]]))
        self.take("south", "correction")

    def test_a_hold_on_what_is_still_queued(self):
        """It is told with the delivery; a hold stops no delivery."""
        self.w.south.stop()
        self.clients["south"].close()
        first = self.post("ns")
        statement = self.set(self.w.north, first, "nils", "hold")
        self.w.south.start()
        (b1,) = self.take("south", "record")
        self.becomes_held(["hold"], south=b1)
        self.lift(self.w.north, first, "nils", statement)
        self.becomes_held([], south=b1)


class Withdrawn(Four):
    @classmethod
    def setUpClass(cls):
        cls.w = w = Row(BEHIND)
        cls.addClassCleanup(w.close)

        def on_consent(doc):
            doc["consent"] = {"withdrawals": "north"}
            doc["legal_bases"].append({"id": "consent", "citation": "Consent of the person", "consent": True})
            doc["purposes"][0]["legal_bases"].append("consent")
        w.between("pax", w.north, w.south, ANY, on_consent)
        w.between("se", w.south, w.east, ANY)
        cls.documents = Documents()
        cls.documents.world = w
        for n in (w.north, w.south):
            cls.documents.put(n, withdrawals(1, "ref-0"))
        for n in w.nodes[:3]:
            n.start()
        cls.clients = {n.agency: Client(w, n, *w.systems[n.agency]) for n in w.nodes[:3]}

    def consented(self, reference, **more):
        type(self).number += 1
        status, answer = self.clients["north"].post("pax", consented(self.number, reference, **more))
        self.assertEqual(status, 201, answer)
        (came,) = self.take("south", "correction" if more else "record")
        return answer["exchange"], came

    def test_of_either_version(self):
        """What south passed on of the first version goes with the consent of the second; what stands on law stays."""
        first, b1 = self.consented("ref-1")
        _, c1 = self.give("se", onward_of=b1)
        second, b2 = self.consented("ref-1", corrects=first)
        status, answer = self.clients["north"].post("pax", agreements.envelope(agreements.passenger_record(77), corrects=second))
        self.assertEqual(status, 201, answer)
        third = answer["exchange"]
        (item,) = self.items("south", "correction")
        on_law = self.post("se", onward_of=item["exchange"])
        (kept,) = self.take("east", "record")
        self.documents.take(self.w.north, withdrawals(2, "ref-0", "ref-1"))
        self.assertEqual(self.take("east", "recall"), [c1])
        recalls = [i for i in self.items("south", "correction", "recall") if i["kind"] == "recall"]
        self.assertEqual([i["exchange"] for i in recalls], [b2])
        self.assertEqual(self.take("south", "correction", "recall")[0], item["exchange"])
        self.become("ended", first, second)
        self.quiet()
        self.assertEqual((self.states(third), self.states(on_law, agency="south"), self.states(kept, agency="east")),
                         (["delivered"], ["delivered"], ["fetched"]))
