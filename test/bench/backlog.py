"""A partner that was away comes back: a backlog of records waits at the sender's gateway, and drains to the partner's beside full
load of the sender's system. Prints how many records a second of the backlog arrived, and how long the sender's system waits for
its answers with the partner away and while the backlog drains. Loopback only, bounded in count and time; the gateways are
stopped by pid and everything lies in one temporary folder, which is removed.

N (records that wait), SECONDS (of the measurement before), CONNECTIONS and RATE (0: full load; else so many a second) in the
environment change the run."""

import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
os.environ.setdefault("SECONDS", "5")

import agreements  # noqa: E402  (their folder is named above)
from gateway import CONNECTIONS, LINES, LOAD, SECONDS, record  # noqa: E402
from relay import Relay, cpu_seconds  # noqa: E402
from world import World, wait_for  # noqa: E402

N = int(os.environ.get("N", "20000"))
RATE = int(os.environ.get("RATE", "0"))
MOST = 1200                 # seconds that the backlog may take to drain

GOAL_P99 = 20.0             # ms


class Backlog(Relay):
    def __init__(self, world):
        super().__init__(world, json.dumps(agreements.envelope(record()), separators=(",", ":")))
        # A record waits until its partner is back, however often it was tried.
        for node in world.nodes:
            node.change(limits={"handshakes_per_source": 100000, "handshakes_per_second": 100000})

    def load(self, seconds, *more):
        north = self.world.north
        process = subprocess.Popen(
            [LOAD, "-a", f"127.0.0.1:{north.port}", "-u", "/v1/agreements/relay/records", "--server-name", north.host, "--ca",
             self.world.authority.cert, "--cert", self.feed[0], "--private-key", self.feed[1], "-B", self.bodies, "-s", str(seconds),
             "--first", str(self.first), *more], stdout=subprocess.PIPE, text=True)
        self.first += 1000000
        return process

    @staticmethod
    def figures(process, status=201):
        out = process.communicate()[0]
        f = {name: float(value) for name, value in (line.split() for line in out.splitlines())}
        assert f.get(f"status_{status}") == f["requests"], f
        return f

    def waiting(self):
        return self.world.north.ask("status")["store"]["outbox"]

    def pile_up(self):
        """Posts N records, of which none can leave."""
        self.figures(self.load(600, "--batch", str(LINES), "--type", "application/x-ndjson", "-n", str(max(1, N // LINES)), "-c", "8"), 200)
        return self.waiting()

    def system(self, seconds):
        """The sender's system, as it posts while the backlog waits or drains."""
        return self.load(seconds, "-c", str(CONNECTIONS), "-w", "1", *(("--rate", str(RATE)) if RATE else ()))


def line(name, f):
    print(f"{name:34}{f['requests_per_second']:11.0f}{f['p50_us'] / 1000:9.2f}{f['p99_us'] / 1000:9.2f}{f['p99.9_us'] / 1000:9.2f}")


def main():
    before = os.getloadavg()[0]
    with World() as world:
        backlog = Backlog(world)
        world.north.start()
        world.south.start()
        backlog.figures(backlog.load(60, "-n", "1", "-c", "1"))
        wait_for(lambda: backlog.waiting() == 0)
        world.south.stop()
        away = backlog.figures(backlog.system(SECONDS))
        waiting = backlog.waiting()
        waiting = backlog.pile_up() if waiting < N else waiting
        system = backlog.system(600)
        time.sleep(1.5)
        waiting = backlog.waiting()
        cpu = cpu_seconds(world.north.process.pid)
        world.south.start()
        began, first = time.monotonic(), backlog.arrived()
        wait_for(lambda: backlog.arrived() - first >= waiting, MOST, 0.1)
        took = time.monotonic() - began
        cpu = (cpu_seconds(world.north.process.pid) - cpu) + cpu_seconds(world.south.process.pid)
        system.send_signal(signal.SIGTERM)
        beside = backlog.figures(system)
        rest, began = backlog.waiting(), time.monotonic()
        wait_for(lambda: backlog.waiting() == 0, MOST, 0.1)
        alone = time.monotonic() - began
    print(f"{waiting} records waited; {CONNECTIONS} keep-alive connections{f', {RATE} a second' if RATE else ''}; {os.cpu_count()} processors, shared by "
          f"both gateways, the load generator and whatever else runs here; load average {before:.2f} before, {os.getloadavg()[0]:.2f} after")
    print(f"\n{'the sender posts':34}{'records/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'p99.9':>9}")
    line("with the partner away", away)
    line("while the backlog drains", beside)
    print(f"{'goal':34}{'':20}{'<= %.0f' % GOAL_P99:>9}  {'reached' if beside['p99_us'] / 1000 <= GOAL_P99 else ''}".rstrip())
    print(f"\nthe backlog drained in {took:.1f} s beside that, {waiting / took:.0f} records/s")
    if rest > 0:
        print(f"what had come meanwhile, {rest} records, drained alone in {alone:.1f} s, {rest / max(alone, 0.1):.0f} records/s")
    print(f"CPU of both ends while it drained: {cpu / took:.2f} processors")


main()
