"""North sends to south, and a ledger has what was asked and what was answered: records that are released and that are held,
releases, acknowledgements, recalls, new master keys. After whatever happened to the daemons, settle() says whether all that was
answered took effect, once, and whether nothing is stuck."""

import collections
import contextlib
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import threading
import time
import uuid

import agreements
from world import ROOT, Ended, World, read, run, wait_for

SLOT = 64       # bytes; see gatewayd/core/keys/slot_file_private.h
NEVER = float("inf")
# What reconcile ends with; what was recalled before it left counts as undelivered.
AGREE = " 0 refused, 0 only sent, 0 only received, 0 digests differ, 0 failed here and collected there$"


def busy(status):
    """Whether an answer says: not now."""
    return status == 429 or status >= 500


class Ledger:
    """Of each act by its kind and id: when it was first asked for, and when it was first answered. Any thread."""

    def __init__(self, clock=time.monotonic):
        self.clock, self.lock, self.acts, self.open = clock, threading.Lock(), {}, collections.Counter()

    @contextlib.contextmanager
    def act(self, kind, what):
        """Around a request; what the body puts into the list that it gets is the answer."""
        with self.lock:
            entry = self.acts.setdefault(kind, {}).setdefault(what, [self.clock(), NEVER, None])
            self.open[kind] += 1
        answer = []
        try:
            yield answer
        finally:
            with self.lock:
                self.open[kind] -= 1
                if answer and entry[1] == NEVER:
                    entry[1:] = [self.clock(), answer[0]]

    def asked(self, kind):
        with self.lock:
            return set(self.acts.get(kind, {}))

    def answered(self, kind):
        """The answers by id."""
        with self.lock:
            return {what: answer for what, (_, at, answer) in self.acts.get(kind, {}).items() if at != NEVER}

    def under_way(self):
        """Kinds of acts of which one waits for its answer right now."""
        with self.lock:
            return {kind for kind, n in self.open.items() if n}

    def until(self, moment):
        """A ledger of its own of what had happened by then."""
        past = Ledger(lambda: moment)
        for kind, acts in self.acts.items():
            past.acts[kind] = {what: [asked, at, answer] if at <= moment else [asked, NEVER, None]
                               for what, (asked, at, answer) in acts.items() if asked <= moment}
        return past


class Pair(World):
    """`hold`: every so-many-th record is held until an officer releases it."""

    def __init__(self, hold=4, folder=None, **options):
        super().__init__(folder=folder, **options)
        self.hold = hold
        digest = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        self.agreement(agreements.passenger("pax", digest))
        doc = agreements.passenger("waits", digest)
        doc["tiers"][0]["approvals"] = 1
        self.agreement(doc)
        self.officer = cert, _ = self.authority.leaf("anna", "spiffe://north.example/officer/anna", "emailProtection")
        run("cp", cert, f"{self.north.folder}/partners/anna.pem")
        self.north.add_partner({"id": "anna", "agency": "north", "jurisdiction": "XX", "roles": ["officer"], "signers": ["anna.pem"],
                                "training_until": agreements.instant(90)})
        for n in self.nodes:
            n.change(limits={"reads_per_minute": 10000000})
        self.ledger, self.approvals = Ledger(), {}

    def control(self, node, **request):
        """One request to the daemon's control socket, without a process for it."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(f"{node.folder}/run/control.sock")
            s.sendall(json.dumps(request).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                more = s.recv(65536)
                if not more:
                    raise ConnectionResetError("the control socket was closed")
                answer += more
        return json.loads(answer)

    def start_both(self, *wraps):
        threads = [threading.Thread(target=n.start, args=w) for n, w in zip(self.nodes, wraps or ((), ()))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for n in self.nodes:
            if n.process is None or n.process.poll() is not None:
                raise AssertionError(f"{n.agency} did not start:\n{read(n.log)[-3000:]}")

    # What is asked. Each returns whether it was answered; one that was not may be asked again.

    def post(self, client, number):
        envelope = self.envelope(number)
        with self.ledger.act("post", number) as answer:
            status, doc = client.post(self.agreement_of(number), envelope, key=f"load-{number}")
            if status in (201, 202):
                answer.append(doc["exchange"])
            elif not busy(status):
                raise AssertionError((status, doc))
        return bool(answer)

    def envelope(self, number):
        doc = agreements.envelope(agreements.passenger_record(number))
        doc["record"]["payment"]["amount"] = number     # it arrives, and says which one
        return doc

    def agreement_of(self, number):
        return "waits" if self.held(number) else "pax"

    def held(self, number):
        return self.hold and number % self.hold == 0

    def approve(self, number):
        """While the daemon runs; the approval is then good for all that comes of this exchange."""
        exchange, (cert, key) = self.ledger.answered("post")[number], self.officer
        out = f"{self.folder}/approval-{exchange}"
        status, _, _ = self.north.ctl("exchange", "approve", exchange, "--certificate", cert, "--key", key, "--out", out, ok=False)
        if status == 0:
            self.approvals[exchange] = (f"{out}.json", f"{out}.p7s")
        return status == 0

    def release(self, number):
        exchange = self.ledger.answered("post")[number]
        with self.ledger.act("release", number) as answer:
            status, _, said = self.north.ctl("exchange", "release", exchange, "--approval", *self.approvals[exchange], ok=False)
            # Asked again when the answer was lost, it is not held any more.
            if status == 0 or "is not held" in said:
                answer.append(exchange)
        return bool(answer)

    def recall(self, client, number):
        with self.ledger.act("recall", number) as answer:
            status, _, body = client.request("POST", f"/v1/exchanges/{self.ledger.answered('post')[number]}/recall", {"why": "sent-in-error", "words": "by mistake"})
            if status == 200:
                answer.append(json.loads(body)["state"])
            elif not busy(status):
                raise AssertionError((status, body))
        return bool(answer)

    def rotate(self, node):
        with self.ledger.act("rotate", (node.agency, time.monotonic())) as answer:
            told = self.control(node, do="keys-rotate")
            if told.get("ok"):
                answer.append(True)
        return bool(answer)

    def inbox(self, client):
        items, after = [], 0
        while True:
            status, _, body = client.request("GET", f"/v1/inbox?after={after}")
            if busy(status):
                raise ConnectionResetError(f"the inbox is not served: {status}")
            assert status == 200, (status, body)
            page = json.loads(body)
            if not page["items"] and page.get("unproved"):
                time.sleep(0.1)
                continue
            if not page["items"]:
                return items
            items += page["items"]
            after = page["next"]

    def acknowledge(self, client, item):
        """A record by its number, a duty by its item's id; what a kind wants to be told, it is told."""
        number = item["record"]["payment"]["amount"] if item["kind"] == "record" else None
        kind, what = ("ack", number) if number is not None else ("duty", item["id"])
        body = "" if kind == "ack" else {"result": "erased"}
        with self.ledger.act(kind, what) as answer:
            status, _, said = client.request("POST", f"/v1/inbox/{item['id']}/ack", body)
            if status == 200:
                answer.append(json.loads(said)["exchange"])
            elif status == 404 and kind == "ack" and number in self.ledger.asked("recall"):
                pass
            elif not busy(status):
                raise AssertionError((status, said))
        return bool(answer)

    # What must hold.

    def quiet(self):
        """Nothing is on the way between the gateways."""
        for n in self.nodes:
            store = self.control(n, do="status")["store"]
            if store["outbox"] or store["notices"]:
                return False
        return True

    def rows(self, node, text):
        """Of a daemon's store, beside it."""
        with contextlib.closing(sqlite3.connect(f"file:{node.folder}/store/gatewayd.db?mode=ro", uri=True)) as db:
            return db.execute(text).fetchall()

    def settle(self, seconds=20, every=True):
        """Both daemons run. All that was asked without an answer is asked again, as a careful sender does, and all that is due
        happens. `every`: also records that were answered are posted again, or two of them. Returns how many of what."""
        north, south = self.client("north"), self.client("south")
        try:
            self.check_keys()
            self.check_posts(north, every)
            wait_for(self.quiet, seconds)
            shown = self.check_inbox(south)
            self.check_timers()
            released = self.release_held(south, seconds)
            self.finish(south, seconds)
        finally:
            north.close()
            south.close()
        return {"posted": len(self.ledger.answered("post")), "shown": len(shown), "released": len(released)}

    def state(self, exchange):
        """Of what north sent."""
        return self.control(self.north, do="exchange-show", exchange=exchange).get("exchange", {}).get("state")

    @staticmethod
    def numbers(items):
        return [i["record"]["payment"]["amount"] for i in items if i["kind"] == "record"]

    def check_keys(self):
        """Every payload has a slot that holds a key, no row of the outbox lacks a payload, and the master key is as new as was
        acknowledged."""
        sealed = "SELECT p.seq, s.slot FROM payload p LEFT JOIN payload_slot s ON s.seq = p.seq"
        for n in self.nodes:
            before = self.rows(n, sealed)
            with open(f"{n.folder}/keys/slots", "rb") as f:
                slots = f.read()
            # What is delivered meanwhile comes and goes.
            for seq, slot in set(before) & set(self.rows(n, sealed)):
                assert slot is not None and slots[SLOT * (slot + 1):][:1] == b"\1", f"{n.agency}: payload {seq} has no key"
            rotated = sum(1 for agency, _ in self.ledger.answered("rotate") if agency == n.agency)
            assert int.from_bytes(slots[8:12], "big") > rotated, f"{n.agency}: the master key is an old one"
            bare = self.rows(n, "SELECT d.seq FROM delivery d LEFT JOIN payload p ON p.seq = d.seq WHERE p.seq IS NULL")
            assert not bare, f"{n.agency}: deliveries without a payload: {bare}"

    def check_posts(self, client, every):
        answered = self.ledger.answered("post")
        again = self.ledger.asked("post") - set(answered)
        again |= set(answered if every else random.Random(len(answered)).sample(sorted(answered), min(2, len(answered))))
        for n in again:
            with self.ledger.act("post", n) as answer:
                status, doc = client.post(self.agreement_of(n), self.envelope(n), key=f"load-{n}")
                assert status in (201, 202), f"record {n}, asked again: {status} {doc}"
                answer.append(doc["exchange"])
                assert answered.get(n, doc["exchange"]) == doc["exchange"], f"record {n} has another exchange now"

    def check_inbox(self, client):
        """What must be shown is shown once, with its record, and what was erased is not. Returns the numbers shown."""
        ledger, items = self.ledger, self.inbox(client)
        damaged = [i for i in items if "damaged" in i]
        assert not damaged, f"does not open: {damaged}"
        shown, posted = self.numbers(items), ledger.answered("post")
        assert len(shown) == len(set(shown)), f"shown twice: {sorted(shown)}"
        back = set(shown) & (set(ledger.answered("ack")) | set(ledger.answered("recall")))
        assert not back, f"erased, and shown again: {back}"
        released = {n for n in posted if not self.held(n)} | set(ledger.answered("release"))
        gone = released - set(shown) - ledger.asked("ack") - ledger.asked("recall")
        assert not gone, f"acknowledged, and lost: {gone}"
        strange = set(shown) - released - ledger.asked("release")
        assert not strange, f"nobody released: {strange}"
        for n in ledger.answered("recall"):
            state = self.state(posted[n])
            assert state in ("recalled", "ended"), f"record {n} was recalled and is {state}"
        return shown

    def check_timers(self):
        """Of every copy that was handed over the recipient's gateway knows when it ends."""
        ends = dict(self.rows(self.south, "SELECT x.origin, t.end_ms FROM exchange x JOIN timer t ON t.seq = x.seq"))
        posted = self.ledger.answered("post")
        for n in set(self.ledger.answered("ack")) - self.ledger.asked("recall"):
            assert ends.get(uuid.UUID(posted[n]).bytes, 0) > 0, f"record {n}: the copy has no end"

    def release_held(self, client, seconds):
        """What is held can be released, and arrives."""
        posted = self.ledger.answered("post")
        waiting = {n for n in posted if self.held(n) and self.state(posted[n]) == "held"}
        lost = waiting & set(self.ledger.answered("release"))
        assert not lost, f"released, and held again: {lost}"
        for n in sorted(waiting):
            if posted[n] not in self.approvals:
                assert self.approve(n), f"held record {n} cannot be approved"
            status, _, said = self.north.ctl("exchange", "release", posted[n], "--approval", *self.approvals[posted[n]], ok=False)
            assert status == 0, f"held record {n} cannot be released: {said}"
        client.close()      # of many, the first releases are longer ago than a connection may be idle
        wait_for(lambda: waiting <= set(self.numbers(self.inbox(client))), seconds)
        return waiting

    def finish(self, client, seconds):
        """Everything is acknowledged; then nothing is left sealed, and nothing waits."""
        def handled():
            for item in self.inbox(client):
                self.acknowledge(client, item)
            return not self.inbox(client) and self.quiet()
        wait_for(handled, seconds)
        for n in self.nodes:
            wait_for(lambda n=n: self.control(n, do="status")["store"]["payloads"] == 0, seconds)
        posted = self.ledger.answered("post")
        for n in self.ledger.answered("recall"):
            wait_for(lambda x=posted[n]: self.state(x) == "ended", seconds)

    def verify(self):
        """Both daemons were stopped: their logs verify, and agree with each other. Returns what reconcile says."""
        stores = [f"{n.folder}/store/gatewayd.db" for n in self.nodes]
        for n, store in zip(self.nodes, stores):
            n.ctl("audit", "verify", "--key", read(f"{n.folder}/audit.vkey").strip(), store)
        policy = f"{self.folder}/policy"
        if not os.path.exists(policy):
            with open(policy, "w", encoding="ascii") as f:
                f.writelines(f"log {read(f'{n.folder}/audit.vkey').strip()}\n" for n in self.nodes)
                f.write("quorum none\n")
        return self.north.ctl("audit", "reconcile", "--policy", policy, *stores)[1].splitlines()[-1]


class Roles:
    """Threads that keep two gateways busy: systems that post, recall, fetch and acknowledge, an officer, an operator. What a
    gateway does not answer is asked again. `most`: how many records; `pace`, `post_every`, `rotate_every`: seconds between two
    acts of one of them; `keep`: each so-many-th record stays in the inbox, 0: none."""

    def __init__(self, pair, most=10 ** 9, pace=0.0, post_every=0.0, keep=3, rotate_every=0.3):
        self.post_every = post_every
        self.pair, self.most, self.pace, self.keep, self.rotate_every = pair, most, pace, keep, rotate_every
        self.stop, self.failed = threading.Event(), []
        self.numbers, self.seen = iter(range(1, most + 1)), set()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(role, client)) for role, client in (
            (self.post, pair.client("north", timeout=5)), (self.post, pair.client("north", timeout=5)),
            (self.fetch, pair.client("south", timeout=5)), (self.recall, pair.client("north", timeout=5)),
            (self.decide, None), (self.rotate, None))]
        for t in self.threads:
            t.start()

    def run(self, role, client):
        lot = random.Random(role.__name__)
        while not self.stop.is_set():
            try:
                role(client, lot)
            except AssertionError as e:
                self.failed.append(e)
                return
            except (OSError, ValueError, http.client.HTTPException):
                if client:
                    client.close()
                time.sleep(0.01)
            self.stop.wait(self.pace)
        if client:
            client.close()

    def post(self, client, _):
        with self.lock:
            number = next(self.numbers, None)
        if number is None:
            self.stop.wait(0.05)
            return
        self.stop.wait(self.post_every)
        while not self.stop.is_set():
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                if self.pair.post(client, number):
                    return
            client.close()
            time.sleep(0.01)

    def fetch(self, client, _):
        """All duties, and of records all but those whose number the keeper wants to leave where they are."""
        items = self.pair.inbox(client)
        self.seen = set(self.pair.numbers(items))
        for item in items:
            if self.stop.is_set():
                return
            if item["kind"] != "record" or self.keep == 0 or item["record"]["payment"]["amount"] % self.keep:
                self.pair.acknowledge(client, item)

    def recall(self, client, lot):
        """Each fifth record: most of them when they were fetched or lie in the inbox, some as soon as they were posted."""
        ledger = self.pair.ledger
        known = [n for n in ledger.answered("post") if n % 5 == 0 and not self.pair.held(n)]
        fetched = ledger.answered("ack")
        due = sorted(n for n in set(known) - set(ledger.answered("recall")) if n % 25 == 0 or n in fetched or n in self.seen)
        if due:
            self.pair.recall(client, lot.choice(due))
        else:
            self.stop.wait(0.05)

    def decide(self, _, lot):
        """The officer approves all that is held, and releases half of it."""
        pair = self.pair
        posted = pair.ledger.answered("post")
        held = sorted(n for n in posted if pair.held(n))
        new = [n for n in held if posted[n] not in pair.approvals]
        due = [n for n in held if posted[n] in pair.approvals and n % (2 * pair.hold) == 0 and n not in pair.ledger.answered("release")]
        if due:
            pair.release(lot.choice(due))
        elif new:
            pair.approve(new[0])
        else:
            self.stop.wait(0.05)

    def rotate(self, _, lot):
        self.stop.wait(self.rotate_every)
        self.pair.rotate(lot.choice(self.pair.nodes))

    def until_done(self, seconds=30):
        """Until all records were posted, all held ones were approved, and most was fetched."""
        pair = self.pair

        def done():
            posted = pair.ledger.answered("post")
            return self.failed or (len(posted) == self.most and all(x in pair.approvals for n, x in posted.items() if pair.held(n)) and
                                   len(pair.ledger.answered("ack")) > self.most / 3)
        wait_for(done, seconds)
        self.end()

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()
        if self.failed:
            raise self.failed[0]


class Supervisor:
    """Starts whichever daemon ended again, as a service manager does, and takes it amiss when one ended by anything but what
    passes: 1, or a kill that the test meant. `wraps`: the words before each one's command."""

    PASSES = (1, -signal.SIGKILL)

    def __init__(self, pair, wraps):
        self.pair, self.wraps, self.failed = pair, dict(zip(pair.nodes, wraps)), []
        self.starts = collections.Counter()     # by what the end before was
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop.is_set() and not self.failed:
            for n in self.pair.nodes:
                if n.process.poll() is not None:
                    self.again(n)
            self.stop.wait(0.005)

    def again(self, node):
        code = node.process.returncode
        self.starts[code] += 1
        try:
            assert code in self.PASSES, f"{node.agency} ended with {code}:\n{read(node.log)[-3000:]}"
            with contextlib.suppress(Ended):
                node.start(self.wraps[node])
        except AssertionError as e:
            self.failed.append(e)

    def end(self):
        self.stop.set()
        self.thread.join()
        if self.failed:
            raise self.failed[0]
