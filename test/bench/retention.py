"""What a million timers cost one gateway: its start-up, and the sweep of 100,000 that fall due at once beside full
ingest, whose latency is compared with that of the same run without sweeping. Two kinds: payloads that nobody fetched
(key slot overwritten, sealed record and inbox item deleted, log entry), and copies that end at the recipient (duty,
inbox item, log entry). Ingest is the whole job over mutual TLS, by the load generator. Loopback only, bounded in count
and time; the daemon is stopped by pid and everything lies in one temporary folder, which is removed.

TIMERS, DUE, SECONDS (of the measurement without sweeping), LEAD (seconds from a start to when the timers are due) and
CONNECTIONS in the environment change the run."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import agreements  # noqa: E402  (their folder is named above)
from world import BUILD, ROOT, World, run, write  # noqa: E402

LOAD, FILL = os.path.join(BUILD, "load"), os.path.join(BUILD, "fill")
TIMERS = int(os.environ.get("TIMERS", "1000000"))
DUE = int(os.environ.get("DUE", "100000"))
SECONDS = int(os.environ.get("SECONDS", "10"))
LEAD = int(os.environ.get("LEAD", "25"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "64"))
SWEEP_MOST = 300            # seconds: no longer is waited

GOAL_START = 2.0            # seconds
GOAL_SWEEP = 30.0           # seconds
GOAL_P99 = 2.0              # times that without sweeping


class Bench:
    def __init__(self, world):
        self.world, self.node = world, world.south
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        self.digest = agreements.digest_of(world.agreement(agreements.passenger("bench", schema)))
        # The other gateway does not run, and nobody is to wait for it.
        self.node.add_partner({"id": "north-gateway", "agency": "north", "jurisdiction": "XN", "roles": [],
                               "signers": ["signer-north.pem"]})
        self.feed = world.authority.leaf("feed", "spiffe://north.example/feed")
        world.add_system(self.node, "north", "north-feed", self.feed[0])
        body = json.dumps(agreements.envelope(agreements.passenger_record()), separators=(",", ":"))
        write(f"{world.folder}/bodies", body + "\n")
        self.store, self.keys = f"{self.node.folder}/store/gatewayd.db", f"{self.node.folder}/keys"

    def fill(self):
        """The agreement's text gets into the store by a start; then the rows, by the store's own verbs."""
        self.node.start()
        self.node.stop()
        run_long(FILL, "rows", self.store, self.keys, "bench", self.digest, str(TIMERS - DUE), str(DUE))

    def start(self):
        """Seconds from exec to ready."""
        began = time.monotonic()
        self.node.start()
        return time.monotonic() - began

    def load(self, seconds, warm=1):
        return subprocess.Popen(
            [LOAD, "-a", f"127.0.0.1:{self.node.port}", "-u", "/v1/agreements/bench/records", "--server-name",
             self.node.host, "--ca", self.world.authority.cert, "--cert", self.feed[0], "--private-key", self.feed[1],
             "-B", f"{self.world.folder}/bodies", "-c", str(CONNECTIONS), "-s", str(seconds), "-w", str(warm), "-k",
             "-p", str(self.node.process.pid)], stdout=subprocess.PIPE, text=True)

    def figures(self, load):
        out = load.communicate()[0]
        f = {name: float(value) for name, value in (line.split() for line in out.splitlines())}
        assert f.get("status_201") == f["requests"] and f["failed"] == 0, f
        return f

    def swept(self, due):
        """Whether nothing that was due by then is left; a look that costs the gateway nothing."""
        db = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)
        try:
            row = db.execute("SELECT min(due_ms) FROM timer WHERE held = 0 AND due_ms <= ?", (due,)).fetchone()
        finally:
            db.close()
        return row[0] is None

    def sweep(self, first):
        """A start with DUE timers from row `first` on due in LEAD seconds; figures before and while they are swept."""
        due = int((time.time() + LEAD) * 1000)
        run_long(FILL, "due", self.store, str(first), str(DUE), str(due))
        start = self.start()
        quiet = self.figures(self.load(SECONDS))
        wait = due / 1000 - time.time() - 1
        assert wait > 0, "the machine is too slow for this LEAD"
        time.sleep(wait)
        load = self.load(SWEEP_MOST)
        time.sleep(1)
        while not self.swept(due):
            assert time.time() - due / 1000 < SWEEP_MOST, "not swept in time"
            time.sleep(0.1)
        swept = time.time() - due / 1000
        load.send_signal(signal.SIGTERM)
        busy = self.figures(load)
        self.node.stop()
        return {"start": start, "quiet": quiet, "busy": busy, "swept": swept}


def run_long(*words):
    subprocess.run(words, check=True, timeout=600)


def line(name, f, base=None, swept=None):
    rest = "" if base is None else f"{swept:9.1f}{f['requests_per_second'] / base['requests_per_second']:10.2f}" \
                                   f"{f['p99_us'] / base['p99_us']:10.2f}"
    print(f"{name:44}{f['requests_per_second']:9.0f}{f['p50_us'] / 1000:9.2f}{f['p99_us'] / 1000:9.2f}{rest}")


def main():
    load_before = os.getloadavg()
    with World() as world:
        bench = Bench(world)
        bench.fill()
        starts = []
        for _ in range(3):
            starts.append(bench.start())
            bench.node.stop()
        payloads = bench.sweep(TIMERS - DUE + 1)
        copies = bench.sweep(1)
        size = os.path.getsize(bench.store)
    print(f"{TIMERS} timers, {DUE} of them due at once, {size / 2**20:.0f} MiB of store; {CONNECTIONS} keep-alive connections")
    print(f"{os.cpu_count()} processors, shared with the load generator and whatever else runs here; load average "
          f"{load_before[0]:.2f} before, {os.getloadavg()[0]:.2f} after")
    print(f"\nstart-up, exec to ready: {', '.join('%.2f' % s for s in sorted(starts))} s (goal <= {GOAL_START:.0f})")
    print(f"\n{'':44}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'sweep s':>9}{'rate x':>10}{'p99 x':>10}")
    for name, f in (("payloads never fetched", payloads), ("copies at their end", copies)):
        line("ingest without sweeping", f["quiet"])
        line(f"  beside the sweep of {name}", f["busy"], f["quiet"], f["swept"])
    print(f"{'goal':44}{'':27}{'<= %.0f' % GOAL_SWEEP:>9}{'':10}{'<= %.0f' % GOAL_P99:>10}")


main()
