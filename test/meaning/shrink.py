"""Makes a world in which two opinions differ as small as it gets: takes away one thing after the other as long as the
same kind of difference stays."""

import copy

import random_world


def parts(world):
    """Ways to make it smaller: functions that take something out of a copy of the world."""
    def without(path, key):
        def cut(w):
            at = w
            for step in path:
                at = at[step]
            del at[key]
        return cut

    def whole(name):
        def cut(w):
            w[name] = None
        return cut

    for name in ("floor", "overlay"):
        if world[name]:
            yield whole(name)
            for path, at in walk(world[name], (name,)):
                for key in list(at) if isinstance(at, dict) else range(len(at)):
                    if key != "version":
                        yield without(path, key)
    doc = world["agreement"]
    for name in ("rules", "exceptions", "purposes"):
        for i in range(len(doc[name]) if len(doc[name]) > (name != "exceptions") else 0):
            yield without(("agreement", name), i)
    for i, rule in enumerate(doc["rules"]):
        for key in ("when", "waiver", "subtree", "params"):
            if key in rule:
                yield without(("agreement", "rules", i), key)
    for i in range(len(world["envelopes"])):
        if len(world["envelopes"]) > 1:
            yield without(("envelopes",), i)
    if len(world["envelopes"]) == 1:
        for path, at in walk(world["envelopes"][0], ("envelopes", 0)):
            for key in list(at) if isinstance(at, dict) else range(len(at)):
                yield without(path, key)
    for name, s in world["schemas"].items():
        for path, at in walk(s, ("schemas", name)):
            if path[-1] == "properties" or "anyOf" in path[-1:]:
                for key in list(at) if isinstance(at, dict) else range(len(at)):
                    yield without(path, key)


def walk(value, path):
    if isinstance(value, (dict, list)):
        yield path, value
        for k, v in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(v, (*path, k))


def bound(world):
    """The agreement pins its schemas by digest."""
    digests = random_world.digests_of(world["schemas"])
    world["agreement"]["schemas"] = [{"name": n, "input": d} for n, d in digests.items()]


def smallest(world, found, differs, steps=600):
    """(world, difference); a world that one of the two cannot read at all is none."""
    again = True
    while again and steps > 0:
        again = False
        for cut in parts(world):
            steps -= 1
            candidate = copy.deepcopy(world)
            try:
                cut(candidate)
                bound(candidate)
                same = differs(candidate)
            except (KeyError, IndexError, AttributeError, StopIteration, TypeError, ValueError):
                continue
            if same and same[0] == found[0] and same[1] == found[1]:
                world, found, again = candidate, same, True
                break
            if steps <= 0:
                break
    return world, found
