"""Random sequences of acts, signed by random seats at random gateways, against a model of the rules that shares no line with the program: in
the end every act is in the same state in the model and at both gateways."""

import hashlib
import os
import random
import unittest
import uuid

from acting import COUNCIL, SEATS, world_with_council
from world import wait_for

SEQUENCES = int(os.environ.get("SEQUENCES", "20"))
SEED = int(os.environ.get("SEED", "20261201"))
BASES = 60     # of one agreement; each sequence is about a basis of its own, so that none extends another's


class Model:
    """The rules of doc/council.md, said once more: state by digest."""

    def __init__(self):
        self.acts = {}

    @staticmethod
    def full(seats):
        return len(seats) >= COUNCIL["threshold"] and all(any(SEATS[s][0] == c for s in seats) for c in COUNCIL["must_include"])

    def extends(self, act, seats):
        return any(a is not act and a["from"] and a["kind"] in ("veto", "suspend") and a["signed"] & seats and
                   (not a["exchange"] or not act["exchange"] or a["exchange"] == act["exchange"]) for a in self.acts.values())

    def show(self, digest, act, seats):
        known = self.acts.setdefault(digest, dict(act, signed=set(), state="open", **{"from": False}))
        if known["state"] in ("lifted", "ended") and known["kind"] != "lift":
            return
        if known["kind"] == "lift" and known["state"] != "ended":
            target = self.acts.get(known["lifts"])
            if not target or target["state"] not in ("provisional", "in-force") or target["kind"] == "terminate" or \
                    (target["kind"] == "veto" and target["state"] == "in-force" and target["exchange"]):
                if not known["signed"]:
                    del self.acts[digest]
                return
        known["signed"] |= seats
        if known["state"] == "ended":
            return
        seats = known["signed"]
        if known["kind"] == "lift":
            if self.full(seats):
                known["state"] = "ended"
                self.acts[known["lifts"]]["state"] = "lifted"
        elif self.full(seats):
            known["state"], known["from"] = "in-force", True
        elif known["state"] == "open" and not self.extends(known, seats):
            known["state"], known["from"] = ("provisional" if known["kind"] == "veto" else "in-force"), True


def more_bases(doc):
    base = doc["legal_bases"][0]
    doc["legal_bases"] += [dict(base, id=f"made-up-{i}") for i in range(BASES)]
    return doc


class Equal(unittest.TestCase):
    def sequence(self, council, model, rng, basis):
        acts = []
        for _ in range(rng.randint(3, 7)):
            if acts and rng.random() < 0.4:
                text, digest, act = rng.choice(acts)
            else:
                kind = rng.choice(("veto", "veto", "suspend", "suspend", "lift"))
                exchange = str(uuid.UUID(int=rng.getrandbits(128), version=4)) if kind == "veto" and rng.random() < 0.5 else None
                stops = [d for _, d, a in acts if a["kind"] != "lift"]
                if kind == "lift" and not stops:
                    continue
                lifts = rng.choice(stops) if kind == "lift" else None
                about = {} if kind == "lift" else {"legal_basis": basis} | ({"exchange": exchange} if exchange else {})
                text = council.act(kind, about, **({"lifts": lifts} if lifts else {}))
                act = {"kind": kind, "basis": basis, "exchange": exchange, "lifts": lifts}
                digest = None
            seats = set(rng.sample(sorted(SEATS), rng.randint(1, 3)))
            status, answer = council.show(text, *sorted(seats), node=rng.choice(("north", "south")))
            digest = digest or answer.get("act") or hashlib.sha256(text.encode()).hexdigest()
            if (text, digest, act) not in acts:
                acts.append((text, digest, act))
            self.shown.append((digest, act, frozenset(seats), status))
            model.show(digest, act, seats)
            # The next one is shown when both have this one: their order is the model's.
            wait_for(lambda: all(council.state(d, p) == model.acts.get(d, {}).get("state") for _, d, _ in acts for p in ("north", "south"))
                     or None, 10)

    def test_states_are_those_of_the_model(self):
        rng, n, states = random.Random(SEED), 0, {}
        while n < SEQUENCES:
            world, council = world_with_council(change=more_bases)
            try:
                world.start()
                for i in range(min(BASES, SEQUENCES - n)):
                    model, self.shown = Model(), []
                    try:
                        self.sequence(council, model, rng, f"made-up-{i}")
                    except AssertionError as wrong:
                        here = {p: {d[:8]: council.state(d, p) for d in model.acts} for p in ("north", "south")}
                        self.fail(f"seed {SEED}, sequence {n}: {wrong}; shown {self.shown}; model "
                                  f"{ {d[:8]: a['state'] for d, a in model.acts.items()} }; gateways {here}")
                    for act in model.acts.values():
                        states[act["state"]] = states.get(act["state"], 0) + 1
                    n += 1
            finally:
                world.close()
        print(f"acts: {n} random sequences (seed {SEED}): equal states at both gateways and in the model: "
              + ", ".join(f"{v} {k}" for k, v in sorted(states.items())))


if __name__ == "__main__":
    unittest.main()
