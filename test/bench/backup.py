"""What an hourly backup of a large store costs a gateway that serves: how long each part takes, its processor time, and the
latency of records posted meanwhile beside that of the same load without it. A store is filled by the store's own verbs; a
first backup writes all of it, then one an hour later, after some more records, what changed. Loopback only, bounded in
count and time; the daemon is stopped by pid and everything lies in one temporary folder, which is removed.

COPIES, PAYLOADS (rows), SECONDS (of the measurement without a backup) and CONNECTIONS in the environment change the run."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import agreements  # noqa: E402  (their folder is named above)
from world import BUILD, GATEWAYCTL, ROOT, World, run, write  # noqa: E402

LOAD, FILL = os.path.join(BUILD, "load"), os.path.join(BUILD, "fill")
COPIES = int(os.environ.get("COPIES", "200000"))
PAYLOADS = int(os.environ.get("PAYLOADS", "350000"))
SECONDS = int(os.environ.get("SECONDS", "15"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "4"))
MOST = 600                  # seconds: no longer is waited

GOAL_RUN = 30.0             # seconds
GOAL_P99 = 2.0              # times that without a backup


class Bench:
    def __init__(self, world):
        self.world, self.node = world, world.south
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        digest = agreements.digest_of(world.agreement(agreements.passenger("bench", schema)))
        # The other gateway does not run, and nobody is to wait for it.
        self.node.add_partner({"id": "north-gateway", "agency": "north", "jurisdiction": "XN", "roles": [],
                               "signers": ["signer-north.pem"]})
        self.feed = world.authority.leaf("feed", "spiffe://north.example/feed")
        world.add_system(self.node, "north", "north-feed", self.feed[0])
        write(f"{world.folder}/bodies", json.dumps(agreements.envelope(agreements.passenger_record()), separators=(",", ":")) + "\n")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            "/CN=keeper", "-keyout", f"{world.folder}/keeper.key", "-out", f"{world.folder}/keeper.pem")
        self.store = f"{self.node.folder}/store/gatewayd.db"
        self.node.start()
        self.node.stop()
        subprocess.run((FILL, "rows", self.store, f"{self.node.folder}/keys", "bench", digest, str(COPIES), str(PAYLOADS)),
                       check=True, timeout=MOST)
        self.node.start()

    def load(self, seconds):
        return subprocess.Popen(
            [LOAD, "-a", f"127.0.0.1:{self.node.port}", "-u", "/v1/agreements/bench/records", "--server-name", self.node.host,
             "--ca", self.world.authority.cert, "--cert", self.feed[0], "--private-key", self.feed[1], "-B",
             f"{self.world.folder}/bodies", "-c", str(CONNECTIONS), "-s", str(seconds), "-w", "1", "-k", "-p",
             str(self.node.process.pid)], stdout=subprocess.PIPE, text=True)

    @staticmethod
    def figures(load):
        f = {name: float(value) for name, value in (line.split() for line in load.communicate()[0].splitlines())}
        assert f.get("status_201") == f["requests"] and f["failed"] == 0, f
        return f

    def daemon_cpu(self):
        with open(f"/proc/{self.node.process.pid}/stat", encoding="ascii") as s:
            fields = s.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def back_up(self, loaded):
        """Seconds, processor seconds of the command and (without load) of the daemon, what it says, figures of the load."""
        load = self.load(MOST) if loaded else None
        if load:
            time.sleep(1.5)
        before, mine, began = self.daemon_cpu(), resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        words = (GATEWAYCTL, "-c", self.node.config, "-o", "json", "store", "backup", "--certificate", f"{self.world.folder}/keeper.pem",
                 f"{self.world.folder}/safe")
        said = json.loads(subprocess.run(words, check=True, timeout=MOST, capture_output=True, text=True).stdout)
        seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - mine.ru_utime - mine.ru_stime
        daemon = self.daemon_cpu() - before
        if load:
            load.send_signal(signal.SIGTERM)
        return {"seconds": seconds, "cpu": cpu, "daemon": daemon, "said": said, "load": self.figures(load) if load else None}


def line(name, r):
    print(f"{name:34}{r['seconds']:9.1f}{r['cpu']:9.1f}{r['daemon']:9.1f}{r['said']['pieces']:9}{r['said']['written']:9}")


def main():
    load_before = os.getloadavg()
    with World() as world:
        bench = Bench(world)
        size = os.path.getsize(bench.store)
        first = bench.back_up(False)
        quiet = bench.figures(bench.load(SECONDS))
        again = bench.back_up(False)
        beside = bench.back_up(True)
    print(f"{size / 2**20:.0f} MiB of store; {CONNECTIONS} keep-alive connections; {os.cpu_count()} processors, shared with whatever else "
          f"runs here; load average {load_before[0]:.2f} before, {os.getloadavg()[0]:.2f} after")
    print(f"\n{'':34}{'s':>9}{'CPU s':>9}{'daemon s':>9}{'pieces':>9}{'written':>9}")
    line("the first", first)
    line("an hour later", again)
    line("an hour later, beside ingest", beside)
    print(f"{'goal':34}{'<= %.0f' % GOAL_RUN:>9}")
    print(f"\n{'':34}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'p99 x':>9}")
    for name, f in (("ingest without a backup", quiet), ("ingest beside one", beside["load"])):
        print(f"{name:34}{f['requests_per_second']:9.0f}{f['p50_us'] / 1000:9.2f}{f['p99_us'] / 1000:9.2f}{f['p99_us'] / quiet['p99_us']:9.2f}")
    print(f"{'goal':34}{'':27}{'<= %.0f' % GOAL_P99:>9}")


main()
