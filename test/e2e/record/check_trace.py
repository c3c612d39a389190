"""traceparent through two gateways: what a caller sends stays in the journal of its own gateway; what both gateways and the
recipient's system know is made of the exchange's id (doc/decisions/9-border-trace.md)."""

import hashlib
import json
import os
import unittest
import uuid

from check_journal import envelope, parsed
from world import World, preset, read, wait_for

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = f"00-{TRACE}-{SPAN}-01"


def border(exchange):
    """(trace, span of the sender's gateway, span of the recipient's) of an exchange, as the document says."""
    d = hashlib.sha256(b"gatewayd border trace 1\n" + uuid.UUID(exchange).bytes).hexdigest()
    return d[:32], d[32:48], d[48:]


class Trace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.north, cls.south = cls.world.north, cls.world.south
        cls.world.agreement(preset("pnr"))
        # The partner's system may also post straight to the south's gateway.
        cls.world.add_system(cls.south, "north", "north-direct", cls.world.systems["north"][0])
        for n in cls.world.nodes:
            n.change(log={"level": "debug", "form": "journal"})
        cls.world.start()
        cls.system, cls.recipient = cls.world.client("north"), cls.world.client("south")

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def lines(self, node, exchange):
        return [(level, fields) for level, _, _, fields in parsed("\n".join(line for line in read(node.log).splitlines() if line.startswith("<")))
                if exchange in (fields.get("exchange"), fields.get("trace"))]

    def callers(self, exchange):
        return [fields for _, fields in self.lines(self.north, exchange) if "caller_trace" in fields]

    def item(self, made):
        """The inbox item that came of the exchange of this trace."""
        return wait_for(lambda: next((i for i in self.recipient.inbox()["items"] if i["traceparent"].split("-")[1] == made), None))

    def post(self, *values, **more):
        fields = {"traceparent": values[0]} if values else {}
        status, answer = self.system.post("pnr", envelope(), **fields, **more)
        self.assertEqual(status, 201, answer)
        return answer["exchange"]

    def test_both_are_joined_in_the_senders_journal_and_nowhere_else(self):
        exchange = self.post(CALLER)
        trace, _, theirs = border(exchange)
        self.assertEqual(self.item(trace)["traceparent"], f"00-{trace}-{theirs}-01")
        self.assertEqual([(f["caller_trace"], f["caller_span"], f["trace"], f["exchange"]) for f in self.callers(exchange)],
                         [(TRACE, SPAN, trace, exchange)])
        # The recipient's operators find it by the same trace, with the exchange as they name it.
        came = wait_for(lambda: self.lines(self.south, trace))
        self.assertEqual([f["exchange"] for _, f in came], [self.item(trace)["exchange"]])
        self.assertNotEqual(came[0][1]["exchange"], exchange)
        # Nothing of the caller's is kept, nor does it reach the other side.
        for node, journal in ((self.north, False), (self.south, True)):
            paths = [os.path.join(folder, name) for folder, _, names in os.walk(node.folder) for name in names if os.path.isfile(f"{folder}/{name}")] + ([node.log] if journal else [])
            for path in paths:
                with open(path, "rb") as f:
                    data = f.read()
                for secret in (TRACE, SPAN):
                    self.assertNotIn(secret.encode(), data, path)
                    self.assertNotIn(bytes.fromhex(secret), data, path)

    def test_an_answer_that_comes_again_is_joined_again(self):
        exchange = self.post(CALLER, key="twice")
        self.assertEqual(self.post(CALLER, key="twice"), exchange)
        self.assertEqual(len(self.callers(exchange)), 2)

    def test_what_is_none_and_what_is_not_recorded(self):
        """The request is taken all the same, and crosses by the same trace as any other."""
        for value in (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", "x", ""):
            exchange = self.post(value)
            self.assertEqual(self.callers(exchange), [], value)
            self.item(border(exchange)[0])
        self.item(border(self.post())[0])

    def test_twice_is_none(self):
        self.system.close()
        self.system.connect()
        c, body = self.system.connection, json.dumps(envelope()).encode()
        c.putrequest("POST", "/v1/agreements/pnr/records")
        for name, value in (("content-type", "application/json"), ("content-length", str(len(body))), ("traceparent", CALLER), ("traceparent", CALLER)):
            c.putheader(name, value)
        c.endheaders(body)
        answer = c.getresponse()
        self.assertEqual(answer.status, 201)
        exchange = json.loads(answer.read())["exchange"]
        self.assertEqual(self.callers(exchange), [])
        self.item(border(exchange)[0])

    def test_each_line_of_many_has_its_own(self):
        body = "".join(json.dumps(envelope()) + "\n" for _ in range(5))
        status, _, text = self.system.request("POST", "/v1/agreements/pnr/records", body, content_type="application/x-ndjson", traceparent=CALLER)
        self.assertEqual(status, 200)
        for exchange in [json.loads(line)["exchange"] for line in text.splitlines()]:
            self.assertEqual([f["caller_trace"] for f in self.callers(exchange)], [TRACE])
            self.item(border(exchange)[0])

    def test_a_partners_system_chooses_nothing_here(self):
        """Straight to the recipient's gateway: its journal takes no word of another agency's."""
        before = read(self.south.log).count("caller_trace")
        direct = self.world.client("north", self.south)
        status, answer = direct.post("pnr", envelope(), traceparent=CALLER)
        self.assertEqual(status, 201, answer)
        trace, _, theirs = border(answer["exchange"])
        self.assertEqual(self.item(trace)["traceparent"], f"00-{trace}-{theirs}-01")
        self.assertEqual(read(self.south.log).count("caller_trace"), before)
        self.assertNotIn(TRACE, read(self.south.log))


if __name__ == "__main__":
    unittest.main()
