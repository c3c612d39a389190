#!/usr/bin/env python3
"""Runs fuzz targets one after another and counts on in test/fuzz/RECORD.md what their own last lines say. See fuzz.mk, targets.

    run.py --check                                              the table fits the files
    run.py --programs DIR --seconds N [--sanitizers] [--length N] [NAME...]
                                                                libFuzzer's programs DIR/fuzz-NAME
"""
import argparse
import datetime
import fcntl
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RECORD = os.path.join(HERE, "RECORD.md")
# The C library gives memory back to the kernel again and again, which takes longer than most runs (mallopt(3)).
KEEPS = {"MALLOC_TRIM_THRESHOLD_": "1073741824", "MALLOC_TOP_PAD_": "16777216", "MALLOC_MMAP_THRESHOLD_": "33554432"}
COLUMNS = ["target", "executions", "with sanitizers", "seconds", "a second", "edges", "findings", "last run", "source"]
HEAD = """# What the fuzzers did
Written by `make fuzz` and `make fuzz-fast` (test/fuzz/run.py) from what libFuzzer printed at the end of each run; nobody edits it. Executions,
seconds and findings count on over all runs; how many a second are those of the last, the edges those of the last with sanitizers, if there was one.
Findings are inputs at which a target ended, of whatever cause: each is mended where it lay and stays in the corpus. The source is the last commit of
the target at the time of its last run, + with changes that were not committed.

"""


def table():
    rows = {}
    with open(os.path.join(HERE, "targets"), encoding="ascii") as lines:
        for line in lines:
            if re.match("[a-z]", line):
                name, links, length, least, dictionary, reader = line.split(None, 5)
                rows[name] = {"links": links, "length": int(length), "least": int(least), "dictionary": dictionary, "reader": reader.strip()}
    return rows


def check(rows):
    faults = []
    files = {f[5:-2] for f in os.listdir(HERE) if f.startswith("fuzz_") and f.endswith(".c")}
    corpora = set(os.listdir(os.path.join(HERE, "corpus")))
    dictionaries = {f[:-5] for f in os.listdir(os.path.join(HERE, "dict"))}
    for what, there in (("test/fuzz/fuzz_%s.c", files), ("test/fuzz/corpus/%s", corpora)):
        faults += [what % n + " is in no row of test/fuzz/targets" for n in sorted(there - rows.keys())]
        faults += [what % n + " is missing, which test/fuzz/targets names" for n in sorted(rows.keys() - there)]
    named = {r["dictionary"] for r in rows.values()} - {"-"}
    faults += [f"test/fuzz/dict/{n}.dict: one of test/fuzz/targets and test/fuzz/dict does not have it" for n in sorted(named ^ dictionaries)]
    for name in sorted(rows.keys() & corpora):
        folder = os.path.join(HERE, "corpus", name)
        sizes = {f: os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)}
        if not sizes:
            faults.append(f"test/fuzz/corpus/{name} is empty")
        faults += [f"test/fuzz/corpus/{name}/{f} is longer than the target's inputs" for f in sorted(sizes) if sizes[f] > rows[name]["length"]]
    for fault in faults:
        print(fault)
    print(f"fuzz targets: {len(rows)} rows, {len(faults)} that do not fit")
    return not faults


def source_of(name):
    path = f"test/fuzz/fuzz_{name}.c"
    commit = subprocess.run(["git", "log", "-1", "--format=%h", "--", path], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    changed = subprocess.run(["git", "status", "--porcelain", "--", path], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    return (commit or "none") + ("+" if changed else "")


def number(text):
    return int(text.replace(",", ""))


def record(run, rows):
    """Adds a run to its row. Several runners may end at once."""
    with open(RECORD, "a+", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.seek(0)
        known = {}
        for line in f:
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if len(cells) == len(COLUMNS) and cells[0] in rows:
                known[cells[0]] = dict(zip(COLUMNS, cells))
        before = known.get(run["target"], {})
        row = dict(run)
        for column in ("executions", "with sanitizers", "seconds", "findings"):
            row[column] = f"{number(before.get(column, '0')) + run[column]:,}"
        # Builds with and without sanitizers have not the same edges.
        if not run["with sanitizers"] and before.get("with sanitizers", "0") != "0":
            row["edges"] = number(before["edges"])
        for column in ("a second", "edges"):
            row[column] = f"{row[column]:,}"
        known[run["target"]] = row
        text = HEAD + "| " + " | ".join(COLUMNS) + " |\n|---" + "|---:" * 6 + "|---|---|\n"
        for name in rows:
            if name in known:
                text += "| " + " | ".join(known[name][c] for c in COLUMNS) + " |\n"
        f.seek(0)
        f.truncate()
        f.write(text)


def fuzz(name, row, args):
    corpus = os.path.join(args.programs, "corpus", name)
    found = os.path.join(args.programs, "found", name)
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(found, exist_ok=True)
    before = set(os.listdir(found))
    command = [os.path.join(args.programs, "fuzz-" + name), f"-max_total_time={args.seconds}", f"-max_len={min(row['length'], args.length or row['length'])}", "-timeout=25",
               "-rss_limit_mb=2048", "-print_final_stats=1", "-report_slow_units=60", f"-artifact_prefix={found}/", corpus,
               os.path.join(HERE, "corpus", name)]
    if row["dictionary"] != "-":
        command.insert(1, f"-dict={HERE}/dict/{row['dictionary']}.dict")
    log = os.path.join(args.programs, f"found/{name}.log")
    started = time.monotonic()
    with open(log, "w", encoding="utf-8", errors="replace") as out:
        # What the sanitizer of undefined behaviour says is a finding, too.
        stops = dict(os.environ, UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1", **KEEPS)
        status = subprocess.run(["nice", "-n", str(args.nice)] + command, stdout=out, stderr=subprocess.STDOUT, env=stops, check=False).returncode
    took = max(1, round(time.monotonic() - started))
    with open(log, encoding="utf-8", errors="replace") as out:
        said = out.read()
    # A program that was killed, or that ended at a finding, says no totals; its last line of progress does.
    totals = re.findall(r"^stat::number_of_executed_units: (\d+)", said, re.M) or re.findall(r"^#(\d+)\t", said, re.M)
    edges = re.findall(r"\bcov: (\d+)", said)
    executions = int(totals[-1]) if totals else 0
    fresh = sorted(set(os.listdir(found)) - before)
    run = {"target": name, "executions": executions, "with sanitizers": executions if args.sanitizers else 0, "seconds": took,
           "a second": executions // took, "edges": int(edges[-1]) if edges else 0, "findings": len(fresh),
           "last run": datetime.date.today().isoformat(), "source": source_of(name)}
    record(run, args.rows)
    print(f"{name}: {executions:,} executions in {took} s, {run['edges']} edges, {len(fresh)} findings", flush=True)
    for f in fresh:
        print(f"  {found}/{f}")
    if status != 0 and not fresh:
        print(f"  ended with status {status}: see {log}")
    return status == 0 and not fresh


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--check", action="store_true")
    p.add_argument("--programs")
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("--length", type=int, default=0, help="of an input, where the table allows more")
    p.add_argument("--nice", type=int, default=15)
    p.add_argument("--sanitizers", action="store_true")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    rows = args.rows = table()
    if args.check:
        return 0 if check(rows) else 1
    for name in args.names:
        if name not in rows:
            sys.exit(f"{name}: no row of test/fuzz/targets")
    results = [fuzz(name, rows[name], args) for name in (args.names or rows)]
    print(f"{sum(results)} of {len(results)} targets ran without a finding")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
