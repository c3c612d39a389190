#!/usr/bin/env python3
"""Code that no program reaches. Every archive is linked whole into gatewayd and into gatewayctl, the linker drops the
sections that nothing refers to (--gc-sections) and says which (--print-gc-sections); a function that both drop is dead, or
serves tests alone and stands with its reason in for_tests.txt, or is called in its own file alone and belongs there as
`static`. Usage: sections.py DAEMON.txt CTL.txt, each the linker's words. Prints each, then `sections: N unreferenced`."""

import os
import re
import sys

DROPPED = re.compile(r"removing unused section '\.text\.([^']+)' in file '([^']+)'")
# Of other projects' headers.
FOREIGN = re.compile(r"^_curl_")
# What the compiler made of a function: a copy for one use, a part that is rarely run.
CLONE = re.compile(r"\.(constprop|isra|part|cold|localalias)(\.\d+)*.*$")


def dropped(path):
    with open(path, encoding="utf-8") as f:
        return {(CLONE.sub("", name), where) for name, where in DROPPED.findall(f.read()) if ".a(" in where and not FOREIGN.match(name)}


def reasons():
    with open(f"{os.path.dirname(os.path.abspath(__file__))}/for_tests.txt", encoding="utf-8") as f:
        return {line.split()[0]: line.split(None, 1)[1:] for line in f if line.strip() and not line.startswith("#")}


def static_functions(root="."):
    """Names of static functions: one that is dropped went with its caller, or was inlined."""
    names = set()
    for top in ("lib", "gatewayd"):
        for folder, _, files in os.walk(f"{root}/{top}"):
            for name in files:
                if name.endswith((".c", ".h")):
                    with open(f"{folder}/{name}", encoding="utf-8") as f:
                        names.update(re.findall(r"^static [^;={]*?\b(\w+)\(", f.read(), re.M))
    return names


def main():
    daemon, ctl = dropped(sys.argv[1]), dropped(sys.argv[2])
    # The edge is linked into the daemon alone, the commands into gatewayctl alone.
    dead = daemon & ctl
    dead |= {d for d in daemon if "gatewayd_edge.a(" in d[1]} | {d for d in ctl if "gatewayd_ctl.a(" in d[1]}
    why, static = reasons(), static_functions()
    found = {name for name, _ in dead}
    bad = 0
    for name, where in sorted(dead):
        if name not in why and name not in static:
            print(f"{where}: {name} is reached by no program: remove it, make it static, or give its reason in for_tests.txt")
            bad += 1
    for name, words in sorted(why.items()):
        if not words:
            print(f"for_tests.txt: {name} has no reason")
            bad += 1
        elif name not in found:
            print(f"for_tests.txt: {name} is reached by a program, or gone: its line goes, too")
            bad += 1
    print(f"sections: {bad} unreferenced, {len(why)} for tests alone")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
