"""What a slow disk leaves of a gateway's rate, and of that of a service in Node.js with the same job in part (peer/server.mjs): both
with a library loaded that has each sync take some milliseconds more (slow_sync.c), beside each other in the same run, 256
keep-alive connections. Loopback only, bounded in count and time; all are stopped by pid, and everything lies in temporary
folders, which are removed.

SYNC_MS (a list), SECONDS, ROUNDS and CONNECTIONS in the environment change the run."""

import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
os.environ.setdefault("SECONDS", "3")
os.environ.setdefault("ROUNDS", "2")
os.environ.setdefault("CONNECTIONS", "256")

from gateway import CONNECTIONS, ROUNDS, SECONDS, Bench  # noqa: E402  (their folder is named above)
from neighbours import Peer  # noqa: E402
from world import BUILD, World  # noqa: E402

SYNC_MS = [float(ms) for ms in os.environ.get("SYNC_MS", "0 1 5").split()]
LIBRARY = os.path.join(BUILD, "slow_sync.so")
GOAL = 1.5      # times the best Node


def slow(ms):
    """The words before a daemon's command."""
    return ("env", f"LD_PRELOAD={LIBRARY}", f"SLOW_SYNC_US={ms * 1000:.0f}")


def main():
    before = os.getloadavg()[0]
    figures = {}
    with World() as world:
        bench = Bench(world)
        bench.node.change(limits={"handshakes_per_source": 100000, "handshakes_per_second": 100000,
                                  "connections_per_peer": 2 * CONNECTIONS, "connections_per_source": 2 * CONNECTIONS})
        peers = {f"Node, {n} process{'es' if n > 1 else ''}": Peer(world, bench.node, n) for n in (1, 2)} if Peer.installed() else {}
        if not peers:
            print("SKIP the service in Node.js: npm not found")
        for _ in range(ROUNDS):
            for ms in SYNC_MS:
                bench.node.start(wrap=slow(ms))
                figures.setdefault((ms, "gateway"), []).append(bench.measure_gateway())
                bench.node.stop()
                for name, peer in peers.items():
                    peer.start(wrap=slow(ms))
                    try:
                        figures.setdefault((ms, name), []).append(bench.expect(201, peer.port, peer.process.pid))
                    finally:
                        peer.stop()
    print(f"{CONNECTIONS} keep-alive connections, medians of {ROUNDS} rounds of {SECONDS} s, taken in turn; {os.cpu_count()} processors, shared "
          f"with the load generator and whatever else runs here; load average {before:.2f} before, {os.getloadavg()[0]:.2f} after")
    print(f"\n{'a sync takes more':>18}  {'':20}{'records/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'rows/commit':>13}")
    for (ms, name), rounds in sorted(figures.items(), key=lambda f: f[0][0]):
        mid = {k: statistics.median(r[k] for r in rounds) for k in rounds[0]}
        print(f"{ms:15g} ms  {name:20}{mid['rate']:11.0f}{mid['p50']:9.2f}{mid['p99']:9.2f}{mid.get('rows', ''):>13}")
    for ms in SYNC_MS if peers else []:
        rate = {name: statistics.median(r["rate"] for r in rounds) for (m, name), rounds in figures.items() if m == ms}
        ratio = rate["gateway"] / max(rate[name] for name in peers)
        goal = f"  goal >= {GOAL}  {'reached' if ratio >= GOAL else ''}" if ms else ""
        print(f"{ms:g} ms: rate / best Node {ratio:.2f}{goal}".rstrip())


main()
