"""Runs every command of doc/handbook.md, in its order, on the two nodes of README's first hour; then the worked example of
doc/agreements.md. A block ```sh NODE is typed by that
node's operator, in the folder where both nodes are. What the service manager does a stand-in does (systemctl), and what a person
hears by telephone or has from elsewhere (digits, the keeper's key) is there. Prints what was run; fails at the first command that does.
Standard library."""

import os
import re
import stat
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "test", "first_hour"))
import first_hour  # noqa: E402

DOCUMENTS = ("doc/handbook.md", "doc/agreements.md")
# What the first command of a block says of what a gateway sends within seconds: a person is not so fast.
ON_ITS_WAY = "no announcement of a key after .* came"
SYSTEMCTL = """#!/bin/sh
# start|stop gatewayd: the node's whose configuration is meant
set -eu
node=$(dirname "$GATEWAYD_CONFIG")
case $1 in
start) gatewayd -c "$GATEWAYD_CONFIG" >>"$node.log" 2>&1 </dev/null & echo $! >"$node.pid" ;;
stop) kill "$(cat "$node.pid")"; while kill -0 "$(cat "$node.pid")" 2>/dev/null; do sleep 0.02; done ;;
*) exit 1 ;;
esac
"""


def blocks(document):
    """(chapter, node, commands) in order."""
    chapter, found, node, lines = "", [], None, []
    with open(f"{ROOT}/{document}", encoding="utf-8") as f:
        for line in f.read().splitlines():
            if line.startswith("```"):
                if node:
                    found.append((chapter, node, "\n".join(lines)))
                said = re.fullmatch(r"```sh (\w+)", line)
                node, lines = said.group(1) if said else None, []
            elif node:
                lines.append(line)
            elif line.startswith("## "):
                chapter = line[3:]
    return found


def commands(text):
    """How many a person types: lines that are none's continuation."""
    return sum(1 for line in text.splitlines() if line and not line.startswith(("    ", "#")))


class Handbook(first_hour.FirstHour):
    def begin(self):
        """The nodes of the first hour, under the stand-in, and the keeper of backups."""
        for node, line in first_hour.commands():
            if not line.endswith(" &"):
                self.run(node, line)
            else:
                self.run_block(node, "systemctl start gatewayd")
                self.served = True

    def __init__(self):
        super().__init__()
        os.mkdir(f"{self.folder}/bin")
        path = f"{self.folder}/bin/systemctl"
        with open(path, "w", encoding="ascii") as f:
            f.write(SYSTEMCTL)
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        self.env["PATH"] = f"{self.folder}/bin:{self.env['PATH']}"
        subprocess.run(("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                        "/CN=keeper of backups", "-addext", "keyUsage=critical,keyAgreement", "-keyout", f"{self.folder}/keeper.key",
                        "-out", f"{self.folder}/keeper.pem"), check=True, capture_output=True, timeout=60)

    def ready(self, node):
        pid = f"{self.folder}/{node}.pid"
        for _ in range(600):
            if not os.path.exists(pid):
                return
            with open(pid, encoding="ascii") as f:
                running = os.path.exists(f"/proc/{f.read().strip()}")
            if not running or self.shell(node, "gatewayctl status").returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"{node} does not serve{self.logs()}")

    def shell(self, node, text):
        return subprocess.run(("bash", "-e", "-c", text), cwd=self.folder, text=True, timeout=first_hour.SECONDS,
                              env={**self.env, "GATEWAYD_CONFIG": f"{node}/gatewayd.json"}, capture_output=True, stdin=subprocess.DEVNULL,
                              check=False)

    def run_block(self, node, text):
        # One paragraph at a time that starts the daemon: a person reads on when it serves.
        for part in re.split(r"(?m)(?<=start gatewayd)(?=\s)", text):
            done = self.shell(node, self.heard(part))
            for _ in range(200):
                if not done.returncode or not re.search(ON_ITS_WAY, done.stderr):
                    break
                time.sleep(0.1)
                done = self.shell(node, self.heard(part))
            if done.returncode != 0:
                raise AssertionError(f"{node}:\n{part}\nexit {done.returncode}\n{done.stdout}{done.stderr}{self.logs()}")
            for name, digits in re.findall(r"(?m)^([\w-]+)\.partner: fingerprint ([0-9 ]+)$", done.stdout):
                self.digits[name] = digits
            self.ready(node)

    def heard(self, line):
        line = super().heard(line)
        return re.sub(r"'([\w-]+) DIGITS'", lambda m: f"'{self.digits[m.group(1).lower()]}'", line)

    def close(self):
        for name in ("north", "south"):
            if os.path.exists(f"{self.folder}/{name}.pid"):
                self.shell(name, "systemctl stop gatewayd")
        super().close()


def run(document):
    """How many commands each chapter has; all were run."""
    book, counts = Handbook(), {}
    try:
        book.begin()
        for chapter, node, text in blocks(document):
            book.run_block(node, text)
            counts[chapter] = counts.get(chapter, 0) + commands(text)
    finally:
        book.close()
    return counts


def main():
    passed = 0
    for document in DOCUMENTS:
        for chapter, n in run(document).items():
            print(f"{document}, {chapter}: {n} commands")
            passed += 1
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()
