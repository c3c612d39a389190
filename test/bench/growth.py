"""How one gateway's cost of a record grows with what may grow: connections, the record's size, agreements, stored exchanges, the
log; and how long it takes from its start to the first record that it accepts. Each is measured at several points, and prints
a table, and its curve is drawn under build/bench (plot.py). CPU is user and system time of both processes, from /proc, as
in gateway.py, and so is the record but where its size is what grows. Loopback only, bounded in count and time; the daemons
are stopped by pid and everything else lies in temporary folders, which are removed.

N (stored exchanges at the most), AGREEMENTS (at the most), LOG (entries at the most), CONNECTIONS_MOST and SECONDS (of one
measurement) in the environment change the run; ONLY=connections,size takes those alone."""

import concurrent.futures
import json
import os
import resource
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
os.environ.setdefault("SECONDS", "2")

import agreements  # noqa: E402  (their folder is named above)
from gateway import LINES, Bench  # noqa: E402
from plot import plot  # noqa: E402
from world import BUILD, World, write  # noqa: E402

FILL = os.path.join(BUILD, "fill")
OUT = os.path.join(os.path.dirname(BUILD), "bench")
N = int(os.environ.get("N", "100000"))
AGREEMENTS = int(os.environ.get("AGREEMENTS", "1000"))
LOG = int(os.environ.get("LOG", "200000"))
CONNECTIONS_MOST = int(os.environ.get("CONNECTIONS_MOST", "4096"))
START_AGREEMENTS = 1000     # with which the start is measured
SIGNERS = 2                 # documents that are signed at a time

GOAL_GROWTH = 1.25          # times the CPU at the best point
GOAL_START = 3.0            # seconds, with 10,000,000 exchanges

# What a body of any size is made of; a large one of larger pieces, for a record has 10,000 members at most.
PERSON = {"name": "Muster %d", "born": "1980-05-06", "place": "Exampletown", "note": ""}
NOTE = "A made-up note that stays here. "
PEOPLE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "people.schema.json", "title": "People, as many as there are",
    "type": "object", "required": ["number", "people"], "additionalProperties": False,
    "properties": {"number": {"type": "string", "maxLength": 20}, "people": {"type": "array", "items": {
        "type": "object", "required": list(PERSON), "additionalProperties": False, "properties": {
            "name": {"type": "string", "maxLength": 100}, "born": {"type": "string", "format": "date"},
            "place": {"type": "string", "maxLength": 100}, "note": {"type": "string", "maxLength": 1000}}}}},
}
PEOPLE_RULES = [
    ("/number", "operational", "keep", None),
    ("/people/*/name", "direct-identifier", "pseudonym", agreements.PSEUDONYM),
    ("/people/*/born", "quasi-identifier", "date-trunc", {"to": "year"}),
    ("/people/*/place", "quasi-identifier", "keep", None),
]


def powers(most, base=10, first=1):
    """first, first * base, ... and `most`."""
    points = []
    while first < most:
        points.append(first)
        first *= base
    return points + [most]


class Ground(Bench):
    """One gateway that lets one partner do as much as it likes."""

    def __init__(self, world):
        super().__init__(world)
        most = CONNECTIONS_MOST + 64
        self.node.change(limits={"handshakes_per_source": 100000, "handshakes_per_second": 100000, "connections": most,
                                 "connections_per_peer": most, "connections_per_source": most, "memory_mib": 4096,
                                 "memory_mib_per_partner": 4096, "jobs": 2 * most, "jobs_per_partner": 2 * most})
        # The other gateway does not run, and nobody is to wait for it.
        self.node.add_partner({"id": "north-gateway", "agency": "north", "jurisdiction": "XN", "roles": [],
                               "signers": ["signer-north.pem"]})
        self.digest = agreements.digest_of(f"{world.folder}/bench.json")
        self.filled = 0

    def point(self, x, *more, **how):
        figures = self.expect(how.pop("status", 201), self.node.port, self.node.process.pid, *more, **how)
        return {"x": x, **figures}

    def fill(self, n):
        """So many stored exchanges in all, a tenth of them with a payload that waits; the gateway stands still meanwhile."""
        self.node.stop()
        payloads = (n - self.filled) // 10
        subprocess.run((FILL, "rows", f"{self.node.folder}/store/gatewayd.db", f"{self.node.folder}/keys", "bench", self.digest,
                        str(n - self.filled - payloads), str(payloads), str(self.filled)), check=True, timeout=3600)
        self.filled = n

    def sign_agreements(self, names):
        schema = json.loads(open(f"{self.world.folder}/bench.json", encoding="utf-8").read())["schemas"][0]["input"]
        with concurrent.futures.ThreadPoolExecutor(SIGNERS) as pool:
            list(pool.map(lambda name: self.world.agreement(agreements.passenger(name, schema)), names))

    def log_size(self):
        return next(int(line.split()[1]) for line in self.node.get_monitor("/metrics")[1].splitlines()
                    if line.startswith("gatewayd_audit_entries "))

    def first_record(self):
        """Seconds from exec to the first record that was accepted."""
        began = time.monotonic()
        self.node.start()
        client = self.world.client("south")
        client.context.load_cert_chain(*self.feed)
        status, answer = client.post("bench", json.loads(self.body.replace("%d", "1000000")))
        client.close()
        assert status == 201, answer
        return time.monotonic() - began


def people(folder, size):
    """Writes a body of so many bytes at the most, and says how many it has once it is sent."""
    item = json.dumps({**PERSON, "note": NOTE * (1 if size < 4096 else 16)}, separators=(",", ":"))
    body = json.dumps(agreements.envelope({"number": "%d", "people": ["PERSON"]}), separators=(",", ":")).replace('"PERSON"', f"%[{item}%]")
    write(f"{folder}/people", body + "\n")
    around = len(body) - len(item) - 4
    times = max(1, (size - around + 1) // (len(item) + 1))
    return around + times * (len(item) + 1) - 1 + (times + 1) * (len("1000000") - len("%d"))


def connections():
    with World() as world:
        ground = Ground(world)
        ground.node.start()
        ground.load(ground.node.port, ground.node.process.pid, seconds=1)
        return [ground.point(n, connections=n) for n in powers(CONNECTIONS_MOST, 4)]


def sizes():
    with World() as world:
        ground = Ground(world)
        write(f"{ground.node.folder}/schemas/people.schema.json", json.dumps(PEOPLE))
        write(f"{world.north.folder}/schemas/people.schema.json", json.dumps(PEOPLE))
        digest = agreements.digest_of(f"{ground.node.folder}/schemas/people.schema.json")
        world.agreement(agreements.make("people", [{"name": "people", "input": digest}], {"border": "people"}, PEOPLE_RULES))
        ground.node.start()
        rows = []
        for size in (540, 1024, 4096, 16384, 65536, 262144, 1000000):
            bytes_sent = people(world.folder, size)
            row = ground.point(bytes_sent, "-u", "/v1/agreements/people/records", "-B", f"{world.folder}/people", "--size", str(size),
                               connections=64 if size <= 65536 else 16)
            rows.append({**row, "cost": row["cpu"] / bytes_sent * 1024})
        return rows


def many_agreements():
    with World() as world:
        ground = Ground(world)
        rows, before = [], 0
        for n in powers(AGREEMENTS):
            ground.sign_agreements(f"a{i}" for i in range(before, n))
            before = n
            began = time.monotonic()
            ground.node.start()
            start = time.monotonic() - began
            rows.append({**ground.point(n, "-u", "/v1/agreements/a%d/records", "-B", ground.bodies, "--targets", str(n)), "start": start})
            ground.node.stop()
        return rows


def stored():
    with World() as world:
        ground = Ground(world)
        ground.node.start()
        rows = []
        for n in (0, *powers(N, first=max(1, N // 100))):
            if n:
                ground.fill(n)
                ground.node.start()
            rows.append({**ground.point(n, "-k"), "bytes": os.path.getsize(f"{ground.node.folder}/store/gatewayd.db")})
        return rows


def log_size():
    with World() as world:
        ground = Ground(world)
        ground.node.start()
        rows = []
        for n in powers(LOG, 4, LOG // 64):
            while (size := ground.log_size()) < n:
                ground.load(ground.node.port, ground.node.process.pid, "--batch", str(LINES), "--type", "application/x-ndjson",
                            seconds=1, records=LINES)
            rows.append(ground.point(size))
        return rows


def starts():
    with World() as world:
        ground = Ground(world)
        ground.sign_agreements(f"a{i}" for i in range(START_AGREEMENTS))
        ground.node.start()
        rows = []
        for n in (0, N // 10, N):
            if n:
                ground.fill(n)
            ground.node.stop()
            seconds = sorted(ground.first_record() for _ in range(3) if ground.node.stop() is None)
            rows.append({"x": n, "seconds": seconds[1], "least": seconds[0], "most": seconds[2]})
        return rows


def show(file, title, name, rows, cost="cpu", cost_name="CPU us/rec"):
    best = min(r[cost] for r in rows)
    extra = [(k, words, form) for k, words, form in (("start", "start s", "{:.2f}"), ("bytes", "store MiB", "{:.0f}")) if k in rows[0]]
    print(f"\n{title}\n{name:>20}{'records/s':>11}{'CPU us/rec':>12}{'p50 ms':>9}{'p99 ms':>9}"
          + (f"{cost_name:>14}" if cost != "cpu" else "") + f"{'/ best':>8}" + "".join(f"{words:>11}" for _, words, _ in extra))
    for r in rows:
        print(f"{r['x']:20}{r['rate']:11.0f}{r['cpu']:12.1f}{r['p50']:9.2f}{r['p99']:9.2f}"
              + (f"{r[cost]:14.2f}" if cost != "cpu" else "") + f"{r[cost] / best:8.2f}"
              + "".join(f"{form.format(r[k] / (2 ** 20 if k == 'bytes' else 1)):>11}" for k, _, form in extra))
    plot(f"{OUT}/{file}.svg", title, name, cost_name.replace("us", "µs"), {cost_name: [(r["x"], r[cost]) for r in rows]}, best * GOAL_GROWTH)
    print(f"goal: {GOAL_GROWTH} x the best at each point, {'reached' if max(r[cost] for r in rows) <= best * GOAL_GROWTH else 'not reached'}; "
          f"{OUT}/{file}.svg", flush=True)


def show_starts(rows):
    title = f"From the start to the first accepted record, {START_AGREEMENTS} agreements"
    print(f"\n{title}\n{'stored exchanges':>20}{'s, median of 3':>16}{'least':>8}{'most':>8}")
    for r in rows:
        print(f"{r['x']:20}{r['seconds']:16.2f}{r['least']:8.2f}{r['most']:8.2f}")
    plot(f"{OUT}/start.svg", title, "stored exchanges", "seconds", {"s": [(r["x"], r["seconds"]) for r in rows]}, GOAL_START)
    print(f"goal: {GOAL_START:g} s with 10000000; here {N} were stored; {OUT}/start.svg", flush=True)


GROWTHS = {
    "connections": lambda: show("connections", "CPU a record by connections", "connections", connections()),
    "size": lambda: show("size", "CPU a kilobyte by the size of a record", "bytes a body", sizes(), "cost", "CPU us/KiB"),
    "agreements": lambda: show("agreements", "CPU a record by agreements, records for all in turn", "agreements", many_agreements()),
    "stored": lambda: show("stored", "CPU a record by stored exchanges", "stored exchanges", stored()),
    "log": lambda: show("log", "CPU a record by the size of the log", "entries of the log", log_size()),
    "start": lambda: show_starts(starts()),
}


def main():
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
    os.makedirs(OUT, exist_ok=True)
    before = os.getloadavg()[0]
    only = tuple(filter(None, os.environ.get("ONLY", "").split(",")))
    for name, growth in GROWTHS.items():
        if not only or name in only:
            growth()
    print(f"\n{os.cpu_count()} processors, shared with the load generator and whatever else runs here; load average {before:.2f} before, "
          f"{os.getloadavg()[0]:.2f} after")


main()
