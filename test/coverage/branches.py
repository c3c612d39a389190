#!/usr/bin/env python3
"""Of the files on which most rests: branches that no test takes. Each has its reason in test/coverage/reasons.txt, or fails; so does a
reason for what is taken by now. Reads what the programs of build/coverage have counted.
branches.py UNCOUNTED [FILE.c...]: gcovr's pattern of lines whose branches do not count; other files than those below are listed only."""

import json
import re
import subprocess
import sys

TABLE = "test/coverage/reasons.txt"
FILES = [
    "gatewayd/edge/http.c", "gatewayd/edge/http_body.c",                                                # the reader of HTTP
    "lib/json/tape.c", "lib/json/parser.c", "lib/json/parser_run.c", "lib/json/parser_keys.c", "lib/json/scan.c",  # the tape
    "lib/policy/decision.c", "lib/policy/decision_fail.c", "lib/policy/decision_json.c",                # what may leave, and why
    "gatewayd/core/commit/writer.c",
    "gatewayd/core/keys/keystore.c", "gatewayd/core/keys/slot_file.c", "gatewayd/core/keys/slot_mend.c",
    "gatewayd/core/keys/key_pool.c", "gatewayd/core/keys/key_lease.c",                                  # the store of payload keys
]
FUNCTION = re.compile(r"^[a-zA-Z].*[ *]([a-zA-Z0-9_]+)\(")


def table():
    """(file, function) to a list of [text of the line, how many branches, why, used]."""
    reasons = {}
    with open(TABLE, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if line.strip() and not line.startswith("#"):
                parts = line.rstrip("\n").split("\t")
                if len(parts) != 5 or not all(parts):
                    sys.exit(f"{TABLE}:{number}: is not file, function, number of branches, text of the line, why, with a tab between")
                file, function, count, text, why = parts
                reasons.setdefault((file, function), []).append([text, int(count), why, False])
    return reasons


def functions(lines):
    """The function that each line is in."""
    name, found = "-", []
    for line in lines:
        m = FUNCTION.match(line)
        if m and not line.rstrip().endswith(";"):
            name = m.group(1)
        found.append(name)
    return found


def counted(files, uncounted):
    words = ["gcovr", "--exclude-branches-by-pattern", uncounted, "--root", ".", "--object-directory", "build/coverage", "--json", "-"]
    for file in files:
        words += ["--filter", file]
    folders = sorted({"build/coverage/" + file.rsplit("/", 1)[0] for file in files})
    done = subprocess.run(words + folders, capture_output=True, text=True, check=True)
    return {f["file"]: f["lines"] for f in json.loads(done.stdout)["files"]}


def main(uncounted, chosen):
    reasons, all_branches, untaken, explained = table(), 0, 0, 0
    files = chosen or FILES
    found = counted(files, uncounted)
    for file in files:
        if file not in found:
            sys.exit(f"{file}: nothing was counted; run the tests of its room in build/coverage first")
        with open(file, encoding="utf-8") as f:
            lines = f.read().split("\n")
        of = functions(lines)
        for line in found[file]:
            branches = line["branches"]
            missing = sum(b["count"] == 0 for b in branches)
            all_branches += len(branches)
            untaken += missing
            number = line["line_number"]
            if not missing:
                continue
            text = lines[number - 1].strip()
            for reason in reasons.get((file, of[number - 1]), []):
                if reason[0] in text and missing <= reason[1]:
                    explained += missing
                    reason[3] = True
                    break
            else:
                print(f"{file}:{number}: {of[number - 1]}: {missing} of {len(branches)}: {text}")
    stale = [(file, function, text) for (file, function), rows in reasons.items() for text, _, _, used in rows
             if not used and file in files]
    for one in stale:
        print("all branches of it are taken:", *one)
    print(f"{len(files)} files: {all_branches} branches, {untaken} untaken, {explained} explained in {TABLE}, {untaken - explained} unexplained")
    return 1 if stale or untaken > explained else 0


sys.exit(main(sys.argv[1], sys.argv[2:]))
