"""One gateway beside nginx, driven by the same load generator in the same run; prints one table. The gateway does
the whole job: two processes, mutual TLS 1.3, a partner's raw record checked before and after its transformation,
three pseudonyms, sealed payload, inbox delivery, audit tree and receipt, synchronous=FULL. nginx answers 204 over
mutual TLS with the same certificates and reads nothing. Beside them two gateways, from one agency's system to the other's
inbox (relay.py): records that arrived a second, and the CPU of both. Loopback only, bounded in count and time; all are
stopped by pid and everything lies in temporary folders, which are removed.

SECONDS, ROUNDS and CONNECTIONS in the environment change the run; PERF=FOLDER records where the
gateway's CPU goes with perf (HZ samples a second; DWARF=1 for whole call graphs)."""

import glob
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import agreements  # noqa: E402  (their folder is named above)
from relay import Relay  # noqa: E402
from world import BUILD, ROOT, World, free_port, run, wait_for, write  # noqa: E402

LOAD = os.path.join(BUILD, "load")
SECONDS = int(os.environ.get("SECONDS", "5"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "64"))
REQUESTS = 1000000          # of one measurement, at most
TARGET = "/v1/agreements/bench/records"

GOAL_CPU = 3.5              # times nginx's
GOAL_RATE = 30000 / 93000   # of nginx's
GOAL_ROWS = 16              # of a commit
GOAL_BOTH = 12              # times nginx's, of two gateways
GOAL_ARRIVED = 0.9 * 8800   # a second; 8,800 are what a smaller job does in Node with group commit


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


class Nginx:
    """Debian's nginx, unpacked beside the rest where it is not installed: no service is started or left behind."""

    def __init__(self, world, node):
        self.folder, self.port, self.process = f"{world.folder}/nginx", free_port(), None
        os.makedirs(f"{self.folder}/temp")
        self.program = next((p for p in ("/usr/sbin/nginx", "/usr/bin/nginx") if os.access(p, os.X_OK)), None) or self.unpack()
        temp = "".join(f"  {kind}_temp_path {self.folder}/temp/{kind};\n"
                       for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        tls = f"{node.folder}/tls"
        write(f"{self.folder}/nginx.conf", f"""
daemon off;
worker_processes auto;
pid {self.folder}/pid;
error_log {self.folder}/error.log;
events {{ worker_connections 4096; }}
http {{
{temp}  access_log off;
  keepalive_requests 100000000;
  server {{
    listen 127.0.0.1:{self.port} ssl reuseport;
    ssl_protocols TLSv1.3;
    ssl_certificate {tls}/gateway.pem;
    ssl_certificate_key {tls}/gateway.key;
    ssl_client_certificate {tls}/authorities.pem;
    ssl_verify_client on;
    location / {{ return 204; }}
  }}
}}
""")

    def unpack(self):
        print("fetching Debian's nginx into the temporary folder", flush=True)
        fetch = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "nginx"]
        if run(*fetch, cwd=self.folder, ok=False)[0] != 0:
            root = [] if os.geteuid() == 0 else ["sudo"]
            run(*root, "apt-get", "-qq", "update")
            run(*fetch, cwd=self.folder)
        run("dpkg", "-x", glob.glob(f"{self.folder}/nginx_*.deb")[0], self.folder)
        return f"{self.folder}/usr/sbin/nginx"

    def start(self):
        self.process = subprocess.Popen([self.program, "-e", f"{self.folder}/error.log", "-p", self.folder, "-c",
                                         f"{self.folder}/nginx.conf"])

        def listening():
            if self.process.poll() is not None:
                raise AssertionError(f"nginx ended with {self.process.returncode}")
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.port)) == 0
        wait_for(listening)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Bench:
    def __init__(self, world):
        self.world, self.node = world, world.south
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        world.agreement(agreements.passenger("bench", schema))
        self.feed = world.authority.leaf("feed", "spiffe://north.example/feed")
        world.add_system(self.node, "north", "north-feed", self.feed[0])
        self.bodies = f"{world.folder}/bodies"
        self.body = json.dumps(agreements.envelope(record()), separators=(",", ":"))
        write(self.bodies, self.body + "\n")
        self.nginx = Nginx(world, self.node)
        self.first = 1000000

    def load(self, port, pid, *more, seconds=SECONDS):
        """One measurement: the load generator's figures by name."""
        out = run(LOAD, "-a", f"127.0.0.1:{port}", "-u", TARGET, "--server-name", self.node.host, "--ca",
                  self.world.authority.cert, "--cert", self.feed[0], "--private-key", self.feed[1], "-B", self.bodies,
                  "-c", str(CONNECTIONS), "-s", str(seconds), "-w", "1", "-n", str(REQUESTS), "--first", str(self.first),
                  "-p", str(pid), *more)[1]
        self.first += REQUESTS
        if self.first > 8000000:
            self.first = 1000000
        return {name: float(value) for name, value in (line.split() for line in out.splitlines())}

    def measure_nginx(self):
        figures = self.load(self.nginx.port, self.nginx.process.pid)
        assert figures.get("status_204") == figures["requests"], figures
        return figures

    def measure_gateway(self, *more):
        figures = self.load(self.node.port, self.node.process.pid, *more)
        assert figures.get("status_201") == figures["requests"], figures
        figures["rows"] = self.node.ask("status")["writer"]["median_rows_per_commit"]
        return figures

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
    return {"requests_per_second": f["arrived_per_second"], "cpu_us_per_request": f["cpu_us_per_record"]}


def table(figures):
    print(f"\n{'':28}{'requests/s':>11}{'CPU us/req':>11}{'p50 ms':>9}{'p99 ms':>9}{'rows/commit':>13}"
          f"{'rate/nginx':>12}{'CPU/nginx':>11}")
    base = figures["nginx, 204"]
    for name, f in figures.items():
        mid = {k: statistics.median(r[k] for r in f) for k in f[0]}
        f[0]["mid"] = mid
        rate = mid["requests_per_second"] / base[0]["mid"]["requests_per_second"]
        cpu = mid["cpu_us_per_request"] / base[0]["mid"]["cpu_us_per_request"]
        rows = f"{mid['rows']:.0f}" if "rows" in mid else ""
        waits = "".join(f"{mid[p] / 1000:9.2f}" if p in mid else f"{'':9}" for p in ("p50_us", "p99_us"))
        print(f"{name:28}{mid['requests_per_second']:11.0f}{mid['cpu_us_per_request']:11.1f}{waits}{rows:>13}{rate:12.2f}{cpu:11.2f}")
    print(f"{'goal':28}{'':40}{'>= ' + str(GOAL_ROWS):>13}{'>= %.2f' % GOAL_RATE:>12}{'<= %.1f' % GOAL_CPU:>11}")
    print(f"{'goal, two gateways':28}{'>= %d' % GOAL_ARRIVED:>11}{'':54}{'<= %.1f' % GOAL_BOTH:>11}")


def profile(bench, folder):
    """Where the CPU of core and edge goes: perf's call graphs, written under `folder`."""
    os.makedirs(folder, exist_ok=True)
    recorders = [subprocess.Popen(["perf", "record", "-q", "-g", "--call-graph", "dwarf,4096" if os.environ.get("DWARF") else "fp",
                                   "-F", os.environ.get("HZ", "1999"), "-o", f"{folder}/{name}.data", "-p", str(pid)])
                 for name, pid in (("core", bench.node.process.pid), ("edge", bench.node.edge_pid()))]
    try:
        print(json.dumps(bench.measure_gateway("-k")))
    finally:
        for r in recorders:
            r.send_signal(signal.SIGINT)
            r.wait(60)


def main():
    load_before = os.getloadavg()
    with World() as world, World() as pair:
        bench = Bench(world)
        relay = Relay(pair, bench.body)
        try:
            bench.nginx.start()
            world.south.start()
            bench.check_one()
            if os.environ.get("PERF"):
                profile(bench, os.environ["PERF"])
                return
            pair.start()
            names = {"nginx, 204": bench.measure_nginx, "gateway": bench.measure_gateway,
                     "gateway, Idempotency-Key": lambda: bench.measure_gateway("-k"),
                     "two gateways": lambda: measure_relay(relay)}
            figures = {name: [] for name in names}
            for _ in range(ROUNDS):
                for name, measure in names.items():
                    figures[name].append(measure())
                    time.sleep(0.2)
        finally:
            bench.nginx.stop()
        print(f"{CONNECTIONS} keep-alive connections, {len(bench.body)} bytes an envelope, medians of {ROUNDS} rounds of "
              f"{SECONDS} s, taken in turn; CPU: user and system time of all processes of the server, from /proc")
        print(f"{os.cpu_count()} processors, shared with the load generator and whatever else runs here; load average "
              f"{load_before[0]:.2f} before, {os.getloadavg()[0]:.2f} after")
        table(figures)


if __name__ == "__main__":
    main()
