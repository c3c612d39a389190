#!/usr/bin/env python3
"""That every test which doc/threat-model.md names is there, by file and case, and that every threat names one.
threats.py ROOT"""

import os
import re
import sys

NAMED = re.compile(r"`([a-z0-9_]+\.(?:c|py|sh|go))(?:::([a-z0-9_]+))?`")


def tests(root):
    """The paths of each file below test/ by its name."""
    found = {}
    for folder, _, names in os.walk(f"{root}/test"):
        for name in names:
            found.setdefault(name, []).append(f"{folder}/{name}")
    return found


def has(path, case):
    with open(path, encoding="utf-8") as f:
        return re.search(rf"(START_TEST\(|def ){case}\b", f.read()) is not None


def main(root):
    found, named, threats, bad = tests(root), 0, 0, []
    with open(f"{root}/doc/threat-model.md", encoding="utf-8") as f:
        lines = f.read().split("\n")
    in_threats = False
    for number, line in enumerate(lines, 1):
        if not line.startswith("|"):
            in_threats = False
        if line.startswith("| Threat "):
            in_threats = True
            continue
        if in_threats and not line.startswith("|---"):
            threats += 1
            if not NAMED.search(line.rstrip().rstrip("|").rsplit("|", 1)[-1]):
                bad.append(f"doc/threat-model.md:{number}: names no test")
        for file, case in NAMED.findall(line):
            named += 1
            paths = found.get(file, [])
            if not paths:
                bad.append(f"doc/threat-model.md:{number}: there is no test {file}")
            elif case and not any(has(path, case) for path in paths):
                bad.append(f"doc/threat-model.md:{number}: {file} has no case {case}")
    print("\n".join([*bad, f"threats: {threats}, tests named: {named}, missing: {len(bad)}"]))
    return 1 if bad or threats == 0 else 0


sys.exit(main(sys.argv[1]))
