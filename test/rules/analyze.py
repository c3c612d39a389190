#!/usr/bin/env python3
"""What gcc -fanalyzer and clang's analyser (the one that scan-build runs) found, as test/rules/analyze_one.sh left it in FOLDER.
What is no fault stands in test/rules/analyze.txt, with its reason; anything else fails: a finding, a file that an analyser could
not take or not end, and a line of the table that nothing finds any more. With FILES set these were looked at alone, and what is
left over in the table is no fault then.
analyze.py FOLDER FILE.c..."""

import collections
import os
import re
import sys

TABLE = "test/rules/analyze.txt"
FOUND = re.compile(r"^(?:\./)?([a-z][^: ]*):(\d+):\d+: warning: (.*) \[(-Wanalyzer-[a-z-]+|[a-zA-Z]+\.[a-zA-Z.]+)\]")
FUNCTION = re.compile(r"^[a-z].*[ *]([a-zA-Z0-9_]+)\(")
# gcc says of a place that it follows no further path from there: counted, for no C of this size is followed whole.
TOO_COMPLEX = "-Wanalyzer-too-complex"


def table():
    reasons = {}
    with open(TABLE, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                file, function, checker, why = line.split(None, 3)
                reasons[file, function, checker] = why
    return reasons


def function_of(file, number):
    """Which function a line is in: lines move, functions stay."""
    name = "?"
    with open(file, encoding="utf-8") as f:
        for line in f.read().split("\n")[:number]:
            m = FUNCTION.match(line)
            if m and not line.endswith(";"):
                name = m.group(1)
    return name


def read(folder, source, analyser):
    """What was found, (file, function, checker) to what is said of it; places that gcc left; how the run ended."""
    found, left = {}, set()
    with open(f"{folder}/{source[:-2]}.{analyser}", encoding="utf-8", errors="replace") as f:
        lines = f.read().strip().split("\n")
    for line in lines:
        m = FOUND.match(line)
        if not m:
            continue
        file, number, text, checker = m.group(1), int(m.group(2)), m.group(3), m.group(4)
        if checker == TOO_COMPLEX:
            left.add((file, number))
            continue
        # What is found in a header is named with the file that includes it.
        where = file if file == source else f"{file}@{source}"
        found[where, function_of(file, number), checker] = f"line {number}: {text}"
    return found, left, lines[-1]


def main(folder, files):
    reasons, seen, bad, explained = table(), set(), 0, 0
    ends, left = collections.Counter(), 0
    for source in files:
        for analyser in ("gcc", "clang"):
            found, places, end = read(folder, source, analyser)
            left += len(places)
            ends[analyser, end] += 1
            if end in ("unseen", "failed"):
                found[source, "-", f"{analyser}-{end}"] = "longer than the limit" if end == "unseen" else "it did not compile"
            for key, text in sorted(found.items()):
                if key in reasons:
                    explained += key not in seen
                    seen.add(key)
                else:
                    bad += 1
                    print(*key, text)
    over = [] if os.environ.get("FILES") else sorted(set(reasons) - seen)
    for key in over:
        print("nothing finds any more:", *key)
    for analyser, name in (("gcc", "gcc -fanalyzer"), ("clang", "clang --analyze")):
        whole, less = ends[analyser, "whole"], ends[analyser, "less"]
        print(f"{name}: {whole} files" + (f", {less} more with fewer paths" if less else "") +
              f", {len(files) - whole - less} not analysed")
    print(f"gcc follows no further path from {left} places of these")
    print(f"{bad + explained} findings, {explained} explained in {TABLE}, {bad} unexplained")
    sys.exit(1 if bad or over else 0)


main(sys.argv[1], sys.argv[2:])
