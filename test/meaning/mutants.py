#!/usr/bin/env python3
"""Turns every condition of the code that decides, one at a time, and asks whether anybody notices: first the comparison
with meaning.py (its answers are taken once), then the unit tests of the rooms. Mutants: `if (c)` made never, always and
the contrary; `&&` and `||` exchanged; each comparison turned. Left out are conditions that say only that memory ran out,
for which check_memory.c stands, and loops' own bounds. Works on copies of single objects in build/mutants; prints a line
for each mutant that nobody notices and for each of EQUIVALENT, then `N of M mutants are found (P %)`, and fails below 95 %.
What each file gave is written to MUTANTS.md, unless --alone.
Usage: mutants.py [--worlds N] [--seed S] [--every K] [--jobs N] [--alone] [FILE…]"""

import argparse
import collections
import concurrent.futures
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import meaning
import random_world
import run

FILES = ["lib/transform/automaton.c", "lib/transform/order.c", "lib/policy/compile.c", "lib/policy/overlay.c", "lib/policy/clear.c",
         "lib/policy/floor.c", "lib/policy/approval.c", "lib/policy/conclude.c", "lib/policy/caveats.c", "lib/policy/domain.c",
         "lib/policy/beside.c", "lib/policy/consents.c"]
# Mutants that change nothing that anybody could notice: (file, words of the line, what is made what, why).
EQUIVALENT = [
    ("lib/policy/conclude.c", "justified_all = env->justifications", "`&&` made `||`",
     "without reasons no leaf is justified, and reasons that arrive are refused before (beside_take)"),
    ("lib/transform/automaton.c", "if (s.drop_all) {", "`s.drop_all` made `0 && (s.drop_all)`",
     "whoever walks the states ends at one that drops all; what is built beneath it is dropped as well"),
    ("lib/policy/approval.c", "if (!hex_decode(salt, own.b", "`||` made `&&`",
     "a salt of another length gives another digest than the stated one"),
    ("lib/policy/compile.c", "if (ok)", "`ok` made `1 || (ok)`", "a schema that was not added does not compile either"),
    ("lib/policy/compile.c", "if (out->kind == KIND_EGRESS)", "`out->kind == KIND_EGRESS` made `1 || (out->kind == KIND_EGRESS)`",
     "programs that only check derive keys that they never use"),
]
RECORD = os.path.join(HERE, "MUTANTS.md")
HEAD = """# What the mutants did
Written by `make mutants` (test/meaning/mutants.py) after each file; nobody edits it. A mutant is one condition of the file removed
or turned; `tried` says whether all of the file were, or each so-many-th. Found is what the comparison with the second implementation notices, or else a unit
test; the rest of the mutants change nothing, for the reason that stands in the table of mutants.py. The source is the last
commit of the file at the time, + with changes that were not committed.

"""
COLUMNS = ["file", "tried", "mutants", "by the comparison", "by tests alone", "by nobody", "change nothing", "found", "last run", "source"]
QUICK = ["-Wl,-S", *(["-fuse-ld=gold"] if shutil.which("ld.gold") else [])]  # of links, of which there are thousands
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
    """Is this only about memory? The condition itself, or the statement behind it, says so; or it is what was allocated just
    before."""
    condition, before = text[start + 1:end], text[max(start - 300, 0):start]
    names = [re.fullmatch(r"!?([\w>-]+)", part) for part in condition.split(" || ")]
    allocated = all(n and re.search(rf"{n[1]} = \w*alloc\(", before) for n in names)
    return bool(allocated or MEMORY.search(condition) or MEMORY.search(text[end:text.find(";", end)]))


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
        self.tellers, self.finders = {}, {}  # of each file: which world, and which test case, found how many of its mutants
        self.worlds = self.ask_all(worlds, seed)

    def link_line(self, program):
        """The words that link it, as make would say them."""
        path = os.path.join(ROOT, self.build, program)
        lines = output("make", "-n", "V=1", f"B={self.build}", "-W", os.path.join(self.build, "lib_base.a"), f"{self.build}/{program}").splitlines()
        return next(l for l in lines if f"-o {self.build}/{program} " in l).split(), path

    def ask_all(self, worlds, seed):
        """(question, answer) where meaning.py says the same as the gateway: the answers that a mutant must not give alike."""
        judge = run.Judge(os.path.join(ROOT, self.build, "meaning-judge"))
        agreed = []
        for i in range(worlds):
            world = random_world.make(f"{seed}/{i}")
            answer = judge.ask(world)
            if not run.compare(world, answer)[0]:
                agreed.append((json.dumps(run.question(world)) + "\n", told(answer)))
        judge.close()
        print(f"{len(agreed)} of {worlds} worlds on which both opinions agree (seed {seed})", flush=True)
        return agreed

    def linked(self, program, obj, out):
        words = [out if w == f"{self.build}/{program}" else w for w in self.links[program][0]]
        at = words.index(out) + 1
        return subprocess.run([*words[:at], *QUICK, obj, *words[at:]], cwd=ROOT, capture_output=True).returncode == 0

    def noticed(self, path, n, text):
        """Which of the two notices the mutant, `unbuilt` where it does not compile, or nothing."""
        source, obj = (os.path.join(self.folder, f"{n}.{e}") for e in ("c", "o"))
        program = os.path.join(self.folder, f"{n}.bin")
        try:
            with open(source, "w", encoding="utf-8") as f:
                f.write(text)
            flags = ["-I.", f"-I{os.path.dirname(path)}", "-D_GNU_SOURCE", "-include", "lib/base/banned.h", "-std=c17", "-O0", "-w", "-fPIE", "-pthread"]
            if subprocess.run(["cc", *flags, "-c", "-o", obj, source], cwd=ROOT, capture_output=True).returncode != 0:
                return "unbuilt"
            if self.linked("meaning-judge", obj, program) and self.answers_differ(program, path):
                return "meaning"
            for area in sorted(self.areas, key=lambda a: a[6:] not in path):
                if self.linked(area, obj, program) and self.tests_fail(area, program, path):
                    return "tests"
            return None
        finally:
            for name in (source, obj, program):
                if os.path.exists(name):
                    os.remove(name)

    def answers_differ(self, program, path):
        """Worlds that told most of the file's mutants so far first."""
        told_by = self.tellers.setdefault(path, collections.Counter())
        judge = subprocess.Popen(["timeout", "60", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            order = sorted(range(len(self.worlds)), key=lambda i: -told_by[i])
            threading.Thread(target=self.put_questions, args=(judge.stdin, order), daemon=True).start()
            for i in order:
                line = judge.stdout.readline()
                if not line or told(json.loads(line)) != self.worlds[i][1]:
                    told_by[i] += 1
                    return True
            return False
        finally:
            judge.terminate()
            judge.stdout.close()
            judge.wait()

    def put_questions(self, stdin, order):
        try:
            with stdin:
                for i in order:
                    stdin.write(self.worlds[i][0])
        except BrokenPipeError:
            pass  # it has ended, or need not think on

    def tests_fail(self, area, program, path):
        """Cases that found most of the file's mutants so far first, what is slow last."""
        found = self.finders.setdefault(path, collections.Counter())
        for case in sorted(self.cases[area], key=lambda c: (c == "matrix", -found[c], c not in path)):
            if case == "memory":
                continue
            if self.case_fails(program, case):
                found[case] += 1
                return True
        return False

    @staticmethod
    def case_fails(program, case):
        """Ends with the first test that fails."""
        lines = 0
        with subprocess.Popen(["timeout", "120", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace",
                              env={**os.environ, "CK_RUN_CASE": case, "CK_TAP_LOG_FILE_NAME": "-", "CK_VERBOSITY": "silent"}) as tests:
            for lines, line in enumerate(tests.stdout, 1):
                if line.startswith("not ok"):
                    tests.terminate()
                    return True
        if tests.returncode == 0 and lines < 2:
            raise ValueError(f"there is no test case {case}")
        return tests.returncode != 0


def told(answer):
    """What must not change: not the words of faults."""
    return answer["loads"], [(a["outcome"], sorted(set(a["reasons"])), a.get("record"), a.get("arrived")) for a in answer["answers"]]


def equivalent(path, text, at, made):
    """Why it changes nothing, by the table; or None."""
    line = text[text.rfind("\n", 0, at) + 1:text.find("\n", at)]
    return next((why for file, words, change, why in EQUIVALENT if file == path and words in line and change == made), None)


def source_of(path):
    said = (output("git", *words, "--", path).strip() for words in (("log", "-1", "--format=%h"), ("status", "--porcelain")))
    commit, changed = said
    return (commit or "none") + ("+" if changed else "")


def record(path, counts, every):
    """Puts the file's row in the place of the one before."""
    rows = {}
    if os.path.exists(RECORD):
        with open(RECORD, encoding="utf-8") as f:
            rows = {l.split("|")[1].strip(): l for l in f if l.startswith("| lib/")}
    by = counts["meaning"] + counts["tests"]
    all_of = by + counts[None]
    cells = [path, "all" if every == 1 else f"1 of {every}", all_of, counts["meaning"], counts["tests"], counts[None], counts["equivalent"], f"{100 * by / max(all_of, 1):.1f} %",
             datetime.date.today().isoformat(), source_of(path)]
    rows[path] = "| " + " | ".join(map(str, cells)) + " |\n"
    with open(RECORD, "w", encoding="utf-8") as f:
        f.write(HEAD + "| " + " | ".join(COLUMNS) + " |\n|---|---|" + "---:|" * 6 + "---|---|\n")
        f.writelines(rows[p] for p in FILES if p in rows)


def share(found, total):
    return f"{found} of {total} mutants are found ({100 * found / max(total, 1):.1f} %)"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--worlds", type=int, default=1500)
    options.add_argument("--seed", default="1")
    options.add_argument("--every", type=int, default=1, help="only each K-th mutant")
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--alone", action="store_true", help="ask the comparison alone, not the unit tests")
    options.add_argument("--build", default="build/cc")
    options.add_argument("files", nargs="*", default=FILES)
    given = options.parse_args()
    bench = Bench(given.build, given.worlds, given.seed, [] if given.alone else ["check-transform", "check-policy"])

    def try_one(job):
        n, path, text, at, length, instead = job
        return job, bench.noticed(path, n, text[:at] + instead + text[at + length:])

    def try_file(path):
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            text = f.read()
        counts, false = collections.Counter(), 0
        for (n, path, text, at, length, instead), who in pool.map(try_one, [(n, path, text, *m) for n, m in enumerate(mutants_of(text))][::given.every]):
            place = f"{path}:{text.count(chr(10), 0, at) + 1}"
            made = f"`{' '.join(text[at:at + length].split())}` made `{' '.join(instead.split())}`"
            why = equivalent(path, text, at, made)
            if why and who:
                print(f"{place}: {made} is listed as one that changes nothing, and was found: take it from the list", flush=True)
                false += 1
            elif why:
                print(f"{place}: {made} changes nothing: {why}", flush=True)
                who = "equivalent"
            elif who is None:
                print(f"{place}: nobody notices {made}", flush=True)
            counts[who] += 1
        if not given.alone:
            record(path, counts, given.every)
        return counts, false

    found = total = false = 0
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for path in given.files:
            counts, wrong = try_file(path)
            by = counts["meaning"] + counts["tests"]
            print(f"{path}: {share(by, by + counts[None])}; {counts['meaning']} by the comparison, {counts['tests']} by tests alone; "
                  f"{counts['equivalent']} more change nothing", flush=True)
            found, total, false = found + by, total + by + counts[None], false + wrong
    print(f"{share(found, total)}")
    return 0 if found >= 0.95 * total and not false else 1


if __name__ == "__main__":
    sys.exit(main())
