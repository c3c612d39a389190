"""What a request costs the kernel: system calls and context switches of core and edge, by 64 keep-alive connections that wait for
their answers, by an open loop, and by a connection for each request; and how long syncs hold each thread up, which is what
the longest waits are made of. Switches and CPU time are read from /proc without anything in the way; calls are counted by strace,
which slows all of it down: of those only the number a request means something. Loopback only, bounded in count and time; all is
stopped by pid, and everything lies in one temporary folder, which is removed.

SECONDS, CONNECTIONS and RATE in the environment change the run."""

import os
import re
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
os.environ.setdefault("SECONDS", "3")

from gateway import CONNECTIONS, FRESH, RATE, SECONDS, Bench  # noqa: E402  (their folder is named above)
from world import World  # noqa: E402

WARM = 1                    # seconds that the load generator does not count, but asks in
LEAST = 0.01                # calls a request that are worth a line
SYNCS = ("fsync", "fdatasync")
LOADS = ((f"{CONNECTIONS} connections", ()), (f"open loop, {RATE} a second", ("--rate", str(RATE))), ("a connection each", FRESH))


def threads_of(pid):
    """By thread: switches that it made by itself, that it was made to, and CPU seconds."""
    found = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii") as f:
            switches = re.findall(r"voluntary_ctxt_switches:\s+(\d+)", f.read())
        with open(f"/proc/{pid}/task/{tid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        found[int(tid)] = (*map(int, switches), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    return found


class Calls:
    """strace on both processes while it lasts."""

    def __init__(self, bench, *how):
        self.files = {name: f"{bench.world.folder}/{name}.calls" for name in ("core", "edge")}
        pids = {"core": bench.node.process.pid, "edge": bench.node.edge_pid()}
        self.tracers = [subprocess.Popen(["strace", *how, "-f", "-q", "-o", self.files[name], "-p", str(pid)]) for name, pid in pids.items()]
        time.sleep(1)

    def end(self, name):
        for t in self.tracers:
            if t.poll() is None:
                t.send_signal(signal.SIGINT)
                t.wait(60)
        with open(self.files[name], encoding="ascii", errors="replace") as f:
            return f.read().splitlines()


def asked(figures):
    """Requests in all, those that were not counted too."""
    return figures["rate"] * (SECONDS + WARM)


def switches(bench, more):
    pids = {"core": bench.node.process.pid, "edge": bench.node.edge_pid()}
    before = {name: threads_of(pid) for name, pid in pids.items()}
    figures = bench.load(bench.node.port, pids["core"], *more)
    n = asked(figures)
    print(f"  {figures['rate']:.0f} a second, p50 {figures['p50']:.2f} ms, p99 {figures['p99']:.2f}, p99.9 {figures['p99.9']:.2f}; "
          f"CPU {figures['cpu']:.1f} us a request")
    print(f"  {'thread':14}{'switches: own':>14}{'forced':>9}{'CPU us':>9}")
    total = [0.0, 0.0]
    for name, pid in pids.items():
        for tid, now in sorted(threads_of(pid).items()):
            own, forced, cpu = (b - a for a, b in zip(before[name].get(tid, (0, 0, 0.0)), now))
            total = [total[0] + own / n, total[1] + forced / n]
            if cpu > 0:
                print(f"  {name} {tid:<9}{own / n:14.3f}{forced / n:9.3f}{cpu / n * 1e6:9.1f}")
    print(f"  {'all':14}{total[0]:14.3f}{total[1]:9.3f}")


def counted(bench, more):
    calls = Calls(bench, "-c")
    n = asked(bench.load(bench.node.port, bench.node.process.pid, *more))
    for name in ("core", "edge"):
        rows = [line.split() for line in calls.end(name)]
        found = {r[-1]: int(r[3]) / n for r in rows if len(r) >= 5 and r[3].isdigit()}
        total = found.pop("total", 0.0)
        print(f"  {name}: {total:.2f} calls a request: "
              + ", ".join(f"{call} {k:.2f}" for call, k in sorted(found.items(), key=lambda c: -c[1]) if k >= LEAST))


def syncs(bench, more):
    calls = Calls(bench, "-T", "-e", f"trace={','.join(SYNCS)}")
    bench.load(bench.node.port, bench.node.process.pid, *more)
    took = {}
    for line in calls.end("core"):
        m = re.match(rf"(\d+) .*\b({'|'.join(SYNCS)})\b.*<([\d.]+)>$", line)
        if m:
            took.setdefault((int(m[1]), m[2]), []).append(float(m[3]) * 1000)
    print(f"  {'syncs of core':28}{'count':>7}{'p50 ms':>9}{'p99 ms':>9}{'longest':>9}")
    for (tid, call), ms in sorted(took.items()):
        ms.sort()
        print(f"  {f'{tid} {call}':28}{len(ms):7}{statistics.median(ms):9.2f}{ms[int(len(ms) * 0.99)]:9.2f}{ms[-1]:9.2f}")


def main():
    before = os.getloadavg()[0]
    with World() as world:
        bench = Bench(world)
        bench.node.start()
        bench.load(bench.node.port, bench.node.process.pid, seconds=1)
        for name, more in LOADS:
            print(f"\n{name}", flush=True)
            switches(bench, more)
            counted(bench, more)
            if more != FRESH:
                syncs(bench, more)
    print(f"\n{os.cpu_count()} processors, shared with the load generator and whatever else runs here; load average {before:.2f} before, "
          f"{os.getloadavg()[0]:.2f} after")


main()
