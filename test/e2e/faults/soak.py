"""Two gateways at work for an hour under mixed faults: answers between them are lost all the time, and in turn nothing more, a file
system is full, a call fails, a daemon is killed. Prints a line a minute (memory and descriptors of the four processes, which
stay level between two kills; the store's size beside the bytes that its rows hold) and ends as the tests do: all that was
answered holds, once, and nothing waits.

usage: soak.py [seconds [seconds of a round]]        BUILD names the build"""

import contextlib
import errno
import os
import random
import re
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import disk                                                                     # noqa: E402
from load import AGREE, SLOT, Pair, Roles, Supervisor                           # noqa: E402
from proxy import between                                                       # noqa: E402

MIB = 1 << 20


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) / 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def sizes(pair, node):
    """Bytes of the store's file, of its rows, and of its free pages; key slots of the file."""
    held = 0
    for (table,) in pair.rows(node, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
        columns = [row[0] for row in pair.rows(node, f"SELECT name FROM pragma_table_info('{table}')")]
        row = " + ".join(f"coalesce(length(CAST({c} AS BLOB)), 0)" for c in columns)
        held += pair.rows(node, f"SELECT coalesce(sum({row}), 0) FROM {table}")[0][0]
    (page,), (pages,), (free,) = (pair.rows(node, f"PRAGMA {what}")[0] for what in ("page_size", "page_count", "freelist_count"))
    return page * pages, held, page * free, os.path.getsize(f"{node.folder}/keys/slots") // SLOT - 1


def line(pair, seconds, what):
    words = [f"{seconds:6.0f} s  {what:14}"]
    for n in pair.nodes:
        with contextlib.suppress(OSError, IndexError, StopIteration):
            core, edge = n.process.pid, n.edge_pid()
            file, held, free, slots = sizes(pair, n)
            words.append(f"{n.agency}: core {resident(core):5.1f} MiB {descriptors(core):3} fds, edge {resident(edge):5.1f} MiB "
                         f"{descriptors(edge):3} fds, store {file / MIB:6.1f} MiB, rows {held / MIB:6.1f} MiB ({file / held:4.2f}), "
                         f"free {free / MIB:4.1f} MiB, {slots} slots")
    words.append(f"{len(pair.ledger.answered('post'))} records")
    print("  ".join(words), flush=True)


def disturb(pair, faults, kind, lot):
    node = lot.choice(pair.nodes)
    if kind == "full":
        faults[node].full(True)
        time.sleep(2)
        faults[node].full(False)
    elif kind == "a call fails":
        faults[node].strike(lot.randrange(1, 200), lot.choice((errno.EIO, errno.ENOSPC)))
    elif kind == "kill":
        with contextlib.suppress(ProcessLookupError):
            node.process.kill()


def soak(pair, folder, seconds, round_seconds):
    faults = {n: disk.Faults(f"{folder}/{n.agency}.faults") for n in pair.nodes}
    wraps = [(disk.preload(n.folder, faults=faults[n].path),) for n in pair.nodes]
    proxies = [between(pair.north, pair.south), between(pair.south, pair.north)]
    for n in pair.nodes:
        n.change(space={"reserve_mib": 0})
    pair.start_both(*wraps)
    for p in proxies:
        p.lose, p.share = "some", 0.02
    supervisor, roles = Supervisor(pair, [wrap for wrap, in wraps]), Roles(pair, pace=0.1, keep=0, rotate_every=20)
    lot, kinds, began, rounds = random.Random(1), ("quiet", "quiet", "quiet", "full", "a call fails", "kill"), time.monotonic(), 0
    try:
        while time.monotonic() < began + seconds and not roles.failed and not supervisor.failed:
            kind = kinds[rounds % len(kinds)]
            disturb(pair, faults, kind, lot)
            time.sleep(round_seconds)
            line(pair, time.monotonic() - began, kind)
            rounds += 1
    finally:
        roles.stop.set()
        supervisor.stop.set()
        supervisor.thread.join()
        for p in proxies:
            p.lose = None
        for f in faults.values():
            f.strike(0, 0)
    roles.end()
    supervisor.end()
    for n in pair.nodes:
        if n.process.poll() is not None:
            n.start()
    figures = pair.settle(seconds=300, every=False)
    line(pair, time.monotonic() - began, "settled")
    for n in pair.nodes:
        n.stop()
    said = pair.verify()
    for p in proxies:
        p.close()
    print(f"{figures['posted']} records in {rounds} rounds, {sum(p.lost for p in proxies)} answers lost, started again by status "
          f"{dict(supervisor.starts)}: all there once, nothing stuck; {said}")
    return said


def main():
    seconds, round_seconds = (int(word) for word in (sys.argv[1:] + ["3600", "60"][len(sys.argv[1:]):]))
    with tempfile.TemporaryDirectory(prefix="gw-soak") as folder, Pair(hold=40, folder=folder) as pair:
        return 0 if re.search(AGREE, soak(pair, folder, seconds, round_seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
