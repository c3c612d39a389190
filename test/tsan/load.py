"""Two gateways with several workers each under what a day has at once: systems that post over kept connections and over
new ones, deliveries to the partner, an inbox that is fetched and acknowledged, reads, monitors, reloads and figures. For
check.sh, which looks at the logs afterwards; by itself it says how much of each was done, and fails where nothing was."""

import collections
import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import agreements  # noqa: E402  (their folder is named above)
from world import BUILD, ROOT, World, write  # noqa: E402

SECONDS = int(os.environ.get("SECONDS", "20"))
WORKERS = 4


def answered(node, times=12):
    """Its status. A slow program that still has work before it may take longer to answer than gatewayctl waits."""
    for _ in range(times - 1):
        try:
            return node.ask("status")
        except AssertionError:
            pass
    return node.ask("status")


class Load:
    def __init__(self, world):
        self.world, self.done, self.over = world, collections.Counter(), threading.Event()
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        world.agreement(agreements.passenger("load", schema))
        for node in world.nodes:
            node.change(limits={"threads": WORKERS})
        self.body = json.dumps(agreements.envelope(agreements.passenger_record()), separators=(",", ":"))
        write(f"{world.folder}/bodies", self.body + "\n")

    def generator(self):
        """Over kept connections; prints its figures."""
        cert, key = self.world.systems["north"]
        return subprocess.Popen(
            [f"{BUILD}/load", "-a", f"127.0.0.1:{self.world.north.port}", "-u", "/v1/agreements/load/records", "--server-name",
             self.world.north.host, "--ca", self.world.authority.cert, "--cert", cert, "--private-key", key, "-B",
             f"{self.world.folder}/bodies", "-c", "16", "-s", str(SECONDS), "-k"],
            stdout=subprocess.DEVNULL, env={**os.environ, "TSAN_OPTIONS": "report_bugs=0"})  # its own threads are not the matter

    def again(self, name, act, pause=0.0):
        """A thread that does it until the time is over."""
        def loop():
            while not self.over.wait(pause):
                try:
                    act()
                    self.done[name] += 1
                except (OSError, AssertionError, ValueError):
                    self.done[f"{name}, not taken"] += 1
        thread = threading.Thread(target=loop)
        thread.start()
        return thread

    def post_anew(self):
        client = self.world.client("north")
        status, _ = client.post("load", json.loads(self.body))
        client.close()
        assert status == 201, status

    def batch(self):
        client = self.world.client("north")
        status, _, _ = client.request("POST", "/v1/agreements/load/records", "\n".join([self.body] * 20),
                                      content_type="application/x-ndjson")
        client.close()
        assert status == 200, status

    def fetch(self):
        client = self.world.client("south")
        _, _, body = client.request("GET", "/v1/inbox?after=0")
        for item in json.loads(body)["items"][:5]:
            client.ack(item["id"])
        client.close()

    def reload(self):
        for node in self.world.nodes:
            node.process.send_signal(signal.SIGHUP)

    def run(self):
        w = self.world.start()
        threads = [self.again("posted over a new connection", self.post_anew), self.again("batches", self.batch),
                   self.again("inbox pages", self.fetch, 0.05), self.again("reloads", self.reload, 0.5),
                   self.again("figures", lambda: w.north.get_monitor("/metrics"), 0.1),
                   self.again("status", lambda: answered(w.south), 0.3)]
        generator = self.generator()
        time.sleep(SECONDS)
        self.over.set()
        for thread in threads:
            thread.join()
        generator.wait(60)
        status = answered(w.north)["since_start"]
        for name in ("released", "delivered"):
            self.done[name] = status[name]


def main():
    with World() as world:
        load = Load(world)
        load.run()
        print(", ".join(f"{name}: {n}" for name, n in sorted(load.done.items())))
        ended = [n.agency for n in world.nodes if n.process.poll() is not None]
        missing = [name for name in ("posted over a new connection", "batches", "inbox pages", "reloads", "figures", "status",
                                     "released", "delivered") if not load.done[name]]
        sys.exit(1 if ended or missing else 0)


main()
