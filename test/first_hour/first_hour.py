"""The first hour as README.md has it: runs the commands of that chapter, as they stand there, in an empty folder, counts them
by node and the seconds up to the first exchange, and prints both. Only what a person hears by telephone (the digits of a
fingerprint) and the ports, which may be taken on this machine, are put in. Fails above eight commands a node. Standard library."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build", "cc"))
sys.path.insert(0, os.path.join(ROOT, "test", "e2e"))
from ports import free_port  # noqa: E402

MOST, SECONDS = 8, 60
CHAPTER = "## The first hour"


def commands():
    """Pairs of node and command, in order."""
    with open(f"{ROOT}/README.md", encoding="utf-8") as f:
        text = f.read()
    chapter = text.split(CHAPTER + "\n", 1)[1].split("\n## ", 1)[0]
    node, found = None, []
    for line in re.findall(r"(?m)^    (.*)$", chapter):
        said = re.match(r"# (\w+):", line)
        if said:
            node = said.group(1)
        elif node:
            found.append((node, line))
    return found


class FirstHour:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="first-hour.")
        self.ports = {"8443": str(free_port()), "8444": str(free_port())}
        self.digits, self.daemons, self.served = {}, [], False
        # In an environment without other settings of the project's; what a daemon needs of it is none.
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY")}
        self.env["PATH"] = f"{BUILD}/bin:{self.env['PATH']}"

    def heard(self, line):
        """The line with the digits that the other side read aloud, and ports that are free here."""
        for port, free in self.ports.items():
            line = line.replace(f":{port}", f":{free}")
        return re.sub(r"'(\w+) DIGITS'", lambda m: f"'{self.digits[m.group(1).lower()]}'", line)

    def run(self, node, line):
        command = self.heard(line)
        if command.endswith(" &"):
            log = open(f"{self.folder}/{node}.log", "ab")
            self.daemons.append(subprocess.Popen(command[:-2].split(), cwd=self.folder, env=self.env, stdout=log, stderr=log))
            log.close()
            self.served = True
            return ""
        # A person needs longer than this from one command to the next: the gateways serve by then, and what was sent has come.
        for _ in range(50 if self.served else 1):
            done = subprocess.run(command, shell=True, cwd=self.folder, env=self.env, capture_output=True, text=True,
                                  timeout=SECONDS, stdin=subprocess.DEVNULL, check=False)
            if done.returncode != 5 and not (command.endswith(" received") and not os.listdir(f"{self.folder}/received")):
                break
            time.sleep(0.1)
        if done.returncode != 0:
            raise AssertionError(f"{node}: {command}: exit {done.returncode}\n{done.stdout}{done.stderr}{self.logs()}")
        read = re.search(r"(?m)^(\w+)\.partner: fingerprint ([0-9 ]+)$", done.stdout)
        if read:
            self.digits[read.group(1)] = read.group(2)
        return done.stdout

    def logs(self):
        out = ""
        for name in ("north", "south"):
            path = f"{self.folder}/{name}.log"
            if os.path.exists(path):
                with open(path, encoding="utf-8") as f:
                    out += f"{name}: {f.read()[-2000:]}\n"
        return out

    def close(self):
        for d in self.daemons:
            d.send_signal(signal.SIGTERM)
        for d in self.daemons:
            try:
                d.wait(timeout=20)
            except subprocess.TimeoutExpired:
                d.kill()
                d.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    lines, hour = commands(), FirstHour()
    counts, began, first = {}, time.monotonic(), None
    try:
        for node, line in lines:
            counts[node] = counts.get(node, 0) + 1
            out = hour.run(node, line)
            if " send " in line:
                assert "1 taken" in out, out
                first = time.monotonic() - began
        got = os.listdir(f"{hour.folder}/received")
        assert got == ["1.json"], f"south fetched {got}"
        for name in ("north", "south"):
            log = f"gatewayctl audit verify --key {name}/audit.vkey {name}/store/gatewayd.db"
            hour.run(name, log)
    finally:
        hour.close()
    for node, n in sorted(counts.items()):
        print(f"{node}: {n} commands, of at most {MOST}")
    assert set(counts) == {"north", "south"} and max(counts.values()) <= MOST, counts
    assert first is not None, "nothing was sent"
    print(f"first exchange after {first:.1f} s of the machine's own time; the goal is {SECONDS}")
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
