"""One gateway beside its neighbours, driven by the same load generator in the same run; prints one table. The gateway does
the whole job: two processes, mutual TLS 1.3, a partner's raw record checked before and after its transformation,
three pseudonyms, sealed payload, inbox delivery, audit tree and receipt, synchronous=FULL. nginx answers 204 over
mutual TLS with the same certificates and reads nothing: its CPU is the unit. A service in Node.js does a part of the job
(peer/server.mjs), in one process and in two. Closed loop, open loop at a fixed rate, batches of lines, fresh connections;
and two gateways, from one agency's system to the other's inbox (relay.py). Loopback only, bounded in count and time; all are
stopped by pid and everything lies in temporary folders, which are removed.

SECONDS, ROUNDS, CONNECTIONS and RATE in the environment change the run; ONLY=gateway,nginx takes the rows whose name begins
so; PERF=FOLDER records where the gateway's CPU goes with perf, in the row "gateway", or "gateway, lines by 100" with PERF_LINES=1
(HZ samples a second; DWARF=1 for whole call graphs)."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import agreements  # noqa: E402  (their folder is named above)
from neighbours import Nginx, Peer  # noqa: E402
from relay import Relay, store_bytes  # noqa: E402
from world import BUILD, ROOT, World, run, write  # noqa: E402

LOAD = os.path.join(BUILD, "load")
SECONDS = int(os.environ.get("SECONDS", "5"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "64"))
RATE = int(os.environ.get("RATE", "2000"))      # requests a second of the open loop
REQUESTS = 1000000          # of one measurement, at most
LINES = 100                 # of a batch
TARGET = "/v1/agreements/bench/records"
FRESH = ("--fresh", "-u", "/v1/agreements")    # a connection for each question

# Each: what it says, the row and the figure, over the row and the figure, and what is to be reached.
GOALS = (
    ("CPU a record / nginx", ("gateway", "cpu"), ("nginx, 204", "cpu"), "<=", 4.5),
    ("CPU a record of a batch / nginx", ("gateway, lines by 100", "cpu"), ("nginx, 204", "cpu"), "<=", 2.5),
    ("CPU of both ends / nginx", ("two gateways", "cpu"), ("nginx, 204", "cpu"), "<=", 12),
    ("rate / best Node", ("gateway", "rate"), ("Node, *", "rate"), ">=", 2.5),
    ("arrived / best Node", ("two gateways", "rate"), ("Node, *", "rate"), ">=", 0.9),
    ("p99 / best Node, closed", ("gateway", "p99"), ("Node, *", "p99"), "<=", 0.7),
    ("p99 / best Node, open loop", ("gateway, open loop", "p99"), ("Node, open loop", "p99"), "<=", 0.6),
    ("whole handshake / nginx", ("gateway, fresh", "cpu"), ("nginx, fresh", "cpu"), "<=", 0.8),
)


def record(number="%d"):
    """About 1 KB; the load generator puts a number of seven digits in the place of %d."""
    r = agreements.passenger_record()
    r.update(locator=number, carrier="XX", ticketed_on="2026-01-03", party_size=1, status="confirmed")
    r["travellers"][0]["baggage"] = {"pieces": 1, "weight_kg": 17.25, "tags": ["0999091390"]}
    r["travellers"][0]["api"].update(issuing_country="XAA", expires="2031-07-05", sex="X")
    r["contact"]["address"] = {"street": "54 Nowhere Lane", "postcode": "25276", "city": "Exampletown", "country": "XAA"}
    r["itinerary"].append({"flight": "XX124", "from": "BBB", "to": "AAA", "departs": "2026-02-10T18:30:00Z"})
    r["ticket"] = {"number": "9990123456789", "one_way": False}
    r["agency"] = {"iata": "00000000", "name": "Made-up travel"}
    r["remarks"] = ["window seat", "vegetarian meal", "arrives late"]
    return r


class Bench:
    def __init__(self, world):
        self.world, self.node = world, world.south
        # All come from one address here, where a handshake budget is a source's.
        self.node.change(limits={"handshakes_per_source": 100000, "handshakes_per_second": 100000})
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        world.agreement(agreements.passenger("bench", schema))
        self.feed = world.authority.leaf("feed", "spiffe://north.example/feed")
        world.add_system(self.node, "north", "north-feed", self.feed[0])
        self.bodies = f"{world.folder}/bodies"
        self.body = json.dumps(agreements.envelope(record()), separators=(",", ":"))
        write(self.bodies, self.body + "\n")
        self.nginx = None
        self.first = 1000000

    def load(self, port, pid, *more, seconds=SECONDS, records=1, connections=CONNECTIONS):
        """One measurement: the load generator's figures; a request has so many records."""
        out = run(LOAD, "-a", f"127.0.0.1:{port}", "--server-name", self.node.host, "--ca", self.world.authority.cert,
                  "--cert", self.feed[0], "--private-key", self.feed[1], *(more if "-u" in more else ("-u", TARGET, "-B", self.bodies, *more)),
                  "-c", str(connections), "-s", str(seconds), "-w", "1", "-n", str(REQUESTS // records),
                  "--first", str(self.first // records), "-p", str(pid))[1]
        self.first += REQUESTS
        if self.first > 8000000:
            self.first = 1000000
        f = {name: float(value) for name, value in (line.split() for line in out.splitlines())}
        return {"status": {int(k[7:]): n for k, n in f.items() if k.startswith("status_")}, "requests": f["requests"],
                "rate": f["requests_per_second"] * records, "cpu": f["cpu_us_per_request"] / records,
                "p50": f["p50_us"] / 1000, "p99": f["p99_us"] / 1000, "p99.9": f["p99.9_us"] / 1000}

    def expect(self, status, port, pid, *more, **how):
        figures = self.load(port, pid, *more, **how)
        assert figures.pop("status") == {status: figures.pop("requests")}, figures
        return figures

    def measure_nginx(self, *more):
        return self.expect(204, self.nginx.port, self.nginx.process.pid, *more)

    def measure_node(self, peer, *more):
        peer.start()
        try:
            return self.expect(201, peer.port, peer.process.pid, *more)
        finally:
            peer.stop()

    def measure_gateway(self, *more):
        figures = self.expect(201, self.node.port, self.node.process.pid, *more)
        figures["rows"] = self.node.ask("status")["writer"]["median_rows_per_commit"]
        return figures

    def measure_fresh(self):
        """What counts is the handshake: beyond a partner's reads a minute the answer is 429."""
        figures = self.load(self.node.port, self.node.process.pid, *FRESH)
        assert set(figures.pop("status")) <= {200, 429} and figures.pop("requests"), figures
        return figures

    def measure_lines(self):
        return self.expect(200, self.node.port, self.node.process.pid, "--batch", str(LINES), "--type", "application/x-ndjson",
                           records=LINES)

    def memory(self):
        """MiB of core and edge, what they share counted once."""
        kib = 0
        for pid in (self.node.process.pid, self.node.edge_pid()):
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                kib += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        return kib / 1024

    def stored(self):
        return self.node.ask("status")["since_start"]["released"]

    def check_one(self):
        """One answer by hand, so that what is measured is the whole job."""
        client = self.world.client("south")
        client.context.load_cert_chain(*self.feed)
        status, answer = client.post("bench", json.loads(self.body.replace("%d", "1000000")))
        client.close()
        assert status == 201 and answer["outcome"] == "released-transformed" and answer["transformed"] >= 3, answer
        assert answer["receipt"].startswith("c2sp.org/tlog-proof@v1\n"), answer


def measure_relay(relay):
    f = relay.measure()
    return {"rate": f["arrived_per_second"], "cpu": f["cpu_us_per_record"], "bytes": f["north_bytes"], "inbox_bytes": f["south_bytes"]}


def medians(figures):
    return {name: {k: statistics.median(r[k] for r in rounds) for k in rounds[0]} for name, rounds in figures.items()}


def table(rows):
    base = rows["nginx, 204"]
    print(f"\n{'':26}{'records/s':>11}{'CPU us/rec':>12}{'p50 ms':>9}{'p99 ms':>9}{'p99.9':>9}{'rows/commit':>13}"
          f"{'rate/nginx':>12}{'CPU/nginx':>11}")
    for name, f in rows.items():
        waits = "".join(f"{f[p]:9.2f}" if p in f else f"{'':9}" for p in ("p50", "p99", "p99.9"))
        commit = f"{f['rows']:.0f}" if "rows" in f else ""
        print(f"{name:26}{f['rate']:11.0f}{f['cpu']:12.1f}{waits}{commit:>13}{f['rate'] / base['rate']:12.2f}{f['cpu'] / base['cpu']:11.2f}")


def pick(rows, name, figure):
    """The figure of a row; of a name that ends with *, the best of those that begin so."""
    if not name.endswith("*"):
        return rows[name][figure] if name in rows else None
    of = [f[figure] for n, f in rows.items() if n.startswith(name[:-1]) and "loop" not in n]
    return (max if figure == "rate" else min)(of) if of else None


def goals(rows):
    print(f"\n{'':34}{'measured':>9}{'goal':>10}")
    for words, ours, theirs, side, goal in GOALS:
        a, b = pick(rows, *ours), pick(rows, *theirs)
        if a is None or b is None:
            print(f"{words:34}{'-':>9}{side + f' {goal:g}':>10}")
            continue
        reached = a / b <= goal if side == "<=" else a / b >= goal
        print(f"{words:34}{a / b:9.2f}{side + f' {goal:g}':>10}  {'reached' if reached else ''}".rstrip())


def profile(bench, folder):
    """Where the CPU of core and edge goes: perf's call graphs, written under `folder`."""
    os.makedirs(folder, exist_ok=True)
    recorders = [subprocess.Popen(["perf", "record", "-q", "-g", "--call-graph", "dwarf,4096" if os.environ.get("DWARF") else "fp",
                                   "-F", os.environ.get("HZ", "1999"), "-o", f"{folder}/{name}.data", "-p", str(pid)])
                 for name, pid in (("core", bench.node.process.pid), ("edge", bench.node.edge_pid()))]
    try:
        print(json.dumps(bench.measure_lines() if os.environ.get("PERF_LINES") else bench.measure_gateway()))
    finally:
        for r in recorders:
            r.send_signal(signal.SIGINT)
            r.wait(60)


def rows_of(bench, relay):
    """What is measured, by name, in the order of the table."""
    world, node, open_loop = bench.world, bench.node, ("--rate", str(RATE))
    rows = {"nginx, 204": bench.measure_nginx}
    if Peer.installed():
        one, two = Peer(world, node, 1), Peer(world, node, 2)
        rows |= {"Node, 1 process": lambda: bench.measure_node(one), "Node, 2 processes": lambda: bench.measure_node(two),
                 "Node, open loop": lambda: bench.measure_node(one, *open_loop)}
    else:
        print("SKIP the service in Node.js: npm not found")
    rows |= {"gateway": bench.measure_gateway,
             "gateway, Idempotency-Key": lambda: bench.measure_gateway("-k"),
             "gateway, lines by 100": bench.measure_lines,
             "gateway, open loop": lambda: bench.measure_gateway(*open_loop),
             "nginx, fresh": lambda: bench.measure_nginx(*FRESH),
             "gateway, fresh": lambda: bench.measure_fresh(),
             "two gateways": lambda: measure_relay(relay)}
    only = tuple(filter(None, os.environ.get("ONLY", "").split(",")))
    return {name: measure for name, measure in rows.items() if not only or name == "nginx, 204" or name.startswith(only)}


def main():
    load_before = os.getloadavg()
    with World() as world, World() as pair:
        bench = Bench(world)
        bench.nginx = Nginx(world, bench.node)
        relay = Relay(pair, bench.body)
        try:
            bench.nginx.start()
            world.south.start()
            bench.check_one()
            if os.environ.get("PERF"):
                profile(bench, os.environ["PERF"])
                return
            pair.start()
            rows = rows_of(bench, relay)
            idle, stored, before = bench.memory(), bench.stored(), store_bytes(bench.node)
            figures = {name: [] for name in rows}
            for _ in range(ROUNDS):
                for name, measure in rows.items():
                    figures[name].append(measure())
                    time.sleep(0.2)
        finally:
            bench.nginx.stop()
        print(f"{CONNECTIONS} keep-alive connections, {len(bench.body)} bytes an envelope, medians of {ROUNDS} rounds of "
              f"{SECONDS} s, taken in turn; CPU: user and system time of all processes of the server, from /proc; open loop: "
              f"{RATE} a second, waits from when a request was due")
        print(f"{os.cpu_count()} processors, shared with the load generator and whatever else runs here; load average "
              f"{load_before[0]:.2f} before, {os.getloadavg()[0]:.2f} after")
        middle = medians(figures)
        table(middle)
        goals(middle)
        more = bench.stored() - stored
        if more > 0:
            print(f"\nbytes a record in the store: {(store_bytes(bench.node) - before) / more:.0f} at one gateway"
                  + (f", {middle['two gateways']['bytes']:.0f} at a sender, {middle['two gateways']['inbox_bytes']:.0f} at its recipient"
                     if "two gateways" in middle else ""))
        print(f"memory of both processes before the first record: {idle:.1f} MiB (proportional set size)")


if __name__ == "__main__":
    main()
