"""Random agreements and records, judged by meaning.py and by the gateway's own code (judge.c, one process for all).
Prints the seed, and on a difference the case, made as small as it gets, with both answers.
Usage: run.py --judge PROGRAM [--agreements N] [--from I] [--records N] [--seed S]
--from: go on where a run of the same seed was ended."""

import argparse
import collections
import json
import queue
import random
import re
import subprocess
import sys
import threading

import codes
import meaning
import random_world
import shrink
from jsontext import canonical, parse, spelled

SECRET = "a secret for tests, 32 bytes long"[:32]
NOW_MS = 1780272000000  # 2026-06-01


def question(world):
    """A world as judge.c reads it: every document as the text that it is."""
    text = random_world.text_of
    return {"agreement": text(world["agreement"]), "floor": text(world["floor"]) if world["floor"] else "",
            "overlay": text(world["overlay"]) if world["overlay"] else "", "schemas": [text(s) for s in world["schemas"].values()],
            "envelopes": [spelled(e) for e in world["envelopes"]], "came": {i: text(c) for i, c in world["came"].items()},
            "now": NOW_MS, "secret": SECRET, **{kind: text(doc) for kind, doc in world["lists"].items()}}


class Judge:
    """The gateway's own code, asked a world a line."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, world):
        self.put(world)
        return self.get()

    def put(self, world):
        self.process.stdin.write(json.dumps(question(world)) + "\n")
        self.process.stdin.flush()

    def get(self):
        line = self.process.stdout.readline()
        if not line:
            raise Ended(f"the judge ended with {self.process.wait()}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Ended(Exception):
    pass


def matches(expected, got, classes):
    """The same value, where `expected` may hold forms of values that no one can foresee."""
    if isinstance(expected, meaning.Made):
        if not isinstance(got, str) or not re.fullmatch(expected.form, got):
            return False
        key = expected.same or object()
        return classes.setdefault(key, got) == got and classes.setdefault(("back", got), key) == key
    if isinstance(expected, dict) and isinstance(got, dict):
        return set(expected) == set(got) and all(matches(v, got[k], classes) for k, v in expected.items())
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(matches(a, b, classes) for a, b in zip(expected, got))
    return type(expected) is type(got) and expected == got


def shown(record):
    """A record that may hold forms, for people."""
    if isinstance(record, meaning.Made):
        return f"<{record.form}>"
    if isinstance(record, dict):
        return {k: shown(v) for k, v in record.items()}
    if isinstance(record, list):
        return [shown(v) for v in record]
    return record


RELEASE, REFUSAL, OTHER = "wrong release", "wrong refusal", "other difference"


def arrives_alike(overlay, record):
    """Whether the recipient's gateway, were the same overlay its own, would leave the record as it is: what an overlay
    makes of its own result is the same, but that null or a constant stands for each empty container."""
    constant = any(o["action"] in ("const", "null") and o.get("subtree") for o in (overlay or {}).get("rules", []))
    return not constant or not holds_empty(record)


def holds_empty(value):
    if isinstance(value, (dict, list)):
        return not value or any(map(holds_empty, value.values() if isinstance(value, dict) else value))
    return False


def difference(expected, got, overlay):
    """(kind, words) where one record's answers differ, or None."""
    if expected.outcome == "refused" or got["outcome"] == "refused":
        said = " ".join([*sorted(expected.reasons), "and", *sorted(set(got["reasons"]))])
        if expected.outcome != got["outcome"]:
            return (RELEASE if expected.outcome == "refused" else REFUSAL), f"{expected.outcome} and {got['outcome']}: {said}"
        return None if expected.reasons == set(got["reasons"]) else (OTHER, f"reasons {said}")
    record = parse(got["record"])
    if not matches(expected.record, record, {}):
        return RELEASE, "record"
    if expected.outcome != got["outcome"]:
        kind = REFUSAL if got["outcome"] == "held" else RELEASE if expected.outcome == "held" else OTHER
        return kind, f"{expected.outcome} and {got['outcome']}"
    if expected.caveats != got["caveats"]:
        return RELEASE, "caveats"
    if canonical(record) != got["record"]:
        return RELEASE, "not in the canonical form"
    if not matches(expected.beside, parse(got["beside"]), {}) or canonical(parse(got["beside"])) != got["beside"]:
        return RELEASE, "what leaves beside the record"
    if got["arrived"] != {"record": got["record"]} and arrives_alike(overlay, record):
        return REFUSAL, "the recipient's gateway"
    return None


def asked_ahead(judge, worlds):
    """(world, answer) of each; the judge thinks about the next ones meanwhile."""
    waiting = queue.Queue(50)

    def put_all():
        for world in worlds:
            waiting.put(world)
            judge.put(world)
        waiting.put(None)

    threading.Thread(target=put_all, daemon=True).start()
    for world in iter(waiting.get, None):
        yield world, judge.get()


def compare(world, got):
    """(kind, words, envelope's place or None, both answers) of the first difference, or None; and what happened. `got`: what
    the judge answers."""
    try:
        a = meaning.load(world["agreement"], world["floor"], world["overlay"], world["schemas"], SECRET.encode())
        a.lists, a.now_ms = world["lists"], NOW_MS
    except meaning.Fault as fault:
        why = f"loads, though {re.sub('[0-9]+', 'N', fault.args[0])} {fault.args[1].split('/')[0]}"
        return ((RELEASE, why, None, (str(fault), got["faults"])) if got["loads"] else None), []
    if not got["loads"]:
        why = re.sub("rule [^ :]+|\\(.*\\)|[0-9]+", "N", got["faults"][0])
        return (REFUSAL, f"does not load: {why}", None, ("loads", got["faults"])), []
    outcomes = []
    for i, (envelope, answer) in enumerate(zip(world["envelopes"], got["answers"])):
        came = world["came"].get(envelope.get("onward_of"), [])
        expected = meaning.decide(a, envelope, came)
        outcomes.append(expected.outcome)
        found = difference(expected, answer, world["overlay"])
        if not found and codes.onward(came) != answer["onward"]:
            found = RELEASE, "what came, passed on"
        if found:
            return (*found, i, (expected._replace(record=shown(expected.record)), answer)), outcomes
    return None, outcomes


def report(seed, world, found, judge):
    small, found = shrink.smallest(world, found, lambda w: compare(w, judge.ask(w))[0])
    print(f"\n{found[0]}: {found[1]} (world {seed})")
    for name in ("agreement", "floor", "overlay"):
        if name == "agreement":
            doc = {k: small["agreement"][k] for k in ("purposes", "tiers", "rules", "exceptions", "flows", "retention", "envelope") if k in small["agreement"]}
        else:
            doc = small[name]
        print(f"{name}: {json.dumps(doc, ensure_ascii=True)}")
    for name, s in small["schemas"].items():
        print(f"schema {name}: {json.dumps(s)}")
    if found[2] is not None:
        print(f"envelope: {spelled(small['envelopes'][found[2]])}")
    print(f"meaning: {found[3][0]}\ngateway: {json.dumps(found[3][1])}", flush=True)


EVERY = 5000  # agreements, after which the long run says that it is alive


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--judge", required=True)
    options.add_argument("--agreements", type=int, default=1000)
    options.add_argument("--from", dest="first", type=int, default=0)
    options.add_argument("--records", type=int, default=5)
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--show", type=int, default=3, help="differences that are made small and printed")
    given = options.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1 << 32)
    judge, counts, loaded = Judge(given.judge), {RELEASE: 0, REFUSAL: 0, OTHER: 0}, 0
    outcomes, kinds = {}, collections.Counter()
    worlds = (random_world.make(f"{seed}/{i}", given.records) for i in range(given.first, given.agreements))
    for i, (world, got) in enumerate(asked_ahead(judge, worlds), given.first):
        found, happened = compare(world, got)
        loaded += bool(happened)
        for o in happened:
            outcomes[o] = outcomes.get(o, 0) + 1
        if found:
            counts[found[0]] += 1
            kinds[found[:2]] += 1
            if kinds[found[:2]] == 1 and len(kinds) <= given.show:
                report(f"{seed}/{i}", world, found, Judge(given.judge))
        if (i + 1) % EVERY == 0 and i + 1 < given.agreements:
            print(f"{i + 1} agreements, {sum(counts.values())} differences (seed {seed})", flush=True)
    if judge.close() != 0:
        print("the judge ended with an error")
        return 1
    for (kind, words), n in kinds.most_common():
        print(f"{n} times {kind}: {words}")
    print(f"{loaded} load; " + ", ".join(f"{n} {o}" for o, n in sorted(outcomes.items())))
    print(f"{given.agreements - given.first} agreements, {sum(outcomes.values())} records: {counts[RELEASE]} wrong releases, "
          f"{counts[REFUSAL]} wrong refusals, {counts[OTHER]} other differences (seed {seed})")
    return 1 if any(counts.values()) or not outcomes.get("released-transformed") else 0


if __name__ == "__main__":
    sys.exit(main())
