"""Instructions of fixed scenarios (counts.c), counted by callgrind, against those that are recorded in counts.txt: more than 3 %
above fails. Only what lies in our own objects counts, for libraries come with the machine; OpenSSL is told which processor
it has all the same. No time is in it, so that it holds on a machine that is busy.

    counts.py PROGRAM [--record] [--show NAME]

--record writes counts.txt anew; --show prints where a scenario's instructions are: each object, then a function a line, libraries
too. CK_RUN_CASE=NAME runs one scenario alone."""

import collections
import os
import re
import subprocess
import sys
import tempfile

RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counts.txt")
ALLOWED = 1.03


def read(path):
    """Instructions by object and function of one dump (callgrind's format, https://valgrind.org/docs/manual/cl-format.html)."""
    names, costs, at, called = {"ob": {}, "fn": {}}, collections.Counter(), {"ob": "", "fn": ""}, False
    with open(path, encoding="utf-8") as f:
        for line in f:
            m = re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?", line)
            if m:
                behind, kind, number, name = m.groups()
                if name is not None:
                    names[kind][number] = name
                if not behind:
                    at[kind] = names[kind][number]
            elif line.startswith("calls="):
                called = True
            elif line[0] in "0123456789+-*":
                if not called and len(line.split()) > 1:
                    costs[(os.path.basename(at["ob"]), at["fn"])] += int(line.split()[1])
                called = False
    return costs


def count(program):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out"
        run = subprocess.run(["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", program],
                             env={**os.environ, "OPENSSL_ia32cap": ":", "CK_VERBOSITY": "minimal"}, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, check=False)
        if run.returncode != 0:
            sys.exit(f"counts.py: {program} fails:\n{run.stdout}{run.stderr}")
        done = [line.split() for line in run.stdout.splitlines() if re.fullmatch(r"[a-z]+ \d+", line)]
        return {name: (int(n), read(f"{out}.{k}")) for k, (name, n) in enumerate(done, 1)}


def main():
    program, options = sys.argv[1], sys.argv[2:]
    found = count(program)
    ours = {name: sum(c for (ob, _), c in costs.items() if ob == os.path.basename(program)) // n for name, (n, costs) in found.items()}
    if options[:1] == ["--record"]:
        with open(RECORDED, "w", encoding="ascii") as f:
            f.write("# Instructions in our own objects, by gcc -O2 of Debian 12; make bench-record writes it.\n")
            f.writelines(f"{name} {n}\n" for name, n in ours.items())
    if options[:1] == ["--show"]:
        n, costs = found[options[1]]
        objects = collections.Counter()
        for (ob, _), c in costs.items():
            objects[ob] += c
        print("".join(f"{c / n:10.0f}  {ob}\n" for ob, c in objects.most_common(8)))
        for (ob, fn), c in costs.most_common(150):
            print(f"{c / n:10.0f}  {ob:28.28} {fn}")
    with open(RECORDED, encoding="ascii") as f:
        recorded = dict(line.split() for line in f if not line.startswith("#"))
    bad = 0
    for name, n in ours.items():
        was = int(recorded.get(name, 0))
        bad += n > was * ALLOWED
        total = sum(found[name][1].values()) // found[name][0]
        print(f"{name:10} {n:8} instructions, recorded {was:8}: {100 * n / was - 100 if was else 0:+.1f} %, with libraries {total}")
    if bad or set(recorded) != set(ours):
        sys.exit("counts.py: more instructions than are recorded (+3 % are let pass): make them fewer, or say in the commit "
                 "what they are for and run `make bench-record`")


if __name__ == "__main__":
    main()
