"""Of every document: that its links lead somewhere (files, headings), that each command of gatewayctl that it writes, in a line of code or in
the text, is one with the options that it has, and that the manual pages lint clean (mandoc). Prints what is wrong, and counts.
Standard library."""

import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build", "cc"))
PAGES = ("gatewayd.8", "gatewayctl.1")
# gatewayctl, at the beginning of a command, up to its end: a pipe, another command, a comment.
COMMAND = re.compile(r"(?:^|[|;&(`]\s*|\$\()\s*gatewayctl((?:[^|;&()#`'\"\n]|'[^'\n]*'|\"[^\"\n]*\"|\w\|\w)*)")


def tracked(*patterns):
    listed = subprocess.run(("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns), cwd=ROOT, check=True,
                            capture_output=True, timeout=60)
    return [f for f in listed.stdout.decode().split("\0") if f]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def anchors(path):
    """What a heading of the document is known by, as GitHub makes it."""
    found = set()
    for heading in re.findall(r"(?m)^#+ +(.*?) *$", re.sub(r"(?ms)^```.*?^```", "", read(path))):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return found


def bad_links(path):
    """(line, link, what is wrong)"""
    for number, line in enumerate(read(path).splitlines(), 1):
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if not os.path.exists(os.path.join(ROOT, target)):
                yield number, link, "no such file"
            elif anchor and anchor not in anchors(target):
                yield number, link, "no such heading"


def table():
    """The options of each command, by its words."""
    said = subprocess.run((f"{BUILD}/bin/gatewayctl", "-o", "json", "help"), check=True, capture_output=True, text=True, timeout=60)
    return {tuple(c["command"].split()): set(c["options"]) for c in json.loads(said.stdout)}


def lines_of(path):
    """(number, line) with what is continued joined."""
    number, held = 0, ""
    for i, line in enumerate(read(path).splitlines(), 1):
        number = number or i
        if line.endswith("\\"):
            held += line[:-1]
            continue
        yield number, held + line
        number, held = 0, ""


def wrong_with(words, known):
    """What is wrong with the words behind gatewayctl, or None; several commands in one are written a|b."""
    while words and words[0].startswith("-"):
        if words[0] in ("--version", "--help"):
            return None
        words = words[2:]
    if not words or words[0] in ("help", "COMMAND", "…") or words[-1] == "--help":
        return None
    for last in words[1].split("|") if len(words) > 1 else [""]:
        one, two = (words[0],), (words[0], last)
        if two in known:
            options, rest = known[two], words[2:]
        elif one in known:
            options, rest = known[one], words[1:]
        elif len(words) == 1 and any(k[0] == words[0] for k in known):
            continue
        else:
            return f"is no command: {' '.join(two)}"
        for option in (w for w in rest if re.match(r"--?[a-z]", w)):
            if option.split("=")[0] not in options:
                return f"has no option {option}: {' '.join(two)}"
    return None


def commands(path):
    for number, line in lines_of(path):
        for rest in COMMAND.findall(line):
            yield number, re.sub(r"'[^']*'|\"[^\"]*\"", "X", rest).replace("[", " ").replace("]", " ").split()


def lint_manuals():
    """Findings of mandoc, None where it is not installed."""
    if not shutil.which("mandoc"):
        return None
    found = []
    for page in PAGES:
        made = subprocess.run(f"scdoc <doc/{page}.scd | LC_ALL=C awk -f doc/man.awk | mandoc -T lint -W style", shell=True, cwd=ROOT, check=False,
                              capture_output=True, text=True, timeout=60)
        found += [f"{page}: {line}" for line in (made.stdout + made.stderr).splitlines()]
    return found


def council_page():
    """What the page of the council says of kinds of acts is what the program says, to the letter."""
    said = subprocess.run((f"{BUILD}/bin/gatewayctl", "council", "kinds"), capture_output=True, text=True, check=True, timeout=60).stdout
    return [] if said and read("doc/council.md").endswith("\n" + said) else [
        "doc/council.md: does not end with what `gatewayctl council kinds` prints: put that in its place"]


def main():
    known, documents = table(), tracked("*.md")
    links = [f"{d}:{n}: {link}: {what}" for d in documents for n, link, what in bad_links(d)]
    written = [(d, n, words) for d in documents if d != "CHANGELOG.md" for n, words in commands(d)]
    strange = [f"{d}:{n}: gatewayctl {wrong}" for d, n, words in written if (wrong := wrong_with(words, known))]
    manuals, council = lint_manuals(), council_page()
    for finding in [*links, *strange, *council, *(manuals or [])]:
        print(finding)
    print(f"{len(documents)} documents: {len(links)} links lead nowhere; {len(written)} commands, {len(strange)} of them are none")
    print("SKIP mandoc: it is not installed" if manuals is None else f"mandoc: {len(manuals)} findings in {len(PAGES)} manual pages")
    failed = sum(map(bool, (links, strange, council, manuals)))
    print(f"{(3 if manuals is None else 4) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
