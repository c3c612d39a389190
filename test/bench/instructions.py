#!/usr/bin/env python3
"""What one record costs in instructions, by the steps of bench-policy, in another commit and in this tree: both are built
with the same bench program and run under callgrind, which counts the same on a busy machine as on an idle one. Fails when
the decision in one go (authorise, validate, transform, validate what leaves), or all steps together, cost more than the
limit. The rounds are few: nothing is measured that varies.
Usage: instructions.py COMMIT [--limit 1.10]"""

import argparse
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STEPS = ["read_envelope", "authorise", "check_input", "transform", "conclude", "check_output", "write_decision", "judge"]
CASES = ["the preset's example", "2 KB"]
TURNS = 20


def run(*words, cwd=ROOT):
    subprocess.run(words, cwd=cwd, check=True, stdout=subprocess.DEVNULL)


def checked_out(commit):
    """The folder that has the commit's files, made when it is not there."""
    name = subprocess.run(["git", "rev-parse", "--short", f"{commit}^{{commit}}"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    folder = os.path.join(ROOT, "build", "at", name)
    if not os.path.isdir(folder):
        os.makedirs(folder)
        archive = subprocess.Popen(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", folder], stdin=archive.stdout, check=True)
        if archive.wait():
            sys.exit(f"git cannot read {commit}")
    return folder


def built(tree):
    """The bench program of this tree with the libraries of that one."""
    bench = os.path.join("test", "bench", "bench_policy.c")
    if tree != ROOT:
        shutil.copy2(os.path.join(ROOT, bench), os.path.join(tree, bench))
    run("make", "-s", "-j2", "B=build/cc", "build/cc/bench-policy", cwd=tree)
    return os.path.join(tree, "build", "cc", "bench-policy")


def inclusive(text):
    """{function: instructions a call, with those of all that it calls} of those of STEPS; a file of callgrind's."""
    names, costs, calls, called, expect = {}, collections.Counter(), collections.Counter(), None, False
    for line in text.splitlines():
        if expect:
            costs[called] += int(line.split()[-1])
            expect = False
        elif m := re.match(r"c?fn=\((\d+)\)(?: (\S+))?", line):
            if m[2]:
                names[m[1]] = m[2].split("'")[0]
            if line.startswith("cfn"):
                called = names[m[1]]
        elif m := re.match(r"calls=(\d+)", line):
            calls[called] += int(m[1])
            expect = True
    return {step: costs[step] / calls[step] for step in STEPS}


def counted(program, tree, case):
    with tempfile.NamedTemporaryFile() as out:
        run("valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={out.name}", program, str(case), str(TURNS), cwd=tree)
        return inclusive(out.read().decode())


def main():
    options = argparse.ArgumentParser()
    options.add_argument("commit")
    options.add_argument("--limit", type=float, default=1.10)
    given = options.parse_args()
    trees = [(tree, built(tree)) for tree in (checked_out(given.commit), ROOT)]
    worst = 0
    for case, title in enumerate(CASES):
        was, now = (counted(program, tree, case) for tree, program in trees)
        for counts in (was, now):
            counts["all steps"] = sum(counts[s] for s in STEPS if s != "judge")
        print(f"{title}: instructions a record in {given.commit}, in this tree, and their ratio")
        for step in was:
            print(f"  {step:<14} {was[step]:9.0f} {now[step]:9.0f}  {now[step] / was[step]:.3f}")
        worst = max(worst, *(now[s] / was[s] for s in ("judge", "all steps")))
    print(f"the most of `judge` and `all steps`: {worst:.3f}, and the limit is {given.limit:.2f}")
    return 0 if worst <= given.limit else 1


if __name__ == "__main__":
    sys.exit(main())
