"""Years in a minute: two gateways whose clocks a test moves on, and systems that fetch from their inboxes. North's and
south's systems each send to the other, and are doc/recipient.py."""

import argparse
import importlib.util
import json
import socket

import agreements
from world import ROOT, World, wait_for

DAY = 86400
spec = importlib.util.spec_from_file_location("recipient", f"{ROOT}/doc/recipient.py")
recipient = importlib.util.module_from_spec(spec)
spec.loader.exec_module(recipient)


class Simulation(World):
    """`ignoring`: agencies whose systems fetch records and ignore their duties."""

    def __init__(self, retention, ignoring, days):
        super().__init__(days=days + 60, moved_clock=True)
        self.now_days = 0
        far = agreements.instant(days + 60)
        doc = agreements.passenger(
            digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json"), retention=retention, sunset=far,
            review={"interval": "P1Y", "next": far}, algorithms=[{"name": "hmac-sha-256", "expires": far}],
            assessment={"digest": "ab" * 32, "approved_by": "a made-up officer", "approved_at": agreements.instant(-10), "next_review": far},
            notification={"due": "P1M", "longest_delay": "P1Y", "rejustify_every": "P3M", "by": "elsewhere"})
        self.agreement(doc)
        for n in self.nodes:
            n.start()
        self.clients = {n.agency: self.client(n.agency) for n in self.nodes}
        self.records, self.gateways = {}, {}
        for n in self.nodes:
            cert, key = self.systems[n.agency]
            options = argparse.Namespace(keep_reviewed=None, delay_notice=None, ignore_duties=n.agency in ignoring)
            self.records[n.agency] = recipient.Records(f"{self.folder}/{n.agency}-records.db", options)
            self.gateways[n.agency] = recipient.Gateway(f"https://{n.host}:{n.port}", cert, key, self.authority.cert, "127.0.0.1")

    def control(self, node, **request):
        """One request to the daemon's control socket, without a process for it."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{node.folder}/{json.load(open(node.config, encoding='utf-8'))['control']}")
            s.sendall(json.dumps(request).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                answer += s.recv(65536)
        return json.loads(answer)

    def quiet(self):
        """Nothing is on the way between the gateways."""
        return all(s["outbox"] == s["notices"] == s["writer"] == 0 for s in (self.waiting(n) for n in self.nodes))

    def waiting(self, node):
        status = self.control(node, do="status")
        return {"writer": status["writer"]["queued"], "outbox": status["store"]["outbox"], "notices": status["store"]["notices"]}

    def advance(self, days):
        """Time passes, and everything that falls due in it fires."""
        wait_for(self.quiet)
        self.now_days += days
        self.clock.move(days * DAY)
        until_ms = int(self.clock.time() * 1000)
        for n in self.nodes:
            def fired(n=n):
                self.control(n, do="retention-run")
                return not self.control(n, do="retention-due", until_ms=until_ms)["timers"]
            wait_for(fired, every=0.01)
        for c in self.clients.values():
            c.close()

    def post(self, agency, number):
        status, answer = self.clients[agency].post("pax", agreements.envelope(agreements.passenger_record(number)))
        assert status == 201, answer
        return answer["exchange"]

    def systems_run(self):
        """Each system makes one pass over its inbox, once what was sent has arrived."""
        wait_for(self.quiet, every=0.01)
        for agency, records in self.records.items():
            assert recipient.fetch(self.gateways[agency], records) == 0

    def table(self, agency):
        return [tuple(r) for r in self.records[agency].db.execute("SELECT number, state, record IS NULL FROM record ORDER BY number")]

    def close(self):
        for r in getattr(self, "records", {}).values():
            r.db.close()
        super().close()
