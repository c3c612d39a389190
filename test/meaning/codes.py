"""Handling and grading codes, and the caveats under which a record travels: written from doc/agreements.md and from the lists
that its owners publish."""

import random

LADDERS = {
    "europol-source": ["A", "B", "C", "X"], "europol-information": ["1", "2", "3", "4"], "europol-handling": ["H0", "H1", "H2", "H3"],
    "uk-3x5x2-source": ["1", "2", "3"], "uk-3x5x2-information": ["A", "B", "C", "D", "E"], "uk-3x5x2-handling": ["P", "C"],
    "admiralty-source": ["A", "B", "C", "D", "E", "F"], "admiralty-information": ["1", "2", "3", "4", "5", "6"],
    "tlp-2.0": ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"],
}
SCALES = list(LADDERS)
SIDE_BY_SIDE = {("europol-handling", v) for v in ("H1", "H2", "H3")}


def listed(code):
    """On its list, and in words where it is handling in words."""
    return code["value"] in LADDERS.get(code["scale"], []) and (code["value"] != "H3" or "text" in code)


def worth_less(code, other):
    """Whoever keeps `other` keeps `code`."""
    if code["scale"] != other["scale"] or code.get("text", other.get("text")) != other.get("text"):
        return False
    if code["value"] == other["value"]:
        return True
    ladder = LADDERS[code["scale"]]
    below = ladder.index(code["value"]) < ladder.index(other["value"])
    return below and (code["scale"], code["value"]) not in SIDE_BY_SIDE


def without_words(handling):
    """As they leave: words are those of H3 alone."""
    return [c if c["value"] == "H3" else {"scale": c["scale"], "value": c["value"]} for c in handling]


def said_by(codes, code):
    return any(worth_less(code, c) for c in codes)


def merge(*lists):
    """The strictest of all, each once, in the order of the lists."""
    codes = []
    for code in (c for l in lists for c in l):
        if code not in codes:
            codes.append(code)
    left = [c for c in codes if not any(o != c and worth_less(c, o) for o in codes)]
    return sorted(left, key=lambda c: (SCALES.index(c["scale"]), LADDERS[c["scale"]].index(c["value"]), c.get("text", "").encode()))


def onward(codes):
    """What they say to passing on: 0 nothing, 1 a person reads words or conditions, 2 the originator's permission, 3 no."""
    says = {("tlp-2.0", "RED"): 3, ("tlp-2.0", "AMBER+STRICT"): 3, ("europol-handling", "H2"): 2, ("europol-handling", "H3"): 1,
            ("uk-3x5x2-handling", "C"): 1}
    return max((says.get((c["scale"], c["value"]), 0) for c in codes), default=0)


# --- random ones ---

def one(r, sound):
    scale = r.choice(["europol-handling", "europol-handling", "tlp-2.0", "tlp-2.0", *SCALES])
    code = {"scale": scale, "value": r.choice(LADDERS[scale])}
    if not sound and r.random() < 0.03:
        code["value"] = r.choice(["H9", "red", "WHITE", "RED "])
    if r.random() < (0.95 if code["value"] == "H3" else 0.1) or (sound and code["value"] == "H3"):
        code["text"] = r.choice(["ask first", "not the press", "\u00e9"])
    return code


def some(r, sound=False, scales=None):
    codes = [one(r, sound) for _ in range(r.choice([1, 1, 2, 3, 5]))]
    return [c for c in codes if scales is None or c["scale"] in scales or r.random() < 0.05]


def add_to(world, seed):
    """Codes for a world that has none: in its agreement, its envelopes, and what they pass on. From a seed of their own, so
    that the rest of the world stays what it is."""
    r = random.Random(f"{seed}/codes")
    world["came"] = {}
    if r.random() < 0.5:
        return world
    doc = world["agreement"]
    scales = r.sample(SCALES, r.choice([1, 4, 6, 9])) + [r.choice(["europol-handling", "tlp-2.0"])]
    doc["handling"] = {"scales": sorted(set(scales))}
    if r.random() < 0.2:
        doc["handling"]["required"] = [r.choice(scales if r.random() < 0.97 else SCALES)]
    if r.random() < 0.6:
        doc["onward"]["caveats"] = some(r, r.random() < 0.9)
    for i, e in enumerate(world["envelopes"]):
        if r.random() < 0.6:
            e["handling"] = some(r, False, scales)
        if r.random() < 0.5:
            e["onward_of"] = f"01890a5d-ac96-774b-bcce-{i:012x}"
            world["came"][e["onward_of"]] = merge(some(r, True, scales))
    return world
