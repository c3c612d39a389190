"""Confinement, seen from inside: a build with GATEWAY_PROBE, in which each thread of each process tries what it must
not be able to do (open and create files, sockets, exec, ptrace, memory to write and run) once it runs. Every thread
must report that all was refused. `make probe` builds it."""

import collections
import ctypes
import os
import re
import subprocess
import unittest

import world
from world import ROOT, World, read, sanitized, wait_for

LANDLOCK_CREATE_RULESET = 444
LANDLOCK_VERSION = 1
LINE = re.compile(r"^probe (edge|core): refused (\d+)/(\d+)$", re.MULTILINE)


def landlock_abi():
    return max(0, ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def probe_daemon():
    """The program, which is not built with a sanitizer: in such a build there is no seccomp."""
    folder = "build/probe" if sanitized() else os.path.relpath(world.BUILD, ROOT)
    # What the make around this test was asked for does not count.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SANITIZE", "CFLAGS")}
    done = subprocess.run(["make", "-s", f"B={folder}", "probe"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        raise AssertionError(f"the probe build failed\n{done.stdout}{done.stderr}")
    return os.path.join(ROOT, folder, "bin", "gatewayd-probe")


class Confine(unittest.TestCase):
    def setUp(self):
        if landlock_abi() == 0:
            self.skipTest("no Landlock in this kernel: files are not confined by path")

    def test_every_thread_is_refused(self):
        daemon = probe_daemon()
        with World() as w:
            north = w.north
            north.change(limits={"threads": 3})
            before, world.GATEWAYD = world.GATEWAYD, daemon
            try:
                north.start()
            finally:
                world.GATEWAYD = before
            running = {}

            def reports():
                """a line from each thread of both processes, once"""
                found = collections.defaultdict(list)
                running.update(core=threads(north.process.pid), edge=threads(north.edge_pid()))
                for role, refused, tried in LINE.findall(read(north.log)):
                    found[role].append((int(refused), int(tried)))
                return all(len(found[r]) == running[r] for r in running) and found
            found = wait_for(reports)
            self.assertGreaterEqual(running["edge"], 3)
            self.assertGreaterEqual(running["core"], 3 + 4, "workers, main, writer, mirror, anchor")
            self.assertNotIn("probe: could", read(north.log))
            for role, lines in found.items():
                for refused, tried in lines:
                    self.assertGreaterEqual(tried, 9 if role == "edge" else 10)
                    self.assertEqual(refused, tried, f"{role}: {read(north.log)}")
            refused = sum(r for lines in found.values() for r, _ in lines)
            tried = sum(t for lines in found.values() for _, t in lines)
            print(f"edge {running['edge']} threads, core {running['core']} threads: refused {refused}/{tried}")
