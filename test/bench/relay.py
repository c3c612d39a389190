"""The main deployment: a system posts to its agency's gateway, which delivers to the partner's gateway, whose inbox a system
reads. The load generator posts for a while; then what waits is let arrive. Prints how many records a second were
accepted and how many arrived, from the first post to the last arrival, and the CPU of all four processes a record.
Loopback only, bounded in count and time; the gateways are stopped by pid.

SECONDS, ROUNDS and CONNECTIONS in the environment change the run; PERF=FOLDER records with perf where the CPU of the four
processes goes."""

import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import agreements  # noqa: E402  (their folder is named above)
from world import BUILD, ROOT, World, run, wait_for, write  # noqa: E402

LOAD = os.path.join(BUILD, "load")
SECONDS = int(os.environ.get("SECONDS", "5"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "64"))
LONGEST = 120               # seconds that what was accepted may take to arrive


def cpu_seconds(pid):
    """User and system time of a process and of those that it started, from /proc."""
    def ticks(p):
        with open(f"/proc/{p}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        children = f.read().split()
    return (ticks(pid) + sum(ticks(c) for c in children)) / os.sysconf("SC_CLK_TCK")


def store_bytes(node):
    """What the database takes, pages that are free left out, those that still lie in the write-ahead log counted."""
    with open(node.config, encoding="utf-8") as f:
        path = os.path.join(node.folder, json.load(f)["store"])
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, "
                          "pragma_page_size").fetchone()[0]
    finally:
        db.close()


class Relay:
    def __init__(self, world, body):
        """`body`: an envelope with %d where the load generator puts a number."""
        self.world, self.body, self.first = world, body, 1000000
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        world.agreement(agreements.passenger("relay", schema))
        self.feed = world.authority.leaf("relay", "spiffe://north.example/relay")
        world.add_system(world.north, "north", "north-relay", self.feed[0])
        self.bodies = f"{world.folder}/relayed"
        write(self.bodies, body + "\n")

    def arrived(self):
        return self.world.south.ask("status")["since_start"]["released"]

    def measure(self, seconds=SECONDS):
        nodes = (self.world.north, self.world.south)
        stored = [store_bytes(n) for n in nodes]
        before, cpu, started = self.arrived(), [cpu_seconds(n.process.pid) for n in nodes], time.monotonic()
        out = run(LOAD, "-a", f"127.0.0.1:{nodes[0].port}", "-u", "/v1/agreements/relay/records", "--server-name", nodes[0].host,
                  "--ca", self.world.authority.cert, "--cert", self.feed[0], "--private-key", self.feed[1], "-B", self.bodies,
                  "-c", str(CONNECTIONS), "-s", str(seconds), "-w", "0", "-n", "1000000", "--first", str(self.first))[1]
        self.first = 1000000 + (self.first + 300000) % 7000000
        posted = {name: float(value) for name, value in (line.split() for line in out.splitlines())}
        assert posted.get("status_201") == posted["requests"], posted
        n = int(posted["requests"])
        early = self.arrived() - before
        wait_for(lambda: self.arrived() - before >= n, LONGEST)
        took = time.monotonic() - started
        wait_for(lambda: self.world.north.ask("status")["store"]["outbox"] == 0, LONGEST)
        north, south = [cpu_seconds(node.process.pid) - c for node, c in zip(nodes, cpu)]
        return {"records": n, "accepted_per_second": posted["requests_per_second"], "arrived_while_posting": early,
                "arrived_per_second": n / took, "cpu_us_per_record": (north + south) / n * 1e6,
                "north_us": north / n * 1e6, "south_us": south / n * 1e6,
                "north_bytes": (store_bytes(nodes[0]) - stored[0]) / n, "south_bytes": (store_bytes(nodes[1]) - stored[1]) / n}

    def signatures(self):
        """Signatures of checkpoints that both verified."""
        return sum(int(line.split()[1]) for node in (self.world.north, self.world.south)
                   for line in node.get_monitor("/metrics")[1].splitlines() if line.startswith("gatewayd_notes_verified_total"))


def profile(relay, folder):
    os.makedirs(folder, exist_ok=True)
    pids = {f"{node.agency}-{name}": pid for node in (relay.world.north, relay.world.south)
            for name, pid in (("core", node.process.pid), ("edge", node.edge_pid()))}
    recorders = [subprocess.Popen(["perf", "record", "-q", "-g", "--call-graph", "dwarf,4096" if os.environ.get("DWARF") else "fp",
                                   "-F", os.environ.get("HZ", "999"), "-o", f"{folder}/{name}.data", "-p", str(pid)])
                 for name, pid in pids.items()]
    try:
        print(json.dumps(relay.measure()))
    finally:
        for r in recorders:
            r.send_signal(signal.SIGINT)
            r.wait(60)


def row(figures):
    return {k: statistics.median(f[k] for f in figures) for k in figures[0]}


def main():
    from gateway import record
    with World() as world:
        relay = Relay(world, json.dumps(agreements.envelope(record()), separators=(",", ":")))
        world.start()
        if os.environ.get("PERF"):
            profile(relay, os.environ["PERF"])
            return
        figures = []
        for _ in range(ROUNDS):
            figures.append(relay.measure())
            print(json.dumps(figures[-1]), flush=True)
        mid = row(figures)
        print(f"{CONNECTIONS} connections, {len(relay.body)} bytes an envelope, medians of {ROUNDS} rounds of {SECONDS} s: accepted "
              f"{mid['accepted_per_second']:.0f}/s, arrived {mid['arrived_per_second']:.0f}/s, CPU of both ends "
              f"{mid['cpu_us_per_record']:.0f} us a record; load average {os.getloadavg()[0]:.2f}")
        n = sum(f["records"] for f in figures)
        print(f"signatures verified a record: {relay.signatures() / n:.4f}")


if __name__ == "__main__":
    main()
