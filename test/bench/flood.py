"""One gateway under partners that send more than their share. Prints how much memory core and edge have before, at the
worst and ten seconds after 60 batches of 1,000 refused lines, and how long another partner waits for its answers, 100 a
second, alone and beside a flood. Loopback only, bounded in count and time; everything is stopped by pid and lies in one
temporary folder, which is removed.

    BATCHES, LINES, SECONDS in the environment change the run."""

import json
import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import agreements  # noqa: E402  (their folder is named above)
from world import ROOT, Client, World  # noqa: E402

BATCHES = int(os.environ.get("BATCHES", "60"))
LINES = int(os.environ.get("LINES", "1000"))
SECONDS = float(os.environ.get("SECONDS", "8"))
IN_FLIGHT = 16
RATE = 100
TARGET = "/v1/agreements/bench/records"


def memory(pid):
    """MiB that a process has in memory of its own."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) / 1024


class Watch(threading.Thread):
    """The most that each process had, looked at often."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.most, self.over = pids, [0.0] * len(pids), threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            self.most = [max(m, memory(pid)) for m, pid in zip(self.most, self.pids)]

    def end(self):
        self.over.set()
        self.join()
        return self.most


class Flood:
    def __init__(self, world):
        self.world, self.node = world, world.south
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        world.agreement(agreements.passenger("bench", schema))
        self.certs = {}
        for name in ("flood", "quiet"):
            self.certs[name] = world.authority.leaf(name, f"spiffe://north.example/{name}")
            world.add_system(self.node, "north", f"north-{name}", self.certs[name][0])

    def client(self, name):
        return Client(self.world, self.node, *self.certs[name], timeout=120)

    @staticmethod
    def batch(record):
        return "\n".join([json.dumps(agreements.envelope(record), separators=(",", ":"))] * LINES)

    def send(self, body, again):
        """One client that sends the batch as long as `again` says so; how often it was answered, and how often told to wait."""
        client, done, told = self.client("flood"), 0, 0
        while again():
            try:
                status, fields, _ = client.request("POST", TARGET, body, content_type="application/x-ndjson")
            except OSError:
                told += 1
                time.sleep(0.2)
                continue
            if status == 200:
                done += 1
            else:
                told += 1
                time.sleep(min(1, int({k.lower(): v for k, v in fields.items()}.get("retry-after", "1"))))
        client.close()
        return done, told

    def batches(self):
        """All at once, each until it was answered."""
        body = self.batch({"locator": 1})
        results = []

        def one():
            state = {"left": True}

            def again():
                return state["left"]
            client, told = self.client("flood"), 0
            while again():
                try:
                    status, _, _ = client.request("POST", TARGET, body, content_type="application/x-ndjson")
                except OSError:
                    status = 0
                if status == 200:
                    state["left"] = False
                else:
                    told += 1
                    time.sleep(1)
            client.close()
            results.append(told)
        threads = [threading.Thread(target=one) for _ in range(BATCHES)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return sum(results)

    def paced(self, seconds):
        """The quiet partner's waits, milliseconds; several clients, so that one answer that is late holds no other up."""
        clients, waits, lock, begin = 8, [], threading.Lock(), time.monotonic() + 0.2
        record = agreements.passenger_record()
        body = json.dumps(agreements.envelope(record))

        def one(k):
            client = self.client("quiet")
            for i in range(k, int(seconds * RATE), clients):
                due = begin + i / RATE
                if time.monotonic() > begin + 2 * seconds:
                    break
                time.sleep(max(0.0, due - time.monotonic()))
                started = time.monotonic()
                status, _, answer = client.request("POST", TARGET, body)
                assert status == 201, answer
                with lock:
                    waits.append((time.monotonic() - started) * 1000)
            client.close()
        threads = [threading.Thread(target=one, args=(k,)) for k in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return sorted(waits)


def wait_text(waits):
    return f"p50 {statistics.median(waits):7.1f} ms   p99 {waits[int(len(waits) * 0.99) - 1]:7.1f} ms"


def main():
    with World() as world:
        flood = Flood(world)
        world.south.start()
        client = flood.client("quiet")
        assert client.post("bench", agreements.envelope(agreements.passenger_record()))[0] == 201
        client.close()
        time.sleep(1)
        if SECONDS:
            quiet = flood.paced(SECONDS)
            print(f"quiet:                {wait_text(quiet)}", flush=True)
            over = threading.Event()
            for title, record in (("refused lines", {"locator": 1}), ("released lines", agreements.passenger_record())):
                body, sums = flood.batch(record), []
                over.clear()
                threads = [threading.Thread(target=lambda: sums.append(flood.send(body, lambda: not over.is_set())))
                           for _ in range(IN_FLIGHT)]
                began = time.monotonic()
                for t in threads:
                    t.start()
                time.sleep(1)
                beside = flood.paced(SECONDS)
                over.set()
                took = time.monotonic() - began
                for t in threads:
                    t.join()
                done, told = (sum(s[k] for s in sums) for k in (0, 1))
                print(f"beside {title:15}{wait_text(beside)}   p99 {beside[int(len(beside) * 0.99) - 1] / quiet[int(len(quiet) * 0.99) - 1]:.1f} "
                      f"x quiet; {IN_FLIGHT} batches in flight, {done * LINES / took:.0f} lines/s, {told} told to wait", flush=True)
            world.south.stop()
            world.south.start()
            time.sleep(2)
        pids = [world.south.process.pid, world.south.edge_pid()]
        before = [memory(pid) for pid in pids]
        watch = Watch(pids)
        watch.start()
        told = flood.batches()
        most = watch.end()
        time.sleep(10)
        after = [memory(pid) for pid in pids]
        for name, a, b, c in zip(("core", "edge"), before, most, after):
            print(f"{name}: {a:6.1f} MiB before, {b:6.1f} at the most, {c:6.1f} ten seconds after ({c / a:.2f} of before)")
        print(f"{BATCHES} batches of {LINES} refused lines at once; {told} times told to come again")


if __name__ == "__main__":
    main()
