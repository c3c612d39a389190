"""Nothing that was acknowledged is lost with a store: what a partner had taken is delivered once more where it is kept, and what
a restored sender takes for waiting is found delivered."""

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import unittest

import agreements
from check_backup import Rehearsal
from check_hold import Statements
from check_witness import ROOT, audit_option, edit
from world import GATEWAYCTL, World, read, wait_for, write

HOUR = 3600
DAY = 24 * HOUR


def kept_world(keep, moved_clock):
    w = World(moved_clock=moved_clock)
    schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
    more = {"delivery": {"keep": keep}} if keep else {}
    w.agreement(agreements.passenger(digest=schema, **more))
    # One whose copies end before that.
    w.agreement(agreements.passenger("brief", schema, **more, retention={"payload": "P28D", "copy": "P1D", "at_end": "erase"}))
    for n in w.nodes:
        audit_option(n, witness_every_s=1)
    return w


class Reconciling(Rehearsal):
    keep = None

    def setUp(self):
        self.world = w = kept_world(self.keep, self.moved_clock)
        self.addCleanup(w.close)
        self.north, self.south = w.north, w.south
        self.safe = f"{w.folder}/safe"
        self.keeper = self.make_keeper("keeper")
        self.store = f"{self.north.folder}/store/gatewayd.db"

    def lose(self, node):
        node.stop()
        folder = f"{node.folder}/store"
        for name in os.listdir(folder):
            os.remove(f"{folder}/{name}")

    def restored(self, node, partner):
        """Restores `node` from its backup and tells the partner its new key."""
        before = read(f"{node.folder}/audit.vkey").strip()
        said = self.restore(node=node)
        edit(partner, f"{node.agency}-gateway", vkey=said["vkey"], earlier=[before])
        partner.ctl("reload")
        node.start()

    def rows(self, node, what, *values):
        with contextlib.closing(sqlite3.connect(f"file:{node.folder}/store/gatewayd.db?mode=ro", uri=True)) as db:
            return db.execute(what, values).fetchall()

    def held(self, exchange):
        """Whether the sender's gateway holds the sealed record, and what went with it."""
        mine = "(SELECT seq FROM exchange WHERE id = ?)"
        return tuple(self.rows(self.north, f"SELECT count(*) FROM {table} WHERE seq = {mine}", bytes.fromhex(exchange.replace("-", "")))[0][0]
                     for table in ("payload", "kept"))

    def plan(self, node, exchange):
        """The timer of the copy, by the first gateway's id."""
        known = "SELECT seq FROM exchange WHERE coalesce(origin, id) = ?"
        row, = self.rows(node, f"SELECT base_ms, mask_ms, review_ms, notify_ms, end_ms FROM timer WHERE seq = ({known})",
                         bytes.fromhex(exchange.replace("-", "")))
        return row

    def reconcile(self, node, partner, *more):
        export = f"{self.world.folder}/log-of-{partner.agency}-{len(os.listdir(self.world.folder))}"
        partner.ctl("audit", "export", export)
        code, out, err = node.ctl("-o", "json", "store", "reconcile", "--key", f"{partner.folder}/audit.vkey", *more, export, ok=False)
        found = {}
        for line in out.splitlines():
            f = json.loads(line)
            found.setdefault(f["finding"], []).append(f["exchange"])
        return code, found, out, err

    def again(self, text):
        done = subprocess.run([GATEWAYCTL, "-c", self.north.config, "-o", "json", "outbox", "again", "-"], input=text,
                              capture_output=True, text=True, timeout=60)
        return done.returncode, {r["exchange"]: r["result"] for r in map(json.loads, done.stdout.splitlines())}

    def inbox(self, agency="south"):
        return self.world.client(agency).inbox()["items"]

    def collected(self, exchange):
        """How often the recipient's log, in all its epochs, says that it was taken."""
        return [e["origin"] for e in self.south.entries() if e["operation"] == "collection"].count(exchange)

    def asked(self, request):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.control())
            s.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(s.makefile().readline())

    def control(self):
        return os.path.join(self.north.folder, json.loads(read(self.north.config))["control"])


class RecipientRestored(Reconciling):
    keep = "P2D"
    moved_clock = True

    def test_what_is_kept_comes_again_and_the_rest_is_listed(self):
        w, north, south = self.world, self.north, self.south
        w.start()
        before = self.post(1)
        self.delivered()
        self.back_up(node=south)
        late = self.post(2)
        self.delivered()
        self.assertEqual(self.held(late), (1, 1))
        w.clock.move(2 * DAY + HOUR)
        wait_for(lambda: self.held(late) == (0, 0))
        self.assertEqual(self.held(before), (0, 0))
        lost, recalled, corrected = self.post(3), self.post(4), self.post(5)
        self.delivered()
        # What is called back or corrected is erased at once, and is not given again.
        client = w.client("north")
        self.assertEqual(client.request("POST", f"/v1/exchanges/{recalled}/recall", {"why": "sent-in-error"})[0], 200)
        self.assertEqual(self.held(recalled), (0, 0))
        status, answer = client.post("pax", agreements.envelope(agreements.passenger_record(6), corrects=corrected))
        self.assertEqual(status, 201, answer)
        self.assertEqual(self.held(corrected), (0, 0))
        self.delivered()
        wait_for(lambda: north.ask("notices") == [])
        self.assertEqual(self.held(lost), (1, 1))

        self.lose(south)
        self.restored(south, north)
        code, found, text, _ = self.reconcile(south, north)
        correction = answer["exchange"]
        self.assertEqual(code, 3)
        self.assertEqual(set(found), {"lost-received"})
        self.assertEqual(set(found["lost-received"]), {late, lost, recalled, corrected, correction})
        code, results = self.again(text)
        self.assertEqual(code, 3)
        self.assertEqual(results, {late: "not-kept", lost: "queued", recalled: "not-delivered", corrected: "not-kept",
                                   correction: "queued"})
        self.delivered()
        here = [x for x, in self.rows(south, "SELECT lower(hex(origin)) FROM exchange WHERE origin IS NOT NULL ORDER BY seq")]
        self.assertEqual(sorted(here), sorted(x.replace("-", "") for x in (before, lost, correction)))
        for exchange in lost, correction:
            self.assertEqual(self.plan(south, exchange)[0], self.plan(north, exchange)[0])
            self.assertEqual(self.plan(south, exchange)[4], self.plan(north, exchange)[4])
        code, found, _, _ = self.reconcile(south, north)
        self.assertEqual((code, set(found["lost-received"])), (3, {late, recalled, corrected}))
        # Again and again: it is taken once.
        self.assertEqual(self.again(f"{lost}\n")[1], {lost: "queued"})
        self.delivered()
        self.assertEqual(self.rows(south, "SELECT count(*) FROM exchange WHERE origin = ?", bytes.fromhex(lost.replace("-", ""))), [(1,)])
        self.assertEqual(w.client("north").request("GET", f"/v1/exchanges/{lost}")[0], 200)
        notes = [(e["outcome"], e.get("note", "")) for e in north.entries() if e["operation"] == "delivery" and e["exchange"] == lost]
        self.assertEqual([o for o, _ in notes], ["delivered", "queued", "delivered", "queued", "delivered"])
        self.assertRegex(notes[1][1], r"^once more, by operator with uid \d+$")
        # The two logs agree on it.
        for node in north, south:
            node.ctl("audit", "export", f"{w.folder}/final-{node.agency}")
        out = north.ctl("-o", "json", "audit", "reconcile", f"{w.folder}/final-north", f"{w.folder}/final-south", ok=False)[1]
        self.assertNotIn(lost, out)
        # Its time ends it as any other.
        w.clock.move(2 * DAY + HOUR)
        wait_for(lambda: self.held(lost) == (0, 0))
        self.assertEqual(self.again(f"{lost}\n"), (3, {lost: "not-kept"}))

    def test_one_that_cannot_arrive_again_ends_and_was_delivered(self):
        w, north, south = self.world, self.north, self.south
        w.start()
        one, other, unknown = self.post(1), self.post(2), "00000000-0000-7000-8000-000000000000"
        self.delivered()
        south.stop()
        code, results = self.again(f"{one}\n{other}\n{unknown}\n")
        self.assertEqual((code, results), (3, {one: "queued", other: "queued", unknown: "unknown"}))
        self.assertEqual(self.again(f"{one}\n"), (3, {one: "waits"}))
        north.ctl("outbox", "expire", other)
        self.assertEqual([d["exchange"] for d in north.ask("outbox")], [one])
        # A recall takes it back at once.
        client = w.client("north")
        self.assertEqual(client.request("POST", f"/v1/exchanges/{one}/recall", {"why": "sent-in-error"})[0], 200)
        self.assertEqual((north.ask("outbox"), self.held(one), self.held(other)), ([], (0, 0), (1, 1)))
        self.assertEqual(json.loads(client.request("GET", f"/v1/exchanges/{other}")[2])["state"], "delivered")
        # Its time is over while it waits: it ends, and the copy that it had made is still owed its duties.
        self.assertEqual(self.again(f"{other}\n")[1], {other: "queued"})
        w.clock.move(2 * DAY + HOUR)
        wait_for(lambda: self.held(other) == (0, 0) and north.ask("outbox") == [])
        client = w.client("north")
        self.assertEqual(json.loads(client.request("GET", f"/v1/exchanges/{other}")[2])["state"], "delivered")
        self.assertGreater(self.plan(north, other)[4], 0)

    def test_it_ends_with_the_copy(self):
        w, north = self.world, self.north
        w.start()
        client = w.client("north")
        status, answer = client.post("brief", agreements.envelope(agreements.passenger_record(1)))
        self.assertEqual(status, 201, answer)
        brief, other = answer["exchange"], self.post(2)
        self.delivered()
        self.assertEqual([self.held(x) for x in (brief, other)], [(1, 1)] * 2)
        w.clock.move(DAY + HOUR)
        wait_for(lambda: self.held(brief) == (0, 0))
        self.assertEqual(self.held(other), (1, 1))
        # The recipient's gateway may have told of its end by now.
        code, results = self.again(f"{brief}\n")
        self.assertEqual(code, 3)
        self.assertIn(results[brief], ("not-kept", "not-delivered"))
        note, = [e.get("note") for e in north.entries() if e["operation"] == "erasure" and e["exchange"] == brief]
        self.assertIn(note, ("retention period over", "the copy has ended"))

    def test_wrong_use(self):
        self.north.start()
        self.assertEqual(self.north.ctl("outbox", "again", ok=False)[0], 2)
        self.assertEqual(self.north.ctl("outbox", "again", "case-1", ok=False)[0], 2)
        for ids in [], ["x"], [1], ["00000000-0000-7000-8000-000000000000"] * 501:
            answer = self.asked({"do": "outbox-again", "exchanges": ids})
            self.assertFalse(answer["ok"])
            self.assertTrue(answer["error"].startswith("exchanges: "), answer)


class Held(Statements, Reconciling):
    """A hold keeps what is kept, as any payload; what is called back meanwhile leaves no more."""

    keep = "P2D"
    number = 0
    people = {}

    def test_a_recall_during_a_hold(self):
        w, north = self.world, self.north
        self.pin(w, north, "nora", "north", "supervisor")
        w.start()
        exchange = self.post(1)
        self.delivered()
        hold = self.set(north, exchange, "nora")
        self.south.stop()
        self.assertEqual(self.again(f"{exchange}\n")[1], {exchange: "queued"})
        self.assertEqual(w.client("north").request("POST", f"/v1/exchanges/{exchange}/recall", {"why": "sent-in-error"})[0], 200)
        self.assertEqual((north.ask("outbox"), self.held(exchange)), ([], (1, 1)))
        self.assertEqual(self.again(f"{exchange}\n")[1], {exchange: "not-delivered"})
        self.lift(north, exchange, "nora", hold)
        wait_for(lambda: self.held(exchange) == (0, 0))


class SenderLost(Reconciling):
    def queue_then_deliver(self):
        """Two that waited at the backup and were delivered since, then the store is lost."""
        self.north.start()
        waited = [self.post(1), self.post(2)]
        self.back_up()
        self.south.start()
        self.delivered()
        return waited

    def receipt(self, exchange, log):
        """Of the entry in the partner's log by which it came: there it has another id."""
        here, = [e["exchange"] for e in self.south.entries() if e["operation"] == "collection" and e["origin"] == exchange]
        return self.south.ctl("audit", "prove", "--from", log, "--out", "-", here)[1]

    def states(self, exchanges):
        client = self.world.client("north")
        return {json.loads(client.request("GET", f"/v1/exchanges/{x}")[2])["state"] for x in exchanges}


class SenderRestored(SenderLost):
    def test_the_partners_log_ends_what_waits_here(self):
        waited = self.queue_then_deliver()
        self.lose(self.north)
        self.restored(self.north, self.south)
        # Neither given up nor told to be.
        self.assertEqual([(d["exchange"], d["last_error"]) for d in self.north.ask("outbox")], [(x, "payload-lost") for x in waited])
        self.assertEqual(self.inbox("north"), [])
        code, found, _, _ = self.reconcile(self.north, self.south)
        self.assertEqual((code, set(found), set(found["arrived"])), (3, {"arrived"}, set(waited)))
        # A receipt of another record, of no record, and of an exchange that is not here.
        self.south.ctl("audit", "export", f"{self.world.folder}/log")
        receipt = self.receipt(waited[0], f"{self.world.folder}/log")
        for exchange, text, why in ((waited[1], receipt, "for something else"), (waited[0], "x", ""),
                                    ("00000000-0000-7000-8000-000000000000", receipt, "no such exchange"), ("x", receipt, "exchange, receipt")):
            answer = self.asked({"do": "outbox-arrived", "exchange": exchange, "receipt": text})
            self.assertFalse(answer["ok"], exchange)
            self.assertIn(why, answer["error"])
        self.assertEqual(self.states(waited), {"queued"})
        code, found, _, _ = self.reconcile(self.north, self.south, "--settle")
        self.assertEqual((code, set(found), set(found["settled"])), (0, {"settled"}, set(waited)))
        self.assertEqual((self.states(waited), self.north.ask("outbox"), self.inbox("north")), ({"delivered"}, [], []))
        self.assertEqual([self.collected(x) for x in waited], [1, 1])
        answer = self.asked({"do": "outbox-arrived", "exchange": waited[0], "receipt": receipt})
        self.assertIn("no delivery of this exchange waits here", answer["error"])
        self.north.ctl("store", "reconciled")
        self.assertEqual(self.inbox("north"), [])
        shown = json.loads(self.world.client("north").request("GET", f"/v1/exchanges/{waited[0]}")[2])
        self.assertIn("partner_receipt", shown)

    def test_what_nobody_can_show_is_told_as_failed_in_the_end(self):
        waited = self.queue_then_deliver()
        self.lose(self.north)
        self.restored(self.north, self.south)
        self.assertEqual(self.inbox("north"), [])
        # Without a key of the partner's log nothing shows it.
        self.south.ctl("audit", "export", f"{self.world.folder}/log")
        receipt = self.receipt(waited[0], f"{self.world.folder}/log")
        path = f"{self.north.folder}/partners/south-gateway.json"
        write(path, json.dumps({"id": "south-gateway", "agency": "south", "jurisdiction": "XS", "roles": [], "signers": ["signer-south.pem"]}))
        self.north.ctl("reload")
        answer = self.asked({"do": "outbox-arrived", "exchange": waited[0], "receipt": receipt})
        self.assertIn("no verifier key of the recipient's log is known here", answer["error"])
        self.north.ctl("store", "reconciled")
        self.assertEqual([(i["kind"], i["reason"]) for i in self.inbox("north")], [("delivery-failed", "payload-lost")] * 2)
        self.assertEqual(self.states(waited), {"queued"})


class SenderKeeps(SenderLost):
    """What is kept still opens after the restore: it leaves once more, and the partner knows it."""

    keep = "P2D"
    moved_clock = True

    def test_it_leaves_again_past_its_deadline_and_is_known(self):
        waited = self.queue_then_deliver()
        self.north.stop()
        self.world.clock.move(DAY + HOUR)
        self.north.change(delivery={"deadline": "P1D", "first_retry_ms": 100, "longest_retry_ms": 1000})
        self.lose(self.north)
        self.restored(self.north, self.south)
        self.delivered()
        self.assertEqual((self.states(waited), self.inbox("north")), ({"delivered"}, []))
        self.assertEqual([self.collected(x) for x in waited], [1, 1])
        self.assertEqual(self.reconcile(self.north, self.south)[:2], (0, {}))


if __name__ == "__main__":
    unittest.main()
