"""A partner that takes connections and never says a word delays nothing that is for others; it is asked by one at a time,
and gets all that waited when it is there."""

import json
import socket
import threading
import time
import unittest

import agreements
from world import ROOT, Node, World, read, wait_for, write

WAITING = 300


class Silence:
    """Listens where a gateway should be, accepts, and says nothing."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.taken = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                self.taken.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for s in self.taken:
            s.close()


class Silent(unittest.TestCase):
    def setUp(self):
        self.world = w = World()
        self.addCleanup(w.close)
        digest = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(agreements.passenger(digest=digest))
        east = self.add_east()
        doc = json.loads(json.dumps(agreements.passenger("eax", digest=digest)).replace('"south"', '"east"'))
        path = f"{w.folder}/eax.json"
        write(path, json.dumps(doc))
        w.sign(path, ("north", "east"))
        w.north.add_agreement(path)
        east.add_agreement(path)
        self.north, self.east = w.north, east
        w.north.start()
        east.start()
        self.client = w.client("north")

    def add_east(self):
        w = self.world
        east = Node(w, "east", "XE")
        w.nodes.append(east)
        w.signers["east"] = w.authority.leaf("signer-east", "spiffe://east.example/signer", "emailProtection")
        w.systems["east"] = w.authority.leaf("system-east", "spiffe://east.example/system")
        hosts = "".join(f"127.0.0.1 {n.host}\n" for n in w.nodes)
        for n in w.nodes:
            write(f"{n.folder}/hosts", hosts)
        for n, other in ((w.north, east), (east, w.north), (east, east)):
            write(f"{n.folder}/partners/signer-{other.agency}.pem", read(w.signers[other.agency][0]))
            doc = {"id": other.agency, "agency": other.agency, "jurisdiction": other.jurisdiction, "roles": []}
            n.add_partner({**(other.describe() if other is not n else doc), "signers": [f"signer-{other.agency}.pem"]})
        w.add_system(east, "east", "east-system", w.systems["east"][0])
        return east

    def post(self, agreement):
        status, answer = self.client.post(agreement, agreements.envelope(agreements.passenger_record()))
        self.assertEqual(status, 201, answer)
        return answer["exchange"]

    def test_it_delays_nobody_and_gets_all_in_the_end(self):
        silence = Silence(self.world.south.port)
        try:
            for _ in range(WAITING):
                self.post("pax")
            wait_for(lambda: silence.taken)
            time.sleep(1)
            began = time.monotonic()
            self.post("eax")
            wait_for(lambda: self.world.client("east", self.east).inbox()["items"], every=0.01)
            took = time.monotonic() - began
            print(f"{len(silence.taken)} of {WAITING} wait for an answer of a silent partner; a record to another took {took:.2f} s")
            self.assertLess(len(silence.taken), 20)
            self.assertLess(took, 5)
            waiting = self.north.ask("status")["waiting"]
            self.assertEqual([(w["what"], w["recipient"], w["reason"]) for w in waiting], [("deliveries", "south", "")])
            self.assertEqual(waiting[0]["waiting"], WAITING)
        finally:
            silence.close()
        wait_for(lambda: "is silent; it is asked by one at a time" in read(self.north.log))
        wait_for(lambda: {w["reason"] for w in self.north.ask("status")["waiting"]} == {"", "unreachable"})
        self.assertIn('gatewayd_waiting{what="deliveries",recipient="south",reason="unreachable"}', self.north.get_monitor("/metrics")[1])
        self.world.south.start()
        changed = self.north.ask("outbox", "retry", "--partner", "south")["changed"]
        # What it was asked for meanwhile by itself has arrived.
        arrived = len(self.world.client("south").inbox(unproved=True)["items"])
        self.assertGreater(changed, 0)
        self.assertGreaterEqual(changed + arrived, WAITING)
        wait_for(lambda: self.north.ask("outbox") == [], seconds=60)
        self.assertIn("answers again", read(self.north.log))


if __name__ == "__main__":
    unittest.main()
