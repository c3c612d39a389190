"""Prints a record as it came in beside what left, leaf by leaf, and marks what was dropped or changed.
usage: compare.py ENVELOPE INBOX-PAGE"""

import json
import sys


def leaves(value, at=""):
    if isinstance(value, dict) and value:
        for k, v in value.items():
            yield from leaves(v, f"{at}/{k}")
    elif isinstance(value, list) and value:
        for i, v in enumerate(value):
            yield from leaves(v, f"{at}/{i}")
    else:
        yield at, value


def text(value):
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 38 else shown[:37] + "…"


def mark(before, after):
    if after is None:
        return "dropped"
    if after == before:
        return ""
    return "pseudonym" if str(after).startswith("p1.") else "transformed"


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        came = dict(leaves(json.load(f)["record"]))
    with open(sys.argv[2], encoding="utf-8") as f:
        left = dict(leaves(json.load(f)["items"][0]["record"]))
    print(f"{'':44}{'came in':40}{'left':40}")
    for at, before in came.items():
        after = left.get(at)
        print(f"{at:44}{text(before):40}{'' if after is None else text(after):40}{mark(before, after)}")
    extra = set(left) - set(came)
    if extra:
        sys.exit(f"compare: left, but never came in: {sorted(extra)}")


if __name__ == "__main__":
    main()
