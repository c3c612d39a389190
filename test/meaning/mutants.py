#!/usr/bin/env python3
"""Turns every condition of the code that decides, one at a time, and asks whether anybody notices: first the comparison
with meaning.py (its answers are taken once), then the unit tests of the rooms. Mutants: `if (c)` made never, always and
the contrary; `&&` and `||` exchanged; each comparison turned. Left out are conditions that say only that memory ran out,
for which check_memory.c stands, and loops' own bounds. Works on copies of single objects in build/mutants; prints a line
for each mutant that nobody notices, then `N of M mutants are found (P %)`, and fails below 95 %.
Usage: mutants.py [--worlds N] [--seed S] [--every K] [--alone] [FILE…]"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import meaning
import random_world
import run

FILES = ["lib/transform/automaton.c", "lib/transform/order.c", "lib/policy/compile.c", "lib/policy/overlay.c", "lib/policy/clear.c",
         "lib/policy/floor.c", "lib/policy/approval.c", "lib/policy/conclude.c", "lib/policy/caveats.c"]
MEMORY = re.compile(r"memory|MEMORY|no_mem")
TURNED = {"==": "!=", "!=": "==", "<=": ">", ">=": "<", "<": ">=", ">": "<="}


# --- mutants ---

def code_only(text):
    """The text with comments, strings and preprocessor lines blanked; every place stays where it is."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m[0])
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])'|^#[^\n]*(?:\\\n[^\n]*)*", blank, text, flags=re.S | re.M)


def closing(code, at):
    """Place of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        if depth == 0:
            return i
    raise ValueError("unbalanced")


def about_memory(code, text, start, end):
    """Is this only about memory? The condition itself, or the statement behind it, says so."""
    return bool(MEMORY.search(text[start:end]) or MEMORY.search(text[end:text.find(";", end)]))


def spans_of(code, word):
    for m in re.finditer(rf"\b{word} \(", code):
        yield m.end() - 1, closing(code, m.end() - 1)


def mutants_of(text):
    """(place, length, what stands there instead)"""
    code = code_only(text)
    loops = [range(a, b) for a, b in spans_of(code, "for")]
    skipped = [range(a, code.find(";", b)) for a, b in spans_of(code, "if") if about_memory(code, text, a, b)]
    for a, b in spans_of(code, "if"):
        condition = text[a + 1:b]
        if not any(a in s for s in skipped):
            for instead in (f"!({condition})", f"0 && ({condition})", f"1 || ({condition})"):
                yield a + 1, b - a - 1, instead
    for m in re.finditer(r"&&|\|\||(?<=\s)(?:[=!]=|[<>]=?)(?=\s)", code):
        line = text[text.rfind("\n", 0, m.start()) + 1:text.find("\n", m.start())]
        if not any(m.start() in s for s in (*loops, *skipped)) and not MEMORY.search(line):
            yield m.start(), len(m[0]), {"&&": "||", "||": "&&"}.get(m[0]) or TURNED[m[0]]


# --- building and asking ---

def output(*words):
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout


class Bench:
    """Objects of the tree as they are, and programs that have one of them exchanged."""

    def __init__(self, build, worlds, seed, areas):
        self.build, self.folder = build, os.path.join(ROOT, "build", "mutants")
        os.makedirs(self.folder, exist_ok=True)
        self.areas, self.programs = areas, ["meaning-judge", *areas]
        subprocess.run(["make", "-s", "-j2", f"B={build}", *(f"{build}/{p}" for p in self.programs)], cwd=ROOT, check=True)
        self.links = {p: self.link_line(p) for p in self.programs}
        self.cases = {p: re.findall(r"C\((.*)\)", open(os.path.join(ROOT, build, "test", p[6:], "cases.h"), encoding="utf-8").read())
                      for p in areas}
        self.questions = os.path.join(self.folder, "questions")
        self.expected = self.ask_all(worlds, seed)

    def link_line(self, program):
        """The words that link it, as make would say them."""
        path = os.path.join(ROOT, self.build, program)
        lines = output("make", "-n", "V=1", f"B={self.build}", "-W", os.path.join(self.build, "lib_base.a"), f"{self.build}/{program}").splitlines()
        return next(l for l in lines if f"-o {self.build}/{program} " in l).split(), path

    def ask_all(self, worlds, seed):
        """What the gateway answers where meaning.py says the same: the answers that a mutant must not give alike."""
        judge = run.Judge(os.path.join(ROOT, self.build, "meaning-judge"))
        expected = []
        with open(self.questions, "w", encoding="utf-8") as f:
            for i in range(worlds):
                world = random_world.make(f"{seed}/{i}")
                if run.compare(world, judge)[0]:
                    continue
                f.write(json.dumps(run.question(world)) + "\n")
                expected.append(told(judge.ask(world)))
        judge.close()
        print(f"{len(expected)} of {worlds} worlds on which both opinions agree (seed {seed})", flush=True)
        return expected

    def linked(self, program, obj, out):
        words = [out if w == f"{self.build}/{program}" else w for w in self.links[program][0]]
        at = words.index(out) + 1
        return subprocess.run([*words[:at], obj, *words[at:]], cwd=ROOT, capture_output=True).returncode == 0

    def noticed(self, path, n, text):
        """Which of the two notices the mutant, `unbuilt` where it does not compile, or nothing."""
        source, obj = (os.path.join(self.folder, f"{n}.{e}") for e in ("c", "o"))
        program = os.path.join(self.folder, f"{n}.bin")
        try:
            with open(source, "w", encoding="utf-8") as f:
                f.write(text)
            flags = ["-I.", f"-I{os.path.dirname(path)}", "-D_GNU_SOURCE", "-include", "lib/base/banned.h", "-std=c17", "-O1", "-w", "-fPIE", "-pthread"]
            if subprocess.run(["cc", *flags, "-c", "-o", obj, source], cwd=ROOT, capture_output=True).returncode != 0:
                return "unbuilt"
            if self.linked("meaning-judge", obj, program) and self.answers_differ(program):
                return "meaning"
            for area in self.areas:
                if self.linked(area, obj, program) and self.tests_fail(area, program):
                    return "tests"
            return None
        finally:
            for name in (source, obj, program):
                if os.path.exists(name):
                    os.remove(name)

    def answers_differ(self, program):
        with open(self.questions, encoding="utf-8") as questions:
            judge = subprocess.Popen(["timeout", "60", program], stdin=questions, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            for expected in self.expected:
                line = judge.stdout.readline()
                if not line or told(json.loads(line)) != expected:
                    return True
            return False
        finally:
            judge.stdout.close()
            judge.kill()
            judge.wait()

    def tests_fail(self, area, program):
        for case in sorted(self.cases[area], key=lambda c: c in ("matrix", "memory")):
            if case == "memory":
                continue
            done = subprocess.run(["timeout", "120", program], cwd=ROOT, capture_output=True, env={**os.environ, "CK_RUN_CASE": case})
            if done.returncode != 0:
                return True
        return False


def told(answer):
    """What must not change: not the words of faults."""
    return answer["loads"], [(a["outcome"], sorted(set(a["reasons"])), a.get("record"), a.get("arrived")) for a in answer["answers"]]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--worlds", type=int, default=1500)
    options.add_argument("--seed", default="1")
    options.add_argument("--every", type=int, default=1, help="only each K-th mutant")
    options.add_argument("--alone", action="store_true", help="ask the comparison alone, not the unit tests")
    options.add_argument("--build", default="build/cc")
    options.add_argument("files", nargs="*", default=FILES)
    given = options.parse_args()
    bench = Bench(given.build, given.worlds, given.seed, [] if given.alone else ["check-transform", "check-policy"])
    todo = []
    for path in given.files:
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            text = f.read()
        todo += [(path, text, *m) for m in mutants_of(text)]
    todo = [(n, *t) for n, t in enumerate(todo)][::given.every]

    def try_one(job):
        n, path, text, at, length, instead = job
        return job, bench.noticed(path, n, text[:at] + instead + text[at + length:])

    tally = {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for (n, path, text, at, length, instead), who in pool.map(try_one, todo):
            counts = tally.setdefault(path, {"meaning": 0, "tests": 0, None: 0, "unbuilt": 0})
            counts[who] += 1
            if who is None:
                print(f"{path}:{text.count(chr(10), 0, at) + 1}: nobody notices `{' '.join(text[at:at + length].split())}` "
                      f"made `{' '.join(instead.split())}`", flush=True)
    found = alike = 0
    for path, counts in tally.items():
        found += counts["meaning"] + counts["tests"]
        alike += counts[None]
        print(f"{path}: {counts['meaning']} found by the comparison, {counts['tests']} by tests alone, {counts[None]} by nobody")
    total = found + alike
    print(f"{found} of {total} mutants are found ({100 * found // max(total, 1)} %)")
    return 0 if found >= 0.95 * total else 1


if __name__ == "__main__":
    sys.exit(main())
